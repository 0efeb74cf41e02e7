/* SPDX-License-Identifier: Apache-2.0 */
/* NDR 2.0 transfer syntax, little endian: the part of it that our services use.
 * [C706] chapter 14. Alignment counts from the first byte of the stub, which is the base of the
 * cursor and position 0 of the writer. */
#pragma once

#include "base/base.h"
#include "base/cur.h"
#include "base/wr.h"

/* UTF-16 units of one string in a request, terminator included: the longest honest ones (UNC
 * names, paths) stay far below. */
#define NDR_STRING_UNITS_MAX 4096u

/* A string of a request: UTF-16LE without its terminator, borrowed from the stub. */
struct ndr_str {
    const uint8_t *p;
    size_t len_bytes;
};

/* All fail the cursor on malformed input and then give 0, false or an empty string. */
uint32_t ndr_pull_u32(struct cur *c);
/* The referent of a unique pointer: is it there? */
bool ndr_pull_ptr(struct cur *c);
/* A [string] of wchar_t: conformant and varying, terminated, no NUL within. [C706] 14.3.4 */
struct ndr_str ndr_pull_str(struct cur *c);
/* A unique pointer to such a string with its referent right behind (a top-level parameter).
 * false: NULL or failed. */
bool ndr_pull_str_ptr(struct cur *c, struct ndr_str *out);
/* Units before the first NUL; `units` when there is none. What a client sends behind it (impacket
 * pads server names so) is no part of the string. */
size_t ndr_length_units(const uint8_t *p, size_t units);
/* Owned, terminated UTF-8; NULL without memory. */
NODISCARD char *ndr_str_dup(const struct ndr_str *s);

/* A reply's stub. */
struct ndr_out {
    struct wr w;
    uint32_t pointers; /* referents given out so far: each gets an id of its own */
};

struct ndr_out ndr_out_new(size_t max_bytes);
void ndr_out_fini(struct ndr_out *o);
void ndr_push_u32(struct ndr_out *o, uint32_t v);
/* The id of the next pointer; 0: NULL. */
uint32_t ndr_next_ptr(struct ndr_out *o, bool is_there);
/* The pointer only; its referent comes later. */
void ndr_push_ptr(struct ndr_out *o, bool is_there);

/* --- information levels: structures of integers, strings and byte arrays --- */

enum ndr_kind { NDR_U32, NDR_STR, NDR_BYTES };

/* One member's value. A NULL str or bytes is a NULL pointer. */
struct ndr_value {
    uint32_t u32; /* NDR_U32; the length of NDR_BYTES */
    const char *str;
    const uint8_t *bytes;
};

#define NDR_FIELDS_MAX 13u

/* The members of the structure of one level, as indexes into the class's fields. */
struct ndr_level {
    uint32_t level;
    bool is_admin_only;
    uint8_t count; /* 0: the level exists in the interface, but is not offered here */
    uint8_t fields[NDR_FIELDS_MAX];
};

/* All levels of one kind of object. */
struct ndr_class {
    const struct ndr_level *levels;
    size_t level_count;
    const uint8_t *kinds; /* enum ndr_kind of each field */
};

/* NULL: the interface has no such level. */
const struct ndr_level *ndr_level_get(const struct ndr_class *cls, uint32_t level);

/* A conformant array of structures in the making: the members, and what their pointers refer to,
 * which follows after all members of all elements. [C706] 14.3.12.3 */
struct ndr_rows {
    struct wr fixed;
    struct wr deferred;
    uint32_t count;
};

struct ndr_rows ndr_rows_new(size_t max_bytes);
void ndr_rows_fini(struct ndr_rows *r);
/* Bytes that an element takes in all. */
size_t ndr_row_size(const struct ndr_class *cls, const struct ndr_level *lvl,
                    const struct ndr_value *values);
/* values: one for each field of the class. o hands out the pointers' ids. */
void ndr_rows_add(struct ndr_rows *r, struct ndr_out *o, const struct ndr_class *cls,
                  const struct ndr_level *lvl, const struct ndr_value *values);
/* Append the members and referents to o (the element count is the caller's to write). */
void ndr_push_rows(struct ndr_out *o, const struct ndr_rows *r);
/* Step over count structures that a client sent along, checking their form. */
void ndr_skip_rows(struct cur *c, const struct ndr_class *cls, const struct ndr_level *lvl,
                   uint32_t count);
