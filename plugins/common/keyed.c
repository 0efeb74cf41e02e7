/* SPDX-License-Identifier: Apache-2.0 */
/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with 1 and 3 rounds. */
#include "keyed.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

void keyed_init(uint64_t key[2])
{
    if (getrandom(key, 16, 0) != 16) { /* of a kernel that has none yet: better than nothing */
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        key[0] = (uint64_t)t.tv_nsec * 0x9e3779b97f4a7c15u;
        key[1] = (uint64_t)(uintptr_t)key ^ (uint64_t)t.tv_sec;
    }
}

static uint64_t turn(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

static void mix_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = turn(v[1], 13) ^ v[0];
    v[0] = turn(v[0], 32);
    v[2] += v[3];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turn(v[1], 17) ^ v[2];
    v[2] = turn(v[2], 32);
}

static void mix_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix_round(v);
    v[0] ^= word;
}

/* Of at most eight bytes, little endian. */
static uint64_t word_of(const uint8_t *p, size_t len)
{
    uint64_t w = 0;
    for (size_t i = 0; i < len; i++) {
        w |= (uint64_t)p[i] << (8 * i);
    }
    return w;
}

uint64_t keyed_hash(const uint64_t key[2], const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    size_t at = 0;
    for (; len - at >= 8; at += 8) {
        mix_word(v, word_of(p + at, 8));
    }
    mix_word(v, word_of(p + at, len - at) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        mix_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
