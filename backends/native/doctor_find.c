/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doctor_find.c - what killed commands and crashes left over, found and cleaned away.
 *
 * Nothing here waits for a container: whoever holds its lock is at work on it, and what is seen
 * then is not left over. What is cleaned is looked at again with the lock held. Stores may share
 * the run directory and the cgroup parent: of what is there, only that is cleaned which a record
 * in state/ says to be this store's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/conmon.h"
#include "backends/native/native.h"
#include "backends/native/process.h"
#include "backends/native/tree.h"

#define YOUNG_S 10 /* a directory without its lock file may still be in the making */
/* How often, and how far apart, what somebody else looked at is swept again. */
#define SWEEPS     25
#define SWEEP_USEC 20000
#define DEPTH_MAX  32 /* of cgroups below a container's */

typedef struct {
    NativeConn *conn;
    const NativeStore *store;
    gboolean fix;
    gboolean is_alone; /* nobody else is likely to use its run directory and cgroup parent */
    json_t *found;
} Search;

/* Takes `what` and `path`. */
static void add(const Search *search, const char *check, const char *level, const char *way_out,
                char *what, char *path, gboolean fixable, gboolean fixed)
{
    json_array_append_new(search->found,
                          json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:b, s:b}", "check", check,
                                    "level", level, "what", what, "way_out", way_out, "path", path,
                                    "fixable", fixable, "fixed", fixed));
    g_free(what);
    g_free(path);
}

static void add_fixable(const Search *search, const char *check, char *what, char *path,
                        gboolean fixed)
{
    add(search, check, "warn", "gemel doctor --fix cleans it away", what, path, TRUE, fixed);
}

static gboolean is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static gboolean is_known(const NativeStore *store, const char *id)
{
    g_autofree char *path = native_store_container_path(store, id, NULL);
    g_autofree char *trash = g_build_filename(store->root, "tmp", id, NULL);

    return is_there(path) || is_there(trash);
}

static GPtrArray *entries_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    GPtrArray *names = fd >= 0 ? native_tree_entries(fd) : NULL;

    if (fd >= 0)
        close(fd);
    return names != NULL ? names : g_ptr_array_new_with_free_func(g_free);
}

/* Removes what is at PATH/NAME with all below it. */
static gboolean remove_at(const char *path, const char *name)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    gboolean removed = fd >= 0 && native_tree_remove(fd, name, NULL);

    if (fd >= 0)
        close(fd);
    return removed;
}

/* ---- containers half made or half removed ---------------------------------------------------- */

/* Whether somebody works on ROOT/tmp/NAME. */
static gboolean is_staged_by_somebody(const char *path)
{
    g_autofree char *lock = g_build_filename(path, "lock", NULL);
    int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    gboolean held;

    if (fd < 0)
        return lstat(path, &info) == 0 &&
               g_get_real_time() / G_USEC_PER_SEC - info.st_ctime < YOUNG_S;
    held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return held;
}

static gboolean any_is_there(const char *dir, const GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);

        if (is_there(path))
            return TRUE;
    }
    return FALSE;
}

static void find_staged(const Search *search)
{
    g_autofree char *tmp = g_build_filename(search->store->root, "tmp", NULL);
    g_autoptr(GPtrArray) names = entries_of(tmp);
    NativeLock lock = -1;

    for (guint i = 0; i < names->len;) {
        g_autofree char *path = g_build_filename(tmp, names->pdata[i], NULL);

        if (is_staged_by_somebody(path))
            g_ptr_array_remove_index_fast(names, i);
        else
            i++;
    }
    /* another who looks holds a lock for a moment, and the sweep passes over what is locked */
    for (guint tries = 0; search->fix && tries < SWEEPS && any_is_there(tmp, names); tries++) {
        if (tries > 0)
            g_usleep(SWEEP_USEC);
        if ((lock = native_lock_names(search->store, NULL)) >= 0)
            native_store_sweep(search->store);
        native_lock_release(&lock);
    }
    for (guint i = 0; i < names->len; i++) {
        char *path = g_build_filename(tmp, names->pdata[i], NULL);

        add_fixable(search, "half-made",
                    g_strdup_printf("container %.12s was half made or half removed",
                                    (const char *)names->pdata[i]),
                    path, search->fix && !is_there(path));
    }
}

