/* SPDX-License-Identifier: Apache-2.0 */
/* The file-system core: what a front end (src/smb) calls. Speaks [MS-FSA]: opens, share modes,
 * byte-range locks, oplocks, notifications, delete-pending, access checks, names without regard to
 * case, for every plugin alike.
 *
 * Waiting. A call answers SMBKIT_STATUS_WAIT after it registered call->wait with what it waits for.
 * When that is gone call->wait->wake runs once and the caller makes the same call again, from the
 * top. SMBKIT_STATUS_WOULD_BLOCK means: nothing happened; make the same call on a worker thread
 * with nowait off.
 *
 * Threads: every function may be called from any thread. Lock order: vfs/core.h. No plugin call and
 * no callback other than wake and oplock_break (which only post a job) happens under one of them.
 */
#pragma once

#include <stdatomic.h>

#include <smbkit/plugin.h>

#include "base/list.h"
#include "base/wr.h"
#include "os/sync.h"
#include "vfs/call.h"
#include "vfs/lease.h"

struct op;
struct vfs_volume;
struct budget;
struct vfs_open;
struct vfs_node;

/* ---- volumes ---- */

struct vfs_layer_spec {
    const struct smbkit_plugin *plugin; /* adopted (vfs_plugin_adopt); outlives the volume */
    const struct smbkit_arg *args;
    uint32_t arg_count;
    /* It is a part of this program, known to fill what it says that it filled. Any other gets its
     * room for answers zeroed. */
    bool is_linked_in;
};

/* What the server lends to the plugins of one volume (smbkit/host.h tells what each does). */
struct vfs_services {
    struct smbkit_timer *(*timer_new)(const struct vfs_services *s, void (*fn)(void *arg),
                                      void *arg);
    void (*timer_set)(struct smbkit_timer *timer, uint64_t ms);
    void (*timer_free)(struct smbkit_timer *timer);
    struct smbkit_fd_watch *(*fd_watch_new)(const struct vfs_services *s, int64_t fd,
                                            void (*fn)(void *arg, uint32_t ready), void *arg);
    void (*fd_watch_set)(struct smbkit_fd_watch *watch, uint32_t wanted);
    void (*fd_watch_free)(struct smbkit_fd_watch *watch);
    /* The volume is not closed before fn has returned. Never in this thread, which may hold locks.
     * NOT_SUPPORTED: there is no other, or the volume closes. */
    smbkit_status (*run)(const struct vfs_services *s, struct vfs_volume *v, void (*fn)(void *arg),
                         void *arg);
    /* The same for what its calls may wait for, and without memory: one at a time for a volume, the
     * next when fn is about to return. The caller has a reference. */
    smbkit_status (*run_one)(const struct vfs_services *s, struct vfs_volume *v,
                             void (*fn)(void *arg), void *arg);
    /* The volume closes: nothing is called any more when it returns, but for what called this. */
    void (*stop)(const struct vfs_services *s);
    /* The volume is closed; what its plugins have not freed goes with it. */
    void (*release)(const struct vfs_services *s);
};
/* What the server makes begins so. */
struct smbkit_timer {
    const struct vfs_services *services;
};
struct smbkit_fd_watch {
    const struct vfs_services *services;
};

/* What plugins call: handed to smbkit_plugin_init. */
extern const struct smbkit_host_table vfs_api;

/* What the volumes of a server have in common: the files that are open, by what they are and not by
 * where they are found, so that volumes that lead to the same files see each other's opens.
 * Counted. seed: random, of its hashes. clock_us: microseconds that only grow; NULL: time stands
 * still. */
struct vfs_nodes;
NODISCARD struct vfs_nodes *vfs_nodes_new(uint64_t seed, uint64_t (*clock_us)(void));
struct vfs_nodes *vfs_nodes_ref(struct vfs_nodes *t);
void vfs_nodes_unref(struct vfs_nodes *t);

/* How filters come by plugins of volumes beside the share's own. */
struct vfs_found {
    struct vfs_layer_spec layer;
    void *owned; /* what it borrows */
};
struct vfs_plugins {
    /* The plugin and the arguments that a word of the configuration means; drop follows. false: err
     * says why, and nothing is to be dropped. */
    bool (*find)(const struct vfs_plugins *p, const char *spec, struct vfs_found *out, char *err,
                 size_t err_size);
    void (*drop)(const struct vfs_plugins *p, struct vfs_found *found);
};

