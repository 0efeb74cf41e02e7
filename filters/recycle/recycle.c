/* SPDX-License-Identifier: Apache-2.0 */
/* recycle: a file that is removed is moved to a folder of the share instead.
 *
 * A file is moved by its handle; where it lay is known by the name that it was opened by, which
 * follows the renames that come through here. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <smbkit/filter.h>

#include "recycle_name.h"
#include "recycle_sd.h"
#include "recycle_who.h"

#define PATH_SIZE 4096 /* of what is kept: longer paths are removed for good */
#define COPIES_MAX 100 /* of one name; the last is replaced */
#define SD_ROOM 4096   /* of a descriptor that is there; longer ones are not looked at */
#define QUOTE_SIZE 400
/* Who has one of these can put a folder of his own in the place of somebody else's. */
#define CHANGES_FOLDER                                                                             \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_DELETE_CHILD | SMBKIT_WRITE_DAC |             \
     SMBKIT_WRITE_OWNER | SMBKIT_GENERIC_WRITE | SMBKIT_GENERIC_ALL)

struct bin;

/* One open. */
struct file {
    void *below;
    bool is_plain;                /* neither a directory nor a stream */
    uint64_t id, id_high, domain; /* id 0: not known */
    bool has_links;               /* it had more names than one when it was opened */
    /* guarded by bin->lock */
    char *path;
    struct recycle_who *asked; /* that the file goes; NULL: nobody that is known of */
    struct file *next, *prev;
};

struct bin {
    struct smbkit_next *next;
    struct smbkit_host *host;
    pthread_mutex_t lock; /* a leaf */
    struct file *files;   /* guarded by lock */
    uint64_t asked_count; /* likewise */
    bool has_security;
    char *repository;  /* may have %U in it */
    char *exclude;     /* "/one/two/", or NULL */
    uint64_t size_max; /* bytes; 0: no bound */
    uint32_t keeps_tree, keeps_versions;
};

/* ---- names ---- */

