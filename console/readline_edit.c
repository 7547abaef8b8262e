/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/readline_edit.h"
#include "console/readline_input.h"
#include "console/recall.h"
#include "widgets/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#define LINE_LONGEST     (2 * PASTE_MAX_BYTES)
#define SEARCH_LONGEST   300 /* bytes, with the words before them */
#define SEQUENCE_LONGEST 16  /* keys of one, as keymaps may be bound */
#define COMPLETE_MS      300 /* a shell completer may wait this long for what it asked */

static struct {
    App *app;
    Face face;
    gboolean initialised;
    GPtrArray *matches;          /* of Completion*, after a TAB with several */
    HISTORY_STATE *histories[2]; /* one per PromptHistory; NULL = empty */
    PromptHistory history;
} line_editor;

static void history_load(void)
{
    GPtrArray *lines = recall_lines();

    for (guint i = 0; i < lines->len; i++)
        add_history(lines->pdata[i]);
    stifle_history(RECALL_KEPT);
}

void edit_history_add(const char *line, gboolean save)
{
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;

    if (*line == '\0' || *line == ' ' || (last != NULL && g_str_equal(last->line, line)))
        return;
    add_history(line);
    if (save)
        recall_add(line_editor.app, line);
}

guint edit_cursor(void)
{
    return (guint)MIN((gsize)MAX(rl_point, 0), strlen(rl_line_buffer));
}

/* A key of a search that readline need not see: it takes time by the square of what is searched. */
static gboolean is_too_long_a_search(int key)
{
    return key >= ' ' && key != 0x7f && strlen(rl_display_prompt) > SEARCH_LONGEST;
}

/* Keys of a search; another ends it. */
static gboolean is_of_search(int key)
{
    return key >= ' ' ||
           (key > 0 && strchr("\a\b\n\022\027\031", key) != NULL); /* ^G ^H ^J ^R ^W ^Y */
}

void edit_read_key(void)
{
    int key = edit_input_peek();

    if (RL_ISSTATE(RL_STATE_ISEARCH)) {
        if (is_too_long_a_search(key)) {
            edit_input_getc(NULL);
            return;
        }
        /* by itself: a key that ends a search in readline 8.2 is run with a cursor that may be
           behind the line's end, and jumps into a frame that has returned if it begins a sequence
           that is bound to nothing */
        if (!is_of_search(key))
            edit_input_end_search();
    }
    rl_callback_read_char();
    if (!RL_ISSTATE(RL_STATE_CALLBACK))
        return;
    if (rl_end > LINE_LONGEST) /* a yank can double it each time */
        rl_delete_text(LINE_LONGEST, rl_end);
    rl_point = CLAMP(rl_point, 0, rl_end);
    rl_mark = CLAMP(rl_mark, 0, rl_end);
}

void edit_abandon(void)
{
    /* The search first: its end moves to the history's entry that was found, whose undo list would
       be left for two to free. */
    rl_callback_sigcleanup();
    rl_free_line_state();
    rl_callback_handler_remove();
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
                                     edit_cursor(), ret_start, &pending);
    gint64 until = g_get_monotonic_time() + COMPLETE_MS * 1000;

    while (pending && line_editor.face == FACE_SHELL && found->len == 0 &&
           g_get_monotonic_time() < until) {
        app_iterate(line_editor.app, FALSE);
        g_usleep(5000);
        g_ptr_array_unref(found);
        found = complete_line(line_editor.app, line_editor.face, rl_line_buffer, edit_cursor(),
                              ret_start, NULL);
    }
    return found;
}

/* With their hints; of too many for the terminal the first. */
static void print_matches(GPtrArray *found)
{
    int width = 0, rows = 24, columns = 80;
    guint most;

    rl_get_screen_size(&rows, &columns);
    most = rows > 6 ? (guint)rows - 3 : 3;
    most = found->len > most ? most - 1 : found->len;

    for (guint i = 0; i < most; i++)
        width = MAX(width, text_width(((Completion *)found->pdata[i])->text));
    fputc('\n', stdout);
    for (guint i = 0; i < most; i++) {
        const Completion *completion = found->pdata[i];
        g_autoptr(GString) row = g_string_new("  ");
        g_autofree char *text = text_sanitise(completion->text, -1, TEXT_NAME);

        text_append_fit(row, text, width + 2, TEXT_LEFT);
        if (completion->hint != NULL)
            text_append_sanitised(row, completion->hint, -1, TEXT_NAME);
        if (text_width(row->str) < columns) {
            puts(row->str);
        } else {
            g_autoptr(GString) cut = g_string_new(NULL);

            text_append_fit(cut, row->str, columns - 1, TEXT_LEFT);
            puts(cut->str);
        }
    }
    if (most < found->len)
        printf("  ... and %u more: type on\n", found->len - most);
    fflush(stdout);
}

