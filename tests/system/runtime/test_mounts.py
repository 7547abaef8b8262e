# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options as a container sees them, and the errors of those that cannot be."""

import os
import subprocess

import pytest


def with_mounts(*mounts):
    return lambda config: config["mounts"].extend(mounts)


def tmpfs(destination, *options):
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def seen(rt, destination, *mounts, **extra):
    """(options of the mount, of the file system, propagation) of a mountinfo line."""
    table = rt.output("cat /proc/self/mountinfo", change=with_mounts(*mounts), **extra)
    [line] = [line.split() for line in table.splitlines() if line.split()[4] == destination]
    dash = line.index("-")
    return set(line[5].split(",")), set(line[dash + 3].split(",")), line[6:dash]


@pytest.mark.parametrize("options,there,gone", [
    (["ro", "nosuid", "nodev", "noexec"], {"ro", "nosuid", "nodev", "noexec", "relatime"}, set()),
    (["ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec"], {"rw", "relatime"}, {"nosuid", "nodev", "noexec"}),
    (["noatime", "nodiratime"], {"noatime", "nodiratime"}, {"relatime"}),
    (["noatime", "atime", "nodiratime", "diratime"], {"relatime"}, {"noatime", "nodiratime"}),
    (["strictatime"], set(), {"relatime", "noatime"}),
    (["strictatime", "nostrictatime"], {"relatime"}, {"noatime"}),
    (["noatime", "relatime"], {"relatime"}, {"noatime"}),
    (["norelatime"], set(), {"noatime"}),
    (["nosymfollow"], {"nosymfollow"}, set()),
    (["nosymfollow", "symfollow"], set(), {"nosymfollow"}),
    (["rro", "rnosuid", "rnodev", "rnoexec", "rnoatime", "rnosymfollow"],
     {"ro", "nosuid", "nodev", "noexec", "noatime", "nosymfollow"}, {"relatime"}),
    (["rnoatime", "ratime", "rro", "rrw"], {"rw", "relatime"}, {"noatime"}),
    (["async", "defaults", "loud", "silent", "nolazytime", "nomand", "noiversion", "iversion"], {"rw"}, set()),
])
def test_options_of_the_mount(rt, options, there, gone):
    mount, _, _ = seen(rt, "/mnt", tmpfs("/mnt", *options))
    assert there <= mount and not gone & mount


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime", "size=64k", "mode=700"])
def test_options_of_the_file_system(rt, option):
    _, superblock, _ = seen(rt, "/mnt", tmpfs("/mnt", option))
    assert option in superblock


@pytest.mark.parametrize("options,gone", [(["sync", "async"], "sync"), (["lazytime", "nolazytime"], "lazytime")])
def test_a_later_option_of_the_file_system_takes_an_earlier_one_back(rt, options, gone):
    assert gone not in seen(rt, "/mnt", tmpfs("/mnt", *options))[1]


@pytest.mark.parametrize("name,shown", [("private", []), ("slave", []), ("unbindable", ["unbindable"])])
def test_propagation_of_a_mount(rt, name, shown):
    assert seen(rt, "/mnt", tmpfs("/mnt", name))[2] == shown
    assert seen(rt, "/mnt", tmpfs("/mnt", "shared"))[2][0].startswith("shared:")


def test_recursive_options_reach_what_is_mounted_below(rt):
    data = rt.top / "data"
    (data / "sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", data / "sub"], check=True)
    try:
        def options(*given):
            table = rt.output("cat /proc/self/mountinfo", change=with_mounts(
                {"destination": "/mnt", "type": "bind", "source": str(data), "options": ["rbind", *given]}))
            return {line.split()[4]: set(line.split()[5].split(",")) for line in table.splitlines()}
        got = options("ro", "nosuid")
        assert {"ro", "nosuid"} <= got["/mnt"] and not {"ro", "nosuid"} & got["/mnt/sub"]
        got = options("rro", "rnosuid", "rnoexec", "rnodev", "rnoatime", "rnodiratime")
        for path in ("/mnt", "/mnt/sub"):
            assert {"ro", "nosuid", "noexec", "nodev", "noatime", "nodiratime"} <= got[path]
    finally:
        subprocess.run(["umount", data / "sub"], check=True)


