# SPDX-License-Identifier: GPL-3.0-or-later
"""Real guests and containers are described as docs/schemas says."""

import json

import pytest

from harness.schemas import check
from harness.wait import until


@pytest.fixture(scope="module")
def guest(world):
    """A running guest of firmware with a disk."""
    name = world.guests.firmware("schema", disk=True)
    yield name
    world.guests.destroy(name)


@pytest.fixture
def container(world, real):
    """A running container with everything set."""
    name = world.name("schema-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--label", "role=test", "--env", "A=b", "--",
            "/bin/lab-load")
    real.ok("start", name)
    real.ok("limit", name, "cpu=0.5", "memory=64M", "pids=100")
    return name


def test_list(real, guest, container):
    out = check("list.json", real.json("list"))
    assert {guest, container} <= {i["name"] for i in out["instances"]}


def test_inspect(real, guest, container):
    for name in (guest, container):
        check("inspect.json", real.json("inspect", name))


def test_inspect_of_something_stopped(real, container):
    real.ok("kill", container)
    check("inspect.json", real.json("inspect", container))


def test_top(real, guest, container):
    def seen():
        out = real.ok("top", "--count", "1", "--json", timeout=60).out
        return {check("stats.json", json.loads(line))["name"] for line in out.splitlines()}

    # a libvirtd that was just started takes seconds for its first bulk call
    until(lambda: {guest, container} <= seen(), 30, "figures of both")


def test_snapshots(real, guest, container):
    for name in (guest, container):
        real.ok("snapshot", "create", name, "s1")
        found = check("snapshots.json", real.json("snapshot", "list", name))["snapshots"]
        assert [s["name"] for s in found] == ["s1"]


def test_backends(real):
    out = check("backends.json", real.json("backends"))
    assert {b["type"] for b in out["backends"]} == {"libvirt", "native"}
