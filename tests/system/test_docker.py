# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Engine of the distribution, and with it containerd and its shim, with gemel-runtime as their runtime.

The daemon is private to the run: directories, socket and cgroup parent of its own, and flags by which it touches
no network of the host.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pexpect
import pytest
from harness import engines, proc
from harness.gemel import program
from harness.wait import until

PARENT = f"t{os.getpid()}-docker"
LOOP = "trap 'echo bye; exit 3' TERM; echo begun; while :; do sleep 0.05; done"


class Docker:
    """dockerd with its own containerd, and the client."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        path = engines.docker_path()
        for folder in path.split(":"):  # the distribution's client, not another one that may be about
            if os.path.exists(f"{folder}/dockerd"):
                self.client = shutil.which("docker", path=folder.replace("/sbin", "/bin"))
                break
        self.env = {"PATH": path, "HOME": str(top), "LC_ALL": "C.UTF-8", "TERM": "xterm",
                    "DOCKER_HOST": f"unix://{top}/docker.sock"}
        (self.top / "daemon.json").write_text(json.dumps({"deprecated-key-path": f"{top}/key.json"}))
        with open(self.top / "log", "wb") as log:
            self.daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", f"unix://{top}/docker.sock", "--data-root", f"{top}/data", "--exec-root", f"{top}/exec",
                 "--pidfile", f"{top}/pid", "--config-file", f"{top}/daemon.json", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
                 "--cgroup-parent", f"/{PARENT}", "--add-runtime", f"gemel={program('gemel-runtime')}", "--default-runtime",
                 "gemel"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: self.call("version").returncode == 0, 30, lambda: (self.top / "log").read_text()[-2000:])
        self.ok("import", engines.image_tar(self.top / "image.tar"), "busy")

    def call(self, *args, timeout=60):
        return subprocess.run([self.client, *map(str, args)], env=self.env, text=True, capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)

    def ok(self, *args):
        got = self.call(*args)
        assert got.returncode == 0, f"docker {args}: {got.returncode}: {got.stdout}{got.stderr}"
        return got.stdout

    def run(self, *args):
        """A foreground container: options, then a command (a list) or a shell script (a word)."""
        *options, command = args
        command = ["sh", "-c", command] if isinstance(command, str) else command
        return self.call("run", "--rm", "--network", "none", *options, "busy", *command)

    def output(self, *args):
        got = self.run(*args)
        assert got.returncode == 0, f"{args}: {got.returncode}: {got.stdout}{got.stderr}"
        return got.stdout

    def start(self, *args):
        """A background container; its id."""
        *options, command = args
        return self.ok("run", "-d", "--network", "none", *options, "busy", "sh", "-c", command).strip()

    def state(self, name):
        return json.loads(self.ok("inspect", name))[0]["State"]

    def spawn(self, *args):
        return pexpect.spawn(self.client, list(map(str, args)), env=self.env, timeout=60)

    def stop(self):
        proc.end(self.daemon.pid, 20)
        self.daemon.wait(60)
        # its containerd and the shims leave with the daemon; what is left of a killed one is named in its pid files
        for path in self.top.glob("exec/containerd/*.pid"):
            with contextlib.suppress(ValueError):
                proc.end(int(path.read_text()))


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    top = tempfile.mkdtemp(prefix="gemel-dk-")
    made = None
    try:
        made = Docker(top)
        yield made
    finally:
        if made:
            made.stop()
        engines.sweep_groups(PARENT)
        engines.unmount_below(top)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def docker(engine):
    yield engine
    left = engine.call("ps", "-aq").stdout.split()
    if left:
        engine.call("rm", "-f", *left)


def test_run_returns_output_and_status(docker):
    got = docker.run("echo out; echo err >&2; exit 7")
    assert (got.stdout, got.stderr, got.returncode) == ("out\n", "err\n", 7)


@pytest.mark.parametrize("command, status, words", [
    ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'),
    ("/bin/nosuch", 127, 'exec: "/bin/nosuch": no such file or directory'),
    ("/etc/noexec", 126, 'exec: "/etc/noexec": permission denied'),
    ("/etc", 126, 'exec: "/etc": permission denied')])
def test_a_command_that_cannot_run_has_the_status_a_shell_gives_it(docker, command, status, words):
    got = docker.run([command])
    assert got.returncode == status and words in got.stderr, got
    got = docker.call("exec", docker.start("sleep 1000"), command)
    assert got.returncode == 126 and words in got.stdout + got.stderr, got  # the engine has one status for all of them


def test_exec_stop_logs_and_rm_of_a_background_container(docker):
    name = docker.start(LOOP)
    until(lambda: "begun" in docker.ok("logs", name), what="its output")
    pid = docker.state(name)["Pid"]
    assert docker.ok("exec", name, "readlink", "/proc/1/ns/pid") == os.readlink(f"/proc/{pid}/ns/pid") + "\n"
    got = docker.call("exec", "-u", "405:100", "-w", "/tmp", "-e", "A=b", name, "sh", "-c", "id -u; id -g; pwd; echo $A; exit 5")
    assert (got.stdout.split(), got.returncode) == (["405", "100", "/tmp", "b"], 5)
    docker.ok("stop", name)
    state = docker.state(name)
    assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("exited", 3, False)
    assert docker.ok("logs", name) == "begun\nbye\n"
    docker.ok("rm", name)
    assert docker.call("inspect", name).returncode != 0
    assert not [path for path in engines.groups_named(PARENT) if name in path]


def test_a_stopped_container_starts_again(docker):
    name = docker.start(LOOP)
    until(lambda: "begun" in docker.ok("logs", name), what="its output")
    docker.ok("restart", "-t", "2", name)
    assert docker.state(name)["Running"]
    docker.ok("kill", name)
    assert docker.ok("wait", name) == "137\n"


def test_kill_sends_the_signal_named(docker):
    name = docker.start("trap 'echo got; exit 9' USR2; echo begun; while :; do sleep 0.05; done")
    until(lambda: "begun" in docker.ok("logs", name), what="its output")
    docker.ok("kill", "-s", "USR2", name)
    assert docker.ok("wait", name) == "9\n" and "got" in docker.ok("logs", name)


def test_a_terminal_relays_keys_sizes_and_the_status(docker):
    p = docker.spawn("run", "-it", "--rm", "--network", "none", "busy", "sh", "-c",
                     "tty; read line; echo got-$line; while [ \"$(stty size)\" != '31 91' ]; do sleep 0.05; done; echo sized; exit 6")
    p.expect("/dev/pts/0")
    p.sendline("key")
    p.expect("got-key")
    for _ in range(120):  # the client may not listen for a change yet
        p.setwinsize(31, 90)
        p.setwinsize(31, 91)
        if p.expect(["sized", pexpect.TIMEOUT], timeout=0.5) == 0:
            break
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 6
    p = docker.spawn("exec", "-it", docker.start("sleep 1000"), "sh", "-c", "tty; exit 4")
    p.expect("/dev/pts/0")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 4


def test_limits_are_in_the_cgroup_hold_and_can_be_changed(docker):
    name = docker.start("--memory", "64m", "--memory-swap", "64m", "--cpus", "0.1", "--pids-limit", "12", "sleep 1000")
    pid = docker.state(name)["Pid"]
    assert engines.limit_of(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert engines.cpu_limit_of(pid) == [10000, 100000]
    assert engines.limit_of(pid, "pids", "pids.max", "pids.max") == "12"
    got = docker.call("exec", name, "sh", "-c", "for i in $(printf '%s ' 1 2 3 4 5 6 7 8 9 a b c d); do sleep 3 & done; wait")
    assert got.returncode != 0 and "can't fork" in got.stderr
    docker.ok("exec", name, "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    assert "nr_throttled 0\n" not in engines.limit_of(pid, "cpu", "cpu.stat", "cpu.stat") + "\n"
    docker.ok("update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.25", "--pids-limit", "30", name)
    assert engines.limit_of(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(96 << 20)
    assert engines.cpu_limit_of(pid) == [25000, 100000]
    assert engines.limit_of(pid, "pids", "pids.max", "pids.max") == "30"


def test_running_out_of_memory_is_told(docker):
    name = docker.start("--memory", "16m", "--memory-swap", "16m", "sleep 0.2; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done")
    assert docker.ok("wait", name) == "137\n"
    until(lambda: docker.state(name)["OOMKilled"], what=lambda: docker.state(name))


def test_pause_and_unpause(docker):
    name = docker.start("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    docker.ok("pause", name)
    assert docker.state(name)["Status"] == "paused"
    before = docker.ok("logs", name)
    assert docker.ok("logs", name) == before
    docker.ok("unpause", name)
    assert docker.state(name)["Status"] == "running"
    until(lambda: len(docker.ok("logs", name)) > len(before), what="more output")


def test_top_and_stats(docker):
    name = docker.start("--memory", "64m", "sleep 1000 & sleep 1001")
    until(lambda: "sleep 1001" in docker.ok("top", name), what=lambda: docker.ok("top", name))
    stats = json.loads(docker.ok("stats", "--no-stream", "--format", "{{json .}}", name))
    assert stats["PIDs"] == "2" and stats["MemUsage"].endswith("/ 64MiB"), stats


def test_isolation_options(docker, scratch):
    scratch = pathlib.Path(scratch)
    (scratch / "f").write_text("content")
    profile = scratch / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}))
    got = docker.run("--read-only", "--tmpfs", "/mnt:size=1m,mode=0700", "-v", f"{scratch}:/v:ro", "--user", "405:100",
                     "--group-add", "77", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt",
                     f"seccomp={profile}", "--ulimit", "nofile=100:200", "--sysctl", "kernel.msgmax=9000", "--hostname", "box",
                     "--device", "/dev/zero:/dev/xzero:r",
                     "touch /x 2>&1; touch /v/x 2>&1; cat /v/f; echo; id -u; id -g; id -G; grep -E 'CapBnd|NoNewPrivs|Seccomp:' "
                     "/proc/self/status; mkdir /tmp/y 2>&1; ulimit -n; ulimit -Hn; cat /proc/sys/kernel/msgmax; hostname; "
                     "stat -c '%t:%T' /dev/xzero; stat -c %a /mnt")
    assert got.stdout.splitlines() == [
        "touch: /x: Read-only file system", "touch: /v/x: Read-only file system", "content", "405", "100", "100 77",
        "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "mkdir: can't create directory '/tmp/y': No space left on device",
        "100", "200", "9000", "box", "1:5", "700"], got


def test_default_seccomp_and_capabilities(docker):
    assert docker.output("--cap-add", "SYS_TIME", "--cap-drop", "CHOWN", "grep -E 'CapEff|Seccomp:' /proc/self/status").split() == \
        ["CapEff:", "00000000aa0425fa", "Seccomp:", "2"]
    assert docker.output("--security-opt", "seccomp=unconfined", "grep Seccomp: /proc/self/status").split() == ["Seccomp:", "0"]


def test_a_missing_working_directory_is_made(docker):
    assert docker.output("-w", "/not/there", "pwd") == "/not/there\n"


def test_an_init_process_and_namespaces_of_others(docker):
    assert "docker-init" in docker.output("--init", "cat /proc/1/cmdline")
    name = docker.start("sleep 1000")
    kinds = ("net", "ipc", "pid")
    pid = docker.state(name)["Pid"]
    got = docker.call("run", "--rm", "--network", f"container:{name}", "--ipc", "host", "--pid", f"container:{name}", "busy",
                      "sh", "-c", "for k in net ipc pid; do readlink /proc/self/ns/$k; done")
    wanted = [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds]
    wanted[1] = os.readlink("/proc/self/ns/ipc")
    assert got.stdout.split() == wanted, got


def test_a_health_check_runs_in_the_container(docker):
    name = docker.start("--health-cmd", "test -e /tmp/well", "--health-interval", "200ms", "sleep 1000")
    docker.ok("exec", name, "touch", "/tmp/well")
    until(lambda: docker.state(name)["Health"]["Status"] == "healthy", what=lambda: docker.state(name)["Health"])


def test_cp_into_a_running_container(docker, tmp_path):
    name = docker.start("sleep 1000")
    (tmp_path / "in").write_text("copied")
    docker.ok("cp", tmp_path / "in", f"{name}:/tmp/there")
    assert docker.ok("exec", name, "cat", "/tmp/there") == "copied"


def test_containerd_runs_a_directory_with_this_runtime(docker, tmp_path):
    """ctr, without Docker between."""
    root = engines.make_image(tmp_path / "root")
    ctr = ["ctr", "--address", f"{docker.top}/exec/containerd/containerd.sock", "--namespace", "tests"]
    run = [*ctr, "run", "--runc-binary", program("gemel-runtime"), "--runc-root", str(tmp_path / "state"), "--cgroup",
           f"/{PARENT}/ctr", "--fifo-dir", str(tmp_path)]

    def call(*argv):
        return subprocess.run(argv, env=docker.env, text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    got = call(*run, "--rm", "--rootfs", str(root), "t1", "/bin/sh", "-c", "echo in; exit 6")
    assert (got.stdout, got.returncode) == ("in\n", 6), got
    got = call(*run, "--detach", "--rootfs", str(root), "t2", "/bin/sleep", "1000")
    assert got.returncode == 0, got
    assert list((tmp_path / "state/tests").iterdir()), "the state is not where it was asked for"
    got = call(*ctr, "task", "exec", "--fifo-dir", str(tmp_path), "--exec-id", "e1", "t2", "/bin/sh", "-c", "echo exec; exit 5")
    assert (got.stdout, got.returncode) == ("exec\n", 5), got
    assert "PIDS" in (got := call(*ctr, "task", "metrics", "t2")).stdout.upper() or got.returncode == 0, got
    for step in ("pause", "resume"):
        assert call(*ctr, "task", step, "t2").returncode == 0
    assert call(*ctr, "task", "kill", "-s", "KILL", "t2").returncode == 0
    until(lambda: "STOPPED" in call(*ctr, "task", "ls").stdout, what=lambda: call(*ctr, "task", "ls"))
    for words in (("task", "delete", "t2"), ("container", "delete", "t2")):
        call(*ctr, *words)
    assert not list((tmp_path / "state/tests").iterdir())
