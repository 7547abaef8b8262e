/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change.c - flags, name and settings of a container: one write of container.json each. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/native.h"
#include "backends/native/process.h"
#include "backends/native/rootfs.h"

static gboolean save(const NativeHold *hold, GError **error)
{
    g_autofree char *dir = native_store_container_path(hold->store, hold->container->id, NULL);

    return native_container_save(hold->container, dir, error);
}

gboolean native_autostart(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    hold.container->autostart = args != NULL && args->enable;
    return save(&hold, error);
}

gboolean native_protect(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    hold.container->is_protected = args != NULL && args->enable;
    return save(&hold, error);
}

/* Names are given under their lock, so that two never get the same. */
gboolean native_rename(GemelConn *conn, const char *id, const GemelActArgs *args, GError **error)
{
    const NativeStore *store = ((NativeConn *)conn)->store;
    const char *name = args != NULL ? args->name : NULL;
    g_auto(NativeHold) hold = {.lock = -1};
    NativeLock names;
    gboolean ok;

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    if (hold.status.state != GEMEL_STATE_STOPPED)
        return native_hold_conflict(&hold, "is running; stop it first", error);
    if (name == NULL || !native_name_is_valid(name))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: \"%.80s\" is no name; give 1 to 63 letters, digits, "
                               "'_', '.' or '-', beginning with a letter or digit",
                               hold.container->name, name != NULL ? name : "");
    names = native_lock_names(store, error);
    if (names < 0)
        return FALSE;
    ok = native_name_check(store, name, error);
    if (ok && g_strcmp0(hold.container->hostname, hold.container->name) == 0) {
        g_free(hold.container->hostname);
        hold.container->hostname = g_strdup(name);
    }
    if (ok) {
        g_free(hold.container->name);
        hold.container->name = g_strdup(name);
        ok = save(&hold, error);
    }
    native_lock_release(&names);
    return ok;
}

/* ---- the settings, as a person edits them --------------------------------------------------- */

static const char *const editable[] = {"argv",     "env",     "cwd",         "user",
                                       "hostname", "network", "tty",         "read_only",
                                       "limits",   "labels",  "stop_signal", NULL};

/* The part of container.json that may be edited. */
static char *settings_format(const NativeContainer *container)
{
    g_autofree char *whole = native_container_format(container);
    json_t *root = whole != NULL ? json_loads(whole, 0, NULL) : NULL;
    json_t *part = json_object();
    char *dump, *text;

    for (gsize i = 0; editable[i] != NULL; i++)
        json_object_set(part, editable[i], json_object_get(root, editable[i]));
    dump = json_dumps(part, JSON_INDENT(2));
    text = g_strconcat(dump, "\n", NULL);
    free(dump);
    json_decref(part);
    json_decref(root);
    return text;
}

static char *definition_get(GemelConn *conn, const char *id, GError **error)
{
    g_autoptr(NativeContainer) container =
        native_container_load(((NativeConn *)conn)->store, id, error);

    return container != NULL ? settings_format(container) : NULL;
}

/* Only what is known may be there, and each once. */
static json_t *settings_parse(const char *name, const char *text, GError **error)
{
    json_error_t wrong;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &wrong), *value;
    const char *key;

    if (!json_is_object(root)) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "container %s: line %d: %s", name,
                        root == NULL ? wrong.line : 1,
                        root == NULL ? wrong.text : "an object is wanted");
        json_decref(root);
        return NULL;
    }
    json_object_foreach (root, key, value) {
        if (g_strv_contains(editable, key))
            continue;
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "container %s: \"%.60s\" is not among the settings that can be edited",
                        name, key);
        json_decref(root);
        return NULL;
    }
    return root;
}

/* The container as it is, with these settings. */
static NativeContainer *merge(const NativeContainer *container, json_t *settings, GError **error)
{
    g_autofree char *whole = native_container_format(container);
    json_t *root = json_loads(whole, 0, NULL);
    NativeContainer *merged;
    char *text;

    json_object_update(root, settings);
    text = json_dumps(root, 0);
    merged = native_container_parse(text, container->id, error);
    free(text);
    json_decref(root);
    return merged;
}

static char **labels_list(GHashTable *labels)
{
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, labels);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_autofree char *pair = g_strconcat(key, "=", value, NULL);

        g_strv_builder_add(list, pair);
    }
    return g_strv_builder_end(list);
}

/* The same checks as for a new one. */
static gboolean check(const NativeContainer *c, GError **error)
{
    g_auto(GStrv) labels = labels_list(c->labels);
    const GemelCreateSpec spec = {.name = c->name,
                                  .rootfs = c->origin,
                                  .argv = (const char *const *)c->argv,
                                  .env = (const char *const *)c->env,
                                  .labels = (const char *const *)labels,
                                  .hostname = c->hostname,
                                  .network = c->network,
                                  .user = c->user,
                                  .cwd = c->cwd,
                                  .limits = c->limits};
    g_autoptr(NativeContainer) probe = native_container_from_spec(&spec, error);

    if (probe == NULL)
        return FALSE;
    if (native_signal_number(c->stop_signal) <= 0)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "container %s: stop_signal \"%.20s\" is no signal", c->name,
                               c->stop_signal);
    return TRUE;
}

/* Looks a name up in the topmost layer that has an /etc/passwd. */
static gboolean resolve_user(const NativeHold *hold, NativeContainer *c, GError **error)
{
    for (gint i = (gint)c->lower->len; i >= 0; i--) {
        guint number = i == (gint)c->lower->len ? c->upper : g_array_index(c->lower, guint, i);
        g_autofree char *layer = g_strdup_printf("l/%u/fs", number);
        g_autofree char *dir = native_store_container_path(hold->store, c->id, layer);
        g_autofree char *passwd = g_build_filename(dir, "etc", "passwd", NULL);
        gboolean ok;
        int fd;

        if (i > 0 && faccessat(AT_FDCWD, passwd, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ok = native_user_resolve(fd, c->user, &c->uid, &c->gid, error);
        close(fd);
        return ok;
    }
    return gemel_error_set(error, GEMEL_ERROR_FAILED, "container %s: no layer can be read",
                           c->name);
}

static gboolean definition_set(GemelConn *conn, const char *id, const char *before,
                               const char *text, const GemelActArgs *args, GError **error)
{
    g_auto(NativeHold) hold = {.lock = -1};
    g_autoptr(NativeContainer) merged = NULL;
    g_autofree char *now = NULL;
    NativeContainer *old;
    json_t *settings;

    if (!native_hold((NativeConn *)conn, id, &hold, error))
        return FALSE;
    now = settings_format(hold.container);
    if (!g_str_equal(now, before))
        return native_hold_conflict(&hold, "was changed meanwhile; edit it anew", error);
    settings = settings_parse(hold.container->name, text, error);
    if (settings == NULL)
        return FALSE;
    merged = merge(hold.container, settings, error);
    json_decref(settings);
    if (merged == NULL) {
        if (error != NULL && *error != NULL)
            (*error)->code = GEMEL_ERROR_INVALID; /* not the file is wrong, but what was typed */
        return FALSE;
    }
    if (!check(merged, error) || !resolve_user(&hold, merged, error))
        return FALSE;
    old = hold.container;
    hold.container = g_steal_pointer(&merged);
    merged = old; /* freed */
    if (hold.status.state == GEMEL_STATE_RUNNING || hold.status.state == GEMEL_STATE_PAUSED)
        gemel_act_note(args, "holds from its next start on");
    return save(&hold, error);
}

const GemelDefinitionOps native_definition_ops = {
    .format = "json",
    .get = definition_get,
    .set = definition_set,
};
