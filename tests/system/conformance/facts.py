# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host is: found by looking, never assumed. The facts stand beside the results, so that a reader of two
reports knows why they differ."""

import glob
import os
import platform
import re
import subprocess


def cgroups():
    """({controller: directory} of v1, directory of v2 or None), from the mount table."""
    v1, v2 = {}, None
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        for line in table:
            left, _, right = line.partition(" - ")
            where, (kind, _, options) = left.split()[4], right.split()[:3]
            if kind == "cgroup2" and v2 is None:
                v2 = where
            elif kind == "cgroup":
                for word in options.split(","):
                    if word not in ("rw", "ro", "xattr", "clone_children", "none"):
                        v1.setdefault(word, where)
    return v1, v2


def v2_controllers(v2):
    try:
        with open(f"{v2}/cgroup.controllers", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def group_files(v1, v2, name):
    """The files that a new group has, by controller (on v2 alone every controller has those of the one hierarchy), and
    whether the limit of kernel memory can be written."""
    files, kmem = {}, False
    if v2 and not v1 and os.geteuid() == 0:
        for controller in v2_controllers(v2):
            try:
                with open(f"{v2}/cgroup.subtree_control", "w", encoding="ascii") as control:
                    control.write("+" + controller)
            except OSError:
                pass
    for controller, mount in ({c: v2 for c in v2_controllers(v2)} if v2 and not v1 else v1).items():
        path = mount + name
        try:
            os.makedirs(path, exist_ok=True)
            files[controller] = sorted(os.listdir(path))
            if controller == "memory" and v1:
                with open(f"{path}/memory.kmem.limit_in_bytes", "w", encoding="ascii") as limit:
                    limit.write(str(1 << 26))
                with open(f"{path}/memory.kmem.limit_in_bytes", encoding="ascii") as limit:
                    kmem = limit.read().strip() == str(1 << 26)
        except OSError:
            pass
        finally:
            if os.path.isdir(path):
                os.rmdir(path)
    return {"cgroup_files": files, "kmem_limit": kmem}


def layout(v1, v2):
    return "hybrid" if v1 and v2 else "v1" if v1 else "v2" if v2 else "none"


def filesystems():
    with open("/proc/filesystems", encoding="ascii") as file:
        return [line.split()[-1] for line in file]


def can_be_mapped(path):
    """Whether the file system at `path` can be id-mapped: tmpfs since Linux 6.3, ext4, xfs and btrfs since 5.15 at the latest."""
    release = tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])
    kind = None
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        for line in table:
            left, _, right = line.partition(" - ")
            if left.split()[4] == path:
                kind = right.split()[0]
    return release >= {"tmpfs": (6, 3), "ext4": (5, 12), "xfs": (5, 12), "btrfs": (5, 15)}.get(kind, (999, 0))


def lsm():
    """Names of active security modules."""
    found = []
    if os.path.exists("/sys/fs/selinux/enforce"):
        found.append("selinux")
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            if file.read().strip() == "Y":
                found.append("apparmor")
    except OSError:
        pass
    return found


def gather(column):
    v1, v2 = cgroups()
    caps = {}
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("Cap"):
                caps[line[:6]] = int(line.split()[1], 16)
    return {
        "kernel": platform.release(), "machine": platform.machine(), "layout": layout(v1, v2),
        "cgroup_v1": v1, "cgroup_v2": v2, "v2_controllers": v2_controllers(v2), "lsm": lsm(),
        "sys_resource": bool(caps.get("CapEff", 0) >> 24 & 1),
        "resctrl": "resctrl" in filesystems(),
        "hugetlb": sorted(os.path.basename(p) for p in glob.glob("/sys/kernel/mm/hugepages/hugepages-*")),
        "namespaces": sorted(os.listdir("/proc/self/ns")),
        "uid": os.geteuid(), "column": column,
    }


def id_map_works(kind, entries):
    """Whether newuidmap or newgidmap (`kind`) installs these entries for a fresh user namespace of ours."""
    words = [str(w) for e in entries for w in (e["containerID"], e["hostID"], e["size"])]
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready[0])
        os.close(go[1])
        done = subprocess.run(["unshare", "-U", "sh", "-c", f"echo >&{ready[1]}; read x <&{go[0]}"],
                              pass_fds=(ready[1], go[0]), stderr=subprocess.DEVNULL, check=False)
        os._exit(done.returncode)
    os.close(ready[1])
    os.close(go[0])
    works = False
    if os.read(ready[0], 1):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            child = file.read().split()
        if child:
            try:
                works = subprocess.run([kind, child[0], *words], capture_output=True, check=False).returncode == 0
            except FileNotFoundError:
                works = False
    os.close(ready[0])
    os.close(go[1])
    os.waitpid(pid, 0)
    return works
