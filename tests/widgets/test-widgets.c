/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "golden.h"
#include "widgets/dialog.h"
#include "widgets/footer.h"
#include "widgets/graph.h"
#include "widgets/keys.h"
#include "widgets/menu.h"
#include "widgets/meter.h"
#include "widgets/promptline.h"
#include "widgets/tabs.h"
#include "widgets/textview.h"

static void test_canvas_clips(void)
{
    Canvas c = golden_open(6, 20), in = canvas_sub(&c, 1, 2, 3, 8);
    canvas_text(&in, 0, -2, ROLE_TEXT, "abcdefghijklmnop");
    canvas_text(&in, 1, 5, ROLE_TEXT, "データ"); /* half of the second does not fit */
    canvas_text(&in, 2, 0, ROLE_TEXT, "e\u0301\u0301x\u202ey\033z");
    canvas_text(&in, 7, 0, ROLE_TEXT, "outside");
    canvas_text(&in, -1, 0, ROLE_TEXT, "outside");
    canvas_text_from(&c, 4, 3, 3, ROLE_TEXT, "データベース");
    golden_check("canvas");
    screen_free();
}

static void test_graphs_in_three_glyph_sets(void)
{
    float values[60];
    for (int i = 0; i < 60; i++)
        values[i] = (float)(50 + 48 * sin(i / 6.0));
    values[20] = values[21] = values[22] = NAN;
    Canvas c = golden_open(15, 40);
    for (Glyphs g = GLYPHS_BRAILLE; (int)g >= (int)GLYPHS_ASCII; g--) {
        int y = (GLYPHS_BRAILLE - (int)g) * 5;
        glyphs_set_graph(g);
        Canvas part = canvas_sub(&c, y, 0, 3, 40);
        graph_draw(&part, values, 60, 100, TRUE);
        graph_sparkline(&c, y + 3, 0, 20, values, 60, 100, ROLE_LOW);
    }
    golden_check("graphs");
    screen_free();
}

/* Two metrics with a gap and a zero, over a minute: letters tell them apart, axes say how much and
   when. */
static void test_plot_in_braille_and_ascii(void)
{
    float cpu[200], steal[200];
    Canvas c = golden_open(29, 64);
    guint n = graph_plot_capacity(c.width);

    for (guint i = 0; i < n; i++) {
        cpu[i] = i > n / 2 && i < n / 2 + 9 ? NAN : (float)(50 + 40 * sin(i / 9.0));
        steal[i] = i < n / 3 ? 0 : (float)i / 2;
    }
    GraphSeries series[] = {{"cpu.usage", "61.2 %", "100 %", cpu, 100},
                            {"cpu.steal", "12.0 %", "200 %", steal, 200}};
    GraphPlot plot = {.series = series, .n_series = 2, .span_s = 60};
    Canvas top = canvas_sub(&c, 0, 0, 14, c.width), bottom = canvas_sub(&c, 15, 0, 14, c.width);

    graph_plot(&top, &plot);
    glyphs_set_ascii(TRUE);
    for (guint i = 0; i < graph_plot_capacity(c.width); i++) {
        cpu[i] = cpu[i * 2];
        steal[i] = steal[i * 2];
    }
    plot.span_s = 86400;
    graph_plot(&bottom, &plot);
    golden_check("plot");
    screen_free();
}

static void test_graph_with_fewer_values_than_room(void)
{
    float values[] = {10, 100, 55, NAN, 0};
    Canvas c = golden_open(2, 10);
    graph_sparkline(&c, 0, 0, 10, values, 5, 100, ROLE_LOW);
    graph_sparkline(&c, 1, 0, 3, values, 5, 100, ROLE_LOW);
    golden_check("graph-short");
    screen_free();
}

static void test_scale_is_round(void)
{
    float values[] = {3, 70, NAN};
    g_assert_cmpfloat(graph_scale(values, 3, 1, FALSE), ==, 100);
    g_assert_cmpfloat(graph_scale(values, 1, 1, FALSE), ==, 5);
    g_assert_cmpfloat(graph_scale(values, 2, 1, TRUE), ==, 128);
    g_assert_cmpfloat(graph_scale(NULL, 0, 1024, TRUE), ==, 1024);
    float inf = INFINITY;
    g_assert_true(isfinite(graph_scale(&inf, 1, 1, FALSE)));
}

