/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * readline_prompt.c - readline as the editor behind the TUI's `:` line (prompt.h): it is fed bytes
 * from a ring by its callback interface, so the loop goes on while a line is edited, and draws
 * nothing itself.
 */
#include "console/prompt.h"
#include "console/readline_edit.h"
#include "console/readline_input.h"

#include <stdio.h>
#include <stdlib.h>

#include <readline/history.h>
#include <readline/readline.h>

static struct {
    PromptStatus status;
    char *text;
    gboolean complete;
    guint pasted; /* lines of the last paste, 0 = none */
    FILE *nowhere;
} prompt;

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

void prompt_begin(App *app, PromptHistory history, const char *initial, gboolean complete)
{
    if (prompt.nowhere == NULL)
        prompt.nowhere = fopen("/dev/null", "r+e");
    edit_input_reset();
    prompt.pasted = 0;
    prompt.status = PROMPT_EDITING;
    g_clear_pointer(&prompt.text, g_free);
    prompt.complete = complete;
    edit_forget_matches();
    rl_instream = rl_outstream = prompt.nowhere;
    rl_getc_function = edit_input_getc;
    rl_input_available_hook = edit_input_available;
    rl_redisplay_function = draw_nothing;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    edit_initialise(app, FACE_TUI);
    edit_history_switch(history);
    rl_bind_key('\t', complete ? edit_tab : rl_insert);
    using_history();
    rl_callback_handler_install("", prompt_line);
    if (initial != NULL)
        rl_insert_text(initial);
}

static void prompt_cancel(void)
{
    prompt.status = PROMPT_CANCELLED;
    edit_abandon();
}

/* Lets readline read the keys that there are. */
static void prompt_drain(void)
{
    int next;

    while (prompt.status == PROMPT_EDITING && (next = edit_input_peek()) >= 0) {
        gboolean searching = RL_ISSTATE(RL_STATE_ISEARCH);

        if (next == 3 || (next == 7 && !searching) ||
            (next == 4 && rl_end == 0 && !searching)) { /* ^C, ^G, ^D on nothing */
            prompt_cancel();
            return;
        }
        if (next != '\t')
            edit_forget_matches();
        prompt.pasted = 0;
        edit_read_key();
    }
}

/* A paste is text: what were ends of lines there become `;`, so that nothing runs before Enter, and
   what Enter will run can be read. */
static void prompt_paste(char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *one = g_strjoinv(edit_history_current() == PROMPT_COMMAND ? "; " : " ", lines);

    edit_forget_matches();
    rl_insert_text(one);
}

PromptStatus prompt_feed(const char *bytes, gsize length)
{
    if (edit_input_pastes() && length == 1 && *bytes == 3)
        edit_input_drop_paste(); /* its end never came */
    for (gsize i = 0; i < length && prompt.status == PROMPT_EDITING; i++) {
        guint lines = 0;
        g_autofree char *paste = NULL;

        edit_input_feed((guint8)bytes[i]);
        prompt_drain();
        if (prompt.status == PROMPT_EDITING && (paste = edit_input_take_paste(&lines)) != NULL) {
            prompt_paste(paste);
            prompt.pasted = lines;
        }
    }
    return prompt.status;
}

gboolean prompt_pastes(void)
{
    return edit_input_pastes();
}

guint prompt_pasted(void)
{
    return prompt.pasted;
}

PromptStatus prompt_timeout(void)
{
    if (prompt.status != PROMPT_EDITING)
        return prompt.status;
    if (edit_input_holds_escape() && !RL_ISSTATE(RL_STATE_ISEARCH)) {
        prompt_cancel();
        return prompt.status;
    }
    edit_input_release(); /* of a search it keeps what was found */
    prompt_drain();
    return prompt.status;
}

gboolean prompt_waits(void)
{
    return edit_input_holds() && prompt.status == PROMPT_EDITING;
}

const char *prompt_label(void)
{
    return prompt.status == PROMPT_EDITING && RL_ISSTATE(RL_STATE_ISEARCH) ? rl_display_prompt
                                                                           : NULL;
}

const char *prompt_text(void)
{
    return prompt.status == PROMPT_EDITING ? rl_line_buffer : "";
}

guint prompt_cursor(void)
{
    return prompt.status == PROMPT_EDITING ? edit_cursor() : 0;
}

GPtrArray *prompt_matches(void)
{
    return edit_matches();
}

char *prompt_take_text(void)
{
    if (prompt.text != NULL)
        edit_history_add(prompt.text, edit_history_current() == PROMPT_COMMAND);
    return g_steal_pointer(&prompt.text);
}

void prompt_end(void)
{
    if (prompt.status == PROMPT_EDITING)
        edit_abandon();
    prompt.status = PROMPT_CANCELLED;
    edit_forget_matches();
}
