# SPDX-License-Identifier: GPL-3.0-or-later
"""runtime.md: scope, state, life cycle, errors, operations. Hooks in the life cycle are in runtime_hooks.py."""

import json
import os
import signal

from suite import case
from bed import Bundle, mount

DOC = "runtime.md"


def life(bed):
    """One container from create to delete; what was seen at each step."""
    def go():
        seen, bundle = {}, bed.bundle("echo ran; trap 'echo got TERM; exit 3' TERM; while :; do sleep 0.05; done",
                                      lambda c: c.update(annotations={"org.example.key": "värde"}))
        try:
            steps(bed, bundle, seen)
        finally:
            bed.delete(bundle)
        return seen
    return bed.once("life", go)


def steps(bed, bundle, seen):
    seen["before"] = bed.call("state", bundle.id)
    seen["create"] = bed.create(bundle)
    seen["created"] = bed.call("state", bundle.id)
    seen["out created"] = bundle.out()
    bundle.config["process"]["args"] = ["sh", "-c", "echo CHANGED"]
    bed.write(bundle)
    seen["again"] = bed.create(bundle)
    seen["start"] = bed.call("start", bundle.id)
    seen["running"] = bed.call("state", bundle.id)
    running = json.loads(seen["running"].out or "{}")
    assert running, f"no state of a container that was started: {seen['create']}, {seen['start']}"
    bed.until("its first line", lambda: "ran" in bundle.out() or "CHANGED" in bundle.out())
    seen["host sees"] = running["pid"] > 1 and os.path.exists(f"/proc/{running['pid']}")
    seen["start again"] = bed.call("start", bundle.id)
    seen["delete running"] = bed.call("delete", bundle.id)
    seen["still running"] = bed.call("state", bundle.id)
    seen["kill"] = bed.call("kill", bundle.id, "TERM")
    bed.wait_status(bundle, "stopped")
    seen["stopped"] = bed.call("state", bundle.id)
    seen["out"] = bundle.out()
    seen["kill stopped"] = bed.call("kill", bundle.id, "TERM")
    seen["start stopped"] = bed.call("start", bundle.id)
    seen["stopped still"] = bed.call("state", bundle.id)
    seen["delete"] = bed.call("delete", bundle.id)
    seen["deleted"] = bed.call("state", bundle.id)
    seen["rootfs"] = (bundle.rootfs / "bin/busybox").exists()
    seen["files"] = sorted(p.name for p in bundle.path.iterdir())
    seen["bundle"] = bundle
    if bed.facts["cgroup_parent"]:
        seen["groups"] = [str(g) for c in ("", *bed.facts["cgroup_v1"]) if (g := bed.group(bundle, c)).exists()]
    else:
        seen["groups"] = []
    bundle.config["process"]["args"] = ["true"]
    bed.write(bundle)
    seen["id again"] = bed.call("run", "--bundle", bundle.path, bundle.id)


def state(bed, when):
    got = life(bed)[when]
    assert got.status == 0, f"state of a {when} container: {got}"
    return json.loads(got.out)


@case(DOC, "Scope of a Container",
      "The entity using a runtime to create a container MUST be able to use the operations defined in this specification "
      "against that same container.")
def creator_may_use_all_operations(bed):
    seen = life(bed)
    for step in ("create", "created", "start", "kill", "stopped", "delete"):
        assert seen[step].status == 0, f"{step}: {seen[step]}"


@case(DOC, "State", "ociVersion (string, REQUIRED) is version of the Open Container Initiative Runtime Specification with "
      "which the state complies.")
def state_has_oci_version(bed):
    version = state(bed, "running")["ociVersion"]
    assert isinstance(version, str) and version.split(".")[0] == "1", version


@case(DOC, "State", "id (string, REQUIRED) is the container's ID.")
def state_has_id(bed):
    assert state(bed, "created")["id"] == life(bed)["bundle"].id


@case(DOC, "State", "This MUST be unique across all containers on this host.")
def id_is_unique(bed):
    assert state(bed, "created")["id"] == life(bed)["bundle"].id
    assert life(bed)["again"].status != 0, "a second container of the same id was made"


@case(DOC, "State", "status (string, REQUIRED) is the runtime state of the container.")
def state_has_status(bed):
    assert [state(bed, w)["status"] for w in ("created", "running", "stopped")] == ["created", "running", "stopped"]


@case(DOC, "State", "Additional values MAY be defined by the runtime, however, they MUST be used to represent new runtime "
      "states not defined above.")
