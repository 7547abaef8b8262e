/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a mount (config.md, "Linux mount options"): one table, and what a list of them
 * comes to. */
#include <string.h>
#include <sys/mount.h>

#include "mounts.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum option_effect { OPT_ATTR, OPT_REC_ATTR, OPT_PROPAGATION, OPT_BIND, OPT_SPECIAL, OPT_SUPER };

/* Generic options. For OPT_ATTR and OPT_REC_ATTR `clear` says what goes before `set` comes;
 * OPT_SUPER goes to the file system, unless `set` says that it is how a bind mount is anyway. */
static const struct {
    const char *name;
    enum option_effect effect;
    uint64_t set, clear;
    bool recursive;
} option_table[] = {
    {"ro", OPT_ATTR, MOUNT_ATTR_RDONLY, 0, false},
    {"rw", OPT_ATTR, 0, MOUNT_ATTR_RDONLY, false},
    {"nosuid", OPT_ATTR, MOUNT_ATTR_NOSUID, 0, false},
    {"suid", OPT_ATTR, 0, MOUNT_ATTR_NOSUID, false},
    {"nodev", OPT_ATTR, MOUNT_ATTR_NODEV, 0, false},
    {"dev", OPT_ATTR, 0, MOUNT_ATTR_NODEV, false},
    {"noexec", OPT_ATTR, MOUNT_ATTR_NOEXEC, 0, false},
    {"exec", OPT_ATTR, 0, MOUNT_ATTR_NOEXEC, false},
    {"noatime", OPT_ATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, false},
    {"atime", OPT_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false},
    {"relatime", OPT_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false},
    {"norelatime", OPT_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false},
    {"strictatime", OPT_ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, false},
    {"nostrictatime", OPT_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false},
    {"nodiratime", OPT_ATTR, MOUNT_ATTR_NODIRATIME, 0, false},
    {"diratime", OPT_ATTR, 0, MOUNT_ATTR_NODIRATIME, false},
    {"nosymfollow", OPT_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0, false},
    {"symfollow", OPT_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW, false},
    {"rro", OPT_REC_ATTR, MOUNT_ATTR_RDONLY, 0, true},
    {"rrw", OPT_REC_ATTR, 0, MOUNT_ATTR_RDONLY, true},
    {"rnosuid", OPT_REC_ATTR, MOUNT_ATTR_NOSUID, 0, true},
    {"rsuid", OPT_REC_ATTR, 0, MOUNT_ATTR_NOSUID, true},
    {"rnodev", OPT_REC_ATTR, MOUNT_ATTR_NODEV, 0, true},
    {"rdev", OPT_REC_ATTR, 0, MOUNT_ATTR_NODEV, true},
    {"rnoexec", OPT_REC_ATTR, MOUNT_ATTR_NOEXEC, 0, true},
    {"rexec", OPT_REC_ATTR, 0, MOUNT_ATTR_NOEXEC, true},
    {"rnoatime", OPT_REC_ATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, true},
    {"ratime", OPT_REC_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"rrelatime", OPT_REC_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"rnorelatime", OPT_REC_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"rstrictatime", OPT_REC_ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, true},
    {"rnostrictatime", OPT_REC_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"rnodiratime", OPT_REC_ATTR, MOUNT_ATTR_NODIRATIME, 0, true},
    {"rdiratime", OPT_REC_ATTR, 0, MOUNT_ATTR_NODIRATIME, true},
    {"rnosymfollow", OPT_REC_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0, true},
    {"rsymfollow", OPT_REC_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"shared", OPT_PROPAGATION, MS_SHARED, 0, false},
    {"rshared", OPT_PROPAGATION, MS_SHARED, 0, true},
    {"slave", OPT_PROPAGATION, MS_SLAVE, 0, false},
    {"rslave", OPT_PROPAGATION, MS_SLAVE, 0, true},
    {"private", OPT_PROPAGATION, MS_PRIVATE, 0, false},
    {"rprivate", OPT_PROPAGATION, MS_PRIVATE, 0, true},
    {"unbindable", OPT_PROPAGATION, MS_UNBINDABLE, 0, false},
    {"runbindable", OPT_PROPAGATION, MS_UNBINDABLE, 0, true},
    {"bind", OPT_BIND, 0, 0, false},
    {"rbind", OPT_BIND, 0, 0, true},
    {"idmap", OPT_SPECIAL, 0, 0, false},
    {"ridmap", OPT_SPECIAL, 0, 0, true},
    {"tmpcopyup", OPT_SPECIAL, 1, 0, false},
    {"remount", OPT_SPECIAL, 3, 0, false},
    {"defaults", OPT_SPECIAL, 2, 0, false},
    {"sync", OPT_SUPER, 0, 0, false},
    {"async", OPT_SUPER, 1, 0, false},
    {"dirsync", OPT_SUPER, 0, 0, false},
    {"lazytime", OPT_SUPER, 0, 0, false},
    {"nolazytime", OPT_SUPER, 1, 0, false},
    {"mand", OPT_SUPER, 0, 0, false},
    {"nomand", OPT_SUPER, 1, 0, false},
    /* Kept by a file system or not, whatever is asked: no longer an option of the new mount API. */
    {"iversion", OPT_SPECIAL, 2, 0, false},
    {"noiversion", OPT_SPECIAL, 2, 0, false},
    {"silent", OPT_SPECIAL, 2, 0, false},
    {"loud", OPT_SPECIAL, 2, 0, false},
    {"acl", OPT_SUPER, 0, 0, false},
    {"noacl", OPT_SUPER, 0, 0, false},
};

