# SPDX-License-Identifier: GPL-3.0-or-later
"""`gemel join`: in just these namespaces of a real container or a guest's QEMU, and what is kept from it."""

import os
import subprocess

import pytest

from harness.tui import Tui
from harness.wait import until

OWN = ("mnt", "pid", "net", "uts", "ipc", "cgroup")
LINKS = "for n in mnt pid net uts ipc user cgroup; do readlink /proc/self/ns/$n; done"


@pytest.fixture
def container(world, real):
    """(name, pid) of a running container."""
    name = world.name("join-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    real.ok("start", name)
    return name, real.json("inspect", name)["pid"]


def links(pid):
    return dict(os.readlink(f"/proc/{pid}/ns/{kind}").split(":") for kind in OWN + ("user",))


def as_dict(text):
    return dict(line.split(":") for line in text.split())


@pytest.mark.parametrize("asked", ["net", "uts", "ipc,cgroup", "mnt,pid"])
def test_just_the_namespaces_that_were_named_are_entered(real, container, asked):
    name, pid = container
    seen = as_dict(real.ok("join", name, asked, "--", "sh", "-c", LINKS).out)
    theirs = links(pid)
    for kind in OWN:
        assert (seen[kind] == theirs[kind]) == (kind in asked.split(",")), kind


def test_net_shows_the_containers_interfaces_with_the_hosts_tools(real, container):
    name, _ = container
    with open("/proc/self/net/dev", encoding="ascii") as file:
        host = {line.split(":")[0].strip() for line in file if ":" in line}
    out = real.ok("join", name, "net", "--", "cat", "/proc/self/net/dev").out
    seen = {line.split(":")[0].strip() for line in out.splitlines() if ":" in line}
    assert seen == {"lo"} and host != seen


def test_all_is_inside_but_for_the_confinement(real, container):
    name, pid = container
    out = real.ok("join", name, "all", "--", "sh", "-c",
                  "hostname; pwd; echo $HOME; ls /bin/lab-load; cat /proc/self/status").out
    lines = out.splitlines()
    assert lines[:4] == [name, "/", "/root", "/bin/lab-load"]
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        theirs = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["CapBnd"] == theirs["CapBnd"]
    assert int(status["CapEff"], 16) & ~int(theirs["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_no_descriptor_or_variable_of_the_host_goes_inside(real, container):
    name, _ = container
    out = real.ok("join", name, "mnt,pid", "--", "sh", "-c", "ls /proc/$$/fd; env", env={"SECRET": "x"}).out
    fds = {line for line in out.splitlines() if line.isdigit()}
    assert fds <= {"0", "1", "2", "10", "255"}  # the last ones are the shell's own
    assert "SECRET" not in out and "GEMEL" not in out


@pytest.mark.parametrize("asked", ["net", "all"])
def test_the_status_is_the_commands(real, container, asked):
    name, _ = container
    assert real.run("join", name, asked, "--", "sh", "-c", "exit 7").status == 7
    assert real.run("join", name, asked, "--", "sh", "-c", "kill -9 $$").status == 137
    assert real.run("join", name, asked, "--", "/no/such/program").status == 127
    assert real.run("join", name, asked, "--", "/etc").status == 126


def test_input_and_output_go_through(real, container):
    name, _ = container
    text = "".join(f"line {i}\n" for i in range(20000))
    assert real.ok("join", name, "net,pid,mnt", "--", "cat", input=text).out == text


def test_errors_are_said(world, real, container):
    name, _ = container
    result = real.run("join", name, "web")
    assert result.status == 2 and "'web' is no namespace" in result.err
    result = real.run("join", name, "")
    assert result.status == 2 and "'' is no namespace" in result.err
    real.ok("kill", name)
    result = real.run("join", name, "net", "--", "true")
    assert result.status == 125 and "not running" in result.err


def reached(real, name, seconds):
    """What the container's root can reach of the host through `sleep SECONDS` in its pid namespace."""
    def pids():
        out = real.ok("exec", name, "--", "sh", "-c",
                      "for p in /proc/[0-9]*; do echo ${p#/proc/} $(tr '\\0' ' ' <$p/cmdline); done").out
        return [line.split()[0] for line in out.splitlines() if line.endswith(f"sleep {seconds}")]

    pid = until(pids, 10, "the joined program in the container's /proc")[0]
    return {what for what in ("root/etc/passwd", "exe")
            if real.run("exec", name, "--", "sh", "-c",
                        f"cat /proc/{pid}/{what} >/dev/null").status == 0}


def test_a_containers_root_cannot_reach_the_host_through_a_joined_program(real, container):
    """The host's program in the container's pid namespace: /proc/PID/root and exe are the host's
    (as in CVE-2019-5736)."""
    name, _ = container
    with real.popen("join", name, "pid", "--", "sleep", "101") as joined:
        try:
            assert reached(real, name, 101) == set()
        finally:
            joined.terminate()
            joined.communicate(timeout=60)


def test_that_attack_succeeds_on_a_program_bounded_to_the_containers_capabilities(real, container):
    """Why `join` does not bound a program of the host's: what it keeps is what keeps it closed."""
    name, pid = container
    bounding = real.json("isolation", name)["capabilities"]["bounding"]
    keep = ",".join(["-all"] + ["+" + cap[len("CAP_"):].lower() for cap in bounding])
    with subprocess.Popen(["nsenter", "-t", str(pid), "-p", "--", "setpriv", "--inh-caps=-all",
                           f"--bounding-set={keep}", "sleep", "102"]) as joined:
        try:
            assert reached(real, name, 102) == {"root/etc/passwd", "exe"}
        finally:
            subprocess.run(["pkill", "-P", str(joined.pid)], check=False)
            joined.wait(60)


def test_the_namespaces_of_a_guests_qemu(world, real):
    name = world.guests.firmware("join-vm")
    pid = world.guests.pid(name)
    seen = real.ok("join", name, "mnt", "--", "readlink", "/proc/self/ns/mnt").out.strip()
    assert seen == os.readlink(f"/proc/{pid}/ns/mnt")
    world.guests.destroy(name)


@pytest.mark.parametrize("asked", ["net", "all"])
def test_a_shell_on_a_terminal_has_its_size_and_signals(world, real, container, asked):
    name, _ = container
    terminal = Tui(real.argv("join", name, asked, "--", "sh"), env=real.env(), ns=world.ns, rows=30, cols=100)
    try:
        terminal.wait(rf"joined {asked} of {name}: programs and files are")
        terminal.send("stty size; cat\r")
        terminal.wait(r"(?m)^30 100")
        terminal.send("\x03")
        terminal.wait(r"\^C\s*\n\S*\s?[#$]")  # an interrupt throws away what was typed ahead
        terminal.send("echo on$((1+1))\r")
        terminal.wait(r"(?m)^on2")
        terminal.send("exit 5\r")
        assert terminal.wait_exit() == 5
    finally:
        terminal.close()
