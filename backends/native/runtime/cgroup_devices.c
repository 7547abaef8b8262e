/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which devices a container may open or make.
 *
 * The list starts closed, whatever the configuration says first; then its rules in their order;
 * then the devices every container has (config-linux, "Default Devices", and pseudo-terminals),
 * which may be used, and mknod of any device, which alone gives no access to it.
 *
 * v1: devices.deny and devices.allow, which know a default and exceptions to it. v2: a BPF program
 * (cgroup_devices_bpf.c).
 */
#include "cgroup_devices.h"

#include <fcntl.h>
#include <string.h>

#include "caller.h"
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

static bool wildcard(const struct spec_device_rule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read && rule->write &&
           rule->mknod;
}

/* Whether every device of `b` is one of `a`, and whether they have any in common. Types are equal.
 */
static bool covers(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
    return (a->major < 0 || a->major == b->major) && (a->minor < 0 || a->minor == b->minor);
}
static bool meets(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
    return (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static void add_item(struct device_list *list, const struct spec_device_rule *rule, char type)
{
    for (size_t i = 0; i < list->n; i++) {
        struct spec_device_rule *item = &list->items[i];
        if (item->type != type || item->major != rule->major || item->minor != rule->minor)
            continue;
        item->read |= rule->read;
        item->write |= rule->write;
        item->mknod |= rule->mknod;
        return;
    }
    if (list->n == list->size) {
        size_t size = list->size ? list->size * 2 : 32;
        struct spec_device_rule *bigger = mem_array(size, sizeof *bigger);
        if (list->n)
            memcpy(bigger, list->items, list->n * sizeof *bigger);
        list->items = bigger;
        list->size = size;
    }
    list->items[list->n] = *rule;
    list->items[list->n++].type = type;
}

/* Takes the access of `rule` from the items it covers. */
static int take_item(struct device_list *list, const struct spec_device_rule *rule, char type,
                     size_t index, struct err *err)
{
    for (size_t i = 0; i < list->n; i++) {
        struct spec_device_rule *item = &list->items[i];
        bool shares = (item->read && rule->read) || (item->write && rule->write) ||
                      (item->mknod && rule->mknod);
        if (item->type != type || !shares || !meets(item, rule))
            continue;
        if (!covers(rule, item))
            return err_set(err, 0,
                           "linux.resources.devices[%zu]: cgroup v1 cannot except a device from a "
                           "range that an earlier rule names",
                           index - 1);
        item->read &= !rule->read;
        item->write &= !rule->write;
        item->mknod &= !rule->mknod;
    }
    return 0;
}

int devices_reduce(const struct spec_device_rule *rules, size_t n, struct device_list *list,
                   struct err *err)
{
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        if (wildcard(&rules[i])) {
            list->allow = rules[i].allow;
            list->n = 0;
            continue;
        }
        for (const char *type = "bc"; *type; type++) {
            if (rules[i].type != 'a' && rules[i].type != *type)
                continue;
            if (rules[i].allow != list->allow)
                add_item(list, &rules[i], *type);
            else if (take_item(list, &rules[i], *type, i, err) < 0)
                return -1;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].read || list->items[i].write || list->items[i].mknod)
            list->items[kept++] = list->items[i];
    list->n = kept;
    return 0;
}

/* "c 1:3 rwm", as the files take and show it. */
static const char *item_text(const struct spec_device_rule *item)
{
    char major[24] = "*", minor[24] = "*";
    if (item->major >= 0)
        snprintf(major, sizeof major, "%lld", (long long)item->major);
    if (item->minor >= 0)
        snprintf(minor, sizeof minor, "%lld", (long long)item->minor);
    return mem_printf("%c %s:%s %s%s%s", item->type, major, minor, item->read ? "r" : "",
                      item->write ? "w" : "", item->mknod ? "m" : "");
}

/* devices.deny and devices.allow of a group, open: [allow]. */
typedef int lists_t[2];

static int write_list(const lists_t lists, bool allow, const char *text, struct err *err)
{
    if (fd_write_all(lists[allow], text, strlen(text)) < 0)
        return err_set(err, errno, "linux.resources.devices: %s '%s'", allow ? "allow" : "deny",
                       text);
    return 0;
}

/* True when `text` has the line `line`. */
static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, line, n) && (at[n] == '\n' || !at[n]))
            return true;
    return false;
}

