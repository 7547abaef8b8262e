/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.c - the `view` verbs: everything a key does that is no command about instances. */
#include <string.h>

#include "config/options.h"
#include "console/audit.h"
#include "console/tui/consoles.h"
#include "widgets/screen.h"

/* The rest of the words joined: an argument with spaces needs no quotes. */
typedef gboolean (*VerbRun)(Tui *tui, const char *arg, GError **error);

typedef struct {
    const char *name, *args, *summary;
    VerbRun run;
} Verb;

/* "not here", naming the place. */
static gboolean not_here(Tui *tui, const char *what, GError **error)
{
    return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "view: %s has no meaning in the %s view",
                           what, tui_page(tui)->ops->name);
}

/* ---- moving --------------------------------------------------------------------------------- */

static gboolean move(Tui *tui, Move step, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->move == NULL)
        return not_here(tui, "moving", error);
    page->ops->move(page, step);
    return TRUE;
}

#define MOVE_VERB(name, step)                                                                      \
    static gboolean verb_##name(Tui *tui, const char *arg, GError **error)                         \
    {                                                                                              \
        return move(tui, step, error);                                                             \
    }
MOVE_VERB(up, MOVE_UP)
MOVE_VERB(down, MOVE_DOWN)
MOVE_VERB(page_up, MOVE_PAGE_UP)
MOVE_VERB(page_down, MOVE_PAGE_DOWN)
MOVE_VERB(half_up, MOVE_HALF_UP)
MOVE_VERB(half_down, MOVE_HALF_DOWN)
MOVE_VERB(first, MOVE_FIRST)
MOVE_VERB(last, MOVE_LAST)
MOVE_VERB(left, MOVE_LEFT)
MOVE_VERB(right, MOVE_RIGHT)

/* ---- going ---------------------------------------------------------------------------------- */

static gboolean verb_enter(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->enter == NULL)
        return not_here(tui, "enter", error);
    page->ops->enter(page);
    return TRUE;
}

static gboolean verb_back(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->back == NULL || !page->ops->back(page))
        tui_pop(tui);
    return TRUE;
}

static void leave(Tui *tui, gboolean yes)
{
    if (yes)
        tui_quit(tui, 0);
}

/* What is under way would be left where it is: then quitting asks. */
static void quit_or_ask(Tui *tui)
{
    guint active = frame_active_jobs(tui), shells = consoles_live_shells(tui);
    g_autofree char *text =
        g_strdup_printf("%u job%s under way; nobody would see how %s. 9 shows %s.", active,
                        active == 1 ? " is" : "s are", active == 1 ? "it ends" : "they end",
                        active == 1 ? "it" : "them");

    g_autofree char *open =
        g_strdup_printf("%u shell%s still open and would be hung up. C shows %s.", shells,
                        shells == 1 ? " is" : "s are", shells == 1 ? "it" : "them");

    if (active == 0 && shells == 0)
        tui_quit(tui, 0);
    else
        face_ask(tui, "Quit gemel?", "quit all the same", active > 0 ? text : open, leave);
}

static gboolean verb_quit(Tui *tui, const char *arg, GError **error)
{
    if (!tui_pop(tui))
        quit_or_ask(tui);
    return TRUE;
}

static gboolean verb_quit_all(Tui *tui, const char *arg, GError **error)
{
    quit_or_ask(tui);
    return TRUE;
}

static gboolean verb_goto(Tui *tui, const char *arg, GError **error)
{
    return pages_goto(tui, arg, error);
}

static gboolean verb_remove(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->remove == NULL)
        return not_here(tui, "remove", error);
    return page->ops->remove(page, error);
}

/* ---- the list ------------------------------------------------------------------------------- */

/* The instances page, wherever it is in the stack. */
static Page *list_page(Tui *tui)
{
    return tui->pages->pdata[0];
}

static gboolean verb_sort(Tui *tui, const char *arg, GError **error)
{
    if (strcmp(arg, "invert") == 0)
        instances_invert(list_page(tui));
    else
        return instances_sort(list_page(tui), arg, error);
    return TRUE;
}

static gboolean verb_group(Tui *tui, const char *arg, GError **error)
{
    return instances_group(list_page(tui), arg, error);
}

static gboolean verb_collapse(Tui *tui, const char *arg, GError **error)
{
    return instances_collapse(list_page(tui), arg, error);
}

