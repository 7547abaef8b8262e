/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/child.h"
#include "console/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct Child {
    ChildHooks hooks;
    int pidfd;
    GSource *exit_source;
    guint open; /* pipes not at their end, plus one for the exit */
    guint refs; /* sources that have it */
    int status;
    gboolean abandoned;
};

/* One of the three (two pipes, the exit) is over. */
static void child_part_over(Child *child)
{
    if (--child->open > 0)
        return;
    if (!child->abandoned)
        child->hooks.ended(child->hooks.data, child->status);
}

static void child_unref(Child *child)
{
    if (--child->refs == 0)
        g_free(child);
}

/* A source on the app's context whose data `free` takes back when it has gone, with the context at
   the latest: a child that was let run on may outlive that. */
static GSource *add_source(App *app, int fd, GIOCondition condition, GUnixFDSourceFunc ready,
                           gpointer data, GDestroyNotify free)
{
    GSource *source = app_add_fd(app, fd, condition, ready, data);

    g_source_set_callback(source, G_SOURCE_FUNC(ready), data, free);
    return source;
}

/* One of its outputs. */
typedef struct {
    Child *child;
    int fd;
    GSource *source;
    GString *line; /* as far as it has come */
    gboolean is_error, is_cut;
} Pipe;

static void pipe_free(gpointer data)
{
    Pipe *pipe = data;

    g_clear_pointer(&pipe->source, g_source_unref);
    close(pipe->fd);
    child_unref(pipe->child);
    g_string_free(pipe->line, TRUE);
    g_free(pipe);
}

/* A whole line, or what is left without one at the end. */
static void pipe_say(Pipe *pipe)
{
    if (pipe->is_cut)
        g_string_append(pipe->line, CHILD_CUT_MARK);
    if (!pipe->child->abandoned)
        pipe->child->hooks.line(pipe->child->hooks.data, pipe->is_error, pipe->line->str);
    g_string_truncate(pipe->line, 0);
    pipe->is_cut = FALSE;
}

/* Keeps what fits of a line. */
static void pipe_take(Pipe *pipe, const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            pipe_say(pipe);
        else if (pipe->line->len < CHILD_LINE_MAX_BYTES)
            g_string_append_c(pipe->line, bytes[i] != '\0' ? bytes[i] : '?');
        else
            pipe->is_cut = TRUE;
    }
}

static gboolean pipe_ready(int fd, GIOCondition condition, gpointer data)
{
    Pipe *pipe = data;
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0) {
        pipe_take(pipe, bytes, (gsize)n);
        return G_SOURCE_CONTINUE;
    }
    if (pipe->line->len > 0)
        pipe_say(pipe);
    child_part_over(pipe->child);
    app_source_remove(&pipe->source);
    return G_SOURCE_REMOVE;
}

/* Reads `fd`, which is its own from here on, to its end. */
static void pipe_start(App *app, Child *child, int fd, gboolean is_error)
{
    Pipe *pipe = g_new0(Pipe, 1);

    pipe->child = child;
    pipe->fd = fd;
    pipe->line = g_string_new(NULL);
    pipe->is_error = is_error;
    child->open++;
    child->refs++;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    pipe->source = add_source(app, fd, G_IO_IN | G_IO_HUP | G_IO_ERR, pipe_ready, pipe, pipe_free);
}

static void exit_free(gpointer data)
{
    Child *child = data;

    g_clear_pointer(&child->exit_source, g_source_unref);
    close(child->pidfd);
    child->pidfd = -1;
    child_unref(child);
}

static gboolean child_exited(int fd, GIOCondition condition, gpointer data)
{
    Child *child = data;
    siginfo_t info = {0};

    while (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) != 0)
        if (errno != EINTR)
            break;
    child->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    child_part_over(child);
    app_source_remove(&child->exit_source);
    return G_SOURCE_REMOVE;
}

/* Our own environment with these pairs in it. */
static char **environment(const char *const *pairs)
{
    char **env = g_get_environ();

    for (gsize i = 0; pairs != NULL && pairs[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);

        if (pair[0] != NULL && pair[1] != NULL)
            env = g_environ_setenv(env, pair[0], pair[1], TRUE);
    }
    return env;
}

Child *child_start(App *app, const char *const *argv, const char *const *env,
                   const ChildHooks *hooks, GError **error)
{
    g_auto(GStrv) whole = environment(env);
    int out[2], err[2], pidfd;
    gboolean ok;
    Child *child;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) != 0) {
        gemel_error_set_errno(error, errno, "cannot run %s", argv[0]);
        return NULL;
    }
    if (pipe2(err, O_CLOEXEC) != 0) {
        gemel_error_set_errno(error, errno, "cannot run %s", argv[0]);
        close(out[0]);
        close(out[1]);
        return NULL;
    }
    ok = spawn_program(argv, whole, out[1], err[1], &pid, &pidfd, error);
    close(out[1]);
    close(err[1]);
    if (!ok) {
        close(out[0]);
        close(err[0]);
        return NULL;
    }
    child = g_new0(Child, 1);
    child->hooks = *hooks;
    child->pidfd = pidfd;
    child->open = child->refs = 1;
    child->exit_source = add_source(app, pidfd, G_IO_IN, child_exited, child, exit_free);
    pipe_start(app, child, out[0], FALSE);
    pipe_start(app, child, err[0], TRUE);
    return child;
}

void child_forget(Child *child)
{
    child->abandoned = TRUE;
}

void child_abandon(Child *child)
{
    child_forget(child);
    if (child->pidfd >= 0)
        pidfd_send_signal(child->pidfd, SIGTERM, NULL, 0);
}
