/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/places.h"

#include <string.h>
#include <sys/stat.h>

#define SOURCE_ROOT "gemel-source-root"
#define LEVELS_MAX  5 /* from a program of the build tree up to its root */

typedef struct {
    const char *variable; /* names the part, or the directory it is in */
    gboolean variable_is_dir;
    const char *name;      /* of the file */
    const char *installed; /* directory below libexecdir */
    const char *built;     /* directory below the build tree, or */
    const char *source;    /* below the source tree */
} Part;

static const Part parts[PLACE_N] = {
    [PLACE_RUNTIME] = {.name = "gemel-runtime",
                       .installed = "gemel",
                       .built = "backends/native/runtime"},
    [PLACE_LAB] = {.variable = "GEMEL_LAB_DIR",
                   .variable_is_dir = TRUE,
                   .name = "lab",
                   .installed = "gemel/lab",
                   .source = "config/lab"},
    [PLACE_PAYLOAD] = {.variable = "GEMEL_LAB_PAYLOAD",
                       .name = "lab-payload",
                       .installed = "gemel/lab",
                       .built = "config"},
};

/* DIR/BELOW/NAME, the latter two possibly NULL, if that is a program; else NULL. */
static char *program_at(const char *dir, const char *below, const char *name)
{
    g_autofree char *folder = below != NULL ? g_build_filename(dir, below, NULL) : g_strdup(dir);
    g_autofree char *path = name != NULL ? g_build_filename(folder, name, NULL) : g_strdup(folder);

    if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return NULL;
    return g_canonicalize_filename(path, NULL);
}

/* "/opt/gemel" of "/opt/gemel/bin"; NULL if that is no directory for programs. */
static char *prefix_of(const char *dir)
{
    gsize length = strlen(dir), tail = strlen(GEMEL_BINDIR);

    if (length <= tail || dir[length - tail - 1] != '/' ||
        strcmp(dir + length - tail, GEMEL_BINDIR) != 0)
        return NULL;
    return length == tail + 1 ? g_strdup("/") : g_strndup(dir, length - tail - 1);
}

/* The build tree that the program is in, and its source tree; NULL when it is in none. Whoever can
   write to some directory above the program must not choose what it runs: so the owners are
   compared. */
static char *build_tree_of(const char *program, const char *dir, char **ret_source)
{
    g_autofree char *at = g_strdup(dir);
    struct stat own, mark;

    if (stat(program, &own) < 0)
        return NULL;
    for (guint level = 0; level < LEVELS_MAX && !g_str_equal(at, "/"); level++) {
        g_autofree char *file = g_build_filename(at, SOURCE_ROOT, NULL);
        g_autofree char *up = NULL;

        if (lstat(file, &mark) == 0 && S_ISREG(mark.st_mode) && mark.st_uid == own.st_uid &&
            (mark.st_mode & S_IWOTH) == 0 && g_file_get_contents(file, ret_source, NULL, NULL)) {
            g_strchomp(*ret_source);
            return g_steal_pointer(&at);
        }
        up = g_path_get_dirname(at);
        g_free(at);
        at = g_steal_pointer(&up);
    }
    return NULL;
}

char *places_find_from(const char *program, Place place)
{
    const Part *part = &parts[place];
    const char *given = part->variable != NULL ? g_getenv(part->variable) : NULL;
    g_autofree char *dir = g_path_get_dirname(program);
    g_autofree char *prefix = prefix_of(dir);
    g_autofree char *source = NULL;
    g_autofree char *build = NULL;
    char *found = NULL;

    if (given != NULL && *given != '\0')
        found = program_at(given, NULL, part->variable_is_dir ? part->name : NULL);
    if (found == NULL && prefix != NULL) {
        g_autofree char *libexec = g_build_filename(prefix, GEMEL_LIBEXECDIR, NULL);

        found = program_at(libexec, part->installed, part->name);
    }
    if (found == NULL && (build = build_tree_of(program, dir, &source)) != NULL)
        found = part->source != NULL ? program_at(source, part->source, part->name)
                                     : program_at(build, part->built, part->name);
    return found != NULL ? found : program_at(dir, NULL, part->name);
}

char *places_find(Place place)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    return self != NULL ? places_find_from(self, place) : NULL;
}
