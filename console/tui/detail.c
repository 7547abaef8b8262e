/* SPDX-License-Identifier: GPL-3.0-or-later */
/* detail.c - the pane under the list: tabs about the selected instance. */
#include <string.h>

#include "console/tui/instances.h"
#include "widgets/tabs.h"

typedef enum {
    TAB_OVERVIEW,
    TAB_WHY,
    TAB_METRICS,
    TAB_VCPU, /* of a guest; a container has its cgroup there */
    TAB_PROCESSES,
    TAB_DISKS,
    TAB_NETWORKS,
    TAB_SNAPSHOTS,
    TAB_LOG,
    TAB_ISOLATION,
    TAB_DEFINITION,
    TAB_EVENTS,
    TAB_N
} Tab;

struct Detail {
    Tui *tui;
    Tab tab;
    char *key; /* what the scroll positions belong to */
    int scroll[TAB_N];
    int lines, height; /* of the last draw */
    TextView *text;
    char *text_of; /* the definition that the viewer holds */
};

static const struct {
    const char *name, *container_name;
    TabDraw draw, container_draw; /* NULL: the definition's viewer */
} tabs[TAB_N] = {
    [TAB_OVERVIEW] = {"overview", "overview", overview_draw, overview_draw},
    [TAB_WHY] = {"why", "why", why_draw, why_draw},
    [TAB_METRICS] = {"metrics", "metrics", metrics_draw, metrics_draw},
    [TAB_VCPU] = {"vcpu", "cgroup", vcpu_draw, cgroup_draw},
    [TAB_PROCESSES] = {"processes", "processes", processes_draw, processes_draw},
    [TAB_DISKS] = {"disks", "disks", disks_draw, disks_draw},
    [TAB_NETWORKS] = {"networks", "networks", networks_draw, networks_draw},
    [TAB_SNAPSHOTS] = {"snapshots", "snapshots", tree_draw, tree_draw},
    [TAB_LOG] = {"log", "log", log_draw, log_draw},
    [TAB_ISOLATION] = {"isolation", "isolation", isolation_draw, isolation_draw},
    [TAB_DEFINITION] = {"definition", "definition", NULL, NULL},
    [TAB_EVENTS] = {"events", "events", happened_draw, happened_draw},
};

Detail *detail_new(Tui *tui)
{
    Detail *detail = g_new0(Detail, 1);

    detail->tui = tui;
    detail->text = textview_new();
    return detail;
}

void detail_free(Detail *detail)
{
    if (detail == NULL)
        return;
    textview_free(detail->text);
    g_free(detail->text_of);
    g_free(detail->key);
    g_free(detail);
}

/* Another instance: from the top. */
static void set_key(Detail *detail, const char *key)
{
    if (g_strcmp0(key, detail->key) == 0)
        return;
    g_free(detail->key);
    detail->key = g_strdup(key);
    memset(detail->scroll, 0, sizeof detail->scroll);
    g_clear_pointer(&detail->text_of, g_free);
    textview_set_text(detail->text, "", 0, TEXTVIEW_PLAIN);
    textview_move(detail->text, TEXTVIEW_FIRST);
}

static void draw_definition(Detail *detail, const Canvas *c)
{
    const Fetched *fetched = fetch_inspect(detail->tui->fetch, detail->key, 5000);

    if (fetched->definition == NULL) {
        canvas_text(c, 0, 0, fetched->error != NULL ? ROLE_ERROR : ROLE_DIM,
                    fetched->error != NULL ? fetched->error : "reading the definition ...");
        return;
    }
    if (g_strcmp0(fetched->definition, detail->text_of) != 0) {
        g_free(detail->text_of);
        detail->text_of = g_strdup(fetched->definition);
        textview_set_text(detail->text, detail->text_of, -1,
                          strcmp(fetched->definition_format, "xml") == 0 ? TEXTVIEW_XML
                                                                         : TEXTVIEW_JSON);
    }
    textview_draw(detail->text, c);
}

