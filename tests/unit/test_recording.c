/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written is what is read; and whatever happens to the file, what comes before is good. */
#include "backends/replay/recording.h"

#include <string.h>

#define MS G_GINT64_CONSTANT(1000000)

/* ---- a recording that is known ----------------------------------------------------------------
 */

static GPtrArray *new_list(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)gemel_instance_free);
}

static GPtrArray *new_samples(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)gemel_sample_free);
}

static GemelInstance *listed(GPtrArray *list, GemelKind kind, const char *id, const char *name)
{
    GemelInstance *instance = gemel_instance_new("was", kind, id, name);

    instance->state = GEMEL_STATE_RUNNING;
    g_ptr_array_add(list, instance);
    return instance;
}

static GemelSample *sampled(GPtrArray *samples, const char *id, gint64 time_ns, guint64 cpu)
{
    GemelSample *sample = gemel_sample_new(id, time_ns);

    gemel_sample_set(sample, GEMEL_METRIC_CPU_USAGE, cpu);
    g_ptr_array_add(samples, sample);
    return sample;
}

/* Two backends for a second: lists, samples each 100 ms, an event, a failure; then the end. */
static GByteArray *make(gint64 begun_ns)
{
    GByteArray *out = g_byte_array_new();
    GemelRecorder *recorder = gemel_recorder_new(out, begun_ns);
    g_autoptr(GPtrArray) list = new_list();
    g_autoptr(GPtrArray) others = new_list();
    g_autoptr(GError) error = NULL;
    GemelInstance *web = listed(list, GEMEL_KIND_CONTAINER, "one", "web \xe2\x82\xac");

    web->cpu_limit = 0.5;
    web->started_boottime_ns = begun_ns - 5000 * MS;
    web->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(web->labels, g_strdup("env"), g_strdup("production"));
    listed(list, GEMEL_KIND_VM, "two", "db")->vcpus = 4;
    listed(others, GEMEL_KIND_VM, "three", "far")->state = GEMEL_STATE_PAUSED;
    gemel_recorder_list(recorder, "native", "native", begun_ns + 1 * MS, list);
    gemel_recorder_list(recorder, "lab", "libvirt", begun_ns + 2 * MS, others);
    for (int i = 1; i <= 10; i++) {
        g_autoptr(GPtrArray) samples = new_samples();
        gint64 now = begun_ns + i * 100 * MS;
        GemelSample *one = sampled(samples, "one", now, (guint64)i * 7000000);
        GemelSample *two = sampled(samples, "two", now, G_MAXUINT64 - 5 + (guint64)i);

        gemel_sample_set(one, GEMEL_METRIC_MEM_USAGE, 64 << 20);
        if (i == 5)
            two->quarantine = g_strdup("its QEMU does not answer");
        gemel_row_set(gemel_sample_add_row(two, GEMEL_ROWS_VCPU, "0"), GEMEL_ROW_VCPU_TIME,
                      (guint64)i * 11);
        sampled(samples, "unlisted", now, 1);
        gemel_recorder_sample(recorder, "native", "native", now, samples);
        gemel_recorder_list(recorder, "native", "native", now, list); /* as it was */
    }
    gemel_recorder_event(recorder, "native", "native", begun_ns + 1001 * MS,
                         &(GemelEvent){.type = GEMEL_EVENT_STATE,
                                       .id = "one",
                                       .name = "web",
                                       .state = GEMEL_STATE_STOPPED,
                                       .detail = "exit status 1",
                                       .time_unix_usec = 77});
    gemel_error_set(&error, GEMEL_ERROR_UNREACHABLE, "lab is silent");
    gemel_recorder_error(recorder, "lab", "libvirt", begun_ns + 1002 * MS, FALSE, error);
    gemel_recorder_end(recorder, begun_ns + 1003 * MS);
    gemel_recorder_free(recorder);
    return out;
}

static GemelRecording *parse(const GByteArray *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    GemelRecording *recording = gemel_recording_new(g_bytes_new(bytes->data, size), &error);

    g_assert_no_error(error);
    return recording;
}

