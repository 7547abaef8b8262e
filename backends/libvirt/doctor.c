/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doctor.c - whether libvirt answers and its host can run guests, and what killed clones left. What
 * libvirt keeps is libvirt's to mend: nothing else here is fixable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/libvirt/clone.h"

static void add(json_t *found, const char *check, const char *level, const char *way_out,
                char *what)
{
    json_array_append_new(found, json_pack("{s:s, s:s, s:s, s:s*}", "check", check, "level", level,
                                           "what", what, "way_out", way_out));
    g_free(what);
}

static void add_daemon(json_t *found, const LvConn *conn)
{
    unsigned long version = 0;

    if (virConnectGetLibVersion(conn->vir, &version) == 0)
        add(found, "libvirt", "ok", NULL,
            g_strdup_printf("libvirt %lu.%lu.%lu answers", version / 1000000, version / 1000 % 1000,
                            version % 1000));
    else
        add(found, "libvirt", "bad", "restart libvirtd or virtqemud",
            g_strdup("libvirt does not tell its version"));
}

/* KVM is libvirtd's to open, not ours: that we may not is no fault while guests can use it. */
static void add_kvm(json_t *found)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0 || errno == EACCES)
        add(found, "kvm", "ok", NULL, g_strdup("/dev/kvm is there"));
    else
        add(found, "kvm", "warn",
            "switch VT-x or AMD-V on in the firmware and load kvm_intel or kvm_amd; in a guest, "
            "let its host nest",
            g_strdup_printf("/dev/kvm: %s; guests run by emulation alone, slowly",
                            g_strerror(errno)));
    if (fd >= 0)
        close(fd);
}

json_t *lv_doctor(GemelConn *base, gboolean fix, const GemelActArgs *args, GError **error)
{
    LvConn *conn = lv_conn(base);
    json_t *found = json_array();

    virResetLastError();
    add_daemon(found, conn);
    if (conn->is_qemu && conn->is_local)
        add_kvm(found);
    lv_clone_leftovers(conn, fix, found);
    return found;
}
