/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_why.c - why: what holds an instance up, or which one eats the host. */
#include "console/commands.h"
#include "console/follow.h"
#include "console/why.h"

#define SPAN_MS 2000 /* watched, unless --for says otherwise */

typedef struct {
    gint64 span_ns;
} Why;

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *json_share(double share)
{
    return share >= 0 ? json_real(share) : json_null();
}

static json_t *finding_to_json(const WhyFinding *finding)
{
    const WhyInfo *info = &why_table[finding->cause];

    return json_pack("{s:s, s:s, s:f, s:o, s:o}", "cause", info->name, "title", info->title,
                     "score", finding->score, "evidence", json_text(finding->sentence), "remedy",
                     json_text(finding->remedy));
}

static json_t *instance_why_to_json(const ModelInstance *instance, const WhyShare *share,
                                    GArray *findings)
{
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:s, s:s}", "backend", json_text(instance->backend->name), "id",
        json_text(instance->info->id), "name", json_text(instance->info->name), "kind",
        gemel_kind_name(instance->info->kind), "state", gemel_state_name(instance->info->state));
    json_t *causes = json_array();

    for (guint i = 0; i < findings->len; i++)
        json_array_append_new(causes, finding_to_json(&g_array_index(findings, WhyFinding, i)));
    json_object_set_new(object, "eats",
                        share != NULL && share->what != NULL ? json_string(share->what)
                                                             : json_null());
    json_object_set_new(object, "shares",
                        share == NULL
                            ? json_null()
                            : json_pack("{s:o, s:o, s:o, s:o}", "cpu", json_share(share->cpu),
                                        "memory", json_share(share->memory), "block",
                                        json_share(share->block), "net", json_share(share->net)));
    json_object_set_new(object, "causes", causes);
    return object;
}

/* The machine that the shares are of: this one, or the one that all backends are on. */
static json_t *host_to_json(Model *model)
{
    GPtrArray *backends = model_backends(model);
    const ModelBackend *of = backends->len > 0 ? backends->pdata[0] : NULL;

    for (guint i = 1; i < backends->len; i++)
        if (model_host_cpus(backends->pdata[i]) != model_host_cpus(of))
            of = NULL;
    return json_pack("{s:f, s:I}", "cpus", model_host_cpus(of), "memory_bytes",
                     (json_int_t)model_host_memory(of));
}

/* ---- text ----------------------------------------------------------------------------------- */

static char *share_text(double share)
{
    return share >= 0 ? format_percent(share * 100) : g_strdup("-");
}

/* "cpu 45 %": what it takes most of. */
static char *eats_text(const WhyShare *share)
{
    g_autofree char *percent = format_percent(share->most * 100);

    return share->what != NULL && share->most >= 0.005
               ? g_strdup_printf("%s %s%%", share->what, percent)
               : g_strdup("-");
}

static void print_eaters(CommandRun *run, GArray *shares, gint64 span_ns)
{
    static const char *const headers[] = {"NAME",   "KIND", "EATS OF HOST", "CPU%", "MEM%",
                                          "BLOCK%", "NET%", "ITSELF",       NULL};
    OutputTable *table = output_table_new(headers, "LLLRRRRW");

    for (guint i = 0; i < shares->len; i++) {
        const WhyShare *share = &g_array_index(shares, WhyShare, i);
        const GemelInstance *info = share->instance->info;
        g_autofree char *eats = eats_text(share), *cpu = share_text(share->cpu);
        g_autofree char *memory = share_text(share->memory), *block = share_text(share->block);
        g_autofree char *net = share_text(share->net);
        WhyFacts facts;

        why_gather(run->app->model, share->instance, span_ns, &facts);
        g_autoptr(GArray) findings = why_rank(&facts);
        const char *itself =
            findings->len > 0 ? why_table[g_array_index(findings, WhyFinding, 0).cause].title : "";

        output_table_add(table, info->name, info->kind == GEMEL_KIND_VM ? "vm" : "ct", eats, cpu,
                         memory, block, net, itself, NULL);
    }
    if (shares->len == 0)
        output_line(run->out, OUTPUT_NOTE, "nothing runs on this host");
    else
        output_table_print(table, run->out);
}

