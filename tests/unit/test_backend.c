/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the interface that backends share: names, the state machine, copies, args. */
#include <string.h>

#include "backends/backend.h"

static gboolean act_stub(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    return TRUE;
}

static const GemelSnapshotOps snapshots;
static const GemelStreamOps consoles = {.kinds = 1u << GEMEL_STREAM_CONSOLE};
static const GemelStreamOps both = {.kinds = 1u << GEMEL_STREAM_CONSOLE | 1u << GEMEL_STREAM_EXEC};

#define ALL_ACTS                                                                                   \
    {                                                                                              \
        act_stub, act_stub, act_stub, act_stub, act_stub, act_stub, act_stub, act_stub, act_stub,  \
            act_stub, act_stub, act_stub, act_stub, act_stub, act_stub                             \
    }
G_STATIC_ASSERT(GEMEL_ACT_PLAIN_N == 15);
static const GemelDefinitionOps definition;
static const GemelBackendOps all_ops = {
    .act = ALL_ACTS, .snapshots = &snapshots, .streams = &both, .definition = &definition};
static const GemelBackendOps no_ops;

static void check_names(const char *(*name)(guint), guint n)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < n; i++) {
        g_assert_cmpstr(name(i), !=, NULL);
        g_assert_cmpuint(strlen(name(i)), >, 1);
        g_assert_true(g_hash_table_add(seen, (gpointer)name(i)));
    }
    g_assert_cmpstr(name(n), ==, "unknown");
}

static const char *kind_name(guint i)
{
    return gemel_kind_name((GemelKind)i);
}

static const char *act_name(guint i)
{
    return gemel_act_name((GemelAct)i);
}

static const char *event_name(guint i)
{
    return gemel_event_type_name((GemelEventType)i);
}

static void test_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    check_names(kind_name, GEMEL_KIND_N);
    check_names(act_name, GEMEL_ACT_N);
    check_names(event_name, GEMEL_EVENT_N);
    for (GemelState state = 0; state < GEMEL_STATE_N; state++)
        g_assert_true(g_hash_table_add(seen, (gpointer)gemel_state_name(state)));
    g_assert_cmpstr(gemel_state_name(GEMEL_STATE_N), ==, "unknown");
}

static void test_can(void)
{
    GemelBackendOps ops = no_ops;
    const GemelBackend backend = {.ops = &ops};

    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        g_assert_false(gemel_backend_can(&backend, act));
    ops.act[GEMEL_ACT_PAUSE] = act_stub;
    g_assert_true(gemel_backend_can(&backend, GEMEL_ACT_PAUSE));
    g_assert_false(gemel_backend_can(&backend, GEMEL_ACT_RESUME));
    ops.streams = &consoles;
    g_assert_true(gemel_backend_can(&backend, GEMEL_ACT_CONSOLE));
    g_assert_false(gemel_backend_can(&backend, GEMEL_ACT_EXEC));
    ops.snapshots = &snapshots;
    g_assert_true(gemel_backend_can(&backend, GEMEL_ACT_SNAPSHOT_CREATE));
    g_assert_true(gemel_backend_can(&backend, GEMEL_ACT_SNAPSHOT_REVERT));
    g_assert_true(gemel_backend_can(&backend, GEMEL_ACT_SNAPSHOT_DELETE));
    g_assert_false(gemel_backend_can(&backend, GEMEL_ACT_N));
}

/* s start, t stop, k kill, r restart, R reset, p pause, u resume, d delete, l limit, c console,
   v save, V restore, a autostart, P protect, n rename, C clone, e exec, E edit, + snapshots: what
   is valid in which state. */
