/* SPDX-License-Identifier: GPL-3.0-or-later */
/* menus.c - pop-ups: power, sort, everything that is valid here, what to do with the marks. Each
   item is a command line; what cannot be done says why. */
#include <string.h>

#include "console/tui/tui_private.h"

/* An item of the power menu and of the menu of all actions. */
typedef struct {
    const char *key;
    GemelAct act;
    const char *line; /* {} = the instance */
    const char *label;
    const char *hint[GEMEL_KIND_N];
} Item;

static const Item power[] = {
    {"s", GEMEL_ACT_START, "start {}", "start", {"boots it", "starts its process"}},
    {"o",
     GEMEL_ACT_STOP,
     "stop {}",
     "shut down",
     {"asks the guest, waits 60 s", "stop signal, KILL after 10 s"}},
    {"r",
     GEMEL_ACT_RESTART,
     "restart {}",
     "restart",
     {"asks the guest to reboot", "stop and start"}},
    {"R", GEMEL_ACT_RESET, "reset {}", "reset", {"hard; asks first", "-"}},
    {"p", GEMEL_ACT_PAUSE, "pause {}", "pause", {"freezes its vCPUs", "freezes its processes"}},
    {"p", GEMEL_ACT_RESUME, "resume {}", "resume", {"goes on", "goes on"}},
    {"h", GEMEL_ACT_SAVE, "save {}", "save", {"memory to disk, then off", "-"}},
    {"h", GEMEL_ACT_RESTORE, "restore {}", "restore", {"goes on from its saved memory", "-"}},
    {"k",
     GEMEL_ACT_KILL,
     "kill {}",
     "kill",
     {"pulls the plug; asks first", "KILL at once; asks first"}},
};

static const Item others[] = {
    {"c", GEMEL_ACT_CONSOLE, "console {}", "console", {"serial console", "its terminal"}},
    {"e", GEMEL_ACT_EXEC, "shell {}", "shell", {"a shell inside", "a shell inside"}},
    {"n",
     GEMEL_ACT_SNAPSHOT_CREATE,
     "view command snapshot create {} ",
     "new snapshot",
     {"with memory when running", "its writable layer"}},
    {"t",
     GEMEL_ACT_SNAPSHOT_REVERT,
     "view goto snapshots",
     "snapshots",
     {"list, revert, delete", "list, revert, delete"}},
    {"l",
     GEMEL_ACT_LIMIT,
     "view command limit {} ",
     "limit",
     {"cpu= memory=", "cpu= memory= pids="}},
    {"E", GEMEL_ACT_EDIT, "edit {}", "edit", {"its XML in $EDITOR", "its settings in $EDITOR"}},
    {"N", GEMEL_ACT_RENAME, "view command rename {} ", "rename", {"its id stays", "its id stays"}},
    {"C",
     GEMEL_ACT_CLONE,
     "view command clone {} ",
     "clone",
     {"disks copied, new MACs", "its files copied"}},
    {"D", GEMEL_ACT_DELETE, "delete {}", "delete", {"asks first", "asks first"}},
};

/* Kinds of labels that the menu offers; more can be typed. */
#define LABELS_MAX 9

static int compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The instance of the page, or NULL with a reason. */
static ModelInstance *selected(Tui *tui, GError **error)
{
    Page *page = tui_page(tui);
    const char *key = page->ops->target != NULL ? page->ops->target(page) : NULL;
    ModelInstance *instance = key != NULL ? tui_instance(tui, key) : NULL;

    if (instance == NULL)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "Nothing is selected.");
    return instance;
}

/* The same for what acts on it. Of a recording that is said once, not for each act. */
static ModelInstance *selected_to_act(Tui *tui, GError **error)
{
    ModelInstance *instance = selected(tui, error);

    if (instance == NULL || !instance_is_recorded(instance))
        return instance;
    gemel_error_set(error, GEMEL_ERROR_UNSUPPORTED,
                    "This is a recording: it can be looked at, and nothing in it can be changed.");
    return NULL;
}

static guint n_marked(Tui *tui)
{
    Page *page = tui_page(tui);
    Table *table = page->ops->table != NULL ? page->ops->table(page) : NULL;

    return table != NULL ? table_n_marked(table) : 0;
}

