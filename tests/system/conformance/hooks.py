# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers with hooks that tell what they saw. A hook appends a record to a file: on the host, or, for startContainer,
in the container's root."""

import json

HOST_KINDS = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

# What a hook writes, a value a line. $LOG, $GROUP and $X come from the hook's own `env`.
SCRIPT = """#!/bin/busybox sh
NS="/proc/self/ns/mnt /proc/self/ns/uts /proc/self/ns/net /proc/self/ns/ipc"
state=$(/bin/busybox cat)
pid=${state#*\\"pid\\":}; pid=${pid%%[!0-9 ]*}; pid=${pid# }
{
echo "@@hook $1"
echo "args $0 $*"
echo "x $X"
[ -e /marker ] && echo "root container" || echo "root host"
[ -e /proc/${pid:-0}/root/marker ] && echo "init pivoted"
case "$1" in poststart*) echo "exe $(/bin/busybox readlink /proc/${pid:-0}/exe)";; esac
[ -n "$GROUP" ] && [ -d "$GROUP" ] && echo "group there"
[ -n "$STORE" ] && [ -d "$STORE" ] && echo "store there"
set -- "$@" $(/bin/busybox stat -L -c %i $NS /proc/${pid:-0}/ns/mnt)
echo "ns $3 $4 $5 $6"
echo "their $7"
echo "state $(echo "$state" | /bin/busybox tr -d '\\n')"
} >> "$LOG" 2>/dev/null
[ "$2" = fail ] && exit 7
exit 0
"""


def write_scripts(bundle):
    for path in (bundle.path / "hook.sh", bundle.rootfs / "hook.sh"):
        path.write_text(SCRIPT)
        path.chmod(0o755)
    (bundle.rootfs / "marker").touch()
    bundle.path.chmod(0o755)


def entry(bed, bundle, kind, name, word="ok", **extra):
    inside = kind == "startContainer"
    log = "/hooks.log" if inside else str(bundle.path / "hooks.log")
    env = [f"LOG={log}", f"X=of {name}"]
    if not inside:
        env.append(f"STORE={bed.store / bundle.id}")
        if bed.facts["cgroup_parent"]:
            env.append(f"GROUP={bed.group(bundle, 'pids')}")
    path = "/hook.sh" if inside else str(bundle.path / "hook.sh")
    return {"path": path, "args": ["hook", name, word], "env": env, **extra}


def records(text):
    """[{hook: name, key: value}] in the order of the file."""
    found = []
    for line in text.splitlines():
        if line.startswith("@@hook "):
            found.append({"hook": line[7:].strip()})
        elif found:
            key, _, value = line.partition(" ")
            found[-1][key] = value.strip()
    return found


def read_log(path):
    return records(path.read_text(errors="replace")) if path.exists() else []


def whole_life(bed):
    """One container with two hooks of each kind, from create to delete."""
    def go():
        seen = {}
        bundle = bed.bundle("echo @@hook program >> /hooks.log; echo $(stat -L -c %i /proc/self/ns/mnt "
                            "/proc/self/ns/uts /proc/self/ns/net /proc/self/ns/ipc); exec sleep 1000")
        write_scripts(bundle)
        bundle.config["hooks"] = {k: [entry(bed, bundle, k, f"{k}-{n}") for n in (1, 2)] for k in KINDS}
        bundle.config["annotations"] = {"org.example.hooked": "yes"}
        bed.write(bundle)
        host, inside = bundle.path / "hooks.log", bundle.rootfs / "hooks.log"
        try:
            got = bed.create(bundle)
            assert got.status == 0, f"create: {got}"
            seen["create"] = read_log(host)
            seen["create inside"] = read_log(inside)
            seen["state"] = bed.state(bundle)
            bed.ok("start", bundle.id)
            seen["start"] = read_log(host)
            bed.until("the program", lambda: bundle.out().strip())
            seen["inside"] = read_log(inside)
            seen["ns"] = bundle.out().strip()
            bed.ok("kill", bundle.id, "KILL")
            bed.wait_status(bundle, "stopped")
            seen["stopped"] = read_log(host)
            bed.ok("delete", bundle.id)
            seen["delete"] = read_log(host)
            seen["bundle"] = bundle
        finally:
            bed.delete(bundle)
        return seen
    return bed.once("hooks", go)


def of(seen, kind):
    """The records of both hooks of a kind; they have to be there."""
    log = seen["inside"] if kind == "startContainer" else seen["delete"]
    found = [r for r in log if r["hook"].startswith(kind + "-")]
    assert found, f"no {kind} hook ran"
    return found


def failing(bed, kind):
    """A container whose second hook of `kind` of three fails; what came of it."""
    def go():
        seen = {"kind": kind}
        bundle = bed.bundle("echo program ran; exec sleep 1000")
        write_scripts(bundle)
        hooks = {kind: [entry(bed, bundle, kind, f"{kind}-{n}", "fail" if n == 2 else "ok") for n in (1, 2, 3)]}
        hooks.setdefault("poststop", [entry(bed, bundle, "poststop", "poststop-1")])
        bundle.config["hooks"] = hooks
        bed.write(bundle)
        try:
            seen["create"] = bed.create(bundle)
            seen["start"] = bed.call("start", bundle.id) if seen["create"].status == 0 else None
            state = bed.call("state", bundle.id)
            seen["status"] = json.loads(state.out)["status"] if state.status == 0 else "gone"
            if seen["status"] == "running" and seen["start"].status == 0:
                bed.until("the program", bundle.out)
            if seen["status"] not in ("gone",):
                bed.call("kill", bundle.id, "KILL")
                bed.until("its end", lambda: bed.state(bundle)["status"] == "stopped")
                seen["delete"] = bed.call("delete", bundle.id)
            seen["log"] = [r["hook"] for r in read_log(bundle.rootfs / "hooks.log") + read_log(bundle.path / "hooks.log")]
            seen["out"] = bundle.out()
        finally:
            bed.delete(bundle)
        return seen
    return bed.once(f"failing {kind}", go)
