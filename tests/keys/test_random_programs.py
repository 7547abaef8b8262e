# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel given arguments, scripts, a gemelrc and lines to complete without sense: no crash, and it ends, told to or by itself."""

import os
import signal
import subprocess

from conftest import Typist, commands, complaints, rounds

from harness import proc

COMPLAINTS = ("CRITICAL **", "Sanitizer", "runtime error:")
GLOBAL = ["--read-only", "--timeout", "0.2", "--json", "--no-color", "--connect", "sim:3,hostile=on", "--demo", "-c", "--linear"]
SETTINGS = ["set", "unset", "bind", "alias", "columns", "theme", "alert", "protect", "group", "sort", "filter"]


def text_of(data):
    """An argument, or a file of lines: without NUL."""
    return data.replace(b"\0", b"\1")


class Starter(Typist):
    """Ways to start gemel."""

    def argv(self):
        """Words of commands, right ones and others."""
        dice = self.dice
        words = [dice.choice(self.words).encode() for _ in range(dice.randrange(1, 6))]
        if dice.random() < 0.3:
            words.insert(dice.randrange(len(words) + 1), dice.choice(GLOBAL).encode())
        if dice.random() < 0.3:
            words.insert(dice.randrange(len(words) + 1), text_of(self.noise()))
        return words + ([b"--json"] if dice.random() < 0.2 else [])

    def script(self):
        """Lines of a batch or of a gemelrc."""
        dice, lines = self.dice, []
        for _ in range(dice.randrange(1, 12)):
            setting = dice.choice(SETTINGS).encode() + b" " if dice.random() < 0.4 else b""
            lines.append(setting + self.line())
        return dice.choice([b"\n", b"\n", b"; ", b"\r\n", b"\n\n#"]).join(lines) + dice.choice([b"", b"\n"])

    def program(self):
        """Arguments, standard input and gemelrc."""
        dice, roll = self.dice, self.dice.random()
        rc = text_of(self.script()) if dice.random() < 0.3 else b""
        if roll < 0.4:
            return self.argv(), self.line(), rc
        if roll < 0.6:
            return [b"-c", text_of(self.script())], b"", rc
        if roll < 0.8:
            return [b"--batch"] + [b"--json"] * (dice.random() < 0.2), self.script(), rc
        if roll < 0.97:
            line = text_of(b"gemel " + self.line())
            return [b"completion", b"line", line[:dice.randrange(len(line) + 1)]], b"", rc
        return [b"--linear"], self.script(), rc


def enter(ground):
    """In the child: out of the way of what is typed at meanwhile."""
    proc.enter_mounts(ground.ns)
    os.nice(10)


def outcome(process, typed, dice):
    """What it wrote; what follows something is told to end, and has to."""
    try:
        return process.communicate(typed, timeout=2)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(dice.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
    try:
        return process.communicate(timeout=2)[1]
    except subprocess.TimeoutExpired:  # a command of a script was taken back, or what it asked for is awaited
        process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it does not end: {process.communicate()}") from None


def start(ground, typist):
    argv, typed, rc = typist.typed[-1]
    with open(os.path.join(ground.home, "config", "gemel", "gemelrc"), "wb") as file:
        file.write(rc)
    env = ground.env(EDITOR="true", PAGER="cat", G_DEBUG="fatal-criticals", PATH=os.environ["PATH"])
    with subprocess.Popen(ground.argv(*map(os.fsdecode, argv)), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, preexec_fn=lambda: enter(ground)) as process:
        err = outcome(process, typed, typist.dice).decode(errors="replace")
    assert not any(word in err for word in COMPLAINTS) and not complaints(ground), f"{complaints(ground)}\n{err[-4000:]}"
    assert process.returncode >= 0 or -process.returncode in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP), \
        f"ended with {process.returncode}\n{err[-4000:]}"


def test_random_programs(ground):
    typist = Starter(commands(ground))
    os.makedirs(os.path.join(ground.home, "config", "gemel"))
    for _ in rounds():
        typist.typed.append(typist.program())
        try:
            start(ground, typist)
        except AssertionError as error:
            raise AssertionError(f"GEMEL_KEYS_SEED={typist.seed}: program {len(typist.typed)}: {typist.typed[-1]}\n{error}") from error
    assert typist.typed
    print(f"{len(typist.typed)} programs")
