/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * view.h - a directory as the overlay of some layers shows it, without mounting anything.
 *
 * It is for reading snapshots and the layers under a container's mount, which may be in use: what
 * changes meanwhile is seen in one state or the other, and never leads elsewhere. The rules are
 * overlayfs's (Documentation/filesystems/overlayfs.rst) with redirect_dir and metacopy off, as
 * every overlay here is mounted: a name is what the topmost layer that has it says; a character
 * device 0:0 hides it; directories of several layers are one, down to one that is opaque.
 *
 * What is in the layers is hostile; see tree.h for how they are walked. Reading opaque marks takes
 * CAP_SYS_ADMIN.
 *
 * Thread: any worker; a view is its owner's.
 */
#pragma once

#include <sys/stat.h>

#include "backends/native/container.h"

typedef struct {
    GArray *fds;    /* int, the directories that are one here, the topmost first; never none */
    GArray *layers; /* guint, whose they are: equal lists show equal files */
} NativeView;

/* Of the layers (guint, from the bottom up, at least one) of the container in the directory `dir`.
   NULL with error set. */
NativeView *native_view_open(const char *dir, const GArray *layers, GError **error);
/* Of one directory, which need not be a layer; the descriptor stays the caller's. NULL with errno.
 */
NativeView *native_view_of(int dir_fd);
void native_view_free(NativeView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NativeView, native_view_free)

/* What a name is here. FALSE: nothing is there. *ret_fd is the directory that holds it (the view's
   own) and *ret_layer that one's number; both may be NULL. */
gboolean native_view_lookup(const NativeView *view, const char *name, struct stat *ret_info,
                            int *ret_fd, guint *ret_layer);
/* A directory in it; NULL with errno when it is none (any more). */
NativeView *native_view_enter(const NativeView *view, const char *name);
/* Names that are there, char*, sorted by bytes, free function set; NULL with errno. */
GPtrArray *native_view_names(const NativeView *view);
