/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_snapshot_files.c - snapshot diff and export: the files behind snapshots. */
#include "console/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that are compared are read, and a layer may be large. */
#define FILES_HARD_MS 1800000
/* As long as whoever reads the archive takes. */
#define EXPORT_HARD_MS 86400000

/* ---- diff ----------------------------------------------------------------------------------- */

typedef struct {
    char *id, *from, *to;
} DiffCall;

static void diff_call_free(gpointer data)
{
    DiffCall *call = data;

    g_free(call->id);
    g_free(call->from);
    g_free(call->to);
    g_free(call);
}

static gpointer read_diff(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const DiffCall *call = arg;

    return conn->backend->ops->snapshots->diff(conn, call->id, call->from, call->to, args, error);
}

static json_t *differs_to_json(guint differs)
{
    json_t *names = json_array();

    for (GemelDiffers what = 0; what < GEMEL_DIFFERS_N; what++)
        if ((differs & (1u << what)) != 0)
            json_array_append_new(names, json_string(gemel_differs_name(what)));
    return names;
}

/* A path that is not UTF-8 is also given as it is. */
static json_t *change_to_json(const GemelChange *change)
{
    json_t *object =
        json_pack("{s:s, s:o, s:s, s:o}", "change", gemel_change_name(change->type), "path",
                  json_text(change->path), "kind", gemel_file_kind_name(change->mode), "differs",
                  differs_to_json(change->differs));
    g_autofree char *raw =
        g_utf8_validate(change->path, -1, NULL)
            ? NULL
            : g_base64_encode((const guchar *)change->path, strlen(change->path));

    json_object_set_new(object, "path_base64", raw != NULL ? json_string(raw) : json_null());
    json_object_set_new(object, "size_bytes",
                        change->size_bytes >= 0 ? json_integer(change->size_bytes) : json_null());
    return object;
}

static json_t *diff_to_json(const Target *target, const GemelDiff *diff)
{
    json_t *changes = json_array();

    for (guint i = 0; i < diff->changes->len; i++)
        json_array_append_new(changes, change_to_json(diff->changes->pdata[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "backend",
                     json_text(target->backend->backend->name), "id", json_text(target->id), "name",
                     json_text(target->name), "from", json_text(diff->from), "to",
                     json_text(diff->to), "total", (json_int_t)diff->total, "changes", changes);
}

/* "contents, mode" */
static char *differs_text(guint differs)
{
    GString *text = g_string_new(NULL);

    for (GemelDiffers what = 0; what < GEMEL_DIFFERS_N; what++)
        if ((differs & (1u << what)) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                   gemel_differs_name(what));
    return g_string_free(text, FALSE);
}

static void diff_print_long(CommandRun *run, const GemelDiff *diff)
{
    static const char *const headers[] = {"", "KIND", "SIZE", "DIFFERS IN", "PATH", NULL};
    OutputTable *table = output_table_new(headers, "LLRLL");

    for (guint i = 0; i < diff->changes->len; i++) {
        const GemelChange *change = diff->changes->pdata[i];
        char letter[2] = {gemel_change_letter(change->type)};
        g_autofree char *size =
            change->size_bytes >= 0 ? format_bytes((guint64)change->size_bytes) : g_strdup("-");
        g_autofree char *differs = differs_text(change->differs);

        output_table_add(table, letter, gemel_file_kind_name(change->mode), size, differs,
                         change->path, NULL);
    }
    output_table_print(table, run->out);
}

static void diff_print(CommandRun *run, const GemelDiff *diff)
{
    if (run_flag(run, "long") && diff->changes->len > 0) {
        diff_print_long(run, diff);
    } else {
        for (guint i = 0; i < diff->changes->len; i++) {
            const GemelChange *change = diff->changes->pdata[i];

            output_line(run->out, OUTPUT_DATA, "%c %s", gemel_change_letter(change->type),
                        change->path);
        }
    }
    if (diff->total > diff->changes->len)
        output_line(run->out, OUTPUT_NOTE, "and %" G_GUINT64_FORMAT " more",
                    diff->total - diff->changes->len);
}

static void diff_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;
    CommandRun *run = target->run;
    const GemelDiff *diff = result;

    if (diff == NULL) {
        run_error(run, error);
        return;
    }
    if (run->json) {
        output_json(run->out, diff_to_json(target, diff));
        return;
    }
    if (diff->total == 0) {
        g_autofree char *since = diff->from != NULL ? g_strdup_printf("snapshot %s", diff->from)
                                                    : g_strdup("it was created");

        output_line(run->out, OUTPUT_NOTE, "%s: no file changed from %s to %s%s", target->name,
                    since, diff->to != NULL ? "snapshot " : "now",
                    diff->to != NULL ? diff->to : "");
        return;
    }
    diff_print(run, diff);
}

static void diff_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);
    const GemelSnapshotOps *ops;
    DiffCall *call;
    Target *target;
    g_autofree char *title = NULL;

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    ops = instance->backend->open->backend->ops->snapshots;
    if (ops == NULL || ops->diff == NULL) {
        if (instance->info->kind == GEMEL_KIND_VM && ops != NULL)
            run_fail(run, GEMEL_ERROR_UNSUPPORTED, GEMEL_DIFF_OF_GUEST, instance->info->name);
        else
            run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s has no files to compare",
                     instance->info->name, instance->backend->name);
        return;
    }
    call = g_new0(DiffCall, 1);
    call->id = g_strdup(instance->info->id);
    call->from = g_strdup(run->n_words > 1 ? run->words[1] : NULL);
    call->to = g_strdup(run->n_words > 2 ? run->words[2] : NULL);
    title = g_strdup_printf("snapshot diff %s%s%s%s%s", instance->info->name,
                            call->from != NULL ? " " : "", call->from != NULL ? call->from : "",
                            call->to != NULL ? " " : "", call->to != NULL ? call->to : "");
    target = target_new(run, instance);
    run->data = target;
    run->data_free = target_free;
    run_submit(run, target->backend, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "snapshot diff",
                               .instance_id = target->id,
                               .alone = TRUE,
                               .title = title,
                               .run = read_diff,
                               .arg = call,
                               .arg_free = diff_call_free,
                               .result_free = (GDestroyNotify)gemel_diff_free,
                               .hard_ms = FILES_HARD_MS},
               diff_done, target);
}

