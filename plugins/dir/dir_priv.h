/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of the host: what its files share.
 *
 * Everything is resolved by the kernel, beneath the folder (openat2, RESOLVE_BENEATH): no string
 * here is trusted to stay inside. After the open, a file is its descriptor. Only rename, link and
 * remove come back to a path, which is resolved beneath the folder again, and must still lead to
 * the same inode.
 *
 * Lock order: a file's lock, then the volume's dos_lock. stream_lock, then a file's lock. */
#pragma once

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <smbkit/plugin.h>

#include "dir_mode.h"
#include "dir_watch_own.h"

#define DIRFS_PATH_MAX 4096 /* bytes of a path on the host, PATH_MAX of Linux */
#define DIRFS_NAME_MAX 256  /* bytes of one name on the host, terminated */
#define DIRFS_SHOWN_MAX                                                                            \
    (255 * 3 + 13) /* bytes of one name as clients see it, terminated, and some */
/* Attributes that are set by operations of their own, and stay. */
#define DIRFS_STATES (SMBKIT_ATTR_SPARSE | SMBKIT_ATTR_COMPRESSED)
#define DIRFS_PROC_MAX 64 /* bytes of "/proc/self/fd/N", terminated */

/* Devices below the folder that are not the folder's. */
#define DIRFS_OTHERS 32
struct dirfs_others {
    pthread_mutex_t lock;
    unsigned next;
    struct {
        uint64_t dev;
        uint64_t key;
    } rows[DIRFS_OTHERS];
};

#define DIRFS_TOLD 256 /* directories; of more, some are told of again */

struct dirfs_volume {
    /* immutable */
    int root;   /* the folder, open for reading */
    char *path; /* of the folder, as it was given */
    uint64_t root_dev;
    uint32_t euid;
    bool has_fowner;   /* the sticky bit of a directory does not bind the server */
    uint64_t resolve;  /* RESOLVE_* of every openat2 */
    uint32_t features; /* SMBKIT_FEATURE_*, as they were told */
    bool is_readonly;
    bool hides_dot_files;
    struct dirfs_modes modes;
    bool makes_links;  /* clients may make symbolic links */
    bool is_ext;       /* ext2, 3, 4: a block for xattrs counts as one of the file */
    bool has_xattrs;   /* user.* in the folder itself; file systems mounted below may differ */
    bool tries_nowait; /* the kernel has RESOLVE_CACHED, and the file system is a local one */
    struct dirfs_known *known; /* NULL: nothing is remembered; it has a lock of its own */
    struct dirfs_snaps *snaps; /* likewise */
    atomic_size_t *listed;     /* bytes that listings hold: bytes_listed, or that of today */
    struct dirfs_others *others;
    struct dirfs_pasts *pasts; /* snapshots; NULL: none */
    atomic_size_t bytes_listed;
    atomic_bool is_foreign;         /* others have served the folder: dir_mark.c */
    atomic_bool writes_ntacl;       /* the server may write security.* */
    atomic_bool lacks_nowait_write; /* the file system has no such writes: ask no more */
    atomic_uint archive_taken;      /* how often ARCHIVE was taken from any file, and 1 */
    /* inodes of directories of which the log was told that they have names that are trouble */
    atomic_uint_fast64_t told[DIRFS_TOLD];
    char *location; /* owned; the folder, without links, as it was told to the core; NULL: not */
    struct smbkit_host *host;
    /* what clients watch or cache, made when the first does; NULL: nothing, or it cannot be */
    struct dirfs_eyes *_Atomic eyes;
    pthread_mutex_t eyes_lock;   /* making eyes */
    locale_t locale;             /* for letters of either case, or 0 */
    pthread_mutex_t stream_lock; /* reading, changing and writing back any stream */
    pthread_mutex_t dos_lock;    /* reading, changing and writing back the attributes of any file */
};

struct dirfs_where;
struct dirfs_security;
struct dirfs_list;  /* dir_list.c */
struct dirfs_known; /* dir_known.c */
struct dirfs_snaps; /* dir_snap.c */
struct dirfs_eyes;  /* dir_watch.c */
struct dirfs_pasts; /* dir_past.c */
struct dirfs_past;

/* Which file, and when it was last changed. */
struct dirfs_seen {
    uint64_t dev;
    uint64_t ino;
    int64_t btime; /* ns since 1970 */
    int64_t ctime;
    uint64_t at_ms; /* when it was looked at, see dirfs_now_ms */
};

