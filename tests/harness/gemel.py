# SPDX-License-Identifier: GPL-3.0-or-later
"""Running gemel as a user would, in a home, store and run directory of its own."""

import functools
import json
import os
import subprocess

from . import proc
from .wait import patience, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name):
    """A program of the build: $GEMEL_BUILD (default build) is searched for it."""
    tree = os.path.join(ROOT, os.environ.get("GEMEL_BUILD", "build"))
    for folder, _, files in os.walk(tree):
        path = os.path.join(folder, name)
        if name in files and os.access(path, os.X_OK):
            return path
    raise AssertionError(f"no program {name} below {tree}: run ./dev build")


class Result:
    """What a command came to."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def json(self):
        """Standard output as JSON."""
        return json.loads(self.out)

    def __repr__(self):
        return (f"`{' '.join(self.argv[1:])}` ended with {self.status}\n"
                f"--- stdout\n{self.out}--- stderr\n{self.err}---")


class Gemel:
    """One user's gemel: directories, environment, and the namespace it runs in (ns: a /proc file)."""

    def __init__(self, home, ns=None, cgroup=None, connect=()):
        self.home, self.ns, self.cgroup = home, ns, cgroup
        self.connect = list(connect)
        self.root = os.path.join(home, "store")
        self.run_dir = os.path.join(home, "run")
        self.path = program("gemel")

    def env(self, **more):
        """The environment; a value of None takes a name out."""
        made = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": self.home, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                "TERM": "xterm-256color", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh",
                "GEMEL_ROOT": self.root, "GEMEL_RUN": self.run_dir,
                "GEMEL_AUDIT_LOG": os.path.join(self.home, "audit.jsonl"),
                "XDG_CONFIG_HOME": os.path.join(self.home, "config"),
                "XDG_STATE_HOME": os.path.join(self.home, "state"),
                "XDG_DATA_HOME": os.path.join(self.home, "data"),
                "XDG_CACHE_HOME": os.path.join(self.home, "cache")}
        if self.cgroup:
            made["GEMEL_CGROUP_PARENT"] = self.cgroup
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                made[name] = os.environ[name]
        made.update(more)
        return {k: v for k, v in made.items() if v is not None}

    def argv(self, *args):
        """The command line, with the backends this gemel was made for."""
        made = [self.path]
        for uri in self.connect:
            made += ["--connect", uri]
        return made + [str(a) for a in args]

    def popen(self, *args, env=None, **more):
        """Start gemel and return the Popen; standard streams are pipes unless said otherwise."""
        for stream in ("stdin", "stdout", "stderr"):
            more.setdefault(stream, subprocess.PIPE)
        ready = functools.partial(proc.enter_mounts, self.ns) if self.ns else None
        return subprocess.Popen(self.argv(*args), env=self.env(**(env or {})), text=True,
                                errors="replace", preexec_fn=ready, **more)

    def run(self, *args, input="", timeout=60, env=None, **more):
        """Run gemel to its end and return the Result, whatever its status."""
        with self.popen(*args, env=env, **more) as running:
            try:
                out, err = running.communicate(input, patience(timeout))
            except subprocess.TimeoutExpired:
                running.kill()
                out, err = running.communicate()
                raise AssertionError(f"gemel {' '.join(map(str, args))}: no end within "
                                     f"{patience(timeout):g} s\n{out}\n{err}") from None
        result = Result(running.args, running.returncode, out or "", err or "")
        for word in ("CRITICAL **", "WARNING **", "Sanitizer", "runtime error:"):
            assert word not in result.err, result
        return result

    def ok(self, *args, **more):
        """Run gemel, which has to succeed."""
        result = self.run(*args, **more)
        assert result.status == 0, result
        return result

    def fails(self, status, *args, **more):
        """Run gemel, which has to fail with this status and one clear line on standard error."""
        result = self.run(*args, **more)
        assert result.status == status, result
        lines = result.err.strip().splitlines()
        assert len(lines) == 1 and lines[0], result
        return result

    def json(self, *args, **more):
        """Run gemel with --json, which has to succeed, and return what it printed."""
        result = self.ok(*args, "--json", **more)
        return result.json()

    def instances(self):
        """Name -> instance of `list --json`."""
        return {i["name"]: i for i in self.json("list")["instances"]}

    def state(self, name):
        """The state that `list` gives an instance; None when it is not listed."""
        return self.instances().get(name, {}).get("state")

    def wait_state(self, name, wanted, timeout=15):
        """Until `list` shows the instance in that state (None: does not list it)."""
        until(lambda: self.state(name) == wanted, timeout,
              lambda: f"{name} {wanted}; it is {self.state(name)}", every=0.2)
