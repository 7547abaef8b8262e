# SPDX-License-Identifier: GPL-3.0-or-later
"""gemel stats and top: formats, rounds, and backends that are silent."""

import csv
import io
import json
import re
import time

import pytest

from harness.gemel import ROOT
from harness.schemas import check

pytestmark = pytest.mark.quick

RUNNING = {"web-1", "web-2", "db", "cache", "build", "lab-vm", "lab-ct", "router", "batch"}


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_one_object_per_instance_at_once(gemel):
    for _ in range(20):  # a machine that is busy may take long now and then
        begun = time.monotonic()
        out = lines(gemel.ok("-c", "sim:12,whims=off", "stats", "--json").out)
        if (took := time.monotonic() - begun) < 0.9:
            break
    assert took < 0.9  # it does not wait for a second sample
    assert {check("stats.json", line)["name"] for line in out} >= RUNNING
    assert all(line["cpu_percent"] is None and line["rates"] == {} for line in out)


def test_rates_come_with_the_second_sample(gemel):
    out = lines(gemel.ok("--demo", "stats", "--json", "-i", "100ms", "-n", "2", "db", "web-1").out)
    assert [line["name"] for line in out] == ["db", "web-1"] * 2
    for line in out[2:]:
        check("stats.json", line)
        assert line["cpu_percent"] == pytest.approx(line["rates"]["cpu.usage"] / 1e7)
    first, second = out[0], out[2]
    assert second["metrics"]["cpu.usage"] > first["metrics"]["cpu.usage"]


def test_rows_of_a_guest(gemel):
    (line,) = lines(gemel.ok("--demo", "stats", "--json", "db").out)
    assert {"vcpu", "disk", "nic"} <= set(line["rows"])
    assert [row["name"] for row in line["rows"]["disk"]] == ["vda", "vdb"]
    assert all(row["time"] > 0 for row in line["rows"]["vcpu"])


def test_csv_has_a_column_for_each_metric(gemel):
    out = gemel.ok("-c", "sim:12,hostile=on", "stats", "--csv", "-i", "100ms", "-n", "2").out
    rows = list(csv.reader(io.StringIO(out)))
    of_an_instance = open(f"{ROOT}/backends/metrics.h").read().split("#define GEMEL_ROW_METRICS")[0]
    table = re.findall(r'^    M\(\w+,\s*"([a-z_.]+)"', of_an_instance, re.M)
    assert rows[0][8:] == table
    assert all(len(row) == len(rows[0]) for row in rows)
    usage = rows[0].index("cpu.usage")
    assert all(int(row[usage]) > 0 for row in rows[1:] if row[3] == "db")


def test_table_has_rates(gemel):
    out = gemel.ok("-c", "sim:12,whims=off", "stats", "-i", "100ms", "-n", "1", "build").out
    head, row = out.splitlines()
    assert head.split()[:3] == ["NAME", "KIND", "CPU%"]
    assert re.match(r"build +vm +\d", row), row


@pytest.mark.parametrize("args", [("--json", "--csv"), ("--csv", "--openmetrics"),
                                  ("--interval", "1ms"), ("--interval", "2h"), ("--count", "0")])
def test_options_that_do_not_go(gemel, args):
    result = gemel.fails(2, "--demo", "stats", *args)
    assert result.out == ""


def test_unknown_name(gemel):
    assert "nobody" in gemel.fails(3, "--demo", "stats", "nobody").err


def test_one_that_does_not_run(gemel):
    result = gemel.run("-c", "sim:12,whims=off", "stats", "--json", "mail", "db")
    assert result.status == 6 and "mail is stopped" in result.err
    assert [line["name"] for line in lines(result.out)] == ["db"]


def test_a_silent_backend_is_named_and_the_others_are_printed(gemel):
    begun = time.monotonic()
    result = gemel.run("--connect", "sim:12,whims=off", "--connect", "sim:3,hang=sample",
                       "stats", "--json", "--timeout", "1500ms")
    assert result.status == 5, result
    assert time.monotonic() - begun < 25  # it never answers
    assert "sim2: has not given figures in time" in result.err
    assert {line["name"] for line in lines(result.out)} >= RUNNING


def test_a_backend_that_fails_is_named_once_with_its_reason(gemel):
    result = gemel.run("-c", "sim:12,fail=sample:1:denied", "stats", "--json", "-i", "100ms", "-n", "3")
    assert result.status == 5 and result.out == ""
    assert len(result.err.splitlines()) == 1, result


def test_rounds_come_at_the_interval(gemel):
    begun = time.monotonic()
    out = gemel.ok("--demo", "top", "--batch", "--json", "-i", "100ms", "-n", "5").out
    assert 0.45 < time.monotonic() - begun < 4.5  # at the interval of a second that it has by itself five would take five
    assert sum(line["name"] == "db" for line in lines(out)) == 5


def test_a_closed_pipe_ends_it(gemel):
    child = gemel.popen("--demo", "top", "--batch", "-i", "100ms")
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=60) == 141


# ---- OpenMetrics, read by Prometheus's own parser

def families(text):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser",
                                 reason="python3-prometheus-client is not installed")
    return {f.name: f for f in parser.text_string_to_metric_families(text)}


def test_openmetrics_is_what_prometheus_reads(gemel):
    found = families(gemel.ok("-c", "sim:12,hostile=on", "stats", "--openmetrics").out)
    usage = found["gemel_cpu_usage_seconds"]
    assert (usage.type, usage.unit) == ("counter", "seconds")
    assert {s.name for s in usage.samples} == {"gemel_cpu_usage_seconds_total"}
    assert {s.labels["name"] for s in usage.samples} >= RUNNING
    assert set(usage.samples[0].labels) == {"backend", "id", "name", "kind"}
    assert found["gemel_memory_usage_bytes"].type == "gauge"
    assert found["gemel_pressure_io_some_ratio"].unit == "ratio"
    assert all(0 <= s.value <= 1 for s in found["gemel_pressure_io_some_ratio"].samples)
    assert found["gemel_up"].samples[0].value == 1
    vcpus = found["gemel_vcpu_time_seconds"].samples
    assert {s.labels["vcpu"] for s in vcpus if s.labels["name"] == "db"} >= {"0", "1"}


def test_openmetrics_and_json_agree(gemel):
    uri = "sim:12,time=1000"
    found = families(gemel.ok("-c", uri, "stats", "--openmetrics").out)
    for line in lines(gemel.ok("-c", uri, "stats", "--json").out):
        for family, metric, factor in (("gemel_memory_usage_bytes", "memory.usage", 1),
                                       ("gemel_pids_current", "pids.current", 1),
                                       ("gemel_cpu_limit_cpus", "cpu.limit", 1e-3)):
            values = [s.value for s in found[family].samples if s.labels["id"] == line["id"]]
            wanted = [line["metrics"][metric] * factor] if metric in line["metrics"] else []
            assert values == pytest.approx(wanted)


def test_openmetrics_of_a_backend_that_fails(gemel):
    result = gemel.run("-c", "sim:3,fail=sample:1", "stats", "--openmetrics")
    assert result.status == 5
    assert families(result.out)["gemel_up"].samples[0].value == 0
