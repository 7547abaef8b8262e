# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings as commands: options, keys, aliases, gemelrc, save-config, source, watch."""

import json
import os
import re

import pytest

CALM = ("--connect", "sim:12,pace=0.05,whims=off,events=off")


def line(gemel, text, **options):
    return gemel.run(*CALM, "-c", text, **options)


def rc_path(gemel):
    folder = os.path.join(gemel.home, "config", "gemel")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, "gemelrc")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.mark.quick
@pytest.mark.parametrize("words", [("set", "theme", "light"), ("theme", "light"), ("columns", "name", "state"),
                                   ("alert", "all", "memory", "above", "90%")])
def test_a_setting_alone_says_that_it_is_gone_with_its_command(gemel, words):
    said = gemel.ok(*CALM, *words).err
    assert f"gone with this command; the line `{' '.join(words)}` in gemelrc keeps it" in said
    assert "gone" not in line(gemel, " ".join(words)).err, "something may follow it"


@pytest.mark.quick
def test_set_tells_value_default_range_and_help(gemel):
    shown = line(gemel, "set refresh 2s; set").out
    assert re.search(r"^refresh +2s +1s +100ms to 1m +how often", shown, re.M), shown
    assert re.search(r"^theme +dark +dark +dark, light", shown, re.M), shown
    changed = line(gemel, "set refresh 2s; set --changed").out.splitlines()
    assert len(changed) == 2 and changed[1].startswith("refresh")
    assert line(gemel, "set refresh 2s; unset refresh; set refresh").out.strip() == "1s"


@pytest.mark.quick
def test_an_alias_begins_a_line(gemel):
    done = line(gemel, "alias two = 'list -q | head -2'; two; alias")
    assert done.out.splitlines()[2:] == ["two = list -q | head -2"] and done.status == 0
    assert line(gemel, "alias q2 = list -q; q2 web-1").out.strip() == "web-1"
    assert line(gemel, "alias q2=list -q; q2 web-1 | cat").out.strip() == "web-1"


@pytest.mark.quick
@pytest.mark.parametrize("text, says", [
    ("alias list = stop", "is a command"), ("alias ls = stop", "is a command"),
    ("alias snapshot = stop", "is a command"), ("alias 'a b' = stop", "is no name"),
    ("alias a = 'list |'", "no program"), ("unalias nobody", "no 'nobody'"),
    ("alias zz = yy; alias yy = version; zz", "no command 'yy'"),  # none inside another
])
def test_what_no_alias_can_be(gemel, text, says):
    done = line(gemel, text)
    assert done.status != 0 and says in done.err


@pytest.mark.quick
def test_an_alias_of_gemelrc_works_as_a_word(gemel):
    write(rc_path(gemel), "alias names = list -q\n")
    done = gemel.run(*CALM, "names", "web-1")
    assert done.status == 0 and done.out.strip() == "web-1"


@pytest.mark.quick
def test_keys_are_listed_bound_and_given_back(gemel):
    rows = json.loads(line(gemel, "bind --json").out)["bindings"]
    assert len(rows) > 60 and not any(row["own"] for row in rows)
    shown = line(gemel, "bind X instances stop {}; bind J jobs --json; unbind m; bind --changed").out
    assert re.search(r"^X +instances +stop \{\}", shown, re.M), shown
    assert re.search(r"^J +everywhere +jobs --json", shown, re.M), shown
    assert re.search(r"^m +everywhere +- ", shown, re.M), shown
    assert "X" not in line(gemel, "bind X jobs; bind --default X; bind --changed").out
    wrong = line(gemel, "bind X frobnicate {}")
    assert wrong.status == 2 and "frobnicate" in wrong.err
    assert line(gemel, "bind NoKey jobs").status == 2


@pytest.mark.quick
def test_save_config_keeps_what_the_user_wrote(gemel):
    path = rc_path(gemel)
    own = "# mine\nset refresh 5s\nnosuch command\nalias old = version\n"
    write(path, own)
    line(gemel, "set cpu host; alias ll = list -q; bind X instances stop {}; unset refresh; "
                "unalias old; alert all cpu above 90; save-config")
    text = read(path)
    assert text.startswith(own), text
    section = text[len(own):]
    for wanted in ("set cpu host", "alias ll = 'list -q'", "bind X instances 'stop {}'",
                   "unset refresh", "unalias old", "alert all cpu above 90"):
        assert wanted + "\n" in section, text
    # read back, and written again: the same
    again = line(gemel, "set cpu; set refresh; ll web-1; save-config")
    assert again.out.split() == ["host", "1s", "web-1"], again
    assert read(path) == text
    assert "nosuch" in again.err  # still told, with its line
    assert "gemelrc:3:" in again.err


@pytest.mark.quick
def test_save_config_follows_a_link_and_names_files(gemel, tmp_path):
    real = tmp_path / "dotfiles"
    real.write_text("# kept\n")
    os.symlink(real, rc_path(gemel))
    line(gemel, "set cpu host; save-config")
    assert os.path.islink(rc_path(gemel)) and "set cpu host" in real.read_text()
    other = tmp_path / "other.rc"
    assert line(gemel, f"set cpu limit; save-config {other}").status == 0
    assert line(gemel, f"source {other}; set cpu").out.strip() == "limit"
    assert line(gemel, "save-config /dev/null").status == 2


@pytest.mark.quick
def test_source_stops_at_the_first_failure_and_names_it(gemel, tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("version\nset refresh soon\nlist -q web-1\n")
    outer.write_text("# a comment\nsource inner\nlist -q web-2\n")
    done = line(gemel, f"source {outer}")
    assert done.status == 2 and f"{outer}:2: inner:2: set refresh: 'soon'" in done.err, done
    assert done.out.splitlines()[1:] == []
    going = line(gemel, f"source --keep-going {outer}")
    assert going.status == 2 and going.out.splitlines()[-1] == "web-2"


@pytest.mark.quick
def test_source_is_bounded(gemel, tmp_path):
    loop = tmp_path / "loop"
    loop.write_text(f"source {loop}\n")
    done = line(gemel, f"source {loop}", timeout=60)
    assert done.status == 2 and "source itself" in done.err
    assert line(gemel, "source /dev/zero").status == 2
    assert line(gemel, "source nosuchfile").status == 3
    os.mkfifo(tmp_path / "fifo")
    assert line(gemel, f"source {tmp_path}/fifo").status == 2


@pytest.mark.quick
def test_a_long_file_needs_no_stack(gemel, tmp_path):
    many = tmp_path / "many"
    many.write_text("set cpu host\n" * 5000)
    assert line(gemel, f"source {many}; set cpu", timeout=60).out.strip() == "host"


@pytest.mark.quick
def test_watch_repeats_and_ends(gemel):
    done = line(gemel, "watch -i 100ms -n 3 list -q web-1")
    assert done.status == 0 and done.out.split() == ["web-1"] * 3
    assert line(gemel, "watch -i 100ms -n 2 'list -q | grep web-1' | cat").out.split() == ["web-1"] * 2
    assert line(gemel, "watch -n 1 inspect nobody").status == 3
    assert line(gemel, "watch -i 100ms list -q | head -1", timeout=60).status == 0
