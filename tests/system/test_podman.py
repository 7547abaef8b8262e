# SPDX-License-Identifier: GPL-3.0-or-later
"""podman of the distribution, unchanged, with gemel-runtime as its runtime."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import pexpect
import pytest
from harness import engines
from harness.gemel import program
from harness.podman import Podman
from harness.wait import until

PARENT = f"t{os.getpid()}-podman"
# Counts what it sees itself, and ends with 3 on TERM.
LOOP = "trap 'echo bye; exit 3' TERM; echo begun; while :; do sleep 0.05; done"


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0:
        pytest.skip("needs root; rootless engines have tests of their own")
    assert shutil.which("podman"), "podman is not installed: ./dev test installs it"
    top = tempfile.mkdtemp(prefix="gemel-pod-")
    try:
        yield Podman(top, parent=PARENT)
    finally:
        engines.sweep_groups(PARENT)
        engines.unmount_below(top)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def podman(engine):
    yield engine
    engine.clear()


def test_info_names_the_runtime_and_its_version(podman):
    runtime = json.loads(podman.ok("info", "-f", "json"))["host"]["ociRuntime"]
    assert runtime["path"] == program("gemel-runtime")
    assert "gemel-runtime version" in runtime["version"] and "spec: 1." in runtime["version"]


def test_run_returns_output_and_status(podman):
    got = podman.run("echo out; echo err >&2; exit 7")
    assert (got.stdout, got.stderr, got.returncode) == ("out\n", "err\n", 7)


@pytest.mark.parametrize("command, status, words", [
    ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'),
    ("/bin/nosuch", 127, 'exec: "/bin/nosuch": no such file or directory'),
    ("/etc/noexec", 126, 'exec: "/etc/noexec": permission denied'),
    ("/etc", 126, 'exec: "/etc": permission denied')])
def test_a_command_that_cannot_run_has_the_status_a_shell_gives_it(podman, command, status, words):
    got = podman.run([command])
    assert got.returncode == status and words in got.stderr, got
    name = podman.start("sleep 1000")
    got = podman.call("exec", name, command)
    assert got.returncode == status and words in got.stderr, got


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    """sd_notify(3) for containers: one static program."""
    program = tmp_path_factory.mktemp("sender") / "sender"
    source = pathlib.Path(__file__).with_name("runtime") / "attacker.c"
    subprocess.run(["cc", "-static", "-O1", "-o", program, source], check=True)
    return program


@pytest.fixture
def manager(tmp_path):
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "manager.sock"))
        made.settimeout(30)
        yield made


def from_unit(podman, manager, *args):
    """podman as a unit of a service manager runs it."""
    return subprocess.run([*podman.argv, *map(str, args)], env={**podman.env, "NOTIFY_SOCKET": manager.getsockname()},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_a_container_tells_the_service_manager_that_it_is_ready(podman, manager, sender):
    """--sdnotify=container: conmon has the manager's socket, and the runtime mounts the one that it made."""
    got = from_unit(podman, manager, "run", "-d", "--name", "n", "--sdnotify=container", "-v", f"{sender}:/sender", *podman.where(),
                    "busy", "sh", "-c", "trap '/sender notify STATUS=x MAINPID=1 READY=1' USR1; echo begun; while :; do sleep 0.05; done")
    assert got.returncode == 0, got.stderr
    conmon = json.loads(podman.ok("inspect", "n"))[0]["State"]["ConmonPid"]
    assert manager.recv(4096).decode() == f"MAINPID={conmon}"
    until(lambda: "begun" in podman.logs("n"), what=lambda: podman.logs("n"))
    podman.ok("kill", "-s", "USR1", "n")
    assert manager.recv(4096) == b"READY=1"


def test_conmon_tells_the_service_manager_for_a_container(podman, manager):
    got = from_unit(podman, manager, "run", "-d", "--name", "n", "--sdnotify=conmon", *podman.where(), "busy", "sh", "-c",
                    "echo [$NOTIFY_SOCKET]; exec sleep 1000")
    assert got.returncode == 0, got.stderr
    conmon = json.loads(podman.ok("inspect", "n"))[0]["State"]["ConmonPid"]
    assert manager.recv(4096).decode() == f"MAINPID={conmon}\nREADY=1"
    until(lambda: podman.logs("n") == "[]\n", what=lambda: podman.logs("n"))


