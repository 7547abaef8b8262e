# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: set at the start, changed later, and holding against what they are for."""

import json
import os
import pathlib
import subprocess
import time

import pytest
from conftest import wait_for


def limits(**resources):
    return {"resources": resources}


def test_limits_are_in_force_before_the_first_instruction(rt):
    cid = rt.bundle("sleep 1000", linux=limits(memory={"limit": 32 << 20}, pids={"limit": 17},
                                               cpu={"quota": 20000, "period": 100000}))
    assert rt.create(cid) == 0, rt.out(cid)
    assert rt.group_file(cid, "memory", "memory.limit_in_bytes", "memory.max") == str(32 << 20)
    assert rt.group_file(cid, "pids", "pids.max", "pids.max") == "17"
    assert rt.group_file(cid, "cpu", "cpu.cfs_quota_us", "cpu.max") in ("20000", "20000 100000")


def test_update_changes_a_running_container(rt):
    cid = rt.start(linux=limits(memory={"limit": 32 << 20}, pids={"limit": 17}))
    rt.ok("update", "--memory", "64m", "--pids-limit", "30", "--cpu-quota", "30000", "--cpu-period", "50000", cid)
    assert rt.group_file(cid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert rt.group_file(cid, "pids", "pids.max", "pids.max") == "30"
    assert rt.group_file(cid, "cpu", "cpu.cfs_quota_us", "cpu.max") in ("30000", "30000 50000")
    rt.ok("update", "-r", "-", cid, stdin=None, input=json.dumps({"memory": {"limit": -1}, "pids": {"limit": -1}}))
    assert rt.group_file(cid, "pids", "pids.max", "pids.max") == "max"
    assert "--memory" in rt.fails("update", "--memory", "lots", cid)


def test_update_with_limits_the_kernel_refuses_names_the_field(rt):
    cid = rt.start()
    assert "cpu.period" in rt.fails("update", "--cpu-period", "5", cid)


def test_an_update_that_fails_changes_nothing(rt):
    cid = rt.start(linux=limits(memory={"limit": 64 << 20}, pids={"limit": 17}, cpu={"quota": 20000, "period": 100000}))

    def now():
        return [rt.group_file(cid, *names) for names in (
            ("memory", "memory.limit_in_bytes", "memory.max"), ("memory", "memory.soft_limit_in_bytes", "memory.low"),
            ("cpu", "cpu.shares", "cpu.weight"), ("cpu", "cpu.cfs_quota_us", "cpu.max"),
            ("cpu", "cpu.cfs_period_us", "cpu.max"), ("cpuset", "cpuset.cpus", "cpuset.cpus.effective"), ("pids", "pids.max", "pids.max"))]
    before = now()
    rest = {"memory": {"limit": 128 << 20, "reservation": 32 << 20}, "pids": {"limit": 33},
            "cpu": {"shares": 300, "quota": 30000, "period": 50000, "cpus": "0"}}
    for wrong in ({"cpu": {"cpus": "9999"}}, {"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}, {"pids": {"limit": 2**62}}):
        resources = {**rest, **wrong, "cpu": {**rest["cpu"], **wrong.get("cpu", {})}}
        message = rt.fails("update", "-r", "-", cid, stdin=None, input=json.dumps(resources))
        assert "linux.resources" in message and now() == before, (message, now())
    rt.ok("update", "-r", "-", cid, stdin=None, input=json.dumps(rest))
    assert all(one != other for one, other in zip(before[:5], now()))


def test_a_fork_bomb_stays_under_the_pids_limit(rt):
    cid = rt.start("bomb() { bomb | bomb & }; bomb; sleep 1000", linux=limits(pids={"limit": 40}))
    wait_for("the limit to be hit", lambda: int(rt.group_file(cid, "pids", "pids.events", "pids.events").split()[-1]) > 0)
    for _ in range(20):
        assert int(rt.group_file(cid, "pids", "pids.current", "pids.current")) <= 40
        time.sleep(0.01)
    rt.ok("delete", "--force", cid)
    assert rt.leftovers() == []


def test_a_memory_hog_dies_alone_and_the_oom_is_reported(rt):
    cid = rt.start("head -c 300m /dev/zero | tail >/dev/null; sleep 1000", change=tail,
                   linux=limits(memory={"limit": 24 << 20, "swap": 24 << 20}))
    wait_for("an OOM kill", lambda: stats(rt, cid)["memory"]["oomKills"] > 0, 20)
    assert stats(rt, cid)["memory"]["usage"]["usage"] <= 24 << 20
    assert int(rt.group_file(cid, "memory", "memory.max_usage_in_bytes", "memory.peak")) <= 24 << 20
    assert rt.status(cid) == "running"


def tail(config):
    """swap accounting is not everywhere."""
    if not os.path.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"):
        config["linux"]["resources"]["memory"].pop("swap")


def stats(rt, cid):
    return json.loads(rt.ok("events", "--stats", cid))["data"]


def test_a_cpu_quota_holds(rt):
    cid = rt.start("while :; do :; done", linux=limits(cpu={"quota": 10000, "period": 100000}))
    time.sleep(0.2)
    before, start = stats(rt, cid)["cpu"]["usage"]["total"], time.monotonic_ns()
    time.sleep(1)
    share = (stats(rt, cid)["cpu"]["usage"]["total"] - before) / (time.monotonic_ns() - start)
    assert 0.02 < share < 0.2
    assert stats(rt, cid)["cpu"]["throttling"]["throttledPeriods"] > 0


def test_events_goes_on_until_the_container_ends(rt):
    cid = rt.start("sleep 2.5")
    lines = rt.ok("events", "--interval", "200ms", cid).splitlines()
    assert len(lines) >= 2 and all(json.loads(line)["id"] == cid for line in lines)


def test_a_group_with_strangers_in_it_is_refused(rt):
    first = rt.start()
    group = rt.groups()
    cid = rt.bundle("true", linux={"cgroupsPath": f"{rt.parent}/{first}"})
    assert "has processes in it" in rt.fails("create", "-b", rt.path(cid), cid)
    assert rt.status(first) == "running" and rt.groups() == group


def test_the_group_of_a_stopped_container_is_nobody_elses(rt):
    """Or the end of the one would kill the other."""
    first = rt.start("true")
    wait_for("its end", lambda: rt.status(first) == "stopped")
    group = rt.groups()
    cid = rt.bundle("true", linux={"cgroupsPath": f"{rt.parent}/{first}"})
    message = rt.fails("create", "-b", rt.path(cid), cid)
    assert "linux.cgroupsPath: /sys/fs/cgroup/" in message and "is another container's" in message
    assert rt.groups() == group and not (rt.root / cid).exists()
    rt.ok("delete", first)
    assert rt.run(cid).returncode == 0


def test_of_creates_at_once_one_has_the_group(rt):
    for _ in range(6):
        cids = [rt.bundle("sleep 1000", linux={"cgroupsPath": f"{rt.parent}/shared"}) for _ in range(3)]
        made = [subprocess.Popen([rt.binary, "--root", rt.root, "create", "-b", rt.path(cid), cid], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for cid in cids]
        assert sorted(p.wait(60) for p in made) == [0, 1, 1]
        [cid] = rt.ok("list", "-q").split()
        assert rt.status(cid) == "created"
        rt.ok("delete", "--force", cid)
        assert rt.leftovers() == []


def test_without_a_cgroup_manager_there_is_no_group_and_a_limit_is_an_error(rt):
    cid = rt.bundle("cat /proc/self/cgroup | wc -l", linux={"resources": None},
                    change=lambda c: c["mounts"].__delitem__(6))
    assert rt.call("--cgroup-manager", "disabled", "run", "-b", rt.path(cid), cid).returncode == 0
    cid = rt.bundle("true", linux=limits(memory={"limit": 1 << 25}))
    assert "linux.resources" in rt.fails("--cgroup-manager", "disabled", "run", "-b", rt.path(cid), cid)


def test_a_parent_that_is_still_being_made_has_cpus_for_its_child(rt):
    """Two runtimes meet in a new parent: the one that did not make it finds a cpuset without CPUs."""
    parent = f"/sys/fs/cgroup/cpuset{rt.parent}"
    if os.path.isdir("/sys/fs/cgroup/cpuset"):
        os.mkdir(parent)
    try:
        assert rt.output("echo ran") == "ran\n"
    finally:
        if os.path.isdir(parent):
            os.rmdir(parent)
