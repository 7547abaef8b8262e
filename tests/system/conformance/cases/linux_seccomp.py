# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md, Seccomp: what a process gets for system calls that a filter names, and the agent's socket."""

import fcntl
import json
import os
import pathlib
import socket
import struct
import threading

from bed import SLOW, Report
from suite import add_case, case

DOC, SECTION = "config-linux.md", "Seccomp"
ALLOW, ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
MKDIR = ["mkdir", "mkdirat"]
PROFILE = pathlib.Path(__file__).resolve().parents[4] / "config/seccomp-default.json"


def rule(names, action, **more):
    return {"names": names, "action": action, **more}


def seccomp(*rules, default=ALLOW, **more):
    made = {"defaultAction": default, "syscalls": list(rules), **more}
    return lambda c: c["linux"].update(seccomp=made)


# -- actions ------------------------------------------------------------------------------------------------

# action: (its system calls, a command that makes one, what is seen of it)
ACTIONS = {
    "SCMP_ACT_ERRNO": (MKDIR, "mkdir /x", "Operation not permitted"),
    "SCMP_ACT_KILL": (["rmdir", "unlinkat"], "rmdir /x", "159"),
    "SCMP_ACT_KILL_PROCESS": (["symlink", "symlinkat"], "ln -s a /s", "159"),
    "SCMP_ACT_KILL_THREAD": (["link", "linkat"], "ln /bin/busybox /l", "159"),
    "SCMP_ACT_TRAP": (["mknod", "mknodat"], "mknod /p p", "159"),
    "SCMP_ACT_TRACE": (["chmod", "fchmodat", "fchmodat2"], "chmod 700 /work", "Function not implemented"),
    "SCMP_ACT_LOG": (["sync"], "sync", "0"),
    "SCMP_ACT_ALLOW": (["rename", "renameat", "renameat2"], "touch /r", "0"),
}


def acted(bed):
    def go():
        script = "; ".join(f"echo @@part {a}; ({cmd}) 2>&1; echo $?" for a, (_, cmd, _) in ACTIONS.items())
        return Report(bed.output(script, seccomp(*(rule(names, a) for a, (names, _, _) in ACTIONS.items()))))
    return bed.once("actions", go)


def action(name):
    def check(bed):
        seen = acted(bed).part(name)
        assert ACTIONS[name][2] in seen, f"{ACTIONS[name][1]}: {seen!r}"
        if ACTIONS[name][2] != "0":
            assert not seen.endswith("\n0"), f"it went through: {seen!r}"
    return check


for _name in ACTIONS:
    add_case(DOC, SECTION, f"action (string, REQUIRED) - the action for seccomp rules: {_name}.", action(_name), _name,
             [] if _name in ("SCMP_ACT_LOG", "SCMP_ACT_ALLOW") else ["linux.seccomp"])


@case(DOC, SECTION, "action (string, REQUIRED)", name="an unknown action is an error")
def unknown_action(bed):
    bed.rejects(seccomp(rule(MKDIR, "SCMP_ACT_NOSUCH")), twin=seccomp(rule(MKDIR, ERRNO)))
    bed.rejects(seccomp({"names": MKDIR}))


# -- default action and errno -------------------------------------------------------------------------------

def default_denied(bed, **more):
    """What mkdir says under a profile that denies by default and does not name it."""
    profile = json.loads(PROFILE.read_text(encoding="utf-8"))
    for entry in profile["syscalls"]:
        entry["names"] = [n for n in entry["names"] if n not in MKDIR]
    profile["syscalls"] = [e for e in profile["syscalls"] if e["names"]]
    profile.pop("defaultErrnoRet", None)
    profile.update(defaultAction=ERRNO, **more)
    return bed.output("mkdir /x 2>&1; echo end", lambda c: c["linux"].update(seccomp=profile))


@case(DOC, SECTION, "defaultAction (string, REQUIRED) - the default action for seccomp.", fields=["linux.seccomp"])
def default_action(bed):
    assert "mkdir: can't create directory" in default_denied(bed)
    bed.rejects(lambda c: c["linux"].update(seccomp={"syscalls": []}))
    bed.rejects(seccomp(default="SCMP_ACT_NOSUCH"))


