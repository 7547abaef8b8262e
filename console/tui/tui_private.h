/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tui_private.h - what the files of the TUI share.
 *
 * A key press becomes a command line (keymap.c) that goes through the dispatcher: an ordinary
 * command, or a `view` verb (verbs.c). The screen is a stack of pages, each a const table of
 * operations; over it at most one dialog, menu or input line, in this order, which then gets the
 * keys. Drawing reads the model and keeps nothing.
 *
 * Instances are named by key, "backend/id", never by row or pointer.
 */
#pragma once

#include "console/columns.h"
#include "console/command.h"
#include "console/model.h"
#include "console/tui/tui.h"
#include "widgets/canvas.h"
#include "widgets/dialog.h"
#include "widgets/keys.h"
#include "widgets/menu.h"
#include "widgets/table.h"

typedef struct Tui Tui;
typedef struct Page Page;
typedef struct Fetch Fetch;

/* Where a key binding holds: bits, so that a binding may hold in several places. */
typedef enum {
    AT_INSTANCES = 1 << 0,
    AT_SNAPSHOTS = 1 << 1,
    AT_JOBS = 1 << 2,
    AT_EVENTS = 1 << 3,
    AT_TEXT = 1 << 4,
    AT_DETAIL = 1 << 5, /* labels for the footer alone: its keys are those of AT_INSTANCES */
    AT_ALERTS = 1 << 6,
    AT_LISTING = 1 << 7,
    AT_HOSTS = 1 << 8,
    AT_METRICS = 1 << 12,  /* as AT_DETAIL, in the tab of metrics */
    AT_CONSOLE = 1 << 13,  /* in a console, after its prefix */
    AT_SCROLL = 1 << 14,   /* in its scroll-back, where the keys of texts hold too */
    AT_CONSOLES = 1 << 15, /* the list of them */
    AT_TABLES =
        AT_ALERTS | AT_LISTING | AT_CONSOLES | AT_INSTANCES | AT_SNAPSHOTS | AT_JOBS | AT_EVENTS,
    AT_ALL = AT_TABLES | AT_TEXT | AT_HOSTS
} Where;

/* The same order as TableMove and TextViewMove (checked where they are used). */
typedef enum {
    MOVE_UP,
    MOVE_DOWN,
    MOVE_PAGE_UP,
    MOVE_PAGE_DOWN,
    MOVE_HALF_UP,
    MOVE_HALF_DOWN,
    MOVE_FIRST,
    MOVE_LAST,
    MOVE_LEFT,
    MOVE_RIGHT
} Move;

/* What a page can do. NULL entries mean "not here". */
typedef struct {
    const char *name; /* as in `view goto NAME` and in the header */
    Where where;
    void (*draw)(Page *page, const Canvas *c);
    void (*changed)(Page *page, ModelChange what); /* the model changed */
    void (*free)(Page *page);
    void (*move)(Page *page, Move move);
    void (*enter)(Page *page);           /* drill in */
    gboolean (*back)(Page *page);        /* TRUE: it had something of its own to leave */
    const char *(*target)(Page *page);   /* key of the instance that actions are for, or NULL */
    const char *(*snapshot)(Page *page); /* name of the snapshot that actions are for, or NULL */
    Table *(*table)(Page *page);         /* for marks, wide, follow */
    /* Searches text, or filters rows, as it is typed; "" ends it. */
    void (*search)(Page *page, const char *text);
    gboolean (*search_next)(Page *page, gboolean backwards);
    const char *(*searched)(Page *page);
    void (*wide)(Page *page);
    gboolean (*click)(Page *page, int y, int x); /* screen coordinates */
    char *(*summary)(Page *page);                /* for the header; g_free() */
    /* Takes what was typed as bytes (screen_read_bytes), in place of keys. FALSE: nothing waited.
       The page may be gone when it returns. */
    gboolean (*feed)(Page *page);
    gboolean whole;             /* it draws the whole screen, and the message too */
    Where (*focus)(Page *page); /* what the footer is for; NULL: `where` */
    /* Takes away what the cursor is on, asking first where it is wise. */
    gboolean (*remove)(Page *page, GError **error);
    char *(*crumb)(Page *page); /* its part of the path in the header, g_free(); NULL: `name` */
} PageOps;

struct Page {
    const PageOps *ops;
    Tui *tui;
};

typedef enum { INPUT_NONE, INPUT_COMMAND, INPUT_SEARCH } InputKind;
typedef enum { LEND_NONE, LEND_CONSOLE, LEND_SHELL, LEND_EXEC, LEND_JOIN } LendKind;

struct Tui {
    App *app;
    GPtrArray *pages; /* of Page*, the last one on top; the first is the instances page */
    GPtrArray *held;  /* of Page*: came while the input line was open */
    FaceOps face;
    GPtrArray *runs;     /* lines under way (face.c), newest last */
    GPtrArray *consoles; /* of Console* (consoles.h); NULL: never was one */

