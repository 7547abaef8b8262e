/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for the default profile in a tree that does not have it yet. */
extern const char native_seccomp_profile_text[];
const char native_seccomp_profile_text[] = "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}";
