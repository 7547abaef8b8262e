/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every file of the runtime leans on: errors, memory, descriptors, small files.
 *
 * Errors. A function that can fail takes `struct err *err` last, returns -1 or NULL when it does,
 * and fills `err` with one line: the field or path, what failed, the reason. `return err_set(…)` is
 * the idiom.
 *
 * Memory. The process lives for one command, so nothing is freed one by one: mem_*() takes from an
 * arena that mem_release() gives back before exit (so that leak checkers have nothing to say).
 * Running out of memory ends the process with status 1; the kernel undoes what was half made (see
 * init.h).
 *
 * One thread only. Nothing here is safe for more.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

struct err {
    int errnum;      /* errno, or 0 where none is meant */
    char text[1024]; /* one line of UTF-8, see text_make_printable() */
};

/* Text may quote names from hostile configurations: puts "?" for control characters, which move
 * cursors and forge lines, for those that turn the direction of writing, and for what is not UTF-8,
 * which a log in JSON could not hold. */
void text_make_printable(char *text);

/* Fills `err` with the message and, when `errnum` is not 0, ": " and its text. Returns -1. */
int err_set(struct err *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts a prefix before a message that is already there. Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *mem_alloc(size_t size); /* zeroed, aligned for any type, never NULL */
void *mem_array(size_t n, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t n);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mem_release(void);

/* close(2) on leaving the scope; -1 is fine. */
void fd_cleanup(int *fd);
#define auto_fd __attribute__((cleanup(fd_cleanup), unused)) int
static inline int fd_take(int *fd)
{
    int got = *fd;
    *fd = -1;
    return got;
}

/* Reads a whole file of at most `max` bytes, NUL-terminated; `*ret_len` may be NULL. NULL and errno
 * on failure (EFBIG when longer). */
char *file_read(int dirfd, const char *path, size_t max, size_t *ret_len);
char *fd_read_all(int fd, size_t max, size_t *ret_len);

/* write(2) until all is out. 0, or -1 and errno. */
int fd_write_all(int fd, const void *data, size_t len);

/* Opens an existing file for writing and writes `text` in one call (kernel attribute files). 0, or
 * -1 and errno. */
int file_write(int dirfd, const char *path, const char *text);

/* Writes a file by temp name and rename; readers see the old or the new one whole. 0, or -1 and
 * errno. */
int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode);

/* openat2(2) below `root` as if it were "/": no "..", symlink or magic link leads out. */
int open_in_root(int root, const char *path, int flags, uint64_t extra_resolve);

/* A SOCK_STREAM connection to a unix socket, however long its path. -1 and errno. */
int unix_connect(const char *path);

/* Sends `text` with a descriptor beside it. 0, or -1 and errno. */
int fd_send(int sock, const char *text, int fd);

/* A descriptor of the host's procfs root, checked to be procfs and its root inode; opened once. -1
 * and errno. */
int proc_fd(void);

/* Closes it for good: from here on proc_fd() fails rather than take the container's procfs for the
 * host's. */
void proc_close(void);

/* Writes an attribute below the host's procfs; no symbolic link is followed, no mount over it
 * crossed (CVE-2019-16884, CVE-2025-52881). 0, or -1 and errno. */
int proc_write(const char *path, const char *text);
int proc_open(const char *path, int flags);

/* Start time (field 22 of /proc/PID/stat, clock ticks) and state letter. 0, or -1 and errno. */
int proc_stat(pid_t pid, uint64_t *ret_start, char *ret_state);

/* True for a process that has ended or is about to, by SIGKILL. */
bool proc_is_killed(pid_t pid);

/* Every directory of an absolute path that is missing is made with `mode`. 0, or -1 and errno. */
int dir_make(const char *path, mode_t mode);

/* True for what may be a container's name: [A-Za-z0-9_+.-], at most 1024, no dot in front. */
bool id_valid(const char *id);

/* Closes all descriptors from `first` up except those listed (-1 is passed over). */
void fds_close_except(unsigned first, const int *keep, size_t n);

int64_t now_monotonic_ms(void);

/* RFC 3339 with nanoseconds, UTC, of a time since 1970; gmtime(3) would read the host's time zone
 * first. */
char *utc_text(int64_t time_s, long ns);
void sleep_ms(int ms);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
