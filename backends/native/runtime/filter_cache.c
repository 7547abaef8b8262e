/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "filter_cache.h"

#include <dirent.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "defences.h"
#include "sha256.h"

#define FORMAT      "gemel-filter-2"
#define DIRECTORY   ".filters"
#define ENTRIES_MAX 64

struct header {
    char format[16];
    uint32_t flags, len;
    uint8_t digest[SHA256_LEN]; /* of flags, len and what follows */
};

static void digest_of(const struct header *h, const void *bpf, uint8_t ret[SHA256_LEN])
{
    struct sha256 s;
    sha256_init(&s);
    sha256_add(&s, &h->flags, sizeof h->flags);
    sha256_add(&s, &h->len, sizeof h->len);
    sha256_add(&s, bpf, h->len);
    sha256_done(&s, ret);
}

/* The file's name; false when the profile cannot be written out. */
static bool name_of(json_t *json, const struct json_cut *syscalls, char name[2 * SHA256_LEN + 1])
{
    struct sha256 s;
    struct utsname uts;
    uint8_t digest[SHA256_LEN];
    char *text = json_text(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text || uname(&uts) < 0)
        return false;
    size_t len;
    const char *parts[] = {FORMAT, uts.machine, filter_library_version(), text,
                           syscalls->text ? json_minify(syscalls->text, syscalls->len, &len) : ""};
    sha256_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        sha256_add(&s, parts[i], strlen(parts[i]) + 1);
    sha256_done(&s, digest);
    for (int i = 0; i < SHA256_LEN; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* True when only the caller may have written what is behind `fd`. */
static bool is_private(int fd, mode_t type)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
           ((st.st_uid == geteuid() && !(st.st_mode & 077)) || !defended(FILTER_PRIVATE));
}

static int open_cache(const char *root)
{
    const char *path = mem_printf("%s/" DIRECTORY, root);
    if (dir_make(root, 0700) < 0 || (mkdir(path, 0700) < 0 && errno != EEXIST))
        return -1;
    auto_fd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return dir >= 0 && is_private(dir, S_IFDIR) ? fd_take(&dir) : -1;
}

static bool load(int dir, const char *name, struct seccomp_filter *ret)
{
    struct header h;
    uint8_t digest[SHA256_LEN];
    size_t len;
    auto_fd fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || !is_private(fd, S_IFREG))
        return false;
    char *data = fd_read_all(fd, 1 << 20, &len);
    if (!data || len <= sizeof h)
        return false;
    memcpy(&h, data, sizeof h);
    if (memcmp(h.format, FORMAT, sizeof FORMAT) != 0 || h.len != len - sizeof h ||
        h.len % sizeof(struct sock_filter) || h.len / sizeof(struct sock_filter) > BPF_MAXINSNS)
        return false;
    digest_of(&h, data + sizeof h, digest);
    if (memcmp(digest, h.digest, sizeof digest) != 0)
        return false;
    ret->bpf = mem_alloc(h.len);
    memcpy(ret->bpf, data + sizeof h, h.len);
    ret->len = h.len;
    ret->flags = h.flags;
    ret->present = true;
    return true;
}

/* Profiles that change with every container must not fill the disk: past a bound the cache starts
 * anew. */
static void bound_entries(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    size_t n = 0;
    while (stream && readdir(stream))
        n++;
    if (stream && n > ENTRIES_MAX + 2) {
        rewinddir(stream);
        while ((entry = readdir(stream)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                unlinkat(dir, entry->d_name, 0);
    }
    if (stream)
        closedir(stream);
}

static void store(int dir, const char *name, const struct seccomp_filter *filter)
{
    struct header h = {.format = FORMAT, .flags = filter->flags, .len = (uint32_t)filter->len};
    char *data = mem_alloc(sizeof h + filter->len);
    bound_entries(dir);
    digest_of(&h, filter->bpf, h.digest);
    memcpy(data, &h, sizeof h);
    memcpy(data + sizeof h, filter->bpf, filter->len);
    if (file_replace(dir, name, data, sizeof h + filter->len, 0600) < 0)
        errno = 0; /* a full disk costs the next start a compilation */
}

/* The whole profile again. */
static int put_back(json_t *json, const struct json_cut *syscalls, struct err *err)
{
    if (!syscalls->text)
        return 0;
    json_t *array =
        json_parse(syscalls->text, syscalls->len, "config.json: linux.seccomp.syscalls", err);
    if (!array)
        return -1;
    return json_object_set_new(json, "syscalls", array) < 0 ? err_set(err, ENOMEM, "linux.seccomp")
                                                            : 0;
}

int filter_build_cached(const char *root, json_t *json, const struct json_cut *syscalls,
                        struct seccomp_filter *ret, struct err *err)
{
    char name[2 * SHA256_LEN + 1];
    memset(ret, 0, sizeof *ret);
    if (!json)
        return 0;
    auto_fd dir = name_of(json, syscalls, name) ? open_cache(root) : -1;
    if (dir >= 0 && load(dir, name, ret))
        return 0;
    if (put_back(json, syscalls, err) < 0 || filter_build(json, ret, err) < 0)
        return -1;
    if (dir >= 0)
        store(dir, name, ret);
    return 0;
}
