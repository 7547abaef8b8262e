# SPDX-License-Identifier: GPL-3.0-or-later
"""cgroup v2 alone: a mount namespace in which only the v2 hierarchy is mounted, at /sys/fs/cgroup. On a host that has its
controllers on v1 the limits have no files here, which must be an error; everything else works as on a v2 host."""

import pathlib
import subprocess
import time

import pytest
from conftest import Runtime, wait_for

ENTER = """
set -e
mount --make-rprivate /
umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec "$@"
"""


class V2Runtime(Runtime):
    """Every command in such a namespace; reading too."""

    def __init__(self, binary, top):
        super().__init__(binary, top)
        wrapper = pathlib.Path(top) / "runtime-v2"
        wrapper.write_text(f"#!/bin/sh\nexec unshare -m sh -c '{ENTER}' sh {binary} \"$@\"\n")
        wrapper.chmod(0o755)
        self.binary = str(wrapper)

    def controllers(self):
        """Those that the v2 root has."""
        return subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "sh", "cat", "/sys/fs/cgroup/cgroup.controllers"],
                              capture_output=True, text=True, check=True).stdout.split()

    def v2_file(self, cid, name):
        return subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "sh", "cat", f"/sys/fs/cgroup{self.parent}/{cid}/{name}"],
                              capture_output=True, text=True).stdout


@pytest.fixture
def v2(rt):
    made = V2Runtime(rt.binary, str(pathlib.Path(rt.top) / "v2"))
    probe = subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "sh", "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no v2 hierarchy to mount: {probe.stderr.strip()}")
    yield made
    made.clean()
    assert not made.leftovers()


def bare(config):
    config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}


def test_the_whole_life_on_v2(v2):
    cid = v2.start("echo begun; cat /proc/self/cgroup; while :; do sleep 0.02; echo x; done", change=bare)
    wait_for("output", lambda: "x" in v2.out(cid))
    assert "0::/\n" in v2.out(cid)
    assert '"mode":"v2"' in (v2.root / cid / "state.json").read_text()
    pid = v2.state(cid)["pid"]
    assert str(pid) in v2.v2_file(cid, "cgroup.procs").split()
    v2.ok("exec", cid, "true")
    v2.ok("pause", cid)
    assert v2.status(cid) == "paused"
    before = v2.out(cid)
    time.sleep(0.1)
    assert v2.out(cid) == before
    v2.ok("resume", cid)
    wait_for("more", lambda: v2.out(cid) != before)
    v2.ok("pause", cid)
    v2.ok("kill", cid, "KILL")
    wait_for("end", lambda: v2.status(cid) == "stopped")
    v2.ok("delete", cid)
    assert v2.leftovers() == []


def test_exec_is_in_the_containers_group_on_v2(v2):
    cid = v2.start(change=bare)
    subprocess.run([v2.binary, "--root", v2.root, "exec", "-d", "--pid-file", v2.top / "p", cid, "sleep", "1000"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert (v2.top / "p").read_text() in v2.v2_file(cid, "cgroup.procs").split()


def test_devices_are_closed_by_a_program_on_v2(v2):
    def change(config):
        bare(config)
        config["process"]["capabilities"] = {k: ["CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}
    script = ("echo x > /dev/null && head -c 1 /dev/zero >/dev/null && echo usable; mknod /tmp/k c 1 11 && echo made; "
              "(exec 3</tmp/k) 2>/dev/null && echo OPENED; mknod /tmp/d b 254 0; (exec 3</tmp/d) 2>/dev/null && echo OPENED; echo done")
    assert v2.output(script, change=change) == "usable\nmade\ndone\n"

    def allow(config):
        change(config)
        config["linux"]["resources"]["devices"] += [
            {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "w"},
            {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
            {"allow": False, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]
    script = "(exec 3>/tmp/k) 2>/dev/null && echo opened; (exec 3<>/tmp/k) 2>/dev/null && echo READABLE; echo done"
    assert v2.output("mknod /tmp/k c 1 11; " + script, change=allow) == "opened\ndone\n"


def test_update_replaces_the_device_program(v2):
    def change(config):
        bare(config)
        config["process"]["capabilities"] = {k: ["CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}
    cid = v2.start("mknod /tmp/k c 1 11; sleep 1000", change=change)
    probe = ("exec", cid, "sh", "-c", "exec 3>/tmp/k")
    wait_for("node", lambda: v2.call("exec", cid, "test", "-c", "/tmp/k").returncode == 0)
    assert v2.call(*probe).returncode != 0
    rules = '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"w"}]}'
    v2.ok("update", "-r", "-", cid, stdin=None, input=rules)
    assert v2.call(*probe).returncode == 0
    v2.ok("update", "-r", "-", cid, stdin=None, input='{"devices":[{"allow":false,"access":"rwm"}]}')
    assert v2.call(*probe).returncode != 0


def test_a_limit_without_its_controller_names_field_and_file(v2):
    if "memory" in v2.controllers():
        pytest.skip("this host has the memory controller on v2")
    cid = v2.bundle("true", linux={"resources": {"memory": {"limit": 1 << 25}}})
    message = v2.fails("run", "-b", v2.path(cid), cid)
    assert "memory.limit" in message and "memory.max" in message
    assert v2.leftovers() == []


def test_the_cgroup_mount_shows_the_own_group_only_on_v2(v2):
    got = v2.output("ls /sys/fs/cgroup; cat /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x 2>/dev/null && echo MADE; echo done",
                    change=bare)
    assert "cgroup.procs" in got and "\n1\n" in got and "MADE" not in got


def test_exec_goes_where_init_is_when_the_container_manages_groups_of_its_own(v2):
    """What systemd in a container does: the container's top group then takes no process."""
    if not v2.controllers():
        pytest.skip("no controller on v2 to give to a child")

    def change(config):
        bare(config)
        for mount in config["mounts"]:
            mount["options"] = [o for o in mount.get("options", []) if o != "ro"]
    controller = v2.controllers()[0]
    cid = v2.start(f"cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +{controller} >cgroup.subtree_control "
                   "&& echo ready; exec sleep 1000", change=change)
    wait_for("own groups", lambda: v2.out(cid) == "ready\n")
    assert v2.ok("exec", cid, "cat", "/proc/self/cgroup").endswith("0::/init\n")
    v2.ok("delete", "--force", cid)
    assert v2.leftovers() == []
