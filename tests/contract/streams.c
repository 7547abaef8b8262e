/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consoles and exec: bytes both ways, the exit status, and the end from either side. */
#include "tests/contract/contract.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A stream as the console runs it: opened and pumped on a thread of its own with a connection of
   its own. */
typedef struct {
    Stage *stage;
    const char *id;
    GemelStreamArgs args;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    GemelStream *stream;
    gboolean is_open, is_done;
    int status;
    GError *error;
    int fd, err_fd;
} Player;

static void *play(void *data)
{
    Player *player = data;
    const GemelBackendOps *ops = player->stage->ops;
    g_autoptr(GError) error = NULL;
    GemelConn *conn = ops->conn_open(player->stage->backend, &error);
    GemelStream *stream;

    g_assert_no_error(error);
    stream = ops->streams->open(conn, player->id, &player->args, &error);
    pthread_mutex_lock(&player->mutex);
    g_assert_true((stream == NULL) == (error != NULL));
    player->stream = stream;
    player->fd = stream != NULL ? stream->fd : -1;
    player->err_fd = stream != NULL ? stream->err_fd : -1;
    player->is_open = TRUE;
    pthread_cond_broadcast(&player->cond);
    pthread_mutex_unlock(&player->mutex);
    if (stream != NULL) {
        player->status = ops->streams->pump(stream, &error);
        g_assert_true((player->status == -1) == (error != NULL));
    }
    pthread_mutex_lock(&player->mutex);
    player->stream = NULL;
    player->error = g_steal_pointer(&error);
    player->is_done = TRUE;
    pthread_cond_broadcast(&player->cond);
    pthread_mutex_unlock(&player->mutex);
    if (stream != NULL)
        ops->streams->free(stream);
    ops->conn_close(conn);
    return NULL;
}

/* Starts a stream and waits until it is open; player->fd is -1 if that failed. */
static void player_start(Player *player, Stage *stage, const char *id, const GemelStreamArgs *args)
{
    *player = (Player){.stage = stage, .id = id, .args = *args};
    pthread_mutex_init(&player->mutex, NULL);
    stage_cond_init(&player->cond);
    g_assert_cmpint(pthread_create(&player->thread, NULL, play, player), ==, 0);
    pthread_mutex_lock(&player->mutex);
    while (!player->is_open)
        pthread_cond_wait(&player->cond, &player->mutex);
    pthread_mutex_unlock(&player->mutex);
}

/* Whether the pump is over within half a minute. */
static gboolean player_ends(Player *player)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    gboolean done;

    pthread_mutex_lock(&player->mutex);
    while (!player->is_done)
        if (!stage_cond_wait_until(&player->cond, &player->mutex, deadline))
            break;
    done = player->is_done;
    pthread_mutex_unlock(&player->mutex);
    return done;
}

static void player_done(Player *player)
{
    if (player->fd >= 0)
        close(player->fd);
    if (player->err_fd >= 0)
        close(player->err_fd);
    pthread_join(player->thread, NULL);
    g_clear_error(&player->error);
    pthread_mutex_destroy(&player->mutex);
    pthread_cond_destroy(&player->cond);
}

/* Reads until `wanted` was seen (NULL: until the end), at most half a minute. */
static char *read_until(int fd, const char *wanted)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    GString *text = g_string_new(NULL);

    while (g_get_monotonic_time() < deadline) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char buffer[4096];
        ssize_t got;

        if (wanted != NULL && strstr(text->str, wanted) != NULL)
            return g_string_free(text, FALSE);
        if (poll(&ready, 1, 100) <= 0)
            continue;
        got = read(fd, buffer, sizeof buffer);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0) {
            if (got == 0 && wanted == NULL)
                return g_string_free(text, FALSE);
            break;
        }
        g_string_append_len(text, buffer, got);
    }
    g_error("read \"%s\", waited for %s", text->str, wanted != NULL ? wanted : "the end");
}

static void send_text(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

static void check_exec(gconstpointer contract, const char *const *argv, int status, const char *out,
                       const char *err)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    Player player;
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;

    player_start(&player, stage, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv});
    if (player.fd < 0)
        g_error("exec %s: %s", argv[0], player_ends(&player) ? player.error->message : "?");
    g_assert_cmpint(player.err_fd, >=, 0);
    shutdown(player.fd, SHUT_WR);
    output = read_until(player.fd, NULL);
    errors = read_until(player.err_fd, NULL);
    g_assert_true(player_ends(&player));
    g_assert_no_error(player.error);
    g_assert_cmpint(player.status, ==, status);
    if (out != NULL)
        g_assert_cmpstr(output, ==, out);
    if (err != NULL)
        g_assert_cmpstr(errors, ==, err);
    player_done(&player);
}

static void test_true(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"true", NULL}, 0, "", "");
}

static void test_false(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"false", NULL}, 1, "", "");
}