static const char *leaf_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* His folder. false: too long. */
static bool folder_of(const struct bin *b, const struct smbkit_identity *who, char out[PATH_SIZE])
{
    char user[RECYCLE_USER_SIZE];
    size_t n = 0;
    recycle_user_name(who, user);
    for (const char *p = b->repository; *p && n < PATH_SIZE - RECYCLE_USER_SIZE;) {
        if (p[0] == '%' && p[1] == 'U') {
            n += (size_t)snprintf(out + n, PATH_SIZE - n, "%s", user);
            p += 2;
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = '\0';
    return n < PATH_SIZE - RECYCLE_USER_SIZE;
}

/* Does it lie in what is kept already, whoever's? */
static bool is_kept(const struct bin *b, const char *path)
{
    size_t len = strcspn(b->repository, "/");
    return strncasecmp(path, b->repository, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ---- folders ---- */

/* What a folder is to have, where descriptors are kept. */
struct rule {
    const struct smbkit_identity *whose; /* beside administrators and SYSTEM; NULL: theirs alone */
    uint32_t refused;                    /* of the access mask: what nobody else may be allowed */
    uint32_t len;                        /* bytes at sd; 0: none is made */
    uint8_t sd[RECYCLE_SD_SIZE];
};

/* Of a folder whose path has len bytes; the repository's has users_len. */
static void rule_of(const struct bin *b, const struct smbkit_identity *who, size_t len,
                    size_t users_len, struct rule *out)
{
    bool is_apart = strstr(b->repository, "%U") != NULL;
    bool is_within = len > users_len;
    *out = (struct rule){0};
    if (is_within || (is_apart && len == users_len)) {
        out->whose = who;
        out->len = is_apart ? recycle_sd_own(who, out->sd) : 0;
        out->refused = out->len > 0 ? UINT32_MAX : 0;
    } else {
        out->len = recycle_sd_common(out->sd);
        out->refused = is_apart ? CHANGES_FOLDER : 0;
    }
}

static void tell(const struct bin *b, const char *path, uint32_t kind)
{
    smbkit_changed(b->host, path, SMBKIT_CHANGE_ADDED | kind);
}

/* One without a descriptor, which everyone may change, gets the one that it would be made with. */
static bool has_safe_descriptor(struct bin *b, struct smbkit_op *op, void *folder,
                                const struct rule *rule)
{
    uint8_t there[SD_ROOM];
    struct smbkit_get_security get = {.struct_size = sizeof(get),
                                      .buffer = {.base = there, .cap = sizeof(there)}};
    smbkit_status st = smbkit_next_get_security(b->next, op, folder, &get);
    if (st == SMBKIT_STATUS_NOT_FOUND) {
        const struct smbkit_set_security set = {.struct_size = sizeof(set),
                                                .security = {rule->sd, rule->len}};
        return rule->len == 0 || SMBKIT_OK(smbkit_next_set_security(b->next, op, folder, &set));
    }
    const struct smbkit_bytes sd = {there, get.buffer.len};
    return SMBKIT_OK(st) && recycle_sd_is_safe(&sd, rule->whose, rule->refused);
}

/* May files be moved into what is there? Anybody may have made it. */
static bool is_fit(struct bin *b, struct smbkit_op *op, const char *path, const struct rule *rule)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    uint32_t security = b->has_security ? SMBKIT_READ_CONTROL | SMBKIT_WRITE_DAC : 0;
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = path,
                              .kind = SMBKIT_KIND_ANY,
                              .access = SMBKIT_READ_ATTRIBUTES | security,
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .attr = &attr};
    if (!SMBKIT_OK(smbkit_next_create(b->next, op, &a))) {
        return false;
    }
    bool is_folder =
        (attr.attributes & SMBKIT_ATTR_DIRECTORY) && !(attr.attributes & SMBKIT_ATTR_REPARSE_POINT);
    bool fits = is_folder && (!b->has_security || has_safe_descriptor(b, op, a.file, rule));
    smbkit_next_close(b->next, op, a.file);
    return fits;
}

/* It is there afterwards. OBJECT_NAME_COLLISION: what is there is not fit. */
static smbkit_status make_folder(struct bin *b, struct smbkit_op *op, const char *path,
                                 const struct rule *rule)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_CREATE,
                              .path = path,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .access = SMBKIT_READ_ATTRIBUTES,
                              .attributes = SMBKIT_ATTR_DIRECTORY |
                                            (strchr(path, '/') ? 0 : SMBKIT_ATTR_HIDDEN),
                              .attr = &attr};
    a.security.len = b->has_security ? rule->len : 0;
    a.security.base = a.security.len > 0 ? rule->sd : NULL;
    smbkit_status st = smbkit_next_create(b->next, op, &a);
    if (SMBKIT_OK(st)) {
        smbkit_next_close(b->next, op, a.file);
        tell(b, path, SMBKIT_CHANGED_DIR_NAME);
    }
    bool is_there = st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && is_fit(b, op, path, rule);
    return is_there ? SMBKIT_STATUS_SUCCESS : st;
}

/* All folders above the last component of path. users_len: bytes of the repository's, who's. */
static smbkit_status make_folders(struct bin *b, struct smbkit_op *op, const char *path,
                                  size_t users_len, const struct smbkit_identity *who)
{
    char part[PATH_SIZE];
    struct rule rule;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (const char *slash = strchr(path, '/'); slash && SMBKIT_OK(st);
         slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        snprintf(part, sizeof(part), "%.*s", (int)len, path);
        rule_of(b, who, len, users_len, &rule);
        st = make_folder(b, op, part, &rule);
    }
    return st;
}

/* ---- where it goes ---- */

static smbkit_status move(struct bin *b, struct smbkit_op *op, struct file *f, const char *to,
                          bool replace)
{
    struct smbkit_rename a = {
        .struct_size = sizeof(a), .flags = replace ? SMBKIT_RENAME_REPLACE : 0, .new_path = to};
    smbkit_status st = smbkit_next_rename(b->next, op, f->below, &a);
    if (SMBKIT_OK(st)) {
        tell(b, to, SMBKIT_CHANGED_FILE_NAME);
    }
    return st;
}

