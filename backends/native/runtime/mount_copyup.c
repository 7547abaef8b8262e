/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mount_copyup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define DEPTH_MAX 64

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
    auto_fd in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    auto_fd out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        return -1;
    for (;;) {
        ssize_t n = sendfile(out, in, NULL, 1 << 20);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
    }
    return fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0 ? -1 : 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
    char target[4096];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0)
        return -1;
    target[n] = 0;
    if (symlinkat(target, to, name) < 0)
        return -1;
    return fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_tree(int from_path, int to, int depth, struct err *err)
{
    struct stat top;
    if (depth > DEPTH_MAX)
        return err_set(err, ELOOP, "too deep");
    int dir_fd = openat(from_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
    if (!dir || fstat(dir_fd, &top) < 0) {
        int saved = errno;
        if (dir)
            closedir(dir);
        return err_set(err, saved, "open directory");
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir))) {
        struct stat st;
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, ".."))
            continue;
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            rc = err_set(err, errno, "%s", name);
        else if (S_ISREG(st.st_mode))
            rc = copy_file(dir_fd, to, name, &st) < 0 ? err_set(err, errno, "%s", name) : 0;
        else if (S_ISLNK(st.st_mode))
            rc = copy_link(dir_fd, to, name, &st) < 0 ? err_set(err, errno, "%s", name) : 0;
        else if (S_ISDIR(st.st_mode)) {
            auto_fd sub_from = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            auto_fd sub_to = -1;
            if (sub_from >= 0 && mkdirat(to, name, 0700) == 0)
                sub_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            rc = sub_to < 0 ? err_set(err, errno, "%s", name)
                            : copy_tree(sub_from, sub_to, depth + 1, err);
        }
    }
    closedir(dir);
    if (rc == 0 && depth > 0 &&
        (fchown(to, top.st_uid, top.st_gid) < 0 || fchmod(to, top.st_mode & 07777) < 0))
        rc = err_set(err, errno, "attributes");
    return rc;
}

int mount_copy_up(int from, int to, struct err *err)
{
    return copy_tree(from, to, 0, err);
}
