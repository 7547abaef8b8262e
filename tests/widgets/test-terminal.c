/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal inside the screen: what programs draw, what they may not do, keys, scroll-back. */
#include <locale.h>
#include <string.h>

#include "golden.h"
#include "widgets/cell.h"
#include "widgets/clipboard.h"
#include "widgets/glyphs.h"
#include "widgets/keys.h"
#include "widgets/keystream.h"
#include "widgets/scrollback.h"
#include "widgets/strain.h"
#include "widgets/terminal.h"

typedef struct {
    Terminal *t;
    GString *sent, *answers;
    Canvas canvas;
} Fixture;

static void take_sent(gpointer data, const char *bytes, gsize length, gboolean answer)
{
    Fixture *f = data;

    g_string_append_len(answer ? f->answers : f->sent, bytes, (gssize)length);
}

static void setup(Fixture *f, int rows, int cols)
{
    f->canvas = golden_open(rows, cols);
    f->sent = g_string_new(NULL);
    f->answers = g_string_new(NULL);
    f->t = terminal_new(rows, cols, 1000, take_sent, f);
}

static void teardown(Fixture *f)
{
    terminal_free(f->t);
    g_string_free(f->sent, TRUE);
    g_string_free(f->answers, TRUE);
    screen_free();
}

static void say(Fixture *f, const char *text)
{
    terminal_write(f->t, text, strlen(text));
}

static char *picture(Fixture *f)
{
    screen_begin();
    terminal_draw(f->t, &f->canvas, TRUE);
    return screen_dump();
}

static void expect(Fixture *f, const char *wanted)
{
    g_autofree char *seen = picture(f);

    g_assert_cmpstr(seen, ==, wanted);
}

/* ---- what programs draw --------------------------------------------------------------------- */

static void test_moves_erases_inserts_and_deletes(void)
{
    Fixture f;

    setup(&f, 5, 12);
    say(&f, "one\r\ntwo\r\nthree\033[2;2HX\033[3;1H\033[1P\033[1;1H\033[1@>\033[4;3Hend\033[1K.");
    expect(&f, ">one\ntXo\nhree\n     .\n\n");
    say(&f, "\033[2J\033[H\tT\b\bb\r\nx\033[1;5r\033[5;1Hlast\n+\033[r");
    expect(&f, "x\n\n\nlast\n    +\n");
    teardown(&f);
}

static void test_a_full_screen_program_gives_the_screen_back(void)
{
    Fixture f;

    setup(&f, 3, 10);
    say(&f, "shell$ vi");
    say(&f, "\033[?1049h\033[2J\033[Hfull\033[3;1H:q");
    g_assert_true(terminal_is_alternate(f.t));
    expect(&f, "full\n\n:q\n");
    say(&f, "\033[?1049l");
    g_assert_false(terminal_is_alternate(f.t));
    expect(&f, "shell$ vi\n\n\n");
    teardown(&f);
}

static void test_lines_are_drawn_with_the_drawing_set(void)
{
    Fixture f;

    setup(&f, 2, 8);
    say(&f, "\033(0lqk\033(B|\r\n\016\033)0x\017x");
    expect(&f, "┌─┐|\n│x\n");
    glyphs_set_ascii(TRUE);
    expect(&f, "+-+|\n|x\n");
    glyphs_set_ascii(FALSE);
    teardown(&f);
}

static void test_wide_and_combining_characters_keep_their_cells(void)
{
    Fixture f;

    setup(&f, 3, 8);
    say(&f, "日本|\r\ne\u0301|\r\n1234567日");
    /* a wide one that does not fit goes to the next line, which scrolls */
    expect(&f, "e\u0301|\n1234567\n日\n");
    say(&f, "\033[3;2HX"); /* half of it is gone */
    expect(&f, "e\u0301|\n1234567\n\ufffdX\n");
    teardown(&f);
}

static void test_combining_characters_without_end_are_cut(void)
{
    Fixture f;
    g_autoptr(GString) text = g_string_new("a");

    setup(&f, 2, 8);
    for (int i = 0; i < 100000; i++)
        g_string_append(text, "\u0301");
    g_string_append(text, "b");
    say(&f, text->str);
    expect(&f, "a\u0301\u0301\u0301\u0301b\n\n");
    teardown(&f);
}

