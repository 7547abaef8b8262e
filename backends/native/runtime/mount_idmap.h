/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Id-mapped bind mounts (mount_setattr(2), MOUNT_ATTR_IDMAP). */
#pragma once

#include "spec.h"

/* Puts the mount's own mappings on detached `fd`. A short-lived child holds the user namespace that
 * carries them. */
int mount_idmap(int fd, const struct spec_mount *mount, bool recursive, struct err *err);
