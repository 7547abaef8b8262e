# SPDX-License-Identifier: GPL-3.0-or-later
"""The command shell given lines without sense for a minute: no crash, no hang, and the terminal is given back."""

import os
import re

from conftest import Typist, commands, inputrc, leaves, rounds, told, type_in

from harness.tui import Tui
from harness.wait import seen_within, until

PROMPT = re.compile(rb"gemel[^\n]*> ?[^\n]*$")


def a_line(terminal, text):
    """Type a line; a command that goes on is interrupted; the prompt has to come back."""
    type_in(terminal, b"\x15" + text + b"\r")
    for attempt in range(3):
        seen = len(terminal.raw)
        if seen_within(1, lambda: terminal.process.poll() is not None or PROMPT.search(bytes(terminal.raw[seen - 1:]))):
            return
        # a console is detached from; the shell of an instance is left
        type_in(terminal, b"\x1b\x03\x03\x1d" + (b"\x03exit\r" if attempt > 0 else b""))
    until(lambda: terminal.process.poll() is not None or PROMPT.search(bytes(terminal.raw[-4000:])), 15, "a prompt")


def a_round(ground, typist):
    inputrc(ground, typist)
    terminal = Tui(ground.argv("shell"), env=ground.env(EDITOR="true", PAGER="cat", PATH=os.environ["PATH"]),
                   ns=ground.ns, cols=200, flush=False)
    try:
        with told(typist, terminal, ground):
            until(lambda: PROMPT.search(bytes(terminal.raw)), 15, "a prompt")
            for _ in range(typist.dice.randrange(10, 60)):
                if terminal.process.poll() is not None:
                    break
                typist.typed.append(typist.line().replace(b"\x04", b""))
                a_line(terminal, typist.typed[-1])
            leaves(terminal)
    finally:
        terminal.close()


def test_random_lines(ground):
    typist = Typist(commands(ground))
    count = 0
    for _ in rounds():
        a_round(ground, typist)
        count += 1
    assert count > 0
    print(f"{count} rounds, {len(typist.typed)} lines")
