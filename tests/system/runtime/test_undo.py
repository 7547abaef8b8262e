# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures and kills at any instant: one message, nothing left, the next command copes."""

import os
import signal
import socket
import subprocess
import time

import pytest
from conftest import pid_gone, wait_for

BAD = {
    "no root": (dict(root={"path": "nosuch"}), "root.path"),
    "version": (dict(ociVersion="2.0"), "ociVersion"),
    "relative cwd": (dict(process={"cwd": "x"}), "process.cwd"),
    "no program": (dict(process={"args": []}), "process.args"),
    "rlimit twice": (dict(process={"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}] * 2}),
                     "process.rlimits[1].type"),
    "rlimit too high": (dict(process={"rlimits": [
        {"type": "RLIMIT_NOFILE", "soft": 2**30, "hard": 18446744073709551615}]}), "process.rlimits[0]"),
    "bind source": (dict(mounts=[{"destination": "/x", "type": "bind", "source": "/nosuch/file",
                                  "options": ["bind"]}]), "mounts[0].source"),
    "file system": (dict(mounts=[{"destination": "/x", "type": "nosuchfs", "source": "x"}]), "nosuchfs"),
    "mount option": (dict(mounts=[{"destination": "/x", "type": "tmpfs", "source": "x",
                                   "options": ["frob=1"]}]), "frob=1"),
    "mount on the root": (dict(mounts=[{"destination": "/", "type": "tmpfs", "source": "x"}]),
                          "mounts[0].destination"),
    "sysctl of the host": (dict(linux={"sysctl": {"kernel.panic": "1"}}), "linux.sysctl.kernel.panic"),
    "namespace path": (dict(hostname="", linux={"namespaces": [{"type": "mount"},
                                                  {"type": "network", "path": "/proc/self/ns/uts"}]}),
                       "not a network namespace"),
    "cgroup path": (dict(linux={"cgroupsPath": "/a/../../b"}), "linux.cgroupsPath"),
    "memory limit": (dict(linux={"resources": {"memory": {"limit": -7}}}), "memory.limit"),
    "cpuset": (dict(linux={"resources": {"cpu": {"cpus": "9999"}}}), "cpu.cpus"),
    "seccomp action": (dict(linux={"seccomp": {"defaultAction": "SCMP_ACT_FROB"}}), "SCMP_ACT_FROB"),
    "apparmor": (dict(process={"apparmorProfile": "nosuch-profile"}), "process.apparmorProfile"),
    "overlay": (dict(annotations={"org.gemel.overlay.upper": "nosuch"}), "org.gemel.overlay.upper"),
    "hook": (dict(hooks={"createRuntime": [{"path": "/bin/false"}]}), "hooks.createRuntime"),
    "hook inside": (dict(hooks={"createContainer": [{"path": "/bin/false"}]}), "hooks.createContainer"),
    "type error": (dict(process={"terminal": "yes"}), "process.terminal"),
    "mask on the root": (dict(linux={"maskedPaths": ["/proc/.."]}), "linux.maskedPaths[0]: /proc/.. is the root itself"),
    "read-only root by its path": (dict(linux={"readonlyPaths": ["/tmp", "//"]}), "linux.readonlyPaths[1]: // is the root itself"),
    "maps of a mount that overlap": (dict(mounts=[{"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"],
        **{f"{kind}Mappings": [{"containerID": 0, "hostID": 1000, "size": 10}, {"containerID": 5, "hostID": 9000, "size": 10}]
           for kind in ("uid", "gid")}}]), "mounts[0].gidMappings"),
    "number for a name": (dict(hostname=2**64 - 1), "hostname: must be a string"),
    "number for an argument": (dict(process={"args": ["echo", 10**20]}), "process.args[1]: must be a string"),
    "number for an annotation": (dict(annotations={"x": 2**63}), "annotations.x: must be a string"),
    "flags of a personality": (dict(linux={"personality": {"domain": "LINUX", "flags": "x"}}), "linux.personality.flags"),
    "terminal nowhere": (dict(process={"terminal": True}), "--console-socket"),
    "console socket": (dict(), "--console-socket"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_configuration_is_one_line_naming_the_field_and_leaves_nothing(rt, case):
    extra, field = BAD[case]
    cid = rt.bundle("true", **extra)
    options = ["--console-socket", "/nosuch.sock"] if case == "console socket" else []
    message = rt.fails("create", "-b", rt.path(cid), *options, cid)
    assert field in message, message
    assert rt.leftovers() == []


def test_broken_json_is_an_error_with_its_line(rt):
    cid = rt.bundle("true")
    (rt.path(cid) / "config.json").write_text('{\n "ociVersion": "1.0.0",\n oops\n}')
    assert "config.json: line 3" in rt.fails("create", "-b", rt.path(cid), cid)


def kill_after(rt, cid, delay):
    """Starts a create and kills it `delay` seconds later; True when it was still at work."""
    with open(rt.path(cid) / "out", "ab") as out:
        p = subprocess.Popen([rt.binary, "--root", rt.root, "create", "-b", rt.path(cid), cid],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        time.sleep(delay)
        p.send_signal(signal.SIGKILL)
        return p.wait() == -signal.SIGKILL


def members(rt):
    """Processes in any group of this runtime."""
    pids = set()
    for group in rt.groups():
        for pid in open(f"{group}/cgroup.procs").read().split():
            if not pid_gone(int(pid)):
                pids.add(int(pid))
    return pids


def program_of(pid):
    """The name of what a process runs; nothing when it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as comm:
            return comm.read().strip()
    except OSError:
        return ""


def test_a_create_killed_at_any_instant_is_cleaned_by_delete_or_by_the_next_create(rt):
    cid = rt.bundle("sleep 1000")
    hit = 0
    for step in range(40):
        hit += kill_after(rt, cid, step * 0.0004)
        state = rt.call("state", cid)
        if state.returncode == 0 and '"created"' in state.stdout:
            rt.ok("delete", "--force", cid)
            continue
        wait_for("end of the half-made init", lambda: not members(rt))
        if step % 2:
            rt.ok("delete", "--force", cid)
            assert rt.groups() == []
        else:
            assert rt.create(cid) == 0, rt.out(cid)
            rt.ok("delete", "--force", cid)
        assert rt.leftovers() == []
    assert hit > 5, "the kills came too late to prove anything"


def test_a_directory_without_a_state_is_no_container_and_delete_removes_it(rt):
    (rt.root / "half").mkdir(parents=True)
    os.chmod(rt.root, 0o700)
    assert "half made" in rt.fails("state", "half") and rt.ok("list", "-q") == ""
    rt.ok("delete", "half")
    assert "does not exist" in rt.fails("delete", "half")


def test_a_hook_killed_with_its_create_leaves_a_stopped_container(rt):
    mark = rt.top / "hook"
    cid = rt.bundle("true", hooks={"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {mark}; exec sleep 3"]}]})
    with open(rt.path(cid) / "out", "ab") as out:
        p = subprocess.Popen([rt.binary, "--root", rt.root, "create", "-b", rt.path(cid), cid],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for("the hook", mark.exists)
        p.send_signal(signal.SIGKILL)
        assert p.wait() == -signal.SIGKILL
    wait_for("stopped", lambda: rt.status(cid) == "stopped")
    rt.ok("delete", cid)
    assert rt.leftovers() == []


def test_delete_force_does_not_wait_for_a_start_that_hangs_in_a_hook(rt):
    cid = rt.bundle("true", hooks={"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]})
    assert rt.create(cid) == 0
    p = subprocess.Popen([rt.binary, "--root", rt.root, "start", cid], stderr=subprocess.DEVNULL)
    wait_for("the hook", lambda: "sleep" in map(program_of, members(rt)))
    assert p.poll() is None
    rt.ok("delete", "--force", cid)
    p.wait(60)
    assert rt.leftovers() == []


def test_two_creates_of_one_id_at_once_make_one_container(rt):
    cid = rt.bundle("sleep 1000")
    ps = [subprocess.Popen([rt.binary, "--root", rt.root, "create", "-b", rt.path(cid), cid],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL) for _ in range(4)]
    codes = sorted(p.wait(60) for p in ps)
    assert codes == [0, 1, 1, 1]
    assert rt.status(cid) == "created"


def test_a_hook_that_takes_too_long_is_killed(rt):
    cid = rt.bundle("true", hooks={"createRuntime": [
        {"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]})
    assert "longer than 1 s" in rt.fails("create", "-b", rt.path(cid), cid)


def test_the_limit_too_small_for_the_runtime_itself_is_explained_or_works(rt):
    cid = rt.bundle("true", linux={"resources": {"memory": {"limit": 4096 * 8}}})
    got = rt.run(cid)
    assert got.returncode in (0, 1, 137)
    if got.returncode == 1:
        assert got.stderr.count("\n") == 1


def test_a_container_whose_start_is_killed_does_not_run_and_look_created(rt):
    cid = rt.bundle("touch /ran; sleep 1000")
    assert rt.create(cid) == 0
    pid = rt.state(cid)["pid"]
    directory = os.open(rt.root / cid, os.O_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(f"/proc/self/fd/{directory}/start.sock")
        assert s.recv(4096)  # ready; the word to go never comes
    os.close(directory)
    wait_for("the end of init", lambda: pid_gone(pid))
    assert rt.status(cid) == "stopped" and not (rt.path(cid) / "upper/ran").exists()
    rt.ok("delete", cid)
    assert rt.leftovers() == []


def test_a_hook_may_have_all_the_time_there_is(rt):
    cid = rt.bundle("true", hooks={"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "0.05"],
                                                      "timeout": 2**63 - 1}]})
    got = rt.run(cid)
    assert got.returncode == 0, got.stderr


def test_groups_of_any_depth_inside_a_container_go_with_it(rt):
    cid = rt.start()
    deep = []
    for top in rt.groups():
        if os.path.basename(top) != cid:
            continue
        here = os.open(top, os.O_RDONLY)
        for _ in range(300):
            os.mkdir("x" * 60, dir_fd=here)  # longer than any path in the end
            below = os.open("x" * 60, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        deep.append(here)
        if len(deep) == 2:
            break
    sleeper = subprocess.Popen(["sleep", "1000"])
    with open("cgroup.procs", "w", opener=lambda path, flags: os.open(path, flags, dir_fd=deep[0])) as procs:
        procs.write(str(sleeper.pid))
    for fd in deep:
        os.close(fd)
    rt.ok("delete", "--force", cid, timeout=60)
    assert sleeper.wait(60) == -signal.SIGKILL
    assert rt.leftovers() == []
