/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host sees of an instance: console/compare_host.c in a job, its result in the table. */
#include "console/compare_host.h"
#include "console/compare_private.h"

typedef struct {
    char *id;
    GemelKind kind;
    gboolean walks;
} LookOrder;

static void look_order_free(gpointer data)
{
    LookOrder *order = data;

    g_free(order->id);
    g_free(order);
}

static gpointer run_look(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const LookOrder *order = arg;

    return compare_look(conn, order->id, order->kind, order->walks, error);
}

/* Says of its kernel what a comparison of the releases cannot: a guest has one of its own. */
static void add_kernel(Compare *compare, CompareSide side, json_t *apart)
{
    g_autofree char *text = NULL;
    const char *release = compare->table->kernel[side];
    gboolean own = side == COMPARE_GUEST;

    text = g_strdup_printf("%s%s%s%s",
                           own ? "a kernel of its own" : "nothing of its kernel: it is the host's",
                           *release != '\0' ? " (" : "", release, *release != '\0' ? ")" : "");
    json_array_insert_new(json_object_get(apart, "means"), 0, json_text(text));
    json_object_set_new(apart, "kernel", json_string(own ? "own" : "host"));
    json_object_set_new(apart, "release", *release != '\0' ? json_string(release) : json_null());
}

static void look_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Subject *subject = data;
    Compare *compare = subject->compare;
    CompareTable *table = compare->table;
    const CompareLook *look = result;
    gint64 inside = table->inside_bytes[subject->side];

    table->inside_bytes[subject->side] = -1; /* the next round's payload has to say it anew */
    if (error != NULL) {
        compare_reason(table, COMPARE_MEMORY, subject->side, "%s", error->message);
        compare_reason(table, COMPARE_FOOTPRINT, subject->side, "%s", error->message);
        compare_step_over(compare);
        return;
    }
    if (look->memory_bytes < 0)
        compare_reason(table, COMPARE_MEMORY, subject->side, "%s", look->memory_reason);
    else if (inside >= 0)
        compare_add(table, COMPARE_MEMORY, subject->side, look->memory_bytes - (double)inside);
    if (compare->round == 0 && look->footprint_bytes > 0)
        compare_add(table, COMPARE_FOOTPRINT, subject->side, look->footprint_bytes);
    else if (compare->round == 0)
        compare_reason(table, COMPARE_FOOTPRINT, subject->side, "%s", look->footprint_reason);
    if (table->apart[subject->side] == NULL) {
        table->apart[subject->side] = json_incref(look->apart);
        add_kernel(compare, subject->side, look->apart);
    }
    compare_step_over(compare);
}

void compare_begin_look(Subject *subject)
{
    Compare *compare = subject->compare;
    LookOrder *order = g_new0(LookOrder, 1);

    order->id = g_strdup(subject->target->id);
    order->kind = subject->target->kind;
    order->walks = compare->round == 0;
    run_submit(compare->run, subject->target->backend, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "compare",
                               .instance_id = subject->target->id,
                               .run = run_look,
                               .arg = order,
                               .arg_free = look_order_free,
                               .result_free = (GDestroyNotify)compare_look_free},
               look_done, subject);
}
