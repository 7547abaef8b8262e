/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What compiled filters decide, run by a small interpreter of classic BPF (the subset that
 * seccomp(2) allows). */
#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "filter.h"
#include "sha256.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

static uint32_t run(const struct seccomp_filter *f, const struct seccomp_data *data)
{
    const struct sock_filter *code = f->bpf;
    size_t n = f->len / sizeof *code;
    uint32_t a = 0, x = 0, mem[16] = {0};
    for (size_t pc = 0; pc < n; pc++) {
        uint32_t k = code[pc].k;
        switch (code[pc].code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)data + k, 4);
            break;
        case BPF_LD | BPF_MEM:
            a = mem[k];
            break;
        case BPF_ST:
            mem[k] = a;
            break;
        case BPF_MISC | BPF_TAX:
            x = a;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= k;
            break;
        case BPF_JMP | BPF_JA:
            pc += k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == k ? code[pc].jt : code[pc].jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > k ? code[pc].jt : code[pc].jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= k ? code[pc].jt : code[pc].jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += a & k ? code[pc].jt : code[pc].jf;
            break;
        case BPF_RET | BPF_K:
            return k;
        default:
            g_error("instruction %#x (x is %u)", code[pc].code, x);
        }
    }
    g_error("the filter runs out");
}

static struct seccomp_filter build(const char *text)
{
    struct seccomp_filter f;
    struct err err = {0};
    json_t *doc = json_parse(text, strlen(text), "test", &err);
    g_assert_nonnull(doc);
    if (filter_build(doc, &f, &err) < 0)
        g_error("%s", err.text);
    json_decref(doc);
    return f;
}

static struct seccomp_filter build_default(void)
{
    char *text;
    g_assert_true(g_file_get_contents(SECCOMP_PROFILE, &text, NULL, NULL));
    struct seccomp_filter f = build(text);
    g_free(text);
    return f;
}

static uint32_t decide(const struct seccomp_filter *f, int number, uint64_t arg0, uint64_t arg1)
{
    struct seccomp_data data = {.nr = number, .arch = NATIVE_ARCH, .args = {arg0, arg1}};
    return run(f, &data);
}

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

static void the_default_profile_denies_by_default(void)
{
    struct seccomp_filter f = build_default();
    g_assert_cmphex(decide(&f, 4000, 0, 0), ==, ERRNO(ENOSYS));
    g_assert_cmphex(decide(&f, SYS_read, 0, 0), ==, SECCOMP_RET_ALLOW);
    g_assert_cmphex(decide(&f, SYS_execve, 0, 0), ==, SECCOMP_RET_ALLOW);
    const int refused[] = {SYS_mount,  SYS_unshare,    SYS_setns,   SYS_bpf,
                           SYS_keyctl, SYS_reboot,     SYS_umount2, SYS_open_by_handle_at,
                           SYS_fsopen, SYS_init_module};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        g_assert_cmphex(decide(&f, refused[i], 0, 0), ==, ERRNO(EPERM));
}

static void the_default_profile_kills_a_foreign_architecture(void)
{
    struct seccomp_filter f = build_default();
    struct seccomp_data data = {.nr = SYS_read, .arch = 0x12345678};
    g_assert_cmphex(run(&f, &data) & SECCOMP_RET_ACTION_FULL, ==, SECCOMP_RET_KILL_THREAD);
}

