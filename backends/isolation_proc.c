/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolation_proc.c - what /proc tells of one process, and its control groups of their limits. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/isolation.h"
#include "backends/proc.h"

#define FILE_MAX (4u << 20) /* mountinfo of a host with thousands of mounts */

/* DIR/FILE whole, NUL-terminated, or NULL with errno. */
static char *read_at(int dir, const char *file)
{
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    g_autoptr(GByteArray) bytes = NULL;
    guint8 chunk[8192];
    ssize_t n;

    if (fd < 0)
        return NULL;
    bytes = g_byte_array_new();
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            g_byte_array_append(bytes, chunk, (guint)n);
        if (bytes->len > FILE_MAX)
            break;
    }
    if (n < 0) {
        int kept = errno;

        close(fd);
        errno = kept;
        return NULL;
    }
    close(fd);
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

/* The text behind "key" at the beginning of a line, without blanks, to the line's end; or NULL. */
static char *field_of(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0)
            return g_strstrip(g_strndup(line + length, strcspn(line + length, "\n")));
    }
    return NULL;
}

static gint64 number_of(const char *text, const char *key, guint base, gint64 otherwise)
{
    g_autofree char *field = field_of(text, key);
    guint64 value;
    char *end;

    if (field == NULL || !g_ascii_isxdigit(*field))
        return otherwise;
    errno = 0;
    value = g_ascii_strtoull(field, &end, base);
    return errno == 0 && end != field ? (gint64)value : otherwise;
}

void gemel_isolation_parse_status(GemelIsolation *isolation, const char *text)
{
    static const struct {
        const char *key;
        GemelCapSet set;
    } sets[] = {{"CapInh:", GEMEL_CAPS_INHERITABLE},
                {"CapPrm:", GEMEL_CAPS_PERMITTED},
                {"CapEff:", GEMEL_CAPS_EFFECTIVE},
                {"CapBnd:", GEMEL_CAPS_BOUNDING},
                {"CapAmb:", GEMEL_CAPS_AMBIENT}};
    g_autofree char *bounding = field_of(text, "CapBnd:");

    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        isolation->caps[sets[i].set] = (guint64)number_of(text, sets[i].key, 16, 0);
    if (bounding == NULL)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_CAPABILITIES,
                                "this kernel does not tell them");
    isolation->no_new_privs = (int)number_of(text, "NoNewPrivs:", 10, -1);
    isolation->seccomp_mode = (int)number_of(text, "Seccomp:", 10, -1);
    isolation->seccomp_filters = (int)number_of(text, "Seccomp_filters:", 10, -1);
    if (isolation->seccomp_mode < 0)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_SECCOMP, "this kernel has no seccomp");
    isolation->uid = number_of(text, "Uid:", 10, -1);
    isolation->gid = number_of(text, "Gid:", 10, -1);
}

void gemel_isolation_parse_idmap(GArray *map, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        GemelIdRange range;
        char *at = lines[i], *end;

        range.inside = g_ascii_strtoull(at, &end, 10);
        if (end == at)
            continue;
        range.outside = g_ascii_strtoull(at = end, &end, 10);
        if (end == at)
            continue;
        range.count = g_ascii_strtoull(at = end, &end, 10);
        if (end != at)
            g_array_append_val(map, range);
    }
}

/* ---- mounts --------------------------------------------------------------------------------- */

/* The value of "key=" in a list with commas; overlay writes a comma within as "\,". */
static char *option_of(const char *options, const char *key)
{
    gsize length = strlen(key);

    for (const char *at = options; at != NULL && *at != '\0';) {
        const char *end = at;

        while (*end != '\0' && *end != ',')
            end += *end == '\\' && end[1] != '\0' ? 2 : 1;
        if (strncmp(at, key, length) == 0)
            return g_strndup(at + length, (gsize)(end - at) - length);
        at = *end == ',' ? end + 1 : NULL;
    }
    return NULL;
}

static void take_overlay(GemelIsolation *isolation, const char *super)
{
    g_autofree char *lower = option_of(super, "lowerdir=");
    g_auto(GStrv) layers = g_strsplit(lower != NULL ? lower : "", ":", -1);

    g_ptr_array_set_size(isolation->lower, 0);
    g_free(isolation->upper);
    g_free(isolation->work);
    for (guint i = 0; layers[i] != NULL; i++)
        if (*layers[i] != '\0')
            g_ptr_array_add(isolation->lower, g_strdup(layers[i]));
    for (const char *at = super; (at = strstr(at, "lowerdir+=")) != NULL; at++) /* Linux 6.7 */
        g_ptr_array_add(isolation->lower, option_of(at, "lowerdir+="));
    isolation->upper = option_of(super, "upperdir=");
    isolation->work = option_of(super, "workdir=");
}