/* Why an act cannot be done now, or NULL. */
static const char *why_not(Tui *tui, const ModelInstance *instance, GemelAct act)
{
    if (!gemel_instance_can(instance->info, act))
        return instance->info->why_not[act] != NULL ? instance->info->why_not[act]
                                                    : "not possible now";
    if (tui->app->read_only && act != GEMEL_ACT_CONSOLE)
        return "read-only (^o)";
    return NULL;
}

/* Its key as a word of a line: an id is what others say, a recording's for one. */
static char *key_word(const ModelInstance *instance)
{
    g_autofree char *key = instance_key_of(instance);

    return command_quote(key);
}

/* Adds an item for one instance. The line names it for good: whatever moves under the menu, the
   action is for this one. */
static void add_item(Tui *tui, Menu *menu, const Item *item, const ModelInstance *instance)
{
    const char *reason = why_not(tui, instance, item->act);
    g_autofree char *key = key_word(instance), *word = instance_word(instance);
    gboolean typed = g_str_has_prefix(item->line, "view command ");
    g_auto(GStrv) parts = g_strsplit(item->line, "{}", -1);
    g_autofree char *line = g_strjoinv(typed ? word : key, parts);

    /* the list of snapshots may be looked at in any state */
    if (item->act == GEMEL_ACT_SNAPSHOT_REVERT)
        reason = instance->backend->open == NULL ||
                         instance->backend->open->backend->ops->snapshots == NULL
                     ? "its backend has none"
                     : NULL;
    menu_add(menu, keys_from_name(item->key), item->label, item->hint[instance->info->kind], reason,
             line);
}

/* Deleting what runs ends it first, which the command does only when told so; it then wants the
   name typed. */
static char *delete_line(const ModelInstance *instance)
{
    g_autofree char *key = key_word(instance);

    return g_strdup_printf(
        "delete %s%s", gemel_instance_can(instance->info, GEMEL_ACT_DELETE) ? "" : "--force ", key);
}

static void add_delete(Tui *tui, Menu *menu, const ModelInstance *instance)
{
    g_autofree char *line = delete_line(instance);
    gboolean can = instance->backend->open != NULL &&
                   gemel_backend_can(instance->backend->open->backend, GEMEL_ACT_DELETE);
    gboolean idle = gemel_instance_can(instance->info, GEMEL_ACT_DELETE);

    menu_add(menu, 'D', "delete", idle ? "asks first" : "it runs: asks for its name",
             tui->app->read_only            ? "read-only (^o)"
             : !can                         ? "its backend cannot"
             : instance->info->is_protected ? "is protected (P)"
                                            : NULL,
             line);
}

static void add_protect(Tui *tui, Menu *menu, const ModelInstance *instance)
{
    gboolean is_protected = instance->info->is_protected;
    g_autofree char *key = key_word(instance);
    g_autofree char *line = g_strdup_printf("protect %s %s", key, is_protected ? "off" : "on");

    menu_add(menu, 'P', is_protected ? "unprotect" : "protect",
             is_protected ? "asks for its name" : "no delete, kill, reset, revert",
             why_not(tui, instance, GEMEL_ACT_PROTECT), line);
}

/* Of pause and resume only the one that can be done is shown: they share a key. */
static gboolean is_hidden(const Item *item, const GemelInstance *info)
{
    if (item->act == GEMEL_ACT_RESUME)
        return !gemel_instance_can(info, GEMEL_ACT_RESUME);
    if (item->act == GEMEL_ACT_PAUSE)
        return gemel_instance_can(info, GEMEL_ACT_RESUME);
    if (item->act == GEMEL_ACT_SAVE || item->act == GEMEL_ACT_RESTORE)
        return info->kind == GEMEL_KIND_CONTAINER ||
               gemel_instance_can(info, GEMEL_ACT_RESTORE) != (item->act == GEMEL_ACT_RESTORE);
    return FALSE;
}

static Menu *menu_bulk(Tui *tui, GError **error);

