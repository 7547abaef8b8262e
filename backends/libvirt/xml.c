/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/libvirt/xml.h"

#include <stddef.h>
#include <string.h>

#include "backends/error.h"

/* Which structure a rule writes to: the document's, or the newest item of one of its lists. */
typedef enum { TOP, DISK, NIC, CONSOLE, SERIAL, GRAPHICS, SCOPE_N } Scope;
typedef enum { STRING, UINT, INT64, UINT64, SIZE, FLAG, IS_EXTERNAL, NEW_ITEM } Kind;

/* Element `path` from the root; its attribute `attr`, or its text where that is NULL, goes to the
   member at `offset`. FLAG is set by the element's mere presence, IS_EXTERNAL by the value
   "external"; NEW_ITEM begins a list item. */
typedef struct {
    const char *path;
    const char *attr;
    Scope scope;
    Kind kind;
    gsize offset;
} Rule;

#define D(member) offsetof(LvXmlDomain, member)
#define K(member) offsetof(LvXmlDisk, member)
#define N(member) offsetof(LvXmlNic, member)
#define C(member) offsetof(LvXmlConsole, member)
#define G(member) offsetof(LvXmlGraphics, member)
#define S(member) offsetof(LvXmlSnapshot, member)
#define V(member) offsetof(LvXmlVolume, member)

/* clang-format off */
static const Rule domain_rules[] = {
    {"domain", "type", TOP, STRING, D(type)},
    {"domain/name", NULL, TOP, STRING, D(name)},
    {"domain/uuid", NULL, TOP, STRING, D(uuid)},
    {"domain/title", NULL, TOP, STRING, D(title)},
    {"domain/metadata/gemel:flags", "protected", TOP, STRING, D(protection)},
    {"domain/description", NULL, TOP, STRING, D(description)},
    {"domain/memory", NULL, TOP, SIZE, D(memory_max_bytes)},
    {"domain/currentMemory", NULL, TOP, SIZE, D(memory_bytes)},
    {"domain/vcpu", NULL, TOP, UINT, D(vcpus_max)},
    {"domain/vcpu", "current", TOP, UINT, D(vcpus)},
    {"domain/cputune/quota", NULL, TOP, INT64, D(quota_usec)},
    {"domain/cputune/period", NULL, TOP, UINT64, D(period_usec)},
    {"domain/cputune/global_quota", NULL, TOP, INT64, D(global_quota_usec)},
    {"domain/cputune/global_period", NULL, TOP, UINT64, D(global_period_usec)},
    {"domain/os/type", "arch", TOP, STRING, D(arch)},
    {"domain/os/type", "machine", TOP, STRING, D(machine)},
    {"domain/os", "firmware", TOP, STRING, D(firmware)},
    {"domain/os/loader", "type", TOP, STRING, D(loader_type)},
    {"domain/os/loader", NULL, TOP, STRING, D(loader)},
    {"domain/os/nvram", NULL, TOP, STRING, D(nvram)},
    {"domain/os/kernel", NULL, TOP, STRING, D(kernel)},
    {"domain/cpu", "mode", TOP, STRING, D(cpu_mode)},
    {"domain/cpu/model", NULL, TOP, STRING, D(cpu_model)},
    {"domain/devices/emulator", NULL, TOP, STRING, D(emulator)},
    {"domain/devices/memballoon", "model", TOP, STRING, D(balloon_model)},

    {"domain/devices/disk", NULL, DISK, NEW_ITEM, D(disks)},
    {"domain/devices/disk", "device", DISK, STRING, K(device)},
    {"domain/devices/disk", "type", DISK, STRING, K(type)},
    {"domain/devices/disk", "snapshot", DISK, STRING, K(snapshot)},
    {"domain/devices/disk/driver", "type", DISK, STRING, K(format)},
    {"domain/devices/disk/source", "file", DISK, STRING, K(file)},
    {"domain/devices/disk/source", "dev", DISK, STRING, K(block_dev)},
    {"domain/devices/disk/source", "protocol", DISK, STRING, K(protocol)},
    {"domain/devices/disk/source", "name", DISK, STRING, K(volume)},
    {"domain/devices/disk/source", "volume", DISK, STRING, K(volume)},
    {"domain/devices/disk/source", "pool", DISK, STRING, K(pool)},
    {"domain/devices/disk/source", "dir", DISK, STRING, K(directory)},
    {"domain/devices/disk/target", "dev", DISK, STRING, K(target)},
    {"domain/devices/disk/target", "bus", DISK, STRING, K(bus)},
    {"domain/devices/disk/readonly", NULL, DISK, FLAG, K(is_readonly)},
    {"domain/devices/disk/shareable", NULL, DISK, FLAG, K(is_shareable)},
    {"domain/devices/disk/encryption", NULL, DISK, FLAG, K(is_encrypted)},
    {"domain/devices/disk/source/encryption", NULL, DISK, FLAG, K(is_encrypted)},

    {"domain/devices/interface", NULL, NIC, NEW_ITEM, D(nics)},
    {"domain/devices/interface", "type", NIC, STRING, N(type)},
    {"domain/devices/interface/mac", "address", NIC, STRING, N(mac)},
    {"domain/devices/interface/model", "type", NIC, STRING, N(model)},
    {"domain/devices/interface/target", "dev", NIC, STRING, N(target)},
    {"domain/devices/interface/source", "network", NIC, STRING, N(network)},
    {"domain/devices/interface/source", "bridge", NIC, STRING, N(bridge)},
    {"domain/devices/interface/source", "dev", NIC, STRING, N(dev)},

    {"domain/devices/console", NULL, CONSOLE, NEW_ITEM, D(consoles)},
    {"domain/devices/console", "type", CONSOLE, STRING, C(type)},
    {"domain/devices/console/target", "type", CONSOLE, STRING, C(target_type)},
    {"domain/devices/console/target", "port", CONSOLE, STRING, C(port)},
    {"domain/devices/console/source", "path", CONSOLE, STRING, C(path)},
    {"domain/devices/console/alias", "name", CONSOLE, STRING, C(alias)},
    {"domain/devices/console/log", "file", CONSOLE, STRING, C(log)},

    {"domain/devices/serial", NULL, SERIAL, NEW_ITEM, D(serials)},
    {"domain/devices/serial", "type", SERIAL, STRING, C(type)},
    {"domain/devices/serial/target", "type", SERIAL, STRING, C(target_type)},
    {"domain/devices/serial/target", "port", SERIAL, STRING, C(port)},
    {"domain/devices/serial/source", "path", SERIAL, STRING, C(path)},
    {"domain/devices/serial/alias", "name", SERIAL, STRING, C(alias)},
    {"domain/devices/serial/log", "file", SERIAL, STRING, C(log)},

    {"domain/devices/graphics", NULL, GRAPHICS, NEW_ITEM, D(graphics)},
    {"domain/devices/graphics", "type", GRAPHICS, STRING, G(type)},
    {"domain/devices/graphics", "port", GRAPHICS, STRING, G(port)},
    {"domain/devices/graphics", "autoport", GRAPHICS, STRING, G(autoport)},
    {"domain/devices/graphics", "listen", GRAPHICS, STRING, G(listen)},
};

