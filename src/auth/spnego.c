/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/spnego.h"

#include "base/mem.h"
#include "base/str.h"

/* DER tags */
enum {
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_GENERAL_STRING = 0x1b,
    DER_SEQUENCE = 0x30,
    DER_APPLICATION_0 = 0x60,
    DER_CONTEXT_0 = 0xa0,
    DER_CONTEXT_1 = 0xa1,
    DER_CONTEXT_2 = 0xa2,
    DER_CONTEXT_3 = 0xa3,
};

static const uint8_t oid_spnego[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x02}; /* 1.3.6.1.5.5.2 */

/* [MS-SPNG] 2.2.1: a fixed text; no client reads it. */
static const char hint_name[] = "not_defined_in_RFC4178@please_ignore";

/* The tag to be read next; 0 at the end. */
static uint8_t der_peek(const struct cur *c)
{
    return cur_left(c) ? *c->pos : 0;
}

/* One to three length bytes; the indefinite form is not DER. */
static size_t der_len(struct cur *c)
{
    uint8_t first = cur_u8(c);
    if (first < 0x80) {
        return first;
    }
    size_t len = 0;
    unsigned count = first & 0x7f;
    if (count == 0 || count > 3) {
        cur_fail(c);
        return 0;
    }
    while (count--) {
        len = len << 8 | cur_u8(c);
    }
    return len;
}

/* The content of the next element, which must have this tag; steps over it. */
static struct cur der_take(struct cur *c, uint8_t tag)
{
    if (cur_u8(c) != tag) {
        cur_fail(c);
        return cur_bad();
    }
    size_t len = der_len(c);
    return cur_take(c, len);
}

static struct auth_slice der_take_bytes(struct cur *c, uint8_t tag)
{
    struct cur content = der_take(c, tag);
    if (!cur_ok(&content)) {
        return auth_slice_of(NULL, 0);
    }
    return auth_slice_of(content.pos, cur_left(&content));
}

/* An OPTIONAL [context] wrapping one element of `tag` only. */
static struct auth_slice der_take_optional(struct cur *c, uint8_t context, uint8_t tag)
{
    if (der_peek(c) != context) {
        return auth_slice_of(NULL, 0);
    }
    struct cur wrapped = der_take(c, context);
    struct auth_slice s = der_take_bytes(&wrapped, tag);
    if (!cur_done(&wrapped)) {
        cur_fail(c);
    }
    return s;
}

bool spnego_is_init(const uint8_t *p, size_t len)
{
    return len > 0 && p[0] == DER_APPLICATION_0;
}

/* [0] MechTypeList, keeping its DER as it came: the MIC covers those very bytes. RFC 4178 5 */
static bool mech_list_parse(struct cur *c, struct spnego_init *out)
{
    struct cur wrapped = der_take(c, DER_CONTEXT_0);
    out->mech_list = auth_slice_of(wrapped.pos, cur_left(&wrapped));
    struct cur list = der_take(&wrapped, DER_SEQUENCE);
    if (!cur_ok(&list) || !cur_done(&wrapped)) {
        return false;
    }
    while (cur_left(&list)) {
        if (out->mech_count == SPNEGO_MECHS_MAX) {
            return false;
        }
        out->mechs[out->mech_count++] = der_take_bytes(&list, DER_OID);
    }
    return cur_ok(&list) && out->mech_count > 0;
}

static bool init_parse(struct cur *c, struct spnego_init *out)
{
    struct cur outer = der_take(c, DER_APPLICATION_0);
    struct auth_slice oid = der_take_bytes(&outer, DER_OID);
    if (!oid.p || oid.len != sizeof(oid_spnego) || !mem_eq(oid.p, oid_spnego, oid.len)) {
        return false;
    }
    struct cur choice = der_take(&outer, DER_CONTEXT_0);
    struct cur seq = der_take(&choice, DER_SEQUENCE);
    if (!mech_list_parse(&seq, out)) {
        return false;
    }
    if (der_peek(&seq) == DER_CONTEXT_1) { /* reqFlags: obsolete, ignored. RFC 4178 4.2.1 */
        (void)der_take(&seq, DER_CONTEXT_1);
    }
    out->token = der_take_optional(&seq, DER_CONTEXT_2, DER_OCTET_STRING);
    /* what follows (a MIC nobody can make yet, hints, extensions) means nothing here */
    return cur_ok(&seq) && cur_done(&choice) && cur_done(&outer) && cur_done(c);
}

bool spnego_init_parse(const uint8_t *p, size_t len, struct spnego_init *out)
{
    struct cur c = cur_init(p, len);
    *out = (struct spnego_init){0};
    if (!init_parse(&c, out)) {
        *out = (struct spnego_init){0};
        return false;
    }
    return true;
}

