/* SPDX-License-Identifier: Apache-2.0 */
/* All shares that have something watched for clients, and the thread that takes what is told of it:
 * one for the process, while there are any. */
#include "dir_watch.h"

#include "quiet_thread.h"

#include <pthread.h>

/* Coming and going of eyes, and so of the thread; before all other locks here. */
static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;
static atomic_bool ends;
/* Held while events are taken: no eyes are freed meanwhile. Before the lock of each. */
static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER; /* before the lock of each */
static struct dirfs_eyes *all_eyes;
static atomic_uint all_count; /* relaxed: a hint; who begins to watch meanwhile hears of it twice */

bool dirfs_eyes_any(void)
{
    return atomic_load_explicit(&all_count, memory_order_relaxed) > 0;
}

void dirfs_eyes_each(void (*fn)(struct dirfs_eyes *eyes, void *arg), void *arg)
{
    if (!dirfs_eyes_any()) {
        return;
    }
    pthread_mutex_lock(&all_lock);
    for (struct dirfs_eyes *eyes = all_eyes; eyes; eyes = eyes->next_all) {
        fn(eyes, arg);
    }
    pthread_mutex_unlock(&all_lock);
}

static void list_add(struct dirfs_eyes *eyes)
{
    pthread_mutex_lock(&all_lock);
    eyes->next_all = all_eyes;
    all_eyes = eyes;
    atomic_fetch_add_explicit(&all_count, 1, memory_order_relaxed);
    pthread_mutex_unlock(&all_lock);
}

static void list_remove(struct dirfs_eyes *eyes)
{
    pthread_mutex_lock(&all_lock);
    struct dirfs_eyes **at = &all_eyes;
    while (*at != eyes) {
        at = &(*at)->next_all;
    }
    *at = eyes->next_all;
    atomic_fetch_sub_explicit(&all_count, 1, memory_order_relaxed);
    pthread_mutex_unlock(&all_lock);
}

/* ---- the thread ---- */

static struct dirfs_eyes *next_of(const struct dirfs_eyes *eyes)
{
    pthread_mutex_lock(&all_lock);
    struct dirfs_eyes *next = eyes ? eyes->next_all : all_eyes;
    pthread_mutex_unlock(&all_lock);
    return next;
}

static struct dirfs_taken take_all(void)
{
    struct dirfs_taken taken = {.any = false};
    pthread_mutex_lock(&turn_lock);
    for (struct dirfs_eyes *eyes = next_of(NULL); eyes; eyes = next_of(eyes)) {
        dirfs_eyes_take(eyes, &taken);
    }
    pthread_mutex_unlock(&turn_lock);
    return taken;
}

/* True: there are some to look at again. */
static bool judge_all(void)
{
    bool again = false;
    pthread_mutex_lock(&turn_lock);
    for (struct dirfs_eyes *eyes = next_of(NULL); eyes; eyes = next_of(eyes)) {
        pthread_mutex_lock(&eyes->lock);
        again = dirfs_file_judge(eyes) || again;
        pthread_mutex_unlock(&eyes->lock);
    }
    pthread_mutex_unlock(&turn_lock);
    return again;
}

static bool is_over(void)
{
    return atomic_load_explicit(&ends, memory_order_acquire);
}

/* Where there were only changes of the server's own it looks again after a while, not at once:
 * there will be more of them. */
static void *run(void *arg)
{
    uint64_t judge_ms = 0; /* when to look, by dirfs_now_ms; 0: nothing is to be looked at */
    bool rests = false;
    (void)arg;
    while (!is_over()) {
        uint64_t now = dirfs_now_ms();
        int left = judge_ms == 0 ? -1 : judge_ms > now ? (int)(judge_ms - now) : 0;
        if (left != 0) {
            dirfs_ears_wait(left, !rests);
        }
        if (rests && dirfs_now_ms() < judge_ms) {
            continue;
        }
        if (judge_ms != 0 && dirfs_now_ms() >= judge_ms) {
            judge_ms = judge_all() ? dirfs_now_ms() + DIRFS_JUDGE_MS : 0;
        }
        const struct dirfs_taken taken = take_all();
        rests = taken.any && !taken.others;
        if (judge_ms == 0 && (rests || taken.judges)) {
            judge_ms = dirfs_now_ms() + DIRFS_JUDGE_MS;
        }
    }
    return NULL;
}

static bool thread_start(void)
{
    atomic_store_explicit(&ends, false, memory_order_release);
    return quiet_thread_start(&thread, run, NULL) == 0;
}

bool dirfs_eyes_add(struct dirfs_eyes *eyes)
{
    pthread_mutex_lock(&life_lock);
    bool is_running = dirfs_eyes_any();
    list_add(eyes);
    if (!is_running && !thread_start()) {
        list_remove(eyes);
        eyes = NULL;
    }
    pthread_mutex_unlock(&life_lock);
    return eyes != NULL;
}

void dirfs_eyes_remove(struct dirfs_eyes *eyes)
{
    pthread_mutex_lock(&life_lock);
    list_remove(eyes);
    pthread_mutex_lock(&turn_lock); /* what is being taken is told to the end */
    pthread_mutex_unlock(&turn_lock);
    if (!dirfs_eyes_any()) {
        atomic_store_explicit(&ends, true, memory_order_release);
        dirfs_ears_end_wait();
        (void)pthread_join(thread, NULL);
    }
    pthread_mutex_unlock(&life_lock);
}
