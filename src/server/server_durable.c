/* SPDX-License-Identifier: Apache-2.0 */
/* The file of durable opens: written when the server stops, and emptied when the next one has read
 * it, so that what is in it counts once. A server that crashed has left nothing in it. */
#define LOG_MODULE LOG_SERVER
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/process.h"
#include "server/control.h"
#include "server/server_priv.h"

#define FILE_BYTES_MAX (64u * 1024 * 1024)
#define FILE_MODE 0600u /* it names users and files, and what identifies clients */

/* ---- what it must not be ---- */

/* What else of the configuration it is; NULL: nothing. */
static const char *other_use(const struct config *c, const struct users_store *users)
{
    CLEANUP_MEM char *fallback = c->control_socket ? NULL : control_default_path(false);
    bool has_log = !str_ieq(c->log_file, "stderr") && !str_ieq(c->log_file, "syslog");
    const struct {
        const char *what;
        const char *path;
    } uses[] = {{"the configuration", c->file},
                {"the users file", users ? users_store_path(users) : c->users_file},
                {"the log file", has_log ? c->log_file : NULL},
                {"the control socket", c->control_socket ? c->control_socket : fallback}};
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        if (uses[i].path && os_path_is_same(uses[i].path, c->durable_file)) {
            return uses[i].what;
        }
    }
    return NULL;
}

/* 0: it is empty, not there, or what a server has written; -ENOMSG: something else. */
static int check_content(const char *path)
{
    CLEANUP_MEM char *data = NULL;
    size_t len = 0;
    int err = os_file_read(path, FILE_BYTES_MAX, &data, &len);
    if (err == 0 && len > 0 && !smb_server_wrote(data, len)) {
        err = -ENOMSG;
    }
    return err == -ENOENT ? 0 : err;
}

void server_durable_check(const struct config *c, const struct users_store *users,
                          struct problems *problems, struct problems *notes)
{
    char why[128];
    const char *path = c->durable_file;
    const char *other = path ? other_use(c, users) : NULL;
    int folder = path ? os_folder_check_of(path) : 0;
    int err = path && !other && folder == 0 ? check_content(path) : folder;
    os_error_text(-err, why, sizeof(why));
    if (other) {
        problems_add(problems, "durable handles file %s is %s; name a file of its own", path,
                     other);
    } else if (err == -ENOMSG) {
        problems_add(problems,
                     "durable handles file %s: what is in it is not smbkit's, and is left alone; "
                     "name a file of its own, or take this one away",
                     path);
    } else if (err != 0) {
        problems_add(problems, "durable handles file %s cannot be used: %s", path,
                     folder == -ENOENT ? "its folder is not there; make it first" : why);
    } else if (path && !os_file_is_guarded(path)) {
        problems_add(notes,
                     "durable handles file %s: others may write it or its folder, or own them, so "
                     "it is not read; let only the server's user do so (chmod go-w)",
                     path);
    }
}

/* ---- from one run to the next ---- */

static void tell(const char *path, const char *what, int err)
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    log_warn(NULL, "durable handles file %s file=%s reason=%s", what, path, why);
}

void server_durable_load(struct server *s)
{
    const char *path = s->config->durable_file;
    CLEANUP_MEM char *data = NULL;
    size_t len = 0;
    bool is_read = path && os_file_is_guarded(path); /* else server_durable_check has told */
    int err = is_read ? os_file_read(path, FILE_BYTES_MAX, &data, &len) : -ENOENT;
    if (err != 0 && err != -ENOENT) {
        tell(path, "cannot be read", err);
    }
    if (err != 0 || !smb_server_wrote(data, len)) {
        return;
    }
    err = os_file_replace(path, "", 0, FILE_MODE);
    if (err != 0) { /* the next one would read it once more */
        tell(path, "cannot be emptied", err);
        return;
    }
    size_t unread = 0;
    size_t count = smb_server_restore(s->smb, data, len, &unread);
    if (unread > 0) {
        log_warn(NULL, "durable handles file damaged, in part not read file=%s bytes=%zu of=%zu",
                 path, unread, len);
    }
    log_info(NULL, "files wait for their clients count=%zu", count);
}

void server_durable_save(struct server *s)
{
    const char *path = s->config->durable_file;
    size_t count = 0;
    if (!path) {
        return;
    }
    CLEANUP(wr_fini) struct wr w = wr_new(FILE_BYTES_MAX);
    int err = smb_server_write_down(s->smb, &w, &count) ? 0 : -ENOMEM;
    if (err == 0 && count > 0) {
        err = os_file_replace(path, w.base, wr_pos(&w), FILE_MODE);
    }
    if (err != 0) {
        tell(path, "cannot be written", err);
    } else {
        log_info(NULL, "files that wait for their clients are written down count=%zu", count);
    }
}
