/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "defences.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern char **environ;

/* The mark alone proves nothing, an environment can say anything: the file must really refuse
 * writing. */
static bool is_sealed(void)
{
    const char *mark = getenv(SEAL_MARK);
    if (!mark)
        return false;
    bool mount = !strcmp(mark, "mount");
    unsetenv(SEAL_MARK);
    if (mount)
        return access("/proc/self/exe", W_OK) < 0 && errno == EROFS;
    auto_fd self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int seals = self < 0 ? -1 : fcntl(self, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS;
}

/* A detached read-only clone of the mount. */
static int clone_mount(void)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
    auto_fd fd = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return -1;
    return fd_take(&fd);
}

static int copy_to_memory(void)
{
    struct stat st;
    auto_fd from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    auto_fd to = memfd_create("gemel-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (from < 0 || to < 0 || fstat(from, &st) < 0)
        return -1;
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n <= 0)
            return -1;
        left -= n;
    }
    return fcntl(to, F_ADD_SEALS, SEALS) < 0 ? -1 : fd_take(&to);
}

int seal_self(char **argv, struct err *err)
{
    if (is_sealed() || !defended(SEALED_SELF))
        return 0;
    auto_fd mount = clone_mount();
    if (mount >= 0 && setenv(SEAL_MARK, "mount", 1) == 0)
        fexecve(mount, argv, environ);
    auto_fd copy = copy_to_memory();
    if (copy >= 0 && setenv(SEAL_MARK, "memory", 1) == 0)
        fexecve(copy, argv, environ);
    return err_set(err, errno, "cannot run from a protected copy of this program");
}
