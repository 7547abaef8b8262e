# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: where a container's cgroup is, whose it is, and which devices it allows. Limits are in linux_limits.py."""

import os

from bed import caps, mount, read
from suite import NotApplicable, case

DOC = "config-linux.md"


def grouped(bed):
    if not bed.facts["cgroup_parent"]:
        raise NotApplicable(f"this user has no cgroup of his own (layout {bed.facts['layout']}, nothing delegated)")


def some_controller(bed):
    for name in ("pids", "memory", "cpu", "devices"):
        if bed.is_v1(name):
            return name
    return ""


def own_lines(bed, pid):
    """{controller: path} of a process, as the host sees it."""
    return dict(line.split(":", 2)[1:] for line in read(f"/proc/{pid}/cgroup").splitlines())


@case(DOC, "Control groups", "A runtime MAY check if the container cgroup is fit for purpose, and MUST generate an error if such a check "
      "fails. For example, a frozen cgroup or (for create operation) a non-empty cgroup.")
def a_group_in_use_is_an_error(bed):
    grouped(bed)
    first = bed.started()
    try:
        bed.rejects(lambda c: c["linux"].update(cgroupsPath=first.config["linux"]["cgroupsPath"]))
        assert bed.state(first)["status"] == "running", "the one that was there is gone"
    finally:
        bed.delete(first)


@case(DOC, "Cgroups Path", "The value of cgroupsPath MUST be either an absolute path or a relative path.",
      name="absolute and relative paths are taken")
def absolute_and_relative_paths(bed):
    grouped(bed)
    path = f"{bed.facts['cgroup_parent']}/{bed.new_id()}"
    for form in (path, path.lstrip("/")):
        assert bed.output("echo ran", lambda c, v=form: c["linux"].update(cgroupsPath=v)) == "ran\n"


@case(DOC, "Cgroups Path", "In the case of an absolute path (starting with /), the runtime MUST take the path to be relative to the "
      "cgroups mount point.", fields=["linux.cgroupsPath"])
def absolute_path_is_below_the_mount_point(bed):
    grouped(bed)
    bundle = bed.created()
    try:
        procs = bed.group(bundle, some_controller(bed)) / "cgroup.procs"
        assert procs.exists(), f"no {procs.parent}"
        assert str(bed.state(bundle)["pid"]) in read(procs).split(), f"its init is not in {procs}"
    finally:
        bed.delete(bundle)


@case(DOC, "Cgroups Path", "If the value is specified, the runtime MUST consistently attach to the same place in the cgroups hierarchy given "
      "the same value of cgroupsPath.", fields=["linux.cgroupsPath"])
def the_same_value_is_the_same_place(bed):
    grouped(bed)
    path, seen = f"{bed.facts['cgroup_parent']}/{bed.new_id()}-same", []
    for _ in range(2):
        bundle = bed.created(change=lambda c: c["linux"].update(cgroupsPath=path))
        seen.append(own_lines(bed, bed.state(bundle)["pid"]))
        bed.delete(bundle)
    assert seen[0] == seen[1], seen
    assert any(p.endswith(path) for p in seen[0].values()), seen[0]


@case(DOC, "Cgroups Path", "Runtimes MAY consider certain cgroupsPath values to be invalid, and MUST generate an error if this is the case.")
def a_path_that_climbs_is_an_error(bed):
    grouped(bed)
    bed.rejects(lambda c: c["linux"].update(cgroupsPath=f"{bed.facts['cgroup_parent']}/a/../../../b"))


# -- ownership ----------------------------------------------------------------------------------------------

FALLBACK = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]