struct vfs_volume_spec {
    struct vfs_nodes *nodes; /* NULL: its own */
    uint64_t now;            /* FILETIME: what files of which no time is known show */
    /* Taken over, also on failure: released with the volume. NULL: nothing is lent. */
    const struct vfs_services *services;
    const struct smbkit_admin *admin;  /* NULL: not granted to this volume's plugins */
    const struct vfs_plugins *plugins; /* NULL: filters find none. Borrowed for vfs_volume_open */
    const char *share_name;
    const struct vfs_layer_spec *layers; /* filters first, outermost first; the plugin last */
    uint32_t layer_count;                /* 1..VFS_LAYERS_MAX */
    bool read_only;
    bool no_streams; /* as if the plugin had none */
    /* Names between slashes, with '*' and '?', letters' case ignored; NULL: none. Clients find no
     * such file, and make none; and they see such files as hidden ones. */
    const char *veto_files;
    const char *hide_files;
    /* Random: clients choose the names in the volume's hash tables. What must be the same after a
     * restart (serial, made-up ids) comes from share_name. */
    uint64_t hash_seed;
};
#define VFS_LAYERS_MAX 16 /* a stack deeper than this is a configuration mistake */

/* Check a plugin's header against this core and give a copy with what an older plugin lacks
 * zero-filled. NULL with a line in err when it is of a newer ABI or lacks a required function.
 * Freed with mem_free after its volumes. */
NODISCARD struct smbkit_plugin *vfs_plugin_adopt(const struct smbkit_plugin *p, char *err,
                                                 size_t err_size);
/* err_size >= 256. */
NODISCARD smbkit_status vfs_volume_open(const struct vfs_volume_spec *spec, struct vfs_volume **out,
                                        char *err, size_t err_size);
/* Do the arguments that it was opened with, which layers has again, lead to what they led to? Its
 * plugin and filters are asked. A volume of which one says no is to be opened anew. May block. */
bool vfs_volume_is_current(struct vfs_volume *v, const struct vfs_layer_spec *layers);

/* A command of the administrator, in words, and which layers hear it. */
struct vfs_control {
    const char *command;
    uint32_t layer; /* which one hears it first; 0: the outermost */
    bool only;      /* none below that one hears it */
    bool nowait;    /* WOULD_BLOCK instead of waiting */
};
/* The answer, terminated, with any status; text->base has room for text->cap > 0 bytes.
 * NOT_SUPPORTED: no layer that heard it knows the command. INVALID_PARAMETER: text says what is
 * wrong with it. May block unless nowait. */
NODISCARD smbkit_status vfs_volume_control(struct vfs_volume *v, const struct vfs_control *how,
                                           struct smbkit_buffer *text);
/* Outermost first; NULL: there are not so many. */
const char *vfs_volume_layer_name(const struct vfs_volume *v, uint32_t layer);

struct vfs_volume *vfs_volume_ref(struct vfs_volume *v);
/* By one who holds none, but knows that it is not freed yet. false: it is closing. */
NODISCARD bool vfs_volume_ref_try(struct vfs_volume *v);
void vfs_volume_unref(struct vfs_volume *v); /* the last one calls volume_close */
/* May calls on it run on an event loop: always, or with nowait? */
bool vfs_volume_never_blocks(const struct vfs_volume *v);
bool vfs_volume_tries_nowait(const struct vfs_volume *v);
bool vfs_volume_is_read_only(const struct vfs_volume *v);
uint32_t vfs_volume_features(const struct vfs_volume *v); /* SMBKIT_FEATURE_* */
/* Does its plugin make use of what it is told is not needed any more? */
uint32_t vfs_volume_watches(struct vfs_volume *v); /* opens that have been asked for changes */
bool vfs_volume_trims(const struct vfs_volume *v);
/* From now on no call changes anything, not even the end of an open that was to delete its file;
 * or changes are allowed again, where the plugin takes any. */
void vfs_volume_read_only_set(struct vfs_volume *v, bool on);
/* Have files whose name is no 8.3 name a second one that is? Off at first. Files are found by it,
 * listed with it and matched by it. */
