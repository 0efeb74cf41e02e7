/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of MEMFS_CHUNK bytes, which go back to the system one by one.
 *
 * They lie in a file in memory that is mapped as well. Data that is moved for the first time goes
 * by the file, since a page that is mapped costs more than to copy it: a fault, and to be zeroed
 * before it is written; on a virtual machine many times as much. What is moved often goes by the
 * mapping, without a system call. */
#include "mem_priv.h"

#include <string.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

#if defined(_WIN32)

void memfs_slabs_init(struct memfs_volume *vol)
{
    pthread_mutex_init(&vol->slab_lock, NULL);
}

void memfs_slabs_fini(struct memfs_volume *vol)
{
    pthread_mutex_destroy(&vol->slab_lock);
}

/* VirtualAlloc deals in 64 KiB already. */
uint8_t *memfs_slot_new(struct memfs_volume *vol)
{
    (void)vol;
    return VirtualAlloc(NULL, MEMFS_CHUNK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void memfs_slot_free(struct memfs_volume *vol, uint8_t *slot)
{
    (void)vol;
    VirtualFree(slot, 0, MEM_RELEASE);
}

bool memfs_slot_read(struct memfs_volume *vol, const uint8_t *p, uint8_t *to, uint32_t len)
{
    (void)vol, (void)p, (void)to, (void)len;
    return false;
}

bool memfs_slot_write(struct memfs_volume *vol, const uint8_t *p, const uint8_t *from, uint32_t len)
{
    (void)vol, (void)p, (void)from, (void)len;
    return false;
}

#else

#define SLAB_SLOTS 64u
#define SLAB_BYTES ((size_t)SLAB_SLOTS * MEMFS_CHUNK)
/* All slots are free but the first, which holds struct memfs_slab. */
#define SLAB_EMPTY (~(uint64_t)1)
#define NOT_IN_FILE UINT64_MAX

/* At the start of a mapping that is aligned to its own size, so that a slot finds its slab. */
struct memfs_slab {
    uint64_t file_at; /* immutable: where it lies in vol->slab_file, or NOT_IN_FILE */
    /* guarded by slab_lock */
    uint64_t free;           /* bit n: slot n is free, and zeroed */
    struct memfs_slab *next; /* with a free slot */
    struct memfs_slab *prev;
};

static struct memfs_slab *slab_of(const uint8_t *p)
{
    return (struct memfs_slab *)((uintptr_t)p & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* -1: there is none, and all memory is anonymous. */
static int file_new(void)
{
    int fd = -1;
#if defined(MFD_CLOEXEC)
    struct rlimit limit; /* places in it are never used again: it would come to any limit */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
        fd = memfd_create("smbkit-mem", MFD_CLOEXEC);
    }
#endif
    return fd;
}

void memfs_slabs_init(struct memfs_volume *vol)
{
    pthread_mutex_init(&vol->slab_lock, NULL);
    vol->slab_file = file_new();
}

/* SLAB_BYTES of address space, aligned to as many. */
static void *reserve(void)
{
    uint8_t *p = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    uint8_t *start = (uint8_t *)slab_of(p + SLAB_BYTES - 1);
    if (start > p) {
        munmap(p, (size_t)(start - p));
    }
    munmap(start + SLAB_BYTES, (size_t)(p + SLAB_BYTES - start));
    return start;
}

/* Map the file's next part at p. Under slab_lock. */
static uint64_t map_file(struct memfs_volume *vol, void *p)
{
    uint64_t at = vol->slab_file_end;
    if (vol->slab_file < 0 || ftruncate(vol->slab_file, (off_t)(at + SLAB_BYTES)) != 0 ||
        mmap(p, SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
             vol->slab_file, (off_t)at) == MAP_FAILED) {
        return NOT_IN_FILE;
    }
    vol->slab_file_end = at + SLAB_BYTES;
    return at;
}

/* Under slab_lock. */
static struct memfs_slab *slab_new(struct memfs_volume *vol)
{
    struct memfs_slab *slab = reserve();
    if (slab) {
        uint64_t at = map_file(vol, slab);
        *slab = (struct memfs_slab){.file_at = at, .free = SLAB_EMPTY};
    }
    return slab;
}

static bool drop_pages(const struct memfs_slab *slab, void *p, size_t len)
{
    return madvise(p, len, slab->file_at == NOT_IN_FILE ? MADV_DONTNEED : MADV_REMOVE) == 0;
}

static void slab_free(struct memfs_slab *slab)
{
    (void)drop_pages(slab, slab, SLAB_BYTES); /* the file would keep them */
    munmap(slab, SLAB_BYTES);
}

static void list_add(struct memfs_volume *vol, struct memfs_slab *slab)
{
    slab->prev = NULL;
    slab->next = vol->slabs;
    if (slab->next) {
        slab->next->prev = slab;
    }
    vol->slabs = slab;
}

static void list_remove(struct memfs_volume *vol, struct memfs_slab *slab)
{
    if (slab->next) {
        slab->next->prev = slab->prev;
    }
    if (slab->prev) {
        slab->prev->next = slab->next;
    } else {
        vol->slabs = slab->next;
    }
}

void memfs_slabs_fini(struct memfs_volume *vol)
{
    while (vol->slabs) {
        struct memfs_slab *slab = vol->slabs;
        list_remove(vol, slab);
        slab_free(slab);
    }
    if (vol->slab_file >= 0) {
        close(vol->slab_file);
    }
    pthread_mutex_destroy(&vol->slab_lock);
}

uint8_t *memfs_slot_new(struct memfs_volume *vol)
{
    uint8_t *slot = NULL;
    pthread_mutex_lock(&vol->slab_lock);
    if (!vol->slabs) {
        struct memfs_slab *slab = slab_new(vol);
        if (slab) {
            list_add(vol, slab);
        }
    }
    struct memfs_slab *slab = vol->slabs;
    if (slab) {
        int n = __builtin_ctzll(slab->free);
        slot = (uint8_t *)slab + (size_t)n * MEMFS_CHUNK;
        slab->free &= ~((uint64_t)1 << n);
        if (slab->free == 0) {
            list_remove(vol, slab);
        }
    }
    pthread_mutex_unlock(&vol->slab_lock);
    return slot;
}

void memfs_slot_free(struct memfs_volume *vol, uint8_t *slot)
{
    struct memfs_slab *slab = slab_of(slot);
    uint32_t n = (uint32_t)((size_t)(slot - (uint8_t *)slab) / MEMFS_CHUNK);
    if (!drop_pages(slab, slot, MEMFS_CHUNK)) {
        memset(slot, 0, MEMFS_CHUNK); /* the next user counts on zeroes */
    }
    pthread_mutex_lock(&vol->slab_lock);
    if (slab->free == 0) {
        list_add(vol, slab);
    }
    slab->free |= (uint64_t)1 << n;
    bool is_empty = slab->free == SLAB_EMPTY;
    if (is_empty) {
        list_remove(vol, slab);
    }
    pthread_mutex_unlock(&vol->slab_lock);
    if (is_empty) {
        slab_free(slab);
    }
}

/* -1: p does not lie in the file. */
static off_t file_place(const uint8_t *p)
{
    const struct memfs_slab *slab = slab_of(p);
    return slab->file_at == NOT_IN_FILE ? -1 : (off_t)slab->file_at + (p - (const uint8_t *)slab);
}

bool memfs_slot_read(struct memfs_volume *vol, const uint8_t *p, uint8_t *to, uint32_t len)
{
    off_t at = file_place(p);
    return at >= 0 && pread(vol->slab_file, to, len, at) == (ssize_t)len;
}

bool memfs_slot_write(struct memfs_volume *vol, const uint8_t *p, const uint8_t *from, uint32_t len)
{
    off_t at = file_place(p);
    return at >= 0 && pwrite(vol->slab_file, from, len, at) == (ssize_t)len;
}

#endif