def delegated(bed):
    """A container with a user and a cgroup namespace and a writable cgroup mount; who owns what in its v2 group."""
    grouped(bed)
    if not bed.facts["cgroup_v2"]:
        raise NotApplicable("no cgroup v2 here, and ownership SHOULD NOT change on v1")

    def change(config):
        have = {n["type"] for n in config["linux"]["namespaces"]}
        config["linux"]["namespaces"] += [{"type": n} for n in ("user", "cgroup") if n not in have]
        if not bed.rootless:
            config["linux"].update(uidMappings=[{"containerID": 0, "hostID": 70000, "size": 1000}],
                                   gidMappings=[{"containerID": 0, "hostID": 70000, "size": 1000}])
        config["mounts"].append(mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev"]))

    def go():
        bundle = bed.started(change=change)
        try:
            top = bed.group(bundle, "")
            return {p.name: p.stat().st_uid for p in [top, *top.iterdir()]}, top.name
        finally:
            bed.delete(bundle)
    return bed.once("delegated", go)


@case(DOC, "Cgroup ownership", "Note that not all files listed in /sys/kernel/cgroup/delegate necessarily exist in every cgroup. Runtimes MUST "
      "NOT fail in this scenario.", name="a listed file that is not there does no harm")
def missing_delegate_files(bed):
    owners, _ = delegated(bed)
    assert owners, "nothing in the group"
    if os.path.exists("/sys/kernel/cgroup/delegate"):
        listed = read("/sys/kernel/cgroup/delegate").split()
        strange = [n for n, uid in owners.items() if uid >= 70000 and uid < 71000 and n not in listed and "." in n]
        assert not strange, f"given away though not listed: {strange}"


@case(DOC, "Cgroup ownership", "If the /sys/kernel/cgroup/delegate file does not exist, the runtime MUST fall back to using the following list "
      "of files: cgroup.procs, cgroup.subtree_control, cgroup.threads.")
def delegate_fallback(bed):
    owners, top = delegated(bed)
    given = sorted(n for n, uid in owners.items() if 70000 <= uid < 71000 and n != top)
    if os.path.exists("/sys/kernel/cgroup/delegate"):
        listed = [n for n in read("/sys/kernel/cgroup/delegate").split() if n in owners]
        assert not given or set(given) <= set(listed), f"{given} of the kernel's list {listed}"
    else:
        assert not given or given == FALLBACK, given


# -- allowed devices ----------------------------------------------------------------------------------------

DENY = {"allow": False, "access": "rwm"}
# Devices that no driver has: an open that the group lets through says so ("No such device"), a closed one EPERM.
PROBE = """open_() { case "$( (eval "exec 3$1$2") 2>&1)" in *such*dev*) echo $3;; esac; }
mknod /tmp/k c 240 11 && echo made; open_ '<' /tmp/k read; open_ '>' /tmp/k wrote
mknod /tmp/z c 241 5 && echo zmade; open_ '<' /tmp/z zread
mknod /tmp/b b 240 77 && echo bmade; open_ '<' /tmp/b bread; echo end
"""



def devices(bed, *rules):
    """What a container may do with c 240:11, c 241:5 and b 240:77 under these rules."""
    grouped(bed)
    bed.need_root("an unprivileged user can neither write the device controller nor load its program (CAP_SYS_ADMIN), nor make nodes")

    def change(config):
        config["linux"]["resources"] = {"devices": list(rules)}
        for names in config["process"]["capabilities"].values():
            names[:] = caps(["MKNOD"])
    return bed.output("exec 2>/dev/null\n" + PROBE, change).split()


def allow(kind, major=None, minor=None, access="rwm"):
    rule = {"allow": True, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


SECTION = "Allowed Device list"


@case(DOC, SECTION, "The runtime MUST apply entries in the listed order.", fields=["linux.resources.devices"])
def rules_in_the_listed_order(bed):
    closed = devices(bed, allow("c", 240, 11), DENY)
    assert "read" not in closed, f"a rule after which all is denied lets {closed}"
    opened = devices(bed, DENY, allow("c", 240, 11), {"allow": False, "type": "c", "major": 240, "minor": 11, "access": "w"})
    assert "read" in opened and "wrote" not in opened, opened


@case(DOC, SECTION, "allow (boolean, REQUIRED) - whether the entry is allowed or denied.", fields=["linux.resources.devices"])
def rule_allow(bed):
    assert "read" in devices(bed, DENY, allow("c", 240, 11)), "allowed and cannot be read"
    assert "read" not in devices(bed, DENY), "denied and can be read"


@case(DOC, SECTION, "type (string, OPTIONAL) - type of device: a (all), c (char), or b (block). Unset values mean \"all\".",
      fields=["linux.resources.devices"])
def rule_type(bed):
    got = devices(bed, DENY, allow("b", access="rm"))
    assert {"bmade", "bread"} <= set(got), f"block devices are allowed to be made and read: {got}"
    assert not {"read", "wrote"} & set(got), got


@case(DOC, SECTION, "major, minor (int64, OPTIONAL) - major, minor numbers for the device. Unset values mean \"all\".",
      fields=["linux.resources.devices"])
def rule_numbers(bed):
    got = devices(bed, DENY, allow("c", 240, None, "r"))
    assert "read" in got and "wrote" not in got, f"all minors of 240 may be read: {got}"
    got = devices(bed, DENY, allow("c", 240, 12, "r"))
    assert "read" not in got, f"240:12 only may be read: {got}"


@case(DOC, SECTION, "access (string, OPTIONAL) - cgroup permissions for device. A composition of r (read), w (write), and m (mknod).",
      fields=["linux.resources.devices"])
def rule_access(bed):
    got = devices(bed, DENY, allow("c", 240, 11, "w"))
    assert "wrote" in got and "read" not in got, got
    bed.rejects(lambda c: c["linux"].update(resources={"devices": [{"allow": True, "access": "x"}]}))