GPtrArray *edit_matches(void)
{
    return line_editor.matches;
}

void edit_forget_matches(void)
{
    g_clear_pointer(&line_editor.matches, g_ptr_array_unref);
}

int edit_tab(int count, int key)
{
    guint start = 0;
    GPtrArray *found = find_matches(&start);

    edit_forget_matches();
    if (found->len == 1) {
        const Completion *only = found->pdata[0];
        const char *text = only->text;
        gboolean dir = g_strcmp0(only->hint, "directory") == 0;
        gboolean open = g_str_has_suffix(text, "=") || g_str_has_suffix(text, "/");
        g_autofree char *word = g_strconcat(text, dir ? "/" : open ? "" : " ", NULL);

        replace_word(start, word);
    } else if (found->len > 1) {
        g_autofree char *prefix = common_prefix(found);

        if (strlen(prefix) > edit_cursor() - start)
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

/* What a key does that is bound to nothing. It is a success: -1 would be "no such sequence". */
static int no_function(int count, int key)
{
    rl_ding();
    return 0;
}

/* rl_yank_pop jumps when nothing was yanked. */
static int yank_pop(int count, int key)
{
    if (rl_last_func != rl_yank && rl_last_func != yank_pop)
        return no_function(count, key);
    rl_last_func = rl_yank;
    return rl_yank_pop(count, key);
}

/* What readline 8.2 does wrongly behind its callback interface, and what is done instead. */
static const struct {
    rl_command_func_t *function, *instead;
} unsafe[] = {
    {rl_digit_argument, no_function},         /* ESC 3 ^G jumps as a sequence does, below */
    {rl_universal_argument, no_function},     /* likewise */
    {rl_forward_search_history, no_function}, /* ^S, failed, then ^R reads past a line's end */
    {rl_re_read_init_file, no_function},      /* would bind all of this again */
    {rl_start_kbd_macro, no_function},        /* a search in one goes on for ever */
    {rl_end_kbd_macro, no_function},
    {rl_call_last_kbd_macro, no_function},
    {rl_vi_search, no_function},       /* frees the undo list of a line twice */
    {rl_vi_editing_mode, no_function}, /* ESC Enter, typed in haste; an inputrc can say it */
    {rl_yank_pop, yank_pop},
};

static rl_command_func_t *safe_function(rl_command_func_t *function)
{
    for (guint i = 0; i < G_N_ELEMENTS(unsafe); i++)
        if (function == unsafe[i].function)
            return unsafe[i].instead;
    return function;
}

/* Takes what is unsafe out of a keymap and those below it, and binds all that may follow a prefix:
   a sequence that is bound to nothing, or to the abort, is given up by a jump, and when other keys
   had been put back before (a search that ended, a quoted key) into a frame that has returned. */
static void make_keymap_safe(Keymap map, guint depth)
{
    for (int key = 0; key < KEYMAP_SIZE; key++) {
        rl_command_func_t *function = map[key].function;

        if (map[key].type == ISKMAP && function != NULL && depth < SEQUENCE_LONGEST)
            make_keymap_safe((Keymap)(guintptr)function, depth + 1);
        else if (map[key].type == ISFUNC && function == NULL && depth > 0 && key < ANYOTHERKEY &&
                 map[ANYOTHERKEY].function == NULL)
            map[key].function = no_function;
        else if (map[key].type == ISFUNC)
            map[key].function =
                function == rl_abort && depth > 0 ? no_function : safe_function(function);
    }
}

void edit_initialise(App *app, Face face)
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
    rl_bind_key('\t', edit_tab);
    rl_variable_bind("enable-bracketed-paste", "on");
    rl_variable_bind("isearch-terminators", "\033\012"); /* edit_input_end_search() */
    make_keymap_safe(emacs_standard_keymap, 0);
    make_keymap_safe(vi_insertion_keymap, 0);
    make_keymap_safe(vi_movement_keymap, 0);
    using_history();
    history_load();
}

void edit_history_switch(PromptHistory to)
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

PromptHistory edit_history_current(void)
{
    return line_editor.history;
}
