/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command table's invariants, and how lines become commands. */
#include "console/command_private.h"
#include "console/commands.h"
#include "console/complete.h"
#include "console/complete_snapshots.h"

#include <string.h>
#include <time.h>

/* ---- the table ------------------------------------------------------------------------------ */

static void test_table_is_sound(void)
{
    const Command *const *table = command_table();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (gsize i = 0; table[i] != NULL; i++) {
        const Command *command = table[i];
        gboolean ended = FALSE, optional = FALSE;

        g_assert_nonnull(command->run);
        g_assert_nonnull(command->group);
        g_assert_nonnull(command->summary);
        g_assert_nonnull(command->example);
        g_assert_nonnull(strstr(command->example, command->name));
        g_assert_false(g_str_has_suffix(command->summary, "."));
        g_assert_true(g_hash_table_add(names, (gpointer)command->name));
        for (gsize w = 0; w < G_N_ELEMENTS(command->words); w++) {
            const CommandWord *word = &command->words[w];

            if (word->type == WORD_NONE) {
                ended = TRUE;
                continue;
            }
            g_assert_false(ended); /* no gap, nothing after a repeating word */
            g_assert_nonnull(word->name);
            g_assert_false(optional && !word->optional && !g_str_equal(command->name, "connect"));
            optional = word->optional;
            ended = word->repeats;
        }
        for (const CommandOption *option = command->options; option != NULL && option->name != NULL;
             option++) {
            g_assert_nonnull(option->help);
            g_assert_true((option->type == OPTION_FLAG) == (option->meta == NULL));
            /* these come by flags */
            g_assert_false(g_str_equal(option->name, "json"));
            g_assert_false(g_str_equal(option->name, "yes") &&
                           (command->flags & COMMAND_CHANGES) != 0);
        }
    }
}

static void test_names_and_aliases_are_unique(void)
{
    const Command *const *table = command_table();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (gsize i = 0; table[i] != NULL; i++) {
        g_auto(GStrv) aliases =
            g_strsplit(table[i]->aliases != NULL ? table[i]->aliases : "", ",", -1);

        g_assert_true(g_hash_table_add(seen, g_strdup(table[i]->name)));
        for (guint a = 0; aliases[a] != NULL; a++)
            g_assert_true(g_hash_table_add(seen, g_strdup(aliases[a])));
    }
}

static const char *find(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_autoptr(GError) error = NULL;
    guint used;
    const Command *command = command_find((const char *const *)words, &used, &error);

    g_assert_true((command == NULL) == (error != NULL));
    if (error != NULL)
        g_assert_null(strchr(error->message, '\n'));
    return command != NULL ? command->name : NULL;
}

