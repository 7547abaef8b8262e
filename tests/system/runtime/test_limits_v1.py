# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits where their controllers are on cgroup v1 (and on a hybrid host's v1): written, changed, refused by name."""

import glob
import json
import os
import pathlib

import pytest
from conftest import wait_for

MB = 1 << 20

pytestmark = pytest.mark.skipif(not os.path.isdir("/sys/fs/cgroup/memory"), reason="the controllers are not on cgroup v1 here")


def limits(**resources):
    return {"resources": resources}


def group(rt, cid, controller):
    return pathlib.Path(f"/sys/fs/cgroup/{controller}{rt.parent}/{cid}")


def read(rt, cid, controller, name):
    return (group(rt, cid, controller) / name).read_text().strip()


def has(controller, name):
    return bool(glob.glob(f"/sys/fs/cgroup/{controller}/*/{name}") or os.path.exists(f"/sys/fs/cgroup/{controller}/{name}"))


def update(rt, cid, **resources):
    rt.ok("update", "-r", "-", cid, stdin=None, input=json.dumps(resources))


def test_memory_and_swap_move_up_and_down_together(rt):
    if not has("memory", "memory.memsw.limit_in_bytes"):
        pytest.skip("this kernel does not count swap")
    cid = rt.start(linux=limits(memory={"limit": 64 * MB, "swap": 80 * MB, "reservation": 32 * MB, "swappiness": 7}))

    def now():
        return tuple(int(read(rt, cid, "memory", f"memory.{n}limit_in_bytes")) // MB for n in ("", "memsw."))
    assert now() == (64, 80)
    assert read(rt, cid, "memory", "memory.soft_limit_in_bytes") == str(32 * MB)
    assert read(rt, cid, "memory", "memory.swappiness") == "7"
    for limit, swap in ((100, 120), (40, 50), (200, 200), (30, 30)):
        update(rt, cid, memory={"limit": limit * MB, "swap": swap * MB})
        assert now() == (limit, swap)
    update(rt, cid, memory={"limit": -1})
    assert min(now()) > 1 << 30


def test_quota_and_period_move_whichever_has_to_go_first(rt):
    cid = rt.start(linux=limits(cpu={"quota": 50000, "period": 100000, "shares": 512}))
    assert read(rt, cid, "cpu", "cpu.shares") == "512"
    for quota, period in ((400000, 500000), (2000, 10000), (-1, 100000), (30000, 20000)):
        update(rt, cid, cpu={"quota": quota, "period": period})
        assert (read(rt, cid, "cpu", "cpu.cfs_quota_us"), read(rt, cid, "cpu", "cpu.cfs_period_us")) == (str(quota), str(period))


def test_burst_and_idle_are_set_and_taken_back(rt):
    if not has("cpu", "cpu.cfs_burst_us") or not has("cpu", "cpu.idle"):
        pytest.skip("this kernel has no cpu.idle or no burst")
    cid = rt.start(linux=limits(cpu={"quota": 50000, "period": 100000, "burst": 20000, "idle": 1, "shares": 700}))
    assert (read(rt, cid, "cpu", "cpu.cfs_burst_us"), read(rt, cid, "cpu", "cpu.idle")) == ("20000", "1")
    update(rt, cid, cpu={"quota": 10000, "burst": 5000, "idle": 0, "shares": 800})
    assert [read(rt, cid, "cpu", n) for n in ("cpu.cfs_quota_us", "cpu.cfs_burst_us", "cpu.idle", "cpu.shares")] == \
        ["10000", "5000", "0", "800"]


def test_an_update_of_kernel_memory_alone_is_refused(rt):
    cid = rt.start("sleep 100")
    assert "--kernel-memory" in rt.fails("update", "--kernel-memory", "64m", cid)
    rt.ok("update", "--kernel-memory", "-1", cid)


def test_a_limit_on_kernel_memory_alone_is_refused(rt):
    cid = rt.bundle("echo ran", linux=limits(memory={"limit": 64 * MB, "kernel": 8 * MB}))
    assert "memory.kernel" in rt.fails("run", "-b", rt.path(cid), cid)
    cid = rt.bundle("echo ran", linux=limits(memory={"limit": 64 * MB, "kernel": -1}))
    assert rt.run(cid).stdout == "ran\n"


def test_what_has_no_file_on_this_kernel_is_refused_by_its_field(rt):
    cases = [({"unified": {"memory.high": "1"}}, "unified"),
             ({"blockIO": {"leafWeight": 100}}, "blockIO.leafWeight")]
    if not has("blkio", "blkio.weight") and not has("blkio", "blkio.bfq.weight"):
        cases.append(({"blockIO": {"weight": 300}}, "blockIO.weight"))
    if not os.path.isdir("/sys/fs/cgroup/net_cls"):
        cases.append(({"network": {"classID": 1048577}}, "network.classID"))
    if not os.path.isdir("/sys/fs/cgroup/net_prio"):
        cases.append(({"network": {"priorities": [{"name": "lo", "priority": 3}]}}, "network.priorities"))
    if not has("cpu", "cpu.rt_runtime_us"):
        cases.append(({"cpu": {"realtimeRuntime": 1000}}, "cpu.realtimeRuntime"))
    if not os.path.isdir("/sys/fs/cgroup/hugetlb"):
        cases.append(({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MB}]}, "hugepageLimits[0]"))
    for resources, field in cases:
        cid = rt.bundle("true", linux=limits(**resources))
        assert field in rt.fails("run", "-b", rt.path(cid), cid), field
        assert rt.leftovers() == []


