/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include "encrypt_format.h"
#include "encrypt_name.h"

static void test_sizes(void)
{
    static const uint64_t rows[][2] = {
        {0, 80},
        {1, 109},
        {ENCRYPT_BLOCK - 1, 80 + 4095 + 28},
        {ENCRYPT_BLOCK, 80 + 4124},
        {ENCRYPT_BLOCK + 1, 80 + 4124 + 29},
        {ENCRYPT_SIZE_MAX, 80 + ENCRYPT_SIZE_MAX + ENCRYPT_SIZE_MAX / ENCRYPT_BLOCK * 28},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("row %zu", i);
        CHECK_INT(encrypt_stored(rows[i][0]), rows[i][1]);
        CHECK_INT(encrypt_plain(rows[i][1]), rows[i][0]);
    }
    CHECK_INT(encrypt_plain(0), 0);
    CHECK_INT(encrypt_plain(80 + 28), 0);
    CHECK_INT(encrypt_plain(80 + 4124 + 5), ENCRYPT_BLOCK);
}

static void test_header(void)
{
    const uint8_t key[ENCRYPT_KEY_LEN] = {1};
    const uint8_t other[ENCRYPT_KEY_LEN] = {2};
    uint8_t raw[ENCRYPT_HEAD];
    struct encrypt_head h;
    struct encrypt_head back;
    REQUIRE(encrypt_init());
    REQUIRE(encrypt_head_new(key, &h));
    h.size = 3 * ENCRYPT_BLOCK + 1;
    h.whole = 4;
    REQUIRE(encrypt_head_format(&h, raw));
    CHECK(encrypt_head_parse(key, raw, &back));
    CHECK_INT(back.size, h.size);
    CHECK_INT(back.whole, 4);
    CHECK(memcmp(back.key, h.key, sizeof(h.key)) == 0);
    CHECK(!encrypt_head_parse(other, raw, &back));
    for (unsigned i = 0; i < sizeof(raw); i++) {
        test_context("byte %u", i);
        raw[i] ^= 1;
        CHECK(!encrypt_head_parse(key, raw, &back));
        raw[i] ^= 1;
    }
    h.whole = 5;
    REQUIRE(encrypt_head_format(&h, raw));
    CHECK(!encrypt_head_parse(key, raw, &back));
    h.whole = 0;
    h.size = ENCRYPT_SIZE_MAX + 1;
    REQUIRE(encrypt_head_format(&h, raw));
    CHECK(!encrypt_head_parse(key, raw, &back));
}

static void test_blocks(void)
{
    const uint8_t key[ENCRYPT_KEY_LEN] = {1};
    uint8_t p[100 + ENCRYPT_EXTRA] = {0};
    uint8_t kept[sizeof(p)];
    REQUIRE(encrypt_init());
    gcry_cipher_hd_t h = encrypt_gcm(key);
    REQUIRE(h);
    memset(p + ENCRYPT_NONCE, 'x', 100);
    REQUIRE(encrypt_block_seal(h, 7, p, 100));
    memcpy(kept, p, sizeof(p));
    CHECK(encrypt_block_unseal(h, 7, p, 100) && p[ENCRYPT_NONCE + 99] == 'x');
    memcpy(p, kept, sizeof(p));
    CHECK(!encrypt_block_unseal(h, 8, p, 100));
    for (size_t len = 0; len < 100; len++) {
        memcpy(p, kept, sizeof(p));
        CHECK(!encrypt_block_unseal(h, 7, p, len));
    }
    for (size_t i = 0; i < sizeof(p); i++) {
        memcpy(p, kept, sizeof(p));
        p[i] ^= 0x80;
        CHECK(!encrypt_block_unseal(h, 7, p, 100));
    }
    gcry_cipher_close(h);
}

static void test_names(void)
{
    const struct encrypt_name_keys keys = {{1}, {2}};
    char name[ENCRYPT_NAME_MAX + 2];
    char a[ENCRYPT_NAME_ROOM];
    char b[ENCRYPT_NAME_ROOM];
    char back[ENCRYPT_NAME_ROOM];
    char *path = NULL;
    REQUIRE(encrypt_init());
    for (unsigned len = 1; len <= ENCRYPT_NAME_MAX; len++) {
        test_context("%u bytes", len);
        memset(name, 'a' + (int)len % 26, len);
        name[len] = '\0';
        CHECK_INT(encrypt_name(&keys, ENCRYPT_OF_FILE, name, a), 0);
        CHECK(strlen(a) <= 255);
        CHECK(encrypt_name_back(&keys, ENCRYPT_OF_FILE, a, back));
        CHECK_STR(back, name);
        CHECK(!encrypt_name_back(&keys, ENCRYPT_OF_STREAM, a, back));
    }
    for (uint32_t below = 0; below < 300; below++) {
        test_context("%u below", below);
        uint32_t fits = encrypt_name_fits(below);
        CHECK(fits <= ENCRYPT_NAME_MAX);
        memset(name, 'a', fits);
        name[fits] = '\0';
        CHECK(fits == 0 ||
              (encrypt_name(&keys, ENCRYPT_OF_FILE, name, a) == 0 && strlen(a) <= below));
        memset(name, 'a', fits + 1);
        name[fits + 1] = '\0';
        CHECK(encrypt_name(&keys, ENCRYPT_OF_FILE, name, a) != 0 || strlen(a) > below);
    }
    memset(name, 'a', ENCRYPT_NAME_MAX + 1);
    name[ENCRYPT_NAME_MAX + 1] = '\0';
    CHECK_INT(encrypt_name(&keys, ENCRYPT_OF_FILE, name, a), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(encrypt_name(&keys, ENCRYPT_OF_FILE, "Name", a), 0);
    CHECK_INT(encrypt_name(&keys, ENCRYPT_OF_FILE, "name", b), 0);
    CHECK(strcmp(a, b) != 0);
    size_t len = strlen(a);
    for (size_t i = 0; i < len; i++) {
        memcpy(b, a, len + 1);
        b[i] = b[i] == '0' ? '1' : '0';
        CHECK(!encrypt_name_back(&keys, ENCRYPT_OF_FILE, b, back));
        b[i] = '\0';
        CHECK(!encrypt_name_back(&keys, ENCRYPT_OF_FILE, b, back));
    }
    CHECK(!encrypt_name_back(&keys, ENCRYPT_OF_FILE, ".smbkit-encrypt", back));
    CHECK_INT(encrypt_path(&keys, "one/Two/drei", &path), 0);
    char *plain = encrypt_path_back(&keys, path);
    CHECK_STR(plain, "one/Two/drei");
    CHECK(!encrypt_path_back(&keys, "one"));
    free(plain);
    free(path);
    CHECK_INT(encrypt_path(&keys, "", &path), 0);
    CHECK_STR(path, "");
    free(path);
}

static const struct test_case cases[] = {
    {"sizes", test_sizes},
    {"header", test_header},
    {"blocks", test_blocks},
    {"names", test_names},
};
TEST_MAIN(cases)
