# SPDX-License-Identifier: GPL-3.0-or-later
"""edit: a definition in an editor, refused texts, conflicts, files."""

import os

import pytest

pytestmark = pytest.mark.quick

FAST = "sim:12,pace=0.05,whims=off,events=off"


def edit(gemel, editor, *args, **more):
    return gemel.run("--connect", FAST, "edit", *args, env={"VISUAL": None, "EDITOR": editor, "TMPDIR": gemel.home},
                     **more)


def left(gemel):
    """Files that were left over."""
    return [name for name in os.listdir(gemel.home) if name.startswith("gemel-")]


def test_a_change_is_put_in_place_and_its_file_goes(gemel):
    result = edit(gemel, "sed -i s/8/9/", "build")
    assert result.status == 0 and "build: changed" in result.err, result
    assert not left(gemel)


def test_no_change_changes_nothing(gemel):
    result = edit(gemel, "true", "build")
    assert result.status == 0 and "build: not changed" in result.err, result
    assert not left(gemel) and not os.path.exists(gemel.env()["GEMEL_AUDIT_LOG"])


def test_an_editor_that_fails_changes_nothing(gemel):
    result = edit(gemel, "false", "build")
    assert result.status == 1 and "nothing was changed" in result.err, result


@pytest.mark.parametrize("name, editor", [("build", "sed -i s/domain/domian/"), ("build", "sed -i s,build,other,"),
                                          ("web-1", "sed -i 1d")])
def test_a_bad_text_is_refused_and_kept(gemel, name, editor):
    result = edit(gemel, editor, name)
    assert result.status == 1 or result.status == 2, result
    (kept,) = left(gemel)
    assert kept in result.err, result
    assert os.stat(os.path.join(gemel.home, kept)).st_mode & 0o777 == 0o600


def test_a_text_can_come_from_a_file(gemel):
    text = gemel.ok("--connect", FAST, "inspect", "--definition", "build").out
    path = os.path.join(gemel.home, "build.xml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("<vcpu>8", "<vcpu>4") + "<!-- mine -->\n")
    result = edit(gemel, "false", "build", "--from", path)
    assert result.status == 0, result
    assert os.path.exists(path), "not ours to remove"
    result = edit(gemel, "false", "build", "--from", os.path.join(gemel.home, "nothing"))
    assert result.status == 1, result
    result = edit(gemel, "false", "build", "--from", "/dev/zero")
    assert result.status == 2 and "at most 4M" in result.err, result


def test_read_only_refuses(gemel):
    result = gemel.run("--read-only", "--connect", FAST, "edit", "build", env={"EDITOR": "true"})
    assert result.status == 7, result
