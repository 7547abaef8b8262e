# SPDX-License-Identifier: GPL-3.0-or-later
"""bench/run runtime: OCI runtimes side by side, and the floor under them.

One bundle (the runtime's own default with the default seccomp profile and limits of memory, CPU and pids; busybox
/bin/true), three things to do with it:

    run    one command in the foreground
    cycle  create, start, wait for the end, delete
    exec   one command in a container that runs

by gemel-runtime, by crun and runc of the distribution, by crun of a Debian 13 tree, and by bench/floor.c, which makes
what the bundle asks for and nothing else. All run under bench/launch.c, a small C program that starts them by
posix_spawn: every round has each variant once, in an order shuffled anew. Everything happens in a mount namespace made
once, with state and bundles on a tmpfs, and on a hybrid host with the mask without which crun refuses it.
"""

import ctypes
import json
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CLONE_NEWNS, MS_REC, MS_SLAVE = 0x20000, 0x4000, 0x80000
CONTROLLERS = "/sys/fs/cgroup/unified/cgroup.controllers"
LIMITS = {"memory": {"limit": 256 << 20}, "cpu": {"shares": 512, "quota": 100000, "period": 100000},
          "pids": {"limit": 128}}


def private_mounts():
    """From here on this process and its children have a mount namespace of their own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None) != 0:
        raise SystemExit(f"bench: a mount namespace: {os.strerror(ctypes.get_errno())}")


def hierarchies():
    """[(mount point, is it v2)] of this host's control groups."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            kind = line.split(" - ")[1].split()[0]
            if kind in ("cgroup", "cgroup2"):
                found.append((line.split()[4], kind == "cgroup2"))
    return found


def compiled(name, build):
    """A program of bench/, compiled when it is missing or old."""
    source, made = os.path.join(HERE, f"{name}.c"), os.path.join(build, "bench", name)
    if not os.path.exists(made) or os.stat(made).st_mtime < os.stat(source).st_mtime:
        os.makedirs(os.path.dirname(made), exist_ok=True)
        subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-O2", "-static", "-D_GNU_SOURCE", source, "-o", made],
                       check=True)
    return made


