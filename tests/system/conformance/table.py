#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/conformance.md from what run.py reported.

    tests/system/conformance/table.py ROOT.json ROOTLESS.json V2.json [--beside NAME=ROOT.json]... > docs/conformance.md

Each column is the last report of its name; a case that no report of a column has is `-` there. --beside adds the counts of
another runtime's column root.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from outside import OUTSIDE  # noqa: E402
from suite import load  # noqa: E402

COLUMNS = ("root", "rootless", "v2")
INTRO = """# Conformance with the OCI runtime-spec

What the runtime-spec demands of a runtime on Linux, sentence by sentence, and what gemel-runtime did. Made by
`tests/system/conformance/table.py`; do not edit.

Each sentence with MUST, MUST NOT, REQUIRED or SHALL has a case that does something with a real container on a real kernel
and fails when the runtime does not obey; so has each property of `config.json` on Linux ("All of the properties configured
in config.json except for process MUST be applied"). The text is that of version 1.2.1 (`runtime.md` and `runtime-linux.md`
of 1.2.0); where 1.1 differs it is said. Case names begin with document and section. Sentences for other platforms (Solaris,
Windows, virtual machines, z/OS, FreeBSD) are outside; those that are addressed to others than the runtime are listed at the end.

A cell is `pass`, `fail`, or `n/a` with the kernel's or host's fact that the case *probed*. A field that the host cannot do
is no reason: then its error is tested.

| column | what |
|---|---|
| root | root on the host's own cgroup layout |
| rootless | a uid without login, its own user namespace, subordinate ids from newuidmap |
| v2 | root in a guest that has cgroup v2 alone (`./dev test v2`) |

Run it with any runtime:

    tests/system/conformance/run.py --runtime PATH --column root|rootless [--json OUT] [-k PATTERN] [--list]
    tests/system/conformance/run.py --ignore-fields --runtime PATH      # the suite tried on itself, field by field

"""


def escape(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def read_columns(paths):
    found = {}
    for path in paths:
        report = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        found[report["column"]] = report
    return found


def cell(report, name):
    """What stands in the table for a case, and the reason to be listed with a number."""
    if not report:
        return "-", ""
    result = report["index"].get(name)
    if not result:
        return "-", ""
    return result["result"], result["reason"] if result["result"] != "pass" else ""


def host_line(report):
    facts = report["facts"]
    words = [f"Linux {facts['kernel'].split('-')[0]} {facts['machine']}", f"cgroups: {facts['layout']}",
             "security modules: " + (", ".join(facts["lsm"]) or "none")]
    if report["column"] == "rootless":
        words.append("subordinate ids" if facts["subordinate_ids"] else "a single id")
    return "; ".join(words)


def beside_lines(beside):
    """Counts of other runtimes, and what they say: where sound runtimes differ a case was looked at twice."""
    if not beside:
        return []
    out = ["\nThe same cases, column root, with other runtimes: what fails there is mostly newer than they are, or a mistake in "
           "`config.json` that they let pass.\n\n| runtime | pass | fail | n/a |\n|---|---|---|---|\n"]
    for name, path in beside:
        results = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["results"]
        out.append(f"| {name} | " + " | ".join(str(sum(r["result"] == w for r in results)) for w in ("pass", "fail", "n/a")) + " |\n")
    return out


def table(reports, beside=()):
    out = [INTRO]
    reports = {c: reports.get(c) for c in COLUMNS}
    for report in reports.values():
        if report:
            report["index"] = {r["case"]: r for r in report["results"]}
    cases = load()
    out.append(f"{len(cases)} cases.\n\n| column | pass | fail | n/a | on |\n|---|---|---|---|---|\n")
    for column, report in reports.items():
        if report:
            count = [sum(r["result"] == word for r in report["results"]) for word in ("pass", "fail", "n/a")]
            out.append(f"| {column} | {count[0]} | {count[1]} | {count[2]} | {host_line(report)} |\n")
        else:
            out.append(f"| {column} | - | - | - | not run |\n")
    out += beside_lines(beside)
    reasons, last = [], None
    for case in cases:
        if case.document != last:
            out.append(f"\n## {case.document}\n\n| section | sentence | case | root | rootless | v2 |\n|---|---|---|---|---|---|\n")
            last = case.document
        cells = []
        for column in COLUMNS:
            text, reason = cell(reports[column], case.name)
            if reason:
                if reason not in reasons:
                    reasons.append(reason)
                text += f": {reasons.index(reason) + 1}"
            cells.append(text)
        out.append(f"| {escape(case.section)} | {escape(case.sentence)} | `{case.name}` | {' | '.join(cells)} |\n")
    out.append("\n## Reasons\n\n")
    out += [f"{n}. {escape(reason)}\n" for n, reason in enumerate(reasons, 1)]
    out.append("\n## Sentences addressed to others\n\n| document | sentence | whose duty |\n|---|---|---|\n")
    out += [f"| {document} | {escape(sentence)} | {whose} |\n" for document, sentence, whose in OUTSIDE]
    return "".join(out)


if __name__ == "__main__":
    others = [sys.argv[i + 1].split("=", 1) for i, word in enumerate(sys.argv) if word == "--beside"]
    skip = {i + d for i, word in enumerate(sys.argv) if word == "--beside" for d in (0, 1)}
    sys.stdout.write(table(read_columns([a for i, a in enumerate(sys.argv) if i and i not in skip]), others))
