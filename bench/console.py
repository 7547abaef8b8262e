# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator waits for and what a slow line has to carry: parts a to c of `bench/run tui`.

(a) exec to the last byte of the first full screen, with 12 to 10,000 instances and before any backend has answered
(b) key to the last byte of the update, with 100 to 10,000 instances, idle and beside a backend that hangs
(c) at 1 s refresh with 50 rows to be seen: bytes to the terminal per second and per changed cell, and CPU

beside htop, btop and top(1) where they are installed. Each part is a function that takes the Report of bench/run.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile

import screen
from harness.gemel import program

SIZES = (100, 1000, 10000)
HANGS = "sim:20,seed=7,hang=list+sample,hang-after=1s"
DOWN, UP = "\x0e", "\x10"
# 50 processes are seen below htop's meters, 50 instances between gemel's three lines and its two
BUSY, SEEN, WATCH_S = 60, 50, 15

BUSY_C = """
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    for (int i = 0; i < atoi(argv[1]); i++) {
        if (fork() != 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (struct timespec a, b, rest = {0, 90000000 + i * 1000000};; nanosleep(&rest, NULL)) {
            clock_gettime(CLOCK_MONOTONIC, &a);
            do
                clock_gettime(CLOCK_MONOTONIC, &b);
            while ((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec < 700000);
        }
    }
    pause();
}
"""


def sim(count, hung=False):
    """gemel's arguments for so many simulated instances."""
    return [program("gemel"), "-c", f"sim:{count}", *(["-c", HANGS] if hung else [])]


def full_htop(lines):
    """Whether htop's first screen is complete: its heading, processes, its footer."""
    return any("PID" in line and "Command" in line for line in lines) and "Quit" in lines[-1]


def full_btop(lines):
    """The same for btop, whose boxes are drawn one after the other."""
    return any("Command" in line or "Program" in line for line in lines) and bool(lines[-1])


def full_waiting(lines):
    """gemel's first screen while nobody has answered: header, columns, footer."""
    return "gemel" in lines[0] and any("NAME" in line for line in lines) and "help" in lines[-1]


def others():
    """The other programs that are here: name → (argv, full, settle_ms)."""
    found = {"top": (["top", "-d", "5"], screen.full_top),
             "htop": (["htop", "-d", "50"], full_htop),
             "btop": (["btop", "--utf-force"], full_btop)}
    return {name: ([shutil.which(argv[0]), *argv[1:]], full) for name, (argv, full) in found.items() if shutil.which(argv[0])}


def part_a(report, rounds):
    """exec to first full screen."""
    rounds *= 3
    variants = {f"gemel {n}": (sim(n), screen.full) for n in (12, *SIZES)}
    variants["gemel unanswered"] = ([program("gemel"), "-c", "sim:12,hang=open"], full_waiting)
    variants |= others()
    times = {name: [] for name in variants}
    report.say(f"tui a: exec to the last byte of the first full screen, {screen.COLS}x{screen.ROWS}, {rounds} rounds, "
               "interleaved")
    for argv, _ in variants.values():  # caches
        screen.drive(argv, settle_ms=100)
    for number in range(rounds):
        for name, (argv, full) in variants.items():
            events = screen.drive(argv, settle_ms=400, seed=number)
            times[name].append(screen.first_full_screen_ms(events, full))
    for name, series in times.items():
        report.values(f"tui.first_screen.{name.replace(' ', '_')}_ms", series)
    for name, series in times.items():
        report.summary(f"tui.first_screen.{name}", series, "ms")
    for name in ("gemel 12", "gemel unanswered"):
        report.ratio(f"tui.first_screen.{name.replace(' ', '_')}_over_50ms", [v / 50 for v in times[name]], 1)


def htop_row(replay):
    """The row of htop's cursor: the one with a background between the heading and the footer."""
    for y in range(6, screen.ROWS - 1):
        if all(replay.screen.buffer[y][x].bg == "cyan" for x in range(4)):
            return y
    return None


def part_b(report, rounds):
    """Key to screen."""
    keys = ("j" * 9 + "k" * 4) * 8 + "G" + "k" * 12 + "g" + "j" * 12
    arrows = (DOWN * 9 + UP * 9) * 6
    variants = {f"{n} {how}": (sim(n, how == "hung"), keys, None) for n in SIZES for how in ("idle", "hung")}
    if shutil.which("htop"):
        variants["htop"] = ([shutil.which("htop"), "-d", "10"], arrows, htop_row)
    p99 = {name: [] for name in variants}
    everything = {name: [] for name in variants}
    report.say(f"tui b: key to the last byte of the update, figures every second, {screen.COLS}x{screen.ROWS}, "
               f"{len(keys)} keys a round, {rounds} rounds, interleaved; `hung`: beside a backend that hangs; htop with "
               f"{BUSY} busy processes")
    for number in range(rounds):
        for name, (argv, typed, row) in variants.items():
            with busy() if name == "htop" else contextlib.nullcontext():
                # the hung backend gets 3.5 s to be seen as such before the first key
                events = screen.drive(argv, keys=typed, settle_ms=3500 if number == 0 else 1500, seed=number + 1)
            found, unanswered = screen.key_latencies_ms(events, row)
            if len(found) < len(typed) * 0.9:
                raise SystemExit(f"bench: {name}: only {len(found)} of {len(typed)} keys moved the cursor")
            if unanswered:
                report.say(f"tui.key.{name} round {number}: {unanswered} keys did not move the cursor before the next")
            everything[name] += found
            p99[name].append(report.percentile(found, 99))
    for name, series in p99.items():
        series_name = name.replace(" ", "_")
        report.values(f"tui.key.{series_name}_p99_ms", series)
        report.values(f"tui.key.{series_name}_p50_p90_p99_max_ms",
                      [report.percentile(everything[name], p) for p in (50, 90, 99, 100)], 3)
    for name, series in everything.items():
        report.summary(f"tui.key.{name}", series, "ms")
    for name, series in p99.items():
        if name != "htop":
            report.ratio(f"tui.key.{name.replace(' ', '_')}_p99_over_10ms", [v / 10 for v in series], 1)


