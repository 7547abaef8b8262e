/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clone_record.c - what a clone has made so far, on disk, so that a kill leaves nothing unknown.
 *
 * ROOT/clones/PID-START-N.json, START the process's start time in ticks: a record whose process is
 * gone is left over. It is written before each thing is made. It never leads to the removal of what
 * somebody else made: temporary files have names with PID, START and N in them, a file at its final
 * place goes only if it is the inode that we put there, a volume was not there just before, and
 * neither goes while a guest uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/libvirt/clone.h"
#include "backends/proc.h"

#define RECORD_BYTES_MAX (1 << 20)

struct LvCloneRecord {
    char *path;
    char *stem; /* PID-START-N */
    gboolean is_written;
    char *name, *uri;
    GPtrArray *temporaries; /* char* */
    json_t *files;          /* [{"path", "dev", "ino"}] */
    json_t *volumes;        /* [{"pool", "name"}] */
};

/* ---- places and processes ------------------------------------------------------------------- */

static char *records_dir(void)
{
    const char *root = g_getenv("GEMEL_ROOT");

    if (root != NULL && *root != '\0')
        return g_build_filename(root, "clones", NULL);
    return geteuid() == 0 ? g_strdup("/var/lib/gemel/clones")
                          : g_build_filename(g_get_user_data_dir(), "gemel", "clones", NULL);
}

/* 0 if there is no such process. */
static guint64 start_ticks(gint pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    GemelProcess process = {0};

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !gemel_proc_parse_stat(text, GEMEL_PROC_PROCESS, &process))
        return 0;
    return process.start_ticks;
}

/* Whether the process that a record's file name tells of still runs; TRUE for other names. */
static gboolean is_somebodys(const char *file_name)
{
    guint64 start;
    int pid;

    return sscanf(file_name, "%d-%" G_GUINT64_FORMAT "-", &pid, &start) != 2 || pid <= 0 ||
           start_ticks(pid) == start;
}

static char *canonical_uri(LvConn *conn)
{
    char *uri = virConnectGetURI(conn->vir);
    char *copy = g_strdup(uri != NULL ? uri : conn->base.backend->uri);

    free(uri);
    virResetLastError();
    return copy;
}

/* ---- writing -------------------------------------------------------------------------------- */

LvCloneRecord *lv_clone_record_new(LvConn *conn, const char *name)
{
    static gint count;
    LvCloneRecord *record = g_new0(LvCloneRecord, 1);
    g_autofree char *dir = records_dir();

    record->stem = g_strdup_printf("%d-%" G_GUINT64_FORMAT "-%d", (int)getpid(),
                                   start_ticks(getpid()), g_atomic_int_add(&count, 1));
    record->path = g_strdup_printf("%s/%s.json", dir, record->stem);
    record->name = g_strdup(name);
    record->uri = canonical_uri(conn);
    record->temporaries = g_ptr_array_new_with_free_func(g_free);
    record->files = json_array();
    record->volumes = json_array();
    return record;
}

void lv_clone_record_free(LvCloneRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->path);
    g_free(record->stem);
    g_free(record->name);
    g_free(record->uri);
    g_ptr_array_unref(record->temporaries);
    json_decref(record->files);
    json_decref(record->volumes);
    g_free(record);
}

static void sync_dir(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd); /* a file system that cannot does so by itself, or never */
        close(fd);
    }
}

static gboolean save(LvCloneRecord *record, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(record->path);
    g_autoptr(GError) cause = NULL;
    json_t *temporaries = json_array(), *root;
    char *text;
    gboolean ok;

    for (guint i = 0; i < record->temporaries->len; i++)
        json_array_append_new(temporaries, json_string(record->temporaries->pdata[i]));
    root =
        json_pack("{s:s, s:s, s:o, s:O, s:O}", "name", record->name, "uri", record->uri,
                  "temporaries", temporaries, "files", record->files, "volumes", record->volumes);
    text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    if (text == NULL)
        return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                               "cannot clone to %s: the path of a disk is not UTF-8", record->name);
    ok = g_mkdir_with_parents(dir, 0700) == 0;
    if (!ok)
        gemel_error_set_errno(error, errno, "directory %s", dir);
    else if (!g_file_set_contents_full(record->path, text, -1,
                                       G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                       0600, &cause))
        ok = gemel_error_set(error, GEMEL_ERROR_FAILED, "writing %s: %s", record->path,
                             cause->message);
    free(text);
    record->is_written = record->is_written || ok;
    sync_dir(record->path);
    return ok;
}

