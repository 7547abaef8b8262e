/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/why.h"
#include "backends/cpus.h"
#include "console/output.h"

#include <string.h>

/* ---- reading facts -------------------------------------------------------------------------- */

static gboolean has(const WhyFacts *facts, GemelMetric metric)
{
    return (facts->valid >> metric) & 1u;
}

/* The mean, or 0 where there is none: no figure is no evidence. */
static double mean(const WhyFacts *facts, GemelMetric metric)
{
    return (facts->mean_valid >> metric) & 1u ? facts->mean[metric] : 0;
}

static double newest(const WhyFacts *facts, GemelMetric metric)
{
    return has(facts, metric) ? (double)facts->value[metric] : 0;
}

/* A pressure average in hundredths of a percent, as a share of time. */
static double pressure(const WhyFacts *facts, GemelMetric metric)
{
    return mean(facts, metric) / 10000;
}

/* What a pressure total grew by, as a share of the span: exact, where an average lags. */
static double stalled(const WhyFacts *facts, GemelMetric total, GemelMetric average)
{
    return (facts->mean_valid >> total) & 1u ? facts->mean[total] / 1e6 : pressure(facts, average);
}

/* Of the time, how much the CPU limit took. */
static double throttled_share(const WhyFacts *facts)
{
    return MIN(mean(facts, GEMEL_METRIC_CPU_THROTTLED) / 1e9, 1);
}

static gboolean is_on(const WhyFacts *facts)
{
    return facts->state == GEMEL_STATE_RUNNING && facts->quarantine == NULL;
}

/* ---- evidence ------------------------------------------------------------------------------- */

static double evidence_stopped(const WhyFacts *facts, GString *sentence)
{
    if (facts->state == GEMEL_STATE_RUNNING || facts->state == GEMEL_STATE_PAUSED ||
        facts->state == GEMEL_STATE_UNKNOWN)
        return 0;
    g_string_append_printf(sentence, "it is %s%s%s, so it does nothing",
                           gemel_state_name(facts->state), facts->state_reason != NULL ? ": " : "",
                           facts->state_reason != NULL ? facts->state_reason : "");
    return 1;
}

static double evidence_paused(const WhyFacts *facts, GString *sentence)
{
    if (facts->state != GEMEL_STATE_PAUSED)
        return 0;
    g_string_append_printf(sentence, "it is paused%s%s, so it does nothing",
                           facts->state_reason != NULL ? ": " : "",
                           facts->state_reason != NULL ? facts->state_reason : "");
    return 1;
}

static double evidence_hung(const WhyFacts *facts, GString *sentence)
{
    if (facts->quarantine == NULL)
        return 0;
    g_string_append_printf(sentence, "it gives no figures: %s", facts->quarantine);
    return 1;
}

/* Kills within the span weigh most: what was killed is gone. */
static double evidence_oom(const WhyFacts *facts, GString *sentence)
{
    double kills = mean(facts, GEMEL_METRIC_MEM_OOM_KILLS) * facts->span_s;
    double all = newest(facts, GEMEL_METRIC_MEM_OOM_KILLS);
    g_autofree char *limit = format_bytes((guint64)newest(facts, GEMEL_METRIC_MEM_LIMIT));

    if (all < 1)
        return 0;
    if (kills >= 0.5)
        g_string_append_printf(sentence,
                               "the kernel killed %.0f of its processes in the last %.0f s, as its "
                               "limit of %s was full",
                               kills, facts->span_s, limit);
    else
        g_string_append_printf(sentence,
                               "the kernel killed %.0f of its processes since the start, as its "
                               "limit of %s was full; none in the last %.0f s",
                               all, limit, facts->span_s);
    return kills >= 0.5 ? 1 : 0.06;
}

static double evidence_throttled(const WhyFacts *facts, GString *sentence)
{
    double share = throttled_share(facts);
    double times = mean(facts, GEMEL_METRIC_CPU_NR_THROTTLED);

    if (share <= 0)
        return 0;
    g_string_append_printf(sentence,
                           "it was held back for %.0f %% of the time, %.1f times a second, by its "
                           "limit of %.3g CPUs; it used %.2f",
                           share * 100, times, facts->cpu_limit,
                           mean(facts, GEMEL_METRIC_CPU_USAGE) / 1e9);
    return share;
}

