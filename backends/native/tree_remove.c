/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listing, removing and measuring; copying and joining are in tree.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/tree.h"

int native_tree_open(int dir_fd, const char *name, GError **error)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        gemel_error_set_errno(error, errno, "directory %s", name);
    return fd;
}

GPtrArray *native_tree_entries(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    GPtrArray *names;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(dir);
    return names;
}

/* ---- removing ------------------------------------------------------------------------------- */

/* Empties dir_fd/name into `top_fd`: files go, directories that are not empty are moved up under
   numbers that nothing else has. */
static gboolean flatten(int top_fd, int dir_fd, guint64 *next, GQueue *queue)
{
    g_autoptr(GPtrArray) names = native_tree_entries(dir_fd);

    if (names == NULL)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        char moved[40];

        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return FALSE;
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
            continue;
        do
            g_snprintf(moved, sizeof moved, ".gone-%" G_GUINT64_FORMAT, (*next)++);
        while (faccessat(top_fd, moved, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        if (renameat(dir_fd, name, top_fd, moved) != 0)
            return FALSE;
        g_queue_push_tail(queue, g_strdup(moved));
    }
    return TRUE;
}

gboolean native_tree_remove(int dir_fd, const char *name, GError **error)
{
    GQueue queue = G_QUEUE_INIT;
    guint64 next = 0;
    int top_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    gboolean ok;

    if (top_fd < 0) {
        if (errno == ENOENT || unlinkat(dir_fd, name, 0) == 0)
            return TRUE;
        return gemel_error_set_errno(error, errno, "removing %s", name);
    }
    ok = flatten(top_fd, top_fd, &next, &queue);
    while (ok && !g_queue_is_empty(&queue)) {
        g_autofree char *moved = g_queue_pop_head(&queue);
        int fd = openat(top_fd, moved, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        ok = fd >= 0 && flatten(top_fd, fd, &next, &queue) &&
             unlinkat(top_fd, moved, AT_REMOVEDIR) == 0;
        if (fd >= 0)
            close(fd);
    }
    g_queue_clear_full(&queue, g_free);
    ok = ok && (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
    if (!ok)
        gemel_error_set_errno(error, errno, "removing %s", name);
    close(top_fd);
    return ok;
}

/* ---- measuring ------------------------------------------------------------------------------ */

static gboolean add_size(int dir_fd, guint *left, guint depth, gint64 *bytes)
{
    g_autoptr(GPtrArray) names = native_tree_entries(dir_fd);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        struct stat info;
        gboolean ok = TRUE;

        if (*left == 0 || depth > NATIVE_TREE_DEPTH_MAX)
            return FALSE;
        (*left)--;
        if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            int fd = native_tree_open(dir_fd, name, NULL);

            ok = fd >= 0 && add_size(fd, left, depth + 1, bytes);
            if (fd >= 0)
                close(fd);
        } else if (S_ISREG(info.st_mode) && info.st_nlink > 0) {
            *bytes += (gint64)info.st_blocks * 512 / (gint64)info.st_nlink;
        }
        if (!ok)
            return FALSE;
    }
    return names != NULL;
}

gint64 native_tree_size(int fd, guint max_entries)
{
    gint64 bytes = 0;

    return add_size(fd, &max_entries, 0, &bytes) ? bytes : -1;
}
