# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel as `meson install` leaves it, moved to another prefix, where neither checkout nor build can be seen."""

import functools
import glob
import os
import subprocess

from . import proc
from .gemel import ROOT, Gemel

BUILD = os.path.join(ROOT, os.environ.get("GEMEL_BUILD", "build"))


def install(prefix):
    """Install the build as it stands by DESTDIR, and move what came of it to `prefix`."""
    dest = prefix + ".dest"
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", dest],
                   check=True, stdout=subprocess.DEVNULL)
    [program] = [path for path in glob.glob(os.path.join(dest, "**", "gemel"), recursive=True)
                 if os.path.isfile(path) and os.path.basename(os.path.dirname(path)) == "bin"]
    os.rename(os.path.dirname(os.path.dirname(program)), prefix)
    return prefix


class Installed:
    """An installation, and a mount namespace inside the world's in which the checkout is empty."""

    def __init__(self, world):
        self.world = world
        self.prefix = install(os.path.join(world.home, "prefix"))
        self.keeper = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c",
             'mount -t tmpfs -o size=64k none "$1" && echo ready && read -r end', "keeper", ROOT],
            cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=functools.partial(proc.enter_mounts, world.ns))
        assert self.keeper.stdout.readline().strip() == "ready", "the checkout could not be hidden"
        self.ns = f"/proc/{self.keeper.pid}/ns/mnt"

    def close(self):
        self.keeper.communicate("\n", timeout=60)

    def gemel(self):
        """A user's gemel: the installed program, a store of its own, the world's libvirt."""
        made = self.world.gemel()
        made.ns = self.ns
        made.path = os.path.join(self.prefix, "bin", "gemel")
        return made

    def run(self, argv, gemel, timeout=120, **env):
        """Run any program as that user, with the installed one in the PATH; returns its CompletedProcess."""
        path = f"{self.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(argv, cwd="/", env=gemel.env(PATH=path, **env), text=True, errors="replace",
                              capture_output=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL,
                              preexec_fn=functools.partial(proc.enter_mounts, self.ns))
