/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/textview.h"

#include <string.h>

struct TextView {
    GPtrArray *lines;
    TextViewSyntax syntax;
    int top;           /* first line that shows */
    int offset;        /* wrapped: rows of that line scrolled off */
    int left;          /* cells scrolled off */
    int height, width; /* of the last draw */
    int widest;
    gboolean wrap;
    char *needle;
};

/* An empty viewer. */
TextView *textview_new(void)
{
    TextView *v = g_new0(TextView, 1);
    v->lines = g_ptr_array_new_with_free_func(g_free);
    v->height = v->width = 1;
    return v;
}

/* Frees a viewer; NULL is fine. */
void textview_free(TextView *v)
{
    if (v == NULL)
        return;
    g_ptr_array_unref(v->lines);
    g_free(v->needle);
    g_free(v);
}

/* Cuts the text into lines. */
void textview_set_text(TextView *v, const char *text, gssize length, TextViewSyntax syntax)
{
    g_autofree char *safe = text_sanitise(text, length, TEXT_OUTPUT);
    g_ptr_array_set_size(v->lines, 0);
    v->syntax = syntax;
    v->widest = 0;
    for (char *line = safe, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        g_ptr_array_add(v->lines, g_strdup(line));
        v->widest = MAX(v->widest, text_width(line));
    }
    v->top = CLAMP(v->top, 0, MAX(0, (int)v->lines->len - 1));
}

/* A line. */
static const char *line_at(const TextView *v, int i)
{
    return g_ptr_array_index(v->lines, i);
}

/* Rows a line takes: wrapped it breaks at spaces where there are some. */
static int rows_of(const TextView *v, int i)
{
    int rows = 0;
    const char *s = line_at(v, i);
    do {
        s = text_break(s, v->width);
        s += *s == ' ';
        rows++;
    } while (v->wrap && *s != '\0');
    return rows;
}

/* Cells of the bytes [from, to). */
static int cells_between(const char *from, const char *to)
{
    g_autofree char *part = g_strndup(from, (gsize)(to - from));
    return text_width(part);
}

/* The part of a wrapped line that a row shows, and the cells before it. */
typedef struct {
    const char *from, *to;
    int at;
} Row;

/* The first row of a line. */
static Row first_row(const TextView *v, const char *line)
{
    return (Row){.from = line, .to = text_break(line, v->width)};
}

/* The next row; FALSE after the last. */
static gboolean next_row(const TextView *v, Row *row)
{
    const char *from = row->to + (*row->to == ' ');
    if (*from == '\0')
        return FALSE;
    *row = (Row){.from = from,
                 .to = text_break(from, v->width),
                 .at = row->at + cells_between(row->from, from)};
    return TRUE;
}

/* Draws bytes [from, to) of a line whose cell of `from` is `at`. */
static int draw_span(const Canvas *c, int y, int at, int skip, Role role, const char *from,
                     const char *to)
{
    g_autofree char *span = g_strndup(from, (gsize)(to - from));
    int width = text_width(span);
    if (at + width > skip)
        canvas_text_from(c, y, MAX(at - skip, 0), MAX(skip - at, 0), role, span);
    return at + width;
}

/* Where a quoted string that begins at `s` ends. */
static const char *end_of_string(const char *s)
{
    char quote = *s++;
    for (; *s != '\0' && *s != quote; s++)
        if (*s == '\\' && s[1] != '\0')
            s++;
    return *s == quote ? s + 1 : s;
}

/* The next piece of XML and its role. */
static const char *xml_span(const char *s, const char *line, Role *role)
{
    *role = ROLE_TEXT;
    if (*s == '<') {
        *role = ROLE_SYNTAX_NAME;
        return s + strcspn(s, " \t>") + (s[strcspn(s, " \t>")] == '>');
    }
    if (*s == '\'' || *s == '"') {
        const char *before = s > line ? s - 1 : s;
        *role = *before == '=' ? ROLE_SYNTAX_STRING : ROLE_TEXT;
        return *before == '=' ? end_of_string(s) : s + 1;
    }
    if (*s == '>' || *s == '/' || *s == '?') {
        *role = ROLE_SYNTAX_NAME;
        return s + 1;
    }
    size_t n = strcspn(s, "<>'\"/?");
    return s + MAX(n, 1);
}

