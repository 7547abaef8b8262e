# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds a real container and a real guest in, as `gemel isolation` tells it and as the kernel has it."""

import os
import re

import pytest

from harness.schemas import check


@pytest.fixture
def container(world, real):
    """A running container."""
    name = world.name("held-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    real.ok("start", name)
    real.ok("limit", name, "cpu=0.5", "memory=64M", "pids=50")
    yield name
    real.run("delete", name, "--force", "--yes")


@pytest.fixture(scope="module")
def guest(world):
    """A guest of firmware."""
    name = world.guests.firmware("held-vm", disk=True)
    yield name
    world.guests.destroy(name)


def ns_of(pid, kind):
    """The inode of a process's namespace."""
    return int(re.search(r"\d+", os.readlink(f"/proc/{pid}/ns/{kind}")).group())


def host_ns(kind):
    """The host's namespace, or where that is closed to us the one that gemel shares with these tests."""
    try:
        return ns_of(1, kind)
    except PermissionError:
        return ns_of("self", kind)


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":", 1) for line in file if ":" in line)


def caps(names):
    """A set of capabilities as the kernel prints it."""
    order = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
             "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
             "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
             "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
             "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()
    return sum(1 << order.index(name[len("CAP_"):]) for name in names)


def test_a_container_is_told_as_the_kernel_has_it(real, container):
    seen = check("isolation.json", real.json("isolation", container))
    pid, status = seen["pid"], status_of(seen["pid"])
    assert pid == real.json("inspect", container)["pid"]
    for kind, ns in seen["namespaces"].items():
        assert ns["inode"] == ns_of(pid, kind)
        if kind != "mnt":  # gemel runs in one of the world's
            assert ns["shared"] == (ns["inode"] == host_ns(kind))
    assert {k for k, ns in seen["namespaces"].items() if not ns["shared"]} >= {"mnt", "pid", "net", "uts", "ipc",
                                                                               "cgroup"}
    for name, key in (("effective", "CapEff"), ("bounding", "CapBnd"), ("permitted", "CapPrm")):
        assert caps(seen["capabilities"][name]) == int(status[key], 16)
    assert "CAP_SYS_ADMIN" in seen["capabilities"]["missing"]
    assert seen["no_new_privs"] is True


def test_a_containers_filter_limits_and_layers_are_told(real, container):
    seen = real.json("isolation", container)
    assert seen["seccomp"]["mode"] == "filter" and seen["seccomp"]["filters"] >= 1
    assert seen["seccomp"]["default_action"] == "errno" and seen["seccomp"]["allowed"] > 200
    assert {"mount", "bpf", "kexec_load"} <= set(seen["seccomp"]["denied_notable"])
    assert seen["limits"]["memory"] == 64 << 20 and seen["limits"]["pids"] == 50
    assert seen["limits"]["cpu"] == 0.5
    assert seen["root"]["type"] == "overlay" and seen["root"]["upper"] and seen["root"]["lower"]
    assert {"/", "/proc", "/dev"} <= {m["target"] for m in seen["mounts"]}


def test_a_guest_is_told_by_its_qemu_and_its_machine(world, real, guest):
    seen = check("isolation.json", real.json("isolation", guest))
    assert seen["pid"] == world.guests.pid(guest)
    assert seen["namespaces"]["net"] == {"inode": host_ns("net"), "shared": True}
    assert seen["namespaces"]["mnt"]["inode"] == ns_of(seen["pid"], "mnt")
    assert caps(seen["capabilities"]["effective"]) == int(status_of(seen["pid"])["CapEff"], 16)
    assert seen["guest"]["accelerator"] == ("kvm" if world.guests.type == "kvm" else "tcg")
    assert seen["guest"]["machine"].startswith("pc")
    assert {"what": "disk", "name": "vda", "model": "virtio", "paravirtual": True} in seen["guest"]["devices"]
    assert any(guest in c["path"] for c in seen["cgroups"])


def test_what_does_not_run_says_so(world, real):
    name = world.name("off-ct")
    real.ok("create", name, "--rootfs", world.rootfs)
    seen = check("isolation.json", real.json("isolation", name))
    assert seen["pid"] is None and "does not run" in seen["unknown"]["namespaces"]
    assert "does not run" in real.ok("isolation", name).out
    real.ok("delete", name, "--yes")
