# SPDX-License-Identifier: GPL-3.0-or-later
"""cp between real containers and this host: docker's rules, and hostile containers."""

import io
import os
import signal
import stat
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
    """A path of the container's is resolved inside its root: fails without RESOLVE_IN_ROOT (rootfs.c)."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "secret").write_text("host")
    (tmp_path / "evil").write_text("evil")
    inside(real, container, f"ln -s {victim} /abs; ln -s ../../../../../../..{victim} /rel; mkdir /r")
    for place in ("abs", "rel", "/abs", "/rel", victim, f"r/../../../../../../..{victim}"):
        assert real.run("cp", str(tmp_path / "evil"), f"{container}:{place}/evil").status == 3
        assert real.run("cp", f"{container}:{place}/secret", str(tmp_path / "stolen")).status == 3
    assert os.listdir(victim) == ["secret"] and not (tmp_path / "stolen").exists()


def entry(name, data=b"x"):
    """A file as it stands in an archive."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    return header.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def victim_of(tmp_path):
    """A directory of the host's that a link of the container's leads to."""
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "deep/secret").write_text("host")
    return victim


def test_cve_2018_15664_a_directory_exchanged_for_a_link_while_it_is_filled(real, container, tmp_path):
    """The exchange at a known instant: fails when open_beneath (archive.c) goes over links or out of its root."""
    victim = victim_of(tmp_path)
    inside(real, container, "mkdir /t")
    with real.popen("cp", "-", f"{container}:/t", stdin=-1) as running:
        stream = running.stdin.buffer
        stream.write(entry("x/deep/first"))
        stream.flush()
        until(lambda: real.run("exec", "-T", container, "--", "test", "-s", "/t/x/deep/first").status == 0, 20,
              "the first file arrived")
        inside(real, container, f"mv /t/x /t/y; ln -s {victim} /t/x")
        _, err = running.communicate((entry("x/deep/evil") + bytes(1024)).decode("latin-1"), timeout=60)
    assert running.returncode == 2 and "symbolic link" in err, err
    assert os.listdir(victim / "deep") == ["secret"]
    assert inside(real, container, "ls /t/y/deep") == "first\n"


def test_cve_2018_15664_a_directory_that_is_exchanged_all_the_time(world, real, tmp_path):
    """At any instant: copies succeed or are refused for the link. Fails when open_beneath (archive.c) follows links."""
    victim = victim_of(tmp_path)
    tree = tmp_path / "tree"
    (tree / "x/deep").mkdir(parents=True)
    for i in range(300):
        (tree / f"x/deep/{i}").write_text("evil")
    # now quickly, now slowly: a copy takes longer on a machine that is busy
    once = f"mkdir -p /t/x/deep; sleep $1; mv /t/x /y; ln -s {victim} /t/x; sleep $2; rm -rf /t/x /y"
    name = make(world, real, f"once() {{ {once}; }}; while :; do once 0.08 0.02; once 0.08 0.02; once 1 0.2; done")
    done = []

    def both_happened():
        done.append(real.run("cp", f"{tree}/.", f"{name}:/t"))
        assert os.listdir(victim) == ["deep"] and os.listdir(victim / "deep") == ["secret"]
        return any(result.status == 0 for result in done) and any("symbolic link" in result.err for result in done)

    try:
        until(both_happened, 60, lambda: f"a copy that succeeded and one that was refused: {[r.err for r in done[-9:]]}")
        assert all(result.status in (0, 1, 2, 3, 6) for result in done), done
    finally:
        real.ok("delete", "--force", "--yes", name)


# ---- what happens in the middle ------------------------------------------------------------------


def reading(real, container, setup):
    """cp of /d to a pipe that nobody reads yet: stands in its first file, which is larger than any pipe."""
    inside(real, container, f"rm -rf /d; mkdir /d; head -c 3000000 /dev/zero > /d/a; {setup}")
    running = real.popen("cp", f"{container}:/d", "-")
    first = os.read(running.stdout.fileno(), 512)
    assert len(first) == 512
    return running, first


def rest(running, first):
    """The archive, read to its end, and what was said."""
    data = first + running.stdout.buffer.read()
    err = running.stderr.read()
    running.wait(60)
    return tarfile.open(fileobj=io.BytesIO(data)), err


def test_what_is_exchanged_while_it_is_read_leads_nowhere(real, container, tmp_path):
    victim = victim_of(tmp_path)
    running, first = reading(real, container, "mkdir -p /d/b/deep /d/c; echo inside > /d/b/deep/secret")
    with running:
        inside(real, container, f"cd /d; mv b /b; ln -s {victim} b; rm -r c; mkfifo c")
        archive, err = rest(running, first)
    assert running.returncode == 0, err
    assert archive.getmember("d/b").issym() and "d/b/deep/secret" not in archive.getnames()
    assert archive.getmember("d/c").isfifo()
    # The directory above: fails when the walk goes by names from the root.
    running, first = reading(real, container, "mkdir /d/deep; echo inside > /d/deep/secret")
    with running:
        inside(real, container, f"mv /d /e; ln -s {victim} /d")
        archive, err = rest(running, first)
    assert running.returncode == 0, err
    assert archive.extractfile("d/deep/secret").read() == b"inside\n"


