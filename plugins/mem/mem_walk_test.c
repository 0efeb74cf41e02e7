/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

/* ------------------------------------------------- random walk against a naive model */

enum { MODEL_FILES = 24, MODEL_BYTES = 5 * CHUNK / 2, DIRS = 3 };

struct model_file {
    bool exists;
    uint32_t size;
    uint8_t *data; /* MODEL_BYTES, zero beyond size */
};
static struct model_file model[MODEL_FILES];

static void model_path(char *path, size_t cap, int n, uint64_t *seed)
{
    static const char *const dirs[DIRS] = {"", "d1/", "d1/D2/"};
    bool upper = test_random(seed) & 1;
    snprintf(path, cap, upper ? "%sFILE-%c" : "%sfile-%c", dirs[n % DIRS], 'a' + n);
}

/* A name the model gives to file n: any directory, so moves between them are covered. */
static void walk_create(struct pt *t, int n, uint64_t *seed)
{
    char path[64];
    void *f = NULL;
    model_path(path, sizeof(path), n, seed);
    smbkit_status status = pt_create_kind(t, path, SMBKIT_CREATE, SMBKIT_KIND_FILE, &f);
    CHECK_INT(status,
              model[n].exists ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : SMBKIT_STATUS_SUCCESS);
    pt_close(t, f);
    if (!model[n].exists) {
        model[n].exists = true;
        model[n].size = 0;
        memset(model[n].data, 0, MODEL_BYTES);
    }
}

static void walk_write(struct pt *t, int n, void *f, uint64_t *seed)
{
    static uint8_t data[MODEL_BYTES];
    uint32_t offset = (uint32_t)(test_random(seed) % MODEL_BYTES);
    uint32_t len = (uint32_t)(test_random(seed) % (MODEL_BYTES - offset));
    len = test_random(seed) & 1 ? len : len % 5000;
    for (uint32_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(offset + i * 7 + n + *seed);
    }
    CHECK_INT(pt_write(t, f, offset, data, len), 0);
    memcpy(model[n].data + offset, data, len);
    if (len > 0 && offset + len > model[n].size) {
        model[n].size = offset + len;
    }
}

static void walk_size(struct pt *t, int n, void *f, uint64_t *seed)
{
    uint32_t size = (uint32_t)(test_random(seed) % MODEL_BYTES);
    CHECK_INT(pt_set_size(t, f, size), 0);
    if (size < model[n].size) {
        memset(model[n].data + size, 0, model[n].size - size);
    }
    model[n].size = size;
}

static void walk_zero(struct pt *t, int n, void *f, uint64_t *seed)
{
    uint32_t offset = (uint32_t)(test_random(seed) % MODEL_BYTES);
    uint32_t len = (uint32_t)(test_random(seed) % MODEL_BYTES);
    CHECK_INT(pt_zero_range(t, f, offset, len), 0);
    uint32_t end = offset + len < MODEL_BYTES ? offset + len : MODEL_BYTES;
    memset(model[n].data + offset, 0, end - offset);
}

static void walk_check(struct pt *t, int n, void *f)
{
    static uint8_t data[MODEL_BYTES];
    CHECK_INT(pt_attr(t, f).size, model[n].size);
    int64_t got = pt_read(t, f, 0, data, MODEL_BYTES);
    CHECK_INT(got, model[n].size);
    if (memcmp(data, model[n].data, model[n].size) != 0) {
        test_fail(__FILE__, __LINE__, "file %d differs", n);
    }
}

static void walk_rename(struct pt *t, int n, int to, uint64_t *seed)
{
    char from_path[64], to_path[64];
    uint32_t replace = test_random(seed) & 1;
    model_path(from_path, sizeof(from_path), n, seed);
    model_path(to_path, sizeof(to_path), to, seed);
    bool collides = n != to && model[to].exists && !replace;
    CHECK_INT(pt_rename(t, from_path, to_path, replace),
              collides ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : SMBKIT_STATUS_SUCCESS);
    if (!collides && n != to) {
        struct model_file old = model[to];
        model[to] = model[n];
        model[n] = old;
        model[n].exists = false;
    }
}

static void walk_open(struct pt *t, int n, uint64_t what, uint64_t *seed)
{
    char path[64];
    model_path(path, sizeof(path), n, seed);
    void *f = pt_any(t, path);
    if (!f) {
        return;
    }
    if (what < 5) {
        walk_write(t, n, f, seed);
    } else if (what == 5) {
        walk_size(t, n, f, seed);
    } else if (what == 6) {
        walk_zero(t, n, f, seed);
    } else {
        walk_check(t, n, f);
    }
    pt_close(t, f);
}

