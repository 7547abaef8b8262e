# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the runtime under valgrind, on a container that the ordinary runtime made.

Valgrind 3.19 does not know clone3(2), openat2(2) and the mount API: commands that enter a container end where the first of them
is called, which is an error path, and has to be clean as well. What lies behind is run under ASan (tier `asan`).
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("GEMEL_BUILD", "build")
RUNTIME, DYNAMIC = (str(BUILD / "backends/native/runtime" / name) for name in ("gemel-runtime", "gemel-runtime-dynamic"))
ERROR = 99


def valgrind(*args, **options):
    """Runs a command; its result, which is not valgrind's."""
    got = subprocess.run(["valgrind", "-q", f"--error-exitcode={ERROR}", "--leak-check=full",
                          "--errors-for-leak-kinds=definite", "--trace-children=yes", DYNAMIC, *map(str, args)],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **options)
    assert got.returncode != ERROR and "uninitialised" not in got.stderr and "Invalid " not in got.stderr, got.stderr
    return got


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """A state directory with a container that runs; (root, id, bundle)."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    top = tmp_path_factory.mktemp("valgrind")
    os.chmod(top, 0o755)
    (top / "rootfs/bin").mkdir(parents=True)
    for name in ("proc", "sys", "dev", "tmp"):
        (top / "rootfs" / name).mkdir()
    shutil.copy("/bin/busybox", top / "rootfs/bin/busybox")
    (top / "rootfs/bin/sleep").symlink_to("busybox")
    subprocess.run([RUNTIME, "spec", "-b", top], check=True)
    config = json.loads((top / "config.json").read_text())
    cid = f"t{os.getpid()}-valgrind"
    config["process"].update(args=["sleep", "1000"], terminal=False)
    config["linux"]["cgroupsPath"] = f"/gemel-vg{os.getpid()}/{cid}"
    config["linux"]["seccomp"] = json.loads((TOP / "config/seccomp-default.json").read_text())
    (top / "config.json").write_text(json.dumps(config))
    with open(os.devnull, "r+b") as none:
        subprocess.run([RUNTIME, "--root", top / "run", "run", "-d", "-b", top, cid], check=True, stdin=none, stdout=none,
                       stderr=none)
    yield top / "run", cid, top
    subprocess.run([RUNTIME, "--root", top / "run", "delete", "--force", cid], check=True)


@pytest.mark.parametrize("args", [
    ["--version"], ["--help"], ["exec", "--help"], ["features"], ["nosuch"], ["list", "--nosuch"], ["run"],
], ids=lambda a: " ".join(a))
def test_a_command_without_a_container_is_clean(args):
    valgrind(*args)


@pytest.mark.parametrize("args", [
    ["list"], ["list", "-f", "json"], ["state", "@"], ["state", "nosuch"], ["ps", "@"], ["events", "--stats", "@"],
    ["update", "--memory", "64M", "--pids-limit", "7", "@"], ["pause", "@"], ["resume", "@"], ["kill", "@", "0"],
    ["kill", "@", "NOSUCH"], ["delete", "@"], ["exec", "-u", "1:2", "-e", "A=b", "@", "true"],
], ids=lambda a: " ".join(a))
def test_a_command_on_a_container_is_clean(container, args):
    root, cid, _ = container
    valgrind("--root", root, *[cid if word == "@" else word for word in args])


@pytest.mark.parametrize("command", ["create", "run"])
def test_making_a_container_is_clean_up_to_what_valgrind_does_not_know(container, command, tmp_path):
    _, _, bundle = container
    got = valgrind("--root", tmp_path / "run", command, "-b", bundle, "other")
    assert got.returncode == 1, got


def test_a_configuration_that_is_wrong_is_refused_cleanly(container, tmp_path):
    (tmp_path / "config.json").write_text('{"ociVersion": "1.1.0", "process": 5}')
    assert valgrind("--root", tmp_path / "run", "create", "-b", tmp_path, "other").returncode == 1


def test_spec_is_clean(tmp_path):
    assert valgrind("spec", "--rootless", "-b", tmp_path).returncode == 0
