#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the conformance suite of the OCI runtime-spec against a runtime.

    run.py --runtime PATH --column root|rootless|v2 [--json OUT] [-k PATTERN] [-j N]
    run.py --list [-k PATTERN]
    run.py --ignore-fields --runtime PATH …      the suite tried on itself

Needs python3 and a static busybox, nothing else. `root` and `v2` are the same cases on different hosts: v2 is meant for
one on which only cgroup v2 is mounted. `rootless`, started as root, makes a user of its own (a uid without login, with
subordinate ids in a private /etc/subuid) and runs the cases as that. Exit status 1 when a case failed.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import facts as host  # noqa: E402
import ground  # noqa: E402
from bed import Bed  # noqa: E402
from suite import NotApplicable, load  # noqa: E402


def judge(case, bed):
    """(result, reason) of one case."""
    try:
        case.run(bed)
    except NotApplicable as fact:
        return "n/a", str(fact)
    except AssertionError as error:
        return "fail", str(error) or "it did not hold: " + traceback.format_exc().splitlines()[-2].strip()
    except Exception as error:  # a broken case must not hide the others
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "fail", f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
    return "pass", ""


def chosen(pattern):
    """Cases whose name has the pattern in it, or matches it where it has wildcards."""
    cases = load()
    if not pattern:
        return cases
    if any(c in pattern for c in "*?["):
        return [c for c in cases if fnmatch.fnmatch(c.name, pattern)]
    return [c for c in cases if any(word in c.name for word in pattern.split("|"))]


def row(case, column, result, reason):
    return {"case": case.name, "document": case.document, "section": case.section, "sentence": case.sentence,
            "column": column, "result": result, "reason": " ".join(reason.split())[:400]}


def run_cases(cases, bed, jobs):
    """Results in the order of the cases."""
    def one(case):
        start = time.monotonic()
        result, reason = judge(case, bed)
        return {**row(case, bed.column, result, reason), "seconds": round(time.monotonic() - start, 3)}
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        return list(pool.map(one, cases))


def make_bed(options, top, ignore=None):
    known = host.gather(options.column)
    known.update(ground.facts(options.column))
    return Bed(os.path.abspath(options.runtime), options.column, top, known, ignore)


def run_here(options):
    top = tempfile.mkdtemp(prefix="cf-", dir=os.environ.get("GEMEL_CF_GROUND"))
    os.chmod(top, 0o755)
    bed = make_bed(options, top)
    start = time.monotonic()
    try:
        results = run_cases(chosen(options.pattern), bed, options.jobs)
    finally:
        left = bed.close()
        if options.column != "rootless":  # there by who delegated it
            ground.drop_groups(bed.facts["cgroup_parent"])
        shutil.rmtree(top, ignore_errors=True)
    report = {"runtime": os.path.basename(options.runtime), "column": options.column, "facts": bed.facts,
              "seconds": round(time.monotonic() - start, 1), "left": left, "results": results}
    put_report(options, report)
    return summary(report)


def run_without(cases, options, top):
    """Each case once more for each of its fields, on a bed that takes the field away from every configuration, as a runtime
    that ignores it would: [(field, case, result)], and the cgroup that all were below."""
    known = make_bed(options, top).facts
    fields = sorted({f for c in cases for f in c.fields})

    def one(field):
        bed = Bed(os.path.abspath(options.runtime), options.column, top, known, field)
        try:
            return [(field, c.name, judge(c, bed)[0]) for c in cases if field in c.fields]
        finally:
            bed.close()
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        return [row for rows in pool.map(one, fields) for row in rows], known["cgroup_parent"]


def ignore_fields(options):
    """The suite tried on itself, as root; fails for a case that does not miss its field."""
    top = tempfile.mkdtemp(prefix="cf-", dir=os.environ.get("GEMEL_CF_GROUND"))
    os.chmod(top, 0o755)
    start = time.monotonic()
    rows, group = run_without(chosen(options.pattern), options, top)
    ground.drop_groups(group)
    shutil.rmtree(top, ignore_errors=True)
    blind = [f"{case} passes without {field}" for field, case, result in rows if result == "pass"]
    print("\n".join(blind))
    told = {"ignored": rows, "blind": blind, "seconds": round(time.monotonic() - start, 1)}
    put_report(options, told)
    print(f"{len(rows)} times a field was taken away, {len(blind)} times nobody missed it, in {told['seconds']} s")
    return 1 if blind or not rows else 0


def put_report(options, told):
    text = json.dumps(told, indent=1) + "\n"
    if "GEMEL_CF_REPORT" in os.environ:
        with open(int(os.environ["GEMEL_CF_REPORT"]), "wb", closefd=False) as out:
            out.write(text.encode())
    elif options.json:
        pathlib.Path(options.json).write_text(text, encoding="utf-8")


def summary(report):
    count = {"pass": 0, "fail": 0, "n/a": 0}
    for result in report["results"]:
        count[result["result"]] += 1
        if result["result"] != "pass":
            print(f"{result['result']:4} {result['case']}: {result['reason']}")
    for name in report["left"]:
        print(f"left over: container {name}")
    print(f"{report['column']}: {count['pass']} pass, {count['fail']} fail, {count['n/a']} n/a in {report['seconds']} s")
    return 1 if count["fail"] or not report["results"] else 0


def main():
    parser = argparse.ArgumentParser(description="the OCI runtime-spec, sentence by sentence")
    parser.add_argument("--runtime")
    parser.add_argument("--column", choices=("root", "rootless", "v2"), default="root")
    parser.add_argument("--json", metavar="OUT")
    parser.add_argument("-k", dest="pattern")
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--ignore-fields", dest="ignore", action="store_true",
                        help="try the suite itself: take away each field and see its cases fail")
    options = parser.parse_args()
    if options.list:
        for case in chosen(options.pattern):
            print(f"{case.name}: {case.sentence}")
        return 0
    if not options.runtime:
        parser.error("--runtime is needed")
    if "/" not in options.runtime:
        options.runtime = shutil.which(options.runtime) or options.runtime
    if not os.access(options.runtime, os.X_OK):
        parser.error(f"no program at {options.runtime}")
    if os.geteuid() == 0 and "GEMEL_CF_GROUND" not in os.environ:
        return ground.enter(options)
    return ignore_fields(options) if options.ignore else run_here(options)


if __name__ == "__main__":
    sys.exit(main())
