/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use a share, from where, and whether to change anything: the words of smb.conf(5) "valid
 * users", "invalid users", "read list", "write list", "hosts allow", "hosts deny". Decisions on
 * plain lists. */
#pragma once

#include "base/names.h"
#include "vfs/vfs.h"

/* Addresses, as base/addr.h has patterns of them. Owned. */
struct smb_hosts {
    struct names allow, deny;
};

/* Names of users, or of groups with '@' before them. Owned. */
struct smb_admission {
    bool has_valid;       /* only who is in `valid` may connect */
    struct names valid;   /* heeded with has_valid */
    struct names invalid; /* never, whatever valid says */
    struct names reads;   /* they may change nothing, though the share takes changes ... */
    struct names
        writes; /* ... and they may, though it takes none from others; who is in both may */
    struct smb_hosts hosts;
};

/* *out becomes a copy; in: NULL: everybody, from everywhere. false without memory: *out is empty.
 */
NODISCARD bool smb_admission_copy(struct smb_admission *out, const struct smb_admission *in);
void smb_admission_fini(struct smb_admission *a);
NODISCARD bool smb_hosts_copy(struct smb_hosts *out, const struct smb_hosts *in);
void smb_hosts_fini(struct smb_hosts *h);

/* Who is in `allow` may come. Else who is in `deny` may not; and where there is only `allow`,
 * nobody else may, but the host itself. */
bool smb_hosts_admit(const struct smb_hosts *h, const char *address);
/* A user who logged in with a name; guests and the nameless are none. */
bool smb_admission_admits(const struct smb_admission *a, const struct vfs_token *who);
/* May it change what is on a share that takes changes from others, or (read_only) from nobody? */
bool smb_admission_may_write(const struct smb_admission *a, const struct vfs_token *who,
                             bool read_only);
