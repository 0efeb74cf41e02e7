/* SPDX-License-Identifier: Apache-2.0 */
/* The caching state machine of one stream: decisions only. [MS-FSA] 2.1.4.12, 2.1.5.18, 2.1.5.19;
 * [MS-SMB2] 3.3.4.6, 3.3.4.7.
 *
 * A holder has caching rights. It is an oplock (in its open's memory; level II is R, exclusive RW,
 * batch RWH) or a lease, which opens share (lease.h). There are either any number of holders of R
 * or RH, or one of RW or RWH; a level II oplock and a lease of RH exclude each other. An operation
 * is checked before it acts: oplock_check says whom to tell (every holder in `breaks`, once) and
 * whether the operation has to wait. It is checked again from the top when woken.
 *
 * The caller holds the node's lock. */
#pragma once

#include "base/list.h"

/* Caching rights; the values are those of lease states, [MS-SMB2] 2.2.13.2.8 */
#define OPLOCK_R 0x1u
#define OPLOCK_H 0x2u
#define OPLOCK_W 0x4u

enum oplock_kind { OPLOCK_OF_OPEN, OPLOCK_OF_LEASE };

struct oplock_holder {
    enum oplock_kind kind;
    uint64_t client;        /* whose caching it is: smbkit_identity.client_id; 0: nobody's */
    struct list alike;      /* the ring of all holders of the stream that are as it is */
    struct list group;      /* of the first of them, in oplock_state.groups; else empty */
    struct list break_link; /* in oplock_result.breaks, until the caller has taken it out */
    uint8_t caching;        /* what it holds; while breaking: what it held before */
    uint8_t break_to;       /* while breaking: what it will hold; breaks: what to tell the client */
    uint8_t break_from;     /* in breaks: what it held before */
    uint8_t break_last;     /* leases: what will be left in the end, maybe after more breaks */
    bool breaking;          /* an acknowledgement is awaited */
    bool is_chain; /* leases: it follows another, and all who came meanwhile wait for the last */
    bool tell_ack; /* in breaks: tell the client that it has to acknowledge */
};

/* Holders that are alike in all that is decided by are one group: an operation looks at the groups,
 * which are a handful, and at those holders only whose rights it changes, however many read. */
struct oplock_state {
    struct list groups; /* of oplock_holder.group */
    uint32_t count;     /* of holders */
};

enum oplock_op {
    /* An open, before the share modes are checked: only handle caching (batch) breaks. */
    OPLOCK_OP_OPEN_BEFORE_SHARING,
    /* An open that the share modes refuse: it is asked again when handles that are only cached are
     * closed. */
    OPLOCK_OP_OPEN_REFUSED,
    /* An open, after the share modes were found to allow it. */
    OPLOCK_OP_OPEN,
    OPLOCK_OP_READ,
    OPLOCK_OP_WRITE,
    OPLOCK_OP_FLUSH,
    OPLOCK_OP_LOCK,     /* a byte-range lock is asked for */
    OPLOCK_OP_UNLOCK,   /* nothing */
    OPLOCK_OP_SET_SIZE, /* end of file, allocation, valid data length */
    OPLOCK_OP_ZERO_DATA,
    OPLOCK_OP_RENAME,        /* of this file, or of a directory above it, or linked over */
    OPLOCK_OP_DELETE,        /* delete-pending is set, or the last name goes */
    OPLOCK_OP_CHANGED_BELOW, /* the plugin reports that the content changed: all caching ends */
    OPLOCK_OP_CHILD,         /* of a directory: a name in it comes, goes or changes its data */
    OPLOCK_OPS
};

struct oplock_query {
    enum oplock_op op;
    const struct oplock_holder *by; /* of the open that acts, or of the lease that a new one names;
                                       or NULL */
    uint32_t access;      /* opens: desired, generic bits mapped, MAXIMUM_ALLOWED resolved */
    uint32_t disposition; /* opens: SMBKIT_OPEN ... */
    uint64_t client;      /* what a plugin reports: whose doing it was; all that he holds is spared.
                             0: nobody's */
    const uint8_t *parent_key; /* CHILD: the lease key that it names as its parent's; or NULL. It is
                                  compared alone, without the client: [MS-FSA] 2.1.4.12 */
};

