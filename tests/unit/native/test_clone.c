/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A clone has what its original has, on layers of its own, and neither touches the other. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/native/fixture.h"

static const NativeStore *store_of(Fixture *f)
{
    return ((NativeConn *)f->conn)->store;
}

static NativeContainer *model(Fixture *f, const char *id)
{
    GError *error = NULL;
    NativeContainer *c = native_container_load(store_of(f), id, &error);

    g_assert_no_error(error);
    return c;
}

static char *in_layer(Fixture *f, const char *id, guint number, const char *file)
{
    g_autofree char *path = g_strdup_printf("l/%u/fs/%s", number, file);

    return native_store_container_path(store_of(f), id, path);
}

static char *id_of(Fixture *f, const char *name)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) list = gemel_native_ops.list(f->conn, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(list, i);

        if (g_str_equal(instance->name, name))
            return g_strdup(instance->id);
    }
    g_error("no %s", name);
}

static char *clone_as(Fixture *f, const char *id, const char *name, gboolean linked)
{
    fixture_must(f, GEMEL_ACT_CLONE, id, (&(GemelActArgs){.name = name, .linked = linked}));
    return id_of(f, name);
}

static void take(Fixture *f, const char *id, const char *name)
{
    GError *error = NULL;

    gemel_native_ops.snapshots->create(f->conn, id, name, NULL, NULL, &error);
    g_assert_no_error(error);
}

static void collect_note(void *data, const char *text)
{
    g_string_append_printf(data, "%s\n", text);
}

/* Runs it to its end; what it said. */
static char *run(Fixture *f, const char *id, const char *until)
{
    fixture_must(f, GEMEL_ACT_START, id, NULL);
    fixture_wait_state(f, id, GEMEL_STATE_STOPPED);
    return fixture_wait_log(f, id, until);
}

/* Two layers of writing over the base: a snapshot between them. */
static char *make_original(Fixture *f)
{
    char *id =
        fixture_create(f, "first",
                       "if [ -e /one ]; then echo two > /two; rm /one; else echo one > /one; "
                       "fi; hostname; echo end");

    g_free(run(f, id, "end"));
    take(f, id, "s1");
    g_free(run(f, id, "end"));
    return id;
}

static void test_holds_what_was_there(void)
{
    Fixture f;

    if (!fixture_open(&f))
        return;
    for (gboolean linked = FALSE; linked <= TRUE; linked++) {
        const char *name = linked ? "linked" : "copied";
        g_autofree char *id = make_original(&f), *clone = clone_as(&f, id, name, linked);
        g_autoptr(NativeContainer) c = model(&f, clone);
        g_autofree char *two = in_layer(&f, clone, c->upper, "two");
        g_autofree char *whiteout = in_layer(&f, clone, c->upper, "one");
        g_autofree char *log = NULL;
        struct stat info;

        g_assert_cmpstr(c->name, ==, name);
        g_assert_cmpstr(c->hostname, ==, name);
        g_assert_cmpuint(c->snapshots->len, ==, 0);
        g_assert_null(c->current);
        g_assert_cmpuint(c->lower->len, ==, 2);
        g_assert_true(g_file_test(two, G_FILE_TEST_IS_REGULAR));
        g_assert_cmpint(lstat(whiteout, &info), ==, 0);
        g_assert_true(S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0));
        log = run(&f, clone, "end"); /* /one is hidden there too: it is written again */
        g_assert_nonnull(strstr(log, name));
        fixture_must(&f, GEMEL_ACT_DELETE, id, NULL);
        g_free(run(&f, clone, "end")); /* without its original */
        fixture_must(&f, GEMEL_ACT_DELETE, clone, NULL);
    }
    fixture_close(&f);
}

/* What is done in one is not seen in the other, and no write goes through a shared name. */
static void test_neither_touches_the_other(void)
{
    Fixture f;
    g_autofree char *id = NULL, *clone = NULL, *base = NULL, *other = NULL;
    g_autofree char *log = NULL;
    struct stat a, b;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "first",
                        "echo $(hostname) >> /etc/hosts-seen; echo x >> /bin/gone; "
                        "chmod 700 /etc; cat /etc/hosts-seen; echo end");
    base = in_layer(&f, id, 0, "bin/busybox");
    clone = clone_as(&f, id, "second", TRUE);
    other = in_layer(&f, clone, 0, "bin/busybox");
    g_assert_cmpint(stat(base, &a), ==, 0);
    g_assert_cmpint(stat(other, &b), ==, 0);
    g_assert_cmpuint(a.st_ino, ==, b.st_ino);
    g_free(run(&f, clone, "end"));
    g_assert_cmpint(stat(base, &a), ==, 0);
    g_assert_cmpint(stat(other, &b), ==, 0);
    g_assert_cmpuint(a.st_ino, ==, b.st_ino);
    log = run(&f, id, "end");
    g_assert_nonnull(strstr(log, "first"));
    g_assert_null(strstr(log, "second"));
    fixture_close(&f);
}

