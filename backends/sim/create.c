/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * create.c - new instances: guests from domain XML, containers from a specification.
 */
#include "backends/sim/sim.h"

#include <string.h>

/* The little of a domain's XML that the simulator looks at. */
typedef struct {
    GString *text;
    char *name, *uuid, *memory, *memory_unit, *vcpus;
    guint depth;
    gboolean is_domain;
} DomainXml;

static void domain_xml_clear(DomainXml *xml)
{
    g_string_free(xml->text, TRUE);
    g_free(xml->name);
    g_free(xml->uuid);
    g_free(xml->memory);
    g_free(xml->memory_unit);
    g_free(xml->vcpus);
}

static void xml_start(GMarkupParseContext *context, const char *element, const char **names,
                      const char **values, gpointer data, GError **error)
{
    DomainXml *xml = data;

    if (xml->depth++ == 0)
        xml->is_domain = g_str_equal(element, "domain");
    g_string_truncate(xml->text, 0);
    for (guint i = 0; names[i] != NULL; i++) {
        if (xml->depth == 2 && g_str_equal(element, "memory") && g_str_equal(names[i], "unit")) {
            g_free(xml->memory_unit);
            xml->memory_unit = g_strdup(values[i]);
        }
    }
}

static void xml_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                     GError **error)
{
    g_string_append_len(((DomainXml *)data)->text, text, (gssize)length);
}

static void xml_end(GMarkupParseContext *context, const char *element, gpointer data,
                    GError **error)
{
    DomainXml *xml = data;
    const struct {
        const char *element;
        char **field;
    } fields[] = {{"name", &xml->name},
                  {"uuid", &xml->uuid},
                  {"memory", &xml->memory},
                  {"vcpu", &xml->vcpus}};

    if (xml->depth-- != 2)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!g_str_equal(element, fields[i].element))
            continue;
        g_free(*fields[i].field);
        *fields[i].field = g_strstrip(g_strdup(xml->text->str));
    }
}

/* libvirt's units of memory; KiB where none is given. 0 if it makes no sense. */
static guint64 memory_bytes(const char *number, const char *unit)
{
    static const struct {
        const char *unit;
        guint64 bytes;
    } units[] = {{"b", 1},           {"bytes", 1},       {"KB", 1000},        {"k", 1024},
                 {"KiB", 1024},      {"MB", 1000000},    {"M", 1048576},      {"MiB", 1048576},
                 {"GB", 1000000000}, {"G", 1073741824u}, {"GiB", 1073741824u}};
    guint64 value;

    if (!g_ascii_string_to_unsigned(number, 10, 1, G_MAXUINT64 >> 31, &value, NULL))
        return 0;
    for (guint i = 0; i < G_N_ELEMENTS(units); i++)
        if (g_str_equal(unit != NULL ? unit : "KiB", units[i].unit))
            return value * units[i].bytes;
    return 0;
}

/* A guest out of its XML; NULL and an INVALID if that is none. */
static SimInstance *guest_from_xml(SimWorld *world, const char *definition, GError **error)
{
    static const GMarkupParser parser = {
        .start_element = xml_start, .text = xml_text, .end_element = xml_end};
    DomainXml xml = {.text = g_string_new(NULL)};
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &xml, NULL);
    g_autoptr(GError) wrong = NULL;
    SimInstance *instance = NULL;
    guint64 vcpus = 1;

    if (!g_markup_parse_context_parse(context, definition, -1, &wrong) ||
        !g_markup_parse_context_end_parse(context, &wrong))
        gemel_error_set(error, GEMEL_ERROR_INVALID, "the domain XML is not well-formed: %s",
                        wrong->message);
    else if (!xml.is_domain || xml.name == NULL || *xml.name == '\0')
        gemel_error_set(error, GEMEL_ERROR_INVALID,
                        "the domain XML needs a <domain> with a <name>");
    else if (xml.memory != NULL && memory_bytes(xml.memory, xml.memory_unit) == 0)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: <memory>%s</memory> is no amount",
                        xml.name, xml.memory);
    else if (xml.vcpus != NULL && !g_ascii_string_to_unsigned(xml.vcpus, 10, 1, 512, &vcpus, NULL))
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: <vcpu>%s</vcpu> is not from 1 to 512",
                        xml.name, xml.vcpus);
    else if (xml.uuid != NULL && !g_uuid_string_is_valid(xml.uuid))
        gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: <uuid>%s</uuid> is no UUID", xml.name,
                        xml.uuid);
    else {
        instance = g_new0(SimInstance, 1);
        instance->kind = GEMEL_KIND_VM;
        instance->name = g_steal_pointer(&xml.name);
        instance->id = g_steal_pointer(&xml.uuid);
        instance->vcpus = (guint)vcpus;
        instance->memory_bytes = xml.memory != NULL ? memory_bytes(xml.memory, xml.memory_unit)
                                                    : 512 * G_GUINT64_CONSTANT(1048576);
        instance->definition = g_strdup(definition);
        instance->has_balloon = TRUE;
    }
    g_markup_parse_context_free(context);
    domain_xml_clear(&xml);
    return instance;
}

/* A container's name: what also serves as a host name and a directory. */
static gboolean name_is_fit(const char *name)
{
    if (name == NULL || !g_ascii_isalnum(*name) || strlen(name) > 63)
        return FALSE;
    for (; *name != '\0'; name++)
        if (!g_ascii_isalnum(*name) && strchr("._-", *name) == NULL)
            return FALSE;
    return TRUE;
}

