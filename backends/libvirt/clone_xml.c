/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clone_xml.c - a domain's definition written anew for its clone, element by element.
 *
 * GMarkup reads it, so it costs its own length; what nothing here knows is passed on as it is.
 * Rules: libvirt.org/formatdomain.html.
 */
#include <string.h>

#include "backends/libvirt/clone.h"

/* Elements that go with all that is in them: libvirt makes new ones, or must not see the old. */
static const char *const dropped[] = {
    "domain/uuid",
    "domain/metadata/gemel:flags",
    "domain/os/nvram/source",
    "domain/devices/interface/mac",
};

/* Elements whose text goes: libvirt makes a new one. */
static const char *const emptied[] = {"domain/genid", "domain/os/nvram"};

typedef struct {
    LvCloneXml *clone;
    GString *out;
    GString *path;
    guint skipping;          /* depth below and with a dropped element */
    gint disk_index;         /* of the one we are in or were in last */
    const LvCloneDisk *disk; /* the one we are in, if it gets a copy; else NULL */
    gboolean has_driver;
    char *device_type; /* type= of the device we are in */
} Writer;

static gboolean is_among(const char *path, const char *const *list, gsize n)
{
    for (gsize i = 0; i < n; i++)
        if (g_str_equal(path, list[i]))
            return TRUE;
    return FALSE;
}

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (gsize i = 0; names[i] != NULL; i++)
        if (g_str_equal(names[i], name))
            return values[i];
    return NULL;
}

static gboolean is_path(const Writer *writer, const char *path)
{
    return g_str_equal(writer->path->str, path);
}

/* The element without the device's name: "domain/devices/NAME/REST" is REST; NULL elsewhere. */
static const char *below_device(const Writer *writer)
{
    const char *rest = g_str_has_prefix(writer->path->str, "domain/devices/")
                           ? strchr(writer->path->str + strlen("domain/devices/"), '/')
                           : NULL;

    return rest != NULL ? rest + 1 : NULL;
}

static gboolean is_dropped(const Writer *writer, const char **names, const char **values)
{
    if (is_among(writer->path->str, dropped, G_N_ELEMENTS(dropped)))
        return TRUE;
    /* a tap device of somebody's own making is one for both, and his care */
    if (is_path(writer, "domain/devices/interface/target"))
        return g_strcmp0(attribute(names, values, "managed"), "no") != 0;
    /* smbios must agree with the uuid */
    if (is_path(writer, "domain/sysinfo/system/entry"))
        return g_strcmp0(attribute(names, values, "name"), "uuid") == 0;
    return writer->disk != NULL && (is_path(writer, "domain/devices/disk/backingStore") ||
                                    is_path(writer, "domain/devices/disk/mirror"));
}

static void put_attribute(Writer *writer, const char *name, const char *value)
{
    g_autofree char *text = g_markup_printf_escaped(" %s='%s'", name, value);

    g_string_append(writer->out, text);
}

/* A value that differs in the clone, to be freed; "" leaves the attribute out, NULL leaves it. */
static char *disk_value(const Writer *writer, const char *name)
{
    const LvCloneDisk *disk = writer->disk;
    const char *rest = below_device(writer);

    if (disk == NULL || rest == NULL)
        return NULL;
    if (g_str_equal(rest, "driver") && g_str_equal(name, "type"))
        return g_strdup(disk->is_linked ? "qcow2" : disk->format);
    if (!g_str_equal(rest, "source"))
        return NULL;
    if (g_str_equal(name, "file") || g_str_equal(name, "dev"))
        return g_strdup(disk->new_path);
    if (g_str_equal(name, "volume"))
        return g_strdup(disk->new_volume);
    return g_str_equal(name, "index") ? g_strdup("") : NULL;
}

/* Files and sockets of serial lines and channels, and their logs. */
static char *device_value(const Writer *writer, const char *name, const char *value,
                          const char *mode)
{
    const LvCloneXml *clone = writer->clone;
    const char *rest = below_device(writer);

    if (rest == NULL)
        return NULL;
    if (g_str_equal(rest, "log") && g_str_equal(name, "file"))
        return lv_clone_rename(value, clone->old_name, clone->new_name);
    if (!g_str_equal(rest, "source") || !g_str_equal(name, "path") ||
        g_str_has_prefix(writer->path->str, "domain/devices/disk/"))
        return NULL;
    if (g_strcmp0(writer->device_type, "file") == 0 ||
        (g_strcmp0(writer->device_type, "unix") == 0 && g_strcmp0(mode, "bind") == 0))
        return lv_clone_rename(value, clone->old_name, clone->new_name);
    return NULL;
}

