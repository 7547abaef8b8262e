# SPDX-License-Identifier: GPL-3.0-or-later
"""The console and the shell on the real parts, through keys; events; SIGKILL of the console."""

import re
import signal

import pytest

from harness import proc
from harness.wait import until

pytestmark = []


@pytest.fixture
def pair(world, real):
    """A firmware guest with a disk and a container, both running."""
    guest = world.guests.firmware("keys-vm", disk=True, memory=32)
    container = world.name("keys-ct")
    real.ok("create", container, "--rootfs", world.rootfs, "--", "/bin/lab-load")
    real.ok("start", container)
    yield guest, container
    world.guests.destroy(guest)


def row(name, state):
    return rf"(?m)^.*\b{re.escape(name)}\b.*\b{state}\b"


def choose(terminal, name):
    """Filter down to one instance, so that keys act on it."""
    terminal.key("/")
    terminal.send(f"{name}\r")
    terminal.wait(lambda t: re.search(row(name, r"\w+"), t.text()))
    terminal.wait_still(0.2)


def test_power_menu_and_command_line_on_the_real_thing(world, real, real_tui, pair):
    guest, container = pair
    terminal = real_tui(rows=30, cols=140)
    terminal.wait(row(guest, "running"), 20)
    terminal.wait(row(container, "running"))
    choose(terminal, container)
    terminal.key("p", "o")
    terminal.wait(row(container, "stopped"), 20)
    assert real.state(container) == "stopped"
    terminal.key("p", "s")
    terminal.wait(row(container, "running"), 20)
    terminal.key("Esc")
    terminal.key(":")
    terminal.send(f"pause {guest}\r")
    terminal.wait(row(guest, "paused"))
    assert world.virsh_states()[guest] == "paused"
    terminal.key(":")
    terminal.send(f"resume {guest}\r")
    terminal.wait(row(guest, "running"))
    terminal.key(":")
    terminal.send(f"snapshot create {guest} k1\r")
    until(lambda: world.virsh("snapshot-list", guest, "--name").split() == ["k1"], 30, "snapshot k1")
    terminal.key(":")
    terminal.send(f"snapshot create {container} k1\r")
    until(lambda: [s["name"] for s in real.json("snapshot", "list", container)["snapshots"]] == ["k1"],
          30, "the container's snapshot k1")
    terminal.key("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_everything_of_a_linux_guest_by_keys(world, real, real_tui):
    guest = world.guests.linux("all-vm")
    try:
        terminal = real_tui(rows=40, cols=140)
        terminal.wait(row(guest, "running"), 20)
        choose(terminal, guest)
        terminal.key("t")
        terminal.wait(r"snapshots")
        terminal.key("n")
        terminal.wait(rf"^:\s*snapshot create {re.escape(guest)} ?")
        terminal.send("t1\r")
        terminal.wait(r"\bt1\b.*(running|memory|internal)", 30)
        assert world.virsh("snapshot-list", guest, "--name").split() == ["t1"]
        terminal.key("Esc")
        terminal.wait(row(guest, "running"))
        terminal.key("p", "o")
        terminal.wait(row(guest, "stopped"), 15)
        assert world.virsh_states()[guest] == "shut off"
        terminal.key("t")
        terminal.wait(r"\bt1\b")
        terminal.key("r")
        terminal.wait(r"Take .* back to t1\?")
        terminal.key("y")
        until(lambda: world.virsh_states()[guest] == "running", 60, "the snapshot's state, running")
        terminal.key("Esc")
        terminal.wait(row(guest, "running"), 20)
        terminal.key("d")
        terminal.wait(rf"id: +{world.virsh('domuuid', guest)}")
        terminal.key("Esc")
        terminal.key("y")
        terminal.wait(r"<domain type='qemu'")
        terminal.key("Esc")
        terminal.wait(r"NAME.*STATE")
        terminal.key("Q")
        assert terminal.wait_exit() == 0
    finally:
        world.guests.destroy(guest)


def test_shell_inside_a_container_by_key(world, real, real_tui, pair):
    _, container = pair
    terminal = real_tui(rows=30, cols=140)
    terminal.wait(row(container, "running"), 20)
    choose(terminal, container)
    terminal.key("s")
    terminal.wait(r"#$", 20)
    # a full-screen program: it draws, follows the size and gives the screen back
    terminal.send("vi /etc/notes\r")
    terminal.wait(r"^~$", 20)
    terminal.send("isome text")
    terminal.wait(r"^some text")
    terminal.key("Esc")
    terminal.wait(r"^- /etc/notes")
    terminal.resize(24, 100)
    terminal.wait(lambda t: len([line for line in t.lines() if line == "~"]) < 23 and "shell in" in t.lines()[0])
    terminal.send(":q!\r")
    terminal.wait_gone(r"^~$")
    # what floods is stopped at once
    terminal.send("yes\r")
    terminal.wait(lambda t: t.lines()[5] == "y" and t.lines()[20] == "y")
    terminal.key("^c")
    terminal.send("hostname; exit 5\r")
    terminal.wait(rf"^{re.escape(container)}$")
    terminal.wait(lambda t: "ended with status 5" in t.lines()[0])
    terminal.key("q")
    terminal.wait(r"NAME.*STATE", 20)
    terminal.key("d")
    terminal.wait(r"(?i)pid|cgroup|rootfs")
    terminal.key("Esc")
    terminal.key("q")
    terminal.key("Q")
    assert terminal.wait_exit() == 0


def test_shell_does_the_same(world, real, real_tui, pair):
    guest, container = pair
    terminal = real_tui("shell", rows=40, cols=120)
    terminal.wait(r"gemel\S*[>$#] ?$", 20)
    terminal.send(f"stop {container}\r")
    until(lambda: real.state(container) == "stopped", 20, "stopped by the shell")
    terminal.send(f"start {container}\r")
    until(lambda: real.state(container) == "running", 20, "started by the shell")
    terminal.send(f"exec {container} -- hostname\r")
    terminal.wait(rf"^{re.escape(container)}$")
    terminal.send(f"snapshot create {guest} sh1\r")
    until(lambda: world.virsh("snapshot-list", guest, "--name").split() == ["sh1"], 30, "snapshot sh1")
    terminal.send(f"snapshot revert {guest} sh1 --yes\r")
    terminal.wait_still(1, 30)
    terminal.send(f"inspect {guest}\r")
    terminal.wait(rf"cgroup: .*{re.escape(guest)}")
    terminal.key("^d")
    assert terminal.wait_exit() == 0


def test_a_guest_started_by_virsh_shows_up_by_event(world, real_tui, real):
    terminal = real_tui(rows=30, cols=140)
    terminal.wait(r"NAME.*STATE", 20)
    terminal.key(":")
    terminal.send("set refresh 60s\r")
    terminal.wait_still(1, 10)
    name = world.guests.firmware("event-vm")
    try:
        terminal.wait(row(name, "running"), 5)
        world.virsh("suspend", name)
        terminal.wait(row(name, "paused"), 5)
        world.virsh("destroy", name)
        terminal.wait(row(name, "stopped"), 5)
        world.virsh("undefine", name)
        terminal.wait_gone(row(name, "stopped"), 5)
    finally:
        world.guests.destroy(name)


def test_a_container_started_elsewhere_shows_up_by_event(world, real, real_tui):
    terminal = real_tui(rows=30, cols=140)
    terminal.wait(r"NAME.*STATE", 20)
    terminal.key(":")
    terminal.send("set refresh 60s\r")
    terminal.wait_still(1, 10)
    name = world.name("event-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    terminal.wait(row(name, "stopped"), 5)
    real.ok("start", name)
    terminal.wait(row(name, "running"), 5)
    real.ok("kill", name)
    terminal.wait(row(name, "stopped"), 5)


def test_killed_console_leaves_everything_running_and_the_next_shows_it(world, real, real_tui, pair):
    guest, container = pair
    qemu = world.guests.pid(guest)
    terminal = real_tui(rows=30, cols=140)
    terminal.wait(row(guest, "running"), 20)
    # kill it while an act is under way, too
    terminal.key(":")
    terminal.send(f"restart {container}\r")
    terminal.kill(signal.SIGKILL)
    terminal.wait_exit()
    assert proc.alive(qemu)
    again = real_tui(rows=30, cols=140)
    again.wait(row(guest, "running"), 20)

    def runs():
        if real.state(container) == "stopped":  # killed between its stop and its start, and it may end only now
            real.run("start", container)
        return real.run("exec", container, "--", "true").status == 0
    until(runs, 60, lambda: f"{container} to run: {real.state(container)}")
    again.wait(row(container, "running"), 20)


@pytest.mark.parametrize("at", [0.0, 0.01, 0.03, 0.08, 0.2])
def test_command_killed_at_any_instant_leaves_a_readable_store(world, real, at):
    import time
    name = world.name(f"kill{int(at * 1000)}")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    running = real.popen("start", name)
    time.sleep(at)  # the instant is the parameter
    running.kill()
    running.communicate()
    until(lambda: real.state(name) in ("running", "stopped"), 15,
          lambda: f"a plain state, not {real.state(name)}", every=0.3)
    if real.state(name) == "stopped":
        real.ok("start", name)
    assert real.ok("exec", name, "--", "hostname").out.strip() == name
    real.ok("delete", name, "--force", "--yes")


def test_console_of_a_container_and_of_a_guest_opens_by_key(world, real_tui, real):
    guest = world.guests.linux("con-vm")
    try:
        terminal = real_tui(rows=30, cols=140)
        terminal.wait(row(guest, "running"), 20)
        choose(terminal, guest)
        terminal.key("c")
        terminal.wait_still(0.5, 5)
        terminal.send("\r")
        terminal.wait(r"#$", 20)
        terminal.send("hostname\r")
        terminal.wait(rf"^{re.escape(guest)}$")
        # a serial line is told the size when asked to; then a full-screen program fits
        terminal.send("\x1cs")
        terminal.wait(r"stty rows 29 cols 140")
        terminal.send("vi /notes\r")
        terminal.wait(lambda t: t.lines()[27] == "~", 20)
        terminal.send(":q!\r")
        terminal.wait_gone(r"^~$")
        terminal.key("^]")
        terminal.wait(r"NAME.*STATE")
        terminal.key("q")
    finally:
        world.guests.destroy(guest)
