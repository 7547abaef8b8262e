/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "widgets/curses-private.h"
#include "widgets/text.h"
#include <term.h>

#define RELEASE_MS 250

static struct {
    FILE *stream;   /* curses writes here */
    int memory;     /* and so here, while held */
    int terminal;   /* written without waiting; -1: none */
    gboolean held;  /* the stream's descriptor is the memory */
    gboolean ecma;  /* motions may be shortened */
    GString *bytes; /* for the terminal, from `done` on */
    gsize done;
    OutletState state;
} self = {.memory = -1, .terminal = -1};

/* ---- motions -------------------------------------------------------------------------------- */

/* The length of the sequence that begins at `s` with ESC; 0 when it is not complete. */
static gsize sequence_length(const char *s, gsize n)
{
    if (n < 2)
        return 0;
    if (s[1] == '[') {
        for (gsize i = 2; i < n; i++)
            if (s[i] >= 0x40 && s[i] <= 0x7e)
                return i + 1;
        return 0;
    }
    if (s[1] == ']') {
        for (gsize i = 2; i < n; i++)
            if (s[i] == '\a')
                return i + 1;
        return 0;
    }
    return strchr("()*+ #%", s[1]) != NULL ? (n >= 3 ? 3 : 0) : 2;
}

/* Colours and attributes that were set and not shown yet: what is set before the next character
 * becomes one sequence. */
static void flush_attributes(OutletState *state, GString *out)
{
    if (!state->has_attributes)
        return;
    g_string_append_printf(out, "\033[%sm",
                           g_str_equal(state->attributes, "0") ? "" : state->attributes);
    state->has_attributes = FALSE;
}

/* Takes an SGR sequence in; what stands before a reset of all is lost in it. */
static void take_attributes(OutletState *state, const char *s, gsize n, GString *out)
{
    g_autofree char *fresh = n > 3 ? g_strndup(s + 2, n - 3) : g_strdup("0");
    gboolean is_reset = g_str_equal(fresh, "0") || g_str_has_prefix(fresh, "0;");
    gsize held = state->has_attributes && !is_reset ? strlen(state->attributes) : 0;

    if (fresh[strspn(fresh, "0123456789;")] != '\0' ||
        held + 1 + strlen(fresh) >= sizeof state->attributes)
        flush_attributes(state, out);
    if (fresh[strspn(fresh, "0123456789;")] != '\0' ||
        strlen(fresh) + 1 >= sizeof state->attributes) {
        g_string_append_len(out, s, (gssize)n);
        return;
    }
    if (!state->has_attributes)
        held = 0;
    g_snprintf(state->attributes + held, sizeof state->attributes - held, "%s%s",
               held > 0 ? ";" : "", fresh);
    state->has_attributes = TRUE;
}

/* Up to two numbers of a control sequence; how many there are, -1 when it is of another form. */
static int sequence_numbers(const char *s, gsize n, int number[2])
{
    int count = 0;

    number[0] = number[1] = 0;
    for (gsize i = 2; i + 1 < n; i++) {
        if (g_ascii_isdigit(s[i]) && number[count > 1 ? 1 : count] < 100000)
            number[count] = number[count] * 10 + (s[i] - '0');
        else if (s[i] == ';' && count == 0)
            count = 1;
        else
            return -1;
    }
    return n > 3 ? count + 1 : 0;
}

/* Appends the motion to y, x in the shorter of its forms. */
static void append_motion(const OutletState *from, int y, int x, const char *as_given, gsize n,
                          GString *out)
{
    char text[32] = "\v";
    gsize length = 1;

    if (from->y == 0 || from->x == 0 || from->x > from->width || from->region || y != from->y + 1) {
        g_string_append_len(out, as_given, (gssize)n);
        return;
    }
    if (x <= from->x && from->x - x < 8)
        for (int i = from->x; i > x; i--)
            text[length++] = '\b';
    else
        length += (gsize)g_snprintf(text + 1, sizeof text - 1, "\033[%d%c", ABS(x - from->x),
                                    x > from->x ? 'C' : 'D');
    g_string_append_len(out, length < n ? text : as_given, (gssize)MIN(length, n));
}

/* A sequence beginning with ESC: where it leaves the cursor. */
static void take_sequence(OutletState *state, const char *s, gsize n, GString *out)
{
    int number[2], count = s[1] == '[' ? sequence_numbers(s, n, number) : -1;
    int y = state->y, x = state->x;

    if (s[1] == '[' && s[n - 1] == 'm') {
        take_attributes(state, s, n, out);
        return;
    }
    if (s[1] == '(') { /* the character set of G0 */
        if (state->charset != s[2])
            g_string_append_len(out, s, (gssize)n);
        state->charset = s[2];
        return;
    }
    if (s[1] != '[' || strchr("HdG", s[n - 1]) == NULL) /* motions know no colours */
        flush_attributes(state, out);
    switch (s[1] == '[' ? s[n - 1] : 0) {
    case 'H':
        y = count >= 0 ? MAX(number[0], 1) : 0;
        x = count >= 0 ? MAX(number[1], 1) : 0;
        break;
    case 'd':
        y = count == 1 ? number[0] : 0;
        break;
    case 'G':
        x = count == 1 ? number[0] : 0;
        break;
    case 'b':
        g_string_append_len(out, s, (gssize)n);
        state->x = count == 1 && x != 0 ? x + MAX(number[0], 1) : 0;
        return;
    case 'K':
    case 'X':
    case 'P':
    case '@':
        g_string_append_len(out, s, (gssize)n);
        return;
    case 'r':
        state->region = count != 0 && (number[0] > 1 || number[1] != state->height);
        /* fall through */
    default:
        state->y = state->x = 0;
        g_string_append_len(out, s, (gssize)n);
        return;
    }
    if (x == 0 || y == 0)
        g_string_append_len(out, s, (gssize)n);
    else
        append_motion(state, y, x, s, n, out);
    state->y = y;
    state->x = x;
}