void vfs_volume_short_names_set(struct vfs_volume *v, bool on);
#define VFS_SHORT_NAME_MAX 12u /* bytes */
/* The short name of a component in the volume. false: it has none. Cost: its length. */
NODISCARD bool vfs_volume_short_name(const struct vfs_volume *v, const char *leaf,
                                     char out[VFS_SHORT_NAME_MAX + 1]);
/* Is it an 8.3 name itself? [MS-FSCC] 2.1.5.2.1 */
bool vfs_is_short_name(const char *leaf);
/* What a volume does otherwise than at first; may change at any time. */
enum vfs_habit {
    /* A new file in a folder that hands down no rights is its maker's alone (and SYSTEM's). Else a
     * folder without a descriptor of its own hands down everything to everybody. */
    VFS_PRIVATE_FILES = 1,
    /* A directory is listed without what the one who asks may not read. [MS-SMB2] 3.3.5.18 */
    VFS_HIDE_UNREADABLE = 2,
    VFS_HIDE_DOT_FILES = 4,   /* what begins with a dot shows as hidden */
    VFS_NO_NOTIFY = 8,        /* nobody is told of changes: NOT_IMPLEMENTED */
    VFS_KEEPS_ACL_FLAGS = 16, /* that an ACL was inherited is kept as it is set, unasked too */
    VFS_LATE_TIMES = 32       /* write times are told late; late_time.h */
};
void vfs_volume_habits_set(struct vfs_volume *v, uint32_t habits);
uint32_t vfs_volume_habits(const struct vfs_volume *v);
/* call->token may be NULL here: nobody in particular asks. */
NODISCARD smbkit_status vfs_volume_info(struct vfs_call *call, struct vfs_volume *v,
                                        struct smbkit_volume_info *info);
/* The same where the file is: another file system may be mounted there. */
NODISCARD smbkit_status vfs_open_volume_info(struct vfs_call *call, struct vfs_open *o,
                                             struct smbkit_volume_info *info);
/* Counters since it was opened. */
struct vfs_volume_stats {
    uint64_t opens_now, opens_total, nodes_now, bytes_read, bytes_written, plugin_calls;
};
void vfs_volume_stats(struct vfs_volume *v, struct vfs_volume_stats *out);

/* ---- names ---- */

/* A client's name, split and checked. [MS-FSCC] 2.1.5 */
struct vfs_path {
    char *path;               /* owned; '/'-separated, relative, normalised, "" is the root */
    char *stream;             /* owned; NULL: the file's own data ("::$DATA" too) */
    bool is_directory_stream; /* "::$INDEX_ALLOCATION" */
    bool means_data;          /* "::$DATA", which no directory has */
    bool means_directory;     /* ended in '\\' */
    bool means_quota;         /* "$Extend\$Quota:$Q:$INDEX_ALLOCATION"; path is "" then */
};
/* name: UTF-8 with '\\' between components, as a client sends it (no leading '\\'). wildcards are
 * refused. Errors: OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD (".", ".."), INVALID_PARAMETER
 * (leading '\\'), NO_MEMORY, NAME_TOO_LONG. */
NODISCARD smbkit_status vfs_path_parse(const char *name, struct vfs_path *out);
void vfs_path_fini(struct vfs_path *p);
/* As a path of the volume, for whom the folder `root` of it is the root ("": that of the volume).
 * NAME_TOO_LONG, NO_MEMORY: p is as it was. */
NODISCARD smbkit_status vfs_path_below(const char *root, struct vfs_path *p);
/* What of a path of the volume is behind that root, or all if it is not below it. */
const char *vfs_path_behind(const char *root, const char *path);

/* ---- opens ---- */

#define VFS_OPLOCK_NONE 0x00u
#define VFS_OPLOCK_II 0x01u
#define VFS_OPLOCK_EXCLUSIVE 0x08u
#define VFS_OPLOCK_BATCH 0x09u

