/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tui.c - life of the TUI: the loop's sources, the stack of pages, when to draw. */
#include "console/tui/consoles.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/options.h"
#include "console/audit.h"
#include "widgets/screen.h"

/* Data never redraws more often than this. */
#define FRAME_USEC 33333

const int tui_signals[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, 0};

/* ---- drawing -------------------------------------------------------------------------------- */

static gboolean anything_listed(Tui *tui)
{
    GPtrArray *backends = model_backends(tui->app->model);

    for (guint i = 0; i < backends->len; i++)
        if (((const ModelBackend *)backends->pdata[i])->listed)
            return TRUE;
    return FALSE;
}

static void draw_now(Tui *tui);

/* The terminal takes bytes again. What changed meanwhile is drawn at once. */
static gboolean output_ready(int fd, GIOCondition condition, gpointer data)
{
    Tui *tui = data;

    if (!screen_flush())
        return G_SOURCE_CONTINUE;
    app_source_remove(&tui->output_source);
    draw_now(tui);
    return G_SOURCE_REMOVE;
}

static void draw_now(Tui *tui)
{
    app_source_remove(&tui->draw_source);
    if (tui->taken || tui->quit || tui->output_source != NULL)
        return;
    /* the first list is drawn when it comes: nobody has seen anything yet */
    tui->drawn_usec = anything_listed(tui) ? g_get_monotonic_time() : 0;
    screen_begin();
    frame_draw(tui);
    if (!screen_show())
        tui->output_source =
            app_add_fd(tui->app, screen_output_fd(), G_IO_OUT | G_IO_ERR, output_ready, tui);
}

static gboolean draw_later(gpointer data)
{
    draw_now(data);
    return G_SOURCE_REMOVE;
}

void tui_changed(Tui *tui)
{
    gint64 wait_usec = tui->drawn_usec + FRAME_USEC - g_get_monotonic_time();

    if (tui->draw_source != NULL || tui->taken || tui->quit || tui->in_key)
        return; /* input_ready draws when all keys are taken */
    tui->draw_source = wait_usec > 0
                           ? app_add_timer(tui->app, (guint)(wait_usec / 1000) + 1, draw_later, tui)
                           : app_add_idle(tui->app, draw_later, tui);
    g_source_set_priority(tui->draw_source, G_PRIORITY_DEFAULT + 5);
}

void tui_redraw_all(Tui *tui)
{
    screen_redraw();
    tui_changed(tui);
}

/* ---- pages ---------------------------------------------------------------------------------- */

Page *tui_page(Tui *tui)
{
    return tui->pages->pdata[tui->pages->len - 1];
}

static void page_free(gpointer data)
{
    Page *page = data;

    page->ops->free(page);
}

/* One by one, the last one first: a page that goes may look for others. */
static void free_pages(GPtrArray **pages)
{
    while ((*pages)->len > 0)
        page_free(g_ptr_array_steal_index(*pages, (*pages)->len - 1));
    g_clear_pointer(pages, g_ptr_array_unref);
}

/* A page that comes while somebody types waits until the line is over. */
void tui_push(Tui *tui, Page *page)
{
    g_ptr_array_add(tui->input != INPUT_NONE ? tui->held : tui->pages, page);
    if (tui->input == INPUT_NONE)
        face_leave_message(tui);
    tui_changed(tui);
}

gboolean tui_pop(Tui *tui)
{
    if (tui->pages->len <= 1)
        return FALSE;
    input_end(tui);
    /* out of the stack before it goes: what its going sets off may open another */
    page_free(g_ptr_array_steal_index(tui->pages, tui->pages->len - 1));
    face_leave_message(tui);
    tui_changed(tui);
    return TRUE;
}

void tui_quit(Tui *tui, int status)
{
    if (!tui->quit)
        tui->status = status;
    tui->quit = TRUE;
    g_main_context_wakeup(tui->app->context);
}

void tui_command(Tui *tui, const char *line)
{
    face_run_line(tui, line);
}

