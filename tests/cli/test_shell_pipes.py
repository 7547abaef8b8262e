# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command prints into a program or a file: `list | grep x`, `list > file`, and how it ends."""

import json
import subprocess
import time

import pytest

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def line(gemel, text, **options):
    return gemel.run(*CALM, "-c", text, **options)


@pytest.mark.quick
def test_a_program_reads_the_data_and_its_status_is_the_lines(gemel):
    done = line(gemel, "list -q | sort -r | head -2")
    assert done.status == 0 and len(done.out.split()) == 2, done
    assert line(gemel, "list | exit 7").status == 7
    assert line(gemel, "list | grep nothing-has-this-name; version").out == ""


@pytest.mark.quick
def test_json_goes_through(gemel):
    done = line(gemel, "list --json | cat")
    assert len(json.loads(done.out)["instances"]) == 12


@pytest.mark.quick
def test_messages_pass_the_program_by(gemel):
    done = line(gemel, "inspect nobody | cat > /dev/null")
    assert "nobody" in done.err


@pytest.mark.quick
def test_files_are_written_and_appended_to(gemel, tmp_path):
    path = tmp_path / "names with space"
    done = line(gemel, f"list -q > '{path}'; version >> '{path}'")
    assert done.status == 0 and done.out == ""
    assert len(path.read_text().splitlines()) == 13
    # a > inside a word is no redirection
    assert line(gemel, "list --filter cpu>100000 -q").status == 0


@pytest.mark.quick
@pytest.mark.parametrize("text, says", [("list || true", "||"), ("list |", "no program"),
                                        ("| cat", "no command"), ("> file", "no command")])
def test_what_is_no_pipe_is_told(gemel, text, says):
    done = line(gemel, text)
    assert done.status == 2 and says in done.err


@pytest.mark.quick
def test_a_program_that_ends_early_ends_the_command(gemel):
    started = time.monotonic()
    done = line(gemel, "top --interval 100ms | head -1", timeout=60)
    assert done.status == 0 and len(done.out.splitlines()) == 1
    assert time.monotonic() - started < 15
    assert line(gemel, "list | true").status == 0


@pytest.mark.quick
def test_a_change_is_carried_out_whatever_the_program_does(gemel):
    done = line(gemel, "stop web-1 | true; list --filter state=stopped -q | grep web-1")
    assert done.out.strip() == "web-1"


@pytest.mark.quick
def test_a_plan_can_be_json(gemel):
    plan = gemel.run(*CALM, "stop", "web-1", "--dry-run", "--json")
    assert plan.status == 0
    said = json.loads(plan.out)
    assert said["command"] == "stop" and "web-1" in said["plan"][0]
    assert json.loads(line(gemel, "stop web-1 --dry-run --json | cat").out) == said


@pytest.mark.quick
def test_statuses_are_seen_by_one_whose_parent_ignores_sigchld(gemel):
    quiet = ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh", *gemel.argv(*CALM, "-c", "list | exit 7")]
    done = subprocess.run(quiet, env=gemel.env(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 7, done
