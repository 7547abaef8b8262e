# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion in the user's own shell: the scripts for bash and zsh, and what they ask gemel."""

import os
import shlex
import shutil
import subprocess

import pytest

from harness.gemel import ROOT
from harness.tui import Tui
from harness.wait import until

SCRIPTS = os.path.join(ROOT, "docs", "completions")


def candidates(gemel, line):
    """Candidate -> hint, as `completion line` prints them."""
    rows = gemel.ok("completion", "line", line).out.splitlines()
    assert len(rows) % 2 == 0, rows
    return dict(zip(rows[::2], rows[1::2]))


def seen(gemel, line, wanted):
    """The candidates, once `wanted` is among them: a machine under load may need more than one TAB."""
    until(lambda: wanted in candidates(gemel, line), 20, lambda: f"{wanted} for {line!r}: "
          f"{candidates(gemel, line)}")
    return candidates(gemel, line)


def bash(gemel, line, **env):
    """What bash would get: COMPREPLY for a line with the cursor at its end."""
    words = line.replace("=", " = ").replace(":", " : ").split(" ")  # as COMP_WORDBREAKS has it
    script = f"""
        source {shlex.quote(os.path.join(SCRIPTS, 'gemel.bash'))}
        COMP_LINE={shlex.quote(line)} COMP_POINT=${{#COMP_LINE}}
        COMP_WORDS=({' '.join(shlex.quote(w) for w in words)}) COMP_CWORD={len(words) - 1}
        _gemel
        printf '%s\\n' "${{COMPREPLY[@]}}"
        complete -p gemel >&2"""
    path = os.path.dirname(gemel.path) + ":/usr/bin:/bin"
    done = subprocess.run(["bash", "--norc", "-c", script], text=True, capture_output=True, timeout=60,
                          env=gemel.env(PATH=path, **env), cwd=gemel.home, check=True)
    assert "-F _gemel gemel" in done.stderr, done.stderr
    return done.stdout.splitlines()


def seen_by_bash(gemel, line, wanted, **env):
    until(lambda: bash(gemel, line, **env) == wanted, 20,
          lambda: f"{wanted} for {line!r}: {bash(gemel, line, **env)}")


@pytest.fixture
def shell(gemel):
    """Opens a shell on a terminal, in a directory and with a PATH where gemel is the build's."""
    opened = []

    def open_shell(*argv):
        path = os.path.dirname(gemel.path) + ":/usr/bin:/bin"
        terminal = Tui(list(argv), rows=24, cols=100, env=gemel.env(PATH=path, HISTFILE=None, PS1="$ "))
        opened.append(terminal)
        return terminal

    yield open_shell
    for terminal in opened:
        terminal.close()


def test_commands_of_the_table_with_their_summaries(gemel):
    rows = candidates(gemel, "gemel st")
    assert set(rows) == {"start", "stats", "stop"}
    assert rows["start"] == "start guests and containers"
    assert set(candidates(gemel, "gemel snapshot re")) == {"revert"}
    assert "completion" in candidates(gemel, "gemel co")


def test_names_are_those_the_command_can_act_on(gemel):
    rows = seen(gemel, "gemel --demo start ", "mail")
    assert rows["mail"].startswith("stopped vm") and "lab-vm" not in rows
    rows = seen(gemel, "gemel --demo stop lab", "lab-vm")
    assert set(rows) == {"lab-vm", "lab-ct"}


def test_options_before_the_command_and_their_values(gemel):
    assert set(candidates(gemel, "gemel --re")) == {"--read-only"}
    assert set(candidates(gemel, "gemel --connect qemu:///s")) == {"qemu:///session", "qemu:///system"}
    assert "--connect=native" in candidates(gemel, "gemel --connect=n")
    assert not candidates(gemel, "gemel --demo=")
    assert "start" in candidates(gemel, "gemel --connect test:///default --read-only st")
    assert "test" in seen(gemel, "gemel -c test:///default stop ", "test")


def test_a_silent_backend_holds_nothing_up_and_nothing_is_said(gemel):
    done = gemel.run("completion", "line", "gemel -c sim:3,latency=60s start ")
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("line", ["", "gemel", "gemel 'a", "gemel \"", "gemel \\", "gemel ; ", "gemel -- ",
                                  "gemel nothing here ", "gemel --bogus list ", "\x01 \x02", "gemel list \xff"])
def test_strange_lines_are_no_errors(gemel, line):
    assert gemel.run("--demo", "completion", "line", line).err == ""


def test_what_is_printed_is_what_is_installed(gemel):
    for name in ("bash", "zsh"):
        with open(os.path.join(SCRIPTS, f"gemel.{name}"), encoding="utf-8") as file:
            assert gemel.ok("completion", name).out == file.read()
    assert "tcsh" in gemel.fails(2, "completion", "tcsh").err


def test_bash_gets_names(gemel):
    seen_by_bash(gemel, "gemel --demo start ma", ["mail"])
    seen_by_bash(gemel, "gemel sto", ["stop"])


def test_bash_gets_what_follows_an_equals_sign_or_a_colon(gemel):
    seen_by_bash(gemel, "gemel --demo limit web-1 mem", ["memory="])
    seen_by_bash(gemel, "gemel --connect=nat", ["native"])
    seen_by_bash(gemel, "gemel --connect qemu:///se", ["///session"])


def test_bash_lists_candidates_with_hints(gemel):
    line = "gemel --demo stop web-"
    until(lambda: [row.split(",")[0] for row in bash(gemel, line, COMP_TYPE="63")] ==
          ["web-1  running container", "web-2  running container"], 20,
          lambda: bash(gemel, line, COMP_TYPE="63"))


def test_bash_gets_directories_with_a_slash(gemel):
    os.makedirs(os.path.join(gemel.home, "recordings dir"))
    seen_by_bash(gemel, "gemel replay rec", ["recordings\\ dir/"])


def test_a_name_in_bash_on_a_terminal(gemel, shell):
    terminal = shell("bash", "--norc", "--noprofile", "-i")
    terminal.wait(r"^\$")
    terminal.send(f"source {SCRIPTS}/gemel.bash; clear\r")
    terminal.wait_gone("source")
    terminal.wait(r"^\$")
    terminal.send("gemel --demo start ma")

    def completed():
        terminal.key("Tab")
        terminal.wait_still(0.5, 3)
        return "gemel --demo start mail" in terminal.text()

    until(completed, 20, terminal.dump)


def test_a_name_in_zsh_on_a_terminal(gemel, shell):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    os.makedirs(os.path.join(gemel.home, "functions"))
    shutil.copy(os.path.join(SCRIPTS, "gemel.zsh"), os.path.join(gemel.home, "functions", "_gemel"))
    terminal = shell("zsh", "-f", "-i")
    terminal.send("PS1='%# '; fpath+=~/functions; autoload -U compinit; compinit -u; clear\r")
    terminal.wait(r"^# *$")
    terminal.send("gemel --demo stop w")

    def listed():
        terminal.key("Tab")
        terminal.wait_still(0.5, 3)
        return "running container" in terminal.text() and "web-2" in terminal.text()

    until(listed, 20, terminal.dump)
    terminal.send("\x15gemel lis")
    terminal.key("Tab")
    terminal.wait(r"gemel list")
