/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/command.h"

static const struct smb_command commands[SMB2_COMMAND_COUNT] = {
    [SMB2_NEGOTIATE] = {"negotiate", 0, cmd_negotiate},
    [SMB2_SESSION_SETUP] = {"session_setup", SMB_CMD_WORKER, cmd_session_setup},
    [SMB2_LOGOFF] = {"logoff", SMB_CMD_SESSION | SMB_CMD_PATIENT | SMB_CMD_EXPIRED, cmd_logoff},
    [SMB2_TREE_CONNECT] = {"tree_connect", SMB_CMD_SESSION, cmd_tree_connect},
    [SMB2_TREE_DISCONNECT] = {"tree_disconnect", SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_PATIENT,
                              cmd_tree_disconnect},
    [SMB2_CREATE] = {"create",
                     SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_CANCEL | SMB_CMD_MIDDLE,
                     cmd_create},
    [SMB2_CLOSE] = {"close",
                    SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_ENDS | SMB_CMD_PATIENT |
                        SMB_CMD_EXPIRED,
                    cmd_close},
    [SMB2_FLUSH] = {"flush", SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS, cmd_flush, 0, 8},
    [SMB2_READ] = {"read", SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_CANCEL, cmd_read,
                   4, 16},
    [SMB2_WRITE] = {"write",
                    SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_MUTATES |
                        SMB_CMD_SEQUENCE,
                    cmd_write, 0, 16},
    [SMB2_LOCK] = {"lock",
                   SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_CANCEL | SMB_CMD_TAIL | SMB_CMD_EXPIRED,
                   cmd_lock, 0, 8},
    [SMB2_IOCTL] = {"ioctl",
                    SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_CANCEL |
                        SMB_CMD_SEQUENCE,
                    cmd_ioctl, 44, 8},
    [SMB2_CANCEL] = {"cancel", 0, cmd_cancel},
    [SMB2_ECHO] = {"echo", SMB_CMD_EXPIRED, cmd_echo},
    [SMB2_QUERY_DIRECTORY] = {"query_directory",
                              SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_CANCEL,
                              cmd_query_directory, 28, 8},
    [SMB2_CHANGE_NOTIFY] = {"change_notify",
                            SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_CANCEL |
                                SMB_CMD_TAIL,
                            cmd_change_notify, 4, 8},
    [SMB2_QUERY_INFO] = {"query_info", SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS, cmd_query_info,
                         4, 24},
    [SMB2_SET_INFO] = {"set_info",
                       SMB_CMD_SESSION | SMB_CMD_TREE | SMB_CMD_VFS | SMB_CMD_MUTATES |
                           SMB_CMD_CANCEL | SMB_CMD_SEQUENCE | SMB_CMD_QUIET,
                       cmd_set_info, 0, 16},
    [SMB2_OPLOCK_BREAK] = {"oplock_break", SMB_CMD_SESSION | SMB_CMD_TREE, cmd_oplock_break},
};

const struct smb_command *smb_command_get(uint16_t command)
{
    return command < SMB2_COMMAND_COUNT ? &commands[command] : NULL;
}
