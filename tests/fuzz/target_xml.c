/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Definitions of domains, snapshots and volumes, and the clone that is written of one. The same
 * bytes serve as the arguments of a QEMU. */
#include "backends/libvirt/clone.h"
#include "backends/libvirt/xml.h"
#include "fuzz.h"

/* Every disk gets a copy of another name. */
static void check_clone(const char *text, const LvXmlDomain *domain)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(g_free);
    LvCloneXml clone = {.old_name = "a", .new_name = "b<&'", .disks = disks};
    g_autoptr(LvXmlDomain) again = NULL;
    g_autofree char *written = NULL;

    for (guint i = 0; i < domain->disks->len; i++) {
        LvCloneDisk *disk = g_new0(LvCloneDisk, 1);

        disk->how = i % 3;
        disk->is_linked = i % 2 == 1;
        disk->format = (char *)"raw";
        disk->new_path = (char *)"/new'";
        disk->new_volume = (char *)"new";
        g_ptr_array_add(disks, disk);
    }
    written = lv_clone_xml(text, &clone, NULL);
    PROMISE(written != NULL);
    again = lv_xml_domain_parse(written, NULL);
    PROMISE(again != NULL && again->uuid == NULL);
    PROMISE(again->disks->len == domain->disks->len);
    PROMISE(domain->name == NULL || g_str_equal(again->name, "b<&'"));
}

static void check_domain(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LvXmlDomain) domain = lv_xml_domain_parse(text, &error);
    GemelIsolation *isolation;

    PROMISE((domain == NULL) == (error != NULL));
    if (domain == NULL)
        return;
    PROMISE(lv_xml_cpu_limit(domain) >= 0);
    for (guint i = 0; i < domain->disks->len; i++)
        g_free(lv_xml_disk_source(domain->disks->pdata[i]));
    lv_xml_snapshot_obstacle(domain, NULL);
    isolation = gemel_isolation_new();
    lv_isolation_read_xml(isolation, domain, text);
    gemel_isolation_free(isolation);
    check_clone(text, domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    GemelIsolation *isolation = gemel_isolation_new();

    check_domain(text);
    lv_xml_snapshot_free(lv_xml_snapshot_parse(text, NULL));
    lv_xml_volume_free(lv_xml_volume_parse(text, NULL));
    lv_isolation_read_args(isolation, text, size);
    gemel_isolation_free(isolation);
    free(text);
    return 0;
}
