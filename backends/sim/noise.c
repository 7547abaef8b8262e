/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/sim/sim.h"

#include <math.h>

/* splitmix64's finaliser over both words. */
guint64 sim_hash(guint64 a, guint64 b)
{
    guint64 x = a + b * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + 0x632be59bd9b4e019;

    x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

double sim_unit(guint64 hash)
{
    return (double)(hash >> 11) / 9007199254740992.0; /* 2^53 */
}

/* One point of a curve from a number in [0, 1). */
static double shape_value(SimShape shape, double u)
{
    switch (shape) {
    case SIM_SHAPE_CALM:
        return 0.4 + 0.2 * u;
    case SIM_SHAPE_BURSTS:
        return u * u * u;
    default:
        return u;
    }
}

/* The mean of a shape: the integral of shape_value over [0, 1). */
static double shape_mean(SimShape shape)
{
    return shape == SIM_SHAPE_BURSTS ? 0.25 : 0.5;
}

void sim_noise_init(SimNoise *noise, SimShape shape, guint64 seed, gboolean still)
{
    for (guint i = 0; i < SIM_NOISE_POINTS; i++)
        noise->value[i] = still ? shape_mean(shape)
                                : shape_value(shape, sim_unit(sim_hash(seed, shape * 1000u + i)));
    noise->value[SIM_NOISE_POINTS] = noise->value[0];
    noise->sum[0] = 0;
    for (guint i = 0; i < SIM_NOISE_POINTS; i++)
        noise->sum[i + 1] = noise->sum[i] + (noise->value[i] + noise->value[i + 1]) / 2;
}

double sim_noise_at(const SimNoise *noise, double x)
{
    double whole = floor(x);
    double part = x - whole;
    guint i = (guint)((guint64)whole % SIM_NOISE_POINTS);

    return noise->value[i] + (noise->value[i + 1] - noise->value[i]) * part;
}

double sim_noise_integral(const SimNoise *noise, double x)
{
    double whole = floor(x);
    double part = x - whole;
    guint64 n = (guint64)whole;
    guint i = (guint)(n % SIM_NOISE_POINTS);

    return (double)(n / SIM_NOISE_POINTS) * noise->sum[SIM_NOISE_POINTS] + noise->sum[i] +
           noise->value[i] * part + (noise->value[i + 1] - noise->value[i]) * part * part / 2;
}
