/* SPDX-License-Identifier: GPL-3.0-or-later */
/* console_page.c - the page of consoles and shells: one line of ours, the rest is the program's.
   Keys go to it (console_typing.c); in the scroll-back they are those of a text. */
#include <string.h>

#include "config/options.h"
#include "console/tui/console_page.h"
#include "widgets/footer.h"
#include "widgets/screen.h"

static const PageOps live_ops, scroll_ops;

static gboolean is_console_page(const Page *page)
{
    return page->ops == &live_ops || page->ops == &scroll_ops;
}

Page *console_page_top(Tui *tui)
{
    Page *page = tui_page(tui);

    return is_console_page(page) ? page : NULL;
}

/* ---- the scroll-back ------------------------------------------------------------------------ */

/* Keeps cursor and top where there are lines, and the cursor on the screen. */
static void clamp_view(ConsolePage *self)
{
    Terminal *t = self->console->terminal;
    guint64 first = terminal_first(t), last = terminal_end(t) - 1;
    guint64 height = (guint64)MAX(self->height, 1);
    guint64 top_max = last + 1 > first + height ? last + 1 - height : first;

    self->cursor = CLAMP(self->cursor, first, last);
    self->anchor = CLAMP(self->anchor, first, last);
    self->top = CLAMP(self->top, first, top_max);
    if (self->cursor < self->top)
        self->top = self->cursor;
    else if (self->cursor >= self->top + height)
        self->top = self->cursor - height + 1;
}

void console_page_scroll(ConsolePage *self)
{
    Terminal *t = self->console->terminal;

    if (self->scrolling)
        return;
    self->scrolling = TRUE;
    self->selecting = FALSE;
    self->cursor = terminal_cursor_line(t);
    self->top = terminal_end(t) - (guint64)terminal_rows(t);
    self->page.ops = &scroll_ops;
    clamp_view(self);
}

static void scroll_end(ConsolePage *self)
{
    self->scrolling = self->selecting = FALSE;
    g_clear_pointer(&self->needle, g_free);
    self->page.ops = &live_ops;
}

void console_page_move(Page *page, Move step)
{
    ConsolePage *self = (ConsolePage *)page;
    gint64 height = MAX(self->height, 1);
    const gint64 by[] = {
        [MOVE_UP] = -1,
        [MOVE_DOWN] = 1,
        [MOVE_PAGE_UP] = -MAX(height - 1, 1),
        [MOVE_PAGE_DOWN] = MAX(height - 1, 1),
        [MOVE_HALF_UP] = -MAX(height / 2, 1),
        [MOVE_HALF_DOWN] = MAX(height / 2, 1),
        [MOVE_FIRST] = G_MININT32,
        [MOVE_LAST] = G_MAXINT32,
        [MOVE_LEFT] = 0,
        [MOVE_RIGHT] = 0,
    };
    gint64 to = (gint64)self->cursor + by[step];

    if (step == MOVE_PAGE_UP || step == MOVE_PAGE_DOWN)
        self->top = (guint64)MAX((gint64)self->top + by[step], 0);
    self->cursor = (guint64)MAX(to, 0);
    clamp_view(self);
}

/* Where a search begins: as it is typed at the cursor, then beyond it. */
static gboolean find(ConsolePage *self, const char *needle, gboolean backwards, gboolean beyond)
{
    Terminal *t = self->console->terminal;
    guint64 first = terminal_first(t), last = terminal_end(t) - 1, line;
    guint64 from = self->cursor + (beyond ? backwards ? (guint64)-1 : 1 : 0);

    if (from < first || from > last || !terminal_search(t, needle, from, backwards, &line)) {
        /* around the end */
        if (!terminal_search(t, needle, backwards ? last : first, backwards, &line))
            return FALSE;
    }
    self->cursor = line;
    clamp_view(self);
    return TRUE;
}

static void search(Page *page, const char *text)
{
    ConsolePage *self = (ConsolePage *)page;

    g_free(self->needle);
    self->needle = *text != '\0' ? g_strdup(text) : NULL;
    if (self->needle != NULL && !find(self, self->needle, TRUE, FALSE) &&
        page->tui->input == INPUT_NONE)
        face_say(page->tui, OUTPUT_ERROR, "'%s' is not in the scroll-back", text);
}

/* Upwards first: what was printed last is what is looked for. */
static gboolean search_next(Page *page, gboolean backwards)
{
    ConsolePage *self = (ConsolePage *)page;

    return self->needle != NULL && find(self, self->needle, !backwards, TRUE);
}

