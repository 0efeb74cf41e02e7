/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/server.h"

#include "auth/users.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/limits.h"

struct smb_policy smb_server_policy(struct smb_server *s)
{
    SCOPED_LOCK(&s->lock);
    return (struct smb_policy){.signing_required = s->config.signing_required,
                               .encryption = s->config.encryption,
                               .credits_max = s->config.credits_max,
                               .allow_guest = s->config.auth.allow_guest,
                               .allow_anonymous = s->config.auth.allow_anonymous,
                               .durable_max_ms = s->config.durable_max_ms};
}

struct auth_config smb_server_auth(struct smb_server *s)
{
    SCOPED_LOCK(&s->lock);
    return s->config.auth;
}

bool smb_server_may_tell(struct smb_server *s, unsigned *untold_r)
{
    SCOPED_LOCK(&s->lock);
    return log_rate_allows(&s->refusals, smb_server_monotonic_ms(s), untold_r);
}

uint64_t smb_server_now(const struct smb_server *s)
{
    return s->config.env.now(s->config.env.arg);
}

uint64_t smb_server_monotonic_ms(const struct smb_server *s)
{
    return s->config.env.monotonic_ms(s->config.env.arg);
}

void smb_server_random(const struct smb_server *s, void *buf, size_t n)
{
    s->config.env.random(s->config.env.arg, buf, n);
}

/* ---- shares ---- */

static void settings_fini(struct smb_share_settings *set)
{
    smb_admission_fini(&set->admission);
    mem_free(set->comment);
}

static void share_free(struct smb_share *share)
{
    vfs_volume_unref(share->volume);
    wait_domain_fini(&share->gate.waits);
    mutex_fini(&share->lock);
    settings_fini(&share->set);
    mem_free(share->name);
    mem_free(share);
}

void smb_share_unref(struct smb_share *share)
{
    if (share && refcount_put(&share->refs)) {
        share_free(share);
    }
}

/* relaxed: as the fields say */
static void flags_set(struct smb_share_settings *set, bool read_only, bool encrypt, bool guest_ok,
                      bool dfs_root)
{
    atomic_store_explicit(&set->dfs_root, dfs_root, memory_order_relaxed);
    atomic_store_explicit(&set->read_only, read_only, memory_order_relaxed);
    atomic_store_explicit(&set->encrypt, encrypt, memory_order_relaxed);
    atomic_store_explicit(&set->guest_ok, guest_ok, memory_order_relaxed);
}

static bool settings_init(struct smb_share_settings *set, const struct smb_share_spec *spec)
{
    set->comment = str_dup(spec->comment ? spec->comment : "");
    set->hidden = spec->hidden;
    flags_set(set, spec->read_only, spec->encrypt, spec->guest_ok, spec->dfs_root);
    return smb_admission_copy(&set->admission, spec->admission) && set->comment;
}

static uint32_t volume_serial(struct smb_server *s, struct vfs_volume *volume)
{
    struct vfs_call call = {.token = s->own_token};
    struct smbkit_volume_info info;
    return volume && SMBKIT_OK(vfs_volume_info(&call, volume, &info)) ? info.serial : 0;
}

unsigned smb_volume_ways(const struct vfs_volume *v)
{
    bool has_past = vfs_volume_features(v) & SMBKIT_FEATURE_SNAPSHOTS;
    return SMB_WAY_IS_FILES | (vfs_volume_never_blocks(v) ? SMB_WAY_NEVER_BLOCKS : 0) |
           (vfs_volume_tries_nowait(v) ? SMB_WAY_TRIES_NOWAIT : 0) |
           (has_past ? SMB_WAY_HAS_PAST : 0);
}

uint32_t smb_volume_lane(const struct vfs_volume *v)
{
    return (uint32_t)((uintptr_t)v / sizeof(void *)); /* only to tell them apart */
}

/* Under both locks, or nobody else has it. relaxed: as the fields say */
static void volume_take(struct smb_share *share, struct vfs_volume *v, uint32_t serial)
{
    share->volume = v;
    atomic_store_explicit(&share->ways, v ? smb_volume_ways(v) : 0, memory_order_relaxed);
    atomic_store_explicit(&share->lane, smb_volume_lane(v), memory_order_relaxed);
    atomic_store_explicit(&share->serial, serial, memory_order_relaxed);
}

