/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of data: what was written is read, whatever comes between. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

/* ---- ends ---- */

struct end_row {
    uint64_t offset;
    uint32_t length;
    uint32_t done;
};

static void data_read_end(struct kit_actor *a)
{
    static const struct end_row rows[] = {
        {0, 10, 10},
        {0, 64, 10},
        {4, 6, 6},
        {4, 64, 6},
        {9, 1, 1},
        {9, 64, 1},
        {10, 64, 0},
        {11, 64, 0},
        {4096, 64, 0},
        {1ull << 40, 64, 0},
        {INT64_MAX - 64, 64, 0},
    };
    static const char text[] = "0123456789";
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_put(a, p.s, text) || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows) && !kit_failed(a); i++) {
        char buf[64];
        uint32_t done;
        const struct smbkit_range r = {.offset = rows[i].offset, .length = rows[i].length};
        if (!kit_ok(a, kit_read(a, &f, &r, buf, &done))) {
            break;
        }
        if (done != rows[i].done) {
            kit_fault(a, "%u bytes of a file of 10; there are %u", done, rows[i].done);
        } else if (!mem_eq(buf, text + MIN(rows[i].offset, (uint64_t)10), done)) {
            kit_fault(a, "other bytes than were written");
        }
    }
    kit_close(a, &f);
}

static void data_zero_length(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_range nothing = {.offset = 3, .length = 0};
    const struct smbkit_range beyond = {.offset = 1000, .length = 0};
    char buf[1];
    uint32_t done;
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_read(a, &f, &nothing, buf, &done)) &&
              (done == 0 || kit_fault(a, "%u bytes; none were wanted", done)) &&
              kit_ok(a, kit_write(a, &f, &nothing, "", 0)) &&
              kit_ok(a, kit_write(a, &f, &beyond, "", 0));
    (void)(ok && kit_must_hold_open(a, &f, "text"));
    kit_close(a, &f);
}

/* Either it can, or it says so and nothing has happened. */
static void data_huge(struct kit_actor *a)
{
    static const uint64_t offsets[] = {1ull << 44, 1ull << 62, INT64_MAX - 4};
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr;
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(offsets) && !kit_failed(a); i++) {
        const struct smbkit_range r = {.offset = offsets[i], .length = 4};
        smbkit_status st = kit_write(a, &f, &r, "huge", 0);
        char buf[4];
        uint32_t done;
        if (!kit_ok(a, kit_getattr(a, &f, &attr))) {
            break;
        }
        if (!SMBKIT_OK(st) && attr.size != 4) {
            kit_fault(a, "size %llu after a write that failed; it was 4",
                      (unsigned long long)attr.size);
        } else if (SMBKIT_OK(st) && kit_ok(a, kit_read(a, &f, &r, buf, &done)) &&
                   (done != 4 || !mem_eq(buf, "huge", 4))) {
            kit_fault(a, "%u bytes, or others than were written", done);
        }
        (void)kit_ok(a, kit_set_size(a, &f, 4));
    }
    (void)kit_must_hold_open(a, &f, "text");
    kit_close(a, &f);
}

/* ---- against a model ---- */

#define MODEL_BYTES 200000u /* some chunks, and no round number of them */
#define STEPS_LEAST 300u
#define STEP_BYTES_MAX 20000u

struct model {
    uint8_t bytes[MODEL_BYTES];
    uint8_t buf[MODEL_BYTES]; /* what is read, or to be written */
    uint32_t size;
    bool zeroes; /* zero_range is there, or can be emulated */
};

static struct smbkit_range by_chance(struct kit_actor *a)
{
    /* Often near a border of 4 KiB or 64 KiB. */
    uint32_t at = kit_below(a, MODEL_BYTES);
    if (kit_below(a, 3) == 0) {
        uint32_t border = kit_below(a, 2) ? 4096u : 65536u;
        at = at / border * border;
        at = at > 0 ? at - kit_below(a, 2) : at;
    }
    uint32_t n = 1 + kit_below(a, kit_below(a, 2) ? STEP_BYTES_MAX : 64);
    return (struct smbkit_range){.offset = at, .length = MIN(n, MODEL_BYTES - at)};
}

