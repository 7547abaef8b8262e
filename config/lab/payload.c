/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * payload.c - lab-payload: the one program that `gemel compare` runs on the host, in a container
 * and in a guest. Static, libc only, no arguments; takes well under a second natively.
 *
 * It prints one line per figure, "lab-payload KEY VALUE" with a decimal number, or
 * "lab-payload KEY - CODE" where there is none (console/compare.c has the codes' texts):
 *
 *   cpu_ns      CPU_TURNS turns of a 64-bit generator, each needing the one before
 *   syscall_ns  one getppid(2), mean of SYSCALLS
 *   fork_ns     one fork(2), _exit(2) and waitpid(2), mean of FORKS
 *   disk_ns     one 4 KiB pwrite(2) and fdatasync(2) of a file, mean of WRITES; no-disk, no-sync
 *   net_ns      one TCP connection to the default gateway (argument `loopback`: to 127.0.0.1), port
 * 9, until it is taken or refused, median of CONNECTS; no-route, no-answer memory_b    anonymous
 * memory, shares counted in parts, of all processes it sees but itself; no-proc kernel release, of
 * letters, digits and ._+~-
 *
 * Exit status 0 whenever it got to the end.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CPU_TURNS  20000000
#define SYSCALLS   50000
#define FORKS      50
#define WRITES     10
#define CONNECTS   7
#define CONNECT_MS 1000

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void say(const char *key, int64_t value)
{
    printf("lab-payload %s %lld\n", key, (long long)(value > 0 ? value : 1));
    fflush(stdout);
}

static void say_none(const char *key, const char *code)
{
    printf("lab-payload %s - %s\n", key, code);
    fflush(stdout);
}

static void measure_cpu(void)
{
    volatile uint64_t kept;
    uint64_t x = 88172645463325252u;
    int64_t begun = now_ns();

    for (int i = 0; i < CPU_TURNS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    kept = x;
    (void)kept;
    say("cpu_ns", now_ns() - begun);
}

static void measure_syscall(void)
{
    int64_t begun = now_ns();

    for (int i = 0; i < SYSCALLS; i++)
        syscall(SYS_getppid);
    say("syscall_ns", (now_ns() - begun) / SYSCALLS);
}

static void measure_fork(void)
{
    int64_t begun = now_ns();

    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) < 0) {
            say_none("fork_ns", "no-fork");
            return;
        }
    }
    say("fork_ns", (now_ns() - begun) / FORKS);
}

/* The first of the usual places that can be written and is not in memory; unlinked at once. */
static int open_scratch(void)
{
    static const char *const places[] = {"/data", "/var/tmp", "/tmp", "/root", "/"};
    const uint32_t tmpfs = 0x01021994, ramfs = 0x858458f6; /* statfs(2) */

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[64];
        struct statfs fs;
        int fd;

        if (statfs(places[i], &fs) != 0 || (uint32_t)fs.f_type == tmpfs ||
            (uint32_t)fs.f_type == ramfs)
            continue;
        snprintf(path, sizeof path, "%s/.lab-payload-XXXXXX", places[i]);
        fd = mkstemp(path);
        if (fd < 0)
            continue;
        unlink(path);
        return fd;
    }
    return -1;
}

static void measure_disk(void)
{
    static char block[4096];
    int fd = open_scratch();
    int64_t begun = 0;

    if (fd < 0) {
        say_none("disk_ns", "no-disk");
        return;
    }
    /* the first pays for the file itself */
    for (int i = -1; i < WRITES; i++) {
        if (i == 0)
            begun = now_ns();
        memset(block, i + 2, sizeof block);
        if (pwrite(fd, block, sizeof block, 0) != sizeof block || fdatasync(fd) != 0) {
            say_none("disk_ns", "no-sync");
            close(fd);
            return;
        }
    }
    say("disk_ns", (now_ns() - begun) / WRITES);
    close(fd);
}

/* The default gateway as the kernel's routing table has it, 0 = there is none. */
static uint32_t default_gateway(void)
{
    FILE *routes = fopen("/proc/net/route", "re");
    char line[256];
    uint32_t gateway = 0;

    if (routes == NULL)
        return 0;
    while (gateway == 0 && fgets(line, sizeof line, routes) != NULL) {
        unsigned long to, by;

        if (sscanf(line, "%*31s %lx %lx", &to, &by) == 2 && to == 0)
            gateway = (uint32_t)by;
    }
    fclose(routes);
    return gateway;
}

/* One connection, taken or refused; -1 = neither in time. */
static int64_t connect_once(uint32_t address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int64_t begun = now_ns(), took = -1;
    int error = 0;
    socklen_t length = sizeof error;

    to.sin_addr.s_addr = address;
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == ECONNREFUSED)
        took = now_ns() - begun;
    else if (errno == EINPROGRESS && poll(&wait, 1, CONNECT_MS) == 1 &&
             getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
             (error == 0 || error == ECONNREFUSED))
        took = now_ns() - begun;
    close(fd);
    return took;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void measure_net(int loopback)
{
    uint32_t gateway = loopback ? htonl(INADDR_LOOPBACK) : default_gateway();
    int64_t took[CONNECTS];

    if (gateway == 0) {
        say_none("net_ns", "no-route");
        return;
    }
    connect_once(gateway); /* this one asks for the neighbour's address as well */
    for (int i = 0; i < CONNECTS; i++) {
        took[i] = connect_once(gateway);
        if (took[i] < 0) {
            say_none("net_ns", "no-answer");
            return;
        }
    }
    qsort(took, CONNECTS, sizeof *took, by_value);
    say("net_ns", took[CONNECTS / 2]);
}

/* Of one process; a thread of the kernel has none. */
static int64_t process_bytes(const char *pid)
{
    char path[64], line[128];
    long long pss = -1, whole = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%.16s/smaps_rollup", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Pss_Anon: %lld", &pss) != 1) /* since Linux 5.9 */
            sscanf(line, "Anonymous: %lld", &whole);
    fclose(file);
    return (pss >= 0 ? pss : whole) * 1024;
}

static void measure_memory(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int64_t sum = 0;
    int seen = 0;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        seen++;
        if (atoi(entry->d_name) != getpid())
            sum += process_bytes(entry->d_name);
    }
    if (proc != NULL)
        closedir(proc);
    if (seen > 0)
        say("memory_b", sum);
    else
        say_none("memory_b", "no-proc");
}

static void say_kernel(void)
{
    struct utsname name;

    if (uname(&name) != 0)
        return;
    printf("lab-payload kernel %s\n", name.release);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    say_kernel();
    measure_memory();
    measure_cpu();
    measure_syscall();
    measure_fork();
    measure_disk();
    measure_net(argc > 1 && strcmp(argv[1], "loopback") == 0);
    return 0;
}
