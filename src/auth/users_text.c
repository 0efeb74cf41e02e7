/* SPDX-License-Identifier: Apache-2.0 */
/* The users file, read and written. */
#include "auth/users_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"

#define HASH_HEX_LEN 32
#define IDENTITY "!identity:"
#define OLD_MARK "!next-rid:" /* of versions that counted rids: read, and not written any more */
#define FLAG_DISABLED "disabled"
#define LINE_HEADROOM 96 /* of a formatted line besides the name */

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

/* Cut s at the next c; returns what follows, NULL when there is none. */
static char *cut(char *s, char c)
{
    for (; *s; s++) {
        if (*s == c) {
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
        char *next = cut(text, ',');
        if (!str_eq(text, FLAG_DISABLED)) {
            return fail(p, "\"%.40s\" is not a flag (known: " FLAG_DISABLED ")", text);
        }
        user->disabled = true;
        text = next;
    }
    return true;
}

/* text: names with commas between; cut to pieces. */
static bool groups_parse(struct parser *p, char *text, struct names *groups)
{
    while (text && *text) {
        char *next = cut(text, ',');
        if (!users_is_name(text)) {
            return fail(p, "\"%.80s\" is not a group name", text);
        }
        if (groups->count == USERS_GROUPS_MAX) {
            return fail(p, "more than %d groups", USERS_GROUPS_MAX);
        }
        if (!names_add(groups, text)) {
            return fail_memory(p);
        }
        text = next;
    }
    return true;
}

static bool fields_parse(struct parser *p, char *name, struct auth_user *user, struct names *groups)
{
    char *rid = cut(name, ':');
    char *hash = rid ? cut(rid, ':') : NULL;
    char *flags = hash ? cut(hash, ':') : NULL;
    char *in = flags ? cut(flags, ':') : NULL;
    if (!hash || (in && cut(in, ':'))) {
        return fail(p, "expected name:rid:nthash:flags:groups");
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
    return flags_parse(p, flags, user) && groups_parse(p, in, groups);
}

static bool user_add(struct parser *p, const struct auth_user *user, const struct names *groups)
{
    struct users *u = p->users;
    if (u->count >= USERS_COUNT_MAX) {
        return fail(p, "more than %d users", USERS_COUNT_MAX);
    }
    if (users_entry_find(u, user->name)) {
        return fail(p, "user \"%s\" is there twice", user->name);
    }
    const struct auth_user *other = users_find_rid(u, user->rid);
    if (other) {
        return fail(p, "rid %u is \"%s\"'s", user->rid, other->name);
    }
    return users_entry_add(u, user, groups) || fail_memory(p);
}

/* line: terminated, without its end; cut to pieces. */
static bool line_parse(struct parser *p, char *line)
{
    struct auth_user user = {0};
    struct names groups = {0};
    if (line[0] == '#' || line[0] == '\0') {
        return true;
    }
    if (str_has_prefix(line, IDENTITY)) {
        return identity_parse(p, line + str_len(IDENTITY));
    }
    if (str_has_prefix(line, OLD_MARK)) {
        return true;
    }
    bool ok = fields_parse(p, line, &user, &groups) && user_add(p, &user, &groups);
    names_fini(&groups);
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

static void entry_format(struct wr *w, const struct users_entry *e)
{
    const struct auth_user *user = &e->user;
    char hex[HASH_HEX_LEN + 1];
    hash_format(user->nt_hash, hex);
    wr_printf(w, "%s:%u:%s:%s", user->name, user->rid, hex, user->disabled ? FLAG_DISABLED : "");
    mem_wipe(hex, sizeof(hex));
    for (size_t i = 0; i < e->groups.count; i++) {
        wr_printf(w, "%c%s", i == 0 ? ':' : ',', e->groups.items[i]);
    }
    wr_printf(w, "\n");
}

/* Bytes that the text has at most. */
static size_t format_bytes(const struct users *u)
{
    size_t names = u->count + 2;
    for (size_t i = 0; i < u->count; i++) {
        names += u->by_rid[i]->groups.count;
    }
    return names * (USERS_NAME_MAX + LINE_HEADROOM);
}

char *users_format(const struct users *u, size_t *len_r)
{
    /* one block of its final size: growing would leave copies of the hashes behind in freed memory
     */
    size_t cap = format_bytes(u);
    char *text = mem_alloc(cap);
    *len_r = 0;
    if (!text) {
        return NULL;
    }
    struct wr w = wr_init(text, cap);
    wr_printf(&w, "# smbkit users: name:rid:nthash:flags:groups\n");
    if (u->has_identity) {
        char hex[HASH_HEX_LEN + 1];
        hash_format(u->identity, hex);
        wr_printf(&w, IDENTITY "%s\n", hex);
    }
    for (size_t i = 0; i < u->count; i++) {
        entry_format(&w, u->by_rid[i]);
    }
    *len_r = wr_pos(&w);
    wr_u8(&w, 0);
    ASSERT(wr_ok(&w));
    return text;
}
