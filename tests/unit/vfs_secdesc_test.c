/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "vfs/secdesc.h"
#include "vfs/token.h"

static const uint32_t machine[3] = {10, 20, 30};

static struct vfs_token *make_token(uint32_t rid, uint32_t privileges)
{
    struct vfs_token *t =
        vfs_token_new(&(struct vfs_token_spec){.user = "u", .rid = rid, .machine_sid = machine});
    t->privileges = privileges;
    return t;
}

/* Owner rid 1001, group 513; SACL of one audit entry; DACL: deny 1002 write, allow everyone all, an
 * object entry. */
static const char golden[] =
    "01 00 1494 88000000 a4000000 14000000 30000000 " /* control: self-relative, auto-inherited,
                                                         present */
    "02 00 1c00 0100 0000 02 c0 1400 ff011f00 01 01 000000000001 00000000 "
    "04 00 5800 0300 0000 "
    "01 03 2400 16010000 01 05 000000000005 15000000 0a000000 14000000 1e000000 ea030000 "
    "00 00 1400 ff011f00 01 01 000000000001 00000000 "
    "05 00 1800 10000000 00000000 01 01 000000000005 0b000000 "
    "01 05 000000000005 15000000 0a000000 14000000 1e000000 e9030000 "
    "01 05 000000000005 15000000 0a000000 14000000 1e000000 01020000";

static void test_golden(void)
{
    uint8_t bytes[256];
    size_t len = test_hex(bytes, sizeof(bytes), golden);
    struct secdesc sd;
    char text[SID_STR_MAX];
    REQUIRE(sd_parse(bytes, len, &sd) == SMBKIT_STATUS_SUCCESS);
    CHECK_INT(sd.control,
              SD_DACL_PRESENT | SD_SACL_PRESENT | SD_DACL_AUTO_INHERITED | SD_DACL_PROTECTED);
    sid_to_str(&sd.owner, text);
    CHECK_STR(text, "S-1-5-21-10-20-30-1001");
    sid_to_str(&sd.group, text);
    CHECK_STR(text, "S-1-5-21-10-20-30-513");
    CHECK_INT(sd.sacl->count, 1);
    CHECK_INT(sd.sacl->aces[0].type, ACE_AUDIT);
    REQUIRE(sd.dacl->count == 3);
    CHECK_INT(sd.dacl->aces[0].type, ACE_DENIED);
    CHECK_INT(sd.dacl->aces[0].flags, 3);
    CHECK_INT(sd.dacl->aces[0].mask, 0x116);
    CHECK_INT(sd.dacl->aces[2].opaque_len, 20);
    struct wr w = wr_new(SD_BYTES_MAX);
    sd_format(&w, &sd, SD_OWNER | SD_GROUP | SD_DACL | SD_SACL);
    CHECK_MEM(w.base, w.len, bytes, len);
    wr_fini(&w);
    sd_fini(&sd);
}

static void test_format_parts(void)
{
    uint8_t bytes[256];
    size_t len = test_hex(bytes, sizeof(bytes), golden);
    struct secdesc sd;
    REQUIRE(sd_parse(bytes, len, &sd) == SMBKIT_STATUS_SUCCESS);
    for (uint32_t what = 0; what < 16; what++) {
        struct wr w = wr_new(SD_BYTES_MAX);
        struct secdesc part;
        wr_u32(&w, 0xdeadbeef); /* offsets count from the descriptor, not from the buffer */
        sd_format(&w, &sd, what);
        test_context("what %u", what);
        REQUIRE(sd_parse(w.base + 4, w.len - 4, &part) == SMBKIT_STATUS_SUCCESS);
        CHECK_INT(part.has_owner, (what & SD_OWNER) != 0);
        CHECK_INT(part.has_group, (what & SD_GROUP) != 0);
        CHECK_INT(part.dacl != NULL, (what & SD_DACL) != 0);
        CHECK_INT(part.sacl != NULL, (what & SD_SACL) != 0);
        CHECK_INT((part.control & SD_DACL_PROTECTED) != 0, (what & SD_DACL) != 0);
        sd_fini(&part);
        wr_fini(&w);
    }
    sd_fini(&sd);
}

/* What parses must survive a round trip; nothing may be read out of bounds (ASan watches: the copy
 * is as long as it says). */
static void parse_exact(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = mem_dup(bytes, len);
    struct secdesc sd;
    if (SMBKIT_OK(sd_parse(copy, len, &sd))) {
        struct wr w = wr_new(SD_BYTES_MAX);
        struct secdesc again;
        sd_format(&w, &sd, SD_OWNER | SD_GROUP | SD_DACL | SD_SACL);
        CHECK(wr_ok(&w));
        CHECK_INT(sd_parse(w.base, w.len, &again), SMBKIT_STATUS_SUCCESS);
        CHECK(!sd.dacl == !again.dacl && (!sd.dacl || acl_eq(sd.dacl, again.dacl)));
        sd_fini(&again);
        wr_fini(&w);
    }
    sd_fini(&sd);
    mem_free(copy);
}

static void test_truncations_and_mutations(void)
{
    uint8_t bytes[256];
    size_t len = test_hex(bytes, sizeof(bytes), golden);
    for (size_t i = 0; i < len; i++) {
        struct secdesc sd;
        uint8_t *copy = mem_dup(bytes, i);
        test_context("truncated to %zu", i);
        CHECK(!SMBKIT_OK(sd_parse(copy, i, &sd)));
        CHECK(!sd.dacl && !sd.sacl && !sd.has_owner);
        mem_free(copy);
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t old = bytes[i];
        for (unsigned v = 0; v < 256; v++) {
            bytes[i] = (uint8_t)v;
            test_context("byte %zu is %u", i, v);
            parse_exact(bytes, len);
        }
        bytes[i] = old;
    }
}

