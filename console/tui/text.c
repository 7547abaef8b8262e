/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - the pages that are texts: inspect, definition, help, and what a command printed. */
#include <string.h>

#include "console/commands.h"
#include "console/inspect_text.h"
#include "console/tui/tui_private.h"
#include "widgets/textview.h"

typedef struct TextPage TextPage;

struct TextPage {
    Page page;
    char *title;
    char *key; /* of the instance it is about, or NULL */
    TextView *view;
    char *shown;    /* the text in the viewer */
    gboolean *gone; /* told when the page is closed, or NULL */
    /* Brings the text up to date; NULL: it never changes. */
    void (*refresh)(TextPage *self);
};

/* Replaces the text; the reader's place stays. */
static void set_text(TextPage *self, const char *text, TextViewSyntax syntax)
{
    if (g_strcmp0(text, self->shown) == 0)
        return;
    g_free(self->shown);
    self->shown = g_strdup(text);
    textview_set_text(self->view, text, -1, syntax);
}

static void draw(Page *page, const Canvas *c)
{
    TextPage *self = (TextPage *)page;
    Canvas body = canvas_sub(c, 1, 1, c->height - 1, c->width - 2);

    if (self->refresh != NULL)
        self->refresh(self);
    textview_draw(self->view, &body);
    g_autofree char *position = textview_position(self->view);

    canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
    canvas_text(c, 0, canvas_printf(c, 0, 1, ROLE_TITLE, " %s ", self->title), ROLE_BORDER, "");
    canvas_printf(c, 0, c->width - text_width(position) - 4, ROLE_DIM, " %s ", position);
}

static void text_free(Page *page)
{
    TextPage *self = (TextPage *)page;

    if (self->gone != NULL)
        *self->gone = TRUE;
    textview_free(self->view);
    g_free(self->title);
    g_free(self->key);
    g_free(self->shown);
    g_free(self);
}

static void move(Page *page, Move step)
{
    textview_move(((TextPage *)page)->view, (TextViewMove)step);
}
G_STATIC_ASSERT((int)MOVE_RIGHT == (int)TEXTVIEW_RIGHT);
G_STATIC_ASSERT((int)MOVE_FIRST == (int)TEXTVIEW_FIRST);
G_STATIC_ASSERT((int)MOVE_RIGHT == (int)TABLE_RIGHT);
G_STATIC_ASSERT((int)MOVE_FIRST == (int)TABLE_FIRST);

static gboolean back(Page *page)
{
    TextPage *self = (TextPage *)page;

    if (textview_needle(self->view) == NULL)
        return FALSE;
    textview_search(self->view, NULL);
    return TRUE;
}

static const char *target(Page *page)
{
    return ((TextPage *)page)->key;
}

static void search(Page *page, const char *text)
{
    TextPage *self = (TextPage *)page;
    guint found = textview_search(self->view, text);

    if (*text != '\0')
        face_say(page->tui, found > 0 ? OUTPUT_NOTE : OUTPUT_ERROR, "%u line%s with '%s'", found,
                 found == 1 ? "" : "s", text);
}

static gboolean search_next(Page *page, gboolean backwards)
{
    return textview_search_next(((TextPage *)page)->view, backwards);
}

static const char *searched(Page *page)
{
    return textview_needle(((TextPage *)page)->view);
}

static void wide(Page *page)
{
    TextPage *self = (TextPage *)page;

    textview_set_wrap(self->view, !textview_wraps(self->view));
}

#define TEXT_OPS(page_name)                                                                        \
    {                                                                                              \
        .name = (page_name), .where = AT_TEXT, .draw = draw, .free = text_free, .move = move,      \
        .back = back, .target = target, .search = search, .search_next = search_next,              \
        .searched = searched, .wide = wide,                                                        \
    }

static const PageOps inspect_ops = TEXT_OPS("inspect");
static const PageOps definition_ops = TEXT_OPS("definition");
static const PageOps help_ops = TEXT_OPS("help");
static const PageOps output_ops = TEXT_OPS("output");

static TextPage *text_new(Tui *tui, const PageOps *ops, const char *title, const char *key)
{
    TextPage *self = g_new0(TextPage, 1);

    self->page = (Page){ops, tui};
    self->title = g_strdup(title);
    self->key = g_strdup(key);
    self->view = textview_new();
    return self;
}

/* ---- inspect -------------------------------------------------------------------------------- */

static void append_row(const char *label, const char *value, gpointer data)
{
    if (value != NULL)
        text_append_fit(data, label, MAX(INSPECT_COLUMN - 1, text_width(label)), TEXT_LEFT);
    else
        g_string_append(data, label);
    g_string_append_printf(data, value != NULL ? " %s\n" : "%s\n", value != NULL ? value : "");
}