const char *lv_clone_record_temporary(LvCloneRecord *record, const char *path, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    char *temporary =
        g_strdup_printf("%s/.gemel-clone-%s-%u", dir, record->stem, record->temporaries->len);

    g_ptr_array_add(record->temporaries, temporary);
    return save(record, error) ? temporary : NULL;
}

gboolean lv_clone_record_file(LvCloneRecord *record, const char *path, const char *temporary,
                              GError **error)
{
    struct stat info;

    if (lstat(temporary, &info) != 0)
        return gemel_error_set_errno(error, errno, "file %s", temporary);
    json_array_append_new(record->files,
                          json_pack("{s:s, s:I, s:I}", "path", path, "dev", (json_int_t)info.st_dev,
                                    "ino", (json_int_t)info.st_ino));
    return save(record, error);
}

gboolean lv_clone_record_volume(LvCloneRecord *record, const char *pool, const char *volume,
                                GError **error)
{
    json_array_append_new(record->volumes, json_pack("{s:s, s:s}", "pool", pool, "name", volume));
    return save(record, error);
}

void lv_clone_record_done(LvCloneRecord *record)
{
    if (record->is_written)
        unlink(record->path);
    record->is_written = FALSE;
}

/* ---- removing ------------------------------------------------------------------------------- */

/* Every disk of every guest, live and kept: paths, and POOL/VOLUME. NULL if it cannot be told. */
static GHashTable *used_disks(LvConn *conn)
{
    static const unsigned int views[] = {0, VIR_DOMAIN_XML_INACTIVE};
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(conn->vir, &domains, 0);
    gboolean all = n >= 0;

    for (int i = 0; i < n; i++) {
        for (gsize v = 0; v < G_N_ELEMENTS(views); v++) {
            char *xml = virDomainGetXMLDesc(domains[i], views[v]);
            g_autoptr(LvXmlDomain) parsed = xml != NULL ? lv_xml_domain_parse(xml, NULL) : NULL;

            free(xml);
            all = all && parsed != NULL;
            for (guint d = 0; parsed != NULL && d < parsed->disks->len; d++) {
                char *source = lv_xml_disk_source(parsed->disks->pdata[d]);

                if (source != NULL)
                    g_hash_table_add(used, source);
            }
        }
        virDomainFree(domains[i]);
    }
    free(domains);
    virResetLastError();
    return all ? g_steal_pointer(&used) : NULL;
}

/* TRUE when it is not there any more, or was never ours. */
static gboolean remove_file(const json_t *file, GHashTable *used)
{
    const char *path = json_string_value(json_object_get(file, "path"));
    struct stat info;

    if (path == NULL || *path != '/' || g_hash_table_contains(used, path) ||
        lstat(path, &info) != 0 || !S_ISREG(info.st_mode) ||
        (json_int_t)info.st_ino != json_integer_value(json_object_get(file, "ino")) ||
        (json_int_t)info.st_dev != json_integer_value(json_object_get(file, "dev")))
        return TRUE;
    return unlink(path) == 0;
}

static gboolean remove_volume(LvConn *conn, const json_t *volume, GHashTable *used)
{
    const char *pool_name = json_string_value(json_object_get(volume, "pool"));
    const char *name = json_string_value(json_object_get(volume, "name"));
    g_autoptr(virStoragePool) pool =
        pool_name != NULL ? virStoragePoolLookupByName(conn->vir, pool_name) : NULL;
    g_autoptr(virStorageVol) found = NULL;
    g_autofree char *both = g_strdup_printf("%s/%s", pool_name, name);
    gboolean is_used;
    char *path;

    if (pool == NULL || name == NULL) {
        virErrorPtr vir = virGetLastError();

        return vir == NULL || vir->code == VIR_ERR_NO_STORAGE_POOL;
    }
    virStoragePoolRefresh(pool, 0); /* a kill in the middle may have left what it does not know */
    found = virStorageVolLookupByName(pool, name);
    if (found == NULL)
        return TRUE;
    path = virStorageVolGetPath(found);
    is_used =
        g_hash_table_contains(used, both) || (path != NULL && g_hash_table_contains(used, path));
    free(path);
    return is_used || virStorageVolDelete(found, 0) == 0;
}

