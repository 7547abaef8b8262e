/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FREEZE_TIMEOUT_MS 5000

static const char *const controller_names[NATIVE_CGROUP_N] = {
    [NATIVE_CGROUP_CPU] = "cpu",
    [NATIVE_CGROUP_CPUACCT] = "cpuacct",
    [NATIVE_CGROUP_MEMORY] = "memory",
    [NATIVE_CGROUP_PIDS] = "pids",
    [NATIVE_CGROUP_BLKIO] = "blkio",
    [NATIVE_CGROUP_FREEZER] = "freezer",
    [NATIVE_CGROUP_SYSTEMD] = "name=systemd",
};

/* ---- finding the hierarchies ---------------------------------------------------------------- */

/* \040 and the like, as mountinfo writes blanks, tabs, newlines and backslashes. */
static char *unescape(const char *text)
{
    GString *out = g_string_new(NULL);

    for (; *text != '\0'; text++) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
            text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
            g_string_append_c(out,
                              (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')));
            text += 3;
        } else {
            g_string_append_c(out, *text);
        }
    }
    return g_string_free(out, FALSE);
}

/* One line: "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAGS] - TYPE SOURCE SUPEROPTIONS". The
   first mount of a hierarchy counts. */
static void parse_line(const char *line, const char *prefix, NativeCgroups *cgroups)
{
    g_auto(GStrv) halves = g_strsplit(line, " - ", 2);
    g_auto(GStrv) before = NULL, after = NULL, options = NULL;
    g_autofree char *point = NULL, *path = NULL;

    if (halves[0] == NULL || halves[1] == NULL)
        return;
    before = g_strsplit(halves[0], " ", 6);
    after = g_strsplit(halves[1], " ", 3);
    if (g_strv_length(before) < 5 || g_strv_length(after) < 3)
        return;
    point = unescape(before[4]);
    path = g_strconcat(prefix, point, NULL);
    if (g_str_equal(after[0], "cgroup2") || g_str_equal(after[0], "cgroup"))
        g_ptr_array_add(cgroups->mounts, g_strdup(path));
    if (g_str_equal(after[0], "cgroup2") && cgroups->v2 == NULL) {
        cgroups->v2 = g_steal_pointer(&path);
        return;
    }
    if (!g_str_equal(after[0], "cgroup"))
        return;
    options = g_strsplit(after[2], ",", -1);
    for (guint c = 0; c < NATIVE_CGROUP_N; c++)
        if (cgroups->v1[c] == NULL &&
            g_strv_contains((const char *const *)options, controller_names[c]))
            cgroups->v1[c] = g_strdup(path);
}

void native_cgroups_parse(const char *mountinfo, const char *prefix, NativeCgroups *ret)
{
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
    gboolean any_v1 = FALSE;

    memset(ret, 0, sizeof *ret);
    ret->mounts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; lines[i] != NULL; i++)
        parse_line(lines[i], prefix, ret);
    for (guint c = 0; c < NATIVE_CGROUP_SYSTEMD; c++)
        any_v1 = any_v1 || ret->v1[c] != NULL;
    if (any_v1)
        ret->mode = ret->v2 != NULL ? NATIVE_CGROUPS_HYBRID : NATIVE_CGROUPS_V1;
    else
        ret->mode = ret->v2 != NULL ? NATIVE_CGROUPS_V2 : NATIVE_CGROUPS_NONE;
}

void native_cgroups_done(NativeCgroups *cgroups)
{
    for (guint c = 0; c < NATIVE_CGROUP_N; c++)
        g_clear_pointer(&cgroups->v1[c], g_free);
    g_clear_pointer(&cgroups->v2, g_free);
    g_clear_pointer(&cgroups->mounts, g_ptr_array_unref);
}

static NativeCgroups host;

static void read_host(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        text = g_strdup("");
    native_cgroups_parse(text, "", &host);
}

const NativeCgroups *native_cgroups_host(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_host);
    return &host;
}

/* ---- freezing ------------------------------------------------------------------------------- */

static gboolean write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gboolean ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int err = errno;

    if (fd >= 0)
        close(fd);
    errno = err;
    return ok;
}

