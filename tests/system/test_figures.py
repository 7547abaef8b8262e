# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures against the real thing: the kernel's files, virsh, and loads of known size.

Counters are *bracketed*: read by hand before and after gemel reads them, gemel's value has to lie between, with no
tolerance at all. Where a load of known size is the measure, the tolerance is named beside it.
"""

import contextlib
import datetime
import json
import os
import re
import time

import pytest

from harness.wait import until

MIB = 1 << 20

# v1 file below the container's group in that controller's hierarchy -> metric; "key" for files of lines
V1 = [
    ("cpuacct", "cpuacct.usage", None, "cpu.usage", 1),
    ("cpuacct", "cpuacct.usage_user", None, "cpu.user", 1),
    ("cpuacct", "cpuacct.usage_sys", None, "cpu.system", 1),
    ("cpu", "cpu.stat", "nr_throttled", "cpu.nr_throttled", 1),
    ("cpu", "cpu.stat", "throttled_time", "cpu.throttled", 1),
    ("memory", "memory.oom_control", "oom_kill", "memory.oom_kills", 1),
    ("memory", "memory.stat", "total_pgmajfault", "memory.major_faults", 1),
]
V2 = [
    ("", "cpu.stat", "usage_usec", "cpu.usage", 1000),
    ("", "cpu.stat", "user_usec", "cpu.user", 1000),
    ("", "cpu.stat", "system_usec", "cpu.system", 1000),
    ("", "cpu.stat", "nr_throttled", "cpu.nr_throttled", 1),
    ("", "cpu.stat", "throttled_usec", "cpu.throttled", 1000),
    ("", "memory.events", "oom_kill", "memory.oom_kills", 1),
    ("", "memory.stat", "pgmajfault", "memory.major_faults", 1),
]
IS_V1 = os.path.isdir("/sys/fs/cgroup/memory") and not os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def sample(gemel, name, *more, count=1):
    """The last of `count` samples of one instance."""
    backend = () if "vm" in name else ("--connect", "native")  # which does not need libvirtd
    out = gemel.ok(*backend, "stats", name, "--json", "-n", count, *more, timeout=60).out
    return json.loads(out.strip().splitlines()[-1])


def groups_of(pid):
    """Controller ("" for v2) -> directory of the process's group, read from /proc as a person would."""
    found = {}
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as text:
        for line in text:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                if controller == "":
                    top = "/sys/fs/cgroup/unified" if IS_V1 else "/sys/fs/cgroup"
                else:
                    top = next((f"/sys/fs/cgroup/{d}" for d in (controller, "cpu,cpuacct")
                                if os.path.isdir(f"/sys/fs/cgroup/{d}")), None)
                found[controller.removeprefix("name=")] = f"{top}{path}"
    return found


def by_hand(groups):
    """metric -> value, from the cgroup files."""
    values = {}
    for controller, file, key, metric, factor in V1 if IS_V1 else V2:
        with contextlib.suppress(OSError), \
                open(os.path.join(groups[controller], file), encoding="ascii") as text:
            for line in text:
                words = line.split()
                if key is None or words[0] == key:
                    values[metric] = int(words[-1]) * factor
                    break
    return values


@pytest.fixture
def container(world, real):
    """container(command, limit=…, network=…) -> (name, pid), running; gone after the test."""
    serial = iter(range(100))

    def make(*command, limits=(), network=None):
        name = world.name(f"fig{next(serial)}")
        args = ["create", name, "--rootfs", world.rootfs]
        for limit in limits:
            args += ["--limit", limit]
        if network:
            args += ["--network", network]
        real.ok(*args, "--", *command)
        real.ok("start", name)
        return name, real.json("inspect", name)["pid"]

    return make


# ---- containers


def test_counters_lie_between_two_readings_of_the_files_by_hand(real, container):
    name, pid = container("/bin/sh", "-c", "while :; do :; done", limits=["cpu=0.1"])
    groups = groups_of(pid)
    until(lambda: by_hand(groups)["cpu.nr_throttled"] > 3, 10, "throttling")
    before = by_hand(groups)
    seen = sample(real, name)["metrics"]
    after = by_hand(groups)
    assert len(before) >= 7, before
    for metric, low in before.items():
        assert low <= seen[metric] <= after[metric], (metric, low, seen[metric], after[metric])
    assert seen["cpu.usage"] > before["cpu.usage"] or before["cpu.usage"] == after["cpu.usage"]
    assert seen["pids.current"] == 1 and seen["cpu.limit"] == 100


