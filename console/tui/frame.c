/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame.c - the picture as a whole: header, page, what is wrong with backends, messages or the
   input line, keys; and over it the menu or the dialog. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backends/replay/replay.h"
#include "config/options.h"
#include "console/prompt.h"
#include "console/record.h"
#include "console/tui/consoles.h"
#include "widgets/footer.h"
#include "widgets/promptline.h"
#include "widgets/screen.h"

#define WIDTH_MIN        40
#define HEIGHT_MIN       8
#define TROUBLES_MAX     3
#define MESSAGE_ROWS_MAX 3
#define FOOTER_MAX       24

/* ---- own cost ------------------------------------------------------------------------------- */

/* What this thread has written, which is the terminal's share: it does no other I/O but to wake
   other threads. 0 where the kernel does not count it. */
static guint64 bytes_written(void)
{
    FILE *io = fopen("/proc/thread-self/io", "re");
    unsigned long long bytes = 0;

    if (io != NULL) {
        if (fscanf(io, "rchar: %*u wchar: %llu", &bytes) != 1)
            bytes = 0;
        fclose(io);
    }
    return bytes;
}

/* CPU time since the last call, and the resident set from procfs (no disk is touched). */
void frame_measure_cost(Tui *tui)
{
    struct rusage usage;
    gint64 now = g_get_monotonic_time(), cpu, wall = now - tui->cost_wall_usec;
    guint64 written = bytes_written(), calls = model_calls(tui->app->model);
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm != NULL) {
        if (fscanf(statm, "%*u %lu", &pages) == 1)
            tui->cost_rss_bytes = (guint64)pages * (guint64)sysconf(_SC_PAGESIZE);
        fclose(statm);
    }
    getrusage(RUSAGE_SELF, &usage);
    cpu = (gint64)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
          usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    if (tui->cost_wall_usec > 0 && wall > 0) {
        tui->cost_percent = 100.0 * (double)(cpu - tui->cost_cpu_usec) / (double)wall;
        tui->cost_bytes_rate = (double)(written - tui->cost_written) * 1e6 / (double)wall;
        tui->cost_calls_rate = (double)(calls - tui->cost_calls) * 1e6 / (double)wall;
    }
    tui->cost_written = written;
    tui->cost_calls = calls;
    tui->cost_wall_usec = now;
    tui->cost_cpu_usec = cpu;
}

/* ---- header --------------------------------------------------------------------------------- */

/* "every 1s", or "every 0.1-2.4s" when a source is so slow that it is asked less often. */
static char *refresh_text(Tui *tui)
{
    gint64 refresh_ms = options_get_number(tui->app->options, "refresh"), slowest = refresh_ms;
    GPtrArray *backends = model_backends(tui->app->model);

    for (guint i = 0; i < backends->len; i++)
        slowest = MAX(slowest, model_interval_ms(backends->pdata[i]));
    return slowest > refresh_ms ? g_strdup_printf("every %.3g-%.3gs", (double)refresh_ms / 1000,
                                                  (double)slowest / 1000)
                                : g_strdup_printf("every %.3gs", (double)refresh_ms / 1000);
}

/* "REPLAY 0:12/1:00 x4 paused" of the first recording that is played, or NULL. */
static char *replay_text(Tui *tui)
{
    GemelReplayStatus status;

    for (guint i = 0; i < tui->app->backends->len; i++) {
        if (!gemel_replay_status(((AppBackend *)tui->app->backends->pdata[i])->backend, &status))
            continue;
        g_autoptr(GString) text = g_string_new("REPLAY");
        int at = (int)(status.at_ns / 1000000000), of = (int)(status.length_ns / 1000000000);

        g_string_append_printf(text, " %d:%02d/%d:%02d", at / 60, at % 60, of / 60, of % 60);
        if (status.speed > 1)
            g_string_append_printf(text, " x%.3g", status.speed);
        g_string_append(text, status.paused ? " paused" : status.ended ? " end" : "");
        if (status.damage != NULL)
            g_string_append(text, " damaged");
        g_free(status.damage);
        return g_string_free(g_steal_pointer(&text), FALSE);
    }
    return NULL;
}

