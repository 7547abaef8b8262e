/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor.c - whether this host has what containers need; what was left over: doctor_find.c. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/conmon.h"
#include "backends/native/native.h"

#define SPACE_BAD_BYTES (64ull << 20)
#define SPACE_WARN      0.05 /* of the file system */

/* Takes `what`. */
static void add(json_t *found, const char *check, const char *level, const char *way_out,
                char *what)
{
    json_array_append_new(found, json_pack("{s:s, s:s, s:s, s:s*}", "check", check, "level", level,
                                           "what", what, "way_out", way_out));
    g_free(what);
}

/* A program by the function that looks for it. */
static void add_program(json_t *found, const char *check, char *path, GError *problem)
{
    if (path != NULL)
        add(found, check, "ok", NULL, g_strdup(path));
    else
        add(found, check, "bad", "install it; no container starts without",
            g_strdup(problem->message));
    g_free(path);
    g_clear_error(&problem);
}

static void add_store(json_t *found, const NativeConn *conn)
{
    struct statvfs space;
    double total, left;

    if (conn->read_only)
        add(found, "store", "warn", "run gemel as root to change containers",
            g_strdup_printf("%s: may be looked at only", conn->store->root));
    else
        add(found, "store", "ok", NULL, g_strdup(conn->store->root));
    if (statvfs(conn->store->root, &space) != 0) {
        add(found, "space", "bad", NULL,
            g_strdup_printf("%s: %s", conn->store->root, g_strerror(errno)));
        return;
    }
    total = (double)space.f_blocks * (double)space.f_frsize;
    left = (double)space.f_bavail * (double)space.f_frsize;

    const char *level = left < SPACE_BAD_BYTES                                     ? "bad"
                        : left < total * SPACE_WARN                                ? "warn"
                        : space.f_files > 0 && space.f_favail * 20 < space.f_files ? "warn"
                                                                                   : "ok";
    const char *way_out = g_str_equal(level, "ok") ? NULL
                                                   : "delete containers or snapshots, or move the "
                                                     "store to a larger file system (GEMEL_ROOT)";

    add(found, "space", level, way_out,
        g_strdup_printf("%.1f GiB of %.1f GiB are free for the store, %.0f%% of its inodes",
                        left / (1 << 30), total / (1 << 30),
                        space.f_files > 0 ? 100.0 * (double)space.f_favail / (double)space.f_files
                                          : 100.0));
}

static void add_cgroups(json_t *found)
{
    static const struct {
        const char *level, *what, *way_out;
    } modes[] = {
        [NATIVE_CGROUPS_NONE] = {"bad", "no cgroup hierarchy is mounted",
                                 "mount -t cgroup2 none /sys/fs/cgroup"},
        [NATIVE_CGROUPS_V1] = {"warn", "version 1 alone: no pressure figures, kill by freezer",
                               "boot with systemd.unified_cgroup_hierarchy=1"},
        [NATIVE_CGROUPS_HYBRID] = {"ok", "version 1 for limits, version 2 beside it", NULL},
        [NATIVE_CGROUPS_V2] = {"ok", "version 2", NULL},
    };
    NativeCgroupMode mode = native_cgroups_host()->mode;

    add(found, "cgroups", modes[mode].level, modes[mode].way_out, g_strdup(modes[mode].what));
}

static void add_overlay(json_t *found)
{
    g_autofree char *text = NULL;

    if (g_file_get_contents("/proc/filesystems", &text, NULL, NULL) &&
        strstr(text, "\toverlay\n") != NULL)
        add(found, "overlay", "ok", NULL, g_strdup("the kernel has overlayfs"));
    else
        add(found, "overlay", "bad", "modprobe overlay",
            g_strdup("the kernel knows no overlayfs (yet): container files cannot be layered"));
}

/* Rootless engines beside gemel need a range; gemel's own containers are root's and do not. */
static void add_subordinate_ids(json_t *found)
{
    const struct passwd *user = getpwuid(geteuid());
    g_autofree char *text = NULL, *begin = NULL, *later = NULL;
    const char *name = user != NULL ? user->pw_name : "";
    gboolean has;

    if (!g_file_get_contents("/etc/subuid", &text, NULL, NULL))
        text = g_strdup("");
    begin = g_strconcat(name, ":", NULL);
    later = g_strconcat("\n", begin, NULL);
    has = g_str_has_prefix(text, begin) || strstr(text, later) != NULL;
    add(found, "subordinate-ids", has || geteuid() == 0 ? "ok" : "warn",
        has || geteuid() == 0 ? NULL : "usermod --add-subuids 100000-165535 USER",
        has ? g_strdup_printf("%s has a range in /etc/subuid", name)
            : g_strdup_printf("%s has no range in /etc/subuid%s", name,
                              geteuid() == 0 ? ", and needs none" : ""));
}

json_t *native_doctor(GemelConn *base, gboolean fix, const GemelActArgs *args, GError **error)
{
    NativeConn *conn = (NativeConn *)base;
    GError *problem = NULL;
    json_t *found;
    char *path;

    if (fix && conn->read_only) {
        native_store_deny(conn->store, error);
        return NULL;
    }
    found = json_array();
    add_store(found, conn);
    path = native_conmon_find(&problem);
    add_program(found, "conmon", path, g_steal_pointer(&problem));
    path = native_runtime_find(conn->store, &problem);
    add_program(found, "runtime", path, g_steal_pointer(&problem));
    add_cgroups(found);
    add_overlay(found);
    add_subordinate_ids(found);
    native_leftovers_find(conn, fix, found);
    return found;
}
