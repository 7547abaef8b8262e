/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/openmetrics.h"

#include <string.h>

static const struct {
    const char *unit, *base;
    double factor;
} units[] = {
    {"ns", "seconds", 1e-9}, {"us", "seconds", 1e-6}, {"ms", "seconds", 1e-3},
    {"B", "bytes", 1},       {"mcpu", "cpus", 1e-3},  {"c%", "ratio", 1e-4},
};

char *openmetrics_family(const char *group, const char *name, const char *unit,
                         GemelMetricKind kind, const char **ret_unit, double *ret_factor)
{
    g_autoptr(GString) family = g_string_new("gemel_");

    *ret_unit = NULL;
    *ret_factor = 1;
    if (group != NULL)
        g_string_append_printf(family, "%s_", group);
    g_string_append(family, name);
    for (char *c = family->str; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c))
            *c = '_';
    /* _total is the counter's own ending */
    if (kind == GEMEL_METRIC_COUNTER && g_str_has_suffix(family->str, "_total"))
        g_string_truncate(family, family->len - strlen("_total"));
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!g_str_equal(units[i].unit, unit))
            continue;
        g_autofree char *ending = g_strconcat("_", units[i].base, NULL);

        *ret_unit = units[i].base;
        *ret_factor = units[i].factor;
        if (!g_str_has_suffix(family->str, ending))
            g_string_append(family, ending);
    }
    return g_string_free(g_steal_pointer(&family), FALSE);
}

/* A label's value: UTF-8, with backslash, quote and newline escaped. */
static void append_label(GString *labels, const char *name, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value != NULL ? value : "", -1);

    g_string_append_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
    for (const char *c = valid; *c != '\0'; c++) {
        if (*c == '\n') {
            g_string_append(labels, "\\n");
            continue;
        }
        if (*c == '\\' || *c == '"')
            g_string_append_c(labels, '\\');
        g_string_append_c(labels, *c);
    }
    g_string_append_c(labels, '"');
}

/* backend, id, name, kind of each instance, made once. */
static GPtrArray *make_labels(GPtrArray *rows)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < rows->len; i++) {
        const ModelInstance *instance = rows->pdata[i];
        GString *labels = g_string_new(NULL);

        append_label(labels, "backend", instance->backend->name);
        append_label(labels, "id", instance->info->id);
        append_label(labels, "name", instance->info->name);
        append_label(labels, "kind", gemel_kind_name(instance->info->kind));
        g_ptr_array_add(all, g_string_free(labels, FALSE));
    }
    return all;
}

static void print_head(Output *out, const char *family, const char *type, const char *unit,
                       const char *help)
{
    g_autofree char *slashes = g_strescape(help, "\"");

    output_line(out, OUTPUT_DATA, "# TYPE %s %s", family, type);
    if (unit != NULL)
        output_line(out, OUTPUT_DATA, "# UNIT %s %s", family, unit);
    output_line(out, OUTPUT_DATA, "# HELP %s %s", family, slashes);
}

/* Counts and bytes are whole numbers; what is scaled has up to 17 digits. */
static void print_value(Output *out, const char *family, GemelMetricKind kind, const char *labels,
                        guint64 value, double factor)
{
    const char *ending = kind == GEMEL_METRIC_COUNTER ? "_total" : "";
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (factor == 1)
        output_line(out, OUTPUT_DATA, "%s%s{%s} %" G_GUINT64_FORMAT, family, ending, labels, value);
    else
        output_line(out, OUTPUT_DATA, "%s%s{%s} %s", family, ending, labels,
                    g_ascii_formatd(number, sizeof number, "%.12g", (double)value * factor));
}

static const char *type_name(GemelMetricKind kind)
{
    return kind == GEMEL_METRIC_COUNTER ? "counter" : "gauge";
}

static void print_metric(Output *out, GPtrArray *rows, GPtrArray *labels, GemelMetric metric)
{
    const GemelMetricInfo *info = &gemel_metrics[metric];
    const char *unit;
    double factor;
    g_autofree char *family =
        openmetrics_family(NULL, info->name, info->unit, info->kind, &unit, &factor);
    g_autofree char *help = g_strdup_printf("container: cgroup v2 %s, v1 %s; guest: %s", info->v2,
                                            info->v1, info->guest);
    gboolean begun = FALSE;

    for (guint i = 0; i < rows->len; i++) {
        const ModelInstance *instance = rows->pdata[i];

        if (((instance->valid >> metric) & 1u) == 0)
            continue;
        if (!begun)
            print_head(out, family, type_name(info->kind), unit, help);
        begun = TRUE;
        print_value(out, family, info->kind, labels->pdata[i], instance->value[metric], factor);
    }
}

static void print_row_metric(Output *out, GPtrArray *rows, GPtrArray *labels, GemelRowMetric metric)
{
    const GemelRowMetricInfo *info = &gemel_row_metrics[metric];
    const char *group = gemel_row_group_names[info->group], *unit;
    double factor;
    g_autofree char *family =
        openmetrics_family(group, info->name, info->unit, info->kind, &unit, &factor);
    g_autofree char *help =
        g_strdup_printf("container: %s; guest: %s", info->container, info->guest);
    gboolean begun = FALSE;

    for (guint i = 0; i < rows->len; i++) {
        const ModelInstance *instance = rows->pdata[i];

        for (guint r = 0; instance->rows != NULL && r < instance->rows->len; r++) {
            const ModelRow *row = &g_array_index(instance->rows, ModelRow, r);

            if (row->group != info->group || ((row->valid >> metric) & 1u) == 0)
                continue;
            g_autoptr(GString) all = g_string_new(labels->pdata[i]);

            append_label(all, group, row->name);
            if (!begun)
                print_head(out, family, type_name(info->kind), unit, help);
            begun = TRUE;
            print_value(out, family, info->kind, all->str, row->value[metric], factor);
        }
    }
}

void openmetrics_print(Output *out, Model *model, GPtrArray *rows)
{
    GPtrArray *backends = model_backends(model);
    g_autoptr(GPtrArray) labels = make_labels(rows);

    if (backends->len > 0)
        print_head(out, "gemel_up", "gauge", NULL, "1 when the backend gave figures");
    for (guint i = 0; i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];
        g_autoptr(GString) label = g_string_new(NULL);

        append_label(label, "backend", backend->name);
        output_line(out, OUTPUT_DATA, "gemel_up{%s} %d", label->str,
                    backend->sample_ns > 0 && backend->sample_error == NULL);
    }
    for (int i = 0; i < GEMEL_METRIC_N; i++)
        print_metric(out, rows, labels, (GemelMetric)i);
    for (int i = 0; i < GEMEL_ROW_N; i++)
        print_row_metric(out, rows, labels, (GemelRowMetric)i);
    output_line(out, OUTPUT_DATA, "# EOF");
}