/* Create options that the core heeds, [MS-SMB2] 2.2.13 */
#define VFS_DIRECTORY_FILE 0x00000001u
#define VFS_WRITE_THROUGH 0x00000002u
#define VFS_SEQUENTIAL_ONLY 0x00000004u
#define VFS_NO_INTERMEDIATE_BUFFERING 0x00000008u
#define VFS_SYNCHRONOUS_IO_ALERT 0x00000010u
#define VFS_SYNCHRONOUS_IO_NONALERT 0x00000020u
#define VFS_NON_DIRECTORY_FILE 0x00000040u
#define VFS_COMPLETE_IF_OPLOCKED 0x00000100u
#define VFS_NO_EA_KNOWLEDGE 0x00000200u
#define VFS_RANDOM_ACCESS 0x00000800u
#define VFS_DELETE_ON_CLOSE 0x00001000u
#define VFS_OPEN_BY_FILE_ID 0x00002000u
#define VFS_OPEN_FOR_BACKUP 0x00004000u
#define VFS_NO_COMPRESSION 0x00008000u
#define VFS_OPEN_REQUIRING_OPLOCK 0x00010000u
#define VFS_DISALLOW_EXCLUSIVE 0x00020000u
#define VFS_RESERVE_OPFILTER 0x00100000u
#define VFS_OPEN_REPARSE_POINT 0x00200000u
#define VFS_OPEN_NO_RECALL 0x00400000u
#define VFS_OPEN_FOR_FREE_SPACE_QUERY 0x00800000u

#define VFS_SHARE_READ 0x1u
#define VFS_SHARE_WRITE 0x2u
#define VFS_SHARE_DELETE 0x4u

/* The front end's side of an open. */
struct vfs_owner {
    /* The core asks for its oplock to go down to to_level. ack: vfs_oplock_ack is awaited (the
     * front end keeps the time and calls vfs_oplock_timeout when it is up). Under a core lock: may
     * only post a job. Never after vfs_close has answered. */
    void (*oplock_break)(void *arg, uint8_t to_level, bool ack);
    void *arg;
};

/* A file by what it is: for who has written an open of it down. Another that has got its id
 * meanwhile has another creation time. */
struct vfs_file_id {
    uint64_t domain; /* smbkit_attr.file_domain; 0: the volume's own */
    uint64_t id, id_high;
    uint64_t create_time; /* FILETIME */
};
/* attr: of the open's file. */
void vfs_file_id_of(const struct vfs_open *o, const struct smbkit_attr *attr,
                    struct vfs_file_id *out);

struct vfs_create_in {
    struct vfs_volume *volume;
    const char *path;
    /* Not NULL: this file and no other, with disposition SMBKIT_OPEN. path is where it was; where
     * the plugin opens by id it may be elsewhere by now, else it must still be there.
     * OBJECT_NAME_NOT_FOUND: it is not. */
    const struct vfs_file_id *file;
    const char *stream;
    uint32_t desired_access; /* as the client sent it, generic bits and MAXIMUM_ALLOWED included */
    uint32_t access_cap;     /* what the tree connect may grant at most; SMBKIT_ALL_ACCESS |
                                ACCESS_SYSTEM_SECURITY as a rule */
    uint32_t file_attributes;
    uint32_t share_access;
    uint32_t disposition; /* SMBKIT_OPEN ... */
    uint32_t options;     /* VFS_* */
    uint8_t oplock_level;
    const struct vfs_lease_want *lease; /* NULL: none */
    bool want_max_access;
    bool means_directory; /* the name ended in '\\' */
    bool means_data;      /* it named the data: what is there is no directory */
    bool is_root;         /* the root for the caller: it stays, and is made by others */
    uint64_t alloc_size;
    uint64_t snapshot_time;  /* FILETIME: the file as it was then; 0: as it is */
    const uint8_t *security; /* self-relative, from the client; NULL: inherited */
    size_t security_len;
    const uint8_t *ea;
    size_t ea_len;
    struct vfs_owner owner;
    /* Not NULL: the new open is to take the place of that one. If it is of the same file, what that
     * one has been granted is in nobody's way. */
    const struct vfs_open *takes_over;
};

struct vfs_create_out {
    struct vfs_open *open;
    uint32_t action;
    uint8_t oplock_level;
    struct vfs_lease_got lease;
    struct smbkit_attr attr;
    smbkit_status max_access_status;
    uint32_t max_access;
};

/* [MS-FSA] 2.1.5.1. Answers WAIT while an oplock of another open breaks. MAY be called again after
 * WAIT or WOULD_BLOCK: it keeps nothing. INVALID_PARAMETER: also for a lease of another file. */
NODISCARD smbkit_status vfs_create(struct vfs_call *call, const struct vfs_create_in *in,
                                   struct vfs_create_out *out);