def test_a_socket_of_the_service_manager_is_passed_on(podman):
    script = 'echo pid=$LISTEN_PID fds=$LISTEN_FDS; readlink /proc/self/fd/3'
    with socket.create_server(("127.0.0.1", 0)) as passed:
        launch = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
                  "os.execvp(sys.argv[2], sys.argv[2:])")
        got = subprocess.run([sys.executable, "-I", "-c", launch, str(passed.fileno()), *podman.argv, "run", "--rm", *podman.where(),
                              "busy", "sh", "-c", script], env=podman.env, pass_fds=[passed.fileno()], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=60)
        assert got.stdout == f"pid=1 fds=1\nsocket:[{os.fstat(passed.fileno()).st_ino}]\n", got.stderr


def test_exec_stop_logs_and_rm_of_a_background_container(podman):
    name = podman.start(LOOP)
    assert podman.ok("exec", name, "readlink", "/proc/1/ns/pid") == \
        os.readlink(f"/proc/{podman.pid(name)}/ns/pid") + "\n"
    got = podman.call("exec", "-u", "405:100", "-w", "/tmp", "-e", "A=b", name, "sh", "-c", "id -u; id -g; pwd; echo $A; exit 5")
    assert (got.stdout.split(), got.returncode) == (["405", "100", "/tmp", "b"], 5)
    podman.ok("stop", name)
    state = podman.state(name)
    assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("exited", 3, False)
    assert podman.logs(name) == "begun\nbye\n"
    podman.ok("rm", name)
    assert podman.call("inspect", name).returncode != 0
    assert not [path for path in engines.groups_named(PARENT) if "libpod-" in path and "conmon" not in path]


def test_a_stopped_container_starts_again(podman):
    name = podman.start(LOOP)
    until(lambda: "begun" in podman.logs(name), what="its output")
    podman.ok("restart", "-t", "2", name)
    assert podman.state(name)["Running"]
    podman.ok("kill", name)
    assert podman.ok("wait", name) == "137\n"


def test_kill_sends_the_signal_named(podman):
    name = podman.start("trap 'echo got; exit 9' USR2; echo begun; while :; do sleep 0.05; done")
    until(lambda: "begun" in podman.logs(name), what="its output")
    podman.ok("kill", "-s", "USR2", name)
    assert podman.ok("wait", name) == "9\n" and "got" in podman.logs(name)


def test_a_terminal_relays_keys_sizes_and_the_status(podman):
    p = podman.spawn("run", "-it", "--rm", *podman.where(), "busy", "sh", "-c",
                     "tty; read line; echo got-$line; while [ \"$(stty size)\" != '31 91' ]; do sleep 0.05; done; echo sized; exit 6")
    p.expect("/dev/pts/0")
    p.sendline("key")
    p.expect("got-key")
    for _ in range(120):  # podman may not listen for a change yet
        p.setwinsize(31, 90)
        p.setwinsize(31, 91)
        if p.expect(["sized", pexpect.TIMEOUT], timeout=0.5) == 0:
            break
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 6


def test_exec_has_a_terminal_too(podman):
    p = podman.spawn("exec", "-it", podman.start("sleep 1000"), "sh", "-c", "tty; exit 4")
    p.expect("/dev/pts/0")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 4


def test_attach_shows_output_and_passes_input_on(podman):
    name = podman.start("-i", "read line; echo got-$line; exit 8")
    p = podman.spawn("attach", name)
    p.sendline("key")
    p.expect("got-key")
    p.expect(pexpect.EOF)
    p.close()
    assert podman.ok("wait", name) == "8\n"


