/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostfacts.c - what /proc and /sys of a host tell of what it can do. */
#include "backends/hostfacts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

GemelHost *gemel_host_new(const char *why)
{
    GemelHost *host = g_new0(GemelHost, 1);

    for (guint what = 0; what < GEMEL_HOST_N; what++)
        gemel_host_set(host, what, GEMEL_HOST_UNKNOWN, NULL, why, -1);
    return host;
}

void gemel_host_free(GemelHost *host)
{
    if (host == NULL)
        return;
    for (guint what = 0; what < GEMEL_HOST_N; what++) {
        g_free(host->fact[what].value);
        g_free(host->fact[what].why);
    }
    g_free(host->name);
    g_free(host);
}

void gemel_host_set(GemelHost *host, GemelHostWhat what, GemelHostGrade grade, const char *value,
                    const char *why, gint64 number)
{
    GemelHostFact *fact = &host->fact[what];
    char *new_value = g_strdup(value), *new_why = g_strdup(why);

    g_free(fact->value);
    g_free(fact->why);
    *fact = (GemelHostFact){grade, new_value, new_why, number};
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A file of the tree without the newline at its end, or NULL. */
static char *text_of(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    char *text = NULL;

    if (!g_file_get_contents(full, &text, NULL, NULL))
        return NULL;
    return g_strchomp(text);
}

static gboolean is_there(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);

    return g_file_test(full, G_FILE_TEST_EXISTS);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory, sorted; empty where there is none. */
static GPtrArray *names_in(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(full, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(names, g_strdup(name));
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* The value of "key : value" lines, of the first such line; the caller frees it. */
static char *field_of(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        const char *colon;

        line += *line == '\n';
        if (strncmp(line, key, length) != 0)
            continue;
        colon = line + length + strspn(line + length, " \t");
        if (*colon == ':')
            return g_strstrip(g_strndup(colon + 1, strcspn(colon + 1, "\n")));
    }
    return NULL;
}

/* Whether a list with blanks has the word. */
static gboolean has_word(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(list != NULL ? list : "", " \t,", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* ---- the machine ---------------------------------------------------------------------------- */

static void read_kernel(GemelHost *host, const char *root)
{
    g_autofree char *release = text_of(root, "/proc/sys/kernel/osrelease");
    g_autofree char *arch = text_of(root, "/proc/sys/kernel/arch"); /* Linux 6.1 */
    struct utsname names;
    g_autofree char *both = NULL;

    if (arch == NULL && *root == '\0' && uname(&names) == 0)
        arch = g_strdup(names.machine);
    if (release == NULL)
        return;
    both = g_strconcat(release, arch != NULL ? " " : NULL, arch, NULL);
    gemel_host_set(host, GEMEL_HOST_KERNEL, GEMEL_HOST_YES, both, NULL, -1);
    host->name = text_of(root, "/proc/sys/kernel/hostname");
}

static void read_cpu(GemelHost *host, const char *cpuinfo)
{
    g_autofree char *model = field_of(cpuinfo, "model name");
    g_autofree char *count = NULL;
    gint64 n = 0;

    for (const char *at = cpuinfo; (at = strstr(at, "processor")) != NULL; at++)
        if (at == cpuinfo || at[-1] == '\n')
            n++;
    if (model == NULL) /* Arm says it elsewhere */
        model = field_of(cpuinfo, "CPU implementer");
    if (model != NULL)
        gemel_host_set(host, GEMEL_HOST_CPU, GEMEL_HOST_YES, model, NULL, -1);
    if (n > 0) {
        count = g_strdup_printf("%" G_GINT64_FORMAT, n);
        gemel_host_set(host, GEMEL_HOST_CPUS, GEMEL_HOST_YES, count, NULL, n);
    }
}

static gint64 meminfo_bytes(const char *meminfo, const char *key)
{
    g_autofree char *value = field_of(meminfo, key);

    return value != NULL ? (gint64)g_ascii_strtoull(value, NULL, 10) * 1024 : -1;
}

static void read_memory(GemelHost *host, const char *root)
{
    g_autofree char *meminfo = text_of(root, "/proc/meminfo");
    gint64 total = meminfo_bytes(meminfo, "MemTotal");
    gint64 available = meminfo_bytes(meminfo, "MemAvailable");
    g_autofree char *text = NULL;

    if (total <= 0)
        return;
    text = available >= 0
               ? g_strdup_printf("%.1f GiB, %.1f GiB of it available", (double)total / (1 << 30),
                                 (double)available / (1 << 30))
               : g_strdup_printf("%.1f GiB", (double)total / (1 << 30));
    gemel_host_set(host, GEMEL_HOST_MEMORY, GEMEL_HOST_YES, text, NULL, total);
}

static gint64 number_in(const char *root, const char *dir, const char *name, const char *file)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%s", dir, name, file);
    g_autofree char *text = text_of(root, path);

    return text != NULL ? (gint64)g_ascii_strtoull(text, NULL, 10) : 0;
}

static void read_hugepages(GemelHost *host, const char *root)
{
    static const char dir[] = "/sys/kernel/mm/hugepages";
    g_autoptr(GPtrArray) sizes = names_in(root, dir);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *transparent = text_of(root, "/sys/kernel/mm/transparent_hugepage/enabled");
    const char *chosen = transparent != NULL ? strchr(transparent, '[') : NULL;
    gint64 bytes = 0;

    for (guint i = 0; i < sizes->len; i++) {
        const char *name = sizes->pdata[i];
        guint64 kib = g_str_has_prefix(name, "hugepages-")
                          ? g_ascii_strtoull(name + strlen("hugepages-"), NULL, 10)
                          : 0;
        gint64 n = number_in(root, dir, name, "nr_hugepages");

        if (kib == 0)
            continue;
        bytes += n * (gint64)kib * 1024;
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT " of %" G_GUINT64_FORMAT " %s",
                               text->len > 0 ? ", " : "", n, kib >= 1 << 20 ? kib >> 20 : kib >> 10,
                               kib >= 1 << 20 ? "GiB" : "MiB");
    }
    if (chosen != NULL)
        g_string_append_printf(text, "%stransparent: %.*s", text->len > 0 ? ", " : "",
                               (int)strcspn(chosen + 1, "]"), chosen + 1);
    if (sizes->len == 0 && chosen == NULL)
        gemel_host_set(host, GEMEL_HOST_HUGEPAGES, GEMEL_HOST_NO, "none", "this kernel has none",
                       0);
    else
        gemel_host_set(host, GEMEL_HOST_HUGEPAGES, bytes > 0 ? GEMEL_HOST_YES : GEMEL_HOST_PARTLY,
                       text->str, NULL, bytes);
}

static void read_pressure(GemelHost *host, const char *root)
{
    static const char *const kinds[] = {"cpu", "memory", "io"};
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strconcat("/proc/pressure/", kinds[i], NULL);
        g_autofree char *line = text_of(root, path);
        const char *avg = line != NULL ? strstr(line, "avg10=") : NULL;

        if (avg != NULL)
            g_string_append_printf(text, "%s%s %.1f", text->len > 0 ? "  " : "", kinds[i],
                                   g_ascii_strtod(avg + strlen("avg10="), NULL));
    }
    if (text->len > 0) {
        g_string_append(text, " % of 10 s");
        gemel_host_set(host, GEMEL_HOST_PRESSURE, GEMEL_HOST_YES, text->str, NULL, -1);
    } else {
        gemel_host_set(host, GEMEL_HOST_PRESSURE, GEMEL_HOST_NO, "none",
                       is_there(root, "/proc/pressure") ? "the kernel was booted with psi=0"
                                                        : "the kernel has no PSI, or needs psi=1",
                       -1);
    }
}

/* ---- virtual machines ----------------------------------------------------------------------- */

typedef enum { MAKER_OTHER, MAKER_INTEL, MAKER_AMD } Maker;

/* "Y" or "1" of a module's parameter; -1 where it is not loaded. */
static int parameter(const char *root, Maker maker, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/module/%s/parameters/%s",
                                            maker == MAKER_AMD ? "kvm_amd" : "kvm_intel", name);
    g_autofree char *text = maker != MAKER_OTHER ? text_of(root, path) : NULL;

    return text == NULL ? -1 : *text == 'Y' || *text == '1';
}

