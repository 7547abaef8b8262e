/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/libvirt/lv.h"

static void be_quiet(void *data, virErrorPtr error)
{
}

/*
 * libvirt writes errors to stderr through an error function, which can be replaced, and warnings
 * ("No response from client after 3 keepalive messages") straight through its logger, which can be
 * told to go elsewhere by the environment only, read once by virInitialize. What the user has set
 * there is respected; ours is taken back so that no child inherits it.
 */
static void init_library(void)
{
    gboolean is_ours = g_getenv("LIBVIRT_LOG_OUTPUTS") == NULL && g_getenv("LIBVIRT_DEBUG") == NULL;

    if (is_ours)
        g_setenv("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null", TRUE);
    virInitialize();
    if (is_ours)
        g_unsetenv("LIBVIRT_LOG_OUTPUTS");
    virSetErrorFunc(NULL, be_quiet);
}

void lv_library_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_library);
}

/* Runs libvirt's events until the process ends. A failure of one turn must not stop keepalive for
   all connections; the pause keeps a persistent failure from spinning. */
static void *run_events(void *data)
{
    for (;;) {
        if (virEventRunDefaultImpl() < 0)
            g_usleep(50000);
    }
    return NULL;
}

/* libvirt's default implementation iterates GLib's default main context, which a source added from
   another thread wakes; so nothing else is needed to have new handles noticed at once. */
static void start_loop(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;

    virEventRegisterDefaultImpl();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, run_events, NULL) != 0)
        g_critical("cannot start libvirt's event thread: %s", g_strerror(errno));
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void lv_loop_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    lv_library_init();
    pthread_once(&once, start_loop);
}

LvSignal *lv_signal_new(void)
{
    LvSignal *signal = g_new0(LvSignal, 1);

    signal->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return signal;
}

void lv_signal_free(LvSignal *signal)
{
    if (signal == NULL)
        return;
    if (signal->fd >= 0)
        close(signal->fd);
    g_free(signal);
}

void lv_signal_raise(LvSignal *signal)
{
    uint64_t one = 1;

    g_atomic_int_set(&signal->is_set, 1);
    if (signal->fd >= 0 && write(signal->fd, &one, sizeof one) < 0)
        return; /* EAGAIN: the counter is full, so it is readable anyway */
}

void lv_signal_lower(LvSignal *signal)
{
    uint64_t count;

    g_atomic_int_set(&signal->is_set, 0);
    if (signal->fd >= 0 && read(signal->fd, &count, sizeof count) < 0)
        return; /* EAGAIN: it was not raised */
}

gboolean lv_signal_is_set(LvSignal *signal)
{
    return g_atomic_int_get(&signal->is_set) != 0;
}