/* The next piece of JSON and its role. */
static const char *json_span(const char *s, const char *line, Role *role)
{
    (void)line;
    *role = ROLE_TEXT;
    if (*s == '"') {
        const char *end = end_of_string(s), *after = end + strspn(end, " ");
        *role = *after == ':' ? ROLE_SYNTAX_NAME : ROLE_SYNTAX_STRING;
        return end;
    }
    size_t n = strspn(s, "-+.0123456789abcdefghijklmnopqrstuvwxyzE");
    if (n > 0) {
        *role = ROLE_SYNTAX_VALUE;
        return s + n;
    }
    n = strcspn(s, "\"-+.0123456789abcdefghijklmnopqrstuvwxyzE");
    return s + MAX(n, 1);
}

/* `name: value` lines; a line without indentation and value is a heading. */
static const char *field_span(const char *s, const char *line, Role *role)
{
    *role = ROLE_TEXT;
    if (s == line && *line != '\0' && *line != ' ' && strchr(line, ':') == NULL) {
        *role = ROLE_TITLE;
        return s + strlen(s);
    }
    const char *colon = s == line ? strstr(s, ": ") : NULL;
    if (s == line && colon == NULL && g_str_has_suffix(s, ":"))
        colon = s + strlen(s) - 1;
    if (colon != NULL && colon - s < 32) {
        *role = ROLE_LABEL;
        return colon + 1;
    }
    return s + strlen(s);
}

/* Draws a line without its first `skip` cells. */
static void draw_line(const TextView *v, const Canvas *c, int skip, const char *line)
{
    static const char *(*const spans[])(const char *, const char *, Role *) = {
        [TEXTVIEW_XML] = xml_span, [TEXTVIEW_JSON] = json_span, [TEXTVIEW_FIELDS] = field_span};
    int at = 0;
    if (v->syntax == TEXTVIEW_PLAIN) {
        canvas_text_from(c, 0, 0, skip, ROLE_TEXT, line);
        return;
    }
    for (const char *s = line, *end; *s != '\0' && at < skip + c->width; s = end) {
        Role role;
        end = spans[v->syntax](s, line, &role);
        at = draw_span(c, 0, at, skip, role, s, end);
    }
}

/* A match in a line, and the cells before it. */
typedef struct {
    const char *from, *to; /* from NULL: there are no more */
    int at;
} Match;

/* The first match in what follows `s`, before which there are `at` cells. */
static Match find_match(const TextView *v, const char *s, int at)
{
    Match match = {0};
    if (v->needle != NULL)
        match.from = text_find(s, v->needle, &match.to);
    if (match.from != NULL)
        match.at = at + cells_between(s, match.from);
    return match;
}

/* Draws the matches of a row from the one given on, which becomes the first that the next row may
 * show. */
static void draw_matches(const TextView *v, const Canvas *c, int skip, Match *match)
{
    while (match->from != NULL && match->at < skip + c->width) {
        int past = draw_span(c, 0, match->at, skip, ROLE_MATCH, match->from, match->to);
        if (past > skip + c->width)
            return;
        *match = find_match(v, match->to, past);
    }
}

/* The last place to scroll to: the end of the text at the bottom. */
static void limit_scroll(TextView *v)
{
    int n = (int)v->lines->len, rows = 0, i = n;
    while (i > 0 && rows < v->height)
        rows += rows_of(v, --i);
    int spare = MAX(0, rows - v->height);
    v->top = MAX(v->top, 0);
    if (v->top > i || (v->top == i && v->offset > spare)) {
        v->top = i;
        v->offset = spare;
    }
    v->left = v->wrap ? 0 : CLAMP(v->left, 0, MAX(0, v->widest - v->width));
}

/* Draws what shows. */
void textview_draw(TextView *v, const Canvas *c)
{
    v->height = MAX(1, c->height);
    v->width = MAX(1, c->width);
    limit_scroll(v);
    int y = -v->offset;
    for (int i = v->top; i < (int)v->lines->len && y < c->height; i++) {
        Row row = first_row(v, line_at(v, i));
        Match match = find_match(v, line_at(v, i), 0);
        do {
            if (y < 0)
                continue;
            int skip = v->wrap ? row.at : v->left;
            int width = v->wrap ? cells_between(row.from, row.to) : c->width;
            Canvas line = canvas_sub(c, y, 0, 1, width);
            draw_line(v, &line, skip, line_at(v, i));
            draw_matches(v, &line, skip, &match);
        } while (++y < c->height && v->wrap && next_row(v, &row));
    }
}

