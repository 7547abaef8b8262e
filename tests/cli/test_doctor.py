# SPDX-License-Identifier: GPL-3.0-or-later
"""doctor: on the simulator what it asks and says; on a store of its own what it finds and cleans."""

import json
import os

import pytest

from harness.schemas import check

pytestmark = pytest.mark.quick

LITTER = "sim:3,litter=2"
ID = "0123456789abcdef" * 4


def found(gemel, *args, uri="native", status=0):
    """Check -> finding of `doctor --json`, those that are not ok."""
    done = gemel.run("--connect", uri, "doctor", "--json", *args)
    assert done.status == status, done
    return {f["check"]: f for f in check("doctor.json", done.json())["findings"] if f["level"] != "ok"}


def test_a_host_in_order_is_ok(gemel):
    done = gemel.ok("--connect", "sim:3", "doctor")
    assert "ok" in done.out and "warn" not in done.out
    assert "nothing to clean away" in gemel.ok("--connect", "sim:3", "doctor", "--fix").err


def test_leftovers_are_named_and_stay(gemel):
    done = gemel.ok("--connect", LITTER, "doctor")
    assert done.out.count("half-made") >= 2 and "doctor --fix" in done.out
    assert "half-made" in gemel.ok("--connect", LITTER, "doctor", "--fix", "--dry-run").out


def test_fix_needs_a_yes(gemel):
    done = gemel.run("--connect", LITTER, "doctor", "--fix")
    assert done.status == 2 and "--yes" in done.err, done
    done = gemel.ok("--connect", LITTER, "-c", "doctor --fix -y; doctor")
    assert done.out.count("gone") == 2


def test_fix_is_in_the_audit_log_and_looking_is_not(gemel):
    gemel.ok("--connect", LITTER, "doctor")
    assert not os.path.exists(gemel.env()["GEMEL_AUDIT_LOG"])
    gemel.ok("--connect", LITTER, "doctor", "--fix", "--yes")
    assert [a["command"] for a in gemel.json("audit")["acts"]] == ["doctor --fix --yes"]


def test_read_only_looks_and_does_not_clean(gemel):
    gemel.ok("--read-only", "--connect", LITTER, "doctor")
    gemel.fails(7, "--read-only", "--connect", LITTER, "doctor", "--fix", "--yes")


def test_a_backend_that_is_away_is_bad(gemel):
    done = gemel.run("--connect", "sim:3,fail=doctor:1:unreachable", "doctor", "--json")
    assert done.status == 5
    assert check("doctor.json", done.json())["errors"][0]["kind"] == "unreachable"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_without_a_daemon_the_status_is_5_and_the_others_are_looked_at(gemel, order):
    away = f"qemu+unix:///system?socket={gemel.home}/nobody"
    uris = ["sim:3,litter=2", away]
    done = gemel.run("--connect", uris[order[0]], "--connect", uris[order[1]], "doctor")
    assert done.status == 5, done
    assert "half-made" in done.out and "bad" in done.out, done


def test_an_unknown_backend_is_not_found(gemel):
    gemel.fails(3, "--connect", "sim:3", "doctor", "nosuch")


# ---- a store of files

@pytest.fixture
def store(gemel):
    """A native store of its own in which commands were killed."""
    if os.geteuid() != 0:
        pytest.skip("only root has containers")
    gemel.cgroup = f"t{os.getpid()}-doctor"
    gemel.ok("--connect", "native", "list")
    return gemel.root


def touch(*parts, text=""):
    path = os.path.join(*parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_half_made_containers_go_unless_somebody_makes_them(gemel, store):
    import fcntl
    dead = touch(store, "tmp", ID, "lock")
    alive = touch(store, "tmp", ID[::-1], "lock")
    with open(alive, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert found(gemel)["half-made"]["path"] == os.path.dirname(dead)
        assert found(gemel, "--fix", "--yes")["half-made"]["fixed"]
        assert not os.path.exists(dead) and os.path.exists(alive)
        assert not found(gemel)


def test_records_of_what_is_gone_go(gemel, store):
    record = json.dumps({"root": store})
    paths = [touch(gemel.run_dir, "exits", ID), touch(gemel.run_dir, "state", ID + ".json", text=record),
             touch(gemel.run_dir, "containers", ID, "conmon.pid")]
    stranger = touch(gemel.run_dir, "exits", "not-an-id")
    assert found(gemel)["stale-run"]["fixable"]
    assert all(map(os.path.exists, paths))
    assert found(gemel, "--fix", "--yes")["stale-run"]["fixed"]
    assert not any(map(os.path.exists, paths)) and os.path.exists(stranger)


@pytest.mark.parametrize("record", ['{"root": "/another/store"}', "", '{"root": 7}', "\x1b"])
def test_what_may_be_another_stores_is_left(gemel, store, record):
    paths = [touch(gemel.run_dir, "exits", ID), touch(gemel.run_dir, "state", ID + ".json", text=record)]
    for finding in found(gemel, "--fix", "--yes").values():
        assert finding["check"] == "unknown-run" and not finding["fixable"]
    assert all(map(os.path.exists, paths))


def test_a_container_that_cannot_be_read_is_bad(gemel, store):
    touch(store, "containers", ID, "container.json", text="{\x1b[2J")
    assert "delete" in found(gemel, status=1)["unreadable"]["way_out"]
    assert "\x1b" not in gemel.run("--connect", "native", "doctor").out


def test_two_at_once_clean_once(gemel, store):
    for n in range(20):
        touch(store, "tmp", f"{n:064x}", "lock")
    running = [gemel.popen("--connect", "native", "doctor", "--fix", "--yes", "--json") for _ in range(3)]
    for process in running:
        out = process.communicate(timeout=60)[0]
        assert process.returncode == 0, out
        json.loads(out)
    assert os.listdir(os.path.join(store, "tmp")) == []
