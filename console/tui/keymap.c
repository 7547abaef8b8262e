/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keymap.c - the one table of keys. Lower case looks, a prefix acts; nothing that destroys is on
   one stroke or on a Ctrl-letter. `bind` puts entries before it. */
#include <string.h>

#include "console/tui/tui_private.h"

/* clang-format off */
static const Binding table[] = {
    /* moving */
    {"j",    AT_ALL, "view down",       NULL, 0, "one down"},
    {"k",    AT_ALL, "view up",         NULL, 0, "one up"},
    {"Down", AT_ALL, "view down",       NULL, 0, "one down"},
    {"Up",   AT_ALL, "view up",         NULL, 0, "one up"},
    {"PgDn", AT_ALL, "view page-down",  NULL, 0, "a page down"},
    {"PgUp", AT_ALL, "view page-up",    NULL, 0, "a page up"},
    {"^f",   AT_ALL, "view page-down",  NULL, 0, "a page down"},
    {"^b",   AT_ALL, "view page-up",    NULL, 0, "a page up"},
    {"^d",   AT_ALL, "view half-down",  NULL, 0, "half a page down"},
    {"^u",   AT_ALL, "view half-up",    NULL, 0, "half a page up"},
    {"g",    AT_ALL, "view first",      NULL, 0, "to the first"},
    {"G",    AT_ALL, "view last",       NULL, 0, "to the last"},
    {"Home", AT_ALL, "view first",      NULL, 0, "to the first"},
    {"End",  AT_ALL, "view last",       NULL, 0, "to the last"},
    {"h",    AT_ALL, "view left",       NULL, 0, "left: columns, tabs; folds a tree"},
    {"l",    AT_ALL, "view right",      NULL, 0, "right: columns, tabs; unfolds"},
    {"Left", AT_ALL, "view left",       NULL, 0, "left: columns, tabs; folds a tree"},
    {"Right",AT_ALL, "view right",      NULL, 0, "right: columns, tabs; unfolds"},
    {"Right",AT_INSTANCES, "view right", "columns", 6, NULL},
    /* views */
    {"Enter", AT_INSTANCES | AT_JOBS | AT_EVENTS | AT_ALERTS | AT_LISTING, "view enter", "open", 1, "drill in"},
    {"Enter", AT_SNAPSHOTS, "snapshot plan {} {snapshot}", "plan", 2, "what revert and delete would do"},
    {"Esc",  AT_ALL, "view back",       NULL, 0, "back; ends a filter or a search"},
    {"Esc",  AT_DETAIL, "view back",    "back", 0, NULL},
    {"Esc",  AT_INSTANCES, "view back", "back", 1, NULL},
    {"]",    AT_DETAIL, "view tab next","next tab", 1, NULL},
    {"+",    AT_DETAIL, "view zoom",    "zoom", 2, NULL},
    {"Tab",  AT_DETAIL, "view pane",    "list", 3, NULL},
    {"Esc",  AT_TEXT | AT_SNAPSHOTS | AT_JOBS | AT_EVENTS | AT_ALERTS | AT_LISTING | AT_HOSTS | AT_CONSOLES, "view back", "back", 1, NULL},
    {"q",    AT_ALL, "view quit",       NULL, 0, "back, and at the first view: quit"},
    {"q",    AT_INSTANCES | AT_DETAIL, "view quit", "quit", 3, NULL},
    {"Q",    AT_ALL, "view quit-all",   NULL, 0, "quit"},
    {"F10",  AT_ALL, "view quit-all",   NULL, 0, "quit"},
    {"-",    AT_ALL, "view back",       NULL, 0, "back"},
    {"Tab",  AT_INSTANCES, "view pane",     NULL, 0, "the other pane"},
    {"S-Tab",AT_INSTANCES, "view pane",     NULL, 0, "the other pane"},
    {"+",    AT_INSTANCES, "view zoom",     "zoom", 4, "this pane full height, and back"},
    {"f",    AT_INSTANCES, "view zoom",     NULL, 0, "this pane full height, and back"},
    {"1",    AT_ALL, "view goto all",        NULL, 0, "all instances"},
    {"2",    AT_ALL, "view goto vms",        NULL, 0, "guests only"},
    {"3",    AT_ALL, "view goto containers", NULL, 0, "containers only"},
    {"4",    AT_ALL, "view goto snapshots",  NULL, 0, "snapshots of the instance"},
    {"5",    AT_ALL, "view goto images",     NULL, 0, "images, where a host has them"},
    {"6",    AT_ALL, "view goto storage",    NULL, 0, "storage, where a host has it"},
    {"7",    AT_ALL, "view goto networks",   NULL, 0, "networks, where a host has them"},
    {"8",    AT_ALL, "view goto hosts",      NULL, 0, "what each host can do"},
    {"9",    AT_ALL, "view goto jobs",       NULL, 0, "what is under way and what was done"},
    {"A",    AT_ALL, "view goto alerts",     NULL, 0, "alerts, and for what they are raised"},
    {"0",    AT_ALL, "view goto events",     NULL, 0, "what happened"},
    /* looking */
    {"/",    AT_INSTANCES, "view find", "filter", 1, "filter: text, key=value, cpu>50, ~regex, !not"},
    {"\\",   AT_INSTANCES, "view find", NULL, 0, "filter"},
    {"/",    AT_TEXT,      "view find", "search", 2, "search"},
    {"n",    AT_TEXT,      "view find-next", "next", 4, "next match"},
    {"n",    AT_INSTANCES, "view find-next", NULL, 0, "next match in the definition"},
    {"N",    AT_TEXT,      "view find-previous", NULL, 0, "previous match"},
    {"d",    AT_INSTANCES | AT_SNAPSHOTS, "view goto inspect", "inspect", 6, "inspect: what is known about it"},
    {"i",    AT_INSTANCES | AT_SNAPSHOTS, "view goto inspect", NULL, 0, "inspect"},
    {"y",    AT_INSTANCES | AT_SNAPSHOTS, "view goto definition", NULL, 0, "its definition (XML or JSON)"},
    {"e",    AT_INSTANCES, "edit {}", NULL, 0, "edit in $EDITOR; left unchanged, nothing is done"},
    {"t",    AT_INSTANCES, "view goto snapshots", "snapshots", 4, "its snapshots"},
    {"L",    AT_INSTANCES, "view tab log", NULL, 0, "what it wrote last"},
    {"W",    AT_INSTANCES, "view tab why", "why", 6, "why it is slow: causes by evidence"},
    {"E",    AT_ALL,       "why",        NULL, 0, "which one eats the host"},
    {"!",    AT_ALL,       "replay pause",       NULL, 0, "pause the recording, or let it go on"},
    {"{",    AT_ALL,       "replay back 10s",    NULL, 0, "back in the recording"},
    {"}",    AT_ALL,       "replay forward 10s", NULL, 0, "on in the recording"},
    {"c",    AT_INSTANCES, "console {}", "console", 4, "its console (leave with ^])"},
    {"s",    AT_INSTANCES, "shell {}",   "shell", 5, "a shell inside"},
    {"C",    AT_ALL,       "view goto consoles", NULL, 0, "consoles and shells that are open"},
    {"Y",    AT_ALL,       "view menu copy",  NULL, 0, "copy its name, id, address or path (OSC 52)"},
    {"Enter", AT_CONSOLES, "view enter",         "show", 0, "show it"},
    {"D",    AT_CONSOLES,  "view console close", "close", 1, "close it; what runs in a shell is hung up"},
    /* in a console, after the prefix */
    {"d",    AT_CONSOLE,   "view console leave",    NULL, 0, "leave it; it goes on"},
    {"n",    AT_CONSOLE,   "view console next",     NULL, 0, "the next one"},
    {"p",    AT_CONSOLE,   "view console previous", NULL, 0, "the one before"},
    {"1",    AT_CONSOLE,   "view console 1",        NULL, 0, "number 1, and so on"},
    {"2",    AT_CONSOLE,   "view console 2",        NULL, 0, NULL},
    {"3",    AT_CONSOLE,   "view console 3",        NULL, 0, NULL},
    {"4",    AT_CONSOLE,   "view console 4",        NULL, 0, NULL},
    {"5",    AT_CONSOLE,   "view console 5",        NULL, 0, NULL},
    {"6",    AT_CONSOLE,   "view console 6",        NULL, 0, NULL},
    {"7",    AT_CONSOLE,   "view console 7",        NULL, 0, NULL},
    {"8",    AT_CONSOLE,   "view console 8",        NULL, 0, NULL},
    {"9",    AT_CONSOLE,   "view console 9",        NULL, 0, NULL},
    {"w",    AT_CONSOLE,   "view console list",     NULL, 0, "leave it for the list of all"},
    {"[",    AT_CONSOLE,   "view console scroll",   NULL, 0, "scroll back"},
    {"PgUp", AT_CONSOLE,   "view console scroll",   NULL, 0, "scroll back"},
    {"/",    AT_CONSOLE,   "view console search",   NULL, 0, "search the scroll-back"},
    {"s",    AT_CONSOLE,   "view console size",     NULL, 0, "type `stty rows R cols C`: a serial line needs it"},
    {"c",    AT_CONSOLE,   "view console clear",    NULL, 0, "forget the scroll-back"},
    {"x",    AT_CONSOLE,   "view console close",    NULL, 0, "close it; what runs in a shell is hung up"},
    {":",    AT_CONSOLE,   "view command",          NULL, 0, "command line"},
    {"^l",   AT_CONSOLE,   "view redraw",           NULL, 0, "draw the screen anew"},
    {"?",    AT_CONSOLE,   "view console keys",     NULL, 0, "this list"},
    /* in its scroll-back */
    {"q",    AT_SCROLL,    "view back",             NULL, 0, "back to what is printed now"},
    {"^c",   AT_SCROLL,    "view back",             NULL, 0, "back to what is printed now"},
    {"v",    AT_SCROLL,    "view console select",   NULL, 0, "select lines from here on"},
    {"Space",AT_SCROLL,    "view console select",   NULL, 0, "select lines from here on"},
    {"y",    AT_SCROLL,    "view copy lines",       NULL, 0, "copy the lines selected, or this one (OSC 52)"},
    {"Enter",AT_SCROLL,    "view console enter",    NULL, 0, "copy; leaves one that ended"},
    {"^]",   AT_SCROLL,    "view console leave",    NULL, 0, "leave the console"},
    /* acting */
    {":",    AT_ALL,       "view command", "command", 1, "command line, with completion"},
    {"p",    AT_INSTANCES | AT_DETAIL, "view menu power", "power", 1, "power menu"},
    {"x",    AT_INSTANCES | AT_DETAIL, "view menu actions", "actions", 2, "every action that is valid now"},
    {"F9",   AT_INSTANCES, "view menu actions", NULL, 0, "every action that is valid now"},
    {"n",    AT_ALERTS, "view command alert ", "new", 2, "make an alert"},
    {"D",    AT_ALERTS, "view remove", "remove", 2, "forget the alert; asks first"},
    {"b",    AT_INSTANCES, "view menu bulk", "act on marks", 1, "act on the marked ones"},
    {"D",    AT_INSTANCES, "view delete",  NULL, 0, "delete; asks first, for the name if it runs"},
    {"n",    AT_SNAPSHOTS, "view command snapshot create {} ", "new", 2, "take a snapshot"},
    {"r",    AT_SNAPSHOTS, "snapshot revert {} {snapshot}", "revert", 2, "go back to it; asks first"},
    {"=",    AT_SNAPSHOTS, "snapshot plan {} {snapshot}", NULL, 0, "what revert and delete would do"},
    {"e",    AT_SNAPSHOTS, "view command snapshot export {} {snapshot} ", NULL, 0, "write its files to a tar archive"},
    {"c",    AT_SNAPSHOTS, "snapshot diff {} {snapshot}", "changes", 5, "which files changed since it"},
    {"x",    AT_SNAPSHOTS, "view menu snapshot", "actions", 2, "what can be done with it"},
    {"D",    AT_SNAPSHOTS, "snapshot delete {} {snapshot}", "delete", 3, "delete it; asks first"},
    {"r",    AT_INSTANCES, "view hint restart is `p r`", NULL, 0, NULL},
    {"R",    AT_INSTANCES, "view hint reset is `p R`", NULL, 0, NULL},
    {"Delete", AT_INSTANCES | AT_SNAPSHOTS, "view hint delete is `D`", NULL, 0, NULL},
    /* marks */
    {"Space",AT_INSTANCES, "view mark",       "mark", 2, "mark or unmark"},
    {"Space",AT_METRICS,   "view mark",       "in graph", 1, NULL},
    {"U",    AT_METRICS,   "view mark none",  "alone", 3, NULL},
    {"v",    AT_INSTANCES, "view mark range", NULL, 0, "mark from the last mark to here"},
    {"*",    AT_INSTANCES, "view mark all",   NULL, 0, "mark all that are shown"},
    {"U",    AT_INSTANCES, "view mark none",  NULL, 0, "unmark all"},
    /* sorting and display */
    {"o",    AT_INSTANCES, "view menu sort",     "sort", 2, "sort menu"},
    {"u",    AT_INSTANCES, "view menu group",    NULL, 0, "group menu: the list as a tree"},
    {"F5",   AT_INSTANCES, "view group",         NULL, 0, "the next kind of tree, or none"},
    {"z",    AT_INSTANCES, "view collapse",      NULL, 0, "collapse or expand the group"},
    {"P",    AT_INSTANCES, "view sort cpu",      NULL, 0, "sort by CPU"},
    {"M",    AT_INSTANCES, "view sort memory",   NULL, 0, "sort by memory"},
    {"T",    AT_INSTANCES, "view sort uptime",   NULL, 0, "sort by uptime"},
    {"N",    AT_INSTANCES, "view sort name",     NULL, 0, "sort by name"},
    {"I",    AT_INSTANCES, "view sort invert",   NULL, 0, "the other way round"},
    {"%",    AT_INSTANCES, "view cpu",     NULL, 0, "CPU % of a core, of the limit, of the host"},
    {"S",    AT_INSTANCES, "view span",    NULL, 0, "time span of graphs: a minute, ten, a day"},
    {"S",    AT_DETAIL,    "view span",    "span", 4, NULL},
    {"F",    AT_INSTANCES, "view follow",  NULL, 0, "whether the cursor goes with its item"},
    {"Z",    AT_ALL,       "view freeze",  "freeze", 0, "stop and go on reading figures"},
    {"w",    AT_TEXT,      "view wide",    "wrap", 2, "wrap lines"},
    {"w",    AT_ALL,       "view wide",    NULL, 0, "all columns; in text: wrap lines"},
    {"m",    AT_ALL,       "view mouse",   NULL, 0, "mouse on or off"},
    {"^r",   AT_ALL,       "view refresh", NULL, 0, "read everything now"},
    {"^l",   AT_ALL,       "view redraw",  NULL, 0, "draw the screen anew"},
    {"^o",   AT_ALL,       "view read-only", NULL, 0, "refuse every change, or allow them again"},
    {"^z",   AT_ALL,       "view suspend", NULL, 0, "back to the shell; `fg` returns"},
    {"^c",   AT_ALL,       "view cancel",  NULL, 0, "cancel what is under way, else ask to quit"},
    {"]",    AT_INSTANCES, "view tab next",     "tab", 6, "next tab of the detail pane"},
    {"[",    AT_INSTANCES, "view tab previous", NULL, 0, "previous tab"},
    {"?",    AT_ALL, "view goto help",       "help", 0, "this help"},
    {"F1",   AT_ALL, "view goto help",       NULL, 0, "this help"},
    {"WheelUp",   AT_ALL,  "view up",      NULL, 0, NULL},
    {"WheelDown", AT_ALL,  "view down",    NULL, 0, NULL},
};
/* clang-format on */

