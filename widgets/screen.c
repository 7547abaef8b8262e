/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/screen.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "widgets/clipboard.h"
#include "widgets/curses-private.h"
#include "widgets/keys.h"
#include "widgets/outlet.h"
#include "widgets/rescue.h"

/* Synchronised output: terminals that know it show the picture at once, others ignore it. */
#define SYNC_BEGIN "\033[?2026h"
#define SYNC_END   "\033[?2026l"
#define PASTE_ON   "\033[?2004h"
#define PASTE_END  "\033[201~"
#define PASTE_MAX  65536
/* A paste whose closing bracket does not come has ended by then. */
#define PASTE_SILENCE_USEC G_USEC_PER_SEC
#define CODE_PASTE         (KEY_MAX + 1)

static struct {
    SCREEN *curses;
    WINDOW *input; /* a pad: reading from it refreshes nothing */
    gboolean active, mouse, redraw, gone, test;
    gboolean line_mode; /* keys arrive as bytes */
    GString *paste;     /* under way; NULL: none */
    gint64 paste_usec;  /* when its last byte came */
    gsize paste_end;    /* bytes of its closing bracket that were seen */
    int cursor_y, cursor_x;
    int escape_delay_ms; /* 0: 25 */
    FILE *null;
    guint16 *roles; /* test screens: role | base << 8 of each cell */
    int roles_height, roles_width;
} self = {.cursor_y = -1};

/* What every kind of screen sets up once newterm() has worked. */
static void configure(void)
{
    set_escdelay(self.escape_delay_ms > 0 ? self.escape_delay_ms : 25);
    noecho();
    raw();
    nonl();
    curs_set(0);
    self.input = newpad(1, 1);
    keypad(self.input, TRUE);
    nodelay(self.input, TRUE);
    leaveok(stdscr, FALSE);
    if (has_colors()) {
        start_color();
        use_default_colors();
    }
    theme_set_depth(theme_depth_for(has_colors() ? COLORS : -1));
    define_key("\033[200~", CODE_PASTE);
}

/* First time: make the curses screen. Later: return to it. */
static gboolean start_curses(GError **error)
{
    if (self.curses != NULL) {
        refresh();
        curs_set(0);
        return TRUE;
    }
    FILE *out = outlet_open();
    if (out == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot use the terminal: %s",
                    g_strerror(errno));
        return FALSE;
    }
    /* curses would catch these itself, but the loop reads them from a signalfd */
    struct sigaction ignored = {.sa_handler = SIG_IGN}, winch, tstp;
    sigaction(SIGWINCH, &ignored, &winch);
    sigaction(SIGTSTP, &ignored, &tstp);
    self.curses = newterm(NULL, out, stdin);
    sigaction(SIGWINCH, &winch, NULL);
    sigaction(SIGTSTP, &tstp, NULL);
    if (self.curses == NULL) {
        const char *term = g_getenv("TERM");
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                    "cannot use the terminal: TERM is '%s', of which there is no description; "
                    "set TERM, or use `gemel shell`",
                    term != NULL ? term : "");
        return FALSE;
    }
    configure();
    return TRUE;
}

/* Takes the terminal. */
gboolean screen_enter(GError **error)
{
    if (self.active)
        return TRUE;
    rescue_save_modes();
    if (!start_curses(error))
        return FALSE;
    rescue_arm(RESCUE_ALL);
    if (!self.test)
        rescue_hold_stderr();
    self.active = TRUE;
    self.line_mode = FALSE;
    keypad(self.input, TRUE);
    screen_resize();
    outlet_hold();
    outlet_write(PASTE_ON, strlen(PASTE_ON));
    if (self.mouse)
        screen_set_mouse(TRUE);
    self.redraw = TRUE;
    return TRUE;
}

/* Gives the terminal back. */
void screen_leave(void)
{
    if (!self.active)
        return;
    self.active = FALSE;
    gboolean mouse = self.mouse;
    if (mouse)
        screen_set_mouse(FALSE);
    self.mouse = mouse;
    curs_set(1);
    outlet_release();
    endwin();
    if (self.test)
        return;
    rescue_restore();
    /* who has the terminal meanwhile may change its modes, and crash */
    rescue_arm(RESCUE_MODES);
    rescue_release_stderr();
}

void screen_restore_modes(void)
{
    if (!self.active && !self.test)
        rescue_restore_modes();
}

/* Whether the terminal is ours. */
gboolean screen_is_active(void)
{
    return self.active;
}

