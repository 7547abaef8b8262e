# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs on a pty under bench/ptydrive.c, and what can be read off what they wrote."""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness.tui import _Screen, _Stream  # noqa: E402  pylint: disable=C2701

ROWS, COLS = 40, 120


def driver():
    """The pty driver, compiled when it is missing or old."""
    source = os.path.join(ROOT, "bench", "ptydrive.c")
    made = os.path.join(ROOT, "build", "bench", "ptydrive")
    if not os.path.exists(made) or os.stat(made).st_mtime < os.stat(source).st_mtime:
        os.makedirs(os.path.dirname(made), exist_ok=True)
        subprocess.run(["cc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", source, "-o", made, "-lutil"],
                       check=True)
    return made


def drive(argv, keys="", settle_ms=300, gap_ms=(45, 95), seed=1, size=(ROWS, COLS), rc=None, idle_ms=100):
    """One run of a program under the driver; returns its events [(ns, kind, data)]."""
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as home:
        log = os.path.join(home, "log")
        if rc is not None:
            os.mkdir(os.path.join(home, "gemel"))
            with open(os.path.join(home, "gemel", "gemelrc"), "w", encoding="ascii") as file:
                file.write(rc)
        env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
               "GEMEL_ROOT": os.path.join(home, "store"), "GEMEL_RUN": os.path.join(home, "run"),
               "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home, "XDG_CACHE_HOME": home}
        subprocess.run([driver(), str(size[0]), str(size[1]), log, str(settle_ms), keys, str(gap_ms[0]),
                        str(gap_ms[1]), str(idle_ms), str(seed), "--", *argv], env=env, check=True)
        events = []
        with open(log, encoding="ascii") as file:
            for line in file:
                ns, kind, data = line.rstrip("\n").split(" ", 2)
                events.append((int(ns), kind, bytes.fromhex(data) if kind != "usage" else data))
        return events


class Replay:
    """The screen as it was after each piece of output."""

    def __init__(self, size=(ROWS, COLS)):
        self.rows, self.cols = size
        self.screen = _Screen(self.cols, self.rows)
        self.stream = _Stream(self.screen)

    def feed(self, data):
        self.stream.feed(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def cursor_row(self):
        """The row whose first column has the cursor's sign and its neighbours, as text without figures (they change):
        two backends may have instances of one name, which follow each other when the list scrolls below the cursor."""
        for y in range(1, ROWS - 1):
            if self.screen.buffer[y][0].data in ("▸", ">"):
                return y, *("".join(self.screen.buffer[line][x].data for x in range(1, 28)).strip() for line in (y - 1, y, y + 1))
        return None


def full(lines):
    """Whether a first screen is complete: rows of instances down to the detail pane or the last one."""
    rows = [line for line in lines if " running " in line or " stopped " in line]
    return len(rows) >= 8 and bool(lines[-1])


def full_top(lines):
    """The same for top(1): its heading and processes below it."""
    heads = [i for i, line in enumerate(lines) if "PID USER" in line]
    return bool(heads) and bool(lines[-2])


def first_full_screen_ms(events, full=full):
    """Milliseconds until the last byte of the burst that completes the first screen."""
    replay, complete_at, last = Replay(), None, 0
    for ns, kind, data in events:
        if kind != "out":
            continue
        if complete_at is not None and ns - last > 4_000_000:
            break
        replay.feed(data)
        last = ns
        if complete_at is None and full(replay.lines()):
            complete_at = ns
    if complete_at is None:
        raise SystemExit("bench: no full screen was seen; the last one was:\n" + "\n".join(replay.lines()))
    return last / 1e6


def key_latencies_ms(events, row=None):
    """For each key the milliseconds until the last byte of the update that moved the cursor; `row` tells where it is."""
    replay = Replay()
    row = row or Replay.cursor_row
    found, key_at, before, moved_at = [], None, None, None
    unanswered = 0
    for ns, kind, data in events:
        if kind == "key":
            if key_at is not None:
                if moved_at is None:
                    unanswered += 1
                else:
                    found.append((moved_at - key_at) / 1e6)
            key_at, moved_at, before = ns, None, row(replay)
        elif kind == "out":
            # what follows within 4 ms belongs to the same update; later output is the next refresh
            same = moved_at is not None and ns - moved_at < 4_000_000
            replay.feed(data)
            if key_at is None:
                continue
            if same or (moved_at is None and row(replay) != before):
                moved_at = ns
    if key_at is not None and moved_at is not None:
        found.append((moved_at - key_at) / 1e6)
    return found, unanswered
