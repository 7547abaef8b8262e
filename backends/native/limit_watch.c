/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/limit_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

struct NativeLimitWatch {
    int fd;            /* -1 = there is no inotify to be had */
    GHashTable *flags; /* GINT_TO_POINTER(watch descriptor) -> gboolean* */
};

NativeLimitWatch *native_limit_watch_new(void)
{
    NativeLimitWatch *watch = g_new0(NativeLimitWatch, 1);

    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->flags = g_hash_table_new(NULL, NULL);
    return watch;
}

void native_limit_watch_free(NativeLimitWatch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    g_hash_table_unref(watch->flags);
    g_free(watch);
}

gboolean native_limit_watch_add(NativeLimitWatch *watch, const char *dir, gboolean *flag)
{
    int wd = watch->fd >= 0 ? inotify_add_watch(watch->fd, dir, IN_MODIFY | IN_ONLYDIR) : -1;

    if (wd < 0)
        return FALSE;
    g_hash_table_insert(watch->flags, GINT_TO_POINTER(wd), flag);
    return TRUE;
}

void native_limit_watch_forget(NativeLimitWatch *watch, const gboolean *flag)
{
    GHashTableIter iter;
    gpointer wd, own;

    g_hash_table_iter_init(&iter, watch->flags);
    while (g_hash_table_iter_next(&iter, &wd, &own))
        if (own == flag) {
            inotify_rm_watch(watch->fd, GPOINTER_TO_INT(wd)); /* fails when the group has gone */
            g_hash_table_iter_remove(&iter);
        }
}

int native_limit_watch_fd(const NativeLimitWatch *watch)
{
    return watch->fd;
}

void native_limit_watch_poll(NativeLimitWatch *watch)
{
    _Alignas(struct inotify_event) char buffer[16384];

    if (watch->fd < 0)
        return;
    for (;;) {
        gssize got = read(watch->fd, buffer, sizeof buffer);
        const struct inotify_event *event;

        if (got <= 0)
            return;
        for (gssize at = 0; at < got; at += (gssize)(sizeof *event + event->len)) {
            gboolean *flag;

            event = (const struct inotify_event *)(const void *)(buffer + at);
            if (event->mask & IN_Q_OVERFLOW) { /* something was lost: anything may be stale */
                GHashTableIter iter;

                g_hash_table_iter_init(&iter, watch->flags);
                while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&flag))
                    *flag = TRUE;
                continue;
            }
            flag = g_hash_table_lookup(watch->flags, GINT_TO_POINTER(event->wd));
            if (flag != NULL)
                *flag = TRUE;
        }
    }
}