/* Bytes beyond the end are zero in the model, always. */
static bool model_read(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    struct smbkit_range r = by_chance(a);
    uint32_t done;
    if (!kit_ok(a, kit_read(a, f, &r, m->buf, &done))) {
        return false;
    }
    uint32_t left = r.offset < m->size ? m->size - (uint32_t)r.offset : 0;
    uint32_t want = (uint32_t)MIN(r.length, (uint64_t)left);
    if (done != want) {
        return kit_fault(a, "%u bytes; the file has %u bytes, so %u of them were to be expected",
                         done, m->size, want);
    }
    for (uint32_t i = 0; i < done; i++) {
        if (m->buf[i] != m->bytes[r.offset + i]) {
            return kit_fault(a, "byte 0x%02x at offset %llu; it was written as 0x%02x", m->buf[i],
                             (unsigned long long)(r.offset + i), m->bytes[r.offset + i]);
        }
    }
    return true;
}

static bool model_write(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    struct smbkit_range r = by_chance(a);
    bool appends = kit_below(a, 8) == 0 && m->size + r.length <= MODEL_BYTES;
    uint64_t at = appends ? m->size : r.offset;
    uint64_t word = 0;
    for (uint32_t i = 0; i < r.length; i++) {
        word = i % 8 == 0 ? kit_draw(a) : word >> 8;
        m->buf[i] = (uint8_t)word;
    }
    uint32_t flags = appends ? SMBKIT_IO_APPEND : 0;
    flags |= kit_below(a, 32) == 0 ? SMBKIT_IO_WRITE_THROUGH : 0;
    if (!kit_ok(a, kit_write(a, f, &r, m->buf, flags))) {
        return false;
    }
    mem_copy(m->bytes + at, m->buf, (size_t)r.length);
    m->size = MAX(m->size, (uint32_t)(at + r.length));
    return true;
}

static bool model_set_size(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    uint32_t size = kit_below(a, MODEL_BYTES + 1);
    if (!kit_ok(a, kit_set_size(a, f, size))) {
        return false;
    }
    if (size < m->size) {
        mem_zero(m->bytes + size, m->size - size);
    }
    m->size = size;
    return true;
}

static bool model_zero(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    struct smbkit_range r = by_chance(a);
    if (!kit_ok(a, kit_span(a, f, SMBKIT_OP_zero_range, &r))) {
        return false;
    }
    mem_zero(m->bytes + r.offset, (size_t)r.length);
    return true;
}

static bool model_step(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    uint32_t what = kit_below(a, 16);
    if (what == 0) {
        return model_set_size(a, f, m);
    }
    if (what == 1) {
        return model_zero(a, f, m);
    }
    return what < 7 ? model_write(a, f, m) : model_read(a, f, m);
}

/* All of it, and its size. */
static bool model_whole(struct kit_actor *a, struct kit_file *f, struct model *m)
{
    struct smbkit_attr attr;
    uint32_t done;
    const struct smbkit_range all = {.offset = 0, .length = MODEL_BYTES};
    if (!kit_ok(a, kit_getattr(a, f, &attr))) {
        return false;
    }
    if (attr.size != m->size) {
        return kit_fault(a, "size %llu; it is %u", (unsigned long long)attr.size, m->size);
    }
    if (!kit_ok(a, kit_read(a, f, &all, m->buf, &done))) {
        return false;
    }
    return (done == m->size && mem_eq(m->buf, m->bytes, done)) ||
           kit_fault(a, "%u bytes, or others than were written; there are %u", done, m->size);
}

static void data_random(struct kit_actor *a)
{
    struct kit_file f, again;
    struct kit_path p = kit_at(a, "file");
    CLEANUP_MEM struct model *m = mem_zalloc(sizeof(*m));
    uint64_t until = kit_until(a->kit);
    if (!m) {
        kit_out(a, "out of memory");
        return;
    }
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (uint32_t i = 0; !kit_failed(a) && (i < STEPS_LEAST || os_monotonic_ms() < until); i++) {
        (void)model_step(a, &f, m);
    }
    bool ok = !kit_failed(a) && model_whole(a, &f, m);
    kit_close(a, &f);
    if (ok && kit_must_open(a, &again, p.s, SMBKIT_KIND_FILE)) {
        (void)model_whole(a, &again, m);
        kit_close(a, &again);
    }
}

