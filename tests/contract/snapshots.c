/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshot trees. Every check runs on a stopped instance; the last ones on a running one too. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/contract/contract.h"

static GPtrArray *list(Stage *stage, const char *id)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *snapshots = stage->ops->snapshots->list(stage->conn, id, &error);

    g_assert_no_error(error);
    g_assert_nonnull(snapshots);
    return snapshots;
}

static const GemelSnapshot *find(GPtrArray *snapshots, const char *name)
{
    for (guint i = 0; i < snapshots->len; i++) {
        const GemelSnapshot *snapshot = g_ptr_array_index(snapshots, i);

        if (g_str_equal(snapshot->name, name))
            return snapshot;
    }
    return NULL;
}

/* Sound in itself: names unique, parents known and before their children, at most one current. */
static void check_tree(GPtrArray *snapshots)
{
    guint current = 0;

    for (guint i = 0; i < snapshots->len; i++) {
        const GemelSnapshot *snapshot = g_ptr_array_index(snapshots, i);
        gboolean has_parent = snapshot->parent == NULL;

        g_assert_cmpstr(snapshot->name, !=, NULL);
        g_assert_cmpstr(snapshot->kind, !=, NULL);
        g_assert_cmpint(snapshot->size_bytes, >=, -1);
        g_assert_cmpint(snapshot->state, <, GEMEL_STATE_N);
        for (guint before = 0; before < i; before++) {
            const GemelSnapshot *earlier = g_ptr_array_index(snapshots, before);

            g_assert_cmpstr(earlier->name, !=, snapshot->name);
            has_parent = has_parent || g_str_equal(earlier->name, snapshot->parent);
        }
        if (!has_parent)
            g_error("%s comes before its parent %s", snapshot->name, snapshot->parent);
        current += snapshot->is_current;
    }
    g_assert_cmpuint(current, <=, 1);
}

static void create(Stage *stage, const char *id, const char *name)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = stage->ops->snapshots->create(stage->conn, id, name, "why", NULL, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void revert(Stage *stage, const char *id, const char *name)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = stage->ops->snapshots->revert(stage->conn, id, name, NULL, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void remove_one(Stage *stage, const char *id, const char *name)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = stage->ops->snapshots->remove(stage->conn, id, name, NULL, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void test_none(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) snapshots = NULL;

    snapshots = list(stage, id);
    g_assert_cmpuint(snapshots->len, ==, 0);
}

static void test_create(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) snapshots = NULL;
    const GemelSnapshot *s1;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    create(stage, id, "s1");
    snapshots = list(stage, id);
    check_tree(snapshots);
    s1 = find(snapshots, "s1");
    g_assert_nonnull(s1);
    g_assert_cmpstr(s1->parent, ==, NULL);
    g_assert_cmpstr(s1->description, ==, "why");
    g_assert_cmpint(s1->state, ==, GEMEL_STATE_STOPPED);
    g_assert_false(s1->with_memory);
    g_assert_true(s1->is_current);
    g_assert_cmpint(ABS(s1->created_unix - now), <, 60);
}

static void test_duplicate(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) snapshots = NULL;
    g_autoptr(GError) error = NULL;

    create(stage, id, "s1");
    g_assert_false(stage->ops->snapshots->create(stage->conn, id, "s1", NULL, NULL, &error));
    check_error(error, GEMEL_ERROR_EXISTS);
    snapshots = list(stage, id);
    g_assert_cmpuint(snapshots->len, ==, 1);
    g_assert_cmpstr(find(snapshots, "s1")->description, ==, "why");
}

static void test_bad_name(gconstpointer contract)
{
    static const char *const names[] = {"", "a/b", "..", "two\nlines", "esc\033[31m"};
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) snapshots = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;

        if (stage->ops->snapshots->create(stage->conn, id, names[i], NULL, NULL, &error))
            g_error("\"%s\" was taken for a name", names[i]);
        check_error(error, GEMEL_ERROR_INVALID);
    }
    snapshots = list(stage, id);
    g_assert_cmpuint(snapshots->len, ==, 0);
}

