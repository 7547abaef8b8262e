/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host_facts.c - says what a host can do, and what that means for guests and containers. */
#include "console/host_facts.h"

#include "console/output.h"

static const struct {
    const char *name, *label, *section;
    const char *yes, *partly, *no; /* what it means; NULL = nothing to add */
    gboolean matters;              /* that it is missing is marked */
} facts[GEMEL_HOST_N] = {
    [GEMEL_HOST_KERNEL] = {"kernel", "kernel", "machine", NULL, NULL, NULL, FALSE},
    [GEMEL_HOST_CPU] = {"cpu", "cpu", "machine", NULL, NULL, NULL, FALSE},
    [GEMEL_HOST_CPUS] = {"cpus", "cpus", "machine", "what all vCPUs and containers share", NULL,
                         NULL, FALSE},
    [GEMEL_HOST_MEMORY] = {"memory", "memory", "machine", NULL, NULL, NULL, FALSE},
    [GEMEL_HOST_HUGEPAGES] = {"hugepages", "huge pages", "machine",
                              "guests with <hugepages/> find some: fewer TLB misses",
                              "none set aside: a guest with <hugepages/> does not start",
                              "no large pages for guests", FALSE},
    [GEMEL_HOST_PRESSURE] = {"pressure", "pressure", "machine",
                             "the host's own stalls; gemel shows each instance's", NULL,
                             "the columns of pressure stay empty", TRUE},
    [GEMEL_HOST_VIRT] = {"virtualization", "cpu support", "guests",
                         "the CPU runs guests' code itself",
                         "guests run as fast as that kind of KVM lets them",
                         "no KVM of the usual kind: guests run translated (TCG), 20-70 times "
                         "slower",
                         TRUE},
    [GEMEL_HOST_SLAT] = {"nested_paging", "nested paging", "guests",
                         "the CPU walks guests' page tables", "guests are slow: turned off",
                         "guests are slow: every page table of theirs is kept twice", TRUE},
    [GEMEL_HOST_KVM] = {"kvm", "kvm", "guests", "guests can run at near native speed",
                        "others can run guests under it, you cannot",
                        "guests run translated (TCG), 20-70 times slower", TRUE},
    [GEMEL_HOST_NESTED] = {"nested", "nested", "guests", "guests can run guests of their own", NULL,
                           "guests cannot run KVM inside", FALSE},
    [GEMEL_HOST_IOMMU] = {"iommu", "iommu", "guests",
                          "devices can be passed to guests and stay held in",
                          "no passing of devices to guests as it is",
                          "no device can be passed to a guest safely", FALSE},
    [GEMEL_HOST_SRIOV] = {"sriov", "sr-iov", "guests", "a card can give guests parts of its own",
                          NULL, "guests share cards by bridges", FALSE},
    [GEMEL_HOST_CGROUPS] = {"cgroups", "cgroups", "containers", "one tree for limits and pressure",
                            "limits by v1, pressure by v2 where it is mounted",
                            "no limits, no figures of containers", TRUE},
    [GEMEL_HOST_CONTROLLERS] = {"controllers", "controllers", "containers", "all that limits need",
                                "limits of what is missing cannot be set", "no limits can be set",
                                TRUE},
    [GEMEL_HOST_NAMESPACES] = {"namespaces", "namespaces", "containers", NULL,
                               "containers share with the host what is missing",
                               "no containers at all", TRUE},
    [GEMEL_HOST_USERNS] = {"user_namespaces", "user ns", "containers",
                           "containers without root are possible",
                           "containers without root are not for everybody",
                           "no containers without root, no user mapping", TRUE},
    [GEMEL_HOST_SECCOMP] = {"seccomp", "seccomp", "containers", "system calls can be filtered",
                            NULL, "containers may make every system call", TRUE},
    [GEMEL_HOST_LSM] = {"lsm", "security", "containers",
                        "labels hold in what gets out of its namespaces",
                        "namespaces, capabilities and seccomp alone hold containers in",
                        "namespaces, capabilities and seccomp alone hold containers in", FALSE},
};

static const char *const grade_names[] = {
    [GEMEL_HOST_UNKNOWN] = "unknown",
    [GEMEL_HOST_NO] = "no",
    [GEMEL_HOST_PARTLY] = "partly",
    [GEMEL_HOST_YES] = "yes",
};

const char *host_fact_name(GemelHostWhat what)
{
    return what < GEMEL_HOST_N ? facts[what].name : NULL;
}

const char *host_fact_meaning(GemelHostWhat what, GemelHostGrade grade)
{
    switch (grade) {
    case GEMEL_HOST_YES:
        return facts[what].yes;
    case GEMEL_HOST_PARTLY:
        return facts[what].partly != NULL ? facts[what].partly : facts[what].no;
    case GEMEL_HOST_NO:
        return facts[what].no;
    default:
        return NULL;
    }
}

static FactGrade line_grade(GemelHostWhat what, GemelHostGrade grade)
{
    if (grade == GEMEL_HOST_UNKNOWN)
        return FACT_UNKNOWN;
    if (grade == GEMEL_HOST_YES || !facts[what].matters)
        return FACT_PLAIN;
    return grade == GEMEL_HOST_NO || what == GEMEL_HOST_KVM || what == GEMEL_HOST_SLAT ? FACT_OPEN
                                                                                       : FACT_PLAIN;
}

void host_add_lines(GPtrArray *lines, const char *title, const GemelHost *host)
{
    for (guint what = 0; what < GEMEL_HOST_N; what++) {
        const GemelHostFact *fact = &host->fact[what];
        const char *meaning = host_fact_meaning(what, fact->grade);
        g_autofree char *section = g_strdup_printf("%s: %s", title, facts[what].section);
        g_autofree char *both = fact->why != NULL && meaning != NULL
                                    ? g_strdup_printf("%s; %s", fact->why, meaning)
                                    : NULL;

        fact_add(lines, g_intern_string(section), line_grade(what, fact->grade), facts[what].label,
                 both != NULL        ? both
                 : fact->why != NULL ? fact->why
                                     : meaning,
                 "%s", fact->value != NULL ? fact->value : "-");
    }
}

json_t *host_to_json(const GemelHost *host)
{
    json_t *object = json_object(), *all = json_object();

    json_object_set_new(object, "name", json_text(host->name));
    json_object_set_new(object, "local", json_boolean(host->is_local));
    for (guint what = 0; what < GEMEL_HOST_N; what++) {
        const GemelHostFact *fact = &host->fact[what];

        json_object_set_new(
            all, facts[what].name,
            json_pack("{s:s, s:o, s:o, s:o, s:o}", "grade", grade_names[fact->grade], "value",
                      json_text(fact->value), "number",
                      fact->number >= 0 ? json_integer((json_int_t)fact->number) : json_null(),
                      "why", json_text(fact->why), "meaning",
                      json_text(host_fact_meaning(what, fact->grade))));
    }
    json_object_set_new(object, "facts", all);
    return object;
}
