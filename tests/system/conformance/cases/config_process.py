# SPDX-License-Identifier: GPL-3.0-or-later
"""config.md, Process, User, Hostname, Domainname. Most of it is asked of one container with everything set."""

import fcntl
import os
import socket
import struct
import termios

from bed import PATH, SLOW, caps
from suite import NotApplicable, case

DOC = "config.md"
PROC_FILES = ("/proc/self/oom_score_adj", "/proc/self/stat", "/proc/self/attr/current", "/proc/sys/kernel/domainname")


def ids(bed):
    """A user other than root, where one is mapped."""
    return (0, 0) if bed.rootless and not bed.facts["subordinate_ids"] else (11, 12)


def gids(bed):
    """Groups beside the first; an unprivileged user with a single id has none to give."""
    return [] if bed.rootless and not bed.facts["subordinate_ids"] else [5, 60]


def everything(bed):
    """A process with each of its properties set."""
    def change(config):
        uid, gid = ids(bed)
        process = config["process"]
        process.update(cwd="/work", oomScoreAdj=321, noNewPrivileges=True,
                       user={"uid": uid, "gid": gid, "umask": 0o27, "additionalGids": gids(bed)},
                       rlimits=[{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456},
                                {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}],
                       scheduler={"policy": "SCHED_BATCH", "nice": 7},
                       ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 6},
                       capabilities={"bounding": caps(["CHOWN", "KILL", "NET_RAW", "SETUID"]),
                                     "permitted": caps(["CHOWN", "KILL", "NET_RAW"]),
                                     "effective": caps(["CHOWN", "KILL"]),
                                     "inheritable": caps(["CHOWN", "NET_RAW"]), "ambient": caps(["CHOWN"])})
        process["env"] += ["A=1", "B=two words", "C="]
        config.update(hostname="the-host", domainname="the.domain")
    return bed.once("everything", lambda: bed.report(change, PROC_FILES, parts={
        "id": "id -u; id -g; id -G", "umask": "umask", "pwd": "pwd", "env": "env", "ionice": "ionice",
        "hostname": "hostname"}))


def plain(bed):
    """The same questions to a container with none of it set."""
    return bed.once("nothing", lambda: bed.report(None, PROC_FILES, parts={"umask": "umask"}))


def tty(bed):
    """A container on a terminal, which it got through a socket."""
    def go():
        bundle = bed.bundle("stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stat -c '%F %t %T' /dev/console; "
                            "grep ' /dev/console ' /proc/self/mountinfo; echo end; read line; echo got $line; exec sleep 1000")
        bundle.config["process"].update(terminal=True, consoleSize={"height": 33, "width": 77})
        bed.write(bundle)
        path = bundle.path / "console.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(1)
            server.settimeout(5 * SLOW)
            got = bed.create(bundle, "--console-socket", path)
            try:
                assert got.status == 0, f"create: {got}"
                conn, _ = server.accept()
                with conn:
                    conn.settimeout(5 * SLOW)
                    _, fds, _, _ = socket.recv_fds(conn, 4096, 1)
                assert fds, "no terminal came over the socket"
                master = fds[0]
                size = struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2]
                bed.ok("start", bundle.id)
                text = read_until(master, "end\r\n")
                os.write(master, b"typed\n")
                text += read_until(master, "got typed")
                os.close(master)
            finally:
                bed.delete(bundle)
        return {"size": size, "text": text}
    return bed.once("tty", go)


def read_until(fd, word):
    text = ""
    for _ in range(200):
        if word in text:
            return text
        try:
            text += os.read(fd, 4096).decode(errors="replace")
        except OSError:
            break
    raise AssertionError(f"'{word}' did not come on the terminal: {text[-300:]!r}")


# -- Process ------------------------------------------------------------------------------------------------

@case(DOC, "Process", "This property is REQUIRED when start is called.")
def process_is_required_at_start(bed):
    bed.rejects(lambda c: c.pop("process"))


@case(DOC, "Process", "terminal (bool, OPTIONAL) specifies whether a terminal is attached to the process.",
      fields=["process.terminal"])
def terminal(bed):
    lines = tty(bed)["text"].split("\r\n")
    assert "all" in lines, f"its streams are not all terminals: {lines}"
    assert "got typed" in tty(bed)["text"], tty(bed)["text"]


@case(DOC, "Process", "consoleSize (object, OPTIONAL) specifies the console size in characters of the terminal.",
      fields=["process.consoleSize"])
def console_size(bed):
    assert tty(bed)["text"].startswith("33 77\r\n"), tty(bed)["text"][:40]


