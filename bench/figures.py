# SPDX-License-Identifier: GPL-3.0-or-later
"""What figures cost: parts a to d of `bench/run stats`.

(a) one sample of N containers against a bare loop of pread(2) over the same files (bench/sample.c)
(b) CPU per second of streaming tools over 100 idle containers each, client and daemons together (bench/streaming.py)
(c) `gemel stats --json` against `virsh domstats` as processes, over N paused firmware guests; calls of libvirt per sample
(d) the console's CPU at 1 s refresh, and its memory above the same program with no instances, with N of the simulator's

Each part is a function that takes the Report of bench/run and prints what it found through it.
"""

import contextlib
import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness.gemel import program  # noqa: E402
from harness.world import World  # noqa: E402

from streaming import cpu_ns, part_b  # noqa: E402


def build(name, folder="bench"):
    """A program that is built now; its path."""
    tree = os.path.join(ROOT, os.environ.get("GEMEL_BUILD", "build"))
    subprocess.run(["ninja", "-C", tree, f"{folder}/{name}"], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(tree, folder, name)


def pss_kb(pid):
    """Proportional set size."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
        return int(re.search(r"^Pss:\s+(\d+)", text.read(), re.M).group(1))


# ---- (a)


def part_a(report, rounds):
    sampler = build("bench-sample")
    found = {}
    for n in (1, 10, 100, 1000):
        done = subprocess.run([sampler, str(n), str(rounds + 2)], stdout=subprocess.PIPE, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()][2:]  # the first ones open the files
        mine, floor = [float(row[1]) for row in rows], [float(row[2]) for row in rows]
        files = int(rows[0][3]) // n
        report.values(f"stats.a_sample_{n}_us", mine, 1)
        report.values(f"stats.a_floor_{n}_us", floor, 1)
        report.say(f"stats.a {n} containers of {files} files: {statistics.median(mine) / n:.1f} us each, "
                   f"floor {statistics.median(floor) / n:.1f} us")
        report.ratio(f"stats.a_{n}_over_floor", [a / b for a, b in zip(mine, floor)], 1.3)
        found[n] = statistics.median(mine) / n, statistics.median(floor) / n
    # The caches are as small for the floor: what is asked is that the sample grows no faster than it.
    growth = (found[1000][0] / found[100][0]) / (found[1000][1] / found[100][1])
    report.ratio("stats.a_growth_100_to_1000_over_the_floors", [growth], 1.3)


# ---- (c)

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void note(const char *name)
{
    int fd = open(getenv("GEMEL_CALLS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd >= 0) { if (write(fd, name, strlen(name)) < 0) {} if (write(fd, "\n", 1) < 0) {} close(fd); }
}
#define WRAP(type, name, params, args) \
    type name params { static type (*next) params; if (!next) next = (type (*) params)dlsym(RTLD_NEXT, #name); note(#name); return next args; }
WRAP(int, virConnectGetAllDomainStats, (void *c, unsigned s, void *r, unsigned f), (c, s, r, f))
WRAP(int, virConnectListAllDomains, (void *c, void *d, unsigned f), (c, d, f))
WRAP(char *, virDomainGetXMLDesc, (void *d, unsigned f), (d, f))
WRAP(int, virDomainGetState, (void *d, int *s, int *r, unsigned f), (d, s, r, f))
WRAP(int, virDomainGetInfo, (void *d, void *i), (d, i))
"""

DOMAIN = """<domain type='test'><name>g{i}</name><uuid>{i:08x}-1111-4111-8111-111111111111</uuid>
<memory>16384</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"""


def calls_per_sample(report, guests=1000, samples=5):
    """What gemel asks libvirt for per sample, on the driver that is in the process."""
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as home:
        with open(f"{home}/node.xml", "w", encoding="ascii") as node:
            node.write("<node>" + "".join(DOMAIN.format(i=i) for i in range(guests)) + "</node>")
        with open(f"{home}/shim.c", "w", encoding="ascii") as source:
            source.write(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", f"{home}/shim.so", f"{home}/shim.c", "-ldl"], check=True)
        counts = []
        for n in (1 + samples, 1 + 2 * samples):  # what comes once, at the start, is in both
            calls = f"{home}/calls{n}"
            env = {**os.environ, "HOME": home, "LD_PRELOAD": f"{home}/shim.so", "GEMEL_CALLS": calls,
                   "GEMEL_ROOT": f"{home}/store", "GEMEL_RUN": f"{home}/run"}
            subprocess.run([program("gemel"), "--connect", f"test://{home}/node.xml", "stats", "--json", "-n", str(n),
                            "--interval", "300ms", "--timeout", "20s"], env=env, check=True, stdout=subprocess.DEVNULL)
            with open(calls, encoding="ascii") as text:
                lines = text.read().split()
            counts.append({name: lines.count(name) for name in set(lines)})
        more = {name: (counts[1][name] - counts[0].get(name, 0)) / samples for name in counts[1]}
        report.say(f"stats.c calls of libvirt per sample of {guests} guests: " +
                   ", ".join(f"{name} {n:g}" for name, n in sorted(more.items())))
        report.ratio("stats.c_rpcs_per_sample", [sum(more.values())], 1)


def mapper_time(report, guests=1000):
    """From a thousand guests' parameters, as recorded from a real one, to their samples."""
    path = build("test-libvirt-stats", "tests/unit/libvirt")
    done = subprocess.run([path, "-m", "perf", "-p", "/libvirt/stats/time of a thousand"], stdout=subprocess.PIPE, text=True,
                          check=True, env={**os.environ, "G_TEST_SRCDIR": os.path.join(ROOT, "tests", "fixtures")})
    found = re.findall(r"us (\d+) of (\d+) parameters", done.stdout)
    report.values("stats.c_mapper_1000_ms", [int(us) / 1e3 for us, _ in found])
    report.say(f"stats.c mapper of {guests} guests of {found[0][1]} parameters each: "
               f"{statistics.median(int(us) for us, _ in found) / 1e3:.2f} ms of CPU")


def part_c(report, rounds):
    calls_per_sample(report)
    mapper_time(report)
    world = World()
    world.start()
    try:
        world.libvirt()
        gemel = world.gemel(connect=["qemu:///system"])
        have = 0
        for n in (1, 10, 30):
            for i in range(have, n):
                world.virsh("suspend", world.guests.firmware(f"b{i}"))
            have = n
            mine, theirs = [], []
            for _ in range(rounds):
                began = time.monotonic()
                assert gemel.ok("stats", "--json").out.count("\n") == n
                mine.append((time.monotonic() - began) * 1e3)
                began = time.monotonic()
                world.virsh("domstats")
                theirs.append((time.monotonic() - began) * 1e3)
            report.values(f"stats.c_gemel_{n}_ms", mine, 1)
            report.values(f"stats.c_virsh_{n}_ms", theirs, 1)
            report.ratio(f"stats.c_{n}_over_virsh", [a / b for a, b in zip(mine, theirs)], 1)
    finally:
        world.stop()


# ---- (d)


class Console:
    """gemel on a terminal whose other end is read and thrown away."""

    def __init__(self, instances, home):
        env = {**os.environ, "HOME": home, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": home,
               "XDG_STATE_HOME": home, "GEMEL_ROOT": f"{home}/store", "GEMEL_RUN": f"{home}/run"}
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        subprocess.run(["stty", "rows", "40", "cols", "120"], stdin=slave, check=True)
        self.tool = subprocess.Popen([program("gemel"), "--connect", f"sim:{instances},whims=off"], env=env,
                                     stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def close(self):
        self.tool.kill()
        self.tool.wait()
        os.close(self.master)


def drain(consoles, seconds):
    """Read all terminals for that long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for fd in select.select([c.master for c in consoles], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):
                while os.read(fd, 65536):
                    pass


def part_d(report, rounds, history_s=int(os.environ.get("GEMEL_BENCH_HISTORY_S", "600")), seconds=20):
    sizes = (0, 100, 1000, 10000)
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as home:
        consoles = {}
        try:
            for n in sizes:
                os.makedirs(f"{home}/{n}")
                consoles[n] = Console(n, f"{home}/{n}")
            report.say(f"stats.d: consoles of {', '.join(map(str, sizes))} instances of the simulator at 1 s refresh; "
                       f"{history_s} s of history first, then {rounds} times {seconds} s")
            drain(list(consoles.values()), history_s)
            used = {n: [] for n in sizes}
            for _ in range(rounds):
                before, began = {n: cpu_ns(c.tool.pid) for n, c in consoles.items()}, time.monotonic_ns()
                drain(list(consoles.values()), seconds)
                took = time.monotonic_ns() - began
                for n, console in consoles.items():
                    used[n].append((cpu_ns(console.tool.pid) - before[n]) / took * 100)
            memory = {n: pss_kb(c.tool.pid) for n, c in consoles.items()}
        finally:
            for console in consoles.values():
                console.close()
    for n in sizes:
        report.values(f"stats.d_{n}_percent_of_a_core", used[n])
        report.say(f"stats.d {n:5} instances: {statistics.median(used[n]):.2f} % of a core, PSS {memory[n] / 1024:.1f} MB, "
                   f"{(memory[n] - memory[0]) / 1024:+.1f} MB against none")
    report.ratio("stats.d_100_over_1_percent", used[100], 1)
    report.ratio("stats.d_1000_over_5_percent", [v / 5 for v in used[1000]], 1)
    report.ratio("stats.d_1000_memory_over_20_mb", [(memory[1000] - memory[0]) / 1024 / 20], 1)


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}
