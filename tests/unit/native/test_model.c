/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model's files, the configuration made from it, and what a user may ask for. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "backends/native/bundle.h"
#include "backends/native/process.h"
#include "backends/native/seccomp_profile.h"
#include "tests/unit/native/fixture.h"

#define ID "00000000000000000000000000000000000000000000000000000000000000aa"

static NativeContainer *make(const GemelCreateSpec *more)
{
    GemelCreateSpec spec = *more;
    GError *error = NULL;
    NativeContainer *c;
    guint zero = 0;

    spec.name = spec.name != NULL ? spec.name : "web";
    spec.rootfs = "/some/where";
    c = native_container_from_spec(&spec, &error);
    g_assert_no_error(error);
    c->id = g_strdup(ID);
    g_array_append_val(c->lower, zero);
    c->upper = 1;
    c->next_layer = 2;
    return c;
}

static json_t *config_of(const NativeContainer *c, const char *private_root)
{
    NativeBundleHost host = {.cgroup = "gemel/" ID, .private_root = private_root};
    GError *error = NULL;
    g_autofree char *text = native_bundle_format(c, &host, &error);
    json_t *root;

    g_assert_no_error(error);
    root = json_loads(text, 0, NULL);
    g_assert_nonnull(root);
    return root;
}

static json_t *at(json_t *root, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, ".", -1);

    for (guint i = 0; keys[i] != NULL; i++)
        root = json_object_get(root, keys[i]);
    return root;
}

static gboolean array_has(json_t *array, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The namespace of that type, or NULL. */
static json_t *namespace_of(json_t *root, const char *type)
{
    json_t *item;
    size_t i;

    json_array_foreach (at(root, "linux.namespaces"), i, item) {
        if (g_str_equal(json_string_value(json_object_get(item, "type")), type))
            return item;
    }
    return NULL;
}

/* ---- container.json ------------------------------------------------------------------------- */

static void test_survives_writing_and_reading(void)
{
    static const char *const argv[] = {"/bin/\303\274", "a b", "", NULL};
    static const char *const env[] = {"A=1", "B=x=y", NULL};
    static const char *const labels[] = {"role=web", "empty=", NULL};
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.argv = argv,
                                                           .env = env,
                                                           .labels = labels,
                                                           .network = "host",
                                                           .tty = TRUE,
                                                           .read_only = TRUE,
                                                           .user = "5:6",
                                                           .cwd = "/srv",
                                                           .limits = {1.5, 64 << 20, 100}});
    NativeSnapshot *snapshot = g_new0(NativeSnapshot, 1);
    g_autofree char *text = NULL, *again = NULL;
    g_autoptr(NativeContainer) back = NULL;
    GError *error = NULL;
    guint zero = 0;

    snapshot->name = g_strdup("s1");
    snapshot->description = g_strdup("why");
    snapshot->layers = g_array_new(FALSE, TRUE, sizeof(guint));
    snapshot->freeze_ns = 12345;
    snapshot->copied = TRUE;
    g_array_append_val(snapshot->layers, zero);
    g_ptr_array_add(c->snapshots, snapshot);
    c->current = g_strdup("s1");
    text = native_container_format(c);
    back = native_container_parse(text, ID, &error);
    g_assert_no_error(error);
    again = native_container_format(back);
    g_assert_cmpstr(again, ==, text);
    g_assert_cmpstr(back->argv[0], ==, "/bin/\303\274");
    g_assert_cmpstr(back->argv[2], ==, "");
    g_assert_cmpstr(g_hash_table_lookup(back->labels, "empty"), ==, "");
    g_assert_cmpfloat(back->limits.cpus, ==, 1.5);
    g_assert_true(back->tty && back->read_only);
}