/* Gives everything back. */
void screen_free(void)
{
    screen_leave();
    rescue_arm(RESCUE_NOTHING);
    if (self.curses != NULL) {
        delwin(self.input);
        delscreen(self.curses);
    }
    self.curses = NULL;
    self.input = NULL;
    if (self.paste != NULL)
        g_string_free(self.paste, TRUE);
    self.paste = NULL;
    outlet_close();
    g_clear_pointer(&self.roles, g_free);
    if (self.null != NULL)
        fclose(self.null);
    self.null = NULL;
    self.test = FALSE;
    theme_reset_pairs();
}

/* Stops as the shell expects it of ^Z: the whole process group, by SIGTSTP with its default
 * action. The mask is opened for that one signal, because the program blocks it to read it from a
 * signalfd. */
void screen_stop_and_wait(void)
{
    struct sigaction old, by_default = {.sa_handler = SIG_DFL};
    sigset_t mask, old_mask;
    screen_leave();
    sigemptyset(&mask);
    sigaddset(&mask, SIGTSTP);
    sigaction(SIGTSTP, &by_default, &old);
    kill(0, SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &mask, &old_mask);
    /* stopped here; continued by SIGCONT */
    pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    sigaction(SIGTSTP, &old, NULL);
    screen_enter(NULL);
}

/* Takes over the terminal's size. */
gboolean screen_resize(void)
{
    struct winsize size;
    if (self.test || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
        size.ws_col == 0)
        return FALSE;
    if (size.ws_row == getmaxy(stdscr) && size.ws_col == getmaxx(stdscr))
        return FALSE;
    resizeterm(size.ws_row, size.ws_col);
    self.redraw = TRUE;
    return TRUE;
}

/* The whole screen. */
Canvas screen_canvas(void)
{
    return (Canvas){0, 0, getmaxy(stdscr), getmaxx(stdscr), ROLE_TEXT};
}

/* A blank picture, in memory only. */
void screen_begin(void)
{
    ThemeLook ground = theme_look(ROLE_TEXT, ROLE_TEXT);
    if (ground.bg >= 0) {
        attr_t attrs;
        short pair;
        cchar_t blank;
        theme_attributes(ROLE_TEXT, ROLE_TEXT, &attrs, &pair);
        setcchar(&blank, L" ", attrs, pair, NULL);
        wbkgrndset(stdscr, &blank);
    } else {
        wbkgdset(stdscr, ' ');
    }
    werase(stdscr);
    self.cursor_y = -1;
    if (self.roles != NULL)
        memset(self.roles, 0, sizeof *self.roles * (gsize)(self.roles_height * self.roles_width));
}

/* Sends the differences. */
gboolean screen_show(void)
{
    gboolean all = self.redraw && !self.test;
    if (!self.active)
        return TRUE;
    if (all) {
        outlet_write(SYNC_BEGIN, strlen(SYNC_BEGIN));
        clearok(curscr, TRUE);
    }
    self.redraw = FALSE;
    rescue_limit_stderr();
    if (self.cursor_y >= 0)
        wmove(stdscr, self.cursor_y, self.cursor_x);
    curs_set(self.cursor_y >= 0);
    leaveok(stdscr, self.cursor_y < 0); /* a hidden cursor need not be put anywhere */
    wnoutrefresh(stdscr);
    doupdate();
    if (all)
        outlet_write(SYNC_END, strlen(SYNC_END));
    return outlet_flush();
}

/* Whether a picture can be sent. */
gboolean screen_is_ready(void)
{
    return outlet_is_empty();
}

/* What the terminal did not take yet. */
gboolean screen_flush(void)
{
    return outlet_flush();
}

/* Writable when the terminal takes bytes. */
int screen_output_fd(void)
{
    return outlet_fd();
}

/* Everything anew at the next show. */
void screen_redraw(void)
{
    self.redraw = TRUE;
}

/* Shows the cursor there. */
void screen_set_cursor(const Canvas *c, int y, int x)
{
    if (c->height <= 0 || c->width <= 0)
        return;
    self.cursor_y = c->y + CLAMP(y, 0, c->height - 1);
    self.cursor_x = c->x + CLAMP(x, 0, c->width - 1);
}

/* Keys as keys, or as bytes. */
static void set_line_mode(gboolean on)
{
    if (self.line_mode == on)
        return;
    self.line_mode = on;
    keypad(self.input, !on);
}

/* One byte or key code, ERR when none waits. Notes a terminal that hung up: the descriptor is ready
 * and yet there is nothing to read. */