/* What `bind` added: newest first, so it wins. */
static GPtrArray *bound;

static gboolean holds(const Binding *binding, int key, Where where)
{
    return (binding->where & where) != 0 && keys_from_name(binding->key) == key;
}

/* A narrower place wins over AT_ALL: the tables are searched twice. */
const Binding *keymap_find(int key, Where where)
{
    const Binding *wide = NULL;

    for (guint i = 0; bound != NULL && i < bound->len; i++) {
        const Binding *binding = bound->pdata[bound->len - 1 - i];

        if (holds(binding, key, where))
            return *binding->line != '\0' ? binding : NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!holds(&table[i], key, where))
            continue;
        if (table[i].where != AT_ALL)
            return &table[i];
        if (wide == NULL)
            wide = &table[i];
    }
    return wide;
}

const Binding *keymap_nth(guint i)
{
    guint n = bound != NULL ? bound->len : 0;

    if (i < n)
        return bound->pdata[i];
    return i - n < G_N_ELEMENTS(table) ? &table[i - n] : NULL;
}

static void binding_free(gpointer data)
{
    Binding *binding = data;

    g_free((char *)binding->key);
    g_free((char *)binding->line);
    g_free(binding);
}

static const struct {
    Where where;
    const char *name;
} places[] = {{AT_ALL, "everywhere"},      {AT_INSTANCES, "instances"}, {AT_DETAIL, "detail"},
              {AT_SNAPSHOTS, "snapshots"}, {AT_JOBS, "jobs"},           {AT_EVENTS, "events"},
              {AT_HOSTS, "hosts"},         {AT_TEXT, "text"},           {AT_ALERTS, "alerts"},
              {AT_LISTING, "listing"},     {AT_CONSOLES, "consoles"},   {AT_CONSOLE, "console"},
              {AT_SCROLL, "scroll-back"},  {AT_TABLES, "tables"}};

