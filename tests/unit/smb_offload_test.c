/* SPDX-License-Identifier: Apache-2.0 */
/* Offloaded copies: what arrives, and what a token is when things change under it. */
#include <smbkit/filter.h>

#include "smb_fake_client.h"

#include "wire/fsctl.h"
#include "wire/ioctl.h"

#define SECTOR 512u
#define READ_SIZE 32u
#define WRITE_SIZE 544u
#define TOKEN_SIZE 512u
#define PIECE 60000u
#define MOST 300000u

/* ---- a client ---- */

static void start(struct fake *f, const struct smbkit_plugin *filter)
{
    fake_init(f);
    f->credits = 100;
    f->filter = filter;
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
    fake_enter(f, SMB2_DIALECT_311);
}

static void stop(struct fake *f)
{
    fake_disconnect(f);
    fake_stop(f);
}

static void fill(struct fake *f, struct smb2_file_id id, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += PIECE) {
        CHECK_INT(fake_write(f, id, at, data + at, MIN(PIECE, size - at)), SMBKIT_STATUS_SUCCESS);
    }
}

static void check_data(struct fake *f, struct smb2_file_id id, const uint8_t *want, size_t size)
{
    static uint8_t got[PIECE];
    for (size_t at = 0; at < size; at += PIECE) {
        size_t n = 0;
        const struct crypto_span buf = {got, MIN(PIECE, size - at)};
        CHECK_INT(fake_read(f, id, at, buf, &n), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(n, buf.len);
        CHECK(memcmp(got, want + at, n) == 0);
    }
}

static struct smb2_file_id open_file(struct fake *f, const char *name, const uint8_t *data,
                                     size_t size)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, name, SMBKIT_OPEN_IF, &rsp), SMBKIT_STATUS_SUCCESS);
    fill(f, rsp.file_id, data, size);
    return rsp.file_id;
}

/* in: the whole input; out: what comes back, room at most. */
static smbkit_status control(struct fake *f, struct smb2_file_id id, uint32_t code,
                             const struct wr *in, struct wr *out)
{
    const struct smb2_ioctl_req req = {.ctl_code = code,
                                       .file_id = id,
                                       .input = {in->base, wr_pos(in)},
                                       .max_output_response = 4096,
                                       .flags = SMB2_0_IOCTL_IS_FSCTL};
    struct smb2_ioctl_rsp rsp;
    struct wr w = fake_request(f, SMB2_IOCTL);
    smb2_ioctl_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    if (r.hdr.command == SMB2_CLOSE) { /* which a test has sent meanwhile */
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        fake_reply_fini(&r);
        r = fake_take(f);
    }
    if (SMBKIT_OK(r.status)) {
        CHECK_INT(smb2_ioctl_rsp_parse(&r.body, &rsp), WIRE_OK);
        wr_bytes(out, rsp.output.p, rsp.output.len);
    }
    fake_reply_fini(&r);
    return r.status;
}

struct piece {
    uint64_t from, length, to;
};

static void token_get(struct fake *f, struct smb2_file_id id, const struct piece *p,
                      uint8_t token[TOKEN_SIZE])
{
    uint8_t in_buf[READ_SIZE], out_buf[4096];
    struct wr in = wr_init(in_buf, sizeof(in_buf));
    struct wr out = wr_init(out_buf, sizeof(out_buf));
    wr_u32(&in, READ_SIZE);
    wr_zero(&in, 12);
    wr_u64(&in, p->from);
    wr_u64(&in, p->length);
    CHECK_INT(control(f, id, SMB2_FSCTL_OFFLOAD_READ, &in, &out), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(wr_pos(&out), FSCTL_OFFLOAD_READ_RSP_SIZE);
    memcpy(token, out_buf + 16, TOKEN_SIZE);
}

static smbkit_status token_put(struct fake *f, struct smb2_file_id id, const struct piece *p,
                               const uint8_t token[TOKEN_SIZE], uint64_t *written_r)
{
    uint8_t in_buf[WRITE_SIZE], out_buf[4096];
    struct wr in = wr_init(in_buf, sizeof(in_buf));
    struct wr out = wr_init(out_buf, sizeof(out_buf));
    wr_u32(&in, WRITE_SIZE);
    wr_zero(&in, 4);
    wr_u64(&in, p->to);
    wr_u64(&in, p->length);
    wr_u64(&in, 0);
    wr_bytes(&in, token, TOKEN_SIZE);
    smbkit_status st = control(f, id, SMB2_FSCTL_OFFLOAD_WRITE, &in, &out);
    struct cur c = cur_init(out_buf, wr_pos(&out));
    cur_skip(&c, 8);
    *written_r = cur_u64(&c);
    return st;
}

static void make_data(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(1 + i % 251);
    }
}

/* ---- within one file ---- */

/* The target gets what was in the source before, and zeroes for what is beyond its end: where these
 * go the source may be, and what this request has changed itself does not end its token. */
static void test_within(void)
{
    static const struct {
        size_t size;
        struct piece p;
    } rows[] = {
        {1300, {512, 1024, 0}},
        {1300, {1024, 512, 0}},
        {1300, {1024, 512, 512}},
        {1300, {512, 1024, 512}},
        {200000, {100 * SECTOR, 291 * SECTOR, 0}}, /* more than is copied on the loop */
        {200000, {300 * SECTOR, 91 * SECTOR, 299 * SECTOR}},
    };
    static uint8_t data[MOST], want[MOST];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const size_t size = rows[i].size;
        const struct piece *p = &rows[i].p;
        struct fake f;
        uint8_t token[TOKEN_SIZE];
        uint64_t written = 0;
        test_context("row %u", (unsigned)i);
        start(&f, NULL);
        make_data(data, size);
        struct smb2_file_id id = open_file(&f, "f", data, size);
        token_get(&f, id, p, token);
        CHECK_INT(token_put(&f, id, p, token, &written), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(written, p->length);
        memcpy(want, data, size);
        for (size_t at = 0; at < p->length && p->to + at < size; at++) {
            want[p->to + at] = p->from + at < size ? data[p->from + at] : 0;
        }
        check_data(&f, id, want, size);
        stop(&f);
    }
}

