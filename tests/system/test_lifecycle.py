# SPDX-License-Identifier: GPL-3.0-or-later
"""One real guest and one real container through everything, from a script; virsh agrees at every step."""

import re
import time

import pytest

from harness.wait import until

VIRSH = {"running": "running", "stopped": "shut off", "paused": "paused"}


@pytest.fixture(scope="module")
def guest(world):
    """A Linux guest of the lab's parts, booted."""
    name = world.guests.linux("vm")
    yield name
    world.guests.destroy(name)


@pytest.fixture
def running_guest(world, guest):
    """The guest, running and booted whatever a test before did to it."""
    state = world.virsh("domstate", guest)
    if state == "paused":
        world.virsh("resume", guest)
    elif state != "running":
        world.virsh("start", guest)
    world.guests.wait_booted(guest)
    return guest


@pytest.fixture
def container(world, real):
    """A container with the lab's load, running."""
    name = world.name("ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/lab-load")
    real.ok("start", name)
    return name


def agree(world, real, name, state):
    """gemel and virsh say the same of a guest, now."""
    assert real.state(name) == state
    assert world.virsh_states()[name] == VIRSH[state]


# ---- guests


def test_list_and_inspect_of_a_guest(world, real, running_guest):
    listed = real.instances()[running_guest]
    assert listed["kind"] == "vm" and listed["state"] == "running" and listed["vcpus"] == 2
    seen = real.json("inspect", running_guest)
    assert seen["id"] == world.virsh("domuuid", running_guest) == listed["id"]
    assert "<domain" in seen["definition"]
    assert set(world.virsh_states()) <= set(real.instances())


def test_stop_of_a_guest_takes_less_than_15_s_and_start_brings_it_back(world, real, running_guest):
    began = time.monotonic()
    real.ok("stop", running_guest)
    assert time.monotonic() - began < 15
    agree(world, real, running_guest, "stopped")
    real.ok("start", running_guest)
    agree(world, real, running_guest, "running")
    world.guests.wait_booted(running_guest)


def test_pause_and_resume_of_a_guest(world, real, running_guest):
    real.ok("pause", running_guest)
    agree(world, real, running_guest, "paused")
    real.ok("resume", running_guest)
    agree(world, real, running_guest, "running")


def test_reset_restart_and_kill_of_a_guest(world, real, running_guest):
    real.ok("reset", running_guest, "--yes")
    agree(world, real, running_guest, "running")
    world.guests.wait_booted(running_guest)
    real.ok("kill", running_guest, "--yes")
    agree(world, real, running_guest, "stopped")


def test_snapshots_of_a_running_guest_bring_its_memory_back(world, real, running_guest):
    def uptime():
        found = real.json("inspect", running_guest)
        assert found
        return world.virsh("domstate", running_guest)

    real.ok("snapshot", "create", running_guest, "s1")
    names = world.virsh("snapshot-list", running_guest, "--name").split()
    assert names == ["s1"]
    assert [s["name"] for s in real.json("snapshot", "list", running_guest)["snapshots"]] == ["s1"]
    real.ok("kill", running_guest, "--yes")
    real.ok("snapshot", "revert", running_guest, "s1", "--yes", timeout=90)
    agree(world, real, running_guest, "running")
    assert uptime() == "running"
    real.fails(6, "snapshot", "create", running_guest, "s1")
    real.ok("snapshot", "delete", running_guest, "s1", "--yes")
    assert world.virsh("snapshot-list", running_guest, "--name").split() == []


def test_console_of_a_guest_has_a_shell_and_detaches(running_guest, real_tui):
    terminal = real_tui("console", running_guest)
    terminal.wait_still(0.5, 5)
    terminal.send("\r")
    terminal.wait(r"#$", 20)
    terminal.send("hostname\r")
    terminal.wait(rf"^{re.escape(running_guest)}$")
    terminal.key("^]")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_top_shows_a_figure_per_guest(real, running_guest):
    out = real.ok("top", "--batch", "--count", "3", timeout=60).out
    row = [line for line in out.splitlines() if running_guest in line][-1]
    assert re.search(r"\d", row.replace(running_guest, "").split("running", 1)[-1]), row


def test_start_of_a_running_guest_changes_nothing(world, real, running_guest):
    pid = world.guests.pid(running_guest)
    result = real.fails(6, "start", running_guest)
    assert running_guest in result.err
    assert world.guests.pid(running_guest) == pid


def test_create_and_delete_of_a_guest_by_xml(world, real, scratch):
    name = world.name("made")
    path = f"{scratch}/guest.xml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"<domain type='{world.guests.type}'><name>{name}</name><memory unit='MiB'>16</memory>"
                   "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>")
    world.libvirt()
    real.ok("create", name, "--xml", path)
    world.guests.names.append(name)
    agree(world, real, name, "stopped")
    real.ok("delete", name, "--yes")
    assert name not in world.virsh_states()
    assert real.state(name) is None


# ---- containers


def test_container_starts_stops_and_says_its_name(real, container):
    assert real.state(container) == "running"
    assert real.ok("exec", container, "--", "hostname").out.strip() == container
    began = time.monotonic()
    real.ok("stop", container)
    assert time.monotonic() - began < 11
    assert real.state(container) == "stopped"
    real.ok("start", container)
    assert real.state(container) == "running"