def test_a_process_under_a_quota_uses_the_quota(real, container):
    # The kernel grants the quota, 20 % of a core; what gemel says is within 5 % of a core of that, and of what the
    # files say over the same time.
    name, pid = container("/bin/sh", "-c", "while :; do :; done", limits=["cpu=0.2"])
    groups = groups_of(pid)
    until(lambda: by_hand(groups)["cpu.nr_throttled"] > 3, 10, "throttling")
    for _ in range(5):  # on a host with more to do than it can the quota is not reached, and differs from second to second
        before, began = by_hand(groups), time.monotonic_ns()
        seen = sample(real, name, "--interval", "2s", count=2)
        after, took = by_hand(groups), time.monotonic_ns() - began
        share = (after["cpu.usage"] - before["cpu.usage"]) / took
        held = (after["cpu.nr_throttled"] - before["cpu.nr_throttled"]) / took * 1e9
        if abs(seen["cpu_percent"] / 100 - share) <= 0.05 and abs(seen["rates"]["cpu.nr_throttled"] - held) <= 3:
            break
    else:
        raise AssertionError((seen, share, held))
    assert 2 <= seen["cpu_percent"] <= 25, seen
    if share > 0.18:
        assert seen["rates"]["cpu.nr_throttled"] >= 5, seen["rates"]  # of ten periods a second
    assert seen["rates"]["cpu.throttled"] > 0


def test_a_hog_under_a_limit_is_seen_with_its_kills(real, container):
    name, pid = container("/bin/sh", "-c", "(tail /dev/zero); exec sleep 1000", limits=["memory=48M"])
    groups = groups_of(pid)
    until(lambda: by_hand(groups)["memory.oom_kills"] >= 1, 20, "the hog's end")
    seen = sample(real, name)["metrics"]
    assert seen["memory.oom_kills"] == by_hand(groups)["memory.oom_kills"] >= 1
    if not IS_V1:  # v1 does not count it where memory+swap is what was hit
        assert seen["memory.oom_events"] >= 1
    assert seen["memory.limit"] == 48 * MIB
    assert seen["memory.usage"] <= 48 * MIB
    assert os.path.exists(f"/proc/{pid}")  # the hog was a child


def test_memory_of_a_known_size_is_charged(real, container):
    # 24 MiB in a tmpfs of the container's: charged as file pages; the rest is its shell's, under 8 MiB.
    name, _ = container("/bin/sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=24 2>/dev/null; "
                        "echo done >/dev/shm/done; exec sleep 1000", limits=["memory=128M"])
    until(lambda: real.run("exec", name, "--", "test", "-e", "/dev/shm/done").status == 0, 10, "the file")
    seen = sample(real, name)["metrics"]
    assert 24 * MIB <= seen["memory.usage"] <= 32 * MIB, seen
    assert 24 * MIB <= seen["memory.file"] <= 30 * MIB, seen


def device_behind(path):
    """"MAJ:MIN" of the whole disk behind a path; None where it is on none."""
    number = os.stat(path).st_dev
    link = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not os.path.isdir(link):
        return None
    if os.path.exists(os.path.join(link, "partition")):
        link = os.path.dirname(link)
    with open(os.path.join(link, "dev"), encoding="ascii") as dev:
        return dev.read().strip()


