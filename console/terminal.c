/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ROOM_MS 100 /* a terminal without room is asked again */

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGQUIT};
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

static struct {
    gboolean known;
    struct termios modes;
    const char *volatile undo;
    gboolean guards; /* terminal_remember was called */
    gboolean is_tty[3];
    sigset_t mask; /* before terminal_begin_write */
} terminal;

void terminal_keep_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        /* The wrong way round, so that using it fails as using a closed one does. */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
    }
}

void terminal_restore(void)
{
    const char *undo = terminal.undo;

    /* In the background the terminal is somebody else's. */
    if (!terminal.known || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    if (undo != NULL && write(STDOUT_FILENO, undo, strlen(undo)) < 0) {
        /* it shows nothing any more; its modes are restored all the same */
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal.modes);
}

void terminal_set_undo(const char *sequence)
{
    terminal.undo = sequence;
}

void terminal_exit(int status)
{
    terminal_restore();
    _exit(status);
}

static void on_ending_signal(int signal)
{
    terminal_restore();
    _exit(128 + signal);
}

/* SA_RESETHAND: raised again it has its default effect. */
static void on_fatal_signal(int signal)
{
    terminal_restore();
    raise(signal);
}

/* Writes what the terminal takes, and asks again while it takes nothing. */
static ssize_t write_patiently(void *cookie, const char *bytes, size_t size)
{
    struct pollfd room = {.fd = GPOINTER_TO_INT(cookie), .events = POLLOUT};
    size_t done = 0;

    while (done < size) {
        ssize_t n = write(room.fd, bytes + done, size - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&room, 1, ROOM_MS);
        else if (errno != EINTR)
            return 0;
    }
    return (ssize_t)done;
}

/* A ^C empties the terminal's queue, and the kernel does not wake who waits for room in a pty's: a
   write that blocks would last until the next key. So on a terminal stdout is a stream that never
   blocks for long. */
static void replace_stdout(void)
{
    cookie_io_functions_t functions = {.write = write_patiently};
    int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    FILE *stream = fd >= 0 ? fopencookie(GINT_TO_POINTER(fd), "w", functions) : NULL;

    if (stream == NULL) {
        if (fd >= 0)
            close(fd); /* a terminal that is somebody else's: it blocks as it will */
        return;
    }
    fflush(stdout);
    setvbuf(stream, NULL, _IOLBF, BUFSIZ);
    stdout = stream;
}

void terminal_remember(void)
{
    struct sigaction fatal = {.sa_handler = on_fatal_signal,
                              .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    struct sigaction ending = {.sa_handler = on_ending_signal};

    terminal.guards = TRUE;
    for (int fd = 0; fd <= 2; fd++)
        terminal.is_tty[fd] = isatty(fd);
    if (terminal.is_tty[STDOUT_FILENO])
        replace_stdout();
    terminal.known = tcgetattr(STDIN_FILENO, &terminal.modes) == 0;
    for (gsize i = 0; i < G_N_ELEMENTS(ending_signals); i++)
        sigaction(ending_signals[i], &ending, NULL); /* blocked but in terminal_begin_write */
    for (gsize i = 0; i < G_N_ELEMENTS(fatal_signals); i++) {
        struct sigaction before;

        if (sigaction(fatal_signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(fatal_signals[i], &fatal, NULL);
    }
}

void terminal_stop(void)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL}, old;
    sigset_t stop, mask;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigaction(SIGTSTP, &by_default, &old);
    raise(SIGTSTP); /* pending: it is blocked */
    pthread_sigmask(SIG_UNBLOCK, &stop, &mask);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGTSTP, &old, NULL);
}

void terminal_begin_write(int fd)
{
    sigset_t through;

    if (!terminal.guards)
        return;
    sigemptyset(&through);
    sigaddset(&through, SIGTERM);
    sigaddset(&through, SIGHUP);
    if (!terminal.is_tty[fd]) {
        sigaddset(&through, SIGINT);
        sigaddset(&through, SIGTSTP);
    }
    pthread_sigmask(SIG_UNBLOCK, &through, &terminal.mask);
}

void terminal_end_write(void)
{
    if (terminal.guards)
        pthread_sigmask(SIG_SETMASK, &terminal.mask, NULL);
}
