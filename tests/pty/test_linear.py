# SPDX-License-Identifier: GPL-3.0-or-later
"""`gemel --linear`: lines for screen readers and logs, on terminals of any kind and on pipes."""

import re
import signal
import subprocess

from harness.wait import until

CALM = ("--connect", "sim:12,pace=0.05,whims=off", "--linear")


def test_linear_works_on_a_dumb_terminal_without_a_single_escape(tui):
    terminal = tui(*CALM, env={"TERM": "dumb"}, rows=50)
    terminal.wait(r"^sim has 12 instances: ")
    terminal.key("Enter")
    terminal.wait(r"^Command:$")
    terminal.send("stop web-1\r")
    terminal.wait(r"^web-1 is stopped, exit status 0$")
    terminal.send("delete web-1\r")
    terminal.wait(r"^To do it type yes\. Enter alone is no\.$")
    terminal.wait(r"^Answer:$")
    terminal.key("Enter")
    terminal.wait(r"^No; nothing was done\.$")
    terminal.send("start nobody\r")
    terminal.wait(r"^error: no instance is called 'nobody'")
    terminal.send("quit\r")
    assert terminal.wait_exit() == 0
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]", bytes(terminal.raw)), "not plain text"
    terminal.restored()


def test_linear_holds_back_what_happens_while_a_command_is_typed(tui):
    terminal = tui(*CALM, rows=50)
    terminal.wait(r"^sim has 12 instances: ")
    for times in range(1, 6):
        terminal.send("stop --no-wait web-1 ; wait web-1 stopped\r")
        terminal.wait(lambda t, times=times: t.text().count("\nweb-1 is stopped") >= times)
        terminal.send("start --no-wait web-1\r\r")   # the second Enter asks for silence
        terminal.wait(lambda t, times=times: t.text().count("\nCommand:") == times)
        if terminal.text().count("\nweb-1 is running") < times:
            break
        terminal.key("Enter")  # on a busy machine it may run before silence was asked for
    terminal.send("wait web-1 running\r")
    terminal.wait(r"^Command: wait web-1 running\n(.*\n)*web-1 is running$")
    text = terminal.text()
    assert re.match(r"Command: wait web-1 running\n", text[text.rindex("Command: "):]), terminal.dump()
    terminal.key("^d")
    assert terminal.wait_exit() == 0


def test_linear_on_pipes_is_a_log_that_goes_on_after_its_commands(gemel):
    with subprocess.Popen(gemel.argv(*CALM), env=gemel.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            seen = []

            def line(pattern):
                """The next line that the pattern matches."""
                while True:
                    seen.append(process.stdout.readline())
                    assert seen[-1], f"ended before {pattern!r}: {seen}"
                    if re.search(pattern, seen[-1]):
                        return seen[-1]

            time = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d "
            line(time + "sim has 12 instances")
            process.stdin.write("stop web-1\n")
            process.stdin.close()
            line(time + "web-1 is stopped, exit status 0$")
            assert process.poll() is None, "the end of the commands is not the end of the log"
            process.send_signal(signal.SIGTERM)
            until(lambda: process.poll() is not None, 10, lambda: "the log to end")
            assert process.returncode == 143
            assert "\x1b" not in "".join(seen)
        finally:
            process.kill()


def test_linear_says_what_hangs_and_that_it_is_over(tui):
    terminal = tui("--connect", "sim:3,hang=sample,hang-after=1s,hang-for=3s", "--linear", env={"TERM": "dumb"})
    terminal.wait(r"^sim has 3 instances: 3 running$")
    terminal.wait(r"^sim is slow: sample waits for ", timeout=60)
    terminal.wait(r"^sim: sample came to its end$", timeout=60)
    terminal.key("^c")
    assert terminal.wait_exit() == 130


def test_linear_and_a_command_do_not_go_together(gemel):
    done = subprocess.run(gemel.argv(*CALM, "list"), env=gemel.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--linear" in done.stderr
