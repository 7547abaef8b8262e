# SPDX-License-Identifier: GPL-3.0-or-later
"""Ground for programs that are typed at without sense: the sanitizers' build, where nothing can be written but a scratch."""

import contextlib
import glob
import json
import os
import random
import select
import signal
import subprocess
import time

import pytest

from harness import proc
from harness.gemel import Gemel
from harness.tui import KEYS

SECONDS = float(os.environ.get("GEMEL_KEYS_SECONDS", "60"))

# Everything but the scratch directory, devices and /proc becomes read-only: a random line may well say `> FILE`.
CONFINE = r"""
mount --make-rprivate / && mount --bind "$0" "$0" || exit 1
awk '{print $5}' /proc/self/mountinfo | while read -r at; do
    case $at in "$0" | /dev | /dev/* | /proc | /proc/*) ;; *) mount -o remount,bind,ro "$at" 2>/dev/null ;; esac
done
! touch /usr/gemel-keys 2>/dev/null && echo confined && exec sleep infinity
"""


@pytest.fixture
def ground(scratch, monkeypatch):
    """A gemel of that build, in a mount namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: what random keys do is kept from the host by a read-only mount namespace")
    monkeypatch.setenv("GEMEL_BUILD", os.environ.get("GEMEL_KEYS_BUILD", "build-asan"))
    keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", CONFINE, scratch], stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL)
    try:
        assert keeper.stdout.readline() == b"confined\n"
        made = Gemel(scratch, ns=f"/proc/{keeper.pid}/ns/mnt", connect=["sim:40,hostile=on,pace=0.01"])
        monkeypatch.setenv("ASAN_OPTIONS", f"abort_on_error=1:detect_leaks=0:log_path={scratch}/asan")
        monkeypatch.setenv("UBSAN_OPTIONS", f"halt_on_error=1:abort_on_error=1:print_stacktrace=1:log_path={scratch}/asan")
        yield made
    finally:
        proc.end(keeper.pid)
        keeper.wait()


def complaints(ground):
    """What the sanitizers wrote."""
    text = ""
    for path in glob.glob(f"{ground.home}/asan*"):
        with open(path, encoding="utf-8", errors="replace") as file:
            text += file.read()
    return text


class Typist:
    """Random input from a seed, and what it typed, to be typed again."""

    def __init__(self, words):
        self.seed = int(os.environ.get("GEMEL_KEYS_SEED") or random.SystemRandom().randrange(1 << 32))
        self.dice, self.words, self.typed = random.Random(self.seed), words, []

    def noise(self):
        """A few bytes that mean nothing, or are the beginning of something."""
        dice = self.dice
        return dice.choice([
            bytes(dice.randrange(256) for _ in range(dice.randrange(1, 12))),
            b"\x1b[" + bytes(dice.randrange(0x20, 0x7f) for _ in range(dice.randrange(1, 20))),
            b"\x1b[200~" + bytes(dice.randrange(256) for _ in range(dice.randrange(200))) + b"\x1b[201~"[:dice.randrange(7)],
            b"\x1b[<%d;%d;%dM" % (dice.randrange(100), dice.randrange(300), dice.randrange(300)),
            b"\x1b]52;c;" + bytes(dice.randrange(256) for _ in range(5)) + b"\a",
            "日本語é́\u202eabc\u200d👩‍👩‍👧"[:dice.randrange(1, 14)].encode(),
            b"x" * dice.randrange(1, 3000),
            # what the line editor makes of keys: searches, prefixes, quoted and counted keys, macros
            bytes(dice.choice(b"\x12\x12\x13\x18\x18\x16\x1d\x1b\x1b\x07\x19\x1f\x14():rue3-n<pa") for _ in range(dice.randrange(2, 24))),
        ])

    def line(self):
        """Words of commands in an order that may be right, with errors in it."""
        dice = self.dice
        words = [dice.choice(self.words) for _ in range(dice.randrange(1, 6))]
        if dice.random() < 0.3:
            words[dice.randrange(len(words))] = dice.choice(["'", '"', ";", "|", "\\", "$x", "`", "--", "-", "''", "*", "web-*",
                                                            "1e400", "-1", "18446744073709551616", "| cat", "| head -1"])
        text = " ".join(words).encode()
        if dice.random() < 0.3:
            at = dice.randrange(len(text) + 1)
            text = text[:at] + self.noise() + text[at:]
        return text

    def keys(self):
        """A key, a line after `:`, or noise."""
        dice, roll = self.dice, self.dice.random()
        if roll < 0.45:
            return dice.choice("jkgGhl123456789011dityWEoPMTNIFZwmpxbvU* %+-[]/:?ncsLYDq!{}").encode()
        if roll < 0.65:
            return KEYS[dice.choice(sorted(KEYS))].encode()
        if roll < 0.72:
            return bytes([dice.randrange(1, 27)])
        if roll < 0.9:
            return b":" + self.line() + dice.choice([b"\r", b"\t", b"\t\t\r", b"\x1b"])
        return self.noise()


# What the line editor may be told by its user: other modes, other prefixes, macros that end in the middle of a sequence.
INPUTRC = ["", "", "set editing-mode vi\nset show-mode-in-prompt on\n", r"""
"\e\e[D": backward-word
"\e\e[C": forward-word
"\C-t": "\C-x\e"
"\C-f": "list\C-m"
"\e": re-read-init-file
set keyseq-timeout 50
""", "set enable-bracketed-paste off\nset convert-meta on\nset input-meta off\n"]


def inputrc(ground, typist):
    """Another user for the next round."""
    with open(os.path.join(ground.home, ".inputrc"), "w", encoding="ascii") as file:
        file.write(typist.dice.choice(INPUTRC))


def commands(ground):
    """Words of the command table and names; none that reaches outside of the simulator."""
    out = ground.ok("help").out
    words = {w for line in out.splitlines() if line.startswith("  ") for w in line.split("  ")[1].split()}
    words |= {"web-1", "db", "lab-vm", "lab-ct", "sim/db", "batch", "build", "nobody", "before", "cpu", "name", "state=running"}
    words |= {"--yes", "--json", "--timeout", "1s", "--no-wait", "--force", "--help", "--dry-run", "--count", "1", "--nope"}
    views = json.loads(ground.ok("list", "--json").out)["instances"]
    words |= {i["name"] for i in views[:10]}
    outside = {"lab", "connect", "source", "record", "up", "down"}
    return sorted(w for w in words if w and w not in outside)


@contextlib.contextmanager
def told(typist, terminal, ground):
    """A failure says how to see it again."""
    try:
        yield
        found = complaints(ground)
        assert not found, found
    except AssertionError as error:
        raise AssertionError(f"GEMEL_KEYS_SEED={typist.seed}: after {len(typist.typed)} inputs, the last of them\n"
                             f"{typist.typed[-30:]}\n{complaints(ground)}\n{error}\n{terminal.dump()}") from error


def type_in(terminal, data):
    """Type bytes; a program that takes none for 15 s hangs, unless an earlier key ended it."""
    os.set_blocking(terminal.master, False)
    while data:
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(terminal.master, data):]
            continue
        _, ready, _ = select.select([], [terminal.master], [], 15)
        if terminal.process.poll() is not None:
            return
        assert ready, "it takes no input any more"


def leaves(terminal):
    """It ends, when it has not yet, by a signal; as it wants, not by a crash; and gives the terminal back."""
    if terminal.process.poll() is None:
        os.kill(terminal.pid, signal.SIGTERM)
    status = terminal.wait_exit(15)
    assert status >= 0 or -status in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT), f"ended with {status}"
    assert terminal.restored()


def rounds():
    """Until the time is over."""
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        yield number
        number += 1
