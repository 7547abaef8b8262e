/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clone_disk.c - what becomes of each disk of a clone, and the copies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/libvirt/clone.h"

#define POLL_MS     50
#define MESSAGE_MAX 2000
#define SUFFIX_MAX  8

/* ---- what becomes of them ------------------------------------------------------------------- */

static void disk_free(gpointer data)
{
    LvCloneDisk *disk = data;

    g_free(disk->source);
    g_free(disk->path);
    g_free(disk->format);
    g_free(disk->pool);
    g_free(disk->volume);
    g_free(disk->new_path);
    g_free(disk->new_volume);
    g_free(disk);
}

char *lv_clone_rename(const char *path, const char *old_name, const char *new_name)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *at = strstr(base, old_name);

    if (at == NULL)
        return g_strdup_printf("%.*s%s-%s", (int)(base - path), path, new_name, base);
    return g_strdup_printf("%.*s%s%s", (int)(at - path), path, new_name, at + strlen(old_name));
}

/* An overlay is qcow2, whatever its backing file is called. */
static char *overlay_name(char *name)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    gsize length = dot != NULL && dot > slash + 1 && strlen(dot) <= SUFFIX_MAX ? (gsize)(dot - name)
                                                                               : strlen(name);
    char *with = g_strdup_printf("%.*s.qcow2", (int)length, name);

    g_free(name);
    return with;
}

static gboolean cannot(const LvCloneDisk *disk, const LvXmlDisk *xml, const char *why,
                       GError **error)
{
    return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED, "cannot clone disk %s (%s): it %s",
                           xml->target != NULL ? xml->target : "?", disk->source, why);
}

/* The volume behind a disk, by its pool or its path; NULL without an error if it is none. */
static virStorageVolPtr find_volume(LvConn *conn, const LvXmlDisk *xml)
{
    virStorageVolPtr volume = NULL;
    const char *path = xml->file != NULL ? xml->file : xml->block_dev;

    if (xml->pool != NULL && xml->volume != NULL) {
        g_autoptr(virStoragePool) pool = virStoragePoolLookupByName(conn->vir, xml->pool);

        volume = pool != NULL ? virStorageVolLookupByName(pool, xml->volume) : NULL;
    } else if (path != NULL) {
        volume = virStorageVolLookupByPath(conn->vir, path);
    }
    virResetLastError();
    return volume;
}

/* Another with the new name must not be there. */
static gboolean check_volume_is_new(LvConn *conn, const LvCloneDisk *disk, GError **error)
{
    g_autoptr(virStoragePool) pool = virStoragePoolLookupByName(conn->vir, disk->pool);
    g_autoptr(virStorageVol) other =
        pool != NULL ? virStorageVolLookupByName(pool, disk->new_volume) : NULL;

    virResetLastError();
    return other == NULL ||
           gemel_error_set(error, GEMEL_ERROR_EXISTS,
                           "there is a volume %s in the pool %s already; choose another name",
                           disk->new_volume, disk->pool);
}

/* Fills in what libvirt knows of a volume. */
static gboolean take_volume(LvConn *conn, virStorageVolPtr volume, const LvXmlDisk *xml,
                            LvCloneDisk *disk, GError **error)
{
    g_autoptr(virStoragePool) pool = virStoragePoolLookupByVolume(volume);
    char *text = virStorageVolGetXMLDesc(volume, 0), *path = virStorageVolGetPath(volume);
    g_autoptr(LvXmlVolume) parsed = text != NULL ? lv_xml_volume_parse(text, NULL) : NULL;
    virStorageVolInfo info = {0};
    gboolean known = virStorageVolGetInfo(volume, &info) == 0;

    disk->how = LV_CLONE_VOLUME;
    disk->pool = pool != NULL ? g_strdup(virStoragePoolGetName(pool)) : NULL;
    disk->volume = g_strdup(virStorageVolGetName(volume));
    disk->path = g_strdup(path);
    disk->bytes = known ? (gint64)info.allocation : -1;
    free(text);
    free(path);
    if (pool == NULL || parsed == NULL || !known)
        return lv_fail(error, conn, "disk %s: its volume cannot be read", disk->source);
    if (parsed->is_encrypted)
        return cannot(disk, xml, "is encrypted", error);
    if (disk->is_linked && info.type != VIR_STORAGE_VOL_FILE)
        return cannot(disk, xml, "is no file; only files can be backing files", error);
    return TRUE;
}