/* Every text that is not a container's is refused with a message, whatever is wrong with it. */
static void test_refuses_other_texts(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"format\": 0}",
        "{\"format\": \"1\"}",
        "{\"format\": 2}",
        "{\"format\": 1}",
        "{\"format\": 1, \"name\": \"../x\"}",
        "{\"format\": 1, \"name\": \"x\", \"created\": 1, \"argv\": []}",
        "{\"format\": 1, \"name\": \"x\", \"created\": 1, \"argv\": [1]}",
        "{\"format\": 1, \"format\": 1}",
        "{\"format\": 1, \"name\": \"a\\u0000b\"}"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        GError *error = NULL;

        g_assert_null(native_container_parse(texts[i], ID, &error));
        fixture_assert_error(error, GEMEL_ERROR_FAILED);
    }
}

/* Cut anywhere, it is either refused or (a trailing newline) whole. */
static void test_refuses_half_a_file(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    g_autofree char *text = native_container_format(c);
    gsize length = strlen(text);

    for (gsize cut = 0; cut + 2 < length; cut++) {
        g_autofree char *half = g_strndup(text, cut);
        GError *error = NULL;

        g_assert_null(native_container_parse(half, ID, &error));
        fixture_assert_error(error, GEMEL_ERROR_FAILED);
    }
}

/* ---- config.json ---------------------------------------------------------------------------- */

static void test_isolates_by_default(void)
{
    static const char *const types[] = {"pid", "mount", "uts", "ipc", "network", "cgroup"};
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    json_t *root = config_of(c, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_assert_nonnull(namespace_of(root, types[i]));
        g_assert_null(json_object_get(namespace_of(root, types[i]), "path"));
    }
    g_assert_true(json_is_true(at(root, "process.noNewPrivileges")));
    g_assert_true(array_has(at(root, "linux.maskedPaths"), "/proc/kcore"));
    g_assert_true(array_has(at(root, "linux.readonlyPaths"), "/proc/sys"));
    g_assert_false(array_has(at(root, "process.capabilities.bounding"), "CAP_SYS_ADMIN"));
    g_assert_false(array_has(at(root, "process.capabilities.bounding"), "CAP_MKNOD"));
    g_assert_cmpstr(json_string_value(at(root, "linux.seccomp.defaultAction")), ==,
                    "SCMP_ACT_ERRNO");
    g_assert_cmpuint(json_array_size(at(root, "linux.seccomp.syscalls")), >, 0);
    g_assert_true(json_is_false(
        json_object_get(json_array_get(at(root, "linux.resources.devices"), 0), "allow")));
    g_assert_cmpstr(json_string_value(at(root, "linux.cgroupsPath")), ==, "/gemel/" ID);
    g_assert_cmpstr(json_string_value(at(root, "hostname")), ==, "web");
    json_decref(root);
}

static void test_a_user_gets_no_capabilities(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    json_t *root;

    c->uid = 1000;
    root = config_of(c, NULL);
    g_assert_null(at(root, "process.capabilities.effective"));
    g_assert_null(at(root, "process.capabilities.permitted"));
    g_assert_nonnull(at(root, "process.capabilities.bounding"));
    g_assert_cmpint(json_integer_value(at(root, "process.user.uid")), ==, 1000);
    json_decref(root);
}

static void test_network_follows_the_wish(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    json_t *root;

    g_free(c->network);
    c->network = g_strdup("host");
    root = config_of(c, NULL);
    g_assert_null(namespace_of(root, "network"));
    json_decref(root);
    g_free(c->network);
    c->network = g_strdup("ns:/run/netns/lab");
    root = config_of(c, NULL);
    g_assert_cmpstr(json_string_value(json_object_get(namespace_of(root, "network"), "path")), ==,
                    "/run/netns/lab");
    json_decref(root);
}

static void test_limits_are_there_from_the_start(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = {0.5, 64 << 20, 100}});
    json_t *root = config_of(c, NULL);

    g_assert_cmpint(json_integer_value(at(root, "linux.resources.cpu.quota")), ==, 50000);
    g_assert_cmpint(json_integer_value(at(root, "linux.resources.cpu.period")), ==, 100000);
    g_assert_cmpint(json_integer_value(at(root, "linux.resources.memory.limit")), ==, 64 << 20);
    g_assert_cmpint(json_integer_value(at(root, "linux.resources.pids.limit")), ==, 100);
    json_decref(root);
}