/* ---- export --------------------------------------------------------------------------------- */

typedef struct {
    char *id, *snapshot;
    char *file; /* NULL = standard output */
    gboolean force;
} ExportCall;

static void export_call_free(gpointer data)
{
    ExportCall *call = data;

    g_free(call->id);
    g_free(call->snapshot);
    g_free(call->file);
    g_free(call);
}

/* Whether something may be put at the place of `file`. Asked before the work, and once more by the
   link that gives it its name. */
static gboolean file_is_free(const ExportCall *call, GError **error)
{
    struct stat info;

    if (lstat(call->file, &info) != 0)
        return errno == ENOENT || gemel_error_set_errno(error, errno, "%s", call->file);
    if (!S_ISREG(info.st_mode))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "%s: is there and no regular file; give the name of one",
                               call->file);
    return call->force || gemel_error_set(error, GEMEL_ERROR_EXISTS,
                                          "%s: is there already; --force replaces it", call->file);
}

/* The file until it is whole: without a name, so that nothing is left of it whatever ends this
   process; where the file system knows no such files, beside its place as *ret_temporary. */
static int file_begin(const ExportCall *call, char **ret_temporary)
{
    g_autofree char *dir = g_path_get_dirname(call->file);
    int fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd < 0) {
        *ret_temporary = g_strconcat(call->file, ".XXXXXX", NULL);
        fd = mkostemp(*ret_temporary, O_CLOEXEC);
    }
    return fd;
}

/* To replace a file takes a name first: no call links over one. */
static gboolean file_name(const ExportCall *call, const char *temporary, int fd)
{
    g_autofree char *beside = NULL;
    char path[40];

    if (temporary != NULL)
        return renameat2(AT_FDCWD, temporary, AT_FDCWD, call->file,
                         call->force ? 0 : RENAME_NOREPLACE) == 0;
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, AT_FDCWD, call->file, AT_SYMLINK_FOLLOW) == 0)
        return TRUE;
    if (errno != EEXIST || !call->force)
        return FALSE;
    beside = g_strdup_printf("%s.%08x", call->file, g_random_int());
    return linkat(AT_FDCWD, path, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) == 0 &&
           (rename(beside, call->file) == 0 || (unlink(beside), FALSE));
}

/* Gives the finished file its name, durably. */
static gboolean file_publish(const ExportCall *call, const char *temporary, int fd, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(call->file);
    int dir_fd;

    if (fsync(fd) != 0)
        return gemel_error_set_errno(error, errno, "writing %s", call->file);
    if (!file_name(call, temporary, fd))
        return gemel_error_set_errno(error, errno, "naming %s", call->file);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        fsync(dir_fd);
        close(dir_fd);
    }
    return TRUE;
}

/* What is in it may be secret and set-user-ID: it is its owner's. */
static gboolean export_to_file(GemelConn *conn, const ExportCall *call, const GemelActArgs *args,
                               GError **error)
{
    g_autofree char *temporary = NULL;
    gboolean ok;
    int fd;

    if (!file_is_free(call, error))
        return FALSE;
    fd = file_begin(call, &temporary);
    if (fd < 0)
        return gemel_error_set_errno(error, errno, "writing %s", call->file);
    ok = conn->backend->ops->snapshots->export(conn, call->id, call->snapshot, fd, args, error) &&
         file_is_free(call, error) && file_publish(call, temporary, fd, error);
    close(fd);
    if (!ok && temporary != NULL)
        unlink(temporary);
    return ok;
}

