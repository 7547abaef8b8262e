/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hosts can do, read from trees of files as /proc and /sys of other machines have them. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/hostfacts.h"

typedef struct {
    const char *path, *text; /* text NULL: an empty directory; "-> x": a link */
} File;

static void put(const char *root, const File *file)
{
    g_autofree char *full = g_strconcat(root, file->path, NULL), *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(file->text != NULL ? dir : full, 0755), ==, 0);
    if (file->text != NULL && g_str_has_prefix(file->text, "-> "))
        g_assert_cmpint(symlink(file->text + 3, full), ==, 0);
    else if (file->text != NULL)
        g_assert_true(g_file_set_contents(full, file->text, -1, NULL));
}

static void remove_below(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_below(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_remove(path);
}

/* What the files say; they end with an entry without path. */
static GemelHost *read_tree(const File *files)
{
    g_autofree char *root = g_dir_make_tmp("gemel-host-XXXXXX", NULL);
    GemelHost *host;

    for (; files->path != NULL; files++)
        put(root, files);
    host = gemel_host_read(root);
    remove_below(root);
    for (guint what = 0; what < GEMEL_HOST_N; what++) {
        const GemelHostFact *fact = &host->fact[what];

        g_assert_true(fact->grade != GEMEL_HOST_UNKNOWN || fact->why != NULL);
        g_assert_true(fact->grade == GEMEL_HOST_UNKNOWN || fact->value != NULL);
    }
    return host;
}

static void check(const GemelHost *host, GemelHostWhat what, GemelHostGrade grade,
                  const char *value)
{
    g_assert_cmpint(host->fact[what].grade, ==, grade);
    g_assert_cmpstr(host->fact[what].value, ==, value);
}

static void test_intel(void)
{
    static const File files[] = {
        {"/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\n"
                          "flags\t\t: fpu vmx sse\nvmx flags\t: vnmi ept vpid\n\n"
                          "processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\n"
                          "flags\t\t: fpu vmx sse\n"},
        {"/proc/meminfo", "MemTotal:       16384000 kB\nMemAvailable:    8192000 kB\n"},
        {"/proc/sys/kernel/osrelease", "6.1.0-13-amd64\n"},
        {"/proc/sys/kernel/arch", "x86_64\n"},
        {"/proc/sys/kernel/hostname", "box\n"},
        {"/sys/module/kvm_intel/parameters/ept", "Y\n"},
        {"/sys/module/kvm_intel/parameters/nested", "Y\n"},
        {"/dev/kvm", ""},
        {"/sys/class/iommu/dmar0/x", ""},
        {"/sys/kernel/iommu_groups/0", NULL},
        {"/sys/kernel/iommu_groups/1", NULL},
        {"/sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n"},
        {"/sys/bus/pci/devices/0000:01:00.0/sriov_totalvfs", "63\n"},
        {"/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "4\n"},
        {"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n"},
        {"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n"},
        {"/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
        {"/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
        {"/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n"},
        {"/proc/pressure/cpu", "some avg10=1.20 avg60=0.00 avg300=0.00 total=1\n"},
        {"/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"},
        {"/proc/pressure/io", "some avg10=0.30 avg60=0.00 avg300=0.00 total=1\n"},
        {"/proc/sys/user/max_user_namespaces", "63000\n"},
        {"/proc/sys/kernel/seccomp/actions_avail", "kill_process errno allow\n"},
        {"/sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor"},
        {"/proc/self/ns/mnt", "-> mnt:[1]"},
        {"/proc/self/ns/pid", "-> pid:[1]"},
        {NULL, NULL},
    };
    g_autoptr(GemelHost) host = read_tree(files);

    g_assert_cmpstr(host->name, ==, "box");
    check(host, GEMEL_HOST_KERNEL, GEMEL_HOST_YES, "6.1.0-13-amd64 x86_64");
    check(host, GEMEL_HOST_CPU, GEMEL_HOST_YES, "Xeon");
    check(host, GEMEL_HOST_CPUS, GEMEL_HOST_YES, "2");
    g_assert_cmpint(host->fact[GEMEL_HOST_MEMORY].number, ==, G_GINT64_CONSTANT(16384000) * 1024);
    check(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, "VT-x");
    check(host, GEMEL_HOST_SLAT, GEMEL_HOST_YES, "EPT");
    check(host, GEMEL_HOST_NESTED, GEMEL_HOST_YES, "on");
    check(host, GEMEL_HOST_KVM, GEMEL_HOST_YES, "/dev/kvm");
    check(host, GEMEL_HOST_IOMMU, GEMEL_HOST_YES, "2 groups");
    check(host, GEMEL_HOST_SRIOV, GEMEL_HOST_YES, "1 device, 4 of 63 functions made");
    check(host, GEMEL_HOST_HUGEPAGES, GEMEL_HOST_YES,
          "0 of 1 GiB, 512 of 2 MiB, transparent: madvise");
    g_assert_cmpint(host->fact[GEMEL_HOST_HUGEPAGES].number, ==, G_GINT64_CONSTANT(512) << 21);
    check(host, GEMEL_HOST_PRESSURE, GEMEL_HOST_YES, "cpu 1.2  memory 0.0  io 0.3 % of 10 s");
    check(host, GEMEL_HOST_CGROUPS, GEMEL_HOST_YES, "v2");
    check(host, GEMEL_HOST_CONTROLLERS, GEMEL_HOST_YES,
          "cpuset cpu io memory hugetlb pids rdma misc");
    check(host, GEMEL_HOST_NAMESPACES, GEMEL_HOST_PARTLY, "mnt pid");
    g_assert_cmpstr(host->fact[GEMEL_HOST_NAMESPACES].why, ==,
                    "without net uts ipc user cgroup time");
    check(host, GEMEL_HOST_USERNS, GEMEL_HOST_YES, "on");
    check(host, GEMEL_HOST_LSM, GEMEL_HOST_YES, "lockdown,capability,landlock,yama,apparmor");
}

static void test_amd_with_much_turned_off(void)
{
    static const File files[] = {
        {"/proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: EPYC\n"
                          "flags\t\t: fpu svm npt nx\n"},
        {"/sys/module/kvm_amd/parameters/npt", "0\n"},
        {"/sys/module/kvm_amd/parameters/nested", "0\n"},
        {"/sys/module/kvm", NULL},
        {"/sys/class/iommu/ivhd0", NULL},
        {"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n"},
        {"/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                                 "31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"},
        {"/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n"},
        {"/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t1\t1\n"
                          "memory\t3\t1\t1\nio\t0\t1\t1\npids\t4\t1\t0\n"},
        {"/proc/sys/user/max_user_namespaces", "100\n"},
        {"/proc/sys/kernel/unprivileged_userns_clone", "0\n"},
        {"/proc/pressure", NULL},
        {"/sys/kernel/security/lsm", "capability,yama\n"},
        {NULL, NULL},
    };
    g_autoptr(GemelHost) host = read_tree(files);

    check(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, "AMD-V");
    check(host, GEMEL_HOST_SLAT, GEMEL_HOST_PARTLY, "NPT");
    check(host, GEMEL_HOST_NESTED, GEMEL_HOST_NO, "off");
    check(host, GEMEL_HOST_KVM, GEMEL_HOST_NO, "none");
    g_assert_nonnull(strstr(host->fact[GEMEL_HOST_KVM].why, "makes no /dev/kvm"));
    check(host, GEMEL_HOST_IOMMU, GEMEL_HOST_PARTLY, "there, but off");
    check(host, GEMEL_HOST_HUGEPAGES, GEMEL_HOST_PARTLY, "0 of 2 MiB");
    check(host, GEMEL_HOST_CGROUPS, GEMEL_HOST_PARTLY, "hybrid");
    check(host, GEMEL_HOST_CONTROLLERS, GEMEL_HOST_PARTLY, "hugetlb cpu memory");
    g_assert_cmpstr(host->fact[GEMEL_HOST_CONTROLLERS].why, ==, "without io pids cpuset");
    check(host, GEMEL_HOST_USERNS, GEMEL_HOST_PARTLY, "root only");
    check(host, GEMEL_HOST_PRESSURE, GEMEL_HOST_NO, "none");
    check(host, GEMEL_HOST_LSM, GEMEL_HOST_PARTLY, "capability,yama");
}

static void test_a_guest_without_anything(void)
{
    static const File files[] = {
        {"/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: vCPU\n"
                          "flags\t\t: fpu hypervisor\n"},
        {"/proc/self/mountinfo", "31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"},
        {NULL, NULL},
    };
    g_autoptr(GemelHost) host = read_tree(files);

    check(host, GEMEL_HOST_VIRT, GEMEL_HOST_NO, "none");
    g_assert_nonnull(strstr(host->fact[GEMEL_HOST_VIRT].why, "hypervisor"));
    check(host, GEMEL_HOST_SLAT, GEMEL_HOST_NO, "none");
    check(host, GEMEL_HOST_IOMMU, GEMEL_HOST_NO, "none");
    check(host, GEMEL_HOST_SRIOV, GEMEL_HOST_NO, "none");
    check(host, GEMEL_HOST_CGROUPS, GEMEL_HOST_PARTLY, "v1");
    check(host, GEMEL_HOST_USERNS, GEMEL_HOST_NO, "off");
    check(host, GEMEL_HOST_SECCOMP, GEMEL_HOST_NO, "none");
    check(host, GEMEL_HOST_LSM, GEMEL_HOST_NO, "none");
}

/* Arm has no flags of virtualisation in cpuinfo; that is not known, not absent. */
static void test_arm(void)
{
    static const File files[] = {
        {"/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"},
        {"/dev/kvm", ""},
        {NULL, NULL},
    };
    g_autoptr(GemelHost) host = read_tree(files);

    check(host, GEMEL_HOST_VIRT, GEMEL_HOST_UNKNOWN, NULL);
    check(host, GEMEL_HOST_SLAT, GEMEL_HOST_UNKNOWN, NULL);
    check(host, GEMEL_HOST_KVM, GEMEL_HOST_YES, "/dev/kvm");
}

static void test_nothing_to_read(void)
{
    static const File none[] = {{NULL, NULL}};
    g_autoptr(GemelHost) host = read_tree(none);

    check(host, GEMEL_HOST_KERNEL, GEMEL_HOST_UNKNOWN, NULL);
    check(host, GEMEL_HOST_CGROUPS, GEMEL_HOST_NO, "none");
}

static void test_this_host(void)
{
    g_autoptr(GemelHost) host = gemel_host_read("");

    g_assert_true(host->is_local);
    g_assert_cmpint(host->fact[GEMEL_HOST_CPUS].number, >, 0);
    g_assert_cmpint(host->fact[GEMEL_HOST_MEMORY].number, >, 0);
    g_assert_cmpint(host->fact[GEMEL_HOST_NAMESPACES].grade, >=, GEMEL_HOST_PARTLY);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host/intel-with-iommu-on-v2", test_intel);
    g_test_add_func("/host/amd-with-much-turned-off-on-hybrid", test_amd_with_much_turned_off);
    g_test_add_func("/host/a-guest-without-anything-on-v1", test_a_guest_without_anything);
    g_test_add_func("/host/arm-does-not-tell", test_arm);
    g_test_add_func("/host/nothing-to-read-is-said", test_nothing_to_read);
    g_test_add_func("/host/this-host-is-read", test_this_host);
    return g_test_run();
}
