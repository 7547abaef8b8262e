# SPDX-License-Identifier: GPL-3.0-or-later
"""sd_notify(3) of a container: NOTIFY_SOCKET for run, create and start, with a test that plays the service manager."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import wait_for

INSIDE = "/run/notify/notify.sock"
# Says that it is ready when it is told to by a signal.
ON_SIGNAL = "trap 'attacker notify READY=1' USR1; echo begun; while :; do sleep 0.02; done"


class Manager:
    """A service manager's socket, and what was sent to it."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.socket.settimeout(20)

    def env(self):
        return {**os.environ, "NOTIFY_SOCKET": self.address}

    def take(self):
        """The next datagram and its descriptors."""
        text, fds, _, _ = socket.recv_fds(self.socket, 8192, 10)
        return text.decode(), fds

    def take_ready(self):
        text, fds = self.take()
        main, ready = text.split("\n")
        assert ready == "READY=1" and main.startswith("MAINPID=") and not fds
        return int(main[len("MAINPID="):])

    def take_barrier(self):
        text, fds = self.take()
        assert text == "BARRIER=1" and len(fds) == 1
        return fds[0]

    def took_nothing(self):
        self.socket.setblocking(False)
        try:
            pytest.fail(f"the manager got {self.socket.recv(8192)}")
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(20)


@pytest.fixture
def manager(rt):
    made = Manager(str(rt.top / "manager.sock"))
    yield made
    made.socket.close()


