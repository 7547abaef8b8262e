/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stream.h - consoles (attach.c), exec (exec.c), attach (follow.c): what they share.
 *
 * A stream has a socketpair: the caller's end is base.fd, `socket` is ours. The pump copies between
 * it and the container's side without blocking on either, on the stream's own thread; only resize
 * may be called meanwhile from another.
 */
#pragma once

#include "backends/native/native.h"

typedef struct NativeStream NativeStream;

typedef struct {
    int (*pump)(NativeStream *stream, GError **error);
    void (*resize)(NativeStream *stream, guint rows, guint cols);
    void (*close)(NativeStream *stream); /* its own descriptors and memory */
} NativeStreamClass;

struct NativeStream {
    GemelStream base;
    const NativeStreamClass *class;
    char *name; /* the container's, for messages */
    int socket;
};

/* One direction: bytes that were read and wait to be written. */
typedef struct {
    char data[32 * 1024];
    gsize start, length;
    gboolean ended; /* nothing more will be read */
} NativeFlow;

/* Reads what fits; sets `ended` at the end and on errors. */
void native_flow_fill(NativeFlow *flow, int fd);
/* Writes what goes; FALSE when the other side is gone. Sockets are written without SIGPIPE, and the
   pump's thread has that signal blocked for pipes. */
gboolean native_flow_drain(NativeFlow *flow, int fd);
static inline gboolean native_flow_has_room(const NativeFlow *flow)
{
    return flow->length == 0 && !flow->ended;
}

/* Makes the socketpair; ours does not block. */
gboolean native_stream_pair(NativeStream *stream, GError **error);
gboolean native_fd_unblock(int fd);
void native_fd_close(int *fd);

NativeStream *native_exec_open(NativeConn *conn, const NativeContainer *container,
                               const NativeRun *run, const GemelStreamArgs *args, GError **error);
/* A connection to conmon's attach socket in the container's directory; -1 with errno. */
int native_attach_connect(const char *dir);
/* The FIFO that takes the terminal's sizes; -1 = none. */
int native_attach_control(const char *dir);
void native_attach_resize(int control, guint rows, guint cols);
NativeStream *native_follow_open(NativeConn *conn, const NativeContainer *container,
                                 const NativeRun *run, const GemelStreamArgs *args, GError **error);
NativeStream *native_attach_open(NativeConn *conn, const NativeContainer *container,
                                 const NativeRun *run, const GemelStreamArgs *args, GError **error);
