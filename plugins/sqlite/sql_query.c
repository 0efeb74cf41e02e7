/* SPDX-License-Identifier: Apache-2.0 */
/* Saved queries: files of a folder of the host, which clients see as queries/NAME.sql and may write
 * to. What is saved is one SELECT that can be run, whole on the disk before it is called so. */
#include "sql_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN "queries/"
#define NEW_NAME ".smbkit-new-XXXXXX" /* until it is whole */

static smbkit_status status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    case EEXIST:
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    case ENOSPC:
    case EDQUOT:
        return SMBKIT_STATUS_DISK_FULL;
    case EROFS:
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    case EACCES:
    case EPERM:
    case ELOOP:
        return SMBKIT_STATUS_ACCESS_DENIED;
    case ENAMETOOLONG:
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    case ENOMEM:
        return SMBKIT_STATUS_NO_MEMORY;
    default:
        return SMBKIT_STATUS_IO_DEVICE_ERROR;
    }
}

/* The file's name in the folder of the host, or NULL: a path that is no query's. */
static const char *name_of(const char *path)
{
    size_t len = strlen(path);
    const char *name = path + sizeof(BEGIN) - 1;
    if (len <= sizeof(BEGIN) - 1 || strncmp(path, BEGIN, sizeof(BEGIN) - 1) != 0) {
        return NULL;
    }
    len -= sizeof(BEGIN) - 1;
    int is_good = len > 4 && strcmp(name + len - 4, ".sql") == 0 && name[0] != '.' &&
                  !strchr(name, '/') && len < 250;
    return is_good ? name : NULL;
}

static smbkit_status open_folder(const struct sql_volume *v, int *fd_r)
{
    *fd_r = open(v->queries, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd_r >= 0 ? SMBKIT_STATUS_SUCCESS : status_of_errno();
}

static smbkit_status query_check(struct sql_volume *v, struct smbkit_tree_call *c, const char *path)
{
    const char *name = name_of(path);
    int folder;
    (void)c;
    if (!name) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    smbkit_status status = open_folder(v, &folder);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct stat st;
    status = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0
                 ? SMBKIT_STATUS_OBJECT_NAME_COLLISION
                 : status_of_errno();
    close(folder);
    return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : status;
}

static smbkit_status read_file(int fd, struct sql_out *o)
{
    char buf[4096];
    ssize_t n = 1;
    while (n != 0 && SMBKIT_OK(o->status)) {
        n = read(fd, buf, sizeof(buf));
        if (n < 0 && errno != EINTR) {
            return status_of_errno();
        }
        sql_out_put(o, buf, n > 0 ? (size_t)n : 0);
    }
    return o->status;
}

static smbkit_status query_load(struct sql_volume *v, struct smbkit_tree_call *c, const char *path,
                                enum sql_use use, struct sql_out *o)
{
    const char *name = name_of(path);
    int folder;
    (void)c, (void)use;
    if (!name) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status status = open_folder(v, &folder);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        status = status_of_errno();
    } else {
        status = S_ISREG(st.st_mode) ? read_file(fd, o) : SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (fd >= 0) {
        close(fd);
    }
    close(folder);
    return status;
}

smbkit_status sql_query_read(struct sql_volume *v, const char *name, char **sql_r)
{
    char path[SQL_PATH_MAX];
    struct sql_out o = {.max = SQL_BYTES_MAX};
    *sql_r = NULL;
    snprintf(path, sizeof(path), BEGIN "%s.sql", name);
    smbkit_status status = query_load(v, NULL, path, SQL_READ, &o);
    sql_out_put(&o, "", 1);
    status = SMBKIT_OK(status) ? o.status : status;
    if (SMBKIT_OK(status)) {
        *sql_r = o.data;
        o.data = NULL;
    }
    sql_out_fini(&o);
    return status;
}

/* ---- changes ---- */

static smbkit_status validate(struct sql_volume *v, const char *name, const char *text, size_t len)
{
    struct sql_db d;
    sqlite3_stmt *stmt = NULL;
    if (len > SQL_BYTES_MAX || memchr(text, '\0', len)) {
        sql_log(v, name, "it is too long, or has a zero byte");
        return SMBKIT_STATUS_DATA_ERROR;
    }
    char *sql = malloc(len + 1);
    if (!sql) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    memcpy(sql, text, len);
    sql[len] = '\0';
    smbkit_status status = sql_db_open(&d, v, NULL, SQL_QUERY);
    status = SMBKIT_OK(status) ? sql_db_prepare(&d, sql, &stmt) : status;
    sqlite3_finalize(stmt);
    sql_db_close(&d);
    free(sql);
    return status;
}

static int write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno != EINTR) {
            return 0;
        }
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0;
}

/* The text as a file of the folder that has no name yet; made is its path. */
static smbkit_status write_new(const struct sql_volume *v, const char *text, size_t len,
                               char made[SQL_PATH_MAX])
{
    if (snprintf(made, SQL_PATH_MAX, "%s/" NEW_NAME, v->queries) >= SQL_PATH_MAX) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    int fd = mkostemp(made, O_CLOEXEC);
    if (fd < 0) {
        return status_of_errno();
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!write_all(fd, text, len) || fchmod(fd, 0644) != 0) {
        status = status_of_errno();
        unlink(made);
    }
    close(fd);
    return status;
}

static smbkit_status query_save(struct sql_volume *v, const char *path, int is_new,
                                const char *text, size_t len)
{
    const char *name = name_of(path);
    char made[SQL_PATH_MAX];
    int folder;
    smbkit_status status = name ? validate(v, name, text, len) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    status = SMBKIT_OK(status) ? open_folder(v, &folder) : status;
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = write_new(v, text, len, made);
    if (SMBKIT_OK(status)) {
        unsigned flags = is_new ? RENAME_NOREPLACE : 0;
        if (renameat2(AT_FDCWD, made, folder, name, flags) != 0 || fsync(folder) != 0) {
            status = status_of_errno();
            unlink(made);
        }
    }
    if (!SMBKIT_OK(status)) {
        sql_log(v, name, "the query cannot be saved");
    }
    close(folder);
    return status;
}

static smbkit_status query_remove(struct sql_volume *v, const char *path)
{
    const char *name = name_of(path);
    int folder;
    smbkit_status status = name ? open_folder(v, &folder) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (unlinkat(folder, name, 0) != 0 || fsync(folder) != 0) {
        status = status_of_errno();
    }
    close(folder);
    return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : status;
}

static smbkit_status query_move(struct sql_volume *v, const char *from, const char *to,
                                int replaces)
{
    const char *is = name_of(from);
    const char *name = name_of(to);
    int folder;
    smbkit_status status = is && name ? open_folder(v, &folder) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    if (!SMBKIT_OK(status)) {
        return status;
    }
    unsigned flags = replaces ? 0 : RENAME_NOREPLACE;
    if (renameat2(folder, is, folder, name, flags) != 0 || fsync(folder) != 0) {
        status = status_of_errno();
    }
    close(folder);
    return status;
}

const struct sql_store sql_queries = {query_check, query_load, query_save, query_remove,
                                      query_move};
