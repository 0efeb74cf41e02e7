/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the tree share.
 *
 * One lock for a tree (tree->lock); under it the lock of one content may be taken. No callback of
 * the plugin, no smbkit_tell() and no smbkit_complete() is called under a lock: what is to be
 * released is put on a struct tree_later, what is to be told in the tree's queue, and tree_leave()
 * does both after unlocking. */
#pragma once

#include "base/hash.h"
#include "os/os.h"
#include "base/list.h"
#include "os/sync.h"
#include "tree/tree.h"

#define TREE_MEMORY_MAX (UINT64_C(64) << 20) /* defaults of smbkit_tree_spec */
#define TREE_WRITE_MAX (UINT64_C(256) << 20)
#define TREE_LOAD_MAX (UINT64_C(2) << 30)
#define TREE_ENTRY_MAX (UINT64_C(16) << 20)
/* Within the tree, for PENDING, which would count as a success: the request was taken away. */
#define TREE_QUEUED ((smbkit_status)0xe5b0f111)
/* In an entry's flags: the server itself tells of it. */
#define TREE_UNTOLD 0x80000000u
#define TREE_CLEAR_TOLD_MAX 256u /* names told one by one; of more, that they are many */

/* Is the member there, in a struct of a plugin that may be older, and not NULL? */
#define TREE_HAS(s, member)                                                                        \
    ((s) != NULL && (s)->struct_size >= offsetof(typeof(*(s)), member) + sizeof((s)->member) &&    \
     (s)->member != NULL)

/* ---- content ---- */

/* Bytes that clients' writes take, and that load gave. Bytes on their way to a client may outlive
 * the tree. */
struct tree_account {
    atomic_uint refs;
    atomic_uint_fast64_t used;
    atomic_uint_fast64_t loaded;
    atomic_uint_fast64_t generations; /* of contents, given out so far */
};

/* Bytes that do not change; sent without copying. */
struct tree_bytes {
    atomic_uint refs;
    const void *data;
    uint64_t size;
    void (*release)(void *arg); /* NULL: data is behind this struct, or owned */
    void *arg;
    void *owned;                  /* freed with it */
    struct tree_account *account; /* a reference; NULL: charged to nobody */
    uint64_t charged;
    bool is_loaded; /* as such */
    bool is_lent;   /* for as long as the entry is used: sent by copying */
};

/* The content of a file, which all opens share that have come since it was set. Either bytes, or
 * own, which clients write to. */
struct tree_content {
    atomic_uint refs;
    struct smbkit_tree *tree; /* that is charged */

    struct mutex lock; /* guards what follows */
    struct tree_bytes *bytes;
    struct tree_bytes *before; /* since a client writes: what it was; for files with commit */
    uint64_t first_generation;
    uint64_t generation;   /* another one when writes were taken back */
    smbkit_status refused; /* why they were */
    uint64_t freezes;
    uint64_t committed; /* the last freeze that commit has taken */
    uint8_t *own;
    uint64_t size;
    uint64_t cap;

    /* guarded by tree->lock */
    struct list idle;          /* tree->idle: loaded, and nobody has it open */
    struct tree_entry *holder; /* whose content it is; NULL: no longer */
    struct tree_content *next_free;

    char *host_path; /* immutable; not NULL: of the host, and nothing above counts */
};

/* What an open has written and not committed. Guarded by the content's lock. */
struct tree_writer {
    bool keeps; /* immutable: there is a commit, which may refuse */
    bool has_written;
    uint64_t generation; /* of the content, at the first write */
};

/* What commit is handed. */
struct tree_frozen {
    struct tree_bytes *bytes; /* a reference; NULL: empty */
    uint64_t number;
    uint64_t generation;
};

/* ---- entries ---- */

/* An arg that the entry had before, and that calls may still use. */
struct tree_arg {
    struct tree_arg *next;
    void (*release)(void *arg);
    void *arg;
};

struct tree_extra {
    struct tree_arg *old;
    struct tree_work *load; /* under way */
};

struct tree_place {
    uint64_t seq;
    struct tree_entry *entry; /* NULL: gone */
};