/* ---- sources -------------------------------------------------------------------------------- */

/* Keys go before everything else. */
static gboolean keys_ready(int fd, GIOCondition condition, gpointer data)
{
    Tui *tui = data;

    input_ready(fd, condition, tui);
    if (!tui->taken && !tui->quit)
        draw_now(tui);
    return G_SOURCE_CONTINUE;
}

static void take_signal(int signum, gpointer data)
{
    Tui *tui = data;

    if (tui->linger_source != NULL && signum == SIGINT) {
        lend_over(tui);
        return;
    }
    if (tui->taken && (signum == SIGWINCH || signum == SIGTSTP || signum == SIGCONT))
        return;
    switch (signum) {
    case SIGWINCH:
        screen_resize();
        tui_changed(tui);
        break;
    case SIGTSTP:
        screen_stop_and_wait();
        tui_redraw_all(tui);
        break;
    case SIGCONT:
        screen_resize();
        tui_redraw_all(tui);
        break;
    default:
        tui_quit(tui, 128 + signum);
        break;
    }
}

void tui_listen_to_keys(Tui *tui, gboolean on)
{
    if (!on) {
        app_source_remove(&tui->input_source);
    } else if (tui->input_source == NULL && !tui->taken && !tui->quit) {
        tui->input_source =
            app_add_fd(tui->app, STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, keys_ready, tui);
        g_source_set_priority(tui->input_source, G_PRIORITY_HIGH);
    }
}

/* While a stream has the terminal, it looks after sizes and keys; an end is an end there too. */
static void add_sources(Tui *tui)
{
    tui_listen_to_keys(tui, TRUE);
    if (tui->signal_source == NULL)
        tui->signal_source = app_add_signals(tui->app, tui_signals, take_signal, tui);
}

static void remove_sources(Tui *tui)
{
    app_source_remove(&tui->input_source);
    app_source_remove(&tui->draw_source);
    app_source_remove(&tui->output_source);
    app_source_remove(&tui->escape_source);
}

void tui_terminal_leave(Tui *tui)
{
    if (tui->taken)
        return;
    tui->taken = TRUE;
    remove_sources(tui);
    screen_leave();
}

void tui_terminal_enter(Tui *tui)
{
    g_autoptr(GError) error = NULL;

    if (!tui->taken)
        return;
    tui->taken = FALSE;
    if (!screen_enter(&error)) {
        tui_quit(tui, 1);
        return;
    }
    add_sources(tui);
    tui->message_usec = g_get_monotonic_time(); /* nobody could read it before */
    screen_redraw();
    tui_changed(tui);
}

/* Ages and uptimes move even when nothing else does. */
static gboolean second(gpointer data)
{
    Tui *tui = data;

    frame_measure_cost(tui);
    face_expire_message(tui);
    tui_changed(tui);
    return G_SOURCE_CONTINUE;
}

static void model_changed(ModelChange what, gpointer data)
{
    Tui *tui = data;

    /* pages above the list still need it to follow the model */
    for (guint i = 0; i < tui->pages->len; i++) {
        Page *page = tui->pages->pdata[i];

        if (page->ops->changed != NULL)
            page->ops->changed(page, what);
    }
    tui_changed(tui);
}

/* ---- options -------------------------------------------------------------------------------- */

/* Whether the terminal cannot show UTF-8, or is the Linux console, whose fonts lack braille and
   most blocks. What they are is known by name alone: terminfo does not tell. */
static gboolean terminal_is_plain(void)
{
    static const char *const plain[] = {"linux", "vt1",    "vt2", "vt3",  "vt4", "vt5",
                                        "ansi",  "cons25", "sun", "dumb", "wy",  "hp"};
    const char *term = g_getenv("TERM");

    for (guint i = 0; term != NULL && i < G_N_ELEMENTS(plain); i++)
        if (g_str_has_prefix(term, plain[i]))
            return TRUE;
    return FALSE;
}