    Dialog *dialog;
    CommandRun *dialog_run; /* answered by the dialog */
    void (*dialog_answer)(CommandRun *run, gboolean yes);
    void (*dialog_done)(Tui *tui, gboolean yes); /* a question of our own */
    gint64
        dialog_deaf_until_usec; /* it came unasked: keys meant for something else are not taken */
    char *dialog_key;           /* the instance it is about, re-checked on yes */
    char *dialog_line;          /* the command line it is about, run on yes */
    struct Allowing *allowing;  /* read-only is being lifted: verbs.c */
    GQueue waiting_dialogs;     /* of Question, asked while another was open */
    Menu *menu;
    gboolean menu_waits; /* it is the copy menu, and waits for what is being read */
    InputKind input;
    char *search_before; /* what was searched for before the input began */
    guint matches_first,
        matches_next; /* of the completions: where the list begins, where Tab goes */

    /* the line above the footer */
    char *message;
    OutputClass message_class;
    char *marks_line; /* the last line that a key or a menu made of the marks, or NULL */
    char *echo;       /* the last key as the command it equals, or NULL */
    gint64 message_usec;
    gboolean message_met;   /* a key was pressed since */
    gboolean message_seen;  /* ... when it had stood for a second */
    gpointer message_of;    /* the line (face.c) that said it, or NULL; only to be compared */
    gboolean message_brief; /* goes with the next key */

    ModelCpuMode cpu_mode;
    gint64 span_s; /* of graphs: 60, 600 or 86400 */
    /* the tab of metrics: the same for whichever instance is looked at */
    int metric_cursor, metric_top, metric_page; /* page: rows of the last draw */
    guint64 metric_marks;                       /* bit per metric */
    gboolean frozen;
    Fetch *fetch;

    GSource *input_source, *draw_source, *signal_source, *escape_source, *second_source;
    gpointer opening;       /* the line (face.c) behind which no key is read, or NULL */
    GSource *hold_source;   /* for how long */
    GSource *output_source; /* the terminal is slow: a picture is on its way */
    guint listener;
    gint64 drawn_usec;
    gboolean taken; /* the terminal is lent to a stream */
    LendKind lent;  /* what for */
    gint64 lent_usec;
    GSource *linger_source; /* the stream is over; Enter comes back */
    gboolean in_key;        /* a key is being handled: what is drawn is drawn in this turn */
    gboolean quit;
    int status;

    /* for the header */
    const char *host_name;
    gint64 cost_wall_usec, cost_cpu_usec;
    guint64 cost_written, cost_calls;
    double cost_percent;
    double cost_bytes_rate, cost_calls_rate; /* to the terminal, and to backends, per second */
    guint64 cost_rss_bytes;
};

/* ---- tui.c ---------------------------------------------------------------------------------- */

/* Everything but the terminal: pages, listeners, options. `tui` has nothing but its app set. */
void tui_start(Tui *tui);
void tui_stop(Tui *tui);
/* Draws soon: in this turn while a key is handled, else at most 30 times a second. */
void tui_changed(Tui *tui);
void tui_redraw_all(Tui *tui);
void tui_quit(Tui *tui, int status);
Page *tui_page(Tui *tui);
void tui_push(Tui *tui, Page *page);
/* FALSE at the last page. */
gboolean tui_pop(Tui *tui);
/* Runs a command line as if it had been typed. */
void tui_command(Tui *tui, const char *line);
/* Whether what is typed is read; it waits in the kernel else. */
void tui_listen_to_keys(Tui *tui, gboolean on);
void tui_terminal_leave(Tui *tui);
void tui_terminal_enter(Tui *tui);

/* ---- keymap.c ------------------------------------------------------------------------------- */

typedef struct {
    const char *key; /* name, as keys_from_name takes it */
    Where where;
    const char *line;    /* command line; {} = the target, {marks}, {snapshot} */
    const char *label;   /* in the footer; NULL = not there */
    int priority;        /* of the label: 0 stays longest */
    const char *summary; /* in help */
} Binding;

const Binding *keymap_find(int key, Where where);
/* The i-th binding that holds somewhere in `where`, NULL past the end. */
const Binding *keymap_nth(guint i);

/* ---- verbs.c -------------------------------------------------------------------------------- */

/* The TUI goes: what is still being written to the log tells it nothing. */
void verbs_forget(Tui *tui);
gboolean tui_view(gpointer tui, const char *const *words, GError **error);

/* ---- face.c: what commands get from us ------------------------------------------------------ */

