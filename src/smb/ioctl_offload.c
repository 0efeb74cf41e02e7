/* SPDX-License-Identifier: Apache-2.0 */
/* Offloaded copies: a token that stands for a piece of a file, and is written to another.
 * [MS-FSCC] 2.3.41 to 2.3.44, [MS-FSA] 2.1.5.10.20, .21
 *
 * A token says all about itself and bears a MAC, so that the server holds nothing for it, however
 * many there are. It names the open that it was made by, as a resume key does: it is good in that
 * session, while the file is open, for a time, and as long as the data is what it was. */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "smb/ioctl.h"
#include "smb/open.h"

#define TOKEN_TYPE 0x534d424bu /* any but the well-known ones is the server's to choose */
#define TOKEN_VERSION 1u
#define MAC_LEN 32u
#define MAC_AT (FSCTL_OFFLOAD_TOKEN_ID_SIZE - MAC_LEN)

struct token {
    uint64_t session_id, persistent_id, volatile_id;
    uint64_t offset, length; /* in the file */
    uint64_t until_ms;       /* of the server's clock */
    struct vfs_data_stamp stamp;
};

/* ---- tokens ---- */

static void token_mac(const struct smb_server *s, const uint8_t *id, uint8_t mac[MAC_LEN])
{
    const struct crypto_span span = crypto_span_of(id, MAC_AT);
    crypto_hmac_sha256(s->offload_key, sizeof(s->offload_key), &span, 1, mac);
}

static void token_format(const struct smb_server *s, const struct token *t,
                         struct fsctl_offload_token *out)
{
    *out = (struct fsctl_offload_token){.type = TOKEN_TYPE, .id_len = sizeof(out->id)};
    struct wr w = wr_init(out->id, sizeof(out->id));
    wr_u64(&w, TOKEN_VERSION);
    wr_u64(&w, t->session_id);
    wr_u64(&w, t->persistent_id);
    wr_u64(&w, t->volatile_id);
    wr_u64(&w, t->offset);
    wr_u64(&w, t->length);
    wr_u64(&w, t->until_ms);
    wr_u64(&w, t->stamp.changes);
    wr_u64(&w, t->stamp.size);
    wr_u64(&w, t->stamp.write_time);
    wr_u64(&w, t->stamp.change_time);
    wr_zero(&w, MAC_AT - wr_pos(&w));
    token_mac(s, out->id, out->id + MAC_AT);
}

/* Is it one that this session was given, and its time not up? */
static bool token_parse(const struct smb_request *r, const struct fsctl_offload_token *in,
                        struct token *t)
{
    const struct smb_server *s = r->conn->server;
    uint8_t mac[MAC_LEN];
    struct cur c = cur_init(in->id, MAC_AT);
    token_mac(s, in->id, mac);
    bool is_ours = in->type == TOKEN_TYPE && in->id_len == sizeof(in->id) &&
                   mem_eq_ct(mac, in->id + MAC_AT, MAC_LEN) && cur_u64(&c) == TOKEN_VERSION;
    t->session_id = cur_u64(&c);
    t->persistent_id = cur_u64(&c);
    t->volatile_id = cur_u64(&c);
    t->offset = cur_u64(&c);
    t->length = cur_u64(&c);
    t->until_ms = cur_u64(&c);
    t->stamp.changes = cur_u64(&c);
    t->stamp.size = cur_u64(&c);
    t->stamp.write_time = cur_u64(&c);
    t->stamp.change_time = cur_u64(&c);
    return is_ours && t->session_id == r->session->id && smb_server_monotonic_ms(s) < t->until_ms;
}

/* ---- what both ask ---- */

/* Numbers of bytes are whole sectors. */
static smbkit_status sector_get(struct smb_request *r, uint32_t *size_r)
{
    struct smbkit_volume_info info;
    smbkit_status status = vfs_volume_info(&r->call, smb_request_volume(r), &info);
    *size_r = SMBKIT_OK(status) && info.sector_size_bytes ? info.sector_size_bytes : 512;
    return status;
}

/* err: of reading what was asked; room: the reply's size. */
static smbkit_status begin(struct smb_request *r, const struct smb2_ioctl_req *req,
                           enum wire_err err, size_t room, uint32_t *sector_r)
{
    if (err == WIRE_SHORT || req->max_output_response < room) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smbkit_status status = sector_get(r, sector_r);
    return SMBKIT_OK(status) && err != WIRE_OK ? SMBKIT_STATUS_INVALID_PARAMETER : status;
}

