# SPDX-License-Identifier: GPL-3.0-or-later
"""The files behind instances and their snapshots: snapshot diff."""

import json

import pytest

from harness.schemas import check

pytestmark = pytest.mark.quick

FAST = "sim:12,pace=0.05,whims=off,events=off"


def sequence(gemel, text, *args, **more):
    return gemel.run(*args, "--connect", FAST, "-c", text, **more)


def test_diff_has_dockers_lines_by_path(gemel):
    result = sequence(gemel, "snapshot create lab-ct s1; snapshot diff lab-ct s1")
    assert result.status == 0, result
    lines = [line for line in result.out.splitlines() if line]
    assert lines and all(line[:3] in ("A /", "C /", "D /") for line in lines), result
    paths = [line[2:] for line in lines]
    assert paths == sorted(paths) and len(set(paths)) == len(paths)
    assert sequence(gemel, "snapshot create lab-ct s1; diff lab-ct").out == result.out, "the current snapshot is meant"


def test_diff_as_json_is_as_documented(gemel):
    result = sequence(gemel, "snapshot create lab-ct s1; snapshot create lab-ct s2; snapshot diff lab-ct s1 s2 --json")
    out = check("snapshot-diff.json", json.loads(result.out[result.out.index("{"):]))
    assert (out["name"], out["from"], out["to"]) == ("lab-ct", "s1", "s2")
    assert out["total"] == len(out["changes"]) > 0


def test_diff_long_tells_kinds_and_sizes(gemel):
    result = sequence(gemel, "snapshot diff --long lab-ct")
    assert result.status == 0 and "KIND" in result.out and "directory" in result.out, result


def test_diff_without_a_change_says_so(gemel):
    result = sequence(gemel, "snapshot create lab-ct s1; snapshot diff lab-ct s1 s1")
    assert result.status == 0 and not result.out.strip() and "no file changed from snapshot s1" in result.err, result


@pytest.mark.parametrize("command, status, text", [
    ("snapshot diff lab-vm", 4, "inside"),
    ("snapshot diff lab-ct nope", 3, "nope"),
    ("snapshot diff nobody", 3, "nobody"),
])
def test_diff_refuses_with_a_reason(gemel, command, status, text):
    result = sequence(gemel, command)
    assert result.status == status and text in result.err, result


def test_diff_changes_nothing(gemel):
    assert sequence(gemel, "snapshot diff lab-ct", "--read-only").status == 0


@pytest.mark.parametrize("command, status, text", [
    ("snapshot export lab-ct s1 x.tar", 4, "no files"),
    ("snapshot export lab-vm s1 x.qcow2", 4, "qemu-img convert -l"),
    ("snapshot export lab-ct s1", 2, "FILE"),
])
def test_export_refuses_with_a_reason(gemel, command, status, text):
    result = sequence(gemel, command)
    assert result.status == status and text in result.err, result


@pytest.mark.parametrize("command, status, text", [
    ("cp lab-vm:/etc/hostname .", 4, "scp"),
    ("cp lab-ct:/etc/hostname .", 4, "no files"),
    ("cp nobody:/etc/hostname .", 3, "nobody"),
    ("cp a b", 2, "NAME:PATH"),
    ("cp lab-ct:/a lab-vm:/b", 2, "NAME:PATH"),
])
def test_cp_refuses_with_a_reason(gemel, command, status, text):
    result = sequence(gemel, command)
    assert result.status == status and text in result.err, result


def test_cp_completes_names_with_a_colon(gemel):
    result = gemel.run("completion", "line", f"gemel -c {FAST} cp lab-")
    assert "lab-ct:" in result.out and "lab-vm:" not in result.out, result