@case(DOC, SECTION, "defaultErrnoRet (uint, OPTIONAL) - the errno return code to use.", fields=["linux.seccomp.defaultErrnoRet"])
def default_errno_ret(bed):
    assert "No space left on device" in default_denied(bed, defaultErrnoRet=28)


@case(DOC, SECTION, "(defaultErrnoRet) If not specified then its default value is EPERM.", fields=["linux.seccomp"],
      name="the default errno is EPERM")
def default_errno_is_eperm(bed):
    assert "Operation not permitted" in default_denied(bed)


@case(DOC, SECTION, "(defaultErrnoRet) When the action doesn't support an errno, the runtime MUST print and error and fail.")
def default_errno_without_errno_action_is_an_error(bed):
    bed.rejects(seccomp(defaultErrnoRet=1))


@case(DOC, SECTION, "errnoRet (uint, OPTIONAL) - the errno return code to use.", fields=["linux.seccomp"])
def errno_ret(bed):
    got = bed.output("mkdir /x 2>&1; true", seccomp(rule(MKDIR, ERRNO, errnoRet=28)))
    assert "No space left on device" in got, got


@case(DOC, SECTION, "(errnoRet) If not specified its default value is EPERM.", fields=["linux.seccomp"], name="an errno is EPERM by default")
def errno_is_eperm(bed):
    assert "Operation not permitted" in acted(bed).part(ERRNO)


@case(DOC, SECTION, "(errnoRet) When the action doesn't support an errno, the runtime MUST print and error and fail.")
def errno_without_errno_action_is_an_error(bed):
    bed.rejects(seccomp(rule(MKDIR, ALLOW, errnoRet=1), default=ALLOW))
    bed.rejects(seccomp(rule(MKDIR, "SCMP_ACT_KILL", errnoRet=1)))


@case(DOC, SECTION, "names MUST contain at least one entry.")
def names_are_not_empty(bed):
    bed.rejects(seccomp(rule([], ERRNO)), twin=seccomp(rule(MKDIR, ERRNO)))


# -- arguments ----------------------------------------------------------------------------------------------

# The pid that kill(pid, signal) names picks the rule, the signal is what is compared: those of 9, 10 and 12 that match.
OPERATORS = {
    "SCMP_CMP_NE": (99901, 10, None, {9, 12}),
    "SCMP_CMP_LT": (99902, 10, None, {9}),
    "SCMP_CMP_LE": (99903, 10, None, {9, 10}),
    "SCMP_CMP_EQ": (99904, 10, None, {10}),
    "SCMP_CMP_GE": (99905, 10, None, {10, 12}),
    "SCMP_CMP_GT": (99906, 10, None, {12}),
    "SCMP_CMP_MASKED_EQ": (99907, 0xC, 0x8, {9, 10}),
}
WHOLE = 99908


def compared(bed):
    """{pid: signals that were filtered}."""
    def go():
        rules = []
        for op, (pid, value, two, _) in {**OPERATORS, "SCMP_CMP_LT ": (WHOLE, (1 << 63) + 5, None, None)}.items():
            arg = {"index": 1, "value": value, "op": op.strip()}
            if two is not None:
                arg["valueTwo"] = two
            rules.append(rule(["kill"], ERRNO, errnoRet=28, args=[{"index": 0, "value": pid, "op": "SCMP_CMP_EQ"}, arg]))
        pids = [pid for pid, *_ in OPERATORS.values()] + [WHOLE]
        script = f"for p in {' '.join(map(str, pids))}; do for s in 9 10 12; do echo $p $s $(kill -$s $p 2>&1); done; done"
        found = {pid: set() for pid in pids}
        for line in bed.output(script, seccomp(*rules)).splitlines():
            pid, sig, text = line.split(" ", 2)
            if "No space" in text:
                found[int(pid)].add(int(sig))
        return found
    return bed.once("compared", go)


def operator(name):
    def check(bed):
        pid, _, _, matches = OPERATORS[name]
        assert compared(bed)[pid] == matches, f"it matched {compared(bed)[pid]} of 9, 10, 12, not {matches}"
    return check


for _name in OPERATORS:
    add_case(DOC, SECTION, f"op (string, REQUIRED) - the operator for syscall arguments in seccomp: {_name}.", operator(_name), _name,
             ["linux.seccomp"])


