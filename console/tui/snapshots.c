/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshots.c - the snapshots of one instance as a tree: as a page of its own and as a tab. */
#include <string.h>
#include <time.h>

#include "console/tui/instances.h"

/* ---- the tree ------------------------------------------------------------------------------- */

static const char *parent_of(const GemelSnapshot *snapshot)
{
    return snapshot->parent != NULL ? snapshot->parent : "";
}

/* Whether there is a snapshot of this name. */
static gboolean is_known(GPtrArray *snapshots, const char *name)
{
    for (guint i = 0; i < snapshots->len; i++)
        if (strcmp(((const GemelSnapshot *)snapshots->pdata[i])->name, name) == 0)
            return TRUE;
    return FALSE;
}

/* Appends the children of `parent`, each followed by its own. */
static void append_children(GPtrArray *out, GPtrArray *snapshots, const char *parent, guint depth)
{
    for (guint i = 0; i < snapshots->len && depth <= snapshots->len; i++) {
        GemelSnapshot *snapshot = snapshots->pdata[i];
        /* one whose parent is not there stands at the root */
        const char *under = is_known(snapshots, parent_of(snapshot)) ? parent_of(snapshot) : "";

        if (strcmp(under, parent) != 0 || g_ptr_array_find(out, snapshot, NULL))
            continue;
        g_ptr_array_add(out, snapshot);
        append_children(out, snapshots, snapshot->name, depth + 1);
    }
}

GPtrArray *tree_order(GPtrArray *snapshots)
{
    GPtrArray *out = g_ptr_array_new();

    append_children(out, snapshots, "", 0);
    /* a loop of parents, which no backend should give: they are shown all the same */
    for (guint i = 0; i < snapshots->len; i++)
        if (!g_ptr_array_find(out, snapshots->pdata[i], NULL))
            g_ptr_array_add(out, snapshots->pdata[i]);
    return out;
}

/* The index of the parent in tree order, -1 for a root. */
static int parent_index(GPtrArray *tree, guint i)
{
    const char *parent = parent_of(tree->pdata[i]);

    for (guint p = 0; p < i; p++)
        if (strcmp(((const GemelSnapshot *)tree->pdata[p])->name, parent) == 0)
            return (int)p;
    return -1;
}

/* Whether a later entry has the same parent. */
static gboolean has_later_sibling(GPtrArray *tree, guint i)
{
    int parent = parent_index(tree, i);

    for (guint s = i + 1; s < tree->len; s++)
        if (parent_index(tree, s) == parent)
            return TRUE;
    return FALSE;
}

char *tree_prefix(GPtrArray *tree, guint i)
{
    GString *out = g_string_new(NULL);

    if (parent_index(tree, i) < 0)
        return g_string_free(out, FALSE);
    g_string_append_printf(out, "%s%s ",
                           glyph_text(has_later_sibling(tree, i) ? GLYPH_BRANCH : GLYPH_LAST),
                           glyph_text(GLYPH_HLINE));
    for (int up = parent_index(tree, i); up >= 0 && parent_index(tree, (guint)up) >= 0;
         up = parent_index(tree, (guint)up)) {
        g_string_prepend(out, "  ");
        g_string_prepend(out, has_later_sibling(tree, (guint)up) ? glyph_text(GLYPH_VLINE) : " ");
    }
    return g_string_free(out, FALSE);
}

/* ---- cells ---------------------------------------------------------------------------------- */

enum { COLUMN_NAME, COLUMN_STATE, COLUMN_KIND, COLUMN_SIZE, COLUMN_TAKEN, COLUMN_ABOUT, COLUMN_N };

static const TableColumn columns[COLUMN_N] = {
    [COLUMN_NAME] = {.id = "name", .title = "NAME", .min = 20, .max = 48},
    [COLUMN_STATE] = {.id = "state", .title = "TAKEN WHILE", .min = 16, .priority = 3},
    [COLUMN_KIND] = {.id = "kind", .title = "KIND", .min = 8, .max = 10, .priority = 2},
    [COLUMN_SIZE] = {.id = "size", .title = "SIZE", .min = 5, .priority = 1, .align = TEXT_RIGHT},
    [COLUMN_TAKEN] = {.id = "taken", .title = "TAKEN", .min = 16, .priority = 1},
    [COLUMN_ABOUT] = {.id = "about", .title = "DESCRIPTION", .min = 12, .max = 60, .priority = 4},
};

