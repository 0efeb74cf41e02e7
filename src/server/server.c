/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"
#include "server/identity.h"
#include "smb/limits.h"

/* ---- the surroundings of smb ---- */

static uint64_t env_now(void *arg)
{
    (void)arg;
    return os_time_now();
}

static uint64_t env_monotonic_ms(void *arg)
{
    (void)arg;
    return os_monotonic_ms();
}

static void env_random(void *arg, void *buf, size_t n)
{
    (void)arg;
    os_random(buf, n);
}

static void env_work(void *arg, const struct work_key *key, struct job *job)
{
    workers_post(((struct server *)arg)->workers, key, job);
}

static void env_tick(void *arg, uint32_t ms)
{
    alarm_set(&((struct server *)arg)->alarm, ms);
}

static void tick(void *arg)
{
    smb_server_tick(((struct server *)arg)->smb);
}

static void auth_fill(struct server *s, const struct config *c, struct auth_config *out)
{
    *out = (struct auth_config){
        .user_lookup = users_store_lookup,
        .user_is_current = users_store_is_current,
        .now = env_now,
        .random = env_random,
        .arg = s->users,
        .allow_guest = c->allow_guest,
        .allow_anonymous = c->allow_anonymous || c->allow_guest,
    };
    str_copy(out->target_name, sizeof(out->target_name), c->netbios_name);
    os_hostname(out->dns_name, sizeof(out->dns_name));
}

void server_smb_config(struct server *s, const struct config *c, struct smb_config *out)
{
    *out = (struct smb_config){
        .dialect_min = c->dialect_min,
        .dialect_max = c->dialect_max,
        .signing_required = c->signing_required,
        .encryption = c->encryption,
        .test_fsctls = c->test_fsctls,
        .multichannel = c->multichannel,
        .interfaces = config_channels_now,
        .interfaces_arg = s->config,
        .transact_max_bytes = c->transact_max_bytes,
        .credits_max = (uint16_t)c->credits_max,
        .admins = &c->admins,
        .user_of_name = users_store_of_name,
        .user_of_rid = users_store_of_rid,
        .users_each = users_store_each,
        .host_of_id = os_account_of_id,
        .host_of_name = os_account_of_name,
        .groups_of_user = users_store_groups_of,
        .users_arg = s->users,
        .hosts = &c->hosts,
        .durable_max_ms = c->durable_max_sec * 1000,
        .env = {.now = env_now,
                .monotonic_ms = env_monotonic_ms,
                .random = env_random,
                .work = env_work,
                .tick = env_tick,
                .arg = s},
    };
    uint16_t port = c->listen_count ? c->listen[0].port : c->port;
    uint8_t identity[USERS_IDENTITY_LEN];
    const uint8_t *users = users_store_identity(s->users, identity) ? identity : NULL;
    identity_sid(users, out->machine_sid);
    identity_guid_here(users, port, out->server_guid);
    str_copy(out->server_name, sizeof(out->server_name), c->netbios_name);
    str_copy(out->workgroup, sizeof(out->workgroup), c->workgroup);
    str_copy(out->comment, sizeof(out->comment), c->server_string);
    auth_fill(s, c, &out->auth);
}

/* ---- making ---- */

static bool make_loops(struct server *s)
{
    unsigned n = MIN(MAX(os_cpu_count(), 1u), (unsigned)SERVER_LOOPS_MAX);
    n = s->config->own_loop ? 1 : n;
    for (; s->loop_count < n; s->loop_count++) {
        struct server_loop *sl = &s->loops[s->loop_count];
        if (loop_new(&sl->loop) != 0) {
            return false;
        }
        conn_home_init(&sl->home, sl->loop);
        sl->home.smb = s->smb;
        sl->home.workers = s->workers;
        sl->home.limits = s->limits;
    }
    return true;
}

static struct workers *make_workers(unsigned calls)
{
    const struct work_quota quota[WORK_KIND_COUNT] = {
        [WORK_LOGON] = {SMB_WORKERS_LOGON, SMB_WORKERS_LOGON, SMB_WORKERS_LOGON},
        [WORK_END] = {SMB_WORKERS_END, SMB_WORKERS_END_VOLUME, SMB_WORKERS_END_SESSION,
                      SMB_WORKERS_END / SMB_WORKERS_SPARE_PART},
        [WORK_CALL] = {calls, MAX(calls / SMB_WORKERS_VOLUME_PART, 1u),
                       MAX(calls / SMB_WORKERS_SESSION_PART, 1u), calls / SMB_WORKERS_SPARE_PART},
    };
    return workers_new(quota, WORKERS_IDLE_MS);
}

static struct net_limits *make_limits(const struct server *s)
{
    const struct net_limits_spec spec = {
        .total_max = s->connections_max,
        .per_place_max = s->config->connections_per_address_max,
        .guests_max = MIN(s->connections_max, (unsigned)SERVER_GUESTS_MAX),
        .leaving_max = s->leaving_max,
    };
    return net_limits_new(&spec);
}

static bool make_lend(struct server *s)
{
    struct loop *loops[SERVER_LOOPS_MAX];
    for (unsigned i = 0; i < s->loop_count; i++) {
        loops[i] = s->loops[i].loop;
    }
    const struct lend_spec spec = {
        .workers = s->workers, .loops = loops, .loop_count = s->loop_count};
    s->lend = lend_new(&spec);
    return s->lend != NULL;
}

