/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What keeps the terminal usable whatever happens: its modes as they were, one prepared string that
 * ends everything a screen turned on, a handler for fatal signals that uses both and calls no
 * curses, and standard error kept out of the picture. For screen.c only.
 */
#pragma once

#include <stddef.h>

/* What a fatal signal restores. */
typedef enum {
    RESCUE_NOTHING,
    RESCUE_MODES, /* somebody else has the terminal: only its modes */
    RESCUE_ALL
} RescueLevel;

void rescue_save_modes(void);

/* RESCUE_ALL reads the terminal's description, so curses must have been started. */
void rescue_arm(RescueLevel level);

/* Gives the terminal back now. / Only its modes: the picture stays. */
void rescue_restore(void);
void rescue_restore_modes(void);

/* Writes everything, without stdio. Async-signal-safe. */
void rescue_write(int fd, const char *bytes, size_t n);

/* Keeps what is written on standard error in memory, if it would go to the terminal / prints it
 * and goes on as before / cuts it when it has grown too long. */
void rescue_hold_stderr(void);
void rescue_release_stderr(void);
void rescue_limit_stderr(void);
