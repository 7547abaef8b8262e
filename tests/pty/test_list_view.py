# SPDX-License-Identifier: GPL-3.0-or-later
"""The list: its columns, order, tree and cursor; the alerts; the way back; what the footer offers."""

import os
import re

import pytest

from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def lines(terminal):
    with terminal.lock:
        return list(terminal.screen.display)


def heading(terminal):
    return lines(terminal)[1]


def selected(terminal):
    """The row under the cursor; None where nothing is selected."""
    return next((line.rstrip() for line in lines(terminal)[2:] if re.match(r"[▸>] ?\S?", line)), None)


def footer(terminal):
    return lines(terminal)[-1]


def opened(tui, *args, **options):
    """A console in which the list is there, and has a cursor."""
    terminal = tui(*(args or CALM), **options)
    terminal.wait(r"[1-9]\d*  by name")
    until(lambda: selected(terminal), 5, terminal.dump)
    return terminal


def command(terminal, text):
    terminal.key(":")
    terminal.send(text + "\r")


def under(terminal, name):
    """Wait until the cursor is on this row."""
    until(lambda: re.search(rf"\b{re.escape(name)}\b", selected(terminal) or ""), 5,
          lambda: f"the cursor on {name}\n{terminal.dump()}")


def rc(scratch, text):
    """A gemelrc, and the environment that finds it."""
    folder = os.path.join(scratch, "config", "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as file:
        file.write(text)
    return {"XDG_CONFIG_HOME": os.path.join(scratch, "config")}


# ---- columns


@pytest.mark.quick
def test_columns_are_chosen_ordered_and_sized_while_it_runs(tui):
    terminal = opened(tui)
    command(terminal, "columns state name steal memory:12")
    terminal.wait(r"^ *STATE +NAME↑ +STEAL% +MEMORY")
    command(terminal, "columns +pids -steal")
    terminal.wait(r"^ *STATE +NAME↑ +MEMORY +PIDS")
    command(terminal, "columns nothing")
    terminal.wait(r"there is no column 'nothing'; `columns` lists them")
    terminal.wait(r"STATE +NAME↑ +MEMORY +PIDS")  # a mistake changes nothing
    command(terminal, "columns default")
    terminal.wait(r"NAME↑ +KIND +STATE +CPUS +CPU%")


@pytest.mark.quick
def test_columns_and_group_of_gemelrc_are_there_from_the_start(tui, scratch):
    terminal = opened(tui, env=rc(scratch, "columns name psi-cpu swap\nset group kind\n"))
    terminal.wait(r"NAME↑ +PSIcpu +SWAP")
    terminal.wait(r"▾ vm  \d")
    terminal.wait(r"▾ container  \d")


@pytest.mark.quick
def test_a_column_named_by_tab(tui):
    terminal = opened(tui)
    terminal.key(":")
    terminal.send("columns name thr\t\r")
    terminal.wait(r"NAME↑ +THROT%")


@pytest.mark.quick
def test_columns_that_do_not_fit_are_scrolled_to_and_said_to_be_there(tui):
    terminal = opened(tui)
    until(lambda: "BACKEND" not in heading(terminal) and "›" in heading(terminal)[:3], 3, terminal.dump)
    for _ in range(4):
        terminal.key("l")
    terminal.wait(r"^‹.*NAME.*BACKEND")
    assert "lab-vm" in terminal.line_with(r"\blab-vm\b"), "the name stays"
    for _ in range(4):
        terminal.key("h")
    terminal.wait(r"^ ›.*NAME.*STATE")


@pytest.mark.quick
def test_sorts_by_any_column_and_by_pressure_from_the_menu(tui):
    terminal = opened(tui)
    command(terminal, "columns +throttled")
    command(terminal, "view sort throttled")
    terminal.wait(r"by throttled")
    terminal.key("o", "P")
    terminal.wait(r"by pressure")
    terminal.wait(r"PRESS c/m/i↓")


@pytest.mark.quick
def test_completions_stay_while_figures_are_read(tui):  # k9s #1308
    terminal = opened(tui)
    command(terminal, "set refresh 100ms")
    terminal.key(":")
    terminal.send("columns psi-\t\t")
    terminal.wait(r"psi-memory-full")
    before = [line for line in lines(terminal)[2:8]]
    until(lambda: lines(terminal)[2:8] != before, 5, "figures to move")
    assert terminal.line_with(r"psi-memory-full"), terminal.dump()


# ---- the tree


@pytest.mark.quick
def test_a_tree_collapses_and_the_cursor_goes_with_its_instance(tui):
    terminal = opened(tui)
    first = "batch"
    under(terminal, first)
    terminal.key("u", "s")
    terminal.wait(r"▾ running  8 ")
    under(terminal, first)
    terminal.key("h")
    under(terminal, "running")
    terminal.wait(r"8 running")  # its detail
    terminal.key("h")
    terminal.wait(r"▸ +▸ running  8 ")
    assert not terminal.line_with(rf"^\W+{first} ")
    terminal.key("l")
    terminal.wait(r"▸ +▾ running  8 ")
    terminal.wait(rf"^\W+{first} ")
    terminal.key("Space")
    terminal.wait(r"8 marked")
    terminal.key("k", "Space")
    until(lambda: "marked" not in lines(terminal)[0], 3, terminal.dump)
    command(terminal, "view group label:tier")
    terminal.wait(r"▾ (no tier|tier=\w+)  \d")
    terminal.key("u", "n")
    terminal.wait(r"^▸? +batch ")


@pytest.mark.quick
def test_a_filter_holds_within_groups(tui):
    terminal = opened(tui)
    terminal.key("u", "k", "g")
    terminal.wait(r"▾ vm")
    terminal.key("/")
    terminal.send("web\r")
    terminal.wait(r"▾ container  2 ")
    assert not terminal.line_with(r"▾ vm")
    terminal.key("Esc", "g")
    terminal.wait(r"▾ vm")


# ---- the cursor: k9s #1401, #1593, #1950


@pytest.mark.quick
def test_something_is_selected_after_the_last_row_was_deleted(tui):
    terminal = opened(tui)
    command(terminal, "view filter state=stopped")
    terminal.wait(r"2 of 12")
    terminal.key("G")
    under(terminal, "mail")
    command(terminal, "delete --yes mail")
    terminal.wait(r"1 of 11")
    under(terminal, "ci-runner")
    command(terminal, "delete --yes ci-runner")
    terminal.wait(r"0 of 10")
    terminal.wait(r"None of the 10 instances matches")
    until(lambda: "power" not in footer(terminal) and "show all" in footer(terminal), 3, terminal.dump)
    terminal.key("Esc")
    until(lambda: selected(terminal), 3, terminal.dump)


# ---- header, footer, panes


@pytest.mark.quick
def test_the_header_says_the_way_back(tui):
    terminal = opened(tui)
    terminal.key("t")
    terminal.wait(r"instances › batch › snapshots")
    terminal.key("9")
    terminal.wait(r"snapshots › jobs")
    terminal.key("Esc", "Esc")
    until(lambda: "›" not in lines(terminal)[0].split("instances")[1], 3, terminal.dump)


@pytest.mark.quick
def test_the_list_has_the_whole_screen_when_zoomed(tui):
    terminal = opened(tui, rows=40, cols=100)
    terminal.key("G")
    terminal.wait(r"overview")
    terminal.key("+")
    until(lambda: not terminal.line_with("overview"), 3, terminal.dump)
    terminal.wait(r"Esc unzoom")
    terminal.key("+")
    terminal.wait(r"overview")


@pytest.mark.quick
def test_the_footer_offers_nothing_that_does_nothing(tui):
    terminal = opened(tui, cols=132)
    under(terminal, "batch")
    terminal.wait(r"s shell")
    terminal.key("j", "j", "j")
    under(terminal, "ci-runner")  # stopped
    until(lambda: "s shell" not in footer(terminal) and "p power" in footer(terminal), 3, terminal.dump)
    assert "act on marks" not in footer(terminal)
    terminal.key("Space")
    terminal.wait(r"b act on marks")
    terminal.key("Z")
    terminal.wait(r"FROZEN")
    until(lambda: "Z go on" in footer(terminal), 3, terminal.dump)


@pytest.mark.quick
def test_an_empty_list_says_what_to_do(tui):
    terminal = tui("--connect", "sim:0,whims=off,events=off")
    terminal.wait(r"There are no instances yet")
    terminal.wait(r":connect sim +shows made-up ones")
    until(lambda: "help" in footer(terminal), 3, terminal.dump)
    assert not re.search(r"power|open|mark|filter|sort", footer(terminal))


@pytest.mark.quick
@pytest.mark.parametrize("rows, cols", [(12, 40), (8, 40), (50, 132), (24, 80)])
def test_tree_and_alerts_fit_terminals_of_many_sizes(tui, rows, cols):
    terminal = opened(tui, rows=rows, cols=cols)
    terminal.key("u", "s")
    terminal.wait(r"▾ running")
    terminal.key("A")
    terminal.wait(r"There are no alerts|ALERT")
    terminal.key("q", "q")
    assert terminal.wait_exit() == 0


# ---- alerts


@pytest.mark.quick
def test_alerts_are_listed_gone_to_and_removed(tui):
    terminal = opened(tui)
    terminal.key("A")
    terminal.wait(r"There are no alerts")
    command(terminal, "alert build cpu above 1%")
    command(terminal, "alert build memory above 99999999M")
    terminal.wait(r"1 raised +build +\d+ %.*cpu above 1%")
    terminal.wait(r"2 quiet")
    terminal.wait(r"1 raised ", 5)
    terminal.key("g", "Enter")
    terminal.wait(r"NAME↑ +KIND")
    under(terminal, "build")
    terminal.wait(r"! build")
    terminal.key("A", "G", "D")
    terminal.wait(r"Forget alert 2: build memory above")
    terminal.key("y")
    until(lambda: not terminal.line_with(r"2 quiet"), 5, terminal.dump)


# ---- views that come with a backend's group


@pytest.mark.quick
def test_a_view_of_a_group_is_there_while_a_host_has_the_group(tui):
    terminal = opened(tui)
    terminal.key("5")
    terminal.wait(r"no connected host has images")
    command(terminal, "connect more sim:1,groups=images+storage,whims=off,events=off")
    terminal.wait(r"\b13  by name")
    terminal.key("5")
    terminal.wait(r"NAME +FORMAT +SIZE +LAYERS")
    terminal.wait(r"debian:12 +oci +123M")
    terminal.key("G", "Enter")
    terminal.wait(r'"name": "lab.qcow2"')
    terminal.key("q", "6")
    terminal.wait(r"fast +logical +100G +91G")
    terminal.key("7")
    terminal.wait(r"no connected host has networks")
    command(terminal, "view goto nowhere")
    terminal.wait(r"definition images storage hosts jobs events alerts")


# ---- ten thousand


def test_ten_thousand_are_filtered_sorted_and_grouped(tui):
    terminal = opened(tui, "--connect", "sim:10000,whims=off,events=off")
    terminal.wait(r"\b10000\b", 20)
    terminal.key("o", "c")
    terminal.wait(r"by cpu")
    terminal.key("/")
    terminal.send("web\r")
    terminal.wait(r"\d+ of 10000 /web")
    terminal.key("Esc", "g", "u", "s", "g")
    terminal.wait(r"▾ running  \d{4}")
    command(terminal, "view collapse all")
    terminal.wait(r"▸ stopped  \d+")
    terminal.key("q")
    assert terminal.wait_exit() == 0


@pytest.mark.quick
def test_a_command_without_its_name_tells_the_key(tui):
    terminal = opened(tui)
    command(terminal, "pause")
    terminal.wait(r"pause: NAME is missing; the key x acts on the selected one, b on the\s+marked")


@pytest.mark.quick
def test_what_was_done_and_what_to_know_of_it_are_one_message(tui):
    terminal = opened(tui)
    command(terminal, "protect mail")
    terminal.wait(r"mail: protection on")
    command(terminal, "clone mail mail2")
    terminal.wait(r"mail: cloned to mail2; protection, autostart and snapshots were not taken")
