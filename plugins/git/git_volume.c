/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of libgit2, and a thread that sees when references have moved: then clients are told. */
#include "git_priv.h"

#include "moment.h"
#include "quiet_thread.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 1000u /* how often references are looked at, */
#define REST 100u     /* and how many times as long as that takes is waited at least */

/* ---- handles ---- */

smbkit_status gitfs_repo_take(struct gitfs_volume *v, const struct smbkit_op *op,
                              git_repository **repo_r)
{
    git_repository *repo = NULL;
    pthread_mutex_lock(&v->lock);
    while (v->idle_count == 0 && v->repo_count == GITFS_REPOS_MAX) {
        if (smbkit_op_is_cancelled(op)) {
            pthread_mutex_unlock(&v->lock);
            return SMBKIT_STATUS_CANCELLED;
        }
        moment_wait(&v->changed, &v->lock, MOMENT_NS);
    }
    if (v->idle_count > 0) {
        repo = v->idle[--v->idle_count];
    } else {
        v->repo_count++;
    }
    pthread_mutex_unlock(&v->lock);
    if (!repo && git_repository_open(&repo, v->path) != 0) {
        gitfs_failed(v->path);
        repo = NULL;
        pthread_mutex_lock(&v->lock);
        v->repo_count--;
        pthread_cond_broadcast(&v->changed);
        pthread_mutex_unlock(&v->lock);
    }
    *repo_r = repo;
    return repo ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_DATA_ERROR;
}

void gitfs_repo_give(struct gitfs_volume *v, git_repository *repo)
{
    pthread_mutex_lock(&v->lock);
    v->idle[v->idle_count++] = repo;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
}

/* ---- watching ---- */

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

/* One number for what all references are. Their order does not count. */
static uint64_t refs_now(git_repository *repo)
{
    git_reference_iterator *it = NULL;
    git_reference *ref = NULL;
    git_oid id;
    uint64_t sum = 1;
    if (git_reference_iterator_new(&it, repo) != 0) {
        return 0;
    }
    while (git_reference_next(&ref, it) == 0) {
        const git_oid *to = git_reference_target(ref);
        const char *name = git_reference_name(ref);
        uint64_t h = mix(0xcbf29ce484222325u, name, strlen(name));
        sum += to ? mix(h, to->id, sizeof(to->id)) : h;
        git_reference_free(ref);
    }
    git_reference_iterator_free(it);
    if (git_reference_name_to_id(&id, repo, "HEAD") == 0) {
        sum += mix(0x84222325cbf29ce4u, id.id, sizeof(id.id));
    }
    return sum;
}

/* The paths of what is open, malloc; the last one NULL. */
static char **paths_open(struct gitfs_volume *v)
{
    size_t count = 0;
    size_t n = 0;
    pthread_mutex_lock(&v->lock);
    for (struct gitfs_file *f = v->files; f; f = f->next) {
        count++;
    }
    char **paths = calloc(count + 1, sizeof(*paths));
    for (struct gitfs_file *f = v->files; f && paths; f = f->next) {
        if (f->spot.kind == GITFS_BLOB) {
            paths[n] = strdup(f->path);
            n += paths[n] != NULL;
        }
    }
    pthread_mutex_unlock(&v->lock);
    return paths;
}

/* Everybody looks again, and nobody goes on with what he has cached. */
static void tell(struct gitfs_volume *v)
{
    struct smbkit_event all = {
        .struct_size = sizeof(all), .what = SMBKIT_CHANGE_OVERFLOW, .path = ""};
    smbkit_tell(v->host, &all);
    char **paths = paths_open(v);
    for (char **p = paths; p && *p; p++) {
        struct smbkit_event one = {.struct_size = sizeof(one),
                                   .what = SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE |
                                           SMBKIT_CHANGED_LAST_WRITE,
                                   .path = *p,
                                   .flags = SMBKIT_EVENT_DATA | SMBKIT_EVENT_METADATA};
        smbkit_tell(v->host, &one);
        free(*p);
    }
    free(paths);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* 0: the end. */
static int rest(struct gitfs_volume *v, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(ms / 1000u);
    until.tv_nsec += (long)(ms % 1000u) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&v->lock);
    int r = 0;
    while (!v->is_ending && r == 0) {
        r = pthread_cond_timedwait(&v->changed, &v->lock, &until);
    }
    int goes_on = !v->is_ending;
    pthread_mutex_unlock(&v->lock);
    return goes_on;
}

static void *watcher_main(void *arg)
{
    struct gitfs_volume *v = arg;
    uint64_t last = v->refs_at_first;
    uint64_t ms = LOOK_MS;
    while (rest(v, ms)) {
        uint64_t began = now_ms();
        uint64_t refs = refs_now(v->watched);
        if (last && refs && refs != last) {
            tell(v);
        }
        last = refs ? refs : last;
        ms = (now_ms() - began) * REST;
        ms = ms < LOOK_MS ? LOOK_MS : ms;
    }
    return NULL;
}

smbkit_status gitfs_volume_start(struct gitfs_volume *v, git_repository *repo)
{
    v->watched = repo;
    v->refs_at_first = refs_now(repo); /* nobody has seen anything before */
    v->has_watcher = quiet_thread_start(&v->watcher, watcher_main, v) == 0;
    return v->has_watcher ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

void gitfs_volume_stop(struct gitfs_volume *v)
{
    pthread_mutex_lock(&v->lock);
    v->is_ending = 1;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
    if (v->has_watcher) {
        pthread_join(v->watcher, NULL);
    }
    git_repository_free(v->watched);
    while (v->idle_count > 0) {
        git_repository_free(v->idle[--v->idle_count]);
    }
}