/* ---- in a container's own places ------------------------------------------------------------- */

/* How many layers nothing refers to. */
static guint count_unused_layers(const NativeStore *store, const NativeContainer *c)
{
    g_autofree char *path = native_store_container_path(store, c->id, "l");
    g_autoptr(GPtrArray) names = entries_of(path);
    guint unused = 0;

    for (guint i = 0; i < names->len; i++) {
        guint64 number;

        unused += g_ascii_string_to_unsigned(names->pdata[i], 10, 0, G_MAXINT, &number, NULL) &&
                  !native_layer_is_used(c, (guint)number);
    }
    return unused;
}

/* Temporary files of writes that did not come to their rename. */
static guint take_temporaries(const NativeStore *store, const char *id, gboolean fix)
{
    static const char *const names[] = {"container.json.new", "config.json.new"};
    g_autofree char *state = native_store_state_path(store, id);
    g_autofree char *state_new = g_strconcat(state, ".new", NULL);
    guint n = is_there(state_new);

    if (fix)
        unlink(state_new);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = native_store_container_path(store, id, names[i]);

        n += is_there(path);
        if (fix)
            unlink(path);
    }
    return n;
}

/* What is wrong with one container. */
typedef struct {
    guint layers, temporaries;
    gboolean start, freeze, run; /* an interrupted start, freeze; the runtime's record of an end */
} Litter;

static Litter look_at(const NativeStore *store, const NativeContainer *c)
{
    g_auto(NativeRun) run = {0};
    g_auto(NativeStatus) status = {0};
    g_autofree char *runtime = g_build_filename(store->run, "runtime", c->id, NULL);
    Litter litter = {.layers = count_unused_layers(store, c),
                     .temporaries = take_temporaries(store, c->id, FALSE)};

    native_run_load(store, c->id, &run);
    native_status_read(store, c->id, &run, &status);
    litter.start = (run.phase == NATIVE_RUN_STARTING || run.phase == NATIVE_RUN_CREATED) &&
                   status.state == GEMEL_STATE_STOPPED;
    litter.freeze = run.snapshot_freeze;
    litter.run = run.phase == NATIVE_RUN_STARTED && status.state == GEMEL_STATE_STOPPED &&
                 native_process_start_ticks(run.conmon) != run.conmon_start && is_there(runtime);
    return litter;
}

static gboolean has_litter(const Litter *litter)
{
    return litter->layers > 0 || litter->temporaries > 0 || litter->start || litter->freeze ||
           litter->run;
}

/* Cleans with the lock held; native_hold itself undoes what was interrupted. */
static gboolean clean_container(const Search *search, const char *id)
{
    g_auto(NativeHold) hold = {.lock = -1};
    Litter left;

    if (!native_hold(search->conn, id, &hold, NULL))
        return FALSE;
    left = look_at(search->store, hold.container);
    if (left.layers > 0)
        native_layers_sweep(search->store, hold.container);
    if (left.run)
        native_hold_clean(&hold);
    take_temporaries(search->store, id, TRUE);
    left = look_at(search->store, hold.container);
    return !has_litter(&left);
}

