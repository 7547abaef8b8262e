/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/child.h"

#include <gio/gio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

struct Child {
    ChildHooks hooks;
    GSubprocess *process;
    guint open; /* pipes not at their end, plus one for the exit */
    int status;
    gboolean abandoned;
};

static struct rlimit nofile_before;
static gboolean nofile_raised;

void child_raise_nofile(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &nofile_before) != 0)
        return;
    limit = nofile_before;
    limit.rlim_cur = limit.rlim_max;
    nofile_raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void child_prepare(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (nofile_raised)
        setrlimit(RLIMIT_NOFILE, &nofile_before);
}

/* Between fork and exec. */
static void child_setup(gpointer data)
{
    child_prepare();
}

/* One of the three (two pipes, the exit) is over. */
static void child_part_over(Child *child)
{
    if (--child->open > 0)
        return;
    if (!child->abandoned)
        child->hooks.ended(child->hooks.data, child->status);
    g_object_unref(child->process);
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

static void pipe_start(Child *child, GInputStream *from, gboolean is_error)
{
    Pipe *pipe = g_new0(Pipe, 1);

    pipe->child = child;
    pipe->stream = g_data_input_stream_new(from);
    pipe->is_error = is_error;
    child->open++;
    pipe_read(pipe);
}

static void child_exited(GObject *source, GAsyncResult *result, gpointer data)
{
    Child *child = data;

    g_subprocess_wait_finish(child->process, result, NULL);
    child->status = g_subprocess_get_if_exited(child->process)
                        ? g_subprocess_get_exit_status(child->process)
                        : 128 + g_subprocess_get_term_sig(child->process);
    child_part_over(child);
}

Child *child_start(const char *const *argv, const char *const *env, const ChildHooks *hooks,
                   GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_autoptr(GError) own = NULL;
    Child *child;

    g_subprocess_launcher_set_child_setup(launcher, child_setup, NULL, NULL);
    for (gsize i = 0; env != NULL && env[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(env[i], "=", 2);

        if (pair[0] != NULL && pair[1] != NULL)
            g_subprocess_launcher_setenv(launcher, pair[0], pair[1], TRUE);
    }
    child = g_new0(Child, 1);
    child->hooks = *hooks;
    child->process = g_subprocess_launcher_spawnv(launcher, argv, &own);
    if (child->process == NULL) {
        g_free(child);
        gemel_error_set(error, GEMEL_ERROR_FAILED, "cannot run %s: %s", argv[0], own->message);
        return NULL;
    }
    child->open = 1;
    pipe_start(child, g_subprocess_get_stdout_pipe(child->process), FALSE);
    pipe_start(child, g_subprocess_get_stderr_pipe(child->process), TRUE);
    g_subprocess_wait_async(child->process, NULL, child_exited, child);
    return child;
}

void child_forget(Child *child)
{
    child->abandoned = TRUE;
}

void child_abandon(Child *child)
{
    child_forget(child);
    g_subprocess_send_signal(child->process, SIGTERM);
}
