/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of volumes, nodes and opens.
 *
 * Lock order: a file's node.lock -> that of a stream of it; of two files, or two streams, the one
 * with the lower address first (lock.c, and nobody else takes two); node.lock -> open.lock, and
 * node.lock
 * -> volume.tree_lock, volume.grants.lock or lease.lock -> node shard; then, each innermost and
 * never two of them, volume.names_lock, volume.notify_lock and the waits of a shard (which may be
 * taken under any of the others). An open's `serial` and a layer's `serial` are held during plugin
 * calls and taken when nothing else is. */
#pragma once

#include "base/hash.h"
#include "vfs/brlock.h"
#include "vfs/lease.h"
#include "vfs/nameindex.h"
#include "vfs/nametree.h"
#include "vfs/notify.h"
#include "vfs/oplock.h"
#include "vfs/plugin_door.h"
#include "vfs/secdesc.h"
#include "vfs/sharemode.h"
#include "vfs/wait.h"

#define NODE_SHARDS 32 /* enough that the threads of a large machine seldom meet */
#define VOLUME_TOLD 64 /* directories that the log is told something of once */
#define SECURITY_BYTES_MAX SD_BYTES_MAX

struct node_shard {
    struct mutex lock;
    struct hash_table nodes;  /* guarded by lock */
    struct hash_table claims; /* guarded by lock; claim.c */
    struct wait_domain waits; /* of the nodes that were made here, and of the claims */
};

/* What the volumes of a server have in common. */
struct vfs_nodes {
    struct refcount refs;
    uint64_t seed;              /* immutable; random */
    uint64_t (*clock_us)(void); /* immutable; NULL: time stands still */
    struct node_shard shards[NODE_SHARDS];
    atomic_uint_fast64_t volume_numbers;
    atomic_uint_fast64_t looks; /* numbers of creates that look at names */
    /* How many names were taken away or moved, seq_cst: an open that found the number changed looks
     * again. Of all volumes: a name may be one of several. */
    atomic_uint_fast64_t removals;
    /* How many names were made, seq_cst: a create that finds the number changed under its claim
     * looks at the directory again; the name may have come by another path of it. */
    atomic_uint_fast64_t additions;
    atomic_uint_fast64_t dir_leases; /* how many leases are of directories, seq_cst */
    struct mutex volumes_lock;       /* outside all others */
    struct list volumes;             /* guarded by volumes_lock */
    struct mutex told_lock; /* outside all others but volumes_lock; guards node.told_link */
};

#define RULES_PATTERNS_MAX 256u /* of a list; each name is held against all of them */
/* rules.c */
struct patterns {
    struct wildcard **list; /* owned */
    size_t count;
};
struct rules {
    struct patterns veto, hide;
};

#define CACHE_MISSED 32u
/* Which opens cache by the plugin's leave, where it takes that back: caching.h */
struct cache_grants {
    struct mutex lock;       /* guards what follows */
    struct hash_table table; /* cache_grant, by key */
    uint64_t clock;          /* of keys, and of what was missed */
    uint64_t forgotten;      /* when the last of the missed that is not known any more was missed */
    struct {
        uint64_t key, at;
    } missed[CACHE_MISSED]; /* keys that were asked back, and nobody had; round and round */
    uint32_t missed_next;
    struct list due; /* cache_grant.due; each with a reference of its open */
    bool is_telling; /* a job is at it */
};

struct vfs_volume {
    struct refcount refs;

    /* immutable after it was opened */
    struct layer *layers; /* [layer_count], outermost first */
    uint32_t layer_count;
    bool never_writes;   /* the plugin's word: read-only whatever was asked for */
    bool hears_refusals; /* a layer wants to know what the core refuses */
    bool knows_rights;   /* the plugin has its own word on them (access_check) */
    bool hears_locks;    /* a layer has lock */
    bool hears_acks;     /* a layer has cache_ack: see caching.h */
    bool never_blocks;
    bool tries_nowait;
    bool serializes_files;
    bool
        awaits; /* a filter wants no PENDING to pass by it: calls are awaited where they are made */
    uint32_t features;
    uint32_t component_max;
    uint32_t cluster_size_bytes;
    uint64_t hash_seed; /* of its tables; a secret */
    uint64_t id_seed;   /* of the ids that are made up: the same after a restart */
    uint64_t domain;    /* of the files that the plugin names none for; no other volume's */
    struct smbkit_host host;
    const struct vfs_services *services; /* NULL: none */
    const struct smbkit_admin *admin;    /* NULL: not granted */
    const struct vfs_plugins *plugins;   /* while it is opened; else NULL */
    const char *share_name;              /* likewise */
    struct list besides; /* volumes that filters have beside it, beside.c; changes while it is
                            opened and closed only */
    uint64_t opened_at;  /* FILETIME, as its plugin's answers tell; see attr_settle */
    struct op_pool ops;
    struct vfs_token *token; /* for calls that no client asked for */

