# SPDX-License-Identifier: GPL-3.0-or-later
"""What users of other consoles complained of, each shown not to happen here; docs/testing.md has the whole table."""

import contextlib
import os
import re
import shlex
import signal
import struct
import termios
import time
import unicodedata

import pytest

from harness.tui import Tui
from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")
LIST = r"NAME.*STATE"


def opened(tui, *args, **options):
    terminal = tui(*(args or CALM), **options)
    terminal.wait(LIST)
    terminal.wait(r"^▸")
    return terminal


def command(terminal, text):
    terminal.key(":")
    terminal.send(text + "\r")


def quit_clean(terminal):
    terminal.key("Q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def script(scratch, name, text):
    """A program for the console to run."""
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def figures_of(pid):
    """CPU time so far in seconds and resident memory in MiB; None once it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
            open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
        return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
                int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
    return None


def state_of(pid):
    """R, S, T, Z ... of a process; None once it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
            open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0]
    return None


@pytest.fixture
def below_bash(gemel):
    """A console below bash with job control: (terminal, pid of the console)."""
    made = []

    def open_below(*args, **options):
        env = gemel.env(PS1="bash> ", HISTFILE=None, **options.pop("env", {}))
        terminal = Tui(["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"], env=env, **options)
        made.append(terminal)
        terminal.wait(r"bash> ?$")
        terminal.send(shlex.join(gemel.argv(*(args or CALM))) + "\r")
        terminal.wait(LIST)
        terminal.wait(r"^▸")
        pid = os.tcgetpgrp(terminal.master)
        assert pid != terminal.pid
        return terminal, pid

    yield open_below
    for terminal in made:
        terminal.close()


# ---- the backend


def test_a_backend_that_goes_away_is_named_and_comes_back_by_itself(tui):
    """k9s #3471, #644, PR #3927; podman-tui #801, #551."""
    terminal = opened(tui, "--connect", "sim:6,whims=off,events=off",
                      "--connect", "sim:4,seed=7,whims=off,down=4s-8s", cols=132)
    terminal.wait(r"\b10  by name")
    terminal.wait(r"sim2 is down: sim2 refuses connections.*may come back by itself")
    terminal.key("G", "g", "o", "c")
    terminal.wait(r"by cpu")
    terminal.key("/")
    terminal.send("db\r")
    terminal.wait(r"of 10 /db")
    terminal.key("Esc")
    terminal.wait_gone(r"/db")
    terminal.key("0")
    terminal.wait(r"backend-down +sim2")
    terminal.wait(r"backend-up +sim2.*\n.*backend-down +sim2")
    quit_clean(terminal)


def test_a_backend_that_is_away_from_the_start_holds_up_nothing(tui):
    """k9s #3471; cockpit-machines #368: "Loading" for ever."""
    terminal = opened(tui, "--connect", "sim:6,whims=off,events=off",
                      "--connect", "sim:4,seed=7,whims=off,down=0s-6s", cols=132)
    terminal.wait(r"\b6  by name")  # without the ten
    terminal.wait(r"\b10  by name")
    quit_clean(terminal)


@pytest.mark.parametrize("op, keys", [("inspect", "d"), ("snapshot-list", "t"), ("processes", ":view tab processes\r"),
                                      ("stop", ":stop --no-wait lab-ct\r")])
def test_no_single_call_that_blocks_stops_the_console(tui, op, keys):
    """virtui-manager's freezes; virt-manager #299, #471, #499; collectd #2037; kubevirt and go-libvirt likewise."""
    terminal = opened(tui, "--connect", f"sim:12,whims=off,events=off,hang={op}")
    terminal.send(keys)
    terminal.wait_still(0.1, 1)
    terminal.key("1", "G")
    # the call blocks for good: whatever waited for it would never be seen
    terminal.wait(lambda t: re.search(r"^▸\W+web-2\b", t.text(), re.MULTILINE))
    terminal.key("/")
    terminal.send("db")
    terminal.wait(r"^/db")
    terminal.key("^u", "Enter", "Q", "y")
    terminal.wait_exit()
    assert terminal.restored()


