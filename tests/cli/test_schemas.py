# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands print with --json is what docs/schemas says."""

import copy
import json
import os
import re

import jsonschema
import pytest

from harness.gemel import ROOT
from harness.schemas import check, problems, schemas

pytestmark = pytest.mark.quick

BACKENDS = {"sim": ("--demo=60",), "libvirt-test": ("-c", "test:///default")}


@pytest.fixture(params=sorted(BACKENDS))
def some(request, gemel):
    """gemel on one of several backends: call it with a command, get what it printed as JSON."""
    return lambda *args: gemel.json(*BACKENDS[request.param], *args)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schema_is_a_schema_and_says_what_it_is_for(name):
    schema = schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    assert schema["title"] and schema["description"]


def test_list(some):
    assert check("list.json", some("list"))["instances"]


def test_list_of_hostile_names(gemel):
    out = gemel.json("-c", "sim:0,hostile=on", "list")
    assert len(check("list.json", out)["instances"]) == 5


def test_list_with_a_missing_backend(gemel):
    result = gemel.run("-c", "sim:3,fail=list:1:unreachable", "list", "--json")
    assert result.status == 5
    out = check("list.json", result.json())
    assert [e["kind"] for e in out["errors"]] == ["unreachable"]


def test_inspect_of_every_instance(gemel):
    for instance in gemel.json("--demo", "list")["instances"]:
        seen = check("inspect.json", gemel.json("--demo", "inspect", instance["id"]))
        for key in set(instance) - {"uptime_s", "actions"}:
            assert seen[key] == instance[key]


def test_inspect_of_the_test_driver(gemel):
    check("inspect.json", gemel.json("-c", "test:///default", "inspect", "test"))


def test_isolation_of_every_instance(gemel):
    for instance in gemel.json("--demo", "list")["instances"]:
        seen = check("isolation.json", gemel.json("--demo", "isolation", instance["id"]))
        runs = instance["state"] in ("running", "paused")
        assert (seen["pid"] is not None) == runs
        assert (seen["guest"] is not None) == (instance["kind"] == "vm")
        assert runs or seen["unknown"]["namespaces"]


def test_isolation_of_the_test_driver(gemel):
    seen = check("isolation.json", gemel.json("-c", "test:///default", "isolation", "test"))
    assert seen["guest"]["devices"] and seen["unknown"]["namespaces"]


def test_host(some):
    out = check("host.json", some("host"))
    assert out["hosts"] and not out["errors"]


def test_host_of_a_backend_that_is_away(gemel):
    result = gemel.run("-c", "sim:3,fail=host:1:unreachable", "host", "--json")
    assert result.status == 5
    assert check("host.json", result.json())["errors"][0]["kind"] == "unreachable"


def test_top(gemel):
    out = lines(gemel.ok("--demo", "top", "--count", "2", "--json", timeout=60).out)
    assert len(out) > 10
    for line in out:
        check("stats.json", line)
    assert any(line["cpu_percent"] for line in out)


def test_top_of_a_hung_guest(gemel):
    out = lines(gemel.ok("-c", "sim:12,hang-instance=db,hang-for=20s", "top", "--count", "3",
                         "--json", timeout=60).out)
    for line in out:
        check("stats.json", line)


def test_snapshots(gemel):
    script = "snapshot create mail s1\nsnapshot create mail s2\nsnapshot list mail --json\n"
    out = gemel.ok("--demo", "--batch", input=script).out
    found = check("snapshots.json", json.loads(out.splitlines()[-1]))["snapshots"]
    assert [(s["name"], s["parent"], s["current"]) for s in found] == [
        ("s1", None, False), ("s2", "s1", True)]


def test_events(gemel):
    out = gemel.ok("--demo", "events", "--count", "1", "--json").out
    assert [check("events.json", line)["event"] for line in lines(out)] == ["backend-up"]


def test_backends(some):
    assert check("backends.json", some("backends"))["backends"]


def test_jobs(gemel):
    out = gemel.ok("--demo", "--batch", input="start mail\njobs --json\n").out
    found = check("jobs.json", json.loads(out.splitlines()[-1]))["jobs"]
    assert [(j["title"], j["state"]) for j in found] == [("start mail", "done")]


@pytest.mark.parametrize("act", [("start", "mail"), ("stop", "web-1", "lab-ct"), ("pause", "build"),
                                 ("limit", "lab-ct", "cpu=0.5"), ("delete", "mail", "--yes")])
def test_results(gemel, act):
    out = check("results.json", gemel.json("--demo", *act))["results"]
    assert len(out) == len([w for w in act[1:] if "=" not in w and not w.startswith("-")])
    assert all(r["done"] and r["act"] == act[0] for r in out)


def test_results_of_a_failure(gemel):
    result = gemel.run("-c", "sim:12,fail=start:1:denied", "start", "mail", "--json")
    assert result.status == 7
    out = check("results.json", result.json())["results"]
    assert out[0]["error"]["kind"] == "denied"


# ---- the schemas keep up with the tables, and refuse what they should

def source(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def test_metrics_are_those_of_the_table():
    of_an_instance = source("backends/metrics.h").split("#define GEMEL_ROW_METRICS")[0]
    table = re.findall(r'^    M\(\w+,\s*"([a-z_.]+)",\s*"[^"]*",\s*(?:COUNTER|GAUGE)',
                       of_an_instance, re.MULTILINE)
    known = schemas()["stats.json"]["properties"]["metrics"]["propertyNames"]["enum"]
    assert known == table


def test_error_kinds_are_those_of_the_table():
    table = re.findall(r'\[GEMEL_ERROR_\w+\] = \{"([a-z-]+)"', source("backends/error.c"))
    assert sorted(schemas()["error.json"]["properties"]["kind"]["enum"]) == sorted(table)


def test_states_and_actions_are_those_of_the_table():
    text = source("backends/backend.c")
    instance = schemas()["instance.json"]["properties"]
    states = re.findall(r'\[GEMEL_STATE_\w+\] = "([a-z]+)"', text)
    acts = re.findall(r'\[GEMEL_ACT_\w+\] = \{"([a-z ]+)"', text)
    assert sorted(instance["state"]["enum"]) == sorted(states)
    assert sorted(instance["actions"]["items"]["enum"]) == sorted(acts)


@pytest.mark.parametrize("spoil", [
    lambda i: i.pop("id"),
    lambda i: i.update(state="asleep"),
    lambda i: i.update(colour="red"),
    lambda i: i.update(vcpus="two"),
    lambda i: i.update(id="42"),
    lambda i: i["labels"].update(n=1),
])
def test_a_spoilt_list_is_refused(gemel, spoil):
    out = copy.deepcopy(gemel.json("--demo", "list"))
    spoil(out["instances"][0])
    assert problems("list.json", out)


@pytest.mark.parametrize("name", ["db", "web-1"])
def test_an_undocumented_key_of_inspect_is_refused(gemel, name):
    out = gemel.json("--demo", "inspect", name)
    out["colour"] = "red"
    assert problems("inspect.json", out)


def test_help(gemel):
    everything = check("help.json", gemel.json("--demo", "help"))["commands"]
    assert len(everything) > 30
    [one] = check("help.json", gemel.json("--demo", "help", "snapshot", "create"))["commands"]
    assert one in everything and one["name"] == "snapshot create"
    assert gemel.run("--demo", "help", "nothing", "--json").status == 2