struct tree_dir {
    struct tree_place *order; /* ascending */
    uint32_t len;
    uint32_t cap;
    uint32_t first; /* all before it are gone */
    uint32_t live;
    uint32_t limit;
    uint32_t fill_number; /* fills that were begun */
    bool is_filled;
    struct tree_work *fill; /* under way */
};

/* All guarded by tree->lock. About 200 bytes: there may be a million. */
struct tree_entry {
    struct hash_link by_id;   /* tree->by_id, as long as it is in the tree */
    struct hash_link by_name; /* tree->by_name, likewise, but for the root */
    uint64_t id;
    uint64_t seq;              /* its place in the folder */
    struct tree_entry *parent; /* NULL: the root, or gone */
    char *name;                /* as clients see it; behind the struct, or owned */
    void *arg;
    void (*release)(void *arg);
    union {
        const struct smbkit_tree_file *file;
        const struct smbkit_tree_folder *folder;
    } ops; /* may be NULL */
    union {
        struct tree_content *content; /* may be NULL: empty, or not loaded */
        struct tree_dir *dir;
    } in;
    struct tree_extra *extra; /* may be NULL */
    uint64_t size;
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint32_t attributes;
    uint32_t flags;
    uint32_t refs; /* of the tree, opens, and calls under way */
    uint32_t opens;
    uint32_t mark;  /* the fill of its folder that added it last */
    bool is_folder; /* immutable */
};

static inline bool entry_is_folder(const struct tree_entry *e)
{
    return e->is_folder;
}

/* One open of a client's. */
struct tree_open {
    struct tree_entry *entry;            /* a reference */
    const struct smbkit_tree_file *file; /* as it was opened, with its arg */
    void *arg;
    void *handle;                 /* of file->open */
    struct tree_content *content; /* a reference; NULL: of callbacks, not opened for data, LIVE */
    uint32_t access;
    struct tree_writer writer;
    bool has_handle; /* file->close is to be called */
    atomic_bool is_dirty;
    int64_t fd; /* of the host; -1: none */
};

/* ---- the tree ---- */

struct smbkit_tree {
    /* immutable after init */
    struct smbkit_host *host;
    struct smbkit_tree_spec spec;
    uint64_t seed;
    uint64_t opened_time;

    struct tree_account *account; /* a reference */
    atomic_uint nowait_calls;     /* operations with NOWAIT under way */

    struct mutex lock; /* guards what follows */
    struct cond changed;
    struct hash_table by_id;
    struct hash_table by_name;
    struct tree_entry *root;
    uint64_t last_id;
    uint64_t last_seq;
    struct list idle; /* loaded contents, least recently used first */
    uint64_t idle_bytes;
    struct list events;
    bool is_telling;
    bool has_lost;        /* an event, for want of memory */
    unsigned works_count; /* callbacks under way */
};

/* What is to be done after unlocking. */
struct tree_later {
    struct tree_entry *entries;
    struct tree_content *contents;
    struct tree_arg *args;
};

static inline void tree_enter(struct smbkit_tree *t)
{
    mutex_lock(&t->lock);
}
void tree_leave(struct smbkit_tree *t, struct tree_later *later);

/* ---- tree_names.c ---- */

/* The name as clients see it, owned. NULL: one that SMB cannot have, or no memory. */
char *tree_name_shown(const struct smbkit_tree *t, const char *name);
/* ... as the store has it, owned. NULL: no memory. */
char *tree_name_stored(const struct smbkit_tree *t, const char *shown);
/* May callbacks be told of it though there is no entry of that name? Plugins that take names for
 * paths must not be led out of the folder: not ".", "..", and nothing with a '/'. */
bool tree_name_stays(const char *stored);
/* The path of an entry, owned; NULL: it is gone, or no memory. Under the lock. */
char *tree_path(const struct tree_entry *e);
/* As it would be with another last name. */
char *tree_path_in(const struct tree_entry *folder, const char *name);
/* The next name of a path into *name_r, owned; *at goes on. False: the end, or no memory (*name_r
 * then NULL, and the end is not reached). */
