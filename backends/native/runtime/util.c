/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>

#include "defences.h"

#define PROC_MAGIC    0x9fa0
#define PROC_ROOT_INO 1

/* Characters that end lines, or change the direction in which the rest of one is shown. */
static bool turns_line(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Length of the UTF-8 character at `p`; 0 for what is none, for control characters of C0 and C1,
 * which terminals take in UTF-8, too, and for those of turns_line(). */
static size_t printable_span(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    uint32_t code = n == 1 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[n] || code == 0x7f || code > 0x10ffff || surrogate || turns_line(code) ? 0
                                                                                               : n;
}

void text_make_printable(char *text)
{
    for (char *p = text; *p && defended(PRINTABLE);) {
        size_t n = printable_span((const unsigned char *)p);
        if (n == 0)
            *p = '?';
        p += n ? n : 1;
    }
}

/* Formats the message and appends the errno's text; a message too long is cut before that. */
int err_set(struct err *err, int errnum, const char *format, ...)
{
    va_list ap;
    if (!err)
        return -1;
    err->errnum = errnum;
    va_start(ap, format);
    int n = vsnprintf(err->text, sizeof err->text, format, ap);
    va_end(ap);
    if (errnum && n >= 0) {
        char reason[128];
        snprintf(reason, sizeof reason, ": %s", strerror(errnum));
        size_t last = sizeof err->text - strlen(reason) - 1, at = (size_t)n;
        if (at > last)
            memcpy(err->text + (at = last) - 3, "...", 3);
        memcpy(err->text + at, reason, strlen(reason) + 1);
    }
    text_make_printable(err->text);
    return -1;
}

/* "prefix: message". Of what is too long the end stays, which has the reason. */
int err_prefix(struct err *err, const char *format, ...)
{
    char prefix[512], all[sizeof err->text];
    va_list ap;
    va_start(ap, format);
    vsnprintf(prefix, sizeof prefix, format, ap);
    va_end(ap);
    size_t room = sizeof all - strlen(prefix) - 3, n = strlen(err->text);
    char *to = mempcpy(mempcpy(all, prefix, strlen(prefix)), ": ", 2);
    n = n > room ? room : n;
    memcpy(to, err->text + strlen(err->text) - n, n + 1);
    memcpy(err->text, all, sizeof all);
    text_make_printable(err->text);
    return -1;
}

struct mem_block {
    struct mem_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};
static struct mem_block *mem_blocks;

/* The first of it is part of the program: no system call, and only what is used becomes memory. */
static _Alignas(4096) char mem_first[256 << 10];
static size_t mem_first_used;

/* What nearly every command uses of it becomes memory by one call and not by a fault a page. */
#define MEM_POPULATED (64 << 10)

/* Takes from the first block, then from the newest one, or from a new one of at least 32 KB. */
void *mem_alloc(size_t size)
{
    if (size > SIZE_MAX / 2)
        size = SIZE_MAX / 2;
    size = (size + 15) & ~(size_t)15;
    if (mem_first_used == 0 && madvise(mem_first, MEM_POPULATED, MADV_POPULATE_WRITE) < 0)
        errno = 0; /* before 5.14 */
    if (sizeof mem_first - mem_first_used >= size) {
        mem_first_used += size;
        return mem_first + mem_first_used - size;
    }
    if (!mem_blocks || mem_blocks->size - mem_blocks->used < size) {
        size_t want = size > 32768 ? size : 32768;
        struct mem_block *block = calloc(1, sizeof *block + want);
        if (!block) {
            static const char text[] = "gemel-runtime: out of memory\n";
            if (write(2, text, sizeof text - 1) < 0) {
                /* nowhere left to say it */
            }
            _exit(1);
        }
        block->size = want;
        block->next = mem_blocks;
        mem_blocks = block;
    }
    void *got = mem_blocks->data + mem_blocks->used;
    mem_blocks->used += size;
    return got;
}

/* An array, overflow checked. */
void *mem_array(size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        total = SIZE_MAX;
    return mem_alloc(total ? total : 1);
}

char *mem_strndup(const char *text, size_t n)
{
    char *copy = mem_alloc(n + 1);
    memcpy(copy, text, n);
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *format, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, format, ap);
    va_end(ap);
    size_t len = n > 0 ? (size_t)n : 0;
    char *text = mem_alloc(len + 1);
    if (len < sizeof small)
        memcpy(text, small, len);
    else
        vsnprintf(text, len + 1, format, again);
    va_end(again);
    return text;
}