const char *tui_place(guint i)
{
    return i < G_N_ELEMENTS(places) ? places[i].name : NULL;
}

/* "instances, snapshots": where a binding holds; interned. */
static const char *place_name(Where where)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(places); i++)
        if (places[i].where == where)
            return places[i].name;
    for (guint i = 0; i < G_N_ELEMENTS(places); i++)
        if (places[i].where != AT_ALL && places[i].where != AT_TABLES && (where & places[i].where))
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", places[i].name);
    return g_intern_string(text->str);
}

/* Where a place is; NULL is everywhere, 0 is no place. */
static Where place_where(const char *name)
{
    for (guint i = 0; name != NULL && i < G_N_ELEMENTS(places); i++)
        if (strcmp(places[i].name, name) == 0) /* the detail's keys are those of the list */
            return places[i].where == AT_DETAIL ? AT_INSTANCES : places[i].where;
    return name == NULL ? AT_ALL : 0;
}

gboolean tui_bind_default(const char *key, const char *place)
{
    gboolean any = FALSE;

    for (guint i = bound != NULL ? bound->len : 0; i-- > 0;) {
        const Binding *own = bound->pdata[i];

        if (strcmp(own->key, key) == 0 && (place == NULL || own->where == place_where(place))) {
            g_ptr_array_remove_index(bound, i);
            any = TRUE;
        }
    }
    return any;
}

gboolean tui_bind(const char *key, const char *place, const char *line, GError **error)
{
    Where where = place_where(place);
    Binding *binding;

    if (keys_from_name(key) == KEYS_NONE)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "bind: '%s' is no key; a key is a character, ^x, Enter, Esc, Space, "
                               "Tab, Up, PgUp, F1 and so on",
                               key);
    if (where == 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "bind %s: '%s' is no place of the console", key, place);
    if (bound == NULL)
        bound = g_ptr_array_new_with_free_func(binding_free);
    tui_bind_default(key, place != NULL ? place : places[0].name);
    binding = g_new0(Binding, 1);
    *binding = (Binding){g_strdup(key), where, g_strdup(line), NULL, 0, "bound by you"};
    g_ptr_array_add(bound, binding);
    return TRUE;
}

void tui_foreach_binding(void (*each)(const TuiBinding *binding, gpointer data), gpointer data)
{
    const Binding *binding;
    guint n = bound != NULL ? bound->len : 0;

    for (guint i = 0; (binding = keymap_nth(i)) != NULL; i++)
        each(&(TuiBinding){.key = binding->key,
                           .place = place_name(binding->where),
                           .line = binding->line,
                           .summary = binding->summary,
                           .own = i < n},
             data);
}
