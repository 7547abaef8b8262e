# SPDX-License-Identifier: GPL-3.0-or-later
"""The console on a terminal, against the simulator: looking, moving, acting by keys and by the `:` line."""

import os
import re
import shlex
import signal
import termios
import time

import pytest

from harness.gemel import ROOT
from harness.tui import Tui
from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def selected(terminal):
    """The line under the cursor: the one whose first cells stand out by reverse video or a mark."""
    with terminal.lock:
        for y in range(terminal.screen.lines):
            cells = terminal.screen.buffer[y]
            text = "".join(cells[x].data for x in range(terminal.screen.columns))
            if re.match(r"^\s*[>▸]", text):
                return text.rstrip()
    return None


def open_calm(tui, **options):
    terminal = tui(*CALM, **options)
    terminal.wait(r"lab-vm")
    return terminal


def open_tab(terminal, name):
    """Go from tab to tab of the detail pane until this one is open."""
    def now():
        found = re.search(r"\[(\w+)\]", terminal.line_with(r"^▸ .*\[\w+\]") or "")
        return found and found[1]

    while terminal.wait(lambda _: now()) != name:
        before = now()
        terminal.key("]")
        terminal.wait(lambda _, before=before: now() not in (None, before))


def selected_name(terminal):
    """The instance under the cursor; its figures may change while it stays."""
    found = re.match(r"\s*[>▸]\W*([\w.-]+)", selected(terminal) or "")
    return found and found[1]


def move_to(terminal, name):
    """Put the cursor on an instance by the filter-free way: down until it is there."""
    def at_top():
        lines = terminal.lines()
        header = next((i for i, line in enumerate(lines) if re.search(r"NAME.*STATE", line)), None)
        return header is not None and re.match(r"\s*[>▸]", lines[header + 1])

    terminal.key("g")
    until(at_top, 5, lambda: f"the cursor to be at the top\n{terminal.dump()}")
    for _ in range(40):
        before = selected_name(terminal)
        if before == name:
            return
        terminal.key("j")
        until(lambda: selected_name(terminal) not in (None, before), 2,
              lambda: f"the cursor to move\n{terminal.dump()}")
    raise AssertionError(f"the cursor does not get to {name}\n{terminal.dump()}")