/* "ID PARENT DEV ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER", blanks written \040. */
static void take_mount(GemelIsolation *isolation, char *line)
{
    char *dash = strstr(line, " - ");
    g_auto(GStrv) before = NULL, after = NULL;
    GemelIsolationMount mount = {0};

    if (dash == NULL)
        return;
    *dash = '\0';
    before = g_strsplit(line, " ", -1);
    after = g_strsplit(dash + 3, " ", 3);
    if (g_strv_length(before) < 6 || g_strv_length(after) < 3)
        return;
    isolation->mounts_total++;
    mount.target = g_strcompress(before[4]);
    if (strcmp(mount.target, "/") == 0) { /* the last one covers those before */
        g_free(isolation->root_type);
        isolation->root_type = g_strdup(after[0]);
        isolation->root_readonly = g_str_has_prefix(before[5], "ro");
        if (strcmp(after[0], "overlay") == 0)
            take_overlay(isolation, after[2]);
    }
    if (isolation->mounts->len >= GEMEL_ISOLATION_MOUNTS_MAX) {
        g_free(mount.target);
        return;
    }
    mount.type = g_strdup(after[0]);
    mount.source = g_strcompress(after[1]);
    mount.options = g_strdup(before[5]);
    mount.is_readonly = g_str_has_prefix(before[5], "ro");
    g_array_append_val(isolation->mounts, mount);
}

void gemel_isolation_parse_mountinfo(GemelIsolation *isolation, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++)
        take_mount(isolation, lines[i]);
    if (isolation->root_type == NULL)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_ROOT, "it shows no root file system");
}

/* ---- control groups and their limits --------------------------------------------------------- */

typedef struct {
    const char *name, *unit, *controller; /* controller: of v1 */
    const char *v2, *v1;
    enum { LIMIT_NUMBER, LIMIT_QUOTA, LIMIT_TEXT } form;
} LimitFile;

static const LimitFile limit_files[] = {
    /* v1 bounds memory and swap together, which is another thing */
    {"cpu", "CPUs", "cpu", "cpu.max", "cpu.cfs_quota_us", LIMIT_QUOTA},
    {"memory", "B", "memory", "memory.max", "memory.limit_in_bytes", LIMIT_NUMBER},
    {"swap", "B", "memory", "memory.swap.max", NULL, LIMIT_NUMBER},
    {"pids", "", "pids", "pids.max", "pids.max", LIMIT_NUMBER},
    {"cpuset", "", "cpuset", "cpuset.cpus.effective", "cpuset.effective_cpus", LIMIT_TEXT},
};

/* v1 writes "no limit" as the largest multiple of a page. */
#define NO_LIMIT_BYTES G_GUINT64_CONSTANT(0x7000000000000000)

/* The limit in one group's directory, < 0 for none; FALSE when it has no such file. */
static gboolean limit_in(int dir, const LimitFile *file, gboolean v2, double *ret_value)
{
    const char *name = v2 ? file->v2 : file->v1;
    g_autofree char *text = name != NULL ? read_at(dir, name) : NULL, *period = NULL;
    char *end;
    double value, span = 100000;

    if (text == NULL)
        return FALSE;
    *ret_value = -1;
    if (!g_ascii_isdigit(*text)) /* "max", "-1" */
        return TRUE;
    value = g_ascii_strtod(text, &end);
    if (file->form == LIMIT_QUOTA) {
        if (v2)
            span = g_ascii_strtod(end, NULL);
        else if ((period = read_at(dir, "cpu.cfs_period_us")) != NULL)
            span = g_ascii_strtod(period, NULL);
        if (span <= 0)
            return TRUE;
        *ret_value = value / span;
    } else if (value < (double)NO_LIMIT_BYTES) {
        *ret_value = value;
    }
    return TRUE;
}

/* Where the hierarchy is mounted and which directory of it that is, from a mountinfo's text;
   controllers "" = v2. */
static gboolean find_mount(const char *mountinfo, const char *controllers, char **ret_point,
                           char **ret_inner)
{
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
    g_auto(GStrv) wanted = g_strsplit(controllers, ",", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        char *dash = strstr(lines[i], " - ");
        g_auto(GStrv) before = NULL, after = NULL, super = NULL;

        if (dash == NULL)
            continue;
        *dash = '\0';
        before = g_strsplit(lines[i], " ", -1);
        after = g_strsplit(dash + 3, " ", 3);
        if (g_strv_length(before) < 6 || g_strv_length(after) < 3)
            continue;
        super = g_strsplit(after[2], ",", -1);
        if (*controllers == '\0' ? strcmp(after[0], "cgroup2") != 0
                                 : strcmp(after[0], "cgroup") != 0 ||
                                       !g_strv_contains((const char *const *)super, wanted[0]))
            continue;
        *ret_inner = g_strcompress(before[3]);
        *ret_point = g_strcompress(before[4]);
        return TRUE;
    }
    return FALSE;
}

