/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ptydrive: runs a program on a pty of a given size, types keys at it, and writes down what
 * happened when, for bench/run to make sense of.
 *
 *   ptydrive ROWS COLS LOG SETTLE_MS KEYS MIN_MS MAX_MS IDLE_MS SEED -- PROGRAM ARG...
 *
 * Reads at once whatever the program writes. When it has been quiet for SETTLE_MS after its first
 * output (or after 10 s) it types the characters of KEYS one after the other, MIN_MS..MAX_MS apart
 * (drawn evenly, from SEED), waits IDLE_MS more, and ends the program. ^N and ^P among KEYS are
 * typed as the arrow keys Down and Up, after the terminal was in application mode or not. LOG is a
 * line per event: `T what`, T in ns of CLOCK_MONOTONIC from just before the fork: `key HEX` before
 * a key is written, `out HEX` after a read, `usage MAXRSS_KB CPU_US IDLE_CPU_US` at the end, the
 * last being what the program took during the last wait alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t start_ns;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec - start_ns;
}

/* The events are kept in memory: writing them would disturb what is measured. */
typedef struct {
    int64_t ns;
    char what; /* 'k' or 'o' */
    size_t offset, size;
} Event;

static Event *events;
static size_t n_events, room_events;
static unsigned char *bytes;
static size_t n_bytes, room_bytes;

static void *grow(void *old, size_t size)
{
    void *fresh = realloc(old, size);

    if (fresh == NULL) {
        perror("ptydrive");
        exit(2);
    }
    return fresh;
}

static void note(int64_t ns, char what, const void *data, size_t size)
{
    if (n_events == room_events)
        events = grow(events, (room_events = room_events * 2 + 4096) * sizeof *events);
    if (n_bytes + size > room_bytes)
        bytes = grow(bytes, room_bytes = (room_bytes + size) * 2 + (1 << 20));
    memcpy(bytes + n_bytes, data, size);
    events[n_events++] = (Event){.ns = ns, .what = what, .offset = n_bytes, .size = size};
    n_bytes += size;
}

/* Reads until `until_ns`, or until it has been quiet for quiet_ns after some output. 0 = the
 * program is gone. */
static int watch(int fd, int64_t until_ns, int64_t quiet_ns)
{
    int64_t last = -1;
    char buffer[65536];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t now = now_ns();
        int64_t end =
            last >= 0 && quiet_ns > 0 && last + quiet_ns < until_ns ? last + quiet_ns : until_ns;
        struct timespec wait;
        ssize_t got;

        if (now >= end)
            return 1;
        wait = (struct timespec){.tv_sec = (end - now) / 1000000000,
                                 .tv_nsec = (end - now) % 1000000000};
        if (ppoll(&p, 1, &wait, NULL) <= 0)
            continue;
        got = read(fd, buffer, sizeof buffer);
        if (got <= 0)
            return 0;
        last = now_ns();
        note(last, 'o', buffer, (size_t)got);
    }
}

/* CPU time of all threads of a living process. */
static int64_t cpu_ns(pid_t pid)
{
    struct timespec ts = {0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Whether the program has switched the keypad to application mode (DECCKM) by what it wrote so far.
 */
static int application_mode(void)
{
    static const char on[] = "\033[?1h";

    return memmem(bytes, n_bytes, on, sizeof on - 1) != NULL;
}

static int type(int fd, char key)
{
    char arrow[] = "\033[A";

    if (key != '\016' && key != '\020')
        return write(fd, &key, 1) == 1;
    arrow[1] = application_mode() ? 'O' : '[';
    arrow[2] = key == '\016' ? 'B' : 'A';
    return write(fd, arrow, 3) == 3;
}

static void save(const char *path, const struct rusage *usage, int64_t idle_ns)
{
    FILE *log = fopen(path, "we");

    if (log == NULL) {
        perror(path);
        exit(2);
    }
    for (size_t i = 0; i < n_events; i++) {
        fprintf(log, "%lld %s ", (long long)events[i].ns, events[i].what == 'k' ? "key" : "out");
        for (size_t j = 0; j < events[i].size; j++)
            fprintf(log, "%02x", bytes[events[i].offset + j]);
        fputc('\n', log);
    }
    fprintf(log, "%lld usage %ld %lld %lld\n", (long long)now_ns(), usage->ru_maxrss,
            (long long)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
                usage->ru_utime.tv_usec + usage->ru_stime.tv_usec,
            (long long)idle_ns / 1000);
    if (fclose(log) != 0) {
        perror(path);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct winsize size = {0};
    struct rusage usage;
    int64_t settle_ns, min_ns, max_ns, last_ns, idle_ns = 0;
    const char *keys;
    int fd, status, here;
    pid_t pid;

    if (argc < 12 || strcmp(argv[10], "--") != 0) {
        fprintf(stderr, "usage: ptydrive ROWS COLS LOG SETTLE_MS KEYS MIN_MS MAX_MS IDLE_MS SEED "
                        "-- PROGRAM ARG...\n");
        return 2;
    }
    size.ws_row = (unsigned short)atoi(argv[1]);
    size.ws_col = (unsigned short)atoi(argv[2]);
    settle_ns = atoll(argv[4]) * 1000000;
    keys = argv[5];
    min_ns = atoll(argv[6]) * 1000000;
    max_ns = atoll(argv[7]) * 1000000;
    last_ns = atoll(argv[8]) * 1000000;
    srand48(atol(argv[9]));

    start_ns = now_ns();
    pid = forkpty(&fd, NULL, NULL, &size);
    if (pid < 0) {
        perror("ptydrive: forkpty");
        return 2;
    }
    if (pid == 0) {
        execv(argv[11], argv + 11);
        perror(argv[11]);
        _exit(127);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    here = watch(fd, INT64_C(10000000000), settle_ns);
    for (const char *key = keys; here && *key != '\0'; key++) {
        note(now_ns(), 'k', key, 1);
        if (!type(fd, *key))
            break;
        here = watch(fd, now_ns() + min_ns + (int64_t)(drand48() * (double)(max_ns - min_ns)), 0);
    }
    if (here) {
        idle_ns = -cpu_ns(pid);
        watch(fd, now_ns() + last_ns, 0);
        idle_ns += cpu_ns(pid);
    }
    kill(pid, SIGTERM);
    here = watch(fd, now_ns() + 300000000, 0);
    if (here)
        kill(pid, SIGKILL);
    if (wait4(pid, &status, 0, &usage) != pid) {
        perror("ptydrive: wait4");
        return 2;
    }
    save(argv[3], &usage, idle_ns);
    return 0;
}
