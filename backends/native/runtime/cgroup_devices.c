/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which devices a container may open or make.
 *
 * The list starts closed, whatever the configuration says first; then its rules in their order;
 * then the devices every container has (config-linux, "Default Devices", and pseudo-terminals),
 * which may be used, and mknod of any device, which alone gives no access to it.
 *
 * v1: devices.deny and devices.allow. v2: a BPF program of type CGROUP_DEVICE, in which the last
 * rule that matches decides, so rules are laid out backwards and the first hit returns.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#include "caller.h"
#include "cgroup.h"
#include "defences.h"
#include "log.h"

static const struct spec_device_rule always[] = {
    {true, 'c', -1, -1, false, false, true}, {true, 'b', -1, -1, false, false, true},
    {true, 'c', 1, 3, true, true, true},    /* null */
    {true, 'c', 1, 5, true, true, true},    /* zero */
    {true, 'c', 1, 7, true, true, true},    /* full */
    {true, 'c', 1, 8, true, true, true},    /* random */
    {true, 'c', 1, 9, true, true, true},    /* urandom */
    {true, 'c', 5, 0, true, true, true},    /* tty */
    {true, 'c', 5, 1, true, true, true},    /* console */
    {true, 'c', 5, 2, true, true, true},    /* ptmx */
    {true, 'c', 136, -1, true, true, true}, /* pts */
};

/* devices.deny and devices.allow of a group, open. */
struct lists {
    int deny, allow;
};

static int write_v1(const struct lists *to, const struct spec_device_rule *rule, struct err *err)
{
    char text[64], major[24] = "*", minor[24] = "*", access[4];
    size_t n = 0;
    if (rule->major >= 0)
        snprintf(major, sizeof major, "%lld", (long long)rule->major);
    if (rule->minor >= 0)
        snprintf(minor, sizeof minor, "%lld", (long long)rule->minor);
    if (rule->read)
        access[n++] = 'r';
    if (rule->write)
        access[n++] = 'w';
    if (rule->mknod)
        access[n++] = 'm';
    access[n] = 0;
    if (rule->type == 'a')
        snprintf(text, sizeof text, "a");
    else
        snprintf(text, sizeof text, "%c %s:%s %s", rule->type, major, minor, access);
    if (fd_write_all(rule->allow ? to->allow : to->deny, text, strlen(text)) < 0)
        return err_set(err, errno, "linux.resources.devices: %s '%s'",
                       rule->allow ? "allow" : "deny", text);
    return 0;
}

/* A program under construction. */
struct program {
    struct bpf_insn *insn;
    size_t n;
};

static void emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
                 int32_t imm)
{
    p->insn[p->n++] = (struct bpf_insn){
        .code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm};
}

/* One rule: jumps over its return when anything differs. r2 type, r3 access, r4 major, r5 minor.
 * False for a rule that always matches: what followed it could not be reached, which the kernel's
 * verifier refuses. */
static bool emit_rule(struct program *p, const struct spec_device_rule *rule)
{
    size_t jumps[4], n_jumps = 0;
    int32_t access = (rule->read ? BPF_DEVCG_ACC_READ : 0) |
                     (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
                     (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
    if (rule->type != 'a') {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0,
             rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
    }
    if (access != 7) {
        /* An allow rule must cover all that is asked; a deny rule hits when it covers any of it. */
        emit(p, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, access);
        jumps[n_jumps++] = p->n;
        if (rule->allow)
            emit(p, BPF_JMP | BPF_JNE | BPF_X, 1, 3, 0, 0);
        else
            emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0);
    }
    if (rule->major >= 0) {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, (int32_t)rule->major);
    }
    if (rule->minor >= 0) {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, (int32_t)rule->minor);
    }
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, rule->allow ? 1 : 0);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = 0; i < n_jumps; i++)
        p->insn[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
    return n_jumps > 0;
}

static int load_v2(int dir, const struct spec_resources *res, struct err *err)
{
    struct program p = {
        .insn = mem_array(16 + 8 * (res->n_devices + ARRAY_LEN(always)), sizeof(struct bpf_insn))};
    /* access_type: low half the type, high half the access */
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(&p, BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
    emit(&p, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
    emit(&p, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    for (size_t i = ARRAY_LEN(always); i-- > 0;)
        emit_rule(&p, &always[i]);
    bool open_end = true;
    for (size_t i = res->n_devices; i-- > 0 && open_end;)
        open_end = emit_rule(&p, &res->devices[i]);
    if (open_end) {
        emit(&p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
        emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    if (p.n > 4096)
        return err_set(err, 0, "linux.resources.devices: too many rules");
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insn_cnt = (uint32_t)p.n,
                           .insns = (uint64_t)(uintptr_t)p.insn,
                           .license = (uint64_t)(uintptr_t) "GPL"};
    auto_fd program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (program < 0)
        return err_set(err, errno, "linux.resources.devices: load the device program");
    /* On an update the new program is attached first, then the old ones go: never a moment without
     * one. */
    uint32_t ids[64] = {0};
    union bpf_attr query = {.query = {.target_fd = (uint32_t)dir,
                                      .attach_type = BPF_CGROUP_DEVICE,
                                      .prog_ids = (uint64_t)(uintptr_t)ids,
                                      .prog_cnt = ARRAY_LEN(ids)}};
    uint32_t old =
        syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) == 0 ? query.query.prog_cnt : 0;
    union bpf_attr attach = {.target_fd = (uint32_t)dir,
                             .attach_bpf_fd = (uint32_t)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0)
        return err_set(err, errno, "linux.resources.devices: attach the device program");
    for (uint32_t i = 0; i < old; i++) {
        union bpf_attr by_id = {.prog_id = ids[i]};
        auto_fd fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_id, sizeof by_id);
        union bpf_attr detach = {.target_fd = (uint32_t)dir,
                                 .attach_bpf_fd = (uint32_t)fd,
                                 .attach_type = BPF_CGROUP_DEVICE};
        if (fd < 0 || syscall(SYS_bpf, BPF_PROG_DETACH, &detach, sizeof detach) < 0)
            return err_set(err, errno, "linux.resources.devices: detach the old device program");
    }
    return 0;
}

/* The kernel takes device rules from privileged callers only, in delegated groups too. A user's
 * container has only the nodes that it binds anyway, as none can be made or opened by number in a
 * user namespace; rules about those are told as lost. */
static int without_rules(const struct spec_resources *res)
{
    const struct spec_device_rule *first = res->devices;
    if (res->n_devices > 1 || (res->n_devices == 1 && (first->allow || first->type != 'a')))
        log_message("warning",
                    "linux.resources.devices: not enforced for a user without privileges");
    return 0;
}

int cgroup_limit_devices(const struct cgroup *cg, const struct spec_resources *res, struct err *err)
{
    if (!caller_privileged())
        return without_rules(res);
    if (!defended(DEVICE_RULES))
        return 0;
    if (cg->mode == CGROUP_V2)
        return load_v2(cg->v2_fd, res, err);
    int dir = cgroup_v1_fd(cg, "devices");
    if (dir < 0)
        return err_set(err, 0, "linux.resources.devices: this host has no devices controller");
    auto_fd deny = openat(dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    auto_fd allow = openat(dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    if (deny < 0 || allow < 0 || fd_write_all(deny, "a", 1) < 0)
        return err_set(err, errno, "linux.resources.devices: close the list");
    const struct lists lists = {deny, allow};
    for (size_t i = 0; i < res->n_devices; i++)
        if (write_v1(&lists, &res->devices[i], err) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (write_v1(&lists, &always[i], err) < 0)
            return -1;
    return 0;
}