static void test_descriptor_limit_is_never_raised(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    json_t *root = config_of(c, NULL);
    json_t *limit = json_array_get(at(root, "process.rlimits"), 0);

    g_assert_cmpint(json_integer_value(json_object_get(limit, "hard")), <=,
                    sysconf(_SC_OPEN_MAX) > 1048576 ? 1048576 : G_MAXINT);
    g_assert_cmpint(json_integer_value(json_object_get(limit, "soft")), <=,
                    json_integer_value(json_object_get(limit, "hard")));
    json_decref(root);
}

static void test_layers_reach_the_runtime(void)
{
    g_autoptr(NativeContainer) c = make(&(GemelCreateSpec){.limits = GEMEL_LIMITS_NONE});
    g_autofree char *options = NULL;
    guint five = 5;
    json_t *root, *annotations;

    g_array_append_val(c->lower, five);
    c->upper = 7;
    root = config_of(c, NULL);
    annotations = json_object_get(root, "annotations");
    g_assert_cmpstr(json_string_value(json_object_get(annotations, "org.gemel.overlay.lower")), ==,
                    "l/5/fs:l/0/fs");
    g_assert_cmpstr(json_string_value(json_object_get(annotations, "org.gemel.overlay.upper")), ==,
                    "l/7/fs");
    json_decref(root);
    options = native_bundle_mount_options(c);
    g_assert_cmpstr(options, ==,
                    "lowerdir=l/5/fs:l/0/fs,upperdir=l/7/fs,workdir=l/7/work,"
                    "index=off,metacopy=off,redirect_dir=off,xino=off");
    root = config_of(c, "/x/rootfs");
    g_assert_null(json_object_get(json_object_get(root, "annotations"), "org.gemel.overlay.lower"));
    g_assert_cmpstr(json_string_value(at(root, "root.path")), ==, "/x/rootfs");
    json_decref(root);
}

static void test_environment_is_the_containers_with_defaults_under_it(void)
{
    static const char *const env[] = {"PATH=/mine", "COLOUR=red", NULL};
    static const char *const more[] = {"COLOUR=blue", NULL};
    static const char *const argv[] = {"x", NULL};
    g_autoptr(NativeContainer) c =
        make(&(GemelCreateSpec){.env = env, .limits = GEMEL_LIMITS_NONE});
    GError *error = NULL;
    g_autofree char *text =
        native_bundle_format_process(c, argv, more, 0, 0, "/", TRUE, 24, 80, &error);
    json_t *process = json_loads(text, 0, NULL), *list = json_object_get(process, "env");

    g_assert_no_error(error);
    g_assert_true(array_has(list, "PATH=/mine"));
    g_assert_true(array_has(list, "COLOUR=blue"));
    g_assert_false(array_has(list, "COLOUR=red"));
    g_assert_true(array_has(list, "HOSTNAME=web"));
    g_assert_true(array_has(list, "TERM=xterm-256color"));
    g_assert_cmpint(json_integer_value(at(process, "consoleSize.width")), ==, 80);
    json_decref(process);
}

static void test_update_says_no_limit(void)
{
    const GemelLimits none = {0, 0, 0};
    json_t *resources = native_bundle_resources(&none, TRUE, TRUE);

    g_assert_cmpint(json_integer_value(at(resources, "cpu.quota")), ==, -1);
    g_assert_cmpint(json_integer_value(at(resources, "memory.limit")), ==, -1);
    g_assert_cmpint(json_integer_value(at(resources, "memory.swap")), ==, -1);
    g_assert_cmpint(json_integer_value(at(resources, "pids.limit")), ==, -1);
    json_decref(resources);
}

