# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks, each named after what it reproduces. Every one fails on a runtime without the defence."""

import errno
import json
import os
import pathlib
import shutil
import stat
import subprocess
import time

import pytest
from conftest import wait_for

ALL_CAPS = [f"CAP_{name}" for name in """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_PTRACE SYS_ADMIN MKNOD""".split()]


def privileged(config):
    """Capabilities that the defence must not depend on the lack of."""
    config["process"]["capabilities"] = {k: ALL_CAPS for k in ("bounding", "effective", "permitted")}


def test_cve_2019_5736_proc_self_exe_of_the_runtime_cannot_be_written(rt):
    """A program named by '#!/proc/self/exe' makes exec run the runtime's own file inside the container, from where a
    descriptor of it is kept and written once nothing runs it any more."""
    copy = rt.top / "gemel-runtime"
    shutil.copy(rt.binary, copy)
    rt.binary = str(copy)
    before = copy.read_bytes()
    (rt.image / "bin/trap").write_text("#!/proc/self/exe\n")
    (rt.image / "bin/trap").chmod(0o755)
    # The watcher opens the executable of every foreign process it sees and tries to write it for a while.
    watcher = """
while :; do
  for d in /proc/[0-9]*; do
    case "$(readlink $d/exe 2>/dev/null)" in
      ''|*busybox*) ;;
      *) if exec 9<$d/exe; then echo "caught $(readlink $d/exe)"
           i=0; while [ $i -lt 200 ]; do echo X 2>/dev/null >/proc/self/fd/9 && echo OVERWRITTEN; i=$((i+1)); done
           exec 9<&-; fi 2>/dev/null ;;
    esac
  done
done 2>/dev/null"""
    cid = rt.start(watcher, change=privileged)
    for _ in range(30):
        rt.call("exec", cid, "trap")
        rt.call("exec", cid, "true")
    time.sleep(0.3)
    out = rt.out(cid)
    rt.ok("delete", "--force", cid)
    assert "OVERWRITTEN" not in out
    assert copy.read_bytes() == before


def open_own_file(rt, env=None):
    """errno of writing the runtime's file through the waiting init's /proc/PID/exe after everything that ran it is gone (while it runs,
    ETXTBSY would hide what is wanted)."""
    copy = rt.top / "own-copy"
    shutil.copy(rt.binary, copy)
    rt.binary = str(copy)
    cid = rt.bundle("true")
    assert rt.create(cid, env=env) == 0
    held = os.open(f"/proc/{rt.state(cid)['pid']}/exe", os.O_PATH)
    try:
        rt.ok("delete", "--force", cid)
        with pytest.raises(OSError) as caught:
            os.close(os.open(f"/proc/self/fd/{held}", os.O_WRONLY))
        return caught.value.errno
    finally:
        os.close(held)


def test_cve_2019_5736_the_runtime_inside_runs_from_a_file_that_refuses_writing(rt):
    """The same, seen from the host: not even root of the host can write through it."""
    assert open_own_file(rt) in (errno.EROFS, errno.EPERM)


@pytest.mark.parametrize("mark", ["mount", "memory", "1"])
def test_cve_2019_5736_the_environment_cannot_switch_the_defence_off(rt, mark):
    assert open_own_file(rt, dict(os.environ, _GEMEL_RUNTIME_SEALED=mark)) in (errno.EROFS, errno.EPERM)


