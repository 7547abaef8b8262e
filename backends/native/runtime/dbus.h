/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * As much of the D-Bus wire protocol (D-Bus Specification 0.41) as calls to systemd need: a
 * connection over a Unix socket, method calls, their replies, one signal.
 *
 * It is spoken here rather than through libsystemd, because a static program cannot load a library
 * (docs/decisions/systemd-scopes.md). All is little endian; a peer that answers otherwise, too
 * long, or out of form is an error. Nothing here waits longer than DBUS_WAIT_MS for one answer.
 */
#pragma once

#include "util.h"

#define DBUS_WAIT_MS     15000
#define DBUS_MESSAGE_MAX (1u << 20)

/* Bytes under construction, as one value after the other with the alignment of their types. */
struct dbus_body {
    uint8_t *data;
    size_t len, size;
    const char *signature; /* of the whole */
};

void dbus_put_byte(struct dbus_body *body, uint8_t value);
void dbus_put_u32(struct dbus_body *body, uint32_t value);
void dbus_put_u64(struct dbus_body *body, uint64_t value);
void dbus_put_string(struct dbus_body *body, const char *text); /* also object paths */
void dbus_put_signature(struct dbus_body *body, const char *text);
void dbus_align(struct dbus_body *body, size_t n);
/* An array's length is known at its end; elements begin at their own alignment. */
size_t dbus_array_begin(struct dbus_body *body, size_t align);
void dbus_array_end(struct dbus_body *body, size_t begin, size_t align);

enum dbus_type { DBUS_CALL = 1, DBUS_REPLY = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

/* A message that came; strings point into its bytes, absent ones are "". */
struct dbus_message {
    enum dbus_type type;
    uint32_t reply_serial;
    const char *interface, *member, *error, *signature;
    const uint8_t *body;
    size_t body_len;
};

/* One whole message out of `len` bytes; false when they are none. `data` is changed in no way. */
bool dbus_parse(const uint8_t *data, size_t len, struct dbus_message *ret);

/* The n-th string or object path among the first arguments of a body whose signature has only
 * strings, object paths and uint32 before it; NULL when there is none. */
const char *dbus_string(const struct dbus_message *m, size_t n);

/* The bytes of a method call. */
uint8_t *dbus_encode_call(uint32_t serial, const char *destination, const char *path,
                          const char *interface, const char *member, const struct dbus_body *body,
                          size_t *ret_len);

struct dbus {
    int fd;
    bool bus; /* through a bus daemon; else the peer itself */
    uint32_t serial;
};

/* Connects to the socket `path` and authenticates as the caller (EXTERNAL); with `bus` also says
 * Hello. */
int dbus_connect(struct dbus *dbus, const char *path, bool bus, struct err *err);
void dbus_close(struct dbus *dbus);

/* Calls and waits for the reply. An error reply is -1 with its name in `*ret_error` (or NULL). What
 * else comes meanwhile goes to `on_signal`, where given. */
int dbus_call(struct dbus *dbus, const char *destination, const char *path, const char *interface,
              const char *member, const struct dbus_body *body, struct dbus_message *ret,
              const char **ret_error, struct err *err);

/* The next message, within the time. 0, or -1. */
int dbus_receive(struct dbus *dbus, int64_t deadline_ms, struct dbus_message *ret, struct err *err);