/* "REC 1.2M", or that it failed; NULL when nothing is recorded. */
static char *record_text(Tui *tui)
{
    Record *record = tui->app->record;

    if (record == NULL)
        return NULL;
    g_autofree char *error = record_error(record);
    g_autofree char *bytes = format_bytes(record_bytes(record));

    return error != NULL ? g_strdup("REC failed") : g_strconcat("REC ", bytes, NULL);
}

/* "lab-host › instances › lab-vm › snapshots": the way that Esc goes back. Whom a page is about is
   named once. */
static char *path_text(Tui *tui, int room)
{
    g_autoptr(GString) path = g_string_new(NULL);
    const char *about = NULL;

    for (guint i = 0; i < tui->pages->len; i++) {
        Page *page = tui->pages->pdata[i];
        const char *key = i > 0 && page->ops->target != NULL ? page->ops->target(page) : NULL;
        const ModelInstance *instance = key != NULL ? tui_instance(tui, key) : NULL;
        g_autofree char *crumb = page->ops->crumb != NULL && i + 1 == tui->pages->len
                                     ? page->ops->crumb(page)
                                     : g_strdup(page->ops->name);

        if (instance != NULL && (page->ops->where & (AT_ALERTS | AT_CONSOLES)) == 0 &&
            instance->info->name != about) {
            g_string_append_printf(path, " %s %s", TUI_CRUMB, instance->info->name);
            about = instance->info->name;
        }
        if (i > 0)
            g_string_append_printf(path, " %s ", TUI_CRUMB);
        g_string_append(path, crumb);
    }
    if (text_width(path->str) + text_width(tui->host_name) + 3 > room)
        return g_string_free(g_steal_pointer(&path), FALSE);
    return g_strdup_printf("%s %s %s", tui->host_name, TUI_CRUMB, path->str);
}

static void draw_header(Tui *tui, const Canvas *c)
{
    Page *page = tui_page(tui);
    g_autofree char *path = path_text(tui, c->width * 2 / 5);
    g_autofree char *summary = page->ops->summary != NULL ? page->ops->summary(page) : NULL;
    g_autofree char *rss = format_bytes(tui->cost_rss_bytes);
    g_autofree char *own = g_strdup_printf("self %.1f%% %s", tui->cost_percent, rss);
    g_autofree char *written = format_rate(tui->cost_bytes_rate);
    g_autofree char *terminal = g_strdup_printf("screen %4s/s", written);
    g_autofree char *calls = g_strdup_printf("calls %.0f/s", tui->cost_calls_rate);
    g_autofree char *refresh = refresh_text(tui);
    g_autofree char *cpu = g_strdup_printf("CPU%% of %s", model_cpu_mode_name(tui->cpu_mode));
    g_autofree char *replay = replay_text(tui), *record = record_text(tui);
    const BarSegment segments[] = {
        {" gemel ", ROLE_BRAND, 0, FALSE},
        {path, ROLE_STRONG, 0, FALSE},
        {instances_is_zoomed(tui->pages->pdata[0]) && tui->pages->len == 1 ? "zoom" : NULL,
         ROLE_BAR, 6, FALSE},
        {tui->app->read_only ? "read-only" : NULL, ROLE_WARN, 1, FALSE},
        {tui->frozen ? "FROZEN" : NULL, ROLE_WARN, 1, FALSE},
        {replay, ROLE_WARN, 1, FALSE},
        {record, ROLE_WARN, 1, FALSE},
        {summary, ROLE_BAR, 2, TRUE},
        {cpu, ROLE_BAR, 5, TRUE},
        {refresh, ROLE_BAR, 7, TRUE},
        {own, ROLE_BAR, 3, TRUE},
        {terminal, ROLE_BAR, 8, TRUE},
        {calls, ROLE_BAR, 9, TRUE},
    };

    bar_draw(c, segments, G_N_ELEMENTS(segments));
}

