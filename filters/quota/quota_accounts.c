/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "quota.h"

#define SID_MIN 8u /* bytes */

static bool is_same(const char *a, const char *b)
{
    const char *rest = letters_below(a, b, true);
    return *b && rest && !*rest;
}

void quota_sid_text(const uint8_t *sid, uint32_t len, char out[QUOTA_TEXT_MAX])
{
    uint64_t authority = 0;
    for (unsigned i = 2; i < SID_MIN; i++) {
        authority = authority << 8 | sid[i];
    }
    int n = snprintf(out, QUOTA_TEXT_MAX, "S-%u-%llu", sid[0], (unsigned long long)authority);
    for (uint32_t at = SID_MIN; at + 4 <= len && n < (int)QUOTA_TEXT_MAX; at += 4) {
        uint32_t part = (uint32_t)sid[at] | (uint32_t)sid[at + 1] << 8 |
                        (uint32_t)sid[at + 2] << 16 | (uint32_t)sid[at + 3] << 24;
        n += snprintf(out + n, QUOTA_TEXT_MAX - (size_t)n, "-%u", part);
    }
}

/* ---- limits; lock is held ---- */

/* The limit that is said of a user by the name or by the SID. */
static const struct quota_limit *limit_of(const struct quota *q, const struct quota_account *u)
{
    char sid[QUOTA_TEXT_MAX];
    quota_sid_text(u->sid, u->sid_len, sid);
    for (uint32_t i = 0; i < q->limit_count; i++) {
        const struct quota_limit *l = &q->limits[i];
        if (is_same(l->name, sid) || (u->name && is_same(l->name, u->name))) {
            return l;
        }
    }
    return NULL;
}

static void settle(const struct quota *q, struct quota_account *u)
{
    const struct quota_limit *l = limit_of(q, u);
    if (l) {
        u->limit = l->limit;
        u->threshold = l->threshold;
        u->has_own = true;
    } else if (!u->has_own) {
        u->limit = q->default_limit;
        u->threshold = q->default_threshold;
    }
}

bool quota_limit_is_met(const struct quota *q, const struct quota_limit *l)
{
    for (uint32_t i = 0; i < q->user_count; i++) {
        if (limit_of(q, q->users[i]) == l) {
            return true;
        }
    }
    return false;
}

/* threshold NULL: as before. */
static bool limit_put(struct quota *q, const char *name, uint64_t limit, const uint64_t *threshold)
{
    uint32_t i = 0;
    while (i < q->limit_count && !is_same(q->limits[i].name, name)) {
        i++;
    }
    if (i == QUOTA_LIMITS_MAX) {
        return false;
    }
    if (i == q->limit_count) {
        q->limits[i] = (struct quota_limit){.name = strdup(name), .threshold = QUOTA_NONE};
        if (!q->limits[i].name) {
            return false;
        }
        q->limit_count++;
    }
    q->limits[i].limit = limit;
    q->limits[i].threshold = threshold ? *threshold : q->limits[i].threshold;
    q->limits[i].is_set = q->sets;
    return true;
}

/* ---- users ---- */

static struct quota_account *user_find(const struct quota *q, const uint8_t *sid, uint32_t len)
{
    for (uint32_t i = 0; i < q->user_count; i++) {
        if (q->users[i]->sid_len == len && memcmp(q->users[i]->sid, sid, len) == 0) {
            return q->users[i];
        }
    }
    return NULL;
}

static struct quota_account *user_add(struct quota *q, const uint8_t *sid, uint32_t len)
{
    struct quota_account *u = q->user_count < QUOTA_USERS_MAX ? calloc(1, sizeof(*u)) : NULL;
    if (!u) {
        return NULL;
    }
    memcpy(u->sid, sid, len);
    u->sid_len = len;
    u->threshold = QUOTA_NONE;
    settle(q, u);
    q->users[q->user_count++] = u;
    return u;
}

static bool is_sid(const uint8_t *sid, uint32_t len)
{
    return len >= SID_MIN && len <= QUOTA_SID_MAX && len == SID_MIN + 4u * sid[1];
}

static struct quota_account *user_get(struct quota *q, const uint8_t *sid, uint32_t len)
{
    if (!is_sid(sid, len)) {
        return NULL;
    }
    struct quota_account *u = user_find(q, sid, len);
    return u ? u : user_add(q, sid, len);
}

struct quota_account *quota_user_of(struct quota *q, const uint8_t *sid, uint32_t len)
{
    pthread_mutex_lock(&q->lock);
    struct quota_account *u = user_get(q, sid, len);
    pthread_mutex_unlock(&q->lock);
    return u;
}

