/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen.c - takes the terminal, shows pictures on it, gives it back. */
#include "widgets/screen_private.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "widgets/clipboard.h"
#include "widgets/outlet.h"
#include "widgets/rescue.h"

/* Synchronised output: terminals that know it show the picture at once, others ignore it. */
#define SYNC_BEGIN "\033[?2026h"
#define SYNC_END   "\033[?2026l"
#define PASTE_ON   "\033[?2004h"

ScreenState screen_state = {.cursor_y = -1};

/* What every kind of screen sets up once newterm() has worked. */
static void configure(void)
{
    set_escdelay(screen_state.escape_delay_ms > 0 ? screen_state.escape_delay_ms : 25);
    noecho();
    raw();
    nonl();
    curs_set(0);
    screen_state.input = newpad(1, 1);
    keypad(screen_state.input, TRUE);
    nodelay(screen_state.input, TRUE);
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
    if (screen_state.curses != NULL) {
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
    screen_state.curses = newterm(NULL, out, stdin);
    sigaction(SIGWINCH, &winch, NULL);
    sigaction(SIGTSTP, &tstp, NULL);
    if (screen_state.curses == NULL) {
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
    if (screen_state.active)
        return TRUE;
    rescue_save_modes();
    if (!start_curses(error))
        return FALSE;
    rescue_arm(RESCUE_ALL);
    if (!screen_state.test)
        rescue_hold_stderr();
    screen_state.active = TRUE;
    screen_state.line_mode = FALSE;
    keypad(screen_state.input, TRUE);
    screen_resize();
    outlet_hold();
    outlet_write(PASTE_ON, strlen(PASTE_ON));
    if (screen_state.mouse)
        screen_set_mouse(TRUE);
    screen_state.redraw = TRUE;
    return TRUE;
}

/* Gives the terminal back. */
void screen_leave(void)
{
    if (!screen_state.active)
        return;
    screen_state.active = FALSE;
    gboolean mouse = screen_state.mouse;
    if (mouse)
        screen_set_mouse(FALSE);
    screen_state.mouse = mouse;
    curs_set(1);
    outlet_release();
    endwin();
    if (screen_state.test)
        return;
    rescue_restore();
    /* who has the terminal meanwhile may change its modes, and crash */
    rescue_arm(RESCUE_MODES);
    rescue_release_stderr();
}

void screen_restore_modes(void)
{
    if (!screen_state.active && !screen_state.test)
        rescue_restore_modes();
}

/* Whether the terminal is ours. */
gboolean screen_is_active(void)
{
    return screen_state.active;
}

/* Gives everything back. */
void screen_free(void)
{
    screen_leave();
    rescue_arm(RESCUE_NOTHING);
    if (screen_state.curses != NULL) {
        delwin(screen_state.input);
        delscreen(screen_state.curses);
    }
    screen_state.curses = NULL;
    screen_state.input = NULL;
    if (screen_state.paste != NULL)
        g_string_free(screen_state.paste, TRUE);
    screen_state.paste = NULL;
    outlet_close();
    g_clear_pointer(&screen_state.roles, g_free);
    if (screen_state.null != NULL)
        fclose(screen_state.null);
    screen_state.null = NULL;
    screen_state.test = FALSE;
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
    if (screen_state.test || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
        size.ws_col == 0)
        return FALSE;
    if (size.ws_row == getmaxy(stdscr) && size.ws_col == getmaxx(stdscr))
        return FALSE;
    resizeterm(size.ws_row, size.ws_col);
    screen_state.redraw = TRUE;
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
    screen_state.cursor_y = -1;
    if (screen_state.roles != NULL)
        memset(screen_state.roles, 0,
               sizeof *screen_state.roles *
                   (gsize)(screen_state.roles_height * screen_state.roles_width));
}

/* Sends the differences. */
gboolean screen_show(void)
{
    gboolean all = screen_state.redraw && !screen_state.test;
    if (!screen_state.active)
        return TRUE;
    if (all) {
        outlet_write(SYNC_BEGIN, strlen(SYNC_BEGIN));
        clearok(curscr, TRUE);
    }
    screen_state.redraw = FALSE;
    rescue_limit_stderr();
    if (screen_state.cursor_y >= 0)
        wmove(stdscr, screen_state.cursor_y, screen_state.cursor_x);
    curs_set(screen_state.cursor_y >= 0);
    leaveok(stdscr, screen_state.cursor_y < 0); /* a hidden cursor need not be put anywhere */
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
    screen_state.redraw = TRUE;
}

/* Shows the cursor there. */
void screen_set_cursor(const Canvas *c, int y, int x)
{
    if (c->height <= 0 || c->width <= 0)
        return;
    screen_state.cursor_y = c->y + CLAMP(y, 0, c->height - 1);
    screen_state.cursor_x = c->x + CLAMP(x, 0, c->width - 1);
}

/* Whether the terminal hung up. */
gboolean screen_is_gone(void)
{
    return screen_state.gone;
}

/* Mouse reports on or off. */
void screen_set_mouse(gboolean on)
{
    screen_state.mouse = on;
    mousemask(on ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
    mouseinterval(0);
}

/* How long a key that begins with ESC may take. */
void screen_set_escape_delay(int ms)
{
    screen_state.escape_delay_ms = ms;
    if (screen_state.curses != NULL)
        set_escdelay(ms);
}

/* Whether mouse reports are on. */
gboolean screen_mouse(void)
{
    return screen_state.mouse;
}

/* Hands text to the terminal's clipboard. */
void screen_copy(const char *text)
{
    if (!screen_state.active || screen_state.test)
        return;
    g_autofree char *sequence = clipboard_sequence(text, clipboard_way());
    outlet_write(sequence, strlen(sequence));
    outlet_flush();
}

/* Rings. */
void screen_beep(void)
{
    if (!screen_state.active || screen_state.test)
        return;
    beep();
    outlet_flush();
}

/* --- tests --------------------------------------------------------------------------------- */

/* A screen without a terminal: curses writes to /dev/null for a terminal everybody has. */
void screen_open_test(int height, int width)
{
    screen_free();
    screen_state.null = fopen("/dev/null", "r+");
    screen_state.curses = newterm("xterm-256color", screen_state.null, screen_state.null);
    if (screen_state.curses == NULL)
        g_error("no description of xterm-256color: is ncurses-base installed?");
    screen_state.test = TRUE;
    configure();
    resizeterm(height, width);
    screen_state.roles = g_new0(guint16, (gsize)(height * width));
    screen_state.roles_height = height;
    screen_state.roles_width = width;
    screen_state.active = TRUE;
}
