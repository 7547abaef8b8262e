/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_record.c - record, and replay with its controls. */
#include "backends/replay/replay.h"
#include "console/commands.h"
#include "console/reads.h"
#include "console/record.h"

#include <math.h>
#include <string.h>

/* ---- record --------------------------------------------------------------------------------- */

typedef struct {
    CommandRun *run;
    GSource *timer;
    gboolean opened;
    gboolean ends_with_run; /* else it goes on, in shell and console */
} Recording;

/* "1:02". */
static char *clock_text(gint64 ns)
{
    gint64 seconds = MAX(ns, 0) / 1000000000;

    return g_strdup_printf("%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
}

static void recording_free(gpointer data)
{
    Recording *recording = data;
    App *app = recording->run->app;

    app_source_remove(&recording->timer);
    if (app->record != NULL) {
        if (recording->ends_with_run || !recording->opened)
            record_stop(g_steal_pointer(&app->record));
        else
            record_disown(app->record);
    }
    g_free(recording);
}

static gboolean recording_over(gpointer data)
{
    Recording *recording = data;
    CommandRun *run = recording->run;
    g_autofree char *error = record_error(run->app->record);

    app_source_remove(&recording->timer);
    if (error != NULL)
        run_fail(run, GEMEL_ERROR_FAILED, "%s", error);
    else
        output_line(run->out, OUTPUT_NOTE, "recorded into %s", record_path(run->app->record));
    run_release(run);
    return G_SOURCE_REMOVE;
}

static void recording_failed(gpointer data)
{
    recording_over(data);
}

static void recording_opened(const GError *error, gpointer data)
{
    Recording *recording = data;
    CommandRun *run = recording->run;
    const char *span = run_option(run, "for");
    gint ms;

    if (error != NULL) {
        run_error(run, error);
        run_release(run);
        return;
    }
    recording->opened = TRUE;
    if (!recording->ends_with_run) {
        output_line(run->out, OUTPUT_NOTE, "recording into %s; `record stop` ends it",
                    record_path(run->app->record));
        model_start(run->app->model);
        run_release(run);
        return;
    }
    model_start(run->app->model);
    if (span != NULL && parse_duration_ms(span, &ms, NULL))
        recording->timer = app_add_timer(run->app, (guint)ms, recording_over, recording);
}

static void record_status(CommandRun *run)
{
    Record *record = run->app->record;

    if (record == NULL) {
        output_line(run->out, OUTPUT_NOTE, "nothing is recorded; `record FILE` begins");
        return;
    }
    g_autofree char *bytes = format_bytes(record_bytes(record));
    g_autofree char *error = record_error(record);

    output_line(run->out, OUTPUT_DATA,
                "recording into %s: %s written, %" G_GUINT64_FORMAT " samples left out%s%s",
                record_path(record), bytes, record_left_out(record), error != NULL ? "; " : "",
                error != NULL ? error : "");
}

static void record_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    const char *interval = run_option(run, "interval");
    Recording *recording;

    if (run->n_words == 0) {
        record_status(run);
        return;
    }
    if (run->app->record != NULL) {
        run_fail(run, GEMEL_ERROR_BUSY, "record: %s is recorded already; `record stop` ends it",
                 record_path(run->app->record));
        return;
    }
    if (interval != NULL && !options_set(run->app->options, "refresh", interval, &error)) {
        run_error(run, error);
        return;
    }
    recording = g_new0(Recording, 1);
    recording->run = run;
    recording->ends_with_run = run->face->face == FACE_ONESHOT || run_option(run, "for") != NULL;
    run->data = recording;
    run->data_free = recording_free;
    run_hold(run);
    run->app->record = record_start(
        run->app, run->words[0], run_flag(run, "force"),
        &(RecordHooks){.opened = recording_opened, .failed = recording_failed, .data = recording});
}

static void record_stop_run(CommandRun *run)
{
    if (run->app->record == NULL) {
        run_fail(run, GEMEL_ERROR_CONFLICT, "record stop: nothing is recorded");
        return;
    }
    output_line(run->out, OUTPUT_NOTE, "recorded into %s", record_path(run->app->record));
    record_stop(g_steal_pointer(&run->app->record));
}

/* ---- replay --------------------------------------------------------------------------------- */

/* The replay that controls are for: the first that is open. */
static GemelBackend *find_replay(CommandRun *run)
{
    GemelReplayStatus status;

    for (guint i = 0; i < run->app->backends->len; i++) {
        GemelBackend *backend = ((AppBackend *)run->app->backends->pdata[i])->backend;

        if (!gemel_replay_status(backend, &status))
            continue;
        g_free(status.damage);
        return backend;
    }
    run_fail(run, GEMEL_ERROR_CONFLICT, "%s: no recording is played; `replay FILE` plays one",
             run->command->name);
    return NULL;
}

/* What there is to say of a recording that was read. */
static void print_replay(CommandRun *run, const AppBackend *open, guint instances)
{
    GemelReplayStatus status;

    if (!gemel_replay_status(open->backend, &status))
        return;
    g_autofree char *length = clock_text(status.length_ns);
    g_autofree char *damage = status.damage;

    output_line(run->out, OUTPUT_DATA, "%s: %s long, %u instance%s at %.1f s", run->words[0],
                length, instances, instances == 1 ? "" : "s", (double)status.at_ns / 1e9);
    if (damage != NULL)
        run_fail(run, GEMEL_ERROR_FAILED, "replay: %s is damaged: %s; it plays up to there",
                 run->words[0], damage);
}

