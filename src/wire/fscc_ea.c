/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_ea.h"

/* In front of the name: NextEntryOffset, Flags, EaNameLength, EaValueLength. */
#define EA_FIXED_SIZE 8

struct chain fscc_ea_list(struct wire_slice list)
{
    return chain_init(list, 4, FSCC_EAS_MAX);
}

/* len bytes and a NUL, neither empty nor with a NUL inside. */
static enum wire_err name_parse(struct cur *e, uint8_t len, struct wire_slice *name)
{
    name->p = cur_bytes(e, len);
    name->len = len;
    uint8_t terminator = cur_u8(e);
    if (!cur_ok(e)) {
        return WIRE_RANGE;
    }
    if (len == 0 || terminator != 0) {
        return WIRE_VALUE;
    }
    for (size_t i = 0; i < len; i++) {
        if (name->p[i] == 0) {
            return WIRE_VALUE;
        }
    }
    return WIRE_OK;
}

bool fscc_ea_next(struct chain *ch, struct fscc_ea *out)
{
    struct fscc_ea ea = {0};
    *out = ea;
    struct cur e;
    if (!chain_next(ch, &e)) {
        return false;
    }
    ea.flags = cur_u8(&e);
    uint8_t name_len = cur_u8(&e);
    uint16_t value_len = cur_u16(&e);
    enum wire_err err = name_parse(&e, name_len, &ea.name);
    if (err == WIRE_OK && value_len > 0) {
        ea.value.p = cur_bytes(&e, value_len);
        ea.value.len = value_len;
        err = cur_ok(&e) ? WIRE_OK : WIRE_RANGE;
    }
    if (err != WIRE_OK) {
        ch->err = err;
        ch->done = true;
        return false;
    }
    *out = ea;
    return true;
}

void fscc_ea_list_format(struct wr *w, const struct fscc_ea *eas, size_t count)
{
    struct chain_wr cw = chain_wr_init(w, 4);
    for (size_t i = 0; i < count; i++) {
        chain_wr_begin(&cw);
        wr_u8(w, eas[i].flags);
        wr_u8(w, (uint8_t)eas[i].name.len);
        wr_u16(w, (uint16_t)eas[i].value.len);
        wire_put_slice(w, eas[i].name);
        wr_u8(w, 0);
        wire_put_slice(w, eas[i].value);
    }
}

size_t fscc_ea_size(size_t len, const struct fscc_ea *ea)
{
    return align_up(len, 4) - len + EA_FIXED_SIZE + ea->name.len + 1 + ea->value.len;
}

struct chain fscc_get_ea_list(struct wire_slice list)
{
    return chain_init(list, 4, FSCC_EAS_MAX);
}

bool fscc_get_ea_next(struct chain *ch, struct wire_slice *name)
{
    *name = (struct wire_slice){0};
    struct cur e;
    if (!chain_next(ch, &e)) {
        return false;
    }
    uint8_t len = cur_u8(&e);
    struct wire_slice found;
    enum wire_err err = name_parse(&e, len, &found);
    if (err != WIRE_OK) {
        ch->err = err;
        ch->done = true;
        return false;
    }
    *name = found;
    return true;
}

void fscc_get_ea_list_format(struct wr *w, const struct wire_slice *names, size_t count)
{
    struct chain_wr cw = chain_wr_init(w, 4);
    for (size_t i = 0; i < count; i++) {
        chain_wr_begin(&cw);
        wr_u8(w, (uint8_t)names[i].len);
        wire_put_slice(w, names[i]);
        wr_u8(w, 0);
    }
}