/* Where what he removes goes to: the folders are there. OBJECT_NAME_COLLISION: one of the
 * repository's own is not fit. */
static smbkit_status place(struct bin *b, struct smbkit_op *op, const struct smbkit_identity *who,
                           const char *path, char to[PATH_SIZE])
{
    char folder[PATH_SIZE];
    if (!folder_of(b, who, folder)) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    int n = snprintf(to, PATH_SIZE, "%s/%s", folder, b->keeps_tree ? path : leaf_of(path));
    if (n < 0 || n >= PATH_SIZE - 32) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    size_t users_len = strlen(folder);
    smbkit_status st = make_folders(b, op, to, users_len, who);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION) {
        /* A file may have been removed that had the name of a folder of today. */
        snprintf(to + users_len, PATH_SIZE - users_len, "/%s", leaf_of(path));
        st = make_folders(b, op, to, users_len, who);
    }
    return st;
}

/* Beside what was removed by that name before. */
static smbkit_status move_beside(struct bin *b, struct smbkit_op *op, struct file *f,
                                 const char *to)
{
    char copy[PATH_SIZE];
    smbkit_status st = move(b, op, f, to, !b->keeps_versions);
    for (int i = 1; st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && i <= COPIES_MAX; i++) {
        st = recycle_copy_name(to, i, copy, sizeof(copy)) ? move(b, op, f, copy, i == COPIES_MAX)
                                                          : SMBKIT_STATUS_NAME_TOO_LONG;
    }
    return st;
}

/* ---- who removes it ---- */

static bool is_newer(const struct recycle_who *a, const struct recycle_who *b)
{
    return a && (!b || a->when > b->when);
}

/* By the same name, too, in whatever letters: who asks that one of several names goes has not asked
 * it of the others. Of two opens by different ones the later at least found that there are several.
 * Locked. */
static bool is_same(const struct file *a, const struct file *b)
{
    bool are_known = a->id != 0 && b->id != 0;
    if (are_known && (a->id != b->id || a->id_high != b->id_high || a->domain != b->domain)) {
        return false;
    }
    bool is_only_name = are_known && !a->has_links && !b->has_links;
    return is_only_name || strcasecmp(a->path, b->path) == 0;
}

/* Who has asked last that f goes, by this open or another. Who asked before may have thought better
 * of it, which nobody tells. Counted; NULL: not known. The other open may be there still: it is
 * closed at the same time. */
static struct recycle_who *remover_of(struct bin *b, struct file *f)
{
    pthread_mutex_lock(&b->lock);
    struct recycle_who *asked = f->asked;
    for (const struct file *each = b->files; each; each = each->next) {
        if (is_newer(each->asked, asked) && is_same(each, f)) {
            asked = each->asked;
        }
    }
    asked = recycle_who_ref(asked);
    pthread_mutex_unlock(&b->lock);
    return asked;
}

static void remover_unref(struct bin *b, struct recycle_who *w)
{
    pthread_mutex_lock(&b->lock);
    recycle_who_unref(w);
    pthread_mutex_unlock(&b->lock);
}

/* With who as the one who has asked, whose reference is taken. Locked. */
static void asked_set(struct file *f, struct recycle_who *who)
{
    recycle_who_unref(f->asked);
    f->asked = who;
}

/* f is closed: those that stay keep in mind who asked by it. Locked. */
static void asked_leave(struct bin *b, struct file *f)
{
    for (struct file *each = b->files; each && f->asked; each = each->next) {
        if (each != f && is_newer(f->asked, each->asked) && is_same(each, f)) {
            asked_set(each, recycle_who_ref(f->asked));
        }
    }
    asked_set(f, NULL);
}

/* A client is promised that the file goes when its last open is closed. */
static smbkit_status recycle_check_remove(void *volume, struct smbkit_op *op, void *file,
                                          const struct smbkit_remove *a)
{
    struct bin *b = volume;
    struct file *f = file;
    smbkit_status st = smbkit_next_check_remove(b->next, op, f->below, a);
    if (!SMBKIT_OK(st) || !f->is_plain) {
        return st;
    }
    pthread_mutex_lock(&b->lock);
    struct recycle_who *who = recycle_who_new(op->who, ++b->asked_count);
    asked_set(f, who);
    pthread_mutex_unlock(&b->lock);
    return st;
}

