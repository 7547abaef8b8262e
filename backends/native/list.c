/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is there: list and inspect. Neither takes a lock nor changes anything. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/native.h"

#define CONFIG_MAX (4 * 1024 * 1024)

static void fill_instance(GemelInstance *instance, const NativeContainer *c,
                          const NativeStatus *status)
{
    GHashTableIter iter;
    gpointer key, value;

    instance->state = status->state;
    instance->state_reason = g_strdup(status->reason);
    instance->cpu_limit = c->limits.cpus;
    instance->memory_limit_bytes = (guint64)c->limits.memory_bytes;
    instance->started_boottime_ns = status->started_boottime_ns;
    instance->image = g_strdup(c->origin);
    instance->autostart = c->autostart;
    instance->is_protected = c->is_protected;
    if (g_hash_table_size(c->labels) > 0) {
        instance->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_iter_init(&iter, c->labels);
        while (g_hash_table_iter_next(&iter, &key, &value))
            g_hash_table_insert(instance->labels, g_strdup(key), g_strdup(value));
    }
}

/* One container; NULL when it went away meanwhile. What cannot be read is shown, not hidden. */
static GemelInstance *list_one(NativeConn *conn, const char *id)
{
    GemelBackend *backend = conn->conn.backend;
    GError *problem = NULL;
    const NativeContainer *c = native_listed_container(conn->listed, id, &problem);
    g_auto(NativeStatus) status = {0};
    GemelInstance *instance;

    if (c == NULL && problem->code == GEMEL_ERROR_NOT_FOUND) {
        g_error_free(problem);
        return NULL;
    }
    if (c == NULL) {
        g_autofree char *name = g_strndup(id, 12);

        instance = gemel_instance_new(backend->name, GEMEL_KIND_CONTAINER, id, name);
        instance->state = GEMEL_STATE_UNKNOWN;
        instance->state_reason =
            g_strdup_printf("left over: %s; delete removes it", problem->message);
        g_error_free(problem);
        gemel_instance_compute_acts(instance, backend);
    } else {
        instance = gemel_instance_new(backend->name, GEMEL_KIND_CONTAINER, id, c->name);
        native_status_read(conn->store, id, native_listed_run(conn->listed, id), &status);
        fill_instance(instance, c, &status);
        gemel_instance_compute_acts(instance, backend);
        if (gemel_instance_can(instance, GEMEL_ACT_SNAPSHOT_REVERT) &&
            instance->state != GEMEL_STATE_STOPPED)
            gemel_instance_forbid(instance, GEMEL_ACT_SNAPSHOT_REVERT, "is running; stop it first");
    }
    if (conn->read_only)
        for (GemelAct act = 0; act < GEMEL_ACT_N; act++)
            if (gemel_instance_can(instance, act))
                gemel_instance_forbid(instance, act, "only root can");
    return instance;
}

GPtrArray *native_list(GemelConn *conn, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(GPtrArray) ids = native_store_list_ids(native->store, error);
    GPtrArray *instances;

    if (ids == NULL)
        return NULL;
    if (native->listed == NULL)
        native->listed = native_listed_new(native->store);
    native_listed_keep(native->listed, ids);
    instances = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
    for (guint i = 0; i < ids->len; i++) {
        GemelInstance *instance = list_one(native, g_ptr_array_index(ids, i));

        if (instance != NULL)
            g_ptr_array_add(instances, instance);
    }
    return instances;
}

/* ---- inspect -------------------------------------------------------------------------------- */

/* The groups of a running container, by hierarchy. */
static json_t *format_cgroups(const NativeRun *run)
{
    static const char *const names[NATIVE_CGROUP_N] = {
        [NATIVE_CGROUP_CPU] = "cpu",         [NATIVE_CGROUP_CPUACCT] = "cpuacct",
        [NATIVE_CGROUP_MEMORY] = "memory",   [NATIVE_CGROUP_PIDS] = "pids",
        [NATIVE_CGROUP_BLKIO] = "blkio",     [NATIVE_CGROUP_FREEZER] = "freezer",
        [NATIVE_CGROUP_SYSTEMD] = "systemd",
    };
    static const char *const modes[] = {"none", "v1", "hybrid", "v2"};
    const NativeCgroups *host = native_cgroups_host();
    json_t *object = json_pack("{s:s, s:s}", "mode", modes[host->mode], "path", run->cgroup);

    for (guint i = 0; i <= NATIVE_CGROUP_N; i++) {
        const char *mount = i < NATIVE_CGROUP_N ? host->v1[i] : host->v2;
        g_autofree char *path = mount != NULL ? g_build_filename(mount, run->cgroup, NULL) : NULL;

        if (path != NULL && access(path, F_OK) == 0)
            json_object_set_new(object, i < NATIVE_CGROUP_N ? names[i] : "unified",
                                json_string(path));
    }
    return object;
}