def test_remount_changes_what_is_there(rt):
    mount, superblock, _ = seen(rt, "/mnt", tmpfs("/mnt", "size=64k"),
                                {"destination": "/mnt", "options": ["remount", "ro", "nosuid", "size=128k"]})
    assert {"ro", "nosuid"} <= mount and "size=128k" in superblock
    cid = rt.bundle("true", change=with_mounts({"destination": "/nosuch", "options": ["remount", "ro"]}))
    assert "mounts[7] (remount)" in rt.fails("create", "-b", rt.path(cid), cid)


def test_a_relative_destination_is_below_the_root(rt):
    assert "rw" in seen(rt, "/mnt/a", tmpfs("mnt//a/"))[0]
    # and is no way around the rules for /proc
    cid = rt.bundle("true", change=with_mounts(tmpfs("proc/sys")))
    assert "procfs" in rt.fails("create", "-b", rt.path(cid), cid)


def test_mounts_are_made_in_the_order_listed(rt):
    data = rt.top / "data"
    data.mkdir()
    (data / "f").write_text("below\n")
    bind = {"destination": "/mnt/a", "type": "bind", "source": str(data), "options": ["rbind"]}
    assert rt.output("cat /mnt/a/f", change=with_mounts(tmpfs("/mnt"), bind)) == "below\n"
    assert rt.output("ls /mnt", change=with_mounts(bind, tmpfs("/mnt"))) == ""


def test_a_relative_source_is_in_the_bundle(rt):
    cid = rt.bundle("cat /mnt/f", change=with_mounts({"destination": "/mnt", "source": "data", "options": ["bind"]}))
    (rt.path(cid) / "data").mkdir()
    (rt.path(cid) / "data/f").write_text("mine")
    assert rt.run(cid).stdout == "mine"


def test_mqueue_and_devpts_are_the_containers_own(rt):
    assert rt.output("stat -f -c %T /dev/mqueue; stat -c %t:%T /dev/pts/ptmx; readlink /dev/ptmx").split()[-2:] == \
        ["5:2", "pts/ptmx"]


def test_an_option_without_meaning_for_a_bind_mount_is_a_warning(rt):
    cid = rt.bundle("true", change=with_mounts(
        {"destination": "/mnt", "type": "bind", "source": "/tmp", "options": ["rbind", "async", "frob"]}))
    got = rt.run(cid)
    assert got.returncode == 0 and "mounts[7].options: 'frob'" in got.stderr


@pytest.mark.parametrize("mount,text", [
    ({"destination": "/mnt", "type": "tmpfs", "options": ["idmap"]}, "mounts[7]"),
    ({"destination": "/mnt", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]}, "uidMappings"),
    ({"destination": "/mnt", "type": "bind", "source": "/tmp", "options": ["bind"],
      "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}, "uidMappings and gidMappings"),
    ({"destination": "/mnt"}, "mounts[7].type"),
    ({"destination": "/mnt", "options": ["bind"]}, "mounts[7].source"),
    ({"destination": "/mnt", "type": "proc", "options": ["tmpcopyup"]}, "tmpcopyup"),
    ({"type": "tmpfs"}, "mounts[7].destination"),
])
def test_a_mount_that_cannot_be_is_named(rt, mount, text):
    cid = rt.bundle("true", change=with_mounts(mount))
    assert text in rt.fails("create", "-b", rt.path(cid), cid)


def test_idmap_takes_the_mapping_of_the_containers_user_namespace(rt):
    data = rt.top / "data"
    data.mkdir()
    (data / "f").write_text("x")
    os.chown(data / "f", 5, 6)

    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        for key in ("uidMappings", "gidMappings"):
            config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        for name in ("upper", "work"):
            os.chown(rt.path(f"t{os.getpid()}-{rt.count}") / name, 100000, 100000)
        config["mounts"].append({"destination": "/mnt", "type": "bind", "source": str(data), "options": ["bind", "idmap"]})
    assert rt.output("stat -c %u:%g /mnt/f", change=change) == "5:6\n"


def test_a_shared_bind_mount_carries_mounts_to_the_host_and_a_slave_takes_the_hosts(rt):
    """In a mount namespace of the test's own, whose mounts are shared."""
    script = """set -e
mkdir {top}/both {top}/in
mount -t tmpfs tmpfs {top}/both; mount -t tmpfs tmpfs {top}/in
mount --make-shared {top}/both; mount --make-shared {top}/in
mkdir {top}/both/here {top}/in/here
{run} create -b {bundle} {cid} </dev/null >{top}/out 2>&1
{run} start {cid}
for i in $(seq 200); do grep -q ready {top}/out && break; sleep 0.02; done
mount -t tmpfs fromhost {top}/in/here
{run} exec {cid} grep -c fromhost /proc/self/mountinfo
grep -c frominside /proc/self/mountinfo
{run} delete -f {cid}
"""
    caps = ["CAP_SYS_ADMIN"]
    cid = rt.bundle("mount -t tmpfs frominside /both/here && echo ready; sleep 1000",
                    process={"capabilities": {"bounding": caps, "effective": caps, "permitted": caps}},
                    linux={"rootfsPropagation": "rshared"}, change=with_mounts(
                        {"destination": "/both", "source": str(rt.top / "both"), "options": ["rbind", "rshared"]},
                        {"destination": "/in", "source": str(rt.top / "in"), "options": ["rbind", "rslave"]}))
    got = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script.format(
        top=rt.top, run=f"{rt.binary} --root {rt.root}", bundle=rt.path(cid), cid=cid)],
        capture_output=True, text=True, timeout=60)
    assert got.returncode == 0, (got.stderr, rt.call("list").stdout)
    # the container's bind and the mount on it, as the host sees them
    assert got.stdout.split() == ["1", "1"]