size_t tree_path_next(const char **at, const char **name_r);

/* ---- tree_entry.c ---- */

/* What add and update are given, made ready before the lock is taken. */
struct tree_made {
    struct smbkit_tree_entry in;
    char *name; /* as clients see it; NULL in an update */
    struct tree_content *content;
    bool is_folder;
};

struct tree_entry *entry_new(struct smbkit_tree *t, struct tree_made *made);
/* All below under the lock. */
struct tree_entry *entry_by_id(const struct smbkit_tree *t, uint64_t id);
struct tree_entry *entry_find(const struct smbkit_tree *t, const struct tree_entry *folder,
                              const char *name, size_t len);
static inline struct tree_entry *entry_ref(struct tree_entry *e)
{
    e->refs++;
    return e;
}
void entry_unref(struct tree_entry *e, struct tree_later *later);
/* Into a folder, at its end; the tree's reference is the caller's that was. */
NODISCARD smbkit_status entry_link(struct smbkit_tree *t, struct tree_entry *folder,
                                   struct tree_entry *e);
/* Out of its folder and of the tree, with all below. */
void entry_detach(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later);
NODISCARD smbkit_status entry_move(struct smbkit_tree *t, struct tree_entry *e,
                                   struct tree_entry *folder, const char *name);
/* Could it be there, with all that is below it? NAME_TOO_LONG: too many folders in each other. */
NODISCARD smbkit_status entry_fits(const struct tree_entry *e, const struct tree_entry *folder);
bool entry_is_below(const struct tree_entry *e, const struct tree_entry *folder);
/* The index of the first place after the cookie. */
uint32_t dir_after(const struct tree_dir *d, uint64_t cookie);
void entry_attr(struct tree_entry *e, struct smbkit_attr *attr);
/* Another arg; the old one is released when nobody uses it. */
NODISCARD smbkit_status entry_set_arg(struct tree_entry *e, const struct smbkit_tree_entry *in,
                                      struct tree_later *later);
NODISCARD struct tree_extra *entry_extra(struct tree_entry *e);
void entry_free(struct tree_entry *e); /* no lock */

/* ---- tree_content.c ---- */

struct tree_account *account_new(void);
void account_unref(struct tree_account *a);
/* What load gave, charged to the tree; a lent one is released if there is no room. No lock. */
struct tree_bytes *bytes_loaded(struct smbkit_tree *t, const struct smbkit_tree_load *l);
struct tree_bytes *bytes_copy(const void *data, uint64_t size);
struct tree_bytes *bytes_lent(const void *data, uint64_t size, void (*release)(void *), void *arg);
struct tree_bytes *bytes_ref(struct tree_bytes *b); /* b may be NULL */
void bytes_unref(struct tree_bytes *b);
/* Takes the reference of b, which may be NULL: empty. */
struct tree_content *content_new(struct smbkit_tree *t, struct tree_bytes **b);
struct tree_content *content_host(struct smbkit_tree *t, const char *path);
static inline struct tree_content *content_ref(struct tree_content *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed); /* it has one already */
    return c;
}
void content_unref(struct tree_content *c); /* no lock */
void content_unref_later(struct tree_content *c, struct tree_later *later);
uint64_t content_size(struct tree_content *c);
bool content_is(struct tree_content *c, const void *data, uint64_t size);
NODISCARD smbkit_status content_read(struct tree_content *c, struct smbkit_io *io);
/* Fail as the commit did that took back what the writer had written before. */
NODISCARD smbkit_status content_write(struct tree_content *c, struct smbkit_io *io,
                                      struct tree_writer *w);
NODISCARD smbkit_status content_resize(struct tree_content *c, uint64_t size,
                                       struct tree_writer *w);
/* May the writer's commit be asked for? Else why what it wrote was taken back. */
NODISCARD smbkit_status content_check(struct tree_content *c, const struct tree_writer *w);
/* What is there now, as it will stay. False: no memory; content_revert() takes *f all the same. */
NODISCARD bool content_freeze(struct tree_content *c, struct tree_frozen *f);
/* Commit has taken it, or refused it; the writer has written nothing then. True: the content is
 * another now. */
