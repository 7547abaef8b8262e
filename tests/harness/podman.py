# SPDX-License-Identifier: GPL-3.0-or-later
"""podman of the distribution on private directories, with gemel-runtime as its runtime."""

import json
import os
import pathlib
import subprocess

import pexpect

from . import engines
from .gemel import program

# Hard limits equal to the soft ones, within what root without CAP_SYS_RESOURCE may set.
CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
"""


class Podman:
    """podman on private directories and a cgroup parent of this run."""

    def __init__(self, top, user=None, runtime=None, parent=None, options=()):
        """user: whose podman it is (harness/user.py), root's without; parent: where its groups go; options: podman's."""
        self.top, self.user = pathlib.Path(top), user
        self.parent = ["--cgroup-parent", f"/{parent}"] if parent else []
        (self.top / "containers.conf").write_text(CONF)
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.top),
                    "LC_ALL": "C.UTF-8", "TERM": "xterm", "CONTAINERS_CONF": str(self.top / "containers.conf")}
        if user:
            self.env.update(user.env())
        self.become = user.become() if user else None
        self.argv = ["podman", "--root", str(self.top / "root"), "--runroot", str(self.top / "run"), "--tmpdir",
                     str(self.top / "tmp"), "--runtime", runtime or program("gemel-runtime"), *options]
        self.ok("import", "-q", engines.image_tar(self.top / "image.tar"), "busy")

    def call(self, *args, timeout=120):
        return subprocess.run([*self.argv, *map(str, args)], env=self.env, text=True, capture_output=True,
                              timeout=timeout, stdin=subprocess.DEVNULL, preexec_fn=self.become)

    def ok(self, *args):
        got = self.call(*args)
        assert got.returncode == 0, f"podman {args}: {got.returncode}: {got.stdout}{got.stderr}"
        return got.stdout

    def where(self, network="none"):
        return ["--network", network, *self.parent]

    def run(self, *args):
        """A foreground container: options, then a command (one word: a shell script)."""
        *options, command = args
        command = ["sh", "-c", command] if isinstance(command, str) else command
        return self.call("run", "--rm", *self.where(), *options, "busy", *command)

    def output(self, *args):
        got = self.run(*args)
        assert got.returncode == 0, f"{args}: {got.returncode}: {got.stdout}{got.stderr}"
        return got.stdout

    def start(self, *args):
        """A background container; its name."""
        *options, command = args
        command = ["sh", "-c", command] if isinstance(command, str) else command
        name = f"c{os.urandom(4).hex()}"
        self.ok("run", "-d", "--name", name, *self.where(), *options, "busy", *command)
        return name

    def state(self, name):
        return json.loads(self.ok("inspect", name))[0]["State"]

    def pid(self, name):
        return self.state(name)["Pid"]

    def logs(self, name):
        return self.ok("logs", name)

    def spawn(self, *args):
        return pexpect.spawn(self.argv[0], [*self.argv[1:], *map(str, args)], env=self.env, timeout=60, preexec_fn=self.become)

    def clear(self):
        """Removes every container and pod."""
        left = self.call("ps", "-aq", "--external").stdout.split()
        if left:
            self.call("rm", "-f", "-t", "0", *left)
        self.call("pod", "rm", "-f", "-a", "-t", "0")
