/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit/server.h: the server inside a program. What smbkit serve makes of its words, a program
 * makes of calls: a configuration and users, of which the server is made when it starts. */
#define SMBKIT_SERVER_BUILD
#include <smbkit/server.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/accounts.h"
#include "server/cmd.h"
#include "server/server.h"
#include "server/shares.h"

#define EMBED_USERS_MAX 1024
#define EMBED_ERROR_SIZE 8192 /* bytes of lines that smbkit_server_error() gives */

struct embed_user {
    char *name;
    char *password;
};

struct smbkit_server {
    struct config *config;  /* until it starts */
    struct server *running; /* from then on; NULL before, and after it has stopped */
    struct logging *logging;
    struct embed_user users[EMBED_USERS_MAX];
    unsigned user_count;
    bool has_started;
    bool is_stuck; /* a plugin does not come back */
    char error[EMBED_ERROR_SIZE];
};

static atomic_flag is_taken = ATOMIC_FLAG_INIT;

/* ---- begin and end ---- */

struct smbkit_server *smbkit_server_new(void)
{
    if (atomic_flag_test_and_set(&is_taken)) {
        return NULL;
    }
    struct smbkit_server *s = mem_zalloc(sizeof(*s));
    if (s) {
        s->config = config_new();
    }
    if (!s || !s->config) {
        mem_free(s);
        atomic_flag_clear(&is_taken);
        return NULL;
    }
    s->config->is_embedded = true;
    return s;
}

static void forget_users(struct smbkit_server *s)
{
    for (unsigned i = 0; i < s->user_count; i++) {
        mem_wipe(s->users[i].password, str_len(s->users[i].password));
        mem_free(s->users[i].password);
        mem_free(s->users[i].name);
    }
    s->user_count = 0;
}

void smbkit_server_free(struct smbkit_server *s)
{
    if (!s) {
        return;
    }
    if (s->running && !s->is_stuck) {
        (void)smbkit_server_stop(s);
    }
    if (s->is_stuck) {
        return; /* its plugin may come back at any time */
    }
    logging_free(s->logging);
    config_free(s->config);
    forget_users(s);
    mem_free(s);
    atomic_flag_clear(&is_taken);
}

const char *smbkit_server_error(const struct smbkit_server *s)
{
    return s ? s->error : "there is a server in this process already, or no memory";
}

static smbkit_status complain(struct smbkit_server *s, smbkit_status status, const char *text)
{
    str_copy(s->error, sizeof(s->error), text);
    return status;
}

/* Every problem on a line of its own, the last without its end. */
static smbkit_status complain_of(struct smbkit_server *s, struct problems *p)
{
    str_copy(s->error, sizeof(s->error), problems_text_get(p));
    size_t len = str_len(s->error);
    if (len > 0 && s->error[len - 1] == '\n') {
        s->error[len - 1] = '\0';
    }
    return SMBKIT_STATUS_UNSUCCESSFUL;
}

/* May it still be told what it is to be? */
static bool is_early(struct smbkit_server *s)
{
    if (s->has_started) {
        (void)complain(s, SMBKIT_STATUS_INVALID_PARAMETER,
                       "the server has been started: what it is has to be said before");
    }
    return !s->has_started;
}

/* ---- what it is ---- */

