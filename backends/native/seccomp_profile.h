/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * seccomp_profile.h - config/seccomp-default.json, a profile in the format of moby and podman, as
 * the linux.seccomp object of an OCI configuration for this machine and these capabilities.
 *
 * Thread: any.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "backends/error.h"

/* A new object; capabilities are "CAP_..." names. */
json_t *native_seccomp_default(const char *const *capabilities, gsize n_capabilities,
                               GError **error);
/* The same from a profile's text, for `machine` (utsname) and kernel `major.minor`. */
json_t *native_seccomp_convert(const char *profile, const char *machine, guint kernel_major,
                               guint kernel_minor, const char *const *capabilities,
                               gsize n_capabilities, GError **error);
