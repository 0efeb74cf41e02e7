/* SPDX-License-Identifier: Apache-2.0 */
/* What vfs_fake.h keeps its files in: nodes, names by a hash, directories with cookies. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "test.h"
#include "vfs/vfs.h"

enum fake_call {
    FAKE_INFO,
    FAKE_CREATE,
    FAKE_CLOSE,
    FAKE_LOOKUP,
    FAKE_ENUMERATE,
    FAKE_RENAME,
    FAKE_REMOVE,
    FAKE_CHECK_REMOVE,
    FAKE_GETATTR,
    FAKE_SETATTR,
    FAKE_GET_SD,
    FAKE_SET_SD,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_FLUSH,
    FAKE_COMMIT,
    FAKE_SET_SIZE,
    FAKE_LOCK,
    FAKE_CACHE,
    FAKE_ACK,
    FAKE_CALLS
};

struct fake_node {
    struct fake_node *parent;
    struct fake_node *hash_next;
    struct fake_node **children; /* of a directory; slot NULL: removed */
    size_t child_count, child_cap, live_count;
    size_t slot; /* in parent->children; the cookie is one more */
    char *name;
    uint64_t id, size, access_time, write_time, change_time, create_time;
    uint32_t attributes;
    uint8_t *data;
    uint8_t *sd;
    uint32_t sd_len;
    bool removed;
    int opens;
};

struct fake_file {
    struct fake_node *node;
    atomic_int in_call;
};

#define FAKE_BUCKETS 262144u
#define FAKE_PENDING_MAX 64

struct fake_volume {
    pthread_mutex_t lock;
    struct fake_node *root;
    struct fake_node **buckets;
    struct fake_node *all[64]; /* removed ones, freed at the end */
    size_t removed_count;
    uint64_t next_id, clock;
    /* knobs */
    uint32_t features;
    /* The call that counts this down to 0 answers WOULD_BLOCK (if it may), or PENDING. */
    atomic_uint_fast64_t block_at, pend_at;
    atomic_bool pend_each; /* every call that may */
    bool no_nowait;        /* it knows no SMBKIT_OP_NOWAIT */
    uint32_t thread_model;
    bool ids_missing;
    bool times_missing;  /* of directories */
    uint64_t names_told; /* of all directories, when they are looked at */
    uint64_t domain;
    smbkit_status keeps;  /* what check_remove and remove answer; 0: what is */
    const char *location; /* of the volume that is opened next */
    const char *alias;    /* a name in the root that leads to the directory alias_of */
    const char *alias_of;
    void (*hook)(struct fake_volume *v, enum fake_call call); /* before a call is made */
    int volumes;                                              /* that were opened on this store */
    void *info_file;                                          /* of the last volume_info */
    uint64_t lock_refused; /* a lock that begins there is somebody else's; 0: none */
    atomic_int locks;      /* taken, and not given up */
    uint64_t available;    /* bytes; 0: does not say */
    _Atomic uint64_t calls[FAKE_CALLS];
    _Atomic uint64_t total;
    _Atomic unsigned listed;  /* entries that were offered */
    _Atomic uint64_t fail_at; /* the Nth call from now on; 0: none */
    _Atomic smbkit_status fail_with;
    _Atomic bool blocks; /* answers WOULD_BLOCK to NOWAIT */
    _Atomic int
        pend; /* reads, writes, flushes: 1 completed later by fake_complete, 2 before the return */
    _Atomic bool pend_all;     /* everything else: completed by a thread */
    void (*made)(void *arg);   /* a file was made, and its maker has not been told; once */
    void (*opened)(void *arg); /* one that was there, likewise */
    void (*renaming)(void *arg);
    void *hook_arg;
    struct smbkit_op *pending[FAKE_PENDING_MAX];
    smbkit_status pending_status[FAKE_PENDING_MAX];
    int pending_count;
    atomic_int in_volume;
    atomic_int files;
    _Atomic bool overlap; /* the thread model was broken */
    struct smbkit_host *host;
};

/* The volume that the next volume_open hands out. */
static struct fake_volume *fake_next;

static size_t fake_hash(const struct fake_node *parent, const char *name)
{
    size_t h = (size_t)parent->id * 0x9e3779b97f4a7c15ull;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 0x100000001b3ull;
    }
    return (h ^ (h >> 29)) % FAKE_BUCKETS;
}