/* ---- backends in trouble -------------------------------------------------------------------- */

/* The oldest read of this backend that is late, in words, or NULL: then figures are old though the
   backend as a whole answers. */
static char *late_read(Tui *tui, const ModelBackend *backend)
{
    GPtrArray *jobs = model_jobs(tui->app->model);

    for (guint i = 0; i < jobs->len; i++) {
        g_autoptr(GemelJobView) view = gemel_job_view(jobs->pdata[i]);

        if (view->lane != GEMEL_LANE_READ || view->ended_usec != 0 ||
            (view->state != GEMEL_JOB_SLOW && view->state != GEMEL_JOB_LOST) ||
            g_strcmp0(view->backend, backend->name) != 0)
            continue;
        g_autofree char *age = age_text(g_get_monotonic_time() - view->started_usec);

        return g_strdup_printf("%s is slow: %s has been waiting %s for %s", backend->name,
                               view->title != NULL ? view->title : view->kind, age,
                               view->waits_for != NULL ? view->waits_for : "an answer");
    }
    return NULL;
}

/* One line about a backend that is not as it should be, or NULL. */
static char *trouble_of(Tui *tui, const ModelBackend *backend, Role *ret_role)
{
    g_autofree char *age =
        backend->list_ns > 0 ? age_text((gemel_boottime_ns() - backend->list_ns) / 1000) : NULL;
    gboolean dead = backend->health == GEMEL_LANES_UNRESPONSIVE;

    *ret_role = dead || backend->state == MODEL_BACKEND_DOWN ? ROLE_ERROR : ROLE_WARN;
    if (backend->health != GEMEL_LANES_OK)
        return g_strdup_printf(
            "%s %s: %s%s%s%s", backend->name, dead ? "does not respond" : "is slow",
            backend->health_text != NULL ? backend->health_text : "waiting for an answer",
            age != NULL ? "; its list is " : "", age != NULL ? age : "", age != NULL ? " old" : "");
    if (backend->state == MODEL_BACKEND_DOWN)
        return g_strdup_printf("%s is down: %s", backend->name,
                               backend->error != NULL ? backend->error->message
                                                      : "no reason given");
    if (backend->state == MODEL_BACKEND_CONNECTING && !backend->listed)
        return g_strdup_printf("%s: %s", backend->name,
                               backend->health_text != NULL ? backend->health_text : "connecting");
    return late_read(tui, backend);
}

/* Rows of a wrapped text, at most `max`; the last one is cut. `c` NULL only counts. */
static int draw_wrapped(const Canvas *c, int y, int x, int width, int max, Role role,
                        const char *text)
{
    int rows = 0;

    while (*text != '\0' && rows < max) {
        const char *end = rows + 1 < max ? text_break(text, width) : text + strlen(text);
        g_autofree char *part = g_strndup(text, (gsize)(end - text));

        if (c != NULL)
            canvas_field(c, y + rows, x, width, TEXT_LEFT, role, part);
        text = *end == ' ' ? end + 1 : end;
        rows++;
    }
    return rows;
}

