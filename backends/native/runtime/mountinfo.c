/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mountinfo.h"

#include <stdlib.h>
#include <string.h>

/* \040 and the like, in place. */
static char *unescape(char *text)
{
    char *to = text;
    for (char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
            at[3] >= '0' && at[3] <= '7') {
            *to++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = 0;
    return text;
}

/* Cuts the next word off at a space. NULL when there is none. */
static char *next_word(char **at)
{
    char *word = *at;
    if (!word || !*word)
        return NULL;
    char *end = strchr(word, ' ');
    if (end)
        *end = 0;
    *at = end ? end + 1 : NULL;
    return word;
}

bool mountinfo_next(char **text, struct mountinfo *ret)
{
    while (*text && **text) {
        char *line = *text;
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        *text = end ? end + 1 : line + strlen(line);
        char *word[6];
        size_t n = 0;
        while (n < 6 && (word[n] = next_word(&line)))
            n++;
        if (n < 6)
            continue;
        char *tag; /* optional fields end at "-" */
        while ((tag = next_word(&line)) && strcmp(tag, "-") != 0)
            ;
        char *type = tag ? next_word(&line) : NULL;
        char *source = type ? next_word(&line) : NULL;
        char *options = source ? next_word(&line) : NULL;
        if (!options)
            continue;
        ret->id = atoi(word[0]);
        ret->parent = atoi(word[1]);
        ret->root = unescape(word[3]);
        ret->point = unescape(word[4]);
        ret->type = type;
        ret->source = unescape(source);
        ret->options = options;
        return true;
    }
    return false;
}
