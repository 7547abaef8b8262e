# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs, vCPUs and looks of the console, against the simulator."""

import re

import pytest

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off,vcpus=128")


def command(terminal, line):
    """A line on the command line."""
    terminal.send(":" + line)
    terminal.wait(r"^:" + re.escape(line))
    terminal.key("Enter")


def open_tab(tui, name, instance="build", **options):
    terminal = tui(*CALM, **options)
    terminal.wait(r"lab-vm")
    command(terminal, f"view filter name={instance}")
    terminal.wait(rf"1 of 12 .*name={instance}")
    command(terminal, f"view tab {name}")
    terminal.wait(rf"\[{name}\]")
    return terminal


@pytest.mark.quick
def test_128_vcpus_are_summed_up_drawn_and_listed_to_the_last(tui):
    terminal = open_tab(tui, "vcpu")
    terminal.wait(r"128 vCPUs  min \d+% mean \d+% max \d+%  steal")
    terminal.wait(r"busiest +\d+ \d+%")
    terminal.wait(r"^ vcpu +use +steal +wait +exits/s +halts/s")
    terminal.key("Enter", "G")
    terminal.wait(r"^ 127 .* \d+%")
    terminal.wait(r"128 vCPUs")     # the sums stay in view


def test_every_metric_has_a_graph_and_marked_ones_share_one(tui):
    terminal = open_tab(tui, "metrics", rows=30, cols=100)
    terminal.key("Enter", "Space", "j", "j")
    terminal.wait(r"^ \*a cpu\.usage .*a cpu\.usage [\d.]+ %")
    terminal.wait(r"b cpu\.system [\d.]+ %")
    terminal.key("G")
    terminal.wait(r"^▸ b \S+")
    terminal.key("g", "U")
    terminal.wait(r"^▸   cpu\.usage")


def test_the_span_of_graphs_goes_round_by_a_key(tui):
    terminal = open_tab(tui, "overview", rows=40, cols=132)
    for label in (r"-10m", r"-24h", r"-60s"):
        terminal.key("S")
        terminal.wait(label)


def test_pressure_stands_beside_use_for_guests_and_containers(tui):
    for name, whose in (("build", "host pressure"), ("web-1", "pressure")):
        terminal = open_tab(tui, "overview", instance=name, rows=40)
        for title in ("cpu", "memory", "io"):
            terminal.wait(rf"(^|\s){title} ")
        terminal.wait_gone("waiting")
        terminal.wait(lambda t, whose=whose: len(re.findall(rf"\b{whose} [\d.]+ % full", t.text())) == 3)


@pytest.mark.parametrize("line, env", [("set ascii on", {}), ("set graph blocks", {"LC_ALL": "C"})])
def test_ascii_mode_draws_nothing_else_anywhere(tui, line, env):
    terminal = open_tab(tui, "overview", rows=30, cols=110, env=env)
    command(terminal, line)
    terminal.wait_gone("▸")
    start = len(terminal.raw)
    for tab in ("metrics", "vcpu", "snapshots", "definition", "events", "why"):
        command(terminal, f"view tab {tab}")
        terminal.wait(rf"\[{tab}\]")
    terminal.key("x")
    terminal.wait("Enter do it")
    terminal.key("Esc", "?")
    terminal.wait("Keys")
    terminal.key("q")
    command(terminal, "view filter")
    command(terminal, "view group kind")
    terminal.wait(r"^\W+[-+] ")
    drawn = bytes(terminal.raw[start:])
    assert not re.search(rb"[\x7f-\xff]", drawn), re.search(rb".{0,40}[\x7f-\xff]+.{0,20}", drawn, re.DOTALL)


def test_theme_and_colours_change_at_run_time(tui):
    terminal = open_tab(tui, "overview")
    start = len(terminal.raw)
    command(terminal, "theme high-contrast")
    terminal.wait(lambda t: b"48;5;226" in bytes(t.raw[start:]))    # the bar, black on yellow
    start = len(terminal.raw)
    command(terminal, "color selected 231 0x5f00af bold")
    terminal.wait(lambda t: b"48;5;55" in bytes(t.raw[start:]))
    command(terminal, "color selected 300")
    terminal.wait(r"'300' is no colour")
    command(terminal, "theme mono")

    def drawn_anew(t):
        """All of the picture that came last: a change of colours draws everything."""
        return bytes(t.raw).rpartition(b"\x1b[?2026h")[2]

    terminal.wait(lambda t: b"48;5" not in drawn_anew(t) and re.search(rb"\x1b\[[0-9;]*7m", drawn_anew(t)))
