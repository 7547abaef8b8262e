/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"

static int log_fd = -1;
static bool log_json;

/* The least that is written; "debug" lines go to the log file alone. */
static const char *const levels[] = {"debug", "info", "warning", "error"};
static size_t least = 1;

static size_t level_number(const char *level)
{
    size_t i = 0;
    while (i < ARRAY_LEN(levels) && strcmp(levels[i], level) != 0)
        i++;
    return i;
}

int log_level(const char *level, struct err *err)
{
    if (!level)
        return 0;
    size_t number = level_number(level);
    if (number == ARRAY_LEN(levels))
        return err_set(err, 0, "--log-level: '%s' is not error, warning, info or debug", level);
    least = number;
    return 0;
}

int log_open(const char *path, bool json, struct err *err)
{
    /* As crun has it: a name of where the lines go before the colon. */
    if (!strncmp(path, "file:", 5))
        path += 5;
    else if (!strncmp(path, "journald:", 9) || !strncmp(path, "syslog:", 7))
        return err_set(err, ENOTSUP, "--log %s", path);
    log_json = json;
    log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    return log_fd < 0 ? err_set(err, errno, "--log %s", path) : 0;
}

bool log_is(int fd)
{
    return fd == log_fd;
}

void log_message(const char *level, const char *given)
{
    if (level_number(level) < least)
        return;
    char when[40], line[1400], *text = mem_strdup(given);
    text_make_printable(text);
    struct tm tm;
    time_t now = time(NULL);
    if (strcmp(level, "debug") != 0) {
        /* One write, so that lines of several processes do not mix. */
        const char *mark = strcmp(level, "error") != 0 ? mem_printf("%s: ", level) : "";
        int n = snprintf(line, sizeof line, "gemel-runtime: %s%s\n", mark, text);
        if (n > 0 && write(2, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
            errno = 0; /* the log file is what is left */
    }
    if (log_fd < 0)
        return;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    char *out = NULL;
    if (log_json) {
        json_t *doc = json_pack("{s:s, s:s, s:s}", "level", level, "msg", text, "time", when);
        char *dump = doc ? json_text(doc, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
        json_decref(doc);
        out = dump ? mem_printf("%s\n", dump) : NULL;
    } else {
        json_t *quoted = json_string(text);
        char *dump = quoted ? json_text(quoted, JSON_ENCODE_ANY) : NULL;
        json_decref(quoted);
        out = dump ? mem_printf("time=\"%s\" level=%s msg=%s\n", when, level, dump) : NULL;
    }
    if (out && fd_write_all(log_fd, out, strlen(out)) < 0)
        errno = 0;
}