static void test_utf8_split_anywhere_is_one_character(void)
{
    static const char text[] = "é日😀.";
    Fixture f;

    setup(&f, 1, 12);
    for (gsize i = 0; i + 1 < sizeof text; i++)
        terminal_write(f.t, text + i, 1);
    g_autofree char *seen = terminal_text(f.t, 0);

    g_assert_cmpstr(seen, ==, text);
    teardown(&f);
}

static void test_garbage_becomes_marks_and_no_control(void)
{
    Fixture f;

    setup(&f, 2, 30);
    /* lone bytes, overlong forms, surrogates, C1 controls as UTF-8, bidi, DEL */
    say(&f, "\xff\xc0\x9b"
            "A\xe0\x80\x9bm\xed\xa0\x80|\xc2\x9b"
            "31m|\xe2\x80\xae|\x7f|\x9b"
            "5n");
    g_autofree char *seen = picture(&f);

    g_assert_true(g_utf8_validate(seen, -1, NULL));
    g_assert_null(strstr(seen, "\u202e"));
    g_assert_null(strstr(seen, "\xc2\x9b"));
    g_assert_nonnull(strstr(seen, "31m|"));
    g_assert_cmpuint(f.answers->len, ==, 0);
    teardown(&f);
}

static gint16 nearest(guint8 r, guint8 g, guint8 b, ThemeDepth depth)
{
    return cell_colour_at(cell_colour_of(r, g, b), depth);
}

static void test_colours_come_as_near_as_the_terminal_does(void)
{
    g_assert_cmpint(nearest(255, 0, 0, THEME_256), ==, 196);
    g_assert_cmpint(nearest(128, 128, 128, THEME_256), ==, 244);
    g_assert_cmpint(nearest(255, 0, 0, THEME_16), ==, 9);
    g_assert_cmpint(nearest(255, 0, 0, THEME_8), ==, 1);
    g_assert_cmpint(nearest(255, 0, 0, THEME_MONO), ==, CELL_DEFAULT);
    g_assert_cmpint(cell_colour_at(CELL_DEFAULT, THEME_256), ==, CELL_DEFAULT);
    for (gint16 i = 0; i < 256; i++) {
        g_assert_cmpint(cell_colour_at(i, THEME_256), ==, i);
        g_assert_cmpint(cell_colour_at(i, THEME_16), <, 16);
        g_assert_cmpint(cell_colour_at(i, THEME_8), <, 8);
    }
}

static void test_every_pair_of_colours_can_be_asked_for(void)
{
    Fixture f;

    setup(&f, 4, 40);
    for (int fg = 0; fg < 256; fg += 3) {
        for (int bg = 0; bg < 256; bg++) {
            g_autofree char *text = g_strdup_printf("\033[H\033[38;5;%d;48;5;%dmx", fg, bg);

            say(&f, text);
            if (bg % 16 == 0)
                g_free(picture(&f));
        }
    }
    say(&f, "\033[0m\033[2J\033[Hplain");
    expect(&f, "plain\n\n\n\n");
    /* and roles still have colours of their own */
    screen_begin();
    canvas_text(&f.canvas, 0, 0, ROLE_ERROR, "error");
    canvas_text(&f.canvas, 1, 0, ROLE_STEAL, "steal");
    g_assert_true(screen_check_attributes());
    teardown(&f);
}

/* ---- what they may not do ------------------------------------------------------------------- */

static void test_strings_leave_nothing_and_end(void)
{
    Fixture f;
    g_autofree char *filler = g_strnfill(1 << 20, 'x');

    setup(&f, 2, 20);
    say(&f, "\033]0;title\007a\033]52;c;aGk=\033\\b\033P$qm\033\\c\033_apc\033\\d\033^"
            "pm\033\\e\033Xsos\033\\f");
    expect(&f, "abcdef\n\n");
    say(&f, "\033[2J\033[H\033]2;never ended ");
    for (int i = 0; i < 3; i++)
        say(&f, filler);
    /* it ended by itself, and the rest is text */
    g_autofree char *seen = picture(&f);

    g_assert_nonnull(strstr(seen, "xxxxxxxxxxxxxxxxxxxx"));
    say(&f, "\033[2J\033[H\033]2;cut\030still here");
    expect(&f, "still here\n\n");
    g_assert_cmpuint(f.answers->len, ==, 0);
    teardown(&f);
}

