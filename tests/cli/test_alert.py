# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel alert: on the command line, in gemelrc, and as events."""

import json
import os

import pytest

from harness.schemas import check
from harness.wait import until

pytestmark = pytest.mark.quick

HOG = "sim:12,whims=off,still=on,trouble=hog:batch"


def rc(gemel, text):
    """A gemelrc of these lines."""
    folder = os.path.join(gemel.env()["XDG_CONFIG_HOME"], "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as file:
        file.write(text)


def test_list_and_remove(gemel):
    out = gemel.ok("--demo", "-c", "alert all cpu above 80 for 30s; alert db memory above 90%; "
                                   "alert remove 1; alert list --json").out
    (left,) = check("alerts.json", json.loads(out))["alerts"]
    assert (left["number"], left["text"], left["raised"]) == (2, "db memory above 90%", [])


def test_a_list_of_nothing_has_no_headings(gemel):
    done = gemel.ok("--demo", "alert")
    assert done.out == "" and "no alerts" in done.err, done


def test_an_alert_of_gemelrc_is_an_event_without_a_console(gemel, scratch):
    rc(gemel, f"set refresh 100ms\nalert batch 'cpu>150' for 200ms do touch {scratch}/ran\n")
    out = gemel.ok("-c", HOG, "events", "--json", "--count", "2", timeout=60).out
    events = [check("events.json", line) for line in map(json.loads, out.splitlines())]
    (alert,) = [e for e in events if e["event"] == "alert"]
    assert alert["name"] == "batch" and "ran touch" in alert["detail"]
    # the command outlives the program that began it
    until(lambda: os.path.exists(f"{scratch}/ran"), what="what the command made")


def test_a_bad_one_in_gemelrc_is_named_with_its_line(gemel):
    rc(gemel, "set refresh 1s\nalert all colour above 3\n")
    result = gemel.run("--demo", "list", "-q")
    assert result.status == 0 and "gemelrc:2" in result.err and "colour" in result.err


@pytest.mark.parametrize("args", [("all",), ("all", "cpu", "above", "x"), ("all", "cpu", "is", "3")])
def test_bad_words(gemel, args):
    gemel.fails(2, "--demo", "alert", *args)


def test_removing_one_that_is_not_there(gemel):
    gemel.fails(3, "--demo", "alert", "remove", "3")


def test_the_console_marks_the_row_and_says_why(tui, gemel):
    rc(gemel, "set refresh 100ms\nalert batch cpu above 150\n")
    screen = tui("-c", HOG)
    screen.wait(r"! batch")
    screen.key("P")  # by CPU: it comes first, and the pane is about it
    screen.key("g")
    screen.wait(r"! cpu is \d+ % \(alert 1: batch cpu above 150\)")
