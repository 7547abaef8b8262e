# SPDX-License-Identifier: GPL-3.0-or-later
"""The tabs of the detail pane, the view of hosts, and joining namespaces, on the simulator."""

import re

import pytest

SIM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")

TABS = ["overview", "why", "metrics", "cgroup", "processes", "disks", "networks", "snapshots", "log",
        "isolation", "definition", "events"]


def opened(tui, *args, **options):
    terminal = tui(*(args or SIM), **options)
    terminal.wait(r"12  by name")
    return terminal


def command(terminal, text):
    terminal.key(":")
    terminal.send(text + "\r")


def test_every_tab_is_reached_and_its_name_is_on_the_bar_at_80_columns(tui):
    """lazydocker #586: nobody found that [ and ] change tabs; the bar says so."""
    terminal = opened(tui, rows=24, cols=80)
    terminal.wait(r"\[overview\]")
    assert re.search(r"\[ \] ─", terminal.text())
    for name in TABS[1:]:
        terminal.key("]")
        terminal.wait(rf"\[{name}\]")
        assert re.search(r"\[ \] ─|\d+-\d+/\d+ ─", terminal.text())
    terminal.key("]")
    terminal.wait(r"\[overview\]")


def test_isolation_says_what_is_shared_with_the_host_and_what_that_means(tui):
    terminal = opened(tui, rows=40, cols=132)
    command(terminal, "view tab isolation")
    terminal.wait(r"net +\d+ own +its own interfaces")
    terminal.key("Tab", "f")
    terminal.wait(r"! user +\d+ host's +its root is the host's root")
    terminal.wait(r"effective +14 of 41")


def test_isolation_of_a_guest_has_its_machine(tui):
    terminal = opened(tui, rows=40, cols=132)
    terminal.key("j", "j", "j", "j")
    command(terminal, "view tab isolation")
    terminal.wait(r"accelerator +kvm")
    terminal.wait(r"disk +vda virtio +paravirtual")


@pytest.mark.parametrize("name, wanted", [("disks", r"vda .*B?/s"), ("networks", r"vnet\d+ .*/s")])
def test_devices_show_rates_and_what_they_are(tui, name, wanted):
    terminal = opened(tui, rows=30, cols=100)
    terminal.key("j", "j", "j", "j")
    command(terminal, f"view tab {name}")
    terminal.wait(wanted)
    terminal.wait(r"virtio")


def test_l_shows_what_it_wrote_last(tui):
    terminal = opened(tui, rows=24, cols=80)
    terminal.key("L")
    terminal.wait(r"\[log\]")


def test_log_follows_and_steers_no_terminal(tui):
    terminal = opened(tui, "--connect", "sim:12,pace=0.05,whims=off,events=off,time=3000", rows=24, cols=80)
    command(terminal, "view tab log")
    terminal.wait(r"its log, followed")
    terminal.wait(r"\[ *\d+\] (GET|warn|cache|worker)")
    assert "[33m" not in terminal.text()


def test_hosts_say_what_they_can_do(tui):
    terminal = opened(tui, rows=24, cols=80)
    terminal.key("8")
    terminal.wait(r"sim-host \(sim\): machine")
    terminal.wait(r"nested paging +EPT +the CPU walks")
    terminal.wait(r"1-\d+ of \d+")
    terminal.key("G")
    terminal.wait(r"seccomp +kill_process")
    terminal.key("q")
    terminal.wait(r"\d+  by name")


def test_hosts_of_a_backend_that_hangs_say_so_and_the_console_goes_on(tui):
    terminal = opened(tui, "--connect", "sim:12,whims=off,events=off,hang=host,hang-for=20s", rows=24, cols=80)
    terminal.key("8")
    terminal.wait(r"asking what its host can do")
    terminal.key("q")
    terminal.wait(r"\d+  by name")


def test_join_opens_inside_says_whose_files_and_comes_back(tui):
    terminal = opened(tui, rows=24, cols=80)
    command(terminal, "join lab-ct net -- sh")
    terminal.wait(r"sh joined to lab-ct \(host's files\)")
    terminal.send("hostname\r")
    terminal.wait(r"(?m)^lab-ct")
    terminal.send("exit\r")
    terminal.wait(r"ended with status 0")
    terminal.key("q")
    terminal.wait(r"12  by name")
    terminal.key("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()
