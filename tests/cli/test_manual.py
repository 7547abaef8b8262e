# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual pages that the build made: their form, and that they tell what the program has."""

import os
import re
import shutil
import subprocess

import pytest

from harness.gemel import ROOT

MAN = os.path.join(ROOT, os.environ.get("GEMEL_BUILD", "build"), "docs")
PAGES = ("gemel.1", "gemelrc.5", "gemel-runtime.8")


def tool(name):
    """A program of the host's; its package is among those that ./dev test installs."""
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


def text(page):
    """The page as a reader sees it, without its highlighting."""
    done = subprocess.run([tool("man"), "-l", os.path.join(MAN, page)], check=True, text=True,
                          capture_output=True, env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8",
                                                    "MAN_KEEP_FORMATTING": "", "MANPAGER": "cat"})
    return re.sub(r".\x08", "", done.stdout)


def source(*folders):
    """What the C files below these folders say."""
    found = []
    for folder in folders:
        for where, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in files:
                if name.endswith(".c"):
                    with open(os.path.join(where, name), encoding="utf-8") as file:
                        found.append(file.read())
    return "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_well_formed(page):
    path = os.path.join(MAN, page)
    linted = subprocess.run([tool("mandoc"), "-T", "lint", "-W", "style", path], text=True,
                            capture_output=True, check=False)
    # whether other pages are installed here is no matter of this one
    bad = [line for line in (linted.stdout + linted.stderr).splitlines()
           if "referenced manual not found" not in line and "mandoc.db" not in line]
    assert not bad, "\n".join(bad)
    warned = subprocess.run([tool("man"), "--warnings=w", "-l", path], text=True, capture_output=True,
                            check=True, env={**os.environ, "MANWIDTH": "80", "MANPAGER": "cat"})
    assert not warned.stderr, warned.stderr


def test_each_command_is_in_the_manual_with_its_options(gemel):
    page = text("gemel.1")
    commands = gemel.json("--demo", "help")["commands"]
    assert len(commands) > 30
    for command in commands:
        entry = re.search(rf"^ {{5}}{re.escape(command['name'])}\b(?:.*\n)((?: {{6,}}.*\n|\n)*)", page,
                          re.MULTILINE)
        assert entry, command["name"]
        for option in command["options"]:
            assert f"--{option['name']}" in entry[1], (command["name"], option)
        assert command["example"] in re.sub(r"\s+", " ", entry[1]), command["name"]


def test_the_environment_that_is_read_is_in_the_manual():
    read = set(re.findall(r'getenv\("(GEMEL_\w+)"', source("console", "backends", "config")))
    read |= set(re.findall(r'"(GEMEL_LAB_\w+)"', source("backends")))
    with open(os.path.join(ROOT, "config", "lab", "lab"), encoding="utf-8") as lab:
        read |= set(re.findall(r"\$\{(GEMEL_\w+)", lab.read()))
    page = text("gemel.1")
    told = {"GEMEL_RUNTIME_WITHOUT"}  # of the runtime's tests alone
    missing = [name for name in sorted(read - told) if name not in page]
    assert not missing, missing


def test_each_option_and_key_is_in_the_manual(gemel):
    page = text("gemelrc.5")
    for option in re.findall(r'\.name = "([\w.-]+)"', source("config")):
        assert re.search(rf"^ +{re.escape(option)}\b", page, re.MULTILINE), option
    shown = text("gemel.1")
    for key, what in (("PgDn", "A page down"), ("p", "Power menu"), ("%", "CPU %")):
        assert re.search(rf"^ +{re.escape(key)}\b.*{what}|^ +{re.escape(key)} +{what}", shown, re.MULTILINE), key


def test_each_command_of_the_runtime_is_in_its_manual():
    page = text("gemel-runtime.8")
    table = source("backends/native/runtime")
    commands = re.findall(r'\{"(\w+)", CMD_\w+,', table)
    options = re.findall(r'^ +\{"([\w-]+)", (?:0|\'\w\'),', table, re.MULTILINE)
    assert len(commands) > 10 and len(options) > 30
    for name in commands:
        assert re.search(rf"^ +{name}\b", page, re.MULTILINE), name
    for name in options:
        assert f"--{name}" in page, name
