/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tmpcopyup: a tmpfs starts with what the image has at its mount point. */
#pragma once

#include "util.h"

/* Copies the directory `from` into `to`: directories, files, symbolic links, with mode and owner.
 * Other kinds are left out. */
int mount_copy_up(int from, int to, struct err *err);
