# SPDX-License-Identifier: GPL-3.0-or-later
"""config.md, Mounts: order, destinations, sources, and each option that a runtime must know."""

import os

from bed import bind, mount
from suite import NotApplicable, add_case, case

DOC, SECTION = "config.md", "Mounts"


@case(DOC, SECTION, "The runtime MUST mount entries in the listed order.", fields=["mounts:/mnt/in"])
def mounts_in_the_listed_order(bed):
    def change(config):
        config["mounts"] += [mount("/mnt", options=["size=1m"]), mount("/mnt/in", options=["size=2m"]),
                             mount("/work", options=["size=3m"]), mount("/work", options=["size=4m"])]
    report = bed.report(change)
    assert report.mounted("/mnt/in"), "what was mounted later is hidden by what came before"
    assert "size=4096k" in report.mount("/work")[3], report.mount("/work")


@case(DOC, SECTION, "For compatibility with old tools and configurations, it MAY be a relative path, in which case it MUST be "
      "interpreted as relative to \"/\".", fields=["mounts:mnt"])
def a_relative_destination_is_below_the_root(bed):
    def change(config):
        config["process"]["cwd"] = "/work"
        config["mounts"].append(mount("mnt", options=["size=1m"]))
    assert bed.report(change).mounted("/mnt")


@case(DOC, SECTION, "Path values for bind mounts are either absolute or relative to the bundle.", fields=["mounts:/mnt"])
def a_relative_bind_source_is_below_the_bundle(bed):
    bundle = bed.bundle("cat /mnt/file /work/file", lambda c: c["mounts"].extend(
        [bind("/mnt", "beside"), bind("/work", "/absolute")]))
    (bundle.path / "beside").mkdir()
    (bundle.path / "beside/file").write_text("beside\n")
    bundle.config["mounts"] = [{**m, "source": str(bundle.path / "beside")} if m["source"] == "/absolute" else m
                               for m in bundle.config["mounts"]]
    bed.write(bundle)
    got = bed.run_bundle(bundle)
    assert got.out == "beside\nbeside\n", got


@case(DOC, SECTION, "A mount is a bind mount if it has either bind or rbind in the options.", fields=["mounts:/mnt.options.bind"])
def bind_is_an_option(bed):
    bundle = bed.bundle("cat /mnt/file /work/file")
    (bundle.path / "there").mkdir()
    (bundle.path / "there/file").write_text("there\n")
    bundle.config["mounts"] += [mount("/mnt", "none", str(bundle.path / "there"), ["bind"]),
                                mount("/work", "none", str(bundle.path / "there"), ["rbind"])]
    bed.write(bundle)
    got = bed.run_bundle(bundle)
    assert got.out == "there\nthere\n", got


# -- Linux mount options ------------------------------------------------------------------------------------

def has(word):
    return lambda m: word in m[0] or f"{word} is not among {m[0]}"


def lacks(word):
    return lambda m: word not in m[0] or f"{word} is among {m[0]}"


def super_has(word):
    return lambda m: word in m[3] or f"{word} is not among {m[3]}"


def super_lacks(word):
    return lambda m: word not in m[3] or f"{word} is among {m[3]}"


def there(m):
    return True


def no_atime(m):
    return not {"relatime", "noatime"} & set(m[0]) or f"{m[0]}"


def propagates(*kinds):
    def check(m):
        got = [w.partition(":")[0] for w in m[4]]
        return got == list(kinds) or f"propagation is {m[4]}, not {list(kinds)}"
    return check


