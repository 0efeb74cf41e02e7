/* SPDX-License-Identifier: Apache-2.0 */
/* Control codes of pipes: who waits for one, what lies there to be read, and that files have none
 * of it. [MS-SMB2] 3.3.5.15.3, 3.3.5.15.4, [MS-FSCC] 2.3.45, 2.3.47 */
#include "smb_compound.h"
#include "smb_faults.h"

#include "wire/close.h"
#include "wire/ioctl.h"
#include "wire/read.h"

static smbkit_status ioctl(struct fake *f, const struct smb2_ioctl_req *req, uint8_t *p,
                           size_t *len_r)
{
    struct smb2_ioctl_rsp rsp = {0};
    struct wr w = fake_request(f, SMB2_IOCTL);
    smb2_ioctl_req_format(&w, req);
    struct fake_reply r = fake_ask(f, &w);
    if (SMBKIT_OK(r.status)) {
        CHECK_INT(smb2_ioctl_rsp_parse(&r.body, &rsp), WIRE_OK);
    }
    *len_r = MIN(rsp.output.len, 64u);
    memcpy(p, *len_r ? rsp.output.p : p, *len_r);
    fake_reply_fini(&r);
    return r.status;
}

static smbkit_status wait_for(struct fake *f, const char *name, size_t name_len)
{
    uint8_t in[64];
    uint8_t out[64];
    size_t len;
    struct wr w = wr_init(in, sizeof(in));
    wr_u64(&w, 0);
    wr_u32(&w, (uint32_t)name_len);
    wr_u16(&w, 0);
    wr_utf16(&w, name);
    const struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_PIPE_WAIT,
                                       .file_id = {UINT64_MAX, UINT64_MAX},
                                       .input = {in, wr_pos(&w)},
                                       .max_output_response = 64,
                                       .flags = SMB2_0_IOCTL_IS_FSCTL};
    return ioctl(f, &req, out, &len);
}

/* Every pipe that there is can be opened at once; a name that is longer than it says is none. */
static void test_wait(void)
{
    struct fake f;
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    CHECK_INT(wait_for(&f, "srvsvc", 12), SMBKIT_STATUS_INVALID_DEVICE_REQUEST); /* a disk */
    CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(wait_for(&f, "srvsvc", 12), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(wait_for(&f, "SrvSvc", 12), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(wait_for(&f, "nobody", 12), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(wait_for(&f, "", 0), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(wait_for(&f, "srvsvc", 14), SMBKIT_STATUS_INVALID_PARAMETER);
    stop(&f);
}

static smbkit_status peek(struct fake *f, struct smb2_file_id id, uint32_t room, uint8_t *p)
{
    size_t len;
    const struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_PIPE_PEEK,
                                       .file_id = id,
                                       .max_output_response = room,
                                       .flags = SMB2_0_IOCTL_IS_FSCTL};
    smbkit_status status = ioctl(f, &req, p, &len);
    CHECK_INT(len, SMBKIT_OK(status) ? 16 : 0);
    return status;
}

static void check_peek(struct fake *f, struct smb2_file_id id, uint32_t bytes, uint32_t messages)
{
    uint8_t p[64];
    CHECK_INT(peek(f, id, 16, p), SMBKIT_STATUS_SUCCESS);
    struct cur c = cur_init(p, 16);
    CHECK_INT(cur_u32(&c), 3); /* connected */
    CHECK_INT(cur_u32(&c), bytes);
    CHECK_INT(cur_u32(&c), messages);
    CHECK_INT(cur_u32(&c), bytes);
}

/* It tells of the reply that lies there, and takes nothing of it. */
static void test_peek(void)
{
    struct fake f;
    struct smb2_create_rsp file = {0};
    struct smb2_create_rsp pipe = {0};
    uint8_t p[128];
    size_t len = 0;
    uint8_t bind[128];
    size_t bind_len = test_hex(bind, sizeof(bind),
                               "05000b03 10000000 48000000 01000000 b810b810 00000000 01000000 "
                               "00000100 c84f324b7016d30112785a47bf6ee188 03000000 "
                               "045d888aeb1cc9119fe808002b104860 02000000");
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    CHECK_INT(fake_create(&f, "file", SMBKIT_CREATE, &file), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(peek(&f, file.file_id, 16, p), SMBKIT_STATUS_INVALID_DEVICE_REQUEST);
    CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&f, "srvsvc", SMBKIT_OPEN, &pipe), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(peek(&f, pipe.file_id, 15, p), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    check_peek(&f, pipe.file_id, 0, 0);
    CHECK_INT(fake_write(&f, pipe.file_id, 0, bind, bind_len), SMBKIT_STATUS_SUCCESS);
    check_peek(&f, pipe.file_id, 68, 1);
    check_peek(&f, pipe.file_id, 68, 1);
    CHECK_INT(fake_read(&f, pipe.file_id, 0, (struct crypto_span){p, sizeof(p)}, &len),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(len, 68);
    check_peek(&f, pipe.file_id, 0, 0);
    stop(&f);
}

static void add_read(struct fake *f, struct compound *c, struct smb2_file_id id)
{
    const struct smb2_read_req req = {.length = 64, .file_id = id};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    compound_add(f, c, &w, wr_pos(&c->w) > 0);
}

static void add_close(struct fake *f, struct compound *c)
{
    const struct smb2_close_req req = {.file_id = any};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    compound_add(f, c, &w, true);
}

/* A READ of a pipe where nothing lies may wait for ever: only the last of a compound may. [MS-SMB2]
 * 3.3.5.2.7 and its note on Windows */
static void test_read_in_compound(void)
{
    for (unsigned is_last = 0; is_last < 2; is_last++) {
        struct fake f;
        struct smb2_create_rsp pipe = {0};
        struct compound c = {.w = wr_new(1 << 16)};
        test_context("last %u", is_last);
        start(&f, NULL);
        fake_enter(&f, 0x0311);
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_create(&f, "srvsvc", SMBKIT_OPEN, &pipe), SMBKIT_STATUS_SUCCESS);
        add_read(&f, &c, pipe.file_id);
        if (!is_last) {
            add_close(&f, &c);
        }
        compound_send(&f, &c);
        struct fake_reply r = {0};
        REQUIRE(fake_next(&f, &r));
        CHECK_INT(r.hdr.command, SMB2_READ);
        CHECK_INT((smbkit_status)r.hdr.status,
                  is_last ? SMBKIT_STATUS_PENDING : SMBKIT_STATUS_INTERNAL_ERROR);
        CHECK_INT(r.hdr.next_command != 0, !is_last);
        if (!is_last) { /* the pipe is closed behind it */
            struct smb2_hdr h = {0};
            struct cur at = cur_init(r.p + r.hdr.next_command, r.len - r.hdr.next_command);
            CHECK_INT(smb2_hdr_parse(&at, &h), WIRE_OK);
            CHECK_INT(h.command, SMB2_CLOSE);
            CHECK_INT(h.status, SMBKIT_STATUS_SUCCESS);
        }
        fake_reply_fini(&r);
        stop(&f);
    }
}

static const struct test_case cases[] = {
    {"waited for", test_wait},
    {"peeked into", test_peek},
    {"read in a compound", test_read_in_compound},
};
TEST_MAIN(cases)
