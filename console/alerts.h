/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * alerts.h - `alert NAME|all METRIC above|below VALUE [for TIME] [do CMD...]`.
 *
 * Each sample that comes in is held against the alerts that choose its instance. An alert is raised
 * when its condition held in every sample over its time, and over when it does not hold any more or
 * the figure is gone; both are events of the model. Time is the samples' own; a gap between samples
 * (a hang, a suspend) begins the waiting anew: what was not seen did not hold.
 *
 * A command is run as it was given, word for word, without a shell, and never with text of others
 * among its words: name, figures and the rest are in its environment (GEMEL_ALERT, GEMEL_BACKEND,
 * GEMEL_ID, GEMEL_NAME, GEMEL_METRIC, GEMEL_VALUE). GEMEL_NAME and GEMEL_ID are whatever a guest's
 * or an engine's owner chose. No shell evaluates a variable's value by itself, so `"$GEMEL_NAME"`
 * in quotes is safe in a script; `eval`, `sh -c "... $GEMEL_NAME"` and a terminal that prints it as
 * it is are not. Of one alert one command runs at a time, and one begins at most every
 * ALERT_PAUSE_S; what that leaves out is said in the event. What it takes to start one is
 * in child.h; its output is read and dropped.
 *
 * UI thread only.
 */
#pragma once

#include "console/model.h"

#define ALERTS_MAX    32 /* a bit each in ModelInstance.alerts */
#define ALERT_PAUSE_S 10

/* What a number of an alert is. */
typedef enum {
    ALERT_PERCENT, /* "80" or "80%" */
    ALERT_BYTES,   /* "64M", of a rate per second */
    ALERT_NUMBER,
    ALERT_MEMORY, /* bytes, or percent of the limit */
    ALERT_SECONDS,
} AlertUnit;

typedef struct {
    guint number;   /* from 1, as `alert remove` takes it */
    char *instance; /* glob of names or backend/names; "all" */
    char *metric;   /* "cpu", "memory", ..., or a name of the metrics table */
    AlertUnit unit;
    gboolean below, of_limit; /* of_limit: memory in percent */
    double value;
    gint for_ms;
    char **command; /* or NULL */
    char *text;     /* the line that made it, without "alert" */
    gint64 ran_usec;
    struct Child *child; /* runs now, or NULL */
    guint64 runs;
} Alert;

typedef struct Alerts Alerts;

Alerts *alerts_new(App *app);
void alerts_free(Alerts *alerts);

/* Adds one from the words after `alert`; INVALID says what would be right. */
const Alert *alerts_add(Alerts *alerts, char **words, GError **error);
/* FALSE: there is none of this number. */
gboolean alerts_remove(Alerts *alerts, guint number);
void alerts_remove_all(Alerts *alerts);
/* The i-th, NULL past the end. */
const Alert *alerts_nth(const Alerts *alerts, guint i);

/* The alert's own view of an instance: whether it is raised, and the figure in words ("95 %"). */
gboolean alert_is_raised(const Alert *alert, const ModelInstance *instance);
char *alert_figure(const Alert *alert, const ModelInstance *instance);

/* Names that METRIC can have: the i-th, NULL past the end. */
const char *alert_metric_name(guint i);