static Maker read_virt(GemelHost *host, const char *cpuinfo)
{
    g_autofree char *flags = field_of(cpuinfo, "flags");
    g_autofree char *vendor = field_of(cpuinfo, "vendor_id");
    Maker maker = g_strcmp0(vendor, "GenuineIntel") == 0 ? MAKER_INTEL
                  : g_strcmp0(vendor, "AuthenticAMD") == 0 || g_strcmp0(vendor, "HygonGenuine") == 0
                      ? MAKER_AMD
                      : MAKER_OTHER;

    if (flags == NULL) {
        gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_UNKNOWN, NULL,
                       "this architecture does not tell in /proc/cpuinfo", -1);
        return MAKER_OTHER;
    }
    if (has_word(flags, "vmx"))
        gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, "VT-x", NULL, -1);
    else if (has_word(flags, "svm"))
        gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, "AMD-V", NULL, -1);
    else
        gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_NO, "none",
                       has_word(flags, "hypervisor")
                           ? "this host is a guest itself, and its hypervisor does not pass it on"
                           : "the CPU has none, or the firmware turns it off",
                       -1);
    return maker;
}

/* Since Linux 5.10 Intel's are on a line of their own, "vmx flags". */
static void read_slat(GemelHost *host, const char *root, const char *cpuinfo, Maker maker)
{
    g_autofree char *flags = field_of(cpuinfo, "flags"), *vmx = field_of(cpuinfo, "vmx flags");
    const char *name = maker == MAKER_AMD ? "npt" : "ept",
               *shown = maker == MAKER_AMD ? "NPT" : "EPT";
    gboolean has = has_word(flags, name) || has_word(vmx, name);
    int on = parameter(root, maker, name);

    if (flags == NULL || maker == MAKER_OTHER)
        gemel_host_set(host, GEMEL_HOST_SLAT, GEMEL_HOST_UNKNOWN, NULL,
                       "this architecture does not tell in /proc/cpuinfo", -1);
    else if (!has && on <= 0)
        gemel_host_set(host, GEMEL_HOST_SLAT, GEMEL_HOST_NO, "none",
                       has_word(flags, "vmx") || has_word(flags, "svm")
                           ? "the CPU is too old, or its hypervisor does not pass it on"
                           : "there is no VT-x or AMD-V",
                       -1);
    else if (on == 0)
        gemel_host_set(host, GEMEL_HOST_SLAT, GEMEL_HOST_PARTLY, shown,
                       maker == MAKER_AMD ? "turned off: kvm_amd.npt=1 turns it on"
                                          : "turned off: kvm_intel.ept=1 turns it on",
                       -1);
    else
        gemel_host_set(host, GEMEL_HOST_SLAT, GEMEL_HOST_YES, shown, NULL, -1);
}

