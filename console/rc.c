/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/rc.h"
#include "console/command.h"

#include <stdio.h>

static void rc_message(OutputClass class, const char *text, gpointer data)
{
    if (class == OUTPUT_ERROR)
        fprintf(stderr, "gemel: %s\n", text);
}

static void rc_done(CommandRun *run, int status, gpointer data)
{
    *(gboolean *)data = TRUE;
}

void rc_load(App *app)
{
    g_autofree char *path = g_build_filename(g_get_user_config_dir(), "gemel", "gemelrc", NULL);
    const char *const argv[] = {"source", "--if-exists", path, NULL};
    const FaceOps face = {.face = FACE_RC};
    Output *out = output_new_lines(rc_message, NULL);
    gboolean over = FALSE;

    command_argv_run(app, &face, out, argv, rc_done, &over);
    while (!over) /* rc commands end at once; one that waits holds up the start */
        app_iterate(app, TRUE);
    output_free(out);
}
