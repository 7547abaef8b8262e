/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a user may ask for: every field of a GemelCreateSpec checked before anything is made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <math.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/native/bundle.h"

#define MEMORY_MIN (4 * 1024 * 1024) /* less cannot even hold the runtime's init */
#define CPUS_MIN   0.01              /* the kernel's smallest quota is 1 ms in 100 ms */
#define CPUS_MAX   8192.0
#define PIDS_MAX   4194304      /* PID_MAX_LIMIT */
#define STRING_MAX (128 * 1024) /* MAX_ARG_STRLEN */

gboolean native_limits_check(const GemelLimits *limits, GError **error)
{
    if (!isfinite(limits->cpus) || (limits->cpus > 0 && limits->cpus < CPUS_MIN) ||
        limits->cpus > CPUS_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "cpu=%g: give a number of CPUs from %g to %g, or none", limits->cpus,
                               CPUS_MIN, CPUS_MAX);
    if (limits->memory_bytes > 0 && limits->memory_bytes < MEMORY_MIN)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "memory=%" G_GINT64_FORMAT ": give at least %dM, or none",
                               limits->memory_bytes, MEMORY_MIN / 1024 / 1024);
    if (limits->pids > PIDS_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "pids=%" G_GINT64_FORMAT ": give at most %d, or none", limits->pids,
                               PIDS_MAX);
    return TRUE;
}

gboolean native_network_check(const char *network, gboolean must_exist, GError **error)
{
    const char *path = network + strlen("ns:");
    struct statfs info;
    int fd;

    if (g_str_equal(network, "none") || g_str_equal(network, "host"))
        return TRUE;
    if (!g_str_has_prefix(network, "ns:") || !g_path_is_absolute(path))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "network %s: give none, host or ns:/path/of/a/network/namespace",
                               network);
    if (!must_exist)
        return TRUE;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return gemel_error_set_errno(error, errno, "network namespace %s", path);
    if (fstatfs(fd, &info) != 0 || info.f_type != NSFS_MAGIC) {
        close(fd);
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "network namespace %s: not a namespace (make one with ip netns add)",
                               path);
    }
    close(fd);
    return TRUE;
}

/* Any text that goes into JSON and from there into a process. */
static gboolean check_text(const char *what, const char *text, GError **error)
{
    if (!g_utf8_validate(text, -1, NULL))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: not UTF-8", what);
    if (strlen(text) >= STRING_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: longer than %d bytes", what,
                               STRING_MAX);
    return TRUE;
}

static gboolean check_texts(const char *what, const char *const *list, GError **error)
{
    for (; list != NULL && *list != NULL; list++)
        if (!check_text(what, *list, error))
            return FALSE;
    return TRUE;
}

/* "key=value" lines: the key is there and printable. */
static gboolean check_pairs(const char *what, const char *const *list, GError **error)
{
    if (!check_texts(what, list, error))
        return FALSE;
    for (; list != NULL && *list != NULL; list++) {
        const char *equals = strchr(*list, '=');

        if (equals == NULL || equals == *list)
            return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s '%.60s': give key=value", what,
                                   *list);
        for (const char *at = *list; at < equals; at++)
            if (!g_ascii_isprint(*at) || *at == ' ')
                return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                       "%s '%.60s': the key holds a blank or an unprintable "
                                       "character",
                                       what, *list);
    }
    return TRUE;
}

static gboolean check_hostname(const char *hostname, GError **error)
{
    gsize length = strlen(hostname);

    for (const char *at = hostname; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("-._", *at) == NULL)
            length = 0;
    if (length == 0 || length > 64 || *hostname == '-' || *hostname == '.')
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "hostname '%.70s': give 1 to 64 letters, digits, '-', '.' or '_'",
                               hostname);
    return TRUE;
}

static gboolean check_spec(const GemelCreateSpec *spec, GError **error)
{
    if (!native_name_is_valid(spec->name))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "name '%.70s': give 1 to 63 letters, digits, '_', '.' or '-', "
                               "beginning with a letter or digit",
                               spec->name != NULL ? spec->name : "");
    if (spec->definition != NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: made from a root file system, not from XML",
                               spec->name);
    if (spec->rootfs == NULL || *spec->rootfs == '\0')
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: needs a root file system: a directory or a tar "
                               "archive",
                               spec->name);
    if (spec->argv != NULL && (spec->argv[0] == NULL || *spec->argv[0] == '\0'))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "container %s: the command is empty",
                               spec->name);
    if (spec->cwd != NULL && !g_path_is_absolute(spec->cwd))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "working directory '%.100s': give an absolute path", spec->cwd);
    return check_hostname(spec->hostname != NULL ? spec->hostname : spec->name, error) &&
           check_text("root file system", spec->rootfs, error) &&
           check_texts("command", spec->argv, error) &&
           check_pairs("environment", spec->env, error) &&
           check_pairs("label", spec->labels, error) &&
           (spec->user == NULL || check_text("user", spec->user, error)) &&
           (spec->cwd == NULL || check_text("working directory", spec->cwd, error)) &&
           (spec->network == NULL || (check_text("network", spec->network, error) &&
                                      native_network_check(spec->network, TRUE, error))) &&
           native_limits_check(&spec->limits, error);
}

NativeContainer *native_container_from_spec(const GemelCreateSpec *spec, GError **error)
{
    static const char *const shell[] = {"/bin/sh", NULL};
    static const char *const nothing[] = {NULL};
    NativeContainer *c;

    if (!check_spec(spec, error))
        return NULL;
    c = native_container_new();
    c->name = g_strdup(spec->name);
    c->created_unix = g_get_real_time() / G_USEC_PER_SEC;
    c->origin = g_canonicalize_filename(spec->rootfs, NULL);
    c->argv = g_strdupv((char **)(spec->argv != NULL ? spec->argv : shell));
    c->env = g_strdupv((char **)(spec->env != NULL ? spec->env : nothing));
    c->cwd = g_strdup(spec->cwd != NULL ? spec->cwd : "/");
    c->user = g_strdup(spec->user);
    c->hostname = g_strdup(spec->hostname != NULL ? spec->hostname : spec->name);
    c->network = g_strdup(spec->network != NULL ? spec->network : "none");
    c->tty = spec->tty;
    c->read_only = spec->read_only;
    c->limits.cpus = MAX(spec->limits.cpus, 0);
    c->limits.memory_bytes = MAX(spec->limits.memory_bytes, 0);
    c->limits.pids = MAX(spec->limits.pids, 0);
    c->stop_signal = g_strdup("TERM");
    for (const char *const *label = spec->labels; label != NULL && *label != NULL; label++) {
        const char *equals = strchr(*label, '=');

        g_hash_table_insert(c->labels, g_strndup(*label, (gsize)(equals - *label)),
                            g_strdup(equals + 1));
    }
    return c;
}
