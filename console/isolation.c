/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolation.c - says what an instance's isolation is, and what it means. */
#include "console/isolation.h"

#include <string.h>

#include "console/output.h"

/* ---- lines ---------------------------------------------------------------------------------- */

static void fact_line_free(gpointer data)
{
    FactLine *line = data;

    g_free(line->what);
    g_free(line->value);
    g_free(line->meaning);
    g_free(line);
}

GPtrArray *fact_lines_new(void)
{
    return g_ptr_array_new_with_free_func(fact_line_free);
}

FactLine *fact_add(GPtrArray *lines, const char *section, FactGrade grade, const char *what,
                   const char *meaning, const char *format, ...)
{
    FactLine *line = g_new0(FactLine, 1);
    va_list list;

    line->section = section;
    line->grade = grade;
    line->what = g_strdup(what);
    line->meaning = g_strdup(meaning);
    va_start(list, format);
    line->value = g_strdup_vprintf(format, list);
    va_end(list);
    g_ptr_array_add(lines, line);
    return line;
}

/* TRUE, and a line with the reason, when the part is not there. */
static gboolean is_missing(GPtrArray *lines, const GemelIsolation *isolation, const char *section,
                           const char *what, GemelIsolationPart part)
{
    if (isolation->why[part] == NULL)
        return FALSE;
    fact_add(lines, section, FACT_UNKNOWN, what, isolation->why[part], "-");
    return TRUE;
}

/* What it means that a namespace is its own, and that it is the host's. */
static const struct {
    const char *own, *shared;
} ns_meaning[GEMEL_NS_N] = {
    [GEMEL_NS_MNT] = {"sees its own file systems", "sees every mount of the host"},
    [GEMEL_NS_PID] = {"sees its own processes only", "sees the host's processes"},
    [GEMEL_NS_NET] = {"its own interfaces, ports and rules",
                      "the host's interfaces, ports and abstract sockets"},
    [GEMEL_NS_UTS] = {"its own host name", "the host's name"},
    [GEMEL_NS_IPC] = {"its own shared memory and queues", "the host's shared memory and queues"},
    [GEMEL_NS_USER] = {"its root is nobody on the host", "its root is the host's root, less what "
                                                         "the capabilities leave"},
    [GEMEL_NS_CGROUP] = {"does not see where its cgroup is", "sees the host's cgroup paths"},
    [GEMEL_NS_TIME] = {"its own boot time", "the host's clocks"},
};

static const char *const qemu_shared = "as usual for a QEMU: the guest sees none of it";

static void add_namespaces(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "namespaces";

    if (is_missing(lines, isolation, section, "all", GEMEL_ISOLATION_NAMESPACES))
        return;
    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        const char *name = gemel_namespace_name(ns);

        if (isolation->ns_inode[ns] == 0) {
            fact_add(lines, section, FACT_UNKNOWN, name, "this kernel has none of the kind", "-");
        } else if (gemel_isolation_shares(isolation, ns)) {
            /* No runtime makes time namespaces, and they keep nobody in. */
            FactGrade grade = isolation->is_guest || ns == GEMEL_NS_TIME ? FACT_PLAIN : FACT_OPEN;

            fact_add(lines, section, grade, name,
                     isolation->is_guest ? qemu_shared : ns_meaning[ns].shared,
                     "%" G_GUINT64_FORMAT " host's", isolation->ns_inode[ns]);
        } else {
            gboolean known = gemel_isolation_owns(isolation, ns);

            fact_add(lines, section, known ? FACT_CLOSED : FACT_PLAIN, name,
                     known ? ns_meaning[ns].own : "the host's cannot be read to compare",
                     "%" G_GUINT64_FORMAT "%s", isolation->ns_inode[ns], known ? " own" : "");
        }
    }
}

