# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel lab: the commands, and the parts it is made of."""

import os
import re
import subprocess

import pytest

from harness.gemel import ROOT
from harness.wait import until

LAB = os.path.join(ROOT, "config", "lab")


@pytest.fixture
def lab(world, real):
    """The environment of a lab of this test's own: names, directories, an answer to the KVM question."""
    state = os.path.join(world.home, "labstate")
    env = {"GEMEL_LAB_NAME": f"{world.tag}-lab", "GEMEL_LAB_STATE": state,
           "GEMEL_LAB_CACHE": os.path.dirname(world.kernel), "GEMEL_LAB_KVM": "qemu"}
    world.libvirt()
    yield env
    real.run("lab", "down", env=env, timeout=60)
    for name in (f"{world.tag}-lab-vm", f"{world.tag}-lab-vm2"):
        world.guests.destroy(name)


def test_lab_up_twice_status_and_down(world, real, lab):
    names = {part: f"{world.tag}-lab-{part}" for part in ("vm", "vm2", "ct", "ct2")}
    assert real.run("lab", "status", env=lab).status == 1
    real.ok("lab", "up", env=lab, timeout=120)
    states = {n: i["state"] for n, i in real.instances().items()}
    assert states[names["vm"]] == "running" and states[names["ct"]] == "running"
    assert states[names["vm2"]] == "stopped" and states[names["ct2"]] == "stopped"
    again = real.ok("lab", "up", env=lab, timeout=60)
    assert "created" not in again.out + again.err and "defined" not in again.out + again.err, again
    assert real.json("lab", "status", env=lab)["network"] == "up"
    # what is stopped comes back, what runs is left alone
    real.ok("stop", names["ct"])
    real.ok("lab", "up", env=lab, timeout=60)
    assert real.state(names["ct"]) == "running"
    # its network figures move
    ns = f"gemel-{world.tag}-lab-ct"

    def received():
        text = world.run("ip", "netns", "exec", ns, "cat", "/proc/net/dev").stdout
        return int(re.search(r"eth0:\s*(\d+)", text).group(1))
    until(lambda: received() > 500, 20, "traffic of the lab's container")
    # and the guest can be stopped as soon as its figures say that it is up
    world.guests.wait_booted(names["vm"])
    real.ok("stop", names["vm"], "--timeout", "15s")
    real.ok("lab", "down", env=lab, timeout=60)
    assert not set(real.instances()) & set(names.values())
    assert not os.path.exists(lab["GEMEL_LAB_STATE"])
    assert real.run("lab", "status", env=lab).status == 1


def test_guest_reports_its_memory_and_saves_it_with_snapshots(world):
    name = world.guests.linux("parts-vm")
    try:
        stats = world.virsh("domstats", "--balloon", "--vcpu", name)
        assert "balloon.available=" in stats and "vcpu.1.time=" in stats
        world.virsh("snapshot-create-as", name, "s1")
        world.virsh("snapshot-revert", name, "s1")
        assert world.virsh_states()[name] == "running"
    finally:
        world.guests.destroy(name)


def test_kvm_probe_answers_and_remembers(world, scratch):
    began = subprocess.run([os.path.join(LAB, "kvm-probe"), world.image, scratch], check=True,
                           stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert re.match(r"(kvm|qemu) \S", began)
    if os.path.exists("/dev/kvm"):
        before = os.stat(os.path.join(scratch, "kvm-probe"))
    again = subprocess.run([os.path.join(LAB, "kvm-probe"), world.image, scratch], check=True,
                           stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert again == began
    if os.path.exists("/dev/kvm"):  # read, not probed for and written anew
        assert os.stat(os.path.join(scratch, "kvm-probe")).st_mtime_ns == before.st_mtime_ns


def test_parts_are_made_once(world):
    for argv in ((os.path.join(LAB, "ct-rootfs"), world.rootfs),
                 (os.path.join(LAB, "guest-image"), world.kernel, world.image)):
        marker = world.rootfs + "/bin/busybox" if "rootfs" in argv[0] else world.image + "/initrd.img"
        before = os.stat(marker).st_ino
        subprocess.run(argv, check=True, timeout=60)
        assert os.stat(marker).st_ino == before


@pytest.mark.parametrize("argv", [("domain-xml", "a b", "kvm", "/i", "/d"),
                                  ("domain-xml", "x", "xen", "/i", "/d"), ("domain-xml", "x"),
                                  ("netns", "sideways"), ("netns", "up", "a/b")])
def test_wrong_usage_is_status_2(argv):
    done = subprocess.run([os.path.join(LAB, argv[0]), *argv[1:]], stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, check=False)
    assert done.returncode == 2, done
    assert done.stderr