@case(DOC, "Process", "Runtimes MUST ignore consoleSize if terminal is false or unset.")
def console_size_without_terminal_is_ignored(bed):
    change = {"height": 33, "width": 77}
    assert bed.output("tty; echo ran", lambda c: c["process"].update(consoleSize=change)) == "not a tty\nran\n"


@case(DOC, "Process", "cwd (string, REQUIRED) is the working directory that will be set for the executable.",
      fields=["process.cwd"])
def cwd(bed):
    assert everything(bed).part("pwd") == "/work"


@case(DOC, "Process", "(cwd) This value MUST be an absolute path.")
def cwd_is_absolute(bed):
    bed.rejects(lambda c: c["process"].update(cwd="work"), twin=lambda c: c["process"].update(cwd="/work"))
    bed.rejects(lambda c: c["process"].pop("cwd"))


@case(DOC, "Process", "env (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's environ.",
      fields=["process.env"])
def env(bed):
    got = set(everything(bed).part("env").splitlines())
    assert {"A=1", "B=two words", "C=", PATH} <= got, got
    assert not [e for e in got if e.startswith(("XDG_", "GEMEL_", "TMPDIR"))], f"of the runtime's own: {got}"


@case(DOC, "Process", "args: This specification extends the IEEE standard in that at least one entry is REQUIRED, and that entry is "
      "used with the same semantics as execvp's file.", fields=["process.env"])
def args(bed):
    def change(config):
        config["process"].update(env=["PATH=/none:/tools"], args=["tool", "x"])
    bundle = bed.bundle("", change)
    (bundle.rootfs / "tools").mkdir()
    (bundle.rootfs / "tools/tool").write_text("#!/bin/sh\nexec /bin/busybox echo $0 $1\n")
    (bundle.rootfs / "tools/tool").chmod(0o755)
    got = bed.run_bundle(bundle)
    assert got.out == "/tools/tool x\n", got
    bed.rejects(lambda c: c["process"].update(args=[]))
    bed.rejects(lambda c: c["process"].update(args=["no-such-program"]))


# -- POSIX process ------------------------------------------------------------------------------------------

@case(DOC, "POSIX process", "The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface.")
def unknown_rlimit_is_an_error(bed):
    bed.rejects(lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]),
                twin=lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]))


NAMES = {"AS": "Max address space", "CORE": "Max core file size", "CPU": "Max cpu time", "DATA": "Max data size",
         "FSIZE": "Max file size", "LOCKS": "Max file locks", "MEMLOCK": "Max locked memory",
         "MSGQUEUE": "Max msgqueue size", "NICE": "Max nice priority", "NOFILE": "Max open files", "NPROC": "Max processes",
         "RSS": "Max resident set", "RTPRIO": "Max realtime priority", "RTTIME": "Max realtime timeout",
         "SIGPENDING": "Max pending signals", "STACK": "Max stack size"}


@case(DOC, "POSIX process", "For each entry in rlimits, a getrlimit(3) on type MUST succeed.",
      fields=["process.rlimits:RLIMIT_AS", "process.rlimits:RLIMIT_STACK"])
def every_rlimit_is_known(bed):
    """Each limit lowered to what the caller may ask: its own hard limit, or a number below."""
    import resource
    wanted = {}
    for name in NAMES:
        hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}", LIMIT_NUMBERS.get(name, 0)))[1]
        ask = 1 << 40 if name in ("AS", "DATA", "STACK", "RSS", "FSIZE") else 100000
        wanted[name] = ask if hard in (-1, resource.RLIM_INFINITY) or hard > ask else hard
    report = bed.report(lambda c: c["process"].update(
        rlimits=[{"type": f"RLIMIT_{n}", "soft": v, "hard": v} for n, v in wanted.items()]))
    for name, value in wanted.items():
        assert report.limit(NAMES[name]) == (str(value), str(value)), f"{name}: {report.limit(NAMES[name])}, not {value}"


LIMIT_NUMBERS = {"LOCKS": 10, "SIGPENDING": 11, "MSGQUEUE": 12, "NICE": 13, "RTPRIO": 14, "RTTIME": 15}


@case(DOC, "POSIX process", "(soft) rlim.rlim_cur MUST match the configured value.", fields=["process.rlimits:RLIMIT_NOFILE"])
def soft_limit(bed):
    assert everything(bed).limit("Max open files")[0] == "123"
    assert everything(bed).limit("Max core file size")[0] == "0"


