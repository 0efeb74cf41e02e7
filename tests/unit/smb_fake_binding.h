/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of session binding. [MS-SMB2] 3.2.4.2.3.3, 3.2.5.3.3 */
#pragma once

#include "smb_fake_client.h"

/* Another connection of the same server, and client machine, as f's; negotiated as f's was, or by
 * req. */
static UNUSED void fake_join(struct fake *g, struct fake *f, const struct smb2_negotiate_req *req)
{
    struct smb2_negotiate_req as = fake_negotiate_req(f->dialect);
    as.ctxs.signings.ids[0] = f->sign_alg;
    as.ctxs.ciphers.ids[0] = f->cipher ? f->cipher : SMB2_CIPHER_AES128_GCM;
    fake_init(g);
    g->server = f->server;
    g->peer = f->peer ? f->peer : f;
    f->peer = g;
    g->credits = 100;
    g->now_ms = f->now_ms;
    fake_connect(g);
    CHECK_INT(fake_negotiate(g, req ? req : &as), SMBKIT_STATUS_SUCCESS);
}

/* It is gone, and out of the ring. */
static UNUSED void fake_part(struct fake *g)
{
    struct fake *before = g;
    fake_disconnect(g);
    while (before->peer != g) {
        before = before->peer;
    }
    before->peer = g->peer == before ? NULL : g->peer;
}

/* The channel's own key; the session's seal. */
static UNUSED void fake_bound(struct fake *g, const struct fake *f, const uint8_t key[16])
{
    g->signer = NULL;
    memcpy(g->key, key, 16);
    fake_keys(g);
    if (f->cipher) {
        crypto_sealer_free(g->seal_in);
        crypto_sealer_free(g->seal_out);
        memcpy(g->seal_keys, f->seal_keys, sizeof(g->seal_keys));
        fake_sealers(g);
    }
    g->seals = f->seals;
    g->nonce = 1ull << 40; /* apart from f's: the key is one */
}

/* Bind f's session to g. is_signed_r: the last reply was, rightly, by whichever key is due. */
static UNUSED smbkit_status fake_bind_as(struct fake *g, const struct fake *f, const char *user,
                                         const char *password, bool *is_signed_r)
{
    struct conv c = {.m = {.user = user, .password = password, .domain = "", .raw = true}};
    struct fake was = *g;
    g->signer = f->signer;
    g->session_id = f->session_id;
    g->tree_id = f->tree_id;
    g->signs = true;
    g->seals = false;
    g->binds = true;
    memcpy(g->preauth, g->conn_preauth, sizeof(g->preauth));
    struct fake_reply r = fake_login_rounds(g, &c);
    *is_signed_r = r.hdr.flags & SMB2_FLAGS_SIGNED;
    g->binds = false;
    if (SMBKIT_OK(r.status)) {
        fake_bound(g, f, c.exported);
    }
    if (*is_signed_r) {
        fake_check_signature(g, r.p, r.len, &r.hdr);
    }
    if (!SMBKIT_OK(r.status)) {
        g->signer = was.signer;
        g->session_id = was.session_id;
        g->tree_id = was.tree_id;
        g->signs = was.signs;
        g->seals = was.seals;
    }
    fake_reply_fini(&r);
    return r.status;
}

static UNUSED smbkit_status fake_bind(struct fake *g, const struct fake *f)
{
    bool is_signed = false;
    smbkit_status status = fake_bind_as(g, f, "Alice", "s3cret", &is_signed);
    CHECK(is_signed);
    return status;
}
