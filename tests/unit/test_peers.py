# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what users of other consoles complained of names tests that are there."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def paths_of(suffix):
    """Name and path of every file below tests/ that ends so."""
    return [(name, os.path.join(folder, name)) for folder, _, names in os.walk(os.path.join(ROOT, "tests"))
            for name in names if name.endswith(suffix)]


def table():
    return read("docs/testing.md").partition("## What users of other consoles complained of")[2]


def test_every_test_named_is_there():
    rows = table()
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", rows)
    named += [("test_complaints.py", test) for test in re.findall(r"complaints: `(test_\w+)`", rows)]
    assert len(named) > 50
    there = {(name, test) for name, path in paths_of(".py") for test in re.findall(r"^def (test_\w+)", read(path), re.MULTILINE)}
    missing = [pair for pair in named if pair not in there]
    assert not missing, missing


def test_every_test_in_c_and_every_golden_named_is_there():
    rows, goldens = table(), dict(paths_of(".txt"))
    source = "".join(read(path) for _, path in paths_of(".c"))
    missing = [path for path in re.findall(r"`(/[\w -]+/[\w/ -]+)`", rows)
               if f'"{path}"' not in source and f"TEST({path.rpartition('/')[2]})" not in source]
    missing += [name for name in re.findall(r"golden `([\w-]+)`", rows) if f"{name}.txt" not in goldens]
    assert not missing, missing


def test_every_complaint_shown_has_its_place_in_the_table():
    shown = set(re.findall(r"^def (test_\w+)", read("tests/pty/test_complaints.py"), re.MULTILINE))
    assert not {test for test in shown if f"`{test}`" not in table()}
