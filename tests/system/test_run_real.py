# SPDX-License-Identifier: GPL-3.0-or-later
"""run and attach with a real container: all output, the status, signals, nothing left."""

import os
import re
import signal

import pytest

from harness.wait import until


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


@pytest.mark.parametrize("command, status, reason", [
    ("/bin/no-such-program", 127, "no such file or directory"), ("no-such-program", 127, "not found in $PATH"),
    ("/etc", 126, "permission denied"), ("/etc/passwd", 126, "permission denied")])
def test_what_cannot_be_run_has_dockers_status(world, real, command, status, reason):
    """127: it is not there; 126: it is, and cannot be executed."""
    result = real.run("run", "--rm", "--rootfs", world.rootfs, "--", command)
    assert result.status == status and result.out == "", result
    assert f'exec: "{command}": ' in result.err and reason in result.err


def test_what_cannot_be_executed_inside_has_dockers_status(world, real):
    name = world.name("exec")
    real.ok("run", "-d", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    real.ok("exec", "-T", name, "--", "/bin/sh", "-c",
            "cd /tmp; echo text > plain; echo text > text; echo '#!/no-such' > script; chmod +x text script")
    for command, status in (("/bin/no-such-program", 127), ("no-such-program", 127), ("/etc", 126),
                            ("/tmp/plain", 126), ("/tmp/text", 126), ("/tmp/script", 127)):
        result = real.run("exec", "-T", name, "--", command)
        assert result.status == status and result.out == "" and f'exec: "{command}": ' in result.err, result


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
    script = "stty size; trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done"
    terminal = real_tui("run", "--rm", "-t", "--rootfs", world.rootfs, "--", "/bin/sh", "-c", script, rows=33)
    terminal.wait(r"^33 80\nready")
    terminal.key("^c")
    assert terminal.wait_exit() == 7
    assert any("caught" in line for line in terminal.lines())
    assert terminal.restored()


def test_at_the_consoles_command_line_it_is_a_console_inside(world, real, real_tui):
    """What it prints is seen, what is typed reaches it, its end is told, and --rm leaves nothing."""
    terminal = real_tui()
    terminal.wait("There are no instances yet")
    terminal.send(f":run --rm -t --rootfs {world.rootfs} -- /bin/sh -c "
                  "'stty size; while read x; do echo \"<$x>\"; stty size; done; exit 7'\r")
    terminal.wait(r"^23 80$")  # one line is the console's own
    assert re.search(r"console of run-\w+ +running", terminal.lines()[0])
    terminal.send("typed inside\r")
    terminal.wait(r"^<typed inside>\n23 80$")
    terminal.key("^d")
    terminal.wait(r"console of run-\w+ +ended with status 7 .*q leaves")
    # deleting it says nothing over that
    until(lambda: not real.instances(), what="it to be deleted")
    assert terminal.line_with(r"console of run-\w+ +ended with status 7 .*q leaves"), terminal.dump()
    terminal.key("q")
    terminal.wait("There are no instances yet")
    assert not terminal.line_with("status 7"), terminal.dump()
    terminal.send(f":run --rm --rootfs {world.rootfs} -- /bin/no-such-program\r")
    terminal.wait(r'exec:\s+"/bin/no-such-program":\s+no')
    until(lambda: not real.instances(), what="it to be deleted")
    assert os.listdir(os.path.join(real.root, "containers")) == []
