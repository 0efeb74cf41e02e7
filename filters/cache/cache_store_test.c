/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 200u

static const struct cache_key one = {1, 2, 3};
static const struct cache_key two = {1, 2, 4};
static uint8_t out[3 * CACHE_BLOCK];

/* A block that begins with that byte, and differs from others all over. */
static void put(struct cache_store *s, struct cache_node *n, uint64_t index, uint32_t len)
{
    struct cache_bytes *b = cache_bytes_new(NULL, len);
    REQUIRE(b);
    for (uint32_t i = 0; i < len; i++) {
        b->at[i] = (uint8_t)(index * 7 + i * (index + 1));
    }
    pthread_mutex_lock(&s->lock);
    cache_put(s, n, index, b);
    pthread_mutex_unlock(&s->lock);
    cache_bytes_unref(b);
}

/* How many bytes a read of memory alone gives; -1: none, -2: there are some on disk. */
static long get(struct cache_store *s, struct cache_node *n, uint64_t offset, uint32_t length)
{
    struct cache_piece pieces[CACHE_PIECES_MAX];
    const struct cache_want want = {offset, length};
    pthread_mutex_lock(&s->lock);
    unsigned count = cache_take(s, n, &want, pieces);
    pthread_mutex_unlock(&s->lock);
    bool is_of_memory = true;
    for (unsigned i = 0; i < count; i++) {
        is_of_memory &= pieces[i].bytes != NULL;
    }
    long done = count > 0 && is_of_memory ? (long)cache_copy(pieces, count, &want, out) : 0;
    for (unsigned i = 0; i < count; i++) {
        cache_bytes_unref(pieces[i].bytes);
    }
    return count == 0 ? -1 : is_of_memory ? done : -2;
}

static void test_bound(void)
{
    struct cache_store s;
    REQUIRE(cache_store_init(&s, 2 * CACHE_BLOCK + 1024, 0, true));
    struct cache_node *a = cache_open(&s, &one);
    struct cache_node *b = cache_open(&s, &two);
    REQUIRE(a && b && a != b && cache_open(&s, &one) == a);
    cache_close(&s, a);
    put(&s, a, 0, CACHE_BLOCK);
    put(&s, a, 1, CACHE_BLOCK);
    CHECK_INT(get(&s, a, CACHE_BLOCK, 1), 1);
    CHECK_INT(out[0], 7);
    CHECK_INT(get(&s, a, CACHE_BLOCK - 1, 2), 2);
    CHECK_INT(out[1], 7);
    CHECK_INT(get(&s, a, 0, 1), 1); /* the other is older now */
    put(&s, b, 0, 10);
    put(&s, b, 1, CACHE_BLOCK);
    CHECK(s.bytes <= s.max);
    CHECK_INT(get(&s, a, CACHE_BLOCK, 1), -1);
    CHECK_INT(get(&s, b, 4, 100), 6);
    CHECK_INT(get(&s, b, 10, 100), 0);
    CHECK_INT(get(&s, b, UINT64_MAX, 2), -1);
    CHECK_INT(get(&s, b, 0, 0), -1);
    cache_close(&s, a);
    cache_close(&s, b);
    cache_store_fini(&s);
}

/* However many files, each with a block; nodes of files that are closed go with their last one. */
static void test_many_files(void)
{
    struct cache_store s;
    REQUIRE(cache_store_init(&s, 1u << 20, 0, true));
    for (uint64_t i = 0; i < 2000; i++) {
        const struct cache_key key = {1, i + 1, 0};
        struct cache_node *n = cache_open(&s, &key);
        REQUIRE(n);
        put(&s, n, i * 1000, i % 3 ? 100 : CACHE_BLOCK);
        cache_close(&s, n);
        CHECK(s.bytes <= s.max);
    }
    unsigned nodes = 0;
    for (uint32_t i = 0; i < s.slot_count; i++) {
        for (const struct cache_node *n = s.nodes[i]; n; n = n->next) {
            nodes++;
        }
    }
    CHECK_INT(nodes, s.count);
    cache_drop_all(&s);
    CHECK(s.bytes == 0 && s.count == 0);
    cache_store_fini(&s);
}