# option: (options of the mount, what mountinfo shows of it). What turns something off comes after what turns it on.
OPTIONS = {
    "async": (["sync", "async"], super_lacks("sync")),
    "atime": (["noatime", "atime"], lacks("noatime")),
    "defaults": (["defaults"], has("rw")),
    "dev": (["nodev", "dev"], lacks("nodev")),
    "diratime": (["nodiratime", "diratime"], lacks("nodiratime")),
    "dirsync": (["dirsync"], super_has("dirsync")),
    "exec": (["noexec", "exec"], lacks("noexec")),
    "iversion": (["iversion"], there),
    "lazytime": (["lazytime"], super_has("lazytime")),
    "loud": (["loud"], there),
    "noatime": (["noatime"], has("noatime")),
    "nodev": (["nodev"], has("nodev")),
    "nodiratime": (["nodiratime"], has("nodiratime")),
    "noexec": (["noexec"], has("noexec")),
    "noiversion": (["noiversion"], there),
    "nolazytime": (["lazytime", "nolazytime"], super_lacks("lazytime")),
    "norelatime": (["norelatime"], there),
    "nostrictatime": (["strictatime", "nostrictatime"], has("relatime")),
    "nosuid": (["nosuid"], has("nosuid")),
    "private": (["shared", "private"], propagates()),
    "relatime": (["noatime", "relatime"], has("relatime")),
    "ro": (["ro"], has("ro")),
    "rprivate": (["shared", "rprivate"], propagates()),
    "rshared": (["rshared"], propagates("shared")),
    "runbindable": (["runbindable"], propagates("unbindable")),
    "rw": (["ro", "rw"], has("rw")),
    "shared": (["shared"], propagates("shared")),
    "silent": (["silent"], there),
    "strictatime": (["strictatime"], no_atime),
    "suid": (["nosuid", "suid"], lacks("nosuid")),
    "sync": (["sync"], super_has("sync")),
    "unbindable": (["unbindable"], propagates("unbindable")),
}
WEAK = {
    "nosymfollow": (["nosymfollow"], has("nosymfollow")),
    "symfollow": (["nosymfollow", "symfollow"], lacks("nosymfollow")),
    "ratime": (["rnoatime", "ratime"], lacks("noatime")),
    "rdev": (["rnodev", "rdev"], lacks("nodev")),
    "rdiratime": (["rnodiratime", "rdiratime"], lacks("nodiratime")),
    "rexec": (["rnoexec", "rexec"], lacks("noexec")),
    "rnoatime": (["rnoatime"], has("noatime")),
    "rnodev": (["rnodev"], has("nodev")),
    "rnodiratime": (["rnodiratime"], has("nodiratime")),
    "rnoexec": (["rnoexec"], has("noexec")),
    "rnorelatime": (["rnorelatime"], there),
    "rnostrictatime": (["rstrictatime", "rnostrictatime"], has("relatime")),
    "rnosuid": (["rnosuid"], has("nosuid")),
    "rnosymfollow": (["rnosymfollow"], has("nosymfollow")),
    "rrelatime": (["rnoatime", "rrelatime"], has("relatime")),
    "rro": (["rro"], has("ro")),
    "rrw": (["rro", "rrw"], has("rw")),
    "rstrictatime": (["rstrictatime"], no_atime),
    "rsuid": (["rnosuid", "rsuid"], lacks("nosuid")),
    "rsymfollow": (["rnosymfollow", "rsymfollow"], lacks("nosymfollow")),
}


def all_options(bed):
    """One container with a tmpfs per option; None when that one does not run, so that each is tried by itself."""
    def go():
        try:
            return bed.report(lambda c: c["mounts"].extend(mount(f"/opt/{name}", options=words)
                                                           for name, (words, _) in {**OPTIONS, **WEAK}.items()))
        except AssertionError:
            return None
    return bed.once("mount options", go)


def option(name, words, check):
    def run(bed):
        report = all_options(bed) or bed.report(lambda c: c["mounts"].append(mount(f"/opt/{name}", options=words)))
        verdict = check(report.mount(f"/opt/{name}"))
        assert verdict is True, verdict
    return run


