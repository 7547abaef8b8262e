/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shell.c - the programs "inside" an instance: enough to try consoles and exec, pure text in and
 * out.
 */
#include "backends/sim/sim.h"

#include <string.h>

typedef int (*Program)(const SimShell *shell, char **argv, GString *out, GString *err);

static int run_help(const SimShell *shell, char **argv, GString *out, GString *err);

static int run_true(const SimShell *shell, char **argv, GString *out, GString *err)
{
    return 0;
}

static int run_false(const SimShell *shell, char **argv, GString *out, GString *err)
{
    return 1;
}

static int run_echo(const SimShell *shell, char **argv, GString *out, GString *err)
{
    gboolean escapes = argv[1] != NULL && g_str_equal(argv[1], "-e");
    g_autofree char *text = g_strjoinv(" ", argv + (escapes ? 2 : 1));
    g_autofree char *plain = escapes ? g_strcompress(text) : NULL; /* \033 and the like */

    g_string_append(out, escapes ? plain : text);
    g_string_append_c(out, '\n');
    return 0;
}

static int run_yes(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_autofree char *text = g_strjoinv(" ", argv + 1);

    g_string_append_printf(out, "%s\n", *text != '\0' ? text : "y");
    return SIM_SHELL_YES;
}

static int run_hostname(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append_printf(out, "%s\n", shell->hostname);
    return 0;
}

static int run_uname(const SimShell *shell, char **argv, GString *out, GString *err)
{
    if (argv[1] != NULL && g_str_equal(argv[1], "-a"))
        g_string_append_printf(out, "Linux %s 6.1.0-sim #1 SMP x86_64 GNU/Linux\n",
                               shell->hostname);
    else
        g_string_append(out, "Linux\n");
    return 0;
}

