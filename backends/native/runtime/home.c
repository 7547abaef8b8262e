/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "home.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PASSWD_MAX ((size_t)4 << 20)

const char *home_find(const char *passwd, uint32_t uid)
{
    for (const char *line = passwd; *line; line += *line == '\n') {
        const char *field[6] = {line}, *end = line + strcspn(line, "\n"), *at = line;
        int n = 1;
        for (; at < end && n < 6; at++)
            if (*at == ':')
                field[n++] = at + 1;
        line = end;
        if (n < 6 || *field[2] < '0' || *field[2] > '9')
            continue;
        char *stop;
        unsigned long id = strtoul(field[2], &stop, 10);
        size_t len = strcspn(field[5], ":\n");
        if (*stop == ':' && id == uid && len > 0 && *field[5] == '/')
            return mem_strndup(field[5], len);
    }
    return NULL;
}

/* The image may have anything there: a FIFO must not hold the container up. */
static char *read_passwd(void)
{
    struct stat st;
    auto_fd fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    return fd_read_all(fd, PASSWD_MAX, NULL);
}

const char **home_environment(const struct spec_process *process)
{
    for (size_t i = 0; i < process->n_env; i++)
        if (!strncmp(process->env[i], "HOME=", 5))
            return process->env;
    char *passwd = read_passwd();
    const char *home = passwd ? home_find(passwd, process->uid) : NULL;
    const char **env = mem_array(process->n_env + 2, sizeof *env);
    if (process->n_env)
        memcpy(env, process->env, process->n_env * sizeof *env);
    env[process->n_env] = mem_printf("HOME=%s", home ? home : "/");
    return env;
}