@pytest.mark.quick
def test_first_screen_shows_instances_and_quits_clean(tui):
    terminal = open_calm(tui)
    assert terminal.line_with(r"NAME.*STATE.*CPU")
    assert terminal.line_with(r"\blab-ct\b.*running")
    terminal.key("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


@pytest.mark.quick
@pytest.mark.parametrize("rows, cols", [(24, 80), (50, 200), (12, 60), (8, 40)])
def test_fits_terminals_of_many_sizes(tui, rows, cols):
    terminal = tui(*CALM, rows=rows, cols=cols)
    terminal.wait(r"\w+")
    terminal.wait_still()
    terminal.key("q")
    assert terminal.wait_exit() == 0


@pytest.mark.quick
def test_too_small_a_terminal_waits_and_comes_alive_when_it_grows(tui):
    terminal = tui(*CALM, rows=5, cols=20)
    terminal.wait(r"waits for 40x8")
    assert terminal.process.poll() is None
    terminal.resize(24, 80)
    terminal.wait(r"lab-vm")
    terminal.resize(5, 20)
    terminal.wait(r"waits for 40x8")
    terminal.resize(30, 100)
    terminal.wait(r"lab-vm")
    terminal.key("q")
    assert terminal.wait_exit() == 0


@pytest.mark.quick
def test_keys_do_nothing_while_nothing_can_be_seen(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-ct")
    terminal.resize(5, 20)
    terminal.wait(r"waits for 40x8")
    terminal.key("p", "o", "9")
    terminal.wait_still()
    terminal.resize(24, 80)
    terminal.wait(r"NAME.*STATE")
    assert terminal.line_with(r"\blab-ct\b.*running")
    terminal.resize(5, 20)
    terminal.wait(r"waits for 40x8")
    terminal.key("q")
    assert terminal.wait_exit() == 0


NOTE = r"The cursor (stays on its row|goes with its instance)"


def test_messages_go_when_they_were_read(tui):
    terminal = open_calm(tui)
    terminal.key("J")
    terminal.wait(r"J does nothing here")
    terminal.key("j")
    terminal.wait_gone(r"J does nothing here")  # the next key shows that it was read
    shown = time.monotonic()
    terminal.key("F")
    terminal.wait(r"The cursor stays on its row")
    before = selected_name(terminal)
    terminal.key("j")
    terminal.wait(lambda t: selected_name(t) != before)
    if time.monotonic() - shown < 2:  # the machine was not busy
        assert terminal.line_with(r"The cursor stays on its row"), "too early"
    for _ in range(4):  # a machine that stood still for seconds gets another try
        shown = time.monotonic()
        terminal.key("F")
        terminal.wait(NOTE)
        terminal.key("9")  # not about that view
        terminal.wait_gone(NOTE)
        took = time.monotonic() - shown
        terminal.key("Esc")
        if took < 5:
            break
    assert took < 5, "by itself it would go after six seconds"
    terminal.key("F")
    terminal.wait(NOTE)
    terminal.wait_gone(NOTE)  # a note goes by itself
    terminal.key(":")
    terminal.send("stop nobody\r")
    terminal.wait(r"'nobody'")
    shown = time.monotonic()
    until(lambda: time.monotonic() - shown > 4.2, what="the error to have been read")
    assert terminal.line_with(r"'nobody'"), "an error waits for a key"
    terminal.key("j")
    terminal.wait_gone(r"nobody")


@pytest.mark.quick
def test_a_message_does_not_go_along_to_the_next_view(tui):
    terminal = open_calm(tui)
    terminal.key("F")
    terminal.wait(r"The cursor stays on its row")
    terminal.key(":")
    terminal.send("view goto jobs\r")  # by the line as by a key
    terminal.wait(r"› jobs")
    assert not terminal.line_with(r"The cursor stays on its row"), terminal.dump()
    terminal.key(":")
    terminal.send("stop nobody\r0")  # nobody could read it yet
    terminal.wait(r"› events")
    terminal.wait(r"no instance is called 'nobody'")
    shown = time.monotonic()
    until(lambda: time.monotonic() - shown > 1.2, 6, "the error to have been seen")
    terminal.key("9")
    terminal.wait(r"› jobs")
    terminal.wait_gone(r"nobody", 1)


@pytest.mark.quick
def test_where_no_column_is_hidden_the_keys_for_it_name_others(tui):
    terminal = open_calm(tui)
    terminal.key("h")
    terminal.wait(r"no more columns to the left; Esc goes back")
    terminal.key("j")
    terminal.wait_gone(r"no more columns")


@pytest.mark.quick
def test_of_a_recording_it_is_said_once_that_nothing_can_be_changed(tui):
    terminal = tui("replay", os.path.join(ROOT, "tests/fixtures/replay/troubles.rec"))
    terminal.wait(r"REPLAY")
    terminal.wait(r"\bdb\b")
    for key in ("x", "p", "D"):
        terminal.key(key)
        terminal.wait(r"This is a recording: it can be looked at")
        assert not terminal.line_with(r"┌"), terminal.dump()
        terminal.key("j")
        terminal.wait_gone(r"This is a recording")
    assert not terminal.line_with(r"p power|x actions"), terminal.dump()
    terminal.key(":")
    terminal.send("stop db\r")
    terminal.wait(r"db: cannot stop: it is in a recording")


@pytest.mark.quick
def test_a_narrow_menu_shows_the_whole_of_the_selected_line_below(tui):
    terminal = open_calm(tui, rows=12, cols=40)
    move_to(terminal, "lab-vm")
    terminal.key("x")
    terminal.wait(r"│ o  shut down +asks the guest, wa…")
    terminal.wait(r"^ asks the guest, waits 60 s *$")
    terminal.key("End")
    terminal.wait(r"│ y  definition")
    terminal.wait_gone(r"^ asks the guest")
    terminal.wait(r"^ XML or JSON *$")


@pytest.mark.parametrize("topic", ["options", "keys"])
def test_help_fits_the_terminal_and_a_pipe_gets_whole_lines(tui, gemel, topic):
    terminal = tui("help", topic, rows=400, cols=80)
    assert terminal.wait_exit() == 0
    assert max(len(line.rstrip()) for line in terminal.lines()) <= 80
    lines = terminal.text().rstrip().splitlines()
    piped = gemel.ok("help", topic).out.splitlines()
    assert max(map(len, piped)) > 80 and len(piped) < len(lines), terminal.dump()


@pytest.mark.quick
def test_cursor_moves_and_follows_the_instance_through_a_sort(tui):
    terminal = open_calm(tui)
    move_to(terminal, "mail")
    terminal.key("o", "n")
    terminal.wait(lambda t: "mail" in (selected(t) or ""))
    terminal.key("o", "c")
    terminal.wait_still(0.2)
    assert "mail" in selected(terminal)


@pytest.mark.quick
def test_filter_narrows_and_escape_widens(tui):
    terminal = open_calm(tui)
    terminal.key("/")
    terminal.send("web\r")
    terminal.wait_gone(r"lab-vm")
    assert terminal.line_with(r"\bweb-1\b") and terminal.line_with(r"\bweb-2\b")
    terminal.key("Esc")
    terminal.wait(r"lab-vm")


def test_a_filter_has_nothing_to_complete_and_takes_no_tab(tui):
    terminal = open_calm(tui)
    terminal.key("/")
    terminal.wait(r"Enter keep it")
    assert "complete" not in terminal.lines()[-1]
    terminal.send("lab")
    terminal.key("Tab")
    terminal.send("-v")
    terminal.wait(r"^/lab-v\b")
    terminal.wait(r"1 of 12")


def test_filter_by_key_inverse_and_regex(tui):
    terminal = open_calm(tui)
    for text, there, gone in (("state=stopped", "mail", "lab-ct"), ("!kind=vm", "lab-ct", "lab-vm"),
                              ("~^web-[12]$", "web-2", "lab-ct")):
        terminal.key("/")
        terminal.send(text + "\r")
        terminal.wait_gone(rf"(?m)^.{{0,6}}\b{gone}\b")
        assert terminal.line_with(rf"\b{there}\b"), terminal.dump()
        terminal.key("Esc")
        terminal.wait(r"lab-vm")


@pytest.mark.quick
def test_power_menu_stops_and_starts(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-ct")
    terminal.key("p")
    terminal.wait(r"(?i)start")
    terminal.key("o")
    terminal.wait(r"\blab-ct\b.*stopped")
    terminal.key("p", "s")
    terminal.wait(r"\blab-ct\b.*running")


def test_pause_and_resume_by_keys(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-vm")
    terminal.key("p", "p")
    terminal.wait(r"\blab-vm\b.*paused")
    terminal.key("p", "p")
    terminal.wait(r"\blab-vm\b.*running")


def test_kill_of_a_guest_asks_first(tui):
    terminal = open_calm(tui)
    move_to(terminal, "build")
    terminal.key("p", "k")
    terminal.wait(r"n leave it")
    terminal.key("n")
    terminal.wait_gone(r"n leave it")
    assert terminal.line_with(r"\bbuild\b.*running")
    terminal.key("p", "k")
    terminal.wait(r"n leave it")
    terminal.key("y")
    terminal.wait(r"\bbuild\b.*stopped")


@pytest.mark.quick
def test_kill_of_a_container_asks_too_and_enter_is_no(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-ct")
    for keys in (("p", "j", "k"), ("x", "k"), ("Space", "b", "k")):
        terminal.key(*keys)
        terminal.wait(r"Kill lab-ct\b")
        terminal.key("Enter")
        terminal.wait_gone(r"n leave it")
    assert terminal.line_with(r"\blab-ct\b.*running")
    terminal.key(":")
    terminal.send("kill lab-ct\r")
    terminal.wait(r"Kill lab-ct\b")
    terminal.key("y")
    terminal.wait(r"\blab-ct\b.*stopped")


def test_a_question_about_many_says_how_many_and_names_the_first(tui):
    terminal = tui("--demo=300")
    terminal.wait(r"\b300  by name")
    terminal.key("*", "b", "k")
    terminal.wait(r"Kill \d+ of the 300 marked\?")
    terminal.wait(r"api-\d+, api-")
    terminal.wait(r"and \d+ more")
    terminal.key("n")
    terminal.wait(r"nothing was done")


@pytest.mark.quick
def test_command_line_acts_on_a_name(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("stop lab-ct\r")
    terminal.wait(r"\blab-ct\b.*stopped")


@pytest.mark.quick
def test_command_line_completes_live_names(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("start ma\t")
    terminal.wait(r":\s*start mail")
    terminal.key("Enter")
    terminal.wait(r"\bmail\b.*running")


def test_command_line_edits_like_readline_and_escape_leaves_it(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("stop lab-ct")
    terminal.key("^a")
    terminal.send("X")
    terminal.wait(r":\s*Xstop lab-ct")
    terminal.key("^u")
    terminal.wait_gone(r"Xstop")
    terminal.key("Esc")
    terminal.wait_still(0.2)
    terminal.key("j")
    assert terminal.line_with(r"\blab-ct\b.*running")


@pytest.mark.quick
def test_command_line_shows_an_error_and_goes_on(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("stop nobody\r")
    terminal.wait(r"nobody")
    terminal.key("q")
    terminal.wait_exit()


def test_marks_make_one_act_of_many(tui):
    terminal = open_calm(tui)
    for name in ("web-1", "web-2"):
        move_to(terminal, name)
        terminal.key("Space")
    terminal.key("p", "o")
    terminal.wait(r"Stop the 2 marked\?")
    terminal.key("y")
    terminal.wait(r"2 done")
    terminal.key("Esc")
    terminal.wait(r"\bweb-1\b.*stopped")
    terminal.wait(r"\bweb-2\b.*stopped")
    assert terminal.line_with(r"\blab-ct\b.*running")
    assert not terminal.line_with(r"marked|^ \*"), terminal.dump()  # what was done to them is done


def test_marks_are_planned_first_and_told_one_by_one(tui):
    terminal = open_calm(tui)
    for name in ("web-1", "mail", "db"):
        move_to(terminal, name)
        terminal.key("Space")
    terminal.key("b")
    terminal.wait(r"3 marked.*\n(.*\n)*.*kill +1 of 3")
    terminal.key("k")
    terminal.wait(r"Kill 1 of the 3 marked\?|Kill web-1")
    terminal.wait(r"mail \(is not running\)")
    terminal.wait(r"db \(is protected\)")
    terminal.key("y")
    terminal.wait(r"1 done, 2 skipped")
    terminal.wait(r"db +skipped +is protected")
    terminal.key("Esc")
    terminal.wait(r"\(2 marked\)")  # those that it was not done to
    assert terminal.line_with(r"^ \* db\b") and terminal.line_with(r"^ \* mail\b"), terminal.dump()


@pytest.mark.quick
def test_help_lists_keys_and_goes_away(tui):
    terminal = open_calm(tui)
    terminal.key("?")
    terminal.wait(r"(?i)power|sort|filter")
    terminal.key("Esc")
    terminal.wait(r"NAME.*STATE")


def test_inspect_view_shows_the_definition(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-vm")
    terminal.key("y")
    terminal.wait(r"<domain|\"ociVersion\"|domain")
    terminal.key("Esc")
    terminal.wait(r"NAME.*STATE")
    terminal.key("d")
    terminal.wait(r"(?i)vcpu|memory|uuid")


def test_snapshots_by_keys(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-vm")
    terminal.key("t")
    terminal.wait(r"(?i)snapshot")
    terminal.key("n")
    terminal.wait(r"^:\s*snapshot create lab-vm ?")
    terminal.send("before\r")
    terminal.wait(r"\bbefore\b.*running")
    terminal.wait(r"Enter plan .*x actions")
    terminal.key("Enter")
    terminal.wait(r"(?s)snapshot revert lab-vm before.*snapshot delete lab-vm before.*goes +snapshot before")
    terminal.key("Esc")
    terminal.key("x")
    terminal.wait(r"snapshot before of lab-vm \(running\)")
    terminal.key("D")
    terminal.wait(r"Delete snapshot before of lab-vm")
    terminal.key("y")
    terminal.wait(r"None yet; n takes one")
    terminal.key("x")
    terminal.wait(r"No snapshot is selected")
    assert not terminal.line_with(r"Enter plan"), terminal.dump()
    terminal.key("Esc")
    terminal.wait(r"NAME.*STATE")


def test_jobs_view_shows_what_was_done(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("stop lab-ct\r")
    terminal.wait(r"\blab-ct\b.*stopped")
    terminal.key("9")
    terminal.wait(r"done +stop lab-ct .* s ago")  # the act stands once
    terminal.key(":")
    terminal.send("snapshot create web-1 s1\r")
    terminal.wait(r"done +snapshot create web-1 s1 .*froze it for")


def test_detail_of_a_guest_has_a_bar_per_vcpu(tui):
    terminal = open_calm(tui, rows=40, cols=120)
    move_to(terminal, "lab-vm")
    terminal.key("Enter")
    terminal.wait(r"(?i)vcpu\s*0")
    terminal.wait(r"(?i)vcpu\s*1")


def test_the_footer_and_the_pane_tell_who_has_the_keys(tui):
    terminal = open_calm(tui)
    terminal.wait(r"Enter open .*: command .*Space mark .*o sort")
    terminal.key("Tab")
    terminal.wait(r"Esc back .*\] next tab .*\+ zoom")
    assert terminal.line_with(r"^▸ batch .*\[overview\].*metrics"), terminal.dump()
    terminal.key("Esc")
    terminal.wait(r"Enter open")


def test_the_detail_pane_gives_the_cpu_figure_of_the_list(tui):
    terminal = open_calm(tui)
    move_to(terminal, "batch")
    for words in (r"cpu [\d.]+ % of a core \(limit 0\.5\)", r"cpu [\d.]+ % of its limit of 0\.5 CPUs",
                  r"cpu [\d.]+ % of the host"):
        terminal.wait(words)
        listed = re.search(r"batch +ct +running +0\.5 +([\d.]+)", terminal.text())
        shown = re.search(r"cpu ([\d.]+) %", terminal.text())
        assert listed and shown and listed[1] == shown[1], terminal.dump()
        terminal.key("%")


def test_help_fits_eighty_columns(tui):
    terminal = open_calm(tui, rows=400)
    terminal.key("?")
    terminal.wait(r"View verbs")
    keys = [line for line in terminal.lines() if re.search(r" view menu \w+$| view goto \w+$", line)]
    assert len(keys) > 8 and len({re.search(r" view (menu|goto)", line).start() for line in keys}) == 1
    assert terminal.line_with(r"create .*, or a guest from$"), "broken at a space"


def run_line(terminal, line, title):
    """Type a command line whose output is a page of its own."""
    terminal.key(":")
    terminal.send(line + "\r")
    terminal.wait(rf"^. {re.escape(title)} ─+ 1-20 of (\d+) ─")
    return int(re.search(rf"^. {re.escape(title)} ─+ 1-20 of (\d+) ─", terminal.text(), re.M)[1])


def test_output_longer_than_the_screen_is_scrolled_and_left(tui):
    terminal = tui("--connect", "sim:60,pace=0.05,whims=off,events=off")
    terminal.wait(r"NAME.*STATE")
    total = run_line(terminal, "help", "help")
    seen, last = terminal.lines()[2:22], 20
    while last < total:  # a page begins with the last line of the one before
        new = min(19, total - last)
        last += new
        terminal.key("PgDn")
        terminal.wait(rf"^. help ─+ {last - 19}-{last} of {total} ─")
        seen += terminal.lines()[22 - new:22]
    assert len(seen) == total and seen[0].startswith(" gemel: ")
    commands = [re.match(r"   ([a-z][a-z-]*)\b", line)[1] for line in seen if re.match(r"   [a-z]", line)]
    assert {"list", "snapshot", "lab", "help", "version"} <= set(commands) and len(commands) > 50
    assert seen[-1].endswith("5 unreachable, 6 conflict or busy, 7 denied, 124 timed out"), "not cut"
    terminal.key("Home")
    terminal.wait(rf"^. help ─+ 1-20 of {total} ─")
    terminal.key("Down")
    terminal.wait(rf"^. help ─+ 2-21 of {total} ─")
    terminal.key("Esc")
    terminal.wait(r"NAME.*STATE")

    total = run_line(terminal, "list --json", "list --json")
    assert total > 60 * 10
    terminal.key("End")
    terminal.wait(rf"^. list --json ─+ {total - 19}-{total} of {total} ─")
    assert terminal.line_with(r"^ }$"), terminal.dump()
    terminal.key("PgUp")
    terminal.wait(rf"^. list --json ─+ \d+-{total - 19} of {total} ─")
    terminal.key("/")
    terminal.send('"worker-23"\r')
    terminal.wait(r'"name": "worker-23"')
    terminal.key("q")
    terminal.wait(r"NAME.*STATE")


def test_inspect_is_for_people(tui):
    terminal = open_calm(tui, rows=50)
    move_to(terminal, "lab-ct")
    terminal.key("d")
    terminal.wait(r"memory limit: +64M")
    text = terminal.text()
    assert len(re.findall(r"(?m)^ +state:", text)) == 1 and "null" not in text, terminal.dump()
    assert terminal.line_with(r"^ [0-9a-f]{64}$"), f"the whole id\n{terminal.dump()}"


def test_a_job_keeps_the_name_of_its_instance(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("snapshot create lab-ct before-the-very-long-upgrade-of-everything\r")
    terminal.wait(r"lab-ct: (snapshot|froze)")
    terminal.key("9")
    terminal.wait(r"done +snapshot create .*lab-ct")
    terminal.key("Enter")
    terminal.wait(r"what: ")
    assert "lane" not in terminal.text()


def test_tab_again_shows_the_matches_that_did_not_fit(tui):
    terminal = tui("--demo=300")
    terminal.wait(r"\b300  by name")
    terminal.key(":")
    terminal.send("stop \t\t")
    terminal.wait(r"and \d+ more; Tab shows them")
    first = terminal.lines()[13]
    terminal.key("Tab")
    terminal.wait(lambda t: t.lines()[13] != first and t.line_with(r"Tab shows them"))


def test_a_long_message_is_read_whole_and_an_empty_list_says_what_to_do(tui):
    terminal = tui("--connect", "test:///no/such/file.xml")
    terminal.wait(r":lab up +makes a guest and a container")
    lines = terminal.lines()
    top = next(i for i, line in enumerate(lines) if line.startswith(" ! "))
    assert lines[top + 1].startswith("   ") and lines[top + 1].strip(), terminal.dump()
    assert not any("\u2026" in line for line in lines[top:top + 3]), terminal.dump()


def use_whole_terminal(terminal):
    """Streams get the terminal as a whole from here on."""
    terminal.key(":")
    terminal.send("set consoles whole\r")
    terminal.wait_gone(r"set consoles")


def test_what_a_command_inside_prints_can_be_read(tui):
    terminal = open_calm(tui)
    use_whole_terminal(terminal)
    terminal.key(":")
    terminal.send("exec lab-ct -- ls /\r")
    terminal.wait(r"press Enter to go back")
    assert terminal.lines()[0].startswith("ls in lab-ct"), terminal.dump()
    assert terminal.line_with(r"bin +dev +etc")
    terminal.key("Enter")
    terminal.wait(r"ls in lab-ct ended")
    terminal.wait(r"NAME.*STATE")


def test_who_typed_or_printed_nothing_comes_straight_back(tui):
    terminal = open_calm(tui)
    use_whole_terminal(terminal)
    terminal.key(":")
    terminal.send("exec lab-ct -- true\r")
    terminal.wait(r"true in lab-ct ended")
    assert terminal.line_with(r"NAME.*STATE"), terminal.dump()
    terminal.key(":")
    terminal.send("exec lab-ct -- sh\r")
    terminal.wait(r"root@lab-ct:~#")
    terminal.send("exit\r")
    terminal.wait(r"sh in lab-ct ended")
    assert terminal.line_with(r"NAME.*STATE"), terminal.dump()


def test_what_a_failed_command_inside_said_can_be_read(tui):
    terminal = open_calm(tui)
    use_whole_terminal(terminal)
    terminal.key(":")
    terminal.send("exec lab-ct -- false\r")
    terminal.wait(r"press Enter to go back")
    terminal.key("Enter")
    terminal.wait(r"false in lab-ct ended with status 1")


def test_what_an_editor_that_fails_said_can_be_read(tui, gemel):
    script = os.path.join(gemel.home, "editor")
    with open(script, "w", encoding="utf-8") as file:
        file.write("stty raw -echo\necho swap file found >&2\nexit 3\n")
    terminal = open_calm(tui, env={"VISUAL": f"sh {script}", "TMPDIR": gemel.home})
    move_to(terminal, "build")
    terminal.key("e")
    terminal.wait(r"press Enter to go back")
    assert terminal.line_with(r"swap file found"), terminal.dump()
    terminal.key("Enter")
    terminal.wait(r"ended with status 3|text is kept in")
    terminal.wait(r"NAME.*STATE")


def test_a_shell_has_a_heading_and_its_end_names_the_instance(tui):
    terminal = open_calm(tui)
    use_whole_terminal(terminal)
    move_to(terminal, "lab-ct")
    terminal.key("s")
    terminal.wait(r"^shell in lab-ct; exit leaves it")
    shown = time.monotonic()
    until(lambda: time.monotonic() - shown > 1.2, what="a shell that did not fail at once")
    terminal.send("exit 3\r")
    terminal.wait(r"shell in lab-ct ended with status 3")
    move_to(terminal, "lab-vm")
    terminal.key("c")
    terminal.wait(r"^console of lab-vm; leave with \^\] or \^P\^Q")
    terminal.send("\x1d")
    terminal.wait(r"left the console")
    assert terminal.line_with(r"NAME.*STATE")


def test_many_lines_of_output_open_a_view_and_leave_no_message(tui):
    terminal = open_calm(tui)
    terminal.key(":")
    terminal.send("list\r")
    terminal.wait(r"^. list .*of 13")
    assert not terminal.lines()[22].strip(), terminal.dump()


@pytest.mark.quick
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV,
                                 signal.SIGABRT])
def test_terminal_is_restored_after_a_signal(tui, sig):
    terminal = open_calm(tui)
    terminal.kill(sig)
    if sig == signal.SIGINT:
        terminal.wait_still(0.3)
        if terminal.process.poll() is None:  # Ctrl-C asks
            terminal.key("q")
    terminal.wait_exit()
    assert terminal.restored()


def test_suspend_gives_the_terminal_back_and_takes_it_again(gemel):
    # below a shell with job control: without one nobody could continue it, and the kernel does not
    # stop the members of an orphaned process group
    terminal = Tui(["/bin/sh", "-i"], env=gemel.env(PS1="shell> "))
    try:
        terminal.wait(r"shell>")
        terminal.send(shlex.join(gemel.argv(*CALM)) + "\r")
        terminal.wait(r"lab-vm")
        terminal.key("^z")
        terminal.wait(r"Stopped")
        assert termios.tcgetattr(terminal.slave) == terminal.before
        assert terminal.restored()
        terminal.send("fg\r")
        until(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, 5, "raw mode again")
        terminal.key("?")
        terminal.wait(r"(?i)filter")
        terminal.key("q", "q")
        until(lambda: termios.tcgetattr(terminal.slave) == terminal.before, 5, "the modes of before")
        terminal.wait_still(0.2)
        assert terminal.restored()
    finally:
        terminal.close()


def test_a_hung_backend_does_not_slow_the_others(tui):
    terminal = tui("--connect", "sim:50", "--connect", "sim:5,seed=7,hang=list+sample,hang-after=1s",
                   rows=30, cols=100)
    terminal.wait(r"NAME.*STATE")
    terminal.wait(r"(?i)(waiting|slow|unresponsive|does not answer|not answering)", 20)
    # it hangs for good: whatever waited for it would never be seen
    before = selected_name(terminal)
    terminal.key("j")
    terminal.wait(lambda t: selected_name(t) not in (None, before))
    terminal.key("/")
    terminal.send("web")
    terminal.wait(r"^/web")
    terminal.key("Esc")
    terminal.wait_gone(r"^/web")
    terminal.key("q")
    terminal.wait_exit()


def test_hostile_names_do_not_reach_the_terminal(tui):
    terminal = tui("--connect", "sim:8,hostile=on")
    terminal.wait(r"NAME.*STATE")
    terminal.wait_still(0.5)
    raw = bytes(terminal.raw)
    assert b"\x1b]" not in raw.replace(b"\x1b]0;", b""), "an OSC sequence of a name came through"
    assert terminal.process.poll() is None


@pytest.mark.parametrize("term, env", [("xterm", {}), ("vt100", {}), ("linux", {}), ("screen-256color", {}),
                                       ("xterm-256color", {"NO_COLOR": "1"}),
                                       ("xterm-256color", {"LC_ALL": "C", "LANG": "C"})])
def test_other_terminals_work_too(tui, term, env):
    terminal = tui(*CALM, env={"TERM": term, **env})
    terminal.wait(r"lab-vm")
    if env.get("LC_ALL") == "C" or term in ("vt100", "linux"):
        terminal.wait_still()
        assert all(b < 0x80 for b in bytes(terminal.raw)), "not ASCII where nothing else can be shown"
    if "NO_COLOR" in env:
        terminal.wait_still()
        assert not re.search(rb"\x1b\[[0-9;]*(3[0-7]|4[0-7]|38;5|48;5)[0-9;]*m", bytes(terminal.raw))
    terminal.key("q")
    assert terminal.wait_exit() == 0


@pytest.mark.quick
def test_thousand_instances_scroll_and_filter(tui):
    terminal = tui("--demo=1000")
    terminal.wait(r"NAME.*STATE")
    terminal.wait(r"running")
    terminal.key("G")
    terminal.wait_still(0.2)
    terminal.key("g")
    terminal.key("/")
    terminal.send("lab-vm\r")
    terminal.wait(r"\blab-vm\b")
    terminal.key("q")


def test_freeze_holds_the_picture(tui):
    terminal = tui("--demo", rows=24, cols=100)
    terminal.wait(r"lab-vm.*running")
    terminal.key("Z")
    terminal.wait(r"(?i)fr(o|ee)ze")
    terminal.key("Z")
    terminal.wait_gone(r"(?i)frozen")


def test_a_stop_signal_from_outside_gives_the_terminal_back_too(gemel):
    terminal = Tui(["/bin/sh", "-i"], env=gemel.env(PS1="shell> "))
    try:
        terminal.wait(r"shell>")
        terminal.send(shlex.join(gemel.argv(*CALM)) + "\r")
        terminal.wait(r"lab-vm")
        os.killpg(os.tcgetpgrp(terminal.master), signal.SIGTSTP)
        terminal.wait(r"Stopped")
        assert termios.tcgetattr(terminal.slave) == terminal.before
        assert terminal.restored()
        terminal.send("fg\r")
        terminal.wait(r"lab-vm")
        terminal.key("q")
        until(lambda: termios.tcgetattr(terminal.slave) == terminal.before, 5, "the modes of before")
    finally:
        terminal.close()


def test_quitting_asks_while_something_is_under_way(tui):
    terminal = tui("--connect", "sim:5,pace=20,whims=off,events=off")
    terminal.wait(r"\blab-vm\b|\bdb\b")
    terminal.key("p", "o")
    terminal.wait(r"1 job under way")
    terminal.key("q")
    terminal.wait(r"quit all the same")
    terminal.key("n")
    terminal.wait_gone(r"quit all the same")
    terminal.key("q")
    terminal.wait(r"quit all the same")
    terminal.key("y")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_the_definition_is_searched_in_the_detail_pane(tui):
    terminal = open_calm(tui)
    move_to(terminal, "lab-vm")
    terminal.key("Tab")
    open_tab(terminal, "definition")
    terminal.wait(r"<domain")
    terminal.key("/")
    terminal.send("</devices\r")
    terminal.wait_gone(r"<domain")
    terminal.wait(r"</devices>")
    assert terminal.line_with(r"\blab-ct\b"), "the list is not filtered"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV])
def test_terminal_is_restored_after_a_signal_in_a_console(tui, sig):
    terminal = open_calm(tui)
    move_to(terminal, "lab-vm")
    terminal.key("c")
    terminal.wait(r"leave with")
    terminal.wait_still()
    terminal.kill(sig)
    terminal.wait_exit()
    assert terminal.restored()


def test_a_storm_of_sizes_ends_in_a_whole_screen(tui):
    terminal = open_calm(tui)
    for step in range(60):
        terminal.resize(3 + step * 7 % 57, 10 + step * 13 % 150)
    # the last size comes when all is calm: pyte may choke on output for a size that is gone
    terminal.wait_still()
    terminal.resize(24, 80)
    terminal.wait(lambda t: t.lines()[0].startswith("  gemel") and "NAME" in t.lines()[1] and
                  "Enter open" in t.lines()[23])
    terminal.key("q")
    assert terminal.wait_exit() == 0


def test_edit_lends_the_terminal_and_comes_back(tui):
    terminal = tui("--connect", "sim:12,whims=off,pace=0.05", env={"VISUAL": "sed -i s/8/9/"})
    terminal.wait(r"NAME.*STATE")
    move_to(terminal, "build")
    terminal.key("e")
    terminal.wait(r"build: changed")
    terminal.wait(r"NAME.*STATE")


def test_the_menu_clones_under_a_name_that_is_typed(tui):
    terminal = open_calm(tui)
    move_to(terminal, "mail")
    terminal.key("x")
    terminal.wait(r"C  clone +disks copied")
    terminal.key("C")
    terminal.wait(r":clone mail ")
    terminal.send("mail-2")
    terminal.key("Enter")
    terminal.wait(r"mail: cloned to mail-2")
    terminal.wait(r"(?m)^ +mail-2 +vm +stopped")


def test_protection_is_told_in_the_menu_and_asked_for_by_name(tui):
    terminal = open_calm(tui)
    move_to(terminal, "db")
    terminal.key("x")
    terminal.wait(r"delete +is protected")
    terminal.key("P")
    terminal.wait(r"(?i)take the protection off db")
    terminal.send("db")
    terminal.key("Enter")
    terminal.wait(r"protection off")
