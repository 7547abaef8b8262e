/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dbus.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Header fields (D-Bus Specification, "Header Fields"). */
enum {
    FIELD_PATH = 1,
    FIELD_INTERFACE,
    FIELD_MEMBER,
    FIELD_ERROR,
    FIELD_REPLY_SERIAL,
    FIELD_DESTINATION,
    FIELD_SENDER,
    FIELD_SIGNATURE
};

static void put(struct dbus_body *body, const void *data, size_t n)
{
    if (body->len + n > body->size) {
        size_t size = (body->size + n) * 2 + 256;
        uint8_t *bigger = mem_alloc(size);
        if (body->len)
            memcpy(bigger, body->data, body->len);
        body->data = bigger;
        body->size = size;
    }
    if (n)
        memcpy(body->data + body->len, data, n);
    body->len += n;
}

void dbus_align(struct dbus_body *body, size_t n)
{
    static const uint8_t zeros[8];
    put(body, zeros, (n - body->len % n) % n);
}

void dbus_put_byte(struct dbus_body *body, uint8_t value)
{
    put(body, &value, 1);
}

/* The fixed types are aligned to their size; this machine and the messages are little endian. */
void dbus_put_u32(struct dbus_body *body, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 24)};
    dbus_align(body, 4);
    put(body, bytes, sizeof bytes);
}

void dbus_put_u64(struct dbus_body *body, uint64_t value)
{
    dbus_align(body, 8);
    dbus_put_u32(body, (uint32_t)value);
    dbus_put_u32(body, (uint32_t)(value >> 32));
}

void dbus_put_string(struct dbus_body *body, const char *text)
{
    dbus_put_u32(body, (uint32_t)strlen(text));
    put(body, text, strlen(text) + 1);
}

void dbus_put_signature(struct dbus_body *body, const char *text)
{
    dbus_put_byte(body, (uint8_t)strlen(text));
    put(body, text, strlen(text) + 1);
}

size_t dbus_array_begin(struct dbus_body *body, size_t align)
{
    dbus_put_u32(body, 0);
    size_t at = body->len - 4;
    dbus_align(body, align);
    return at;
}

/* The length counts neither itself nor the padding before the first element. */
void dbus_array_end(struct dbus_body *body, size_t begin, size_t align)
{
    size_t first = (begin + 4 + align - 1) / align * align;
    uint32_t n = (uint32_t)(body->len - first);
    for (size_t i = 0; i < 4; i++)
        body->data[begin + i] = (uint8_t)(n >> (8 * i));
}

static void put_field(struct dbus_body *to, uint8_t code, const char *type, const char *value)
{
    if (!value)
        return;
    dbus_align(to, 8);
    dbus_put_byte(to, code);
    dbus_put_signature(to, type);
    if (*type == 'g')
        dbus_put_signature(to, value);
    else
        dbus_put_string(to, value);
}

uint8_t *dbus_encode_call(uint32_t serial, const char *destination, const char *path,
                          const char *interface, const char *member, const struct dbus_body *body,
                          size_t *ret_len)
{
    struct dbus_body m = {0};
    static const uint8_t start[] = {'l', DBUS_CALL, 0, 1};
    put(&m, start, sizeof start);
    dbus_put_u32(&m, body ? (uint32_t)body->len : 0);
    dbus_put_u32(&m, serial);
    size_t fields = dbus_array_begin(&m, 8);
    put_field(&m, FIELD_PATH, "o", path);
    put_field(&m, FIELD_INTERFACE, "s", interface);
    put_field(&m, FIELD_MEMBER, "s", member);
    put_field(&m, FIELD_DESTINATION, "s", destination);
    put_field(&m, FIELD_SIGNATURE, "g", body ? body->signature : NULL);
    dbus_array_end(&m, fields, 8);
    dbus_align(&m, 8);
    if (body)
        put(&m, body->data, body->len);
    *ret_len = m.len;
    return m.data;
}

/* A place in bytes that came from outside. */
struct reader {
    const uint8_t *data;
    size_t at, len;
    bool bad;
};