/* An open descriptor, and what statx said of it. */
struct dirfs_opened {
    int fd;
    bool is_path;
    bool can_write;
    struct statx stx;
};

/* Bits of dirfs_file.flags, from any thread. */
#define DIRFS_NO_NOWAIT_READ 0x8u /* the file system has no such reads: ask no more */
#define DIRFS_MADE 0x10u          /* by this handle, which may make a link of it */
#define DIRFS_NEW_NAME 0x20u      /* made or moved by this handle: flush covers the directory */

struct dirfs_file {
    /* immutable */
    int fd;         /* the number; dir_reparse_set.c puts another file there */
    bool is_own;    /* the server's user owns it and may write it */
    bool is_stream; /* stream of the file or directory that fd is; is_dir is false */
    bool writes_through;
    struct dirfs_past *past; /* the snapshot that it is in, or NULL: today */
    struct dirfs_seen seen;  /* at the open; an inode's number may change meanwhile (mergerfs) */
    /* immutable, but for a file that becomes a link */
    atomic_bool is_path; /* fd is O_PATH: no data access was asked for */
    atomic_bool is_dir;
    atomic_bool is_link; /* a symlink itself, not what it leads to */
    atomic_bool can_write;
    atomic_uint flags;
    atomic_uint archived; /* archive_taken when ARCHIVE was known to be set, or 0 */
    pthread_mutex_t lock;
    char *stream; /* the xattr of a stream; guarded by lock */
    /* guarded by the lock of eyes; dir_watch.c */
    char *watched; /* the directory's path while clients watch it, or NULL */
    bool watches_tree;
    atomic_bool is_cached;
    char *cached_stream; /* the name of a stream that is */
    struct dirfs_file *watch_next;
    struct dirfs_file *cached_next;
    char *path;              /* on the host, relative to the folder; guarded by lock */
    struct dirfs_list *list; /* where enumeration stands, or NULL; guarded by lock */
    /* the descriptor of what this handle has made a link of; NULL: nothing; guarded by lock */
    struct dirfs_security *was;
};

/* --- dir_names.c: names on the host and as clients see them. Pure. --- */

/* A path from the core to the host's. NAME_TOO_LONG: does not fit DIRFS_PATH_MAX at host.
 * OBJECT_NAME_INVALID: a component would become "." or "..", or has
 * escapes that spell what needs none. */
smbkit_status dirfs_name_to_host(const char *path, char *host);
/* One name of the host's to what clients see, DIRFS_SHOWN_MAX bytes at shown. False: it is
 * longer than any of Linux' own file systems lets it be. */
bool dirfs_name_from_host(const char *host, char *shown);

/* --- dir_open.c --- */

/* openat2 beneath the folder; path "" is the folder. Returns the descriptor or -errno. nowait:
 * -EAGAIN instead of waiting. -EXDEV: a link leads out of it. */
int dirfs_openat2(const struct dirfs_volume *vol, const char *path, uint64_t flags, bool nowait);
/* The same, following no link at all (-ELOOP). */
int dirfs_openat2_plain(const struct dirfs_volume *vol, const char *path, uint64_t flags);
/* The directory that holds the last component of a host path, O_PATH; *name_r points into path.
 * -errno; -ENOTDIR and -ENOENT are about the directory. */
int dirfs_open_parent(const struct dirfs_volume *vol, const char *path, bool nowait,
                      const char **name_r);
/* statx of an open descriptor. 0 or -errno. */
int dirfs_stat_fd(int fd, struct statx *stx);
int dirfs_stat_where(const struct dirfs_where *where, struct statx *stx);
void dirfs_proc_path(int fd, char *buf); /* DIRFS_PROC_MAX bytes */
uint64_t dirfs_dev(const struct statx *stx);
/* The status for an errno of a lookup: what leads out of the folder does not exist. */
smbkit_status dirfs_lookup_status(int err);
smbkit_status dirfs_create(void *volume, struct smbkit_op *op, struct smbkit_create *how);
void dirfs_close(void *volume, struct smbkit_op *op, void *file);
smbkit_status dirfs_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a);
/* A descriptor of the file that can read (and, if asked, write): its own, or one opened for the
 * purpose, which is then in *extra_r to be closed, else -1. -errno; -EACCES: a link itself. */
