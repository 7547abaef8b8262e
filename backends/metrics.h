/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics.h - the schema of a sample: which figures an instance, its devices and its processes can
 * have.
 *
 * One X-macro list per scope feeds the enum, the table and docs/metrics.md (docs/make-metrics; a
 * test keeps them in step). Counters are raw and monotonic, as the kernel or libvirt gives them;
 * rates are made in one place (console/rates.c). A figure that is not available has its valid bit
 * clear; it is never reported as 0.
 *
 * Each metric names its source per layout: `v2` is the file of a container on a host with the
 * unified hierarchy, `v1` that on a host with v1 hierarchies (a hybrid host's too), `guest`
 * libvirt's field in virConnectGetAllDomainStats or, after "host:", a file of the host's kernel
 * that is about the guest's QEMU. "-" says that there is no such figure. Pressure exists in the v2
 * hierarchy only; a hybrid host has one beside its v1 hierarchies.
 *
 * Of a guest, what begins with "host.", pressure and throttling are what *the host does to the
 * guest*, from the control group of its QEMU; the other figures are the guest's own.
 *
 * Sources: cgroup v2 - Documentation/admin-guide/cgroup-v2.rst; cgroup v1 -
 * Documentation/admin-guide/cgroup-v1/; pressure - Documentation/accounting/psi.rst; guests -
 * virConnectGetAllDomainStats (libvirt-domain.h); processes - proc(5).
 */
#pragma once

#include <glib.h>

typedef enum { GEMEL_METRIC_COUNTER, GEMEL_METRIC_GAUGE } GemelMetricKind;

/* clang-format off */
/* id, name, unit, kind, v2, v1, guest, note */
#define GEMEL_METRICS(M) \
    M(CPU_USAGE,            "cpu.usage",                "ns",   COUNTER, \
      "cpu.stat usage_usec", "cpuacct.usage", "cpu.time", "guest: all of QEMU, its emulator threads too") \
    M(CPU_USER,             "cpu.user",                 "ns",   COUNTER, \
      "cpu.stat user_usec", "cpuacct.usage_user", "cpu.user", \
      "guest: QEMU in user mode; time inside the guest counts as system with KVM and as user with TCG") \
    M(CPU_SYSTEM,           "cpu.system",               "ns",   COUNTER, \
      "cpu.stat system_usec", "cpuacct.usage_sys", "cpu.system", "") \
    M(CPU_THROTTLED,        "cpu.throttled",            "ns",   COUNTER, \
      "cpu.stat throttled_usec", "cpu.stat throttled_time", "host: cpu.stat, sum over the domain's, emulator, vcpuN and iothreadN groups", \
      "time in which a quota kept runnable threads waiting, summed over CPUs: it can pass wall time") \
    M(CPU_NR_THROTTLED,     "cpu.nr_throttled",         "",     COUNTER, \
      "cpu.stat nr_throttled", "cpu.stat nr_throttled", "host: cpu.stat, sum over the same groups", \
      "not hierarchical: a quota in a group below is not in it") \
    M(CPU_PERIODS,          "cpu.nr_periods",           "",     COUNTER, \
      "cpu.stat nr_periods", "cpu.stat nr_periods", "host: cpu.stat, sum over the same groups", "stands still where there is no quota") \
    M(CPU_LIMIT,            "cpu.limit",                "mcpu", GAUGE, \
      "cpu.max", "cpu.cfs_quota_us / cpu.cfs_period_us", "the definition's quotas, else vcpu.current", "none where there is no quota") \
    M(CPU_STEAL,            "cpu.steal",                "ns",   COUNTER, \
      "-", "-", "sum of vcpu.N.delay", "runnable vCPU threads that waited for a host CPU") \
    M(MEM_USAGE,            "memory.usage",             "B",    GAUGE, \
      "memory.current", "memory.usage_in_bytes", "balloon.available - balloon.unused, else balloon.rss", \
      "containers: with the page cache; guest: as its balloon driver reports, without it what QEMU holds") \
    M(MEM_ANON,             "memory.anon",              "B",    GAUGE, \
      "memory.stat anon", "memory.stat total_rss", "-", "") \
    M(MEM_FILE,             "memory.file",              "B",    GAUGE, \
      "memory.stat file", "memory.stat total_cache", "balloon.disk_caches", "page cache; the guest's own") \
    M(MEM_SWAP,             "memory.swap",              "B",    GAUGE, \
      "memory.swap.current", "memory.stat total_swap", "-", "missing where the kernel counts no swap") \
    M(MEM_LIMIT,            "memory.limit",             "B",    GAUGE, \
      "memory.max", "memory.limit_in_bytes", "balloon.current", "none where it is \"max\" (v1: the largest page)") \
    M(MEM_HIGH,             "memory.high",              "B",    GAUGE, \
      "memory.high", "-", "-", "above it the kernel reclaims and slows; none where it is \"max\"") \
    M(MEM_HIGH_EVENTS,      "memory.high_events",       "",     COUNTER, \
      "memory.events high", "-", "-", "") \
    M(MEM_OOM_EVENTS,       "memory.oom_events",        "",     COUNTER, \
      "memory.events oom", "memory.failcnt + memory.memsw.failcnt", "-", "v1: how often the limit was hit, mostly mended by reclaim; newer kernels do not count hits of memory+swap") \
    M(MEM_OOM_KILLS,        "memory.oom_kills",         "",     COUNTER, \
      "memory.events oom_kill", "memory.oom_control oom_kill", "-", "v1: not hierarchical") \
    M(MEM_MAJOR_FAULTS,     "memory.major_faults",      "",     COUNTER, \
      "memory.stat pgmajfault", "memory.stat total_pgmajfault", "balloon.major_fault", "page faults that had to read; the guest's own") \
    M(MEM_RSS,              "memory.rss",               "B",    GAUGE, \
      "-", "-", "balloon.rss", "what QEMU holds on the host") \
    M(BALLOON_CURRENT,      "balloon.current",          "B",    GAUGE, \
      "-", "-", "balloon.current", "") \
    M(BALLOON_MAXIMUM,      "balloon.maximum",          "B",    GAUGE, \
      "-", "-", "balloon.maximum", "") \
    M(BALLOON_AVAILABLE,    "balloon.available",        "B",    GAUGE, \
      "-", "-", "balloon.available", "as the guest sees it; needs its balloon driver and <stats period=>") \
    M(BALLOON_UNUSED,       "balloon.unused",           "B",    GAUGE, \
      "-", "-", "balloon.unused", "likewise") \
    M(BALLOON_USABLE,       "balloon.usable",           "B",    GAUGE, \
      "-", "-", "balloon.usable", "likewise: what the guest could use without swapping") \
    M(BALLOON_SWAP_IN,      "balloon.swap_in",          "B",    COUNTER, \
      "-", "-", "balloon.swap_in", "likewise: the guest's own swapping") \
    M(BALLOON_SWAP_OUT,     "balloon.swap_out",         "B",    COUNTER, \
      "-", "-", "balloon.swap_out", "likewise") \
    M(BALLOON_AGE,          "balloon.age",              "ms",   GAUGE, \
      "-", "-", "now - balloon.last-update", "how old the balloon's figures are") \
    M(IO_RD_BYTES,          "io.rd_bytes",              "B",    COUNTER, \
      "io.stat rbytes", "blkio.throttle.io_service_bytes_recursive Read", "sum of block.N.rd.bytes", "") \
    M(IO_WR_BYTES,          "io.wr_bytes",              "B",    COUNTER, \
      "io.stat wbytes", "blkio.throttle.io_service_bytes_recursive Write", "sum of block.N.wr.bytes", \
      "buffered writes are counted when they are written back; v1 gives them to the root group") \
    M(IO_RD_OPS,            "io.rd_ops",                "",     COUNTER, \
      "io.stat rios", "blkio.throttle.io_serviced_recursive Read", "sum of block.N.rd.reqs", "") \
    M(IO_WR_OPS,            "io.wr_ops",                "",     COUNTER, \
      "io.stat wios", "blkio.throttle.io_serviced_recursive Write", "sum of block.N.wr.reqs", "") \
    M(NET_RX_BYTES,         "net.rx_bytes",             "B",    COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.rx.bytes", \
      "sum over the interfaces of the container's network namespace but lo; none with the host's network") \
    M(NET_TX_BYTES,         "net.tx_bytes",             "B",    COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.tx.bytes", "likewise") \
    M(NET_RX_PACKETS,       "net.rx_packets",           "",     COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.rx.pkts", "likewise") \
    M(NET_TX_PACKETS,       "net.tx_packets",           "",     COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.tx.pkts", "likewise") \
    M(NET_ERRORS,           "net.errors",               "",     COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.rx.errs and net.N.tx.errs", "likewise; both directions") \
    M(NET_DROPS,            "net.drops",                "",     COUNTER, \
      "/proc/PID/net/dev", "/proc/PID/net/dev", "sum of net.N.rx.drop and net.N.tx.drop", "likewise; both directions") \
    M(PIDS_CURRENT,         "pids.current",             "",     GAUGE, \
      "pids.current", "pids.current", "host: /proc/QEMU-PID/stat num_threads", "threads count as well") \
    M(PIDS_LIMIT,           "pids.limit",               "",     GAUGE, \
      "pids.max", "pids.max", "host: pids.max", "none where it is \"max\"") \
    M(PSI_CPU_SOME,         "pressure.cpu.some",        "c%",   GAUGE, \
      "cpu.pressure some avg10", "v2: cpu.pressure some avg10", "host: cpu.pressure some avg10", \
      "share of the last 10 s in which some task waited, in 1/100 %; a v1 host has it in the v2 hierarchy beside (hybrid), else not") \
    M(PSI_CPU_FULL,         "pressure.cpu.full",        "c%",   GAUGE, \
      "cpu.pressure full avg10", "v2: cpu.pressure full avg10", "host: cpu.pressure full avg10", \
      "in which all waited; for the CPU since Linux 5.13, by quota or higher priority alone") \
    M(PSI_CPU_TOTAL,        "pressure.cpu.total",       "us",   COUNTER, \
      "cpu.pressure some total", "v2: cpu.pressure some total", "host: cpu.pressure some total", "") \
    M(PSI_CPU_FULL_TOTAL,   "pressure.cpu.full_total",  "us",   COUNTER, \
      "cpu.pressure full total", "v2: cpu.pressure full total", "host: cpu.pressure full total", "") \
    M(PSI_MEM_SOME,         "pressure.memory.some",     "c%",   GAUGE, \
      "memory.pressure some avg10", "v2: memory.pressure some avg10", "host: memory.pressure some avg10", "") \
    M(PSI_MEM_FULL,         "pressure.memory.full",     "c%",   GAUGE, \
      "memory.pressure full avg10", "v2: memory.pressure full avg10", "host: memory.pressure full avg10", "") \
    M(PSI_MEM_TOTAL,        "pressure.memory.total",    "us",   COUNTER, \
      "memory.pressure some total", "v2: memory.pressure some total", "host: memory.pressure some total", "") \
    M(PSI_MEM_FULL_TOTAL,   "pressure.memory.full_total","us",   COUNTER, \
      "memory.pressure full total", "v2: memory.pressure full total", "host: memory.pressure full total", "") \
    M(PSI_IO_SOME,          "pressure.io.some",         "c%",   GAUGE, \
      "io.pressure some avg10", "v2: io.pressure some avg10", "host: io.pressure some avg10", "") \
    M(PSI_IO_FULL,          "pressure.io.full",         "c%",   GAUGE, \
      "io.pressure full avg10", "v2: io.pressure full avg10", "host: io.pressure full avg10", "") \
    M(PSI_IO_TOTAL,         "pressure.io.total",        "us",   COUNTER, \
      "io.pressure some total", "v2: io.pressure some total", "host: io.pressure some total", "") \
    M(PSI_IO_FULL_TOTAL,    "pressure.io.full_total",   "us",   COUNTER, \
      "io.pressure full total", "v2: io.pressure full total", "host: io.pressure full total", "") \
    M(HOST_MEM_USAGE,       "host.memory.usage",        "B",    GAUGE, \
      "-", "-", "host: memory.current or memory.usage_in_bytes", "what the domain's group is charged with: QEMU and its page cache") \
    M(HOST_MEM_SWAP,        "host.memory.swap",         "B",    GAUGE, \
      "-", "-", "host: memory.swap.current or memory.stat total_swap", "of the guest's memory, what the host has swapped out") \
    M(HOST_MEM_LIMIT,       "host.memory.limit",        "B",    GAUGE, \
      "-", "-", "host: memory.max or memory.limit_in_bytes", "libvirt's hard_limit") \
    M(HOST_MEM_HIGH_EVENTS, "host.memory.high_events",  "",     COUNTER, \
      "-", "-", "host: memory.events high", "") \
    M(HOST_MEM_OOM_KILLS,   "host.memory.oom_kills",    "",     COUNTER, \
      "-", "-", "host: memory.events oom_kill or memory.oom_control oom_kill", "") \
    M(HOST_IO_RD_BYTES,     "host.io.rd_bytes",         "B",    COUNTER, \
      "-", "-", "host: io.stat rbytes or blkio.throttle.io_service_bytes_recursive Read", \
      "what reached the host's disks: caches on the way take their share") \
    M(HOST_IO_WR_BYTES,     "host.io.wr_bytes",         "B",    COUNTER, \
      "-", "-", "host: io.stat wbytes or blkio.throttle.io_service_bytes_recursive Write", "likewise") \
    M(HOST_IO_RD_OPS,       "host.io.rd_ops",           "",     COUNTER, \
      "-", "-", "host: io.stat rios or blkio.throttle.io_serviced_recursive Read", "likewise") \
    M(HOST_IO_WR_OPS,       "host.io.wr_ops",           "",     COUNTER, \
      "-", "-", "host: io.stat wios or blkio.throttle.io_serviced_recursive Write", "likewise")

/* id, group, name, unit, kind, container, guest, note */
#define GEMEL_ROW_METRICS(M) \
    M(VCPU_STATE,       VCPU, "state",        "",   GAUGE, \
      "-", "vcpu.N.state", "virVcpuState: 0 offline, 1 running, 2 blocked") \
    M(VCPU_TIME,        VCPU, "time",         "ns", COUNTER, \
      "-", "vcpu.N.time", "") \
    M(VCPU_WAIT,        VCPU, "wait",         "ns", COUNTER, \
      "-", "vcpu.N.wait", "waiting for I/O, as the host's scheduler counts it") \
    M(VCPU_DELAY,       VCPU, "steal",        "ns", COUNTER, \
      "-", "vcpu.N.delay", "runnable, but waiting for a host CPU") \
    M(VCPU_THROTTLED,   VCPU, "throttled",    "ns", COUNTER, \
      "-", "host: cpu.stat of its vcpuN group", "held back by vcpu_quota") \
    M(VCPU_EXITS,       VCPU, "exits",        "",   COUNTER, \
      "-", "vcpu.N.exits.sum", "KVM, libvirt 8.10 or later; so are those below") \
    M(VCPU_HALT_EXITS,  VCPU, "halt_exits",   "",   COUNTER, \
      "-", "vcpu.N.halt_exits.sum", "") \
    M(VCPU_IRQ_EXITS,   VCPU, "irq_exits",    "",   COUNTER, \
      "-", "vcpu.N.irq_exits.sum", "by an interrupt of the host's") \
    M(VCPU_IO_EXITS,    VCPU, "io_exits",     "",   COUNTER, \
      "-", "vcpu.N.io_exits.sum", "") \
    M(VCPU_MMIO_EXITS,  VCPU, "mmio_exits",   "",   COUNTER, \
      "-", "vcpu.N.mmio_exits.sum", "") \
    M(VCPU_INTERRUPTS,  VCPU, "interrupts",   "",   COUNTER, \
      "-", "vcpu.N.irq_injections.sum", "put to the guest") \
    M(VCPU_HALTED,      VCPU, "halted",       "ns", COUNTER, \
      "-", "vcpu.N.halt_wait_ns.sum", "the guest idle; counted when a halt ends") \
    M(DISK_RD_BYTES,    DISK, "rd_bytes",     "B",  COUNTER, \
      "io.stat rbytes or blkio.throttle.io_service_bytes_recursive Read", "block.N.rd.bytes", "") \
    M(DISK_WR_BYTES,    DISK, "wr_bytes",     "B",  COUNTER, \
      "io.stat wbytes or blkio.throttle.io_service_bytes_recursive Write", "block.N.wr.bytes", "") \
    M(DISK_RD_OPS,      DISK, "rd_ops",       "",   COUNTER, \
      "io.stat rios or blkio.throttle.io_serviced_recursive Read", "block.N.rd.reqs", "") \
    M(DISK_WR_OPS,      DISK, "wr_ops",       "",   COUNTER, \
      "io.stat wios or blkio.throttle.io_serviced_recursive Write", "block.N.wr.reqs", "") \
    M(DISK_RD_TIME,     DISK, "rd_time",      "ns", COUNTER, \
      "-", "block.N.rd.times", "sum over requests; divided by their number it is the latency") \
    M(DISK_WR_TIME,     DISK, "wr_time",      "ns", COUNTER, \
      "-", "block.N.wr.times", "sum over requests; divided by their number it is the latency") \
    M(DISK_FL_OPS,      DISK, "fl_ops",       "",   COUNTER, \
      "-", "block.N.fl.reqs", "flushes") \
    M(DISK_FL_TIME,     DISK, "fl_time",      "ns", COUNTER, \
      "-", "block.N.fl.times", "") \
    M(DISK_CAPACITY,    DISK, "capacity",     "B",  GAUGE, \
      "-", "block.N.capacity", "") \
    M(DISK_ALLOCATION,  DISK, "allocation",   "B",  GAUGE, \
      "-", "block.N.allocation", "highest offset written, not what the file takes") \
    M(NIC_RX_BYTES,     NIC,  "rx_bytes",     "B",  COUNTER, \
      "/proc/PID/net/dev", "net.N.rx.bytes", "seen from inside") \
    M(NIC_TX_BYTES,     NIC,  "tx_bytes",     "B",  COUNTER, \
      "/proc/PID/net/dev", "net.N.tx.bytes", "") \
    M(NIC_RX_PACKETS,   NIC,  "rx_packets",   "",   COUNTER, \
      "/proc/PID/net/dev", "net.N.rx.pkts", "") \
    M(NIC_TX_PACKETS,   NIC,  "tx_packets",   "",   COUNTER, \
      "/proc/PID/net/dev", "net.N.tx.pkts", "") \
    M(NIC_ERRORS,       NIC,  "errors",       "",   COUNTER, \
      "/proc/PID/net/dev", "net.N.rx.errs + net.N.tx.errs", "") \
    M(NIC_DROPS,        NIC,  "drops",        "",   COUNTER, \
      "/proc/PID/net/dev", "net.N.rx.drop + net.N.tx.drop", "")

/* id, name, unit, kind, process of a container, thread of a guest's QEMU, note */
#define GEMEL_PROCESS_METRICS(M) \
    M(CPU_TIME,     "cpu.time",     "ns", COUNTER, \
      "/proc/PID/stat utime + stime", "/proc/PID/task/TID/schedstat run time", \
      "containers: in steps of a clock tick, 10 ms; all threads of the process") \
    M(CPU_WAIT,     "cpu.wait",     "ns", COUNTER, \
      "/proc/PID/schedstat wait time", "/proc/PID/task/TID/schedstat wait time", \
      "runnable, but waiting for a CPU; containers: the main thread's, given for processes of one thread") \
    M(MEM_RSS,      "memory.rss",   "B",  GAUGE, \
      "/proc/PID/stat rss", "-", "threads share one memory") \
    M(IO_RD_BYTES,  "io.rd_bytes",  "B",  COUNTER, \
      "/proc/PID/io read_bytes", "/proc/PID/task/TID/io read_bytes", "what reached the disks; needs the right to trace the process") \
    M(IO_WR_BYTES,  "io.wr_bytes",  "B",  COUNTER, \
      "/proc/PID/io write_bytes", "/proc/PID/task/TID/io write_bytes", "likewise; counted when a page is made dirty") \
    M(THREADS,      "threads",      "",   GAUGE, \
      "/proc/PID/stat num_threads", "-", "")
/* clang-format on */

#define GEMEL_METRIC_ENUM_(id, ...) GEMEL_METRIC_##id,
typedef enum { GEMEL_METRICS(GEMEL_METRIC_ENUM_) GEMEL_METRIC_N } GemelMetric;

#define GEMEL_ROW_ENUM_(id, ...) GEMEL_ROW_##id,
typedef enum { GEMEL_ROW_METRICS(GEMEL_ROW_ENUM_) GEMEL_ROW_N } GemelRowMetric;

#define GEMEL_PROCESS_ENUM_(id, ...) GEMEL_PROCESS_##id,
typedef enum { GEMEL_PROCESS_METRICS(GEMEL_PROCESS_ENUM_) GEMEL_PROCESS_N } GemelProcessMetric;

typedef enum { GEMEL_ROWS_VCPU, GEMEL_ROWS_DISK, GEMEL_ROWS_NIC, GEMEL_ROWS_N } GemelRowGroup;

typedef struct {
    const char *name; /* "cpu.usage", the name in JSON */
    const char *unit; /* "ns" "us" "ms" "B" "mcpu" "c%" or "" for a plain number */
    GemelMetricKind kind;
    const char *v2, *v1, *guest; /* where it is read; "-" = there is none */
    const char *note;            /* what to know of it, or "" */
} GemelMetricInfo;

typedef struct {
    GemelRowGroup group;
    const char *name, *unit;
    GemelMetricKind kind;
    const char *container, *guest;
    const char *note;
} GemelRowMetricInfo;

typedef struct {
    const char *name, *unit;
    GemelMetricKind kind;
    const char *container, *guest;
    const char *note;
} GemelProcessMetricInfo;

extern const GemelMetricInfo gemel_metrics[GEMEL_METRIC_N];
extern const GemelRowMetricInfo gemel_row_metrics[GEMEL_ROW_N];
extern const GemelProcessMetricInfo gemel_process_metrics[GEMEL_PROCESS_N];
extern const char *const gemel_row_group_names[GEMEL_ROWS_N]; /* "vcpu" "disk" "nic" */

G_STATIC_ASSERT(GEMEL_METRIC_N <= 64); /* one uint64 of valid bits */
G_STATIC_ASSERT(GEMEL_ROW_N <= 32);
G_STATIC_ASSERT(GEMEL_PROCESS_N <= 32);