/* ---- wishes --------------------------------------------------------------------------------- */

static void test_names_are_checked(void)
{
    static const char *const good[] = {
        "a", "A-1_x.y", "0", "a12345678901234567890123456789012345678901234567890123456789012"};
    static const char *const bad[] = {
        "",    "-a",
        ".a",  "_a",
        "a/b", "a b",
        "a\n", "\303\274",
        "..",  "a123456789012345678901234567890123456789012345678901234567890123"};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(native_name_is_valid(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(native_name_is_valid(bad[i]));
    g_assert_false(native_name_is_valid(NULL));
}

static void test_limits_are_checked(void)
{
    const GemelLimits good[] = {{0, 0, 0}, {-1, -1, -1}, {0.01, 4 << 20, 1}, {64, 1LL << 40, 1000}};
    const GemelLimits bad[] = {{0.001, 0, 0},    {1e9, 0, 0},  {NAN, 0, 0},
                               {INFINITY, 0, 0}, {0, 4096, 0}, {0, 0, 1LL << 40}};
    GError *error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(native_limits_check(&good[i], &error));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(native_limits_check(&bad[i], &error));
        fixture_assert_error(error, GEMEL_ERROR_INVALID);
    }
}

static void test_networks_are_checked(void)
{
    static const char *const bad[] = {"", "bridge", "ns:", "ns:relative", "host "};
    GError *error = NULL;

    g_assert_true(native_network_check("none", TRUE, &error));
    g_assert_true(native_network_check("host", TRUE, &error));
    g_assert_true(native_network_check("ns:/proc/self/ns/net", TRUE, &error));
    g_assert_true(native_network_check("ns:/not/yet", FALSE, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(native_network_check(bad[i], TRUE, &error));
        fixture_assert_error(error, GEMEL_ERROR_INVALID);
    }
    g_assert_false(native_network_check("ns:/not/there", TRUE, &error));
    g_assert_nonnull(strstr(error->message, "/not/there"));
    fixture_assert_error(error, GEMEL_ERROR_NOT_FOUND);
    g_assert_false(native_network_check("ns:/etc/passwd", TRUE, &error));
    fixture_assert_error(error, GEMEL_ERROR_INVALID);
}

static void test_signals_have_their_names(void)
{
    g_assert_cmpint(native_signal_number("TERM"), ==, 15);
    g_assert_cmpint(native_signal_number("SIGTERM"), ==, 15);
    g_assert_cmpint(native_signal_number("sigkill"), ==, 9);
    g_assert_cmpint(native_signal_number("9"), ==, 9);
    g_assert_cmpint(native_signal_number("0"), ==, 0);
    g_assert_cmpint(native_signal_number("9x"), ==, 0);
    g_assert_cmpint(native_signal_number("999"), ==, 0);
    g_assert_cmpint(native_signal_number("NOPE"), ==, 0);
    g_assert_cmpint(native_signal_number(""), ==, 0);
}

static void test_messages_lose_their_wrapping(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"time=\"x\" level=error msg=\"exec: \\\"foo\\\": not found\"\n",
         "exec: \"foo\": not found"},
        {"{\"level\":\"error\",\"msg\":\"bad thing\"}\n", "bad thing"},
        {"first\nsecond\n\n", "second"},
        {"", ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *message = native_runtime_message(cases[i].text);

        g_assert_cmpstr(message, ==, cases[i].message);
    }
}

/* ---- seccomp -------------------------------------------------------------------------------- */

static const char profile[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38,"
    " \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\","
    "   \"subArchitectures\": [\"SCMP_ARCH_X86\"]}],"
    " \"syscalls\": ["
    "  {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"comment\": \"no\", \"args\": []},"
    "  {\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\","
    "   \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
    "  {\"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\","
    "   \"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}},"
    "  {\"names\": [\"arm_only\"], \"action\": \"SCMP_ACT_ALLOW\","
    "   \"includes\": {\"arches\": [\"arm\"]}},"
    "  {\"names\": [\"x_only\"], \"action\": \"SCMP_ACT_ALLOW\","
    "   \"includes\": {\"arches\": [\"amd64\"]}},"
    "  {\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\","
    "   \"includes\": {\"minKernel\": \"4.8\"}}]}";

/* The names a conversion lets through, joined. */
static char *converted(const char *machine, guint major, guint minor, const char *capability)
{
    GError *error = NULL;
    json_t *out = native_seccomp_convert(profile, machine, major, minor, &capability, 1, &error),
           *rule;
    GString *names = g_string_new(NULL);
    size_t i;

    g_assert_no_error(error);
    json_array_foreach (json_object_get(out, "syscalls"), i, rule) {
        g_string_append_printf(
            names, "%s ", json_string_value(json_array_get(json_object_get(rule, "names"), 0)));
        g_assert_null(json_object_get(rule, "comment"));
        g_assert_null(json_object_get(rule, "includes"));
    }
    json_decref(out);
    return g_string_free(names, FALSE);
}

static void test_seccomp_fits_the_machine(void)
{
    g_autofree char *plain = converted("x86_64", 6, 1, "CAP_CHOWN");
    g_autofree char *admin = converted("x86_64", 4, 7, "CAP_SYS_ADMIN");
    g_autofree char *arm = converted("armv7l", 4, 8, "CAP_CHOWN");

    g_assert_cmpstr(plain, ==, "read clone x_only ptrace ");
    g_assert_cmpstr(admin, ==, "read mount x_only ");
    g_assert_cmpstr(arm, ==, "read clone arm_only ptrace ");
}

static void test_seccomp_refuses_what_is_no_profile(void)
{
    static const char *const texts[] = {"", "{}", "[]", "{\"defaultAction\": 1}"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        GError *error = NULL;

        g_assert_null(native_seccomp_convert(texts[i], "x86_64", 6, 1, NULL, 0, &error));
        fixture_assert_error(error, GEMEL_ERROR_FAILED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/native/model/survives-writing-and-reading",
                    test_survives_writing_and_reading);
    g_test_add_func("/native/model/refuses-other-texts", test_refuses_other_texts);
    g_test_add_func("/native/model/refuses-half-a-file", test_refuses_half_a_file);
    g_test_add_func("/native/bundle/isolates-by-default", test_isolates_by_default);
    g_test_add_func("/native/bundle/a-user-gets-no-capabilities", test_a_user_gets_no_capabilities);
    g_test_add_func("/native/bundle/network-follows-the-wish", test_network_follows_the_wish);
    g_test_add_func("/native/bundle/limits-are-there-from-the-start",
                    test_limits_are_there_from_the_start);
    g_test_add_func("/native/bundle/descriptor-limit-is-never-raised",
                    test_descriptor_limit_is_never_raised);
    g_test_add_func("/native/bundle/layers-reach-the-runtime", test_layers_reach_the_runtime);
    g_test_add_func("/native/bundle/environment-has-defaults-under-it",
                    test_environment_is_the_containers_with_defaults_under_it);
    g_test_add_func("/native/bundle/update-says-no-limit", test_update_says_no_limit);
    g_test_add_func("/native/spec/names-are-checked", test_names_are_checked);
    g_test_add_func("/native/spec/limits-are-checked", test_limits_are_checked);
    g_test_add_func("/native/spec/networks-are-checked", test_networks_are_checked);
    g_test_add_func("/native/process/signals-have-their-names", test_signals_have_their_names);
    g_test_add_func("/native/process/messages-lose-their-wrapping",
                    test_messages_lose_their_wrapping);
    g_test_add_func("/native/seccomp/fits-the-machine", test_seccomp_fits_the_machine);
    g_test_add_func("/native/seccomp/refuses-what-is-no-profile",
                    test_seccomp_refuses_what_is_no_profile);
    return g_test_run();
}
