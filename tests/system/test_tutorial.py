# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/tutorial.md, done as it says by a reader who has gemel installed.

A block `console` has commands behind `$ ` or `# ` and what they print. Numbers, and blanks between words, may
differ; `...` stands for anything. A block `keys COMMAND` has keys, "text" to type, and two blanks further what
then is on the screen.
"""

import os
import re
import shlex
import subprocess
import functools

import pytest

from harness import proc
from harness.gemel import ROOT
from harness.tui import KEYS, Tui

TUTORIAL = os.path.join(ROOT, "docs", "tutorial.md")
BLOCK = re.compile(r"^```(console|keys)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# a figure with its unit, a date, a time; not the 2 of lab-vm2
FIGURE = re.compile(r"(?<![\w/.-])\d[\d.:,-]*(?:\s?(?:%|(?:[KMGT]i?B?|ns|us|ms|s|m|h|d)\b))?")


def steps():
    """(line number, kind, argument, text) of each block that is executed."""
    with open(TUTORIAL, encoding="utf-8") as file:
        text = file.read()
    return [(text[:m.start()].count("\n") + 1, m[1], m[2], m[3]) for m in BLOCK.finditer(text)]


def commands(text):
    """(command, what it prints) of a block."""
    found = []
    for line in text.splitlines():
        if line.startswith(("$ ", "# ")):
            found.append([line[2:], []])
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def plain(text):
    """The text with every figure the same and no more than one blank between words."""
    lines = (" ".join(FIGURE.sub("0", line).split()) for line in text.splitlines())
    return "".join(line + "\n" for line in lines)


def agrees(shown, printed):
    """Whether a program printed what the reader is shown."""
    wanted = re.escape(plain(shown)).replace(r"\.\.\.", "...")
    wanted = re.sub(r"(?m)^\.\.\.\\?\n", r"(?:.*\n)*?", wanted).replace("...", ".*")
    return re.fullmatch(wanted, plain(printed)) is not None


class Reader:
    """Does what the tutorial says, with a lab whose names are this run's."""

    def __init__(self, world, installed, gemel):
        self.world, self.installed, self.gemel = world, installed, gemel
        self.lab = f"{world.tag}-lab"
        self.env = {"GEMEL_LAB_NAME": self.lab, "GEMEL_LAB_STATE": os.path.join(world.home, "tutorial"),
                    "GEMEL_LAB_CACHE": os.path.dirname(world.kernel), "GEMEL_LAB_KVM": "qemu"}
        self.path = f"{installed.prefix}/bin:{gemel.env()['PATH']}"
        self.background = []

    def ours(self, text):
        return re.sub(r"\blab(?=-)", self.lab, text)

    def popen(self, command, **more):
        return subprocess.Popen(["bash", "-c", self.ours(command)], cwd=self.gemel.home, text=True, errors="replace",
                                env=self.gemel.env(PATH=self.path, **self.env), stdin=subprocess.DEVNULL,
                                preexec_fn=functools.partial(proc.enter_mounts, self.installed.ns), **more)

    def run(self, command, shown):
        if command.endswith("&"):
            self.background.append(self.popen(command.rstrip("& "), stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL))
            return
        with self.popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            try:
                printed = running.communicate(timeout=180)[0].replace(self.lab, "lab")
            except subprocess.TimeoutExpired:
                running.kill()
                raise
        assert agrees(shown, printed), \
            f"$ {command}\n--- printed\n{printed}--- the tutorial\n{shown}\n---"

    def type(self, command, text):
        terminal = Tui(["bash", "-c", f"exec {self.ours(command)}"], rows=30, cols=110, ns=self.installed.ns,
                       env=self.gemel.env(PATH=self.path, **self.env), cwd=self.gemel.home)
        try:
            for line in text.splitlines():
                keys, _, seen = line.partition("  ") if line.strip() else ("", "", "")
                for key in shlex.split(keys):
                    if key in KEYS or len(key) == 1 or key[0] == "^":
                        terminal.key(key)
                    else:
                        terminal.send(key)
                if seen.strip():
                    terminal.wait(re.escape(self.ours(seen.strip())), 30)
            terminal.wait_exit(20)
            terminal.restored()
        finally:
            terminal.close()

    def close(self):
        for running in self.background:
            running.wait(30)
        self.popen("gemel lab down", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(60)


@pytest.fixture
def reader(world, installed):
    assert world.virsh_states() == {}, "a test before this one left its guests to the reader"
    gemel = installed.gemel()
    made = Reader(world, installed, gemel)
    yield made
    made.close()
    for part in ("vm", "vm2"):
        world.guests.destroy(f"{made.lab}-{part}")
    world.forget(gemel)


@pytest.mark.parametrize("shown,printed", [
    ("a  1.5M  b", "a 12K b"), ("of 0.25 CPUs (72 %)", "of 1 CPUs (9 %)"), ("one\n...\nend", "one\n2\n3\nend"),
    ("lab-ct  ct  3", "lab-ct ct 4"), ("by: it is ...", "by: it is the host's (6.1)"), ("CPU loop  36.3 ms  3 s", "CPU loop 1.0 us 22 h"), ("...\na", "a"), ("1.2", "7K")])
def test_figures_may_differ(shown, printed):
    assert agrees(shown, printed)


@pytest.mark.parametrize("shown,printed", [
    ("lab-ct: stopped", "lab-ct: started"), ("lab-ct", "lab-vm"), ("one", "one\ntwo"), ("lab-vm2", "lab-vm3"),
    ("one\n...\nend", "one\n2\n3"), ("a 1", "a b"), ("", "a")])
def test_words_may_not(shown, printed):
    assert not agrees(shown, printed)


def test_the_tutorial_is_as_it_says(reader):
    found = steps()
    assert len(found) >= 10
    for line, kind, argument, text in found:
        try:
            if kind == "keys":
                reader.type(argument, text)
            else:
                for command, shown in commands(text):
                    reader.run(command, shown)
        except AssertionError as error:
            raise AssertionError(f"docs/tutorial.md:{line}: {error}") from None