void face_init(Tui *tui);
void face_free(Tui *tui);
void face_cancel(Tui *tui); /* ^C */
void face_say(Tui *tui, OutputClass class, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* About a key that does nothing: until the next one. */
void face_say_briefly(Tui *tui, const char *text);
/* `echo on`: shows what a key stands for. */
void face_echo(Tui *tui, const char *key, const char *line);
/* When a message goes:
 * - at a key, once it could be read (2 s, an error 4 s); what was said about a key, at the next
 * one;
 * - with its view: what was said in one view is not about the next. Three stay: what the very key
 *   or line that leaves the view says, what a command said that is still under way, and an error
 *   that did not stand for a second before a key came, for nobody has seen it;
 * - by itself after 6 s, an error only when a key was pressed since. */
void face_age_message(Tui *tui);
void face_leave_message(Tui *tui);
void face_expire_message(Tui *tui);
/* What keys, menus and the input line hand over. Some lines are asked about first. */
void face_run_line(Tui *tui, const char *line);
/* A stream is there, or there will be none: what was typed behind it is read. */
void face_release_keys(Tui *tui);
/* Without that question. */
void face_run_asked(Tui *tui, const char *line);

/* The text of the i-th newest line under way, NULL past the end. */
const char *face_line_under_way(Tui *tui, guint i);

/* ---- lend.c: the terminal for streams ------------------------------------------------------- */

/* FaceOps.terminal_leave and .terminal_enter. */
gboolean lend_terminal(gpointer tui);
void lend_take_back(gpointer tui, const TerminalUse *use);
/* FaceOps.terminal_unread. */
void lend_unread(gpointer tui, const guint8 *bytes, gsize length);
/* Comes back from a stream that is over. */
void lend_over(Tui *tui);
/* "shell in lab-ct" for a line that opens a stream, else NULL; the caller frees it. */
char *lend_what(Tui *tui, const char *line, LendKind *ret_kind);

/* ---- questions.c: dialogs ------------------------------------------------------------------- */

/* FaceOps.confirm. */
void questions_confirm(CommandRun *run, const char *text, const char *typed_name,
                       void (*answer)(CommandRun *run, gboolean yes), gpointer tui);
/* FaceOps.confirm_plan. */
void questions_plan(CommandRun *run, gpointer tui);
/* A question of the TUI itself; `y` does `verb`. */
void face_ask(Tui *tui, const char *title, const char *verb, const char *text,
              void (*done)(Tui *tui, gboolean yes));
/* Opens a question when the line does on a keystroke what should not be done so, and the command
   would not ask: it kills containers. TRUE: it runs once it is answered with yes. */
gboolean questions_before(Tui *tui, const char *line);
void face_dialog_key(Tui *tui, int key);
/* Answers what is open with no, and forgets what waits. */
void questions_refuse(Tui *tui);

/* ---- input.c: keys -------------------------------------------------------------------------- */

/* One key, to whoever has the keys now. */
void input_take_key(Tui *tui, int key);
gboolean input_ready(int fd, GIOCondition condition, gpointer tui);
void input_begin(Tui *tui, InputKind kind, const char *initial);
void input_end(Tui *tui);
/* Carries out a binding's line for what is selected. */
void input_run_binding(Tui *tui, const Binding *binding);
/* How lines for the marks begin: those that cannot are left out, and it asks. */
#define MARKS_OPTIONS "--skip --ask"
/* `line` with {} {marks} {snapshot} filled in, or NULL with a reason. */
char *input_fill(Tui *tui, const char *line, GError **error);

/* ---- frame.c: header, messages, footer, and everything together ----------------------------- */

void frame_draw(Tui *tui);
/* Nothing is shown but this fact: then no key acts on what cannot be seen. */
gboolean frame_is_too_small(void);
void frame_measure_cost(Tui *tui);
/* Acts that have not come to their end. */
guint frame_active_jobs(Tui *tui);

/* ---- menus.c -------------------------------------------------------------------------------- */

gboolean menus_open(Tui *tui, const char *name, GError **error);
/* Something was read: a menu that waits is made anew. */
void menus_refresh(Tui *tui);
void menus_key(Tui *tui, int key);
/* The command that deletes what is marked or selected, as it is now; NULL with a reason. */
char *menus_delete_selected(Tui *tui, GError **error);

/* ---- copy.c: to the clipboard --------------------------------------------------------------- */

gboolean copy_verb(Tui *tui, const char *what, GError **error);
Menu *copy_menu(Tui *tui, GError **error);

/* ---- fetch.c: what is not in the model ------------------------------------------------------ */

/* One answer about one instance, asked for on the read lane. */
typedef struct {
    gboolean pending;
    gint64 taken_usec; /* 0: never */
    char *error;       /* why there is nothing, or NULL */
    json_t *essentials;
    char *definition;
    const char *definition_format;
    GPtrArray *snapshots;                               /* of GemelSnapshot* */
    const GemelProcesses *processes, *processes_before; /* the newest answer, and the one before */
    const GemelIsolation *isolation;
    const GemelLog *log;
    const GemelHost *host;
} Fetched;

Fetch *fetch_new(Tui *tui);
void fetch_free(Fetch *fetch);
/* What is known; asks when there is nothing yet, or when it is older than max_age_ms (0: only when
   there is nothing). Never NULL; valid until the next turn of the loop. Of each kind the answers
   about the 32 instances looked at last are kept. */
const Fetched *fetch_inspect(Fetch *fetch, const char *key, gint64 max_age_ms);
const Fetched *fetch_snapshots(Fetch *fetch, const char *key, gint64 max_age_ms);
const Fetched *fetch_processes(Fetch *fetch, const char *key, gint64 max_age_ms);
const Fetched *fetch_isolation(Fetch *fetch, const char *key, gint64 max_age_ms);
const Fetched *fetch_log(Fetch *fetch, const char *key, gint64 max_age_ms);
/* By the name of the backend. */
const Fetched *fetch_host(Fetch *fetch, const char *backend, gint64 max_age_ms);
/* Asks anew about an instance the next time: it changed. */
void fetch_forget(Fetch *fetch, const char *key);

/* Between the parts of a path in the header. */
#define TUI_CRUMB glyph_text(GLYPH_CUT_RIGHT)

/* ---- pages ---------------------------------------------------------------------------------- */

Page *instances_new(Tui *tui);
Page *snapshots_new(Tui *tui, const char *key);
Page *jobs_new(Tui *tui);
Page *events_new(Tui *tui);
Page *alerts_view_new(Tui *tui);
Page *listing_new(Tui *tui, GemelGroup group);
Page *hosts_new(Tui *tui);
Page *inspect_new(Tui *tui, const char *key);
Page *definition_new(Tui *tui, const char *key);
Page *help_new(Tui *tui);
Page *output_new(Tui *tui, const char *title, const char *text);
/* Another text on such a page; the reader's place stays. */
void output_replace(Page *page, const char *title, const char *text);
/* *gone becomes TRUE when the page is closed; NULL: nobody asks any more. */
void output_watch(Page *page, gboolean *gone);

/* ---- pages.c: which views there are ------------------------------------------------------------
 */

/* Opens a view by its name; INVALID names those there are, UNSUPPORTED what would be needed. */
gboolean pages_goto(Tui *tui, const char *name, GError **error);
/* Names of the views there are now; the i-th, NULL past the end. */
const char *pages_name(Tui *tui, guint i);
/* The list, with the cursor on this instance and no other page over it. FALSE: it is gone. */
gboolean pages_show_instance(Tui *tui, const char *key);

/* ---- offer.c: what the footer offers --------------------------------------------------------- */

/* The label of a binding here and now, NULL where it would do nothing. */
const char *offer_label(Tui *tui, const Binding *binding);

/* ---- instances.c ---------------------------------------------------------------------------- */

gboolean instances_sort(Page *page, const char *name, GError **error);
void instances_invert(Page *page);
gboolean instances_filter(Page *page, const char *filter, GError **error);
void instances_kind(Page *page, int kind); /* GemelKind, -1: all */
/* The columns as the option says; those that the list has now, LIST_N past the end. */
void instances_set_columns(Page *page, const char *choice);
ColumnId instances_column(Page *page, guint i);
/* As group_parse() takes it; "" goes on to the next kind of group. */
gboolean instances_group(Page *page, const char *group, GError **error);
/* The heading of the cursor's group: collapsed, expanded, or what it is not; "all", "none". */
gboolean instances_collapse(Page *page, const char *which, GError **error);
/* The cursor's instance; on a heading all of its group. */
void instances_mark(Page *page);
void instances_tab(Page *page, int step);
gboolean instances_tab_named(Page *page, const char *name);
/* Marks in the detail pane; FALSE without an error: that pane does not have the keys. */
gboolean instances_mark_in_detail(Page *page, const char *which, GError **error);
void instances_pane(Page *page);
void instances_zoom(Page *page);
gboolean instances_is_zoomed(Page *page);
/* FALSE: the filter hides it. Its group is expanded. */
gboolean instances_select(Page *page, const char *key);
gboolean instances_follow(Page *page);
/* What Esc does now, NULL: nothing. */
const char *instances_back_label(Page *page);

/* ---- helpers -------------------------------------------------------------------------------- */

/* "backend/id". */
char *instance_key_of(const ModelInstance *instance);
ModelInstance *tui_instance(Tui *tui, const char *key);
/* Whether it is of a recording, where nothing can be done to it. */
gboolean instance_is_recorded(const ModelInstance *instance);
/* How the instance is written in a command line that must mean it and no other. */
char *instance_word(const ModelInstance *instance);
Role state_role(GemelState state);
/* "14 s", "3 min" … of an age. */
char *age_text(gint64 usec);