static void test_bars(void)
{
    Canvas c = golden_open(4, 20);
    MeterPart parts[] = {{0.5, ROLE_LOW}, {0.25, ROLE_STEAL}}, tiny[] = {{0.001, ROLE_LOW}},
              wild[] = {{NAN, ROLE_LOW}, {7, ROLE_HIGH}};
    meter_bar(&c, 0, 0, 20, parts, 2);
    meter_bar(&c, 1, 0, 20, tiny, 1);
    meter_bar(&c, 2, 0, 20, wild, 2);
    text_set_utf8(FALSE);
    meter_bar(&c, 3, 0, 20, parts, 2);
    golden_check("bars");
    screen_free();
}

static void fake_load(gpointer data, guint i, MeterLoad *load)
{
    load->load = i % 7 == 6 ? -1 : (i * 37 % 101) / 100.0;
    load->steal = i % 5 == 1 ? 0.07 : 0.0;
    g_strlcpy(load->note, "exits 12k/s", sizeof load->note);
}

static void test_grid_stays_readable(void)
{
    static const struct {
        guint n;
        int height, width;
        const char *name;
    } cases[] = {{2, 4, 80, "grid-2"},
                 {16, 6, 80, "grid-16"},
                 {128, 8, 80, "grid-128"},
                 {128, 4, 40, "grid-128-narrow"},
                 {1, 1, 20, "grid-1-tiny"}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Canvas c = golden_open(cases[i].height, cases[i].width);
        g_assert_cmpint(meter_grid(&c, "vcpu", cases[i].n, fake_load, NULL), <=, cases[i].height);
        golden_check(cases[i].name);
        screen_free();
    }
}

static void test_tabs_keep_the_active_one_in_view(void)
{
    static const char *const names[] = {"overview",  "metrics",    "vcpu",
                                        "snapshots", "definition", "events"};
    Canvas c = golden_open(3, 60);
    for (int i = 0; i < 3; i++) {
        Canvas line = canvas_sub(&c, i, 0, 1, i == 2 ? 60 : 40);
        tabs_draw(&line, "lab-vm", names, 6, i == 1 ? 4 : 1, i == 2 ? "[ ]" : NULL);
    }
    golden_check("tabs");
    screen_free();
}

static void test_footer_drops_what_matters_least(void)
{
    static const FooterKey keys[] = {{"Enter", "open", 1},
                                     {"/", "filter", 2},
                                     {"p", "power", 1},
                                     {"t", "snapshots", 3},
                                     {"?", "help", 0}};
    Canvas c = golden_open(3, 60);
    for (int i = 0; i < 3; i++) {
        Canvas line = canvas_sub(&c, i, 0, 1, 60 - i * 22);
        footer_draw(&line, keys, G_N_ELEMENTS(keys));
    }
    golden_check("footer");
    screen_free();
}

static void test_bar_drops_segments(void)
{
    const BarSegment segments[] = {{" gemel ", ROLE_BRAND, 0, FALSE},
                                   {"lab-host", ROLE_BAR, 2, FALSE},
                                   {NULL, ROLE_BAR, 1, FALSE},
                                   {"4 of 6", ROLE_BAR, 1, TRUE},
                                   {"own 0.3% 14M", ROLE_BAR, 3, TRUE}};
    Canvas c = golden_open(3, 60);
    for (int i = 0; i < 3; i++) {
        Canvas line = canvas_sub(&c, i, 0, 1, 60 - i * 25);
        line.base = ROLE_BAR;
        bar_draw(&line, segments, G_N_ELEMENTS(segments));
    }
    golden_check("bar");
    screen_free();
}

static const char xml[] = "<domain type='kvm'>\n  <name>lab-vm</name>\n  <memory unit='KiB'>524288"
                          "</memory>\n  <devices>\n    <disk type='file' device='disk'/>\n"
                          "  </devices>\n</domain>\n";

