/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter route. */
#pragma once

#include <stdbool.h>

#include <smbkit/filter.h>

struct pass_call;

#define ROUTE_MOUNTS_MAX 64u /* with the layer below */

struct route;

/* A volume, and the folder of the root that it is. Immutable once the share is open. */
struct route_mount {
    char *name; /* "": the layer below; owned */
    struct smbkit_next *next;
    uint64_t id_mix; /* makes ids of volumes that name no domain different; 0: nothing */
    bool is_read_only;
    struct route *route;
};

struct route {
    struct smbkit_host *host;
    uint32_t count;
    struct route_mount mounts[ROUTE_MOUNTS_MAX]; /* the first: the layer below */
};

struct route_file {
    const struct route_mount *mount;
    void *below;
    bool is_root;  /* of the share */
    bool is_mount; /* the root of another volume, or a stream of it */
};

/* The volume in which the path lies, and what it is there. */
const struct route_mount *route_find(const struct route *r, const char *path, const char **rest_r);
/* Is that name of the root another volume's? */
bool route_hides(const struct route *r, const char *name);
void route_mix_id(const struct route_mount *m, struct smbkit_attr *attr);

/* c: with the file of the volume. route_list.c, route_copy.c */
smbkit_status route_enumerate(struct route *r, const struct route_file *f,
                              const struct pass_call *c);
smbkit_status route_copy(const struct route_file *f, const struct pass_call *c);

/* For the table of the filter. route_volume.c */
smbkit_status route_volume_open(struct smbkit_volume_args *args, void **volume_r);
void route_volume_close(void *volume);