int dirfs_real_fd(const struct dirfs_file *file, bool write, int *extra_r);

/* --- dir_links.c --- */

/* What dirfs_openat2 does where the path has an absolute link. */
int dirfs_open_by_links(const struct dirfs_volume *vol, const char *path, uint64_t flags);
/* Does who opens the path so come to a link of DFS? */
bool dirfs_meets_dfs_link(const struct dirfs_volume *vol, const char *path, uint64_t flags);
/* Does a link that says so lead to another server? Only clients follow it; the host makes it. */
bool dirfs_is_dfs_target(const char *target);
/* The part of an absolute path of this machine that is below the folder, or NULL. */
const char *dirfs_below_folder(const struct dirfs_volume *vol, const char *path);
/* The same of what is open, wherever it is now. path: room; the answer lies in it. */
const char *dirfs_inside_now(const struct dirfs_volume *vol, int fd, char path[DIRFS_PATH_MAX]);

/* --- dir_new.c: making files --- */

/* Make what does not exist yet; it is open for reading and writing, or a directory for reading. */
smbkit_status dirfs_make(struct dirfs_volume *vol, const struct smbkit_create *how,
                         const char *host, struct dirfs_opened *o);

/* --- dir_xattr.c --- */

#define DIRFS_XATTR_MAX 65536u /* bytes of a value, XATTR_SIZE_MAX of Linux */

/* Where an xattr lives: a descriptor, or a path that starts with "/proc/self/fd/N". */
struct dirfs_where {
    int fd;        /* -1: path */
    bool is_entry; /* path is an entry of directory N, and a symlink there is not followed */
    bool is_bare;  /* a file known to keep no attributes: dir_mark.c */
    const char *path;
};
int64_t dirfs_get_xattr(const struct dirfs_where *where, const char *name, void *buf, size_t cap);
int dirfs_set_xattr(const struct dirfs_where *where, const char *name, const void *buf, size_t len);
int dirfs_drop_xattr(const struct dirfs_where *where, const char *name); /* 0 or -errno */
/* The whole value, however long; *value_r has room for DIRFS_XATTR_MAX bytes and is owned. Its
 * length, or -errno with NULL. */
int64_t dirfs_load_xattr(const struct dirfs_where *where, const char *name, uint8_t **value_r);
/* The place for a file's own; buf holds DIRFS_PROC_MAX bytes and must outlive it. */
struct dirfs_where dirfs_where_file(int fd, bool is_path, char *buf);

/* The names of a file's xattrs. */
struct dirfs_xattrs {
    const char *list; /* len bytes, each name terminated */
    size_t len;
    char *more; /* owned, or NULL */
    char few[512];
};
int dirfs_xattrs_read(const struct dirfs_where *where, struct dirfs_xattrs *names); /* 0, -errno */
void dirfs_xattrs_free(struct dirfs_xattrs *names);
/* The next name, or NULL; *at begins at 0. */
const char *dirfs_xattrs_next(const struct dirfs_xattrs *names, size_t *at);
bool dirfs_xattrs_has(const struct dirfs_xattrs *names, const char *wanted);

/* --- dir_dosattrib.c: what a file keeps besides its descriptor and its streams --- */

#define DIRFS_DOSATTRIB_XATTR "user.DOSATTRIB"
#define DIRFS_DOSATTRIB_LEN 24

/* Where its descriptor is: dir_security.c. */
#define DIRFS_SD_NONE 0u
#define DIRFS_SD_ROOT 1u
#define DIRFS_SD_USER 2u
#define DIRFS_SD_OLD 3u

struct dirfs_dos {
    uint32_t attributes;
    uint32_t ea_size;      /* bytes */
    uint64_t create_time;  /* FILETIME; 0: the file system's own */
    uint64_t change_time;  /* FILETIME that a client has set; 0: none */
    int64_t change_set_ns; /* when that was, by the kernel's clock, since 1970 */
    unsigned descriptor;   /* DIRFS_SD_* */
    bool takes_block;      /* on ext4 the xattrs may need more than the room in the inode */
};
uint64_t dirfs_get_le(const uint8_t *p, unsigned bytes);
void dirfs_put_le(uint8_t *p, uint64_t v, unsigned bytes);
/* Pure. False: none that can be understood. */
bool dirfs_dosattrib_parse(const uint8_t *blob, size_t len, struct dirfs_dos *dos);
void dirfs_dosattrib_format(const struct dirfs_dos *dos, uint8_t blob[DIRFS_DOSATTRIB_LEN]);
/* 1: it has attributes of its own; 0: none, or the file system keeps none; -errno: it may have
 * some. The other members are filled in any case that is no error. */
