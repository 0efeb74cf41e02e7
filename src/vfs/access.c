/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/access.h"

#include "base/mem.h"
#include "vfs/oplock_core.h"
#include "vfs/path.h"
#include "vfs/token.h"

static bool volume_keeps_security(const struct vfs_volume *v)
{
    return v->features & SMBKIT_FEATURE_SECURITY;
}

/* *is_open_r: it has none, and who owns it does not matter. */
static smbkit_status sd_load(const struct vfs_call *call, const struct door_file *f,
                             bool is_directory, struct secdesc *out, bool *is_open_r)
{
    *is_open_r = false;
    if (volume_keeps_security(f->volume)) {
        CLEANUP_MEM uint8_t *bytes = NULL;
        size_t len = 0;
        smbkit_status st = door_get_security(call, f, &bytes, &len);
        if (SMBKIT_OK(st)) {
            return sd_parse(bytes, len, out);
        }
        if (st != SMBKIT_STATUS_NOT_FOUND) {
            return st;
        }
    }
    bool keeps_private = volume_has(f->volume, VFS_PRIVATE_FILES);
    /* A DELETE_CHILD of everyone's would let everyone delete and rename what is its maker's alone,
     * and who may write the directory's DACL gives it to himself; files without descriptors give
     * DELETE themselves. */
    enum sd_default_kind kind = is_directory && keeps_private ? SD_COMMON : SD_OPEN;
    if (!SMBKIT_OK(volume_check_writable(call, f->volume))) {
        kind = SD_READABLE;
    }
    struct sid administrators = sid_builtin(544);
    smbkit_status st = sd_default(out, kind, &administrators, &administrators);
    *is_open_r = kind != SD_COMMON; /* in that, its owner has more rights than others */
    if (SMBKIT_OK(st) && is_directory && !keeps_private) {
        sd_make_inheritable(out);
    }
    return st;
}

/* The descriptor made up for a file without one is given the owner that the store knows. Where all
 * may do everything, or nobody anything, it gives and takes no right who that is. */
