/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_host.c - host: what each connected host can do. */
#include "console/commands.h"
#include "console/host_facts.h"
#include "console/reads.h"

#include <string.h>

/* What has come in; each host once, with the backends that are on it. */
typedef struct {
    CommandRun *run;
    GPtrArray *answers; /* of Answer* */
} Hosts;

typedef struct {
    Hosts *hosts;
    char *backend;
    json_t *json;     /* NULL: no answer */
    GPtrArray *lines; /* of FactLine* */
    gboolean is_local;
    GError *error;
} Answer;

static void answer_free(gpointer data)
{
    Answer *answer = data;

    g_free(answer->backend);
    json_decref(answer->json);
    g_clear_pointer(&answer->lines, g_ptr_array_unref);
    g_clear_error(&answer->error);
    g_free(answer);
}

static void hosts_free(gpointer data)
{
    Hosts *hosts = data;

    g_ptr_array_unref(hosts->answers);
    g_free(hosts);
}

static void host_result_free(gpointer data)
{
    gemel_host_free(data);
}

static gboolean is_repeated(const Hosts *hosts, guint n)
{
    const Answer *one = hosts->answers->pdata[n];

    for (guint i = 0; i < n && one->is_local; i++)
        if (((const Answer *)hosts->answers->pdata[i])->is_local)
            return TRUE;
    return FALSE;
}

/* The backends whose host it is. */
static json_t *backends_of(const Hosts *hosts, guint n)
{
    const Answer *one = hosts->answers->pdata[n];
    json_t *names = json_array();

    for (guint i = n; i < hosts->answers->len; i++) {
        const Answer *other = hosts->answers->pdata[i];

        if (i == n || (one->is_local && other->is_local))
            json_array_append_new(names, json_text(other->backend));
    }
    return names;
}

static void hosts_print(Hosts *hosts)
{
    CommandRun *run = hosts->run;
    json_t *found = json_array(), *errors = json_array();

    for (guint i = 0; i < hosts->answers->len; i++) {
        const Answer *answer = hosts->answers->pdata[i];

        if (answer->error != NULL) {
            json_array_append_new(errors, error_to_json(answer->backend, answer->error));
            run_error(run, answer->error);
        } else if (answer->json != NULL && !is_repeated(hosts, i)) {
            if (!run->json)
                facts_print(run, answer->lines);
            json_object_set_new(answer->json, "backends", backends_of(hosts, i));
            json_array_append(found, answer->json);
        }
    }
    if (run->json)
        output_json(run->out, json_pack("{s:o, s:o}", "hosts", found, "errors", errors));
    else {
        json_decref(found);
        json_decref(errors);
    }
}

static void host_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Answer *answer = data;
    Hosts *hosts = answer->hosts;
    const GemelHost *host = result;

    if (host != NULL) {
        g_autofree char *title =
            host->is_local
                ? g_strdup("this host")
                : g_strdup_printf("%s (%s)", host->name != NULL ? host->name : "its host",
                                  answer->backend);

        answer->is_local = host->is_local;
        answer->json = host_to_json(host);
        answer->lines = fact_lines_new();
        host_add_lines(answer->lines, title, host);
    } else {
        answer->error = error != NULL ? g_error_copy(error)
                                      : g_error_new(GEMEL_ERROR, GEMEL_ERROR_UNREACHABLE,
                                                    "%s: no answer", answer->backend);
    }
    for (guint i = 0; i < hosts->answers->len; i++) {
        const Answer *other = hosts->answers->pdata[i];

        if (other->json == NULL && other->error == NULL)
            return;
    }
    hosts_print(hosts);
}

static void host_run(CommandRun *run)
{
    const char *wanted = run->n_words > 0 ? run->words[0] : NULL;
    Hosts *hosts = g_new0(Hosts, 1);

    hosts->run = run;
    hosts->answers = g_ptr_array_new_with_free_func(answer_free);
    run->data = hosts;
    run->data_free = hosts_free;
    for (guint i = 0; i < run->app->backends->len; i++) {
        AppBackend *backend = run->app->backends->pdata[i];
        Answer *answer;

        if (backend->backend->ops->host == NULL ||
            (wanted != NULL && strcmp(wanted, backend->backend->name) != 0))
            continue;
        answer = g_new0(Answer, 1);
        answer->hosts = hosts;
        answer->backend = g_strdup(backend->backend->name);
        g_ptr_array_add(hosts->answers, answer);
    }
    if (hosts->answers->len == 0) {
        run_fail(run, wanted != NULL ? GEMEL_ERROR_NOT_FOUND : GEMEL_ERROR_UNSUPPORTED,
                 wanted != NULL ? "host: no backend '%s' that is connected tells of its host"
                                : "host: no backend%s that is connected tells of its host",
                 wanted != NULL ? wanted : "");
        return;
    }
    for (guint i = 0; i < hosts->answers->len; i++) {
        Answer *answer = hosts->answers->pdata[i];

        run_submit(run, app_backend(run->app, answer->backend), GEMEL_LANE_READ,
                   &(GemelJobSpec){.kind = "host",
                                   .run = read_host,
                                   .result_free = host_result_free,
                                   .hard_ms = 10000},
                   host_done, answer);
    }
}

const Command commands_host[] = {
    {.name = "host",
     .summary = "what each connected host can do for guests and containers",
     .example = "gemel host --json",
     .group = "Look",
     .flags = COMMAND_JSON,
     .words = {{WORD_BACKEND, "BACKEND", .optional = TRUE}},
     .details = "VT-x or AMD-V, nested paging, KVM (tried), nesting, IOMMU, SR-IOV, huge pages, "
                "cgroups and their controllers, namespaces, seccomp, security modules, pressure; "
                "each with what it means here. Of another host it is what libvirt tells.",
     .run = host_run},
    {.name = NULL},
};
