/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Colours by role. A widget says what a thing *is*; the theme says how that looks on this terminal
 * (256, 16, 8 colours or none). Nothing is told by colour alone: without colours roles that matter
 * keep an attribute, and every state is also a word or a sign.
 *
 * A cell is drawn in a role on a base. The base gives the background (plain, the selected row, a
 * bar, a pop-up), the role the foreground.
 *
 * UI thread only; one theme per process.
 */
#pragma once

#include <glib.h>

#include "widgets/glyphs.h"

/* The single list of roles: enum name, name in `color` and in tests, what it is for. */
/* clang-format off */
#define THEME_ROLES(X)                                                                             \
    X(TEXT, "text", "ordinary text, and the background of everything")                             \
    X(DIM, "dim", "what is less important")                                                        \
    X(STRONG, "strong", "what is more important")                                                  \
    X(BRAND, "brand", "the program's name in the header")                                          \
    X(BAR, "bar", "header and footer bars")                                                        \
    X(SELECTED, "selected", "the row under the cursor")                                            \
    X(POPUP, "popup", "menus and questions")                                                       \
    X(PICKED, "picked", "the chosen line of a menu")                                               \
    X(COLUMN, "column", "headings of columns")                                                     \
    X(SORTED, "sorted", "the heading of the column that is sorted by")                             \
    X(BORDER, "border", "frames and lines")                                                        \
    X(TITLE, "title", "headings of panes, pages and graphs")                                       \
    X(LABEL, "label", "names of figures")                                                          \
    X(TAB, "tab", "tabs that are not shown")                                                       \
    X(TAB_ACTIVE, "tab-active", "the tab that is shown")                                           \
    X(KEY, "key", "keys in the footer and in menus")                                               \
    X(OFF, "off", "what cannot be used now")                                                       \
    X(MARK, "mark", "marks, and which pane has the keys")                                          \
    X(STALE, "stale", "figures that are old")                                                      \
    X(VM, "vm", "guests")                                                                          \
    X(CONTAINER, "container", "containers")                                                        \
    X(RUNNING, "running", "the state running")                                                     \
    X(PAUSED, "paused", "the state paused")                                                        \
    X(STOPPED, "stopped", "the state stopped")                                                     \
    X(CHANGING, "changing", "states that change: starting, stopping")                              \
    X(CRASHED, "crashed", "the state crashed")                                                     \
    X(SAVED, "saved", "the state saved")                                                           \
    X(OK, "ok", "what went well")                                                                  \
    X(WARN, "warn", "what needs attention")                                                        \
    X(ERROR, "error", "what failed")                                                               \
    X(LOW, "low", "load below 60 %")                                                               \
    X(MIDDLE, "middle", "load from 60 %")                                                          \
    X(HIGH, "high", "load from 85 %")                                                              \
    X(STEAL, "steal", "time that a guest waited for the host's CPUs")                              \
    X(PRESSURE, "pressure", "time that tasks stalled")                                             \
    X(TRACK, "track", "the empty part of bars, the ground of graphs")                              \
    X(MATCH, "match", "what a search found")                                                       \
    X(PROMPT, "prompt", "the command line's prompt")                                               \
    X(HINT, "hint", "remarks beside what is typed")                                                \
    X(SYNTAX_NAME, "syntax-name", "names in XML and JSON")                                         \
    X(SYNTAX_STRING, "syntax-string", "strings in XML and JSON")                                   \
    X(SYNTAX_VALUE, "syntax-value", "other values in XML and JSON")
/* clang-format on */

typedef enum {
#define X(role, name, summary) ROLE_##role,
    THEME_ROLES(X)
#undef X
        ROLE_N
} Role;

typedef enum { THEME_MONO, THEME_8, THEME_16, THEME_256 } ThemeDepth;

const char *theme_role_name(Role role);
const char *theme_role_summary(Role role);

/* NULL-terminated, static. */
const char *const *theme_names(void);
const char *theme_current(void);

/* FALSE when there is no such theme; nothing changes then. */
gboolean theme_select(const char *name);

/* Whether the theme paints its own background; else the terminal's own, with its pictures and its
 * transparency, stays (but for bars and the selected row). The theme high-contrast always paints:
 * a contrast can only be promised between two known colours. */
void theme_set_background(gboolean painted);

/* The depth for a terminal of `colours` colours (-1: none), with NO_COLOR (no-color.org: set and
 * not empty turns colours off) taken from the environment. */
ThemeDepth theme_depth_for(int colours);
void theme_set_depth(ThemeDepth depth);
ThemeDepth theme_depth(void);

/* How a role looks on a base: indexes into the terminal's palette, -1 for the terminal's own. */
typedef enum { LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_REVERSE = 4, LOOK_UNDERLINE = 8 } LookAttrs;
typedef struct {
    short fg, bg;
    guint8 attrs; /* LookAttrs */
} ThemeLook;
ThemeLook theme_look(Role role, Role base);

/* Changes a role in all themes. Colours: `default` (the terminal's own), 0..255, a name like red or
 * bright-red, 0xRRGGBB; attributes: none or bold,dim,underline,reverse; `-` or NULL keeps what the
 * theme has. Errors are G_OPTION_ERROR_BAD_VALUE. */
gboolean theme_set_role(const char *role, const char *fg, const char *bg, const char *attrs,
                        GError **error);
/* Back to what the theme has; NULL: all. */
gboolean theme_reset_role(const char *role, GError **error);
/* "color ROLE FG BG ATTRS" as it was changed, or NULL when it was not. g_free() */
char *theme_role_line(Role role);

/* GLYPHS_ASCII in ASCII mode, else what graphs are made of (glyphs.h). */
Glyphs theme_glyphs(void);

/* The role of a load between 0 and 1. */
Role theme_load_role(double load);
