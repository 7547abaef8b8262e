/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "backends/error.h"
#include "backends/libvirt/xml.h"

static char *fixture(const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "libvirt", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static LvXmlDomain *domain_of(const char *xml)
{
    g_autoptr(GError) error = NULL;
    LvXmlDomain *domain = lv_xml_domain_parse(xml, &error);

    g_assert_no_error(error);
    return domain;
}

static void test_recorded_domain(void)
{
    g_autofree char *xml = fixture("domain-running.xml");
    g_autoptr(LvXmlDomain) domain = domain_of(xml);
    const LvXmlDisk *disk, *drive;
    const LvXmlNic *nic;
    g_autofree char *source = NULL;

    g_assert_cmpstr(domain->name, ==, "tx1");
    g_assert_cmpuint(strlen(domain->uuid), ==, 36);
    g_assert_cmpstr(domain->type, ==, "kvm");
    g_assert_cmpstr(domain->arch, ==, "x86_64");
    g_assert_cmpstr(domain->machine, ==, "pc-i440fx-7.2");
    g_assert_cmpstr(domain->cpu_mode, ==, "custom");
    g_assert_cmpstr(domain->cpu_model, ==, "qemu64");
    g_assert_cmpstr(domain->balloon_model, ==, "virtio");
    g_assert_cmpuint(domain->vcpus, ==, 2);
    g_assert_cmpuint(domain->memory_bytes, ==, 64u << 20);
    g_assert_cmpuint(domain->disks->len, ==, 2);
    disk = domain->disks->pdata[0];
    g_assert_cmpstr(disk->target, ==, "vda");
    g_assert_cmpstr(disk->bus, ==, "virtio");
    g_assert_cmpstr(disk->format, ==, "qcow2");
    source = lv_xml_disk_source(disk);
    g_assert_cmpstr(source, ==, "/var/lib/libvirt/images/x1.qcow2");
    drive = domain->disks->pdata[1];
    g_assert_cmpstr(drive->device, ==, "cdrom");
    g_assert_true(drive->is_readonly);
    g_assert_null(lv_xml_disk_source(drive));
    nic = domain->nics->pdata[0];
    g_assert_cmpstr(nic->type, ==, "ethernet");
    g_assert_cmpstr(nic->target, ==, "vnet0");
    g_assert_cmpstr(nic->model, ==, "virtio");
    g_assert_cmpuint(domain->consoles->len, ==, 1);
    g_assert_cmpuint(domain->serials->len, ==, 1);
    g_assert_null(lv_xml_snapshot_obstacle(domain, NULL));
}

static void test_recorded_snapshot(void)
{
    g_autofree char *xml = fixture("snapshot-with-memory.xml");
    g_autoptr(GError) error = NULL;
    g_autoptr(LvXmlSnapshot) snapshot = lv_xml_snapshot_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(snapshot->name, ==, "s1");
    g_assert_cmpstr(snapshot->description, ==, "before <the> upgrade & \"more\"");
    g_assert_cmpstr(snapshot->state, ==, "running");
    g_assert_cmpstr(snapshot->memory, ==, "internal");
    g_assert_cmpstr(snapshot->parent, ==, NULL);
    g_assert_cmpint(snapshot->created_unix, >, 1500000000);
    g_assert_false(snapshot->has_external_disk);
}

static void test_external_snapshot(void)
{
    g_autoptr(LvXmlSnapshot) snapshot = lv_xml_snapshot_parse(
        "<domainsnapshot><name>x</name><parent><name>p</name></parent><memory snapshot='no'/>"
        "<disks><disk name='vda' snapshot='internal'/><disk name='vdb' "
        "snapshot='external'/></disks>"
        "<domain><name>not this</name></domain></domainsnapshot>",
        NULL);

    g_assert_cmpstr(snapshot->name, ==, "x");
    g_assert_cmpstr(snapshot->parent, ==, "p");
    g_assert_true(snapshot->has_external_disk);
}

/* The elements below a disk that look like its own are those of other images. */
static void test_nested_sources_are_not_the_disks(void)
{
    g_autoptr(LvXmlDomain) domain = domain_of(
        "<domain><devices><disk type='file'><backingStore type='file'><format type='raw'/>"
        "<source file='/base'/></backingStore><mirror><source file='/mirror'/></mirror>"
        "<source file='/top'/><driver type='qcow2'/></disk></devices></domain>");
    const LvXmlDisk *disk = domain->disks->pdata[0];

    g_assert_cmpstr(disk->file, ==, "/top");
    g_assert_cmpstr(disk->format, ==, "qcow2");
}

static void test_units(void)
{
    static const struct {
        const char *xml;
        guint64 bytes;
    } cases[] = {
        {"<domain><memory>4</memory></domain>", 4096},
        {"<domain><memory unit='b'>4</memory></domain>", 4},
        {"<domain><memory unit='KB'>4</memory></domain>", 4000},
        {"<domain><memory unit='MiB'>4</memory></domain>", 4u << 20},
        {"<domain><memory unit='GiB'> 4 </memory></domain>", G_GUINT64_CONSTANT(4) << 30},
        {"<domain><memory unit='parsec'>4</memory></domain>", 0},
        {"<domain><memory unit='TiB'>18446744073709551615</memory></domain>", 0},
        {"<domain><memory>-1</memory></domain>", 0},
        {"<domain><memory>x</memory></domain>", 0},
        {"<domain/>", 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LvXmlDomain) domain = domain_of(cases[i].xml);

        g_assert_cmpuint(domain->memory_bytes, ==, cases[i].bytes);
    }
}

static void test_current_values_win_over_maxima(void)
{
    g_autoptr(LvXmlDomain) domain =
        domain_of("<domain><memory unit='MiB'>8</memory><currentMemory unit='MiB'>4</currentMemory>"
                  "<vcpu current='2'>4</vcpu></domain>");

    g_assert_cmpuint(domain->memory_bytes, ==, 4u << 20);
    g_assert_cmpuint(domain->memory_max_bytes, ==, 8u << 20);
    g_assert_cmpuint(domain->vcpus, ==, 2);
    g_assert_cmpuint(domain->vcpus_max, ==, 4);
}

static void test_cpu_limit(void)
{
    static const struct {
        const char *tune;
        double cpus;
    } cases[] = {
        {"", 0},
        {"<quota>-1</quota>", 0},
        {"<quota>50000</quota>", 2},
        {"<period>50000</period><quota>50000</quota>", 4},
        {"<global_quota>50000</global_quota>", 0.5},
        {"<quota>10000</quota><global_quota>50000</global_quota>", 0.4},
        {"<quota>50000</quota><global_quota>50000</global_quota>", 0.5},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain><vcpu>4</vcpu><cputune>%s</cputune></domain>", cases[i].tune);
        g_autoptr(LvXmlDomain) domain = domain_of(xml);

        g_assert_cmpfloat_with_epsilon(lv_xml_cpu_limit(domain), cases[i].cpus, 1e-9);
    }
}

static void test_snapshot_obstacles(void)
{
    static const struct {
        const char *xml, *says;
    } cases[] = {
        {"<domain><devices/></domain>", "has no qcow2 disk"},
        {"<domain><devices><disk><driver type='qcow2'/><source "
         "file='/a'/></disk></devices></domain>",
         NULL},
        {"<domain><devices><disk><driver type='raw'/><source file='/a'/></disk></devices></domain>",
         "not qcow2"},
        {"<domain><devices><disk><driver type='qcow2'/><source file='/a'/></disk>"
         "<disk device='cdrom'><driver type='raw'/><source file='/b'/><readonly/></disk></devices>"
         "</domain>",
         NULL},
        {"<domain><devices><disk><driver type='qcow2'/><source file='/a'/></disk>"
         "<disk snapshot='no'><driver type='raw'/><source file='/b'/></disk></devices></domain>",
         NULL},
        {"<domain><os><loader type='pflash'>/x</loader></os><devices><disk><driver type='qcow2'/>"
         "<source file='/a'/></disk></devices></domain>",
         "UEFI"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LvXmlDomain) domain = domain_of(cases[i].xml);
        const char *obstacle = lv_xml_snapshot_obstacle(domain, NULL);

        if (cases[i].says == NULL)
            g_assert_cmpstr(obstacle, ==, NULL);
        else
            g_assert_nonnull(strstr(obstacle, cases[i].says));
    }
}

static void check_refused(const char *xml)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(lv_xml_domain_parse(xml, &error));
    g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_assert_null(strchr(error->message, '\n'));
}

