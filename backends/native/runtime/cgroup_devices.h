/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Device rules between config.json and the kernel; cgroup_limit_devices() of cgroup.h is the way
 * in. What is here is apart for its tests.
 */
#pragma once

#include <linux/bpf.h>

#include "cgroup.h"

/* What a list of rules comes to: a default, and the devices for which it is otherwise. */
struct device_list {
    bool allow; /* what is not in the list */
    struct spec_device_rule *items;
    size_t n, size;
};

/*
 * Works rules off in their order into the form that v1 keeps: a wildcard rule of all access sets
 * the default and empties the list, another adds to or takes from it. What v1 cannot say (one
 * device out of a range that the list has) is an error that names the rule by its index; the first
 * rule is the runtime's own, so the index is one less.
 */
int devices_reduce(const struct spec_device_rule *rules, size_t n, struct device_list *list,
                   struct err *err);

/* The BPF program for rules in their order; returns its length. */
size_t devices_program(const struct spec_device_rule *rules, size_t n, struct bpf_insn **ret);

/* Makes it the one program of a v2 group. */
int devices_attach(int dir, const struct spec_device_rule *rules, size_t n, struct err *err);