/* [MS-FSA] 2.1.5.5: gives up share modes, locks, oplock, notifications; deletes a delete-pending
 * file with the last open. Answers WAIT while other calls on the open are under way; WOULD_BLOCK
 * before anything happened. attr (may be NULL): the attributes as they are after it. On any other
 * answer the open is closed and the caller's reference is gone; a status < 0 then tells that a
 * delete failed. */
NODISCARD smbkit_status vfs_close(struct vfs_call *call, struct vfs_open *open,
                                  struct smbkit_attr *attr);
/* What vfs_close would do to the file's times is done now; of the open's doings up to now it leaves
 * them alone then. WOULD_BLOCK: again where it may wait. */
NODISCARD smbkit_status vfs_open_settle_times(struct vfs_call *call, struct vfs_open *open);
/* Extra references keep the memory, not the file: calls on a closed open answer FILE_CLOSED. */
struct vfs_open *vfs_open_ref(struct vfs_open *o);
/* Before the first lock: VFS_LOCK_BYTES for each that it has will be charged to this, which
 * outlives its close. */
#define VFS_LOCK_BYTES 128u
void vfs_open_locks_charge(struct vfs_open *o, struct budget *budget);
void vfs_open_unref(struct vfs_open *o);

bool vfs_open_is_directory(const struct vfs_open *o);
uint32_t vfs_open_granted_access(const struct vfs_open *o);
uint32_t vfs_open_share_access(const struct vfs_open *o);
/* And in the same state of it, the present or a snapshot. */
bool vfs_open_is_same_file(const struct vfs_open *a, const struct vfs_open *b);
uint32_t vfs_open_lock_count(struct vfs_open *o); /* byte-range locks that it has */
uint32_t vfs_open_options(
    const struct vfs_open *o); /* VFS_*, as created and as Mode information changed them */
NODISCARD smbkit_status vfs_open_mode_set(struct vfs_open *o,
                                          uint32_t mode); /* [MS-FSA] 2.1.5.15.8 */
uint64_t vfs_open_position(const struct vfs_open *o);
void vfs_open_position_set(struct vfs_open *o, uint64_t position);
bool vfs_open_is_delete_pending(const struct vfs_open *o);
/* The folder that is the root for the caller, owned; NULL: that of the volume. WAIT, WOULD_BLOCK.
 */
NODISCARD smbkit_status vfs_session_root(struct vfs_call *call, struct vfs_volume *v,
                                         char **path_r);
/* Owned: the path within the share as it is spelled now, '/'-separated; NULL without memory. */
NODISCARD char *vfs_open_path(struct vfs_call *call, struct vfs_open *o);
/* The same as the open was made or renamed by; asks no plugin. Takes the lock of its node. */
NODISCARD char *vfs_open_path_known(struct vfs_open *o);

/* ---- data ---- */

/* What a plugin answered a read with. */
struct vfs_given {
    struct smbkit_segment segs[SMBKIT_IO_GIVE_MAX];
    struct {
        void (*fn)(void *arg);
        void *arg;
    } releases[SMBKIT_IO_GIVE_MAX];
};
/* One transfer; lives in the request, across WAITs. */
struct vfs_io {
    /* in */
    uint64_t offset;
    uint32_t length;
    uint32_t flags;                    /* SMBKIT_IO_* */
    uint8_t *buffer;                   /* read: room for length bytes */
    const struct smbkit_segment *segs; /* write */
    uint32_t seg_count;
    /* write: keep(keep_arg) makes segs live until a matching unkeep(keep_arg), any thread; NULL: a
     * plugin must copy them */
    void (*keep)(void *arg);
    void (*unkeep)(void *arg);
    void *keep_arg;
    /* out */
    uint32_t done;
    const void *memory; /* read: not NULL when the plugin gave its own memory */
    /* vfs only */
    struct vfs_given *given; /* owned; NULL: nothing was ever given */
    uint32_t given_count;
    int kind; /* enum door_io_kind */
    struct smbkit_io plugin_io;
    struct smbkit_flush flush;
    struct op *op;       /* of the call under way */
    struct layer *asked; /* which layer answers it at this moment */
    struct mutex lock;   /* guards what follows */
    int state;
    smbkit_status status;
    struct list waiters;     /* the request that waits for it */
    struct vfs_open *open;   /* a reference while the call is under way or not collected */
    struct vfs_token *token; /* likewise */
};
void vfs_io_init(struct vfs_io *io);
/* Waits for nothing: an io that is under way (vfs_io_is_busy) must not be ended. Releases given
 * memory. */
