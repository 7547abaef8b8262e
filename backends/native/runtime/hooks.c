/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

/* The child's half: nothing of the runtime's descriptors, signals or environment reaches the hook.
 */
static void run_child(const struct spec_hook *hook, int in, int out)
{
    static const char *const no_env[] = {NULL};
    const char *const plain_args[] = {hook->path, NULL};
    const char *const *args = hook->args && hook->args[0] ? hook->args : plain_args;
    const char *const *env = hook->env ? hook->env : no_env;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    close_range(3, ~0U, 0);
    execve(hook->path, (char **)(uintptr_t)args, (char **)(uintptr_t)env);
    static const char text[] = "cannot be executed";
    if (write(2, text, sizeof text - 1) < 0)
        _exit(126);
    _exit(127);
}

/* The beginning of what the hook wrote, on one line. */
static const char *output_of(int out)
{
    static char text[400];
    ssize_t n = pread(out, text, sizeof text - 1, 0);
    if (n <= 0)
        return "no output";
    text[n] = 0;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = 0;
    return text;
}

static int run_one(const struct spec_hook *hook, const char *name, const char *state,
                   struct err *err)
{
    auto_fd in = memfd_create("state", MFD_CLOEXEC);
    auto_fd out = memfd_create("output", MFD_CLOEXEC);
    if (in < 0 || out < 0 || fd_write_all(in, state, strlen(state)) < 0 ||
        lseek(in, 0, SEEK_SET) < 0)
        return err_set(err, errno, "hooks.%s", name);
    pid_t pid = fork();
    if (pid < 0)
        return err_set(err, errno, "hooks.%s", name);
    if (pid == 0)
        run_child(hook, in, out);
    auto_fd pidfd = pidfd_open(pid, 0);
    int unwatched = hook->timeout_s > 0 && pidfd < 0 ? errno : 0;
    if (unwatched)
        kill(pid, SIGKILL);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    /* For ever after is late enough. */
    int64_t timeout_s = hook->timeout_s < INT32_MAX ? hook->timeout_s : INT32_MAX;
    int64_t end = now_monotonic_ms() + timeout_s * 1000;
    bool late = false;
    while (hook->timeout_s > 0 && pidfd >= 0) {
        int64_t left = end - now_monotonic_ms();
        int rc = poll(&p, 1, left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left);
        if (rc > 0)
            break;
        if (now_monotonic_ms() >= end) {
            late = true;
            kill(pid, SIGKILL);
            break;
        }
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (unwatched)
        return err_set(err, unwatched, "hooks.%s: watch %s", name, hook->path);
    if (late)
        return err_set(err, ETIMEDOUT, "hooks.%s: %s ran longer than %lld s", name, hook->path,
                       (long long)hook->timeout_s);
    if (WIFSIGNALED(status))
        return err_set(err, 0, "hooks.%s: %s was ended by signal %d: %s", name, hook->path,
                       WTERMSIG(status), output_of(out));
    if (WEXITSTATUS(status) != 0)
        return err_set(err, 0, "hooks.%s: %s exited with status %d: %s", name, hook->path,
                       WEXITSTATUS(status), output_of(out));
    return 0;
}

int hooks_run(const struct spec *spec, enum hook_kind kind, const char *state, bool all,
              struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < spec->n_hooks[kind]; i++) {
        struct err one;
        if (run_one(&spec->hooks[kind][i], hook_names[kind], state, &one) == 0)
            continue;
        if (rc == 0)
            *err = one;
        rc = -1;
        if (!all)
            break;
    }
    return rc;
}
