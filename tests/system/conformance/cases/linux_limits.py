# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: limits. A row says which field, and which file of v1 or v2 then has which value.

One container gets all that this host can do, and its files are read. What the host has no file for has to be an error,
field by field: so has everything for a container without a cgroup.
"""

import glob
import json

from bed import read
from suite import NotApplicable, add_case, case
from cases.linux_cgroups import grouped

DOC = "config-linux.md"
M = 1 << 20


def block_device():
    """Numbers of a block device that the kernel takes a limit for, as (major, minor)."""
    for path in sorted(glob.glob("/sys/block/*/dev")):
        return tuple(int(n) for n in read(path).strip().split(":"))
    return None


class Limit:
    """A field of linux.resources with a value; `v1` and `v2` are (controller, file, wanted) or None where that version has
    no such thing. `wanted` is the text of the file, a word in it, or a function of it. `alone`: not beside the others. `probe`: what is written to the
    file of a group made for it to see whether this kernel takes it."""

    def __init__(self, section, sentence, field, value, v1=None, v2=None, alone=False, beside=None, probe=None):
        self.section, self.sentence, self.field, self.value = section, sentence, field, value
        self.v1, self.v2, self.alone, self.beside, self.probe = v1, v2, alone, beside or {}, probe

    def put(self, resources):
        at = resources
        *way, last = self.field.split(".")
        for word in way:
            at = at.setdefault(word, {})
        at[last] = self.value() if callable(self.value) else self.value
        for key, value in self.beside.items():
            at.setdefault(key, value)

    def where(self, bed):
        """(controller, file, wanted) on this host; None when it has no such file."""
        for form, has in ((self.v1, bed.is_v1), (self.v2, lambda c: bed.facts["layout"] == "v2")):
            if form and has(form[0]) and bed.facts["cgroup_files"].get(form[0]) is not None:
                files = [form[1]] if isinstance(form[1], str) else form[1]
                for name in files:
                    if name in bed.facts["cgroup_files"][form[0]]:
                        if self.probe and not bed.takes(form[0], name, self.probe()):
                            return None
                        return form[0], name, form[2]
        return None


def throttled(rate):
    return lambda text: any(line.endswith(f" {rate}") for line in text.splitlines())


def io_max(word):
    return lambda text: word in text.split()


def devices(value_key, value):
    def make():
        major, minor = block_device() or (0, 0)
        return [{"major": major, "minor": minor, value_key: value}]
    return make


MEMORY, CPU, BLOCK, NETWORK = "Memory", "CPU", "Block IO", "Network"
LIMITS = [
    Limit(MEMORY, "limit (int64, OPTIONAL) - sets limit of memory usage", "memory.limit", 64 * M,
          ("memory", "memory.limit_in_bytes", str(64 * M)), ("memory", "memory.max", str(64 * M))),
    Limit(MEMORY, "reservation (int64, OPTIONAL) - sets soft limit of memory usage", "memory.reservation", 32 * M,
          ("memory", "memory.soft_limit_in_bytes", str(32 * M)), ("memory", "memory.low", str(32 * M))),
    Limit(MEMORY, "swap (int64, OPTIONAL) - sets limit of memory+Swap usage", "memory.swap", 96 * M,
          ("memory", "memory.memsw.limit_in_bytes", str(96 * M)), ("memory", "memory.swap.max", str(32 * M)),
          beside={"limit": 64 * M}),
    Limit(MEMORY, "kernelTCP (int64, OPTIONAL, NOT RECOMMENDED) - sets hard limit for kernel TCP buffer memory", "memory.kernelTCP",
          16 * M, ("memory", "memory.kmem.tcp.limit_in_bytes", str(16 * M))),
    Limit(MEMORY, "swappiness (uint64, OPTIONAL) - sets swappiness parameter of vmscan", "memory.swappiness", 17,
          ("memory", "memory.swappiness", "17")),
    Limit(MEMORY, "disableOOMKiller (bool, OPTIONAL) - enables or disables the OOM killer.", "memory.disableOOMKiller", True,
          ("memory", "memory.oom_control", lambda text: "oom_kill_disable 1" in text), alone=True),
    Limit(CPU, "shares (uint64, OPTIONAL) - specifies a relative share of CPU time available to the tasks in a cgroup", "cpu.shares", 512,
          ("cpu", "cpu.shares", "512"), ("cpu", "cpu.weight", lambda text: 2 <= int(text) < 100)),
    Limit(CPU, "quota (int64, OPTIONAL) - specifies the total amount of time in microseconds for which all tasks in a cgroup can run "
          "during one period", "cpu.quota", 20000,
          ("cpu", "cpu.cfs_quota_us", "20000"), ("cpu", "cpu.max", lambda text: text.split()[0] == "20000")),
    Limit(CPU, "period (uint64, OPTIONAL) - specifies a period of time in microseconds for how regularly a cgroup's access to CPU "
          "resources should be reallocated", "cpu.period", 50000,
          ("cpu", "cpu.cfs_period_us", "50000"), ("cpu", "cpu.max", lambda text: text.split()[1] == "50000")),
    Limit(CPU, "burst (uint64, OPTIONAL) - specifies the maximum amount of accumulated time in microseconds for which all tasks in a "
          "cgroup can run additionally for burst during one period", "cpu.burst", 10000,
          ("cpu", "cpu.cfs_burst_us", "10000"), ("cpu", "cpu.max.burst", "10000"), beside={"quota": 20000}),
    Limit(CPU, "realtimeRuntime (int64, OPTIONAL) - specifies a period of time in microseconds for the longest continuous period in which "
          "the tasks in a cgroup have access to CPU resources", "cpu.realtimeRuntime", 1000,
          ("cpu", "cpu.rt_runtime_us", "1000"), alone=True, probe=lambda: "1000"),
    Limit(CPU, "realtimePeriod (uint64, OPTIONAL) - same as period but applies to realtime scheduler only", "cpu.realtimePeriod", 900000,
          ("cpu", "cpu.rt_period_us", "900000"), alone=True),
    Limit(CPU, "cpus (string, OPTIONAL) - list of CPUs the container will run in", "cpu.cpus", "0",
          ("cpuset", "cpuset.cpus", "0"), ("cpuset", "cpuset.cpus", "0")),
    Limit(CPU, "mems (string, OPTIONAL) - list of Memory Nodes the container will run in", "cpu.mems", "0",
          ("cpuset", "cpuset.mems", "0"), ("cpuset", "cpuset.mems", "0")),
    Limit(CPU, "idle (int64, OPTIONAL) - cgroups are configured with minimum weight, 0: default behavior, 1: SCHED_IDLE.", "cpu.idle", 1,
          ("cpu", "cpu.idle", "1"), ("cpu", "cpu.idle", "1"), alone=True),
    Limit(BLOCK, "weight (uint16, OPTIONAL) - specifies per-cgroup weight.", "blockIO.weight", 300,
          ("blkio", ("blkio.bfq.weight", "blkio.weight"), "300"),
          ("io", ("io.bfq.weight", "io.weight"), lambda text: text.split()[-1] not in ("100", "default"))),
    Limit(BLOCK, "leafWeight (uint16, OPTIONAL) - equivalents of weight for the purpose of deciding how much weight tasks in the given "
          "cgroup has while competing with the cgroup's child cgroups.", "blockIO.leafWeight", 300,
          ("blkio", "blkio.leaf_weight", "300")),
    Limit(BLOCK, "weightDevice (array of objects, OPTIONAL) - an array of per-device bandwidth weights.", "blockIO.weightDevice",
          devices("weight", 300), ("blkio", ("blkio.bfq.weight_device", "blkio.weight_device"), throttled(300)),
          ("io", "io.bfq.weight", throttled(300)), alone=True, probe=lambda: "%d:%d 300" % (block_device() or (0, 0))),
    Limit(BLOCK, "throttleReadBpsDevice (array of objects, OPTIONAL) - bandwidth rate limits.", "blockIO.throttleReadBpsDevice",
          devices("rate", 1048576), ("blkio", "blkio.throttle.read_bps_device", throttled(1048576)), ("io", "io.max", io_max("rbps=1048576"))),
    Limit(BLOCK, "throttleWriteBpsDevice (array of objects, OPTIONAL) - bandwidth rate limits.", "blockIO.throttleWriteBpsDevice",
          devices("rate", 2097152), ("blkio", "blkio.throttle.write_bps_device", throttled(2097152)), ("io", "io.max", io_max("wbps=2097152"))),
    Limit(BLOCK, "throttleReadIOPSDevice (array of objects, OPTIONAL) - an array of per-device IO rate limits.",
          "blockIO.throttleReadIOPSDevice", devices("rate", 111), ("blkio", "blkio.throttle.read_iops_device", throttled(111)),
          ("io", "io.max", io_max("riops=111"))),
    Limit(BLOCK, "throttleWriteIOPSDevice (array of objects, OPTIONAL) - an array of per-device IO rate limits.",
          "blockIO.throttleWriteIOPSDevice", devices("rate", 222), ("blkio", "blkio.throttle.write_iops_device", throttled(222)),
          ("io", "io.max", io_max("wiops=222"))),
    Limit("Huge page limits", "hugepageLimits (array of objects, OPTIONAL) represents the hugetlb controller: pageSize, limit (REQUIRED).",
          "hugepageLimits", [{"pageSize": "2MB", "limit": 4 * M}],
          ("hugetlb", ("hugetlb.2MB.rsvd.limit_in_bytes", "hugetlb.2MB.limit_in_bytes"), str(4 * M)),
          ("hugetlb", ("hugetlb.2MB.rsvd.max", "hugetlb.2MB.max"), str(4 * M))),
    Limit(NETWORK, "classID (uint32, OPTIONAL) - is the network class identifier the cgroup's network packets will be tagged with",
          "network.classID", 1048577, ("net_cls", "net_cls.classid", "1048577")),
    Limit(NETWORK, "priorities (array of objects, OPTIONAL) - specifies a list of objects of the priorities assigned to traffic originating "
          "from processes in the group", "network.priorities", [{"name": "lo", "priority": 5}],
          ("net_prio", "net_prio.ifpriomap", lambda text: "lo 5" in text)),
    Limit("PIDs", "limit (int64, REQUIRED) - specifies the maximum number of tasks in the cgroup", "pids.limit", 77,
          ("pids", "pids.max", "77"), ("pids", "pids.max", "77")),
    Limit("RDMA", "hcaHandles (uint32, OPTIONAL) - specifies the maximum number of hca_handles in the cgroup", "rdma",
          {"mlx5_1": {"hcaHandles": 3}}),
    Limit("RDMA", "hcaObjects (uint32, OPTIONAL) - specifies the maximum number of hca_objects in the cgroup", "rdma",
          {"mlx5_1": {"hcaObjects": 10000}}),
]


def needs_device(limit, bed):
    if limit.section == BLOCK and "Device" in limit.field and not block_device():
        raise NotApplicable("this host has no block device (/sys/block)")


def files_of(bed, limits):
    """A container with these limits; {(controller, file): text} of its cgroup."""
    def change(config):
        resources = config["linux"].setdefault("resources", {})
        for limit in limits:
            limit.put(resources)
    bundle = bed.created(change=change)
    try:
        found = {}
        for limit in limits:
            controller, name, _ = limit.where(bed)
            found[controller, name] = read(bed.group(bundle, controller) / name).strip()
        return found
    finally:
        bed.delete(bundle)


def together(bed):
    """All limits of this host on one container; None when that one is not made, so that each is tried by itself."""
    def go():
        try:
            return files_of(bed, [m for m in LIMITS if not m.alone and m.where(bed) and
                                  not (m.section == BLOCK and "Device" in m.field and not block_device())])
        except AssertionError:
            return None
    return bed.once("limits", go)


def check_limit(limit):
    def check(bed):
        needs_device(limit, bed)
        where = bed.facts["cgroup_parent"] and limit.where(bed)
        if not where:
            bed.rejects(lambda c: limit.put(c["linux"].setdefault("resources", {})))
            return
        controller, name, wanted = where
        text = (None if limit.alone else together(bed)) or files_of(bed, [limit])
        text = text[controller, name]
        good = wanted(text) if callable(wanted) else text == wanted
        assert good, f"{name} is {text!r}" + ("" if callable(wanted) else f", not {wanted}")
    return check


# Nobody misses mems where there is one node: a group on v1 has to have it written anyway. RDMA is an error here.
for _limit in LIMITS:
    _what = _limit.sentence.split(" ")[0]
    add_case(DOC, _limit.section, _limit.sentence, check_limit(_limit), _what,
             [f"linux.resources.{_limit.field}"] if _limit.section != "RDMA" and _what != "mems" else [])


@case(DOC, MEMORY, "kernel (int64, OPTIONAL, NOT RECOMMENDED) - sets hard limit for kernel memory")
def kernel_memory(bed):
    """Later kernels take the write and forget it, cgroup v2 has no such file: then a number is an error, and -1 is none."""
    def put(value):
        return lambda c: c["linux"].setdefault("resources", {}).setdefault("memory", {}).update(kernel=value)
    if bed.facts["cgroup_parent"]:
        bed.output("true", put(-1))
    bundle = bed.bundle(change=put(64 * M))
    got = bed.create(bundle)
    try:
        assert got.status != 0 or (bed.facts["kmem_limit"] and read(
            bed.group(bundle, "memory") / "memory.kmem.limit_in_bytes").strip() == str(64 * M)), "taken without effect"
        assert got.status == 0 or got.err.strip(), "refused without a word"
    finally:
        bed.delete(bundle)


@case(DOC, MEMORY, "Values for memory specify the limit in bytes, or -1 for unlimited memory.", name="a limit of -1")
def unlimited(bed):
    grouped(bed)
    assert bed.output("echo ran", lambda c: c["linux"].update(resources={"memory": {"limit": -1, "swap": -1}})) == "ran\n"


@case(DOC, MEMORY, "(swappiness) The values are from 0 to 100.", name="swappiness above 100 is an error")
def swappiness_range(bed):
    bed.rejects(lambda c: c["linux"].update(resources={"memory": {"swappiness": 101}}))


@case(DOC, MEMORY, "useHierarchy (bool, OPTIONAL) - enables or disables hierarchical memory accounting. If enabled (true), child cgroups "
      "will share the memory limits of this cgroup.", name="useHierarchy")
def use_hierarchy(bed):
    grouped(bed)
    bundle = bed.created(change=lambda c: c["linux"].update(resources={"memory": {"limit": 64 * M, "useHierarchy": True}}))
    try:
        path = bed.group(bundle, "memory") / "memory.use_hierarchy"
        assert path.parent.is_dir(), f"no {path.parent}"
        assert not path.exists() or read(path).strip() == "1", "not hierarchical"
    finally:
        bed.delete(bundle)


@case(DOC, MEMORY, "checkBeforeUpdate: If enabled (true), runtime MAY check if a new memory limit is lower than the current usage, and MUST "
      "reject the new limit.", name="checkBeforeUpdate rejects a limit below the usage")
def check_before_update(bed):
    grouped(bed)
    bundle = bed.started("dd if=/dev/zero of=/dev/shm/x bs=1M count=24 2>/dev/null; echo full; exec sleep 1000",
                         lambda c: c["linux"].update(resources={"memory": {"limit": 64 * M}}))
    try:
        bed.until("its memory", lambda: "full" in bundle.out())
        update = json.dumps({"memory": {"limit": 8 * M, "checkBeforeUpdate": True}})
        got = bed.call("update", "--resources", "-", bundle.id, stdin=None, input=update.encode())
        assert got.status != 0, "the limit was taken"
        name = "memory.limit_in_bytes" if bed.is_v1("memory") else "memory.max"
        assert read(bed.group(bundle, "memory") / name).strip() == str(64 * M)
        assert bed.state(bundle)["status"] == "running", "and it killed the container"
    finally:
        bed.delete(bundle)


@case(DOC, CPU, "(quota) If specified with any (valid) positive value, it MUST be no smaller than burst (runtimes MAY generate an error).")
def quota_below_burst_is_an_error(bed):
    """The kernel refuses it: the error of a field that it cannot do."""
    bed.rejects(lambda c: c["linux"].update(resources={"cpu": {"quota": 10000, "period": 50000, "burst": 20000}}))


@case(DOC, CPU, "(burst) If specified, this value MUST be no larger than any positive quota (runtimes MAY generate an error).")
def burst_above_quota_is_an_error(bed):
    bed.rejects(lambda c: c["linux"].update(resources={"cpu": {"burst": 1000000, "quota": 5000, "period": 10000}}))


@case(DOC, BLOCK, "You MUST specify at least one of weight or leafWeight in a given entry, and MAY specify both.")
def weight_device_without_weight_is_an_error(bed):
    bed.rejects(lambda c: c["linux"].update(resources={"blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}}))


@case(DOC, "Huge page limits", "(pageSize) The value has the format <size><unit-prefix>B (64KB, 2MB, 1GB), and must match the "
      "<hugepagesize> of the corresponding control file.", name="an impossible pageSize is an error")
def page_size(bed):
    for bad in ("3MB", "2M", "../x", ""):
        bed.rejects(lambda c, v=bad: c["linux"].update(resources={"hugepageLimits": [{"pageSize": v, "limit": 1}]}))


@case(DOC, "RDMA", "You MUST specify at least one of the hcaHandles or hcaObjects in a given entry, and MAY specify both.")
def rdma_without_a_limit_is_an_error(bed):
    bed.rejects(lambda c: c["linux"].update(resources={"rdma": {"mlx5_1": {}}}))


# -- unified ------------------------------------------------------------------------------------------------

def unified(**values):
    return lambda c: c["linux"].setdefault("resources", {}).update(unified={k.replace("__", "."): v for k, v in values.items()})


def on_v2(bed, change, name, wanted):
    """On v2 alone the file gets the value; elsewhere v2 has no such controller, and it is an error."""
    if bed.facts["layout"] != "v2" or not bed.facts["cgroup_parent"]:
        bed.rejects(change)
        return
    bundle = bed.created(change=change)
    try:
        text = read(bed.group(bundle, "") / name).strip()
        assert text == wanted, f"{name} is {text!r}"
    finally:
        bed.delete(bundle)


@case(DOC, "Unified", "The OCI runtime MUST ensure that the needed cgroup controllers are enabled for the cgroup.",
      fields=["linux.resources.unified"])
def unified_controllers_are_enabled(bed):
    on_v2(bed, unified(memory__high=str(48 * M)), "memory.high", str(48 * M))


@case(DOC, "Unified", "Configuration unknown to the runtime MUST still be written to the relevant file.", fields=["linux.resources.unified"])
def unified_unknown_files_are_written(bed):
    on_v2(bed, unified(memory__oom__group="1"), "memory.oom.group", "1")


@case(DOC, "Unified", "The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present or that "
      "cannot be enabled.")
def unified_missing_controller_is_an_error(bed):
    bed.rejects(unified(nosuch__max="1"))


@case(DOC, "Unified", "If the conversion is not possible the runtime MUST generate an error.")
def unified_impossible_conversion_is_an_error(bed):
    """Swappiness has no equivalent on v2; unified files have none on v1."""
    if bed.facts["layout"] == "v2":
        bed.rejects(lambda c: c["linux"].update(resources={"memory": {"swappiness": 10}}))
    else:
        bed.rejects(unified(memory__high=str(48 * M)))


@case(DOC, "Unified", "Each key in the map refers to a file in the cgroup unified hierarchy.", name="a key that leaves the group is an error")
def unified_key_with_a_slash(bed):
    bed.rejects(unified(**{"../cgroup__procs": "1"}))
