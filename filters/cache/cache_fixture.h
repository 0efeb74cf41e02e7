/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: the cache over a filter that counts the calls, over files in memory. */
#pragma once

#include "filter_fixture.h"

#include "cache_store.h"

const struct smbkit_plugin *smbkit_static_cache(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_stats(const struct smbkit_host_table *api);

static UNUSED bool start(struct fixture *f, const char *a, const char *b, const char *c)
{
    const struct stack_layer layers[] = {
        {.plugin = smbkit_static_cache(&vfs_api), .args = {a, b, b ? c : NULL}},
        {.plugin = smbkit_static_stats(&vfs_api)},
        {.plugin = smbkit_static_mem(&vfs_api)}};
    return stack_open(f, layers, 3);
}

/* Calls that came to the layer below since they were counted the last time. */
static UNUSED long calls_below(struct fixture *f, const char *op)
{
    const char *json = NULL;
    char key[64];
    snprintf(key, sizeof(key), "\"%s\":{\"calls\":", op);
    CHECK_INT(say(f, "stats json", &json), 0);
    const char *at = strstr(json, key);
    long n = at ? atol(at + strlen(key)) : 0;
    CHECK_INT(say(f, "reset", NULL), 0);
    return n;
}

static UNUSED long reads_below(struct fixture *f)
{
    return calls_below(f, "read");
}

static UNUSED void check_read(struct fixture *f, struct vfs_open *o, uint64_t at, const char *want)
{
    char buf[17] = "";
    CHECK_INT(read_at(f, o, at, buf, sizeof(buf)), 0);
    CHECK_STR(buf, want);
}

static UNUSED smbkit_status write_bytes(struct fixture *f, struct vfs_open *o, uint64_t at,
                                        const void *data, size_t len)
{
    const struct smbkit_segment seg = {.base = data, .len = len};
    struct vfs_io io;
    vfs_io_init(&io);
    io.offset = at;
    io.length = (uint32_t)len;
    io.segs = &seg;
    io.seg_count = 1;
    smbkit_status st = vfs_write(&f->call, o, &io);
    vfs_io_fini(&io);
    return st;
}

/* Does the administrator see that text? */
static UNUSED bool says(struct fixture *f, const char *text)
{
    const char *json = NULL;
    CHECK_INT(say(f, "status json", &json), 0);
    return strstr(json, text) != NULL;
}
