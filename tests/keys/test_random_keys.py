# SPDX-License-Identifier: GPL-3.0-or-later
"""The console typed at without sense for a minute: no crash, no hang, and the terminal is always given back."""

import os
import signal

from conftest import Typist, commands, inputrc, leaves, rounds, told, type_in

from harness.tui import Tui
from harness.wait import until

SIZES = [(24, 80), (50, 132), (12, 40), (8, 40), (7, 200), (1, 1), (3, 500), (120, 20)]


def answers(terminal):
    """Whether it still takes its turn: another size makes it draw, unless it lent the terminal or ended."""
    seen = len(terminal.raw)
    terminal.resize(25, 81)
    until(lambda: len(terminal.raw) > seen or terminal.process.poll() is not None, 15,
          "anything after the size of the terminal changed")


def a_round(ground, typist):
    inputrc(ground, typist)
    terminal = Tui(ground.argv(), env=ground.env(EDITOR="true", PATH=os.environ["PATH"]), ns=ground.ns, flush=False)
    try:
        with told(typist, terminal, ground):
            terminal.wait("NAME")
            for _ in range(typist.dice.randrange(20, 300)):
                if terminal.process.poll() is not None:
                    break
                if typist.dice.random() < 0.02:
                    terminal.resize(*typist.dice.choice(SIZES))
                    continue
                typist.typed.append(typist.keys())
                type_in(terminal, typist.typed[-1])
            answers(terminal)
            terminal.kill(typist.dice.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM]))
            leaves(terminal)
    finally:
        terminal.close()


def test_random_keys(ground):
    typist = Typist(commands(ground))
    count = 0
    for _ in rounds():
        a_round(ground, typist)
        count += 1
    assert count > 0
    print(f"{count} rounds, {len(typist.typed)} inputs")
