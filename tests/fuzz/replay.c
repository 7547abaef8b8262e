/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target on every file of a directory, and on what is left of each when its end is cut
 * off. TAP: one point. */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static void replay(const uint8_t *data, size_t size)
{
    /* exactly as long as it is */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) < 0) {
        perror(path);
        exit(1);
    }
    uint8_t *data = malloc((size_t)st.st_size + 1);
    if (!data || fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    size_t size = (size_t)st.st_size;
    replay(data, size);
    for (size_t cut = 1; cut <= 8; cut++)
        replay(data, size * cut / 9);
    free(data);
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    size_t n = 0;
    if (!dir) {
        fprintf(stderr, "usage: replay CORPUS\n");
        return 2;
    }
    while ((entry = readdir(dir))) {
        char path[4096];
        if (*entry->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        fprintf(stderr, "%s\n", entry->d_name); /* the last one named is the one that ended it */
        replay_file(path);
        n++;
    }
    closedir(dir);
    printf("1..1\n%sok 1 - %zu inputs, whole and cut, pass\n", n ? "" : "not ", n);
    return n ? 0 : 1;
}
