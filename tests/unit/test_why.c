/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Causes: each from its own figures alone, ranked by how much time it takes, with a command that
   gemel has. */
#include "console/commands.h"
#include "console/why.h"

#include <string.h>

#define MIB 1048576.0

static WhyFacts quiet(GemelKind kind)
{
    return (WhyFacts){.name = "web",
                      .kind = kind,
                      .state = GEMEL_STATE_RUNNING,
                      .can = (1u << GEMEL_ACT_N) - 1,
                      .vcpus = kind == GEMEL_KIND_VM ? 2 : 0,
                      .span_s = 10,
                      .cpu_limit = 0.5,
                      .host_cpus = 4};
}

static void say(WhyFacts *facts, GemelMetric metric, double newest, double mean)
{
    facts->value[metric] = (guint64)newest;
    facts->mean[metric] = mean;
    facts->valid |= G_GUINT64_CONSTANT(1) << metric;
    facts->mean_valid |= G_GUINT64_CONSTANT(1) << metric;
}

/* Makes the facts of one cause. */
static void make(WhyFacts *facts, WhyCause cause)
{
    switch (cause) {
    case WHY_STOPPED:
        facts->state = GEMEL_STATE_STOPPED;
        break;
    case WHY_PAUSED:
        facts->state = GEMEL_STATE_PAUSED;
        break;
    case WHY_HUNG:
        facts->quarantine = "its QEMU does not answer";
        break;
    case WHY_OOM:
        say(facts, GEMEL_METRIC_MEM_OOM_KILLS, 3, 0.2);
        say(facts, GEMEL_METRIC_MEM_LIMIT, 64 * MIB, 64 * MIB);
        break;
    case WHY_THROTTLED:
        say(facts, GEMEL_METRIC_CPU_THROTTLED, 5e9, 0.5e9);
        say(facts, GEMEL_METRIC_CPU_NR_THROTTLED, 100, 10);
        break;
    case WHY_STEAL:
        say(facts, GEMEL_METRIC_CPU_STEAL, 5e9, 0.5e9);
        say(facts, GEMEL_METRIC_CPU_USAGE, 5e9, 0.5e9);
        break;
    case WHY_IO:
        say(facts, GEMEL_METRIC_PSI_IO_FULL, 4000, 4000);
        say(facts, GEMEL_METRIC_PSI_IO_SOME, 6000, 6000);
        break;
    case WHY_RECLAIM:
        say(facts, GEMEL_METRIC_MEM_HIGH_EVENTS, 100, 20);
        say(facts, GEMEL_METRIC_MEM_USAGE, 63 * MIB, 63 * MIB);
        say(facts, GEMEL_METRIC_MEM_LIMIT, 64 * MIB, 64 * MIB);
        break;
    case WHY_BALLOON:
        say(facts, GEMEL_METRIC_BALLOON_CURRENT, 256 * MIB, 256 * MIB);
        say(facts, GEMEL_METRIC_BALLOON_MAXIMUM, 512 * MIB, 512 * MIB);
        say(facts, GEMEL_METRIC_BALLOON_AVAILABLE, 240 * MIB, 240 * MIB);
        say(facts, GEMEL_METRIC_BALLOON_UNUSED, 4 * MIB, 4 * MIB);
        break;
    case WHY_SWAP:
        say(facts, GEMEL_METRIC_MEM_SWAP, 100 * MIB, 100 * MIB);
        say(facts, GEMEL_METRIC_MEM_USAGE, 60 * MIB, 60 * MIB);
        break;
    case WHY_NEIGHBOUR:
        say(facts, GEMEL_METRIC_PSI_CPU_SOME, 4000, 4000);
        facts->eater = "hog";
        facts->eater_cpus = 3.5;
        facts->eater_can = 1u << GEMEL_ACT_LIMIT;
        break;
    case WHY_PIDS:
        say(facts, GEMEL_METRIC_PIDS_CURRENT, 100, 100);
        say(facts, GEMEL_METRIC_PIDS_LIMIT, 100, 100);
        break;
    case WHY_N:
        break;
    }
}

