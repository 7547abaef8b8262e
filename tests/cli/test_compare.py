# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel compare on the simulator: the table, the JSON, what it asks, what it leaves behind."""

import re
import signal

import pytest

from harness.proc import interrupt_after
from harness.schemas import check

SIM = "sim:12,pace=0,whims=off"


def compare(gemel, *args, uri=SIM):
    out = check("compare.json", gemel.json("-c", uri, "compare", "--yes", "--rounds", "1", *args))
    return {row["row"]: row for row in out["rows"]}, out


def test_every_figure_of_the_payload_has_its_value_and_spread(gemel):
    rows, out = compare(gemel, "--rounds", "2")
    assert out["container"]["name"] == "lab-ct" and out["guest"]["name"] == "lab-vm"
    for name in ("start", "shell", "cpu", "syscall", "fork", "disk", "net"):
        for side in ("container", "guest"):
            figure = rows[name][side]
            assert len(figure["values"]) == 2, (name, side, figure)
            assert figure["min"] <= figure["median"] <= figure["max"]
    assert rows["cpu"]["guest"]["median"] == 310e6 and rows["cpu"]["container"]["median"] == 58e6
    assert rows["cpu"]["host"]["median"] > 0
    # what there cannot be is null with a reason, not 0
    assert rows["footprint"]["host"] == {"median": None, "reason": rows["footprint"]["host"]["reason"]}
    assert "not on this host" in rows["footprint"]["guest"]["reason"]
    assert out["apart"]["guest"]["kernel"] == "own" and out["apart"]["container"]["kernel"] == "host"


def test_table_and_progress(gemel):
    done = gemel.ok("-c", SIM, "compare", "lab-ct", "lab-vm", "--yes", "--rounds", "1")
    assert re.search(r"^\s+HOST\s+lab-ct\s+lab-vm$", done.out, re.M), done
    assert re.search(r"^CPU loop .* 58\.0 ms +310 ms$", done.out, re.M), done
    assert "lab-vm is kept apart by: a kernel of its own (6.1.0-sim)" in done.out
    assert re.search(r"^-  the host: memory beyond payload: ", done.out, re.M), done
    assert "round 1 of 1: lab-vm: starting" in done.err


def test_a_stopped_guest_needs_no_consent_for_it_and_is_stopped_again(gemel):
    fail = gemel.fails(2, "-c", SIM, "compare", "mail", "web-1")
    assert '"Stop and start web-1, 3 times?"' in fail.err and "compare mail web-1 --yes" in fail.err
    out = gemel.ok("-c", SIM, "-c", "compare mail web-1 --yes --rounds 1 --json; list mail web-1 --json")
    states = re.findall(r'"name":\s*"(mail|web-1)".{0,80}?"state":\s*"(\w+)"', out.out, re.S)
    assert states[-2:] == [("mail", "stopped"), ("web-1", "running")], states


def test_without_restart_there_are_no_figures_of_the_start(gemel):
    rows, _ = compare(gemel, "lab-vm", "lab-ct", "--no-restart")
    for side in ("container", "guest"):
        assert rows["start"][side]["reason"] == "it runs, and was not to be restarted"
        assert rows["fork"][side]["median"] > 0


def test_one_that_cannot_be_stopped_or_started_gives_the_reason(gemel):
    result = gemel.run("-c", SIM + ",fail=start:1:denied", "compare", "--yes", "--rounds", "1", "--json")
    assert result.status == 7, result
    rows = {r["row"]: r for r in check("compare.json", result.json())["rows"]}
    assert all(r["guest"]["median"] is None and r["guest"]["reason"] for r in rows.values())
    rows, _ = compare(gemel, uri=SIM + ",fail=stop:1:failed")
    assert "could not be stopped" in rows["start"]["guest"]["reason"]
    assert rows["cpu"]["guest"]["median"] > 0


def test_a_console_or_an_exec_that_fails_is_said(gemel):
    rows, _ = compare(gemel, uri=SIM + ",fail=console:1:busy+exec:1:failed")
    for name in ("shell", "cpu", "net"):
        assert rows[name]["guest"]["reason"] and rows[name]["container"]["reason"]
    assert rows["start"]["container"]["median"] > 0


def test_wrong_words(gemel):
    assert "both containers" in gemel.fails(2, "-c", SIM, "compare", "web-1", "web-2").err
    assert "give a guest and a container" in gemel.fails(2, "-c", SIM, "compare", "web-1").err
    gemel.fails(3, "-c", SIM, "compare", "nobody", "web-1")
    gemel.fails(2, "-c", SIM, "compare", "--rounds", "101")
    gemel.fails(6, "-c", SIM, "compare", "router", "web-1")  # it is paused


def test_read_only_refuses_it_and_dry_run_says_what_it_would_do(gemel):
    gemel.fails(7, "--read-only", "-c", SIM, "compare", "--yes")
    out = gemel.ok("-c", SIM, "compare", "--dry-run").out
    assert out.strip() == "would measure lab-vm beside lab-ct, 3 times, starting each anew"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_puts_back_what_was_stopped(gemel, number):
    with gemel.popen("-c", "sim:12,whims=off,pace=0.3", "compare", "--yes") as running:
        err = interrupt_after(running, "lab-vm: stopping", number)
    assert running.wait() == 128 + number
    assert "lab-vm is being started again, as it was before" in err
    assert "not put back" not in err
