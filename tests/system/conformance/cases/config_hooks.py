# SPDX-License-Identifier: GPL-3.0-or-later
"""config.md, POSIX-platform hooks: where, when and in what order hooks run, and what they are given."""

import json
import os

import hooks
from suite import add_case, case

DOC, SECTION = "config.md", "POSIX-platform Hooks"
IN_CONTAINER = ("createContainer", "startContainer")


def life(bed):
    return hooks.whole_life(bed)


def refuses(kind, **change):
    """The entry as changed is refused; as it was, it runs."""
    def check(bed):
        hooks.of(life(bed), kind)
        bundle = bed.bundle()
        hooks.write_scripts(bundle)
        bundle.config["hooks"] = {kind: [{**hooks.entry(bed, bundle, kind, f"{kind}-1"), **change}]}
        bed.write(bundle)
        got = bed.call("run", "--bundle", bundle.path, bundle.id)
        left = (bed.store / bundle.id).exists()
        bed.delete(bundle)
        assert got.status != 0, f"taken: {change}"
        assert not left, "refused, but the container is there"
    return check


for _kind in ("prestart", "createRuntime"):
    add_case(DOC, SECTION, f"({_kind}) This specification extends the IEEE standard in that path MUST be absolute.",
             refuses(_kind, path="hook.sh"), f"a relative path of a {_kind} hook is an error")
    add_case(DOC, SECTION, f"({_kind}) If set, timeout MUST be greater than zero.",
             refuses(_kind, timeout=0), f"a timeout of zero of a {_kind} hook is an error")


def path_resolves(kind):
    """The file lies on one side only: the record shows whose file ran, by what it was told to do."""
    def check(bed):
        record = hooks.of(life(bed), kind)[0]
        where = "container" if kind == "startContainer" else "host"
        assert record["root"] == where or kind == "createContainer", record
        if kind not in ("poststart", "poststop"):  # there a failure is a warning
            refuses(kind, path="/hook.sh" if where == "host" else str(bed.top / "no" / "hook.sh"))(bed)
    return check


def runs_in(kind):
    def check(bed):
        seen = life(bed)
        ours = " ".join(str(os.stat(f"/proc/self/ns/{n}").st_ino) for n in ("mnt", "uts", "net", "ipc"))
        for record in hooks.of(seen, kind):
            if kind in IN_CONTAINER:
                assert record["ns"].split() == seen["ns"].split(), f"{record['ns']} is not the container's {seen['ns']}"
            else:
                assert record["ns"].split() == ours.split(), f"{record['ns']} is not the runtime's {ours}"
    return check


def of_section(kind):
    return {"prestart": "Prestart", "createRuntime": "CreateRuntime Hooks", "createContainer": "CreateContainer Hooks",
            "startContainer": "StartContainer Hooks", "poststart": "Poststart", "poststop": "Poststop"}[kind]


for _kind in hooks.KINDS:
    _path = "container" if _kind == "startContainer" else "runtime"
    _runs = "container" if _kind in IN_CONTAINER else "runtime"
    add_case(DOC, SECTION, f"({_kind}) The value of path MUST resolve in the {_path} namespace.", path_resolves(_kind),
             f"the path of a {_kind} hook resolves in the {_path} namespace", [f"hooks.{_kind}"])
    add_case(DOC, SECTION, f"The {_kind} hooks MUST be executed in the {_runs} namespace.", runs_in(_kind),
             f"{_kind} hooks run in the {_runs} namespace", [f"hooks.{_kind}"])
    add_case(DOC, of_section(_kind), f"The {_kind} hooks' path MUST resolve in the {_path} namespace.", path_resolves(_kind),
             f"the path resolves in the {_path} namespace", [f"hooks.{_kind}"])
    add_case(DOC, of_section(_kind), f"The {_kind} hooks MUST be executed in the {_runs} namespace.", runs_in(_kind),
             f"runs in the {_runs} namespace", [f"hooks.{_kind}"])


@case(DOC, SECTION, "Hooks MUST be called in the listed order.", fields=[f"hooks.{k}" for k in hooks.KINDS])
def hooks_run_in_the_listed_order(bed):
    seen = life(bed)
    names = [r["hook"] for r in seen["delete"]]
    assert names == [f"{k}-{n}" for k in hooks.HOST_KINDS for n in (1, 2)], names
    assert [r["hook"] for r in seen["inside"]] == ["startContainer-1", "startContainer-2", "program"], seen["inside"]


@case(DOC, SECTION, "The state of the container MUST be passed to hooks over stdin so that they may do work appropriate to the "
      "current state of the container.", fields=[f"hooks.{k}" for k in hooks.KINDS] + ["annotations"])
