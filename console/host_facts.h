/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * host_facts.h - what a host can do, as lines for people (console/isolation.h's FactLine) and as
 * JSON, each with what it means here. UI thread; pure.
 */
#pragma once

#include "backends/hostfacts.h"
#include "console/isolation.h"

/* Appends the host's lines under the heading `title` and what belongs to it; the title is copied
   for good. */
void host_add_lines(GPtrArray *lines, const char *title, const GemelHost *host);
/* The object of one host in docs/schemas/host.json, without "backends". */
json_t *host_to_json(const GemelHost *host);
const char *host_fact_name(GemelHostWhat what);                          /* "iommu" */
const char *host_fact_meaning(GemelHostWhat what, GemelHostGrade grade); /* NULL = none */
