/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits written into directories of plain files, and the rules of devices. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "cgroup_devices.h"
#include "cgroup_limits.h"
#include "cgroup_undo.h"

/* A directory with the files named, each "NAME=CONTENT"; its descriptor. */
static int group(char **ret_path, ...)
{
    va_list ap;
    char *path = g_dir_make_tmp("gemel-limits-XXXXXX", NULL);
    va_start(ap, ret_path);
    for (const char *file; (file = va_arg(ap, const char *));) {
        const char *equals = strchr(file, '=');
        char *name = g_strndup(file, (gsize)(equals - file));
        char *full = g_build_filename(path, name, NULL);
        g_assert_true(g_file_set_contents(full, equals + 1, -1, NULL));
        g_free(full);
        g_free(name);
    }
    va_end(ap);
    *ret_path = path;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void assert_file(const char *path, const char *name, const char *want)
{
    char *full = g_build_filename(path, name, NULL), *text = NULL;
    g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, want);
    g_free(text);
    g_free(full);
}

static void drop(char *path, int dir)
{
    GDir *list = g_dir_open(path, 0, NULL);
    for (const char *name; (name = g_dir_read_name(list));) {
        char *full = g_build_filename(path, name, NULL);
        g_remove(full);
        g_free(full);
    }
    g_dir_close(list);
    g_rmdir(path);
    g_free(path);
    close(dir);
}

static GPtrArray *documents; /* what was parsed: strings point into it until the end */

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    g_ptr_array_add(documents, json);
    return json;
}

static struct spec_resources resources(const char *text)
{
    struct spec_resources res = {0};
    struct err err = {0};
    json_t *json = load(text);
    g_assert_nonnull(json);
    int rc = spec_parse_resources(json, "resources", &res, &err);
    g_assert_cmpstr(err.text, ==, "");
    g_assert_cmpint(rc, ==, 0);
    return res;
}

static void shares_become_a_weight_as_crun_and_runc_have_it(void)
{
    static const uint64_t table[][2] = {{0, 1},    {2, 1},          {1024, 39},
                                        {512, 20}, {262144, 10000}, {1 << 30, 10000}};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        g_assert_cmpuint(limit_weight_of_shares(table[i][0]), ==, table[i][1]);
    g_assert_cmpuint(limit_io_weight(10), ==, 1);
    g_assert_cmpuint(limit_io_weight(500), ==, 4950);
    g_assert_cmpuint(limit_io_weight(1000), ==, 10000);
}

