/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <smbkit/filter.h>

#define QUOTE_SIZE 300

struct line {
    struct line *next;
    size_t len; /* with the end of the line */
    char text[];
};

struct audit_file {
    char *path; /* immutable */
    size_t queue_max;
    pthread_t thread;
    int fd;           /* of the thread; -1: not open */
    bool is_troubled; /* of the thread: the log has been told */
    bool is_cut;      /* of the thread: the file ends within a line */

    pthread_mutex_t lock; /* a leaf; guards what follows */
    pthread_cond_t cond;
    struct line *first, **last;
    size_t queued_bytes;
    uint64_t written, lost;
    uint64_t lost_said; /* of those, how many a line tells of */
    bool reopens, ends;
};

/* ---- opening ---- */

static int open_path(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0600);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL; /* a pipe or a device could hold everything up */
        return -1;
    }
    return fd;
}

static int check_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path)
                  : snprintf(folder, sizeof(folder), ".");
    if (n < 0 || (size_t)n >= sizeof(folder)) {
        return ENAMETOOLONG;
    }
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

int audit_file_check(const char *path)
{
    int fd = open_path(path, 0);
    if (fd < 0) {
        return errno == ENOENT ? check_folder(path) : errno;
    }
    close(fd);
    return 0;
}

/* ---- the thread ---- */

/* Once for each time that it begins. */
static void tell_trouble(struct audit_file *f, int err)
{
    char text[QUOTE_SIZE];
    if (!f->is_troubled) {
        f->is_troubled = true;
        smbkit_log(0, "audit: lines are lost path=%s status=%s",
                   smbkit_quote(f->path, text, sizeof(text)),
                   smbkit_status_name(smbkit_status_from_errno(err)));
    }
}

/* Bytes that were written; fewer than len: errno says why. */
static size_t write_all(int fd, const char *text, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, text + done, len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return done;
}

/* What is there of a line that was cut ends before the next one begins. */
static bool end_cut_line(struct audit_file *f)
{
    f->is_cut = f->is_cut && write_all(f->fd, "\n", 1) == 0;
    return !f->is_cut;
}

static bool write_line(struct audit_file *f, const char *text, size_t len)
{
    if (f->fd < 0) {
        f->fd = open_path(f->path, O_CREAT);
        f->is_cut = false;
    }
    if (f->fd < 0 || !end_cut_line(f)) {
        tell_trouble(f, errno);
        return false;
    }
    size_t done = write_all(f->fd, text, len);
    if (done < len) {
        f->is_cut = done > 0;
        tell_trouble(f, errno);
        return false;
    }
    f->is_troubled = false;
    return true;
}

/* A line that tells how many are missing before the next. */
static void say_lost(struct audit_file *f)
{
    char text[64];
    pthread_mutex_lock(&f->lock);
    uint64_t lost = f->lost;
    uint64_t count = lost - f->lost_said;
    pthread_mutex_unlock(&f->lock);
    if (count == 0) {
        return;
    }
    int n = snprintf(text, sizeof(text), "{\"op\":\"lost\",\"lines\":%llu}\n",
                     (unsigned long long)count);
    if (write_line(f, text, (size_t)n)) {
        pthread_mutex_lock(&f->lock);
        f->lost_said = lost;
        pthread_mutex_unlock(&f->lock);
    }
}

static void write_lines(struct audit_file *f, struct line *list)
{
    while (list) {
        struct line *next = list->next;
        say_lost(f);
        bool good = write_line(f, list->text, list->len);
        pthread_mutex_lock(&f->lock);
        f->queued_bytes -= list->len;
        f->written += good;
        f->lost += !good;
        pthread_mutex_unlock(&f->lock);
        free(list);
        list = next;
    }
}

/* The lines that wait; NULL: it ends, and there are none. */
static struct line *wait_for_lines(struct audit_file *f, bool *reopens_r)
{
    pthread_mutex_lock(&f->lock);
    while (!f->first && !f->ends && !f->reopens) {
        pthread_cond_wait(&f->cond, &f->lock);
    }
    struct line *list = f->first;
    f->first = NULL;
    f->last = &f->first;
    *reopens_r = f->reopens;
    f->reopens = false;
    pthread_mutex_unlock(&f->lock);
    return list;
}

static bool is_over(struct audit_file *f)
{
    pthread_mutex_lock(&f->lock);
    bool over = f->ends && !f->first;
    pthread_mutex_unlock(&f->lock);
    return over;
}

static void *thread_main(void *arg)
{
    struct audit_file *f = arg;
    do {
        bool reopens;
        struct line *list = wait_for_lines(f, &reopens);
        if (reopens && f->fd >= 0) { /* first: what came after it belongs into the new file */
            close(f->fd);
            f->fd = -1;
        }
        write_lines(f, list);
    } while (!is_over(f));
    say_lost(f);
    return NULL;
}

/* ---- for all threads ---- */

/* Signals of the process are for others. */
static int thread_start(struct audit_file *f)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int err = pthread_create(&f->thread, NULL, thread_main, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

struct audit_file *audit_file_new(const char *path, size_t queue_max)
{
    struct audit_file *f = calloc(1, sizeof(*f));
    char *copy = strdup(path);
    if (!f || !copy) {
        free(f);
        free(copy);
        return NULL;
    }
    f->path = copy;
    f->queue_max = queue_max;
    f->fd = -1;
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->cond, NULL);
    if (thread_start(f) != 0) {
        pthread_cond_destroy(&f->cond);
        pthread_mutex_destroy(&f->lock);
        free(f->path);
        free(f);
        return NULL;
    }
    return f;
}

void audit_file_free(struct audit_file *f)
{
    if (!f) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->ends = true;
    pthread_cond_signal(&f->cond);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    if (f->fd >= 0) {
        close(f->fd);
    }
    pthread_cond_destroy(&f->cond);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f);
}

void audit_file_add(struct audit_file *f, const char *line, size_t len)
{
    struct line *l = malloc(sizeof(*l) + len + 1);
    if (l) {
        l->next = NULL;
        l->len = len + 1;
        memcpy(l->text, line, len);
        l->text[len] = '\n';
    }
    pthread_mutex_lock(&f->lock);
    bool fits = l && f->queued_bytes + l->len <= f->queue_max;
    if (fits) {
        f->queued_bytes += l->len;
        *f->last = l;
        f->last = &l->next;
        pthread_cond_signal(&f->cond);
    } else {
        f->lost++;
    }
    pthread_mutex_unlock(&f->lock);
    if (!fits) {
        free(l);
    }
}

void audit_file_reopen(struct audit_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->reopens = true;
    pthread_cond_signal(&f->cond);
    pthread_mutex_unlock(&f->lock);
}

void audit_file_stats(struct audit_file *f, struct audit_file_stats *out)
{
    pthread_mutex_lock(&f->lock);
    *out = (struct audit_file_stats){
        .written = f->written, .lost = f->lost, .queued_bytes = f->queued_bytes};
    pthread_mutex_unlock(&f->lock);
}