/* ---- from file to file ---- */

/* Large enough for a worker: the tail is not written by the run on the loop. */
static void test_across(void)
{
    static uint8_t data[MOST], want[MOST];
    const size_t size = 200000, room = 391 * SECTOR;
    const struct piece p = {0, room, 0};
    struct fake f;
    uint8_t token[TOKEN_SIZE];
    uint64_t written = 0;
    start(&f, NULL);
    make_data(data, size);
    memset(want, 0xee, sizeof(want));
    struct smb2_file_id from = open_file(&f, "from", data, size);
    struct smb2_file_id to = open_file(&f, "to", want, room + 100);
    token_get(&f, from, &p, token);
    CHECK_INT(token_put(&f, to, &p, token, &written), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(written, room);
    memcpy(want, data, size);
    memset(want + size, 0, room - size);
    check_data(&f, to, want, room + 100);
    stop(&f);
}

/* ---- what changes between the calls ---- */

/* A filter that says how large sectors are, and closes a file within the Nth getattr to come. */
static struct {
    uint32_t sector;
    unsigned close_at;
    struct fake *f;
    struct smb2_file_id id;
} odd;

static smbkit_status odd_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void odd_volume_close(void *volume)
{
    (void)volume;
}

static smbkit_status odd_create(void *v, struct smbkit_op *op, struct smbkit_create *how)
{
    return smbkit_next_create(v, op, how);
}

static void odd_close(void *v, struct smbkit_op *op, void *file)
{
    smbkit_next_close(v, op, file);
}

static smbkit_status odd_volume_info(void *v, struct smbkit_op *op, struct smbkit_volume_info *info)
{
    smbkit_status st = smbkit_next_volume_info(v, op, info);
    info->sector_size_bytes = odd.sector;
    return st;
}

static void send_close(struct fake *f, struct smb2_file_id id)
{
    const struct smb2_close_req req = {.file_id = id};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    fake_sign(f, w.base, wr_pos(&w));
    struct iobuf *frame = iobuf_new(wr_pos(&w));
    memcpy(frame->base, w.base, wr_pos(&w));
    wr_fini(&w);
    smb_conn_frame(f->conn, frame);
}

static smbkit_status odd_getattr(void *v, struct smbkit_op *op, void *file, struct smbkit_attr *a)
{
    if (odd.close_at > 0 && --odd.close_at == 0) {
        send_close(odd.f, odd.id);
    }
    return smbkit_next_getattr(v, op, file, a);
}

static const struct smbkit_plugin odd_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "odd",
    .description = "odd",
    .version = "1",
    .volume_open = odd_volume_open,
    .volume_close = odd_volume_close,
    .create = odd_create,
    .close = odd_close,
    .volume_info = odd_volume_info,
    .getattr = odd_getattr,
};

/* The target's sectors are larger than those that the token was made with: whole ones are written,
 * and with less than one it is for the client to go on. [MS-FSCC] 2.3.44 */
static void test_sectors(void)
{
    static uint8_t data[MOST], want[MOST];
    const struct piece p = {0, 16384, 0}, one = {0, 4096, 4096};
    struct fake f;
    uint8_t token[TOKEN_SIZE], small[TOKEN_SIZE];
    uint64_t written = 0;
    odd.sector = SECTOR;
    start(&f, &odd_filter);
    make_data(data, 16384);
    struct smb2_file_id from = open_file(&f, "from", data, 5000);
    struct smb2_file_id to = open_file(&f, "to", want, 16384);
    token_get(&f, from, &p, token);
    token_get(&f, from, &(struct piece){0, SECTOR, 0}, small);
    odd.sector = 4096;
    CHECK_INT(token_put(&f, to, &p, token, &written), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(written, 4096);
    CHECK_INT(token_put(&f, to, &one, small, &written), SMBKIT_STATUS_INVALID_TOKEN);
    memcpy(want, data, 4096);
    check_data(&f, to, want, 16384);
    stop(&f);
}

/* Its CLOSE comes while the worker looks at it: the target, which the request names, is not what is
 * closed. */
static void test_source_closed(void)
{
    static uint8_t data[MOST], want[MOST];
    const size_t size = 200 * SECTOR;
    const struct piece p = {0, size, 0};
    struct fake f;
    uint8_t token[TOKEN_SIZE];
    uint64_t written = 0;
    odd.sector = SECTOR;
    start(&f, &odd_filter);
    make_data(data, size);
    struct smb2_file_id from = open_file(&f, "from", data, size);
    struct smb2_file_id to = open_file(&f, "to", want, size);
    token_get(&f, from, &p, token);
    odd.f = &f;
    odd.id = from;
    odd.close_at = 4; /* target and source on the loop, and on the worker */
    CHECK_INT(token_put(&f, to, &p, token, &written), SMBKIT_STATUS_INVALID_TOKEN);
    CHECK_INT(odd.close_at, 0);
    check_data(&f, to, want, size);
    stop(&f);
}

static const struct test_case cases[] = {
    {"within one file", test_within},
    {"from file to file", test_across},
    {"sectors of two sizes", test_sectors},
    {"source closed meanwhile", test_source_closed},
};
TEST_MAIN(cases)
