/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * isolation.h - what holds an instance in, as lines for people and as JSON.
 *
 * One line is one fact: what it is, how it is here, and a short word of what that means. UI thread;
 * pure.
 */
#pragma once

#include <jansson.h>

#include "backends/isolation.h"

typedef enum {
    FACT_PLAIN,
    FACT_CLOSED,  /* it holds the instance in */
    FACT_OPEN,    /* it does not: a way to the host, or a thing shared with it */
    FACT_UNKNOWN, /* why it is not known */
} FactGrade;

typedef struct {
    const char *section; /* static; the heading when it differs from the line before */
    char *what, *value;
    char *meaning; /* NULL: nothing to add */
    FactGrade grade;
} FactLine;

/* FactLine*, free function set. */
GPtrArray *isolation_lines(const GemelIsolation *isolation);
/* docs/schemas/isolation.json, without what names the instance. */
json_t *isolation_to_json(const GemelIsolation *isolation);

FactLine *fact_add(GPtrArray *lines, const char *section, FactGrade grade, const char *what,
                   const char *meaning, const char *format, ...) G_GNUC_PRINTF(6, 7);
GPtrArray *fact_lines_new(void);