static void walk_step(struct pt *t, uint64_t *seed)
{
    int n = (int)(test_random(seed) % MODEL_FILES);
    uint64_t what = test_random(seed) % 12;
    char path[64];
    model_path(path, sizeof(path), n, seed);
    if (what == 11) {
        walk_create(t, n, seed);
    } else if (!model[n].exists) {
        CHECK_INT(pt_try(t, path), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        walk_create(t, n, seed);
    } else if (what == 10) {
        CHECK_INT(pt_remove(t, path), 0);
        model[n].exists = false;
    } else if (what == 9) {
        walk_rename(t, n, (int)(test_random(seed) % MODEL_FILES), seed);
    } else {
        walk_open(t, n, what, seed);
    }
}

static void test_random_walk(void)
{
    struct pt t;
    uint64_t seed = 20240;
    if (!start(&t, "size=64M", NULL)) {
        return;
    }
    for (int n = 0; n < MODEL_FILES; n++) {
        model[n] = (struct model_file){.data = calloc(1, MODEL_BYTES)};
    }
    pt_mkdir(&t, "d1");
    pt_mkdir(&t, "d1/d2");
    for (int step = 0; step < 20000; step++) {
        test_context("step %d", step);
        walk_step(&t, &seed);
    }
    for (int n = 0; n < MODEL_FILES; n++) {
        char path[64];
        model_path(path, sizeof(path), n, &seed);
        if (model[n].exists) {
            walk_open(&t, n, 7, &seed);
            CHECK_INT(pt_remove(&t, path), 0);
        }
        free(model[n].data);
    }
    CHECK_INT(pt_free_bytes(&t), 64 << 20);
    pt_close_volume(&t);
}

/* ------------------------------------------------------------------------------ threads */

struct worker {
    struct pt *t;
    int n;
};

static void list_shared(struct pt *t, struct pt_page *page)
{
    void *dir = pt_any(t, "shared");
    page->cookie = 0;
    pt_list(t, dir, page, 5);
    pt_close(t, dir);
}

/* One random call on an open file that the other threads use as well; any status will do. */
static void shared_call(struct pt *t, void *f, uint64_t r, struct pt_page *page)
{
    char path[64];
    snprintf(path, sizeof(path), "shared/%d", (int)(r / 8 % 8));
    switch (r >> 12 & 7) {
    case 0:
        (void)pt_remove_file(t, f);
        break;
    case 1:
        (void)pt_rename_file(t, f, path, 1);
        break;
    case 2:
        (void)pt_set_size(t, f, r % 1000);
        break;
    case 3:
        (void)pt_get_path(t, f, path, sizeof(path));
        break;
    case 4:
        (void)pt_link_file(t, f, path, 1);
        break;
    default:
        list_shared(t, page);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct pt t = *w->t;
    uint64_t seed = (uint64_t)w->n;
    static struct pt_page pages[4];
    char path[64];
    char buf[300];
    for (int i = 0; i < 2000; i++) {
        void *f = NULL;
        uint64_t r = test_random(&seed);
        snprintf(path, sizeof(path), "shared/%d", (int)(r % 8));
        uint32_t how = r & 0x100 ? SMBKIT_CREATE : SMBKIT_OPEN;
        if (!SMBKIT_OK(pt_create_kind(&t, path, how, SMBKIT_KIND_FILE, &f))) {
            continue;
        }
        memset(buf, 'a' + w->n, sizeof(buf));
        (void)pt_write(&t, f, r % 100000, buf, sizeof(buf));
        (void)pt_read(&t, f, r % 100000, buf, sizeof(buf));
        shared_call(&t, f, r, &pages[w->n]);
        pt_close(&t, f);
    }
    return NULL;
}

static void test_threads(void)
{
    struct pt t;
    if (!start(&t, "size=16M", NULL)) {
        return;
    }
    pt_mkdir(&t, "shared");
    pthread_t threads[4];
    struct worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){&t, i};
        CHECK_INT(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 8; i++) {
        char path[64];
        snprintf(path, sizeof(path), "shared/%d", i);
        (void)pt_remove(&t, path);
    }
    CHECK_INT(pt_remove(&t, "shared"), 0);
    CHECK_INT(pt_free_bytes(&t), 16 << 20);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"random walk against a model", test_random_walk},
    {"threads", test_threads},
};

TEST_MAIN(cases)
