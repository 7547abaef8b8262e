/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devices.c - the tabs of disks and networks: how each device goes, and what it is. */
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

/* ---- what the definition says of one --------------------------------------------------------- */

/* The entry of `list` in the definition whose `key` is this row's name. */
static const json_t *find_entry(const Fetched *fetched, const char *list, const char *key,
                                const char *name)
{
    json_t *array = json_object_get(fetched->essentials, list), *entry;
    size_t i;

    json_array_foreach (array, i, entry)
        if (g_strcmp0(json_string_value(json_object_get(entry, key)), name) == 0)
            return entry;
    return NULL;
}

static void append_word(GString *text, const json_t *entry, const char *key)
{
    const char *value = json_string_value(json_object_get(entry, key));

    if (value != NULL)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "  " : "", value);
}

static void append_bytes(GString *text, const ModelRow *row, GemelRowMetric metric,
                         const char *what)
{
    if (((row->valid >> metric) & 1u) == 0)
        return;
    g_autofree char *bytes = format_bytes(row->value[metric]);

    g_string_append_printf(text, "%s%s %s", text->len > 0 ? "  " : "", bytes, what);
}

static void append_count(GString *text, const ModelRow *row, GemelRowMetric metric,
                         const char *what)
{
    if (((row->valid >> metric) & 1u) != 0 && row->value[metric] > 0)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT " %s in all", text->len > 0 ? "  " : "",
                               row->value[metric], what);
}

/* ---- disks ---------------------------------------------------------------------------------- */

static char *about_disk(const Fetched *fetched, const ModelRow *row)
{
    const json_t *entry = find_entry(fetched, "disks", "target", row->name);
    GString *text = g_string_new(NULL);

    append_word(text, entry, "bus");
    append_word(text, entry, "format");
    append_bytes(text, row, GEMEL_ROW_DISK_CAPACITY, "large");
    append_bytes(text, row, GEMEL_ROW_DISK_ALLOCATION, "used");
    if (json_is_true(json_object_get(entry, "read_only")))
        g_string_append(text, "  read-only");
    append_word(text, entry, "source");
    return g_string_free(text, FALSE);
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

/* ---- interfaces ----------------------------------------------------------------------------- */

static char *about_nic(const Fetched *fetched, const ModelRow *row)
{
    const json_t *entry = find_entry(fetched, "nics", "target", row->name);
    GString *text = g_string_new(NULL);

    append_word(text, entry, "model");
    append_word(text, entry, "mac");
    append_word(text, entry, "type");
    append_word(text, entry, "source");
    append_count(text, row, GEMEL_ROW_NIC_ERRORS, "errors");
    append_count(text, row, GEMEL_ROW_NIC_DROPS, "drops");
    return g_string_free(text, FALSE);
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

/* ---- both ----------------------------------------------------------------------------------- */

typedef struct {
    GemelRowGroup group;
    const char *title, *headings[6];
    const char *list, *key; /* of the definition, where its devices are */
    const char *none;
    void (*draw)(const ModelRow *row, int y, const Canvas *c);
    char *(*about)(const Fetched *fetched, const ModelRow *row);
} DeviceTab;

static const DeviceTab disks = {
    .group = GEMEL_ROWS_DISK,
    .title = "disk",
    .headings = {"read", "write", "reads", "writes", "a read", "a write"},
    .list = "disks",
    .key = "target",
    .none = "No disk has figures.",
    .draw = draw_disk,
    .about = about_disk};
static const DeviceTab networks = {
    .group = GEMEL_ROWS_NIC,
    .title = "interface",
    .headings = {"rx", "tx", "pkts in", "pkts out", "errors", "drops"},
    .list = "nics",
    .key = "target",
    .none = "No interface has figures.",
    .draw = draw_nic,
    .about = about_nic};

/* Those of the definition without figures, as of a guest that is off. */
static int draw_defined(const DeviceTab *tab, const Fetched *fetched, int y, const Canvas *c)
{
    json_t *array = json_object_get(fetched->essentials, tab->list), *entry;
    size_t i;

    json_array_foreach (array, i, entry) {
        static const char *const words[] = {"bus", "model", "format", "mac", "type", "source"};
        const char *name = json_string_value(json_object_get(entry, tab->key));
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint w = 0; w < G_N_ELEMENTS(words); w++)
            append_word(text, entry, words[w]);
        canvas_field(c, y, 1, NAME, TEXT_LEFT, ROLE_STRONG, name != NULL ? name : "-");
        canvas_text(c, y++, 1 + NAME, ROLE_DIM, text->str);
    }
    return y;
}

/* Two lines each: how it goes, and what it is. */
static int tab_draw(Tui *tui, const ModelInstance *instance, const DeviceTab *tab, int scroll,
                    const Canvas *c)
{
    g_autofree char *key = instance_key_of(instance);
    const Fetched *fetched = fetch_inspect(tui->fetch, key, 0);
    const char *network = json_string_value(json_object_get(fetched->essentials, "network"));
    int y = -scroll;
    gboolean any = FALSE;

    for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++) {
        const ModelRow *row = &g_array_index(instance->rows, ModelRow, r);

        if (row->group != tab->group)
            continue;
        if (!any) {
            canvas_text(c, y, 1, ROLE_LABEL, tab->title);
            for (int i = 0; i < 6; i++)
                canvas_field(c, y, 1 + NAME + i * FIELD - 1, FIELD, TEXT_RIGHT, ROLE_LABEL,
                             tab->headings[i]);
            y++;
        }
        any = TRUE;
        tab->draw(row, y++, c);
        g_autofree char *about = tab->about(fetched, row);

        if (*about != '\0')
            canvas_field(c, y++, 3, c->width - 4, TEXT_LEFT, ROLE_DIM, about);
    }
    if (!any) {
        int before = y;

        y = draw_defined(tab, fetched, y, c);
        if (y == before)
            canvas_text(c, y++, 1, ROLE_DIM, tab->none);
    }
    if (tab->group == GEMEL_ROWS_NIC && network != NULL)
        canvas_printf(c, y++, 1, ROLE_DIM, "network: %s", network);
    return y + scroll;
}

int disks_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    return tab_draw(tui, instance, &disks, scroll, c);
}

int networks_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    return tab_draw(tui, instance, &networks, scroll, c);
}