static gpointer run_export(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    const ExportCall *call = arg;
    gboolean done = call->file != NULL
                        ? export_to_file(conn, call, args, error)
                        : conn->backend->ops->snapshots->export(conn, call->id, call->snapshot,
                                                                STDOUT_FILENO, args, error);

    return done ? g_strdup("") : NULL;
}

static void export_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    Target *target = data;
    CommandRun *run = target->run;

    if (error != NULL) {
        run_error(run, error);
        return;
    }
    if (!g_str_equal(run->words[2], "-"))
        output_line(run->out, OUTPUT_NOTE, "%s: snapshot %s is in %s", target->name, run->words[1],
                    run->words[2]);
    run_print_notes(run, target->name, job);
}

/* FALSE, having said why, if the backend of the instance cannot. */
static gboolean can_export(CommandRun *run, const ModelInstance *instance)
{
    const GemelSnapshotOps *ops = instance->backend->open->backend->ops->snapshots;

    if (ops != NULL && ops->export != NULL)
        return TRUE;
    if (instance->info->kind == GEMEL_KIND_VM)
        run_fail(run, GEMEL_ERROR_UNSUPPORTED,
                 "%s: a guest's snapshots are inside its disks; stop it, then `qemu-img convert -l "
                 "snapshot.name=%s -O qcow2 DISK FILE` takes one out of a disk",
                 instance->info->name, run->words[1]);
    else
        run_fail(run, GEMEL_ERROR_UNSUPPORTED, "%s: %s has no files to export",
                 instance->info->name, instance->backend->name);
    return FALSE;
}

static void export_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    ModelInstance *instance = run_find(run, run->words[0], &error);
    gboolean to_stdout = g_str_equal(run->words[2], "-");
    g_autofree char *title = NULL;
    ExportCall *call;
    Target *target;

    if (instance == NULL) {
        run_error(run, error);
        return;
    }
    if (!can_export(run, instance))
        return;
    if (to_stdout && (run->face->face != FACE_ONESHOT || run->piped || isatty(STDOUT_FILENO))) {
        run_fail(run, GEMEL_ERROR_INVALID,
                 "snapshot export: an archive is not written to a terminal or into the console; "
                 "give a FILE, or use `gemel snapshot export ... - | program` in a shell");
        return;
    }
    call = g_new0(ExportCall, 1);
    call->id = g_strdup(instance->info->id);
    call->snapshot = g_strdup(run->words[1]);
    call->file = to_stdout ? NULL : g_strdup(run->words[2]);
    call->force = run_flag(run, "force");
    title = g_strdup_printf("snapshot export %s %s %s", instance->info->name, run->words[1],
                            run->words[2]);
    target = target_new(run, instance);
    run->data = target;
    run->data_free = target_free;
    run_submit(run, target->backend, GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "snapshot export",
                               .instance_id = target->id,
                               .alone = TRUE,
                               .title = title,
                               .run = run_export,
                               .arg = call,
                               .arg_free = export_call_free,
                               .result_free = g_free,
                               .hard_ms = EXPORT_HARD_MS},
               export_done, target);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption diff_options[] = {
    {"long", 'l', OPTION_FLAG, FALSE, NULL, "also what kind each is, its size and what differs"},
    {NULL},
};

static const CommandOption export_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "replace a file that is there"},
    {NULL},
};

const Command commands_files[] = {
    {.name = "snapshot diff",
     .aliases = "diff",
     .summary = "which files of a container changed since a snapshot, or between two",
     .example = "gemel snapshot diff lab-ct s1",
     .group = "Snapshots",
     .flags = COMMAND_JSON | COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"},
               {WORD_SNAPSHOT, "FROM", .optional = TRUE},
               {WORD_SNAPSHOT, "TO", .optional = TRUE}},
     .options = diff_options,
     .details = "A line for each: `A` for added, `C` for changed, `D` for deleted, then its path. "
                "Without TO up to now; without FROM since the snapshot that the present state grew "
                "from, or without any since the container was created. Files of equal size are "
                "compared byte by byte. Volumes and tmpfs are not part of it. What a guest's disks "
                "hold only the guest can read.",
     .run = diff_run},
    {.name = "snapshot export",
     .summary = "the files of a container as of a snapshot, as a tar archive",
     .example = "gemel snapshot export lab-ct s1 lab-ct-s1.tar",
     .group = "Snapshots",
     .flags = COMMAND_LISTS,
     .any_instance = TRUE,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_SNAPSHOT, "SNAPSHOT"}, {WORD_FILE, "FILE"}},
     .options = export_options,
     .details = "`gemel create NEW --rootfs FILE` makes a container of it again. Owners, modes, "
                "times, extended attributes, hard links, holes and devices are kept; sockets, "
                "volumes and tmpfs are left out. `-` for FILE is the standard output, unless that "
                "is a terminal. The file appears when it is whole.",
     .run = export_run},
    {.name = NULL},
};