/* What the list knows is there at once, the rest when it has been read. */
static void refresh_inspect(TextPage *self)
{
    const Fetched *fetched = fetch_inspect(self->page.tui->fetch, self->key, 5000);
    const ModelInstance *instance = tui_instance(self->page.tui, self->key);
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *object = instance != NULL ? instance_to_json(instance) : json_object();

    if (instance == NULL)
        g_string_append(out, "It is gone; what was known last:\n\n");
    if (fetched->essentials != NULL)
        json_object_update_missing(object, fetched->essentials);
    json_object_del(object, "actions"); /* the menu of them says more */
    inspect_rows(object, append_row, out);
    json_decref(object);
    if (fetched->essentials == NULL)
        g_string_append_printf(out, "\n%s\n",
                               fetched->error != NULL ? fetched->error : "reading ...");
    set_text(self, out->str, TEXTVIEW_FIELDS);
}

static void refresh_definition(TextPage *self)
{
    const Fetched *fetched = fetch_inspect(self->page.tui->fetch, self->key, 5000);

    if (fetched->definition != NULL)
        set_text(self, fetched->definition,
                 strcmp(fetched->definition_format, "xml") == 0 ? TEXTVIEW_XML : TEXTVIEW_JSON);
    else
        set_text(self, fetched->error != NULL ? fetched->error : "reading ...", TEXTVIEW_PLAIN);
}

/* "inspect lab-vm", or what is known of one that is gone. */
static TextPage *instance_text(Tui *tui, const PageOps *ops, const char *key)
{
    const ModelInstance *instance = tui_instance(tui, key);
    g_autofree char *title =
        g_strdup_printf("%s: %s", ops->name, instance != NULL ? instance->info->name : key);

    return text_new(tui, ops, title, key);
}

Page *inspect_new(Tui *tui, const char *key)
{
    TextPage *self = instance_text(tui, &inspect_ops, key);

    self->refresh = refresh_inspect;
    textview_set_wrap(self->view, TRUE); /* ids are long */
    return &self->page;
}

Page *definition_new(Tui *tui, const char *key)
{
    TextPage *self = instance_text(tui, &definition_ops, key);

    self->refresh = refresh_definition;
    return &self->page;
}

Page *output_new(Tui *tui, const char *title, const char *text)
{
    TextPage *self = text_new(tui, &output_ops, title, NULL);
    gboolean json = *text == '{' || *text == '[';

    set_text(self, text, json ? TEXTVIEW_JSON : TEXTVIEW_PLAIN);
    return &self->page;
}

void output_replace(Page *page, const char *title, const char *text)
{
    TextPage *self = (TextPage *)page;

    g_free(self->title);
    self->title = g_strdup(title);
    set_text(self, text, *text == '{' || *text == '[' ? TEXTVIEW_JSON : TEXTVIEW_PLAIN);
}

void output_watch(Page *page, gboolean *gone)
{
    ((TextPage *)page)->gone = gone;
}

/* ---- help ----------------------------------------------------------------------------------- */

/* All keys from the i-th on that do the same in the same place, "" when an earlier one named them.
 */
static char *help_keys(guint first, const Binding *like)
{
    g_autoptr(GString) keys = g_string_new(NULL);
    const Binding *binding;

    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++) {
        if (binding->summary == NULL || binding->where != like->where ||
            strcmp(binding->line, like->line) != 0)
            continue;
        if (i < first)
            return g_strdup("");
        g_string_append_printf(keys, "%s%s", keys->len > 0 ? " " : "", binding->key);
    }
    return g_string_free(g_steal_pointer(&keys), FALSE);
}

/* Three columns that fit into 78 cells; a long text in the middle leaves the third to the next
   line. */
static void help_row(GString *out, const char *keys, const char *summary, const char *line)
{
    enum { KEYS = 10, SUMMARY = 34 };

    if (text_width(summary) <= SUMMARY)
        g_string_append_printf(out, " %-*s %-*s %s\n", KEYS, keys, SUMMARY, summary, line);
    else
        g_string_append_printf(out, " %-*s %s\n %*s %*s %s\n", KEYS, keys, summary, KEYS, "",
                               SUMMARY, "", line);
}