static gboolean check_file_is_new(const LvCloneDisk *disk, GError **error)
{
    struct stat info;

    return lstat(disk->new_path, &info) != 0 ||
           gemel_error_set(error, GEMEL_ERROR_EXISTS,
                           "there is a file %s already; choose another name", disk->new_path);
}

/* A file of no pool: on this host alone. */
static gboolean take_file(LvConn *conn, const LvXmlDisk *xml, LvCloneDisk *disk, GError **error)
{
    struct stat info;

    if (xml->file == NULL)
        return cannot(disk, xml,
                      xml->block_dev != NULL ? "is a device of no storage pool"
                                             : "is neither a file nor a volume of a pool",
                      error);
    if (!conn->is_local)
        return cannot(disk, xml,
                      "is of no storage pool, and files of another host cannot be copied from "
                      "here; make a pool of its directory",
                      error);
    if (stat(xml->file, &info) != 0)
        return gemel_error_set_errno(error, errno, "disk %s", xml->file);
    if (!S_ISREG(info.st_mode))
        return cannot(disk, xml, "is no regular file", error);
    disk->how = LV_CLONE_FILE;
    disk->path = g_strdup(xml->file);
    disk->bytes = (gint64)info.st_blocks * 512;
    return TRUE;
}

/* Where the copy will be. Several disks may not meet at one place. */
static gboolean name_copy(LvConn *conn, GPtrArray *others, const char *old_name, const char *name,
                          LvCloneDisk *disk, GError **error)
{
    const char *was = disk->how == LV_CLONE_VOLUME ? disk->volume : disk->path;
    char *new = lv_clone_rename(was, old_name, name);

    if (disk->is_linked && g_strcmp0(disk->format, "qcow2") != 0)
        new = overlay_name(new);
    if (disk->how == LV_CLONE_VOLUME)
        disk->new_volume = new;
    else
        disk->new_path = new;
    for (guint i = 0; i < others->len; i++) {
        const LvCloneDisk *other = g_ptr_array_index(others, i);

        if (g_strcmp0(other->source, disk->source) == 0 && other->how != LV_CLONE_KEPT)
            return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                                   "cannot clone %s: it has the disk %s twice", old_name,
                                   disk->source);
        if (disk->how == other->how && g_strcmp0(other->new_path, disk->new_path) == 0 &&
            g_strcmp0(other->new_volume, disk->new_volume) == 0 &&
            g_strcmp0(other->pool, disk->pool) == 0)
            return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                                   "cannot clone %s: two of its disks would become %s", old_name,
                                   new);
    }
    return disk->how == LV_CLONE_VOLUME ? check_volume_is_new(conn, disk, error)
                                        : check_file_is_new(disk, error);
}

static gboolean is_shared(const LvXmlDisk *xml)
{
    return xml->is_readonly || xml->is_shareable || g_strcmp0(xml->device, "cdrom") == 0 ||
           g_strcmp0(xml->device, "floppy") == 0;
}

static gboolean take(LvConn *conn, const LvXmlDisk *xml, LvCloneDisk *disk, GError **error)
{
    g_autoptr(virStorageVol) volume = NULL;

    disk->format = g_strdup(xml->format != NULL ? xml->format : "raw");
    if (xml->is_encrypted)
        return cannot(disk, xml, "is encrypted", error);
    if (g_strcmp0(xml->device, "lun") == 0)
        return cannot(disk, xml, "is a SCSI device handed through", error);
    if (disk->is_linked && !g_str_equal(disk->format, "raw") && !g_str_equal(disk->format, "qcow2"))
        return cannot(disk, xml, "is neither raw nor qcow2, as a backing file has to be", error);
    volume = find_volume(conn, xml);
    return volume != NULL ? take_volume(conn, volume, xml, disk, error)
                          : take_file(conn, xml, disk, error);
}

GPtrArray *lv_clone_disks(LvConn *conn, virDomainPtr domain, const LvXmlDomain *parsed,
                          const char *name, gboolean linked, GError **error)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(disk_free);
    const char *old_name = virDomainGetName(domain);

    for (guint i = 0; i < parsed->disks->len; i++) {
        const LvXmlDisk *xml = g_ptr_array_index(parsed->disks, i);
        LvCloneDisk *disk = g_new0(LvCloneDisk, 1);
        gboolean ok;

        disk->source = lv_xml_disk_source(xml);
        disk->bytes = -1;
        disk->is_linked = linked;
        ok = disk->source == NULL || is_shared(xml) ||
             (take(conn, xml, disk, error) && name_copy(conn, disks, old_name, name, disk, error));
        g_ptr_array_add(disks, disk);
        if (!ok)
            return NULL;
    }
    return g_steal_pointer(&disks);
}

