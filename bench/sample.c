/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample.c - what one sample of N containers costs against the floor: bench-sample N ROUNDS.
 *
 * A container is, to the sampler, a state file, a process and its control groups: so N processes
 * that sleep, each in a network namespace and groups of its own, below groups named after this
 * process. The sampler's thread reads them; the floor is a bare loop of pread(2) over descriptors
 * of the same files (those that the sampler has open), in a thread that likewise has a descriptor
 * table of its own. Both are measured in turns: the floor by its thread's clock, the sample by that
 * of the process, from the question until the answer is freed. Per round one line
 *
 *     N sampler_us floor_us files
 *
 * with the time of one sample. What was made is removed at the end, also after SIGTERM.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/native/process.h"
#include "backends/native/stats.h"
#include "backends/native/tree.h"

static volatile sig_atomic_t is_over;

static void end(int signal_number)
{
    is_over = 1;
}

/* User and system time of the calling thread, or of all. */
static double used_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- what looks like containers ------------------------------------------------------------- */

typedef struct {
    guint n;
    char *group; /* under every hierarchy */
    char *home;
    NativeStore store;
    pid_t *pids;
} World;

static char *id_of(guint i)
{
    return g_strdup_printf("%064x", i);
}

/* The group of one in every hierarchy, and the process in it. */
static gboolean place(const World *world, const NativeCgroups *cgroups, guint i)
{
    g_autofree char *id = id_of(i);

    for (guint m = 0; m < cgroups->mounts->len; m++) {
        const char *mount = g_ptr_array_index(cgroups->mounts, m);
        g_autofree char *dir = g_build_filename(mount, world->group, id, NULL);
        g_autofree char *procs = g_build_filename(dir, "cgroup.procs", NULL);
        FILE *file;

        if (strstr(mount, "cpuset") != NULL)
            continue; /* needs cpus and mems before a process may enter; no figure comes from it */
        if (g_mkdir_with_parents(dir, 0755) != 0)
            return FALSE;
        file = fopen(procs, "w");
        if (file == NULL)
            return FALSE;
        fprintf(file, "%d", (int)world->pids[i]);
        if (fclose(file) != 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean start_one(World *world, const NativeCgroups *cgroups, guint i)
{
    g_autofree char *id = id_of(i);
    int ready[2];
    char byte;

    if (pipe2(ready, O_CLOEXEC) != 0)
        return FALSE;
    world->pids[i] = fork();
    if (world->pids[i] == 0) {
        char own = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';

        if (write(ready[1], &own, 1) != 1)
            _exit(1);
        close_range(0, ~0U, 0);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        byte = 'n';
    close(ready[0]);
    if (world->pids[i] < 0 || byte != 'y' || !place(world, cgroups, i))
        return FALSE;
    NativeRun run = {.phase = NATIVE_RUN_STARTED,
                     .pid = world->pids[i],
                     .pid_start = native_process_start_ticks(world->pids[i]),
                     .cgroup = g_build_filename(world->group, id, NULL)};
    gboolean ok = native_run_save(&world->store, id, &run, NULL);

    native_run_done(&run);
    return ok;
}

static void remove_groups(const World *world, const NativeCgroups *cgroups)
{
    for (guint m = 0; m < cgroups->mounts->len; m++) {
        g_autofree char *top =
            g_build_filename(g_ptr_array_index(cgroups->mounts, m), world->group, NULL);

        for (guint i = 0; i < world->n; i++) {
            g_autofree char *id = id_of(i);
            g_autofree char *dir = g_build_filename(top, id, NULL);

            /* the last process may still be on its way out */
            for (guint tries = 0; rmdir(dir) != 0 && errno == EBUSY && tries < 200; tries++)
                g_usleep(10000);
        }
        rmdir(top);
    }
}

static void end_all(World *world, const NativeCgroups *cgroups)
{
    for (guint i = 0; i < world->n; i++)
        if (world->pids[i] > 0)
            kill(world->pids[i], SIGKILL);
    for (guint i = 0; i < world->n; i++)
        if (world->pids[i] > 0)
            waitpid(world->pids[i], NULL, 0);
    remove_groups(world, cgroups);
    native_tree_remove(AT_FDCWD, world->home, NULL);
}

/* ---- the floor ------------------------------------------------------------------------------ */

typedef struct {
    GPtrArray *paths;
    guint rounds, repeat;
    double *us; /* of one pass, by round */
    pthread_barrier_t *turns;
    gboolean failed;
} Floor;

/* The files that a thread has open below /sys/fs/cgroup or /proc. */
static GPtrArray *open_files(pid_t tid)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/fd", (int)tid);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char target[1024];
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

        target[MAX(length, 0)] = '\0';
        if (g_str_has_prefix(target, "/sys/fs/cgroup/") || g_str_has_suffix(target, "/net/dev"))
            g_ptr_array_add(paths, g_strdup(target));
    }
    if (dir != NULL)
        closedir(dir);
    return paths;
}

static gpointer run_floor(gpointer data)
{
    Floor *own = data;
    g_autofree int *fds = g_new(int, own->paths->len);
    static char buffer[65536];

    close_range(3, ~0U, CLOSE_RANGE_UNSHARE);
    for (guint i = 0; i < own->paths->len; i++) {
        fds[i] = open(g_ptr_array_index(own->paths, i), O_RDONLY | O_CLOEXEC);
        own->failed = own->failed || fds[i] < 0;
    }
    for (guint round = 0; round < own->rounds; round++) {
        double before;

        pthread_barrier_wait(own->turns);
        before = used_us(CLOCK_THREAD_CPUTIME_ID);
        for (guint i = 0; i < own->repeat * own->paths->len; i++)
            if (pread(fds[i % own->paths->len], buffer, sizeof buffer, 0) < 0)
                own->failed = TRUE;
        own->us[round] = (used_us(CLOCK_THREAD_CPUTIME_ID) - before) / own->repeat;
        pthread_barrier_wait(own->turns);
    }
    for (guint i = 0; i < own->paths->len; i++)
        close(fds[i]);
    return NULL;
}

/* ---- the rounds ----------------------------------------------------------------------------- */

/* The thread that reads: one of ours that is not this one, or this one. */
static pid_t find_sampler(void)
{
    DIR *dir = opendir("/proc/self/task");
    pid_t found = getpid();

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid())
            found = atoi(entry->d_name);
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* What a sampler that has run for a while is like: everything is open, in a thread if need be, the
   networks are known to have lo alone, and nothing started just now, for until the state
   directory's time is older than it is exact each sample looks through it. */
static gboolean settle(NativeStats *stats, guint n)
{
    g_usleep(100000);
    for (guint i = 0; i < 6; i++) {
        g_autoptr(GPtrArray) samples = native_stats_sample(stats);

        if (samples->len != n) {
            fprintf(stderr, "bench-sample: %u samples of %u\n", samples->len, n);
            return FALSE;
        }
    }
    return TRUE;
}

/* One sample, from the question until the answer is freed, by the clock of the process: the floor's
   thread waits meanwhile. */
static double sample_us(NativeStats *stats, guint repeat)
{
    double before = used_us(CLOCK_PROCESS_CPUTIME_ID);

    for (guint i = 0; i < repeat; i++)
        g_ptr_array_unref(native_stats_sample(stats));
    return (used_us(CLOCK_PROCESS_CPUTIME_ID) - before) / repeat;
}

static gboolean measure(const World *world, guint rounds)
{
    NativeStats *stats = native_stats_new(&world->store, native_cgroups_host(), 0);
    pthread_barrier_t turns;
    g_autofree double *us = g_new0(double, rounds);
    Floor own = {.rounds = rounds, .repeat = MAX(1, 200 / world->n), .us = us, .turns = &turns};
    pthread_t thread;

    if (!settle(stats, world->n))
        return FALSE;
    own.paths = open_files(find_sampler());
    pthread_barrier_init(&turns, NULL, 2);
    if (pthread_create(&thread, NULL, run_floor, &own) != 0)
        return FALSE;
    for (guint round = 0; round < rounds; round++) {
        double mine = 0;

        if (round % 2 == 0) /* who comes first finds colder caches */
            mine = sample_us(stats, own.repeat);
        pthread_barrier_wait(&turns);
        pthread_barrier_wait(&turns);
        if (round % 2 == 1)
            mine = sample_us(stats, own.repeat);
        printf("%u %.1f %.1f %u\n", world->n, mine, us[round], own.paths->len);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&turns);
    g_ptr_array_unref(own.paths);
    native_stats_free(stats);
    return !own.failed;
}

int main(int argc, char **argv)
{
    guint n = argc == 3 ? (guint)atoi(argv[1]) : 0, rounds = argc == 3 ? (guint)atoi(argv[2]) : 0;
    const NativeCgroups *cgroups = native_cgroups_host();
    struct rlimit limit;
    World world = {.n = n};
    gboolean ok = n > 0;

    if (n == 0 || rounds == 0) {
        fprintf(stderr, "bench-sample: N ROUNDS\n");
        return 2;
    }
    signal(SIGTERM, end);
    signal(SIGINT, end);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    world.home = g_dir_make_tmp("gemel-bench-XXXXXX", NULL);
    world.group = g_strdup_printf("t%d-bench", (int)getpid());
    world.store = (NativeStore){.root = g_build_filename(world.home, "root", NULL),
                                .run = g_build_filename(world.home, "run", NULL)};
    world.pids = g_new0(pid_t, n);
    g_autofree char *state = g_build_filename(world.store.run, "state", NULL);

    g_mkdir_with_parents(state, 0755);
    for (guint i = 0; ok && i < n && !is_over; i++)
        ok = start_one(&world, cgroups, i);
    if (!ok)
        fprintf(stderr, "bench-sample: cannot make a process with its groups: %s\n",
                g_strerror(errno));
    ok = ok && !is_over && measure(&world, rounds);
    end_all(&world, cgroups);
    return ok ? 0 : 1;
}
