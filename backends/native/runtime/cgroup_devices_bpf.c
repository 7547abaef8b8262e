/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Device rules on cgroup v2: a BPF program of type CGROUP_DEVICE.
 *
 * For each kind of access the last rule that matches decides. So rules are laid out backwards over
 * a register of what is still asked for: a rule that allows takes its bits away, and when none is
 * left the answer is yes; a rule that denies any bit still asked for says no. What no rule allowed
 * is refused.
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "cgroup_devices.h"

/* The registers of the program. */
enum { R_RESULT = 0, R_CONTEXT = 1, R_TYPE = 2, R_ASKED = 3, R_MAJOR = 4, R_MINOR = 5, R_WORK = 6 };

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

static void emit_answer(struct program *p, bool allow)
{
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* One rule: jumps over itself when type or number differ. False for one that always answers: what
 * followed could not be reached, which the kernel's verifier refuses. */
static bool emit_rule(struct program *p, const struct spec_device_rule *rule)
{
    size_t jumps[5], n_jumps = 0;
    int32_t access = (rule->read ? BPF_DEVCG_ACC_READ : 0) |
                     (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
                     (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
    if (rule->type != 'a') {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0,
             rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
    }
    if (rule->major >= 0) {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int32_t)rule->major);
    }
    if (rule->minor >= 0) {
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int32_t)rule->minor);
    }
    bool whole = access == (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD);
    if (!whole && rule->allow) {
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_ASKED, 0, 0, ~access);
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_ASKED, 0, 0, 0);
    } else if (!whole) {
        emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_WORK, R_ASKED, 0, 0);
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_WORK, 0, 0, access);
        jumps[n_jumps++] = p->n;
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, R_WORK, 0, 0, 0);
    }
    emit_answer(p, rule->allow);
    for (size_t i = 0; i < n_jumps; i++)
        p->insn[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
    return n_jumps > 0;
}

size_t devices_program(const struct spec_device_rule *rules, size_t n, struct bpf_insn **ret)
{
    struct program p = {.insn = mem_array(16 + 9 * n, sizeof(struct bpf_insn))};
    /* access_type: low half the type, high half the access */
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, R_TYPE, R_CONTEXT,
         offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(&p, BPF_ALU64 | BPF_MOV | BPF_X, R_ASKED, R_TYPE, 0, 0);
    emit(&p, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    emit(&p, BPF_ALU64 | BPF_RSH | BPF_K, R_ASKED, 0, 0, 16);
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, R_CONTEXT,
         offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(&p, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, R_CONTEXT,
         offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    bool open_end = true;
    for (size_t i = n; i-- > 0 && open_end;)
        open_end = emit_rule(&p, &rules[i]);
    if (open_end)
        emit_answer(&p, false);
    *ret = p.insn;
    return p.n;
}

/* The programs attached to a group itself; their number, or 0. */
static uint32_t attached(int dir, uint32_t *ids, uint32_t size)
{
    union bpf_attr query = {.query = {.target_fd = (uint32_t)dir,
                                      .attach_type = BPF_CGROUP_DEVICE,
                                      .prog_ids = (uint64_t)(uintptr_t)ids,
                                      .prog_cnt = size}};
    return syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) == 0 ? query.query.prog_cnt : 0;
}

/* All programs of a group must agree to an access, and none may be replaced by one below: so
 * nothing inside the container can widen what is set here. */
int devices_attach(int dir, const struct spec_device_rule *rules, size_t n, struct err *err)
{
    static const char field[] = "linux.resources.devices";
    struct bpf_insn *insn;
    uint32_t ids[64] = {0};
    size_t n_insn = devices_program(rules, n, &insn);
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insn_cnt = (uint32_t)n_insn,
                           .insns = (uint64_t)(uintptr_t)insn,
                           .license = (uint64_t)(uintptr_t) "GPL"};
    auto_fd program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (program < 0)
        return err_set(err, errno, "%s: load the device program of %zu rules", field, n);
    uint32_t old = attached(dir, ids, ARRAY_LEN(ids));
    union bpf_attr attach = {.target_fd = (uint32_t)dir,
                             .attach_bpf_fd = (uint32_t)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    /* Both at once where the kernel can (5.6): never a moment without one, nor with both. */
    if (old == 1) {
        union bpf_attr by_id = {.prog_id = ids[0]};
        auto_fd fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_id, sizeof by_id);
        union bpf_attr replace = attach;
        replace.attach_flags |= BPF_F_REPLACE;
        replace.replace_bpf_fd = (uint32_t)fd;
        if (fd >= 0 && syscall(SYS_bpf, BPF_PROG_ATTACH, &replace, sizeof replace) == 0)
            return 0;
    }
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0)
        return err_set(err, errno, "%s: attach the device program", field);
    for (uint32_t i = 0; i < old; i++) {
        union bpf_attr by_id = {.prog_id = ids[i]};
        auto_fd fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_id, sizeof by_id);
        union bpf_attr detach = {.target_fd = (uint32_t)dir,
                                 .attach_bpf_fd = (uint32_t)fd,
                                 .attach_type = BPF_CGROUP_DEVICE};
        if (fd < 0 || syscall(SYS_bpf, BPF_PROG_DETACH, &detach, sizeof detach) < 0)
            return err_set(err, errno, "%s: detach the old device program", field);
    }
    return 0;
}