    struct rules rules;          /* immutable after it was opened */
    atomic_uint_fast32_t habits; /* VFS_*; relaxed, as the next */
    atomic_bool short_names;
    atomic_bool read_only; /* relaxed: each call goes by what it finds */

    struct vfs_nodes *nodes;  /* a reference */
    char *location;           /* owned; NULL: nowhere */
    struct list volumes_link; /* nodes->volumes_lock */
    atomic_int overlap_count; /* how many others lie in it or around it: a hint */

    struct wait_domain waits; /* for its plugins' answers: the steps of journals */

    struct mutex tree_lock;
    struct nametree tree; /* guarded by tree_lock: names that something is open by */

    struct mutex names_lock;
    struct nameindex *names;    /* guarded by names_lock; NULL: the plugin ignores case itself */
    struct name_tunnel *tunnel; /* likewise; NULL: nothing in it */

    struct mutex notify_lock;
    struct notify_registry notify; /* guarded by notify_lock */
    struct cache_grants grants;    /* caching.h */
    /* Hashes of directories whose bad names the log has told, and in the low bits how many;
     * relaxed: only told. */
    atomic_uint_fast64_t told[VOLUME_TOLD];
    atomic_size_t watch_count; /* of notify: a hint that spares the lock */

    /* statistics, relaxed */
    atomic_uint_fast64_t opens_now, opens_total, nodes_now, bytes_read, bytes_written;
    atomic_uint_fast64_t calls[SMBKIT_OP_COUNT];
};

/* Is that habit on? */
static inline bool volume_has(const struct vfs_volume *v, uint32_t habit)
{
    return atomic_load_explicit(&v->habits, memory_order_relaxed) & habit; /* see there */
}

/* An id for a file whose plugin has none: from its path, without regard to case where the volume
 * has none. Never 0. */
void volume_path_id(const struct vfs_volume *v, const char *path, uint64_t *id, uint64_t *id_high);

/* Whose file: domain and 128-bit id, as the attributes tell them. */
struct file_key {
    uint64_t domain, id, id_high;
};
static inline struct file_key file_key_of(const struct smbkit_attr *a)
{
    return (struct file_key){
        .domain = a->file_domain, .id = a->file_id, .id_high = a->file_id_high};
}
static inline bool file_key_eq(const struct file_key *a, const struct file_key *b)
{
    return a->domain == b->domain && a->id == b->id && a->id_high == b->id_high;
}
uint64_t file_key_hash(uint64_t seed, const struct file_key *k);

/* An entry of a directory that leads to the node; it may be reached by several paths, and through
 * several volumes. All under node.lock. [MS-FSA] 2.1.1.4 Link */
struct node_link {
    uint32_t name_count;
    uint32_t open_count;    /* and of the streams of the file, which keep it as well */
    uint32_t leaving_count; /* of those: their close has decided whether the name goes */
    bool is_shared;         /* by several names, at some time */
    bool delete_pending;
    bool has_deleter; /* who marked it named a lease of the directory: */
    uint8_t deleter[LEASE_KEY_SIZE];
    bool moving; /* a rename of it, or over it, is under way: opens by it wait (move_waiters) */
};

/* One path that a node is open by. Under node.lock but for what tree_lock guards. */
struct node_name {
    struct list link; /* node.names */
    struct node_link *of;
    uint32_t open_count;
    uint_fast64_t looked_at; /* by which create, to see whether it still leads here */
    bool knows_parent;
    struct file_key parent;    /* the directory that it is in; filled only when it is asked for */
    struct vfs_volume *volume; /* kept by the opens, or by who holds it */
    /* guarded by volume->tree_lock */
    struct name_entry *at; /* a reference */
    struct list user;      /* at->users */
    struct vfs_node *node; /* while it is in users */
};

/* The identity of a stream that is open: share modes, locks, oplocks. [MS-FSA] 2.1.1.3, 2.1.1.5 */
struct vfs_node {
    struct hash_link hash; /* shard lock */
    uint32_t refs;         /* shard lock */
    struct file_key key;   /* shard lock; changes with the name when the plugin has no ids */
    atomic_uint shard;     /* changes under both shards' locks */

