/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command.h - the one command table, and the dispatcher behind every face.
 *
 * A key press, a `:` line, a shell line, an rc-file line and an argv all end here. Commands never
 * block: they submit jobs and finish later. Help, completion and the `?` screen are made from the
 * table. UI thread only.
 */
#pragma once

#include "console/app.h"
#include "console/model.h"
#include "console/output.h"

typedef enum {
    FACE_ONESHOT = 1 << 0, /* argv, -c, --batch */
    FACE_SHELL = 1 << 1,   /* gemel shell */
    FACE_TUI = 1 << 2,     /* keys and the `:` line */
    FACE_RC = 1 << 3,      /* a line of gemelrc */
    FACE_ALL = 15
} Face;

typedef struct CommandRun CommandRun;
typedef struct Plan Plan;

/* What a word of a command line means: how it is completed and checked. */
typedef enum {
    WORD_NONE,
    WORD_TEXT,     /* anything */
    WORD_INSTANCE, /* completes to those that can do `act` now, and to `choices` */
    WORD_SNAPSHOT, /* of the instance named before it */
    WORD_COMMAND,
    WORD_BACKEND,
    WORD_OPTION, /* option name of the option table */
    WORD_VALUE,  /* value of the option named before it */
    WORD_FILE,
    WORD_CHOICE, /* one of `choices` (space separated) */
    WORD_METRIC, /* what an alert can be about */
    WORD_LIMIT,  /* cpu=, memory=, pids= */
    WORD_VIEW,   /* a view verb, then what it takes */
    WORD_KEY,    /* of the console's key table */
    WORD_ALIAS,
    WORD_LINE,   /* a command line: its command, then what that takes */
    WORD_COLUMN, /* of the list, also with + or - before it */
    WORD_PLACE,  /* "NAME:" of a container and a path in it, or a file */
} WordType;

typedef struct {
    WordType type;
    const char *name; /* "NAME" in the synopsis */
    gboolean optional, repeats;
    const char *choices;
} CommandWord;

typedef enum {
    OPTION_FLAG,
    OPTION_STRING,
    OPTION_DURATION,
    OPTION_NUMBER, /* `min` to `max`; from 1 on when these are 0 */
    OPTION_SIZE,   /* "64M" */
    OPTION_CHOICE, /* one of `choices` */
} CommandOptionType;

typedef struct {
    const char *name; /* "timeout": --timeout */
    char letter;      /* 't' or 0 */
    CommandOptionType type;
    gboolean repeats; /* may be given several times */
    const char *meta; /* "DURATION" */
    const char *help;
    WordType word;       /* how a value is completed, when its type does not say */
    const char *choices; /* space separated: all there are (OPTION_CHOICE), else suggestions */
    gint64 min, max;     /* OPTION_NUMBER */
} CommandOption;

enum {
    COMMAND_CHANGES = 1 << 0,     /* refused when read-only */
    COMMAND_DESTRUCTIVE = 1 << 1, /* asks on a terminal, needs --yes off it */
    COMMAND_JSON = 1 << 2,        /* knows --json */
    COMMAND_PASSTHROUGH = 1 << 3, /* words after the fixed ones (or after --) are not options */
    COMMAND_LISTS = 1 << 4,       /* needs instance lists before it runs */
    COMMAND_WAITS = 1 << 5,       /* its --timeout is for what it does, not for the lists */
    COMMAND_HIDDEN = 1 << 6,      /* for scripts: not in help nor completion */
    COMMAND_AUDITED = 1 << 7, /* acts by other means than run_submit on the act lane, which writes
                                 the audit log by itself: recorded as a whole */
};

typedef struct {
    const char *name;    /* "start", "snapshot create" */
    const char *aliases; /* "rm,undefine"; NULL = none */
    const char *summary; /* one line, no full stop */
    const char *example; /* "gemel start web db" */
    const char *group;   /* heading in help: "Instances" */
    guint flags;
    guint needs;           /* GemelGroup + 1 without which the command is not there; 0 = none */
    Face faces;            /* 0 = all */
    GemelAct act;          /* for WORD_INSTANCE completion and for the acts */
    gboolean any_instance; /* WORD_INSTANCE offers all, whatever `act` says */
    CommandWord words[4];
    const CommandOption *options; /* ends with a NULL name; --json, --yes, --help come by flags */
    const char *details;          /* a paragraph for `help COMMAND`, or NULL */
    /* COMMAND_LISTS as a program of its own: whether names and states do (model_list_names), which
       spares a call for each guest. NULL = no. */
    gboolean (*names_do)(const CommandRun *run);
    void (*run)(CommandRun *run);
} Command;

