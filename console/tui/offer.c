/* SPDX-License-Identifier: GPL-3.0-or-later */
/* offer.c - which keys the footer offers: those that would do something here and now. */
#include <string.h>

#include "console/tui/tui_private.h"

/* The instance that keys are for now, or NULL. */
static const ModelInstance *selected(Tui *tui)
{
    Page *page = tui_page(tui);
    const char *key = page->ops->target != NULL ? page->ops->target(page) : NULL;

    return key != NULL ? tui_instance(tui, key) : NULL;
}

static Table *table_here(Tui *tui)
{
    Page *page = tui_page(tui);

    return page->ops->table != NULL ? page->ops->table(page) : NULL;
}

static gboolean has_rows(Tui *tui)
{
    Table *table = table_here(tui);

    return table != NULL && table_cursor(table) >= 0;
}

static gboolean has_marks(Tui *tui)
{
    Table *table = table_here(tui);

    return table != NULL && table_n_marked(table) > 0;
}

static gboolean can_act(Tui *tui, GemelAct act)
{
    const ModelInstance *instance = selected(tui);

    return instance != NULL && !tui->app->read_only && gemel_instance_can(instance->info, act);
}

static gboolean has_snapshots(const ModelInstance *instance)
{
    return instance != NULL && instance->backend->open != NULL &&
           instance->backend->open->backend->ops->snapshots != NULL;
}

/* ---- labels --------------------------------------------------------------------------------- */

/* Each gives the label, `usual` or another, or NULL where the key would do nothing. */

static const char *of_rows(Tui *tui, const char *usual)
{
    return has_rows(tui) ? usual : NULL;
}

static const char *of_instance(Tui *tui, const char *usual)
{
    return selected(tui) != NULL ? usual : NULL;
}

/* What acts: nothing does on a recording. */
static const char *of_actor(Tui *tui, const char *usual)
{
    const ModelInstance *instance = selected(tui);

    return instance != NULL && !instance_is_recorded(instance) ? usual : NULL;
}

static const char *of_marks(Tui *tui, const char *usual)
{
    return has_marks(tui) ? usual : NULL;
}

static const char *of_power(Tui *tui, const char *usual)
{
    return has_marks(tui) ? usual : of_actor(tui, usual);
}

/* On a heading of the list it folds. */
static const char *of_enter(Tui *tui, const char *usual)
{
    if (!has_rows(tui))
        return NULL;
    return tui_page(tui)->ops->where == AT_INSTANCES && selected(tui) == NULL ? "fold" : usual;
}

static const char *of_console(Tui *tui, const char *usual)
{
    const ModelInstance *instance = selected(tui);

    return instance != NULL && gemel_instance_can(instance->info, GEMEL_ACT_CONSOLE) ? usual : NULL;
}

static const char *of_shell(Tui *tui, const char *usual)
{
    return can_act(tui, GEMEL_ACT_EXEC) ? usual : NULL;
}

static const char *of_snapshots(Tui *tui, const char *usual)
{
    return has_snapshots(selected(tui)) ? usual : NULL;
}

static const char *of_new_snapshot(Tui *tui, const char *usual)
{
    return can_act(tui, GEMEL_ACT_SNAPSHOT_CREATE) ? usual : NULL;
}

static const char *of_snapshot(Tui *tui, const char *usual)
{
    return has_rows(tui) && !tui->app->read_only ? usual : NULL;
}

/* What the files of its snapshots tell. */
static const char *of_files(Tui *tui, const char *usual)
{
    const ModelInstance *instance = selected(tui);

    return has_rows(tui) && has_snapshots(instance) &&
                   instance->info->kind == GEMEL_KIND_CONTAINER &&
                   instance->backend->open->backend->ops->snapshots->diff != NULL
               ? usual
               : NULL;
}

static const char *of_zoom(Tui *tui, const char *usual)
{
    if (!has_rows(tui))
        return NULL;
    return instances_is_zoomed(tui->pages->pdata[0]) ? "unzoom" : usual;
}

static const char *of_back(Tui *tui, const char *usual)
{
    return tui_page(tui)->ops->where == AT_INSTANCES ? instances_back_label(tui->pages->pdata[0])
                                                     : usual;
}

static const char *of_find(Tui *tui, const char *usual)
{
    return tui_page(tui)->ops->where != AT_INSTANCES || has_rows(tui) ||
                   instances_back_label(tui->pages->pdata[0]) != NULL
               ? usual
               : NULL;
}

static const char *of_columns(Tui *tui, const char *usual)
{
    Table *table = table_here(tui);

    return has_rows(tui) && table_has_more(table) ? usual : NULL;
}

static const char *of_freeze(Tui *tui, const char *usual)
{
    return tui->frozen ? "go on" : NULL;
}

/* By how the binding's line begins; the first that fits counts. Lines that are not here do
   something everywhere. */
static const struct {
    const char *begin;
    const char *(*label)(Tui *tui, const char *usual);
} conditions[] = {
    {"console {", of_console},
    {"shell {", of_shell},
    {"snapshot diff", of_files},
    {"snapshot revert", of_snapshot},
    {"snapshot delete", of_snapshot},
    {"snapshot plan", of_rows},
    {"view back", of_back},
    {"view command snapshot create", of_new_snapshot},
    {"view console close", of_rows},
    {"view enter", of_enter},
    {"view find", of_find},
    {"view freeze", of_freeze},
    {"view goto definition", of_instance},
    {"view goto inspect", of_instance},
    {"view goto snapshots", of_snapshots},
    {"view mark none", of_marks},
    {"view mark", of_rows},
    {"view menu actions", of_actor},
    {"view menu bulk", of_marks},
    {"view menu power", of_power},
    {"view menu snapshot", of_rows},
    {"view menu sort", of_rows},
    {"view pane", of_instance},
    {"view remove", of_rows},
    {"view right", of_columns},
    {"view tab", of_instance},
    {"view zoom", of_zoom},
};

const char *offer_label(Tui *tui, const Binding *binding)
{
    for (guint i = 0; i < G_N_ELEMENTS(conditions); i++)
        if (g_str_has_prefix(binding->line, conditions[i].begin))
            return conditions[i].label(tui, binding->label);
    return binding->label;
}
