/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives: unpacked as they say, and not an inch outside. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/native/rootfs.h"
#include "backends/native/tree.h"
#include "tests/unit/native/fixture.h"

typedef struct {
    char *dir, *path; /* the archive */
    int to;           /* DIR/to: where it goes; DIR/outside must stay as it is */
    struct archive *writer;
} Box;

static void box_open(Box *b, int (*format)(struct archive *))
{
    g_autofree char *to = NULL, *outside = NULL;

    b->dir = g_dir_make_tmp("gemel-archive-XXXXXX", NULL);
    to = g_build_filename(b->dir, "to", NULL);
    outside = g_build_filename(b->dir, "outside", NULL);
    b->path = g_build_filename(b->dir, "archive.tar", NULL);
    g_assert_cmpint(mkdir(to, 0755), ==, 0);
    g_assert_true(g_file_set_contents(outside, "precious", -1, NULL));
    b->to = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->writer = archive_write_new();
    format(b->writer);
    archive_write_open_filename(b->writer, b->path);
}

static void box_close(Box *b)
{
    g_autofree char *outside = g_build_filename(b->dir, "outside", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(outside, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
    close(b->to);
    g_assert_true(native_tree_remove(AT_FDCWD, b->dir, NULL));
    g_free(b->dir);
    g_free(b->path);
}

static void add(Box *b, const char *name, mode_t type, const char *text, const char *link)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, type == S_IFDIR ? 0755 : 0644);
    archive_entry_set_uid(entry, 5);
    archive_entry_set_gid(entry, 6);
    archive_entry_set_mtime(entry, 1234567, 0);
    if (type == S_IFLNK)
        archive_entry_set_symlink(entry, link);
    else if (link != NULL)
        archive_entry_set_hardlink(entry, link);
    if (type == S_IFREG && link == NULL)
        archive_entry_set_size(entry, (la_int64_t)strlen(text));
    /* Warns of names that the C locale cannot spell, and writes them all the same. */
    g_assert_cmpint(archive_write_header(b->writer, entry), >=, ARCHIVE_WARN);
    if (type == S_IFREG && link == NULL)
        archive_write_data(b->writer, text, strlen(text));
    archive_entry_free(entry);
}

static gboolean unpack(Box *b, GError **error)
{
    archive_write_close(b->writer);
    archive_write_free(b->writer);
    return native_archive_unpack(b->path, b->to, NULL, error);
}

/* The archive is refused, with the entry's name in the message. */
static void refused(Box *b, const char *entry)
{
    GError *error = NULL;

    g_assert_false(unpack(b, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, entry));
    g_assert_nonnull(strstr(error->message, b->path));
    g_error_free(error);
}

static char *read_at(int dir, const char *name)
{
    char text[64] = {0};
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    g_assert_cmpint(read(fd, text, sizeof text - 1), >=, 0);
    close(fd);
    return g_strdup(text);
}

