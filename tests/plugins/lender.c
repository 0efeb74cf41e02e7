/* SPDX-License-Identifier: Apache-2.0 */
/* lender: a filter that grants a part of the caching that clients ask for, and takes it back by
 * command, from a thread of its own.
 *
 *   grant N    what it grants from now on, SMBKIT_CACHE_*; 7
 *   break N    all that was granted goes down to that; answers how many had something
 *   told       what cache_ack told since it was last asked: "KEPT;" of each */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smbkit/filter.h>

#define HELD_MAX 64u
#define TOLD_MAX 256u

struct held {
    void *file;
    uint64_t key; /* 0: free */
};

struct lender {
    struct smbkit_next *next;
    struct smbkit_host *host;
    atomic_uint grants;

    pthread_mutex_t lock; /* guards what follows */
    struct held held[HELD_MAX];
    char told[TOLD_MAX];
};

static void hold(struct lender *l, void *file, uint64_t key)
{
    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (!l->held[i].key) {
            l->held[i] = (struct held){file, key};
            break;
        }
    }
    pthread_mutex_unlock(&l->lock);
}

static smbkit_status lender_cache_request(void *volume, struct smbkit_op *op, void *file,
                                          struct smbkit_cache *a)
{
    struct lender *l = volume;
    smbkit_status st = smbkit_next_cache_request(l->next, op, file, a);
    if (SMBKIT_OK(st)) {
        a->state &= atomic_load(&l->grants);
        hold(l, file, a->key);
    }
    return st;
}

static smbkit_status lender_cache_ack(void *volume, struct smbkit_op *op, void *file,
                                      const struct smbkit_cache *a)
{
    struct lender *l = volume;
    pthread_mutex_lock(&l->lock);
    size_t len = strlen(l->told);
    snprintf(l->told + len, sizeof(l->told) - len, "%u;", a->state);
    pthread_mutex_unlock(&l->lock);
    return smbkit_next_cache_ack(l->next, op, file, a);
}

static smbkit_status lender_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    return smbkit_next_create(((struct lender *)volume)->next, op, a);
}

static void lender_close(void *volume, struct smbkit_op *op, void *file)
{
    struct lender *l = volume;
    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (l->held[i].file == file) {
            l->held[i] = (struct held){NULL, 0};
        }
    }
    pthread_mutex_unlock(&l->lock);
    smbkit_next_close(l->next, op, file);
}

/* ---- commands ---- */

struct taking {
    struct lender *l;
    uint32_t to;
    unsigned found;
};

/* With the lock that cache_ack takes. */
static void *take_all(void *arg)
{
    struct taking *t = arg;
    struct lender *l = t->l;
    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (l->held[i].key && SMBKIT_OK(smbkit_cache_break(l->host, l->held[i].key, t->to))) {
            t->found++;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static unsigned take_back(struct lender *l, uint32_t to)
{
    struct taking t = {l, to, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, take_all, &t) == 0) {
        pthread_join(thread, NULL);
    }
    return t.found;
}

static void say(struct smbkit_control *a, const char *text)
{
    snprintf((char *)a->text.base, a->text.cap, "%s", text);
    a->text.len = (uint32_t)strlen(text) + 1;
}

static smbkit_status lender_control(void *volume, struct smbkit_op *op, struct smbkit_control *a)
{
    struct lender *l = volume;
    char text[TOLD_MAX] = "";
    if (strncmp(a->command, "grant ", 6) == 0) {
        atomic_store(&l->grants, (unsigned)strtoul(a->command + 6, NULL, 10));
    } else if (strncmp(a->command, "break ", 6) == 0) {
        uint32_t to = (uint32_t)strtoul(a->command + 6, NULL, 10);
        snprintf(text, sizeof(text), "%u", take_back(l, to));
    } else if (strcmp(a->command, "told") == 0) {
        pthread_mutex_lock(&l->lock);
        snprintf(text, sizeof(text), "%s", l->told);
        l->told[0] = '\0';
        pthread_mutex_unlock(&l->lock);
    } else {
        return smbkit_next_control(l->next, op, a);
    }
    say(a, text);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the volume ---- */

static smbkit_status lender_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    static const struct smbkit_param none[] = {{.key = NULL}};
    struct lender *l = calloc(1, sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = smbkit_args_take(args, none, l);
    if (!SMBKIT_OK(st)) {
        free(l);
        return st;
    }
    l->next = args->next;
    l->host = args->host;
    atomic_init(&l->grants, 7);
    pthread_mutex_init(&l->lock, NULL);
    *volume_r = l;
    return SMBKIT_STATUS_SUCCESS;
}

static void lender_volume_close(void *volume)
{
    struct lender *l = volume;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static const struct smbkit_plugin lender_filter = {.struct_size = sizeof(struct smbkit_plugin),
                                                   .api_version = SMBKIT_FILTER_VERSION,
                                                   .thread_model = SMBKIT_PARALLEL,
                                                   .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING |
                                                            SMBKIT_SEES_SEGMENTS,
                                                   .name = "lender",
                                                   .description = "takes caching back, for tests",
                                                   .version = "1",
                                                   .volume_open = lender_volume_open,
                                                   .volume_close = lender_volume_close,
                                                   .create = lender_create,
                                                   .close = lender_close,
                                                   .cache_request = lender_cache_request,
                                                   .cache_ack = lender_cache_ack,
                                                   .control = lender_control};

SMBKIT_REGISTER(lender_filter)
