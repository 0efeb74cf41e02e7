/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cache_store.h"

#define SUM_LANES 4u

/* ---- the file ---- */

/* Where the file system makes none without a name. */
static int open_unlinked(const char *folder)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/.smbkit-cache-XXXXXX", folder);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    int fd = mkostemp(path, O_CLOEXEC); /* mode 0600 */
    if (fd >= 0 && unlink(path) != 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd >= 0 ? fd : -errno;
}

static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        return open_unlinked(folder);
    }
    return fd >= 0 ? fd : -errno;
}

int cache_disk_open(struct cache_disk *d, const char *folder, uint64_t size)
{
    uint64_t max = size / CACHE_BLOCK;
    *d = (struct cache_disk){.fd = -1, .max = max < CACHE_NO_SLOT ? (uint32_t)max : CACHE_NO_SLOT};
    d->free = calloc(d->max, sizeof(*d->free));
    d->turns = calloc(d->max, sizeof(*d->turns));
    d->fd = d->free && d->turns ? open_nameless(folder) : -ENOMEM;
    int err = d->fd < 0 ? d->fd : 0;
    if (err != 0) {
        d->fd = -1;
        cache_disk_close(d);
        return err;
    }
    posix_fadvise(d->fd, 0, 0, POSIX_FADV_RANDOM); /* a hint */
    return 0;
}

void cache_disk_close(struct cache_disk *d)
{
    if (d->fd >= 0) {
        close(d->fd);
    }
    free(d->free);
    free(d->turns);
    *d = (struct cache_disk){.fd = -1};
}

/* ---- slots ---- */

uint32_t cache_disk_take(struct cache_disk *d)
{
    uint32_t slot = CACHE_NO_SLOT;
    if (d->free_count > 0) {
        slot = d->free[--d->free_count];
    } else if (d->fresh < d->max) {
        slot = d->fresh++;
    }
    if (slot != CACHE_NO_SLOT) {
        d->turns[slot]++;
    }
    return slot;
}

void cache_disk_give(struct cache_disk *d, uint32_t slot)
{
    d->free[d->free_count++] = slot;
}

void cache_disk_bound(struct cache_disk *d, uint32_t slot)
{
    if (slot + 1 == d->fresh) {
        d->fresh--; /* it was never written */
    } else {
        cache_disk_give(d, slot);
    }
    d->max = d->fresh;
}

/* ---- data ---- */

/* Four sums side by side, each as a multiplicative hash: a word that differs always shows. */
uint64_t cache_disk_sum(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t lanes[SUM_LANES] = {1, 2, 3, len};
    uint64_t words[SUM_LANES];
    for (; len > 0; p += sizeof(words)) {
        size_t part = len < sizeof(words) ? len : sizeof(words);
        memset(words, 0, sizeof(words));
        memcpy(words, p, part);
        for (unsigned i = 0; i < SUM_LANES; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * 0x9e3779b97f4a7c15u;
            lanes[i] ^= lanes[i] >> 32;
        }
        len -= part;
    }
    uint64_t sum = 0;
    for (unsigned i = 0; i < SUM_LANES; i++) {
        sum = (sum ^ lanes[i]) * 0xd6e8feb86659fd93u;
        sum ^= sum >> 32;
    }
    return sum;
}

static int read_some(int fd, const struct iovec *iov, off_t at, bool nowait)
{
    ssize_t n = preadv2(fd, iov, 1, at, nowait ? RWF_NOWAIT : 0);
    if (n > 0) {
        return (int)n;
    }
    if (n == 0) {
        return -EBADMSG; /* the file is shorter than what was written */
    }
    return nowait && (errno == EOPNOTSUPP || errno == ENOSYS) ? -EAGAIN : -errno;
}

int cache_disk_read(const struct cache_disk *d, const struct cache_spot *at, void *data, size_t len,
                    bool nowait)
{
    size_t done = 0;
    while (done < len) {
        struct iovec iov = {(uint8_t *)data + done, len - done};
        int n = read_some(d->fd, &iov, (off_t)at->slot * CACHE_BLOCK + (off_t)done, nowait);
        if (n < 0 && n != -EINTR) {
            return n;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return cache_disk_sum(data, len) == at->sum ? 0 : -EBADMSG;
}

int cache_disk_write(const struct cache_disk *d, uint32_t slot, const void *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(d->fd, (const uint8_t *)data + done, len - done,
                           (off_t)slot * CACHE_BLOCK + (off_t)done);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}
