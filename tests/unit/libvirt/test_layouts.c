/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the host does to a guest, on the layouts of tests/fixtures/cgroup. */
#include "backends/libvirt/host.h"
#include "tests/unit/fixture_tree.h"

static const char *const layouts[] = {"v2", "v2-systemd", "v1", "hybrid"};

static void test_guest(gconstpointer layout)
{
    char *root = fixture_tree_unpack(layout);
    g_autoptr(GemelSample) sample = gemel_sample_new("x", 0);
    LvCgroup group;

    gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "0");
    gemel_sample_add_row(sample, GEMEL_ROWS_VCPU, "1");
    g_assert_true(lv_cgroup_find(root, 42, &group));
    lv_cgroup_sample(&group, sample);
    fixture_check_sample(sample, layout, "guest");
    lv_cgroup_clear(&group);
    fixture_tree_remove(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *path = g_strdup_printf("/libvirt/layouts/a-guest-on-%s", layouts[i]);

        g_test_add_data_func(path, layouts[i], test_guest);
    }
    return g_test_run();
}
