/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/users.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/utf.h"
#include "crypto/crypto.h"

#define HASH_HEX_LEN 32
#define NAME_BAD_CHARS "\"/\\[]:;|=,+*?<>@"
#define IDENTITY "!identity:"
#define OLD_MARK "!next-rid:" /* of versions that counted rids: read, and not written any more */
#define RID_SEED 0x736d626b69742121ull /* never to be changed: files keep SIDs */
#define FLAG_DISABLED "disabled"
#define LINE_HEADROOM 96 /* of a formatted line besides the name */

struct entry {
    struct hash_link link; /* by name, without case */
    struct auth_user user;
};

struct users {
    struct hash_table by_name;
    struct entry **by_rid; /* ascending */
    size_t count;
    size_t cap;
    bool has_identity;
    uint8_t identity[USERS_IDENTITY_LEN];
};

struct users *users_new(void)
{
    struct users *u = mem_zalloc(sizeof(*u));
    if (u) {
        hash_table_init(&u->by_name);
    }
    return u;
}

static void entry_free(struct entry *e)
{
    mem_wipe(e, sizeof(*e));
    mem_free(e);
}

void users_free(struct users *u)
{
    if (!u) {
        return;
    }
    hash_table_fini(&u->by_name);
    for (size_t i = 0; i < u->count; i++) {
        entry_free(u->by_rid[i]);
    }
    mem_free(u->by_rid);
    mem_free(u);
}

/* Names come from the administrator, not from peers: no secret seed is needed. */
static uint64_t name_hash(const char *name)
{
    return utf8_ihash(0, name, str_len(name));
}

static bool entry_is(const struct hash_link *link, const void *key)
{
    return utf8_ieq(CONTAINER_OF(link, struct entry, link)->user.name, key);
}

static struct entry *entry_find(const struct users *u, const char *name)
{
    struct hash_link *link = hash_table_get(&u->by_name, name_hash(name), entry_is, name);
    return link ? CONTAINER_OF(link, struct entry, link) : NULL;
}

const struct auth_user *users_find(const struct users *u, const char *name)
{
    const struct entry *e = entry_find(u, name);
    return e ? &e->user : NULL;
}

size_t users_count(const struct users *u)
{
    return u->count;
}

const struct auth_user *users_at(const struct users *u, size_t i)
{
    ASSERT(i < u->count);
    return &u->by_rid[i]->user;
}

static bool is_bad_char(uint8_t c)
{
    if (c < 0x20 || c == 0x7f) {
        return true;
    }
    for (const char *bad = NAME_BAD_CHARS; *bad; bad++) {
        if ((uint8_t)*bad == c) {
            return true;
        }
    }
    return false;
}

bool users_is_name(const char *name)
{
    size_t len = str_len(name);
    if (len == 0 || len > USERS_NAME_MAX || !utf8_is_valid(name, len)) {
        return false;
    }
    if (name[0] == '#' || name[0] == '!' || name[0] == ' ' || name[len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_bad_char((uint8_t)name[i])) {
            return false;
        }
    }
    return true;
}

/* The first position whose rid is >= rid. */
static size_t rid_position(const struct users *u, uint32_t rid)
{
    size_t low = 0;
    size_t high = u->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (u->by_rid[mid]->user.rid < rid) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool reserve(struct users *u)
{
    if (u->count < u->cap) {
        return true;
    }
    size_t cap = u->cap ? u->cap * 2 : 16;
    struct entry **list = mem_realloc(u->by_rid, cap * sizeof(struct entry *));
    if (!list) {
        return false;
    }
    u->by_rid = list;
    u->cap = cap;
    return true;
}

/* name and rid are new to the table. */
static bool add(struct users *u, const struct auth_user *user)
{
    if (!reserve(u)) {
        return false;
    }
    struct entry *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return false;
    }
    e->user = *user;
    if (!hash_table_add(&u->by_name, &e->link, name_hash(user->name))) {
        entry_free(e);
        return false;
    }
    size_t at = rid_position(u, user->rid);
    mem_move(u->by_rid + at + 1, u->by_rid + at, (u->count - at) * sizeof(struct entry *));
    u->by_rid[at] = e;
    u->count++;
    return true;
}

void users_versions_take(struct users *u, const struct users *before, uint64_t *next)
{
    for (size_t i = 0; i < u->count; i++) {
        struct auth_user *now = &u->by_rid[i]->user;
        const struct auth_user *then = before ? users_find(before, now->name) : NULL;
        bool same = then && then->rid == now->rid && then->disabled == now->disabled &&
                    mem_eq_ct(then->nt_hash, now->nt_hash, sizeof(now->nt_hash));
        now->version = same ? then->version : ++*next;
    }
}

const uint8_t *users_identity_get(const struct users *u)
{
    return u->has_identity ? u->identity : NULL;
}

