# SPDX-License-Identifier: GPL-3.0-or-later
"""list, inspect and top as one-shot commands, against the simulator and libvirt's built-in test driver."""

import json
import os
import re
import subprocess

import pytest

from harness.wait import until

pytestmark = pytest.mark.quick

STATES = {"running", "paused", "stopped", "starting", "stopping", "crashed", "saved", "unknown"}


def test_list_json_has_the_documented_shape(gemel):
    out = gemel.json("--demo", "list")
    assert set(out) == {"instances", "errors"}
    assert out["errors"] == []
    assert len(out["instances"]) == 12
    for instance in out["instances"]:
        assert {"id", "name", "backend", "kind", "state"} <= set(instance)
        assert instance["kind"] in ("vm", "container")
        assert instance["state"] in STATES
        assert instance["backend"] == "sim"
    kinds = {i["kind"] for i in out["instances"]}
    assert kinds == {"vm", "container"}


def test_list_table_names_every_instance_once(gemel):
    names = [i["name"] for i in gemel.json("--demo", "list")["instances"]]
    lines = gemel.ok("--demo", "list").out.splitlines()
    assert lines[0].split()[:3] == ["NAME", "KIND", "STATE"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(names)


def test_demo_takes_a_number(gemel):
    assert len(gemel.json("--demo=1000", "list")["instances"]) == 1000


def test_aliases_do_the_same(gemel):
    want = gemel.ok("--demo", "list", "--quiet").out
    assert gemel.ok("--demo", "ls", "--quiet").out == want
    assert gemel.ok("--demo", "ps", "--quiet").out == want


def test_filter_by_state_and_inverse(gemel):
    everything = gemel.json("--demo", "list")["instances"]
    running = gemel.json("--demo", "list", "--filter", "state=running")["instances"]
    others = gemel.json("--demo", "list", "--filter", "!state=running")["instances"]
    assert {i["name"] for i in running} == {i["name"] for i in everything
                                            if i["state"] == "running"}
    assert len(running) + len(others) == len(everything)


def test_inspect_says_things_in_words_of_the_field(gemel):
    """Groups, labels and units for people; programs have --json."""
    out = gemel.ok("--demo", "inspect", "lab-vm").out
    assert re.search(r"^CPUs and memory\n  vCPUs: +2\n", out, re.M), out
    assert re.search(r"^  memory: +512M$", out, re.M) and re.search(r"^  protected: +no$", out, re.M), out
    assert re.search(r"^Disks\n  vda: +virtio disk, qcow2, /\S+/lab-vm\.qcow2$", out, re.M), out
    assert not re.search(r"[a-z]_[a-z]|[{}\[\]]|null", out), out
    values = [line for line in out.splitlines() if line.startswith("  ")]
    assert {re.match(r"  [^ ].*?: +", line).end() for line in values} == {24}, out
    crashed = gemel.ok("--demo", "inspect", "queue").out
    assert re.search(r"^  state: +crashed, killed: out of memory$", crashed, re.M), crashed
    assert re.search(r"^  CPU limit: +none$", crashed, re.M), crashed


def test_inspect_loses_nothing_that_a_backend_tells(gemel):
    for name in ("lab-vm", "web-1"):
        shown = gemel.ok("--demo", "inspect", name).out
        for key, value in gemel.json("--demo", "inspect", name).items():
            if isinstance(value, str) and key not in ("kind", "definition", "definition_format"):
                assert value in shown, (key, shown)


def test_inspect_json_tells_the_same_instance(gemel):
    listed = {i["name"]: i for i in gemel.json("--demo", "list")["instances"]}
    seen = gemel.json("--demo", "inspect", "lab-vm")
    assert seen["id"] == listed["lab-vm"]["id"]
    assert seen["name"] == "lab-vm"
    assert seen["definition"]


def test_inspect_by_id_prefix_and_backend_name(gemel):
    whole = gemel.json("--demo", "list")["instances"]
    ident = next(i["id"] for i in whole if i["name"] == "lab-ct")
    for word in (ident, ident[:12], "sim/lab-ct"):
        assert gemel.json("--demo", "inspect", word)["name"] == "lab-ct"


def test_top_batch_prints_samples_and_ends(gemel):
    out = gemel.ok("--demo", "top", "--batch", "--count", "2", timeout=60).out
    assert len(re.findall(r"^NAME\b", out, re.MULTILINE)) == 2 or out.count("lab-vm") == 2, out
    # a running instance shows a CPU figure, not a dash
    row = [line for line in out.splitlines() if line.split()[:1] == ["lab-vm"]][-1]
    assert re.search(r"\d", row.split(None, 3)[-1]), row


def test_libvirts_test_driver_is_listed(gemel):
    out = gemel.json("--connect", "test:///default", "list")
    assert [(i["name"], i["state"], i["kind"]) for i in out["instances"]] == \
        [("test", "running", "vm")]
    assert out["instances"][0]["id"] == "6695eb01-f6a4-8304-79aa-97f2502e193f"


def test_several_backends_are_merged(gemel):
    out = gemel.json("--connect", "test:///default", "--connect", "sim:3", "list")
    assert {i["backend"] for i in out["instances"]} == {"test", "sim"}
    assert len(out["instances"]) == 4


def test_one_failing_backend_does_not_take_the_others_along(gemel):
    result = gemel.run("--connect", "qemu+unix:///system?socket=/nonexistent/sock",
                       "--connect", "sim:3", "list", "--json")
    assert result.status == 5, result
    out = result.json()
    assert len(out["instances"]) == 3
    assert [e["kind"] for e in out["errors"]] == ["unreachable"]
    assert len(result.err.strip().splitlines()) <= 1, result


def test_a_hung_backend_is_named_within_the_timeout(gemel):
    result = gemel.run("--connect", "sim:3", "--connect", "sim:2,hang=list", "list", "--json",
                       "--timeout", "2s", timeout=60)
    assert result.status == 5, result
    assert len(result.json()["instances"]) == 3
    assert len(result.json()["errors"]) == 1


def test_output_into_a_closed_pipe_is_no_crash(gemel):
    running = gemel.popen("--demo=5000", "list")
    running.stdout.readline()
    running.stdout.close()
    errors = running.stderr.read()
    status = running.wait(60)
    running.stderr.close()
    running.stdin.close()
    assert status in (0, 1, -13, 141), (status, errors)
    assert "traceback" not in errors.lower() and "assert" not in errors.lower(), errors
    assert len(errors.strip().splitlines()) <= 1, errors


def test_a_full_device_is_an_error(gemel):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = gemel.run("--demo", "list", stdout=full)
    assert result.status == 1, result
    assert len(result.err.strip().splitlines()) == 1, result


def test_names_with_control_characters_do_not_reach_the_output(gemel):
    out = gemel.ok("--connect", "sim:8,hostile=on", "list").out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out), repr(out)