static uint64_t sectors_up(uint64_t bytes, uint32_t sector)
{
    return (bytes + sector - 1) / sector * sector;
}

static bool is_aligned(uint64_t offset, uint64_t length, uint32_t sector)
{
    return offset % sector == 0 && length % sector == 0 && offset <= INT64_MAX &&
           length <= (uint64_t)INT64_MAX - offset;
}

/* ---- read ---- */

/* Is there nothing in the range but zeroes that take no space? */
static smbkit_status is_hole(struct smb_request *r, struct smbkit_range range, bool *is_hole_r)
{
    struct smbkit_range one;
    uint32_t count = 1;
    smbkit_status status = vfs_ranges(&r->call, r->open->file, range, &one, &count);
    *is_hole_r = SMBKIT_OK(status) && count == 0;
    return status == SMBKIT_STATUS_BUFFER_OVERFLOW ? SMBKIT_STATUS_SUCCESS : status;
}

static void make_token(const struct smb_request *r, const struct fsctl_offload_read_req *in,
                       struct token *t, struct fsctl_offload_token *out)
{
    const struct smb_server *s = r->conn->server;
    uint32_t ms = in->time_to_live_ms ? in->time_to_live_ms : SMB_OFFLOAD_DEFAULT_MS;
    t->session_id = r->session->id;
    t->persistent_id = r->open->persistent_id;
    t->volatile_id = r->open->volatile_id;
    t->offset = in->file_offset;
    t->until_ms = smb_server_monotonic_ms(s) + MIN(ms, SMB_OFFLOAD_MAX_MS);
    token_format(s, t, out);
}

static smbkit_status offload_read(struct smb_request *r, const struct fsctl_offload_read_req *in,
                                  uint32_t sector, struct wr *w)
{
    struct fsctl_offload_token token = {.type = FSCTL_OFFLOAD_TOKEN_ZERO_DATA,
                                        .id_len = sizeof(token.id)};
    struct token t = {0};
    bool hole = false;
    const struct smbkit_range range = {in->file_offset, in->copy_length};
    smbkit_status status = vfs_data_look(&r->call, r->open->file, range, &t.stamp);
    if (status == SMBKIT_STATUS_INVALID_DEVICE_REQUEST) {
        return SMBKIT_STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED; /* a directory */
    }
    if (SMBKIT_OK(status) && in->copy_length > 0 && in->file_offset >= t.stamp.size) {
        return SMBKIT_STATUS_END_OF_FILE;
    }
    t.length = MIN(in->copy_length, sectors_up(t.stamp.size - in->file_offset, sector));
    if (SMBKIT_OK(status) && t.length > 0) {
        status = is_hole(r, (struct smbkit_range){in->file_offset, t.length}, &hole);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!hole) {
        make_token(r, in, &t, &token);
    }
    fsctl_offload_read_rsp_format(w, in->copy_length > 0 ? t.length : 0, &token);
    return SMBKIT_STATUS_SUCCESS;
}

FSCTL_FN(fsctl_offload_read)
{
    struct fsctl_offload_read_req in;
    uint32_t sector;
    enum wire_err err = fsctl_offload_read_req_parse(req->input, &in);
    smbkit_status status = begin(r, req, err, FSCTL_OFFLOAD_READ_RSP_SIZE, &sector);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool is_good = is_aligned(in.file_offset, in.copy_length, sector);
    return is_good ? offload_read(r, &in, sector, w) : SMBKIT_STATUS_INVALID_PARAMETER;
}

/* ---- write ---- */

/* One write under way. */
struct writing {
    struct smb_request *r;
    const struct fsctl_offload_write_req *in;
    uint32_t sector; /* of the target's volume; the source's may have others */
    uint64_t length; /* of what is asked for, whole sectors */
    uint64_t room;   /* of that, what is in the target's file */
    struct smb_source source;
    struct token token;
};

/* Is the data still what it was when the token was given? */
static smbkit_status check_same(struct writing *x, uint64_t at)
{
    struct vfs_data_stamp now;
    const struct smbkit_range range = {at, x->length};
    smbkit_status status = vfs_data_look(&x->r->call, x->source.file, range, &now);
    if (status == SMBKIT_STATUS_FILE_CLOSED) {
        return SMBKIT_STATUS_INVALID_TOKEN;
    }
    return SMBKIT_OK(status) && !vfs_data_is_same(&now, &x->token.stamp)
               ? SMBKIT_STATUS_INVALID_TOKEN
               : status;
}

