/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: one row each. [MS-SMB2] 3.3.5.3 to 3.3.5.22 */
#pragma once

#include "smb/request.h"

#define SMB_CMD_SESSION 0x01u /* needs a valid session */
#define SMB_CMD_TREE 0x02u    /* needs a tree connect */
#define SMB_CMD_VFS 0x04u     /* may call a plugin: inline, NOWAIT or worker, as the volume says */
#define SMB_CMD_WORKER 0x08u  /* always on a worker */
#define SMB_CMD_CANCEL 0x10u  /* may be abandoned while it waits */
#define SMB_CMD_ENDS 0x80u    /* gives something back: a lane of its own on the workers */
#define SMB_CMD_PATIENT                                                                            \
    0x100u /* waits for a moment as a rule: STATUS_PENDING only after a second */
#define SMB_CMD_QUIET                                                                              \
    0x800u /* waits for breaks, which end: as Windows, no STATUS_PENDING unless it takes long */
#define SMB_CMD_MIDDLE                                                                             \
    0x1000u                /* is told STATUS_PENDING also where others follow it in its compound */
#define SMB_CMD_TAIL 0x40u /* may wait only as the last of a compound, as a pipe's READ */
#define SMB_CMD_MUTATES 0x20u  /* refused on a read-only share before it is looked at */
#define SMB_CMD_EXPIRED 0x400u /* done also when the log-in has expired. [MS-SMB2] 3.3.5.2.9 */
#define SMB_CMD_SEQUENCE                                                                           \
    0x200u /* refused when its channel sequence is an old one. [MS-SMB2] 3.3.5.2.10 */

struct smb_command {
    const char *name;
    uint32_t flags;
    /* A final status (a reply is formatted behind 64 bytes in r->rsp when it is a success), or
     * WAIT, or WOULD_BLOCK. */
    smbkit_status (*fn)(struct smb_request *r);
    /* Where in its body the client says how many bytes of reply it takes (u32); 0: nowhere. */
    unsigned output_at;
    /* Where the FileId of a command that CLOSE is not to overtake is; 0: nowhere. */
    unsigned file_id_at;
};

/* NULL: no such command. */
const struct smb_command *smb_command_get(uint16_t command);

smbkit_status cmd_negotiate(struct smb_request *r);
smbkit_status cmd_session_setup(struct smb_request *r);
smbkit_status cmd_logoff(struct smb_request *r);
smbkit_status cmd_tree_connect(struct smb_request *r);
smbkit_status cmd_tree_disconnect(struct smb_request *r);
smbkit_status cmd_create(struct smb_request *r);
smbkit_status cmd_close(struct smb_request *r);
smbkit_status cmd_flush(struct smb_request *r);
smbkit_status cmd_read(struct smb_request *r);
smbkit_status cmd_write(struct smb_request *r);
smbkit_status cmd_lock(struct smb_request *r);
smbkit_status cmd_ioctl(struct smb_request *r);
smbkit_status cmd_cancel(struct smb_request *r);
smbkit_status cmd_echo(struct smb_request *r);
smbkit_status cmd_query_directory(struct smb_request *r);
smbkit_status cmd_change_notify(struct smb_request *r);
smbkit_status cmd_query_info(struct smb_request *r);
smbkit_status cmd_set_info(struct smb_request *r);
smbkit_status cmd_oplock_break(struct smb_request *r);
