/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/complete_files.h"

#include <string.h>

/* One reading of a directory: the UI thread has a reference, and the thread that reads. */
typedef struct {
    gatomicrefcount refs;
    char *typed;
    GMutex lock;
    GCond came;
    GPtrArray *files; /* of CompleteFile*; NULL = not read yet */
    gboolean told;    /* UI thread: these files were handed out */
} Reading;

static Reading *last; /* what was asked for last */
static gint reading;  /* threads that read, atomic */

static void file_free(gpointer data)
{
    CompleteFile *file = data;

    g_free(file->path);
    g_free(file);
}

static void reading_unref(Reading *of)
{
    if (!g_atomic_ref_count_dec(&of->refs))
        return;
    g_clear_pointer(&of->files, g_ptr_array_unref);
    g_mutex_clear(&of->lock);
    g_cond_clear(&of->came);
    g_free(of->typed);
    g_free(of);
}

/* Reads the directory of what was typed. */
static GPtrArray *read_files(const char *typed)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(file_free);
    const char *slash = strrchr(typed, '/');
    const char *begin = slash != NULL ? slash + 1 : typed;
    g_autofree char *dir_name = g_strndup(typed, (gsize)(begin - typed));
    g_autofree char *home = g_str_has_prefix(dir_name, "~/")
                                ? g_build_filename(g_get_home_dir(), dir_name + 2, NULL)
                                : NULL;
    const char *where = home != NULL ? home : *dir_name != '\0' ? dir_name : ".";
    g_autoptr(GDir) dir = g_dir_open(where, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (!g_str_has_prefix(name, begin) || (*name == '.' && *begin != '.'))
            continue;
        CompleteFile *file = g_new0(CompleteFile, 1);
        g_autofree char *real = g_build_filename(where, name, NULL);

        file->path = g_strconcat(dir_name, name, NULL);
        file->is_directory = g_file_test(real, G_FILE_TEST_IS_DIR);
        g_ptr_array_add(files, file);
    }
    return files;
}

static gpointer read_in_thread(gpointer data)
{
    Reading *own = data;
    GPtrArray *files = read_files(own->typed);

    g_mutex_lock(&own->lock);
    own->files = files;
    g_cond_signal(&own->came);
    g_mutex_unlock(&own->lock);
    g_atomic_int_add(&reading, -1);
    reading_unref(own);
    return NULL;
}

/* Begins to read for what is typed; NULL when too many threads hang already. */
static Reading *reading_new(const char *typed)
{
    GThread *thread;
    Reading *made;

    if (g_atomic_int_get(&reading) >= COMPLETE_FILES_THREADS)
        return NULL;
    made = g_new0(Reading, 1);
    g_atomic_ref_count_init(&made->refs);
    made->typed = g_strdup(typed);
    g_mutex_init(&made->lock);
    g_cond_init(&made->came);
    g_atomic_ref_count_inc(&made->refs);
    g_atomic_int_inc(&reading);
    thread = g_thread_try_new("files", read_in_thread, made, NULL);
    if (thread != NULL) {
        g_thread_unref(thread);
        return made;
    }
    g_atomic_int_add(&reading, -1);
    reading_unref(made);
    reading_unref(made);
    return NULL;
}

const GPtrArray *complete_files(const char *typed, gboolean *ret_pending)
{
    gint64 until = g_get_monotonic_time() + COMPLETE_FILES_WAIT_MS * G_TIME_SPAN_MILLISECOND;
    const GPtrArray *files;

    if (last != NULL && (last->told || !g_str_equal(last->typed, typed)))
        g_clear_pointer(&last, reading_unref);
    if (last == NULL)
        last = reading_new(typed);
    if (last == NULL)
        return NULL;
    g_mutex_lock(&last->lock);
    while (last->files == NULL && g_cond_wait_until(&last->came, &last->lock, until))
        ;
    files = last->files;
    g_mutex_unlock(&last->lock);
    last->told = files != NULL;
    *ret_pending = *ret_pending || files == NULL;
    return files;
}
