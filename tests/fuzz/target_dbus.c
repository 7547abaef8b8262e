/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of systemd's, or whoever has its socket. */
#include "dbus.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dbus_message m;
    if (dbus_parse(data, size, &m)) {
        PROMISE(m.body_len <= size && m.interface && m.member && m.error && m.signature);
        for (size_t n = 0; n < 8; n++) {
            const char *text = dbus_string(&m, n);
            PROMISE(!text || (const uint8_t *)text + strlen(text) < data + size);
        }
    }
    mem_release();
    return 0;
}