struct smb_share *smb_share_new(struct smb_server *s, const struct smb_share_spec *spec,
                                enum smb_share_type type)
{
    struct smb_share *share = mem_zalloc(sizeof(*share));
    if (!share) {
        return NULL;
    }
    refcount_init(&share->refs);
    list_init(&share->link);
    share->type = type;
    share->name = str_dup(spec->name);
    mutex_init(&share->lock);
    wait_domain_init(&share->gate.waits);
    list_init(&share->gate.waiters);
    volume_take(share, spec->volume ? vfs_volume_ref(spec->volume) : NULL,
                volume_serial(s, spec->volume));
    if (!settings_init(&share->set, spec) || !share->name) {
        share_free(share);
        return NULL;
    }
    return share;
}

static struct smb_share *share_lookup(struct smb_server *s, const char *name)
{
    LIST_FOR_EACH (l, &s->shares) {
        struct smb_share *share = LIST_ENTRY(l, struct smb_share, link);
        if (utf8_ieq(share->name, name)) {
            return share;
        }
    }
    return NULL;
}

/* The fresh share's settings become the old one's. server->lock is held. */
static void settings_take(struct smb_share *old, struct smb_share *fresh)
{
    struct smb_share_settings *to = &old->set;
    struct smb_share_settings *from = &fresh->set;
    SWAP(to->comment, from->comment);
    SWAP(to->admission, from->admission);
    to->hidden = from->hidden;
    flags_set(to, from->read_only, from->encrypt, from->guest_ok, from->dfs_root);
}

struct vfs_volume *smb_share_volume_as(struct smb_share *share, uint32_t *serial_r)
{
    SCOPED_LOCK(&share->lock);
    *serial_r = smb_share_serial(share);
    return share->volume ? vfs_volume_ref(share->volume) : NULL;
}

struct vfs_volume *smb_share_volume_ref(struct smb_share *share)
{
    uint32_t serial;
    return smb_share_volume_as(share, &serial);
}

bool smb_share_is_on(struct smb_share *share, const struct vfs_volume *v)
{
    SCOPED_LOCK(&share->lock);
    return share->volume == v;
}

bool smb_share_become(struct smb_server *s, struct smb_share *share, struct smb_share *fresh)
{
    SCOPED_LOCK(&s->lock);
    if (list_is_empty(&share->link)) {
        return false;
    }
    settings_take(share, fresh);
    struct vfs_volume *was = share->volume;
    uint32_t serial = smb_share_serial(share);
    SCOPED_LOCK(&share->lock);
    volume_take(share, fresh->volume, smb_share_serial(fresh));
    volume_take(fresh, was, serial); /* nobody else has it */
    return true;
}

/* ---- the gate of a share ---- */

bool smb_share_enter(struct smb_share *share, struct vfs_wait *w, bool goes_on)
{
    struct smb_gate *g = &share->gate;
    for (;;) {
        /* Who closes it looks at the number after that: one of both sees the other. */
        atomic_fetch_add(&g->entered, 1);
        if (goes_on || !atomic_load(&g->is_closed)) {
            return true;
        }
        smb_share_leave(share);
        SCOPED_LOCK(&share->lock);
        if (atomic_load(&g->is_closed)) {
            wait_register(&g->waits, &g->waiters, w);
            return false;
        }
    }
}

void smb_share_leave(struct smb_share *share)
{
    atomic_fetch_sub(&share->gate.entered, 1);
}

void smb_share_grant_none(struct smb_share *share)
{
    atomic_store_explicit(&share->gate.grants_none, true, memory_order_relaxed); /* see there */
}

void smb_share_close(struct smb_share *share)
{
    SCOPED_LOCK(&share->lock);
    atomic_store(&share->gate.is_closed, true);
}