static void add_litter(const Search *search, const NativeContainer *c, const Litter *litter,
                       gboolean fixed)
{
    if (litter->start)
        add_fixable(search, "interrupted-start",
                    g_strdup_printf("%s: a start was interrupted", c->name), NULL, fixed);
    if (litter->freeze)
        add_fixable(search, "unfinished-snapshot",
                    g_strdup_printf("%s: stands still for a snapshot that nobody takes", c->name),
                    NULL, fixed);
    if (litter->run)
        add_fixable(search, "stale-run",
                    g_strdup_printf("%s: has ended, and its runtime was not told", c->name),
                    g_build_filename(search->store->run, "runtime", c->id, NULL), fixed);
    if (litter->layers > 0)
        add_fixable(search, "unused-layers",
                    g_strdup_printf("%s: %u layer%s of an unfinished snapshot", c->name,
                                    litter->layers, litter->layers == 1 ? "" : "s"),
                    native_store_container_path(search->store, c->id, "l"), fixed);
    if (litter->temporaries > 0)
        add_fixable(search, "temporary-files",
                    g_strdup_printf("%s: %u half-written file%s", c->name, litter->temporaries,
                                    litter->temporaries == 1 ? "" : "s"),
                    native_store_container_path(search->store, c->id, NULL), fixed);
}

/* A container that runs without its conmon goes on, unseen. */
static void find_lost_conmon(const Search *search, const NativeContainer *c)
{
    g_auto(NativeRun) run = {0};

    native_run_load(search->store, c->id, &run);
    if (run.phase == NATIVE_RUN_STARTED && run.pid_start != 0 &&
        native_process_start_ticks(run.pid) == run.pid_start &&
        native_process_start_ticks(run.conmon) != run.conmon_start)
        add(search, "conmon-lost", "bad", "gemel restart gives it a new one",
            g_strdup_printf("%s: runs, but its conmon is gone: no log, no exit status", c->name),
            NULL, FALSE, FALSE);
}

static void find_in_container(const Search *search, const char *id)
{
    GError *problem = NULL;
    g_autoptr(NativeContainer) c = native_container_load(search->store, id, &problem), again = NULL;
    Litter litter;

    if (c == NULL) {
        if (problem->code != GEMEL_ERROR_NOT_FOUND)
            add(search, "unreadable", "bad", "gemel delete removes it", g_strdup(problem->message),
                native_store_container_path(search->store, id, NULL), FALSE, FALSE);
        g_error_free(problem);
        return;
    }
    find_lost_conmon(search, c);
    litter = look_at(search->store, c);
    if (!has_litter(&litter) || native_lock_is_held(search->store, id))
        return;
    /* Somebody may have been at it when we looked first, and be done now. */
    again = native_container_load(search->store, id, NULL);
    if (again == NULL)
        return;
    litter = look_at(search->store, again);
    if (has_litter(&litter) && !native_lock_is_held(search->store, id))
        add_litter(search, again, &litter, search->fix && clean_container(search, id));
}

/* ---- records of containers that are gone ----------------------------------------------------- */

static gboolean run_is_alive(const NativeRun *run)
{
    return (run->pid_start != 0 && native_process_start_ticks(run->pid) == run->pid_start) ||
           (run->conmon_start != 0 && native_process_start_ticks(run->conmon) == run->conmon_start);
}

static gboolean clean_run_of(const NativeStore *store, const char *id)
{
    static const char *const args[] = {"delete", "--force", NULL};
    static const char *const folders[] = {"exits", "containers", "runtime"};
    g_autofree char *state = native_store_state_path(store, id);
    g_autofree char *state_new = g_strconcat(state, ".new", NULL);
    g_autofree char *record = g_build_filename(store->run, "runtime", id, NULL);
    g_autofree char *runtime = native_runtime_find(store, NULL);
    gboolean removed = TRUE;

    if (runtime != NULL && is_there(record))
        native_runtime_run(store, runtime, id, args, NULL, NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(store->run, folders[i], NULL);

        removed = remove_at(path, id) && removed;
    }
    unlink(state);
    unlink(state_new);
    return removed;
}

