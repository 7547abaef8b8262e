/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * filter.h - which instances the list shows.
 *
 * Words separated by spaces; an instance is shown when all of them match.
 *   web          name, backend or image contains it (no regard to case)
 *   ~re or /re/  name matches the regular expression
 *   key=value    name kind state backend image, or a label; value without regard to case; `*` and
 *                `?` as in file names
 *   key>number   a figure of the list's columns: cpu memory swap steal uptime (also < >= <=); 100M,
 * 5m !word        the word does not match
 */
#pragma once

#include "console/model.h"

typedef struct Filter Filter;

/* NULL with INVALID when a word makes no sense (says which). "" matches everything. */
Filter *filter_new(const char *text, GError **error);
void filter_free(Filter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Filter, filter_free)

/* Whether it depends on figures, which change without a change of the list. */
gboolean filter_has_figures(const Filter *filter);
/* TRUE only if `to` lets through nothing that `from` does not: a word was typed on, or added. */
gboolean filter_narrows(const Filter *from, const Filter *to);

gboolean filter_matches(const Filter *filter, const ModelInstance *instance);
