/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics.h - the schema of a sample: which figures an instance and its devices can have.
 *
 * One X-macro list per scope feeds the enum, the table and the documentation. Counters are raw and
 * monotonic, as the kernel or libvirt gives them; rates are made in one place (console/model).
 * A figure that is not available has its valid bit clear; it is never reported as 0.
 *
 * Sources: cgroup v2 - Documentation/admin-guide/cgroup-v2.rst; cgroup v1 -
 * Documentation/admin-guide/cgroup-v1/; pressure - Documentation/accounting/psi.rst; guests -
 * virConnectGetAllDomainStats (libvirt-domain.h).
 */
#pragma once

#include <glib.h>

typedef enum { GEMEL_METRIC_COUNTER, GEMEL_METRIC_GAUGE } GemelMetricKind;

/* clang-format off */
/*    id                 name                 unit    kind     cgroup v2 | v1 | guest */
#define GEMEL_METRICS(M)                                                                           \
    M(CPU_USAGE,         "cpu.usage",         "ns",   COUNTER, "cpu.stat usage_usec | cpuacct.usage | cpu.time")          \
    M(CPU_USER,          "cpu.user",          "ns",   COUNTER, "cpu.stat user_usec | cpuacct.usage_user | cpu.user")      \
    M(CPU_SYSTEM,        "cpu.system",        "ns",   COUNTER, "cpu.stat system_usec | cpuacct.usage_sys | cpu.system")   \
    M(CPU_THROTTLED,     "cpu.throttled",     "ns",   COUNTER, "cpu.stat throttled_usec | cpu.stat throttled_time | sum over the domain's cgroups") \
    M(CPU_NR_THROTTLED,  "cpu.nr_throttled",  "",     COUNTER, "cpu.stat nr_throttled | cpu.stat nr_throttled | sum over the domain's cgroups") \
    M(CPU_LIMIT,         "cpu.limit",         "mcpu", GAUGE,   "cpu.max | cpu.cfs_quota_us / cpu.cfs_period_us | vCPU count") \
    M(CPU_STEAL,         "cpu.steal",         "ns",   COUNTER, "- | - | sum of vcpu.N.delay")                            \
    M(MEM_USAGE,         "memory.usage",      "B",    GAUGE,   "memory.current | memory.usage_in_bytes | balloon.available - balloon.unused, else balloon.rss") \
    M(MEM_ANON,          "memory.anon",       "B",    GAUGE,   "memory.stat anon | memory.stat total_rss | -")           \
    M(MEM_FILE,          "memory.file",       "B",    GAUGE,   "memory.stat file | memory.stat total_cache | balloon.disk_caches") \
    M(MEM_SWAP,          "memory.swap",       "B",    GAUGE,   "memory.swap.current | memory.stat total_swap | -")       \
    M(MEM_LIMIT,         "memory.limit",      "B",    GAUGE,   "memory.max | memory.limit_in_bytes | balloon.current")   \
    M(MEM_HIGH_EVENTS,   "memory.high_events","",     COUNTER, "memory.events high | - | -")                             \
    M(MEM_OOM_EVENTS,    "memory.oom_events", "",     COUNTER, "memory.events oom | memory.failcnt | -")                 \
    M(MEM_OOM_KILLS,     "memory.oom_kills",  "",     COUNTER, "memory.events oom_kill | memory.oom_control oom_kill | -") \
    M(MEM_RSS,           "memory.rss",        "B",    GAUGE,   "- | - | balloon.rss: what QEMU holds on the host")       \
    M(BALLOON_CURRENT,   "balloon.current",   "B",    GAUGE,   "- | - | balloon.current")                                \
    M(BALLOON_MAXIMUM,   "balloon.maximum",   "B",    GAUGE,   "- | - | balloon.maximum")                                \
    M(BALLOON_AVAILABLE, "balloon.available", "B",    GAUGE,   "- | - | balloon.available")                              \
    M(BALLOON_UNUSED,    "balloon.unused",    "B",    GAUGE,   "- | - | balloon.unused")                                 \
    M(BALLOON_AGE,       "balloon.age",       "ms",   GAUGE,   "- | - | now - balloon.last-update")                      \
    M(IO_RD_BYTES,       "io.rd_bytes",       "B",    COUNTER, "io.stat rbytes | blkio.throttle.io_service_bytes Read | sum of block.N.rd.bytes") \
    M(IO_WR_BYTES,       "io.wr_bytes",       "B",    COUNTER, "io.stat wbytes | blkio.throttle.io_service_bytes Write | sum of block.N.wr.bytes") \
    M(IO_RD_OPS,         "io.rd_ops",         "",     COUNTER, "io.stat rios | blkio.throttle.io_serviced Read | sum of block.N.rd.reqs") \
    M(IO_WR_OPS,         "io.wr_ops",         "",     COUNTER, "io.stat wios | blkio.throttle.io_serviced Write | sum of block.N.wr.reqs") \
    M(NET_RX_BYTES,      "net.rx_bytes",      "B",    COUNTER, "the network namespace's devices but lo | same | sum of net.N.rx.bytes") \
    M(NET_TX_BYTES,      "net.tx_bytes",      "B",    COUNTER, "same | same | sum of net.N.tx.bytes")                    \
    M(NET_RX_PACKETS,    "net.rx_packets",    "",     COUNTER, "same | same | sum of net.N.rx.pkts")                     \
    M(NET_TX_PACKETS,    "net.tx_packets",    "",     COUNTER, "same | same | sum of net.N.tx.pkts")                     \
    M(NET_ERRORS,        "net.errors",        "",     COUNTER, "rx+tx errors | same | sum of net.N.{rx,tx}.errs")        \
    M(NET_DROPS,         "net.drops",         "",     COUNTER, "rx+tx drops | same | sum of net.N.{rx,tx}.drop")         \
    M(PIDS_CURRENT,      "pids.current",      "",     GAUGE,   "pids.current | pids.current | threads of the QEMU process") \
    M(PIDS_LIMIT,        "pids.limit",        "",     GAUGE,   "pids.max | pids.max | -")                                \
    M(PSI_CPU_SOME,      "pressure.cpu.some", "c%",   GAUGE,   "cpu.pressure some avg10 in 1/100 %; v1: the v2 hierarchy of a hybrid host; guest: the domain's cgroup") \
    M(PSI_CPU_FULL,      "pressure.cpu.full", "c%",   GAUGE,   "cpu.pressure full avg10")                                \
    M(PSI_CPU_TOTAL,     "pressure.cpu.total","us",   COUNTER, "cpu.pressure some total")                                \
    M(PSI_MEM_SOME,      "pressure.memory.some", "c%", GAUGE,  "memory.pressure some avg10")                             \
    M(PSI_MEM_FULL,      "pressure.memory.full", "c%", GAUGE,  "memory.pressure full avg10")                             \
    M(PSI_MEM_TOTAL,     "pressure.memory.total","us", COUNTER,"memory.pressure some total")                             \
    M(PSI_IO_SOME,       "pressure.io.some",  "c%",   GAUGE,   "io.pressure some avg10")                                 \
    M(PSI_IO_FULL,       "pressure.io.full",  "c%",   GAUGE,   "io.pressure full avg10")                                 \
    M(PSI_IO_TOTAL,      "pressure.io.total", "us",   COUNTER, "io.pressure some total")

