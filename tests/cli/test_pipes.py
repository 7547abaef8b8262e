# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers that leave or stall, input that is long: gemel ends as a filter does and loses nothing."""

import hashlib
import os
import signal
import subprocess
import time

import pytest

from harness.wait import until

pytestmark = pytest.mark.quick

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def lines(count):
    return "".join(f"{i} {hashlib.sha256(str(i).encode()).hexdigest()}\n" for i in range(count))


def test_a_reader_that_leaves_ends_exec(gemel):
    with gemel.popen(*CALM, "exec", "lab-ct", "--", "cat", stdin=subprocess.DEVNULL) as idle:
        assert idle.wait(60) == 0
    with gemel.popen(*CALM, "exec", "lab-ct", "--", "cat") as running:
        running.stdin.write("one\n")
        running.stdin.flush()
        assert running.stdout.readline() == "one\n"
        running.stdout.close()
        running.stdin.write("two\n")
        running.stdin.flush()
        assert running.wait(60) == 141
        assert running.stderr.read() == ""


def test_a_full_disk_fails_exec(gemel):
    with open("/dev/full", "w", encoding="utf-8") as full:
        running = gemel.popen(*CALM, "exec", "lab-ct", "--", "echo", "x", stdout=full)
        _, err = running.communicate("", 10)
    assert running.returncode == 125 and "cannot be written" in err, (running.returncode, err)


def test_a_stalled_reader_gets_all_input_in_the_end(gemel):
    text = lines(20000)
    result = subprocess.run(
        ["sh", "-c", '"$@" | { sleep 1; cat; }', "sh", *gemel.argv(*CALM, "exec", "lab-ct", "--", "cat")],
        input=text, capture_output=True, text=True, timeout=60, env=gemel.env(), check=True)
    assert result.stdout == text


def test_a_stalled_stream_costs_no_cpu(gemel):
    """The reader does not read, so neither do we: the input that waits must not be polled over and over."""
    with gemel.popen(*CALM, "exec", "lab-ct", "--", "sleep", "1000", stdin=open("/dev/zero", "rb")) as running:
        def cpu_ticks():
            with open(f"/proc/{running.pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        time.sleep(1)
        before = cpu_ticks()
        time.sleep(1)
        used = cpu_ticks() - before
        running.kill()
    assert used < 50, f"{used} ticks in a second"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_write_that_blocks_can_be_ended(gemel, sig):
    with gemel.popen("--connect", "sim:5000", "list") as running:
        # nobody reads: the pipe fills up, which /proc shows as the writer waiting in the pipe
        def blocked():
            with open(f"/proc/{running.pid}/wchan", encoding="ascii") as wchan:
                return "pipe" in wchan.read()
        until(blocked, 20)
        running.send_signal(sig)
        assert running.wait(60) == 128 + sig


def test_closed_standard_streams_are_not_reused(gemel):
    """A file gemel opens must not become its standard output."""
    shell = 'exec "$@" 0<&- 1>&-'
    result = subprocess.run(["sh", "-c", shell, "sh", *gemel.argv(*CALM, "list")],
                            capture_output=True, text=True, timeout=60, env=gemel.env(), check=False)
    assert result.returncode == 1 and "cannot be written" in result.stderr, result


def test_a_waiting_line_of_gemelrc_can_be_ended(gemel):
    folder = os.path.join(gemel.home, "config", "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as rc:
        rc.write("events\n")
    with gemel.popen("--connect", "sim:12,whims=off", "version") as running:
        def reads_signals():
            with open(f"/proc/{running.pid}/status", encoding="ascii") as status:
                mask = int(status.read().split("SigBlk:")[1].split()[0], 16)
            return mask >> (signal.SIGTERM - 1) & 1
        until(reads_signals)
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 128 + signal.SIGTERM
