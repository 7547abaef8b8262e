/* SPDX-License-Identifier: GPL-3.0-or-later */
/* input.c - keys: to the dialog, the menu or the input line while one is open, else through the
   key table to the dispatcher. */
#include <string.h>

#include "config/options.h"
#include "console/prompt.h"
#include "console/recall.h"
#include "console/tui/tui_private.h"
#include "widgets/screen.h"

/* ---- filling in targets --------------------------------------------------------------------- */

static void append_word(GString *out, const char *word)
{
    g_autofree char *quoted = g_shell_quote(word);

    g_string_append(out, strpbrk(word, " \t\n'\"\\$`!*?[](){}<>|&;~#") != NULL || *word == '\0'
                             ? quoted
                             : word);
}

static const char *page_target(Tui *tui)
{
    Page *page = tui_page(tui);

    return page->ops->target != NULL ? page->ops->target(page) : NULL;
}

/* Appends what a placeholder stands for. */
static gboolean append_placeholder(Tui *tui, GString *out, const char *name, GError **error)
{
    Page *page = tui_page(tui);

    if (strcmp(name, "snapshot") == 0) {
        const char *snapshot = page->ops->snapshot != NULL ? page->ops->snapshot(page) : NULL;

        if (snapshot == NULL)
            return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "No snapshot is selected.");
        append_word(out, snapshot);
        return TRUE;
    }
    if (strcmp(name, "marks") == 0) {
        Table *marks = page->ops->table != NULL ? page->ops->table(page) : NULL;
        g_auto(GStrv) keys = marks != NULL ? table_marked(marks) : NULL;

        for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
            if (i > 0)
                g_string_append_c(out, ' ');
            append_word(out, keys[i]);
        }
        return TRUE;
    }
    const char *key = page_target(tui);

    if (key == NULL || tui_instance(tui, key) == NULL)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "Nothing is selected.");
    append_word(out, key);
    return TRUE;
}

char *input_fill(Tui *tui, const char *line, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *s = line, *close; *s != '\0'; s++) {
        if (*s != '{' || (close = strchr(s, '}')) == NULL) {
            g_string_append_c(out, *s);
            continue;
        }
        g_autofree char *name = g_strndup(s + 1, (gsize)(close - s - 1));

        if (!append_placeholder(tui, out, name, error))
            return NULL;
        s = close;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- bindings ------------------------------------------------------------------------------- */

/* `view command …`: the line is shown to be completed, so it names the instance as people do. */
static void begin_command(Tui *tui, const char *line)
{
    const char *key = page_target(tui);
    const ModelInstance *instance = key != NULL ? tui_instance(tui, key) : NULL;
    g_autofree char *word = instance != NULL ? instance_word(instance) : g_strdup("");
    const Page *page = tui_page(tui);
    const char *snapshot = page->ops->snapshot != NULL ? page->ops->snapshot((Page *)page) : NULL;
    g_auto(GStrv) parts = g_strsplit(line, "{}", -1);
    g_autofree char *named = g_strjoinv(word, parts);
    g_auto(GStrv) around = g_strsplit(named, "{snapshot}", -1);
    g_autofree char *quoted = command_quote(snapshot != NULL ? snapshot : "");
    g_autofree char *text = g_strjoinv(snapshot != NULL ? quoted : "", around);

    if (strstr(line, "{}") != NULL && instance == NULL) {
        face_say(tui, OUTPUT_ERROR, "Nothing is selected.");
        return;
    }
    input_begin(tui, INPUT_COMMAND, text);
}

/* A view verb that a key stands for: in the session it is a comment. */
static void note_view(const char *line)
{
    static const char *const moves[] = {"up",   "down", "page-", "half-",  "first",
                                        "last", "left", "right", "hint",   "enter",
                                        "back", "quit", "menu",  "command"};

    for (gsize i = 0; i < G_N_ELEMENTS(moves); i++)
        if (g_str_has_prefix(line + strlen("view "), moves[i]))
            return; /* nobody wants to read these again */
    recall_session_end(recall_session_begin(line), 0);
}

void input_run_binding(Tui *tui, const Binding *binding)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&tui->echo, g_free);

    if (g_str_has_prefix(binding->line, "view "))
        face_echo(tui, binding->key, binding->line);
    if (g_str_has_prefix(binding->line, "view command ")) {
        begin_command(tui, binding->line + strlen("view command "));
        return;
    }
    if (g_str_has_prefix(binding->line, "view ")) {
        g_auto(GStrv) words = g_strsplit(binding->line + strlen("view "), " ", -1);

        if (!tui_view(tui, (const char *const *)words, &error))
            face_say(tui, OUTPUT_ERROR, "%s", error->message);
        else
            note_view(binding->line);
        return;
    }
    g_autofree char *line = input_fill(tui, binding->line, &error);

    if (line == NULL) {
        face_say(tui, OUTPUT_NOTE, "%s", error->message);
        return;
    }
    if (strstr(binding->line, "{marks}") != NULL) {
        g_free(tui->marks_line);
        tui->marks_line = g_strdup(line);
    }
    face_echo(tui, binding->key, line);
    face_run_line(tui, line);
}