static void test_unknown(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GError) in_revert = NULL;
    g_autoptr(GError) in_remove = NULL;

    create(stage, id, "s1");
    g_assert_false(stage->ops->snapshots->revert(stage->conn, id, "nope", NULL, &in_revert));
    check_error(in_revert, GEMEL_ERROR_NOT_FOUND);
    g_assert_false(stage->ops->snapshots->remove(stage->conn, id, "nope", NULL, &in_remove));
    check_error(in_remove, GEMEL_ERROR_NOT_FOUND);
}

/* s1 - s2, back to s1, s3: a fork. */
static void test_tree(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) chain = NULL;
    g_autoptr(GPtrArray) back = NULL;
    g_autoptr(GPtrArray) fork = NULL;

    create(stage, id, "s1");
    create(stage, id, "s2");
    chain = list(stage, id);
    check_tree(chain);
    g_assert_cmpuint(chain->len, ==, 2);
    g_assert_cmpstr(find(chain, "s2")->parent, ==, "s1");
    g_assert_true(find(chain, "s2")->is_current);
    revert(stage, id, "s1");
    back = list(stage, id);
    check_tree(back);
    g_assert_true(find(back, "s1")->is_current);
    create(stage, id, "s3");
    fork = list(stage, id);
    check_tree(fork);
    g_assert_cmpuint(fork->len, ==, 3);
    g_assert_cmpstr(find(fork, "s3")->parent, ==, "s1");
    g_assert_true(find(fork, "s3")->is_current);
}

static void test_remove(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) middle_gone = NULL;
    g_autoptr(GPtrArray) all_gone = NULL;

    create(stage, id, "s1");
    create(stage, id, "s2");
    create(stage, id, "s3");
    remove_one(stage, id, "s2");
    middle_gone = list(stage, id);
    check_tree(middle_gone);
    g_assert_cmpuint(middle_gone->len, ==, 2);
    g_assert_cmpstr(find(middle_gone, "s3")->parent, ==, "s1");
    g_assert_true(find(middle_gone, "s3")->is_current);
    revert(stage, id, "s3"); /* a child keeps what it needs */
    remove_one(stage, id, "s1");
    remove_one(stage, id, "s3");
    all_gone = list(stage, id);
    g_assert_cmpuint(all_gone->len, ==, 0);
    stage_must(stage->conn, id, GEMEL_ACT_START); /* and it still starts */
}

static void test_running(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GPtrArray) snapshots = NULL;
    g_autoptr(GemelInstance) instance = NULL;

    stage_must(stage->conn, id, GEMEL_ACT_START);
    instance = stage_find(stage->conn, id);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_CREATE));
    create(stage, id, "live");
    g_assert_cmpint(stage_state(stage->conn, id), ==, GEMEL_STATE_RUNNING);
    snapshots = list(stage, id);
    check_tree(snapshots);
    g_assert_cmpint(find(snapshots, "live")->state, ==, GEMEL_STATE_RUNNING);
    if (instance->kind == GEMEL_KIND_VM)
        g_assert_true(find(snapshots, "live")->with_memory);
}

/* Back to a running one from stopped: a guest with memory runs again; a container may stay off. */
static void test_revert_running(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GemelInstance) after = NULL;

    stage_must(stage->conn, id, GEMEL_ACT_START);
    create(stage, id, "live");
    stage_must(stage->conn, id, GEMEL_ACT_KILL);
    g_assert_true(stage_reaches(stage->conn, id, OFF_STATES));
    instance = stage_find(stage->conn, id);
    g_assert_true(gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_REVERT));
    revert(stage, id, "live");
    after = stage_find(stage->conn, id);
    if (after->kind == GEMEL_KIND_VM)
        g_assert_cmpint(after->state, ==, GEMEL_STATE_RUNNING);
    else if (after->state != GEMEL_STATE_RUNNING)
        stage_must(stage->conn, id, GEMEL_ACT_START);
}

/* The list's word for a running instance holds: valid means done, else refused with nothing
   changed. */
static void test_revert_while_running(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok;

    stage_must(stage->conn, id, GEMEL_ACT_START);
    create(stage, id, "live");
    instance = stage_find(stage->conn, id);
    ok = stage->ops->snapshots->revert(stage->conn, id, "live", NULL, &error);
    if (gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_REVERT)) {
        g_assert_no_error(error);
        g_assert_true(ok);
    } else {
        g_assert_false(ok);
        check_error(error, GEMEL_ERROR_CONFLICT);
    }
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

