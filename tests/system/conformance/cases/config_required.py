# SPDX-License-Identifier: GPL-3.0-or-later
"""config.md: properties that are REQUIRED. The configuration runs with them and is an error without."""

from bed import mount
from suite import add_case

DOC = "config.md"


def put(where, value):
    """A change that sets `process.x` or `mounts`-like paths to a value of its own."""
    *way, last = where.split(".")

    def change(config):
        at = config
        for word in way:
            at = at.setdefault(word, {})
        at[last] = value
    return change


def hook(config):
    config["hooks"] = {"createRuntime": [{"args": ["true"]}]}


def hook_whole(config):
    config["hooks"] = {"createRuntime": [{"path": "/bin/busybox", "args": ["busybox", "true"]}]}


def without(full, key):
    return {k: v for k, v in full.items() if k != key}


LIMIT = {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}
PRIORITY = {"class": "IOPRIO_CLASS_BE", "priority": 3}
# (section, sentence, name, the change that leaves it out, the one that does not)
ROWS = [
    ("Mounts", "destination (string, REQUIRED) Destination of mount point: path inside container.", "destination",
     lambda c: c["mounts"].append(without(mount("/mnt"), "destination")), lambda c: c["mounts"].append(mount("/mnt"))),
    *(("POSIX process", f"{key} (REQUIRED) of an entry in rlimits.", f"{key} of an rlimit",
       put("process.rlimits", [without(LIMIT, key)]), put("process.rlimits", [LIMIT])) for key in LIMIT),
    *(("Linux Process", f"{key} (REQUIRED) of ioPriority.", f"{key} of ioPriority",
       put("process.ioPriority", without(PRIORITY, key)), put("process.ioPriority", PRIORITY)) for key in PRIORITY),
    ("Linux Process", "policy (string, REQUIRED) represents the scheduling policy.", "policy of scheduler",
     put("process.scheduler", {"nice": 1}), put("process.scheduler", {"policy": "SCHED_OTHER", "nice": 1})),
    ("POSIX-platform Hooks", "path (string, REQUIRED) with similar semantics to IEEE Std 1003.1-2008 execv's path.", "path of a hook",
     hook, hook_whole),
]


def refused(left_out, whole):
    return lambda bed: bed.rejects(left_out, twin=whole)


for _section, _sentence, _name, _left_out, _whole in ROWS:
    add_case(DOC, _section, _sentence, refused(_left_out, _whole), f"without {_name} it is an error")
