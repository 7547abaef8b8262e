/* SPDX-License-Identifier: GPL-3.0-or-later */
/* features (runtime-spec, features.md): printed from the tables that do the work, and from what the
 * host has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

#include "cgroup.h"
#include "commands.h"
#include "filter.h"
#include "mounts.h"
#include "rootfs.h"

static json_t *names(const char *const *list)
{
    json_t *array = json_array();
    for (; *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

/* All that have a name, known to the running kernel or not. */
static json_t *capabilities(void)
{
    json_t *array = json_array();
    for (int cap = 0; cap < 64; cap++) {
        char *name = cap_to_name((cap_value_t)cap);
        if (name && !strncmp(name, "cap_", 4)) {
            for (char *p = name; *p; p++)
                *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
            json_array_append_new(array, json_string(name));
        }
        if (name)
            cap_free(name);
    }
    return array;
}

static json_t *namespaces(void)
{
    json_t *array = json_array();
    for (int kind = 0; kind < NS_N; kind++)
        json_array_append_new(array, json_string(ns_table[kind].name));
    return array;
}

static json_t *linux_features(void)
{
    json_t *cgroup = json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", 1, "v2", 1, "systemd", 1,
                               "systemdUser", 1, "rdma", 1);
    json_t *seccomp =
        json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions",
                  names(filter_action_names()), "operators", names(filter_operator_names()),
                  "archs", names(filter_arch_names()), "knownFlags", names(filter_flag_names()),
                  "supportedFlags", names(filter_supported_flag_names()));
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}", "namespaces",
                     namespaces(), "capabilities", capabilities(), "cgroup", cgroup, "seccomp",
                     seccomp, "apparmor", "enabled", 1, "selinux", "enabled", 1, "intelRdt",
                     "enabled", 0, "mountExtensions", "idmap", "enabled", 1);
}

/* What this runtime can do, whatever the host can (features.md); the host's part is in annotations.
 */
int cmd_features(const struct options *opt, int argc, char **argv, struct err *err)
{
    struct cgroup cg;
    struct err none;
    if (cgroup_discover(&cg, &none) < 0)
        cg.mode = CGROUP_NONE;
    json_t *hooks = json_array();
    for (int kind = 0; kind < HOOK_N; kind++)
        json_array_append_new(hooks, json_string(hook_names[kind]));
    json_t *annotations =
        json_pack("{s:s, s:s, s:s}", "org.gemel.runtime.version", RUNTIME_VERSION,
                  "org.gemel.runtime.cgroup", cgroup_mode_names[cg.mode],
                  "io.github.seccomp.libseccomp.version", filter_library_version());
    json_t *doc = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:[s,s,s]}", "ociVersionMin", "1.0.0",
                            "ociVersionMax", OCI_VERSION, "hooks", hooks, "mountOptions",
                            names(mount_option_names()), "linux", linux_features(), "annotations",
                            annotations, "potentiallyUnsafeConfigAnnotations", OVERLAY_LOWER,
                            OVERLAY_UPPER, OVERLAY_WORK);
    char *text = doc ? json_text(doc, JSON_INDENT(2)) : NULL;
    json_decref(doc);
    if (!text)
        return err_set(err, 0, "features: not made");
    puts(text);
    return fflush(stdout) == EOF ? err_set(err, errno, "standard output") : 0;
}