static gboolean verb_filter(Tui *tui, const char *arg, GError **error)
{
    return instances_filter(list_page(tui), arg, error);
}

static gboolean verb_find(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->search == NULL)
        return not_here(tui, "searching", error);
    if (*arg != '\0')
        page->ops->search(page, arg);
    else
        input_begin(tui, INPUT_SEARCH,
                    page->ops->searched != NULL ? page->ops->searched(page) : NULL);
    return TRUE;
}

static gboolean find_again(Tui *tui, gboolean backwards, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->search_next == NULL)
        return not_here(tui, "searching", error);
    if (!page->ops->search_next(page, backwards) && page->ops->where == AT_INSTANCES)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                               "view: n goes on searching in a definition; `/` filters this list");
    else if (!page->ops->search_next(page, backwards))
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "view: nothing found; `/` searches");
    return TRUE;
}

static gboolean verb_find_next(Tui *tui, const char *arg, GError **error)
{
    return find_again(tui, FALSE, error);
}

static gboolean verb_find_previous(Tui *tui, const char *arg, GError **error)
{
    return find_again(tui, TRUE, error);
}

static gboolean verb_mark(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);
    Table *marked = page->ops->where == AT_INSTANCES ? page->ops->table(page) : NULL;
    g_autoptr(GError) refused = NULL;

    if (marked != NULL && instances_mark_in_detail(page, arg, &refused))
        return TRUE;
    if (refused != NULL) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return FALSE;
    }
    if (marked == NULL)
        return not_here(tui, "marking", error);
    if (*arg == '\0')
        instances_mark(page);
    else if (strcmp(arg, "range") == 0)
        table_mark_range(marked);
    else if (strcmp(arg, "all") == 0 || strcmp(arg, "none") == 0)
        table_mark_all(marked, strcmp(arg, "all") == 0);
    else
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "view mark: '%s' is not range, all or none", arg);
    return TRUE;
}

static gboolean verb_tab(Tui *tui, const char *arg, GError **error)
{
    if (strcmp(arg, "next") == 0 || *arg == '\0')
        instances_tab(list_page(tui), 1);
    else if (strcmp(arg, "previous") == 0)
        instances_tab(list_page(tui), -1);
    else if (!instances_tab_named(list_page(tui), arg))
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "view tab: there is no tab '%s'", arg);
    return TRUE;
}

static gboolean verb_pane(Tui *tui, const char *arg, GError **error)
{
    instances_pane(list_page(tui));
    return TRUE;
}

static gboolean verb_zoom(Tui *tui, const char *arg, GError **error)
{
    instances_zoom(list_page(tui));
    return TRUE;
}

static gboolean verb_follow(Tui *tui, const char *arg, GError **error)
{
    face_say(tui, OUTPUT_NOTE,
             instances_follow(list_page(tui)) ? "The cursor goes with its instance."
                                              : "The cursor stays on its row.");
    return TRUE;
}

static gboolean verb_wide(Tui *tui, const char *arg, GError **error)
{
    Page *page = tui_page(tui);

    if (page->ops->wide == NULL)
        return not_here(tui, "wide", error);
    page->ops->wide(page);
    return TRUE;
}

/* ---- display -------------------------------------------------------------------------------- */

/* Through the option, so that `set` and keys agree. */
static gboolean verb_cpu(Tui *tui, const char *arg, GError **error)
{
    const char *next = *arg != '\0' ? arg : model_cpu_mode_name((tui->cpu_mode + 1) % MODEL_CPU_N);

    if (!options_set(tui->app->options, "cpu", next, error))
        return FALSE;
    for (ModelCpuMode mode = 0; mode < MODEL_CPU_N; mode++)
        if (strcmp(model_cpu_mode_name(mode), next) == 0)
            tui->cpu_mode = mode;
    face_say(tui, OUTPUT_NOTE, "100 %% CPU now means %s.",
             tui->cpu_mode == MODEL_CPU_OF_CORE    ? "one core"
             : tui->cpu_mode == MODEL_CPU_OF_LIMIT ? "the instance's own limit"
                                                   : "the whole host");
    return TRUE;
}

