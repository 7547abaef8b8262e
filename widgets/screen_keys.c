/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen_keys.c - what is typed: keys, bytes, pastes, the mouse. */
#include "widgets/screen_private.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "widgets/keys.h"

#define PASTE_END "\033[201~"
#define PASTE_MAX 65536
/* A paste whose closing bracket does not come has ended by then. */
#define PASTE_SILENCE_USEC G_USEC_PER_SEC

/* Keys as keys, or as bytes. */
static void set_line_mode(gboolean on)
{
    if (screen_state.line_mode == on)
        return;
    screen_state.line_mode = on;
    keypad(screen_state.input, !on);
}

/* One byte or key code, ERR when none waits. Notes a terminal that hung up: the descriptor is ready
 * and yet there is nothing to read. */
static int read_code(void)
{
    int code = wgetch(screen_state.input), waiting = 0;
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    if (code == ERR && !screen_state.test && poll(&fd, 1, 0) == 1 &&
        ((fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
         (ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0)))
        screen_state.gone = TRUE;
    return code;
}

/* Takes what has come of a paste, without waiting for the rest. TRUE when it is over: its closing
 * bracket was read, or it has been silent for so long that none will come. What is too long is cut.
 */
static gboolean take_paste(void)
{
    gboolean over = g_get_monotonic_time() - screen_state.paste_usec > PASTE_SILENCE_USEC;
    int c;
    keypad(screen_state.input, FALSE);
    while (!over && (c = read_code()) != ERR) {
        screen_state.paste_usec = g_get_monotonic_time();
        if (c > 0xff)
            continue;
        screen_state.paste_end =
            c == PASTE_END[screen_state.paste_end] ? screen_state.paste_end + 1 : c == PASTE_END[0];
        over = screen_state.paste_end == strlen(PASTE_END);
        if (screen_state.paste->len < PASTE_MAX)
            g_string_append_c(screen_state.paste, (char)c);
    }
    keypad(screen_state.input, !screen_state.line_mode);
    return over;
}

/* What was pasted, as one line. */
static char *finish_paste(void)
{
    if (screen_state.paste_end == strlen(PASTE_END) && screen_state.paste->len < PASTE_MAX)
        g_string_truncate(screen_state.paste, screen_state.paste->len - strlen(PASTE_END));
    char *text =
        text_sanitise(screen_state.paste->str, (gssize)screen_state.paste->len, TEXT_OUTPUT);
    g_string_free(screen_state.paste, TRUE);
    screen_state.paste = NULL;
    return g_strdelimit(text, "\n", ' ');
}

/* Our number for a key of curses. */
static int translate(int code)
{
    static const struct {
        int curses, key;
    } map[] = {
        {KEY_UP, KEYS_UP},
        {KEY_DOWN, KEYS_DOWN},
        {KEY_LEFT, KEYS_LEFT},
        {KEY_RIGHT, KEYS_RIGHT},
        {KEY_HOME, KEYS_HOME},
        {KEY_END, KEYS_END},
        {KEY_PPAGE, KEYS_PGUP},
        {KEY_NPAGE, KEYS_PGDN},
        {KEY_IC, KEYS_INSERT},
        {KEY_DC, KEYS_DELETE},
        {KEY_BACKSPACE, KEYS_BACKSPACE},
        {KEY_BTAB, KEYS_BACKTAB},
        {KEY_ENTER, KEYS_ENTER},
        {'\n', KEYS_ENTER},
        {0x7f, KEYS_BACKSPACE},
        {0x08, KEYS_BACKSPACE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(map); i++)
        if (map[i].curses == code)
            return map[i].key;
    if (code >= KEY_F(1) && code <= KEY_F(12))
        return KEYS_F1 + (code - KEY_F(1));
    return code < 0x80 ? code : KEYS_OTHER;
}

/* The character that begins with byte `first`; over a slow line the others may be 25 ms late. */
static int read_utf8(int first)
{
    char bytes[6] = {(char)first};
    int n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || !text_is_utf8())
        return KEYS_OTHER;
    wtimeout(screen_state.input, 25);
    for (int i = 1; i < n; i++) {
        int c = read_code();
        if (c < 0x80 || c > 0xbf)
            n = 0;
        else
            bytes[i] = (char)c;
    }
    wtimeout(screen_state.input, 0);
    if (n == 0)
        return KEYS_OTHER;
    gunichar uc = g_utf8_get_char_validated(bytes, n);
    return uc >= (gunichar)-2 ? KEYS_OTHER : (int)uc;
}

/* Fills in a mouse event. */
static gboolean read_mouse(ScreenEvent *event)
{
    MEVENT mouse;
    if (getmouse(&mouse) != OK)
        return FALSE;
    event->y = mouse.y;
    event->x = mouse.x;
    if ((mouse.bstate & BUTTON4_PRESSED) != 0)
        event->key = KEYS_WHEEL_UP;
    else if ((mouse.bstate & BUTTON5_PRESSED) != 0)
        event->key = KEYS_WHEEL_DOWN;
    else if ((mouse.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED)) != 0)
        event->key = KEYS_CLICK;
    else
        return FALSE;
    return TRUE;
}