@case(DOC, "POSIX process", "(hard) rlim.rlim_max MUST match the configured value.", fields=["process.rlimits:RLIMIT_CORE"])
def hard_limit(bed):
    assert everything(bed).limit("Max open files")[1] == "456"
    assert everything(bed).limit("Max core file size")[1] == "4096"


@case(DOC, "POSIX process", "soft, hard (uint64, REQUIRED): the whole range, 18446744073709551615 being no limit.",
      name="a hard limit of 2^64-1", fields=["process.rlimits:RLIMIT_CORE"])
def hard_limit_whole(bed):
    import resource
    if resource.getrlimit(resource.RLIMIT_CORE)[1] not in (-1, resource.RLIM_INFINITY) and not bed.facts["sys_resource"]:
        raise NotApplicable("the caller's own hard limit is finite and he may not raise it")
    report = bed.report(lambda c: c["process"].update(
        rlimits=[{"type": "RLIMIT_CORE", "soft": 1 << 63, "hard": (1 << 64) - 1}]))
    assert report.limit("Max core file size") == (str(1 << 63), "unlimited"), report.limit("Max core file size")


@case(DOC, "POSIX process", "If rlimits contains duplicated entries with same type, the runtime MUST generate an error.")
def duplicate_rlimits_are_an_error(bed):
    one = {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}
    bed.rejects(lambda c: c["process"].update(rlimits=[one, dict(one)]),
                twin=lambda c: c["process"].update(rlimits=[one]))


# -- Linux process ------------------------------------------------------------------------------------------

BIT = {"CHOWN": 1 << 0, "KILL": 1 << 5, "SETUID": 1 << 7, "NET_RAW": 1 << 13}


@case(DOC, "Linux Process", "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be "
      "logged as a warning by the runtime.")
def unknown_capability_is_a_warning(bed):
    def change(config):
        config["process"]["capabilities"]["bounding"].append("CAP_NO_SUCH_THING")
    got = bed.run("echo ran", change)
    assert got.status == 0 and got.out == "ran\n", got
    assert "CAP_NO_SUCH_THING" in got.err.upper(), f"no warning: {got}"


@case(DOC, "Linux Process", "bounding: an array of bounding capabilities that are kept for the process.",
      fields=["process.capabilities.bounding"], name="bounding capabilities")
def cap_bounding(bed):
    assert everything(bed).caps("CapBnd") == BIT["CHOWN"] | BIT["KILL"] | BIT["NET_RAW"] | BIT["SETUID"]


@case(DOC, "Linux Process", "inheritable: an array of inheritable capabilities that are kept for the process.",
      fields=["process.capabilities.inheritable"], name="inheritable capabilities")
def cap_inheritable(bed):
    assert everything(bed).caps("CapInh") == BIT["CHOWN"] | BIT["NET_RAW"]


@case(DOC, "Linux Process", "ambient: an array of ambient capabilities that are kept for the process.",
      fields=["process.capabilities.ambient"], name="ambient capabilities")
def cap_ambient(bed):
    assert everything(bed).caps("CapAmb") == BIT["CHOWN"]


def of_a_user(bed):
    """The sets of a process that is not root's, where such an id is mapped."""
    def go():
        bundle = bed.bundle("true")
        bundle.config["process"].update(user={"uid": ids(bed)[0], "gid": ids(bed)[1]}, capabilities={
            "bounding": caps(["CHOWN", "KILL", "NET_RAW"]), "permitted": caps(["CHOWN", "KILL"]),
            "effective": caps(["KILL"]), "inheritable": caps(["CHOWN", "KILL"]), "ambient": caps(["KILL"])})
        bundle.config["process"]["args"] = ["grep", "Cap", "/proc/self/status"]
        bed.write(bundle)
        got = bed.run_bundle(bundle)
        assert got.status == 0, got
        return dict(line.replace(":", " ").split() for line in got.out.splitlines())
    return bed.once("caps of a user", go)


@case(DOC, "Linux Process", "effective: an array of effective capabilities that are kept for the process.",
      fields=["process.capabilities"], name="effective capabilities")
def cap_effective(bed):
    """For a user other than root the kernel keeps over execve what is ambient; for root, what is bounding."""
    want = BIT["KILL"] if ids(bed)[0] else BIT["CHOWN"] | BIT["KILL"] | BIT["NET_RAW"]
    assert int(of_a_user(bed)["CapEff"], 16) == want, of_a_user(bed)


@case(DOC, "Linux Process", "permitted: an array of permitted capabilities that are kept for the process.",
      fields=["process.capabilities"], name="permitted capabilities")
