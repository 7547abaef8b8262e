/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devices.c - disks and network interfaces, one line each. */
#include "console/tui/instances.h"

static char *row_rate_text(const ModelRow *row, GemelRowMetric metric)
{
    if (((row->rate_valid >> metric) & 1u) == 0)
        return g_strdup("-");
    g_autofree char *text = format_rate((double)row->rate[metric]);

    return g_strconcat(text, "/s", NULL);
}

#define NAME  14
#define FIELD 10

/* A figure under its heading; frees it. */
static void field(const Canvas *c, int y, int i, char *value)
{
    canvas_field(c, y, 1 + NAME + i * FIELD, FIELD - 1, TEXT_RIGHT,
                 g_str_equal(value, "-") ? ROLE_DIM : ROLE_TEXT, value);
    g_free(value);
}

/* Mean time of a request since the sample before, NULL-safe: "-" when there was none. */
static char *latency(const ModelRow *row, GemelRowMetric time, GemelRowMetric ops)
{
    guint32 both = 1u << time | 1u << ops;

    if ((row->rate_valid & both) != both || row->rate[ops] <= 0)
        return g_strdup("-");
    return g_strdup_printf("%.1fms", (double)(row->rate[time] / row->rate[ops]) / 1e6);
}

static void draw_disk(const ModelRow *row, int y, const Canvas *c)
{
    canvas_field(c, y, 1, NAME, TEXT_LEFT, ROLE_STRONG, row->name);
    field(c, y, 0, row_rate_text(row, GEMEL_ROW_DISK_RD_BYTES));
    field(c, y, 1, row_rate_text(row, GEMEL_ROW_DISK_WR_BYTES));
    field(c, y, 2, row_rate_text(row, GEMEL_ROW_DISK_RD_OPS));
    field(c, y, 3, row_rate_text(row, GEMEL_ROW_DISK_WR_OPS));
    field(c, y, 4, latency(row, GEMEL_ROW_DISK_RD_TIME, GEMEL_ROW_DISK_RD_OPS));
    field(c, y, 5, latency(row, GEMEL_ROW_DISK_WR_TIME, GEMEL_ROW_DISK_WR_OPS));
}

static void draw_nic(const ModelRow *row, int y, const Canvas *c)
{
    canvas_field(c, y, 1, NAME, TEXT_LEFT, ROLE_STRONG, row->name);
    field(c, y, 0, row_rate_text(row, GEMEL_ROW_NIC_RX_BYTES));
    field(c, y, 1, row_rate_text(row, GEMEL_ROW_NIC_TX_BYTES));
    field(c, y, 2, row_rate_text(row, GEMEL_ROW_NIC_RX_PACKETS));
    field(c, y, 3, row_rate_text(row, GEMEL_ROW_NIC_TX_PACKETS));
    field(c, y, 4, row_rate_text(row, GEMEL_ROW_NIC_ERRORS));
    field(c, y, 5, row_rate_text(row, GEMEL_ROW_NIC_DROPS));
}

int devices_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    static const struct {
        GemelRowGroup group;
        const char *title, *headings[6];
        void (*draw)(const ModelRow *row, int y, const Canvas *c);
    } groups[] = {{GEMEL_ROWS_DISK,
                   "disks",
                   {"read", "write", "reads", "writes", "a read", "a write"},
                   draw_disk},
                  {GEMEL_ROWS_NIC,
                   "interfaces",
                   {"rx", "tx", "pkts in", "pkts out", "errors", "drops"},
                   draw_nic}};
    int y = -scroll;

    for (guint g = 0; g < G_N_ELEMENTS(groups); g++) {
        gboolean any = FALSE;

        canvas_text(c, y, 1, ROLE_TITLE, groups[g].title);
        for (int i = 0; i < 6; i++)
            canvas_field(c, y, 1 + NAME + i * FIELD - 1, FIELD, TEXT_RIGHT, ROLE_LABEL,
                         groups[g].headings[i]);
        y++;
        for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++) {
            const ModelRow *row = &g_array_index(instance->rows, ModelRow, r);

            if (row->group != groups[g].group)
                continue;
            groups[g].draw(row, y++, c);
            any = TRUE;
        }
        if (!any)
            canvas_text(c, y++, 1, ROLE_DIM, "- no figures");
    }
    return y + scroll;
}
