/* SPDX-License-Identifier: GPL-3.0-or-later */
/* processes.c - the threads of a guest's QEMU, as this host's kernel has them. */
#include <dirent.h>

#include "backends/libvirt/cache.h"
#include "backends/libvirt/lv.h"
#include "backends/proc.h"

static int compare_rows(gconstpointer a, gconstpointer b)
{
    return ((const GemelProcess *)a)->pid - ((const GemelProcess *)b)->pid;
}

/* Rows for all threads; the pid is the cache's, verified by its start time. */
static void read_threads(gint pid, GemelProcesses *processes)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
    DIR *dir = opendir(path);

    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        g_autofree char *task = NULL;
        gint64 tid;
        guint before = processes->rows->len;

        if (!g_ascii_string_to_signed(entry->d_name, 10, 1, G_MAXINT, &tid, NULL))
            continue;
        task = g_build_filename(path, entry->d_name, NULL);
        if (gemel_proc_read(task, (gint)tid, GEMEL_PROC_THREAD, processes) &&
            processes->rows->len > before)
            g_array_index(processes->rows, GemelProcess, before).parent = tid == pid ? 0 : pid;
    }
    if (dir != NULL)
        closedir(dir);
    g_array_sort(processes->rows, compare_rows);
}

GemelProcesses *lv_processes(GemelConn *base, const char *id, GError **error)
{
    LvConn *conn = lv_conn(base);
    g_autoptr(virDomain) domain = lv_domain_lookup(conn, id, error);
    g_autoptr(GPtrArray) guests = NULL;
    GemelProcesses *processes;
    LvGuest *guest;

    if (domain == NULL)
        return NULL;
    if (!conn->is_qemu || !conn->is_local) {
        gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                        "%s: its processes are not on this host; run gemel where %s is",
                        virDomainGetName(domain), base->backend->uri);
        return NULL;
    }
    guests = g_ptr_array_new_with_free_func((GDestroyNotify)lv_guest_free);
    guest = lv_guest_new(domain);
    g_ptr_array_add(guests, guest);
    processes = gemel_processes_new(gemel_boottime_ns());
    if (guest->id >= 0) {
        lv_cache_find_processes(conn, guests);
        if (guest->process.pid > 0)
            read_threads(guest->process.pid, processes);
    }
    return processes;
}
