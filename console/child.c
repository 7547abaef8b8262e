/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/child.h"
#include "console/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct Child {
    ChildHooks hooks;
    int pidfd;
    GSource *exit_source;
    guint open; /* pipes not at their end, plus one for the exit */
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
    g_free(child);
}

typedef struct {
    Child *child;
    GDataInputStream *stream;
    gboolean is_error;
} Pipe;

static void pipe_read(Pipe *pipe);

static void pipe_line(GObject *source, GAsyncResult *result, gpointer data)
{
    Pipe *pipe = data;
    g_autofree char *line = g_data_input_stream_read_line_finish(pipe->stream, result, NULL, NULL);

    if (line != NULL) {
        if (!pipe->child->abandoned)
            pipe->child->hooks.line(pipe->child->hooks.data, pipe->is_error, line);
        pipe_read(pipe);
        return;
    }
    child_part_over(pipe->child);
    g_object_unref(pipe->stream);
    g_free(pipe);
}

static void pipe_read(Pipe *pipe)
{
    g_data_input_stream_read_line_async(pipe->stream, G_PRIORITY_DEFAULT, NULL, pipe_line, pipe);
}

/* Reads `fd`, which is its own from here on, to its end. */
static void pipe_start(Child *child, int fd, gboolean is_error)
{
    g_autoptr(GInputStream) from = g_unix_input_stream_new(fd, TRUE);
    Pipe *pipe = g_new0(Pipe, 1);

    pipe->child = child;
    pipe->stream = g_data_input_stream_new(from);
    pipe->is_error = is_error;
    child->open++;
    pipe_read(pipe);
}

static gboolean child_exited(int fd, GIOCondition condition, gpointer data)
{
    Child *child = data;
    siginfo_t info = {0};

    while (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) != 0)
        if (errno != EINTR)
            break;
    child->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    app_source_remove(&child->exit_source);
    close(child->pidfd);
    child->pidfd = -1;
    child_part_over(child);
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
    child->open = 1;
    child->exit_source = app_add_fd(app, pidfd, G_IO_IN, child_exited, child);
    pipe_start(child, out[0], FALSE);
    pipe_start(child, err[0], TRUE);
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
