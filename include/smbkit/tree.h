/* SPDX-License-Identifier: Apache-2.0 */
/* A file system as a tree of entries: folders that are filled when somebody looks, files from
 * memory, from functions or from the host, all of it changed at any time while clients watch. The
 * tree lives in the server; a plugin on it describes what is there and has no operations of its
 * own:
 *
 *     static smbkit_status hello_open(struct smbkit_volume_args *args, void **volume_r)
 *     {
 *         struct smbkit_tree_spec spec = smbkit_tree_spec_new();
 *         smbkit_status status = smbkit_tree_open(args, &spec, volume_r);
 *         if (SMBKIT_OK(status)) {
 *             struct smbkit_tree *tree = (struct smbkit_tree *)*volume_r;
 *             smbkit_tree_add_text(tree, SMBKIT_TREE_ROOT, "hello.txt", "Hello!\n");
 *         }
 *         return status;
 *     }
 *     SMBKIT_TREE_PLUGIN(hello, "hello", "one file", hello_open, NULL)
 *
 * Entries are named by numbers, which are never used again, so that none dangles: what is asked of
 * one that is gone answers SMBKIT_STATUS_NOT_FOUND. Every function may be called from any thread,
 * also from within the tree's own callbacks; the tree holds no lock during one. Callbacks are
 * called from several threads at once, but there is one fill at a time for a folder and one load at
 * a time for a file, for all who wait. */
#pragma once

#include <smbkit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smbkit_tree;
typedef uint64_t smbkit_tree_id;
#define SMBKIT_TREE_NONE 0u
#define SMBKIT_TREE_ROOT 1u

/* Bounds of every tree; what is beyond is refused. */
#define SMBKIT_TREE_DEPTH_MAX 128u      /* folders within each other */
#define SMBKIT_TREE_NAME_MAX 255u       /* UTF-16 units of a name as clients see it */
#define SMBKIT_TREE_FILE_MAX (1u << 30) /* bytes of a file that is held in memory */

/* ---- callbacks ---- */

/* One call of a callback. Each that returns a status may return SMBKIT_STATUS_PENDING and call
 * smbkit_tree_done() later, from any thread; this struct and all pointers of the call are good
 * until then. */
struct smbkit_tree_call {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    struct smbkit_tree *tree;
    smbkit_tree_id id;                 /* the entry whose callback it is */
    void *arg;                         /* of that entry */
    const struct smbkit_identity *who; /* never NULL; of fill and load, which are done for all who
                                          wait: who asked first */
    struct smbkit_op *op; /* the request, for smbkit_on_cancel() while it is pending; NULL for fill
                             and load */
    void *data;           /* the callback's own while it is pending */
    void *core;
};

/* The whole content of a file, as load answers it. */
struct smbkit_tree_load {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* out */
    const void *data; /* lent until release(release_arg) is called, once, from any thread, when all
                         of it has been sent; release NULL: copied before the callback has returned
                         or smbkit_tree_done() has */
    uint64_t size;    /* bytes */
    void (*release)(void *arg);
    void *release_arg;
};

/* The whole content of a file that was written. */
struct smbkit_tree_commit {
    uint32_t struct_size;
    uint32_t flags;   /* 0 */
    const void *data; /* NULL for files with read, and for empty ones */
    uint64_t size;    /* bytes */
};

/* What a file does. Every member may be NULL. With load, or with none of load and read, the tree
 * holds the content, and every open has the one that was there as it was opened, unless the entry
 * is SMBKIT_TREE_LIVE. With read each read is asked for; handle is what open made for the open. */
