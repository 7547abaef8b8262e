/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proc.h - one process or thread as /proc has it, for the backends whose instances run on this
 * host.
 *
 * Formats: proc(5), Documentation/filesystems/proc.rst. What cannot be read (gone meanwhile, not
 * ours to trace, a kernel without the file) stays unset. Only files that do not take the process's
 * memory map lock are read, so a process stuck in it does not hold the reader up.
 *
 * Thread: any worker.
 */
#pragma once

#include "backends/backend.h"

/* What a row is made from. A container's are whole processes, a guest's the threads of its QEMU. */
typedef enum { GEMEL_PROC_PROCESS, GEMEL_PROC_THREAD } GemelProcKind;

/* Appends the process of `dir` ("/proc/12", "/proc/12/task/13"); FALSE when it is gone. */
gboolean gemel_proc_read(const char *dir, gint pid, GemelProcKind kind, GemelProcesses *processes);

/* The pieces, for tests: each takes the text of one file, NUL-terminated, and leaves what it does
   not find. FALSE from _stat when it is no such file; nothing is set then. */
gboolean gemel_proc_parse_stat(const char *text, GemelProcKind kind, GemelProcess *process);
void gemel_proc_parse_schedstat(const char *text, GemelProcKind kind, GemelProcess *process);
void gemel_proc_parse_io(const char *text, GemelProcess *process);
void gemel_proc_parse_status(const char *text, GemelProcKind kind, GemelProcess *process);
