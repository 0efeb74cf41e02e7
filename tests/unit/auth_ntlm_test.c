/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM messages and computations against the examples of [MS-NLMP] 4.2.4. */
#include "auth/ntlm.h"

#include "base/mem.h"
#include "crypto/crypto.h"
#include "test.h"

#define U_USER "5500730065007200"
#define U_DOMAIN "44006f006d00610069006e00"
#define NT_HASH "a4f49c406510bdcab6824ee7c30fd852" /* "Password". 4.2.2.1.2 */
#define SERVER_CHALLENGE "0123456789abcdef"
#define TEMP                                                                                       \
    "01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"                                     \
    "02000c0044006f006d00610069006e0001000c00530065007200760065007200"                             \
    "0000000000000000"
#define PROOF "68cd0ab851e51c96aabc927bebef6a1c"
#define SESSION_BASE_KEY "8de40ccadbc14a82f15cb0ad0de95ca3"
#define ENCRYPTED_KEY "c5dad2544fc9799094ce1ce90bc9d03e"
#define RANDOM_KEY "55555555555555555555555555555555"

/* 4.2.4.3 */
static const char authenticate_hex[] =
    "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000"
    "100010005c00000010001000d8000000358288e20501280a0000000f"
    "44006f006d00610069006e00550073006500720043004f004d0050005500540045005200"
    "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa" PROOF TEMP ENCRYPTED_KEY;

static uint8_t pool[4096];
static size_t pool_used;

/* Bytes of a hex text, kept for the test's duration. */
static struct auth_slice hex(const char *text)
{
    uint8_t *p = pool + pool_used;
    size_t n = test_hex(p, sizeof(pool) - pool_used, text);
    pool_used += n;
    return auth_slice_of(p, n);
}

static void check_slice(struct auth_slice got, const char *want_hex)
{
    struct auth_slice want = hex(want_hex);
    CHECK_MEM(got.p, got.len, want.p, want.len);
}

static void test_computations(void)
{
    pool_used = 0;
    uint8_t key[16];
    uint8_t proof[16];
    uint8_t base[16];
    uint8_t exported[16];
    CHECK(ntlm_v2_key(hex(NT_HASH).p, hex(U_USER), hex(U_DOMAIN), key));
    check_slice(auth_slice_of(key, 16), "0c868a403bfd7a93a3001ef22ef02e3f"); /* 4.2.4.1.1 */
    CHECK(ntlm_v2_proof(key, hex(SERVER_CHALLENGE).p, hex(TEMP), proof));
    check_slice(auth_slice_of(proof, 16), PROOF); /* 4.2.4.2.2 */
    CHECK(ntlm_v2_session_key(key, proof, base));
    check_slice(auth_slice_of(base, 16), SESSION_BASE_KEY); /* 4.2.4.1.2 */
    memcpy(exported, hex(ENCRYPTED_KEY).p, 16);
    CHECK(ntlm_rc4k(base, exported, 16));
    check_slice(auth_slice_of(exported, 16), RANDOM_KEY); /* 4.2.4.2.3 */
}

static void test_upper_case(void)
{
    pool_used = 0;
    uint8_t a[16];
    uint8_t b[16];
    /* "jürgen я" and "JÜRGEN Я"; the domain is not folded */
    struct auth_slice lower = hex("6a00fc007200670065006e0020004f04");
    struct auth_slice upper = hex("4a00dc005200470045004e0020002f04");
    CHECK(ntlm_v2_key(hex(NT_HASH).p, lower, hex(U_DOMAIN), a));
    CHECK(ntlm_v2_key(hex(NT_HASH).p, upper, hex(U_DOMAIN), b));
    CHECK_MEM(a, 16, b, 16);
    CHECK(ntlm_v2_key(hex(NT_HASH).p, upper, hex("64006f006d00610069006e00"), b));
    CHECK(!mem_eq(a, b, 16));
}

/* 4.2.4.4 signs the sealed text "Plaintext" after sealing it with the same RC4 stream; here the
 * stream starts with the signature, as it does for a mechListMIC. So check against the keys. */
