/* SPDX-License-Identifier: Apache-2.0 */
/* An archive as a read-only share: smbkit-archive-plugin(1). */
#include "arc_priv.h"

#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    const char *file;
    const char *charset;
    const char *passphrase_file;
    uint64_t cache;
    uint64_t unpacked;
    uint32_t nested;
};
static const struct smbkit_param params[] = {
    {.key = "file",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct arguments, file),
     .min = 1,
     .max = 4096,
     .flags = SMBKIT_PARAM_REQUIRED},
    {.key = "charset",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct arguments, charset),
     .min = 1,
     .max = 64},
    {.key = "passphrase-file",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct arguments, passphrase_file),
     .min = 1,
     .max = 4096},
    {.key = "cache",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct arguments, cache),
     .min = ARC_CACHE_MIN},
    {.key = "unpacked",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct arguments, unpacked),
     .min = 1},
    {.key = "nested", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct arguments, nested)},
    {.key = NULL}};

/* ---- attributes ---- */

static void describe(const struct arc_index *x, uint32_t node, struct smbkit_attr *attr)
{
    const struct arc_node *n = &x->nodes[node];
    attr->attributes = n->flags >> ARC_DOS_SHIFT;
    attr->attributes |= n->flags & ARC_FOLDER ? SMBKIT_ATTR_DIRECTORY : 0;
    attr->attributes |= n->flags & ARC_ENCRYPTED ? SMBKIT_ATTR_ENCRYPTED : 0;
    attr->attributes |= attr->attributes ? 0 : SMBKIT_ATTR_NORMAL;
    attr->file_id = node == ARC_ROOT && x->root_id ? x->root_id : arc_entry_key(x, node) + 1;
    attr->size = n->flags & ARC_FOLDER ? 0 : n->size;
    attr->write_time = n->write_time;
    attr->change_time = n->write_time;
    attr->access_time = n->write_time;
    attr->create_time = n->create_time;
    attr->valid |= SMBKIT_HAS_SIZE | SMBKIT_HAS_FILE_ID;
    if (attr->struct_size >= offsetof(struct smbkit_attr, names_told) + sizeof(attr->names_told)) {
        attr->names_told = x->generation; /* a new index is told as a whole */
    }
}

/* ---- operations ---- */

static smbkit_status archive_volume_info(void *volume, struct smbkit_op *op,
                                         struct smbkit_volume_info *info)
{
    struct arc_volume *v = volume;
    const char *slash = strrchr(v->set.path, '/');
    struct arc_stamp stamp;
    (void)op;
    snprintf(info->label, sizeof(info->label), "%.32s", slash ? slash + 1 : v->set.path);
    if (!memchr(info->label, 0, sizeof(info->label))) {
        info->label[0] = '\0';
    }
    if (arc_stamp_now(&v->set, &stamp)) {
        info->total_bytes = stamp.size;
    }
    info->free_bytes = 0;
    info->available_bytes = 0;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_kind(const struct arc_node *n, const struct smbkit_create *how)
{
    int is_folder = (n->flags & ARC_FOLDER) != 0;
    if (how->disposition == SMBKIT_CREATE) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (is_folder && how->kind == SMBKIT_KIND_FILE) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    return !is_folder && how->kind == SMBKIT_KIND_DIRECTORY ? SMBKIT_STATUS_NOT_A_DIRECTORY
                                                            : SMBKIT_STATUS_SUCCESS;
}

/* Without a passphrase there is no use in trying. */
static smbkit_status check_secret(const struct arc_volume *v, const struct arc_index *x,
                                  uint32_t node, uint32_t access)
{
    char name[300];
    if (!(x->nodes[node].flags & ARC_ENCRYPTED) || v->set.passphrases[0] ||
        !(access & (SMBKIT_READ_DATA | SMBKIT_EXECUTE))) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_log(1, "archive entry is encrypted name=%s; see passphrase-file=",
               smbkit_quote(arc_name(x, node), name, sizeof(name)));
    return SMBKIT_STATUS_ACCESS_DENIED;
}

/* Takes the ref of x. */
static struct arc_file *file_new(struct arc_volume *v, struct arc_index *x, const char *path)
{
    size_t len = strlen(path) + 1;
    struct arc_file *f = calloc(1, sizeof(*f) + len);
    if (!f) {
        return NULL;
    }
    memcpy(f->path, path, len);
    f->index = x;
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_lock(&v->lock);
    f->next = v->files;
    f->prev = &v->files;
    if (f->next) {
        f->next->prev = &f->next;
    }
    v->files = f;
    pthread_mutex_unlock(&v->lock);
    return f;
}

/* The index of an archive within, unpacked for who may list it, not for who only asks what it
 * is. Borrowed from f. */
static smbkit_status enter(struct arc_volume *v, struct smbkit_op *op, struct arc_file *f,
                           const struct arc_index **x_r)
{
    struct arc_index *x = NULL;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&f->lock);
    *x_r = f->inner;
    pthread_mutex_unlock(&f->lock);
    if (!*x_r) {
        status = arc_nested_get(v, op, f->index, f->node, &x);
    }
    if (!SMBKIT_OK(status) || !x) {
        return status;
    }
    pthread_mutex_lock(&f->lock);
    if (!f->inner) {
        f->inner = x;
        x = NULL;
    }
    *x_r = f->inner;
    pthread_mutex_unlock(&f->lock);
    arc_index_unref(x);
    return status;
}

