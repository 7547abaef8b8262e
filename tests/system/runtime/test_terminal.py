# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminals, and conmon as the driver."""

import array
import json
import os
import shutil
import socket
import subprocess
import time

import pexpect
import pytest
from conftest import wait_for


def receive_terminal(listener):
    """The master that the runtime sends to a console socket."""
    listener.settimeout(10)
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(10)
        _, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
        fds = array.array("i")
        fds.frombytes(control[0][2][:4])
        return fds[0]


def read_until(fd, text, seconds=10):
    os.set_blocking(fd, False)
    got = b""

    def more():
        nonlocal got
        try:
            got += os.read(fd, 4096)
        except BlockingIOError:
            pass
        except OSError:  # EIO: the other side has closed
            return True
        return text in got
    wait_for(text, more, seconds)
    return got


def console_socket(rt, long=False):
    path = rt.top / ("x" * 120 if long else "console.sock")
    listener = socket.socket(socket.AF_UNIX)
    if long:
        path.mkdir()
        here = os.open(path, os.O_PATH)
        listener.bind(f"/proc/self/fd/{here}/s")
        os.close(here)
        path = path / "s"
    else:
        listener.bind(str(path))
    listener.listen(1)
    return listener, str(path)


@pytest.mark.parametrize("long", [False, True])
def test_create_sends_the_terminal_to_the_console_socket(rt, long):
    listener, path = console_socket(rt, long)
    cid = rt.bundle("tty; stty size; ls -l /dev/console; sleep 1000",
                    process={"terminal": True, "consoleSize": {"height": 33, "width": 99}})
    assert rt.create(cid, "--console-socket", path) == 0, rt.out(cid)
    master = receive_terminal(listener)
    try:
        rt.ok("start", cid)
        got = read_until(master, b"console\r\n")
        assert b"/dev/pts/0\r\n33 99\r\n" in got
    finally:
        os.close(master)
        listener.close()