bool content_settle(struct tree_content *c, const struct tree_frozen *f, struct tree_writer *w);
bool content_revert(struct tree_content *c, const struct tree_frozen *f, struct tree_writer *w,
                    smbkit_status why);
/* Under the lock: an entry's content is another; content's reference is the entry's, or NULL. */
void entry_set_content(struct smbkit_tree *t, struct tree_entry *e, struct tree_content *content,
                       struct tree_later *later);
/* The last open went, or one came. */
void entry_idle_update(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later);
/* Contents that nobody has open go, but for so many bytes. */
void tree_idle_trim(struct smbkit_tree *t, uint64_t max, struct tree_later *later);

/* ---- tree_event.c ---- */

/* Under the lock: to be told when it is left. flags: SMBKIT_EVENT_*. */
void tree_tell(struct smbkit_tree *t, const struct tree_entry *e, uint32_t what, uint32_t flags);
/* path, owned, is taken. */
void tree_tell_path(struct smbkit_tree *t, char *path, char *new_path,
                    const struct smbkit_event *event);
void tree_tell_now(struct smbkit_tree *t);
uint32_t tree_name_filter(const struct tree_entry *e);

/* ---- tree_wait.c, tree_call.c ---- */

enum work_kind {
    TREE_FILL,
    TREE_LOOKUP,
    TREE_CREATE,
    TREE_RENAME,
    TREE_REMOVE,
    TREE_SETATTR, /* so far of folders */
    TREE_LOAD,
    TREE_STAT,
    TREE_OPEN,
    TREE_READ,
    TREE_WRITE,
    TREE_SET_SIZE,
    TREE_FLUSH,
    TREE_COMMIT,
    TREE_USER_ROOT
};

/* What a callback of an entry has answered. */
struct tree_memo {
    uint64_t id; /* 0: not called */
    smbkit_status status;
};

/* What open of a file gave, and no open of a client's has taken over. */
struct tree_handle {
    struct tree_entry *entry; /* a reference; NULL: nothing */
    const struct smbkit_tree_file *file;
    void *arg;
    void *handle;
};

/* One operation of a client's, on the stack of its first run; on the heap from when it waits. After
 * TREE_QUEUED neither it nor what its operation was called with may be looked at: it may be over.
 */
struct tree_req {
    struct smbkit_tree *tree;
    uint32_t id; /* SMBKIT_OP_* */
    struct smbkit_op *op;
    void *file;
    void *args;
    bool is_heap;
    bool is_moved;  /* to the heap: this one is nothing any more */
    bool is_strict; /* no callback may be called just now */
    bool has_acted; /* something was changed: it cannot answer WOULD_BLOCK any more */

    /* What callbacks have answered, for the runs after: the last of each kind. */
    struct tree_memo fill, lookup, load, stat, act, set, open, root;
    struct tree_content *loaded;   /* of the entry load.id; a reference */
    struct smbkit_attr attr;       /* of stat */
    struct smbkit_tree_entry made; /* of create */
    bool has_made;                 /* not added yet */
    void *made_data;               /* owned: what it points to, where create answered later */
    char *made_path;
    uint64_t made_id;
    struct tree_handle opened; /* of the entry open.id */
    struct tree_frozen frozen; /* of commit */
    uint64_t root_id;

    /* guarded by tree->lock */
    struct list link; /* work->waiters */
    bool is_for_all;  /* what it waits for: a cancel takes it out */
    bool is_registering;
    bool is_ready;
    bool is_cancelled;
};

/* One call of a callback. */
struct tree_work {
    struct smbkit_tree_call call; /* call.core is this */
    struct smbkit_tree *tree;
    struct tree_entry *entry; /* a reference */
    enum work_kind kind;
    union {
        const struct smbkit_tree_file *file;
        const struct smbkit_tree_folder *folder;
    } ops;
    void *handle; /* in, of open: out */
    uint32_t access;
    uint64_t number; /* an id, a size; of user_root: out */
    char *name;      /* owned */
    char *other_name;
    struct smbkit_io *io;
    struct smbkit_attr attr; /* of stat: out */
    void *other_arg;
    uint64_t from;
    uint64_t replaced;
    struct smbkit_tree_create create;
    struct smbkit_tree_move rename;
    struct smbkit_tree_commit commit;
    struct smbkit_tree_entry made; /* create: in and out */
    uint32_t kind_made;
    void *kept_data; /* owned: of a create that answers by smbkit_tree_done() */
    char *kept_path;
    struct tree_frozen frozen; /* of commit */
    struct smbkit_tree_load load;

