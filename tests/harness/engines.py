# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of engines (podman, Docker, containerd) share: an image without a network, groups, and their end."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from . import proc
from .wait import until

APPLETS = """sh true false cat ls id mount hostname sleep echo touch dd grep readlink env mkdir ps stat tty stty wc rm
printf test head kill umask""".split()


def make_image(path):
    """A root file system of one static busybox at `path` (a directory)."""
    path = pathlib.Path(path)
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "mnt", "run"):
        (path / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for name in APPLETS:
        (path / "bin" / name).symlink_to("busybox")
    (path / "tmp").chmod(0o1777)
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nguest:x:405:100:guest:/:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nusers:x:100:\n")
    (path / "etc/noexec").write_text("#!/bin/sh\n")
    return path


def image_tar(path):
    """The same as an archive that `podman import` and `docker import` take."""
    with tempfile.TemporaryDirectory() as top, tarfile.open(path, "w") as tar:
        tar.add(make_image(os.path.join(top, "image")), arcname=".")
    return path


def group_dirs(pid):
    """{controller or "": directory} of the cgroups that process `pid` is in."""
    v2_root = "/sys/fs/cgroup" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/unified"
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found[""] = v2_root + path
        for name in controllers.split(",") if controllers else ():
            found[name] = f"/sys/fs/cgroup/{name.removeprefix('name=')}{path}"
    return found


def limit_of(pid, controller, v1, v2):
    """A limit's text, wherever this host keeps it."""
    dirs = group_dirs(pid)
    path = os.path.join(dirs[controller], v1) if controller in dirs else os.path.join(dirs[""], v2)
    return pathlib.Path(path).read_text().strip()


def cpu_limit_of(pid):
    """quota and period, as two numbers."""
    dirs = group_dirs(pid)
    if "cpu" in dirs:
        return [int(limit_of(pid, "cpu", f"cpu.cfs_{name}_us", "")) for name in ("quota", "period")]
    return [int(word) for word in limit_of(pid, "cpu", "", "cpu.max").split()]


def groups_named(word):
    """cgroup directories with `word` in their own name, deepest first."""
    found = []
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(top, d) for d in dirs if word in d or word in top]
    return sorted(found, key=len, reverse=True)


def sweep_groups(word):
    """Ends what is left in groups of that name, and removes them."""
    for path in groups_named(word):
        with contextlib.suppress(OSError):
            for pid in pathlib.Path(path, "cgroup.procs").read_text().split():
                proc.end(int(pid))
    for path in groups_named(word):
        until(lambda p=path: not os.path.exists(p) or _rmdir(p), 5, f"{path} goes")


def _rmdir(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def unmount_below(top):
    """Mounts that an engine keeps in its own directory."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        points = [line.split()[4] for line in mounts]
    for point in sorted((p for p in points if p.startswith(f"{top}/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", point], check=False)


def rlimit_nproc_can(value):
    """Whether a process of this test may have that hard limit on processes."""
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return hard == resource.RLIM_INFINITY or hard >= value


def docker_path():
    """A PATH in which Docker's programs are found: those of `./dev test` in build-engines, or installed ones."""
    top = pathlib.Path(__file__).resolve().parents[2] / "build-engines"
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    if (top / "done").exists():
        path = f"{top}/usr/sbin:{top}/usr/bin:{path}"
    for name in ("dockerd", "docker", "containerd", "containerd-shim-runc-v2", "ctr", "docker-init"):
        assert shutil.which(name, path=path), f"no {name}: ./dev test fetches it"
    return path
