/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/diff.h"

#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    char letter;
} types[GEMEL_CHANGE_N] = {
    [GEMEL_CHANGE_ADDED] = {"added", 'A'},
    [GEMEL_CHANGE_CHANGED] = {"changed", 'C'},
    [GEMEL_CHANGE_DELETED] = {"deleted", 'D'},
};

const char *gemel_change_name(GemelChangeType type)
{
    return types[type].name;
}

char gemel_change_letter(GemelChangeType type)
{
    return types[type].letter;
}

const char *gemel_differs_name(GemelDiffers what)
{
    static const char *const names[GEMEL_DIFFERS_N] = {
        [GEMEL_DIFFERS_KIND] = "kind", [GEMEL_DIFFERS_CONTENTS] = "contents",
        [GEMEL_DIFFERS_MODE] = "mode", [GEMEL_DIFFERS_OWNER] = "owner",
        [GEMEL_DIFFERS_TIME] = "time", [GEMEL_DIFFERS_ATTRIBUTES] = "attributes",
    };

    return names[what];
}

const char *gemel_file_kind_name(guint mode)
{
    static const struct {
        guint type;
        const char *name;
    } kinds[] = {{S_IFREG, "file"},  {S_IFDIR, "directory"}, {S_IFLNK, "link"},   {S_IFCHR, "char"},
                 {S_IFBLK, "block"}, {S_IFIFO, "fifo"},      {S_IFSOCK, "socket"}};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if ((mode & S_IFMT) == kinds[i].type)
            return kinds[i].name;
    return "file";
}

static void change_free(gpointer data)
{
    GemelChange *change = data;

    g_free(change->path);
    g_free(change);
}

GemelDiff *gemel_diff_new(const char *from, const char *to)
{
    GemelDiff *diff = g_new0(GemelDiff, 1);

    diff->from = g_strdup(from);
    diff->to = g_strdup(to);
    diff->changes = g_ptr_array_new_with_free_func(change_free);
    return diff;
}

void gemel_diff_free(GemelDiff *diff)
{
    if (diff == NULL)
        return;
    g_free(diff->from);
    g_free(diff->to);
    g_ptr_array_unref(diff->changes);
    g_free(diff);
}

GemelChange *gemel_diff_add(GemelDiff *diff, GemelChangeType type, const char *path, guint mode)
{
    GemelChange *change;

    diff->total++;
    if (diff->changes->len >= GEMEL_DIFF_MAX)
        return NULL;
    change = g_new0(GemelChange, 1);
    change->path = g_strdup(path);
    change->type = type;
    change->mode = mode;
    change->size_bytes = -1;
    g_ptr_array_add(diff->changes, change);
    return change;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    const GemelChange *one = *(GemelChange *const *)a, *other = *(GemelChange *const *)b;

    return strcmp(one->path, other->path);
}

void gemel_diff_sort(GemelDiff *diff)
{
    g_ptr_array_sort(diff->changes, compare_paths);
}
