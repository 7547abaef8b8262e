# SPDX-License-Identifier: GPL-3.0-or-later
"""Every attack of attacks.py, on the runtime and on the variant that leaves its defence out."""

import pathlib
import re

import pytest
from attacks import ATTACKS, TOP

IDS = [function.__name__ for _, function in ATTACKS]
TABLE = TOP / "backends/native/runtime/defences.h"
MANUAL = TOP / "docs/security.md"


def defences():
    """name → (against, what) of the table."""
    text = re.search(r"#define DEFENCES\(X\)(.*?)\n\nenum", TABLE.read_text(), re.S)[1].replace("\\\n", "\n")
    found = {}
    for row in re.finditer(r"X\((\w+),((?:\s*\"[^\"]*\")+),((?:\s*\"[^\"]*\")+)\)", text):
        against, what = ("".join(re.findall(r'"([^"]*)"', part)) for part in row.groups()[1:])
        found[row[1]] = (against, what)
    assert len(found) == text.count("X(")
    return found


@pytest.mark.parametrize("defence, attack", ATTACKS, ids=IDS)
def test_an_attack_is_stopped(rt, defence, attack):
    assert attack(rt) is None


@pytest.mark.parametrize("defence, attack", ATTACKS, ids=IDS)
def test_an_attack_succeeds_without_the_defence(undefended, monkeypatch, defence, attack):
    monkeypatch.setenv("GEMEL_RUNTIME_WITHOUT", defence)
    assert attack(undefended), f"nothing was achieved without {defence}: the attack tests nothing"


def test_the_runtime_has_no_switch_for_its_defences(rt):
    program = pathlib.Path(rt.binary).read_bytes()
    assert b"GEMEL_RUNTIME_WITHOUT" not in program and b"defence_stands" not in program


def test_the_undefended_variant_has_the_switch_and_is_not_installed(undefended):
    assert b"GEMEL_RUNTIME_WITHOUT" in pathlib.Path(undefended.binary).read_bytes()
    rules = (TOP / "backends/native/runtime/meson.build").read_text()
    assert "install: false" in rules.split("'gemel-runtime-undefended'")[1]


def test_every_defence_has_an_attack_and_acts_somewhere():
    sources = "".join(p.read_text() for p in TABLE.parent.glob("*.c"))
    asked = set(re.findall(r"defended\((\w+)\)", sources))
    assert asked == set(defences()) == {defence for defence, _ in ATTACKS}


def test_the_manual_has_the_same_rows():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", MANUAL.read_text(), re.M)
    assert {name: (against, what) for name, against, what, _ in rows} == defences()
    for name, _, _, tests in rows:
        assert tests.replace("`", "").split(", ") == [f.__name__ for defence, f in ATTACKS if defence == name], name
