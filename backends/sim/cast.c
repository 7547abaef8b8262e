/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cast.c - who lives in the simulator: a dozen with a part of their own, then as many as asked for
 * out of a table of roles.
 */
#include "backends/sim/sim.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define KB  1e3
#define MB  1e6

/* What an instance of a role is made from and does. Memory in MiB, rates per second at full load;
   cores is for containers, vcpus for guests. */
typedef struct {
    const char *name;
    const char *image; /* of the container; the guests' comes from guest_images */
    guint vcpus, memory_mib, pids;
    SimLoad load;
} Role;

/* clang-format off */
static const Role roles[] = {
    /* name      image                                    vcpus MiB   pids  shape                cpu low high cores  mem low high  rd       wr       rx       tx       steal pressure */
    {"web",     "docker.io/library/nginx:1.24",             2,  256,  200, {SIM_SHAPE_BUSY,      0.04, 0.55, 2.0,   0.18, 0.34,   40*KB,   120*KB,  900*KB,  4*MB,    0.02, 0.06}},
    {"db",      "docker.io/library/postgres:15",            4, 4096,  400, {SIM_SHAPE_BUSY,      0.10, 0.70, 3.0,   0.62, 0.78,   6*MB,    14*MB,   700*KB,  1.4*MB,  0.03, 0.12}},
    {"cache",   "docker.io/library/redis:7.0",              2,  512,   64, {SIM_SHAPE_CALM,      0.05, 0.30, 1.0,   0.90, 0.97,   0,       300*KB,  1.8*MB,  2.2*MB,  0.01, 0.10}},
    {"api",     "registry.example.net/shop/api:4.2.1",      2,  768,  300, {SIM_SHAPE_BUSY,      0.06, 0.60, 2.0,   0.40, 0.60,   20*KB,   90*KB,   600*KB,  800*KB,  0.02, 0.05}},
    {"worker",  "registry.example.net/shop/worker:4.2.1",   2, 1024,  200, {SIM_SHAPE_BURSTS,    0.01, 0.95, 2.0,   0.30, 0.70,   900*KB,  700*KB,  200*KB,  90*KB,   0.04, 0.20}},
    {"queue",   "docker.io/library/rabbitmq:3.11",          2, 1024,  500, {SIM_SHAPE_CALM,      0.04, 0.25, 1.0,   0.35, 0.50,   60*KB,   1.2*MB,  400*KB,  400*KB,  0.01, 0.04}},
    {"build",   "docker.io/library/gcc:12",                 8, 8192, 2000, {SIM_SHAPE_BURSTS,    0.02, 1.00, 6.0,   0.20, 0.80,   24*MB,   38*MB,   1.5*MB,  100*KB,  0.12, 0.45}},
    {"mail",    "docker.io/mailserver/postfix:12",          1,  512,  100, {SIM_SHAPE_BURSTS,    0.01, 0.30, 1.0,   0.40, 0.52,   80*KB,   400*KB,  90*KB,   120*KB,  0.01, 0.03}},
    {"proxy",   "docker.io/library/haproxy:2.8",            2,  256,  100, {SIM_SHAPE_CALM,      0.08, 0.50, 1.0,   0.20, 0.30,   0,       10*KB,   6*MB,    6*MB,    0.02, 0.04}},
    {"auth",    "quay.io/keycloak/keycloak:22.0",           2, 1536,  400, {SIM_SHAPE_BURSTS,    0.03, 0.45, 1.0,   0.55, 0.66,   10*KB,   60*KB,   90*KB,   110*KB,  0.01, 0.03}},
    {"metrics", "docker.io/prom/prometheus:v2.45.0",        2, 2048,  150, {SIM_SHAPE_CALM,      0.10, 0.40, 1.0,   0.50, 0.74,   300*KB,  2.5*MB,  500*KB,  60*KB,   0.02, 0.08}},
    {"search",  "docker.io/opensearchproject/opensearch:2", 4, 4096,  600, {SIM_SHAPE_BUSY,      0.05, 0.65, 3.0,   0.70, 0.88,   4*MB,    3*MB,    400*KB,  500*KB,  0.05, 0.18}},
    {"git",     "docker.io/gitea/gitea:1.20",               2,  512,  200, {SIM_SHAPE_BURSTS,    0.01, 0.60, 1.0,   0.30, 0.48,   2*MB,    600*KB,  120*KB,  900*KB,  0.02, 0.06}},
    {"lab",     "docker.io/library/debian:12",              2,  512,  100, {SIM_SHAPE_BUSY,      0.02, 0.40, 1.0,   0.25, 0.45,   100*KB,  200*KB,  20*KB,   10*KB,   0.03, 0.05}},
    {"edge",    "docker.io/library/traefik:2.10",           1,  128,   64, {SIM_SHAPE_BUSY,      0.05, 0.45, 1.0,   0.35, 0.55,   0,       5*KB,    2*MB,    2.4*MB,  0.03, 0.05}},
    {"backup",  "docker.io/restic/restic:0.16",             1,  512,   50, {SIM_SHAPE_BURSTS,    0.00, 0.50, 1.0,   0.10, 0.50,   30*MB,   4*MB,    60*KB,   5*MB,    0.02, 0.30}},
};
/* clang-format on */