/* Of the time its vCPUs wanted to run, how much they waited for a CPU of the host. */
static double evidence_steal(const WhyFacts *facts, GString *sentence)
{
    double steal = mean(facts, GEMEL_METRIC_CPU_STEAL) / 1e9 - throttled_share(facts);
    double used = mean(facts, GEMEL_METRIC_CPU_USAGE) / 1e9;

    if (steal < 0.02)
        return 0;
    g_string_append_printf(sentence,
                           "its vCPUs waited %.2f s of every second for a CPU of the host, and ran "
                           "%.2f s",
                           steal, used);
    if (facts->eater != NULL && facts->eater_cpus >= 0.1)
        g_string_append_printf(sentence, "; %s uses %.2f CPUs meanwhile", facts->eater,
                               facts->eater_cpus);
    return CLAMP(steal / (steal + used), 0, 1);
}

static double evidence_io(const WhyFacts *facts, GString *sentence)
{
    double full = stalled(facts, GEMEL_METRIC_PSI_IO_FULL_TOTAL, GEMEL_METRIC_PSI_IO_FULL);
    double some = stalled(facts, GEMEL_METRIC_PSI_IO_TOTAL, GEMEL_METRIC_PSI_IO_SOME);
    g_autofree char *rd = format_rate(mean(facts, GEMEL_METRIC_IO_RD_BYTES));
    g_autofree char *wr = format_rate(mean(facts, GEMEL_METRIC_IO_WR_BYTES));

    if (full <= 0)
        return 0;
    g_string_append_printf(
        sentence,
        "%s waits for disks %.0f %% of the time (some of it %.0f %%), reading %s/s "
        "and writing %s/s",
        facts->kind == GEMEL_KIND_VM ? "its QEMU on the host" : "all of it", full * 100, some * 100,
        rd, wr);
    if (facts->writer != NULL && facts->writer_rate > 1048576) {
        g_autofree char *other = format_rate(facts->writer_rate);

        g_string_append_printf(sentence, "; %s moves %s/s", facts->writer, other);
    }
    return MIN(full, 1);
}

/* memory.high met, or memory.max (v1: the limit's failures) while it is full. */
static double evidence_reclaim(const WhyFacts *facts, GString *sentence)
{
    double high = mean(facts, GEMEL_METRIC_MEM_HIGH_EVENTS);
    double limit = newest(facts, GEMEL_METRIC_MEM_LIMIT);
    double used = newest(facts, GEMEL_METRIC_MEM_USAGE);
    double met = mean(facts, GEMEL_METRIC_MEM_OOM_EVENTS);
    double waits = stalled(facts, GEMEL_METRIC_PSI_MEM_TOTAL, GEMEL_METRIC_PSI_MEM_SOME);
    gboolean is_full = has(facts, GEMEL_METRIC_MEM_OOM_EVENTS) && limit > 0 && used > 0.9 * limit &&
                       (met > 0 || waits > 0.01);
    g_autofree char *mine = format_bytes((guint64)used), *of = format_bytes((guint64)limit);

    if (high <= 0 && !is_full)
        return 0;
    g_string_append_printf(sentence,
                           "it has %s of %s, so the kernel takes pages away while it works: met "
                           "its limit %.1f times a second, stalled %.0f %% of the time",
                           mine, limit > 0 ? of : "no hard limit", high + met, waits * 100);
    return CLAMP(MAX(waits, (high + met) / 100), 0, 1);
}

/* The balloon keeps memory back that the guest lacks. */
static double evidence_balloon(const WhyFacts *facts, GString *sentence)
{
    double current = newest(facts, GEMEL_METRIC_BALLOON_CURRENT);
    double maximum = newest(facts, GEMEL_METRIC_BALLOON_MAXIMUM);
    double seen = newest(facts, GEMEL_METRIC_BALLOON_AVAILABLE);
    double unused = newest(facts, GEMEL_METRIC_BALLOON_UNUSED);
    g_autofree char *now = format_bytes((guint64)current), *most = format_bytes((guint64)maximum);
    g_autofree char *left = format_bytes((guint64)unused);

    if (!has(facts, GEMEL_METRIC_BALLOON_UNUSED) || seen <= 0 || current <= 0 ||
        current > 0.98 * maximum || unused > 0.1 * seen)
        return 0;
    g_string_append_printf(sentence,
                           "its balloon leaves it %s of %s, of which %s are unused; the host keeps "
                           "the rest",
                           now, most, left);
    return 0.1 + 0.5 * (1 - unused / (0.1 * seen));
}