    /* guarded by tree->lock */
    unsigned refs;
    enum { CALL_RUNNING, CALL_PENDING, CALL_ENDING, CALL_OVER } state;
    bool is_early; /* smbkit_tree_done() came before the callback returned */
    bool is_stale; /* load: dropped meanwhile */
    bool is_first; /* fill: nobody is told */
    smbkit_status status;
    struct list waiters;
    struct tree_content *loaded; /* a reference */
    struct smbkit_identity *who; /* a copy, owned; of fill and load */
};

/* Under the lock; NULL: no memory. Let go of by work_call(), or work_free() if it is not called. */
struct tree_work *work_new(struct tree_req *r, enum work_kind kind, struct tree_entry *e);
void work_free(struct tree_work *w); /* no lock */
/* May the callback be called now? SUCCESS or WOULD_BLOCK. flags: of the callbacks. */
NODISCARD smbkit_status work_may_call(const struct tree_req *r, uint32_t flags);
/* Calls it, and lets go of w. TREE_QUEUED: r is not to be looked at any more. */
NODISCARD smbkit_status work_call(struct tree_req *r, struct tree_work *w);
/* Waits for one that others have called. Under the lock, which is let go; as work_call. */
NODISCARD smbkit_status work_join(struct tree_req *r, struct tree_work *w);
smbkit_status work_invoke(struct tree_work *w);
/* Its result, for a request that has waited. Under the lock. */
void work_note(struct tree_work *w, struct tree_req *r);
/* Whose files these are: an identity of its own, in one piece. */
struct smbkit_identity *who_copy(const struct smbkit_identity *who);
void tree_done(struct smbkit_tree_call *call, smbkit_status status);
int32_t tree_is_wanted(struct smbkit_tree_call *call);
smbkit_status req_run(struct tree_req *r);
void req_fini(struct tree_req *r);
/* It came to another entry than the one that was loaded, opened, made: that goes. No lock. */
void req_drop_loaded(struct tree_req *r);
void req_drop_opened(struct tree_req *r);
void req_drop_made(struct tree_req *r);

/* ---- tree_fill.c ---- */

/* The folder is filled when somebody looks: once, or anew for each request that wants it fresh.
 * SUCCESS also when there is nothing to call. Takes the lock. */
NODISCARD smbkit_status tree_fill(struct tree_req *r, struct tree_entry *folder, bool wants_fresh);
/* The content of a file with load into r->loaded. Takes the lock. */
NODISCARD smbkit_status tree_load(struct tree_req *r, struct tree_entry *e);
/* Nobody waits: who comes next does not join it. Under the lock. */
void fill_leave(struct tree_work *w);
void load_leave(struct tree_work *w);
/* Under the lock. */
void fill_settle(struct tree_work *w, struct tree_later *later);
void load_settle(struct tree_work *w, struct tree_later *later);
/* What the callback gave, into w->loaded. No lock. */
NODISCARD smbkit_status load_take(struct tree_work *w);

/* What a path leads to. */
struct tree_found {
    struct tree_entry *entry;  /* a reference; NULL: not there */
    struct tree_entry *parent; /* a reference to the folder of the last name; NULL: of the root */
    const char *leaf;          /* within the path */
};
/* OBJECT_NAME_NOT_FOUND: f->parent is there all the same. Takes the lock. */
NODISCARD smbkit_status tree_resolve(struct tree_req *r, const char *path, struct tree_found *f);
void tree_found_fini(struct smbkit_tree *t, struct tree_found *f);

/* ---- operations ---- */

