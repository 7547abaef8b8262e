# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: default file systems, namespaces, user namespace mappings, time offsets."""

import os
import subprocess

from bed import caps, mount
from suite import NotApplicable, add_case, case

DOC, SECTION = "config-linux.md", "Namespaces"
FILES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "user": "user", "cgroup": "cgroup",
         "time": "time"}


def inodes(bed, change=None):
    """{type: inode} of the namespaces a container is in."""
    names = [n for n in FILES if FILES[n] in bed.facts["namespaces"]]
    got = bed.output("stat -L -c %i " + " ".join(f"/proc/self/ns/{FILES[n]}" for n in names), change)
    found = dict(zip(names, got.split()))
    assert len(found) == len(names), f"the container said {got!r}"
    return found


def ours(name):
    return str(os.stat(f"/proc/self/ns/{FILES[name]}").st_ino)


def drop_type(config, *names):
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in names]


def all_new(bed):
    """A container with a namespace of its own of every type the kernel has."""
    def change(config):
        have = {n["type"] for n in config["linux"]["namespaces"]}
        config["linux"]["namespaces"] += [{"type": n} for n in FILES if n not in have and FILES[n] in bed.facts["namespaces"]]
        if "user" not in have:
            ids = {"containerID": 0, "hostID": 0, "size": 65536}
            config["linux"].update(uidMappings=[ids], gidMappings=[dict(ids)])
    return bed.once("all namespaces", lambda: inodes(bed, change))


def is_new(name):
    def check(bed):
        if FILES[name] not in bed.facts["namespaces"]:
            raise NotApplicable(f"this kernel has no {name} namespaces (/proc/self/ns)")
        assert all_new(bed)[name] != ours(name), f"the {name} namespace is the runtime's"
    return check


for _name in FILES:
    add_case(DOC, SECTION, f"If path is not specified, the runtime MUST create a new container namespace of type type: {_name}.",
             is_new(_name), f"a new {_name} namespace", [f"linux.namespaces:{_name}"] if _name not in ("user", "mount") else [])


@case(DOC, SECTION, "If a namespace type is not specified in the namespaces array, the container MUST inherit the runtime namespace "
      "of that type.")
def a_type_not_given_is_inherited(bed):
    def change(config):
        drop_type(config, "ipc", "uts", *([] if bed.rootless else ["network"]))
        config["mounts"] = [m for m in config["mounts"] if m["type"] not in ("mqueue", "sysfs")]
    got = inodes(bed, change)
    for name in ("ipc", "uts", "cgroup", "time", *([] if bed.rootless else ["network", "user"])):
        if name in got:
            assert got[name] == ours(name), f"the {name} namespace is not the runtime's"


@case(DOC, SECTION, "(pid not given) the container MUST inherit the runtime namespace of that type.", name="the pid namespace is "
      "inherited")
def pid_is_inherited(bed):
    if bed.rootless:
        def change(config):
            drop_type(config, "pid")
            config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/proc"]
            config["mounts"].append(mount("/proc", "none", "/proc", ["rbind"]))
    else:
        def change(config):
            drop_type(config, "pid")
    assert inodes(bed, change)["pid"] == ours("pid")


@case(DOC, SECTION, "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error.")
def duplicate_namespaces_are_an_error(bed):
    bed.rejects(lambda c: c["linux"]["namespaces"].append({"type": "ipc"}))


@case(DOC, SECTION, "(path) This value MUST be an absolute path in the runtime mount namespace.")
def namespace_path_is_absolute(bed):
    def change(config):
        drop_type(config, "ipc")
        config["linux"]["namespaces"].append({"type": "ipc", "path": "proc/self/ns/ipc"})
    bed.rejects(change, twin=None)


