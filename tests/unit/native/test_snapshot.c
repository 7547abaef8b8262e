/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots hold what was there: contents, whiteouts, attributes, over forks, removals and joins.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/native/fixture.h"

static void take(Fixture *f, const char *id, const char *name)
{
    GError *error = NULL;

    gemel_native_ops.snapshots->create(f->conn, id, name, NULL, NULL, &error);
    g_assert_no_error(error);
}

static void back_to(Fixture *f, const char *id, const char *name)
{
    GError *error = NULL;

    gemel_native_ops.snapshots->revert(f->conn, id, name, NULL, &error);
    g_assert_no_error(error);
}

static void forget(Fixture *f, const char *id, const char *name)
{
    GError *error = NULL;

    gemel_native_ops.snapshots->remove(f->conn, id, name, NULL, &error);
    g_assert_no_error(error);
}

static NativeContainer *model(Fixture *f, const char *id)
{
    GError *error = NULL;
    NativeContainer *c = native_container_load(((NativeConn *)f->conn)->store, id, &error);

    g_assert_no_error(error);
    return c;
}

/* Runs the container once with its script reading /do, which the test writes into the upper layer:
   a container that does something else at each start, without exec. */
static void run_once(Fixture *f, const char *id, const char *commands)
{
    g_autoptr(NativeContainer) c = model(f, id);
    g_autofree char *dir = native_store_container_path(((NativeConn *)f->conn)->store, id, NULL);
    g_autofree char *path = g_strdup_printf("%s/l/%u/fs/do", dir, c->upper);
    g_autofree char *log = g_build_filename(dir, "log", NULL);

    unlink(log);
    g_assert_true(g_file_set_contents(path, commands, -1, NULL));
    fixture_must(f, GEMEL_ACT_START, id, NULL);
    fixture_wait_state(f, id, GEMEL_STATE_STOPPED);
}

/* What a shell inside prints for `commands`, first field of each log line stripped. */
static char *output_of(Fixture *f, const char *id, const char *commands)
{
    g_autofree char *path = native_store_container_path(((NativeConn *)f->conn)->store, id, "log");
    g_autofree char *log = NULL;
    g_auto(GStrv) lines = NULL;
    GString *text = g_string_new(NULL);

    run_once(f, id, commands);
    if (!g_file_get_contents(path, &log, NULL, NULL))
        log = g_strdup("");
    lines = g_strsplit(log, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], " ", 4);

        if (g_strv_length(fields) == 4)
            g_string_append_printf(text, "%s%s", fields[3],
                                   g_str_equal(fields[2], "F") ? "\n" : "");
    }
    return g_string_free(text, FALSE);
}

#define assert_says(f, id, commands, wanted)                                                       \
    do {                                                                                           \
        g_autofree char *said_ = output_of(f, id, commands);                                       \
        g_assert_cmpstr(said_, ==, wanted);                                                        \
    } while (0)

static char *create_doer(Fixture *f)
{
    return fixture_create(f, "doer", ". /do");
}

static guint count_layers(Fixture *f, const char *id)
{
    g_autofree char *path = native_store_container_path(((NativeConn *)f->conn)->store, id, "l");
    GDir *dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    g_dir_close(dir);
    return n;
}

static void test_stopped_holds_what_was_there(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    run_once(&f, id, "echo one > /file; rm /etc/passwd; mkdir /dir; echo x > /dir/x");
    take(&f, id, "s1");
    run_once(&f, id, "echo two > /file; rm -r /dir; mkdir /dir; echo y > /dir/y");
    assert_says(&f, id, "cat /file; ls /dir; ls /etc", "two\ny\n");
    back_to(&f, id, "s1");
    assert_says(&f, id, "cat /file; ls /dir; ls /etc", "one\nx\n");
    fixture_close(&f);
}

static void test_a_change_after_does_not_reach_it(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    run_once(&f, id, "echo one > /file");
    take(&f, id, "s1");
    run_once(&f, id, "echo more >> /file");
    take(&f, id, "s2");
    run_once(&f, id, "rm /file");
    back_to(&f, id, "s1");
    assert_says(&f, id, "cat /file", "one\n");
    back_to(&f, id, "s2");
    assert_says(&f, id, "cat /file", "one\nmore\n");
    fixture_close(&f);
}