static const Rule snapshot_rules[] = {
    {"domainsnapshot/name", NULL, TOP, STRING, S(name)},
    {"domainsnapshot/description", NULL, TOP, STRING, S(description)},
    {"domainsnapshot/parent/name", NULL, TOP, STRING, S(parent)},
    {"domainsnapshot/state", NULL, TOP, STRING, S(state)},
    {"domainsnapshot/creationTime", NULL, TOP, INT64, S(created_unix)},
    {"domainsnapshot/memory", "snapshot", TOP, STRING, S(memory)},
    {"domainsnapshot/disks/disk", "snapshot", TOP, IS_EXTERNAL, S(has_external_disk)},
};

static const Rule volume_rules[] = {
    {"volume/target/format", "type", TOP, STRING, V(format)},
    {"volume/target/encryption", NULL, TOP, FLAG, V(is_encrypted)},
};
/* clang-format on */

static const gsize item_size[SCOPE_N] = {
    [DISK] = sizeof(LvXmlDisk),         [NIC] = sizeof(LvXmlNic),
    [CONSOLE] = sizeof(LvXmlConsole),   [SERIAL] = sizeof(LvXmlConsole),
    [GRAPHICS] = sizeof(LvXmlGraphics),
};

typedef struct {
    const Rule *rules;
    gsize n_rules;
    const char *root;
    gpointer top;
    gpointer item[SCOPE_N]; /* the newest of each list */
    GString *path;
    GString *text; /* of the innermost element */
    char *unit;    /* its "unit" attribute */
    guint depth;
} Parser;

