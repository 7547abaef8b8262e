/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/native/seccomp_profile.h"

#define CPU_PERIOD_US 100000

/* What programs in containers need and what cannot reach the host: docker's set without MKNOD,
   NET_RAW and AUDIT_WRITE. */
static const char *const capabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",           "CAP_FSETID",
    "CAP_KILL",    "CAP_SETGID",       "CAP_SETUID",           "CAP_SETPCAP",
    "CAP_SETFCAP", "CAP_SYS_CHROOT",   "CAP_NET_BIND_SERVICE",
};

static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/dev/block",
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const struct {
    const char *destination, *type, *source, *options;
} mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
};

static json_t *strings(const char *const *list, gsize count)
{
    json_t *array = json_array();

    for (gsize i = 0; i < count && list[i] != NULL; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

/* ---- layers --------------------------------------------------------------------------------- */

char *native_bundle_lower(const NativeContainer *container)
{
    GString *text = g_string_new(NULL);

    for (guint i = container->lower->len; i > 0; i--)
        g_string_append_printf(text, "%sl/%u/fs", text->len > 0 ? ":" : "",
                               g_array_index(container->lower, guint, i - 1));
    return g_string_free(text, FALSE);
}

char *native_bundle_upper(const NativeContainer *container)
{
    return g_strdup_printf("l/%u/fs", container->upper);
}

char *native_bundle_work(const NativeContainer *container)
{
    return g_strdup_printf("l/%u/work", container->upper);
}

char *native_bundle_mount_options(const NativeContainer *container)
{
    g_autofree char *lower = native_bundle_lower(container);

    return g_strdup_printf("lowerdir=%s,upperdir=l/%u/fs,workdir=l/%u/work,"
                           "index=off,metacopy=off,redirect_dir=off,xino=off",
                           lower, container->upper, container->upper);
}

/* ---- process -------------------------------------------------------------------------------- */

static gboolean env_has(const char *const *env, const char *key)
{
    gsize length = strlen(key);

    for (; env != NULL && *env != NULL; env++)
        if (strncmp(*env, key, length) == 0 && (*env)[length] == '=')
            return TRUE;
    return FALSE;
}

/* The container's variables, those of `more` over them, and what every program expects. */
static json_t *format_env(const NativeContainer *c, const char *const *more, guint uid,
                          gboolean tty)
{
    json_t *array = json_array();
    const char *const *own = (const char *const *)c->env;
    const struct {
        const char *key, *value;
    } defaults[] = {
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        {"HOSTNAME", c->hostname},
        {"HOME", uid == 0 ? "/root" : "/"},
        {"container", "gemel"},
        {"TERM", tty ? "xterm-256color" : NULL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(defaults); i++) {
        g_autofree char *line = NULL;

        if (defaults[i].value == NULL || env_has(own, defaults[i].key) ||
            env_has(more, defaults[i].key))
            continue;
        line = g_strdup_printf("%s=%s", defaults[i].key, defaults[i].value);
        json_array_append_new(array, json_string(line));
    }
    for (; own != NULL && *own != NULL; own++) {
        g_autofree char *key = g_strndup(*own, strcspn(*own, "="));

        if (!env_has(more, key))
            json_array_append_new(array, json_string(*own));
    }
    for (; more != NULL && *more != NULL; more++)
        json_array_append_new(array, json_string(*more));
    return array;
}

static json_t *format_capabilities(guint uid)
{
    json_t *object = json_object();
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        if (i == 0 || uid == 0)
            json_object_set_new(object, sets[i], strings(capabilities, G_N_ELEMENTS(capabilities)));
    return object;
}

/* Only down from what we have: raising a hard limit needs CAP_SYS_RESOURCE, which root in a
   container or on a hardened host may lack. */
static json_t *format_rlimits(void)
{
    struct rlimit files = {.rlim_cur = 1024, .rlim_max = 4096};

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max > 1048576)
        files.rlim_max = 1048576;
    return json_pack("[{s:s, s:I, s:I}]", "type", "RLIMIT_NOFILE", "soft",
                     (json_int_t)MIN(1024, files.rlim_max), "hard", (json_int_t)files.rlim_max);
}

static json_t *format_process(const NativeContainer *c, const char *const *argv,
                              const char *const *env, guint uid, guint gid, const char *cwd,
                              gboolean tty)
{
    return json_pack("{s:b, s:{s:I, s:I}, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", tty, "user",
                     "uid", (json_int_t)uid, "gid", (json_int_t)gid, "args",
                     strings(argv, G_MAXSIZE), "env", format_env(c, env, uid, tty), "cwd", cwd,
                     "capabilities", format_capabilities(uid), "rlimits", format_rlimits(),
                     "noNewPrivileges", TRUE);
}

/* What is told later, by a resize, a program that asks first thing does not see. */
static void add_console_size(json_t *process, gboolean tty, guint rows, guint cols)
{
    if (process != NULL && tty && rows > 0 && cols > 0)
        json_object_set_new(
            process, "consoleSize",
            json_pack("{s:i, s:i}", "height", (int)MIN(rows, 1000), "width", (int)MIN(cols, 1000)));
}

static char *dump(json_t *root, GError **error)
{
    char *raw = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *text = g_strdup(raw);

    free(raw);
    json_decref(root);
    if (text == NULL)
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "the configuration holds text that is not "
                        "UTF-8");
    return text;
}

char *native_bundle_format_process(const NativeContainer *container, const char *const *argv,
                                   const char *const *env, guint uid, guint gid, const char *cwd,
                                   gboolean tty, guint rows, guint cols, GError **error)
{
    json_t *process = format_process(container, argv, env, uid, gid, cwd, tty);

    add_console_size(process, tty, rows, cols);
    return dump(process, error);
}

/* ---- the rest ------------------------------------------------------------------------------- */

json_t *native_bundle_resources(const GemelLimits *limits, gboolean has_memory_swap,
                                gboolean for_update)
{
    json_t *resources = json_object();
    /* -1 is "no limit" in update; at the first start what is not named is not limited. */
    gint64 quota = limits->cpus > 0 ? (gint64)(limits->cpus * CPU_PERIOD_US + 0.5) : -1;
    gint64 memory = limits->memory_bytes > 0 ? limits->memory_bytes : -1;
    gint64 pids = limits->pids > 0 ? limits->pids : -1;

    if (for_update || quota > 0)
        json_object_set_new(resources, "cpu",
                            json_pack("{s:I, s:I}", "quota", (json_int_t)quota, "period",
                                      (json_int_t)CPU_PERIOD_US));
    if (for_update || memory > 0) {
        json_t *object = json_pack("{s:I}", "limit", (json_int_t)memory);

        if (has_memory_swap)
            json_object_set_new(object, "swap", json_integer(memory));
        json_object_set_new(resources, "memory", object);
    }
    if (for_update || pids > 0)
        json_object_set_new(resources, "pids", json_pack("{s:I}", "limit", (json_int_t)pids));
    if (!for_update)
        json_object_set_new(resources, "devices",
                            json_pack("[{s:b, s:s}]", "allow", FALSE, "access", "rwm"));
    return resources;
}

static json_t *format_mounts(const NativeContainer *c)
{
    json_t *array = json_array();
    g_autofree char *resolv = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(mounts); i++) {
        g_auto(GStrv) options = g_strsplit(mounts[i].options, ",", -1);

        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o}", "destination",
                                               mounts[i].destination, "type", mounts[i].type,
                                               "source", mounts[i].source, "options",
                                               strings((const char *const *)options, G_MAXSIZE)));
    }
    /* Who shares the host's network resolves names as the host does. */
    if (g_str_equal(c->network, "host") && (resolv = realpath("/etc/resolv.conf", NULL)) != NULL)
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:s, s:[sssss]}", "destination",
                                        "/etc/resolv.conf", "type", "bind", "source", resolv,
                                        "options", "bind", "ro", "nosuid", "nodev", "noexec"));
    return array;
}

