/* SPDX-License-Identifier: Apache-2.0 */
/* The oplocks of opens: what is told of their breaks. [MS-SMB2] 3.3.4.6 */
#include "smb/conn.h"
#include "smb/lease.h"
#include "smb/open.h"
#include "wire/oplock_break.h"

static struct smb_open *of_break(const struct smb_break *b)
{
    return CONTAINER_OF((struct smb_break *)(uintptr_t)b, struct smb_open, brk);
}

static void break_ref(struct smb_break *b)
{
    (void)smb_open_ref(of_break(b));
}

static void break_unref(struct smb_break *b)
{
    smb_open_unref(of_break(b));
}

static bool is_announced(const struct smb_break *b)
{
    return of_break(b)->is_announced;
}

static struct smb_conn *choose(struct smb_break *b, struct smb_session **s_r)
{
    const struct smb_open *o = of_break(b);
    struct smb_conn *c = o->session ? smb_session_conn(o->session) : NULL;
    *s_r = c ? smb_session_ref(o->session) : NULL;
    return c;
}

static void format(const struct smb_break *b, struct wr *w)
{
    const struct smb_open *o = of_break(b);
    const struct smb2_oplock_break msg = {
        .oplock_level = o->break_level,
        .file_id = {.persistent = o->persistent_id, .volatile_id = o->volatile_id},
    };
    smb2_oplock_break_rsp_format(w, &msg);
}

static void timed_out(struct smb_break *b)
{
    struct smb_open *o = of_break(b);
    struct vfs_open *file = smb_open_file_ref(o);
    if (file) {
        vfs_oplock_timeout(file);
    }
    vfs_open_unref(file);
}

static void unheard(struct smb_break *b)
{
    (void)smb_durable_broken_locked(of_break(b));
}

static const struct smb_break_kind break_kind = {
    .ref = break_ref,
    .unref = break_unref,
    .is_announced = is_announced,
    .choose = choose,
    .format = format,
    .unheard = unheard,
    .timed_out = timed_out,
};

void smb_open_oplock_init(struct smb_open *o)
{
    smb_break_init(&o->brk, &break_kind, &o->lock);
}

/* Called under a lock of the core: posts a job and no more. */
static void oplock_break(void *arg, uint8_t to_level, bool ack)
{
    struct smb_open *o = arg;
    SCOPED_LOCK(&o->lock);
    if (smb_durable_broken_locked(o)) {
        return; /* Open.Connection is NULL */
    }
    o->break_level = to_level;
    smb_break_due_locked(&o->brk, ack);
}

struct vfs_owner smb_open_owner(struct smb_open *o)
{
    return (struct vfs_owner){.oplock_break = oplock_break, .arg = o};
}

void smb_open_announce(struct smb_open *o)
{
    mutex_lock(&o->lock);
    o->is_announced = true;
    smb_break_go_locked(&o->brk);
    mutex_unlock(&o->lock);
    smb_lease_announce(o); /* whose lock comes before the open's */
}

void smb_open_break_answered(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    smb_break_answered_locked(&o->brk);
}

/* [MS-SMB2] 3.3.5.10: closing answers a break. */
void smb_open_closed(struct smb_open *o)
{
    smb_open_break_answered(o);
    smb_lease_leave(o);
    smb_app_closed(o);
}
