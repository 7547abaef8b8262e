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

static GemelLog *make(SimWorld *world, const SimInstance *instance, gsize max_bytes)
{
    gboolean is_vm = instance->kind == GEMEL_KIND_VM;
    GemelLog *log = gemel_log_new(is_vm ? "the log of its serial line" : "its log");
    guint64 n = instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_PAUSED
                    ? (guint64)(sim_clock_read(&instance->run, sim_now_s(world)) / LINE_S)
                    : 0;
    guint64 first = n > LINES_MAX ? n - LINES_MAX : 0;

    if (n > 0 && first == 0)
        g_string_append_printf(log->text, "[     0] %s starts\n", instance->name);
    for (guint64 i = first; i < n; i++)
        add_line(log, instance, i + 1);
    log->is_whole = first == 0;
    if (log->text->len > max_bytes) {
        g_string_erase(log->text, 0, (gssize)(log->text->len - max_bytes));
        log->is_whole = FALSE;
    }
    return log;
}

GemelLog *sim_log_tail(GemelConn *conn, const char *id, gsize max_bytes, GError **error)
{
    SimWorld *world = sim_world(conn);
    GemelLog *log = NULL;
    const SimInstance *instance;

    if (!sim_enter(conn, SIM_OP_LOG, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL)
        log = make(world, instance, max_bytes);
    sim_unlock(world);
    return log;
}