static void read_nested(GemelHost *host, const char *root, Maker maker)
{
    int on = parameter(root, maker, "nested");

    if (on > 0)
        gemel_host_set(host, GEMEL_HOST_NESTED, GEMEL_HOST_YES, "on", NULL, -1);
    else if (on == 0)
        gemel_host_set(host, GEMEL_HOST_NESTED, GEMEL_HOST_NO, "off",
                       maker == MAKER_AMD ? "kvm_amd.nested=1 turns it on"
                                          : "kvm_intel.nested=1 turns it on",
                       -1);
    else
        gemel_host_set(host, GEMEL_HOST_NESTED, GEMEL_HOST_UNKNOWN, NULL,
                       "neither kvm_intel nor kvm_amd is loaded", -1);
}

/* linux/kvm.h's, spelled out because not every host that builds has it. */
#define KVM_IO_VERSION   0xae00
#define KVM_IO_CREATE_VM 0xae01

/* Opens it and makes an empty machine, which is what every hypervisor does first. */
static void try_kvm(GemelHost *host, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int version = fd >= 0 ? ioctl(fd, KVM_IO_VERSION, 0) : -1, vm = -1;
    g_autofree char *why = NULL;

    if (fd < 0 && (errno == EACCES || errno == EPERM)) {
        gemel_host_set(host, GEMEL_HOST_KVM, GEMEL_HOST_PARTLY, path,
                       "not permitted to you: be in the group `kvm`, or root", -1);
        return;
    }
    if (fd < 0 || version < 0) {
        why = g_strdup_printf("it cannot be used: %s", g_strerror(errno));
    } else {
        vm = ioctl(fd, KVM_IO_CREATE_VM, 0);
        if (vm < 0)
            why = g_strdup_printf("it makes no machine: %s", g_strerror(errno));
    }
    if (vm >= 0)
        close(vm);
    if (fd >= 0)
        close(fd);
    gemel_host_set(host, GEMEL_HOST_KVM, why == NULL ? GEMEL_HOST_YES : GEMEL_HOST_NO, path, why,
                   version >= 0 ? version : -1);
}

