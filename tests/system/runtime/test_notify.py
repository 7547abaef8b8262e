# SPDX-License-Identifier: GPL-3.0-or-later
"""SCMP_ACT_NOTIFY: what the agent behind listenerPath is sent, and that the filter asks it."""

import array
import errno
import fcntl
import json
import select
import socket
import struct
import threading

import pytest
from conftest import wait_for
from test_rootless import single  # noqa: F401 - a fixture

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101


class Agent(threading.Thread):
    """Takes process states on a socket and answers every system call with ENOMSG."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.states, self.asked, self.failure = path, [], 0, None
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen(8)
        self.wake, self.stop_end = socket.socketpair()
        self.start()

    def take(self, listeners):
        conn = self.server.accept()[0]
        data, control, _, _ = conn.recvmsg(65536, socket.CMSG_SPACE(16))
        fds = array.array("i")
        for level, kind, body in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(body)
        while more := conn.recv(65536):  # to the end: the runtime closes after one state
            data += more
        conn.close()
        state = json.loads(data)
        assert state["fds"] == ["seccompFd"] and len(fds) == 1
        self.states.append(state)
        listeners.append(fds[0])

    def answer(self, fd):
        notif = bytearray(80)
        try:
            fcntl.ioctl(fd, NOTIF_RECV, notif)
            ident = struct.unpack_from("=Q", notif)[0]
            self.asked += 1
            fcntl.ioctl(fd, NOTIF_SEND, struct.pack("=QqiI", ident, 0, -errno.ENOMSG, 0))
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise

    def run(self):
        listeners = []
        try:
            while True:
                poll = select.poll()
                for fd in [self.server.fileno(), self.stop_end.fileno(), *listeners]:
                    poll.register(fd, select.POLLIN)
                for fd, events in poll.poll():
                    if fd == self.stop_end.fileno():
                        return
                    if fd == self.server.fileno():
                        self.take(listeners)
                    elif events & select.POLLIN:
                        self.answer(fd)
                    else:
                        listeners.remove(fd)
        except Exception as e:  # noqa: BLE001 - shown by the test
            self.failure = e

    def close(self):
        self.wake.close()
        self.join(5)
        self.server.close()


@pytest.fixture
def agent(rt):
    made = Agent(rt.top / "agent.sock")
    yield made
    made.close()
    assert made.failure is None


def asking(agent, **more):
    """A filter that asks about mkdir(2)."""
    return {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(agent.path), "listenerMetadata": "m=1",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}], **more}


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_agent_gets_the_process_state_and_answers(rt, agent, no_new_privileges):
    cid = rt.bundle("mkdir /made; sleep 1000", annotations={"k": "v"}, linux={"seccomp": asking(agent)},
                    process={"noNewPrivileges": no_new_privileges})
    assert rt.create(cid) == 0, rt.out(cid)
    # Without no_new_privs the filter goes in while capabilities are still there: at create.
    assert len(agent.states) == (0 if no_new_privileges else 1)
    pid = rt.state(cid)["pid"]
    rt.ok("start", cid)
    wait_for("answer", lambda: "No message" in rt.out(cid))
    assert agent.asked == 1
    [state] = agent.states
    assert state["pid"] == pid and state["metadata"] == "m=1" and state["ociVersion"].startswith("1.")
    inner = state["state"]
    assert inner["id"] == cid and inner["pid"] == pid and inner["annotations"]["k"] == "v"
    assert inner["status"] == ("created" if no_new_privileges else "creating")
    assert inner["bundle"] == str(rt.path(cid))


def test_run_and_exec_each_send_a_state_of_their_own(rt, agent):
    cid = rt.start("sleep 1000", linux={"seccomp": asking(agent, flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                                                                       "SECCOMP_FILTER_FLAG_TSYNC"])})
    assert len(agent.states) == 1
    got = rt.call("exec", cid, "mkdir", "/made")
    assert got.returncode == 1 and "No message" in got.stderr
    assert len(agent.states) == 2 and agent.asked == 1
    assert agent.states[1]["state"]["status"] == "running"
    assert agent.states[1]["pid"] != agent.states[1]["state"]["pid"] == rt.state(cid)["pid"]
    got = rt.run(rt.bundle("mkdir /made", linux={"seccomp": asking(agent)}))
    assert got.returncode == 1 and "No message" in got.stderr and len(agent.states) == 3


def test_a_filter_that_asks_about_everything_starts_too(rt, agent):
    """Even the calls by which the runtime could send the listener."""
    cid = rt.bundle("true", linux={"seccomp": asking(agent, syscalls=[
        {"names": ["sendmsg", "sendto", "connect", "socket", "mkdir"], "action": "SCMP_ACT_NOTIFY"}])})
    assert rt.run(cid).returncode == 0
    assert len(agent.states) == 1


def test_without_an_agent_nothing_runs(rt):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nosuch.sock",
               "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
    cid = rt.bundle("echo ran", linux={"seccomp": profile})
    message = rt.fails("run", "-b", rt.path(cid), cid)
    assert "linux.seccomp.listenerPath" in message and "/nosuch.sock" in message
    assert rt.leftovers() == []
    cid = rt.bundle("echo ran", linux={"seccomp": profile}, process={"noNewPrivileges": False})
    assert "linux.seccomp.listenerPath" in rt.fails("create", "-b", rt.path(cid), cid)
    assert rt.leftovers() == []


@pytest.mark.parametrize("change,field", [
    ({"listenerPath": None}, "linux.seccomp.listenerPath"),
    ({"listenerPath": "relative"}, "linux.seccomp.listenerPath"),
    ({"listenerPath": None, "listenerMetadata": "x", "syscalls": []}, "linux.seccomp.listenerMetadata"),
])
def test_a_listener_that_cannot_be_is_named(rt, change, field):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x",
               "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}], **change}
    cid = rt.bundle("true", linux={"seccomp": {k: v for k, v in profile.items() if v is not None}})
    assert field in rt.fails("create", "-b", rt.path(cid), cid)


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_user_without_privileges_has_an_agent_too(single, no_new_privileges):
    made = Agent(single.top / "agent.sock")
    try:
        made.path.chmod(0o777)
        cid = single.start("mkdir /made; sleep 1000", linux={"seccomp": asking(made)},
                           process={"noNewPrivileges": no_new_privileges})
        wait_for("answer", lambda: "No message" in single.out(cid))
        got = single.call("exec", cid, "mkdir", "/made")
        assert got.returncode == 1 and "No message" in got.stderr
        assert len(made.states) == 2 and made.asked == 2
    finally:
        made.close()
    assert made.failure is None
