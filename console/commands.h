/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.h - the command families, one file each, and what they share. */
#pragma once

#include "console/command.h"

/* Each ends with a NULL name. */
extern const Command commands_list[];      /* cmd_list.c: list inspect events wait */
extern const Command commands_top[];       /* cmd_top.c: top */
extern const Command commands_why[];       /* cmd_why.c: why */
extern const Command commands_alert[];     /* cmd_alert.c: alert */
extern const Command commands_audit[];     /* cmd_audit.c: audit */
extern const Command commands_compare[];   /* cmd_compare.c: compare */
extern const Command commands_record[];    /* cmd_record.c: record replay */
extern const Command commands_stats[];     /* cmd_stats.c: stats */
extern const Command commands_act[];       /* cmd_act.c: start stop restart kill ... limit delete */
extern const Command commands_change[];    /* cmd_change.c: save restore protect autostart rename
                                            clone */
extern const Command commands_edit[];      /* cmd_edit.c: edit */
extern const Command commands_logs[];      /* cmd_logs.c: logs */
extern const Command commands_create[];    /* cmd_create.c: create */
extern const Command commands_run[];       /* cmd_run.c: run */
extern const Command commands_snapshot[];  /* cmd_snapshot.c */
extern const Command commands_cp[];        /* cmd_cp.c: cp */
extern const Command commands_files[];     /* cmd_snapshot_files.c: snapshot diff, export */
extern const Command commands_stream[];    /* cmd_stream.c: console exec shell */
extern const Command commands_session[];   /* cmd_session.c: jobs backends connect set view ... */
extern const Command commands_columns[];   /* cmd_columns.c: columns */
extern const Command commands_theme[];     /* cmd_theme.c: theme color */
extern const Command commands_config[];    /* cmd_config.c: set bind alias save-config ... */
extern const Command commands_script[];    /* cmd_script.c: source history script echo */
extern const Command commands_watch[];     /* cmd_watch.c: watch */
extern const Command commands_group[];     /* cmd_group.c: image list, pool list, network list */
extern const Command commands_lab[];       /* cmd_lab.c */
extern const Command commands_isolation[]; /* cmd_isolation.c: isolation */
extern const Command commands_host[];      /* cmd_host.c: host */
extern const Command commands_doctor[];    /* cmd_doctor.c: doctor */
extern const Command commands_join[];      /* cmd_join.c: join */
extern const Command commands_completion[]; /* cmd_completion.c: completion */
extern const Command commands_help[];       /* cmd_help.c: help version */

/* The rc lines of all roles that were changed. */
void theme_config_lines(GString *lines);

/* The headline fields of an instance, as in `list --json`. */
json_t *instance_to_json(const ModelInstance *instance);
/* "errors" of a result: what did not answer; also says so on stderr and sets status 5. */
json_t *run_missing_to_json(CommandRun *run);

/* Whether the words of the command choose the instance: each is a glob of names or backend/names,
   or the beginning of an id. Without words all are chosen. */
gboolean run_word_names(const CommandRun *run, const ModelInstance *instance);
/* ModelInstance*, in the model's order: those that the words choose and that have figures. */
GPtrArray *run_chosen_with_figures(const CommandRun *run);
/* A line of `stats --json`: docs/schemas/stats.json. */
json_t *stats_to_json(const ModelInstance *instance);
/* The URI that plays a file; speed and seek may be NULL. */
char *replay_uri(const char *file, const char *speed, const char *seek);
/* FALSE if a word that is no glob names nothing; errors are printed. */
gboolean run_check_names(CommandRun *run);

/* Lines of facts (FactLine*), by sections; cmd_isolation.c. */
void facts_print(CommandRun *run, const GPtrArray *lines);

/* {"backend", "kind", "message"} */
json_t *error_to_json(const char *backend, const GError *error);

/* A target of an act: a copy, since the model may change while the job runs. */
typedef struct {
    CommandRun *run;
    AppBackend *backend;
    char *id, *name;
    GemelKind kind;
    gboolean doing; /* its instance shows that an act is under way */
} Target;

Target *target_new(CommandRun *run, const ModelInstance *instance);
void target_free(gpointer target);
/* Shows that an act is under way, or with NULL that it is over; target_free does the latter too, as
   a run that is cancelled does not hear of the end. */
void target_set_doing(Target *target, const char *doing);

/* plan.c: prints which files the act would take or leave, and their bytes, once the backend has
   told; nothing for an act that takes no file away. `done` is plan_print_done, or calls it. */
void plan_print_files(CommandRun *run, const Target *target, GemelAct act, const char *snapshot,
                      GemelJobDone done);
void plan_print_done(GemelJob *job, gpointer result, const GError *error, gpointer run);
/* The same of a plain act that is to be done so. */
void plan_print_act(CommandRun *run, const Target *target, GemelAct act, const GemelActArgs *args);

/* What a question is about. */
typedef struct {
    GemelAct act;
    Target *const *targets;
    guint n_targets;
    const char *snapshot; /* or NULL */
} PlanAbout;

/* run_confirm with the plan of the act: a face with confirm_plan asks at once and is told as it
   comes; elsewhere it is printed before the question. What does not come within a second is left
   out, which is said. Nothing here blocks. */
void plan_confirm(CommandRun *run, const PlanAbout *about, const char *question,
                  const char *typed_name, void (*proceed)(CommandRun *run));

/* "cpu=0.5" "memory=64M" "pids=100", each also "=none"; what is not given is left. */
gboolean limits_parse(char **given, GemelLimits *limits, GError **error);
/* The notes of a job, one line each. */
void run_print_notes(CommandRun *run, const char *name, GemelJob *job);