/* As large as clients' are. */
#define LARGE_BYTES ((1u << 20) + 4321u)
static void data_large(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    CLEANUP_MEM uint8_t *bytes = mem_alloc(LARGE_BYTES);
    CLEANUP_MEM uint8_t *buf = mem_alloc(LARGE_BYTES);
    const struct smbkit_range all = {.offset = 3, .length = LARGE_BYTES};
    uint32_t done = 0;
    if (!bytes || !buf || !kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (uint32_t i = 0; i < LARGE_BYTES; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 4096);
    }
    if (kit_ok(a, kit_write(a, &f, &all, bytes, 0)) &&
        kit_ok(a, kit_read(a, &f, &all, buf, &done)) &&
        (done != LARGE_BYTES || !mem_eq(buf, bytes, LARGE_BYTES))) {
        kit_fault(a, "%u bytes of %u, or others than were written", done, LARGE_BYTES);
    }
    kit_close(a, &f);
}

/* A buffer that ends in the middle of the file: nothing is put behind it. */
static void data_buffer(struct kit_actor *a)
{
    static const uint32_t lengths[] = {1, 3, 4, 7, 8, 9};
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    char buf[16];
    uint32_t done = 0;
    if (!kit_must_put(a, p.s, "0123456789012345678901234567890123456789") ||
        !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(lengths) && !kit_failed(a); i++) {
        const struct smbkit_range r = {.offset = 10, .length = lengths[i]};
        if (kit_ok(a, kit_read(a, &f, &r, buf, &done)) &&
            (done != lengths[i] || !mem_eq(buf, "0123456789", done))) {
            kit_fault(a, "%u bytes, or others than were written", done);
        }
    }
    kit_close(a, &f);
}

/* ---- holes ---- */

static bool is_zero_but(struct kit_actor *a, const uint8_t *buf, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (buf[i] != 0) {
            return kit_fault(a, "byte 0x%02x at offset %u, where nothing was written", buf[i], i);
        }
    }
    return true;
}

#define HOLE_BYTES 150000u
static void data_holes(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    CLEANUP_MEM uint8_t *buf = mem_alloc(HOLE_BYTES);
    const struct smbkit_range all = {.offset = 0, .length = HOLE_BYTES};
    uint32_t done = 0;
    if (!buf || !kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_must_write(a, &f, HOLE_BYTES - 3, "end") &&
              kit_ok(a, kit_read(a, &f, &all, buf, &done)) &&
              (done == HOLE_BYTES || kit_fault(a, "%u bytes of %u", done, HOLE_BYTES)) &&
              is_zero_but(a, buf, 0, HOLE_BYTES - 3);
    /* What was cut off does not come back. */
    ok = ok && kit_must_write(a, &f, 0, "text") && kit_ok(a, kit_set_size(a, &f, 2)) &&
         kit_ok(a, kit_set_size(a, &f, HOLE_BYTES)) &&
         kit_ok(a, kit_read(a, &f, &all, buf, &done)) &&
         (done == HOLE_BYTES || kit_fault(a, "%u bytes of %u", done, HOLE_BYTES));
    (void)(ok && is_zero_but(a, buf, 2, HOLE_BYTES));
    kit_close(a, &f);
}

/* ---- other ways ---- */

static void data_append(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_range start = {.offset = 0, .length = 4};
    const struct smbkit_range far = {.offset = 1u << 20, .length = 4};
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_write(a, &f, &start, "more", SMBKIT_IO_APPEND)) &&
              kit_ok(a, kit_write(a, &f, &far, "last", SMBKIT_IO_APPEND));
    (void)(ok && kit_must_hold_open(a, &f, "textmorelast"));
    kit_close(a, &f);
}