/* What is beyond the source's end are zeroes. They are written after the data, which may be where
 * they go, and in one call with it: once anything is changed nothing is run again. */
static smbkit_status write_data(struct writing *x)
{
    struct vfs_open *target = x->r->open->file;
    uint64_t at = x->token.offset + x->in->transfer_offset;
    uint64_t size = x->token.stamp.size;
    uint64_t data = MIN(x->room, at < size ? size - at : 0);
    const struct vfs_copy_chunk chunk = {at, x->in->file_offset, data};
    struct vfs_copy copy = {.source = x->source.file,
                            .chunks = &chunk,
                            .chunk_count = data > 0,
                            .target_access = SMBKIT_WRITE_DATA,
                            .zeroes = {x->in->file_offset + data, x->room - data}};
    smbkit_status status = check_same(x, at);
    if (SMBKIT_OK(status)) {
        status = vfs_copy(&x->r->call, target, &copy);
        /* What was written meanwhile may have been copied half. */
        bool is_same = vfs_opens_share(target, x->source.file) ||
                       vfs_data_changes(x->source.file) == x->token.stamp.changes;
        status = SMBKIT_OK(status) && !is_same ? SMBKIT_STATUS_INVALID_TOKEN : status;
    }
    /* The source was cut or closed since. */
    bool is_gone =
        status == SMBKIT_STATUS_INVALID_VIEW_SIZE || status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    return is_gone ? SMBKIT_STATUS_INVALID_TOKEN : status;
}

static smbkit_status write_token(struct writing *x)
{
    struct smb_request *r = x->r;
    if (!token_parse(r, &x->in->token, &x->token)) {
        return SMBKIT_STATUS_INVALID_TOKEN;
    }
    if (x->in->transfer_offset >= x->token.length) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    x->source.open = smb_open_find_in(r->session, x->token.persistent_id, x->token.volatile_id);
    if (!x->source.open) {
        return SMBKIT_STATUS_INVALID_TOKEN;
    }
    /* One that is closed, or moved, meanwhile makes the token invalid: nothing waits for it. */
    x->source.file = smb_open_file_ref(x->source.open);
    uint64_t length = MIN(x->length, x->token.length - x->in->transfer_offset);
    x->length = length - length % x->sector; /* [MS-FSCC] 2.3.44 */
    x->room = MIN(x->room, x->length);
    /* Less than one: the client, which is to go on, copies by other means. */
    smbkit_status status = x->length > 0 ? write_data(x) : SMBKIT_STATUS_INVALID_TOKEN;
    smb_source_end(&x->source);
    return status;
}

static smbkit_status offload_write(struct smb_request *r, const struct fsctl_offload_write_req *in,
                                   uint32_t sector, struct wr *w)
{
    struct vfs_open *target = r->open->file;
    struct smbkit_attr attr;
    if (vfs_open_is_directory(target)) {
        return SMBKIT_STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED;
    }
    if (!(vfs_open_granted_access(target) & SMBKIT_WRITE_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status status = vfs_getattr(&r->call, target, 0, &attr);
    if (SMBKIT_OK(status) && in->copy_length > 0 && in->file_offset >= attr.size) {
        status = SMBKIT_STATUS_END_OF_FILE; /* it makes no file longer */
    }
    struct writing x = {
        .r = r, .in = in, .sector = sector, .length = MIN(in->copy_length, SMB_COPY_BYTES)};
    x.room = SMBKIT_OK(status) ? MIN(x.length, attr.size - in->file_offset) : 0;
    if (SMBKIT_OK(status) && in->copy_length > 0) {
        status = in->token.type == FSCTL_OFFLOAD_TOKEN_ZERO_DATA
                     ? vfs_zero_range(&r->call, target, in->file_offset, x.room)
                     : write_token(&x);
    }
    if (SMBKIT_OK(status)) {
        fsctl_offload_write_rsp_format(w, x.length);
    }
    return status;
}

FSCTL_FN(fsctl_offload_write)
{
    struct fsctl_offload_write_req in;
    uint32_t sector;
    enum wire_err err = fsctl_offload_write_req_parse(req->input, &in);
    smbkit_status status = begin(r, req, err, FSCTL_OFFLOAD_WRITE_RSP_SIZE, &sector);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool is_good =
        is_aligned(in.file_offset, in.copy_length, sector) && in.transfer_offset % sector == 0;
    return is_good ? offload_write(r, &in, sector, w) : SMBKIT_STATUS_INVALID_PARAMETER;
}