#define MEMBER(type, base, offset) (*(type *)G_STRUCT_MEMBER_P(base, offset))

static const struct {
    const char *name;
    guint64 bytes;
} units[] = {
    {"b", 1},
    {"bytes", 1},
    {"KB", 1000},
    {"k", 1024},
    {"KiB", 1024},
    {"MB", 1000000},
    {"M", G_GUINT64_CONSTANT(1) << 20},
    {"MiB", G_GUINT64_CONSTANT(1) << 20},
    {"GB", 1000000000},
    {"G", G_GUINT64_CONSTANT(1) << 30},
    {"GiB", G_GUINT64_CONSTANT(1) << 30},
    {"TB", G_GUINT64_CONSTANT(1000000000000)},
    {"T", G_GUINT64_CONSTANT(1) << 40},
    {"TiB", G_GUINT64_CONSTANT(1) << 40},
};

guint64 lv_xml_unit_bytes(const char *unit)
{
    if (unit == NULL)
        return 1024;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(units[i].name, unit) == 0)
            return units[i].bytes;
    }
    return 0;
}

/* A number with its unit, 0 if it is none or does not fit. */
static guint64 parse_size(const char *text, const char *unit)
{
    guint64 number, factor = lv_xml_unit_bytes(unit);

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL) || factor == 0 ||
        number > G_MAXUINT64 / factor)
        return 0;
    return number * factor;
}

/* Stores one value; the first of several wins, as libvirt writes the live one first. A number that
   does not parse leaves the member at "not said". */
static void apply(Parser *parser, const Rule *rule, const char *value)
{
    gpointer base = rule->scope == TOP ? parser->top : parser->item[rule->scope];
    guint64 number;
    gint64 integer;

    if (base == NULL)
        return;
    switch (rule->kind) {
    case STRING:
        if (MEMBER(char *, base, rule->offset) == NULL && *value != '\0')
            MEMBER(char *, base, rule->offset) = g_strdup(value);
        break;
    case UINT:
        if (g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT, &number, NULL))
            MEMBER(guint, base, rule->offset) = (guint)number;
        break;
    case UINT64:
        if (g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &number, NULL))
            MEMBER(guint64, base, rule->offset) = number;
        break;
    case INT64:
        if (g_ascii_string_to_signed(value, 10, G_MININT64, G_MAXINT64, &integer, NULL))
            MEMBER(gint64, base, rule->offset) = integer;
        break;
    case SIZE:
        MEMBER(guint64, base, rule->offset) = parse_size(value, parser->unit);
        break;
    case FLAG:
        MEMBER(gboolean, base, rule->offset) = TRUE;
        break;
    case IS_EXTERNAL:
        if (g_str_equal(value, "external"))
            MEMBER(gboolean, base, rule->offset) = TRUE;
        break;
    case NEW_ITEM:
        break;
    }
}

static gboolean begin_item(Parser *parser, const Rule *rule, GError **error)
{
    GPtrArray *list = MEMBER(GPtrArray *, parser->top, rule->offset);

    if (list->len >= LV_XML_ITEMS_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "more than %d devices of a kind",
                               LV_XML_ITEMS_MAX);
    parser->item[rule->scope] = g_malloc0(item_size[rule->scope]);
    g_ptr_array_add(list, parser->item[rule->scope]);
    return TRUE;
}

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (gsize i = 0; names[i] != NULL; i++) {
        if (g_str_equal(names[i], name))
            return values[i];
    }
    return NULL;
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer data, GError **error)
{
    Parser *parser = data;

    if (++parser->depth > LV_XML_DEPTH_MAX) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "elements nest deeper than %d",
                        LV_XML_DEPTH_MAX);
        return;
    }
    if (parser->depth == 1 && !g_str_equal(element, parser->root)) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "the document is not a <%s>", parser->root);
        return;
    }
    if (parser->depth > 1)
        g_string_append_c(parser->path, '/');
    g_string_append(parser->path, element);
    g_string_truncate(parser->text, 0);
    g_free(parser->unit);
    parser->unit = g_strdup(attribute(names, values, "unit"));

    for (gsize i = 0; i < parser->n_rules; i++) {
        const Rule *rule = &parser->rules[i];
        const char *value;

        if (!g_str_equal(rule->path, parser->path->str))
            continue;
        if (rule->kind == NEW_ITEM) {
            if (!begin_item(parser, rule, error))
                return;
        } else if (rule->kind == FLAG) {
            apply(parser, rule, "");
        } else if (rule->attr != NULL && (value = attribute(names, values, rule->attr)) != NULL) {
            apply(parser, rule, value);
        }
    }
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                    GError **error)
{
    g_string_append_len(((Parser *)data)->text, text, (gssize)length);
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
    Parser *parser = data;
    char *slash;

    g_strstrip(parser->text->str);
    for (gsize i = 0; i < parser->n_rules; i++) {
        const Rule *rule = &parser->rules[i];

        if (rule->attr == NULL && rule->kind != NEW_ITEM && rule->kind != FLAG &&
            g_str_equal(rule->path, parser->path->str))
            apply(parser, rule, parser->text->str);
    }
    g_string_truncate(parser->text, 0);
    parser->depth--;
    slash = strrchr(parser->path->str, '/');
    g_string_truncate(parser->path, slash != NULL ? (gsize)(slash - parser->path->str) : 0);
}