def hooks_get_the_state(bed):
    seen = life(bed)
    fit = {"prestart": ("creating", "created"), "createRuntime": ("creating", "created"),
           "createContainer": ("creating", "created"), "startContainer": ("creating", "created"),
           "poststart": ("running",), "poststop": ("stopped",)}
    for kind in hooks.KINDS:
        for record in hooks.of(seen, kind):
            state = json.loads(record["state"])
            assert state["id"] == seen["bundle"].id and state["bundle"] == str(seen["bundle"].path), state
            assert state["status"] in fit[kind], f"{kind}: {state['status']}"
            assert state["annotations"] == {"org.example.hooked": "yes"}, state
            if kind in ("prestart", "createRuntime", "poststart"):
                assert state["pid"] == seen["state"]["pid"], state


@case(DOC, SECTION, "args (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008 execv's argv.",
      fields=["hooks.createRuntime"], name="hooks get their args")
def hooks_args(bed):
    for kind in hooks.KINDS:
        assert hooks.of(life(bed), kind)[0]["args"].endswith(f" {kind}-1 ok"), hooks.of(life(bed), kind)[0]


@case(DOC, SECTION, "env (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's environ.",
      fields=["hooks.createRuntime"], name="hooks get their env")
def hooks_env(bed):
    for kind in hooks.KINDS:
        assert hooks.of(life(bed), kind)[1]["x"] == f"of {kind}-2", hooks.of(life(bed), kind)[1]


@case(DOC, SECTION, "timeout (int, OPTIONAL) is the number of seconds before aborting the hook.", name="a hook past its timeout is "
      "aborted", fields=["hooks.createRuntime:/bin/busybox.timeout"])
def hook_timeout(bed):
    def change(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/busybox", "args": ["busybox", "sleep", "4"], "timeout": 1}]}
    bed.rejects(change)


def during_create(kind):
    """Ran in create, once the namespaces were there, before the root was changed."""
    def check(bed):
        seen = life(bed)
        assert f"{kind}-1" in [r["hook"] for r in seen["create"]], "not called by create"
        for record in [r for r in seen["create"] if r["hook"].startswith(kind)]:
            if kind == "createContainer":
                assert record["root"] == "host", "called after the pivot"
                continue
            assert record["init" if "init" in record else "root"] != "pivoted", "called after the pivot"
            if not bed.rootless:
                assert record["their"] not in ("", str(os.stat("/proc/self/ns/mnt").st_ino)), "the container's namespaces are not there"
    return check


for _kind in ("prestart", "createRuntime", "createContainer"):
    add_case(DOC, of_section(_kind), f"The {_kind} hooks MUST be called as part of the create operation after the runtime "
             "environment has been created but before the pivot_root or any equivalent operation has been executed.",
             during_create(_kind), "called by create before the pivot", [f"hooks.{_kind}"])


def before(bed, first, second):
    names = [r["hook"] for r in life(bed)["delete"]]
    assert f"{first}-2" in names and f"{second}-1" in names, names
    assert names.index(f"{first}-2") < names.index(f"{second}-1"), names


@case(DOC, "Prestart", "The prestart hooks MUST be called before the createRuntime hooks.",
      fields=["hooks.prestart", "hooks.createRuntime"])
def prestart_comes_before_createruntime(bed):
    before(bed, "prestart", "createRuntime")


@case(DOC, "CreateContainer Hooks", "The createContainer hooks MUST be called after the createRuntime hooks.",
      fields=["hooks.createContainer", "hooks.createRuntime"])
def createcontainer_comes_after_createruntime(bed):
    before(bed, "createRuntime", "createContainer")


@case(DOC, "StartContainer Hooks", "The startContainer hooks MUST be called before the user-specified process is executed as part "
      "of the start operation.", fields=["hooks.startContainer"])
def called_by_start_before_the_program(bed):
    seen = life(bed)
    assert not seen["create inside"], "called by create"
    assert [r["hook"] for r in seen["inside"]] == ["startContainer-1", "startContainer-2", "program"], seen["inside"]


@case(DOC, "Poststart", "The poststart hooks MUST be called after the user-specified process is executed but before the start "
      "operation returns.", fields=["hooks.poststart"])
def called_after_exec_before_start_returns(bed):
    seen = life(bed)
    assert not [r for r in seen["create"] if r["hook"].startswith("poststart")], "called by create"
    found = [r for r in seen["start"] if r["hook"].startswith("poststart")]
    assert found, "not called when start returned"
    for record in found:
        assert record["exe"].endswith("busybox"), f"the process was still {record['exe']}"


@case(DOC, "Poststop", "The poststop hooks MUST be called after the container is deleted but before the delete operation returns.",
      fields=["hooks.poststop"])
def called_after_deletion_before_delete_returns(bed):
    seen = life(bed)
    assert not [r for r in seen["stopped"] if r["hook"].startswith("poststop")], "called before delete"
    for record in hooks.of(seen, "poststop"):
        assert "group" not in record, "its cgroup was still there"
        assert "store" not in record, "it was still in the store"