static void test_stamps(void)
{
    struct cache_store s;
    static const struct cache_stamp others[] = {
        {2, 1, 1, 1}, {1, 2, 1, 1}, {1, 1, 2, 1}, {1, 1, 1, 2}};
    const struct cache_stamp same = {1, 1, 1, 1};
    REQUIRE(cache_store_init(&s, 1u << 20, 0, false));
    struct cache_node *n = cache_open(&s, &one);
    REQUIRE(n);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cache_stamp_set(&s, n, &same, 1);
        put(&s, n, 0, 10);
        uint64_t turn = n->turn;
        cache_stamp_set(&s, n, &same, 2);
        CHECK(get(&s, n, 0, 10) == 10 && n->turn == turn);
        cache_stamp_set(&s, n, &others[i], 3);
        CHECK(get(&s, n, 0, 10) == -1 && n->turn != turn);
    }
    put(&s, n, 0, 10);
    cache_close(&s, n);
    CHECK_INT(s.count, 0);
    cache_store_fini(&s);
}

/* ---- the disk ---- */

static char folder[] = "/tmp/smbkit-cache-XXXXXX";

/* Memory for two blocks, a file for disk of them. */
static struct cache_node *begin(struct cache_store *s, uint64_t disk)
{
    CHECK(cache_store_init(s, 3 * CACHE_BLOCK, disk * CACHE_BLOCK, true));
    CHECK_INT(cache_store_disk(s, folder, disk * CACHE_BLOCK), 0);
    return cache_open(s, &one);
}

static void end(struct cache_store *s, struct cache_node *n)
{
    pthread_mutex_lock(&s->lock);
    cache_close(s, n);
    pthread_mutex_unlock(&s->lock);
    cache_store_fini(s);
}

/* What the file has of it: 0, as from cache_disk_read, or -1: it is not on disk alone. */
static int disk_read(struct cache_store *s, struct cache_node *n, uint64_t index, bool promotes)
{
    struct cache_piece p;
    const struct cache_want want = {index * CACHE_BLOCK, 1};
    pthread_mutex_lock(&s->lock);
    unsigned count = cache_take(s, n, &want, &p);
    pthread_mutex_unlock(&s->lock);
    if (count == 0 || p.bytes) {
        cache_bytes_unref(count ? p.bytes : NULL);
        return -1;
    }
    struct cache_bytes *b = cache_bytes_new(NULL, p.len);
    int err = cache_disk_read(&s->disk, &p.spot, b->at, p.len, false);
    if (err == 0) {
        CHECK_INT(b->at[1], (uint8_t)(index * 7 + index + 1));
    }
    pthread_mutex_lock(&s->lock);
    CHECK(cache_disk_is(s, &p.spot));
    if (promotes) {
        cache_promote(s, n, &p, b);
    }
    pthread_mutex_unlock(&s->lock);
    cache_bytes_unref(b);
    return err;
}

static void put_many(struct cache_store *s, struct cache_node *n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        put(s, n, i, CACHE_BLOCK);
        cache_store_rest(s);
        CHECK(s->bytes <= s->max);
    }
}

static void test_disk(void)
{
    struct cache_store s;
    struct cache_node *n = begin(&s, MANY);
    put_many(&s, n, 20);
    CHECK_INT(s.disk_count, 18);
    for (unsigned i = 0; i < 18; i++) {
        CHECK_INT(disk_read(&s, n, i, false), 0);
    }
    /* Back in memory, it needs not be written again when it goes. */
    uint32_t fresh = s.disk.fresh;
    CHECK_INT(disk_read(&s, n, 3, true), 0);
    CHECK_INT(get(&s, n, 3 * CACHE_BLOCK, 1), 1);
    CHECK_INT(get(&s, n, 3 * CACHE_BLOCK, 2 * CACHE_BLOCK), -2); /* the one behind it is not */
    CHECK_INT(disk_read(&s, n, 4, true), 0);
    CHECK_INT(disk_read(&s, n, 5, true), 0);
    cache_store_rest(&s);
    CHECK_INT(disk_read(&s, n, 3, false), 0);
    CHECK_INT(s.disk.fresh, fresh + 2); /* of 18 and 19, which made room */
    /* What is dropped gives its places back. */
    pthread_mutex_lock(&s.lock);
    cache_drop(&s, n);
    pthread_mutex_unlock(&s.lock);
    CHECK(s.disk_count == 0 && s.disk_bytes == 0 && s.count == 0 && s.bytes == 0);
    CHECK_INT(s.disk.free_count, s.disk.fresh);
    put_many(&s, n, 20);
    CHECK_INT(s.disk.fresh, fresh + 2);
    end(&s, n);
}

static void test_disk_bound(void)
{
    struct cache_store s;
    struct cache_node *n = begin(&s, 16);
    put_many(&s, n, MANY);
    CHECK_INT(s.disk_count, 16);
    struct stat st;
    REQUIRE(fstat(s.disk.fd, &st) == 0);
    CHECK(st.st_size <= (off_t)16 * CACHE_BLOCK);
    CHECK_INT(st.st_nlink, 0); /* it has no name */
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(disk_read(&s, n, 0, false), -1);
    CHECK_INT(disk_read(&s, n, MANY - 3, false), 0);
    end(&s, n);
}

