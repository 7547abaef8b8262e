/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glib.h>
#include <string.h>
#include <sys/mount.h>

#include "caps.h"
#include "home.h"
#include "mounts.h"
#include "rootfs.h"
#include "spec.h"

static json_t *parse(const char *text)
{
    struct err err = {0};
    json_t *doc = json_parse(text, strlen(text), "test", &err);
    g_assert_cmpstr(err.text, ==, "");
    g_assert_nonnull(doc);
    return doc;
}

/* A whole configuration around one piece of "linux". */
static json_t *config_with(const char *linux_part)
{
    char *text = g_strdup_printf("{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{"
                                 "\"cwd\":\"/\",\"args\":[\"x\"]},"
                                 "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]%s}}",
                                 linux_part);
    json_t *doc = parse(text);
    g_free(text);
    return doc;
}

static void expect_error(json_t *doc, const char *part)
{
    struct spec spec;
    struct err err = {0};
    g_assert_cmpint(spec_parse(doc, &spec, &err), ==, -1);
    if (!strstr(err.text, part))
        g_error("'%s' does not name %s", err.text, part);
    json_decref(doc);
}

static void the_smallest_configuration_is_taken(void)
{
    struct spec spec;
    struct err err = {0};
    json_t *doc = config_with("");
    g_assert_cmpint(spec_parse(doc, &spec, &err), ==, 0);
    g_assert_cmpstr(spec.process.args[0], ==, "x");
    g_assert_false(spec.process.has_caps);
    json_decref(doc);
}