const char *const *mount_option_names(void)
{
    static const char *names[ARRAY_LEN(option_table) + 1];
    for (size_t i = 0; i < ARRAY_LEN(option_table); i++)
        names[i] = option_table[i].name;
    return names;
}

/* Later options override earlier ones: what one sets, the other no longer clears. */
static void merge_attr(uint64_t *set, uint64_t *clear, uint64_t add_set, uint64_t add_clear)
{
    *set = (*set & ~add_clear) | add_set;
    *clear = (*clear & ~(add_set & ~(uint64_t)MOUNT_ATTR__ATIME)) | add_clear;
}

/* By its type or by any of its options. */
static bool binds(const struct spec_mount *mount)
{
    bool bind = mount->type && !strcmp(mount->type, "bind");
    for (size_t i = 0; i < mount->n_options; i++)
        bind |= !strcmp(mount->options[i], "bind") || !strcmp(mount->options[i], "rbind");
    return bind;
}

void mount_plan_parse(const struct spec_mount *mount, struct mount_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    /* Room for what make_filesystem() adds. */
    plan->data = mem_array(mount->n_options + 3, sizeof *plan->data);
    plan->bind = mount->type && !strcmp(mount->type, "bind");
    plan->recursive = false;
    for (size_t i = 0; i < mount->n_options; i++) {
        const char *name = mount->options[i];
        size_t k = 0;
        while (k < ARRAY_LEN(option_table) &&
               (*option_table[k].name != *name || strcmp(option_table[k].name, name) != 0))
            k++;
        if (k == ARRAY_LEN(option_table) || option_table[k].effect == OPT_SUPER) {
            bool usual = k < ARRAY_LEN(option_table) && option_table[k].set;
            if (*name && !(usual && binds(mount)))
                plan->data[plan->n_data++] = name;
            continue;
        }
        bool recursive = option_table[k].recursive;
        switch (option_table[k].effect) {
        case OPT_ATTR:
            merge_attr(&plan->attr_set, &plan->attr_clear, option_table[k].set,
                       option_table[k].clear);
            break;
        case OPT_REC_ATTR:
            merge_attr(&plan->rec_attr_set, &plan->rec_attr_clear, option_table[k].set,
                       option_table[k].clear);
            break;
        case OPT_PROPAGATION:
            plan->propagation = option_table[k].set;
            plan->propagation_recursive = recursive;
            break;
        case OPT_BIND:
            plan->bind = true;
            plan->recursive = recursive;
            break;
        case OPT_SPECIAL:
            if (option_table[k].set == 1)
                plan->copy_up = true;
            else if (option_table[k].set == 3)
                plan->remount = true;
            else if (option_table[k].set == 0) {
                plan->idmap = true;
                plan->idmap_recursive = recursive;
            }
            break;
        case OPT_SUPER:
            break;
        }
    }
    if (mount->n_uid_maps || mount->n_gid_maps)
        plan->idmap = true;
    if (plan->remount)
        plan->bind = false;
}
