/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd_edit.c - edit: a definition in $EDITOR, put back only in the place of the one that was read.
 *
 * The steps: read the definition and write it to a private file (worker), run the editor on the
 * terminal, read the file (worker), put it in place (act lane). A text that is refused can be
 * edited again; one that is given up is kept, and it is said where.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console/commands.h"
#include "console/spawn.h"

#define EDIT_HARD_MS   60000
#define TEXT_MAX_BYTES (4 << 20)

typedef struct {
    Target *target;
    char *path;      /* the file, or NULL: it is gone */
    char *before;    /* as it was read */
    char *text;      /* as it was edited */
    gboolean is_own; /* the file is ours to remove: not --from */
    GPid pid;        /* of the editor, 0 = none */
    int pidfd;
    GSource *exit_source;
    gboolean lent; /* the terminal */
} Edit;

static void edit_free(gpointer data)
{
    Edit *edit = data;

    app_source_remove(&edit->exit_source);
    if (edit->pid != 0) {
        kill(edit->pid, SIGTERM);
        close(edit->pidfd);
    }
    if (edit->lent && edit->target->run->face->terminal_enter != NULL)
        edit->target->run->face->terminal_enter(edit->target->run->face->face_data, NULL);
    target_free(edit->target);
    g_free(edit->path);
    g_free(edit->before);
    g_free(edit->text);
    g_free(edit);
}

/* ---- on workers ----------------------------------------------------------------------------- */

typedef struct {
    char *id, *path, *before, *text;
    gboolean is_own; /* the file is this call's, and goes with it */
} Call;

static void call_free(gpointer data)
{
    Call *call = data;

    if (call == NULL)
        return;
    if (call->is_own)
        g_unlink(call->path);
    g_free(call->id);
    g_free(call->path);
    g_free(call->before);
    g_free(call->text);
    g_free(call);
}

/* Reads the definition; writes it to a file of its own unless there is one to be read from. */
static gpointer run_get(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const GemelDefinitionOps *ops = conn->backend->ops->definition;
    const Call *asked = arg;
    Call *call = g_new0(Call, 1);
    g_autofree char *template = g_strconcat("gemel-XXXXXX.", ops->format, NULL);
    GError *own = NULL;
    int fd;

    call->before = ops->get(conn, asked->id, error);
    if (call->before == NULL) {
        call_free(call);
        return NULL;
    }
    if (asked->path != NULL)
        return call;
    fd = g_file_open_tmp(template, &call->path, &own);
    if (fd >= 0)
        close(fd);
    call->is_own = fd >= 0;
    if (fd < 0 || !g_file_set_contents_full(call->path, call->before, -1, G_FILE_SET_CONTENTS_NONE,
                                            0600, &own)) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "edit: %s", own->message);
        g_error_free(own);
        call_free(call);
        return NULL;
    }
    return call;
}

/* A file's text, and no more of it than shows that it is too long (of /dev/zero there is no end);
   NULL with errno. */
static char *read_bounded(const char *path, gsize *ret_length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    g_autofree char *text = fd >= 0 ? g_malloc(TEXT_MAX_BYTES + 2) : NULL;
    ssize_t n = -1;

    *ret_length = 0;
    while (fd >= 0 && *ret_length <= TEXT_MAX_BYTES) {
        n = read(fd, text + *ret_length, TEXT_MAX_BYTES + 1 - *ret_length);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        *ret_length += n > 0 ? (gsize)n : 0;
    }
    int problem = n < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    errno = problem;
    if (problem != 0)
        return NULL;
    text[*ret_length] = '\0';
    return g_steal_pointer(&text);
}

/* Reads what was edited. */
static gpointer run_read(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const Call *asked = arg;
    gsize length;
    char *text = read_bounded(asked->path, &length);

    if (text == NULL) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "edit: cannot read %s: %s", asked->path,
                        g_strerror(errno));
        return NULL;
    }
    if (length > TEXT_MAX_BYTES || strlen(text) != length || !g_utf8_validate(text, -1, NULL)) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "edit: %s is not a text of at most 4M",
                        asked->path);
        g_free(text);
        return NULL;
    }
    return text;
}

