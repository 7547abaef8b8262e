/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the TUI that are tables and rules: bindings, filter, snapshot tree. */
#include <locale.h>
#include <string.h>

#include "console/tui/instances.h"

/* ---- bindings ------------------------------------------------------------------------------- */

static gboolean is_verb;

static void look_for_verb(const char *name, const char *args, const char *summary, gpointer data)
{
    g_assert_cmpstr(summary, !=, "");
    is_verb = is_verb || strcmp(name, data) == 0;
}

static void test_every_binding_is_a_key_and_a_command(void)
{
    const Binding *binding;

    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(binding->line, " ", -1);
        g_autoptr(GError) error = NULL;
        guint used;

        g_assert_cmpint(keys_from_name(binding->key), !=, KEYS_NONE);
        g_assert_cmpint(binding->where, !=, 0);
        g_assert_nonnull(command_find((const char *const *)words, &used, &error));
        g_assert_no_error(error);
        if (strcmp(words[0], "view") != 0)
            continue;
        is_verb = FALSE;
        tui_foreach_verb(look_for_verb, words[1]);
        if (!is_verb)
            g_error("%s is bound to 'view %s', which is no verb", binding->key, words[1]);
    }
}

static void test_no_key_means_two_things_in_one_place(void)
{
    const Binding *a, *b;

    for (guint i = 0; (a = keymap_nth(i)) != NULL; i++)
        for (guint j = i + 1; (b = keymap_nth(j)) != NULL; j++)
            if (keys_from_name(a->key) == keys_from_name(b->key) && a->where != AT_ALL &&
                b->where != AT_ALL && (a->where & b->where) != 0)
                g_error("%s is both '%s' and '%s'", a->key, a->line, b->line);
}

static void test_nothing_destructive_is_on_one_stroke(void)
{
    static const char *const destructive[] = {"kill", "reset", "stop", "restart"};
    const Binding *binding;

    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++)
        for (guint d = 0; d < G_N_ELEMENTS(destructive); d++)
            g_assert_false(g_str_has_prefix(binding->line, destructive[d]));
}

static void test_a_users_binding_wins_and_an_empty_one_unbinds(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tui_bind("F5", NULL, "start {}", &error));
    g_assert_cmpstr(keymap_find(keys_from_name("F5"), AT_INSTANCES)->line, ==, "start {}");
    g_assert_true(tui_bind("F5", NULL, "", &error));
    g_assert_null(keymap_find(keys_from_name("F5"), AT_INSTANCES));
    g_assert_false(tui_bind("NoKey", NULL, "start {}", &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
}

/* ---- filter --------------------------------------------------------------------------------- */

/* A running guest: web-1 on "lab", 150 % CPU, 200M. */
typedef struct {
    ModelBackend backend;
    ModelInstance instance;
} Guest;

static void guest_init(Guest *guest)
{
    *guest = (Guest){.backend = {.name = "lab"}};
    guest->instance.info = gemel_instance_new("lab", GEMEL_KIND_VM, "1234-5678", "Web-1");
    guest->instance.info->state = GEMEL_STATE_RUNNING;
    guest->instance.info->image = g_strdup("debian.qcow2");
    guest->instance.info->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(guest->instance.info->labels, g_strdup("role"), g_strdup("front"));
    guest->instance.backend = &guest->backend;
    guest->instance.rate_valid = G_GUINT64_CONSTANT(1) << GEMEL_METRIC_CPU_USAGE;
    guest->instance.rate[GEMEL_METRIC_CPU_USAGE] = 1.5e9;
    guest->instance.valid = G_GUINT64_CONSTANT(1) << GEMEL_METRIC_MEM_USAGE;
    guest->instance.value[GEMEL_METRIC_MEM_USAGE] = 200 << 20;
}

static void test_filter_words(void)
{
    static const struct {
        const char *text;
        gboolean matches;
    } cases[] = {
        {"", TRUE},
        {"web", TRUE},
        {"WEB lab", TRUE},
        {"web nothing", FALSE},
        {"!web", FALSE},
        {"!db", TRUE},
        {"state=running", TRUE},
        {"state=Running kind=vm", TRUE},
        {"kind=ct", FALSE},
        {"kind=container", FALSE},
        {"!kind=container", TRUE},
        {"name=web-*", TRUE},
        {"name=web", FALSE},
        {"role=front", TRUE},
        {"role=back", FALSE},
        {"role=", FALSE},
        {"nosuchlabel=", TRUE},
        {"image=*.qcow2", TRUE},
        {"~^web-[0-9]$", TRUE},
        {"/^db/", FALSE},
        {"cpu>100", TRUE},
        {"cpu>=150", TRUE},
        {"cpu<150", FALSE},
        {"memory>100M", TRUE},
        {"memory<=100M", FALSE},
        {"pressure>0", FALSE}, /* no figure never matches */
        {"!pressure>0", TRUE},
        {"cpu>50% memory<1G", TRUE},
    };
    Guest guest;

    guest_init(&guest);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Filter) filter = filter_new(cases[i].text, &error);

        g_assert_no_error(error);
        if (filter_matches(filter, &guest.instance) != cases[i].matches)
            g_error("'%s' gives the wrong answer", cases[i].text);
    }
    gemel_instance_free(guest.instance.info);
}

