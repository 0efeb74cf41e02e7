/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit run FILE. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/process.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/control.h"
#include "server/server.h"

#define LOG_MODULE LOG_SERVER

enum { OPT_PLUGIN_DIR, OPT_LOG_LEVEL };

static const struct arg_option run_options[] = {
    {"plugin-dir", OPT_PLUGIN_DIR, true},
    {"log-level", OPT_LOG_LEVEL, true},
    {NULL, 0, false},
};

struct run {
    const char *file;
    const char *plugin_dir;
    const char *log_level;
};

/* True: go on; false: *code_r. */
static bool parse_args(int argc, char **argv, struct run *r, int *code_r)
{
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, run_options); id != ARGS_END; id = args_next(&a, run_options)) {
        if (id == ARGS_ERROR || (id == ARGS_WORD && r->file)) {
            *code_r = cmd_usage(argv[0], "%s", id == ARGS_ERROR ? a.err : "one FILE only");
            return false;
        }
        const char **slot = id == OPT_PLUGIN_DIR  ? &r->plugin_dir
                            : id == OPT_LOG_LEVEL ? &r->log_level
                                                  : &r->file;
        *slot = a.value;
    }
    if (!r->file) {
        *code_r = cmd_usage(argv[0], "which configuration FILE?");
        return false;
    }
    return true;
}

/* What the command line says in place of the file. */
static bool override(struct config *c, const struct run *r, struct problems *problems)
{
    const char *const pairs[][2] = {{"plugin dir", r->plugin_dir}, {"log level", r->log_level}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char err[256] = "";
        if (pairs[i][1] &&
            !config_key_find(CONFIG_GLOBAL, pairs[i][0])->set(c, NULL, pairs[i][1], err)) {
            problems_add(problems, "%s: %s", pairs[i][0], err);
            return false;
        }
    }
    return true;
}

struct users_store *cmd_users_open(const struct config *c, struct problems *problems)
{
    char err[512];
    CLEANUP_MEM char *fallback = c->users_file ? NULL : cmd_users_path(false);
    enum os_path_kind kind;
    const char *path = c->users_file;
    if (!path && fallback && os_path_kind(fallback, &kind) == 0) {
        path = fallback;
    }
    struct users_store *s = users_store_new(path);
    if (!s) {
        problems_add(problems, "out of memory");
        return NULL;
    }
    if (!users_store_load(s, err, sizeof(err))) {
        problems_add(problems, "%s", err);
        users_store_free(s);
        return NULL;
    }
    return s;
}

static void start_control(struct server *server)
{
    char err[256];
    const char *given = server_config_get(server)->control_socket;
    CLEANUP_MEM char *path = given ? str_dup(given) : control_default_path(true);
    if (path && !server_control_start(server, path, err)) {
        log_warn(NULL,
                 "no control socket, smbkit status will not reach this server: %s; "
                 "\"control socket\" names another place",
                 err);
    }
}

static int serve(struct server *server, const char *file, struct problems *problems)
{
    if (!server_start(server, problems)) {
        cmd_problems(problems, file);
        return EXIT_FAILED;
    }
    start_control(server);
    for (unsigned i = 0; server_listen_addr_get(server, i); i++) {
        const struct net_addr *a = server_listen_addr_get(server, i);
        log_info(NULL, "listening address=%s port=%u", a->text, a->port);
    }
    return server_run(server, file, NULL) ? EXIT_OK : EXIT_CUT;
}

static int run_config(struct config **c, const char *file, struct problems *problems)
{
    char err[256];
    struct users_store *users = cmd_users_open(*c, problems);
    if (!users) {
        cmd_problems(problems, file);
        return EXIT_FAILED;
    }
    os_signals_hold();
    struct logging *logging = logging_new(*c, err);
    if (!logging) {
        cmd_error("%s", err);
        users_store_free(users);
        return EXIT_FAILED;
    }
    server_notes_log(*c, users);
    int code = EXIT_FAILED;
    struct server *server = cmd_server_new(c, &users, logging, problems);
    if (server) {
        code = serve(server, file, problems);
    } else {
        cmd_problems(problems, file);
    }
    server_free(server);
    logging_free(logging);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run r = {0};
    int code = EXIT_USAGE;
    if (!parse_args(argc, argv, &r, &code)) {
        return code;
    }
    struct problems problems;
    problems_init(&problems);
    CLEANUP(config_free) struct config *c = config_load(r.file, &problems);
    if (c && override(c, &r, &problems) && cmd_take_sockets(c)) {
        code = run_config(&c, r.file, &problems);
    } else {
        cmd_problems(&problems, r.file);
    }
    problems_fini(&problems);
    return code;
}