    /* immutable */
    struct vfs_nodes *nodes; /* kept by the volumes of its opens */
    struct wait_domain *waits;
    struct vfs_node *base; /* of a stream: its file's node, a reference; NULL: the file itself */

    char *stream; /* NULL, for ever: the file itself. Else changes under lock and the shards' locks:
                     read under either */
    struct list told_link; /* nodes->told_lock */

    struct mutex lock; /* guards what follows */
    struct list opens;
    uint32_t busy_open_count; /* opens that are for more than attributes */
    struct list names;
    struct sharemode shares;
    struct brlock_table locks;
    struct oplock_state oplock;
    /* How often its data was changed through the server, seq_cst; no lock. */
    atomic_uint_fast64_t data_changes;
    struct list oplock_waiters; /* waits; as the next */
    struct list move_waiters;   /* until no name is moving, or held without an open, any more */
    struct ranges lock_waiters; /* waits; of vfs_wait_lock */
    uint32_t cache_asked;       /* opens whose caching the plugin has asked back; caching.h */
    uint32_t notify_at_close; /* NOTIFY_CHANGE_*: told as MODIFIED when the next open of it ends */
    struct list streams;      /* nodes, of a file; they are not kept by it */
    struct late_time {        /* late_time.c */
        bool holds;           /* the write time is told as `shown` ... */
        uint64_t shown;
        uint64_t due_us;   /* ... until then; UINT64_MAX: until an open that wrote is closed */
        uint64_t wrote_us; /* the last write, by the same clock */
    } late;
    uint32_t stream_open_count;
    uint32_t stream_keep_count; /* of those: do not share DELETE */

    struct list of_base; /* base->lock */
};

struct node_key {
    struct file_key file;
    const char *stream;
};
/* The node, made when it is not there; a reference. NULL: no memory. */
NODISCARD struct vfs_node *node_get(struct vfs_nodes *t, const struct node_key *key);
/* Only if it is there. */
struct vfs_node *node_find(struct vfs_nodes *t, const struct node_key *key);
/* Another reference, for who knows that it lives. */
void node_ref(struct vfs_node *n);
void node_put(struct vfs_node *n);
/* The file is at another path now: if its id was made of the old one, it gets that of the new one,
 * and the answer is true. */
bool node_renamed(struct vfs_node *n, const struct vfs_volume *v, const char *old_path,
                  const char *new_path);
/* The plugin tells another id of the file by now. Nothing happens when that is another node's. */
void node_rekey(struct vfs_node *n, const struct file_key *now);
/* The stream has that name now. Takes the node's lock. false: no memory, or a node of that name is
 * there. */
NODISCARD bool node_stream_rename(struct vfs_node *n, const char *name);
/* Owned: its stream as it is called now. NULL: none, or no memory. Takes the shard's lock. */
NODISCARD char *node_stream_name(struct vfs_node *n);
/* Is it the stream of that name? Likewise. */
bool node_is_stream(struct vfs_node *n, const char *name);
/* Its id as it is now. Takes the shard's lock. */
struct file_key node_file_key(struct vfs_node *n);
struct node_shard *node_shard_of(struct vfs_nodes *t, uint64_t hash);

/* ---- names of nodes, node_name.c ---- */

/* A name in no node yet, with a link of its own. NULL: no memory. */
NODISCARD struct node_name *node_name_new(struct vfs_volume *v, const char *path);
/* Out of its node and gone. Under node.lock if it is in one. NULL allowed. */
void node_name_free(struct node_name *name);
/* Under node.lock. */
void node_name_add(struct vfs_node *n, struct node_name *name);
/* The name is another way to that link; its own link goes. Under node.lock. */
void node_name_join(struct node_name *name, struct node_link *of);
/* Under node.lock. One that keeps the name goes: leaves, if it was counted so. The last one takes
 * it along. */
void node_name_leave(struct node_name *name, bool leaves);
/* The name of that path in the volume; under n->lock. NULL: not open by it. */
struct node_name *node_name_find(struct vfs_node *n, struct vfs_volume *v, const char *path);
/* Is the directory to be deleted, by whatever path it was said? Under node.lock. */
bool node_is_going(const struct vfs_node *n);
/* Owned; NULL: no memory. */
NODISCARD char *node_name_path(const struct node_name *name);
/* The name leads to that path now; with_below: all that is open below it comes along. Under the
 * node's lock. false: no memory, it stays. */
