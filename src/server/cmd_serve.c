/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit serve: share something at once. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/users.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "os/os.h"
#include "os/process.h"
#include "rpc/accounts.h"
#include "server/args.h"
#include "server/captive.h"
#include "server/cmd.h"
#include "server/control.h"
#include "server/server.h"

#define SERVE_USERS_MAX 64 /* --user options */
#define ADDRESSES_MAX 8    /* addresses of the host that are looked at */
#define TEXT_MAX 65536u    /* bytes of the text on the screen */

struct serve_user {
    char name[AUTH_NAME_SIZE];
    char password[CMD_PASSWORD_SIZE];
    bool has_password;
    bool is_random; /* the password may be shown */
};

struct serve {
    struct config *config;
    struct serve_user users[SERVE_USERS_MAX];
    unsigned user_count;
    const char *filters[VFS_LAYERS_MAX];
    unsigned filter_count;
    bool read_only;
    bool print_uri; /* nothing else is said on the screen */
    struct captive captive;
    char err[256];
};

enum {
    OPT_LISTEN,
    OPT_USER,
    OPT_PASSWORD_FILE,
    OPT_GUEST,
    OPT_READ_ONLY,
    OPT_ENCRYPT,
    OPT_FILTER,
    OPT_PLUGIN_DIR,
    OPT_LOG_LEVEL,
    OPT_LOG_FORMAT,
    OPT_CONTROL_SOCKET,
    OPT_RUN,
    OPT_PRINT_URI,
    OPT_EXIT_WITH_PARENT,
};

static const struct arg_option options[] = {
    {"listen", OPT_LISTEN, true},
    {"user", OPT_USER, true},
    {"password-file", OPT_PASSWORD_FILE, true},
    {"guest", OPT_GUEST, false},
    {"read-only", OPT_READ_ONLY, false},
    {"encrypt", OPT_ENCRYPT, false},
    {"filter", OPT_FILTER, true},
    {"plugin-dir", OPT_PLUGIN_DIR, true},
    {"log-level", OPT_LOG_LEVEL, true},
    {"log-format", OPT_LOG_FORMAT, true},
    {"control-socket", OPT_CONTROL_SOCKET, true},
    {"run", OPT_RUN, true},
    {"print-uri", OPT_PRINT_URI, false},
    {"exit-with-parent", OPT_EXIT_WITH_PARENT, false},
    {NULL, 0, false},
};

static bool complain(struct serve *s, const char *text)
{
    str_copy(s->err, sizeof(s->err), text);
    return false;
}

static bool add_listen(struct serve *s, const char *value)
{
    struct config *c = s->config;
    struct net_addr with_one;
    struct net_addr with_two;
    if (c->listen_count == CONFIG_LISTEN_MAX) {
        return complain(s, "too many --listen");
    }
    /* Two parses with two defaults tell a port that was given from one that was not. */
    if (!net_addr_parse(value, 1, &with_one) || !net_addr_parse(value, 2, &with_two)) {
        return complain(s, "--listen wants ADDRESS:PORT, such as 127.0.0.1:4450 or [::1]:4450");
    }
    if (with_one.port == with_two.port) {
        c->port_is_auto = c->port_is_auto && with_one.port != 0;
    } else {
        with_one.port = 0; /* chosen with the others */
    }
    c->listen[c->listen_count++] = with_one;
    return true;
}