static void test_mac(void)
{
    pool_used = 0;
    uint8_t mac[16];
    uint8_t want[16];
    uint8_t exported[16];
    uint8_t text[] = "P\0l\0a\0i\0n\0t\0e\0x\0t";
    struct auth_slice data = auth_slice_of(text, 18);
    memcpy(exported, hex(RANDOM_KEY).p, 16);
    /* ClientSigningKey and ClientSealingKey of 4.2.4.4 */
    struct auth_slice sign_key = hex("4788dc861b4782f35d43fd98fe1a2d39");
    struct auth_slice seal_key = hex("59f600973cc4960a25480a7c196e4c58");
    struct crypto_span spans[] = {{want, 4}, {text, 18}};
    memset(want, 0, 4);
    REQUIRE(crypto_hmac_md5(sign_key.p, 16, spans, 2, want));
    CHECK(ntlm_mac(exported, 0, NTLM_CLIENT, data, mac));
    CHECK_MEM(mac + 4, 8, want, 8);
    check_slice(auth_slice_of(mac, 4), "01000000");
    check_slice(auth_slice_of(mac + 12, 4), "00000000");
    CHECK(ntlm_mac(exported, NTLM_KEY_EXCH, NTLM_CLIENT, data, mac));
    REQUIRE(ntlm_rc4k(seal_key.p, want, 8));
    CHECK_MEM(mac + 4, 8, want, 8);
    CHECK(ntlm_mac(exported, NTLM_KEY_EXCH, NTLM_SERVER, data, mac));
    CHECK(!mem_eq(mac + 4, want, 8));
}

/* The example's own signature: 18 bytes of key stream go to the text, the next 8 to the checksum.
 */
static void test_mac_example(void)
{
    pool_used = 0;
    uint8_t sealed[26] = "P\0l\0a\0i\0n\0t\0e\0x\0t";
    uint8_t mac[16];
    uint8_t exported[16];
    memcpy(exported, hex(RANDOM_KEY).p, 16);
    CHECK(ntlm_mac(exported, 0, NTLM_CLIENT, auth_slice_of(sealed, 18), mac));
    memcpy(sealed + 18, mac + 4, 8);
    CHECK(ntlm_rc4k(hex("59f600973cc4960a25480a7c196e4c58").p, sealed, sizeof(sealed)));
    check_slice(auth_slice_of(sealed, 26), "54e50165bf1936dc996020c1811b0f06fb5f 7fb38ec5c55d4976");
}

static void test_authenticate(void)
{
    pool_used = 0;
    struct ntlm_authenticate msg;
    struct ntlm_v2_response resp;
    REQUIRE(ntlm_authenticate_parse(hex(authenticate_hex), &msg));
    CHECK_INT(msg.flags, 0xe2888235);
    check_slice(msg.user, U_USER);
    check_slice(msg.domain, U_DOMAIN);
    check_slice(msg.workstation, "43004f004d0050005500540045005200");
    check_slice(msg.session_key, ENCRYPTED_KEY);
    CHECK_INT(msg.lm.len, 24);
    REQUIRE(ntlm_v2_response_parse(msg.nt, &resp));
    check_slice(auth_slice_of(resp.proof, 16), PROOF);
    check_slice(resp.temp, TEMP);
    CHECK(!resp.has_mic);
    CHECK(!ntlm_v2_response_parse(msg.lm, &resp)); /* 24 bytes: a version 1 response */
}

static void test_authenticate_cut(void)
{
    pool_used = 0;
    struct auth_slice whole = hex(authenticate_hex);
    for (size_t n = 0; n < whole.len; n++) {
        struct ntlm_authenticate msg;
        uint8_t *copy = mem_dup(whole.p, n); /* so that ASan sees the end */
        test_context("%zu bytes", n);
        CHECK(!ntlm_authenticate_parse(auth_slice_of(copy, n), &msg));
        mem_free(copy);
    }
}

static void test_authenticate_mutated(void)
{
    pool_used = 0;
    struct auth_slice whole = hex(authenticate_hex);
    for (size_t i = 0; i < whole.len * 256; i++) {
        struct ntlm_authenticate msg;
        struct ntlm_v2_response resp;
        uint8_t *copy = mem_dup(whole.p, whole.len);
        copy[i / 256] = (uint8_t)i;
        test_context("byte %zu = %02x", i / 256, (unsigned)(i % 256));
        if (ntlm_authenticate_parse(auth_slice_of(copy, whole.len), &msg)) {
            CHECK(msg.nt.len == 0 ||
                  (msg.nt.p >= copy && msg.nt.p + msg.nt.len <= copy + whole.len));
            CHECK(!ntlm_v2_response_parse(msg.nt, &resp) || resp.temp.len >= 28);
        }
        mem_free(copy);
    }
}

struct v2_case {
    const char *name;
    const char *pairs; /* behind proof and the fixed part */
    bool ok;
    bool has_mic;
};

static const struct v2_case v2_cases[] = {
    {"no pairs at all", "", true, false},
    {"end mark only", "00000000", true, false},
    {"end mark and padding", "0000000000000000", true, false},
    {"end mark with a length", "0000010000", false, false},
    {"no end mark", "0100020041 00", true, false},
    {"half a pair", "010002", false, false},
    {"value cut", "0100040041", false, false},
    {"flags with MIC", "060004000200000000000000", true, true},
    {"flags without MIC", "060004000100000000000000", true, false},
    {"flags of two bytes", "06000200020000000000", false, false},
    {"flags of eight bytes", "0600080002000000000000000000 0000", false, false},
};

