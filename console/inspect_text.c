/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inspect_text.c - a table of what may be known of an instance, and how each is said. */
#include "console/inspect_text.h"

#include <string.h>

#include "console/command.h"
#include "console/output.h"
#include "widgets/text.h"

/* ---- values --------------------------------------------------------------------------------- */

typedef char *(*Format)(const json_t *value);

static char *as_text(const json_t *value)
{
    if (json_is_string(value))
        return text_sanitise(json_string_value(value), -1, TEXT_NAME);
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return json_is_real(value) ? g_strdup_printf("%.6g", json_real_value(value)) : NULL;
}

static char *as_size(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0
               ? format_bytes((guint64)json_integer_value(value))
               : g_strdup("none");
}

static char *as_cpus(const json_t *value)
{
    double cpus = json_number_value(value);

    return cpus > 0 ? g_strdup_printf("%.4g CPU%s", cpus, cpus == 1 ? "" : "s") : g_strdup("none");
}

static char *as_limit(const json_t *value)
{
    return json_number_value(value) > 0 ? as_text(value) : g_strdup("none");
}

static char *as_age(const json_t *value)
{
    return format_uptime((gint64)json_integer_value(value));
}

static char *as_time(const json_t *value)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(json_integer_value(value));

    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : NULL;
}

static char *as_kind(const json_t *value)
{
    return g_strdup(g_strcmp0(json_string_value(value), "vm") == 0 ? "vm (guest)" : "container");
}

static char *as_writable(const json_t *value)
{
    return g_strdup(json_is_true(value) ? "read-only" : "writable");
}

/* A command as it would be typed. */
static char *as_command(const json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const json_t *item;
    size_t i;

    json_array_foreach (value, i, item) {
        const char *word = json_string_value(item);
        g_autofree char *quoted = command_quote(word != NULL ? word : "");

        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", quoted);
    }
    return text_sanitise(out->str, -1, TEXT_NAME);
}

