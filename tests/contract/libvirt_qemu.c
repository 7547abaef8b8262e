/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract on real QEMUs under a private libvirtd (tests/harness/in_world.py --libvirt): guests
 * of firmware only, which start in no time and answer nothing, with a qcow2 disk for snapshots.
 */
#include "tests/contract/contract.h"

static const char *home, *type;

static GemelBackend *open_qemu(GError **error)
{
    return gemel_libvirt_ops.create("qemu", "qemu:///system", error);
}

static char *make(GemelConn *conn, const char *name, GError **error)
{
    g_autofree char *disk = g_strdup_printf("%s/%s.qcow2", home, name);
    const char *const argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", disk, "4M", NULL};
    g_autofree char *xml = g_strdup_printf(
        "<domain type='%s'><name>%s</name><memory unit='MiB'>32</memory><vcpu>2</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
        "<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        "<source file='%s'/><target dev='vda' bus='virtio'/></disk>"
        "<controller type='usb' model='none'/><interface type='user'/>"
        "<serial type='pty'/><console type='pty'/><memballoon model='virtio'/></devices></domain>",
        type, name, disk);
    const GemelCreateSpec spec = {.definition = xml};
    int status = -1;

    if (!g_file_test(disk, G_FILE_TEST_EXISTS) &&
        !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                      &status, error))
        return NULL;
    return conn->backend->ops->create_instance(conn, &spec, NULL, error);
}

static const GemelCreateSpec bad_specs[] = {
    {.definition = "not XML"},
    {.definition = "<domain type='qemu'><name>x</name>"},
    {.definition = "<network><name>x</name></network>"},
    {.definition = "<domain type='qemu'><memory>1024</memory></domain>"},
    {.name = "x", .rootfs = "/"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    const Contract contract = {
        .name = "libvirt-qemu",
        .ops = &gemel_libvirt_ops,
        .open = open_qemu,
        .make = make,
        .bad_specs = bad_specs,
        .is_silent_on_snapshots = TRUE, /* libvirt has no such event */
    };

    home = g_getenv("GEMEL_TEST_HOME");
    type = g_getenv("GEMEL_TEST_DOMAIN_TYPE");
    if (home == NULL || type == NULL)
        g_error("run it by tests/harness/in_world.py --libvirt");
    return contract_main(argc, argv, &contract, 1);
}
