/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of space: zeroes, reserving, holes, copies, the descriptor of a file. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define FILE_BYTES 200000u

static void fill(uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(1 + (i * 7 + i / 251) % 255); /* never 0 */
    }
}

/* A file of FILE_BYTES, open; bytes is what is in it. */
static bool make_filled(struct kit_actor *a, struct kit_file *f, const char *name, uint8_t *bytes)
{
    struct kit_path p = kit_at(a, name);
    const struct smbkit_range all = {.offset = 0, .length = FILE_BYTES};
    fill(bytes, FILE_BYTES);
    if (!kit_must_make(a, f, p.s, SMBKIT_KIND_FILE)) {
        return false;
    }
    if (!kit_ok(a, kit_write(a, f, &all, bytes, 0))) {
        kit_close(a, f);
        return false;
    }
    return true;
}

/* All of it is this, and no more. */
static bool is_filled(struct kit_actor *a, struct kit_file *f, const uint8_t *bytes, uint32_t size)
{
    CLEANUP_MEM uint8_t *buf = mem_alloc(size + 64);
    const struct smbkit_range all = {.offset = 0, .length = size + 64};
    uint32_t done;
    if (!buf) {
        return kit_out(a, "out of memory");
    }
    if (!kit_ok(a, kit_read(a, f, &all, buf, &done))) {
        return false;
    }
    if (done != size) {
        return kit_fault(a, "%u bytes; the file has %u", done, size);
    }
    for (uint32_t i = 0; i < size; i++) {
        if (buf[i] != bytes[i]) {
            return kit_fault(a, "byte 0x%02x at offset %u; it is 0x%02x", buf[i], i, bytes[i]);
        }
    }
    return true;
}

static const struct smbkit_range spans[] = {{5, 1},         {4096, 4096}, {65535, 2},
                                            {70000, 70001}, {0, 3},       {FILE_BYTES - 10, 10}};

static void space_zeroes(struct kit_actor *a)
{
    struct kit_file f;
    CLEANUP_MEM uint8_t *bytes = mem_alloc(FILE_BYTES);
    const struct smbkit_range over = {.offset = FILE_BYTES - 5, .length = 100};
    if (!bytes || !make_filled(a, &f, "file", bytes)) {
        return;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(spans); i++) {
        mem_zero(bytes + spans[i].offset, (size_t)spans[i].length);
        ok = kit_ok(a, kit_span(a, &f, SMBKIT_OP_zero_range, &spans[i])) &&
             is_filled(a, &f, bytes, FILE_BYTES);
    }
    (void)(ok && kit_ok(a, kit_span(a, &f, SMBKIT_OP_zero_range, &over)) &&
           is_filled(a, &f, bytes, FILE_BYTES));
    kit_close(a, &f);
}

static void space_trim(struct kit_actor *a)
{
    struct kit_file f;
    CLEANUP_MEM uint8_t *bytes = mem_alloc(FILE_BYTES);
    CLEANUP_MEM uint8_t *buf = mem_alloc(FILE_BYTES);
    const struct smbkit_range all = {.offset = 0, .length = FILE_BYTES};
    const struct smbkit_range hint = {.offset = 65536, .length = 65536};
    uint32_t done = 0;
    if (!bytes || !buf || !make_filled(a, &f, "file", bytes)) {
        return;
    }
    if (kit_ok(a, kit_span(a, &f, SMBKIT_OP_trim, &hint)) &&
        kit_ok(a, kit_read(a, &f, &all, buf, &done))) {
        if (done != FILE_BYTES || !mem_eq(buf, bytes, hint.offset) ||
            !mem_eq(buf + 131072, bytes + 131072, FILE_BYTES - 131072)) {
            kit_fault(a, "%u bytes of %u, or others outside of what was trimmed", done, FILE_BYTES);
        }
    }
    kit_close(a, &f);
}

static void space_allocate(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_size args = {.struct_size = sizeof(args), .size = 1u << 20};
    struct smbkit_attr attr;
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    smbkit_status st = kit_call(a, &f, SMBKIT_OP_allocate, &args, "size 1048576");
    if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_DISK_FULL) {
        (void)kit_ok(a, st);
    } else if (kit_ok(a, kit_getattr(a, &f, &attr)) && attr.size != 4) {
        kit_fault(a, "size %llu; allocate never makes a file of 4 bytes larger",
                  (unsigned long long)attr.size);
    } else {
        (void)kit_must_hold_open(a, &f, "text");
    }
    kit_close(a, &f);
}

/* ---- holes ---- */

