# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a terminal: a pty of a given size, a screen (pyte), keys, and a look at what it left."""

import contextlib
import fcntl
import functools
import itertools
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pyte

from . import proc
from .wait import PATIENCE, SLOW, until

KEYS = {"Enter": "\r", "Esc": "\x1b", "Tab": "\t", "Space": " ", "Backspace": "\x7f",
        "Up": "\x1bOA", "Down": "\x1bOB", "Right": "\x1bOC", "Left": "\x1bOD",
        "Home": "\x1bOH", "End": "\x1bOF", "PgUp": "\x1b[5~", "PgDn": "\x1b[6~",
        "Delete": "\x1b[3~", "F1": "\x1bOP", "ShiftTab": "\x1b[Z"}


class _Screen(pyte.Screen):
    """pyte's screen, and the sequences of xterm's terminfo that it lacks."""

    last = " "

    def draw(self, data):
        if data:
            self.last = data[-1]
        super().draw(data)

    def repeat(self, count=1, **_):
        """REP: the last character again."""
        self.draw(self.last * (count or 1))

    def _scroll(self, count, at, delete):
        """Move the lines between the margins; the cursor stays."""
        top, bottom = self.margins or pyte.screens.Margins(0, self.lines - 1)
        x, y = self.cursor.x, self.cursor.y
        for _ in range(min(count or 1, bottom - top + 1)):
            self.cursor.y = bottom if at == "bottom" else top
            (self.index if delete else self.reverse_index)()
        self.cursor.x, self.cursor.y = x, y

    def scroll_up(self, count=1, **_):
        """SU: ncurses moves parts of the screen by it."""
        self._scroll(count, "bottom", True)

    def scroll_down(self, count=1, **_):
        """SD, its opposite."""
        self._scroll(count, "top", False)

    def report_device_status(self, mode=0, **more):
        """Answers are not sent: nobody is at the other end of this screen."""

    def report_device_attributes(self, *args, **more):
        """Likewise."""


class _Stream(pyte.ByteStream):
    csi = dict(pyte.ByteStream.csi, b="repeat", S="scroll_up", T="scroll_down")
    events = frozenset(itertools.chain(
        pyte.ByteStream.basic.values(), pyte.ByteStream.escape.values(),
        pyte.ByteStream.sharp.values(), csi.values(),
        ["define_charset", "set_icon_name", "set_title", "draw", "debug"]))