static void test_huge_numbers_cost_little(void)
{
    static const char *const sequences[] = {
        "\033[999999999999@",
        "\033[4294967295P",
        "\033[2147483648L",
        "\033[99999999M",
        "\033[99999999S",
        "\033[99999999T",
        "\033[99999999I",
        "\033[99999999X",
        "\033[99999999;99999999H",
        "\033[99999999;1r",
        "\033[a\033[99999999b",
        "\033[99999999Z",
        "\033[99999999'}",
        "\033[38;5;99999999m",
        "\033[38:2:99999:9:9:9m",
        "\033[-1A",
        "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20m",
        "\033[?99999999h",
    };
    Fixture f;
    gint64 start = g_get_monotonic_time();

    setup(&f, 24, 80);
    for (guint n = 0; n < 20; n++)
        for (guint i = 0; i < G_N_ELEMENTS(sequences); i++)
            say(&f, sequences[i]);
    say(&f, "\033c");
    say(&f, "alive");
    g_autofree char *seen = picture(&f);

    g_assert_true(g_str_has_prefix(seen, "alive\n"));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 30 * G_USEC_PER_SEC);
    teardown(&f);
}

static void test_only_four_questions_are_answered(void)
{
    Fixture f;

    setup(&f, 4, 20);
    say(&f, "\033[2;5H\033[6n");
    g_assert_cmpstr(f.answers->str, ==, "\033[2;5R");
    g_string_truncate(f.answers, 0);
    say(&f, "\033[5n");
    g_assert_cmpstr(f.answers->str, ==, "\033[0n");
    g_string_truncate(f.answers, 0);
    say(&f, "\033[c");
    g_assert_true(g_str_has_prefix(f.answers->str, "\033[?1;2c"));
    g_string_truncate(f.answers, 0);
    /* titles, sizes, colours, clipboard, answer-back, settings, terminfo */
    say(&f, "\033[21t\033[18t\033[14t\033]10;?\007\033]52;c;?\007\005\033P$qr\033\\\033P+"
            "q544e\033\\\033Z");
    g_assert_cmpstr(f.answers->str, ==, "");
    g_assert_cmpstr(f.sent->str, ==, "");
    teardown(&f);
}

static void test_the_strainer_is_the_same_however_the_bytes_come(void)
{
    static const char some[] = "\033[]P0;9999999999999999m\007\\\xc2\x9b\xe6\x97\xa5x\030 (B";
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (int round = 0; round < 300; round++) {
        char bytes[200];
        Strainer whole = {.repeats_max = 20}, split = {.repeats_max = 20};
        g_autoptr(GString) a = g_string_new(NULL), b = g_string_new(NULL);

        for (guint i = 0; i < sizeof bytes; i++)
            bytes[i] = some[g_rand_int_range(rand, 0, sizeof some - 1)];
        strain(&whole, bytes, sizeof bytes, a);
        for (guint i = 0; i < sizeof bytes; i++)
            strain(&split, bytes + i, 1, b);
        g_assert_cmpstr(a->str, ==, b->str);
        g_assert_true(g_utf8_validate(a->str, (gssize)a->len, NULL));
    }
}

static void test_a_character_is_repeated_if_there_is_one(void)
{
    Fixture f;

    setup(&f, 3, 10);
    say(&f, "\033[9b-\033[4b日\033[b\r\n\033[31mx\033[3b");
    expect(&f, "-----日日\nxxxx\n\n");
    teardown(&f);
}

/* ---- size ----------------------------------------------------------------------------------- */

static void test_any_size_will_do(void)
{
    Fixture f;

    setup(&f, 24, 80);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int i = 0; i < 300; i++) {
        if (i % 7 == 0)
            say(&f, i % 2 == 0 ? "\033[?1049h" : "\033[?1049l");
        terminal_resize(f.t, g_rand_int_range(rand, -1, 60), g_rand_int_range(rand, -1, 140));
        say(&f, "some 日本 text\r\n\033[31mand more\033[0m\ttab\033[5;70Hx\033[99;99Hy\n");
    }
    terminal_resize(f.t, 100000, 100000);
    g_assert_cmpint(terminal_rows(f.t), ==, TERMINAL_ROWS_MAX);
    g_assert_cmpint(terminal_cols(f.t), ==, TERMINAL_COLS_MAX);
    g_free(picture(&f));
    teardown(&f);
}