bool node_name_move(struct node_name *name, const char *new_path, bool with_below);
/* Under n->lock: register the call for the end of the renames of its names. Answers WAIT. Apart
 * from those who wait for an oplock: a rename that does so does not wake itself as it steps back.
 */
NODISCARD smbkit_status node_wait_move_locked(const struct vfs_call *call, struct vfs_node *n);
/* Under n->lock. A file that is in the way: is it open? Its client may let go of a handle that it
 * only caches. ACCESS_DENIED, or WAIT. */
NODISCARD smbkit_status node_check_replaced_locked(const struct vfs_call *call, struct vfs_node *n);
/* What is open stays where it is. n: a reference, which is taken over; NULL: nothing is. */
NODISCARD smbkit_status node_check_open(const struct vfs_call *call, struct vfs_node *n);
/* A directory in which something is open, by whatever path, stays where it is. */
NODISCARD smbkit_status node_check_below(const struct vfs_call *call, struct vfs_open *o,
                                         const char *path);
/* The file was renamed: the name that its opens go by, and other paths of the same link. Takes the
 * node's lock. */
void node_name_set(struct vfs_open *o, const char *old_path, const char *new_path);
/* Is something open below that directory, or (itself) the directory? A node of it; a reference. */
struct vfs_node *names_open_below(struct vfs_volume *v, const char *path, bool itself);
/* A node that is open by this path and is none of that key; a reference. */
struct vfs_node *names_open_as(struct vfs_volume *v, const char *path,
                               const struct node_key * not );
/* Calls fn, with told_lock held, for each file and each stream that is open by this path; below:
 * and for all that is open below it. */
void names_each_open(struct vfs_volume *v, const char *path, bool below,
                     void (*fn)(struct vfs_node *n, const void *arg), const void *arg);

/* MAKING: its create may still take it out of its node again, and closes its file without asking
 * who uses it. */
enum open_state { OPEN_MAKING, OPEN_LIVE, OPEN_CLOSING, OPEN_CLOSED };

/* How far a directory query has come. */
struct dir_cursor {
    char *pattern; /* owned; NULL: no query yet */
    uint64_t cookie;
    uint8_t dots_done; /* 0: neither "." nor ".." was given, 1: ".", 2: both */
    uint8_t bad_names; /* met in this listing, up to BAD_NAMES_TOLD */
    bool at_end;
    bool found_any;
};

/* What a create has still to do and to tell when it is run again. */
struct stopped_overwrite {
    uint32_t attributes; /* SMBKIT_ATTR_* for the file */
    uint32_t max_access;
    uint32_t may_cache;
    uint64_t cache_key;
    bool breaking;
};

struct vfs_open {
    struct refcount refs;

    /* immutable after create */
    struct vfs_volume *volume; /* a reference */
    struct vfs_node *node;     /* a reference */
    struct door_file f;
    uint32_t granted_access;
    uint32_t share_access;
    bool is_directory;
    bool is_root;            /* it is the root for who opened it */
    bool is_by_short;        /* it was asked for by its short name */
    bool is_stat;            /* for attributes only: breaks no oplock */
    uint64_t snapshot_time;  /* of the snapshot that it is in; 0: the present */
    atomic_bool is_written;  /* its close commits what it wrote */
    atomic_bool is_modified; /* its file is to be listed anew when it ends; dirlease.c */
    bool has_parent;         /* it named a lease of the directory: */
    uint8_t parent[LEASE_KEY_SIZE];
    bool delete_on_close;             /* node.lock */
    bool leaves;                      /* counted in name->of: node.lock */
    bool leaves_base;                 /* counted in base_name->of: base->lock */
    struct stopped_overwrite stopped; /* while a journal keeps the open: whose that is has it */
    struct vfs_owner owner;
    struct mutex serial; /* SERIALIZE_FILE */

    /* guarded by node->lock */
    struct list node_link;
    bool late_wrote;    /* since the node holds the write time */
    bool late_was_told; /* its first writes have been told: the next ones when it is closed */
    struct node_name *name;
    struct node_name *base_name;  /* of a stream: what it holds its file by; node->base's lock */
    struct oplock_holder oplock;  /* its own */
    struct oplock_holder *holder; /* what it caches by: its own oplock, or a lease that it shares */
    struct lease *lease;          /* that; a reference, which stays to the open's end */
    struct cache_grant *cache_grant; /* by which the plugin takes that back; owned. NULL: it does
                                        not */
    struct brlock_owner locks;
    struct list lock_waits;     /* of vfs_wait_lock; node->waits */
    struct vfs_open *successor; /* a reference: what took its place (move.c); NULL: nothing has */

