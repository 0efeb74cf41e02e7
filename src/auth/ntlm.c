/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/ntlm.h"

#include "base/mem.h"
#include "base/utf.h"

enum {
    MESSAGE_NEGOTIATE = 1,
    MESSAGE_CHALLENGE = 2,
    MESSAGE_AUTHENTICATE = 3,
};

/* AvId. [MS-NLMP] 2.2.2.1 */
enum {
    AV_EOL = 0,
    AV_NB_COMPUTER_NAME = 1,
    AV_NB_DOMAIN_NAME = 2,
    AV_DNS_COMPUTER_NAME = 3,
    AV_DNS_DOMAIN_NAME = 4,
    AV_FLAGS = 6,
    AV_TIMESTAMP = 7,
};

#define AV_FLAG_MIC 0x2u
#define CHALLENGE_FIXED_LEN 56
#define V2_PROOF_LEN 16
#define V2_TEMP_FIXED_LEN 28 /* up to the AV pairs. [MS-NLMP] 2.2.2.7 */

static const uint8_t signature[8] = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};
/* Windows 7's, NTLM revision 15: a number for people's traces. [MS-NLMP] 2.2.2.10 */
static const uint8_t version[8] = {6, 1, 0, 0, 0, 0, 0, 15};

bool ntlm_is_message(const uint8_t *p, size_t len)
{
    return len >= sizeof(signature) && mem_eq(p, signature, sizeof(signature));
}

/* A cursor behind the common head of a message of this type. */
static struct cur message_begin(struct auth_slice msg, uint32_t type)
{
    struct cur c = cur_init(msg.p, msg.len);
    const uint8_t *sig = cur_bytes(&c, sizeof(signature));
    uint32_t got = cur_u32(&c);
    if (!sig || !mem_eq(sig, signature, sizeof(signature)) || got != type) {
        cur_fail(&c);
    }
    return c;
}

bool ntlm_negotiate_parse(struct auth_slice msg, struct ntlm_negotiate *out)
{
    struct cur c = message_begin(msg, MESSAGE_NEGOTIATE);
    *out = (struct ntlm_negotiate){.flags = cur_u32(&c)};
    return cur_ok(&c);
}

/* Length, maximum, offset. The offset of an empty field means nothing (clients send anything). */
static struct auth_slice field_parse(struct cur *c)
{
    uint16_t len = cur_u16(c);
    cur_skip(c, 2);
    uint32_t offset = cur_u32(c);
    if (!cur_ok(c) || len == 0) {
        return auth_slice_of(NULL, 0);
    }
    struct cur field = cur_sub(c, offset, len);
    return auth_slice_of(field.pos, cur_left(&field));
}

bool ntlm_authenticate_parse(struct auth_slice msg, struct ntlm_authenticate *out)
{
    struct cur c = message_begin(msg, MESSAGE_AUTHENTICATE);
    *out = (struct ntlm_authenticate){0};
    out->lm = field_parse(&c);
    out->nt = field_parse(&c);
    out->domain = field_parse(&c);
    out->user = field_parse(&c);
    out->workstation = field_parse(&c);
    out->session_key = field_parse(&c);
    out->flags = cur_u32(&c);
    bool is_key = out->session_key.len == 0 || out->session_key.len == NTLM_KEY_LEN;
    if (!cur_ok(&c) || !is_key) {
        *out = (struct ntlm_authenticate){0};
        return false;
    }
    return true;
}

/* Walk the AV pairs to their end mark, or to the end of the bytes: some clients leave the mark out.
 */
static bool av_pairs_parse(struct cur *c, uint32_t *flags_r)
{
    for (unsigned i = 0; i < NTLM_AV_PAIRS_MAX && cur_left(c); i++) {
        uint16_t id = cur_u16(c);
        uint16_t len = cur_u16(c);
        struct cur value = cur_take(c, len);
        if (id == AV_EOL) {
            return cur_ok(c) && len == 0;
        }
        if (id == AV_FLAGS) {
            *flags_r = cur_u32(&value);
            if (!cur_done(&value)) {
                return false;
            }
        }
    }
    return cur_done(c);
}

bool ntlm_v2_response_parse(struct auth_slice nt, struct ntlm_v2_response *out)
{
    struct cur c = cur_init(nt.p, nt.len);
    uint32_t av_flags = 0;
    *out = (struct ntlm_v2_response){.proof = cur_bytes(&c, V2_PROOF_LEN)};
    out->temp = auth_slice_of(c.pos, cur_left(&c));
    uint8_t resp_type = cur_u8(&c);
    uint8_t hi_resp_type = cur_u8(&c);
    cur_skip(&c, V2_TEMP_FIXED_LEN - 2);
    if (!cur_ok(&c) || resp_type != 1 || hi_resp_type != 1 || !av_pairs_parse(&c, &av_flags)) {
        *out = (struct ntlm_v2_response){0};
        return false;
    }
    out->has_mic = av_flags & AV_FLAG_MIC;
    return true;
}

static void av_string(struct wr *w, uint16_t id, const char *s)
{
    wr_u16(w, id);
    wr_u16(w, (uint16_t)utf16_len_bytes(s)); /* auth_config bounds the names at 255 bytes */
    wr_utf16(w, s);
}

static void target_info_format(struct wr *w, const struct ntlm_challenge *msg)
{
    /* A server that is in no domain is its own: computer and domain names are the same, as Windows
     * has it. The time tells the client to send a MIC. [MS-NLMP] 3.1.5.1.2 */
    av_string(w, AV_NB_DOMAIN_NAME, msg->target_name);
    av_string(w, AV_NB_COMPUTER_NAME, msg->target_name);
    av_string(w, AV_DNS_DOMAIN_NAME, msg->dns_name);
    av_string(w, AV_DNS_COMPUTER_NAME, msg->dns_name);
    wr_u16(w, AV_TIMESTAMP);
    wr_u16(w, sizeof(msg->time));
    wr_u64(w, msg->time);
    wr_u16(w, AV_EOL);
    wr_u16(w, 0);
}

static void field_format(struct wr *w, size_t len, size_t offset)
{
    wr_u16(w, (uint16_t)len);
    wr_u16(w, (uint16_t)len);
    wr_u32(w, (uint32_t)offset);
}

void ntlm_challenge_format(struct wr *w, const struct ntlm_challenge *msg)
{
    bool has_name = msg->flags & NTLM_REQUEST_TARGET;
    size_t start = wr_pos(w);
    size_t name_len = has_name ? utf16_len_bytes(msg->target_name) : 0;
    wr_bytes(w, signature, sizeof(signature));
    wr_u32(w, MESSAGE_CHALLENGE);
    field_format(w, name_len, CHALLENGE_FIXED_LEN);
    wr_u32(w, msg->flags);
    wr_bytes(w, msg->server_challenge, NTLM_CHALLENGE_LEN);
    wr_u64(w, 0);
    size_t info_field = wr_pos(w);
    field_format(w, 0, CHALLENGE_FIXED_LEN + name_len);
    wr_bytes(w, version, sizeof(version));
    if (has_name) {
        wr_utf16(w, msg->target_name);
    }
    ASSERT(!wr_ok(w) || wr_pos(w) - start == CHALLENGE_FIXED_LEN + name_len);
    size_t info = wr_pos(w);
    target_info_format(w, msg);
    if (wr_ok(w)) {
        wr_put_u16(w, info_field, (uint16_t)(wr_pos(w) - info));
        wr_put_u16(w, info_field + 2, (uint16_t)(wr_pos(w) - info));
    }
}