static GemelKind kind_of(WhyCause cause)
{
    return cause == WHY_STEAL || cause == WHY_BALLOON || cause == WHY_HUNG ? GEMEL_KIND_VM
                                                                           : GEMEL_KIND_CONTAINER;
}

static void test_table_is_sound(void)
{
    for (WhyCause cause = 0; cause < WHY_N; cause++) {
        const WhyInfo *info = &why_table[cause];

        g_assert_nonnull(info->name);
        g_assert_nonnull(info->title);
        g_assert_false(g_str_has_suffix(info->title, "."));
        g_assert_nonnull(info->evidence);
        g_assert_cmpfloat(info->threshold, >, 0);
        g_assert_nonnull(info->remedies[0].act);
        for (WhyCause other = 0; other < cause; other++)
            g_assert_cmpstr(info->name, !=, why_table[other].name);
    }
}

/* Every remedy is a line that gemel understands. */
static void test_remedies_are_commands_of_the_table(void)
{
    for (WhyCause cause = 0; cause < WHY_N; cause++) {
        for (gsize i = 0; i < G_N_ELEMENTS(why_table[cause].remedies); i++) {
            const char *act = why_table[cause].remedies[i].act;
            g_autoptr(GError) error = NULL;
            guint used = 0;

            if (act == NULL)
                continue;
            g_auto(GStrv) words = g_strsplit(act, " ", -1);
            const Command *command = command_find((const char *const *)words, &used, &error);

            g_assert_no_error(error);
            g_assert_cmpstr(command->name, ==, words[0]); /* not by a prefix */
            for (guint w = used; words[w] != NULL; w++) {
                gboolean known = words[w][0] != '-';

                for (const CommandOption *o = command->options;
                     !known && o != NULL && o->name != NULL; o++)
                    known = g_str_equal(o->name, words[w] + 2) || g_ascii_isdigit(words[w][0]);
                g_assert_true(known);
            }
            g_assert_true(why_table[cause].remedies[i].of_other ==
                          (strstr(act, "{other}") != NULL));
        }
    }
}

static void test_each_cause_is_found_by_its_figures_alone(void)
{
    for (WhyCause cause = 0; cause < WHY_N; cause++) {
        WhyFacts facts = quiet(kind_of(cause));

        make(&facts, cause);
        g_autoptr(GArray) found = why_rank(&facts);

        g_assert_cmpuint(found->len, ==, 1);
        const WhyFinding *finding = &g_array_index(found, WhyFinding, 0);

        g_test_message("%s: %s; %s", why_table[cause].name, finding->sentence, finding->remedy);
        g_assert_cmpint(finding->cause, ==, cause);
        g_assert_cmpfloat(finding->score, <=, 1);
        g_assert_nonnull(finding->remedy);
        g_assert_null(strpbrk(finding->remedy, "{}\n"));
        g_assert_cmpuint(strlen(finding->sentence), >, 10);
    }
}

static void test_no_figures_no_cause(void)
{
    for (GemelKind kind = 0; kind < GEMEL_KIND_N; kind++) {
        WhyFacts facts = quiet(kind);
        g_autoptr(GArray) found = why_rank(&facts);

        g_assert_cmpuint(found->len, ==, 0);
    }
}

/* A figure that is there but 0 is no evidence either. */
static void test_all_zero_no_cause(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    for (int i = 0; i < GEMEL_METRIC_N; i++)
        say(&facts, (GemelMetric)i, 0, 0);
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpuint(found->len, ==, 0);
}

static void test_what_takes_more_time_comes_first(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    make(&facts, WHY_THROTTLED); /* 50 % */
    make(&facts, WHY_IO);        /* 40 % */
    make(&facts, WHY_RECLAIM);   /* 20 % */
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpuint(found->len, ==, 3);
    g_assert_cmpint(g_array_index(found, WhyFinding, 0).cause, ==, WHY_THROTTLED);
    g_assert_cmpint(g_array_index(found, WhyFinding, 1).cause, ==, WHY_IO);
    g_assert_cmpint(g_array_index(found, WhyFinding, 2).cause, ==, WHY_RECLAIM);
}

