# SPDX-License-Identifier: GPL-3.0-or-later
"""Pastes, searching the history, and candidates: in `gemel shell` and on the console's `:` line."""

import os
import re
import threading

import pytest

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
PROMPT = r"gemel\S*[>$#] ?$"
VERSION, VERSION_SAID = r"^gemel [\d.]+$", r"gemel [\d.]+ *$"
BEGIN, END = "\x1b[200~", "\x1b[201~"


def console(tui, **options):
    terminal = tui(*CALM, **options)
    terminal.wait(r"lab-vm")
    return terminal


def shell(tui, **options):
    terminal = tui(*CALM, "shell", **options)
    terminal.wait(PROMPT)
    return terminal


def last_line(terminal):
    """The last line that is not blank: where the prompt is."""
    return [line for line in terminal.lines() if line][-1]


def send_much(terminal, text):
    """More than the terminal's queue takes at once."""
    data = text.encode()

    def write():
        at = 0
        while at < len(data):
            at += os.write(terminal.master, data[at:at + 1024])
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the program does not read"


def history(gemel, *lines):
    folder = os.path.join(gemel.home, "state", "gemel")
    os.makedirs(folder)
    with open(os.path.join(folder, "history"), "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


@pytest.mark.quick
def test_a_paste_on_the_command_line_runs_nothing_by_itself(tui):
    terminal = console(tui)
    terminal.send(":")
    terminal.wait(r"Tab completes")
    terminal.send(f"{BEGIN}stop web-1\nstop web-2\r\n{END}")
    terminal.wait(r":stop web-1; stop web-2 .*2 lines pasted; Enter runs them")
    terminal.key("Esc")
    terminal.wait(r": command")
    terminal.send(":list -q --filter state=stopped | grep web\r")
    terminal.wait(r"status 1")


def test_a_hundred_kilobytes_are_pasted_without_a_freeze(tui):
    text = "list " + "x" * 100000
    terminal = console(tui)
    terminal.send(":")
    terminal.wait(r"Tab completes")
    send_much(terminal, f"{BEGIN}{text}{END}")
    terminal.wait(r"xxxxxxxxx")
    terminal.key("^u")
    terminal.send("version\r")
    terminal.wait(VERSION_SAID)
    other = shell(tui)
    send_much(other, f"{BEGIN}{text}{END}")
    other.wait(r"xxxxxxxxx")
    other.key("^c")
    other.wait(PROMPT)
    other.send("version\r")
    other.wait(VERSION)


@pytest.mark.quick
def test_a_paste_in_the_shell_waits_for_enter(tui):
    terminal = shell(tui)
    terminal.send(f"{BEGIN}version\nset cpu\n{END}")
    terminal.wait(r"set cpu")
    assert not terminal.line_with(VERSION), terminal.dump()
    terminal.send("\r")
    terminal.wait(r"^gemel [\d.]+\ncore$")


@pytest.mark.quick
def test_a_paste_without_end_holds_nothing_up(tui):
    terminal = shell(tui)
    terminal.send(f"abc {BEGIN}hello")
    terminal.wait(r"abc$")
    terminal.key("^c")
    terminal.wait(r"abc\n(.*\n)*gemel> ?$")
    terminal.send("version\r")
    terminal.wait(VERSION)
    terminal.send(f"{BEGIN}hello")
    terminal.wait_still(0.2)
    terminal.process.terminate()
    assert terminal.wait_exit() in (143, -15)
    assert terminal.restored()


@pytest.mark.quick
def test_the_history_is_searched_on_the_command_line(tui, gemel):
    history(gemel, "set cpu host", "version", "list -q web-2", "set cpu limit")
    terminal = console(tui)
    terminal.send(":")
    terminal.wait(r"Tab completes")
    terminal.key("^r")
    terminal.wait(r"reverse-i-search")
    terminal.send("web")
    terminal.wait(r"`web': ?list -q web-2")
    terminal.send("\r")
    terminal.wait(r"^ web-2$")


@pytest.mark.quick
def test_esc_keeps_what_a_search_found_and_a_second_one_leaves(tui, gemel):
    history(gemel, "set cpu host", "version")
    terminal = console(tui)
    terminal.send(":")
    terminal.wait(r"Tab completes")
    terminal.key("^r")
    terminal.send("host")
    terminal.wait(r"`host': ?set cpu host")
    terminal.key("Esc")
    terminal.wait(r"^:set cpu host")
    terminal.key("Esc")
    terminal.wait(r": command")


@pytest.mark.quick
def test_the_history_is_searched_in_the_shell(tui, gemel):
    history(gemel, "list -q web-2", "version")
    terminal = shell(tui)
    terminal.key("^r")
    terminal.send("web")
    terminal.wait(r"web.*list -q web-2")
    terminal.send("\r")
    terminal.wait(r"^web-2$")


@pytest.mark.quick
def test_candidates_have_hints_and_stay_while_figures_come(tui):
    terminal = tui("--connect", "sim:12,whims=off")
    terminal.wait(r"lab-vm")
    terminal.send(":start \t")
    terminal.wait(r"mail +stopped vm")
    before = len(terminal.raw)
    # figures are drawn meanwhile
    terminal.wait(lambda t: len(t.raw) > before + 500, timeout=60)
    assert terminal.line_with(r"ci-runner +stopped container"), terminal.dump()
    assert terminal.line_with(r"^:start +"), terminal.dump()  # and nothing was chosen by itself
    terminal.key("Esc")
    other = shell(tui)
    other.send("snapshot \t")
    other.wait(r"revert +go back to a snapshot")
    other.send("\x15watch start m\t")
    other.wait(r"watch start mail")
    other.send("\x15set theme \t")
    other.wait(r"dark +now, the default")


@pytest.mark.quick
def test_any_key_ends_a_search(tui, gemel):
    history(gemel, "set cpu host", "version")
    terminal = shell(tui)
    for key in ("Right", "Home", "\x1b[3~", "\x1b[5~", "\x1bb", "^a"):
        terminal.key("^r")
        terminal.wait(r"reverse-i-search")
        terminal.send("host")
        terminal.wait(r"`host': ?set cpu host")
        terminal.key(key)
        terminal.wait(lambda t: re.match(r"gemel> set cpu", last_line(t)))
        terminal.key("^c")
        terminal.wait(lambda t: re.fullmatch(r"gemel\S*>", last_line(t)))
    terminal.key("^r")
    terminal.send("host")
    terminal.wait(lambda t: re.search(r"`host': ?set cpu host", last_line(t)))
    terminal.key("^c")
    terminal.wait(lambda t: re.fullmatch(r"gemel\S*>", last_line(t)))
    terminal.send("version\r")
    terminal.wait(VERSION)
    console_line = console(tui)
    console_line.send(":")
    console_line.wait(r"Tab completes")
    console_line.key("^r")
    console_line.send("host")
    console_line.wait(r"`host': ?set cpu host")
    console_line.key("Left")
    console_line.wait(r"^:set cpu host")
    console_line.key("Esc")
    console_line.wait(r": command")


def both_lines(tui):
    """The shell, then the console with its `:` line open: each program and its terminal."""
    for program, start in ((shell, ""), (console, ":")):
        terminal = program(tui)
        terminal.send(start)
        terminal.wait(r"Tab completes" if start else "gemel>")
        yield program, terminal


def goes_on(program, terminal):
    """The line was dropped, and the next one is run."""
    terminal.wait(lambda t: re.fullmatch(r"gemel\S*>", last_line(t)) if program is shell else ": command" in t.dump())
    terminal.send("version\r" if program is shell else ":version\r")
    terminal.wait(VERSION if program is shell else VERSION_SAID)


@pytest.mark.quick
def test_an_unbound_sequence_ends_a_search(tui, gemel):
    history(gemel, "set cpu host", "version")
    for _, terminal in both_lines(tui):
        terminal.key("^r")
        terminal.wait(r"reverse-i-search")
        terminal.send("host")
        terminal.wait(r"`host': ?set cpu host")
        terminal.send("\x18:!")
        terminal.wait(r"(^:|gemel> )set cpu !host")


# Each of these made readline 8.2 jump into a frame that had returned, or read what it had freed.
SEQUENCES = {"a character search for an arrow key": "\x1d\x1b[x", "one for ESC": "\x1d\x1b]", "one given up": "\x1d\x1b\x07",
             "one for a meta key": "\x1d\x1bx\x1bW", "a macro of a search": "\x18(\x12a\x18:\x18)\x18e",
             "a counted key": "\x1b3\x18:", "a search there and back": "\x12o\x13\x13(ep\x12\x12",
             "quoted keys": "\x16\x1bx\x18:\x16\x1b[x"}


@pytest.mark.quick
@pytest.mark.parametrize("keys", SEQUENCES.values(), ids=SEQUENCES)
def test_no_sequence_of_keys_harms_the_line_editor(tui, gemel, keys):
    history(gemel, "set cpu host", "version")
    for program, terminal in both_lines(tui):
        if program is shell:
            terminal.send("copy(" + keys.replace("\x13", ""))  # there it stops the terminal
        else:
            terminal.send("copy(" + keys)
        terminal.wait_still(0.3)
        terminal.send("\x03")
        goes_on(program, terminal)


@pytest.mark.quick
def test_a_search_for_a_flood_holds_nothing_up(tui, gemel):
    history(gemel, "set cpu host", "version")
    for program, terminal in both_lines(tui):
        terminal.key("^r")
        terminal.wait(r"reverse-i-search")
        send_much(terminal, "x" * 6000)
        send_much(terminal, "\x03")
        goes_on(program, terminal)
