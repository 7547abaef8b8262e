# SPDX-License-Identifier: GPL-3.0-or-later
"""doctor and logs on real containers: what a SIGKILL left is found and cleaned; a log is followed."""

import os
import shutil
import signal
import subprocess

import pytest

from harness.schemas import check
from harness.wait import until


@pytest.fixture
def container(world, real):
    """Makes a container of the lab's files that runs a shell line; its name and id."""
    real.connect = ["native"]
    def make(line):
        name = world.name("ct")
        real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sh", "-c", line)
        return name, real.instances()[name]["id"]
    return make


def found(real, *args, status=0):
    """Check -> finding of the native backend that is not ok."""
    done = real.run("doctor", "native", "--json", *args)
    assert done.status == status, done
    return {f["check"]: f for f in check("doctor.json", done.json())["findings"] if f["level"] != "ok"}


def litter(real, *args, status=0):
    """The same, without what is said of the host."""
    host = ("store", "space", "conmon", "runtime", "cgroups", "overlay", "subordinate-ids")
    return {c: f for c, f in found(real, *args, status=status).items() if c not in host}


def test_a_running_container_is_no_litter(real, container):
    name, _ = container("sleep 100")
    real.ok("start", name)
    assert not litter(real)
    assert not litter(real, "--fix", "--yes")
    assert real.state(name) == "running"


def test_unused_layers_and_temporaries_go_and_used_ones_stay(real, container):
    name, ident = container("sleep 100")
    real.ok("snapshot", "create", name, "s1")
    home = os.path.join(real.root, "containers", ident)
    os.makedirs(os.path.join(home, "l", "77", "fs"))
    with open(os.path.join(home, "container.json.new"), "w", encoding="utf-8") as file:
        file.write("{")
    before = sorted(os.listdir(os.path.join(home, "l")))
    assert set(litter(real)) == {"unused-layers", "temporary-files"}
    assert all(f["fixed"] for f in litter(real, "--fix", "--yes").values())
    assert sorted(os.listdir(os.path.join(home, "l"))) == [n for n in before if n != "77"]
    real.ok("start", name)


def test_what_a_killed_conmon_leaves(real, container):
    name, ident = container("sleep 100")
    real.ok("start", name)
    with open(os.path.join(real.run_dir, "containers", ident, "conmon.pid"), encoding="utf-8") as file:
        os.kill(int(file.read()), signal.SIGKILL)
    until(lambda: real.run("doctor", "native").status == 1, 10, "doctor calls it bad")
    assert "restart" in litter(real, status=1)["conmon-lost"]["way_out"]
    real.ok("kill", name)


def test_a_container_that_vanished_leaves_nothing(real, container):
    name, ident = container("exit 3")
    real.ok("start", name)
    real.wait_state(name, "stopped")
    shutil.rmtree(os.path.join(real.root, "containers", ident))  # as no command would
    assert litter(real)["stale-run"]["fixable"]
    assert litter(real, "--fix", "--yes")["stale-run"]["fixed"]
    assert not os.path.exists(os.path.join(real.run_dir, "state", ident + ".json"))
    assert not litter(real)


def test_a_log_is_followed_to_its_end(real, container):
    name, _ = container("echo one; sleep 1; echo two; printf end")
    real.ok("start", name)
    done = real.ok("logs", "-f", name)
    assert done.out == "one\ntwo\nend\n", done
    assert "nothing more comes" in done.err
    assert real.ok("logs", name, "--since", "1h").out == "one\ntwo\nend\n"
    assert real.ok("logs", name, "--since", "2999-01-01").out == ""


def test_a_log_that_is_cut_off_is_followed_on(real, container):
    # what is cut off is more than comes again while nobody looks
    name, ident = container("i=0; while true; do echo line $i; i=$((i+1)); [ $i -lt 200 ] || sleep 0.2; done")
    real.ok("start", name)
    path = os.path.join(real.root, "containers", ident, "log")
    with real.popen("logs", "-f", name, stderr=subprocess.STDOUT) as running:
        lines = iter(running.stdout.readline, "")
        assert next(lines) == "line 0\n"
        assert any(line == "line 199\n" for line in lines)
        os.truncate(path, 0)
        assert any("begun anew" in line for line in lines)
        assert next(lines).startswith("line ")
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    real.ok("kill", name)
