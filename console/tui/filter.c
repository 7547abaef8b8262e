/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/tui/filter.h"

#include <string.h>

#include "console/columns.h"
#include "console/command.h"

typedef enum { MATCH_TEXT, MATCH_REGEX, MATCH_FIELD, MATCH_FIGURE } MatchType;

typedef enum { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL } Compare;

typedef struct {
    MatchType type;
    gboolean inverse;
    char *key, *value; /* value in folded case */
    gboolean ascii;    /* the value is */
    GRegex *regex;
    GPatternSpec *pattern;
    const Column *column; /* of a figure */
    Compare compare;
    double number;
} Word;

struct Filter {
    GPtrArray *words;
};

/* ---- figures -------------------------------------------------------------------------------- */

/* A number as people write it for this figure: bytes, seconds or plain. */
static gboolean parse_number(ColumnUnit unit, const char *text, double *ret)
{
    gint64 bytes;
    gint ms;
    char *end;

    if (unit == UNIT_SECONDS && parse_duration_ms(text, &ms, NULL)) {
        *ret = ms / 1000.0;
        return TRUE;
    }
    *ret = g_ascii_strtod(text, &end);
    if (end != text && (*end == '\0' || strcmp(end, "%") == 0))
        return TRUE;
    if ((unit == UNIT_BYTES || unit == UNIT_BYTES_RATE) && parse_size_bytes(text, &bytes, NULL)) {
        *ret = (double)bytes;
        return TRUE;
    }
    return FALSE;
}

/* ---- making --------------------------------------------------------------------------------- */

static void word_free(gpointer p)
{
    Word *word = p;

    g_free(word->key);
    g_free(word->value);
    if (word->regex != NULL)
        g_regex_unref(word->regex);
    if (word->pattern != NULL)
        g_pattern_spec_free(word->pattern);
    g_free(word);
}

/* `~re` or `/re/`. */
static gboolean parse_regex(Word *word, const char *text, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *pattern = g_strdup(text + 1);
    gsize length = strlen(pattern);

    if (*text == '/' && length > 0 && pattern[length - 1] == '/')
        pattern[length - 1] = '\0';
    word->type = MATCH_REGEX;
    word->regex = g_regex_new(pattern, G_REGEX_CASELESS, 0, &why);
    if (word->regex == NULL)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "filter: '%s' is no regular expression: %s", text, why->message);
    return TRUE;
}

/* `key>number`. */
static gboolean parse_figure(Word *word, const char *text, const char *op, GError **error)
{
    gboolean equal = op[1] == '=';

    word->type = MATCH_FIGURE;
    word->key = g_strndup(text, (gsize)(op - text));
    word->compare = *op == '>' ? (equal ? GREATER_EQUAL : GREATER) : (equal ? LESS_EQUAL : LESS);
    ColumnId id = column_find(word->key);

    if (id == LIST_N || column_table[id].unit == UNIT_NONE)
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "filter: '%s' is no figure; there are cpu memory pressure block net "
                               "uptime and the others of `columns`",
                               word->key);
    word->column = &column_table[id];
    if (!parse_number(word->column->unit, op + 1 + equal, &word->number))
        return gemel_error_set(error, GEMEL_ERROR_INVALID,
                               "filter: '%s' needs a number such as cpu>50 or memory>100M", text);
    return TRUE;
}

/* One word. */
static Word *word_new(const char *text, GError **error)
{
    Word *word = g_new0(Word, 1);
    const char *op;
    gboolean good = TRUE;

    if (*text == '!' && text[1] != '\0') {
        word->inverse = TRUE;
        text++;
    }
    if ((*text == '~' || *text == '/') && text[1] != '\0') {
        good = parse_regex(word, text, error);
    } else if ((op = strpbrk(text, "<>")) != NULL && op > text) {
        good = parse_figure(word, text, op, error);
    } else if ((op = strchr(text, '=')) != NULL && op > text) {
        word->type = MATCH_FIELD;
        word->key = g_strndup(text, (gsize)(op - text));
        word->value = g_utf8_casefold(op + 1, -1);
        word->pattern = g_pattern_spec_new(word->value);
    } else {
        word->type = MATCH_TEXT;
        word->value = g_utf8_casefold(text, -1);
        word->ascii = g_str_is_ascii(word->value);
    }
    if (!good) {
        word_free(word);
        return NULL;
    }
    return word;
}

