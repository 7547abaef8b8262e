/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * floor: what the kernel alone costs. Makes just the namespaces, mounts, devices and cgroups that
 * the bundle of `bench/run runtime` asks for, loads a filter that was compiled before, pivots,
 * executes, waits, and takes the cgroups away again. It reads no configuration, checks nothing that
 * the bench has not made itself, defends itself against nothing, keeps no state, and explains no
 * failure: not a runtime, but the line no runtime can be below.
 *
 *   floor run    ROOTFS FILTER GROUP COMMAND ARG...   foreground
 *   floor create ROOTFS FILTER GROUP FIFO PIDFILE COMMAND ARG...   waits for start
 *   floor start  FIFO                                 lets it go
 *   floor delete GROUP                                removes the groups
 *   floor exec   PIDFILE FILTER GROUP COMMAND ARG...  one more process in it
 *
 * GROUP is the group's path below each hierarchy; its parents exist. The hierarchies are the
 * host's, from /proc/self/mountinfo: v1 or hybrid ones, the limits are v1 files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#define GROUPS_MAX 24
#define CHECK(expression)                                                                          \
    do {                                                                                           \
        if ((expression) < 0) {                                                                    \
            dprintf(2, "floor: %s: %s\n", #expression, strerror(errno));                           \
            _exit(2);                                                                              \
        }                                                                                          \
    } while (0)

struct hierarchy {
    char mount[96], name[48]; /* name: "cpu,cpuacct", or "" for v2 */
    int dir;
};
static struct hierarchy groups[GROUPS_MAX];
static int n_groups;

/* The hierarchies, from mountinfo. */
static void find_groups(void)
{
    static char text[65536];
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    char *save = NULL;
    close(fd);
    text[n > 0 ? n : 0] = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct hierarchy *g = &groups[n_groups];
        char *type = strstr(line, " - cgroup");
        char options[128];
        if (!type || n_groups == GROUPS_MAX)
            continue;
        bool v2 = type[9] == '2';
        if (sscanf(line, "%*s %*s %*s %*s %95s", g->mount) != 1)
            continue;
        g->name[0] = 0;
        if (!v2 && sscanf(type, " - cgroup cgroup rw,%127s", options) == 1)
            snprintf(g->name, sizeof g->name, "%.47s", options);
        g->dir = -1;
        n_groups++;
    }
}

static void put(int dir, const char *file, const char *text)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        dprintf(2, "floor: %s '%s': %s\n", file, text, strerror(errno));
        _exit(2);
    }
    close(fd);
}

