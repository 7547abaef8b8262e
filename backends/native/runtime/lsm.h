/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Labels of Linux security modules: process.apparmorProfile, process.selinuxLabel,
 * linux.mountLabel.
 *
 * Whether the host has a module is asked before anything is made, while its /sys is in reach; the
 * label itself is written inside, through the host's procfs (CVE-2019-16884, CVE-2025-52881).
 */
#pragma once

#include "spec.h"

/* An error naming the field when a label is asked for that this host cannot give. "unconfined"
 * holds on a host without AppArmor. */
int lsm_check(const struct spec_process *process, const char *path, struct err *err);
int lsm_check_mounts(const struct spec *spec, struct err *err);

/* Labels the next execve of the calling process. */
int lsm_apply(const struct spec_process *process, struct err *err);