int dirfs_dos_read(const struct dirfs_volume *vol, const struct dirfs_where *where,
                   struct dirfs_dos *dos);
/* Attributes and creation time. 0 or -errno. */
int dirfs_dos_write(const struct dirfs_where *where, const struct dirfs_dos *dos);
/* After all other changes: what comes behind it makes the kernel's time count again. 0, -errno. */
int dirfs_change_time_write(const struct dirfs_where *where, uint64_t change_time);
/* ctime_ns: the kernel's, as it is now. */
bool dirfs_change_time_holds(const struct dirfs_dos *dos, int64_t ctime_ns);

/* --- dir_ntacl.c: Samba's form of a descriptor --- */

#define DIRFS_NTACL_HEAD 160u /* bytes before the descriptor, as it is written */

/* Make what an xattr has the descriptor in it, in place. Its length, or -EBADMSG. */
int64_t dirfs_ntacl_parse(uint8_t *blob, size_t len);
/* DIRFS_NTACL_HEAD + len bytes at *blob_r, owned. 0 or -errno. */
int dirfs_ntacl_format(const struct dirfs_where *where, const uint8_t *security, uint32_t len,
                       uint8_t **blob_r);

/* --- dir_stream.c --- */

#define DIRFS_STREAM_PREFIX "user.DosStream."

/* Make the open file, which nobody else has yet, the stream of it that is asked for. */
smbkit_status dirfs_stream_attach(struct dirfs_volume *vol, struct dirfs_file *file,
                                  const struct smbkit_create *how, struct smbkit_attr *attr);
/* Its name; owned, NULL without memory. */
char *dirfs_stream_name(struct dirfs_file *file);
smbkit_status dirfs_stream_getattr(struct dirfs_volume *vol, struct dirfs_file *file,
                                   struct smbkit_attr *attr);
smbkit_status dirfs_stream_read(const struct smbkit_op *op, struct dirfs_file *file,
                                struct smbkit_io *io);
smbkit_status dirfs_stream_write(struct dirfs_volume *vol, const struct smbkit_op *op,
                                 struct dirfs_file *file, struct smbkit_io *io);
smbkit_status dirfs_stream_set_size(struct dirfs_volume *vol, const struct smbkit_op *op,
                                    struct dirfs_file *file, uint64_t size);
smbkit_status dirfs_stream_allocate(struct dirfs_volume *vol, const struct smbkit_op *op,
                                    struct dirfs_file *file, uint64_t size);
smbkit_status dirfs_stream_zero(struct dirfs_volume *vol, const struct smbkit_op *op,
                                struct dirfs_file *file, const struct smbkit_span *span);
smbkit_status dirfs_stream_ranges(const struct smbkit_op *op, struct dirfs_file *file,
                                  struct smbkit_ranges *a);
smbkit_status dirfs_stream_remove(struct dirfs_volume *vol, const struct smbkit_op *op,
                                  struct dirfs_file *file);
smbkit_status dirfs_stream_rename(struct dirfs_volume *vol, const struct smbkit_op *op,
                                  struct dirfs_file *file, const struct smbkit_rename *a);
smbkit_status dirfs_streams(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_sink *sink);

/* --- dir_ea.c --- */

/* Of the visible EAs, as FILE_FULL_EA_INFORMATION. */
uint32_t dirfs_ea_size(const struct dirfs_where *where, const struct dirfs_xattrs *names);
/* Set and remove those that the list names. */
smbkit_status dirfs_ea_apply(const struct dirfs_where *where, const struct smbkit_bytes *list);
/* All EAs and streams, of a file that is overwritten. 0 or -errno. */
int dirfs_drop_extras(const struct dirfs_where *where);
bool dirfs_has_extras(const struct dirfs_xattrs *names); /* any of those */
smbkit_status dirfs_get_ea(void *volume, struct smbkit_op *op, void *file, struct smbkit_get_ea *a);
smbkit_status dirfs_set_ea(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_set_ea *a);

