/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cgroup_undo.h"

#include <string.h>

struct step {
    struct step *older;
    int dir;
    const char *file, *back, *instead; /* when the kernel does not take it back */
};
static struct step *newest, *pending;
static bool noting;

void undo_begin(void)
{
    newest = pending = NULL;
    noting = true;
}

/* The line of `text` that begins with the `n` bytes of `key` and a space; NULL when there is none.
 */
static const char *line_of(const char *text, const char *key, size_t n)
{
    for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (!strncmp(at, key, n) && at[n] == ' ')
            return mem_strndup(at, strcspn(at, "\n"));
    return NULL;
}

/* Files with a line a device take one line a write; a device without a line has no limit. */
static const char *no_limit(const char *file, const char *device, size_t n)
{
    static const struct {
        const char *file, *value;
    } rows[] = {
        {"io.max", "rbps=max wbps=max riops=max wiops=max"},
        {"io.latency", "target=0"},
        {"io.weight", "default"},
        {"io.bfq.weight", "default"},
        {"blkio.", "0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].file);
        if (!strncmp(file, rows[i].file, len) && (!file[len] || rows[i].file[len - 1] == '.'))
            return mem_printf("%.*s %s", (int)n, device, rows[i].value);
    }
    return NULL;
}

const char *undo_text(const char *file, const char *text, const char *before)
{
    size_t key = strcspn(text, " ");
    const char *line;
    if (text[key] && strcmp(file, "cpu.max") != 0)
        return (line = line_of(before, text, key)) ? line : no_limit(file, text, key);
    if ((line = line_of(before, "default", 7)))
        return line;
    if ((line = line_of(before, "oom_kill_disable", 16)))
        return line + 17;
    /* An empty list of CPUs: the kernel sees nothing of a write without a byte. */
    size_t n = strcspn(before, "\n");
    return n ? mem_strndup(before, n) : "\n";
}

void undo_note(int dir, const char *file, const char *text)
{
    char *before = noting ? file_read(dir, file, 1 << 20, NULL) : NULL;
    const char *back = before ? undo_text(file, text, before) : NULL;
    pending = back ? mem_alloc(sizeof *pending) : NULL;
    if (back)
        *pending = (struct step){.dir = dir, .file = mem_strdup(file), .back = back};
    /* A cpuset with processes cannot become empty again before Linux 6.2 or so: then it gets what
     * it had in effect. */
    if (back && *back == '\n')
        pending->instead = file_read(dir, mem_printf("%s.effective", file), 65536, NULL);
}

void undo_noted(bool done)
{
    if (pending && done) {
        pending->older = newest;
        newest = pending;
    }
    pending = NULL;
}

void undo_end(bool back)
{
    int saved = errno;
    for (; back && newest; newest = newest->older)
        if (file_write(newest->dir, newest->file, newest->back) < 0 && newest->instead)
            file_write(newest->dir, newest->file, newest->instead);
    newest = NULL;
    noting = false;
    errno = saved;
}
