# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite (README.md) as tests: a test per case and column, the suite tried on itself, and the committed table."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from harness.gemel import program

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
RUN = str(HERE / "run.py")
TABLE = TOP / "docs/conformance.md"
COLUMNS = ("root", "rootless")


def find_runtime():
    """GEMEL_RUNTIME, or that of the build under test."""
    return os.environ.get("GEMEL_RUNTIME") or program("gemel-runtime")


def run(*args, seconds=240, **env):
    return subprocess.run([sys.executable, RUN, *map(str, args)], capture_output=True, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env})


def listed():
    """{case: sentence}, in order."""
    got = run("--list")
    assert got.returncode == 0, got.stderr
    return dict(line.split(": ", 1) for line in got.stdout.splitlines())


CASES = listed()


@pytest.fixture(scope="module")
def runtime():
    if os.geteuid() != 0:
        pytest.skip("needs root: both columns are set up by it")
    found = find_runtime()
    assert found, "gemel-runtime is not built"
    return found


def report_of(runtime, out, *args, **env):
    got = run("--runtime", runtime, "--json", out, *args, **env)
    assert out.exists(), f"no report: {got.stdout[-2000:]}{got.stderr[-2000:]}"
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def reports(runtime, tmp_path_factory):
    """What each column came to; a column runs when the first of its cases is asked for."""
    made = {}

    def of(column):
        if column not in made:
            out = tmp_path_factory.mktemp("conformance") / f"{column}.json"
            made[column] = report_of(runtime, out, "--column", column)
            made[column]["index"] = {r["case"]: r for r in made[column]["results"]}
        return made[column]
    return of


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("case", CASES)
def test_case(reports, column, case):
    result = reports(column)["index"][case]
    if result["result"] == "n/a":
        pytest.skip(result["reason"])
    assert result["result"] == "pass", f"{result['sentence']}\n{result['reason']}"


@pytest.mark.parametrize("column", COLUMNS)
def test_no_case_leaves_a_container_behind(reports, column):
    assert reports(column)["left"] == []


# -- the suite itself ---------------------------------------------------------------------------------------

def test_a_runtime_that_ignores_a_field_fails_the_cases_of_the_field(runtime, tmp_path):
    told = report_of(runtime, tmp_path / "out", "--ignore-fields", GEMEL_TEST_SLOW="0.3")
    assert len(told["ignored"]) > 200
    assert told["blind"] == []


@pytest.mark.parametrize("field, pattern", (("process.user.umask", "posix-platform-user/umask"), ("root.readonly", "readonly-root"),
                                            ("linux.seccomp", "seccomp/errno-ret")))
def test_a_wrapper_that_drops_a_field_is_seen(runtime, tmp_path, field, pattern):
    """The same with a program between: it takes the field out of config.json and calls the runtime."""
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f"""#!{sys.executable}
import json, os, sys
sys.path.insert(0, {str(HERE)!r})
from suite import drop
if "--bundle" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    config = json.load(open(path))
    drop(config, {field!r})
    json.dump(config, open(path, "w"))
os.execv({runtime!r}, [{runtime!r}, *sys.argv[1:]])
""")
    wrapper.chmod(0o755)
    tmp_path.chmod(0o755)
    seen = {r["case"]: r["result"] for r in report_of(wrapper, tmp_path / "out", "-k", pattern)["results"]}
    assert "fail" in seen.values(), seen
    assert "fail" not in [r["result"] for r in report_of(runtime, tmp_path / "good", "-k", pattern)["results"]]


@pytest.mark.parametrize("program", ("/bin/true", "/bin/false"))
def test_no_case_passes_on_a_program_that_is_no_runtime(runtime, tmp_path, program):
    told = report_of(program, tmp_path / "out", GEMEL_TEST_SLOW="0.1")
    assert len(told["results"]) == len(CASES)
    assert [r["case"] for r in told["results"] if r["result"] == "pass"] == []


# -- the committed table ------------------------------------------------------------------------------------

ROW = re.compile(r"^\| (?P<section>.*?) \| (?P<sentence>.*) \| `(?P<case>[^`]+)` \| (?P<root>[^|]*) \| (?P<rootless>[^|]*) \| "
                 r"(?P<v2>[^|]*) \|$")


def rows():
    return [m.groupdict() for m in map(ROW.match, TABLE.read_text(encoding="utf-8").splitlines()) if m]


def plain(text):
    return text.replace("&lt;", "<").replace("\\|", "|")


def test_the_table_lists_exactly_the_cases_and_their_sentences():
    assert {r["case"]: plain(r["sentence"]) for r in rows()} == CASES
    assert [r["case"] for r in rows()] == list(CASES)


def test_the_table_has_no_fail_and_no_gap():
    bad = [(r["case"], c, r[c]) for r in rows() for c in (*COLUMNS, "v2") if not r[c].startswith(("pass", "n/a: "))]
    assert bad == []


def test_root_is_excused_from_hardware_only():
    excused = [r["case"] for r in rows() if r["root"] != "pass"]
    assert [c for c in excused if not c.startswith("config-linux/intelrdt/")] == []


@pytest.mark.parametrize("column", COLUMNS)
def test_the_table_is_not_contradicted_here(reports, column):
    """On a host of the same facts every cell is as committed; elsewhere the kernel may give other reasons."""
    sys.path.insert(0, str(HERE))
    try:
        from table import host_line
    finally:
        sys.path.remove(str(HERE))
    line = host_line(reports(column))
    committed = next(m[1] for m in re.finditer(rf"^\| {column} \| \d+ \| \d+ \| \d+ \| (.*) \|$", TABLE.read_text(), re.M))
    if line != committed:
        pytest.skip(f"the table was made on {committed}; this is {line}")
    index = reports(column)["index"]
    differ = [(r["case"], r[column], index[r["case"]]["result"]) for r in rows()
              if r[column].partition(":")[0] != index[r["case"]]["result"]]
    assert differ == []