static bool resp_parse(struct cur *c, struct spnego_resp *out)
{
    struct cur choice = der_take(c, DER_CONTEXT_1);
    struct cur seq = der_take(&choice, DER_SEQUENCE);
    struct auth_slice state = der_take_optional(&seq, DER_CONTEXT_0, DER_ENUMERATED);
    if (state.p) {
        if (state.len != 1 || state.p[0] > SPNEGO_REQUEST_MIC) {
            return false;
        }
        out->state = (enum spnego_state)state.p[0];
    }
    out->mech = der_take_optional(&seq, DER_CONTEXT_1, DER_OID);
    out->token = der_take_optional(&seq, DER_CONTEXT_2, DER_OCTET_STRING);
    out->mic = der_take_optional(&seq, DER_CONTEXT_3, DER_OCTET_STRING);
    return cur_ok(&seq) && cur_done(&choice) && cur_done(c);
}

bool spnego_resp_parse(const uint8_t *p, size_t len, struct spnego_resp *out)
{
    struct cur c = cur_init(p, len);
    *out = (struct spnego_resp){.state = SPNEGO_STATE_ABSENT};
    if (!resp_parse(&c, out)) {
        *out = (struct spnego_resp){.state = SPNEGO_STATE_ABSENT};
        return false;
    }
    return true;
}

/* Put tag and length before everything written since `from`. */
static void der_wrap(struct wr *w, size_t from, uint8_t tag)
{
    size_t len = wr_pos(w) - from;
    uint8_t head[5] = {tag};
    size_t n = 1;
    if (len >= 0x80) {
        unsigned count = len > 0xffff ? 3 : len > 0xff ? 2 : 1;
        head[n++] = (uint8_t)(0x80 | count);
        while (--count) {
            head[n++] = (uint8_t)(len >> count * 8);
        }
    }
    head[n++] = (uint8_t)len;
    if (wr_space(w, n)) {
        mem_move(w->base + from + n, w->base + from, len);
        mem_copy(w->base + from, head, n);
    }
}

/* [context] { tag content }; nothing when absent. */
static void der_put_optional(struct wr *w, uint8_t context, uint8_t tag, struct auth_slice s)
{
    if (s.p) {
        size_t from = wr_pos(w);
        wr_bytes(w, s.p, s.len);
        der_wrap(w, from, tag);
        der_wrap(w, from, context);
    }
}

void spnego_resp_format(struct wr *w, const struct spnego_resp *resp)
{
    size_t from = wr_pos(w);
    uint8_t state = (uint8_t)resp->state;
    bool has_state = resp->state != SPNEGO_STATE_ABSENT;
    der_put_optional(w, DER_CONTEXT_0, DER_ENUMERATED, auth_slice_of(has_state ? &state : NULL, 1));
    der_put_optional(w, DER_CONTEXT_1, DER_OID, resp->mech);
    der_put_optional(w, DER_CONTEXT_2, DER_OCTET_STRING, resp->token);
    der_put_optional(w, DER_CONTEXT_3, DER_OCTET_STRING, resp->mic);
    der_wrap(w, from, DER_SEQUENCE);
    der_wrap(w, from, DER_CONTEXT_1);
}

static void mech_list_format(struct wr *w, const struct auth_slice *mechs, size_t count)
{
    size_t list = wr_pos(w);
    for (size_t i = 0; i < count; i++) {
        size_t from = wr_pos(w);
        wr_bytes(w, mechs[i].p, mechs[i].len);
        der_wrap(w, from, DER_OID);
    }
    der_wrap(w, list, DER_SEQUENCE);
    der_wrap(w, list, DER_CONTEXT_0);
}

void spnego_init2_format(struct wr *w, const struct auth_slice *mechs, size_t count)
{
    size_t outer = wr_pos(w);
    wr_bytes(w, oid_spnego, sizeof(oid_spnego));
    der_wrap(w, outer, DER_OID);
    size_t token = wr_pos(w);
    mech_list_format(w, mechs, count);
    size_t hints = wr_pos(w);
    der_put_optional(w, DER_CONTEXT_0, DER_GENERAL_STRING,
                     auth_slice_of(hint_name, str_len(hint_name)));
    der_wrap(w, hints, DER_SEQUENCE);
    der_wrap(w, hints, DER_CONTEXT_3);
    der_wrap(w, token, DER_SEQUENCE);
    der_wrap(w, token, DER_CONTEXT_0);
    der_wrap(w, outer, DER_APPLICATION_0);
}