static void test_removing_the_middle_keeps_both_ends(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    guint before;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    run_once(&f, id, "echo a > /a; mkdir /dir; echo 1 > /dir/one; echo old > /changed");
    take(&f, id, "s1");
    run_once(&f, id, "echo b > /b; rm /dir/one; echo 2 > /dir/two; echo new > /changed");
    take(&f, id, "s2");
    run_once(&f, id, "echo c > /c; rm -r /dir; mkdir /dir; echo 3 > /dir/three");
    take(&f, id, "s3");
    before = count_layers(&f, id);
    forget(&f, id, "s2");
    g_assert_cmpuint(count_layers(&f, id), <, before);
    assert_says(&f, id, "cat /a /b /c /changed; ls /dir", "a\nb\nc\nnew\nthree\n");
    back_to(&f, id, "s1");
    assert_says(&f, id, "ls /b /c 2>/dev/null; cat /a /changed; ls /dir", "a\nold\none\n");
    back_to(&f, id, "s3");
    assert_says(&f, id, "cat /a /b /c /changed; ls /dir", "a\nb\nc\nnew\nthree\n");
    forget(&f, id, "s1");
    forget(&f, id, "s3");
    assert_says(&f, id, "cat /a /b /c /changed; ls /dir", "a\nb\nc\nnew\nthree\n");
    g_assert_cmpuint(count_layers(&f, id), ==, 2);
    fixture_close(&f);
}

static void test_nothing_new_takes_no_layer(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    take(&f, id, "s1");
    take(&f, id, "s2");
    take(&f, id, "s3");
    g_assert_cmpuint(count_layers(&f, id), ==, 2);
    fixture_close(&f);
}

/* More of them than one mount can stack. */
static void test_a_hundred_in_a_row(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(NativeContainer) c = NULL;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    for (guint i = 0; i < 100; i++) {
        g_autoptr(NativeContainer) now = model(&f, id);
        g_autofree char *name = g_strdup_printf("s%u", i);
        g_autofree char *path = g_strdup_printf(
            "%s/containers/%s/l/%u/fs/f%u", ((NativeConn *)f.conn)->store->root, id, now->upper, i);

        g_assert_true(g_file_set_contents(path, name, -1, NULL));
        take(&f, id, name);
    }
    c = model(&f, id);
    g_assert_cmpuint(c->lower->len, <=, 91);
    assert_says(&f, id, "cat /f0 /f50 /f99; echo; ls / | grep -c '^f[0-9]'", "s0s50s99\n100\n");
    back_to(&f, id, "s10");
    assert_says(&f, id, "ls / | grep -c '^f[0-9]'", "11\n");
    back_to(&f, id, "s95");
    assert_says(&f, id, "ls / | grep -c '^f[0-9]'", "96\n");
    fixture_close(&f);
}

typedef struct {
    char *text;
} Notes;

static void keep_note(void *data, const char *text)
{
    Notes *notes = data;

    g_free(notes->text);
    notes->text = g_strdup(text);
}

/* A writer that never rests: the copy is of one instant, so the two files, always written one after
   the other, are at most one step apart. */
static void test_running_is_copied_at_one_instant(void)
{
    Notes notes = {NULL};
    const GemelActArgs args = {.note = keep_note, .data = &notes};
    Fixture f;
    g_autofree char *id = NULL, *log = NULL, *a = NULL, *b = NULL, *path_a = NULL, *path_b = NULL;
    g_autoptr(NativeContainer) c = NULL;
    GError *error = NULL;
    const NativeSnapshot *snapshot;
    guint layer;
    gint64 first, second;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "writer",
                        "echo up; i=0; while :; do i=$((i+1)); echo $i > /a; echo $i > /b; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    log = fixture_wait_log(&f, id, "up");
    g_usleep(100000);
    gemel_native_ops.snapshots->create(f.conn, id, "live", "while it writes", &args, &error);
    g_assert_no_error(error);
    g_assert_nonnull(notes.text);
    g_test_message("%s", notes.text);
    g_assert_nonnull(strstr(notes.text, "volumes"));
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    c = model(&f, id);
    snapshot = native_container_find_snapshot(c, "live");
    g_assert_cmpint(snapshot->freeze_ns, >, 0);
    layer = g_array_index(snapshot->layers, guint, snapshot->layers->len - 1);
    path_a = g_strdup_printf("%s/containers/%s/l/%u/fs/a", ((NativeConn *)f.conn)->store->root, id,
                             layer);
    path_b = g_strdup_printf("%s/containers/%s/l/%u/fs/b", ((NativeConn *)f.conn)->store->root, id,
                             layer);
    g_assert_true(g_file_get_contents(path_a, &a, NULL, NULL));
    g_assert_true(g_file_get_contents(path_b, &b, NULL, NULL));
    /* "echo > file" empties it first: an empty one was just being written. */
    first = g_ascii_strtoll(a, NULL, 10);
    second = g_ascii_strtoll(b, NULL, 10);
    if (*a != '\0' && *b != '\0') {
        g_assert_cmpint(first - second, >=, 0);
        g_assert_cmpint(first - second, <=, 1);
    }
    g_free(notes.text);
    fixture_close(&f);
}

