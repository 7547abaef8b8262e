/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/container.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (4 * 1024 * 1024)

/* ---- life ----------------------------------------------------------------------------------- */

static GArray *numbers_new(void)
{
    return g_array_new(FALSE, TRUE, sizeof(guint));
}

NativeContainer *native_container_new(void)
{
    NativeContainer *container = g_new0(NativeContainer, 1);

    container->lower = numbers_new();
    container->snapshots = g_ptr_array_new_with_free_func((GDestroyNotify)native_snapshot_free);
    container->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return container;
}

void native_snapshot_free(NativeSnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    g_free(snapshot->name);
    g_free(snapshot->parent);
    g_free(snapshot->description);
    g_clear_pointer(&snapshot->layers, g_array_unref);
    g_free(snapshot);
}

void native_container_free(NativeContainer *container)
{
    if (container == NULL)
        return;
    g_free(container->id);
    g_free(container->name);
    g_free(container->origin);
    g_strfreev(container->argv);
    g_strfreev(container->env);
    g_free(container->cwd);
    g_free(container->user);
    g_free(container->hostname);
    g_free(container->network);
    g_free(container->stop_signal);
    g_free(container->current);
    g_hash_table_unref(container->labels);
    g_array_unref(container->lower);
    g_ptr_array_unref(container->snapshots);
    g_free(container);
}

NativeSnapshot *native_container_find_snapshot(const NativeContainer *container, const char *name)
{
    for (guint i = 0; i < container->snapshots->len; i++) {
        NativeSnapshot *snapshot = g_ptr_array_index(container->snapshots, i);

        if (g_str_equal(snapshot->name, name))
            return snapshot;
    }
    return NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A string member, or NULL; what is there must be a string. */
static gboolean take_string(json_t *object, const char *key, gboolean required, char **ret)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return !required;
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return FALSE;
    *ret = g_strdup(json_string_value(value));
    return TRUE;
}

static gboolean take_strings(json_t *object, const char *key, char ***ret)
{
    json_t *array = json_object_get(object, key), *item;
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    size_t i;

    if (!json_is_array(array))
        return FALSE;
    json_array_foreach (array, i, item) {
        if (!json_is_string(item))
            return FALSE;
        g_ptr_array_add(strings, g_strdup(json_string_value(item)));
    }
    g_ptr_array_add(strings, NULL);
    *ret = (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
    return TRUE;
}

static gboolean take_number(json_t *object, const char *key, gint64 min, gint64 max, gint64 *ret)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return FALSE;
    *ret = json_integer_value(value);
    return TRUE;
}

static gboolean take_layers(json_t *object, const char *key, GArray *ret)
{
    json_t *array = json_object_get(object, key), *item;
    size_t i;

    if (!json_is_array(array) || json_array_size(array) == 0)
        return FALSE;
    json_array_foreach (array, i, item) {
        guint number = (guint)json_integer_value(item);

        if (!json_is_integer(item) || json_integer_value(item) < 0 ||
            json_integer_value(item) > G_MAXINT)
            return FALSE;
        g_array_append_val(ret, number);
    }
    return TRUE;
}

static gboolean take_snapshots(json_t *root, NativeContainer *container)
{
    json_t *array = json_object_get(root, "snapshots"), *item;
    size_t i;

    if (!json_is_array(array))
        return FALSE;
    json_array_foreach (array, i, item) {
        NativeSnapshot *snapshot = g_new0(NativeSnapshot, 1);

        snapshot->layers = numbers_new();
        g_ptr_array_add(container->snapshots, snapshot);
        if (!take_string(item, "name", TRUE, &snapshot->name) ||
            !take_string(item, "parent", FALSE, &snapshot->parent) ||
            !take_string(item, "description", FALSE, &snapshot->description) ||
            !take_number(item, "created", 0, G_MAXINT64, &snapshot->created_unix) ||
            !take_number(item, "freeze_ns", 0, G_MAXINT64, &snapshot->freeze_ns) ||
            !take_layers(item, "layers", snapshot->layers))
            return FALSE;
        snapshot->was_running = json_is_true(json_object_get(item, "was_running"));
        snapshot->copied = json_is_true(json_object_get(item, "copied"));
    }
    return TRUE;
}