@contextlib.contextmanager
def spawned(rt, manager, *args, out=subprocess.PIPE):
    process = subprocess.Popen([rt.binary, "--root", str(rt.root), *map(str, args)], env=manager.env(), stdin=subprocess.DEVNULL,
                               stdout=out, stderr=out, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def waiting(rt, manager, how, script=ON_SIGNAL, owner=0, **extra):
    """A `run --detach`, or the start after a create, of a container whose program runs: (id, process)."""
    cid = rt.bundle(script, **extra)
    os.chown(rt.path(cid) / "upper", owner, owner)
    with open(rt.path(cid) / "out", "w") as out:
        if how == "start":
            assert rt.create(cid, env=manager.env()) == 0, rt.out(cid)
        words = ["run", "--detach", "-b", rt.path(cid), cid] if how == "run" else ["start", cid]
        with spawned(rt, manager, *words, out=out) as process:
            wait_for("the program", lambda: "begun" in rt.out(cid))
            yield cid, process


def test_run_in_the_foreground_is_the_main_process_and_goes_on(rt, manager):
    cid = rt.bundle("attacker notify STATUS=starting READY=1; echo $NOTIFY_SOCKET; read line")
    with spawned(rt, manager, "run", "-b", rt.path(cid), cid) as process:
        assert manager.take_ready() == process.pid
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (1, f"notify DONE\nnotify DONE\n{INSIDE}\n", "")
    assert manager.took_nothing()


@pytest.mark.parametrize("how", ["run", "start"])
def test_it_returns_when_the_container_is_ready_and_the_manager_knows(rt, manager, how):
    with waiting(rt, manager, how) as (cid, process):
        # Nobody has to wait for it meanwhile.
        rt.ok("pause", cid)
        rt.ok("resume", cid)
        assert process.poll() is None and manager.took_nothing()
        rt.ok("kill", cid, "USR1")
        assert manager.take_ready() == rt.state(cid)["pid"]
        end = manager.take_barrier()
        assert process.poll() is None
        os.close(end)
        assert process.wait(20) == 0
        assert rt.status(cid) == "running" and manager.took_nothing()


@pytest.mark.parametrize("how", ["run", "start"])
def test_a_container_that_ends_without_a_word_ends_the_waiting(rt, manager, how):
    with waiting(rt, manager, how) as (cid, process):
        rt.ok("kill", cid, "KILL")
        assert process.wait(20) == 0
        assert manager.took_nothing()


@pytest.mark.parametrize("how", ["run", "start"])
def test_a_word_before_the_end_is_not_lost(rt, manager, how):
    with waiting(rt, manager, how, script="echo begun; attacker notify READY=1") as (_, process):
        manager.take_ready()
        os.close(manager.take_barrier())
        assert process.wait(20) == 0


@pytest.mark.parametrize("how", ["run", "start"])
def test_one_that_is_killed_while_it_waits_leaves_the_container_as_it_is(rt, manager, how):
    with waiting(rt, manager, how) as (cid, process):
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
        rt.ok("kill", cid, "USR1")
        wait_for("its word", lambda: "notify " in rt.out(cid))
        assert "notify Connection refused\n" in rt.out(cid)
        assert rt.status(cid) == "running" and manager.took_nothing()
        rt.ok("delete", "--force", cid)


def test_a_killed_foreground_leaves_no_one_to_forward(rt, manager):
    cid = rt.bundle(ON_SIGNAL)
    with open(rt.path(cid) / "out", "w") as out, spawned(rt, manager, "run", "-b", rt.path(cid), cid, out=out) as process:
        wait_for("the program", lambda: "begun" in rt.out(cid))
        process.kill()
        process.wait(20)
        rt.ok("kill", cid, "USR1")
        wait_for("its word", lambda: "notify " in rt.out(cid))
    assert "notify Connection refused\n" in rt.out(cid) and manager.took_nothing()


HOSTILE = ["MAINPID=1", "READY=10", "READY=1 ", " READY=1", "xREADY=1", "READY=0", "FDSTORE=1\nFDNAME=x", "BARRIER=1", "STOPPING=1",
           "RELOADING=1\nMONOTONIC_USEC=1", "WATCHDOG=trigger", "ERRNO=2\nEXIT_STATUS=1", "\n\n", "READY=1\r\n", "READY=1;MAINPID=1",
           "READY=1\n" + "x" * 4096, "x" * 4096 + "\nREADY=1"]


@pytest.mark.parametrize("word", ["notify", "notify-fd"])
def test_only_that_it_is_ready_goes_out(rt, manager, word):
    cid = rt.bundle("attacker", word, *HOSTILE, "MAINPID=1\nREADY=1\nSTATUS=\x1b[2J\nFDSTORE=1")
    with spawned(rt, manager, "run", "-b", rt.path(cid), cid) as process:
        assert manager.take_ready() == process.pid
        out, err = process.communicate(timeout=20)
    assert out == "notify DONE\n" * (len(HOSTILE) + 1) and not err
    assert manager.took_nothing()


def test_a_flood_ends_the_forwarding_and_not_the_container(rt, manager):
    cid = rt.bundle("attacker notify-flood STATUS=x; attacker notify READY=1; echo on")
    with spawned(rt, manager, "run", "-b", rt.path(cid), cid) as process:
        out, err = process.communicate(timeout=60)
    assert out == "notify Connection refused\non\n"
    assert err == "gemel-runtime: warning: NOTIFY_SOCKET: the container sent too much that is not READY=1; nothing more is forwarded\n"
    assert manager.took_nothing()


def test_the_socket_stays_where_it_is(rt, manager):
    cid = rt.bundle(f"rm -f {INSIDE} || echo kept; touch /run/notify/x || echo closed; mount -o remount,rw /run/notify || echo fixed; "
                    "attacker notify READY=1")
    with spawned(rt, manager, "run", "-b", rt.path(cid), cid) as process:
        manager.take_ready()
        assert process.communicate(timeout=20)[0] == "kept\nclosed\nfixed\nnotify DONE\n"


@pytest.mark.parametrize("user, first", [(1000, 0), (0, 100000), (1000, 100000)],
                         ids=["a user", "root of a user namespace", "a user there"])
def test_those_without_privileges_may_send(rt, manager, user, first):
    def change(config):
        config["process"]["user"] = {"uid": user, "gid": user}
        if first:
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
                {"containerID": 0, "hostID": first, "size": 65536}]
    with waiting(rt, manager, "start", script="echo begun; attacker notify READY=1; exec sleep 1000", owner=first,
                 change=change) as (cid, process):
        assert manager.take_ready() == rt.state(cid)["pid"]
        os.close(manager.take_barrier())
        assert process.wait(20) == 0


