/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is typed on the command line of the console, into readline with an odd inputrc. Each 0xfe
 * in the input begins a command: time passes, the line is left, another begins.
 */
#include "console/prompt.h"
#include "fuzz.h"

#include <locale.h>
#include <unistd.h>

/* Prefixes over keys that do something, macros that end within a sequence. */
static const char inputrc[] = "\"\\e\\e[D\": backward-word\n"
                              "\"\\e\\e[C\": forward-word\n"
                              "\"\\C-t\": \"\\C-x\\e\"\n"
                              "\"\\C-f\": \"list\\C-m\"\n"
                              "\"\\e\": re-read-init-file\n"
                              "set keyseq-timeout 50\n";

static App *begin_all(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("gemel-fuzz-XXXXXX", &path, NULL);

    PROMISE(fd >= 0);
    PROMISE(write(fd, inputrc, sizeof inputrc - 1) == (ssize_t)sizeof inputrc - 1);
    close(fd);
    setlocale(LC_ALL, "C.UTF-8");
    g_setenv("INPUTRC", path, FALSE); /* another can be given */
    App *app = app_new();

    prompt_begin(app, PROMPT_FILTER, NULL, TRUE); /* reads it */
    prompt_end();
    unlink(path);
    return app;
}

/* A line that is over makes place for the next. */
static void go_on(App *app, PromptStatus status)
{
    if (status == PROMPT_EDITING)
        return;
    if (status == PROMPT_ACCEPTED)
        g_free(prompt_take_text());
    prompt_end();
    prompt_begin(app, PROMPT_FILTER, NULL, TRUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static App *app;

    if (app == NULL)
        app = begin_all();
    prompt_begin(app, PROMPT_FILTER, "some text", TRUE);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xfe || i + 1 == size) {
            go_on(app, prompt_feed((const char *)data + i, 1));
        } else if (data[++i] % 2 == 0) {
            go_on(app, prompt_timeout());
        } else {
            prompt_end();
            go_on(app, PROMPT_CANCELLED);
        }
        PROMISE(prompt_cursor() <= strlen(prompt_text()));
    }
    prompt_end();
    return 0;
}