/* ---- what is removed ---- */

/* refused_r: it must stay where it is, for others could say where it goes. */
static smbkit_status keep(struct bin *b, struct smbkit_op *op, struct file *f, const char *path,
                          bool *refused_r)
{
    char to[PATH_SIZE];
    struct recycle_who *asked = remover_of(b, f);
    smbkit_status st = place(b, op, asked ? &asked->is : op->who, path, to);
    remover_unref(b, asked);
    *refused_r = st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    if (SMBKIT_OK(st)) {
        st = move_beside(b, op, f, to);
    }
    if (st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND) {
        *refused_r = true; /* a folder was taken away meanwhile */
    }
    return st;
}

/* Owned; NULL: no memory, or nothing that is kept. */
static char *path_to_keep(struct bin *b, struct smbkit_op *op, struct file *f)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    if (!f->is_plain) {
        return NULL;
    }
    pthread_mutex_lock(&b->lock);
    char *path = strdup(f->path);
    pthread_mutex_unlock(&b->lock);
    bool is_wanted = path && !is_kept(b, path) && !recycle_is_listed(b->exclude, leaf_of(path));
    if (is_wanted && b->size_max > 0) {
        is_wanted = SMBKIT_OK(smbkit_next_getattr(b->next, op, f->below, &attr)) &&
                    attr.size <= b->size_max;
    }
    if (!is_wanted) {
        free(path);
        path = NULL;
    }
    return path;
}

static smbkit_status recycle_remove(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_remove *a)
{
    struct bin *b = volume;
    struct file *f = file;
    char text[QUOTE_SIZE];
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* these are several calls */
    }
    char *path = path_to_keep(b, op, f);
    bool is_refused = false;
    smbkit_status st = path ? keep(b, op, f, path, &is_refused) : SMBKIT_STATUS_NOT_SUPPORTED;
    if (path && !SMBKIT_OK(st)) {
        smbkit_log(1, "recycle: %s path=%s repository=%s status=%s",
                   is_refused ? "not removed: what is there is not safe to move to"
                              : "removed for good",
                   smbkit_quote(path, text, sizeof(text)), b->repository, smbkit_status_name(st));
    }
    free(path);
    if (SMBKIT_OK(st)) {
        pthread_mutex_lock(&b->lock);
        asked_set(f, NULL); /* it is gone: there is nobody to tell */
        pthread_mutex_unlock(&b->lock);
    }
    if (is_refused) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_OK(st) ? st : smbkit_next_remove(b->next, op, f->below, a);
}

/* ---- files ---- */

static smbkit_status recycle_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    struct bin *b = volume;
    struct file *f = calloc(1, sizeof(*f));
    char *path = strdup(a->path);
    smbkit_status st = f && path ? smbkit_next_create(b->next, op, a) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        free(path);
        free(f);
        return st;
    }
    f->below = a->file;
    f->path = path;
    f->id = a->attr->file_id;
    f->id_high = a->attr->file_id_high;
    f->domain = a->attr->file_domain;
    f->has_links = a->attr->link_count > 1;
    f->is_plain = !a->stream && !(a->attr->attributes & SMBKIT_ATTR_DIRECTORY) &&
                  !(a->flags & SMBKIT_CREATE_BY_ID) && a->snapshot_time == 0;
    a->file = f;
    pthread_mutex_lock(&b->lock);
    f->next = b->files;
    if (f->next) {
        f->next->prev = f;
    }
    b->files = f;
    pthread_mutex_unlock(&b->lock);
    return st;
}

static void recycle_close(void *volume, struct smbkit_op *op, void *file)
{
    struct bin *b = volume;
    struct file *f = file;
    pthread_mutex_lock(&b->lock);
    asked_leave(b, f);
    *(f->prev ? &f->prev->next : &b->files) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_mutex_unlock(&b->lock);
    smbkit_next_close(b->next, op, f->below);
    free(f->path);
    free(f);
}

