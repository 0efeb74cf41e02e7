/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that were set by commands and clients, in a file of the host:
 *
 *   smbkit-quota 1
 *   default SIZE THRESHOLD
 *   user SIZE THRESHOLD NAME
 *   folder SIZE none PATH
 *
 * Sizes are those of the arguments. It is written anew beside its place, and renamed; file and
 * folder are durable before a limit is acknowledged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quota.h"

#define HEAD "smbkit-quota 1"
#define WORD_MAX 24u /* of a size, with its end */

/* ---- reading ---- */

static bool take_line(struct quota *q, const char *line)
{
    char what[WORD_MAX];
    char size_text[WORD_MAX];
    char threshold_text[WORD_MAX];
    uint64_t size;
    uint64_t threshold;
    int at = 0;
    if (sscanf(line, "%23s %23s %23s%n", what, size_text, threshold_text, &at) != 3 ||
        !quota_size_parse(size_text, &size) || !quota_size_parse(threshold_text, &threshold)) {
        return false;
    }
    const char *name = line[at] == ' ' ? line + at + 1 : "";
    if (strcmp(what, "default") == 0) {
        quota_limit_default_at(q, size, threshold);
        return !*name;
    }
    if (strcmp(what, "user") == 0) {
        return *name && quota_limit_user_at(q, name, size, threshold);
    }
    return strcmp(what, "folder") == 0 && quota_limit_path(q, name, size);
}

/* The number of the line that is wrong; 0: none. */
static unsigned take_lines(struct quota *q, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    unsigned number = 0;
    bool is_good = true;
    while (is_good && getline(&line, &room, f) >= 0) {
        line[strcspn(line, "\r\n")] = '\0'; /* an editor of Windows ends lines with both */
        is_good = number++ > 0 ? take_line(q, line) : strcmp(line, HEAD) == 0;
    }
    free(line);
    return is_good && number > 0 ? 0 : number > 0 ? number : 1;
}

bool quota_keep_read(struct quota *q, const struct smbkit_volume_args *args)
{
    FILE *f = q->keep ? fopen(q->keep, "re") : NULL;
    if (!f && (!q->keep || errno == ENOENT)) {
        return true;
    }
    if (!f) {
        snprintf(args->error, args->error_size, "keep=%.150s: %s", q->keep, strerror(errno));
        return false;
    }
    errno = 0;
    unsigned wrong = take_lines(q, f);
    int err = ferror(f) ? errno : 0;
    fclose(f);
    if (err) {
        snprintf(args->error, args->error_size, "keep=%.150s: %s", q->keep, strerror(err));
    } else if (wrong > 0) {
        snprintf(args->error, args->error_size, "keep=%.150s: line %u is none of the filter's",
                 q->keep, wrong);
    }
    return wrong == 0 && err == 0;
}

/* ---- writing ---- */

static void put_size(FILE *f, uint64_t size)
{
    if (size == QUOTA_NONE) {
        fputs(" none", f);
    } else {
        fprintf(f, " %llu", (unsigned long long)size);
    }
}

static void put_line(FILE *f, const char *what, const struct quota_limit *l)
{
    fputs(what, f);
    put_size(f, l->limit);
    put_size(f, l->threshold);
    fprintf(f, "%s%s\n", l->name ? " " : "", l->name ? l->name : "");
}

static void put_all(struct quota *q, FILE *f)
{
    pthread_mutex_lock(&q->lock);
    const struct quota_limit all = {.limit = q->default_limit, .threshold = q->default_threshold};
    fputs(HEAD "\n", f);
    if (q->default_is_set) {
        put_line(f, "default", &all);
    }
    for (uint32_t i = 0; i < q->limit_count; i++) {
        if (q->limits[i].is_set) {
            put_line(f, "user", &q->limits[i]);
        }
    }
    for (uint32_t i = 0; i < q->folder_count; i++) {
        const struct quota_account *a = &q->folders[i];
        const struct quota_limit l = {.name = a->name, .limit = a->limit, .threshold = QUOTA_NONE};
        if (a->is_set) {
            put_line(f, "folder", &l);
        }
    }
    pthread_mutex_unlock(&q->lock);
}

/* In memory: nothing waits for the disk with the lock held. NULL: no memory. */
static char *format_all(struct quota *q, size_t *len_r)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len_r);
    if (!f) {
        return NULL;
    }
    put_all(q, f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* 0, or an errno; as what follows. */
static int write_all(int fd, const char *text, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static int write_to(struct quota *q, const char *path)
{
    size_t len;
    char *text = format_all(q, &len);
    if (!text) {
        return ENOMEM;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = fd >= 0 ? write_all(fd, text, len) : errno;
    if (fd >= 0 && close(fd) != 0 && err == 0) {
        err = errno;
    }
    free(text);
    return err;
}

/* The folder that the file is in: its name is durable. path: room that is written to. */
static int sync_folder(const char *keep, char *path)
{
    const char *slash = strrchr(keep, '/');
    size_t len = slash > keep ? (size_t)(slash - keep) : 1;
    memcpy(path, slash ? keep : ".", len);
    path[len] = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int err = fsync(fd) == 0 || errno == EINVAL ? 0 : errno; /* not every file system has it */
    close(fd);
    return err;
}

smbkit_status quota_keep_write(struct quota *q)
{
    if (!q->keep) {
        return SMBKIT_STATUS_SUCCESS;
    }
    size_t size = strlen(q->keep) + sizeof(".new");
    char *path = malloc(size);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(path, size, "%s.new", q->keep);
    pthread_mutex_lock(&q->keeping);
    int err = write_to(q, path);
    err = err == 0 && rename(path, q->keep) != 0 ? errno : err;
    err = err == 0 ? sync_folder(q->keep, path) : err;
    pthread_mutex_unlock(&q->keeping);
    free(path);
    if (err) {
        smbkit_log(1, "quota_not_kept error=\"%s\"", strerror(err));
    }
    return err ? smbkit_status_from_errno(err) : SMBKIT_STATUS_SUCCESS;
}
