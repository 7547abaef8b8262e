#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a private mount namespace for a test run, and empties it at the end.

Started under `unshare -m`, with standard input a pipe from the test run. It lays private directories over those
libvirt has compiled in, says `ready`, and waits for the pipe to close, which happens however the test run
ends. Then it ends every process of its namespace and every QEMU started by the daemons in it, by pid.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import time

PRIVATE = ("/run", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")


def mount(*args):
    subprocess.run(["mount", *args], check=True)


def qemus():
    """The QEMUs of this namespace's libvirtd; they live in mount namespaces of their own."""
    found = []
    for file in glob.glob("/run/libvirt/qemu/*.pid"):
        try:
            with open(file, encoding="ascii") as text:
                pid = int(text.read())
            with open(f"/proc/{pid}/cmdline", "rb") as text:
                if b"qemu" in text.read():
                    found.append(pid)
        except (OSError, ValueError):
            pass
    return found


def mine():
    here = os.readlink("/proc/self/ns/mnt")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            if os.readlink(f"/proc/{name}/ns/mnt") == here:
                found.append(int(name))
        except OSError:
            pass
    return found


def signal_all(pids, sig):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def main():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)  # the pipe says when it is over
    # What the host's libvirtd found out about its QEMUs spares ours 8 s; libvirt checks that it still holds.
    known = "/var/cache/libvirt/qemu/capabilities"
    seen = {}
    for file in glob.glob(known + "/*.xml"):
        with open(file, "rb") as text:
            seen[file] = text.read()
    for path in PRIVATE:
        os.makedirs(path, exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "gemel-test", path)
    os.makedirs("/run/lock", exist_ok=True)
    os.makedirs(known)
    for file, text in seen.items():
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as copy:
            copy.write(text)
    # definitions live in /etc/libvirt: a copy of the configuration without the host's own guests
    shutil.copytree("/etc/libvirt", "/run/etc-libvirt", symlinks=True,
                    ignore=shutil.ignore_patterns("qemu", "libxl", "lxc"))
    mount("--bind", "/run/etc-libvirt", "/etc/libvirt")
    if os.path.exists("/dev/kvm"):
        # Without the right to it libvirt probes QEMU anew for every operation. A node of our own leaves the host's
        # as it is.
        info = os.stat("/dev/kvm")
        os.mknod("/run/kvm", 0o20660, info.st_rdev)
        os.chmod("/run/kvm", 0o660)
        subprocess.run(["chgrp", "kvm", "/run/kvm"], check=False, stderr=subprocess.DEVNULL)
        mount("--bind", "/run/kvm", "/dev/kvm")
    print("ready", flush=True)
    sys.stdin.read()
    machines = qemus()
    for _ in range(600):
        pids = mine() + [p for p in machines if os.path.exists(f"/proc/{p}")]
        if not pids:
            break
        signal_all(pids, signal.SIGCONT)
        signal_all(pids, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
