/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_create.c - create: a container from a root file system, or a guest from domain XML. */
#include "console/cmd_create.h"
#include "console/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CREATE_HARD_MS 900000
#define XML_MAX_BYTES  (4 << 20) /* what libvirt's protocol takes */

/* A GemelCreateSpec that owns its strings, for the worker. */
struct Create {
    GemelCreateSpec spec;
    char *name, *xml, *definition, *rootfs, *hostname, *network, *user, *cwd;
    char **argv, **env, **labels;
};

void create_free(gpointer data)
{
    Create *create = data;

    g_free(create->name);
    g_free(create->xml);
    g_free(create->definition);
    g_free(create->rootfs);
    g_free(create->hostname);
    g_free(create->network);
    g_free(create->user);
    g_free(create->cwd);
    g_strfreev(create->argv);
    g_strfreev(create->env);
    g_strfreev(create->labels);
    g_free(create);
}

/* Reads the domain XML; here on the worker, since a pipe or a share can block. */
static gboolean create_read_xml(Create *create, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char bytes[16384];
    ssize_t n;
    int fd = open(create->xml, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return gemel_error_set_errno(error, errno, "create %s: %s", create->name, create->xml);
    while ((n = read(fd, bytes, sizeof bytes)) > 0 && text->len <= XML_MAX_BYTES)
        g_string_append_len(text, bytes, n);
    if (n < 0)
        gemel_error_set_errno(error, errno, "create %s: %s", create->name, create->xml);
    else if (n > 0 || strlen(text->str) != text->len)
        gemel_error_set(error, GEMEL_ERROR_INVALID, "create %s: %s is no domain XML", create->name,
                        create->xml);
    close(fd);
    if (n != 0 || strlen(text->str) != text->len)
        return FALSE;
    create->definition = g_string_free(g_steal_pointer(&text), FALSE);
    create->spec.definition = create->definition;
    return TRUE;
}

static gpointer run_create(GemelConn *conn, const GemelActArgs *args, gpointer arg, GError **error)
{
    Create *create = arg;

    if (create->xml != NULL && !create_read_xml(create, error))
        return NULL;

    return conn->backend->ops->create_instance(conn, &create->spec, args, error);
}

static void create_done(GemelJob *job, gpointer result, const GError *error, gpointer data)
{
    CommandRun *run = data;

    for (guint i = 0; i < run->app->backends->len; i++)
        model_relist(run->app->model, run->app->backends->pdata[i]);
    if (error != NULL)
        run_error(run, error);
    else if (run->json)
        output_json(run->out, json_pack("{s:o}", "id", json_text(result)));
    else
        output_line(run->out, OUTPUT_DATA, "%s", (const char *)result);
    if (error == NULL && !run->json)
        output_line(run->out, OUTPUT_NOTE, "%s: created; `start %s` starts it", run->words[0],
                    run->words[0]);
    if (!run->json)
        run_print_notes(run, run->words[0], job);
}

static char **option_strings(const CommandRun *run, const char *name)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    GPtrArray *all = run_option_all(run, name);

    for (guint i = 0; all != NULL && i < all->len; i++)
        g_strv_builder_add(builder, all->pdata[i]);
    return g_strv_builder_end(builder);
}

AppBackend *create_backend(CommandRun *run, const char *type, GError **error)
{
    const char *name = run_option(run, "backend");

    if (name != NULL) {
        AppBackend *open = app_backend(run->app, name);

        if (open == NULL)
            gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                            "%s: no backend is called '%s'; `backends` lists them",
                            run->command->name, name);
        return open;
    }
    for (guint i = 0; i < run->app->backends->len; i++) {
        AppBackend *open = run->app->backends->pdata[i];

        if (g_str_equal(open->backend->ops->type, type) ||
            g_str_equal(open->backend->ops->type, "sim"))
            return open;
    }
    gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "%s: no %s backend is open; `connect %s`",
                    run->command->name, type, type);
    return NULL;
}

static const CommandOption create_options[] = {
    {"xml", 'x', OPTION_STRING, FALSE, "FILE", "the guest's domain XML"},
    CREATE_OPTIONS,
    {NULL},
};

