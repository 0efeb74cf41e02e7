/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks of oplocks and leases on their way to the client. [MS-SMB2] 3.3.4.6, 3.3.4.7
 *
 * One job does all of it, on the loop of a connection of the open's session, or of any session of
 * the lease's client. Which one is chosen when there is something to tell, and again when that
 * connection ends before it was told, or before the client has answered, or turns out to be silent:
 * its peer's TCP has not acknowledged the break after SMB_HEARD_TIME_MS, and there is another one.
 * Until the timer is stopped the connection stays the one. */
#pragma once

#include "smb/session.h"

struct smb_break;

/* What oplocks and leases differ in. */
struct smb_break_kind {
    /* Of what the break is part of. */
    void (*ref)(struct smb_break *b);
    void (*unref)(struct smb_break *b);
    /* lock is held. Does the client know yet what would be broken? */
    bool (*is_announced)(const struct smb_break *b);
    /* lock is held. Who hears of it, and on which connection: owned references; NULL: nobody now.
     */
    struct smb_conn *(*choose)(struct smb_break *b, struct smb_session **s_r);
    /* lock is held; the body of the message. */
    void (*format)(const struct smb_break *b, struct wr *w);
    /* lock is held. It was told, or is to be, and there is nobody to answer. */
    void (*unheard)(struct smb_break *b);
    /* Loop thread: no answer came in time. */
    void (*timed_out)(struct smb_break *b);
};

/* Guarded by lock unless said otherwise. */
struct smb_break {
    const struct smb_break_kind *kind; /* immutable, as the next */
    struct mutex *lock;                /* of what it is part of; taken under locks of vfs */
    struct job job;                    /* on conn's loop; holds a reference while posted */
    struct smb_timer timer;            /* conn's loop; holds a reference while set */
    struct list timer_link;            /* conn's loop: in conn->breaks while the timer is set */
    uint64_t sent_until;               /* conn's loop: bytes sent on conn, the break included */
    uint64_t acked;                    /* conn's loop: of these, when it was looked last */
    uint64_t heard_ms;                 /* conn's loop: when that has grown, or anything came */
    bool is_unheard;                   /* conn's loop: at the last look it was silent */
    uint64_t until_ms;                 /* conn's loop: to be answered by then; 0: not told yet */
    struct smb_conn *conn;             /* a reference: whose job and timer they are; NULL: to be
                                          chosen */
    struct smb_session *session;       /* a reference: through whom; with conn */
    bool posted;
    bool due;      /* the client is to be told ... */
    bool ack;      /* ... and has to answer */
    bool again;    /* ... once more: it was told on another connection */
    bool answered; /* it did */
};

void smb_break_init(struct smb_break *b, const struct smb_break_kind *kind, struct mutex *lock);
void smb_break_fini(struct smb_break *b);
/* lock is held: there is something to tell, now or when it is announced. */
void smb_break_due_locked(struct smb_break *b, bool ack);
/* lock is held: it is announced by now, or somebody may be there to hear of it. */
void smb_break_go_locked(struct smb_break *b);
/* lock is held: the client has answered, or closed what it was about. */
void smb_break_answered_locked(struct smb_break *b);
/* lock is held: it was given up, and nobody is told. */
void smb_break_void_locked(struct smb_break *b);
/* Loop thread: the connection has ended and its channels with it. Breaks that were told on it and
 * not answered are told on another channel. */
void smb_breaks_end(struct smb_conn *c);
