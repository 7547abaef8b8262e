/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "widgets/colour.h"

#include <string.h>

static const char *const names[] = {"black", "red",     "green", "yellow",
                                    "blue",  "magenta", "cyan",  "white"};
static const guint8 cube[] = {0, 95, 135, 175, 215, 255};

/* Red, green and blue of a colour. */
void colour_rgb(short colour, guint8 ret_rgb[3])
{
    static const guint8 first[16][3] = {
        {0, 0, 0},       {205, 0, 0},   {0, 205, 0},   {205, 205, 0},
        {0, 0, 238},     {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
        {127, 127, 127}, {255, 0, 0},   {0, 255, 0},   {255, 255, 0},
        {92, 92, 255},   {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
    };
    int i = CLAMP(colour, 0, 255);
    if (i < 16) {
        memcpy(ret_rgb, first[i], 3);
    } else if (i < 232) {
        ret_rgb[0] = cube[(i - 16) / 36];
        ret_rgb[1] = cube[(i - 16) / 6 % 6];
        ret_rgb[2] = cube[(i - 16) % 6];
    } else {
        ret_rgb[0] = ret_rgb[1] = ret_rgb[2] = (guint8)(8 + 10 * (i - 232));
    }
}

/* Grey by its light, else by which of red, green and blue prevail. */
short colour_nearest16(short colour)
{
    guint8 rgb[3];
    short bits = 0;
    if (colour < 16)
        return colour;
    colour_rgb(colour, rgb);
    guint8 most = MAX(MAX(rgb[0], rgb[1]), rgb[2]), least = MIN(MIN(rgb[0], rgb[1]), rgb[2]);
    if (most - least < 40)
        return most < 64 ? 0 : most < 150 ? 8 : most < 220 ? 7 : 15;
    for (int i = 0; i < 3; i++)
        if (rgb[i] > (most + least) / 2)
            bits |= (short)(1 << i);
    return (short)(bits + (most > 180 ? 8 : 0));
}

/* The nearest of the cube and the greys. */
static short nearest240(guint rgb)
{
    int best = G_MAXINT;
    short found = 16;
    for (short i = 16; i < 256; i++) {
        guint8 c[3];
        colour_rgb(i, c);
        int r = c[0] - (int)(rgb >> 16), g = c[1] - (int)(rgb >> 8 & 0xff),
            b = c[2] - (int)(rgb & 0xff);
        int distance = 3 * r * r + 4 * g * g + 2 * b * b; /* the eye's weights, about */
        if (distance < best) {
            best = distance;
            found = i;
        }
    }
    return found;
}

/* Reads a colour. */
gboolean colour_parse(const char *text, short *ret)
{
    guint64 number;
    gboolean bright = g_str_has_prefix(text, "bright-");
    if (strcmp(text, "default") == 0) {
        *ret = COLOUR_DEFAULT;
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], bright ? text + 7 : text) == 0) {
            *ret = (short)(i + (bright ? 8 : 0));
            return TRUE;
        }
    }
    if (g_ascii_string_to_unsigned(text, 10, 0, 255, &number, NULL)) {
        *ret = (short)number;
        return TRUE;
    }
    /* in a command line # begins a comment */
    const char *digits = g_str_has_prefix(text, "0x") ? text + 2 : *text == '#' ? text + 1 : "";
    if (strlen(digits) != 6 || !g_ascii_string_to_unsigned(digits, 16, 0, 0xffffff, &number, NULL))
        return FALSE;
    *ret = nearest240((guint)number);
    return TRUE;
}

/* Writes a colour. */
char *colour_text(short colour)
{
    if (colour < 0)
        return g_strdup("default");
    if (colour < 16)
        return g_strconcat(colour >= 8 ? "bright-" : "", names[colour & 7], NULL);
    return g_strdup_printf("%d", colour);
}
