# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks that the configuration stops (namespaces, the default profile), the kernel stops, or that are about files of the runtime.

Those that a defence in the runtime's code stops are in attacks.py, and run by test_defences.py. An attack here that takes `weak`
runs twice: on the default configuration, and on one without what stops it, where it must succeed.
"""

import contextlib
import errno
import json
import os
import stat
import subprocess

import pytest
from attacks import needs_static, own_copy, privileged, victim
from conftest import wait_for

weakened = pytest.mark.parametrize("weak", [False, True], ids=["stopped", "succeeds-when-weakened"])


def without_namespace(config, kind):
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != kind]


# Namespaces ----------------------------------------------------------------------------------------------------------------

def change_for(weak, kind, caps=privileged):
    """Capabilities, and when weak no namespace of that kind."""
    def change(config):
        caps(config)
        if weak:
            without_namespace(config, kind)
    return change


@weakened
def test_a_process_outside_is_killed(rt, weak):
    with victim() as process:
        rt.run(rt.bundle(f"kill -9 {process.pid}", change=change_for(weak, "pid")))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60 if weak else 0.2)
        assert (process.poll() is not None) == weak


@weakened
def test_a_process_outside_is_traced(rt, weak):
    with victim() as process:
        got = rt.run(rt.bundle("attacker", "ptrace", str(process.pid), change=change_for(weak, "pid"))).stdout
        assert ("ptrace DONE" in got) == weak, got


@weakened
def test_the_root_of_the_host_is_entered_through_procfs(rt, weak):
    marker = rt.top / "secret"
    marker.write_text("SECRET\n")
    with victim() as process:
        got = rt.run(rt.bundle(f"for i in 1 {process.pid}; do cat /proc/$i/root{marker} /proc/$i/cwd/../../..{marker}; done "
                               "2>/dev/null; true", change=change_for(weak, "pid"))).stdout
    assert ("SECRET" in got) == weak


@weakened
@pytest.mark.parametrize("kind", ["uts", "mnt", "net", "ipc", "pid"])
def test_a_namespace_of_the_host_is_joined_by_setns(rt, kind, weak):
    """What can be joined is told from the host's by what is behind the link."""
    with victim() as process:
        got = rt.run(rt.bundle(f"for i in 1 {process.pid}; do attacker setns /proc/$i/ns/{kind}; readlink /proc/$i/ns/{kind}; done",
                               change=change_for(weak, "pid"))).stdout
    pairs = list(zip(got.splitlines(), got.splitlines()[2:]))
    joined = ("setns DONE", os.readlink(f"/proc/self/ns/{kind}")) in pairs
    assert joined == weak, got


@weakened
def test_messages_and_memory_of_the_hosts_ipc_namespace_are_seen(rt, weak):
    got = rt.run(rt.bundle("readlink /proc/self/ns/ipc", change=change_for(weak, "ipc"))).stdout
    assert (got.strip() == os.readlink("/proc/self/ns/ipc")) == weak


# The default profile -------------------------------------------------------------------------------------------------------

@weakened
@pytest.mark.parametrize("option", list("muinp"))
def test_a_namespace_is_nested_inside(rt, profile, option, weak):
    """unshare(2) of every kind, with CAP_SYS_ADMIN; -U is in attacks.py, since it needs no capability."""
    def change(config):
        privileged(config)
        config["linux"]["seccomp"] = None if weak else profile
    got = rt.run(rt.bundle(f"unshare -{option} true 2>/dev/null && echo MADE; true", change=change)).stdout
    assert ("MADE" in got) == weak


@weakened
def test_dangerous_calls_are_refused_and_set_upper_halves_do_not_help(rt, profile, weak):
    """keyctl, bpf, TIOCSTI (also as 0x100005412, which the kernel cuts to 0x5412), AF_ALG, clone3, open_by_handle_at: what the
    kernel says without the profile shows that the profile is what refused."""
    def change(config):
        privileged(config)
        config["linux"]["seccomp"] = None if weak else profile
    got = dict(line.split(" ", 1) for line in rt.run(rt.bundle("attacker", "calls", change=change)).stdout.splitlines())
    eperm, enosys = "Operation not permitted", "Function not implemented"
    refused = {"keyctl": eperm, "bpf": eperm, "tiocsti": enosys, "tiocsti-high": enosys, "alg": enosys, "alg-high": enosys,
               "vsock": enosys, "clone-newuser": enosys, "clone3": enosys, "open_by_handle_at": eperm}
    assert got["unix"] == "DONE" and got["unknown"] == enosys
    if weak:
            assert not [name for name, word in refused.items() if got[name] == word], got
    else:
        assert got == {**refused, "unix": "DONE", "unknown": enosys}


