/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/follow.h"
#include "console/alerts.h"

#include <stdlib.h>

struct Follow {
    CommandRun *run;
    FollowSpec spec;
    GSource *next;  /* the next round begins */
    GSource *limit; /* this round is over whoever is missing */
    guint listener;
    gint64 begun_usec; /* of the first round */
    gint64 round_ns;   /* CLOCK_BOOTTIME at which this round was asked for */
    gint64 reported;
    guint warm;
    gboolean waiting;
    GHashTable *named; /* ModelBackend* that were named on stderr */
};

static gboolean begin_round(gpointer data);

static void follow_free(gpointer data)
{
    Follow *follow = data;

    app_source_remove(&follow->next);
    app_source_remove(&follow->limit);
    model_set_headline_only(follow->run->app->model, FALSE);
    if (follow->listener != 0)
        model_unlisten(follow->run->app->model, follow->listener);
    if (follow->spec.data_free != NULL)
        follow->spec.data_free(follow->spec.data);
    g_hash_table_unref(follow->named);
    g_free(follow);
}

gpointer follow_data(CommandRun *run)
{
    return ((Follow *)run->data)->spec.data;
}

/* Whether it could give figures and has not given those of this round. */
static gboolean is_missing(const Follow *follow, const ModelBackend *backend)
{
    return backend->listed && backend->open->backend->ops->sample != NULL &&
           backend->sample_ns < follow->round_ns;
}

/* Whether anybody may still answer. */
static gboolean anybody_is_awaited(const Follow *follow)
{
    GPtrArray *backends = model_backends(follow->run->app->model);

    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];

        if (is_missing(follow, backend) && backend->sample_error == NULL)
            return TRUE;
    }
    return FALSE;
}

/* Names those that gave nothing, each once. */
static void name_missing(Follow *follow)
{
    GPtrArray *backends = model_backends(follow->run->app->model);

    for (guint i = 0; i < backends->len; i++) {
        ModelBackend *backend = backends->pdata[i];

        if (!is_missing(follow, backend) || !g_hash_table_add(follow->named, backend))
            continue;
        run_fail(follow->run, GEMEL_ERROR_UNREACHABLE, "%s: %s; its instances are missing here",
                 backend->name,
                 backend->sample_error != NULL ? backend->sample_error->message
                                               : "has not given figures in time");
    }
}

/* When the next round is due: rounds that are past already are left out. */
static guint next_delay_ms(const Follow *follow)
{
    gint64 interval_usec = (gint64)follow->spec.interval_ms * 1000;
    gint64 past = g_get_monotonic_time() - follow->begun_usec;

    return (guint)((interval_usec - past % interval_usec + 999) / 1000);
}

static void end_round(Follow *follow)
{
    CommandRun *run = follow->run;

    follow->waiting = FALSE;
    app_source_remove(&follow->limit);
    name_missing(follow);
    if (follow->warm < follow->spec.warm) {
        follow->warm++;
    } else {
        gboolean go_on = follow->spec.round(run, ++follow->reported, follow->spec.data);

        output_flush(run->out);
        if (!go_on || follow->reported == follow->spec.rounds) {
            run_release(run); /* and this is freed */
            return;
        }
    }
    follow->next = app_add_timer(run->app, next_delay_ms(follow), begin_round, follow);
}

static gboolean round_is_late(gpointer data)
{
    Follow *follow = data;

    app_source_remove(&follow->limit);
    if (follow->waiting)
        end_round(follow);
    return G_SOURCE_REMOVE;
}

static void figures_came(ModelChange what, gpointer data)
{
    Follow *follow = data;

    if (follow->waiting && (what & (MODEL_FIGURES | MODEL_BACKENDS)) != 0 &&
        !anybody_is_awaited(follow))
        end_round(follow);
}

static gboolean begin_round(gpointer data)
{
    Follow *follow = data;
    App *app = follow->run->app;
    const char *timeout = run_option(follow->run, "timeout");
    gint limit_ms = (gint)options_get_number(app->options, "timeout");

    if (timeout != NULL)
        parse_duration_ms(timeout, &limit_ms, NULL);
    app_source_remove(&follow->next);
    follow->round_ns = gemel_boottime_ns();
    follow->waiting = TRUE;
    follow->limit = app_add_timer(app, (guint)limit_ms, round_is_late, follow);
    model_sample_all(app->model);
    if (!anybody_is_awaited(follow)) /* nobody is connected */
        end_round(follow);
    return G_SOURCE_REMOVE;
}

void follow_start(CommandRun *run, const FollowSpec *spec)
{
    Follow *follow = g_new0(Follow, 1);

    follow->run = run;
    follow->spec = *spec;
    follow->named = g_hash_table_new(NULL, NULL);
    follow->begun_usec = g_get_monotonic_time();
    run->data = follow;
    run->data_free = follow_free;
    run_hold(run);
    /* an alert may be about any figure, and a recording has them all */
    model_set_headline_only(run->app->model, spec->headline_only &&
                                                 run->face->face == FACE_ONESHOT &&
                                                 alerts_nth(run->app->alerts, 0) == NULL);
    if (spec->rounds != 1)
        model_watch(run->app->model);
    follow->listener = model_listen(run->app->model, figures_came, follow);
    begin_round(follow);
}

gboolean follow_options(CommandRun *run, gint fallback_ms, gint *ret_interval_ms, gint64 *count)
{
    const char *interval = run_option(run, "interval");
    const char *given = run_option(run, "count");

    *ret_interval_ms = fallback_ms;
    if (interval != NULL)
        parse_duration_ms(interval, ret_interval_ms, NULL);
    if (given != NULL)
        *count = g_ascii_strtoll(given, NULL, 10);
    if (*ret_interval_ms >= 100 && *ret_interval_ms <= 60000)
        return TRUE;
    run_fail(run, GEMEL_ERROR_INVALID, "%s: --interval goes from 100ms to 60s", run->command->name);
    return FALSE;
}
