/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/native/tree.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static NativeView *view_new(void)
{
    NativeView *view = g_new0(NativeView, 1);

    view->fds = g_array_new(FALSE, FALSE, sizeof(int));
    view->layers = g_array_new(FALSE, FALSE, sizeof(guint));
    return view;
}

void native_view_free(NativeView *view)
{
    if (view == NULL)
        return;
    for (guint i = 0; i < view->fds->len; i++)
        close(g_array_index(view->fds, int, i));
    g_array_unref(view->fds);
    g_array_unref(view->layers);
    g_free(view);
}

/* One more directory, below those that are there. Takes the descriptor. */
static void add_below(NativeView *view, int fd, guint layer)
{
    g_array_append_val(view->fds, fd);
    g_array_append_val(view->layers, layer);
}

static gboolean is_opaque(int fd)
{
    char value[2];

    return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

static gboolean is_whiteout(const struct stat *info)
{
    return S_ISCHR(info->st_mode) && info->st_rdev == makedev(0, 0);
}

NativeView *native_view_open(const char *dir, const GArray *layers, GError **error)
{
    g_autoptr(NativeView) view = view_new();

    for (guint i = layers->len; i-- > 0;) {
        guint layer = g_array_index(layers, guint, i);
        g_autofree char *path = g_strdup_printf("%s/l/%u/fs", dir, layer);
        int fd = native_tree_open(AT_FDCWD, path, error);

        if (fd < 0)
            return NULL;
        add_below(view, fd, layer);
    }
    return g_steal_pointer(&view);
}

NativeView *native_view_of(int dir_fd)
{
    int fd = openat(dir_fd, ".", DIR_FLAGS);
    NativeView *view = fd >= 0 ? view_new() : NULL;

    if (view != NULL)
        add_below(view, fd, 0);
    return view;
}

gboolean native_view_lookup(const NativeView *view, const char *name, struct stat *ret_info,
                            int *ret_fd, guint *ret_layer)
{
    for (guint i = 0; i < view->fds->len; i++) {
        int fd = g_array_index(view->fds, int, i);

        if (fstatat(fd, name, ret_info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (is_whiteout(ret_info))
            return FALSE;
        if (ret_fd != NULL)
            *ret_fd = fd;
        if (ret_layer != NULL)
            *ret_layer = g_array_index(view->layers, guint, i);
        return TRUE;
    }
    return FALSE;
}

NativeView *native_view_enter(const NativeView *view, const char *name)
{
    g_autoptr(NativeView) inner = view_new();

    for (guint i = 0; i < view->fds->len; i++) {
        int fd = openat(g_array_index(view->fds, int, i), name, DIR_FLAGS);

        if (fd < 0 && errno == ENOENT)
            continue;
        /* Anything but a directory ends it: a whiteout or a file hides what is further down. */
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
            break;
        if (fd < 0)
            return NULL;
        add_below(inner, fd, g_array_index(view->layers, guint, i));
        if (is_opaque(fd))
            break;
    }
    if (inner->fds->len == 0) {
        errno = ENOENT;
        return NULL;
    }
    return g_steal_pointer(&inner);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *native_view_names(const NativeView *view)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct stat info;

    for (guint i = 0; i < view->fds->len; i++) {
        g_autoptr(GPtrArray) own = native_tree_entries(g_array_index(view->fds, int, i));

        if (own == NULL)
            return NULL;
        for (guint n = 0; n < own->len; n++) {
            const char *name = g_ptr_array_index(own, n);

            if (g_hash_table_add(seen, g_strdup(name)) &&
                native_view_lookup(view, name, &info, NULL, NULL))
                g_ptr_array_add(names, g_strdup(name));
        }
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}
