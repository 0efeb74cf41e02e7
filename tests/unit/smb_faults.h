/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of faults have in common: a server with one client, and a question's status. */
#pragma once

#include "smb_fake_client.h"

static UNUSED void start(struct fake *f, void (*change)(struct smb_config *c))
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    if (change) {
        change(&config);
    }
    fake_start(f, &config);
    f->credits = 512;
}

static UNUSED void stop(struct fake *f)
{
    fake_disconnect(f);
    fake_stop(f);
    test_context("%s", "");
}

static UNUSED smbkit_status ask(struct fake *f, struct wr *w)
{
    struct fake_reply r = fake_ask(f, w);
    fake_reply_fini(&r);
    return r.status;
}
