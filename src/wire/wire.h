/* SPDX-License-Identifier: Apache-2.0 */
/* What all of wire/ shares. The layer turns bytes into native structs and back: pure functions, no
 * state, no I/O, no NTSTATUS policy.
 *
 * Parsers take a cursor whose base is the first byte of the 64-byte SMB2 header (offsets on the
 * wire count from there), whose end is the end of that one message of a compound, and which stands
 * at the body. Slices in what they fill borrow the input. On an error *out is zeroed. Formatters
 * append to a writer that stands right after a 64-byte header. Memory or room running out sticks in
 * the writer; ask wr_ok once. Thread: any. */
#pragma once

#include "base/base.h"
#include "base/cur.h"
#include "base/wr.h"

enum wire_err {
    WIRE_OK = 0,
    WIRE_SHORT, /* fewer bytes than the fixed part needs */
    WIRE_SIZE,  /* StructureSize is wrong, or a blob has not the length its kind must have */
    WIRE_RANGE, /* an offset or a length points outside the message, or into the fixed part */
    WIRE_VALUE, /* a field holds what the layout itself forbids (magic, class, odd UTF-16 length) */
    WIRE_COUNT, /* more elements than the named bound, or none where one is required */
};

/* "short" and so on, for logs. Static storage. */
const char *wire_err_name(enum wire_err err);

/* Bytes inside somebody else's buffer. Empty: len 0, p NULL. */
struct wire_slice {
    const uint8_t *p;
    size_t len; /* bytes */
};

static inline struct cur wire_slice_cur(struct wire_slice s)
{
    return cur_init(s.p, s.len);
}

#define WIRE_GUID_SIZE 16

/* SMB2_FILEID, [MS-SMB2] 2.2.14.1 */
struct smb2_file_id {
    uint64_t persistent;
    uint64_t volatile_id;
};

/* Both halves all ones: the id that an earlier CREATE of the compound opened. [MS-SMB2] 3.3.5.2.7.2
 */
static inline bool smb2_file_id_is_any(const struct smb2_file_id *id)
{
    return id->persistent == UINT64_MAX && id->volatile_id == UINT64_MAX;
}

struct smb2_file_id wire_file_id(struct cur *c);
void wire_put_file_id(struct wr *w, const struct smb2_file_id *id);

/* Borrow len bytes at offset from c's base. len 0 gives an empty slice whatever the offset.
 * WIRE_RANGE when the range starts before offset_min or does not lie within c; does not move or
 * fail c. */
NODISCARD enum wire_err wire_buffer(const struct cur *c, size_t offset, size_t len,
                                    size_t offset_min, struct wire_slice *out);
/* Everything between the position and the end. */
struct wire_slice wire_rest(struct cur *c);
/* UTF-16LE up to its terminator, before which c stands then. false: there is none. */
NODISCARD bool wire_take_text(struct cur *c, struct wire_slice *out);
void wire_put_slice(struct wr *w, struct wire_slice s);