Create *create_parse(CommandRun *run, const char *name, char **argv, GError **error)
{
    Create *create = g_new0(Create, 1);
    const char *xml = run_option(run, "xml");
    g_auto(GStrv) limits = option_strings(run, "limit");

    create->name = g_strdup(name);
    create->rootfs = run_option(run, "rootfs") != NULL
                         ? g_canonicalize_filename(run_option(run, "rootfs"), NULL)
                         : NULL;
    create->hostname = g_strdup(run_option(run, "hostname"));
    create->network = g_strdup(run_option(run, "network"));
    create->user = g_strdup(run_option(run, "user"));
    create->cwd = g_strdup(run_option(run, "cwd"));
    create->argv = argv != NULL && *argv != NULL ? g_strdupv(argv) : NULL;
    create->env = option_strings(run, "env");
    create->labels = option_strings(run, "label");
    create->spec = (GemelCreateSpec){
        .name = create->name,
        .rootfs = create->rootfs,
        .argv = (const char *const *)create->argv,
        .env = (const char *const *)create->env,
        .labels = (const char *const *)create->labels,
        .hostname = create->hostname,
        .network = create->network,
        .user = create->user,
        .cwd = create->cwd,
        .tty = run_flag(run, "tty"),
        .read_only = run_flag(run, "read-only"),
    };
    if (xml != NULL) {
        create->xml = g_strdup(xml);
    } else if (create->rootfs == NULL) {
        gemel_error_set(
            error, GEMEL_ERROR_INVALID,
            run->command->options == create_options
                ? "create %s: say --rootfs DIR or TAR for a container, --xml FILE for a guest"
                : "run %s: say --rootfs DIR or TAR",
            create->name);
    }
    if (error != NULL && *error != NULL) {
        create_free(create);
        return NULL;
    }
    if (!limits_parse(limits, &create->spec.limits, error)) {
        create_free(create);
        return NULL;
    }
    return create;
}

GemelJob *create_submit(CommandRun *run, AppBackend *open, Create *create, GemelJobDone done,
                        gpointer data)
{
    g_autofree char *title = g_strdup_printf("create %s", create->name);

    return run_submit(run, open, GEMEL_LANE_ACT,
                      &(GemelJobSpec){.kind = "create",
                                      .title = title,
                                      .run = run_create,
                                      .arg = create,
                                      .arg_free = create_free,
                                      .result_free = g_free,
                                      .hard_ms = CREATE_HARD_MS,
                                      .args = {.limits = GEMEL_LIMITS_NONE}},
                      done, data);
}

static void create_run(CommandRun *run)
{
    g_autoptr(GError) error = NULL;
    Create *create = create_parse(run, run->words[0], run->words + 1, &error);
    AppBackend *open = NULL;

    if (create != NULL)
        open = create_backend(run, create->xml != NULL ? "libvirt" : "native", &error);
    if (open != NULL && open->backend->ops->create_instance == NULL) {
        gemel_error_set(&error, GEMEL_ERROR_UNSUPPORTED, "create %s: %s cannot create instances",
                        run->words[0], open->backend->name);
        open = NULL;
    }
    if (open == NULL) {
        run_error(run, error);
        if (create != NULL)
            create_free(create);
        return;
    }
    if (run->dry_run) {
        output_line(run->out, OUTPUT_DATA, "would create %s in %s from %s", create->name,
                    open->backend->name,
                    create->rootfs != NULL ? create->rootfs : run_option(run, "xml"));
        create_free(create);
        return;
    }
    create_submit(run, open, create, create_done, run);
}

const Command commands_create[] = {
    {.name = "create",
     .aliases = "define",
     .summary = "make a container from a root file system, or a guest from domain XML",
     .example = "gemel create web --rootfs ./busybox.tar --limit memory=64M -- /bin/httpd -f",
     .group = "Change",
     .flags = COMMAND_CHANGES | COMMAND_JSON,
     .words = {{WORD_TEXT, "NAME"}, {WORD_TEXT, "COMMAND", .optional = TRUE, .repeats = TRUE}},
     .options = create_options,
     .details = "The instance is made but not started. Options end at `--`; what follows is the "
                "command of a container (/bin/sh).",
     .run = create_run},
    {.name = NULL},
};