struct smbkit_tree_file {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_TREE_FRESH, SMBKIT_TREE_NEVER_BLOCKS */
    /* The content, now. Called when the file is opened for its data. Kept while it is open, and
     * beyond that as there is room (smbkit_tree_spec.memory_max), until smbkit_tree_drop(). With
     * SMBKIT_TREE_FRESH it is asked for by each open, but for a file that clients may write and
     * have open. Opens that are given the same bytes share them; smbkit_tree_spec.load_max bounds
     * them all. */
    smbkit_status (*load)(struct smbkit_tree_call *c, struct smbkit_tree_load *load);
    /* Size and times, now: attr holds what is known. Called whenever a client asks. Absent: as the
     * entry says. */
    smbkit_status (*stat)(struct smbkit_tree_call *c, struct smbkit_attr *attr);
    /* access: SMBKIT_READ_DATA, SMBKIT_WRITE_DATA, ... Called when the file is opened for its
     * data. Absent: *handle_r is NULL. */
    smbkit_status (*open)(struct smbkit_tree_call *c, uint32_t access, void **handle_r);
    smbkit_status (*read)(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io);
    /* Absent: the content that the tree holds is written to, if the entry is
     * SMBKIT_TREE_WRITABLE. */
    smbkit_status (*write)(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io);
    smbkit_status (*set_size)(struct smbkit_tree_call *c, void *handle, uint64_t size);
    /* Absent: success. */
    smbkit_status (*flush)(struct smbkit_tree_call *c, void *handle);
    /* A client that wrote closes: a failure is the answer to its CLOSE, and the content that the
     * tree holds is again what was committed last. Who else had written to it by then has lost
     * that as well: the failure answers his writes from then on, and his CLOSE. */
    smbkit_status (*commit)(struct smbkit_tree_call *c, void *handle,
                            const struct smbkit_tree_commit *what);
    void (*close)(void *arg, void *handle); /* short; after each open that succeeded */
};

/* What a client makes in a folder. */
struct smbkit_tree_entry;
struct smbkit_tree_create {
    uint32_t struct_size;
    uint32_t kind;       /* SMBKIT_KIND_FILE or SMBKIT_KIND_DIRECTORY */
    const char *name;    /* as the store has it: see SMBKIT_TREE_RAW_NAMES */
    uint32_t attributes; /* SMBKIT_ATTR_* */
    uint32_t reserved;
    /* What will be added, under that name. In: an empty file in memory that clients may write, or a
     * folder with the callbacks and arg of this one, without its release. Change what you like.
     * What it points to is copied before smbkit_tree_done() returns; if create does not answer
     * PENDING, only after it has returned. */
    struct smbkit_tree_entry *entry;
};

/* An entry gets another name, or goes to another folder. */
struct smbkit_tree_move {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    smbkit_tree_id id;
    void *arg;           /* of the entry id */
    smbkit_tree_id from; /* folder */
    const char *from_name;
    const char *to_name;     /* in the folder that is asked */
    smbkit_tree_id replaced; /* the file of that name, which goes for it; or SMBKIT_TREE_NONE */
};

/* What a folder does. Every member may be NULL. */
struct smbkit_tree_folder {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_TREE_FRESH, SMBKIT_TREE_NEVER_BLOCKS */
    /* Add what is in the folder c->id. Called when somebody first looks; with SMBKIT_TREE_FRESH
     * whenever a listing begins or a name is not found. What is not added again by a later fill
     * goes then, and the differences are told. A failure is the client's answer, and the next who
     * looks asks again. Absent: what is added from outside is all. */
    smbkit_status (*fill)(struct smbkit_tree_call *c);
    /* name is not in the folder: add it now, or leave it. OBJECT_NAME_NOT_FOUND is as good as
     * success without an entry. */
    smbkit_status (*lookup)(struct smbkit_tree_call *c, const char *name);
    /* A client makes a file or folder in it: allow it, and the tree adds it; or refuse. Absent:
     * ACCESS_DENIED. */
    smbkit_status (*create)(struct smbkit_tree_call *c, struct smbkit_tree_create *how);
    /* A client renames an entry into it, or within it: allow it, and the tree moves it; or refuse.
     * Absent: ACCESS_DENIED. Out of a folder without remove nothing is moved. */
    smbkit_status (*rename)(struct smbkit_tree_call *c, const struct smbkit_tree_move *how);
    /* A client deletes the entry id of it, whose arg is arg: allow it, and the tree takes it away;
     * or refuse. Absent: ACCESS_DENIED. */
    smbkit_status (*remove)(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg);
    /* A client sets times or attributes (SMBKIT_HAS_* in attr->valid) of the entry id in it: allow
     * or refuse. Absent: allowed where the entry is SMBKIT_TREE_WRITABLE, else ACCESS_DENIED. Also
     * asked where a file is overwritten with other attributes than it has (but for ARCHIVE): a
     * refusal refuses that. */
    smbkit_status (*setattr)(struct smbkit_tree_call *c, smbkit_tree_id id,
                             const struct smbkit_attr *attr);
};