class Tui:
    """A running program and its screen. A thread reads all the time, so the program never blocks."""

    def __init__(self, argv, rows=24, cols=80, env=None, ns=None, cwd=None, winsize=None, flush=True):
        self.argv = argv
        self.master, self.slave = os.openpty()
        self._winsize(*(winsize or (rows, cols)))  # what the terminal says it is
        if not flush:  # a ^C after the end of a program throws away its last words
            modes = termios.tcgetattr(self.slave)
            modes[3] |= termios.NOFLSH
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self.before = termios.tcgetattr(self.slave)
        self.raw = bytearray()
        self.screen = _Screen(cols, rows)
        self.stream = _Stream(self.screen)
        self.lock = threading.Lock()
        self.status = None
        self.process = subprocess.Popen(
            argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, env=env, cwd=cwd,
            start_new_session=True, close_fds=True,
            preexec_fn=functools.partial(self._child, self.slave, ns))
        self.pid = self.process.pid
        self.done = False
        self.stall = self.behind = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @staticmethod
    def _child(slave, ns):
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        if ns:
            proc.enter_mounts(ns)

    def _winsize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def _read(self):
        while not self.done:
            if self.stall:
                time.sleep(0.01)
                continue
            ready, _, _ = select.select([self.master], [], [], 0.1)
            if not ready:
                continue
            try:
                data = self._picture()
            except BlockingIOError:  # taken back by the other side, which may flush what waits
                continue
            except OSError:
                return
            with self.lock, contextlib.suppress(Exception):
                # a sequence that pyte chokes on costs that piece, not the test
                self.stream.feed(data)
            self.behind = False

    def _take(self):
        """What is there; `raw` has it at once, the screen when the picture is whole."""
        data = os.read(self.master, 65536)
        self.behind = True
        self.raw += data
        return data

    def _picture(self):
        """What was written, in one piece while the writer is at it: a pty hands out 4 kB at a time, and who looks at the
        screen is to see no half of a picture."""
        data = self._take()
        began = time.monotonic()
        while len(data) < 1 << 20 and time.monotonic() - began < 0.5 and not self.stall:
            writing = self._is_writing()
            ready, _, _ = select.select([self.master], [], [], 0.002)
            if not ready and not writing:
                break
            if ready:
                try:
                    data += self._take()
                except OSError:  # the end, or taken back: the next look tells
                    break
        return data

    def _is_writing(self):
        """Whether a program on this terminal has something to do."""
        try:
            return proc.state(os.tcgetpgrp(self.master)) in ("R", "D")
        except OSError:
            return False

    @contextlib.contextmanager
    def stalled(self):
        """A line that takes nothing any more: nobody reads what the program writes."""
        self.stall = True
        try:
            yield
        finally:
            self.stall = False

    # -- typing

    def send(self, text):
        """Type text as it is."""
        os.write(self.master, text.encode())

    def key(self, *names):
        """Press keys by name (KEYS), ^x for Ctrl-x, or a plain character each."""
        for name in names:
            if len(name) == 2 and name[0] == "^":
                self.send(chr(ord(name[1].upper()) & 0x1F))
            else:
                self.send(KEYS.get(name, name))

    def resize(self, rows, cols):
        """Make the terminal another size; the kernel sends SIGWINCH."""
        with self.lock:
            self.screen.resize(rows, cols)
        self._winsize(rows, cols)

    # -- looking

    def lines(self):
        """The screen's lines without the blanks at their ends."""
        with self.lock:
            return [line.rstrip() for line in self.screen.display]

    def text(self):
        """The screen as one string."""
        return "\n".join(self.lines())

    def line_with(self, pattern):
        """The first line that the pattern (a regular expression) matches, or None."""
        for line in self.lines():
            if re.search(pattern, line):
                return line
        return None

    def dump(self):
        """The screen framed, for a message."""
        body = "\n".join("|" + line.ljust(self.screen.columns) + "|" for line in self.lines())
        ended = self.process.poll()
        return f"{'running' if ended is None else f'ended with {ended}'}\n{body}"

    def wait(self, pattern, timeout=PATIENCE):
        """Until the pattern (regular expression, or a function of the Tui) is on the screen."""
        def seen():
            if callable(pattern):
                return pattern(self)
            return re.search(pattern, self.text(), re.MULTILINE)
        return until(seen, timeout, lambda: f"{pattern!r} on the screen\n{self.dump()}")

    def wait_gone(self, pattern, timeout=PATIENCE):
        """Until the pattern is not on the screen any more."""
        until(lambda: not re.search(pattern, self.text(), re.MULTILINE), timeout,
              lambda: f"{pattern!r} to go\n{self.dump()}")

    def wait_still(self, quiet=0.3, timeout=10.0):
        """Until nothing has come for a while."""
        deadline = time.monotonic() + timeout * SLOW
        size, since = len(self.raw), time.monotonic()
        while time.monotonic() < deadline:
            if len(self.raw) != size or self.behind:
                size, since = len(self.raw), time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            time.sleep(0.02)

    # -- the end

    def wait_exit(self, timeout=PATIENCE):
        """Until the program has ended; returns its status (-n for a signal)."""
        until(lambda: self.process.poll() is not None, timeout,
              lambda: f"the program to end\n{self.dump()}")
        self.wait_still(0.1, 2)
        return self.process.returncode

    def restored(self):
        """Check that the terminal is as it was: modes, alternate screen, cursor, keypad, mouse."""
        assert termios.tcgetattr(self.slave) == self.before, \
            f"terminal modes changed:\n{self.before}\n{termios.tcgetattr(self.slave)}"
        pairs = ((b"\x1b[?1049h", b"\x1b[?1049l", "alternate screen"), (b"\x1b[?25l", b"\x1b[?25h", "hidden cursor"),
                 (b"1000h", b"1000l", "mouse reports"), (b"\x1b[?2004h", b"\x1b[?2004l", "bracketed paste"))

        def left():
            raw = bytes(self.raw)
            return [what for on, off, what in pairs if raw.rfind(on) > raw.rfind(off)]
        # the program has written all that it will, but it may not have been read yet
        until(lambda: not left(), 5, lambda: f"the terminal left without {left()}\n{self.dump()}")
        return True

    def kill(self, sig=signal.SIGKILL):
        """Send the program a signal."""
        self.process.send_signal(sig)

    def close(self):
        """End the program, whatever it does, and give the terminal back."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
        self.process.wait()
        self.done = True
        self.thread.join(2)
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)