@contextlib.contextmanager
def busy():
    """Processes that compute a little, for htop to show."""
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as home:
        source, made = os.path.join(home, "busy.c"), os.path.join(home, "busy")
        with open(source, "w", encoding="ascii") as file:
            file.write(BUSY_C)
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", source, "-o", made], check=True)
        with subprocess.Popen([made, str(BUSY)]) as process:
            try:
                yield
            finally:
                process.kill()


def cells(replay):
    """What is to be seen: character and attributes of every cell."""
    return [[(c.data, c.fg, c.bg, c.bold, c.underscore, c.reverse) for c in map(line.__getitem__, range(replay.cols))]
            for line in map(replay.screen.buffer.__getitem__, range(replay.rows))]


def changes(events, size):
    """Bytes and changed cells of each update of the time that was watched; an update ends with 50 ms of silence."""
    replay = screen.Replay(size)
    outs = [(ns, data) for ns, kind, data in events if kind == "out" and b"\x1b[?1049l" not in data]
    # what the keys brought about is left out, and what giving the terminal back did
    begin = outs[-1][0] - (WATCH_S - 2) * 1_000_000_000
    before, held, found, last = None, 0, [], 0
    for ns, data in [*outs, (1 << 62, b"")]:
        if held and ns - last > 50_000_000:
            now = cells(replay)
            if before is not None and last > begin:
                found.append((held, sum(a != b for old, new in zip(before, now) for a, b in zip(old, new))))
            before, held = now, 0
        replay.feed(data)
        held += len(data)
        last = ns
    return found


def part_c(report, rounds):
    """Bytes and CPU while nobody types."""
    rounds = max(2, rounds // 2)
    gemel = [program("gemel"), "-c", f"sim:{2 * SEEN},still=on,whims=off,flip=on"]
    rc = "set refresh 1s\ncolumns name kind state memory backend\n"
    variants = {"gemel": (gemel, (SEEN + 4, 120), "/state=running\r+", rc)}
    if shutil.which("htop"):
        variants["htop"] = ([shutil.which("htop"), "-d", "10"], (SEEN + 7, 120), "", None)
        variants["htop by pid"] = ([shutil.which("htop"), "-d", "10", "-s", "PID"], (SEEN + 7, 120), "", None)
    found = {name: [] for name in variants}
    cpu = {name: [] for name in variants}
    report.say(f"tui c: {WATCH_S} s at 1 s refresh, {SEEN} rows to be seen, {rounds} rounds, interleaved; gemel: the simulator "
               f"changes 3 cells in each row; htop: {BUSY} busy processes")
    for number in range(rounds):
        for name, (argv, size, keys, lines) in variants.items():
            with busy():
                events = screen.drive(argv, keys=keys, settle_ms=2000, gap_ms=(20, 40), seed=number, size=size, rc=lines,
                                      idle_ms=WATCH_S * 1000)
            updates = changes(events, size)
            found[name].append((sum(b for b, _ in updates), sum(n for _, n in updates), len(updates)))
            cpu[name].append(int(events[-1][2].split()[2]) / 1e4 / WATCH_S)
    for name, rows in found.items():
        report.values(f"tui.idle.{name}_bytes_per_update", [b / n for b, _, n in rows])
        report.values(f"tui.idle.{name}_cells_per_update", [c / n for _, c, n in rows])
        report.values(f"tui.idle.{name}_bytes_per_cell", [b / n for b, n, _ in rows])
        report.values(f"tui.idle.{name}_cpu_percent", cpu[name])
        report.summary(f"tui.idle.{name} bytes per changed cell", [b / n for b, n, _ in rows], "bytes")
        report.summary(f"tui.idle.{name} CPU of a core", cpu[name], "%")
    if "htop" in found:
        report.ratio("tui.idle.bytes_per_cell_of_htop",
                     [(a / b) / (c / d) for (a, b, _), (c, d, _) in zip(found["gemel"], found["htop"])], 1)
        report.say(f"ratio tui.idle.cpu_of_htop {statistics.median(a / b for a, b in zip(cpu['gemel'], cpu['htop'])):.2f}")
    else:
        report.say("RATIO tui.idle.bytes_per_cell_of_htop not measured: htop is not installed")


PARTS = {"a": part_a, "b": part_b, "c": part_c}