/* flags of callbacks (FRESH, NEVER_BLOCKS), of entries (all others) */
#define SMBKIT_TREE_FRESH 0x1u
#define SMBKIT_TREE_NEVER_BLOCKS 0x2u /* callbacks return at once: event loops may call them */
#define SMBKIT_TREE_IS_FOLDER 0x4u    /* a folder, also without callbacks */
#define SMBKIT_TREE_LENT 0x8u /* data is not copied: it stays as it is until release is called */
#define SMBKIT_TREE_NO_CACHE 0x10u /* no client may cache it (no oplock, no lease) */
#define SMBKIT_TREE_FIXED 0x20u    /* clients can neither delete nor rename it */
#define SMBKIT_TREE_WRITABLE 0x40u /* clients may write to it */
#define SMBKIT_TREE_LIVE 0x80u     /* opens see what is there now, not as they were opened */
#define SMBKIT_TREE_REPLACE 0x100u /* add: an entry of that name becomes this one, as by update */
#define SMBKIT_TREE_NEWER 0x200u   /* add: likewise, if its write_time is older; else it stays */
#define SMBKIT_TREE_QUIET                                                                          \
    0x400u /* add, update: nobody is notified; caching is broken all the same */

/* ---- entries ---- */

struct smbkit_tree_entry {
    uint32_t struct_size;
    uint32_t flags;      /* SMBKIT_TREE_* */
    const char *name;    /* add only; copied */
    uint32_t attributes; /* SMBKIT_ATTR_*; DIRECTORY comes by itself */
    uint32_t limit; /* folder: the most entries it holds, the oldest goes for a new one; 0: none */
    uint64_t create_time; /* FILETIME; 0: now. All zero in an update: as they were, but the write
                             time now if the content is another */
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    const void *data; /* file: content; copied, unless SMBKIT_TREE_LENT */
    uint64_t size;    /* bytes of data; with file->load, read or stat: what is shown until more is
                         known */
    const char *host_path; /* file: of the host, opened by the server when a client opens it; read
                              only; copied. The tree must say SMBKIT_TREE_HOST_FILES */
    const struct smbkit_tree_file *file;     /* must live as long as the tree, as must folder */
    const struct smbkit_tree_folder *folder; /* not NULL: a folder */
    void *arg;                               /* of the callbacks */
    void (*release)(void *arg); /* called once, when the entry is gone, or has got another arg, and
                                   nobody uses this one any more; also when adding fails */
};
static inline struct smbkit_tree_entry smbkit_tree_entry_new(const char *name)
{
    static struct smbkit_tree_entry none; /* never written to */
    struct smbkit_tree_entry e = none;
    e.struct_size = (uint32_t)sizeof(e);
    e.name = name;
    return e;
}

/* An entry as it is. */
struct smbkit_tree_info {
    uint32_t struct_size;
    uint32_t flags; /* of the entry: SMBKIT_TREE_IS_FOLDER, ... */
    smbkit_tree_id id;
    smbkit_tree_id folder; /* that it is in; SMBKIT_TREE_NONE: the root */
    uint32_t attributes;   /* SMBKIT_ATTR_* */
    uint32_t opens;        /* handles of clients, and of what the server looks at for them */
    uint64_t size;         /* bytes */
    uint64_t count;        /* entries of a folder, as far as it is filled */
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    void *arg;
    const char *name; /* as the store has it; of smbkit_tree_list() only, else NULL */
};

/* ---- the tree ---- */