static void test_viewer_scrolls_and_searches(void)
{
    Canvas c = golden_open(3, 30);
    g_autoptr(TextView) v = textview_new();
    textview_set_text(v, xml, -1, TEXTVIEW_XML);
    textview_draw(v, &c);
    g_assert_cmpuint(textview_search(v, "DISK"), ==, 1);
    screen_begin();
    textview_draw(v, &c);
    golden_check("viewer-search");
    g_autofree char *position = textview_position(v);
    g_assert_cmpstr(position, ==, "5-7 of 7");
    g_autofree char *roles = screen_dump_roles(0);
    g_assert_nonnull(strstr(roles, "match"));
    g_assert_true(textview_search_next(v, FALSE)); /* around the end */
    textview_search(v, "nowhere");
    g_assert_false(textview_search_next(v, TRUE));
    screen_free();
}

static void test_viewer_wraps(void)
{
    Canvas c = golden_open(4, 20);
    g_autoptr(TextView) v = textview_new();
    textview_set_text(v, "one\na line that is longer than the window is wide\nthree\n", -1,
                      TEXTVIEW_PLAIN);
    textview_set_wrap(v, TRUE);
    textview_draw(v, &c);
    golden_check("viewer-wrap");
    textview_move(v, TEXTVIEW_LAST);
    textview_move(v, TEXTVIEW_DOWN);
    screen_begin();
    textview_draw(v, &c);
    golden_check("viewer-wrap-end");
    screen_free();
}

static void test_viewer_marks_matches_over_the_end_of_a_row(void)
{
    Canvas c = golden_open(3, 5);
    g_autoptr(TextView) v = textview_new();
    textview_set_text(v, "xxxxabab yaby", -1, TEXTVIEW_PLAIN);
    textview_set_wrap(v, TRUE);
    textview_search(v, "ab");
    textview_draw(v, &c);
    static const char *const wanted[] = {"4-4:match", "0-2:match", "1-2:match"};
    for (int y = 0; y < 3; y++) {
        g_autofree char *roles = screen_dump_roles(y);
        g_assert_cmpstr(roles, ==, wanted[y]);
    }
    screen_free();
}

/* A program that prints no newline. */
static void test_viewer_goes_through_a_long_line_quickly(void)
{
    Canvas c = golden_open(24, 80);
    g_autoptr(TextView) v = textview_new();
    g_autofree char *text = g_strnfill(1 << 20, 'a');
    clock_t begin = clock();
    textview_set_text(v, text, -1, TEXTVIEW_PLAIN);
    textview_set_wrap(v, TRUE);
    textview_search(v, "a");
    for (int i = 0; i < 4; i++) {
        textview_move(v, TEXTVIEW_PAGE_DOWN);
        screen_begin();
        textview_draw(v, &c);
    }
    g_assert_cmpint((clock() - begin) / CLOCKS_PER_SEC, <, 8); /* of this process alone */
    screen_free();
}

static void test_viewer_keeps_its_place_on_refresh(void)
{
    Canvas c = golden_open(3, 30);
    g_autoptr(TextView) v = textview_new();
    textview_set_text(v, xml, -1, TEXTVIEW_XML);
    textview_draw(v, &c);
    textview_move(v, TEXTVIEW_DOWN);
    textview_set_text(v, xml, -1, TEXTVIEW_XML);
    g_autofree char *position = textview_position(v);
    g_assert_cmpstr(position, ==, "2-4 of 7");
    textview_set_text(v, "", -1, TEXTVIEW_XML);
    screen_begin();
    textview_draw(v, &c);
    textview_move(v, TEXTVIEW_PAGE_DOWN);
    g_assert_cmpuint(textview_n_lines(v), ==, 0);
    screen_free();
}

/* The power menu of a running guest. */
static Menu *power_menu(void)
{
    Menu *m = menu_new("power: lab-vm");
    menu_add(m, 's', "start", NULL, "is running", "start lab-vm");
    menu_add(m, 'o', "shut down", "asks the guest, waits 60 s", NULL, "stop lab-vm");
    menu_add(m, 'k', "kill", "ends it at once", NULL, "kill lab-vm");
    return m;
}