static void test_malformed_documents_are_refused(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "domain",
        "<domain",
        "<domain>",
        "<domain></domain><domain></domain",
        "<domain><name>x</domain></name>",
        "<network/>",
        "<domain><name>\xff\xfe</name></domain>",
        "<domain><name>&unknown;</name></domain>",
        "<domain><name a='1' a=></name></domain>",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        check_refused(bad[i]);
}

/* An entity declared in the document is not expanded, so a "billion laughs" stays a few bytes. */
static void test_entity_bombs_do_not_go_off(void)
{
    check_refused("<!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
                  "<domain><name>&b;</name></domain>");
    check_refused("<!DOCTYPE d [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
                  "<domain><name>&f;</name></domain>");
}

static void test_deep_nesting_is_refused(void)
{
    g_autoptr(GString) deep = g_string_new("<domain>");

    for (int i = 0; i < 100000; i++)
        g_string_append(deep, "<a>");
    check_refused(deep->str);
}

static void test_endless_device_lists_are_refused(void)
{
    g_autoptr(GString) many = g_string_new("<domain><devices>");

    for (int i = 0; i <= LV_XML_ITEMS_MAX; i++)
        g_string_append(many, "<disk/>");
    g_string_append(many, "</devices></domain>");
    check_refused(many->str);
}