struct smbkit_tree_spec {
    uint32_t struct_size;
    uint32_t flags;                        /* SMBKIT_TREE_RAW_NAMES, _READ_ONLY, _HOST_FILES */
    const struct smbkit_tree_folder *root; /* NULL: filled from outside, clients make nothing */
    void *arg;                             /* of root, and of what follows */
    /* The volume is closed: end what pushes, and by smbkit_tree_done() what is pending. Called
     * once; the tree is there until it has returned and nothing is pending. */
    void (*stop)(void *arg);
    void (*release)(void *arg); /* the last call; also when smbkit_tree_open() fails */
    uint64_t memory_max; /* bytes of loaded content that is kept though nobody has it open; 0: 64
                            MiB */
    uint64_t write_max;  /* bytes that clients' writes may take in all; 0: 256 MiB */
    uint64_t entry_max;  /* entries; 0: 16 million. More: INSUFFICIENT_RESOURCES */
    /* Space and label: *info has plausible values. Must not block. */
    void (*info)(void *arg, struct smbkit_volume_info *info);
    /* The root for who connects: *root_r, a folder; its path is asked for once, then. */
    smbkit_status (*user_root)(struct smbkit_tree_call *c, smbkit_tree_id *root_r);
    /* A client asked for a name that is not there, also after lookup. Must not block. */
    void (*missed)(void *arg, smbkit_tree_id folder, const char *name);
    /* Bytes of loaded content in all, also of what is open; 0: 2 GiB. A client that opens more gets
     * INSUFFICIENT_RESOURCES. */
    uint64_t load_max;
};
/* Names are shown as they are, and what SMB cannot have is refused (OBJECT_NAME_INVALID). Otherwise
 * such characters (" * : < > ? \ | / and control characters, a blank or dot at the end) are shown
 * in the private use area, and callbacks get names as the store has them; a name that is new to the
 * tree is never "." or ".." there, nor does it have a '/'. */
#define SMBKIT_TREE_RAW_NAMES 0x1u
#define SMBKIT_TREE_READ_ONLY 0x2u  /* create, rename, remove and write are never asked */
#define SMBKIT_TREE_HOST_FILES 0x4u /* entries with host_path: an open may take a descriptor */
static inline struct smbkit_tree_spec smbkit_tree_spec_new(void)
{
    static struct smbkit_tree_spec none; /* never written to */
    struct smbkit_tree_spec spec = none;
    spec.struct_size = (uint32_t)sizeof(spec);
    return spec;
}

/* The server's side of the functions below. */
struct smbkit_tree_table {
    uint32_t struct_size;
    uint32_t reserved;
    smbkit_status (*open)(struct smbkit_volume_args *args, const struct smbkit_tree_spec *spec,
                          void **volume_r);
    void (*volume_close)(void *volume);
    smbkit_status (*op)(void *volume, uint32_t id, struct smbkit_op *op, void *file, void *args);
    void (*close)(void *volume, struct smbkit_op *op, void *file);
    smbkit_status (*add)(struct smbkit_tree *tree, smbkit_tree_id folder,
                         const struct smbkit_tree_entry *entry, smbkit_tree_id *id_r);
    smbkit_status (*update)(struct smbkit_tree *tree, smbkit_tree_id id,
                            const struct smbkit_tree_entry *entry);
    smbkit_status (*remove)(struct smbkit_tree *tree, smbkit_tree_id id, uint32_t flags);
    smbkit_status (*clear)(struct smbkit_tree *tree, smbkit_tree_id folder, uint32_t flags);
    smbkit_status (*rename)(struct smbkit_tree *tree, smbkit_tree_id id, smbkit_tree_id folder,
                            const char *name);
    smbkit_status (*drop)(struct smbkit_tree *tree, smbkit_tree_id id);
    smbkit_status (*changed)(struct smbkit_tree *tree, smbkit_tree_id id);
    smbkit_status (*find)(struct smbkit_tree *tree, smbkit_tree_id folder, const char *name,
                          smbkit_tree_id *id_r);
    smbkit_status (*at)(struct smbkit_tree *tree, const char *path, smbkit_tree_id *id_r);
    smbkit_status (*path)(struct smbkit_tree *tree, smbkit_tree_id id, char *buf, uint32_t size);
    smbkit_status (*get)(struct smbkit_tree *tree, smbkit_tree_id id,
                         struct smbkit_tree_info *info);
    smbkit_status (*list)(struct smbkit_tree *tree, smbkit_tree_id folder,
                          int32_t (*fn)(void *arg, const struct smbkit_tree_info *info), void *arg);
    void (*done)(struct smbkit_tree_call *call, smbkit_status status);
    void *(*data)(struct smbkit_tree *tree);
    struct smbkit_host *(*host)(struct smbkit_tree *tree);
    int32_t (*is_wanted)(struct smbkit_tree_call *call);
};

