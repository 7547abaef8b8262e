/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lsm.h"

#include <fcntl.h>
#include <string.h>

/* securityfs may not be mounted; the module's own parameter is always there when it is on. */
static bool has_apparmor(void)
{
    char *text = file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, NULL);
    return text && *text == 'Y';
}

/* selinuxfs is mounted by whoever loads a policy; without one there are no labels. */
static bool has_selinux(void)
{
    return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

/* True when a profile has to be set: "unconfined" is what every process is where there is none. */
static bool wants_apparmor(const struct spec_process *p)
{
    return p->apparmor && *p->apparmor && strcmp(p->apparmor, "unconfined") != 0;
}

int lsm_check(const struct spec_process *p, const char *path, struct err *err)
{
    if (wants_apparmor(p) && !has_apparmor())
        return err_set(err, 0, "%s.apparmorProfile: this host has no AppArmor", path);
    if (p->apparmor && strpbrk(p->apparmor, "\n"))
        return err_set(err, 0, "%s.apparmorProfile: not a name", path);
    if (p->selinux && *p->selinux && !has_selinux())
        return err_set(err, 0, "%s.selinuxLabel: this host has no SELinux", path);
    return 0;
}

int lsm_check_mounts(const struct spec *spec, struct err *err)
{
    if (spec->mount_label && *spec->mount_label && !has_selinux())
        return err_set(err, 0, "linux.mountLabel: this host has no SELinux");
    return 0;
}

int lsm_apply(const struct spec_process *p, struct err *err)
{
    if (p->selinux && *p->selinux && proc_write("thread-self/attr/exec", p->selinux) < 0)
        return err_set(err, errno, "process.selinuxLabel: %s", p->selinux);
    if (!p->apparmor || !*p->apparmor)
        return 0;
    const char *text = mem_printf("exec %s", p->apparmor);
    if (proc_write("thread-self/attr/apparmor/exec", text) == 0)
        return 0;
    /* Before 5.8 there is only the directory that all modules share. */
    if (errno == ENOENT && (!wants_apparmor(p) || proc_write("thread-self/attr/exec", text) == 0))
        return 0;
    if (!wants_apparmor(p) && errno == EINVAL)
        return 0; /* built in, but switched off: unconfined is true */
    return err_set(err, errno, "process.apparmorProfile: %s", p->apparmor);
}