static struct fake_node *fake_child(struct fake_volume *v, struct fake_node *dir, const char *name)
{
    struct fake_node *n = v->buckets[fake_hash(dir, name)];
    while (n && (n->parent != dir || strcmp(n->name, name) != 0)) {
        n = n->hash_next;
    }
    return n;
}

static void fake_touch(struct fake_volume *v, struct fake_node *n)
{
    n->access_time = n->write_time = n->change_time = ++v->clock;
}

static void fake_attach(struct fake_volume *v, struct fake_node *dir, struct fake_node *n,
                        const char *name)
{
    if (dir->child_count == dir->child_cap) {
        dir->child_cap = dir->child_cap ? 2 * dir->child_cap : 16;
        dir->children = realloc(dir->children, dir->child_cap * sizeof(*dir->children));
    }
    n->name = strdup(name);
    n->parent = dir;
    n->slot = dir->child_count;
    dir->children[dir->child_count++] = n;
    dir->live_count++;
    size_t h = fake_hash(dir, name);
    n->hash_next = v->buckets[h];
    v->buckets[h] = n;
    fake_touch(v, dir);
}

static void fake_detach(struct fake_volume *v, struct fake_node *n)
{
    struct fake_node **at = &v->buckets[fake_hash(n->parent, n->name)];
    while (*at != n) {
        at = &(*at)->hash_next;
    }
    *at = n->hash_next;
    n->parent->children[n->slot] = NULL;
    n->parent->live_count--;
    fake_touch(v, n->parent);
    free(n->name);
    n->name = NULL;
    n->parent = NULL;
}

static struct fake_node *fake_new(struct fake_volume *v, uint32_t attributes)
{
    struct fake_node *n = calloc(1, sizeof(*n));
    n->id = ++v->next_id;
    n->attributes = attributes;
    n->create_time = ++v->clock;
    fake_touch(v, n);
    return n;
}

static void fake_node_free(struct fake_node *n)
{
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i]) {
            fake_node_free(n->children[i]);
        }
    }
    free(n->children);
    free(n->name);
    free(n->data);
    free(n->sd);
    free(n);
}

/* parent_r: the directory it is or would be in; leaf_r: its last component. */
static smbkit_status fake_walk(struct fake_volume *v, const char *path, struct fake_node **dir_r,
                               const char **leaf_r, struct fake_node **node_r)
{
    struct fake_node *dir = v->root;
    *node_r = NULL;
    *dir_r = NULL;
    *leaf_r = "";
    if (!path[0]) {
        *node_r = v->root;
        return SMBKIT_STATUS_SUCCESS;
    }
    size_t alias_len = v->alias ? strlen(v->alias) : 0;
    if (alias_len && strncmp(path, v->alias, alias_len) == 0 &&
        (path[alias_len] == '/' || !path[alias_len])) {
        dir = fake_child(v, v->root, v->alias_of);
        if (!path[alias_len]) {
            *dir_r = v->root;
            *node_r = dir;
            return SMBKIT_STATUS_SUCCESS;
        }
        path += alias_len + 1;
    }
    for (;;) {
        const char *slash = strchr(path, '/');
        char name[256];
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        if (len >= sizeof(name)) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
        memcpy(name, path, len);
        name[len] = 0;
        if (!(dir->attributes & SMBKIT_ATTR_DIRECTORY)) {
            return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        struct fake_node *n = fake_child(v, dir, name);
        if (!slash) {
            *dir_r = dir;
            *leaf_r = path;
            *node_r = n;
            return n ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
        if (!n) {
            return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        dir = n;
        path = slash + 1;
    }
}

static void fake_attr(struct fake_volume *v, const struct fake_node *n, struct smbkit_attr *a)
{
    bool has_times = !(v->times_missing && (n->attributes & SMBKIT_ATTR_DIRECTORY));
    *a = (struct smbkit_attr){.file_id = v->ids_missing ? 0 : n->id,
                              .file_domain = v->domain,
                              .size = n->size,
                              .create_time = n->create_time,
                              .access_time = has_times ? n->access_time : 0,
                              .write_time = has_times ? n->write_time : 0,
                              .change_time = has_times ? n->change_time : 0,
                              .attributes = n->attributes};
}
