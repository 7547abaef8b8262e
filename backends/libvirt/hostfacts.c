/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hostfacts.c - what the host behind a connection can do: of this host all that its /proc and /sys
 * tell, of another what libvirt does (libvirt.org/formatcaps.html, virNodeGetInfo).
 */
#include <stdlib.h>
#include <string.h>

#include "backends/libvirt/lv.h"

#define CAPS_BYTES_MAX ((gsize)8 << 20)

typedef struct {
    GString *path;
    guint depth;
    GString *model;    /* text of host/cpu/model */
    GString *security; /* texts of host/secmodel/model */
    gboolean vmx, svm, kvm, iommu, iommu_said;
} Caps;

static const char *attribute(const char **names, const char **values, const char *name)
{
    for (gsize i = 0; names[i] != NULL; i++)
        if (g_str_equal(names[i], name))
            return values[i];
    return NULL;
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer data, GError **error)
{
    Caps *caps = data;
    const char *name = attribute(names, values, "name"), *type = attribute(names, values, "type");
    const char *support = attribute(names, values, "support");

    if (++caps->depth > 64) {
        gemel_error_set(error, GEMEL_ERROR_INVALID, "elements nest too deep");
        return;
    }
    g_string_append_printf(caps->path, "/%s", element);
    if (g_str_equal(caps->path->str, "/capabilities/host/cpu/feature")) {
        caps->vmx = caps->vmx || g_strcmp0(name, "vmx") == 0;
        caps->svm = caps->svm || g_strcmp0(name, "svm") == 0;
    } else if (g_str_equal(caps->path->str, "/capabilities/host/iommu")) {
        caps->iommu_said = TRUE;
        caps->iommu = g_strcmp0(support, "yes") == 0;
    } else if (g_str_equal(caps->path->str, "/capabilities/guest/arch/domain")) {
        caps->kvm = caps->kvm || g_strcmp0(type, "kvm") == 0;
    }
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data,
                    GError **error)
{
    Caps *caps = data;

    if (g_str_equal(caps->path->str, "/capabilities/host/cpu/model") && caps->model->len < 200)
        g_string_append_len(caps->model, text, (gssize)length);
    else if (g_str_equal(caps->path->str, "/capabilities/host/secmodel/model") &&
             caps->security->len < 200)
        g_string_append_printf(caps->security, "%s%.*s", caps->security->len > 0 ? "," : "",
                               (int)MIN(length, 50), text);
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
    Caps *caps = data;
    char *slash = strrchr(caps->path->str, '/');

    caps->depth--;
    g_string_truncate(caps->path, slash != NULL ? (gsize)(slash - caps->path->str) : 0);
}

void lv_host_read_capabilities(GemelHost *host, const char *xml)
{
    static const GMarkupParser callbacks = {
        .start_element = on_start, .end_element = on_end, .text = on_text};
    Caps caps = {
        .path = g_string_new(NULL), .model = g_string_new(NULL), .security = g_string_new(NULL)};
    GMarkupParseContext *context =
        g_markup_parse_context_new(&callbacks, G_MARKUP_TREAT_CDATA_AS_TEXT, &caps, NULL);

    if (strnlen(xml, CAPS_BYTES_MAX + 1) <= CAPS_BYTES_MAX &&
        g_markup_parse_context_parse(context, xml, -1, NULL)) {
        if (caps.model->len > 0)
            gemel_host_set(host, GEMEL_HOST_CPU, GEMEL_HOST_YES, caps.model->str, NULL, -1);
        if (caps.vmx || caps.svm)
            gemel_host_set(host, GEMEL_HOST_VIRT, GEMEL_HOST_YES, caps.vmx ? "VT-x" : "AMD-V", NULL,
                           -1);
        gemel_host_set(host, GEMEL_HOST_KVM, caps.kvm ? GEMEL_HOST_YES : GEMEL_HOST_NO,
                       caps.kvm ? "offered" : "none", caps.kvm ? NULL : "its driver offers no KVM",
                       -1);
        if (caps.iommu_said)
            gemel_host_set(host, GEMEL_HOST_IOMMU, caps.iommu ? GEMEL_HOST_YES : GEMEL_HOST_NO,
                           caps.iommu ? "on" : "none", NULL, -1);
        gemel_host_set(host, GEMEL_HOST_LSM,
                       strstr(caps.security->str, "apparmor") != NULL ||
                               strstr(caps.security->str, "selinux") != NULL
                           ? GEMEL_HOST_YES
                           : GEMEL_HOST_PARTLY,
                       caps.security->len > 0 ? caps.security->str : "none", NULL, -1);
    }
    g_markup_parse_context_free(context);
    g_string_free(caps.path, TRUE);
    g_string_free(caps.model, TRUE);
    g_string_free(caps.security, TRUE);
}

static void read_node(GemelHost *host, virConnectPtr vir)
{
    virNodeInfo node;
    g_autofree char *cpus = NULL, *memory = NULL, *model = NULL;

    if (virNodeGetInfo(vir, &node) != 0)
        return;
    cpus = g_strdup_printf("%u", node.cpus);
    memory = g_strdup_printf("%.1f GiB", (double)node.memory / (1 << 20));
    model = g_strndup(node.model, sizeof node.model);
    gemel_host_set(host, GEMEL_HOST_CPUS, GEMEL_HOST_YES, cpus, NULL, node.cpus);
    gemel_host_set(host, GEMEL_HOST_MEMORY, GEMEL_HOST_YES, memory, NULL,
                   (gint64)node.memory * 1024);
    gemel_host_set(host, GEMEL_HOST_CPU, GEMEL_HOST_YES, model, NULL, -1);
}

GemelHost *lv_host(GemelConn *base, GError **error)
{
    LvConn *conn = lv_conn(base);
    GemelHost *host;
    char *text;

    if (conn->is_qemu && conn->is_local)
        return gemel_host_read("");
    virResetLastError();
    text = virConnectGetCapabilities(conn->vir);
    if (text == NULL) {
        lv_fail(error, conn, "cannot ask what the host of %s can do", base->backend->name);
        return NULL;
    }
    host = gemel_host_new("libvirt does not tell: run gemel there");
    read_node(host, conn->vir);
    lv_host_read_capabilities(host, text);
    free(text);
    text = virConnectGetHostname(conn->vir);
    host->name = g_strdup(text);
    free(text);
    virResetLastError();
    return host;
}
