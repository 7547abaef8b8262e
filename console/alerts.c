/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/alerts.h"
#include "console/child.h"
#include "console/command.h"

#include <math.h>
#include <string.h>

struct Alerts {
    App *app;
    GPtrArray *all; /* of Alert*, by number; NULL where one was removed */
};

/* ---- figures -------------------------------------------------------------------------------- */

/* The headline figures; all others are those of the metrics table. */
static const struct {
    const char *name;
    AlertUnit unit;
    gboolean (*figure)(const ModelInstance *instance, double *ret);
} headlines[] = {
    {"cpu", ALERT_PERCENT, model_figure_cpu},
    {"memory", ALERT_MEMORY, model_figure_memory},
    {"pressure", ALERT_PERCENT, model_figure_pressure},
    {"block", ALERT_BYTES, model_figure_block},
    {"net", ALERT_BYTES, model_figure_net},
};

/* How the metrics table's units are written in an alert, and what one of them is of that. */
static const struct {
    const char *unit;
    GemelMetricKind kind;
    AlertUnit written;
    double factor;
} table_units[] = {
    {"ns", GEMEL_METRIC_COUNTER, ALERT_PERCENT, 1e-7}, /* of the time */
    {"us", GEMEL_METRIC_COUNTER, ALERT_PERCENT, 1e-4},
    {"c%", GEMEL_METRIC_GAUGE, ALERT_PERCENT, 0.01},
    {"B", GEMEL_METRIC_COUNTER, ALERT_BYTES, 1},
    {"B", GEMEL_METRIC_GAUGE, ALERT_BYTES, 1},
    {"ms", GEMEL_METRIC_GAUGE, ALERT_SECONDS, 1e-3},
    {"mcpu", GEMEL_METRIC_GAUGE, ALERT_NUMBER, 1e-3},
};

const char *alert_metric_name(guint i)
{
    if (i < G_N_ELEMENTS(headlines))
        return headlines[i].name;
    i -= (guint)G_N_ELEMENTS(headlines);
    return i < GEMEL_METRIC_N ? gemel_metrics[i].name : NULL;
}

/* GEMEL_METRIC_N: not in the table. */
static GemelMetric find_metric(const char *name)
{
    GemelMetric metric = 0;

    while (metric < GEMEL_METRIC_N && !g_str_equal(gemel_metrics[metric].name, name))
        metric++;
    return metric;
}

static AlertUnit table_unit(const GemelMetricInfo *info, double *ret_factor)
{
    *ret_factor = 1;
    for (gsize i = 0; i < G_N_ELEMENTS(table_units); i++) {
        if (!g_str_equal(table_units[i].unit, info->unit) || table_units[i].kind != info->kind)
            continue;
        *ret_factor = table_units[i].factor;
        return table_units[i].written;
    }
    return ALERT_NUMBER;
}

/* The figure as the alert's value is written; FALSE: there is none now. */
static gboolean read_figure(const Alert *alert, const ModelInstance *instance, double *ret)
{
    GemelMetric metric;
    double factor;

    for (gsize i = 0; i < G_N_ELEMENTS(headlines); i++) {
        guint64 used, limit;

        if (!g_str_equal(headlines[i].name, alert->metric))
            continue;
        if (!alert->of_limit)
            return headlines[i].figure(instance, ret);
        if (!model_memory(instance, &used, &limit) || limit == 0)
            return FALSE;
        *ret = 100.0 * (double)used / (double)limit;
        return TRUE;
    }
    metric = find_metric(alert->metric);
    gboolean is_rate = gemel_metrics[metric].kind == GEMEL_METRIC_COUNTER;

    if ((((is_rate ? instance->rate_valid : instance->valid) >> metric) & 1u) == 0)
        return FALSE;
    table_unit(&gemel_metrics[metric], &factor);
    *ret = factor * (is_rate ? instance->rate[metric] : (double)instance->value[metric]);
    return TRUE;
}

static char *value_text(const Alert *alert, double value)
{
    if (alert->unit == ALERT_PERCENT || alert->of_limit) {
        g_autofree char *percent = format_percent(value);

        return g_strconcat(percent, " %", NULL);
    }
    if (alert->unit == ALERT_BYTES || alert->unit == ALERT_MEMORY)
        return format_bytes((guint64)MAX(value, 0));
    return g_strdup_printf(alert->unit == ALERT_SECONDS ? "%.3g s" : "%.4g", value);
}