/* With marks it is for those: so it is in every file manager, and the title says it. */
static Menu *menu_power(Tui *tui, GError **error)
{
    if (n_marked(tui) > 0)
        return menu_bulk(tui, error);
    ModelInstance *instance = selected_to_act(tui, error);

    if (instance == NULL)
        return NULL;
    g_autofree char *title = g_strdup_printf("power: %s (%s)", instance->info->name,
                                             gemel_state_name(instance->info->state));
    Menu *menu = menu_new(title);

    for (guint i = 0; i < G_N_ELEMENTS(power); i++)
        if (!is_hidden(&power[i], instance->info))
            add_item(tui, menu, &power[i], instance);
    return menu;
}

static Menu *menu_actions(Tui *tui, GError **error)
{
    ModelInstance *instance = selected_to_act(tui, error);

    if (instance == NULL)
        return NULL;
    guint marked = n_marked(tui);
    g_autofree char *besides =
        marked > 0 ? g_strdup_printf(", not the %u marked", marked) : g_strdup("");
    g_autofree char *title = g_strdup_printf("%s (%s)%s", instance->info->name,
                                             gemel_state_name(instance->info->state), besides);
    Menu *menu = menu_new(title);

    for (guint i = 0; i < G_N_ELEMENTS(power); i++)
        if (!is_hidden(&power[i], instance->info))
            add_item(tui, menu, &power[i], instance);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
        if (others[i].act != GEMEL_ACT_DELETE)
            add_item(tui, menu, &others[i], instance);
    add_protect(tui, menu, instance);
    add_delete(tui, menu, instance);
    menu_add(menu, 'd', "inspect", "what is known about it", NULL, "view goto inspect");
    menu_add(menu, 'y', "definition", "XML or JSON", NULL, "view goto definition");
    return menu;
}

/* What there is to do with one snapshot. What needs its files stands only where they can be had. */
typedef enum { FILES_NONE, FILES_DIFF, FILES_EXPORT } FilesNeed;

static const struct {
    const char *key, *command, *label, *hint;
    GemelAct act; /* GEMEL_ACT_N: it only looks */
    FilesNeed files;
    gboolean typed; /* more words are to be typed behind it */
} of_snapshot[] = {
    {"=", "snapshot plan", "plan", "what revert and delete would do", GEMEL_ACT_N},
    {"c", "snapshot diff", "changes", "files changed since it", GEMEL_ACT_N, FILES_DIFF},
    {"e", "snapshot export", "export", "its files into a tar archive", GEMEL_ACT_N, FILES_EXPORT,
     TRUE},
    {"r", "snapshot revert", "revert", "back to it; asks first", GEMEL_ACT_SNAPSHOT_REVERT},
    {"D", "snapshot delete", "delete", "its children stay; asks first", GEMEL_ACT_SNAPSHOT_DELETE},
};

/* Whether the files of its snapshots can be looked at as `need` has it. */
static gboolean has_files(const ModelInstance *instance, FilesNeed need)
{
    const GemelBackendOps *ops =
        instance->backend->open != NULL ? instance->backend->open->backend->ops : NULL;

    if (need == FILES_NONE)
        return TRUE;
    if (ops == NULL || ops->snapshots == NULL || instance->info->kind != GEMEL_KIND_CONTAINER)
        return FALSE;
    return need == FILES_DIFF ? ops->snapshots->diff != NULL : ops->snapshots->export != NULL;
}

/* The line of a row of of_snapshot[]: it runs at once, or is put where it can be gone on with. */
static char *snapshot_line(gsize row, const ModelInstance *instance, const char *snapshot)
{
    gboolean typed = of_snapshot[row].typed;
    g_autofree char *key = typed ? instance_word(instance) : key_word(instance);
    g_autofree char *word = command_quote(snapshot);

    return g_strdup_printf("%s%s %s %s%s", typed ? "view command " : "", of_snapshot[row].command,
                           key, word, typed ? " " : "");
}