/* ---- qemu-img ------------------------------------------------------------------------------- */

/* It ends with us, and a ^C of the terminal is ours to pass on; what signals we block or ignore is
   none of its business. Async-signal-safe. */
static void in_child(gpointer data)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

typedef struct {
    const GemelActArgs *args;
    double from, share; /* of the whole */
    const char *what;
} Progress;

/* "(12.50/100%)", the last of what has come. */
static void read_progress(GString *text, const Progress *progress)
{
    const char *open = strrchr(text->str, '(');
    const char *slash = open != NULL ? strchr(open, '/') : NULL;

    if (slash == NULL)
        return;
    gemel_act_progress(progress->args,
                       progress->from + progress->share * g_ascii_strtod(open + 1, NULL) / 100,
                       progress->what);
    g_string_truncate(text, 0);
}

/* Reads both pipes to their ends; TRUE if it was cancelled and told so. */
static gboolean watch_child(GPid pid, int out, int err, GString *message, const Progress *progress)
{
    struct pollfd fds[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean cancelled = FALSE;
    char buffer[1024];

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        poll(fds, 2, POLL_MS);
        for (guint i = 0; i < 2; i++) {
            GString *to = i == 0 ? text : message;
            ssize_t got;

            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            got = read(fds[i].fd, buffer, sizeof buffer);
            if (got > 0 && to->len < MESSAGE_MAX)
                g_string_append_len(to, buffer, got);
            else if (got == 0 || (got < 0 && errno != EINTR))
                fds[i].fd = -1;
        }
        read_progress(text, progress);
        if (!cancelled && gemel_act_cancelled(progress->args)) {
            cancelled = TRUE;
            kill(pid, SIGKILL); /* what it wrote goes with it */
        }
    }
    return cancelled;
}

static gboolean run_qemu_img(const char *const *argv, const Progress *progress, GError **error)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_autoptr(GError) cause = NULL;
    gboolean cancelled;
    int out, err, status = 0;
    GPid pid;

    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, in_child, NULL,
                                  &pid, NULL, &out, &err, &cause)) {
        if (g_error_matches(cause, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
            return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                                   "there is no qemu-img here to copy disks with; install it "
                                   "(package qemu-utils), or keep disks in a storage pool");
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "qemu-img: %s", cause->message);
    }
    cancelled = watch_child(pid, out, err, message, progress);
    close(out);
    close(err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (cancelled)
        return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: cancelled", progress->what);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;
    g_strstrip(message->str);
    g_strdelimit(message->str, "\n", ' ');
    return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: %s", progress->what,
                           *message->str != '\0' ? message->str : "qemu-img was ended");
}

