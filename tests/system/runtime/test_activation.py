# SPDX-License-Identifier: GPL-3.0-or-later
"""Socket activation: LISTEN_FDS and LISTEN_PID, as sd_listen_fds(3) has them."""

import os
import socket
import subprocess
import sys

import pytest
from conftest import wait_for

# Puts the descriptors of its first argument at 3, 4, … and becomes the rest, whose pid LISTEN_PID then is.
LAUNCH = """
import fcntl, os, sys
high = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 100) for n in sys.argv[1].split(",") if n]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
SHOW = "echo $$ pid=$LISTEN_PID fds=$LISTEN_FDS names=$LISTEN_FDNAMES; for i in 3 4 5 6; do readlink /proc/$$/fd/$i; done; :"


def activate(rt, sockets, *args, env=None, output=subprocess.PIPE):
    """The runtime with `sockets` from 3 on and LISTEN_FDS, which env changes; output: a file, for what outlives it."""
    numbers = [s.fileno() for s in sockets]
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("LISTEN_")}, "LISTEN_FDS": str(len(sockets)), **(env or {})}
    return subprocess.run([sys.executable, "-I", "-c", LAUNCH, ",".join(map(str, numbers)), rt.binary, "--root", str(rt.root),
                           *map(str, args)], pass_fds=numbers, env=env, stdout=output, stderr=output, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)


def named(sockets):
    return [f"socket:[{os.fstat(s.fileno()).st_ino}]" for s in sockets]


@pytest.fixture
def sockets():
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    yield made
    for s in made:
        s.close()


def test_passed_sockets_reach_the_program_with_its_own_pid(rt, sockets):
    cid = rt.bundle(SHOW)
    got = activate(rt, sockets[:2], "run", "-b", rt.path(cid), cid, env={"LISTEN_FDNAMES": "web:admin"})
    assert got.returncode == 0, got.stderr
    assert got.stdout.splitlines() == ["1 pid=1 fds=2 names=web:admin", *named(sockets[:2])]


def test_a_connection_is_taken_inside(rt, sockets):
    cid = rt.bundle("attacker", "accept", "3", "hello")
    with socket.create_connection(sockets[0].getsockname()) as client:
        client.settimeout(20)
        got = activate(rt, sockets[:1], "run", "-b", rt.path(cid), cid)
        assert got.returncode == 0, got.stderr
        assert client.recv(100) == b"hello"


def test_preserved_descriptors_come_after_them(rt, sockets):
    cid = rt.bundle(SHOW)
    got = activate(rt, sockets, "run", "--preserve-fds", "1", "-b", rt.path(cid), cid, env={"LISTEN_FDS": "2"})
    assert got.stdout.splitlines() == ["1 pid=1 fds=2 names=", *named(sockets)], got.stderr


def test_create_keeps_them_until_start(rt, sockets):
    cid = rt.bundle(SHOW)
    with open(rt.path(cid) / "out", "w") as out:
        got = activate(rt, sockets[:1], "create", "-b", rt.path(cid), cid, output=out)
    assert got.returncode == 0, rt.out(cid)
    rt.ok("start", cid)
    wait_for("its end", lambda: rt.status(cid) == "stopped")
    assert rt.out(cid).splitlines() == ["1 pid=1 fds=1 names=", *named(sockets[:1])]


def test_exec_passes_them_with_the_number_the_process_has_inside(rt, sockets):
    cid = rt.start()
    got = activate(rt, sockets[:1], "exec", cid, "sh", "-c", SHOW)
    first, *links = got.stdout.splitlines()
    pid = first.split()[0]
    assert int(pid) > 1 and first == f"{pid} pid={pid} fds=1 names=" and links == named(sockets[:1]), got


def test_without_a_pid_namespace_of_its_own_the_pid_is_the_hosts(rt, sockets):
    def shared(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
        config["mounts"] = [m for m in config["mounts"] if m["type"] != "proc"]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    cid = rt.bundle("echo $$ $LISTEN_PID", change=shared)
    got = activate(rt, sockets[:1], "run", "-b", rt.path(cid), cid)
    pid, listen = got.stdout.split()
    assert pid == listen != "1", got


def test_variables_of_the_configuration_give_way(rt, sockets):
    def other(config):
        config["process"]["env"] += ["LISTEN_FDS=7", "LISTEN_PID=7", "LISTEN_FDNAMES=seven"]
    cid = rt.bundle(SHOW, change=other)
    got = activate(rt, sockets[:1], "run", "-b", rt.path(cid), cid)
    assert got.stdout.splitlines() == ["1 pid=1 fds=1 names=", *named(sockets[:1])], got.stderr


@pytest.mark.parametrize("env", [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_PID": "-3"}, {"LISTEN_PID": "many"},
                                 {"LISTEN_PID": "1", "LISTEN_FDS": "-1"}, {"LISTEN_FDS": "0"}],
                         ids=["anothers", "empty", "negative", "no number", "anothers nonsense", "none"])
def test_what_is_not_meant_for_the_runtime_is_not_passed(rt, sockets, env):
    """As with podman, which passes descriptors by --preserve-fds and sets the variables in the configuration."""
    def engine(config):
        config["process"]["env"] += ["LISTEN_FDS=1", "LISTEN_PID=1"]
    cid = rt.bundle(SHOW, change=engine)
    got = activate(rt, sockets[:1], "run", "-b", rt.path(cid), cid, env=env)
    assert got.stdout.splitlines() == ["1 pid=1 fds=1 names="], got
    cid = rt.bundle(SHOW, change=engine)
    got = activate(rt, sockets[:1], "run", "--preserve-fds=1", "-b", rt.path(cid), cid, env=env)
    assert got.stdout.splitlines() == ["1 pid=1 fds=1 names=", *named(sockets[:1])], got


@pytest.mark.parametrize("value", ["-1", "", "two", "3x", "65537", "99999999999999999999", "-99999999999999999999", " 1", "0x3"])
@pytest.mark.parametrize("command", ["run", "exec"])
def test_a_number_that_is_none_is_an_error_that_names_it(rt, sockets, command, value):
    words = ["run", "-b", rt.path(rt.bundle("true")), "x"] if command == "run" else ["exec", "nobody", "true"]
    got = activate(rt, sockets, *words, env={"LISTEN_FDS": value})
    assert got.returncode == (1 if command == "run" else 255)
    assert got.stderr == f"gemel-runtime: LISTEN_FDS: '{value}' is not a number of descriptors\n"


def test_a_descriptor_that_is_not_open_is_an_error(rt, sockets):
    got = activate(rt, sockets[:1], "run", "-b", rt.path(rt.bundle("true")), "x", env={"LISTEN_FDS": "65000"})
    assert (got.returncode, got.stderr) == (1, "gemel-runtime: LISTEN_FDS: descriptor 4: Bad file descriptor\n")
    got = activate(rt, sockets[:1], "run", "--preserve-fds=1", "-b", rt.path(rt.bundle("true")), "x")
    assert (got.returncode, got.stderr) == (1, "gemel-runtime: --preserve-fds: descriptor 4: Bad file descriptor\n")


def test_commands_that_enter_no_container_do_not_look(rt, sockets):
    assert activate(rt, [], "list", env={"LISTEN_FDS": "-1"}).returncode == 0