static gboolean take_limits(json_t *root, GemelLimits *limits)
{
    json_t *object = json_object_get(root, "limits");
    json_t *cpus = json_object_get(object, "cpus");

    if (!json_is_number(cpus) || json_number_value(cpus) < 0)
        return FALSE;
    limits->cpus = json_number_value(cpus);
    return take_number(object, "memory_bytes", 0, G_MAXINT64, &limits->memory_bytes) &&
           take_number(object, "pids", 0, G_MAXINT64, &limits->pids);
}

static gboolean take_labels(json_t *root, GHashTable *labels)
{
    json_t *object = json_object_get(root, "labels"), *value;
    const char *key;

    if (!json_is_object(object))
        return FALSE;
    json_object_foreach (object, key, value) {
        if (!json_is_string(value))
            return FALSE;
        g_hash_table_insert(labels, g_strdup(key), g_strdup(json_string_value(value)));
    }
    return TRUE;
}

/* All members; gives the name of the first that is missing or of the wrong kind. */
static const char *take_members(json_t *root, NativeContainer *c)
{
    gint64 uid, gid, upper, next;

    if (!take_string(root, "name", TRUE, &c->name) || !native_name_is_valid(c->name))
        return "name";
    if (!take_number(root, "created", 0, G_MAXINT64, &c->created_unix))
        return "created";
    if (!take_strings(root, "argv", &c->argv) || c->argv[0] == NULL)
        return "argv";
    if (!take_strings(root, "env", &c->env))
        return "env";
    if (!take_number(root, "uid", 0, G_MAXUINT32 - 1, &uid) ||
        !take_number(root, "gid", 0, G_MAXUINT32 - 1, &gid))
        return "uid, gid";
    if (!take_string(root, "cwd", TRUE, &c->cwd) || !take_string(root, "user", FALSE, &c->user) ||
        !take_string(root, "hostname", TRUE, &c->hostname) ||
        !take_string(root, "network", TRUE, &c->network) ||
        !take_string(root, "origin", FALSE, &c->origin) ||
        !take_string(root, "stop_signal", TRUE, &c->stop_signal) ||
        !take_string(root, "current", FALSE, &c->current))
        return "cwd, user, hostname, network, origin, stop_signal or current";
    if (!take_limits(root, &c->limits))
        return "limits";
    if (!take_labels(root, c->labels))
        return "labels";
    if (!take_layers(root, "lower", c->lower) || !take_number(root, "upper", 0, G_MAXINT, &upper) ||
        !take_number(root, "next_layer", 0, G_MAXINT, &next))
        return "lower, upper or next_layer";
    if (!take_snapshots(root, c))
        return "snapshots";
    c->uid = (guint)uid;
    c->gid = (guint)gid;
    c->upper = (guint)upper;
    c->next_layer = (guint)next;
    c->tty = json_is_true(json_object_get(root, "tty"));
    c->read_only = json_is_true(json_object_get(root, "read_only"));
    c->autostart = json_is_true(json_object_get(root, "autostart"));
    c->is_protected = json_is_true(json_object_get(root, "protected"));
    return NULL;
}

NativeContainer *native_container_parse(const char *text, const char *id, GError **error)
{
    g_autoptr(NativeContainer) container = native_container_new();
    json_error_t problem;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    const char *bad;
    gint64 format;

    container->id = g_strdup(id);
    if (root == NULL) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "container.json, line %d: %s", problem.line,
                        problem.text);
        return NULL;
    }
    if (!take_number(root, "format", 1, G_MAXINT, &format))
        bad = "format";
    else if (format > NATIVE_CONTAINER_FORMAT)
        bad = "format (made by a newer gemel)";
    else
        bad = take_members(root, container);
    json_decref(root);
    if (bad != NULL) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "container.json: cannot use %s", bad);
        return NULL;
    }
    return g_steal_pointer(&container);
}

