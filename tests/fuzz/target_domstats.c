/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libvirt says of a domain: lines "NAME TYPE VALUE", of any names and types. */
#include "backends/libvirt/stats.h"
#include "fuzz.h"

/* Of virTypedParameterType, in its order from 1. */
static const char *const types[] = {"?",      "int",    "uint",    "llong",
                                    "ullong", "double", "boolean", "string"};

/* One parameter; the value's text is the line's. */
static void read_line(char *line, virTypedParameter *param)
{
    char *type = strchr(line, ' '), *value = type ? strchr(type + 1, ' ') : NULL;

    if (value)
        *value++ = 0;
    if (type)
        *type++ = 0;
    g_strlcpy(param->field, line, sizeof param->field);
    for (int i = 0; type && i < (int)G_N_ELEMENTS(types); i++)
        if (g_str_equal(type, types[i]))
            param->type = i;
    if (param->type == VIR_TYPED_PARAM_STRING)
        param->value.s = value ? value : line;
    else if (param->type == VIR_TYPED_PARAM_DOUBLE)
        param->value.d = value ? g_ascii_strtod(value, NULL) : 0;
    else
        param->value.ul = value ? g_ascii_strtoull(value, NULL, 0) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    g_autoptr(GArray) params = g_array_new(FALSE, TRUE, sizeof(virTypedParameter));
    GemelSample *sample = gemel_sample_new("x", 1);
    LvStatsFacts facts;

    for (char *line = text, *end; line; line = end) {
        virTypedParameter param = {0};

        end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        read_line(line, &param);
        g_array_append_val(params, param);
    }
    lv_stats_map((virTypedParameter *)params->data, (int)params->len, 1700000000, sample, &facts);
    for (guint i = 0; i < sample->rows->len; i++)
        PROMISE(*g_array_index(sample->rows, GemelRow, i).name ||
                g_array_index(sample->rows, GemelRow, i).valid);
    gemel_sample_free(sample);
    free(text);
    return 0;
}