static void replay_read(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;
    AppBackend *open = run->app->backends->pdata[run->app->backends->len - 1];

    if (error != NULL) {
        run_error(run, error);
        app_disconnect(run->app, open->backend->name, NULL);
        return;
    }
    print_replay(run, open, ((GPtrArray *)result)->len);
}

char *replay_uri(const char *file, const char *speed, const char *seek)
{
    return g_strdup_printf("replay:%s?speed=%s&seek=%s", file, speed != NULL ? speed : "1",
                           seek != NULL ? seek : "0");
}

static void replay_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uri =
        replay_uri(run->words[0], run_option(run, "speed"), run_option(run, "seek"));

    if (!app_connect(run->app, NULL, uri, &error)) {
        run_error(run, error);
        return;
    }
    run_submit(run, run->app->backends->pdata[run->app->backends->len - 1], GEMEL_LANE_READ,
               &(GemelJobSpec){.kind = "connect",
                               .title = "replay",
                               .run = read_list,
                               .result_free = (GDestroyNotify)g_ptr_array_unref,
                               .hard_ms = 30000},
               replay_read, run);
}

static void replay_pause_run(CommandRun *run)
{
    GemelBackend *replay = find_replay(run);
    GemelReplayStatus status;

    if (replay == NULL || !gemel_replay_status(replay, &status))
        return;
    g_free(status.damage);
    gemel_replay_pause(replay, !status.paused);
}

/* seek, forward and back. */
static void replay_seek_run(CommandRun *run)
{
    GemelBackend *replay = find_replay(run);
    g_autoptr(GError) error = NULL;
    GemelReplayStatus status;
    gint64 to_ns;
    gint ms;

    if (replay == NULL)
        return;
    if (!parse_duration_ms(run->words[0], &ms, &error)) {
        run_error(run, error);
        return;
    }
    gemel_replay_status(replay, &status);
    g_free(status.damage);
    to_ns = (gint64)ms * 1000000;
    if (g_str_has_suffix(run->command->name, "forward"))
        to_ns = status.at_ns + to_ns;
    else if (g_str_has_suffix(run->command->name, "back"))
        to_ns = status.at_ns - to_ns;
    gemel_replay_seek(replay, MAX(to_ns, 0));
    model_refresh(run->app->model);
}

static void replay_speed_run(CommandRun *run)
{
    GemelBackend *replay = find_replay(run);
    char *end;
    double speed = g_ascii_strtod(run->words[0], &end);

    if (replay == NULL)
        return;
    if (end == run->words[0] || *end != '\0' || !isfinite(speed) || speed < 1 ||
        speed > GEMEL_REPLAY_SPEED_MAX)
        run_fail(run, GEMEL_ERROR_INVALID, "replay speed: '%s' is not a number from 1 to %d",
                 run->words[0], GEMEL_REPLAY_SPEED_MAX);
    else
        gemel_replay_set_speed(replay, speed);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const CommandOption record_options[] = {
    {"for", 0, OPTION_DURATION, FALSE, "TIME", "end after this; else at ^C, or at `record stop`"},
    {"interval", 'i', OPTION_DURATION, FALSE, "TIME", "between two samples (the option refresh)"},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "replace a file that is there"},
    {NULL},
};

static const CommandOption replay_options[] = {
    {"speed", 's', OPTION_STRING, FALSE, "N", "times as fast, 1 to 1000"},
    {"seek", 0, OPTION_DURATION, FALSE, "TIME", "begin there"},
    {"info", 'i', OPTION_FLAG, FALSE, NULL, "only say what is in it, as without a terminal"},
    {NULL},
};

const Command commands_record[] = {
    {.name = "record",
     .summary = "write what the backends say into a file, to be played again",
     .example = "gemel record /tmp/trouble.gemel --for 1m",
     .group = "Look",
     .words = {{WORD_FILE, "FILE", .optional = TRUE}},
     .options = record_options,
     .details = "Lists, figures and events with their times, for bug reports, training and demos. "
                "The file has names, labels and states of all instances; only its owner can read "
                "it. Alone it says what is recorded.",
     .run = record_run},
    {.name = "record stop",
     .summary = "end a recording",
     .example = "record stop",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .run = record_stop_run},
    {.name = "replay",
     .summary = "play a recording in the console; needs neither libvirt nor root",
     .example = "gemel replay /tmp/trouble.gemel --speed 4 --seek 30s",
     .group = "Look",
     .words = {{WORD_FILE, "FILE"}},
     .options = replay_options,
     .details = "On a terminal it is the console on that recording: ! pauses, { and } go back and "
                "forward by ten seconds. A damaged or cut-off file plays up to the damage, and it "
                "is said where that is (status 1). `-c replay:FILE` gives any command the "
                "recording as its backend.",
     .run = replay_run},
    {.name = "replay pause",
     .summary = "pause the recording that is played, or let it go on",
     .example = "replay pause",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .run = replay_pause_run},
    {.name = "replay seek",
     .summary = "go to a time of the recording",
     .example = "replay seek 1m",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .words = {{WORD_TEXT, "TIME"}},
     .run = replay_seek_run},
    {.name = "replay forward",
     .summary = "go on in the recording by a time",
     .example = "replay forward 10s",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .words = {{WORD_TEXT, "TIME"}},
     .run = replay_seek_run},
    {.name = "replay back",
     .summary = "go back in the recording by a time",
     .example = "replay back 10s",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .words = {{WORD_TEXT, "TIME"}},
     .run = replay_seek_run},
    {.name = "replay speed",
     .summary = "how many times as fast the recording is played",
     .example = "replay speed 4",
     .group = "Look",
     .faces = FACE_SHELL | FACE_TUI,
     .words = {{WORD_TEXT, "N"}},
     .run = replay_speed_run},
    {.name = NULL},
};
