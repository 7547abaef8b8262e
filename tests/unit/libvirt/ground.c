/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/libvirt/ground.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_BYTES 1048576

static pid_t tag;
static pid_t libvirtd, virtlogd;

char *ground_obstacle(void)
{
    static const char *const programs[] = {"libvirtd", "virtlogd", "qemu-system-x86_64",
                                           "qemu-img"};

    if (geteuid() != 0)
        return g_strdup("needs root for a private libvirtd");
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *path = g_find_program_in_path(programs[i]);
        g_autofree char *sbin = g_strconcat("/usr/sbin/", programs[i], NULL);

        if (path == NULL && access(sbin, X_OK) != 0)
            return g_strdup_printf("%s is not installed", programs[i]);
    }
    return NULL;
}

static void must(int status, const char *what)
{
    if (status < 0)
        g_error("%s: %s", what, g_strerror(errno));
}

static void write_file(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents(path, text, -1, &error))
        g_error("%s", error->message);
}

/* Empty directories over those compiled into libvirtd, and a configuration of our own: QEMU as
   root, so that it may use /dev/kvm whatever its mode is. */
static void make_places(void)
{
    static const char *const places[] = {
        "/run", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/etc/libvirt",
        "/tmp"};

    must(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), "mount --make-rprivate /");
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_file_test(places[i], G_FILE_TEST_IS_DIR))
            must(mount("tmpfs", places[i], "tmpfs", 0, "mode=755"), places[i]);
    }
    must(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
    /* Consoles are locked below it. */
    g_mkdir_with_parents("/run/lock", 0755);
    write_file("/etc/libvirt/qemu.conf", "user = \"root\"\ngroup = \"root\"\n"
                                         "security_driver = \"none\"\n");
    write_file("/etc/libvirt/libvirtd.conf", "unix_sock_rw_perms = \"0700\"\nauth_unix_rw = "
                                             "\"none\"\nauth_unix_ro = \"none\"\n");
}

/* The first process of the pid namespace: runs the test in a child and reaps whatever is orphaned,
   QEMUs above all, which libvirt takes for alive while they are zombies. */
static int supervise(int argc, char **argv, int (*inside)(int argc, char **argv))
{
    pid_t test;

    make_places();
    test = fork();
    must(test, "fork");
    if (test == 0)
        exit(inside(argc, argv));
    for (;;) {
        int status;
        pid_t ended = waitpid(-1, &status, 0);

        if (ended < 0 && errno == EINTR)
            continue;
        if (ended < 0)
            return 1;
        if (ended == test)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

/* Removes a group with all below it. */
static void remove_group(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, entry->d_name, NULL);

        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            remove_group(child);
    }
    closedir(dir);
    for (int i = 0; i < 100 && rmdir(path) < 0 && errno == EBUSY; i++)
        g_usleep(20000);
}

/* Removes the groups of this run's guests: PARENT/qemu-N-tPID-*. */
static void sweep_groups(const char *parent)
{
    g_autofree char *ours = g_strdup_printf("-t%d-", (int)tag);
    DIR *dir = opendir(parent);
    const struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        g_autofree char *path = g_build_filename(parent, entry->d_name, NULL);

        if (strstr(entry->d_name, ours) != NULL)
            remove_group(path);
    }
    closedir(dir);
}

static void sweep_all_groups(void)
{
    DIR *dir = opendir("/sys/fs/cgroup");
    const struct dirent *entry;

    sweep_groups("/sys/fs/cgroup/machine.slice");
    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        static const char *const parents[] = {"machine", "machine.slice"};

        for (gsize i = 0; entry->d_name[0] != '.' && i < G_N_ELEMENTS(parents); i++) {
            g_autofree char *path =
                g_build_filename("/sys/fs/cgroup", entry->d_name, parents[i], NULL);

            sweep_groups(path);
        }
    }
    closedir(dir);
}