static gboolean check_spec(const GemelCreateSpec *spec, GError **error)
{
    const char *network = spec->network != NULL ? spec->network : "none";

    if (!name_is_fit(spec->name))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "\"%.80s\" cannot name a container; use up to 63 letters, digits "
                               "and ._-, beginning with a letter or digit",
                               spec->name != NULL ? spec->name : "");
    if (spec->rootfs == NULL || *spec->rootfs == '\0')
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: no root file system given; name a directory or a tar archive",
                               spec->name);
    if (!g_file_test(spec->rootfs, G_FILE_TEST_EXISTS))
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                               "%s: there is no root file system \"%s\"; name a directory or a "
                               "tar archive",
                               spec->name, spec->rootfs);
    if (!g_str_equal(network, "none") && !g_str_equal(network, "host") &&
        !(g_str_has_prefix(network, "ns:") && network[3] != '\0'))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: no network \"%s\"; say none, host or ns:PATH", spec->name,
                               network);
    if (spec->argv != NULL && spec->argv[0] == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: the command is empty", spec->name);
    for (guint i = 0; spec->env != NULL && spec->env[i] != NULL; i++)
        if (strchr(spec->env[i], '=') == NULL || *spec->env[i] == '=')
            return gemel_error_set(error, GEMEL_ERROR_INVALID,
                                   "%s: \"%s\" in the environment is not KEY=value", spec->name,
                                   spec->env[i]);
    for (guint i = 0; spec->labels != NULL && spec->labels[i] != NULL; i++)
        if (strchr(spec->labels[i], '=') == NULL || *spec->labels[i] == '=')
            return gemel_error_set(error, GEMEL_ERROR_INVALID, "%s: label \"%s\" is not key=value",
                                   spec->name, spec->labels[i]);
    return TRUE;
}

static SimInstance *container_from_spec(const GemelCreateSpec *spec, GError **error)
{
    SimInstance *instance;

    if (!check_spec(spec, error))
        return NULL;
    instance = g_new0(SimInstance, 1);
    instance->kind = GEMEL_KIND_CONTAINER;
    instance->name = g_strdup(spec->name);
    instance->rootfs = g_strdup(spec->rootfs);
    instance->argv = g_strdupv((char **)spec->argv);
    instance->env = g_strdupv((char **)spec->env);
    instance->hostname = g_strdup(spec->hostname);
    instance->network = g_strdup(spec->network != NULL ? spec->network : "none");
    instance->user = g_strdup(spec->user);
    instance->cwd = g_strdup(spec->cwd);
    instance->tty = spec->tty;
    instance->read_only = spec->read_only;
    instance->cpu_limit = MAX(spec->limits.cpus, 0);
    instance->memory_bytes = (guint64)MAX(spec->limits.memory_bytes, 0);
    instance->pids_limit = (guint64)MAX(spec->limits.pids, 0);
    for (guint i = 0; spec->labels != NULL && spec->labels[i] != NULL; i++) {
        const char *equals = strchr(spec->labels[i], '=');

        if (instance->labels == NULL)
            instance->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(instance->labels,
                            g_strndup(spec->labels[i], (gsize)(equals - spec->labels[i])),
                            g_strdup(equals + 1));
    }
    return instance;
}

/* EXISTS if the name or the id is taken. Locked. */
static gboolean check_unique(const SimWorld *world, const SimInstance *instance, GError **error)
{
    if (g_hash_table_contains(world->by_name, instance->name))
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "there already is an instance \"%s\"; choose another name",
                               instance->name);
    if (instance->id != NULL && g_hash_table_contains(world->by_id, instance->id))
        return gemel_error_set(error, GEMEL_ERROR_EXISTS,
                               "%s: there already is a guest with UUID %s; leave it out",
                               instance->name, instance->id);
    return TRUE;
}

char *sim_create_instance(GemelConn *conn, const GemelCreateSpec *spec, const GemelActArgs *args,
                          GError **error)
{
    SimWorld *world = sim_world(conn);
    SimInstance *instance;
    char *id = NULL;
    gboolean ok;

    if (!sim_enter(conn, SIM_OP_CREATE, error))
        return NULL;
    instance = spec->definition != NULL ? guest_from_xml(world, spec->definition, error)
                                        : container_from_spec(spec, error);
    if (instance == NULL)
        return NULL;
    instance->state = GEMEL_STATE_STOPPED;
    instance->pending = instance->then = GEMEL_ACT_N;
    instance->snapshots = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    instance->load = (SimLoad){.shape = SIM_SHAPE_BUSY,
                               .cpu_low = 0.01,
                               .cpu_high = 0.3,
                               .cores = 1,
                               .memory_low = 0.2,
                               .memory_high = 0.4,
                               .rd_bytes = 50e3,
                               .wr_bytes = 90e3,
                               .rx_bytes = 20e3,
                               .tx_bytes = 20e3,
                               .steal = 0.01,
                               .pressure = 0.03};
    sim_lock(world);
    ok = check_unique(world, instance, error);
    sim_unlock(world);
    ok = ok && sim_work(world, instance->name, "create", (gint64)(150e6 * world->options.pace),
                        args, error);
    sim_lock(world);
    ok = ok && check_unique(world, instance, error); /* another may have been quicker */
    if (ok) {
        if (instance->id == NULL)
            instance->id = sim_new_id(world, instance->kind, world->created);
        instance->hash = sim_hash(world->options.seed, world->created);
        id = g_strdup(instance->id);
        sim_world_add(world, g_steal_pointer(&instance));
    }
    sim_unlock(world);
    sim_instance_free(instance);
    return id;
}