@case(DOC, SECTION, "value (uint64, REQUIRED) - the value for syscall arguments in seccomp.", fields=["linux.seccomp"],
      name="a value above 2^63")
def whole_value(bed):
    assert compared(bed)[WHOLE] == {9, 10, 12}, compared(bed)[WHOLE]


@case(DOC, SECTION, "index (uint, REQUIRED) - the index for syscall arguments in seccomp.", name="an index above 5 is an error")
def argument_index(bed):
    def args(**arg):
        return seccomp(rule(["kill"], ERRNO, args=[arg]))
    bed.rejects(args(index=6, value=1, op="SCMP_CMP_EQ"), twin=args(index=5, value=1, op="SCMP_CMP_EQ"))
    bed.rejects(args(index=0, value=1, op="SCMP_CMP_NOSUCH"))


@case(DOC, SECTION, "architectures (array of strings, OPTIONAL) - the architecture used for system calls.", fields=["linux.seccomp"])
def architectures(bed):
    words = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_RISCV64"]
    got = bed.output("mkdir /x 2>&1; true", seccomp(rule(MKDIR, ERRNO, errnoRet=28), architectures=words[:5]))
    assert "No space left on device" in got, got
    bed.rejects(seccomp(rule(MKDIR, ERRNO), architectures=["SCMP_ARCH_NOSUCH"]))


@case(DOC, SECTION, "flags (array of strings, OPTIONAL) - list of flags to use with seccomp(2).", fields=["linux.seccomp"], name="flags")
def flags(bed):
    words = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    got = bed.output("mkdir /x 2>&1; true", seccomp(rule(MKDIR, ERRNO, errnoRet=28), flags=words))
    assert "No space left on device" in got, got
    bed.rejects(seccomp(rule(MKDIR, ERRNO), flags=["SECCOMP_FILTER_FLAG_NOSUCH"]))


# -- the agent's socket -------------------------------------------------------------------------------------

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101