/* With the keys that change tabs, or, when what shows is read, where that is in the whole. */
static void draw_tabs(const Detail *detail, const ModelInstance *instance, gboolean focus,
                      const Canvas *c)
{
    const char *keys = "[ ]";
    g_autofree char *place = NULL;
    const char *names[TAB_N];

    for (int i = 0; i < TAB_N; i++)
        names[i] = instance->info->kind == GEMEL_KIND_VM ? tabs[i].name : tabs[i].container_name;
    if (focus && detail->lines > detail->height && !detail_is_text(detail) &&
        detail->tab != TAB_LOG) /* which counts from its end */
        place = g_strdup_printf("%d-%d/%d", detail->scroll[detail->tab] + 1,
                                MIN(detail->lines, detail->scroll[detail->tab] + detail->height),
                                detail->lines);
    tabs_draw(c, instance->info->name, names, TAB_N, detail->tab, place != NULL ? place : keys);
    if (focus) /* seen without colours, too */
        canvas_text(c, 0, 0, ROLE_MARK, glyph_text(GLYPH_POINTER));
}

void detail_draw(Detail *detail, const char *key, gboolean focus, const Canvas *c)
{
    ModelInstance *instance = key != NULL ? tui_instance(detail->tui, key) : NULL;
    Canvas body = canvas_sub(c, 1, 0, c->height - 1, c->width);
    Tab tab = detail->tab;

    if (instance == NULL) {
        canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
        return;
    }
    set_key(detail, key);
    model_open_detail(instance);
    detail->height = body.height;
    if (tabs[tab].draw == NULL) {
        draw_tabs(detail, instance, focus, c);
        Canvas text = canvas_sub(&body, 0, 1, body.height, body.width - 2);

        draw_definition(detail, &text);
        return;
    }
    TabDraw draw =
        instance->info->kind == GEMEL_KIND_VM ? tabs[tab].draw : tabs[tab].container_draw;

    detail->lines = draw(detail->tui, instance, detail->scroll[tab], &body);
    /* it may have shrunk since the scrolling */
    if (detail->scroll[tab] > MAX(0, detail->lines - body.height)) {
        detail->scroll[tab] = MAX(0, detail->lines - body.height);
        canvas_clear(&body);
        draw(detail->tui, instance, detail->scroll[tab], &body);
    }
    draw_tabs(detail, instance, focus, c);
}

void detail_move(Detail *detail, Move step)
{
    int *scroll = &detail->scroll[detail->tab], page = MAX(1, detail->height - 1);
    const int by[] = {[MOVE_UP] = -1,
                      [MOVE_DOWN] = 1,
                      [MOVE_PAGE_UP] = -page,
                      [MOVE_PAGE_DOWN] = page,
                      [MOVE_HALF_UP] = -page / 2,
                      [MOVE_HALF_DOWN] = page / 2,
                      [MOVE_FIRST] = -1000000,
                      [MOVE_LAST] = 1000000};

    if (detail->tab == TAB_LOG && step != MOVE_LEFT && step != MOVE_RIGHT) {
        *scroll = CLAMP(*scroll - by[step], 0, MAX(0, detail->lines - detail->height));
        return;
    }
    if (detail_has_marks(detail) && step != MOVE_LEFT && step != MOVE_RIGHT)
        metrics_move(detail->tui, step);
    else if (tabs[detail->tab].draw == NULL)
        textview_move(detail->text, (TextViewMove)step);
    else if (step == MOVE_LEFT || step == MOVE_RIGHT)
        detail_step_tab(detail, step == MOVE_RIGHT ? 1 : -1);
    else
        *scroll = CLAMP(*scroll + by[step], 0, MAX(0, detail->lines - detail->height));
}

gboolean detail_has_marks(const Detail *detail)
{
    return detail->tab == TAB_METRICS;
}

gboolean detail_mark(Detail *detail, const char *which, GError **error)
{
    return metrics_mark(detail->tui, which, error);
}

void detail_step_tab(Detail *detail, int step)
{
    detail->tab = (Tab)(((int)detail->tab + step + TAB_N) % TAB_N);
}

gboolean detail_show_tab(Detail *detail, const char *name)
{
    for (int i = 0; i < TAB_N; i++) {
        if (strcmp(tabs[i].name, name) != 0 && strcmp(tabs[i].container_name, name) != 0)
            continue;
        detail->tab = (Tab)i;
        return TRUE;
    }
    return FALSE;
}

gboolean detail_is_text(const Detail *detail)
{
    return tabs[detail->tab].draw == NULL;
}

const char *detail_searched(const Detail *detail)
{
    return textview_needle(detail->text);
}

gboolean detail_search(Detail *detail, const char *text)
{
    if (!detail_is_text(detail))
        return FALSE;
    textview_search(detail->text, text);
    return TRUE;
}

gboolean detail_search_next(Detail *detail, gboolean backwards)
{
    return detail_is_text(detail) && textview_search_next(detail->text, backwards);
}
