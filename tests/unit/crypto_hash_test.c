/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "test.h"

struct digest_case {
    const char *name;
    const char *text;
    const char *want;
};

static const struct digest_case md4_cases[] = {
    /* RFC 1320 A.5 */
    {"empty", "", "31d6cfe0d16ae931b73c59d7e0c089c0"},
    {"abc", "abc", "a448017aaf21d8525fc10ae87aa6729d"},
    {"alphabet", "abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
    {"digits", "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "e33b4ddc9c38f2199c3e7b164fcc0536"},
};

static const struct digest_case md5_cases[] = {
    /* RFC 1321 A.5 */
    {"empty", "", "d41d8cd98f00b204e9800998ecf8427e"},
    {"abc", "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"digits", "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a22be3c955ac49da2e2107b67a"},
};

static void check_hex(const uint8_t *got, size_t len, const char *want_hex)
{
    uint8_t want[64];
    size_t n = test_hex(want, sizeof(want), want_hex);
    CHECK_MEM(got, len, want, n);
}

static void test_md4(void)
{
    for (size_t i = 0; i < ARRAY_LEN(md4_cases); i++) {
        uint8_t out[16];
        test_context("%s", md4_cases[i].name);
        CHECK(crypto_md4(md4_cases[i].text, strlen(md4_cases[i].text), out));
        check_hex(out, 16, md4_cases[i].want);
    }
}

static void test_md5_in_spans(void)
{
    for (size_t i = 0; i < ARRAY_LEN(md5_cases); i++) {
        const char *text = md5_cases[i].text;
        size_t len = strlen(text);
        for (size_t cut = 0; cut <= len; cut++) {
            uint8_t out[16];
            struct crypto_span spans[] = {
                crypto_span_of(text, cut),
                crypto_span_of(NULL, 0),
                crypto_span_of(text + cut, len - cut),
            };
            test_context("%s cut at %zu", md5_cases[i].name, cut);
            CHECK(crypto_md5(spans, 3, out));
            check_hex(out, 16, md5_cases[i].want);
        }
    }
}

static void test_sha2(void)
{
    uint8_t out[32];
    crypto_sha256("abc", 3, out);
    check_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256("", 0, out);
    check_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

struct hmac_case {
    const char *name;
    const char *key;
    const char *data;
    const char *md5;    /* RFC 2202 2 */
    const char *sha256; /* RFC 4231 4 */
};

static const struct hmac_case hmac_cases[] = {
    {"md5 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "9294727a3638bb1c13f48ef8158bfc9d", NULL},
    {"sha 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", NULL,
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "750c783e6ab0b503eaa86e310a5db738",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"key of 80 bytes",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368"
     "204b6579204669727374",
     "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", NULL},
};

static void test_hmac(void)
{
    for (size_t i = 0; i < ARRAY_LEN(hmac_cases); i++) {
        const struct hmac_case *t = &hmac_cases[i];
        uint8_t key[128];
        uint8_t data[128];
        uint8_t out[32];
        size_t key_len = test_hex(key, sizeof(key), t->key);
        size_t len = test_hex(data, sizeof(data), t->data);
        struct crypto_span spans[] = {{data, 3}, {data + 3, len - 3}};
        test_context("%s", t->name);
        if (t->md5) {
            CHECK(crypto_hmac_md5(key, key_len, spans, 2, out));
            check_hex(out, 16, t->md5);
        }
        if (t->sha256) {
            crypto_hmac_sha256(key, key_len, spans, 2, out);
            check_hex(out, 32, t->sha256);
        }
    }
}

static void test_rc4(void)
{
    /* RFC 6229 2: the key stream of the 40-bit key 0102030405, in two pieces */
    uint8_t key[5] = {1, 2, 3, 4, 5};
    uint8_t out[16] = {0};
    CLEANUP(crypto_rc4_free) struct crypto_rc4 *r = crypto_rc4_new(key, sizeof(key));
    REQUIRE(r);
    CHECK(crypto_rc4_apply(r, out, 5));
    CHECK(crypto_rc4_apply(r, out, 0));
    CHECK(crypto_rc4_apply(r, out + 5, 11));
    check_hex(out, 16, "b2396305f03dc027ccc3524a0a1118a8");
}

static void test_crc32(void)
{
    CHECK_INT(crypto_crc32("123456789", 9), 0xcbf43926);
    CHECK_INT(crypto_crc32("", 0), 0);
}

/* The example of Microsoft's "SMB 2 and SMB 3 security in Windows 10: the anatomy of signing and
 * cryptographic keys". */
#define PREAUTH                                                                                    \
    "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F36909DB79"                             \
    "28622DDDAD522D9751640A459762C5A9D6BB084CBB3CE6BDADEF5D5BCE3C6C01"
static const struct {
    const char *name;
    const char *key;
    const char *label;
    const char *context; /* text, or NULL for PREAUTH */
    const char *want;
} kdf_cases[] = {
    {"3.0 signing", "7CD451825D0450D235424E44BA6E78CC", "SMB2AESCMAC", "SmbSign",
     "0B7E9C5CAC36C0F6EA9AB275298CEDCE"},
    {"3.0 encryption", "7CD451825D0450D235424E44BA6E78CC", "SMB2AESCCM", "ServerIn ",
     "FAD27796665B313EBB578F388632B4F7"},
    {"3.0 decryption", "7CD451825D0450D235424E44BA6E78CC", "SMB2AESCCM", "ServerOut",
     "B0F0427F7CEB416D1D9DCC0CD4F99447"},
    {"3.0 application", "7CD451825D0450D235424E44BA6E78CC", "SMB2APP", "SmbRpc",
     "BB23A4575AA26C721AF525AF15A87B4F"},
    {"3.1.1 signing", "270E1BA896585EEB7AF3472D3B4C75A7", "SMBSigningKey", NULL,
     "73FE7A9A77BEF0BDE49C650D8CCB5F76"},
    {"3.1.1 encryption", "270E1BA896585EEB7AF3472D3B4C75A7", "SMBC2SCipherKey", NULL,
     "629BCBC54422A0F572B97F45989B6073"},
    {"3.1.1 decryption", "270E1BA896585EEB7AF3472D3B4C75A7", "SMBS2CCipherKey", NULL,
     "E2AF0DCEFAC68DA71A0DFBD0D1350D74"},
    {"3.1.1 application", "270E1BA896585EEB7AF3472D3B4C75A7", "SMBAppKey", NULL,
     "6D7AD7954E9EC61E907B4D473DC178FF"},
};

static void test_kdf(void)
{
    for (size_t i = 0; i < ARRAY_LEN(kdf_cases); i++) {
        uint8_t key[16];
        uint8_t context[64];
        uint8_t out[16];
        size_t context_len = sizeof(context);
        test_context("%s", kdf_cases[i].name);
        test_hex(key, sizeof(key), kdf_cases[i].key);
        if (kdf_cases[i].context) {
            context_len = strlen(kdf_cases[i].context) + 1;
            memcpy(context, kdf_cases[i].context, context_len);
        } else {
            test_hex(context, sizeof(context), PREAUTH);
        }
        crypto_kdf(key, 16, kdf_cases[i].label, strlen(kdf_cases[i].label) + 1, context,
                   context_len, out, sizeof(out));
        check_hex(out, 16, kdf_cases[i].want);
    }
}

/* 32 bytes are asked for with another length in the PRF's input, hence another key altogether. */
static void test_kdf_256(void)
{
    uint8_t key[16];
    uint8_t input[128];
    uint8_t out[32];
    uint8_t want[32];
    test_hex(key, sizeof(key), "270E1BA896585EEB7AF3472D3B4C75A7");
    size_t n = test_hex(input, sizeof(input),
                        "00000001"
                        "534D42433253436970686572 4B657900"
                        "00" PREAUTH "00000100");
    crypto_kdf(key, 16, "SMBC2SCipherKey", 16, input + 21, 64, out, sizeof(out));
    crypto_hmac_sha256(key, 16, &(struct crypto_span){input, n}, 1, want);
    CHECK_MEM(out, 32, want, 32);
}

static void test_preauth_hash(void)
{
    /* SHA-512 of 64 zero bytes and "abc", checked with sha512sum */
    uint8_t hash[64] = {0};
    struct crypto_span spans[] = {crypto_span_of("a", 1), crypto_span_of("bc", 2)};
    crypto_sha512_extend(hash, spans, 2);
    check_hex(hash, 64,
              "7682b6b84c6f692545a896ad210299bcc6f74e189d829e165739b11dd83b6f2c"
              "8cfacf27e812bf064df756d6235ac33c062b89ecb80f8215516dbbb844ce8480");
}

static void test_init_twice(void)
{
    CHECK_INT(crypto_init(), 0);
    CHECK_INT(crypto_init(), 0);
}

static const struct test_case cases[] = {
    {"init may be repeated", test_init_twice},
    {"MD4, RFC 1320", test_md4},
    {"MD5, RFC 1321, cut everywhere", test_md5_in_spans},
    {"SHA-256", test_sha2},
    {"HMAC, RFC 2202 and 4231", test_hmac},
    {"RC4, RFC 6229", test_rc4},
    {"CRC-32", test_crc32},
    {"key derivation, Microsoft's example", test_kdf},
    {"key derivation of 256 bits", test_kdf_256},
    {"preauth integrity hash", test_preauth_hash},
};

int main(int argc, char **argv)
{
    if (crypto_init() != 0) {
        return 1;
    }
    return test_main(argc, argv, cases, ARRAY_LEN(cases));
}
