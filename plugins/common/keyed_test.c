/* SPDX-License-Identifier: Apache-2.0 */
/* keyed_hash() against the SipHash-1-3 of the server. */
#include "keyed.h"

#include <string.h>

#include "base/hash.h"
#include "test.h"

static uint64_t by_words(const uint64_t key[2], const uint8_t *data, size_t len)
{
    struct hash_sip s;
    uint64_t last = (uint64_t)len << 56;
    size_t at = 0;
    hash_sip_init(&s, key[0], key[1]);
    for (; len - at >= 8; at += 8) {
        uint64_t word = 0;
        for (int i = 0; i < 8; i++) {
            word |= (uint64_t)data[at + (size_t)i] << (8 * i);
        }
        hash_sip_word(&s, word);
    }
    for (size_t i = at; i < len; i++) {
        last |= (uint64_t)data[i] << (8 * (i - at));
    }
    return hash_sip_end(&s, last);
}

static void test_same(void)
{
    static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    uint8_t data[40];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 37);
    }
    for (size_t len = 0; len <= sizeof(data); len++) {
        CHECK(keyed_hash(key, data, len) == by_words(key, data, len));
    }
}

static void test_keys(void)
{
    uint64_t a[2] = {0, 0};
    uint64_t b[2] = {0, 0};
    keyed_init(a);
    keyed_init(b);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK(keyed_hash(a, "name", 4) != keyed_hash(b, "name", 4));
}

static const struct test_case cases[] = {
    {"the same as the server's", test_same},
    {"another key each time", test_keys},
};
TEST_MAIN(cases)