static void read_kvm(GemelHost *host, const char *root)
{
    if (!is_there(root, "/dev/kvm"))
        gemel_host_set(host, GEMEL_HOST_KVM, GEMEL_HOST_NO, "none",
                       is_there(root, "/sys/module/kvm") ? "kvm is loaded, but makes no /dev/kvm"
                                                         : "the module kvm is not loaded",
                       -1);
    else if (*root != '\0')
        gemel_host_set(host, GEMEL_HOST_KVM, GEMEL_HOST_YES, "/dev/kvm", NULL, -1);
    else
        try_kvm(host, "/dev/kvm");
}

static void read_iommu(GemelHost *host, const char *root)
{
    g_autoptr(GPtrArray) units = names_in(root, "/sys/class/iommu");
    g_autoptr(GPtrArray) groups = names_in(root, "/sys/kernel/iommu_groups");
    g_autofree char *text = g_strdup_printf("%u group%s", groups->len, groups->len == 1 ? "" : "s");

    if (groups->len > 0)
        gemel_host_set(host, GEMEL_HOST_IOMMU, GEMEL_HOST_YES, text, NULL, groups->len);
    else if (units->len > 0)
        gemel_host_set(host, GEMEL_HOST_IOMMU, GEMEL_HOST_PARTLY, "there, but off",
                       "intel_iommu=on or amd_iommu=on on the kernel's command line turns it on",
                       0);
    else
        gemel_host_set(host, GEMEL_HOST_IOMMU, GEMEL_HOST_NO, "none",
                       "the machine has none, or the firmware turns it off", 0);
}

static void read_sriov(GemelHost *host, const char *root)
{
    static const char dir[] = "/sys/bus/pci/devices";
    g_autoptr(GPtrArray) devices = names_in(root, dir);
    gint64 capable = 0, total = 0, used = 0;
    g_autofree char *text = NULL;

    for (guint i = 0; i < devices->len; i++) {
        gint64 most = number_in(root, dir, devices->pdata[i], "sriov_totalvfs");

        capable += most > 0;
        total += most;
        used += number_in(root, dir, devices->pdata[i], "sriov_numvfs");
    }
    if (capable == 0) {
        gemel_host_set(host, GEMEL_HOST_SRIOV, GEMEL_HOST_NO, "none",
                       devices->len == 0 ? "there is no PCI bus" : "no PCI device has it", 0);
        return;
    }
    text = g_strdup_printf("%" G_GINT64_FORMAT " device%s, %" G_GINT64_FORMAT
                           " of %" G_GINT64_FORMAT " functions made",
                           capable, capable == 1 ? "" : "s", used, total);
    gemel_host_set(host, GEMEL_HOST_SRIOV, GEMEL_HOST_YES, text, NULL, total);
}

/* ---- containers ----------------------------------------------------------------------------- */

/* Where cgroup2 is mounted, or NULL; *ret_v1 = whether any v1 hierarchy is. */
static char *find_cgroups(const char *root, gboolean *ret_v1)
{
    g_autofree char *mountinfo = text_of(root, "/proc/self/mountinfo");
    g_auto(GStrv) lines = g_strsplit(mountinfo != NULL ? mountinfo : "", "\n", -1);
    char *found = NULL;

    *ret_v1 = FALSE;
    for (guint i = 0; lines[i] != NULL; i++) {
        const char *dash = strstr(lines[i], " - ");
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 6);

        if (dash == NULL || g_strv_length(words) < 6)
            continue;
        if (g_str_has_prefix(dash, " - cgroup2 ") && found == NULL)
            found = g_strcompress(words[4]);
        else if (g_str_has_prefix(dash, " - cgroup "))
            *ret_v1 = TRUE;
    }
    return found;
}