void vfs_io_fini(struct vfs_io *io);
bool vfs_io_is_busy(const struct vfs_io *io);
/* The client has given the transfer up: tell the plugin, if it asked to be told. */
void vfs_io_cancel(struct vfs_io *io);
/* Release what the plugin gave. */
void vfs_io_release(struct vfs_io *io);
/* How many bytes that is. */
uint64_t vfs_io_given(const struct vfs_io *io);
/* Hand the release of given memory over to the caller. */
void vfs_io_take_release(struct vfs_io *io, void (**release_r)(void *), void **arg_r);

/* Read: checks access (READ_DATA or EXECUTE), directory, byte-range locks. At or past the end:
 * END_OF_FILE. */
NODISCARD smbkit_status vfs_read(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io);
/* Write: offset UINT64_MAX appends when only APPEND_DATA is granted or the client asks so. Breaks
 * level II oplocks of others. */
NODISCARD smbkit_status vfs_write(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io);
/* Uses io only to wait. */
NODISCARD smbkit_status vfs_flush(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io);

struct vfs_lock {
    uint64_t offset;
    uint64_t length;
    bool exclusive;
    bool unlock;
    bool fail_immediately;
};
/* [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.8, 2.1.5.9: all or nothing for locks; unlocks are done up to
 * the first that fails. WAIT only for a single lock without fail_immediately; call->wait is one of
 * vfs_wait_lock_init. After close while
 * waiting: RANGE_NOT_LOCKED. */
NODISCARD smbkit_status vfs_lock(struct vfs_call *call, struct vfs_open *o,
                                 const struct vfs_lock *locks, size_t count);

/* Calls fn for each lock that the open has: under the lock of its node. */
void vfs_open_locks_each(struct vfs_open *o, void (*fn)(void *arg, const struct vfs_lock *l),
                         void *arg);

/* ---- directories ---- */

struct vfs_dir_entry {
    const char *name;
    const char *short_name; /* NULL: none, or the name is one */
    struct smbkit_attr attr;
};
struct vfs_dir_query {
    const char *pattern; /* NULL or "": the one before, "*" at first; heeded at the first query and
                            with reopen */
    bool restart;        /* from the start, same pattern unless one is given */
    bool reopen;         /* from the start, new pattern */
    bool single;         /* one entry only */
    uint32_t most;       /* entries for which there is room at best; 0: not known */
    bool want_attr;
    /* True: taken; false: no room. Called without core locks. */
    bool (*entry)(void *arg, const struct vfs_dir_entry *e);
    /* With want_attr, of each symbolic link: what it says ([MS-FSCC] 2.1.2.2), to show it as
     * something else. Each is opened for that. NULL: they are shown as they are. */
    void (*link)(void *arg, const struct wr *reparse, struct smbkit_attr *attr);
    void *arg;
};
/* [MS-FSA] 2.1.5.6.3. SUCCESS: one entry or more taken. NO_SUCH_FILE: nothing matches at all;
 * NO_MORE_FILES: no more; INFO_LENGTH_MISMATCH: the first entry found no room. "." and ".." come
 * first when the pattern matches them. On WAIT and WOULD_BLOCK the position is what it was: forget
 * what was taken. */
NODISCARD smbkit_status vfs_query_directory(struct vfs_call *call, struct vfs_open *o,
                                            const struct vfs_dir_query *q);

struct vfs_notify_event {
    const char *name; /* relative to the directory, '/'-separated */
    uint32_t action;  /* FILE_ACTION_*, [MS-SMB2] 2.4.1... */
};
/* A query's place among those of its open, of which the earliest gets what happened: until its
 * answer is out, so that answers come in the order of what happened. Lives until
 * vfs_notify_turn_end. */
struct vfs_notify_turn {
    struct list link;      /* the volume's notify_lock */
    struct vfs_open *open; /* a reference; NULL: it has no place */
};
void vfs_notify_turn_init(struct vfs_notify_turn *t);
/* The query is answered, or is given up; any number of times. */
void vfs_notify_turn_end(struct vfs_notify_turn *t);