void smb_share_open(struct smb_share *share)
{
    SCOPED_LOCK(&share->lock);
    atomic_store_explicit(&share->gate.grants_none, false, memory_order_relaxed); /* see there */
    atomic_store(&share->gate.is_closed, false);
    wait_wake_all(&share->gate.waits, &share->gate.waiters);
}

/* The share that was replaced, if one was. */
static struct smb_share *share_put(struct smb_server *s, struct smb_share *fresh)
{
    SCOPED_LOCK(&s->lock);
    struct smb_share *old = share_lookup(s, fresh->name);
    if (!old) {
        list_push_back(&s->shares, &fresh->link);
    } else if (old->volume == fresh->volume && str_eq(old->name, fresh->name)) {
        settings_take(old, fresh);
        return fresh;
    } else {
        list_insert_before(&old->link, &fresh->link);
        list_remove(&old->link);
    }
    return old;
}

smbkit_status smb_server_share_set(struct smb_server *s, const struct smb_share_spec *spec)
{
    if (str_len(spec->name) == 0 || str_len(spec->name) >= SMB_SHARE_NAME_BYTES) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct smb_share *share = smb_share_new(s, spec, SMB_SHARE_IS_DISK);
    if (!share) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smb_share_unref(share_put(s, share));
    return SMBKIT_STATUS_SUCCESS;
}

bool smb_server_share_remove(struct smb_server *s, const char *name)
{
    struct smb_share *share;
    {
        SCOPED_LOCK(&s->lock);
        share = share_lookup(s, name);
        if (!share || share->type != SMB_SHARE_IS_DISK) {
            return false;
        }
        list_remove(&share->link);
    }
    smb_share_unref(share);
    return true;
}

struct smb_share *smb_server_share_find(struct smb_server *s, const char *name)
{
    SCOPED_LOCK(&s->lock);
    struct smb_share *share = share_lookup(s, name);
    if (share) {
        refcount_get(&share->refs);
    }
    return share;
}

struct vfs_volume *smb_server_volume_get(struct smb_server *s, const char *name)
{
    SCOPED_LOCK(&s->lock);
    struct smb_share *share = share_lookup(s, name);
    return share && share->volume ? vfs_volume_ref(share->volume) : NULL;
}

size_t smb_server_share_count(struct smb_server *s)
{
    size_t n = 0;
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->shares) {
        n += LIST_ENTRY(l, struct smb_share, link)->type == SMB_SHARE_IS_DISK;
    }
    return n;
}

bool smb_server_is_dfs(struct smb_server *s)
{
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->shares) {
        if (smb_share_is_dfs_root(LIST_ENTRY(l, struct smb_share, link))) {
            return true;
        }
    }
    return false;
}

/* ---- the server ---- */

static bool add_ipc_share(struct smb_server *s)
{
    const struct smb_share_spec spec = {
        .name = "IPC$", .comment = "Remote IPC", .guest_ok = true, .hidden = true};
    struct smb_share *ipc = smb_share_new(s, &spec, SMB_SHARE_IS_PIPE);
    if (ipc) {
        list_push_back(&s->shares, &ipc->link);
    }
    return ipc != NULL;
}

struct smb_server *smb_server_new(const struct smb_config *config)
{
    struct smb_server *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->config = *config;
    budget_init(&s->memory, NULL, SMB_SERVER_BYTES, 0);
    budget_init(&s->locks, NULL, SMB_LOCK_BYTES, 0);
    mutex_init(&s->lock);
    mutex_init(&s->replace_lock);
    list_init(&s->shares);
    list_init(&s->conns);
    hash_table_init(&s->sessions);
    hash_table_init(&s->clients);
    hash_table_init(&s->accounts);
    for (unsigned i = 0; i < SMB_OPEN_SHARDS; i++) {
        mutex_init(&s->opens[i].lock);
        hash_table_init(&s->opens[i].opens);
    }
    smb_kept_init(&s->kept);
    smb_records_init(&s->records);
    smb_replays_init(&s->replays);
    smb_apps_init(&s->apps);
    smb_server_random(s, &s->hash_seed, sizeof(s->hash_seed));
    smb_server_random(s, s->offload_key, sizeof(s->offload_key));
    s->started_at = smb_server_now(s);
    s->throttle = auth_throttle_new();
    const struct vfs_token_spec own = {.user = "",
                                       .domain = "",
                                       .client_address = "",
                                       .flags = SMBKIT_WHO_ANONYMOUS,
                                       .machine_sid = s->config.machine_sid};
    s->own_token = vfs_token_new(&own);
    smb_rpc_env_init(s);
    if (!s->throttle || !s->own_token || !smb_server_reconfigure(s, config) || !add_ipc_share(s)) {
        smb_server_free(s);
        return NULL;
    }
    return s;
}