/* For volume_open: makes *volume_r, a struct smbkit_tree, and sets args->features. It takes no
 * arguments of the share: the plugin does, before. spec is copied. */
static inline smbkit_status smbkit_tree_open(struct smbkit_volume_args *args,
                                             const struct smbkit_tree_spec *spec, void **volume_r)
{
    return smbkit_api->tree->open(args, spec, volume_r);
}

/* Adds an entry to a folder; id_r may be NULL. OBJECT_NAME_COLLISION: there is one of that name
 * (see SMBKIT_TREE_REPLACE). OBJECT_NAME_INVALID. NOT_A_DIRECTORY, NOT_FOUND: of folder. */
static inline smbkit_status smbkit_tree_add(struct smbkit_tree *tree, smbkit_tree_id folder,
                                            const struct smbkit_tree_entry *entry,
                                            smbkit_tree_id *id_r)
{
    return smbkit_api->tree->add(tree, folder, entry, id_r);
}
/* The same, in short: */
static inline smbkit_status smbkit_tree_add_bytes(struct smbkit_tree *tree, smbkit_tree_id folder,
                                                  const char *name, const void *data, uint64_t size)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.data = data;
    e.size = size;
    return smbkit_api->tree->add(tree, folder, &e, NULL);
}
static inline smbkit_status smbkit_tree_add_text(struct smbkit_tree *tree, smbkit_tree_id folder,
                                                 const char *name, const char *text)
{
    uint64_t size = 0;
    while (text[size]) {
        size++;
    }
    return smbkit_tree_add_bytes(tree, folder, name, text, size);
}
static inline smbkit_status smbkit_tree_add_host(struct smbkit_tree *tree, smbkit_tree_id folder,
                                                 const char *name, const char *path)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.host_path = path;
    return smbkit_api->tree->add(tree, folder, &e, NULL);
}
static inline smbkit_status smbkit_tree_add_file(struct smbkit_tree *tree, smbkit_tree_id folder,
                                                 const char *name,
                                                 const struct smbkit_tree_file *file, void *arg)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.file = file;
    e.arg = arg;
    return smbkit_api->tree->add(tree, folder, &e, NULL);
}
/* SMBKIT_TREE_NONE: it could not be added. */
static inline smbkit_tree_id smbkit_tree_add_folder(struct smbkit_tree *tree, smbkit_tree_id folder,
                                                    const char *name,
                                                    const struct smbkit_tree_folder *ops, void *arg)
{
    smbkit_tree_id id = SMBKIT_TREE_NONE;
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.flags = SMBKIT_TREE_IS_FOLDER;
    e.folder = ops;
    e.arg = arg;
    return SMBKIT_OK(smbkit_api->tree->add(tree, folder, &e, &id)) ? id : SMBKIT_TREE_NONE;
}

/* The entry becomes what entry says, all of it but the name; a file stays a file. Opens keep the
 * content that they have. If anything is another now it is told, and caching is broken. */
static inline smbkit_status smbkit_tree_update(struct smbkit_tree *tree, smbkit_tree_id id,
                                               const struct smbkit_tree_entry *entry)
{
    return smbkit_api->tree->update(tree, id, entry);
}
/* Takes the entry away, with all below it; opens keep what they have. flags: SMBKIT_TREE_QUIET, or
 * 0. */
