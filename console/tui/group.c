/* SPDX-License-Identifier: GPL-3.0-or-later */
/* group.c - how a group of the list is drawn: its heading, its totals, and all of it as a detail.
 */
#include "console/tui/instances.h"

/* ---- heading -------------------------------------------------------------------------------- */

/* "▾ running  12". */
void group_draw_title(const RowGroup *group, const Canvas *cell)
{
    const char *sign = glyph_text(group_is_collapsed(group) ? GLYPH_CLOSED : GLYPH_OPEN);
    g_autofree char *count = g_strdup_printf("%u", group_size(group));
    int x = canvas_printf(cell, 0, 0, ROLE_TITLE, "%s ", sign), room = cell->width - x;
    int wanted = text_width(group_title(group));

    wanted = CLAMP(wanted, 0, MAX(1, room - text_width(count) - 2));
    x = canvas_field(cell, 0, x, wanted, TEXT_LEFT, ROLE_TITLE, group_title(group));
    canvas_field(cell, 0, x + 2, MAX(0, cell->width - x - 2), TEXT_LEFT, ROLE_DIM, count);
}

/* Totals of columns side by side, each `width` cells. */
static void draw_totals(RowGroup *group, const ColumnId *columns, int n, int width,
                        const Canvas *cell)
{
    double value;

    for (int i = 0; i < n; i++) {
        g_autofree char *text = group_total(group, columns[i], &value)
                                    ? column_format(column_table[columns[i]].unit, value)
                                    : g_strdup("-");

        canvas_field(cell, 0, i * (width + 1), width, TEXT_RIGHT, ROLE_LABEL, text);
    }
}

/* CPU use in the unit the list has now: of all their limits where it is of the limit. */
static void draw_total_cpu(Tui *tui, RowGroup *group, const Canvas *cell)
{
    double percent, cpus = 1;
    gboolean there = group_total(group, LIST_CPU, &percent);

    if (tui->cpu_mode == MODEL_CPU_OF_HOST)
        cpus = model_host_cpus(group_nth(group, 0)->backend);
    else if (tui->cpu_mode == MODEL_CPU_OF_LIMIT)
        there = group_total(group, LIST_CPUS, &cpus) && there;
    g_autofree char *text = there ? format_percent(percent / cpus) : g_strdup("-");

    canvas_field(cell, 0, 0, 5, TEXT_RIGHT, ROLE_LABEL, text);
}

void group_draw_total(Tui *tui, RowGroup *group, ColumnId id, const Canvas *cell)
{
    static const ColumnId pressures[] = {LIST_PSI_CPU, LIST_PSI_MEMORY, LIST_PSI_IO};
    static const ColumnId block[] = {LIST_READ, LIST_WRITE}, net[] = {LIST_RX, LIST_TX};

    if (id == LIST_CPU)
        draw_total_cpu(tui, group, cell);
    else if (id == LIST_PRESSURE)
        draw_totals(group, pressures, 3, cell->width >= 14 ? 4 : 3, cell);
    else if (id == LIST_BLOCK)
        draw_totals(group, block, 2, (cell->width - 1) / 2, cell);
    else if (id == LIST_NET)
        draw_totals(group, net, 2, (cell->width - 1) / 2, cell);
    else if (column_table[id].total != TOTAL_NONE)
        draw_totals(group, &id, 1, id == LIST_MEMORY ? 4 : cell->width, cell);
}

/* ---- detail --------------------------------------------------------------------------------- */

/* "8 running  1 paused". */
static int draw_states(const RowGroup *group, int y, const Canvas *c)
{
    guint n[GEMEL_STATE_N] = {0};
    int x = 1;

    for (guint i = 0; i < group_size(group); i++)
        n[group_nth(group, i)->info->state]++;
    for (GemelState state = 0; state < GEMEL_STATE_N; state++) {
        g_autofree char *text = g_strdup_printf("%u %s", n[state], gemel_state_name(state));

        if (n[state] > 0)
            x = canvas_text(c, y, x, state_role(state), text) + 3;
    }
    return y + 1;
}

/* After a figure that has its size in letters. */
static const char *unit_text(ColumnUnit unit)
{
    return unit == UNIT_BYTES        ? ""
           : unit == UNIT_BYTES_RATE ? "/s"
           : unit == UNIT_PERCENT    ? " %"
                                     : "";
}

void group_draw_detail(RowGroup *group, const Canvas *c)
{
    static const ColumnId columns[] = {LIST_CPU,    LIST_CPUS,      LIST_MEMORY,  LIST_MEMORY_LIMIT,
                                       LIST_SWAP,   LIST_PIDS,      LIST_READ,    LIST_WRITE,
                                       LIST_RX,     LIST_TX,        LIST_PSI_CPU, LIST_PSI_MEMORY,
                                       LIST_PSI_IO, LIST_THROTTLED, LIST_STEAL,   LIST_ALERTS};
    int y = draw_states(group, 2, c) + 1, width = 34, across = MAX(1, (c->width - 1) / width);
    double value;
    int shown = 0;

    canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
    canvas_printf(c, 0, 1, ROLE_TITLE, " %s ", group_title(group));
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        const Column *column = &column_table[columns[i]];

        if (!group_total(group, columns[i], &value))
            continue;
        g_autofree char *text = column_format(column->unit, value);
        Canvas cell = canvas_sub(c, y + shown / across, 1 + shown % across * width, 1, width - 2);

        canvas_field(&cell, 0, 0, 14, TEXT_LEFT, ROLE_LABEL, column->id);
        canvas_field(&cell, 0, 14, 6, TEXT_RIGHT, ROLE_TEXT, text);
        canvas_printf(&cell, 0, 20, ROLE_DIM, "%-4s %s", unit_text(column->unit),
                      column->total == TOTAL_MAX ? "highest" : "in all");
        shown++;
    }
    y += (shown + across - 1) / across + 1;
    canvas_text(c, y, 1, ROLE_DIM,
                "Enter opens and closes it; Space marks all of it, b acts on the "
                "marks; u groups otherwise.");
}
