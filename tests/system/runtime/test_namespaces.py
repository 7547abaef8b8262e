# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces: new, joined by path, or those of the runtime."""

import os
import shutil
import subprocess

import pytest
from conftest import wait_for

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "time": "time",
         "user": "user"}


def bare(config):
    """What a container without a mount namespace of its own may have."""
    config["mounts"] = []
    config["root"]["readonly"] = False
    for key in ("maskedPaths", "readonlyPaths"):
        config["linux"].pop(key)


def without(*kinds):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in kinds]
        if "mount" in kinds:
            bare(config)
    return change


def inside(rt, cid, kind):
    """The namespace of a container's init."""
    return os.readlink(f"/proc/{rt.state(cid)['pid']}/ns/{kind}")


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_a_namespace_that_is_not_listed_is_the_runtimes(rt, kind):
    hostname = {"hostname": None} if kind == "uts" else {}
    cid = rt.start(change=without(kind), **hostname)
    assert inside(rt, cid, KINDS[kind]) == os.readlink(f"/proc/self/ns/{KINDS[kind]}")


def test_without_a_mount_namespace_the_container_is_changed_to_its_root(rt):
    def mounts():
        """But for those of tests that run beside this one."""
        return [line for line in open("/proc/self/mountinfo") if "/gemel-rt-" not in line or str(rt.top) in line]

    before = mounts()
    cid = rt.start("ls /; ls /dev; sleep 1000", overlay=False, change=without("mount"))
    wait_for("output", lambda: "zero" in rt.out(cid))
    assert inside(rt, cid, "mnt") == os.readlink("/proc/self/ns/mnt")
    assert os.path.realpath(f"/proc/{rt.state(cid)['pid']}/root") == str(rt.path(cid) / "rootfs")
    assert {"bin", "dev", "null", "tty", "urandom"} <= set(rt.out(cid).split()) and "boot" not in rt.out(cid).split()
    # exec is in that root, not in the host's
    assert rt.ok("exec", cid, "ls", "/") == "".join(f"{n}\n" for n in sorted(os.listdir(rt.path(cid) / "rootfs")))
    assert mounts() == before


def test_a_mount_namespace_is_joined_by_path(rt):
    # the root is looked up in the namespace that is joined; a directory has to be here as well
    root = rt.top / "root"
    root.mkdir()
    theirs = rt.image / str(root)[1:] / "bin"
    theirs.mkdir(parents=True)
    shutil.copy("/bin/busybox", theirs / "busybox")
    first = rt.start()
    pid = rt.state(first)["pid"]

    def change(config):
        bare(config)
        for n in config["linux"]["namespaces"]:
            if n["type"] == "mount":
                n["path"] = f"/proc/{pid}/ns/mnt"
        config["root"]["path"] = str(root)
        config["process"]["args"] = ["/bin/busybox", "sleep", "1000"]
    cid = rt.bundle("true", overlay=False, change=change)
    assert rt.create(cid) == 0, rt.out(cid)
    rt.ok("start", cid)
    assert inside(rt, cid, "mnt") == os.readlink(f"/proc/{pid}/ns/mnt")
    assert rt.ok("exec", cid, "/bin/busybox", "ls", "/").split() == ["bin", "dev"]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("field,extra", [
    ("mounts", {"mounts": [{"destination": "/x", "type": "tmpfs", "source": "x"}]}),
    ("root.readonly", {"root": {"readonly": True}}),
    ("linux.maskedPaths", {"linux": {"maskedPaths": ["/proc/kcore"]}}),
    ("linux.readonlyPaths", {"linux": {"readonlyPaths": ["/proc/sys"]}}),
    ("linux.rootfsPropagation", {"linux": {"rootfsPropagation": "shared"}}),
    ("process.terminal", {"process": {"terminal": True}}),
    ("annotations.org.gemel.overlay", {"annotations": {"org.gemel.overlay.lower": "/"}}),
])
def test_what_would_be_mounted_on_the_host_needs_a_mount_namespace(rt, field, extra):
    def change(config):
        without("mount")(config)
        from conftest import merge
        merge(config, extra)
    cid = rt.bundle("true", overlay=False, change=change)
    message = rt.fails("create", "-b", rt.path(cid), cid)
    assert field in message and "mount namespace" in message
    assert rt.leftovers() == []


def user(config, base=100000):
    config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        config["linux"][key] = [{"containerID": 0, "hostID": base, "size": 65536}]


def own_upper(rt):
    for name in ("upper", "work"):
        os.chown(rt.path(f"t{os.getpid()}-{rt.count}") / name, 100000, 100000)


