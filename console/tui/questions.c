/* SPDX-License-Identifier: GPL-3.0-or-later */
/* questions.c - dialogs: what a command wants confirmed, in plain words, and questions of the TUI
   itself. One is open at a time; the others wait. */
#include <string.h>

#include "console/tui/tui_private.h"
#include "widgets/screen.h"

/* A question that comes by itself takes no keys at first: they were meant for something else. */
#define DEAF_USEC 400000
/* Lines of names in a question about many. */
#define NAME_LINES  3
#define NAMES_WIDTH 66
/* How a question (acts.c) begins to tell what is left out. */
#define SKIPPED "Skipped: "

typedef struct {
    CommandRun *run;
    char *question, *typed_name;
    void (*answer)(CommandRun *run, gboolean yes);
} Question;

static void question_free(gpointer data)
{
    Question *question = data;

    g_free(question->question);
    g_free(question->typed_name);
    g_free(question);
}

/* ---- words ---------------------------------------------------------------------------------- */

/* How commands that ask are spoken of; others go by their name. */
static const struct {
    const char *command, *title, *verb, *verb_many;
} phrases[] = {
    {"kill", "Kill {}", "kill it", "kill them"},
    {"reset", "Reset {}", "reset it", "reset them"},
    {"delete", "Delete {}", "delete it", "delete them"},
    {"start", "Start {}", "start it", "start them"},
    {"stop", "Stop {}", "stop it", "stop them"},
    {"restart", "Restart {}", "restart it", "restart them"},
    {"pause", "Pause {}", "pause it", "pause them"},
    {"resume", "Resume {}", "resume it", "let them go on"},
    {"save", "Save {}", "save it", "save them"},
    {"restore", "Restore {}", "restore it", "restore them"},
    {"protect", "Take the protection off {}", "take it off", "take it off"},
    {"snapshot revert", "Take {} back to {snapshot}", "take it back", "take it back"},
    {"snapshot delete", "Delete snapshot {snapshot} of {}", "delete it", "delete it"},
};

static char *replace(const char *text, const char *what, const char *with)
{
    g_auto(GStrv) parts = g_strsplit(text, what, -1);

    return g_strjoinv(with, parts);
}

static char *title_of(const char *command, const char *name, const char *snapshot)
{
    for (guint i = 0; i < G_N_ELEMENTS(phrases); i++) {
        if (strcmp(phrases[i].command, command) != 0)
            continue;
        g_autofree char *named = replace(phrases[i].title, "{}", name != NULL ? name : "it");

        return replace(named, "{snapshot}", snapshot);
    }
    char *title = name != NULL ? g_strdup_printf("%s %s", command, name) : g_strdup(command);

    title[0] = g_ascii_toupper(title[0]);
    return title;
}

static const char *verb_of(const char *command, gboolean many)
{
    for (guint i = 0; i < G_N_ELEMENTS(phrases); i++)
        if (strcmp(phrases[i].command, command) == 0)
            return many ? phrases[i].verb_many : phrases[i].verb;
    return "do it";
}

