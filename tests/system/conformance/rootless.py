# SPDX-License-Identifier: GPL-3.0-or-later
"""The column `rootless`: an unprivileged user that exists for this run only.

Root makes a mount namespace with files of its own at /etc/passwd, /etc/subuid and /etc/subgid, a directory that the user
owns, then runs run.py again as that user. What the user is given travels in GEMEL_CF_ROOTLESS.
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
for f in passwd group subuid subgid; do mount --bind "$1/$f" /etc/$f; done
shift
exec "$@"
"""


def become(options):
    """Runs this command again as the user; its status."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="gemel-cf-user-"))
    os.chmod(top, 0o755)
    home = top / "home"
    home.mkdir(mode=0o700)
    (home / "run").mkdir(mode=0o700)
    os.chown(home, UID, UID)
    os.chown(home / "run", UID, UID)
    for name in ("passwd", "group"):
        text = pathlib.Path("/etc", name).read_text(encoding="utf-8") if os.path.exists(f"/etc/{name}") else ""
        line = f"cfuser:x:{UID}:{UID}::{home}:/bin/sh\n" if name == "passwd" else f"cfuser:x:{UID}:\n"
        (top / name).write_text(text + line, encoding="utf-8")
    for name in ("subuid", "subgid"):
        (top / name).write_text(f"cfuser:{SUB}:{SUB_SIZE}\n", encoding="ascii")
        if not os.path.exists(f"/etc/{name}"):
            pathlib.Path("/etc", name).touch()
    out = home / "out.json"
    argv = [sys.executable, os.path.abspath(sys.argv[0]), "--runtime", os.path.abspath(options.runtime), "--column",
            "rootless", "--json", str(out), "-j", str(options.jobs)]
    if options.pattern:
        argv += ["-k", options.pattern]
    env = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "HOME": str(home), "TMPDIR": str(home),
           "XDG_RUNTIME_DIR": str(home / "run"), "GEMEL_CF_ROOTLESS": json.dumps({"sub": SUB, "size": SUB_SIZE}),
           "GEMEL_TEST_SLOW": os.environ.get("GEMEL_TEST_SLOW", "1"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "sh", str(top), "setpriv", f"--reuid={UID}",
                               f"--regid={UID}", "--clear-groups", "--bounding-set=+all", "--inh-caps=-all", *argv],
                              env=env, cwd="/", check=False)
        if options.json and out.exists():
            shutil.copy(out, options.json)
        return done.returncode
    finally:
        shutil.rmtree(top, ignore_errors=True)


def facts(column, known):
    """The id maps and cgroups that this user has."""
    given = json.loads(os.environ.get("GEMEL_CF_ROOTLESS", "{}"))
    uid, gid = os.geteuid(), os.getegid()
    one = [{"containerID": 0, "hostID": uid, "size": 1}]
    one_gid = [{"containerID": 0, "hostID": gid, "size": 1}]
    more = {"containerID": 1, "hostID": given.get("sub", 0), "size": given.get("size", 0)}
    ids = bool(given) and host.id_map_works("newuidmap", [*one, more]) and host.id_map_works("newgidmap", [*one_gid, more])
    return {"subordinate_ids": ids, "uid_map": [*one, more] if ids else one,
            "gid_map": [*one_gid, more] if ids else one_gid, "cgroup_parent": None}