static double evidence_swap(const WhyFacts *facts, GString *sentence)
{
    double swap = newest(facts, GEMEL_METRIC_MEM_SWAP);
    double used = newest(facts, GEMEL_METRIC_MEM_USAGE);
    double waits = stalled(facts, GEMEL_METRIC_PSI_MEM_TOTAL, GEMEL_METRIC_PSI_MEM_SOME);
    g_autofree char *out = format_bytes((guint64)swap), *in = format_bytes((guint64)used);

    if (swap <= 0)
        return 0;
    g_string_append_printf(sentence,
                           "%s of it are in swap, %s in memory; stalled %.0f %% of the time", out,
                           in, waits * 100);
    return 0.5 * swap / (swap + used) + 0.5 * waits;
}

/* It waits for a CPU, its own limit is not why, and somebody else uses them. */
static double evidence_neighbour(const WhyFacts *facts, GString *sentence)
{
    double waits = stalled(facts, GEMEL_METRIC_PSI_CPU_TOTAL, GEMEL_METRIC_PSI_CPU_SOME) -
                   throttled_share(facts);

    if (waits <= 0 || facts->eater == NULL || facts->eater_cpus < 0.25 ||
        facts->eater_cpus * 1e9 < mean(facts, GEMEL_METRIC_CPU_USAGE) / 2 ||
        mean(facts, GEMEL_METRIC_CPU_STEAL) / 1e9 >= 0.02) /* that says it exactly */
        return 0;
    g_string_append_printf(
        sentence,
        "it waited for a CPU %.0f %% of the time, while %s on the same host used "
        "%.2f of %.0f CPUs",
        waits * 100, facts->eater, facts->eater_cpus, facts->host_cpus);
    if (facts->cpus != NULL)
        g_string_append_printf(sentence, "; it may run on CPU %s only", facts->cpus);
    return MIN(waits, 1);
}

