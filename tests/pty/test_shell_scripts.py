# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts, pipes and repetition on a terminal: in `gemel shell`, and on the console's `:` line."""

import os
import re

import pytest

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
VERSION = r"^gemel [\d.]+$"
PROMPT = r"gemel\S*[>$#] ?$"


def console(tui, **options):
    terminal = tui(*CALM, **options)
    terminal.wait(r"lab-vm")
    return terminal


def shell(tui, **options):
    terminal = tui(*CALM, "shell", **options)
    terminal.wait(PROMPT)
    return terminal


@pytest.mark.quick
def test_a_pipe_of_the_command_line_is_a_page(tui):
    terminal = console(tui)
    terminal.send(":list -q | grep web\r")
    terminal.wait(lambda t: t.line_with(r"^ web-2$") and not t.line_with(r"^ mail$"))
    terminal.key("q")
    terminal.wait(r"NAME")
    terminal.send(":list | exit 3\r")
    terminal.wait(r"status 3")


def test_a_pager_gets_the_terminal_and_gives_it_back(tui, tmp_path):
    pager = tmp_path / "less"
    pager.write_text("#!/bin/sh\nstty -a < /dev/tty | grep -o 'icanon'\nwc -l\nread x < /dev/tty\n")
    pager.chmod(0o755)
    terminal = console(tui)
    terminal.send(f":list -q | {pager}\r")
    terminal.wait(r"^12$")
    terminal.send("\r")
    terminal.wait(r"NAME.*CPU")
    terminal.send("Q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


@pytest.mark.quick
def test_watch_is_a_page_that_q_closes(tui):
    terminal = console(tui)
    terminal.send(":watch -i 200ms version\r")
    terminal.wait(r"every 0.2s: version")
    first = terminal.line_with(r"every 0.2s")
    terminal.wait(lambda t: t.line_with(r"every 0.2s") not in (None, first))
    terminal.key("q")
    terminal.wait(r"NAME.*CPU")
    terminal.wait_gone(r"every 0.2s")


@pytest.mark.quick
def test_watch_in_the_shell_ends_with_q(tui):
    terminal = shell(tui)
    terminal.send("watch -i 200ms list -q\r")
    terminal.wait(r"every 0.2s: list -q.*q leaves")
    terminal.send("q")
    terminal.wait(PROMPT)
    terminal.send("version\r")
    terminal.wait(VERSION)
    terminal.key("^d")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


@pytest.mark.quick
def test_ctrl_c_ends_a_watch_and_the_shell_stays(tui):
    terminal = shell(tui)
    terminal.send("watch -i 200ms list -q\r")
    terminal.wait(r"every 0.2s: list -q")
    terminal.key("^c")
    terminal.wait(r"gemel!> ?$")
    terminal.send("version\r")
    terminal.wait(VERSION)


@pytest.mark.quick
def test_ctrl_c_at_a_program_that_reads_ends_it_and_the_shell_stays(tui):
    terminal = shell(tui)
    terminal.send("list | sh -c 'echo here; sleep 600'\r")
    terminal.wait(r"^here")
    terminal.key("^c")
    terminal.wait(r"gemel!> ?$")
    terminal.send("version\r")
    terminal.wait(VERSION)


@pytest.mark.quick
def test_echo_shows_keys_as_commands_and_a_session_is_a_script(tui, gemel, tmp_path):
    script = tmp_path / "session"
    terminal = console(tui)
    terminal.send(":echo on\r")
    terminal.key("j")
    terminal.wait(r"\[j = view down\]")
    terminal.send("gP")
    terminal.wait(r"\[P = view sort cpu\]")
    terminal.send(":stop web-1\r")
    terminal.wait(r"web-1: stopped")
    terminal.send(":inspect nobody\r")
    terminal.wait(r"nobody")
    terminal.send(f":script save {script}\r")
    terminal.wait(r"saved in")
    lines = script.read_text().splitlines()
    assert "stop web-1" in lines and "# view sort cpu" in lines and "echo on" in lines, lines
    assert any(re.match(r"# inspect nobody .*status 3", line) for line in lines), lines
    terminal.send("Q")
    terminal.wait_exit()
    done = gemel.run(*CALM, "-c", f"source {script}; list -q --filter state=stopped")
    assert done.status == 0 and "web-1" in done.out.split(), done
    with open(script, encoding="utf-8") as file:
        assert gemel.run(*CALM, "--batch", stdin=file).status == 0


@pytest.mark.quick
def test_two_shells_lose_none_of_each_others_lines(tui, gemel):
    one, two = shell(tui), shell(tui)
    for number in range(3):
        one.send(f"set cpu host # one {number}\r")
        two.send(f"set cpu host # two {number}\r")
        one.wait(rf"# one {number}\n(.*\n)*gemel> ?$")
        two.wait(rf"# two {number}\n(.*\n)*gemel> ?$")
    one.send(" version # not kept\r")
    one.wait(VERSION)
    for terminal in (one, two):
        terminal.key("^d")
        assert terminal.wait_exit() == 0
    path = os.path.join(gemel.home, "state", "gemel", "history")
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert sorted(lines) == sorted(f"set cpu host # {who} {n}" for who in ("one", "two") for n in range(3))
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.quick
def test_a_history_file_is_bounded(tui, gemel):
    folder = os.path.join(gemel.home, "state", "gemel")
    os.makedirs(folder)
    path = os.path.join(folder, "history")
    with open(path, "w", encoding="utf-8") as file:
        file.write("cut short\0\0\0\n")  # as a crash of the host may leave it
        file.writelines(f"old {n}\n" for n in range(2000))
    terminal = shell(tui)
    terminal.send("version\r")
    terminal.wait(VERSION)
    terminal.send("history 2\r")
    terminal.wait(r"^version\n(.*\n)*history 2")
    terminal.key("^d")
    assert terminal.wait_exit() == 0
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[-2:] == ["version", "history 2"] and 1000 <= len(lines) <= 1002, len(lines)
