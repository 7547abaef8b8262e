# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests for tests: Linux ones made of the lab's parts, and firmware-only ones, of which many are cheap."""

import contextlib
import functools
import os
import subprocess
import uuid

from .wait import seen_within, until

FIRMWARE = """<domain type='{type}'>
  <name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory><vcpu>{vcpus}</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    {disk}
    <controller type='usb' model='none'/>
    <serial type='pty'/><console type='pty'/>
    <memballoon model='none'/>
  </devices>
</domain>"""


class Guests:
    """The guests of a World, on its private libvirtd."""

    def __init__(self, world):
        self.world = world
        self.names = []

    @functools.cached_property
    def type(self):
        """'kvm' where a firmware-only guest runs under it, else 'qemu'."""
        if not os.path.exists("/dev/kvm"):
            return "qemu"
        done = subprocess.run(
            ["timeout", "-k", "1", "3", "qemu-system-x86_64", "-M", "pc", "-accel", "kvm", "-m", "16",
             "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio"],
            input='{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n{"execute":"quit"}\n',
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return "kvm" if '"running": true' in done.stdout else "qemu"

    def define(self, word, xml):
        """Define a guest from XML; its name is the world's name of word."""
        name = self.world.name(word)
        path = os.path.join(self.world.home, f"{name}.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(xml)
        self.world.virsh("define", path)
        self.names.append(name)
        return name

    def firmware(self, word, start=True, memory=16, vcpus=1, disk=False):
        """A guest of firmware only: milliseconds to start, real vCPUs, nothing that answers ACPI."""
        name = self.world.name(word)
        device = ""
        if disk:
            file = os.path.join(self.world.home, f"{name}.qcow2")
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "64M"], check=True)
            device = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
                      f"<source file='{file}'/><target dev='vda' bus='virtio'/></disk>")
        self.define(word, FIRMWARE.format(type=self.type, name=name, uuid=uuid.uuid4(),
                                          memory=memory, vcpus=vcpus, disk=device))
        if start:
            self.world.virsh("start", name)
        return name

    def linux(self, word, start=True):
        """The lab's guest under a name of this run (TCG: it runs on every host)."""
        name = self.world.name(word)
        disk = os.path.join(self.world.home, f"{name}.qcow2")
        lab = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
            os.path.abspath(__file__)))), "config", "lab")
        subprocess.run([os.path.join(lab, "guest-disk"), disk], check=True,
                       stderr=subprocess.DEVNULL)
        xml = subprocess.run([os.path.join(lab, "domain-xml"), name, "qemu", self.world.image, disk],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        self.define(word, xml)
        if start:
            self.world.virsh("start", name)
            self.wait_booted(name)
        return name

    def wait_booted(self, name, timeout=60):
        """Until the guest's own programs run: its balloon driver reports."""
        def booted():
            return "balloon.unused=" in self.world.virsh("domstats", "--balloon", name)
        if not seen_within(timeout, booted, every=0.3):
            # an emulated kernel that got no time while it measured its clocks may stand for good
            self.world.virsh("reset", name)
            until(booted, timeout, f"{name} to boot, after a reset too", every=0.3)

    def pid(self, name):
        """The pid of the guest's QEMU."""
        return int(self.world.run("cat", f"/run/libvirt/qemu/{name}.pid").stdout)

    def destroy(self, name):
        """End a guest and forget it with its snapshots."""
        if name in self.names:
            self.names.remove(name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.world.virsh("destroy", name, check=False, timeout=20)
            self.world.virsh("undefine", name, "--snapshots-metadata", check=False, timeout=20)
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.world.home, f"{name}.qcow2"))

    def destroy_all(self):
        """End and forget all."""
        for name in list(self.names):
            self.destroy(name)
