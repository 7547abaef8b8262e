# SPDX-License-Identifier: GPL-3.0-or-later
"""--systemd-cgroup where systemd is PID 1 and owns the tree of cgroup v2."""

import json
import os
import pathlib
import subprocess

import pytest
from runtime_bed import wait_for

MB = 1 << 20
ROOT = pathlib.Path("/sys/fs/cgroup")


def show(unit, *properties):
    got = subprocess.run(["systemctl", "show", unit, "-p", ",".join(properties)], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in got.stdout.splitlines())


@pytest.fixture
def scope(rt):
    """Makes bundles whose group is a scope; call(...) with the option before the command."""
    made = []

    class Scopes:
        root = rt

        def bundle(self, script, path=None, **extra):
            cid = rt.bundle(script, **extra)
            config = json.loads((rt.path(cid) / "config.json").read_text())
            config["linux"]["cgroupsPath"] = path if path is not None else f"system.slice:gt:{cid}"
            (rt.path(cid) / "config.json").write_text(json.dumps(config))
            made.append(cid)
            return cid

        def start(self, script="sleep 1000", **extra):
            cid = self.bundle(script, **extra)
            with open(rt.path(cid) / "out", "ab") as out, open(os.devnull) as none:
                got = subprocess.run([rt.binary, "--root", str(rt.root), "--systemd-cgroup", "create", "-b", str(rt.path(cid)), cid],
                                     stdin=none, stdout=out, stderr=out, timeout=60)
            assert got.returncode == 0, rt.out(cid)
            rt.ok("start", cid)
            return cid

        def run(self, cid):
            return rt.call("--cgroup-manager", "systemd", "run", "-b", rt.path(cid), cid, timeout=60)

    yield Scopes()
    for cid in made:
        rt.call("delete", "--force", cid)


def state_file(rt, cid):
    return json.loads((rt.root / cid / "state.json").read_text())


def test_a_container_runs_in_a_delegated_scope_with_its_limits(rt, scope):
    cid = scope.start(linux={"resources": {"memory": {"limit": 64 * MB, "swap": 80 * MB, "reservation": 16 * MB},
                                           "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0-1"},
                                           "pids": {"limit": 33}}})
    unit = f"gt-{cid}.scope"
    got = show(unit, "ActiveState", "Delegate", "Slice", "ControlGroup", "MemoryMax", "MemorySwapMax", "MemoryLow", "CPUWeight",
               "CPUQuotaPerSecUSec", "TasksMax", "AllowedCPUs")
    assert got == {"ActiveState": "active", "Delegate": "yes", "Slice": "system.slice", "ControlGroup": f"/system.slice/{unit}",
                   "MemoryMax": str(64 * MB), "MemorySwapMax": str(16 * MB), "MemoryLow": str(16 * MB), "CPUWeight": "39",
                   "CPUQuotaPerSecUSec": "500ms", "TasksMax": "33", "AllowedCPUs": "0-1"}
    group = ROOT / "system.slice" / unit
    assert str(rt.state(cid)["pid"]) in (group / "cgroup.procs").read_text().split()
    assert len((group / "cgroup.procs").read_text().split()) == 1, "the helper is still there"
    assert (group / "memory.max").read_text().strip() == str(64 * MB)
    assert (group / "cpu.max").read_text().strip() == "50000 100000"


def test_the_limits_outlive_a_reload_and_so_do_changed_ones(rt, scope):
    cid = scope.start(linux={"resources": {"memory": {"limit": 64 * MB}, "pids": {"limit": 33}}})
    group = ROOT / "system.slice" / f"gt-{cid}.scope"
    rt.ok("update", "--memory", "96m", "--pids-limit", "44", cid)
    subprocess.run(["systemctl", "daemon-reload"], check=True, timeout=60)
    assert (group / "memory.max").read_text().strip() == str(96 * MB)
    assert (group / "pids.max").read_text().strip() == "44"
    assert show(group.name, "MemoryMax", "TasksMax") == {"MemoryMax": str(96 * MB), "TasksMax": "44"}
    assert rt.ok("exec", cid, "cat", "/proc/self/cgroup") == "0::/\n"


