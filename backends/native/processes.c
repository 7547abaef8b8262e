/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * processes.c - the processes of one container, from its control group.
 *
 * A container may make groups below its own (a service manager does), so the walk goes down. Which
 * hierarchy is walked does not matter, as long as the runtime put the container's processes there;
 * the v2 one is first because it cannot hold some of them elsewhere.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/native/cgroup.h"
#include "backends/native/native.h"
#include "backends/native/process.h"
#include "backends/proc.h"

#define DEPTH_MAX 8

/* The pids in one group's cgroup.procs, appended. FALSE when there is no such file. A threaded
   group refuses to tell (EOPNOTSUPP): its processes are counted in the group above. */
static gboolean read_procs(int dir, GArray *pids)
{
    int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    int pid;

    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    /* 0 stands for a process of a pid namespace that we do not see into. */
    while (fscanf(file, "%d", &pid) == 1)
        if (pid > 0)
            g_array_append_val(pids, pid);
    fclose(file);
    return TRUE;
}

/* The same for a group and all below it; takes `fd` over. */
static gboolean walk(int fd, guint depth, GArray *pids)
{
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    gboolean found;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    found = read_procs(dirfd(dir), pids);
    for (struct dirent *entry; depth < DEPTH_MAX && (entry = readdir(dir)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            walk(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                 depth + 1, pids);
    closedir(dir);
    return found;
}

static int compare_pids(gconstpointer a, gconstpointer b)
{
    return *(const gint *)a - *(const gint *)b;
}

/* All pids of the group at `path`, in order. */
static GArray *find_pids(const NativeCgroups *cgroups, const char *path)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(gint));
    const char *const mounts[] = {
        cgroups->v2, cgroups->v1[NATIVE_CGROUP_PIDS], cgroups->v1[NATIVE_CGROUP_FREEZER],
        cgroups->v1[NATIVE_CGROUP_MEMORY], cgroups->v1[NATIVE_CGROUP_CPU]};

    for (guint i = 0; i < G_N_ELEMENTS(mounts) && pids->len == 0; i++) {
        g_autofree char *dir = mounts[i] != NULL ? g_build_filename(mounts[i], path, NULL) : NULL;

        if (dir != NULL)
            walk(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, pids);
    }
    g_array_sort(pids, compare_pids);
    return pids;
}

GemelProcesses *native_processes(GemelConn *conn, const char *id, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) container = native_container_load(native->store, id, error);
    g_autoptr(GArray) pids = NULL;
    g_auto(NativeRun) run = {0};
    GemelProcesses *processes;
    int pidfd;

    if (container == NULL)
        return NULL;
    processes = gemel_processes_new(gemel_boottime_ns());
    native_run_load(native->store, id, &run);
    if (run.phase != NATIVE_RUN_STARTED || run.cgroup == NULL || *run.cgroup == '\0')
        return processes;
    pidfd = native_process_open(run.pid, run.pid_start);
    if (pidfd < 0)
        return processes;
    close(pidfd);
    pids = find_pids(native_cgroups_host(), run.cgroup);
    for (guint i = 0; i < pids->len; i++) {
        gint pid = g_array_index(pids, gint, i);
        char dir[32];

        if (i > 0 && pid == g_array_index(pids, gint, i - 1))
            continue;
        g_snprintf(dir, sizeof dir, "/proc/%d", pid);
        gemel_proc_read(dir, pid, GEMEL_PROC_PROCESS, processes);
    }
    return processes;
}
