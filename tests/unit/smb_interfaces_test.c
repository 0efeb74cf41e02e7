/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told to connect to for further channels. */
#include "smb_fake_client.h"

#include "wire/fsctl.h"
#include "wire/ioctl.h"

static size_t tell_two(void *arg, struct smb_interface *out, size_t max)
{
    CHECK(max >= 2);
    out[0] = (struct smb_interface){
        .index = 7, .address = {192, 0, 2, 1}, .speed_bps = 10000000000u, .has_rss = true};
    out[1] = (struct smb_interface){
        .index = 8, .is_ipv6 = true, .address = {0xfd, [15] = 1}, .speed_bps = 1000000000u};
    return *(size_t *)arg;
}

static size_t told_count = 2;

static void tell(struct smb_config *c)
{
    c->multichannel = true;
    c->interfaces = tell_two;
    c->interfaces_arg = &told_count;
}

static void off(struct smb_config *c)
{
    tell(c);
    c->multichannel = false;
}

static void silent(struct smb_config *c)
{
    c->multichannel = true;
}

static void enter(struct fake *f, uint16_t dialect, void (*change)(struct smb_config *c))
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    change(&config);
    fake_start(f, &config);
    f->credits = 10;
    struct smb2_negotiate_req req = fake_negotiate_req(dialect);
    req.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

static smbkit_status ask_interfaces(struct fake *f, uint64_t id, uint32_t max, struct fake_reply *r)
{
    struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_QUERY_NETWORK_INTERFACE_INFO,
                                 .file_id = {id, id},
                                 .flags = SMB2_0_IOCTL_IS_FSCTL,
                                 .max_output_response = max};
    struct wr w = fake_request(f, SMB2_IOCTL);
    smb2_ioctl_req_format(&w, &req);
    *r = fake_ask(f, &w);
    return r->status;
}

/* [MS-SMB2] 3.3.5.15.11, 2.2.32.5 */
static void test_interfaces(void)
{
    struct fake f;
    struct fake_reply r;
    struct smb2_ioctl_rsp rsp = {0};
    enter(&f, SMB2_DIALECT_311, tell);
    CHECK_INT(ask_interfaces(&f, UINT64_MAX, 65536, &r), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_ioctl_rsp_parse(&r.body, &rsp), WIRE_OK);
    REQUIRE(rsp.output.len == 2 * FSCTL_NETIF_SIZE);
    static const uint8_t first[] = {152, 0,    0,    0,    7, 0, 0, 0, 1, 0, 0, 0, 0,   0, 0, 0,
                                    0,   0xe4, 0x0b, 0x54, 2, 0, 0, 0, 2, 0, 0, 0, 192, 0, 2, 1};
    static const uint8_t second[] = {0, 0, 0,    0, 8, 0, 0,    0,    0,    0, 0,
                                     0, 0, 0,    0, 0, 0, 0xca, 0x9a, 0x3b, 0, 0,
                                     0, 0, 0x17, 0, 0, 0, 0,    0,    0,    0, 0xfd};
    CHECK_MEM(rsp.output.p, sizeof(first), first, sizeof(first));
    CHECK_MEM(rsp.output.p + FSCTL_NETIF_SIZE, sizeof(second), second, sizeof(second));
    fake_reply_fini(&r);
    CHECK_INT(ask_interfaces(&f, UINT64_MAX, 2 * FSCTL_NETIF_SIZE - 1, &r),
              SMBKIT_STATUS_BUFFER_TOO_SMALL);
    fake_reply_fini(&r);
    CHECK_INT(ask_interfaces(&f, 1, 65536, &r), SMBKIT_STATUS_INVALID_PARAMETER);
    fake_reply_fini(&r);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* To who does not know channels, or where there are none. */
static void test_no_interfaces(void)
{
    static const struct {
        uint16_t dialect;
        void (*change)(struct smb_config *c);
    } rows[] = {{SMB2_DIALECT_210, tell}, {SMB2_DIALECT_311, off}, {SMB2_DIALECT_311, silent}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct fake_reply r;
        enter(&f, rows[i].dialect, rows[i].change);
        CHECK_INT(ask_interfaces(&f, UINT64_MAX, 65536, &r), SMBKIT_STATUS_NOT_SUPPORTED);
        fake_reply_fini(&r);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* [MS-SMB2] 3.3.5.4: what a client says that it has is answered, and nothing else of these. */
static void test_capabilities(void)
{
    static const uint32_t said[] = {
        0, SMB2_GLOBAL_CAP_MULTI_CHANNEL, SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
        SMB2_GLOBAL_CAP_MULTI_CHANNEL | SMB2_GLOBAL_CAP_DIRECTORY_LEASING};
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct fake f;
        struct smb2_negotiate_rsp rsp = {0};
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        config.multichannel = true;
        fake_start(&f, &config);
        fake_connect(&f);
        struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
        req.capabilities = said[i];
        struct wr w = fake_request(&f, SMB2_NEGOTIATE);
        smb2_negotiate_req_format(&w, &req);
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(smb2_negotiate_rsp_parse(&r.body, &rsp), WIRE_OK);
        CHECK_INT(rsp.capabilities & said[3], said[i]);
        fake_reply_fini(&r);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

static const struct test_case cases[] = {{"capabilities", test_capabilities},
                                         {"interfaces", test_interfaces},
                                         {"no interfaces", test_no_interfaces}};
TEST_MAIN(cases)
