/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "docs/man/roff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 78

/* How a character is written so that roff prints just this one; NULL: as it is. */
static const char *escape(char c)
{
    switch (c) {
    case '\\':
        return "\\e";
    case '-':
        return "\\-";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    case '`':
        return "\\(ga";
    case '\'':
        return "\\(aq";
    case '"':
        return "\\(dq";
    default:
        return NULL;
    }
}

/* Returns how many bytes that took. */
static size_t put_escaped(const char *text, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        const char *instead = escape(text[i]);

        if (instead != NULL)
            fputs(instead, stdout);
        else
            putchar(text[i]);
        bytes += instead != NULL ? strlen(instead) : 1;
    }
    return bytes;
}

void roff_arg(const char *text)
{
    size_t n = strlen(text);

    /* \& keeps a word from being a macro, and its end from being punctuation */
    fputs(" \"\\&", stdout);
    for (size_t i = 0; i < n; i++) {
        put_escaped(text + i, 1);
        if (text[i] == '|') /* where a long row of choices may be broken */
            fputs("\\:", stdout);
    }
    fputs(n > 0 && strchr(")].,;:!?", text[n - 1]) != NULL ? "\\&\"" : "\"", stdout);
}

void roff_example(const char *text)
{
    fputs(".Dl", stdout);
    roff_arg(text);
    putchar('\n');
}

/* Prints one word of running text and returns its bytes; *code: within backquotes. */
static size_t put_word(const char *word, size_t n, bool *code)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        if (word[i] == '`') {
            fputs(*code ? "\\fP" : "\\fB", stdout);
            *code = !*code;
            bytes += 3;
            continue;
        }
        /* hyphens of running text are hyphens; those of options and literals are minus signs */
        if (word[i] == '-' && !*code && i > 0 && word[0] != '-') {
            putchar('-');
            bytes++;
        } else {
            bytes += put_escaped(word + i, 1);
        }
    }
    return bytes;
}

/* How many bytes the word will take at most. */
static size_t word_bytes(const char *word, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += word[i] == '`' ? 3 : escape(word[i]) != NULL ? strlen(escape(word[i])) : 1;
    return bytes;
}

/* Whether a sentence ends with this word: then the next one begins a line. */
static bool ends_sentence(const char *word, size_t n, const char *next)
{
    return n > 2 && (word[n - 1] == '.' || word[n - 1] == '?') && word[n - 2] != '.' &&
           *next >= 'A' && *next <= 'Z';
}

void roff_text(const char *text)
{
    size_t column = 0;
    bool code = false;

    while (*(text += strspn(text, " \n")) != '\0') {
        size_t n = strcspn(text, " \n");
        const char *next = text + n + strspn(text + n, " \n");

        if (column > 0 && column + 1 + word_bytes(text, n) > LINE_MAX_BYTES) {
            putchar('\n');
            column = 0;
        }
        if (column > 0) {
            putchar(' ');
            column++;
        } else if (*text == '.' || *text == '\'') {
            fputs("\\&", stdout);
        }
        column += put_word(text, n, &code);
        if (ends_sentence(text, n, next)) {
            putchar('\n');
            column = 0;
        }
        text += n;
    }
    if (code)
        fputs("\\fP", stdout);
    if (column > 0)
        putchar('\n');
}

/* ---- templates ------------------------------------------------------------------------------ */

/* "commands" of a line "@commands@"; false if the line is none such. */
static bool is_place(char *line, const char **ret_name)
{
    size_t n = strcspn(line, "\n");

    if (n < 3 || line[0] != '@' || line[n - 1] != '@')
        return false;
    line[n - 1] = '\0';
    *ret_name = line + 1;
    return true;
}

static const RoffSection *find_section(const RoffSection *sections, const char *name)
{
    for (; sections->name != NULL; sections++)
        if (strcmp(sections->name, name) == 0)
            return sections;
    return NULL;
}

bool roff_fill(const char *template, const RoffSection *sections)
{
    FILE *file = fopen(template, "re");
    char line[1024];
    bool good = true;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", template, strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        const char *name;
        const RoffSection *section;

        if (!is_place(line, &name)) {
            fputs(line, stdout);
        } else if ((section = find_section(sections, name)) != NULL) {
            section->print();
        } else {
            fprintf(stderr, "%s: there is no section %s\n", template, name);
            good = false;
        }
    }
    if (ferror(file) || fclose(file) != 0 || fflush(stdout) != 0) {
        fprintf(stderr, "%s: %s\n", template, strerror(errno));
        good = false;
    }
    return good;
}
