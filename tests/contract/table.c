/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table itself, connections, and what the list says of each instance. */
#include "tests/contract/contract.h"

#include <string.h>

static void test_entries(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelBackendOps *ops = stage->ops;

    g_assert_cmpstr(ops->type, !=, NULL);
    g_assert_cmpstr(ops->type, !=, "");
    check_one_line(ops->summary);
    g_assert_true(ops == stage->contract->ops ||
                  memcmp(ops, stage->contract->ops, sizeof *ops) == 0);
    g_assert_nonnull(ops->create);
    g_assert_nonnull(ops->free);
    g_assert_nonnull(ops->conn_open);
    g_assert_nonnull(ops->conn_close);
    g_assert_nonnull(ops->list);
    g_assert_nonnull(ops->sample);
    g_assert_nonnull(ops->inspect);
}

/* A sub-table is whole or absent. */
static void test_groups(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const GemelSnapshotOps *snapshots = stage->ops->snapshots;
    const GemelStreamOps *streams = stage->ops->streams;

    if (snapshots != NULL) {
        g_assert_nonnull(snapshots->list);
        g_assert_nonnull(snapshots->create);
        g_assert_nonnull(snapshots->revert);
        g_assert_nonnull(snapshots->remove);
    }
    for (GemelGroup group = 0; group < GEMEL_GROUP_N; group++)
        g_assert_true(stage->ops->groups[group] == NULL || stage->ops->groups[group]->list != NULL);
    if (streams != NULL) {
        g_assert_cmpuint(streams->kinds, >, 0);
        g_assert_cmpuint(streams->kinds, <, 1u << GEMEL_STREAM_N);
        g_assert_nonnull(streams->open);
        g_assert_nonnull(streams->pump);
        g_assert_nonnull(streams->resize);
        g_assert_nonnull(streams->free);
    }
}

static void test_own_name(gconstpointer data)
{
    g_autoptr(Stage) stage = stage_open(data);

    g_assert_cmpstr(stage->backend->name, !=, NULL);
    g_assert_cmpstr(stage->backend->uri, !=, NULL);
    if (stage->ops->conn_alive != NULL)
        g_assert_true(stage->ops->conn_alive(stage->conn));
}

/* Opens a backend, uses it a little, closes it. */
static void one_life(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GPtrArray) list = stage->ops->list(stage->conn, NULL);
    g_autoptr(GPtrArray) samples = stage->ops->sample(stage->conn, NULL);

    g_assert_nonnull(list);
    g_assert_nonnull(samples);
}

static void test_no_descriptor_leaks(gconstpointer contract)
{
    guint before;

    one_life(contract); /* what is opened once per process */
    one_life(contract);
    before = descriptors_open();
    for (guint i = 0; i < 10; i++)
        one_life(contract);
    if (descriptors_open() > before) { /* a library's thread opened its own late: it does so once */
        before = descriptors_open();
        for (guint i = 0; i < 10; i++)
            one_life(contract);
    }
    check_descriptors(before);
}

static void check_acts(const GemelBackend *backend, const GemelInstance *instance)
{
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++) {
        gboolean can = gemel_instance_can(instance, act);

        if (can && instance->why_not[act] != NULL)
            g_error("%s: %s is valid, but \"%s\"", instance->name, gemel_act_name(act),
                    instance->why_not[act]);
        if (!can && instance->why_not[act] == NULL)
            g_error("%s: nobody says why %s is not valid", instance->name, gemel_act_name(act));
        if (can)
            g_assert_true(gemel_backend_can(backend, act));
        else
            check_one_line(instance->why_not[act]);
    }
    g_assert_cmpuint(instance->valid_acts >> GEMEL_ACT_N, ==, 0);
}

static void check_instance(const GemelBackend *backend, const GemelInstance *instance)
{
    gboolean is_on =
        instance->state == GEMEL_STATE_RUNNING || instance->state == GEMEL_STATE_PAUSED;

    g_assert_cmpstr(instance->id, !=, NULL);
    g_assert_true(strlen(instance->id) == 36 || strlen(instance->id) == 64);
    g_assert_cmpstr(instance->name, !=, NULL);
    g_assert_cmpstr(instance->name, !=, "");
    g_assert_cmpstr(instance->backend, ==, backend->name);
    g_assert_cmpint(instance->kind, <, GEMEL_KIND_N);
    g_assert_cmpint(instance->state, <, GEMEL_STATE_N);
    g_assert_cmpfloat(instance->cpu_limit, >=, 0);
    if (!is_on && instance->state != GEMEL_STATE_STOPPING &&
        instance->state != GEMEL_STATE_STARTING)
        g_assert_cmpint(instance->started_boottime_ns, ==, 0);
    g_assert_cmpint(instance->started_boottime_ns, <=, gemel_boottime_ns());
    check_acts(backend, instance);
}