Filter *filter_new(const char *text, GError **error)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_auto(GStrv) parts = g_strsplit_set(valid, " \t", -1);
    Filter *filter = g_new0(Filter, 1);

    filter->words = g_ptr_array_new_with_free_func(word_free);
    for (guint i = 0; parts[i] != NULL; i++) {
        if (*parts[i] == '\0')
            continue;
        Word *word = word_new(parts[i], error);

        if (word == NULL) {
            filter_free(filter);
            return NULL;
        }
        g_ptr_array_add(filter->words, word);
    }
    return filter;
}

void filter_free(Filter *filter)
{
    if (filter == NULL)
        return;
    g_ptr_array_unref(filter->words);
    g_free(filter);
}

/* ---- matching ------------------------------------------------------------------------------- */

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Thousands of short names while somebody types: no library function is as fast on these. */
static gboolean contains_ascii(const char *text, const char *folded)
{
    char first = folded[0];

    for (; *text != '\0'; text++) {
        gsize i = 1;

        if (lower(*text) != first)
            continue;
        while (folded[i] != '\0' && lower(text[i]) == folded[i])
            i++;
        if (folded[i] == '\0')
            return TRUE;
    }
    return first == '\0';
}

static gboolean contains(const char *text, const char *folded, gboolean ascii)
{
    if (text == NULL)
        return FALSE;
    if (ascii)
        return contains_ascii(text, folded);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *mine = g_utf8_casefold(valid, -1);

    return strstr(mine, folded) != NULL;
}

/* The text of a field; a key that is none of ours is a label's. */
static const char *field_of(const ModelInstance *instance, const char *key)
{
    const GemelInstance *info = instance->info;

    if (strcmp(key, "name") == 0)
        return info->name;
    if (strcmp(key, "kind") == 0)
        return gemel_kind_name(info->kind);
    if (strcmp(key, "state") == 0)
        return gemel_state_name(info->state);
    if (strcmp(key, "backend") == 0)
        return instance->backend->name;
    if (strcmp(key, "image") == 0)
        return info->image;
    if (strcmp(key, "id") == 0)
        return info->id;
    return info->labels != NULL ? g_hash_table_lookup(info->labels, key) : NULL;
}

static gboolean field_matches(const Word *word, const ModelInstance *instance)
{
    const char *text = field_of(instance, word->key);

    if (text == NULL)
        return *word->value == '\0';
    if (strcmp(word->key, "kind") == 0 && strcmp(word->value, "ct") == 0)
        return instance->info->kind == GEMEL_KIND_CONTAINER;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *mine = g_utf8_casefold(valid, -1);

    return g_pattern_spec_match_string(word->pattern, mine);
}

static gboolean figure_matches(const Word *word, const ModelInstance *instance)
{
    double figure;

    if (!word->column->figure(instance, &figure))
        return FALSE;
    switch (word->compare) {
    case LESS:
        return figure < word->number;
    case LESS_EQUAL:
        return figure <= word->number;
    case GREATER:
        return figure > word->number;
    default:
        return figure >= word->number;
    }
}

static gboolean word_matches(const Word *word, const ModelInstance *instance)
{
    const GemelInstance *info = instance->info;

    switch (word->type) {
    case MATCH_REGEX: {
        g_autofree char *valid = g_utf8_make_valid(info->name != NULL ? info->name : "", -1);

        return g_regex_match(word->regex, valid, 0, NULL);
    }
    case MATCH_FIELD:
        return field_matches(word, instance);
    case MATCH_FIGURE:
        return figure_matches(word, instance);
    default:
        return contains(info->name, word->value, word->ascii) ||
               contains(instance->backend->name, word->value, word->ascii) ||
               contains(info->image, word->value, word->ascii);
    }
}

gboolean filter_matches(const Filter *filter, const ModelInstance *instance)
{
    for (guint i = 0; i < filter->words->len; i++) {
        const Word *word = filter->words->pdata[i];

        if (word_matches(word, instance) == word->inverse)
            return FALSE;
    }
    return TRUE;
}

gboolean filter_has_figures(const Filter *filter)
{
    for (guint i = 0; i < filter->words->len; i++)
        if (((const Word *)filter->words->pdata[i])->type == MATCH_FIGURE)
            return TRUE;
    return FALSE;
}

/* Whether what matches `to` matches `from` too, as far as the text alone tells. */
static gboolean word_narrows(const Word *from, const Word *to)
{
    return from->type == MATCH_TEXT && to->type == MATCH_TEXT && !from->inverse && !to->inverse &&
           strstr(to->value, from->value) != NULL;
}

gboolean filter_narrows(const Filter *from, const Filter *to)
{
    if (to->words->len < from->words->len)
        return FALSE;
    for (guint i = 0; i < from->words->len; i++)
        if (!word_narrows(from->words->pdata[i], to->words->pdata[i]))
            return FALSE;
    return TRUE;
}