def test_container_pause_resume_restart_kill(real, container):
    for act, state in (("pause", "paused"), ("resume", "running"), ("restart", "running"),
                       ("kill", "stopped")):
        real.ok(act, container, "--yes") if act == "kill" else real.ok(act, container)
        assert real.state(container) == state, act


@pytest.mark.parametrize("status", [0, 1, 7, 127])
def test_exec_returns_the_commands_status(real, container, status):
    assert real.run("exec", container, "--", "sh", "-c", f"exit {status}").status == status


def test_exec_signals_missing_and_streams(real, container):
    assert real.run("exec", container, "--", "sh", "-c", "kill -9 $$").status == 137
    assert real.run("exec", container, "--", "/no/such/program").status == 127
    result = real.run("exec", container, "--", "sh", "-c", "cat; echo err >&2", input="hello\n")
    assert result.out == "hello\n" and "err" in result.err, result
    assert real.run("exec", "nobody-here", "--", "true").status in (3, 125)


def test_container_snapshots_running_and_stopped(real, container):
    real.ok("exec", container, "--", "sh", "-c", "echo one >/root/state")
    real.ok("snapshot", "create", container, "running-one")
    real.ok("exec", container, "--", "sh", "-c", "echo two >/root/state; rm -f /bin/xxd")
    real.ok("stop", container)
    real.ok("snapshot", "create", container, "stopped-two")
    real.ok("start", container)
    real.ok("exec", container, "--", "sh", "-c", "echo three >/root/state")
    listed = [s["name"] for s in real.json("snapshot", "list", container)["snapshots"]]
    assert listed == ["running-one", "stopped-two"]
    real.ok("stop", container)
    for name, text, has in (("running-one", "one", 0), ("stopped-two", "two", 1)):
        real.ok("snapshot", "revert", container, name, "--yes")
        real.ok("start", container)
        assert real.ok("exec", container, "--", "cat", "/root/state").out.strip() == text
        assert real.run("exec", container, "--", "test", "-e", "/bin/xxd").status == has
        real.ok("stop", container)
    real.ok("snapshot", "delete", container, "running-one", "--yes")
    assert [s["name"] for s in real.json("snapshot", "list", container)["snapshots"]] == ["stopped-two"]


def test_limits_bind_on_a_running_container(real, container):
    real.ok("limit", container, "cpu=0.5", "memory=64M", "pids=40")
    assert real.instances()[container]["memory_limit_bytes"] == 64 << 20
    result = real.run("exec", container, "--", "sh", "-c",
                      "i=0; while [ $i -lt 80 ]; do sleep 3 & i=$((i+1)); done; wait", timeout=60)
    assert result.status != 0 or "fork" in result.err.lower() or "resource" in result.err.lower(), result


def test_network_none_has_loopback_only_and_ns_joins(world, real, container):
    links = real.ok("exec", container, "--", "ls", "/sys/class/net").out.split()
    assert links == ["lo"]
    lab = f"{world.tag}-net"
    script = "config/lab/netns"
    from harness.gemel import ROOT
    world.run(f"{ROOT}/{script}", "up", lab)
    try:
        name = world.name("netct")
        real.ok("create", name, "--rootfs", world.rootfs, "--network", f"ns:/run/netns/{lab}-ct", "--",
                "/bin/lab-load")
        real.ok("start", name)
        assert "10.213.0.2" in real.ok("exec", name, "--", "ip", "addr").out

        def moved():
            text = world.run("ip", "netns", "exec", f"{lab}-ct", "cat", "/proc/net/dev").stdout
            return int(re.search(r"eth0:\s*(\d+)", text).group(1)) > 1000
        until(moved, 20, "the container's load to make traffic")
    finally:
        world.run(f"{ROOT}/{script}", "down", lab, check=False)


def test_container_from_a_tar(world, real, scratch):
    import subprocess
    tar = f"{scratch}/rootfs.tar.gz"
    subprocess.run(["tar", "-C", world.rootfs, "-czf", tar, "."], check=True)
    name = world.name("tarct")
    real.ok("create", name, "--rootfs", tar, "--", "/bin/sleep", "1000")
    real.ok("start", name)
    assert real.ok("exec", name, "--", "hostname").out.strip() == name
    real.ok("delete", name, "--force", "--yes")
    assert real.state(name) is None


def test_a_container_that_ends_by_itself_is_stopped_with_its_status(world, real):
    name = world.name("short")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "sh", "-c", "exit 3")
    real.run("start", name)
    real.wait_state(name, "stopped")
    assert "3" in (real.instances()[name]["state_reason"] or ""), real.instances()[name]


def test_two_processes_start_one_container_at_once(real, container):
    real.ok("stop", container)
    both = [real.popen("start", container) for _ in range(2)]
    statuses = []
    for running in both:
        running.communicate(timeout=60)
        statuses.append(running.returncode)
    assert sorted(statuses) in ([0, 0], [0, 6]), statuses
    assert real.state(container) == "running"


def test_stop_and_start_a_guest_and_a_container_in_one_command(world, real, running_guest, container):
    real.ok("stop", container, running_guest)
    assert real.state(container) == "stopped"
    agree(world, real, running_guest, "stopped")
    real.ok("start", container, running_guest)
    assert real.state(container) == "running"
    agree(world, real, running_guest, "running")
