/* SPDX-License-Identifier: GPL-3.0-or-later */
/* copy.c - what can be copied out of the console, by OSC 52 (widgets/clipboard.h): of the selected
   instance its name, id, address or path, of the scroll-back lines. */
#include <string.h>

#include "console/tui/consoles.h"
#include "widgets/clipboard.h"
#include "widgets/screen.h"

#define SAID_MAX   60
#define BEING_READ "still being read"

/* Where in what inspect tells a thing is looked for, the first that is there counts. */
static const char *const address_keys[] = {"address", "addresses", "ip", "mac", NULL};
static const char *const path_keys[] = {"source", "rootfs", "bundle", "path", NULL};

/* A string under `name`, anywhere in `value`; of an array the first. */
static const char *find_string(json_t *value, const char *name)
{
    const char *key, *found = NULL;
    json_t *item;
    size_t i;

    if (json_is_object(value)) {
        json_t *direct = json_object_get(value, name);

        if (json_is_array(direct))
            direct = json_array_get(direct, 0);
        if (json_is_string(direct) && *json_string_value(direct) != '\0')
            return json_string_value(direct);
        json_object_foreach (value, key, item)
            if ((found = find_string(item, name)) != NULL)
                return found;
    }
    json_array_foreach (value, i, item)
        if ((found = find_string(item, name)) != NULL)
            return found;
    return NULL;
}

/* One of inspect's, or NULL with a reason. */
static char *from_inspect(Tui *tui, const char *key, const char *const *names,
                          const char **ret_reason)
{
    const Fetched *fetched = fetch_inspect(tui->fetch, key, 5000);

    *ret_reason = fetched->pending && fetched->essentials == NULL ? BEING_READ : "it tells none";
    for (guint i = 0; fetched->essentials != NULL && names[i] != NULL; i++) {
        const char *found = find_string(fetched->essentials, names[i]);

        if (found != NULL)
            return g_strdup(found);
    }
    return NULL;
}

/* What `view copy WHAT` copies; NULL with a reason. */
static char *value_of(Tui *tui, const char *what, const char **ret_reason)
{
    Page *page = tui_page(tui);
    const char *key = page->ops->target != NULL ? page->ops->target(page) : NULL;
    const char *snapshot = page->ops->snapshot != NULL ? page->ops->snapshot(page) : NULL;
    const ModelInstance *instance = key != NULL ? tui_instance(tui, key) : NULL;

    *ret_reason = "nothing is selected";
    if (strcmp(what, "lines") == 0) {
        *ret_reason = "there are lines in the scroll-back of a console alone";
        return console_page_selection(page);
    }
    if ((strcmp(what, "snapshot") == 0 || *what == '\0') && snapshot != NULL)
        return g_strdup(snapshot);
    if (strcmp(what, "snapshot") == 0) {
        *ret_reason = "no snapshot is selected";
        return NULL;
    }
    if (instance == NULL)
        return NULL;
    if (strcmp(what, "name") == 0 || *what == '\0')
        return g_strdup(instance->info->name);
    if (strcmp(what, "id") == 0)
        return g_strdup(instance->info->id);
    if (strcmp(what, "address") == 0)
        return from_inspect(tui, key, address_keys, ret_reason);
    if (strcmp(what, "path") == 0)
        return from_inspect(tui, key, path_keys, ret_reason);
    *ret_reason = "say name, id, address, path, snapshot or lines";
    return NULL;
}

gboolean copy_verb(Tui *tui, const char *what, GError **error)
{
    const char *reason;
    g_autofree char *value = value_of(tui, what, &reason);

    if (value == NULL)
        return gemel_error_set(error, GEMEL_ERROR_NOT_FOUND, "view copy%s%s: %s",
                               *what != '\0' ? " " : "", what, reason);
    gsize n = strlen(value);

    screen_copy(value);
    g_autofree char *shown = text_cut_middle(value, SAID_MAX);

    g_strdelimit(shown, "\n", ' ');
    if (n > CLIPBOARD_BYTES_MAX)
        face_say(tui, OUTPUT_NOTE, "Copied the first %d KiB of %" G_GSIZE_FORMAT " (OSC 52).",
                 CLIPBOARD_BYTES_MAX / 1024, n / 1024);
    else
        face_say(tui, OUTPUT_NOTE, "Copied %s, if the terminal allows it (OSC 52).", shown);
    return TRUE;
}

Menu *copy_menu(Tui *tui, GError **error)
{
    static const struct {
        int key;
        const char *what;
    } items[] = {{'n', "name"}, {'i', "id"}, {'a', "address"}, {'p', "path"}, {'s', "snapshot"}};
    Menu *menu = menu_new("copy");

    for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
        const char *reason;
        g_autofree char *value = value_of(tui, items[i].what, &reason);
        g_autofree char *shown = value != NULL ? text_cut_middle(value, 44) : NULL;
        g_autofree char *line = g_strdup_printf("view copy %s", items[i].what);

        tui->menu_waits |= value == NULL && strcmp(reason, BEING_READ) == 0;
        if (value == NULL && strcmp(items[i].what, "snapshot") == 0)
            continue;
        menu_add(menu, items[i].key, items[i].what, shown, value == NULL ? reason : NULL, line);
    }
    return menu;
}