class Agent(threading.Thread):
    """Takes what comes over the socket until the peer closes it, answers one notification with ENOSPC."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen(4)
        self.server.settimeout(5 * SLOW)
        self.messages, self.connections, self.closed, self.error = [], 0, False, None
        self.start()

    def run(self):
        try:
            conn, _ = self.server.accept()
            self.connections = 1
            conn.settimeout(5 * SLOW)
            with conn:
                while True:
                    data, fds, _, _ = socket.recv_fds(conn, 65536, 8)
                    if not data and not fds:
                        self.closed = True
                        break
                    self.messages.append((data, fds))
                    if fds:
                        threading.Thread(target=self.answer, args=(fds[0],), daemon=True).start()
        except OSError as error:
            self.error = error

    @staticmethod
    def answer(fd):
        try:
            while True:
                request = bytearray(80)
                fcntl.ioctl(fd, NOTIF_RECV, request)
                cookie = struct.unpack("Q", request[:8])[0]
                fcntl.ioctl(fd, NOTIF_SEND, bytearray(struct.pack("QqiI", cookie, 0, -28, 0)))
        except OSError:
            pass

    def close(self):
        self.server.settimeout(0)
        try:
            while True:
                self.server.accept()[0].close()
                self.connections += 1
        except OSError:
            pass
        self.server.close()
        for _, fds in self.messages:
            for fd in fds:
                os.close(fd)


def notified(bed):
    """A container whose mkdir is decided by an agent; what the agent got."""
    def go():
        path = bed.top / f"{bed.prefix}-agent"
        agent = Agent(path)
        try:
            bundle = bed.bundle("mkdir /x 2>&1; echo end", seccomp(
                rule(MKDIR, "SCMP_ACT_NOTIFY"), listenerPath=str(path), listenerMetadata="some metadata"))
            bundle.config["annotations"] = {"org.example.k": "v"}
            bed.write(bundle)
            got = bed.run_bundle(bundle)
            agent.join(5 * SLOW if got.status == 0 else 0)
        finally:
            agent.close()
            path.unlink()
        assert got.status == 0, f"run: {got}"
        assert agent.messages, f"nothing came over the socket: {agent.error}"
        return {"agent": agent, "out": got.out, "id": bundle.id, "bundle": str(bundle.path),
                "state": json.loads(b"".join(d for d, _ in agent.messages))}
    return bed.once("notified", go)


N = {"fields": ["linux.seccomp.listenerPath"]}
STATE = "The Container Process State"


@case(DOC, SECTION, "action: SCMP_ACT_NOTIFY", name="SCMP_ACT_NOTIFY", **N)
def notify(bed):
    assert "No space left on device" in notified(bed)["out"], notified(bed)["out"]


@case(DOC, SECTION, "listenerPath: This socket MUST use AF_UNIX domain and SOCK_STREAM type.", **N)
def listener_is_a_stream(bed):
    assert notified(bed)["agent"].connections, "no connection to a stream socket"


@case(DOC, SECTION, "The runtime MUST send exactly one container process state per connection.", **N)
def one_state_per_connection(bed):
    assert isinstance(notified(bed)["state"], dict)


@case(DOC, SECTION, "The connection MUST NOT be reused and it MUST be closed after sending a seccomp state.", **N)
def connection_is_closed(bed):
    assert notified(bed)["agent"].closed, f"not closed by the runtime: {notified(bed)['agent'].error}"
    assert notified(bed)["agent"].connections == 1


@case(DOC, SECTION, "If sending to this socket fails, the runtime MUST generate an error.")
def nobody_listens_is_an_error(bed):
    nowhere = str(bed.top / "nobody")
    bed.rejects(seccomp(rule(MKDIR, "SCMP_ACT_NOTIFY"), listenerPath=nowhere))


@case(DOC, SECTION, "If the SCMP_ACT_NOTIFY action is not used this value is ignored.")
def listener_without_notify_is_ignored(bed):
    nowhere = str(bed.top / "nobody")
    assert bed.output("echo ran", seccomp(rule(MKDIR, ERRNO), listenerPath=nowhere)) == "ran\n"


@case(DOC, SECTION, "seccompFd (string, REQUIRED) is the seccomp file descriptor returned by the seccomp syscall.", **N)
def seccomp_fd(bed):
    assert notified(bed)["state"]["fds"] == ["seccompFd"], notified(bed)["state"].get("fds")
    assert "No space left on device" in notified(bed)["out"], "it is not the filter's"


@case(DOC, SECTION, "listenerMetadata: This string will be sent as the metadata field in the container process state.",
      fields=["linux.seccomp.listenerMetadata"])
def listener_metadata(bed):
    assert notified(bed)["state"].get("metadata") == "some metadata", notified(bed)["state"]


@case(DOC, SECTION, "(listenerMetadata) This field MUST NOT be set if listenerPath is not set.")
def metadata_without_listener_is_an_error(bed):
    bed.rejects(seccomp(rule(MKDIR, ERRNO), listenerMetadata="x"))


@case(DOC, STATE, "The container runtime MUST send the container process state over the UNIX socket as regular payload serialized in JSON and file "
      "descriptors MUST be sent using SCM_RIGHTS.", **N)
def state_is_json_with_descriptors(bed):
    assert isinstance(notified(bed)["state"], dict)
    assert sum(len(fds) for _, fds in notified(bed)["agent"].messages) == 1


@case(DOC, STATE, "If more than one sendmsg(2) is used, the file descriptors MUST be sent only in the first call.", **N)
def descriptors_come_first(bed):
    assert notified(bed)["agent"].messages[0][1], "not with the first message"
    assert not any(fds for _, fds in notified(bed)["agent"].messages[1:])


FIELDS = (
    ("ociVersion", "is version of the Open Container Initiative Runtime Specification with which the container process state complies",
     lambda got, seen: isinstance(got, str) and got[0] == "1"),
    ("pid", "is the container process ID, as seen by the runtime", lambda got, seen: isinstance(got, int) and got > 1 and got == seen["state"]["state"]["pid"]),
    ("state", "is the state of the container", lambda got, seen: got["id"] == seen["id"] and got["bundle"] == seen["bundle"] and
     got["status"] in ("creating", "created", "running") and got["annotations"] == {"org.example.k": "v"}),
)


def field(name, good):
    def check(bed):
        seen = notified(bed)
        assert name in seen["state"], f"no {name} in {seen['state']}"
        assert good(seen["state"][name], seen), f"{name}: {seen['state'][name]}"
    return check


for _name, _text, _good in FIELDS:
    add_case(DOC, STATE, f"{_name} (REQUIRED) {_text}.", field(_name, _good), f"{_name} of the process state", N["fields"])