static void test_list(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    const char *stopped = stage_make(stage);
    const char *running = stage_make_running(stage);
    g_autoptr(GPtrArray) list = stage->ops->list(stage->conn, &error);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(list, i);

        check_instance(stage->backend, instance);
        g_assert_true(g_hash_table_add(seen, instance->id));
    }
    g_assert_true(g_hash_table_contains(seen, stopped));
    g_assert_true(g_hash_table_contains(seen, running));
}

static void test_list_names(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GPtrArray) list = NULL, names = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) states = g_hash_table_new(g_str_hash, g_str_equal);

    if (stage->ops->list_names == NULL)
        return;
    stage_make(stage);
    stage_make_running(stage);
    names = stage->ops->list_names(stage->conn, &error);
    g_assert_no_error(error);
    list = stage->ops->list(stage->conn, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(names->len, ==, list->len);
    for (guint i = 0; i < list->len; i++) {
        GemelInstance *instance = g_ptr_array_index(list, i);

        g_hash_table_insert(states, instance->id, instance);
    }
    for (guint i = 0; i < names->len; i++) {
        const GemelInstance *brief = g_ptr_array_index(names, i);
        const GemelInstance *whole = g_hash_table_lookup(states, brief->id);

        g_assert_nonnull(whole);
        g_assert_cmpstr(brief->name, ==, whole->name);
        g_assert_cmpint(brief->kind, ==, whole->kind);
        g_assert_cmpint(brief->state, ==, whole->state);
    }
}

/* What the table does not have is valid for no instance, and each says why. */
static void test_impossible(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GemelInstance) made = stage_find(stage->conn, stage_make(stage));
    g_autoptr(GPtrArray) list = stage->ops->list(stage->conn, NULL);

    g_assert_nonnull(made);
    for (guint i = 0; i < list->len; i++) {
        const GemelInstance *instance = g_ptr_array_index(list, i);

        for (GemelAct act = 0; act < GEMEL_ACT_N; act++) {
            if (gemel_backend_can(stage->backend, act))
                continue;
            g_assert_false(gemel_instance_can(instance, act));
            g_assert_nonnull(instance->why_not[act]);
        }
    }
}

/* Acts that this kind of instance does not have are neither valid in any state nor done. */
static void test_lacking(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make_running(stage);
    g_autoptr(GemelInstance) instance = stage_find(stage->conn, id);

    for (GemelAct act = 0; act < GEMEL_ACT_N; act++) {
        g_autoptr(GError) error = NULL;

        if (!(stage->contract->lacks & (1u << act)))
            continue;
        g_assert_false(gemel_instance_can(instance, act));
        if (act >= GEMEL_ACT_PLAIN_N)
            continue;
        g_assert_false(stage_act(stage->conn, id, act, NULL, &error));
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
    }
}

static void test_inspect(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelInspect) inspect = NULL;

    inspect = stage->ops->inspect(stage->conn, id, &error);
    g_assert_no_error(error);
    g_assert_true(json_is_object(inspect->essentials));
    g_assert_cmpuint(json_object_size(inspect->essentials), >, 3);
    g_assert_cmpuint(strlen(inspect->definition), >, 20);
    if (g_str_equal(inspect->definition_format, "json")) {
        json_t *parsed = json_loads(inspect->definition, 0, NULL);

        g_assert_nonnull(parsed);
        json_decref(parsed);
    } else {
        g_assert_cmpstr(inspect->definition_format, ==, "xml");
        g_assert_nonnull(strstr(inspect->definition, "<domain"));
    }
}