/* Ordered by group; NULL-terminated. One array per command family, joined here. A command of a
   group that no connected backend has is not in it. */
const Command *const *command_table(void);
/* Backends came or went: which groups there are now. */
void command_take_groups(const App *app);
/* All of them, whatever is connected. */
const Command *const *command_table_of_all(void);
/* By name or alias; `words` may hold more than the name; *ret_used says how many were the name.
   Unambiguous prefixes are accepted; ambiguity lists the candidates (error INVALID). */
const Command *command_find(const char *const *words, guint *ret_used, GError **error);
/* No command, but what several begin with: "snapshot". */
gboolean command_is_family(const char *word);

/* "start NAME... [OPTION...]"; the caller frees it. */
char *command_synopsis(const Command *command);
/* Its own options, then those that come by flags. */
void command_foreach_option(const Command *command,
                            void (*each)(const CommandOption *option, gpointer data),
                            gpointer data);

/* What became of who had the terminal. */
typedef struct {
    int status;       /* a command's; 0 also where it was left */
    gboolean printed; /* it said something */
    gboolean typed;   /* it was typed into */
} TerminalUse;

/* What a face provides to running commands. */
typedef struct {
    Face face;
    /* Asks a yes/no question (typed_name != NULL: the name has to be typed); answers later or at
       once. NULL: cannot ask, --yes is needed. */
    void (*confirm)(CommandRun *run, const char *question, const char *typed_name,
                    void (*answer)(CommandRun *run, gboolean yes), gpointer face_data);
    /* More is known of the plan of this run's question (plan_lines). NULL: the question waits until
       the plan is printed. */
    void (*confirm_plan)(CommandRun *run, gpointer face_data);
    /* Gives the terminal to a stream and takes it back (TUI: leaves and re-enters the screen).
       FALSE: another program has it. NULL: the command answers UNSUPPORTED. What it said may have
       to be read before the screen is drawn over it: `use` tells; NULL: back at once. */
    gboolean (*terminal_leave)(gpointer face_data);
    void (*terminal_enter)(gpointer face_data, const TerminalUse *use);
    /* What was typed after the keys that left a stream, once the terminal is back. NULL: lost. */
    void (*terminal_unread)(gpointer face_data, const guint8 *bytes, gsize length);
    gboolean has_terminal;
    /* The command is all that this gemel does: what it sets is gone with it (run_say_passing). */
    gboolean alone;
    /* As it was typed to the user's shell, "gemel -c sim: kill db", where it can be said that way;
       NULL: not known. */
    const char *typed;
    /* Shows a stream with a terminal in a place of the face's own and finishes the run when it ends
       or is left. FALSE: it is to have the user's terminal as a whole. NULL: always so. */
    gboolean (*open_stream)(CommandRun *run, const ModelInstance *instance,
                            const GemelStreamArgs *args, gpointer face_data);
    /* Shows `text` on a page of the run's own, again and again; FALSE: the page was closed. NULL
       outside the TUI. */
    gboolean (*page)(CommandRun *run, const char *title, const char *text, gpointer face_data);
    /* An act of this run on the instance `key` ("backend/id") succeeded. NULL: nobody asks. */
    void (*acted)(CommandRun *run, const char *key, gpointer face_data);
    /* `view` verbs: sort, filter, goto ...; NULL outside the TUI (exit 2, says so). */
    gboolean (*view)(gpointer face_data, const char *const *words, GError **error);
    gpointer face_data;
} FaceOps;

struct CommandRun {
    App *app;
    const Command *command;
    const FaceOps *face;
    Output *out;
    char **words;            /* without the command's own name and options */
    guint n_words, n_before; /* n_before: that stood before `--` */
    GHashTable *options;     /* name -> GPtrArray of char* */
    gboolean json, yes, dry_run;
    GPtrArray *missing; /* of ModelBackend*: gave no list in time, or failed to */
    /* set by command_finish */
    gboolean finished;
    int status;
    int worst; /* the first failure that run_error was told, as an exit status */
    void (*done)(CommandRun *run, int status, gpointer data);
    gpointer done_data;
    gpointer data; /* the command's own, freed by data_free */
    GDestroyNotify data_free;
    /* The first ^C: TRUE if the command saw to it itself, and goes on. NULL: it is cancelled. */
    gboolean (*interrupt)(CommandRun *run);
    GPtrArray *about;   /* keys ("backend/id") that its question is about, or NULL: its words */
    Plan *plan;         /* of its question: plan.c; or NULL */
    gint pending;       /* jobs, timers and streams the command still waits for */
    gboolean piped;     /* the data go to a program, not to the terminal */
    gboolean left;      /* its stream was left, and what is inside goes on */
    guint nesting;      /* of `source` and `watch`: how many runs this one is inside of */
    const char *origin; /* the file this line stands in, or NULL: it was typed */
    const char *nested_origin; /* the same for runs inside this one, NULL: as this */
    GPtrArray *jobs;
    struct CommandFlow *flow; /* the dispatcher's own */
};