void quota_user_named(struct quota *q, const struct smbkit_identity *who)
{
    if (who->sid_len_bytes == 0 || !who->user[0] || who->session_id == 0) {
        return;
    }
    pthread_mutex_lock(&q->lock);
    struct quota_account *u = user_get(q, who->sid, who->sid_len_bytes);
    if (u && !u->name) {
        u->name = strdup(who->user);
        settle(q, u);
    }
    pthread_mutex_unlock(&q->lock);
}

static bool limit_user(struct quota *q, const char *name, uint64_t limit, const uint64_t *threshold)
{
    pthread_mutex_lock(&q->lock);
    bool good = limit_put(q, name, limit, threshold);
    for (uint32_t i = 0; good && i < q->user_count; i++) {
        settle(q, q->users[i]);
    }
    pthread_mutex_unlock(&q->lock);
    return good;
}

bool quota_limit_user(struct quota *q, const char *name, uint64_t limit)
{
    return limit_user(q, name, limit, NULL);
}

bool quota_limit_user_at(struct quota *q, const char *name, uint64_t limit, uint64_t threshold)
{
    return limit_user(q, name, limit, &threshold);
}

static void default_set(struct quota *q, uint64_t limit, uint64_t threshold)
{
    q->default_limit = limit;
    q->default_threshold = threshold;
    q->default_is_set = q->sets;
    for (uint32_t i = 0; i < q->user_count; i++) {
        settle(q, q->users[i]);
    }
}

void quota_limit_default(struct quota *q, uint64_t limit)
{
    pthread_mutex_lock(&q->lock);
    default_set(q, limit, q->default_threshold);
    pthread_mutex_unlock(&q->lock);
}

void quota_limit_default_at(struct quota *q, uint64_t limit, uint64_t threshold)
{
    pthread_mutex_lock(&q->lock);
    default_set(q, limit, threshold);
    pthread_mutex_unlock(&q->lock);
}

/* ---- folders ---- */

uint64_t quota_folders_of(struct quota *q, const char *path)
{
    uint64_t bits = 0;
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->folder_count; i++) {
        const char *rest = letters_below(path, q->folders[i].name, true);
        if (rest && (*rest || !q->folders[i].name[0])) {
            bits |= (uint64_t)1 << i;
        }
    }
    pthread_mutex_unlock(&q->lock);
    return bits;
}

bool quota_has_folder_below(struct quota *q, const char *path)
{
    bool has = false;
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->folder_count && !has; i++) {
        has = q->folders[i].name[0] && letters_below(q->folders[i].name, path, true);
    }
    pthread_mutex_unlock(&q->lock);
    return has;
}

bool quota_limit_folder(struct quota *q, const char *path, uint64_t limit)
{
    pthread_mutex_lock(&q->lock);
    uint32_t i = 0;
    while (i < q->folder_count &&
           !(is_same(q->folders[i].name, path) || (!*path && !q->folders[i].name[0]))) {
        i++;
    }
    bool good = i < QUOTA_FOLDERS_MAX;
    if (good && i == q->folder_count) {
        q->folders[i] = (struct quota_account){.name = strdup(path)};
        good = q->folders[i].name != NULL;
        q->folder_count += good;
    }
    if (good) {
        q->folders[i].limit = limit;
        q->folders[i].is_set = q->sets;
    }
    pthread_mutex_unlock(&q->lock);
    return good;
}

bool quota_room(struct quota *q, uint64_t folders, uint64_t *limit_r, uint64_t *left_r)
{
    bool has = false;
    *left_r = QUOTA_NONE;
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->folder_count; i++) {
        const struct quota_account *f = &q->folders[i];
        uint64_t left = f->limit > f->used ? f->limit - f->used : 0;
        if ((folders >> i & 1) && f->limit != QUOTA_NONE && left < *left_r) {
            has = true;
            *limit_r = f->limit;
            *left_r = left;
        }
    }
    pthread_mutex_unlock(&q->lock);
    return has;
}

/* ---- counting ---- */

static bool has_room(const struct quota_account *a, uint64_t bytes)
{
    return a->used <= a->limit && bytes <= a->limit - a->used;
}

static void add(struct quota_account *a, int64_t bytes)
{
    uint64_t less = bytes < 0 ? (uint64_t)-bytes : 0;
    a->used += bytes > 0 ? (uint64_t)bytes : 0;
    a->used -= less < a->used ? less : a->used;
}