static int read_code(void)
{
    int code = wgetch(self.input), waiting = 0;
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    if (code == ERR && !self.test && poll(&fd, 1, 0) == 1 &&
        ((fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
         (ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0)))
        self.gone = TRUE;
    return code;
}

/* Takes what has come of a paste, without waiting for the rest. TRUE when it is over: its closing
 * bracket was read, or it has been silent for so long that none will come. What is too long is cut.
 */
static gboolean take_paste(void)
{
    gboolean over = g_get_monotonic_time() - self.paste_usec > PASTE_SILENCE_USEC;
    int c;
    keypad(self.input, FALSE);
    while (!over && (c = read_code()) != ERR) {
        self.paste_usec = g_get_monotonic_time();
        if (c > 0xff)
            continue;
        self.paste_end = c == PASTE_END[self.paste_end] ? self.paste_end + 1 : c == PASTE_END[0];
        over = self.paste_end == strlen(PASTE_END);
        if (self.paste->len < PASTE_MAX)
            g_string_append_c(self.paste, (char)c);
    }
    keypad(self.input, !self.line_mode);
    return over;
}

/* What was pasted, as one line. */
static char *finish_paste(void)
{
    if (self.paste_end == strlen(PASTE_END) && self.paste->len < PASTE_MAX)
        g_string_truncate(self.paste, self.paste->len - strlen(PASTE_END));
    char *text = text_sanitise(self.paste->str, (gssize)self.paste->len, TEXT_OUTPUT);
    g_string_free(self.paste, TRUE);
    self.paste = NULL;
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
    wtimeout(self.input, 25);
    for (int i = 1; i < n; i++) {
        int c = read_code();
        if (c < 0x80 || c > 0xbf)
            n = 0;
        else
            bytes[i] = (char)c;
    }
    wtimeout(self.input, 0);
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
    wtimeout(self.input, 25);
    while ((c = read_code()) >= 0x20 && c < 0x40 && n < 64)
        n++;
    more = n > 0 ? 0 : c == 'M' ? 3 : c == '[' ? 1 : 0;
    while (more-- > 0)
        read_code();
    wtimeout(self.input, 0);
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
    if (!self.active)
        return FALSE;
    set_line_mode(FALSE);
    for (;;) {
        if (self.paste != NULL) {
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
            self.paste = g_string_new(NULL);
            self.paste_usec = g_get_monotonic_time();
            self.paste_end = 0;
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
    if (!self.active)
        return -1;
    set_line_mode(TRUE);
    while (n < size) {
        int code = read_code();
        if (code == ERR)
            break;
        if (code <= 0xff)
            buffer[n++] = (char)code;
    }
    return n > 0 ? n : self.gone ? -1 : 0;
}

/* Puts bytes before all others; curses keeps some 130. */
void screen_unread(const guint8 *bytes, gsize n)
{
    if (!self.active)
        return;
    while (n > 0)
        ungetch(bytes[--n]);
}

/* Whether the terminal hung up. */
gboolean screen_is_gone(void)
{
    return self.gone;
}

/* Mouse reports on or off. */
void screen_set_mouse(gboolean on)
{
    self.mouse = on;
    mousemask(on ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
    mouseinterval(0);
}

/* How long a key that begins with ESC may take. */
void screen_set_escape_delay(int ms)
{
    self.escape_delay_ms = ms;
    if (self.curses != NULL)
        set_escdelay(ms);
}

/* Whether mouse reports are on. */
gboolean screen_mouse(void)
{
    return self.mouse;
}

/* Hands text to the terminal's clipboard. */
void screen_copy(const char *text)
{
    if (!self.active || self.test)
        return;
    g_autofree char *sequence = clipboard_sequence(text, clipboard_way());
    outlet_write(sequence, strlen(sequence));
    outlet_flush();
}

/* Rings. */
void screen_beep(void)
{
    if (!self.active || self.test)
        return;
    beep();
    outlet_flush();
}

/* --- tests --------------------------------------------------------------------------------- */

/* A screen without a terminal: curses writes to /dev/null for a terminal everybody has. */
void screen_open_test(int height, int width)
{
    screen_free();
    self.null = fopen("/dev/null", "r+");
    self.curses = newterm("xterm-256color", self.null, self.null);
    if (self.curses == NULL)
        g_error("no description of xterm-256color: is ncurses-base installed?");
    self.test = TRUE;
    configure();
    resizeterm(height, width);
    self.roles = g_new0(guint16, (gsize)(height * width));
    self.roles_height = height;
    self.roles_width = width;
    self.active = TRUE;
}

/* Notes roles on a test screen. */
void screen_note_role(int y, int x, int width, Role role, Role base)
{
    if (self.roles == NULL || y < 0 || y >= self.roles_height)
        return;
    for (int i = MAX(x, 0); i < x + width && i < self.roles_width; i++)
        self.roles[y * self.roles_width + i] = (guint16)(role | base << 8);
}

/* The text of the picture. */
char *screen_dump(void)
{
    GString *out = g_string_new(NULL);
    for (int y = 0; y < getmaxy(stdscr); y++) {
        gsize solid = out->len;
        for (int x = 0; x < getmaxx(stdscr);) {
            cchar_t cell;
            wchar_t wc[CCHARW_MAX + 1] = {0};
            attr_t attrs;
            short pair;
            mvwin_wch(stdscr, y, x, &cell);
            getcchar(&cell, wc, &attrs, &pair, NULL);
            for (int i = 0; wc[i] != 0; i++)
                g_string_append_unichar(out, (gunichar)wc[i]);
            if (wc[0] != ' ' && wc[0] != 0)
                solid = out->len;
            x += MAX(1, text_char_width((gunichar)wc[0]));
        }
        g_string_truncate(out, solid);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/* Whether every cell has the attributes that its role should give it. */
gboolean screen_check_attributes(void)
{
    for (int y = 0; y < self.roles_height; y++) {
        for (int x = 0; x < self.roles_width; x++) {
            guint16 at = self.roles[y * self.roles_width + x];
            cchar_t cell;
            wchar_t wc[CCHARW_MAX + 1];
            attr_t attrs, wanted;
            short pair, wanted_pair;
            mvwin_wch(stdscr, y, x, &cell);
            getcchar(&cell, wc, &attrs, &pair, NULL);
            theme_attributes(at & 0xff, at >> 8, &wanted, &wanted_pair);
            if (pair != wanted_pair || (attrs & (A_BOLD | A_DIM | A_REVERSE | A_UNDERLINE)) !=
                                           (wanted & (A_BOLD | A_DIM | A_REVERSE | A_UNDERLINE)))
                return FALSE;
        }
    }
    return TRUE;
}

/* The roles of one row, as runs: `x-y:role[@base]`. */
char *screen_dump_roles(int y)
{
    GString *out = g_string_new(NULL);
    for (int x = 0, end; x < self.roles_width; x = end) {
        guint16 at = self.roles[y * self.roles_width + x];
        for (end = x + 1; end < self.roles_width; end++)
            if (self.roles[y * self.roles_width + end] != at)
                break;
        if (at == 0)
            continue;
        g_string_append_printf(out, "%s%d-%d:%s", out->len > 0 ? " " : "", x, end - 1,
                               theme_role_name(at & 0xff));
        if (at >> 8 != 0)
            g_string_append_printf(out, "@%s", theme_role_name(at >> 8));
    }
    return g_string_free(out, FALSE);
}

/* One colour of a look. */
static void append_colour(GString *out, short colour)
{
    if (colour < 0)
        g_string_append_c(out, '-');
    else
        g_string_append_printf(out, "%d", colour);
}

/* The runs of one row that do not look plain. */
static void append_looks(GString *out, int y)
{
    static const char letters[] = "bdru"; /* in the order of LookAttrs */
    for (int x = 0, end; x < self.roles_width; x = end) {
        guint16 at = self.roles[y * self.roles_width + x];
        ThemeLook look = theme_look(at & 0xff, at >> 8);
        for (end = x + 1; end < self.roles_width; end++) {
            guint16 other_at = self.roles[y * self.roles_width + end];
            ThemeLook other = theme_look(other_at & 0xff, other_at >> 8);
            if (other.fg != look.fg || other.bg != look.bg || other.attrs != look.attrs)
                break;
        }
        if (look.fg < 0 && look.bg < 0 && look.attrs == 0)
            continue;
        g_string_append_printf(out, "  %d-%d ", x, end - 1);
        append_colour(out, look.fg);
        g_string_append_c(out, '/');
        append_colour(out, look.bg);
        for (guint i = 0; letters[i] != '\0'; i++)
            if ((look.attrs >> i & 1) != 0)
                g_string_append_c(out, letters[i]);
    }
}

/* Text and looks of the picture. */
char *screen_dump_looks(void)
{
    g_autofree char *text = screen_dump();
    g_auto(GStrv) rows = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);
    for (int y = 0; y < self.roles_height && rows[y] != NULL; y++) {
        g_string_append_printf(out, "%s\n", rows[y]);
        gsize before = out->len;
        append_looks(out, y);
        if (out->len > before)
            g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}
