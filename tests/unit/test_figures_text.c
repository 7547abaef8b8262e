/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Properties of the parsers of figures: what is written is read back, whatever stands around it;
   what is cut or damaged gives no figure that was not there; numbers that do not fit are no
   figures. */
#include <string.h>

#include "backends/figures_text.h"
#include "backends/proc.h"

#define ROUNDS 2000

static guint64 random_u64(void)
{
    guint64 value = (guint64)g_test_rand_int() << 32 | (guint32)g_test_rand_int();

    return value >> (g_test_rand_int_range(0, 64)); /* all magnitudes */
}

/* ---- key value ------------------------------------------------------------------------------- */

static const GemelTextField fields[] = {
    GEMEL_TEXT_FIELD("usage_usec", 1000, CPU_USAGE),
    GEMEL_TEXT_FIELD("anon", 1, MEM_ANON),
    GEMEL_TEXT_FIELD("file", 1, MEM_FILE),
    GEMEL_TEXT_FIELD("pgmajfault", 1, MEM_MAJOR_FAULTS),
};

static const char *const noise[] = {"anon_thp 7", "file_mapped 8", "fil 9", "usage_usecs 1",
                                    "",           "user_usec 5",   "anon",  "xanon 3",
                                    " anon 4",    "file\t6"};

static void append_noise(GString *text)
{
    while (g_test_rand_int_range(0, 3) > 0)
        g_string_append_printf(text, "%s\n", noise[g_test_rand_int_range(0, G_N_ELEMENTS(noise))]);
}

static void test_fields_are_read_back(void)
{
    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);
        guint64 value[G_N_ELEMENTS(fields)];
        guint first = (guint)g_test_rand_int_range(0, G_N_ELEMENTS(fields)), given = 0;

        for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
            guint f = (first + i) % G_N_ELEMENTS(fields);

            append_noise(text);
            value[f] = random_u64();
            if (g_test_rand_int_range(0, 4) == 0)
                continue;
            given |= 1u << f;
            g_string_append_printf(text, "%s %" G_GUINT64_FORMAT "\n", fields[f].key, value[f]);
        }
        append_noise(text);
        gemel_text_fields(text->str, fields, G_N_ELEMENTS(fields), sample);
        for (guint f = 0; f < G_N_ELEMENTS(fields); f++) {
            gboolean fits = value[f] <= G_MAXUINT64 / fields[f].factor;

            g_assert_cmpint(gemel_sample_has(sample, fields[f].metric), ==,
                            (given >> f & 1u) && fits);
            if (gemel_sample_has(sample, fields[f].metric))
                g_assert_cmpuint(sample->value[fields[f].metric], ==, value[f] * fields[f].factor);
        }
    }
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Sums are those of the rows, in both formats, and rows are one per device. */
static void test_io_adds_up(void)
{
    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) v2 = g_string_new(NULL), v1 = g_string_new(NULL);
        g_autoptr(GemelSample) a = gemel_sample_new("x", 0), b = gemel_sample_new("x", 0);
        guint devices = (guint)g_test_rand_int_range(0, 6);
        guint64 rd = 0, wr = 0;

        for (guint d = 0; d < devices; d++) {
            guint64 r = random_u64() >> 4, w = random_u64() >> 4;

            if (g_test_rand_int_range(0, 4) == 0)
                g_string_append_printf(v2, "7:%u \n", d); /* did nothing */
            g_string_append_printf(v2,
                                   "8:%u rbytes=%" G_GUINT64_FORMAT " wbytes=%" G_GUINT64_FORMAT
                                   " rios=1 wios=2 dbytes=9 dios=9\n",
                                   d, r, w);
            g_string_append_printf(v1,
                                   "8:%u Read %" G_GUINT64_FORMAT "\n8:%u Write %" G_GUINT64_FORMAT
                                   "\n8:%u Sync 5\n8:%u Total 5\n",
                                   d, r, d, w, d, d);
            rd += r;
            wr += w;
        }
        g_string_append(v1, "Total 7\n");
        gemel_text_io_stat(v2->str, GEMEL_METRIC_IO_RD_BYTES, TRUE, a);
        gemel_text_blkio_bytes(v1->str, GEMEL_METRIC_IO_RD_BYTES, TRUE, b);
        g_assert_cmpuint(a->rows->len, ==, devices);
        g_assert_cmpuint(b->rows->len, ==, devices);
        g_assert_true(gemel_sample_has(a, GEMEL_METRIC_IO_RD_BYTES));
        g_assert_cmpuint(a->value[GEMEL_METRIC_IO_RD_BYTES], ==, rd);
        g_assert_cmpuint(b->value[GEMEL_METRIC_IO_RD_BYTES], ==, rd);
        g_assert_cmpuint(a->value[GEMEL_METRIC_IO_WR_BYTES], ==, wr);
        g_assert_cmpuint(b->value[GEMEL_METRIC_IO_WR_BYTES], ==, wr);
        g_assert_cmpuint(a->value[GEMEL_METRIC_IO_WR_OPS], ==, 2 * devices);
    }
}

