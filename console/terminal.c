/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

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

void terminal_remember(void)
{
    struct sigaction fatal = {.sa_handler = on_fatal_signal,
                              .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    struct sigaction ending = {.sa_handler = on_ending_signal};

    terminal.guards = TRUE;
    for (int fd = 0; fd <= 2; fd++)
        terminal.is_tty[fd] = isatty(fd);
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