static int run_uptime(const SimShell *shell, char **argv, GString *out, GString *err)
{
    guint64 s = (guint64)MAX(shell->uptime_s, 0);

    g_string_append_printf(out,
                           "up %" G_GUINT64_FORMAT " days, %02" G_GUINT64_FORMAT
                           ":%02" G_GUINT64_FORMAT ":%02" G_GUINT64_FORMAT "\n",
                           s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
    return 0;
}

static int run_ls(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append(out, "bin   dev   etc   home  proc  root  run   sys   tmp   usr   var\n");
    return 0;
}

static int run_pwd(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append_printf(out, "%s\n", shell->cwd != NULL ? shell->cwd : "/");
    return 0;
}

static int run_id(const SimShell *shell, char **argv, GString *out, GString *err)
{
    const char *user = shell->user != NULL ? shell->user : "0";

    g_string_append_printf(out, "uid=%s\n", user);
    return 0;
}

static int run_env(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append(out, "PATH=/usr/local/bin:/usr/bin:/bin\n");
    for (guint i = 0; shell->env != NULL && shell->env[i] != NULL; i++)
        g_string_append_printf(out, "%s\n", shell->env[i]);
    return 0;
}

static int run_stty(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append_printf(out, "%u %u\n", shell->rows, shell->cols);
    return 0;
}

static int run_cat(const SimShell *shell, char **argv, GString *out, GString *err)
{
    if (argv[1] == NULL)
        return SIM_SHELL_CAT;
    if (g_str_equal(argv[1], "/etc/hostname"))
        return run_hostname(shell, argv, out, err);
    g_string_append_printf(err, "cat: %s: No such file or directory\n", argv[1]);
    return 1;
}

static int run_exit(const SimShell *shell, char **argv, GString *out, GString *err)
{
    guint64 status = 0;

    if (argv[1] != NULL && !g_ascii_string_to_unsigned(argv[1], 10, 0, 255, &status, NULL)) {
        g_string_append_printf(err, "sh: exit: %s: bad number\n", argv[1]);
        return SIM_SHELL_EXIT | 2;
    }
    return SIM_SHELL_EXIT | (int)status;
}

/* `kill -9 $$` and nothing else. */
static int run_kill(const SimShell *shell, char **argv, GString *out, GString *err)
{
    guint64 number = 15;
    const char *target = argv[1];

    if (target != NULL && *target == '-') {
        if (!g_ascii_string_to_unsigned(target + 1, 10, 1, 64, &number, NULL))
            target = NULL;
        else
            target = argv[2];
    }
    if (target == NULL || !g_str_equal(target, "$$")) {
        g_string_append(err, "sh: kill: only kill -NUMBER $$ is known here\n");
        return 2;
    }
    return SIM_SHELL_EXIT | (int)(128 + number);
}

/* The lab's payload (config/lab/payload.c), as a container or an emulated guest would find it. */
static int run_payload(const SimShell *shell, char **argv, GString *out, GString *err)
{
    static const struct {
        const char *key;
        guint64 container, guest;
    } figures[] = {
        {"memory_b", 900 * 1024, 800 * 1024},
        {"cpu_ns", 58000000, 310000000},
        {"syscall_ns", 340, 1900},
        {"fork_ns", 140000, 2600000},
        {"disk_ns", 3900000, 5200000},
        {"net_ns", 42000, 480000},
    };

    g_string_append(out, "lab-payload kernel 6.1.0-sim\n");
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(out, "lab-payload %s %" G_GUINT64_FORMAT "\n", figures[i].key,
                               shell->kind == GEMEL_KIND_VM ? figures[i].guest
                                                            : figures[i].container);
    return 0;
}

static int run_sh(const SimShell *shell, char **argv, GString *out, GString *err)
{
    if (argv[1] == NULL)
        return SIM_SHELL_CAT;
    if (!g_str_equal(argv[1], "-c") || argv[2] == NULL) {
        g_string_append(err, "sh: only sh -c COMMAND is known here\n");
        return 2;
    }
    /* a script of loops and traps, which this shell does not know */
    if (strstr(argv[2], "lab-payload") != NULL)
        return run_payload(shell, argv, out, err);
    return sim_shell_line(shell, argv[2], out, err) & ~SIM_SHELL_EXIT;
}

static const struct {
    const char *name;
    Program run;
} programs[] = {
    {"cat", run_cat},
    {"echo", run_echo},
    {"env", run_env},
    {"exit", run_exit},
    {"false", run_false},
    {"help", run_help},
    {"hostname", run_hostname},
    {"id", run_id},
    {"kill", run_kill},
    {"lab-payload", run_payload},
    {"ls", run_ls},
    {"pwd", run_pwd},
    {"sh", run_sh},
    {"stty", run_stty},
    {"true", run_true},
    {"uname", run_uname},
    {"uptime", run_uptime},
    {"yes", run_yes},
};

static int run_help(const SimShell *shell, char **argv, GString *out, GString *err)
{
    g_string_append(out, "A simulated instance. It knows:");
    for (guint i = 0; i < G_N_ELEMENTS(programs); i++)
        g_string_append_printf(out, " %s", programs[i].name);
    g_string_append_c(out, '\n');
    return 0;
}

int sim_shell_run(const SimShell *shell, char **argv, GString *out, GString *err)
{
    const char *base = strrchr(argv[0], '/');
    const char *name = base != NULL ? base + 1 : argv[0];

    for (guint i = 0; i < G_N_ELEMENTS(programs); i++)
        if (g_str_equal(name, programs[i].name))
            return programs[i].run(shell, argv, out, err);
    g_string_append_printf(err, "sh: %s: not found\n", argv[0]);
    return 127;
}

/* One command of a line, with the redirection `>&2` at its end; `$?` is the status before it. */
static int run_command(const SimShell *shell, const char *command, int before, GString *out,
                       GString *err)
{
    g_autofree char *status = g_strdup_printf("%d", before);
    g_auto(GStrv) parts = g_strsplit(command, "$?", -1);
    g_autofree char *text = g_strstrip(g_strjoinv(status, parts));
    g_auto(GStrv) argv = NULL;

    if (*text == '\0')
        return 0;
    if (g_str_has_suffix(text, ">&2")) {
        text[strlen(text) - strlen(">&2")] = '\0';
        out = err;
    }
    if (!g_shell_parse_argv(text, NULL, &argv, NULL)) {
        g_string_append(err, "sh: syntax error\n");
        return 2;
    }
    return sim_shell_run(shell, argv, out, err);
}

/* The commands of a line: `;` ends one, but not between quotes. */
static char **split_commands(const char *line)
{
    GPtrArray *commands = g_ptr_array_new();
    const char *from = line;
    char quote = '\0';

    for (const char *s = line; *s != '\0'; s++) {
        if (quote != '\0')
            quote = *s == quote ? '\0' : quote;
        else if (*s == '\'' || *s == '"')
            quote = *s;
        else if (*s == ';') {
            g_ptr_array_add(commands, g_strndup(from, (gsize)(s - from)));
            from = s + 1;
        }
    }
    g_ptr_array_add(commands, g_strdup(from));
    g_ptr_array_add(commands, NULL);
    return (char **)g_ptr_array_free(commands, FALSE);
}

int sim_shell_line(const SimShell *shell, const char *line, GString *out, GString *err)
{
    g_auto(GStrv) commands = split_commands(line);
    int status = 0;

    for (guint i = 0; commands[i] != NULL; i++) {
        status = run_command(shell, commands[i], status, out, err);
        if (status & (SIM_SHELL_EXIT | SIM_SHELL_CAT | SIM_SHELL_YES))
            break;
    }
    return status;
}