/* Each open sees at once what the other wrote. */
static void data_two_opens(struct kit_actor *a)
{
    struct kit_file one, two;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_make(a, &one, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    if (kit_must_open(a, &two, p.s, SMBKIT_KIND_FILE)) {
        (void)(kit_must_write(a, &one, 0, "one two") && kit_must_hold_open(a, &two, "one two") &&
               kit_must_write(a, &two, 4, "TWO") && kit_must_hold_open(a, &one, "one TWO") &&
               kit_ok(a, kit_set_size(a, &one, 3)) && kit_must_hold_open(a, &two, "one"));
        kit_close(a, &two);
    }
    kit_close(a, &one);
    if (!kit_failed(a)) {
        (void)kit_must_hold(a, p.s, "one");
    }
}

static void data_overwrite(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_attr is;
    struct smbkit_overwrite args = {.struct_size = sizeof(args),
                                    .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE,
                                    .attr = &attr};
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_call(a, &f, SMBKIT_OP_overwrite, &args, "attributes HIDDEN, ARCHIVE"));
    if (ok && (attr.size != 0 || (attr.attributes & SMBKIT_ATTR_DIRECTORY))) {
        ok = kit_fault(a, "attributes 0x%x, size %llu; it is an empty file", attr.attributes,
                       (unsigned long long)attr.size);
    }
    ok = ok && kit_must_hold_open(a, &f, "") && kit_ok(a, kit_getattr(a, &f, &is));
    if (ok && !(is.attributes & SMBKIT_ATTR_HIDDEN) && kit_has(a->kit, SMBKIT_OP_setattr)) {
        kit_fault(a, "attributes 0x%x; overwrite replaced them by HIDDEN, ARCHIVE", is.attributes);
    }
    kit_close(a, &f);
}

#define FLUSHES 16u /* with NOWAIT and without */
static void data_flush(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_flush args = {.struct_size = sizeof(args)};
    struct smbkit_flush data = {.struct_size = sizeof(data), .flags = SMBKIT_FLUSH_DATA_ONLY};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_must_write(a, &f, 0, "text");
    for (uint32_t i = 0; ok && i < FLUSHES; i++) {
        ok = kit_ok(
            a, kit_call(a, &f, SMBKIT_OP_flush, i % 2 ? &args : &data, i % 2 ? "" : "DATA_ONLY"));
    }
    ok = ok && kit_ok(a, kit_call(a, &f, SMBKIT_OP_commit, &args, ""));
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, p.s, "text"));
}

#define RULE(id, part, text) .name = "data." id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_data[] = {
    {RULE("read-end", "read", "a read ends at the end of the file; behind it there are 0 bytes"),
     .fn = data_read_end},
    {RULE("buffer", "read", "a read puts nothing behind its buffer"), .fn = data_buffer},
    {RULE("large", "write", "a megabyte is written and read by one call each"), .fn = data_large},
    {RULE("zero-length", "write", "a read or write of no bytes does nothing"),
     .fn = data_zero_length},
    {RULE("huge", "write", "at a huge offset a write works, or fails and changes nothing"),
     .op = KIT_OP(set_size), .fn = data_huge},
    {RULE("random", "write",
          "what was written is read again, whatever writes, sizes and zeroes come between"),
     .op = KIT_OP(set_size), .fn = data_random},
    {RULE("holes", "set_size", "what was never written, or was cut off, is zero"),
     .op = KIT_OP(set_size), .fn = data_holes},
    {RULE("append", "write", "with SMBKIT_IO_APPEND a write goes to the end, whatever offset says"),
     .fn = data_append},
    {RULE("two-opens", "Other opens", "what one open writes, the others read at once"),
     .op = KIT_OP(set_size), .fn = data_two_opens},
    {RULE("overwrite", "overwrite", "overwrite empties the file and replaces its attributes"),
     .op = KIT_OP(set_size), .fn = data_overwrite},
    {RULE("flush", "flush", "flush and commit succeed, and change nothing"), .fn = data_flush},
    {.name = NULL}};