#define RANGES 16u
static bool ranges_ascend(struct kit_actor *a, const struct smbkit_ranges *r)
{
    uint64_t from = r->offset;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct smbkit_range *one = &r->out[i];
        if (one->length == 0 || one->offset < from ||
            one->offset + one->length > r->offset + r->length) {
            return kit_fault(a,
                             "range %u of %u is offset %llu, length %llu; they ascend, within what "
                             "was asked for",
                             i, r->count, (unsigned long long)one->offset,
                             (unsigned long long)one->length);
        }
        from = one->offset + one->length;
    }
    return true;
}

static bool ranges_hold(const struct smbkit_ranges *r, uint64_t offset, uint64_t length)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->out[i].offset <= offset && r->out[i].offset + r->out[i].length >= offset + length) {
            return true;
        }
    }
    return false;
}

static smbkit_status ranges_ask(struct kit_actor *a, struct kit_file *f, struct smbkit_ranges *r)
{
    char what[96];
    r->struct_size = sizeof(*r);
    str_format(what, sizeof(what), "offset %llu, length %llu, room for %u",
               (unsigned long long)r->offset, (unsigned long long)r->length, r->room);
    return kit_call(a, f, SMBKIT_OP_ranges, r, what);
}

#define FAR (4u << 20)
static void space_ranges(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_range out[RANGES];
    struct smbkit_ranges all = {.room = RANGES, .length = FAR + 4, .out = out};
    struct smbkit_ranges one = {.room = 1, .length = FAR + 4, .out = out};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_must_write(a, &f, 0, "text") && kit_must_write(a, &f, FAR, "text") &&
              kit_ok(a, ranges_ask(a, &f, &all)) && ranges_ascend(a, &all);
    if (ok && (!ranges_hold(&all, 0, 4) || !ranges_hold(&all, FAR, 4))) {
        ok = kit_fault(a, "%u ranges, without what was written at 0 and at %u", all.count, FAR);
    }
    smbkit_status st = ok ? ranges_ask(a, &f, &one) : SMBKIT_STATUS_SUCCESS;
    if (ok && all.count > 1) {
        ok = kit_is(a, st, SMBKIT_STATUS_BUFFER_OVERFLOW);
    }
    if (ok && one.count > 1) {
        kit_fault(a, "%u ranges, for which there is no room", one.count);
    }
    kit_close(a, &f);
}

static void space_sparse(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr;
    uint64_t on = 1;
    uint64_t off = 0;
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_value(a, &f, SMBKIT_OP_set_sparse, &on)) &&
              kit_ok(a, kit_getattr(a, &f, &attr));
    if (ok && !(attr.attributes & SMBKIT_ATTR_SPARSE)) {
        ok = kit_fault(a, "attributes 0x%x, without SPARSE", attr.attributes);
    }
    ok = ok && kit_must_hold_open(a, &f, "text") &&
         kit_ok(a, kit_value(a, &f, SMBKIT_OP_set_sparse, &off)) &&
         kit_must_hold_open(a, &f, "text") && kit_ok(a, kit_getattr(a, &f, &attr));
    if (ok && (attr.attributes & SMBKIT_ATTR_SPARSE)) {
        kit_fault(a, "attributes 0x%x, still with SPARSE", attr.attributes);
    }
    kit_close(a, &f);
}

static void space_compression(struct kit_actor *a)
{
    static const uint64_t formats[] = {2, 0}; /* LZNT1, none: [MS-FSCC] 2.3.18 */
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(formats) && !kit_failed(a); i++) {
        uint64_t format = formats[i];
        uint64_t is = 99;
        if (kit_ok(a, kit_value(a, &f, SMBKIT_OP_set_compression, &format)) &&
            kit_ok(a, kit_value(a, &f, SMBKIT_OP_get_compression, &is)) && is != formats[i]) {
            kit_fault(a, "format %llu; it was set to %llu", (unsigned long long)is,
                      (unsigned long long)formats[i]);
        }
        (void)kit_must_hold_open(a, &f, "text");
    }
    kit_close(a, &f);
}

/* ---- the descriptor ---- */

static bool fd_holds(struct kit_actor *a, const struct smbkit_file_fd *fd, const char *text)
{
    char buf[64];
    int64_t n = os_file_read_at(fd->fd, 0, buf, sizeof(buf));
    return (n == (int64_t)str_len(text) && mem_eq(buf, text, str_len(text))) ||
           kit_fault(a, "%lld bytes by the descriptor, or others than by read; there are %zu",
                     (long long)n, str_len(text));
}

static void space_file_fd(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_file_fd fd = {.struct_size = sizeof(fd), .fd = -1};
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    smbkit_status st = kit_call(a, &f, SMBKIT_OP_file_fd, &fd, "");
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        kit_out(a, "file_fd answers NOT_SUPPORTED");
    } else if (kit_ok(a, st) && (fd.flags & SMBKIT_FD_READ)) {
        (void)(fd_holds(a, &fd, "text") && kit_must_write(a, &f, 4, " and more") &&
               fd_holds(a, &fd, "text and more"));
    }
    kit_close(a, &f);
}

