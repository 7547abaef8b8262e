/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include <glib.h>

#include "widgets/curses-private.h"

#define SYNC_END   "\033[?2026l"
#define PASTE_OFF  "\033[?2004l"
#define MOUSE_OFF  "\033[?1000l\033[?1002l\033[?1003l\033[?1006l"
#define STDERR_MAX 65536

/* What the fatal-signal handler needs, complete before the terminal is taken. */
static struct {
    volatile sig_atomic_t armed; /* a RescueLevel */
    struct termios saved;
    gboolean has_saved;
    char bytes[512];
    size_t length;
} restore;

/* Standard error while it is held back; -1: it is where it was. */
static struct {
    int saved, fd;
} held = {-1, -1};

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

/* Writes without stdio, retrying what is retryable. Async-signal-safe. */
void rescue_write(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        bytes += done;
        n -= (size_t)done;
    }
}

/* A crash: the terminal first, then the signal's own way. Only async-signal-safe calls. */
static void on_fatal_signal(int signum)
{
    int what = restore.armed;
    restore.armed = RESCUE_NOTHING;
    if (what == RESCUE_ALL)
        rescue_write(STDOUT_FILENO, restore.bytes, restore.length);
    if (what != RESCUE_NOTHING) {
        if (restore.has_saved)
            tcsetattr(STDIN_FILENO, TCSANOW, &restore.saved);
        if (held.saved >= 0)
            dup2(held.saved, STDERR_FILENO);
    }
    signal(signum, SIG_DFL);
    raise(signum);
}

/* Adds a capability to the restore string; padding is left out, as on every modern terminal. */
static void add_restore(const char *capability)
{
    if (capability == NULL || capability == (char *)-1)
        return;
    for (const char *s = capability; *s != '\0' && restore.length + 1 < sizeof restore.bytes;) {
        const char *close;
        if (s[0] == '$' && s[1] == '<' && (close = strchr(s, '>')) != NULL) {
            s = close + 1;
            continue;
        }
        restore.bytes[restore.length++] = *s++;
    }
}

/* Puts the restore string together from the terminal's own description. */
static void prepare_string(void)
{
    restore.length = 0;
    add_restore(SYNC_END MOUSE_OFF PASTE_OFF);
    add_restore(tigetstr("sgr0"));
    add_restore(tigetstr("cnorm"));
    add_restore(tigetstr("rmkx"));
    add_restore(tigetstr("rmcup"));
}

/* Installs the handler on a stack of its own, so that a stack overflow is survived too. Handlers
 * that are there already (a sanitizer's, a test's) stay. */
static void install_handlers(void)
{
    static char stack[16384];
    static gboolean done;
    if (done)
        return;
    done = TRUE;
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0)
        sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = on_fatal_signal,
                               .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (guint i = 0; i < G_N_ELEMENTS(fatal_signals); i++) {
        struct sigaction before;
        if (sigaction(fatal_signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(fatal_signals[i], &action, NULL);
    }
}

/* Remembers how the terminal was: once, before anybody changed it. */
void rescue_save_modes(void)
{
    if (!restore.has_saved)
        restore.has_saved = tcgetattr(STDIN_FILENO, &restore.saved) == 0;
}

/* Puts the string together, and lets the handler use as much as `level` says. */
void rescue_arm(RescueLevel level)
{
    if (level == RESCUE_ALL) {
        prepare_string();
        install_handlers();
    }
    restore.armed = level;
}

void rescue_restore_modes(void)
{
    if (restore.has_saved)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &restore.saved);
}

/* What the handler would do, in an orderly way. */
void rescue_restore(void)
{
    rescue_write(STDOUT_FILENO, restore.bytes, restore.length);
    rescue_restore_modes();
}

/* What libraries print on standard error would stand across the picture: while the screen is ours
 * it is held in memory, if it would go to the terminal. */
void rescue_hold_stderr(void)
{
    if (held.saved >= 0 || !isatty(STDERR_FILENO))
        return;
    held.fd = memfd_create("stderr", MFD_CLOEXEC);
    if (held.fd < 0)
        return;
    /* appending, so that it can be cut while others hold it */
    fcntl(held.fd, F_SETFL, O_APPEND);
    held.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (held.saved >= 0)
        dup2(held.fd, STDERR_FILENO);
}

/* Prints what was held, once the terminal is as before. */
void rescue_release_stderr(void)
{
    char bytes[4096];
    ssize_t n;
    if (held.saved < 0)
        return;
    fflush(stderr);
    dup2(held.saved, STDERR_FILENO);
    close(held.saved);
    held.saved = -1;
    lseek(held.fd, 0, SEEK_SET);
    while ((n = read(held.fd, bytes, sizeof bytes)) > 0)
        rescue_write(STDERR_FILENO, bytes, (size_t)n);
    close(held.fd);
    held.fd = -1;
}

/* A library that complains without end does not fill the memory. */
void rescue_limit_stderr(void)
{
    struct stat now;
    if (held.fd >= 0 && fstat(held.fd, &now) == 0 && now.st_size > STDERR_MAX &&
        ftruncate(held.fd, 0) != 0)
        g_debug("standard error: %s", g_strerror(errno));
}
