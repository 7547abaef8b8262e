/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * isolation.c - what stands between a guest and the host: its QEMU process as this host's kernel
 * has it, and the machine it is shown, by its definition and by the arguments QEMU runs with.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/join.h"
#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/libvirt/xml.h"

#define DEVICES_MAX 256
#define ARGS_MAX    (256u << 10)

/* ---- devices -------------------------------------------------------------------------------- */

/* Where a device's model stands: libvirt.org/formatdomain.html. Disks and interfaces are in
   xml.h already. */
static const struct {
    const char *element, *child; /* child NULL: the attribute is the device's own */
    const char *attr, *name_attr;
} models[] = {
    {"memballoon", NULL, "model", NULL},    {"rng", NULL, "model", NULL},
    {"video", "model", "type", NULL},       {"input", NULL, "bus", "type"},
    {"sound", NULL, "model", NULL},         {"watchdog", NULL, "model", NULL},
    {"tpm", NULL, "model", NULL},           {"vsock", NULL, "model", NULL},
    {"filesystem", "driver", "type", NULL}, {"controller", NULL, "model", "type"},
    {"iommu", NULL, "model", NULL},         {"panic", NULL, "model", NULL},
    {"shmem", "model", "type", "name"},     {"hostdev", NULL, "mode", "type"},
};

typedef struct {
    GemelIsolation *isolation;
    guint depth; /* 3: a child of <devices> */
    gboolean devices;
    int model; /* of the device we are in, -1 = none of interest */
    char *name;
    gboolean added;
} Devices;

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (gsize i = 0; name != NULL && names[i] != NULL; i++)
        if (g_str_equal(names[i], name))
            return values[i];
    return NULL;
}

static void add_model(Devices *devices, const char *model)
{
    const char *what = models[devices->model].element;

    if (model == NULL || devices->added || devices->isolation->devices->len >= DEVICES_MAX ||
        g_str_equal(model, "none"))
        return;
    devices->added = TRUE;
    gemel_isolation_add_device(devices->isolation,
                               g_str_equal(what, "memballoon") ? "balloon" : what, devices->name,
                               model);
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer data, GError **error)
{
    Devices *devices = data;

    devices->depth++;
    if (devices->depth == 2)
        devices->devices = g_str_equal(element, "devices");
    if (!devices->devices || devices->depth < 3)
        return;
    if (devices->depth == 3) {
        devices->model = -1;
        devices->added = FALSE;
        g_clear_pointer(&devices->name, g_free);
        for (guint i = 0; i < G_N_ELEMENTS(models); i++)
            if (g_str_equal(models[i].element, element))
                devices->model = (int)i;
        if (devices->model < 0)
            return;
        devices->name = g_strdup(attribute(names, values, models[devices->model].name_attr));
        if (models[devices->model].child == NULL)
            add_model(devices, attribute(names, values, models[devices->model].attr));
    } else if (devices->depth == 4 && devices->model >= 0 &&
               g_strcmp0(models[devices->model].child, element) == 0) {
        add_model(devices, attribute(names, values, models[devices->model].attr));
    }
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
    ((Devices *)data)->depth--;
}

/* All but disks and interfaces; the document has been parsed once, so its bounds are checked. */
static void read_devices(GemelIsolation *isolation, const char *xml)
{
    static const GMarkupParser callbacks = {.start_element = on_start, .end_element = on_end};
    Devices devices = {.isolation = isolation, .model = -1};
    GMarkupParseContext *context =
        g_markup_parse_context_new(&callbacks, G_MARKUP_TREAT_CDATA_AS_TEXT, &devices, NULL);

    g_markup_parse_context_parse(context, xml, -1, NULL);
    g_markup_parse_context_free(context);
    g_free(devices.name);
}

static char *cpu_text(const LvXmlDomain *parsed)
{
    if (parsed->cpu_model != NULL && parsed->cpu_mode != NULL)
        return g_strdup_printf("%s (%s)", parsed->cpu_model, parsed->cpu_mode);
    return g_strdup(parsed->cpu_model != NULL ? parsed->cpu_model : parsed->cpu_mode);
}

void lv_isolation_read_xml(GemelIsolation *isolation, const LvXmlDomain *parsed, const char *xml)
{
    isolation->is_guest = TRUE;
    /* "qemu" is QEMU without an accelerator: its own translator. */
    isolation->accelerator = g_strdup(g_strcmp0(parsed->type, "qemu") == 0 ? "tcg" : parsed->type);
    isolation->machine = g_strdup(parsed->machine);
    isolation->emulator = g_strdup(parsed->emulator);
    isolation->cpu_model = cpu_text(parsed);
    isolation->firmware = g_strdup(parsed->loader != NULL     ? parsed->loader
                                   : parsed->firmware != NULL ? parsed->firmware
                                   : parsed->kernel != NULL   ? "direct kernel boot"
                                                              : NULL);
    for (guint i = 0; i < parsed->disks->len; i++) {
        const LvXmlDisk *disk = g_ptr_array_index(parsed->disks, i);

        gemel_isolation_add_device(isolation, "disk", disk->target, disk->bus);
    }
    for (guint i = 0; i < parsed->nics->len; i++) {
        const LvXmlNic *nic = g_ptr_array_index(parsed->nics, i);

        gemel_isolation_add_device(isolation, "nic", nic->target != NULL ? nic->target : nic->mac,
                                   nic->model);
    }
    read_devices(isolation, xml);
}