static json_t *format_labels(GHashTable *labels)
{
    json_t *object = json_object();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value))
        json_object_set_new(object, key, json_string(value));
    return object;
}

static json_t *format_strings(char *const *list)
{
    json_t *array = json_array();

    for (; list != NULL && *list != NULL; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *format_essentials(NativeConn *conn, const NativeContainer *c, const NativeRun *run,
                                 const NativeStatus *status)
{
    g_autofree char *bundle = native_store_container_path(conn->store, c->id, NULL);
    g_autofree char *log = g_build_filename(bundle, "log", NULL);
    gboolean alive = status->state == GEMEL_STATE_RUNNING || status->state == GEMEL_STATE_PAUSED;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s?, s:s?, s:I, s:o, s:o, s:s, s:s?, s:I, s:I, s:s, s:s, s:b, s:b}",
        "id", c->id, "name", c->name, "kind", "container", "state", gemel_state_name(status->state),
        "state_reason", status->reason, "image", c->origin, "created_unix",
        (json_int_t)c->created_unix, "argv", format_strings(c->argv), "env", format_strings(c->env),
        "cwd", c->cwd, "user", c->user, "uid", (json_int_t)c->uid, "gid", (json_int_t)c->gid,
        "hostname", c->hostname, "network", c->network, "tty", c->tty, "read_only", c->read_only);

    json_object_set_new(object, "limits",
                        json_pack("{s:f, s:I, s:I}", "cpus", c->limits.cpus, "memory_bytes",
                                  (json_int_t)c->limits.memory_bytes, "pids",
                                  (json_int_t)c->limits.pids));
    json_object_set_new(object, "labels", format_labels(c->labels));
    json_object_set_new(object, "restart", json_string("none"));
    json_object_set_new(object, "autostart", json_boolean(c->autostart));
    json_object_set_new(object, "protected", json_boolean(c->is_protected));
    json_object_set_new(object, "layers", json_integer((json_int_t)c->lower->len + 1));
    json_object_set_new(object, "snapshots", json_integer((json_int_t)c->snapshots->len));
    json_object_set_new(object, "current_snapshot",
                        c->current != NULL ? json_string(c->current) : json_null());
    json_object_set_new(object, "bundle", json_string(bundle));
    json_object_set_new(object, "log", json_string(log));
    json_object_set_new(object, "pid", alive ? json_integer(run->pid) : json_null());
    json_object_set_new(object, "conmon_pid", alive ? json_integer(run->conmon) : json_null());
    json_object_set_new(object, "runtime", alive ? json_string(run->runtime) : json_null());
    json_object_set_new(object, "cgroup", alive ? format_cgroups(run) : json_null());
    return object;
}

GemelInspect *native_inspect(GemelConn *conn, const char *id, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) c = native_container_load(native->store, id, error);
    g_autofree char *config = NULL;
    g_auto(NativeRun) run = {0};
    g_auto(NativeStatus) status = {0};
    GemelInspect *inspect;

    if (c == NULL)
        return NULL;
    native_run_load(native->store, id, &run);
    native_status_read(native->store, id, &run, &status);
    config = native_store_container_path(native->store, id, "config.json");
    inspect = g_new0(GemelInspect, 1);
    inspect->essentials = format_essentials(native, c, &run, &status);
    /* Before the first start there is no configuration yet; the model is what there is. */
    inspect->definition = native_file_read(config, CONFIG_MAX, NULL);
    if (inspect->definition == NULL)
        inspect->definition = native_container_format(c);
    inspect->definition_format = "json";
    return inspect;
}