def cap_permitted(bed):
    """Only what is permitted can be ambient, which is what is left of it after execve."""
    want = BIT["KILL"] if ids(bed)[0] else BIT["CHOWN"] | BIT["KILL"] | BIT["NET_RAW"]
    assert int(of_a_user(bed)["CapPrm"], 16) == want, of_a_user(bed)


@case(DOC, "Linux Process", "noNewPrivileges (bool, OPTIONAL) setting noNewPrivileges to true prevents the process from gaining "
      "additional privileges.", fields=["process.noNewPrivileges"])
def no_new_privileges(bed):
    assert everything(bed).status("NoNewPrivs") == "1"
    assert plain(bed).status("NoNewPrivs") == "0" or "NoNewPrivs:\t1" in open("/proc/self/status", encoding="ascii").read()


@case(DOC, "Linux Process", "If oomScoreAdj is set, the runtime MUST set oom_score_adj to the given value.",
      fields=["process.oomScoreAdj"])
def oom_score_adj(bed):
    assert everything(bed).files["/proc/self/oom_score_adj"] == ["321"]


@case(DOC, "Linux Process", "If oomScoreAdj is not set, the runtime MUST NOT change the value of oom_score_adj.")
def oom_score_adj_is_kept(bed):
    with open("/proc/self/oom_score_adj", encoding="ascii") as own:
        ours = own.read().strip()
    assert plain(bed).files["/proc/self/oom_score_adj"] == [ours]
    raised = str(min(1000, int(ours) + 17))
    got = bed.run("cat /proc/self/oom_score_adj", preexec_fn=lambda: open("/proc/self/oom_score_adj", "w").write(raised))
    assert got.out.strip() == raised, f"{got}, the caller's own being {raised}"


def sched(report):
    """(policy, nice) of /proc/self/stat."""
    words = report.files["/proc/self/stat"][0].rpartition(")")[2].split()
    return int(words[38]), int(words[16])


@case(DOC, "Linux Process", "scheduler (object, OPTIONAL) is an object describing the scheduler properties for the process: policy.",
      fields=["process.scheduler"])
def scheduler_policy(bed):
    assert sched(everything(bed))[0] == 3, f"policy {sched(everything(bed))[0]}, not SCHED_BATCH (3)"


@case(DOC, "Linux Process", "nice (int32, OPTIONAL) is the nice value for the process, affecting its priority.",
      fields=["process.scheduler.nice"])
def scheduler_nice(bed):
    assert sched(everything(bed))[1] == 7, f"nice {sched(everything(bed))[1]}"


@case(DOC, "Linux Process", "(nice) If not set, the runtime must use the value 0.", fields=["process.scheduler"])
def scheduler_nice_unset_is_zero(bed):
    def change(config):
        config["process"]["scheduler"] = {"policy": "SCHED_BATCH"}
    got = bed.report(change, ("/proc/self/stat",))
    assert sched(got) == (3, 0), sched(got)


@case(DOC, "Linux Process", "(priority) If not set, the runtime must use the value 0.", fields=["process.scheduler"])
def scheduler_priority_unset_is_zero(bed):
    """Zero is no priority of SCHED_FIFO: the kernel refuses it, and so it is an error; SCHED_IDLE takes it."""
    def fifo(config):
        config["process"]["scheduler"] = {"policy": "SCHED_FIFO"}
    bed.rejects(fifo)
    got = bed.report(lambda c: c["process"].update(scheduler={"policy": "SCHED_IDLE"}), ("/proc/self/stat",))
    assert sched(got)[0] == 5, sched(got)


@case(DOC, "Linux Process", "(runtime, deadline, period) If not set, the runtime must use the value 0.")
def scheduler_deadline_unset_is_zero(bed):
    """A deadline of zero is none: the kernel refuses SCHED_DEADLINE without one."""
    bed.rejects(lambda c: c["process"].update(scheduler={"policy": "SCHED_DEADLINE"}))


@case(DOC, "Linux Process", "(policy) A valid list of values is: SCHED_OTHER, SCHED_FIFO, ...", name="an unknown policy is an error")
def scheduler_unknown(bed):
    bed.rejects(lambda c: c["process"].update(scheduler={"policy": "SCHED_NOSUCH"}),
                twin=lambda c: c["process"].update(scheduler={"policy": "SCHED_OTHER"}))


@case(DOC, "Linux Process", "ioPriority (object, OPTIONAL) configures the I/O priority settings for the container's processes.",
      fields=["process.ioPriority"])
def io_priority(bed):
    assert everything(bed).part("ionice") == "best-effort: prio 6", everything(bed).part("ionice")


