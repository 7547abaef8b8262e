# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime's binary, driven directly: bundles from a busybox, private state directories, unique groups."""

import contextlib
import copy
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from harness.gemel import program
from harness.wait import patience

TOP = pathlib.Path(__file__).resolve().parents[3]
BUSYBOX = "/bin/busybox"
APPLETS = """sh true false cat ls id mount umount hostname sleep echo touch dd head grep readlink env mkdir mknod
kill ps stat tty stty wc umask pwd nc rm ln chroot printf test unshare tail""".split()


def find_runtime():
    """GEMEL_RUNTIME, or that of the build under test."""
    return os.environ.get("GEMEL_RUNTIME") or program("gemel-runtime")


def wait_for(what, check, seconds=10):
    """Polls until check() is true; its value."""
    seconds = patience(seconds)
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got:
            return got
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.01)


def merge(into, extra):
    """Lays `extra` over `into`; None deletes a key."""
    for key, value in extra.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class Runtime:
    """One state directory, one cgroup parent, any number of bundles."""

    def __init__(self, binary, top, attacker=None):
        self.binary = self.original = binary
        self.undefended = "undefended" in os.path.basename(binary)
        self.top, self.attacker = pathlib.Path(top), attacker
        self.root = self.top / "run"
        self.parent = f"/gemel-rt{os.getpid()}-{self.top.name[-6:]}"
        self.count = 0
        self.image = self.top / "image"
        self.make_image(self.image)
        if attacker:
            shutil.copy(attacker, self.image / "bin/attacker")

    @staticmethod
    def make_image(path):
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "mnt"):
            (path / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, path / "bin/busybox")
        for name in APPLETS:
            (path / "bin" / name).symlink_to("busybox")
        (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")

    def is_static(self):
        """Whether the program needs nothing of the root it runs in."""
        return b"/ld-linux" not in pathlib.Path(self.binary).read_bytes()

    def new_id(self):
        self.count += 1
        return f"t{os.getpid()}-{self.count}"

    def default_config(self):
        with tempfile.TemporaryDirectory(dir=self.top) as d:
            subprocess.run([self.binary, "spec", "-b", d], check=True)
            return json.loads(pathlib.Path(d, "config.json").read_text())

    def bundle(self, *args, overlay=True, change=None, **extra):
        """A bundle whose program is `args` (one word: a shell script). change(config) has the last word."""
        cid = self.new_id()
        path = self.top / cid
        for name in ("rootfs", "upper", "work"):
            (path / name).mkdir(parents=True)
        config = self.default_config()
        config["process"].update(terminal=False,
                                 args=["sh", "-c", args[0]] if len(args) == 1 else list(args))
        config["root"]["readonly"] = False
        config["linux"]["cgroupsPath"] = f"{self.parent}/{cid}"
        if overlay:
            config["annotations"] = {"org.gemel.overlay.lower": str(self.image),
                                     "org.gemel.overlay.upper": "upper",
                                     "org.gemel.overlay.work": "work"}
        else:
            shutil.copytree(self.image, path / "rootfs", dirs_exist_ok=True, symlinks=True)
        merge(config, copy.deepcopy(extra))
        if change:
            change(config)
        (path / "config.json").write_text(json.dumps(config))
        return cid

    def path(self, cid):
        return self.top / cid

    def call(self, *args, timeout=120, capture=True, **options):
        """Runs a command; never raises on failure."""
        options.setdefault("stdin", subprocess.DEVNULL)
        got = subprocess.run([self.binary, "--root", str(self.root), *map(str, args)], text=True,
                             capture_output=capture, timeout=timeout, **options)
        # of a build with sanitizers
        assert "Sanitizer" not in (got.stderr or "") and "runtime error" not in (got.stderr or ""), got.stderr
        return got

    def ok(self, *args, **options):
        got = self.call(*args, **options)
        assert got.returncode == 0, f"{args}: {got.returncode}: {got.stderr}"
        return got.stdout

    def fails(self, *args, **options):
        """The one-line message of a command that must fail."""
        got = self.call(*args, **options)
        assert got.returncode not in (0, None), f"{args} did not fail: {got.stdout}"
        lines = got.stderr.splitlines()
        assert len(lines) == 1, f"not one line: {got.stderr!r}"
        return lines[0]

    def run(self, cid, *options, **more):
        return self.call("run", "-b", self.path(cid), *options, cid, **more)

    def output(self, script, **extra):
        """Runs a script in a new container; its standard output."""
        got = self.run(self.bundle(script, **extra))
        assert got.returncode == 0, got.stderr
        return got.stdout

    def create(self, cid, *options, **more):
        """create with descriptors that the container may keep."""
        with open(self.path(cid) / "out", "ab") as out, open(os.devnull) as none:
            got = subprocess.run([self.binary, "--root", str(self.root), "create", "-b",
                                  str(self.path(cid)), *options, cid], stdin=none, stdout=out,
                                 stderr=out, timeout=120, **more)
        return got.returncode

    def start(self, script="sleep 1000", **extra):
        """A container that runs; its id."""
        cid = self.bundle(script, **extra)
        assert self.create(cid) == 0, (self.path(cid) / "out").read_text()
        self.ok("start", cid)
        return cid

    def out(self, cid):
        return (self.path(cid) / "out").read_text()

    def state(self, cid):
        return json.loads(self.ok("state", cid))

    def status(self, cid):
        return self.state(cid)["status"]

    def groups(self):
        """Directories below this parent in all hierarchies."""
        return [p for p in glob.glob(f"/sys/fs/cgroup{self.parent}/*") +
                glob.glob(f"/sys/fs/cgroup/*{self.parent}") +
                glob.glob(f"/sys/fs/cgroup/*{self.parent}/*") if os.path.isdir(p)]

    def group_file(self, cid, controller, v1, v2):
        """Contents of a limit file, wherever this host has it."""
        for path in (f"/sys/fs/cgroup/{controller}{self.parent}/{cid}/{v1}",
                     f"/sys/fs/cgroup{self.parent}/{cid}/{v2}"):
            if os.path.exists(path):
                return pathlib.Path(path).read_text().strip()
        raise AssertionError(f"no {controller} group of {cid}")

    def leftovers(self):
        """What of this runtime is still on the host."""
        found = self.groups()
        found += [str(p) for p in self.root.glob("[!.]*")] if self.root.exists() else []
        found += [line for line in open("/proc/self/mountinfo") if str(self.top) in line]
        return found

    def clean(self):
        for path in self.top.glob(f"t{os.getpid()}-*/out"):
            assert b"Sanitizer" not in path.read_bytes(), path.read_text()
        if self.root.exists():
            for path in self.root.glob("[!.]*"):
                self.call("delete", "--force", path.name)


@contextlib.contextmanager
def ground(binary, attacker=None):
    """A runtime with directories of its own, and what it left looked for."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert binary, "gemel-runtime is not built"
    top = tempfile.mkdtemp(prefix="gemel-rt-")
    os.chmod(top, 0o755)
    made = Runtime(binary, top, attacker)
    yield made
    made.binary = made.original
    made.clean()
    left = made.leftovers()
    shutil.rmtree(top, ignore_errors=True)
    assert not left, f"left behind: {left}"


@pytest.fixture(scope="session")
def attacker(tmp_path_factory):
    """What attacks need and busybox has not, linked statically."""
    program = tmp_path_factory.mktemp("attacker") / "attacker"
    subprocess.run(["cc", "-static", "-O1", "-o", program, pathlib.Path(__file__).with_name("attacker.c")], check=True)
    return str(program)


@pytest.fixture
def rt(attacker):
    with ground(find_runtime(), attacker) as made:
        yield made


@pytest.fixture
def undefended(attacker):
    """The variant of the same build that can leave one defence out."""
    with ground(find_runtime() + "-undefended", attacker) as made:
        yield made


@pytest.fixture
def profile():
    """The project's default seccomp profile."""
    return json.loads((TOP / "config/seccomp-default.json").read_text())


def pid_gone(pid):
    """True when a process has ended; a zombie has."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def kill_tree(pid):
    os.kill(pid, signal.SIGKILL)