def test_exec_with_a_console_socket(rt):
    listener, path = console_socket(rt)
    cid = rt.start()
    pid_file = rt.top / "pid"
    subprocess.run([rt.binary, "--root", rt.root, "exec", "-t", "-d", "--pid-file", pid_file, "--console-socket", path, cid,
                    "sh", "-c", "tty; sleep 1000"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    master = receive_terminal(listener)
    try:
        assert b"/dev/pts/0" in read_until(master, b"pts/0\r\n")
    finally:
        os.close(master)
        listener.close()


def test_run_in_the_foreground_relays_keys_sizes_and_the_status(rt):
    cid = rt.bundle("stty size; read line; echo got-$line; stty size; exit 6", process={"terminal": True})
    p = pexpect.spawn(rt.binary, ["--root", str(rt.root), "run", "-b", str(rt.path(cid)), cid], dimensions=(20, 70),
                      timeout=60)
    p.expect("20 70")
    p.setwinsize(21, 71)
    p.sendline("key")
    p.expect("got-key")
    p.expect("21 71")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 6


def test_ctrl_c_reaches_the_program_not_the_runtime(rt):
    cid = rt.bundle("trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.05; done", process={"terminal": True})
    p = pexpect.spawn(rt.binary, ["--root", str(rt.root), "run", "-b", str(rt.path(cid)), cid], timeout=60)
    p.expect("ready")
    p.sendcontrol("c")
    p.expect("interrupted")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 4


def test_exec_in_the_foreground_has_a_terminal(rt):
    cid = rt.start()
    p = pexpect.spawn(rt.binary, ["--root", str(rt.root), "exec", "-t", cid, "sh", "-c", "tty; exit 3"], timeout=60)
    p.expect("/dev/pts/0")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 3


def test_much_output_over_a_terminal_arrives_whole(rt):
    cid = rt.bundle("dd if=/dev/zero bs=1000 count=2000 2>/dev/null | tr '\\000' x; echo; echo end", process={"terminal": True})
    (rt.image / "bin/tr").symlink_to("busybox")
    p = pexpect.spawn(rt.binary, ["--root", str(rt.root), "run", "-b", str(rt.path(cid)), cid], timeout=60)
    got = p.read()
    p.close()
    assert got.count(b"x") == 2000000 and got.endswith(b"end\r\n")


class Conmon:
    """conmon as a manager starts it."""

    def __init__(self, rt, cid, *options, terminal=False, uuid=None):
        if not shutil.which("conmon"):
            pytest.skip("no conmon")
        uuid = uuid or cid
        self.exit = rt.top / "exits" / cid
        self.log = rt.top / f"{uuid}.log"
        (rt.top / "exits").mkdir(exist_ok=True)
        (rt.top / "socks").mkdir(exist_ok=True)
        sync_r, sync_w = os.pipe()
        start_r, start_w = os.pipe()
        argv = ["conmon", "--api-version", "1", "-c", cid, "-u", uuid, "-n", cid, "-r", str(rt.binary), "-b", str(rt.path(cid)),
                "-p", str(rt.top / f"{uuid}.pid"), "-l", f"k8s-file:{self.log}", "--exit-dir", str(rt.top / "exits"),
                "--socket-dir-path", str(rt.top / "socks"), "--runtime-arg", "--root", "--runtime-arg", str(rt.root), *options]
        if terminal:
            argv.append("-t")
        env = dict(os.environ, _OCI_SYNCPIPE=str(sync_w), _OCI_STARTPIPE=str(start_r))
        self.process = subprocess.Popen(argv, env=env, pass_fds=(sync_w, start_r), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(sync_w)
        os.close(start_r)
        os.write(start_w, b"x")
        os.close(start_w)
        self.sync = os.fdopen(sync_r)

    def word(self):
        return json.loads(self.sync.readline())

    def text(self):
        """The logged text without its time stamps."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return "\n".join(line.split(" ", 3)[3] for line in lines if line)

    def close(self):
        self.sync.close()
        self.process.wait(60)


@pytest.mark.parametrize("terminal", [False, True])
def test_conmon_drives_create_start_and_exec(rt, terminal):
    cid = rt.bundle("echo begun; tty; sleep 1000", process={"terminal": terminal})
    conmon = Conmon(rt, cid, terminal=terminal)
    pid = conmon.word()["data"]
    assert pid == rt.state(cid)["pid"]
    rt.ok("start", cid)
    wait_for("log", lambda: "begun" in conmon.text())
    spec = rt.top / "spec.json"
    spec.write_text(json.dumps({"args": ["sh", "-c", "tty; echo in $(hostname); exit 9"], "cwd": "/", "env": ["PATH=/bin"],
                                "user": {"uid": 0, "gid": 0}, "terminal": terminal}))
    run = Conmon(rt, cid, "-e", "--exec-process-spec", str(spec), terminal=terminal, uuid="x" + cid)
    assert run.word()["data"] > 0
    assert run.word()["data"] == 9
    wait_for("log of exec", lambda: "in gemel" in run.text())
    assert ("/dev/pts/" in run.text()) == terminal
    run.close()
    if conmon.exit.exists():
        conmon.exit.unlink()
    rt.ok("kill", cid, "KILL")
    wait_for("exit file", conmon.exit.exists)
    assert conmon.exit.read_text() == "137"
    rt.ok("delete", cid)
    conmon.close()


def test_conmon_passes_the_runtimes_message_on(rt):
    cid = rt.bundle("nosuch-program", "x")
    conmon = Conmon(rt, cid)
    word = conmon.word()
    assert word["data"] == -1 and "nosuch-program" in word["message"]
    conmon.close()


def test_sigkill_of_conmon_leaves_a_container_that_can_be_deleted(rt):
    cid = rt.bundle("sleep 1000")
    conmon = Conmon(rt, cid)
    pid = conmon.word()["data"]
    rt.ok("start", cid)
    parent = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    os.kill(parent, 9)
    assert rt.status(cid) == "running"
    rt.ok("delete", "--force", cid)
    conmon.close()
    assert rt.leftovers() == []
