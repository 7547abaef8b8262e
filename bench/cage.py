#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A benchmark's part in private mount and pid namespaces, of which nothing is left however it ends.

    cage.run(word, argv)   outside: runs argv inside and gives its exit status
    cage.tag()             inside: the word with which names of cgroups begin, or None outside of a cage

Inside, /run and the directory for temporary files are tmpfs of the cage's own. When argv ends, or the caller does
(also by SIGKILL), the kernel ends every process of the pid namespace, and with the last of them go the mounts. cgroups
are not private: a keeper outside, which waits for the end of a pipe, removes those of that name.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def tag():
    return os.environ.get("GEMEL_BENCH_CAGE")


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(word, argv):
    """argv inside a cage; its exit status."""
    name, top = f"t{os.getpid()}-{word}", tempfile.mkdtemp(prefix=f"gemel-{word}-")
    feed, end = os.pipe()
    with subprocess.Popen([sys.executable, os.path.abspath(__file__), "--keep", name, top], stdin=feed,
                          start_new_session=True) as keeper:
        os.close(feed)
        script = f'mount -t tmpfs -o mode=755 gemel-bench /run && mount -t tmpfs -o mode=755 gemel-bench "{top}" && "$@"; exit $?'
        with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL",
                               "--mount-proc", "sh", "-c", script, "sh", *argv], preexec_fn=_die_with_parent,
                              env={**os.environ, "TMPDIR": top, "GEMEL_BENCH_CAGE": name}) as inside:
            try:
                return inside.wait()
            finally:
                inside.kill()
                inside.wait()
                os.close(end)
                keeper.wait()


def _groups(name):
    """cgroup directories whose own name begins with it, and what is below them, deepest first."""
    found = []
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(top, d) for d in dirs if d.startswith(name) or f"/{name}" in top]
    return sorted(found, key=len, reverse=True)


def _keep(name, top):
    """Waits for the end, then removes what is not private."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pipe says when it is over
    sys.stdin.read()
    deadline = time.monotonic() + 30
    while (left := _groups(name)) and time.monotonic() < deadline:
        for path in left:  # a group that still has a dying process is tried again
            with contextlib.suppress(OSError):
                os.rmdir(path)
        time.sleep(0.1)
    with contextlib.suppress(OSError):
        os.rmdir(top)
    if left:
        print(f"bench: groups are left: {' '.join(left)}", file=sys.stderr)


if __name__ == "__main__" and sys.argv[1:2] == ["--keep"]:
    _keep(*sys.argv[2:])
