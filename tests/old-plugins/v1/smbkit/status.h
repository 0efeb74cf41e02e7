/* SPDX-License-Identifier: Apache-2.0 */
/* NTSTATUS codes as smbkit uses them everywhere. [MS-ERREF] 2.3.1
 *
 * A status is an NTSTATUS kept in an int32: errors and warnings are negative, success and
 * information are zero or positive. Test success with SMBKIT_OK(s). */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The one symbol that a plugin shows; everything else is hidden. */
#if defined(_WIN32)
#define SMBKIT_EXPORT __declspec(dllexport)
#define SMBKIT_HIDDEN
#else
#define SMBKIT_EXPORT __attribute__((visibility("default")))
#define SMBKIT_HIDDEN __attribute__((visibility("hidden")))
#endif

typedef int32_t smbkit_status;

/* X(name, value): every code that smbkit itself returns or recognises. */
#define SMBKIT_STATUS_TABLE(X)                                                                     \
    X(SUCCESS, 0x00000000)                                                                         \
    X(PENDING, 0x00000103)                                                                         \
    X(OPLOCK_BREAK_IN_PROGRESS, 0x00000108)                                                        \
    X(NOTIFY_CLEANUP, 0x0000010B)                                                                  \
    X(NOTIFY_ENUM_DIR, 0x0000010C)                                                                 \
    X(BUFFER_OVERFLOW, 0x80000005)                                                                 \
    X(NO_MORE_FILES, 0x80000006)                                                                   \
    X(EA_LIST_INCONSISTENT, 0x80000014)                                                            \
    X(STOPPED_ON_SYMLINK, 0x8000002D)                                                              \
    X(UNSUCCESSFUL, 0xC0000001)                                                                    \
    X(NOT_IMPLEMENTED, 0xC0000002)                                                                 \
    X(INVALID_INFO_CLASS, 0xC0000003)                                                              \
    X(INFO_LENGTH_MISMATCH, 0xC0000004)                                                            \
    X(INVALID_HANDLE, 0xC0000008)                                                                  \
    X(INVALID_PARAMETER, 0xC000000D)                                                               \
    X(NO_SUCH_DEVICE, 0xC000000E)                                                                  \
    X(NO_SUCH_FILE, 0xC000000F)                                                                    \
    X(INVALID_DEVICE_REQUEST, 0xC0000010)                                                          \
    X(END_OF_FILE, 0xC0000011)                                                                     \
    X(MORE_PROCESSING_REQUIRED, 0xC0000016)                                                        \
    X(NO_MEMORY, 0xC0000017)                                                                       \
    X(INVALID_VIEW_SIZE, 0xC000001F)                                                               \
    X(ACCESS_DENIED, 0xC0000022)                                                                   \
    X(BUFFER_TOO_SMALL, 0xC0000023)                                                                \
    X(OBJECT_TYPE_MISMATCH, 0xC0000024)                                                            \
    X(OBJECT_NAME_INVALID, 0xC0000033)                                                             \
    X(OBJECT_NAME_NOT_FOUND, 0xC0000034)                                                           \
    X(OBJECT_NAME_COLLISION, 0xC0000035)                                                           \
    X(OBJECT_PATH_INVALID, 0xC0000039)                                                             \
    X(OBJECT_PATH_NOT_FOUND, 0xC000003A)                                                           \
    X(OBJECT_PATH_SYNTAX_BAD, 0xC000003B)                                                          \
    X(DATA_ERROR, 0xC000003E)                                                                      \
    X(SHARING_VIOLATION, 0xC0000043)                                                               \
    X(EAS_NOT_SUPPORTED, 0xC000004F)                                                               \
    X(EA_TOO_LARGE, 0xC0000050)                                                                    \
    X(NONEXISTENT_EA_ENTRY, 0xC0000051)                                                            \
    X(NO_EAS_ON_FILE, 0xC0000052)                                                                  \
    X(FILE_LOCK_CONFLICT, 0xC0000054)                                                              \
    X(LOCK_NOT_GRANTED, 0xC0000055)                                                                \
    X(DELETE_PENDING, 0xC0000056)                                                                  \
    X(PRIVILEGE_NOT_HELD, 0xC0000061)                                                              \
    X(INVALID_OWNER, 0xC000005A)                                                                   \
    X(BAD_IMPERSONATION_LEVEL, 0xC00000A5)                                                         \
    X(NO_SUCH_USER, 0xC0000064)                                                                    \
    X(WRONG_PASSWORD, 0xC000006A)                                                                  \
    X(LOGON_FAILURE, 0xC000006D)                                                                   \
    X(ACCOUNT_RESTRICTION, 0xC000006E)                                                             \
    X(ACCOUNT_DISABLED, 0xC0000072)                                                                \
    X(INVALID_ACL, 0xC0000077)                                                                     \
    X(INVALID_SID, 0xC0000078)                                                                     \
    X(INVALID_SECURITY_DESCR, 0xC0000079)                                                          \
    X(RANGE_NOT_LOCKED, 0xC000007E)                                                                \
    X(DISK_FULL, 0xC000007F)                                                                       \
    X(INSUFFICIENT_RESOURCES, 0xC000009A)                                                          \
    X(INSTANCE_NOT_AVAILABLE, 0xC00000AB)                                                          \
    X(PIPE_NOT_AVAILABLE, 0xC00000AC)                                                              \
    X(INVALID_PIPE_STATE, 0xC00000AD)                                                              \
    X(PIPE_BUSY, 0xC00000AE)                                                                       \
    X(ILLEGAL_FUNCTION, 0xC00000AF)                                                                \
    X(PIPE_DISCONNECTED, 0xC00000B0)                                                               \
    X(PIPE_CLOSING, 0xC00000B1)                                                                    \
    X(MEDIA_WRITE_PROTECTED, 0xC00000A2)                                                           \
    X(IO_TIMEOUT, 0xC00000B5)                                                                      \
    X(FILE_FORCED_CLOSED, 0xC00000B6)                                                              \
    X(FILE_IS_A_DIRECTORY, 0xC00000BA)                                                             \
    X(NOT_SUPPORTED, 0xC00000BB)                                                                   \
    X(NETWORK_NAME_DELETED, 0xC00000C9)                                                            \
    X(NETWORK_ACCESS_DENIED, 0xC00000CA)                                                           \
    X(BAD_NETWORK_NAME, 0xC00000CC)                                                                \
    X(REQUEST_NOT_ACCEPTED, 0xC00000D0)                                                            \
    X(NOT_SAME_DEVICE, 0xC00000D4)                                                                 \
    X(PIPE_EMPTY, 0xC00000D9)                                                                      \
    X(INVALID_OPLOCK_PROTOCOL, 0xC00000E3)                                                         \
    X(INTERNAL_ERROR, 0xC00000E5)                                                                  \
    X(DIRECTORY_NOT_EMPTY, 0xC0000101)                                                             \
    X(NOT_A_DIRECTORY, 0xC0000103)                                                                 \
    X(NAME_TOO_LONG, 0xC0000106)                                                                   \
    X(FILES_OPEN, 0xC0000107)                                                                      \
    X(TOO_MANY_OPENED_FILES, 0xC000011F)                                                           \
    X(CANCELLED, 0xC0000120)                                                                       \
    X(CANNOT_DELETE, 0xC0000121)                                                                   \
    X(FILE_DELETED, 0xC0000123)                                                                    \
    X(FILE_CLOSED, 0xC0000128)                                                                     \
    X(INVALID_LEVEL, 0xC0000148)                                                                   \
    X(PIPE_BROKEN, 0xC000014B)                                                                     \
    X(FS_DRIVER_REQUIRED, 0xC000019C)                                                              \
    X(IO_DEVICE_ERROR, 0xC0000185)                                                                 \
    X(INVALID_LOCK_RANGE, 0xC00001A1)                                                              \
    X(USER_SESSION_DELETED, 0xC0000203)                                                            \
    X(INSUFF_SERVER_RESOURCES, 0xC0000205)                                                         \
    X(NOT_FOUND, 0xC0000225)                                                                       \
    X(DUPLICATE_OBJECTID, 0xC000022A)                                                              \
    X(PATH_NOT_COVERED, 0xC0000257)                                                                \
    X(TOO_MANY_LINKS, 0xC0000265)                                                                  \
    X(NOT_A_REPARSE_POINT, 0xC0000275)                                                             \
    X(IO_REPARSE_TAG_INVALID, 0xC0000276)                                                          \
    X(IO_REPARSE_TAG_MISMATCH, 0xC0000277)                                                         \
    X(IO_REPARSE_DATA_INVALID, 0xC0000278)                                                         \
    X(IO_REPARSE_TAG_NOT_HANDLED, 0xC0000279)                                                      \
    X(REPARSE_ATTRIBUTE_CONFLICT, 0xC00002B2)                                                      \
    X(OBJECTID_NOT_FOUND, 0xC00002F0)                                                              \
    X(VOLUME_DISMOUNTED, 0xC000026E)                                                               \
    X(REQUEST_ABORTED, 0xC0000240)                                                                 \
    X(NETWORK_SESSION_EXPIRED, 0xC000035C)                                                         \
    X(COMPRESSION_DISABLED, 0xC0000426)                                                            \
    X(INVALID_TOKEN, 0xC0000465)                                                                   \
    X(HASH_NOT_SUPPORTED, 0xC000A100)                                                              \
    X(HASH_NOT_PRESENT, 0xC000A101)                                                                \
    X(OFFLOAD_READ_FILE_NOT_SUPPORTED, 0xC000A2A3)                                                 \
    X(OFFLOAD_WRITE_FILE_NOT_SUPPORTED, 0xC000A2A4)                                                \
    X(REQUEST_OUT_OF_SEQUENCE, 0xC000042A)                                                         \
    X(SERVER_UNAVAILABLE, 0xC0000466)                                                              \
    X(FILE_NOT_AVAILABLE, 0xC0000467)                                                              \
    X(SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP, 0xC05D0000)                                           \
    X(SMB_BAD_CLUSTER_DIALECT, 0xC05D0001)                                                         \
    /* Never on the wire; customer bit set. The call would have to block: run it on a worker. */   \
    X(WOULD_BLOCK, 0xE0000001)                                                                     \
    /* Never on the wire. The caller is registered and will be woken; then it asks again. */       \
    X(WAIT, 0xE0000002)

