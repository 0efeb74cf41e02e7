/* SPDX-License-Identifier: Apache-2.0 */
/* Channel sequences: the state machine, and what a client that counts up meets. */
#include "smb_fake_client.h"

#include "smb/sequence.h"

/* ---- the state machine ---- */

struct step {
    uint16_t channel;
    bool is_replay;
    bool is_old; /* what comes out, and the three fields after it */
    uint16_t want_channel;
    uint32_t want, want_before;
};

static const struct {
    const char *name;
    struct smb_sequence start;
    unsigned count;
    struct step steps[3];
} rows[] = {
    {"the same", {5, 0, 0}, 2, {{5, false, false, 5, 1, 0}, {5, true, false, 5, 2, 0}}},
    {"one ahead leaves one behind",
     {5, 1, 0},
     2,
     {{6, false, false, 6, 1, 1}, {6, false, false, 6, 2, 1}}},
    {"a replay waits for what it repeats",
     {5, 1, 0},
     3,
     {{6, true, true, 6, 0, 1}, {6, true, true, 6, 0, 1}, {6, false, false, 6, 1, 1}}},
    {"a replay of what is over", {5, 0, 0}, 1, {{6, true, false, 6, 1, 0}}},
    {"as far ahead as can be", {5, 0, 0}, 1, {{5 + 0x7fff, false, false, 5 + 0x7fff, 1, 0}}},
    {"further is behind", {5, 0, 0}, 1, {{5 + 0x8000, false, true, 5, 0, 0}}},
    {"behind", {5, 1, 0}, 2, {{4, false, true, 5, 1, 0}, {4, true, true, 5, 1, 0}}},
    {"over the end",
     {0xffff, 0, 0},
     2,
     {{0, false, false, 0, 1, 0}, {0xffff, false, true, 0, 1, 0}}},
};

static void test_steps(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smb_sequence s = rows[i].start;
        for (unsigned k = 0; k < rows[i].count; k++) {
            const struct step *t = &rows[i].steps[k];
            test_context("%s, step %u", rows[i].name, k);
            CHECK(t->is_old ==
                  (smb_sequence_begin(&s, t->channel, t->is_replay) == SMB_SEQUENCE_OLD));
            CHECK_INT(s.channel, t->want_channel);
            CHECK_INT(s.outstanding, t->want);
            CHECK_INT(s.outstanding_before, t->want_before);
        }
    }
    test_context("%s", "");
}

/* What is under way, each with its sequence: the two counts are of those. */
static void test_random_walk(void)
{
    uint64_t seed = 3;
    struct smb_sequence s = {0};
    uint16_t under_way[64];
    unsigned n = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t dice = test_random(&seed);
        if (n == ARRAY_LEN(under_way) || (n > 0 && dice % 2)) {
            unsigned k = (unsigned)(dice / 2 % n);
            smb_sequence_end(&s, under_way[k]);
            under_way[k] = under_way[--n];
        } else {
            uint16_t channel = (uint16_t)(s.channel + dice / 2 % 5 - 2);
            if (smb_sequence_begin(&s, channel, dice & 0x100) == SMB_SEQUENCE_COUNTED) {
                under_way[n++] = channel;
            }
        }
        unsigned same = 0;
        for (unsigned k = 0; k < n; k++) {
            same += under_way[k] == s.channel;
        }
        CHECK_INT(s.outstanding, same);
        CHECK_INT(s.outstanding_before, n - same);
    }
}

/* ---- on the wire ---- */

static struct wr write_request(struct fake *f, struct smb2_file_id id, uint16_t channel,
                               uint32_t flags)
{
    struct smb2_write_req req = {.file_id = id, .data = {(const uint8_t *)"x", 1}};
    struct wr w = fake_request(f, SMB2_WRITE);
    smb2_write_req_format(&w, &req);
    w.base[8] = (uint8_t)channel;
    w.base[9] = (uint8_t)(channel >> 8);
    w.base[SMB2_HDR_FLAGS_OFFSET + 3] |= (uint8_t)(flags >> 24);
    return w;
}

static smbkit_status write_as(struct fake *f, struct smb2_file_id id, uint16_t channel,
                              uint32_t flags)
{
    struct wr w = write_request(f, id, channel, flags);
    struct fake_reply r = fake_ask(f, &w);
    smbkit_status status = r.status;
    fake_reply_fini(&r);
    return status;
}

static smbkit_status read_as(struct fake *f, struct smb2_file_id id, uint16_t channel)
{
    struct smb2_read_req req = {.file_id = id, .length = 1};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    w.base[8] = (uint8_t)channel;
    w.base[9] = (uint8_t)(channel >> 8);
    struct fake_reply r = fake_ask(f, &w);
    smbkit_status status = r.status;
    fake_reply_fini(&r);
    return status;
}

static void talk(uint16_t dialect, smbkit_status late)
{
    struct fake f;
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    f.credits = 10;
    struct smb2_negotiate_req req = fake_negotiate_req(dialect);
    struct smb2_create_rsp made = {0};
    fake_connect(&f);
    CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    struct wr w = fake_request(&f, SMB2_CREATE);
    fake_create_format(&w, "file", SMBKIT_OPEN_IF, 0, 7);
    w.base[9] = 0x90; /* more than half of the way round: the open begins there */
    struct fake_reply r = fake_ask(&f, &w);
    CHECK_INT(fake_create_done(&r, &made), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_as(&f, made.file_id, 0x9000, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_as(&f, made.file_id, 0x9001, SMB2_FLAGS_REPLAY_OPERATION),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_as(&f, made.file_id, 0x9000, 0), late);
    CHECK_INT(write_as(&f, made.file_id, 0x9000, SMB2_FLAGS_REPLAY_OPERATION), late);
    CHECK_INT(read_as(&f, made.file_id, 0x9000), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_as(&f, made.file_id, 0x9001, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&f, made.file_id), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* [MS-SMB2] 3.3.5.2.10: older dialects have none. */
static void test_conversation(void)
{
    talk(SMB2_DIALECT_311, SMBKIT_STATUS_FILE_NOT_AVAILABLE);
    talk(SMB2_DIALECT_300, SMBKIT_STATUS_FILE_NOT_AVAILABLE);
    talk(SMB2_DIALECT_210, SMBKIT_STATUS_SUCCESS);
}

/* A request that outlives a whole round of the client's counting. */
static void test_around(void)
{
    struct smb_sequence s = {0};
    static const uint16_t steps[] = {0, 0x7fff, 0xfffe, 0};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        CHECK_INT(smb_sequence_begin(&s, steps[i], false), SMB_SEQUENCE_COUNTED);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        smb_sequence_end(&s, steps[i]);
    }
    CHECK_INT(s.outstanding, 0);
    CHECK_INT(s.outstanding_before, 0);
}

static const struct test_case cases[] = {{"around", test_around},
                                         {"steps", test_steps},
                                         {"random walk", test_random_walk},
                                         {"on the wire", test_conversation}};
TEST_MAIN(cases)