static smbkit_status set_key(struct smbkit_server *s, struct config_share *share, const char *name,
                             const char *value)
{
    char err[256] = "";
    const struct config_key *key = config_key_find(share ? CONFIG_SHARE : CONFIG_GLOBAL, name);
    if (!key) {
        str_format(s->error, sizeof(s->error), "there is no key \"%s\" %s: see smbkit.conf(5)",
                   name, share ? "of a share" : "in [global]");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!key->set(s->config, share, value, err)) {
        str_format(s->error, sizeof(s->error), "%s = %s: %s", name, value, err);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smbkit_server_set(struct smbkit_server *s, const char *key, const char *value)
{
    return is_early(s) ? set_key(s, NULL, key, value) : SMBKIT_STATUS_INVALID_PARAMETER;
}

static bool has_user(const struct smbkit_server *s, const char *name)
{
    for (unsigned i = 0; i < s->user_count; i++) {
        if (utf8_ieq(s->users[i].name, name)) {
            return true;
        }
    }
    return false;
}

smbkit_status smbkit_server_user(struct smbkit_server *s, const char *name, const char *password)
{
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (s->user_count == EMBED_USERS_MAX) {
        return complain(s, SMBKIT_STATUS_INSUFFICIENT_RESOURCES, "too many users");
    }
    const char *objection = !users_is_name(name) ? USERS_NAME_RULE : account_name_objection(name);
    objection = objection           ? objection
                : has_user(s, name) ? "there is one already"
                : !*password        ? "the password is empty"
                                    : NULL;
    if (objection) {
        str_format(s->error, sizeof(s->error), "user \"%s\": %s", name, objection);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct embed_user u = {.name = str_dup(name), .password = str_dup(password)};
    if (!u.name || !u.password) {
        mem_free(u.name);
        mem_free(u.password);
        return complain(s, SMBKIT_STATUS_NO_MEMORY, "out of memory");
    }
    s->users[s->user_count++] = u;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status
smbkit_server_plugin(struct smbkit_server *s,
                     const struct smbkit_plugin *(*init)(const struct smbkit_host_table *api))
{
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (s->config->plugin_count == CONFIG_PLUGINS_MAX) {
        return complain(s, SMBKIT_STATUS_INSUFFICIENT_RESOURCES, "too many plugins");
    }
    s->config->plugins[s->config->plugin_count++] = init;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smbkit_server_share(struct smbkit_server *s, const char *spec)
{
    char err[256] = "";
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!config_share_parse(s->config, spec, err)) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER, err);
    }
    s->config->shares[s->config->share_count - 1].read_only = false;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smbkit_server_share_set(struct smbkit_server *s, const char *key, const char *value)
{
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (s->config->share_count == 0) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER, "no share has been added");
    }
    return set_key(s, &s->config->shares[s->config->share_count - 1], key, value);
}

smbkit_status smbkit_server_log(struct smbkit_server *s,
                                void (*fn)(void *arg, uint32_t level, const char *line), void *arg)
{
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    s->config->log_fn = fn;
    s->config->log_arg = arg;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smbkit_server_own_loop(struct smbkit_server *s)
{
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    s->config->own_loop = true;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- while it runs ---- */

static struct users_store *make_users(struct smbkit_server *s)
{
    char err[512] = "";
    struct users_store *users = users_store_new(s->config->users_file);
    if (!users || !users_store_load(users, err, sizeof(err))) {
        (void)complain(s, SMBKIT_STATUS_UNSUCCESSFUL, *err ? err : "out of memory");
        users_store_free(users);
        return NULL;
    }
    for (unsigned i = 0; i < s->user_count; i++) {
        smbkit_status st = users_store_add(users, s->users[i].name, s->users[i].password);
        if (!SMBKIT_OK(st)) {
            str_format(s->error, sizeof(s->error), "user %s: %s", s->users[i].name,
                       st == SMBKIT_STATUS_OBJECT_NAME_COLLISION
                           ? "there is one of that name, or with its identifier"
                           : smbkit_status_name(st));
            users_store_free(users);
            return NULL;
        }
    }
    return users;
}

static smbkit_status start(struct smbkit_server *s, struct problems *problems)
{
    char err[256];
    CLEANUP_MEM char *control =
        s->config->control_socket ? str_dup(s->config->control_socket) : NULL;
    struct users_store *users = make_users(s);
    if (!users) {
        return SMBKIT_STATUS_UNSUCCESSFUL;
    }
    s->logging = logging_new(s->config, err);
    if (!s->logging) {
        users_store_free(users);
        return complain(s, SMBKIT_STATUS_UNSUCCESSFUL, err);
    }
    s->running = server_new(&s->config, &users, s->logging, problems);
    if (!s->running || !server_start(s->running, problems)) {
        server_free(s->running);
        s->running = NULL;
        return complain_of(s, problems);
    }
    if (control && !server_control_start(s->running, control, err)) {
        (void)smbkit_server_stop(s);
        return complain(s, SMBKIT_STATUS_UNSUCCESSFUL, err);
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smbkit_server_start(struct smbkit_server *s)
{
    struct problems problems;
    if (!is_early(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (s->config->listen_count == 0) {
        smbkit_status st = set_key(s, NULL, "listen", "127.0.0.1:0");
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    s->has_started = true; /* config is the server's from here on, be there one or not */
    problems_init(&problems);
    smbkit_status st = start(s, &problems);
    problems_fini(&problems);
    forget_users(s);
    return st;
}

uint16_t smbkit_server_port(const struct smbkit_server *s)
{
    return s->running ? server_listen_addr_get(s->running, 0)->port : 0;
}

int64_t smbkit_server_descriptor(const struct smbkit_server *s)
{
    return s->running ? server_descriptor(s->running) : -1;
}

int32_t smbkit_server_turn(struct smbkit_server *s)
{
    return s->running ? server_turn(s->running) : -1;
}

smbkit_status smbkit_server_stop(struct smbkit_server *s)
{
    if (!s->running) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (s->is_stuck) {
        return SMBKIT_STATUS_IO_TIMEOUT;
    }
    s->is_stuck = !server_stop(s->running);
    if (s->is_stuck) {
        return complain(s, SMBKIT_STATUS_IO_TIMEOUT,
                        "requests still run in a plugin, which does not come back");
    }
    server_free(s->running);
    s->running = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- shares that come and go ---- */

static bool handles_of(uint32_t word, enum shares_handles *out)
{
    static const enum shares_handles words[] = {[SMBKIT_HANDLES_CLOSE] = SHARES_CLOSE,
                                                [SMBKIT_HANDLES_REFUSE] = SHARES_REFUSE,
                                                [SMBKIT_HANDLES_MOVE] = SHARES_MOVE};
    bool is_good = word < ARRAY_LEN(words);
    *out = is_good ? words[word] : SHARES_CLOSE;
    return is_good;
}

static bool take_settings(struct config *c, const char *const *settings, char err[256])
{
    for (; settings && *settings; settings++) {
        if (!config_share_setting(c, &c->shares[0], *settings, err)) {
            return false;
        }
    }
    return true;
}

static smbkit_status share_change(struct smbkit_server *s, const char *spec,
                                  const char *const *settings, struct shares_change *how)
{
    char err[SHARES_ERR_SIZE] = "out of memory";
    CLEANUP(config_free) struct config *c = config_new();
    if (!s->running) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER, "the server does not run");
    }
    if (!c || !config_share_parse(c, spec, err) || !take_settings(c, settings, err)) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER, err);
    }
    if (how->replaces && how->handles != SHARES_CLOSE && server_config_get(s->running)->own_loop) {
        return complain(s, SMBKIT_STATUS_NOT_SUPPORTED,
                        "clients are told and heard by the program's loop, which would wait here: "
                        "only SMBKIT_HANDLES_CLOSE");
    }
    how->config = c;
    return shares_change(server_shares_get(s->running), how, err)
               ? SMBKIT_STATUS_SUCCESS
               : complain(s, SMBKIT_STATUS_UNSUCCESSFUL, err);
}

smbkit_status smbkit_server_share_add(struct smbkit_server *s, const char *spec,
                                      const char *const *settings)
{
    struct shares_change how = {.replaces = false};
    return share_change(s, spec, settings, &how);
}

smbkit_status smbkit_server_share_replace(struct smbkit_server *s, const char *spec,
                                          const char *const *settings, uint32_t handles)
{
    struct shares_change how = {.replaces = true};
    if (!handles_of(handles, &how.handles)) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER, "unknown handles");
    }
    return share_change(s, spec, settings, &how);
}

smbkit_status smbkit_server_share_remove(struct smbkit_server *s, const char *name,
                                         uint32_t handles)
{
    char err[SHARES_ERR_SIZE];
    enum shares_handles how;
    if (!s->running || !handles_of(handles, &how) || how == SHARES_MOVE) {
        return complain(s, SMBKIT_STATUS_INVALID_PARAMETER,
                        s->running ? "unknown handles" : "the server does not run");
    }
    return shares_remove(server_shares_get(s->running), name, how, err)
               ? SMBKIT_STATUS_SUCCESS
               : complain(s, SMBKIT_STATUS_UNSUCCESSFUL, err);
}