static void skip_to(struct reader *r, size_t align)
{
    r->at = (r->at + align - 1) / align * align;
}

static uint32_t get_u32(struct reader *r)
{
    skip_to(r, 4);
    if (r->bad || r->at > r->len || r->len - r->at < 4) {
        r->bad = true;
        return 0;
    }
    const uint8_t *p = r->data + r->at;
    r->at += 4;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t get_byte(struct reader *r)
{
    if (r->bad || r->at >= r->len) {
        r->bad = true;
        return 0;
    }
    return r->data[r->at++];
}

/* `n` bytes and a NUL, with none inside. */
static const char *get_text(struct reader *r, size_t n)
{
    if (r->bad || r->at > r->len || r->len - r->at <= n || r->data[r->at + n] ||
        memchr(r->data + r->at, 0, n)) {
        r->bad = true;
        return "";
    }
    const char *text = (const char *)r->data + r->at;
    r->at += n + 1;
    return text;
}

static void get_field(struct reader *r, struct dbus_message *m)
{
    skip_to(r, 8);
    uint8_t code = get_byte(r);
    const char *type = get_text(r, get_byte(r));
    if (strlen(type) != 1)
        r->bad = true;
    if (*type == 'u') {
        uint32_t value = get_u32(r);
        if (code == FIELD_REPLY_SERIAL)
            m->reply_serial = value;
        return;
    }
    if (*type != 's' && *type != 'o' && *type != 'g')
        r->bad = true;
    const char *text = get_text(r, *type == 'g' ? get_byte(r) : get_u32(r));
    if (code == FIELD_INTERFACE)
        m->interface = text;
    else if (code == FIELD_MEMBER)
        m->member = text;
    else if (code == FIELD_ERROR)
        m->error = text;
    else if (code == FIELD_SIGNATURE)
        m->signature = text;
}

bool dbus_parse(const uint8_t *data, size_t len, struct dbus_message *ret)
{
    struct reader r = {data, 0, len, false};
    *ret = (struct dbus_message){.interface = "", .member = "", .error = "", .signature = ""};
    if (get_byte(&r) != 'l')
        return false;
    ret->type = (enum dbus_type)get_byte(&r);
    r.at = 4;
    ret->body_len = get_u32(&r);
    get_u32(&r);
    uint32_t fields = get_u32(&r);
    if (r.bad || fields > len - r.at)
        return false;
    size_t end = r.at + fields;
    while (!r.bad && r.at < end)
        get_field(&r, ret);
    skip_to(&r, 8);
    if (r.bad || r.at > len || len - r.at != ret->body_len)
        return false;
    ret->body = data + r.at;
    return true;
}

const char *dbus_string(const struct dbus_message *m, size_t n)
{
    struct reader r = {m->body, 0, m->body_len, false};
    for (size_t i = 0; m->signature[i]; i++) {
        if (m->signature[i] == 'u') {
            get_u32(&r);
            continue;
        }
        if (m->signature[i] != 's' && m->signature[i] != 'o')
            return NULL;
        const char *text = get_text(&r, get_u32(&r));
        if (r.bad)
            return NULL;
        if (n-- == 0)
            return text;
    }
    return NULL;
}

/* Exactly `n` bytes before the deadline. */
static int read_all(int fd, uint8_t *to, size_t n, int64_t deadline_ms, struct err *err)
{
    while (n) {
        int64_t left = deadline_ms - now_monotonic_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return err_set(err, ready < 0 ? errno : ETIMEDOUT, "D-Bus: no answer");
        ssize_t got = recv(fd, to, n, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return err_set(err, got < 0 ? errno : ECONNRESET, "D-Bus: the peer closed");
        to += got;
        n -= (size_t)got;
    }
    return 0;
}

int dbus_receive(struct dbus *dbus, int64_t deadline_ms, struct dbus_message *ret, struct err *err)
{
    uint8_t head[16];
    if (read_all(dbus->fd, head, sizeof head, deadline_ms, err) < 0)
        return -1;
    struct reader r = {head, 4, sizeof head, false};
    size_t body = get_u32(&r);
    get_u32(&r);
    size_t fields = get_u32(&r);
    if (head[0] != 'l' || body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX)
        return err_set(err, EPROTO, "D-Bus: a message out of form");
    size_t rest = (fields + 7) / 8 * 8 + body;
    uint8_t *data = mem_alloc(sizeof head + rest);
    memcpy(data, head, sizeof head);
    if (read_all(dbus->fd, data + sizeof head, rest, deadline_ms, err) < 0)
        return -1;
    return dbus_parse(data, sizeof head + rest, ret)
               ? 0
               : err_set(err, EPROTO, "D-Bus: a message out of form");
}

int dbus_call(struct dbus *dbus, const char *destination, const char *path, const char *interface,
              const char *member, const struct dbus_body *body, struct dbus_message *ret,
              const char **ret_error, struct err *err)
{
    size_t len;
    uint32_t serial = ++dbus->serial;
    uint8_t *data = dbus_encode_call(serial, dbus->bus ? destination : NULL, path, interface,
                                     member, body, &len);
    int64_t deadline = now_monotonic_ms() + DBUS_WAIT_MS;
    if (ret_error)
        *ret_error = "";
    if (fd_write_all(dbus->fd, data, len) < 0)
        return err_set(err, errno, "D-Bus: %s", member);
    do {
        if (dbus_receive(dbus, deadline, ret, err) < 0)
            return err_prefix(err, "%s", member);
    } while ((ret->type != DBUS_REPLY && ret->type != DBUS_ERROR) || ret->reply_serial != serial);
    if (ret->type == DBUS_REPLY)
        return 0;
    if (ret_error)
        *ret_error = ret->error;
    const char *text = dbus_string(ret, 0);
    return err_set(err, 0, "%s: %s", member, text ? text : ret->error);
}

/* The line that ends in CR LF. */
static int read_line(struct dbus *dbus, char *line, size_t size, struct err *err)
{
    int64_t deadline = now_monotonic_ms() + DBUS_WAIT_MS;
    for (size_t n = 0; n + 1 < size; n++) {
        if (read_all(dbus->fd, (uint8_t *)line + n, 1, deadline, err) < 0)
            return -1;
        line[n + 1] = 0;
        if (line[n] == '\n')
            return 0;
    }
    return err_set(err, EPROTO, "D-Bus: a line out of form");
}

/* EXTERNAL: the socket's credentials say who this is; the id goes as its digits in hexadecimal. All
 * of it is one write, as systemd's own clients do: a first message that reaches systemd's socket
 * together with a BEGIN that came late lies there unread. */
static int authenticate(struct dbus *dbus, struct err *err)
{
    char id[16], hex[40] = "", line[256];
    snprintf(id, sizeof id, "%u", (unsigned)geteuid());
    for (size_t i = 0; id[i]; i++)
        snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", (unsigned)id[i]);
    int n = snprintf(line, sizeof line, "%cAUTH EXTERNAL %s\r\nBEGIN\r\n", 0, hex);
    if (fd_write_all(dbus->fd, line, (size_t)n) < 0)
        return err_set(err, errno, "D-Bus: AUTH");
    if (read_line(dbus, line, sizeof line, err) < 0)
        return -1;
    return strncmp(line, "OK ", 3) ? err_set(err, EACCES, "D-Bus: AUTH") : 0;
}

int dbus_connect(struct dbus *dbus, const char *path, bool bus, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct dbus_message reply;
    *dbus = (struct dbus){.fd = -1, .bus = bus};
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(err, ENAMETOOLONG, "%s", path);
    memcpy(address.sun_path, path, strlen(path));
    dbus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (dbus->fd < 0 || connect(dbus->fd, (struct sockaddr *)&address, sizeof address) < 0)
        err_set(err, errno, "%s", path);
    else if (authenticate(dbus, err) == 0 &&
             (!bus || dbus_call(dbus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "Hello", NULL, &reply, NULL, err) == 0))
        return 0;
    dbus_close(dbus);
    return -1;
}

void dbus_close(struct dbus *dbus)
{
    fd_cleanup(&dbus->fd);
}
