/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * readline_prompt.c - readline as the editor behind the TUI's `:` line (prompt.h): it is fed bytes
 * from a ring by its callback interface, so the loop goes on while a line is edited, and draws
 * nothing itself.
 */
#include "console/prompt.h"
#include "console/readline_edit.h"

#include <stdio.h>
#include <stdlib.h>

#include <readline/history.h>
#include <readline/readline.h>

#define ESCAPE '\033'

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
    edit_forget_matches();
    rl_instream = rl_outstream = prompt.nowhere;
    rl_getc_function = ring_getc;
    rl_input_available_hook = ring_available;
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
            edit_forget_matches();
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
        rl_callback_handler_remove();
    prompt.status = PROMPT_CANCELLED;
    edit_forget_matches();
}