static void *recycle_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct file *)file)->below;
}

/* What is at old, or below it, is at to by now. Without memory the old name stays: it tells only
 * where the file is kept when it goes. */
static void follow(struct file *f, const char *old, const char *to)
{
    size_t len = strlen(old);
    if (strncmp(f->path, old, len) != 0 || (f->path[len] != '/' && f->path[len] != '\0')) {
        return;
    }
    size_t size = strlen(to) + strlen(f->path + len) + 1;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s%s", to, f->path + len);
        free(f->path);
        f->path = path;
    }
}

static smbkit_status recycle_rename(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_rename *a)
{
    struct bin *b = volume;
    struct file *f = file;
    smbkit_status st = smbkit_next_rename(b->next, op, f->below, a);
    if (!SMBKIT_OK(st) || a->new_stream) {
        return st;
    }
    pthread_mutex_lock(&b->lock);
    char *old = strdup(f->path);
    for (struct file *each = b->files; each && old; each = each->next) {
        follow(each, old, a->new_path);
    }
    pthread_mutex_unlock(&b->lock);
    free(old);
    return st;
}

/* ---- the volume ---- */

struct words {
    const char *repository, *exclude;
    uint64_t size_max;
    uint32_t keeps_tree, keeps_versions;
};

static const struct smbkit_param params[] = {
    {.key = "repository",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, repository),
     .min = 1,
     .max = 1024},
    {.key = "keeptree", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, keeps_tree)},
    {.key = "versions",
     .kind = SMBKIT_PARAM_FLAG,
     .offset = offsetof(struct words, keeps_versions)},
    {.key = "maxsize", .kind = SMBKIT_PARAM_SIZE, .offset = offsetof(struct words, size_max)},
    {.key = "exclude", .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, exclude)},
    {.key = NULL},
};

static void bin_free(struct bin *b)
{
    pthread_mutex_destroy(&b->lock);
    free(b->repository);
    free(b->exclude);
    free(b);
}

static smbkit_status recycle_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.repository = ".recycle/%U", .keeps_tree = 1, .keeps_versions = 1};
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!recycle_is_path(w.repository)) {
        snprintf(args->error, args->error_size,
                 "repository: expected a folder of the share, such as .recycle/%%U");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct bin *b = calloc(1, sizeof(*b));
    if (!b) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&b->lock, NULL);
    b->next = args->next;
    b->host = args->host;
    b->has_security = args->features & SMBKIT_FEATURE_SECURITY;
    b->size_max = w.size_max;
    b->keeps_tree = w.keeps_tree;
    b->keeps_versions = w.keeps_versions;
    b->repository = strdup(w.repository);
    b->exclude = w.exclude ? strdup(w.exclude) : NULL;
    if (!b->repository || (w.exclude && !b->exclude)) {
        bin_free(b);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    args->features &= ~SMBKIT_FEATURE_OPEN_BY_ID; /* files are known by the path they came by */
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) { /* remove does */
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = b;
    return SMBKIT_STATUS_SUCCESS;
}

static void recycle_volume_close(void *volume)
{
    bin_free(volume);
}

static const struct smbkit_plugin recycle_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_SEGMENTS,
    .name = "recycle",
    .description = "moves files that are removed to a folder of the share",
    .version = "1",
    .config_help = "repository=FOLDER  where they go; %U is the user's name; default: .recycle/%U\n"
                   "keeptree=yes|no    in folders as they lay in; default: yes\n"
                   "versions=yes|no    keep what was removed by that name before; default: yes\n"
                   "maxsize=SIZE       larger ones are removed for good; default: none are\n"
                   "exclude=/NAME/...  such names, with * and ?, are removed for good\n",
    .volume_open = recycle_volume_open,
    .volume_close = recycle_volume_close,
    .create = recycle_create,
    .close = recycle_close,
    .file_below = recycle_file_below,
    .rename = recycle_rename,
    .remove = recycle_remove,
    .check_remove = recycle_check_remove,
};

SMBKIT_REGISTER(recycle_filter)
