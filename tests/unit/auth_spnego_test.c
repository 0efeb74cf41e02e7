/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/spnego.h"

#include "base/mem.h"
#include "test.h"

/* What smbclient sends: one mechanism and a token (shortened). */
static const char init_hex[] =
    "6024 0606 2b0601050502 a01a 3018 a00e 300c 060a 2b06010401823702020a"
    "a206 0404 4e544c4d";
#define OID_NTLM "2b06010401823702020a"

static uint8_t *exact(const char *hex, size_t *len)
{
    uint8_t buf[4096];
    *len = test_hex(buf, sizeof(buf), hex);
    return mem_dup(buf, *len);
}

static void check_slice(struct auth_slice got, const char *want_hex)
{
    uint8_t want[256];
    size_t n = test_hex(want, sizeof(want), want_hex);
    CHECK_MEM(got.p, got.len, want, n);
}

static void test_init(void)
{
    struct spnego_init init;
    size_t len;
    uint8_t *p = exact(init_hex, &len);
    CHECK(spnego_is_init(p, len));
    REQUIRE(spnego_init_parse(p, len, &init));
    CHECK_INT(init.mech_count, 1);
    check_slice(init.mechs[0], OID_NTLM);
    check_slice(init.mech_list, "300c060a" OID_NTLM);
    check_slice(init.token, "4e544c4d");
    mem_free(p);
}