class Holder:
    """A process in new namespaces, for containers to join. Rootless they are inside a user namespace of the same user,
    which the container joins too."""

    def __init__(self, bed):
        words = ["unshare", "-n", "-i", "-u"]
        if bed.rootless:
            words += ["-U", "-r"]
        self.process = subprocess.Popen([*words, "sh", "-c", "hostname of-the-holder 2>/dev/null; echo ready; exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        first = self.process.stdout.readline()
        assert first == b"ready\n", f"no namespaces to join: {' '.join(words)}: {first}"
        self.pid = self.process.pid

    def path(self, name):
        return f"/proc/{self.pid}/ns/{FILES[name]}"

    def inode(self, name):
        return str(os.stat(self.path(name)).st_ino)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def joined(bed):
    """Namespaces of a container that was told to join those of a process, and those."""
    def go():
        holder = Holder(bed)
        try:
            names = ["network", "ipc", "uts"] + (["user"] if bed.rootless else [])

            def change(config):
                drop_type(config, *names)
                config["linux"]["namespaces"] += [{"type": n, "path": holder.path(n)} for n in names]
                if bed.rootless:
                    config["linux"].pop("uidMappings")
                    config["linux"].pop("gidMappings")
            got = inodes(bed, change)
            return {n: (got[n], holder.inode(n)) for n in names}
        finally:
            holder.close()
    return bed.once("joined", go)


@case(DOC, SECTION, "The runtime MUST place the container process in the namespace associated with that path.",
      fields=["linux.namespaces:ipc.path", "linux.namespaces:uts.path", "linux.namespaces:network.path"])
def a_path_is_joined(bed):
    for name, (got, wanted) in joined(bed).items():
        assert got == wanted, f"the {name} namespace is not the one of the path"


@case(DOC, SECTION, "The runtime MUST place the container process in the namespace associated with that path: pid.",
      name="a path is joined: pid", fields=["linux.namespaces:pid.path"])
def a_pid_path_is_joined(bed):
    first = bed.started()
    try:
        pid = bed.state(first)["pid"]

        def change(config):
            drop_type(config, "pid")
            config["linux"]["namespaces"].append({"type": "pid", "path": f"/proc/{pid}/ns/pid"})
            if bed.rootless:
                drop_type(config, "user")
                config["linux"]["namespaces"].append({"type": "user", "path": f"/proc/{pid}/ns/user"})
                config["linux"].pop("uidMappings")
                config["linux"].pop("gidMappings")
        got = inodes(bed, change)["pid"]
        assert got == str(os.stat(f"/proc/{pid}/ns/pid").st_ino), "another pid namespace"
    finally:
        bed.delete(first)


@case(DOC, SECTION, "The runtime MUST generate an error if path is not associated with a namespace of type type.")
def a_path_of_another_type_is_an_error(bed):
    def wrong(path):
        def change(config):
            drop_type(config, "ipc")
            config["linux"]["namespaces"].append({"type": "ipc", "path": path})
        return change
    for path in ("/proc/self/ns/uts", "/proc/self/status", "/no/such/path"):
        bed.rejects(wrong(path))


SYSTEMS = (("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"))


def plain(bed):
    return bed.once("file systems", bed.report)


def system(path, kind):
    def check(bed):
        assert plain(bed).mount(path)[1] == kind, plain(bed).mount(path)
    return check


for _path, _kind in SYSTEMS:
    add_case(DOC, "Default Filesystems", f"The following filesystems SHOULD be made available in each container's filesystem: {_path} "
             f"{_kind}.", system(_path, _kind), f"{_path} is {_kind}", [f"mounts:{_path}"])


# -- mappings -----------------------------------------------------------------------------------------------

def mapped(bed):
    """A container with two mappings of each kind (of one where the user has a single id)."""
    def change(config):
        if bed.rootless:
            return
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 70000, "size": 10},
                                          {"containerID": 100, "hostID": 80000, "size": 20}]
        config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 71000, "size": 10},
                                          {"containerID": 100, "hostID": 81000, "size": 20}]

    def go():
        bundle = bed.bundle("cat /proc/self/uid_map; echo --; cat /proc/self/gid_map; echo --; stat -c %u:%g /bin/busybox", change)
        got = bed.run_bundle(bundle)
        assert got.status == 0, got
        uids, gids, owner = ([tuple(map(int, line.split())) for line in part.split("\n") if line] if i < 2 else part
                             for i, part in enumerate(got.out.split("--\n")))
        return bundle.config["linux"], uids, gids, owner.strip()
    return bed.once("mapped", go)


def wanted(maps):
    return sorted((m["containerID"], m["hostID"], m["size"]) for m in maps)


@case(DOC, "User namespace mappings", "uidMappings (array of objects, OPTIONAL) describes the user namespace uid mappings from the host "
      "to the container: containerID, hostID, size (REQUIRED).", fields=["linux.uidMappings"], name="uidMappings")
def uid_mappings(bed):
    config, uids, _, _ = mapped(bed)
    assert sorted(uids) == wanted(config["uidMappings"]), uids


@case(DOC, "User namespace mappings", "gidMappings (array of objects, OPTIONAL) describes the user namespace gid mappings from the host "
      "to the container: containerID, hostID, size (REQUIRED).", fields=["linux.gidMappings"], name="gidMappings")
def gid_mappings(bed):
    config, _, gids, _ = mapped(bed)
    assert sorted(gids) == wanted(config["gidMappings"]), gids


@case(DOC, "User namespace mappings", "The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping.")
def ownership_is_not_modified(bed):
    owner = mapped(bed)[3]
    assert owner == ("0:0" if bed.rootless else "65534:65534"), owner
    assert os.stat(bed.image).st_uid == os.geteuid(), "the file belongs to another now"


@case(DOC, "User namespace mappings", "containerID, hostID, size (uint32, REQUIRED)", name="an incomplete mapping is an error")
def incomplete_mapping(bed):
    def change(config):
        drop_type(config, "user")
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"].update(uidMappings=[{"containerID": 0, "hostID": os.geteuid()}],
                               gidMappings=[{"containerID": 0, "hostID": os.getegid(), "size": 1}])
    bed.rejects(change)


# -- time ---------------------------------------------------------------------------------------------------

def offsets(bed):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"monotonic": {"secs": 86400, "nanosecs": 5}, "boottime": {"secs": 1000000}}
        for names in config["process"]["capabilities"].values():
            names += caps(["SYS_TIME"])
    if "time" not in bed.facts["namespaces"]:
        raise NotApplicable("this kernel has no time namespaces (/proc/self/ns)")
    return bed.once("offsets", lambda: bed.report(change, ("/proc/self/timens_offsets", "/proc/uptime")))


def offset(clock, seconds, nanoseconds):
    def check(bed):
        lines = [line.split() for line in offsets(bed).files["/proc/self/timens_offsets"]]
        assert [clock, str(seconds), str(nanoseconds)] in lines, lines
        if clock == "boottime":
            up = float(offsets(bed).files["/proc/uptime"][0].split()[0])
            with open("/proc/uptime", encoding="ascii") as own:
                assert up > float(own.read().split()[0]) + seconds - 100, up
    return check


for _clock, _secs, _nanos in (("monotonic", 86400, 5), ("boottime", 1000000, 0)):
    add_case(DOC, "Offset for Time Namespace", "timeOffsets (object, OPTIONAL) sets the offset for Time Namespace: secs, nanosecs of "
             f"{_clock}.", offset(_clock, _secs, _nanos), f"offset of {_clock}", [f"linux.timeOffsets.{_clock}"])