static const char *searched(Page *page)
{
    return ((ConsolePage *)page)->needle;
}

char *console_page_selection(Page *page)
{
    ConsolePage *self = (ConsolePage *)page;
    g_autoptr(GString) out = g_string_new(NULL);

    if (!is_console_page(page) || !self->scrolling)
        return NULL;
    clamp_view(self);
    guint64 from = self->selecting ? MIN(self->anchor, self->cursor) : self->cursor;
    guint64 to = self->selecting ? MAX(self->anchor, self->cursor) : self->cursor;

    for (guint64 line = from; line <= to; line++) {
        g_autofree char *text = terminal_text(self->console->terminal, line);

        g_string_append_printf(out, "%s%s", line > from ? "\n" : "", text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- going ---------------------------------------------------------------------------------- */

/* Shows another one, or none. */
static void set_console(ConsolePage *self, Console *console)
{
    Console *before = self->console;

    if (before == console)
        return;
    scroll_end(self);
    self->prefixed = FALSE;
    g_byte_array_set_size(self->typed, 0);
    self->console = console;
    if (console != NULL) {
        console->shown = TRUE;
        console->unseen = console->rang = FALSE;
    }
    if (before != NULL)
        console_left(before);
    /* what was said before is not about this one */
    if (console != NULL && self->page.tui->message_class == OUTPUT_NOTE)
        g_clear_pointer(&self->page.tui->message, g_free);
}

void console_page_go(ConsolePage *self)
{
    Tui *tui = self->page.tui;
    int then = self->then;

    if (self->feeding || then == STAYS)
        return;
    self->then = STAYS;
    if (then == RUNS)
        input_run_binding(tui, self->runs);
    else if (then == CLOSES)
        console_close(self->console);
    else if (tui_page(tui) == &self->page)
        tui_pop(tui);
    /* self may be gone */
    if (then == LISTS)
        pages_goto(tui, "consoles", NULL);
    tui_changed(tui);
}

static void leave(ConsolePage *self)
{
    self->then = LEAVES;
    console_page_go(self);
}

/* Esc: out of a search, a selection, the scroll-back, and out of one that ended. */
static gboolean back(Page *page)
{
    ConsolePage *self = (ConsolePage *)page;

    if (self->needle != NULL)
        g_clear_pointer(&self->needle, g_free);
    else if (self->selecting)
        self->selecting = FALSE;
    else if (self->console->state == CONSOLE_ENDED)
        return FALSE;
    else
        scroll_end(self);
    return TRUE;
}

static const char *target(Page *page)
{
    ConsolePage *self = (ConsolePage *)page;

    return self->console != NULL ? self->console->key : NULL;
}

static void page_free(Page *page)
{
    ConsolePage *self = (ConsolePage *)page;

    app_source_remove(&self->escape);
    set_console(self, NULL);
    detach_keys_free(self->detach);
    g_byte_array_unref(self->typed);
    g_free(self->detach_text);
    g_free(self->needle);
    g_free(self);
}

/* One that ended takes Esc, q, Enter and the detach keys for leaving; what looks, looks. */
static void show_end(ConsolePage *self)
{
    if (self->console->state == CONSOLE_ENDED && !self->scrolling)
        console_page_scroll(self);
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* The others that are open: "1:web 2:db*", * with something new, ! rang. */
static char *others_text(ConsolePage *self)
{
    Tui *tui = self->page.tui;
    g_autoptr(GString) out = g_string_new(NULL);
    Console *console;

    for (guint i = 0; (console = consoles_nth(tui, i)) != NULL; i++)
        if (console != self->console)
            g_string_append_printf(out, "%s%u:%s%s", out->len > 0 ? " " : "", console->number,
                                   console->name,
                                   console->rang     ? "!"
                                   : console->unseen ? "*"
                                                     : "");
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* How to get out, and to the other keys. */
static char *leave_text(ConsolePage *self)
{
    g_autofree char *detach = detach_keys_text(self->detach_text);
    g_autofree char *prefix = self->prefix != KEYS_NONE ? keys_name(self->prefix) : NULL;

    if (self->prefixed)
        return g_strdup("d leave  n p next  [ scroll  / search  ? more");
    if (self->scrolling && self->console->state == CONSOLE_ENDED)
        return g_strdup("q leaves  / search  y copy");
    if (self->scrolling)
        return g_strdup("Esc back  / search  v select  y copy");
    return prefix != NULL ? g_strdup_printf("leave with %s  keys %s ?", detach, prefix)
                          : g_strdup_printf("leave with %s", detach);
}

/* Where in the scroll-back. */
static char *place_text(ConsolePage *self)
{
    guint64 first = terminal_first(self->console->terminal);

    if (!self->scrolling)
        return NULL;
    return g_strdup_printf("line %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT "%s",
                           self->cursor - first + 1, terminal_end(self->console->terminal) - first,
                           self->selecting ? ", selecting" : "");
}

static void draw_header(ConsolePage *self, const Canvas *c)
{
    static const Role roles[] = {
        [OUTPUT_DATA] = ROLE_BAR, [OUTPUT_NOTE] = ROLE_OK, [OUTPUT_ERROR] = ROLE_ERROR};
    Tui *tui = self->page.tui;
    Console *console = self->console;
    const ModelInstance *instance = tui_instance(tui, console->key);
    g_autofree char *state = consoles_state_text(console), *others = others_text(self);
    g_autofree char *leaves = leave_text(self), *place = place_text(self);
    g_autofree char *number = g_strdup_printf(" %u ", console->number);
    gboolean ended = console->state == CONSOLE_ENDED;
    const char *word = console->state != CONSOLE_LIVE ? state
                       : instance == NULL             ? "gone"
                                                      : gemel_state_name(instance->info->state);
    const BarSegment segments[] = {
        {number, ROLE_BRAND, 0, FALSE},
        {console->what, ROLE_STRONG, 0, FALSE},
        {word, ended ? ROLE_WARN : ROLE_BAR, ended ? 1 : 4, FALSE},
        {tui->message, roles[tui->message_class], 0, FALSE},
        {tui->message == NULL ? place : NULL, ROLE_WARN, ended ? 6 : 2, FALSE},
        {console->dropped > 0 ? "takes no more input" : NULL, ROLE_WARN, 2, FALSE},
        {tui->message == NULL ? others : NULL, ROLE_BAR, 5, TRUE},
        {tui->message == NULL ? leaves : NULL, ROLE_BAR, 3, TRUE},
    };

    bar_draw(c, segments, G_N_ELEMENTS(segments));
}

static void draw(Page *page, const Canvas *all)
{
    ConsolePage *self = (ConsolePage *)page;
    Canvas header = canvas_sub(all, 0, 0, 1, all->width);
    Canvas body = canvas_sub(all, 1, 0, all->height - 1, all->width);
    Canvas bar = canvas_on(&header, ROLE_BAR);
    Terminal *t = self->console->terminal;

    console_typing_read_keys(self);
    self->height = body.height;
    console_set_size(self->console, body.height, body.width);
    show_end(self);
    if (self->scrolling) {
        clamp_view(self);
        terminal_draw_lines(t, &body,
                            &(TerminalView){
                                .top = self->top,
                                .cursor = self->cursor,
                                .from = self->selecting ? MIN(self->anchor, self->cursor) : 1,
                                .to = self->selecting ? MAX(self->anchor, self->cursor) : 0,
                                .needle = self->needle,
                            });
    } else {
        terminal_draw(t, &body,
                      page->tui->input == INPUT_NONE && page->tui->dialog == NULL &&
                          page->tui->menu == NULL);
    }
    draw_header(self, &bar);
}

/* ---- the page ------------------------------------------------------------------------------- */

static const PageOps live_ops = {
    .name = "console",
    .where = AT_CONSOLE,
    .draw = draw,
    .free = page_free,
    .move = console_page_move,
    .target = target,
    .search = search,
    .search_next = search_next,
    .searched = searched,
    .feed = console_typing_feed,
    .whole = TRUE,
};

static const PageOps scroll_ops = {
    .name = "scroll-back",
    .where = (Where)(AT_SCROLL | AT_TEXT),
    .draw = draw,
    .free = page_free,
    .move = console_page_move,
    .back = back,
    .target = target,
    .search = search,
    .search_next = search_next,
    .searched = searched,
    .whole = TRUE,
};

/* The page, wherever it is. */
static ConsolePage *find_page(Tui *tui, guint *ret_at)
{
    for (guint i = 1; i < tui->pages->len; i++) {
        if (!is_console_page(tui->pages->pdata[i]))
            continue;
        *ret_at = i;
        return tui->pages->pdata[i];
    }
    return NULL;
}

void console_page_show(Tui *tui, Console *console)
{
    guint at;
    ConsolePage *self = find_page(tui, &at);

    if (self == NULL) {
        self = g_new0(ConsolePage, 1);
        self->page = (Page){&live_ops, tui};
        self->typed = g_byte_array_new();
        console_typing_read_keys(self);
        set_console(self, console);
        tui_push(tui, &self->page);
        return;
    }
    g_ptr_array_steal_index(tui->pages, at);
    g_ptr_array_add(tui->pages, self);
    set_console(self, console);
    tui_changed(tui);
}

void console_page_forget(Tui *tui, Console *console)
{
    guint at;
    ConsolePage *self = find_page(tui, &at);

    if (self == NULL || self->console != console)
        return;
    console->shown = FALSE;
    self->console = NULL;
    g_ptr_array_remove_index(tui->pages, at);
}

/* ---- view console … ------------------------------------------------------------------------- */

/* The next or the one before, around the end. */
static Console *neighbour(ConsolePage *self, int step)
{
    Tui *tui = self->page.tui;
    guint at = 0;

    g_ptr_array_find(tui->consoles, self->console, &at);
    return consoles_nth(tui, (at + tui->consoles->len + (guint)step) % tui->consoles->len);
}

/* A serial line has no way to tell its other end how large the screen is. */
static void type_size(ConsolePage *self)
{
    Terminal *t = self->console->terminal;
    g_autofree char *line =
        g_strdup_printf("stty rows %d cols %d\r", terminal_rows(t), terminal_cols(t));

    if (console_typing_may(self))
        terminal_type(t, line, strlen(line));
}

static void list_keys(Tui *tui)
{
    g_autoptr(GString) out =
        g_string_new("In a console every key goes to the program inside, but for\n");
    g_autofree char *leave = detach_keys_text(options_get(tui->app->options, "detach-keys"));
    const char *prefix = options_get(tui->app->options, "console-prefix");
    const Binding *binding;

    g_string_append_printf(out, "\n %-12s leave it; what runs in it goes on\n", leave);
    g_string_append_printf(out, " %-12s scroll back\n", "S-PgUp");
    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++)
        if (binding->where == AT_CONSOLE && binding->summary != NULL)
            g_string_append_printf(out, " %s %-*s %s\n", prefix, MAX(11 - (int)strlen(prefix), 1),
                                   binding->key, binding->summary);
    g_string_append_printf(out, " %s %-*s %s itself\n", prefix, MAX(11 - (int)strlen(prefix), 1),
                           prefix, prefix);
    g_string_append(out, "\n`set console-prefix KEY` and `set detach-keys KEYS` change these.\n");
    tui_push(tui, output_new(tui, "keys in consoles", out->str));
}

gboolean console_page_verb(Tui *tui, const char *arg, GError **error)
{
    ConsolePage *self = (ConsolePage *)console_page_top(tui);
    guint number = (guint)g_ascii_strtoull(arg, NULL, 10);

    if (number > 0 && consoles_find(tui, number) != NULL) {
        console_page_show(tui, consoles_find(tui, number));
        return TRUE;
    }
    if (number > 0)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "view console: there is no console %u",
                               number);
    if (self == NULL && strcmp(arg, "close") == 0 && consoles_view_close(tui))
        return TRUE;
    if (self == NULL)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "view console: `c` and `s` open one, C lists what is open");
    if (strcmp(arg, "next") == 0 || strcmp(arg, "previous") == 0)
        console_page_show(tui, neighbour(self, *arg == 'n' ? 1 : -1));
    else if (strcmp(arg, "scroll") == 0)
        console_page_scroll(self), console_page_move(&self->page, MOVE_PAGE_UP);
    else if (strcmp(arg, "search") == 0)
        console_page_scroll(self), input_begin(tui, INPUT_SEARCH, NULL);
    else if (strcmp(arg, "select") == 0 && self->scrolling)
        self->selecting = !self->selecting, self->anchor = self->cursor;
    else if (strcmp(arg, "leave") == 0)
        leave(self);
    else if (strcmp(arg, "close") == 0)
        self->then = CLOSES, console_page_go(self);
    else if (strcmp(arg, "enter") == 0 && self->console->state == CONSOLE_ENDED && !self->selecting)
        leave(self);
    else if (strcmp(arg, "enter") == 0)
        return copy_verb(tui, "lines", error);
    else if (strcmp(arg, "size") == 0)
        type_size(self);
    else if (strcmp(arg, "clear") == 0)
        terminal_clear_scrollback(self->console->terminal);
    else if (strcmp(arg, "list") == 0)
        self->then = LISTS, console_page_go(self);
    else if (strcmp(arg, "keys") == 0)
        list_keys(tui);
    else
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "view console: '%s' is not next, previous, scroll, search, select, "
                               "leave, close, size, clear, list, keys or a number",
                               arg);
    return TRUE;
}
