/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consoles, on a real QEMU. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/libvirt/qemu.h"

/* Whether the console has shown `text` since it was opened; reads what is there. */
static gboolean has_shown(Terminal *terminal, GString *seen, const char *text)
{
    char buffer[4096];
    gssize n;

    fcntl(terminal->fd, F_SETFL, O_NONBLOCK);
    while ((n = read(terminal->fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(seen, buffer, n);
    return strstr(seen->str, text) != NULL;
}

static void type_at(Terminal *terminal, const char *text)
{
    g_assert_cmpint(write(terminal->fd, text, strlen(text)), ==, (gssize)strlen(text));
}

static void test_console_talks_to_the_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "talk", &plain_guest);
    g_autoptr(GString) seen = g_string_new(NULL);
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    ground_until(has_shown(&terminal, seen, "gemel test guest"), 20000);
    type_at(&terminal, "hello guest");
    ground_until(has_shown(&terminal, seen, "hello guest"), 10000);
    close(terminal.fd);
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
    g_assert_cmpint(terminal.status, ==, 0);
}

/* More than any buffer on the way holds at once, in both directions. */
static void test_console_loses_nothing(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "paste", &plain_guest);
    g_autoptr(GString) seen = g_string_new(NULL), sent = g_string_new(NULL);
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    ground_until(has_shown(&terminal, seen, "gemel test guest\r\n"), 20000);
    g_string_truncate(seen, 0);
    for (int i = 0; sent->len < 20000; i++)
        g_string_append_printf(sent, "line %d of a long text\r", i);
    type_at(&terminal, sent->str);
    ground_until(has_shown(&terminal, seen, "\r") && seen->len >= sent->len, 30000);
    g_assert_cmpstr(seen->str, ==, sent->str);
    close(terminal.fd);
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
}

static void test_console_reads_on_after_end_of_input(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "half", &plain_guest);
    g_autoptr(GString) seen = g_string_new(NULL);
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    shutdown(terminal.fd, SHUT_WR);
    ground_until(has_shown(&terminal, seen, "gemel test guest"), 20000);
    g_assert_false(g_atomic_int_get(&terminal.has_ended));
    close(terminal.fd);
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
}

static void test_console_ends_with_the_guest(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "ending", &plain_guest);
    char byte;
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    test_act(world->conn, GEMEL_ACT_KILL, id);
    ground_until(g_atomic_int_get(&terminal.has_ended), 10000);
    while (read(terminal.fd, &byte, 1) > 0)
        continue;
    terminal_join(&terminal);
    g_assert_no_error(terminal.error);
    g_assert_cmpint(terminal.status, ==, 0);
    close(terminal.fd);
}

static void test_second_console_is_told_who_has_it(World *world, const void *data)
{
    g_autofree char *id = make_running(world, "shared", &plain_guest);
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    g_autoptr(GError) error = NULL;
    Terminal terminal;

    terminal_open(&terminal, world->backend, id);
    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &args, &error));
    test_check_error(error, GEMEL_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "--force"));
    close(terminal.fd);
    terminal_join(&terminal);
    /* Given back: it can be had again. */
    terminal_open(&terminal, world->backend, id);
    close(terminal.fd);
    terminal_join(&terminal);
}

static void test_console_of_a_stopped_guest_conflicts(World *world, const void *data)
{
    g_autofree char *id = make(world, "silent", &plain_guest);
    const GemelStreamArgs args = {.kind = GEMEL_STREAM_CONSOLE};
    const GemelStreamArgs exec = {.kind = GEMEL_STREAM_EXEC};
    g_autoptr(GError) error = NULL;

    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &args, &error));
    test_check_error(error, GEMEL_ERROR_CONFLICT);
    g_clear_error(&error);
    g_assert_null(gemel_libvirt_ops.streams->open(world->conn, id, &exec, &error));
    test_check_error(error, GEMEL_ERROR_UNSUPPORTED);
}

void add_consoles_tests(void)
{
    ADD("console/talks to the guest", test_console_talks_to_the_guest);
    ADD("console/loses nothing", test_console_loses_nothing);
    ADD("console/reads on after the end of input", test_console_reads_on_after_end_of_input);
    ADD("console/ends with the guest", test_console_ends_with_the_guest);
    ADD("console/a second one is told who has it", test_second_console_is_told_who_has_it);
    ADD("console/of a stopped guest is a conflict", test_console_of_a_stopped_guest_conflicts);
}