def test_all_namespaces_of_another_container_are_joined_by_path(rt):
    """But the mount namespace, which has the other's root."""
    def first(config):
        user(config)
        config["linux"]["namespaces"].append({"type": "time"})
        own_upper(rt)
    one = rt.start(change=first, hostname="theirs")
    pid = rt.state(one)["pid"]

    def join(config):
        own_upper(rt)
        config.pop("hostname", None)
        config["linux"]["namespaces"] = [{"type": "mount"}] + [
            {"type": kind, "path": f"/proc/{pid}/ns/{proc}"} for kind, proc in KINDS.items() if kind != "mount"]
        for key in ("uidMappings", "gidMappings"):  # as engines write them beside a path
            config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    two = rt.start("hostname; id -u; sleep 1000", change=join)
    wait_for("output", lambda: len(rt.out(two).split()) == 2)
    assert rt.out(two).split() == ["theirs", "0"]
    for kind, proc in KINDS.items():
        assert (inside(rt, two, proc) == inside(rt, one, proc)) == (kind != "mount"), kind
    assert rt.ok("exec", two, "hostname") == "theirs\n"
    rt.ok("delete", "-f", two)
    assert rt.status(one) == "running"


def test_exec_enters_every_namespace_of_the_container(rt):
    def change(config):
        user(config)
        config["linux"]["namespaces"].append({"type": "time"})
        own_upper(rt)
    cid = rt.start(change=change)
    for proc in KINDS.values():
        assert rt.ok("exec", cid, "readlink", f"/proc/self/ns/{proc}") == inside(rt, cid, proc) + "\n"


@pytest.mark.parametrize("namespaces,text", [
    ([{"type": "mount"}, {"type": "mount"}], "linux.namespaces[1].type: mount is given twice"),
    ([{"type": "mount"}, {"type": "frob"}], "linux.namespaces[1].type"),
    ([{"type": "mount"}, {"path": "/proc/self/ns/net"}], "linux.namespaces[1].type"),
    ([{"type": "mount"}, {"type": "ipc", "path": "relative"}], "linux.namespaces[1].path"),
    ([{"type": "mount"}, {"type": "ipc", "path": "/proc/self/ns/net"}], "is not a ipc namespace"),
    ([{"type": "mount"}, {"type": "ipc", "path": "/etc/passwd"}], "is not a ipc namespace"),
    ([{"type": "mount"}, {"type": "ipc", "path": "/nosuch"}], "/nosuch"),
])
def test_a_namespace_that_cannot_be_is_named(rt, namespaces, text):
    cid = rt.bundle("true", hostname=None, linux={"namespaces": namespaces})
    assert text in rt.fails("create", "-b", rt.path(cid), cid)
    assert rt.leftovers() == []


@pytest.mark.parametrize("extra,text", [
    ({"hostname": "mine"}, "hostname: the uts namespace is the host's"),
    ({"hostname": None, "linux": {"sysctl": {"kernel.domainname": "x"}}}, "linux.sysctl.kernel.domainname"),
])
def test_the_hosts_own_namespace_by_path_is_not_written_to(rt, extra, text):
    def change(config):
        for n in config["linux"]["namespaces"]:
            if n["type"] == "uts":
                n["path"] = "/proc/self/ns/uts"
    cid = rt.bundle("true", change=change, **extra)
    assert text in rt.fails("create", "-b", rt.path(cid), cid)


def test_time_offsets_hold_from_the_first_process_on_and_not_for_hooks_of_the_runtime(rt):
    log = rt.top / "uptime"

    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 5}, "monotonic": {"secs": 7}}
        config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"cat /proc/uptime > {log}"]}]}
    cid = rt.start("cat /proc/uptime /proc/self/timens_offsets; sleep 1000", change=change)
    wait_for("output", lambda: "boottime" in rt.out(cid))
    lines = rt.out(cid).splitlines()
    assert float(lines[0].split()[0]) > 1000000
    assert [line.split() for line in lines[1:]] == [["monotonic", "7", "0"], ["boottime", "1000000", "5"]]
    assert float(log.read_text().split()[0]) < 1000000


@pytest.mark.parametrize("offsets,text", [
    ({"realtime": {"secs": 1}}, "linux.timeOffsets.realtime"),
    ({"boottime": {"nanosecs": 1000000000}}, "linux.timeOffsets.boottime.nanosecs"),
    ({"boottime": {"secs": "x"}}, "linux.timeOffsets.boottime.secs"),
    ({"boottime": 1}, "linux.timeOffsets.boottime"),
    ({"boottime": {"secs": -(1 << 62)}}, "linux.timeOffsets.boottime"),
])
def test_a_time_offset_that_cannot_be_is_named(rt, offsets, text):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = offsets
    cid = rt.bundle("true", change=change)
    assert text in rt.fails("create", "-b", rt.path(cid), cid)
    assert rt.leftovers() == []


def test_time_offsets_without_a_time_namespace_are_an_error(rt):
    cid = rt.bundle("true", linux={"timeOffsets": {"boottime": {"secs": 1}}})
    assert "linux.timeOffsets" in rt.fails("create", "-b", rt.path(cid), cid)


def test_sysctls_of_each_namespace_are_set(rt):
    got = rt.output("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/sem "
                    "/proc/sys/kernel/domainname", linux={"sysctl": {
                        "net.ipv4.ip_default_ttl": "77", "fs/mqueue/msg_max": "20", "kernel.sem": "1 2 3 4",
                        "kernel.domainname": "dom"}})
    assert got.split() == ["77", "20", "1", "2", "3", "4", "dom"]
    assert subprocess.run(["cat", "/proc/sys/net/ipv4/ip_default_ttl"], capture_output=True, text=True).stdout != "77\n"