/* Takes the rest of a control sequence, whose ESC [ was taken: parameters and a last byte. The
 * mouse reports of old have three bytes more, the Linux console's function keys one. */
static void skip_sequence(void)
{
    int n = 0, more, c;
    wtimeout(screen_state.input, 25);
    while ((c = read_code()) >= 0x20 && c < 0x40 && n < 64)
        n++;
    more = n > 0 ? 0 : c == 'M' ? 3 : c == '[' ? 1 : 0;
    while (more-- > 0)
        read_code();
    wtimeout(screen_state.input, 0);
}

/* After an ESC: whether it began a sequence that the terminal's description does not have (another
 * terminal's key, a report, a mouse left on by a program before us). It types nothing. */
static gboolean skip_unknown(void)
{
    int c = read_code();
    if (c == '[')
        skip_sequence();
    else if (c == 'O')
        read_code();
    else if (c != ERR)
        ungetch(c);
    return c == '[' || c == 'O';
}

/* The next key. */
gboolean screen_read(ScreenEvent *ret_event)
{
    *ret_event = (ScreenEvent){0};
    if (!screen_state.active)
        return FALSE;
    set_line_mode(FALSE);
    for (;;) {
        if (screen_state.paste != NULL) {
            if (!take_paste())
                return FALSE;
            ret_event->paste = finish_paste();
            return TRUE;
        }
        int code = read_code();
        if (code == ERR)
            return FALSE;
        if (code == KEY_RESIZE)
            continue;
        if (code == KEY_MOUSE) {
            if (read_mouse(ret_event))
                return TRUE;
            continue;
        }
        if (code == 0x1b && skip_unknown())
            continue;
        if (code == CODE_PASTE) {
            screen_state.paste = g_string_new(NULL);
            screen_state.paste_usec = g_get_monotonic_time();
            screen_state.paste_end = 0;
            continue;
        }
        if (code >= 0x80 && code <= 0xff)
            ret_event->key = read_utf8(code);
        else
            ret_event->key = translate(code);
        return TRUE;
    }
}

/* The next bytes, untouched. */
int screen_read_bytes(char *buffer, int size)
{
    int n = 0;
    if (!screen_state.active)
        return -1;
    set_line_mode(TRUE);
    while (n < size) {
        int code = read_code();
        if (code == ERR)
            break;
        if (code <= 0xff)
            buffer[n++] = (char)code;
    }
    return n > 0 ? n : screen_state.gone ? -1 : 0;
}

/* Puts bytes before all others; curses keeps some 130. */
void screen_unread(const guint8 *bytes, gsize n)
{
    if (!screen_state.active)
        return;
    while (n > 0)
        ungetch(bytes[--n]);
}