def test_delete_ends_the_scope_with_all_that_is_in_it(rt, scope):
    cid = scope.start("sleep 1000 & sleep 1000 & wait")
    unit = f"gt-{cid}.scope"
    rt.ok("delete", "--force", cid)
    assert show(unit, "LoadState", "ActiveState")["ActiveState"] == "inactive"
    assert not (ROOT / "system.slice" / unit).exists()


def test_a_name_can_be_used_again_after_its_container_was_killed_for_memory(rt, scope):
    path = f"system.slice:again:{os.getpid()}"
    limits = {"resources": {"memory": {"limit": 16 * MB, "swap": 16 * MB}}}
    for _ in range(2):
        cid = scope.bundle("head -c 100m /dev/zero | tail >/dev/null; echo over", path=path, linux=limits)
        got = scope.run(cid)
        # the one that hoards, and with it perhaps the one that fed it
        assert set(got.stderr.split()) == {"Killed"} and "over" in got.stdout


def test_a_slice_below_a_slice_is_where_its_name_says(rt, scope):
    cid = scope.start(path=f"gemel-inner.slice::deep{os.getpid()}")
    group = ROOT / f"gemel.slice/gemel-inner.slice/deep{os.getpid()}.scope"
    assert str(rt.state(cid)["pid"]) in (group / "cgroup.procs").read_text().split()
    rt.ok("delete", "--force", cid)
    subprocess.run(["systemctl", "stop", "gemel.slice"], check=True)


def test_without_a_path_the_scope_has_a_name_of_the_container(rt, scope):
    cid = scope.bundle("cat /proc/self/cgroup", path="")
    config = json.loads((rt.path(cid) / "config.json").read_text())
    del config["linux"]["cgroupsPath"]
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "cgroup"]
    (rt.path(cid) / "config.json").write_text(json.dumps(config))
    got = scope.run(cid)
    assert (got.stdout, got.stderr) == (f"0::/system.slice/gemel-{cid}.scope\n", "")


def test_a_path_that_names_no_scope_is_refused(rt, scope):
    for path in ("/plain/path", "a:b", "a:b:c:d", "not-a-slice:p:n", "system.slice:p:", "system.slice:p:a/b"):
        cid = scope.bundle("true", path=path)
        got = scope.run(cid)
        assert got.returncode == 1 and "linux.cgroupsPath" in got.stderr, (path, got.stderr)


def test_a_name_in_use_is_refused_and_its_owner_goes_on(rt, scope):
    cid = scope.start(path="system.slice:gt:taken")
    other = scope.bundle("true", path="system.slice:gt:taken")
    got = scope.run(other)
    assert got.returncode == 1 and got.stderr.count("\n") == 1
    assert rt.status(cid) == "running"


def test_what_fails_after_the_scope_was_made_leaves_none(rt, scope):
    cid = scope.bundle("true", linux={"resources": {"unified": {"nosuch.max": "1"}}})
    got = scope.run(cid)
    assert got.returncode == 1 and "unified.nosuch.max" in got.stderr
    assert show(f"gt-{cid}.scope", "ActiveState")["ActiveState"] == "inactive"
    assert not (ROOT / f"system.slice/gt-{cid}.scope").exists()


def test_it_works_without_a_bus_over_systemds_own_socket(rt, scope):
    bus = pathlib.Path("/run/dbus/system_bus_socket")
    bus.rename("/run/dbus/aside")
    try:
        cid = scope.start()
        assert (ROOT / f"system.slice/gt-{cid}.scope").is_dir()
        rt.ok("delete", "--force", cid)
        assert not (ROOT / f"system.slice/gt-{cid}.scope").exists()
    finally:
        pathlib.Path("/run/dbus/aside").rename(bus)
