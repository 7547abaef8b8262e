/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shell.c - readline: as the command shell on the user's terminal, and as the editor behind the
 * TUI's `:` line (console/prompt.h). The only includer of readline.
 *
 * Both use readline's callback interface, so the loop goes on while a line is edited. The shell
 * lets readline read and draw on the terminal; the prompt feeds it bytes from a ring and draws the
 * line itself. TAB is ours in both: candidates carry hints, which readline's own lists cannot.
 */
#include "console/shell.h"
#include "console/prompt.h"
#include "console/terminal.h"
#include "widgets/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_KEPT   1000
#define COMPLETE_MS    300       /* a shell completer may wait this long for what it asked */
#define LINE_MAX_BYTES (1 << 20) /* of a batch */
#define ESCAPE         '\033'
#define PASTE_OFF      "\033[?2004l" /* readline turns bracketed paste on while it edits */

/* ---- shared: history and completion --------------------------------------------------------- */

static struct {
    App *app;
    Face face;
    gboolean initialised;
    GPtrArray *matches;          /* of Completion*, after a TAB with several */
    HISTORY_STATE *histories[2]; /* one per PromptHistory; NULL = empty */
    PromptHistory history;
} line_editor;

static char *history_path(void)
{
    return g_build_filename(g_get_user_state_dir(), "gemel", "history", NULL);
}

static void history_load(void)
{
    g_autofree char *path = history_path();
    g_autofree char *dir = g_path_get_dirname(path);

    g_mkdir_with_parents(dir, 0700);
    read_history(path);
    stifle_history(HISTORY_KEPT);
}

/* Keeps a line, but not twice in a row nor one that begins with a space. */
static void history_add(const char *line, gboolean save)
{
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    g_autofree char *path = history_path();

    if (*line == '\0' || *line == ' ' || (last != NULL && g_str_equal(last->line, line)))
        return;
    add_history(line);
    if (save && append_history(1, path) == ENOENT)
        write_history(path);
}

/* The longest text all candidates begin with. */
static char *common_prefix(GPtrArray *found)
{
    char *prefix = g_strdup(((Completion *)found->pdata[0])->text);

    for (guint i = 1; i < found->len; i++) {
        const char *other = ((Completion *)found->pdata[i])->text;
        gsize n = 0;

        while (prefix[n] != '\0' && prefix[n] == other[n])
            n++;
        prefix[n] = '\0';
    }
    return prefix;
}

/* Replaces the word from `start` to the cursor. */
static void replace_word(guint start, const char *text)
{
    rl_begin_undo_group();
    rl_delete_text((int)start, rl_point);
    rl_point = (int)start;
    rl_insert_text(text);
    rl_end_undo_group();
}

/* Candidates; in the shell what was asked for is awaited for a moment. */
static GPtrArray *find_matches(guint *ret_start)
{
    gboolean pending = FALSE;
    GPtrArray *found = complete_line(line_editor.app, line_editor.face, rl_line_buffer,
                                     (guint)rl_point, ret_start, &pending);
    gint64 until = g_get_monotonic_time() + COMPLETE_MS * 1000;

    while (pending && line_editor.face == FACE_SHELL && found->len == 0 &&
           g_get_monotonic_time() < until) {
        app_iterate(line_editor.app, FALSE);
        g_usleep(5000);
        g_ptr_array_unref(found);
        found = complete_line(line_editor.app, line_editor.face, rl_line_buffer, (guint)rl_point,
                              ret_start, NULL);
    }
    return found;
}

static void print_matches(GPtrArray *found)
{
    int width = 0;

    for (guint i = 0; i < found->len; i++)
        width = MAX(width, text_width(((Completion *)found->pdata[i])->text));
    fputc('\n', stdout);
    for (guint i = 0; i < found->len; i++) {
        const Completion *completion = found->pdata[i];
        g_autoptr(GString) row = g_string_new("  ");
        g_autofree char *text = text_sanitise(completion->text, -1, TEXT_NAME);

        text_append_fit(row, text, width + 2, TEXT_LEFT);
        if (completion->hint != NULL)
            text_append_sanitised(row, completion->hint, -1, TEXT_NAME);
        puts(row->str);
    }
    fflush(stdout);
}