static char *time_text(gint64 unix_seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(unix_seconds);

    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("-");
}

static void draw_cell(GPtrArray *tree, guint row, guint column, const Canvas *cell)
{
    const GemelSnapshot *snapshot = tree->pdata[row];
    g_autofree char *text = NULL;
    Role role = ROLE_TEXT;

    switch (column) {
    case COLUMN_NAME: {
        g_autofree char *prefix = tree_prefix(tree, row);
        int x = canvas_text(cell, 0, 0, ROLE_BORDER, prefix);

        x = canvas_field(cell, 0, x, MIN(text_width(snapshot->name), cell->width - x), TEXT_LEFT,
                         ROLE_STRONG, snapshot->name);
        if (snapshot->is_current)
            canvas_printf(cell, 0, x + 1, ROLE_MARK, "%s here", glyph_text(GLYPH_HERE));
        return;
    }
    case COLUMN_STATE:
        text = g_strdup_printf("%s%s", gemel_state_name(snapshot->state),
                               snapshot->with_memory ? ", memory" : "");
        role = state_role(snapshot->state);
        break;
    case COLUMN_KIND:
        text = g_strdup(snapshot->kind != NULL ? snapshot->kind : "-");
        break;
    case COLUMN_SIZE:
        text =
            snapshot->size_bytes >= 0 ? format_bytes((guint64)snapshot->size_bytes) : g_strdup("-");
        break;
    case COLUMN_TAKEN:
        text = time_text(snapshot->created_unix);
        role = ROLE_DIM;
        break;
    default:
        text = g_strdup(snapshot->description != NULL ? snapshot->description : "");
        role = ROLE_DIM;
        break;
    }
    canvas_field(cell, 0, 0, cell->width, columns[column].align, role, text);
}

/* Cells of the longest name with what is drawn before it, and after the current one. */
static int widest_name(GPtrArray *tree)
{
    int widest = 1;

    for (guint i = 0; tree != NULL && i < tree->len; i++) {
        const GemelSnapshot *snapshot = tree->pdata[i];
        g_autofree char *prefix = tree_prefix(tree, i);
        int here = snapshot->is_current ? text_width(" x here") : 0;

        widest = MAX(widest, text_width(prefix) + text_width(snapshot->name) + here + 1);
    }
    return widest;
}

/* ---- the tab -------------------------------------------------------------------------------- */

int tree_draw(Tui *tui, const ModelInstance *instance, int scroll, const Canvas *c)
{
    g_autofree char *key = instance_key_of(instance);
    const Fetched *fetched = fetch_snapshots(tui->fetch, key, 3000);
    int y = -scroll;

    if (fetched->snapshots == NULL || fetched->snapshots->len == 0) {
        const char *text = fetched->error != NULL ? fetched->error
                           : fetched->snapshots == NULL
                               ? "reading the snapshots ..."
                               : "No snapshots yet; t opens the tree, n takes one there.";

        canvas_text(c, y++, 1, fetched->error != NULL ? ROLE_ERROR : ROLE_DIM, text);
        return y + scroll;
    }
    g_autoptr(GPtrArray) tree = tree_order(fetched->snapshots);
    int taken_x = MIN(widest_name(tree) + 2, 40);

    for (guint i = 0; i < tree->len; i++, y++) {
        const GemelSnapshot *snapshot = tree->pdata[i];
        g_autofree char *prefix = tree_prefix(tree, i), *taken = time_text(snapshot->created_unix);
        int x = canvas_text(c, y, 1, ROLE_BORDER, prefix);

        x = canvas_text(c, y, x, ROLE_STRONG, snapshot->name);
        if (snapshot->is_current)
            x = canvas_printf(c, y, x + 1, ROLE_MARK, "%s here", glyph_text(GLYPH_HERE));
        canvas_printf(c, y, MAX(x + 2, taken_x), ROLE_DIM, "%s  %s%s  %s", taken,
                      gemel_state_name(snapshot->state),
                      snapshot->with_memory ? " with memory" : "",
                      snapshot->kind != NULL ? snapshot->kind : "");
    }
    return y + scroll;
}

/* ---- the page ------------------------------------------------------------------------------- */

