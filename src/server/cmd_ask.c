/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a running server, by its control socket. */
#include <errno.h>

#include "base/mem.h"
#include "os/local.h"
#include "os/process.h"
#include "server/cmd.h"
#include "server/control.h"

static void no_server(const char *path, int err)
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    if (err == -ENOENT || err == -ECONNREFUSED) {
        cmd_error(
            "no server answers at %s: start one (smbkit help serve), or say with --socket where it "
            "listens",
            path);
    } else if (err == -EACCES) {
        cmd_error("no permission for %s; ask as the user that the server runs as", path);
    } else {
        cmd_error("%s: %s", path, why);
    }
}

char *cmd_ask(const char *path, const char *line, unsigned timeout_ms)
{
    CLEANUP(os_local_free) struct os_local *conn = NULL;
    char *answer = NULL;
    int err = os_local_connect(path, &conn);
    if (err == 0) {
        err = os_local_write_line(conn, line, CONTROL_TIMEOUT_MS);
    }
    if (err == 0) {
        err = os_local_read_line(conn, OS_LOCAL_LINE_MAX, timeout_ms, &answer);
    }
    if (err != 0) {
        no_server(path, err);
        return NULL;
    }
    return answer;
}
