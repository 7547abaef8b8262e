# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU per second of streaming tools over idle containers, client and daemons together: part b of `bench/run stats`.

gemel, podman and Docker have as many containers of their own each, all at once, and systemd-cgtop looks at gemel's. They
are measured by turns, so that what else the machine does falls on all of them. All of it runs in a cage (cage.py).
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import cage

from harness import engines
from harness.gemel import Gemel
from harness.podman import Podman
from harness.wait import until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETTLE_S = 2.5


def cpu_ns(pid):
    """User and system time of a process so far, all threads, as the scheduler counts it."""
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as text:
                total += int(text.read().split()[0])
    return total


def processes_naming(text):
    """Pids whose command line has `text` in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as line:
            if text.encode() in line.read():
                found.append(int(pid))
    return found


class Watched:
    """A streaming tool, and the processes whose time counts as its."""

    def __init__(self, argv, env, daemons=lambda: []):
        self.argv, self.env, self.daemons = [str(a) for a in argv], env, daemons

    def measure(self, seconds):
        """CPU seconds per second while it streams."""
        with tempfile.TemporaryFile() as out:
            tool = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=self.env)
            try:
                time.sleep(SETTLE_S)
                if tool.poll() is not None:
                    out.seek(0)
                    raise SystemExit(f"bench: {self.argv[0]} ended: {out.read(400).decode(errors='replace')}")
                pids = {tool.pid, *self.daemons()}
                before, began = {pid: cpu_ns(pid) for pid in pids}, time.monotonic_ns()
                printed = os.fstat(out.fileno()).st_size
                time.sleep(seconds)
                used = sum(max(0, cpu_ns(pid) - before[pid]) for pid in pids)
                took = time.monotonic_ns() - began
                if os.fstat(out.fileno()).st_size <= printed:
                    raise SystemExit(f"bench: {self.argv[0]} printed nothing meanwhile")
                return used / took
            finally:
                tool.terminate()
                try:
                    tool.wait(10)
                except subprocess.TimeoutExpired:
                    tool.kill()
                    tool.wait()


def gemel_containers(count):
    """A gemel with that many idle containers."""
    home = tempfile.mkdtemp(prefix="g-")
    gemel = Gemel(home, cgroup=f"{cage.tag()}-gemel", connect=["native"])
    rootfs = os.path.join(home, "rootfs")
    subprocess.run([os.path.join(ROOT, "config", "lab", "ct-rootfs"), rootfs], check=True, stderr=subprocess.DEVNULL)
    for i in range(count):
        gemel.ok("create", f"b{i}", "--rootfs", rootfs, "--", "/bin/sleep", "100000")
        gemel.ok("start", f"b{i}")
    return gemel


def podman_containers(count):
    """A podman with that many."""
    podman = Podman(tempfile.mkdtemp(prefix="p-"), parent=f"{cage.tag()}-podman", runtime="runc")
    for _ in range(count):
        podman.start(["sleep", "100000"])
    return Watched([*podman.argv, "stats", "--interval", "1"], podman.env)


def docker_containers(count):
    """A dockerd of its own with that many."""
    top = tempfile.mkdtemp(prefix="d-")
    path = engines.docker_path()
    env = {"PATH": path, "HOME": top, "LC_ALL": "C.UTF-8", "TERM": "xterm", "DOCKER_HOST": f"unix://{top}/docker.sock"}
    with open(f"{top}/daemon.json", "w", encoding="ascii") as file:
        json.dump({"deprecated-key-path": f"{top}/key.json"}, file)
    with open(f"{top}/log", "wb") as log:
        subprocess.Popen(  # pylint: disable=R1732
            [shutil.which("dockerd", path=path), "--host", f"unix://{top}/docker.sock", "--data-root", f"{top}/data",
             "--exec-root", f"{top}/exec", "--pidfile", f"{top}/pid", "--config-file", f"{top}/daemon.json",
             "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
             "--cgroup-parent", f"/{cage.tag()}-docker"],
            env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    client = shutil.which("docker", path=path)

    def call(*args):
        return subprocess.run([client, *args], env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=120, check=False)

    def told():
        with open(f"{top}/log", encoding="utf-8", errors="replace") as text:
            return "dockerd to answer\n" + text.read()[-2000:]

    until(lambda: call("version").returncode == 0, 60, told)
    done = call("import", engines.image_tar(f"{top}/image.tar"), "busy")
    for _ in range(count):
        if done.returncode == 0:
            done = call("run", "-d", "--network", "none", "--ulimit", "nofile=1024:1024", "busy", "sleep", "100000")
    if done.returncode != 0:
        raise SystemExit(f"bench: docker: {done.stderr}")
    return Watched([client, "stats"], env, lambda: processes_naming(top))


def inside(report, rounds, count, seconds):
    """The measurement, in a cage."""
    missing = {}
    gemel = gemel_containers(count)
    tools = {
        "gemel": Watched(gemel.argv("top", "--batch", "--interval", "1s"), gemel.env()),
        "cgtop": Watched(["systemd-cgtop", "-b", "-d", "1", "-n", "100000", f"/{gemel.cgroup}"], None),
    }
    for name, make in (("podman", podman_containers), ("docker", docker_containers)):
        try:
            there = engines.docker_path() if name == "docker" else shutil.which(name)
        except AssertionError:
            there = None
        if there:
            tools[name] = make(count)
        else:
            missing[name] = "not installed"
    report.say(f"stats.b: {count} idle containers for each, {rounds} turns of {seconds} s, by turns: " + ", ".join(tools)
               + f"; load {os.getloadavg()[0]:.1f}")
    used = {name: [] for name in tools}
    for _ in range(rounds):
        for name, tool in tools.items():
            used[name].append(tool.measure(seconds))
    for name, series in used.items():
        report.values(f"stats.b_{name}_ms_per_s", [v * 1e3 for v in series])
        report.say(f"stats.b {name:7} {statistics.median(series) * 1e3:8.2f} ms of CPU per second")
    for name, limit in (("docker", 1 / 50), ("podman", 1 / 20), ("cgtop", 1)):
        if name in used:
            report.ratio(f"stats.b_over_{name}", [a / b for a, b in zip(used["gemel"], used[name])], limit, 4)
        else:
            report.say(f"RATIO stats.b_over_{name} not measured: {missing[name]}")


def part_b(report, rounds):
    """Rounds of 20 s: three are a minute. $GEMEL_BENCH_CONTAINERS makes less than 100, for a try."""
    if cage.tag():
        inside(report, rounds, int(os.environ.get("GEMEL_BENCH_CONTAINERS", "100")), 20)
        return
    status = cage.run("stats", [sys.executable, os.path.join(ROOT, "bench", "run"), "stats", "--parts", "b",
                                "--rounds", str(rounds)])
    if status != 0:
        report.failed("stats.b")
