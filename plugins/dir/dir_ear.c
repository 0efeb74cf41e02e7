/* SPDX-License-Identifier: Apache-2.0 */
/* One inotify instance, many listeners. Whoever reads takes all that the kernel has, and puts what
 * is for others into their queues: an event is there before the call that made the change has
 * returned, for each of them. A watch is the kernel's for all who want it, and has what any of them
 * asks for; each is given what it asked for itself.
 *
 * What nobody takes does not grow without bound: an ear whose queue is full has lost events, as one
 * whose kernel's queue was. */
#include "dir_ear.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define BUCKETS 4096u
#define READ_BYTES 16384u
#define QUEUE_MAX (1u << 20) /* bytes; about as many events as the kernel keeps (16,384) */
#define EVENT_MAX (sizeof(struct inotify_event) + NAME_MAX + 1)

/* What one ear wants of a watch. */
struct wish {
    struct wish *next;
    struct dirfs_ear *ear;
    uint32_t mask;
};

struct watch {
    struct watch *next; /* in its bucket */
    int wd;
    struct wish *wishes;
};

struct dirfs_ear {
    struct dirfs_ear *next;
    bool wakes;
    bool has_lost;  /* more came than it had room for */
    uint8_t *queue; /* len bytes from at on */
    size_t cap;
    size_t at;
    size_t len;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf; of all below, and of ears */
static struct {
    int fd;   /* of inotify; open while there are ears */
    int kick; /* likewise: an eventfd */
    struct dirfs_ear *ears;
    struct watch *watches[BUCKETS];
} all;

/* ---- queues ---- */

static void push(struct dirfs_ear *ear, const struct inotify_event *event)
{
    size_t size = sizeof(*event) + event->len;
    if (ear->at > 0 && ear->at + ear->len + size > ear->cap) {
        memmove(ear->queue, ear->queue + ear->at, ear->len);
        ear->at = 0;
    }
    if (ear->len + size > ear->cap) {
        size_t cap = ear->cap * 2 + READ_BYTES;
        uint8_t *more = cap <= QUEUE_MAX ? realloc(ear->queue, cap) : NULL;
        if (!more) {
            ear->has_lost = true;
            ear->len = 0;
            ear->at = 0;
            return;
        }
        ear->queue = more;
        ear->cap = cap;
    }
    memcpy(ear->queue + ear->at + ear->len, event, size);
    ear->len += size;
}

static size_t pop(struct dirfs_ear *ear, uint8_t *buf, size_t cap)
{
    const struct inotify_event lost = {.wd = -1, .mask = IN_Q_OVERFLOW};
    size_t done = 0;
    if (ear->has_lost && cap >= sizeof(lost)) {
        memcpy(buf, &lost, sizeof(lost));
        done = sizeof(lost);
        ear->has_lost = false;
    }
    while (ear->len > 0) {
        struct inotify_event event;
        memcpy(&event, ear->queue + ear->at, sizeof(event));
        size_t size = sizeof(event) + event.len;
        if (done + size > cap) {
            break;
        }
        memcpy(buf + done, ear->queue + ear->at, size);
        done += size;
        ear->at += size;
        ear->len -= size;
    }
    ear->at = ear->len > 0 ? ear->at : 0;
    return done;
}

/* ---- watches ---- */

static struct watch **watch_of(int wd)
{
    struct watch **at = &all.watches[(unsigned)wd % BUCKETS];
    while (*at && (*at)->wd != wd) {
        at = &(*at)->next;
    }
    return at;
}

static struct wish **wish_of(struct watch *watch, const struct dirfs_ear *ear)
{
    struct wish **at = &watch->wishes;
    while (*at && (*at)->ear != ear) {
        at = &(*at)->next;
    }
    return at;
}

/* Without wishes. */
static void watch_drop(struct watch **at)
{
    struct watch *watch = *at;
    *at = watch->next;
    free(watch);
}

static void give(const struct inotify_event *event)
{
    const uint32_t always = IN_IGNORED | IN_UNMOUNT;
    struct watch **at = watch_of(event->wd);
    struct watch *watch = *at;
    if (event->mask & IN_Q_OVERFLOW) {
        for (struct dirfs_ear *ear = all.ears; ear; ear = ear->next) {
            push(ear, event);
        }
    }
    for (struct wish *wish = watch ? watch->wishes : NULL, *next; wish; wish = next) {
        next = wish->next;
        if (event->mask & ((wish->mask & IN_ALL_EVENTS) | always)) {
            push(wish->ear, event);
        }
        if (event->mask & IN_IGNORED) {
            free(wish);
        }
    }
    if (watch && (event->mask & IN_IGNORED)) {
        watch_drop(at);
    }
}

/* All that the kernel has. False: it does not say. */
static bool take(void)
{
    _Alignas(struct inotify_event) char buf[READ_BYTES];
    ssize_t n = 0;
    bool is_full = true; /* else nothing was left */
    while (is_full && (n = read(all.fd, buf, sizeof(buf))) > 0) {
        is_full = sizeof(buf) - (size_t)n < EVENT_MAX;
        for (const char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            give(event);
            at += sizeof(*event) + event->len;
        }
    }
    return n > 0 || errno == EAGAIN;
}

static bool has_woken(void)
{
    for (const struct dirfs_ear *ear = all.ears; ear; ear = ear->next) {
        if (ear->wakes && (ear->len > 0 || ear->has_lost)) {
            return true;
        }
    }
    return false;
}

static void kick(void)
{
    const uint64_t one = 1;
    (void)!write(all.kick, &one, sizeof(one)); /* EAGAIN: kicked already */
}

/* ---- ears ---- */

static bool instance_open(void)
{
    if (all.ears) {
        return true;
    }
    all.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    all.kick = all.fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (all.kick < 0 && all.fd >= 0) {
        close(all.fd);
    }
    return all.kick >= 0;
}

struct dirfs_ear *dirfs_ear_new(bool wakes)
{
    struct dirfs_ear *ear = calloc(1, sizeof(*ear));
    if (!ear) {
        return NULL;
    }
    ear->wakes = wakes;
    pthread_mutex_lock(&lock);
    bool is_open = instance_open();
    if (is_open) {
        ear->next = all.ears;
        all.ears = ear;
    }
    pthread_mutex_unlock(&lock);
    if (!is_open) {
        free(ear);
    }
    return is_open ? ear : NULL;
}

static void unwish(struct watch **at, const struct dirfs_ear *ear)
{
    struct wish **wish = wish_of(*at, ear);
    struct wish *gone = *wish;
    if (!gone) {
        return;
    }
    *wish = gone->next;
    free(gone);
    if (!(*at)->wishes) {
        (void)inotify_rm_watch(all.fd, (*at)->wd);
        watch_drop(at);
    }
}

void dirfs_ear_remove(struct dirfs_ear *ear, int wd)
{
    pthread_mutex_lock(&lock);
    struct watch **at = watch_of(wd);
    if (*at) {
        unwish(at, ear);
    }
    pthread_mutex_unlock(&lock);
}

void dirfs_ear_free(struct dirfs_ear *ear)
{
    if (!ear) {
        return;
    }
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct watch **at = &all.watches[i]; *at;) {
            const struct watch *watch = *at;
            unwish(at, ear);
            at = *at == watch ? &(*at)->next : at;
        }
    }
    struct dirfs_ear **at = &all.ears;
    while (*at != ear) {
        at = &(*at)->next;
    }
    *at = ear->next;
    if (!all.ears) {
        close(all.fd);
        close(all.kick);
    }
    pthread_mutex_unlock(&lock);
    free(ear->queue);
    free(ear);
}