def test_dd_on_a_throttled_disk(real, container):
    # 3 MiB at 1 MiB/s past the cache: exactly 3 MiB are counted; at least 2 s (the kernel lets a first slice through).
    name, pid = container("/bin/sleep", "1000")
    groups, device = groups_of(pid), device_behind(real.root)
    if device is None:
        pytest.skip(f"{real.root} is on no block device")
    file, text = (("blkio/blkio.throttle.write_bps_device", f"{device} {MIB}") if IS_V1 else
                  ("/io.max", f"{device} wbps={MIB}"))
    controller, file = file.split("/")
    try:
        with open(os.path.join(groups[controller], file), "w", encoding="ascii") as throttle:
            throttle.write(text)
    except OSError as error:
        pytest.skip(f"this host does not throttle {device}: {error}")
    before = sample(real, name)["metrics"]
    began = time.monotonic()
    real.ok("exec", name, "--", "dd", "if=/dev/zero", "of=/big", "bs=65536", "count=48", "oflag=direct")
    took = time.monotonic() - began
    seen = sample(real, name)
    assert seen["metrics"]["io.wr_bytes"] - before["io.wr_bytes"] == 3 * MIB, (before, seen)
    assert seen["metrics"]["io.wr_ops"] - before["io.wr_ops"] >= 3
    disks = seen["rows"]["disk"]
    assert sum(disk["wr_bytes"] for disk in disks) == seen["metrics"]["io.wr_bytes"]
    assert took >= 2, took


@pytest.fixture
def wire(world):
    """Two network namespaces joined by a veth: (path of the container's, name of the peer's)."""
    names = [f"{world.tag}-fig-{end}" for end in "ab"]
    for name in names:
        world.run("ip", "netns", "add", name)
    try:
        world.run("ip", "-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
                  "netns", names[1])
        for name, address in zip(names, ("10.99.7.1/24", "10.99.7.2/24")):
            world.run("ip", "-n", name, "addr", "add", address, "dev", "eth0")
            world.run("ip", "-n", name, "link", "set", "eth0", "up")
            world.run("ip", "-n", name, "link", "set", "lo", "up")
        yield f"/run/netns/{names[0]}", names[1]
    finally:
        for name in names:
            world.run("ip", "netns", "del", name, check=False)


SEND = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(2000):
    s.sendto(bytes(1000), ("10.99.7.1", 9))
"""


def test_bytes_through_a_veth_are_counted(world, real, container, wire):
    # 2,000 datagrams of 1,000 bytes, with 42 of UDP, IP and Ethernet each; what else passes (ARP, IPv6 neighbours,
    # answers) is under 1 %.
    path, peer = wire
    name, _ = container("/bin/sleep", "1000", network=f"ns:{path}")
    before = sample(real, name)["metrics"]
    world.run("ip", "netns", "exec", peer, "/usr/bin/python3", "-c", SEND)
    seen = sample(real, name)
    got = seen["metrics"]["net.rx_bytes"] - before["net.rx_bytes"]
    assert 2000 * 1042 <= got <= 2000 * 1042 * 1.01, got
    assert 2000 <= seen["metrics"]["net.rx_packets"] - before["net.rx_packets"] <= 2040
    assert [nic["name"] for nic in seen["rows"]["nic"]] == ["eth0"]
    assert seen["rows"]["nic"][0]["rx_bytes"] == seen["metrics"]["net.rx_bytes"]


# ---- guests

# virsh domstats -> metric
SAME = {"cpu.time": "cpu.usage", "cpu.user": "cpu.user", "cpu.system": "cpu.system"}
SAME_ROWS = {"time": "time", "wait": "wait", "delay": "steal"}


def domstats(world, name):
    """virsh domstats as a dictionary."""
    lines = world.virsh("domstats", name).splitlines()
    return dict(line.strip().split("=", 1) for line in lines if "=" in line)


@pytest.fixture(scope="module")
def guest(world):
    """A Linux guest of the lab's parts, booted."""
    name = world.guests.linux("figvm")
    world.guests.wait_booted(name)
    yield name
    world.guests.destroy(name)


def bracket(world, real, name):
    """(virsh before, gemel, virsh after)"""
    before = domstats(world, name)
    seen = sample(real, name)
    return before, seen, domstats(world, name)