static gboolean file_contains(const char *path, const char *wanted)
{
    char text[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (got < 0)
        return FALSE;
    text[got] = '\0';
    return strstr(text, wanted) != NULL;
}

gboolean native_cgroup_is_frozen(const NativeCgroups *cgroups, const char *path)
{
    g_autofree char *file = NULL;

    if (path == NULL || *path == '\0')
        return FALSE;
    if (cgroups->v1[NATIVE_CGROUP_FREEZER] != NULL) {
        file = g_build_filename(cgroups->v1[NATIVE_CGROUP_FREEZER], path, "freezer.state", NULL);
        /* FREEZING counts as well: nothing of it will run until it is thawed. */
        return file_contains(file, "FR");
    }
    if (cgroups->v2 == NULL)
        return FALSE;
    file = g_build_filename(cgroups->v2, path, "cgroup.events", NULL);
    return file_contains(file, "frozen 1");
}

gboolean native_cgroup_set_frozen(const NativeCgroups *cgroups, const char *path, gboolean frozen,
                                  GError **error)
{
    gboolean v1 = cgroups->v1[NATIVE_CGROUP_FREEZER] != NULL;
    const char *mount = v1 ? cgroups->v1[NATIVE_CGROUP_FREEZER] : cgroups->v2;
    gint64 deadline_us = g_get_monotonic_time() + FREEZE_TIMEOUT_MS * 1000;
    g_autofree char *control = NULL, *state = NULL;
    const char *order, *reached;

    if (mount == NULL)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "this host has no cgroup freezer mounted");
    control = g_build_filename(mount, path, v1 ? "freezer.state" : "cgroup.freeze", NULL);
    state = g_build_filename(mount, path, v1 ? "freezer.state" : "cgroup.events", NULL);
    order = v1 ? (frozen ? "FROZEN" : "THAWED") : (frozen ? "1" : "0");
    reached = v1 ? order : (frozen ? "frozen 1" : "frozen 0");
    /* v1: a fork that races with FROZEN can leave the group FREEZING for good until it is written
       again, so the order is repeated (kernel: freezer-subsystem.rst). */
    for (gulong pause_us = 100;; pause_us = MIN(pause_us * 2, 10000)) {
        if (!write_file(control, order))
            return gemel_error_set_errno(error, errno, "%s", control);
        if (file_contains(state, reached))
            return TRUE;
        if (g_get_monotonic_time() > deadline_us)
            break;
        g_usleep(pause_us);
    }
    if (frozen)
        write_file(control, v1 ? "THAWED" : "0");
    return gemel_error_set(error, GEMEL_ERROR_TIMEOUT, "%s: not %s within %d ms", control,
                           frozen ? "frozen" : "thawed", FREEZE_TIMEOUT_MS);
}

/* ---- conmon's group ------------------------------------------------------------------------- */

void native_cgroup_adopt(const NativeCgroups *cgroups, const char *parent, pid_t pid)
{
    const char *const mounts[] = {cgroups->v2, cgroups->v1[NATIVE_CGROUP_SYSTEMD]};
    char text[24];

    g_snprintf(text, sizeof text, "%d", (int)pid);
    for (guint i = 0; i < G_N_ELEMENTS(mounts); i++) {
        g_autofree char *dir = NULL, *file = NULL;

        if (mounts[i] == NULL)
            continue;
        dir = g_build_filename(mounts[i], parent, "conmon", NULL);
        file = g_build_filename(dir, "cgroup.procs", NULL);
        if (g_mkdir_with_parents(dir, 0755) == 0)
            write_file(file, text);
    }
}

void native_cgroup_prepare(const NativeCgroups *cgroups, const char *parent)
{
    for (guint i = 0; i < cgroups->mounts->len; i++) {
        g_autofree char *dir =
            g_build_filename(g_ptr_array_index(cgroups->mounts, i), parent, NULL);

        g_mkdir_with_parents(dir, 0755); /* what cannot be made the runtime will complain about */
    }
}

void native_cgroup_tidy(const NativeCgroups *cgroups, const char *parent)
{
    for (guint i = 0; i < cgroups->mounts->len; i++) {
        g_autofree char *dir =
            g_build_filename(g_ptr_array_index(cgroups->mounts, i), parent, NULL);
        g_autofree char *child = g_build_filename(dir, "conmon", NULL);

        rmdir(child);
        rmdir(dir);
    }
}
