/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

#include "caller.h"
#include "defences.h"
#include "version.h"

const char *const status_names[] = {
    [STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
};

const char *state_default_root(void)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");
    if (!caller_privileged() && dir && *dir == '/')
        return mem_printf("%s/gemel-runtime", dir);
    return geteuid() == 0 ? "/run/gemel-runtime"
                          : mem_printf("/tmp/gemel-runtime-%u", (unsigned)geteuid());
}

static json_t *cgroup_json(const struct cgroup *cg)
{
    json_t *v1 = json_object();
    for (size_t i = 0; i < cg->n_v1; i++) {
        json_object_set_new(v1, cg->v1[i].controllers, json_string(cg->v1[i].dir));
    }
    return json_pack("{s:s, s:s?, s:o, s:s?, s:s*, s:b}", "mode", cgroup_mode_names[cg->mode],
                     "path", cg->path, "v1", v1, "v2", cg->v2_dir, "scope", cg->scope, "scopeUser",
                     (int)cg->scope_user);
}

/* The mount point of "DIR" for path "PATH". NULL when one does not end in the other. */
static const char *mount_of(const char *dir, const char *path)
{
    if (!path)
        return NULL;
    size_t n = strlen(dir), m = strlen(path);
    return n > m && !strcmp(dir + n - m, path) ? mem_strndup(dir, n - m) : NULL;
}

static int cgroup_from_json(const json_t *json, struct cgroup *cg, struct err *err)
{
    const char *mode = NULL, *key;
    json_t *v1, *value;
    memset(cg, 0, sizeof *cg);
    cg->v2_fd = -1;
    if (json_get_string(json, "cgroup", "mode", &mode, err) < 0 ||
        json_get_string(json, "cgroup", "path", &cg->path, err) < 0 ||
        json_get_string(json, "cgroup", "v2", &cg->v2_dir, err) < 0 ||
        json_get_string(json, "cgroup", "scope", &cg->scope, err) < 0 ||
        json_get_bool(json, "cgroup", "scopeUser", &cg->scope_user, err) < 0 ||
        json_get_object(json, "cgroup", "v1", &v1, err) < 0)
        return -1;
    for (int i = CGROUP_NONE; i <= CGROUP_V2; i++)
        if (mode && !strcmp(mode, cgroup_mode_names[i]))
            cg->mode = (enum cgroup_mode)i;
    if (cg->mode != CGROUP_NONE && (!cg->path || *cg->path != '/' || !cg->path[1]))
        return err_set(err, 0, "state.json: cgroup.path");
    json_object_foreach (v1, key, value) {
        const char *dir = json_string_value(value);
        const char *mount = dir ? mount_of(dir, cg->path) : NULL;
        if (!mount || cg->n_v1 == CGROUP_V1_MAX)
            return err_set(err, 0, "state.json: cgroup.v1.%s", key);
        cg->v1[cg->n_v1++] = (struct cgroup_v1){
            .controllers = key,
            .mount = mount,
            .dir = dir,
            .fd = -1,
        };
    }
    if (cg->v2_dir && !(cg->v2_mount = mount_of(cg->v2_dir, cg->path)))
        return err_set(err, 0, "state.json: cgroup.v2");
    return 0;
}