/* Each part is there or says why, in one line. */
static void check_isolation(const GemelIsolation *isolation, GemelKind kind, gboolean runs)
{
    static const GemelIsolationPart of_process[] = {
        GEMEL_ISOLATION_NAMESPACES, GEMEL_ISOLATION_CGROUPS, GEMEL_ISOLATION_CAPABILITIES,
        GEMEL_ISOLATION_SECCOMP,    GEMEL_ISOLATION_ROOT,    GEMEL_ISOLATION_MOUNTS,
        GEMEL_ISOLATION_IDS,
    };

    for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
        if (isolation->why[part] != NULL)
            check_one_line(isolation->why[part]);
    for (guint i = 0; i < G_N_ELEMENTS(of_process) && !runs; i++)
        g_assert_nonnull(isolation->why[of_process[i]]);
    g_assert_true(runs || isolation->pid == 0);
    g_assert_true(isolation->is_guest == (kind == GEMEL_KIND_VM));
    g_assert_true(isolation->is_guest || isolation->why[GEMEL_ISOLATION_GUEST] != NULL);
    if (isolation->pid == 0)
        return;
    g_assert_cmpuint(isolation->start_ticks, >, 0);
    g_assert_true(isolation->ns_inode[GEMEL_NS_MNT] > 0 ||
                  isolation->why[GEMEL_ISOLATION_NAMESPACES] != NULL);
    g_assert_true(isolation->seccomp_mode >= 0 || isolation->why[GEMEL_ISOLATION_SECCOMP] != NULL);
    g_assert_true(isolation->root_type != NULL || isolation->why[GEMEL_ISOLATION_ROOT] != NULL);
    g_assert_cmpuint(isolation->mounts->len, <=, isolation->mounts_total);
}

static void test_isolation(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *const ids[] = {stage_make(stage), stage_make_running(stage)};

    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GemelInstance) instance = stage_find(stage->conn, ids[i]);
        g_autoptr(GemelIsolation) isolation = stage->ops->isolation(stage->conn, ids[i], &error);

        g_assert_no_error(error);
        check_isolation(isolation, instance->kind, i == 1);
    }
}

/* What the host can do: each fact is there or says why. */
static void test_host(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelHost) host = NULL;

    if (stage->ops->host == NULL)
        return;
    host = stage->ops->host(stage->conn, &error);
    g_assert_no_error(error);
    for (guint what = 0; what < GEMEL_HOST_N; what++) {
        const GemelHostFact *fact = &host->fact[what];

        g_assert_true(fact->grade == GEMEL_HOST_UNKNOWN ? fact->why != NULL : fact->value != NULL);
        if (fact->why != NULL)
            check_one_line(fact->why);
        g_assert_cmpint(fact->number, >=, -1);
    }
}

/* The end of its log, bounded; or why there is none. */
static void test_log(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL, unknown = NULL;
    g_autoptr(GemelLog) log = NULL;
    GemelLogArgs args = {.max_bytes = 4096};

    if (stage->ops->log_tail == NULL)
        return;
    log = stage->ops->log_tail(stage->conn, stage_make_running(stage), &args, &error);
    if (log == NULL) {
        g_assert_nonnull(error);
        check_one_line(error->message);
    } else {
        check_one_line(log->source);
        g_assert_cmpuint(log->text->len, <=, 4097);
    }
    g_assert_null(stage->ops->log_tail(stage->conn, "no-such-instance", &args, &unknown));
    check_error(unknown, GEMEL_ERROR_NOT_FOUND);
}

static void test_other_uri(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    GemelBackend *other = stage->ops->create("other", "no-such-thing:\n:", &error);

    /* A URI may only turn out to be wrong when it is connected to. */
    if (other == NULL) {
        g_assert_nonnull(error);
        check_one_line(error->message);
        return;
    }
    g_assert_no_error(error);
    g_assert_null(stage->ops->conn_open(other, &error));
    g_assert_nonnull(error);
    check_one_line(error->message);
    stage->ops->free(other);
}

const ContractTest contract_table_tests[] = {
    {"has-what-every-backend-has", test_entries},
    {"groups-are-whole-or-absent", test_groups},
    {"knows-its-name-and-uri", test_own_name},
    {"refuses-a-senseless-uri", test_other_uri},
    {"closing-leaves-no-descriptor-open", test_no_descriptor_leaks},
    {"list-is-complete-and-sound", test_list, NEEDS_CREATE},
    {"names-are-those-of-the-list", test_list_names, NEEDS_CREATE},
    {"what-it-cannot-is-said-to-be-impossible", test_impossible, NEEDS_CREATE},
    {"what-its-kind-has-not-is-refused", test_lacking, NEEDS_CREATE},
    {"inspect-gives-essentials-and-definition", test_inspect, NEEDS_CREATE},
    {"facts-of-the-host-are-there-or-say-why", test_host},
    {"log-is-bounded-or-says-why-not", test_log, NEEDS_CREATE},
    {"isolation-is-there-or-says-why", test_isolation, NEEDS_CREATE | NEEDS_ISOLATION},
    {NULL},
};
