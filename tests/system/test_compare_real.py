# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel compare on the lab's kinds of guest (under TCG) and container: real figures, and all as before."""

from harness.proc import interrupt_after
from harness.schemas import check

MEASURED = ("shell", "start", "memory", "footprint", "cpu", "syscall", "fork", "disk")


def container(world, real, word):
    name = world.name(word)
    real.ok("create", name, "--rootfs", world.rootfs, "--", "sh", "-c",
            "trap 'exit 0' TERM; sleep 3600 & wait")
    return name


def test_guest_beside_container(world, real):
    ct = container(world, real, "compare-ct")
    vm = world.guests.linux("compare-vm", start=False)
    real.ok("start", ct)
    try:
        out = check("compare.json", real.json("compare", vm, ct, "--yes", "--rounds", "1", timeout=120))
        rows = {row["row"]: row for row in out["rows"]}
        for name in MEASURED:
            for side in ("container", "guest"):
                assert rows[name][side]["median"], (name, side, rows[name][side])
        assert rows["net"]["guest"]["median"] > 0
        assert rows["net"]["container"]["reason"] == "it has no default route"
        for name in ("start", "shell", "cpu", "syscall", "fork", "disk", "net"):
            assert rows[name]["host"]["median"] > 0, rows[name]
        # what must be so on any host
        assert rows["start"]["guest"]["median"] > rows["start"]["container"]["median"]
        assert rows["shell"]["guest"]["median"] > rows["shell"]["container"]["median"]
        assert rows["memory"]["guest"]["median"] > 10 * rows["memory"]["container"]["median"]
        assert rows["fork"]["guest"]["median"] > rows["fork"]["container"]["median"]
        apart = out["apart"]
        assert apart["guest"]["kernel"] == "own" and apart["guest"]["accelerator"] == "tcg"
        assert apart["guest"]["release"] != out["host"]["kernel"]
        assert apart["container"]["release"] == out["host"]["kernel"]
        assert {"mnt", "pid", "net", "ipc", "uts"} <= set(apart["container"]["namespaces"])
        assert apart["container"]["seccomp"] is True
        # both are as they were, and nothing was left inside
        assert real.state(vm) == "stopped" and real.state(ct) == "running"
        assert ".lab-payload" not in real.ok("exec", ct, "--", "ls", "-a", "/tmp", "/var/tmp").out
    finally:
        world.guests.destroy(vm)


def test_a_guest_without_a_shell_has_reasons_and_an_interrupt_leaves_all_as_it_was(world, real):
    ct = container(world, real, "compare-int")
    vm = world.guests.firmware("compare-fw", start=False)
    real.ok("start", ct)
    try:
        with real.popen("compare", vm, ct, "--yes", "--rounds", "1") as running:
            err = interrupt_after(running, "fw: starting")
        assert running.wait() == 130, err
        assert real.state(vm) == "stopped" and real.state(ct) == "running", err
    finally:
        world.guests.destroy(vm)
