/* SPDX-License-Identifier: Apache-2.0 */
/* Compounds as the client of smb_fake_client.h sends them. */
#pragma once

#include "smb_fake_client.h"

struct compound {
    struct wr w;
    size_t last;
};

static UNUSED void compound_add(struct fake *f, struct compound *c, struct wr *element,
                                bool related)
{
    if (wr_pos(&c->w) > 0) {
        wr_align(&c->w, 0, 8);
        wr_put_u32(&c->w, c->last + 20, (uint32_t)(wr_pos(&c->w) - c->last));
    }
    c->last = wr_pos(&c->w);
    if (related) {
        element->base[16] |= SMB2_FLAGS_RELATED_OPERATIONS;
    }
    wr_bytes(&c->w, element->base, wr_pos(element));
    wr_fini(element);
    (void)f;
}

static UNUSED void compound_send(struct fake *f, struct compound *c)
{
    for (size_t at = 0; f->signs && !f->seals;) {
        struct cur n = cur_init(c->w.base + at + 20, 4);
        uint32_t next = cur_u32(&n);
        fake_sign(f, c->w.base + at, next ? next : wr_pos(&c->w) - at);
        if (!next) {
            break;
        }
        at += next;
    }
    bool signs = f->signs;
    f->signs = false;
    fake_submit(f, &c->w);
    f->signs = signs;
}

static UNUSED const struct smb2_file_id any = {UINT64_MAX, UINT64_MAX};