void outlet_shorten(OutletState *state, const char *bytes, gsize n, GString *out)
{
    for (gsize i = 0, length; i < n; i += length) {
        const char *s = bytes + i;

        length = 1;
        if (*s == '\033') {
            length = sequence_length(s, n - i);
            if (length == 0) {
                state->y = state->x = 0;
                length = n - i;
                g_string_append_len(out, s, (gssize)length);
            } else {
                take_sequence(state, s, length, out);
            }
            continue;
        }
        if ((guchar)*s >= ' ')
            flush_attributes(state, out);
        if ((guchar)*s >= 0x80) {
            gunichar c = g_utf8_get_char_validated(s, (gssize)(n - i));

            if (c >= (gunichar)-2) {
                state->x = 0;
            } else {
                length = (gsize)(g_utf8_next_char(s) - s);
                state->x += state->x != 0 ? text_char_width(c) : 0;
            }
        } else if (*s >= ' ') {
            state->x += state->x != 0;
        } else if (*s == '\b') {
            state->x = state->x > 1 && state->x <= state->width ? state->x - 1 : 0;
        } else if (*s == '\r') {
            state->x = state->y != 0;
        } else if (*s != '\016' && *s != '\017' && *s != '\a') {
            state->y = state->x = 0;
        }
        g_string_append_len(out, s, (gssize)length);
        if (state->x > state->width) /* at the edge, where terminals differ */
            state->x = 0;
    }
    flush_attributes(state, out);
}

/* ---- the terminal --------------------------------------------------------------------------- */

FILE *outlet_open(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

    if (self.stream != NULL || fd < 0)
        return self.stream;
    self.stream = fdopen(fd, "w");
    self.memory = memfd_create("screen", MFD_CLOEXEC);
    self.terminal = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    self.bytes = g_string_new(NULL);
    return self.stream;
}

void outlet_close(void)
{
    outlet_release();
    if (self.stream == NULL)
        return;
    fclose(self.stream);
    if (self.memory >= 0)
        close(self.memory);
    if (self.terminal >= 0)
        close(self.terminal);
    g_string_free(self.bytes, TRUE);
    self.stream = NULL;
    self.memory = self.terminal = -1;
}

/* Whether the terminal's motions are those of ECMA-48, and curses has none to the next line. */
static gboolean speaks_ecma(void)
{
    const char *address = tigetstr("cup"), *down = tigetstr("cud1");

    return address != NULL && address != (char *)-1 && down != NULL && down != (char *)-1 &&
           strcmp(address, "\033[%i%p1%d;%p2%dH") == 0 && strcmp(down, "\n") == 0;
}

void outlet_hold(void)
{
    if (self.held || self.stream == NULL || self.memory < 0 || self.terminal < 0)
        return;
    fflush(self.stream);
    self.ecma = speaks_ecma();
    self.held = dup3(self.memory, fileno(self.stream), O_CLOEXEC) >= 0;
    self.state = (OutletState){0};
}

/* What curses has written since the last time. */
static void take(void)
{
    struct winsize size = {0};
    char chunk[16384];
    off_t at = 0;
    ssize_t got;

    g_autoptr(GString) fresh = g_string_new(NULL);
    while ((got = pread(self.memory, chunk, sizeof chunk, at)) > 0) {
        g_string_append_len(fresh, chunk, got);
        at += got;
    }
    if (fresh->len == 0)
        return;
    lseek(self.memory, 0, SEEK_SET);
    if (ftruncate(self.memory, 0) != 0)
        g_debug("screen: %s", g_strerror(errno));
    if (!self.ecma || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        g_string_append_len(self.bytes, fresh->str, (gssize)fresh->len);
        return;
    }
    self.state.height = size.ws_row;
    self.state.width = size.ws_col;
    outlet_shorten(&self.state, fresh->str, fresh->len, self.bytes);
}

void outlet_write(const char *bytes, gsize n)
{
    if (self.stream == NULL)
        return;
    if (self.held)
        take();
    g_string_append_len(self.bytes, bytes, (gssize)n);
    if (!self.held)
        outlet_flush();
}

gboolean outlet_flush(void)
{
    if (self.stream == NULL)
        return TRUE;
    if (self.held)
        take();
    while (self.done < self.bytes->len) {
        ssize_t n = write(self.terminal >= 0 ? self.terminal : STDOUT_FILENO,
                          self.bytes->str + self.done, self.bytes->len - self.done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return FALSE;
        if (n <= 0)
            break; /* hung up: reading tells */
        self.done += (gsize)n;
    }
    g_string_truncate(self.bytes, 0);
    self.done = 0;
    return TRUE;
}

gboolean outlet_is_empty(void)
{
    return self.stream == NULL || self.done == self.bytes->len;
}

int outlet_fd(void)
{
    return self.terminal;
}

void outlet_release(void)
{
    gint64 end_usec = g_get_monotonic_time() + RELEASE_MS * 1000;
    struct pollfd p = {.fd = self.terminal, .events = POLLOUT};

    if (!self.held)
        return;
    while (!outlet_flush()) {
        if (g_get_monotonic_time() >= end_usec) {
            /* what the line holds goes too, or what gives the terminal back would wait behind it */
            tcflush(self.terminal, TCOFLUSH);
            break;
        }
        poll(&p, 1, RELEASE_MS / 5);
    }
    g_string_truncate(self.bytes, 0);
    self.done = 0;
    self.held = FALSE;
    dup3(STDOUT_FILENO, fileno(self.stream), O_CLOEXEC);
}
