# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as services of systemd: READY=1 and sockets, with the real manager."""

import pathlib
import socket
import subprocess

import pytest
from runtime_bed import wait_for

UNTIL_TERM = "trap 'exit 0' TERM; echo begun; attacker notify STATUS=x MAINPID=1 READY=1; while :; do sleep 0.2; done"


def show(unit, *properties):
    got = subprocess.run(["systemctl", "show", unit, "-p", ",".join(properties)], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in got.stdout.splitlines())


@pytest.fixture
def unit(rt):
    """A name for a transient unit, which is stopped after the test."""
    name = f"gt-{rt.top.name[-6:]}"
    yield name
    for kind in ("socket", "service"):
        subprocess.run(["systemctl", "stop", f"{name}.{kind}"], capture_output=True, check=False, timeout=60)


def bundle(rt, *words):
    """Of a container that stays in the group of its service."""
    def change(config):
        config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
    return rt.bundle(*words, change=change)


def run_unit(rt, unit, options, cid, *words):
    """Returns when systemd has started it: for Type=notify that is when it said that it is ready."""
    out = rt.path(cid) / "out"
    got = subprocess.run(["systemd-run", "--collect", f"--unit={unit}", "-p", "TimeoutStartSec=60", "-p", f"StandardError=append:{out}",
                          "-p", f"StandardOutput=append:{out}", *options, rt.binary, "--root", str(rt.root), "--cgroup-manager",
                          "disabled", "run", *words, "-b", str(rt.path(cid)), cid], capture_output=True, text=True, timeout=90,
                         check=False)
    assert got.returncode == 0, got.stderr + rt.out(cid)


def test_a_service_is_active_when_its_container_is_ready(rt, unit):
    cid = bundle(rt, UNTIL_TERM)
    run_unit(rt, unit, ["--service-type=notify"], cid)
    got = show(f"{unit}.service", "ActiveState", "MainPID", "StatusText", "Result")
    assert pathlib.Path(f"/proc/{got['MainPID']}/cmdline").read_text().split("\0")[0] == rt.binary
    assert (got["ActiveState"], got["StatusText"], got["Result"]) == ("active", "", "success")
    subprocess.run(["systemctl", "stop", f"{unit}.service"], check=True, timeout=60)
    assert show(f"{unit}.service", "ActiveState")["ActiveState"] == "inactive"


def test_the_main_process_of_a_detached_container_is_its_own(rt, unit):
    cid = bundle(rt, UNTIL_TERM)
    run_unit(rt, unit, ["--service-type=notify"], cid, "--detach")
    got = show(f"{unit}.service", "ActiveState", "MainPID")
    assert got == {"ActiveState": "active", "MainPID": str(rt.state(cid)["pid"])}
    rt.ok("kill", cid, "TERM")
    wait_for("the end of the service", lambda: show(f"{unit}.service", "ActiveState")["ActiveState"] == "inactive", 30)


def test_a_connection_starts_the_container_that_takes_it(rt, unit):
    cid, path = bundle(rt, "attacker", "accept", "3", "hello"), f"/run/{unit}.sock"
    run_unit(rt, unit, [f"--socket-property=ListenStream={path}"], cid)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(path)
        assert client.recv(100) == b"hello"
