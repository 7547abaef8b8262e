/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words between the two halves of the runtime. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sync.h"

static void pair(int ends[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
}

static void the_last_word_of_a_half_that_read_none_of_ours_arrives(void)
{
    int ends[2];
    struct err err = {0};
    pair(ends);
    g_assert_cmpint(sync_send(ends[0], SYNC_GROUPS, 1, NULL), ==, 0);
    g_assert_cmpint(sync_send(ends[1], SYNC_ERROR, ENOENT, "mounts[3]: gone"), ==, 0);
    close(ends[1]);
    g_assert_cmpint(sync_wait(ends[0], SYNC_READY, NULL, &err), ==, -1);
    g_assert_cmpstr(err.text, ==, "mounts[3]: gone");
    g_assert_cmpint(err.errnum, ==, ENOENT);
    g_assert_cmpint(sync_wait(ends[0], SYNC_READY, NULL, &err), ==, -1);
    g_assert_cmpint(err.errnum, ==, EPIPE);
    close(ends[0]);
}

static void descriptors_come_with_their_word_and_close_on_exec(void)
{
    int ends[2], fds[SYNC_FDS_MAX], value = 0;
    size_t n;
    struct err err = {0};
    const int sent[] = {0, 1};
    pair(ends);
    g_assert_cmpint(sync_send_fds(ends[0], SYNC_GROUPS, 42, sent, 2), ==, 0);
    g_assert_cmpint(sync_wait_fds(ends[1], SYNC_GROUPS, &value, fds, &n, &err), ==, 0);
    g_assert_cmpint(value, ==, 42);
    g_assert_cmpuint(n, ==, 2);
    for (size_t i = 0; i < n; i++) {
        g_assert_cmpint(fcntl(fds[i], F_GETFD), ==, FD_CLOEXEC);
        close(fds[i]);
    }
    g_assert_cmpint(sync_send_fds(ends[0], SYNC_GROUPS, 0, NULL, 0), ==, 0);
    g_assert_cmpint(sync_wait_fds(ends[1], SYNC_GROUPS, &value, fds, &n, &err), ==, 0);
    g_assert_cmpuint(n, ==, 0);
    g_assert_cmpint(sync_send_fds(ends[0], SYNC_GROUPS, 0, fds, SYNC_FDS_MAX + 1), ==, -1);
    close(ends[0]);
    g_assert_cmpint(sync_wait_fds(ends[1], SYNC_GROUPS, &value, fds, &n, &err), ==, -1);
    g_assert_cmpint(err.errnum, ==, EPIPE);
    close(ends[1]);
}

static void descriptors_that_find_no_number_are_missed(void)
{
    int ends[2], fds[SYNC_FDS_MAX];
    size_t n;
    struct err err = {0};
    struct rlimit old, low;
    const int sent[] = {0, 1, 2};
    const char *preload = g_getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload")) {
        g_test_skip("valgrind keeps the limit of descriptors itself: the kernel's is higher");
        return;
    }
    pair(ends);
    g_assert_cmpint(sync_send_fds(ends[0], SYNC_GROUPS, 42, sent, 3), ==, 0);
    int next = dup(0);
    close(next);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    low = (struct rlimit){.rlim_cur = (rlim_t)next + 1, .rlim_max = old.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    g_assert_cmpint(sync_wait_fds(ends[1], SYNC_GROUPS, NULL, fds, &n, &err), ==, -1);
    g_assert_cmpint(err.errnum, ==, EMFILE);
    g_assert_cmpuint(n, ==, 0);
    g_assert_cmpint(dup(0), ==, next); /* the one that came is closed */
    close(next);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runtime/sync/the-last-word-of-a-half-that-read-none-of-ours-arrives",
                    the_last_word_of_a_half_that_read_none_of_ours_arrives);
    g_test_add_func("/runtime/sync/descriptors-come-with-their-word-and-close-on-exec",
                    descriptors_come_with_their_word_and_close_on_exec);
    g_test_add_func("/runtime/sync/descriptors-that-find-no-number-are-missed",
                    descriptors_that_find_no_number_are_missed);
    return g_test_run();
}