static void test_leaves_what_is_its_own(void)
{
    Fixture f;
    g_autofree char *id = NULL, *clone = NULL;
    g_autoptr(GString) notes = g_string_new(NULL);
    const GemelActArgs args = {.name = "second", .note = collect_note, .data = notes};
    g_autoptr(NativeContainer) c = NULL;
    g_autoptr(NativeContainer) was = NULL;

    if (!fixture_open(&f))
        return;
    id = make_original(&f);
    fixture_must(&f, GEMEL_ACT_PROTECT, id, (&(GemelActArgs){.enable = TRUE}));
    fixture_must(&f, GEMEL_ACT_AUTOSTART, id, (&(GemelActArgs){.enable = TRUE}));
    fixture_must(&f, GEMEL_ACT_CLONE, id, &args);
    g_assert_cmpstr(notes->str, ==, "not taken along: protection, autostart, 1 snapshot\n");
    clone = id_of(&f, "second");
    c = model(&f, clone);
    was = model(&f, id);
    g_assert_false(c->autostart || c->is_protected);
    g_assert_true(was->autostart && was->is_protected);
    g_assert_cmpuint(was->snapshots->len, ==, 1);
    fixture_must(&f, GEMEL_ACT_PROTECT, id, (&(GemelActArgs){.enable = FALSE}));
    fixture_close(&f);
}

static void set_hostname(GemelCreateSpec *spec)
{
    static const char *const labels[] = {"tier=db", NULL};

    spec->hostname = "by-hand";
    spec->labels = labels;
}

static void test_keeps_a_hostname_and_labels(void)
{
    Fixture f;
    g_autofree char *id = NULL, *clone = NULL;
    g_autoptr(NativeContainer) c = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create_with(&f, "first", "echo end", set_hostname);
    clone = clone_as(&f, id, "second", FALSE);
    c = model(&f, clone);
    g_assert_cmpstr(c->hostname, ==, "by-hand");
    g_assert_cmpstr(g_hash_table_lookup(c->labels, "tier"), ==, "db");
    fixture_close(&f);
}

static gint cancel;

static void cancel_it(const char *point)
{
    if (g_str_equal(point, "layer cloned"))
        g_atomic_int_set(&cancel, 1);
}

/* A cancel is obeyed up to the last moment before it appears. */
static void test_cancelled_leaves_nothing(void)
{
    Fixture f;
    g_autofree char *id = NULL, *tmp = NULL;
    const GemelActArgs args = {.name = "second", .cancel = &cancel};
    g_autoptr(GPtrArray) list = NULL;
    GError *error = NULL;
    GDir *dir;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "first", "echo end");
    native_kill_point_hook = cancel_it;
    g_assert_false(fixture_act(&f, GEMEL_ACT_CLONE, id, &args, &error));
    native_kill_point_hook = NULL;
    g_assert_nonnull(strstr(error->message, "cancelled"));
    fixture_assert_error(error, GEMEL_ERROR_FAILED);
    list = gemel_native_ops.list(f.conn, &error);
    g_assert_cmpuint(list->len, ==, 1);
    tmp = g_build_filename(store_of(&f)->root, "tmp", NULL);
    dir = g_dir_open(tmp, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
    g_dir_close(dir);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_test_add_func("/native/clone/holds-what-was-there", test_holds_what_was_there);
    g_test_add_func("/native/clone/neither-touches-the-other", test_neither_touches_the_other);
    g_test_add_func("/native/clone/leaves-what-is-its-own", test_leaves_what_is_its_own);
    g_test_add_func("/native/clone/keeps-a-hostname-and-labels", test_keeps_a_hostname_and_labels);
    g_test_add_func("/native/clone/cancelled-leaves-nothing", test_cancelled_leaves_nothing);
    return g_test_run();
}