/* The tightest of the kind from the group at `path` up; FALSE when none of them has the file. */
static gboolean tightest(const char *root, const char *point, const char *path,
                         const LimitFile *file, gboolean v2, double *ret_value)
{
    g_autofree char *rest = g_strdup(path);
    gboolean found = FALSE;

    *ret_value = -1;
    for (;;) {
        g_autofree char *where = g_strconcat(root, point, "/", rest, NULL);
        int dir = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
        double value;

        if (dir >= 0 && limit_in(dir, file, v2, &value)) {
            found = TRUE;
            if (value >= 0 && (*ret_value < 0 || value < *ret_value))
                *ret_value = value;
        }
        if (dir >= 0)
            close(dir);
        if (*rest == '\0' || strcmp(rest, "/") == 0)
            return found;
        char *slash = strrchr(rest, '/');

        if (slash != NULL)
            *slash = '\0';
        else
            *rest = '\0';
    }
}

/* Whether the limits of `file` are to be found in this hierarchy. */
static gboolean governs(const GemelIsolationCgroup *cgroup, const LimitFile *file)
{
    g_auto(GStrv) controllers = g_strsplit(cgroup->controllers, ",", -1);

    return *cgroup->controllers == '\0' ||
           g_strv_contains((const char *const *)controllers, file->controller);
}

static void take_limit(GemelIsolation *isolation, const char *root, const char *mountinfo,
                       const LimitFile *file)
{
    for (guint i = 0; i < isolation->cgroups->len; i++) {
        const GemelIsolationCgroup *cgroup = g_ptr_array_index(isolation->cgroups, i);
        gboolean v2 = *cgroup->controllers == '\0';
        g_autofree char *point = NULL, *inner = NULL;
        GemelIsolationLimit limit = {file->name, file->unit, -1, NULL};
        const char *path = cgroup->path;

        if (!governs(cgroup, file) || !find_mount(mountinfo, cgroup->controllers, &point, &inner))
            continue;
        if (strcmp(inner, "/") != 0 && g_str_has_prefix(path, inner))
            path += strlen(inner);
        if (file->form == LIMIT_TEXT) {
            g_autofree char *where = g_strconcat(root, point, "/", path, NULL);
            int dir = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);

            limit.text = dir >= 0 ? read_at(dir, v2 ? file->v2 : file->v1) : NULL;
            if (dir >= 0)
                close(dir);
            if (limit.text == NULL)
                continue;
            g_strstrip(limit.text);
        } else if (!tightest(root, point, path, file, v2, &limit.value)) {
            continue;
        }
        g_array_append_val(isolation->limits, limit);
        return;
    }
}

/* Lines are "ID:CONTROLLERS:PATH"; a path may contain colons. */
static void take_cgroups(GemelIsolation *isolation, const char *root, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *where = g_strconcat(root, "/proc/self", NULL), *mountinfo = NULL;
    int self = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
        GemelIsolationCgroup *cgroup;

        if (g_strv_length(parts) != 3)
            continue;
        cgroup = g_new0(GemelIsolationCgroup, 1);
        cgroup->controllers = g_strdup(parts[1]);
        cgroup->path = g_strdup(parts[2]);
        g_ptr_array_add(isolation->cgroups, cgroup);
    }
    mountinfo = self >= 0 ? read_at(self, "mountinfo") : NULL;
    if (self >= 0)
        close(self);
    for (guint i = 0; mountinfo != NULL && i < G_N_ELEMENTS(limit_files); i++)
        take_limit(isolation, root, mountinfo, &limit_files[i]);
    if (isolation->cgroups->len == 0)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_CGROUPS, "this kernel has no cgroups");
    if (isolation->limits->len == 0)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_LIMITS,
                                "no file of limits is in its groups");
}

/* ---- together ------------------------------------------------------------------------------- */

