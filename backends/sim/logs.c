/* SPDX-License-Identifier: GPL-3.0-or-later */
/* logs.c - what a simulated instance has said: a line every few seconds since its start. */
#include "backends/sim/sim.h"

#define LINE_S    5
#define LINES_MAX 400

static void add_line(GemelLog *log, const SimInstance *instance, guint64 n)
{
    static const char *const words[] = {"GET /health 200 2ms", "GET / 200 11ms",
                                        "cache: 3 entries expired", "worker: job done in 180 ms",
                                        "\033[33mwarn\033[0m slow query: 1.2 s"};

    g_string_append_printf(log->text, "[%6" G_GUINT64_FORMAT "] %s\n", n * LINE_S,
                           words[sim_hash(instance->hash, n) % G_N_ELEMENTS(words)]);
}

/* When line n was written, on the wall clock. */
static gint64 time_of(const SimWorld *world, const SimInstance *instance, guint64 n)
{
    double age_s = sim_clock_read(&instance->run, sim_now_s(world)) - (double)n * LINE_S;

    return g_get_real_time() - (gint64)(age_s * G_USEC_PER_SEC);
}

/* The mark of a log: a file for each start, an offset in lines. */
static GemelLog *make(SimWorld *world, const SimInstance *instance, const GemelLogArgs *args)
{
    gboolean is_vm = instance->kind == GEMEL_KIND_VM;
    GemelLog *log = gemel_log_new(is_vm ? "the log of its serial line" : "its log");
    gboolean runs = instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_PAUSED;
    guint64 n = runs ? 1 + (guint64)(sim_clock_read(&instance->run, sim_now_s(world)) / LINE_S) : 0;
    guint64 first = n > LINES_MAX ? n - LINES_MAX : 0;

    log->is_live =
        runs || instance->state == GEMEL_STATE_STARTING || instance->state == GEMEL_STATE_STOPPING;
    log->end = (GemelLogMark){1, instance->runs + 1, n};
    if (args->after.inode != 0) {
        log->is_anew = runs && args->after.inode != log->end.inode;
        first = log->is_anew ? 0 : MIN(args->after.offset, n);
    }
    for (guint64 i = first; i < n; i++) {
        if (args->since_unix_us > 0 && time_of(world, instance, i) < args->since_unix_us)
            continue;
        if (i == 0)
            g_string_append_printf(log->text, "[     0] %s starts\n", instance->name);
        else
            add_line(log, instance, i);
    }
    log->is_whole = first == 0 || args->after.inode != 0;
    if (log->text->len > args->max_bytes) {
        g_string_erase(log->text, 0, (gssize)(log->text->len - args->max_bytes));
        log->is_whole = FALSE;
    }
    return log;
}

GemelLog *sim_log_tail(GemelConn *conn, const char *id, const GemelLogArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    GemelLog *log = NULL;
    const SimInstance *instance;

    if (!sim_enter(conn, SIM_OP_LOG, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL && instance->kind == GEMEL_KIND_VM && args->since_unix_us > 0)
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: the lines of a guest's log bear no times, so --since cannot be told; "
                        "--tail N shows its end",
                        instance->name);
    else if (instance != NULL)
        log = make(world, instance, args);
    sim_unlock(world);
    return log;
}
