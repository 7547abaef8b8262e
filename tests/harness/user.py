# SPDX-License-Identifier: GPL-3.0-or-later
"""A user without privileges that exists for one test only.

His uid is the run's own. Whatever he runs has a mount namespace in which passwd, group, subuid and subgid name him, so
newuidmap(1) knows him and the host's files stay as they are.
"""

import os
import pathlib
import subprocess

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

    @staticmethod
    def own(path):
        """Gives him a file, or a directory with all that is in it."""
        subprocess.run(["chown", "-hR", f"{UID}:{UID}", str(path)], check=True)

    def argv(self, *argv):
        """The command line that runs argv as him."""
        binds = "; ".join(f"mount --bind {path} /etc/{path.name}" for path in self.etc.iterdir())
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", f'set -e; {binds}; exec "$@"', "sh", "setpriv", "--reuid",
                str(UID), "--regid", str(UID), "--clear-groups", "--inh-caps=-all", "--", "env",
                f"XDG_RUNTIME_DIR={self.home}/run", f"HOME={self.home}", *map(str, argv)]
