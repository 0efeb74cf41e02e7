/* SPDX-License-Identifier: Apache-2.0 */
/* Opens of an application that may begin anew on another client machine: the new one names itself
 * by the same id and takes what the old one has open. [MS-SMB2] 3.3.1.10 (Open.AppInstanceId,
 * ApplicationInstanceVersion), 3.3.5.9.13
 *
 * Such an open is in a table of the server, by id, share and path, until it is closed: who has it
 * closed waits for that. Of those of one client with the same key one is in the table, and the
 * others hang on it: however many there are, none is met on the way to another. */
#pragma once

#include "base/hash.h"
#include "vfs/wait.h"
#include "wire/create.h"

struct smb_open;
struct smb_request;

/* What an open has of it; guarded by server->apps.lock but for what is said to be immutable. */
struct smb_app {
    struct hash_link link;
    struct list siblings;  /* ring of those that its client has by the same key */
    bool is_head;          /* of them, the one that is in the table */
    struct smb_open *open; /* immutable: whose it is */
    uint8_t id[16];        /* immutable, as the next two */
    bool has_version;
    uint64_t version_high, version_low;
    char *path;          /* owned; within the share */
    char *stream;        /* owned, immutable; NULL: the file itself */
    bool is_in;          /* it is found: shown, and not closed yet */
    bool is_over;        /* closed */
    struct list waiters; /* apps.waits: CREATEs, until it is closed */
};

struct smb_apps {
    struct mutex lock; /* a leaf, but for waits */
    struct hash_table opens;
    struct wait_domain waits;
};

void smb_apps_init(struct smb_apps *t);
void smb_apps_fini(struct smb_apps *t);

/* A CREATE of that path begins, or is run again. All opens that its application has there from
 * another machine are closed, but those that may do what the caller could not do with the file
 * himself: WAIT until they are. FILE_FORCED_CLOSED: one of them is of a newer application, and may
 * change what the caller asks to change; then none is. WOULD_BLOCK, INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_app_begin(struct smb_request *r, const struct smb2_create_req *req,
                                      const struct vfs_path *path);
/* It has opened o, which nobody has found yet; o->durable.owner is set by it. Without memory o is
 * no application's. */
void smb_app_settle(struct smb_request *r, const struct smb2_create_req *req,
                    const struct vfs_path *path, struct smb_open *o);
/* o is shown. Without memory o is no application's. */
void smb_app_shown(struct smb_open *o);
/* Its file has another path now. */
void smb_app_renamed(struct smb_open *o, const char *path);
/* Its file is closed. Harmless without, and twice. */
void smb_app_closed(struct smb_open *o);
void smb_app_free(struct smb_open *o);