/* A place that is another's by now tells so. */
static void test_turns(void)
{
    struct cache_store s;
    struct cache_node *n = begin(&s, 16);
    put_many(&s, n, 10);
    struct cache_piece p;
    pthread_mutex_lock(&s.lock);
    CHECK_INT(cache_take(&s, n, &(struct cache_want){0, 1}, &p), 1);
    CHECK(!p.bytes && cache_disk_is(&s, &p.spot));
    pthread_mutex_unlock(&s.lock);
    for (unsigned i = 10; i < 40; i++) {
        put(&s, n, i, CACHE_BLOCK);
        cache_store_rest(&s);
    }
    pthread_mutex_lock(&s.lock);
    CHECK(!cache_disk_is(&s, &p.spot));
    pthread_mutex_unlock(&s.lock);
    end(&s, n);
}

static void test_damage(void)
{
    struct cache_store s;
    struct cache_node *n = begin(&s, 16);
    put_many(&s, n, 10);
    CHECK_INT(pwrite(s.disk.fd, "x", 1, 2 * CACHE_BLOCK + 777), 1);
    CHECK_INT(disk_read(&s, n, 2, false), -EBADMSG);
    CHECK_INT(disk_read(&s, n, 3, false), 0);
    CHECK_INT(ftruncate(s.disk.fd, 100), 0);
    CHECK_INT(disk_read(&s, n, 3, false), -EBADMSG);
    pthread_mutex_lock(&s.lock);
    CHECK(cache_disk_end(&s, CACHE_DISK_DAMAGED));
    CHECK(!cache_disk_end(&s, CACHE_DISK_DAMAGED)); /* told once */
    pthread_mutex_unlock(&s.lock);
    CHECK_INT(s.disk_count, 0);
    CHECK_INT(get(&s, n, 9 * CACHE_BLOCK, 1), 1); /* that is in memory */
    put(&s, n, 20, CACHE_BLOCK);
    CHECK(s.bytes <= s.max);
    end(&s, n);
}

/* As on a disk without room: what is there stays. */
static void test_full(void)
{
    struct cache_store s;
    struct rlimit was;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &was) == 0);
    struct cache_node *n = begin(&s, MANY);
    struct rlimit limit = {4 * CACHE_BLOCK + 100, was.rlim_max};
    REQUIRE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
    put_many(&s, n, 20);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &was) == 0);
    CHECK(s.has_disk && s.disk_state == CACHE_DISK_FULL);
    CHECK_INT(s.disk.max, 4);
    CHECK_INT(s.disk_count, 4);
    unsigned good = 0;
    for (unsigned i = 0; i < 20; i++) {
        good += disk_read(&s, n, i, false) == 0;
    }
    CHECK_INT(good, 4);
    end(&s, n);
}

/* What waits for the disk while the store ends, or is dropped. */
static void test_hurry(void)
{
    for (unsigned round = 0; round < 20; round++) {
        struct cache_store s;
        struct cache_node *n = begin(&s, 50);
        for (unsigned i = 0; i < 60; i++) {
            put(&s, n, i, CACHE_BLOCK);
            if (i % 7 == round % 7) {
                pthread_mutex_lock(&s.lock);
                cache_drop(&s, n);
                pthread_mutex_unlock(&s.lock);
            }
        }
        end(&s, n);
    }
}

static void test_no_folder(void)
{
    struct cache_store s;
    REQUIRE(cache_store_init(&s, 1u << 20, 0, true));
    CHECK_INT(cache_store_disk(&s, "/nowhere/at/all", 1u << 20), -ENOENT);
    CHECK_INT(cache_store_disk(&s, "/etc/passwd", 1u << 20), -ENOTDIR);
    CHECK(!s.has_disk && s.disk_state == CACHE_DISK_MISSING);
    cache_store_fini(&s);
    CHECK_INT(rmdir(folder), 0); /* nothing was ever left in it */
}

static void test_folder(void)
{
    REQUIRE(mkdtemp(folder));
    smbkit_static_cache(&vfs_api); /* where it logs to */
}

static const struct test_case cases[] = {
    {"bound", test_bound},
    {"many files", test_many_files},
    {"stamps", test_stamps},
    {"a folder", test_folder},
    {"disk", test_disk},
    {"the disk's bound", test_disk_bound},
    {"places that are taken anew", test_turns},
    {"damage", test_damage},
    {"a full disk", test_full},
    {"an end in between", test_hurry},
    {"no folder", test_no_folder},
};
TEST_MAIN(cases)