static void test_exit_status(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"sh", "-c", "exit 42", NULL}, 42, "", "");
}

static void test_signal(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"sh", "-c", "kill -9 $$", NULL}, 137, "", "");
}

static void test_unknown_command(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"no-such-command", NULL}, 127, "", NULL);
}

static void test_echo(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"echo", "two  words", "three", NULL}, 0,
               "two  words three\n", "");
}

static void test_stderr(gconstpointer contract)
{
    check_exec(contract, (const char *const[]){"sh", "-c", "echo out; echo oops >&2", NULL}, 0,
               "out\n", "oops\n");
}

/* More than any buffer between holds, and not text. */
static void test_input(gconstpointer contract)
{
    static const char *const argv[] = {"cat", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GByteArray) sent = g_byte_array_new();
    g_autoptr(GByteArray) got = g_byte_array_new();
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    gsize done = 0;
    gboolean ended = FALSE;
    Player player;

    for (guint i = 0; i < 700000; i++)
        g_byte_array_append(sent, (guint8[]){(guint8)(i * 7 + i / 251)}, 1);
    player_start(&player, stage, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv});
    g_assert_cmpint(player.fd, >=, 0);
    while (!ended && g_get_monotonic_time() < deadline) {
        struct pollfd io = {.fd = player.fd,
                            .events = (short)(POLLIN | (done < sent->len ? POLLOUT : 0))};
        guint8 buffer[8192];
        ssize_t n;

        poll(&io, 1, 100);
        if (io.revents & POLLOUT) {
            n = send(player.fd, sent->data + done, MIN(8192, sent->len - done),
                     MSG_DONTWAIT | MSG_NOSIGNAL);
            done += n > 0 ? (gsize)n : 0;
            if (done == sent->len)
                shutdown(player.fd, SHUT_WR);
        }
        if (io.revents & (POLLIN | POLLHUP)) {
            n = recv(player.fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (n > 0)
                g_byte_array_append(got, buffer, (guint)n);
            ended = n == 0;
        }
    }
    g_assert_true(ended);
    g_assert_cmpmem(got->data, got->len, sent->data, sent->len);
    g_assert_true(player_ends(&player));
    g_assert_cmpint(player.status, ==, 0);
    player_done(&player);
}

static void test_exec_tty(gconstpointer contract)
{
    static const char *const argv[] = {"sh", "-c", "echo out; echo oops >&2", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autofree char *output = NULL;
    Player player;

    player_start(&player, stage, id,
                 &(GemelStreamArgs){
                     .kind = GEMEL_STREAM_EXEC, .argv = argv, .tty = TRUE, .rows = 24, .cols = 80});
    g_assert_cmpint(player.fd, >=, 0);
    g_assert_cmpint(player.err_fd, ==, -1);
    output = read_until(player.fd, NULL);
    g_assert_cmpstr(output, ==, "out\r\noops\r\n");
    g_assert_true(player_ends(&player));
    g_assert_cmpint(player.status, ==, 0);
    player_done(&player);
}

static void test_exec_env(gconstpointer contract)
{
    static const char *const argv[] = {"env", NULL};
    static const char *const env[] = {"COLOUR=red and blue", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autofree char *output = NULL;
    Player player;

    player_start(&player, stage, id,
                 &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv, .env = env});
    g_assert_cmpint(player.fd, >=, 0);
    output = read_until(player.fd, NULL);
    g_assert_nonnull(strstr(output, "COLOUR=red and blue\n"));
    g_assert_true(player_ends(&player));
    player_done(&player);
}

static void test_exec_stopped(gconstpointer contract)
{
    static const char *const argv[] = {"true", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    const char *id = stage_make_running(stage);

    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
    g_assert_null(stage->ops->streams->open(
        stage->conn, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv}, &error));
    check_error(error, GEMEL_ERROR_CONFLICT);
}

/* The caller goes while the command runs: the pump ends. */
static void test_exec_abandoned(gconstpointer contract)
{
    static const char *const argv[] = {"cat", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    Player player;

    player_start(&player, stage, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv});
    g_assert_cmpint(player.fd, >=, 0);
    close(player.fd);
    player.fd = -1;
    g_assert_true(player_ends(&player));
    player_done(&player);
}

/* The instance goes: so do the stream and its pump. */
static void test_exec_killed(gconstpointer contract)
{
    static const char *const argv[] = {"cat", NULL};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autofree char *rest = NULL;
    Player player;

    player_start(&player, stage, id, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv});
    g_assert_cmpint(player.fd, >=, 0);
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    rest = read_until(player.fd, NULL);
    g_assert_true(player_ends(&player));
    if (player.error == NULL)
        g_assert_cmpint(player.status, >=, 128);
    player_done(&player);
}

