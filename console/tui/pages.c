/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pages.c - the table of views that a key, `view goto` and completion open. */
#include <string.h>

#include "console/tui/consoles.h"

typedef struct {
    const char *name;
    Page *(*make)(Tui *tui);
    Page *(*make_of)(Tui *tui, const char *key); /* about the selected instance */
    const char *about;                           /* what it shows of it */
    int kind;                                    /* of neither: the list, with this kind */
    gboolean of_group;                           /* there while a backend has `group` */
    GemelGroup group;
} View;

static const View views[] = {
    {.name = "all", .kind = -1},
    {.name = "vms", .kind = GEMEL_KIND_VM},
    {.name = "containers", .kind = GEMEL_KIND_CONTAINER},
    {.name = "snapshots", .make_of = snapshots_new, .about = "snapshots"},
    {.name = "inspect", .make_of = inspect_new, .about = "figures and settings"},
    {.name = "definition", .make_of = definition_new, .about = "definition"},
    {.name = "images", .of_group = TRUE, .group = GEMEL_GROUP_IMAGES},
    {.name = "storage", .of_group = TRUE, .group = GEMEL_GROUP_STORAGE},
    {.name = "networks", .of_group = TRUE, .group = GEMEL_GROUP_NETWORKS},
    {.name = "hosts", .make = hosts_new},
    {.name = "jobs", .make = jobs_new},
    {.name = "events", .make = events_new},
    {.name = "alerts", .make = alerts_view_new},
    {.name = "consoles", .make = consoles_view_new},
    {.name = "help", .make = help_new},
};

/* Back to the list, showing one kind or both. */
static gboolean goto_kind(Tui *tui, int kind)
{
    while (tui_pop(tui))
        ;
    instances_kind(tui_page(tui), kind);
    return TRUE;
}

/* A page about the selected instance. */
static gboolean goto_instance_page(Tui *tui, const View *view, GError **error)
{
    Page *page = tui_page(tui);
    const char *key = page->ops->target != NULL ? page->ops->target(page) : NULL;

    if (key == NULL || tui_instance(tui, key) == NULL)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND,
                               "view: select an instance to see its %s", view->about);
    tui_push(tui, view->make_of(tui, key));
    return TRUE;
}

/* Opens a page once: one that is open already comes to the top alone. */
static gboolean goto_page(Tui *tui, const View *view)
{
    for (guint i = 1; i < tui->pages->len; i++) {
        Page *page = tui->pages->pdata[i];

        if (strcmp(page->ops->name, view->name) != 0)
            continue;
        if (page != tui_page(tui))
            face_leave_message(tui);
        g_ptr_array_steal_index(tui->pages, i);
        g_ptr_array_add(tui->pages, page);
        return TRUE;
    }
    tui_push(tui, view->of_group ? listing_new(tui, view->group) : view->make(tui));
    return TRUE;
}

/* A view of a group is there as long as a backend that has the group is connected. */
static gboolean is_here(Tui *tui, const View *view)
{
    GPtrArray *backends = model_backends(tui->app->model);

    for (guint i = 0; view->of_group && i < backends->len; i++) {
        const ModelBackend *backend = backends->pdata[i];

        if (backend->open != NULL && gemel_backend_has_group(backend->open->backend, view->group))
            return TRUE;
    }
    return !view->of_group;
}

const char *pages_name(Tui *tui, guint i)
{
    for (guint v = 0; v < G_N_ELEMENTS(views); v++)
        if (is_here(tui, &views[v]) && i-- == 0)
            return views[v].name;
    return NULL;
}

gboolean pages_goto(Tui *tui, const char *name, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(views); i++) {
        const View *view = &views[i];

        if (is_here(tui, view))
            g_string_append_printf(names, " %s", view->name);
        if (strcmp(view->name, name) != 0)
            continue;
        if (!is_here(tui, view))
            return gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                                   "no connected host has %s; `connect` opens another", name);
        return view->make != NULL || view->of_group ? goto_page(tui, view)
               : view->make_of != NULL              ? goto_instance_page(tui, view, error)
                                                    : goto_kind(tui, view->kind);
    }
    return gemel_error_set(error, GEMEL_ERROR_INVALID, "view goto: '%s' is no view; there are%s",
                           name, names->str);
}

gboolean pages_show_instance(Tui *tui, const char *key)
{
    g_autofree char *wanted = g_strdup(key); /* of a page that goes now */
    Page *list = tui->pages->pdata[0];

    if (tui_instance(tui, wanted) == NULL) {
        face_say(tui, OUTPUT_NOTE, "It is not there any more.");
        return FALSE;
    }
    while (tui_pop(tui))
        ;
    if (!instances_select(list, wanted))
        face_say(tui, OUTPUT_NOTE, "It is hidden by the filter.");
    return TRUE;
}