/* ---- the running QEMU ----------------------------------------------------------------------- */

/* Up to the first comma: "pc-i440fx-7.2,usb=off". */
static void take_word(char **place, const char *value)
{
    g_free(*place);
    *place = g_strndup(value, strcspn(value, ","));
}

void lv_isolation_read_args(GemelIsolation *isolation, const char *args, gsize length)
{
    const char *end = args + length;

    for (const char *at = args, *next; at < end; at = next) {
        next = at + strnlen(at, (gsize)(end - at)) + 1;
        if (next >= end)
            return;
        if (g_str_equal(at, "-accel"))
            take_word(&isolation->accelerator, next);
        else if (g_str_equal(at, "-enable-kvm"))
            take_word(&isolation->accelerator, "kvm");
        else if (g_str_equal(at, "-cpu"))
            take_word(&isolation->cpu_model, next);
        else if (g_str_equal(at, "-machine") || g_str_equal(at, "-M")) {
            const char *accel = strstr(next, "accel=");

            take_word(&isolation->machine, next);
            if (accel != NULL)
                take_word(&isolation->accelerator, accel + strlen("accel="));
        }
    }
}

/* The arguments of the process, if it still is that one afterwards. */
static void read_args(GemelIsolation *isolation, const LvProcess *process)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", process->pid);
    g_autofree char *args = g_malloc(ARGS_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gsize used = 0;
    LvProcess after;

    for (ssize_t n; fd >= 0 && used < ARGS_MAX - 1; used += (gsize)n)
        if ((n = read(fd, args + used, ARGS_MAX - 1 - used)) <= 0)
            break;
    if (fd >= 0)
        close(fd);
    args[used] = '\0';
    if (lv_process_read("", process->pid, &after) && after.start_ticks == process->start_ticks)
        lv_isolation_read_args(isolation, args, used);
}

static void read_process(GemelIsolation *isolation, LvConn *conn, virDomainPtr domain)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    LvGuest *guest = lv_guest_new(domain);

    g_ptr_array_add(guests, guest);
    if (!conn->is_qemu) {
        gemel_isolation_no_process(isolation, "this driver has no process to look at");
        return;
    }
    if (!conn->is_local) {
        g_autofree char *why = g_strdup_printf(
            "its process is not on this host: run gemel where %s is", conn->base.backend->uri);

        gemel_isolation_no_process(isolation, why);
        return;
    }
    if (guest->id < 0) {
        gemel_isolation_no_process(isolation, "it does not run: start it to see");
        return;
    }
    lv_cache_find_processes(conn, guests);
    if (guest->process.pid <= 0) {
        gemel_isolation_no_process(isolation, "its QEMU cannot be found in /proc");
        return;
    }
    if (gemel_isolation_read_process(isolation, "", guest->process.pid, guest->process.start_ticks))
        read_args(isolation, &guest->process);
}

GemelIsolation *lv_isolation(GemelConn *base, const char *id, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(GemelIsolation) isolation = NULL;
    g_autoptr(LvXmlDomain) parsed = NULL;
    g_autofree char *definition = NULL;

    if (domain == NULL)
        return NULL;
    parsed = lv_domain_parse(conn, domain, "read the definition of", &definition, error);
    if (parsed == NULL)
        return NULL;
    isolation = gemel_isolation_new();
    lv_isolation_read_xml(isolation, parsed, definition);
    read_process(isolation, conn, domain);
    gemel_isolation_set_why(
        isolation, GEMEL_ISOLATION_PROFILE,
        "QEMU's own filter (-sandbox): the kernel does not tell what it denies");
    virResetLastError();
    return g_steal_pointer(&isolation);
}

/* ---- join ----------------------------------------------------------------------------------- */

GemelStream *lv_join_open(LvConn *conn, const char *id, const GemelStreamArgs *args, GError **error)
{
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(GPtrArray) guests = NULL;
    LvGuest *guest;

    if (domain == NULL)
        return NULL;
    if (!conn->is_qemu || !conn->is_local) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: its process is not on this host; run gemel where %s is",
                        virDomainGetName(domain), conn->base.backend->uri);
        return NULL;
    }
    guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    guest = lv_guest_new(domain);
    g_ptr_array_add(guests, guest);
    if (guest->id >= 0)
        lv_cache_find_processes(conn, guests);
    if (guest->process.pid <= 0) {
        gemel_error_set(error, GEMEL_ERROR_CONFLICT, "%s: is not running; start it first",
                        virDomainGetName(domain));
        return NULL;
    }
    return gemel_join_open(
        &(GemelJoinTarget){guest->name, guest->process.pid, guest->process.start_ticks}, args,
        error);
}