def test_cve_2024_21626_a_leaked_descriptor_is_no_working_directory(rt):
    """cwd /proc/self/fd/N reached the host through a descriptor of the runtime's."""
    for fd in range(3, 20):
        cid = rt.bundle("pwd; ls ../../../..", process={"cwd": f"/proc/self/fd/{fd}"})
        got = subprocess.run(["sh", "-c", f"exec 3</ 4</ 5</ 6</ 7</ 8</; exec {rt.binary} --root {rt.root} run -b "
                              f"{rt.path(cid)} {cid}"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert got.returncode == 1 and "process.cwd" in got.stderr, (fd, got)
    cid = rt.start()
    for fd in range(3, 20):
        got = subprocess.run(["sh", "-c", f"exec 3</ 4</ 5</ 6</ 7</ 8</; exec {rt.binary} --root {rt.root} exec --cwd "
                              f"/proc/self/fd/{fd} {cid} pwd"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert got.returncode == 255 and "cwd" in got.stderr, (fd, got)


def test_cve_2024_21626_the_program_inherits_no_descriptor_of_the_runtime(rt):
    got = subprocess.run(["sh", "-c", f"exec 5</etc 7</; exec {rt.binary} --root {rt.root} run -b $0 x1",
                          rt.path(rt.bundle("ls -l /proc/self/fd"))], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert got.returncode == 0
    numbers = [line.split()[-3] for line in got.stdout.splitlines() if "->" in line]
    assert set(numbers) <= {"0", "1", "2", "3"}


def test_cve_2021_30465_a_symlinked_mount_target_stays_in_the_root(rt):
    """The image's mount point is a link to a directory of the host: the mount must land inside."""
    target = rt.top / "host"
    target.mkdir()
    (rt.image / "out").symlink_to(str(target))
    (rt.image / "up").symlink_to("../../../../../../../../.." + str(target))

    def change(config):
        for name in ("/out", "/up/deeper"):
            config["mounts"].append({"destination": name, "type": "tmpfs", "source": "tmpfs"})
    got = rt.run(rt.bundle("true", change=change))
    assert got.returncode in (0, 1)
    assert os.listdir(target) == []


def test_cve_2021_30465_a_target_swapped_while_mounting_never_reaches_the_host(rt):
    """One process swaps a directory and a symbolic link to the host while containers mount there."""
    host = rt.top / "host"
    host.mkdir()
    shared = rt.top / "shared"
    (shared / "real").mkdir(parents=True)
    os.symlink(str(host), shared / "link")
    swapper = subprocess.Popen(["/usr/bin/python3", "-c", """
import os, sys, ctypes
libc = ctypes.CDLL(None)
a, b = (os.path.join(sys.argv[1], n).encode() for n in ('real', 'link'))
while True: libc.renameat2(-100, a, -100, b, 2)
""", str(shared)])
    try:
        for _ in range(25):
            def change(config):
                config["mounts"].append({"destination": "/vol", "type": "bind", "source": str(shared), "options": ["rbind"]})
                config["mounts"].append({"destination": "/vol/real/made", "type": "tmpfs", "source": "tmpfs"})
            rt.run(rt.bundle("true", change=change))
            assert os.listdir(host) == []
    finally:
        swapper.kill()
        swapper.wait()


def test_cve_2019_16884_proc_must_not_be_a_symlink(rt):
    (rt.image / "proc").rmdir()
    (rt.image / "proc").symlink_to("tmp")
    cid = rt.bundle("true")
    assert "mounts[0].destination" in rt.fails("run", "-b", rt.path(cid), cid)


def test_cve_2019_16884_a_mount_over_the_containers_procfs_is_refused(rt):
    for where in ("/proc/self/attr", "/proc/sys/kernel/core_pattern", "/proc/1"):
        def change(config, where=where):
            config["mounts"].append({"destination": where, "type": "bind", "source": "/dev/null", "options": ["bind"]})
        cid = rt.bundle("true", change=change)
        assert "procfs" in rt.fails("run", "-b", rt.path(cid), cid)


def test_cve_2025_31133_a_masked_path_is_covered_by_the_real_null_device(rt):
    """/dev/null of the container as a link would unmask, or redirect, what is covered with it."""
    host = rt.top / "victim"
    host.write_text("untouched")

    def change(config):
        config["linux"]["maskedPaths"] = ["/proc/keys", "/proc/timer_list"]
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/dev"]
    (rt.image / "dev/null").symlink_to("/proc/sys/kernel/core_pattern")
    got = rt.run(rt.bundle("stat -c %t:%T /proc/keys", change=change))
    assert got.returncode == 1 or got.stdout == "1:3\n"


def test_cve_2025_52565_dev_console_is_bound_from_the_terminal_itself(rt):
    """An image with /dev/console or /dev/pts as links must not have the bind land elsewhere."""
    def change(config):
        config["process"]["terminal"] = True
        config["mounts"] = [m for m in config["mounts"] if m["destination"] in ("/proc", "/dev/pts")]
    (rt.image / "dev/console").symlink_to("/proc/sys/kernel/core_pattern")
    cid = rt.bundle("true", change=change)
    got = subprocess.run(["script", "-qec", f"{rt.binary} --root {rt.root} run -b {rt.path(cid)} {cid}", "/dev/null"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert got.returncode == 1 and "/dev/console" in got.stdout


def test_cve_2025_52881_sysctls_and_labels_are_written_to_the_hosts_procfs(rt):
    """The image's procfs mount point redirected to a tmpfs full of files that swallow or redirect writes."""
    fake = rt.top / "fake"
    (fake / "sys/net/ipv4").mkdir(parents=True)
    (fake / "sys/net/ipv4/ip_forward").write_text("0")

    def change(config):
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/proc"]
        config["mounts"].append({"destination": "/proc", "type": "bind", "source": str(fake), "options": ["rbind"]})
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    assert rt.run(rt.bundle("true", change=change)).returncode == 0
    assert (fake / "sys/net/ipv4/ip_forward").read_text() == "0"


def test_core_pattern_sysrq_and_kernel_parameters_cannot_be_written(rt):
    got = rt.output("for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/vm/panic_on_oom "
                    "/sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent; do "
                    "[ -e $f ] && (echo x > $f) 2>/dev/null && echo WROTE $f; done; echo done", change=privileged)
    assert got == "done\n"


def test_a_read_only_path_cannot_be_made_writable_again_under_the_default_profile(rt, profile):
    def change(config):
        privileged(config)
        config["linux"]["seccomp"] = profile
    got = rt.output("mount -o remount,rw /proc/sys 2>/dev/null && echo REMOUNTED; umount /proc/keys 2>/dev/null && echo UNMOUNTED; "
                    "(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null && echo WROTE; echo done", change=change)
    assert got == "done\n"


def test_the_hosts_disk_cannot_be_opened_through_mknod(rt):
    disks = [p for p in pathlib.Path("/sys/block").iterdir() if (p / "dev").exists()]
    if not disks:
        pytest.skip("this host has no block device")
    major, minor = (disks[0] / "dev").read_text().strip().split(":")
    got = rt.output(f"mknod /tmp/disk b {major} {minor} || echo nomknod; (exec 3</tmp/disk) 2>/dev/null && echo OPENED; echo done",
                    change=privileged)
    assert "OPENED" not in got and got.endswith("done\n")


def test_no_process_outside_can_be_seen_killed_or_traced(rt):
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        got = rt.output(f"ls /proc | grep -c '^{victim.pid}$'; kill -9 {victim.pid} 2>&1 || echo nokill", change=privileged)
        assert got.splitlines()[0] == "0" and "nokill" in got
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_proc_1_root_is_the_containers_own_root(rt):
    marker = rt.top / "host-only"
    marker.write_text("x")
    assert rt.output(f"ls /proc/1/root{marker} /proc/1/cwd/../../..{marker} 2>/dev/null; echo done", change=privileged) == "done\n"


def test_a_classic_chroot_escape_ends_in_the_containers_root(rt):
    marker = rt.top / "host-only"
    marker.write_text("x")
    got = rt.output(f"mkdir -p /tmp/a; cd /; chroot /tmp/../ sh -c 'cd ..; cd ..; ls {marker}' 2>/dev/null; echo done", change=privileged)
    assert got == "done\n"


def test_new_namespaces_and_user_namespaces_are_refused_by_the_default_profile(rt, profile):
    def change(config):
        privileged(config)
        config["linux"]["seccomp"] = profile
    got = rt.output("for o in -m -u -i -n -p -U; do unshare $o true 2>/dev/null && echo UNSHARED $o; done; echo done", change=change)
    assert got == "done\n"


PROBE = r"""
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TRY(name, call) do { errno = 0; long rc = (call); printf("%s %s\n", name, rc < 0 ? strerror(errno) : "DONE"); } while (0)
int main(void)
{
    TRY("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    TRY("bpf", syscall(SYS_bpf, 0, 0, 0));
    TRY("tiocsti", ioctl(0, 0x5412, "x"));
    TRY("tiocsti-high", syscall(SYS_ioctl, 0, 0x100005412UL, "x"));
    TRY("alg", socket(38, 5, 0));
    TRY("alg-high", syscall(SYS_socket, 0x100000026UL, 5UL, 0UL));
    TRY("vsock", socket(40, 1, 0));
    TRY("unix", socket(1, 1, 0));
    TRY("clone-newuser", syscall(SYS_clone, 0x10000000UL | 17, 0, 0, 0, 0));
    TRY("clone3", syscall(SYS_clone3, 0, 0));
    TRY("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, 0, 0));
    TRY("unknown", syscall(4000));
    return 0;
}
"""


def test_dangerous_calls_are_refused_and_set_upper_halves_do_not_help(rt, profile):
    """keyctl, bpf, TIOCSTI (also as 0x100005412, which the kernel cuts to 0x5412), AF_ALG, clone3, open_by_handle_at."""
    (rt.top / "probe.c").write_text(PROBE)
    subprocess.run(["cc", "-static", "-o", rt.image / "bin/probe", rt.top / "probe.c"], check=True)

    def change(config):
        privileged(config)
        config["process"]["args"] = ["probe"]
        config["linux"]["seccomp"] = profile
    got = dict(line.split(" ", 1) for line in rt.output("x", change=change).splitlines())
    eperm, enosys = "Operation not permitted", "Function not implemented"
    assert got == {"keyctl": eperm, "bpf": eperm, "tiocsti": enosys, "tiocsti-high": enosys, "alg": enosys, "alg-high": enosys,
                   "vsock": enosys, "unix": "DONE", "clone-newuser": enosys, "clone3": enosys, "open_by_handle_at": eperm,
                   "unknown": enosys}


def test_the_session_keyring_is_the_containers_own(rt):
    """Without a new session keyring the caller's keys are readable inside (CVE-2016-9962's neighbour)."""
    (rt.top / "probe.c").write_text(r"""
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) { char b[200] = ""; long id = syscall(SYS_keyctl, 0, -3, 0); syscall(SYS_keyctl, 6, id, b, sizeof b); puts(b); return 0; }
""")
    subprocess.run(["cc", "-static", "-o", rt.image / "bin/probe", rt.top / "probe.c"], check=True)
    cid = rt.bundle("probe", "x")
    assert f"_ses.{cid}" in rt.run(cid).stdout


def test_an_exec_cannot_be_traced_while_it_is_the_runtime(rt):
    """A process of the container that polls /proc for newcomers never gets at the runtime's descriptors or memory."""
    spy = """
while :; do for d in /proc/[0-9]*; do
  case "$(cat $d/comm 2>/dev/null)" in gemel*|4|exe*) ls -l $d/fd/ 2>/dev/null | grep -q -e '->' && echo SAW $(ls -l $d/fd); head -c 1 $d/environ 2>/dev/null | grep -q . && echo READ;; esac
done; done 2>/dev/null"""
    cid = rt.start(spy)
    for _ in range(100):
        rt.call("exec", cid, "nosuch")  # so that it never is anything else
    out = rt.out(cid)
    assert "SAW" not in out and "READ" not in out


def test_state_files_are_for_their_owner_only(rt):
    cid = rt.start()
    assert stat.S_IMODE(os.stat(rt.root / cid).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(rt.root / cid / "state.json").st_mode) == 0o600


def test_hostile_names_do_not_reach_the_terminal(rt):
    cid = rt.bundle("true", process={"args": ["\x1b]0;owned\x07\x1b[2J"]})
    message = rt.fails("run", "-b", rt.path(cid), cid)
    assert "\x1b" not in message and "\x07" not in message


def test_a_pid_that_was_used_again_is_not_the_containers(rt):
    """A state file whose process died and whose number now belongs to a stranger: it is neither alive nor killed."""
    cid = rt.start("true")
    wait_for("end", lambda: rt.status(cid) == "stopped")
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        path = rt.root / cid / "state.json"
        state = json.loads(path.read_text())
        state["pid"] = victim.pid
        path.write_text(json.dumps(state))
        assert rt.status(cid) == "stopped"
        assert "not running" in rt.fails("kill", cid, "KILL")
        rt.ok("delete", "--force", cid)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
