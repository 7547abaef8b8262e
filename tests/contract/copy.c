/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files copied out of an instance and back into it, as an archive; stopped and running. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/contract/contract.h"

static gboolean copy(Stage *stage, const char *id, gboolean into, const char *inside, int fd,
                     GError **error)
{
    const GemelCopy what = {.into = into, .inside = inside, .fd = fd};

    return stage->ops->copy(stage->conn, id, &what, NULL, error);
}

static void there_and_back(Stage *stage, const char *id)
{
    int fd = memfd_create("copy", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    struct stat info;

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(copy(stage, id, FALSE, "/bin", fd, &error));
    g_assert_no_error(error);
    g_assert_cmpint(fstat(fd, &info), ==, 0);
    g_assert_cmpint(info.st_size, >=, 1024);
    g_assert_cmpint(info.st_size % 512, ==, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_assert_true(copy(stage, id, TRUE, "/", fd, &error));
    g_assert_no_error(error);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, info.st_size);
    close(fd);
}

static void test_there_and_back(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    GemelState before;
    const char *id;

    if (stage->ops->copy == NULL)
        return;
    id = stage_make(stage);
    before = stage_state(stage->conn, id);
    there_and_back(stage, id);
    g_assert_cmpint(stage_state(stage->conn, id), ==, before);
    stage_must(stage->conn, id, GEMEL_ACT_START);
    there_and_back(stage, id);
    g_assert_true(stage_reaches(stage->conn, id, 1u << GEMEL_STATE_RUNNING));
}

static void test_unknown(gconstpointer contract)
{
    g_autoptr(Stage) stage = stage_open(contract);
    const char *id;

    if (stage->ops->copy == NULL)
        return;
    id = stage_make(stage);
    for (int into = 0; into < 2; into++) {
        g_autoptr(GError) no_path = NULL;
        g_autoptr(GError) no_instance = NULL;
        int fd = memfd_create("copy", MFD_CLOEXEC);

        g_assert_false(copy(stage, id, into, "/there/is/no/such", fd, &no_path));
        check_error(no_path, GEMEL_ERROR_NOT_FOUND);
        g_assert_false(copy(stage, "no-such-id", into, "/", fd, &no_instance));
        check_error(no_instance, GEMEL_ERROR_NOT_FOUND);
        g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, 0);
        close(fd);
    }
}

const ContractTest contract_copy_tests[] = {
    {"files-go-there-and-back", test_there_and_back, NEEDS_CREATE, ACT(START)},
    {"unknown-is-not-found", test_unknown, NEEDS_CREATE},
    {NULL},
};
