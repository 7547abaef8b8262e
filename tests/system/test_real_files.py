# SPDX-License-Identifier: GPL-3.0-or-later
"""The files behind real containers: snapshot diff, snapshot export."""

import contextlib
import glob
import json
import os
import signal
import tarfile

import pytest

from harness.schemas import check
from harness.wait import until


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


def test_an_exported_snapshot_makes_a_container_again(world, real, container, tmp_path):
    inside(real, container, "mkdir /data; echo kept > /data/a; ln /data/a /data/b; ln -s a /data/link; "
                            "mknod /data/null c 1 3; mkfifo /data/fifo; chown 5:6 /data/a; chmod 4755 /data/a; "
                            r"""printf x > "/data/$(printf 'n\033\377\nme')"; rm /data/nothing 2>&-; """
                            "truncate -s 64M /data/hole; rm -r /media || :")
    real.ok("snapshot", "create", container, "s1")
    inside(real, container, "echo later > /data/later")
    archive = tmp_path / "s1.tar"
    real.ok("snapshot", "export", container, "s1", str(archive))
    assert archive.stat().st_mode & 0o777 == 0o600 and archive.stat().st_size < 32 << 20
    assert [p.name for p in tmp_path.iterdir()] == ["s1.tar"]
    copy = world.name("copy")
    real.ok("create", copy, "--rootfs", str(archive), "--", "/bin/sh", "-c", "while :; do sleep 1; done")
    try:
        real.ok("start", copy)
        look = "cd /data; cat b; stat -c '%n %u:%g %a %h %F %s' *; readlink link"
        assert inside(real, copy, look) == inside(real, container, "rm /data/later;" + look)
    finally:
        real.ok("delete", "--force", "--yes", copy)


def test_export_replaces_nothing_unasked_and_leaves_nothing_behind(real, container, tmp_path):
    real.ok("snapshot", "create", container, "s1")
    there = tmp_path / "there"
    there.write_text("mine")
    assert real.run("snapshot", "export", container, "s1", str(there)).status == 6
    assert there.read_text() == "mine"
    assert real.run("snapshot", "export", container, "none", str(tmp_path / "x")).status == 3
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    real.ok("snapshot", "export", "--force", container, "s1", str(there))
    assert tarfile.open(there).getmember("bin").isdir()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_of_an_export_ended_in_the_middle_nothing_is_left(real, container, tmp_path, how):
    inside(real, container, "head -c 50000000 /dev/zero > /data")
    real.ok("snapshot", "create", container, "s1")
    file = tmp_path / "s1.tar"

    def begun(running):
        """Whether a file that has no name, or another, is open in the directory."""
        with contextlib.suppress(OSError):
            return any(os.readlink(fd).startswith(f"{tmp_path}/") for fd in glob.glob(f"/proc/{running.pid}/fd/*"))
        return running.poll() is not None

    def ended_in_the_middle():
        file.unlink(missing_ok=True)
        with real.popen("snapshot", "export", container, "s1", str(file)) as running:
            until(lambda: begun(running), 20, "it has begun", every=0.001)
            running.send_signal(how)
            running.communicate(timeout=60)
        return running.returncode != 0

    until(ended_in_the_middle, 60, "an export ended before it was done")
    assert not list(tmp_path.iterdir())


def test_export_to_the_standard_output(real, container, tmp_path):
    real.ok("snapshot", "create", container, "s1")
    with open(tmp_path / "out.tar", "wb") as out:
        with real.popen("snapshot", "export", container, "s1", "-", stdout=out) as running:
            assert running.wait(60) == 0
    assert "bin" in tarfile.open(tmp_path / "out.tar").getnames()


def test_export_from_the_menu_of_a_snapshot(real, container, real_tui, tmp_path):
    real.ok("snapshot", "create", container, "s1")
    terminal = real_tui()
    terminal.wait(container)
    terminal.send("t")
    terminal.wait(r"TAKEN WHILE")
    terminal.wait(r"\bs1\b")
    terminal.send("x")
    terminal.wait(r"e +export +its files into a tar archive")
    terminal.send("e")
    terminal.wait(rf"^:snapshot export \S*{container} s1")
    terminal.send(f"{tmp_path}/menu.tar\r")
    until((tmp_path / "menu.tar").exists, what=lambda: terminal.dump())
    with tarfile.open(tmp_path / "menu.tar") as archive:
        assert "bin/busybox" in {name.removeprefix("./") for name in archive.getnames()}