static bool has_user(const struct serve *s, const char *name)
{
    for (unsigned i = 0; i < s->user_count; i++) {
        if (utf8_ieq(s->users[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* NAME or NAME:PASSWORD */
static bool add_user(struct serve *s, const char *value)
{
    if (s->user_count == SERVE_USERS_MAX) {
        return complain(s, "too many --user");
    }
    struct serve_user *u = &s->users[s->user_count];
    size_t n = 0;
    while (value[n] && value[n] != ':') {
        n++;
    }
    if (n >= sizeof(u->name)) {
        return complain(s, "--user: the name is too long");
    }
    mem_copy(u->name, value, n);
    u->name[n] = '\0';
    u->has_password = value[n] == ':';
    if (!users_is_name(u->name)) {
        str_format(s->err, sizeof(s->err),
                   "--user: \"%s\" cannot be a user's name: " USERS_NAME_RULE, u->name);
        return false;
    }
    const char *objection = account_name_objection(u->name);
    if (objection) {
        str_format(s->err, sizeof(s->err), "--user: \"%s\" cannot be a user's name: %s", u->name,
                   objection);
        return false;
    }
    if (has_user(s, u->name)) {
        str_format(s->err, sizeof(s->err), "there is a --user %s already", u->name);
        return false;
    }
    if (u->has_password && value[n + 1] == '\0') {
        str_format(s->err, sizeof(s->err), "--user %s: the password is empty", u->name);
        return false;
    }
    if (u->has_password && !str_copy(u->password, sizeof(u->password), value + n + 1)) {
        return complain(s, "--user: the password is too long");
    }
    s->user_count++;
    return true;
}

static bool set_by_key(struct serve *s, const char *key, const char *value)
{
    char err[256] = "";
    const struct config_key *k = config_key_find(CONFIG_GLOBAL, key);
    ASSERT(k);
    if (k->set(s->config, NULL, value, err)) {
        return true;
    }
    str_format(s->err, sizeof(s->err), "%s %s: %s", key, value, err);
    return false;
}

static bool set_plugin_dir(struct serve *s, const char *value)
{
    int err = os_path_check_folder(value);
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        str_format(s->err, sizeof(s->err), "--plugin-dir %s: %s", value, why);
        return false;
    }
    return set_by_key(s, "plugin dir", value);
}

static bool add_password_file(struct serve *s, const char *file)
{
    if (s->user_count == 0 || s->users[s->user_count - 1].has_password) {
        return complain(s, "--password-file belongs behind a --user NAME without a password");
    }
    struct serve_user *u = &s->users[s->user_count - 1];
    u->has_password = cmd_password(file, u->name, false, u->password);
    return u->has_password; /* else it was told why */
}

static bool add_filter(struct serve *s, const char *value)
{
    struct config_layer probe;
    if (s->filter_count + 1 >= VFS_LAYERS_MAX) {
        return complain(s, "too many --filter");
    }
    bool ok = config_layer_parse(value, &probe, s->err);
    config_layer_fini(&probe);
    if (ok) {
        s->filters[s->filter_count++] = value;
    }
    return ok || config_layer_explain("filter", value, s->err);
}

static bool take_option(struct serve *s, int id, const char *value)
{
    switch (id) {
    case OPT_LISTEN:
        return add_listen(s, value);
    case OPT_USER:
        return add_user(s, value);
    case OPT_PASSWORD_FILE:
        return add_password_file(s, value);
    case OPT_GUEST:
        s->config->allow_guest = true; /* who has no key to sign with; users must all the same */
        return true;
    case OPT_READ_ONLY:
        s->read_only = true;
        return true;
    case OPT_ENCRYPT:
        s->config->encryption = SMB_ENCRYPT_REQUIRED;
        return true;
    case OPT_FILTER:
        return add_filter(s, value);
    case OPT_PLUGIN_DIR:
        return set_plugin_dir(s, value);
    case OPT_LOG_LEVEL:
        return set_by_key(s, "log level", value);
    case OPT_LOG_FORMAT:
        return set_by_key(s, "log format", value);
    case OPT_CONTROL_SOCKET:
        return set_by_key(s, "control socket", value);
    case OPT_RUN:
        s->captive.command = value;
        return *value || complain(s, "--run: which command?");
    case OPT_PRINT_URI:
        s->print_uri = true;
        return true;
    case OPT_EXIT_WITH_PARENT:
        s->captive.with_parent = true;
        return true;
    default: /* ARGS_WORD */
        return config_share_parse(s->config, value, s->err);
    }
}

static bool parse(struct serve *s, int argc, char **argv)
{
    struct args a = args_init(argc, argv, 1);
    for (;;) {
        int id = args_next(&a, options);
        if (id == ARGS_END) {
            break;
        }
        if (id == ARGS_ERROR) {
            return complain(s, a.err);
        }
        if (!take_option(s, id, a.value)) {
            return false;
        }
    }
    if (s->config->share_count == 0) {
        return complain(s, "what shall be served? To share this folder: smbkit serve .");
    }
    if (s->config->allow_guest && s->config->encryption == SMB_ENCRYPT_REQUIRED) {
        return complain(s, "--guest and --encrypt exclude each other: a guest has no key");
    }
    return !s->captive.command || !s->print_uri ||
           complain(s, "--run and --print-uri exclude each other: the command has SMBKIT_URI");
}

/* A command on this host is all that is to reach it, if nobody said otherwise. */
static bool default_listen(struct serve *s)
{
    if (s->captive.command && s->config->listen_count == 0) {
        s->config->port_is_auto = false;
        return add_listen(s, "127.0.0.1:0");
    }
    return true;
}

/* What holds for every share. */
static bool finish_shares(struct serve *s)
{
    for (size_t i = 0; i < s->config->share_count; i++) {
        struct config_share *share = &s->config->shares[i];
        share->read_only = s->read_only;
        share->guest_ok = s->config->allow_guest;
        for (unsigned f = 0; f < s->filter_count; f++) {
            struct config_layer layer;
            bool ok = config_layer_parse(s->filters[f], &layer, s->err) &&
                      config_share_add_filter(share, &layer);
            config_layer_fini(&layer);
            if (!ok) {
                return complain(s, "out of memory"); /* it was parsed once before */
            }
        }
    }
    return true;
}

/* Nobody was named: whoever runs this, with a password of the moment. */
static bool default_user(struct serve *s)
{
    if (s->user_count > 0 || s->config->allow_guest) {
        return true;
    }
    const char *name = getenv("USER");
    bool is_good = name && users_is_name(name) && !account_name_objection(name);
    return add_user(s, is_good ? name : "smbkit");
}

static struct users_store *make_users(struct serve *s)
{
    struct users_store *store = users_store_new(NULL);
    for (unsigned i = 0; store && i < s->user_count; i++) {
        struct serve_user *u = &s->users[i];
        if (!u->has_password) {
            connect_password(u->password, sizeof(u->password));
            u->is_random = true;
        }
        smbkit_status status = users_store_add(store, u->name, u->password);
        if (!SMBKIT_OK(status)) {
            cmd_error("user %s: %s", u->name,
                      status == SMBKIT_STATUS_INVALID_PARAMETER
                          ? "the password is not UTF-8 or longer than 256 characters"
                      : status == SMBKIT_STATUS_OBJECT_NAME_COLLISION
                          ? "the name gives the identifier (RID) of another user; choose another"
                          : smbkit_status_name(status));
            users_store_free(store);
            return NULL;
        }
        /* Who is let in on the command line is trusted with lists of sessions and paths. */
        if (!config_add_user(&s->config->admins, u->name)) {
            cmd_error("out of memory");
            users_store_free(store);
            return NULL;
        }
    }
    return store;
}

/* ---- the screen ---- */

static bool is_wildcard(const char *address)
{
    return str_eq(address, "0.0.0.0") || str_eq(address, "::") || str_eq(address, "*");
}

/* The address that others reach this host by. */
static const char *shown_address(const struct net_addr *a, char (*host)[OS_ADDR_TEXT_SIZE])
{
    if (!is_wildcard(a->text)) {
        return a->text;
    }
    return os_host_addresses(host, ADDRESSES_MAX) > 0 ? host[0] : "127.0.0.1";
}

static void show_shares(const struct serve *s, const struct server *server)
{
    const struct config *c = server_config_get(server);
    for (size_t i = 0; i < c->share_count; i++) {
        const struct config_share *share = &c->shares[i];
        const char *path = config_args_get(&share->plugin.args, "path");
        path = path ? path : config_args_get(&share->plugin.args, "file");
        bool read_only = server_share_is_read_only(server, share->name);
        cmd_line("Sharing   %s  %s%s  (%s)", share->name, path ? path : share->plugin.name,
                 path ? "" : ":", read_only ? "read only" : "read and write");
    }
    for (unsigned i = 0; i < s->user_count; i++) {
        cmd_line("User      %s", s->users[i].name);
        if (s->users[i].is_random) {
            printf("Password  %s\n", s->users[i].password);
        }
    }
    if (c->allow_guest) {
        printf("Guests    everybody who reaches this host may come in\n");
    }
}

/* How to reach the first share as the first user. A password that was given is for the command of
 * --run only, not for the screen. */
static struct connect_info how_to_connect(const struct serve *s, const struct server *server,
                                          char (*host)[OS_ADDR_TEXT_SIZE])
{
    const struct net_addr *a = server_listen_addr_get(server, 0);
    const struct serve_user *u = s->user_count > 0 ? &s->users[0] : NULL;
    bool is_told = u && (u->is_random || s->captive.command);
    return (struct connect_info){.address = shown_address(a, host),
                                 .port = a->port,
                                 .user = u ? u->name : NULL,
                                 .password = is_told ? u->password : NULL,
                                 .share = server_config_get(server)->shares[0].name};
}

static void show_uris(const struct server *server, struct connect_info info)
{
    const struct config *c = server_config_get(server);
    for (size_t i = 0; i < c->share_count; i++) {
        CLEANUP(wr_fini) struct wr w = wr_new(TEXT_MAX);
        info.share = c->shares[i].name;
        connect_uri(&w, &info);
        wr_u8(&w, 0);
        if (wr_ok(&w)) {
            cmd_line("%s", (const char *)w.base);
        }
    }
    fflush(stdout);
}

static void show(const struct serve *s, const struct server *server,
                 const struct connect_info *info)
{
    show_shares(s, server);
    for (unsigned i = 0; server_listen_addr_get(server, i); i++) {
        char text[NET_ADDR_TEXT_SIZE + 16];
        net_addr_format(server_listen_addr_get(server, i), text, sizeof(text));
        printf("Address   %s\n", text);
    }
    CLEANUP(wr_fini) struct wr w = wr_new(TEXT_MAX);
    connect_text(&w, info);
    wr_u8(&w, 0);
    if (wr_ok(&w)) {
        printf("\nTo connect:\n");
        cmd_lines((const char *)w.base);
    }
    printf("\nCtrl-C ends it.\n");
    fflush(stdout);
}

/* ---- run ---- */

/* Of servers that run a command there may be many: each has a socket of its own. */
static char *default_control_path(const struct serve *s)
{
    char *path = control_default_path(true);
    if (path && s->captive.command) {
        char *own = str_printf("%s.%u", path, os_process_id());
        mem_free(path);
        path = own;
    }
    return path;
}

/* Where it is, owned; NULL: there is none. */
static char *start_control(const struct serve *s, struct server *server)
{
    char err[256];
    const char *given = server_config_get(server)->control_socket;
    char *path = given ? str_dup(given) : default_control_path(s);
    if (path && !server_control_start(server, path, err)) {
        cmd_error("%s; smbkit status will not reach this server, which serves all the same%s", err,
                  given ? "" : " (--control-socket names another place)");
        mem_free(path);
        path = NULL;
    }
    return path;
}

static int serve(struct serve *s, struct server *server, struct problems *problems)
{
    if (!server_start(server, problems)) {
        cmd_problems(problems, NULL);
        return EXIT_FAILED;
    }
    char host[ADDRESSES_MAX][OS_ADDR_TEXT_SIZE];
    struct server_end end;
    CLEANUP_MEM char *control = start_control(s, server);
    struct connect_info info = how_to_connect(s, server, host);
    captive_start(&s->captive, &info, control);
    if (s->print_uri) {
        show_uris(server, info);
    } else if (!s->captive.command) {
        show(s, server, &info);
    }
    bool is_whole = server_run(server, NULL, captive_end(&s->captive, &end));
    return captive_finish(&s->captive, is_whole ? EXIT_OK : EXIT_CUT);
}

static int make_and_serve(struct serve *s)
{
    struct problems problems;
    char err[256];
    problems_init(&problems);
    struct users_store *users = make_users(s);
    if (!users) {
        return EXIT_FAILED;
    }
    os_signals_hold();
    struct logging *logging = logging_new(s->config, err);
    if (!logging) {
        cmd_error("%s", err);
        users_store_free(users);
        return EXIT_FAILED;
    }
    struct server *server = cmd_server_new(&s->config, &users, logging, &problems);
    int code = EXIT_FAILED;
    if (server) {
        code = serve(s, server, &problems);
    } else {
        cmd_problems(&problems, NULL);
    }
    server_free(server);
    logging_free(logging);
    problems_fini(&problems);
    return code;
}

int cmd_serve(int argc, char **argv)
{
    struct serve *s = mem_zalloc(sizeof(*s));
    int code = EXIT_FAILED;
    if (s) {
        s->config = config_new();
    }
    if (!s || !s->config) {
        cmd_error("out of memory");
    } else {
        s->config->port_is_auto = true;
        captive_init(&s->captive);
        /* What is on the screen is for people: connections coming and going are not. */
        bool ok = set_by_key(s, "log level", "warn") && parse(s, argc, argv) && finish_shares(s) &&
                  default_listen(s) && default_user(s) && cmd_take_sockets(s->config);
        code = ok        ? make_and_serve(s)
               : *s->err ? cmd_usage("serve", "%s", s->err)
                         : EXIT_FAILED; /* told already */
        config_free(s->config);
    }
    if (s) {
        mem_wipe(s, sizeof(*s));
    }
    mem_free(s);
    return code;
}
