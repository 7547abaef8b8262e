# SPDX-License-Identifier: GPL-3.0-or-later
"""Help: each command has it, with an example that its own parser would take."""

import re
import shlex

import pytest

from harness.schemas import check


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    from harness.gemel import Gemel
    return check("help.json", Gemel(str(tmp_path_factory.mktemp("home"))).json("--demo", "help"))["commands"]


def example_words(command):
    """The words of the example from the command on: what is for the console or gemelrc has no `gemel`."""
    words = shlex.split(re.split(r" [|>] ", command["example"])[0])
    if words[0] == "gemel":
        words = words[1:]
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in ("-c", "--connect", "--root") else words[1:]
    return words


def test_each_example_is_of_its_command_and_has_options_that_it_knows(commands):
    for command in commands:
        words = example_words(command)
        name = command["name"].split()
        assert words[:len(name)] == name, command["example"]
        if re.search("COMMAND|LINE", command["synopsis"]):
            continue  # the rest is another's words
        known = {f"--{o['name']}": o for o in command["options"]}
        known.update({f"-{o['letter']}": o for o in command["options"] if o["letter"]})
        for word in words[len(name):]:
            if word == "--":
                break
            if word.startswith("-") and word != "-":
                assert word.split("=")[0] in known, (command["name"], word)


def test_each_command_has_help_by_name_and_by_option(gemel, commands):
    for command in commands:
        shown = gemel.ok("--demo", *command["name"].split(), "--help").out
        assert shown.startswith(f"gemel {command['synopsis']}\n  {command['summary']}\n"), shown
        assert shown.endswith(f"  example: {command['example']}\n"), shown
        for line in shown.splitlines()[1:]:
            assert len(line) <= 80 or "example:" in line or " " not in line.strip(), line


def test_help_lists_each_command_once_by_group(gemel, commands):
    lines = gemel.ok("--demo", "help").out
    for line in lines.splitlines():
        assert len(line) <= 80 or " [" in line, line
    shown = re.sub(r"\n {37}", " ", lines)  # what goes on beside the commands
    here = [c for c in commands if c["example"].startswith("gemel ")]  # the others are for the console
    assert len(here) > 30
    for command in here:
        assert len(re.findall(rf"^  {re.escape(command['name'])}\b.* {re.escape(command['summary'])}$",
                              shown, re.MULTILINE)) == 1, command["name"]
    for group in {c["group"] for c in here}:
        assert len(re.findall(rf"^{re.escape(group)}$", shown, re.MULTILINE)) == 1, group


def test_a_family_is_told_by_its_first_word(gemel):
    shown = gemel.ok("--demo", "help", "snapshot").out
    assert gemel.ok("--demo", "snapshot", "--help").out == shown
    assert gemel.ok("--demo", "snapshot", "-h").out == shown
    assert "`help snapshot`" in gemel.fails(2, "--demo", "snapshot").err
    for line in shown.splitlines():  # what a command does begins in one column, if need be below it
        assert len(line) <= 80 and re.match(r"(.{36} | {37}|snapshot \S+ [A-Z] ?)|$|`help", line), line
    assert re.search("^snapshot create", shown, re.MULTILINE) and re.search("^snapshot revert", shown, re.MULTILINE)


@pytest.mark.quick
def test_topics_are_named_and_there(gemel):
    named = re.search(r"`help TOPIC` tells more of ([\w, ]+)\.", gemel.ok("--demo", "help").out)
    topics = named[1].split(", ")
    assert {"columns", "filter", "keys", "options"} <= set(topics)
    for topic in topics:
        assert len(gemel.ok("--demo", "help", topic).out.splitlines()) > 10, topic
    told = gemel.ok("--demo", "help", "filter").out
    for example in re.findall(r"example: gemel (.*)", told):
        gemel.ok("--demo", *shlex.split(example))


def test_help_of_an_option_says_its_values(gemel):
    out = gemel.ok("help", "read-only").out
    assert out.startswith("read-only: ") and "usage: set read-only VALUE   (on, off; now off, by default off)" in out
