# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md, IntelRdt: hardware that test machines seldom have. Without a mounted resctrl the field is an error, which
is the one sentence that can be shown there."""

import os

from bed import read
from suite import NotApplicable, add_case, case

DOC, SECTION = "config-linux.md", "IntelRdt"


def resctrl():
    """Where resctrl is mounted, or None."""
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("resctrl "):
            return left.split()[4]
    return None


@case(DOC, SECTION, "If no mounted resctrl pseudo-filesystem is available in the runtime mount namespace, the runtime MUST generate an error.")
def no_resctrl_is_an_error(bed):
    if resctrl():
        raise NotApplicable("resctrl is mounted")
    bed.rejects(lambda c: c["linux"].update(intelRdt={"closID": "some", "schemata": "L3:0=f"}))
    bed.rejects(lambda c: c["linux"].update(intelRdt={}))


@case(DOC, SECTION, "If intelRdt is not set, the runtime MUST NOT manipulate any resctrl pseudo-filesystems.")
def resctrl_is_left_alone(bed):
    top = resctrl()
    before = sorted(os.listdir(top)) if top else None
    assert bed.output("echo ran") == "ran\n"
    assert (sorted(os.listdir(top)) if top else None) == before
    assert bool(resctrl()) == bool(top), "it was mounted"


@case(DOC, SECTION, "(memBwSchema) The value MUST start with MB: and MUST NOT contain newlines.")
def mem_bw_schema(bed):
    for bad in ("L3:0=f", "MB:0=20\nMB:1=20"):
        bed.rejects(lambda c, v=bad: c["linux"].update(intelRdt={"memBwSchema": v}))


NEED_HARDWARE = (
    ("tasks of closID", "If intelRdt is set, the runtime MUST write the container process ID to the tasks file in a proper sub-directory in a "
     "mounted resctrl pseudo-filesystem."),
    ("l3 and mb combined", "If both l3CacheSchema and memBwSchema are set, runtimes MUST write the combined value to the schemata file in that "
     "sub-directory discussed in closID."),
    ("mb lines of l3", "If l3CacheSchema contains a line beginning with MB:, the value written to schemata file MUST be the non-MB: line(s) from "
     "l3CacheSchema and the line from memBWSchema."),
    ("one of both", "If either l3CacheSchema or memBwSchema is set, runtimes MUST write the value to the schemata file in the that sub-directory "
     "discussed in closID."),
    ("schemata", "If schemata field is set, runtimes MUST write the value to the schemata file in the that sub-directory discussed in closID."),
    ("none of them", "If none of l3CacheSchema, memBwSchema or schemata is set, runtimes MUST NOT write to schemata files in any resctrl "
     "pseudo-filesystems."),
    ("container id", "If closID is not set, runtimes MUST use the container ID from start and create the <container-id> directory."),
    ("closID is made", "If closID is set and a schema is set: if closID directory in a mounted resctrl pseudo-filesystem doesn't exist, the runtimes "
     "MUST create it."),
    ("closID is compared", "If closID is set and a schema is set: if closID directory exists, runtimes MUST compare l3CacheSchema and/or memBwSchema "
     "value with schemata file, and generate an error if doesn't match."),
    ("closID without schema", "If closID is set, and none of l3CacheSchema, memBwSchema or schemata are set, runtime MUST check if corresponding "
     "pre-configured directory closID is present in mounted resctrl."),
    ("closID is joined", "If such pre-configured directory closID exists, runtime MUST assign container to this closID and generate an error if "
     "directory does not exist."),
)


def hardware(bed):
    """Where the hardware is missing the kernel has no resctrl, and the field is an error; where it is there, a field that is
    taken has to show in resctrl."""
    if not bed.facts["resctrl"]:
        bed.rejects(lambda c: c["linux"].update(intelRdt={"closID": "some"}))
        raise NotApplicable("no RDT hardware: the kernel knows no resctrl (/proc/filesystems); the field is an error, as seen")
    top = resctrl()
    if not top:
        raise NotApplicable("the kernel knows resctrl, but it is not mounted")
    bundle = bed.created(change=lambda c: c["linux"].update(intelRdt={}))
    try:
        tasks = os.path.join(top, bundle.id, "tasks")
        assert str(bed.state(bundle)["pid"]) in read(tasks).split(), f"not in {tasks}"
    finally:
        bed.delete(bundle)


for _name, _sentence in NEED_HARDWARE:
    add_case(DOC, SECTION, _sentence, hardware, _name)
