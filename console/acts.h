/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * acts.h - one act on many instances: plan, question, bounded parallelism, results of each.
 *
 * A command resolves its words into items, then calls acts_go. A name that is wrong stops
 * everything before anything is begun. Of what a glob matches, and of all names with --skip, those
 * that cannot be acted on now are skipped, and it is said why. At most `set parallel` items are
 * under way at once. The first ^C takes back those that wait; the next cancels what is under way.
 *
 * UI thread.
 */
#pragma once

#include "console/commands.h"

typedef enum {
    ITEM_WAITING,
    ITEM_BEGUN,
    ITEM_DONE,
    ITEM_FAILED,
    ITEM_TAKEN_BACK, /* by ^C, before it began */
    ITEM_N
} ItemState;

typedef struct {
    Target *target;
    GemelState was; /* the state when the words were resolved */
    gboolean is_protected;
    ItemState state;
    gint64 begun_usec, ended_usec;
    GemelJob *job; /* NULL before it begins */
    char *text;    /* what there is to say of its end, or NULL */
} Item;

typedef struct {
    CommandRun *run;
    GPtrArray *items;   /* of Item */
    GPtrArray *skipped; /* of json_t*: {"backend", "id", "name", "reason"} */
    json_t *results;
    GemelActArgs args; /* for each of them */
    char *to;          /* what is said after "limited to", or NULL */
    guint next;        /* the first that is not begun */
    guint under_way;
    GSource *tick; /* while some are under way */
    guint ticks;
    gboolean by_glob;          /* a word was a pattern */
    gboolean asked;            /* somebody thought about it: look again before it is done */
    gboolean stopped;          /* ^C: no more are begun */
    gboolean undoing;          /* ^C or TERM: waits for the end, counted in App.closing */
    gboolean has_page, closed; /* the face shows the page of the run; and it was closed */
} Acts;

/* The options of every act on many. */
#define ACTS_OPTIONS                                                                               \
    {"skip", 0, OPTION_FLAG, FALSE, NULL, "leave out those that cannot be acted on now"},          \
    {                                                                                              \
        "ask", 'i', OPTION_FLAG, FALSE, NULL, "show what would be done to which, and ask first"    \
    }

/* Makes run->data from the options; resolves the first n_names words. */
Acts *acts_new(CommandRun *run);
/* FALSE if a word is wrong, or nothing is left; errors are printed. */
gboolean acts_resolve(CommandRun *run, guint n_names);
/* Takes all with autostart that can be started now; FALSE if there are none, which is told and no
   error. */
gboolean acts_add_autostart(CommandRun *run);
/* Prints the plan (--dry-run), or asks where that is called for, and begins. */
void acts_go(CommandRun *run);

/* Whether the state and the protection of an instance allow the act; the backend checks again. */
gboolean act_is_valid(const GemelInstance *info, AppBackend *backend, GemelAct act,
                      const GemelActArgs *args, GError **error);