def debian13(offline):
    """(how to start crun of a Debian 13 tree, None) or (None, why not). The tree is made when there is none."""
    tree = os.environ.get("GEMEL_TRIXIE", "/var/cache/gemel/trixie")
    if not os.path.exists(f"{tree}/usr/bin/crun"):
        if offline:
            return None, f"no Debian 13 tree at {tree}, and --offline"
        if not shutil.which("debootstrap"):
            return None, "no debootstrap to make a Debian 13 tree with"
        print(f"bench: making a Debian 13 tree at {tree} (once, a minute)", flush=True)
        shutil.rmtree(f"{tree}.new", ignore_errors=True)
        os.makedirs(os.path.dirname(tree), exist_ok=True)
        try:
            done = subprocess.run(["debootstrap", "--variant=minbase", "--include=crun", "trixie", f"{tree}.new"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
            said, status = done.stdout.strip().splitlines()[-1:], done.returncode
        except subprocess.TimeoutExpired:
            said, status = ["not done after 600 s"], 1
        if status:
            shutil.rmtree(f"{tree}.new", ignore_errors=True)
            return None, f"debootstrap trixie: {said[0] if said else 'failed'}"
        os.rename(f"{tree}.new", tree)
    # Its own dynamic linker with its own libraries: nothing is entered, mounted or preloaded for it.
    return [f"{tree}/lib64/ld-linux-x86-64.so.2", "--library-path", f"{tree}/usr/lib/x86_64-linux-gnu", "--argv0",
            "crun", f"{tree}/usr/bin/crun"], None


class Bench:
    """The directories, bundles and groups of one run; `with` removes them."""

    def __init__(self, runtime, offline):
        self.runtime, self.offline = runtime, offline
        self.build = runtime.split("/backends/", maxsplit=1)[0]
        self.group = f"/gemel-bench{os.getpid()}"
        self.top, self.plan, self.running, self.missing = None, [], [], {}

    def __enter__(self):
        private_mounts()
        self.top = tempfile.mkdtemp(prefix=f"gemel-bench-{os.getpid()}-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "gemel-bench", self.top], check=True)
        if os.path.exists(CONTROLLERS):
            with open(f"{self.top}/empty", "w", encoding="ascii"):
                pass
            subprocess.run(["mount", "--bind", f"{self.top}/empty", CONTROLLERS], check=True)
        self.rootfs()
        for mount, is_v2 in hierarchies():
            os.mkdir(mount + self.group)
            for name in () if is_v2 else ("cpuset.cpus", "cpuset.mems"):
                if os.path.exists(f"{mount}{self.group}/{name}"):
                    with open(f"{mount}/{name}", encoding="ascii") as own, \
                            open(f"{mount}{self.group}/{name}", "w", encoding="ascii") as new:
                        new.write(own.read())
        return self

    def __exit__(self, *_):
        for argv, name in self.running:
            subprocess.run([*argv, "delete", "--force", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           check=False)
        for mount, _ in hierarchies():
            for directory, _, _ in os.walk(mount + self.group, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError as error:
                    print(f"bench: {directory} stays: {error.strerror}")
        subprocess.run(["umount", "-l", self.top], check=False)
        os.rmdir(self.top)

    def rootfs(self):
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
            os.makedirs(f"{self.top}/rootfs/{name}")
        shutil.copy("/bin/busybox", f"{self.top}/rootfs/bin/busybox")
        for name in ("true", "sleep"):
            os.symlink("busybox", f"{self.top}/rootfs/bin/{name}")

    def bundle(self, name, *args):
        """Makes the bundle of one container."""
        path = f"{self.top}/{name}"
        os.mkdir(path)
        subprocess.run([self.runtime, "spec", "-b", path], check=True)
        with open(f"{path}/config.json", encoding="utf-8") as file:
            config = json.load(file)
        config["ociVersion"] = "1.0.2"  # which the oldest of them takes
        config["process"].update(terminal=False, args=list(args))
        config["root"]["path"] = f"{self.top}/rootfs"
        config["linux"]["cgroupsPath"] = f"{self.group}/{name}"
        config["linux"]["resources"].update(LIMITS)
        with open(f"{ROOT}/config/seccomp-default.json", encoding="utf-8") as file:
            config["linux"]["seccomp"] = json.load(file)
        with open(f"{path}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        return path

    def add(self, name, *steps):
        self.plan += [f"variant\t{name}", *("\t".join(step) for step in steps)]

    def add_runtime(self, name, argv, kinds=("run", "cycle", "exec")):
        """The variants of one OCI runtime."""
        argv = [*argv, "--root", f"{self.top}/state-{name}"]
        for kind in kinds:
            cid = f"{name}-{kind}"
            bundle = self.bundle(cid, *(("/bin/sleep", "100000") if kind == "exec" else ("/bin/true",)))
            create = [*argv, "create", "--bundle", bundle, "--pid-file", f"{bundle}/pid", cid]
            if kind == "run":
                self.add(f"{name}.run", ["spawn", *argv, "run", "--bundle", bundle, cid])
            elif kind == "cycle":
                self.add(f"{name}.cycle", ["spawn", *create], ["spawn", *argv, "start", cid],
                         ["reap", f"{bundle}/pid"], ["spawn", *argv, "delete", cid])
            else:
                self.running.append((argv, cid))
                for words in (create, [*argv, "start", cid]):
                    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
                self.add(f"{name}.exec", ["spawn", *argv, "exec", cid, "/bin/true"])

    def add_variants(self):
        """All of them. What cannot be had goes into self.missing with its reason."""
        self.add_runtime("gemel", [self.runtime])
        cold = [self.runtime, "--root", f"{self.top}/state-cold"]
        self.add("gemel.run_cold", ["clear", f"{self.top}/state-cold/.filters"],
                 ["spawn", *cold, "run", "--bundle", self.bundle("cold", "/bin/true"), "cold"])
        target = "backends/native/runtime/gemel-runtime-unsealed"
        subprocess.run(["ninja", "-C", self.build, target], stdout=subprocess.DEVNULL, check=True)
        self.add_runtime("unsealed", [f"{self.build}/{target}"], ("run",))
        newer, why = debian13(self.offline)
        if newer:
            self.add_runtime("crun121", newer)
        else:
            self.missing["crun121"] = why
        for name in ("crun", "runc"):
            if shutil.which(name):
                self.add_runtime(name, [shutil.which(name)])
            else:
                self.missing[name] = "not installed"
        self.add_floor()

    def add_floor(self):
        if all(is_v2 for _, is_v2 in hierarchies()):
            self.missing["floor"] = "it knows v1 and hybrid hosts only"
            return
        floor = compiled("floor", self.build)
        state = f"{self.top}/state-gemel/gemel-exec"
        rootfs, filter_path = f"{self.top}/rootfs", f"{self.top}/filter"
        shutil.copy(f"{state}/seccomp.bpf", filter_path)
        fifo, pid = f"{self.top}/fifo", f"{self.top}/floor.pid"
        os.mkfifo(fifo)
        self.add("floor.run", ["spawn", floor, "run", rootfs, filter_path, f"{self.group}/floor", "/bin/true"])
        self.add("floor.cycle",
                 ["spawn", floor, "create", rootfs, filter_path, f"{self.group}/floor", fifo, pid, "/bin/true"],
                 ["spawn", floor, "start", fifo], ["reap", pid], ["spawn", floor, "delete", f"{self.group}/floor"])
        self.add("floor.exec", ["spawn", floor, "exec", f"{self.top}/gemel-exec/pid", filter_path,
                                f"{self.group}/gemel-exec", "/bin/true"])

    def measure(self, rounds):
        """{variant: [(wall ms, cpu ms, peak kB)]}, in the order of the rounds."""
        plan, out = f"{self.top}/plan", f"{self.top}/out"
        with open(plan, "w", encoding="utf-8") as file:
            file.write("\n".join(self.plan) + "\n")
        launch = compiled("launch", self.build)
        for number, seed in ((1, 1), (rounds, 2)):  # the first time only to fill caches
            subprocess.run([launch, str(number), str(seed), plan, out], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, check=True)
        found = {}
        with open(out, encoding="ascii") as file:
            for line in file:
                name, wall, cpu, peak = line.split()
                found.setdefault(name, []).append((int(wall) / 1e6, int(cpu) / 1e3, int(peak)))
        return found


TARGETS = [  # name, variant, what it is held against, column, limit
    ("run_over_crun121", "gemel.run", "crun121.run", 0, 0.8),
    ("run_over_floor", "gemel.run", "floor.run", 0, 1.3),
    ("cycle_over_crun121", "gemel.cycle", "crun121.cycle", 0, 0.8),
    ("exec_over_crun121", "gemel.exec", "crun121.exec", 0, 0.8),
    ("peak_over_crun121", "gemel.run", "crun121.run", 2, 1),
]
ASIDE = [("run_over_crun121_cpu", "gemel.run", "crun121.run", 1), ("run_over_floor_cpu", "gemel.run", "floor.run", 1),
         ("cycle_over_floor", "gemel.cycle", "floor.cycle", 0), ("exec_over_floor", "gemel.exec", "floor.exec", 0),
         ("run_cold_over_warm", "gemel.run_cold", "gemel.run", 0), ("sealed_over_unsealed", "gemel.run", "unsealed.run", 0),
         ("run_over_crun", "gemel.run", "crun.run", 0), ("run_over_runc", "gemel.run", "runc.run", 0)]