/* TAB. */
static int on_tab(int count, int key)
{
    guint start = 0;
    GPtrArray *found = find_matches(&start);

    g_clear_pointer(&line_editor.matches, g_ptr_array_unref);
    if (found->len == 1) {
        const char *text = ((Completion *)found->pdata[0])->text;
        gboolean open = g_str_has_suffix(text, "=") || g_str_has_suffix(text, "/");
        g_autofree char *word = g_strconcat(text, open ? "" : " ", NULL);

        replace_word(start, word);
    } else if (found->len > 1) {
        g_autofree char *prefix = common_prefix(found);

        if (strlen(prefix) > (gsize)rl_point - start)
            replace_word(start, prefix);
        if (line_editor.face == FACE_SHELL) {
            print_matches(found);
            rl_on_new_line();
            rl_redisplay();
        } else {
            line_editor.matches = g_ptr_array_ref(found);
        }
    }
    g_ptr_array_unref(found);
    return 0;
}

static void editor_initialise(App *app, Face face)
{
    line_editor.app = app;
    line_editor.face = face;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    if (line_editor.initialised)
        return;
    line_editor.initialised = TRUE;
    rl_readline_name = "gemel";
    rl_initialize();
    rl_bind_key('\t', on_tab);
    rl_variable_bind("enable-bracketed-paste", "on");
    using_history();
    history_load();
}

/* ---- the prompt of the TUI ------------------------------------------------------------------ */

static struct {
    GByteArray *ring; /* bytes readline has not read yet */
    gboolean escape;  /* an ESC is held back */
    PromptStatus status;
    char *text;
    gboolean complete;
    FILE *nowhere;
} prompt;

static int ring_getc(FILE *stream)
{
    guint8 byte;

    if (prompt.ring->len == 0)
        return EOF;
    byte = prompt.ring->data[0];
    g_byte_array_remove_index(prompt.ring, 0);
    return byte;
}

static int ring_available(void)
{
    return prompt.ring->len > 0;
}

static void draw_nothing(void)
{
}

static void prompt_line(char *line)
{
    prompt.status = line != NULL ? PROMPT_ACCEPTED : PROMPT_CANCELLED;
    g_free(prompt.text);
    prompt.text = g_strdup(line != NULL ? line : "");
    free(line);
    rl_callback_handler_remove();
}

/* Each kind of prompt has a history of its own. */
static void switch_history(PromptHistory to)
{
    if (to == line_editor.history)
        return;
    line_editor.histories[line_editor.history] = history_get_history_state();
    if (line_editor.histories[to] != NULL) {
        history_set_history_state(line_editor.histories[to]);
        free(line_editor.histories[to]);
        line_editor.histories[to] = NULL;
    } else {
        HISTORY_STATE empty = {0};

        history_set_history_state(&empty);
    }
    line_editor.history = to;
}

void prompt_begin(App *app, PromptHistory history, const char *initial, gboolean complete)
{
    if (prompt.ring == NULL)
        prompt.ring = g_byte_array_new();
    if (prompt.nowhere == NULL)
        prompt.nowhere = fopen("/dev/null", "r+e");
    g_byte_array_set_size(prompt.ring, 0);
    prompt.escape = FALSE;
    prompt.status = PROMPT_EDITING;
    g_clear_pointer(&prompt.text, g_free);
    prompt.complete = complete;
    g_clear_pointer(&line_editor.matches, g_ptr_array_unref);
    rl_instream = rl_outstream = prompt.nowhere;
    rl_getc_function = ring_getc;
    rl_input_available_hook = ring_available;
    rl_redisplay_function = draw_nothing;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    editor_initialise(app, FACE_TUI);
    switch_history(history);
    rl_bind_key('\t', complete ? on_tab : rl_insert);
    using_history();
    rl_callback_handler_install("", prompt_line);
    if (initial != NULL)
        rl_insert_text(initial);
}

/* Lets readline read what is in the ring. */
static void prompt_drain(void)
{
    while (prompt.ring->len > 0 && prompt.status == PROMPT_EDITING) {
        guint8 next = prompt.ring->data[0];

        if (next == 3 || next == 7 || (next == 4 && rl_end == 0)) { /* ^C ^G, ^D on nothing */
            prompt.status = PROMPT_CANCELLED;
            rl_callback_handler_remove();
            return;
        }
        if (next != '\t')
            g_clear_pointer(&line_editor.matches, g_ptr_array_unref);
        rl_callback_read_char();
    }
}