/* Throttled threads wait for a CPU, too: that is not the neighbour's doing. */
static void test_a_limit_is_not_blamed_on_a_neighbour(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    make(&facts, WHY_NEIGHBOUR);
    make(&facts, WHY_THROTTLED);
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpuint(found->len, ==, 1);
    g_assert_cmpint(g_array_index(found, WhyFinding, 0).cause, ==, WHY_THROTTLED);
}

static void test_old_kills_are_named_last(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    make(&facts, WHY_RECLAIM);
    say(&facts, GEMEL_METRIC_MEM_OOM_KILLS, 3, 0);
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpuint(found->len, ==, 2);
    g_assert_cmpint(g_array_index(found, WhyFinding, 1).cause, ==, WHY_OOM);
}

static void test_a_remedy_that_is_not_valid_is_not_offered(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    make(&facts, WHY_THROTTLED);
    facts.can = 0;
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpstr(g_array_index(found, WhyFinding, 0).remedy, ==, "inspect web --definition");
}

/* A guest's processes are its kernel's business: limit knows cpu and memory of one. */
static void test_a_guest_is_not_offered_a_limit_it_cannot_have(void)
{
    for (WhyCause cause = 0; cause < WHY_N; cause++) {
        WhyFacts facts = quiet(GEMEL_KIND_VM);

        make(&facts, cause);
        g_autoptr(GArray) found = why_rank(&facts);

        for (guint i = 0; i < found->len; i++)
            g_assert_null(strstr(g_array_index(found, WhyFinding, i).remedy, "pids="));
    }
}

static void test_names_are_quoted_in_remedies(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);
    g_auto(GStrv) words = NULL;

    facts.name = "x; delete {name} 'y";
    make(&facts, WHY_THROTTLED);
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_true(
        g_shell_parse_argv(g_array_index(found, WhyFinding, 0).remedy, NULL, &words, NULL));
    g_assert_cmpuint(g_strv_length(words), ==, 3);
    g_assert_cmpstr(words[1], ==, facts.name);
}

/* Where it is pinned, the neighbour may not be the host's greatest eater: it says where. */
static void test_a_pinned_one_says_where(void)
{
    WhyFacts facts = quiet(GEMEL_KIND_CONTAINER);

    make(&facts, WHY_NEIGHBOUR);
    facts.cpus = "2-3";
    g_autoptr(GArray) found = why_rank(&facts);

    g_assert_cmpuint(found->len, ==, 1);
    g_assert_nonnull(strstr(g_array_index(found, WhyFinding, 0).sentence, "CPU 2-3 only"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/why/the table is sound", test_table_is_sound);
    g_test_add_func("/why/remedies are commands of the table",
                    test_remedies_are_commands_of_the_table);
    g_test_add_func("/why/each cause is found by its figures alone",
                    test_each_cause_is_found_by_its_figures_alone);
    g_test_add_func("/why/no figures, no cause", test_no_figures_no_cause);
    g_test_add_func("/why/all zero, no cause", test_all_zero_no_cause);
    g_test_add_func("/why/what takes more time comes first", test_what_takes_more_time_comes_first);
    g_test_add_func("/why/a limit is not blamed on a neighbour",
                    test_a_limit_is_not_blamed_on_a_neighbour);
    g_test_add_func("/why/a pinned one says where", test_a_pinned_one_says_where);
    g_test_add_func("/why/old kills are named last", test_old_kills_are_named_last);
    g_test_add_func("/why/a remedy that is not valid is not offered",
                    test_a_remedy_that_is_not_valid_is_not_offered);
    g_test_add_func("/why/a guest is not offered a limit it cannot have",
                    test_a_guest_is_not_offered_a_limit_it_cannot_have);
    g_test_add_func("/why/names are quoted in remedies", test_names_are_quoted_in_remedies);
    return g_test_run();
}