static const RecordedBackend *backend(GemelRecording *recording, guint i)
{
    return gemel_recording_backends(recording)->pdata[i];
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void test_what_is_written_is_read(void)
{
    const gint64 begun_ns = 123456789 * MS;
    g_autoptr(GByteArray) bytes = make(begun_ns);
    GemelRecording *recording = parse(bytes, bytes->len);
    const GemelInstance *web;
    const GemelSample *sample;

    g_assert_null(gemel_recording_damage(recording));
    g_assert_cmpint(gemel_recording_length_ns(recording), ==, 1003 * MS);
    g_assert_cmpint(gemel_recording_first_ns(recording), ==, 100 * MS);
    gemel_recording_go(recording, 350 * MS, NULL);
    g_assert_cmpuint(gemel_recording_backends(recording)->len, ==, 2);
    g_assert_cmpstr(backend(recording, 1)->name, ==, "lab");
    g_assert_cmpstr(backend(recording, 1)->type, ==, "libvirt");
    web = backend(recording, 0)->instances->pdata[0];
    g_assert_cmpstr(web->name, ==, "web \xe2\x82\xac");
    g_assert_cmpfloat(web->cpu_limit, ==, 0.5);
    g_assert_cmpint(web->started_boottime_ns, ==, -5000 * MS);
    g_assert_cmpstr(g_hash_table_lookup(web->labels, "env"), ==, "production");
    g_assert_cmpint(((GemelInstance *)backend(recording, 1)->instances->pdata[0])->state, ==,
                    GEMEL_STATE_PAUSED);
    g_assert_cmpuint(backend(recording, 0)->samples->len, ==, 2); /* unlisted is not there */
    sample = backend(recording, 0)->samples->pdata[0];
    g_assert_cmpint(sample->time_ns, ==, 300 * MS);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_USAGE], ==, 21000000);
    g_assert_cmpuint(sample->value[GEMEL_METRIC_MEM_USAGE], ==, 64 << 20);
    g_assert_cmpuint(sample->valid, ==,
                     (G_GUINT64_CONSTANT(1) << GEMEL_METRIC_CPU_USAGE) |
                         (G_GUINT64_CONSTANT(1) << GEMEL_METRIC_MEM_USAGE));
    sample = backend(recording, 0)->before->pdata[0];
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_USAGE], ==, 14000000);
    sample = backend(recording, 0)->samples->pdata[1];
    g_assert_cmpuint(sample->value[GEMEL_METRIC_CPU_USAGE], ==, G_MAXUINT64 - 2);
    g_assert_cmpuint(sample->rows->len, ==, 1);
    g_assert_cmpuint(g_array_index(sample->rows, GemelRow, 0).value[GEMEL_ROW_VCPU_TIME], ==, 33);
    gemel_recording_free(recording);
}

/* One backend answers at once, one after a second, one after a minute. */
static void test_it_begins_where_all_have_spoken(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    static const struct {
        const char *name;
        gint64 at_ms;
    } said[] = {{"quick", 10}, {"slow", 1000}, {"quick", 1100}, {"later", 60000}};
    GemelRecorder *recorder = gemel_recorder_new(bytes, 0);

    for (gsize i = 0; i < G_N_ELEMENTS(said); i++) {
        g_autoptr(GPtrArray) list = new_list(), samples = new_samples();

        listed(list, GEMEL_KIND_CONTAINER, "one", "web");
        sampled(samples, "one", said[i].at_ms * MS, 1);
        gemel_recorder_list(recorder, said[i].name, "native", said[i].at_ms * MS, list);
        gemel_recorder_sample(recorder, said[i].name, "native", (said[i].at_ms + 5) * MS, samples);
    }
    gemel_recorder_end(recorder, 60100 * MS);
    gemel_recorder_free(recorder);

    GemelRecording *recording = parse(bytes, bytes->len);

    g_assert_null(gemel_recording_damage(recording));
    g_assert_cmpint(gemel_recording_first_ns(recording), ==, 1005 * MS);
    gemel_recording_go(recording, 1005 * MS, NULL);
    g_assert_cmpuint(gemel_recording_backends(recording)->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpuint(backend(recording, i)->instances->len, ==, 1);
        g_assert_cmpuint(backend(recording, i)->samples->len, ==, 1);
    }
    gemel_recording_free(recording);
}

