# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel record and replay: what was seen is seen again, without the backend; damage is told."""

import json
import os
import signal
import stat
import time

import pytest

from harness.gemel import ROOT
from harness.schemas import check
from harness.wait import until

pytestmark = pytest.mark.quick

FIXTURE = f"{ROOT}/tests/fixtures/replay/troubles.rec"
SIM = "sim:12,whims=off,still=on"


@pytest.fixture
def recording(gemel, scratch):
    """Half a second of the simulator."""
    path = f"{scratch}/half.rec"
    gemel.ok("-c", SIM, "record", path, "--for", "500ms", "--interval", "100ms")
    return path


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_what_was_listed_is_listed_again(gemel, recording):
    then = {i["id"]: i for i in gemel.json("-c", SIM, "list")["instances"]}
    now = check("list.json", gemel.json("-c", f"replay:{recording}", "list"))["instances"]
    assert {i["id"] for i in now} == set(then)
    for instance in now:
        for key in set(instance) - {"uptime_s", "actions", "backend"}:
            assert instance[key] == then[instance["id"]][key]
        assert instance["backend"] == "replay" and instance["actions"] == []


def test_figures_and_rates_are_those_that_were(gemel, recording):
    now = lines(gemel.ok("-c", f"replay:{recording}?seek=400ms&pause=on", "stats", "--json",
                         "-i", "100ms", "-n", "2").out)
    then = lines(gemel.ok("-c", SIM, "stats", "--json", "-i", "200ms", "-n", "2").out)
    rates = {line["name"]: line["cpu_percent"] for line in then if line["cpu_percent"] is not None}
    seen = {check("stats.json", line)["name"]: line["cpu_percent"] for line in now
            if line["cpu_percent"] is not None}
    assert set(seen) == set(rates)
    for name, percent in seen.items():
        assert percent == pytest.approx(rates[name], rel=0.05, abs=1)  # loads that stand still


def test_the_file_is_its_owners_alone_and_is_not_replaced(gemel, recording):
    assert stat.S_IMODE(os.stat(recording).st_mode) == 0o600
    result = gemel.fails(6, "--demo", "record", recording, "--for", "100ms")
    assert "--force" in result.err
    gemel.ok("--demo", "record", recording, "--force", "--for", "100ms")


def test_two_recorders_do_not_share_a_file(gemel, scratch):
    path = f"{scratch}/one.rec"
    child = gemel.popen("-c", SIM, "record", path, "--interval", "100ms")
    until(lambda: os.path.exists(path) and os.path.getsize(path) > 2000, what="2 kB written")
    result = gemel.fails(1, "-c", SIM, "record", path, "--force", "--for", "100ms")
    assert "another recorder" in result.err
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 130
    gemel.ok("replay", path)


def test_a_disk_that_is_full_ends_it_with_the_reason(gemel):
    result = gemel.fails(1, "-c", SIM, "record", "/dev/full", "--force", timeout=60)
    assert result.err.count("cannot be written: No space left on device") == 1, result.err


def test_a_reader_that_leaves_ends_it_with_the_reason(gemel, scratch):
    path = f"{scratch}/pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    running = gemel.popen("-c", SIM, "record", path, "--force", "--interval", "100ms")

    def some():
        try:
            return os.read(reader, 65536)
        except BlockingIOError:
            return b""

    until(some, 10, "the beginning of a recording")
    os.close(reader)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "cannot be written: Broken pipe" in err, err


def test_a_span_holds_in_the_shell(gemel, scratch):
    path = f"{scratch}/span.rec"
    began = time.monotonic()
    done = gemel.run("-c", SIM, "shell", input=f"record {path} --for 300ms\nrecord\n")
    assert time.monotonic() - began >= 0.3
    assert f"recorded into {path}" in done.err and "nothing is recorded" in done.out + done.err, done


def test_replay_says_what_is_in_it(gemel):
    assert "0:04 long, 12 instances" in gemel.ok("replay", FIXTURE).out


@pytest.mark.parametrize("size", [2000, 9000, 15000])
def test_a_cut_off_file_plays_and_says_where_it_ends(gemel, scratch, size):
    path = f"{scratch}/cut.rec"
    with open(FIXTURE, "rb") as file, open(path, "wb") as cut:
        cut.write(file.read()[:size])
    result = gemel.run("replay", path)
    assert result.status == 1 and "damaged" in result.err and "at byte" in result.err, result
    assert " long" in result.out
    if size > 5000:
        assert len(gemel.json("-c", f"replay:{path}", "list")["instances"]) == 12


def test_a_recorder_that_was_killed_leaves_what_it_wrote(gemel, scratch):
    path = f"{scratch}/killed.rec"
    child = gemel.popen("-c", SIM, "record", path, "--interval", "100ms")
    until(lambda: os.path.exists(path) and os.path.getsize(path) > 5000, what="5 kB written")
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=60)
    result = gemel.run("replay", path)
    assert result.status == 1 and "cut off" in result.err
    assert len(gemel.json("-c", f"replay:{path}", "list")["instances"]) == 12


def test_interrupt_ends_a_recording_well(gemel, scratch):
    path = f"{scratch}/int.rec"
    child = gemel.popen("-c", SIM, "record", path, "--interval", "100ms")
    until(lambda: os.path.exists(path) and os.path.getsize(path) > 5000, what="5 kB written")
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 130
    gemel.ok("replay", path)


@pytest.mark.parametrize("uri,status", [("replay:", 2), ("replay:/nonexistent", 3),
                                        ("replay:/etc/passwd", 2),
                                        (f"replay:{FIXTURE}?speed=0", 2),
                                        (f"replay:{FIXTURE}?colour=red", 2)])
def test_what_cannot_be_played(gemel, uri, status):
    result = gemel.run("-c", uri, "list")
    assert result.status in (status, 5) and result.err.startswith("gemel: "), result


def test_nothing_can_be_done_to_a_recording(gemel):
    result = gemel.run("-c", f"replay:{FIXTURE}", "start", "mail")
    assert result.status == 4, result
    assert gemel.run("-c", f"replay:{FIXTURE}", "inspect", "db").status == 4


def test_why_of_a_recording(gemel):
    out = gemel.json("-c", f"replay:{FIXTURE}?seek=3s", "why", "web-1", "db", "--for", "600ms")
    first = {i["name"]: i["causes"][0]["cause"] for i in check("why.json", out)["instances"]}
    assert first == {"web-1": "throttled", "db": "io"}


def test_the_console_plays_pauses_and_seeks(gemel, tui):
    screen = tui("replay", FIXTURE, "--speed", "2", rows=24, cols=120)
    screen.wait(r"REPLAY 0:0\d/0:04 x2")
    screen.wait(r"batch +ct +running")
    screen.wait(r"REPLAY 0:04/0:04 x2 end")
    screen.key("!")
    screen.wait("paused")
    screen.send(":replay seek 1s\r")
    screen.wait(r"REPLAY 0:01/0:04 x2 paused")
    screen.key("}")
    screen.wait(r"REPLAY 0:04/0:04")
    screen.key("{")
    screen.wait(r"REPLAY 0:00/0:04")


def test_recording_from_the_console(gemel, tui, scratch):
    path = f"{scratch}/console.rec"
    screen = tui("-c", SIM, cols=120)
    screen.wait("batch")
    screen.send(f":record {path}\r")
    screen.wait(r"REC \d")
    screen.send(":record stop\r")
    screen.wait_gone(r"REC \d")
    screen.key("Q")
    screen.wait_exit()
    gemel.ok("replay", path)
