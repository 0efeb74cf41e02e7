/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <pthread.h>

#include "test.h"

#define SEAL_MAX 256

struct sign_case {
    const char *name;
    enum crypto_sign_alg alg;
    const char *key;
    const char *nonce;
    const char *data;
    const char *mac;
};

#define M64                                                                                        \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                             \
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
static const struct sign_case sign_cases[] = {
    /* RFC 4493 4 */
    {"CMAC of nothing", CRYPTO_SIGN_AES_CMAC, "2b7e151628aed2a6abf7158809cf4f3c", NULL, "",
     "bb1d6929e95937287fa37d129b756746"},
    {"CMAC of 16", CRYPTO_SIGN_AES_CMAC, "2b7e151628aed2a6abf7158809cf4f3c", NULL,
     "6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"},
    {"CMAC of 40", CRYPTO_SIGN_AES_CMAC, "2b7e151628aed2a6abf7158809cf4f3c", NULL,
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
     "dfa66747de9ae63030ca32611497c827"},
    {"CMAC of 64", CRYPTO_SIGN_AES_CMAC, "2b7e151628aed2a6abf7158809cf4f3c", NULL, M64,
     "51f0bebf7e3b9d92fc49741779363cfe"},
    /* NIST gcmEncryptExtIV128, no plaintext, 128 bits of additional data */
    {"GMAC", CRYPTO_SIGN_AES_GMAC, "77be63708971c4e240d1cb79e8d77feb", "e0e00f19fed7ba0136a797f3",
     "7a43ec1d9c0a5a78a0b16533a6213cab", "209fcc8d3675ed938e9c7166709dd946"},
    /* computed with OpenSSL: a ragged length */
    {"GMAC of 43", CRYPTO_SIGN_AES_GMAC, "000102030405060708090a0b0c0d0e0f",
     "b0b1b2b3b4b5b6b7b8b9babb",
     "54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f67",
     "11037943d7ef535f379f646a9ae57255"},
    /* computed with OpenSSL: the first half of HMAC-SHA256 */
    {"HMAC-SHA256", CRYPTO_SIGN_HMAC_SHA256, "000102030405060708090a0b0c0d0e0f", NULL, M64,
     "354566186ab7774a4e77689637256bab"},
};

static void check_signer(const struct sign_case *t)
{
    uint8_t key[16];
    uint8_t nonce[12] = {0};
    uint8_t data[SEAL_MAX];
    uint8_t want[16];
    test_hex(key, sizeof(key), t->key);
    test_hex(nonce, sizeof(nonce), t->nonce ? t->nonce : "");
    size_t len = test_hex(data, sizeof(data), t->data);
    test_hex(want, sizeof(want), t->mac);
    CLEANUP(crypto_signer_free) struct crypto_signer *s = crypto_signer_new(t->alg, key);
    REQUIRE(s);
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t mac[16];
        struct crypto_span spans[] = {{data, cut}, {NULL, 0}, {data + cut, len - cut}};
        test_context("%s cut at %zu", t->name, cut);
        CHECK(crypto_sign(s, spans, 3, t->nonce ? nonce : NULL, mac));
        CHECK_MEM(mac, 16, want, 16);
    }
}

static void test_sign(void)
{
    for (size_t i = 0; i < ARRAY_LEN(sign_cases); i++) {
        check_signer(&sign_cases[i]);
    }
}

struct seal_case {
    const char *name;
    enum crypto_cipher cipher;
    const char *key;
    const char *nonce;
    const char *aad;
    const char *plain;
    const char *sealed;
    const char *tag;
};

#define GCM_PLAIN                                                                                  \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                             \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define COUNT_32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define CCM_PLAIN                                                                                  \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"                             \
    "404142434445464748494a4b4c4d4e4f5051525354"
