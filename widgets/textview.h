/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A viewer for text: scrolls both ways, wraps on request, searches. The text is sanitised when it
 * is set. The place is kept when the text is replaced, so a viewer can be refreshed under the
 * reader.
 */
#pragma once

#include "widgets/canvas.h"

typedef enum { TEXTVIEW_PLAIN, TEXTVIEW_XML, TEXTVIEW_JSON, TEXTVIEW_FIELDS } TextViewSyntax;

typedef struct TextView TextView;

typedef enum {
    TEXTVIEW_UP,
    TEXTVIEW_DOWN,
    TEXTVIEW_PAGE_UP,
    TEXTVIEW_PAGE_DOWN,
    TEXTVIEW_HALF_UP,
    TEXTVIEW_HALF_DOWN,
    TEXTVIEW_FIRST,
    TEXTVIEW_LAST,
    TEXTVIEW_LEFT,
    TEXTVIEW_RIGHT,
} TextViewMove;

TextView *textview_new(void);
void textview_free(TextView *v);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextView, textview_free)

/* Copies. `length` -1: to the NUL. FIELDS colours `name: value` lines. */
void textview_set_text(TextView *v, const char *text, gssize length, TextViewSyntax syntax);

void textview_draw(TextView *v, const Canvas *c);
void textview_move(TextView *v, TextViewMove move);
void textview_set_wrap(TextView *v, gboolean wrap);
gboolean textview_wraps(const TextView *v);

/* Marks every match (no regard to case) and goes to the first at or after the top. NULL or "" ends
 * the search. Returns the number of matching lines. */
guint textview_search(TextView *v, const char *needle);

/* The next / previous match, around the end. FALSE when there is none. */
gboolean textview_search_next(TextView *v, gboolean backwards);

const char *textview_needle(const TextView *v);

/* `12-40 of 93`, for a title line. g_free() it. */
char *textview_position(const TextView *v);

guint textview_n_lines(const TextView *v);