static void test_revert_of_a_running_one_needs_force(void)
{
    const GemelActArgs force = {.force = TRUE};
    Fixture f;
    g_autofree char *id = NULL, *first = NULL, *again = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "ls /mark 2>/dev/null || echo fresh; touch /mark; sleep 1000");
    take(&f, id, "clean");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    first = fixture_wait_log(&f, id, "fresh");
    g_assert_false(gemel_native_ops.snapshots->revert(f.conn, id, "clean", NULL, &error));
    g_assert_nonnull(strstr(error->message, "force"));
    fixture_assert_error(error, GEMEL_ERROR_CONFLICT);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    gemel_native_ops.snapshots->revert(f.conn, id, "clean", &force, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_RUNNING);
    again = fixture_wait_log(&f, id, "fresh");
    g_assert_null(strstr(again, "/mark"));
    fixture_close(&f);
}

static void test_a_paused_one_stays_paused(void)
{
    Fixture f;
    g_autofree char *id = NULL;

    if (!fixture_open(&f))
        return;
    id = fixture_create(&f, "web", "while :; do sleep 1; done");
    fixture_must(&f, GEMEL_ACT_START, id, NULL);
    fixture_must(&f, GEMEL_ACT_PAUSE, id, NULL);
    take(&f, id, "s1");
    g_assert_cmpint(fixture_state(&f, id), ==, GEMEL_STATE_PAUSED);
    fixture_close(&f);
}

static void test_sizes_are_the_layers_own(void)
{
    Fixture f;
    g_autofree char *id = NULL;
    g_autoptr(GPtrArray) list = NULL;
    GError *error = NULL;

    if (!fixture_open(&f))
        return;
    id = create_doer(&f);
    take(&f, id, "empty");
    run_once(&f, id, "dd if=/dev/zero of=/big bs=1024 count=512 2>/dev/null");
    take(&f, id, "big");
    list = gemel_native_ops.snapshots->list(f.conn, id, &error);
    g_assert_no_error(error);
    g_assert_cmpint(((GemelSnapshot *)g_ptr_array_index(list, 0))->size_bytes, ==, 0);
    g_assert_cmpint(((GemelSnapshot *)g_ptr_array_index(list, 1))->size_bytes, >=, 512 * 1024);
    g_assert_cmpint(((GemelSnapshot *)g_ptr_array_index(list, 1))->size_bytes, <, 2048 * 1024);
    g_assert_cmpstr(((GemelSnapshot *)g_ptr_array_index(list, 1))->kind, ==, "layer");
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (fixture_cannot_run() != NULL) {
        g_print("1..0 # SKIP %s\n", fixture_cannot_run());
        return 0;
    }
    g_test_add_func("/native/snapshot/stopped-holds-what-was-there",
                    test_stopped_holds_what_was_there);
    g_test_add_func("/native/snapshot/a-change-after-does-not-reach-it",
                    test_a_change_after_does_not_reach_it);
    g_test_add_func("/native/snapshot/removing-the-middle-keeps-both-ends",
                    test_removing_the_middle_keeps_both_ends);
    g_test_add_func("/native/snapshot/nothing-new-takes-no-layer", test_nothing_new_takes_no_layer);
    g_test_add_func("/native/snapshot/a-hundred-in-a-row", test_a_hundred_in_a_row);
    g_test_add_func("/native/snapshot/running-is-copied-at-one-instant",
                    test_running_is_copied_at_one_instant);
    g_test_add_func("/native/snapshot/revert-of-a-running-one-needs-force",
                    test_revert_of_a_running_one_needs_force);
    g_test_add_func("/native/snapshot/a-paused-one-stays-paused", test_a_paused_one_stays_paused);
    g_test_add_func("/native/snapshot/sizes-are-the-layers-own", test_sizes_are_the_layers_own);
    return g_test_run();
}
