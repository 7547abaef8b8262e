/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names and program output on screens of any size. The first three bytes are the size; the rest is
 * the text. What is shown is UTF-8 without controls and no wider than it may be.
 */
#include "fuzz.h"
#include "widgets/screen.h"
#include "widgets/table.h"
#include "widgets/text.h"
#include "widgets/textview.h"

#include <locale.h>

static const TableColumn columns[] = {
    {.id = "name", .title = "NAME", .min = 1, .max = 500},
    {.id = "b", .title = "日本", .min = 2, .max = 8, .priority = 1, .align = TEXT_RIGHT},
    {.id = "c", .title = "C", .min = 1, .priority = 2, .align = TEXT_CENTRE},
};

static guint count(gpointer data)
{
    return 3;
}

static const char *key(gpointer data, guint row)
{
    static const char *const keys[] = {"a", "b", "c"};

    return keys[row];
}

static void draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    canvas_text(cell, 0, 0, ROLE_TEXT, data);
}

static const TableSource source = {.count = count, .key = key, .draw = draw};

static void check_shown(const char *text, TextKind kind)
{
    PROMISE(g_utf8_validate(text, -1, NULL));
    for (const char *s = text; *s != '\0'; s = g_utf8_next_char(s)) {
        gunichar uc = g_utf8_get_char(s);

        PROMISE((uc >= 0x20 && (uc < 0x7f || uc > 0x9f)) || (kind == TEXT_OUTPUT && uc == '\n'));
    }
}

static void check_text(const char *text, int width)
{
    for (int align = TEXT_LEFT; align <= TEXT_CENTRE; align++) {
        g_autoptr(GString) fit = g_string_new(NULL);

        text_append_fit(fit, text, width, align);
        check_shown(fit->str, TEXT_NAME);
        PROMISE(text_width(fit->str) == width);
    }
    g_autofree char *cut = text_cut_middle(text, width);
    const char *end, *found = text_find(text, "Ab", &end);

    PROMISE(text_width(cut) <= width);
    PROMISE(found == NULL || end > found);
    for (const char *at = text; *at != '\0';) {
        const char *next = text_break(at, width);

        PROMISE(next > at);
        at = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int opened;
    int rows = size > 0 ? 1 + data[0] % 60 : 1, cols = size > 1 ? 1 + data[1] * 2 : 1;
    size_t from = size < 3 ? size : 3;
    char *text = fuzz_text(data + from, size - from);
    g_autofree char *name = text_sanitise(text, (gssize)(size - from), TEXT_NAME);
    g_autofree char *output = text_sanitise(text, (gssize)(size - from), TEXT_OUTPUT);

    if (!opened) {
        setlocale(LC_ALL, "C.UTF-8");
        screen_open_test(60, 511);
        opened = 1;
    }
    text_set_utf8(size < 3 || data[2] % 4 != 0);
    check_shown(name, TEXT_NAME);
    check_shown(output, TEXT_OUTPUT);
    check_text(text, size > 1 ? data[1] : 0);
    check_text(name, size > 1 ? data[1] : 0);

    Canvas whole = screen_canvas();
    Canvas c = canvas_sub(&whole, 0, 0, rows, cols);
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns), &source, text);

    screen_begin();
    table_set_wide(table, size > 2 && data[2] % 2 != 0);
    table_draw(table, &c);
    screen_show();
    free(text);
    return 0;
}