/* A new v1 cpuset takes no process before it has what its parent has. */
static void inherit(int dir, const char *file)
{
    char text[256], from[64];
    snprintf(from, sizeof from, "../%s", file);
    int fd = openat(dir, from, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    put(dir, file, text);
}

static const char *group_path(const struct hierarchy *g, const char *path)
{
    static char text[512];
    CHECK(snprintf(text, sizeof text, "%s%s", g->mount, path) < (int)sizeof text ? 0 : -1);
    return text;
}

/* The directories, and the limits of the bench's bundle. */
static void make_groups(const char *path)
{
    static const char *const devices[] = {"c *:* m",   "b *:* m",   "c 1:3 rwm",  "c 1:5 rwm",
                                          "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  "c 5:0 rwm",
                                          "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"};
    for (int i = 0; i < n_groups; i++) {
        struct hierarchy *g = &groups[i];
        const char *dir = group_path(g, path);
        CHECK(mkdir(dir, 0755));
        CHECK(g->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!strcmp(g->name, "memory")) {
            put(g->dir, "memory.limit_in_bytes", "268435456");
        } else if (!strncmp(g->name, "cpu", 3) && g->name[3] != 's' && strcmp(g->name, "cpuacct")) {
            put(g->dir, "cpu.shares", "512");
            put(g->dir, "cpu.cfs_period_us", "100000");
            put(g->dir, "cpu.cfs_quota_us", "100000");
        } else if (!strcmp(g->name, "pids")) {
            put(g->dir, "pids.max", "128");
        } else if (!strcmp(g->name, "cpuset")) {
            inherit(g->dir, "cpuset.cpus");
            inherit(g->dir, "cpuset.mems");
        } else if (!strcmp(g->name, "devices")) {
            put(g->dir, "devices.deny", "a");
            for (size_t k = 0; k < sizeof devices / sizeof *devices; k++)
                put(g->dir, "devices.allow", devices[k]);
        }
    }
}

static void open_groups(const char *path)
{
    for (int i = 0; i < n_groups; i++)
        CHECK(groups[i].dir = open(group_path(&groups[i], path), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static void remove_groups(const char *path)
{
    for (int i = 0; i < n_groups; i++)
        CHECK(rmdir(group_path(&groups[i], path)));
}

/* This thread into the v1 groups. Through `tasks`, which takes no lock that waits for RCU. */
static void join_groups(void)
{
    for (int i = 0; i < n_groups; i++)
        if (groups[i].name[0])
            put(groups[i].dir, "tasks", "0");
}

static pid_t clone_in(uint64_t flags)
{
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    for (int i = 0; i < n_groups; i++)
        if (!groups[i].name[0]) {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = (uint64_t)groups[i].dir;
        }
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void mask_directory(const char *path)
{
    if (mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=0,nr_inodes=2,mode=755") < 0 &&
        errno != ENOENT)
        CHECK(-1);
}

static void mask_file(const char *path)
{
    if (mount("/dev/null", path, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
        CHECK(-1);
}

static void make_readonly(const char *path)
{
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0)
        CHECK(mount(NULL, path, NULL,
                    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    else if (errno != ENOENT)
        CHECK(-1);
}

static void make_devices(void)
{
    static const struct {
        const char *path;
        unsigned major, minor;
    } devices[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                   {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"},
                                           {"pts/ptmx", "dev/ptmx"}};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        CHECK(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        CHECK(symlink(links[i][0], links[i][1]));
}

/* The container's tree, with the root as current directory. */
static void make_mounts(const char *rootfs)
{
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    CHECK(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL));
    CHECK(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
    CHECK(chdir(rootfs));
    CHECK(mount("proc", "proc", "proc", plain, NULL));
    CHECK(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    CHECK(mkdir("dev/pts", 0755));
    CHECK(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                "newinstance,ptmxmode=0666,mode=0620"));
    CHECK(mkdir("dev/shm", 0755));
    CHECK(mount("shm", "dev/shm", "tmpfs", plain, "mode=1777,size=65536k"));
    CHECK(mkdir("dev/mqueue", 0755));
    CHECK(mount("mqueue", "dev/mqueue", "mqueue", plain, NULL));
    CHECK(mount("sysfs", "sys", "sysfs", plain | MS_RDONLY, NULL));
    CHECK(mount("tmpfs", "sys/fs/cgroup", "tmpfs", plain, "mode=755,size=64k"));
    for (int i = 0; i < n_groups; i++) {
        char at[128];
        const struct hierarchy *g = &groups[i];
        const char *name = !*g->name                       ? "unified"
                           : !strncmp(g->name, "name=", 5) ? g->name + 5
                                                           : g->name;
        char options[64];
        snprintf(at, sizeof at, "sys/fs/cgroup/%s", name);
        snprintf(options, sizeof options, "%s%s", name == g->name + 5 ? "none," : "", g->name);
        CHECK(mkdir(at, 0755));
        CHECK(mount("cgroup", at, *g->name ? "cgroup" : "cgroup2", plain | MS_RDONLY,
                    *g->name ? options : NULL));
    }
    CHECK(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | plain, NULL));
}

static void hide_paths(void)
{
    static const char *const files[] = {"proc/kcore",      "proc/keys",        "proc/latency_stats",
                                        "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
                                        "proc/interrupts"};
    static const char *const dirs[] = {"proc/acpi", "proc/asound", "proc/scsi", "sys/firmware",
                                       "sys/devices/virtual/powercap"};
    static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                           "proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        mask_file(files[i]);
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        mask_directory(dirs[i]);
    for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++)
        make_readonly(readonly[i]);
}

static struct sock_fprog program;

/* The filter as gemel-runtime keeps it: 4 bytes of flags, then the instructions. */
static void read_filter(const char *path)
{
    static char data[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, data, sizeof data);
    CHECK(n > 4 ? 0 : -1);
    close(fd);
    program.filter = (struct sock_filter *)(void *)(data + 4);
    program.len = (unsigned short)((size_t)(n - 4) / sizeof *program.filter);
}

/* Limits, capabilities, filter, program: as the bundle's process has them. */
static void execute(char **argv)
{
    static const int kept[] = {CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE};
    static const char *const env[] = {"PATH=/bin", "TERM=xterm", NULL};
    struct rlimit files = {1024, 1024};
    uint32_t mask = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &files));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        mask |= 1u << kept[i];
    for (int cap = 0; cap <= CAP_CHECKPOINT_RESTORE; cap++)
        if (cap >= 32 || !(mask >> cap & 1))
            CHECK(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{mask, mask, 0}, {0, 0, 0}};
    CHECK(syscall(SYS_capset, &header, data));
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    execve(argv[0], argv, (char **)(uintptr_t)env);
    CHECK(-1);
}

/* Makes the container; its first process waits on `fifo` when there is one. */
static pid_t make(char **argv, const char *fifo, char **command)
{
    int gate = fifo ? open(fifo, O_RDWR | O_CLOEXEC) : -1;
    find_groups();
    read_filter(argv[1]);
    make_groups(argv[2]);
    pid_t pid = clone_in(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET);
    CHECK(pid);
    if (pid > 0)
        return pid;
    setsid();
    join_groups();
    CHECK(unshare(CLONE_NEWCGROUP));
    make_mounts(argv[0]);
    make_devices();
    hide_paths();
    CHECK(sethostname("gemel", 5));
    CHECK(syscall(SYS_pivot_root, ".", "."));
    CHECK(umount2(".", MNT_DETACH));
    CHECK(chdir("/"));
    CHECK(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    char c;
    if (gate >= 0)
        CHECK(read(gate, &c, 1));
    execute(command);
    return -1;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int command_exec(char **argv)
{
    char text[16] = "";
    int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
    CHECK(read(fd, text, sizeof text - 1));
    close(fd);
    int pidfd = pidfd_open(atoi(text), 0);
    find_groups();
    read_filter(argv[1]);
    open_groups(argv[2]);
    CHECK(setns(pidfd, CLONE_NEWPID));
    pid_t pid = clone_in(0);
    CHECK(pid);
    if (pid > 0)
        return wait_for(pid);
    setsid();
    join_groups();
    CHECK(setns(pidfd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP));
    execute(argv + 3);
    return 2;
}

static int command_create(char **argv)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", (int)make(argv, argv[3], argv + 5));
    int fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : 2;
}

int main(int argc, char **argv)
{
    const char *word = argc > 2 ? argv[1] : "";
    if (argc > 5 && !strcmp(word, "run")) {
        int status = wait_for(make(argv + 2, NULL, argv + 5));
        remove_groups(argv[4]);
        return status;
    }
    if (argc > 7 && !strcmp(word, "create"))
        return command_create(argv + 2);
    if (argc == 3 && !strcmp(word, "start")) {
        int fd = open(argv[2], O_WRONLY | O_CLOEXEC | O_NONBLOCK);
        return fd >= 0 && write(fd, "g", 1) == 1 ? 0 : 2;
    }
    if (argc == 3 && !strcmp(word, "delete")) {
        find_groups();
        remove_groups(argv[2]);
        return 0;
    }
    if (argc > 5 && !strcmp(word, "exec"))
        return command_exec(argv + 2);
    dprintf(2, "floor: see the head of bench/floor.c\n");
    return 2;
}
