/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inspect.c - definitions as the real backends would have them: domain XML and an OCI config.json.
 */
#include "backends/sim/sim.h"

static void append_element(GString *xml, const char *element, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);

    g_string_append_printf(xml, "  <%s>%s</%s>\n", element, escaped, element);
}

static guint guest_disks(const SimInstance *instance)
{
    return instance->vcpus >= 4 ? 2 : 1;
}

/* "52:54:00:..", QEMU's prefix, from the instance's hash. */
static char *mac_address(const SimInstance *instance)
{
    return g_strdup_printf("52:54:00:%02x:%02x:%02x", (guint)(instance->hash & 0xff),
                           (guint)(instance->hash >> 8 & 0xff),
                           (guint)(instance->hash >> 16 & 0xff));
}

static char *disk_path(const SimInstance *instance, guint n)
{
    return g_strdup_printf("/var/lib/libvirt/images/%s%s.qcow2", instance->name,
                           n == 0 ? "" : "-data");
}

static char *domain_xml(const SimInstance *instance)
{
    GString *xml = g_string_new("<domain type='kvm'>\n");
    g_autofree char *mac = mac_address(instance);

    append_element(xml, "name", instance->name);
    append_element(xml, "uuid", instance->id);
    g_string_append_printf(xml,
                           "  <memory unit='KiB'>%" G_GUINT64_FORMAT "</memory>\n"
                           "  <currentMemory unit='KiB'>%" G_GUINT64_FORMAT "</currentMemory>\n"
                           "  <vcpu placement='static'>%u</vcpu>\n",
                           instance->memory_bytes / 1024, instance->memory_bytes / 1024,
                           instance->vcpus);
    if (instance->cpu_limit > 0)
        g_string_append_printf(xml,
                               "  <cputune>\n    <global_period>100000</global_period>\n"
                               "    <global_quota>%.0f</global_quota>\n  </cputune>\n",
                               instance->cpu_limit * 100000);
    g_string_append(xml, "  <os>\n    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\n"
                         "    <boot dev='hd'/>\n  </os>\n"
                         "  <features>\n    <acpi/>\n    <apic/>\n  </features>\n"
                         "  <cpu mode='host-passthrough' check='none'/>\n"
                         "  <devices>\n"
                         "    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n");
    for (guint n = 0; n < guest_disks(instance); n++) {
        g_autofree char *path = disk_path(instance, n);
        g_autofree char *escaped = g_markup_escape_text(path, -1);

        g_string_append_printf(xml,
                               "    <disk type='file' device='disk'>\n"
                               "      <driver name='qemu' type='qcow2'/>\n"
                               "      <source file='%s'/>\n"
                               "      <target dev='vd%c' bus='virtio'/>\n"
                               "    </disk>\n",
                               escaped, 'a' + n);
    }
    g_string_append_printf(xml,
                           "    <interface type='network'>\n"
                           "      <mac address='%s'/>\n"
                           "      <source network='default'/>\n"
                           "      <model type='virtio'/>\n"
                           "    </interface>\n"
                           "    <serial type='pty'>\n      <target port='0'/>\n    </serial>\n"
                           "    <console type='pty'>\n      <target type='serial' port='0'/>\n"
                           "    </console>\n",
                           mac);
    if (instance->has_balloon)
        g_string_append(xml, "    <memballoon model='virtio'>\n      <stats period='2'/>\n"
                             "    </memballoon>\n");
    else
        g_string_append(xml, "    <memballoon model='none'/>\n");
    g_string_append(xml, "  </devices>\n</domain>\n");
    return g_string_free(xml, FALSE);
}

