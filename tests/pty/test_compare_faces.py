# SPDX-License-Identifier: GPL-3.0-or-later
"""compare from the shell and from the console, on the simulator."""

SIM = ("--connect", "sim:12,pace=0,whims=off")


def test_in_the_shell(tui):
    terminal = tui(*SIM, "shell", rows=60, cols=120)
    terminal.wait(r"gemel\S*[>$#] ?$")
    terminal.send("compare lab-ct lab-vm --yes --rounds 1\r")
    terminal.wait(r"HOST +lab-ct +lab-vm", timeout=40)
    terminal.wait(r"CPU loop .* 58\.0 ms +310 ms")
    terminal.send("list --filter name=lab-vm\r")
    terminal.wait(r"lab-vm +vm +running")  # as it was before
    terminal.send("exit\r")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_in_the_console(tui):
    screen = tui(*SIM, rows=60, cols=120)
    screen.wait(r"lab-vm +vm +running")
    screen.send(":compare lab-ct lab-vm --yes --rounds 1\r")
    screen.wait(r"HOST +lab-ct +lab-vm", timeout=40)
    screen.wait(r"CPU loop .* 58\.0 ms +310 ms")
    screen.key("q")
    screen.wait(r"lab-vm +vm +running")