def test_where_it_cannot_be_mounted_is_an_error_that_names_it(rt, manager):
    (rt.top / "empty").mkdir()

    def read_only(config):
        config["annotations"] = {"org.gemel.overlay.lower": f"{rt.image}:{rt.top}/empty"}
    got = rt.run(rt.bundle("true", change=read_only), env=manager.env())
    assert (got.returncode, got.stderr) == (1, "gemel-runtime: NOTIFY_SOCKET: /run/notify: make '/run': Read-only file system\n")


def test_an_abstract_name_is_as_good(rt):
    manager = Manager(f"@gemel-t{os.getpid()}")
    cid = rt.bundle("attacker", "notify", "READY=1")
    with spawned(rt, manager, "run", "-b", rt.path(cid), cid) as process:
        assert manager.take_ready() == process.pid
    manager.socket.close()


@pytest.mark.parametrize("address, words", [
    ("/nonexistent/socket", "NOTIFY_SOCKET: connect to /nonexistent/socket: No such file or directory"),
    ("relative", "NOTIFY_SOCKET: 'relative' is not the path or abstract name of a socket"),
    ("vsock:2:1", "NOTIFY_SOCKET: 'vsock:2:1' is not the path or abstract name of a socket"), ("@", "is not the path"),
    ("/" + "x" * 200, "is not the path or abstract name of a socket"), ("\x1b[2J", "NOTIFY_SOCKET: '?[2J'")])
def test_a_socket_that_is_none_is_a_warning(rt, address, words):
    cid = rt.bundle("echo [$NOTIFY_SOCKET]; ls /run/notify 2>/dev/null")
    got = rt.run(cid, env={**os.environ, "NOTIFY_SOCKET": address})
    assert got.stdout == "[]\n" and got.stderr.startswith("gemel-runtime: warning: ") and words in got.stderr, got


def test_without_a_manager_nothing_is_there(rt):
    def engine(config):
        config["process"]["env"].append("NOTIFY_SOCKET=/of/the/engine")
    got = rt.run(rt.bundle("echo $NOTIFY_SOCKET; ls /run/notify 2>/dev/null", change=engine))
    assert got.stdout == "/of/the/engine\n"
    got = rt.run(rt.bundle("echo $NOTIFY_SOCKET; ls /run/notify 2>/dev/null", change=engine), env={**os.environ, "NOTIFY_SOCKET": ""})
    assert got.stdout == "/of/the/engine\n" and not got.stderr


def test_exec_is_no_service(rt, manager):
    with waiting(rt, manager, "run") as (cid, _):
        assert rt.ok("exec", cid, "sh", "-c", "echo [$NOTIFY_SOCKET]", env=manager.env()) == "[]\n"


def test_create_and_start_have_to_agree(rt, manager):
    cid = rt.bundle("echo begun; attacker notify READY=1; sleep 1000")
    assert rt.create(cid, env=manager.env()) == 0
    assert rt.call("start", cid).stderr == ""
    wait_for("its word", lambda: "notify " in rt.out(cid))
    assert rt.out(cid) == "begun\nnotify Connection refused\n"
    cid = rt.bundle("sleep 1000")
    assert rt.create(cid) == 0
    got = rt.call("start", cid, env=manager.env())
    assert (got.returncode, got.stderr) == (0, "gemel-runtime: warning: NOTIFY_SOCKET: the container was created without one\n")
    assert manager.took_nothing()


def test_a_container_without_mounts_of_its_own_gets_none(rt, manager):
    def shared(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "mount"]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
        config["mounts"] = []
        del config["annotations"]
    cid = rt.bundle("echo [$NOTIFY_SOCKET]", change=shared)
    shutil.copytree(rt.image, rt.path(cid) / "rootfs", dirs_exist_ok=True, symlinks=True)
    got = rt.run(cid, env=manager.env())
    assert got.stdout == "[]\n" and "NOTIFY_SOCKET: not for a container without a mount namespace" in got.stderr, got