typedef struct {
    Page page;
    char *key;
    Table *table;
    GPtrArray *list; /* a reference to what was fetched */
    GPtrArray *tree; /* of the list's snapshots, in tree order */
} Snapshots;

static guint rows_count(gpointer data)
{
    Snapshots *self = data;

    return self->tree != NULL ? self->tree->len : 0;
}

static const char *rows_key(gpointer data, guint row)
{
    return ((const GemelSnapshot *)((Snapshots *)data)->tree->pdata[row])->name;
}

static void rows_draw(gpointer data, guint row, guint column, const Canvas *cell)
{
    draw_cell(((Snapshots *)data)->tree, row, column, cell);
}

static const TableSource source = {.count = rows_count, .key = rows_key, .draw = rows_draw};

/* Takes a new answer over. */
static const Fetched *refresh(Snapshots *self)
{
    const Fetched *fetched = fetch_snapshots(self->page.tui->fetch, self->key, 2000);

    if (fetched->snapshots == self->list)
        return fetched;
    g_clear_pointer(&self->tree, g_ptr_array_unref);
    g_clear_pointer(&self->list, g_ptr_array_unref);
    if (fetched->snapshots != NULL) {
        self->list = g_ptr_array_ref(fetched->snapshots);
        self->tree = tree_order(self->list);
    }
    /* names take what they need, descriptions the rest */
    table_set_wanted_width(self->table, COLUMN_NAME, widest_name(self->tree));
    table_rows_changed(self->table);
    return fetched;
}

static void draw(Page *page, const Canvas *c)
{
    Snapshots *self = (Snapshots *)page;
    const ModelInstance *instance = tui_instance(page->tui, self->key);
    const Fetched *fetched = refresh(self);
    Canvas body = canvas_sub(c, 1, 0, c->height - 1, c->width);

    canvas_hline(c, 0, 0, c->width, ROLE_BORDER);
    canvas_printf(c, 0, 1, ROLE_TITLE, " snapshots of %s ",
                  instance != NULL ? instance->info->name : "an instance that is gone");
    table_draw(self->table, &body);
    if (rows_count(self) > 0)
        return;
    canvas_text(&body, 1, 3, fetched->error != NULL ? ROLE_ERROR : ROLE_DIM,
                fetched->error != NULL       ? fetched->error
                : fetched->snapshots == NULL ? "reading the snapshots ..."
                                             : "None yet; n takes one.");
}

static void changed(Page *page, ModelChange what)
{
    Snapshots *self = (Snapshots *)page;

    if ((what & MODEL_EVENTS) != 0)
        fetch_forget(page->tui->fetch, self->key);
}

static void snapshots_free(Page *page)
{
    Snapshots *self = (Snapshots *)page;

    table_free(self->table);
    g_clear_pointer(&self->tree, g_ptr_array_unref);
    g_clear_pointer(&self->list, g_ptr_array_unref);
    g_free(self->key);
    g_free(self);
}

static void move(Page *page, Move step)
{
    table_move(((Snapshots *)page)->table, (TableMove)step);
}

static const char *target(Page *page)
{
    return ((Snapshots *)page)->key;
}

static const char *snapshot(Page *page)
{
    return table_cursor_key(((Snapshots *)page)->table);
}

static Table *table_of(Page *page)
{
    return ((Snapshots *)page)->table;
}

static void wide(Page *page)
{
    Table *table = table_of(page);

    table_set_wide(table, !table_is_wide(table));
}

static char *summary(Page *page)
{
    guint n = rows_count(page);

    return g_strdup_printf("%u snapshot%s", n, n == 1 ? "" : "s");
}

static const PageOps ops = {
    .name = "snapshots",
    .where = AT_SNAPSHOTS,
    .draw = draw,
    .changed = changed,
    .free = snapshots_free,
    .move = move,
    .target = target,
    .snapshot = snapshot,
    .table = table_of,
    .wide = wide,
    .summary = summary,
};

Page *snapshots_new(Tui *tui, const char *key)
{
    Snapshots *self = g_new0(Snapshots, 1);

    self->page = (Page){&ops, tui};
    self->key = g_strdup(key);
    self->table = table_new(columns, COLUMN_N, &source, self);
    fetch_forget(tui->fetch, key);
    return &self->page;
}
