# SPDX-License-Identifier: GPL-3.0-or-later
"""create, start, state, kill, delete, run, exec, pause, list: what each does and what it refuses."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import pid_gone, wait_for


def test_a_container_goes_from_created_to_running_to_stopped_to_gone(rt):
    cid = rt.bundle("echo begun; sleep 1000")
    assert rt.create(cid, "--pid-file", str(rt.top / "pid")) == 0
    state = rt.state(cid)
    assert state["status"] == "created" and state["id"] == cid
    assert state["pid"] == int((rt.top / "pid").read_text())
    assert state["bundle"] == str(rt.path(cid)) and state["ociVersion"].startswith("1.")
    assert rt.out(cid) == ""
    rt.ok("start", cid)
    wait_for("output", lambda: rt.out(cid) == "begun\n")
    assert rt.status(cid) == "running"
    rt.ok("kill", cid, "KILL")
    wait_for("end", lambda: rt.status(cid) == "stopped")
    assert rt.state(cid)["pid"] == 0
    rt.ok("delete", cid)
    assert "does not exist" in rt.fails("state", cid)
    assert rt.leftovers() == []


def test_run_returns_the_programs_own_status(rt):
    assert rt.run(rt.bundle("exit 7")).returncode == 7
    assert rt.leftovers() == []


def test_run_returns_128_plus_the_signal(rt):
    # The init of a pid namespace takes no signal from inside without a handler, so it is sent from outside.
    cid = rt.bundle("sleep 1000")
    p = subprocess.Popen([rt.binary, "--root", rt.root, "run", "-b", rt.path(cid), cid],
                         stdin=subprocess.DEVNULL)
    wait_for("start", lambda: rt.call("state", cid).returncode == 0 and rt.status(cid) == "running")
    rt.ok("kill", cid, "9")
    assert p.wait(60) == 137


def test_run_passes_signals_on(rt):
    cid = rt.bundle("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    p = subprocess.Popen([rt.binary, "--root", rt.root, "run", "-b", rt.path(cid), cid],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 9
    p.stdout.close()


def test_a_second_start_is_refused(rt):
    cid = rt.start()
    assert "running, not created" in rt.fails("start", cid)


def test_an_id_in_use_is_refused_and_the_container_left_alone(rt):
    cid = rt.start()
    before = rt.state(cid)
    assert "exists already" in rt.fails("create", "-b", rt.path(cid), cid)
    assert rt.state(cid) == before


@pytest.mark.parametrize("cid", ["../x", "a/b", "", ".", "a b", "x" * 1025])
def test_an_id_that_is_no_name_is_refused(rt, cid):
    path = rt.path(rt.bundle("true"))
    assert "container id" in rt.fails("create", "-b", path, cid)
    assert not list(rt.root.glob("*")) if rt.root.exists() else True


def test_delete_of_a_running_container_needs_force(rt):
    cid = rt.start()
    pid = rt.state(cid)["pid"]
    assert "--force" in rt.fails("delete", cid)
    assert rt.status(cid) == "running"
    rt.ok("delete", "--force", cid)
    assert pid_gone(pid) and rt.leftovers() == []


def test_delete_force_of_an_unknown_container_is_done(rt):
    rt.ok("delete", "--force", "nobody")
    assert "does not exist" in rt.fails("delete", "nobody")


def test_kill_of_a_stopped_container_says_not_running(rt):
    cid = rt.start("true")
    wait_for("end", lambda: rt.status(cid) == "stopped")
    assert "container not running" in rt.fails("kill", cid)


def test_kill_takes_names_and_numbers(rt):
    for name in ("TERM", "SIGTERM", "sigterm", "15"):
        cid = rt.start("trap 'echo got; exit' TERM; echo ready; while :; do sleep 0.02; done")
        wait_for("ready", lambda c=cid: "ready" in rt.out(c))
        rt.ok("kill", cid, name)
        wait_for("end", lambda c=cid: rt.status(c) == "stopped")
        assert rt.out(cid) == "ready\ngot\n"
    assert "not a signal" in rt.fails("kill", cid, "NOSUCH")


def test_kill_all_reaches_every_process(rt):
    cid = rt.start("sleep 1001 & sleep 1002 & wait")
    pids = wait_for("three processes",
                    lambda: (p := json.loads(rt.ok("ps", "-f", "json", cid))) and len(p) == 3 and p)
    rt.ok("kill", "--all", cid, "KILL")
    wait_for("end of all", lambda: all(pid_gone(p) for p in pids))


def test_pause_freezes_and_resume_thaws(rt):
    cid = rt.start("i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
    wait_for("output", lambda: len(rt.out(cid)) > 10)
    rt.ok("pause", cid)
    assert rt.status(cid) == "paused"
    before = rt.out(cid)
    time.sleep(0.1)
    assert rt.out(cid) == before
    assert "paused" in rt.fails("exec", cid, "true")
    assert "is paused" in rt.fails("pause", cid)
    rt.ok("resume", cid)
    assert rt.status(cid) == "running"
    wait_for("more output", lambda: rt.out(cid) != before)


def test_a_container_paused_before_its_start_is_resumed_before_it_starts(rt):
    cid = rt.bundle("echo ran; sleep 1000")
    assert rt.create(cid) == 0, rt.out(cid)
    rt.ok("pause", cid)
    assert rt.status(cid) == "paused"
    assert "is paused, not created" in rt.fails("start", cid)
    rt.ok("resume", cid)
    assert rt.status(cid) == "created"
    rt.ok("start", cid)
    wait_for("output", lambda: rt.out(cid) == "ran\n")


def test_a_caller_whose_group_was_killed_once_makes_containers_all_the_same(rt):
    """Kernels since 6.14 kill what such a caller clones into another group."""
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    tops = [m[4] for m in mounts if m[m.index("-") + 1] == "cgroup2"]
    if not tops:
        pytest.skip("no cgroup v2 is mounted here")
    group = f"{tops[0]}{rt.parent}-caller"
    os.mkdir(group)

    def enter():
        with open(f"{group}/cgroup.procs", "w") as procs:
            procs.write("0")
    try:
        victim = subprocess.Popen(["sleep", "1000"], preexec_fn=enter)
        with open(f"{group}/cgroup.kill", "w") as kill:
            kill.write("1")
        assert victim.wait(60) == -signal.SIGKILL
        got = rt.run(rt.bundle("cat /proc/self/cgroup; echo ran"), preexec_fn=enter)
        assert got.returncode == 0 and "0::/\n" in got.stdout and got.stdout.endswith("ran\n"), got
        cid = rt.start()
        assert rt.ok("exec", cid, "cat", "/proc/self/cgroup", preexec_fn=enter).endswith("0::/\n")
    finally:
        wait_for("the caller's end", lambda: not open(f"{group}/cgroup.procs").read())
        os.rmdir(group)


def test_a_paused_container_can_be_killed_and_deleted(rt):
    cid = rt.start()
    rt.ok("pause", cid)
    rt.ok("kill", cid, "KILL")
    wait_for("end", lambda: rt.status(cid) == "stopped")
    rt.ok("delete", cid)
    cid = rt.start()
    rt.ok("pause", cid)
    rt.ok("delete", "--force", cid)
    assert rt.leftovers() == []


def test_exec_runs_in_the_same_namespaces_and_groups(rt):
    cid = rt.start(hostname="inside")
    got = rt.ok("exec", cid, "sh", "-c", "hostname; cat /proc/self/cgroup; readlink /proc/self/ns/pid; readlink /proc/1/ns/pid")
    lines = got.splitlines()
    assert lines[0] == "inside"
    assert all(line.endswith(":/") for line in lines[1:-2]), lines
    assert lines[-1] == lines[-2]
    assert rt.call("exec", cid, "sh", "-c", "exit 5").returncode == 5


def test_exec_options_change_user_env_cwd_and_capabilities(rt):
    cid = rt.start()
    got = rt.ok("exec", "-u", "65:66", "-e", "A=b", "--cwd", "/tmp", "-g", "77", cid, "sh", "-c",
                "id -u; id -g; id -G; echo $A; pwd")
    assert got.splitlines() == ["65", "66", "66 77", "b", "/tmp"]
    with_cap = rt.ok("exec", "-c", "CAP_SYS_TIME", cid, "grep", "CapEff", "/proc/self/status")
    assert int(with_cap.split()[1], 16) >> 25 & 1


def test_exec_of_a_process_file_keeps_the_containers_limits(rt):
    cid = rt.start(linux={"resources": {"pids": {"limit": 50}}})
    spec = rt.top / "process.json"
    spec.write_text(json.dumps({"args": ["sh", "-c", "id -u; echo $X; pwd"], "cwd": "/tmp",
                                "env": ["PATH=/bin", "X=y"], "user": {"uid": 5, "gid": 6}}))
    assert rt.ok("exec", "--process", spec, cid).splitlines() == ["5", "y", "/tmp"]


def test_exec_of_what_is_not_there_fails_with_255_and_its_name(rt):
    cid = rt.start()
    for args, text in ((["nosuch"], "executable file not found in $PATH"),
                       (["/bin/nosuch"], "no such file or directory"),
                       (["/etc"], "permission denied"),
                       (["/etc/passwd"], "permission denied")):
        got = rt.call("exec", cid, *args)
        assert got.returncode == 255 and text in got.stderr and args[0] in got.stderr


def wait_stopped(rt):
    cid = f"t{os.getpid()}-{rt.count}"
    wait_for("end", lambda: rt.status(cid) == "stopped")
    return cid


def test_exec_in_a_stopped_container_is_refused(rt):
    rt.start("true")
    cid = wait_stopped(rt)
    assert "stopped" in rt.fails("exec", cid, "true")


def test_detached_exec_writes_its_pid(rt):
    cid = rt.start()
    subprocess.run([rt.binary, "--root", rt.root, "exec", "-d", "--pid-file", rt.top / "p", cid, "sleep", "1003"],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int((rt.top / "p").read_text())
    assert b"1003" in open(f"/proc/{pid}/cmdline", "rb").read()


def test_list_shows_all_and_state_survives_a_look_by_another(rt):
    a, b = rt.start(), rt.bundle("true")
    assert rt.create(b) == 0
    listed = {c["id"]: c["status"] for c in json.loads(rt.ok("list", "-f", "json"))}
    assert listed == {a: "running", b: "created"}
    assert rt.ok("list", "-q").split() == sorted([a, b])


def test_a_program_that_is_missing_is_reported_by_create(rt):
    cid = rt.bundle("nosuch", "arg")
    assert rt.create(cid) == 1
    assert "executable file not found in $PATH" in rt.out(cid) and rt.out(cid).count("\n") == 1
    assert rt.leftovers() == []


def test_a_program_that_cannot_be_executed_is_reported_by_start(rt):
    cid = rt.bundle("/mnt/bad")
    (rt.image / "mnt/bad").write_text("not a program")
    (rt.image / "mnt/bad").chmod(0o755)
    cid = rt.bundle("/mnt/bad", "x")
    assert rt.create(cid) == 0
    assert "exec format error" in rt.fails("start", cid)
    wait_for("end", lambda: rt.status(cid) == "stopped")


def test_the_log_has_the_error_as_json(rt):
    log = rt.top / "log"
    rt.call("--log", log, "--log-format", "json", "state", "nobody")
    line = json.loads(log.read_text())
    assert line["level"] == "error" and "nobody" in line["msg"] and line["time"]


def test_unknown_commands_and_options_are_named(rt):
    assert "frobnicate" in rt.fails("frobnicate")
    assert "--nope" in rt.fails("create", "--nope", "x")
    assert "unsupported" in rt.fails("checkpoint", "x")
    assert "systemd" in rt.fails("--systemd-cgroup", "run", "-b", rt.path(rt.bundle("true")), "s1")


def test_preserved_descriptors_reach_the_program_and_no_others(rt):
    cid = rt.bundle("ls /proc/self/fd; echo hello >&3")
    script = f"exec 3>{rt.top}/three 9>{rt.top}/nine; exec {rt.binary} --root {rt.root} run -b {rt.path(cid)} $1 {cid}"
    got = subprocess.run(["sh", "-c", script, "sh", "--preserve-fds=1"], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    assert got.returncode == 0, got.stderr
    assert (rt.top / "three").read_text() == "hello\n"
    # 0, 1, 2, 3 and the directory itself
    assert got.stdout.split() == ["0", "1", "2", "3", "4"]


def test_a_descriptor_to_preserve_must_be_open(rt):
    assert "--preserve-fds" in rt.fails("run", "-b", rt.path(rt.bundle("true")), "--preserve-fds", "5", "x")
    # The log, which is opened before, does not stand for it.
    assert "--preserve-fds: descriptor 3" in rt.fails("--log", rt.top / "log", "run", "-b", rt.path(rt.bundle("true")),
                                                      "--preserve-fds", "1", "x")
