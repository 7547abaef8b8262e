/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor.c - a simulated host in good order, but for what litter= asks for. */
#include "backends/sim/sim.h"

json_t *sim_doctor(GemelConn *conn, gboolean fix, const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    json_t *found;

    if (!sim_enter(conn, SIM_OP_DOCTOR, error))
        return NULL;
    found = json_array();
    json_array_append_new(found, json_pack("{s:s, s:s, s:s}", "check", "host", "level", "ok",
                                           "what", "simulated: nothing of it can be missing"));
    sim_lock(world);
    for (guint i = world->cleaned; i < world->options.litter; i++) {
        g_autofree char *path = g_strdup_printf("/sim/tmp/%u", i + 1);

        json_array_append_new(found, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "check",
                                               "half-made", "level", "warn", "what",
                                               "a half-made container, left by a killed command",
                                               "way_out", "gemel doctor --fix removes it", "path",
                                               path, "fixable", TRUE, "fixed", fix));
    }
    if (fix)
        world->cleaned = world->options.litter;
    sim_unlock(world);
    return found;
}