/* Through the option; the spans go round. */
static gboolean verb_span(Tui *tui, const char *arg, GError **error)
{
    const char *next = *arg != '\0'         ? arg
                       : tui->span_s == 60  ? "10m"
                       : tui->span_s == 600 ? "day"
                                            : "1m";

    if (!options_set(tui->app->options, "span", next, error))
        return FALSE;
    face_say(tui, OUTPUT_NOTE, "Graphs show the last %s.",
             tui->span_s == 60    ? "minute"
             : tui->span_s == 600 ? "10 minutes"
                                  : "day; most single metrics are kept for 10 minutes");
    return TRUE;
}

static gboolean verb_freeze(Tui *tui, const char *arg, GError **error)
{
    tui->frozen = !tui->frozen;
    if (tui->frozen)
        model_stop(tui->app->model);
    else
        model_start(tui->app->model);
    return TRUE;
}

static gboolean verb_mouse(Tui *tui, const char *arg, GError **error)
{
    screen_set_mouse(!screen_mouse());
    face_say(tui, OUTPUT_NOTE,
             screen_mouse() ? "Mouse on; the terminal's own selection needs Shift." : "Mouse off.");
    return TRUE;
}

static gboolean verb_refresh(Tui *tui, const char *arg, GError **error)
{
    model_refresh(tui->app->model);
    return TRUE;
}

static gboolean verb_redraw(Tui *tui, const char *arg, GError **error)
{
    tui_redraw_all(tui);
    return TRUE;
}

/* Changes are allowed once that is on record, where the option `audit` wants it so. */
typedef struct Allowing {
    Tui *tui; /* NULL: it has gone */
    AuditAct *act;
} Allowing;

void verbs_forget(Tui *tui)
{
    if (tui->allowing != NULL)
        tui->allowing->tui = NULL;
    tui->allowing = NULL;
}

static void changes_recorded(gpointer data, const GError *error)
{
    Allowing *allowing = data;
    Tui *tui = allowing->tui;

    if (tui == NULL) {
        /* too late for either */
    } else if (error != NULL) {
        face_say(tui, OUTPUT_ERROR, "read-only stays on: %s", error->message);
    } else {
        tui->app->read_only = FALSE;
        if (options_get_number(tui->app->options, "read-only") != 0)
            options_set(tui->app->options, "read-only", "off", NULL);
    }
    audit_end(allowing->act, error != NULL ? 1 : 0, error);
    audit_act_unref(allowing->act);
    g_free(allowing);
    if (tui == NULL)
        return;
    tui->allowing = NULL;
    tui_changed(tui);
}

static void allow_changes(Tui *tui, gboolean yes)
{
    Allowing *allowing;

    if (!yes || tui->allowing != NULL)
        return;
    allowing = tui->allowing = g_new0(Allowing, 1);
    allowing->tui = tui;
    allowing->act = audit_act_plain(tui->app, FACE_TUI, "read-only off", "view read-only");
    audit_begin_async(allowing->act, changes_recorded, allowing);
}