static void test_a_smaller_screen_keeps_the_end_and_scrolls_the_rest_off(void)
{
    Fixture f;

    setup(&f, 5, 10);
    say(&f, "1\r\n2\r\n3\r\n4\r\n5");
    terminal_resize(f.t, 3, 10);
    g_autofree char *first = terminal_text(f.t, terminal_first(f.t));

    g_assert_cmpstr(first, ==, "1");
    expect(&f, "3\n4\n5\n\n\n");
    teardown(&f);
}

/* ---- scroll-back ---------------------------------------------------------------------------- */

static void test_lines_that_left_can_be_read_in_their_colours(void)
{
    Fixture f;

    setup(&f, 3, 12);
    say(&f, "\033[31mred\033[0m 日本 e\u0301\r\nplain\r\n3\r\n4\r\n5");
    g_assert_cmpuint(terminal_first(f.t), ==, 0);
    g_assert_cmpuint(terminal_end(f.t), ==, 5);
    screen_begin();
    terminal_draw_lines(f.t, &f.canvas, &(TerminalView){.cursor = 1, .from = 1, .to = 0});
    g_autofree char *seen = screen_dump(), *roles = screen_dump_roles(1);

    g_assert_cmpstr(seen, ==, "red 日本 e\u0301\nplain\n3\n");
    g_assert_cmpstr(roles, ==, "0-11:picked");
    teardown(&f);
}

static void test_scrollback_is_bounded_in_lines_and_bytes(void)
{
    Scrollback *s = scrollback_new(1000);
    Cell cells[TERMINAL_COLS_MAX];

    for (guint64 i = 0; i < 5000; i++) {
        cells[0] = (Cell){.chars = {'a' + i % 26}, .width = 1, .fg = -1, .bg = -1};
        scrollback_push(s, cells, 1);
    }
    g_assert_cmpuint(scrollback_first(s), ==, 4000);
    g_assert_cmpuint(scrollback_end(s), ==, 5000);
    g_assert_cmpstr(scrollback_text(s, 4000), ==, "w");
    g_assert_cmpstr(scrollback_text(s, 3999), ==, "");
    scrollback_free(s);

    /* every cell another colour: as large as a line can be */
    s = scrollback_new(100000);
    for (int i = 0; i < TERMINAL_COLS_MAX; i++)
        cells[i] = (Cell){.chars = {0x1f600}, .width = 1, .fg = (gint16)(i % 256), .bg = 1};
    for (int i = 0; i < 2000; i++)
        scrollback_push(s, cells, TERMINAL_COLS_MAX);
    g_assert_cmpuint(scrollback_bytes(s), <=, SCROLLBACK_BYTES_MAX + 64 * 1024);
    g_assert_cmpuint(scrollback_end(s), ==, 2000);
    g_assert_cmpuint(scrollback_first(s), >, 0);
    scrollback_clear(s);
    g_assert_cmpuint(scrollback_bytes(s), ==, 0);
    g_assert_cmpuint(scrollback_first(s), ==, 2000);
    scrollback_free(s);
}

static void test_no_scrollback_is_a_choice(void)
{
    Fixture f;

    setup(&f, 2, 8);
    terminal_free(f.t);
    f.t = terminal_new(2, 8, 0, take_sent, &f);
    say(&f, "1\r\n2\r\n3\r\n4");
    g_assert_cmpuint(terminal_end(f.t) - terminal_first(f.t), ==, 2);
    expect(&f, "3\n4\n");
    teardown(&f);
}

