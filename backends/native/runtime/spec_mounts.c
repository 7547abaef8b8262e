/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts, linux.devices and hooks of config.json. */
#include <string.h>
#include <sys/stat.h>

#include "mounts.h"
#include "spec.h"

/* Bits of a dev_t of the kernel (linux/kdev_t.h): 12 and 20. */
#define DEVICE_MAJOR_MAX 0xfffU
#define DEVICE_MINOR_MAX 0xfffffU

const char *const hook_names[HOOK_N] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

/* With one slash in front ("MUST be interpreted as relative to /"), none at the end, none doubled:
 * as the rules for /dev and /proc expect it. */
static const char *clean_path(const char *path)
{
    char *copy = mem_alloc(strlen(path) + 2), *to = copy;
    for (const char *at = path; *at;) {
        size_t n = strcspn(at += strspn(at, "/"), "/");
        if (n) {
            *to++ = '/';
            memcpy(to, at, n);
            to += n;
        }
        at += n;
    }
    return to == copy ? "/" : copy;
}

int spec_check_mounts(struct spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->n_mounts; i++) {
        struct spec_mount *mount = &spec->mounts[i];
        struct mount_plan plan;
        mount_plan_parse(mount, &plan);
        /* "The runtime MAY use the container's user namespace mapping" (config.md, idmap). */
        if (plan.idmap && !mount->n_uid_maps && !mount->n_gid_maps) {
            mount->uid_maps = spec->uid_maps;
            mount->gid_maps = spec->gid_maps;
            mount->n_uid_maps = spec->n_uid_maps;
            mount->n_gid_maps = spec->n_gid_maps;
        }
        if (mounts_check(mount, err) < 0)
            return -1;
    }
    return 0;
}

int spec_parse_mounts(json_t *json, struct spec *spec, struct err *err)
{
    json_t *array;
    if (json_get_array(json, "", "mounts", &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    spec->mounts = mem_array(n + 1, sizeof *spec->mounts);
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        struct spec_mount *mount = &spec->mounts[i];
        char at[64];
        snprintf(at, sizeof at, "mounts[%zu]", i);
        mount->index = i;
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        if (json_get_string(item, at, "destination", &mount->destination, err) < 0 ||
            json_get_string(item, at, "type", &mount->type, err) < 0 ||
            json_get_string(item, at, "source", &mount->source, err) < 0 ||
            json_get_strings(item, at, "options", &mount->options, &mount->n_options, err) < 0 ||
            spec_parse_id_maps(item, at, "uidMappings", &mount->uid_maps, &mount->n_uid_maps, err) <
                0 ||
            spec_parse_id_maps(item, at, "gidMappings", &mount->gid_maps, &mount->n_gid_maps, err) <
                0)
            return -1;
        if (!mount->destination || !*mount->destination)
            return err_set(err, 0, "%s.destination: missing", at);
        if (strlen(mount->destination) >= 4096)
            return err_set(err, 0, "%s.destination: too long", at);
        mount->destination = clean_path(mount->destination);
    }
    spec->n_mounts = n;
    return 0;
}

int spec_parse_devices(json_t *linux_obj, struct spec *spec, struct err *err)
{
    json_t *array;
    if (json_get_array(linux_obj, "linux", "devices", &array, err) < 0)
        return -1;
    size_t n = json_array_size(array);
    spec->devices = mem_array(n + 1, sizeof *spec->devices);
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        struct spec_device *dev = &spec->devices[i];
        const char *type = NULL;
        bool major = false, minor = false;
        char at[64];
        snprintf(at, sizeof at, "linux.devices[%zu]", i);
        if (!json_is_object(item))
            return err_set(err, 0, "%s: must be an object", at);
        dev->mode = 0666;
        if (json_get_string(item, at, "type", &type, err) < 0 ||
            json_get_string(item, at, "path", &dev->path, err) < 0 ||
            json_get_u32(item, at, "major", &dev->major, &major, err) < 0 ||
            json_get_u32(item, at, "minor", &dev->minor, &minor, err) < 0 ||
            json_get_u32(item, at, "fileMode", &dev->mode, NULL, err) < 0 ||
            json_get_u32(item, at, "uid", &dev->uid, NULL, err) < 0 ||
            json_get_u32(item, at, "gid", &dev->gid, NULL, err) < 0)
            return -1;
        if (!dev->path || *dev->path != '/')
            return err_set(err, 0, "%s.path: must be an absolute path", at);
        dev->mode &= 07777; /* engines write st_mode with the type in it */
        if (type && (!strcmp(type, "c") || !strcmp(type, "u")))
            dev->kind = S_IFCHR;
        else if (type && !strcmp(type, "b"))
            dev->kind = S_IFBLK;
        else if (type && !strcmp(type, "p"))
            dev->kind = S_IFIFO;
        else
            return err_set(err, 0, "%s.type: must be c, u, b or p", at);
        if (dev->kind != S_IFIFO && (!major || !minor))
            return err_set(err, 0, "%s: needs major and minor", at);
        /* mknod(2) cuts greater ones off: it would make another device than the one named. */
        if (dev->major > DEVICE_MAJOR_MAX || dev->minor > DEVICE_MINOR_MAX)
            return err_set(err, 0, "%s: %u:%u is no device number", at, dev->major, dev->minor);
    }
    spec->n_devices = n;
    return 0;
}

int spec_parse_hooks(json_t *json, struct spec *spec, struct err *err)
{
    json_t *hooks;
    if (json_get_object(json, "", "hooks", &hooks, err) < 0)
        return -1;
    for (int kind = 0; kind < HOOK_N; kind++) {
        json_t *array;
        if (json_get_array(hooks, "hooks", hook_names[kind], &array, err) < 0)
            return -1;
        size_t n = json_array_size(array);
        spec->hooks[kind] = mem_array(n + 1, sizeof **spec->hooks);
        spec->n_hooks[kind] = n;
        for (size_t i = 0; i < n; i++) {
            json_t *item = json_array_get(array, i);
            struct spec_hook *hook = &spec->hooks[kind][i];
            bool timeout = false;
            char at[64];
            snprintf(at, sizeof at, "hooks.%s[%zu]", hook_names[kind], i);
            if (!json_is_object(item))
                return err_set(err, 0, "%s: must be an object", at);
            if (json_get_string(item, at, "path", &hook->path, err) < 0 ||
                json_get_strings(item, at, "args", &hook->args, NULL, err) < 0 ||
                json_get_strings(item, at, "env", &hook->env, NULL, err) < 0 ||
                json_get_i64(item, at, "timeout", &hook->timeout_s, &timeout, err) < 0)
                return -1;
            if (!hook->path || *hook->path != '/')
                return err_set(err, 0, "%s.path: must be an absolute path", at);
            if (timeout && hook->timeout_s <= 0)
                return err_set(err, 0, "%s.timeout: must be greater than zero", at);
        }
    }
    return 0;
}
