# SPDX-License-Identifier: GPL-3.0-or-later
"""`columns`: what the list can show, as a command of every face."""

import pytest

from harness.schemas import check


@pytest.mark.quick
def test_columns_are_told_with_unit_and_help(gemel):
    columns = check("columns.json", gemel.json("columns"))["columns"]
    names = {column["name"]: column for column in columns}
    assert names["name"]["place"] == 1 and "place" not in names["steal"]
    assert all(column["help"] for column in columns)
    assert names["memory"]["unit"] == "B"


@pytest.mark.quick
def test_a_choice_holds_for_the_lines_after_it(gemel):
    out = gemel.ok("--batch", input="columns name cpu:9\ncolumns\nset columns\n").out
    assert "cpu                2:9" in out
    assert out.splitlines()[-1] == "name cpu:9"


@pytest.mark.quick
@pytest.mark.parametrize("line, said", [
    ("columns nothing", "there is no column 'nothing'"),
    ("columns cpu:x", "needs a width"),
    ("set sort nothing", "there is no column 'nothing'"),
    ("set group nothing", "none of none, host, kind, state and label:KEY"),
])
def test_a_mistake_is_said_with_the_way_out(gemel, line, said):
    assert said in gemel.fails(2, *line.split()).err