@pytest.mark.parametrize("name,shown", [("private", None), ("shared", "shared:"), ("slave", None), ("unbindable", "unbindable")])
def test_the_propagation_of_the_root(rt, name, shown):
    tags = seen(rt, "/", linux={"rootfsPropagation": name})[2]
    assert tags == [] if shown is None else tags[0].startswith(shown)


def test_a_device_is_made_with_its_mode_and_owner_anywhere(rt):
    got = rt.output("stat -c '%F %a %u:%g %t:%T' /dev/fuse /srv/zero /dev/pipe /dev/null", linux={"devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 7, "gid": 8},
        {"path": "/srv/zero", "type": "u", "major": 1, "minor": 5},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o600},
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600}]})
    assert got.splitlines() == ["character special file 640 7:8 a:e5", "character special file 666 0:0 1:5",
                                "fifo 600 0:0 0:0", "character special file 600 0:0 1:3"]


def test_a_file_that_is_not_the_device_is_an_error(rt):
    (rt.image / "srv").mkdir()
    (rt.image / "srv/dev").write_text("")
    cid = rt.bundle("true", linux={"devices": [{"path": "/srv/dev", "type": "c", "major": 1, "minor": 3}]})
    assert "linux.devices[0]" in rt.fails("create", "-b", rt.path(cid), cid)


def test_a_bound_dev_has_to_have_the_devices_that_are_listed(rt):
    def change(config):
        config["mounts"] = [m for m in config["mounts"] if not m["destination"].startswith("/dev")]
        config["mounts"].append({"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind", "rprivate"]})
    null = {"path": "/dev/null", "type": "c", "major": 1, "minor": 3}
    assert rt.output("stat -c %t:%T /dev/null", change=change, linux={"devices": [null]}) == "1:3\n"
    cid = rt.bundle("true", change=change, linux={"devices": [{**null, "path": "/dev/nosuch-gemel"}]})
    assert "linux.devices[0]" in rt.fails("create", "-b", rt.path(cid), cid)
    assert not os.path.exists("/dev/nosuch-gemel")


def test_default_links_are_there(rt):
    assert rt.output("readlink /dev/fd; readlink /dev/stdin; readlink /dev/stdout; readlink /dev/stderr").split() == [
        "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]


@pytest.mark.parametrize("name,arrives", [("slave", "1"), ("private", "0")])
def test_a_slave_root_takes_what_the_host_mounts_below_it(rt, name, arrives):
    """In a mount namespace of the test's own, where the root is on a shared mount."""
    cid = rt.bundle("sleep 1000", overlay=False, linux={"rootfsPropagation": name})
    script = """set -e
mount --bind {root} {root}; mount --make-shared {root}
{run} create -b {bundle} {cid} </dev/null >{top}/out 2>&1
{run} start {cid}
mount -t tmpfs fromhost {root}/mnt
{run} exec {cid} grep -c fromhost /proc/self/mountinfo || true
{run} delete -f {cid}
"""
    got = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script.format(
        top=rt.top, root=rt.path(cid) / "rootfs", run=f"{rt.binary} --root {rt.root}", bundle=rt.path(cid), cid=cid)],
        capture_output=True, text=True, timeout=60)
    assert got.returncode == 0 and got.stdout == f"{arrives}\n", got