static void print_findings(CommandRun *run, const ModelInstance *instance, const WhyFacts *facts,
                           GArray *findings)
{
    output_line(run->out, OUTPUT_DATA, "%s (%s, %s)", instance->info->name,
                gemel_kind_name(instance->info->kind), gemel_state_name(instance->info->state));
    if (findings->len == 0 && instance->sample_ns == 0)
        output_line(run->out, OUTPUT_DATA, "  there are no figures of it, so nothing can be said");
    else if (findings->len == 0)
        output_line(run->out, OUTPUT_DATA,
                    "  nothing holds it up in the last %.1f s: no throttling, steal, pressure, "
                    "reclaim, swap or kills are measured",
                    facts->span_s);
    for (guint i = 0; i < findings->len; i++) {
        const WhyFinding *finding = &g_array_index(findings, WhyFinding, i);

        output_line(run->out, OUTPUT_DATA, "  %u. %s (%.0f %%)", i + 1,
                    why_table[finding->cause].title, finding->score * 100);
        output_beside(run->out, "     ", 5, finding->sentence);
        if (finding->remedy != NULL)
            output_line(run->out, OUTPUT_DATA, "     try: gemel %s", finding->remedy);
    }
}

/* ---- the command ---------------------------------------------------------------------------- */

static const WhyShare *share_of(GArray *shares, const ModelInstance *instance)
{
    for (guint i = 0; i < shares->len; i++)
        if (g_array_index(shares, WhyShare, i).instance == instance)
            return &g_array_index(shares, WhyShare, i);
    return NULL;
}

static void why_one(CommandRun *run, const ModelInstance *instance, GArray *shares, gint64 span_ns,
                    json_t *rows)
{
    WhyFacts facts;

    why_gather(run->app->model, instance, span_ns, &facts);
    g_autoptr(GArray) findings = why_rank(&facts);

    if (run->json)
        json_array_append_new(rows,
                              instance_why_to_json(instance, share_of(shares, instance), findings));
    else
        print_findings(run, instance, &facts, findings);
}

static void why_print(CommandRun *run, gint64 span_ns)
{
    g_autoptr(GArray) shares = why_eaters(run->app->model);
    GPtrArray *all = model_instances(run->app->model);
    json_t *rows = json_array(), *errors = run_missing_to_json(run);

    if (run->n_words == 0 && !run->json)
        print_eaters(run, shares, span_ns);
    for (guint i = 0; run->n_words == 0 && run->json && i < shares->len; i++)
        why_one(run, g_array_index(shares, WhyShare, i).instance, shares, span_ns, rows);
    for (guint i = 0; run->n_words > 0 && i < all->len; i++)
        if (run_word_names(run, all->pdata[i]))
            why_one(run, all->pdata[i], shares, span_ns, rows);
    if (run->json) {
        output_json(run->out,
                    json_pack("{s:o, s:f, s:o, s:o}", "host", host_to_json(run->app->model),
                              "span_s", (double)span_ns / 1e9, "instances", rows, "errors",
                              errors));
        return;
    }
    json_decref(rows);
    json_decref(errors);
}

static gboolean why_round(CommandRun *run, gint64 n, gpointer data)
{
    why_print(run, ((Why *)data)->span_ns);
    return TRUE;
}

static void why_run(CommandRun *run)
{
    const char *span = run_option(run, "for");
    gint ms = SPAN_MS;
    Why *why;

    if (span != NULL)
        parse_duration_ms(span, &ms, NULL);
    if (ms < 100 || ms > 60000) {
        run_fail(run, GEMEL_ERROR_INVALID, "why: --for goes from 100ms to 60s");
        return;
    }
    if (!run_check_names(run))
        return;
    model_want_cpus(run->app->model);
    if (run->face->face == FACE_TUI) { /* its figures are live */
        why_print(run, WHY_SPAN_NS);
        return;
    }
    why = g_new0(Why, 1);
    why->span_ns = (gint64)ms * 1000000;
    follow_start(run, &(FollowSpec){.interval_ms = ms,
                                    .rounds = 1,
                                    .warm = 1,
                                    .round = why_round,
                                    .data = why,
                                    .data_free = g_free});
}

static const CommandOption why_options[] = {
    {"for", 'f', OPTION_DURATION, FALSE, "TIME", "how long to watch before saying (2s)"},
    {"timeout", 't', OPTION_DURATION, FALSE, "TIME", "how long to wait for each backend (3s)"},
    {NULL},
};

const Command commands_why[] = {
    {.name = "why",
     .summary = "what holds an instance up; without a name: which one eats the host",
     .example = "gemel why lab-ct",
     .group = "Look",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME", .optional = TRUE, .repeats = TRUE}},
     .options = why_options,
     .details =
         "Watches for two seconds, then ranks the causes by the share of its time that each took: "
         "its CPU limit, the host's CPUs (steal), disks, memory reclaimed at a limit, a tight "
         "balloon, swap, kills for want of memory, a neighbour on the same CPUs, its limit of "
         "processes; with the "
         "figures, and the command that would relieve it. Without a name all that run on this host "
         "are ranked by what they take of its CPUs and memory, and of the traffic where there is "
         "much. A cause for which there is no figure is not named.",
     .run = why_run},
    {.name = NULL},
};