/* From one closed list to another: what is new is allowed, then what is gone is denied, so that
 * nothing that stays is refused meanwhile, and groups inside the container do not stand in the way,
 * as they would when all is denied first (EINVAL). */
static int change_closed_list(const lists_t lists, const char *now, const struct device_list *list,
                              struct err *err)
{
    const char *wanted = "";
    for (size_t i = 0; i < list->n; i++) {
        const char *text = item_text(&list->items[i]);
        wanted = mem_printf("%s%s\n", wanted, text);
        if (!has_line(now, text) && write_list(lists, true, text, err) < 0)
            return -1;
    }
    for (const char *at = now; *at;) {
        char *line = mem_strndup(at, strcspn(at, "\n"));
        at += strlen(line) + (at[strlen(line)] != 0);
        if (!*line || has_line(wanted, line))
            continue;
        if (write_list(lists, false, line, err) < 0)
            return -1;
        /* An access less of the same device: the denial took all of it. */
        for (size_t i = 0; i < list->n; i++) {
            const char *text = item_text(&list->items[i]);
            if (!strncmp(text, line, (size_t)(strrchr(line, ' ') - line) + 1) &&
                write_list(lists, true, text, err) < 0)
                return -1;
        }
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

/* The list as it was before a change that was refused half-way. */
static void put_back(int dir, const lists_t lists, const char *before)
{
    struct err ignored;
    if (!strncmp(before, "a ", 2)) {
        write_list(lists, true, "a", &ignored);
        return;
    }
    for (int allow = 0; allow <= 1; allow++) {
        char *now = file_read(dir, "devices.list", 1 << 20, NULL);
        const char *from = allow ? before : now, *others = allow ? now : before;
        while (from && others && *from) {
            char *line = mem_strndup(from, strcspn(from, "\n"));
            from += strlen(line) + (from[strlen(line)] != 0);
            if (*line && !has_line(others, line))
                write_list(lists, allow, line, &ignored);
        }
    }
}

static int limit_v1(int dir, const struct spec_device_rule *rules, size_t n, struct err *err)
{
    struct device_list list;
    if (devices_reduce(rules, n, &list, err) < 0)
        return -1;
    char *now = file_read(dir, "devices.list", 1 << 20, NULL);
    if (!now)
        return err_set(err, errno, "linux.resources.devices: devices.list");
    auto_fd deny = openat(dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    auto_fd allow = openat(dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    if (deny < 0 || allow < 0)
        return err_set(err, errno, "linux.resources.devices: open the list");
    const lists_t lists = {deny, allow};
    bool closed = !list.allow && strncmp(now, "a ", 2) != 0 && *now;
    int rc;
    if (closed)
        rc = change_closed_list(lists, now, &list, err);
    else
        rc = write_list(lists, list.allow, "a", err);
    for (size_t i = 0; i < list.n && !closed && rc == 0; i++)
        rc = write_list(lists, !list.allow, item_text(&list.items[i]), err);
    if (rc < 0)
        put_back(dir, lists, now);
    return rc;
}

int cgroup_limit_devices(const struct cgroup *cg, const struct spec_resources *res, struct err *err)
{
    if (!caller_privileged())
        return without_rules(res);
    if (!defended(DEVICE_RULES))
        return 0;
    size_t n = res->n_devices + ARRAY_LEN(always);
    struct spec_device_rule *rules = mem_array(n + 1, sizeof *rules);
    rules[0] = (struct spec_device_rule){false, 'a', -1, -1, true, true, true};
    if (res->n_devices)
        memcpy(rules + 1, res->devices, res->n_devices * sizeof *rules);
    memcpy(rules + 1 + res->n_devices, always, sizeof always);
    if (cg->mode == CGROUP_V2)
        return devices_attach(cg->v2_fd, rules, n + 1, err);
    int dir = cgroup_v1_fd(cg, "devices");
    if (dir < 0)
        return err_set(err, 0, "linux.resources.devices: this host has no devices controller");
    return limit_v1(dir, rules, n + 1, err);
}