static void test_commands_are_found(void)
{
    g_assert_cmpstr(find("start x"), ==, "start");
    g_assert_cmpstr(find("destroy x"), ==, "kill");
    g_assert_cmpstr(find("snapshot create x"), ==, "snapshot create");
    g_assert_cmpstr(find("sn cr x"), ==, "snapshot create");
    g_assert_cmpstr(find("insp x"), ==, "inspect");
    g_assert_null(find("st x")); /* start, stop */
    g_assert_null(find("snapshot"));
    g_assert_null(find("frobnicate"));
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void test_lines_are_split(void)
{
    g_auto(GStrv) lines = command_split_lines("a 'b;c' \"d;e\"; f\\;g", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(g_strv_length(lines), ==, 2);
    g_assert_cmpstr(lines[0], ==, "a 'b;c' \"d;e\"");
    g_assert_cmpstr(g_strstrip(lines[1]), ==, "f\\;g");
    g_assert_null(command_split_lines("a 'b", &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
}

static void check_step(const char *line, const char *text, const char *program)
{
    g_autoptr(GPtrArray) steps = command_steps(line, NULL);
    const CommandStep *step;

    g_assert_nonnull(steps);
    step = steps->pdata[steps->len - 1];
    g_assert_cmpstr(g_strstrip(step->text), ==, text);
    g_assert_cmpstr(step->program, ==, program);
}

static void test_a_line_has_a_program(void)
{
    g_autoptr(GError) error = NULL;

    check_step("list", "list", NULL);
    check_step("list | grep x", "list", "grep x");
    check_step("version; list|wc -l", "list", "wc -l");
    check_step("list | sort | head -1", "list", "sort | head -1");
    check_step("list 'a|b' \"c>d\" e\\|f", "list 'a|b' \"c>d\" e\\|f", NULL);
    check_step("list --filter cpu>50", "list --filter cpu>50", NULL);
    check_step("list > 'a b'", "list", "cat > 'a b'");
    check_step("list >> x", "list", "cat >> x");
    check_step("list # | no", "list", NULL);
    for (guint i = 0; i < 4; i++) {
        static const char *const wrong[] = {"list ||x", "| x", "list |", "list | ; version"};

        g_assert_null(command_steps(wrong[i], &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_clear_error(&error);
    }
}

static void test_words_are_quoted_and_joined(void)
{
    static const char *const words[] = {"a", "b c", "d'e", "", "{}", "x|y", NULL};
    g_autofree char *line = command_join(words);
    g_auto(GStrv) back = NULL;

    g_assert_true(g_shell_parse_argv(line, NULL, &back, NULL));
    g_assert_true(g_strv_equal((const char *const *)back, words));
    g_assert_nonnull(strstr(line, " {} ")); /* a placeholder of a binding stays one */
}

static void test_answers(void)
{
    g_assert_true(parse_answer("y", NULL));
    g_assert_true(parse_answer(" Yes ", NULL));
    g_assert_false(parse_answer("", NULL));
    g_assert_false(parse_answer("no", NULL));
    g_assert_true(parse_answer("db", "db"));
    g_assert_false(parse_answer("y", "db"));
    g_assert_false(parse_answer("DB", "db"));
}

static void test_sizes_and_times(void)
{
    gint64 bytes;
    gint ms;

    g_assert_true(parse_size_bytes("64M", &bytes, NULL));
    g_assert_cmpint(bytes, ==, 64 << 20);
    g_assert_true(parse_size_bytes("1.5GiB", &bytes, NULL));
    g_assert_cmpint(bytes, ==, 1536ll << 20);
    g_assert_true(parse_size_bytes("12", &bytes, NULL));
    g_assert_cmpint(bytes, ==, 12);
    g_assert_false(parse_size_bytes("12X", &bytes, NULL));
    g_assert_false(parse_size_bytes("-1", &bytes, NULL));
    g_assert_false(parse_size_bytes("nan", &bytes, NULL));
    g_assert_false(parse_size_bytes("", &bytes, NULL));
    g_assert_true(parse_duration_ms("500ms", &ms, NULL));
    g_assert_cmpint(ms, ==, 500);
    g_assert_true(parse_duration_ms("1.5m", &ms, NULL));
    g_assert_cmpint(ms, ==, 90000);
    g_assert_false(parse_duration_ms("soon", &ms, NULL));
    g_assert_false(parse_duration_ms("-1s", &ms, NULL));
}

/* ---- running, on the simulator -------------------------------------------------------------- */

typedef struct {
    App *app;
    Output *out;
    GString *text;
    FaceOps face;
    int status;
    gboolean over;
} Session;

static void take_line(OutputClass class, const char *text, gpointer data)
{
    Session *session = data;

    g_string_append_printf(session->text, "%s%s\n", class == OUTPUT_ERROR ? "error: " : "", text);
}

static void session_setup(Session *session, gconstpointer data)
{
    session->app = app_new();
    g_assert_true(app_connect(session->app, NULL, "sim:12,seed=1,events=off", NULL));
    session->text = g_string_new(NULL);
    session->out = output_new_lines(take_line, session);
    session->face.face = FACE_ONESHOT;
}

static void session_teardown(Session *session, gconstpointer data)
{
    output_free(session->out);
    g_string_free(session->text, TRUE);
    /* On a busy machine a thread may take longer to end than app_free waits. */
    for (guint tries = 0; !app_free(session->app); tries++) {
        g_assert_cmpuint(tries, <, 500);
        g_usleep(10000);
    }
}

static void session_done(CommandRun *run, int status, gpointer data)
{
    Session *session = data;

    session->over = TRUE;
    session->status = status;
}

static int run_line(Session *session, const char *line)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    session->over = FALSE;
    g_string_truncate(session->text, 0);
    command_line_run(session->app, &session->face, session->out, line, session_done, session);
    while (!session->over) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        app_iterate(session->app, TRUE);
    }
    return session->status;
}

static void test_statuses(Session *session, gconstpointer data)
{
    static const struct {
        const char *line;
        int status;
    } lines[] = {
        {"", 0},
        {"# nothing", 0},
        {"list", 0},
        {"list; version", 0},
        {"nosuch", 2},
        {"list --nosuch", 2},
        {"start", 2},
        {"inspect a b", 2},
        {"limit web-1 cpu=none-of-it", 2},
        {"start no-such-instance", 3},
        {"start web-1", 6},
        {"view sort cpu", 2},
        {"delete ci-runner", 2}, /* cannot ask here: --yes is needed */
        {"list --filter kind=ct", 0},
        {"list --filter kind=spoon", 2},
        {"list --filter stat=running", 2},
        {"stop 'zz*'", 3},
        {"snapshot create web-1 s; snapshot delete web-1 nosuch --yes", 3},
        {"snapshot revert web-1 s --yes --force", 0},
        {"help list top", 0},
        {"help snapshot", 0},
        {"list 'open", 2},
        {"nosuch; list", 2},
        {"# it's nothing; nosuch", 0},
        {"version # don't; nosuch\nversion", 0},
        {"version; # nosuch\nnosuch", 2},
        {"events --count many", 2},
        {"events", 4}, /* this backend tells of none */
        {"top --count 0", 2},
        {"top no-such-instance --count 1", 3},
        {"list no-such-instance", 3},
        {"list no-such-*", 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_test_message("%s", lines[i].line);
        g_assert_cmpint(run_line(session, lines[i].line), ==, lines[i].status);
    }
}

static void test_one_wrong_name_and_nothing_is_done(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop web-1 no-such-instance"), ==, 3);
    g_assert_cmpint(run_line(session, "list --quiet --filter state=running web-1"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
}

static void test_globs_name_many(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop 'web-*' web-1"), ==, 0);
    g_assert_cmpint(run_line(session, "list -q 'web-*' -f state=stopped"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\nweb-2\n");
}

static void test_read_only_refuses_changes(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "set read-only on; stop web-1"), ==, 7);
    g_assert_cmpint(run_line(session, "console web-1"), ==, 7);
    g_assert_cmpint(run_line(session, "stop web-1 --dry-run"), ==, 0);
    g_assert_cmpint(run_line(session, "list"), ==, 0);
}

static void test_commands_run_in_order(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop web-1; start web-1; pause web-1"), ==, 0);
    g_assert_cmpint(run_line(session, "list -q -f state=paused web-1"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
}

static void test_long_lines_need_no_stack(Session *session, gconstpointer data)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (int i = 0; i < 200000; i++)
        g_string_append(line, i % 100 == 0 ? "set cpu core;" : ";");
    g_assert_cmpint(run_line(session, line->str), ==, 0);
}

static void test_names_with_a_backend_are_listed(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "list -q sim/web-1"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
    g_assert_cmpint(run_line(session, "list -q 'sim/web-*'"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\nweb-2\n");
}

static void test_wait_needs_no_events(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop web-1 --no-wait; wait web-1 stopped --timeout 25s"), ==,
                    0);
}

static void test_any_timeout_is_taken(Session *session, gconstpointer data)
{
    gint64 before = g_get_monotonic_time();

    g_assert_cmpint(run_line(session, "stop web-1 --timeout 2147483s"), ==, 0);
    /* `batch` ignores its stop signal: without time it is killed at once, not after the usual 10 s
     */
    g_assert_cmpint(run_line(session, "stop batch --timeout 0"), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - before, <, 9 * G_USEC_PER_SEC);
}

static void test_json_takes_any_bytes(void)
{
    g_autoptr(GError) error = NULL;
    json_t *object;

    gemel_error_set(&error, GEMEL_ERROR_FAILED, "cannot read %s.xml", "\xff\xfe");
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_clear_error(&error);
    g_set_error_literal(&error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no \x80");
    object = error_to_json("b\xc3", error);
    g_assert_nonnull(object);
    g_assert_cmpstr(json_string_value(json_object_get(object, "backend")), ==, "b\uFFFD");
    g_assert_cmpstr(json_string_value(json_object_get(object, "message")), ==, "no \uFFFD");
    json_decref(object);
    object = json_text(NULL);
    g_assert_true(json_is_null(object));
}

static void test_a_cancelled_act_is_not_shown_for_ever(Session *session, gconstpointer data)
{
    ModelInstance *instance;
    CommandRun *run;

    g_assert_cmpint(run_line(session, "list"), ==, 0);
    instance = model_find(session->app->model, "batch", NULL);
    session->over = FALSE;
    run = command_line_run(session->app, &session->face, session->out, "stop batch", session_done,
                           session);
    while (instance->doing == NULL)
        app_iterate(session->app, TRUE);
    command_cancel(run);
    g_assert_true(session->over);
    g_assert_cmpint(session->status, ==, 130);
    g_assert_null(instance->doing);
}

static void test_jobs_outlive_their_backend(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop web-1 --no-wait; disconnect sim; jobs --json"), ==, 0);
    g_assert_nonnull(strstr(session->text->str, "stop web-1"));
    g_assert_cmpint(run_line(session, "list"), ==, 0);
}

static char *completions(Session *session, const char *line)
{
    guint start;
    g_autoptr(GPtrArray) found =
        complete_line(session->app, FACE_SHELL, line, (guint)strlen(line), &start, NULL);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                               ((Completion *)found->pdata[i])->text);
    return g_string_free(text, FALSE);
}

static void check_completions(Session *session, const char *line, const char *expected)
{
    g_autofree char *found = completions(session, line);

    g_assert_cmpstr(found, ==, expected);
}

static void test_completion_knows_states(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "list"), ==, 0); /* fills the model */
    check_completions(session, "sta", "start stats");
    check_completions(session, "list; sta", "start stats");
    check_completions(session, "start ", "ci-runner mail queue");
    check_completions(session, "start ci-runner ", "mail queue");
    check_completions(session, "resume ", "router");
    check_completions(session, "inspect web-", "web-1 web-2");
    check_completions(session, "snapshot c", "create");
    check_completions(session, "set cpu ", "core host limit");
    check_completions(session, "stop --no", "--no-wait");
    check_completions(session, "wait web-1 r", "running");
    check_completions(session, "nosuch ", "");
    /* options: their values, and not twice */
    check_completions(session, "stop -t 5s web", "web-1 web-2");
    check_completions(session, "stop --timeout 5s --t", "");
    check_completions(session, "source --k", "--keep-going");
    check_completions(session, "alert list; set theme m", "mono");
    /* a line inside a line */
    check_completions(session, "watch start ", "ci-runner mail queue");
    check_completions(session, "watch -i 1s resume ", "router");
    check_completions(session, "alias x = resume ", "router");
    /* aliases stand for what they stand for */
    g_assert_cmpint(run_line(session, "alias wake = resume"), ==, 0);
    check_completions(session, "wak", "wake");
    check_completions(session, "wake ", "router");
    check_completions(session, "unalias ", "wake");
    /* behind a pipe it is no longer ours */
    check_completions(session, "list | start", "");
    check_completions(session, "list | grep x; resume ", "router");
}

static void test_completion_of_many_is_quick(Session *session, gconstpointer data)
{
    clock_t before;
    guint start;

    g_assert_cmpint(run_line(session, "connect many sim:10000,events=off; list -q nothing*"), ==,
                    0);
    before = clock();
    g_autoptr(GPtrArray) found =
        complete_line(session->app, FACE_SHELL, "inspect ", 8, &start, NULL);

    g_assert_cmpuint(found->len, >=, 10000);
    /* far more than it takes, far less than comparing each with each */
    g_assert_cmpint(clock() - before, <, CLOCKS_PER_SEC);
}

static void test_what_a_glob_names(void)
{
    static const struct {
        const char *glob, *backend, *name;
        gboolean matches;
    } cases[] = {
        {"web*", "sim", "web-1", TRUE},     {"s*", "sim", "web-1", FALSE},
        {"*", "sim", "web-1", TRUE},        {"*1", "sim", "web-1", TRUE},
        {"s*1", "sim", "web-1", FALSE},     {"sim/web*", "sim", "web-1", TRUE},
        {"s*/web-?", "sim", "web-1", TRUE}, {"l*/web-?", "sim", "web-1", FALSE},
        {"*/*", "sim", "web-1", TRUE},      {"sim/*", "simulator", "web-1", FALSE},
        {"web-1", "sim", "web-1", TRUE},    {"a/b*", "sim", "a/bc", TRUE},
        {"[sw]*", "sim", "web-1", FALSE},   {"*/", "sim", "web-1", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].glob);
        g_assert_cmpint(model_glob_matches(cases[i].glob, cases[i].backend, cases[i].name), ==,
                        cases[i].matches);
    }
}

/* The name of a backend is no part of a name. */
static void test_a_glob_never_means_a_backend(Session *session, gconstpointer data)
{
    g_assert_cmpint(run_line(session, "stop 's*' --dry-run"), ==, 3);
    g_assert_cmpint(run_line(session, "list -q 's*'"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "");
    g_assert_cmpint(run_line(session, "list -q 's*/web-1'"), ==, 0);
    g_assert_cmpstr(session->text->str, ==, "web-1\n");
    g_assert_cmpint(run_line(session, "inspect 'web*'"), ==, 3);
    g_assert_nonnull(strstr(session->text->str, "a pattern cannot stand here"));
}

/* Snapshots are kept of few instances, and of none that is gone. */
static void test_completion_keeps_little(Session *session, gconstpointer data)
{
    guint n = 0;

    g_assert_cmpint(run_line(session, "connect many sim:40,events=off; list -q nothing*"), ==, 0);
    GPtrArray *all = model_instances(session->app->model);

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];
        g_autofree char *line = g_strdup_printf("snapshot revert %s/%s ", instance->backend->name,
                                                instance->info->name);

        if (!g_str_equal(instance->backend->name, "many"))
            continue;
        n++;
        g_free(completions(session, line));
        g_assert_cmpuint(complete_snapshots_count(), ==, MIN(n, COMPLETE_SNAPSHOTS_KEPT));
    }
    g_assert_cmpuint(n, ==, 40);
    g_assert_cmpint(run_line(session, "disconnect many"), ==, 0);
    g_free(completions(session, "snapshot revert lab-vm "));
    g_assert_cmpuint(complete_snapshots_count(), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/command/the table is sound", test_table_is_sound);
    g_test_add_func("/command/names and aliases are unique", test_names_and_aliases_are_unique);
    g_test_add_func("/command/commands are found", test_commands_are_found);
    g_test_add_func("/command/lines are split", test_lines_are_split);
    g_test_add_func("/command/a line has a program", test_a_line_has_a_program);
    g_test_add_func("/command/words are quoted and joined", test_words_are_quoted_and_joined);
    g_test_add_func("/command/answers are read", test_answers);
    g_test_add_func("/command/sizes and times are read", test_sizes_and_times);
#define ADD(path, fn)                                                                              \
    g_test_add("/command/" path, Session, NULL, session_setup, fn, session_teardown)
    ADD("the status says how it went", test_statuses);
    ADD("one wrong name and nothing is done", test_one_wrong_name_and_nothing_is_done);
    ADD("globs name many", test_globs_name_many);
    ADD("read-only refuses changes", test_read_only_refuses_changes);
    ADD("the commands of a line run in order", test_commands_run_in_order);
    g_test_add_func("/command/JSON takes any bytes", test_json_takes_any_bytes);
    ADD("long lines need no stack", test_long_lines_need_no_stack);
    ADD("names with a backend are listed", test_names_with_a_backend_are_listed);
    ADD("wait needs no events", test_wait_needs_no_events);
    ADD("any timeout is taken", test_any_timeout_is_taken);
    ADD("a cancelled act is not shown for ever", test_a_cancelled_act_is_not_shown_for_ever);
    ADD("jobs outlive their backend", test_jobs_outlive_their_backend);
    ADD("completion of many is quick", test_completion_of_many_is_quick);
    g_test_add_func("/command/a glob is of names, or of both parts", test_what_a_glob_names);
    ADD("a glob never means a backend", test_a_glob_never_means_a_backend);
    ADD("completion keeps little", test_completion_keeps_little);
    ADD("completion knows states", test_completion_knows_states);
    return g_test_run();
}