/* The controllers of v1: "NAME HIERARCHY CGROUPS ENABLED", those with a hierarchy. */
static void append_v1_controllers(GString *text, const char *root)
{
    g_autofree char *table = text_of(root, "/proc/cgroups");
    g_auto(GStrv) lines = g_strsplit(table != NULL ? table : "", "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", -1);

        if (*lines[i] != '#' && g_strv_length(words) >= 4 && strcmp(words[1], "0") != 0 &&
            strcmp(words[3], "1") == 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", words[0]);
    }
}

static void read_controllers(GemelHost *host, const char *root, const char *v2, gboolean v1)
{
    static const char *const wanted[][2] = {{"cpu", "cpu"},
                                            {"memory", "memory"},
                                            {"io", "blkio"},
                                            {"pids", "pids"},
                                            {"cpuset", "cpuset"}};
    g_autofree char *path = v2 != NULL ? g_strconcat(v2, "/cgroup.controllers", NULL) : NULL;
    g_autofree char *own = path != NULL ? text_of(root, path) : NULL;
    g_autoptr(GString) text = g_string_new(own), missing = g_string_new(NULL);

    if (v1)
        append_v1_controllers(text, root);
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (!has_word(text->str, wanted[i][0]) && !has_word(text->str, wanted[i][1]))
            g_string_append_printf(missing, "%s%s", missing->len > 0 ? " " : "without ",
                                   wanted[i][0]);
    gemel_host_set(host, GEMEL_HOST_CONTROLLERS,
                   text->len == 0      ? GEMEL_HOST_NO
                   : missing->len == 0 ? GEMEL_HOST_YES
                                       : GEMEL_HOST_PARTLY,
                   text->len > 0 ? text->str : "none", missing->len > 0 ? missing->str : NULL, -1);
}

static void read_cgroups(GemelHost *host, const char *root)
{
    gboolean v1;
    g_autofree char *v2 = find_cgroups(root, &v1);

    gemel_host_set(host, GEMEL_HOST_CGROUPS,
                   v2 != NULL && !v1  ? GEMEL_HOST_YES
                   : v2 != NULL || v1 ? GEMEL_HOST_PARTLY
                                      : GEMEL_HOST_NO,
                   v2 != NULL && v1 ? "hybrid"
                   : v2 != NULL     ? "v2"
                   : v1             ? "v1"
                                    : "none",
                   v2 == NULL && !v1 ? "no hierarchy is mounted" : NULL, -1);
    read_controllers(host, root, v2, v1);
}

static void read_namespaces(GemelHost *host, const char *root)
{
    static const char *const kinds[] = {"mnt", "pid",  "net",    "uts",
                                        "ipc", "user", "cgroup", "time"};
    g_autoptr(GString) text = g_string_new(NULL), missing = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strconcat(root, "/proc/self/ns/", kinds[i], NULL);
        /* links whose target is no file */
        g_autofree char *target = g_file_read_link(path, NULL);

        if (target != NULL)
            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", kinds[i]);
        else
            g_string_append_printf(missing, "%s%s", missing->len > 0 ? " " : "without ", kinds[i]);
    }
    gemel_host_set(host, GEMEL_HOST_NAMESPACES,
                   text->len == 0      ? GEMEL_HOST_NO
                   : missing->len == 0 ? GEMEL_HOST_YES
                                       : GEMEL_HOST_PARTLY,
                   text->len > 0 ? text->str : "none", missing->len > 0 ? missing->str : NULL, -1);
}

