# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel why on real causes: a spinning container under a quota, a memory hog at its limit."""

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
    found = causes(real, name, "--for", "1s")
    assert found and found[0]["cause"] == "throttled", found
    assert 0.4 < found[0]["score"] <= 1  # a fifth of a CPU, so four fifths of the time
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
