/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line. The first byte is the command; words end at a newline. */
#include "cmd_life.c"
#include "fuzz.h"
#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options options;
    struct err err = {0};
    char *words[64], *text = fuzz_text(data, size), *at = text + (size > 0);
    int argc = 0;
    words[argc++] = (char *)"gemel-runtime";
    while (argc < 63 && at) {
        words[argc++] = at;
        at = strchr(at, '\n');
        if (at)
            *at++ = 0;
    }
    words[argc] = NULL;
    memset(&options, 0, sizeof options);
    int first = options_parse((enum command_id)(size ? data[0] % CMD_N : 0), argc, words, 1,
                              &options, &err);
    PROMISE(first < 0 ? *err.text != 0 : first >= 1 && first <= argc);
    for (int i = 1; i < argc; i++) {
        int64_t number;
        if (options_number(words[i], true, &number) == 0)
            PROMISE(*words[i]);
        int sig = parse_signal(words[i]);
        PROMISE(sig == -1 || (sig >= 1 && sig <= SIGRTMAX));
    }
    mem_release();
    free(text);
    return 0;
}