char *alert_figure(const Alert *alert, const ModelInstance *instance)
{
    double value;

    return read_figure(alert, instance, &value) ? value_text(alert, value) : g_strdup("-");
}

/* ---- raising -------------------------------------------------------------------------------- */

static guint32 bit_of(const Alert *alert)
{
    return 1u << (alert->number - 1);
}

gboolean alert_is_raised(const Alert *alert, const ModelInstance *instance)
{
    return (instance->alerts & bit_of(alert)) != 0;
}

static void command_ended(gpointer data, int status)
{
    ((Alert *)data)->child = NULL;
}

static void command_line(gpointer data, gboolean is_error, const char *text)
{
    /* what it prints has nowhere to go */
}

/* Runs the alert's command, or says why not. */
static char *run_command(App *app, Alert *alert, const ModelInstance *instance, const char *figure)
{
    gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    g_autofree char *number = g_strdup_printf("GEMEL_ALERT=%s", alert->text);
    g_autofree char *backend = g_strdup_printf("GEMEL_BACKEND=%s", instance->backend->name);
    g_autofree char *id = g_strdup_printf("GEMEL_ID=%s", instance->info->id);
    g_autofree char *name = g_strdup_printf("GEMEL_NAME=%s", instance->info->name);
    g_autofree char *metric = g_strdup_printf("GEMEL_METRIC=%s", alert->metric);
    g_autofree char *value = g_strdup_printf("GEMEL_VALUE=%s", figure);
    const char *const env[] = {number, backend, id, name, metric, value, NULL};

    if (alert->child != NULL)
        return g_strdup("; its command still runs from before");
    if (alert->runs > 0 && now - alert->ran_usec < ALERT_PAUSE_S * G_USEC_PER_SEC)
        return g_strdup_printf("; its command ran less than %d s ago and is left out",
                               ALERT_PAUSE_S);
    alert->child = child_start(
        app, (const char *const *)alert->command, env,
        &(ChildHooks){.line = command_line, .ended = command_ended, .data = alert}, &error);
    alert->ran_usec = now;
    alert->runs++;
    return error != NULL ? g_strdup_printf("; %s", error->message)
                         : g_strdup_printf("; ran %s", alert->command[0]);
}

static void tell(Alerts *alerts, Alert *alert, ModelInstance *instance, gboolean raised)
{
    g_autofree char *figure = alert_figure(alert, instance);
    g_autofree char *ran =
        raised && alert->command != NULL ? run_command(alerts->app, alert, instance, figure) : NULL;
    g_autofree char *detail = g_strdup_printf("%s is %s (alert %u: %s)%s", alert->metric, figure,
                                              alert->number, alert->text, ran != NULL ? ran : "");

    model_add_event(alerts->app->model, instance,
                    raised ? GEMEL_EVENT_ALERT : GEMEL_EVENT_ALERT_OVER, detail);
}

/* Holds one sample against one alert. */
static void check(Alerts *alerts, Alert *alert, ModelInstance *instance, gint64 before_ns)
{
    guint i = alert->number - 1;
    gint64 gap_ns = 2 * model_interval_ms(instance->backend) * 1000000 + 1000000000;
    double value = 0;
    gboolean there = read_figure(alert, instance, &value);
    gboolean holds = there && (alert->below ? value < alert->value : value > alert->value);

    if (!holds) {
        if (instance->alert_since_ns != NULL)
            instance->alert_since_ns[i] = 0;
        if (alert_is_raised(alert, instance)) {
            instance->alerts &= ~bit_of(alert);
            tell(alerts, alert, instance, FALSE);
        }
        return;
    }
    if (alert_is_raised(alert, instance))
        return;
    if (instance->alert_since_ns == NULL)
        instance->alert_since_ns = g_new0(gint64, ALERTS_MAX);
    if (instance->alert_since_ns[i] == 0 || instance->sample_ns - before_ns > gap_ns)
        instance->alert_since_ns[i] = instance->sample_ns;
    if (instance->sample_ns - instance->alert_since_ns[i] < (gint64)alert->for_ms * 1000000)
        return;
    instance->alerts |= bit_of(alert);
    tell(alerts, alert, instance, TRUE);
}

static gboolean chooses(const Alert *alert, const ModelInstance *instance)
{
    const char *name = instance->info->name != NULL ? instance->info->name : "";

    return g_str_equal(alert->instance, "all") ||
           g_str_equal(alert->instance, instance->info->id) ||
           model_glob_matches(alert->instance, instance->backend->name, name);
}

