/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What attacks need and busybox has not: one static program, linked once per test run and put into
 * the image. Each word prints "NAME DONE" or "NAME errno-text".
 *
 *   attacker calls                 dangerous system calls, one line each
 *   attacker tiocsti               put a key into the terminal at 0
 *   attacker keyring               describe the session keyring
 *   attacker with-keyring NAME ... join a new session keyring and execute the rest (on the host)
 *   attacker escape PATH           leave a chroot and print PATH
 *   attacker setns PATH            join a namespace, print the host name
 *   attacker ptrace PID            attach and let go
 *   attacker open PATH             open for reading
 *   attacker forks N               fork N sleepers, print how many were made, end them
 *   attacker hog MEGABYTES         touch so much memory
 *   attacker hello                 say so
 *   attacker accept FD TEXT        send TEXT to the next connection of a listening descriptor
 *   attacker notify TEXT...        send datagrams to $NOTIFY_SOCKET
 *   attacker notify-fd TEXT...     with descriptor 0 beside each
 *   attacker notify-flood TEXT     as many as are taken
 *   attacker unseal                make the mount of every runtime's /proc/PID/exe writable again
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *name, long rc)
{
    printf("%s %s\n", name, rc < 0 ? strerror(errno) : "DONE");
    fflush(stdout);
}

static void calls(void)
{
    tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    tell("bpf", syscall(SYS_bpf, 0, 0, 0));
    tell("tiocsti", ioctl(0, TIOCSTI, "x"));
    tell("tiocsti-high", syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, "x"));
    tell("alg", socket(38, 5, 0));
    tell("alg-high", syscall(SYS_socket, 0x100000026UL, 5UL, 0UL));
    tell("vsock", socket(40, 1, 0));
    tell("unix", socket(1, 1, 0));
    pid_t pid = (pid_t)syscall(SYS_clone, 0x10000000UL | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    tell("clone-newuser", pid);
    tell("clone3", syscall(SYS_clone3, 0, 0));
    tell("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, 0, 0));
    tell("unknown", syscall(4000));
}

static void keyring(void)
{
    char text[200] = "";
    long id = syscall(SYS_keyctl, 0, -3, 0);
    if (syscall(SYS_keyctl, 6, id, text, sizeof text) >= 0)
        puts(text);
}

static void escape(const char *path)
{
    char text[200] = "";
    int old = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/trap", 0755);
    if (chroot("/tmp/trap") < 0 || fchdir(old) < 0)
        return tell("escape", -1);
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            break;
    int fd = chroot(".") < 0 ? -1 : open(path, O_RDONLY);
    tell("escape", fd);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        puts(text);
}

static void forks(int want)
{
    int made = 0;
    pid_t *pids = calloc((size_t)want, sizeof *pids);
    for (int i = 0; i < want; i++) {
        pids[made] = fork();
        if (pids[made] == 0) {
            pause();
            _exit(0);
        }
        made += pids[made] > 0;
    }
    printf("forks %d\n", made);
    for (int i = 0; i < made; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    free(pids);
}

static void hog(size_t megabytes)
{
    for (size_t i = 0; i < megabytes; i++) {
        char *page =
            mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return tell("hog", -1);
        for (size_t at = 0; at < 1 << 20; at += 4096)
            ((volatile char *)page)[at] = 1;
    }
    tell("hog", 0);
}

/* Everything whose executable is not busybox or this program is taken for a runtime. */
static void unseal(void)
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    while (proc && (entry = readdir(proc))) {
        char path[300], exe[300] = "";
        struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
        snprintf(path, sizeof path, "/proc/%.20s/exe", entry->d_name);
        if (readlink(path, exe, sizeof exe - 1) <= 0 || strstr(exe, "busybox") ||
            strstr(exe, "attacker"))
            continue;
        int fd = open(path, O_PATH);
        tell("unseal", mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr));
    }
}

/* One connection on a listening descriptor that was passed; `text` is sent to it. */
static int accept_one(int fd, const char *text)
{
    int peer = accept(fd, NULL, NULL);
    return peer >= 0 && write(peer, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 1;
}

/* Datagrams to $NOTIFY_SOCKET as sd_notify(3) sends them, with descriptor `fd` beside each (-1:
 * none). */
static int notify(char **texts, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int sock = socket(AF_UNIX, SOCK_DGRAM, 0), failed = 0;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "");
    for (; *texts; texts++) {
        union {
            char data[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {{0}};
        struct iovec part = {*texts, strlen(*texts)};
        struct msghdr message = {
            .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
        if (fd >= 0) {
            message.msg_control = control.data;
            message.msg_controllen = sizeof control.data;
            struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
            cmsg->cmsg_level = SOL_SOCKET;
            cmsg->cmsg_type = SCM_RIGHTS;
            cmsg->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
        }
        long rc = sendmsg(sock, &message, MSG_NOSIGNAL);
        tell("notify", rc);
        failed |= rc < 0;
    }
    close(sock);
    return failed;
}

/* The same as often as it is taken. */
static void notify_flood(char *text)
{
    char *texts[] = {text, NULL};
    if (!freopen("/dev/null", "w", stdout))
        return;
    while (notify(texts, -1) == 0)
        ;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";
    char name[200];
    if (!strcmp(word, "calls")) {
        calls();
    } else if (!strcmp(word, "tiocsti")) {
        tell("tiocsti", ioctl(0, TIOCSTI, "x"));
    } else if (!strcmp(word, "keyring")) {
        keyring();
    } else if (!strcmp(word, "with-keyring") && argc > 3) {
        if (syscall(SYS_keyctl, 1, arg) < 0)
            return 1;
        execv(argv[3], argv + 3);
        return 1;
    } else if (!strcmp(word, "escape")) {
        escape(arg);
    } else if (!strcmp(word, "setns")) {
        int fd = open(arg, O_RDONLY);
        tell("setns", fd < 0 ? -1 : setns(fd, 0));
        gethostname(name, sizeof name);
        printf("host %s\n", name);
    } else if (!strcmp(word, "ptrace")) {
        pid_t pid = atoi(arg);
        long rc = ptrace(PTRACE_SEIZE, pid, 0, 0);
        tell("ptrace", rc);
    } else if (!strcmp(word, "open")) {
        tell("open", open(arg, O_RDONLY | O_NONBLOCK));
    } else if (!strcmp(word, "forks")) {
        forks(atoi(arg));
    } else if (!strcmp(word, "hog")) {
        hog((size_t)atoi(arg));
    } else if (!strcmp(word, "hello")) {
        puts("RAN FROM THE HOST");
    } else if (!strcmp(word, "accept") && argc > 3) {
        return accept_one(atoi(arg), argv[3]);
    } else if (!strcmp(word, "notify")) {
        return notify(argv + 2, -1);
    } else if (!strcmp(word, "notify-fd")) {
        return notify(argv + 2, 0);
    } else if (!strcmp(word, "notify-flood") && argc > 2) {
        notify_flood(argv[2]);
    } else if (!strcmp(word, "unseal")) {
        unseal();
    } else {
        return 2;
    }
    return 0;
}
