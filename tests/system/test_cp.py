# SPDX-License-Identifier: GPL-3.0-or-later
"""cp between real containers and this host: docker's rules, and hostile containers."""

import io
import os
import tarfile

import pytest

from harness.wait import until

IDLE = "while :; do sleep 1; done"


@pytest.fixture
def real(real):
    """Containers alone: no daemon of libvirt's is needed."""
    real.connect = ["native"]
    return real


def make(world, real, script):
    name = world.name("cp")
    real.ok("run", "-d", name, "--rootfs", world.rootfs, "--", "/bin/sh", "-c", script)
    return name


@pytest.fixture
def container(world, real):
    """A running container, which another script may fill."""
    name = make(world, real, IDLE)
    yield name
    real.ok("delete", "--force", "--yes", name)


def inside(real, name, script):
    return real.ok("exec", "-T", name, "--", "/bin/sh", "-c", script).out


@pytest.mark.parametrize("stopped", [False, True])
def test_there_and_back(real, container, tmp_path, stopped):
    inside(real, container, "mkdir -p /d/sub; echo one > /d/a; echo two > /d/sub/b; ln -s a /d/l; chown 7:8 /d/a")
    if stopped:
        real.ok("kill", container)
        until(lambda: real.state(container) == "stopped", 10, "stopped")
    real.ok("cp", f"{container}:/d", str(tmp_path / "new"))
    assert (tmp_path / "new/a").read_text() == "one\n" and (tmp_path / "new/sub/b").read_text() == "two\n"
    assert os.readlink(tmp_path / "new/l") == "a" and (tmp_path / "new/a").stat().st_uid == os.getuid()
    (tmp_path / "new/a").write_text("changed\n")
    real.ok("cp", str(tmp_path / "new") + "/.", f"{container}:/d")
    real.ok("cp", str(tmp_path / "new"), f"{container}:/d")
    if stopped:
        real.ok("start", container)
    assert inside(real, container, "cat /d/a /d/sub/b /d/new/a; stat -c %u:%g /d/a") == "changed\ntwo\nchanged\n0:0\n"


def test_the_rules_are_dockers(real, container, tmp_path):
    inside(real, container, "mkdir /d /empty; echo x > /d/file; chmod 4755 /d/file")
    (tmp_path / "dir").mkdir()
    real.ok("cp", f"{container}:/d/file", str(tmp_path / "dir"))  # into a directory
    real.ok("cp", f"{container}:d/file", str(tmp_path / "name"))  # to a name; relative is from the root
    real.ok("cp", f"{container}:/d/file", str(tmp_path / "name"))  # over a file
    assert (tmp_path / "name").stat().st_mode & 0o7777 == 0o755, "set-ID goes with the owner"
    real.ok("cp", "-a", f"{container}:/d/file", str(tmp_path / "kept"))
    assert (tmp_path / "kept").stat().st_mode & 0o7777 == 0o4755
    assert (tmp_path / "dir/file").read_text() == "x\n"
    real.ok("cp", f"{container}:/empty/.", str(tmp_path / "dir"))  # nothing to copy
    for words, status in (((f"{container}:/none", "."), 3), ((f"{container}:/d/file", f"{tmp_path}/nodir/"), 3),
                          ((f"{container}:/d", f"{tmp_path}/name"), 6), ((f"{container}:/d", f"{container}:/e"), 2),
                          (("a", "b"), 2), (("nobody:/x", "."), 3)):
        result = real.run("cp", *words)
        assert result.status == status and result.err, (words, result)


def test_streams_are_tar_archives(real, container, tmp_path):
    inside(real, container, "mkdir /d; echo x > /d/file")
    with open(tmp_path / "out.tar", "wb") as out, real.popen("cp", f"{container}:/d", "-", stdout=out) as running:
        assert running.wait(60) == 0
    assert set(tarfile.open(tmp_path / "out.tar").getnames()) == {"d", "d/file"}
    with tarfile.open(tmp_path / "in.tar", "w") as archive:
        entry = tarfile.TarInfo("from/stream")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    with open(tmp_path / "in.tar", "rb") as data, real.popen("cp", "-", f"{container}:/d", stdin=data) as running:
        assert running.wait(60) == 0, running.stderr.read()
    assert inside(real, container, "cat /d/from/stream") == "abc"


def test_what_is_hostile_inside_stays_inside(real, container, tmp_path):
    inside(real, container, r"""mkdir /d; mkfifo /d/fifo; mknod /d/dev c 1 3; ln -s /etc/shadow /d/link; """
                            r"""echo x > "/d/$(printf 'e\033]0;t\007\377\nx')"; ln -s /proc/self/root/d /magic""")
    result = real.ok("cp", f"{container}:/d", str(tmp_path / "d"))
    assert "devices, FIFOs" in result.err and "\x1b" not in result.err, result
    assert os.readlink(tmp_path / "d/link") == "/etc/shadow"
    assert sorted(os.listdir(os.fsencode(tmp_path / "d"))) == [b"e\x1b]0;t\x07\xff\nx", b"link"]
    assert real.run("cp", f"{container}:/magic/link", str(tmp_path / "m")).status != 0, "a link of /proc is not gone over"


def test_cve_2018_15664_links_lead_nowhere_outside(real, container, tmp_path):
    """A path of the container's is resolved inside its root, whatever links it is given."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "secret").write_text("host")
    (tmp_path / "evil").write_text("evil")
    inside(real, container, f"ln -s {victim} /abs; ln -s ../../../../../../..{victim} /rel; mkdir /r")
    for link in ("abs", "rel"):
        assert real.run("cp", str(tmp_path / "evil"), f"{container}:/{link}/evil").status == 3
        assert real.run("cp", f"{container}:/{link}/secret", str(tmp_path / "stolen")).status == 3
    assert os.listdir(victim) == ["secret"] and not (tmp_path / "stolen").exists()


def test_cve_2018_15664_a_directory_that_is_exchanged_meanwhile(world, real, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    tree = tmp_path / "tree"
    (tree / "x/deep").mkdir(parents=True)
    for i in range(40):
        (tree / f"x/deep/{i}").write_text("evil")
    name = make(world, real, f"mkdir /t; while :; do mkdir -p /t/x/deep; rm -rf /t/x; ln -s {victim} /t/x; rm /t/x; done")
    try:
        done = [real.run("cp", f"{tree}/.", f"{name}:/t") for _ in range(15)]
        assert not os.listdir(victim)
        assert all(result.status in (0, 1, 2, 3, 6) for result in done), done
        assert not any("there is no command" in result.err for result in done)
    finally:
        real.ok("delete", "--force", "--yes", name)
