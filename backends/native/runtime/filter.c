/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "filter.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/seccomp.h>

#include "defences.h"
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct {
    const char *name;
    uint32_t action;
    bool takes_errno;
} actions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL, false},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
    {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
};

static const struct {
    const char *name;
    enum scmp_compare op;
} operators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static const struct {
    const char *name; /* in config.json */
    const char *arch; /* libseccomp's */
} arches[] = {
    {"SCMP_ARCH_X86", "x86"},
    {"SCMP_ARCH_X86_64", "x86_64"},
    {"SCMP_ARCH_X32", "x32"},
    {"SCMP_ARCH_ARM", "arm"},
    {"SCMP_ARCH_AARCH64", "aarch64"},
    {"SCMP_ARCH_MIPS", "mips"},
    {"SCMP_ARCH_MIPS64", "mips64"},
    {"SCMP_ARCH_MIPS64N32", "mips64n32"},
    {"SCMP_ARCH_MIPSEL", "mipsel"},
    {"SCMP_ARCH_MIPSEL64", "mipsel64"},
    {"SCMP_ARCH_MIPSEL64N32", "mipsel64n32"},
    {"SCMP_ARCH_PPC", "ppc"},
    {"SCMP_ARCH_PPC64", "ppc64"},
    {"SCMP_ARCH_PPC64LE", "ppc64le"},
    {"SCMP_ARCH_S390", "s390"},
    {"SCMP_ARCH_S390X", "s390x"},
    {"SCMP_ARCH_PARISC", "parisc"},
    {"SCMP_ARCH_PARISC64", "parisc64"},
    {"SCMP_ARCH_RISCV64", "riscv64"},
    {"SCMP_ARCH_LOONGARCH64", "loongarch64"},
    {"SCMP_ARCH_M68K", "m68k"},
    {"SCMP_ARCH_SH", "sh"},
    {"SCMP_ARCH_SHEB", "sheb"},
};

static const struct {
    const char *name;
    uint32_t flag;
} flag_table[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

#define NAMES_OF(function, table)                                                                  \
    const char *const *function(void)                                                              \
    {                                                                                              \
        static const char *names[ARRAY_LEN(table) + 1];                                            \
        for (size_t i = 0; i < ARRAY_LEN(table); i++)                                              \
            names[i] = (table)[i].name;                                                            \
        return names;                                                                              \
    }
NAMES_OF(filter_action_names, actions)
NAMES_OF(filter_operator_names, operators)
NAMES_OF(filter_flag_names, flag_table)

/* Those that the library was built with. */
const char *const *filter_arch_names(void)
{
    static const char *names[ARRAY_LEN(arches) + 1];
    for (size_t i = 0, n = 0; i < ARRAY_LEN(arches); i++)
        if (seccomp_arch_resolve_name(arches[i].arch))
            names[n++] = arches[i].name;
    return names;
}

/* A filter of NULL: a flag that the kernel knows gets as far as EFAULT. */
const char *const *filter_supported_flag_names(void)
{
    static const char *names[ARRAY_LEN(flag_table) + 1];
    for (size_t i = 0, n = 0; i < ARRAY_LEN(flag_table); i++) {
        uint32_t flag = flag_table[i].flag;
        if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
            flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT)
            names[n++] = flag_table[i].name;
    }
    return names;
}

const char *filter_library_version(void)
{
    const struct scmp_version *v = seccomp_version();
    return mem_printf("%u.%u.%u", v->major, v->minor, v->micro);
}

/* Name and errnoRet to libseccomp's number; EPERM when none is given. */
static int parse_action(const char *name, json_t *object, const char *path, const char *errno_key,
                        uint32_t *ret, struct err *err)
{
    uint64_t number = EPERM;
    bool set = false;
    if (json_get_u64(object, path, errno_key, &number, &set, err) < 0)
        return -1;
    if (number > 0xffff)
        return err_set(err, 0, "%s.%s: out of range", path, errno_key);
    for (size_t i = 0; name && i < ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (set && !actions[i].takes_errno)
            return err_set(err, 0, "%s.%s: not with %s", path, errno_key, name);
        *ret = actions[i].action | (actions[i].takes_errno ? (uint32_t)number : 0);
        return 0;
    }
    return err_set(err, 0, "%s: unknown action '%s'", path, name ? name : "");
}