static const char *const guest_images[] = {
    "debian-12-generic.qcow2",
    "ubuntu-22.04-server.qcow2",
    "rocky-9.qcow2",
    "freebsd-13.2.qcow2",
};

enum {
    AUTOSTART = 1 << 0,
    PROTECTED = 1 << 1,
    DEAF = 1 << 2,       /* ignores_stop */
    NO_BALLOON = 1 << 3, /* a guest without the balloon's driver */
    WHIMS = 1 << 4,      /* is_whimsical */
};

/* The dozen of the demo. Zero in a number means "what the role says". */
static const struct {
    const char *name, *role;
    GemelKind kind;
    GemelState state;
    const char *reason;
    guint vcpus, memory_mib;
    double cpu_limit;
    double uptime_s;
    guint flags;
} cast[] = {
    {"web-1", "web", GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, .cpu_limit = 1.5,
     .uptime_s = 271000, .flags = AUTOSTART},
    {"web-2", "web", GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, .cpu_limit = 1.5, .uptime_s = 94000,
     .flags = AUTOSTART},
    {"db", "db", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, .uptime_s = 1814000,
     .flags = AUTOSTART | PROTECTED},
    {"cache", "cache", GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, .uptime_s = 270900},
    {"build", "build", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, .uptime_s = 18300},
    {"lab-vm", "lab", GEMEL_KIND_VM, GEMEL_STATE_RUNNING, .uptime_s = 140},
    {"lab-ct", "lab", GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, .memory_mib = 64, .uptime_s = 135},
    {"queue", "queue", GEMEL_KIND_CONTAINER, GEMEL_STATE_CRASHED, "killed: out of memory",
     .memory_mib = 256},
    {"router", "edge", GEMEL_KIND_VM, GEMEL_STATE_PAUSED, .memory_mib = 256, .uptime_s = 604000,
     .flags = DEAF | NO_BALLOON},
    {"mail", "mail", GEMEL_KIND_VM, GEMEL_STATE_STOPPED},
    {"batch", "worker", GEMEL_KIND_CONTAINER, GEMEL_STATE_RUNNING, .cpu_limit = 0.5,
     .uptime_s = 7400, .flags = DEAF},
    {"ci-runner", "git", GEMEL_KIND_CONTAINER, GEMEL_STATE_STOPPED, "exit status 0",
     .flags = WHIMS},
};
G_STATIC_ASSERT(G_N_ELEMENTS(cast) == SIM_COUNT_DEFAULT);

static const Role *find_role(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(roles); i++)
        if (g_str_equal(roles[i].name, name))
            return &roles[i];
    return &roles[0];
}

static void add_label(SimInstance *instance, const char *key, const char *value)
{
    if (instance->labels == NULL)
        instance->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(instance->labels, g_strdup(key), g_strdup(value));
}

/* An instance of a role, stopped; takes over `name`. */
static SimInstance *make(const SimWorld *world, guint index, char *name, const Role *role,
                         GemelKind kind)
{
    SimInstance *instance = g_new0(SimInstance, 1);

    instance->id = sim_new_id(world, kind, index);
    instance->name = name;
    instance->kind = kind;
    instance->state = GEMEL_STATE_STOPPED;
    instance->hash = sim_hash(world->options.seed, index);
    instance->load = role->load;
    instance->memory_bytes = role->memory_mib * MIB;
    instance->has_balloon = TRUE;
    instance->pending = instance->then = GEMEL_ACT_N;
    instance->snapshots = g_ptr_array_new_with_free_func((GDestroyNotify)gemel_snapshot_free);
    if (kind == GEMEL_KIND_VM) {
        instance->vcpus = role->vcpus;
        instance->image = g_strdup(guest_images[instance->hash % G_N_ELEMENTS(guest_images)]);
    } else {
        instance->pids_limit = role->pids;
        instance->image = g_strdup(role->image);
    }
    return instance;
}

