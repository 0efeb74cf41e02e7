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
#include "base/ranges.h"
#include "base/wr.h"
#include "os/sync.h"

struct op;
struct vfs_volume;
struct vfs_open;
struct vfs_node;

/* ---- who asks ---- */

/* An identity with its SIDs; reference-counted, immutable. */
struct vfs_token;
struct vfs_token_spec {
    const char *user;
    const char *domain;
    const char *client_address;
    uint32_t rid;                /* of the virtual user; SID is S-1-5-21-<machine>-rid */
    uint32_t flags;              /* SMBKIT_WHO_* */
    const uint32_t *machine_sid; /* three sub-authorities */
    uint64_t session_id;         /* 0: the server itself asks, as for the next */
    uint64_t client_id;          /* of the client machine: what it caches is told apart by it */
};
NODISCARD struct vfs_token *vfs_token_new(const struct vfs_token_spec *spec);
struct vfs_token *vfs_token_ref(struct vfs_token *t);
void vfs_token_unref(struct vfs_token *t);
const struct smbkit_identity *vfs_token_identity_get(const struct vfs_token *t);

/* ---- waiting ---- */

/* One thing that is waited for. vfs only. */
struct vfs_wait_place {
    struct vfs_wait *wait;
    struct list link;
    struct mutex *lock; /* the domain's lock while registered, else NULL; it guards link */
    /* The place in that queue, kept across registrations: */
    const void *queue; /* compared only: it may be gone */
    uint64_t ticket;
};

/* A byte-range lock that is waited for, at one place at most. vfs only. */
struct vfs_wait_lock {
    struct vfs_wait *wait;
    struct range_link range; /* its order is the ticket */
    struct ranges *waiters;  /* of which range is one while registered, else NULL; domain's lock */
    struct list of_open;     /* open->lock_waits; domain's lock */
    struct vfs_open *open;   /* who waits; while `granted` a reference */
    uint8_t place;           /* in places, if has_place */
    bool has_place;          /* that one is in such a queue or was in it last */
    bool exclusive;
    /* It was given the lock as it was woken: it takes that in the next call, or it goes back at the
     * end. The domain's lock until woken, then the owner. */
    bool granted;
};

/* Things waited for at once: oplocks or leases of a file and of its folder, a lock, a transfer.
 * When there are more, the first is forgotten: any of the others wakes, and then all is looked at
 * anew.
 */
#define VFS_WAIT_PLACES 4

/* A call that waits: for whichever comes first of what it was registered for. Its owner cancels it
 * before he makes the call again. */
struct vfs_wait {
    /* Set by the owner. Called once for each thing registered for, from any thread, possibly under
     * a core lock: it may only post a job. */
    void (*wake)(struct vfs_wait *w);
    /* vfs only */
    struct mutex self; /* innermost lock: guards each place's `lock` */
    struct vfs_wait_place places[VFS_WAIT_PLACES];
    unsigned next; /* whose call it is: how many places were taken; the next one is that modulo
                      VFS_WAIT_PLACES */
    struct vfs_wait_lock *lock; /* NULL: it is for no call of vfs_lock */
};
void vfs_wait_init(struct vfs_wait *w, void (*wake)(struct vfs_wait *w));
/* For calls of vfs_lock: with what only they need, which lives as long as w. */
void vfs_wait_lock_init(struct vfs_wait *w, struct vfs_wait_lock *lock);
void vfs_wait_fini(struct vfs_wait *w);
/* Deregister from everything. When it returns wake will not be called any more. True: it was still
 * registered for something. */
bool vfs_wait_cancel(struct vfs_wait *w);

/* The plugin calls of a request, so that it can be run again without making them twice; see
 * journal.h. Lives in the request; whoever runs the handler touches it. */
struct vfs_journal {
    struct list steps;  /* vfs only, all of it */
    struct list *at;    /* the next step to replay; &steps: none is left */
    bool resumes;       /* the handler was stopped by a plugin: the next run replays */
    struct list claims; /* names that a stopped handler keeps claimed; they end with the journal,
                           which is given up before the volumes of its request */
    void *kept;         /* by a handler that a plugin stopped while it acts; or NULL */
    void (*undo)(void *kept);
};
void vfs_journal_init(struct vfs_journal *j);
/* No step may be pending. Files of a handler that was stopped, and is not run again, are closed. */
void vfs_journal_fini(struct vfs_journal *j);
/* Before each run of the handler. */
void vfs_journal_begin(struct vfs_journal *j);
/* The handler answered WOULD_BLOCK, for whatever reason: its next run replays. */
void vfs_journal_would_block(struct vfs_journal *j);
/* Is a plugin call of it under way? Any thread that may touch it. */
bool vfs_journal_is_busy(const struct vfs_journal *j);
/* Was something given to a plugin that it cannot take back (a file to be made or emptied, a
 * rename)? Then the handler is run to its end, whoever has given the request up meanwhile: what it
 * answers is what has happened. Not while a run is under way elsewhere. */