/* Whether a user may make user namespaces: the kernel's count, Debian's and Ubuntu's switches. */
static void read_userns(GemelHost *host, const char *root)
{
    g_autofree char *most = text_of(root, "/proc/sys/user/max_user_namespaces");
    g_autofree char *debian = text_of(root, "/proc/sys/kernel/unprivileged_userns_clone");
    g_autofree char *ubuntu =
        text_of(root, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    gint64 n = most != NULL ? (gint64)g_ascii_strtoull(most, NULL, 10) : 0;

    if (n == 0)
        gemel_host_set(host, GEMEL_HOST_USERNS, GEMEL_HOST_NO, "off",
                       most != NULL ? "user.max_user_namespaces is 0"
                                    : "the kernel has no user namespaces",
                       0);
    else if (g_strcmp0(debian, "0") == 0)
        gemel_host_set(host, GEMEL_HOST_USERNS, GEMEL_HOST_PARTLY, "root only",
                       "kernel.unprivileged_userns_clone is 0", n);
    else if (g_strcmp0(ubuntu, "1") == 0)
        gemel_host_set(host, GEMEL_HOST_USERNS, GEMEL_HOST_PARTLY, "by profile",
                       "kernel.apparmor_restrict_unprivileged_userns is 1", n);
    else
        gemel_host_set(host, GEMEL_HOST_USERNS, GEMEL_HOST_YES, "on", NULL, n);
}

static void read_seccomp(GemelHost *host, const char *root)
{
    g_autofree char *actions = text_of(root, "/proc/sys/kernel/seccomp/actions_avail");
    g_autofree char *status = text_of(root, "/proc/self/status");
    g_autofree char *mode = status != NULL ? field_of(status, "Seccomp") : NULL;

    if (actions != NULL)
        gemel_host_set(host, GEMEL_HOST_SECCOMP, GEMEL_HOST_YES, actions, NULL, -1);
    else
        gemel_host_set(host, GEMEL_HOST_SECCOMP, mode != NULL ? GEMEL_HOST_YES : GEMEL_HOST_NO,
                       mode != NULL ? "on" : "none",
                       mode != NULL ? NULL : "the kernel was built without it", -1);
}

static void read_lsm(GemelHost *host, const char *root)
{
    static const char *const labelling[] = {"apparmor", "selinux", "smack"};
    g_autofree char *list = text_of(root, "/sys/kernel/security/lsm");
    const char *found = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(labelling); i++)
        if (has_word(list, labelling[i]))
            found = labelling[i];
    if (list == NULL && (is_there(root, "/sys/module/apparmor/parameters/enabled") ||
                         is_there(root, "/sys/fs/selinux")))
        found = is_there(root, "/sys/fs/selinux") ? "selinux" : "apparmor";
    gemel_host_set(host, GEMEL_HOST_LSM,
                   found != NULL  ? GEMEL_HOST_YES
                   : list != NULL ? GEMEL_HOST_PARTLY
                                  : GEMEL_HOST_NO,
                   list != NULL    ? list
                   : found != NULL ? found
                                   : "none",
                   found != NULL ? NULL : "neither AppArmor nor SELinux", -1);
}

GemelHost *gemel_host_read(const char *root)
{
    GemelHost *host = gemel_host_new("its file in /proc cannot be read");
    g_autofree char *cpuinfo = text_of(root, "/proc/cpuinfo");
    Maker maker = MAKER_OTHER;

    host->is_local = TRUE;
    read_kernel(host, root);
    if (cpuinfo != NULL) {
        read_cpu(host, cpuinfo);
        maker = read_virt(host, cpuinfo);
        read_slat(host, root, cpuinfo, maker);
    }
    read_memory(host, root);
    read_hugepages(host, root);
    read_pressure(host, root);
    read_kvm(host, root);
    if (host->fact[GEMEL_HOST_KVM].grade == GEMEL_HOST_YES &&
        host->fact[GEMEL_HOST_VIRT].grade == GEMEL_HOST_NO)
        gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_PARTLY, "none",
                       "yet there is a KVM, of a paravirtual kind", -1);
    read_nested(host, root, maker);
    read_iommu(host, root);
    read_sriov(host, root);
    read_cgroups(host, root);
    read_namespaces(host, root);
    read_userns(host, root);
    read_seccomp(host, root);
    read_lsm(host, root);
    return host;
}
