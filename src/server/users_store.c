/* SPDX-License-Identifier: Apache-2.0 */
#include "server/users_store.h"

#include <errno.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "os/os.h"
#include "os/process.h"
#include "os/sync.h"

#define LOG_MODULE LOG_SERVER
#define MODE_OTHERS 077u /* permission bits that a file of secrets must not have */

struct users_store {
    char *path;           /* immutable after init */
    struct mutex reading; /* before lock; held while the disk is asked */
    uint64_t version;     /* guarded by reading: the last that a user was given */
    uint64_t stamp;       /* guarded by reading: of the file as it was read last, well or not */
    struct mutex lock;    /* held for a moment */
    struct users *file;   /* guarded by lock, changed under reading too; never NULL */
    struct users *given;  /* guarded by lock; never NULL */
    struct groups groups; /* guarded by lock; of the configuration */
};

struct users *users_file_read(const char *path, int *errno_r, char *err, size_t err_size)
{
    CLEANUP_MEM char *text = NULL;
    size_t len = 0;
    unsigned mode = 0;
    char why[256];
    int e = os_file_mode(path, &mode);
    if (e == 0 && (mode & MODE_OTHERS)) {
        *errno_r = -EPERM;
        str_format(err, err_size, "%s may be read by others (mode %04o); run: chmod 600 %s", path,
                   mode & 07777u, path);
        return NULL;
    }
    e = e != 0 ? e : os_file_read(path, USERS_TEXT_MAX, &text, &len);
    *errno_r = e;
    if (e != 0) {
        os_error_text(-e, why, sizeof(why));
        if (e == -ENOENT) {
            str_format(err, err_size,
                       "there is no users file %s; make it with: smbkit user add --file %s NAME",
                       path, path);
        } else {
            str_format(err, err_size, "users file %s cannot be read: %s", path, why);
        }
        return NULL;
    }
    struct users *u = NULL;
    bool ok = users_parse(text, len, &u, why, sizeof(why));
    mem_wipe(text, len);
    if (!ok) {
        *errno_r = -EINVAL;
        str_format(err, err_size, "users file %s: %s", path, why);
        return NULL;
    }
    *errno_r = len > 0 ? 0 : -ENODATA;
    return u;
}

int users_file_write(const char *path, const struct users *u)
{
    size_t len = 0;
    char *text = users_format(u, &len);
    if (!text) {
        return -ENOMEM;
    }
    int err = os_file_replace(path, text, len, 0600);
    mem_wipe(text, len);
    mem_free(text);
    return err;
}

struct users_store *users_store_new(const char *path)
{
    struct users_store *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    mutex_init(&s->reading);
    mutex_init(&s->lock);
    s->path = path ? str_dup(path) : NULL;
    s->file = users_new();
    s->given = users_new();
    if (!s->file || !s->given || (path && !s->path)) {
        users_store_free(s);
        return NULL;
    }
    return s;
}

void users_store_free(struct users_store *s)
{
    if (!s) {
        return;
    }
    users_free(s->file);
    users_free(s->given);
    groups_fini(&s->groups);
    mutex_fini(&s->lock);
    mutex_fini(&s->reading);
    mem_free(s->path);
    mem_free(s);
}

smbkit_status users_store_add(struct users_store *s, const char *name, const char *password)
{
    uint8_t hash[16];
    smbkit_status status = users_nt_hash_from_password(password, hash);
    if (SMBKIT_OK(status)) {
        SCOPED_LOCK(&s->lock);
        status = users_set(s->given, name, hash, false);
    }
    mem_wipe(hash, sizeof(hash));
    return status;
}

/* `reading` is held: the disk may take its time, and only log-ins wait for it. */
static bool load_locked(struct users_store *s, char *err, size_t err_size)
{
    int e = 0;
    uint64_t stamp = 0;
    /* The stamp before the text: a change in between is seen with the next log-in. */
    if (os_file_stamp(s->path, &stamp) != 0) {
        stamp = 0;
    }
    s->stamp = stamp;
    struct users *u = users_file_read(s->path, &e, err, err_size);
    if (!u) {
        return false;
    }
    if (e == -ENODATA && users_count(s->file) > 0) {
        /* What the program writes is never that short: who emptied it is about to write it. */
        str_format(err, err_size,
                   "users file %s: there is nothing in it; the users stay as they were", s->path);
        users_free(u);
        return false;
    }
    users_versions_take(u, s->file, &s->version);
    struct users *before = s->file;
    {
        SCOPED_LOCK(&s->lock);
        s->file = u;
    }
    users_free(before);
    return true;
}

bool users_store_load(struct users_store *s, char *err, size_t err_size)
{
    if (!s->path) {
        return true;
    }
    SCOPED_LOCK(&s->reading);
    return load_locked(s, err, err_size);
}

/* `reading` is held. */
static bool refresh(struct users_store *s, char *err, size_t err_size)
{
    uint64_t stamp = 0;
    if (!s->path || os_file_stamp(s->path, &stamp) != 0 || stamp == s->stamp) {
        return true;
    }
    return load_locked(s, err, err_size);
}

/* Lock held. The command line's users come first. */
static const struct auth_user *find(const struct users_store *s, const char *name)
{
    const struct auth_user *u = users_find(s->given, name);
    return u ? u : users_find(s->file, name);
}

