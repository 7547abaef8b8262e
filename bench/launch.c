/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * launch: starts programs and measures them, for bench/run.
 *
 *   launch ROUNDS SEED PLAN OUT
 *
 * PLAN has blocks of lines; words are separated by tabs:
 *
 *   variant NAME          begins a variant; what follows belongs to it
 *   clear DIR             removes the files of DIR before the clock starts
 *   spawn PROGRAM ARG...  starts it, waits for it; it must exit with 0
 *   reap FILE             waits for the orphan whose pid is in FILE; it must exit with 0
 *
 * Every round runs each variant once, in an order shuffled anew (SEED). OUT gets a line per run:
 * `NAME WALL_NS CPU_US MAXRSS_KB`: from before the first start to the last end; user and system
 * time, and the largest resident set, of all processes of the variant that were waited for, by whom
 * ever (the orphans are reaped here, because this process is a subreaper).
 *
 * It is small on purpose: posix_spawn shares its memory with the child until execve, and the kernel
 * counts that memory towards the child's largest resident set.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VARIANTS_MAX 64
#define STEPS_MAX    8
#define WORDS_MAX    64

struct step {
    char *words[WORDS_MAX + 1]; /* the verb first */
};
struct variant {
    const char *name;
    struct step steps[STEPS_MAX];
    int n_steps;
};
struct usage {
    int64_t cpu_us;
    long maxrss_kb;
};

extern char **environ;
static struct variant variants[VARIANTS_MAX];
static int n_variants;

static void fail(const char *what, const char *of)
{
    fprintf(stderr, "launch: %s: %s\n", of, what);
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Cuts a line at its tabs. */
static void cut(char *line, struct step *step)
{
    char *save = NULL;
    int n = 0;
    for (char *word = strtok_r(line, "\t", &save); word && n < WORDS_MAX;
         word = strtok_r(NULL, "\t", &save))
        step->words[n++] = word;
    step->words[n] = NULL;
}

static void read_plan(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    if (!file)
        fail(strerror(errno), path);
    while ((n = getline(&line, &size, file)) > 0) {
        struct step step;
        line[n - 1] = 0;
        cut(strdup(line), &step);
        if (!step.words[0])
            continue;
        if (!strcmp(step.words[0], "variant")) {
            if (n_variants == VARIANTS_MAX)
                fail("too many variants", path);
            variants[n_variants++].name = step.words[1];
            continue;
        }
        struct variant *v = &variants[n_variants - 1];
        if (n_variants == 0 || v->n_steps == STEPS_MAX)
            fail("a step too many", path);
        v->steps[v->n_steps++] = step;
    }
    free(line);
    fclose(file);
}

static void clear_directory(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_type == DT_REG && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            fail(strerror(errno), path);
    if (dir)
        closedir(dir);
}

static void wait_for(pid_t pid, const char *name, struct usage *usage)
{
    struct rusage r;
    int status;
    while (wait4(pid, &status, 0, &r) != pid)
        if (errno != EINTR)
            fail("its process is not a child of this one", name);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail(WIFSIGNALED(status) ? "ended by a signal" : "failed", name);
    usage->cpu_us += (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000) +
                     r.ru_utime.tv_usec + r.ru_stime.tv_usec;
    if (r.ru_maxrss > usage->maxrss_kb)
        usage->maxrss_kb = r.ru_maxrss;
}

static void take_step(const struct step *step, const char *name, struct usage *usage)
{
    pid_t pid;
    char text[16] = "";
    if (!strcmp(step->words[0], "reap")) {
        int fd = open(step->words[1], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
            fail(strerror(errno), step->words[1]);
        close(fd);
        wait_for(atoi(text), name, usage);
        return;
    }
    int rc = posix_spawn(&pid, step->words[1], NULL, NULL, step->words + 1, environ);
    if (rc != 0)
        fail(strerror(rc), step->words[1]);
    wait_for(pid, name, usage);
}

static void run_variant(const struct variant *v, FILE *out)
{
    struct usage usage = {0};
    int first = 0;
    for (; first < v->n_steps && !strcmp(v->steps[first].words[0], "clear"); first++)
        clear_directory(v->steps[first].words[1]);
    int64_t start = now_ns();
    for (int i = first; i < v->n_steps; i++)
        take_step(&v->steps[i], v->name, &usage);
    int64_t wall = now_ns() - start;
    fprintf(out, "%s %lld %lld %ld\n", v->name, (long long)wall, (long long)usage.cpu_us,
            usage.maxrss_kb);
}

int main(int argc, char **argv)
{
    int order[VARIANTS_MAX];
    if (argc != 5)
        fail("see its head", "bench/launch.c");
    read_plan(argv[3]);
    FILE *out = fopen(argv[4], "we");
    if (!out)
        fail(strerror(errno), argv[4]);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        fail(strerror(errno), "PR_SET_CHILD_SUBREAPER");
    srandom((unsigned)atoi(argv[2]));
    for (int i = 0; i < n_variants; i++)
        order[i] = i;
    for (int round = atoi(argv[1]); round > 0; round--) {
        for (int i = n_variants - 1; i > 0; i--) {
            int k = (int)(random() % (i + 1)), held = order[i];
            order[i] = order[k];
            order[k] = held;
        }
        for (int i = 0; i < n_variants; i++)
            run_variant(&variants[order[i]], out);
    }
    return fclose(out) == 0 ? 0 : 2;
}