static void test_parse_errors(void)
{
    static const struct {
        const char *name, *hex;
        smbkit_status want;
    } rows[] = {
        {"empty", "", (smbkit_status)0xC0000079},
        {"nothing in it", "01000080 00000000 00000000 00000000 00000000", 0},
        {"NULL DACL", "01000480 00000000 00000000 00000000 00000000", 0},
        {"revision 2", "02000080 00000000 00000000 00000000 00000000", (smbkit_status)0xC0000079},
        {"absolute", "01000000 00000000 00000000 00000000 00000000", (smbkit_status)0xC0000079},
        {"owner in the header", "01000080 10000000 00000000 00000000 00000000",
         (smbkit_status)0xC0000079},
        {"owner past the end", "01000080 15000000 00000000 00000000 00000000",
         (smbkit_status)0xC0000079},
        {"owner cut", "01000080 14000000 00000000 00000000 00000000 0101000000000001 000000",
         (smbkit_status)0xC0000078},
        {"16 sub-authorities", "01000080 14000000 00000000 00000000 00000000 0110000000000001",
         (smbkit_status)0xC0000078},
        {"ACL revision 1", "01000480 00000000 00000000 00000000 14000000 01000800 00000000",
         (smbkit_status)0xC0000077},
        {"empty ACL", "01000480 00000000 00000000 00000000 14000000 02000800 00000000", 0},
        {"ACL smaller than its header",
         "01000480 00000000 00000000 00000000 14000000 02000700 00000000",
         (smbkit_status)0xC0000077},
        {"more ACEs than fit", "01000480 00000000 00000000 00000000 14000000 02000800 01000000",
         (smbkit_status)0xC0000077},
        {"ACE size 0", "01000480 00000000 00000000 00000000 14000000 02000c00 01000000 05000000",
         (smbkit_status)0xC0000077},
        {"ACE size 5",
         "01000480 00000000 00000000 00000000 14000000 02001000 01000000 05000500 00000000",
         (smbkit_status)0xC0000077},
        {"ACE larger than the ACL",
         "01000480 00000000 00000000 00000000 14000000 02001000 01000000 05000c00 00000000 "
         "00000000",
         (smbkit_status)0xC0000077},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[128];
        struct secdesc sd;
        size_t len = test_hex(bytes, sizeof(bytes), rows[i].hex);
        test_context("%s", rows[i].name);
        CHECK_INT(sd_parse(bytes, len, &sd), rows[i].want);
        sd_fini(&sd);
    }
}

static void test_acl_bounds(void)
{
    CLEANUP(acl_free) struct acl *a = acl_new();
    struct sid everyone = sid_everyone();
    for (unsigned i = 0; i < ACL_ACES_MAX; i++) {
        REQUIRE(SMBKIT_OK(acl_add_plain(a, ACE_ALLOWED, 0, 1, &everyone)));
    }
    CHECK_INT(acl_add_plain(a, ACE_ALLOWED, 0, 1, &everyone), SMBKIT_STATUS_INVALID_ACL);
    CLEANUP(acl_free) struct acl *b = acl_new();
    uint8_t filler[32 * 1024 - 12] = {0};
    struct ace big = {.type = 0x42, .opaque = filler, .opaque_len = sizeof(filler)};
    CHECK(SMBKIT_OK(acl_add(b, &big)));
    CHECK_INT(acl_add(b, &big), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(acl_len_bytes(b), 2 * (32 * 1024 - 8) + 8);
    CHECK_INT(acl_add_plain(b, ACE_ALLOWED, 0, 1, &everyone), SMBKIT_STATUS_INVALID_ACL);
}

/* Whichever allocation fails, the call says so and leaves nothing behind (LSan watches). */
static void test_no_memory(void)
{
    struct vfs_token *t = make_token(1001, TOKEN_CAN_SECURITY);
    uint8_t bytes[256];
    size_t len = test_hex(bytes, sizeof(bytes), golden);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct secdesc sd, child;
        mem_fail_nth(n);
        smbkit_status st = sd_parse(bytes, len, &sd);
        struct sd_inherit_in in = {&sd, &sd, t, true};
        smbkit_status st2 = SMBKIT_OK(st) ? sd_inherit(&in, &child) : st;
        smbkit_status st3 = SMBKIT_OK(st2) ? sd_set(&child, &sd, SD_DACL | SD_SACL, t) : st2;
        failed = mem_fail_happened();
        mem_fail_nth(0);
        test_context("allocation %" PRIu64, n);
        CHECK_INT(st3, failed ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS);
        if (SMBKIT_OK(st2)) {
            sd_fini(&child);
        }
        sd_fini(&sd);
        REQUIRE(n < 100);
    }
    vfs_token_unref(t);
}

static const struct test_case cases[] = {
    {"golden", test_golden},
    {"format parts", test_format_parts},
    {"truncations and mutations", test_truncations_and_mutations},
    {"parse errors", test_parse_errors},
    {"ACL bounds", test_acl_bounds},
    {"no memory", test_no_memory},
};
TEST_MAIN(cases)