def test_colour_only_on_a_terminal(gemel):
    assert "\x1b" not in gemel.ok("--demo", "list").out


def test_runs_without_home_and_config(gemel):
    result = gemel.run("--demo", "list", "--quiet", env={"HOME": None, "XDG_CONFIG_HOME": None,
                                                         "XDG_STATE_HOME": None})
    assert result.status == 0, result


def test_events_of_the_simulator_are_json_lines(gemel):
    running = gemel.popen("--connect", "sim:12,events=on", "events", "--json", "--count", "1")
    try:
        running.stdin.close()
        line = until(running.stdout.readline, 30, "an event")
        assert {"time", "event", "backend"} <= set(json.loads(line))
        running.wait(60)
    except subprocess.TimeoutExpired as late:
        raise AssertionError("events --count 1 did not end") from late
    finally:
        running.kill()
        running.wait()
        running.stdout.close()
        running.stderr.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_no_permission_on_the_socket_is_told_in_a_line(gemel, scratch):
    import socket
    path = os.path.join(scratch, "sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    os.chmod(path, 0o600)
    for folder in (scratch, gemel.home):
        os.chmod(folder, 0o755)
    binary = gemel.path
    folder = os.path.dirname(binary)
    while folder != "/":
        if not os.stat(folder).st_mode & 0o001:
            pytest.skip(f"{folder} is closed to other users: the program cannot be run as one")
        folder = os.path.dirname(folder)
    home = os.path.join(scratch, "nobody")
    os.mkdir(home)
    os.chown(home, 65534, 65534)
    env = gemel.env(HOME=home, GEMEL_ROOT=home + "/store", GEMEL_RUN=home + "/run",
                    XDG_CONFIG_HOME=home, XDG_STATE_HOME=home, XDG_DATA_HOME=home,
                    XDG_CACHE_HOME=home)
    done = subprocess.run([binary, "--connect", f"qemu+unix:///system?socket={path}", "list"],
                          env=env, user=65534, group=65534, extra_groups=[], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    listener.close()
    assert done.returncode in (5, 7), done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and ("denied" in lines[0].lower() or "permission" in lines[0].lower()), done