static void test_network_adds_up(void)
{
    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) text = g_string_new("Inter-| x\n face | y\n");
        g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);
        guint nics = (guint)g_test_rand_int_range(0, 5);
        guint64 rx = 0, tx = 0;

        for (guint i = 0; i < nics; i++) {
            guint64 r = random_u64() >> 4, t = random_u64() >> 4;

            g_string_append_printf(text,
                                   "%6s%u:%s%" G_GUINT64_FORMAT " 1 2 3 0 0 0 0 %" G_GUINT64_FORMAT
                                   " 4 5 6 0 0 0 0\n",
                                   "eth", i, i % 2 ? "" : "   ", r, t);
            g_string_append(text, "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n");
            rx += r;
            tx += t;
        }
        gemel_text_net_dev(text->str, sample);
        g_assert_cmpuint(sample->rows->len, ==, nics);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_NET_RX_BYTES], ==, rx);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_NET_TX_BYTES], ==, tx);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_NET_ERRORS], ==, 7 * nics);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_NET_DROPS], ==, 9 * nics);
    }
}

static void test_pressure_is_read_back(void)
{
    for (guint round = 0; round < ROUNDS; round++) {
        guint some = (guint)g_test_rand_int_range(0, 10001);
        guint full = (guint)g_test_rand_int_range(0, 10001);
        guint64 some_total = random_u64(), full_total = random_u64();
        g_autofree char *text = g_strdup_printf(
            "some avg10=%u.%02u avg60=1.00 avg300=2.00 total=%" G_GUINT64_FORMAT
            "\nfull avg10=%u.%02u avg60=0.00 avg300=0.00 total=%" G_GUINT64_FORMAT "\n",
            some / 100, some % 100, some_total, full / 100, full % 100, full_total);
        g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);

        gemel_text_pressure(text, GEMEL_METRIC_PSI_IO_SOME, sample);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_IO_SOME], ==, some);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_IO_FULL], ==, full);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_IO_TOTAL], ==, some_total);
        g_assert_cmpuint(sample->value[GEMEL_METRIC_PSI_IO_FULL_TOTAL], ==, full_total);
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void parse_all(const char *text, GemelSample *sample)
{
    GemelProcess process = {.comm = "?"};

    gemel_text_fields(text, fields, G_N_ELEMENTS(fields), sample);
    gemel_text_single(text, GEMEL_METRIC_MEM_USAGE, sample);
    gemel_text_limit(text, GEMEL_METRIC_MEM_LIMIT, sample);
    gemel_text_pressure(text, GEMEL_METRIC_PSI_CPU_SOME, sample);
    gemel_text_io_stat(text, GEMEL_METRIC_IO_RD_BYTES, TRUE, sample);
    gemel_text_blkio_bytes(text, GEMEL_METRIC_HOST_IO_RD_BYTES, FALSE, sample);
    gemel_text_blkio_ops(text, GEMEL_METRIC_HOST_IO_RD_BYTES, TRUE, sample);
    gemel_text_net_dev(text, sample);
    gemel_proc_parse_stat(text, GEMEL_PROC_PROCESS, &process);
    gemel_proc_parse_schedstat(text, GEMEL_PROC_THREAD, &process);
    gemel_proc_parse_io(text, &process);
    gemel_proc_parse_status(text, GEMEL_PROC_PROCESS, &process);
    g_assert_nonnull(memchr(process.comm, '\0', sizeof process.comm));
}

static const char *const sound[] = {
    "usage_usec 123\nanon 456\nfile 789\npgmajfault 5\n",
    "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=3 wios=4\n",
    "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
    "some avg10=1.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 "
    "total=6\n",
    "Inter-| x\n face | y\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 99 100 101 "
    "1844674407370955161\n",
    "Name:\tx\nUid:\t7\t7\t7\t7\nNSpid:\t42\t1\n",
    "read_bytes: 5\nwrite_bytes: 6\n",
};

/* Every cut and many a changed byte: no crash, no read past the end (under AddressSanitizer), and
   rows that have names. */
