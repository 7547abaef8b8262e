/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nofile.h - the soft limit of descriptors (RLIMIT_NOFILE): raised for gemel itself, given back to
 * every program that it starts, many of which count on the usual one (select(2) in a program of
 * others ends at 1,024).
 */
#pragma once

/* For main, before the first thread: remembers the soft limit and raises it to the hard one. */
void gemel_nofile_raise(void);
/* In a child before it executes a program: the limit gemel was started with. Async-signal-safe, and
   right in a child that shares our memory. */
void gemel_nofile_give_back(void);