/* "0-65535 = 100000-165535", or "all as the host". */
static char *map_text(const GArray *map, gboolean *ret_mapped)
{
    g_autoptr(GString) text = g_string_new(NULL);

    *ret_mapped = FALSE;
    for (guint i = 0; i < map->len && i < 4; i++) {
        const GemelIdRange *range = &g_array_index(map, GemelIdRange, i);

        if (range->inside == range->outside && range->count >= 4294967295u)
            return g_strdup("as on the host");
        *ret_mapped = TRUE;
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", range->inside);
        if (range->count > 1)
            g_string_append_printf(text, "-%" G_GUINT64_FORMAT, range->inside + range->count - 1);
        g_string_append_printf(text, " = %" G_GUINT64_FORMAT, range->outside);
        if (range->count > 1)
            g_string_append_printf(text, "-%" G_GUINT64_FORMAT, range->outside + range->count - 1);
    }
    if (map->len > 4)
        g_string_append_printf(text, " and %u more", map->len - 4);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_users(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "users";
    gboolean mapped;

    if (isolation->uid >= 0)
        fact_add(lines, section, isolation->uid != 0 ? FACT_CLOSED : FACT_PLAIN, "runs as",
                 isolation->uid != 0 ? "not root on the host" : "root on the host",
                 "%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, isolation->uid, isolation->gid);
    if (is_missing(lines, isolation, section, "mapping", GEMEL_ISOLATION_IDS))
        return;
    g_autofree char *uids = map_text(isolation->uid_map, &mapped);
    g_autofree char *gids = map_text(isolation->gid_map, &mapped);

    fact_add(lines, section, mapped ? FACT_CLOSED : FACT_PLAIN, "uids",
             mapped ? "inside = on the host" : "no user mapping", "%s", *uids != '\0' ? uids : "-");
    if (strcmp(uids, gids) != 0)
        fact_add(lines, section, mapped ? FACT_CLOSED : FACT_PLAIN, "gids", NULL, "%s",
                 *gids != '\0' ? gids : "-");
}

static guint count_bits(guint64 set)
{
    guint n = 0;

    for (; set != 0; set &= set - 1)
        n++;
    return n;
}

static guint64 all_caps(const GemelIsolation *isolation)
{
    return isolation->caps_last >= 63 ? G_MAXUINT64
                                      : (G_GUINT64_CONSTANT(1) << (isolation->caps_last + 1)) - 1;
}

/* "CHOWN KILL ...", lower case, without the CAP_ that all have. */
static char *caps_text(guint64 set)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < 64; i++) {
        const char *name = gemel_capability_name(i);

        if (((set >> i) & 1u) == 0)
            continue;
        if (name != NULL) {
            g_autofree char *lower = g_ascii_strdown(name + strlen("CAP_"), -1);

            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", lower);
        } else {
            g_string_append_printf(text, "%s%u", text->len > 0 ? " " : "", i);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_caps(GPtrArray *lines, const GemelIsolation *isolation)
{
    static const char *const meanings[GEMEL_CAPS_N] = {
        [GEMEL_CAPS_EFFECTIVE] = "what it can do now",
        [GEMEL_CAPS_PERMITTED] = "what it can take up",
        [GEMEL_CAPS_INHERITABLE] = "what programs it runs may get by their file",
        [GEMEL_CAPS_BOUNDING] = "what anything in it can ever get",
        [GEMEL_CAPS_AMBIENT] = "what programs it runs keep",
    };
    const char *section = "capabilities";
    guint64 all = all_caps(isolation), missing;

    if (is_missing(lines, isolation, section, "all", GEMEL_ISOLATION_CAPABILITIES))
        return;
    for (guint set = 0; set < GEMEL_CAPS_N; set++) {
        guint64 caps = isolation->caps[set] & all;
        g_autofree char *names = caps == all ? g_strdup("") : caps_text(caps);

        /* The same as the line above says nothing new. */
        if (set == GEMEL_CAPS_PERMITTED && caps == (isolation->caps[GEMEL_CAPS_EFFECTIVE] & all))
            continue;
        if (caps == 0 && (set == GEMEL_CAPS_INHERITABLE || set == GEMEL_CAPS_AMBIENT))
            continue;
        fact_add(lines, section,
                 caps != all                                 ? FACT_CLOSED
                 : isolation->uid > 0 && isolation->is_guest ? FACT_PLAIN
                                                             : FACT_OPEN,
                 gemel_cap_set_name(set),
                 caps == 0     ? "none"
                 : caps == all ? "all: full root"
                               : meanings[set],
                 caps > 0 && caps < all ? "%u of %u: %s" : "%u of %u%s", count_bits(caps),
                 count_bits(all), names);
    }
    missing = all & ~isolation->caps[GEMEL_CAPS_BOUNDING];
    if (missing != 0 && missing != all) {
        g_autofree char *names = caps_text(missing);

        fact_add(lines, section, FACT_CLOSED, "missing", "what full root has besides", "%s", names);
    }
}

static void add_profile(GPtrArray *lines, const GemelIsolation *isolation, const char *section)
{
    g_autoptr(GString) denied = g_string_new(NULL);

    if (is_missing(lines, isolation, section, "profile", GEMEL_ISOLATION_PROFILE))
        return;
    if (isolation->profile_default == NULL)
        return;
    fact_add(lines, section, FACT_CLOSED, "profile", "anything else gets the default",
             "%s by default, %u system calls allowed", isolation->profile_default,
             isolation->profile_allowed);
    for (guint i = 0; i < isolation->profile_denied->len; i++)
        g_string_append_printf(denied, "%s%s", i > 0 ? " " : "",
                               (const char *)isolation->profile_denied->pdata[i]);
    if (denied->len > 0)
        fact_add(lines, section, FACT_CLOSED, "denies", "known ways out", "%s", denied->str);
}

static void add_seccomp(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "system calls";

    if (!is_missing(lines, isolation, section, "seccomp", GEMEL_ISOLATION_SECCOMP)) {
        if (isolation->seccomp_mode == 0)
            fact_add(lines, section, FACT_OPEN, "seccomp", "every system call is let through",
                     "off");
        else if (isolation->seccomp_mode == 1)
            fact_add(lines, section, FACT_CLOSED, "seccomp", "read, write and exit alone",
                     "strict");
        else if (isolation->seccomp_filters >= 0)
            fact_add(lines, section, FACT_CLOSED, "seccomp", "system calls pass a filter",
                     "filter (%d)", isolation->seccomp_filters);
        else
            fact_add(lines, section, FACT_CLOSED, "seccomp", "system calls pass a filter",
                     "filter");
    }
    if (isolation->no_new_privs >= 0)
        fact_add(lines, section, isolation->no_new_privs ? FACT_CLOSED : FACT_OPEN, "no_new_privs",
                 isolation->no_new_privs ? "setuid programs gain nothing"
                                         : "setuid programs can gain privileges",
                 "%s", isolation->no_new_privs ? "on" : "off");
    add_profile(lines, isolation, section);
    if (isolation->lsm_label != NULL)
        fact_add(lines, section,
                 strncmp(isolation->lsm_label, "unconfined", 10) == 0 ? FACT_OPEN : FACT_CLOSED,
                 "label", "a security module's rules for it", "%s", isolation->lsm_label);
    else
        is_missing(lines, isolation, section, "label", GEMEL_ISOLATION_LSM);
}

static char *limit_text(const GemelIsolationLimit *limit)
{
    if (limit->text != NULL)
        return g_strdup(limit->text);
    if (limit->value < 0)
        return g_strdup("no limit");
    if (strcmp(limit->unit, "B") == 0)
        return format_bytes((guint64)limit->value);
    if (limit->value == (double)(gint64)limit->value)
        return g_strdup_printf("%" G_GINT64_FORMAT "%s%s", (gint64)limit->value,
                               *limit->unit != '\0' ? " " : "", limit->unit);
    return g_strdup_printf("%.3g%s%s", limit->value, *limit->unit != '\0' ? " " : "", limit->unit);
}

static const char *limit_meaning(const char *name, gboolean limited)
{
    static const struct {
        const char *name, *limited, *unlimited;
    } meanings[] = {
        {"cpu", "throttled beyond it", "can take every CPU of the host"},
        {"memory", "killed beyond it", "can take the host's memory"},
        {"swap", "of swap", NULL},
        {"pids", "fork fails beyond it", "can fill the host's process table"},
        {"cpuset", "the CPUs it may run on", NULL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(meanings); i++)
        if (strcmp(meanings[i].name, name) == 0)
            return limited ? meanings[i].limited : meanings[i].unlimited;
    return NULL;
}

static void add_cgroups(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "cgroup";
    const char *shown = NULL;

    if (is_missing(lines, isolation, section, "path", GEMEL_ISOLATION_CGROUPS))
        return;
    for (guint i = 0; i < isolation->cgroups->len; i++) {
        const GemelIsolationCgroup *cgroup = g_ptr_array_index(isolation->cgroups, i);

        /* Of v1's dozen most are the same; the controllers in the root have nothing to say. */
        if (g_strcmp0(shown, cgroup->path) == 0 ||
            (strcmp(cgroup->path, "/") == 0 && isolation->cgroups->len > 1))
            continue;
        shown = cgroup->path;
        fact_add(lines, section, FACT_PLAIN,
                 *cgroup->controllers == '\0' ? "path" : cgroup->controllers, NULL, "%s",
                 cgroup->path);
    }
    if (is_missing(lines, isolation, section, "limits", GEMEL_ISOLATION_LIMITS))
        return;
    for (guint i = 0; i < isolation->limits->len; i++) {
        const GemelIsolationLimit *limit =
            &g_array_index(isolation->limits, GemelIsolationLimit, i);
        gboolean limited = limit->value >= 0 || limit->text != NULL;
        g_autofree char *text = limit_text(limit);

        fact_add(lines, section, FACT_PLAIN, limit->name, limit_meaning(limit->name, limited), "%s",
                 text);
    }
}

static void add_files(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "files";

    if (!is_missing(lines, isolation, section, "root", GEMEL_ISOLATION_ROOT) &&
        isolation->root_type != NULL) {
        fact_add(lines, section, FACT_PLAIN, "root",
                 isolation->root_readonly ? "nothing can be written to it" : NULL, "%s%s",
                 isolation->root_type, isolation->root_readonly ? ", read-only" : "");
        if (isolation->upper != NULL)
            fact_add(lines, section, FACT_PLAIN, "upper", "what it wrote", "%s", isolation->upper);
        for (guint i = 0; i < isolation->lower->len; i++)
            fact_add(lines, section, FACT_PLAIN, i == 0 ? "lower" : "",
                     i == 0 ? "read-only layers, the topmost first" : NULL, "%s",
                     (const char *)isolation->lower->pdata[i]);
    }
    if (is_missing(lines, isolation, section, "mounts", GEMEL_ISOLATION_MOUNTS))
        return;
    for (guint i = 0; i < isolation->mounts->len; i++) {
        const GemelIsolationMount *mount =
            &g_array_index(isolation->mounts, GemelIsolationMount, i);

        fact_add(lines, "mounts", FACT_PLAIN, mount->is_readonly ? "ro" : "rw", NULL,
                 "%s  %s %s (%s)", mount->target, mount->type, mount->source, mount->options);
    }
    if (isolation->mounts_total > isolation->mounts->len)
        fact_add(lines, "mounts", FACT_UNKNOWN, "", NULL, "and %u more",
                 isolation->mounts_total - isolation->mounts->len);
}

static const char *accelerator_meaning(const char *name)
{
    if (name == NULL)
        return "not said";
    if (strcmp(name, "kvm") == 0)
        return "the CPU's own isolation; near native speed";
    if (strcmp(name, "tcg") == 0)
        return "translated: 20-70 times slower, held in by QEMU alone";
    return "the driver's own";
}

static void add_guest(GPtrArray *lines, const GemelIsolation *isolation)
{
    const char *section = "machine";

    if (!isolation->is_guest)
        return;
    if (is_missing(lines, isolation, section, "all", GEMEL_ISOLATION_GUEST))
        return;
    fact_add(lines, section,
             g_strcmp0(isolation->accelerator, "kvm") == 0 ? FACT_CLOSED : FACT_PLAIN,
             "accelerator", accelerator_meaning(isolation->accelerator), "%s",
             isolation->accelerator != NULL ? isolation->accelerator : "-");
    fact_add(lines, section, FACT_PLAIN, "machine", "the board it is shown", "%s",
             isolation->machine != NULL ? isolation->machine : "-");
    fact_add(lines, section, FACT_PLAIN, "cpu",
             isolation->cpu_model == NULL                    ? "QEMU's default"
             : strncmp(isolation->cpu_model, "host", 4) == 0 ? "all of the host's CPU; "
                                                               "moves to equal hosts only"
                                                             : "a model: moves to hosts "
                                                               "that have as much",
             "%s", isolation->cpu_model != NULL ? isolation->cpu_model : "-");
    fact_add(lines, section, FACT_PLAIN, "firmware",
             isolation->firmware == NULL ? "SeaBIOS, unless the machine brings its own" : NULL,
             "%s", isolation->firmware != NULL ? isolation->firmware : "built in");
    for (guint i = 0; i < isolation->devices->len; i++) {
        const GemelIsolationDevice *device = g_ptr_array_index(isolation->devices, i);

        fact_add(lines, "devices", FACT_PLAIN, device->what,
                 device->is_paravirtual ? "paravirtual: fast, less code of QEMU"
                 : strcmp(device->what, "disk") == 0 || strcmp(device->what, "nic") == 0
                     ? "emulated: slower than virtio"
                 : strcmp(device->what, "hostdev") == 0 ? "the host's own device"
                                                        : "emulated",
                 "%s%s%s", device->name != NULL ? device->name : "",
                 device->name != NULL ? " " : "",
                 device->model != NULL ? device->model : "the machine's default");
    }
}

GPtrArray *isolation_lines(const GemelIsolation *isolation)
{
    GPtrArray *lines = fact_lines_new();

    if (isolation->pid == 0) { /* one reason for all of it */
        fact_add(lines, "process", FACT_UNKNOWN, "pid", isolation->why[GEMEL_ISOLATION_NAMESPACES],
                 "-");
        add_guest(lines, isolation);
        if (isolation->profile_default != NULL)
            add_profile(lines, isolation, "system calls");
        return lines;
    }
    fact_add(lines, "process", FACT_PLAIN, "pid",
             isolation->is_guest ? "its QEMU on this host" : "its first process on this host", "%d",
             isolation->pid);
    add_guest(lines, isolation);
    add_namespaces(lines, isolation);
    add_users(lines, isolation);
    add_caps(lines, isolation);
    add_seccomp(lines, isolation);
    add_cgroups(lines, isolation);
    add_files(lines, isolation);
    return lines;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *number_or_null(gint64 value)
{
    return value >= 0 ? json_integer((json_int_t)value) : json_null();
}

static json_t *strings_json(const GPtrArray *strings)
{
    json_t *array = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(array, json_text(strings->pdata[i]));
    return array;
}

static json_t *namespaces_json(const GemelIsolation *isolation)
{
    json_t *object = json_object();

    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        gboolean comparable = isolation->ns_inode[ns] != 0 && isolation->ns_host_inode[ns] != 0;

        if (isolation->ns_inode[ns] == 0)
            continue;
        json_object_set_new(
            object, gemel_namespace_name(ns),
            json_pack("{s:I, s:o}", "inode", (json_int_t)isolation->ns_inode[ns], "shared",
                      comparable ? json_boolean(gemel_isolation_shares(isolation, ns))
                                 : json_null()));
    }
    return object;
}

static json_t *caps_json(const GemelIsolation *isolation, guint64 set)
{
    json_t *array = json_array();

    for (guint i = 0; i <= isolation->caps_last && i < 64; i++) {
        g_autofree char *number = g_strdup_printf("CAP_%u", i);
        const char *name = gemel_capability_name(i);

        if ((set >> i) & 1u)
            json_array_append_new(array, json_string(name != NULL ? name : number));
    }
    return array;
}

static json_t *capabilities_json(const GemelIsolation *isolation)
{
    json_t *object = json_object();

    if (isolation->pid == 0 || isolation->why[GEMEL_ISOLATION_CAPABILITIES] != NULL) {
        json_decref(object);
        return json_null();
    }
    for (guint set = 0; set < GEMEL_CAPS_N; set++)
        json_object_set_new(object, gemel_cap_set_name(set),
                            caps_json(isolation, isolation->caps[set]));
    json_object_set_new(object, "missing",
                        caps_json(isolation, ~isolation->caps[GEMEL_CAPS_BOUNDING]));
    return object;
}

static json_t *cgroups_json(const GemelIsolation *isolation)
{
    json_t *array = json_array();

    for (guint i = 0; i < isolation->cgroups->len; i++) {
        const GemelIsolationCgroup *cgroup = g_ptr_array_index(isolation->cgroups, i);

        json_array_append_new(array,
                              json_pack("{s:o, s:o}", "controllers", json_text(cgroup->controllers),
                                        "path", json_text(cgroup->path)));
    }
    return array;
}

static json_t *limits_json(const GemelIsolation *isolation)
{
    json_t *object = json_object();

    for (guint i = 0; i < isolation->limits->len; i++) {
        const GemelIsolationLimit *limit =
            &g_array_index(isolation->limits, GemelIsolationLimit, i);

        json_object_set_new(object, limit->name,
                            limit->text != NULL ? json_text(limit->text)
                            : limit->value >= 0 ? json_real(limit->value)
                                                : json_null());
    }
    return object;
}

static json_t *seccomp_json(const GemelIsolation *isolation)
{
    static const char *const modes[] = {"off", "strict", "filter"};
    json_t *object = json_object();
    gboolean known = isolation->seccomp_mode >= 0 && isolation->seccomp_mode <= 2;

    json_object_set_new(object, "mode",
                        known ? json_string(modes[isolation->seccomp_mode]) : json_null());
    json_object_set_new(object, "filters", number_or_null(isolation->seccomp_filters));
    json_object_set_new(object, "default_action", json_text(isolation->profile_default));
    json_object_set_new(object, "allowed",
                        isolation->profile_default != NULL
                            ? json_integer(isolation->profile_allowed)
                            : json_null());
    json_object_set_new(object, "denied_notable", strings_json(isolation->profile_denied));
    return object;
}

static json_t *mounts_json(const GemelIsolation *isolation)
{
    json_t *array = json_array();

    for (guint i = 0; i < isolation->mounts->len; i++) {
        const GemelIsolationMount *mount =
            &g_array_index(isolation->mounts, GemelIsolationMount, i);

        json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o, s:o, s:b}", "target", json_text(mount->target), "type",
                      json_text(mount->type), "source", json_text(mount->source), "options",
                      json_text(mount->options), "read_only", mount->is_readonly));
    }
    return array;
}

static json_t *map_json(const GArray *map)
{
    json_t *array = json_array();

    for (guint i = 0; i < map->len; i++) {
        const GemelIdRange *range = &g_array_index(map, GemelIdRange, i);

        json_array_append_new(
            array, json_pack("{s:I, s:I, s:I}", "inside", (json_int_t)range->inside, "outside",
                             (json_int_t)range->outside, "count", (json_int_t)range->count));
    }
    return array;
}

static json_t *guest_json(const GemelIsolation *isolation)
{
    json_t *devices;

    if (!isolation->is_guest)
        return json_null();
    devices = json_array();
    for (guint i = 0; i < isolation->devices->len; i++) {
        const GemelIsolationDevice *device = g_ptr_array_index(isolation->devices, i);

        json_array_append_new(
            devices, json_pack("{s:o, s:o, s:o, s:b}", "what", json_text(device->what), "name",
                               json_text(device->name), "model", json_text(device->model),
                               "paravirtual", device->is_paravirtual));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "accelerator",
                     json_text(isolation->accelerator), "machine", json_text(isolation->machine),
                     "cpu_model", json_text(isolation->cpu_model), "firmware",
                     json_text(isolation->firmware), "emulator", json_text(isolation->emulator),
                     "devices", devices);
}

static json_t *reasons_json(const GemelIsolation *isolation)
{
    json_t *object = json_object();

    for (guint part = 0; part < GEMEL_ISOLATION_PART_N; part++)
        if (isolation->why[part] != NULL)
            json_object_set_new(object, gemel_isolation_part_name(part),
                                json_text(isolation->why[part]));
    return object;
}

json_t *isolation_to_json(const GemelIsolation *isolation)
{
    json_t *object = json_object();

    json_object_set_new(object, "pid",
                        isolation->pid > 0 ? json_integer(isolation->pid) : json_null());
    json_object_set_new(object, "uid", number_or_null(isolation->uid));
    json_object_set_new(object, "gid", number_or_null(isolation->gid));
    json_object_set_new(object, "namespaces", namespaces_json(isolation));
    json_object_set_new(object, "uid_map", map_json(isolation->uid_map));
    json_object_set_new(object, "gid_map", map_json(isolation->gid_map));
    json_object_set_new(object, "capabilities", capabilities_json(isolation));
    json_object_set_new(object, "no_new_privs",
                        isolation->no_new_privs >= 0 ? json_boolean(isolation->no_new_privs)
                                                     : json_null());
    json_object_set_new(object, "seccomp", seccomp_json(isolation));
    json_object_set_new(object, "lsm_label", json_text(isolation->lsm_label));
    json_object_set_new(object, "cgroups", cgroups_json(isolation));
    json_object_set_new(object, "limits", limits_json(isolation));
    json_object_set_new(
        object, "root",
        isolation->root_type == NULL
            ? json_null()
            : json_pack("{s:o, s:b, s:o, s:o, s:o}", "type", json_text(isolation->root_type),
                        "read_only", isolation->root_readonly, "lower",
                        strings_json(isolation->lower), "upper", json_text(isolation->upper),
                        "work", json_text(isolation->work)));
    json_object_set_new(object, "mounts", mounts_json(isolation));
    json_object_set_new(object, "mounts_total", json_integer(isolation->mounts_total));
    json_object_set_new(object, "guest", guest_json(isolation));
    json_object_set_new(object, "unknown", reasons_json(isolation));
    return object;
}