static inline smbkit_status smbkit_tree_remove(struct smbkit_tree *tree, smbkit_tree_id id,
                                               uint32_t flags)
{
    return smbkit_api->tree->remove(tree, id, flags);
}
/* All entries of a folder. */
static inline smbkit_status smbkit_tree_clear(struct smbkit_tree *tree, smbkit_tree_id folder,
                                              uint32_t flags)
{
    return smbkit_api->tree->clear(tree, folder, flags);
}
/* Another name, or another folder. OBJECT_NAME_COLLISION: the name is taken. */
static inline smbkit_status smbkit_tree_rename(struct smbkit_tree *tree, smbkit_tree_id id,
                                               smbkit_tree_id folder, const char *name)
{
    return smbkit_api->tree->rename(tree, id, folder, name);
}
/* Forget what load or fill gave, so that it is asked for again when somebody looks. Nobody is told,
 * but of the differences that a fill then makes. */
static inline smbkit_status smbkit_tree_drop(struct smbkit_tree *tree, smbkit_tree_id id)
{
    return smbkit_api->tree->drop(tree, id);
}
/* What the callbacks would answer is another now: as drop, caching is broken and watchers told. */
static inline smbkit_status smbkit_tree_changed(struct smbkit_tree *tree, smbkit_tree_id id)
{
    return smbkit_api->tree->changed(tree, id);
}
/* An entry by its name, in any letters; or by its path from the root, with '/' between names. What
 * is there now: nothing is filled. NOT_FOUND. */
static inline smbkit_status smbkit_tree_find(struct smbkit_tree *tree, smbkit_tree_id folder,
                                             const char *name, smbkit_tree_id *id_r)
{
    return smbkit_api->tree->find(tree, folder, name, id_r);
}
static inline smbkit_status smbkit_tree_at(struct smbkit_tree *tree, const char *path,
                                           smbkit_tree_id *id_r)
{
    return smbkit_api->tree->at(tree, path, id_r);
}
/* The path, '/' between names as the store has them, terminated. BUFFER_TOO_SMALL. */
static inline smbkit_status smbkit_tree_path(struct smbkit_tree *tree, smbkit_tree_id id, char *buf,
                                             uint32_t size)
{
    return smbkit_api->tree->path(tree, id, buf, size);
}
static inline smbkit_status smbkit_tree_get(struct smbkit_tree *tree, smbkit_tree_id id,
                                            struct smbkit_tree_info *info)
{
    info->struct_size = (uint32_t)sizeof(*info);
    return smbkit_api->tree->get(tree, id, info);
}
/* Calls fn for each entry of a folder until it returns 0, in the order in which they were added;
 * nothing is filled. fn may call anything; entries that come meanwhile may be left out. */
static inline smbkit_status
smbkit_tree_list(struct smbkit_tree *tree, smbkit_tree_id folder,
                 int32_t (*fn)(void *arg, const struct smbkit_tree_info *info), void *arg)
{
    return smbkit_api->tree->list(tree, folder, fn, arg);
}
/* The end of a callback that returned SMBKIT_STATUS_PENDING: exactly once, also before it has
 * returned. It calls no callback but release. */
static inline void smbkit_tree_done(struct smbkit_tree_call *call, smbkit_status status)
{
    smbkit_api->tree->done(call, status);
}
/* 0: of a fill or a load that is pending, all who waited have gone. End it soon, with any status:
 * who comes from now on does not wait for it, but has the callback called anew. 1: go on, also of
 * every other callback, which have call->op to ask. Never blocks for long. */
static inline int32_t smbkit_tree_is_wanted(struct smbkit_tree_call *call)
{
    const struct smbkit_tree_table *t = smbkit_api->tree;
    int32_t is_known = t->struct_size > offsetof(struct smbkit_tree_table, is_wanted);
    return is_known ? t->is_wanted(call) : 1;
}
/* The arg of the spec; the host, for timers, watches and smbkit_run(). */
static inline void *smbkit_tree_data(struct smbkit_tree *tree)
{
    return smbkit_api->tree->data(tree);
}
static inline struct smbkit_host *smbkit_tree_host(struct smbkit_tree *tree)
{
    return smbkit_api->tree->host(tree);
}

/* ---- the plugin ---- */

/* The operations that a tree has. A plugin with a table of its own takes those that it wants:
 * smbkit_tree_op_read and so on, with smbkit_tree_op_volume_close and smbkit_tree_op_close. */