def test_a_device_cannot_be_excepted_from_a_range_and_that_is_said(rt):
    def change(config):
        config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"},
                                                    {"allow": True, "type": "c", "major": 1, "access": "rwm"},
                                                    {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rwm"}]}
    cid = rt.bundle("true", change=change)
    assert "linux.resources.devices[2]" in rt.fails("run", "-b", rt.path(cid), cid)


def test_devices_can_be_changed_while_the_container_has_groups_of_its_own(rt):
    """The kernel then refuses to close the whole list: only what differs is written."""
    closed = {"allow": False, "access": "rwm"}
    cid = rt.start(linux=limits(devices=[closed, {"allow": True, "type": "b", "major": 7, "minor": 0, "access": "rw"}]))
    inner = group(rt, cid, "devices") / "inner"
    inner.mkdir()
    before = read(rt, cid, "devices", "devices.list")
    assert "b 7:0 rw" in before.splitlines()
    update(rt, cid, devices=[closed, {"allow": True, "type": "b", "major": 7, "minor": 0, "access": "r"},
                             {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rwm"}])
    after = read(rt, cid, "devices", "devices.list").splitlines()
    assert "b 7:0 r" in after and "c 10:200 rwm" in after and "b 7:0 rw" not in after
    assert set(before.splitlines()) - set(after) == {"b 7:0 rw"}
    inner.rmdir()


def test_rules_of_devices_that_are_refused_half_way_change_nothing(rt):
    closed = {"allow": False, "access": "rwm"}
    disk = {"allow": True, "type": "b", "major": 7, "minor": 0, "access": "rw"}
    cid = rt.start(linux=limits(devices=[closed, disk]))
    parent = pathlib.Path(f"/sys/fs/cgroup/devices{rt.parent}")
    (parent / "devices.deny").write_text("b 9:1 rwm")  # what the group above has not, the kernel refuses
    before = sorted(read(rt, cid, "devices", "devices.list").splitlines()), read(rt, cid, "pids", "pids.max")
    message = rt.fails("update", "-r", "-", cid, stdin=None, input=json.dumps({"pids": {"limit": 44}, "devices": [
        closed, {**disk, "access": "r"}, {**disk, "minor": 3}, {**disk, "major": 9, "minor": 1}]}))
    assert "linux.resources.devices" in message
    assert (sorted(read(rt, cid, "devices", "devices.list").splitlines()), read(rt, cid, "pids", "pids.max")) == before


def test_an_oom_kill_is_told_at_once_by_events_and_by_the_state_afterwards(rt):
    cid = rt.start("sleep 0.3; head -c 100m /dev/zero | tail >/dev/null; sleep 0.5",
                   linux=limits(memory={"limit": 16 * MB, **({"swap": 16 * MB} if has("memory", "memory.memsw.limit_in_bytes") else {})}))
    lines = [json.loads(line) for line in rt.ok("events", "--interval", "60s", cid, timeout=60).splitlines()]
    types = [line["type"] for line in lines]
    assert types[0] == "stats" and set(types[1:]) == {"oom"}, types  # the kernel may kill more than one
    wait_for("the end", lambda: rt.status(cid) == "stopped")
    assert int(rt.state(cid)["annotations"]["org.gemel.oom_kills"]) >= 1