static void test_events_come_once_when_they_are_passed(void)
{
    g_autoptr(GByteArray) bytes = make(0);
    GemelRecording *recording = parse(bytes, bytes->len);
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(gemel_recorded_event_free);

    gemel_recording_go(recording, 1000 * MS, events);
    g_assert_cmpuint(events->len, ==, 0);
    g_assert_cmpint(gemel_recording_next_ns(recording), ==, 1001 * MS);
    gemel_recording_go(recording, 2000 * MS, events);
    g_assert_cmpuint(events->len, ==, 1);
    const RecordedEvent *event = events->pdata[0];

    g_assert_cmpstr(event->detail, ==, "exit status 1");
    g_assert_cmpint(event->state, ==, GEMEL_STATE_STOPPED);
    g_assert_cmpint(event->time_unix_usec, ==, 77);
    g_assert_nonnull(backend(recording, 1)->list_error);
    g_assert_cmpint(gemel_recording_next_ns(recording), ==, -1);
    gemel_recording_free(recording);
}

static void test_going_back_is_as_going_there_first(void)
{
    g_autoptr(GByteArray) bytes = make(0);
    GemelRecording *one = parse(bytes, bytes->len), *other = parse(bytes, bytes->len);

    for (int i = 0; i < 50; i++) {
        gint64 at = g_test_rand_int_range(100, 1100) * MS;

        gemel_recording_go(one, at, NULL);
        gemel_recording_free(other);
        other = parse(bytes, bytes->len);
        gemel_recording_go(other, at, NULL);
        const GemelSample *a = backend(one, 0)->samples->pdata[1];
        const GemelSample *b = backend(other, 0)->samples->pdata[1];

        g_assert_cmpint(a->time_ns, ==, b->time_ns);
        g_assert_cmpmem(a->value, sizeof a->value, b->value, sizeof b->value);
        g_assert_cmpstr(a->quarantine, ==, b->quarantine);
    }
    gemel_recording_free(one);
    gemel_recording_free(other);
}

/* Wherever it is cut, what came before plays, and the place is named. */
static void test_cut_off_anywhere(void)
{
    g_autoptr(GByteArray) bytes = make(0);
    gint64 last_ns = 0;

    for (gsize size = 9; size < bytes->len; size++) {
        GemelRecording *recording = parse(bytes, size);

        g_assert_nonnull(gemel_recording_damage(recording));
        g_assert_nonnull(strstr(gemel_recording_damage(recording), "at byte"));
        g_assert_cmpint(gemel_recording_length_ns(recording), >=, last_ns);
        last_ns = gemel_recording_length_ns(recording);
        gemel_recording_go(recording, G_MAXINT64, NULL);
        g_assert_cmpint(gemel_recording_next_ns(recording), ==, -1);
        gemel_recording_free(recording);
    }
    g_assert_cmpint(last_ns, ==, 1002 * MS);
}

/* Any flipped bit is seen, and nothing after it is believed. */
static void test_a_flipped_bit_is_found(void)
{
    g_autoptr(GByteArray) bytes = make(0);

    for (gsize at = 9; at < bytes->len; at++) {
        GemelRecording *recording;
        guint8 bit = (guint8)(1u << g_test_rand_int_range(0, 8));

        bytes->data[at] ^= bit;
        recording = parse(bytes, bytes->len);
        g_assert_nonnull(gemel_recording_damage(recording));
        gemel_recording_go(recording, G_MAXINT64, NULL);
        gemel_recording_free(recording);
        bytes->data[at] ^= bit;
    }
}