smbkit_status tree_op_create(struct tree_req *r);
smbkit_status tree_op_lookup(struct tree_req *r);
smbkit_status tree_op_enumerate(struct tree_req *r);
smbkit_status tree_op_get_path(struct tree_req *r);
smbkit_status tree_op_rename(struct tree_req *r);
smbkit_status tree_op_remove(struct tree_req *r);
smbkit_status tree_op_check_remove(struct tree_req *r);
smbkit_status tree_op_getattr(struct tree_req *r);
smbkit_status tree_op_setattr(struct tree_req *r);
smbkit_status tree_op_read(struct tree_req *r);
smbkit_status tree_op_write(struct tree_req *r);
smbkit_status tree_op_flush(struct tree_req *r);
smbkit_status tree_op_set_size(struct tree_req *r);
smbkit_status tree_op_overwrite(struct tree_req *r);
smbkit_status tree_op_commit(struct tree_req *r);
smbkit_status tree_op_file_fd(struct tree_req *r);
smbkit_status tree_op_cache_request(struct tree_req *r);
smbkit_status tree_op_volume_info(struct tree_req *r);
smbkit_status tree_op_session_root(struct tree_req *r);
void tree_close_file(void *volume, struct smbkit_op *op, void *file);
/* May a client set them? The folder is asked, if it wants to be. */
NODISCARD smbkit_status tree_setattr_ask(struct tree_req *r, struct tree_entry *e,
                                         const struct smbkit_attr *attr);
/* Attributes of an entry, asked for where the file has stat. open may be NULL. */
NODISCARD smbkit_status tree_stat(struct tree_req *r, struct tree_entry *e, struct tree_open *open,
                                  struct smbkit_attr *attr);

/* ---- tree_made.c ---- */

/* The entry that add was given, checked and copied. */
NODISCARD smbkit_status made_init(struct smbkit_tree *t, const struct smbkit_tree_entry *in,
                                  bool has_name, struct tree_made *made);
void made_fini(struct tree_made *made, bool failed);
/* Under the lock. */
NODISCARD smbkit_status tree_add_locked(struct smbkit_tree *t, struct tree_entry *folder,
                                        struct tree_made *made, uint64_t *id_r,
                                        struct tree_later *later);
NODISCARD smbkit_status tree_update_locked(struct smbkit_tree *t, struct tree_entry *e,
                                           struct tree_made *made, struct tree_later *later);
void tree_remove_told(struct smbkit_tree *t, struct tree_entry *e, uint32_t flags,
                      struct tree_later *later);

/* ---- tree_push.c ---- */

smbkit_status tree_add(struct smbkit_tree *t, smbkit_tree_id folder,
                       const struct smbkit_tree_entry *entry, smbkit_tree_id *id_r);
smbkit_status tree_update(struct smbkit_tree *t, smbkit_tree_id id,
                          const struct smbkit_tree_entry *entry);
smbkit_status tree_remove(struct smbkit_tree *t, smbkit_tree_id id, uint32_t flags);
smbkit_status tree_clear(struct smbkit_tree *t, smbkit_tree_id folder, uint32_t flags);
smbkit_status tree_rename(struct smbkit_tree *t, smbkit_tree_id id, smbkit_tree_id folder,
                          const char *name);
smbkit_status tree_drop(struct smbkit_tree *t, smbkit_tree_id id);
smbkit_status tree_changed(struct smbkit_tree *t, smbkit_tree_id id);
smbkit_status tree_find(struct smbkit_tree *t, smbkit_tree_id folder, const char *name,
                        smbkit_tree_id *id_r);
smbkit_status tree_at(struct smbkit_tree *t, const char *path, smbkit_tree_id *id_r);
smbkit_status tree_path_get(struct smbkit_tree *t, smbkit_tree_id id, char *buf, uint32_t size);
smbkit_status tree_get(struct smbkit_tree *t, smbkit_tree_id id, struct smbkit_tree_info *info);
smbkit_status tree_list(struct smbkit_tree *t, smbkit_tree_id folder,
                        int32_t (*fn)(void *arg, const struct smbkit_tree_info *info), void *arg);