static gpointer run_set(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const Call *call = arg;

    return conn->backend->ops->definition->set(conn, call->id, call->before, call->text, args,
                                               error)
               ? g_strdup("")
               : NULL;
}

static void submit(CommandRun *run, GemelLane lane, GemelJobFunc fn, GDestroyNotify result_free,
                   GemelJobDone done)
{
    Edit *edit = run->data;
    Call *call = g_new0(Call, 1);
    g_autofree char *title = g_strdup_printf("edit %s", edit->target->name);

    *call = (Call){g_strdup(edit->target->id), g_strdup(edit->path), g_strdup(edit->before),
                   g_strdup(edit->text)};
    run_submit(run, edit->target->backend, lane,
               &(GemelJobSpec){.kind = lane == GEMEL_LANE_ACT ? "edit" : "definition",
                               .instance_id = edit->target->id,
                               .title = title,
                               .run = fn,
                               .arg = call,
                               .arg_free = call_free,
                               .result_free = result_free,
                               .hard_ms = EDIT_HARD_MS,
                               .args = {.limits = GEMEL_LIMITS_NONE}},
               done, run);
}

/* ---- the editor ----------------------------------------------------------------------------- */

static void edited(CommandRun *run);
static void start_editor(CommandRun *run);

static void forget_file(Edit *edit)
{
    if (edit->path != NULL && edit->is_own)
        g_unlink(edit->path);
    g_clear_pointer(&edit->path, g_free);
}

static void say_kept(CommandRun *run)
{
    const Edit *edit = run->data;

    if (edit->path != NULL && edit->is_own)
        output_line(run->out, OUTPUT_NOTE, "your text is kept in %s; `edit %s --from` takes it",
                    edit->path, edit->target->name);
}

static gboolean editor_exited(int fd, GIOCondition condition, gpointer data)
{
    CommandRun *run = data;
    Edit *edit = run->data;
    int status = 0;

    if (waitpid(edit->pid, &status, WNOHANG) == 0)
        return G_SOURCE_CONTINUE;
    edit->pid = 0;
    close(edit->pidfd);
    app_source_remove(&edit->exit_source);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (run->face->terminal_enter != NULL)
        run->face->terminal_enter(run->face->face_data,
                                  &(TerminalUse){.status = status, .printed = TRUE, .typed = TRUE});
    edit->lent = FALSE;
    if (status != 0) {
        run_fail(run, GEMEL_ERROR_FAILED,
                 "%s: the editor ended with status %d; nothing was changed", edit->target->name,
                 status);
        say_kept(run);
    } else {
        edited(run);
    }
    run_release(run);
    return G_SOURCE_REMOVE;
}

static void prepare(gpointer data)
{
    spawn_prepare();
}

/* ^C is the editor's. */
static gboolean leave_to_editor(CommandRun *run)
{
    return ((Edit *)run->data)->pid != 0;
}

static void start_editor(CommandRun *run)
{
    Edit *edit = run->data;
    const char *const argv[] = {
        "/bin/sh", "-c",       "eval \"exec ${VISUAL:-${EDITOR:-vi}} \\\"\\$1\\\"\"",
        "sh",      edit->path, NULL};
    g_autoptr(GError) error = NULL;

    if (run->face->terminal_leave != NULL && !run->face->terminal_leave(run->face->face_data)) {
        run_fail(run, GEMEL_ERROR_BUSY,
                 "%s: another program has the terminal; edit it when that is over",
                 edit->target->name);
        if (edit->text != NULL)
            say_kept(run);
        else
            forget_file(edit);
        return;
    }
    edit->lent = TRUE;
    output_flush(run->out);
    if (!g_spawn_async(NULL, (char **)argv, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN, prepare, NULL,
                       &edit->pid, &error)) {
        edit->pid = 0;
        run_fail(run, GEMEL_ERROR_FAILED, "edit: %s", error->message);
        return;
    }
    if (!spawn_watch(edit->pid, "the editor", &edit->pidfd, &error)) {
        edit->pid = 0;
        run_fail(run, GEMEL_ERROR_FAILED, "edit: %s", error->message);
        if (edit->text != NULL)
            say_kept(run);
        else
            forget_file(edit);
        return;
    }
    edit->exit_source = app_add_fd(run->app, edit->pidfd, G_IO_IN, editor_exited, run);
    run_hold(run);
}