/* One row on, through wrapped lines. */
static void scroll_rows(TextView *v, int rows)
{
    int here = rows > 0 ? rows_of(v, v->top) : 0; /* of the line at the top */
    for (; rows > 0; rows--) {
        if (v->offset + 1 < here) {
            v->offset++;
        } else if (v->top + 1 < (int)v->lines->len) {
            here = rows_of(v, ++v->top);
            v->offset = 0;
        }
    }
    for (; rows < 0; rows++) {
        if (v->offset > 0)
            v->offset--;
        else if (v->top > 0)
            v->top--, v->offset = rows_of(v, v->top) - 1;
    }
    limit_scroll(v);
}

/* Scrolls. */
void textview_move(TextView *v, TextViewMove move)
{
    if (v->lines->len == 0)
        return;
    switch (move) {
    case TEXTVIEW_UP:
        scroll_rows(v, -1);
        break;
    case TEXTVIEW_DOWN:
        scroll_rows(v, 1);
        break;
    case TEXTVIEW_PAGE_UP:
        scroll_rows(v, -MAX(1, v->height - 1));
        break;
    case TEXTVIEW_PAGE_DOWN:
        scroll_rows(v, MAX(1, v->height - 1));
        break;
    case TEXTVIEW_HALF_UP:
        scroll_rows(v, -MAX(1, v->height / 2));
        break;
    case TEXTVIEW_HALF_DOWN:
        scroll_rows(v, MAX(1, v->height / 2));
        break;
    case TEXTVIEW_FIRST:
        v->top = v->offset = 0;
        break;
    case TEXTVIEW_LAST:
        v->top = (int)v->lines->len;
        limit_scroll(v);
        break;
    case TEXTVIEW_LEFT:
        v->left = MAX(0, v->left - 8);
        break;
    case TEXTVIEW_RIGHT:
        v->left += 8;
        limit_scroll(v);
        break;
    }
}

/* Wraps long lines, or cuts them. */
void textview_set_wrap(TextView *v, gboolean wrap)
{
    v->wrap = wrap;
    v->offset = 0;
    limit_scroll(v);
}

/* Whether long lines wrap. */
gboolean textview_wraps(const TextView *v)
{
    return v->wrap;
}

/* Whether a line matches. */
static gboolean matches(const TextView *v, int i)
{
    const char *end;
    return text_find(line_at(v, i), v->needle, &end) != NULL;
}

/* Goes to the first match from line `from` on in a direction, around the end. */
static gboolean seek(TextView *v, int from, int step)
{
    int n = (int)v->lines->len;
    for (int k = 0; k < n; k++) {
        int i = ((from + k * step) % n + n) % n;
        if (!matches(v, i))
            continue;
        v->top = i;
        v->offset = 0;
        return TRUE;
    }
    return FALSE;
}

/* Begins a search. */
guint textview_search(TextView *v, const char *needle)
{
    guint found = 0;
    g_clear_pointer(&v->needle, g_free);
    if (needle == NULL || *needle == '\0')
        return 0;
    v->needle = g_strdup(needle);
    for (guint i = 0; i < v->lines->len; i++)
        found += matches(v, (int)i);
    if (found > 0)
        seek(v, v->top, 1);
    return found;
}

/* Goes on with the search. */
gboolean textview_search_next(TextView *v, gboolean backwards)
{
    if (v->needle == NULL || v->lines->len == 0)
        return FALSE;
    return seek(v, v->top + (backwards ? -1 : 1), backwards ? -1 : 1);
}

/* What is searched for, NULL when nothing is. */
const char *textview_needle(const TextView *v)
{
    return v->needle;
}

/* Where the reader is. */
char *textview_position(const TextView *v)
{
    int n = (int)v->lines->len, last = v->top, rows = -v->offset;
    while (last < n && rows < v->height)
        rows += rows_of(v, last++);
    return n == 0 ? g_strdup("empty") : g_strdup_printf("%d-%d of %d", v->top + 1, last, n);
}

/* Lines of the text. */
guint textview_n_lines(const TextView *v)
{
    return v->lines->len;
}