static void test_state_machine(void)
{
    static const struct {
        GemelState state;
        const char *valid;
    } cases[] = {
        {GEMEL_STATE_UNKNOWN, "d"},           {GEMEL_STATE_RUNNING, "tkrRplvaPceE+++"},
        {GEMEL_STATE_PAUSED, "kRulvaPcE+++"}, {GEMEL_STATE_STOPPED, "sdlaPnCE+++"},
        {GEMEL_STATE_STARTING, "kc"},         {GEMEL_STATE_STOPPING, "tkRc"},
        {GEMEL_STATE_CRASHED, "sdlaPnCE+++"}, {GEMEL_STATE_SAVED, "sdlVaPE+++"},
    };
    static const char letters[GEMEL_ACT_N + 1] = "stkrRpudlvVaPnCceE+++";
    const GemelBackend backend = {.ops = &all_ops};
    G_STATIC_ASSERT(G_N_ELEMENTS(cases) == GEMEL_STATE_N);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GemelInstance) instance = gemel_instance_new("b", GEMEL_KIND_VM, "id", "name");
        g_autoptr(GString) valid = g_string_new(NULL);

        instance->state = cases[i].state;
        gemel_instance_compute_acts(instance, &backend);
        for (GemelAct act = 0; act < GEMEL_ACT_N; act++) {
            if (gemel_instance_can(instance, act))
                g_string_append_c(valid, letters[act]);
            g_assert_true(gemel_instance_can(instance, act) == (instance->why_not[act] == NULL));
        }
        if (!g_str_equal(valid->str, cases[i].valid))
            g_error("%s: %s, not %s", gemel_state_name(cases[i].state), valid->str, cases[i].valid);
    }
}

static void test_reasons(void)
{
    const GemelBackend all = {.ops = &all_ops}, none = {.ops = &no_ops};
    g_autoptr(GemelInstance) instance = gemel_instance_new("b", GEMEL_KIND_VM, "id", "name");

    instance->state = GEMEL_STATE_RUNNING;
    gemel_instance_compute_acts(instance, &all);
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_START], ==, "is already running");
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_RESUME], ==, "is not paused");
    gemel_instance_compute_acts(instance, &none);
    g_assert_cmpuint(instance->valid_acts, ==, 0);
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        g_assert_cmpstr(instance->why_not[act], ==,
                        act == GEMEL_ACT_EXEC ? "is a guest; use its console"
                                              : "is not possible with this backend");
    instance->kind = GEMEL_KIND_CONTAINER;
    gemel_instance_compute_acts(instance, &none);
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_RESET], ==, "is a container; restart it instead");
    instance->state = GEMEL_STATE_PAUSED;
    gemel_instance_compute_acts(instance, &all);
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_STOP], ==, "is paused; resume it first");
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_START], ==, "is paused; resume it instead");
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_PAUSE], ==, "is already paused");
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_CLONE], ==, "is paused; resume and stop it first");
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_RENAME], ==, "is paused; resume and stop it first");
}

static void test_protected(void)
{
    const GemelBackend backend = {.ops = &all_ops};
    g_autoptr(GemelInstance) instance = gemel_instance_new("b", GEMEL_KIND_VM, "id", "name");

    instance->state = GEMEL_STATE_STOPPED;
    instance->is_protected = TRUE;
    gemel_instance_compute_acts(instance, &backend);
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_DELETE));
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_DELETE], ==, "is protected");
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_START));
    instance->state = GEMEL_STATE_RUNNING;
    gemel_instance_compute_acts(instance, &backend);
    for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
        g_assert_false(gemel_act_is_destructive(act) && gemel_instance_can(instance, act));
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_STOP));
}

static void test_protection_names_the_way_out(void)
{
    const GemelActArgs force = {.force = TRUE};
    g_autoptr(GError) error = NULL;

    g_assert_true(gemel_protection_allows(FALSE, "web", GEMEL_ACT_KILL, NULL, &error));
    g_assert_true(gemel_protection_allows(TRUE, "web", GEMEL_ACT_STOP, NULL, &error));
    g_assert_no_error(error);
    g_assert_false(gemel_protection_allows(TRUE, "web", GEMEL_ACT_KILL, NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "web: cannot kill: it is protected; `protect web off` lifts that");
    g_clear_error(&error);
    g_assert_false(gemel_protection_allows(TRUE, "web", GEMEL_ACT_STOP, &force, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_CONFLICT);
}

static void test_forbid(void)
{
    const GemelBackend backend = {.ops = &all_ops};
    g_autoptr(GemelInstance) instance = gemel_instance_new("b", GEMEL_KIND_VM, "id", "name");

    instance->state = GEMEL_STATE_RUNNING;
    gemel_instance_compute_acts(instance, &backend);
    gemel_instance_forbid(instance, GEMEL_ACT_EXEC, "has no agent");
    g_assert_false(gemel_instance_can(instance, GEMEL_ACT_EXEC));
    g_assert_cmpstr(instance->why_not[GEMEL_ACT_EXEC], ==, "has no agent");
    gemel_instance_compute_acts(instance, &backend); /* starts afresh */
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_EXEC));
}

