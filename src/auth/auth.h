/* SPDX-License-Identifier: Apache-2.0 */
/* The acceptor side of a log-in: security blobs in and out, no I/O. SPNEGO ([MS-SPNG], RFC 4178)
 * around NTLM version 2 ([MS-NLMP]), or NTLM alone.
 *
 * Each SESSION_SETUP exchange has one auth_session, stepped until it answers something else than
 * MORE_PROCESSING_REQUIRED. An auth_session is used by one thread at a time; configuration is
 * shared. */
#pragma once

#include "base/base.h"

/* Bytes of UTF-8 with the terminating zero; a name that does not fit is no user's name. */
#define AUTH_NAME_SIZE 260
#define AUTH_SESSION_KEY_LEN 16
/* A larger security blob is refused: NTLM needs some hundred bytes, Kerberos with a PAC up to 64
 * KiB. */
#define AUTH_BLOB_MAX 65536

#define AUTH_RID_GUEST 501 /* [MS-DTYP] 2.4.2.4, GUEST */

/* A user as the lookup callback knows it. */
struct auth_user {
    char name[AUTH_NAME_SIZE]; /* as the administrator wrote it */
    uint8_t nt_hash[16];       /* MD4 of the password in UTF-16LE: a secret */
    uint32_t rid;
    bool disabled;
    uint64_t version; /* the caller's: another one when the user is not what it was */
};

struct auth_config {
    /* Find a user without regard to case. false: there is none. out is zeroed before. Any thread.
     */
    bool (*user_lookup)(void *arg, const char *name_utf8, struct auth_user *out);
    /* Is the user still as this version of it was: neither removed nor disabled nor given another
     * password? NULL: always. Any thread. */
    bool (*user_is_current)(void *arg, const char *name_utf8, uint64_t version);
    /* The time as FILETIME, and len random bytes fit for keys. Any thread. */
    uint64_t (*now)(void *arg);
    void (*random)(void *arg, void *p, size_t len);
    void *arg;            /* for all callbacks */
    bool allow_guest;     /* an unknown user (never a wrong password) becomes guest */
    bool allow_anonymous; /* the empty user without password */
    char target_name[16]; /* NetBIOS computer name, at most 15 bytes of UTF-8 */
    char dns_name[256];   /* DNS computer name; empty: the target name stands for it */
};

/* Who logged in; complete once auth_step said SUCCESS. */
struct auth_identity {
    char user[AUTH_NAME_SIZE];        /* as the users file spells it; "Guest" or "" (anonymous) */
    char domain[AUTH_NAME_SIZE];      /* as the client sent it: for the log, not to be relied on */
    char workstation[AUTH_NAME_SIZE]; /* likewise */
    uint32_t rid;                     /* AUTH_RID_GUEST for guests, 0 for anonymous */
    uint64_t version;                 /* the user's; 0 for guests and anonymous */
    uint64_t expires_at;              /* FILETIME; 0: never, as with NTLM */
    bool guest;                       /* no key that both sides share: cannot sign or seal */
    bool anonymous;                   /* its key protects nothing: everyone can compute it */
    uint8_t session_key[AUTH_SESSION_KEY_LEN]; /* the exported session key; zero for guests */
};

struct auth_session;

/* cfg is copied; its texts and callbacks must outlive the session. NULL without memory. */
NODISCARD struct auth_session *auth_new(const struct auth_config *cfg);
void auth_free(struct auth_session *s); /* wipes its keys; NULL allowed */
CLEANUP_DEFINE(auth_free, struct auth_session *)

/* One security blob of a SESSION_SETUP request in, one out. [MS-SMB2] 3.3.5.5.3
 * out: owned (mem_free), NULL with *out_len 0 when there is nothing to say, always so on an error.
 * Returns MORE_PROCESSING_REQUIRED  send out, step again with the next blob
 *         SUCCESS                   the identity is complete, send out
 *         LOGON_FAILURE             no such user, wrong password, broken MIC, NTLMv1
 *         ACCOUNT_DISABLED          said only to who knows the password
 *         INVALID_PARAMETER         malformed or out of turn
 *         NOT_SUPPORTED             no common mechanism or protection level
 *         NO_MEMORY
 * After an error or SUCCESS every further step is INVALID_PARAMETER.
 * Cost: a few MD5 blocks; one call of user_lookup at most. */
NODISCARD smbkit_status auth_step(struct auth_session *s, const uint8_t *in, size_t in_len,
                                  uint8_t **out, size_t *out_len);
/* NULL before SUCCESS. Borrowed from s. */
const struct auth_identity *auth_identity_get(const struct auth_session *s);
/* The name that the client gave, also when it failed; "" when it did not get that far. For logs and
 * throttling. Borrowed from s. */
const char *auth_claimed_user_get(const struct auth_session *s);

/* The SPNEGO NegTokenInit2 of the NEGOTIATE response: the mechanisms offered. [MS-SPNG] 2.2.1
 * out: owned (mem_free). Errors: NO_MEMORY. */
NODISCARD smbkit_status auth_negotiate_blob(const struct auth_config *cfg, uint8_t **out,
                                            size_t *out_len);