bool vfs_journal_acts(const struct vfs_journal *j);
/* The client has given the request up: tell the plugin, if it asked to be told; but not when
 * something was done already and it is at what comes after. */
void vfs_journal_cancel(struct vfs_journal *j);

/* The surroundings of a call; on the caller's stack. */
struct vfs_call {
    struct vfs_journal *journal; /* NULL: plugins that answer PENDING are waited for on the spot */
    struct vfs_token *token;
    struct vfs_wait *wait;        /* NULL: block instead of answering WAIT (a worker thread only) */
    const atomic_bool *cancelled; /* what smbkit_op_is_cancelled tells; may be NULL */
    bool nowait;                  /* on an event loop: answer WOULD_BLOCK rather than block */
    bool on_loop;                 /* likewise: answer WOULD_BLOCK rather than compute for long */
};

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
    /* The volume is not closed before fn has returned. */
    smbkit_status (*run)(const struct vfs_services *s, struct vfs_volume *v, void (*fn)(void *arg),
                         void *arg);
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

struct vfs_volume_spec {
    struct vfs_nodes *nodes; /* NULL: its own */
    uint64_t now;            /* FILETIME: what files of which no time is known show */
    /* Taken over, also on failure: released with the volume. NULL: nothing is lent. */
    const struct vfs_services *services;
    const struct smbkit_admin *admin; /* NULL: not granted to this volume's plugins */
    const char *share_name;
    const struct vfs_layer_spec *layers; /* filters first, outermost first; the plugin last */
    uint32_t layer_count;                /* 1..VFS_LAYERS_MAX */
    bool read_only;
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
struct vfs_volume *vfs_volume_ref(struct vfs_volume *v);
/* By one who holds none, but knows that it is not freed yet. false: it is closing. */
NODISCARD bool vfs_volume_ref_try(struct vfs_volume *v);
void vfs_volume_unref(struct vfs_volume *v); /* the last one calls volume_close */
/* May calls on it run on an event loop: always, or with nowait? */
bool vfs_volume_never_blocks(const struct vfs_volume *v);
bool vfs_volume_tries_nowait(const struct vfs_volume *v);
bool vfs_volume_is_read_only(const struct vfs_volume *v);
uint32_t vfs_volume_features(const struct vfs_volume *v); /* SMBKIT_FEATURE_* */
/* From now on no call changes anything, not even the end of an open that was to delete its file;
 * or changes are allowed again, where the plugin takes any. */
void vfs_volume_read_only_set(struct vfs_volume *v, bool on);
/* Whose is a new file in a folder that hands down no rights? On: its maker's alone (and SYSTEM's).
 * Off, as at first: a folder without a descriptor of its own hands down everything to everybody. */
void vfs_volume_private_files_set(struct vfs_volume *v, bool on);
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
    bool means_directory;     /* ended in '\\' */
};
/* name: UTF-8 with '\\' between components, as a client sends it (no leading '\\'). wildcards are
 * refused. Errors: OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD (".", ".."), INVALID_PARAMETER
 * (leading '\\'), NO_MEMORY, NAME_TOO_LONG. */
NODISCARD smbkit_status vfs_path_parse(const char *name, struct vfs_path *out);
void vfs_path_fini(struct vfs_path *p);

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

struct vfs_create_in {
    struct vfs_volume *volume;
    const char *path;
    const char *stream;
    uint32_t desired_access; /* as the client sent it, generic bits and MAXIMUM_ALLOWED included */
    uint32_t access_cap;     /* what the tree connect may grant at most; SMBKIT_ALL_ACCESS |
                                ACCESS_SYSTEM_SECURITY as a rule */
    uint32_t file_attributes;
    uint32_t share_access;
    uint32_t disposition; /* SMBKIT_OPEN ... */
    uint32_t options;     /* VFS_* */
    uint8_t oplock_level;
    bool want_max_access;
    bool means_directory; /* the name ended in '\\' */
    uint64_t alloc_size;
    const uint8_t *security; /* self-relative, from the client; NULL: inherited */
    size_t security_len;
    const uint8_t *ea;
    size_t ea_len;
    struct vfs_owner owner;
};

struct vfs_create_out {
    struct vfs_open *open;
    uint32_t action;
    uint8_t oplock_level;
    struct smbkit_attr attr;
    smbkit_status max_access_status;
    uint32_t max_access;
};