static int parse_args(json_t *syscall_obj, const char *path, struct scmp_arg_cmp *ret,
                      unsigned *ret_n, struct err *err)
{
    json_t *array;
    if (json_get_array(syscall_obj, path, "args", &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    if (n > 6)
        return err_set(err, 0, "%s.args: more than 6", path);
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        const char *op = NULL;
        uint64_t index = 0, value = 0, value_two = 0;
        bool has_index = false, has_value = false;
        size_t k = 0;
        char at[160];
        snprintf(at, sizeof at, "%s.args[%zu]", path, i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_u64(item, at, "index", &index, &has_index, err) < 0 ||
            json_get_u64(item, at, "value", &value, &has_value, err) < 0 ||
            json_get_u64(item, at, "valueTwo", &value_two, NULL, err) < 0 ||
            json_get_string(item, at, "op", &op, err) < 0)
            return -1;
        if (!has_index || index > 5)
            return err_set(err, 0, "%s.index: must be 0 to 5", at);
        if (!has_value)
            return err_set(err, 0, "%s.value: missing", at);
        while (k < ARRAY_LEN(operators) && (!op || strcmp(operators[k].name, op) != 0))
            k++;
        if (k == ARRAY_LEN(operators))
            return err_set(err, 0, "%s.op: unknown operator '%s'", at, op ? op : "");
        ret[i] = (struct scmp_arg_cmp){(unsigned)index, operators[k].op, value, value_two};
    }
    *ret_n = (unsigned)n;
    return 0;
}

/* Several conditions on one argument cannot be AND-ed by the kernel's rules: like runc, each
 * becomes a rule of its own. */
static int add_rules(scmp_filter_ctx ctx, uint32_t action, int number, struct scmp_arg_cmp *args,
                     unsigned n_args)
{
    unsigned seen = 0, doubled = 0;
    for (unsigned i = 0; i < n_args; i++) {
        doubled |= seen & 1u << args[i].arg;
        seen |= 1u << args[i].arg;
    }
    if (!doubled)
        return seccomp_rule_add_array(ctx, action, number, n_args, args);
    for (unsigned i = 0; i < n_args; i++) {
        int rc = seccomp_rule_add_array(ctx, action, number, 1, &args[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_syscall(scmp_filter_ctx ctx, json_t *item, size_t index, uint32_t default_action,
                       struct err *err)
{
    const char *action_name = NULL, **names;
    size_t n_names;
    uint32_t action;
    struct scmp_arg_cmp args[6];
    unsigned n_args = 0;
    char at[64];
    snprintf(at, sizeof at, "linux.seccomp.syscalls[%zu]", index);
    if (!json_is_object(item))
        return err_set(err, 0, "%s: must be an object", at);
    if (json_get_string(item, at, "action", &action_name, err) < 0 ||
        json_get_strings(item, at, "names", &names, &n_names, err) < 0 ||
        parse_action(action_name, item, at, "errnoRet", &action, err) < 0 ||
        parse_args(item, at, args, &n_args, err) < 0)
        return -1;
    if (n_names == 0)
        return err_set(err, 0, "%s.names: must name a system call", at);
    if (action == default_action)
        return 0;
    for (size_t i = 0; i < n_names; i++) {
        /* A name that this libseccomp does not know belongs to another kernel or architecture. */
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR)
            continue;
        int rc = add_rules(ctx, action, number, args, n_args);
        if (rc < 0 && rc != -EDOM && rc != -EEXIST)
            return err_set(err, -rc, "%s.names[%zu]: %s", at, i, names[i]);
    }
    return 0;
}

static int add_arches(scmp_filter_ctx ctx, json_t *json, struct err *err)
{
    const char **names;
    size_t n;
    if (json_get_strings(json, "linux.seccomp", "architectures", &names, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(arches) && strcmp(arches[k].name, names[i]) != 0)
            k++;
        if (k == ARRAY_LEN(arches))
            return err_set(err, 0, "linux.seccomp.architectures[%zu]: unknown '%s'", i, names[i]);
        uint32_t token = seccomp_arch_resolve_name(arches[k].arch);
        int rc = token ? seccomp_arch_add(ctx, token) : -EINVAL;
        if (rc < 0 && rc != -EEXIST)
            return err_set(err, -rc, "linux.seccomp.architectures[%zu]: %s", i, names[i]);
    }
    return 0;
}

static int parse_flags(json_t *json, uint32_t *ret, struct err *err)
{
    const char **names;
    size_t n;
    if (json_get_strings(json, "linux.seccomp", "flags", &names, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(flag_table) && strcmp(flag_table[k].name, names[i]) != 0)
            k++;
        if (k == ARRAY_LEN(flag_table))
            return err_set(err, 0, "linux.seccomp.flags[%zu]: unknown '%s'", i, names[i]);
        *ret |= flag_table[k].flag;
    }
    return 0;
}

/* The program's bytes, by way of a memfd: libseccomp 2.5 writes only to descriptors. */
static int export_bpf(scmp_filter_ctx ctx, struct seccomp_filter *ret, struct err *err)
{
    auto_fd fd = memfd_create("seccomp", MFD_CLOEXEC);
    int rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return err_set(err, -rc, "linux.seccomp: compile");
    if (lseek(fd, 0, SEEK_SET) < 0 || !(ret->bpf = fd_read_all(fd, 1 << 20, &ret->len)))
        return err_set(err, errno, "linux.seccomp: compile");
    if (ret->len == 0 || ret->len % sizeof(struct sock_filter) ||
        ret->len / sizeof(struct sock_filter) > BPF_MAXINSNS)
        return err_set(err, 0, "linux.seccomp: the filter has more than %d instructions",
                       BPF_MAXINSNS);
    ret->present = true;
    return 0;
}

/* Where notifications go; the parent connects there once the filter is loaded. */
static int check_listener(json_t *json, const struct seccomp_filter *filter, struct err *err)
{
    const char *path = NULL, *metadata = NULL;
    if (json_get_string(json, "linux.seccomp", "listenerPath", &path, err) < 0 ||
        json_get_string(json, "linux.seccomp", "listenerMetadata", &metadata, err) < 0)
        return -1;
    if (metadata && *metadata && (!path || !*path))
        return err_set(err, 0, "linux.seccomp.listenerMetadata: only beside listenerPath");
    if (filter_notifies(filter) && (!path || *path != '/'))
        return err_set(err, 0,
                       "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs the path of a socket");
    return 0;
}

int filter_build(json_t *json, struct seccomp_filter *ret, struct err *err)
{
    const char *default_name = NULL;
    uint32_t default_action;
    json_t *syscalls;
    int rc = -1;
    memset(ret, 0, sizeof *ret);
    if (!json)
        return 0;
    if (json_get_string(json, "linux.seccomp", "defaultAction", &default_name, err) < 0 ||
        json_get_array(json, "linux.seccomp", "syscalls", &syscalls, err) < 0 ||
        parse_action(default_name, json, "linux.seccomp", "defaultErrnoRet", &default_action, err) <
            0 ||
        parse_flags(json, &ret->flags, err) < 0)
        return -1;
    scmp_filter_ctx ctx = seccomp_init(default_action);
    if (!ctx)
        return err_set(err, ENOMEM, "linux.seccomp");
    /* no_new_privs is the process's own matter; a binary tree keeps late system calls as cheap as
     * early ones */
    if (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) < 0)
        err_set(err, 0, "linux.seccomp: libseccomp refuses its attributes");
    else if (add_arches(ctx, json, err) == 0) {
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        rc = 0;
        for (size_t i = 0; rc == 0 && i < json_array_size(syscalls); i++)
            rc = add_syscall(ctx, json_array_get(syscalls, i), i, default_action, err);
        if (rc == 0)
            rc = export_bpf(ctx, ret, err);
        if (rc == 0)
            rc = check_listener(json, ret, err);
    }
    seccomp_release(ctx);
    return rc;
}

bool filter_notifies(const struct seccomp_filter *filter)
{
    const struct sock_filter *at = filter->bpf;
    for (size_t n = filter->present ? filter->len / sizeof *at : 0; n > 0; n--, at++)
        if (at->code == (BPF_RET | BPF_K) &&
            (at->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
            return true;
    return false;
}

int filter_install(const struct seccomp_filter *filter, int *ret_listener, struct err *err)
{
    *ret_listener = -1;
    if (!filter->present || !defended(FILTER))
        return 0;
    /* The last flag is about notifications, and the kernel refuses it without. TSYNC and a listener
     * go together only when a failure is told by errno. */
    uint32_t flags = filter->flags;
    bool notifies = filter_notifies(filter);
    if (notifies)
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER |
                 (flags & SECCOMP_FILTER_FLAG_TSYNC ? SECCOMP_FILTER_FLAG_TSYNC_ESRCH : 0);
    else
        flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    struct sock_fprog program = {.len = (unsigned short)(filter->len / sizeof(struct sock_filter)),
                                 .filter = filter->bpf};
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (rc < 0 || (rc > 0 && !notifies))
        return err_set(err, rc < 0 ? errno : ESRCH, "linux.seccomp: load the filter");
    *ret_listener = notifies ? (int)rc : -1;
    return 0;
}

int filter_save(int dirfd, const struct seccomp_filter *filter, struct err *err)
{
    if (!filter->present)
        return 0;
    size_t len = sizeof filter->flags + filter->len;
    char *data = mem_alloc(len);
    memcpy(data, &filter->flags, sizeof filter->flags);
    memcpy(data + sizeof filter->flags, filter->bpf, filter->len);
    if (file_replace(dirfd, "seccomp.bpf", data, len, 0600) < 0)
        return err_set(err, errno, "seccomp.bpf");
    return 0;
}

int filter_load_saved(int dirfd, struct seccomp_filter *ret, struct err *err)
{
    size_t len;
    memset(ret, 0, sizeof *ret);
    char *data = file_read(dirfd, "seccomp.bpf", 1 << 20, &len);
    if (!data)
        return errno == ENOENT ? 0 : err_set(err, errno, "seccomp.bpf");
    if (len <= sizeof ret->flags || (len - sizeof ret->flags) % sizeof(struct sock_filter) ||
        (len - sizeof ret->flags) / sizeof(struct sock_filter) > BPF_MAXINSNS)
        return err_set(err, 0, "seccomp.bpf: not a filter");
    memcpy(&ret->flags, data, sizeof ret->flags);
    ret->bpf = mem_alloc(len);
    ret->len = len - sizeof ret->flags;
    memcpy(ret->bpf, data + sizeof ret->flags, ret->len);
    ret->present = true;
    return 0;
}
