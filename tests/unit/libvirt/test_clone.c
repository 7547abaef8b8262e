/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The definition of a clone: what must be unique goes, what is its own is its own, the rest stays.
 */
#include <string.h>

#include "backends/libvirt/clone.h"
#include "tests/unit/libvirt/guest.h"

static LvCloneDisk kept = {.how = LV_CLONE_KEPT};

/* A domain with these devices and other elements, cloned from "web" to "web-2". */
static char *cloned(const char *head, const char *devices, const LvCloneDisk *const *disks,
                    LvCloneXml *clone)
{
    g_autofree char *xml = g_strdup_printf("<domain type='kvm'><name>web</name>"
                                           "<uuid>6b2f3c1e-0000-4000-8000-000000000001</uuid>%s"
                                           "<devices>%s</devices></domain>",
                                           head, devices);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    char *text;

    for (gsize i = 0; disks != NULL && disks[i] != NULL; i++)
        g_ptr_array_add(list, (gpointer)disks[i]);
    *clone = (LvCloneXml){.old_name = "web", .new_name = "web-2", .disks = list};
    text = lv_clone_xml(xml, clone, &error);
    g_assert_no_error(error);
    clone->disks = NULL;
    return text;
}

static void check_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        g_error("no %s in %s", part, text);
}

static void check_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        g_error("%s in %s", part, text);
}

static void test_unique(void)
{
    LvCloneXml clone;
    g_autofree char *text = cloned(
        "<genid>1-2-3</genid><metadata><gemel:flags xmlns:gemel='urn:gemel:domain:1' "
        "protected='yes'/><app:x xmlns:app='urn:a'>kept &amp; &lt;so&gt;</app:x></metadata>"
        "<sysinfo type='smbios'><system><entry name='uuid'>6b2f</entry><entry name='serial'>s1"
        "</entry></system></sysinfo>",
        "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
        "<target dev='tap7'/></interface><interface type='ethernet'><target dev='mine' "
        "managed='no'/></interface>",
        NULL, &clone);

    check_has(text, "<name>web-2</name>");
    check_has_not(text, "<uuid>");
    check_has(text, "<genid></genid>");
    check_has_not(text, "gemel:flags");
    check_has(text, "kept &amp; &lt;so&gt;");
    check_has_not(text, "6b2f");
    check_has(text, "<entry name='serial'>s1</entry>");
    check_has_not(text, "<mac ");
    check_has(text, "network='default'");
    check_has_not(text, "tap7");
    check_has(text, "dev='mine'");
    g_assert_false(clone.has_nvram || clone.has_port);
}

static void test_disks(void)
{
    const LvCloneDisk file = {
        .how = LV_CLONE_FILE, .format = (char *)"qcow2", .new_path = (char *)"/b/web-2 & co.qcow2"};
    const LvCloneDisk linked = {.how = LV_CLONE_FILE,
                                .is_linked = TRUE,
                                .format = (char *)"raw",
                                .new_path = (char *)"/b/web-2.qcow2"};
    const LvCloneDisk volume = {.how = LV_CLONE_VOLUME,
                                .format = (char *)"raw",
                                .new_path = (char *)"/p/new-volume",
                                .new_volume = (char *)"new-volume"};
    const LvCloneDisk *const disks[] = {&file, &kept, &linked, &volume, NULL};
    LvCloneXml clone;
    g_autofree char *text = cloned(
        "",
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
        "<source file='/a/web.qcow2' index='3'/><backingStore type='file'><format type='raw'/>"
        "<source file='/a/base'/></backingStore><target dev='vda'/></disk>"
        "<disk type='file' device='cdrom'><source file='/a/web.iso'/><target dev='sda'/></disk>"
        "<disk type='file'><source file='/a/web.img'/><target dev='vdb'/></disk>"
        "<disk type='volume'><driver type='raw'/><source pool='p' volume='web'/></disk>",
        disks, &clone);

    check_has(text, "<driver name='qemu' type='qcow2' cache='none'></driver>"
                    "<source file='/b/web-2 &amp; co.qcow2'></source><target dev='vda'>");
    check_has(text, "file='/a/web.iso'");
    check_has(text, "<source file='/b/web-2.qcow2'></source><target dev='vdb'></target>"
                    "<driver name='qemu' type='qcow2'/></disk>");
    check_has(text, "pool='p' volume='new-volume'");
}

static void test_devices(void)
{
    LvCloneXml clone;
    g_autofree char *text =
        cloned("<os><nvram template='/t.fd' type='file'><source file='/n/web.fd'/></nvram></os>",
               "<serial type='pty'><log file='/l/web.log' append='on'/></serial>"
               "<serial type='file'><source path='/l/other.log'/></serial>"
               "<serial type='dev'><source path='/dev/ttyS0'/></serial>"
               "<channel type='unix'><source mode='bind' path='/c/web/agent'/></channel>"
               "<channel type='unix'><source mode='connect' path='/c/web.sock'/></channel>"
               "<graphics type='vnc' port='5901' autoport='no' listen='::1'/>"
               "<graphics type='vnc' port='-1' autoport='yes'/>",
               NULL, &clone);

    check_has(text, "<nvram template='/t.fd'></nvram>");
    check_has(text, "file='/l/web-2.log' append='on'");
    check_has(text, "path='/l/web-2-other.log'");
    check_has(text, "path='/dev/ttyS0'");
    check_has(text, "path='/c/web/web-2-agent'");
    check_has(text, "path='/c/web.sock'");
    check_has(text, "<graphics type='vnc' listen='::1' autoport='yes'>");
    check_has(text, "<graphics type='vnc' port='-1' autoport='yes'>");
    g_assert_true(clone.has_nvram && clone.has_port);
}

/* An old path as plain text, as libvirt before the newer form has it. */
static void test_nvram_as_text(void)
{
    LvCloneXml clone;
    g_autofree char *text =
        cloned("<os><nvram template='/t.fd'>/n/web.fd</nvram></os>", "", NULL, &clone);

    check_has(text, "<nvram template='/t.fd'></nvram>");
    g_assert_true(clone.has_nvram);
}

static void test_bad_xml(void)
{
    static const char *const bad[] = {"", "<domain>", "no", "<domain></x>"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GPtrArray) none = g_ptr_array_new();
        LvCloneXml clone = {.old_name = "a", .new_name = "b", .disks = none};
        g_autoptr(GError) error = NULL;

        g_assert_null(lv_clone_xml(bad[i], &clone, &error));
        test_check_error(error, GEMEL_ERROR_INVALID);
    }
}

static void test_names(void)
{
    static const struct {
        const char *path, *becomes;
    } cases[] = {
        {"/a/web.qcow2", "/a/web-2.qcow2"},
        {"/web/disk.img", "/web/web-2-disk.img"},
        {"/web/web-data.raw", "/web/web-2-data.raw"},
        {"web", "web-2"},
        {"/a/webweb", "/a/web-2web"},
        {"volume", "web-2-volume"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = lv_clone_rename(cases[i].path, "web", "web-2");

        g_assert_cmpstr(name, ==, cases[i].becomes);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/libvirt/clone/what-must-be-unique-goes", test_unique);
    g_test_add_func("/libvirt/clone/disks-are-its-own", test_disks);
    g_test_add_func("/libvirt/clone/logs-sockets-and-displays-do-not-meet", test_devices);
    g_test_add_func("/libvirt/clone/uefi-variables-as-text-go", test_nvram_as_text);
    g_test_add_func("/libvirt/clone/what-is-no-xml-is-invalid", test_bad_xml);
    g_test_add_func("/libvirt/clone/names-of-files", test_names);
    return g_test_run();
}
