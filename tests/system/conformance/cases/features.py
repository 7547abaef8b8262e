# SPDX-License-Identifier: GPL-3.0-or-later
"""features.md and features-linux.md: what the runtime says of itself has to be so."""

import json
import os
import re

from bed import bind, mount
from cases.linux_namespaces import all_new
from cases.linux_seccomp import ACTIONS, notified, rule, seccomp
from hooks import of, whole_life
from suite import NotApplicable, case

DOC, LINUX = "features.md", "features-linux.md"
TOP = {"ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux", "annotations", "potentiallyUnsafeConfigAnnotations"}
IN_LINUX = {"namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt", "mountExtensions", "memoryPolicy",
            "netDevices"}


def features(bed):
    def go():
        got = bed.call("features")
        assert got.status == 0, f"features: {got}"
        return json.loads(got.out)
    return bed.once("features", go)


def version(text):
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?", text)
    assert found, f"{text!r} is no version"
    return tuple(int(n) for n in found.groups()[:3])


def accepts(bed, which):
    got = bed.output("echo ran", lambda c: c.update(ociVersion=features(bed)[which]))
    assert got == "ran\n", got


@case(DOC, "Specification version", "(ociVersionMin) The runtime MUST accept this value as the ociVersion property of config.json.")
def oci_version_min_is_accepted(bed):
    accepts(bed, "ociVersionMin")


@case(DOC, "Specification version", "(ociVersionMax) The runtime MUST accept this value as the ociVersion property of config.json.")
def oci_version_max_is_accepted(bed):
    accepts(bed, "ociVersionMax")


@case(DOC, "Specification version", "The value MUST NOT be less than the value of the ociVersionMin property.")
def max_is_not_below_min(bed):
    assert version(features(bed)["ociVersionMax"]) >= version(features(bed)["ociVersionMin"])


@case(DOC, "Specification version", "The feature document MUST NOT contain properties that are not defined in this version of the Open Container "
      "Initiative Runtime Specification.")
def only_defined_properties(bed):
    got = features(bed)
    assert set(got) <= TOP, set(got) - TOP
    linux = got.get("linux") or {}
    assert set(linux) <= IN_LINUX, set(linux) - IN_LINUX
    if version(got["ociVersionMax"]) < (1, 2, 0):
        assert not {"potentiallyUnsafeConfigAnnotations"} & set(got) and "mountExtensions" not in linux, got["ociVersionMax"]


@case(DOC, "Features Document", "The null value MUST NOT be confused with an empty value such as 0, false, \"\", [], and {}.")
def null_is_not_empty(bed):
    """A list that is there is not empty: nothing recognized would be said by []."""
    got = features(bed)
    for name in ("hooks", "mountOptions"):
        assert got.get(name) is None or got[name], f"{name} is {got[name]}"


@case(DOC, "Hooks", "The runtime MUST support the elements in this array as the hooks property of config.json.")
def hooks_are_supported(bed):
    for kind in features(bed)["hooks"]:
        assert of(whole_life(bed), kind)


@case(DOC, "Mount Options", "The runtime MUST recognize the elements in this array as the options of mounts objects in config.json.")
def mount_options_are_recognized(bed):
    """Options that the runtime knows reach no file system: one that it handed on would be refused by tmpfs."""
    special = {"bind", "rbind", "remount", "idmap", "ridmap", "acl", "noacl", "mand", "nomand", "copy-symlink", "tmpcopyup"}
    names = [o for o in features(bed)["mountOptions"] if o not in special]

    def change(config):
        config["mounts"] += [mount(f"/opt/{n}", options=[n]) for n in names]
        config["mounts"] += [bind(f"/opt/{n}", "/proc" if bed.rootless else "/", n) for n in ("rbind",)]
    report = bed.report(change)
    for name in names:
        assert report.mounted(f"/opt/{name}"), name


@case(DOC, "Annotations", "Annotations MUST be a key-value map that follows the same convention as the Key and Values of the annotations property of "
      "config.json.")
def annotations_are_a_map(bed):
    for key, value in (features(bed).get("annotations") or {}).items():
        assert key and isinstance(value, str), f"{key}: {value}"


@case(LINUX, "Namespaces", "The runtime MUST recognize the elements in this array as the type of linux.namespaces objects in config.json.")
def namespaces_are_recognized(bed):
    names = features(bed)["linux"]["namespaces"]
    assert {"pid", "network", "mount", "ipc", "uts", "user"} <= set(names), names
    got = all_new(bed)
    for name in names:
        assert name in got or name not in bed.facts["namespaces"], name