def status_of_a_paused_container(bed):
    if bed.facts["cgroup_parent"] is None:
        bed.need_root("without a cgroup of its own nothing can be paused, so no further state exists")
    bundle = bed.started()
    try:
        got = bed.call("pause", bundle.id)
        assert got.status == 0, f"pause: {got}"
        status = bed.state(bundle)["status"]
        assert status not in ("creating", "created", "stopped"), f"a paused container is shown as {status}"
        assert status != "running", "a paused container is shown as running"
        bed.ok("resume", bundle.id)
        assert bed.state(bundle)["status"] == "running"
    finally:
        bed.delete(bundle)


@case(DOC, "State", "pid (int, REQUIRED when status is created or running on Linux) is the ID of the container process.")
def state_has_pid(bed):
    created, running = state(bed, "created"), state(bed, "running")
    assert isinstance(created["pid"], int) and created["pid"] > 0
    assert running["pid"] == created["pid"]
    assert life(bed)["host sees"], "no such process on the host"


@case(DOC, "State", "bundle (string, REQUIRED) is the absolute path to the container's bundle directory.")
def state_has_bundle(bed):
    assert state(bed, "running")["bundle"] == str(life(bed)["bundle"].path)


@case(DOC, "State", "When serialized in JSON, the format MUST adhere to the following JSON Schema.", name="state is JSON of "
      "the schema", fields=["annotations"])
def state_schema(bed):
    for when in ("created", "running", "stopped"):
        got = state(bed, when)
        assert isinstance(got, dict)
        for key, kind in (("ociVersion", str), ("id", str), ("status", str), ("bundle", str)):
            assert isinstance(got.get(key), kind), f"{key} of a {when} container: {got.get(key)!r}"
        assert isinstance(got.get("pid", 0), int)
        assert got["annotations"] == {"org.example.key": "värde"}, got.get("annotations")


@case(DOC, "Lifecycle", "The container's runtime environment MUST be created according to the configuration in config.json.",
      fields=["mounts:/mnt"])
def environment_as_configured(bed):
    bundle = bed.created(change=lambda c: c["mounts"].append(mount("/mnt", options=["size=1m"])))
    try:
        pid = bed.state(bundle)["pid"]
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as table:
            assert any(line.split()[4].endswith("/mnt") for line in table), "no mount at /mnt after create"
    finally:
        bed.delete(bundle)


@case(DOC, "Lifecycle", "If the runtime is unable to create the environment specified in the config.json, it MUST generate "
      "an error.")
def impossible_environment_is_an_error(bed):
    bed.rejects(lambda c: c["mounts"].append(mount("/mnt", "nosuchfs", "none")))


@case(DOC, "Lifecycle", "While the resources requested in the config.json MUST be created, the user-specified program MUST "
      "NOT be run at this time.")
def program_does_not_run_at_create(bed):
    seen = life(bed)
    assert seen["create"].status == 0, seen["create"]
    assert seen["out created"] == "", "the program ran before start"
    assert "ran" in seen["out"], "the program never ran"


@case(DOC, "Lifecycle", "Any updates to config.json after this step MUST NOT affect the container.")
def later_changes_of_config_do_nothing(bed):
    assert "ran" in life(bed)["out"] and "CHANGED" not in life(bed)["out"], life(bed)["out"]


@case(DOC, "Lifecycle", "The runtime MUST run the user-specified program, as specified by process.", fields=["process.env:X"])
def start_runs_the_program(bed):
    got = bed.output(["echo", "a  b", "$X", "*"])
    assert got == "a  b $X *\n", got
    got = bed.output("echo $X; pwd", lambda c: (c["process"]["env"].append("X=1"), c["process"].update(cwd="/work")))
    assert got == "1\n/work\n", got


@case(DOC, "Lifecycle", "The container MUST be destroyed by undoing the steps performed during create phase.")
def delete_undoes_create(bed):
    seen = life(bed)
    assert seen["delete"].status == 0, seen["delete"]
    assert seen["deleted"].status != 0, "its state is still told"
    assert not seen["groups"], f"left: {seen['groups']}"
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(seen["bundle"].path) not in table.read()


@case(DOC, "Errors", "Unless otherwise stated, generating an error MUST leave the state of the environment as if the operation "
      "were never attempted.")