/* The lines name the snapshot for good, as those of an instance do. */
static Menu *menu_snapshot(Tui *tui, GError **error)
{
    Page *page = tui_page(tui);
    const char *name = page->ops->snapshot != NULL ? page->ops->snapshot(page) : NULL;
    ModelInstance *instance = name != NULL ? selected(tui, error) : NULL;

    if (name == NULL)
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "No snapshot is selected; n takes one.");
    if (instance == NULL)
        return NULL;
    g_autofree char *title = g_strdup_printf("snapshot %s of %s (%s)", name, instance->info->name,
                                             gemel_state_name(instance->info->state));
    Menu *menu = menu_new(title);

    for (guint i = 0; i < G_N_ELEMENTS(of_snapshot); i++) {
        if (!has_files(instance, of_snapshot[i].files))
            continue;
        g_autofree char *line = snapshot_line(i, instance, name);
        const char *reason =
            of_snapshot[i].act != GEMEL_ACT_N ? why_not(tui, instance, of_snapshot[i].act) : NULL;

        menu_add(menu, keys_from_name(of_snapshot[i].key), of_snapshot[i].label,
                 of_snapshot[i].hint, reason, line);
    }
    menu_add(menu, 'n', "new snapshot", "of what is there now",
             why_not(tui, instance, GEMEL_ACT_SNAPSHOT_CREATE), "view command snapshot create {} ");
    return menu;
}

static void add_sort(Menu *menu, ColumnId id)
{
    g_autofree char *line = g_strconcat("view sort ", column_table[id].id, NULL);

    menu_add(menu, column_table[id].key != 0 ? column_table[id].key : KEYS_NONE,
             column_table[id].id, column_table[id].help, NULL, line);
}

/* The columns that the list has, and after them the others that have a key. */
static Menu *menu_sort(Tui *tui, GError **error)
{
    Menu *menu = menu_new("sort by");
    Page *list = tui->pages->pdata[0];
    guint64 there = 0;
    ColumnId id;

    for (guint i = 0; (id = instances_column(list, i)) != LIST_N; i++) {
        add_sort(menu, id);
        there |= G_GUINT64_CONSTANT(1) << id;
    }
    for (id = 0; id < LIST_N; id++)
        if (column_table[id].key != 0 && ((there >> id) & 1u) == 0)
            add_sort(menu, id);
    menu_add(menu, 'I', "invert", "the other way round", NULL, "view sort invert");
    return menu;
}

/* The labels that instances have, each once, in order. */
static GPtrArray *label_keys(Tui *tui)
{
    GPtrArray *all = model_instances(tui->app->model);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key;

    for (guint i = 0; i < all->len; i++) {
        GHashTable *labels = ((ModelInstance *)all->pdata[i])->info->labels;

        if (labels == NULL)
            continue;
        g_hash_table_iter_init(&iter, labels);
        while (keys->len < LABELS_MAX && g_hash_table_iter_next(&iter, &key, NULL)) {
            if (g_hash_table_contains(seen, key))
                continue;
            g_ptr_array_add(keys, g_strdup(key));
            g_hash_table_add(seen, keys->pdata[keys->len - 1]);
        }
    }
    g_ptr_array_sort(keys, compare_words);
    return keys;
}

static Menu *menu_group(Tui *tui, GError **error)
{
    static const struct {
        int key;
        const char *label, *hint, *line;
    } items[] = {{'n', "none", "a flat list", "view group none"},
                 {'h', "host", "by backend", "view group host"},
                 {'k', "kind", "guests, containers", "view group kind"},
                 {'s', "state", "running first", "view group state"},
                 {'-', "collapse all", "headings alone", "view collapse all"},
                 {'+', "expand all", NULL, "view collapse none"}};
    Menu *menu = menu_new("group by");
    g_autoptr(GPtrArray) keys = label_keys(tui);

    for (guint i = 0; i < G_N_ELEMENTS(items); i++)
        menu_add(menu, items[i].key, items[i].label, items[i].hint, NULL, items[i].line);
    for (guint i = 0; i < keys->len; i++) {
        g_autofree char *quoted = g_strconcat("label:", keys->pdata[i], NULL);
        g_autofree char *word = g_shell_quote(quoted);
        g_autofree char *line = g_strconcat("view group ", word, NULL);

        menu_add(menu, i < 9 ? '1' + (int)i : KEYS_NONE, quoted, "a label", NULL, line);
    }
    return menu;
}

/* How many of the marked instances can do an act; the line names all: the command shows what it
   would do to which, whom it leaves out and why, and asks. */
static guint bulk_line(Tui *tui, char **keys, const Item *item, char **ret_line)
{
    g_autoptr(GString) words = g_string_new(MARKS_OPTIONS);
    guint n = 0;

    for (guint i = 0; keys[i] != NULL; i++) {
        const ModelInstance *instance = tui_instance(tui, keys[i]);

        if (instance == NULL)
            continue;
        g_autofree char *word = command_quote(keys[i]);

        g_string_append_printf(words, " %s", word);
        n += why_not(tui, instance, item->act) == NULL;
    }
    g_auto(GStrv) parts = g_strsplit(item->line, "{}", -1);

    *ret_line = g_strjoinv(words->str, parts);
    return n;
}