/* The name of a word that means an instance; the word itself when there is none. */
static const char *name_of(Tui *tui, const char *word)
{
    const ModelInstance *instance = model_find(tui->app->model, word, NULL);

    return instance != NULL ? instance->info->name : word;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first names that fit, and how many there are besides. */
static char *list_names(Tui *tui, const char *const *words, guint n)
{
    Canvas all = screen_canvas();
    int lines = all.height >= 16 ? NAME_LINES : 1;
    int room = lines * MAX(MIN(NAMES_WIDTH, all.width - 8), 20) - (int)strlen(", and 10000 more");
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < n; i++)
        g_ptr_array_add(names, (gpointer)name_of(tui, words[i]));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < n; i++) {
        const char *name = names->pdata[i];

        if (i > 0 && text_width(out->str) + text_width(name) + 2 > room) {
            g_string_append_printf(out, " and %u more", n - i);
            break;
        }
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", name);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* "Kill 826 of the 1000 marked?" when the marks are meant, else "Kill 3 instances?". */
static char *ask_many(Tui *tui, const char *command, const char *const *words, guint n)
{
    Table *table =
        tui_page(tui)->ops->table != NULL ? tui_page(tui)->ops->table(tui_page(tui)) : NULL;
    g_auto(GStrv) keys = table != NULL ? table_marked(table) : NULL;
    guint marked = keys != NULL ? g_strv_length(keys) : 0, hits = 0;
    g_autofree char *act = g_strdup(command);

    act[0] = g_ascii_toupper(act[0]);
    for (guint i = 0; i < n && marked > 0; i++)
        hits += g_strv_contains((const char *const *)keys, words[i]);
    if (hits < n)
        return g_strdup_printf("%s %u instances?", act, n);
    if (n == marked)
        return g_strdup_printf("%s the %u marked?", act, n);
    return g_strdup_printf("%s %u of the %u marked?", act, n, marked);
}

/* ---- the dialog ----------------------------------------------------------------------------- */

/* Says what the instance is right now, so that nobody confirms for another than he means. */
static void add_facts(Dialog *dialog, const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;
    g_autofree char *facts =
        g_strdup_printf("%s  %s  %s%s%s  %s  %.12s", info->name,
                        info->kind == GEMEL_KIND_VM ? "guest" : "container",
                        gemel_state_name(info->state), info->is_protected ? ", protected" : "",
                        info->autostart ? ", autostart" : "", instance->backend->name, info->id);

    dialog_add_line(dialog, ROLE_STRONG, facts);
    dialog_add_line(dialog, ROLE_TEXT, " ");
}

/* Those that a question says are left out, and why. */
static void add_skipped(Dialog *dialog, const char *text)
{
    const char *skipped = strstr(text, SKIPPED);

    if (skipped != NULL)
        dialog_add_line(dialog, ROLE_DIM, skipped);
}

/* Opens the dialog about `command` for the instances that `words` name. */
static void open_dialog(Tui *tui, const char *command, const char *const *words, guint n,
                        gboolean many, const char *text, const char *typed_name)
{
    const ModelInstance *instance =
        n > 0 && !many ? model_find(tui->app->model, words[0], NULL) : NULL;

    g_free(tui->dialog_key);
    tui->dialog_key = instance != NULL ? instance_key_of(instance) : NULL;
    if (many) {
        g_autofree char *title = ask_many(tui, command, words, n);
        g_autofree char *names = list_names(tui, words, n);

        tui->dialog = dialog_new(title, verb_of(command, TRUE), typed_name);
        dialog_add_line(tui->dialog, ROLE_TEXT, names);
        add_skipped(tui->dialog, text);
    } else {
        g_autofree char *title = title_of(command, instance != NULL ? instance->info->name : NULL,
                                          n > 1 ? words[1] : "");

        tui->dialog = dialog_new(title, verb_of(command, FALSE), typed_name);
        if (instance != NULL)
            add_facts(tui->dialog, instance);
        if (strstr(text, SKIPPED) == NULL && *text != '\0')
            dialog_add_line(tui->dialog, ROLE_TEXT, text);
        add_skipped(tui->dialog, text);
    }
    tui->dialog_run = NULL;
    tui->dialog_answer = NULL;
    tui->dialog_done = NULL;
    tui->dialog_deaf_until_usec = tui->in_key ? 0 : g_get_monotonic_time() + DEAF_USEC;
    g_clear_pointer(&tui->menu, menu_free);
    tui_changed(tui);
}

static void show_plan(Tui *tui, const CommandRun *run)
{
    g_auto(GStrv) lines = plan_lines(run->plan);

    dialog_set_details(tui->dialog, (const char *const *)lines);
    tui_changed(tui);
}

void questions_plan(CommandRun *run, gpointer data)
{
    Tui *tui = data;

    if (tui->dialog != NULL && tui->dialog_run == run)
        show_plan(tui, run); /* a question that waits takes it when it is opened */
}

static void open_question(Tui *tui, Question *question)
{
    const CommandRun *run = question->run;
    /* a bare question is the title again; what goes with it says more */
    gboolean says_more = run->plan == NULL || !g_str_has_suffix(question->question, "?");
    const char *text = says_more ? question->question : "";

    if (run->about != NULL)
        open_dialog(tui, run->command->name, (const char *const *)run->about->pdata,
                    run->about->len, run->about->len > 1, text, question->typed_name);
    else
        open_dialog(tui, run->command->name, (const char *const *)run->words, run->n_words,
                    run->command->words[0].repeats && run->n_words > 1, text, question->typed_name);
    tui->dialog_run = question->run;
    tui->dialog_answer = question->answer;
    show_plan(tui, run);
}

void questions_confirm(CommandRun *run, const char *text, const char *typed_name,
                       void (*answer)(CommandRun *run, gboolean yes), gpointer data)
{
    Tui *tui = data;
    Question *question = g_new0(Question, 1);

    *question = (Question){run, g_strdup(text), g_strdup(typed_name), answer};
    if (tui->dialog != NULL) {
        g_queue_push_tail(&tui->waiting_dialogs, question);
        return;
    }
    open_question(tui, question);
    question_free(question);
}

void face_ask(Tui *tui, const char *title, const char *verb, const char *text,
              void (*done)(Tui *tui, gboolean yes))
{
    if (tui->dialog != NULL)
        return;
    tui->dialog = dialog_new(title, verb, NULL);
    dialog_add_line(tui->dialog, ROLE_TEXT, text);
    tui->dialog_run = NULL;
    tui->dialog_done = done;
    tui->dialog_deaf_until_usec = 0;
    g_clear_pointer(&tui->dialog_key, g_free);
    tui_changed(tui);
}

/* ---- lines that are asked about before they run --------------------------------------------- */

static void run_asked_line(Tui *tui, gboolean yes)
{
    g_autofree char *line = g_steal_pointer(&tui->dialog_line);

    if (yes)
        face_run_asked(tui, line);
    else
        face_say(tui, OUTPUT_NOTE, "nothing was done");
}

/* The instances that a `kill` kills without a question of its own, or NULL: guests are asked about
   by the command, and so is nothing after --yes. */
static char **killed_unasked(Tui *tui, const char *line)
{
    g_auto(GStrv) argv = NULL;
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    guint used, n = 0;

    if (!g_shell_parse_argv(line, NULL, &argv, NULL))
        return NULL;
    const Command *command = command_find((const char *const *)argv, &used, NULL);

    if (command == NULL || strcmp(command->name, "kill") != 0)
        return NULL;
    for (guint i = used; argv[i] != NULL; i++) {
        const ModelInstance *instance = model_find(tui->app->model, argv[i], NULL);

        if (g_str_has_prefix(argv[i], "--yes") || strcmp(argv[i], "-y") == 0 ||
            g_str_has_prefix(argv[i], "--ask") || strcmp(argv[i], "-i") == 0 ||
            g_str_has_prefix(argv[i], "--dry-run") || g_str_has_prefix(argv[i], "--help") ||
            (instance != NULL && instance->info->kind == GEMEL_KIND_VM))
            return NULL;
        if (instance == NULL)
            continue;
        g_strv_builder_add(names, argv[i]);
        n++;
    }
    return n > 0 ? g_strv_builder_end(names) : NULL;
}

gboolean questions_before(Tui *tui, const char *line)
{
    g_auto(GStrv) lines = command_split_lines(line, NULL);

    if (tui->dialog != NULL || tui->app->read_only)
        return FALSE;
    for (guint i = 0; lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) names = killed_unasked(tui, lines[i]);
        guint n = names != NULL ? g_strv_length(names) : 0;

        if (n == 0)
            continue;
        open_dialog(tui, "kill", (const char *const *)names, n, n > 1,
                    strstr(line, " -s") != NULL || strstr(line, " --s") != NULL
                        ? "It gets that signal at once."
                        : "It ends at once, without a chance to save anything.",
                    NULL);
        tui->dialog_done = run_asked_line;
        tui->dialog_line = g_strdup(line);
        return TRUE;
    }
    return FALSE;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Closes the dialog, answers, opens the next. */
static void answer_dialog(Tui *tui, gboolean yes)
{
    CommandRun *run = tui->dialog_run;

    g_clear_pointer(&tui->dialog, dialog_free);
    tui->dialog_run = NULL;
    if (yes && tui->dialog_key != NULL && tui_instance(tui, tui->dialog_key) == NULL) {
        face_say(tui, OUTPUT_ERROR, "It has gone meanwhile; nothing was done.");
        yes = FALSE;
    }
    if (run != NULL)
        tui->dialog_answer(run, yes);
    else if (tui->dialog_done != NULL)
        tui->dialog_done(tui, yes);
    Question *next = tui->dialog == NULL ? g_queue_pop_head(&tui->waiting_dialogs) : NULL;

    if (next != NULL) {
        open_question(tui, next);
        question_free(next);
    }
    tui_changed(tui);
}

void face_dialog_key(Tui *tui, int key)
{
    if (g_get_monotonic_time() < tui->dialog_deaf_until_usec && key != KEYS_ESC)
        return;
    DialogResult result = dialog_handle_key(tui->dialog, key);

    if (result != DIALOG_OPEN)
        answer_dialog(tui, result == DIALOG_YES);
    tui_changed(tui);
}

void questions_refuse(Tui *tui)
{
    while (tui->dialog != NULL)
        answer_dialog(tui, FALSE);
    g_queue_clear_full(&tui->waiting_dialogs, question_free);
    g_clear_pointer(&tui->dialog_key, g_free);
    g_clear_pointer(&tui->dialog_line, g_free);
}