void mem_release(void)
{
    memset(mem_first, 0, mem_first_used);
    mem_first_used = 0;
    while (mem_blocks) {
        struct mem_block *next = mem_blocks->next;
        free(mem_blocks);
        mem_blocks = next;
    }
}

void fd_cleanup(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

/* The next size of a buffer that is full: room for all of a file, else twice as much. */
static size_t next_size(int fd, size_t size, size_t max)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < max &&
        (size_t)st.st_size + 2 > size)
        return (size_t)st.st_size + 2;
    return size * 2;
}

/* Reads to the end; the buffer grows until `max`. The first is on the stack: most files are small,
 * and take no more of the arena than they have. */
char *fd_read_all(int fd, size_t max, size_t *ret_len)
{
    char first[4096], *grown = NULL;
    size_t size = sizeof first, len = 0;
    for (;;) {
        if (len + 1 >= size) {
            size = next_size(fd, size, max);
            char *bigger = mem_alloc(size);
            memcpy(bigger, grown ? grown : first, len);
            grown = bigger;
        }
        ssize_t n = read(fd, (grown ? grown : first) + len, size - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return NULL;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max) {
            errno = EFBIG;
            return NULL;
        }
    }
    char *kept = grown ? grown : mem_strndup(first, len);
    kept[len] = 0;
    if (ret_len)
        *ret_len = len;
    return kept;
}

char *file_read(int dirfd, const char *path, size_t max, size_t *ret_len)
{
    auto_fd fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? NULL : fd_read_all(fd, max, ret_len);
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_write(int dirfd, const char *path, const char *text)
{
    auto_fd fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    size_t len = strlen(text);
    ssize_t n;
    do
        n = write(fd, text, len);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len ? 0 : -1;
}

int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
    char temp[320];
    snprintf(temp, sizeof temp, ".%.200s.%d", name, (int)getpid());
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    auto_fd fd = openat(dirfd, temp, flags, mode);
    /* Left by one that was killed and had the same pid, or put there by somebody: never written to.
     */
    if (fd < 0 && errno == EEXIST && unlinkat(dirfd, temp, 0) == 0)
        fd = openat(dirfd, temp, flags, mode);
    if (fd < 0)
        return -1;
    if (fd_write_all(fd, data, len) < 0 || renameat(dirfd, temp, dirfd, name) < 0) {
        int saved = errno;
        unlinkat(dirfd, temp, 0);
        errno = saved;
        return -1;
    }
    return 0;
}

/* openat2 answers EAGAIN when a rename anywhere made a ".." ambiguous: try again, a bounded number
 * of times. */
static int openat2_retry(int dirfd, const char *path, struct open_how *how)
{
    for (int tries = 0;; tries++) {
        long fd = syscall(SYS_openat2, dirfd, path, how, sizeof *how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || tries == 128)
            return (int)fd;
    }
}

int open_in_root(int root, const char *path, int flags, uint64_t extra_resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve,
    };
    if (!defended(IN_ROOT)) {
        how.resolve = extra_resolve;
        path += strspn(path, "/");
    }
    return openat2_retry(root, *path ? path : ".", &how);
}

#define PROC_CLOSED (-2)
static int proc_root = -1; /* not opened yet */

int proc_fd(void)
{
    if (proc_root >= 0)
        return proc_root;
    if (proc_root == PROC_CLOSED) {
        errno = EBADF;
        return -1;
    }
    auto_fd got = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statfs fs;
    struct stat st;
    if (got < 0 || fstatfs(got, &fs) < 0 || fstat(got, &st) < 0)
        return -1;
    if ((unsigned long)fs.f_type != PROC_MAGIC || st.st_ino != PROC_ROOT_INO) {
        errno = ENOTSUP;
        return -1;
    }
    return proc_root = fd_take(&got);
}

void proc_close(void)
{
    if (proc_root >= 0 && defended(DESCRIPTORS))
        close(proc_root);
    proc_root = PROC_CLOSED;
}

