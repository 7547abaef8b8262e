/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bundle.h - the OCI configuration of a container (runtime-spec 1.0.2, config.json).
 *
 * Isolation by default: pid, mount, uts, ipc, network and cgroup namespaces, a bounded set of
 * capabilities, no_new_privs, docker's masked and read-only paths, a default-deny seccomp filter,
 * a private /dev, limits from the first start.
 *
 * Thread: any worker. Pure but for what it looks up on the host (the hard descriptor limit, the
 * network namespace's path).
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "backends/native/container.h"

typedef struct {
    const char *cgroup;       /* relative to every hierarchy */
    const char *private_root; /* where the overlay is mounted for a runtime that cannot; or NULL */
    gboolean has_memory_swap; /* the host counts swap: then a memory limit bounds both */
    guint rows, cols;         /* of its terminal, if it has one; 0 = not known */
} NativeBundleHost;

/* The configuration as text. */
char *native_bundle_format(const NativeContainer *container, const NativeBundleHost *host,
                           GError **error);
/* The process part alone, for exec; argv and env (added to the container's) must not be NULL. */
char *native_bundle_format_process(const NativeContainer *container, const char *const *argv,
                                   const char *const *env, guint uid, guint gid, const char *cwd,
                                   gboolean tty, guint rows, guint cols, GError **error);
/* The resources object (also what `update` reads). */
json_t *native_bundle_resources(const GemelLimits *limits, gboolean has_memory_swap,
                                gboolean for_update);

/* Whether these limits can be asked for; INVALID says which figure and why. */
gboolean native_limits_check(const GemelLimits *limits, GError **error);
/* "none", "host" or "ns:/absolute/path" of a network namespace; `must_exist` opens it. */
gboolean native_network_check(const char *network, gboolean must_exist, GError **error);
/* Checks every field of a wish and makes the model of it; user and layers stay to be filled in. */
NativeContainer *native_container_from_spec(const GemelCreateSpec *spec, GError **error);

/* Names of the layers as the overlay takes them, relative to the container's directory, the
   topmost first, with ':' between. */
char *native_bundle_lower(const NativeContainer *container);
char *native_bundle_upper(const NativeContainer *container); /* "l/3/fs" */
char *native_bundle_work(const NativeContainer *container);
/* "lowerdir=...,upperdir=...,workdir=..." for mount(2). */
char *native_bundle_mount_options(const NativeContainer *container);