/* ---- copies ---- */

static bool copies(struct kit_actor *a, struct kit_file *to, uint32_t id, struct smbkit_copy c)
{
    void *source = c.source;
    if (!kit_ok(a, kit_copy(a, to, id, &c))) {
        return false;
    }
    return (c.done == c.length && c.source == source) ||
           kit_fault(a, "%llu bytes done of %llu", (unsigned long long)c.done,
                     (unsigned long long)c.length);
}

static void space_copy(struct kit_actor *a)
{
    struct kit_file from, to;
    struct kit_path p = kit_at(a, "to");
    CLEANUP_MEM uint8_t *bytes = mem_alloc(FILE_BYTES);
    CLEANUP_MEM uint8_t *want = mem_zalloc(FILE_BYTES);
    if (!bytes || !want || !make_filled(a, &from, "from", bytes)) {
        return;
    }
    if (kit_must_make(a, &to, p.s, SMBKIT_KIND_FILE)) {
        struct smbkit_copy c = {
            .source = from.door.file, .source_offset = 777, .offset = 5000, .length = 100000};
        mem_copy(want + 5000, bytes + 777, 100000);
        bool ok = copies(a, &to, SMBKIT_OP_copy_range, c) && is_filled(a, &to, want, 105000) &&
                  is_filled(a, &from, bytes, FILE_BYTES);
        /* Within one file, apart. */
        c = (struct smbkit_copy){
            .source = to.door.file, .source_offset = 5000, .offset = 120000, .length = 4097};
        mem_copy(want + 120000, want + 5000, 4097);
        (void)(ok && copies(a, &to, SMBKIT_OP_copy_range, c) && is_filled(a, &to, want, 124097));
        kit_close(a, &to);
    }
    kit_close(a, &from);
}

/* By clusters; what is written to one afterwards is not seen in the other. */
static void space_clone(struct kit_actor *a)
{
    struct kit_file from, to;
    struct kit_path p = kit_at(a, "to");
    CLEANUP_MEM uint8_t *bytes = mem_alloc(FILE_BYTES);
    CLEANUP_MEM uint8_t *want = mem_zalloc(FILE_BYTES);
    uint32_t cluster = a->kit->volume->cluster_size_bytes;
    if (!bytes || !want || !make_filled(a, &from, "from", bytes)) {
        return;
    }
    uint32_t n = FILE_BYTES / 2 / cluster * cluster;
    if (n == 0) {
        kit_out(a, "a cluster has %u bytes", cluster);
    } else if (kit_must_make(a, &to, p.s, SMBKIT_KIND_FILE)) {
        const struct smbkit_copy c = {.source = from.door.file, .length = n};
        mem_copy(want, bytes, n);
        bool ok = kit_ok(a, kit_set_size(a, &to, n)) && copies(a, &to, SMBKIT_OP_clone_range, c) &&
                  is_filled(a, &to, want, n) && kit_must_write(a, &from, 10, "changed") &&
                  is_filled(a, &to, want, n) && kit_must_write(a, &to, 20, "CHANGED");
        mem_copy(bytes + 10, "changed", 7);
        (void)(ok && is_filled(a, &from, bytes, FILE_BYTES));
        kit_close(a, &to);
    }
    kit_close(a, &from);
}

#define RULE(id, part, text) .name = "space." id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_space[] = {
    {RULE("zero", "zero_range", "the bytes read as zero, the others and the size stay"),
     .fn = space_zeroes},
    {RULE("trim", "trim", "what is not trimmed stays"), .op = KIT_OP(trim), .fn = space_trim},
    {RULE("allocate", "allocate", "reserving never makes a file larger"), .op = KIT_OP(allocate),
     .fn = space_allocate},
    {RULE("ranges", "ranges", "the ranges ascend and hold all that was written"),
     .fn = space_ranges},
    {RULE("sparse", "set_sparse", "sparse or not, the content is the same"),
     .features = SMBKIT_FEATURE_SPARSE, .op = KIT_OP(set_sparse), .fn = space_sparse},
    {RULE("compression", "set_compression", "the format is told as it was set"),
     .features = SMBKIT_FEATURE_COMPRESSION, .op = KIT_OP(set_compression),
     .fn = space_compression},
    {RULE("file-fd", "file_fd", "the descriptor shows the file's data, byte for byte"),
     .op = KIT_OP(file_fd), .fn = space_file_fd},
    {RULE("copy", "copy_range", "a copy is what the source holds"), .fn = space_copy},
    {RULE("clone", "clone_range", "a clone is a copy, and apart from what it was made of"),
     .features = SMBKIT_FEATURE_CLONE, .op = KIT_OP(clone_range), .fn = space_clone},
    {.name = NULL}};