/* Model's hook: a sample was taken in. */
static void sample_taken(ModelInstance *instance, gint64 before_ns, gpointer data)
{
    Alerts *alerts = data;

    for (guint i = 0; i < alerts->all->len; i++) {
        Alert *alert = alerts->all->pdata[i];

        if (alert != NULL && chooses(alert, instance))
            check(alerts, alert, instance, before_ns);
    }
}

/* Model's hook: it stopped, or is no more. */
static void figures_gone(ModelInstance *instance, gpointer data)
{
    Alerts *alerts = data;

    for (guint i = 0; i < alerts->all->len; i++) {
        const Alert *alert = alerts->all->pdata[i];

        if (alert == NULL || !alert_is_raised(alert, instance))
            continue;
        g_autofree char *detail = g_strdup_printf("%s is not known any more (alert %u: %s)",
                                                  alert->metric, alert->number, alert->text);

        instance->alerts &= ~bit_of(alert);
        model_add_event(alerts->app->model, instance, GEMEL_EVENT_ALERT_OVER, detail);
    }
}

/* ---- the list ------------------------------------------------------------------------------- */

static void alert_free(Alert *alert)
{
    if (alert == NULL)
        return;
    if (alert->child != NULL)
        child_forget(alert->child); /* what an alert began outlives it, and the program */
    g_free(alert->instance);
    g_free(alert->metric);
    g_strfreev(alert->command);
    g_free(alert->text);
    g_free(alert);
}

Alerts *alerts_new(App *app)
{
    Alerts *alerts = g_new0(Alerts, 1);

    alerts->app = app;
    alerts->all = g_ptr_array_new();
    return alerts;
}

void alerts_free(Alerts *alerts)
{
    for (guint i = 0; i < alerts->all->len; i++)
        alert_free(alerts->all->pdata[i]);
    g_ptr_array_unref(alerts->all);
    g_free(alerts);
}

const Alert *alerts_nth(const Alerts *alerts, guint i)
{
    for (guint n = 0; n < alerts->all->len; n++)
        if (alerts->all->pdata[n] != NULL && i-- == 0)
            return alerts->all->pdata[n];
    return NULL;
}

gboolean alerts_remove(Alerts *alerts, guint number)
{
    GPtrArray *instances = model_instances(alerts->app->model);

    if (number == 0 || number > alerts->all->len || alerts->all->pdata[number - 1] == NULL)
        return FALSE;
    for (guint i = 0; i < instances->len; i++) {
        ModelInstance *instance = instances->pdata[i];

        instance->alerts &= ~(1u << (number - 1));
        if (instance->alert_since_ns != NULL)
            instance->alert_since_ns[number - 1] = 0;
    }
    alert_free(alerts->all->pdata[number - 1]);
    alerts->all->pdata[number - 1] = NULL;
    return TRUE;
}

void alerts_remove_all(Alerts *alerts)
{
    for (guint number = 1; number <= alerts->all->len; number++)
        alerts_remove(alerts, number);
}

/* ---- reading -------------------------------------------------------------------------------- */

static gboolean is_metric(const char *name)
{
    const char *known;

    for (guint i = 0; (known = alert_metric_name(i)) != NULL; i++)
        if (g_str_equal(known, name))
            return TRUE;
    return FALSE;
}

static void set_unit(Alert *alert)
{
    double factor;

    for (gsize i = 0; i < G_N_ELEMENTS(headlines); i++) {
        if (g_str_equal(headlines[i].name, alert->metric)) {
            alert->unit = headlines[i].unit;
            return;
        }
    }
    alert->unit = table_unit(&gemel_metrics[find_metric(alert->metric)], &factor);
}