static void test_copy(void)
{
    g_autoptr(GemelInstance) one = gemel_instance_new("b", GEMEL_KIND_CONTAINER, "id", "name");
    g_autoptr(GemelInstance) two = NULL;

    one->image = g_strdup("image");
    one->state_reason = g_strdup("reason");
    one->vcpus = 3;
    one->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(one->labels, g_strdup("k"), g_strdup("v"));
    two = gemel_instance_copy(one);
    g_hash_table_remove_all(one->labels);
    one->name[0] = 'X';
    one->image[0] = 'X';
    one->state_reason[0] = 'X';
    g_assert_cmpstr(two->id, ==, "id");
    g_assert_cmpstr(two->name, ==, "name");
    g_assert_cmpstr(two->backend, ==, "b");
    g_assert_cmpstr(two->image, ==, "image");
    g_assert_cmpstr(two->state_reason, ==, "reason");
    g_assert_cmpuint(two->vcpus, ==, 3);
    g_assert_cmpstr(g_hash_table_lookup(two->labels, "k"), ==, "v");
}

static void test_free_nothing(void)
{
    gemel_instance_free(NULL);
    gemel_sample_free(NULL);
    gemel_snapshot_free(NULL);
    gemel_inspect_free(NULL);
}

static void test_copy_of_little(void)
{
    g_autoptr(GemelInstance) one = gemel_instance_new("b", GEMEL_KIND_VM, "id", "name");
    g_autoptr(GemelInstance) two = gemel_instance_copy(one);

    g_assert_null(two->image);
    g_assert_null(two->labels);
}

typedef struct {
    double fraction;
    char *text;
} Heard;

static void hear_progress(void *data, double fraction, const char *what)
{
    Heard *heard = data;

    heard->fraction = fraction;
    g_free(heard->text);
    heard->text = g_strdup(what);
}

static void hear_note(void *data, const char *text)
{
    hear_progress(data, -2, text);
}

static void test_args(void)
{
    Heard heard = {0};
    gint cancel = 0;
    const GemelActArgs args = {
        .progress = hear_progress, .note = hear_note, .data = &heard, .cancel = &cancel};

    gemel_act_progress(&args, 0.5, "half");
    g_assert_cmpfloat(heard.fraction, ==, 0.5);
    g_assert_cmpstr(heard.text, ==, "half");
    gemel_act_note(&args, "%d of %d", 1, 2);
    g_assert_cmpstr(heard.text, ==, "1 of 2");
    g_assert_false(gemel_act_cancelled(&args));
    g_atomic_int_set(&cancel, 1);
    g_assert_true(gemel_act_cancelled(&args));
    g_free(heard.text);
}

static void test_no_args(void)
{
    const GemelActArgs silent = {0};

    gemel_act_progress(NULL, 0, "x");
    gemel_act_progress(&silent, 0, "x");
    gemel_act_note(NULL, "x");
    gemel_act_note(&silent, "x");
    g_assert_false(gemel_act_cancelled(NULL));
    g_assert_false(gemel_act_cancelled(&silent));
}

static void test_init_done(void)
{
    GemelBackend backend = {0};
    char name[] = "lab", uri[] = "sim:";

    gemel_backend_init(&backend, &all_ops, name, uri);
    name[0] = uri[0] = 'X';
    g_assert_cmpstr(backend.name, ==, "lab");
    g_assert_cmpstr(backend.uri, ==, "sim:");
    gemel_backend_done(&backend);
    gemel_backend_done(&backend);
    g_assert_null(backend.name);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backend/protection-names-the-way-out", test_protection_names_the_way_out);
    g_test_add_func("/backend/names-are-there-and-unique", test_names);
    g_test_add_func("/backend/capabilities-come-from-the-table", test_can);
    g_test_add_func("/backend/state-machine", test_state_machine);
    g_test_add_func("/backend/what-is-not-valid-has-a-reason", test_reasons);
    g_test_add_func("/backend/protected-is-not-deleted", test_protected);
    g_test_add_func("/backend/forbid-takes-away-until-computed-again", test_forbid);
    g_test_add_func("/backend/copy-is-deep", test_copy);
    g_test_add_func("/backend/copy-of-what-is-not-there", test_copy_of_little);
    g_test_add_func("/backend/free-takes-null", test_free_nothing);
    g_test_add_func("/backend/args-carry-progress-notes-and-cancel", test_args);
    g_test_add_func("/backend/args-may-be-missing", test_no_args);
    g_test_add_func("/backend/init-copies-and-done-clears", test_init_done);
    return g_test_run();
}
