# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes and what stays, in the question before it: in the console, the shell and one command."""

import json

from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
SILENT = ("--connect", "sim:12,pace=0.05,whims=off,events=off,hang=inspect")
GOES = r"goes +/var/lib/gemel/containers/[0-9a-f]{12}\.\.\. \(\d"


def typed(terminal, line):
    """A line at the `:` prompt."""
    terminal.wait("lab-vm")
    terminal.send(":" + line + "\r")


def audited(gemel):
    """What the audit log holds by now: the event and what it is about."""
    try:
        with open(gemel.env()["GEMEL_AUDIT_LOG"], encoding="utf-8") as file:
            return [(e["event"], e["what"]) for e in map(json.loads, file)]
    except FileNotFoundError:
        return []


def test_the_dialog_shows_what_goes_and_how_it_is_answered(tui):
    terminal = tui(*CALM)
    typed(terminal, "delete ci-runner")
    terminal.wait(GOES)
    terminal.wait(r"frees +\d")
    terminal.wait(r"(?m)^ y delete it +Enter Esc leave it")
    terminal.key("Enter")
    terminal.wait("nothing was done")


def test_of_several_each_line_names_its_own(tui):
    terminal = tui(*CALM)
    typed(terminal, "delete ci-runner mail")
    terminal.wait("ci-runner: " + GOES)
    terminal.wait(r"mail: stays +/var/lib/libvirt/images/mail.qcow2")
    terminal.key("y")
    terminal.wait("2 done|mail: deleted|ci-runner: deleted")


def test_what_has_no_room_scrolls_while_a_name_is_typed(tui):
    terminal = tui(*CALM, rows=12, cols=40)
    typed(terminal, "delete --force lab-ct")
    terminal.wait(r"more below +1-\d of 1\d")  # the plan is there
    terminal.wait(r"(?m)^ name Enter delete it +Esc leave it")
    terminal.send("lab")
    terminal.key(*["PgDn"] * 10)
    terminal.wait(r"frees +\d")
    terminal.send("-ct\r")
    terminal.wait("lab-ct: deleted")


def test_a_silent_backend_does_not_hold_the_question(tui):
    terminal = tui(*SILENT)
    typed(terminal, "delete ci-runner")
    terminal.wait("what goes is not known: no answer")
    terminal.key("y")
    terminal.wait("ci-runner: deleted")


def test_the_shell_shows_it_before_it_asks(tui):
    terminal = tui(*CALM, "shell")
    terminal.wait("gemel>")
    terminal.send("delete ci-runner\r")
    terminal.wait(GOES)
    terminal.wait(r"\[y/N\]")
    terminal.send("n\r")
    terminal.wait("nothing was done")


def test_one_command_shows_it_or_says_that_it_cannot(tui):
    for host, said in ((CALM, GOES), (SILENT, "what goes is not known: no answer")):
        terminal = tui(*host, "delete", "ci-runner")
        terminal.wait(r"\[y/N\]")
        terminal.wait(said)
        terminal.send("y\r")
        assert terminal.wait_exit() == 0


def test_read_only_is_on_record(tui, gemel):
    terminal = tui(*CALM, "--read-only")
    terminal.wait("lab-vm")
    terminal.send("\x0f")
    terminal.wait("Leave read-only")
    terminal.key("y")
    terminal.wait(lambda screen: "read-only" not in screen.text())
    terminal.send("\x0f")
    terminal.wait("read-only")
    until(lambda: audited(gemel) == [(event, "read-only " + what) for what in ("on", "off", "on")
                                     for event in ("begin", "end")],
          10, lambda: audited(gemel))
