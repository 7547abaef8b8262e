# SPDX-License-Identifier: GPL-3.0-or-later
"""Clones of real guests and containers: they start, are nobody's but their own, and a kill leaves nothing."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

from harness.schemas import check
from harness.wait import until

SECTOR = 1 << 20


def write(path, byte):
    """A megabyte of this byte at the beginning of a disk."""
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -q -P {byte} 0 {SECTOR}", path], check=True)


def holds(path, byte):
    """Whether it reads as that, through its backing files."""
    done = subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"read -q -P {byte} 0 {SECTOR}", path],
                          check=True, stdout=subprocess.PIPE, text=True)
    return "verification failed" not in done.stdout


@pytest.fixture
def guest(world):
    """A firmware-only guest with a disk; its name and the disk."""
    name = world.guests.firmware("origin", start=False, disk=True)
    disk = os.path.join(world.home, f"{name}.qcow2")
    write(disk, 1)
    yield name, disk
    world.guests.destroy(name)


@pytest.fixture
def twin(world):
    """A name for a clone, forgotten with its disk after the test."""
    name = world.name("twin")
    world.guests.names.append(name)
    yield name
    world.guests.destroy(name)


@pytest.fixture
def libvirt(world, real):
    """gemel on the private libvirtd alone."""
    world.libvirt()
    real.connect = ["qemu:///system"]
    return real


def leftovers(real, *args):
    """What doctor names as half made."""
    done = check("doctor.json", json.loads(real.run("doctor", "--json", *args).out))
    return [f for f in done["findings"] if f["check"] == "half-made"]


def traces(world, word):
    """Files of a clone, temporary ones too, in the guests' directory."""
    return [n for n in os.listdir(world.home) if word in n or n.startswith(".gemel-clone-")]


def test_a_guest_and_its_clone_run_side_by_side(world, libvirt, guest, twin):
    name, disk = guest
    plan = libvirt.ok("clone", name, twin, "--dry-run").out
    copy = os.path.join(world.home, f"{twin}.qcow2")
    assert f"copied  {disk} (" in plan and f"by qemu-img to {copy}" in plan, plan
    assert not traces(world, twin) and libvirt.state(twin) is None
    row = check("results.json", libvirt.json("clone", name, twin))["results"][0]
    assert row["to"] == twin and row["done"]
    assert traces(world, twin) == [f"{twin}.qcow2"]
    assert holds(copy, 1)
    write(copy, 2)
    assert holds(disk, 1) and holds(copy, 2)
    for each in (name, twin):
        libvirt.ok("start", each)
    assert libvirt.state(name) == libvirt.state(twin) == "running"
    assert world.virsh("domuuid", name) != world.virsh("domuuid", twin)
    assert os.stat(copy).st_ino != os.stat(disk).st_ino


def test_a_linked_clone_grows_from_its_original(world, libvirt, guest, twin):
    name, disk = guest
    done = libvirt.ok("clone", name, twin, "--linked")
    assert f"{name} must not be started any more" in done.err, done
    copy = os.path.join(world.home, f"{twin}.qcow2")
    info = json.loads(subprocess.run(["qemu-img", "info", "--output=json", copy], check=True,
                                     stdout=subprocess.PIPE).stdout)
    assert info["backing-filename"] == disk and info["backing-filename-format"] == "qcow2"
    assert holds(copy, 1)
    write(copy, 2)
    assert holds(disk, 1) and holds(copy, 2)
    libvirt.ok("start", twin)


def test_volumes_of_a_pool_are_copied_by_libvirt(world, libvirt, guest, twin):
    name, _ = guest
    pool, folder = world.name("pool"), os.path.join(world.home, "pool")
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    world.virsh("pool-create-as", pool, "dir", "--target", folder)
    try:
        world.virsh("vol-create-as", pool, f"{name}-data.qcow2", "4M", "--format", "qcow2")
        data = os.path.join(folder, f"{name}-data.qcow2")
        write(data, 3)
        world.virsh("attach-disk", name, data, "vdb", "--driver", "qemu", "--subdriver", "qcow2",
                    "--config")
        assert f"by libvirt to {pool}/{twin}-data.qcow2" in libvirt.ok("clone", name, twin, "--dry-run").out
        for args in ([], ["--linked"]):
            libvirt.ok("clone", name, twin, *args)
            copy = os.path.join(folder, f"{twin}-data.qcow2")
            assert copy in world.virsh("domblklist", twin)
            assert holds(copy, 3)
            write(copy, 4)
            assert holds(data, 3)
            world.virsh("undefine", twin)
            world.virsh("vol-delete", "--pool", pool, f"{twin}-data.qcow2")
            os.unlink(os.path.join(world.home, f"{twin}.qcow2"))
        # what is in the way of the second disk takes the first one back
        world.virsh("vol-create-as", pool, f"{twin}-data.qcow2", "1M")
        libvirt.fails(6, "clone", name, twin)
        assert not traces(world, twin) and os.path.exists(copy)
    finally:
        world.virsh("pool-destroy", pool)


