/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a volume (filters, then the plugin) and the one way of calling into them:
 * layer_call finds the first layer at or below `from` that has the operation, keeps to its thread
 * model, calls it, checks what it answers against the contract of smbkit/ops.h, and does the
 * documented default when no layer has it.
 *
 * A layer's SERIALIZE_ALL lock and an open's SERIALIZE_FILE lock are the only locks of the core
 * that are held during a plugin call. They are taken outermost layer first, after every other lock
 * was let go. A call that answered PENDING has ended as far as the thread model is concerned. */
#pragma once

#include <smbkit/filter.h>

#include "vfs/op.h"
#include "vfs/ops.h"
#include "vfs/vfs.h"

struct layer;

/* What a plugin may do against the contract. */
enum layer_fault {
    FAULT_STATUS,  /* that it may not answer */
    FAULT_DROPPED, /* a completion, by another answer: see complaints in op.c, also for these */
    FAULT_RETURNED_FIRST,
    FAULT_RETURNED_TOO,
    FAULT_COMPLETED_TWICE,
    FAULT_COMPLETED_FIRST,
    FAULT_ROOM,   /* an answer longer than its room */
    FAULT_FILE,   /* a file with an error */
    FAULT_IO,     /* more done than was asked for */
    FAULT_GIVE,   /* more given than was asked for, or no memory */
    FAULT_RANGES, /* more than there is room for */
    FAULT_SIZE,   /* no size of a file */
    FAULT_ENTRY,  /* of a listing, without a name or a cookie */
    FAULT_PATH,   /* that SMB cannot carry */
    LAYER_FAULTS
};

struct smbkit_next {
    struct layer *owner; /* the filter that holds this */
    struct layer *layer; /* the first one below it */
};

struct beside;
struct smbkit_host {
    struct vfs_volume *volume;
    struct beside *beside; /* NULL: of the share's own layers */
};

/* Immutable after the volume was opened, but for the lock. */
struct layer {
    const struct smbkit_plugin *plugin;
    void *volume;
    uint32_t features;   /* SMBKIT_FEATURE_* that its volume_open said */
    struct layer *below; /* NULL: this is the plugin */
    struct smbkit_next next;
    atomic_uint_fast64_t *calls; /* the volume's counters, [SMBKIT_OP_COUNT] */
    bool is_open;
    bool is_below;       /* of a filter */
    bool clears_room;    /* before each call: see room_clear */
    bool is_quick;       /* a call of it needs no lock, may be made NOWAIT, and clears no room */
    bool awaits;         /* a filter of the stack wants no PENDING to pass by it */
    struct mutex serial; /* SERIALIZE_ALL */
    atomic_uint_fast32_t faults[LAYER_FAULTS];
};

/* args: the operation's struct. file: as the layer `from` knows it; NULL for operations of the
 * volume. May answer PENDING unless the op says SMBKIT_OP_SYNC or the stack awaits. */
NODISCARD smbkit_status layer_call(struct layer *from, uint32_t id, struct smbkit_op *op,
                                   void *file, void *args);
void layer_close(struct layer *from, struct smbkit_op *op, void *file);

/* How often that has happened now, when the log is to be told: the first time, the second, the
 * fourth, the eighth and so on, since clients can make a plugin do again what it does wrong. Else
 * 0. */
NODISCARD unsigned layer_fault(struct layer *l, enum layer_fault what);

/* Is this what a plugin may answer? What it may not becomes INTERNAL_ERROR, with a line in the log.
 */
NODISCARD smbkit_status layer_answer_check(struct op *op, smbkit_status st);

/* What a read was given in pieces is put into io->buffer, and the pieces are released. NO_MEMORY:
 * it has no buffer. */
NODISCARD smbkit_status layer_io_join(struct smbkit_io *io);
