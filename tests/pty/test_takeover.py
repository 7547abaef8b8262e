# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals, stops, sizes and odd keys while the shell or a stream has the terminal: it is always given back."""

import os
import re
import shlex
import signal
import termios

import pytest

from harness import proc
from harness.tui import Tui
from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
PROMPT = r"gemel\S*[>$#] ?$"


def is_raw(terminal):
    return not termios.tcgetattr(terminal.slave)[3] & termios.ICANON


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("argv", [("shell",), ("console", "lab-vm"), ("exec", "-t", "lab-ct", "--", "cat")])
def test_an_ending_signal_restores_the_terminal(tui, sig, argv):
    terminal = tui(*CALM, *argv)
    until(lambda: is_raw(terminal))
    terminal.kill(sig)
    assert terminal.wait_exit() == 128 + sig
    assert terminal.restored()


def test_a_crash_restores_the_terminal(tui):
    terminal = tui(*CALM, "console", "lab-vm", env={"ASAN_OPTIONS": "handle_abort=0"})
    until(lambda: is_raw(terminal))
    terminal.kill(signal.SIGABRT)
    assert terminal.wait_exit() == -signal.SIGABRT
    assert terminal.restored()


@pytest.mark.parametrize("argv", [("console", "lab-vm"), ("exec", "lab-ct", "--", "cat"), ("list",)])
def test_ctrl_c_ends_what_hangs_before_it_has_the_terminal(tui, argv):
    terminal = tui("--connect", f"sim:12,hang={'list' if argv[0] == 'list' else argv[0]}", *argv)
    # signals are taken, and a lane of its own does what hangs
    until(lambda: proc.handles(terminal.pid, signal.SIGINT) and len(os.listdir(f"/proc/{terminal.pid}/task")) > 1)
    terminal.wait_still(0.2)
    terminal.key("^c")
    assert terminal.wait_exit() == 130
    assert terminal.restored()


def test_the_shell_stops_and_goes_on(gemel):
    # below a shell with job control: an orphaned process group is not stopped
    terminal = Tui(["/bin/sh", "-i"], env=gemel.env(PS1="sh> "), rows=40)
    try:
        terminal.wait(r"sh>")
        before = termios.tcgetattr(terminal.slave)
        terminal.send(shlex.join(gemel.argv(*CALM, "shell")) + "\r")
        terminal.wait(PROMPT)
        terminal.send("vers")
        terminal.wait(r"> vers$")
        terminal.key("^z")
        terminal.wait(r"Stopped")
        assert termios.tcgetattr(terminal.slave) == before
        assert terminal.restored()
        terminal.send("fg\r")
        until(lambda: is_raw(terminal))
        terminal.send("ion\r")
        terminal.wait(r"^gemel \d")
    finally:
        terminal.close()


def test_the_shell_follows_the_size_of_the_terminal(tui):
    terminal = tui(*CALM, "shell", cols=80)
    terminal.wait(PROMPT)
    terminal.resize(24, 40)
    until(lambda: not proc.pending(terminal.pid, signal.SIGWINCH))
    terminal.wait_still(0.3)
    terminal.send("x" * 45)
    # a readline that knows of 40 columns ends its line there itself
    terminal.wait(lambda t: any(line == "x" * 12 or line == "x" * 13 for line in t.lines()))
    assert not any(len(line) > 40 for line in terminal.lines())


def test_ctrl_d_at_a_question_is_no_answer(tui):
    terminal = tui(*CALM, "shell", rows=40)
    terminal.wait(PROMPT)
    terminal.send("kill build\r")
    terminal.wait(r"\[y/N\]")
    terminal.key("^d")
    terminal.wait(r"nothing was done")
    terminal.send("list build\r")
    terminal.wait(r"build\s+vm\s+running")


def test_ctrl_c_leaves_a_history_search(tui):
    terminal = tui(*CALM, "shell", rows=40)
    terminal.wait(PROMPT)
    terminal.key("^r")
    terminal.wait(r"reverse-i-search")
    terminal.send("zz")
    terminal.wait(r"`zz'")
    terminal.key("^c")
    terminal.wait(lambda t: re.fullmatch(r"gemel\S*>", [line for line in t.lines() if line][-1]))
    terminal.send("version\r")
    terminal.wait(r"^gemel \d")


def test_detach_keys_work_after_a_false_start(tui):
    terminal = tui(*CALM, "console", "lab-vm")
    until(lambda: is_raw(terminal))
    terminal.key("^p", "^p", "^q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()