static void test_menu_greys_with_reasons(void)
{
    Canvas c = golden_open(7, 60);
    g_autoptr(Menu) m = power_menu();
    menu_draw(m, &c);
    golden_check("menu");
    screen_free();
}

static void test_menu_keys(void)
{
    g_autoptr(Menu) m = power_menu();
    g_assert_cmpstr(menu_chosen(m), ==, "stop lab-vm"); /* the first that can be done */
    g_assert_cmpint(menu_handle_key(m, 's'), ==, MENU_REFUSED);
    g_assert_cmpstr(menu_reason(m), ==, "is running");
    g_assert_cmpint(menu_handle_key(m, 'z'), ==, MENU_OPEN);
    g_assert_cmpint(menu_handle_key(m, 'j'), ==, MENU_OPEN); /* letters do not move */
    g_assert_cmpstr(menu_chosen(m), ==, "start lab-vm");
    g_assert_cmpint(menu_handle_key(m, KEYS_CTRL('n')), ==, MENU_OPEN);
    g_assert_cmpstr(menu_chosen(m), ==, "stop lab-vm");
    g_assert_cmpint(menu_handle_key(m, KEYS_CTRL('p')), ==, MENU_OPEN);
    g_assert_cmpstr(menu_chosen(m), ==, "start lab-vm");
    g_assert_cmpint(menu_handle_key(m, KEYS_DOWN), ==, MENU_OPEN);
    g_assert_cmpint(menu_handle_key(m, KEYS_ENTER), ==, MENU_CHOSEN);
    g_assert_cmpstr(menu_chosen(m), ==, "stop lab-vm");
    g_assert_cmpint(menu_handle_key(m, 'k'), ==, MENU_CHOSEN);
    g_assert_cmpstr(menu_chosen(m), ==, "kill lab-vm");
    g_assert_cmpint(menu_handle_key(m, KEYS_ESC), ==, MENU_CLOSED);
}

static void test_dialog_wants_the_name(void)
{
    Canvas c = golden_open(12, 60);
    g_autoptr(Dialog) d = dialog_new("delete web", "delete web", "web");
    dialog_add_line(d, ROLE_WARN,
                    "web is running. It will be killed, and its writable layer "
                    "(38M) and 2 snapshots are removed.");
    dialog_add_option(d, KEYS_CTRL('s'), "keep its snapshots", FALSE);
    g_assert_cmpint(dialog_handle_key(d, 'y'), ==, DIALOG_OPEN);
    g_assert_cmpint(dialog_handle_key(d, KEYS_ENTER), ==, DIALOG_OPEN);
    dialog_draw(d, &c);
    golden_check("dialog-typed");
    g_assert_cmpint(dialog_handle_key(d, KEYS_BACKSPACE), ==, DIALOG_OPEN);
    for (const char *s = "web"; *s != '\0'; s++)
        g_assert_cmpint(dialog_handle_key(d, *s), ==, DIALOG_OPEN);
    g_assert_cmpint(dialog_handle_key(d, KEYS_CTRL('s')), ==, DIALOG_OPEN);
    g_assert_true(dialog_option(d, KEYS_CTRL('s')));
    g_assert_cmpint(dialog_handle_key(d, KEYS_ENTER), ==, DIALOG_YES);
    screen_free();
}

static void test_dialog_yes_is_never_enter(void)
{
    Canvas c = golden_open(7, 60);
    g_autoptr(Dialog) d = dialog_new("revert lab-vm", "go back to s1", NULL);
    dialog_add_line(d, ROLE_TEXT, "What came after s1 is lost.");
    g_assert_cmpint(dialog_handle_key(d, KEYS_ENTER), ==, DIALOG_NO);
    dialog_draw(d, &c);
    golden_check("dialog-yes-no");
    g_assert_cmpint(dialog_handle_key(d, 'n'), ==, DIALOG_NO);
    g_assert_cmpint(dialog_handle_key(d, KEYS_ESC), ==, DIALOG_NO);
    g_assert_cmpint(dialog_handle_key(d, 'y'), ==, DIALOG_YES);
    screen_free();
}

