# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel shell on a terminal, against the simulator: readline, completion on live names, history."""

import os

import pytest

from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
PROMPT = r"gemel\S*[>$#] ?$"


def open_shell(tui, **options):
    terminal = tui(*CALM, "shell", **options)
    terminal.wait(PROMPT)
    return terminal


@pytest.mark.quick
def test_commands_run_and_exit_ends(tui):
    terminal = open_shell(tui, rows=40)
    terminal.send("list\r")
    terminal.wait(r"lab-vm")
    terminal.send("stop lab-ct\r")
    terminal.wait(r"^lab-ct: stopped")
    terminal.send("list --filter state=stopped\r")
    terminal.wait(r"lab-ct\s+ct\s+stopped")
    terminal.send("exit\r")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


@pytest.mark.quick
@pytest.mark.parametrize("command", ("bind", "set", "columns", "help", "help keys", "help filter"))
def test_what_people_read_fits_their_terminal(tui, gemel, command):
    terminal = tui(*CALM, "-c", f"{command}; version", rows=400)
    assert terminal.wait_exit() == 0
    shown = bytes(terminal.raw).decode().splitlines()
    assert len(shown) > 10 and not [line for line in shown if len(line) > 80], "\n".join(shown)
    # what a program reads has a row to a line
    rows = gemel.ok(*CALM, "-c", command).out.splitlines()
    assert not [row for row in rows if row.startswith(" " * 40)] or command == "help", rows


@pytest.mark.quick
def test_tab_completes_only_what_the_command_can_take(tui):
    terminal = open_shell(tui)
    terminal.send("start ma\t")
    terminal.wait(r"start mail")
    terminal.key("^u")
    # web-1 runs: start does not offer it
    terminal.send("start web\t\t")
    terminal.wait_still(0.4)
    assert not terminal.line_with(r"web-1"), terminal.dump()


def test_tab_completes_commands(tui):
    terminal = open_shell(tui)
    terminal.send("snapsh\t")
    terminal.wait(r"snapshot")


def test_history_lasts_over_sessions(tui, gemel):
    terminal = open_shell(tui)
    terminal.send("inspect lab-vm\r")
    terminal.wait(r"^  can be done: .*\n(  +.*\n)*gemel\S*> ?$")
    terminal.key("^d")
    assert terminal.wait_exit() == 0
    again = open_shell(tui)
    again.key("Up")
    again.wait(r"inspect lab-vm$")
    files = [os.path.join(d, f) for d, _, names in os.walk(gemel.home) for f in names if "history" in f]
    assert files and all(os.stat(f).st_mode & 0o077 == 0 for f in files), files


def test_ctrl_c_drops_the_line_and_the_shell_stays(tui):
    terminal = open_shell(tui)
    terminal.send("stop lab-")
    terminal.wait(r"stop lab-")
    terminal.key("^c")
    terminal.wait(r"stop lab-\S*\n(.*\n)*gemel\S*> ?$")
    terminal.send("list\r")
    terminal.wait(r"\blab-ct\b.*running")


def test_a_destructive_command_asks_on_the_terminal(tui):
    terminal = open_shell(tui, rows=40)
    terminal.send("kill build\r")
    terminal.wait(r"\?|y/n|\[y")
    terminal.send("n\r")
    terminal.wait(r"nothing was done")
    terminal.send("list build\r")
    terminal.wait(r"build\s+vm\s+running")


def test_errors_do_not_end_the_shell(tui):
    terminal = open_shell(tui)
    terminal.send("bogus\r")
    terminal.wait(r"bogus.*\n(.*\n)*.*bogus|no command|unknown")
    terminal.send("version\r")
    terminal.wait(r"gemel \d|\d+\.\d+\.\d+")
    assert terminal.process.poll() is None
