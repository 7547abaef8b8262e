/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/native/seccomp_profile.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Names of one machine in the three worlds that meet here. */
static const struct {
    const char *machine; /* uname -m */
    const char *profile; /* arches of includes and excludes (Go's names) */
    const char *scmp;
} machines[] = {
    {"x86_64", "amd64", "SCMP_ARCH_X86_64"},     {"i686", "x86", "SCMP_ARCH_X86"},
    {"aarch64", "arm64", "SCMP_ARCH_AARCH64"},   {"armv7l", "arm", "SCMP_ARCH_ARM"},
    {"ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE"}, {"s390x", "s390x", "SCMP_ARCH_S390X"},
    {"riscv64", "riscv64", "SCMP_ARCH_RISCV64"},
};

typedef struct {
    const char *arch; /* the profile's name, "" = not in the table */
    guint kernel_major, kernel_minor;
    const char *const *capabilities;
    gsize n_capabilities;
} Target;

static gboolean has_capability(const Target *target, const char *name)
{
    for (gsize i = 0; i < target->n_capabilities; i++)
        if (g_str_equal(target->capabilities[i], name))
            return TRUE;
    return FALSE;
}

static gboolean kernel_is_at_least(const Target *target, const char *version)
{
    guint major = 0, minor = 0;

    if (sscanf(version, "%u.%u", &major, &minor) < 1)
        return FALSE;
    return target->kernel_major > major ||
           (target->kernel_major == major && target->kernel_minor >= minor);
}

static gboolean list_has(json_t *list, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        if (json_is_string(item) && g_str_equal(json_string_value(item), text))
            return TRUE;
    return FALSE;
}

/* Whether a rule holds for this machine: all capabilities and one of the architectures of
   "includes" are there, none of "excludes", and the kernel is new enough. */
static gboolean rule_applies(const Target *target, json_t *rule)
{
    json_t *includes = json_object_get(rule, "includes");
    json_t *excludes = json_object_get(rule, "excludes");
    json_t *arches = json_object_get(includes, "arches"), *item;
    const char *min_kernel = json_string_value(json_object_get(includes, "minKernel"));
    size_t i;

    if (json_array_size(arches) > 0 && !list_has(arches, target->arch))
        return FALSE;
    if (list_has(json_object_get(excludes, "arches"), target->arch))
        return FALSE;
    if (min_kernel != NULL && !kernel_is_at_least(target, min_kernel))
        return FALSE;
    json_array_foreach (json_object_get(includes, "caps"), i, item) {
        if (!json_is_string(item) || !has_capability(target, json_string_value(item)))
            return FALSE;
    }
    json_array_foreach (json_object_get(excludes, "caps"), i, item) {
        if (json_is_string(item) && has_capability(target, json_string_value(item)))
            return FALSE;
    }
    return TRUE;
}

/* The part of a rule that OCI knows. */
static json_t *convert_rule(json_t *rule)
{
    static const char *const keys[] = {"names", "action", "args", "errnoRet"};
    json_t *out = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(rule, keys[i]);

        if (value == NULL || json_is_null(value) ||
            (json_is_array(value) && json_array_size(value) == 0))
            continue;
        json_object_set(out, keys[i], value);
    }
    return out;
}

/* The machine's own architecture and those it also runs. */
static json_t *convert_arches(json_t *profile, const char *scmp)
{
    json_t *out = json_array(), *map, *sub;
    size_t i, j;

    json_array_append_new(out, json_string(scmp));
    json_array_foreach (json_object_get(profile, "archMap"), i, map) {
        const char *name = json_string_value(json_object_get(map, "architecture"));

        if (name == NULL || !g_str_equal(name, scmp))
            continue;
        json_array_foreach (json_object_get(map, "subArchitectures"), j, sub)
            json_array_append(out, sub);
    }
    return out;
}

json_t *native_seccomp_convert(const char *profile, const char *machine, guint kernel_major,
                               guint kernel_minor, const char *const *capabilities,
                               gsize n_capabilities, GError **error)
{
    Target target = {"", kernel_major, kernel_minor, capabilities, n_capabilities};
    json_error_t problem;
    json_t *in = json_loads(profile, 0, &problem), *out, *rules, *rule, *value;
    const char *scmp = NULL;
    size_t i;

    if (in == NULL || json_string_value(json_object_get(in, "defaultAction")) == NULL) {
        gemel_error_set(error, GEMEL_ERROR_FAILED, "seccomp profile: %s",
                        in == NULL ? problem.text : "no defaultAction");
        json_decref(in);
        return NULL;
    }
    for (guint m = 0; m < G_N_ELEMENTS(machines); m++)
        if (g_str_equal(machines[m].machine, machine)) {
            target.arch = machines[m].profile;
            scmp = machines[m].scmp;
        }
    out = json_object();
    json_object_set(out, "defaultAction", json_object_get(in, "defaultAction"));
    if ((value = json_object_get(in, "defaultErrnoRet")) != NULL)
        json_object_set(out, "defaultErrnoRet", value);
    if (scmp != NULL)
        json_object_set_new(out, "architectures", convert_arches(in, scmp));
    rules = json_array();
    json_array_foreach (json_object_get(in, "syscalls"), i, rule) {
        if (rule_applies(&target, rule))
            json_array_append_new(rules, convert_rule(rule));
    }
    json_object_set_new(out, "syscalls", rules);
    json_decref(in);
    return out;
}

extern const char native_seccomp_profile_text[];

json_t *native_seccomp_default(const char *const *capabilities, gsize n_capabilities,
                               GError **error)
{
    struct utsname name;
    guint major = 0, minor = 0;

    uname(&name);
    if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
        major = minor = 0;
    return native_seccomp_convert(native_seccomp_profile_text, name.machine, major, minor,
                                  capabilities, n_capabilities, error);
}
