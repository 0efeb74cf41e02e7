/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire.h"

const char *wire_err_name(enum wire_err err)
{
    static const char *const names[] = {
        [WIRE_OK] = "ok",       [WIRE_SHORT] = "short", [WIRE_SIZE] = "size",
        [WIRE_RANGE] = "range", [WIRE_VALUE] = "value", [WIRE_COUNT] = "count",
    };
    return (size_t)err < ARRAY_LEN(names) ? names[err] : "unknown";
}

struct smb2_file_id wire_file_id(struct cur *c)
{
    struct smb2_file_id id;
    id.persistent = cur_u64(c);
    id.volatile_id = cur_u64(c);
    return id;
}

void wire_put_file_id(struct wr *w, const struct smb2_file_id *id)
{
    wr_u64(w, id->persistent);
    wr_u64(w, id->volatile_id);
}

enum wire_err wire_buffer(const struct cur *c, size_t offset, size_t len, size_t offset_min,
                          struct wire_slice *out)
{
    *out = (struct wire_slice){0};
    if (len == 0) {
        return WIRE_OK;
    }
    if (offset < offset_min) {
        return WIRE_RANGE;
    }
    struct cur whole = *c;
    struct cur sub = cur_sub(&whole, offset, len);
    if (!cur_ok(&sub)) {
        return WIRE_RANGE;
    }
    *out = wire_rest(&sub);
    return WIRE_OK;
}

struct wire_slice wire_rest(struct cur *c)
{
    size_t len = cur_left(c);
    if (len == 0) {
        return (struct wire_slice){0};
    }
    return (struct wire_slice){.p = cur_bytes(c, len), .len = len};
}

bool wire_take_text(struct cur *c, struct wire_slice *out)
{
    struct cur rest = *c;
    size_t len = 0;
    while (cur_u16(&rest) != 0) {
        len += 2;
    }
    *out = (struct wire_slice){0};
    if (!cur_ok(&rest)) {
        return false;
    }
    *out = (struct wire_slice){cur_bytes(c, len), len};
    return true;
}

void wire_put_slice(struct wr *w, struct wire_slice s)
{
    if (s.len > 0) {
        wr_bytes(w, s.p, s.len);
    }
}