PromptStatus prompt_feed(const char *bytes, gsize length)
{
    if (prompt.escape) {
        guint8 escape = ESCAPE;

        g_byte_array_append(prompt.ring, &escape, 1);
        prompt.escape = FALSE;
    }
    if (length > 0 && bytes[length - 1] == ESCAPE) {
        prompt.escape = TRUE;
        length--;
    }
    g_byte_array_append(prompt.ring, (const guint8 *)bytes, (guint)length);
    prompt_drain();
    return prompt.status;
}

PromptStatus prompt_timeout(void)
{
    if (prompt.escape && prompt.status == PROMPT_EDITING) {
        prompt.escape = FALSE;
        prompt.status = PROMPT_CANCELLED;
        rl_callback_handler_remove();
    }
    return prompt.status;
}

gboolean prompt_waits(void)
{
    return prompt.escape && prompt.status == PROMPT_EDITING;
}

const char *prompt_text(void)
{
    return prompt.status == PROMPT_EDITING ? rl_line_buffer : "";
}

guint prompt_cursor(void)
{
    return prompt.status == PROMPT_EDITING ? (guint)rl_point : 0;
}

GPtrArray *prompt_matches(void)
{
    return line_editor.matches;
}

char *prompt_take_text(void)
{
    if (prompt.text != NULL)
        history_add(prompt.text, line_editor.history == PROMPT_COMMAND);
    return g_steal_pointer(&prompt.text);
}

void prompt_end(void)
{
    if (prompt.status == PROMPT_EDITING)
        rl_callback_handler_remove();
    prompt.status = PROMPT_CANCELLED;
    g_clear_pointer(&line_editor.matches, g_ptr_array_unref);
}

/* ---- the shell ------------------------------------------------------------------------------ */

typedef struct {
    CommandRun *owner; /* the `shell` command; ends with the shell */
    App *app;
    Output *out;
    FaceOps face;
    CommandRun *running; /* what the last line started, NULL = editing */
    GSource *input, *size;
    int status; /* of the last command */
    gboolean editing;
    void (*answer)(CommandRun *run, gboolean yes);
    CommandRun *asking;
    char *typed_name;
    void (*interrupt)(gpointer data); /* who had the signals before */
    gpointer interrupt_data;
} Shell;

static Shell *the_shell; /* readline's handlers carry no data */

static void shell_edit(Shell *shell);
static void shell_end(Shell *shell);
static void shell_interrupt(gpointer data);

static void shell_stop_editing(Shell *shell)
{
    if (shell->editing)
        rl_callback_handler_remove();
    shell->editing = FALSE;
    terminal_set_undo(NULL);
    app_source_remove(&shell->input);
}

static void shell_command_done(CommandRun *run, int status, gpointer data)
{
    Shell *shell = data;

    shell->running = NULL;
    shell->status = status;
    if (shell->app->quit)
        shell_end(shell);
    else
        shell_edit(shell);
}

static void shell_line(char *line)
{
    Shell *shell = the_shell;

    if (line == NULL && shell->asking != NULL) { /* ^D is no answer to a question */
        shell_interrupt(shell);
        return;
    }
    if (line == NULL) { /* ^D */
        fputc('\n', stdout);
        shell_end(shell);
        return;
    }
    shell_stop_editing(shell);
    if (shell->asking != NULL) {
        CommandRun *run = g_steal_pointer(&shell->asking);
        gboolean yes = shell->typed_name != NULL ? g_str_equal(line, shell->typed_name)
                                                 : g_ascii_strcasecmp(line, "y") == 0 ||
                                                       g_ascii_strcasecmp(line, "yes") == 0;

        free(line);
        g_clear_pointer(&shell->typed_name, g_free);
        shell->answer(run, yes);
        return;
    }
    history_add(line, TRUE);
    shell->running =
        command_line_run(shell->app, &shell->face, shell->out, line, shell_command_done, shell);
    free(line);
}

static gboolean shell_input(int fd, GIOCondition condition, gpointer data)
{
    rl_callback_read_char();
    return G_SOURCE_CONTINUE;
}

