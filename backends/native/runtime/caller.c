/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "caller.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Inode of the initial user namespace (PROC_USER_INIT_INO), the same on every Linux. */
#define INITIAL_USER_NS 0xeffffffdU

#define SUBID_FILE_MAX  (1 << 20)

bool caller_privileged(void)
{
    static int known = -1;
    struct stat st;
    if (known < 0)
        known = geteuid() == 0 &&
                (fstatat(proc_fd(), "self/ns/user", &st, 0) < 0 || st.st_ino == INITIAL_USER_NS);
    return known;
}

bool caller_may_mount(void)
{
    static int known = -1;
    if (known < 0 && caller_privileged())
        known = 1;
    if (known < 0) {
        /* EINVAL: allowed, were it not for mounts below that must stay covered. */
        auto_fd fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        known = fd >= 0 || errno == EINVAL;
    }
    return known;
}

/* A field of digits that ends at `end`, advanced past it. */
static bool number(const char **at, char end, uint32_t *ret)
{
    char *stop;
    errno = 0;
    unsigned long value = isdigit((unsigned char)**at) ? strtoul(*at, &stop, 10) : (stop = NULL, 0);
    if (!stop || errno || value >= UINT32_MAX || (*stop != end && (*stop || end != '\n')))
        return false;
    *ret = (uint32_t)value;
    *at = stop + 1;
    return true;
}

bool caller_find_range(const char *text, const char *name, uint32_t uid, uint32_t *ret_start,
                       uint32_t *ret_count)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", uid);
    for (const char *line = text; line && *line;) {
        const char *end = strchr(line, '\n'), *at = line;
        size_t n = strcspn(line, ":\n");
        bool mine = (strlen(digits) == n && !strncmp(line, digits, n)) ||
                    (name && strlen(name) == n && !strncmp(line, name, n));
        at += n;
        if (mine && *at++ == ':' && number(&at, ':', ret_start) && number(&at, '\n', ret_count) &&
            *ret_count > 0 && *ret_start + (uint64_t)*ret_count <= UINT32_MAX)
            return true;
        line = end ? end + 1 : NULL;
    }
    return false;
}

/* The login name of a user, from the caller's passwd(5); NULL when there is none. */
static const char *login_name(uint32_t uid)
{
    char *text = file_read(AT_FDCWD, "/etc/passwd", SUBID_FILE_MAX, NULL);
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        char *password = strchr(line, ':');
        char *id = password ? strchr(password + 1, ':') : NULL;
        if (id && isdigit((unsigned char)id[1]) && strtoul(id + 1, NULL, 10) == uid) {
            *password = 0;
            return line;
        }
        line = end;
    }
    return NULL;
}

static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        size_t n = strcspn(at, ":");
        if (n && access(mem_printf("%.*s/%s", (int)n, at, program), X_OK) == 0)
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

/* 0 is `own`; 1… are the subordinate ids in `file`. */
static void default_map(const char *file, const char *helper, const char *name, uint32_t own,
                        struct spec_id_map **ret, size_t *ret_n)
{
    struct spec_id_map *maps = mem_array(2, sizeof *maps);
    uint32_t start, count;
    maps[0] = (struct spec_id_map){.container_id = 0, .host_id = own, .size = 1};
    *ret = maps;
    *ret_n = 1;
    char *text = file_read(AT_FDCWD, file, SUBID_FILE_MAX, NULL);
    if (!text || !in_path(helper) || !caller_find_range(text, name, geteuid(), &start, &count))
        return;
    maps[1] = (struct spec_id_map){.container_id = 1, .host_id = start, .size = count};
    *ret_n = 2;
}

void caller_default_maps(struct spec *spec)
{
    if (!spec->ns[NS_USER].present || spec->ns[NS_USER].path || spec->n_uid_maps ||
        spec->n_gid_maps || caller_privileged())
        return;
    const char *name = login_name(geteuid());
    default_map("/etc/subuid", "newuidmap", name, geteuid(), &spec->uid_maps, &spec->n_uid_maps);
    default_map("/etc/subgid", "newgidmap", name, getegid(), &spec->gid_maps, &spec->n_gid_maps);
}
