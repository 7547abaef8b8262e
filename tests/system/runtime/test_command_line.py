# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as engines and operators of runc and crun write it, and what features says."""

import array
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest
from conftest import pid_gone, wait_for

COMMANDS = "create start run state kill delete exec list ps pause resume update events spec features".split()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(rt, command):
    text = rt.ok(command, "--help")
    assert text.startswith(f"usage: gemel-runtime [OPTIONS] {command} ")
    assert f"Example:\n  gemel-runtime {command}" in text
    assert rt.ok("help", command) == text == rt.ok(command, "-h")


def test_the_examples_parse(rt):
    """What help shows must not be refused as a wrong option."""
    for command in COMMANDS:
        [example] = re.findall(r"Example:\n  gemel-runtime (.*)", rt.ok("help", command))
        got = rt.call(*example.split(), cwd=rt.top)
        assert "unknown option" not in got.stderr and "usage" not in got.stderr, example


def test_version_and_help_need_no_state_directory(rt):
    assert re.match(r"gemel-runtime version \S+\nspec: 1\.\d+\.\d+\nlibseccomp: ", rt.ok("--version"))
    assert rt.ok("-v") == rt.ok("--version")
    for command in COMMANDS:
        assert f"\n  {command} " in rt.ok("--help")


@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_checkpoint_and_restore_are_unsupported_whatever_their_options(rt, command):
    assert "unsupported" in rt.fails(command, "--image-path", "/x", "--leave-running", "web")
    assert command not in rt.ok("features")


def test_global_options_of_runc_and_crun_are_taken(rt):
    for options in (["--debug"], ["--rootless", "auto"], ["--rootless=true"], ["--criu", "/usr/sbin/criu"],
                    ["--cgroup-manager", "cgroupfs"], ["--cgroup-manager=disabled"], ["--log-level", "warning"],
                    ["--log-format", "text"], ["--log", f"file:{rt.top}/log"]):
        assert rt.ok(*options, "list", "-q") == ""
    assert "--log-format" in rt.fails("--log-format", "xml", "list")
    assert "--log-level" in rt.fails("--log-level", "loud", "list")
    assert "--cgroup-manager" in rt.fails("--cgroup-manager", "frob", "run", "-b", rt.path(rt.bundle("true")), "x")
    assert "--log journald:" in rt.fails("--log", "journald:x", "list")


def test_the_log_has_debug_lines_only_when_asked_for(rt):
    log = rt.top / "log"
    rt.ok("--log", log, "list", "-q")
    assert log.read_text() == ""
    rt.ok("--debug", "--log", log, "--log-format", "json", "list", "-q")
    assert json.loads(log.read_text())["level"] == "debug"
    assert rt.call("--debug", "list", "-q").stderr == ""
    rt.call("--log-level", "error", "--log", log, "state", "nosuch")
    assert "nosuch" in log.read_text()


def receive_fd(server):
    conn = server.accept()[0]
    data, control, _, _ = conn.recvmsg(256, socket.CMSG_SPACE(4))
    fds = array.array("i")
    fds.frombytes(control[0][2])
    conn.close()
    return data, fds[0]