static void test_search_finds_lines_both_ways(void)
{
    Fixture f;
    guint64 line;

    setup(&f, 3, 20);
    for (int i = 0; i < 50; i++) {
        g_autofree char *text = g_strdup_printf("line %d%s\r\n", i, i % 20 == 5 ? " Übel" : "");

        say(&f, text);
    }
    g_assert_true(terminal_search(f.t, "übel", terminal_end(f.t) - 1, TRUE, &line));
    g_assert_cmpuint(line, ==, 45);
    g_assert_true(terminal_search(f.t, "übel", line - 1, TRUE, &line));
    g_assert_cmpuint(line, ==, 25);
    g_assert_true(terminal_search(f.t, "LINE 49", line, FALSE, &line));
    g_assert_cmpuint(line, ==, 49);
    g_assert_false(terminal_search(f.t, "nowhere", terminal_end(f.t) - 1, TRUE, &line));
    screen_begin();
    terminal_draw_lines(f.t, &f.canvas,
                        &(TerminalView){.top = 25, .cursor = 0, .from = 1, .needle = "BEL"});
    g_autofree char *roles = screen_dump_roles(0);

    g_assert_cmpstr(roles, ==, "9-11:match");
    teardown(&f);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void press(Fixture *f, int key, int modifiers, const char *wanted)
{
    g_string_truncate(f->sent, 0);
    g_assert_true(terminal_press(f->t, key, modifiers));
    g_assert_cmpstr(f->sent->str, ==, wanted);
}

static void test_keys_follow_the_modes_of_the_program(void)
{
    Fixture f;

    setup(&f, 2, 8);
    press(&f, KEYS_UP, 0, "\033[A");
    press(&f, KEYS_UP, TERMINAL_CTRL, "\033[1;5A");
    press(&f, KEYS_HOME, 0, "\033[H");
    press(&f, KEYS_F1, 0, "\033OP");
    press(&f, KEYS_F1 + 4, 0, "\033[15~");
    press(&f, KEYS_DELETE, 0, "\033[3~");
    press(&f, KEYS_PGUP, 0, "\033[5~");
    press(&f, KEYS_ENTER, 0, "\r");
    say(&f, "\033[?1h\033[20h");
    press(&f, KEYS_UP, 0, "\033OA");
    press(&f, KEYS_ENTER, 0, "\r\n");
    g_string_truncate(f.sent, 0);
    terminal_paste_begin(f.t);
    terminal_paste_end(f.t);
    g_assert_cmpstr(f.sent->str, ==, "");
    say(&f, "\033[?2004h");
    terminal_paste_begin(f.t);
    terminal_type(f.t, "x", 1);
    terminal_paste_end(f.t);
    g_assert_cmpstr(f.sent->str, ==, "\033[200~x\033[201~");
    teardown(&f);
}

/* What a stream of bytes is taken for: keys in <>, bytes as they are, a paste in {}. */
static char *taken(const char *bytes)
{
    KeyStream ks = {0};
    KeyStreamEvent event;
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i <= strlen(bytes); i++) {
        if (bytes[i] != '\0' ? !keystream_take(&ks, (guint8)bytes[i], &event)
                             : !keystream_timeout(&ks, &event))
            continue;
        g_autofree char *name = event.type == KEYSTREAM_KEY ? keys_name(event.key) : NULL;

        if (event.type == KEYSTREAM_KEY)
            g_string_append_printf(out, "<%s%s%s%s>", event.modifiers & 4 ? "C-" : "",
                                   event.modifiers & 2 ? "A-" : "", event.modifiers & 1 ? "S-" : "",
                                   name);
        else if (event.type == KEYSTREAM_BYTES)
            g_string_append_len(out, event.bytes, (gssize)event.length);
        else
            g_string_append_c(out, event.type == KEYSTREAM_PASTE_BEGIN ? '{' : '}');
    }
    g_assert_false(keystream_waits(&ks));
    return g_string_free(out, FALSE);
}