void users_identity_set(struct users *u, const uint8_t identity[USERS_IDENTITY_LEN])
{
    mem_copy(u->identity, identity, USERS_IDENTITY_LEN);
    u->has_identity = true;
}

uint32_t users_rid_of_name(const char *name)
{
    uint64_t hash = utf8_ihash(RID_SEED, name, str_len(name));
    return USERS_RID_NAMED + (uint32_t)(hash % (USERS_RID_MAX - USERS_RID_NAMED + 1));
}

const struct auth_user *users_find_rid(const struct users *u, uint32_t rid)
{
    size_t at = rid_position(u, rid);
    return at < u->count && u->by_rid[at]->user.rid == rid ? &u->by_rid[at]->user : NULL;
}

smbkit_status users_set(struct users *u, const char *name, const uint8_t nt_hash[16], bool disabled)
{
    if (!users_is_name(name)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    struct entry *e = entry_find(u, name);
    if (e) {
        mem_copy(e->user.nt_hash, nt_hash, sizeof(e->user.nt_hash));
        e->user.disabled = disabled;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (u->count >= USERS_COUNT_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct auth_user user = {.rid = users_rid_of_name(name), .disabled = disabled};
    if (users_find_rid(u, user.rid)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    str_copy(user.name, sizeof(user.name), name);
    mem_copy(user.nt_hash, nt_hash, sizeof(user.nt_hash));
    bool added = add(u, &user);
    mem_wipe(&user, sizeof(user));
    return added ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

bool users_remove(struct users *u, const char *name)
{
    struct entry *e = entry_find(u, name);
    if (!e) {
        return false;
    }
    size_t at = rid_position(u, e->user.rid);
    hash_table_remove(&u->by_name, &e->link);
    u->count--;
    mem_move(u->by_rid + at, u->by_rid + at + 1, (u->count - at) * sizeof(struct entry *));
    entry_free(e);
    return true;
}

/* ---- text ---- */

struct parser {
    struct users *users;
    unsigned line;
    char *err;
    size_t err_size;
};

static bool PRINTF_LIKE(2, 3) fail(struct parser *p, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    str_vformat(what, sizeof(what), fmt, ap);
    va_end(ap);
    str_format(p->err, p->err_size, "line %u: %s", p->line, what);
    return false;
}

static bool fail_memory(struct parser *p)
{
    str_copy(p->err, p->err_size, "out of memory");
    return false;
}

/* Cut s at the next ':'; returns what follows, NULL when there is none. */
static char *cut(char *s)
{
    for (; *s; s++) {
        if (*s == ':') {
            *s = '\0';
            return s + 1;
        }
    }
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 16 bytes: a hash or the identity. */
static bool hash_parse(const char *hex, uint8_t hash[16])
{
    if (str_len(hex) != HASH_HEX_LEN) {
        return false;
    }
    for (size_t i = 0; i < HASH_HEX_LEN; i += 2) {
        int high = hex_digit(hex[i]);
        int low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        hash[i / 2] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool rid_parse(struct parser *p, const char *text, uint32_t *rid)
{
    uint64_t value = 0;
    bool is_decimal = text[0] >= '0' && text[0] <= '9' && !str_has_prefix(text, "0x");
    if (!is_decimal || !str_to_u64(text, USERS_RID_MAX, &value) || value < USERS_RID_FIRST) {
        return fail(p, "\"%.40s\" is not a rid (%d to %u)", text, USERS_RID_FIRST, USERS_RID_MAX);
    }
    *rid = (uint32_t)value;
    return true;
}

static bool identity_parse(struct parser *p, const char *text)
{
    if (p->users->has_identity) {
        return fail(p, "a second %.*s line", (int)str_len(IDENTITY) - 1, IDENTITY);
    }
    if (!hash_parse(text, p->users->identity)) {
        return fail(p, "the identity must be %d hexadecimal digits", HASH_HEX_LEN);
    }
    p->users->has_identity = true;
    return true;
}

static bool flags_parse(struct parser *p, char *text, struct auth_user *user)
{
    while (text && *text) {
        char *next = text;
        while (*next && *next != ',') {
            next++;
        }
        if (*next) {
            *next++ = '\0';
        }
        if (!str_eq(text, FLAG_DISABLED)) {
            return fail(p, "\"%.40s\" is not a flag (known: " FLAG_DISABLED ")", text);
        }
        user->disabled = true;
        text = next;
    }
    return true;
}

static bool fields_parse(struct parser *p, char *name, struct auth_user *user)
{
    char *rid = cut(name);
    char *hash = rid ? cut(rid) : NULL;
    char *flags = hash ? cut(hash) : NULL;
    if (!hash || (flags && cut(flags))) {
        return fail(p, "expected name:rid:nthash:flags");
    }
    if (!users_is_name(name)) {
        return fail(p, "\"%.80s\" is not a user name", name);
    }
    str_copy(user->name, sizeof(user->name), name);
    if (!rid_parse(p, rid, &user->rid)) {
        return false;
    }
    if (!hash_parse(hash, user->nt_hash)) {
        return fail(p, "the NT hash must be %d hexadecimal digits", HASH_HEX_LEN);
    }
    return flags_parse(p, flags, user);
}

static bool user_add(struct parser *p, const struct auth_user *user)
{
    struct users *u = p->users;
    if (u->count >= USERS_COUNT_MAX) {
        return fail(p, "more than %d users", USERS_COUNT_MAX);
    }
    if (entry_find(u, user->name)) {
        return fail(p, "user \"%s\" is there twice", user->name);
    }
    const struct auth_user *other = users_find_rid(u, user->rid);
    if (other) {
        return fail(p, "rid %u is \"%s\"'s", user->rid, other->name);
    }
    return add(u, user) || fail_memory(p);
}

/* line: terminated, without its end; cut to pieces. */
static bool line_parse(struct parser *p, char *line)
{
    struct auth_user user = {0};
    if (line[0] == '#' || line[0] == '\0') {
        return true;
    }
    if (str_has_prefix(line, IDENTITY)) {
        return identity_parse(p, line + str_len(IDENTITY));
    }
    if (str_has_prefix(line, OLD_MARK)) {
        return true;
    }
    bool ok = fields_parse(p, line, &user) && user_add(p, &user);
    mem_wipe(&user, sizeof(user));
    return ok;
}

static bool text_parse(struct parser *p, const char *text, size_t len)
{
    char line[USERS_LINE_MAX + 1];
    bool ok = true;
    for (size_t at = 0; ok && at < len;) {
        size_t end = at;
        while (end < len && text[end] != '\n' && text[end] != '\0') {
            end++;
        }
        size_t n = end > at && text[end - 1] == '\r' ? end - at - 1 : end - at;
        p->line++;
        if (end < len && text[end] == '\0') {
            ok = fail(p, "a zero byte: this is not a text file");
        } else if (n > USERS_LINE_MAX) {
            ok = fail(p, "longer than %d bytes", USERS_LINE_MAX);
        } else {
            mem_copy(line, text + at, n);
            line[n] = '\0';
            ok = line_parse(p, line);
        }
        at = end + 1;
    }
    mem_wipe(line, sizeof(line));
    return ok;
}

bool users_parse(const char *text, size_t len, struct users **out, char *err, size_t err_size)
{
    struct parser p = {.users = users_new(), .err = err, .err_size = err_size};
    *out = NULL;
    if (!p.users) {
        return fail_memory(&p);
    }
    bool ok = len <= USERS_TEXT_MAX ? text_parse(&p, text, len)
                                    : fail(&p, "the file is larger than %u bytes", USERS_TEXT_MAX);
    if (!ok) {
        users_free(p.users);
        return false;
    }
    *out = p.users;
    return true;
}

static void hash_format(const uint8_t hash[16], char hex[HASH_HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_HEX_LEN / 2; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[HASH_HEX_LEN] = '\0';
}

static void user_format(struct wr *w, const struct auth_user *user)
{
    char hex[HASH_HEX_LEN + 1];
    hash_format(user->nt_hash, hex);
    wr_printf(w, "%s:%u:%s:%s\n", user->name, user->rid, hex, user->disabled ? FLAG_DISABLED : "");
    mem_wipe(hex, sizeof(hex));
}

char *users_format(const struct users *u, size_t *len_r)
{
    /* one block of its final size: growing would leave copies of the hashes behind in freed memory
     */
    size_t cap = (u->count + 2) * (USERS_NAME_MAX + LINE_HEADROOM);
    char *text = mem_alloc(cap);
    *len_r = 0;
    if (!text) {
        return NULL;
    }
    struct wr w = wr_init(text, cap);
    wr_printf(&w, "# smbkit users: name:rid:nthash:flags\n");
    if (u->has_identity) {
        char hex[HASH_HEX_LEN + 1];
        hash_format(u->identity, hex);
        wr_printf(&w, IDENTITY "%s\n", hex);
    }
    for (size_t i = 0; i < u->count; i++) {
        user_format(&w, &u->by_rid[i]->user);
    }
    *len_r = wr_pos(&w);
    wr_u8(&w, 0);
    ASSERT(wr_ok(&w));
    return text;
}

smbkit_status users_nt_hash_from_password(const char *password_utf8, uint8_t out[16])
{
    uint8_t utf16[2 * USERS_PASSWORD_MAX];
    struct wr w = wr_init(utf16, sizeof(utf16));
    if (!utf8_is_valid(password_utf8, str_len(password_utf8)) ||
        utf16_len_bytes(password_utf8) > sizeof(utf16)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    wr_utf16(&w, password_utf8);
    bool ok = crypto_md4(utf16, wr_pos(&w), out);
    mem_wipe(utf16, sizeof(utf16));
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}
