# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files behind Tab: on the disk, and on a server that does not answer."""

import os
import subprocess

import pytest

from harness import proc
from harness.gemel import Gemel
from harness.tui import Tui

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")

# A FUSE file system whose server never reads what it is asked.
HANGS = r"""
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"none", b"/", None, 0x44000, None) or libc.mount(b"hangs", sys.argv[1].encode(), b"fuse", 0, options):
    print(os.strerror(ctypes.get_errno()), flush=True)
else:
    print("mounted", flush=True)
    signal.pause()
"""


@pytest.fixture
def hangs(scratch):
    """A directory that answers nobody, and the mount namespace that has it."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("a directory that hangs needs root and /dev/fuse")
    at = os.path.join(scratch, "hangs")
    os.mkdir(at)
    server = subprocess.Popen(["unshare", "--mount", "/usr/bin/python3", "-c", HANGS, at], stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True)
    try:
        told = server.stdout.readline().strip()
        if told != "mounted":
            pytest.skip(f"a FUSE mount is not possible here: {told}")
        yield at, f"/proc/{server.pid}/ns/mnt"
    finally:
        proc.end(server.pid)  # which ends the connection, and so what waits for it
        server.wait()


@pytest.mark.quick
def test_files_are_offered(tui, scratch):
    os.makedirs(os.path.join(scratch, "here", "folder"))
    for name in ("lab one", "lab-two", ".hidden"):
        with open(os.path.join(scratch, "here", name), "w", encoding="utf-8"):
            pass
    terminal = tui(*CALM, cwd=os.path.join(scratch, "here"))
    terminal.wait(r"lab-vm")
    terminal.send(":source f\t")
    terminal.wait(r"^:source folder/")
    terminal.send("\x15source l\t")
    terminal.wait(r"lab-two")
    assert terminal.line_with(r"lab one"), terminal.dump()
    assert not terminal.line_with(r"hidden"), terminal.dump()
    terminal.send("\x15source .h\t")
    terminal.wait(r"^:source \.hidden")


def test_a_directory_that_hangs_holds_up_no_key(scratch, hangs):
    at, ns = hangs
    ground = Gemel(scratch, ns=ns)
    terminal = Tui(ground.argv(*CALM), env=ground.env(), ns=ns)
    try:
        terminal.wait(r"lab-vm")
        for number in range(8):  # more than threads are spent on it
            terminal.send(f":source {at}/{number}\t\t")
            terminal.send(f"more{number}")
            terminal.wait(rf"^:source .*/{number}more{number}")
            terminal.key("Esc")
            terminal.wait(r": command")
        terminal.send(":version\r")
        terminal.wait(r"gemel [\d.]+ *$")
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert terminal.restored()
    finally:
        terminal.close()