/* Removes what `root` names; FALSE if some of it is still there. */
static gboolean remove_all(LvConn *conn, const json_t *root)
{
    g_autoptr(GHashTable) used = used_disks(conn);
    const json_t *item;
    gboolean all = used != NULL;
    size_t i;

    json_array_foreach (json_object_get(root, "temporaries"), i, item) {
        const char *path = json_string_value(item);

        if (path != NULL && strstr(path, "/.gemel-clone-") != NULL && unlink(path) != 0 &&
            errno != ENOENT)
            all = FALSE;
    }
    if (used == NULL)
        return FALSE;
    json_array_foreach (json_object_get(root, "files"), i, item) {
        all = remove_file(item, used) && all;
    }
    json_array_foreach (json_object_get(root, "volumes"), i, item) {
        all = remove_volume(conn, item, used) && all;
    }
    virResetLastError();
    return all;
}

gboolean lv_clone_record_undo(LvCloneRecord *record, LvConn *conn)
{
    json_t *root;
    gboolean all;

    if (!record->is_written)
        return TRUE;
    root = json_load_file(record->path, 0, NULL);
    all = root != NULL && remove_all(conn, root);
    json_decref(root);
    if (all)
        lv_clone_record_done(record);
    return all;
}

/* ---- doctor --------------------------------------------------------------------------------- */

static void add(json_t *found, const char *name, const char *path, gboolean fixed)
{
    g_autofree char *what = g_strdup_printf("the clone %s was left half made", name);
    g_autofree char *valid = g_utf8_make_valid(path, -1);

    json_array_append_new(found, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "check",
                                           "half-made", "level", "warn", "what", what, "way_out",
                                           "gemel doctor --fix cleans it away", "path", valid,
                                           "fixable", TRUE, "fixed", (int)fixed));
}

/* What is looked for first in a record: its first file or volume. */
static char *first_thing(const json_t *root, const char *record)
{
    const json_t *files = json_object_get(root, "files");
    const json_t *volume = json_array_get(json_object_get(root, "volumes"), 0);
    const char *path = json_string_value(json_object_get(json_array_get(files, 0), "path"));

    if (path == NULL)
        path = json_string_value(json_array_get(json_object_get(root, "temporaries"), 0));
    if (path == NULL && volume != NULL)
        return g_strdup_printf("%s/%s", json_string_value(json_object_get(volume, "pool")),
                               json_string_value(json_object_get(volume, "name")));
    return g_strdup(path != NULL ? path : record);
}

static void look_at(LvConn *conn, const char *path, const char *uri, gboolean fix, json_t *found)
{
    g_autofree char *thing = NULL;
    struct stat info;
    json_t *root;
    const char *name;
    gboolean fixed;

    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > RECORD_BYTES_MAX)
        return;
    root = json_load_file(path, 0, NULL);
    name = json_string_value(json_object_get(root, "name"));
    if (name != NULL && g_strcmp0(json_string_value(json_object_get(root, "uri")), uri) == 0) {
        thing = first_thing(root, path);
        fixed = fix && remove_all(conn, root) && unlink(path) == 0;
        add(found, name, thing, fixed);
    }
    json_decref(root);
}

void lv_clone_leftovers(LvConn *conn, gboolean fix, json_t *found)
{
    g_autofree char *dir = records_dir();
    g_autofree char *uri = canonical_uri(conn);
    GDir *entries = g_dir_open(dir, 0, NULL);

    if (entries == NULL)
        return;
    for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        if (is_somebodys(name))
            continue;
        if (g_str_has_suffix(name, ".json"))
            look_at(conn, path, uri, fix, found);
        else if (fix)
            unlink(path); /* a record that was being written: there is an older one, or nothing */
    }
    g_dir_close(entries);
}