/* One line for all keys that do the same. */
static void help_section(GString *out, const char *title, Where where, gboolean exactly)
{
    const Binding *binding;

    g_string_append_printf(out, "\n%s\n", title);
    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++) {
        gboolean here = exactly ? binding->where == where
                                : binding->where != AT_ALL && (binding->where & where) != 0;
        g_autofree char *keys = here && binding->summary != NULL ? help_keys(i, binding) : NULL;
        g_autofree char *line = g_strstrip(g_strdup(binding->line));

        if (keys != NULL && *keys != '\0')
            help_row(out, keys, binding->summary, line);
    }
}

static void help_verb(const char *name, const char *args, const char *summary, gpointer data)
{
    GString *out = data;
    g_autofree char *synopsis = g_strdup_printf("view %s %s", name, args);

    if (text_width(synopsis) <= 28)
        g_string_append_printf(out, " %-28s %s\n", synopsis, summary);
    else
        g_string_append_printf(out, " %s\n %28s %s\n", synopsis, "", summary);
}

/* The rest of a line from column `indent` on, over as many lines as it takes within 78 cells. */
static void append_wrapped(GString *out, int indent, const char *text)
{
    for (gboolean first = TRUE; first || *text != '\0'; first = FALSE) {
        const char *end = text_break(text, 78 - indent);

        g_string_append_printf(out, "%*s%.*s\n", first ? 0 : indent, "", (int)(end - text), text);
        text = *end == ' ' ? end + 1 : end;
    }
}

static void help_commands(GString *out)
{
    const Command *const *table = command_table();
    const char *group = NULL;

    for (gsize i = 0; table[i] != NULL; i++) {
        if (table[i]->faces != 0 && (table[i]->faces & FACE_TUI) == 0)
            continue;
        if (g_strcmp0(group, table[i]->group) != 0) {
            group = table[i]->group;
            g_string_append_printf(out, "\nCommands, %s\n", group);
        }
        g_string_append_printf(out, " %-16s ", table[i]->name);
        append_wrapped(out, 18, table[i]->summary);
    }
}

Page *help_new(Tui *tui)
{
    static const struct {
        const char *title;
        Where where;
        gboolean exactly;
    } sections[] = {
        {"Keys in the list of instances", AT_INSTANCES, FALSE},
        {"Keys in the list of snapshots", AT_SNAPSHOTS, FALSE},
        {"Keys in the other lists", AT_JOBS | AT_EVENTS | AT_ALERTS | AT_LISTING | AT_HOSTS, FALSE},
        {"Keys in texts", AT_TEXT, FALSE},
        {"Keys in consoles, after the prefix (^\\)", AT_CONSOLE, TRUE},
        {"Keys in a console's scroll-back, beside those in texts", AT_SCROLL, TRUE},
        {"Keys in the list of consoles", AT_CONSOLES, TRUE},
        {"Keys everywhere", AT_ALL, TRUE}};
    TextPage *self = text_new(tui, &help_ops, "help", NULL);
    g_autoptr(GString) out = g_string_new(
        "Move with the arrows, open with Enter, go back with Esc. To act on what is\n"
        "selected, open a menu (p power, x everything) or type a command after `:`,\n"
        "where Tab completes. A key does what the command at its right does; {} stands\n"
        "for the selected instance. `:help filter` tells how to write filters.\n");

    for (guint i = 0; i < G_N_ELEMENTS(sections); i++)
        help_section(out, sections[i].title, sections[i].where, sections[i].exactly);
    help_commands(out);
    g_string_append(out, "\nView verbs\n");
    tui_foreach_verb(help_verb, out);
    g_string_append(out,
                    "\nHeader\n"
                    " 3 of 12      instances shown, of how many; behind it the order\n"
                    " CPU% of core  100 % is a core, the instance's limit or the host; % switches\n"
                    " every 1s      how often figures are read; of slow sources up to the second\n"
                    "               figure\n"
                    " self          what this console itself takes: CPU of a core, memory\n"
                    " screen        bytes a second that it sends to the terminal\n"
                    " calls         calls a second to libvirt, the container store and so on\n"
                    "\nColumns\n"
                    " CPU%         of a core, of the limit or of the host: % switches, and the\n"
                    "              header says which\n"
                    " MEMORY       used/limit; of a guest: what it uses by its balloon, else what\n"
                    "              QEMU holds\n"
                    " PRESS c/m/i  share of the last 10 s in which some task stalled on cpu,\n"
                    "              memory, io; of a guest: the host stalling for it, not its\n"
                    "              inside view\n"
                    " BLOCK, NET   bytes a second\n"
                    " -            not available (never a zero); dim figures are old\n");
    textview_set_wrap(self->view, TRUE);
    set_text(self, out->str, TEXTVIEW_FIELDS);
    return &self->page;
}