/* --- dir_attr.c --- */

/* As dirfs_dos_read, from memory if it can be. */
int dirfs_dos_find(const struct dirfs_volume *vol, const struct statx *stx,
                   const struct dirfs_where *where, struct dirfs_dos *dos);
uint64_t dirfs_birth_time(const struct statx *stx); /* FILETIME */
/* name: on the host, last component. 0, or -errno when the attributes that the file keeps cannot be
 * read: attr then has those of a file that keeps none, which will do to show it. So it has, with 0,
 * when the server's user may not read them. */
int dirfs_fill_attr(const struct dirfs_volume *vol, const char *name, const struct statx *stx,
                    const struct dirfs_where *where, struct smbkit_attr *attr);
/* From what statx says now, and what it has said. */
smbkit_status dirfs_file_attr(struct dirfs_volume *vol, struct dirfs_file *file,
                              struct smbkit_attr *attr);
smbkit_status dirfs_file_attr_of(struct dirfs_volume *vol, struct dirfs_file *file,
                                 const struct statx *stx, struct smbkit_attr *attr);
smbkit_status dirfs_getattr(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_attr *attr);
/* What the file's xattr says, or would say. 0 or -errno. */
int dirfs_current_dos(struct dirfs_volume *vol, struct dirfs_file *file, struct dirfs_dos *dos);

/* --- dir_mark.c --- */

/* Entries of the directory (O_PATH will do) have attributes of their own, or will have. 0 or
 * -errno. */
int dirfs_mark(int dir);
/* The same of the directory that an open file is in. */
int dirfs_mark_parent(const struct dirfs_volume *vol, int fd);
bool dirfs_is_parent_marked(const struct dirfs_volume *vol, int fd);
/* May any entry of the directory have attributes of its own? */
bool dirfs_may_have_marked(const struct dirfs_volume *vol, const struct dirfs_file *dir);