static void page_key(Tui *tui, int key)
{
    Page *page = tui_page(tui);
    const Binding *binding = keymap_find(key, page->ops->where);

    if (binding != NULL) {
        input_run_binding(tui, binding);
        return;
    }
    g_autofree char *name = keys_name(key);

    g_autofree char *text = g_strdup_printf("%s does nothing here; ? lists the keys.", name);

    if (key != KEYS_OTHER)
        face_say_briefly(tui, text);
}

/* ---- the input line ------------------------------------------------------------------------- */

void input_begin(Tui *tui, InputKind kind, const char *initial)
{
    Page *page = tui_page(tui);

    if (kind == INPUT_SEARCH && page->ops->search == NULL)
        return;
    g_clear_pointer(&tui->search_before, g_free);
    if (kind == INPUT_SEARCH && page->ops->searched != NULL)
        tui->search_before = g_strdup(page->ops->searched(page));
    tui->input = kind;
    prompt_begin(tui->app, kind == INPUT_COMMAND ? PROMPT_COMMAND : PROMPT_FILTER, initial,
                 kind == INPUT_COMMAND);
    tui_changed(tui);
}

void input_end(Tui *tui)
{
    if (tui->input == INPUT_NONE)
        return;
    app_source_remove(&tui->escape_source);
    prompt_end();
    tui->input = INPUT_NONE;
    if (!tui->message_met)
        tui->message_usec = g_get_monotonic_time(); /* the line stood where it is read */
    while (tui->held->len > 0)
        tui_push(tui, g_ptr_array_steal_index(tui->held, 0));
    tui_changed(tui);
}

/* Enter, or Esc. */
static void input_over(Tui *tui, PromptStatus status)
{
    InputKind kind = tui->input;
    Page *page = tui_page(tui);
    g_autofree char *text = status == PROMPT_ACCEPTED ? prompt_take_text() : NULL;

    input_end(tui);
    if (kind == INPUT_SEARCH)
        page->ops->search(page, text != NULL                 ? text
                                : tui->search_before != NULL ? tui->search_before
                                                             : "");
    else if (text != NULL && *g_strstrip(text) != '\0')
        face_run_line(tui, text);
}

static gboolean escape_over(gpointer data)
{
    Tui *tui = data;

    app_source_remove(&tui->escape_source);
    if (tui->input == INPUT_NONE)
        return G_SOURCE_REMOVE;
    PromptStatus status = prompt_timeout();

    if (status != PROMPT_EDITING)
        input_over(tui, status);
    tui_changed(tui);
    return G_SOURCE_REMOVE;
}

/* Hands the next byte to the line editor; one at a time, because what follows Enter is no longer
   for it (no Enter is in a paste). FALSE when nothing waits. */
