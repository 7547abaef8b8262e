# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: properties that are REQUIRED. The configuration is an error without them; with them it runs where that
needs no controller or device that a host may lack."""

from cases.config_required import put, refused, without
from suite import add_case

DOC = "config-linux.md"
ID = {"containerID": 0, "hostID": 0, "size": 10}
DEVICE = {"type": "c", "path": "/dev/x", "major": 1, "minor": 3}
RATE = {"major": 8, "minor": 0, "rate": 600}
PAGES = {"pageSize": "2MB", "limit": 4194304}
PRIORITY = {"name": "lo", "priority": 5}
RULE = {"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}
ARG = {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}


def mapping(key):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "user"] + [{"type": "user"}]
        config["linux"].update(uidMappings=[without(ID, key)], gidMappings=[ID])
    return change


def seccomp(rule):
    return put("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})


def nameless(config):
    config["linux"]["namespaces"].append({"path": "/proc/self/ns/uts"})


# (section, the property, the change that leaves it out, the one that does not or None)
ROWS = [
    ("Namespaces", "type (string, REQUIRED) - namespace type", nameless, None),
    *(("User namespace mappings", f"{key} (uint32, REQUIRED)", mapping(key), None) for key in ID),
    *(("Devices", f"{key} (REQUIRED) of an entry of devices", put("linux.devices", [without(DEVICE, key)]), None)
      for key in DEVICE),
    ("Allowed Device list", "allow (boolean, REQUIRED) of a rule", put("linux.resources.devices", [{"access": "rwm"}]), None),
    *(("Block IO", f"{key} (REQUIRED) of {field}", put(f"linux.resources.blockIO.{field}", [without(RATE, key)]), None)
      for field in ("throttleReadBpsDevice", "throttleReadIOPSDevice") for key in RATE),
    *(("Block IO", f"{key} (REQUIRED) of weightDevice",
       put("linux.resources.blockIO.weightDevice", [without({"major": 8, "minor": 0, "weight": 300}, key)]), None)
      for key in ("major", "minor")),
    *(("Huge page limits", f"{key} (REQUIRED) of hugepageLimits", put("linux.resources.hugepageLimits", [without(PAGES, key)]), None)
      for key in PAGES),
    *(("Network", f"{key} (REQUIRED) of priorities", put("linux.resources.network.priorities", [without(PRIORITY, key)]), None)
      for key in PRIORITY),
    ("Seccomp", "names (array of strings, REQUIRED) - the names of the syscalls", seccomp(without(RULE, "names")), seccomp(RULE)),
    *(("Seccomp", f"{key} (REQUIRED) of args", seccomp({**RULE, "args": [without(ARG, key)]}), seccomp({**RULE, "args": [ARG]}))
      for key in ARG),
]

for _section, _property, _left_out, _whole in ROWS:
    _words = _property.replace(" (REQUIRED)", "").partition(" (")[0]
    add_case(DOC, _section, _property + ".", refused(_left_out, _whole), f"without {_words} it is an error")