static double evidence_pids(const WhyFacts *facts, GString *sentence)
{
    double now = newest(facts, GEMEL_METRIC_PIDS_CURRENT);
    double limit = newest(facts, GEMEL_METRIC_PIDS_LIMIT);

    if (limit <= 0 || now < 0.95 * limit)
        return 0;
    g_string_append_printf(sentence, "it has %.0f of %.0f processes: starting another one fails",
                           now, limit);
    return now >= limit ? 0.9 : 0.3;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define ALWAYS GEMEL_ACT_N

const WhyInfo why_table[WHY_N] = {
    [WHY_STOPPED] = {.name = "stopped",
                     .title = "it does not run",
                     .threshold = 0.5,
                     .evidence = evidence_stopped,
                     .remedies = {{"start {name}", GEMEL_ACT_START}, {"inspect {name}", ALWAYS}}},
    [WHY_PAUSED] = {.name = "paused",
                    .title = "it is paused",
                    .threshold = 0.5,
                    .evidence = evidence_paused,
                    .remedies = {{"resume {name}", GEMEL_ACT_RESUME}, {"inspect {name}", ALWAYS}}},
    [WHY_HUNG] = {.name = "hung",
                  .title = "it does not answer",
                  .threshold = 0.5,
                  .evidence = evidence_hung,
                  .remedies = {{"reset {name}", GEMEL_ACT_RESET}, {"kill {name}", GEMEL_ACT_KILL}}},
    [WHY_OOM] = {.name = "oom",
                 .title = "killed for want of memory",
                 .threshold = 0.05,
                 .evidence = evidence_oom,
                 .remedies = {{"limit {name} memory={memory}", GEMEL_ACT_LIMIT},
                              {"inspect {name}", ALWAYS}}},
    [WHY_THROTTLED] = {.name = "throttled",
                       .title = "held back by its CPU limit",
                       .threshold = 0.02,
                       .evidence = evidence_throttled,
                       .remedies = {{"limit {name} cpu={cpu}", GEMEL_ACT_LIMIT},
                                    {"inspect {name} --definition", ALWAYS}}},
    [WHY_STEAL] = {.name = "steal",
                   .title = "its vCPUs wait for the host's CPUs",
                   .threshold = 0.02,
                   .evidence = evidence_steal,
                   .remedies = {{"limit {other} cpu={cpu}", GEMEL_ACT_LIMIT, TRUE},
                                {"pause {other}", GEMEL_ACT_PAUSE, TRUE},
                                {"why", ALWAYS}}},
    [WHY_IO] = {.name = "io",
                .title = "waits for disks",
                .threshold = 0.03,
                .evidence = evidence_io,
                .remedies = {{"pause {other}", GEMEL_ACT_PAUSE, TRUE},
                             {"stats {name} --interval 1s", ALWAYS}}},
    [WHY_RECLAIM] = {.name = "reclaim",
                     .title = "its memory is reclaimed at the limit",
                     .threshold = 0.02,
                     .evidence = evidence_reclaim,
                     .remedies = {{"limit {name} memory={memory}", GEMEL_ACT_LIMIT},
                                  {"inspect {name}", ALWAYS}}},
    [WHY_BALLOON] = {.name = "balloon",
                     .title = "its balloon is too tight",
                     .threshold = 0.05,
                     .evidence = evidence_balloon,
                     .remedies = {{"limit {name} memory={memory}", GEMEL_ACT_LIMIT},
                                  {"inspect {name} --definition", ALWAYS}}},
    [WHY_SWAP] = {.name = "swap",
                  .title = "part of its memory is in swap",
                  .threshold = 0.05,
                  .evidence = evidence_swap,
                  .remedies = {{"limit {name} memory={memory}", GEMEL_ACT_LIMIT},
                               {"inspect {name}", ALWAYS}}},
    [WHY_NEIGHBOUR] = {.name = "neighbour",
                       .title = "another one has the CPUs",
                       .threshold = 0.05,
                       .evidence = evidence_neighbour,
                       .remedies = {{"limit {other} cpu={cpu}", GEMEL_ACT_LIMIT, TRUE},
                                    {"pause {other}", GEMEL_ACT_PAUSE, TRUE},
                                    {"why", ALWAYS}}},
    [WHY_PIDS] = {.name = "pids",
                  .title = "at its limit of processes",
                  .threshold = 0.1,
                  .evidence = evidence_pids,
                  .remedies = {{"limit {name} pids={pids}", GEMEL_ACT_LIMIT, .of_containers = TRUE},
                               {"inspect {name}", ALWAYS}}},
};

/* ---- ranking -------------------------------------------------------------------------------- */

static void finding_clear(gpointer data)
{
    WhyFinding *finding = data;

    g_free(finding->sentence);
    g_free(finding->remedy);
}

static void replace(GString *line, const char *what, const char *with)
{
    g_string_replace(line, what, with, 0);
}

/* A name as a word of a command line: names come from others. */
static void replace_name(GString *line, const char *what, const char *name)
{
    gboolean plain = name != NULL && *name != '\0';

    for (const char *c = name; plain && *c != '\0'; c++)
        plain = g_ascii_isalnum(*c) || strchr("-_./:@+", *c) != NULL;
    g_autofree char *word = plain ? g_strdup(name) : g_shell_quote(name != NULL ? name : "");

    replace(line, what, word);
}

/* Twice what it has, in whole MiB, as `limit` takes it. */
static char *more_memory(const WhyFacts *facts)
{
    double most = newest(facts, GEMEL_METRIC_BALLOON_MAXIMUM);
    double limit = newest(facts, GEMEL_METRIC_MEM_LIMIT),
           swap = newest(facts, GEMEL_METRIC_MEM_SWAP);

    if (facts->kind == GEMEL_KIND_VM && most > 0)
        return g_strdup_printf("%.0fM", most / 1048576);
    if (limit <= 0)
        limit = newest(facts, GEMEL_METRIC_MEM_USAGE) + swap;
    return g_strdup_printf("%.0fM", MAX(limit * 2 / 1048576, 1));
}

/* The line of the first remedy that is valid now. */
static char *find_remedy(const WhyInfo *info, const WhyFacts *facts)
{
    for (gsize i = 0; i < G_N_ELEMENTS(info->remedies); i++) {
        const WhyRemedy *remedy = &info->remedies[i];
        gboolean by_io = info == &why_table[WHY_IO];
        const char *other = by_io ? facts->writer : facts->eater;
        guint32 can = !remedy->of_other ? facts->can : by_io ? facts->writer_can : facts->eater_can;
        gboolean heavy = by_io ? facts->writer_rate > 2 * (mean(facts, GEMEL_METRIC_IO_RD_BYTES) +
                                                           mean(facts, GEMEL_METRIC_IO_WR_BYTES))
                               : facts->eater_cpus >= 0.25;

        if (remedy->act == NULL || (remedy->of_containers && facts->kind != GEMEL_KIND_CONTAINER) ||
            (remedy->of_other && (other == NULL || !heavy)) ||
            (remedy->needs != ALWAYS && !((can >> remedy->needs) & 1u)))
            continue;
        g_autoptr(GString) line = g_string_new(remedy->act);
        /* its own limit: twice; a neighbour's: half of what it uses */
        double cpus = remedy->of_other ? facts->eater_cpus / 2
                                       : 2 * (facts->cpu_limit > 0 ? facts->cpu_limit : 1);
        g_autofree char *cpu = g_strdup_printf("%.2g", MAX(cpus, 0.1));
        g_autofree char *memory = more_memory(facts);
        g_autofree char *pids = g_strdup_printf("%.0f", 2 * newest(facts, GEMEL_METRIC_PIDS_LIMIT));

        replace(line, "{cpu}", cpu);
        replace(line, "{memory}", memory);
        replace(line, "{pids}", pids);
        /* names last: what is in them is not filled in again */
        if (remedy->of_other)
            replace_name(line, "{other}", other);
        else
            replace_name(line, "{name}", facts->name);
        return g_string_free(g_steal_pointer(&line), FALSE);
    }
    return NULL;
}

static gint by_score(gconstpointer a, gconstpointer b)
{
    const WhyFinding *one = a, *two = b;

    if (one->score != two->score)
        return one->score < two->score ? 1 : -1;
    return (gint)one->cause - (gint)two->cause;
}

GArray *why_rank(const WhyFacts *facts)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(WhyFinding));

    g_array_set_clear_func(found, finding_clear);
    for (WhyCause cause = 0; cause < WHY_N; cause++) {
        const WhyInfo *info = &why_table[cause];
        g_autoptr(GString) sentence = g_string_new(NULL);
        gboolean of_state = cause == WHY_STOPPED || cause == WHY_PAUSED || cause == WHY_HUNG;
        double score = of_state || is_on(facts) ? info->evidence(facts, sentence) : 0;

        if (!(score >= info->threshold))
            continue;
        WhyFinding finding = {.cause = cause,
                              .score = score,
                              .sentence = g_string_free(g_steal_pointer(&sentence), FALSE),
                              .remedy = find_remedy(info, facts)};

        g_array_append_val(found, finding);
    }
    g_array_sort(found, by_score);
    return found;
}