static char *as_list(const json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const json_t *item;
    size_t i;

    json_array_foreach (value, i, item) {
        g_autofree char *text = as_text(item);

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", text != NULL ? text : "");
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gint compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "env=production role=lab", in order. */
static char *as_labels(const json_t *value)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    const char *key;
    const json_t *item;

    json_object_foreach ((json_t *)value, key, item) {
        g_autofree char *text = as_text(item);
        g_autofree char *name = text_sanitise(key, -1, TEXT_NAME);

        g_ptr_array_add(words, g_strconcat(name, "=", text != NULL ? text : "", NULL));
    }
    g_ptr_array_sort(words, compare_words);
    g_ptr_array_add(words, NULL);
    return g_strjoinv(" ", (char **)words->pdata);
}

/* Of an object, what it has: the paths of a cgroup differ in these names alone. */
static char *as_names(const json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *key;
    json_t *item;

    json_object_foreach ((json_t *)value, key, item) {
        g_autofree char *name = text_sanitise(key, -1, TEXT_NAME);

        g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", name);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- rows ----------------------------------------------------------------------------------- */

typedef struct {
    InspectRow row;
    gpointer data;
    const char *title; /* of the group, until its heading is there */
    gboolean any;
} Rows;

/* The first of a group puts its heading before itself. */
static void add_row(Rows *rows, const char *label, const char *value)
{
    if (rows->title != NULL && rows->any)
        rows->row("", NULL, rows->data);
    if (rows->title != NULL)
        rows->row(rows->title, NULL, rows->data);
    rows->title = NULL;
    rows->any = TRUE;
    rows->row(label, value, rows->data);
}

/* ---- what is said of one thing in a list ---------------------------------------------------- */

/* What is said before the value; a blank first joins it to what is there without a comma. Of TRUE
   this alone is said. */
typedef struct {
    const char *key, *before;
} Piece;

typedef struct {
    const char *key, *title;
    const char *label[2]; /* keys of what each is called by; the second may be missing */
    Piece pieces[5];
} Things;

static const Things things[] = {
    {"disks",
     "Disks",
     {"target"},
     {{"bus", ""}, {"device", " "}, {"format", ""}, {"source", ""}, {"read_only", "read-only"}}},
    {"nics",
     "Network interfaces",
     {"mac"},
     {{"model", ""}, {"type", ""}, {"source", " "}, {"target", "on the host "}}},
    {"consoles", "Consoles", {"target", "port"}, {{"type", ""}, {"path", " "}}},
    {"serials", "Serial ports", {"target", "port"}, {{"type", ""}, {"path", " "}}},
    {"graphics",
     "Displays",
     {"type"},
     {{"listen", "on "}, {"port", "port "}, {"autoport", "chosen at its start"}}},
};

/* "virtio disk, qcow2, /srv/lab-vm.qcow2" */
static char *thing_text(const Things *of, const json_t *thing)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(of->pieces) && of->pieces[i].key != NULL; i++) {
        const Piece *piece = &of->pieces[i];
        const json_t *value = json_object_get(thing, piece->key);
        g_autofree char *text = value != NULL ? as_text(value) : NULL;

        if (text == NULL || *text == '\0' || json_is_false(value))
            continue;
        g_string_append_printf(out, "%s%s%s", out->len > 0 && *piece->before != ' ' ? ", " : "",
                               piece->before + (out->len == 0 && *piece->before == ' '),
                               json_is_true(value) ? "" : text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void thing_row(const Things *of, const json_t *thing, Rows *rows)
{
    const json_t *first = json_object_get(thing, of->label[0]);
    const json_t *second = of->label[1] != NULL ? json_object_get(thing, of->label[1]) : NULL;
    g_autofree char *name = first != NULL ? as_text(first) : NULL;
    g_autofree char *number = second != NULL ? as_text(second) : NULL;
    g_autofree char *text = thing_text(of, thing);
    g_autofree char *label =
        g_strdup_printf("  %s%s%s:", name != NULL ? name : "-", number != NULL ? " " : "",
                        number != NULL ? number : "");

    add_row(rows, label, *text != '\0' ? text : "-");
}

/* ---- the table ------------------------------------------------------------------------------ */

typedef struct {
    const char *path; /* "limits.cpus"; NULL: a heading */
    const char *label;
    Format format;
    const char *unless; /* another one that says the same is there */
} Entry;

static const Entry entries[] = {
    {NULL, "Instance"},
    {"name", "name", as_text},
    {"title", "title", as_text},
    {"description", "description", as_text},
    {"kind", "kind", as_kind},
    {"state", "state", as_text},
    {"uptime_s", "up for", as_age},
    {"backend", "backend", as_text},
    {"id", "id", as_text},
    {"image", "image", as_text},
    {"created_unix", "created", as_time},
    {"labels", "labels", as_labels},
    {"protected", "protected", as_text},
    {"autostart", "autostart", as_text},
    {"restart", "restart policy", as_text},
    {"persistent", "persistent", as_text},
    {"has_saved_memory", "saved memory", as_text},

    {NULL, "CPUs and memory"},
    {"vcpus", "vCPUs", as_text},
    {"vcpus_max", "vCPUs at most", as_text},
    {"cpu_mode", "CPU mode", as_text},
    {"cpu_model", "CPU model", as_text},
    {"limits.cpus", "CPU limit", as_cpus},
    {"cpu_limit", "CPU limit", as_cpus, "limits.cpus"},
    {"memory_bytes", "memory", as_size},
    {"memory_max_bytes", "memory at most", as_size},
    {"limits.memory_bytes", "memory limit", as_size},
    {"memory_limit_bytes", "memory limit", as_size, "memory_bytes limits.memory_bytes"},
    {"balloon", "balloon", as_text},
    {"limits.pids", "process limit", as_limit},

    {NULL, "Program"},
    {"argv", "command", as_command},
    {"env", "environment", as_command},
    {"cwd", "directory", as_text},
    {"user", "user", as_text},
    {"uid", "uid", as_text},
    {"gid", "gid", as_text},
    {"hostname", "host name", as_text},
    {"network", "network", as_text},
    {"tty", "terminal", as_text},
    {"read_only", "root file system", as_writable},

    {NULL, "Machine"},
    {"type", "domain type", as_text},
    {"arch", "architecture", as_text},
    {"machine", "machine", as_text},
    {"emulator", "emulator", as_text},
    {"kernel", "kernel", as_text},
    {"loader", "firmware", as_text},
    {"nvram", "UEFI variables", as_text},

    {NULL, "Snapshots"},
    {"snapshots", "snapshots", as_text},
    {"current_snapshot", "grown from", as_text},
    {"layers", "layers", as_text},

    {NULL, "On the host"},
    {"pid", "process id", as_text},
    {"domain_id", "domain id", as_text},
    {"conmon_pid", "conmon's process id", as_text},
    {"runtime", "runtime", as_text},
    {"cgroup.mode", "cgroup version", as_text},
    {"cgroup.path", "cgroup", as_text},
    {"cgroup", "cgroup", as_text},
    {"cgroup", "hierarchies", as_names},
    {"bundle", "bundle", as_text},
    {"log", "log", as_text},
};

/* ---- everything ----------------------------------------------------------------------------- */

/* What stands at "limits.cpus", or NULL. */
static json_t *at_path(json_t *object, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);

    for (guint i = 0; parts[i] != NULL && object != NULL; i++)
        object = json_object_get(object, parts[i]);
    return object;
}

static void forget(json_t *object, const char *path)
{
    const char *dot = strchr(path, '.');
    g_autofree char *parent = dot != NULL ? g_strndup(path, (gsize)(dot - path)) : NULL;

    if (dot != NULL)
        json_object_del(json_object_get(object, parent), dot + 1);
    else
        json_object_del(object, path);
}

/* Nothing to say: null, "", [] and {}. */
static gboolean is_nothing(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static gboolean said_already(const json_t *object, const char *unless)
{
    g_auto(GStrv) paths = g_strsplit(unless != NULL ? unless : "", " ", -1);

    for (guint i = 0; paths[i] != NULL; i++)
        if (*paths[i] != '\0' && !is_nothing(at_path((json_t *)object, paths[i])))
            return TRUE;
    return FALSE;
}

static void entry_rows(const json_t *all, json_t *left, Rows *rows)
{
    const char *reason = json_string_value(json_object_get(all, "state_reason"));

    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        const Entry *entry = &entries[i];

        if (entry->path == NULL) {
            rows->title = entry->label;
            continue;
        }
        const json_t *value = at_path(left, entry->path);
        gboolean fits =
            json_is_object(value) == (entry->format == as_labels || entry->format == as_names);
        g_autofree char *text = !is_nothing(value) && fits ? entry->format(value) : NULL;
        g_autofree char *label = g_strdup_printf("  %s:", entry->label);

        if (text != NULL && !said_already(all, entry->unless)) {
            g_autofree char *clean =
                reason != NULL ? text_sanitise(reason, -1, TEXT_NAME) : g_strdup("");
            gboolean because = *clean != '\0' && g_str_equal(entry->path, "state");
            g_autofree char *whole = because ? g_strdup_printf("%s, %s", text, clean) : NULL;

            add_row(rows, label, whole != NULL ? whole : text);
        }
        if (fits)
            forget(left, entry->path);
    }
}

/* What no entry is known for: "my_key.part: value". */
static void other_rows(const char *name, const json_t *value, Rows *rows)
{
    const char *key;
    const json_t *item;
    size_t i;

    if (is_nothing(value))
        return;
    if (json_is_object(value)) {
        json_object_foreach ((json_t *)value, key, item) {
            g_autofree char *inner = g_strdup_printf("%s%s%s", name, *name != '\0' ? " " : "", key);

            other_rows(inner, item, rows);
        }
        return;
    }
    if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        json_array_foreach (value, i, item) {
            g_autofree char *inner = g_strdup_printf("%s %zu", name, i + 1);

            other_rows(inner, item, rows);
        }
        return;
    }
    g_autofree char *text = json_is_array(value) ? as_list(value) : as_text(value);
    g_autofree char *clean = text_sanitise(name, -1, TEXT_NAME);
    g_autofree char *label = g_strdup_printf("  %s:", g_strdelimit(clean, "_", ' '));

    add_row(rows, label, text != NULL ? text : "-");
}

void inspect_rows(const json_t *object, InspectRow row, gpointer data)
{
    Rows rows = {row, data, NULL, FALSE};
    json_t *left = json_deep_copy(object);
    g_autofree char *actions = as_list(json_object_get(object, "actions"));

    json_object_del(left, "state_reason");
    json_object_del(left, "actions");
    entry_rows(object, left, &rows);
    for (gsize i = 0; i < G_N_ELEMENTS(things); i++) {
        const json_t *list = json_object_get(left, things[i].key), *thing;
        size_t n;

        rows.title = things[i].title;
        json_array_foreach (list, n, thing)
            thing_row(&things[i], thing, &rows);
        json_object_del(left, things[i].key);
    }
    rows.title = "More";
    other_rows("", left, &rows);
    json_decref(left);
    rows.title = "Now";
    if (*actions != '\0')
        add_row(&rows, "  can be done:", actions);
}
