/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state, list, ps */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "commands.h"
#include "state.h"

/* Prints a document and gives it back. */
static int print_json(json_t *doc, size_t flags, struct err *err)
{
    char *text = json_text(doc, flags);
    json_decref(doc);
    if (!text)
        return err_set(err, 0, "a name in the state is not UTF-8");
    int rc = puts(text) < 0 || fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
    return rc;
}

/* A name of somebody else's choice, for a table. */
static const char *printable(const char *name)
{
    char *copy = mem_strdup(name ? name : "");
    text_make_printable(copy);
    return copy;
}

/* --format: 1 json, 0 table. */
static int wants_json(const struct options *opt, struct err *err)
{
    if (!opt->format || !strcmp(opt->format, "table"))
        return 0;
    return !strcmp(opt->format, "json")
               ? 1
               : err_set(err, 0, "--format: '%s' is not table or json", opt->format);
}

int cmd_state(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    struct err ignored;
    int rc = state_open(&st, opt->root, argv[0], STATE_NO_LOCK, err);
    if (rc == 0) {
        state_config(&st, &ignored); /* annotations; a container half made has none yet */
        rc = print_json(state_json(&st, NULL), JSON_INDENT(2), err);
    }
    state_close(&st);
    return rc;
}

int cmd_list(const struct options *opt, int argc, char **argv, struct err *err)
{
    size_t n;
    int json = wants_json(opt, err);
    if (json < 0)
        return -1;
    char **ids = state_list(opt->root, &n, err);
    if (!ids)
        return -1;
    json_t *all = json_array();
    if (!json && !opt->quiet)
        printf("%-24s %-10s %-10s %-40s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
    for (size_t i = 0; i < n; i++) {
        struct state st;
        struct err ignored;
        if (opt->quiet) {
            if (access(mem_printf("%s/%s/state.json", opt->root, ids[i]), F_OK) == 0)
                puts(ids[i]);
            continue;
        }
        if (state_open(&st, opt->root, ids[i], STATE_NO_LOCK, &ignored) == 0) {
            state_config(&st, &ignored);
            json_t *doc = state_json(&st, NULL);
            if (json)
                json_array_append(all, doc);
            else
                printf("%-24s %-10d %-10s %-40s %s\n", ids[i],
                       (int)json_integer_value(json_object_get(doc, "pid")),
                       json_string_value(json_object_get(doc, "status")), printable(st.bundle),
                       printable(st.created));
            json_decref(doc);
        } else if (ignored.errnum != ENOENT || st.dir >= 0) {
            fprintf(stderr, "gemel-runtime: warning: %s: %s\n", ids[i], ignored.text);
        }
        state_close(&st);
    }
    if (json && !opt->quiet)
        return print_json(all, JSON_COMPACT, err);
    json_decref(all);
    return fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}

/* The name of a process, "?" when it has gone meanwhile. */
static const char *name_of(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "%d/comm", (int)pid);
    auto_fd fd = proc_open(path, O_RDONLY);
    char *text = fd < 0 ? NULL : fd_read_all(fd, 256, NULL);
    if (!text)
        return "?";
    size_t n = strlen(text);
    if (n && text[n - 1] == '\n')
        text[n - 1] = 0;
    return printable(text);
}

static int compare_pids(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

/* What ps(1) prints with these arguments. */
static char *output_of_ps(char **argv, struct err *err)
{
    int fds[2], status = 0;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        err_set(err, errno, "pipe");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fds[1], 1) == 1)
            execvp("ps", argv);
        _exit(127);
    }
    close(fds[1]);
    auto_fd out = fds[0];
    char *text = pid < 0 ? NULL : fd_read_all(out, 16 << 20, NULL);
    int saved = errno;
    fd_cleanup(&out);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (text && status == 0)
        return text;
    err_set(err, text ? 0 : saved, "ps: %s",
            !text                        ? "its output"
            : WEXITSTATUS(status) == 127 ? "the program ps cannot be executed"
                                         : "the program ps does not take these arguments");
    return NULL;
}

/* The word number `index` of a line; NULL when it has not so many. */
static char *word_of(const char *line, size_t index)
{
    line += strspn(line, " ");
    for (; index && *line; index--) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    return *line ? mem_strndup(line, strcspn(line, " ")) : NULL;
}

/* The lines of ps(1) about these processes, as runc has them: `argv` is the program's, with its
 * name. */
static int print_by_ps(char **argv, const pid_t *pids, size_t n, struct err *err)
{
    char *text = output_of_ps(argv, err), *word;
    size_t column = 0;
    for (char *at = text; at && *at;) {
        size_t len = strcspn(at, "\n");
        char *line = mem_strndup(at, len);
        if (at == text) {
            while ((word = word_of(line, column)) && strcmp(word, "PID") != 0)
                column++;
            if (!word)
                return err_set(err, 0, "ps: with these arguments it shows no column PID");
        }
        word = word_of(line, column);
        pid_t pid = word ? (pid_t)strtol(word, NULL, 10) : 0;
        bool shown = at == text || (n && bsearch(&pid, pids, n, sizeof *pids, compare_pids));
        text_make_printable(line);
        if (shown)
            puts(line);
        at += len + (at[len] != 0);
    }
    return !text ? -1 : fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}

int cmd_ps(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct state st;
    pid_t *pids = NULL;
    size_t n = 0;
    int json = wants_json(opt, err);
    if (json < 0)
        return -1;
    int rc = state_open(&st, opt->root, argv[0], STATE_NO_LOCK, err);
    if (rc == 0) {
        cgroup_open(&st.cgroup);
        rc = cgroup_pids(&st.cgroup, &pids, &n, err);
    }
    state_close(&st);
    if (rc < 0)
        return -1;
    if (n)
        qsort(pids, n, sizeof *pids, compare_pids);
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, json_integer(pids[i]));
        return print_json(list, JSON_COMPACT, err);
    }
    if (argc > 1) {
        argv[0] = (char[]){"ps"};
        return print_by_ps(argv, pids, n, err);
    }
    printf("%-10s %s\n", "PID", "NAME");
    for (size_t i = 0; i < n; i++)
        printf("%-10d %s\n", (int)pids[i], name_of(pids[i]));
    return fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}