def test_a_file_shrinks_or_grows_while_it_is_read(real, container):
    running, first = reading(real, container, "")
    with running:
        inside(real, container, ": > /d/a")
        archive, err = rest(running, first)
    assert archive.getmember("d/a").size == 3000000 and "shrank" in err, err
    running, first = reading(real, container, "")
    with running:
        inside(real, container, "echo more >> /d/a; echo more > /d/z")
        archive, err = rest(running, first)
    assert archive.getmember("d/a").size == 3000000 and running.returncode == 0 and not err, err


def test_a_reading_is_ended_or_its_container_stops(real, container):
    running, _ = reading(real, container, "")
    with running:  # while nobody reads what it writes
        running.send_signal(signal.SIGINT)
        assert running.wait(60) != 0
    running, first = reading(real, container, "echo last > /d/z")
    with running:
        real.ok("kill", container)
        until(lambda: real.state(container) == "stopped", 10, "stopped")
        archive, err = rest(running, first)
    assert running.returncode == 0 and archive.extractfile("d/z").read() == b"last\n", err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle_no_half_of_a_file_is_left(real, container, how):
    """Into a container: what had arrived stays, what was there stays whole."""
    inside(real, container, "mkdir /t; echo old > /t/b")
    with real.popen("cp", "-", f"{container}:/t", stdin=-1) as running:
        stream = running.stdin.buffer
        stream.write(entry("a") + entry("b", bytes(3000000))[:2000000])
        stream.flush()
        until(lambda: inside(real, container, "ls -A /t | head -c 1") == "a", 20, "the first file arrived")
        running.send_signal(how)
        running.wait(60)
        assert running.returncode != 0
    assert inside(real, container, "cd /t; ls -A; cat b") == "a\nb\nold\n"


def test_no_room(world, real, container, tmp_path):
    """On either side: says so, leaves no half of a file, and what was there."""
    small = tmp_path / "small"
    small.mkdir()
    world.run("mount", "-t", "tmpfs", "-o", "size=1m", "small", small)
    try:
        world.run("sh", "-c", f"echo old > {small}/a")
        inside(real, container, "mkdir /d; head -c 3000000 /dev/urandom > /d/a")
        assert "No space left" in real.fails(1, "cp", f"{container}:/d/a", str(small)).err
        assert "No space left" in real.fails(1, "cp", f"{container}:/d", str(small)).err
        assert world.run("sh", "-c", f"cd {small}; ls -A; ls -A d; cat a").stdout == "a\nd\nold\n"
        real.ok("snapshot", "create", container, "s1")
        assert "No space left" in real.fails(1, "snapshot", "export", container, "s1", f"{small}/s1.tar").err
        assert world.run("ls", "-A", small).stdout == "a\nd\n"
    finally:
        world.run("umount", small)
    (tmp_path / "big").write_bytes(bytes(3000000))
    inside(real, container, "head -c 68000000 /dev/zero > /dev/shm/full 2>&-; df -k /dev/shm | grep 100%")
    assert "No space left" in real.fails(1, "cp", str(tmp_path / "big"), f"{container}:/dev/shm").err
    assert inside(real, container, "ls /dev/shm") == "full\n"


def test_what_is_no_file_is_refused_and_hostile_names_are_cleaned(real, container, tmp_path):
    inside(real, container, "mkfifo /fifo")
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    for source in (f"{container}:/fifo", f"{container}:/dev/null"):
        assert "not a file to copy" in real.fails(2, "cp", source, str(tmp_path), timeout=60).err
    for source in (tmp_path / "fifo", tmp_path / "socket", "/dev/zero"):
        assert "not a file to copy" in real.fails(2, "cp", str(source), f"{container}:/", timeout=60).err
    # Names that would speak to the terminal are shown cleaned.
    name = "e\033]0;t\007x"
    inside(real, container, f"mkdir /d; mkfifo \"/d/$(printf '{name}')\"; mkdir \"/$(printf '{name}')\"")
    (tmp_path / name).write_text("x")
    for result in (real.run("cp", f"{container}:/d/{name}", str(tmp_path)), real.run("cp", f"{container}:/no{name}", "."),
                   real.run("cp", f"{container}:/{name}", str(tmp_path / name))):
        assert result.status in (2, 3, 6) and "\x1b" not in result.err + result.out and "\x07" not in result.err, result
