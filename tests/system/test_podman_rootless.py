# SPDX-License-Identifier: GPL-3.0-or-later
"""podman started by a user without privileges, with gemel-runtime as its runtime: the kernel's own overlay, ids by newuidmap."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

import pexpect
import pytest
from harness import proc
from harness.gemel import program
from harness.podman import Podman
from harness.user import SUB, UID, User
from harness.wait import until


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0:
        pytest.skip("needs root, to become a user of its own")
    for name in ("podman", "newuidmap"):
        assert shutil.which(name), f"{name} is not installed: ./dev test installs it"
    top = tempfile.mkdtemp(prefix="gemel-rp-")
    os.chmod(top, 0o755)
    user = User(top)
    try:
        runtime = shutil.copy(program("gemel-runtime"), f"{top}/gemel-runtime")  # a build directory may be closed to others
        yield Podman(user.home, user, runtime, options=["--storage-driver", "overlay"])
    finally:
        # The process that holds the user namespace of his podman.
        for path in pathlib.Path(top).glob("home/**/pause.pid"):
            with contextlib.suppress(ValueError):
                proc.end(int(path.read_text()))
        user.close()
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def podman(engine):
    yield engine
    engine.clear()


def test_it_is_rootless_and_on_the_kernels_overlay(podman):
    info = json.loads(podman.ok("info", "-f", "json"))
    assert info["host"]["security"]["rootless"] and info["store"]["graphDriverName"] == "overlay"
    assert "userxattr" in podman.output("cat /proc/mounts").splitlines()[0]


def test_run_returns_output_and_status_and_maps_the_user_to_root(podman):
    got = podman.run("id -u; cat /proc/self/uid_map; echo err >&2; exit 7")
    assert (got.stdout.split(), got.returncode) == (["0", "0", str(UID), "1", "1", str(SUB), "65536"], 7)
    assert got.stderr.endswith("err\n")


@pytest.mark.parametrize("command, status", [("nosuch", 127), ("/bin/nosuch", 127), ("/etc/noexec", 126)])
def test_a_command_that_cannot_run_has_the_status_a_shell_gives_it(podman, command, status):
    assert podman.run([command]).returncode == status


def test_a_background_container(podman):
    name = podman.start("trap 'echo bye; exit 3' TERM; echo begun; while :; do sleep 0.05; done")
    until(lambda: "begun" in podman.logs(name), what="its output")
    got = podman.call("exec", "-u", "405:100", "-w", "/tmp", name, "sh", "-c", "id -u; id -g; pwd; exit 5")
    assert (got.stdout.split(), got.returncode) == (["405", "100", "/tmp"], 5), got
    assert podman.call("exec", name, "nosuch").returncode == 127
    assert "sleep" in podman.ok("top", name)
    podman.ok("stop", name)
    assert podman.state(name)["ExitCode"] == 3 and podman.logs(name) == "begun\nbye\n"
    podman.ok("rm", name)


def test_a_terminal(podman):
    p = podman.spawn("run", "-it", "--rm", *podman.where(), "busy", "sh", "-c", "tty; read line; echo got-$line; exit 6")
    p.expect("/dev/pts/0")
    p.sendline("key")
    p.expect("got-key")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 6


def test_users_capabilities_and_a_read_only_root(podman):
    got = podman.output("--user", "405:100", "--read-only", "--tmpfs", "/mnt", "--cap-drop", "ALL", "--hostname", "box",
                        "id -u; hostname; touch /x 2>&1; grep -E 'CapBnd|Seccomp:' /proc/self/status; touch /mnt/y 2>&1 || true")
    assert got.split()[:2] == ["405", "box"] and "Read-only file system" in got
    assert "CapBnd:\t0000000000000000" in got and "Seccomp:\t2" in got


def test_files_of_subordinate_ids_on_a_volume(podman):
    shared = podman.top / "shared"
    shared.mkdir()
    User.own(shared)
    podman.output("-v", f"{shared}:/v", "touch /v/root; touch /v/other; chown 5 /v/other")
    assert (os.stat(shared / "root").st_uid, os.stat(shared / "other").st_uid) == (UID, SUB + 4)


def test_other_user_namespaces(podman):
    assert podman.output("--userns", "keep-id", "id -u; id -g").split() == [str(UID), str(UID)]
    assert podman.output("--userns", "auto", "cat /proc/self/uid_map").split()[:2] == ["0", "1"]
    assert podman.output("--uidmap", "0:1:500", "--gidmap", "0:1:500", "id -u; cat /proc/self/uid_map").split() == \
        ["0", "0", "1", "500"]


def test_namespaces_of_the_host_and_a_pod(podman):
    got = podman.call("run", "--rm", *podman.where("host"), "--uts", "host", "busy", "readlink", "/proc/self/ns/net")
    assert got.stdout.strip() == os.readlink("/proc/self/ns/net"), got
    pod = f"p{os.urandom(3).hex()}"
    podman.ok("pod", "create", "--name", pod, "--network", "none", "--share", "net,ipc,uts,pid")
    for name in "ab":
        podman.ok("run", "-d", "--pod", pod, "--name", pod + name, "busy", "sleep", "1000")
    assert podman.ok("exec", pod + "a", "ps").count("sleep 1000") == 2
    podman.ok("pod", "rm", "-f", "-t", "0", pod)