/* The options `ascii` and `graph`. */
static void choose_glyphs(Tui *tui)
{
    static const char *const styles[] = {
        [GLYPHS_ASCII] = "ascii", [GLYPHS_BLOCKS] = "blocks", [GLYPHS_BRAILLE] = "braille"};
    const char *ascii = options_get(tui->app->options, "ascii");

    for (guint i = 0; i < G_N_ELEMENTS(styles); i++)
        if (strcmp(styles[i], options_get(tui->app->options, "graph")) == 0)
            glyphs_set_graph((Glyphs)i);
    glyphs_set_ascii(strcmp(ascii, "auto") == 0 ? terminal_is_plain() : strcmp(ascii, "on") == 0);
}

static void apply_option(const char *name, gpointer data)
{
    Tui *tui = data;
    const Options *options = tui->app->options;

    if (strcmp(name, "theme") == 0) {
        theme_select(options_get(options, "theme"));
    } else if (strcmp(name, "background") == 0) {
        theme_set_background(strcmp(options_get(options, "background"), "theme") == 0);
    } else if (strcmp(name, "ascii") == 0 || strcmp(name, "graph") == 0) {
        choose_glyphs(tui);
    } else if (strcmp(name, "span") == 0) {
        const char *span = options_get(options, "span");

        tui->span_s = strcmp(span, "1m") == 0 ? 60 : strcmp(span, "day") == 0 ? 86400 : 600;
    } else if (strcmp(name, "escape-delay") == 0) {
        screen_set_escape_delay((int)options_get_number(options, "escape-delay"));
    } else if (strcmp(name, "mouse") == 0) {
        if (screen_is_active())
            screen_set_mouse(options_get_number(options, "mouse") != 0);
    } else if (strcmp(name, "read-only") == 0) {
        tui->app->read_only = options_get_number(options, "read-only") != 0;
    } else if (strcmp(name, "sort") == 0) {
        instances_sort(tui->pages->pdata[0], options_get(options, "sort"), NULL);
    } else if (strcmp(name, "columns") == 0) {
        instances_set_columns(tui->pages->pdata[0], options_get(options, "columns"));
    } else if (strcmp(name, "group") == 0) {
        instances_group(tui->pages->pdata[0], options_get(options, "group"), NULL);
    } else if (strcmp(name, "refresh") == 0) {
        if (!tui->frozen)
            model_start(tui->app->model);
    } else if (strcmp(name, "cpu") == 0) {
        for (ModelCpuMode mode = 0; mode < MODEL_CPU_N; mode++)
            if (strcmp(model_cpu_mode_name(mode), options_get(options, "cpu")) == 0)
                tui->cpu_mode = mode;
    }
    tui_redraw_all(tui);
}

/* ---- life ----------------------------------------------------------------------------------- */

void tui_start(Tui *tui)
{
    static const char *const at_start[] = {"theme",        "background", "graph",    "span",
                                           "escape-delay", "mouse",      "cpu",      "sort",
                                           "group",        "columns",    "read-only"};

    tui->host_name = g_get_host_name();
    face_init(tui);
    tui->fetch = fetch_new(tui);
    tui->pages = g_ptr_array_new_with_free_func(page_free);
    tui->held = g_ptr_array_new_with_free_func(page_free);
    g_ptr_array_add(tui->pages, instances_new(tui));
    for (guint i = 0; i < G_N_ELEMENTS(at_start); i++)
        if (strcmp(at_start[i], "read-only") != 0 || !tui->app->read_only)
            apply_option(at_start[i], tui);
    if (tui->app->read_only)
        audit_record(tui->app, FACE_TUI, "read-only on", "at the start");
    options_listen(tui->app->options, apply_option, tui);
    tui->listener = model_listen(tui->app->model, model_changed, tui);
    tui->second_source = app_add_timer(tui->app, 1000, second, tui);
}