@case(DOC, "Linux Process", "(ioPriority) Possible values are IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, and IOPRIO_CLASS_IDLE; an integer "
      "ranging from 0 (highest) to 7 (lowest).", name="an impossible ioPriority is an error")
def io_priority_bounds(bed):
    for bad in ({"class": "IOPRIO_CLASS_NOSUCH", "priority": 1}, {"class": "IOPRIO_CLASS_BE", "priority": 8}):
        bed.rejects(lambda c, v=bad: c["process"].update(ioPriority=v))


@case(DOC, "Linux Process", "execCPUAffinity (1.2.1): final is a list of CPUs the process will be run on after the transition to "
      "container's cgroup.", fields=["process.execCPUAffinity"], name="execCPUAffinity")
def exec_cpu_affinity(bed):
    cpu = sorted(os.sched_getaffinity(0))[-1]
    if len(os.sched_getaffinity(0)) < 2:
        raise NotApplicable("this host has one CPU only")
    bundle = bed.started(change=lambda c: c["process"].update(execCPUAffinity={"initial": str(cpu), "final": str(cpu)}))
    try:
        got = bed.ok("exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/self/status").out.split()[-1]
        init = bed.ok("exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/1/status").out.split()[-1]
    finally:
        bed.delete(bundle)
    assert got == str(cpu), f"exec runs on {got}, not on {cpu}"
    assert init != str(cpu), "the setting is not applicable to the container's init process"


@case(DOC, "Linux Process", "apparmorProfile (string, OPTIONAL) specifies the name of the AppArmor profile for the process.",
      name="apparmorProfile")
def apparmor_profile(bed):
    """A profile that is not loaded is an error, with AppArmor and without; `unconfined` always is."""
    bed.rejects(lambda c: c["process"].update(apparmorProfile="no-such-profile"))
    if "apparmor" in bed.facts["lsm"]:
        got = bed.output("cat /proc/self/attr/current", lambda c: c["process"].update(apparmorProfile="unconfined"))
        assert got.strip() == "unconfined", got


@case(DOC, "Linux Process", "selinuxLabel (string, OPTIONAL) specifies the SELinux label for the process.", name="selinuxLabel")
def selinux_label(bed):
    """Without SELinux the field is an error, and with it a label that no policy knows."""
    bed.rejects(lambda c: c["process"].update(selinuxLabel="no_u:such_r:label_t:s0"))


# -- User, names --------------------------------------------------------------------------------------------

def mapped(bed):
    if bed.rootless and not bed.facts["subordinate_ids"]:
        raise NotApplicable("this user has a single id to map: newuidmap gave no subordinate ones")


@case(DOC, "POSIX-platform User", "uid (int, REQUIRED) specifies the user ID in the container namespace.",
      fields=["process.user.uid"])
def uid(bed):
    mapped(bed)
    assert everything(bed).status("Uid").split() == ["11"] * 4, everything(bed).status("Uid")


@case(DOC, "POSIX-platform User", "gid (int, REQUIRED) specifies the group ID in the container namespace.",
      fields=["process.user.gid"])
def gid(bed):
    mapped(bed)
    assert everything(bed).status("Gid").split() == ["12"] * 4, everything(bed).status("Gid")


@case(DOC, "POSIX-platform User", "umask (int, OPTIONAL) specifies the umask of the user.", fields=["process.user.umask"])
def umask(bed):
    assert everything(bed).part("umask") == "0027"


@case(DOC, "POSIX-platform User", "If unspecified, the umask should not be changed from the calling process' umask.")
def umask_is_kept(bed):
    got = bed.run("umask", preexec_fn=lambda: os.umask(0o13))
    assert got.out.strip() in ("0013", "0022"), got


@case(DOC, "POSIX-platform User", "additionalGids (array of ints, OPTIONAL) specifies additional group IDs in the container namespace "
      "to be added to the process.", fields=["process.user.additionalGids"])
def additional_gids(bed):
    mapped(bed)
    assert set(everything(bed).status("Groups").split()) == {"5", "60"}, everything(bed).status("Groups")


@case(DOC, "Hostname", "hostname (string, OPTIONAL) specifies the container's hostname as seen by processes running inside the "
      "container.", fields=["hostname"])
def hostname(bed):
    assert everything(bed).part("hostname") == "the-host"


@case(DOC, "Domainname", "domainname (string, OPTIONAL) specifies the container's domainname as seen by processes running inside the "
      "container.", fields=["domainname"])
def domainname(bed):
    assert everything(bed).files["/proc/sys/kernel/domainname"] == ["the.domain"]
