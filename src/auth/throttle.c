/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include "base/mem.h"

#define WAYS 4 /* places that one key may have; the least guilty of a full set makes room */
#define SETS (AUTH_THROTTLE_ENTRIES / WAYS)
#define FAILURES_MAX 255

struct entry {
    uint64_t key;
    uint64_t last_ms;
    uint32_t failures; /* 0: unused */
};

struct auth_throttle {
    struct entry sets[SETS][WAYS];
};

struct auth_throttle *auth_throttle_new(void)
{
    return mem_zalloc(sizeof(struct auth_throttle));
}

void auth_throttle_free(struct auth_throttle *t)
{
    mem_free(t);
}

/* The failures that still count at now_ms. */
static uint32_t failures_at(const struct entry *e, uint64_t now_ms)
{
    uint64_t halvings = now_ms > e->last_ms ? (now_ms - e->last_ms) / AUTH_THROTTLE_FORGET_MS : 0;
    return halvings < 32 ? e->failures >> halvings : 0;
}

/* NULL: the key has no failures. */
static const struct entry *find(const struct entry set[WAYS], uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].failures && set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

/* The entry with the fewest failures, among those the oldest. */
static struct entry *find_victim(struct entry set[WAYS], uint64_t now_ms)
{
    struct entry *victim = &set[0];
    for (size_t i = 1; i < WAYS; i++) {
        uint32_t a = failures_at(&set[i], now_ms);
        uint32_t b = failures_at(victim, now_ms);
        if (a < b || (a == b && set[i].last_ms < victim->last_ms)) {
            victim = &set[i];
        }
    }
    return victim;
}

uint32_t auth_throttle_delay_ms(const struct auth_throttle *t, uint64_t addr_hash, uint64_t now_ms)
{
    const struct entry *e = find(t->sets[addr_hash % SETS], addr_hash);
    uint32_t failures = e ? failures_at(e, now_ms) : 0;
    if (failures <= AUTH_THROTTLE_FREE) {
        return 0;
    }
    uint32_t delay = AUTH_THROTTLE_DELAY_FIRST_MS;
    for (uint32_t i = AUTH_THROTTLE_FREE + 1; i < failures; i++) {
        if (delay >= AUTH_THROTTLE_DELAY_MAX_MS) {
            break;
        }
        delay *= 2;
    }
    return MIN(delay, AUTH_THROTTLE_DELAY_MAX_MS);
}

void auth_throttle_failed(struct auth_throttle *t, uint64_t addr_hash, uint64_t now_ms)
{
    struct entry *set = t->sets[addr_hash % SETS];
    const struct entry *old = find(set, addr_hash);
    struct entry *e = old ? &set[old - set] : find_victim(set, now_ms);
    if (!old) {
        *e = (struct entry){.key = addr_hash};
    }
    e->failures = MIN(failures_at(e, now_ms) + 1, FAILURES_MAX);
    e->last_ms = now_ms;
}

void auth_throttle_succeeded(struct auth_throttle *t, uint64_t addr_hash)
{
    struct entry *set = t->sets[addr_hash % SETS];
    const struct entry *e = find(set, addr_hash);
    if (e) {
        set[e - set] = (struct entry){0};
    }
}
