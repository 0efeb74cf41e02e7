/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that answers later, as an example: smbkit-plugin(3), PENDING. The file "slow.txt" is
 * read from a store that takes its time; one thread answers all reads, however many wait, and no
 * thread of the server waits with them. Replace what `answers` does by what your store says. */
#include <smbkit/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DELAY_MS 20
static const char text[] = "It was worth waiting for.\n";

/* A read that has not been answered. */
struct later {
    struct later *next;
    struct slow *slow;
    struct smbkit_op *op;
    struct smbkit_io *io; /* there until the call is completed */
    struct timespec due;
    int is_queued, is_given_up; /* slow->lock */
};

struct slow {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    pthread_t thread;
    struct later *first, **end; /* by time */
    int stops;
};

static void answer(struct later *l)
{
    uint32_t size = sizeof(text) - 1;
    uint32_t left = l->io->offset < size ? size - (uint32_t)l->io->offset : 0;
    uint32_t n = l->io->length < left ? l->io->length : left;
    uint8_t *to = smbkit_io_buffer(l->io);
    if (to) {
        memcpy(to, text + size - left, n);
        l->io->done = n;
    }
    smbkit_complete(l->op, to ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY);
    free(l); /* only now: a give_up of it that was running has ended */
}

static void *answers(void *arg)
{
    struct slow *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stops) {
        struct later *l = s->first;
        if (!l) {
            pthread_cond_wait(&s->cond, &s->lock);
        } else if (pthread_cond_timedwait(&s->cond, &s->lock, &l->due) != 0 && s->first == l) {
            s->first = l->next;
            s->end = s->first ? s->end : &s->first;
            l->is_queued = 0;
            pthread_mutex_unlock(&s->lock); /* nothing of the server is called with a lock held */
            answer(l);
            pthread_mutex_lock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The client has cancelled, or is gone. In whatever thread, also while slow_read still runs. */
static void give_up(void *arg)
{
    struct later *l = arg;
    struct slow *s = l->slow;
    pthread_mutex_lock(&s->lock);
    int is_mine = l->is_queued;
    if (is_mine) {
        struct later **at = &s->first;
        while (*at != l) {
            at = &(*at)->next;
        }
        *at = l->next;
        s->end = l->next ? s->end : at;
    } else {
        l->is_given_up = 1; /* it is not queued yet, or is being answered */
    }
    pthread_mutex_unlock(&s->lock);
    if (is_mine) {
        smbkit_complete(l->op, SMBKIT_STATUS_CANCELLED);
        free(l);
    }
}

static smbkit_status slow_read(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_io *io)
{
    struct slow *s = volume;
    struct later *l = calloc(1, sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *l = (struct later){.slow = s, .op = op, .io = io};
    clock_gettime(CLOCK_REALTIME, &l->due);
    l->due.tv_nsec += DELAY_MS * 1000000L;
    l->due.tv_sec += l->due.tv_nsec / 1000000000L;
    l->due.tv_nsec %= 1000000000L;
    int is_lost = smbkit_on_cancel(op, give_up, l) != SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&s->lock);
    is_lost = is_lost || l->is_given_up;
    if (!is_lost) {
        l->is_queued = 1;
        *s->end = l;
        s->end = &l->next;
        pthread_cond_signal(&s->cond);
    }
    pthread_mutex_unlock(&s->lock);
    if (is_lost) {
        free(l);
        return SMBKIT_STATUS_CANCELLED;
    }
    return SMBKIT_STATUS_PENDING; /* l, op and io may be gone already */
}

/* ---- the rest: a root and one file, which is a pointer to nothing but its name ---- */

static char root[] = "", file_name[] = "slow.txt";

static void describe(const void *file, struct smbkit_attr *attr)
{
    attr->attributes = file == root ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_NORMAL;
    attr->size = file == root ? 0 : sizeof(text) - 1;
}

static smbkit_status slow_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    char *file = strcmp(how->path, root) == 0        ? root
                 : strcmp(how->path, file_name) == 0 ? file_name
                                                     : NULL;
    if (!file || how->disposition != SMBKIT_OPEN) {
        return strchr(how->path, '/') ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                      : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (how->kind == (file == root ? SMBKIT_KIND_FILE : SMBKIT_KIND_DIRECTORY)) {
        return file == root ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY : SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    how->file = file;
    describe(file, how->attr);
    return SMBKIT_STATUS_SUCCESS;
}

static void slow_close(void *volume, struct smbkit_op *op, void *file)
{
}

static smbkit_status slow_getattr(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_attr *attr)
{
    describe(file, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status slow_enumerate(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_sink *sink)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_entry e = {
        .struct_size = sizeof(e), .name = file_name, .cookie = 1, .attr = &attr};
    describe(file_name, &attr);
    if (sink->cookie == 0) {
        (void)sink->entry(sink, &e);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_param params[] = {{.key = NULL}}; /* it takes no arguments */

static smbkit_status slow_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    sigset_t all, before;
    smbkit_status status = smbkit_args_take(args, params, NULL);
    if (status != SMBKIT_STATUS_SUCCESS) {
        return status; /* the user has been told what is wrong */
    }
    struct slow *s = calloc(1, sizeof(*s));
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS;
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->cond, NULL);
    sigfillset(&all); /* signals are the program's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int err = pthread_create(&s->thread, NULL, answers, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        free(s);
        return smbkit_status_from_errno(err);
    }
    *volume_r = s;
    return SMBKIT_STATUS_SUCCESS;
}

/* Every file is closed: no read waits any more. */
static void slow_volume_close(void *volume)
{
    struct slow *s = volume;
    pthread_mutex_lock(&s->lock);
    s->stops = 1;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static const struct smbkit_plugin slow = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "slow",
    .description = "a file that is answered for later",
    .version = "1",
    .volume_open = slow_volume_open,
    .volume_close = slow_volume_close,
    .create = slow_create,
    .close = slow_close,
    .enumerate = slow_enumerate,
    .getattr = slow_getattr,
    .read = slow_read,
};
SMBKIT_REGISTER(slow)