static void test_delete_takes_all(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id = stage_make(stage);
    g_autoptr(GError) error = NULL;

    create(stage, id, "s1");
    stage_must(stage->conn, id, GEMEL_ACT_DELETE);
    g_assert_null(stage->ops->snapshots->list(stage->conn, id, &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
}

static GemelDiff *diff(Stage *stage, const char *id, const char *from, const char *to,
                       GError **error)
{
    return stage->ops->snapshots->diff(stage->conn, id, from, to, NULL, error);
}

/* Sorted, absolute, nothing twice, a size for what is a file only; or a guest's, with the reason.
 */
static void test_diff(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelDiff) changes = NULL;
    const char *id;

    if (stage->ops->snapshots->diff == NULL)
        return;
    id = stage_make(stage);
    create(stage, id, "s1");
    instance = stage_find(stage->conn, id);
    changes = diff(stage, id, NULL, NULL, &error);
    if (instance->kind == GEMEL_KIND_VM) {
        g_assert_null(changes);
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpstr(changes->from, ==, "s1");
    g_assert_null(changes->to);
    g_assert_cmpuint(changes->total, ==, changes->changes->len);
    for (guint i = 0; i < changes->changes->len; i++) {
        const GemelChange *change = changes->changes->pdata[i];

        g_assert_true(*change->path == '/');
        g_assert_true((change->size_bytes >= 0) == S_ISREG(change->mode));
        if (i > 0)
            g_assert_cmpstr(((GemelChange *)changes->changes->pdata[i - 1])->path, <, change->path);
    }
}

static void test_diff_of_itself(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    g_autoptr(GemelInstance) instance = NULL;
    g_autoptr(GemelDiff) none = NULL;
    const char *id;

    if (stage->ops->snapshots->diff == NULL)
        return;
    id = stage_make(stage);
    create(stage, id, "s1");
    instance = stage_find(stage->conn, id);
    none = diff(stage, id, "s1", "s1", &error);
    if (instance->kind == GEMEL_KIND_VM) {
        check_error(error, GEMEL_ERROR_UNSUPPORTED);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpuint(none->total, ==, 0);
    g_assert_null(diff(stage, id, "s1", "nope", &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(diff(stage, id, "nope", NULL, &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
}

/* An archive, on a descriptor that knows no seeking back; nothing of a snapshot that is not there.
 */
static void test_export(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    g_autoptr(GError) error = NULL;
    struct stat info;
    const char *id;
    int fd;

    if (stage->ops->snapshots->export == NULL)
        return;
    id = stage_make(stage);
    create(stage, id, "s1");
    fd = memfd_create("export", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_false(stage->ops->snapshots->export(stage->conn, id, "nope", fd, NULL, &error));
    check_error(error, GEMEL_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_cmpint(fstat(fd, &info), ==, 0);
    g_assert_cmpint(info.st_size, ==, 0);
    g_assert_true(stage->ops->snapshots->export(stage->conn, id, "s1", fd, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(fstat(fd, &info), ==, 0);
    g_assert_cmpint(info.st_size, >=, 1024);
    g_assert_cmpint(info.st_size % 512, ==, 0);
    close(fd);
}

const ContractTest contract_snapshot_tests[] = {
    {"there-are-none-at-first", test_none, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"create-records-what-was", test_create, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"a-taken-name-exists", test_duplicate, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"a-senseless-name-is-invalid", test_bad_name, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"an-unknown-name-is-not-found", test_unknown, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"revert-and-create-make-a-fork", test_tree, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"remove-leaves-children-whole", test_remove, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"create-while-running-leaves-it-running", test_running, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"revert-to-a-running-one", test_revert_running, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"revert-while-running-does-what-the-list-says", test_revert_while_running, NEEDS_CREATE,
     ACT(SNAPSHOT_CREATE)},
    {"delete-of-the-instance-takes-its-snapshots", test_delete_takes_all, NEEDS_CREATE,
     ACT(SNAPSHOT_CREATE)},
    {"a-diff-is-sorted-and-sound", test_diff, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {"a-diff-of-a-snapshot-with-itself-is-empty", test_diff_of_itself, NEEDS_CREATE,
     ACT(SNAPSHOT_CREATE)},
    {"an-export-is-an-archive", test_export, NEEDS_CREATE, ACT(SNAPSHOT_CREATE)},
    {NULL},
};