static void swap_on_v2_is_what_is_asked_for_less_the_limit(void)
{
    static const struct {
        const char *json, *now, *max, *swap;
    } rows[] = {
        {"{'memory': {'limit': 1000, 'swap': 3000}}", "max", "1000", "2000"},
        {"{'memory': {'limit': 1000, 'swap': 1000}}", "max", "1000", "0"},
        {"{'memory': {'limit': 1000, 'swap': -1}}", "max", "1000", "max"},
        {"{'memory': {'limit': -1}}", "1000", "max", "max"},
        {"{'memory': {'swap': 3000}}", "1000", "1000", "2000"},
        {"{'memory': {'limit': 1000}}", "max", "1000", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *path, *json = g_strdelimit(g_strdup(rows[i].json), "'", '"');
        char *max = g_strdup_printf("memory.max=%s", rows[i].now);
        int dir = group(&path, max, "memory.swap.max=", "memory.low=", NULL);
        struct spec_resources res = resources(json);
        struct err err = {0};
        g_assert_cmpint(limit_memory_v2(dir, &res, &err), ==, 0);
        char *full = g_build_filename(path, "memory.max", NULL), *text;
        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        g_assert_true(g_str_has_prefix(text, rows[i].max));
        g_free(text);
        g_free(full);
        assert_file(path, "memory.swap.max", rows[i].swap);
        g_free(max);
        g_free(json);
        drop(path, dir);
    }
}

static void what_was_written_is_taken_back_by_the_form_of_its_file(void)
{
    static const struct {
        const char *file, *text, *before, *back;
    } rows[] = {
        {"memory.max", "1000", "max\n", "max"},
        {"cpu.max", "20000 50000", "max 100000\n", "max 100000"},
        {"cpuset.cpus", "0", "\n", "\n"},
        {"memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "0"},
        {"io.weight", "200", "default 100\n8:0 300\n", "default 100"},
        {"io.weight", "8:0 200", "default 100\n8:0 300\n", "8:0 300"},
        {"io.weight", "8:1 200", "default 100\n", "8:1 default"},
        {"io.max", "8:0 rbps=5", "8:16 rbps=1\n8:0 rbps=max wbps=7 riops=max wiops=max\n",
         "8:0 rbps=max wbps=7 riops=max wiops=max"},
        {"io.max", "8:1 rbps=5", "", "8:1 rbps=max wbps=max riops=max wiops=max"},
        {"blkio.throttle.read_bps_device", "8:0 5", "8:16 9\n", "8:0 0"},
        {"net_prio.ifpriomap", "lo 5", "lo 0\neth0 1\n", "lo 0"},
        {"rdma.max", "x hca_handle=5", "", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpstr(undo_text(rows[i].file, rows[i].text, rows[i].before), ==, rows[i].back);
}

static void an_update_is_undone_newest_first_and_only_when_asked(void)
{
    char *path;
    struct err err = {0};
    int dir = group(&path, "a=1\n", "b=2\n", NULL);
    g_assert_cmpint(limit_put(dir, "a", "x", &err, "%d", 7), ==, 0); /* before the beginning */
    undo_begin();
    g_assert_cmpint(limit_put(dir, "a", "x", &err, "%d", 8), ==, 0);
    g_assert_cmpint(limit_put(dir, "a", "x", &err, "%d", 9), ==, 0);
    g_assert_cmpint(limit_put(dir, "b", "x", &err, "%d", 3), ==, 0);
    g_assert_cmpint(limit_put(dir, "nosuch", "x", &err, "%d", 3), ==, -1);
    undo_end(true);
    assert_file(path, "a", "7\n");
    assert_file(path, "b", "2\n");
    undo_begin();
    g_assert_cmpint(limit_put(dir, "b", "x", &err, "%d", 5), ==, 0);
    undo_end(false);
    assert_file(path, "b", "5\n");
    drop(path, dir);
}

static void swap_below_the_limit_or_without_one_is_refused_by_name(void)
{
    char *path;
    struct err err = {0};
    int dir = group(&path, "memory.max=max", "memory.swap.max=", NULL);
    struct spec_resources res = resources("{\"memory\": {\"swap\": 3000}}");
    g_assert_cmpint(limit_memory_v2(dir, &res, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "memory.swap"));
    drop(path, dir);
    dir = group(&path, "memory.max=5000", "memory.swap.max=", NULL);
    g_assert_cmpint(limit_memory_v2(dir, &res, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "not below"));
    drop(path, dir);
}

static void a_kernel_that_counts_no_swap_takes_a_ban_on_it_and_no_amount(void)
{
    char *path;
    struct err err = {0};
    int dir = group(&path, "memory.max=", NULL);
    struct spec_resources none = resources("{\"memory\": {\"limit\": 1000, \"swap\": 1000}}");
    struct spec_resources some = resources("{\"memory\": {\"limit\": 1000, \"swap\": 2000}}");
    g_assert_cmpint(limit_memory_v2(dir, &none, &err), ==, 0);
    g_assert_cmpint(limit_memory_v2(dir, &some, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "memory.swap.max"));
    drop(path, dir);
}

static void a_quota_keeps_the_period_and_a_period_the_quota(void)
{
    static const char *const rows[][3] = {
        {"{\"cpu\": {\"quota\": 20000}}", "max 50000", "20000 50000"},
        {"{\"cpu\": {\"period\": 30000}}", "15000 20000", "15000 30000"},
        {"{\"cpu\": {\"quota\": -1, \"period\": 90000}}", "10000 1000", "max 90000"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *path, *max = g_strdup_printf("cpu.max=%s\n", rows[i][1]);
        struct err err = {0};
        int dir = group(&path, max, NULL);
        struct spec_resources res = resources(rows[i][0]);
        g_assert_cmpint(limit_cpu_v2(dir, &res, &err), ==, 0);
        char *full = g_build_filename(path, "cpu.max", NULL), *text;
        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        g_assert_true(g_str_has_prefix(text, rows[i][2]));
        g_free(text);
        g_free(full);
        g_free(max);
        drop(path, dir);
    }
}

static void what_v2_cannot_is_an_error_naming_the_field(void)
{
    static const char *const rows[][2] = {
        {"{\"memory\": {\"swappiness\": 10}}", "memory.swappiness"},
        {"{\"memory\": {\"disableOOMKiller\": true}}", "memory.disableOOMKiller"},
        {"{\"memory\": {\"kernelTCP\": 4096}}", "memory.kernelTCP"},
        {"{\"cpu\": {\"realtimeRuntime\": 1000}}", "cpu.realtimeRuntime"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *path;
        struct err err = {0};
        int dir = group(&path, "memory.max=", NULL);
        struct spec_resources res = resources(rows[i][0]);
        g_assert_true(limit_memory_v2(dir, &res, &err) < 0 || limit_cpu_v2(dir, &res, &err) < 0);
        g_assert_nonnull(strstr(err.text, rows[i][1]));
        drop(path, dir);
    }
}

static void on_v1_no_limit_on_memory_is_none_on_the_sum(void)
{
    char *path;
    struct err err = {0};
    int dir = group(&path, "memory.limit_in_bytes=", "memory.memsw.limit_in_bytes=", NULL);
    struct spec_resources res = resources("{\"memory\": {\"limit\": -1}}");
    g_assert_cmpint(limit_memory_v1(dir, &res, &err), ==, 0);
    assert_file(path, "memory.limit_in_bytes", "-1");
    assert_file(path, "memory.memsw.limit_in_bytes", "-1");
    drop(path, dir);
}

static void a_missing_file_names_field_file_and_controller(void)
{
    char *path;
    struct err err = {0};
    int dir = group(&path, "cgroup.controllers=cpu pids\n", NULL);
    struct spec_resources res = resources("{\"memory\": {\"limit\": 4096}}");
    g_assert_cmpint(limit_memory_v2(dir, &res, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "memory.limit"));
    g_assert_nonnull(strstr(err.text, "memory.max"));
    g_assert_nonnull(strstr(err.text, "no parent passes the controller 'memory' down"));
    drop(path, dir);
}

/* What the specification says, told plainly: per kind of access, the last rule that matches. */
static bool answer(const struct spec_device_rule *rules, size_t n, char type, int64_t major,
                   int64_t minor, int access)
{
    for (int bit = 1; bit <= 4; bit <<= 1) {
        bool allowed = false;
        for (size_t i = 0; i < n; i++) {
            const struct spec_device_rule *r = &rules[i];
            int has = (r->mknod ? 1 : 0) | (r->read ? 2 : 0) | (r->write ? 4 : 0);
            if ((r->type == 'a' || r->type == type) && (r->major < 0 || r->major == major) &&
                (r->minor < 0 || r->minor == minor) && (has & bit))
                allowed = r->allow;
        }
        if ((access & bit) && !allowed)
            return false;
    }
    return true;
}

/* As much of the machine as the programs use. */
static bool interpret(const struct bpf_insn *insn, size_t n, char type, uint32_t major,
                      uint32_t minor, uint32_t access)
{
    struct bpf_cgroup_dev_ctx ctx = {
        .access_type =
            access << 16 | (uint32_t)(type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK),
        .major = major,
        .minor = minor};
    uint64_t reg[11] = {0};
    for (size_t at = 0; at < n; at++) {
        const struct bpf_insn *i = &insn[at];
        uint64_t imm = (uint64_t)(int64_t)i->imm, *dst = &reg[i->dst_reg], src = reg[i->src_reg];
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W: {
            uint32_t word;
            memcpy(&word, (const char *)&ctx + i->off, sizeof word);
            *dst = word;
            break;
        }
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = imm;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *dst = src;
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            *dst &= imm;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            *dst >>= imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            at += *dst != imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += *dst == imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return reg[0] == 1;
        default:
            g_assert_not_reached();
        }
    }
    g_assert_not_reached();
}

static struct spec_device_rule random_rule(GRand *rand)
{
    int access = g_rand_int_range(rand, 1, 8);
    return (struct spec_device_rule){.allow = g_rand_boolean(rand),
                                     .type = "abc"[g_rand_int_range(rand, 0, 3)],
                                     .major = g_rand_int_range(rand, -1, 3),
                                     .minor = g_rand_int_range(rand, -1, 3),
                                     .mknod = access & 1,
                                     .read = access & 2,
                                     .write = access & 4};
}

static void the_program_answers_as_the_last_rule_that_matches(void)
{
    GRand *rand = g_rand_new_with_seed(7);
    for (int round = 0; round < 3000; round++) {
        struct spec_device_rule rules[8];
        struct bpf_insn *insn;
        size_t n = (size_t)g_rand_int_range(rand, 0, 9);
        for (size_t i = 0; i < n; i++)
            rules[i] = random_rule(rand);
        size_t len = devices_program(rules, n, &insn);
        for (int ask = 0; ask < 40; ask++) {
            char type = "bc"[ask & 1];
            int major = g_rand_int_range(rand, 0, 3), minor = g_rand_int_range(rand, 0, 3);
            int access = g_rand_int_range(rand, 1, 8);
            g_assert_cmpint(
                interpret(insn, len, type, (uint32_t)major, (uint32_t)minor, (uint32_t)access), ==,
                answer(rules, n, type, major, minor, access));
        }
    }
    g_rand_free(rand);
}

/* The list that v1 keeps answers the same, or the rules are refused. */
static void a_reduced_list_answers_as_its_rules_or_is_refused(void)
{
    GRand *rand = g_rand_new_with_seed(11);
    int refused = 0, rounds = 3000;
    for (int round = 0; round < rounds; round++) {
        struct spec_device_rule rules[6];
        struct device_list list;
        struct err err;
        size_t n = (size_t)g_rand_int_range(rand, 0, 7);
        for (size_t i = 0; i < n; i++)
            rules[i] = random_rule(rand);
        if (devices_reduce(rules, n, &list, &err) < 0) {
            g_assert_nonnull(strstr(err.text, "linux.resources.devices["));
            refused++;
            continue;
        }
        for (int ask = 0; ask < 40; ask++) {
            char type = "bc"[ask & 1];
            int major = g_rand_int_range(rand, 0, 3), minor = g_rand_int_range(rand, 0, 3);
            int access = 1 << g_rand_int_range(rand, 0, 3);
            bool hit = false;
            for (size_t i = 0; i < list.n; i++)
                hit |=
                    answer(&(struct spec_device_rule){true, list.items[i].type, list.items[i].major,
                                                      list.items[i].minor, list.items[i].read,
                                                      list.items[i].write, list.items[i].mknod},
                           1, type, major, minor, access);
            g_assert_cmpint(list.allow != hit, ==, answer(rules, n, type, major, minor, access));
        }
    }
    g_assert_cmpint(refused, <, rounds / 2);
    g_rand_free(rand);
}

static void a_wildcard_rule_of_all_access_sets_the_default(void)
{
    const struct spec_device_rule rules[] = {
        {false, 'a', -1, -1, true, true, true}, {true, 'c', 1, 3, true, true, true},
        {true, 'a', -1, -1, true, true, true},  {false, 'b', 8, -1, true, true, true},
        {true, 'b', 8, 0, true, false, false},
    };
    struct device_list list;
    struct err err;
    g_assert_cmpint(devices_reduce(rules, 4, &list, &err), ==, 0);
    g_assert_true(list.allow);
    g_assert_cmpuint(list.n, ==, 1);
    g_assert_cmpint(list.items[0].type, ==, 'b');
    g_assert_cmpint(devices_reduce(rules, 5, &list, &err), ==, -1);
    g_assert_nonnull(strstr(err.text, "devices[3]"));
}

static struct spec parse(const char *linux_text, const char *mounts)
{
    struct spec spec;
    struct err err = {0};
    char *text = g_strdup_printf("{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"r\"},\"process\":{"
                                 "\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":5,\"gid\":5}},"
                                 "\"mounts\":[%s],\"linux\":%s}",
                                 mounts, linux_text);
    json_t *json = load(text);
    g_assert_nonnull(json);
    int rc = spec_parse(json, &spec, &err);
    g_assert_cmpstr(err.text, ==, "");
    g_assert_cmpint(rc, ==, 0);
    g_free(text);
    return spec;
}

static void a_group_changes_hands_only_with_its_own_namespace_and_a_writable_mount(void)
{
    static const char rw[] = "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":"
                             "\"cgroup\",\"options\":[\"nosuid\"]}";
    static const char ro[] = "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":"
                             "\"cgroup\",\"options\":[\"ro\"]}";
    static const char spaces[] = "{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"cgroup\"}]}";
    static const char mapped[] =
        "{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"cgroup\"},{\"type\":\"user\"}],"
        "\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
        "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]}";
    uid_t uid = 0;
    struct spec spec = parse(spaces, rw);
    g_assert_true(cgroup_owner(&spec, &uid));
    g_assert_cmpuint(uid, ==, 5);
    spec = parse(mapped, rw);
    g_assert_true(cgroup_owner(&spec, &uid));
    g_assert_cmpuint(uid, ==, 100005);
    spec = parse(spaces, ro);
    g_assert_false(cgroup_owner(&spec, &uid));
    spec = parse(spaces, "");
    g_assert_false(cgroup_owner(&spec, &uid));
    spec = parse("{\"namespaces\":[{\"type\":\"mount\"}]}", rw);
    g_assert_false(cgroup_owner(&spec, &uid));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    documents = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
#define ADD(f) g_test_add_func("/runtime/limits/" #f, f)
    ADD(shares_become_a_weight_as_crun_and_runc_have_it);
    ADD(swap_on_v2_is_what_is_asked_for_less_the_limit);
    ADD(swap_below_the_limit_or_without_one_is_refused_by_name);
    ADD(a_kernel_that_counts_no_swap_takes_a_ban_on_it_and_no_amount);
    ADD(a_quota_keeps_the_period_and_a_period_the_quota);
    ADD(what_v2_cannot_is_an_error_naming_the_field);
    ADD(on_v1_no_limit_on_memory_is_none_on_the_sum);
    ADD(a_missing_file_names_field_file_and_controller);
    ADD(the_program_answers_as_the_last_rule_that_matches);
    ADD(a_reduced_list_answers_as_its_rules_or_is_refused);
    ADD(a_wildcard_rule_of_all_access_sets_the_default);
    ADD(a_group_changes_hands_only_with_its_own_namespace_and_a_writable_mount);
    ADD(what_was_written_is_taken_back_by_the_form_of_its_file);
    ADD(an_update_is_undone_newest_first_and_only_when_asked);
    int rc = g_test_run();
    g_ptr_array_unref(documents);
    mem_release();
    return rc;
}