@pytest.mark.quick
def test_what_is_waited_for_is_named_with_its_age(tui):
    """Proxmox: "timeout waiting for ..." says neither what nor since when."""
    terminal = opened(tui, "--connect", "sim:12,whims=off,events=off,hang-instance=db")
    terminal.wait(r"db .*! .*\(\d+ s\)")
    first = int(re.search(r"db .*! .*\((\d+) s\)", terminal.text())[1])
    until(lambda: int((re.search(r"db .*! .*\((\d+) s\)", terminal.text()) or [0, 0])[1]) > first, 5,
          terminal.dump)


def test_a_storm_of_changes_leaves_the_keys_alone(tui):
    """virtui-manager #50: a tool beside it that changes many guests froze it."""
    terminal = opened(tui, "--connect", "sim:300,pace=0.01")
    terminal.wait(r"\b300  by name")
    command(terminal, "stop --no-wait --skip ~.")
    terminal.key("1")
    for _ in range(5):
        terminal.key("G")
        terminal.wait(lambda t: re.search(r"^▸\W+worker-", t.text(), re.MULTILINE))
        terminal.key("g")
        terminal.wait(lambda t: not re.search(r"^▸\W+worker-", t.text(), re.MULTILINE))
    terminal.key("Q", "y")
    terminal.wait_exit()
    assert terminal.restored()


# ---- keys


@pytest.mark.quick
def test_no_ctrl_letter_and_no_stray_letter_changes_anything(tui, gemel):
    """k9s #87 (Ctrl-d deletes), #319 and #1318 (Ctrl-k kills); podman-tui #46 (Delete deletes)."""
    terminal = opened(tui)
    for letter in "abdefghiklnoprtuvwxy":  # all but ^c, which asks, ^z, and what the terminal keeps
        terminal.key("^" + letter)
        if letter in "o":
            terminal.key("^o", "n")
    terminal.key("Esc", "Esc", "1", "r", "R", "Delete", "K", "X")
    terminal.wait(r"does nothing here|delete is `D`|`p")
    terminal.key("9")
    terminal.wait(r"(?i)no jobs|nothing (is under way|was done)|0 jobs|There are no")
    assert not os.path.exists(gemel.env()["GEMEL_AUDIT_LOG"]) or \
        not re.search(r"stop|kill|delete|reset", open(gemel.env()["GEMEL_AUDIT_LOG"], encoding="utf-8").read())


@pytest.mark.quick
def test_read_only_is_lifted_without_a_restart_and_keys_can_be_bound(tui):
    """k9s #1318."""
    terminal = opened(tui, "--read-only", *CALM)
    terminal.key("p")
    terminal.wait_still(0.1, 2)
    terminal.key("Esc", "^o")
    terminal.wait(r"(?i)allow changes")
    terminal.key("y")
    terminal.wait_gone(r"(?i)allow changes")
    command(terminal, "bind ^k view up")
    terminal.key("g", "j", "^k")
    terminal.wait(lambda t: re.search(r"^▸\W+batch\b", t.text(), re.MULTILINE))
    command(terminal, "stop lab-ct")
    terminal.wait(r"\blab-ct\b.*stopped")


@pytest.mark.quick
def test_what_was_typed_is_run_and_no_suggestion(tui):
    """k9s #928: completion that takes over what is being typed."""
    terminal = opened(tui)
    command(terminal, "pause lab")
    terminal.wait(r"no instance is called 'lab'; did you mean 'lab-ct'")
    assert terminal.line_with(r"\blab-ct\b.*running")
    terminal.key(":")
    terminal.send("pause lab-")
    terminal.wait(r"^:pause lab-  +Tab completes")  # as typed, nothing put behind it
    terminal.key("Enter")
    terminal.wait(r"no instance is called 'lab-'")
    assert terminal.line_with(r"\blab-ct\b.*running") and terminal.line_with(r"\blab-vm\b.*running")


