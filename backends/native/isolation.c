/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolation.c - what holds one container in: its first process, and its own configuration. */
#include "backends/native/native.h"

#define CONFIG_MAX (1u << 20)

GemelIsolation *native_isolation(GemelConn *conn, const char *id, GError **error)
{
    NativeConn *native = (NativeConn *)conn;
    g_autoptr(NativeContainer) container = native_container_load(native->store, id, error);
    g_autofree char *path = NULL, *config = NULL;
    g_auto(NativeRun) run = {0};
    GemelIsolation *isolation;

    if (container == NULL)
        return NULL;
    isolation = gemel_isolation_new();
    native_run_load(native->store, id, &run);
    if (run.phase == NATIVE_RUN_STARTED && run.pid > 0)
        gemel_isolation_read_process(isolation, "", run.pid, run.pid_start);
    else
        gemel_isolation_no_process(isolation, "it does not run: start it to see");
    path = native_store_container_path(native->store, id, "config.json");
    config = native_file_read(path, CONFIG_MAX, NULL);
    gemel_isolation_read_profile(isolation, config);
    gemel_isolation_set_why(isolation, GEMEL_ISOLATION_GUEST, "it is a container");
    return isolation;
}