/* [MS-FSA] 2.1.5.1. Answers WAIT while an oplock of another open breaks. MAY be called again after
 * WAIT or WOULD_BLOCK: it keeps nothing. */
NODISCARD smbkit_status vfs_create(struct vfs_call *call, const struct vfs_create_in *in,
                                   struct vfs_create_out *out);
struct vfs_stop_in {
    struct vfs_volume *volume;
    const char *path;
};
struct vfs_stop_out {
    struct wr *reparse; /* takes the REPARSE_DATA_BUFFER of the link, [MS-FSCC] 2.1.2.2 */
    const char *rest;   /* of the path, behind the link: "", or begins with '/' */
};
/* On which link did a create of that path stop that answered IO_REPARSE_TAG_NOT_HANDLED? May be
 * called again after WAIT or WOULD_BLOCK. NOT_FOUND: it does not stop any more, or too far down. */
NODISCARD smbkit_status vfs_stop_find(struct vfs_call *call, const struct vfs_stop_in *in,
                                      struct vfs_stop_out *out);
/* [MS-FSA] 2.1.5.5: gives up share modes, locks, oplock, notifications; deletes a delete-pending
 * file with the last open. Answers WAIT while other calls on the open are under way; WOULD_BLOCK
 * before anything happened. attr (may be NULL): the attributes as they are after it. On any other
 * answer the open is closed and the caller's reference is gone; a status < 0 then tells that a
 * delete failed. */
NODISCARD smbkit_status vfs_close(struct vfs_call *call, struct vfs_open *open,
                                  struct smbkit_attr *attr);
/* Extra references keep the memory, not the file: calls on a closed open answer FILE_CLOSED. */
struct vfs_open *vfs_open_ref(struct vfs_open *o);
void vfs_open_unref(struct vfs_open *o);

bool vfs_open_is_directory(const struct vfs_open *o);
uint32_t vfs_open_granted_access(const struct vfs_open *o);
uint32_t vfs_open_options(
    const struct vfs_open *o); /* VFS_*, as created and as Mode information changed them */
NODISCARD smbkit_status vfs_open_mode_set(struct vfs_open *o,
                                          uint32_t mode); /* [MS-FSA] 2.1.5.15.8 */
uint64_t vfs_open_position(const struct vfs_open *o);
void vfs_open_position_set(struct vfs_open *o, uint64_t position);
bool vfs_open_is_delete_pending(const struct vfs_open *o);
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

/* ---- directories ---- */

struct vfs_dir_entry {
    const char *name;
    struct smbkit_attr attr;
};
struct vfs_dir_query {
    const char *pattern; /* NULL or "": the one before, "*" at first; heeded at the first query and
                            with reopen */
    bool restart;        /* from the start, same pattern unless one is given */
    bool reopen;         /* from the start, new pattern */
    bool single;         /* one entry only */
    bool want_attr;
    /* True: taken; false: no room. Called without core locks. */
    bool (*entry)(void *arg, const struct vfs_dir_entry *e);
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
/* The REPARSE_DATA_BUFFER of a reparse point that was opened itself, [MS-FSCC] 2.1.2.2.
 * NOT_A_REPARSE_POINT. [MS-FSA] 2.1.5.10.14 */
NODISCARD smbkit_status vfs_get_reparse(struct vfs_call *call, struct vfs_open *o, struct wr *out);
/* what: OWNER 1, GROUP 2, DACL 4, SACL 8 ([MS-DTYP] 2.4.7). Appends a self-relative descriptor. */
NODISCARD smbkit_status vfs_query_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                                           struct wr *out);
NODISCARD smbkit_status vfs_set_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                                         const uint8_t *sd, size_t sd_len);
NODISCARD smbkit_status vfs_zero_range(struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                                       uint64_t length);
/* Allocated ranges within `within`, ascending; *count_r in: room, out: filled. BUFFER_OVERFLOW:
 * there are more. */
NODISCARD smbkit_status vfs_ranges(struct vfs_call *call, struct vfs_open *o,
                                   struct smbkit_range within, struct smbkit_range *out,
                                   uint32_t *count_r);

/* ---- oplocks ---- */

/* The client's answer to a break. INVALID_OPLOCK_PROTOCOL: no break under way; INVALID_PARAMETER: a
 * level that was not offered. */
NODISCARD smbkit_status vfs_oplock_ack(struct vfs_open *o, uint8_t level, uint8_t *level_r);
/* No answer came in time: the oplock is gone, who waited goes on. Harmless when there is no break
 * under way. */
void vfs_oplock_timeout(struct vfs_open *o);
uint8_t vfs_oplock_level(const struct vfs_open *o);