/* ---- gathering ------------------------------------------------------------------------------ */

gboolean why_is_local(const ModelBackend *backend)
{
    const char *uri = backend->open != NULL ? backend->open->backend->uri : NULL;
    const char *slashes = uri != NULL ? strstr(uri, "://") : NULL;

    return slashes == NULL || slashes[3] == '/';
}

/* On this machine itself: it can be told from a URI alone, and the simulator has one of its own. */
static gboolean runs_here(const ModelBackend *backend)
{
    return why_is_local(backend) &&
           (backend->open == NULL || backend->open->backend->host_cpus == 0);
}

/* Whether both are on one machine, as far as is known. */
static gboolean run_together(const ModelBackend *one, const ModelBackend *other)
{
    return one == other || (runs_here(one) && runs_here(other));
}

/* The strongest others where it runs; by CPU, of those that have a CPU in common with it. */
static void gather_others(Model *model, const ModelInstance *instance, WhyFacts *facts)
{
    GPtrArray *all = model_instances(model);
    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *other = all->pdata[i];
        gboolean near = run_together(instance->backend, other->backend);
        double percent, rd, wr;

        if (other == instance || !near || other->info->state != GEMEL_STATE_RUNNING)
            continue;
        if (model_cpu_percent(other, MODEL_CPU_OF_CORE, &percent) &&
            percent / 100 > facts->eater_cpus && gemel_cpus_meet(instance->cpus, other->cpus)) {
            facts->eater = other->info->name;
            facts->eater_cpus = percent / 100;
            facts->eater_can = other->info->valid_acts;
        }
        if (model_block_rates(other, &rd, &wr) && rd + wr > facts->writer_rate) {
            facts->writer = other->info->name;
            facts->writer_rate = rd + wr;
            facts->writer_can = other->info->valid_acts;
        }
    }
}

