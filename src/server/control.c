/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control.h"

#include <errno.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/local.h"
#include "os/os.h"
#include "os/process.h"
#include "server/aside.h"

#define LOG_MODULE LOG_SERVER

struct control {
    struct server *server;
    struct os_local *listener;
    struct aside thread;
};

char *control_default_path(bool make)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool own = runtime && *runtime && !os_user_is_root();
    CLEANUP_MEM char *folder = own ? str_printf("%s/smbkit", runtime) : str_dup("/run/smbkit");
    if (!folder) {
        return NULL;
    }
    if (make && os_folder_make(folder, 0700) != 0) {
        log_debug(NULL, "folder not made path=%s", quoted(folder).text); /* listening will tell */
    }
    return str_printf("%s/control", folder);
}

static char *answer(void *arg, const char *line)
{
    struct control *c = arg;
    char *text = control_answer(c->server, line);
    if (!text) {
        log_error(NULL, "control answer not made, out of memory");
    }
    return text;
}

static void control_main(void *arg)
{
    const struct os_local_service service = {.request_max = CONTROL_REQUEST_MAX,
                                             .timeout_ms = CONTROL_TIMEOUT_MS,
                                             .answer = answer,
                                             .arg = arg};
    os_local_serve(((struct control *)arg)->listener, &service);
}

void control_error(const char *path, int err, char text[256])
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    if (err == -ENAMETOOLONG) {
        str_format(why, sizeof(why), "longer than the %u bytes of a socket's path",
                   OS_LOCAL_PATH_MAX);
    }
    str_format(text, 256, "control socket %s: %s", path,
               err == -EADDRINUSE ? "another smbkit uses it"
               : err == -EEXIST   ? "there is something that is no socket; take it away"
               : err == -ENOENT   ? "its folder is not there; make it first"
                                  : why);
}

struct control *control_new(struct server *s, const char *path, char err[256])
{
    struct control *c = mem_zalloc(sizeof(*c));
    int e = c ? os_local_listen(path, &c->listener) : -ENOMEM;
    if (e == 0) {
        c->server = s;
        e = aside_start(&c->thread, "smbkit-control", control_main, c);
    }
    if (e == 0) {
        return c;
    }
    control_error(path, e, err);
    if (c) {
        os_local_free(c->listener);
    }
    mem_free(c);
    return NULL;
}

void control_end(struct control *c)
{
    if (c) {
        os_local_wake(c->listener);
    }
}

bool control_is_over(const struct control *c)
{
    return !c || aside_is_over(&c->thread);
}

void control_free(struct control *c)
{
    if (!c) {
        return;
    }
    control_end(c);
    aside_join(&c->thread);
    os_local_free(c->listener);
    mem_free(c);
}
