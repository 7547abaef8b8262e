/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/rc.h"
#include "console/command.h"

#include <stdio.h>

typedef struct {
    const char *name;
    guint line;
    gboolean over;
} Rc;

static void rc_message(OutputClass class, const char *text, gpointer data)
{
    const Rc *rc = data;

    if (class == OUTPUT_ERROR)
        fprintf(stderr, "gemel: %s:%u: %s\n", rc->name, rc->line, text);
}

static void rc_done(CommandRun *run, int status, gpointer data)
{
    ((Rc *)data)->over = TRUE;
}

void rc_load(App *app)
{
    g_autofree char *path = g_build_filename(g_get_user_config_dir(), "gemel", "gemelrc", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    Rc rc = {.name = "gemelrc"};
    FaceOps face = {.face = FACE_RC};
    Output *out;

    if (!g_file_get_contents(path, &text, NULL, &error)) {
        if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            fprintf(stderr, "gemel: %s\n", error->message);
        return;
    }
    out = output_new_lines(rc_message, &rc);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        rc.line = i + 1;
        rc.over = FALSE;
        command_line_run(app, &face, out, lines[i], rc_done, &rc);
        while (!rc.over) /* rc commands end at once; one that waits holds up the start */
            app_iterate(app, TRUE);
    }
    output_free(out);
}
