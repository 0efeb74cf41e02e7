/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/record.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "crypto/crypto.h"
#include "smb/limits.h"
#include "vfs/oplock.h"
#include "vfs/path.h"

#define MAGIC 0x4f444b53u /* "SKDO" */
#define LOCK_BYTES 17u
#define PATH_BYTES_MAX (3u * 32760) /* UTF-8 of so many UTF-16 units */
#define NAME_BYTES_MAX 1024u        /* of a user, a domain, a share, a stream */

/* ---- writing ---- */

static void put_string(struct wr *w, const char *s)
{
    size_t len = s ? str_len(s) : 0;
    wr_u32(w, (uint32_t)len);
    wr_bytes(w, s, len);
}

static void put_file(struct wr *w, const struct smb_record *r)
{
    wr_u64(w, r->file.domain);
    wr_u64(w, r->file.id);
    wr_u64(w, r->file.id_high);
    wr_u64(w, r->file.create_time);
    wr_u64(w, r->size);
    wr_u64(w, r->write_time);
    wr_u64(w, r->change_time);
}

static void put_locks(struct wr *w, const struct smb_record *r)
{
    wr_u32(w, r->lock_count);
    for (uint32_t i = 0; i < r->lock_count; i++) {
        wr_u64(w, r->locks[i].offset);
        wr_u64(w, r->locks[i].length);
        wr_u8(w, r->locks[i].exclusive);
    }
}

static void put_body(struct wr *w, const struct smb_record *r)
{
    wr_u8(w, r->kind);
    wr_u8(w, r->oplock_level);
    wr_u8(w, r->lease_caching);
    wr_u8(w, r->flags);
    wr_u32(w, r->timeout_ms);
    wr_u64(w, r->until);
    wr_u64(w, r->persistent_id);
    wr_bytes(w, r->client_guid, sizeof(r->client_guid));
    wr_bytes(w, r->create_guid, sizeof(r->create_guid));
    wr_bytes(w, r->lease_key, sizeof(r->lease_key));
    wr_u32(w, r->epoch);
    wr_u32(w, r->rid);
    wr_u32(w, r->who_flags);
    wr_u32(w, r->access);
    wr_u32(w, r->share_access);
    wr_u32(w, r->options);
    put_file(w, r);
    wr_u64(w, r->lockseq.valid);
    wr_bytes(w, r->lockseq.numbers, sizeof(r->lockseq.numbers));
    put_string(w, r->user);
    put_string(w, r->domain);
    put_string(w, r->share);
    put_string(w, r->path);
    put_string(w, r->stream);
    put_locks(w, r);
}

void smb_record_format(struct wr *w, const struct smb_record *r)
{
    CLEANUP(wr_fini) struct wr body = wr_new(SMB_RECORD_BYTES_MAX - SMB_RECORD_HEADER_SIZE);
    put_body(&body, r);
    if (!wr_ok(&body)) {
        w->failed = true;
        return;
    }
    wr_u32(w, MAGIC);
    wr_u16(w, SMB_RECORD_VERSION);
    wr_u16(w, 0);
    wr_u32(w, (uint32_t)wr_pos(&body));
    wr_u32(w, crypto_crc32(body.base, wr_pos(&body)));
    wr_bytes(w, body.base, wr_pos(&body));
}

/* ---- reading ---- */

/* What goes wrong beside the bytes. */
struct reading {
    struct cur *c;
    bool no_memory;
};

static char *take_string(struct reading *in, size_t max)
{
    size_t len = cur_u32(in->c);
    if (len > max) {
        cur_fail(in->c);
    }
    const uint8_t *p = cur_bytes(in->c, len);
    if (!p) {
        return NULL;
    }
    char *s = str_ndup((const char *)p, len);
    in->no_memory |= !s;
    if (s && (str_len(s) != len || !utf8_is_valid(s, len))) {
        cur_fail(in->c);
    }
    return s;
}

static void take_file(struct cur *c, struct smb_record *r)
{
    r->file.domain = cur_u64(c);
    r->file.id = cur_u64(c);
    r->file.id_high = cur_u64(c);
    r->file.create_time = cur_u64(c);
    r->size = cur_u64(c);
    r->write_time = cur_u64(c);
    r->change_time = cur_u64(c);
}

static void take_locks(struct reading *in, struct smb_record *r)
{
    struct cur *c = in->c;
    uint32_t count = cur_u32(c);
    if (count > SMB_RECORD_LOCKS_MAX || cur_left(c) != (size_t)count * LOCK_BYTES) {
        cur_fail(c);
        return;
    }
    r->locks = count > 0 ? mem_zalloc(count * sizeof(*r->locks)) : NULL;
    in->no_memory |= count > 0 && !r->locks;
    for (uint32_t i = 0; r->locks && i < count; i++) {
        struct vfs_lock *l = &r->locks[i];
        l->offset = cur_u64(c);
        l->length = cur_u64(c);
        uint8_t exclusive = cur_u8(c);
        l->exclusive = exclusive == 1;
        l->fail_immediately = true;
        if (exclusive > 1) {
            cur_fail(c);
        }
        r->lock_count++;
    }
}