static void test_v2_response(void)
{
    for (size_t i = 0; i < ARRAY_LEN(v2_cases); i++) {
        uint8_t buf[128] = {[16] = 1, [17] = 1};
        struct ntlm_v2_response resp;
        size_t n = test_hex(buf + 44, sizeof(buf) - 44, v2_cases[i].pairs);
        test_context("%s", v2_cases[i].name);
        CHECK_INT(ntlm_v2_response_parse(auth_slice_of(buf, 44 + n), &resp), v2_cases[i].ok);
        CHECK_INT(resp.has_mic, v2_cases[i].has_mic);
        buf[16] = 2;
        CHECK(!ntlm_v2_response_parse(auth_slice_of(buf, 44 + n), &resp));
    }
}

static void test_av_pairs_bound(void)
{
    for (unsigned count = NTLM_AV_PAIRS_MAX - 1; count <= NTLM_AV_PAIRS_MAX + 1; count++) {
        uint8_t buf[44 + 4 * (NTLM_AV_PAIRS_MAX + 1)] = {[16] = 1, [17] = 1};
        struct ntlm_v2_response resp;
        for (unsigned i = 0; i < count; i++) {
            buf[44 + 4 * i] = 9;
        }
        test_context("%u pairs", count);
        CHECK_INT(ntlm_v2_response_parse(auth_slice_of(buf, 44 + 4 * count), &resp),
                  count <= NTLM_AV_PAIRS_MAX);
    }
}

static void test_challenge(void)
{
    pool_used = 0;
    struct ntlm_challenge msg = {
        .flags = 0xe2828235 | NTLM_REQUEST_TARGET,
        .server_challenge = hex(SERVER_CHALLENGE).p,
        .time = 0x01d0112233445566,
        .target_name = "SRV",
        .dns_name = "srv.x",
    };
    uint8_t buf[512];
    struct wr w = wr_init(buf, sizeof(buf));
    ntlm_challenge_format(&w, &msg);
    REQUIRE(wr_ok(&w));
    check_slice(auth_slice_of(buf, wr_pos(&w)),
                "4e544c4d53535000 02000000 0600 0600 38000000 358282e2 0123456789abcdef "
                "0000000000000000 4000 4000 3e000000 060100000000000f 530052005600"
                "0200 0600 530052005600 0100 0600 530052005600"
                "0400 0a00 7300720076002e007800 0300 0a00 7300720076002e007800"
                "0700 0800 665544332211d001 0000 0000");
}

static void test_mic_covers_all(void)
{
    uint8_t neg[40] = {1};
    uint8_t chal[60] = {2};
    uint8_t auth[120] = {3};
    uint8_t key[16] = {4};
    uint8_t first[16];
    uint8_t mic[16];
    struct auth_slice parts[] = {{neg, sizeof(neg)}, {chal, sizeof(chal)}, {auth, sizeof(auth)}};
    uint8_t *bases[] = {neg, chal, auth};
    REQUIRE(ntlm_mic(key, parts[0], parts[1], parts[2], first));
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = 0; i < parts[p].len; i++) {
            bool is_mic = p == 2 && i >= NTLM_MIC_OFFSET && i < NTLM_MIC_OFFSET + NTLM_MIC_LEN;
            bases[p][i] ^= 0x40;
            test_context("message %zu byte %zu", p, i);
            CHECK(ntlm_mic(key, parts[0], parts[1], parts[2], mic));
            CHECK_INT(mem_eq(mic, first, 16), is_mic);
            bases[p][i] ^= 0x40;
        }
    }
}

static const struct test_case cases[] = {
    {"4.2.4.1, 4.2.4.2: keys and proof", test_computations},
    {"user names are folded, domains not", test_upper_case},
    {"MAC of the first message", test_mac},
    {"4.2.4.4: the example's signature", test_mac_example},
    {"4.2.4.3: AUTHENTICATE", test_authenticate},
    {"AUTHENTICATE cut at each byte", test_authenticate_cut},
    {"AUTHENTICATE, each byte changed", test_authenticate_mutated},
    {"version 2 response", test_v2_response},
    {"bound of AV pairs", test_av_pairs_bound},
    {"CHALLENGE, golden bytes", test_challenge},
    {"the MIC covers every byte", test_mic_covers_all},
};

int main(int argc, char **argv)
{
    if (crypto_init() != 0) {
        return 1;
    }
    return test_main(argc, argv, cases, ARRAY_LEN(cases));
}