static void check_good(int (*format)(struct archive *))
{
    static const char *const name = "etc/d\303\274nn \342\202\254";
    Box b;
    GError *error = NULL;
    g_autofree char *text = NULL, *linked = NULL;
    struct stat file, other, dir;

    box_open(&b, format);
    add(&b, "./", S_IFDIR, NULL, NULL);
    add(&b, "./etc/", S_IFDIR, NULL, NULL);
    add(&b, name, S_IFREG, "text", NULL);
    add(&b, "no/parents/given", S_IFREG, "x", NULL);
    add(&b, "linked", S_IFREG, NULL, name);
    add(&b, "soft", S_IFLNK, NULL, "/etc/passwd");
    unpack(&b, &error);
    g_assert_no_error(error);
    text = read_at(b.to, name);
    linked = read_at(b.to, "linked");
    g_assert_cmpstr(text, ==, "text");
    g_assert_cmpstr(linked, ==, "text");
    g_assert_cmpint(fstatat(b.to, name, &file, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpint(fstatat(b.to, "linked", &other, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpint(fstatat(b.to, "etc", &dir, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(file.st_ino, ==, other.st_ino);
    g_assert_cmpuint(file.st_uid, ==, 5);
    g_assert_cmpuint(file.st_gid, ==, 6);
    g_assert_cmpint(file.st_mtime, ==, 1234567);
    g_assert_cmpint(dir.st_mtime, ==, 1234567);
    box_close(&b);
}

static void test_unpacks_pax(void)
{
    check_good(archive_write_set_format_pax);
}

static void test_unpacks_gnu(void)
{
    check_good(archive_write_set_format_gnutar);
}

static int gzip_ustar(struct archive *writer)
{
    archive_write_add_filter_gzip(writer);
    return archive_write_set_format_ustar(writer);
}

static void test_unpacks_compressed_ustar(void)
{
    check_good(gzip_ustar);
}

/* GNU tar writes the bytes of a name as they are; which locale reads them must not matter. */
static void test_names_do_not_depend_on_the_locale(void)
{
    static const char *const formats[] = {"--format=pax", "--format=gnu", "--format=ustar"};
    static const char *const names[] = {"d\303\274nn \342\202\254", "latin \374"};

    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        Box b;
        GError *error = NULL;
        g_autofree char *from = NULL;

        box_open(&b, archive_write_set_format_pax);
        archive_write_free(b.writer);
        from = g_build_filename(b.dir, "from", NULL);
        g_assert_cmpint(mkdir(from, 0755), ==, 0);
        for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
            g_autofree char *path = g_build_filename(from, names[n], NULL);

            g_assert_true(g_file_set_contents(path, "text", -1, NULL));
        }
        fixture_run("tar", "-C", from, formats[i], "-cf", b.path, ".", NULL);
        native_archive_unpack(b.path, b.to, NULL, &error);
        g_assert_no_error(error);
        for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
            g_autofree char *text = read_at(b.to, names[n]);

            g_assert_cmpstr(text, ==, "text");
        }
        box_close(&b);
    }
}

static void test_refuses_dot_dot(void)
{
    Box b;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "a/../../outside", S_IFREG, "evil", NULL);
    refused(&b, "a/../../outside");
    box_close(&b);
}

static void test_refuses_absolute_names(void)
{
    Box b;
    g_autofree char *name = NULL;

    box_open(&b, archive_write_set_format_pax);
    name = g_build_filename(b.dir, "outside", NULL);
    add(&b, name, S_IFREG, "evil", NULL);
    refused(&b, name);
    box_close(&b);
}

static void test_refuses_to_go_through_links(void)
{
    static const char *const targets[] = {"..", "/", "../../../../../../..", "."};

    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        Box b;

        box_open(&b, archive_write_set_format_pax);
        add(&b, "way", S_IFLNK, NULL, targets[i]);
        add(&b, "way/outside", S_IFREG, "evil", NULL);
        refused(&b, "way/outside");
        box_close(&b);
    }
}

static void test_a_file_replaces_a_link_not_its_target(void)
{
    Box b;
    GError *error = NULL;
    g_autofree char *text = NULL;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "file", S_IFLNK, NULL, "../outside");
    add(&b, "file", S_IFREG, "mine", NULL);
    unpack(&b, &error);
    g_assert_no_error(error);
    text = read_at(b.to, "file");
    g_assert_cmpstr(text, ==, "mine");
    box_close(&b);
}

static void test_refuses_hard_links_outwards(void)
{
    static const char *const targets[] = {"../outside", "/etc/passwd", "way/outside"};

    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        Box b;

        box_open(&b, archive_write_set_format_pax);
        add(&b, "way", S_IFLNK, NULL, "..");
        add(&b, "stolen", S_IFREG, NULL, targets[i]);
        refused(&b, "stolen");
        g_assert_cmpint(faccessat(b.to, "stolen", F_OK, AT_SYMLINK_NOFOLLOW), ==, -1);
        box_close(&b);
    }
}