static const struct seal_case seal_cases[] = {
    /* McGrew and Viega, The Galois/Counter Mode of Operation, test cases 4 and 16 */
    {"GCM 128", CRYPTO_AES128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM 256", CRYPTO_AES256_GCM,
     "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    /* Microsoft's "Encryption in SMB 3.0: A protocol perspective": a WRITE request. The additional
     * data is the transform header after its signature. [MS-SMB2] 2.2.41 */
    {"CCM 128, SMB 3.0 message", CRYPTO_AES128_CCM, "261B72350558F2E9DCF613070383EDBF",
     "66E69A111892584FB5ED52", "66E69A111892584FB5ED524A744DA3EE87000000000001001100001400E40800",
     "FE534D4240000100000000000900400008000000000000000400000000000000"
     "FFFE0000010000001100001400E4080000000000000000000000000000000000"
     "3100700017000000000000000000000015010000390000020100000039020000"
     "00000000000000007000000000000000536D623320656E6372797074696F6E20"
     "74657374696E67",
     "25C8FEE16605A437832D1CD52DA9F4645333482A175FE5384563F45FCDAFAEF3"
     "8BC62BA4D5C62897996625A44C29BE5658DE2E6117585779E7B59FFD971278D0"
     "8580D7FA899E410E910EABF5AA1DB43050B33B49182637759AC15D84BFCDF5B6"
     "B238993C0F4CF4D6012023F6C627297075D84B7803912D0A9639634453595EF3"
     "E33FFE4E7AC2AB",
     "81A286535415445DAE393921E44FA42E"},
    /* The same article's example of dialect 3.1.1 */
    {"GCM 128, SMB 3.1.1 message", CRYPTO_AES128_GCM, "A2F5E80E5D59103034F32E52F698E5EC",
     "C7D6822D269CAF48904C664C", "C7D6822D269CAF48904C664C0000000087000000000001002500000000100000",
     "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000"
     "25000000001000000000000000000000000000000000000031007000170000000000000000000000"
     "0600000004000000010000000400000000000000000000007000000000000000536D623320656E63"
     "72797074696F6E2074657374696E67",
     "6ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02D14EF247F8BDE38ACF6256F8"
     "B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB44576545567C24D4C014D47C9"
     "FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E91AF013F00D17E3ABC2FC3D36"
     "C8C1B6B93973253852DBD442E46EE8",
     "BD73D97D2BC9001BCAFAC0FDFF5FEEBC"},
    /* computed with OpenSSL 3: ragged lengths */
    {"CCM 128", CRYPTO_AES128_CCM, "404142434445464748494a4b4c4d4e4f", "101112131415161718191a",
     COUNT_32, CCM_PLAIN,
     "d6d28b1b24b85b4ffbe0998809dab62e35428a3cca41bdc880d80004b03a18e3"
     "7ecd2758ab2f14bbe6bb4c228c90630598dc6d08d4",
     "f523c82ce30edf87e00ce06e5224e857"},
    {"CCM 256", CRYPTO_AES256_CCM,
     "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f", "101112131415161718191a",
     COUNT_32, CCM_PLAIN,
     "05be4fa985289932bcf824709a4950dd790fa62950bfbf50a8e8e4f98b598e51"
     "dc5ffee1d264fd4978cc4390095aae627557a8e41a",
     "32db634e0d1d4f6ce832804060797b61"},
};

struct sealed {
    struct crypto_sealer *sealer;
    uint8_t nonce[12];
    uint8_t aad[64];
    size_t aad_len;
    uint8_t plain[SEAL_MAX];
    uint8_t sealed[SEAL_MAX];
    size_t len;
    uint8_t tag[16];
};

static bool sealed_init(struct sealed *s, const struct seal_case *t)
{
    uint8_t key[32];
    size_t key_len = test_hex(key, sizeof(key), t->key);
    CHECK_INT(crypto_key_len(t->cipher), key_len);
    CHECK_INT(test_hex(s->nonce, sizeof(s->nonce), t->nonce), crypto_nonce_len(t->cipher));
    s->aad_len = test_hex(s->aad, sizeof(s->aad), t->aad);
    s->len = test_hex(s->plain, sizeof(s->plain), t->plain);
    CHECK_INT(test_hex(s->sealed, sizeof(s->sealed), t->sealed), s->len);
    test_hex(s->tag, sizeof(s->tag), t->tag);
    s->sealer = crypto_sealer_new(t->cipher, key, key_len);
    CHECK(s->sealer);
    return s->sealer != NULL;
}

/* Seal and open with the message in three spans, cut at every pair (i, i + 5). */
static void check_cuts(const struct seal_case *t)
{
    struct sealed s;
    test_context("%s", t->name);
    REQUIRE(sealed_init(&s, t));
    for (size_t i = 0; i + 5 <= s.len; i++) {
        uint8_t buf[SEAL_MAX];
        uint8_t tag[16];
        struct crypto_span spans[] = {
            {buf, i}, {buf + i, 5}, {NULL, 0}, {buf + i + 5, s.len - i - 5}};
        test_context("%s cut at %zu", t->name, i);
        memcpy(buf, s.plain, s.len);
        CHECK(crypto_seal(s.sealer, s.nonce, s.aad, s.aad_len, spans, 4, tag));
        CHECK_MEM(buf, s.len, s.sealed, s.len);
        CHECK_MEM(tag, 16, s.tag, 16);
        CHECK(crypto_open(s.sealer, s.nonce, s.aad, s.aad_len, spans, 4, tag));
        CHECK_MEM(buf, s.len, s.plain, s.len);
    }
    crypto_sealer_free(s.sealer);
}

static void test_seal(void)
{
    for (size_t i = 0; i < ARRAY_LEN(seal_cases); i++) {
        check_cuts(&seal_cases[i]);
    }
}

static bool opens(const struct sealed *s)
{
    uint8_t buf[SEAL_MAX];
    struct crypto_span span = {buf, s->len};
    memcpy(buf, s->sealed, s->len);
    return crypto_open(s->sealer, s->nonce, s->aad, s->aad_len, &span, 1, s->tag);
}

/* One changed bit anywhere is noticed, and leaves no trace in the context. */
static void check_tampering(const struct seal_case *t)
{
    struct sealed s;
    test_context("%s", t->name);
    REQUIRE(sealed_init(&s, t));
    struct crypto_span parts[] = {
        {s.nonce, crypto_nonce_len(t->cipher)}, {s.aad, s.aad_len}, {s.sealed, s.len}, {s.tag, 16}};
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        for (size_t bit = 0; bit < parts[p].len * 8; bit++) {
            test_context("%s part %zu bit %zu", t->name, p, bit);
            parts[p].base[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(!opens(&s));
            parts[p].base[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    CHECK(opens(&s));
    s.len--;
    CHECK(!opens(&s));
    crypto_sealer_free(s.sealer);
}

static void test_tampering(void)
{
    for (size_t i = 0; i < ARRAY_LEN(seal_cases); i++) {
        check_tampering(&seal_cases[i]);
    }
}

static void test_empty_message(void)
{
    uint8_t key[32] = {1};
    uint8_t nonce[12] = {2};
    uint8_t aad[32] = {3};
    for (int cipher = CRYPTO_AES128_CCM; cipher <= CRYPTO_AES256_GCM; cipher++) {
        uint8_t tag[16];
        test_context("cipher %d", cipher);
        CLEANUP(crypto_sealer_free)
        struct crypto_sealer *s = crypto_sealer_new(cipher, key, crypto_key_len(cipher));
        REQUIRE(s);
        CHECK(crypto_seal(s, nonce, aad, sizeof(aad), NULL, 0, tag));
        CHECK(crypto_open(s, nonce, aad, sizeof(aad), NULL, 0, tag));
        aad[31] ^= 1;
        CHECK(!crypto_open(s, nonce, aad, sizeof(aad), NULL, 0, tag));
    }
    CHECK(!crypto_sealer_new(CRYPTO_CIPHER_NONE, key, 0));
}

struct race {
    struct crypto_signer *signer;
    struct crypto_sealer *sealer;
    unsigned seed;
    unsigned wrong;
};

/* Each thread repeats one message; a context shared without a lock would mix them up. */
static void *race_main(void *arg)
{
    struct race *r = arg;
    uint8_t data[300];
    uint8_t copy[300];
    uint8_t nonce[12] = {(uint8_t)r->seed};
    uint8_t first[16];
    memset(data, (int)r->seed, sizeof(data));
    struct crypto_span span = {data, sizeof(data)};
    r->wrong += !crypto_sign(r->signer, &span, 1, nonce, first);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t mac[16];
        uint8_t tag[16];
        r->wrong += !crypto_sign(r->signer, &span, 1, nonce, mac);
        r->wrong += memcmp(mac, first, 16) != 0;
        memcpy(copy, data, sizeof(copy));
        struct crypto_span work = {copy, sizeof(copy)};
        r->wrong += !crypto_seal(r->sealer, nonce, nonce, 12, &work, 1, tag);
        r->wrong += !crypto_open(r->sealer, nonce, nonce, 12, &work, 1, tag);
        r->wrong += memcmp(copy, data, sizeof(copy)) != 0;
    }
    return NULL;
}

static void test_threads(void)
{
    static const uint8_t key[16] = {7};
    CLEANUP(crypto_signer_free)
    struct crypto_signer *signer = crypto_signer_new(CRYPTO_SIGN_AES_GMAC, key);
    CLEANUP(crypto_sealer_free)
    struct crypto_sealer *sealer = crypto_sealer_new(CRYPTO_AES128_GCM, key, 16);
    REQUIRE(signer && sealer);
    struct race races[3];
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++) {
        races[i] = (struct race){.signer = signer, .sealer = sealer, .seed = i};
        REQUIRE(pthread_create(&threads[i], NULL, race_main, &races[i]) == 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(races[i].wrong, 0);
    }
}

static const struct test_case cases[] = {
    {"signatures, published vectors, cut everywhere", test_sign},
    {"seal and open, published vectors, cut everywhere", test_seal},
    {"every changed bit is noticed", test_tampering},
    {"empty message", test_empty_message},
    {"one context, many threads", test_threads},
};

int main(int argc, char **argv)
{
    if (crypto_init() != 0) {
        return 1;
    }
    return test_main(argc, argv, cases, ARRAY_LEN(cases));
}