/* Opens the console of a running instance. */
static void open_console(Stage *stage, Player *player)
{
    player_start(player, stage, stage_make_running(stage),
                 &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE, .rows = 24, .cols = 80});
    if (player->fd < 0)
        g_error("console: %s", player_ends(player) ? player->error->message : "?");
}

static void test_console_closes(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    Player player;

    open_console(stage, &player);
    g_assert_cmpint(player.err_fd, ==, -1);
    close(player.fd);
    player.fd = -1;
    g_assert_true(player_ends(&player));
    g_assert_no_error(player.error);
    g_assert_cmpint(player.status, ==, 0);
    g_assert_cmpint(stage_state(stage->conn, player.id), ==, GEMEL_STATE_RUNNING);
    player_done(&player);
}

static void test_console_answers(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autofree char *output = NULL;
    Player player;

    open_console(stage, &player);
    send_text(player.fd, "echo wo''rks\r");
    output = read_until(player.fd, "works");
    player_done(&player);
}

static void test_console_ends_with_instance(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autofree char *rest = NULL;
    Player player;

    open_console(stage, &player);
    stage_must(stage->conn, player.id, GEMEL_ACT_KILL);
    rest = read_until(player.fd, NULL);
    g_assert_true(player_ends(&player));
    player_done(&player);
}

/* Opens and closes a stream a few times on one instance. */
static void check_stream_leaks(gconstpointer contract, const GemelStreamArgs *args)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    guint before = 0;

    for (guint i = 0; i < 6; i++) {
        Player player;

        player_start(&player, stage, id, args);
        g_assert_cmpint(player.fd, >=, 0);
        player_done(&player);
        if (i == 0)
            before = descriptors_open();
    }
    check_descriptors(before);
}

static void test_console_leaks(gconstpointer contract)
{
    check_stream_leaks(contract, &(GemelStreamArgs){.kind = GEMEL_STREAM_CONSOLE});
}

static void test_exec_leaks(gconstpointer contract)
{
    static const char *const argv[] = {"cat", NULL};

    check_stream_leaks(contract, &(GemelStreamArgs){.kind = GEMEL_STREAM_EXEC, .argv = argv});
}

static void test_resize(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    gint64 begin;
    Player player;

    open_console(stage, &player);
    begin = g_get_monotonic_time();
    pthread_mutex_lock(&player.mutex);
    for (guint i = 1; i <= 100 && player.stream != NULL; i++)
        stage->ops->streams->resize(player.stream, i, 2 * i);
    pthread_mutex_unlock(&player.mutex);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 10000000);
    player_done(&player);
}

const ContractTest contract_stream_tests[] = {
    {"exec-of-true-is-0", test_true, NEEDS_CREATE, ACT(EXEC)},
    {"exec-of-false-is-1", test_false, NEEDS_CREATE, ACT(EXEC)},
    {"exec-gives-the-exit-status", test_exit_status, NEEDS_CREATE, ACT(EXEC)},
    {"exec-gives-128-and-the-signal", test_signal, NEEDS_CREATE, ACT(EXEC)},
    {"exec-of-an-unknown-command-is-127", test_unknown_command, NEEDS_CREATE, ACT(EXEC)},
    {"exec-passes-arguments-and-output", test_echo, NEEDS_CREATE, ACT(EXEC)},
    {"exec-keeps-standard-error-apart", test_stderr, NEEDS_CREATE, ACT(EXEC)},
    {"exec-passes-input-until-its-end", test_input, NEEDS_CREATE, ACT(EXEC)},
    {"exec-with-a-terminal-has-one-descriptor", test_exec_tty, NEEDS_CREATE, ACT(EXEC)},
    {"exec-passes-the-environment", test_exec_env, NEEDS_CREATE, ACT(EXEC)},
    {"exec-in-something-stopped-conflicts", test_exec_stopped, NEEDS_CREATE, ACT(EXEC)},
    {"exec-ends-when-the-caller-goes", test_exec_abandoned, NEEDS_CREATE, ACT(EXEC)},
    {"exec-ends-with-the-instance", test_exec_killed, NEEDS_CREATE, ACT(EXEC)},
    {"exec-leaves-no-descriptor-open", test_exec_leaks, NEEDS_CREATE, ACT(EXEC)},
    {"console-leaves-no-descriptor-open", test_console_leaks, NEEDS_CREATE, ACT(CONSOLE)},
    {"console-ends-when-the-caller-closes", test_console_closes, NEEDS_CREATE, ACT(CONSOLE)},
    {"console-carries-both-ways", test_console_answers, NEEDS_CREATE | NEEDS_SHELL, ACT(CONSOLE)},
    {"console-ends-with-the-instance", test_console_ends_with_instance, NEEDS_CREATE, ACT(CONSOLE)},
    {"console-resize-does-not-block", test_resize, NEEDS_CREATE, ACT(CONSOLE)},
    {NULL},
};
