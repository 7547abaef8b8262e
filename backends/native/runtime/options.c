/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ON(cmd)   (1u << CMD_##cmd)
#define MAKE      (ON(CREATE) | ON(RUN))
#define FLAG(f)   OPTION_FLAG, offsetof(struct options, f)
#define STRING(f) OPTION_STRING, offsetof(struct options, f)
#define LIST(f)   OPTION_LIST, offsetof(struct options, f)

const struct option_row option_table[] = {
    {"root", 0, STRING(root), ON(GLOBAL), "DIR   where containers' state is kept"},
    {"log", 0, STRING(log), ON(GLOBAL), "FILE   also write messages here (or file:FILE)"},
    {"log-format", 0, STRING(log_format), ON(GLOBAL), "text|json"},
    {"log-level", 0, STRING(log_level), ON(GLOBAL), "error|warning|debug   the least to write"},
    {"debug", 0, FLAG(debug), ON(GLOBAL), "the same as --log-level debug"},
    {"systemd-cgroup", 0, FLAG(systemd_cgroup), ON(GLOBAL) | MAKE, "ask systemd for a scope"},
    {"cgroup-manager", 0, STRING(cgroup_manager), ON(GLOBAL), "cgroupfs|disabled|systemd"},
    {"rootless", 0, STRING(rootless_mode), ON(GLOBAL),
     "auto|true|false (taken for compatibility; found out)"},
    {"criu", 0, STRING(criu), ON(GLOBAL), "PATH   (taken for compatibility; unused)"},
    {"help", 'h', FLAG(help), ~0u, "this text"},
    {"version", 'v', FLAG(version), ON(GLOBAL), "version of program, specification and libseccomp"},
    {"bundle", 'b', STRING(bundle), MAKE | ON(SPEC), "DIR   bundle directory (.)"},
    {"config", 'f', STRING(config), MAKE, "FILE   configuration instead of config.json"},
    {"pid-file", 0, STRING(pid_file), MAKE | ON(EXEC), "FILE   write the pid of the process here"},
    {"console-socket", 0, STRING(console_socket), MAKE | ON(EXEC),
     "PATH   socket that takes the terminal"},
    {"pidfd-socket", 0, STRING(pidfd_socket), MAKE | ON(EXEC),
     "PATH   socket that takes a pidfd of the process"},
    {"no-pivot", 0, FLAG(no_pivot), MAKE, "move the root instead of pivot_root (initramfs)"},
    {"no-new-keyring", 0, FLAG(no_new_keyring), MAKE, "keep the caller's session keyring"},
    {"preserve-fds", 0, STRING(preserve_fds), MAKE | ON(EXEC),
     "N   pass N descriptors from 3 on (after LISTEN_FDS)"},
    {"no-subreaper", 0, FLAG(no_subreaper), MAKE | ON(EXEC),
     "(taken for compatibility; never one)"},
    {"keep", 0, FLAG(keep), ON(RUN), "do not delete the container when it ends"},
    {"detach", 'd', FLAG(detach), ON(RUN) | ON(EXEC), "return when the process runs"},
    {"tty", 't', FLAG(tty), ON(EXEC), "give the process a terminal"},
    {"process", 'p', STRING(process), ON(EXEC), "FILE   process object"},
    {"user", 'u', STRING(user), ON(EXEC), "UID[:GID]"},
    {"cwd", 0, STRING(cwd), ON(EXEC), "DIR   working directory"},
    {"env", 'e', LIST(env), ON(EXEC), "NAME=VALUE   add to the environment"},
    {"cap", 'c', LIST(caps), ON(EXEC), "NAME   add a capability"},
    {"additional-gids", 'g', LIST(gids), ON(EXEC), "GID   add a group"},
    {"no-new-privs", 0, FLAG(no_new_privs), ON(EXEC), "set no_new_privs"},
    {"apparmor", 0, STRING(apparmor), ON(EXEC), "PROFILE"},
    {"process-label", 0, STRING(process_label), ON(EXEC), "LABEL   SELinux label"},
    {"cgroup", 0, STRING(cgroup), ON(EXEC), "[CONTROLLERS:]PATH   a group below the container's"},
    {"ignore-paused", 0, FLAG(ignore_paused), ON(EXEC), "exec into a paused container"},
    {"force", 'f', FLAG(force), ON(DELETE), "kill it first; none is no error"},
    {"all", 'a', FLAG(all), ON(KILL), "every process of the container"},
    {"quiet", 'q', FLAG(quiet), ON(LIST), "ids only"},
    {"format", 'f', STRING(format), ON(LIST) | ON(PS), "table|json"},
    {"stats", 0, FLAG(stats), ON(EVENTS), "one sample, then end"},
    {"interval", 0, STRING(interval), ON(EVENTS), "TIME   between samples, like 5s or 500ms (5s)"},
    {"rootless", 0, FLAG(rootless), ON(SPEC), "for a user without privileges"},
    {"resources", 'r', STRING(resources), ON(UPDATE), "FILE|-   linux.resources object"},
    {"memory", 'm', STRING(memory), ON(UPDATE), "BYTES   limit, -1 for none"},
    {"memory-swap", 0, STRING(memory_swap), ON(UPDATE), "BYTES   memory and swap together"},
    {"memory-reservation", 0, STRING(memory_reservation), ON(UPDATE), "BYTES   soft limit"},
    {"cpu-quota", 0, STRING(cpu_quota), ON(UPDATE), "USEC   per period, -1 for none"},
    {"cpu-period", 0, STRING(cpu_period), ON(UPDATE), "USEC"},
    {"cpu-share", 0, STRING(cpu_share), ON(UPDATE), "N   relative weight"},
    {"cpu-shares", 0, STRING(cpu_share), ON(UPDATE), "N   the same"},
    {"cpu-burst", 0, STRING(cpu_burst), ON(UPDATE), "USEC   saved up beyond the quota"},
    {"cpu-idle", 0, STRING(cpu_idle), ON(UPDATE), "0|1   run only what nobody else wants"},
    {"cpu-rt-period", 0, STRING(cpu_rt_period), ON(UPDATE), "USEC   of real-time processes"},
    {"cpu-rt-runtime", 0, STRING(cpu_rt_runtime), ON(UPDATE), "USEC   of real-time processes"},
    {"pids-limit", 0, STRING(pids_limit), ON(UPDATE), "N   -1 for none"},
    {"cpuset-cpus", 0, STRING(cpuset_cpus), ON(UPDATE), "LIST"},
    {"cpuset-mems", 0, STRING(cpuset_mems), ON(UPDATE), "LIST"},
    {"blkio-weight", 0, STRING(blkio_weight), ON(UPDATE), "10…1000"},
    {"kernel-memory", 0, STRING(kernel_memory), ON(UPDATE), "BYTES   as linux.resources has it"},
    {"kernel-memory-tcp", 0, STRING(kernel_memory_tcp), ON(UPDATE), "BYTES   of socket buffers"},
    {"l3-cache-schema", 0, STRING(l3_cache_schema), ON(UPDATE), "SCHEMA   (not supported)"},
    {"mem-bw-schema", 0, STRING(mem_bw_schema), ON(UPDATE), "SCHEMA   (not supported)"},
};
const size_t option_table_n = ARRAY_LEN(option_table);

static const struct option_row *find(enum command_id command, const char *name, size_t n,
                                     char letter)
{
    for (size_t i = 0; i < option_table_n; i++) {
        const struct option_row *row = &option_table[i];
        if (!(row->commands >> command & 1))
            continue;
        if (letter ? row->letter == letter : strlen(row->name) == n && !strncmp(row->name, name, n))
            return row;
    }
    return NULL;
}

static int store(const struct option_row *row, const char *value, struct options *opt,
                 struct err *err)
{
    char *to = (char *)opt + row->offset;
    if (row->type == OPTION_FLAG) {
        if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return err_set(err, 0, "--%s: takes no value", row->name);
        *(bool *)to = !value || !strcmp(value, "true");
    } else if (row->type == OPTION_STRING) {
        *(const char **)to = value;
    } else {
        struct option_list *list = (struct option_list *)to;
        if (list->n == OPTION_LIST_MAX)
            return err_set(err, 0, "--%s: given more than %d times", row->name, OPTION_LIST_MAX);
        list->items[list->n++] = value;
    }
    return 0;
}

/* -x, -xVALUE, -x VALUE, -xyz. Returns how many words of argv were used. */
static int parse_letters(enum command_id command, const char *word, const char *next,
                         struct options *opt, struct err *err)
{
    for (const char *at = word + 1; *at; at++) {
        const struct option_row *row = find(command, NULL, 0, *at);
        if (!row)
            return err_set(err, 0, "unknown option -%c", *at);
        if (row->type == OPTION_FLAG) {
            if (store(row, NULL, opt, err) < 0)
                return -1;
            continue;
        }
        const char *value = at[1] ? at + 1 + (at[1] == '=') : next;
        if (!value)
            return err_set(err, 0, "-%c: needs a value", *at);
        return store(row, value, opt, err) < 0 ? -1 : at[1] ? 1 : 2;
    }
    return 1;
}

int options_parse(enum command_id command, int argc, char **argv, int at, struct options *opt,
                  struct err *err)
{
    while (at < argc && argv[at][0] == '-' && argv[at][1]) {
        const char *word = argv[at], *next = at + 1 < argc ? argv[at + 1] : NULL;
        if (!strcmp(word, "--"))
            return at + 1;
        const char *name = word + 1 + (word[1] == '-');
        size_t n = strcspn(name, "=");
        const char *value = name[n] ? name + n + 1 : NULL;
        /* "-pid-file" is as good as "--pid-file" to programs written in Go, so it is here. */
        const struct option_row *row = word[1] == '-' || n > 1 ? find(command, name, n, 0) : NULL;
        if (!row && word[1] != '-') {
            int used = parse_letters(command, word, next, opt, err);
            if (used < 0)
                return -1;
            at += used;
            continue;
        }
        if (!row)
            return err_set(err, 0, "unknown option %s", word);
        at++;
        if (row->type != OPTION_FLAG && !value) {
            if (!next)
                return err_set(err, 0, "--%s: needs a value", row->name);
            value = next;
            at++;
        }
        if (store(row, value, opt, err) < 0)
            return -1;
    }
    return at;
}

int options_number(const char *text, bool units, int64_t *ret)
{
    char *end;
    const char *digits = text + (*text == '-');
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *digits < '0' || *digits > '9')
        return -1;
    static const char letters[] = "bkmgt";
    const char *unit = *end ? strchr(letters, *end | 0x20) : NULL;
    if (*end && (!units || !unit || end[1]))
        return -1;
    for (long shift = unit ? unit - letters : 0; shift > 0; shift--)
        if (__builtin_mul_overflow(value, 1024, &value))
            return -1;
    *ret = value;
    return 0;
}

int options_duration_ms(const char *text, int64_t *ret)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t total = 0;
    const char *at = text;
    do {
        char *end;
        errno = 0;
        if (*at < '0' || *at > '9')
            return -1;
        int64_t number = strtoll(at, &end, 10), part;
        size_t n = strcspn(end, "0123456789"), k = 0;
        if (n == 0 && at == text && !*end)
            k = 1;
        else
            while (k < ARRAY_LEN(units) &&
                   (strlen(units[k].name) != n || strncmp(units[k].name, end, n) != 0))
                k++;
        if (errno || k == ARRAY_LEN(units) || __builtin_mul_overflow(number, units[k].ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return -1;
        at = end + n;
    } while (*at);
    *ret = total;
    return 0;
}

void options_help(enum command_id command)
{
    for (size_t i = 0; i < option_table_n; i++) {
        const struct option_row *row = &option_table[i];
        if (!(row->commands >> command & 1))
            continue;
        char letter[8] = "    ";
        if (row->letter)
            snprintf(letter, sizeof letter, "-%c, ", row->letter);
        printf("  %s--%-20s %s\n", letter, row->name, row->help);
    }
}
