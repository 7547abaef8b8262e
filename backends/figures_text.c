/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/figures_text.h"

#include <string.h>

static const char *next_line(const char *at)
{
    at = strchr(at, '\n');
    return at != NULL ? at + 1 : NULL;
}

gboolean gemel_text_number(const char *text, guint64 *ret, const char **ret_end)
{
    guint64 value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        guint digit = (guint)(*at - '0');

        if (value > (G_MAXUINT64 - digit) / 10)
            return FALSE;
        value = value * 10 + digit;
    }
    if (at == text)
        return FALSE;
    *ret = value;
    if (ret_end != NULL)
        *ret_end = at;
    return TRUE;
}

void gemel_text_single(const char *text, GemelMetric metric, GemelSample *sample)
{
    guint64 value;

    if (gemel_text_number(text, &value, NULL))
        gemel_sample_set(sample, metric, value);
}

void gemel_text_limit(const char *text, GemelMetric metric, GemelSample *sample)
{
    guint64 value;

    /* PAGE_COUNTER_MAX in bytes; with pages of 64 KiB it is less than with those of 4 */
    if (gemel_text_number(text, &value, NULL) && value < G_GUINT64_CONSTANT(0x7fffffffffff0000))
        gemel_sample_set(sample, metric, value);
}

void gemel_text_fields(const char *text, const GemelTextField *fields, guint n_fields,
                       GemelSample *sample)
{
    guint left = n_fields;

    for (const char *line = text; left > 0 && line != NULL && *line != '\0';
         line = next_line(line)) {
        for (guint i = 0; i < n_fields; i++) {
            const GemelTextField *field = &fields[i];
            guint64 value;

            if (line[0] != field->key[0] || strncmp(line, field->key, field->length) != 0 ||
                line[field->length] != ' ')
                continue;
            if (gemel_text_number(line + field->length + 1, &value, NULL) &&
                value <= G_MAXUINT64 / field->factor)
                gemel_sample_set(sample, field->metric, value * field->factor);
            left--;
            break;
        }
    }
}

/* ---- pressure ------------------------------------------------------------------------------- */

/* "1.25" as 125. */
static gboolean take_percent(const char *text, guint64 *ret)
{
    guint64 whole, cents = 0;
    const char *at;

    if (!gemel_text_number(text, &whole, &at) || whole > G_MAXUINT64 / 100 - 1)
        return FALSE;
    if (at[0] == '.' && g_ascii_isdigit(at[1]) && g_ascii_isdigit(at[2]))
        cents = (guint64)(at[1] - '0') * 10 + (guint64)(at[2] - '0');
    *ret = whole * 100 + cents;
    return TRUE;
}