static void test_huge_documents_are_refused(void)
{
    static char huge[LV_XML_BYTES_MAX + 2];

    memset(huge, ' ', sizeof huge - 1);
    check_refused(huge);
}

/* Elements repeated where one is expected: the first counts, nothing leaks. */
static void test_repeated_elements(void)
{
    g_autoptr(LvXmlDomain) domain =
        domain_of("<domain><name>one</name><name>two</name><devices><disk><source file='/a'/>"
                  "<source file='/b'/></disk></devices></domain>");

    g_assert_cmpstr(domain->name, ==, "one");
    g_assert_cmpstr(((LvXmlDisk *)domain->disks->pdata[0])->file, ==, "/a");
}

/* ---- isolation ------------------------------------------------------------------------------ */

static void test_machine(void)
{
    static const char xml[] =
        "<domain type='qemu'><os><type arch='x86_64' machine='pc'>hvm</type></os>"
        "<cpu mode='custom'><model>qemu64</model></cpu><devices>"
        "<disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>"
        "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000'/></interface>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        "<video><model type='qxl'/></video><memballoon model='none'/>"
        "<input type='mouse' bus='ps2'/></devices></domain>";
    g_autoptr(LvXmlDomain) parsed = lv_xml_domain_parse(xml, NULL);
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();
    g_autoptr(GString) devices = g_string_new(NULL);

    lv_isolation_read_xml(isolation, parsed, xml);
    for (guint i = 0; i < isolation->devices->len; i++) {
        const GemelIsolationDevice *device = g_ptr_array_index(isolation->devices, i);

        g_string_append_printf(devices, "%s %s %s%s\n", device->what,
                               device->name != NULL ? device->name : "-", device->model,
                               device->is_paravirtual ? " pv" : "");
    }
    g_assert_cmpstr(devices->str, ==,
                    "disk vda virtio pv\nnic 52:54:00:00:00:01 e1000\nrng - virtio pv\n"
                    "video - qxl\ninput mouse ps2\n");
    g_assert_cmpstr(isolation->accelerator, ==, "tcg");
    g_assert_cmpstr(isolation->machine, ==, "pc");
    g_assert_cmpstr(isolation->cpu_model, ==, "qemu64 (custom)");
}

/* What runs wins over what was written. */
static void test_arguments(void)
{
    static const char args[] = "qemu\0-machine\0pc-q35-7.2,accel=kvm:tcg,usb=off\0-cpu\0host,+x\0"
                               "-accel\0tcg,thread=multi\0-cpu";
    g_autoptr(GemelIsolation) isolation = gemel_isolation_new();

    isolation->machine = g_strdup("q35");
    lv_isolation_read_args(isolation, args, sizeof args);
    g_assert_cmpstr(isolation->machine, ==, "pc-q35-7.2");
    g_assert_cmpstr(isolation->cpu_model, ==, "host");
    g_assert_cmpstr(isolation->accelerator, ==, "tcg");
    lv_isolation_read_args(isolation, "", 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/libvirt/xml/a recorded domain is read", test_recorded_domain);
    g_test_add_func("/libvirt/xml/a recorded snapshot is read", test_recorded_snapshot);
    g_test_add_func("/libvirt/xml/an external snapshot is known", test_external_snapshot);
    g_test_add_func("/libvirt/xml/nested sources are not the disk's",
                    test_nested_sources_are_not_the_disks);
    g_test_add_func("/libvirt/xml/sizes have units and do not overflow", test_units);
    g_test_add_func("/libvirt/xml/current values win over maxima",
                    test_current_values_win_over_maxima);
    g_test_add_func("/libvirt/xml/the smaller cpu limit holds", test_cpu_limit);
    g_test_add_func("/libvirt/xml/what stands in the way of a snapshot", test_snapshot_obstacles);
    g_test_add_func("/libvirt/xml/malformed documents are refused",
                    test_malformed_documents_are_refused);
    g_test_add_func("/libvirt/xml/entity bombs do not go off", test_entity_bombs_do_not_go_off);
    g_test_add_func("/libvirt/xml/deep nesting is refused", test_deep_nesting_is_refused);
    g_test_add_func("/libvirt/xml/endless device lists are refused",
                    test_endless_device_lists_are_refused);
    g_test_add_func("/libvirt/xml/huge documents are refused", test_huge_documents_are_refused);
    g_test_add_func("/libvirt/xml/repeated elements: the first counts", test_repeated_elements);
    g_test_add_func("/libvirt/xml/the machine is read from the definition", test_machine);
    g_test_add_func("/libvirt/xml/arguments of the running QEMU win", test_arguments);
    return g_test_run();
}
