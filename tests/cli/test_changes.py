# SPDX-License-Identifier: GPL-3.0-or-later
"""Protection, autostart, names and saved memory; acts on many: plans, skips, bounded parallelism."""

import json

import pytest

from harness.schemas import check

pytestmark = pytest.mark.quick

FAST = "sim:12,pace=0.05,whims=off,events=off"


def sequence(gemel, text, *args, **more):
    return gemel.run(*args, "--connect", FAST, "-c", text, **more)


def listed(gemel, text, name):
    """What `list --json` says of one instance after these commands."""
    result = sequence(gemel, f"{text}; list --json {name}")
    assert result.status == 0, result
    return json.loads(result.out[result.out.index("{"):])["instances"][0]


@pytest.mark.parametrize("command", ["delete --force lab-vm", "kill lab-vm", "reset lab-vm", "stop --force lab-vm",
                                     "snapshot revert lab-vm s", "snapshot delete lab-vm s"])
def test_protection_refuses_what_destroys_and_names_the_way_out(gemel, command):
    result = sequence(gemel, f"snapshot create lab-vm s; protect lab-vm; {command} --yes")
    assert result.status == 6, result
    assert "`protect lab-vm off`" in result.err, result


def test_protection_can_be_taken_off_again(gemel):
    assert listed(gemel, "protect lab-vm", "lab-vm")["protected"]
    result = sequence(gemel, "protect lab-vm; protect lab-vm off")
    assert result.status == 2 and "--yes" in result.err, result
    seen = listed(gemel, "protect lab-vm; protect lab-vm off --yes; kill lab-vm --yes", "lab-vm")
    assert not seen["protected"] and seen["state"] == "stopped"


def test_autostart_is_switched_and_started(gemel):
    assert listed(gemel, "autostart lab-ct", "lab-ct")["autostart"]
    assert not listed(gemel, "autostart lab-ct on; autostart lab-ct off", "lab-ct")["autostart"]
    seen = listed(gemel, "autostart mail; start --autostart", "mail")
    assert seen["state"] == "running"


def test_saved_memory_comes_back(gemel):
    assert listed(gemel, "save build", "build")["state"] == "saved"
    assert listed(gemel, "save build; restore build", "build")["state"] == "running"
    assert sequence(gemel, "restore mail").status == 6
    assert sequence(gemel, "save web-1").status in (4, 6)


def test_rename_keeps_the_id(gemel):
    before = gemel.json("--connect", FAST, "list", "mail")["instances"][0]
    assert listed(gemel, "rename mail post", "post")["id"] == before["id"]
    assert sequence(gemel, "rename mail db").status == 6
    assert sequence(gemel, "rename 'm*' x").status == 2


def test_a_clone_is_another_of_the_same(gemel):
    before = gemel.json("--connect", FAST, "list", "mail")["instances"][0]
    seen = listed(gemel, "protect mail; autostart mail; clone mail post", "post")
    assert seen["id"] != before["id"] and seen["state"] == "stopped"
    assert seen["memory_limit_bytes"] == before["memory_limit_bytes"]
    assert not seen["protected"] and not seen["autostart"]
    assert listed(gemel, "copy mail post; start post", "mail")["state"] == "stopped"


def test_a_clone_answers_in_json_and_says_what_it_lacks(gemel):
    result = gemel.run("--connect", FAST, "-c", "snapshot create mail s1; clone mail post --linked --json")
    row = check("results.json", json.loads(result.out))["results"][0]
    assert row["act"] == "clone" and row["to"] == "post" and row["done"], result
    assert "snapshots were not taken along" in row["notes"]


@pytest.mark.parametrize("command, status, says", [
    ("clone mail db", 6, "the name db is taken"),
    ("clone mail db --dry-run", 6, "the name db is taken"),
    ("clone mail a/b", 2, "is no name"),
    ("clone 'm*' x", 2, "is a pattern"),
    ("clone lab-ct x", 6, "stop it first"),
    ("clone mail", 2, "NEW"),
    ("clone nobody x", 3, "nobody")])
def test_a_clone_that_cannot_be_says_why(gemel, command, status, says):
    result = sequence(gemel, command)
    assert result.status == status and says in result.err, result


def test_a_plan_of_a_clone_copies_nothing(gemel):
    result = sequence(gemel, "clone mail post --dry-run; clone mail post --linked --dry-run; list post")
    assert "would clone mail (vm, stopped, sim): to post\n" in result.out, result
    assert "to post, linked" in result.out
    assert "  copied  /" in result.out and "  shared  /" in result.out
    assert result.status == 3


def test_a_pattern_skips_what_cannot_and_says_why(gemel):
    result = sequence(gemel, "stop '*' --timeout 100ms")
    assert "mail: skipped: is not running" in result.err, result
    assert "web-1: stopped" in result.err, result


def test_a_name_that_cannot_stops_everything(gemel):
    result = sequence(gemel, "stop web-1 mail; list -q -f state=running web-1")
    assert result.status == 6 and "nothing was done" in result.err, result


def test_skip_leaves_out_names_that_cannot(gemel):
    result = gemel.run("--connect", FAST, "stop", "web-1", "mail", "--skip", "--json")
    out = check("results.json", result.json())
    assert [r["name"] for r in out["results"]] == ["web-1"]
    assert [(s["name"], s["reason"]) for s in out["skipped"]] == [("mail", "is not running")]


def test_a_pattern_on_a_destructive_command_shows_the_plan(gemel):
    result = gemel.run("--connect", FAST, "kill", "web-*")
    assert result.status == 2, result
    assert "would kill web-1" in result.err and "--yes" in result.err, result


def test_nothing_left_to_do_is_a_conflict(gemel):
    result = sequence(gemel, "start 'web-*'")
    assert result.status == 6 and "web-1: skipped: is already running" in result.err, result


def test_dry_run_says_what_and_why_not(gemel):
    result = gemel.ok("--connect", FAST, "delete", "*", "--dry-run")
    assert "would delete mail (vm, stopped, sim): undefined; its disks stay" in result.out, result
    assert "would skip db: is protected" in result.out, result
    assert "stays  /var/lib/libvirt/images/mail.qcow2" in result.out and "frees " in result.out, result


def test_snapshot_plan_says_what_goes(gemel):
    result = sequence(gemel, "snapshot create lab-ct s1; snapshot plan lab-ct s1")
    assert result.status == 0 and "revert" in result.out and "delete" in result.out, result
    assert sequence(gemel, "snapshot create lab-ct s1; snapshot plan lab-ct nothing").status == 3


def test_few_are_under_way_at_once(gemel):
    """With one at a time, the lines of the log never overlap."""
    assert sequence(gemel, "set parallel 1; stop web-1 web-2 cache lab-ct").status == 0
    events = [a for a in map(json.loads, open(gemel.env()["GEMEL_AUDIT_LOG"], encoding="utf-8"))]
    assert [e["event"] for e in events] == ["begin", "end"] * 4


def test_logs_end_with_what_was_written_last(gemel):
    every = gemel.ok("--connect", FAST, "logs", "web-1").out.splitlines()
    assert len(every) > 2
    assert gemel.ok("--connect", FAST, "logs", "web-1", "--tail", "2").out.splitlines() == every[-2:]
    gemel.fails(3, "--connect", FAST, "logs", "nobody")
