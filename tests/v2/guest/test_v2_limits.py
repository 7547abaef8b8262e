# SPDX-License-Identifier: GPL-3.0-or-later
"""Every limit of linux.resources on a kernel where cgroup v2 is all there is: written, converted, changed, in force."""

import json
import os
import pathlib
import subprocess

import pytest
from runtime_bed import wait_for

MB = 1 << 20
ROOT = pathlib.Path("/sys/fs/cgroup")


def limits(**resources):
    return {"resources": resources}


def group(rt, cid):
    return ROOT / rt.parent.strip("/") / cid


def read(rt, cid, name):
    return (group(rt, cid) / name).read_text().strip()


def ram_disk():
    numbers = os.stat("/dev/ram0").st_rdev
    return os.major(numbers), os.minor(numbers)


FILES = [
    ("limit alone", {"memory": {"limit": 32 * MB}}, {"memory.max": str(32 * MB), "memory.swap.max": "max"}),
    ("limit and swap", {"memory": {"limit": 32 * MB, "swap": 48 * MB}},
     {"memory.max": str(32 * MB), "memory.swap.max": str(16 * MB)}),
    ("no swap", {"memory": {"limit": 32 * MB, "swap": 32 * MB}}, {"memory.swap.max": "0"}),
    ("unlimited swap", {"memory": {"limit": 32 * MB, "swap": -1}}, {"memory.swap.max": "max"}),
    ("reservation", {"memory": {"reservation": 16 * MB}}, {"memory.low": str(16 * MB)}),
    ("quota", {"cpu": {"quota": 30000, "period": 60000}}, {"cpu.max": "30000 60000"}),
    ("quota without a period", {"cpu": {"quota": 30000}}, {"cpu.max": "30000 100000"}),
    ("unlimited quota", {"cpu": {"quota": -1, "period": 50000}}, {"cpu.max": "max 50000"}),
    ("burst above nothing", {"cpu": {"quota": 30000, "burst": 20000}}, {"cpu.max.burst": "20000"}),
    ("shares", {"cpu": {"shares": 1024}}, {"cpu.weight": "39"}),
    ("most shares", {"cpu": {"shares": 262144}}, {"cpu.weight": "10000"}),
    ("idle", {"cpu": {"idle": 1}}, {"cpu.idle": "1"}),
    ("shares and idle", {"cpu": {"idle": 1, "shares": 1024}}, {"cpu.idle": "1"}),
    ("CPUs and nodes", {"cpu": {"cpus": "1", "mems": "0"}}, {"cpuset.cpus": "1", "cpuset.mems": "0"}),
    ("pids", {"pids": {"limit": 17}}, {"pids.max": "17"}),
    ("no limit on pids", {"pids": {"limit": -1}}, {"pids.max": "max"}),
    ("huge pages", {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MB}]},
     {"hugetlb.2MB.max": str(4 * MB), "hugetlb.2MB.rsvd.max": str(4 * MB)}),
    ("unified", {"unified": {"memory.high": str(24 * MB), "memory.min": str(MB), "cgroup.max.depth": "3"}},
     {"memory.high": str(24 * MB), "memory.min": str(MB), "cgroup.max.depth": "3"}),
    ("unified has the last word", {"pids": {"limit": 9}, "unified": {"pids.max": "11"}}, {"pids.max": "11"}),
]


