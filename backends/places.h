/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * places.h - where the parts are that gemel needs beside its own program. The one answer to that.
 *
 * Nothing is looked for at a path that the build compiled in: an installed tree may be moved whole.
 * The program's own path tells which it is:
 *   installed   PREFIX/bin/gemel: the parts are below PREFIX, where meson's libexecdir says
 *   built       a directory above the program has the file gemel-source-root, which meson writes
 *               and which has to belong to the owner of the program: the parts are in that build
 *               tree and in the source tree the file names
 *   else        beside the program
 *
 * Any thread; the caller frees what is returned.
 */
#pragma once

#include <glib.h>

typedef enum {
    PLACE_RUNTIME, /* the OCI runtime gemel-runtime */
    PLACE_LAB,     /* the script of `gemel lab`, with the lab's other parts beside it;
                      $GEMEL_LAB_DIR names another directory */
    PLACE_PAYLOAD, /* the program that `gemel compare` runs; or $GEMEL_LAB_PAYLOAD */
    PLACE_N
} Place;

/* The path of a part that is there and can be executed, or NULL. */
char *places_find(Place place);
/* The same for a program of that path: what places_find asks of this one. */
char *places_find_from(const char *program, Place place);
