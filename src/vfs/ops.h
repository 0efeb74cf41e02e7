/* SPDX-License-Identifier: Apache-2.0 */
/* The core's side of SMBKIT_OPERATIONS: for each operation how it is called, what is done where no
 * layer has it, and which pointers its struct holds, so that one piece of code calls, checks,
 * copies and logs them all. Adding an operation is a row in smbkit/ops.h and one in ops.c. */
#pragma once

#include <smbkit/plugin.h>

#include "base/base.h"
#include "vfs/vfs.h"

struct layer;

/* What a member of an operation's struct points to. */
enum op_pointer_kind {
    OP_PTR_NONE,
    OP_PTR_STRING,     /* const char *, may be NULL */
    OP_PTR_BYTES,      /* struct smbkit_bytes */
    OP_PTR_BUFFER,     /* struct smbkit_buffer: room for an answer */
    OP_PTR_BUFFER_PTR, /* struct smbkit_buffer *, may be NULL */
    OP_PTR_ATTR,       /* struct smbkit_attr *: room for an answer */
    OP_PTR_FILE,       /* void *: a file of the volume, may be NULL */
    OP_PTR_RANGES,     /* struct smbkit_ranges.out: room for an answer */
    OP_PTR_TIMES,      /* struct smbkit_snapshots.times: room for an answer */
};
struct op_pointer {
    uint16_t kind;
    uint16_t offset;
};
#define OP_POINTERS_MAX 7 /* the last one ends the list */

struct op_row {
    const char *name;
    uint32_t size;     /* of its struct */
    uint32_t function; /* offset in struct smbkit_plugin */
    bool of_file;
    bool acts;      /* what it does cannot be taken back; create: if it makes something */
    bool writes;    /* the content of the file may be another one afterwards */
    bool overflows; /* BUFFER_OVERFLOW: there is more than was answered */
    smbkit_status (*call)(const struct smbkit_plugin *p, void *volume, struct smbkit_op *op,
                          void *file, void *args);
    /* Where no layer has it: the answer, or what makes one. */
    smbkit_status absent;
    smbkit_status (*emulate)(struct layer *from, struct smbkit_op *op, void *file, void *args);
    /* Zero the room for an answer that is not among the pointers. May be NULL. */
    void (*clear)(void *args);
    /* The arguments are a struct smbkit_io whose vfs_io notes which layer is asked: op_note_asked.
     */
    bool notes_asked;
    /* Is it what may be answered? Mends what does no harm. May be NULL. */
    smbkit_status (*check)(struct layer *l, void *args, smbkit_status st);
    /* Not 0: a layer that has this function and not the operation itself hides the layers below:
     * what they say of it would not be true of the layer's files. */
    uint32_t hidden_by;
    /* Each layer is asked with arguments of its own: a filter that passes the call on is answered
     * `absent`, and no other layer takes them for its own. Of control only where op->stays says so.
     */
    bool asks_each;
    uint16_t other_file; /* where among its pointers' members another file stands; 0: nowhere */
    struct op_pointer pointers[OP_POINTERS_MAX];
};
extern const struct op_row op_rows[SMBKIT_OP_COUNT];

static inline bool op_row_has(const struct op_row *row, const struct smbkit_plugin *p)
{
    typedef void (*any_function)(void);
    return *(const any_function *)((const char *)p + row->function) != NULL;
}

/* The layer is about to be called, or goes on. */
static inline void op_note_asked(const struct op_row *row, struct layer *l, void *args)
{
    struct vfs_io *io = row->notes_asked ? ((struct smbkit_io *)args)->core : NULL;
    if (io) {
        io->asked = l;
    }
}