static json_t *strings(char *const *list, const char *otherwise)
{
    json_t *array = json_array();

    if (list == NULL && otherwise != NULL)
        json_array_append_new(array, json_string(otherwise));
    for (guint i = 0; list != NULL && list[i] != NULL; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/* json_pack's result for a string that is not UTF-8 is NULL; names come from others. */
static json_t *text_json(const char *text)
{
    g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

    return valid != NULL ? json_string(valid) : json_null();
}

static json_t *labels_json(const SimInstance *instance)
{
    json_t *object = json_object();
    GHashTableIter iter;
    gpointer key, value;

    if (instance->labels == NULL)
        return object;
    g_hash_table_iter_init(&iter, instance->labels);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_autofree char *valid = g_utf8_make_valid(key, -1);

        json_object_set_new(object, valid, text_json(value));
    }
    return object;
}

static json_t *namespaces_json(const SimInstance *instance)
{
    static const char *const types[] = {"pid", "mount", "uts", "ipc", "cgroup"};
    json_t *list = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        json_array_append_new(list, json_pack("{s:s}", "type", types[i]));
    if (instance->network == NULL || g_str_equal(instance->network, "none"))
        json_array_append_new(list, json_pack("{s:s}", "type", "network"));
    else if (g_str_has_prefix(instance->network, "ns:"))
        json_array_append_new(list, json_pack("{s:s,s:o}", "type", "network", "path",
                                              text_json(instance->network + 3)));
    return list;
}

static json_t *resources_json(const SimInstance *instance)
{
    json_t *resources = json_object();

    if (instance->memory_bytes > 0)
        json_object_set_new(resources, "memory",
                            json_pack("{s:I}", "limit", (json_int_t)instance->memory_bytes));
    if (instance->cpu_limit > 0)
        json_object_set_new(resources, "cpu",
                            json_pack("{s:I,s:I}", "quota",
                                      (json_int_t)(instance->cpu_limit * 100000), "period",
                                      (json_int_t)100000));
    if (instance->pids_limit > 0)
        json_object_set_new(resources, "pids",
                            json_pack("{s:I}", "limit", (json_int_t)instance->pids_limit));
    return resources;
}

static char *config_json(const SimInstance *instance)
{
    json_t *config = json_pack(
        "{s:s, s:{s:b, s:o, s:o, s:o, s:b}, s:{s:o, s:b}, s:o, s:o, s:{s:o, s:o}}", "ociVersion",
        "1.1.0", "process", "terminal", (int)instance->tty, "args",
        strings(instance->argv, "/bin/sh"), "env",
        strings(instance->env, "PATH=/usr/local/bin:/usr/bin:/bin"), "cwd",
        text_json(or_else(instance->cwd, "/")), "noNewPrivileges", 1, "root", "path",
        text_json(or_else(instance->rootfs, "rootfs")), "readonly", (int)instance->read_only,
        "hostname", text_json(or_else(instance->hostname, instance->name)), "annotations",
        labels_json(instance), "linux", "namespaces", namespaces_json(instance), "resources",
        resources_json(instance));
    char *dumped = json_dumps(config, JSON_INDENT(2));
    char *text = g_strdup(dumped);

    free(dumped);
    json_decref(config);
    return text;
}

/* The keys are those of the libvirt and the native backend: docs/schemas/inspect.json. */
static json_t *guest_essentials(const SimInstance *instance)
{
    json_t *disks = json_array();
    g_autofree char *mac = mac_address(instance);
    g_autofree char *nic = g_strdup_printf("vnet%u", (guint)(instance->hash % 90));
    json_t *object;

    for (guint n = 0; n < guest_disks(instance); n++) {
        g_autofree char *path = disk_path(instance, n);

        json_array_append_new(disks, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "target",
                                               n == 0 ? "vda" : "vdb", "bus", "virtio", "device",
                                               "disk", "type", "file", "format", "qcow2", "source",
                                               text_json(path), "read_only", 0));
    }
    object = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:b}", "type", "kvm", "arch", "x86_64",
        "machine", "pc-q35-7.2", "emulator", "/usr/bin/qemu-system-x86_64", "vcpus",
        (json_int_t)instance->vcpus, "vcpus_max", (json_int_t)instance->vcpus, "memory_bytes",
        (json_int_t)instance->memory_bytes, "memory_max_bytes", (json_int_t)instance->memory_bytes,
        "balloon", instance->has_balloon ? "virtio" : "none", "persistent", 1);
    json_object_set_new(object, "disks", disks);
    json_object_set_new(object, "nics",
                        json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "mac", mac, "type", "network",
                                  "model", "virtio", "source", "default", "target", nic));
    json_object_set_new(object, "consoles",
                        json_pack("[{s:n, s:s, s:s, s:s, s:n}]", "alias", "type", "pty", "target",
                                  "serial", "port", "0", "path"));
    json_object_set_new(object, "graphics", json_array());
    return object;
}