static void test_dialog_scrolls_what_has_no_room(void)
{
    static const char *const details[] = {"goes   a", "goes   b",  "goes   c", "goes   d",
                                          "goes   e", "frees  1M", NULL};
    Canvas c = golden_open(8, 40);
    g_autoptr(Dialog) d = dialog_new("delete web", "delete it", NULL);
    dialog_add_line(d, ROLE_STRONG, "web");
    dialog_draw(d, &c);
    g_assert_false(dialog_scrolls(d));
    dialog_set_details(d, details);
    dialog_draw(d, &c);
    g_assert_true(dialog_scrolls(d));
    g_assert_cmpint(dialog_handle_key(d, KEYS_UP), ==, DIALOG_OPEN); /* not above the first */
    g_assert_cmpint(dialog_handle_key(d, KEYS_DOWN), ==, DIALOG_OPEN);
    g_assert_cmpint(dialog_handle_key(d, KEYS_PGDN), ==, DIALOG_OPEN);
    dialog_draw(d, &c);
    golden_check("dialog-scrolled");
    for (int i = 0; i < 9; i++)
        g_assert_cmpint(dialog_handle_key(d, KEYS_PGDN), ==, DIALOG_OPEN);
    canvas_clear(&c);
    dialog_set_details(d, NULL); /* what is shorter is seen from its beginning */
    dialog_draw(d, &c);
    golden_check("dialog-scrolled-back");
    screen_free();
}

static void test_prompt_shows_cursor_and_matches(void)
{
    static const PromptMatch matches[] = {
        {"build", "stopped · vm"}, {"builder-02", "stopped · vm"}, {"bulk", "stopped · container"}};
    Canvas c = golden_open(4, 50), list = canvas_sub(&c, 0, 0, 3, 50),
           line = canvas_sub(&c, 3, 0, 1, 50);
    g_assert_cmpint(promptline_matches_height(matches, 3, 10, 50), ==, 3);
    g_assert_cmpuint(promptline_draw_matches(&list, matches, 3, FALSE), ==, 3);
    promptline_draw(&line, ":", "start bu", 8, "3 matches");
    golden_check("prompt");
    screen_free();
}

static void test_prompt_long_line_scrolls(void)
{
    Canvas c = golden_open(2, 20), a = canvas_sub(&c, 0, 0, 1, 20), b = canvas_sub(&c, 1, 0, 1, 20);
    const char *text = "snapshot create lab-vm before-upgrade";
    promptline_draw(&a, ":", text, 0, NULL);
    promptline_draw(&b, ":", text, (guint)strlen(text), NULL);
    golden_check("prompt-long");
    screen_free();
}

static void test_mono_keeps_selection_and_errors_apart(void)
{
    golden_open(2, 20);
    g_assert_true(theme_select("mono"));
    g_assert_cmpint(theme_depth(), ==, THEME_MONO);
    g_assert_false(theme_select("no-such-theme"));
    g_assert_cmpstr(theme_current(), ==, "mono");
    theme_select("dark");
    screen_free();
}

static void test_no_color_wins(void)
{
    g_setenv("NO_COLOR", "", TRUE);
    g_assert_cmpint(theme_depth_for(256), ==, THEME_256);
    g_setenv("NO_COLOR", "1", TRUE);
    g_assert_cmpint(theme_depth_for(256), ==, THEME_MONO);
    g_unsetenv("NO_COLOR");
    g_assert_cmpint(theme_depth_for(16), ==, THEME_16);
    g_assert_cmpint(theme_depth_for(8), ==, THEME_8);
    g_assert_cmpint(theme_depth_for(-1), ==, THEME_MONO);
}