/* struct linux_dirent64, as the kernel documents it (getdents(2)) */
struct dirfs_kernel_entry {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

/* Do the entries, as the kernel gives them, have attributes that this server has not marked the
 * directory for? looks: how many are looked at. */
bool dirfs_finds_foreign(struct dirfs_volume *vol, int dir, const char *entries, size_t len,
                         unsigned looks);
void dirfs_look_for_foreign(struct dirfs_volume *vol);

/* --- dir_ids.c --- */

struct statfs;
/* File systems whose metadata does not come over a network or from another process. */
bool dirfs_is_local(const struct statfs *fs);
/* Those whose files may share blocks, as a rule: a clone may be refused all the same. */
bool dirfs_shares_blocks(int fd);
/* file_domain and file_id. */
void dirfs_fill_id(const struct dirfs_volume *vol, const struct statx *stx,
                   const struct dirfs_where *where, struct smbkit_attr *attr);
/* Serial and GUID of the file system, not the folder's own, that the file is in. */
void dirfs_fill_volume_id(const struct dirfs_volume *vol, const struct dirfs_file *file,
                          struct smbkit_volume_info *info);

/* --- dir_objectid.c --- */

smbkit_status dirfs_object_id(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_object_id *a);

/* --- dir_copy.c --- */

smbkit_status dirfs_copy_range(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_copy *a);
smbkit_status dirfs_clone_range(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_copy *a);

/* --- dir_setattr.c --- */

smbkit_status dirfs_setattr(void *volume, struct smbkit_op *op, void *file,
                            const struct smbkit_attr *attr);
smbkit_status dirfs_set_dos(struct dirfs_volume *vol, struct dirfs_file *file, uint32_t mask,
                            const struct smbkit_attr *attr);
/* One attribute that is the file system's to keep, such as SPARSE. */
smbkit_status dirfs_set_state(struct dirfs_volume *vol, struct dirfs_file *file, uint32_t attribute,
                              bool on);
/* After the data has changed: ARCHIVE, and the times that the client wants kept. */
void dirfs_note_write(struct dirfs_volume *vol, struct dirfs_file *file);

/* --- dir_known.c: what xattrs said. Any thread. --- */

/* A descriptor: cap bytes at buf; len, also when cap is less. is_kept: there is one. */
struct dirfs_security {
    uint8_t *buf;
    uint32_t cap;
    uint32_t len;
    bool is_kept;
};
struct dirfs_known *dirfs_known_new(void); /* NULL: no memory */
void dirfs_known_free(struct dirfs_known *known);
uint64_t dirfs_now_ms(void); /* monotonic, to some ms; no system call */
struct dirfs_seen dirfs_seen(const struct statx *stx);
/* The file as it is now; just after the open that is what it was then. 0 or -errno. */
int dirfs_seen_now(const struct dirfs_file *file, struct dirfs_seen *seen);
/* To be asked before an xattr is read whose content is then made known: what was changed in between
 * is not. */
uint64_t dirfs_known_changes(const struct dirfs_volume *vol);
/* After any change of the file's xattrs. */
void dirfs_known_forget(const struct dirfs_volume *vol, uint64_t ino);
/* found as dirfs_dos_read has it. */
bool dirfs_known_dos(const struct dirfs_volume *vol, const struct dirfs_seen *seen, int *found_r,
                     struct dirfs_dos *dos);
void dirfs_know_dos(const struct dirfs_volume *vol, const struct dirfs_seen *seen, uint64_t changes,
                    int found, const struct dirfs_dos *dos);
bool dirfs_known_security(const struct dirfs_volume *vol, const struct dirfs_seen *seen,
                          struct dirfs_security *out);
void dirfs_know_security(const struct dirfs_volume *vol, const struct dirfs_seen *seen,
                         uint64_t changes, const struct dirfs_security *security);

/* --- dir_snap.c: directories that are watched. Any thread. --- */

struct dirfs_row {
    uint64_t cookie;
    uint32_t host; /* where its names are, in names */
    uint32_t shown;
    bool looks_again; /* changes without being told */
    bool has_links;   /* and not only by those who work on the machine */
    struct smbkit_attr attr;
};
/* A whole directory; immutable once it is kept. */
struct dirfs_snap {
    atomic_uint refs;
    atomic_size_t *held; /* what its rows and names are counted in */
    uint64_t at_ms;
    bool looks_again; /* some row does */
    bool has_links;   /* likewise */
    size_t count, rows_cap;
    size_t names_len, names_cap;
    struct dirfs_row *rows;
    char *names; /* each terminated */
};
struct dirfs_watch {
    int wd;
    uint64_t changes;
};
/* NULL: no memory, or no inotify. host: who is told of names. */
struct dirfs_snaps *dirfs_snaps_new(struct smbkit_host *host);
void dirfs_snaps_free(struct dirfs_snaps *snaps);
/* All of them: a file has another name, and no directory but that one is told. NULL allowed. */
void dirfs_snaps_forget(struct dirfs_snaps *snaps);
/* Memory that is kept from one call to the next. False: listings hold too much already. */
bool dirfs_hold(atomic_size_t *held, size_t bytes);
void dirfs_let_go(atomic_size_t *held, size_t bytes);
struct dirfs_snap *dirfs_snap_new(atomic_size_t *held);
struct dirfs_snap *dirfs_snap_ref(struct dirfs_snap *snap);
void dirfs_snap_unref(struct dirfs_snap *snap);
/* row's names are set. False: no room (dirfs_hold), or no memory. */
bool dirfs_snap_add(struct dirfs_snap *snap, const char *host, const char *shown,
                    const struct dirfs_row *row);
/* What came into the directory and went by now is told by all paths that it is asked for by. The
 * answer is smbkit_attr.names_told for this one, the core's own; fd: of the directory. */
uint64_t dirfs_names_told(struct dirfs_snaps *snaps, int fd, const struct dirfs_seen *seen,
                          const char *path);
/* A reference to the listing of the directory, if nothing has changed since. */
struct dirfs_snap *dirfs_snap_find(struct dirfs_snaps *snaps, const struct dirfs_seen *seen);
/* Before the directory is read, and after it. */
struct dirfs_watch dirfs_snap_watch(struct dirfs_snaps *snaps, int fd,
                                    const struct dirfs_seen *seen);
void dirfs_snap_keep(struct dirfs_snaps *snaps, const struct dirfs_watch *watch,
                     struct dirfs_snap *snap);

/* --- dir_watch.c: what is watched for clients. Any thread. --- */

/* NULL: this file system, or this process, cannot be told. */
struct dirfs_eyes *dirfs_eyes_get(struct dirfs_volume *vol);
bool dirfs_eyes_may_wait(const struct dirfs_volume *vol); /* ... since it makes them */
void dirfs_eyes_free(struct dirfs_eyes *eyes);
smbkit_status dirfs_watch(void *volume, struct smbkit_op *op, void *file,
                          const struct smbkit_watch *a);
void dirfs_watch_end(struct dirfs_volume *vol, struct dirfs_file *file);
smbkit_status dirfs_watch_begin(struct dirfs_volume *vol, struct dirfs_file *file, bool tree);
/* dir_watch_file.c: files that are cached. */
smbkit_status dirfs_cache_request(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_cache *a);
void dirfs_cache_end(struct dirfs_volume *vol, struct dirfs_file *file);
/* Names that the server makes for a moment begin so. */
#define DIRFS_MOMENTARY ".smbkit-link-"

/* --- dir_security.c --- */

smbkit_status dirfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a);
smbkit_status dirfs_set_security(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a);
/* 0 or -errno. */
int dirfs_keep_security(struct dirfs_volume *vol, const struct dirfs_where *where,
                        const uint8_t *security, uint32_t len);