def test_limits_are_in_the_cgroup_and_hold(podman):
    name = podman.start("--memory", "64m", "--memory-swap", "64m", "--cpus", "0.1", "--pids-limit", "12", "sleep 1000")
    pid = podman.pid(name)
    assert engines.limit_of(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert engines.cpu_limit_of(pid) == [10000, 100000]
    assert engines.limit_of(pid, "pids", "pids.max", "pids.max") == "12"
    got = podman.call("exec", name, "sh", "-c", "for i in $(printf '%s ' 1 2 3 4 5 6 7 8 9 a b c d); do sleep 3 & done; wait")
    assert got.returncode != 0 and "can't fork" in got.stderr
    # A loop for longer than the quota of a period: the group must have been throttled.
    podman.ok("exec", name, "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    assert "nr_throttled 0\n" not in engines.limit_of(pid, "cpu", "cpu.stat", "cpu.stat") + "\n"


def test_update_changes_limits_of_a_running_container(podman):
    name = podman.start("--memory", "64m", "--pids-limit", "20", "sleep 1000")
    podman.ok("update", "--memory", "96m", "--cpus", "0.25", name)
    pid = podman.pid(name)
    assert engines.limit_of(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(96 << 20)
    assert engines.cpu_limit_of(pid) == [25000, 100000]
    assert engines.limit_of(pid, "pids", "pids.max", "pids.max") == "20"


def oom_words(podman, runtime):
    """What podman says of a container that ran out of memory, with that runtime."""
    argv = list(podman.argv)
    argv[argv.index("--runtime") + 1] = runtime
    name = f"oom{os.urandom(3).hex()}"
    subprocess.run([*argv, "run", "--name", name, *podman.where(), "--memory", "16m", "--memory-swap", "16m", "busy", "sh", "-c",
                    "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"], env=podman.env, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
                   cwd=podman.top)  # conmon leaves a file "oom" where it is started
    state = podman.state(name)
    podman.ok("rm", name)
    return state["Status"], state["ExitCode"], state["OOMKilled"]


def test_running_out_of_memory_ends_it_and_is_told_as_with_runc(podman):
    """The flag is conmon's: on v1 it waits for an event that some kernels never send, whatever the runtime."""
    mine = oom_words(podman, program("gemel-runtime"))
    assert mine[1] == 137
    assert mine[2] == oom_words(podman, "runc")[2]


def test_pause_and_unpause(podman):
    name = podman.start("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    podman.ok("pause", name)
    assert podman.state(name)["Status"] == "paused"
    before = podman.logs(name)
    assert podman.logs(name) == before
    podman.ok("unpause", name)
    assert podman.state(name)["Status"] == "running"
    until(lambda: len(podman.logs(name)) > len(before), what="more output")


def test_top_and_stats(podman):
    name = podman.start("--memory", "64m", "sleep 1000 & sleep 1001")
    top = podman.ok("top", name, "pid", "args", "seccomp").splitlines()
    assert any("sleep 1001" in line and "filter" in line for line in top), top
    stats = json.loads(podman.ok("stats", "--no-stream", "--format", "json", name))[0]
    assert stats["pids"] == "2" and "67.11MB" in stats["mem_usage"], stats


def test_a_read_only_root_with_writable_tmpfs(podman):
    got = podman.run("--read-only", "--tmpfs", "/mnt:size=1m,mode=0700", "touch /x; touch /mnt/y && stat -c %a /mnt; "
                     "dd if=/dev/zero of=/mnt/z bs=1k count=2000 2>&1")
    assert "touch: /x: Read-only file system" in got.stderr
    assert got.stdout.startswith("700\n") and "No space left" in got.stdout


def test_user_and_groups(podman):
    assert podman.output("--user", "405:100", "--group-add", "77", "id -u; id -g; id -G").split() == ["405", "100", "100", "77"]
    assert podman.output("--user", "guest", "id -un; id -gn").split() == ["guest", "users"]


def caps(text):
    return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}


def test_capabilities_are_added_and_dropped(podman):
    got = caps(podman.output("--cap-add", "SYS_TIME", "--cap-drop", "CHOWN", "grep Cap /proc/self/status"))
    assert got["CapEff"] >> 25 & 1 and not got["CapEff"] & 1 and got["CapEff"] == got["CapBnd"]
    assert set(caps(podman.output("--cap-drop", "ALL", "grep Cap /proc/self/status")).values()) == {0}
    own = caps("".join(line for line in open("/proc/self/status") if line.startswith("Cap")))
    assert caps(podman.output("--privileged", "grep Cap /proc/self/status"))["CapEff"] == own["CapBnd"]


def test_security_options(podman, tmp_path):
    status = "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status"
    assert podman.output(status).split() == ["NoNewPrivs:", "0", "Seccomp:", "2"]
    assert podman.output("--security-opt", "seccomp=unconfined", status).split() == ["NoNewPrivs:", "0", "Seccomp:", "0"]
    assert podman.output("--security-opt", "no-new-privileges", status).split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}))
    got = podman.run("--security-opt", f"seccomp={profile}", "touch /tmp/x && mkdir /tmp/y")
    assert got.returncode == 1 and "No space left on device" in got.stderr