static void test_everything_survives_a_tiny_canvas(void)
{
    float values[] = {1, 2, 3};
    static const char *const names[] = {"one", "two"};
    static const FooterKey keys[] = {{"q", "quit", 0}};
    const BarSegment segments[] = {{"gemel", ROLE_BRAND, 0, FALSE}};
    const PromptMatch match = {"x", "y"};
    for (int h = 0; h < 4; h++) {
        for (int w = 0; w < 8; w++) {
            Canvas whole = golden_open(5, 10), c = canvas_sub(&whole, 0, 0, h, w);
            g_autoptr(Menu) m = power_menu();
            g_autoptr(Dialog) d = dialog_new("t", "v", "web");
            g_autoptr(TextView) v = textview_new();
            dialog_add_line(d, ROLE_TEXT, "some words");
            textview_set_text(v, xml, -1, TEXTVIEW_XML);
            graph_draw(&c, values, 3, 3, TRUE);
            graph_sparkline(&c, 0, 0, w, values, 3, 3, ROLE_LOW);
            meter_grid(&c, "vcpu", 200, fake_load, NULL);
            tabs_draw(&c, "title", names, 2, 1, "1-9/20");
            footer_draw(&c, keys, 1);
            bar_draw(&c, segments, 1);
            menu_draw(m, &c);
            dialog_draw(d, &c);
            textview_draw(v, &c);
            promptline_draw(&c, ":", "text", 4, "note");
            promptline_draw_matches(&c, &match, 1, TRUE);
            canvas_box(&c, ROLE_BORDER, "a title");
            g_autofree char *dump = screen_dump();
            g_auto(GStrv) lines = g_strsplit(dump, "\n", -1);
            for (int y = 0; y < 5; y++)
                g_assert_cmpint(text_width(lines[y]), <=, y < h ? w : 0);
            screen_free();
        }
    }
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("TERM", "xterm-256color", TRUE); /* whatever the tests are started from */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canvas/clips", test_canvas_clips);
    g_test_add_func("/graph/three-glyph-sets", test_graphs_in_three_glyph_sets);
    g_test_add_func("/graph/plot-in-braille-and-ascii", test_plot_in_braille_and_ascii);
    g_test_add_func("/graph/fewer-values-than-room", test_graph_with_fewer_values_than_room);
    g_test_add_func("/graph/scale-is-round", test_scale_is_round);
    g_test_add_func("/meter/bars", test_bars);
    g_test_add_func("/meter/grid-stays-readable", test_grid_stays_readable);
    g_test_add_func("/tabs/keep-the-active-one-in-view", test_tabs_keep_the_active_one_in_view);
    g_test_add_func("/footer/drops-what-matters-least", test_footer_drops_what_matters_least);
    g_test_add_func("/bar/drops-segments", test_bar_drops_segments);
    g_test_add_func("/viewer/scrolls-and-searches", test_viewer_scrolls_and_searches);
    g_test_add_func("/viewer/wraps", test_viewer_wraps);
    g_test_add_func("/viewer/marks-matches-over-the-end-of-a-row",
                    test_viewer_marks_matches_over_the_end_of_a_row);
    g_test_add_func("/viewer/goes-through-a-long-line-quickly",
                    test_viewer_goes_through_a_long_line_quickly);
    g_test_add_func("/viewer/keeps-its-place-on-refresh", test_viewer_keeps_its_place_on_refresh);
    g_test_add_func("/menu/greys-with-reasons", test_menu_greys_with_reasons);
    g_test_add_func("/menu/keys", test_menu_keys);
    g_test_add_func("/dialog/wants-the-name", test_dialog_wants_the_name);
    g_test_add_func("/dialog/yes-is-never-enter", test_dialog_yes_is_never_enter);
    g_test_add_func("/dialog/scrolls-what-has-no-room", test_dialog_scrolls_what_has_no_room);
    g_test_add_func("/prompt/shows-cursor-and-matches", test_prompt_shows_cursor_and_matches);
    g_test_add_func("/prompt/long-line-scrolls", test_prompt_long_line_scrolls);
    g_test_add_func("/theme/mono-keeps-selection-and-errors-apart",
                    test_mono_keeps_selection_and_errors_apart);
    g_test_add_func("/theme/no-color-wins", test_no_color_wins);
    g_test_add_func("/widgets/survive-a-tiny-canvas", test_everything_survives_a_tiny_canvas);
    return g_test_run();
}