@pytest.mark.quick
def test_mouse_reports_quit_and_move_nothing(tui):
    """htop (hishamhm) #411: mouse sequences read as keys, `q` among them."""
    terminal = opened(tui)
    terminal.send("\x1b[M qq\x1b[<35;113;17M\x1b[<0;81;1M\x1b[<0;81;1m\x1b[57441;1Q\x1b[?62;22c\x1bOq")
    terminal.key("?")
    terminal.wait(r"Keys in the list of instances")
    assert terminal.process.poll() is None
    terminal.key("q")
    quit_clean(terminal)


def mouse_of(terminal):
    """Whether the terminal was last told to report the mouse; None: nothing was said of it."""
    said = re.findall(rb"\x1b\[\?[\d;]*\b100[0-3]([hl])", bytes(terminal.raw))
    return said[-1] == b"h" if said else None


@pytest.mark.quick
def test_the_mouse_is_the_terminals_until_asked_for_and_afterwards(tui):
    """k9s #874, #855, #2726; lazydocker #68, #835; oxker #2; btop #144."""
    terminal = opened(tui)
    assert not mouse_of(terminal), "mouse taken unasked"
    for on in (True, False, True):
        terminal.key("m")
        until(lambda on=on: mouse_of(terminal) is on, 5, f"the mouse {'taken' if on else 'given back'}")
        terminal.wait(r"Mouse on; the terminal's own selection needs Shift" if on else r"(?i)mouse off")
    quit_clean(terminal)
    assert mouse_of(terminal) is False


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGSEGV])
@pytest.mark.quick
def test_the_mouse_is_given_back_by_whatever_end(tui, sig):
    """btop #144."""
    terminal = opened(tui)
    terminal.key("m")
    until(lambda: mouse_of(terminal), 5, "the mouse to be taken")
    terminal.kill(sig)
    terminal.wait_exit()
    assert mouse_of(terminal) is False
    assert terminal.restored()


# ---- the terminal lent and taken back


def test_ctrl_z_and_fg_below_bash_wherever_one_is(below_bash):
    """k9s #2947: Ctrl-Z crashes."""
    terminal, pid = below_bash()
    for keys, seen in (("", LIST), ("9", r"› jobs"), ("", r"› jobs"), ("q?", r"Keys in the list"), ("q", LIST)):
        terminal.send(keys)
        terminal.wait(seen)
        terminal.key("^z")
        until(lambda: state_of(pid) == "T", 10, lambda: f"the console to stop\n{terminal.dump()}")
        terminal.wait(r"Stopped")
        assert terminal.restored()
        terminal.send("echo from $((6*7))\r")  # the shell has its own modes
        terminal.wait(r"from 42")
        terminal.send("fg\r")
        until(lambda: state_of(pid) in ("R", "S"), 10, "the console to go on")
        terminal.wait(seen)
        terminal.wait_gone(r"from 42")
    terminal.key("Q")
    until(lambda: state_of(pid) is None, 10, terminal.dump)
    terminal.wait(r"^bash>")
    assert terminal.restored()


@pytest.mark.parametrize("stopped", [False, True])
def test_it_ends_with_the_shell_that_started_it(below_bash, stopped):
    """k9s #871: the launching shell dies, the console stays and eats memory."""
    terminal, pid = below_bash()
    if stopped:
        terminal.key("^z")
        terminal.wait(r"Stopped")
        until(lambda: state_of(pid) == "T", 10, "the console to stop")
    terminal.kill(signal.SIGKILL)
    until(lambda: state_of(pid) in (None, "Z"), 10, lambda: f"the console to end: {state_of(pid)}")


def test_a_child_killed_in_the_middle_leaves_nothing_behind(tui, scratch, gemel):
    """k9s #1673, #650, #2186, #3897: blank, grey or dead after a shell, an editor, a pager."""
    spoiler = script(scratch, "spoiler", r"""stty raw -echo
printf '\033[?1049h\033[?1000h\033[?2004h\033[31;47m\033(0\033[5;10r\033[?7l\033[?25l\033[?1h\033='
kill -9 $$
""")
    terminal = opened(tui, env={"VISUAL": spoiler, "EDITOR": spoiler, "PAGER": spoiler})
    before = terminal.lines()[1]
    terminal.key("e")
    terminal.wait(r"ended by signal 9|text is kept in")
    terminal.wait(LIST)
    until(lambda: terminal.lines()[1].split("CPU")[0] == before.split("CPU")[0], 5, terminal.dump)
    terminal.key("G")
    terminal.wait(lambda t: re.search(r"^▸\W+web-2\b", t.text(), re.MULTILINE))
    children = until(lambda: [open(f"/proc/{terminal.pid}/task/{task}/children", encoding="ascii").read()
                              for task in os.listdir(f"/proc/{terminal.pid}/task")], 5)
    assert not "".join(children).strip(), f"children left (virtui-manager #108): {children}"
    quit_clean(terminal)