static void file_free(struct arc_volume *v, struct arc_file *f)
{
    pthread_mutex_lock(&v->lock);
    *f->prev = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_mutex_unlock(&v->lock);
    pthread_mutex_destroy(&f->lock);
    arc_index_unref(f->inner);
    arc_index_unref(f->index);
    free(f);
}

static smbkit_status archive_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    struct arc_volume *v = volume;
    struct arc_index *x = NULL;
    struct arc_found found = {.node = ARC_NONE};
    smbkit_status status = arc_volume_index(v, op, &x);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = arc_volume_find(v, op, how->path, &x, &found);
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && how->disposition == SMBKIT_CREATE) {
        status = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    status = SMBKIT_OK(status) ? check_kind(&x->nodes[found.node], how) : status;
    status = SMBKIT_OK(status) ? check_secret(v, x, found.node, how->access) : status;
    struct arc_file *f = SMBKIT_OK(status) ? file_new(v, x, how->path) : NULL;
    if (!f) {
        arc_index_unref(x);
        return SMBKIT_OK(status) ? SMBKIT_STATUS_NO_MEMORY : status;
    }
    f->node = found.node;
    f->via = found.via;
    if ((x->nodes[f->node].flags & ARC_NESTED) && (how->access & SMBKIT_READ_DATA)) {
        const struct arc_index *inner;
        status = enter(v, op, f, &inner);
    }
    if (!SMBKIT_OK(status)) {
        file_free(v, f);
        return status;
    }
    describe(x, found.node, how->attr);
    how->file = f;
    return status;
}

static smbkit_status archive_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct arc_index *x = NULL;
    struct arc_found found;
    smbkit_status status = arc_volume_index(volume, op, &x);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = arc_volume_find(volume, op, a->path, &x, &found);
    if (SMBKIT_OK(status)) {
        describe(x, found.node, a->attr);
    }
    arc_index_unref(x);
    return status;
}

static void archive_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)op;
    file_free(volume, file);
}

