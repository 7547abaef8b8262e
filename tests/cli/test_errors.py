# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one clear line that names the thing and the way out, the documented status, nothing changed."""

import os

import pytest

pytestmark = pytest.mark.quick


def test_unknown_instance(gemel):
    result = gemel.fails(3, "--demo", "stop", "nobody")
    assert "nobody" in result.err


def test_unknown_instance_in_json(gemel):
    result = gemel.run("--demo", "inspect", "nobody", "--json")
    assert result.status == 3, result


def test_ambiguous_name_lists_the_candidates_and_acts_on_none(gemel):
    result = gemel.run("--connect", "sim:12,seed=1", "--connect", "sim:12,seed=2", "stop", "lab-ct")
    assert result.status == 6, result
    assert "lab-ct" in result.err and len(result.err.strip().splitlines()) == 1, result
    assert "sim/" in result.err and "sim2/" in result.err, result


def test_unknown_command(gemel):
    result = gemel.fails(2, "--demo", "frobnicate")
    assert "frobnicate" in result.err and "help" in result.err


@pytest.mark.parametrize("args", [("list", "--frobnicate"), ("--frobnicate", "list"),
                                  ("stop", "lab-ct", "--timeout"), ("stop", "lab-ct", "--timeout", "x")])
def test_bad_option(gemel, args):
    gemel.fails(2, "--demo", *args)


@pytest.mark.parametrize("args", [("stop",), ("inspect",), ("snapshot", "create"),
                                  ("limit", "lab-ct"), ("limit", "lab-ct", "cpu=much"),
                                  ("limit", "lab-ct", "colour=red")])
def test_missing_or_wrong_words(gemel, args):
    gemel.fails(2, "--demo", *args)


def test_view_verbs_outside_the_console(gemel):
    gemel.fails(2, "--demo", "view", "sort", "cpu")


def test_start_of_something_running(gemel):
    result = gemel.fails(6, "--demo", "start", "lab-vm")
    assert "lab-vm" in result.err and "running" in result.err


def test_stop_of_something_stopped(gemel):
    result = gemel.fails(6, "--demo", "stop", "mail")
    assert "mail" in result.err


def test_snapshot_that_does_not_exist(gemel):
    result = gemel.run("--demo", "-c", "snapshot create lab-vm s; snapshot revert lab-vm never --yes")
    assert result.status == 3, result
    assert "never" in result.err


def test_missing_root_file_system(gemel):
    result = gemel.run("--connect", "native", "create", "x", "--rootfs", "/nonexistent/rootfs")
    assert result.status in (1, 2, 3), result
    assert "/nonexistent/rootfs" in result.err and len(result.err.strip().splitlines()) == 1, result
    assert gemel.json("--connect", "native", "list")["instances"] == []


def test_unreadable_tar(gemel, scratch):
    tar = os.path.join(scratch, "broken.tar")
    with open(tar, "wb") as file:
        file.write(os.urandom(20000))
    result = gemel.run("--connect", "native", "create", "x", "--rootfs", tar)
    assert result.status in (1, 2), result
    assert "broken.tar" in result.err and len(result.err.strip().splitlines()) == 1, result
    assert gemel.json("--connect", "native", "list")["instances"] == []
    left = [os.path.join(d, f) for d, _, files in os.walk(gemel.root) for f in files
            if "container" in f]
    assert not left, left


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden/..", "x" * 300, "a\nb", "-x"])
def test_bad_container_names(gemel, scratch, name):
    os.mkdir(os.path.join(scratch, "rootfs"))
    result = gemel.run("--connect", "native", "create", "--rootfs", os.path.join(scratch, "rootfs"),
                       "--", name)
    assert result.status == 2, result
    assert gemel.json("--connect", "native", "list")["instances"] == []


def test_bad_network(gemel, scratch):
    os.mkdir(os.path.join(scratch, "rootfs"))
    result = gemel.run("--connect", "native", "create", "x", "--network", "wifi",
                       "--rootfs", os.path.join(scratch, "rootfs"))
    assert result.status == 2, result
    assert "wifi" in result.err, result


@pytest.mark.parametrize("uri, word", [("nonsense://", "nonsense"), ("sim:many", "many"),
                                       ("sim:3,colour=red", "colour")])
def test_bad_connect_uri(gemel, uri, word):
    result = gemel.run("--connect", uri, "list")
    assert result.status in (2, 5), result
    assert word in result.err, result


@pytest.mark.parametrize("term", [None, "dumb", ""])
def test_console_without_a_usable_terminal_names_the_shell(gemel, term):
    result = gemel.fails(2, "--demo", env={"TERM": term})
    assert "gemel shell" in result.err


def test_console_off_a_terminal_names_the_other_faces(gemel):
    result = gemel.run("--demo")
    assert result.status == 2, result
    assert len(result.err.strip().splitlines()) == 1, result


def test_help_and_version(gemel):
    helped = gemel.ok("help").out
    for word in ("list", "start", "stop", "snapshot", "inspect", "exec", "console", "lab up"):
        assert word in helped, word
    assert gemel.ok("--help").out.strip()
    assert gemel.ok("--version").out.startswith("gemel ")
    assert "snapshot create" in gemel.ok("help", "snapshot", "create").out


def test_a_bad_rc_line_is_named_and_the_rest_is_read(gemel):
    folder = os.path.join(gemel.home, "config", "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as rc:
        rc.write("# my settings\nset refresh soon\nset refresh 2s\n")
    result = gemel.run("--connect", "sim:1", "set", "refresh")
    assert result.status == 0, result
    assert "gemelrc:2: set refresh: 'soon'" in result.err, result
    assert result.out == "2s\n", result


def test_connect_says_whether_it_reached_anything(gemel):
    result = gemel.run("--demo=2", "-c", "connect nonsense:///there")
    assert result.status == 5, result
    assert "nonsense" in result.err, result
    assert gemel.ok("--demo=2", "-c", "connect more sim:3; list -q").out.count("\n") == 5
