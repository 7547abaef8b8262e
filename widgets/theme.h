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

/* The single list of roles: enum name, name in `theme` output and tests. */
#define THEME_ROLES(X)                                                                             \
    X(TEXT, "text")                                                                                \
    X(DIM, "dim")                                                                                  \
    X(STRONG, "strong")                                                                            \
    X(BRAND, "brand")                                                                              \
    X(BAR, "bar")                                                                                  \
    X(SELECTED, "selected")                                                                        \
    X(POPUP, "popup")                                                                              \
    X(PICKED, "picked")                                                                            \
    X(COLUMN, "column")                                                                            \
    X(SORTED, "sorted")                                                                            \
    X(BORDER, "border")                                                                            \
    X(TITLE, "title")                                                                              \
    X(LABEL, "label")                                                                              \
    X(TAB, "tab")                                                                                  \
    X(TAB_ACTIVE, "tab-active")                                                                    \
    X(KEY, "key")                                                                                  \
    X(OFF, "off")                                                                                  \
    X(MARK, "mark")                                                                                \
    X(STALE, "stale")                                                                              \
    X(VM, "vm")                                                                                    \
    X(CONTAINER, "container")                                                                      \
    X(RUNNING, "running")                                                                          \
    X(PAUSED, "paused")                                                                            \
    X(STOPPED, "stopped")                                                                          \
    X(CHANGING, "changing")                                                                        \
    X(CRASHED, "crashed")                                                                          \
    X(SAVED, "saved")                                                                              \
    X(OK, "ok")                                                                                    \
    X(WARN, "warn")                                                                                \
    X(ERROR, "error")                                                                              \
    X(LOW, "low")                                                                                  \
    X(MIDDLE, "middle")                                                                            \
    X(HIGH, "high")                                                                                \
    X(STEAL, "steal")                                                                              \
    X(TRACK, "track")                                                                              \
    X(MATCH, "match")                                                                              \
    X(PROMPT, "prompt")                                                                            \
    X(HINT, "hint")                                                                                \
    X(SYNTAX_NAME, "syntax-name")                                                                  \
    X(SYNTAX_STRING, "syntax-string")                                                              \
    X(SYNTAX_VALUE, "syntax-value")

typedef enum {
#define X(role, name) ROLE_##role,
    THEME_ROLES(X)
#undef X
        ROLE_N
} Role;

typedef enum { THEME_MONO, THEME_8, THEME_16, THEME_256 } ThemeDepth;

/* What graphs and lines are made of. */
typedef enum { GLYPHS_ASCII, GLYPHS_BLOCKS, GLYPHS_BRAILLE } Glyphs;

const char *theme_role_name(Role role);

/* NULL-terminated, static. */
const char *const *theme_names(void);
const char *theme_current(void);

/* FALSE when there is no such theme; nothing changes then. */
gboolean theme_select(const char *name);

/* The depth for a terminal of `colours` colours (-1: none), with NO_COLOR (no-color.org: set and
 * not empty turns colours off) taken from the environment. */
ThemeDepth theme_depth_for(int colours);
void theme_set_depth(ThemeDepth depth);
ThemeDepth theme_depth(void);

/* Never more than the locale can show: ASCII wins. */
void theme_set_glyphs(Glyphs glyphs);
Glyphs theme_glyphs(void);

/* The role of a load between 0 and 1. */
Role theme_load_role(double load);
