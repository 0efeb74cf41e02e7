/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "route.h"

#define NAME_BYTES_MAX 255u

/* What a share says only when all of its volumes do, and what one is enough for. */
#define FEATURES_OF_ALL                                                                            \
    (SMBKIT_FEATURE_READ_ONLY | SMBKIT_FEATURE_IGNORES_CASE | SMBKIT_FEATURE_SPARSE |              \
     SMBKIT_FEATURE_STREAMS | SMBKIT_FEATURE_EAS | SMBKIT_FEATURE_SECURITY |                       \
     SMBKIT_FEATURE_REPARSE | SMBKIT_FEATURE_HARD_LINKS | SMBKIT_FEATURE_STABLE_IDS |              \
     SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_COMPRESSION | SMBKIT_FEATURE_OBJECT_IDS |        \
     SMBKIT_FEATURE_CLONE | SMBKIT_FEATURE_REPORTS)
#define FEATURES_OF_ANY SMBKIT_FEATURE_DESCRIPTORS

/* ---- paths and ids ---- */

const struct route_mount *route_find(const struct route *r, const char *path, const char **rest_r)
{
    for (uint32_t i = 1; i < r->count; i++) {
        const char *rest = letters_below(path, r->mounts[i].name, true);
        if (rest) {
            *rest_r = rest;
            return &r->mounts[i];
        }
    }
    *rest_r = path;
    return &r->mounts[0];
}

bool route_hides(const struct route *r, const char *name)
{
    const char *rest;
    return route_find(r, name, &rest) != &r->mounts[0];
}

void route_mix_id(const struct route_mount *m, struct smbkit_attr *attr)
{
    if (attr->file_id != 0 && attr->file_domain == 0) {
        attr->file_id ^= m->id_mix;
        attr->file_id = attr->file_id ? attr->file_id : m->id_mix;
    }
}

/* The same for the same name, also after a restart; of ids that count from 1 nothing meets. */
static uint64_t mix_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (*name) {
        h = (h ^ smbkit_upcase(letters_next(&name))) * 0x100000001b3u;
    }
    h ^= h >> 29;
    return (h * 0x9e3779b97f4a7c15u) | 1;
}

/* ---- what a volume tells ---- */

static char *path_in(const struct route_mount *m, const char *path)
{
    size_t size = strlen(m->name) + strlen(path) + 2;
    char *full = malloc(size);
    if (full) {
        snprintf(full, size, "%s%s%s", m->name, *path ? "/" : "", path);
    }
    return full;
}

static void tell(void *arg, const struct smbkit_event *event)
{
    const struct route_mount *m = arg;
    struct smbkit_event e = {0};
    size_t size = event->struct_size < sizeof(e) ? event->struct_size : sizeof(e);
    memcpy(&e, event, size);
    char *path = path_in(m, e.path ? e.path : "");
    char *new_path = e.new_path ? path_in(m, e.new_path) : NULL;
    if (path && (new_path || !e.new_path)) {
        struct smbkit_attr id = {.file_id = e.file_id, .file_domain = e.file_domain};
        route_mix_id(m, &id);
        e.struct_size = sizeof(e);
        e.file_id = id.file_id;
        e.path = e.path ? path : NULL;
        e.new_path = new_path;
        smbkit_tell(m->route->host, &e);
    }
    free(path);
    free(new_path);
}

/* ---- opening ---- */

static smbkit_status wrong(const struct smbkit_volume_args *args, const char *key, const char *why)
{
    char name[128];
    snprintf(args->error, args->error_size, "%s: %s", smbkit_quote(key, name, sizeof(name)), why);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status check_name(const struct route *r, const struct smbkit_volume_args *args,
                                const char *key)
{
    if (key[0] != '/' || key[1] == '\0') {
        return wrong(args, key, "expected /NAME=PLUGIN:ARGS, NAME being a folder of the root");
    }
    if (strchr(key + 1, '/')) {
        return wrong(args, key, "only folders of the root can be other volumes");
    }
    if (strlen(key + 1) > NAME_BYTES_MAX || strpbrk(key + 1, "\\:*?\"<>|") ||
        strcmp(key, "/.") == 0 || strcmp(key, "/..") == 0) {
        return wrong(args, key, "no folder can be called so");
    }
    if (route_hides(r, key + 1)) {
        return wrong(args, key, "given twice");
    }
    return r->count < ROUTE_MOUNTS_MAX ? SMBKIT_STATUS_SUCCESS
                                       : wrong(args, key, "more than 63 volumes");
}

static void gather(struct smbkit_volume_args *args, uint32_t features)
{
    bool tries = args->features & (SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT);
    args->features = (args->features & features & FEATURES_OF_ALL) |
                     ((args->features | features) & FEATURES_OF_ANY);
    if (tries && !(args->features & SMBKIT_FEATURE_NEVER_BLOCKS)) {
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT; /* a volume that does not says so itself */
    }
}

static smbkit_status add(struct route *r, struct smbkit_volume_args *args,
                         const struct smbkit_arg *arg)
{
    smbkit_status st = check_name(r, args, arg->key);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct route_mount *m = &r->mounts[r->count];
    *m = (struct route_mount){
        .name = strdup(arg->key + 1), .id_mix = mix_of(arg->key + 1), .route = r};
    struct smbkit_mount mount = {
        .struct_size = sizeof(mount), .spec = arg->value, .event = tell, .arg = m};
    st = m->name ? smbkit_mount_open(args, &mount) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        free(m->name);
        return st;
    }
    m->next = mount.next;
    m->is_read_only = mount.features & SMBKIT_FEATURE_READ_ONLY;
    r->count++;
    gather(args, mount.features);
    return st;
}

void route_volume_close(void *volume)
{
    struct route *r = volume;
    for (uint32_t i = 1; i < r->count; i++) {
        smbkit_mount_close(r->mounts[i].next);
        free(r->mounts[i].name);
    }
    free(r);
}

static char no_name[] = "";

smbkit_status route_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct route *r = calloc(1, sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    r->host = args->host;
    r->count = 1;
    r->mounts[0] = (struct route_mount){.name = no_name,
                                        .next = args->next,
                                        .is_read_only = args->features & SMBKIT_FEATURE_READ_ONLY,
                                        .route = r};
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (args->arg_count == 0) {
        snprintf(args->error, args->error_size, "/NAME=PLUGIN:ARGS is missing");
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < args->arg_count && SMBKIT_OK(st); i++) {
        st = add(r, args, &args->args[i]);
    }
    if (!SMBKIT_OK(st)) {
        route_volume_close(r);
        return st;
    }
    args->features &=
        ~(SMBKIT_FEATURE_OPEN_BY_ID | SMBKIT_FEATURE_SNAPSHOTS | SMBKIT_FEATURE_QUOTA);
    args->location[0] = '\0'; /* its names are not those of one place of the host */
    *volume_r = r;
    return st;
}