struct oplock_result {
    struct list
        breaks; /* of oplock_holder.break_link: pop each, tell its client break_to and tell_ack */
    bool wait;  /* not before a break is acknowledged, timed out or closed */
};

void oplock_init(struct oplock_state *s);
void oplock_holder_init(struct oplock_holder *h, enum oplock_kind kind);

/* VFS_OPLOCK_* to caching rights and back. An unknown level is none. */
uint8_t oplock_caching_of(uint8_t level);
uint8_t oplock_level_of(uint8_t caching);
/* What the holder's client may think it has: VFS_OPLOCK_*. */
uint8_t oplock_holder_level(const struct oplock_holder *h);
/* Is access nothing but READ_ATTRIBUTES, WRITE_ATTRIBUTES, SYNCHRONIZE (and READ_CONTROL not)? Such
 * an open breaks nothing. */
bool oplock_is_stat_access(uint32_t access);

/* An open that succeeded asks for a level. */
struct oplock_want {
    uint8_t level;        /* VFS_OPLOCK_* */
    bool has_other_opens; /* of the stream, stat opens apart */
    bool has_byte_locks;
    bool is_directory;
};
/* Grants the level, or the next lower that may be, and adds the holder. Returns the level granted.
 */
uint8_t oplock_request(struct oplock_state *s, struct oplock_holder *h,
                       const struct oplock_want *want);

/* What must happen before the operation. out is filled anew. Idempotent while waiting: a holder
 * that was told is not told again. */
void oplock_check(struct oplock_state *s, const struct oplock_query *q, struct oplock_result *out);
/* For lease.c: the holder has these rights from now on, whatever it had; no break is under way. */
void oplock_settle(struct oplock_state *s, struct oplock_holder *h, uint8_t caching);
/* For lease.c: the holder is in the middle of a break that ends in a second one; break_last and
 * is_chain are set so. */
void oplock_break_chain(struct oplock_state *s, struct oplock_holder *h, uint8_t last);
/* For lease.c: begin a break, appended to out->breaks; at once when no answer is needed. */
void oplock_break_begin(struct oplock_state *s, struct oplock_holder *h, uint8_t to,
                        struct oplock_result *out);

/* One holder is to have no more than that, whoever acts; an oplock, which knows no other rest, R or
 * nothing. As oplock_check. */
void oplock_break_one(struct oplock_state *s, struct oplock_holder *h, uint8_t leaves,
                      struct oplock_result *out);

/* For lease.c: the others, h apart. */
struct oplock_others {
    bool any;
    bool has_oplock; /* of an open's */
    uint8_t caching; /* all rights that one of them has */
};
struct oplock_others oplock_others(const struct oplock_state *s, const struct oplock_holder *h);

/* Nobody holds anything: oplock_check would find nothing to do. */
static inline bool oplock_is_idle(const struct oplock_state *s)
{
    return s->count == 0;
}

/* The client's answer. *level_r: what it has from now on (lower than `level` when more was asked
 * for meanwhile). [MS-FSA] 2.1.5.19, [MS-SMB2] 3.3.5.22.1. SUCCESS: wake who waits.
 * INVALID_OPLOCK_PROTOCOL with *level_r unchanged: no break under way. INVALID_PARAMETER (no such
 * level) and INVALID_OPLOCK_PROTOCOL (neither II nor none): the oplock is gone, wake too; *level_r
 * is none. */
NODISCARD smbkit_status oplock_ack(struct oplock_state *s, struct oplock_holder *h, uint8_t level,
                                   uint8_t *level_r);
/* No answer: all caching is gone. True: somebody may be waiting, wake. */
bool oplock_timeout(struct oplock_state *s, struct oplock_holder *h);
/* The open goes away. True: a break was under way, wake. Harmless twice. */
bool oplock_holder_gone(struct oplock_state *s, struct oplock_holder *h);
