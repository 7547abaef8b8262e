/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changed in a container's files: layers are written as overlayfs would write them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/native/fixture.h"

typedef struct {
    Fixture f;
    char *id;
} Box;

static void box_done(Box *b)
{
    g_free(b->id);
    fixture_close(&b->f);
}

static void take(Box *b, const char *name)
{
    GError *error = NULL;

    gemel_native_ops.snapshots->create(b->f.conn, b->id, name, NULL, NULL, &error);
    g_assert_no_error(error);
}

/* The path of a file in the writable layer; its directory is made as a copy up would. */
static char *upper(Box *b, const char *path)
{
    const NativeStore *store = ((NativeConn *)b->f.conn)->store;
    g_autoptr(NativeContainer) c = native_container_load(store, b->id, NULL);
    g_autofree char *dir = native_store_container_path(store, b->id, NULL), *above = NULL;
    char *full = g_strdup_printf("%s/l/%u/fs/%s", dir, c->upper, path);

    above = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(above, 0755), ==, 0);
    return full;
}

static void put(Box *b, const char *path, const char *text)
{
    g_autofree char *full = upper(b, path);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

static void set_time(Box *b, const char *path)
{
    g_autofree char *full = upper(b, path);
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    g_assert_cmpint(utimensat(AT_FDCWD, full, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void white_out(Box *b, const char *path)
{
    g_autofree char *full = upper(b, path);

    unlink(full);
    g_assert_cmpint(mknod(full, S_IFCHR, 0), ==, 0);
}

static void make_opaque(Box *b, const char *path)
{
    g_autofree char *full = upper(b, path);

    g_mkdir_with_parents(full, 0755);
    g_assert_cmpint(setxattr(full, "trusted.overlay.opaque", "y", 1, 0), ==, 0);
}

/* A container with /base/{one,two,deep/file} and a snapshot of it, "s1". */
static gboolean box_open(Box *b)
{
    *b = (Box){.id = NULL};
    if (!fixture_open(&b->f))
        return FALSE;
    b->id = fixture_create(&b->f, "differ", "true");
    put(b, "base/one", "11");
    put(b, "base/two", "22");
    put(b, "base/deep/file", "33");
    set_time(b, "base/one");
    take(b, "s1");
    return TRUE;
}

/* "A /path\n", with what differs in brackets. */
static char *told(Box *b, const char *from, const char *to)
{
    GError *error = NULL;
    g_autoptr(GemelDiff) diff =
        gemel_native_ops.snapshots->diff(b->f.conn, b->id, from, to, NULL, &error);
    GString *text = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint i = 0; i < diff->changes->len; i++) {
        const GemelChange *change = diff->changes->pdata[i];

        g_string_append_printf(text, "%c %s", gemel_change_letter(change->type), change->path);
        for (GemelDiffers what = 0; what < GEMEL_DIFFERS_N; what++)
            if ((change->differs & (1u << what)) != 0)
                g_string_append_printf(text, " %s", gemel_differs_name(what));
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

#define assert_told(b, from, to, wanted)                                                           \
    do {                                                                                           \
        g_autofree char *told_ = told(b, from, to);                                                \
        g_assert_cmpstr(told_, ==, wanted);                                                        \
    } while (0)

static void test_nothing(void)
{
    Box b;

    if (!box_open(&b))
        return;
    assert_told(&b, NULL, NULL, "");
    assert_told(&b, "s1", NULL, "");
    box_done(&b);
}

static void test_letters(void)
{
    Box b;

    if (!box_open(&b))
        return;
    put(&b, "base/one", "changed");
    white_out(&b, "base/two");
    put(&b, "new/dir/file", "x");
    assert_told(&b, NULL, NULL,
                "C /base\nC /base/one contents time\nD /base/two\nA /new\nA /new/dir\n"
                "A /new/dir/file\n");
    take(&b, "s2");
    assert_told(&b, NULL, NULL, "");
    assert_told(&b, "s1", "s2",
                "C /base\nC /base/one contents time\nD /base/two\nA /new\nA /new/dir\n"
                "A /new/dir/file\n");
    /* the other way round */
    assert_told(&b, "s2", "s1", "C /base\nC /base/one contents time\nA /base/two\nD /new\n");
    box_done(&b);
}

static void test_since_created(void)
{
    Box b = {.id = NULL};

    if (!fixture_open(&b.f))
        return;
    b.id = fixture_create(&b.f, "fresh", "true");
    put(&b, "made", "x");
    assert_told(&b, NULL, NULL, "A /made\n");
    box_done(&b);
}

/* Copied up and the same again: chmod and back. */
static void test_copied_up(void)
{
    Box b;

    if (!box_open(&b))
        return;
    put(&b, "base/one", "11");
    set_time(&b, "base/one");
    assert_told(&b, NULL, NULL, "");
    {
        g_autofree char *full = upper(&b, "base/one");

        g_assert_cmpint(chmod(full, 0600), ==, 0);
        assert_told(&b, NULL, NULL, "C /base\nC /base/one mode\n");
        g_assert_cmpint(chmod(full, 0644), ==, 0);
        g_assert_cmpint(chown(full, 5, 6), ==, 0);
        assert_told(&b, NULL, NULL, "C /base\nC /base/one owner\n");
        g_assert_cmpint(chown(full, 0, 0), ==, 0);
        g_assert_cmpint(setxattr(full, "trusted.mine", "v", 1, 0), ==, 0);
        assert_told(&b, NULL, NULL, "C /base\nC /base/one attributes\n");
    }
    box_done(&b);
}

/* The time of a changed file was set back, its size kept. */
static void test_hidden_change(void)
{
    Box b;

    if (!box_open(&b))
        return;
    put(&b, "base/one", "99");
    set_time(&b, "base/one");
    assert_told(&b, NULL, NULL, "C /base\nC /base/one contents\n");
    box_done(&b);
}

static void test_opaque(void)
{
    Box b;

    if (!box_open(&b))
        return;
    make_opaque(&b, "base");
    put(&b, "base/three", "3");
    assert_told(&b, NULL, NULL, "C /base\nD /base/deep\nD /base/one\nA /base/three\nD /base/two\n");
    box_done(&b);
}

static void test_kinds(void)
{
    Box b;

    if (!box_open(&b))
        return;
    /* a directory becomes a file, a file a directory */
    {
        g_autofree char *deep = upper(&b, "base/deep");

        g_assert_true(g_file_set_contents(deep, "now a file", -1, NULL));
    }
    white_out(&b, "base/two");
    {
        g_autofree char *two = upper(&b, "base/two");

        unlink(two);
        make_opaque(&b, "base/two");
        put(&b, "base/two/inner", "x");
    }
    assert_told(&b, NULL, NULL,
                "C /base\nC /base/deep kind\nC /base/two kind\nA /base/two/inner\n");
    box_done(&b);
}

/* Links lead nowhere, FIFOs and devices are not opened, names are any bytes. */
static void test_hostile(void)
{
    g_autofree char *evil = NULL, *fifo = NULL, *link = NULL;
    Box b;

    if (!box_open(&b))
        return;
    evil = upper(&b, "evil\033]0;x\007\xff\nname");
    g_assert_cmpint(symlink("/etc/passwd", evil), ==, 0);
    fifo = upper(&b, "base/one");
    unlink(fifo);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    link = upper(&b, "base/deep");
    g_assert_cmpint(symlink("/", link), ==, 0);
    assert_told(&b, NULL, NULL,
                "C /base\nC /base/deep kind\nC /base/one kind\nA /evil\033]0;x\007\xff\nname\n");
    box_done(&b);
}

static void test_root(void)
{
    g_autofree char *root = NULL;
    Box b;

    if (!box_open(&b))
        return;
    root = upper(&b, ".");
    g_assert_cmpint(chmod(root, 0700), ==, 0);
    assert_told(&b, NULL, NULL, "C / mode\n");
    box_done(&b);
}

static void test_depth(void)
{
    g_autofree char *full = NULL;
    GError *error = NULL;
    Box b;
    int fd;

    if (!box_open(&b))
        return;
    full = upper(&b, "d");
    g_assert_cmpint(mkdir(full, 0755), ==, 0);
    fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 1100; i++) {
        int inner;

        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        inner = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(inner, >=, 0);
        close(fd);
        fd = inner;
    }
    close(fd);
    g_assert_null(gemel_native_ops.snapshots->diff(b.f.conn, b.id, NULL, NULL, NULL, &error));
    g_assert_nonnull(error);
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    box_done(&b);
}

static void test_cancel(void)
{
    gint cancel = 1;
    GemelActArgs args = {.limits = GEMEL_LIMITS_NONE, .cancel = &cancel};
    GError *error = NULL;
    Box b;

    if (!box_open(&b))
        return;
    put(&b, "new", "x");
    g_assert_null(gemel_native_ops.snapshots->diff(b.f.conn, b.id, NULL, NULL, &args, &error));
    fixture_assert_error(error, GEMEL_ERROR_FAILED);
    box_done(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/diff/of what did not change is empty", test_nothing);
    g_test_add_func("/native/diff/tells what came, changed and went", test_letters);
    g_test_add_func("/native/diff/without a snapshot is since it was created", test_since_created);
    g_test_add_func("/native/diff/of a file copied up is what differs in it", test_copied_up);
    g_test_add_func("/native/diff/sees a change whose time was set back", test_hidden_change);
    g_test_add_func("/native/diff/sees what an opaque directory hides", test_opaque);
    g_test_add_func("/native/diff/of kinds that changed", test_kinds);
    g_test_add_func("/native/diff/follows and opens nothing hostile", test_hostile);
    g_test_add_func("/native/diff/tells of the root directory", test_root);
    g_test_add_func("/native/diff/of directories nested without end fails", test_depth);
    g_test_add_func("/native/diff/can be cancelled", test_cancel);
    return g_test_run();
}