/* Runs the rules over a document; TRUE when all of it was read. */
static gboolean parse(const char *xml, const char *root, const Rule *rules, gsize n_rules,
                      gpointer top, GError **error)
{
    static const GMarkupParser callbacks = {
        .start_element = on_start, .end_element = on_end, .text = on_text};
    Parser parser = {.rules = rules, .n_rules = n_rules, .root = root, .top = top};
    g_autoptr(GError) cause = NULL;
    gsize length = strnlen(xml, LV_XML_BYTES_MAX + 1);
    GMarkupParseContext *context;
    gboolean done;

    if (length > LV_XML_BYTES_MAX)
        return gemel_error_set(error, GEMEL_ERROR_INVALID, "the XML is larger than %u MiB",
                               (guint)(LV_XML_BYTES_MAX >> 20));
    parser.path = g_string_new(NULL);
    parser.text = g_string_new(NULL);
    context = g_markup_parse_context_new(&callbacks, G_MARKUP_TREAT_CDATA_AS_TEXT, &parser, NULL);
    done = g_markup_parse_context_parse(context, xml, (gssize)length, &cause) &&
           g_markup_parse_context_end_parse(context, &cause);
    g_markup_parse_context_free(context);
    g_string_free(parser.path, TRUE);
    g_string_free(parser.text, TRUE);
    g_free(parser.unit);
    if (!done)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "the XML cannot be read: %s", cause->message);
    return done;
}

static void free_strings(gpointer base, const Rule *rules, gsize n_rules, Scope scope)
{
    for (gsize i = 0; i < n_rules; i++) {
        if (rules[i].scope == scope && rules[i].kind == STRING)
            g_clear_pointer(&MEMBER(char *, base, rules[i].offset), g_free);
    }
}

static void free_item(gpointer item, Scope scope)
{
    free_strings(item, domain_rules, G_N_ELEMENTS(domain_rules), scope);
    g_free(item);
}

static void free_disk(gpointer item)
{
    free_item(item, DISK);
}

static void free_nic(gpointer item)
{
    free_item(item, NIC);
}

static void free_console(gpointer item)
{
    free_item(item, CONSOLE);
}

static void free_graphics(gpointer item)
{
    free_item(item, GRAPHICS);
}

LvXmlDomain *lv_xml_domain_parse(const char *xml, GError **error)
{
    LvXmlDomain *domain = g_new0(LvXmlDomain, 1);

    domain->disks = g_ptr_array_new_with_free_func(free_disk);
    domain->nics = g_ptr_array_new_with_free_func(free_nic);
    domain->consoles = g_ptr_array_new_with_free_func(free_console);
    domain->serials = g_ptr_array_new_with_free_func(free_console);
    domain->graphics = g_ptr_array_new_with_free_func(free_graphics);
    if (!parse(xml, "domain", domain_rules, G_N_ELEMENTS(domain_rules), domain, error)) {
        lv_xml_domain_free(domain);
        return NULL;
    }
    if (domain->vcpus == 0)
        domain->vcpus = domain->vcpus_max;
    if (domain->memory_bytes == 0)
        domain->memory_bytes = domain->memory_max_bytes;
    return domain;
}

