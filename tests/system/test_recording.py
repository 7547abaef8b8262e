# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording of real parts: played elsewhere, by somebody without rights, damaged; and an alert on a real load."""

import json
import os
import re
import shutil
import subprocess

import pytest

from harness.gemel import Gemel
from harness.schemas import check
from harness.wait import SLOW, until

SPIN = "while :; do :; done"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def spinning(world, real):
    """The name of a container that works under a quota of a fifth of a CPU."""
    name = world.name("rec-ct")
    real.ok("create", name, "--rootfs", world.rootfs, "--limit", "cpu=0.2", "--limit", "memory=48M",
            "--", "sh", "-c", SPIN)
    real.ok("-c", "native", "start", name)
    return name


@pytest.fixture
def guest(world):
    name = world.guests.firmware("rec-vm", vcpus=2)
    yield name
    world.guests.destroy(name)


@pytest.fixture
def elsewhere(scratch):
    """Run gemel as the user nobody, with an empty /run, so neither libvirtd nor anybody's containers."""
    home = os.path.join(scratch, "home")
    os.mkdir(home)
    os.chown(home, 65534, 65534)
    made = Gemel(home)
    program = os.path.join(scratch, "gemel")  # the build may be closed to other users
    shutil.copy(made.path, program)
    os.chmod(program, 0o755)
    env = made.env(USER="nobody", LOGNAME="nobody", GEMEL_ROOT=None, GEMEL_RUN=None)
    inside = 'mount -t tmpfs none /run && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'

    def run(*args, status=0):
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", inside, "sh",
                               program, *args], env=env, text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=20 * SLOW, check=False)
        assert done.returncode == status, (args, done)
        return done

    return run


def open_copy(scratch, data, word):
    """A file of these bytes that everybody may read."""
    path = os.path.join(scratch, f"{word}.rec")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o644)
    return path


def test_a_recording_of_real_parts_plays_without_root_or_libvirt(real, spinning, guest, elsewhere, scratch):
    pair = {spinning, guest}
    path = os.path.join(scratch, "real.rec")
    stats = real.popen("stats", spinning, guest, "--json", "-i", "2s", "-n", "2")
    real.ok("record", path, "--for", "2500ms", "--interval", "250ms", timeout=60)
    out, err = stats.communicate(timeout=20 * SLOW)
    assert stats.returncode == 0, err
    then = {s["name"]: s for s in lines(out)[-2:]}
    assert set(then) == pair
    listed = {n: i for n, i in real.instances().items() if n in pair}
    with open(path, "rb") as file:
        data = file.read()

    # Whole: the same instances and figures.
    uri = f"replay:{open_copy(scratch, data, 'whole')}"
    now = check("list.json", json.loads(elsewhere("--connect", uri, "list", "--json").stdout))
    seen = {i["name"]: i for i in now["instances"] if i["name"] in pair}
    assert set(seen) == pair
    for name, instance in seen.items():
        assert instance["backend"] == "replay" and instance["actions"] == []
        for key in ("id", "kind", "state", "vcpus", "cpu_limit", "memory_limit_bytes", "image"):
            assert instance.get(key) == listed[name].get(key), (name, key)
    played = lines(elsewhere("--connect", f"{uri}?speed=2", "stats", *sorted(pair), "--json",
                             "-i", "1s", "-n", "2").stdout)[-2:]
    figures = {check("stats.json", s)["name"]: s for s in played}
    assert set(figures) == pair
    # The quota is what decides the CPU: 20 %, within 6 % of a core for the shorter time seen.
    for there in (then, figures):
        assert 14 <= there[spinning]["cpu_percent"] <= 26, there[spinning]
    for name in pair:  # of one host at one time: the same metrics, and what does not move is equal
        a, b = then[name]["metrics"], figures[name]["metrics"]
        assert set(a) == set(b), (name, set(a) ^ set(b))
        for metric in ("cpu.limit", "memory.limit"):
            assert a.get(metric) == b.get(metric), (name, metric)
    usage = [s[spinning]["metrics"]["cpu.usage"] for s in (then, figures)]
    assert abs(usage[0] - usage[1]) <= 0.25 * 3e9  # the quota of the three seconds they may lie apart

    # Truncated, and spoiled two thirds in: what came before plays, and the place is told.
    for word, copy, near in (
            ("cut", data[:len(data) * 2 // 3], len(data) * 2 // 3),
            ("spoiled", data[:len(data) * 2 // 3] + bytes([data[len(data) * 2 // 3] ^ 0xff])
             + data[len(data) * 2 // 3 + 1:], len(data) * 2 // 3)):
        place = open_copy(scratch, copy, word)
        told = elsewhere("replay", place, status=1).stderr
        at = int(re.search(r"damaged.*at byte (\d+), \d+:\d\d in", told).group(1))
        assert near - 20000 < at <= near, (word, told)
        left = json.loads(elsewhere("--connect", f"replay:{place}", "list", "--json").stdout)
        assert pair <= {i["name"] for i in left["instances"]}
        (line,) = lines(elsewhere("--connect", f"replay:{place}", "stats", spinning, "--json", "-n", "1")
                        .stdout)
        assert line["metrics"]["cpu.usage"] > 0, (word, line)


def test_an_alert_on_a_real_load_is_an_event_and_runs_its_command(real, spinning, scratch):
    folder = os.path.join(real.env()["XDG_CONFIG_HOME"], "gemel")
    os.makedirs(folder)
    script = os.path.join(scratch, "told")
    with open(script, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nprintf "%s|%s|%s|%s\\n" "$GEMEL_NAME" "$GEMEL_METRIC" "$GEMEL_VALUE" '
                   f'"$GEMEL_ALERT" > "{scratch}/ran.new" && mv "{scratch}/ran.new" "{scratch}/ran"\n')
    os.chmod(script, 0o755)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as file:
        file.write(f"set refresh 200ms\nalert {spinning} 'cpu>10' for 400ms do {script}\n")
    out = real.ok("-c", "native", "events", "--json", "--count", "2", timeout=60).out
    (event,) = [e for e in lines(out) if check("events.json", e)["event"] != "backend-up"]
    assert event["event"] == "alert" and event["name"] == spinning, event
    assert re.match(r"cpu is \d+ % \(alert 1: .*\); ran ", event["detail"]), event
    ran = os.path.join(scratch, "ran")
    until(lambda: os.path.exists(ran), 5, "the command's file")
    with open(ran, encoding="utf-8") as file:
        name, metric, value, alert = file.read().rstrip("\n").split("|")
    assert (name, metric) == (spinning, "cpu") and spinning in alert
    assert 10 < int(value.removesuffix(" %")) <= 40, value