def test_ctrl_l_draws_over_what_others_wrote(tui):
    """k9s #1912: wall and kernel messages stay on the screen; oxker's `f` and htop's Ctrl-L are for this."""
    terminal = opened(tui)
    command(terminal, "view freeze")
    terminal.wait(r"FROZEN")
    terminal.wait_still(0.2)
    before = terminal.lines()
    os.write(terminal.slave, b"\r\n\x1b[41mBroadcast message from root: going down\x1b[0m" * 3)
    terminal.wait(r"Broadcast message")
    terminal.key("^l")
    terminal.wait_gone(r"Broadcast message")
    until(lambda: [line[40:] for line in terminal.lines()[1:]] == [line[40:] for line in before[1:]] or
          terminal.lines()[1:] == before[1:], 5, terminal.dump)


# ---- size, signs, colours


@pytest.mark.parametrize("term", ["linux", "screen", "screen-256color", "tmux-256color", "xterm", "xterm-256color",
                                  "vt100"])
def test_every_terminal_gets_a_whole_screen_and_itself_back(tui, term):
    """lazydocker #707, #679; ctop #184; k9s #650; virtui-manager's TERM=linux."""
    if not any(os.path.exists(f"{base}/{term[0]}/{term}") for base in ("/lib/terminfo", "/usr/share/terminfo",
                                                                       "/etc/terminfo")):
        pytest.skip(f"no terminfo of {term} on this host")
    terminal = tui(*CALM, env={"TERM": term})
    terminal.wait(r"lab-vm")
    terminal.wait(r"NAME\S? +KIND +STATE")
    terminal.key("G")
    terminal.wait(lambda t: re.search(r"^[▸>]\W+web-2\b", t.text(), re.MULTILINE))
    terminal.key("?")
    terminal.wait(r"Keys in the list of instances")
    terminal.key("q", "Q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_a_dumb_terminal_is_told_what_to_use(tui):
    """lazydocker #645: dies with a trace."""
    terminal = tui(*CALM, env={"TERM": "dumb"})
    assert terminal.wait_exit() == 2
    assert "Traceback" not in terminal.text()
    assert re.search(r"gemel: .*(--linear|gemel shell)", terminal.text()), terminal.dump()
    assert terminal.restored()


@pytest.mark.quick
def test_a_terminal_of_unknown_size_is_taken_as_24_by_80_and_eats_no_cpu(tui):
    """btop #932: 100 % of a core; lazydocker #211."""
    terminal = tui(*CALM, rows=24, cols=80, winsize=(0, 0))
    terminal.wait(LIST)
    began, (cpu, _) = time.monotonic(), figures_of(terminal.pid)
    until(lambda: time.monotonic() - began > 1.5, 5)
    assert figures_of(terminal.pid)[0] - cpu < 0.5
    quit_clean(terminal)


def test_sizes_change_under_a_question_a_menu_and_a_line_being_typed(tui):
    """htop #1266, hishamhm #326, #357: crash on resize; k9s #4107: seconds of flicker."""
    terminal = opened(tui)
    for keys, seen, end in (("p", r"R +reset", "Esc"), (":list x", r"^:list x", "Esc"), ("?", r"Keys in the list", "q"),
                            ("D", r"(?i)type batch and Enter", "Esc"), ("t", r"› snapshots", "q")):
        terminal.send(keys)
        terminal.wait(seen)
        for step in range(24):
            terminal.resize(1 + step * 11 % 40, 1 + step * 17 % 140)
        terminal.wait_still(0.1, 5)
        terminal.resize(24, 80)
        terminal.wait(seen)
        terminal.key(end)
        terminal.wait_gone(seen)
        terminal.wait(LIST)
    quit_clean(terminal)


def columns_of(terminal, y):
    """The cells of a line, each with its sign."""
    with terminal.lock:
        return [terminal.screen.buffer[y][x].data for x in range(terminal.screen.columns)]


def test_wide_names_shift_no_column_and_nothing_is_an_emoji(tui):
    """htop #421 (CJK misaligned); virtui-manager's icons; tmux threads."""
    terminal = opened(tui, "--connect", "sim:12,hostile=on,whims=off,events=off", rows=50, cols=120)
    terminal.wait(r"\b\d\d  by name")
    for keys in ("", "d", "q", "t", "q", "9", "q", "0", "q", "A", "q", "8", "q", "?", "q", "x"):
        terminal.send(keys)
        terminal.wait_still(0.1, 2)
    terminal.wait(r"is already running|starts it")
    terminal.key("Esc")
    terminal.wait_gone(r"is already running|starts it")
    terminal.wait(LIST)
    drawn = bytes(terminal.raw).decode("utf-8", "replace")
    ours = {c for c in drawn if ord(c) > 0x7f and not unicodedata.category(c).startswith("L")}
    assert not [c for c in ours if ord(c) >= 0x1F000 or ord(c) in range(0x2600, 0x27C0) or c == "\ufe0f"], ours
    at = columns_of(terminal, 1).index("S")
    end = next(y for y, line in enumerate(terminal.lines()) if line.startswith("─"))
    states = ["".join(columns_of(terminal, y)[at:at + 8]).strip() for y in range(2, end)]
    assert states and set(states) <= {"running", "stopped", "paused", "crashed"}, terminal.dump()


# ---- what it costs


@pytest.mark.parametrize("uri", ["sim:0,whims=off,events=off", "sim:100"])
def test_idle_it_takes_little_and_no_more_with_time(tui, uri):
    """lazydocker #115, #249, #296, #323, #206; btop #1738; htop #1484; cockpit #11747. `./dev bench soak` has the hour."""
    terminal = tui("--connect", uri, rows=50, cols=132)
    terminal.wait(r"help")
    terminal.wait_still(0.2, 2)
    began, (cpu, _) = time.monotonic(), figures_of(terminal.pid)
    until(lambda: time.monotonic() - began > 1.5, 5)
    rss = figures_of(terminal.pid)[1]
    until(lambda: time.monotonic() - began > 5, 10)
    taken = time.monotonic() - began
    after = figures_of(terminal.pid)
    slow = 5 if os.environ.get("ASAN_OPTIONS") or os.environ.get("GEMEL_TEST_SLOW") else 1
    assert (after[0] - cpu) / taken < 0.10 * slow, f"{after[0] - cpu:.2f} s of CPU in {taken:.1f} s"
    assert after[1] - rss < 4 * slow, f"{after[1] - rss:.1f} MiB more in {taken:.1f} s"
    assert after[1] < 100 * slow


@pytest.mark.quick
def test_without_instances_every_view_opens_and_every_key_is_answered(tui):
    """oxker 0.2.1: deadlock when there are no containers; lazydocker #249."""
    terminal = tui("--connect", "sim:0,whims=off,events=off")
    terminal.wait(r"There are no instances yet")
    for key in "jkgGhldtyWcsLpxbDeoPMTNIvU*Fwn[]":
        terminal.key(key, "Esc")
    for key in "234567890A":
        terminal.key(key, "1")
    terminal.key("?")
    terminal.wait(r"Keys in the list")
    terminal.key("q")
    quit_clean(terminal)


def test_the_detach_key_can_be_another(tui, scratch):
    """microsoft/WSL #3272: virsh's ^] cannot be typed on a German keyboard."""
    folder = os.path.join(scratch, "config", "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as file:
        file.write("set detach-keys '^G ^P^Q'\n")
    terminal = tui(*CALM, "console", "lab-vm")
    until(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, 5, "raw mode")
    terminal.key("^g")
    assert terminal.wait_exit() == 0
    assert terminal.restored()