static void test_init_variants(void)
{
    static const struct {
        const char *name;
        const char *hex;
        bool ok;
    } rows[] = {
        {"no token", "601c 0606 2b0601050502 a012 3010 a00e 300c 060a " OID_NTLM, true},
        {"reqFlags", "6022 0606 2b0601050502 a018 3016 a00e 300c 060a " OID_NTLM "a104 03020640",
         true},
        {"long form lengths",
         "608126 0606 2b0601050502 a0811b 308118 a00e 300c 060a " OID_NTLM "a206 0404 4e544c4d",
         true},
        {"indefinite length", "6080 0606 2b0601050502 a012 3010 a00e 300c 060a " OID_NTLM "0000",
         false},
        {"another mechanism's token", "601c 0606 2b0601050503 a012 3010 a00e 300c 060a " OID_NTLM,
         false},
        {"empty list", "6010 0606 2b0601050502 a006 3004 a002 3000", false},
        {"list with something else", "6012 0606 2b0601050502 a008 3006 a004 3002 0500", false},
        {"no list", "600c 0606 2b0601050502 a002 3000", false},
        {"bytes behind", "601c 0606 2b0601050502 a012 3010 a00e 300c 060a " OID_NTLM "00", false},
        {"token of another type",
         "6024 0606 2b0601050502 a01a 3018 a00e 300c 060a " OID_NTLM "a206 0304 4e544c4d", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct spnego_init init;
        size_t len;
        uint8_t *p = exact(rows[i].hex, &len);
        test_context("%s", rows[i].name);
        CHECK_INT(spnego_init_parse(p, len, &init), rows[i].ok);
        mem_free(p);
    }
}

static void test_mechs_bound(void)
{
    for (unsigned count = SPNEGO_MECHS_MAX - 1; count <= SPNEGO_MECHS_MAX + 1; count++) {
        struct auth_slice oids[SPNEGO_MECHS_MAX + 1];
        for (unsigned i = 0; i < count; i++) {
            oids[i] = auth_slice_of("\x2a\x03", 2);
        }
        struct wr w = wr_new(4096);
        struct spnego_init init;
        spnego_init2_format(&w, oids, count);
        test_context("%u mechanisms", count);
        CHECK_INT(spnego_init_parse(w.base, wr_pos(&w), &init), count <= SPNEGO_MECHS_MAX);
        wr_fini(&w);
    }
}

static void test_init2_golden(void)
{
    uint8_t buf[256];
    struct wr w = wr_init(buf, sizeof(buf));
    uint8_t oid[10];
    test_hex(oid, sizeof(oid), OID_NTLM);
    spnego_init2_format(&w, &(struct auth_slice){oid, sizeof(oid)}, 1);
    REQUIRE(wr_ok(&w));
    /* byte for byte what Samba and Windows (with this one mechanism) send */
    check_slice(auth_slice_of(buf, wr_pos(&w)),
                "604806062b0601050502a03e303ca00e300c060a" OID_NTLM "a32a3028a0261b24"
                "6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265");
}

/* Lengths around the steps of the DER length, and absence. */
static void test_resp_round_trip(void)
{
    static const size_t lens[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, SIZE_MAX};
    static uint8_t bytes[0x10000];
    for (size_t i = 0; i < ARRAY_LEN(lens) * 4; i++) {
        size_t n = lens[i / 4];
        struct spnego_resp in = {
            .state = i % 4 == 0 ? SPNEGO_STATE_ABSENT : (enum spnego_state)(i % 4),
            .token = n == SIZE_MAX ? auth_slice_of(NULL, 0) : auth_slice_of(bytes, n),
            .mech = i % 2 ? auth_slice_of(bytes, 10) : auth_slice_of(NULL, 0),
            .mic = i % 3 ? auth_slice_of(bytes, 16) : auth_slice_of(NULL, 0),
        };
        struct spnego_resp out;
        struct wr w = wr_new(0x20000);
        spnego_resp_format(&w, &in);
        test_context("token of %zu", n);
        CHECK(spnego_resp_parse(w.base, wr_pos(&w), &out));
        CHECK_INT(out.state, in.state);
        CHECK_INT(out.token.len, in.token.len);
        CHECK_INT(out.token.p != NULL, in.token.p != NULL);
        CHECK_INT(out.mech.len, in.mech.len);
        CHECK_INT(out.mic.len, in.mic.len);
        wr_fini(&w);
    }
}

static void test_resp_golden(void)
{
    uint8_t buf[64];
    struct wr w = wr_init(buf, sizeof(buf));
    struct spnego_resp resp = {.state = SPNEGO_ACCEPT_COMPLETED, .mic = auth_slice_of("abcd", 4)};
    spnego_resp_format(&w, &resp);
    check_slice(auth_slice_of(buf, wr_pos(&w)), "a10f300da0030a0100a306040461626364");
}

static void test_cut_and_mutated(void)
{
    static const char *const texts[] = {init_hex, "a10f300da0030a0100a306040461626364",
                                        "a1153013a0030a0101a10c060a" OID_NTLM};
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        size_t len;
        uint8_t *p = exact(texts[t], &len);
        struct spnego_init init;
        struct spnego_resp resp;
        for (size_t n = 0; n < len; n++) {
            uint8_t *cut = mem_dup(p, n);
            test_context("%zu cut at %zu", t, n);
            CHECK(!spnego_init_parse(cut, n, &init));
            CHECK(!spnego_resp_parse(cut, n, &resp));
            mem_free(cut);
        }
        for (size_t i = 0; i < len * 256; i++) {
            uint8_t *copy = mem_dup(p, len);
            copy[i / 256] = (uint8_t)i;
            if (spnego_init_parse(copy, len, &init)) {
                CHECK(init.mech_list.p >= copy &&
                      init.mech_list.p + init.mech_list.len <= copy + len);
            }
            if (spnego_resp_parse(copy, len, &resp) && resp.mic.p) {
                CHECK(resp.mic.p + resp.mic.len <= copy + len);
            }
            mem_free(copy);
        }
        mem_free(p);
    }
}

static const struct test_case cases[] = {
    {"NegTokenInit", test_init},
    {"NegTokenInit, variants", test_init_variants},
    {"bound of mechanisms", test_mechs_bound},
    {"NegTokenInit2, golden bytes", test_init2_golden},
    {"NegTokenResp, round trip", test_resp_round_trip},
    {"NegTokenResp, golden bytes", test_resp_golden},
    {"cut at each byte, each byte changed", test_cut_and_mutated},
};

TEST_MAIN(cases)