static json_t *container_essentials(const SimInstance *instance)
{
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:{s:f, s:I, s:I}}", "image",
        text_json(or_else(instance->image, instance->rootfs)), "argv",
        strings(instance->argv, "/bin/sh"), "env", strings(instance->env, NULL), "cwd",
        text_json(or_else(instance->cwd, "/")), "user", text_json(or_else(instance->user, "0")),
        "hostname", text_json(or_else(instance->hostname, instance->name)), "network",
        text_json(or_else(instance->network, "ns:/run/netns/demo")), "tty", (int)instance->tty,
        "read_only", (int)instance->read_only, "limits", "cpus", instance->cpu_limit,
        "memory_bytes", (json_int_t)instance->memory_bytes, "pids",
        (json_int_t)instance->pids_limit);
    const char *current = NULL;

    for (guint i = 0; i < instance->snapshots->len; i++) {
        const GemelSnapshot *snapshot = g_ptr_array_index(instance->snapshots, i);

        if (snapshot->is_current)
            current = snapshot->name;
    }
    json_object_set_new(object, "restart", json_string("none"));
    json_object_set_new(object, "layers", json_integer((json_int_t)instance->snapshots->len + 1));
    json_object_set_new(object, "snapshots", json_integer((json_int_t)instance->snapshots->len));
    json_object_set_new(object, "current_snapshot", text_json(current));
    return object;
}

GemelInspect *sim_inspect(GemelConn *conn, const char *id, GError **error)
{
    SimWorld *world = sim_world(conn);
    const SimInstance *instance;
    GemelInspect *inspect = NULL;

    if (!sim_enter(conn, SIM_OP_INSPECT, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL) {
        gboolean is_guest = instance->kind == GEMEL_KIND_VM;

        inspect = g_new0(GemelInspect, 1);
        inspect->essentials =
            is_guest ? guest_essentials(instance) : container_essentials(instance);
        inspect->definition_format = is_guest ? "xml" : "json";
        if (instance->definition != NULL)
            inspect->definition = g_strdup(instance->definition);
        else
            inspect->definition = is_guest ? domain_xml(instance) : config_json(instance);
    }
    sim_unlock(world);
    return inspect;
}

/* What an act does to a snapshot, if anything. */
static void plan_snapshot(json_t *files, const GemelSnapshot *own, GemelAct act, const char *named)
{
    gboolean is_named = g_strcmp0(own->name, named) == 0;
    g_autofree char *text = g_strdup_printf("snapshot %s", own->name);

    if (act != GEMEL_ACT_DELETE && act != GEMEL_ACT_SNAPSHOT_REVERT &&
        act != GEMEL_ACT_SNAPSHOT_DELETE)
        return;
    json_array_append_new(
        files,
        json_pack("{s:o, s:o, s:b}", "path", text_json(text), "bytes",
                  act == GEMEL_ACT_SNAPSHOT_DELETE && is_named && own->size_bytes >= 0
                      ? json_integer(own->size_bytes)
                      : json_null(),
                  "goes",
                  act == GEMEL_ACT_DELETE || (act == GEMEL_ACT_SNAPSHOT_DELETE && is_named)));
}

json_t *sim_plan(GemelConn *conn, const char *id, GemelAct act, const char *snapshot,
                 const GemelActArgs *args, GError **error)
{
    SimWorld *world = sim_world(conn);
    const SimInstance *instance;
    json_t *files = NULL;

    if (!sim_enter(conn, SIM_OP_INSPECT, error))
        return NULL;
    sim_lock(world);
    instance = sim_find(world, id, error);
    if (instance != NULL && act == GEMEL_ACT_CLONE && args != NULL && args->name != NULL &&
        !sim_check_name(world, instance, args->name, error))
        instance = NULL;
    if (instance != NULL)
        files = json_array();
    if (instance != NULL && (act == GEMEL_ACT_DELETE || act == GEMEL_ACT_CLONE)) {
        gboolean is_guest = instance->kind == GEMEL_KIND_VM;
        g_autofree char *path = is_guest
                                    ? disk_path(instance, 0)
                                    : g_strdup_printf("/var/lib/gemel/containers/%s", instance->id);

        json_array_append_new(files, json_pack("{s:o, s:I, s:b}", "path", text_json(path), "bytes",
                                               (json_int_t)(48 + instance->hash % 400) * 1048576,
                                               "goes", !is_guest && act == GEMEL_ACT_DELETE));
        if (act == GEMEL_ACT_CLONE)
            json_object_set_new(json_array_get(files, 0), "how",
                                json_string(args != NULL && args->linked ? "shared" : "copied"));
    }
    for (guint i = 0; instance != NULL && i < instance->snapshots->len; i++)
        plan_snapshot(files, instance->snapshots->pdata[i], act, snapshot);
    sim_unlock(world);
    return files;
}