void tui_stop(Tui *tui)
{
    verbs_forget(tui);
    options_listen(tui->app->options, NULL, NULL);
    model_unlisten(tui->app->model, tui->listener);
    input_end(tui);
    face_free(tui);
    while (tui_pop(tui)) /* one by one: what goes with a page looks at the others */
        ;
    remove_sources(tui);
    app_source_remove(&tui->linger_source);
    app_source_remove(&tui->signal_source);
    app_source_remove(&tui->hold_source);
    app_source_remove(&tui->second_source);
    g_clear_pointer(&tui->menu, menu_free);
    free_pages(&tui->held);
    free_pages(&tui->pages);
    consoles_free(tui);
    fetch_free(tui->fetch);
    g_free(tui->search_before);
}

int tui_run(App *app)
{
    g_autoptr(GError) error = NULL;
    Tui tui = {.app = app};

    if (!screen_enter(&error)) {
        Output *out = output_new_stdio();

        output_line(out, OUTPUT_ERROR, "%s", error->message);
        output_free(out);
        return 1;
    }
    tui_start(&tui);
    add_sources(&tui);
    frame_measure_cost(&tui);
    draw_now(&tui);
    model_start(app->model);
    while (!tui.quit && !app->quit)
        app_iterate(app, TRUE);
    tui_stop(&tui);
    screen_free();
    return tui.status;
}

/* ---- helpers -------------------------------------------------------------------------------- */

char *instance_key_of(const ModelInstance *instance)
{
    return g_strconcat(instance->backend->name, "/", instance->info->id, NULL);
}

ModelInstance *tui_instance(Tui *tui, const char *key)
{
    const char *slash = strchr(key, '/');

    if (slash == NULL)
        return NULL;
    g_autofree char *backend = g_strndup(key, (gsize)(slash - key));

    return model_instance(tui->app->model, backend, slash + 1);
}

char *instance_word(const ModelInstance *instance)
{
    Model *model = instance->backend->model;
    const char *name = instance->info->name;
    g_autofree char *key = instance_key_of(instance);
    g_autofree char *full = g_strconcat(instance->backend->name, "/", name, NULL);
    const char *const candidates[] = {name, full, key};

    for (guint i = 0; i < G_N_ELEMENTS(candidates); i++) {
        const char *word = candidates[i];

        if (word == NULL || *word == '\0' || *word == '-' ||
            model_find(model, word, NULL) != instance)
            continue;
        return strpbrk(word, " \t\n'\"\\$`!*?[](){}<>|&;~#") != NULL ? g_shell_quote(word)
                                                                     : g_strdup(word);
    }
    return command_quote(key);
}

Role state_role(GemelState state)
{
    static const Role roles[GEMEL_STATE_N] = {
        [GEMEL_STATE_UNKNOWN] = ROLE_WARN,      [GEMEL_STATE_RUNNING] = ROLE_RUNNING,
        [GEMEL_STATE_PAUSED] = ROLE_PAUSED,     [GEMEL_STATE_STOPPED] = ROLE_STOPPED,
        [GEMEL_STATE_STARTING] = ROLE_CHANGING, [GEMEL_STATE_STOPPING] = ROLE_CHANGING,
        [GEMEL_STATE_CRASHED] = ROLE_CRASHED,   [GEMEL_STATE_SAVED] = ROLE_SAVED,
    };

    return state < GEMEL_STATE_N ? roles[state] : ROLE_WARN;
}

gboolean instance_is_recorded(const ModelInstance *instance)
{
    return instance->backend->open != NULL &&
           g_str_equal(instance->backend->open->backend->ops->type, "replay");
}

char *age_text(gint64 usec)
{
    gint64 seconds = MAX(usec, 0) / 1000000;

    if (seconds < 60)
        return g_strdup_printf("%d s", (int)seconds);
    if (seconds < 3600)
        return g_strdup_printf("%d min", (int)(seconds / 60));
    if (seconds < 86400)
        return g_strdup_printf("%d h", (int)(seconds / 3600));
    return g_strdup_printf("%d days", (int)(seconds / 86400));
}
