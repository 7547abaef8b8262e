# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: sysctl, propagation of the root, masked and read-only paths, mount label, personality."""

import platform

from bed import Report
from suite import NotApplicable, add_case, case

DOC = "config-linux.md"
MASKED = ("/proc/version", "/masked-file", "/masked-dir")
READONLY = ("/proc/sys", "/ro-dir")


def plain(bed):
    """A container with sysctls, masked and read-only paths, a propagation and a personality."""
    def go():
        bundle = bed.bundle("; ".join([
            "echo @@files; grep -sH '' /proc/self/mountinfo /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni "
            "/proc/sys/fs/mqueue/msg_max",
            "echo @@part masked; head -c 3 /masked-file; ls /masked-dir; head -c 3 /proc/version",
            "echo @@part ro; (echo 1 > /ro-dir/new) 2>&1; (echo x > /proc/sys/net/ipv4/ip_forward) 2>&1; cat /ro-dir/old",
            "echo @@part uname; uname -m"]))
        (bundle.rootfs / "masked-file").write_text("secret\n")
        for name in ("masked-dir", "ro-dir"):
            (bundle.rootfs / name).mkdir()
            (bundle.rootfs / name / "old").write_text("old\n")
        bundle.config["linux"].update(
            sysctl={"net.ipv4.ip_forward": "1", "kernel.shmmni": "77", "fs.mqueue.msg_max": "11"},
            maskedPaths=list(MASKED) + ["/not/there"], readonlyPaths=list(READONLY) + ["/not/there/either"],
            personality={"domain": "LINUX32"})
        bed.write(bundle)
        got = bed.run_bundle(bundle)
        assert got.status == 0, got
        return Report(got.out)
    return bed.once("the rest", go)


def sysctl(key, value):
    def check(bed):
        got = plain(bed).files.get("/proc/sys/" + key.replace(".", "/"))
        assert got == [value], f"{key} is {got}"
    return check


for _key, _value in (("net.ipv4.ip_forward", "1"), ("kernel.shmmni", "77"), ("fs.mqueue.msg_max", "11")):
    add_case(DOC, "Sysctl", f"sysctl (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container: {_key}.",
             sysctl(_key, _value), _key, ["linux.sysctl"])


@case(DOC, "Sysctl", "A parameter that belongs to no namespace of the container cannot be set for the container: an error (runtime.md, Create).")
def a_sysctl_of_the_host_is_an_error(bed):
    bed.rejects(lambda c: c["linux"].update(sysctl={"vm.swappiness": "10"}))
    bed.rejects(lambda c: c["linux"].update(sysctl={"net.ipv4.no_such_thing": "10"}))


@case(DOC, "Masked Paths", "maskedPaths (array of strings, OPTIONAL) will mask over the provided paths inside the container so that they cannot "
      "be read.", fields=["linux.maskedPaths"], name="maskedPaths")
def masked_paths(bed):
    got = plain(bed).part("masked")
    assert got == "", f"of masked paths was read: {got!r}"
    for path in MASKED:
        assert plain(bed).mounted(path), f"nothing covers {path}"


@case(DOC, "Masked Paths", "The values MUST be absolute paths in the container namespace.", name="a relative masked path is an error")
def relative_masked_path(bed):
    bed.rejects(lambda c: c["linux"].update(maskedPaths=["proc/version"]))


@case(DOC, "Readonly Paths", "readonlyPaths (array of strings, OPTIONAL) will set the provided paths as readonly inside the container.",
      fields=["linux.readonlyPaths"], name="readonlyPaths")
def readonly_paths(bed):
    got = plain(bed).part("ro")
    assert got.count("Read-only file system") == 2 and got.endswith("old"), got


@case(DOC, "Readonly Paths", "The values MUST be absolute paths in the container namespace.", name="a relative read-only path is an error")
def relative_readonly_path(bed):
    bed.rejects(lambda c: c["linux"].update(readonlyPaths=["proc/sys"]))


PROPAGATION = {"shared": ["shared"], "slave": ["master"], "private": [], "unbindable": ["unbindable"]}


def root_fields(bed, value):
    """Optional fields of the root's mount; the bundle lies on a shared mount of the host."""
    bundle = bed.bundle("grep ' / / \\| / ' /proc/self/mountinfo", lambda c: c["linux"].update(rootfsPropagation=value))
    got = bed.run_bundle(bundle)
    assert got.status == 0, got
    for line in got.out.splitlines():
        words = line.partition(" - ")[0].split()
        if words[4] == "/":
            return [w.partition(":")[0] for w in words[6:]]
    raise AssertionError(f"no root in {got.out!r}")


def propagation(value):
    def check(bed):
        got = root_fields(bed, value)
        if value == "slave":
            assert "shared" not in got and "unbindable" not in got, got
        elif value == "shared":
            assert "shared" in got, f"propagation of the root is {got}"
        else:
            assert got == PROPAGATION[value], f"propagation of the root is {got}"
    return check


for _value in PROPAGATION:
    add_case(DOC, "Rootfs Mount Propagation", f"rootfsPropagation (string, OPTIONAL) sets the rootfs's mount propagation: {_value}.",
             propagation(_value), f"rootfsPropagation {_value}",
             ["linux.rootfsPropagation"] if _value in ("shared", "unbindable") else [])


@case(DOC, "Rootfs Mount Propagation", "Its value is either shared, slave, private or unbindable.", name="another propagation is an error")
def other_propagation(bed):
    bed.rejects(lambda c: c["linux"].update(rootfsPropagation="public"))


@case(DOC, "Mount Label", "mountLabel (string, OPTIONAL) will set the Selinux context for the mounts in the container.",
      name="mountLabel")
def mount_label(bed):
    """Without SELinux the field is an error, and with it a label that no policy knows."""
    bed.rejects(lambda c: c["linux"].update(mountLabel="no_u:such_r:label_t:s0"))


@case(DOC, "Personality", "personality (object, OPTIONAL) sets the Linux execution personality. LINUX32 will set the uname system call to show a "
      "32 bit CPU type, such as i686.", fields=["linux.personality"], name="personality LINUX32")
def personality(bed):
    if platform.machine() != "x86_64":
        raise NotApplicable(f"{platform.machine()} has no 32 bit personality known to the test")
    assert plain(bed).part("uname") == "i686", plain(bed).part("uname")


@case(DOC, "Personality", "domain (string, REQUIRED) - the execution domain.", name="another domain is an error")
def other_domain(bed):
    bed.rejects(lambda c: c["linux"].update(personality={"domain": "PLAN9"}),
                twin=lambda c: c["linux"].update(personality={"domain": "LINUX"}))
    bed.rejects(lambda c: c["linux"].update(personality={}))


@case(DOC, "Personality", "flags (array of strings, OPTIONAL) - the additional flags to apply. Currently no flag values are supported.",
      name="a flag is an error")
def personality_flags(bed):
    bed.rejects(lambda c: c["linux"].update(personality={"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}))