static void shell_prompt(Shell *shell, const char *text, rl_vcpfunc_t *line)
{
    editor_initialise(shell->app, FACE_SHELL);
    terminal_set_undo(PASTE_OFF);
    rl_reset_screen_size(); /* it may have changed while a command ran */
    rl_callback_handler_install(text, line);
    shell->editing = TRUE;
    if (shell->input == NULL)
        shell->input = app_add_fd(shell->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, shell_input, shell);
}

static void shell_edit(Shell *shell)
{
    shell_prompt(shell, shell->status == 0 ? "gemel> " : "gemel!> ", shell_line);
}

/* FaceOps.confirm. */
static void shell_confirm(CommandRun *run, const char *question, const char *typed_name,
                          void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Shell *shell = data;
    g_autofree char *text = text_sanitise(question, -1, TEXT_NAME);
    g_autofree char *line = typed_name != NULL
                                ? g_strdup_printf("%s Type its name to do it: ", text)
                                : g_strdup_printf("%s [y/N] ", text);

    shell->asking = run;
    shell->answer = answer;
    shell->typed_name = g_strdup(typed_name);
    shell_prompt(shell, line, shell_line);
}

/* SIGINT: ends what runs, or clears the line. */
static void shell_interrupt(gpointer data)
{
    Shell *shell = data;

    if (shell->asking != NULL) {
        CommandRun *run = g_steal_pointer(&shell->asking);

        shell_stop_editing(shell);
        fputc('\n', stdout);
        g_clear_pointer(&shell->typed_name, g_free);
        shell->answer(run, FALSE);
    } else if (shell->running != NULL) {
        command_cancel(shell->running);
    } else {
        /* Leaves a search or a half typed key sequence, too. */
        shell_stop_editing(shell);
        rl_callback_sigcleanup();
        fputc('\n', stdout);
        shell_edit(shell);
    }
}

/* SIGTSTP: stops with the terminal as it was found. */
static void shell_suspend(gpointer data)
{
    Shell *shell = data;

    if (shell->editing)
        rl_deprep_terminal();
    terminal_stop();
    if (!shell->editing)
        return;
    rl_prep_terminal(1);
    rl_reset_screen_size();
    rl_on_new_line();
    rl_redisplay();
}

/* SIGWINCH; while a stream has the terminal, it looks after sizes itself. */
static void shell_resized(int signal, gpointer data)
{
    Shell *shell = data;

    if (shell->editing)
        rl_resize_terminal();
}

static gboolean shell_end_idle(gpointer data)
{
    Shell *shell = data;
    CommandRun *owner = shell->owner;
    int status = shell->status;

    output_free(shell->out);
    app_source_remove(&shell->size);
    g_free(shell->typed_name);
    g_free(shell);
    the_shell = NULL;
    run_finish(owner, status);
    return G_SOURCE_REMOVE;
}

/* Ends later: readline and the command that was the last are still on the stack. */
static void shell_end(Shell *shell)
{
    GSource *idle;

    shell_stop_editing(shell);
    shell->app->interrupt = shell->interrupt;
    shell->app->interrupt_data = shell->interrupt_data;
    shell->app->suspend = NULL;
    model_stop(shell->app->model);
    idle = app_add_idle(shell->app, shell_end_idle, shell);
    g_source_unref(idle);
}

static void shell_batch_done(int status, gpointer data)
{
    CommandRun *run = data;

    run->data_free = NULL;
    run_finish(run, status);
}

/* The run of `shell` was cancelled. */
static void shell_batch_free(gpointer data)
{
    batch_cancel(data);
}

