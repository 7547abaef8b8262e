# SPDX-License-Identifier: GPL-3.0-or-later
"""Without root or without libvirt: the console opens, says in a line what is missing, and shows the rest."""

import os

import pytest

from harness.gemel import Gemel
from harness.tui import Tui


@pytest.fixture
def nobody(world, scratch):
    """gemel as the user nobody, with a home and no store of anybody's."""
    made = Gemel(os.path.join(scratch, "home"), ns=world.ns)
    folder = os.path.dirname(made.path)
    while folder != "/":
        if not os.stat(folder).st_mode & 0o001:
            pytest.skip(f"{folder} is closed to other users: the program cannot be run as one")
        folder = os.path.dirname(folder)
    os.mkdir(made.home)
    os.chown(made.home, 65534, 65534)
    return made


def as_nobody(gemel, *args):
    """The command line and environment for that."""
    return (["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", gemel.path, *args],
            gemel.env(USER="nobody", LOGNAME="nobody", GEMEL_ROOT=None, GEMEL_RUN=None))


def test_console_without_libvirtd_names_the_way_out_and_shows_containers(world, real, real_tui):
    name = world.name("alone-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "1000")
    world.libvirt_stop()
    terminal = real_tui(rows=24, cols=120)
    terminal.wait(rf"{name}\b.*stopped")
    terminal.wait(r"! qemu .*libvirtd is not running.*start it")
    terminal.key("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_console_without_root_opens_and_says_what_needs_it(world, nobody):
    argv, env = as_nobody(nobody)
    terminal = Tui(argv, env=env, ns=world.ns, rows=24, cols=120)
    try:
        terminal.wait(r"NAME.*STATE")
        terminal.wait(r"! native .*root")
        terminal.key("?")
        terminal.wait(r"(?i)filter")
        terminal.key("q", "q")
        assert terminal.wait_exit() == 0
        assert terminal.restored()
    finally:
        terminal.close()


def test_list_without_root_says_so_in_a_line_with_a_status(world, nobody):
    argv, env = as_nobody(nobody, "--connect", "native", "list")
    done = world.run("env", *(f"{k}={v}" for k, v in env.items()), *argv, check=False)
    assert done.returncode in (5, 7), done
    assert len(done.stderr.strip().splitlines()) == 1 and "root" in done.stderr, done


def test_lab_without_root_says_so(world, nobody):
    argv, env = as_nobody(nobody, "lab", "up")
    done = world.run("env", *(f"{k}={v}" for k, v in env.items()), *argv, check=False)
    assert done.returncode == 7, done
    assert "sudo" in done.stderr, done