/* The mode has been changed: the descriptor still holds. */
void dirfs_renew_security(struct dirfs_volume *vol, const struct dirfs_where *where);
/* DIRFS_SD_* by the names of the xattrs; and of what is written. */
unsigned dirfs_sd_kind(const struct dirfs_volume *vol, const struct dirfs_xattrs *names);
/* The descriptor itself, out->buf is owned; not is_kept: there is none. 0 or -errno. */
int dirfs_load_security(const struct dirfs_volume *vol, const struct dirfs_where *where,
                        const struct dirfs_xattrs *names, struct dirfs_security *out);
unsigned dirfs_sd_kind_written(const struct dirfs_volume *vol);

/* --- dir_list.c --- */

smbkit_status dirfs_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink);
void dirfs_list_free(struct dirfs_list *list);

/* --- dir_data.c --- */

smbkit_status dirfs_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io);
smbkit_status dirfs_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io);
smbkit_status dirfs_flush(void *volume, struct smbkit_op *op, void *file,
                          const struct smbkit_flush *a);

/* --- dir_space.c --- */

smbkit_status dirfs_set_size(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a);
smbkit_status dirfs_overwrite(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_overwrite *a);
smbkit_status dirfs_allocate(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a);
smbkit_status dirfs_set_sparse(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_value *a);
smbkit_status dirfs_get_compression(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_value *a);
smbkit_status dirfs_set_compression(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_value *a);
smbkit_status dirfs_trim(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_span *a);
smbkit_status dirfs_zero_range(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_span *a);
smbkit_status dirfs_ranges(void *volume, struct smbkit_op *op, void *file, struct smbkit_ranges *a);
/* Reserve bytes from the start of the file without changing its size. 0 or -errno; a file system
 * that cannot reserve but has the room is content. */
int dirfs_reserve(int fd, uint64_t bytes);

static inline bool dirfs_is_nowait(const struct smbkit_op *op)
{
    return (op->flags & SMBKIT_OP_NOWAIT) != 0;
}

/* The -errno of a call that was to wait: EAGAIN, which descriptors that are O_NONBLOCK give where
 * there is nothing to read yet (/proc/kmsg), would be WOULD_BLOCK, which is for NOWAIT alone. */
static inline int dirfs_waited(int err)
{
    return err == -EAGAIN ? -ETIMEDOUT : err;
}

static inline bool dirfs_has_flag(struct dirfs_file *file, unsigned flag)
{
    return (atomic_load_explicit(&file->flags, memory_order_acquire) & flag) != 0;
}

/* ARCHIVE is set, and no write needs to. */
static inline bool dirfs_is_archived(struct dirfs_volume *vol, struct dirfs_file *file)
{
    return atomic_load_explicit(&file->archived, memory_order_acquire) ==
           atomic_load_explicit(&vol->archive_taken, memory_order_acquire);
}

static inline void dirfs_set_flag(struct dirfs_file *file, unsigned flag)
{
    atomic_fetch_or_explicit(&file->flags, flag, memory_order_release);
}

static inline void dirfs_clear_flag(struct dirfs_file *file, unsigned flag)
{
    atomic_fetch_and_explicit(&file->flags, ~flag, memory_order_release);
}
