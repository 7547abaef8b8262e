/* SPDX-License-Identifier: GPL-3.0-or-later */
/* face.c - what running commands get from the TUI: somewhere to print, somebody to ask, the
   terminal for a while. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "console/tui/tui_private.h"
#include "widgets/screen.h"

#define OUTPUT_LINES_MAX 20000
/* A question that comes by itself takes no keys at first: they were meant for something else. */
#define DEAF_USEC 400000

/* One command line under way. */
typedef struct {
    Tui *tui;
    CommandRun *run; /* NULL while it has not returned, and once it is over */
    Output *out;
    GString *lines;
    guint n_lines, n_data, n_errors;
    char *title;
    char *target; /* key of the instance that was selected */
    gboolean over;
    GSource *bury;
} Line;

typedef struct {
    CommandRun *run;
    char *question, *typed_name;
    void (*answer)(CommandRun *run, gboolean yes);
} Question;

/* ---- messages ------------------------------------------------------------------------------- */

static void set_message(Tui *tui, OutputClass class, const char *text)
{
    g_free(tui->message);
    tui->message = g_strdup(text);
    tui->message_class = class;
    tui->message_usec = g_get_monotonic_time();
    tui_changed(tui);
}

void face_say(Tui *tui, OutputClass class, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    set_message(tui, class, text);
}

/* Output's sink: one whole line. */
static void take_line(OutputClass class, const char *text, gpointer data)
{
    Line *line = data;

    line->n_data += class == OUTPUT_DATA;
    line->n_errors += class == OUTPUT_ERROR;
    if (line->n_lines++ < OUTPUT_LINES_MAX)
        g_string_append_printf(line->lines, "%s\n", text);
    if (line->tui->taken) {
        /* said before or after a stream, on the bare terminal */
        g_autofree char *bare = g_strconcat(text, "\r\n", NULL);

        if (write(STDOUT_FILENO, bare, strlen(bare)) < 0)
            g_debug("terminal: %s", g_strerror(errno));
        return;
    }
    /* data of many lines goes to a page of its own when the command is over */
    if (class != OUTPUT_DATA || line->n_data == 1)
        set_message(line->tui, class, text);
}

/* ---- running lines -------------------------------------------------------------------------- */

static void line_free(gpointer data)
{
    Line *line = data;

    app_source_remove(&line->bury);
    output_free(line->out);
    g_string_free(line->lines, TRUE);
    g_free(line->title);
    g_free(line->target);
    g_free(line);
}

/* The dispatcher is out of the command now: nothing prints to it any more. */
static gboolean bury(gpointer data)
{
    Line *line = data;

    g_ptr_array_remove(line->tui->runs, line);
    return G_SOURCE_REMOVE;
}

static void line_done(CommandRun *run, int status, gpointer data)
{
    Line *line = data;
    Tui *tui = line->tui;

    line->run = NULL;
    line->over = TRUE;
    output_flush(line->out);
    if (line->n_data > 1 || line->n_lines > 3)
        tui_push(tui, output_new(tui, line->title, line->lines->str));
    else if (line->n_lines == 0 && status != 0 && status != 130)
        face_say(tui, OUTPUT_ERROR, "%s: status %d", line->title, status);
    if (line->target != NULL)
        fetch_forget(tui->fetch, line->target);
    line->bury = app_add_idle(tui->app, bury, line);
    tui_changed(tui);
}

void face_run_line(Tui *tui, const char *text)
{
    Page *page = tui_page(tui);
    Line *line = g_new0(Line, 1);

    line->tui = tui;
    line->lines = g_string_new(NULL);
    line->title = g_strdup(text);
    line->out = output_new_lines(take_line, line);
    line->target = g_strdup(page->ops->target != NULL ? page->ops->target(page) : NULL);
    g_ptr_array_add(tui->runs, line);
    CommandRun *run = command_line_run(tui->app, &tui->face, line->out, text, line_done, line);

    if (!line->over)
        line->run = run;
}

static void ask_to_quit(Tui *tui, gboolean yes)
{
    if (yes)
        tui_quit(tui, 0);
}

