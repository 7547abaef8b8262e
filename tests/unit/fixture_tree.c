/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/fixture_tree.h"

#include <glib/gstdio.h>
#include <string.h>

#define MARK "=== "

static char *fixture_path(const char *layout, const char *file)
{
    return g_build_filename(FIXTURES, "cgroup", layout, file, NULL);
}

char *fixture_tree_text(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    char *text = NULL;

    g_file_get_contents(full, &text, NULL, NULL);
    return text;
}

char *fixture_tree_unpack(const char *layout)
{
    g_autofree char *path = fixture_path(layout, "tree"), *text = NULL;
    g_autoptr(GError) error = NULL;
    char *root = g_dir_make_tmp("gemel-fixture-XXXXXX", &error);

    g_assert_no_error(error);
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(text, MARK));
    for (char *at = text, *next; at != NULL; at = next) {
        char *body = strchr(at, '\n') + 1;
        g_autofree char *name = g_strndup(at + strlen(MARK), (gsize)(body - at) - strlen(MARK) - 1);
        g_autofree char *full = g_strconcat(root, name, NULL);
        g_autofree char *dir = g_path_get_dirname(full);

        if (g_str_has_prefix(body, MARK))
            next = body; /* an empty file */
        else if ((next = strstr(body, "\n" MARK)) != NULL)
            next++;
        g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
        g_file_set_contents(full, body, next != NULL ? next - body : (gssize)strlen(body), &error);
        g_assert_no_error(error);
    }
    return root;
}

static void remove_below(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            remove_below(child);
        g_remove(child);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_remove(path);
}

void fixture_tree_remove(char *root)
{
    remove_below(root);
    g_free(root);
}

/* A line per figure, in the order of the schema; then the rows. */
static char *format_sample(const GemelSample *sample)
{
    GString *out = g_string_new(NULL);

    for (guint m = 0; m < GEMEL_METRIC_N; m++)
        if (gemel_sample_has(sample, (GemelMetric)m))
            g_string_append_printf(out, "%s %" G_GUINT64_FORMAT "\n", gemel_metrics[m].name,
                                   sample->value[m]);
    for (guint i = 0; i < sample->rows->len; i++) {
        const GemelRow *row = &g_array_index(sample->rows, GemelRow, i);

        for (guint m = 0; m < GEMEL_ROW_N; m++)
            if (row->valid >> m & 1u)
                g_string_append_printf(out, "%s %s %s %" G_GUINT64_FORMAT "\n",
                                       gemel_row_group_names[row->group], row->name,
                                       gemel_row_metrics[m].name, row->value[m]);
    }
    return g_string_free(out, FALSE);
}

void fixture_check_sample(const GemelSample *sample, const char *layout, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".expected", NULL);
    g_autofree char *path = fixture_path(layout, file), *wanted = NULL;
    g_autofree char *got = format_sample(sample);
    g_autoptr(GError) error = NULL;

    if (g_getenv("GEMEL_FIXTURES_UPDATE") != NULL) {
        g_file_set_contents(path, got, -1, &error);
        g_assert_no_error(error);
        return;
    }
    g_file_get_contents(path, &wanted, NULL, &error);
    g_assert_no_error(error);
    if (!g_str_equal(got, wanted)) {
        g_printerr("--- wanted (%s)\n%s--- got\n%s---\n", path, wanted, got);
        g_test_fail_printf("the sample is not as in %s", path);
    }
}
