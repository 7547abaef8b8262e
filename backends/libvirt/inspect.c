/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

/* A string from outside, or null. */
static json_t *text(const char *value)
{
    g_autofree char *valid = value != NULL ? g_utf8_make_valid(value, -1) : NULL;

    return valid != NULL ? json_string(valid) : json_null();
}

/* A number that is not there when it is 0. */
static json_t *count(guint64 value)
{
    return value > 0 ? json_integer((json_int_t)MIN(value, (guint64)G_MAXINT64)) : json_null();
}

static json_t *disks_json(const LvXmlDomain *parsed)
{
    json_t *array = json_array();

    for (guint i = 0; i < parsed->disks->len; i++) {
        const LvXmlDisk *disk = g_ptr_array_index(parsed->disks, i);
        g_autofree char *source = lv_xml_disk_source(disk);
        json_t *one = json_object();

        json_object_set_new(one, "target", text(disk->target));
        json_object_set_new(one, "bus", text(disk->bus));
        json_object_set_new(one, "device", text(disk->device));
        json_object_set_new(one, "type", text(disk->type));
        json_object_set_new(one, "format", text(disk->format));
        json_object_set_new(one, "source", text(source));
        json_object_set_new(one, "read_only", json_boolean(disk->is_readonly));
        json_array_append_new(array, one);
    }
    return array;
}

static json_t *nics_json(const LvXmlDomain *parsed)
{
    json_t *array = json_array();

    for (guint i = 0; i < parsed->nics->len; i++) {
        const LvXmlNic *nic = g_ptr_array_index(parsed->nics, i);
        const char *source = nic->network != NULL  ? nic->network
                             : nic->bridge != NULL ? nic->bridge
                                                   : nic->dev;
        json_t *one = json_object();

        json_object_set_new(one, "mac", text(nic->mac));
        json_object_set_new(one, "type", text(nic->type));
        json_object_set_new(one, "model", text(nic->model));
        json_object_set_new(one, "source", text(source));
        json_object_set_new(one, "target", text(nic->target));
        json_array_append_new(array, one);
    }
    return array;
}

static json_t *consoles_json(const GPtrArray *consoles)
{
    json_t *array = json_array();

    for (guint i = 0; i < consoles->len; i++) {
        const LvXmlConsole *console = g_ptr_array_index(consoles, i);
        json_t *one = json_object();

        json_object_set_new(one, "alias", text(console->alias));
        json_object_set_new(one, "type", text(console->type));
        json_object_set_new(one, "target", text(console->target_type));
        json_object_set_new(one, "port", text(console->port));
        json_object_set_new(one, "path", text(console->path));
        json_array_append_new(array, one);
    }
    return array;
}

static json_t *graphics_json(const LvXmlDomain *parsed)
{
    json_t *array = json_array();

    for (guint i = 0; i < parsed->graphics->len; i++) {
        const LvXmlGraphics *graphics = g_ptr_array_index(parsed->graphics, i);
        json_t *one = json_object();

        json_object_set_new(one, "type", text(graphics->type));
        json_object_set_new(one, "listen", text(graphics->listen));
        json_object_set_new(one, "port", text(graphics->port));
        json_object_set_new(one, "autoport",
                            json_boolean(g_strcmp0(graphics->autoport, "yes") == 0));
        json_array_append_new(array, one);
    }
    return array;
}

static void add_definition(json_t *object, const LvXmlDomain *parsed)
{
    double cpu_limit = lv_xml_cpu_limit(parsed);

    json_object_set_new(object, "title", text(parsed->title));
    json_object_set_new(object, "description", text(parsed->description));
    json_object_set_new(object, "type", text(parsed->type));
    json_object_set_new(object, "arch", text(parsed->arch));
    json_object_set_new(object, "machine", text(parsed->machine));
    json_object_set_new(object, "emulator", text(parsed->emulator));
    json_object_set_new(object, "kernel", text(parsed->kernel));
    json_object_set_new(object, "loader", text(parsed->loader));
    json_object_set_new(object, "nvram", text(parsed->nvram));
    json_object_set_new(object, "vcpus", count(parsed->vcpus));
    json_object_set_new(object, "vcpus_max", count(parsed->vcpus_max));
    json_object_set_new(object, "cpu_mode", text(parsed->cpu_mode));
    json_object_set_new(object, "cpu_model", text(parsed->cpu_model));
    json_object_set_new(object, "cpu_limit", cpu_limit > 0 ? json_real(cpu_limit) : json_null());
    json_object_set_new(object, "memory_bytes", count(parsed->memory_bytes));
    json_object_set_new(object, "memory_max_bytes", count(parsed->memory_max_bytes));
    json_object_set_new(object, "balloon", text(parsed->balloon_model));
    json_object_set_new(object, "disks", disks_json(parsed));
    json_object_set_new(object, "nics", nics_json(parsed));
    json_object_set_new(object, "consoles", consoles_json(parsed->consoles));
    json_object_set_new(object, "serials", consoles_json(parsed->serials));
    json_object_set_new(object, "graphics", graphics_json(parsed));
}

/* State, flags and what the host knows of the process. */
static void add_presence(json_t *object, LvConn *conn, virDomainPtr domain)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    LvGuest *guest = lv_guest_new(domain);
    int state = VIR_DOMAIN_NOSTATE, reason = 0, autostart = 0;
    gboolean has_saved_memory = virDomainHasManagedSaveImage(domain, 0) == 1;
    int knows_autostart = virDomainGetAutostart(domain, &autostart);

    g_ptr_array_add(guests, guest);
    lv_cache_find_processes(conn, guests);
    virDomainGetState(domain, &state, &reason, 0);
    json_object_set_new(object, "state",
                        text(gemel_state_name(lv_state(state, reason, has_saved_memory))));
    json_object_set_new(object, "state_reason", text(lv_state_reason(state, reason)));
    json_object_set_new(object, "autostart",
                        knows_autostart == 0 ? json_boolean(autostart) : json_null());
    json_object_set_new(object, "persistent", json_boolean(virDomainIsPersistent(domain) == 1));
    json_object_set_new(object, "has_saved_memory", json_boolean(has_saved_memory));
    json_object_set_new(object, "domain_id",
                        guest->id >= 0 ? json_integer(guest->id) : json_null());
    json_object_set_new(object, "pid", count((guint64)guest->process.pid));
    json_object_set_new(object, "cgroup", text(guest->group.shown));
}

GemelInspect *lv_inspect(GemelConn *base, const char *id, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autofree char *definition = NULL;
    GemelInspect *inspect;

    if (domain == NULL)
        return NULL;
    parsed = lv_domain_parse(conn, domain, "inspect", &definition, error);
    if (parsed == NULL)
        return NULL;
    inspect = g_new0(GemelInspect, 1);
    inspect->essentials = json_object();
    json_object_set_new(inspect->essentials, "id", text(id));
    json_object_set_new(inspect->essentials, "name", text(virDomainGetName(domain)));
    json_object_set_new(inspect->essentials, "backend", text(base->backend->name));
    json_object_set_new(inspect->essentials, "kind", text(gemel_kind_name(GEMEL_KIND_VM)));
    add_presence(inspect->essentials, conn, domain);
    add_definition(inspect->essentials, parsed);
    inspect->definition = g_steal_pointer(&definition);
    inspect->definition_format = "xml";
    virResetLastError();
    return inspect;
}