void shell_start(CommandRun *run)
{
    static const int sizes[] = {SIGWINCH, 0};
    Shell *shell;

    run_hold(run);
    if (!isatty(STDIN_FILENO)) {
        run->data = batch_start(run->app, run->out, run->face, shell_batch_done, run);
        run->data_free = shell_batch_free;
        return;
    }
    shell = the_shell = g_new0(Shell, 1);
    shell->owner = run;
    shell->app = run->app;
    shell->out = output_new_stdio();
    shell->face = (FaceOps){
        .face = FACE_SHELL, .confirm = shell_confirm, .has_terminal = TRUE, .face_data = shell};
    shell->interrupt = run->app->interrupt;
    shell->interrupt_data = run->app->interrupt_data;
    shell->size = app_add_signals(run->app, sizes, shell_resized, shell);
    run->app->interrupt = shell_interrupt;
    run->app->suspend = shell_suspend;
    run->app->interrupt_data = shell;
    model_start(run->app->model); /* completion reads a live model */
    output_line(run->out, OUTPUT_NOTE, "gemel %s; `help` lists the commands, ^D leaves",
                GEMEL_VERSION);
    shell_edit(shell);
}

/* ---- batch ---------------------------------------------------------------------------------- */

struct Batch {
    App *app;
    Output *out;
    const FaceOps *face;
    GString *text;
    gboolean eof;
    int status; /* of the last command */
    GSource *input;
    CommandRun *running;
    void (*done)(int status, gpointer data);
    gpointer data;
    GSource *next; /* the next line, in a turn of the loop of its own */
};

static void batch_go_on(Batch *batch);

static void batch_free(Batch *batch)
{
    app_source_remove(&batch->input);
    app_source_remove(&batch->next);
    g_string_free(batch->text, TRUE);
    g_free(batch);
}

static void batch_end(Batch *batch, int status)
{
    void (*done)(int, gpointer) = batch->done;
    gpointer data = batch->data;

    batch_free(batch);
    done(status, data);
}

void batch_cancel(Batch *batch)
{
    if (batch->running != NULL)
        command_cancel(batch->running);
    batch_free(batch);
}

static gboolean batch_later(gpointer data)
{
    Batch *batch = data;

    app_source_remove(&batch->next);
    batch_go_on(batch);
    return G_SOURCE_REMOVE;
}

static void batch_command_done(CommandRun *run, int status, gpointer data)
{
    Batch *batch = data;

    batch->running = NULL;
    batch->status = status;
    batch->next = app_add_idle(batch->app, batch_later, batch); /* no recursion per line */
}

static gboolean batch_input(int fd, GIOCondition condition, gpointer data)
{
    Batch *batch = data;
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (n > 0)
        g_string_append_len(batch->text, bytes, n);
    batch->eof = n <= 0;
    if (batch->eof || memchr(bytes, '\n', (size_t)n) != NULL || batch->text->len > LINE_MAX_BYTES) {
        app_source_remove(&batch->input);
        batch_go_on(batch);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* Runs the next whole line, or reads on. */
static void batch_go_on(Batch *batch)
{
    const char *newline = memchr(batch->text->str, '\n', batch->text->len);
    g_autofree char *line = NULL;

    if (batch->status != 0 || batch->app->quit || (batch->eof && batch->text->len == 0)) {
        batch_end(batch, batch->status);
        return;
    }
    if (newline == NULL && !batch->eof) {
        if (batch->text->len > LINE_MAX_BYTES) {
            output_line(batch->out, OUTPUT_ERROR, "a line is longer than %d bytes", LINE_MAX_BYTES);
            batch_end(batch, 2);
            return;
        }
        batch->input = app_add_fd(batch->app, STDIN_FILENO, G_IO_IN | G_IO_HUP, batch_input, batch);
        return;
    }
    gsize length = newline != NULL ? (gsize)(newline - batch->text->str) : batch->text->len;

    if (memchr(batch->text->str, '\0', length) != NULL) {
        output_line(batch->out, OUTPUT_ERROR, "a line has a NUL byte in it: this is no text");
        batch_end(batch, 2);
        return;
    }
    line = g_strndup(batch->text->str, length);
    g_string_erase(batch->text, 0, (gssize)(length + (newline != NULL)));
    batch->running =
        command_line_run(batch->app, batch->face, batch->out, line, batch_command_done, batch);
}

Batch *batch_start(App *app, Output *out, const FaceOps *face,
                   void (*done)(int status, gpointer data), gpointer data)
{
    Batch *batch = g_new0(Batch, 1);

    batch->app = app;
    batch->out = out;
    batch->face = face;
    batch->text = g_string_new(NULL);
    batch->done = done;
    batch->data = data;
    batch->next = app_add_idle(app, batch_later, batch); /* done is never called from in here */
    return batch;
}