static void the_default_profile_compares_what_the_kernel_looks_at(void)
{
    struct seccomp_filter f = build_default();
    const uint64_t high = UINT64_C(1) << 32;
    const uint64_t bad[] = {0x5412, 0x541c},
                   good[] = {0x5401, 0x5413, 0x541b, 0x541d, 0x5410, 0, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        g_assert_cmphex(decide(&f, SYS_ioctl, 0, bad[i]), ==, ERRNO(ENOSYS));
        g_assert_cmphex(decide(&f, SYS_ioctl, 0, bad[i] | high), ==, ERRNO(ENOSYS));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        g_assert_cmphex(decide(&f, SYS_ioctl, 0, good[i]), ==, SECCOMP_RET_ALLOW);
    g_assert_cmphex(decide(&f, SYS_socket, 2, 1), ==, SECCOMP_RET_ALLOW);
    g_assert_cmphex(decide(&f, SYS_socket, 38, 1), ==, ERRNO(ENOSYS));
    g_assert_cmphex(decide(&f, SYS_socket, 38 | high, 1), ==, ERRNO(ENOSYS));
    g_assert_cmphex(decide(&f, SYS_clone, 0x11, 0), ==, SECCOMP_RET_ALLOW);
    for (int bit = 0; bit < 32; bit++)
        if (0x7E020000u >> bit & 1)
            g_assert_cmphex(decide(&f, SYS_clone, 0x11 | UINT64_C(1) << bit, 0), ==, ERRNO(ENOSYS));
}

static void values_beyond_int64_are_compared_whole(void)
{
    struct seccomp_filter f = build(
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpid\"],\"action\":"
        "\"SCMP_ACT_ERRNO\",\"errnoRet\":7,\"args\":[{\"index\":0,\"value\":18446744073709551615,"
        "\"op\":\"SCMP_CMP_EQ\"}]}]}");
    g_assert_cmphex(decide(&f, SYS_getpid, UINT64_MAX, 0), ==, ERRNO(7));
    g_assert_cmphex(decide(&f, SYS_getpid, UINT64_MAX - 1, 0), ==, SECCOMP_RET_ALLOW);
    g_assert_cmphex(decide(&f, SYS_getpid, INT64_MAX, 0), ==, SECCOMP_RET_ALLOW);
}

static void conditions_on_one_argument_are_alternatives(void)
{
    struct seccomp_filter f = build(
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpid\"],\"action\":"
        "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
        "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]}]}");
    g_assert_cmphex(decide(&f, SYS_getpid, 1, 0), ==, ERRNO(EPERM));
    g_assert_cmphex(decide(&f, SYS_getpid, 2, 0), ==, ERRNO(EPERM));
    g_assert_cmphex(decide(&f, SYS_getpid, 3, 0), ==, SECCOMP_RET_ALLOW);
}

static void unknown_names_are_passed_over_and_unknown_words_refused(void)
{
    struct seccomp_filter f;
    struct err err;
    build("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"no_such_call\"],"
          "\"action\":\"SCMP_ACT_KILL\"}]}");
    static const char *const bad[][2] = {
        {"{\"defaultAction\":\"X\"}", "unknown action 'X'"},
        {"{}", "linux.seccomp"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"Z80\"]}", "architectures[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"F\"]}", "flags[0]"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"errnoRet\":1,\"defaultErrnoRet\":1}",
         "defaultErrnoRet"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_"
         "KILL\"}]}",
         "syscalls[0].names"},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
         "\"SCMP_ACT_KILL\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "syscalls[0].args[0].index"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *doc = json_parse(bad[i][0], strlen(bad[i][0]), "test", &err);
        g_assert_cmpint(filter_build(doc, &f, &err), ==, -1);
        if (!strstr(err.text, bad[i][1]))
            g_error("'%s' does not say %s", err.text, bad[i][1]);
        json_decref(doc);
    }
}

/* FIPS 180-4's own examples, and lengths around the padding's edge against GLib's. */
static void sha256_agrees_with_the_standard(void)
{
    for (size_t len = 0; len < 200; len++) {
        char data[200], hex[2 * SHA256_LEN + 1];
        uint8_t digest[SHA256_LEN];
        struct sha256 s;
        memset(data, (int)len, sizeof data);
        sha256_init(&s);
        sha256_add(&s, data, len / 2);
        sha256_add(&s, data + len / 2, len - len / 2);
        sha256_done(&s, digest);
        for (int i = 0; i < SHA256_LEN; i++)
            g_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        char *want = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data, len);
        g_assert_cmpstr(hex, ==, want);
        g_free(want);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(f) g_test_add_func("/runtime/filter/" #f, f)
    ADD(the_default_profile_denies_by_default);
    ADD(the_default_profile_kills_a_foreign_architecture);
    ADD(the_default_profile_compares_what_the_kernel_looks_at);
    ADD(values_beyond_int64_are_compared_whole);
    ADD(conditions_on_one_argument_are_alternatives);
    ADD(unknown_names_are_passed_over_and_unknown_words_refused);
    ADD(sha256_agrees_with_the_standard);
    int rc = g_test_run();
    mem_release();
    return rc;
}