int proc_open(const char *path, int flags)
{
    if (!defended(HOST_PROCFS)) { /* the procfs that is mounted where the container has it */
        int fd = open(mem_printf("proc/%s", path), flags | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
    };
    int root = proc_fd();
    return root < 0 ? -1 : openat2_retry(root, path, &how);
}

int proc_write(const char *path, const char *text)
{
    auto_fd fd = proc_open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    size_t len = strlen(text);
    return write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

/* A /proc/PID/stat from the state letter on, field 3. The command name before it may hold spaces
 * and parentheses: it ends at the last ')'. */
static char *read_stat(int fd, char buf[1024])
{
    ssize_t n = fd < 0 ? -1 : pread(fd, buf, 1023, 0);
    if (n <= 0) {
        errno = n < 0 ? errno : ESRCH;
        return NULL;
    }
    buf[n] = 0;
    char *at = strrchr(buf, ')');
    if (at && at[1] == ' ' && at[2])
        return at + 2;
    errno = EPROTO;
    return NULL;
}

static int open_stat(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "%d/stat", (int)pid);
    return proc_open(path, O_RDONLY);
}

/* Field `number` (proc(5)) of what read_stat() gave. */
static const char *stat_field(const char *at, int number)
{
    for (int field = 3; field < number; field++) {
        at = strchr(at, ' ');
        if (!at) {
            errno = EPROTO;
            return NULL;
        }
        at++;
    }
    return at;
}

int proc_stat(pid_t pid, uint64_t *ret_start, char *ret_state)
{
    auto_fd fd = open_stat(pid);
    char buf[1024], *stat = read_stat(fd, buf);
    const char *start = stat ? stat_field(stat, 22) : NULL;
    if (!start)
        return -1;
    *ret_start = strtoull(start, NULL, 10);
    *ret_state = *stat;
    return 0;
}

/* The signal is pending (field 31) until the process takes it, which its flags tell from then on
 * (field 9). The kernel writes the flags first: those of a second look are later than the pending
 * signals of the first. */
#define PF_EXITING  UINT64_C(0x4)
#define PF_SIGNALED UINT64_C(0x400)

bool proc_is_killed(pid_t pid)
{
    auto_fd fd = open_stat(pid);
    char buf[1024], *stat = NULL;
    for (int look = 0; look < 2 && (stat = read_stat(fd, buf)); look++) {
        const char *flags = stat_field(stat, 9), *pending = stat_field(stat, 31);
        if (*stat == 'Z' || *stat == 'X' ||
            (flags && strtoull(flags, NULL, 10) & (PF_EXITING | PF_SIGNALED)) ||
            (pending && strtoull(pending, NULL, 10) & UINT64_C(1) << (SIGKILL - 1)))
            return true;
    }
    return fd >= 0 && !stat && errno == ESRCH;
}

int dir_make(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    char *copy = mem_strdup(path);
    for (char *at = copy + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return -1;
        *at = '/';
    }
    return mkdir(copy, mode) < 0 && errno != EEXIST ? -1 : 0;
}

bool id_valid(const char *id)
{
    size_t n = strlen(id);
    if (!defended(ID_NAME))
        return true;
    if (n == 0 || n > 1024 || *id == '.') /* the runtime's own directories begin with a dot */
        return false;
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-") == n;
}

void fds_close_except(unsigned first, const int *keep, size_t n)
{
    while (defended(DESCRIPTORS)) {
        unsigned next = ~0U; /* the lowest one to keep from here */
        for (size_t i = 0; i < n; i++)
            if (keep[i] >= 0 && (unsigned)keep[i] >= first && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next > first)
            close_range(first, next == ~0U ? next : next - 1, 0);
        if (next == ~0U)
            return;
        first = next + 1;
    }
}

int64_t now_monotonic_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *utc_text(int64_t time_s, long ns)
{
    /* Years of 400 in which March is the first month: the leap day is the last. */
    int64_t second = time_s % 86400, day = time_s / 86400 + 719468, era = day / 146097;
    int64_t of_era = day % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    return mem_printf("%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ",
                      (int)(era * 400 + year + (month >= 10)), (int)(month + (month < 10 ? 3 : -9)),
                      (int)(of_year - (153 * month + 2) / 5 + 1), (int)(second / 3600),
                      (int)(second / 60 % 60), (int)(second % 60), ns);
}

void sleep_ms(int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

int unix_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* Paths longer than sun_path are reached through a descriptor. */
    auto_fd at = -1;
    if (strlen(path) < sizeof address.sun_path) {
        memcpy(address.sun_path, path, strlen(path) + 1);
    } else {
        at = open(path, O_PATH | O_CLOEXEC);
        if (at < 0)
            return -1;
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", at);
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return fd_take(&fd);
}

/* The first sendmsg carries the descriptor and what fits of the text. */
int fd_send(int sock, const char *text, int fd)
{
    union {
        char data[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {(char *)(uintptr_t)text, strlen(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.data,
                             .msg_controllen = sizeof control.data};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    ssize_t sent = sendmsg(sock, &message, MSG_NOSIGNAL);
    return sent < 0 ? -1 : fd_write_all(sock, text + sent, strlen(text + sent));
}