def test_a_clone_takes_nothing_that_is_there(world, libvirt, guest, twin):
    name, disk = guest
    copy = os.path.join(world.home, f"{twin}.qcow2")
    with open(copy, "w", encoding="utf-8") as file:
        file.write("mine")
    assert copy in libvirt.fails(6, "clone", name, twin).err
    with open(copy, encoding="utf-8") as file:
        assert file.read() == "mine"
    os.unlink(copy)
    os.truncate(disk, 100)  # no qcow2 any more: qemu-img refuses it
    assert "qemu-img" in libvirt.fails(1, "clone", name, twin).err
    assert not traces(world, twin) and not leftovers(libvirt)
    assert not os.listdir(os.path.join(libvirt.root, "clones"))


def test_a_guest_that_runs_is_not_cloned(libvirt, guest, twin):
    name, _ = guest
    libvirt.ok("start", name)
    assert "stop it first" in libvirt.fails(6, "clone", name, twin).err


@pytest.fixture
def slow_path(world):
    """A PATH whose qemu-img writes a little and then takes for ever; and what it has written to."""
    folder = os.path.join(world.home, "slow")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "qemu-img")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nfor last; do :; done\necho partial > \"$last\"\necho $$ > "
                   f"{folder}/pid\nexec sleep 100\n")
    os.chmod(path, 0o755)
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, "pid"))
    return f"{folder}:/usr/bin:/bin", os.path.join(folder, "pid")


def pid_in(path):
    """The number in the file, None while there is none."""
    with contextlib.suppress(OSError, ValueError):
        with open(path, encoding="utf-8") as file:
            return int(file.read())
    return None


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_clone_that_is_ended_leaves_nothing(world, libvirt, guest, twin, slow_path, by):
    name, disk = guest
    path, pid_file = slow_path
    with libvirt.popen("clone", name, twin, env={"PATH": path}) as running:
        helper = until(lambda: pid_in(pid_file), 20, "the copy to begin")
        assert traces(world, twin) and not leftovers(libvirt), "one at work is no litter"
        running.send_signal(by)
        _, err = running.communicate(timeout=60)
    if by != signal.SIGKILL:
        assert running.returncode == 128 + by and "cancelled" in err, err
    until(lambda: not os.path.exists(f"/proc/{helper}"), 10, "the helper to end too")
    if by == signal.SIGKILL:
        left = leftovers(libvirt)
        assert len(left) == 1 and twin in left[0]["what"] and left[0]["fixable"], left
        assert all(f["fixed"] for f in leftovers(libvirt, "--fix", "--yes"))
    assert not traces(world, twin) and not leftovers(libvirt)
    assert not os.listdir(os.path.join(libvirt.root, "clones"))
    assert holds(disk, 1)
    libvirt.ok("clone", name, twin)  # and nothing is in the way


def test_doctor_spares_what_became_a_guest(world, libvirt, guest, twin):
    """Killed after the guest was defined, before the record went: the disk is in use."""
    name, _ = guest
    libvirt.ok("clone", name, twin)
    copy = os.path.join(world.home, f"{twin}.qcow2")
    mine = os.path.join(world.home, f"{twin}-mine")
    with open(mine, "w", encoding="utf-8") as file:
        file.write("not the inode that was made")
    info = os.stat(copy)
    os.makedirs(os.path.join(libvirt.root, "clones"), exist_ok=True)
    record = os.path.join(libvirt.root, "clones", "1-1-0.json")  # pid 1 did not start at tick 1
    with open(record, "w", encoding="utf-8") as file:
        json.dump({"name": twin, "uri": "qemu:///system", "temporaries": ["/etc/passwd"], "volumes": [],
                   "files": [{"path": copy, "dev": info.st_dev, "ino": info.st_ino},
                             {"path": mine, "dev": info.st_dev, "ino": info.st_ino}]}, file)
    assert all(f["fixed"] for f in leftovers(libvirt, "--fix", "--yes"))
    assert os.path.exists(copy) and os.path.exists(mine) and os.path.exists("/etc/passwd")
    assert not os.path.exists(record)
    os.unlink(mine)
    libvirt.ok("start", twin)


def test_a_container_and_its_clone_run_side_by_side(world, real):
    real.connect = ["native"]
    name, copy = world.name("ct"), world.name("ct-twin")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sh", "-c", "sleep 1000")
    real.ok("start", name)
    real.ok("exec", name, "--", "sh", "-c", "echo origin > /file")
    assert "stop it first" in real.fails(6, "clone", name, copy).err
    real.ok("stop", name, "--force")
    assert "  copied  /" in real.ok("clone", name, copy, "--dry-run").out
    real.ok("clone", name, copy)
    for each in (name, copy):
        real.ok("start", each)
    real.ok("exec", copy, "--", "sh", "-c", "echo twin > /file")
    assert real.ok("exec", name, "--", "cat", "/file").out == "origin\n"
    assert real.ok("exec", copy, "--", "sh", "-c", "cat /file; hostname").out == f"twin\n{copy}\n"
    for each in (name, copy):
        real.ok("kill", each)