def test_volumes(podman, tmp_path):
    (tmp_path / "f").write_text("content")
    assert podman.output("-v", f"{tmp_path}:/v", "cat /v/f; touch /v/made") == "content" and (tmp_path / "made").exists()
    assert "Read-only" in podman.run("-v", f"{tmp_path}:/v:ro", "touch /v/x").stderr
    named = f"v{os.getpid()}"
    podman.ok("volume", "create", named)
    podman.output("-v", f"{named}:/v", "echo kept > /v/f")
    assert podman.output("-v", f"{named}:/v", "cat /v/f") == "kept\n"
    podman.ok("volume", "rm", named)


def test_devices(podman):
    assert podman.output("--device", "/dev/zero:/dev/xzero:r", "stat -c '%t:%T' /dev/xzero; dd if=/dev/xzero bs=1 count=3 | wc -c"
                         ).split() == ["1:5", "3"]
    # A node that the list does not allow can be made (mknod alone gives nothing) and not opened.
    got = podman.run("busybox mknod /tmp/mem c 1 1 && cat /tmp/mem")
    assert got.returncode == 1 and "Operation not permitted" in got.stderr


def test_ulimits_sysctls_names_and_the_rest_of_the_process(podman):
    got = podman.output("--ulimit", "nofile=100:200", "--ulimit", "nproc=500:500", "--sysctl", "kernel.msgmax=9000", "--hostname",
                        "box", "--umask", "0027", "--oom-score-adj", "100", "--shm-size", "3m", "-w", "/tmp", "-e", "A=b",
                        "ulimit -n; ulimit -Hn; cat /proc/sys/kernel/msgmax; hostname; umask; cat /proc/self/oom_score_adj; "
                        "grep -o size=3072k /proc/mounts; pwd; echo $A")
    assert got.split() == ["100", "200", "9000", "box", "0027", "100", "size=3072k", "/tmp", "b"]


def test_a_hard_limit_that_may_not_be_raised_is_named(podman):
    if engines.rlimit_nproc_can(1 << 22):
        pytest.skip("this host lets root set any limit on processes")
    got = podman.run("--ulimit", "nofile=100:100", "--ulimit", "nproc=4194304:4194304", "true")
    assert got.returncode == 126 and "RLIMIT_NPROC" in got.stderr and "Operation not permitted" in got.stderr


def test_an_init_process_reaps(podman):
    assert "podman-init" in podman.output("--init", "--init-path", shutil.which("catatonit") or "catatonit", "cat /proc/1/cmdline")


def test_namespaces_of_the_host_and_of_another_container(podman):
    mine = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "ipc", "uts", "pid")}
    got = podman.call("run", "--rm", *podman.where("host"), "--ipc", "host", "--uts", "host", "--pid", "host", "busy", "sh", "-c",
                      "for k in net ipc uts pid; do readlink /proc/self/ns/$k; done")
    assert got.stdout.split() == list(mine.values()), got.stderr
    name = podman.start("sleep 1000")
    got = podman.call("run", "--rm", *podman.where(f"container:{name}"), "--ipc", f"container:{name}", "--pid", f"container:{name}",
                      "busy", "sh", "-c", "for k in net ipc pid; do readlink /proc/self/ns/$k; done; cat /proc/1/cmdline")
    theirs = [os.readlink(f"/proc/{podman.pid(name)}/ns/{kind}") for kind in ("net", "ipc", "pid")]
    assert got.stdout.split("\n")[:3] == theirs and "1000" in got.stdout, got.stderr


