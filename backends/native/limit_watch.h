/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limit_watch.h - learning that somebody wrote to a limit file, instead of reading all of them each
 * time.
 *
 * inotify on the directory of a control group tells of writes to its files, also of those made by
 * other programs and through other mounts: they share the inodes. Where watches are not to be had
 * (fs.inotify.max_user_watches), limits are read again after NATIVE_LIMITS_UNWATCHED_NS; those that
 * are watched after NATIVE_LIMITS_WATCHED_NS all the same.
 *
 * Thread: the one that made it.
 */
#pragma once

#include <glib.h>

#define NATIVE_LIMITS_UNWATCHED_NS (G_GINT64_CONSTANT(5) * 1000000000)
#define NATIVE_LIMITS_WATCHED_NS   (G_GINT64_CONSTANT(60) * 1000000000)

typedef struct NativeLimitWatch NativeLimitWatch;

NativeLimitWatch *native_limit_watch_new(void);
void native_limit_watch_free(NativeLimitWatch *watch);

/* Sets *flag when a file in `dir` is written to; FALSE when that cannot be watched. The flag has to
   stay until it is forgotten. */
gboolean native_limit_watch_add(NativeLimitWatch *watch, const char *dir, gboolean *flag);
void native_limit_watch_forget(NativeLimitWatch *watch, const gboolean *flag);
/* Readable when something was written to; -1 where nothing can be watched. */
int native_limit_watch_fd(const NativeLimitWatch *watch);
/* Sets the flags of what was written to since. */
void native_limit_watch_poll(NativeLimitWatch *watch);
