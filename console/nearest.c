/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nearest.c - the distance of two words in slips (optimal string alignment). */
#include "console/nearest.h"

#include <string.h>

#define LENGTH_MAX 32 /* of words that are compared; no command or option is as long */

/* How many slips make `b` of `a`; both are at most LENGTH_MAX long. */
static guint distance(const char *a, const char *b)
{
    guint slips[LENGTH_MAX + 1][LENGTH_MAX + 1];
    gsize rows = strlen(a), columns = strlen(b);

    for (guint i = 0; i <= rows; i++)
        slips[i][0] = i;
    for (guint j = 0; j <= columns; j++)
        slips[0][j] = j;
    for (guint i = 1; i <= rows; i++)
        for (guint j = 1; j <= columns; j++) {
            guint wrong = slips[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            slips[i][j] = MIN(wrong, MIN(slips[i - 1][j], slips[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                slips[i][j] = MIN(slips[i][j], slips[i - 2][j - 2] + 1);
        }
    return slips[rows][columns];
}

gboolean nearest_is(const char *typed, const char *meant)
{
    gsize length = strlen(typed);

    if (length < 3 || length > LENGTH_MAX || strlen(meant) < 3 || strlen(meant) > LENGTH_MAX)
        return FALSE;
    return distance(typed, meant) <= (length > 5 ? 2 : 1);
}
