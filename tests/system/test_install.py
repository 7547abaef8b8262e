# SPDX-License-Identifier: GPL-3.0-or-later
"""What `meson install` leaves works from any prefix, with neither the checkout nor the build in sight."""

import glob
import os
import re
import shutil
import subprocess

import pytest

from harness.gemel import ROOT
from harness.wait import until


@pytest.fixture
def gemel(installed, world):
    made = installed.gemel()
    yield made
    world.forget(made)


def test_programs_pages_and_completions_are_in_their_places(installed):
    for path, mode in (("bin/gemel", 0o755), ("libexec/gemel/gemel-runtime", 0o755),
                       ("libexec/gemel/lab/lab", 0o755), ("libexec/gemel/lab/domain.xml.in", 0o644),
                       ("share/man/man1/gemel.1", 0o644), ("share/man/man5/gemelrc.5", 0o644),
                       ("share/man/man8/gemel-runtime.8", 0o644),
                       ("share/bash-completion/completions/gemel", 0o644),
                       ("share/zsh/site-functions/_gemel", 0o644),
                       ("share/doc/gemel/README.md", 0o644), ("share/doc/gemel/schemas/list.json", 0o644)):
        info = os.stat(os.path.join(installed.prefix, path))
        assert info.st_mode & 0o777 == mode and info.st_size > 0, path
    scripts = {os.path.basename(p) for p in glob.glob(os.path.join(ROOT, "config", "lab", "*"))}
    there = set(os.listdir(os.path.join(installed.prefix, "libexec", "gemel", "lab")))
    assert there - {"lab-payload"} == scripts - {"README.md", "payload.c"}


def test_programs_say_nowhere_where_they_were_built_and_need_no_rpath(installed):
    seen = 0
    for folder, _, files in os.walk(installed.prefix):
        for path in (os.path.join(folder, name) for name in files):
            with open(path, "rb") as file:
                data = file.read()
            assert ROOT.encode() not in data, path
            if data.startswith(b"\x7fELF"):
                dynamic = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True)
                assert not re.search("R(UN)?PATH", dynamic.stdout), (path, dynamic.stdout)
                seen += 1
    assert seen >= 2


def test_the_checkout_is_out_of_sight(installed, gemel):
    assert installed.run(["ls", "-A", ROOT], gemel).stdout == ""


def test_commands_that_need_nothing(gemel):
    assert re.fullmatch(r"gemel \d+\.\d+\.\d+\n", gemel.ok("version").out)
    assert "lab-vm" in gemel.ok("--demo", "list").out
    assert gemel.run("lab", "status", env={"GEMEL_LAB_NAME": f"{gemel.cgroup.split('/')[0]}-x"}).out.endswith(
        "network    down\n")


def test_a_container_runs_and_its_snapshots_complete(installed, world, gemel):
    name = world.name("inst")
    gemel.ok("create", name, "--rootfs", world.rootfs, "--", "/bin/sleep", "600")
    gemel.ok("start", name)
    assert gemel.ok("exec", name, "--", "cat", "/proc/1/comm").out == "sleep\n"
    with open(f"/proc/{gemel.json('inspect', name)['pid']}/status", encoding="ascii") as status:
        assert re.search(r"Seccomp:\s+2", status.read())
    gemel.ok("snapshot", "create", name, "before")
    line = f"gemel snapshot revert {name} be"
    until(lambda: gemel.ok("completion", "line", line).out.startswith("before\n"), 20,
          lambda: gemel.ok("completion", "line", line).out)
    gemel.ok("delete", name, "--force", "--yes")


@pytest.mark.parametrize("page,heading", [("gemel", "KEYS"), ("gemelrc", "BINDINGS"), ("gemel-runtime", "COMMANDS")])
def test_man_finds_the_pages(installed, gemel, page, heading):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    shown = installed.run(["man", "-M", os.path.join(installed.prefix, "share", "man"), page], gemel,
                          MANPAGER="cat", MANWIDTH="80")
    assert shown.returncode == 0 and f"\n{heading}\n" in re.sub(r".\x08", "", shown.stdout), shown


def test_bash_loads_the_completion_by_itself(installed, gemel):
    script = ("complete -p gemel; COMP_LINE='gemel --demo start ma' COMP_POINT=21 "
              "COMP_WORDS=(gemel --demo start ma) COMP_CWORD=3; _gemel; echo got ${COMPREPLY[@]}")
    place = os.path.join(installed.prefix, "share", "bash-completion", "completions", "gemel")

    def completed():
        done = installed.run(["bash", "--norc", "-c", f". {place}; {script}"], gemel)
        return "-F _gemel gemel" in done.stdout and "got mail" in done.stdout, done

    until(lambda: completed()[0], 20, lambda: str(completed()[1]))


def test_zsh_loads_the_completion_by_itself(installed, gemel):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    place = os.path.join(installed.prefix, "share", "zsh", "site-functions")
    done = installed.run(["zsh", "-f", "-c", f"fpath=({place} $fpath); autoload -U compinit; compinit -u -D; "
                          "echo ${_comps[gemel]}; autoload +X _gemel && echo loaded"], gemel)
    assert done.stdout == "_gemel\nloaded\n", done