/* Draws what is wrong with backends at the bottom of `c`; returns how many rows that takes. */
static int draw_troubles(Tui *tui, const Canvas *c)
{
    GPtrArray *backends = model_backends(tui->app->model);
    int max = MAX(1, MIN(TROUBLES_MAX, c->height / 3)), width = c->width - 4, rows = 0;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) roles = g_array_new(FALSE, FALSE, sizeof(Role));

    for (guint i = 0; i < backends->len; i++) {
        Role role;
        char *line = trouble_of(tui, backends->pdata[i], &role);

        if (line == NULL)
            continue;
        g_ptr_array_add(lines, line);
        g_array_append_val(roles, role);
        rows += draw_wrapped(NULL, 0, 0, width, max, role, line);
    }
    /* with many in trouble each gets a row, and the last row says how many more there are */
    guint show = MIN(lines->len, (guint)max);
    int each = rows <= max ? max : lines->len == 1 ? max : 1, y = c->height - MIN(rows, max);

    if (each == 1)
        y = c->height - (int)show;
    for (guint i = 0, n = show; i < n; i++) {
        Role role = g_array_index(roles, Role, i);

        if (i + 1 == n && lines->len > n) {
            canvas_printf(c, y++, 1, ROLE_WARN,
                          "! and %u more backends in trouble; :backends shows all",
                          lines->len - n + 1);
            break;
        }
        canvas_text(c, y, 1, role, "! ");
        y += draw_wrapped(c, y, 3, width, each, role, lines->pdata[i]);
    }
    return each == 1 ? (int)show : MIN(rows, max);
}

/* ---- bottom --------------------------------------------------------------------------------- */

guint frame_active_jobs(Tui *tui)
{
    GPtrArray *jobs = model_jobs(tui->app->model);
    guint active = 0;

    for (guint i = 0; i < jobs->len; i++) {
        g_autoptr(GemelJobView) view = gemel_job_view(jobs->pdata[i]);

        active +=
            view->lane == GEMEL_LANE_ACT && view->ended_usec == 0 && view->state != GEMEL_JOB_LOST;
    }
    return active;
}

/* Acts that nobody looks at would be forgotten: they are named beside the message. So is, with
   `echo on`, what the last key stands for. */
static char *jobs_note(Tui *tui)
{
    guint active = frame_active_jobs(tui);

    g_autofree char *jobs =
        active > 0 ? g_strdup_printf("%u job%s under way (9)", active, active == 1 ? "" : "s")
                   : NULL;

    g_autofree char *consoles = consoles_note(tui);
    g_autofree char *echo = tui->echo != NULL ? g_strdup_printf("[%s]", tui->echo) : NULL;
    const char *const parts[] = {echo, jobs, consoles};
    g_autoptr(GString) note = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i] != NULL)
            g_string_append_printf(note, "%s%s", note->len > 0 ? "  " : "", parts[i]);
    return note->len > 0 ? g_string_free(g_steal_pointer(&note), FALSE) : NULL;
}

/* What the jobs leave of the line. */
static int message_width(Tui *tui, int width)
{
    g_autofree char *note = jobs_note(tui);

    return MAX(1, width - 2 - (note != NULL ? text_width(note) + 2 : 0));
}

/* What a menu has no room for beside its selected line, or NULL: said in place of the message. */
static const char *menu_text(Tui *tui, int width)
{
    const char *beside =
        tui->menu != NULL && menu_is_cut(tui->menu, width) ? menu_beside(tui->menu) : NULL;

    return tui->message == NULL || tui->message_class == OUTPUT_NOTE ? beside : NULL;
}

/* A long message takes up to three rows: its end often says what to do. Under a menu the rows stay
   as many from line to line. */
static int message_rows(Tui *tui, const Canvas *all)
{
    int max = all->height >= 12 ? MESSAGE_ROWS_MAX : 1;

    if (menu_text(tui, all->width) != NULL)
        return MIN(2, max);

    if (tui->message == NULL || tui->input != INPUT_NONE)
        return 1;
    return MAX(
        1, draw_wrapped(NULL, 0, 0, message_width(tui, all->width), max, ROLE_TEXT, tui->message));
}

static void draw_message(Tui *tui, const Canvas *c)
{
    static const Role roles[] = {
        [OUTPUT_DATA] = ROLE_TEXT, [OUTPUT_NOTE] = ROLE_OK, [OUTPUT_ERROR] = ROLE_ERROR};
    g_autofree char *note = jobs_note(tui);
    int room = message_width(tui, c->width);

    if (note != NULL) {
        canvas_text(c, 0, c->width - 1 - text_width(note), ROLE_CHANGING, note);
    }
    const char *beside = menu_text(tui, c->width);

    if (beside != NULL)
        draw_wrapped(c, 0, 1, room, c->height,
                     menu_reason(tui->menu) != NULL ? ROLE_WARN : ROLE_HINT, beside);
    else if (tui->message != NULL)
        draw_wrapped(c, 0, 1, room, c->height, roles[tui->message_class], tui->message);
}

