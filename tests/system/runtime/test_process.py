# SPDX-License-Identifier: GPL-3.0-or-later
"""The process object: what the program finds around itself, and what is refused or warned of."""

import json
import os
import subprocess

import pytest
from conftest import wait_for


def test_a_container_may_be_created_without_a_process_but_not_started(rt):
    cid = rt.bundle("true", change=lambda c: c.pop("process"))
    assert rt.create(cid) == 0, rt.out(cid)
    assert rt.status(cid) == "created"
    assert "process: missing" in rt.fails("start", cid)
    assert rt.status(cid) == "created"
    spec = rt.top / "process.json"
    spec.write_text(json.dumps({"args": ["/bin/pwd"], "cwd": "/"}))
    assert rt.ok("exec", "-p", spec, cid) == "/\n"
    rt.ok("delete", "-f", cid)
    cid = rt.bundle("true", change=lambda c: c.pop("process"))
    assert "process: missing" in rt.fails("run", "-b", rt.path(cid), cid)
    assert rt.leftovers() == []


def test_home_comes_from_the_containers_passwd_when_the_configuration_has_none(rt):
    (rt.image / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nbroken\nu:x:7:7::/home/u:/bin/sh\n")
    home = "echo $HOME"
    assert rt.output(home) == "/root\n"
    assert rt.output(home, process={"user": {"uid": 7, "gid": 7}}) == "/home/u\n"
    assert rt.output(home, process={"user": {"uid": 8, "gid": 8}}) == "/\n"
    assert rt.output(home, process={"env": ["PATH=/bin", "HOME=/mine"]}) == "/mine\n"
    cid = rt.start()
    assert rt.ok("exec", "-u", "7", cid, "sh", "-c", home) == "/home/u\n"


def test_a_passwd_that_is_no_file_holds_nothing_up(rt):
    (rt.image / "etc/passwd").unlink()
    os.mkfifo(rt.image / "etc/passwd")
    assert rt.output("echo $HOME") == "/\n"


@pytest.mark.parametrize("sets,kept", [
    ({"bounding": ["CAP_NOPE", "CAP_KILL"], "permitted": ["CAP_KILL"]}, 1 << 5),
    ({"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "inheritable": [], "ambient": ["CAP_KILL"]}, 1 << 5),
    ({"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL", "CAP_CHOWN"]}, 1 << 5),
])
def test_a_capability_that_cannot_be_granted_is_a_warning(rt, sets, kept):
    cid = rt.bundle("grep CapPrm /proc/self/status", process={"capabilities": None})
    config = json.loads((rt.path(cid) / "config.json").read_text())
    config["process"]["capabilities"] = sets
    (rt.path(cid) / "config.json").write_text(json.dumps(config))
    got = rt.run(cid)
    assert got.returncode == 0, got.stderr
    assert "warning: process.capabilities" in got.stderr and "left out" in got.stderr
    assert int(got.stdout.split()[1], 16) & ~kept == 0


def test_a_capability_the_caller_lacks_is_a_warning_too(rt):
    cid = rt.bundle("grep CapBnd /proc/self/status", process={"capabilities": {"bounding": ["CAP_SYS_TIME", "CAP_KILL"]}})
    got = subprocess.run(["setpriv", "--bounding-set=-sys_time", rt.binary, "--root", rt.root, "run", "-b", rt.path(cid), cid],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert got.returncode == 0 and "CAP_SYS_TIME" in got.stderr, got
    assert int(got.stdout.split()[1], 16) == 1 << 5


def test_ambient_capabilities_reach_a_plain_user(rt):
    caps = {name: ["CAP_NET_BIND_SERVICE"] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    got = rt.output("grep -E 'CapEff|CapAmb' /proc/self/status",
                    process={"user": {"uid": 9, "gid": 9}, "capabilities": caps})
    assert [int(line.split()[1], 16) for line in got.splitlines()] == [1 << 10] * 2


def test_the_scheduler_is_set_and_wrong_values_are_named(rt):
    # SCHED_BATCH, nice 5: fields 41 and 19 of stat, as the kernel counts them
    got = rt.output("cat /proc/self/stat", process={"scheduler": {"policy": "SCHED_BATCH", "nice": 5}})
    fields = got.rpartition(")")[2].split()
    assert (fields[41 - 3], fields[19 - 3]) == ("3", "5")
    for scheduler, field in (({"policy": "SCHED_FROB"}, "scheduler.policy"), ({}, "scheduler.policy"),
                             ({"policy": "SCHED_OTHER", "nice": 20}, "scheduler.nice"),
                             ({"policy": "SCHED_FIFO", "priority": 100}, "scheduler.priority"),
                             ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}, "scheduler.flags[0]"),
                             ({"policy": "SCHED_ISO"}, "process.scheduler: SCHED_ISO")):
        cid = rt.bundle("true", process={"scheduler": scheduler})
        assert field in rt.fails("create", "-b", rt.path(cid), cid)


def test_the_io_priority_is_set_for_container_and_exec(rt):
    cid = rt.start("sleep 1000", process={"ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4}})
    shown = subprocess.run(["ionice", "-p", str(rt.state(cid)["pid"])], capture_output=True, text=True, check=True).stdout
    assert "idle" in shown


def test_the_personality_makes_32_bits_of_the_machine_in_exec_too(rt):
    cid = rt.start("cat /proc/self/personality; sleep 1000", linux={"personality": {"domain": "LINUX32"}})
    wait_for("output", lambda: rt.out(cid))
    assert int(rt.out(cid), 16) == 8
    assert int(rt.ok("exec", cid, "cat", "/proc/self/personality"), 16) == 8
    cid = rt.bundle("true", linux={"personality": {"domain": "LINUX", "flags": ["X"]}})
    assert "linux.personality.flags" in rt.fails("create", "-b", rt.path(cid), cid)


def cpus():
    return sorted(os.sched_getaffinity(0))


def test_exec_runs_on_the_cpus_it_is_given(rt):
    allowed = cpus()
    cid = rt.start("sleep 1000")
    show = ["/bin/grep", "Cpus_allowed_list", "/proc/self/status"]
    spec = rt.top / "process.json"

    def listed(affinity):
        spec.write_text(json.dumps({"args": show, "cwd": "/", "execCPUAffinity": affinity}))
        return rt.ok("exec", "-p", spec, cid).split()[1]
    one = str(allowed[-1])
    assert listed({"initial": str(allowed[0]), "final": one}) == one
    # without "final" it is the container's own
    before = rt.ok("exec", cid, *show).split()[1]
    assert listed({"initial": one}) == before
    spec.write_text(json.dumps({"args": show, "cwd": "/", "execCPUAffinity": {"initial": "0-"}}))
    assert "process.execCPUAffinity.initial" in rt.fails("exec", "-p", spec, cid)
    spec.write_text(json.dumps({"args": show, "cwd": "/", "execCPUAffinity": {"final": "1023"}}))
    assert "process.execCPUAffinity.final" in rt.fails("exec", "-p", spec, cid)


def test_the_oom_score_is_set_only_when_asked_for(rt):
    own = open("/proc/self/oom_score_adj").read()
    assert rt.output("cat /proc/self/oom_score_adj") == own
    assert rt.output("cat /proc/self/oom_score_adj", process={"oomScoreAdj": 700}) == "700\n"


def test_console_size_without_a_terminal_is_ignored(rt):
    assert rt.output("echo ok", process={"terminal": False, "consoleSize": {"height": 1 << 40}}) == "ok\n"


@pytest.mark.parametrize("extra,field", [
    ({"process": {"apparmorProfile": "nosuch"}}, "process.apparmorProfile"),
    ({"process": {"selinuxLabel": "a:b:c:s0"}}, "process.selinuxLabel"),
    ({"linux": {"mountLabel": "a:b:c:s0"}}, "linux.mountLabel"),
])
def test_a_label_that_the_host_cannot_give_is_an_error(rt, extra, field):
    """For want of the security module, or of such a label in it."""
    cid = rt.bundle("true", **extra)
    message = rt.fails("create", "-b", rt.path(cid), cid)
    assert field in message or "context=" in message
    assert rt.leftovers() == []


def test_unconfined_holds_with_and_without_apparmor(rt):
    assert rt.output("echo ok", process={"apparmorProfile": "unconfined"}) == "ok\n"


def test_rlimits_are_those_of_getrlimit(rt):
    import resource
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    got = rt.output("cat /proc/self/limits", process={"rlimits": [
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0 if hard == 0 else 4096},
        {"type": "RLIMIT_AS", "soft": 18446744073709551615, "hard": 18446744073709551615}]})
    lines = {line[:26].strip(): line[26:].split()[:2] for line in got.splitlines()}
    assert lines["Max core file size"][0] == "0"
    assert lines["Max address space"] == ["unlimited", "unlimited"]
