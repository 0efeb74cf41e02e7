/* SPDX-License-Identifier: Apache-2.0 */
/* The contract test kit: calls a volume through the door of its layers, as the core does, and tells
 * which rules of smbkit-plugin(3) it keeps. A rule is a row of a table (struct kit_rule).
 *
 * Rules run one after the other on a thread of the kit; the caller's thread watches, so that a call
 * that never ends ends the run and not the program's patience. */
#pragma once

#include "base/base.h"
#include "vfs/vfs.h"

struct kit;

struct kit_spec {
    void (*line)(void *arg, const char *text); /* a line for the user */
    void *arg;
    const char *only;    /* rules by name, '*' and '?'; NULL: all */
    const char *scratch; /* a folder of the volume, empty, to work in; NULL: its root */
    bool anyway;         /* also where something is already */
    uint32_t seconds;    /* what goes by chance goes on for so long; 1..KIT_SECONDS_MAX */
    uint64_t seed;       /* of chance */
};
#define KIT_SECONDS_MAX 3600u

/* What is tested. All borrowed until kit_run returns. */
struct kit_target {
    const struct vfs_layer_spec *layers; /* filters first, the plugin last */
    uint32_t layer_count;
    const struct vfs_plugins *plugins; /* what filters find; NULL: none */
    /* What a server lends to a volume; NULL: no memory. */
    const struct vfs_services *(*services_new)(void *arg);
    void *services_arg;
    /* How many threads that takes at this moment: they are none of the plugin's. */
    unsigned (*services_threads)(void *arg);
};

enum kit_end {
    KIT_DONE,
    KIT_CANNOT, /* the volume cannot be opened, or not be used for this: err says why */
    KIT_STUCK   /* a call did not end: its memory is the plugin's still, so nothing may be freed */
};

/* Call before the modules are loaded: what the process has then, it has when they are gone. NULL:
 * no memory. */
NODISCARD struct kit *kit_new(const struct kit_spec *spec);
NODISCARD enum kit_end kit_run(struct kit *k, const struct kit_target *target, char err[512]);
/* The modules are unloaded again (not after KIT_STUCK): the last rules, and the line that sums up.
 * How many were not kept. */
NODISCARD unsigned kit_finish(struct kit *k, bool is_stuck);
void kit_free(struct kit *k); /* NULL allowed; not after KIT_STUCK */
/* The rules, each a line. */
void kit_list(void (*line)(void *arg, const char *text), void *arg);
/* Is there a rule that the pattern names? */
bool kit_names_any(const char *pattern);
