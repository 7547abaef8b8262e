# SPDX-License-Identifier: GPL-3.0-or-later
"""logs on the simulator: the end, what came since, and what comes."""

import re
import signal

import pytest

pytestmark = pytest.mark.quick

STILL = "sim:12,whims=off,events=off"


def numbers(text):
    return [int(n) for n in re.findall(r"^\[ *(\d+)\]", text, re.MULTILINE)]


def test_tail_is_the_last_lines(gemel):
    out = gemel.ok("--connect", STILL, "logs", "web-1", "-n", "3").out
    assert len(numbers(out)) == len(out.splitlines()) == 3


def test_a_tail_of_nothing_is_nothing(gemel):
    for name in ("web-1", "mail"):
        done = gemel.ok("--connect", STILL, "logs", name, "--tail", "0")
        assert (done.out, done.err) == ("", ""), done
    assert gemel.ok("--connect", STILL, "logs", "web-1", "--since", "3m", "-n0").out == ""
    gemel.fails(2, "--connect", STILL, "logs", "web-1", "--tail", "-1")


def test_follow_with_a_tail_of_nothing_gives_only_what_comes(gemel):
    shown = numbers(gemel.ok("--connect", STILL, "logs", "web-1").out)
    with gemel.popen("--connect", STILL, "logs", "-f", "web-1", "--tail", "0") as running:
        # a moment earlier this one may have been the last of the past
        assert numbers(running.stdout.readline())[0] >= shown[-1]
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130


def test_since_leaves_out_what_is_older(gemel):
    some = numbers(gemel.ok("--connect", STILL, "logs", "web-1", "--since", "1m").out)
    more = numbers(gemel.ok("--connect", STILL, "logs", "web-1", "--since", "3m").out)
    assert 11 <= len(some) <= 13 and 35 <= len(more) <= 37 and more[-1] - more[0] < 180
    none = gemel.ok("--connect", STILL, "logs", "web-1", "--since", "2999-01-01")
    assert none.out == "" and "nothing since then" in none.err, none


def test_since_and_tail_go_together(gemel):
    assert len(numbers(gemel.ok("--connect", STILL, "logs", "web-1", "--since", "2m", "-n", "2").out)) == 2


@pytest.mark.parametrize("time", ["2001-01-31", "2001-01-31T12:00:00Z", "2001-01-31T12:00:00+02:00",
                                  "@1000000000", "1000h"])
def test_since_takes_times_as_people_write_them(gemel, time):
    assert gemel.ok("--connect", STILL, "logs", "web-1", "--since", time).out


@pytest.mark.parametrize("time", ["soon", "@", "@-1", "2026-13-01", "1x", "", "@99999999999999999999"])
def test_a_wrong_time_is_refused_with_what_would_be_right(gemel, time):
    assert "--since" in gemel.fails(2, "--connect", STILL, "logs", "web-1", "--since", time).err


def test_a_guest_has_no_times(gemel):
    assert "bear no times" in gemel.fails(4, "--connect", STILL, "logs", "db", "--since", "1m").err


def test_follow_goes_on_until_interrupted(gemel):
    with gemel.popen("--connect", STILL, "logs", "-f", "web-1", "-n", "1") as running:
        first = numbers(running.stdout.readline())
        second = numbers(running.stdout.readline())  # written 5 s later at most
        assert second[0] == first[0] + 5
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130


def test_follow_of_what_does_not_run_ends(gemel):
    done = gemel.ok("--connect", STILL, "logs", "--follow", "mail")
    assert done.out == "" and "nothing more comes" in done.err, done


def test_follow_ends_with_its_instance(gemel):
    done = gemel.ok("--connect", STILL + ",pace=0", "-c", "kill web-1; logs -f web-1")
    assert "nothing more comes" in done.err, done


def test_a_follower_that_loses_its_backend_says_so(gemel):
    done = gemel.run("--connect", STILL + ",fail=log:1:unreachable", "logs", "-f", "web-1")
    assert done.status == 5 and done.err.count("\n") == 1, done


def test_what_a_log_holds_does_not_reach_the_terminal(gemel):
    shown = gemel.ok("--connect", STILL, "logs", "web-1", "-n", "400").out
    assert "slow query" in shown and "\x1b" not in shown