def an_error_leaves_nothing(bed):
    bed.once("plain", lambda: bed.output("true"))
    bundle = bed.bundle("true", lambda c: (c["mounts"].append(mount("/made", options=["size=1m"])),
                                           c["mounts"].append(mount("/mnt", "nosuchfs", "none"))))
    got = bed.create(bundle)
    try:
        assert got.status != 0, "created"
        assert bed.call("state", bundle.id).status != 0, "the container is there"
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            assert str(bundle.path) not in table.read(), "a mount is left"
        if bed.facts["cgroup_parent"]:
            for controller in ("", *bed.facts["cgroup_v1"]):
                assert not bed.group(bundle, controller).exists(), f"{bed.group(bundle, controller)} is left"
        bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] != "nosuchfs"]
        bed.write(bundle)
        got = bed.call("run", "--bundle", bundle.path, bundle.id)
        assert got.status == 0, f"the mended bundle does not run: {got}"
    finally:
        bed.tidy(bundle)


@case(DOC, "Warnings", "Unless otherwise stated, logging a warning does not change the flow of the operation; it MUST continue "
      "as if the warning had not been logged.")
def a_warning_changes_nothing(bed):
    """What has to be logged as a warning is a capability that cannot be granted."""
    def change(config):
        for names in config["process"]["capabilities"].values():
            names.append("CAP_NO_SUCH_THING")
    assert bed.output("echo went on", change) == "went on\n"


@case(DOC, "Operations", "Unless otherwise stated, runtimes MUST support the following operations.")
def the_five_operations(bed):
    seen = life(bed)
    for step in ("created", "create", "start", "kill", "delete"):
        assert seen[step].status == 0, f"{step}: {seen[step]}"


def refused(bed, *args):
    bed.once("plain", lambda: bed.output("true"))
    got = bed.call(*args)
    assert got.status != 0, f"{args} went through: {got}"
    assert got.err.strip(), "no word of it"


def no_id(operation):
    def check(bed):
        refused(bed, operation)
    return check


for _operation, _section in (("state", "Query State"), ("start", "Start"), ("kill", "Kill"), ("delete", "Delete")):
    case(DOC, _section, "This operation MUST generate an error if it is not provided the container ID.",
         name=f"{_operation} without an id is an error")(no_id(_operation))


@case(DOC, "Query State", "Attempting to query a container that does not exist MUST generate an error.")
def state_of_nobody(bed):
    refused(bed, "state", bed.new_id())


@case(DOC, "Query State", "This operation MUST return the state of a container as specified in the State section.")
def state_is_returned(bed):
    assert {"ociVersion", "id", "status", "pid", "bundle"} <= set(state(bed, "running"))


@case(DOC, "Create", "This operation MUST generate an error if it is not provided a path to the bundle and the container ID to "
      "associate with the container.")
def create_without_bundle_or_id(bed):
    bundle = bed.bundle()
    refused(bed, "create", "--bundle", bundle.path)
    refused(bed, "create", "--bundle", bed.top / "no such", bundle.id)
    assert not (bed.store / bundle.id).exists()


@case(DOC, "Create", "If the ID provided is not unique across all containers within the scope of the runtime, or is not valid in "
      "any other way, the implementation MUST generate an error and a new container MUST NOT be created.")
def create_with_a_bad_id(bed):
    seen = life(bed)
    assert seen["create"].status == 0, seen["create"]
    assert seen["again"].status != 0, "a second container of the same id"
    assert json.loads(seen["running"].out)["pid"] == json.loads(seen["created"].out)["pid"], "the first one was replaced"
    bundle = bed.bundle()
    before = sorted(os.listdir(bed.store))
    for bad in ("", ".", "..", "a/b", "../x", "a b", "a\nb"):
        got = bed.create(Bundle(bad, bundle.path, bundle.config))
        if got.status == 0:
            bed.call("delete", "--force", bad)
        assert got.status != 0, f"the id {bad!r} is taken"
    made = set(os.listdir(bed.store)) - set(before)
    assert not {n for n in made if not n.startswith((".", bed.prefix))}, made


@case(DOC, "Create", "This operation MUST create a new container.")
def create_makes_a_container(bed):
    assert life(bed)["before"].status != 0
    assert state(bed, "created")["status"] == "created"


@case(DOC, "Create", "All of the properties configured in config.json except for process MUST be applied.",
      fields=["hostname", "mounts:/mnt"])
def create_applies_all_but_process(bed):
    def change(config):
        config["hostname"] = "applied"
        config["mounts"].append(mount("/mnt", options=["size=1m"]))
    bundle = bed.created(change=change)
    try:
        pid = bed.state(bundle)["pid"]
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as table:
            assert any(line.split()[4].endswith("/mnt") for line in table), "no mount yet"
        bed.ok("start", bundle.id)
        assert bed.ok("exec", bundle.id, "hostname").out == "applied\n"
        for name in ("mnt", "pid", "uts", "net", "ipc"):
            inside = bed.ok("exec", bundle.id, "readlink", f"/proc/1/ns/{name}").out.strip()
            assert inside != os.readlink(f"/proc/self/ns/{name}"), f"no {name} namespace of its own"
    finally:
        bed.delete(bundle)