/*    id               group  name          unit   kind */
#define GEMEL_ROW_METRICS(M)                                                                       \
    M(VCPU_STATE,      VCPU,  "state",      "",    GAUGE,   "vcpu.N.state (virVcpuState)")         \
    M(VCPU_TIME,       VCPU,  "time",       "ns",  COUNTER, "vcpu.N.time")                         \
    M(VCPU_WAIT,       VCPU,  "wait",       "ns",  COUNTER, "vcpu.N.wait")                         \
    M(VCPU_DELAY,      VCPU,  "steal",      "ns",  COUNTER, "vcpu.N.delay: runnable, but waiting for a host CPU") \
    M(VCPU_EXITS,      VCPU,  "exits",      "",    COUNTER, "vcpu.N.exits.sum (KVM)")              \
    M(VCPU_HALT_EXITS, VCPU,  "halt_exits", "",    COUNTER, "vcpu.N.halt_exits.sum (KVM)")         \
    M(VCPU_IRQ_EXITS,  VCPU,  "irq_exits",  "",    COUNTER, "vcpu.N.irq_exits.sum (KVM)")          \
    M(DISK_RD_BYTES,   DISK,  "rd_bytes",   "B",   COUNTER, "block.N.rd.bytes | per device of io.stat") \
    M(DISK_WR_BYTES,   DISK,  "wr_bytes",   "B",   COUNTER, "block.N.wr.bytes")                    \
    M(DISK_RD_OPS,     DISK,  "rd_ops",     "",    COUNTER, "block.N.rd.reqs")                     \
    M(DISK_WR_OPS,     DISK,  "wr_ops",     "",    COUNTER, "block.N.wr.reqs")                     \
    M(DISK_RD_TIME,    DISK,  "rd_time",    "ns",  COUNTER, "block.N.rd.times")                    \
    M(DISK_WR_TIME,    DISK,  "wr_time",    "ns",  COUNTER, "block.N.wr.times")                    \
    M(NIC_RX_BYTES,    NIC,   "rx_bytes",   "B",   COUNTER, "net.N.rx.bytes | /proc/PID/net/dev")  \
    M(NIC_TX_BYTES,    NIC,   "tx_bytes",   "B",   COUNTER, "net.N.tx.bytes")                      \
    M(NIC_RX_PACKETS,  NIC,   "rx_packets", "",    COUNTER, "net.N.rx.pkts")                       \
    M(NIC_TX_PACKETS,  NIC,   "tx_packets", "",    COUNTER, "net.N.tx.pkts")                       \
    M(NIC_ERRORS,      NIC,   "errors",     "",    COUNTER, "net.N.{rx,tx}.errs")                  \
    M(NIC_DROPS,       NIC,   "drops",      "",    COUNTER, "net.N.{rx,tx}.drop")