@pytest.mark.parametrize("resources, files", [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_limit_is_written_as_v2_has_it(rt, resources, files):
    cid = rt.bundle("true", linux=limits(**resources))
    assert rt.create(cid) == 0, rt.out(cid)
    assert {name: read(rt, cid, name) for name in files} == files


def test_throttles_of_a_device_share_one_line(rt):
    major, minor = ram_disk()
    def rate(n):
        return [{"major": major, "minor": minor, "rate": n}]
    cid = rt.start(linux=limits(blockIO={"throttleReadBpsDevice": rate(MB), "throttleWriteBpsDevice": rate(2 * MB),
                                         "throttleReadIOPSDevice": rate(100), "throttleWriteIOPSDevice": rate(200)}))
    assert read(rt, cid, "io.max") == f"{major}:{minor} rbps={MB} wbps={2 * MB} riops=100 wiops=200"
    rt.ok("update", "-r", "-", cid, stdin=None, input=json.dumps({"blockIO": {"throttleReadBpsDevice": rate(0)}}))
    assert read(rt, cid, "io.max") == f"{major}:{minor} rbps=max wbps={2 * MB} riops=100 wiops=200"


def test_a_throttle_of_no_device_names_its_field(rt):
    cid = rt.bundle("true", linux=limits(blockIO={"throttleReadBpsDevice": [{"major": 250, "minor": 9, "rate": MB}]}))
    assert "blockIO.throttleReadBpsDevice[0]" in rt.fails("run", "-b", rt.path(cid), cid)


def test_an_io_weight_goes_to_bfq_where_it_is_else_to_the_cost_model(rt):
    cid = rt.start(linux=limits(blockIO={"weight": 500}))
    if (group(rt, cid) / "io.bfq.weight").exists():
        assert read(rt, cid, "io.bfq.weight") == "default 500"
    else:
        assert read(rt, cid, "io.weight") == "default 4950"


def test_rdma_names_its_field_where_there_is_no_such_device(rt):
    cid = rt.bundle("true", linux=limits(rdma={"mlx5_7": {"hcaHandles": 3}}))
    message = rt.fails("run", "-b", rt.path(cid), cid)
    assert "linux.resources.rdma" in message and "mlx5_7 hca_handle=3" in message


def test_update_raises_and_lowers_pairs_that_bound_each_other(rt):
    cid = rt.start(linux=limits(cpu={"quota": 30000, "period": 100000, "burst": 20000}, memory={"limit": 64 * MB, "swap": 80 * MB}))
    for resources, files in [
            ({"cpu": {"quota": 60000, "burst": 50000}}, {"cpu.max": "60000 100000", "cpu.max.burst": "50000"}),
            ({"cpu": {"quota": 10000, "burst": 5000}}, {"cpu.max": "10000 100000", "cpu.max.burst": "5000"}),
            ({"cpu": {"burst": 0}}, {"cpu.max.burst": "0"}),
            ({"cpu": {"period": 50000}}, {"cpu.max": "10000 50000"}),
            ({"memory": {"swap": 70 * MB}}, {"memory.swap.max": str(6 * MB)}),
            ({"memory": {"limit": 100 * MB, "swap": 120 * MB}}, {"memory.max": str(100 * MB), "memory.swap.max": str(20 * MB)}),
            ({"memory": {"limit": -1}}, {"memory.max": "max", "memory.swap.max": "max"}),
            ({"cpu": {"idle": 1}}, {"cpu.idle": "1"}),
            ({"cpu": {"idle": 0, "shares": 2048}}, {"cpu.idle": "0", "cpu.weight": "79"}),
            ({"unified": {"pids.max": "33"}}, {"pids.max": "33"})]:
        rt.ok("update", "-r", "-", cid, stdin=None, input=json.dumps(resources))
        assert {name: read(rt, cid, name) for name in files} == files, resources


def test_update_with_a_check_refuses_a_limit_below_what_is_used(rt):
    cid = rt.start("head -c 20m /dev/zero >/dev/shm/x; echo ready; sleep 1000", linux=limits(memory={"limit": 64 * MB}))
    wait_for("memory in use", lambda: "ready" in rt.out(cid), 30)
    low = json.dumps({"memory": {"limit": 4 * MB, "checkBeforeUpdate": True}})
    assert "memory.limit" in rt.fails("update", "-r", "-", cid, stdin=None, input=low)
    assert read(rt, cid, "memory.max") == str(64 * MB)


def test_what_v2_cannot_is_refused_by_name_and_leaves_nothing(rt):
    for resources, field in [({"memory": {"swappiness": 3}}, "memory.swappiness"),
                             ({"memory": {"disableOOMKiller": True}}, "memory.disableOOMKiller"),
                             ({"cpu": {"realtimeRuntime": 1000}}, "cpu.realtimeRuntime"),
                             ({"network": {"classID": 5}}, "network.classID"),
                             ({"unified": {"nosuch.max": "1"}}, "unified.nosuch.max"),
                             ({"unified": {"memory.max": "lots"}}, "unified.memory.max")]:
        cid = rt.bundle("true", linux=limits(**resources))
        assert field in rt.fails("run", "-b", rt.path(cid), cid)
        assert rt.leftovers() == []


def test_a_parent_with_processes_of_its_own_is_told_as_what_keeps_a_limit_away(rt):
    parent = ROOT / f"busy-{os.getpid()}"
    parent.mkdir()
    sleeper = subprocess.Popen(["sleep", "1000"])
    try:
        (parent / "cgroup.procs").write_text(str(sleeper.pid))
        cid = rt.bundle("true", linux={"cgroupsPath": f"/{parent.name}/{rt.count}", **limits(memory={"limit": 32 * MB})})
        message = rt.fails("run", "-b", rt.path(cid), cid)
        assert "memory.limit" in message and "processes of its own" in message
    finally:
        sleeper.kill()
        sleeper.wait()
        wait_for("an empty group", lambda: not (parent / "cgroup.procs").read_text())
        for child in parent.glob("*/"):
            child.rmdir()
        parent.rmdir()


def test_a_group_below_a_threaded_one_is_refused(rt):
    parent = ROOT / f"threaded-{os.getpid()}"
    (parent / "inner").mkdir(parents=True)
    try:
        (parent / "inner/cgroup.type").write_text("threaded")
        cid = rt.bundle("true", linux={"cgroupsPath": f"/{parent.name}/x", "resources": None})
        message = rt.fails("run", "-b", rt.path(cid), cid)
        assert "linux.cgroupsPath" in message and "threaded" in message
        assert not (parent / "x").exists()
    finally:
        (parent / "inner").rmdir()
        parent.rmdir()


def test_a_group_that_passes_controllers_on_takes_no_container(rt):
    parent = ROOT / f"passing-{os.getpid()}"
    (parent / "inner").mkdir(parents=True)
    try:
        (parent / "cgroup.subtree_control").write_text("+memory")
        cid = rt.bundle("true", linux={"cgroupsPath": f"/{parent.name}", "resources": None})
        message = rt.fails("run", "-b", rt.path(cid), cid)
        assert "linux.cgroupsPath" in message and "passes controllers on" in message
    finally:
        if parent.exists():
            for child in parent.glob("*/"):
                child.rmdir()
            parent.rmdir()


# /dev/ram0 is what is made and opened.
MKNOD = {k: ["CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}


def devices(*rules):
    def change(config):
        config["process"]["capabilities"] = MKNOD
        config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}, *rules]}
    return change


def rule(allow, access, major=1, minor=0, kind="b"):
    return {"allow": allow, "type": kind, "major": major, "minor": minor, "access": access}


TRY = ("mknod /tmp/k b 1 0 && echo made; (exec 3</tmp/k) 2>/dev/null && echo read; (exec 3>/tmp/k) 2>/dev/null && echo write;"
       "(exec 3<>/tmp/k) 2>/dev/null && echo both; echo done")


@pytest.mark.parametrize("rules, want", [
    ([], "made"),
    ([rule(True, "r")], "made read"),
    ([rule(True, "r"), rule(True, "w")], "made read write both"),
    ([rule(True, "rwm"), rule(False, "w")], "made read"),
    ([rule(True, "rwm", minor=None), rule(False, "r")], "made write"),
    ([rule(False, "rwm"), rule(True, "rw")], "made read write both"),
    ([{"allow": True, "access": "rwm"}, rule(False, "rw")], "made"),
    ([rule(True, "rw", kind="c")], "made"),
], ids=["none", "read", "read then write", "less write", "a range less read", "last word", "all less one", "of another type"])
def test_device_rules_decide_by_the_last_that_matches(rt, rules, want):
    rules = [{k: v for k, v in r.items() if v is not None} for r in rules]
    assert rt.output(TRY, change=devices(*rules)).split() == [*want.split(), "done"]


def test_a_device_rule_cannot_be_widened_from_a_group_inside(rt):
    """A program of the group itself bounds all below it."""
    def change(config):
        devices()(config)
        for mount in config["mounts"]:
            mount["options"] = [o for o in mount.get("options", []) if o != "ro"]
    got = rt.output("mkdir /sys/fs/cgroup/inner && echo 0 >/sys/fs/cgroup/inner/cgroup.procs && " + TRY, change=change)
    assert got.split() == ["made", "done"]


def test_an_updated_program_takes_the_place_of_the_old(rt):
    cid = rt.start("mknod /tmp/k b 1 0; sleep 1000", change=devices())
    wait_for("node", lambda: rt.call("exec", cid, "test", "-b", "/tmp/k").returncode == 0)
    for allow in (True, False, True):
        rules = json.dumps({"devices": [{"allow": False, "access": "rwm"}, rule(allow, "w")]})
        rt.ok("update", "-r", "-", cid, stdin=None, input=rules)
        assert (rt.call("exec", cid, "sh", "-c", "exec 3>/tmp/k").returncode == 0) == allow
        shown = subprocess.run(["/usr/sbin/bpftool", "cgroup", "show", group(rt, cid)], capture_output=True, text=True) \
            if os.path.exists("/usr/sbin/bpftool") else None
        assert shown is None or shown.stdout.count("device") == 1, shown.stdout


def writable(config):
    for mount in config["mounts"]:
        if mount["destination"] == "/sys/fs/cgroup":
            mount["options"] = [o for o in mount["options"] if o != "ro"]


def test_a_group_belongs_to_the_containers_root_where_it_may_write_there(rt):
    def change(config):
        writable(config)
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"].update(uidMappings=[{"containerID": 0, "hostID": 200000, "size": 65536}],
                               gidMappings=[{"containerID": 0, "hostID": 200000, "size": 65536}])
    for path in (rt.top, rt.image):
        os.chmod(path, 0o755)
    def owned(config):
        change(config)
        for name in ("upper", "work"):
            os.chown(rt.path(config["linux"]["cgroupsPath"].rpartition("/")[2]) / name, 200000, 200000)
    cid = rt.start("mkdir /sys/fs/cgroup/own && echo ready; echo 5 >/sys/fs/cgroup/pids.max && echo LIMIT; sleep 1000", change=owned)
    wait_for("a group inside", lambda: "ready" in rt.out(cid))
    owners = {p.name: p.stat().st_uid for p in group(rt, cid).iterdir() if p.is_file()}
    listed = pathlib.Path("/sys/kernel/cgroup/delegate").read_text().split()
    assert all((uid == 200000) == (name in listed) for name, uid in owners.items()), owners
    assert group(rt, cid).stat().st_uid == 200000
    assert "LIMIT" not in rt.out(cid)
    rt.ok("delete", "--force", cid)


