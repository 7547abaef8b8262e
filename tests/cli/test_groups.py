# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a backend group: there as long as a backend is connected that has the group."""

import pytest

from harness.schemas import check

pytestmark = pytest.mark.quick

COMMANDS = {"images": "image list", "storage": "pool list", "networks": "network list"}


@pytest.mark.parametrize("group", sorted(COMMANDS))
def test_a_command_of_a_group_lists_it(gemel, group):
    words = COMMANDS[group].split()
    rows = check(f"{group}.json", gemel.json("-c", f"sim:3,groups={group}", *words))[group]
    assert rows and {r["backend"] for r in rows} == {"sim"}
    shown = gemel.ok("-c", f"sim:3,groups={group}", *words).out.splitlines()
    assert shown[0].startswith("NAME") and len(shown) == len(rows) + 1


@pytest.mark.parametrize("group", sorted(COMMANDS))
def test_a_command_without_its_group_is_not_there(gemel, group):
    result = gemel.fails(4, "-c", "sim:3", *COMMANDS[group].split())
    assert f"no backend that is connected has {group}" in result.err
    assert COMMANDS[group] not in gemel.ok("-c", "sim:3", "help").out
    assert COMMANDS[group] in gemel.ok("-c", f"sim:3,groups={group}", "help").out


def test_it_comes_and_goes_with_its_backend(gemel):
    result = gemel.run("-c", "sim:3", "-c", "connect lab sim:2,groups=images; image list; disconnect lab; image list")
    assert result.status == 4, result
    assert "alpine" in result.out and "no backend" in result.err, result


def test_completion_offers_it_only_then(gemel):
    def offered(uri):
        return gemel.ok("-c", uri, "completion", "line", "gemel image ").out
    assert "list" in offered("sim:3,groups=images")
    assert "list" not in offered("sim:3")