bool users_store_lookup(void *arg, const char *name, struct auth_user *out)
{
    struct users_store *s = arg;
    char err[512];
    bool fresh;
    const struct auth_user *u;
    {
        SCOPED_LOCK(&s->reading);
        fresh = refresh(s, err, sizeof(err));
    }
    {
        SCOPED_LOCK(&s->lock);
        u = find(s, name);
        if (u) {
            *out = *u;
        }
    }
    if (!fresh) {
        log_error(NULL, "users file not reloaded reason=%s", quoted(err).text);
    }
    return u != NULL;
}

bool users_store_is_current(void *arg, const char *name, uint64_t version)
{
    struct users_store *s = arg;
    SCOPED_LOCK(&s->lock);
    const struct auth_user *u = find(s, name);
    return u && !u->disabled && u->version == version;
}

static bool tell(const struct auth_user *u, struct rpc_user *out)
{
    if (u) {
        out->rid = u->rid;
        out->is_disabled = u->disabled;
        (void)str_copy(out->name, sizeof(out->name), u->name);
    }
    return u != NULL;
}

/* Lock held. NULL: there is none. */
static const char *find_group(const struct users_store *s, uint32_t rid)
{
    const char *name = groups_find_rid(&s->groups, rid);
    return name ? name : users_group_find_rid(s->file, rid);
}

static bool tell_group(const char *name, struct rpc_user *out)
{
    if (name) {
        out->rid = users_rid_of_group(name);
        out->is_group = true;
        (void)str_copy(out->name, sizeof(out->name), name);
    }
    return name != NULL;
}

bool users_store_of_name(void *arg, const char *name, struct rpc_user *out)
{
    struct users_store *s = arg;
    SCOPED_LOCK(&s->lock);
    if (tell(find(s, name), out)) {
        return true;
    }
    const char *group = find_group(s, users_rid_of_group(name));
    return group && utf8_ieq(group, name) && tell_group(group, out);
}

bool users_store_of_rid(void *arg, uint32_t rid, struct rpc_user *out)
{
    struct users_store *s = arg;
    SCOPED_LOCK(&s->lock);
    const struct auth_user *u = users_find_rid(s->given, rid);
    return tell(u ? u : users_find_rid(s->file, rid), out) || tell_group(find_group(s, rid), out);
}

static bool tell_users(const struct users *users, bool (*fn)(void *, const struct rpc_user *),
                       void *fn_arg)
{
    bool more = true;
    for (size_t i = 0; more && i < users_count(users); i++) {
        struct rpc_user user = {0};
        more = tell(users_at(users, i), &user) && fn(fn_arg, &user);
    }
    return more;
}

/* Each once, where it is first named. Lock held. */
static bool tell_file_groups(const struct users_store *s,
                             bool (*fn)(void *, const struct rpc_user *), void *fn_arg)
{
    bool more = true;
    for (size_t i = 0; more && i < users_count(s->file); i++) {
        const struct names *names = users_groups_get(s->file, users_at(s->file, i)->name);
        for (size_t k = 0; more && names && k < names->count; k++) {
            struct rpc_user group = {0};
            uint32_t rid = users_rid_of_group(names->items[k]);
            bool is_first = users_group_find_rid(s->file, rid) == names->items[k] &&
                            find_group(s, rid) == names->items[k];
            more = !is_first || (tell_group(names->items[k], &group) && fn(fn_arg, &group));
        }
    }
    return more;
}

void users_store_each(void *arg, bool (*fn)(void *, const struct rpc_user *), void *fn_arg)
{
    struct users_store *s = arg;
    SCOPED_LOCK(&s->lock);
    bool more = tell_users(s->given, fn, fn_arg) && tell_users(s->file, fn, fn_arg);
    for (size_t i = 0; more && i < s->groups.count; i++) {
        struct rpc_user group = {0};
        more = tell_group(s->groups.items[i].name, &group) && fn(fn_arg, &group);
    }
    if (more) {
        (void)tell_file_groups(s, fn, fn_arg);
    }
}

bool users_store_groups_of(void *arg, const char *name, struct names *groups)
{
    struct users_store *s = arg;
    SCOPED_LOCK(&s->lock);
    bool is_given = users_find(s->given, name) != NULL;
    const struct names *own = is_given ? NULL : users_groups_get(s->file, name);
    for (size_t i = 0; own && i < own->count; i++) {
        if (!names_have(groups, own->items[i]) && !names_add(groups, own->items[i])) {
            return false;
        }
    }
    return groups_of(&s->groups, name, groups);
}

bool users_store_has_group(struct users_store *s, uint32_t rid)
{
    SCOPED_LOCK(&s->lock);
    return users_group_find_rid(s->file, rid) != NULL;
}

bool users_store_groups_set(struct users_store *s, const struct groups *groups)
{
    struct groups fresh;
    if (!groups_copy(&fresh, groups)) {
        return false;
    }
    mutex_lock(&s->lock);
    SWAP(s->groups, fresh);
    mutex_unlock(&s->lock);
    groups_fini(&fresh);
    return true;
}

bool users_store_has(struct users_store *s, const char *name)
{
    SCOPED_LOCK(&s->lock);
    const struct auth_user *u = find(s, name);
    return u && !u->disabled;
}

bool users_store_identity(struct users_store *s, uint8_t out[USERS_IDENTITY_LEN])
{
    SCOPED_LOCK(&s->lock);
    const uint8_t *identity = users_identity_get(s->file);
    if (identity) {
        mem_copy(out, identity, USERS_IDENTITY_LEN);
    }
    return identity != NULL;
}

size_t users_store_count(struct users_store *s)
{
    SCOPED_LOCK(&s->lock);
    return users_count(s->file) + users_count(s->given);
}

const char *users_store_path(const struct users_store *s)
{
    return s->path;
}