struct vfs_notify_query {
    uint32_t
        filter; /* FILE_NOTIFY_CHANGE_*, [MS-SMB2] 2.2.35; the first query of an open decides */
    bool tree;
    /* of FILE_NOTIFY_INFORMATION: more than this, or than the first query of the open had, buffered
     * gives NOTIFY_ENUM_DIR */
    uint32_t max_bytes;
    void (*event)(void *arg, const struct vfs_notify_event *e);
    void *arg;
    /* What is kept until the next query is charged to it, and counts as too much without room.
     * NULL: no bound; outlives the open. */
    struct budget *budget;
    struct vfs_notify_turn *turn; /* NULL: whoever comes first gets it */
};
/* SUCCESS: events given. NOTIFY_ENUM_DIR: overflow, look yourself. WAIT. After close:
 * NOTIFY_CLEANUP. The directory is delete-pending or gone: DELETE_PENDING. */
NODISCARD smbkit_status vfs_notify(struct vfs_call *call, struct vfs_open *o,
                                   const struct vfs_notify_query *q);

/* ---- information ---- */

/* granted access must hold every bit of need. */
NODISCARD smbkit_status vfs_getattr(struct vfs_call *call, struct vfs_open *o, uint32_t need,
                                    struct smbkit_attr *attr);
/* Times: 0 leaves it, -1 (UINT64_MAX) leaves it and stops this open's own updates, -2 lets them go
 * on. attributes 0 leaves them. [MS-FSA] 2.1.5.15.2 */
struct vfs_basic_info {
    uint64_t create_time, access_time, write_time, change_time;
    uint32_t attributes;
};
NODISCARD smbkit_status vfs_set_basic(struct vfs_call *call, struct vfs_open *o,
                                      const struct vfs_basic_info *b);
NODISCARD smbkit_status vfs_set_end_of_file(struct vfs_call *call, struct vfs_open *o,
                                            uint64_t size);
NODISCARD smbkit_status vfs_set_allocation(struct vfs_call *call, struct vfs_open *o,
                                           uint64_t size);
/* [MS-FSA] 2.1.5.15.3; flags of FileDispositionInformationEx, [MS-FSCC] 2.4.12 (DELETE 1,
 * POSIX_SEMANTICS 2, FORCE_IMAGE 4, ON_CLOSE 8, IGNORE_READONLY 0x10). */
NODISCARD smbkit_status vfs_set_disposition(struct vfs_call *call, struct vfs_open *o,
                                            uint32_t flags);
/* [MS-FSA] 2.1.5.15.11. WAIT while oplocks break. new_path is normalised. */
NODISCARD smbkit_status vfs_rename(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                                   bool replace);
NODISCARD smbkit_status vfs_link(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                                 bool replace);
/* what: OWNER 1, GROUP 2, DACL 4, SACL 8 ([MS-DTYP] 2.4.7). Appends a self-relative descriptor. */
NODISCARD smbkit_status vfs_query_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                                           struct wr *out);
/* What the caller could be granted on the open's file at most, whatever the open was; cap: never
 * more than that. ACCESS_DENIED: nothing. [MS-SMB2] 2.2.14.2.5 */
NODISCARD smbkit_status vfs_max_access(struct vfs_call *call, struct vfs_open *o, uint32_t cap,
                                       uint32_t *access_r);
NODISCARD smbkit_status vfs_set_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                                         const uint8_t *sd, size_t sd_len);
/* ---- oplocks ---- */

/* The client's answer to a break. INVALID_OPLOCK_PROTOCOL: no break under way; INVALID_PARAMETER: a
 * level that was not offered. */
NODISCARD smbkit_status vfs_oplock_ack(struct vfs_open *o, uint8_t level, uint8_t *level_r);
/* No answer came in time: the oplock is gone, who waited goes on. Harmless when there is no break
 * under way. */
void vfs_oplock_timeout(struct vfs_open *o);
uint8_t vfs_oplock_level(const struct vfs_open *o);
/* What its lease is now; is_shared is set if it has one. */
void vfs_open_lease_told(struct vfs_open *o, struct vfs_lease_got *out);
/* Does it hold handle caching (a batch oplock, a lease with H), with no break under way? */
bool vfs_open_caches_handle(const struct vfs_open *o);
/* Has it no byte-range locks, or is it the only one that may want any (W)? */
bool vfs_open_may_keep_locks(const struct vfs_open *o);