static void draw_matches(Tui *tui, const Canvas *body, GPtrArray *completions)
{
    g_autofree PromptMatch *matches = g_new(PromptMatch, completions->len + 1);

    for (guint i = 0; i < completions->len; i++) {
        const Completion *completion = completions->pdata[i];

        matches[i] = (PromptMatch){completion->text, completion->hint};
    }
    int rows = promptline_matches_height(matches, completions->len, body->height / 2, body->width);
    Canvas list = canvas_sub(body, body->height - rows, 0, rows, body->width);
    guint first = tui->matches_first < completions->len ? tui->matches_first : 0;
    guint shown =
        promptline_draw_matches(&list, matches + first, completions->len - first, first > 0);

    /* another Tab goes on from here, and after the last begins anew */
    tui->matches_first = first;
    tui->matches_next = first + shown < completions->len ? first + shown : 0;
}

static void draw_input(Tui *tui, const Canvas *body, const Canvas *line)
{
    Page *page = tui_page(tui);
    GPtrArray *matches = tui->input == INPUT_COMMAND ? prompt_matches() : NULL;
    const char *note = tui->input == INPUT_COMMAND        ? "Tab completes, Esc leaves"
                       : page->ops->where == AT_INSTANCES ? "text  key=value  cpu>50  ~regex  !not"
                                                          : "Enter finds, n goes on";

    g_autofree char *pasted =
        prompt_pasted() > 1
            ? g_strdup_printf("%u lines pasted; Enter runs them, Esc leaves", prompt_pasted())
            : NULL;
    const char *label = prompt_label();

    if (label == NULL)
        label = tui->input == INPUT_COMMAND ? ":" : "/";
    promptline_draw(line, label, prompt_text(), prompt_cursor(), pasted != NULL ? pasted : note);
    if (matches != NULL && matches->len > 0)
        draw_matches(tui, body, matches);
}

/* What Enter does depends on the question: no, or, once the name is typed, yes. */
static void draw_dialog_footer(const Dialog *dialog, const Canvas *c)
{
    gboolean typed = dialog_is_typed(dialog);
    FooterKey keys[3];
    guint n = 0;

    keys[n++] = (FooterKey){typed ? "name Enter" : "y", dialog_verb(dialog), 1};
    keys[n++] = (FooterKey){typed ? "Esc" : "Enter Esc", "leave it", 0};
    if (dialog_scrolls(dialog))
        keys[n++] = (FooterKey){"Up Down", "scroll", 2};
    footer_draw(c, keys, n);
}

/* Of a menu, the `:` line, or the line of a filter or search, where nothing completes. */
static void draw_typing_footer(const Tui *tui, const Canvas *c)
{
    static const FooterKey line_keys[] = {{"Enter", "do it", 0},
                                          {"Tab", "complete", 1},
                                          {"Up", "history", 2},
                                          {"^R", "search it", 3},
                                          {"Esc", "leave", 0}};
    static const FooterKey search_keys[] = {
        {"Enter", "keep it", 0}, {"Up", "history", 2}, {"^R", "search it", 3}, {"Esc", "leave", 0}};
    static const FooterKey menu_keys[] = {
        {"Enter", "do it", 0}, {"Esc", "leave", 0}, {"Up Down", "move", 1}};

    if (tui->menu != NULL)
        footer_draw(c, menu_keys, G_N_ELEMENTS(menu_keys));
    else if (tui->input == INPUT_SEARCH)
        footer_draw(c, search_keys, G_N_ELEMENTS(search_keys));
    else
        footer_draw(c, line_keys, G_N_ELEMENTS(line_keys));
}

