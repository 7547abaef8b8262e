/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trees: copied whole, joined as an overlay shows them, removed whatever is in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/native/tree.h"

typedef struct {
    char *dir;
    int a, b, to; /* DIR/a, DIR/b, DIR/to */
} Trees;

static int make_dir(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_cmpint(mkdir(path, 0755), ==, 0);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void trees_open(Trees *t)
{
    t->dir = g_dir_make_tmp("gemel-tree-XXXXXX", NULL);
    t->a = make_dir(t->dir, "a");
    t->b = make_dir(t->dir, "b");
    t->to = make_dir(t->dir, "to");
}

static void trees_close(Trees *t)
{
    close(t->a);
    close(t->b);
    close(t->to);
    g_assert_true(native_tree_remove(AT_FDCWD, t->dir, NULL));
    g_assert_cmpint(access(t->dir, F_OK), ==, -1);
    g_free(t->dir);
}

static void put(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

static char *get(int dir, const char *name)
{
    char text[256] = {0};
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    g_assert_cmpint(read(fd, text, sizeof text - 1), >=, 0);
    close(fd);
    return g_strdup(text);
}

#define assert_text(dir, name, wanted)                                                             \
    do {                                                                                           \
        g_autofree char *got_ = get(dir, name);                                                    \
        g_assert_cmpstr(got_, ==, wanted);                                                         \
    } while (0)

static void sub(int dir, const char *name)
{
    g_assert_cmpint(mkdirat(dir, name, 0755), ==, 0);
}

static void whiteout(int dir, const char *name)
{
    g_assert_cmpint(mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)), ==, 0);
}

static void opaque(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    g_assert_cmpint(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), ==, 0);
    close(fd);
}

static gboolean is_opaque(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char value[2];
    gboolean yes = fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) == 1;

    close(fd);
    return yes;
}

static struct stat look(int dir, const char *name)
{
    struct stat info = {0};

    g_assert_cmpint(fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW), ==, 0);
    return info;
}

static gboolean is_there(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void copy(Trees *t, NativeTreeKind kind, NativeTreeStats *stats)
{
    GError *error = NULL;

    native_tree_copy(t->a, t->to, kind, -1, stats, NULL, &error);
    g_assert_no_error(error);
}

/* ---- copying -------------------------------------------------------------------------------- */

static void test_copies_all_kinds(void)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 7}};
    Trees t;
    char target[64] = {0};
    struct stat info;

    trees_open(&t);
    put(t.a, "file", "text");
    g_assert_cmpint(fchownat(t.a, "file", 12, 34, 0), ==, 0);
    g_assert_cmpint(fchmodat(t.a, "file", 04751, 0), ==, 0);
    g_assert_cmpint(utimensat(t.a, "file", times, 0), ==, 0);
    g_assert_cmpint(symlinkat("/etc/shadow", t.a, "link"), ==, 0);
    g_assert_cmpint(mkfifoat(t.a, "fifo", 0600), ==, 0);
    g_assert_cmpint(mknodat(t.a, "null", S_IFCHR | 0666, makedev(1, 3)), ==, 0);
    sub(t.a, "dir");
    put(t.a, "dir/inner", "deep");
    copy(&t, NATIVE_TREE_IMPORT, NULL);
    assert_text(t.to, "file", "text");
    info = look(t.to, "file");
    g_assert_cmpuint(info.st_uid, ==, 12);
    g_assert_cmpuint(info.st_gid, ==, 34);
    g_assert_cmpuint(info.st_mode & 07777, ==, 04751);
    g_assert_cmpint(info.st_mtim.tv_sec, ==, 2000);
    g_assert_cmpint(info.st_mtim.tv_nsec, ==, 7);
    g_assert_cmpint(readlinkat(t.to, "link", target, sizeof target), ==, 11);
    g_assert_cmpstr(target, ==, "/etc/shadow");
    g_assert_true(S_ISFIFO(look(t.to, "fifo").st_mode));
    g_assert_cmpuint(look(t.to, "null").st_rdev, ==, makedev(1, 3));
    assert_text(t.to, "dir/inner", "deep");
    trees_close(&t);
}