/* Codes are constant expressions: SMBKIT_STATUS_ACCESS_DENIED and so on. */
enum {
#define SMBKIT_STATUS_DEFINE_(name, value) SMBKIT_STATUS_##name = (smbkit_status)(value),
    SMBKIT_STATUS_TABLE(SMBKIT_STATUS_DEFINE_)
#undef SMBKIT_STATUS_DEFINE_
        SMBKIT_STATUS_END_ = 0
};

#define SMBKIT_OK(status) ((status) >= 0)

/* May a plugin fail a call with that? 1: it is an error, or EA_LIST_INCONSISTENT, which clients
 * take for one. Not those that say more than that the call failed: a client that hears one takes it
 * for the protocol's, and ends or repeats what the plugin knows nothing of. Any thread, pure. */
static inline int32_t smbkit_status_is_answer(smbkit_status status)
{
    switch (status) {
    case SMBKIT_STATUS_EA_LIST_INCONSISTENT:
        return 1;
    case SMBKIT_STATUS_MORE_PROCESSING_REQUIRED: /* of a log-in */
    case SMBKIT_STATUS_NETWORK_NAME_DELETED:     /* of shares and sessions */
    case SMBKIT_STATUS_USER_SESSION_DELETED:
    case SMBKIT_STATUS_NETWORK_SESSION_EXPIRED:
    case SMBKIT_STATUS_PATH_NOT_COVERED: /* of DFS */
    case SMBKIT_STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP:
    case SMBKIT_STATUS_SMB_BAD_CLUSTER_DIALECT:
        return 0;
    default:
        /* Severity "error", no customer bit. [MS-ERREF] 2.3 */
        return ((uint32_t)status & 0xe0000000u) == 0xc0000000u;
    }
}

/* In a plugin these two go through the host table (host.h). */
/* The NTSTATUS that says best what a POSIX errno (positive) says. Any thread, pure. */
smbkit_status smbkit_status_from_errno(int err);

/* "ACCESS_DENIED" and so on; "0xC0001234" style codes give "UNKNOWN". Static storage. */
const char *smbkit_status_name(smbkit_status status);

#ifdef __cplusplus
}
#endif
