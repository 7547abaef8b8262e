# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel why: every cause can be shown, by the figures of an instance that has it."""

import re

import pytest

from harness.gemel import ROOT
from harness.schemas import check, schemas

pytestmark = pytest.mark.quick

# trouble of the simulator -> (who has it, the cause that comes first, what relieves it)
TROUBLES = {
    "throttled:web-1": ("web-1", "throttled", r"limit web-1 cpu=\d"),
    "steal:lab-vm+hog:batch": ("lab-vm", "steal", r"limit batch cpu="),
    "io:db": ("db", "io", r"stats db"),
    "reclaim:lab-ct": ("lab-ct", "reclaim", r"limit lab-ct memory=128M"),
    "balloon:lab-vm": ("lab-vm", "balloon", r"limit lab-vm memory=512M"),
    "swap:web-2": ("web-2", "swap", r"limit web-2 memory="),
    "oom:web-1": ("web-1", "oom", r"limit web-1 memory=512M"),
    "waits:web-1+hog:batch": ("web-1", "neighbour", r"limit batch cpu="),
    "pids:web-1": ("web-1", "pids", r"limit web-1 pids=200"),
}
QUIET = "sim:12,whims=off,still=on,host-cpus=2"


def why(gemel, uri, *args):
    return check("why.json", gemel.json("-c", uri, "why", "--for", "200ms", *args))


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
def test_each_trouble_is_named_with_its_remedy(gemel, trouble):
    name, cause, remedy = TROUBLES[trouble]
    (found,) = why(gemel, f"{QUIET},trouble={trouble}", name)["instances"]
    first = found["causes"][0]
    assert first["cause"] == cause, found["causes"]
    assert re.match(remedy, first["remedy"]), first


def test_one_that_does_not_run_and_one_that_is_paused(gemel):
    found = {i["name"]: i["causes"][0] for i in why(gemel, QUIET, "mail", "router")["instances"]}
    assert (found["mail"]["cause"], found["mail"]["remedy"]) == ("stopped", "start mail")
    assert (found["router"]["cause"], found["router"]["remedy"]) == ("paused", "resume router")


def test_one_that_hangs(gemel):
    uri = f"{QUIET},hang-instance=db,hang-for=20s"
    (found,) = why(gemel, uri, "db", "--timeout", "5s")["instances"]
    assert found["causes"][0]["cause"] == "hung"


def test_who_eats_the_host(gemel):
    out = why(gemel, f"{QUIET},trouble=hog:batch+hog:batch")
    assert out["instances"][0]["name"] == "batch" and out["instances"][0]["eats"] == "cpu"
    kinds = {i["kind"] for i in out["instances"]}
    assert kinds == {"vm", "container"}
    for share in ("block", "net"):
        total = sum(i["shares"][share] or 0 for i in out["instances"])
        assert total == pytest.approx(1, abs=0.01)


def test_shares_are_of_the_host_that_the_backend_tells_of(gemel):
    """The simulated host is as large as what runs on it needs, whatever this one is."""
    out = gemel.json("--demo=200", "why", "--for", "200ms")
    assert out["host"] == {"cpus": 200.0, "memory_bytes": 800 << 30}
    for share in ("cpu", "memory"):
        assert sum(i["shares"][share] or 0 for i in out["instances"]) < 1, share
    small = why(gemel, "sim:12,host-cpus=4,still=on")
    large = why(gemel, "sim:12,host-cpus=8,still=on")
    assert (small["host"]["cpus"], large["host"]["cpus"]) == (4, 8)
    assert gemel.fails(2, "-c", "sim:12,host-cpus=0", "list").err.count("number of CPUs") == 1


def test_text(gemel):
    out = gemel.ok("-c", f"{QUIET},trouble=throttled:web-1", "why", "web-1", "--for", "200ms").out
    assert re.search(r"1\. held back by its CPU limit \(6\d %\)", out), out
    assert "try: gemel limit web-1 cpu=" in out
    out = gemel.ok("-c", QUIET, "why", "--for", "200ms").out
    assert out.splitlines()[0].split() == ["NAME", "KIND", "EATS", "OF", "HOST", "CPU%", "MEM%", "BLOCK%", "NET%",
                                           "ITSELF"]


def test_unknown_name_and_bad_span(gemel):
    assert "nobody" in gemel.fails(3, "--demo", "why", "nobody").err
    gemel.fails(2, "--demo", "why", "db", "--for", "1ms")


def test_a_silent_backend(gemel):
    result = gemel.run("--connect", QUIET, "--connect", "sim:3,hang=sample", "why", "--json",
                       "--for", "200ms", "--timeout", "1s")
    assert result.status == 5 and "sim2" in result.err
    assert check("why.json", result.json())["instances"]


def test_causes_of_the_schema_are_those_of_the_table():
    with open(f"{ROOT}/console/why.c", encoding="utf-8") as file:
        table = re.findall(r'\[WHY_\w+\] = \{\s*\.name = "([a-z]+)"', file.read())
    causes = schemas()["why.json"]["properties"]["instances"]["items"]["properties"]["causes"]
    assert causes["items"]["properties"]["cause"]["enum"] == table