static void add_run(const Search *search, const char *id)
{
    NativeRunOwner owner = native_run_owner(search->store, id);
    g_auto(NativeRun) run = {0};

    native_run_load(search->store, id, &run);
    if (owner == NATIVE_RUN_OTHERS || (owner == NATIVE_RUN_NOBODYS && !search->is_alone))
        return;
    if (run_is_alive(&run) || owner == NATIVE_RUN_NOBODYS)
        add(search, "unknown-run", "warn",
            "it may be another store's (GEMEL_ROOT); if there is none, remove them by hand",
            g_strdup_printf("records of a container %.12s that this store does not have", id),
            g_strdup(search->store->run), FALSE, FALSE);
    else
        add_fixable(search, "stale-run",
                    g_strdup_printf("records of a container %.12s that is gone", id),
                    g_strdup(search->store->run), search->fix && clean_run_of(search->store, id));
}

static void find_runs(const Search *search)
{
    static const char *const folders[] = {"state", "exits", "containers", "runtime"};
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer id;

    for (guint f = 0; f < G_N_ELEMENTS(folders); f++) {
        g_autofree char *path = g_build_filename(search->store->run, folders[f], NULL);
        g_autoptr(GPtrArray) names = entries_of(path);

        for (guint i = 0; i < names->len; i++) {
            char *name = g_strndup(names->pdata[i], 64);

            if (native_id_is_valid(name) && !is_known(search->store, name))
                g_hash_table_add(ids, name);
            else
                g_free(name);
        }
    }
    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        add_run(search, id);
    }
}

/* ---- cgroups --------------------------------------------------------------------------------- */

/* Whether a process is in it or below. */
static gboolean has_processes(const char *path, guint depth)
{
    g_autofree char *procs = g_build_filename(path, "cgroup.procs", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GPtrArray) names = entries_of(path);

    if (depth > DEPTH_MAX || (g_file_get_contents(procs, &text, NULL, NULL) && *text != '\0'))
        return TRUE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, names->pdata[i], NULL);
        struct stat info;

        if (lstat(child, &info) == 0 && S_ISDIR(info.st_mode) && has_processes(child, depth + 1))
            return TRUE;
    }
    return FALSE;
}

/* rmdir(2) of a group fails as long as anything is in it. */
static void remove_group(const char *path, guint depth)
{
    g_autoptr(GPtrArray) names = entries_of(path);

    for (guint i = 0; i < names->len && depth < DEPTH_MAX; i++) {
        g_autofree char *child = g_build_filename(path, names->pdata[i], NULL);
        struct stat info;

        if (lstat(child, &info) == 0 && S_ISDIR(info.st_mode))
            remove_group(child, depth + 1);
    }
    rmdir(path);
}

/* Whether a container of the store can have groups now. */
static gboolean is_in_use(const NativeStore *store, const char *id)
{
    g_auto(NativeRun) run = {0};

    native_run_load(store, id, &run);
    return run_is_alive(&run) || native_lock_is_held(store, id);
}

static void add_groups(const Search *search, const char *id, const GPtrArray *paths)
{
    gboolean known = is_known(search->store, id), populated = FALSE, gone = search->fix;
    gboolean ours = known || native_run_owner(search->store, id) == NATIVE_RUN_OURS;

    for (guint i = 0; i < paths->len; i++)
        populated = has_processes(paths->pdata[i], 0) || populated;
    if (!ours && !search->is_alone)
        return;
    if (!ours || populated) {
        add(search, "unknown-cgroup", ours ? "bad" : "warn",
            ours ? "end its processes, then run gemel doctor --fix"
                 : "it may be another store's (GEMEL_ROOT); if there is none, remove it by hand",
            g_strdup_printf("cgroup of a container %.12s that %s%s", id,
                            known ? "does not run" : "this store does not have",
                            populated ? "; processes are in it" : ""),
            g_strdup(paths->pdata[0]), FALSE, FALSE);
        return;
    }
    for (guint i = 0; search->fix && i < paths->len; i++) {
        remove_group(paths->pdata[i], 0);
        gone = gone && !is_there(paths->pdata[i]);
    }
    add_fixable(search, "stale-cgroup",
                g_strdup_printf("empty cgroups of a container %.12s that %s", id,
                                known ? "does not run" : "is gone"),
                g_strdup(paths->pdata[0]), gone);
}