static void test_a_hard_link_to_a_link_stays_inside(void)
{
    Box b;
    GError *error = NULL;
    struct stat info;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "way", S_IFLNK, NULL, "../outside");
    add(&b, "copy", S_IFREG, NULL, "way");
    unpack(&b, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fstatat(b.to, "copy", &info, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_true(S_ISLNK(info.st_mode));
    box_close(&b);
}

static void test_refuses_whiteouts(void)
{
    Box b;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "gone", S_IFCHR, NULL, NULL);
    refused(&b, "gone");
    box_close(&b);
}

static void test_refuses_a_file_over_a_directory(void)
{
    Box b;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "dir/", S_IFDIR, NULL, NULL);
    add(&b, "dir/file", S_IFREG, "x", NULL);
    add(&b, "dir", S_IFREG, "x", NULL);
    refused(&b, "dir");
    box_close(&b);
}

static void test_leaves_out_overlay_attributes(void)
{
    Box b;
    GError *error = NULL;
    struct archive_entry *entry = archive_entry_new();
    g_autofree char *path = NULL;

    box_open(&b, archive_write_set_format_pax);
    archive_entry_set_pathname(entry, "dir");
    archive_entry_set_filetype(entry, S_IFDIR);
    archive_entry_set_perm(entry, 0755);
    archive_entry_xattr_add_entry(entry, "trusted.overlay.redirect", "/etc", 4);
    archive_entry_xattr_add_entry(entry, "user.fine", "1", 1);
    archive_write_header(b.writer, entry);
    archive_entry_free(entry);
    unpack(&b, &error);
    g_assert_no_error(error);
    path = g_build_filename(b.dir, "to", "dir", NULL);
    g_assert_cmpint(getxattr(path, "trusted.overlay.redirect", NULL, 0), ==, -1);
    g_assert_cmpint(getxattr(path, "user.fine", NULL, 0), ==, 1);
    box_close(&b);
}

/* What is no archive, or half of one. */
static void check_unreadable(const char *data, gsize length)
{
    Box b;
    GError *error = NULL;

    box_open(&b, archive_write_set_format_pax);
    archive_write_free(b.writer);
    g_assert_true(g_file_set_contents(b.path, data, (gssize)length, NULL));
    g_assert_false(native_archive_unpack(b.path, b.to, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, b.path));
    g_assert_null(strchr(error->message, '\n'));
    g_error_free(error);
    box_close(&b);
}

static void test_says_what_cannot_be_read(void)
{
    g_autofree char *noise = g_malloc(100000);

    for (guint i = 0; i < 100000; i++)
        noise[i] = (char)(i * 2654435761u >> 13);
    check_unreadable(noise, 100000);
    check_unreadable("", 0);
    check_unreadable("hello", 5);
    memset(noise, 0, 10240);
    check_unreadable(noise, 10240);
}

static void test_says_that_it_is_cut_short(void)
{
    g_autofree char *big = g_strnfill(500000, 'x'), *data = NULL;
    GError *error = NULL;
    gsize length;
    Box b;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "big", S_IFREG, big, NULL);
    archive_write_close(b.writer);
    archive_write_free(b.writer);
    g_assert_true(g_file_get_contents(b.path, &data, &length, NULL));
    g_assert_true(g_file_set_contents(b.path, data, (gssize)length / 2, NULL));
    g_assert_false(native_archive_unpack(b.path, b.to, NULL, &error));
    g_assert_nonnull(strstr(error->message, "big"));
    g_error_free(error);
    box_close(&b);
}

/* ---- users ---------------------------------------------------------------------------------- */

