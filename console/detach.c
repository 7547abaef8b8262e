/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "console/detach.h"

#include <string.h>

struct DetachKeys {
    GPtrArray *all;   /* of GByteArray */
    GByteArray *held; /* the beginning of one */
};

/* "^P^Q" to bytes. */
static GByteArray *parse_one(const char *word)
{
    GByteArray *keys = g_byte_array_new();

    for (const char *c = word; *c != '\0'; c++) {
        guint8 byte = (guint8)*c;

        if (*c == '^' && c[1] != '\0')
            byte = (guint8)(*++c & 0x1f);
        g_byte_array_append(keys, &byte, 1);
    }
    return keys;
}

DetachKeys *detach_keys_new(const char *text)
{
    DetachKeys *keys = g_new0(DetachKeys, 1);
    g_auto(GStrv) words = g_strsplit_set(text != NULL ? text : "", " ,", -1);

    keys->all = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    keys->held = g_byte_array_new();
    for (guint i = 0; words[i] != NULL; i++)
        if (*words[i] != '\0')
            g_ptr_array_add(keys->all, parse_one(words[i]));
    return keys;
}

void detach_keys_free(DetachKeys *keys)
{
    if (keys == NULL)
        return;
    g_ptr_array_unref(keys->all);
    g_byte_array_unref(keys->held);
    g_free(keys);
}

/* 1 = what is held is a sequence, 0 = the beginning of one, -1 = neither. */
static int state_of(const DetachKeys *keys)
{
    const GByteArray *held = keys->held;

    for (guint i = 0; i < keys->all->len; i++) {
        const GByteArray *one = keys->all->pdata[i];

        if (held->len <= one->len && memcmp(one->data, held->data, held->len) == 0)
            return held->len == one->len;
    }
    return held->len == 0 ? 0 : -1;
}

gboolean detach_keys_take(DetachKeys *keys, guint8 byte, GByteArray *out)
{
    int state;

    g_byte_array_append(keys->held, &byte, 1);
    /* What begins no sequence is passed on; one may begin in the middle of it. */
    while ((state = state_of(keys)) < 0) {
        g_byte_array_append(out, keys->held->data, 1);
        g_byte_array_remove_index(keys->held, 0);
    }
    if (state == 1)
        g_byte_array_set_size(keys->held, 0);
    return state == 1;
}

void detach_keys_flush(DetachKeys *keys, GByteArray *out)
{
    g_byte_array_append(out, keys->held->data, keys->held->len);
    g_byte_array_set_size(keys->held, 0);
}

char *detach_keys_text(const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,", -1);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; words[i] != NULL; i++)
        if (*words[i] != '\0')
            g_string_append_printf(out, "%s%s", out->len > 0 ? " or " : "", words[i]);
    return g_string_free(g_steal_pointer(&out), FALSE);
}