static void test_keeps_hard_links(void)
{
    Trees t;

    trees_open(&t);
    put(t.a, "one", "text");
    sub(t.a, "dir");
    g_assert_cmpint(linkat(t.a, "one", t.a, "dir/two", 0), ==, 0);
    copy(&t, NATIVE_TREE_IMPORT, NULL);
    g_assert_cmpuint(look(t.to, "one").st_ino, ==, look(t.to, "dir/two").st_ino);
    g_assert_cmpuint(look(t.to, "one").st_nlink, ==, 2);
    g_assert_cmpuint(look(t.to, "one").st_ino, !=, look(t.a, "one").st_ino);
    trees_close(&t);
}

static void test_keeps_holes(void)
{
    NativeTreeStats stats = {0};
    Trees t;
    int fd;

    trees_open(&t);
    put(t.a, "sparse", "");
    fd = openat(t.a, "sparse", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(pwrite(fd, "end", 3, (64 << 20) - 3), ==, 3);
    close(fd);
    copy(&t, NATIVE_TREE_IMPORT, &stats);
    g_assert_cmpint(look(t.to, "sparse").st_size, ==, 64 << 20);
    g_assert_cmpint(look(t.to, "sparse").st_blocks, <, 1024);
    if (stats.cloned == 0)
        g_assert_cmpuint(stats.bytes, <, 1 << 20);
    trees_close(&t);
}

static void test_import_leaves_out_overlay_marks(void)
{
    NativeTreeStats stats = {0};
    Trees t;

    trees_open(&t);
    sub(t.a, "dir");
    opaque(t.a, "dir");
    whiteout(t.a, "gone");
    copy(&t, NATIVE_TREE_IMPORT, &stats);
    g_assert_false(is_opaque(t.to, "dir"));
    g_assert_false(is_there(t.to, "gone"));
    g_assert_cmpuint(stats.skipped, ==, 2);
    trees_close(&t);
}

static void test_layer_keeps_overlay_marks_and_attributes(void)
{
    Trees t;
    char value[8] = {0};
    g_autofree char *path = NULL;

    trees_open(&t);
    sub(t.a, "dir");
    opaque(t.a, "dir");
    whiteout(t.a, "gone");
    put(t.a, "file", "text");
    path = g_build_filename(t.dir, "a", "file", NULL);
    g_assert_cmpint(setxattr(path, "trusted.mine", "1", 1, 0), ==, 0);
    copy(&t, NATIVE_TREE_LAYER, NULL);
    g_assert_true(is_opaque(t.to, "dir"));
    g_assert_cmpuint(look(t.to, "gone").st_rdev, ==, makedev(0, 0));
    g_assert_true(S_ISCHR(look(t.to, "gone").st_mode));
    g_free(path);
    path = g_build_filename(t.dir, "to", "file", NULL);
    g_assert_cmpint(getxattr(path, "trusted.mine", value, sizeof value), ==, 1);
    trees_close(&t);
}

static void test_passes_over_the_store(void)
{
    Trees t;
    GError *error = NULL;
    int store;

    trees_open(&t);
    sub(t.a, "store");
    put(t.a, "store/secret", "no");
    put(t.a, "file", "yes");
    store = openat(t.a, "store", O_PATH | O_CLOEXEC);
    native_tree_copy(t.a, t.to, NATIVE_TREE_IMPORT, store, NULL, NULL, &error);
    g_assert_no_error(error);
    close(store);
    assert_text(t.to, "file", "yes");
    g_assert_false(is_there(t.to, "store"));
    trees_close(&t);
}

static void test_gives_up_when_cancelled(void)
{
    const gint cancel = 1;
    const GemelActArgs args = {.cancel = &cancel};
    Trees t;
    GError *error = NULL;

    trees_open(&t);
    put(t.a, "file", "text");
    g_assert_false(native_tree_copy(t.a, t.to, NATIVE_TREE_IMPORT, -1, NULL, &args, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_FAILED);
    g_error_free(error);
    trees_close(&t);
}

/* ---- joining -------------------------------------------------------------------------------- */

static void join(Trees *t)
{
    GError *error = NULL;

    native_tree_merge(t->a, t->b, t->to, &error);
    g_assert_no_error(error);
}

static void test_join_lets_the_top_win(void)
{
    Trees t;

    trees_open(&t);
    put(t.a, "both", "bottom");
    put(t.b, "both", "top");
    put(t.a, "low", "bottom");
    put(t.b, "high", "top");
    sub(t.a, "dir");
    sub(t.b, "dir");
    put(t.a, "dir/low", "bottom");
    put(t.b, "dir/high", "top");
    g_assert_cmpint(fchmodat(t.b, "dir", 0700, 0), ==, 0);
    join(&t);
    assert_text(t.to, "both", "top");
    assert_text(t.to, "low", "bottom");
    assert_text(t.to, "high", "top");
    assert_text(t.to, "dir/low", "bottom");
    assert_text(t.to, "dir/high", "top");
    g_assert_cmpuint(look(t.to, "dir").st_mode & 07777, ==, 0700);
    g_assert_cmpuint(look(t.to, "low").st_ino, ==, look(t.a, "low").st_ino);
    trees_close(&t);
}

static void test_join_keeps_whiteouts(void)
{
    Trees t;

    trees_open(&t);
    put(t.a, "removed", "bottom");
    whiteout(t.b, "removed");
    whiteout(t.a, "below");
    whiteout(t.a, "again");
    put(t.b, "again", "top");
    join(&t);
    g_assert_true(S_ISCHR(look(t.to, "removed").st_mode));
    g_assert_true(S_ISCHR(look(t.to, "below").st_mode));
    assert_text(t.to, "again", "top");
    trees_close(&t);
}

static void test_join_minds_opaque_directories(void)
{
    Trees t;

    trees_open(&t);
    sub(t.a, "top-opaque");
    put(t.a, "top-opaque/low", "bottom");
    sub(t.b, "top-opaque");
    put(t.b, "top-opaque/high", "top");
    opaque(t.b, "top-opaque");
    sub(t.a, "bottom-opaque");
    put(t.a, "bottom-opaque/low", "bottom");
    opaque(t.a, "bottom-opaque");
    sub(t.b, "bottom-opaque");
    put(t.b, "bottom-opaque/high", "top");
    whiteout(t.b, "bottom-opaque/low");
    put(t.a, "was-file", "bottom");
    sub(t.b, "was-file");
    join(&t);
    g_assert_true(is_opaque(t.to, "top-opaque"));
    g_assert_false(is_there(t.to, "top-opaque/low"));
    assert_text(t.to, "top-opaque/high", "top");
    g_assert_true(is_opaque(t.to, "bottom-opaque"));
    g_assert_false(is_there(t.to, "bottom-opaque/low"));
    assert_text(t.to, "bottom-opaque/high", "top");
    /* What lies further down under that name must not come back. */
    g_assert_true(is_opaque(t.to, "was-file"));
    trees_close(&t);
}

/* ---- removing ------------------------------------------------------------------------------- */

static void test_removes_what_is_deeper_than_any_path(void)
{
    Trees t;
    int fd;

    trees_open(&t);
    fd = dup(t.a);
    for (guint i = 0; i < 3000; i++) {
        int next;

        g_assert_cmpint(mkdirat(fd, "a-directory-with-a-long-name", 0755), ==, 0);
        next = openat(fd, "a-directory-with-a-long-name", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(next, >=, 0);
        close(fd);
        fd = next;
    }
    put(fd, "bottom", "x");
    close(fd);
    trees_close(&t);
}

/* Where a file cannot have one more name it is copied, with its attributes. */
static void test_links_until_there_are_too_many(void)
{
    Trees t;
    struct stat info;
    GError *error = NULL;
    int names;

    trees_open(&t);
    put(t.a, "file", "text");
    put(t.a, "other", "more");
    g_assert_cmpint(fchmodat(t.a, "file", 04751, 0), ==, 0);
    names = make_dir(t.dir, "names");
    for (guint i = 0; i < 70000; i++) {
        char name[16];

        g_snprintf(name, sizeof name, "%u", i);
        if (linkat(t.a, "file", names, name, 0) != 0)
            break;
    }
    g_assert_true(native_tree_link(t.a, t.to, NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(fstatat(t.to, "file", &info, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(info.st_mode & 07777, ==, 04751);
    g_assert_true(info.st_nlink == 1 || linkat(t.a, "file", names, "one-more", 0) == 0);
    g_assert_cmpint(fstatat(t.to, "other", &info, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(info.st_nlink, ==, 2);
    close(names);
    trees_close(&t);
}

static void test_removes_no_link_target(void)
{
    Trees t;
    GError *error = NULL;

    trees_open(&t);
    put(t.b, "precious", "text");
    sub(t.a, "dir");
    g_assert_cmpint(symlinkat("../../b", t.a, "dir/link"), ==, 0);
    native_tree_remove(t.a, "dir", &error);
    g_assert_no_error(error);
    g_assert_false(is_there(t.a, "dir"));
    assert_text(t.b, "precious", "text");
    trees_close(&t);
}

static void test_removing_nothing_succeeds(void)
{
    Trees t;
    GError *error = NULL;

    trees_open(&t);
    g_assert_true(native_tree_remove(t.a, "nothing", &error));
    g_assert_no_error(error);
    trees_close(&t);
}

static void test_measures_with_a_bound(void)
{
    Trees t;
    gint64 size;

    trees_open(&t);
    put(t.a, "one", "text");
    put(t.a, "two", "text");
    size = native_tree_size(t.a, 10);
    g_assert_cmpint(size, >, 0);
    g_assert_cmpint(native_tree_size(t.a, 1), ==, -1);
    trees_close(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (geteuid() != 0) {
        g_print("1..0 # SKIP needs root: owners, devices and trusted attributes\n");
        return 0;
    }
    g_test_add_func("/native/tree/copies-all-kinds", test_copies_all_kinds);
    g_test_add_func("/native/tree/keeps-hard-links", test_keeps_hard_links);
    g_test_add_func("/native/tree/keeps-holes", test_keeps_holes);
    g_test_add_func("/native/tree/import-leaves-out-overlay-marks",
                    test_import_leaves_out_overlay_marks);
    g_test_add_func("/native/tree/layer-keeps-overlay-marks-and-attributes",
                    test_layer_keeps_overlay_marks_and_attributes);
    g_test_add_func("/native/tree/passes-over-the-store", test_passes_over_the_store);
    g_test_add_func("/native/tree/gives-up-when-cancelled", test_gives_up_when_cancelled);
    g_test_add_func("/native/tree/join-lets-the-top-win", test_join_lets_the_top_win);
    g_test_add_func("/native/tree/join-keeps-whiteouts", test_join_keeps_whiteouts);
    g_test_add_func("/native/tree/join-minds-opaque-directories",
                    test_join_minds_opaque_directories);
    g_test_add_func("/native/tree/removes-what-is-deeper-than-any-path",
                    test_removes_what_is_deeper_than_any_path);
    g_test_add_func("/native/tree/links-until-there-are-too-many",
                    test_links_until_there_are_too_many);
    g_test_add_func("/native/tree/removes-no-link-target", test_removes_no_link_target);
    g_test_add_func("/native/tree/removing-nothing-succeeds", test_removing_nothing_succeeds);
    g_test_add_func("/native/tree/measures-with-a-bound", test_measures_with_a_bound);
    return g_test_run();
}
