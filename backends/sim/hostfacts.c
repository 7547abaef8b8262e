/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostfacts.c - the machine that the simulated instances would run on. */
#include "backends/sim/sim.h"

GemelHost *sim_host(GemelConn *conn, GError **error)
{
    static const struct {
        GemelHostWhat what;
        GemelHostGrade grade;
        const char *value, *why;
        gint64 number;
    } facts[] = {
        {GEMEL_HOST_KERNEL, GEMEL_HOST_YES, "6.1.0-28-amd64 x86_64", NULL, -1},
        {GEMEL_HOST_CPU, GEMEL_HOST_YES, "Intel(R) Xeon(R) Silver 4309Y CPU @ 2.80GHz", NULL, -1},
        {GEMEL_HOST_HUGEPAGES, GEMEL_HOST_YES, "0 of 2 MiB, 16 of 1 GiB, transparent: madvise",
         NULL, G_GINT64_CONSTANT(17179869184)},
        {GEMEL_HOST_PRESSURE, GEMEL_HOST_YES, "cpu 1.2  memory 0.0  io 0.3 % of 10 s", NULL, -1},
        {GEMEL_HOST_VIRT, GEMEL_HOST_YES, "VT-x", NULL, -1},
        {GEMEL_HOST_SLAT, GEMEL_HOST_YES, "EPT", NULL, -1},
        {GEMEL_HOST_KVM, GEMEL_HOST_YES, "/dev/kvm", NULL, 12},
        {GEMEL_HOST_NESTED, GEMEL_HOST_NO, "off", "kvm_intel.nested=1 turns it on", -1},
        {GEMEL_HOST_IOMMU, GEMEL_HOST_PARTLY, "there, but off",
         "intel_iommu=on or amd_iommu=on on the kernel's command line turns it on", 0},
        {GEMEL_HOST_SRIOV, GEMEL_HOST_YES, "2 devices, 0 of 126 functions made", NULL, 126},
        {GEMEL_HOST_CGROUPS, GEMEL_HOST_YES, "v2", NULL, -1},
        {GEMEL_HOST_CONTROLLERS, GEMEL_HOST_YES, "cpuset cpu io memory hugetlb pids rdma misc",
         NULL, -1},
        {GEMEL_HOST_NAMESPACES, GEMEL_HOST_YES, "mnt pid net uts ipc user cgroup time", NULL, -1},
        {GEMEL_HOST_USERNS, GEMEL_HOST_YES, "on", NULL, 1030000},
        {GEMEL_HOST_SECCOMP, GEMEL_HOST_YES,
         "kill_process kill_thread trap errno user_notif trace log allow", NULL, -1},
        {GEMEL_HOST_LSM, GEMEL_HOST_YES, "lockdown,capability,landlock,yama,apparmor", NULL, -1},
    };
    const GemelBackend *backend = conn->backend;
    double memory_gib = (double)backend->host_memory_bytes / (1 << 30);
    g_autofree char *cpus = g_strdup_printf("%u", backend->host_cpus);
    g_autofree char *memory =
        g_strdup_printf("%.1f GiB, %.1f GiB of it available", memory_gib, memory_gib * 0.55);
    GemelHost *host;

    if (!sim_enter(conn, SIM_OP_HOST, error))
        return NULL;
    host = gemel_host_new("the simulator has no such thing");
    host->name = g_strdup("sim-host");
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
        gemel_host_set(host, facts[i].what, facts[i].grade, facts[i].value, facts[i].why,
                       facts[i].number);
    gemel_host_set(host, GEMEL_HOST_CPUS, GEMEL_HOST_YES, cpus, NULL, backend->host_cpus);
    gemel_host_set(host, GEMEL_HOST_MEMORY, GEMEL_HOST_YES, memory, NULL,
                   (gint64)backend->host_memory_bytes);
    return host;
}