#define SMBKIT_TREE_OPERATIONS(X)                                                                  \
    X(VOLUME, volume_info, struct smbkit_volume_info)                                              \
    X(VOLUME, create, struct smbkit_create)                                                        \
    X(VOLUME, lookup, struct smbkit_lookup)                                                        \
    X(FILE, enumerate, struct smbkit_sink)                                                         \
    X(FILE, get_path, struct smbkit_buffer)                                                        \
    X(FILE, rename, const struct smbkit_rename)                                                    \
    X(FILE, remove, const struct smbkit_remove)                                                    \
    X(FILE, getattr, struct smbkit_attr)                                                           \
    X(FILE, setattr, const struct smbkit_attr)                                                     \
    X(FILE, read, struct smbkit_io)                                                                \
    X(FILE, write, struct smbkit_io)                                                               \
    X(FILE, flush, const struct smbkit_flush)                                                      \
    X(FILE, set_size, const struct smbkit_size)                                                    \
    X(FILE, overwrite, struct smbkit_overwrite)                                                    \
    X(VOLUME, session_root, struct smbkit_session_root)                                            \
    X(FILE, commit, const struct smbkit_flush)                                                     \
    X(FILE, file_fd, struct smbkit_file_fd)                                                        \
    X(FILE, cache_request, struct smbkit_cache)                                                    \
    X(FILE, check_remove, const struct smbkit_remove)

#define SMBKIT_TREE_OP_(kind, name, type)                                                          \
    static inline smbkit_status smbkit_tree_op_##name(void *volume, struct smbkit_op *op,          \
                                                      SMBKIT_FILE_PARAM_##kind type *a)            \
    {                                                                                              \
        return smbkit_api->tree->op(volume, SMBKIT_OP_##name, op, SMBKIT_TREE_FILE_##kind,         \
                                    (void *)(uintptr_t)a);                                         \
    }
#define SMBKIT_TREE_FILE_VOLUME NULL
#define SMBKIT_TREE_FILE_FILE file
SMBKIT_TREE_OPERATIONS(SMBKIT_TREE_OP_)
#undef SMBKIT_TREE_OP_

static inline void smbkit_tree_op_volume_close(void *volume)
{
    smbkit_api->tree->volume_close(volume);
}
static inline void smbkit_tree_op_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_api->tree->close(volume, op, file);
}

/* The table of a plugin on a tree, for those that change it before they register it. */
static inline struct smbkit_plugin
smbkit_tree_plugin(const char *name, const char *description,
                   smbkit_status (*volume_open)(struct smbkit_volume_args *args, void **volume_r),
                   const char *config_help)
{
    static struct smbkit_plugin none; /* never written to */
    struct smbkit_plugin p = none;
    p.struct_size = (uint32_t)sizeof(p);
    p.api_version = SMBKIT_API_VERSION;
    p.thread_model = SMBKIT_PARALLEL;
    p.name = name;
    p.description = description;
    p.version = "1";
    p.config_help = config_help;
    p.volume_open = volume_open;
    p.volume_close = smbkit_tree_op_volume_close;
    p.close = smbkit_tree_op_close;
#define SMBKIT_TREE_MEMBER_(kind, name, type) p.name = smbkit_tree_op_##name;
    SMBKIT_TREE_OPERATIONS(SMBKIT_TREE_MEMBER_)
#undef SMBKIT_TREE_MEMBER_
    return p;
}

/* The whole plugin, at the end of its one file. config_help: see struct smbkit_plugin, or NULL. */
#define SMBKIT_TREE_PLUGIN(ident, name, description, volume_open, config_help)                     \
    SMBKIT_API_DEFINITION                                                                          \
    SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(                  \
        const struct smbkit_host_table *api);                                                      \
    SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(                  \
        const struct smbkit_host_table *api)                                                       \
    {                                                                                              \
        static struct smbkit_plugin ident;                                                         \
        smbkit_api = api;                                                                          \
        ident = smbkit_tree_plugin(name, description, volume_open, config_help);                   \
        if (api->struct_size <= offsetof(struct smbkit_host_table, tree)) {                        \
            ident.api_version = api->version + 1; /* a server without trees refuses it */          \
        }                                                                                          \
        return &ident;                                                                             \
    }

#ifdef __cplusplus
}
#endif