void smb_server_free(struct smb_server *s)
{
    if (!s) {
        return;
    }
    ASSERT(list_is_empty(&s->conns) && s->sessions.count == 0);
    ASSERT(s->clients.count == 0 && s->accounts.count == 0);
    struct list *l;
    while ((l = list_pop_front(&s->shares))) {
        smb_share_unref(LIST_ENTRY(l, struct smb_share, link));
    }
    for (unsigned i = 0; i < SMB_OPEN_SHARDS; i++) {
        ASSERT(s->opens[i].opens.count == 0);
        hash_table_fini(&s->opens[i].opens);
        mutex_fini(&s->opens[i].lock);
    }
    smb_kept_fini(&s->kept);
    smb_records_fini(&s->records);
    smb_replays_fini(&s->replays);
    smb_apps_fini(&s->apps);
    hash_table_fini(&s->sessions);
    hash_table_fini(&s->clients);
    hash_table_fini(&s->accounts);
    names_fini(&s->admins);
    smb_hosts_fini(&s->hosts);
    auth_throttle_free(s->throttle);
    vfs_token_unref(s->own_token);
    budget_fini(&s->locks);
    budget_fini(&s->memory);
    mutex_fini(&s->lock);
    mutex_fini(&s->replace_lock);
    mem_free(s);
}

bool smb_server_reconfigure(struct smb_server *s, const struct smb_config *config)
{
    struct names admins;
    struct smb_hosts hosts;
    if (!names_copy(&admins, config->admins)) {
        return false;
    }
    if (!smb_hosts_copy(&hosts, config->hosts)) {
        names_fini(&admins);
        return false;
    }
    SCOPED_LOCK(&s->lock);
    names_fini(&s->admins);
    smb_hosts_fini(&s->hosts);
    s->admins = admins;
    s->hosts = hosts;
    str_copy(s->config.comment, sizeof(s->config.comment), config->comment);
    s->config.signing_required = config->signing_required;
    s->config.encryption = config->encryption;
    s->config.credits_max = config->credits_max;
    s->config.durable_max_ms = config->durable_max_ms;
    s->config.auth.allow_guest = config->auth.allow_guest;
    s->config.auth.allow_anonymous = config->auth.allow_anonymous;
    return true;
}

bool smb_server_is_admin(struct smb_server *s, const char *user)
{
    SCOPED_LOCK(&s->lock);
    return names_have(&s->admins, user);
}

static bool hosts_admit(struct smb_server *s, const char *address)
{
    SCOPED_LOCK(&s->lock);
    return smb_hosts_admit(&s->hosts, address);
}

bool smb_server_admits(struct smb_server *s, const char *address)
{
    unsigned untold;
    bool ok = hosts_admit(s, address);
    if (!ok && smb_server_may_tell(s, &untold)) {
        log_warn(NULL, "connection refused address=%s reason=hosts untold=%u", address, untold);
    }
    return ok;
}

bool smb_server_groups_of(struct smb_server *s, const char *user, uint32_t *rids, uint32_t room,
                          uint32_t *count_r)
{
    struct names groups = {0};
    const struct smb_config *c = &s->config;
    bool ok = !c->groups_of_user || c->groups_of_user(c->users_arg, user, &groups);
    *count_r = 0;
    for (size_t i = 0; ok && i < groups.count && *count_r < room; i++) {
        rids[(*count_r)++] = users_rid_of_group(groups.items[i]);
    }
    names_fini(&groups);
    return ok;
}