static bool make_parts(struct server *s)
{
    struct smb_config smb;
    if (!users_store_groups_set(s->users, &s->config->groups)) {
        return false;
    }
    server_smb_config(s, s->config, &smb);
    smb.descriptors_max = s->files_max;
    s->smb = smb_server_new(&smb);
    s->plugins = plugins_new(s->config->plugin_dir);
    s->workers = make_workers(s->config->workers_max);
    s->limits = make_limits(s);
    if (!s->smb || !s->plugins || !s->workers || !s->limits) {
        return false;
    }
    if (!make_loops(s) || !make_lend(s)) {
        return false;
    }
    alarm_init(&s->alarm, s->loops[0].loop, tick, s);
    admin_init(&s->admin, s);
    const struct shares_spec shares = {
        .smb = s->smb, .plugins = s->plugins, .lend = s->lend, .admin = &s->admin.pub};
    s->shares = shares_new(&shares);
    return s->shares != NULL;
}

static bool add_plugins(struct server *s, struct problems *problems)
{
    unsigned before = problems->count;
    for (unsigned i = 0; i < s->config->plugin_count; i++) {
        char err[512];
        if (!plugins_add(s->plugins, s->config->plugins[i], err)) {
            problems_add(problems, "%s", err);
        }
    }
    return problems->count == before;
}

static void check_durable(struct server *s, struct problems *problems)
{
    struct problems notes;
    problems_init(&notes);
    server_durable_check(s->config, s->users, problems, &notes);
    problems_log(&notes, LOG_WARN, "");
    problems_fini(&notes);
}

struct server *server_new(struct config **config, struct users_store **users,
                          struct logging *logging, struct problems *problems)
{
    struct server *s = mem_zalloc(sizeof(*s));
    if (s) {
        s->config = *config;
        s->users = *users;
        s->logging = logging;
        s->started_at = os_time_now();
        atomic_init(&s->next_conn_id, 1);
    } else {
        config_free(*config);
        users_store_free(*users);
    }
    *config = NULL;
    *users = NULL;
    unsigned before = problems->count;
    if (s && !server_descriptors_plan(s, problems)) {
        server_free(s);
        return NULL;
    }
    if (!s || !make_parts(s)) {
        problems_add(problems, "out of memory or of file descriptors");
    } else if (add_plugins(s, problems)) {
        shares_apply(s->shares, s->config, problems);
        check_durable(s, problems);
    }
    if (problems->count != before) {
        server_free(s);
        return NULL;
    }
    server_durable_load(s);
    return s;
}

void server_free(struct server *s)
{
    if (!s) {
        return;
    }
    control_free(s->control);
    server_loops_stop(s);
    workers_free(s->workers);
    for (unsigned i = 0; i < s->loop_count; i++) {
        loop_free(s->loops[i].loop);
    }
    shares_free(s->shares);
    if (s->smb) {
        smb_server_free(s->smb); /* gives up the volumes, which the plugins below must outlive */
    }
    lend_free(s->lend);
    plugins_free(s->plugins);
    net_limits_free(s->limits);
    users_store_free(s->users);
    config_free(s->config);
    mem_free(s);
}

/* ---- questions ---- */

static bool user_known(void *arg, const char *name)
{
    return users_store_has(arg, name);
}

static bool group_known(void *arg, uint32_t rid)
{
    return users_store_has_group(arg, rid);
}

void server_notes(const struct config *c, struct users_store *users, struct problems *notes)
{
    const struct config_users u = {.user_count = users_store_count(users),
                                   .user_known = user_known,
                                   .group_known = group_known,
                                   .each = users_store_each,
                                   .arg = users};
    config_notes(c, &u, notes);
    int err = c->plugin_dir ? os_path_check_folder(c->plugin_dir) : 0;
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        problems_add(notes, "plugin dir %s: %s; only built-in plugins are found", c->plugin_dir,
                     why);
    }
}

const struct config *server_config_get(const struct server *s)
{
    return s->config;
}

struct smb_server *server_smb_get(const struct server *s)
{
    return s->smb;
}

struct shares *server_shares_get(const struct server *s)
{
    return s->shares;
}

struct logging *server_logging_get(const struct server *s)
{
    return s->logging;
}

uint64_t server_started_at(const struct server *s)
{
    return s->started_at;
}

unsigned server_connection_count(const struct server *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->loop_count; i++) {
        /* acquire: pairs with the release of a connection's end */
        n += atomic_load_explicit(&s->loops[i].home.count, memory_order_acquire);
    }
    return n;
}

bool server_share_is_read_only(const struct server *s, const char *name)
{
    return shares_is_read_only(s->shares, name);
}

const struct net_addr *server_listen_addr_get(const struct server *s, unsigned i)
{
    return i < s->listener_count ? &s->addrs[i] : NULL;
}

void server_notes_log(const struct config *c, struct users_store *users)
{
    struct problems notes;
    problems_init(&notes);
    server_notes(c, users, &notes);
    problems_log(&notes, LOG_WARN, "");
    problems_fini(&notes);
}

bool server_control_start(struct server *s, const char *path, char err[256])
{
    s->control = control_new(s, path, err);
    return s->control != NULL;
}