/* ---- putting it in place -------------------------------------------------------------------- */

static void set_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    Edit *edit = run->data;

    target_set_doing(edit->target, NULL);
    if (error == NULL) {
        forget_file(edit);
        if (run->json) {
            g_autoptr(GemelJobView) view = gemel_job_view(job);

            output_json(run->out,
                        json_pack("{s:[{s:o, s:o, s:o, s:s, s:b, s:o*}]}", "results", "backend",
                                  json_text(edit->target->backend->backend->name), "id",
                                  json_text(edit->target->id), "name",
                                  json_text(edit->target->name), "act", "edit", "done", TRUE,
                                  "notes", view->notes != NULL ? json_text(view->notes) : NULL));
            return;
        }
        output_line(run->out, OUTPUT_NOTE, "%s: changed", edit->target->name);
        run_print_notes(run, edit->target->name, job);
        return;
    }
    if (g_error_matches(error, GEMEL_ERROR, GEMEL_ERROR_INVALID) && edit->is_own &&
        run->face->confirm != NULL) {
        g_autofree char *question = g_strdup_printf("%s. Edit it again?", error->message);

        run_confirm(run, question, NULL, start_editor);
        return;
    }
    run_error(run, error);
    say_kept(run);
}

static void read_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    Edit *edit = run->data;

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    if (g_str_equal(result, edit->before)) {
        forget_file(edit);
        output_line(run->out, OUTPUT_NOTE, "%s: not changed", edit->target->name);
        return;
    }
    g_free(edit->text);
    edit->text = g_strdup(result);
    target_set_doing(edit->target, "changing");
    submit(run, GEMEL_LANE_ACT, run_set, g_free, set_done);
}

static void edited(CommandRun *run)
{
    submit(run, GEMEL_LANE_READ, run_read, g_free, read_done);
}

static void got(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    Edit *edit = run->data;
    Call *call = result;

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    edit->before = g_strdup(call->before);
    if (edit->path != NULL) {
        edited(run);
        return;
    }
    edit->path = g_strdup(call->path);
    edit->is_own = call->is_own;
    call->is_own = FALSE;
    start_editor(run);
}

static void edit_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const ModelInstance *instance = run_find(run, run->words[0], &error);
    const char *from = run_option(run, "from");
    Edit *edit;

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (!gemel_instance_can(instance->info, GEMEL_ACT_EDIT)) {
        run_fail(run,
                 gemel_backend_can(instance->backend->open->backend, GEMEL_ACT_EDIT)
                     ? GEMEL_ERROR_CONFLICT
                     : GEMEL_ERROR_UNSUPPORTED,
                 "%s: cannot edit its definition: it %s", instance->info->name,
                 instance->info->why_not[GEMEL_ACT_EDIT]);
        return;
    }
    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA,
                    "would edit the definition of %s; it holds from the "
                    "next start on",
                    instance->info->name);
        return;
    }
    edit = g_new0(Edit, 1);
    edit->target = target_new(run, instance);
    edit->path = from != NULL ? g_canonicalize_filename(from, NULL) : NULL;
    run->data = edit;
    run->data_free = edit_free;
    run->interrupt = leave_to_editor;
    submit(run, GEMEL_LANE_READ, run_get, call_free, got);
}

static const CommandOption edit_options[] = {
    {.name = "from",
     .letter = 'f',
     .type = OPTION_STRING,
     .meta = "FILE",
     .help = "take this text instead of opening an editor",
     .word = WORD_FILE},
    {NULL},
};

const Command commands_edit[] = {
    {.name = "edit",
     .summary = "change a definition in $EDITOR; it holds from the next start on",
     .example = "gemel edit lab-vm",
     .group = "Change",
     .flags = COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS,
     .act = GEMEL_ACT_EDIT,
     .words = {{WORD_INSTANCE, "NAME"}},
     .options = edit_options,
     .details = "A guest's is its domain XML, a container's its settings as JSON. $VISUAL, $EDITOR "
                "or vi opens it. What is wrong with it is told, and it can be edited again; one "
                "that was changed by somebody else meanwhile is not overwritten.",
     .run = edit_run},
    {.name = NULL},
};
