/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * registry.h - the kinds of backend that were built in, and the rules that make one from a URI.
 *
 * UI thread only. The registry knows the tables; which backends are *open* is the console's
 * business (console/app.h), each with its own lanes, so that one failing harms no other.
 */
#pragma once

#include "backends/backend.h"

extern const GemelBackendOps gemel_sim_ops;
extern const GemelBackendOps gemel_libvirt_ops;
extern const GemelBackendOps gemel_native_ops;
extern const GemelBackendOps gemel_replay_ops;

/* NULL-terminated, in the order in which `backends` shows them. */
extern const GemelBackendOps *const gemel_backend_types[];

/*
 * Makes a backend from what the user gave to --connect or `connect`:
 *   sim:[N][,option=value...]   the simulator
 *   native[:ROOT]               containers of this host (ROOT = the store's directory)
 *   replay:FILE[?speed=N&seek=TIME] a recording, played again
 *   anything else               a libvirt URI, by virsh's rules
 * `name` may be NULL: then the type's usual name ("sim", "native", the URI's driver).
 */
GemelBackend *gemel_registry_create(const char *name, const char *uri, GError **error);
void gemel_backend_free(GemelBackend *backend);
