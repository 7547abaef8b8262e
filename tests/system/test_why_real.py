# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel why on real causes: a spinning container under a quota, a memory hog at its limit."""

import time

from test_figures import by_hand, groups_of

from harness.schemas import check
from harness.wait import until

HOG = "x=abcdefgh; while :; do x=$x$x; done"
SPIN = "while :; do :; done"


def run(world, real, kind, script, *limits):
    """A container that runs `script` under limits."""
    name = world.name(kind)
    real.ok("create", name, "--rootfs", world.rootfs, "--", "sh", "-c", script)
    real.ok("limit", name, *limits)
    real.ok("start", name)
    return name


def causes(real, name, *args):
    (found,) = check("why.json", real.json("-c", "native", "why", name, *args))["instances"]
    return found["causes"]


def test_a_spinning_container_under_a_quota_is_throttled_first(world, real):
    name = run(world, real, "spin", SPIN, "cpu=0.2")
    groups = groups_of(real.json("-c", "native", "inspect", name)["pid"])
    for _ in range(5):  # on a host with more to do than it can it waits for a CPU instead, now more and now less
        before, began = by_hand(groups)["cpu.throttled"], time.monotonic_ns()
        found = causes(real, name, "--for", "1s")
        held = (by_hand(groups)["cpu.throttled"] - before) / (time.monotonic_ns() - began)
        assert found and found[0]["cause"] == "throttled", found
        if abs(found[0]["score"] - held) <= 0.2:
            break
    else:
        raise AssertionError((found, held))
    assert 0 < found[0]["score"] <= 1  # a fifth of a CPU, so four fifths of the time where nobody else wants one
    assert found[0]["remedy"] == f"limit {name} cpu=0.4"
    # what it says to do relieves it
    real.ok(*f"limit {name} cpu=4".split())
    after = [c["cause"] for c in causes(real, name, "--for", "500ms")]
    assert "throttled" not in after, after


def test_a_memory_hog_at_its_limit_is_named(world, real):
    # the shell that grows is killed, and begun again by the one around it
    name = run(world, real, "hog", f"while :; do sh -c '{HOG}'; done", "memory=16M")

    seen = []

    def named():
        seen[:] = causes(real, name, "--for", "1s")
        return seen and seen[0]["cause"] in ("oom", "reclaim")

    until(named, 15, lambda: seen)
    assert seen[0]["remedy"] == f"limit {name} memory=32M"