#define ASSERT_ORDER(kind)                                                                         \
    G_STATIC_ASSERT(GEMEL_METRIC_PSI_##kind##_FULL == GEMEL_METRIC_PSI_##kind##_SOME + 1);         \
    G_STATIC_ASSERT(GEMEL_METRIC_PSI_##kind##_TOTAL == GEMEL_METRIC_PSI_##kind##_SOME + 2);        \
    G_STATIC_ASSERT(GEMEL_METRIC_PSI_##kind##_FULL_TOTAL == GEMEL_METRIC_PSI_##kind##_SOME + 3)
ASSERT_ORDER(CPU);
ASSERT_ORDER(MEM);
ASSERT_ORDER(IO);

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and a line "full". */
void gemel_text_pressure(const char *text, GemelMetric some, GemelSample *sample)
{
    for (const char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        guint full = strncmp(line, "full avg10=", 11) == 0;
        const char *total;
        guint64 value;

        next = next_line(line);
        if (!full && strncmp(line, "some avg10=", 11) != 0)
            continue;
        if (take_percent(line + 11, &value))
            gemel_sample_set(sample, some + full, value);
        total = strstr(line, " total=");
        if (total != NULL && (next == NULL || total < next) &&
            gemel_text_number(total + 7, &value, NULL))
            gemel_sample_set(sample, some + 2 + full, value);
    }
}

/* ---- block devices -------------------------------------------------------------------------- */

enum { RD_BYTES, WR_BYTES, RD_OPS, WR_OPS, IO_N };

static const GemelRowMetric io_rows[IO_N] = {GEMEL_ROW_DISK_RD_BYTES, GEMEL_ROW_DISK_WR_BYTES,
                                             GEMEL_ROW_DISK_RD_OPS, GEMEL_ROW_DISK_WR_OPS};

G_STATIC_ASSERT(GEMEL_METRIC_IO_WR_OPS == GEMEL_METRIC_IO_RD_BYTES + WR_OPS);
G_STATIC_ASSERT(GEMEL_METRIC_IO_RD_OPS == GEMEL_METRIC_IO_RD_BYTES + RD_OPS);
G_STATIC_ASSERT(GEMEL_METRIC_HOST_IO_WR_OPS == GEMEL_METRIC_HOST_IO_RD_BYTES + WR_OPS);
G_STATIC_ASSERT(GEMEL_METRIC_HOST_IO_RD_OPS == GEMEL_METRIC_HOST_IO_RD_BYTES + RD_OPS);

/* The row of the device "254:0", made when it is not there yet. */
static GemelRow *disk_row(GemelSample *sample, const char *name, gsize length)
{
    char buffer[sizeof((GemelRow *)NULL)->name];

    g_strlcpy(buffer, name, MIN(length + 1, sizeof buffer));
    for (guint i = 0; i < sample->rows->len; i++) {
        GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        if (row->group == GEMEL_ROWS_DISK && strcmp(row->name, buffer) == 0)
            return row;
    }
    return gemel_sample_add_row(sample, GEMEL_ROWS_DISK, buffer);
}

static void zero_io(GemelSample *sample, GemelMetric first, guint from, guint count)
{
    for (guint i = from; i < from + count; i++)
        gemel_sample_set(sample, first + i, 0);
}

/* One figure of one device. */
static void add_io(GemelSample *sample, GemelMetric first, guint which, guint64 value,
                   GemelRow *row)
{
    gemel_sample_set(sample, first + which, sample->value[first + which] + value);
    if (row != NULL)
        gemel_row_set(row, io_rows[which], value);
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
void gemel_text_io_stat(const char *text, GemelMetric first, gboolean with_rows,
                        GemelSample *sample)
{
    static const char *const keys[IO_N] = {"rbytes=", "wbytes=", "rios=", "wios="};

    zero_io(sample, first, 0, IO_N);
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line)) {
        gsize length = strcspn(line, " \n");
        GemelRow *row;

        if (length == 0 || strncmp(line + length, " rbytes=", 8) != 0)
            continue; /* a device that did nothing stands alone, or with io.cost's figures */
        row = with_rows ? disk_row(sample, line, length) : NULL;
        for (const char *at = line + length; *at == ' '; at += strcspn(at, " \n")) {
            at++;
            for (guint k = 0; k < IO_N; k++) {
                gsize key = strlen(keys[k]);
                guint64 value;

                if (strncmp(at, keys[k], key) == 0 && gemel_text_number(at + key, &value, NULL))
                    add_io(sample, first, k, value, row);
            }
        }
    }
}

/* "254:0 Read 4096" among Write, Sync, Async, Discard, Total; then "Total N". */
static void blkio(const char *text, GemelMetric first, guint from, gboolean with_rows,
                  GemelSample *sample)
{
    zero_io(sample, first, from, 2);
    for (const char *line = text; line != NULL && *line != '\0'; line = next_line(line)) {
        gsize length = strcspn(line, " \n");
        gboolean is_read = strncmp(line + length, " Read ", 6) == 0;
        guint64 value;

        if (length == 0 || (!is_read && strncmp(line + length, " Write ", 7) != 0) ||
            !gemel_text_number(line + length + (is_read ? 6 : 7), &value, NULL))
            continue;
        add_io(sample, first, from + !is_read, value,
               with_rows ? disk_row(sample, line, length) : NULL);
    }
}

void gemel_text_blkio_bytes(const char *text, GemelMetric first, gboolean with_rows,
                            GemelSample *sample)
{
    blkio(text, first, RD_BYTES, with_rows, sample);
}

void gemel_text_blkio_ops(const char *text, GemelMetric first, gboolean with_rows,
                          GemelSample *sample)
{
    blkio(text, first, RD_OPS, with_rows, sample);
}

/* ---- network -------------------------------------------------------------------------------- */

/* "  eth0: BYTES PACKETS ERRS DROP FIFO FRAME COMPRESSED MULTICAST" and the same for sending. */
enum {
    RX_BYTES,
    RX_PACKETS,
    RX_ERRORS,
    RX_DROPS,
    TX_BYTES = 8,
    TX_PACKETS,
    TX_ERRORS,
    TX_DROPS,
    NET_N = 16
};

static const struct {
    GemelRowMetric row;
    GemelMetric sum;
    guint field, and_field; /* equal: one field */
} net_figures[] = {
    {GEMEL_ROW_NIC_RX_BYTES, GEMEL_METRIC_NET_RX_BYTES, RX_BYTES, RX_BYTES},
    {GEMEL_ROW_NIC_RX_PACKETS, GEMEL_METRIC_NET_RX_PACKETS, RX_PACKETS, RX_PACKETS},
    {GEMEL_ROW_NIC_TX_BYTES, GEMEL_METRIC_NET_TX_BYTES, TX_BYTES, TX_BYTES},
    {GEMEL_ROW_NIC_TX_PACKETS, GEMEL_METRIC_NET_TX_PACKETS, TX_PACKETS, TX_PACKETS},
    {GEMEL_ROW_NIC_ERRORS, GEMEL_METRIC_NET_ERRORS, RX_ERRORS, TX_ERRORS},
    {GEMEL_ROW_NIC_DROPS, GEMEL_METRIC_NET_DROPS, RX_DROPS, TX_DROPS},
};

static gboolean take_net_fields(const char *at, guint64 field[NET_N])
{
    for (guint i = 0; i < NET_N; i++) {
        while (*at == ' ')
            at++;
        if (!gemel_text_number(at, &field[i], &at))
            return FALSE;
    }
    return TRUE;
}

void gemel_text_net_dev(const char *text, GemelSample *sample)
{
    const char *line = next_line(text); /* two lines of heading */

    line = line != NULL ? next_line(line) : NULL;
    for (guint i = 0; i < G_N_ELEMENTS(net_figures); i++)
        gemel_sample_set(sample, net_figures[i].sum, 0); /* with lo alone it has none but 0 */
    for (; line != NULL && *line != '\0'; line = next_line(line)) {
        const char *name = line + strspn(line, " ");
        gsize length = strcspn(name, ":\n");
        guint64 field[NET_N];
        char buffer[sizeof((GemelRow *)NULL)->name];
        GemelRow *row;

        if (name[length] != ':' || length == 0 || (length == 2 && strncmp(name, "lo", 2) == 0) ||
            !take_net_fields(name + length + 1, field))
            continue;
        g_strlcpy(buffer, name, MIN(length + 1, sizeof buffer));
        row = gemel_sample_add_row(sample, GEMEL_ROWS_NIC, buffer);
        for (guint i = 0; i < G_N_ELEMENTS(net_figures); i++) {
            guint one = net_figures[i].field, two = net_figures[i].and_field;
            guint64 value = one == two ? field[one] : field[one] + field[two];

            gemel_row_set(row, net_figures[i].row, value);
            gemel_sample_set(sample, net_figures[i].sum, sample->value[net_figures[i].sum] + value);
        }
    }
}
