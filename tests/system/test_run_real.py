# SPDX-License-Identifier: GPL-3.0-or-later
"""run and attach with a real container: all output, the status, signals, nothing left."""

import signal

import pytest


def run(real, world, *args, script=None, **more):
    return real.run("run", "--rm", "--rootfs", world.rootfs, *args, "--", "/bin/sh", "-c", script, **more)


@pytest.fixture
def real(real):
    """Containers alone: no daemon of libvirt's is needed."""
    real.connect = ["native"]
    return real


@pytest.fixture(autouse=True)
def nothing_is_left(real):
    yield
    assert not [name for name in real.instances() if name.startswith("run-")]


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 3", 3)])
def test_the_status_is_the_containers_own(world, real, script, status):
    result = run(real, world, script=script)
    assert result.status == status, result


def test_a_command_that_is_not_there_is_127(world, real):
    result = real.run("run", "--rm", "--rootfs", world.rootfs, "--", "/bin/no-such-program")
    assert result.status == 127 and result.err, result


def test_all_of_the_output_comes_once_and_in_order(world, real):
    result = run(real, world, script="i=0; while [ $i -lt 10000 ]; do echo line $i; i=$((i+1)); done; printf end; "
                                     "echo wrong >&2; exit 5")
    assert result.status == 5, result
    assert result.out == "".join(f"line {i}\n" for i in range(10000)) + "end"
    assert result.err == "wrong\n"


def test_standard_input_and_its_end_reach_the_command(world, real):
    result = run(real, world, script="cat; exit 6", input="one\ntwo\n")
    assert result.status == 6 and result.out == "one\ntwo\n", result


def test_an_interrupt_is_the_stop_signal_and_the_second_kills(world, real):
    script = "trap 'echo caught' TERM; echo ready; while :; do sleep 0.1; done"
    with real.popen("run", "--rm", "--rootfs", world.rootfs, "--", "/bin/sh", "-c", script) as running:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        line = running.stdout.readline()
        assert line == "caught\n", (running.wait(30), running.stderr.read())
        running.send_signal(signal.SIGTERM)
        assert (running.wait(30), running.stderr.read()) == (137, "")


def test_a_second_gemel_attaches_and_has_the_status(world, real):
    name = world.name("run")
    fifo = "mkfifo /tmp/go; echo ready; read x < /tmp/go; echo went; exit 9"
    real.ok("run", "-d", name, "--rootfs", world.rootfs, "--", "/bin/sh", "-c", fifo)
    with real.popen("attach", "--no-stdin", name) as attached:
        assert attached.stdout.readline() == "ready\n"
        real.ok("exec", "-T", name, "--", "/bin/sh", "-c", "echo > /tmp/go")
        assert attached.stdout.read() == "went\n"
        assert attached.wait(30) == 9
    again = real.run("attach", "--from-start", name)
    assert again.status == 9 and again.out == "ready\nwent\n", again
    assert real.state(name) == "stopped"
    real.ok("delete", name, "--yes")


def test_with_a_terminal_ctrl_c_goes_to_the_command(world, real, real_tui):
    script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done"
    terminal = real_tui("run", "--rm", "-t", "--rootfs", world.rootfs, "--", "/bin/sh", "-c", script, rows=33)
    terminal.wait("ready")
    terminal.key("^c")
    assert terminal.wait_exit() == 7
    assert any("caught" in line for line in terminal.lines())
    assert terminal.restored()
