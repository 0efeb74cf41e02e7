/* SPDX-License-Identifier: Apache-2.0 */
#include "server/captive.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/child.h"
#include "os/os.h"
#include "os/process.h"

#define URI_MAX 4096u   /* bytes */
#define LINGER_MS 2000  /* a command that was asked to end is ended by force after that */
#define VARIABLES_MAX 8 /* in the environment of the command */

void captive_init(struct captive *c)
{
    mem_zero(c, sizeof(*c));
    c->parent = os_parent_id();
}

void captive_start(struct captive *c, const struct connect_info *info, const char *control)
{
    if (!c->command) {
        return;
    }
    char port[8];
    char pid[16];
    str_format(port, sizeof(port), "%u", info->port);
    str_format(pid, sizeof(pid), "%u", os_process_id());
    CLEANUP(wr_fini) struct wr uri = wr_new(URI_MAX);
    connect_uri(&uri, info);
    wr_u8(&uri, 0);
    const struct os_variable env[VARIABLES_MAX] = {
        {"SMBKIT_URI", (const char *)uri.base},
        {"SMBKIT_HOST", info->address},
        {"SMBKIT_PORT", port},
        {"SMBKIT_SHARE", info->share},
        {"SMBKIT_USER", info->user ? info->user : ""},
        {"SMBKIT_PASSWORD", info->password ? info->password : ""},
        {"SMBKIT_CONTROL", control ? control : ""},
        {"SMBKIT_PID", pid},
    };
    int err = wr_ok(&uri) ? os_child_start(c->command, env, ARRAY_LEN(env), &c->child) : -ENOMEM;
    mem_wipe(uri.base, uri.base ? uri.len : 0); /* it has the password */
    c->is_failed = err != 0;
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        cmd_error("--run: the shell cannot be started: %s", why);
    }
}

static bool is_there(void *arg)
{
    struct captive *c = arg;
    bool is_orphan = c->with_parent && os_parent_id() != c->parent;
    return c->is_failed || is_orphan || (c->child && os_child_is_over(c->child, &c->code));
}

/* The command may have something to put away, for which it needs the server. */
static bool is_near(void *arg)
{
    struct captive *c = arg;
    if (c->child) {
        os_child_ask(c->child);
    }
    return c->child;
}

static void at_once(void *arg)
{
    struct captive *c = arg;
    if (c->child) {
        (void)os_child_end(c->child, 0);
        c->child = NULL;
    }
}

const struct server_end *captive_end(struct captive *c, struct server_end *end)
{
    *end =
        (struct server_end){.is_there = is_there, .is_near = is_near, .at_once = at_once, .arg = c};
    return c->command || c->with_parent ? end : NULL;
}

int captive_finish(struct captive *c, int code)
{
    if (!c->child) {
        return c->is_failed ? EXIT_FAILED : code;
    }
    os_child_ask(c->child);
    code = os_child_end(c->child, LINGER_MS);
    c->child = NULL;
    return code;
}