/*
 * Runs one command line. Words are split and quoted as a shell does; `a; b` runs in order and
 * stops at the first failure; the data of `a | program` and `a > file` go to /bin/sh (pipeline.h).
 * `done` is called exactly once, possibly before this returns, with the exit status of the design
 * (0 done ... 124 timed out). Errors have been printed to `out`. Returns the run for
 * command_cancel, or NULL if it is over.
 */
CommandRun *command_line_run(App *app, const FaceOps *face, Output *out, const char *line,
                             void (*done)(CommandRun *run, int status, gpointer data),
                             gpointer data);
CommandRun *command_argv_run(App *app, const FaceOps *face, Output *out, const char *const *argv,
                             void (*done)(CommandRun *run, int status, gpointer data),
                             gpointer data);
/* As command_line_run, from inside another run (source, watch): with its face. INVALID is told and
   done called when runs are nested too deeply. */
CommandRun *command_nested_run(CommandRun *parent, Output *out, const char *line,
                               void (*done)(CommandRun *run, int status, gpointer data),
                               gpointer data);
/* Takes queued jobs back, raises cancel flags, forgets the rest; a program it was piped to gets
   SIGTERM. done gets 130, before this returns. */
void command_cancel(CommandRun *run);
/* ^C typed on the terminal: the same, but a program at the end of a pipe that has the terminal got
   the ^C as well and may go on (less does): done comes once it ends. */
void command_interrupt(CommandRun *run);

/* Splits a `;` list; returns a NULL-terminated vector of lines, or INVALID for open quotes. */
char **command_split_lines(const char *text, GError **error);
/* A word as it is written in a line: quoted when it has to be. And whole lines. g_free() */
char *command_quote(const char *word);
char *command_join(const char *const *words);

/* ---- for command implementations ------------------------------------------------------------ */

const char *run_option(const CommandRun *run, const char *name); /* NULL = not given */
GPtrArray *run_option_all(const CommandRun *run, const char *name);
gboolean run_flag(const CommandRun *run, const char *name);
/* Prints the error as a line on stderr (or into the JSON "errors") and remembers the worst status.
 */
void run_error(CommandRun *run, const GError *error);
void run_fail(CommandRun *run, GemelErrorKind kind, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* TRUE, having said so, when read-only is on: for what the flag COMMAND_CHANGES does not cover,
   because only some uses of a command change something. `what` is the command, as it is said. */
gboolean run_refuses_change(CommandRun *run, const char *what);
/* Ends the run; status < 0 keeps what run_error remembered. When a command or one of its job
   callbacks returns with nothing pending, the run ends by itself. */
void run_finish(CommandRun *run, int status);
/* Something other than a job is awaited (a timer, a stream); release may end and free the run. */
void run_hold(CommandRun *run);
void run_release(CommandRun *run);
/* The instance a word names; says which backend was missing when there is none. */
ModelInstance *run_find(CommandRun *run, const char *name, GError **error);
/* Goes on with `proceed` once the user agreed (or --yes was given); otherwise ends the run. */
void run_confirm(CommandRun *run, const char *question, const char *typed_name,
                 void (*proceed)(CommandRun *run));
/* What goes and what stays, as far as it is known, a line each; plan may be NULL. g_strfreev() */
char **plan_lines(const Plan *plan);
void plan_free(Plan *plan);
/* After a setting: where nothing follows that it could hold for, says so, and how to keep it. */
void run_say_passing(CommandRun *run);
/* Submits a job whose end calls done (unless the run was cancelled); counts it in run->pending.
   A lost job counts as ended with UNREACHABLE. */
GemelJob *run_submit(CommandRun *run, AppBackend *backend, GemelLane lane, const GemelJobSpec *spec,
                     GemelJobDone done, gpointer data);

/* Durations "500ms" "10s" "2m" "1h" or plain seconds, sizes "64M" "1.5G" (powers of 1024). */
gboolean parse_duration_ms(const char *text, gint *ret_ms, GError **error);
gboolean parse_size_bytes(const char *text, gint64 *ret_bytes, GError **error);
/* An answer to run_confirm as it was typed: "y" or "yes", or the very name that was asked for. */
gboolean parse_answer(const char *text, const char *typed_name);
