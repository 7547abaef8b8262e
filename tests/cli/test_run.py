# SPDX-License-Identifier: GPL-3.0-or-later
"""run and attach on the simulator: statuses, what is left afterwards, what is refused."""

import json
import os

import pytest

FAST = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def run(gemel, *args, **more):
    return gemel.run(*FAST, "run", *args, **more)


@pytest.mark.parametrize("command, status", [("exit 0", 0), ("exit 3", 3), ("no-such-program", 127),
                                             ("kill -9 $$", 137)])
def test_the_status_is_the_commands_own(gemel, tmp_path, command, status):
    result = run(gemel, "--rm", "-r", tmp_path, "--", "sh", "-c", command)
    assert result.status == status, result


def test_output_and_errors_are_kept_apart(gemel, tmp_path):
    result = run(gemel, "--rm", "-r", tmp_path, "--", "sh", "-c", "echo said; echo wrong >&2")
    assert result.status == 0 and result.out == "said\n" and result.err == "wrong\n", result


def test_standard_input_reaches_the_command(gemel, tmp_path):
    result = run(gemel, "box", "-r", tmp_path, "cat", input="one\ntwo\n")
    assert result.status == 0 and result.out == "one\ntwo\n", result


@pytest.mark.parametrize("options, left", [(("--rm",), ""), ((), "stopped")])
def test_rm_leaves_nothing_and_without_it_the_container_stays(gemel, tmp_path, options, left):
    line = f"run {' '.join(options)} box -r {tmp_path} -- sh -c 'exit 0'; list --json"
    result = gemel.run(*FAST, "-c", line)
    assert result.status == 0, result
    found = {i["name"]: i["state"] for i in json.loads(result.out)["instances"]}
    assert found.get("box", "") == left, result


def test_detached_it_prints_the_name_and_runs_on(gemel, tmp_path):
    result = gemel.run(*FAST, "-c", f"run -d box -r {tmp_path} -- cat; list -q -f state=running box")
    assert result.status == 0 and result.out == "box\nbox\n", result


def test_every_act_of_it_is_on_record(gemel, tmp_path):
    assert run(gemel, "--rm", "box", "-r", tmp_path, "--", "true").status == 0
    with open(os.path.join(gemel.home, "audit.jsonl"), encoding="utf-8") as log:
        text = log.read()
    lines = [json.loads(line) for line in text.splitlines()]
    acts = [line["what"] for line in lines if line["event"] == "begin"]
    assert acts == ["create", "start", "attach", "delete"], text


@pytest.mark.parametrize("args, status, said", [
    (("-r", "/", "--", "true"), 2, "NAME is missing"),
    (("--rm", "-d", "-r", "/", "box"), 2, "--detach"),
    (("box",), 2, "--rootfs"),
    (("-r", "/", "-b", "nobody", "box"), 125, "nobody"),
    (("-r", "/", "lab-ct"), 125, "lab-ct"),
    (("-r", "/no/such/dir", "box"), 125, "/no/such/dir"),
])
def test_what_is_wrong_is_said(gemel, args, status, said):
    result = run(gemel, *args)
    assert result.status == status and said in result.err, result


def test_read_only_refuses_it(gemel, tmp_path):
    assert gemel.run(*FAST, "--read-only", "run", "--rm", "-r", tmp_path).status == 7


def test_attach_is_for_containers(gemel):
    result = gemel.run(*FAST, "attach", "lab-vm")
    assert result.status == 125 and "console lab-vm" in result.err, result
    assert gemel.run(*FAST, "attach", "nobody-here").status == 125


def test_attach_ends_with_the_status(gemel):
    result = gemel.run(*FAST, "attach", "lab-ct", input="exit 4\n")
    assert result.status == 4, result