def test_a_pidfd_goes_to_its_socket(rt):
    path = str(rt.top / "pidfd.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(2)
        cid = rt.bundle("sleep 1000")
        assert rt.create(cid, "--pidfd-socket", path) == 0, rt.out(cid)
        _, fd = receive_fd(server)
        info = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
        assert f"Pid:\t{rt.state(cid)['pid']}\n" in info
        os.close(fd)
        rt.ok("start", cid)
        rt.ok("exec", "-d", "--pidfd-socket", path, cid, "sleep", "1000", capture=False)
        _, fd = receive_fd(server)
        assert "Pid:\t" in pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
        os.close(fd)
    cid = rt.bundle("true")
    assert "--pidfd-socket" in rt.fails("run", "-b", rt.path(cid), "--pidfd-socket", "/nosuch", cid)



def test_another_configuration_may_be_named(rt):
    cid = rt.bundle("echo usual")
    other = rt.top / "other.json"
    other.write_text((rt.path(cid) / "config.json").read_text().replace("echo usual", "echo other"))
    assert rt.run(cid, "--config", other).stdout == "other\n"


def test_create_takes_the_options_of_crun(rt):
    cid = rt.bundle("true")
    other = rt.top / "another.json"
    (rt.path(cid) / "config.json").rename(other)
    assert rt.create(cid, "-f", str(other), "--no-subreaper") == 0, rt.out(cid)


def test_exec_goes_into_a_group_below_the_containers(rt):
    cid = rt.start("sleep 1000")
    group = f"{rt.parent}/{cid}"
    roots = [d for d in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory", "/sys/fs/cgroup") if os.path.isdir(d + group)]
    for root in roots:
        os.mkdir(f"{root}{group}/work")
    try:
        if roots == ["/sys/fs/cgroup"]:
            got = subprocess.run([rt.binary, "--root", rt.root, "exec", "--cgroup", "/work", cid, "cat", "/proc/self/cgroup"],
                                 capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
            assert got.stdout == "0::/work\n", got
        else:
            got = rt.ok("exec", "--cgroup", "pids:/work", cid, "cat", "/proc/self/cgroup")
            lines = {line.split(":")[1]: line.split(":")[2] for line in got.splitlines()}
            assert lines["pids"] == "/work" and lines["memory"] == "/"
            assert "--cgroup" in rt.fails("exec", "--cgroup", "cpuset:work", cid, "true")
        assert "--cgroup" in rt.fails("exec", "--cgroup", "../other", cid, "true")
        assert "--cgroup" in rt.fails("exec", "--cgroup", "nosuch", cid, "true")
        assert "--cgroup" in rt.fails("exec", "--cgroup", "frob:work", cid, "true")
    finally:
        for root in roots:
            wait_for("empty group", lambda r=root: not pathlib.Path(f"{r}{group}/work/cgroup.procs").read_text())
            os.rmdir(f"{root}{group}/work")


def test_kill_takes_all_in_every_position(rt):
    for words in (["--all", "{}", "KILL"], ["{}", "9", "--all"], ["-a", "{}", "SIGKILL"]):
        cid = rt.start("sleep 1001 & sleep 1002")
        pid = rt.state(cid)["pid"]
        rt.ok("kill", *[w.format(cid) for w in words])
        wait_for("end", lambda p=pid: pid_gone(p))


def test_list_and_ps_print_tables_and_json(rt):
    cid = rt.start()
    assert rt.ok("list", "-q") == f"{cid}\n"
    [row] = json.loads(rt.ok("list", "--format=json"))
    assert row["id"] == cid and row["status"] == "running" and row["pid"] == rt.state(cid)["pid"]
    head, line = rt.ok("list", "-f", "table").splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED"] and line.split()[0] == cid
    assert json.loads(rt.ok("ps", "--format", "json", cid)) == [row["pid"]]
    assert rt.ok("ps", cid).splitlines()[1].split() == [str(row["pid"]), "sleep"]
    assert "--format" in rt.fails("list", "-f", "xml")
    assert rt.ok("list", "-q", "-f", "json") == f"{cid}\n"


def test_a_root_that_is_no_directory_is_an_error_and_none_is_an_empty_list(rt):
    rt.root = rt.top / "nothing"
    assert rt.ok("list", "-q") == "" and rt.ok("list", "-f", "json") == "[]\n"
    rt.root.write_text("")
    assert "Not a directory" in rt.fails("list") and "Not a directory" in rt.fails("state", "x")
    rt.root.unlink()


def test_a_signal_is_a_name_or_a_plain_number(rt):
    for word in ("+9", " 9", "0x9", "9x", "0", "SIGFOO", ""):
        assert "is not a signal" in rt.fails("kill", "nobody", word)
    for word in ("9", "KILL", "SIGKILL", "kill", "RTMIN+1"):
        assert "does not exist" in rt.fails("kill", "nobody", word)


@pytest.mark.skipif(not shutil.which("ps"), reason="no ps(1) here")
def test_ps_takes_the_arguments_of_the_program(rt):
    cid = rt.start("sleep 1003 & sleep 1004")
    wait_for("both", lambda: len(json.loads(rt.ok("ps", "-f", "json", cid))) >= 2)
    pids = json.loads(rt.ok("ps", "-f", "json", cid, "-ef"))
    head, *lines = rt.ok("ps", cid, "-eo", "args,pid").splitlines()
    assert head.split() == ["COMMAND", "PID"] or not lines
    head, *lines = rt.ok("ps", cid, "-o", "pid,args", "-e").splitlines()
    assert head.split() == ["PID", "COMMAND"] and [int(line.split()[0]) for line in lines] == pids
    assert any("sleep 1003" in line for line in lines)
    assert "no column PID" in rt.fails("ps", cid, "-eo", "comm")
    assert rt.call("ps", cid, "--nosuch").returncode == 1


def test_events_prints_stats_at_its_interval(rt):
    cid = rt.start()
    one = json.loads(rt.ok("events", "--stats", cid))
    assert one["type"] == "stats" and one["id"] == cid and one["data"]["pids"]["current"] == 1
    p = subprocess.Popen([rt.binary, "--root", rt.root, "events", "--interval", "50ms", cid], stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    lines = [json.loads(p.stdout.readline()) for _ in range(3)]
    # at the interval of five seconds that it has by itself the three would take ten
    assert time.monotonic() - began < 9 and all(line["type"] == "stats" for line in lines)
    rt.ok("kill", cid, "KILL")
    assert p.wait(60) == 0
    p.stdout.close()
    assert rt.fails("events", "--stats", cid) == f"gemel-runtime: container '{cid}': container not running"
    for wrong in ("", "x", "-1s", "0s", "5parsecs"):
        assert "--interval" in rt.fails("events", "--interval", wrong, cid)


UPDATES = [(["--cpu-shares", "512"], "cpu", "cpu.shares", "512", "cpu.weight", None),
           (["--cpu-share", "513"], "cpu", "cpu.shares", "513", "cpu.weight", None),
           (["--cpu-period", "50000", "--cpu-quota", "20000"], "cpu", "cpu.cfs_quota_us", "20000", "cpu.max", "20000 50000"),
           (["--cpu-idle", "1"], "cpu", "cpu.idle", "1", "cpu.idle", "1"),
           (["--memory", "64m"], "memory", "memory.limit_in_bytes", str(64 << 20), "memory.max", str(64 << 20)),
           (["--memory-reservation", "32m"], "memory", "memory.soft_limit_in_bytes", str(32 << 20), "memory.low", str(32 << 20)),
           (["--pids-limit", "55"], "pids", "pids.max", "55", "pids.max", "55"),
           (["--pids-limit", "-1"], "pids", "pids.max", "max", "pids.max", "max"),
           (["--cpuset-cpus", "0", "--cpuset-mems", "0"], "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0")]


def test_update_takes_the_options_of_runc(rt):
    cid = rt.start()
    for options, controller, v1, want1, v2, want2 in UPDATES:
        rt.ok("update", *options, cid)
        got = rt.group_file(cid, controller, v1, v2)
        assert got == want1 or want2 is None or got == want2, (options, got)
    for option in ("--memory", "--cpu-quota", "--cpu-period", "--pids-limit", "--cpu-burst", "--cpu-rt-runtime"):
        assert f"{option}: 'x'" in rt.fails("update", option, "x", cid)
    for option in ("--l3-cache-schema", "--mem-bw-schema"):
        assert "linux.intelRdt" in rt.fails("update", option, "L3:0=f", cid)


def test_update_takes_resources_from_a_file_and_from_standard_input(rt):
    cid = rt.start()
    path = rt.top / "resources.json"
    path.write_text(json.dumps({"pids": {"limit": 33}}))
    rt.ok("update", "-r", path, cid)
    assert rt.group_file(cid, "pids", "pids.max", "pids.max") == "33"
    rt.ok("update", "--resources", "-", cid, stdin=None, input='{"pids": {"limit": 34}}')
    assert rt.group_file(cid, "pids", "pids.max", "pids.max") == "34"
    path.write_text('{"pids": {"limit": "many"}}')
    assert "resources.pids.limit" in rt.fails("update", "-r", path, cid)


def test_spec_writes_a_configuration_that_runs_and_keeps_an_old_one(rt, tmp_path):
    rt.ok("spec", cwd=tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["ociVersion"] == "1.2.1"
    assert "config.json" in rt.fails("spec", "--bundle", tmp_path)
    other = tmp_path / "rootless"
    other.mkdir()
    rt.ok("spec", "--rootless", "-b", other)
    config = json.loads((other / "config.json").read_text())
    assert {"type": "user"} in config["linux"]["namespaces"] and config["linux"]["uidMappings"]


def test_features_says_what_the_tables_can_do(rt):
    doc = json.loads(rt.ok("features"))
    assert (doc["ociVersionMin"], doc["ociVersionMax"]) == ("1.0.0", "1.2.1")
    assert doc["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    must = """async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec
    noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave
    runbindable rw shared silent slave strictatime suid sync unbindable nosymfollow ratime rdev rdiratime rexec rnoatime
    rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow rrelatime rro rrw rstrictatime rsuid
    rsymfollow symfollow tmpcopyup idmap ridmap""".split()
    assert set(must) <= set(doc["mountOptions"]) and len(doc["mountOptions"]) == len(set(doc["mountOptions"]))
    linux = doc["linux"]
    assert set(linux["namespaces"]) == {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}
    assert {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"} <= set(linux["capabilities"])
    assert linux["cgroup"]["v1"] and linux["cgroup"]["v2"] and linux["cgroup"]["rdma"]
    seccomp = linux["seccomp"]
    assert seccomp["enabled"] and {"SCMP_ACT_NOTIFY", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG"} <= set(seccomp["actions"])
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"]) and "SCMP_ARCH_X86_64" in seccomp["archs"]
    assert len(seccomp["knownFlags"]) == 4 and len(seccomp["operators"]) == 7
    assert linux["apparmor"] == linux["selinux"] == {"enabled": True} and linux["intelRdt"] == {"enabled": False}
    assert linux["mountExtensions"] == {"idmap": {"enabled": True}}
    assert all(isinstance(v, str) for v in doc["annotations"].values())


def test_every_flag_that_features_supports_loads(rt):
    flags = json.loads(rt.ok("features"))["linux"]["seccomp"]["supportedFlags"]
    for flag in flags:
        assert rt.output("echo ok", linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "flags": [flag], "syscalls": [
            {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}}) == "ok\n"


@pytest.mark.parametrize("action,status,text", [
    ({"action": "SCMP_ACT_ERRNO", "errnoRet": 38}, 1, "not implemented"),
    ({"action": "SCMP_ACT_ERRNO"}, 1, "not permitted"),
    ({"action": "SCMP_ACT_TRACE", "errnoRet": 5}, 1, "not implemented"),
    ({"action": "SCMP_ACT_LOG"}, 0, ""),
    ({"action": "SCMP_ACT_KILL_PROCESS"}, 159, ""),
    ({"action": "SCMP_ACT_KILL_THREAD"}, 159, ""),
    ({"action": "SCMP_ACT_KILL"}, 159, ""),
    ({"action": "SCMP_ACT_TRAP"}, 159, ""),
])
def test_each_action_of_seccomp_does_what_it_says(rt, action, status, text):
    cid = rt.bundle("mkdir /made; exit $?", linux={"seccomp": {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], **action}]}})
    got = rt.run(cid)
    assert got.returncode == status and text in got.stderr, got


@pytest.mark.parametrize("seccomp,field", [
    ({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}, "linux.seccomp.defaultErrnoRet"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 1}]},
     "linux.seccomp.syscalls[0].errnoRet"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_KILL"}]}, "syscalls[0].names"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL",
                                                       "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}, "index"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL",
                                                       "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]}]}, "args[0].value"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]}, "linux.seccomp.flags[0]"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X"]}, "linux.seccomp.architectures[0]"),
    ({}, "linux.seccomp"),
])
def test_a_filter_that_cannot_be_is_named(rt, seccomp, field):
    cid = rt.bundle("true", linux={"seccomp": seccomp})
    assert field in rt.fails("create", "-b", rt.path(cid), cid)


def test_a_masked_argument_is_compared_with_its_second_value(rt):
    """chmod(path, mode): only with the set-user-ID bit."""
    cid = rt.bundle("touch /f; chmod 755 /f && echo plain; chmod 4755 /f || echo refused", linux={"seccomp": {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
             "args": [{"index": 1, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["fchmodat"], "action": "SCMP_ACT_ERRNO",
             "args": [{"index": 2, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"}]}]}})
    assert rt.run(cid).stdout.split() == ["plain", "refused"]
