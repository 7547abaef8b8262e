/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/recall.h"
#include "console/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (4 << 20) /* more is not read */
#define LINE_MAX_BYTES 4096      /* longer lines are not kept: pasted texts are no commands */
#define SESSION_MAX    10000

static GPtrArray *lines; /* NULL: not read yet */

typedef struct {
    char *text;
    int status; /* -1: under way */
} SessionLine;

static GArray *session; /* of SessionLine */

static char *history_path(void)
{
    return g_build_filename(g_get_user_state_dir(), "gemel", "history", NULL);
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Whoever holds the lock for long is not waited for: acts wait for the same thread's audit log. */
static gboolean lock_a_while(int fd)
{
    for (guint tries = 0; tries < 2000; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return TRUE;
        g_usleep(1000);
    }
    return FALSE;
}

/* Opens and locks the file; again when another gemel renamed a shorter one over it meanwhile. */
static int open_locked(const char *path)
{
    for (int tries = 0; tries < 5; tries++) {
        struct stat mine, there;
        int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
        int fd = open(path, flags, 0600);

        if (fd < 0)
            return -1;
        if (!lock_a_while(fd)) {
            close(fd);
            return -1;
        }
        if (fstat(fd, &mine) == 0 && S_ISREG(mine.st_mode) && stat(path, &there) == 0 &&
            mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
            return fd;
        close(fd);
    }
    return -1;
}

/* Where the last RECALL_KEPT lines begin; NULL when there are no more than twice as many. */
static const char *kept_part(const char *text, gsize length)
{
    const char *end = text + length;
    guint n = 0;

    for (gsize i = 0; i < length; i++)
        n += text[i] == '\n';
    if (n <= 2 * RECALL_KEPT)
        return NULL;
    /* not strchr: a file that was cut short by a crash may have NULs in it */
    for (n -= RECALL_KEPT; n > 0; n--)
        text = (const char *)memchr(text, '\n', (gsize)(end - text)) + 1;
    return text;
}

/* The lock is held: whoever waits for it finds the new file. */
static void shorten(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;
    const char *kept;

    if (g_file_get_contents(path, &text, &length, NULL) && (kept = kept_part(text, length)) != NULL)
        g_file_set_contents_full(path, kept, (gssize)(text + length - kept),
                                 G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

/* Writer thread: `data` is a line with its newline, "" empties the file. */
static void write_line(void *data)
{
    g_autofree char *line = data;
    g_autofree char *path = history_path();
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat info;
    int fd;

    g_mkdir_with_parents(dir, 0700);
    if ((fd = open_locked(path)) < 0)
        return;
    if (*line == '\0') {
        if (ftruncate(fd, 0) != 0)
            g_debug("%s: %s", path, g_strerror(errno));
    } else if (write(fd, line, strlen(line)) < 0) {
        g_debug("%s: %s", path, g_strerror(errno));
    }
    if (fstat(fd, &info) == 0 && info.st_mode & 077)
        (void)fchmod(fd, 0600);
    if (info.st_size > 2 * RECALL_KEPT)
        shorten(path);
    close(fd);
}

static void post(App *app, char *line)
{
    if (app->writer == NULL)
        app->writer = writer_new();
    writer_post(app->writer, write_line, line);
}

static void load(void)
{
    g_autofree char *path = history_path();
    g_autofree char *text = NULL;
    g_auto(GStrv) each = NULL;
    struct stat info;

    lines = g_ptr_array_new_with_free_func(g_free);
    if (g_stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > FILE_MAX_BYTES ||
        !g_file_get_contents(path, &text, NULL, NULL))
        return;
    each = g_strsplit(text, "\n", -1);
    guint n = g_strv_length(each);

    for (guint i = n > RECALL_KEPT + 1 ? n - RECALL_KEPT - 1 : 0; i < n; i++)
        if (*each[i] != '\0')
            g_ptr_array_add(lines, g_utf8_make_valid(each[i], -1));
}

GPtrArray *recall_lines(void)
{
    if (lines == NULL)
        load();
    return lines;
}

gboolean recall_add(App *app, const char *line)
{
    GPtrArray *all = recall_lines();
    g_autofree char *one = g_strdelimit(g_strdup(line), "\n", ';');

    if (*one == '\0' || *one == ' ' || strlen(one) > LINE_MAX_BYTES ||
        (all->len > 0 && g_str_equal(all->pdata[all->len - 1], one)))
        return FALSE;
    g_ptr_array_add(all, g_strdup(one));
    if (all->len > RECALL_KEPT)
        g_ptr_array_remove_index(all, 0);
    post(app, g_strconcat(one, "\n", NULL));
    return TRUE;
}

void recall_clear(App *app)
{
    g_ptr_array_set_size(recall_lines(), 0);
    post(app, g_strdup(""));
}

/* ---- the session ---------------------------------------------------------------------------- */

guint recall_session_begin(const char *line)
{
    SessionLine one = {.text = g_strstrip(g_strdelimit(g_strdup(line), "\n", ';')), .status = -1};

    if (session == NULL)
        session = g_array_new(FALSE, FALSE, sizeof(SessionLine));
    if (*line == ' ' || *one.text == '\0' || session->len >= SESSION_MAX) {
        g_free(one.text);
        return G_MAXUINT;
    }
    g_array_append_val(session, one);
    return session->len - 1;
}

void recall_session_end(guint number, int status)
{
    if (session != NULL && number < session->len)
        g_array_index(session, SessionLine, number).status = status;
}

/* What moves the view, and what is about the session itself, has no place in a script. */
static gboolean is_for_now(const char *text)
{
    static const char *const words[] = {"view", "history", "script", "quit", "exit", "q", "help"};
    gsize length = strcspn(text, " \t;|>");

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
            return TRUE;
    return FALSE;
}

char *recall_session_script(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M");
    g_autoptr(GString) out = g_string_new(NULL);

    g_string_append_printf(out, "# gemel, %s; run it by `gemel --batch < FILE` or `source FILE`\n",
                           time);
    for (guint i = 0; session != NULL && i < session->len; i++) {
        const SessionLine *line = &g_array_index(session, SessionLine, i);

        if (is_for_now(line->text))
            g_string_append_printf(out, "# %s\n", line->text);
        else if (line->status > 0)
            g_string_append_printf(out, "# %s    # ended with status %d\n", line->text,
                                   line->status);
        else
            g_string_append_printf(out, "%s\n", line->text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}
