/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"

static int log_fd = -1;
static bool log_json;

int log_open(const char *path, bool json, struct err *err)
{
    log_json = json;
    log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    return log_fd < 0 ? err_set(err, errno, "--log %s", path) : 0;
}

void log_message(const char *level, const char *text)
{
    char when[40], line[1400];
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