static smbkit_status show_store_owner(const struct vfs_call *call, const struct door_file *f,
                                      struct secdesc *out)
{
    CLEANUP_MEM uint8_t *bytes = NULL;
    size_t len = 0;
    struct secdesc store;
    smbkit_status st = door_get_store_owner(call, f, &bytes, &len);
    if (!SMBKIT_OK(st)) {
        return door_stops(st) || st == SMBKIT_STATUS_NO_MEMORY ? st : SMBKIT_STATUS_SUCCESS;
    }
    st = sd_parse(bytes, len, &store);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (store.has_owner && store.has_group) {
        out->owner = store.owner;
        out->group = store.group;
    }
    sd_fini(&store);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status access_sd_load_shown(const struct vfs_call *call, const struct door_file *f,
                                   bool is_directory, struct secdesc *out)
{
    bool is_open;
    smbkit_status st = sd_load(call, f, is_directory, out, &is_open);
    if (!SMBKIT_OK(st) || !is_open || !volume_keeps_security(f->volume)) {
        return st;
    }
    st = show_store_owner(call, f, out);
    if (!SMBKIT_OK(st)) {
        sd_fini(out);
    }
    return st;
}

smbkit_status access_sd_load(const struct vfs_call *call, const struct door_file *f,
                             bool is_directory, struct secdesc *out)
{
    bool is_open;
    return sd_load(call, f, is_directory, out, &is_open);
}

/* The same of the directory at that path, and what it is. */
static smbkit_status sd_load_path(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *dir, struct access_parent *out)
{
    const struct door_open how = {.path = dir,
                                  .access = SMBKIT_READ_CONTROL | SMBKIT_READ_ATTRIBUTES};
    struct door_file f = {.volume = v};
    smbkit_status st = door_open(call, &f, &how, &out->attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = access_sd_load(call, &f, true, &out->sd);
    door_close(call, &f);
    return st;
}

/* What the parent directory gives: DELETE with its DELETE_CHILD, READ_ATTRIBUTES with its LIST. */
static smbkit_status parent_lends(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *path, uint32_t *lent_r)
{
    *lent_r = 0;
    if (!path[0]) {
        return SMBKIT_STATUS_SUCCESS;
    }
    CLEANUP_MEM char *parent = path_parent(path);
    if (!parent) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct access_parent dir;
    smbkit_status st = sd_load_path(call, v, parent, &dir);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t max = sd_access_max(&dir.sd, call->token);
    sd_fini(&dir.sd);
    *lent_r = (max & SMBKIT_DELETE_CHILD ? SMBKIT_DELETE : 0) |
              (max & SMBKIT_READ_DATA ? SMBKIT_READ_ATTRIBUTES : 0);
    return SMBKIT_STATUS_SUCCESS;
}

/* The system ACL is for who has the privilege, whatever else he may. */
static smbkit_status check_privilege(const struct vfs_call *call, const struct access_query *q)
{
    return (q->desired & SMBKIT_ACCESS_SYSTEM_SECURITY) &&
                   !(call->token->privileges & TOKEN_CAN_SECURITY)
               ? SMBKIT_STATUS_PRIVILEGE_NOT_HELD
               : SMBKIT_STATUS_SUCCESS;
}

/* A volume that knows better than a descriptor. NOT_SUPPORTED: not of this file. */
static smbkit_status check_word(const struct vfs_call *call, const struct door_file *f,
                                struct access_query *q)
{
    uint32_t system = q->desired & SMBKIT_ACCESS_SYSTEM_SECURITY;
    smbkit_status st = check_privilege(call, q);
    if (SMBKIT_OK(st)) {
        st = door_access_check(call, f, q->desired & ~system, &q->granted);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    q->max = q->granted;
    if (q->want_max && !(q->desired & SMBKIT_MAXIMUM_ALLOWED)) {
        st = door_access_check(call, f, SMBKIT_MAXIMUM_ALLOWED, &q->max);
        st = st == SMBKIT_STATUS_ACCESS_DENIED ? SMBKIT_STATUS_SUCCESS : st;
    }
    q->granted |= system;
    return st;
}

/* A volume without descriptors: everything but the system ACL for everyone. */
static smbkit_status check_open_volume(const struct vfs_call *call, struct access_query *q)
{
    smbkit_status st = check_privilege(call, q);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    q->max = SMBKIT_ALL_ACCESS;
    q->granted = q->desired & ~SMBKIT_MAXIMUM_ALLOWED;
    if (q->desired & SMBKIT_MAXIMUM_ALLOWED) {
        q->granted |= SMBKIT_ALL_ACCESS;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_descriptor(const struct vfs_call *call, const struct door_file *f,
                                      struct access_query *q)
{
    struct secdesc sd;
    smbkit_status st = access_sd_load(call, f, q->is_directory, &sd);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    q->max = sd_access_max(&sd, call->token);
    st = sd_access_check(&sd, call->token, q->desired, &q->granted);
    uint32_t lendable = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES;
    bool lacks = st == SMBKIT_STATUS_ACCESS_DENIED && (q->desired & lendable & ~q->max);
    bool wants_all = (q->desired & SMBKIT_MAXIMUM_ALLOWED) || q->want_max;
    if (lacks || (SMBKIT_OK(st) && wants_all && (lendable & ~q->max))) {
        uint32_t lent = 0;
        smbkit_status parent_st = parent_lends(call, f->volume, q->path, &lent);
        if (door_stops(parent_st) || parent_st == SMBKIT_STATUS_NO_MEMORY) {
            sd_fini(&sd);
            return parent_st;
        }
        q->max |= lent;
        if (lacks) {
            st = sd_access_check(&sd, call->token, q->desired & ~lent, &q->granted);
        }
        if (q->desired & SMBKIT_MAXIMUM_ALLOWED) {
            q->granted |= lent;
        }
        q->granted |= lent & q->desired;
    }
    sd_fini(&sd);
    return st;
}

smbkit_status access_check(const struct vfs_call *call, const struct door_file *f,
                           struct access_query *q)
{
    uint32_t cap = q->cap;
    if (!SMBKIT_OK(volume_check_writable(call, f->volume))) {
        cap &= ~ACCESS_WRITES;
    }
    if (q->desired & ~SMBKIT_MAXIMUM_ALLOWED & ~cap) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st =
        f->volume->knows_rights ? check_word(call, f, q) : SMBKIT_STATUS_NOT_SUPPORTED;
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        st = volume_keeps_security(f->volume) ? check_descriptor(call, f, q)
                                              : check_open_volume(call, q);
    }
    q->max &= cap;
    q->granted &= cap;
    /* Nothing at all is not an open. */
    if (SMBKIT_OK(st) && q->granted == 0) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return st;
}

/* A directory in which a name is to be made. */
struct destination {
    const char *path;
    bool adds_directory;
    bool is_opened; /* with share modes */
};

static uint32_t destination_access(const struct destination *d)
{
    return d->adds_directory ? SMBKIT_APPEND_DATA : SMBKIT_WRITE_DATA;
}

/* An open that the share modes refuse waits for handles that are only cached, as any other:
 * [MS-FSA] 2.1.5.1.2. Under n->lock. */
static smbkit_status destination_check_sharing(const struct vfs_call *call, struct vfs_node *n,
                                               uint32_t access)
{
    if (sharemode_is_allowed(&n->shares, access, VFS_SHARE_READ | VFS_SHARE_WRITE)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct oplock_query q = {
        .op = OPLOCK_OP_OPEN_REFUSED, .access = access, .disposition = SMBKIT_OPEN};
    return oplock_ask_locked(call, n, &q, SMBKIT_STATUS_SHARING_VIOLATION);
}

/* What those who have the directory open say: is it being deleted, may it be opened to add to it?
 */
static smbkit_status destination_check_opens(const struct vfs_call *call, struct vfs_volume *v,
                                             const struct smbkit_attr *attr,
                                             const struct destination *d)
{
    const struct node_key key = {.file = file_key_of(attr)};
    struct vfs_node *n = node_find(v->nodes, &key);
    if (!n) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&n->lock);
    smbkit_status st = node_is_going(n) ? SMBKIT_STATUS_DELETE_PENDING : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(st) && d->is_opened) {
        st = destination_check_sharing(call, n, destination_access(d));
    }
    mutex_unlock(&n->lock);
    node_put(n);
    return st;
}

/* What is at the path: with one open, and one look at the descriptor if there are any. */
static smbkit_status destination_load(const struct vfs_call *call, struct vfs_volume *v,
                                      const char *path, struct access_parent *out)
{
    sd_init(&out->sd);
    smbkit_status st = volume_keeps_security(v) ? sd_load_path(call, v, path, out)
                                                : door_lookup(call, v, path, 0, &out->attr);
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st;
}

/* May the caller do that with the directory at that path, by the plugin's word or its descriptor?
 */
static smbkit_status destination_allows(const struct vfs_call *call, struct vfs_volume *v,
                                        const struct destination *d,
                                        const struct access_parent *dir)
{
    uint32_t need = destination_access(d);
    uint32_t granted;
    smbkit_status st = SMBKIT_STATUS_NOT_SUPPORTED;
    if (v->knows_rights) {
        const struct door_open how = {.path = d->path, .access = SMBKIT_READ_ATTRIBUTES};
        struct door_file f = {.volume = v};
        struct smbkit_attr attr;
        st = door_open(call, &f, &how, &attr);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        st = door_access_check(call, &f, need, &granted);
        door_close(call, &f);
    }
    if (st != SMBKIT_STATUS_NOT_SUPPORTED) {
        return st;
    }
    return volume_keeps_security(v) ? sd_access_check(&dir->sd, call->token, need, &granted)
                                    : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status destination_check(const struct vfs_call *call, struct vfs_volume *v,
                                       const struct destination *d, struct access_parent *out)
{
    smbkit_status st = destination_load(call, v, d->path, out);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    bool is_directory = out->attr.attributes & SMBKIT_ATTR_DIRECTORY;
    st = is_directory ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    if (SMBKIT_OK(st)) {
        st = destination_allows(call, v, d, out);
    }
    if (SMBKIT_OK(st)) { /* who may not add to it asks nobody to let go, and learns nothing */
        st = destination_check_opens(call, v, &out->attr, d);
    }
    if (!SMBKIT_OK(st)) {
        sd_fini(&out->sd);
    }
    return st;
}

smbkit_status access_check_parent(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *parent, bool adds_directory,
                                  struct access_parent *out)
{
    const struct destination d = {.path = parent, .adds_directory = adds_directory};
    return destination_check(call, v, &d, out);
}

smbkit_status access_check_destination(const struct vfs_call *call, struct vfs_volume *v,
                                       const char *parent, bool adds_directory,
                                       struct smbkit_attr *attr_r)
{
    const struct destination d = {
        .path = parent, .adds_directory = adds_directory, .is_opened = true};
    struct access_parent dir;
    smbkit_status st = destination_check(call, v, &d, &dir);
    if (SMBKIT_OK(st)) {
        *attr_r = dir.attr;
        sd_fini(&dir.sd);
    }
    return st;
}

smbkit_status access_check_path(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                                uint32_t need)
{
    if (!volume_keeps_security(v) && !v->knows_rights) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct door_open how = {.path = path,
                                  .access = SMBKIT_READ_CONTROL | SMBKIT_READ_ATTRIBUTES,
                                  .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    struct door_file f = {.volume = v};
    struct smbkit_attr attr;
    smbkit_status st = door_open(call, &f, &how, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct access_query q = {.path = path,
                             .is_directory = attr.attributes & SMBKIT_ATTR_DIRECTORY,
                             .desired = need,
                             .cap = SMBKIT_ALL_ACCESS};
    st = access_check(call, &f, &q);
    door_close(call, &f);
    return st;
}

/* By its descriptor. */
static smbkit_status seen_by_descriptor(const struct vfs_call *call, const struct door_file *f,
                                        bool is_directory, uint32_t need)
{
    struct secdesc sd;
    uint32_t granted;
    sd_init(&sd);
    smbkit_status st = access_sd_load(call, f, is_directory, &sd);
    st = SMBKIT_OK(st) ? sd_access_check(&sd, call->token, need, &granted) : st;
    sd_fini(&sd);
    return st;
}

/* By the plugin's word or the file's own descriptor: what the directory lends is everybody's who
 * lists it. A volume without either is asked for the data: only the plugin knows. */
static smbkit_status seen_by(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                             uint64_t snapshot_time)
{
    uint32_t need = sd_map_generic(SMBKIT_GENERIC_READ);
    bool has_descriptors = volume_keeps_security(v);
    const struct door_open how = {
        .path = path,
        .access = has_descriptors ? SMBKIT_READ_CONTROL | SMBKIT_READ_ATTRIBUTES : need,
        .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
        .snapshot_time = snapshot_time};
    struct door_file f = {.volume = v};
    struct smbkit_attr attr;
    smbkit_status st = door_open(call, &f, &how, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t granted;
    smbkit_status word = door_access_check(call, &f, need, &granted);
    if (word != SMBKIT_STATUS_NOT_SUPPORTED) {
        st = word;
    } else if (has_descriptors) {
        st = seen_by_descriptor(call, &f, attr.attributes & SMBKIT_ATTR_DIRECTORY, need);
    }
    door_close(call, &f);
    return st;
}

smbkit_status access_check_seen(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                                uint64_t snapshot_time)
{
    smbkit_status st = seen_by(call, v, path, snapshot_time);
    bool is_answer = SMBKIT_OK(st) || door_stops(st) || st == SMBKIT_STATUS_NO_MEMORY ||
                     st == SMBKIT_STATUS_CANCELLED;
    return is_answer ? st : SMBKIT_STATUS_ACCESS_DENIED;
}
