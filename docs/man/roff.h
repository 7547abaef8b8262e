/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * roff.h - writing manual pages in mdoc: text that is safe whatever is in it, and templates.
 *
 * A template is a page in which a line `@name@` stands for a section that a program prints from
 * its tables, so that the manual cannot differ from what the program does. Standard output; no
 * GLib, as the runtime's manual is made without it.
 */
#pragma once

#include <stdbool.h>

typedef struct {
    const char *name;
    void (*print)(void);
} RoffSection;

/* Prints the template, sections filled in. FALSE, said on stderr, when it cannot be read, names
   a section that is not among them. `sections` ends with a NULL name. */
bool roff_fill(const char *template, const RoffSection *sections);

/* Text, lines broken, a sentence to a line; `words in backquotes` are set as literals. */
void roff_text(const char *text);
/* One argument of a macro, with a space before it. */
void roff_arg(const char *text);
/* A line of a display: `.Dl text`. */
void roff_example(const char *text);