def test_an_oom_kill_is_told_at_once_by_events_and_by_the_state_afterwards(rt):
    script = "sleep 0.5; head -c 100m /dev/zero | tail >/dev/null; echo over; sleep 1"
    cid = rt.start(script, linux=limits(memory={"limit": 16 * MB, "swap": 16 * MB}))
    lines = [json.loads(line) for line in rt.ok("events", "--interval", "60s", cid, timeout=60).splitlines()]
    types = [line["type"] for line in lines]
    assert types[0] == "stats" and set(types[1:]) == {"oom"}, types  # the kernel may kill more than one
    state = rt.state(cid)
    assert state["status"] == "stopped" and int(state["annotations"]["org.gemel.oom_kills"]) >= 1


def test_a_limit_too_small_for_the_runtime_itself_is_told_as_that(rt):
    cid = rt.bundle("true", linux=limits(memory={"limit": 64 << 10, "swap": 64 << 10}))
    assert "memory.limit" in rt.fails("run", "-b", rt.path(cid), cid)
    assert rt.leftovers() == []


def test_a_paused_container_is_killed_by_one_write(rt):
    cid = rt.start("for i in 1 2 3; do sleep 1000 & done; wait")
    wait_for("children", lambda: len(read(rt, cid, "cgroup.procs").split()) == 4)
    rt.ok("pause", cid)
    assert "frozen 1" in read(rt, cid, "cgroup.events")
    rt.ok("kill", "--all", cid, "KILL")
    wait_for("the end", lambda: "populated 0" in read(rt, cid, "cgroup.events"))


def test_controllers_are_passed_down_to_a_group_far_below(rt):
    cid = rt.bundle("true", linux={"cgroupsPath": f"{rt.parent}/a/b/c", **limits(memory={"limit": 32 * MB}, cpu={"cpus": "0"})})
    assert rt.create(cid) == 0, rt.out(cid)
    deep = ROOT / rt.parent.strip("/") / "a/b"
    assert {"memory", "cpuset", "cpu", "io", "pids"} <= set((deep / "cgroup.subtree_control").read_text().split())
    assert (deep / "c/memory.max").read_text().strip() == str(32 * MB)
    rt.ok("delete", "--force", cid)
    assert not (ROOT / rt.parent.strip("/")).exists()