def test_a_pod_shares_namespaces_and_is_stopped_as_one(podman):
    pod = f"p{os.urandom(3).hex()}"
    podman.ok("pod", "create", "--name", pod, "--network", "none", "--share", "net,ipc,uts,pid", "--hostname", "podhost",
              "--cgroup-parent", f"/{PARENT}")
    first, second = f"{pod}a", f"{pod}b"
    for name in (first, second):
        podman.ok("run", "-d", "--pod", pod, "--name", name, "busy", "sleep", "1000")
    look = ["sh", "-c", "hostname; for k in net ipc uts pid mnt; do readlink /proc/self/ns/$k; done"]
    one, two = (podman.ok("exec", name, *look).split() for name in (first, second))
    assert one[:5] == two[:5] and one[0] == "podhost" and one[5] != two[5]
    assert podman.ok("exec", first, "ps").count("sleep 1000") == 2
    podman.ok("pod", "pause", pod)
    assert podman.state(second)["Status"] == "paused"
    podman.ok("pod", "unpause", pod)
    podman.ok("pod", "stop", "-t", "1", pod)
    assert podman.state(first)["Status"] == "exited"
    podman.ok("pod", "rm", "-f", pod)


def test_a_health_check_runs_in_the_container(podman):
    name = podman.start("--health-cmd", "test -e /tmp/well", "--health-interval", "disable", "sleep 1000")
    assert podman.call("healthcheck", "run", name).returncode == 1
    podman.ok("exec", name, "touch", "/tmp/well")
    assert podman.call("healthcheck", "run", name).returncode == 0


def test_cp_and_commit(podman, tmp_path):
    name = podman.start("sleep 1000")
    (tmp_path / "in").write_text("copied")
    podman.ok("cp", tmp_path / "in", f"{name}:/tmp/there")
    assert podman.ok("exec", name, "cat", "/tmp/there") == "copied"
    podman.ok("exec", name, "sh", "-c", "echo more >> /tmp/there")
    podman.ok("cp", f"{name}:/tmp/there", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "copiedmore\n"
    podman.ok("commit", "-q", name, "changed")
    assert podman.call("run", "--rm", *podman.where(), "changed", "cat", "/tmp/there").stdout == "copiedmore\n"


def test_a_user_namespace_by_mappings(podman):
    maps = ["--uidmap", "0:200000:1000", "--gidmap", "0:200000:1000"]
    assert podman.output(*maps, "cat /proc/self/uid_map; id -u; echo x > /tmp/f; stat -c %u /tmp/f /dev/null").split() == \
        ["0", "200000", "1000", "0", "0", "65534"]
    name = podman.start(*maps, "sleep 1000")
    assert os.stat(f"/proc/{podman.pid(name)}").st_uid == 200000
    assert podman.ok("exec", name, "id", "-u") == "0\n"
    podman.ok("stop", "-t", "0", name)


def test_a_created_container_waits_and_a_failed_start_can_be_removed(podman):
    name = f"c{os.urandom(4).hex()}"
    podman.ok("create", "--name", name, *podman.where(), "busy", "sh", "-c", "echo ran; exit 2")
    podman.ok("init", name)
    assert podman.state(name)["Status"] == "initialized" and podman.logs(name) == ""
    got = podman.call("start", "-a", name)
    assert (got.stdout, got.returncode) == ("ran\n", 2)
    bad = f"c{os.urandom(4).hex()}"
    assert podman.call("run", "--name", bad, *podman.where(), "busy", "nosuch").returncode == 127
    podman.ok("rm", bad)


def test_a_restart_policy_starts_it_anew(podman):
    name = podman.start("--restart", "on-failure:2", "exit 3")
    until(lambda: json.loads(podman.ok("inspect", name))[0]["RestartCount"] == 2 and not podman.state(name)["Running"], 20,
          "two restarts")
    assert podman.state(name)["ExitCode"] == 3