static void test_what_is_no_recording_is_refused(void)
{
    static const struct {
        const char *bytes;
        gsize size;
        const char *says;
    } cases[] = {{"", 0, "no recording"},
                 {"GEMELREC", 8, "no recording"},
                 {"hello, world", 12, "no recording"},
                 {"GEMELREC\x09", 9, "version 9"}};

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(gemel_recording_new(g_bytes_new(cases[i].bytes, cases[i].size), &error));
        g_assert_error(error, GEMEL_ERROR, GEMEL_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
}

static void test_files_that_cannot_be_played(void)
{
    g_autoptr(GError) missing = NULL, device = NULL, folder = NULL;

    g_assert_null(gemel_recording_open("/nonexistent/file", &missing));
    g_assert_error(missing, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
    g_assert_null(gemel_recording_open("/dev/zero", &device));
    g_assert_error(device, GEMEL_ERROR, GEMEL_ERROR_INVALID);
    g_assert_null(gemel_recording_open("/tmp", &folder));
    g_assert_error(folder, GEMEL_ERROR, GEMEL_ERROR_INVALID);
}

/* A recording of another gemel: metrics are found by name, unknown ones are skipped. */
static void test_metrics_are_found_by_name(void)
{
    g_autoptr(GByteArray) bytes = make(0);
    GemelRecording *recording;
    const GemelSample *sample;

    /* swap two names of the same length in its schema; the file then means the other */
    for (gsize i = 0; i + 9 < bytes->len; i++) {
        if (memcmp(bytes->data + i, "cpu.usage", 9) == 0) {
            memcpy(bytes->data + i, "io.rd_ops", 9);
            break;
        }
    }
    recording = gemel_recording_new_unchecked(g_bytes_new(bytes->data, bytes->len), NULL);
    gemel_recording_go(recording, 350 * MS, NULL);
    sample = backend(recording, 0)->samples->pdata[0];
    g_assert_false(gemel_sample_has(sample, GEMEL_METRIC_CPU_USAGE));
    g_assert_cmpuint(sample->value[GEMEL_METRIC_IO_RD_OPS], ==, 21000000);
    gemel_recording_free(recording);
}

static void test_it_is_compact(void)
{
    g_autoptr(GByteArray) bytes = make(0);

    g_assert_cmpuint(bytes->len, <, 4000); /* of which the schema is the half */
}

/* Rows that come and go for ever, an instance that is listed twice, labels without end: the file
   stays one that can be read. */
static void test_what_is_past_the_limits_is_left_out(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    GemelRecorder *recorder = gemel_recorder_new(out, 0);
    g_autoptr(GPtrArray) list = new_list();
    GemelInstance *one = listed(list, GEMEL_KIND_CONTAINER, "one", "web");
    GemelRecording *recording;
    const GemelSample *sample;

    one->vcpus = G_MAXUINT;
    one->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < RECORDING_LABELS_MAX + 10; i++)
        g_hash_table_insert(one->labels, g_strdup_printf("l%u", i), g_strdup("x"));
    listed(list, GEMEL_KIND_CONTAINER, "one", "again");
    gemel_recorder_list(recorder, "native", "native", 1 * MS, list);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GPtrArray) samples = new_samples();

        for (guint twice = 0; twice < 2; twice++) {
            GemelSample *own = sampled(samples, "one", (2 + i) * MS, 7);

            for (guint r = 0; r < RECORDING_ROWS_MAX; r++) {
                g_autofree char *name = g_strdup_printf("veth%u", i * 10 + r);

                gemel_row_set(gemel_sample_add_row(own, GEMEL_ROWS_NIC, name),
                              GEMEL_ROW_NIC_RX_BYTES, r);
            }
        }
        gemel_recorder_sample(recorder, "native", "native", (2 + i) * MS, samples);
    }
    gemel_recorder_end(recorder, 5 * MS);
    gemel_recorder_free(recorder);
    recording = parse(out, out->len);
    g_assert_cmpstr(gemel_recording_damage(recording), ==, NULL);
    gemel_recording_go(recording, 5 * MS, NULL);
    g_assert_cmpuint(backend(recording, 0)->instances->len, ==, 1);
    g_assert_cmpuint(backend(recording, 0)->samples->len, ==, 1);
    sample = backend(recording, 0)->samples->pdata[0];
    g_assert_cmpuint(sample->rows->len, ==, RECORDING_ROWS_MAX - 10);
    gemel_recording_free(recording);
}

/* ---- frames that no recorder writes -----------------------------------------------------------
 */

static void add_number(GByteArray *to, guint64 value)
{
    for (; value >= 0x80; value >>= 7)
        g_byte_array_append(to, &(guint8){(guint8)(value | 0x80)}, 1);
    g_byte_array_append(to, &(guint8){(guint8)value}, 1);
}

static void add_frame(GByteArray *to, RecordingFrame type, const GByteArray *payload)
{
    guint8 t = (guint8)type;
    guint32 crc = GUINT32_TO_LE(gemel_crc32(gemel_crc32(0, &t, 1), payload->data, payload->len));

    g_byte_array_append(to, &t, 1);
    add_number(to, payload->len);
    g_byte_array_append(to, payload->data, payload->len);
    g_byte_array_append(to, (const guint8 *)&crc, sizeof crc);
}