static void find_groups(const Search *search)
{
    const NativeCgroups *cgroups = native_cgroups_host();
    g_autoptr(GHashTable) by_id =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    GHashTableIter iter;
    gpointer id, paths;

    for (guint m = 0; m < cgroups->mounts->len; m++) {
        g_autofree char *parent =
            g_build_filename(cgroups->mounts->pdata[m], search->store->cgroup_parent, NULL);
        g_autoptr(GPtrArray) names = entries_of(parent);

        for (guint i = 0; i < names->len; i++) {
            GPtrArray *list = g_hash_table_lookup(by_id, names->pdata[i]);

            if (!native_id_is_valid(names->pdata[i]))
                continue;
            if (list == NULL) {
                list = g_ptr_array_new_with_free_func(g_free);
                g_hash_table_insert(by_id, g_strdup(names->pdata[i]), list);
            }
            g_ptr_array_add(list, g_build_filename(parent, names->pdata[i], NULL));
        }
    }
    g_hash_table_iter_init(&iter, by_id);
    while (g_hash_table_iter_next(&iter, &id, &paths))
        if (!is_in_use(search->store, id) && is_there(((GPtrArray *)paths)->pdata[0]))
            add_groups(search, id, paths);
}

/* ---- mounts ---------------------------------------------------------------------------------- */

/* The container below whose rootfs `path` lies, or NULL. */
static char *container_of_mount(const NativeStore *store, const char *path)
{
    g_autofree char *base = g_build_filename(store->root, "containers", NULL);
    const char *rest = path + strlen(base) + 1;
    g_autofree char *id = NULL;

    if (!g_str_has_prefix(path, base) || path[strlen(base)] != '/' || strlen(rest) < 64)
        return NULL;
    id = g_strndup(rest, 64);
    if (!native_id_is_valid(id) || !g_str_has_prefix(rest + 64, "/rootfs") ||
        (rest[71] != '/' && rest[71] != '\0'))
        return NULL;
    return g_steal_pointer(&id);
}

/* gemel's own runtime mounts where only the container sees it; others leave these when killed. */
static void find_mounts(const Search *search)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (guint n = g_strv_length(lines); n > 0; n--) { /* what was mounted last goes first */
        g_auto(GStrv) fields = g_strsplit(lines[n - 1], " ", 6);
        g_autofree char *path =
            g_strv_length(fields) > 5 ? g_strcompress(fields[4]) : NULL; /* \040 and the like */
        g_autofree char *id = path != NULL ? container_of_mount(search->store, path) : NULL;

        if (id == NULL || is_in_use(search->store, id))
            continue;
        add_fixable(search, "stray-mount",
                    g_strdup_printf("a mount of the container %.12s, which does not run", id),
                    g_strdup(path),
                    search->fix && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

void native_leftovers_find(NativeConn *conn, gboolean fix, json_t *found)
{
    const NativeStore *store = conn->store;
    gboolean root = g_str_equal(store->root, "/var/lib/gemel");
    g_autoptr(GPtrArray) ids = NULL;
    Search search = {
        .conn = conn,
        .store = store,
        .fix = fix,
        .is_alone = root == g_str_equal(store->run, "/run/gemel") &&
                    root == g_str_equal(store->cgroup_parent, "gemel"),
        .found = found,
    };
    gsize before = json_array_size(found);

    if (conn->read_only) /* locks and records are not ours to read */
        return;
    ids = native_store_list_ids(store, NULL);
    find_staged(&search);
    for (guint i = 0; ids != NULL && i < ids->len; i++)
        find_in_container(&search, ids->pdata[i]);
    find_groups(&search); /* before the records that tell whose they are */
    find_runs(&search);
    find_mounts(&search);
    if (json_array_size(found) == before)
        add(&search, "leftovers", "ok", NULL, g_strdup("nothing was left over"), NULL, FALSE,
            FALSE);
}