NativeContainer *native_container_load(const NativeStore *store, const char *id, GError **error)
{
    g_autofree char *dir = NULL, *path = NULL, *text = NULL;
    NativeContainer *container;
    GError *problem = NULL;

    if (!native_id_is_valid(id)) {
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no such container", id);
        return NULL;
    }
    dir = native_store_container_path(store, id, NULL);
    path = g_build_filename(dir, "container.json", NULL);
    text = native_file_read(path, FILE_MAX, &problem);
    if (text == NULL) {
        if (access(dir, F_OK) != 0 && errno == ENOENT)
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no such container", id);
        else
            gemel_error_set(error, GEMEL_ERROR_FAILED, "container %.12s: %s", id, problem->message);
        g_error_free(problem);
        return NULL;
    }
    container = native_container_parse(text, id, &problem);
    if (container == NULL) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "container %.12s: %s", id, problem->message);
        g_error_free(problem);
    }
    return container;
}

/* ---- writing -------------------------------------------------------------------------------- */

static json_t *strings_to_json(char *const *strings)
{
    json_t *array = json_array();

    for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
        json_array_append_new(array, json_string(strings[i]));
    return array;
}

static json_t *layers_to_json(const GArray *layers)
{
    json_t *array = json_array();

    for (guint i = 0; i < layers->len; i++)
        json_array_append_new(array, json_integer(g_array_index(layers, guint, i)));
    return array;
}

static json_t *labels_to_json(GHashTable *labels)
{
    json_t *object = json_object();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value))
        json_object_set_new(object, key, json_string(value));
    return object;
}

static json_t *snapshots_to_json(const GPtrArray *snapshots)
{
    json_t *array = json_array();

    for (guint i = 0; i < snapshots->len; i++) {
        const NativeSnapshot *s = g_ptr_array_index(snapshots, i);

        json_array_append_new(
            array, json_pack("{s:s, s:s?, s:s?, s:I, s:b, s:b, s:I, s:o}", "name", s->name,
                             "parent", s->parent, "description", s->description, "created",
                             (json_int_t)s->created_unix, "was_running", s->was_running, "copied",
                             s->copied, "freeze_ns", (json_int_t)s->freeze_ns, "layers",
                             layers_to_json(s->layers)));
    }
    return array;
}

char *native_container_format(const NativeContainer *c)
{
    json_t *root = json_pack(
        "{s:i, s:s, s:s, s:I, s:s?, s:o, s:o, s:s, s:s?, s:I, s:I, s:s, s:s, s:b, s:b,"
        " s:{s:f, s:I, s:I}, s:o, s:s, s:s, s:b, s:b, s:o, s:I, s:I, s:o, s:s?}",
        "format", NATIVE_CONTAINER_FORMAT, "id", c->id, "name", c->name, "created",
        (json_int_t)c->created_unix, "origin", c->origin, "argv", strings_to_json(c->argv), "env",
        strings_to_json(c->env), "cwd", c->cwd, "user", c->user, "uid", (json_int_t)c->uid, "gid",
        (json_int_t)c->gid, "hostname", c->hostname, "network", c->network, "tty", c->tty,
        "read_only", c->read_only, "limits", "cpus", c->limits.cpus, "memory_bytes",
        (json_int_t)c->limits.memory_bytes, "pids", (json_int_t)c->limits.pids, "labels",
        labels_to_json(c->labels), "restart", "none", "stop_signal", c->stop_signal, "autostart",
        c->autostart, "protected", c->is_protected, "lower", layers_to_json(c->lower), "upper",
        (json_int_t)c->upper, "next_layer", (json_int_t)c->next_layer, "snapshots",
        snapshots_to_json(c->snapshots), "current", c->current);
    char *dump = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *text = dump != NULL ? g_strconcat(dump, "\n", NULL) : NULL;

    free(dump);
    json_decref(root);
    return text;
}

gboolean native_container_save(const NativeContainer *container, const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "container.json", NULL);
    g_autofree char *text = native_container_format(container);

    /* jansson writes UTF-8 only; everything was checked when it came in. */
    if (text == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: some text of it is not UTF-8", container->name);
    return native_file_write(path, text, 0600, NATIVE_WRITE_DURABLE, error);
}