static smbkit_status archive_getattr(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_attr *attr)
{
    const struct arc_file *f = file;
    (void)volume;
    (void)op;
    describe(f->index, f->node, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status archive_enumerate(void *volume, struct smbkit_op *op, void *file,
                                       struct smbkit_sink *sink)
{
    struct arc_file *f = file;
    const struct arc_index *x = f->index;
    int is_nested = (x->nodes[f->node].flags & ARC_NESTED) != 0;
    smbkit_status status = is_nested ? enter(volume, op, f, &x) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(status) || sink->cookie > x->count) {
        return status;
    }
    uint32_t folder = is_nested ? ARC_ROOT : f->node;
    int via = is_nested ? 0 : f->via;
    uint32_t i =
        sink->cookie ? x->nodes[sink->cookie - 1].next_child : x->nodes[folder].first_child;
    for (; i != ARC_NONE; i = x->nodes[i].next_child) {
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_entry e = {
            .struct_size = sizeof(e), .name = arc_name(x, i), .cookie = i + 1ull, .attr = &attr};
        if (x->nodes[i].parent != folder || !arc_is_shown(x, i, via)) {
            continue;
        }
        describe(x, arc_real(x, i), &attr);
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- reading ---- */

/* UNKNOWN: it is not known yet, and nowait. */
static enum arc_way way_of(struct arc_file *f, uint64_t *start_r, int nowait)
{
    if (!nowait) {
        pthread_mutex_lock(&f->lock);
    } else if (pthread_mutex_trylock(&f->lock) != 0) { /* who has it reads the archive */
        return ARC_WAY_UNKNOWN;
    }
    if (f->way == ARC_WAY_UNKNOWN && !nowait) {
        f->way = arc_way_find(f->index, f->node, &f->start);
    }
    *start_r = f->start;
    enum arc_way way = f->way;
    pthread_mutex_unlock(&f->lock);
    return way;
}

static smbkit_status read_some(struct arc_volume *v, struct arc_file *f, struct smbkit_op *op,
                               struct smbkit_io *io)
{
    uint64_t size = f->index->nodes[f->node].size;
    uint64_t left = io->offset < size ? size - io->offset : 0;
    struct arc_want w = {.index = f->index, .node = f->node, .at = io->offset, .op = op};
    int nowait = (op->flags & SMBKIT_OP_NOWAIT) != 0;
    w.len = io->length < left ? io->length : (uint32_t)left;
    if (w.len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!io->buffer && !smbkit_io_buffer(io)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w.to = io->buffer;
    w.way = way_of(f, &w.start, nowait);
    if (w.way == ARC_WAY_UNKNOWN) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status status = arc_volume_read(v, &w, nowait);
    io->done = SMBKIT_OK(status) ? w.len : 0;
    return status;
}

static smbkit_status archive_read(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_io *io)
{
    struct arc_file *f = file;
    io->done = 0;
    smbkit_status status = f->index->nodes[f->node].flags & ARC_FOLDER
                               ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY
                               : read_some(volume, f, op, io);
    return status;
}

/* ---- the volume ---- */

static void settings_fini(struct arc_settings *set)
{
    for (uint32_t i = 0; i < ARC_PASSPHRASES_MAX && set->passphrases[i]; i++) {
        explicit_bzero(set->passphrases[i], strlen(set->passphrases[i]));
        free(set->passphrases[i]);
    }
    free(set->path);
    free(set->charset);
}

/* A line each; they are tried one by one. */
static smbkit_status read_passphrases(struct arc_settings *set, const char *path,
                                      const struct smbkit_volume_args *args)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    uint32_t n = 0;
    if (!f) {
        snprintf(args->error, args->error_size, "passphrase-file %s: %s", path, strerror(errno));
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    ssize_t len = getline(&line, &room, f);
    for (; len >= 0 && n < ARC_PASSPHRASES_MAX; len = getline(&line, &room, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line) {
            set->passphrases[n] = strdup(line);
            n += set->passphrases[n] != NULL;
        }
    }
    if (line) {
        explicit_bzero(line, room);
    }
    free(line);
    fclose(f);
    if (n == 0) {
        snprintf(args->error, args->error_size, "passphrase-file %s: it has no line", path);
    }
    return n ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status take_charset(struct arc_settings *set, const char *name,
                                  const struct smbkit_volume_args *args)
{
    iconv_t cd = iconv_open("UTF-8", name);
    if (cd == (iconv_t)-1) {
        snprintf(args->error, args->error_size, "charset %s: iconv(1) does not know it", name);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    iconv_close(cd);
    set->charset = strdup(name);
    return set->charset ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* The server may change its folder. Links stay what they are: one that leads elsewhere by and by is
 * another archive then. malloc; NULL: errno says why. */
static char *absolute(const char *path)
{
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
    char *whole = NULL;
    if (*path == '/') {
        return strdup(path);
    }
    if (folder && asprintf(&whole, "%s/%s", folder, path) < 0) {
        whole = NULL;
    }
    free(folder);
    return whole;
}

static smbkit_status take_arguments(struct arc_settings *set, const struct smbkit_volume_args *args)
{
    struct arguments given = {.cache = 256u << 20, .unpacked = 1ull << 40};
    smbkit_status status = smbkit_args_take(args, params, &given);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    set->cache_max = given.cache;
    set->unpacked_max = given.unpacked;
    set->is_nested = given.nested != 0;
    set->path = absolute(given.file);
    if (!set->path) {
        snprintf(args->error, args->error_size, "%s: %s", given.file, strerror(errno));
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (given.charset) {
        status = take_charset(set, given.charset, args);
    }
    if (SMBKIT_OK(status) && given.passphrase_file) {
        status = read_passphrases(set, given.passphrase_file, args);
    }
    return status;
}

static void archive_volume_close(void *volume)
{
    struct arc_volume *v = volume;
    arc_volume_stop(v);
    arc_pool_fini(&v->pool);
    arc_cache_free(v->cache);
    arc_index_unref(v->index);
    arc_nested_free(v->nested); /* whose were counted in it */
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    settings_fini(&v->set);
    free(v);
}

/* The whole index is made beside, but what is no archive at all is said at once. */
static smbkit_status begin(struct arc_volume *v, struct smbkit_volume_args *args)
{
    char why[256] = "";
    smbkit_status status = take_arguments(&v->set, args);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (access(v->set.path, F_OK) != 0) {
        snprintf(args->error, args->error_size, "%s: %s", v->set.path, strerror(errno));
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    status = arc_probe(&v->set, why);
    if (!SMBKIT_OK(status)) {
        snprintf(args->error, args->error_size, "%s is no archive that can be read: %s",
                 v->set.path, why);
        return status;
    }
    v->cache = arc_cache_new(v->set.cache_max);
    v->nested = arc_nested_new();
    if (!v->cache || !v->nested) {
        snprintf(args->error, args->error_size, "no room for the cache");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->pool.cache = v->cache;
    return arc_volume_start(v);
}

static smbkit_status archive_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct arc_volume *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->host = args->host;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    arc_pool_init(&v->pool, &v->set, NULL);
    smbkit_status status = begin(v, args);
    if (!SMBKIT_OK(status)) {
        archive_volume_close(v);
        return status;
    }
    args->features =
        SMBKIT_FEATURE_READ_ONLY | SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_REPORTS;
    *volume_r = v;
    return status;
}

/* libxml2, which reads the list of a xar, keeps tables until the process ends: they would be lost
 * with it. */
static smbkit_status archive_load(void)
{
    Dl_info info;
    if (dladdr(&params, &info)) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
    arc_locale_init();
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin archive_plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "archive",
    .description = "what is in an archive: zip, tar, 7z, iso, rpm and others, read only",
    .version = "1",
    .config_help =
        "file=PATH             the archive\n"
        "charset=NAME          encoding of names that are no UTF-8, as iconv(1) calls it\n"
        "passphrase-file=PATH  passphrases of encrypted files, a line each\n"
        "cache=SIZE            decoded data that is kept; 256M\n"
        "unpacked=SIZE         what may be decoded to find the files; 1T\n"
        "nested=yes            archives within are folders, too: some.zip!\n",
    .load = archive_load,
    .unload = arc_locale_fini,
    .volume_open = archive_volume_open,
    .volume_close = archive_volume_close,
    .volume_info = archive_volume_info,
    .create = archive_create,
    .lookup = archive_lookup,
    .close = archive_close,
    .enumerate = archive_enumerate,
    .getattr = archive_getattr,
    .read = archive_read,
};
SMBKIT_REGISTER(archive_plugin)
