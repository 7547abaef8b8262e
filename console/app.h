/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app.h - what the faces share: the loop, the open backends, the model, the options.
 *
 * UI thread only. The loop runs on a private GMainContext (libvirt iterates GLib's default one in
 * its own thread), so sources are made by app_add_* and by nothing else.
 */
#pragma once

#include "backends/jobs.h"
#include "backends/registry.h"
#include "config/options.h"
#include "console/hub.h"

typedef struct Model Model;
typedef struct Alerts Alerts;
typedef struct Writer Writer;
typedef struct Record Record;

typedef struct {
    GemelBackend *backend;
    GemelLanes *lanes;
} AppBackend;

/* A row of the console's key table. */
typedef struct {
    const char *key, *place, *line;
    const char *summary; /* or NULL */
    gboolean own;        /* made by `bind` */
} TuiBinding;

/* What the console (tui/tui.h) lets commands know and change of its keys and view verbs. */
typedef struct {
    gboolean (*bind)(const char *key, const char *place, const char *line, GError **error);
    gboolean (*bind_default)(const char *key, const char *place);
    const char *(*place)(guint i);
    void (*foreach_verb)(void (*each)(const char *name, const char *args, const char *summary,
                                      gpointer data),
                         gpointer data);
    void (*foreach_binding)(void (*each)(const TuiBinding *binding, gpointer data), gpointer data);
} AppKeys;

typedef struct {
    GMainContext *context;
    Hub *hub;
    Options *options;
    Model *model;
    Alerts *alerts;
    Writer *disposer;    /* likewise: a thread that frees what is large */
    Writer *writer;      /* made when it is needed first, or NULL */
    Record *record;      /* under way, or NULL */
    GHashTable *aliases; /* name -> line (alias.h), or NULL */
    GPtrArray *backends; /* of AppBackend */
    GPtrArray *closed;   /* those that were disconnected; alive until the end */
    char *program;       /* path of this executable, for helpers beside it */
    gboolean read_only;
    gboolean backends_given; /* on the command line: `connect` lines of gemelrc do not count */
    const AppKeys *keys;     /* NULL until main sets it */
    guint closing; /* acts that put things back: main waits for their ends before it leaves */
    int ended_by;  /* 128 + the signal that ends the program as soon as nothing is put back */
    gboolean quit; /* the `quit` command was given: shell and TUI leave */
    void (*interrupt)(gpointer data); /* SIGINT: cancels what runs in the foreground */
    void (*suspend)(gpointer data);   /* SIGTSTP, with a terminal that has modes to undo first */
    gpointer interrupt_data;          /* of both */
    /* INT, TERM and HUP, before all else: TRUE if a command passed it on to what it runs. NULL:
       nobody wants them. */
    gboolean (*pass_signal)(gpointer data);
    gpointer pass_signal_data;
} App;

App *app_new(void);
/* FALSE if threads had to be abandoned: the caller flushes, restores the terminal and _exits. */
gboolean app_free(App *app);

/* Opens a backend: creates it, its lanes, its watch and its place in the model. */
gboolean app_connect(App *app, const char *name, const char *uri, GError **error);
gboolean app_disconnect(App *app, const char *name, GError **error);
AppBackend *app_backend(App *app, const char *name);

/* Sources on the app's context. The callback returns G_SOURCE_CONTINUE or _REMOVE. Remove with
   app_source_remove(&source), which is harmless on NULL and on a source that ended by itself. */
GSource *app_add_fd(App *app, int fd, GIOCondition condition,
                    gboolean (*ready)(int fd, GIOCondition condition, gpointer data),
                    gpointer data);
GSource *app_add_timer(App *app, guint interval_ms, GSourceFunc tick, gpointer data);
GSource *app_add_idle(App *app, GSourceFunc idle, gpointer data);
/* Delivers signals read by signalfd; the signals of the set must be blocked (main does). */
GSource *app_add_signals(App *app, const int *signals, void (*deliver)(int signal, gpointer data),
                         gpointer data);
void app_source_remove(GSource **source);

/* Whether changes are refused: --read-only, or the option. */
gboolean app_is_read_only(const App *app);

/* One turn of the loop; may_block as for g_main_context_iteration. */
void app_iterate(App *app, gboolean may_block);
