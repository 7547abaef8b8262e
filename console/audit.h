/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit.h - the record of what was done: JSON lines, only ever appended.
 *
 * Each act leaves two lines. "begin" is written, by the writer thread, before the act starts; "end"
 * when it is over, with its result and how long it took. What was refused before anything began
 * leaves one line, "refused". Both lines of an act carry the same `act`. A line says who (user,
 * login, terminal, where an SSH session comes from), when (wall clock and CLOCK_BOOTTIME), what
 * (the command as it was understood, instance, plan) and what came of it.
 *
 * The file is $GEMEL_AUDIT_LOG, else /var/log/gemel/audit.jsonl for root and
 * $XDG_STATE_HOME/gemel/audit.jsonl for others. It is opened for each line (so a rotation by rename
 * is seen), with O_APPEND and mode 0600, and a line is one write: processes do not mix theirs. A
 * line that a full disk cut short is ended by whoever writes the next.
 *
 * No secrets: of what runs inside an instance only the program's name is kept, of an environment
 * the names, of a URI no password, and what is given as password=, token= and the like is left out.
 *
 * What happens when no line can be written is the option `audit`: with `warn` the act goes on and
 * says so, with `refuse` it does not begin.
 *
 * Threads: audit_begin on a worker, everything else but audit_end on the UI thread.
 */
#pragma once

#include "backends/jobs.h"
#include "console/app.h"

struct CommandRun;

#define AUDIT_LINE_MAX 65536

typedef struct AuditAct AuditAct; /* counted, by any thread */

/* An act of this run, not yet begun; instance_id may be NULL. `act` is "start", "exec" ... */
AuditAct *audit_act_new(struct CommandRun *run, AppBackend *backend, const char *instance_id,
                        const char *act, const char *plan);
AuditAct *audit_act_ref(AuditAct *act);
void audit_act_unref(AuditAct *act);
gboolean audit_act_has_begun(AuditAct *act);

/* Writes "begin" and waits until it is written, saying so by args; FALSE: not written, and the
   option wants the act refused. With `warn` a note is left. Worker thread. */
gboolean audit_begin(AuditAct *act, const GemelActArgs *args, GError **error);
/* The same for the UI thread: `done` is called later, with the error or NULL, and within the same
   time. */
void audit_begin_async(AuditAct *act, void (*done)(gpointer data, const GError *error),
                       gpointer data);
/* Writes "end", or "refused" if it has not begun. `status` is an exit status; error may be NULL.
   Any thread. Only the first call counts. */
void audit_end(AuditAct *act, int status, const GError *error);

/* Something that is done at once and is about no instance, as read-only being turned on: both
   lines, for which nothing waits. */
void audit_record(App *app, guint face, const char *what, const char *command);
/* The same as an act that audit_begin_async may refuse. */
AuditAct *audit_act_plain(App *app, guint face, const char *what, const char *command);

/* How long a line is waited for, 10 s: for tests. */
void audit_set_wait_ms(gint ms);

/* Makes the job write both lines of the act, on its worker. */
void audit_wrap(GemelJobSpec *spec, AuditAct *act);

/* The command of a run as one line, without what may be secret. g_free() it. */
char *audit_command_text(const struct CommandRun *run);
/* A word of a command line without its secret, if it has one. g_free() it. */
char *audit_word_without_secret(const char *word);

/* Where the lines go; g_free() it. */
char *audit_path(void);
/* The last `last` lines (0 = all that are in the last megabytes) as an array of objects; what is
   not a JSON object is left out. Any thread. NULL with error set if the file cannot be read; no
   file is an empty array. */
json_t *audit_read(const char *path, guint last, GError **error);
