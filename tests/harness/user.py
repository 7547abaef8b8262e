# SPDX-License-Identifier: GPL-3.0-or-later
"""A user without privileges that exists for one test only.

His uid is the run's own. Whatever he runs has a mount namespace in which passwd, group, subuid and subgid name him, so
newuidmap(1) knows him and the host's files stay as they are.
"""

import os
import pathlib
import subprocess

from . import proc

UID = 61000 + os.getpid() % 4000
SUB, COUNT = 1_000_000_000 + os.getpid() % 4000 * 65536, 65536


class User:
    """subids=False: he has no subordinate ids. `top` is a directory for his files that he can reach."""

    def __init__(self, top, subids=True):
        self.etc, self.home = pathlib.Path(top, "etc"), pathlib.Path(top, "home")
        self.etc.mkdir()
        (self.home / "run").mkdir(parents=True)
        line = f"rl{UID}:{SUB}:{COUNT}\n" if subids else ""
        own = {"passwd": f"rl{UID}:x:{UID}:{UID}::{self.home}:/bin/sh\n", "group": f"rl{UID}:x:{UID}:\n", "subuid": line,
               "subgid": line}
        for name, text in own.items():
            if os.path.exists(f"/etc/{name}"):
                (self.etc / name).write_text(pathlib.Path("/etc", name).read_text() + text)
        self.own(self.home)
        (self.home / "run").chmod(0o700)
        self.holder = self._hold_namespace()

    @staticmethod
    def own(path):
        """Gives him a file, or a directory with all that is in it."""
        subprocess.run(["chown", "-hR", f"{UID}:{UID}", str(path)], check=True)

    def _hold_namespace(self):
        """A process that stays in the namespace until its standard input ends."""
        binds = "; ".join(f"mount --bind {path} /etc/{path.name}" for path in self.etc.iterdir())
        made = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", f"set -e; {binds}; echo made; exec cat"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert made.stdout.readline() == b"made\n"
        return made

    def close(self):
        self.holder.communicate()

    def env(self):
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8",
                "XDG_RUNTIME_DIR": f"{self.home}/run", "HOME": str(self.home)}

    def become(self, before=None):
        """For preexec_fn: this child is him; before() is called while it still is root."""
        def enter():
            if before:
                before()
            proc.enter_mounts(f"/proc/{self.holder.pid}/ns/mnt")
            os.setgroups([])
            os.setresgid(UID, UID, UID)
            os.setresuid(UID, UID, UID)
        return enter

    def popen(self, options):
        """The options of a Popen that make it his; a preexec_fn among those given is called as root."""
        return {**options, "env": self.env(), "preexec_fn": self.become(options.get("preexec_fn"))}
