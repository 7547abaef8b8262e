/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terminal.h with what a hostile program prints and somebody types meanwhile. Each 0xfe in the
 * input begins a command of the reader's side: a new size, a key, a look, a search. Answers stay in
 * proportion to what was printed, numbers of lines go on, texts are UTF-8 without controls.
 */
#include "fuzz.h"
#include "widgets/keys.h"
#include "widgets/keystream.h"
#include "widgets/screen.h"
#include "widgets/terminal.h"

#include <locale.h>

static size_t answered;

static void take_sent(gpointer data, const char *bytes, gsize length, gboolean answer)
{
    answered += answer ? length : 0;
}

static void check_text(Terminal *t, guint64 line)
{
    g_autofree char *text = terminal_text(t, line);

    PROMISE(g_utf8_validate(text, -1, NULL));
    for (const char *s = text; *s != '\0'; s = g_utf8_next_char(s)) {
        gunichar uc = g_utf8_get_char(s);

        PROMISE(uc >= 0x20 && (uc < 0x7f || uc > 0x9f));
    }
}

static void look(Terminal *t, uint8_t arg)
{
    Canvas c = screen_canvas();
    guint64 found, first = terminal_first(t), end = terminal_end(t);

    PROMISE(first < end);
    screen_begin();
    terminal_draw(t, &c, TRUE);
    terminal_draw_lines(t, &c,
                        &(TerminalView){.top = first + arg % (end - first),
                                        .cursor = end - 1,
                                        .from = first,
                                        .to = first + 1,
                                        .needle = "x"});
    screen_show();
    check_text(t, first + arg % (end - first));
    check_text(t, terminal_cursor_line(t));
    if (terminal_search(t, "x", end - 1, TRUE, &found))
        PROMISE(found >= first && found < end);
}

static void command(Terminal *t, KeyStream *ks, uint8_t what, uint8_t arg)
{
    KeyStreamEvent event;

    switch (what % 4) {
    case 0:
        terminal_resize(t, arg & 15, arg >> 2);
        break;
    case 1:
        terminal_press(t, KEYS_UP + arg % (KEYS_OTHER - KEYS_UP), arg % 8);
        break;
    case 2:
        if (keystream_take(ks, arg, &event) && event.type == KEYSTREAM_BYTES)
            PROMISE(event.length > 0 && event.length <= KEYSTREAM_HELD_MAX);
        break;
    default:
        look(t, arg);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int opened;
    KeyStream ks = {0};
    size_t printed = 0;

    if (!opened) {
        setlocale(LC_ALL, "C.UTF-8");
        text_set_utf8(TRUE);
        screen_open_test(10, 40);
        opened = 1;
    }
    answered = 0;
    Terminal *t = terminal_new(8, 30, 40, take_sent, NULL);

    for (size_t i = 0, end; i < size; i = end) {
        end = i + 1;
        if (data[i] == 0xfe && i + 2 < size) {
            command(t, &ks, data[i + 1], data[i + 2]);
            end = i + 3;
            continue;
        }
        while (end < size && data[end] != 0xfe)
            end++;
        terminal_write(t, (const char *)data + i, end - i);
        printed += end - i;
    }
    look(t, 0);
    PROMISE(answered <= 16 * printed);
    terminal_free(t);
    return 0;
}