/* 0 or -errno. */
static int wish_for(struct dirfs_ear *ear, int wd, uint32_t mask)
{
    struct watch **at = watch_of(wd);
    struct wish *wish = *at ? *wish_of(*at, ear) : NULL;
    if (wish) {
        wish->mask |= mask;
        return 0;
    }
    if (*at) {
        (void)take(); /* what was done before is for the others */
        at = watch_of(wd);
    }
    struct watch *watch = *at ? *at : calloc(1, sizeof(*watch));
    wish = calloc(1, sizeof(*wish));
    if (!watch || !wish) {
        free(*at ? NULL : watch);
        free(wish);
        return -ENOMEM;
    }
    if (!*at) {
        watch->wd = wd;
        *at = watch;
    }
    wish->ear = ear;
    wish->mask = mask;
    wish->next = watch->wishes;
    watch->wishes = wish;
    return 0;
}

int dirfs_ear_add(struct dirfs_ear *ear, const char *path, uint32_t mask)
{
    pthread_mutex_lock(&lock);
    bool had_woken = has_woken();
    int wd = inotify_add_watch(all.fd, path, mask | IN_MASK_ADD);
    int err = wd < 0 ? -errno : wish_for(ear, wd, mask);
    if (!had_woken && has_woken()) {
        kick(); /* who sleeps would see nothing more in the kernel's queue */
    }
    pthread_mutex_unlock(&lock);
    return err ? err : wd;
}

ssize_t dirfs_ear_read(struct dirfs_ear *ear, void *buf, size_t cap)
{
    pthread_mutex_lock(&lock);
    bool had_woken = has_woken();
    bool is_known = take();
    ssize_t n = (ssize_t)pop(ear, buf, cap);
    if (!ear->wakes && !had_woken && has_woken()) {
        kick();
    }
    pthread_mutex_unlock(&lock);
    return is_known || n > 0 ? n : -1;
}

void dirfs_ears_wait(int ms, bool for_events)
{
    uint64_t kicks;
    pthread_mutex_lock(&lock);
    struct pollfd fds[2] = {{.fd = all.kick, .events = POLLIN}, {.fd = all.fd, .events = POLLIN}};
    bool is_there = for_events && has_woken();
    pthread_mutex_unlock(&lock);
    if (!is_there && poll(fds, for_events ? 2 : 1, ms) > 0 && fds[0].revents) {
        (void)!read(fds[0].fd, &kicks, sizeof(kicks));
    }
}

void dirfs_ears_end_wait(void)
{
    pthread_mutex_lock(&lock);
    kick();
    pthread_mutex_unlock(&lock);
}