# What the kernel itself stops ------------------------------------------------------------------------------------------------

def test_cve_2022_0492_a_hierarchy_mounted_in_a_cgroup_namespace_has_no_release_agent(rt):
    """Kernel: release_agent is a file of a hierarchy's real root only, and the root of a mount made in a cgroup namespace is the
    container's group. Probed with CAP_SYS_ADMIN and without a filter; the value is read, never written."""
    v1 = [line.split() for line in open("/proc/self/mountinfo", encoding="utf-8") if " - cgroup " in line]
    if not v1:
        pytest.skip("this host has no cgroup v1 hierarchy, and only those have a release_agent")
    options = next((o for words in v1 for o in words[-1].split(",") if o in ("rdma", "pids", "memory", "cpuset")), None)
    assert options, "no v1 controller to try"
    got = rt.output(f"mkdir /tmp/cg && mount -t cgroup -o {options} cgroup /tmp/cg && ls /tmp/cg", change=privileged)
    assert "cgroup.procs" in got and "release_agent" not in got


@pytest.mark.parametrize("option", [None, "network"])
def test_cve_2019_5736_the_mount_of_the_sealed_binary_is_not_made_writable_again(rt, option):
    """Kernel: mount_setattr(2) takes no mount that is in no namespace any more, which the runtime's own is from execve on. Tried
    with CAP_SYS_ADMIN and without a filter while the runtime waits inside."""
    needs_static(rt)
    copy, before = own_copy(rt)
    os.mkfifo(rt.image / "fifo")
    cid = rt.start(change=lambda c: (privileged(c), option and without_namespace(c, option)))
    bait = subprocess.Popen([rt.binary, "--root", rt.root, "exec", cid, "/proc/self/exe", "--log=/fifo", "list"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        got = wait_for("the runtime inside", lambda: rt.call("exec", "--cap", "CAP_SYS_ADMIN", cid, "attacker", "unseal").stdout)
    finally:
        bait.kill()
        bait.wait()
    assert "unseal" in got and "DONE" not in got
    assert copy.read_bytes() == before
    rt.binary = rt.original


# Files of the runtime --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mark", [None, "mount", "memory", "1"])
def test_cve_2019_5736_the_environment_cannot_switch_the_seal_off(rt, mark):
    """The waiting init's file is opened for writing by root of the host once nothing runs it any more (while it runs, ETXTBSY
    would hide what is wanted)."""
    own_copy(rt)
    cid = rt.bundle("true")
    assert rt.create(cid, env=dict(os.environ, **({"_GEMEL_RUNTIME_SEALED": mark} if mark else {}))) == 0
    held = os.open(f"/proc/{rt.state(cid)['pid']}/exe", os.O_PATH)
    try:
        rt.ok("delete", "--force", cid)
        with pytest.raises(OSError) as caught:
            os.close(os.open(f"/proc/self/fd/{held}", os.O_WRONLY))
        assert caught.value.errno in (errno.EROFS, errno.EPERM)
    finally:
        os.close(held)
        rt.binary = rt.original


def test_state_files_are_for_their_owner_only(rt):
    cid = rt.start()
    assert stat.S_IMODE(os.stat(rt.root / cid).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(rt.root / cid / "state.json").st_mode) == 0o600


def test_a_pid_that_was_used_again_is_not_the_containers(rt):
    """A state file whose process died and whose number now belongs to a stranger: it is neither alive nor deleted with it."""
    cid = rt.start("true")
    wait_for("end", lambda: rt.status(cid) == "stopped")
    with victim() as process:
        path = rt.root / cid / "state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid": process.pid}))
        assert rt.status(cid) == "stopped"
        assert "not running" in rt.fails("kill", cid, "KILL")
        rt.ok("delete", "--force", cid)
        assert process.poll() is None


def test_core_pattern_sysrq_and_kernel_parameters_are_not_written_with_every_capability(rt, profile):
    def change(config):
        privileged(config)
        config["linux"]["seccomp"] = profile
    got = rt.output("for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/vm/panic_on_oom "
                    "/sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent; do "
                    "[ -e $f ] && (: >> $f) 2>/dev/null && echo OPENED $f; done; echo done", change=change)
    assert got == "done\n"