static void wrong_fields_are_named(void)
{
    expect_error(config_with(",\"cgroupsPath\":\"a/../b\""), "linux.cgroupsPath");
    expect_error(config_with(",\"cgroupsPath\":\"/\""), "linux.cgroupsPath");
    expect_error(config_with(",\"maskedPaths\":[\"x\"]"), "linux.maskedPaths[0]");
    expect_error(config_with(",\"resources\":{\"pids\":{\"limit\":\"many\"}}"),
                 "linux.resources.pids.limit");
    expect_error(config_with(",\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\","
                             "\"major\":4294967297}]}"),
                 "linux.resources.devices[0]: 4294967297:-1 is no device number");
    expect_error(config_with(",\"devices\":[{\"path\":\"/dev/x\",\"type\":\"b\",\"major\":4104,"
                             "\"minor\":0}]"),
                 "linux.devices[0]: 4104:0 is no device number");
    expect_error(config_with(",\"resources\":{\"memory\":{\"limit\":\"100\"}}"),
                 "linux.resources.memory.limit");
    expect_error(config_with(",\"resources\":{\"devices\":[{\"type\":\"q\"}]}"),
                 "linux.resources.devices[0].type");
    expect_error(config_with(",\"resources\":{\"unified\":{\"cgroup.procs\":\"1\"}}"),
                 "cgroup.procs");
    expect_error(config_with(",\"resources\":{\"unified\":{\"../x.y\":\"1\"}}"), "../x.y");
    expect_error(config_with(",\"resources\":{\"memory\":{\"limit\":100,\"swap\":50}}"),
                 "memory.swap");
    expect_error(config_with(",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
                 "linux.uidMappings");
    expect_error(config_with(",\"sysctl\":{\"net.x\":\"1\"}"), "network namespace");
    expect_error(config_with(",\"sysctl\":{\"net.../../x\":\"1\"}"), "is not a name");
    expect_error(config_with(",\"intelRdt\":{}"), "linux.intelRdt");
    expect_error(config_with(",\"rootfsPropagation\":\"sideways\""), "linux.rootfsPropagation");
}

/* An error of one object of linux.resources. */
static void expect_resource_error(const char *resources, const char *part)
{
    char *text = g_strdup_printf(",\"resources\":{%s}", resources);
    expect_error(config_with(text), part);
    g_free(text);
}

static void wrong_resources_are_named(void)
{
    static const struct {
        const char *json, *part;
    } rows[] = {
        {"'hugepageLimits':[{'pageSize':'2M','limit':1}]", "hugepageLimits[0].pageSize"},
        {"'hugepageLimits':[{'pageSize':'../B','limit':1}]", "hugepageLimits[0].pageSize"},
        {"'hugepageLimits':[{'pageSize':'2MB'}]", "hugepageLimits[0].limit"},
        {"'hugepageLimits':[1]", "hugepageLimits[0]"},
        {"'rdma':{'mlx5_1':{}}", "rdma.mlx5_1"},
        {"'rdma':{'mlx5_1':{'hcaHandles':4294967296}}", "rdma.mlx5_1.hcaHandles"},
        {"'rdma':{'a b':{'hcaHandles':4}}", "rdma.a b"},
        {"'network':{'classID':4294967296}", "network.classID"},
        {"'network':{'priorities':[{'name':'eth0'}]}", "network.priorities[0]"},
        {"'network':{'priorities':[{'name':'a b','priority':1}]}", "network.priorities[0]"},
        {"'cpu':{'quota':10,'burst':11}", "cpu.burst"},
        {"'cpu':{'cpus':'x'}", "cpu.cpus"},
        {"'blockIO':{'weight':9}", "blockIO.weight"},
        {"'blockIO':{'leafWeight':100}", "blockIO.leafWeight"},
        {"'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':1001}]}", "weightDevice[0]"},
        {"'blockIO':{'weightDevice':[{'major':8,'minor':0}]}", "weightDevice[0]"},
        {"'blockIO':{'throttleReadBpsDevice':[{'major':8,'rate':1}]}", "throttleReadBpsDevice[0]"},
        {"'memory':{'swappiness':101}", "memory.swappiness"},
        {"'memory':{'useHierarchy':false}", "memory.useHierarchy"},
        {"'memory':{'limit':-2}", "memory.limit"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *json = g_strdelimit(g_strdup(rows[i].json), "'", '"');
        expect_resource_error(json, rows[i].part);
        g_free(json);
    }
}

static void versions_are_semantic_and_compatible_within_1(void)
{
    const char *good[] = {"1.0.0", "1.0.2-dev", "1.1.0+build.5", "1.0.0-rc5-dev", "1.99.12"};
    const char *bad[] = {"1.0",    "2.0.0",  "1.0.0.0", "1.a.0",  "",
                         "1.0.0-", "1.01.0", "0.1.0",   "1.0.0 x"};
    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        bool well = i < ARRAY_LEN(good);
        struct spec spec;
        struct err err = {0};
        json_t *doc = config_with("");
        json_object_set_new(doc, "ociVersion",
                            json_string(well ? good[i] : bad[i - ARRAY_LEN(good)]));
        g_assert_cmpint(spec_parse(doc, &spec, &err), ==, well ? 0 : -1);
        json_decref(doc);
    }
}

static void configurations_for_other_platforms_are_named(void)
{
    struct spec spec;
    struct err err = {0};
    json_t *doc = config_with("");
    json_object_set_new(doc, "windows", json_object());
    g_assert_cmpint(spec_parse(doc, &spec, &err), ==, 0);
    json_object_del(doc, "linux");
    expect_error(doc, "windows");
}

static void unknown_properties_are_ignored(void)
{
    struct spec spec;
    struct err err = {0};
    json_t *doc = config_with(",\"frob\":[1],\"resources\":{\"frob\":{\"x\":null}}");
    json_object_set_new(doc, "frob", json_true());
    g_assert_cmpint(spec_parse(doc, &spec, &err), ==, 0);
    json_decref(doc);
}

static void destinations_have_one_slash_in_front_and_none_behind(void)
{
    struct spec spec;
    struct err err = {0};
    json_t *doc = config_with("");
    json_object_set_new(doc, "mounts",
                        json_pack("[{s:s,s:s},{s:s,s:s}]", "destination", "a//b/", "type", "tmpfs",
                                  "destination", "///dev//", "type", "tmpfs"));
    g_assert_cmpint(spec_parse(doc, &spec, &err), ==, 0);
    g_assert_cmpstr(spec.mounts[0].destination, ==, "/a/b");
    g_assert_cmpstr(spec.mounts[1].destination, ==, "/dev");
    json_decref(doc);
}

static void unlimited_memory_may_be_written_as_uint64(void)
{
    struct spec_resources res = {0};
    struct err err = {0};
    json_t *doc = parse("{\"memory\":{\"limit\":18446744073709551615},\"pids\":{\"limit\":-1}}");
    g_assert_cmpint(spec_parse_resources(doc, "r", &res, &err), ==, 0);
    g_assert_true(res.mem_limit.set);
    g_assert_cmpint(res.mem_limit.value, ==, -1);
    g_assert_cmpint(res.pids_limit.value, ==, -1);
    json_decref(doc);
}

static void rlimits_keep_the_whole_uint64(void)
{
    struct spec_process process;
    struct err err = {0};
    json_t *doc = parse("{\"cwd\":\"/\",\"args\":[\"x\"],\"rlimits\":[{\"type\":\"RLIMIT_CORE\","
                        "\"soft\":0,\"hard\":18446744073709551615}]}");
    g_assert_cmpint(spec_parse_process(doc, "process", &process, &err), ==, 0);
    g_assert_cmpuint(process.rlimits[0].hard, ==, UINT64_MAX);
    json_decref(doc);
}

static void capability_names_come_in_any_case_and_only_by_name(void)
{
    g_assert_cmpint(caps_number("CAP_CHOWN"), ==, 0);
    g_assert_cmpint(caps_number("cap_net_raw"), ==, 13);
    g_assert_cmpint(caps_number("SYS_ADMIN"), ==, 21);
    g_assert_cmpint(caps_number("CAP_"), ==, -1);
    g_assert_cmpint(caps_number("CAP_5"), ==, -1);
    g_assert_cmpint(caps_number(""), ==, -1);
    g_assert_cmpint(caps_number("CAP_NOPE"), ==, -1);
}

static struct mount_plan plan_of(const char *type, const char **options, size_t n)
{
    static struct spec_mount mount;
    struct mount_plan plan;
    mount =
        (struct spec_mount){.destination = "/x", .type = type, .options = options, .n_options = n};
    mount_plan_parse(&mount, &plan);
    return plan;
}

static void later_mount_options_override_earlier_ones(void)
{
    const char *options[] = {"ro",      "nosuid",   "rw",      "suid",
                             "noatime", "relatime", "size=1m", "inode64"};
    struct mount_plan plan = plan_of("tmpfs", options, ARRAY_LEN(options));
    g_assert_cmpuint(plan.attr_set, ==, 0);
    g_assert_cmpuint(plan.attr_clear, ==,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
    g_assert_cmpuint(plan.n_data, ==, 2);
    g_assert_cmpstr(plan.data[0], ==, "size=1m");
    const char *again[] = {"rw", "ro"};
    plan = plan_of("tmpfs", again, 2);
    g_assert_cmpuint(plan.attr_set, ==, MOUNT_ATTR_RDONLY);
    g_assert_cmpuint(plan.attr_clear, ==, 0);
}

static void bind_mounts_are_told_by_type_or_option(void)
{
    const char *options[] = {"rbind", "rslave", "rro"};
    struct mount_plan plan = plan_of("none", options, 3);
    g_assert_true(plan.bind && plan.recursive && plan.propagation_recursive);
    g_assert_cmpuint(plan.propagation, ==, MS_SLAVE);
    g_assert_cmpuint(plan.rec_attr_set, ==, MOUNT_ATTR_RDONLY);
    g_assert_true(plan_of("bind", NULL, 0).bind);
    g_assert_false(plan_of("tmpfs", NULL, 0).bind);
}

static void every_mount_option_has_one_row(void)
{
    const char *const *names = mount_option_names();
    for (size_t i = 0; names[i]; i++)
        for (size_t k = 0; k < i; k++)
            g_assert_cmpstr(names[i], !=, names[k]);
}

static void overlay_lists_split_at_colons_that_are_not_escaped(void)
{
    size_t n;
    const char **list = overlay_split("/a:/b\\:c::/d\\\\", &n);
    g_assert_cmpuint(n, ==, 3);
    g_assert_cmpstr(list[0], ==, "/a");
    g_assert_cmpstr(list[1], ==, "/b:c");
    g_assert_cmpstr(list[2], ==, "/d\\");
    overlay_split("", &n);
    g_assert_cmpuint(n, ==, 0);
}

static void ids_are_names_without_a_dot_in_front(void)
{
    g_assert_true(id_valid("a-B_1.2+3"));
    const char *bad[] = {"", ".", "..", ".x", "a/b", "a b", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        g_assert_false(id_valid(bad[i]));
}

static void lists_of_cpus_are_numbers_and_ranges(void)
{
    cpu_set_t set;
    g_assert_cmpint(spec_parse_cpus("0-3,7", &set), ==, 0);
    g_assert_cmpint(CPU_COUNT(&set), ==, 5);
    g_assert_true(CPU_ISSET(7, &set) && CPU_ISSET(0, &set) && !CPU_ISSET(4, &set));
    const char *bad[] = {"", ",", "1,", "a", "3-1", "0-", "-1", "1 2", "0-99999", "5000"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        g_assert_cmpint(spec_parse_cpus(bad[i], &set), ==, -1);
}

static void a_home_is_the_sixth_field_of_the_users_line(void)
{
    const char passwd[] = "x\n::::::\nroot:x:0:0:root:/root:/bin/sh\nn:x:5:5::relative:\n"
                          "a:x:12a:5::/no:\nb:x:12:5:::\nc:x:12:5::/yes";
    g_assert_cmpstr(home_find(passwd, 0), ==, "/root");
    g_assert_cmpstr(home_find(passwd, 12), ==, "/yes");
    g_assert_null(home_find(passwd, 5));
    g_assert_null(home_find(passwd, 6));
    g_assert_null(home_find("", 0));
}

static void capabilities_lose_what_cannot_be_granted(void)
{
    struct spec_process p = {.unknown_caps = "CAP_NOPE"};
    p.caps[CAPSET_PERMITTED] = p.caps[CAPSET_BOUNDING] = 3;
    p.caps[CAPSET_EFFECTIVE] = 5;
    p.caps[CAPSET_AMBIENT] = 1;
    const char *warning = caps_limit(&p, true);
    g_assert_nonnull(strstr(warning, "CAP_NOPE"));
    g_assert_nonnull(strstr(warning, "CAP_DAC_READ_SEARCH"));
    g_assert_cmpuint(p.caps[CAPSET_PERMITTED], ==, 3);
    g_assert_cmpuint(p.caps[CAPSET_EFFECTIVE], ==, 1);
    g_assert_cmpuint(p.caps[CAPSET_AMBIENT], ==, 0);
    p.unknown_caps = NULL;
    g_assert_null(caps_limit(&p, true));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/spec/" #f, f)
    ADD(the_smallest_configuration_is_taken);
    ADD(wrong_fields_are_named);
    ADD(wrong_resources_are_named);
    ADD(versions_are_semantic_and_compatible_within_1);
    ADD(configurations_for_other_platforms_are_named);
    ADD(unknown_properties_are_ignored);
    ADD(destinations_have_one_slash_in_front_and_none_behind);
    ADD(unlimited_memory_may_be_written_as_uint64);
    ADD(rlimits_keep_the_whole_uint64);
    ADD(capability_names_come_in_any_case_and_only_by_name);
    ADD(later_mount_options_override_earlier_ones);
    ADD(bind_mounts_are_told_by_type_or_option);
    ADD(every_mount_option_has_one_row);
    ADD(overlay_lists_split_at_colons_that_are_not_escaped);
    ADD(ids_are_names_without_a_dot_in_front);
    ADD(lists_of_cpus_are_numbers_and_ranges);
    ADD(a_home_is_the_sixth_field_of_the_users_line);
    ADD(capabilities_lose_what_cannot_be_granted);
    int rc = g_test_run();
    mem_release();
    return rc;
}
