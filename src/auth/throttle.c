/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include "base/hash.h"
#include "base/mem.h"

#define WAYS 4 /* places that one key may have; the least guilty of a full set makes room */
#define SETS (AUTH_THROTTLE_ENTRIES / WAYS)
#define FAILURES_MAX 255
/* A user is remembered at so many places, the latest ones; the set is chosen by the user, so that
 * nobody's log-ins push out another's. */
#define KNOWN_WAYS 8
#define KNOWN_SETS (AUTH_THROTTLE_KNOWN / KNOWN_WAYS)

struct entry {
    uint64_t key;
    uint64_t last_ms;  /* of the last failure */
    uint64_t ready_ms; /* when the next attempt may be told its verdict */
    uint16_t failures; /* 0: unused */
    uint16_t apart;    /* of a place: users there who wait apart */
    bool waits_apart;  /* of a pair */
};

struct auth_throttle {
    struct entry sets[SETS][WAYS];
    uint64_t known[KNOWN_SETS][KNOWN_WAYS]; /* pairs, latest first; 0: none */
};

struct auth_throttle *auth_throttle_new(void)
{
    return mem_zalloc(sizeof(struct auth_throttle));
}

void auth_throttle_free(struct auth_throttle *t)
{
    mem_free(t);
}

/* ---- who is known where ---- */

static uint64_t pair_key(struct auth_who who)
{
    return hash_u64(who.place, who.user) | 1; /* never 0 */
}

/* Where the pair stands in its set; KNOWN_WAYS: nowhere. */
static size_t known_at(const uint64_t *set, uint64_t pair)
{
    size_t i = 0;
    while (i < KNOWN_WAYS && set[i] != pair) {
        i++;
    }
    return i;
}

static bool is_known(const struct auth_throttle *t, struct auth_who who)
{
    return known_at(t->known[who.user % KNOWN_SETS], pair_key(who)) < KNOWN_WAYS;
}

static void know(struct auth_throttle *t, struct auth_who who)
{
    uint64_t *set = t->known[who.user % KNOWN_SETS];
    uint64_t pair = pair_key(who);
    for (size_t i = MIN(known_at(set, pair), (size_t)KNOWN_WAYS - 1); i > 0; i--) {
        set[i] = set[i - 1];
    }
    set[0] = pair;
}

/* ---- failures ---- */

/* The failures that still count at now_ms. */
static uint32_t failures_at(const struct entry *e, uint64_t now_ms)
{
    uint64_t halvings = now_ms > e->last_ms ? (now_ms - e->last_ms) / AUTH_THROTTLE_FORGET_MS : 0;
    return halvings < 32 ? e->failures >> halvings : 0;
}

/* NULL: the key has no failures. */
static struct entry *find(struct auth_throttle *t, uint64_t key)
{
    struct entry *set = t->sets[key % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].failures && set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

/* The entry with the fewest failures, among those the oldest. */
static struct entry *find_victim(struct auth_throttle *t, uint64_t key, uint64_t now_ms)
{
    struct entry *set = t->sets[key % SETS];
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

static uint32_t delay_of(uint32_t failures, uint32_t max_ms)
{
    if (failures <= AUTH_THROTTLE_FREE) {
        return 0;
    }
    uint32_t delay = AUTH_THROTTLE_DELAY_FIRST_MS;
    for (uint32_t i = AUTH_THROTTLE_FREE + 1; i < failures && delay < max_ms; i++) {
        delay *= 2;
    }
    return MIN(delay, max_ms);
}

/* A failure that is told at told_ms; the next one of this key waits from then on. */
static void count(struct auth_throttle *t, uint64_t key, uint32_t delay_max_ms, uint64_t told_ms)
{
    struct entry *e = find(t, key);
    if (!e) {
        e = find_victim(t, key, told_ms);
        *e = (struct entry){.key = key};
    }
    e->failures = (uint16_t)MIN(failures_at(e, told_ms) + 1, FAILURES_MAX);
    e->last_ms = told_ms;
    e->ready_ms = told_ms + delay_of(e->failures, delay_max_ms);
}

static uint64_t ready_at(struct auth_throttle *t, uint64_t key)
{
    const struct entry *e = find(t, key);
    return e ? e->ready_ms : 0;
}

/* ---- attempts ---- */

/* What an attempt is held to account by. */
struct account {
    uint64_t key;
    uint32_t delay_max_ms; /* 0: counted only */
};

#define ACCOUNTS_MAX 3

static size_t accounts_of(struct auth_throttle *t, struct auth_who who,
                          struct account out[ACCOUNTS_MAX])
{
    uint64_t pair = pair_key(who);
    const struct entry *e = find(t, pair);
    bool known = is_known(t, who);
    bool apart = known || (e && e->waits_apart);
    size_t n = 0;
    out[n++] = (struct account){pair, apart ? AUTH_THROTTLE_DELAY_MAX_MS : 0};
    if (!apart) {
        out[n++] = (struct account){who.place, AUTH_THROTTLE_DELAY_MAX_MS};
    }
    if (!known) {
        out[n++] = (struct account){who.user, AUTH_THROTTLE_USER_DELAY_MAX_MS};
    }
    return n;
}

/* Who goes on failing in one user's name makes a line of his own and leaves that of the place to
 * the others there. Few can: users' names are many, and each line gives verdicts. */
static void set_apart(struct auth_throttle *t, struct auth_who who)
{
    struct entry *pair = find(t, pair_key(who));
    struct entry *place = find(t, who.place);
    if (is_known(t, who)) {
        return; /* has one already */
    }
    if (pair && place && !pair->waits_apart && pair->failures >= AUTH_THROTTLE_FREE &&
        place->apart < AUTH_THROTTLE_APART) {
        pair->waits_apart = true;
        place->apart++;
    }
}

uint32_t auth_throttle_attempt(struct auth_throttle *t, struct auth_who who, bool is_right,
                               uint64_t now_ms)
{
    struct account accounts[ACCOUNTS_MAX];
    size_t n = accounts_of(t, who, accounts);
    uint64_t told = now_ms;
    for (size_t i = 0; i < n; i++) {
        told = MAX(told, ready_at(t, accounts[i].key));
    }
    if (told - now_ms > AUTH_THROTTLE_WAIT_MAX_MS) {
        return AUTH_THROTTLE_REFUSED; /* and is no failure either: it was not looked at */
    }
    for (size_t i = 0; i < n && !is_right; i++) {
        count(t, accounts[i].key, accounts[i].delay_max_ms, told);
    }
    if (!is_right) {
        set_apart(t, who);
    }
    return (uint32_t)(told - now_ms);
}

void auth_throttle_succeeded(struct auth_throttle *t, struct auth_who who)
{
    struct entry *e = find(t, pair_key(who));
    struct entry *place = e && e->waits_apart ? find(t, who.place) : NULL;
    if (place && place->apart > 0) {
        place->apart--; /* others may */
    }
    if (e) {
        *e = (struct entry){0};
    }
    know(t, who);
}