/* What `D` does: for the marks that can be deleted as they are, else for the one selected. */
char *menus_delete_selected(Tui *tui, GError **error)
{
    static const Item item = {"D", GEMEL_ACT_DELETE, "delete {}", "delete", {NULL, NULL}};
    Page *page = tui_page(tui);
    char *line = NULL;

    if (n_marked(tui) == 0) {
        const ModelInstance *instance = selected_to_act(tui, error);

        return instance != NULL ? delete_line(instance) : NULL;
    }
    g_auto(GStrv) keys = table_marked(page->ops->table(page));

    if (bulk_line(tui, keys, &item, &line) > 0)
        return line;
    g_free(line);
    gemel_error_set(error, GEMEL_ERROR_CONFLICT,
                    "None of the marked ones can be deleted while they run; U unmarks.");
    return NULL;
}

static Menu *menu_bulk(Tui *tui, GError **error)
{
    Page *page = tui_page(tui);

    if (n_marked(tui) == 0) {
        gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "Nothing is marked; Space marks.");
        return NULL;
    }
    if (selected(tui, NULL) != NULL && selected_to_act(tui, error) == NULL)
        return NULL;
    g_auto(GStrv) keys = table_marked(page->ops->table(page));
    guint total = g_strv_length(keys);
    g_autofree char *title = g_strdup_printf("%u marked", total);
    Menu *menu = menu_new(title);
    const Item *delete_item = &others[G_N_ELEMENTS(others) - 1];

    for (guint i = 0; i <= G_N_ELEMENTS(power); i++) {
        const Item *item = i < G_N_ELEMENTS(power) ? &power[i] : delete_item;
        g_autofree char *line = NULL;
        guint n = bulk_line(tui, keys, item, &line);
        g_autofree char *hint = g_strdup_printf("%u of %u", n, total);
        int key = item->act == GEMEL_ACT_RESUME    ? 'u'
                  : item->act == GEMEL_ACT_RESTORE ? 'H'
                                                   : keys_from_name(item->key);

        menu_add(menu, key, item->label, hint, n == 0 ? "none of them can" : NULL, line);
    }
    menu_add(menu, 'U', "unmark all", NULL, NULL, "view mark none");
    return menu;
}

static const struct {
    const char *name;
    Menu *(*make)(Tui *tui, GError **error);
} menus[] = {{"power", menu_power},      {"actions", menu_actions}, {"sort", menu_sort},
             {"copy", copy_menu},        {"group", menu_group},     {"bulk", menu_bulk},
             {"snapshot", menu_snapshot}};

gboolean menus_open(Tui *tui, const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(menus); i++) {
        if (strcmp(menus[i].name, name) != 0)
            continue;
        tui->menu_waits = FALSE;
        Menu *menu = menus[i].make(tui, error);

        if (menu == NULL)
            return FALSE;
        g_clear_pointer(&tui->menu, menu_free);
        tui->menu = menu;
        return TRUE;
    }
    return gemel_error_set(
        error, GEMEL_ERROR_INVALID,
        "view menu: '%s' is no menu; there are power actions sort copy group bulk "
        "snapshot",
        name);
}

void menus_refresh(Tui *tui)
{
    if (tui->menu != NULL && tui->menu_waits)
        menus_open(tui, "copy", NULL);
}

void menus_key(Tui *tui, int key)
{
    switch (menu_handle_key(tui->menu, key)) {
    case MENU_OPEN:
        break;
    case MENU_REFUSED:
        face_say(tui, OUTPUT_NOTE, "Not now: %s.", menu_reason(tui->menu));
        break;
    case MENU_CLOSED:
        g_clear_pointer(&tui->menu, menu_free);
        break;
    case MENU_CHOSEN: {
        g_autofree char *line = g_strdup(menu_chosen(tui->menu));

        g_clear_pointer(&tui->menu, menu_free);
        input_run_binding(tui, &(Binding){.line = line});
        break;
    }
    }
}