static void test_filter_says_what_is_wrong(void)
{
    static const char *const bad[] = {"~[", "size>5", "cpu>much", "memory>", "/(/"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(filter_new(bad[i], &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_assert_null(strchr(error->message, '\n'));
    }
}

static void test_filter_takes_hostile_names(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = filter_new("\xff\xfe ~\xc3", &error);
    Guest guest;

    guest_init(&guest);
    g_free(guest.instance.info->name);
    guest.instance.info->name = g_strdup("\xff\033[31m");
    g_clear_error(&error);
    if (filter != NULL)
        filter_matches(filter, &guest.instance);
    g_autoptr(Filter) plain = filter_new("x", &error);

    g_assert_false(filter_matches(plain, &guest.instance));
    gemel_instance_free(guest.instance.info);
}

/* ---- the snapshot tree ---------------------------------------------------------------------- */

/* "name:parent name:parent …" drawn as lines. */
static char *drawn_tree(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    GString *out = g_string_new(NULL);

    for (guint i = 0; words[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], ":", 2);
        GemelSnapshot *snapshot = g_new0(GemelSnapshot, 1);

        snapshot->name = g_strdup(parts[0]);
        snapshot->parent = parts[1] != NULL ? g_strdup(parts[1]) : NULL;
        g_ptr_array_add(list, snapshot);
    }
    g_autoptr(GPtrArray) tree = tree_order(list);

    g_assert_cmpuint(tree->len, ==, list->len);
    for (guint i = 0; i < tree->len; i++) {
        g_autofree char *prefix = tree_prefix(tree, i);

        g_string_append_printf(out, "%s%s\n", prefix, ((GemelSnapshot *)tree->pdata[i])->name);
    }
    return g_string_free(out, FALSE);
}

static void test_tree_shows_children_below_their_parents(void)
{
    text_set_utf8(TRUE);
    g_autofree char *tree = drawn_tree("base a:base b:base a1:a other a2:a1");

    g_assert_cmpstr(tree, ==,
                    "base\n"
                    "├─ a\n"
                    "│  └─ a1\n"
                    "│     └─ a2\n"
                    "└─ b\n"
                    "other\n");
}

static void test_tree_survives_loops_and_missing_parents(void)
{
    text_set_utf8(TRUE);
    g_autofree char *loop = drawn_tree("x:y y:x lone:nobody");

    g_assert_nonnull(strstr(loop, "x\n"));
    g_assert_nonnull(strstr(loop, "y\n"));
    g_assert_nonnull(strstr(loop, "lone\n"));
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("TERM", "xterm-256color", TRUE); /* whatever the tests are started from */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keymap/every-binding-is-a-key-and-a-command",
                    test_every_binding_is_a_key_and_a_command);
    g_test_add_func("/keymap/no-key-means-two-things-in-one-place",
                    test_no_key_means_two_things_in_one_place);
    g_test_add_func("/keymap/nothing-destructive-is-on-one-stroke",
                    test_nothing_destructive_is_on_one_stroke);
    g_test_add_func("/keymap/a-users-binding-wins-and-an-empty-one-unbinds",
                    test_a_users_binding_wins_and_an_empty_one_unbinds);
    g_test_add_func("/filter/words", test_filter_words);
    g_test_add_func("/filter/says-what-is-wrong", test_filter_says_what_is_wrong);
    g_test_add_func("/filter/takes-hostile-names", test_filter_takes_hostile_names);
    g_test_add_func("/snapshots/tree-shows-children-below-their-parents",
                    test_tree_shows_children_below_their_parents);
    g_test_add_func("/snapshots/tree-survives-loops-and-missing-parents",
                    test_tree_survives_loops_and_missing_parents);
    return g_test_run();
}
