/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The overlay by mount(2), as kernels before 6.7 need it, on whatever kernel runs this. Needs root.
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootfs.h"

struct ground {
    char *top;
    struct overlay overlay;
    char *target;
};

static char *make_dir(struct ground *g, const char *name)
{
    char *path = g_build_filename(g->top, name, NULL);
    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    return path;
}

/* `n` layers with a file each, in directories whose names need escaping. */
static void set_up(struct ground *g, size_t n, const char *stem)
{
    g->top = g_dir_make_tmp("gemel-rootfs-XXXXXX", NULL);
    g->overlay = (struct overlay){.present = true, .n_lower = n};
    g->overlay.lower = g_new0(const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        char *name = g_strdup_printf("layers/%s%zu", stem, i);
        char *dir = make_dir(g, name), *file = g_strdup_printf("%s/f%zu", dir, i);
        g_assert_true(g_file_set_contents(file, "x", 1, NULL));
        g->overlay.lower[i] = dir;
        g_free(name);
        g_free(file);
    }
    g->overlay.upper = make_dir(g, "up,p:er");
    g->overlay.work = make_dir(g, "work");
    g->target = make_dir(g, "target");
}

static void tear_down(struct ground *g)
{
    char *argv[] = {(char *)"rm", (char *)"-rf", g->top, NULL};
    g_assert_true(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    for (size_t i = 0; i < g->overlay.n_lower; i++)
        g_free((char *)(uintptr_t)g->overlay.lower[i]);
    g_free(g->overlay.lower);
    g_free((char *)(uintptr_t)g->overlay.upper);
    g_free((char *)(uintptr_t)g->overlay.work);
    g_free(g->target);
    g_free(g->top);
}

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    g_test_skip("needs root to mount");
    return false;
}

static void layers_with_odd_names_are_all_there_and_the_host_sees_no_mount(void)
{
    struct ground g;
    struct err err = {0};
    int fd = -1;
    char *mounts;
    if (!is_root())
        return;
    set_up(&g, 3, "a,b:c\\d ");
    if (overlay_mount_aside(&g.overlay, g.target, &fd, &err) < 0)
        g_error("%s", err.text);
    for (int i = 0; i < 3; i++) {
        char name[8];
        g_snprintf(name, sizeof name, "f%d", i);
        g_assert_cmpint(faccessat(fd, name, F_OK, 0), ==, 0);
    }
    int made = openat(fd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    g_assert_cmpint(made, >=, 0);
    close(made);
    char *upper = g_build_filename(g.overlay.upper, "new", NULL);
    g_assert_cmpint(g_access(upper, F_OK), ==, 0);
    g_free(upper);
    g_assert_true(g_file_get_contents("/proc/self/mountinfo", &mounts, NULL, NULL));
    g_assert_null(strstr(mounts, g.top));
    g_free(mounts);
    close(fd);
    tear_down(&g);
}

static void sixty_layers_fit_one_page(void)
{
    struct ground g;
    struct err err = {0};
    int fd = -1;
    if (!is_root())
        return;
    /* a digest of 64 characters each: 60 of them fit beside the options */
    set_up(&g, 60, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab");
    if (overlay_mount_aside(&g.overlay, g.target, &fd, &err) < 0)
        g_error("%s", err.text);
    g_assert_cmpint(faccessat(fd, "f59", F_OK, 0), ==, 0);
    close(fd);
    tear_down(&g);
}

static void too_many_layers_are_told_with_the_way_out(void)
{
    struct ground g;
    struct err err = {0};
    int fd = -1;
    if (!is_root())
        return;
    set_up(&g, 90, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab");
    g_assert_cmpint(overlay_mount_aside(&g.overlay, g.target, &fd, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "90 lower directories"));
    g_assert_nonnull(strstr(err.text, "merge"));
    tear_down(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/rootfs/" #f, f)
    ADD(layers_with_odd_names_are_all_there_and_the_host_sees_no_mount);
    ADD(sixty_layers_fit_one_page);
    ADD(too_many_layers_are_told_with_the_way_out);
    int rc = g_test_run();
    mem_release();
    return rc;
}
