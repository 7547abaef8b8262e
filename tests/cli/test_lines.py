# SPDX-License-Identifier: GPL-3.0-or-later
"""What -c, --batch and --xml take, and what they refuse."""

import json
import os
import signal

import pytest

from harness import proc
from harness.wait import until

pytestmark = pytest.mark.quick

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def test_a_line_that_names_a_uri_is_a_line(gemel):
    result = gemel.ok(*CALM, "-c", "connect lab sim:1,seed=2; backends --json")
    assert [b["name"] for b in json.loads(result.out)["backends"]] == ["sim", "lab"]
    result = gemel.run(*CALM, "-c", "version; connect lab nonsense://x")
    assert result.out.startswith("gemel "), result


@pytest.mark.parametrize("args", [("-c", "version", "-c", "version"), ("-c", "version", "list"),
                                  ("--batch", "list"), ("--batch", "-c", "version")])
def test_commands_given_twice_are_refused(gemel, args):
    gemel.fails(2, *CALM, *args)


def test_batch_refuses_what_is_no_text(gemel):
    result = gemel.run(*CALM, "--batch", input="version\nver\0sion\nversion\n")
    assert result.status == 2 and "NUL" in result.err, result
    assert result.out.count("gemel ") == 1, result
    result = gemel.run(*CALM, "--batch", input="x" * (3 << 20))
    assert result.status == 2 and "longer" in result.err, result


def test_batch_comments_hide_quotes_and_semicolons(gemel):
    assert gemel.ok(*CALM, "--batch", input="# don't; nosuch\nversion # it's so\n").out.startswith("gemel")


def test_ctrl_c_ends_a_batch_and_what_it_runs(gemel):
    with gemel.popen("--connect", "sim:12,hang=list", "--batch") as running:
        running.stdin.write("set timeout 60s\nlist\n")
        running.stdin.flush()
        until(lambda: proc.handles(running.pid, signal.SIGINT) and len(os.listdir(f"/proc/{running.pid}/task")) > 1)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130


def test_xml_that_is_missing_or_none(gemel, scratch):
    result = gemel.fails(3, *CALM, "create", "x", "--xml", os.path.join(scratch, "none.xml"))
    assert "none.xml" in result.err
    result = gemel.fails(2, *CALM, "create", "x", "--xml", "/dev/zero")
    assert "/dev/zero" in result.err


def test_xml_from_a_pipe_that_hangs_can_be_left(gemel, scratch):
    fifo = os.path.join(scratch, "fifo.xml")
    os.mkfifo(fifo)
    with gemel.popen(*CALM, "create", "x", "--xml", fifo) as running:
        until(lambda: proc.handles(running.pid, signal.SIGINT) and len(os.listdir(f"/proc/{running.pid}/task")) > 1)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