for _level, _table in (("MUST", OPTIONS), ("SHOULD", WEAK)):
    for _name, (_words, _check) in _table.items():
        _fields = [] if _check is there or _name in ("defaults", "norelatime", "rw", "rrw") else \
            [f"mounts:/opt/{_name}.options.{_name}"]
        add_case(DOC, "Linux mount options", f"Runtimes {_level} implement the following option strings for Linux: {_name}",
                 option(_name, _words, _check), f"option {_name}", _fields)


@case(DOC, "Linux mount options", "Runtimes MUST implement the following option strings for Linux: bind", name="option bind",
      fields=["mounts:/mnt"])
def option_bind(bed):
    got = binds(bed)
    assert got["bind"] == ("below" if bed.rootless else "top"), f"bind shows {got['bind']!r}: not the directory, or what is mounted below it too"


@case(DOC, "Linux mount options", "Runtimes MUST implement the following option strings for Linux: rbind", name="option rbind",
      fields=["mounts:/work"])
def option_rbind(bed):
    got = binds(bed)
    assert got["rbind"] == "top below", f"rbind shows {got['rbind']!r}"


@case(DOC, "Linux mount options", "Runtimes MUST implement the following option strings for Linux: slave", name="option slave",
      fields=["mounts:/opt/slave.options.slave"])
def option_slave(bed):
    assert binds(bed)["slave"] == ["master"], f"propagation is {binds(bed)['slave']}"


@case(DOC, "Linux mount options", "Runtimes MUST implement the following option strings for Linux: rslave", name="option rslave",
      fields=["mounts:/opt/rslave.options.rslave"])
def option_rslave(bed):
    assert binds(bed)["rslave"] == ["master"], f"propagation is {binds(bed)['rslave']}"


def binds(bed):
    """Binds of a shared directory of the host that has a further mount below it."""
    def go():
        shared = bed.facts["shared_dir"]
        if not shared:
            raise NotApplicable("no shared mount could be made for the test")

        # in a user namespace mounts below are locked: without them a directory cannot be bound
        alone = os.path.join(shared, "below") if bed.rootless else shared

        def change(config):
            config["mounts"] += [bind("/mnt", alone, "bind"), bind("/work", shared, "rbind"),
                                 bind("/opt/slave", alone, "bind", "slave"), bind("/opt/rslave", shared, "rbind", "rslave")]
        report = bed.report(change, parts={"bind": "cat /mnt/name /mnt/below/name 2>/dev/null",
                                           "rbind": "cat /work/name /work/below/name 2>/dev/null"})
        got = {name: " ".join(report.part(name).split()) for name in ("bind", "rbind")}
        for name in ("slave", "rslave"):
            got[name] = [w.partition(":")[0] for w in report.mount(f"/opt/{name}")[4]]
        return got
    return bed.once("binds", go)


@case(DOC, "Linux mount options", "Runtimes MUST implement the following option strings for Linux: remount", name="option remount",
      fields=["mounts:/opt.options.remount"])
def option_remount(bed):
    def change(config):
        config["mounts"] += [mount("/mnt", options=["size=1m"]),
                             mount("/opt", "tmpfs", "tmpfs", ["size=1m"]),
                             mount("/opt", "tmpfs", "tmpfs", ["remount", "ro", "nosuid"])]
    report = bed.report(change)
    at = [line.split() for line in report.files["/proc/self/mountinfo"] if line.split()[4] == "/opt"]
    assert len(at) == 1, f"{len(at)} mounts at /opt"
    assert {"ro", "nosuid"} <= set(at[0][5].split(",")), at


# -- id-mapped mounts ---------------------------------------------------------------------------------------

MAP = [{"containerID": 0, "hostID": 4000, "size": 100}]
IDMAP = "idmap (1.2): "


