# SPDX-License-Identifier: GPL-3.0-or-later
"""The ground a case stands on: bundles from a busybox, a private store, a cgroup parent of its own, the runtime.

Standard library only: it also runs in a small guest that has little more than python3 and busybox.
"""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

from suite import NotApplicable, drop

BUSYBOX = "/bin/busybox"
APPLETS = """sh true false cat ls id mount umount hostname sleep echo touch dd head grep readlink env mkdir mknod kill
stat tty stty wc umask pwd rm ln chroot printf test unshare chmod ionice nice uname date sync tr chown ipcs ipcmk
sysctl dnsdomainname ps df rmdir setpriv""".split()
SLOW = float(os.environ.get("GEMEL_TEST_SLOW", "1"))


def patience(seconds):
    """When to give up. A deadline only ends a failure, so none is short, unless failures are what is looked for (SLOW < 1)."""
    return max(seconds, 30) * SLOW if SLOW >= 1 else min(seconds, 30) * SLOW
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
ALL_CAPS = """CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT
KILL AUDIT_WRITE""".split()
DEFAULT_MOUNTS = [
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
]


def caps(names):
    return [f"CAP_{n}" for n in names]


def mount(destination, kind="tmpfs", source="tmpfs", options=()):
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def bind(destination, source, *options):
    return mount(destination, "bind", str(source), options or ("bind",))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Done:
    """What a command of the runtime came to."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}, stdout {self.out[-300:]!r}, stderr {self.err[-300:]!r}"


class Bundle:
    def __init__(self, cid, path, config):
        self.id, self.path, self.config = cid, path, config

    @property
    def rootfs(self):
        return self.path / "rootfs"

    def out(self):
        return read(self.path / "out")


class Report:
    """What a container said of itself: contents of files, stat of paths, output of snippets."""

    def __init__(self, text):
        self.text, self.files, self.stats, self.parts = text, {}, {}, {}
        kind = name = None
        for line in text.splitlines():
            if line.startswith("@@"):
                kind, _, name = line[2:].partition(" ")
                if kind == "part":
                    self.parts[name] = ""
            elif kind == "files":
                path, _, rest = line.partition(":")
                self.files.setdefault(path, []).append(rest)
            elif kind == "stat":
                path, *rest = line.split("|")
                self.stats[path] = rest
            elif kind == "part":
                self.parts[name] += line + "\n"

    def status(self, key):
        """A line of /proc/self/status."""
        for line in self.files.get("/proc/self/status", []):
            if line.startswith(key + ":"):
                return line.partition(":")[2].strip()
        raise AssertionError(f"no {key} in /proc/self/status: {self.text[:300]!r}")

    def caps(self, key):
        return int(self.status(key), 16)

    def limit(self, name):
        """Soft and hard limit as /proc/self/limits words them."""
        for line in self.files.get("/proc/self/limits", []):
            if line.startswith(name + " "):
                return tuple(line[len(name):].split()[:2])
        raise AssertionError(f"no {name} in /proc/self/limits")

    def mount(self, destination):
        """(options, type, source, super options, optional fields) of the topmost mount at a path."""
        found = None
        for line in self.files.get("/proc/self/mountinfo", []):
            left, _, right = line.partition(" - ")
            words = left.split()
            if words[4] == destination:
                kind, source, extra = (right.split(" ") + ["", ""])[:3]
                found = (words[5].split(","), kind, source, extra.split(","), words[6:])
        assert found, f"nothing is mounted at {destination}"
        return found

    def mounted(self, destination):
        return any(line.split()[4] == destination for line in self.files.get("/proc/self/mountinfo", []))

    def part(self, name):
        assert name in self.parts, f"the container did not come to '{name}': {self.text[-300:]!r}"
        return self.parts[name].rstrip("\n")


class Bed:
    """One column: a runtime, a store, the facts of the host."""

    def __init__(self, runtime, column, top, facts, ignore=None):
        self.runtime, self.column, self.top, self.facts = runtime, column, pathlib.Path(top), facts
        self.ignore = ignore
        self.rootless = column == "rootless"
        self.store = self.top / "run" / "store"
        self.store.mkdir(parents=True, exist_ok=True)
        self.lock, self.memo, self.count = threading.Lock(), {}, 0
        self.prefix = f"t{os.getpid()}" + (f"-{id(self) % 99991}" if ignore else "")
        self.image = self.top / "busybox"
        if not self.image.exists():
            shutil.copy(BUSYBOX, self.image)

    # -- bundles ---------------------------------------------------------------------------------------------

    def new_id(self):
        with self.lock:
            self.count += 1
            return f"{self.prefix}-{self.count}"

    def config(self, cid):
        """The plain configuration that every case starts from."""
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": [PATH], "cwd": "/",
                "capabilities": {k: caps(ALL_CAPS) for k in ("bounding", "effective", "permitted")}},
            "root": {"path": "rootfs"},
            "mounts": [mount(*m) for m in DEFAULT_MOUNTS],
            "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts", "network")]},
        }
        if self.rootless:
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = copy.deepcopy(self.facts["uid_map"])
            config["linux"]["gidMappings"] = copy.deepcopy(self.facts["gid_map"])
        if self.facts["cgroup_parent"]:
            config["linux"]["cgroupsPath"] = f"{self.facts['cgroup_parent']}/{cid}"
        return config

    def bundle(self, command="true", change=None):
        """A bundle; command is a shell script or a list of words, change(config) has the last word."""
        cid = self.new_id()
        path = self.top / cid
        self.make_root(path / "rootfs")
        config = self.config(cid)
        config["process"]["args"] = ["sh", "-c", command] if isinstance(command, str) else list(command)
        made = Bundle(cid, path, config)
        if change:
            change(config)
        self.write(made)
        return made

    def write(self, bundle):
        config = bundle.config
        if self.ignore:
            config = copy.deepcopy(config)
            drop(config, self.ignore)
        (bundle.path / "config.json").write_text(json.dumps(config))

    def make_root(self, root):
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "mnt", "work"):
            (root / name).mkdir(parents=True)
        os.link(self.image, root / "bin/busybox")
        for name in APPLETS:
            (root / "bin" / name).symlink_to("busybox")

    # -- the runtime -----------------------------------------------------------------------------------------

    def argv(self, *args):
        manager = ["--cgroup-manager", "disabled"] if self.facts["cgroup_parent"] is None else []
        return [self.runtime, "--root", str(self.store), *manager, *map(str, args)]

    def call(self, *args, **options):
        """A command of the runtime; never raises because it failed."""
        options.setdefault("stdin", subprocess.DEVNULL)
        try:
            got = subprocess.run(self.argv(*args), capture_output=True, timeout=patience(120), **options)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{args[0]} did not come back within {patience(120):.0f} s") from late
        return Done(got.returncode, got.stdout.decode(errors="replace"), got.stderr.decode(errors="replace"))

    def ok(self, *args, **options):
        got = self.call(*args, **options)
        assert got.status == 0, f"{args[0]}: {got}"
        return got

    def run(self, command="true", change=None, **options):
        """A container from start to end in the foreground."""
        bundle = self.bundle(command, change)
        return self.run_bundle(bundle, **options)

    def run_bundle(self, bundle, *args, **options):
        got = self.call("run", *args, "--bundle", bundle.path, bundle.id, **options)
        self.tidy(bundle)
        return got

    def output(self, command="true", change=None, **options):
        """The standard output of a container that has to end well."""
        got = self.run(command, change, **options)
        assert got.status == 0, f"run: {got}"
        return got.out

    def create(self, bundle, *args, **options):
        """create, the container's streams going to a file."""
        options.setdefault("stdin", subprocess.DEVNULL)
        with open(bundle.path / "out", "ab") as out, open(bundle.path / "err", "w+b") as err:
            try:
                got = subprocess.run(self.argv("create", *args, "--bundle", bundle.path, bundle.id), stdout=out,
                                     stderr=err, timeout=patience(120), **options)
            except subprocess.TimeoutExpired as late:
                raise AssertionError("create did not come back") from late
            err.seek(0)
            return Done(got.returncode, "", err.read().decode(errors="replace"))

    def created(self, command="sleep 1000", change=None, *args, **options):
        """A container that was created and has not started."""
        bundle = self.bundle(command, change)
        got = self.create(bundle, *args, **options)
        assert got.status == 0, f"create: {got}"
        return bundle

    def started(self, command="sleep 1000", change=None, *args, **options):
        bundle = self.created(command, change, *args, **options)
        self.ok("start", bundle.id)
        return bundle

    def state(self, bundle):
        return json.loads(self.ok("state", bundle.id).out)

    def exists(self, bundle):
        return self.call("state", bundle.id).status == 0

    def wait_status(self, bundle, status):
        self.until(f"state {status}", lambda: self.state(bundle)["status"] == status)

    def delete(self, bundle):
        """Ends and removes a container, whatever its state."""
        self.call("delete", "--force", bundle.id)
        self.tidy(bundle)

    def tidy(self, bundle):
        shutil.rmtree(bundle.path, ignore_errors=True)

    @staticmethod
    def until(what, check, seconds=10):
        """Polls until check() is true; its value."""
        seconds = patience(seconds)
        end = time.monotonic() + seconds
        while True:
            got = check()
            if got:
                return got
            assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
            time.sleep(0.01)

    # -- ways to judge ---------------------------------------------------------------------------------------

    def rejects(self, change, command="true", twin=None):
        """The runtime runs the container of `twin` (the plain one without), and refuses the one of `change`
        without leaving a container."""
        if twin:
            self.output(command, twin)
        else:
            self.once("plain", lambda: self.output("true"))
        bundle = self.bundle(command, change)
        got = self.call("run", "--bundle", bundle.path, bundle.id)
        left = (self.store / bundle.id).exists()
        if left:
            self.call("delete", "--force", bundle.id)
        self.tidy(bundle)
        assert got.status != 0, "the runtime took it without an error"
        assert got.err.strip(), "refused without a word"
        assert not left, f"refused ({got.err.strip()[-200:]}), but the container is there"
        return got.err

    def once(self, name, make):
        """make() on the first call, its value (or its failure) on all others."""
        with self.lock:
            entry = self.memo.setdefault(name, {"lock": threading.Lock()})
        with entry["lock"]:
            if "value" not in entry and "error" not in entry:
                try:
                    entry["value"] = make()
                except (AssertionError, NotApplicable, OSError, ValueError) as error:
                    entry["error"] = error
        if "error" in entry:
            raise entry["error"]
        return entry["value"]

    def report(self, change=None, files=(), stats=(), parts=None, **options):
        """Runs a container that tells about itself; parts are named shell snippets."""
        files = ["/proc/self/status", "/proc/self/limits", "/proc/self/mountinfo", *files]
        script = [f"echo @@files; grep -sH '' {' '.join(files)}"]
        if stats:
            script.append(f"echo @@stat; stat -c '%n|%F|%a|%u|%g|%t|%T|%N' {' '.join(stats)} 2>/dev/null")
        for name, text in (parts or {}).items():
            script.append(f"echo @@part {name}; {text}")
        return Report(self.output("; ".join(script), change, **options))

    # -- cgroups ---------------------------------------------------------------------------------------------

    def group(self, bundle, controller):
        """The container's cgroup directory of a controller ("" is the v2 hierarchy)."""
        path = bundle.config["linux"]["cgroupsPath"].strip("/")
        v1, v2 = self.facts["cgroup_v1"], self.facts["cgroup_v2"]
        if controller in v1:
            return pathlib.Path(v1[controller], path)
        if v2:
            return pathlib.Path(v2, path)
        raise NotApplicable(f"no cgroup hierarchy has the {controller} controller")

    def is_v1(self, controller):
        return controller in self.facts["cgroup_v1"]

    def takes(self, controller, name, text):
        """Whether the kernel takes `text` for a file of a new group below the parent of this run."""
        mount = self.facts["cgroup_v1"].get(controller) or self.facts["cgroup_v2"]
        path = pathlib.Path(mount + self.facts["cgroup_parent"], f"probe-{self.new_id()}")
        path.mkdir(parents=True)
        try:
            (path / name).write_text(text)
            return True
        except OSError:
            return False
        finally:
            path.rmdir()

    def need_root(self, why):
        """For what an unprivileged user of the host cannot do; `why` is the kernel's rule."""
        if self.rootless:
            raise NotApplicable(why)

    def close(self):
        """Ends what cases left, and says what that was."""
        left = []
        for path in self.store.glob("[!.]*"):
            if path.is_dir():
                left.append(path.name)
                self.call("delete", "--force", path.name)
        return left
