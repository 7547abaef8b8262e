# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of one-shot commands: streams, several processes, rotation, a full disk, hostile lines."""

import json
import os
import signal
import subprocess

import pytest

from harness.schemas import check

pytestmark = pytest.mark.quick

FAST = "sim:12,pace=0.05,whims=off,events=off"


@pytest.fixture
def log(gemel):
    """The path of the log, as the environment names it."""
    return gemel.env()["GEMEL_AUDIT_LOG"]


def lines(log):
    with open(log, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_a_command_inside_is_recorded_by_its_program_alone(gemel, log):
    gemel.run("--demo", "exec", "-e", "PIN=1", "lab-ct", "--", "echo", "--password", "hunter2")
    begin, end = lines(log)
    assert (begin["event"], begin["name"], end["event"], end["status"]) == ("begin", "lab-ct", "end", 0)
    assert begin["command"] == "exec --env PIN=*** lab-ct -- echo (and 2 more)"


def test_acts_are_chosen_by_names_backends_and_patterns(gemel):
    gemel.ok("--connect", FAST, "stop", "web-1")
    for word, n in (("web-1", 1), ("sim/web-1", 1), ("s*/web*", 1), ("s*", 0), ("other/web-1", 0)):
        assert len(gemel.json("audit", word)["acts"]) == n, word


def test_a_console_is_recorded(gemel, log):
    gemel.run("--demo", "console", "lab-vm")
    assert [(e["event"], e["what"]) for e in lines(log)] == [("begin", "console"), ("end", "console")]


def test_looking_is_not_recorded(gemel, log):
    gemel.ok("--demo", "list")
    gemel.ok("--demo", "stop", "web-1", "--dry-run")
    assert not os.path.exists(log)


def test_audit_shows_acts_with_their_results(gemel, log):
    gemel.run("--connect", FAST, "-c", "stop web-1; start lab-vm")
    shown = gemel.ok("audit").out
    assert "web-1" in shown and "done" in shown and "already running" in shown, shown
    acts = check("audit.json", gemel.json("audit"))["acts"]
    assert [(a["what"], a["event"]) for a in acts] == [("stop", "begin"), ("start", "refused")]
    assert acts[0]["end"]["status"] == 0
    only = check("audit.json", gemel.json("audit", "web-*", "--last", "5"))["acts"]
    assert [a["name"] for a in only] == ["web-1"]


def test_what_an_act_was_given_is_shown_beside_its_instance(gemel):
    gemel.ok("--connect", FAST, "-c", "clone mail mail2; rename mail post; limit web-1 cpu=2; stop web-1 web-2")
    shown = [line.split()[3:] for line in gemel.ok("audit").out.splitlines()[1:]]
    assert shown[0][:3] == ["clone", "mail", "mail2"] and shown[1][:3] == ["rename", "mail", "post"], shown
    assert shown[2][:3] == ["limit", "web-1", "cpu=2"], shown
    assert sorted(words[1] for words in shown[3:]) == ["web-1", "web-2"], shown
    assert all(len(words) == 4 for words in shown[3:]), shown


def test_audit_of_nothing_says_so(gemel):
    result = gemel.ok("audit")
    assert result.out == "" and "nothing on record" in result.err, result


def test_processes_at_once_do_not_mix_their_lines(gemel, log):
    running = [gemel.popen("--connect", FAST, "-c", ";".join(["pause web-1; resume web-1"] * 10))
               for _ in range(4)]
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    found = lines(log)
    assert len(found) == 4 * 10 * 2 * 2
    assert len({e["act"] for e in found}) == 4 * 10 * 2


def test_a_rotated_log_is_begun_anew(gemel, log):
    gemel.ok("--connect", FAST, "pause", "web-1")
    os.rename(log, log + ".1")
    gemel.ok("--connect", FAST, "pause", "web-1")
    assert len(lines(log)) == 2 and len(lines(log + ".1")) == 2


@pytest.mark.parametrize("policy, status", [("warn", 0), ("refuse", 1)])
def test_a_full_disk_is_told_or_refused(gemel, log, policy, status):
    argv = ["prlimit", "--fsize=300", "--"] + gemel.argv("--connect", FAST, "-c",
                                                         f"set audit {policy}; pause web-1")
    done = subprocess.run(argv, env=gemel.env(), capture_output=True, text=True, timeout=60,
                          check=False, preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                          restore_signals=False)
    assert done.returncode == status, done
    assert "audit log" in done.stderr and "cannot be written" in done.stderr, done
    gemel.ok("--connect", FAST, "pause", "web-1")  # what comes after is whole
    acts = gemel.json("audit")["acts"]
    assert [(a["what"], a["end"]["status"]) for a in acts] == [("pause", 0)]


def test_hostile_lines_are_shown_clean(gemel, log):
    with open(log, "wb") as file:
        file.write(b'{"event":"begin","what":"\\u001b[2Jstop","act":"1","name":"\\u009bx\\u202e"}\n'
                   b'not json\n\xff\xfe\n[1]\n{"event":7,"act":{},"error":[],"time":3,"uid":"x"}\n')
    shown = gemel.ok("audit").out
    assert "stop" in shown
    assert not set(shown) & {"\x1b", "\x9b", "\u202e"}, repr(shown)
    gemel.json("audit")