static json_t *format_namespaces(const NativeContainer *c)
{
    static const char *const plain[] = {"pid", "mount", "uts", "ipc", "cgroup"};
    json_t *array = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
        json_array_append_new(array, json_pack("{s:s}", "type", plain[i]));
    if (g_str_has_prefix(c->network, "ns:"))
        json_array_append_new(
            array, json_pack("{s:s, s:s}", "type", "network", "path", c->network + strlen("ns:")));
    else if (!g_str_equal(c->network, "host"))
        json_array_append_new(array, json_pack("{s:s}", "type", "network"));
    return array;
}

static json_t *format_annotations(const NativeContainer *c, const NativeBundleHost *host)
{
    g_autofree char *lower = native_bundle_lower(c), *upper = native_bundle_upper(c),
                    *work = native_bundle_work(c);
    json_t *object = json_pack("{s:s}", "org.gemel.name", c->name);

    if (host->private_root != NULL)
        return object;
    json_object_set_new(object, "org.gemel.overlay.lower", json_string(lower));
    json_object_set_new(object, "org.gemel.overlay.upper", json_string(upper));
    json_object_set_new(object, "org.gemel.overlay.work", json_string(work));
    return object;
}

static json_t *format_linux(const NativeContainer *c, const NativeBundleHost *host, GError **error)
{
    g_autofree char *cgroup = g_strconcat("/", host->cgroup, NULL);
    json_t *seccomp = native_seccomp_default(capabilities, G_N_ELEMENTS(capabilities), error);
    json_t *object;

    if (seccomp == NULL)
        return NULL;
    object = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o}", "namespaces", format_namespaces(c), "cgroupsPath", cgroup,
        "resources", native_bundle_resources(&c->limits, host->has_memory_swap, FALSE),
        "maskedPaths", strings(masked_paths, G_N_ELEMENTS(masked_paths)), "readonlyPaths",
        strings(readonly_paths, G_N_ELEMENTS(readonly_paths)), "seccomp", seccomp);
    /* Ports below 1024 and ping need no capability, but these belong to a namespace of its own. */
    if (object != NULL && !g_str_equal(c->network, "host") && !g_str_has_prefix(c->network, "ns:"))
        json_object_set_new(object, "sysctl",
                            json_pack("{s:s}", "net.ipv4.ping_group_range", "0 2147483647"));
    return object;
}

char *native_bundle_format(const NativeContainer *c, const NativeBundleHost *host, GError **error)
{
    json_t *linux_part = format_linux(c, host, error), *process;

    if (linux_part == NULL)
        return NULL;
    process = format_process(c, (const char *const *)c->argv, NULL, c->uid, c->gid, c->cwd, c->tty);
    add_console_size(process, c->tty, host->rows, host->cols);
    return dump(json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o, s:o}", "ociVersion", "1.0.2",
                          "process", process, "root", "path",
                          host->private_root != NULL ? host->private_root : "rootfs", "readonly",
                          c->read_only, "hostname", c->hostname, "mounts", format_mounts(c),
                          "annotations", format_annotations(c, host), "linux", linux_part),
                error);
}