static gboolean feed_input(Tui *tui)
{
    char bytes[4096], byte;
    Page *page = tui_page(tui);
    gssize n = screen_read_bytes(bytes, prompt_pastes() ? sizeof bytes : 1);

    if (n <= 0)
        return FALSE;
    byte = bytes[n - 1];
    if (n == 1 && byte == KEYS_TAB && tui->input == INPUT_SEARCH && !prompt_pastes())
        return TRUE; /* there is nothing to complete, and no filter has a tab in it */
    app_source_remove(&tui->escape_source);
    guint shown =
        tui->input == INPUT_COMMAND && prompt_matches() != NULL ? prompt_matches()->len : 0;
    PromptStatus status = prompt_feed(bytes, (gsize)n);
    gboolean again = byte == KEYS_TAB && shown > 0 && status == PROMPT_EDITING &&
                     prompt_matches() != NULL && prompt_matches()->len == shown;

    tui->matches_first = again ? tui->matches_next : 0;

    if (status != PROMPT_EDITING) {
        input_over(tui, status);
        return TRUE;
    }
    if (prompt_waits())
        tui->escape_source =
            app_add_timer(tui->app, (guint)options_get_number(tui->app->options, "escape-delay"),
                          escape_over, tui);
    /* a search is seen while it is typed */
    if (tui->input == INPUT_SEARCH)
        page->ops->search(page, prompt_text());
    return TRUE;
}

/* ---- dispatch ------------------------------------------------------------------------------- */

/* Keys that work whatever is open. */
static gboolean common_key(Tui *tui, int key)
{
    if (key == KEYS_CTRL('l'))
        tui_redraw_all(tui);
    else if (key == KEYS_CTRL('z'))
        screen_stop_and_wait(), tui_redraw_all(tui);
    else
        return FALSE;
    return TRUE;
}

static void take_event(Tui *tui, const ScreenEvent *event)
{
    Page *page = tui_page(tui);

    if (event->paste == NULL && common_key(tui, event->key))
        return;
    if (frame_is_too_small()) {
        if (event->key == KEYS_CTRL('c') || (event->key == 'q' && frame_active_jobs(tui) == 0))
            tui_quit(tui, 0);
        return;
    }
    face_age_message(tui);
    if (event->paste != NULL) {
        face_say(tui, OUTPUT_NOTE,
                 "Pasted text is no command; open the command line with : first.");
        return;
    }
    if (tui->dialog != NULL)
        face_dialog_key(tui, event->key);
    else if (tui->menu != NULL)
        menus_key(tui, event->key);
    else if (event->key == KEYS_CLICK) {
        if (page->ops->click != NULL)
            page->ops->click(page, event->y, event->x);
    } else
        page_key(tui, event->key);
    tui_changed(tui);
}

void input_take_key(Tui *tui, int key)
{
    take_event(tui, &(ScreenEvent){.key = key});
}

/* Reads everything that waits. */
gboolean input_ready(int fd, GIOCondition condition, gpointer data)
{
    Tui *tui = data;
    ScreenEvent event;

    tui->in_key = TRUE;
    while (!tui->quit && !tui->taken && tui->opening == NULL) {
        if (tui->input != INPUT_NONE && tui->dialog == NULL && !frame_is_too_small()) {
            if (!feed_input(tui))
                break;
        } else if (tui_page(tui)->ops->feed != NULL && tui->dialog == NULL && tui->menu == NULL &&
                   !frame_is_too_small()) {
            if (!tui_page(tui)->ops->feed(tui_page(tui)))
                break;
        } else if (screen_read(&event)) {
            take_event(tui, &event);
            g_free(event.paste);
        } else {
            break;
        }
    }
    tui->in_key = FALSE;
    if (screen_is_gone())
        tui_quit(tui, 129);
    tui_changed(tui);
    return G_SOURCE_CONTINUE;
}
