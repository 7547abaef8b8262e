/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spec: a config.json to start from. The same isolation that the project's containers have, a shell
 * as program. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"

static const char base[] =
    "{\"ociVersion\":\"" OCI_VERSION
    "\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},"
    "\"args\":[\"sh\"],\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
    "bin\","
    "\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{"
    "\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":"
    "true},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"gemel\",\"mounts\":["
    "{\"destination\":\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/"
    "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode="
    "755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/"
    "pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
    "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
    "{\"destination\":\"/dev/"
    "shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
    "\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/"
    "mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\","
    "\"nodev\"]},"
    "{\"destination\":\"/"
    "sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
    "\"ro\"]},"
    "{\"destination\":\"/sys/fs/"
    "cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"nosuid\",\"noexec\","
    "\"nodev\",\"relatime\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":"
    "\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/"
    "latency_stats\","
    "\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/proc/"
    "interrupts\",\"/sys/firmware\","
    "\"/sys/devices/virtual/powercap\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/"
    "sysrq-trigger\"]}}";

/* A user maps himself to root, shares the network, and binds /sys, which he may not mount:
 * read-only with the cgroups below it (CVE-2023-25809). */
static int make_rootless(json_t *doc, struct err *err)
{
    json_t *linux_obj = json_object_get(doc, "linux"), *mounts = json_object_get(doc, "mounts");
    json_t *spaces = json_object_get(linux_obj, "namespaces");
    json_array_remove(spaces, 1);
    json_array_append_new(spaces, json_pack("{s:s}", "type", "user"));
    json_object_set_new(linux_obj, "uidMappings",
                        json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
                                  (json_int_t)geteuid(), "size", 1));
    json_object_set_new(linux_obj, "gidMappings",
                        json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID",
                                  (json_int_t)getegid(), "size", 1));
    json_object_del(linux_obj, "resources");
    json_array_remove(mounts, 6);
    int rc = json_array_set_new(mounts, 5,
                                json_pack("{s:s, s:s, s:s, s:[s,s,s,s,s]}", "destination", "/sys",
                                          "type", "none", "source", "/sys", "options", "rbind",
                                          "nosuid", "noexec", "nodev", "rro"));
    return rc < 0 ? err_set(err, ENOMEM, "spec") : 0;
}

int cmd_spec(const struct options *opt, int argc, char **argv, struct err *err)
{
    json_t *doc = json_parse(base, sizeof base - 1, "spec", err);
    if (!doc || (opt->rootless && make_rootless(doc, err) < 0))
        return -1;
    char *text = json_text(doc, JSON_INDENT(2));
    json_decref(doc);
    const char *path = mem_printf("%s/config.json", opt->bundle ? opt->bundle : ".");
    auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int rc = 0;
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || fd_write_all(fd, "\n", 1) < 0)
        rc = err_set(err, errno, "%s", path);
    return rc;
}