void why_gather(Model *model, const ModelInstance *instance, gint64 span_ns, WhyFacts *facts)
{
    const GemelInstance *info = instance->info;
    gint64 oldest_ns = 0;

    *facts = (WhyFacts){.name = info->name,
                        .kind = info->kind,
                        .state = info->state,
                        .state_reason = info->state_reason,
                        .quarantine = instance->quarantine,
                        .can = info->valid_acts,
                        .vcpus = info->vcpus,
                        .span_s = (double)span_ns / 1e9,
                        .valid = instance->valid,
                        .cpu_limit = info->cpu_limit,
                        .host_cpus = model_host_cpus(instance->backend)};
    memcpy(facts->value, instance->value, sizeof facts->value);
    for (int i = 0; i < GEMEL_METRIC_N; i++)
        if (model_metric_mean(instance, (GemelMetric)i, span_ns, &facts->mean[i]))
            facts->mean_valid |= G_GUINT64_CONSTANT(1) << i;
    /* a young history spans less */
    if (instance->opened != NULL && history_positions(instance->opened) > 0)
        oldest_ns = history_axis_time_ns(&instance->backend->axis, instance->opened->first);
    if (oldest_ns > 0 && instance->sample_ns > oldest_ns)
        facts->span_s = MIN(facts->span_s, (double)(instance->sample_ns - oldest_ns) / 1e9);
    if (facts->cpu_limit <= 0 && has(facts, GEMEL_METRIC_CPU_LIMIT))
        facts->cpu_limit = (double)facts->value[GEMEL_METRIC_CPU_LIMIT] / 1000;
    if (why_is_local(instance->backend) && gemel_cpus_count(instance->cpus) > 0 &&
        gemel_cpus_count(instance->cpus) < (guint)facts->host_cpus)
        facts->cpus = instance->cpus;
    gather_others(model, instance, facts);
}

/* ---- eaters --------------------------------------------------------------------------------- */

static gint by_most(gconstpointer a, gconstpointer b)
{
    const WhyShare *one = a, *two = b;

    if (one->most != two->most)
        return one->most < two->most ? 1 : -1;
    return g_strcmp0(one->instance->info->name, two->instance->info->name);
}

/* What it takes of the host's memory: of a guest, what its QEMU holds. */
static gboolean memory_held(const ModelInstance *instance, guint64 *ret)
{
    guint64 limit;

    if ((instance->valid >> GEMEL_METRIC_MEM_RSS) & 1u) {
        *ret = instance->value[GEMEL_METRIC_MEM_RSS];
        return TRUE;
    }
    return model_memory(instance, ret, &limit);
}

static void take_most(WhyShare *share, double value, const char *what)
{
    if (value <= share->most)
        return;
    share->most = value;
    share->what = what;
}

GArray *why_eaters(Model *model)
{
    GPtrArray *all = model_instances(model);
    GArray *shares = g_array_new(FALSE, FALSE, sizeof(WhyShare));
    double a, b, percent, memory, moved = 0, sent = 0;
    guint64 held;

    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];

        moved += model_block_rates(instance, &a, &b) ? a + b : 0;
        sent += model_net_rates(instance, &a, &b) ? a + b : 0;
    }
    for (guint i = 0; i < all->len; i++) {
        const ModelInstance *instance = all->pdata[i];
        WhyShare share = {.instance = instance, .cpu = -1, .memory = -1, .block = -1, .net = -1};

        if (!why_is_local(instance->backend) ||
            (instance->sample_ns == 0 && instance->quarantine == NULL))
            continue;
        if (model_cpu_percent(instance, MODEL_CPU_OF_HOST, &percent))
            share.cpu = percent / 100;
        memory = model_host_memory(instance->backend);
        if (memory > 0 && memory_held(instance, &held))
            share.memory = (double)held / memory;
        if (model_block_rates(instance, &a, &b))
            share.block = moved > 0 ? (a + b) / moved : 0;
        if (model_net_rates(instance, &a, &b))
            share.net = sent > 0 ? (a + b) / sent : 0;
        take_most(&share, share.cpu, "cpu");
        take_most(&share, share.memory, "memory");
        take_most(&share, share.block * MIN(moved / WHY_TRAFFIC, 1), "block");
        take_most(&share, share.net * MIN(sent / WHY_TRAFFIC, 1), "net");
        g_array_append_val(shares, share);
    }
    g_array_sort(shares, by_most);
    return shares;
}
