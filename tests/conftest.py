# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that all program tests share; what they are made of is in tests/harness."""

import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.gemel import Gemel  # noqa: E402
from harness.install import Installed  # noqa: E402
from harness.tui import Tui  # noqa: E402
from harness.world import World  # noqa: E402


# Other programs' words are compared too: as they are without the host's language.
os.environ["LC_ALL"] = "C.UTF-8"
os.environ.pop("LANGUAGE", None)


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: part of `./dev test quick`")
    # Of a service that runs the tests: with it each start of a container would wait for its word.
    os.environ.pop("NOTIFY_SOCKET", None)


@pytest.fixture
def scratch():
    """A directory that is gone after the test; outside /tmp's pytest tree so that paths stay short."""
    path = tempfile.mkdtemp(prefix=f"gemel-t{os.getpid()}-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def gemel(scratch):
    """gemel with a private home, store and run directory, on this machine's own namespaces."""
    return Gemel(scratch)


@pytest.fixture
def tui(gemel):
    """Opens consoles on terminals: tui("--demo", rows=24, cols=80); all are closed after the test."""
    opened = []

    def open_tui(*args, **options):
        terminal = Tui(gemel.argv(*args), env=gemel.env(**options.pop("env", {})), ns=gemel.ns,
                       **options)
        opened.append(terminal)
        return terminal

    yield open_tui
    for terminal in opened:
        terminal.close()


@pytest.fixture(scope="session")
def world():
    """The real parts on private ground: mounts, libvirtd, stores (see harness/world.py)."""
    if os.geteuid() != 0:
        pytest.skip("needs root: private mount namespaces, libvirtd and cgroups")
    made = World()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def installed(world):
    """The build installed into a prefix of the world's; see harness/install.py."""
    made = Installed(world)
    yield made
    made.close()


@pytest.fixture
def real(world):
    """gemel inside the world, with a store of its own that is emptied after the test."""
    made = world.gemel()
    yield made
    world.forget(made)


@pytest.fixture
def real_tui(real):
    """Like tui, on the real parts."""
    opened = []

    def open_tui(*args, **options):
        terminal = Tui(real.argv(*args), env=real.env(**options.pop("env", {})), ns=real.ns,
                       **options)
        opened.append(terminal)
        return terminal

    yield open_tui
    for terminal in opened:
        terminal.close()
