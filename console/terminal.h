/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * terminal.h - the user's terminal as a one-shot command or the shell found it, and how a signal
 * ends or stops the program without leaving it raw. UI thread only.
 *
 * The console proper (widgets/screen.h) looks after its terminal itself and does not use this.
 */
#pragma once

#include <glib.h>

/* Makes sure that descriptors 0 to 2 are taken: one that the caller closed would be given to the
   next file opened, which then is read or written as a standard stream. */
void terminal_keep_standard_fds(void);

/* Remembers the terminal's modes and restores them if the program is ended by terminal_exit, by a
   fatal signal, or by one that interrupts a write. On a terminal stdout is another stream from here
   on, which a ^C never leaves waiting; once. */
void terminal_remember(void);
/* What undoes a mode of the terminal besides: printed on terminal_restore; NULL = nothing. Static.
 */
void terminal_set_undo(const char *sequence);
/* Async-signal-safe. */
void terminal_restore(void);
/* Restores it and leaves by _exit: the threads are left where they are. */
void terminal_exit(int status) G_GNUC_NORETURN;

/* Stops the program as SIGTSTP does by default; returns when it is continued. */
void terminal_stop(void);

/*
 * Around a write to standard output or error, which can block for as long as its reader likes. The
 * signals the loop reads by signalfd are let through meanwhile and end the program (SIGTSTP stops
 * it); on a terminal all but ^C, which the loop gets as the terminal goes on by itself then.
 */
void terminal_begin_write(int fd);
void terminal_end_write(void);
