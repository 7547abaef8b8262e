# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing instances from a script: the state machine of each act, sequences, batches, exit statuses."""

import re
import shlex

import pytest

pytestmark = pytest.mark.quick

FAST = "sim:12,pace=0.05,whims=off,events=off"


def sequence(gemel, text, **more):
    """Run a `;` list in one process, in which the simulator keeps its state."""
    return gemel.run("--connect", FAST, "-c", text, **more)


@pytest.mark.parametrize("act, name, after", [
    ("stop", "lab-ct", "stopped"), ("stop", "lab-vm", "stopped"), ("start", "mail", "running"),
    ("kill --yes", "build", "stopped"), ("pause", "lab-vm", "paused"), ("resume", "router", "running"),
    ("restart", "lab-ct", "running"), ("reset --yes", "lab-vm", "running"),
])
def test_act_leads_to_its_state(gemel, act, name, after):
    result = sequence(gemel, f"{act} {name}; list --json {name}")
    assert result.status == 0, result
    import json
    start = result.out.index("{")
    assert json.loads(result.out[start:])["instances"][0]["state"] == after, result


def test_acts_take_several_names(gemel):
    result = sequence(gemel, "stop web-1 web-2; list --quiet --filter state=stopped")
    assert result.status == 0, result
    assert {"web-1", "web-2"} <= set(result.out.split()), result


def test_a_list_stops_at_the_first_failure(gemel):
    result = sequence(gemel, "stop nobody-here; list --quiet")
    assert result.status == 3, result
    assert "lab-vm" not in result.out, result


def test_batch_reads_commands_from_standard_input(gemel):
    result = gemel.run("--connect", FAST, "--batch",
                       input="# a comment\n\nstop lab-ct\nlist --quiet --filter state=stopped\n")
    assert result.status == 0, result
    assert "lab-ct" in result.out.split(), result


def test_batch_reports_the_line_that_failed(gemel):
    result = gemel.run("--connect", FAST, "--batch", input="list --quiet\nbogus\n")
    assert result.status == 2, result
    assert "bogus" in result.err, result


def test_shell_reads_commands_from_a_pipe_too(gemel):
    result = gemel.run("--connect", FAST, "shell", input="stop lab-ct\nlist --quiet --filter state=stopped\n")
    assert result.status == 0, result
    assert "lab-ct" in result.out.split(), result


def test_a_guest_that_ignores_stop_runs_on_with_status_124(gemel):
    result = sequence(gemel, "resume router; stop router --timeout 300ms")
    assert result.status == 124, result
    assert "router" in result.err, result


def test_a_guest_that_ignores_stop_is_ended_by_force(gemel):
    result = sequence(gemel, "resume router; stop router --timeout 300ms --force; "
                             "list --quiet --filter state=stopped")
    assert result.status == 0, result
    assert "router" in result.out.split(), result


def test_snapshot_create_list_revert_delete(gemel):
    result = sequence(gemel, "snapshot create lab-vm s1; snapshot create lab-vm s2; "
                             "snapshot list lab-vm; snapshot revert lab-vm s1 --yes; "
                             "snapshot delete lab-vm s2 --yes; snapshot list lab-vm --json")
    assert result.status == 0, result
    assert "s1" in result.out and "s2" in result.out, result
    assert '"s2"' not in result.out[result.out.index("{"):], result


@pytest.mark.parametrize("command", ["delete mail", "kill build", "reset lab-vm",
                                     "snapshot revert lab-vm s", "snapshot delete lab-vm s"])
def test_destructive_commands_need_yes_off_a_terminal(gemel, command):
    result = sequence(gemel, f"snapshot create lab-vm s; {command}")
    assert result.status == 2, result
    assert result.err.rstrip().endswith(f"to do it: {command} --yes"), result


def test_what_needs_yes_is_said_once_with_the_line_to_type(gemel):
    err = gemel.fails(2, "--demo", "kill", "build").err
    assert re.fullmatch(r"gemel: kill: nobody can be asked \"Kill build\?\" here, so nothing was done; "
                        r"to do it: gemel --demo kill build --yes\n", err), err
    gemel.ok(*shlex.split(err.split("to do it: gemel ")[1]))


def test_dry_run_changes_nothing(gemel):
    result = sequence(gemel, "stop lab-ct --dry-run; list --quiet --filter state=running")
    assert result.status == 0, result
    assert "lab-ct" in result.out.split(), result


def test_read_only_refuses_changes(gemel):
    gemel.fails(7, "--read-only", "--demo", "stop", "lab-ct")
    assert gemel.run("--read-only", "--demo", "list").status == 0


def test_limits_show_up_in_inspect(gemel):
    result = sequence(gemel, "limit lab-ct cpu=0.5 memory=64M pids=100; inspect lab-ct --json")
    assert result.status == 0, result
    assert "67108864" in result.out, result


def test_exec_passes_on_output_and_status(gemel):
    result = gemel.run("--demo", "exec", "lab-ct", "--", "hostname")
    assert result.status == 0, result
    assert result.out.strip(), result


def test_libvirts_test_driver_goes_through_its_states(gemel):
    result = gemel.run("--connect", "test:///default", "-c",
                       "pause test; list test; resume test; stop test; list test; start test; list test")
    assert result.status == 0, result
    states = [line.split()[2] for line in result.out.splitlines() if line.split()[:1] == ["test"]]
    assert states == ["paused", "stopped", "running"], result