/* lock is held. */
static void add_all(struct quota *q, const struct quota_places *p, int64_t bytes)
{
    if (p->user) {
        add(p->user, bytes);
    }
    for (uint32_t i = 0; i < q->folder_count; i++) {
        if (p->folders >> i & 1) {
            add(&q->folders[i], bytes);
        }
    }
}

smbkit_status quota_charge(struct quota *q, const struct quota_places *p, uint64_t bytes)
{
    if (bytes == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_lock(&q->lock);
    bool fits = bytes <= INT64_MAX && (!p->user || has_room(p->user, bytes));
    for (uint32_t i = 0; i < q->folder_count && fits; i++) {
        fits = !(p->folders >> i & 1) || has_room(&q->folders[i], bytes);
    }
    if (fits) {
        add_all(q, p, (int64_t)bytes);
    } else {
        q->refused++;
    }
    pthread_mutex_unlock(&q->lock);
    return fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_DISK_FULL;
}

void quota_adjust(struct quota *q, const struct quota_places *p, int64_t bytes)
{
    pthread_mutex_lock(&q->lock);
    add_all(q, p, bytes);
    pthread_mutex_unlock(&q->lock);
}

void quota_clear(struct quota *q)
{
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->user_count; i++) {
        q->users[i]->used = 0;
    }
    for (uint32_t i = 0; i < q->folder_count; i++) {
        q->folders[i].used = 0;
    }
    pthread_mutex_unlock(&q->lock);
}

void quota_accounts_fini(struct quota *q)
{
    for (uint32_t i = 0; i < q->user_count; i++) {
        free(q->users[i]->name);
        free(q->users[i]);
    }
    for (uint32_t i = 0; i < q->folder_count; i++) {
        free(q->folders[i].name);
    }
    for (uint32_t i = 0; i < q->limit_count; i++) {
        free(q->limits[i].name);
    }
}

/* ---- as clients ask: [MS-FSA] 2.1.5.21, 2.1.5.22 ---- */

static void tell(struct smbkit_quota *a, const struct quota_account *u)
{
    a->used = u->used;
    a->limit = u->limit;
    a->threshold = u->threshold;
}

static smbkit_status next_locked(struct quota *q, struct smbkit_quota *a)
{
    if (a->cookie >= q->user_count) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    const struct quota_account *u = q->users[a->cookie];
    a->sid_r.len = u->sid_len;
    if (a->sid_r.cap < u->sid_len) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    memcpy(a->sid_r.base, u->sid, u->sid_len);
    a->cookie++;
    tell(a, u);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status quota_get(struct quota *q, struct smbkit_quota *a)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&q->lock);
    if (a->flags & SMBKIT_QUOTA_NEXT) {
        st = next_locked(q, a);
    } else {
        const struct quota_account *u =
            a->sid.len > 0 ? user_find(q, a->sid.base, a->sid.len) : NULL;
        a->flags = SMBKIT_QUOTA_TRACKED | SMBKIT_QUOTA_ENFORCED;
        a->used = 0;
        a->limit = q->default_limit;
        a->threshold = q->default_threshold;
        if (u) {
            tell(a, u);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return st;
}

static smbkit_status set_locked(struct quota *q, const struct smbkit_quota *a)
{
    char sid[QUOTA_TEXT_MAX];
    if (a->sid.len == 0) {
        default_set(q, a->limit, a->threshold);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!is_sid(a->sid.base, a->sid.len)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct quota_account *u = user_get(q, a->sid.base, a->sid.len);
    if (!u) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    const struct quota_limit *said = limit_of(q, u);
    quota_sid_text(u->sid, u->sid_len, sid);
    if (!limit_put(q, said ? said->name : sid, a->limit, &a->threshold)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    settle(q, u);
    return SMBKIT_STATUS_SUCCESS;
}

/* More than a size can be is no limit: clients may say any number, and the file with what is kept
 * has sizes and "none". */
static uint64_t bytes_of(uint64_t said)
{
    return said > (uint64_t)INT64_MAX ? QUOTA_NONE : said;
}

smbkit_status quota_set(struct quota *q, const struct smbkit_quota *a)
{
    struct smbkit_quota said = *a;
    said.limit = bytes_of(a->limit);
    said.threshold = bytes_of(a->threshold);
    pthread_mutex_lock(&q->lock);
    smbkit_status st = set_locked(q, &said);
    pthread_mutex_unlock(&q->lock);
    return SMBKIT_OK(st) ? quota_keep_write(q) : st;
}