/* clang-format on */

#define GEMEL_METRIC_ENUM_(id, ...) GEMEL_METRIC_##id,
typedef enum { GEMEL_METRICS(GEMEL_METRIC_ENUM_) GEMEL_METRIC_N } GemelMetric;

#define GEMEL_ROW_ENUM_(id, ...) GEMEL_ROW_##id,
typedef enum { GEMEL_ROW_METRICS(GEMEL_ROW_ENUM_) GEMEL_ROW_N } GemelRowMetric;

typedef enum { GEMEL_ROWS_VCPU, GEMEL_ROWS_DISK, GEMEL_ROWS_NIC, GEMEL_ROWS_N } GemelRowGroup;

typedef struct {
    const char *name; /* "cpu.usage", the name in JSON */
    const char *unit; /* "ns" "us" "ms" "B" "mcpu" "c%" or "" for a plain number */
    GemelMetricKind kind;
    const char *source; /* where it is read */
} GemelMetricInfo;

typedef struct {
    GemelRowGroup group;
    const char *name, *unit;
    GemelMetricKind kind;
    const char *source;
} GemelRowMetricInfo;

extern const GemelMetricInfo gemel_metrics[GEMEL_METRIC_N];
extern const GemelRowMetricInfo gemel_row_metrics[GEMEL_ROW_N];
extern const char *const gemel_row_group_names[GEMEL_ROWS_N]; /* "vcpu" "disk" "nic" */

G_STATIC_ASSERT(GEMEL_METRIC_N <= 64); /* one uint64 of valid bits */
G_STATIC_ASSERT(GEMEL_ROW_N <= 32);
