# SPDX-License-Identifier: GPL-3.0-or-later
"""The real parts on private ground: a mount namespace with its own libvirtd, stores and cgroups.

What is not private are the cgroup hierarchies, so guests and containers get names that start with `t<pid>-`,
and containers a cgroup parent of this run.
"""

import contextlib
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from . import proc
from .gemel import ROOT, Gemel
from .guests import Guests
from .wait import patience, until

LAB = os.path.join(ROOT, "config", "lab")


def cgroups_of_runs():
    """(group, pid of the run) of every group that a test run named: gemel-t<pid>… and …-t<pid>-…"""
    found = []
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/*", "/sys/fs/cgroup/*/machine",
                "/sys/fs/cgroup/*/machine.slice"):
        for group in glob.glob(os.path.join(top, "*-t[0-9]*")):
            owner = re.fullmatch(r"gemel-t(\d+)|.*-t(\d+)-.*", os.path.basename(group))
            if owner and os.path.isdir(group):
                found.append((group, int(owner.group(1) or owner.group(2))))
    return found


def empty_cgroup(group):
    """End by pid what runs in a group, thaw it, and remove what is empty of it."""
    for folder, _, files in os.walk(group, topdown=False):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError), \
                    open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as procs:
                for pid in procs.read().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
        if "freezer.state" in files:
            with contextlib.suppress(OSError), \
                    open(os.path.join(folder, "freezer.state"), "w", encoding="ascii") as freezer:
                freezer.write("THAWED")
        with contextlib.suppress(OSError):  # EBUSY: something still ends in it
            os.rmdir(folder)


def sweep_cgroups(own=None):
    """Empty the groups of the run `own` and of runs that were killed before they could do it."""
    for _ in range(400):
        groups = [group for group, pid in cgroups_of_runs()
                  if pid == own or not os.path.exists(f"/proc/{pid}")]
        if not groups:
            return
        for group in groups:
            empty_cgroup(group)
        time.sleep(0.05)


class World:
    """One per test run. start() makes the namespace; libvirt() starts the daemons at first use."""

    def __init__(self):
        self.tag = f"t{os.getpid()}"
        self.home = tempfile.mkdtemp(prefix=f"gemel-{self.tag}-")
        os.chmod(self.home, 0o755)  # QEMU runs as another user
        self.holder = None
        self.ns = None
        self.daemons = {}
        self.serial = 0
        self.cgroup = f"gemel-{self.tag}"
        self.guests = Guests(self)

    # -- life

    def start(self):
        """Make the namespace."""
        sweep_cgroups()
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "/usr/bin/python3",
             os.path.join(ROOT, "tests", "harness", "holder.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.holder.stdout.readline().strip() == "ready", "no private mount namespace"
        self.ns = f"/proc/{self.holder.pid}/ns/mnt"

    def stop(self):
        """End everything; called once, also after a failure."""
        if self.holder and self.holder.poll() is None:
            with contextlib.suppress(Exception):
                self.guests.destroy_all()
            self.holder.stdin.close()
            try:
                self.holder.wait(60)
            except subprocess.TimeoutExpired:
                self.holder.kill()
                self.holder.wait()
        sweep_cgroups(os.getpid())
        shutil.rmtree(self.home, ignore_errors=True)

    # -- running things inside

    def run(self, *argv, check=True, timeout=60, input=None):
        """Run a command inside the namespace; returns its CompletedProcess."""
        done = subprocess.run([str(a) for a in argv], input=input, text=True, errors="replace",
                              stdin=subprocess.DEVNULL if input is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patience(timeout),
                              env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": self.home},
                              preexec_fn=functools.partial(proc.enter_mounts, self.ns))
        assert not check or done.returncode == 0, \
            f"{' '.join(map(str, argv))} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def virsh(self, *args, **more):
        """What virsh prints, against the private libvirtd."""
        self.libvirt()
        return self.run("virsh", "-q", "-c", "qemu:///system", *args, **more).stdout.strip()

    def virsh_states(self):
        """Name -> state as `virsh list --all` has it, for this run's guests."""
        found = {}
        for line in self.virsh("list", "--all").splitlines():
            _, name, state = line.split(None, 2)
            found[name] = state
        return found

    # -- libvirt

    def _spawn(self, name, *argv):
        log = open(os.path.join(self.home, f"{name}.log"), "ab")  # pylint: disable=R1732
        with log:
            self.daemons[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=functools.partial(proc.enter_mounts, self.ns))

    def libvirt(self):
        """See that virtlogd and libvirtd run; returns libvirtd's pid."""
        daemon = self.daemons.get("libvirtd")
        if daemon and daemon.poll() is None:
            return daemon.pid
        if "virtlogd" not in self.daemons or self.daemons["virtlogd"].poll() is not None:
            self._spawn("virtlogd", "virtlogd")
        self._spawn("libvirtd", "libvirtd")
        until(lambda: self.run("virsh", "-q", "-c", "qemu:///system", "uri",
                               check=False).returncode == 0, 30,
              lambda: "libvirtd to answer\n" + self.log("libvirtd"), every=0.1)
        # It looks at the host's QEMUs when first asked, for seconds; until then every caller would wait.
        self.run("virsh", "-q", "-c", "qemu:///system", "capabilities")
        return self.daemons["libvirtd"].pid

    def libvirt_stop(self):
        """End libvirtd; guests run on."""
        daemon = self.daemons.get("libvirtd")
        if daemon and daemon.poll() is None:
            proc.end(daemon.pid)
            daemon.wait()

    def log(self, name):
        """The last lines of a daemon's output."""
        with contextlib.suppress(OSError):
            with open(os.path.join(self.home, f"{name}.log"), encoding="utf-8",
                      errors="replace") as text:
                return "\n".join(text.read().splitlines()[-20:])
        return ""

    # -- gemel and the lab's parts

    def name(self, word):
        """A name for a guest or container that no other run uses."""
        return f"{self.tag}-{word}"

    def gemel(self, connect=()):
        """A gemel with a store of its own inside the namespace, on its usual backends."""
        self.serial += 1
        home = os.path.join(self.home, f"user{self.serial}")
        os.makedirs(home)
        return Gemel(home, ns=self.ns, cgroup=f"{self.cgroup}/u{self.serial}", connect=connect)

    def forget(self, gemel):
        """Delete a gemel's containers and its directories."""
        listed = gemel.run("--connect", "native", "list", "--json", timeout=20)
        if listed.out.strip():
            for instance in listed.json().get("instances", []):
                if instance.get("kind") == "container":
                    gemel.run("--connect", "native", "delete", instance["id"], "--force", "--yes",
                              timeout=20)
        shutil.rmtree(gemel.home, ignore_errors=True)

    @functools.cached_property
    def rootfs(self):
        """The lab's busybox root file system."""
        path = os.path.join(self.home, "rootfs")
        subprocess.run([os.path.join(LAB, "ct-rootfs"), path], check=True)
        return path

    @functools.cached_property
    def kernel(self):
        """An unpacked cloud kernel: the one `./dev run` fetched, else fetched now."""
        cache = os.environ.get("GEMEL_LAB_CACHE", "/var/cache/gemel/lab")
        done = subprocess.run([os.path.join(LAB, "fetch-kernel"), cache], check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout.strip().splitlines()[-1]

    @functools.cached_property
    def image(self):
        """The directory with the lab guest's kernel and initramfs."""
        path = os.path.join(self.home, "image")
        subprocess.run([os.path.join(LAB, "guest-image"), self.kernel, path], check=True)
        return path