@case(DOC, "Create", "process.args MUST NOT be applied until triggered by the start operation.")
def args_wait_for_start(bed):
    assert life(bed)["create"].status == 0
    assert life(bed)["out created"] == "" and life(bed)["out"].startswith("ran")


@case(DOC, "Create", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a "
      "new container MUST NOT be created.")
def create_of_what_cannot_be_applied(bed):
    bed.rejects(lambda c: c["mounts"].append(mount("/mnt", options=["size=nonsense"])))
    bed.rejects(lambda c: c["linux"].update(sysctl={"net.ipv4.no_such_thing": "1"}))


@case(DOC, "Start", "Attempting to start a container that is not created MUST have no effect on the container and MUST generate "
      "an error.")
def start_of_what_is_not_created(bed):
    seen = life(bed)
    assert seen["start"].status == 0, seen["start"]
    assert seen["start again"].status != 0, "a running container was started"
    assert seen["start stopped"].status != 0, "a stopped container was started"
    assert seen["out"].count("ran") == 1, seen["out"]
    assert state(bed, "stopped still")["status"] == "stopped"
    refused(bed, "start", bed.new_id())


@case(DOC, "Start", "This operation MUST run the user-specified program as specified by process.", fields=["process.user"])
def start_runs_as_specified(bed):
    uid = 0 if bed.rootless and not bed.facts["subordinate_ids"] else 7
    bundle = bed.created("id -u; echo $0 $1", lambda c: (c["process"]["args"].extend(["zero", "one"]),
                                                        c["process"].update(user={"uid": uid, "gid": 0, "umask": 0o77}),
                                                        c["process"]["args"].__setitem__(2, "id -u; umask; echo $0 $1")))
    try:
        bed.ok("start", bundle.id)
        bed.wait_status(bundle, "stopped")
        assert bundle.out() == f"{uid}\n0077\nzero one\n", bundle.out()
    finally:
        bed.delete(bundle)


@case(DOC, "Start", "This operation MUST generate an error if process was not set.")
def start_without_process(bed):
    bed.once("plain", lambda: bed.output("true"))
    bundle = bed.bundle(change=lambda c: c.pop("process"))
    made = bed.create(bundle)
    try:
        assert made.status != 0 or bed.call("start", bundle.id).status != 0, "started"
    finally:
        bed.delete(bundle)


@case(DOC, "Kill", "Attempting to send a signal to a container that is neither created nor running MUST have no effect on the "
      "container and MUST generate an error.")
def kill_of_a_stopped_container(bed):
    seen = life(bed)
    assert seen["kill"].status == 0, seen["kill"]
    assert seen["kill stopped"].status != 0, "a stopped container was signalled"
    assert state(bed, "stopped still")["status"] == "stopped"
    refused(bed, "kill", bed.new_id(), "TERM")


@case(DOC, "Kill", "This operation MUST send the specified signal to the process in the container.")
def kill_sends_the_signal(bed):
    assert "got TERM" in life(bed)["out"], life(bed)["out"]
    bundle = bed.created()
    try:
        pid = bed.state(bundle)["pid"]
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            assert "State" in status.read()
        bed.ok("kill", bundle.id, signal.SIGKILL.name)
        bed.wait_status(bundle, "stopped")
        bed.ok("delete", bundle.id)
    finally:
        bed.delete(bundle)


@case(DOC, "Delete", "Attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate "
      "an error.")
def delete_of_what_is_not_stopped(bed):
    seen = life(bed)
    assert seen["delete running"].status != 0, "a running container was deleted"
    assert state(bed, "still running")["status"] == "running"
    assert state(bed, "still running")["pid"] == state(bed, "running")["pid"]
    refused(bed, "delete", bed.new_id())


@case(DOC, "Delete", "Deleting a container MUST delete the resources that were created during the create step.")
def delete_removes_what_create_made(bed):
    seen = life(bed)
    assert seen["create"].status == 0 and seen["delete"].status == 0
    assert not (bed.store / seen["bundle"].id).exists(), "its directory in the store is left"
    assert not seen["groups"], seen["groups"]
    assert seen["id again"].status == 0, f"its id cannot be used again: {seen['id again']}"


@case(DOC, "Delete", "Note that resources associated with the container, but not created by this container, MUST NOT be deleted.")
def delete_keeps_what_it_did_not_make(bed):
    seen = life(bed)
    assert seen["delete"].status == 0, seen["delete"]
    assert seen["rootfs"] and "config.json" in seen["files"], seen["files"]