static gboolean verb_read_only(Tui *tui, const char *arg, GError **error)
{
    if (!tui->app->read_only) {
        tui->app->read_only = TRUE;
        audit_record(tui->app, FACE_TUI, "read-only on", "view read-only");
    } else {
        face_ask(tui, "Leave read-only?", "allow changes",
                 "Shall commands change and end instances again?", allow_changes);
    }
    return TRUE;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static gboolean verb_menu(Tui *tui, const char *arg, GError **error)
{
    return menus_open(tui, arg, error);
}

static gboolean verb_delete(Tui *tui, const char *arg, GError **error)
{
    g_autofree char *line = menus_delete_selected(tui, error);

    if (line == NULL)
        return FALSE;
    face_run_line(tui, line);
    return TRUE;
}

static gboolean verb_command(Tui *tui, const char *arg, GError **error)
{
    input_begin(tui, INPUT_COMMAND, arg);
    return TRUE;
}

static gboolean verb_hint(Tui *tui, const char *arg, GError **error)
{
    face_say_briefly(tui, arg);
    return TRUE;
}

static gboolean verb_suspend(Tui *tui, const char *arg, GError **error)
{
    screen_stop_and_wait();
    tui_redraw_all(tui);
    return TRUE;
}

static gboolean verb_cancel(Tui *tui, const char *arg, GError **error)
{
    face_cancel(tui);
    return TRUE;
}

static const Verb verbs[] = {
    {"up", "", "one up", verb_up},
    {"down", "", "one down", verb_down},
    {"page-up", "", "a page up", verb_page_up},
    {"page-down", "", "a page down", verb_page_down},
    {"half-up", "", "half a page up", verb_half_up},
    {"half-down", "", "half a page down", verb_half_down},
    {"first", "", "to the first row or line", verb_first},
    {"last", "", "to the last row or line", verb_last},
    {"left", "", "columns to the left", verb_left},
    {"right", "", "columns to the right", verb_right},
    {"enter", "", "drill in", verb_enter},
    {"back", "", "back one view; ends a filter, a search", verb_back},
    {"quit", "", "back, and at the first view quit", verb_quit},
    {"quit-all", "", "quit", verb_quit_all},
    {"goto", "VIEW", "open a view: all, vms, containers, snapshots, inspect, jobs, alerts ...",
     verb_goto},
    {"remove", "", "take away what is selected, in the list of alerts", verb_remove},
    {"sort", "COLUMN|invert", "sort the list by any column", verb_sort},
    {"group", "[none|host|kind|state|label:KEY]", "the list as a tree; alone, the next kind of it",
     verb_group},
    {"collapse", "[all|none]", "collapse or expand the group of the cursor", verb_collapse},
    {"filter", "[WORDS]", "filter the list; without words show all", verb_filter},
    {"find", "[TEXT]", "filter a list or search a text", verb_find},
    {"find-next", "", "the next match", verb_find_next},
    {"find-previous", "", "the match before", verb_find_previous},
    {"mark", "[range|all|none]", "mark rows", verb_mark},
    {"tab", "next|previous|NAME", "a tab of the detail pane", verb_tab},
    {"pane", "", "the other pane", verb_pane},
    {"zoom", "", "the pane that has the keys full height, and back", verb_zoom},
    {"follow", "", "whether the cursor goes with its item", verb_follow},
    {"wide", "", "all columns, or those that fit; in text: wrap", verb_wide},
    {"cpu", "[core|limit|host]", "what 100 % CPU means", verb_cpu},
    {"span", "[1m|10m|day]", "how much time graphs show", verb_span},
    {"freeze", "", "stop and go on reading figures", verb_freeze},
    {"mouse", "", "mouse on or off", verb_mouse},
    {"refresh", "", "read everything now", verb_refresh},
    {"redraw", "", "draw the screen anew", verb_redraw},
    {"read-only", "", "refuse every change, or allow them again", verb_read_only},
    {"copy", "[name|id|address|path|snapshot|lines]", "copy it to the clipboard (OSC 52)",
     copy_verb},
    {"console", "next|previous|NUMBER|list|scroll|search|select|enter|leave|close|size|clear|keys",
     "consoles and shells that are open", console_page_verb},
    {"menu", "power|actions|sort|group|bulk|copy|snapshot", "open a menu", verb_menu},
    {"delete", "", "delete what is selected, asking first", verb_delete},
    {"command", "[TEXT]", "open the command line", verb_command},
    {"hint", "TEXT", "show a hint", verb_hint},
    {"suspend", "", "stop, back to the shell", verb_suspend},
    {"cancel", "", "cancel what is under way, else ask to quit", verb_cancel},
};

void tui_foreach_verb(void (*each)(const char *name, const char *args, const char *summary,
                                   gpointer data),
                      gpointer data)
{
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
        each(verbs[i].name, verbs[i].args, verbs[i].summary, data);
}

/* FaceOps.view. */
gboolean tui_view(gpointer data, const char *const *words, GError **error)
{
    Tui *tui = data;

    if (words[0] == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "view: say what, as in `view sort cpu`; `?` lists the verbs");
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, words[0]) != 0)
            continue;
        g_autofree char *arg = g_strjoinv(" ", (char **)words + 1);
        gboolean done = verbs[i].run(tui, arg, error);

        tui_changed(tui);
        return done;
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "view: '%s' is no view verb; `?` lists them",
                           words[0]);
}

const AppKeys tui_keys = {.bind = tui_bind,
                          .bind_default = tui_bind_default,
                          .place = tui_place,
                          .foreach_verb = tui_foreach_verb,
                          .foreach_binding = tui_foreach_binding};