static void test_damage_is_survived(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(sound); i++) {
        gsize length = strlen(sound[i]);

        for (gsize cut = 0; cut <= length; cut++) {
            g_autofree char *text = g_strndup(sound[i], cut);
            g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);

            parse_all(text, sample);
        }
        for (guint round = 0; round < ROUNDS; round++) {
            g_autofree char *text = g_strdup(sound[i]);
            g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);

            for (guint n = 0; n < 3; n++)
                text[g_test_rand_int_range(0, (gint)length)] = (char)g_test_rand_int_range(1, 256);
            parse_all(text, sample);
            for (guint r = 0; r < sample->rows->len; r++)
                g_assert_cmpuint(strlen(g_array_index(sample->rows, GemelRow, r).name), >, 0);
        }
    }
}

static void test_numbers_that_do_not_fit_are_none(void)
{
    static const char *const none[] = {
        "18446744073709551616", "99999999999999999999", "-1", "max", "", " 5", "+5", "0x5"};
    guint64 value = 7;

    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        gboolean is_hex = g_str_equal(none[i], "0x5");

        g_assert_cmpint(gemel_text_number(none[i], &value, NULL), ==, is_hex);
        g_assert_cmpuint(value, ==, is_hex ? 0 : 7);
    }
    g_assert_true(gemel_text_number("18446744073709551615", &value, NULL));
    g_assert_cmpuint(value, ==, G_MAXUINT64);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void test_process_is_read(void)
{
    GemelProcess process = {.comm = "?"}, thread = {.comm = "?"};
    guint64 tick = 1000000000 / (guint64)sysconf(_SC_CLK_TCK);

    g_assert_true(gemel_proc_parse_stat(sound[5], GEMEL_PROC_PROCESS, &process));
    g_assert_cmpstr(process.comm, ==, "a) b (c)");
    g_assert_cmpint(process.state, ==, 'S');
    g_assert_cmpint(process.parent, ==, 1);
    g_assert_cmpuint(process.start_ticks, ==, 99);
    g_assert_cmpuint(process.value[GEMEL_PROCESS_CPU_TIME], ==, 11 * tick);
    g_assert_cmpuint(process.value[GEMEL_PROCESS_THREADS], ==, 3);
    g_assert_cmpuint(process.value[GEMEL_PROCESS_MEM_RSS], ==,
                     101 * (guint64)sysconf(_SC_PAGESIZE));
    /* of three threads, the first's wait says nothing of the others' */
    gemel_proc_parse_schedstat("500 600 7\n", GEMEL_PROC_PROCESS, &process);
    g_assert_false(process.valid >> GEMEL_PROCESS_CPU_WAIT & 1u);
    gemel_proc_parse_status(sound[6], GEMEL_PROC_PROCESS, &process);
    g_assert_cmpint(process.uid, ==, 7);
    g_assert_cmpint(process.inner_pid, ==, 1);
    gemel_proc_parse_io(sound[7], &process);
    g_assert_cmpuint(process.value[GEMEL_PROCESS_IO_WR_BYTES], ==, 6);

    g_assert_true(gemel_proc_parse_stat(sound[5], GEMEL_PROC_THREAD, &thread));
    g_assert_cmpuint(thread.valid, ==, 0);
    gemel_proc_parse_schedstat("500 600 7\n", GEMEL_PROC_THREAD, &thread);
    g_assert_cmpuint(thread.value[GEMEL_PROCESS_CPU_TIME], ==, 500);
    g_assert_cmpuint(thread.value[GEMEL_PROCESS_CPU_WAIT], ==, 600);
}

static void test_too_many_processes_are_counted(void)
{
    g_autoptr(GemelProcesses) processes = gemel_processes_new(1);

    for (gint pid = 1; pid <= GEMEL_PROCESSES_MAX + 5; pid++)
        g_assert_cmpint(gemel_processes_add(processes, pid) != NULL, ==,
                        pid <= GEMEL_PROCESSES_MAX);
    g_assert_cmpuint(processes->rows->len, ==, GEMEL_PROCESSES_MAX);
    g_assert_cmpuint(processes->total, ==, GEMEL_PROCESSES_MAX + 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/figures-text/fields-are-read-back", test_fields_are_read_back);
    g_test_add_func("/figures-text/io-adds-up", test_io_adds_up);
    g_test_add_func("/figures-text/network-adds-up", test_network_adds_up);
    g_test_add_func("/figures-text/pressure-is-read-back", test_pressure_is_read_back);
    g_test_add_func("/figures-text/damage-is-survived", test_damage_is_survived);
    g_test_add_func("/figures-text/numbers-that-do-not-fit-are-none",
                    test_numbers_that_do_not_fit_are_none);
    g_test_add_func("/figures-text/a-process-is-read", test_process_is_read);
    g_test_add_func("/figures-text/too-many-processes-are-counted",
                    test_too_many_processes_are_counted);
    return g_test_run();
}