    struct mutex lock; /* guards what follows */
    enum open_state state;
    smbkit_status committed; /* once it is: whoever closes it */
    uint32_t in_flight;
    struct list close_waiters; /* volume->waits */
    uint32_t options;
    uint64_t position;
    uint32_t ea_position; /* EAs that it was told */
    /* Times that it has fixed: kept_time.h */
    _Atomic uint32_t keeps_times; /* SMBKIT_HAS_ACCESS_TIME, _WRITE_TIME, _CHANGE_TIME */
    uint32_t dirty_times;         /* of these: the plugin may have moved them since */
    uint32_t reads;               /* that the plugin is at */
    uint32_t writes;              /* likewise */
    uint32_t touches; /* how often something began or ended that moves one that it keeps */
    uint64_t kept_access_time;
    uint64_t kept_write_time;
    uint64_t kept_change_time;

    bool dir_busy; /* a query is under way */
    struct list dir_waiters;
    struct dir_cursor dir; /* whoever set dir_busy */

    /* guarded by volume->notify_lock */
    struct notify_watch watch;
    bool watching;
    bool watch_ended;         /* the directory is being deleted */
    bool plugin_watches;      /* door_watch(on) was done; whoever is first */
    struct list notify_turns; /* struct vfs_notify_turn */
    struct list notify_waiters;
};

/* A new open in state LIVE, not in its node yet; takes over a reference of v and n. NULL: no
 * memory. */
NODISCARD struct vfs_open *open_new(struct vfs_volume *v, struct vfs_node *n);
/* A call begins on the open: FILE_CLOSED once vfs_close has begun. open_end must follow. */
NODISCARD smbkit_status open_begin(struct vfs_open *o);
/* The create that made it is done. */
void open_made(struct vfs_open *o);
/* As open_begin, for who has found it in its node: false also while its create is at it. */
NODISCARD bool open_begin_found(struct vfs_open *o);
void open_end(struct vfs_open *o);
/* One more end is to come: the plugin has not finished with the open. Between begin and end. */
void open_hold(struct vfs_open *o);
static inline void open_endp(struct vfs_open **o)
{
    if (*o) {
        open_end(*o);
    }
}
/* Begins, and ends with the scope: OPEN_SCOPE(o, st); if it failed, st is what to return. */
#define OPEN_SCOPE(o, status_r)                                                                    \
    smbkit_status status_r = open_begin(o);                                                        \
    UNUSED struct vfs_open *open_scope_ __attribute__((cleanup(open_endp))) =                      \
        SMBKIT_OK(status_r) ? (o) : NULL
/* It gives up its byte-range locks and waits for none. Under node->lock. */
void lock_leave_locked(struct vfs_node *n, struct vfs_open *o);
/* What it has locked, to has locked as well. INSUFFICIENT_RESOURCES, LOCK_NOT_GRANTED: to may have
 * some of them. */
NODISCARD smbkit_status lock_move(struct vfs_open *from, struct vfs_open *to);
/* Can it? Nothing is handed over. */
NODISCARD smbkit_status lock_move_try(struct vfs_open *from, struct vfs_open *to);
/* DIRECTORY_NOT_EMPTY, or whatever the plugin says. */
NODISCARD smbkit_status disposition_check_empty(const struct vfs_call *call, struct vfs_open *o);
/* What of the range is in the file becomes zeroes, if no lock of others is on it; who may, and who
 * caches it, was seen to before. Within begin and end. */
NODISCARD smbkit_status space_zero(const struct vfs_call *call, struct vfs_open *o,
                                   struct smbkit_range range);
/* Was every right of need granted? */
static inline bool open_may(const struct vfs_open *o, uint32_t need)
{
    return (o->granted_access & need) == need;
}
/* For messages. */
static inline const char *open_plugin_name(const struct vfs_open *o)
{
    return o->volume->layers[o->volume->layer_count - 1].plugin->name;
}
/* May this volume be changed? [MS-FSA] "If File.Volume.IsReadOnly": the one place. What was given
 * to the plugin before is carried to its end. */
NODISCARD smbkit_status volume_check_writable(const struct vfs_call *call,
                                              const struct vfs_volume *v);
/* The same of an open file: what was is not changed either. */
NODISCARD smbkit_status open_check_writable(const struct vfs_call *call, const struct vfs_open *o);
/* Of the path that an open is known by, what its plugin knows. Borrowed from path. */
const char *snapshot_path(const struct vfs_open *o, const char *path);