/* "80%", "64M", "3"; what the metric's unit allows. */
static gboolean parse_value(Alert *alert, const char *text, GError **error)
{
    static const char *const right[] = {[ALERT_PERCENT] = "80 or 80%",
                                        [ALERT_BYTES] = "64M or 1.5G",
                                        [ALERT_NUMBER] = "100",
                                        [ALERT_MEMORY] = "90% (of the limit) or 64M",
                                        [ALERT_SECONDS] = "500ms or 10s"};
    gboolean percent = g_str_has_suffix(text, "%");
    g_autofree char *number = percent ? g_strndup(text, strlen(text) - 1) : g_strdup(text);
    gint64 bytes;
    gint ms;
    char *end;

    alert->of_limit = percent && alert->unit == ALERT_MEMORY;
    alert->value = g_ascii_strtod(number, &end);
    if (end != number && *end == '\0' && isfinite(alert->value) &&
        (!percent || alert->unit == ALERT_PERCENT || alert->of_limit))
        return TRUE;
    if (!percent && (alert->unit == ALERT_BYTES || alert->unit == ALERT_MEMORY) &&
        parse_size_bytes(number, &bytes, NULL)) {
        alert->value = (double)bytes;
        return TRUE;
    }
    if (!percent && alert->unit == ALERT_SECONDS && parse_duration_ms(number, &ms, NULL)) {
        alert->value = ms / 1000.0;
        return TRUE;
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "alert: '%s' is no value of %s; write %s",
                           text, alert->metric, right[alert->unit]);
}

/* above, below, and their signs. */
static gboolean parse_comparison(Alert *alert, const char *word, GError **error)
{
    alert->below = g_str_equal(word, "below") || g_str_equal(word, "<");
    if (alert->below || g_str_equal(word, "above") || g_str_equal(word, ">"))
        return TRUE;
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "alert: '%s' is not `above` or `below`",
                           word);
}

/* [for TIME] [do CMD...] */
static gboolean parse_rest(Alert *alert, char **words, GError **error)
{
    if (words[0] != NULL && g_str_equal(words[0], "for")) {
        if (words[1] == NULL || !parse_duration_ms(words[1], &alert->for_ms, NULL))
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "alert: `for` needs a time, like 30s or 2m");
        words += 2;
    }
    if (words[0] == NULL)
        return TRUE;
    if (!g_str_equal(words[0], "do"))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "alert: '%s' is neither `for TIME` nor `do COMMAND`", words[0]);
    if (words[1] == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "alert: `do` needs a command");
    alert->command = g_strdupv(words + 1);
    return TRUE;
}

/* "cpu>80" as one word becomes three. */
static char **split_condition(char **words)
{
    g_autoptr(GStrvBuilder) made = g_strv_builder_new();

    for (guint i = 0; words[i] != NULL; i++) {
        const char *sign = i == 1 ? strpbrk(words[i], "<>") : NULL;

        if (sign == NULL || words[i][1] == '\0') {
            g_strv_builder_add(made, words[i]);
            continue;
        }
        g_autofree char *metric = g_strndup(words[i], (gsize)(sign - words[i]));
        g_autofree char *comparison = g_strndup(sign, 1);

        g_strv_builder_add(made, metric);
        g_strv_builder_add(made, comparison);
        if (sign[1] != '\0')
            g_strv_builder_add(made, sign + 1);
    }
    return g_strv_builder_end(made);
}

static Alert *alert_parse(char **given, GError **error)
{
    g_auto(GStrv) words = split_condition(given);
    Alert *alert;

    if (g_strv_length(words) < 4) {
        gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            "alert: say NAME METRIC above VALUE, like `alert all cpu above 80%% for 30s`");
        return NULL;
    }
    if (!is_metric(words[1])) {
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "alert: there is no metric '%s'; cpu, memory, pressure, block, net and the "
                        "names in `stats --json` are",
                        words[1]);
        return NULL;
    }
    alert = g_new0(Alert, 1);
    alert->instance = g_strdup(words[0]);
    alert->metric = g_strdup(words[1]);
    alert->text = g_strjoinv(" ", words);
    set_unit(alert);
    if (parse_comparison(alert, words[2], error) && parse_value(alert, words[3], error) &&
        parse_rest(alert, words + 4, error))
        return alert;
    alert_free(alert);
    return NULL;
}

const Alert *alerts_add(Alerts *alerts, char **words, GError **error)
{
    Alert *alert = alert_parse(words, error);
    guint place = 0;

    if (alert == NULL)
        return NULL;
    while (place < alerts->all->len && alerts->all->pdata[place] != NULL)
        place++;
    if (place == ALERTS_MAX) {
        alert_free(alert);
        gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                        "alert: there are %d already; `alert remove N` makes room", ALERTS_MAX);
        return NULL;
    }
    if (place == alerts->all->len)
        g_ptr_array_add(alerts->all, NULL);
    alerts->all->pdata[place] = alert;
    alert->number = place + 1;
    model_set_sample_hook(alerts->app->model, sample_taken, figures_gone, alerts);
    return alert;
}