int ground_run(int argc, char **argv, int (*inside)(int argc, char **argv))
{
    pid_t child;
    int status = 0;

    tag = getpid();
    must(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET), "unshare");
    child = fork();
    must(child, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(supervise(argc, argv, inside));
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    sweep_all_groups();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t spawn(const char *program)
{
    g_autofree char *log = g_strdup_printf("%s/%s.log", ground_dir(), program);
    pid_t pid = fork();

    must(pid, "fork");
    if (pid == 0) {
        g_autofree char *path = g_strconcat("/usr/sbin/", program, NULL);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        dup2(open("/dev/null", O_RDWR), 0);
        dup2(fd, 1);
        dup2(fd, 2);
        for (int other = 3; other < 1024; other++)
            close(other);
        execl(path, program, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Whether somebody listens at a socket of libvirt. */
static gboolean answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean connected;

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

void ground_start_daemon(void)
{
    if (virtlogd == 0) {
        virtlogd = spawn("virtlogd");
        ground_until(answers("/run/libvirt/virtlogd-sock"), 20000);
    }
    libvirtd = spawn("libvirtd");
    ground_until(answers("/run/libvirt/libvirt-sock"), 20000);
}

void ground_stop_daemon(int sig)
{
    if (libvirtd == 0)
        return;
    kill(libvirtd, sig);
    kill(libvirtd, SIGCONT);
    while (waitpid(libvirtd, NULL, 0) < 0 && errno == EINTR)
        continue;
    libvirtd = 0;
}

pid_t ground_daemon_pid(void)
{
    return libvirtd;
}

const char *ground_name(const char *word)
{
    g_autofree char *name = g_strdup_printf("t%d-%s", (int)tag, word);

    return g_intern_string(name);
}

const char *ground_dir(void)
{
    return "/tmp";
}

/*
 *     xorw %ax,%ax; movw %ax,%ds
 *     movw $0x602,%dx; movw $0x100,%ax; outw %ax,%dx      # PM1 enable: power button
 *     movw $0x7c00+msg,%si
 *  1: lodsb; testb %al,%al; jz main
 *     movw $0x3f8,%dx; outb %al,%dx; jmp 1b               # say it on COM1
 *  main: sti; hlt; movw $1,%cx                            # the timer wakes it 18 times a second
 *  2: movw $0x600,%dx; inw %dx,%ax; testb $1,%ah; jnz off # PM1 status: power button
 *     movw $0x3fd,%dx; inb %dx,%al; testb $1,%al; jnz echo
 *     loop 2b; jmp main
 *  echo: movw $0x3f8,%dx; inb %dx,%al; outb %al,%dx
 *     xorw %cx,%cx; jmp 2b                                # look for more before sleeping again
 *  off: movw $0x604,%dx; movw $0x2000,%ax; outw %ax,%dx; jmp main
 *  msg: .asciz "gemel test guest\r\n"
 */
static const guint8 boot_code[] =
    "\x31\xc0\x8e\xd8\xba\x02\x06\xb8\x00\x01\xef\xbe\x45\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee"
    "\xeb\xf5\xfb\xf4\xb9\x01\x00\xba\x00\x06\xed\xf6\xc4\x01\x75\x15\xba\xfd\x03\xec\xa8\x01\x75"
    "\x04\xe2\xed\xeb\xe6\xba\xf8\x03\xec\xee\x31\xc9\xeb\xe2\xba\x04\x06\xb8\x00\x20\xef\xeb\xd4"
    "gemel test guest\r\n";

/* A disk of 1 MiB that boots the code above. */
static void make_disk(const char *path, const char *format)
{
    g_autofree char *raw = g_strconcat(path, ".tmp", NULL), *command = NULL;
    static char image[DISK_BYTES];
    int status;

    memcpy(image, boot_code, sizeof boot_code);
    image[510] = 0x55;
    image[511] = (char)0xaa;
    if (!g_file_set_contents(raw, image, DISK_BYTES, NULL))
        g_error("cannot write %s", raw);
    command = g_strdup_printf("qemu-img convert -O %s %s %s", format, raw, path);
    if (!g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) || status != 0)
        g_error("%s failed", command);
    unlink(raw);
}

char *ground_guest_xml(const char *word, const GroundGuest *guest)
{
    const char *name = ground_name(word);
    const char *format = guest->format != NULL ? guest->format : "qcow2";
    g_autofree char *path = g_strdup_printf("%s/%s.%s", ground_dir(), name, format);
    g_autofree char *disk = NULL;

    if (!g_str_equal(format, "none")) {
        make_disk(path, format);
        disk = g_strdup_printf("<disk type='file' device='disk'><driver name='qemu' type='%s'/>"
                               "<source file='%s'/><target dev='vda' bus='virtio'/></disk>",
                               format, path);
    }
    return g_strdup_printf(
        "<domain type='%s'><name>%s</name><memory unit='MiB'>32</memory><vcpu>2</vcpu>%s"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
        "<devices>%s%s%s<controller type='usb' model='none'/><memballoon model='virtio'/></devices>"
        "</domain>",
        guest->type != NULL ? guest->type : "qemu", name, guest->head != NULL ? guest->head : "",
        disk != NULL ? disk : "",
        guest->no_console ? "" : "<serial type='pty'/><console type='pty'/>",
        guest->extra != NULL ? guest->extra : "");
}

pid_t ground_qemu_pid(const char *word)
{
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.pid", ground_name(word));
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? (pid_t)atoi(text) : 0;
}
