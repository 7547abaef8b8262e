/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_group.c - what a host has beside instances: image list, pool list, network list.
 *
 * Each is in the command table as long as a backend is connected that has its group.
 */
#include <string.h>

#include "console/commands.h"

typedef struct {
    GemelGroup group;
    json_t *rows, *errors;
    GPtrArray *answers; /* of Answer */
    guint pending;
} Listing;

static void listing_free(gpointer data)
{
    Listing *listing = data;

    json_decref(listing->rows);
    json_decref(listing->errors);
    g_ptr_array_unref(listing->answers);
    g_free(listing);
}

/* Runs on a worker; arg is the group. */
static gpointer run_list(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    return conn->backend->ops->groups[GPOINTER_TO_UINT(arg)]->list(conn, error);
}

/* A value as people read it: sizes and times by the ends of their keys. */
static char *cell_text(const char *key, const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return g_strdup("-");
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_integer(value) && g_str_has_suffix(key, "_bytes"))
        return format_bytes((guint64)MAX(json_integer_value(value), 0));
    if (json_is_integer(value) && g_str_has_suffix(key, "_unix")) {
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(json_integer_value(value));

        return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("-");
    }
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return g_strdup_printf("%g", json_number_value(value));
}

/* NAME, then the other keys in the order in which they came, BACKEND last. */
static GPtrArray *keys_of(const json_t *rows)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    json_t *row, *value;
    const char *key;
    size_t i;

    g_ptr_array_add(keys, g_strdup("name"));
    json_array_foreach (rows, i, row)
        json_object_foreach (row, key, value)
            if (!g_str_equal(key, "backend") &&
                !g_ptr_array_find_with_equal_func(keys, key, g_str_equal, NULL))
                g_ptr_array_add(keys, g_strdup(key));
    g_ptr_array_add(keys, g_strdup("backend"));
    return keys;
}

/* "size_bytes" -> "SIZE" */
static char *header_of(const char *key)
{
    g_autofree char *upper = g_ascii_strup(key, -1);

    for (gsize i = 0; i < 2; i++) {
        const char *end = i == 0 ? "_BYTES" : "_UNIX";

        if (g_str_has_suffix(upper, end))
            upper[strlen(upper) - strlen(end)] = '\0';
    }
    return g_strdelimit(g_strdup(upper), "_", ' ');
}

static void print_rows(CommandRun *run, const json_t *rows)
{
    g_autoptr(GPtrArray) keys = keys_of(rows),
                         lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_autofree guint *widths = g_new0(guint, keys->len);
    json_t *row;
    size_t i;

    for (size_t r = 0; r <= json_array_size(rows); r++) {
        char **cells = g_new0(char *, keys->len + 1);

        row = r > 0 ? json_array_get(rows, r - 1) : NULL;
        for (guint k = 0; k < keys->len; k++) {
            cells[k] = row == NULL
                           ? header_of(keys->pdata[k])
                           : cell_text(keys->pdata[k], json_object_get(row, keys->pdata[k]));
            widths[k] = MAX(widths[k], (guint)g_utf8_strlen(cells[k], -1));
        }
        g_ptr_array_add(lines, cells);
    }
    for (i = 0; i < lines->len; i++) {
        g_autoptr(GString) line = g_string_new(NULL);
        char **cells = lines->pdata[i];

        for (guint k = 0; k < keys->len; k++)
            g_string_append_printf(
                line, "%s%s%*s", k > 0 ? "  " : "", cells[k],
                k + 1 < keys->len ? (int)(widths[k] - (guint)g_utf8_strlen(cells[k], -1)) : 0, "");
        output_line(run->out, OUTPUT_DATA, "%s", line->str);
    }
}

static void listing_over(CommandRun *run)
{
    Listing *listing = run->data;

    if (run->json)
        output_json(run->out, json_pack("{s:O, s:O}", gemel_group_name(listing->group),
                                        listing->rows, "errors", listing->errors));
    else if (json_array_size(listing->rows) > 0)
        print_rows(run, listing->rows);
    else if (run->worst == 0)
        output_line(run->out, OUTPUT_NOTE, "there are no %s", gemel_group_name(listing->group));
}

/* One backend's answer. */
typedef struct {
    CommandRun *run;
    const char *backend; /* the run's jobs end before a backend goes */
} Answer;

static void list_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    const Answer *answer = data;
    CommandRun *run = answer->run;
    Listing *listing = run->data;
    json_t *row;
    size_t i;

    if (error != NULL) {
        run_error(run, error);
        json_array_append_new(listing->errors, error_to_json(answer->backend, error));
    } else {
        json_array_foreach ((json_t *)result, i, row) {
            json_t *own = json_copy(row);

            json_object_set_new(own, "backend", json_text(answer->backend));
            json_array_append_new(listing->rows, own);
        }
    }
    if (--listing->pending == 0)
        listing_over(run);
}

static void rows_free(gpointer rows)
{
    json_decref(rows);
}

static void group_run(CommandRun *run)
{
    Listing *listing = g_new0(Listing, 1);

    listing->group = (GemelGroup)(run->command->needs - 1);
    listing->rows = json_array();
    listing->errors = json_array();
    listing->answers = g_ptr_array_new_with_free_func(g_free);
    run->data = listing;
    run->data_free = listing_free;
    for (guint i = 0; i < run->app->backends->len; i++) {
        AppBackend *open = run->app->backends->pdata[i];
        Answer *answer;

        if (!gemel_backend_has_group(open->backend, listing->group))
            continue;
        answer = g_new0(Answer, 1);
        *answer = (Answer){run, open->backend->name};
        g_ptr_array_add(listing->answers, answer);
        listing->pending++;
        run_submit(run, open, GEMEL_LANE_READ,
                   &(GemelJobSpec){.kind = gemel_group_name(listing->group),
                                   .run = run_list,
                                   .arg = GUINT_TO_POINTER(listing->group),
                                   .result_free = rows_free,
                                   .hard_ms = 10000},
                   list_done, answer);
    }
}

const Command commands_group[] = {
    {.name = "image list",
     .aliases = "images",
     .summary = "the images that containers and guests are made from",
     .example = "gemel image list",
     .group = "Host",
     .needs = GEMEL_GROUP_IMAGES + 1,
     .flags = COMMAND_JSON,
     .run = group_run},
    {.name = "pool list",
     .aliases = "pools",
     .summary = "where images and disks are stored",
     .example = "gemel pool list",
     .group = "Host",
     .needs = GEMEL_GROUP_STORAGE + 1,
     .flags = COMMAND_JSON,
     .run = group_run},
    {.name = "network list",
     .aliases = "networks",
     .summary = "the networks that instances can be on",
     .example = "gemel network list",
     .group = "Host",
     .needs = GEMEL_GROUP_NETWORKS + 1,
     .flags = COMMAND_JSON,
     .run = group_run},
    {.name = NULL},
};