void face_cancel(Tui *tui)
{
    for (guint i = tui->runs->len; i-- > 0;) {
        Line *line = tui->runs->pdata[i];

        if (line->run == NULL)
            continue;
        face_say(tui, OUTPUT_NOTE, "%s: cancelled; what has begun may still end.", line->title);
        command_cancel(line->run);
        return;
    }
    face_ask(tui, "quit", "quit", "Guests and containers run on.", ask_to_quit);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void question_free(gpointer data)
{
    Question *question = data;

    g_free(question->question);
    g_free(question->typed_name);
    g_free(question);
}

/* The instance a run is about, when its first word names one. */
static ModelInstance *run_target(Tui *tui, const CommandRun *run)
{
    if (run->n_words == 0)
        return NULL;
    return model_find(tui->app->model, run->words[0], NULL);
}

/* Says what the instance is right now, so that nobody confirms for another than he means. */
static void add_facts(Dialog *dialog, const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    g_autofree char *facts =
        g_strdup_printf("%s  %s  %s%s%s  %s  %.12s", info->name,
                        info->kind == GEMEL_KIND_VM ? "guest" : "container",
                        gemel_state_name(info->state), info->is_protected ? ", protected" : "",
                        info->autostart ? ", autostart" : "", instance->backend->name, info->id);

    dialog_add_line(dialog, ROLE_STRONG, facts);
    dialog_add_line(dialog, ROLE_TEXT, " ");
}

static void open_question(Tui *tui, Question *question)
{
    const ModelInstance *instance = run_target(tui, question->run);
    const char *name = question->run->command->name;
    g_autofree char *title =
        instance != NULL ? g_strdup_printf("%s: %s", name, instance->info->name) : g_strdup(name);

    g_free(tui->dialog_key);
    tui->dialog_key = instance != NULL ? instance_key_of(instance) : NULL;
    tui->dialog = dialog_new(title, name, question->typed_name);
    if (instance != NULL)
        add_facts(tui->dialog, instance);
    dialog_add_line(tui->dialog, ROLE_TEXT, question->question);
    tui->dialog_run = question->run;
    tui->dialog_answer = question->answer;
    tui->dialog_done = NULL;
    tui->dialog_deaf_until_usec = tui->in_key ? 0 : g_get_monotonic_time() + DEAF_USEC;
    g_clear_pointer(&tui->menu, menu_free);
    tui_changed(tui);
}

/* FaceOps.confirm. */
static void confirm(CommandRun *run, const char *text, const char *typed_name,
                    void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Tui *tui = data;
    Question *question = g_new0(Question, 1);

    *question = (Question){run, g_strdup(text), g_strdup(typed_name), answer};
    if (tui->dialog != NULL) {
        g_queue_push_tail(&tui->waiting_dialogs, question);
        return;
    }
    open_question(tui, question);
    question_free(question);
}

void face_ask(Tui *tui, const char *title, const char *verb, const char *text,
              void (*done)(Tui *tui, gboolean yes))
{
    if (tui->dialog != NULL)
        return;
    tui->dialog = dialog_new(title, verb, NULL);
    dialog_add_line(tui->dialog, ROLE_TEXT, text);
    tui->dialog_run = NULL;
    tui->dialog_done = done;
    tui->dialog_deaf_until_usec = 0;
    g_clear_pointer(&tui->dialog_key, g_free);
    tui_changed(tui);
}

/* Closes the dialog, answers, opens the next. */
static void answer_dialog(Tui *tui, gboolean yes)
{
    CommandRun *run = tui->dialog_run;

    g_clear_pointer(&tui->dialog, dialog_free);
    tui->dialog_run = NULL;
    if (yes && tui->dialog_key != NULL && tui_instance(tui, tui->dialog_key) == NULL) {
        face_say(tui, OUTPUT_ERROR, "It has gone meanwhile; nothing was done.");
        yes = FALSE;
    }
    if (run != NULL)
        tui->dialog_answer(run, yes);
    else if (tui->dialog_done != NULL)
        tui->dialog_done(tui, yes);
    Question *next = tui->dialog == NULL ? g_queue_pop_head(&tui->waiting_dialogs) : NULL;

    if (next != NULL) {
        open_question(tui, next);
        question_free(next);
    }
    tui_changed(tui);
}

void face_dialog_key(Tui *tui, int key)
{
    if (g_get_monotonic_time() < tui->dialog_deaf_until_usec && key != KEYS_ESC)
        return;
    DialogResult result = dialog_handle_key(tui->dialog, key);

    if (result != DIALOG_OPEN)
        answer_dialog(tui, result == DIALOG_YES);
    tui_changed(tui);
}

/* ---- the terminal --------------------------------------------------------------------------- */

static void terminal_leave(gpointer data)
{
    tui_terminal_leave(data);
}

static void terminal_enter(gpointer data)
{
    tui_terminal_enter(data);
}

void face_init(Tui *tui)
{
    tui->face = (FaceOps){
        .face = FACE_TUI,
        .confirm = confirm,
        .terminal_leave = terminal_leave,
        .terminal_enter = terminal_enter,
        .has_terminal = TRUE,
        .view = tui_view,
        .face_data = tui,
    };
    tui->runs = g_ptr_array_new_with_free_func(line_free);
    g_queue_init(&tui->waiting_dialogs);
}

/* Open questions are answered with no, what still runs is let go. */
void face_free(Tui *tui)
{
    while (tui->dialog != NULL)
        answer_dialog(tui, FALSE);
    for (guint i = tui->runs->len; i-- > 0;) {
        Line *line = tui->runs->pdata[i];

        if (line->run != NULL)
            command_cancel(line->run);
    }
    g_ptr_array_unref(tui->runs);
    g_queue_clear_full(&tui->waiting_dialogs, question_free);
    g_free(tui->dialog_key);
    g_free(tui->message);
}
