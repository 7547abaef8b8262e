/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_private.h - what the files of the model share: its structure, and the rates. */
#pragma once

#include "console/model.h"

struct Model {
    App *app;
    GPtrArray *removed;  /* of ModelBackend*: disconnected */
    GPtrArray *backends; /* of ModelBackend*, owned */
    GHashTable *by_key;  /* "backend/id" -> ModelInstance*, owned */
    GPtrArray *gone;     /* no longer listed; freed once the listeners know */
    GPtrArray *sorted;   /* of ModelInstance*: backend, then name */
    gboolean sorted_valid;
    GPtrArray *jobs; /* of GemelJob*, a reference each */
    GQueue events;   /* of ModelEvent* */
    guint64 next_event;
    gboolean watching; /* watches are started */
    GArray *listeners;
    guint next_listener;
    ModelChange pending; /* announced by announce_source */
    GSource *announce_source, *tick_source, *deadline_source;
    guint64 calls;
    void (*sample_taken)(ModelInstance *instance, gint64 before_ns, gpointer data);
    void (*figures_gone)(ModelInstance *instance, gpointer data);
    gpointer sample_taken_data; /* of both */
    const ModelTap *tap;
    gpointer tap_data;
};

/* A list or a sample that came: in slices, see intake.c. The array is referenced, not copied. */
void model_take_list(ModelBackend *backend, GPtrArray *list);
void model_take_samples(ModelBackend *backend, GPtrArray *samples);
/* Instances of the backend whose ids are not in `seen` go. */
void model_drop_unseen(Model *model, ModelBackend *backend, GHashTable *seen);

/* Says later in this turn that something changed. */
void model_announce(Model *model, ModelChange what);

void model_instance_free(ModelInstance *instance);
/* Takes a sample in: values, rates, rows, and history at this position of the axis, of which
   `capacity` positions are kept. */
void model_instance_take_sample(ModelInstance *instance, const GemelSample *sample, gint64 position,
                                guint capacity);
/* The instance stopped: figures go, and the history has a gap until it gives some again. */
void model_instance_clear_figures(ModelInstance *instance);