/* Else a small file that repeats a large instance would take all memory. */
static void test_an_instance_is_listed_once(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) payload = g_byte_array_new();
    GemelRecorder *recorder = gemel_recorder_new(out, 0);
    g_autoptr(GPtrArray) list = new_list();
    GemelRecording *recording;

    listed(list, GEMEL_KIND_CONTAINER, "one", "web");
    gemel_recorder_list(recorder, "native", "native", 1 * MS, list);
    gemel_recorder_free(recorder);
    add_number(payload, 1); /* time */
    add_number(payload, 0); /* backend */
    add_number(payload, 1000);
    for (int i = 0; i < 1000; i++)
        add_number(payload, 0 << 1); /* the first, as it was */
    add_frame(out, RECORDING_LIST, payload);
    recording = parse(out, out->len);
    g_assert_true(g_str_has_prefix(gemel_recording_damage(recording),
                                   "an instance that is listed twice at byte "));
    gemel_recording_free(recording);
}

/* Times that have no date, or to which nothing can be added. */
static void test_wild_times_are_bounded(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    GemelRecorder *recorder = gemel_recorder_new(out, 0);
    g_autoptr(GPtrArray) list = new_list();
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(gemel_recorded_event_free);
    GemelRecording *recording;

    listed(list, GEMEL_KIND_VM, "one", "a")->started_boottime_ns = G_MAXINT64;
    listed(list, GEMEL_KIND_VM, "two", "b")->started_boottime_ns = G_MININT64;
    gemel_recorder_list(recorder, "native", "native", 1 * MS, list);
    for (int i = 0; i < 2; i++)
        gemel_recorder_event(recorder, "native", "native", 2 * MS,
                             &(GemelEvent){.type = GEMEL_EVENT_STATE,
                                           .time_unix_usec = i == 0 ? G_MAXINT64 : G_MININT64});
    gemel_recorder_end(recorder, 3 * MS);
    gemel_recorder_free(recorder);
    recording = parse(out, out->len);
    gemel_recording_go(recording, 3 * MS, events);
    for (guint i = 0; i < 2; i++) {
        const GemelInstance *instance = backend(recording, 0)->instances->pdata[i];
        const RecordedEvent *event = events->pdata[i];
        g_autoptr(GDateTime) date =
            g_date_time_new_from_unix_utc(event->time_unix_usec / G_USEC_PER_SEC);

        g_assert_cmpint(ABS(instance->started_boottime_ns), <, G_MAXINT64 / 2);
        g_assert_nonnull(date);
    }
    gemel_recording_free(recording);
}

static void test_crc_is_the_usual_one(void)
{
    g_assert_cmphex(gemel_crc32(0, (const guint8 *)"123456789", 9), ==, 0xcbf43926);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recording/it begins where all have spoken",
                    test_it_begins_where_all_have_spoken);
    g_test_add_func("/recording/what is written is read", test_what_is_written_is_read);
    g_test_add_func("/recording/events come once, when they are passed",
                    test_events_come_once_when_they_are_passed);
    g_test_add_func("/recording/going back is as going there first",
                    test_going_back_is_as_going_there_first);
    g_test_add_func("/recording/cut off anywhere, it plays up to there", test_cut_off_anywhere);
    g_test_add_func("/recording/a flipped bit is found", test_a_flipped_bit_is_found);
    g_test_add_func("/recording/what is no recording is refused",
                    test_what_is_no_recording_is_refused);
    g_test_add_func("/recording/files that cannot be played", test_files_that_cannot_be_played);
    g_test_add_func("/recording/metrics are found by name", test_metrics_are_found_by_name);
    g_test_add_func("/recording/it is compact", test_it_is_compact);
    g_test_add_func("/recording/what is past the limits is left out",
                    test_what_is_past_the_limits_is_left_out);
    g_test_add_func("/recording/an instance is listed once", test_an_instance_is_listed_once);
    g_test_add_func("/recording/wild times are bounded", test_wild_times_are_bounded);
    g_test_add_func("/recording/the CRC is the usual one", test_crc_is_the_usual_one);
    return g_test_run();
}
