# SPDX-License-Identifier: GPL-3.0-or-later
"""The files behind real containers: snapshot diff."""

import json

import pytest

from harness.schemas import check


@pytest.fixture
def real(real):
    """Containers alone: no daemon of libvirt's is needed."""
    real.connect = ["native"]
    return real


@pytest.fixture
def container(world, real):
    """A running container with a shell."""
    name = world.name("files")
    real.ok("run", "-d", name, "--rootfs", world.rootfs, "--", "/bin/sh", "-c", "while :; do sleep 1; done")
    yield name
    real.ok("delete", "--force", "--yes", name)


def inside(real, name, script):
    return real.ok("exec", "-T", name, "--", "/bin/sh", "-c", script).out


def changes(real, *args):
    return check("snapshot-diff.json", real.json("snapshot", "diff", *args))["changes"]


def test_diff_of_a_running_container(real, container):
    inside(real, container, "mkdir /data; echo a > /data/kept; echo b > /data/gone; echo c > /data/changed")
    real.ok("snapshot", "create", container, "s1")
    assert real.ok("snapshot", "diff", container, "s1").out == ""
    inside(real, container, "rm /data/gone; echo other > /data/changed; mkdir /data/new; : > /data/new/file; "
                            "rm -r /data/new/file; chmod 600 /data/kept; ln -s /etc/passwd /data/link")
    assert real.ok("snapshot", "diff", container).out.splitlines() == [
        "C /data", "C /data/changed", "D /data/gone", "C /data/kept", "A /data/link", "A /data/new"]
    found = {c["path"]: c for c in changes(real, container, "s1")}
    assert found["/data/kept"]["differs"] == ["mode"]
    assert found["/data/link"]["kind"] == "link" and found["/data/link"]["size_bytes"] is None
    assert found["/data/changed"]["size_bytes"] == 6


def test_diff_strips_hostile_names_on_the_screen_alone(real, container):
    real.ok("snapshot", "create", container, "s1")
    inside(real, container, r"""mkdir /e; : > "/e/$(printf 'a\033]0;owned\007\n\377b')" """)
    shown = real.ok("snapshot", "diff", container, "s1").out
    assert "\x1b" not in shown and "\x07" not in shown and len(shown.splitlines()) == 2, repr(shown)
    found = [c for c in changes(real, container, "s1") if c["path"].startswith("/e/")]
    assert found[0]["path"] == "/e/a\x1b]0;owned\x07\n\ufffdb"
    assert json.dumps(found[0]["path_base64"]) == '"L2UvYRtdMDtvd25lZAcK/2I="'