static void draw_footer(Tui *tui, const Canvas *c)
{
    FooterKey keys[FOOTER_MAX];
    guint n = 0;
    const Binding *binding;
    Page *page = tui_page(tui);
    Where where = page->ops->focus != NULL ? page->ops->focus(page) : page->ops->where;

    if (tui->dialog != NULL) {
        draw_dialog_footer(tui->dialog, c);
        return;
    }
    if (tui->menu != NULL || tui->input != INPUT_NONE) {
        draw_typing_footer(tui, c);
        return;
    }
    for (guint i = 0; (binding = keymap_nth(i)) != NULL && n < FOOTER_MAX; i++) {
        gboolean here = binding->where == AT_ALL || (binding->where & where) != 0;
        const char *label = binding->label != NULL && here ? offer_label(tui, binding) : NULL;

        if (label != NULL)
            keys[n++] = (FooterKey){binding->key, label, binding->priority};
    }
    if ((where & (AT_TEXT | AT_HOSTS)) != 0 && n < FOOTER_MAX)
        keys[n++] = (FooterKey){"arrows", "scroll", 2};
    footer_draw(c, keys, n);
}

/* ---- everything ----------------------------------------------------------------------------- */

gboolean frame_is_too_small(void)
{
    Canvas all = screen_canvas();

    return all.height < HEIGHT_MIN || all.width < WIDTH_MIN;
}

/* Only what can be seen takes keys. */
static void draw_too_small(Tui *tui, const Canvas *c)
{
    g_autofree char *jobs = jobs_note(tui);

    canvas_printf(c, 0, 0, ROLE_WARN, "gemel waits for %dx%d, has %dx%d", WIDTH_MIN, HEIGHT_MIN,
                  c->width, c->height);
    canvas_text(c, 1, 0, ROLE_DIM, jobs != NULL ? "q does not quit now, ^C does:" : "q quits");
    if (jobs != NULL)
        canvas_text(c, 2, 0, ROLE_DIM, jobs);
}

/* A page that wants all of the screen; what lies over pages still does. */
static void draw_whole(Tui *tui, Page *page, const Canvas *all)
{
    Canvas body = canvas_sub(all, 1, 0, all->height - 2, all->width);
    Canvas line = canvas_sub(all, all->height - 1, 0, 1, all->width);

    page->ops->draw(page, all);
    if (tui->input != INPUT_NONE) {
        canvas_clear(&line);
        draw_input(tui, &body, &line);
    }
    if (tui->menu != NULL)
        menu_draw(tui->menu, &body);
    if (tui->dialog != NULL)
        dialog_draw(tui->dialog, &body);
}

void frame_draw(Tui *tui)
{
    Canvas all = screen_canvas();

    if (frame_is_too_small()) {
        draw_too_small(tui, &all);
        return;
    }
    Page *page = tui_page(tui);

    if (page->ops->whole) {
        draw_whole(tui, page, &all);
        return;
    }
    Canvas header = canvas_sub(&all, 0, 0, 1, all.width);
    int rows = message_rows(tui, &all);
    Canvas line = canvas_sub(&all, all.height - 1 - rows, 0, rows, all.width);
    Canvas footer = canvas_sub(&all, all.height - 1, 0, 1, all.width);
    Canvas body = canvas_sub(&all, 1, 0, all.height - 2 - rows, all.width);
    Canvas bar = canvas_on(&header, ROLE_BAR);

    draw_header(tui, &bar);
    body.height -= draw_troubles(tui, &body);
    page->ops->draw(page, &body);
    draw_footer(tui, &footer);
    if (tui->input != INPUT_NONE)
        draw_input(tui, &body, &line);
    else
        draw_message(tui, &line);
    if (tui->menu != NULL)
        menu_draw(tui->menu, &body);
    if (tui->dialog != NULL)
        dialog_draw(tui->dialog, &body);
}