/* Puts it in its first state with `uptime_s` behind it. */
static void settle_in(SimWorld *world, SimInstance *instance, GemelState state, const char *reason,
                      double uptime_s)
{
    instance->state = state;
    instance->reason = g_strdup(reason);
    if (state == GEMEL_STATE_RUNNING || state == GEMEL_STATE_PAUSED) {
        instance->started_s = -uptime_s;
        instance->run.since = instance->work.since = instance->held.since = -uptime_s;
        instance->state = GEMEL_STATE_RUNNING;
        sim_instance_retime(instance, -uptime_s);
        instance->state = state;
        sim_instance_retime(instance, 0);
    }
    sim_world_add(world, instance);
}

/* One of the dozen. */
static void make_cast(SimWorld *world, guint index)
{
    guint flags = cast[index].flags;
    SimInstance *instance = make(world, index, g_strdup(cast[index].name),
                                 find_role(cast[index].role), cast[index].kind);

    if (cast[index].vcpus != 0)
        instance->vcpus = cast[index].vcpus;
    if (world->options.vcpus != 0 && instance->kind == GEMEL_KIND_VM &&
        strcmp(instance->name, "build") == 0)
        instance->vcpus = world->options.vcpus;
    if (cast[index].memory_mib != 0)
        instance->memory_bytes = cast[index].memory_mib * MIB;
    instance->cpu_limit = cast[index].cpu_limit;
    instance->autostart = (flags & AUTOSTART) != 0;
    instance->is_protected = (flags & PROTECTED) != 0;
    instance->ignores_stop = (flags & DEAF) != 0;
    instance->has_balloon = (flags & NO_BALLOON) == 0;
    instance->is_whimsical = (flags & WHIMS) != 0;
    add_label(instance, "role", cast[index].role);
    add_label(instance, "env", index % 5 == 4 ? "staging" : "production");
    settle_in(world, instance, cast[index].state, cast[index].reason, cast[index].uptime_s);
}

/* One of the crowd: role, kind, state and age come from its hash. */
static void make_extra(SimWorld *world, guint index)
{
    guint64 hash = sim_hash(world->options.seed ^ 0xe7, index);
    const Role *role = &roles[hash % G_N_ELEMENTS(roles)];
    GemelKind kind = sim_unit(sim_hash(hash, 1)) < 0.4 ? GEMEL_KIND_VM : GEMEL_KIND_CONTAINER;
    double fate = sim_unit(sim_hash(hash, 2));
    double age = sim_unit(sim_hash(hash, 3));
    GemelState state = GEMEL_STATE_RUNNING;
    const char *reason = NULL;
    SimInstance *instance =
        make(world, index, g_strdup_printf("%s-%u", role->name, index + 1), role, kind);

    if (fate > 0.98) {
        state = GEMEL_STATE_CRASHED;
        reason = kind == GEMEL_KIND_VM ? "guest panicked" : "exit status 139";
    } else if (fate > 0.96) {
        state = kind == GEMEL_KIND_VM ? GEMEL_STATE_SAVED : GEMEL_STATE_PAUSED;
    } else if (fate > 0.94) {
        state = GEMEL_STATE_PAUSED;
    } else if (fate > 0.8) {
        state = GEMEL_STATE_STOPPED;
        reason = kind == GEMEL_KIND_VM ? NULL : "exit status 0";
    }
    if (kind == GEMEL_KIND_CONTAINER && (hash >> 40) % 3 == 0)
        instance->cpu_limit = 0.5 * (double)(1 + (hash >> 50) % 4);
    instance->autostart = (hash >> 33) % 4 == 0;
    if (index % 3 == 0)
        add_label(instance, "role", role->name);
    settle_in(world, instance, state, reason, 60 + age * age * age * 5e6);
}

/* Names and labels that try to harm a terminal; they come last. */
static void make_hostile(SimWorld *world)
{
    static const char *const names[] = {
        "red\033[31m\033]0;owned\007",
        "two\nlines",
        "wide-\346\274\242\345\255\227",
        "bidi-\342\200\256gnp",
        "a-name-that-is-far-longer-than-any-column-of-any-table-will-ever-be-wide",
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        SimInstance *instance = make(world, (guint)world->created, g_strdup(names[i]),
                                     find_role("lab"), GEMEL_KIND_CONTAINER);

        add_label(instance, "note", names[i]);
        settle_in(world, instance, GEMEL_STATE_RUNNING, NULL, 300);
    }
}

void sim_cast_make(SimWorld *world)
{
    for (guint i = 0; i < world->options.count; i++) {
        if (i < G_N_ELEMENTS(cast))
            make_cast(world, i);
        else
            make_extra(world, i);
    }
    if (world->options.hostile)
        make_hostile(world);
}