/* An empty file that is ours and nobody else's, with the owner and mode of the original. */
static gboolean reserve(const char *path, const char *like, GError **error)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gboolean ok = fd >= 0 && stat(like, &info) == 0;

    /* without the right to give files away it is ours, and libvirt sees to the rest */
    ok = ok && (fchown(fd, info.st_uid, info.st_gid) == 0 || errno == EPERM) &&
         fchmod(fd, info.st_mode & 0777) == 0;
    if (!ok)
        gemel_error_set_errno(error, errno, "file %s", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A file or directory, on disk when it returns. */
static gboolean make_durable(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        gemel_error_set_errno(error, errno, "writing %s to disk", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* To its place, over nothing that is there; and the directory to disk. */
static gboolean put_in_place(const char *temporary, const LvCloneDisk *disk, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(disk->new_path);

    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, disk->new_path, RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST)
            return check_file_is_new(disk, error);
        /* a file system without it has links at least */
        if (errno != EINVAL || link(temporary, disk->new_path) != 0)
            return gemel_error_set_errno(error, errno, "file %s", disk->new_path);
        unlink(temporary);
    }
    return make_durable(dir, error);
}

static gboolean copy_file(const LvCloneDisk *disk, LvCloneRecord *record, const Progress *progress,
                          GError **error)
{
    const char *temporary = lv_clone_record_temporary(record, disk->new_path, error);
    const char *const convert[] = {"qemu-img", "convert",    "-p",       "-f",      disk->format,
                                   "-O",       disk->format, disk->path, temporary, NULL};
    const char *const overlay[] = {"qemu-img",   "create", "-q",       "-f",      "qcow2", "-F",
                                   disk->format, "-b",     disk->path, temporary, NULL};

    return temporary != NULL && reserve(temporary, disk->path, error) &&
           run_qemu_img(disk->is_linked ? overlay : convert, progress, error) &&
           make_durable(temporary, error) &&
           lv_clone_record_file(record, disk->new_path, temporary, error) &&
           put_in_place(temporary, disk, error);
}

/* ---- libvirt -------------------------------------------------------------------------------- */

/* The new volume's XML: as large, and as sparse, as the other. */
static char *volume_xml(const LvCloneDisk *disk, const virStorageVolInfo *info)
{
    guint64 allocation = disk->is_linked ? 0 : MIN(info->allocation, info->capacity);
    gboolean is_qcow2 = disk->is_linked || g_strcmp0(disk->format, "qcow2") == 0;
    g_autofree char *backing =
        disk->is_linked ? g_markup_printf_escaped(
                              "<backingStore><path>%s</path><format type='%s'/></backingStore>",
                              disk->path, disk->format)
                        : g_strdup("");
    g_autofree char *name = g_markup_escape_text(disk->new_volume, -1);
    g_autofree char *format = g_markup_escape_text(disk->is_linked ? "qcow2" : disk->format, -1);

    return g_strdup_printf("<volume><name>%s</name><capacity unit='bytes'>%llu</capacity>"
                           "<allocation unit='bytes'>%" G_GUINT64_FORMAT "</allocation>"
                           "<target><format type='%s'/>%s</target>%s</volume>",
                           name, info->capacity, allocation, format,
                           is_qcow2 ? "<compat>1.1</compat>" : "", backing);
}

static gboolean copy_volume(LvConn *conn, LvCloneDisk *disk, LvCloneRecord *record, GError **error)
{
    g_autoptr(virStoragePool) pool = virStoragePoolLookupByName(conn->vir, disk->pool);
    g_autoptr(virStorageVol) from =
        pool != NULL ? virStorageVolLookupByName(pool, disk->volume) : NULL;
    g_autoptr(virStorageVol) to = NULL;
    g_autofree char *xml = NULL;
    virStorageVolInfo info;
    char *path;

    if (from == NULL || virStorageVolGetInfo(from, &info) < 0)
        return lv_fail(error, conn, "disk %s", disk->source);
    if (!check_volume_is_new(conn, disk, error) ||
        !lv_clone_record_volume(record, disk->pool, disk->new_volume, error))
        return FALSE;
    xml = volume_xml(disk, &info);
    to = disk->is_linked ? virStorageVolCreateXML(pool, xml, 0)
                         : virStorageVolCreateXMLFrom(pool, xml, from, 0);
    if (to == NULL)
        return lv_fail(error, conn, "disk %s: libvirt cannot copy it", disk->source);
    path = virStorageVolGetPath(to);
    disk->new_path = g_strdup(path);
    free(path);
    return disk->new_path != NULL || lv_fail(error, conn, "volume %s", disk->new_volume);
}

gboolean lv_clone_copy(LvConn *conn, const GPtrArray *disks, LvCloneRecord *record,
                       const GemelActArgs *args, GError **error)
{
    guint n_copies = 0, n_done = 0;

    for (guint i = 0; i < disks->len; i++)
        n_copies += ((const LvCloneDisk *)g_ptr_array_index(disks, i))->how != LV_CLONE_KEPT;
    for (guint i = 0; i < disks->len; i++) {
        LvCloneDisk *disk = g_ptr_array_index(disks, i);
        g_autofree char *what = g_strdup_printf("copying %s", disk->source);
        const Progress progress = {args, (double)n_done / n_copies, 1.0 / n_copies, what};

        if (disk->how == LV_CLONE_KEPT)
            continue;
        if (gemel_act_cancelled(args))
            return gemel_error_set(error, GEMEL_ERROR_FAILED, "%s: cancelled", what);
        gemel_act_progress(args, n_done == 0 ? -1 : progress.from, what);
        if (disk->how == LV_CLONE_VOLUME ? !copy_volume(conn, disk, record, error)
                                         : !copy_file(disk, record, &progress, error))
            return FALSE;
        n_done++;
    }
    return TRUE;
}
