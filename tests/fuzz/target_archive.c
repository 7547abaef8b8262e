/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive unpacked into a directory: whatever it says, nothing appears beside it. */
#include <fcntl.h>
#include <locale.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/native/rootfs.h"
#include "backends/native/tree.h"
#include "fuzz.h"

static char top[64];

static void clean_up(void)
{
    native_tree_remove(AT_FDCWD, top, NULL);
}

static guint entries(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    PROMISE(dir != NULL);
    while (g_dir_read_name(dir) != NULL)
        n++;
    g_dir_close(dir);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NativeUnpackRules rules = {.is_owned = TRUE, .no_devices = TRUE, .whole_files = size % 2 == 1};
    g_autoptr(GError) error = NULL;
    char to[96];

    if (*top == '\0') {
        setlocale(LC_ALL, "C.UTF-8");
        snprintf(top, sizeof top, "/tmp/gemel-fuzz-XXXXXX");
        PROMISE(mkdtemp(top));
        atexit(clean_up);
    }
    snprintf(to, sizeof to, "%s/to", top);
    PROMISE(mkdir(to, 0700) == 0);
    int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = memfd_create("archive", MFD_CLOEXEC);

    PROMISE(write(file, data, size) == (ssize_t)size && lseek(file, 0, SEEK_SET) == 0);
    gboolean good = native_archive_unpack_stream(file, "it", dir, &rules, NULL, &error);

    PROMISE(good == (error == NULL));
    close(file);
    close(dir);
    PROMISE(entries(top) == 1);
    PROMISE(native_tree_remove(AT_FDCWD, to, NULL));
    return 0;
}