static void test_typed_bytes_become_keys(void)
{
    static const struct {
        const char *bytes, *keys;
    } cases[] = {
        {"abc\r\t", "abc\r\t"},
        {"\033[A\033OB", "<Up><Down>"},
        {"\033[1;5C\033[1;2D", "<C-Right><S-Left>"},
        {"\033[5;2~\033[6~", "<S-PgUp><PgDn>"},
        {"\033[15~\033OP\033[[B\033[24~", "<F5><F1><F2><F12>"},
        {"\033[7~\033[8~\033[1~\033[4~", "<Home><End><Home><End>"},
        {"\033[Z", "<S-Tab>"},
        {"\033x\033", "\033x\033"}, /* Alt-x, Esc */
        {"\033[99~\033[1;2;3A", "\033[99~\033[1;2;3A"},
        {"\033[200~a\033[Ab\033[201~c", "{a\033[Ab}c"},
        {"é日", "é日"},
        {"\033[0123456789012345678901234567890123456789A",
         "\033[0123456789012345678901234567890123456789A"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *keys = taken(cases[i].bytes);

        g_assert_cmpstr(keys, ==, cases[i].keys);
    }
}

static void test_copies_are_bounded_and_wrapped_for_multiplexers(void)
{
    g_autofree char *plain = clipboard_sequence("lab-vm", CLIPBOARD_PLAIN);
    g_autofree char *tmux = clipboard_sequence("lab-vm", CLIPBOARD_TMUX);
    GString *text = g_string_new("x");

    g_assert_cmpstr(plain, ==, "\033]52;c;bGFiLXZt\a");
    g_assert_true(g_str_has_prefix(tmux, plain));
    g_assert_true(g_str_has_suffix(tmux, "\033Ptmux;\033\033]52;c;bGFiLXZt\a\033\\"));
    while (text->len < 2 * CLIPBOARD_BYTES_MAX)
        g_string_append(text, "é");
    g_autofree char *all = g_string_free(text, FALSE);
    g_autofree char *large = clipboard_sequence(all, CLIPBOARD_PLAIN);
    g_autofree char *pieces = clipboard_sequence(all, CLIPBOARD_SCREEN);
    gsize length, begin = strlen("\033]52;c;");

    large[strlen(large) - 1] = '\0'; /* BEL */
    g_autofree char *decoded = (char *)g_base64_decode(large + begin, &length);

    g_assert_cmpuint(length, <=, CLIPBOARD_BYTES_MAX);
    g_assert_true(g_utf8_validate(decoded, (gssize)length, NULL));
    g_auto(GStrv) parts = g_strsplit(pieces, "\033\\", -1);

    for (guint i = 0; parts[i] != NULL; i++)
        g_assert_cmpuint(strlen(parts[i]), <=, 768);
}

static void test_it_tells_when_there_is_something_new(void)
{
    Fixture f;

    setup(&f, 2, 8);
    terminal_take_changed(f.t);
    g_assert_false(terminal_take_changed(f.t));
    say(&f, "x");
    g_assert_true(terminal_take_changed(f.t));
    g_assert_false(terminal_take_changed(f.t));
    say(&f, "\033]0;title\007");
    g_assert_false(terminal_take_changed(f.t));
    say(&f, "\007");
    g_assert_true(terminal_take_bell(f.t));
    g_assert_false(terminal_take_bell(f.t));
    teardown(&f);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/terminal/" #name, test_##name)
    TEST(moves_erases_inserts_and_deletes);
    TEST(a_full_screen_program_gives_the_screen_back);
    TEST(lines_are_drawn_with_the_drawing_set);
    TEST(wide_and_combining_characters_keep_their_cells);
    TEST(combining_characters_without_end_are_cut);
    TEST(utf8_split_anywhere_is_one_character);
    TEST(garbage_becomes_marks_and_no_control);
    TEST(colours_come_as_near_as_the_terminal_does);
    TEST(every_pair_of_colours_can_be_asked_for);
    TEST(strings_leave_nothing_and_end);
    TEST(huge_numbers_cost_little);
    TEST(only_four_questions_are_answered);
    TEST(the_strainer_is_the_same_however_the_bytes_come);
    TEST(a_character_is_repeated_if_there_is_one);
    TEST(any_size_will_do);
    TEST(a_smaller_screen_keeps_the_end_and_scrolls_the_rest_off);
    TEST(lines_that_left_can_be_read_in_their_colours);
    TEST(scrollback_is_bounded_in_lines_and_bytes);
    TEST(no_scrollback_is_a_choice);
    TEST(search_finds_lines_both_ways);
    TEST(keys_follow_the_modes_of_the_program);
    TEST(typed_bytes_become_keys);
    TEST(copies_are_bounded_and_wrapped_for_multiplexers);
    TEST(it_tells_when_there_is_something_new);
    return g_test_run();
}