def test_a_guests_counters_lie_between_two_answers_of_virsh(world, real, guest):
    before, seen, after = bracket(world, real, guest)
    checked = 0

    def check(low, value, high):
        nonlocal checked
        assert int(low) <= value <= int(high), (low, value, high)
        checked += 1

    for field, metric in SAME.items():
        check(before[field], seen["metrics"][metric], after[field])
    for row in seen["rows"]["vcpu"]:
        for field, name in SAME_ROWS.items():
            key = f"vcpu.{row['name']}.{field}"
            check(before[key], row[name], after[key])
    for row in seen["rows"]["disk"]:
        n = next(n for n in range(int(before["block.count"])) if before[f"block.{n}.name"] == row["name"])
        for field, name in (("rd.bytes", "rd_bytes"), ("wr.reqs", "wr_ops"), ("rd.times", "rd_time"),
                            ("fl.reqs", "fl_ops"), ("capacity", "capacity")):
            key = f"block.{n}.{field}"
            if key in before:
                check(before[key], row[name], after[key])
    assert checked >= 3 + 2 * 3 + 3, checked
    assert seen["metrics"]["balloon.current"] == int(before["balloon.current"]) * 1024
    assert seen["metrics"]["balloon.maximum"] == int(before["balloon.maximum"]) * 1024


def qemu_by_hand(groups):
    """What the kernel charges a guest's QEMU with: metric -> value."""
    read = {}
    files = {"host.memory.usage": ("memory", "memory.usage_in_bytes") if IS_V1 else ("", "memory.current")}
    for metric, (controller, file) in files.items():
        with open(os.path.join(groups[controller], file), encoding="ascii") as text:
            read[metric] = int(text.read())
    return read


def test_what_the_host_does_to_a_guest_is_read_from_its_group(world, real, guest):
    # Memory charged moves while it is read: within 4 MiB. Pressure totals are bracketed.
    groups = groups_of(world.guests.pid(guest))
    pressure = os.path.join(os.path.dirname(groups[""]), "cpu.pressure")

    def total():
        with open(pressure, encoding="ascii") as text:
            return int(re.search(r"some .*total=(\d+)", text.read()).group(1))

    def now():
        return (qemu_by_hand(groups)["host.memory.usage"], len(os.listdir(f"/proc/{world.guests.pid(guest)}/task")))

    before, low = now(), total()
    seen = sample(real, guest)["metrics"]
    high, after = total(), now()
    memory, tasks = zip(before, after)
    assert min(memory) - 4 * MIB <= seen["host.memory.usage"] <= max(memory) + 4 * MIB, (seen["host.memory.usage"], memory)
    assert low <= seen["pressure.cpu.total"] <= high
    assert seen["host.memory.oom_kills"] == 0
    assert min(tasks) - 2 <= seen["pids.current"] <= max(tasks) + 2, (seen["pids.current"], tasks)


def test_a_guest_that_spins_on_one_vcpu(world, real, real_tui, guest):
    # One of two vCPUs is kept busy; the other idles. The busy one's share is what virsh's counters give over the same
    # time within 15 % of a core (the two do not begin and end together), and the idle one's is under a third of it.
    terminal = real_tui("console", guest)
    terminal.wait_still(0.5, 5)
    terminal.send("\r")
    terminal.wait(r"#$", 20)
    terminal.send("taskset 2 sh -c 'while :; do :; done' &\r")
    terminal.wait(r"#$", 20)

    def vcpu1():
        return int(domstats(world, guest)["vcpu.1.time"])

    start = vcpu1()
    until(lambda: vcpu1() - start > 500_000_000, 20, "a busy vCPU", every=0.2)
    for _ in range(5):  # on a host with more to do than it can the shares differ from second to second
        first, began = vcpu1(), time.monotonic_ns()
        lines = real.ok("stats", guest, "--json", "-n", 2, "--interval", "2s", timeout=60).out.splitlines()
        share = (vcpu1() - first) / (time.monotonic_ns() - began)
        one, two = (json.loads(line) for line in lines[-2:])
        seconds = (datetime.datetime.fromisoformat(two["time"].rstrip("Z")) -
                   datetime.datetime.fromisoformat(one["time"].rstrip("Z"))).total_seconds()
        busy, idle = ((b["time"] - a["time"]) / 1e9 / seconds
                      for a, b in ((one["rows"]["vcpu"][n], two["rows"]["vcpu"][n]) for n in (1, 0)))
        if busy > 0.05 and abs(busy - share) <= 0.15 and idle < busy / 3:
            break
    else:
        raise AssertionError((busy, idle, share))
    assert two["cpu_percent"] >= busy * 100 * 0.9
    terminal.send("kill %1\r")
    terminal.key("^]")

