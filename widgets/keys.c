/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/keys.h"

#include <string.h>

static const struct {
    const char *name;
    int key;
} named[] = {
    {"Tab", KEYS_TAB},
    {"Enter", KEYS_ENTER},
    {"Esc", KEYS_ESC},
    {"Space", KEYS_SPACE},
    {"Up", KEYS_UP},
    {"Down", KEYS_DOWN},
    {"Left", KEYS_LEFT},
    {"Right", KEYS_RIGHT},
    {"Home", KEYS_HOME},
    {"End", KEYS_END},
    {"PgUp", KEYS_PGUP},
    {"PgDn", KEYS_PGDN},
    {"Insert", KEYS_INSERT},
    {"Delete", KEYS_DELETE},
    {"Backspace", KEYS_BACKSPACE},
    {"S-Tab", KEYS_BACKTAB},
    {"F1", KEYS_F1},
    {"F2", KEYS_F1 + 1},
    {"F3", KEYS_F1 + 2},
    {"F4", KEYS_F1 + 3},
    {"F5", KEYS_F1 + 4},
    {"F6", KEYS_F1 + 5},
    {"F7", KEYS_F1 + 6},
    {"F8", KEYS_F1 + 7},
    {"F9", KEYS_F1 + 8},
    {"F10", KEYS_F1 + 9},
    {"F11", KEYS_F1 + 10},
    {"F12", KEYS_F12},
    {"Click", KEYS_CLICK},
    {"WheelUp", KEYS_WHEEL_UP},
    {"WheelDown", KEYS_WHEEL_DOWN},
};

/* The key a name stands for. */
int keys_from_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(named); i++)
        if (g_ascii_strcasecmp(name, named[i].name) == 0)
            return named[i].key;
    if (name[0] == '^' && name[1] != '\0' && name[2] == '\0') {
        char c = g_ascii_toupper(name[1]);
        return c >= '@' && c <= '_' && c != '@' ? KEYS_CTRL(c) : KEYS_NONE;
    }
    gunichar uc = g_utf8_get_char_validated(name, -1);
    if (uc >= (gunichar)-2 || uc < 0x20 || uc == 0x7f || *g_utf8_next_char(name) != '\0')
        return KEYS_NONE;
    return (int)uc;
}

/* How a key is written in help and in `bind` lines. */
char *keys_name(int key)
{
    for (guint i = 0; i < G_N_ELEMENTS(named); i++)
        if (named[i].key == key)
            return g_strdup(named[i].name);
    if (key > 0 && key < 0x20)
        return g_strdup_printf("^%c", g_ascii_tolower((char)(key + 0x40)));
    if (keys_is_printable(key)) {
        char utf8[7] = {0};
        g_unichar_to_utf8((gunichar)key, utf8);
        return g_strdup(utf8);
    }
    return g_strdup("?key");
}

/* Whether a key types a character. */
gboolean keys_is_printable(int key)
{
    return key >= 0x20 && key < KEYS_FIRST_SPECIAL && key != 0x7f &&
           g_unichar_validate((gunichar)key) && g_unichar_isprint((gunichar)key);
}
