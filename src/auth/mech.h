/* SPDX-License-Identifier: Apache-2.0 */
/* What SPNEGO needs of a mechanism; the table of mechanisms is in auth.c. */
#pragma once

#include "auth/auth.h"
#include "base/wr.h"

/* Borrowed bytes. p NULL: absent; p with len 0: there, but empty. */
struct auth_slice {
    const uint8_t *p;
    size_t len;
};

static inline struct auth_slice auth_slice_of(const void *p, size_t len)
{
    return (struct auth_slice){.p = p, .len = len};
}

/* What a mechanism tells about the peer. */
struct auth_login {
    struct auth_identity id;      /* valid after SUCCESS */
    char claimed[AUTH_NAME_SIZE]; /* as early as known */
};

struct auth_mech {
    uint8_t oid[16]; /* the content of the DER OBJECT IDENTIFIER */
    size_t oid_len;
    /* cfg and login outlive the context. NULL without memory. */
    void *(*open)(const struct auth_config *cfg, struct auth_login *login);
    void (*close)(void *ctx);
    /* One token in, one appended to out; statuses as auth_step. */
    smbkit_status (*step)(void *ctx, struct auth_slice in, struct wr *out);
    /* After SUCCESS: is there a key to protect the mechanism list with? */
    bool (*has_mic)(const void *ctx);
    /* The acceptor's MIC over data, appended to out. */
    smbkit_status (*mic_make)(void *ctx, struct auth_slice data, struct wr *out);
    /* LOGON_FAILURE when it is not the initiator's MIC over data. */
    smbkit_status (*mic_check)(void *ctx, struct auth_slice data, struct auth_slice mic);
};

extern const struct auth_mech auth_mech_ntlm;
