/* SPDX-License-Identifier: GPL-3.0-or-later */
/* face.c - what running commands get from the TUI: somewhere to print, somebody to ask, the
   terminal for a while. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "console/recall.h"
#include "console/tui/console_page.h"
#include "console/tui/consoles.h"
#include "widgets/screen.h"

#define OUTPUT_LINES_MAX 20000
#define TITLE_MAX        60

/* One command line under way. */
typedef struct {
    Tui *tui;
    CommandRun *run; /* NULL while it has not returned, and once it is over */
    Output *out;
    GString *lines;
    guint n_lines, n_data, n_errors;
    char *text;   /* as it was given */
    char *title;  /* to be read: with names in place of keys */
    char *target; /* key of the instance that was selected */
    gboolean over;
    GSource *bury;
    guint number;      /* of the session */
    gboolean of_marks; /* what it acts on was marked */
    Page *page;        /* that it shows its text on (watch), or NULL */
    gboolean page_gone;
} Line;

/* ---- messages ------------------------------------------------------------------------------- */

static void set_message(Tui *tui, OutputClass class, const char *text)
{
    g_free(tui->message);
    tui->message = g_strdup(text);
    tui->message_class = class;
    tui->message_met = tui->message_seen = tui->message_brief = FALSE;
    tui->message_of = NULL;
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

void face_say_briefly(Tui *tui, const char *text)
{
    set_message(tui, OUTPUT_NOTE, text);
    tui->message_brief = TRUE;
}

/* Seconds a message stands to be seen, at least, and at most. */
enum { SEEN_S = 1, NOTE_S = 2, ERROR_S = 4, NOTE_MAX_S = 6 };

static gboolean message_is_older(const Tui *tui, int seconds)
{
    return tui->message != NULL &&
           g_get_monotonic_time() - tui->message_usec >= (gint64)seconds * G_USEC_PER_SEC;
}

/* A key was pressed: what could be read is read, and somebody is there who did. */
void face_age_message(Tui *tui)
{
    tui->message_met = TRUE;
    tui->message_seen = tui->message_seen || message_is_older(tui, SEEN_S);
    if (tui->message_brief ||
        message_is_older(tui, tui->message_class == OUTPUT_ERROR ? ERROR_S : NOTE_S))
        g_clear_pointer(&tui->message, g_free);
}

/* Whether the command that said it goes on. */
static gboolean message_is_of_a_run(const Tui *tui)
{
    for (guint i = 0; tui->message_of != NULL && i < tui->runs->len; i++)
        if (tui->runs->pdata[i] == tui->message_of)
            return !((const Line *)tui->message_of)->over;
    return FALSE;
}

/* Another view is open: what was said in the one before is not about it. */
void face_leave_message(Tui *tui)
{
    gboolean was_read = tui->message_class == OUTPUT_ERROR ? tui->message_seen : tui->message_met;

    if (was_read && !message_is_of_a_run(tui))
        g_clear_pointer(&tui->message, g_free);
}

/* Time passed: what was said may no longer be true. Errors wait for a key. */
void face_expire_message(Tui *tui)
{
    gboolean waits = tui->message_class == OUTPUT_ERROR && !tui->message_met;

    if (!tui->taken && tui->input == INPUT_NONE && !waits && message_is_older(tui, NOTE_MAX_S))
        g_clear_pointer(&tui->message, g_free);
}

/* Output's sink: one whole line. */
static void take_line(OutputClass class, const char *text, gpointer data)
{
    Line *line = data;

    line->n_data += class == OUTPUT_DATA;
    line->n_errors += class == OUTPUT_ERROR;
    if (line->n_lines++ < OUTPUT_LINES_MAX)
        g_string_append_printf(line->lines, "%s\n", text);
    if (line->tui->taken && line->tui->linger_source == NULL) {
        /* said before a stream, on the bare terminal; notes are in the heading */
        if (class == OUTPUT_NOTE)
            return;
        g_autofree char *bare = g_strconcat(text, "\r\n", NULL);

        if (write(STDOUT_FILENO, bare, strlen(bare)) < 0)
            g_debug("terminal: %s", g_strerror(errno));
        return;
    }
    /* data waits for the end: many lines of it get a page */
    if (class == OUTPUT_DATA)
        return;
    set_message(line->tui, class, text);
    line->tui->message_of = line;
}

/* "stop lab-vm" for "stop libvirt/8f1d…"; of many words only the first are told. */
static char *readable(Tui *tui, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; words[i] != NULL && out->len < TITLE_MAX; i++) {
        const ModelInstance *instance = tui_instance(tui, words[i]);

        g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
                               instance != NULL ? instance->info->name : words[i]);
        if (out->len >= TITLE_MAX && words[i + 1] != NULL)
            g_string_append(out, " ...");
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- running lines -------------------------------------------------------------------------- */

static void line_free(gpointer data)
{
    Line *line = data;

    app_source_remove(&line->bury);
    if (line->page != NULL && !line->page_gone)
        output_watch(line->page, NULL);
    output_free(line->out);
    g_string_free(line->lines, TRUE);
    g_free(line->text);
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

/* Whether the header of the console that is looked at says it: `run --rm` ends after its console,
   when the container is deleted. */
static gboolean header_says(Tui *tui, int status)
{
    const ConsolePage *page = (const ConsolePage *)console_page_top(tui);
    const Console *console = page != NULL ? page->console : NULL;

    return console != NULL && console->state == CONSOLE_ENDED && console->error == NULL &&
           !console->statusless && console->status == status;
}

/* How a line ended that said nothing itself. */
static void say_status(Tui *tui, const Line *line, int status)
{
    LendKind kind;
    g_autofree char *what = lend_what(tui, line->text, &kind);

    if (status == 130 || header_says(tui, status))
        return;
    if (what != NULL && status == 0)
        face_say(tui, OUTPUT_NOTE, "%s ended", what);
    else if (status != 0)
        face_say(tui, OUTPUT_ERROR, what != NULL ? "%s ended with status %d" : "%s: status %d",
                 what != NULL ? what : line->title, status);
}

/* "web: cloned to web2; its snapshots stay" of two lines about the same one; NULL if they are not.
 */
static char *joined(const char *lines)
{
    g_auto(GStrv) each = g_strsplit(lines, "\n", -1);
    const char *colon = strstr(each[0], ": ");
    g_autoptr(GString) out = g_string_new(each[0]);

    for (guint i = 1; each[i] != NULL && *each[i] != '\0'; i++) {
        gsize subject = colon != NULL ? (gsize)(colon - each[0]) + 2 : 0;

        if (subject == 0 || strncmp(each[i], each[0], subject) != 0)
            return NULL;
        g_string_append_printf(out, "; %s", each[i] + subject);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void line_done(CommandRun *run, int status, gpointer data)
{
    Line *line = data;
    Tui *tui = line->tui;
    g_autofree char *both = line->n_data == 0 && line->n_errors == 0 && line->n_lines > 1
                                ? joined(line->lines->str)
                                : NULL;

    line->run = NULL;
    line->over = TRUE;
    if (tui->opening == line)
        face_release_keys(tui);
    recall_session_end(line->number, status);
    output_flush(line->out);
    if (line->n_data > 1 || line->n_lines > 3 || (line->n_data == 1 && line->n_lines > 1)) {
        tui_push(tui, output_new(tui, line->title, line->lines->str));
        g_clear_pointer(&tui->message, g_free); /* the page has it */
    } else if (line->n_data == 1) {
        set_message(tui, OUTPUT_DATA, g_strchomp(line->lines->str));
    } else if (both != NULL && line->n_lines <= 3) {
        set_message(tui, OUTPUT_NOTE, both);
    } else if (line->n_lines == 0) {
        say_status(tui, line, status);
    }
    if (line->target != NULL)
        fetch_forget(tui->fetch, line->target);
    line->bury = app_add_idle(tui->app, bury, line);
    tui_changed(tui);
}

/* The line as it can be typed later: with the names that people use in place of keys. */
static char *typed(Tui *tui, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (guint i = 0; words[i] != NULL; i++) {
        const ModelInstance *instance = tui_instance(tui, words[i]);

        if (instance == NULL)
            continue;
        g_free(words[i]);
        words[i] = instance_word(instance);
    }
    return g_strjoinv(" ", words);
}

/* FaceOps.acted: of marks that were acted on those stay on which it failed, as in file managers. */
static void unmark(CommandRun *run, const char *key, gpointer data)
{
    Tui *tui = data;
    Page *list = tui->pages->pdata[0];

    for (guint i = tui->runs->len; i-- > 0;) {
        const Line *line = tui->runs->pdata[i];

        if (!line->over && line->out == run->out && line->of_marks)
            table_mark_key(list->ops->table(list), key, FALSE);
    }
}

/* FaceOps.page: the first call opens the page. */
static gboolean show_page(CommandRun *run, const char *title, const char *text, gpointer data)
{
    Tui *tui = data;

    for (guint i = tui->runs->len; i-- > 0;) {
        Line *line = tui->runs->pdata[i];

        if (line->over || line->out != run->out)
            continue;
        if (line->page_gone)
            return FALSE;
        if (line->page == NULL) {
            line->page = output_new(tui, title, text);
            output_watch(line->page, &line->page_gone);
            tui_push(tui, line->page);
        } else {
            output_replace(line->page, title, text);
        }
        tui_changed(tui);
        return TRUE;
    }
    return FALSE;
}

void face_echo(Tui *tui, const char *key, const char *line)
{
    if (!options_get_number(tui->app->options, "echo"))
        return;
    g_autofree char *readable_line = readable(tui, line);

    g_free(tui->echo);
    tui->echo = key != NULL ? g_strdup_printf("%s = %s", key, readable_line)
                            : g_strdup(readable_line); /* of a menu */
}

/* ---- keys behind one that opens a stream ---------------------------------------------------- */

/* A command may begin a moment later, when it is written to the audit log. What is typed meanwhile
   is for the stream, so nothing is read, for as long as nobody would call it stuck. */
#define HOLD_MS 300

void face_release_keys(Tui *tui)
{
    tui->opening = NULL;
    app_source_remove(&tui->hold_source);
    tui_listen_to_keys(tui, TRUE);
}

static gboolean hold_over(gpointer data)
{
    face_release_keys(data);
    return G_SOURCE_REMOVE;
}

static void hold_keys(Tui *tui, gpointer line)
{
    tui->opening = line;
    tui_listen_to_keys(tui, FALSE);
    if (tui->hold_source == NULL)
        tui->hold_source = app_add_timer(tui->app, HOLD_MS, hold_over, tui);
}

void face_run_line(Tui *tui, const char *text)
{
    if (!questions_before(tui, text))
        face_run_asked(tui, text);
}

void face_run_asked(Tui *tui, const char *text)
{
    Page *page = tui_page(tui);
    Line *line = g_new0(Line, 1);
    LendKind kind;
    g_autofree char *what = lend_what(tui, text, &kind);

    line->tui = tui;
    line->lines = g_string_new(NULL);
    line->text = g_strdup(text);
    line->title = readable(tui, text);
    line->of_marks =
        strstr(text, " " MARKS_OPTIONS " ") != NULL || g_strcmp0(text, tui->marks_line) == 0;
    line->out = output_new_lines(take_line, line);
    line->target = g_strdup(page->ops->target != NULL ? page->ops->target(page) : NULL);
    g_autofree char *as_typed = typed(tui, text);

    line->number = recall_session_begin(as_typed);
    g_ptr_array_add(tui->runs, line);
    if (what != NULL)
        hold_keys(tui, line);
    CommandRun *run = command_line_run(tui->app, &tui->face, line->out, text, line_done, line);

    if (!line->over)
        line->run = run;
}

const char *face_line_under_way(Tui *tui, guint i)
{
    for (guint at = tui->runs->len; at-- > 0;) {
        const Line *line = tui->runs->pdata[at];

        if (!line->over && i-- == 0)
            return line->text;
    }
    return NULL;
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
        command_interrupt(line->run);
        return;
    }
    face_ask(tui, "Quit gemel?", "quit", "Guests and containers run on.", ask_to_quit);
}

/* ---- the terminal --------------------------------------------------------------------------- */

void face_init(Tui *tui)
{
    tui->face = (FaceOps){
        .face = FACE_TUI,
        .confirm = questions_confirm,
        .confirm_plan = questions_plan,
        .terminal_leave = lend_terminal,
        .terminal_enter = lend_take_back,
        .terminal_unread = lend_unread,
        .open_stream = consoles_open,
        .has_terminal = TRUE,
        .page = show_page,
        .acted = unmark,
        .view = tui_view,
        .face_data = tui,
    };
    tui->runs = g_ptr_array_new_with_free_func(line_free);
}

/* Open questions are answered with no, what still runs is let go. */
void face_free(Tui *tui)
{
    questions_refuse(tui);
    for (guint i = tui->runs->len; i-- > 0;) {
        Line *line = tui->runs->pdata[i];

        if (line->run != NULL)
            command_cancel(line->run);
    }
    g_ptr_array_unref(tui->runs);
    tui->message_of = NULL;
    g_clear_pointer(&tui->message, g_free);
    g_free(tui->marks_line);
    g_free(tui->echo);
}