@case(LINUX, "Capabilities", "The runtime MUST recognize the elements in this array in the process.capabilities object of config.json.")
def capabilities_are_recognized(bed):
    names = features(bed)["linux"]["capabilities"]
    with open("/proc/self/status", encoding="ascii") as status:
        mine = int(re.search(r"CapBnd:\s*(\w+)", status.read())[1], 16)

    def change(config):
        config["process"]["capabilities"] = {"bounding": names, "permitted": names}
    got = bed.run("grep CapBnd /proc/self/status", change)
    assert got.status == 0, got
    if not bed.rootless:
        assert int(got.out.split()[1], 16) == mine & ((1 << len(names)) - 1), got.out


def seccomp_of(bed):
    found = features(bed)["linux"].get("seccomp") or {}
    if not found.get("enabled"):
        raise NotApplicable("the runtime says that it has no seccomp")
    return found


QUIET = ("swapon", "swapoff", "reboot", "acct", "quotactl", "settimeofday", "sethostname", "setdomainname", "ioperm", "iopl")


@case(LINUX, "Seccomp", "The runtime MUST recognize the elements in this array in the syscalls[].action property of the linux.seccomp object in "
      "config.json.")
def actions_are_recognized(bed):
    names = [a for a in seccomp_of(bed)["actions"] if a != "SCMP_ACT_NOTIFY"]
    assert set(ACTIONS) <= set(names), set(ACTIONS) - set(names)
    bed.output("true", seccomp(*(rule([call], a) for call, a in zip(QUIET, names)), default="SCMP_ACT_LOG"))
    if "SCMP_ACT_NOTIFY" in seccomp_of(bed)["actions"]:
        notified(bed)


@case(LINUX, "Seccomp", "The runtime MUST recognize the elements in this array in the syscalls[].args[].op property of the linux.seccomp object in "
      "config.json.")
def operators_are_recognized(bed):
    bed.output("true", seccomp(*(rule(["reboot"], "SCMP_ACT_ERRNO", args=[{"index": 0, "value": n + 1, "valueTwo": 0, "op": op}])
                                 for n, op in enumerate(seccomp_of(bed)["operators"]))))


@case(LINUX, "Seccomp", "The runtime MUST recognize the elements in this array in the architectures property of the linux.seccomp object in "
      "config.json.")
def archs_are_recognized(bed):
    """Each by itself: libseccomp does not mix byte orders in one filter."""
    native = {"x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]}
    names = seccomp_of(bed)["archs"]
    for arch in native.get(os.uname().machine, []):
        assert arch in names, f"not even {arch}"
    bed.output("true", seccomp(rule(["reboot"], "SCMP_ACT_ERRNO"), architectures=native.get(os.uname().machine, names[:1])))
    refused = []
    for arch in names:
        if arch not in native.get(os.uname().machine, []):
            got = bed.run("true", seccomp(rule(["reboot"], "SCMP_ACT_ERRNO"), architectures=[arch]))
            if got.status and "unknown" in got.err.lower():
                refused.append(arch)
    assert not refused, refused


def flags_run(bed, names):
    for name in names:
        if name != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":  # is for filters with an agent
            bed.output("true", seccomp(rule(["reboot"], "SCMP_ACT_ERRNO"), flags=[name]))


@case(LINUX, "Seccomp", "(knownFlags) The runtime MUST recognize the elements in this array in the flags property of the linux.seccomp object in "
      "config.json.")
def known_flags_are_recognized(bed):
    found = seccomp_of(bed)
    assert set(found["supportedFlags"]) <= set(found["knownFlags"])
    for name in found["knownFlags"]:
        got = bed.run("true", seccomp(rule(["reboot"], "SCMP_ACT_ERRNO"), flags=[name]))
        assert got.status == 0 or "unknown" not in got.err.lower(), f"{name}: {got}"


@case(LINUX, "Seccomp", "(supportedFlags) The runtime MUST recognize and support the elements in this array in the flags property of the linux.seccomp "
      "object in config.json.")
def supported_flags_are_supported(bed):
    flags_run(bed, seccomp_of(bed)["supportedFlags"])


@case(LINUX, "MountExtensions", "(idmap.enabled) In such cases, runtimes MUST still set this value to true, to indicate that the runtime recognises the "
      "uidMappings and gidMappings properties.")
def idmap_is_told(bed):
    enabled = ((features(bed)["linux"].get("mountExtensions") or {}).get("idmap") or {}).get("enabled")
    assert enabled is True, f"idmap.enabled is {enabled}"