int state_check_root(const char *root, struct err *err)
{
    struct stat st;
    /* A link must be nobody else's either. */
    if (lstat(root, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(err, EPERM, "--root %s: a link that user %u made", root,
                       (unsigned)st.st_uid);
    if (stat(root, &st) < 0)
        return errno == ENOENT ? 0 : err_set(err, errno, "--root %s", root);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ENOTDIR, "--root %s", root);
    bool own_group = st.st_gid == getegid() || st.st_gid == 0;
    bool others = st.st_mode & (own_group ? 002 : 022);
    if ((st.st_uid == geteuid() || st.st_uid == 0) && !others)
        return 0;
    return defended(ROOT_PRIVATE)
               ? err_set(err, EPERM, "--root %s: %s could put containers there; take a private one",
                         root, others ? "others" : mem_printf("user %u", (unsigned)st.st_uid))
               : 0;
}

int state_save(struct state *st, struct err *err)
{
    json_t *doc = json_pack(
        "{s:s, s:s, s:i, s:I, s:s?, s:s?, s:s?, s:s?, s:b, s:b, s:b, s:o}", "ociVersion",
        OCI_VERSION, "id", st->id, "pid", (int)st->pid, "pidStartTime", (json_int_t)st->pid_start,
        "bundle", st->bundle, "rootfs", st->rootfs, "created", st->created, "owner", st->owner,
        "creating", (int)st->creating, "plain", (int)st->plain, "callersKeyring",
        (int)st->callers_keyring, "cgroup", cgroup_json(&st->cgroup));
    char *text = doc ? json_text(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    if (!text)
        return err_set(err, EINVAL, "state.json: a path that is not UTF-8");
    int rc = file_replace(st->dir, "state.json", text, strlen(text), 0600);
    return rc < 0 ? err_set(err, errno, "%s/%s/state.json", st->root, st->id) : 0;
}

static int load(struct state *st, struct err *err)
{
    size_t len;
    json_t *cgroup;
    int64_t pid = 0;
    char *text = file_read(st->dir, "state.json", JSON_FILE_MAX, &len);
    if (!text && errno == ENOENT) {
        err_set(err, 0, "container '%s' is half made or half deleted: delete ends that", st->id);
        err->errnum = ENOENT;
        return -1;
    }
    if (!text)
        return err_set(err, errno, "%s/%s/state.json", st->root, st->id);
    st->doc = json_parse(text, len, "state.json", err);
    if (!st->doc || json_get_string(st->doc, "", "bundle", &st->bundle, err) < 0 ||
        json_get_string(st->doc, "", "rootfs", &st->rootfs, err) < 0 ||
        json_get_string(st->doc, "", "created", &st->created, err) < 0 ||
        json_get_string(st->doc, "", "owner", &st->owner, err) < 0 ||
        json_get_bool(st->doc, "", "creating", &st->creating, err) < 0 ||
        json_get_bool(st->doc, "", "plain", &st->plain, err) < 0 ||
        json_get_bool(st->doc, "", "callersKeyring", &st->callers_keyring, err) < 0 ||
        json_get_i64(st->doc, "", "pid", &pid, NULL, err) < 0 ||
        json_get_u64(st->doc, "", "pidStartTime", &st->pid_start, NULL, err) < 0 ||
        json_get_object(st->doc, "", "cgroup", &cgroup, err) < 0)
        return -1;
    if (pid < 0 || pid > INT32_MAX || !st->bundle)
        return err_set(err, 0, "state.json: not a container's state");
    st->pid = (pid_t)pid;
    return cgroup_from_json(cgroup, &st->cgroup, err);
}

/* Locks the directory; false when it went away while waiting. */
static bool lock_directory(int dir)
{
    struct stat st;
    int rc;
    do
        rc = flock(dir, LOCK_EX);
    while (rc < 0 && errno == EINTR);
    return rc == 0 && fstat(dir, &st) == 0 && st.st_nlink > 0;
}

static int open_directory(struct state *st, struct err *err)
{
    if (!id_valid(st->id))
        return err_set(err, EINVAL, "container id '%s'", st->id);
    char *path = mem_printf("%s/%s", st->root, st->id);
    st->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (st->dir < 0 && errno == ENOENT) {
        err_set(err, 0, "container '%s' does not exist", st->id);
        err->errnum = ENOENT;
        return -1;
    }
    return st->dir < 0 ? err_set(err, errno, "%s", path) : 0;
}

int state_open(struct state *st, const char *root, const char *id, enum state_lock lock,
               struct err *err)
{
    memset(st, 0, sizeof *st);
    st->root = root;
    st->id = id;
    st->dir = -1;
    st->cgroup.v2_fd = -1;
    if (open_directory(st, err) < 0)
        return -1;
    if (lock == STATE_LOCK && !lock_directory(st->dir)) {
        err_set(err, 0, "container '%s' does not exist", id);
        err->errnum = ENOENT;
        return -1;
    }
    st->locked = lock == STATE_LOCK;
    return load(st, err);
}

int state_config(struct state *st, struct err *err)
{
    size_t len;
    if (st->config)
        return 0;
    char *text = file_read(st->dir, "config.json", JSON_FILE_MAX, &len);
    if (!text)
        return err_set(err, errno, "%s/%s/config.json", st->root, st->id);
    st->config = json_parse_config(text, len, "config.json", &st->syscalls, err);
    return st->config ? 0 : -1;
}

void state_close(struct state *st)
{
    json_decref(st->doc);
    json_decref(st->config);
    st->doc = st->config = NULL;
    cgroup_close(&st->cgroup);
    state_unlock(st);
    fd_cleanup(&st->dir);
}

void state_unlock(struct state *st)
{
    /* A child may hold a copy of the descriptor, and with it the lock: it is given up in so many
     * words. */
    if (st->locked && st->dir >= 0)
        flock(st->dir, LOCK_UN);
    st->locked = false;
}

bool state_relock(struct state *st)
{
    st->locked = lock_directory(st->dir);
    return st->locked;
}

/* Now, as RFC 3339 has it. */
static char *timestamp(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return utc_text(ts.tv_sec, ts.tv_nsec);
}

/* An existing ROOT/ID is either a container, or what a create left that was killed: that is cleaned
 * away. */
static int clear_leftover(const char *root, const char *id, struct err *err)
{
    struct state old;
    struct err load_err;
    int rc = state_open(&old, root, id, STATE_LOCK, &load_err);
    bool unfinished = rc < 0 ? load_err.errnum == ENOENT : old.creating && !state_alive(&old);
    if (!unfinished) {
        err_set(err, 0, "container '%s' exists already", id);
        err->errnum = EEXIST;
        rc = -1;
    } else if (old.dir >= 0) {
        rc = cgroup_destroy(&old.cgroup, err) < 0 ? -1 : state_remove(&old, err);
    } else {
        rc = 0;
    }
    state_close(&old);
    return rc;
}

int state_create(struct state *st, const char *root, const char *id, struct err *err)
{
    memset(st, 0, sizeof *st);
    st->root = root;
    st->id = id;
    st->dir = -1;
    st->cgroup.v2_fd = -1;
    st->creating = true;
    st->created = timestamp();
    st->owner = geteuid() == 0 ? "root" : mem_printf("%u", (unsigned)geteuid());
    if (!id_valid(id))
        return err_set(err, 0, "container id '%s': letters, digits and _+-. only", id);
    if (dir_make(root, 0700) < 0)
        return err_set(err, errno, "%s", root);
    if (state_check_root(root, err) < 0)
        return -1;
    char *path = mem_printf("%s/%s", root, id);
    for (int tries = 0; tries < 16; tries++) {
        if (mkdir(path, 0700) < 0) {
            if (errno != EEXIST)
                return err_set(err, errno, "%s", path);
            if (clear_leftover(root, id, err) < 0)
                return -1;
            continue;
        }
        /* Until it is locked another create takes it for a leftover: it may be gone by now, or be
         * another's that has the same name. */
        st->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (st->dir < 0 && errno != ENOENT)
            return err_set(err, errno, "%s", path);
        st->locked = st->dir >= 0 && lock_directory(st->dir) &&
                     faccessat(st->dir, "state.json", F_OK, 0) < 0;
        if (st->locked)
            return 0;
        fd_cleanup(&st->dir);
    }
    return err_set(err, EEXIST, "%s", path);
}

int state_remove(struct state *st, struct err *err)
{
    int copy = openat(st->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    /* state.json goes last: what is killed here is still found and finished by the next delete. */
    while (stream && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
            strcmp(entry->d_name, "state.json"))
            unlinkat(st->dir, entry->d_name, 0);
    if (stream)
        closedir(stream);
    unlinkat(st->dir, "state.json", 0);
    /* A directory that is gone already has left its name to another. */
    struct stat now;
    char *path = mem_printf("%s/%s", st->root, st->id);
    if (fstat(st->dir, &now) == 0 && now.st_nlink > 0 && rmdir(path) < 0 && errno != ENOENT)
        return err_set(err, errno, "%s", path);
    return 0;
}

bool state_alive(const struct state *st)
{
    uint64_t start;
    char letter;
    if (st->pid <= 0 || proc_stat(st->pid, &start, &letter) < 0)
        return false;
    return (start == st->pid_start || !defended(PID_START)) && letter != 'Z' && letter != 'X';
}

int state_pidfd(const struct state *st)
{
    auto_fd fd = st->pid > 0 ? pidfd_open(st->pid, 0) : -1;
    /* The number was opened first and is checked now: it cannot change its owner any more. */
    if (fd < 0 || !state_alive(st)) {
        errno = ESRCH;
        return -1;
    }
    return fd_take(&fd);
}

/* True when another process holds the lock, that is: create is still at work. */
static bool is_locked(const struct state *st)
{
    auto_fd dir = openat(st->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir >= 0 && flock(dir, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

enum status state_status(const struct state *st)
{
    if (st->creating)
        return !st->locked && is_locked(st) ? STATUS_CREATING : STATUS_STOPPED;
    if (!state_alive(st))
        return STATUS_STOPPED;
    /* One that is paused before it was started answers no start. */
    if (st->cgroup.mode != CGROUP_NONE && cgroup_is_frozen(&st->cgroup))
        return STATUS_PAUSED;
    return faccessat(st->dir, "start.sock", F_OK, 0) == 0 ? STATUS_CREATED : STATUS_RUNNING;
}

/* Why a container may have ended that its status does not tell: annotation of a stopped one. */
static void add_oom_kills(const struct state *st, json_t *annotations)
{
    struct cgroup cg = st->cgroup;
    bool opened_here = cg.v2_fd < 0 && cgroup_v1_fd(&cg, "memory") < 0;
    if (opened_here)
        cgroup_open(&cg);
    uint64_t kills = cgroup_oom_kills(&cg);
    if (opened_here)
        cgroup_close(&cg);
    if (kills)
        json_object_set_new(annotations, OOM_ANNOTATION,
                            json_string(mem_printf("%llu", (unsigned long long)kills)));
}

json_t *state_json(const struct state *st, const char *status)
{
    bool ended = status && !strcmp(status, status_names[STATUS_STOPPED]);
    enum status now = ended ? STATUS_STOPPED : status ? STATUS_RUNNING : state_status(st);
    json_t *annotations = st->config ? json_object_get(st->config, "annotations") : NULL;
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:i, s:s?, s:s?, s:s?, s:s?}", "ociVersion", OCI_VERSION, "id",
                  st->id, "status", status ? status : status_names[now], "pid",
                  now == STATUS_STOPPED ? 0 : (int)st->pid, "bundle", st->bundle, "rootfs",
                  st->rootfs, "created", st->created, "owner", st->owner);
    json_t *shown = json_is_object(annotations) ? json_copy(annotations) : json_object();
    if (now == STATUS_STOPPED && !ended)
        add_oom_kills(st, shown);
    json_object_set_new(out, "annotations", shown);
    return out;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **state_list(const char *root, size_t *ret_n, struct err *err)
{
    size_t n = 0, size = 64;
    char **list = mem_array(size + 1, sizeof *list);
    DIR *dir = opendir(root);
    struct dirent *entry;
    if (!dir && errno != ENOENT) {
        err_set(err, errno, "--root %s", root);
        return NULL;
    }
    while (dir && (entry = readdir(dir))) {
        if (!id_valid(entry->d_name) || *entry->d_name == '.')
            continue;
        if (n == size) {
            char **bigger = mem_array(size * 2 + 1, sizeof *bigger);
            memcpy(bigger, list, n * sizeof *list);
            list = bigger;
            size *= 2;
        }
        list[n++] = mem_strdup(entry->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(list, n, sizeof *list, compare);
    *ret_n = n;
    return list;
}
