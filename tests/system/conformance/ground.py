# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run takes place: a mount namespace of its own, in it a tmpfs with everything the run makes. A directory of it is a
shared mount with a further mount below, for what the spec says of binds and propagation.

The column `rootless` runs as an unprivileged user that exists for this run only: a uid without login, with subordinate ids
in files of the namespace over /etc/subuid and /etc/subgid. What the user is given travels in GEMEL_CF_ROOTLESS.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import facts as host

UID = 64123
SUB, SUB_SIZE = 231072, 65536
ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 cf "$1/ground"
mkdir "$1/ground/shared"
# of a file system that can be id-mapped: tmpfs can since Linux 6.3
other() {
    case $(stat -f -c %T "$top") in
    ext*|xfs|btrfs) mkdir "$top/$1" && mount --bind "$top/$1" "$2" ;;
    *) mount -t tmpfs -o mode=755 cf "$2" ;;
    esac
}
top=$1
other one "$1/ground/shared"
mount --make-shared "$1/ground/shared"
mkdir "$1/ground/shared/below"
other two "$1/ground/shared/below"
echo top > "$1/ground/shared/name"
echo below > "$1/ground/shared/below/name"
if [ "$3" ]; then
    echo $$ > "$3/cgroup.procs"
fi
if [ "$2" != 0 ]; then
    for f in passwd group subuid subgid; do mount --bind "$1/$f" /etc/$f; done
    chown -R "$2:$2" "$1/ground"
fi
shift 3
exec "$@"
"""


def accounts(top):
    """Files over those in /etc: the user, and his subordinate ids."""
    for name, line in (("passwd", f"cfuser:x:{UID}:{UID}::{top}/ground:/bin/sh\n"), ("group", f"cfuser:x:{UID}:\n")):
        path = pathlib.Path("/etc", name)
        (top / name).write_text((path.read_text(encoding="utf-8") if path.exists() else "") + line, encoding="utf-8")
    for name in ("subuid", "subgid"):
        (top / name).write_text(f"cfuser:{SUB}:{SUB_SIZE}\n", encoding="ascii")
        if not os.path.exists(f"/etc/{name}"):
            pathlib.Path("/etc", name).touch()


def delegate(name):
    """Gives the user a group of each hierarchy that takes one, as a service manager would; the v2 group that he starts in."""
    v1, v2 = host.cgroups()
    leaf = ""
    for mount in [*dict.fromkeys(v1.values()), *([v2] if v2 else [])]:
        path = mount + name
        try:
            os.mkdir(path)
            for file in ("cpuset.cpus", "cpuset.mems"):  # v1: a group without them takes no process
                if mount != v2 and os.path.exists(f"{path}/{file}"):
                    pathlib.Path(path, file).write_text(pathlib.Path(mount, file).read_text(), encoding="ascii")
            if mount == v2:
                os.mkdir(path + "/self")
                leaf = path + "/self"
                for controller in host.v2_controllers(path) if not v1 else []:
                    pathlib.Path(path, "cgroup.subtree_control").write_text("+" + controller, encoding="ascii")
                for file in ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "self/cgroup.procs"):
                    os.chown(f"{path}/{file}", UID, UID)
            else:
                for file in ("cgroup.procs", "tasks"):
                    os.chown(f"{path}/{file}", UID, UID)
            os.chown(path, UID, UID)
        except OSError as error:
            print(f"{path}: {error.strerror}", file=sys.stderr)
    return leaf


def drop_groups(name):
    """Removes the groups of a run from every hierarchy."""
    v1, v2 = host.cgroups()
    for mount in {*v1.values(), v2} - {None}:
        for path, _, _ in os.walk(mount + name, topdown=False):
            try:
                os.rmdir(path)
            except OSError as error:
                print(f"cgroup {path} is left: {error.strerror}", file=sys.stderr)


def enter(options):
    """Runs this command again on its ground; its status."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="gemel-cf-"))
    os.chmod(top, 0o755)
    (top / "ground").mkdir()
    argv = [sys.executable, os.path.abspath(sys.argv[0]), *rest(options)]
    env = {**os.environ, "GEMEL_CF_GROUND": str(top / "ground"), "TMPDIR": str(top / "ground")}
    uid, leaf, group = 0, "", f"/gemel-cf{os.getpid()}"
    if options.column == "rootless":
        uid, leaf = UID, delegate(group)
        accounts(top)
        argv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", *argv]
        env.update(HOME=str(top / "ground"), XDG_RUNTIME_DIR=str(top / "ground"), PYTHONDONTWRITEBYTECODE="1",
                   GEMEL_CF_ROOTLESS=json.dumps({"sub": SUB, "size": SUB_SIZE, "group": group}))
    # the report leaves by a descriptor: the ground goes with its namespace
    with tempfile.TemporaryFile() as report:
        env["GEMEL_CF_REPORT"] = str(report.fileno())
        done = subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "sh", str(top), str(uid), leaf, *argv], env=env, cwd="/",
                              pass_fds=(report.fileno(),), check=False)
        report.seek(0)
        text = report.read()
    if options.json and text:
        pathlib.Path(options.json).write_bytes(text)
    shutil.rmtree(top, ignore_errors=True)
    if uid:
        drop_groups(group)
    return done.returncode


def rest(options):
    words = ["--runtime", os.path.abspath(options.runtime), "--column", options.column, "-j", str(options.jobs)]
    return words + (["-k", options.pattern] if options.pattern else []) + (["--ignore-fields"] if options.ignore else [])


def facts(column):
    """What the ground gives: id maps, the cgroup parent, the shared directory."""
    shared = os.path.join(os.environ.get("GEMEL_CF_GROUND", "/nonexistent"), "shared")
    found = {"shared_dir": shared if os.path.isdir(shared) else None, "idmap": host.can_be_mapped(shared),
             "cgroup_parent": f"/gemel-cf{os.getpid()}"}
    v1, v2 = host.cgroups()
    if column != "rootless":
        return {**found, **host.group_files(v1, v2, found["cgroup_parent"] + "-probe")}
    given = json.loads(os.environ.get("GEMEL_CF_ROOTLESS", "{}"))
    group = given.get("group", "/none")
    mine = [m for m in {*v1.values(), v2} - {None} if os.access(m + group, os.W_OK)]
    uid, gid = os.geteuid(), os.getegid()
    one = [{"containerID": 0, "hostID": uid, "size": 1}]
    one_gid = [{"containerID": 0, "hostID": gid, "size": 1}]
    more = {"containerID": 1, "hostID": given.get("sub", 0), "size": given.get("size", 0)}
    ids = bool(given) and host.id_map_works("newuidmap", [*one, more]) and host.id_map_works("newgidmap", [*one_gid, more])
    return {**found, **host.group_files(v1, v2, group + "/probe"), "subordinate_ids": ids,
            "uid_map": [*one, more] if ids else one, "gid_map": [*one_gid, more] if ids else one_gid,
            "cgroup_parent": group if mine else None, "delegated": sorted(mine)}
