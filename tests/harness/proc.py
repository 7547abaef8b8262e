# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes: entering a mount namespace, stopping with a guaranteed go on, ending by pid."""

import contextlib
import ctypes
import os
import signal
import time

from .wait import until

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000


def enter_mounts(ns):
    """For preexec_fn: join the mount namespace whose /proc file is ns, keeping the directory by name."""
    here = os.getcwd()
    fd = os.open(ns, os.O_RDONLY | os.O_CLOEXEC)
    if _libc.setns(fd, CLONE_NEWNS) != 0:
        err = ctypes.get_errno()
        raise OSError(err, f"setns {ns}: {os.strerror(err)}")
    os.close(fd)
    try:
        os.chdir(here)
    except OSError:
        os.chdir("/")


def alive(pid):
    """Whether the process runs: not gone, and not a zombie that waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def state(pid):
    """The letter of /proc/PID/stat: R, S, D, T, Z; '' when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _mask(pid, *fields):
    """The signals in these masks of /proc/PID/status, as bits."""
    found = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.split(":")[0] in fields:
                found |= int(line.split()[1], 16)
    return found


def handles(pid, sig):
    """Whether the process takes the signal itself: by a handler, or by a descriptor for signals that it blocks."""
    return bool(_mask(pid, "SigBlk", "SigCgt") & 1 << sig - 1)


def pending(pid, sig):
    """Whether the process was sent the signal and has not taken it yet."""
    return bool(_mask(pid, "SigPnd", "ShdPnd") & 1 << sig - 1)


def end(pid, timeout=5.0):
    """End one process: TERM, then KILL; returns when it is gone."""
    for sig, limit in ((signal.SIGTERM, timeout), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, sig)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + limit
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not alive(pid):
            return


@contextlib.contextmanager
def stopped(*pids):
    """The processes are stopped (SIGSTOP) inside the block and go on after it, whatever happens."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while any(state(pid) not in "T" for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def in_mounts(ns_id):
    """The processes whose mount namespace is ns_id (as readlink of ns/mnt gives it)."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/mnt") == ns_id:
                    found.append(int(name))
    return found


def interrupt_after(running, line, number=signal.SIGINT):
    """^C (or another of the signals that end a command) once `line` was said and the write of it, which lets signals through, is over; returns the rest."""
    seen = []
    until(lambda: seen.append(running.stderr.readline()) or line in seen[-1], 60, lambda: seen, every=0)

    until(lambda: _mask(running.pid, "SigBlk") & 1 << number - 1, what=f"{signal.Signals(number).name} to be blocked")
    running.send_signal(number)
    return running.stderr.read()