static void take_body(struct reading *in, struct smb_record *r)
{
    struct cur *c = in->c;
    r->kind = cur_u8(c);
    r->oplock_level = cur_u8(c);
    r->lease_caching = cur_u8(c);
    r->flags = cur_u8(c);
    r->timeout_ms = cur_u32(c);
    r->until = cur_u64(c);
    r->persistent_id = cur_u64(c);
    cur_copy(c, r->client_guid, sizeof(r->client_guid));
    cur_copy(c, r->create_guid, sizeof(r->create_guid));
    cur_copy(c, r->lease_key, sizeof(r->lease_key));
    r->epoch = cur_u32(c);
    r->rid = cur_u32(c);
    r->who_flags = cur_u32(c);
    r->access = cur_u32(c);
    r->share_access = cur_u32(c);
    r->options = cur_u32(c);
    take_file(c, r);
    r->lockseq.valid = cur_u64(c);
    cur_copy(c, r->lockseq.numbers, sizeof(r->lockseq.numbers));
    r->user = take_string(in, NAME_BYTES_MAX);
    r->domain = take_string(in, NAME_BYTES_MAX);
    r->share = take_string(in, NAME_BYTES_MAX);
    r->path = take_string(in, PATH_BYTES_MAX);
    r->stream = take_string(in, NAME_BYTES_MAX);
    take_locks(in, r);
}

/* Could that have been an open that is kept? */
static bool is_sound(const struct smb_record *r)
{
    bool has_lease = r->flags & SMB_RECORD_HAS_LEASE;
    bool has_stream = r->flags & SMB_RECORD_HAS_STREAM;
    uint8_t all = OPLOCK_R | OPLOCK_W | OPLOCK_H;
    return r->kind > SMB_DURABLE_NOT && r->kind <= SMB_DURABLE_RESILIENT &&
           !(r->flags & ~SMB_RECORD_FLAGS) && r->timeout_ms <= SMB_DURABLE_MAX_MS &&
           r->persistent_id != 0 && r->persistent_id < UINT64_MAX && r->epoch <= UINT16_MAX &&
           !(r->lease_caching & ~all) &&
           (has_lease ? r->oplock_level == 0 : r->lease_caching == 0) &&
           (has_lease || !(r->flags & SMB_RECORD_HAS_EPOCH)) &&
           oplock_level_of(oplock_caching_of(r->oplock_level)) == r->oplock_level &&
           r->access != 0 && r->share_access <= 7 && r->user[0] && r->share[0] &&
           path_is_good(r->path) && (has_stream ? path_is_stream(r->stream) : !r->stream[0]);
}

bool smb_record_is_begun(const void *p, size_t len)
{
    struct cur c = cur_init(p, len);
    return cur_u32(&c) == MAGIC && cur_ok(&c);
}

enum smb_record_err smb_record_parse(struct cur *c, struct smb_record *out)
{
    *out = (struct smb_record){0};
    uint32_t magic = cur_u32(c);
    uint16_t version = cur_u16(c);
    uint16_t reserved = cur_u16(c);
    uint32_t len = cur_u32(c);
    uint32_t crc = cur_u32(c);
    if (!cur_ok(c)) {
        return SMB_RECORD_SHORT;
    }
    if (magic != MAGIC || version != SMB_RECORD_VERSION || reserved != 0 ||
        len > SMB_RECORD_BYTES_MAX - SMB_RECORD_HEADER_SIZE) {
        return SMB_RECORD_BAD;
    }
    struct cur body = cur_take(c, len);
    if (!cur_ok(c)) {
        return SMB_RECORD_SHORT;
    }
    if (crypto_crc32(body.pos, len) != crc) {
        return SMB_RECORD_BAD;
    }
    struct reading in = {.c = &body};
    take_body(&in, out);
    bool is_good = !in.no_memory && cur_done(&body) && is_sound(out);
    if (!is_good) {
        smb_record_fini(out);
        return in.no_memory ? SMB_RECORD_NO_MEMORY : SMB_RECORD_UNSOUND;
    }
    return SMB_RECORD_OK;
}

void smb_record_fini(struct smb_record *r)
{
    mem_free(r->user);
    mem_free(r->domain);
    mem_free(r->share);
    mem_free(r->path);
    mem_free(r->stream);
    mem_free(r->locks);
    *r = (struct smb_record){0};
}
