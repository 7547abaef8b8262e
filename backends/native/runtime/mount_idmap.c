/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mount_idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "namespaces.h"

int mount_idmap(int fd, const struct spec_mount *mount, bool recursive, struct err *err)
{
    pid_t parent = getpid(), child = ns_clone(CLONE_NEWUSER, -1);
    if (child < 0)
        return err_set(err, errno, "mounts[%zu].uidMappings: user namespace", mount->index);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        while (getppid() == parent) /* it may have been killed before the call above */
            pause();
        _exit(1);
    }
    char field[32];
    snprintf(field, sizeof field, "mounts[%zu]", mount->index);
    int rc = ns_write_maps(child, mount->uid_maps, mount->n_uid_maps, mount->gid_maps,
                           mount->n_gid_maps, field, err);
    if (rc == 0) {
        char path[32];
        snprintf(path, sizeof path, "%d/ns", (int)child);
        auto_fd dir = proc_open(path, O_PATH | O_DIRECTORY);
        auto_fd ns = dir < 0 ? -1 : openat(dir, "user", O_RDONLY | O_CLOEXEC);
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns};
        if (ns < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                                    sizeof attr) < 0)
            rc = err_set(err, errno, "mounts[%zu].uidMappings: id-mapped mount", mount->index);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return rc;
}