/* "mnt:[4026531841]". 0 when it cannot be read. */
static guint64 inode_of(int dir, GemelNamespace ns)
{
    char text[64], path[32];
    const char *open;
    ssize_t n;

    g_snprintf(path, sizeof path, "ns/%s", gemel_namespace_name(ns));
    n = readlinkat(dir, path, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    open = strchr(text, '[');
    return open != NULL ? g_ascii_strtoull(open + 1, NULL, 10) : 0;
}

/* Why a file of the process cannot be read. */
static const char *reason_of(int number)
{
    return number == ENOENT || number == ESRCH ? "its process ended meanwhile"
           : number == EACCES || number == EPERM
               ? "not permitted: run gemel as root, or as who started it"
               : g_strerror(number);
}

static void read_namespaces(GemelIsolation *isolation, const char *root, int dir)
{
    static const char *const hosts[] = {"/proc/1", "/proc/self"};
    gboolean any = FALSE;
    int kept = 0;

    for (guint ns = 0; ns < GEMEL_NS_N; ns++) {
        isolation->ns_inode[ns] = inode_of(dir, ns);
        if (isolation->ns_inode[ns] == 0 && ns == GEMEL_NS_MNT)
            kept = errno;
        any = any || isolation->ns_inode[ns] != 0;
    }
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *path = g_strconcat(root, hosts[i], NULL);
        int host = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        for (guint ns = 0; host >= 0 && ns < GEMEL_NS_N; ns++)
            if (isolation->ns_host_inode[ns] == 0)
                isolation->ns_host_inode[ns] = inode_of(host, ns);
        if (host >= 0)
            close(host);
    }
    if (!any)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_NAMESPACES, "%s", reason_of(kept));
}

static void read_lsm(GemelIsolation *isolation, int dir)
{
    g_autofree char *label = read_at(dir, "attr/current");

    /* EINVAL: a kernel whose security modules have no labels. */
    if (label == NULL && errno != EINVAL && errno != ENOENT)
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_LSM, "%s", reason_of(errno));
    else if (label == NULL || *g_strstrip(label) == '\0')
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_LSM,
                                "no security module of this host labels processes");
    else
        isolation->lsm_label = g_steal_pointer(&label);
}

static void read_maps(GemelIsolation *isolation, int dir)
{
    g_autofree char *uids = read_at(dir, "uid_map"), *gids = NULL;

    if (uids == NULL) {
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_IDS, "%s", reason_of(errno));
        return;
    }
    gids = read_at(dir, "gid_map");
    gemel_isolation_parse_idmap(isolation->uid_map, uids);
    gemel_isolation_parse_idmap(isolation->gid_map, gids != NULL ? gids : "");
}

/* A descriptor of the process's directory if it is the one that started then, else -1. */
static int open_process(const char *root, gint pid, guint64 start_ticks, guint64 *ret_start)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d", root, pid);
    int dir = pid > 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    g_autofree char *stat = dir >= 0 ? read_at(dir, "stat") : NULL;
    GemelProcess process = {0};

    if (stat != NULL && gemel_proc_parse_stat(stat, GEMEL_PROC_PROCESS, &process) &&
        process.state != 'Z' && (start_ticks == 0 || process.start_ticks == start_ticks)) {
        *ret_start = process.start_ticks;
        return dir;
    }
    if (dir >= 0)
        close(dir);
    return -1;
}

int gemel_isolation_open_process(const char *root, gint pid, guint64 start_ticks)
{
    guint64 start;

    return open_process(root, pid, start_ticks, &start);
}

gboolean gemel_isolation_read_process(GemelIsolation *isolation, const char *root, gint pid,
                                      guint64 start_ticks)
{
    g_autofree char *status = NULL, *mounts = NULL, *cgroups = NULL, *last = NULL;
    g_autofree char *last_path = g_strconcat(root, "/proc/sys/kernel/cap_last_cap", NULL);
    int dir = open_process(root, pid, start_ticks, &isolation->start_ticks);

    if (dir < 0) {
        gemel_isolation_no_process(isolation, "its process ended meanwhile");
        return FALSE;
    }
    isolation->pid = pid;
    last = read_at(AT_FDCWD, last_path);
    isolation->caps_last = last != NULL ? (guint)MIN(g_ascii_strtoull(last, NULL, 10), 63) : 40;
    read_namespaces(isolation, root, dir);
    if ((status = read_at(dir, "status")) != NULL) {
        gemel_isolation_parse_status(isolation, status);
    } else {
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_CAPABILITIES, "%s", reason_of(errno));
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_SECCOMP, "%s", reason_of(errno));
    }
    if ((cgroups = read_at(dir, "cgroup")) != NULL) {
        take_cgroups(isolation, root, cgroups);
    } else {
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_CGROUPS, "%s", reason_of(errno));
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_LIMITS, "%s", reason_of(errno));
    }
    if ((mounts = read_at(dir, "mountinfo")) != NULL) {
        gemel_isolation_parse_mountinfo(isolation, mounts);
    } else {
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_MOUNTS, "%s", reason_of(errno));
        gemel_isolation_set_why(isolation, GEMEL_ISOLATION_ROOT, "%s", reason_of(errno));
    }
    read_lsm(isolation, dir);
    read_maps(isolation, dir);
    close(dir);
    return TRUE;
}
