/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fixture_tree.h - the host layouts of tests/fixtures/cgroup, unpacked, and samples as text.
 *
 * A layout is one text, "tree": "=== /path" and the lines of that file, as often as there are
 * files. Beside it lies what a sample has to be, a line per figure. GEMEL_FIXTURES_UPDATE=1 writes
 * that anew, to be looked through by a person.
 */
#pragma once

#include "backends/backend.h"

/* Unpacks FIXTURES/cgroup/LAYOUT/tree into a new directory and returns its path. */
char *fixture_tree_unpack(const char *layout);
/* Removes it and frees the path. */
void fixture_tree_remove(char *root);
/* "container" of the layout: its group; NULL if there is none. */
char *fixture_tree_text(const char *root, const char *path);

/* Compares the sample with FIXTURES/cgroup/LAYOUT/NAME.expected. */
void fixture_check_sample(const GemelSample *sample, const char *layout, const char *name);