void lv_xml_domain_free(LvXmlDomain *domain)
{
    if (domain == NULL)
        return;
    free_strings(domain, domain_rules, G_N_ELEMENTS(domain_rules), TOP);
    g_ptr_array_unref(domain->disks);
    g_ptr_array_unref(domain->nics);
    g_ptr_array_unref(domain->consoles);
    g_ptr_array_unref(domain->serials);
    g_ptr_array_unref(domain->graphics);
    g_free(domain);
}

LvXmlSnapshot *lv_xml_snapshot_parse(const char *xml, GError **error)
{
    LvXmlSnapshot *snapshot = g_new0(LvXmlSnapshot, 1);

    if (!parse(xml, "domainsnapshot", snapshot_rules, G_N_ELEMENTS(snapshot_rules), snapshot,
               error)) {
        lv_xml_snapshot_free(snapshot);
        return NULL;
    }
    return snapshot;
}

void lv_xml_snapshot_free(LvXmlSnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free_strings(snapshot, snapshot_rules, G_N_ELEMENTS(snapshot_rules), TOP);
    g_free(snapshot);
}

LvXmlVolume *lv_xml_volume_parse(const char *xml, GError **error)
{
    LvXmlVolume *volume = g_new0(LvXmlVolume, 1);

    if (!parse(xml, "volume", volume_rules, G_N_ELEMENTS(volume_rules), volume, error)) {
        lv_xml_volume_free(volume);
        return NULL;
    }
    return volume;
}

void lv_xml_volume_free(LvXmlVolume *volume)
{
    if (volume == NULL)
        return;
    free_strings(volume, volume_rules, G_N_ELEMENTS(volume_rules), TOP);
    g_free(volume);
}

double lv_xml_cpu_limit(const LvXmlDomain *domain)
{
    /* libvirt's default period. */
    const double period = 100000;
    double global = 0, vcpus = 0;

    if (domain->global_quota_usec > 0)
        global = (double)domain->global_quota_usec /
                 (domain->global_period_usec > 0 ? (double)domain->global_period_usec : period);
    if (domain->quota_usec > 0)
        vcpus = (double)domain->quota_usec /
                (domain->period_usec > 0 ? (double)domain->period_usec : period) *
                MAX(domain->vcpus, 1);
    if (global > 0 && vcpus > 0)
        return MIN(global, vcpus);
    return global > 0 ? global : vcpus;
}

char *lv_xml_disk_source(const LvXmlDisk *disk)
{
    if (disk->protocol != NULL)
        return g_strdup_printf("%s:%s", disk->protocol, disk->volume != NULL ? disk->volume : "");
    if (disk->pool != NULL)
        return g_strdup_printf("%s/%s", disk->pool, disk->volume != NULL ? disk->volume : "");
    if (disk->file != NULL)
        return g_strdup(disk->file);
    return g_strdup(disk->block_dev != NULL ? disk->block_dev : disk->directory);
}

/* QEMU keeps a snapshot with the memory inside one qcow2 file, and every writable disk must be able
   to hold its part; a variable store of UEFI is such a disk, and raw. */
const char *lv_xml_snapshot_obstacle(const LvXmlDomain *domain, const LvXmlDisk **ret_disk)
{
    guint n_able = 0;

    if (ret_disk != NULL)
        *ret_disk = NULL;
    if (g_strcmp0(domain->loader_type, "pflash") == 0 || g_strcmp0(domain->firmware, "efi") == 0)
        return "boots from UEFI flash, which cannot be in an internal snapshot";
    for (guint i = 0; i < domain->disks->len; i++) {
        const LvXmlDisk *disk = g_ptr_array_index(domain->disks, i);
        g_autofree char *source = lv_xml_disk_source(disk);

        if (source == NULL || disk->is_readonly || g_strcmp0(disk->snapshot, "no") == 0 ||
            g_strcmp0(disk->device, "cdrom") == 0 || g_strcmp0(disk->device, "floppy") == 0)
            continue;
        if (g_strcmp0(disk->format, "qcow2") != 0) {
            if (ret_disk != NULL)
                *ret_disk = disk;
            return "has a disk that is not qcow2 and cannot hold an internal snapshot";
        }
        n_able++;
    }
    return n_able > 0 ? NULL : "has no qcow2 disk to hold an internal snapshot";
}