static void test_users_resolve_inside(void)
{
    Box b;
    GError *error = NULL;
    guint uid, gid;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "etc/passwd", S_IFREG, "root:x:0:0::/:\nweb:x:101:102::/:\nbroken:x\n", NULL);
    add(&b, "etc/group", S_IFREG, "adm:x:7:\n", NULL);
    unpack(&b, &error);
    g_assert_no_error(error);
    g_assert_true(native_user_resolve(b.to, "web", &uid, &gid, &error));
    g_assert_cmpuint(uid, ==, 101);
    g_assert_cmpuint(gid, ==, 102);
    g_assert_true(native_user_resolve(b.to, "web:adm", &uid, &gid, &error));
    g_assert_cmpuint(gid, ==, 7);
    g_assert_true(native_user_resolve(b.to, "101", &uid, &gid, &error));
    g_assert_cmpuint(gid, ==, 102);
    g_assert_true(native_user_resolve(b.to, "5:9", &uid, &gid, &error));
    g_assert_cmpuint(uid, ==, 5);
    g_assert_cmpuint(gid, ==, 9);
    g_assert_true(native_user_resolve(b.to, NULL, &uid, &gid, &error));
    g_assert_cmpuint(uid, ==, 0);
    g_assert_false(native_user_resolve(b.to, "nobody", &uid, &gid, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(native_user_resolve(b.to, "web:nogroup", &uid, &gid, &error));
    g_clear_error(&error);
    g_assert_false(native_user_resolve(b.to, "4294967295", &uid, &gid, &error));
    g_clear_error(&error);
    box_close(&b);
}

static void test_users_come_from_no_link_to_the_host(void)
{
    Box b;
    GError *error = NULL;
    guint uid, gid;

    box_open(&b, archive_write_set_format_pax);
    add(&b, "etc/", S_IFDIR, NULL, NULL);
    add(&b, "etc/passwd", S_IFLNK, NULL, "/../../../../../../etc/passwd");
    unpack(&b, &error);
    g_assert_no_error(error);
    g_assert_false(native_user_resolve(b.to, "daemon", &uid, &gid, &error));
    g_clear_error(&error);
    box_close(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (geteuid() != 0) {
        g_print("1..0 # SKIP needs root: owners of files\n");
        return 0;
    }
    g_test_add_func("/native/archive/unpacks-pax", test_unpacks_pax);
    g_test_add_func("/native/archive/unpacks-gnu", test_unpacks_gnu);
    g_test_add_func("/native/archive/unpacks-compressed-ustar", test_unpacks_compressed_ustar);
    g_test_add_func("/native/archive/names-do-not-depend-on-the-locale",
                    test_names_do_not_depend_on_the_locale);
    g_test_add_func("/native/archive/refuses-dot-dot", test_refuses_dot_dot);
    g_test_add_func("/native/archive/refuses-absolute-names", test_refuses_absolute_names);
    g_test_add_func("/native/archive/refuses-to-go-through-links",
                    test_refuses_to_go_through_links);
    g_test_add_func("/native/archive/a-file-replaces-a-link-not-its-target",
                    test_a_file_replaces_a_link_not_its_target);
    g_test_add_func("/native/archive/refuses-hard-links-outwards",
                    test_refuses_hard_links_outwards);
    g_test_add_func("/native/archive/a-hard-link-to-a-link-stays-inside",
                    test_a_hard_link_to_a_link_stays_inside);
    g_test_add_func("/native/archive/refuses-whiteouts", test_refuses_whiteouts);
    g_test_add_func("/native/archive/refuses-a-file-over-a-directory",
                    test_refuses_a_file_over_a_directory);
    g_test_add_func("/native/archive/leaves-out-overlay-attributes",
                    test_leaves_out_overlay_attributes);
    g_test_add_func("/native/archive/says-what-cannot-be-read", test_says_what_cannot_be_read);
    g_test_add_func("/native/archive/says-that-it-is-cut-short", test_says_that_it_is_cut_short);
    g_test_add_func("/native/archive/users-resolve-inside", test_users_resolve_inside);
    g_test_add_func("/native/archive/users-come-from-no-link-to-the-host",
                    test_users_come_from_no_link_to_the_host);
    return g_test_run();
}
