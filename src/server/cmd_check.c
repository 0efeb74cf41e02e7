/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit check FILE: everything that a start would try is tried, and nothing is left behind. */
#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/local.h"
#include "os/process.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/control.h"
#include "server/logging.h"
#include "server/plugins.h"
#include "server/server.h"
#include "server/shares.h"

struct check {
    struct problems problems; /* a start would fail, or not do what it was told */
    struct problems notes;    /* what is hardly meant, or holds for this moment only */
};

static void check_log(const struct config *c, struct check *k)
{
    char err[256];
    if (!logging_check(c->log_file, err)) {
        problems_add(&k->problems, "%s", err);
    }
}

static void check_control(const struct config *c, struct check *k)
{
    char err[256];
    CLEANUP_MEM char *fallback = c->control_socket ? NULL : control_default_path(false);
    const char *path = c->control_socket ? c->control_socket : fallback;
    if (!path) {
        return;
    }
    int e = os_local_check(path);
    control_error(path, e, err);
    if (e == -EADDRINUSE) {
        problems_add(&k->notes, "%s", err);
    } else if (e != 0 && c->control_socket) { /* the folder of the default is made at the start */
        problems_add(&k->problems, "%s", err);
    }
}

static void check_shares(const struct config *c, struct check *k)
{
    struct plugins *plugins = plugins_new(c->plugin_dir);
    if (plugins) {
        shares_check(plugins, c, &k->problems);
    } else {
        problems_add(&k->problems, "out of memory");
    }
    plugins_free(plugins);
}

static void check_all(const struct config *c, struct check *k)
{
    struct users_store *users = cmd_users_open(c, &k->problems);
    check_log(c, k);
    server_listen_check(c, &k->problems, &k->notes);
    check_control(c, k);
    server_durable_check(c, users, &k->problems, &k->notes);
    check_shares(c, k);
    if (users) {
        server_notes(c, users, &k->notes);
    } else {
        problems_add_all(&k->notes, &c->remarks);
    }
    users_store_free(users);
}

static int verdict(const char *file, const struct config *c, struct check *k)
{
    cmd_lines(problems_text_get(&k->notes));
    if (k->problems.count > 0) {
        cmd_problems(&k->problems, file);
        return EXIT_USAGE;
    }
    cmd_line("%s: fine, %zu share%s", file, c->share_count, c->share_count == 1 ? "" : "s");
    return EXIT_OK;
}

int cmd_check(int argc, char **argv)
{
    static const struct arg_option none[] = {{NULL, 0, false}};
    struct args a = args_init(argc, argv, 1);
    if (argc != 2 || args_next(&a, none) != ARGS_WORD) {
        return cmd_usage("check", "%s", a.err[0] ? a.err : "check wants one FILE");
    }
    struct check k;
    problems_init(&k.problems);
    problems_init(&k.notes);
    CLEANUP(config_free) struct config *c = config_load_part(a.value, &k.problems);
    if (c) {
        check_all(c, &k);
    }
    int code = verdict(a.value, c, &k);
    problems_fini(&k.problems);
    problems_fini(&k.notes);
    return code;
}