def shifted(bed, words, maps=True):
    """Owner of a file of the host's root, and of one below a further mount, through a mapped bind."""
    bundle = bed.bundle("stat -c %u /mnt/name /mnt/below/name 2>/dev/null; true")
    recursive = "ridmap" in words or bed.rootless
    entry = bind("/mnt", bed.facts["shared_dir"] or bundle.path, "rbind" if recursive else "bind", *words)
    if maps:
        entry.update(uidMappings=MAP, gidMappings=MAP)
    bundle.config["mounts"].append(entry)
    bed.write(bundle)
    return bed.run_bundle(bundle)


@case(DOC, "Linux mount options", IDMAP + "Indicates that the mount MUST have an idmapping applied.", name="option idmap",
      fields=["mounts:/mnt.uidMappings"])
def option_idmap(bed):
    got = shifted(bed, ["idmap"])
    if bed.rootless or not bed.facts["idmap"]:
        # the kernel wants privilege over the file system's user namespace, or cannot map this one: the field is an error
        assert got.status != 0, "taken without effect"
        return
    assert got.out.split()[:1] == ["4000"], got


@case(DOC, "Linux mount options", "ridmap (1.2): Indicates that the mount MUST have an idmapping applied, and the mapping is applied "
      "recursively.", name="option ridmap", fields=["mounts:/mnt.uidMappings"])
def option_ridmap(bed):
    got = shifted(bed, ["ridmap"])
    if bed.rootless or not bed.facts["idmap"]:
        assert got.status != 0, "taken without effect"
        return
    assert got.out.split() == ["4000", "4000"], got


@case(DOC, "Linux mount options", IDMAP + "If uidMappings or gidMappings are specified for the mount, the runtime MUST use those "
      "values for the mount's mapping.", name="idmap uses the mount's mappings", fields=["mounts:/mnt.uidMappings"])
def idmap_values(bed):
    option_idmap(bed)


@case(DOC, "Linux mount options", IDMAP + "If there are no uidMappings and gidMappings specified and the container isn't using user "
      "namespaces, an error MUST be returned.", name="idmap without mappings is an error")
def idmap_without_mappings(bed):
    plain = shifted(bed, [], maps=False)
    assert plain.status == 0, plain
    got = shifted(bed, ["idmap"], maps=False)
    if bed.rootless:
        assert got.status != 0 or got.out.split()[:1] == ["0"], got
    else:
        assert got.status != 0, "taken"


RIDMAP = "ridmap (1.2): "


@case(DOC, "Linux mount options", RIDMAP + "If uidMappings or gidMappings are specified for the mount, the runtime MUST use those "
      "values for the mount's mapping.", name="ridmap uses the mount's mappings", fields=["mounts:/mnt.uidMappings"])
def ridmap_values(bed):
    option_ridmap(bed)


@case(DOC, "Linux mount options", RIDMAP + "If there are no uidMappings and gidMappings specified and the container isn't using user "
      "namespaces, an error MUST be returned.", name="ridmap without mappings is an error")
def ridmap_without_mappings(bed):
    plain = shifted(bed, [], maps=False)
    assert plain.status == 0, plain
    got = shifted(bed, ["ridmap"], maps=False)
    if bed.rootless:
        assert got.status != 0 or got.out.split()[:1] == ["0"], got
    else:
        assert got.status != 0, "taken"


@case(DOC, "POSIX-platform Mounts", "uidMappings: If specified, it MUST be specified along with gidMappings.")
def uid_mappings_need_gid_mappings(bed):
    bed.rejects(lambda c: c["mounts"].append({**bind("/mnt", "/", "bind", "idmap"), "uidMappings": MAP}),
                twin=lambda c: c["mounts"].append(mount("/mnt")))


@case(DOC, "POSIX-platform Mounts", "gidMappings: If specified, it MUST be specified along with uidMappings.")
def gid_mappings_need_uid_mappings(bed):
    bed.rejects(lambda c: c["mounts"].append({**bind("/mnt", "/", "bind", "idmap"), "gidMappings": MAP}),
                twin=lambda c: c["mounts"].append(mount("/mnt")))