/* A display at a port of its own cannot be twice. */
static gboolean has_fixed_port(const Writer *writer, const char **names, const char **values)
{
    const char *port = attribute(names, values, "port");

    return is_path(writer, "domain/devices/graphics") && port != NULL && *port != '-' &&
           !g_str_equal(port, "0") && g_strcmp0(attribute(names, values, "autoport"), "yes") != 0;
}

static void put_attributes(Writer *writer, const char **names, const char **values)
{
    static const char *const ports[] = {"port", "tlsPort", "autoport"};
    gboolean fixed = has_fixed_port(writer, names, values);
    const char *mode = attribute(names, values, "mode");

    for (gsize i = 0; names[i] != NULL; i++) {
        g_autofree char *changed = disk_value(writer, names[i]);

        if (changed == NULL)
            changed = device_value(writer, names[i], values[i], mode);
        if (fixed && is_among(names[i], ports, G_N_ELEMENTS(ports)))
            continue;
        if (is_path(writer, "domain/os/nvram") && g_str_equal(names[i], "type"))
            continue; /* that of the <source> which goes */
        if (changed == NULL)
            put_attribute(writer, names[i], values[i]);
        else if (*changed != '\0')
            put_attribute(writer, names[i], changed);
    }
    if (fixed)
        put_attribute(writer, "autoport", "yes");
    writer->clone->has_port = writer->clone->has_port || fixed;
}

static void enter_disk(Writer *writer)
{
    const GPtrArray *disks = writer->clone->disks;

    writer->disk = NULL;
    writer->has_driver = FALSE;
    if (++writer->disk_index < (gint)disks->len)
        writer->disk = g_ptr_array_index(disks, (guint)writer->disk_index);
    if (writer->disk != NULL && writer->disk->how == LV_CLONE_KEPT)
        writer->disk = NULL;
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer data, GError **error)
{
    Writer *writer = data;

    g_string_append_printf(writer->path, "%s%s", writer->path->len > 0 ? "/" : "", element);
    if (is_path(writer, "domain/devices/disk"))
        enter_disk(writer);
    if (writer->skipping > 0 || is_dropped(writer, names, values)) {
        writer->skipping++;
        return;
    }
    if (g_str_has_prefix(writer->path->str, "domain/devices/") && below_device(writer) == NULL) {
        g_free(writer->device_type);
        writer->device_type = g_strdup(attribute(names, values, "type"));
    }
    if (is_path(writer, "domain/os/nvram"))
        writer->clone->has_nvram = TRUE;
    writer->has_driver = writer->has_driver || is_path(writer, "domain/devices/disk/driver");
    g_string_append_printf(writer->out, "<%s", element);
    put_attributes(writer, names, values);
    g_string_append_c(writer->out, '>');
    if (is_path(writer, "domain/name")) {
        g_autofree char *name = g_markup_escape_text(writer->clone->new_name, -1);

        g_string_append(writer->out, name);
    }
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                    GError **error)
{
    Writer *writer = data;
    g_autofree char *escaped = g_markup_escape_text(text, (gssize)length);

    if (writer->skipping == 0 && !is_path(writer, "domain/name") &&
        !is_among(writer->path->str, emptied, G_N_ELEMENTS(emptied)))
        g_string_append(writer->out, escaped);
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
    Writer *writer = data;
    const char *slash;

    if (is_path(writer, "domain/devices/disk")) {
        /* without a <driver> libvirt takes it for raw */
        if (writer->disk != NULL && writer->disk->is_linked && !writer->has_driver)
            g_string_append(writer->out, "<driver name='qemu' type='qcow2'/>");
        writer->disk = NULL;
    }
    if (writer->skipping > 0)
        writer->skipping--;
    else
        g_string_append_printf(writer->out, "</%s>", element);
    slash = strrchr(writer->path->str, '/');
    g_string_truncate(writer->path, slash != NULL ? (gsize)(slash - writer->path->str) : 0);
}

char *lv_clone_xml(const char *xml, LvCloneXml *clone, GError **error)
{
    static const GMarkupParser callbacks = {
        .start_element = on_start, .end_element = on_end, .text = on_text};
    Writer writer = {.clone = clone, .disk_index = -1};
    g_autoptr(GError) cause = NULL;
    GMarkupParseContext *context;
    gboolean done;

    clone->has_nvram = clone->has_port = FALSE;
    writer.out = g_string_new(NULL);
    writer.path = g_string_new(NULL);
    context = g_markup_parse_context_new(&callbacks, G_MARKUP_TREAT_CDATA_AS_TEXT, &writer, NULL);
    done = g_markup_parse_context_parse(context, xml, -1, &cause) &&
           g_markup_parse_context_end_parse(context, &cause);
    g_markup_parse_context_free(context);
    g_string_free(writer.path, TRUE);
    g_free(writer.device_type);
    if (!done)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "the XML cannot be read: %s", cause->message);
    return g_string_free(writer.out, !done);
}
