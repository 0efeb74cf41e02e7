/* SPDX-License-Identifier: Apache-2.0 */
/* Types and constants that plugins, filters and the server share. Values are those of [MS-FSCC] and
 * [MS-SMB2], so nothing is translated on the way. Only fixed-width integers cross this boundary. */
#pragma once

#include <stdint.h>

#include <smbkit/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* File attributes, [MS-FSCC] 2.6 */
#define SMBKIT_ATTR_READONLY 0x00000001u
#define SMBKIT_ATTR_HIDDEN 0x00000002u
#define SMBKIT_ATTR_SYSTEM 0x00000004u
#define SMBKIT_ATTR_DIRECTORY 0x00000010u
#define SMBKIT_ATTR_ARCHIVE 0x00000020u
#define SMBKIT_ATTR_NORMAL 0x00000080u
#define SMBKIT_ATTR_TEMPORARY 0x00000100u
#define SMBKIT_ATTR_SPARSE 0x00000200u
#define SMBKIT_ATTR_REPARSE_POINT 0x00000400u
#define SMBKIT_ATTR_COMPRESSED 0x00000800u
#define SMBKIT_ATTR_OFFLINE 0x00001000u
#define SMBKIT_ATTR_NOT_INDEXED 0x00002000u
#define SMBKIT_ATTR_ENCRYPTED 0x00004000u
#define SMBKIT_ATTR_INTEGRITY 0x00008000u
#define SMBKIT_ATTR_NO_SCRUB 0x00020000u
/* What a client may set; the rest is the file system's. */
#define SMBKIT_ATTR_SETTABLE                                                                       \
    (SMBKIT_ATTR_READONLY | SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SYSTEM | SMBKIT_ATTR_ARCHIVE |        \
     SMBKIT_ATTR_TEMPORARY | SMBKIT_ATTR_OFFLINE | SMBKIT_ATTR_NOT_INDEXED | SMBKIT_ATTR_NO_SCRUB)

/* Access mask, [MS-SMB2] 2.2.13.1 */
#define SMBKIT_READ_DATA 0x00000001u   /* list, for a directory */
#define SMBKIT_WRITE_DATA 0x00000002u  /* add a file, for a directory */
#define SMBKIT_APPEND_DATA 0x00000004u /* add a subdirectory, for a directory */
#define SMBKIT_READ_EA 0x00000008u
#define SMBKIT_WRITE_EA 0x00000010u
#define SMBKIT_EXECUTE 0x00000020u /* traverse, for a directory */
#define SMBKIT_DELETE_CHILD 0x00000040u
#define SMBKIT_READ_ATTRIBUTES 0x00000080u
#define SMBKIT_WRITE_ATTRIBUTES 0x00000100u
#define SMBKIT_DELETE 0x00010000u
#define SMBKIT_READ_CONTROL 0x00020000u
#define SMBKIT_WRITE_DAC 0x00040000u
#define SMBKIT_WRITE_OWNER 0x00080000u
#define SMBKIT_SYNCHRONIZE 0x00100000u
#define SMBKIT_ACCESS_SYSTEM_SECURITY 0x01000000u
#define SMBKIT_MAXIMUM_ALLOWED 0x02000000u
#define SMBKIT_GENERIC_ALL 0x10000000u
#define SMBKIT_GENERIC_EXECUTE 0x20000000u
#define SMBKIT_GENERIC_WRITE 0x40000000u
#define SMBKIT_GENERIC_READ 0x80000000u
#define SMBKIT_ALL_ACCESS 0x001f01ffu

/* Create disposition, [MS-SMB2] 2.2.13 */
#define SMBKIT_SUPERSEDE 0u
#define SMBKIT_OPEN 1u
#define SMBKIT_CREATE 2u
#define SMBKIT_OPEN_IF 3u
#define SMBKIT_OVERWRITE 4u
#define SMBKIT_OVERWRITE_IF 5u

/* What a create did, [MS-SMB2] 2.2.14 CreateAction */
#define SMBKIT_SUPERSEDED 0u
#define SMBKIT_OPENED 1u
#define SMBKIT_CREATED 2u
#define SMBKIT_OVERWRITTEN 3u

/* Kind of file asked for */
#define SMBKIT_KIND_ANY 0u
#define SMBKIT_KIND_FILE 1u
#define SMBKIT_KIND_DIRECTORY 2u

/* Bytes that are lent: nobody may write to them. */
struct smbkit_bytes {
    const uint8_t *base;
    uint32_t len;
};
/* Room for an answer. len: the bytes of the answer, always set by who fills it; more than cap: it
 * did not fit, and the call answers SMBKIT_STATUS_BUFFER_TOO_SMALL. */
struct smbkit_buffer {
    uint8_t *base;
    uint32_t cap;
    uint32_t len;
};

/* Who asks. Borrowed for the call. Strings are UTF-8, never NULL. */
struct smbkit_identity {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_WHO_* */
    const char *user;
    const char *domain;
    const char *client_address; /* "192.0.2.1" */
    const uint8_t *sid;         /* binary SID, [MS-DTYP] 2.4.2.2 */
    uint32_t sid_len_bytes;
    uint32_t rid;
    const struct smbkit_bytes *groups; /* [group_count] binary SIDs, without sid itself */
    uint32_t group_count;
    uint32_t reserved;
    uint64_t session_id; /* of the client's session; 0: the server itself asks */
    uint64_t client_id;  /* the same for all sessions of one client machine; 0: the server itself */
    uint64_t token;      /* opaque: what the system's own log-in gave (Windows: a HANDLE), else 0 */
};
#define SMBKIT_WHO_GUEST 0x1u
#define SMBKIT_WHO_ANONYMOUS 0x2u
#define SMBKIT_WHO_ADMIN 0x4u /* an administrator of the server */

/* Attributes of a file. Times are FILETIME: 100 ns since 1601-01-01 UTC.
 *
 * As an answer: a field is known when it is not zero, or when its bit in `valid` is set; so a
 * plugin that keeps little fills in what it has and leaves the rest zero. Times that are not known
 * get those of the file that are, or the time at which the volume was opened; an allocation that is
 * not known is the size, rounded up. A directory must say SMBKIT_ATTR_DIRECTORY.
 * As what to set (setattr): exactly the fields whose bit is set. */
struct smbkit_attr {
    uint32_t struct_size;  /* of who made the room: never write behind it */
    uint32_t valid;        /* SMBKIT_HAS_* */
    uint64_t file_id;      /* unique in its domain, the same for every open of the file while any is
                              open, and in listings; 0: the core makes one from the path */
    uint64_t file_id_high; /* upper half of a 128-bit id, else 0 */
    uint64_t file_domain;  /* what the id is unique in; 0: this volume. Volumes that show the same
                              files (two shares of one file system) give the same domain */
    uint64_t size;         /* bytes; 0 for a directory */
    uint64_t alloc_size;   /* bytes on the store */
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint32_t attributes; /* SMBKIT_ATTR_* */
    uint32_t link_count; /* 0 counts as 1 */
    uint32_t reparse_tag;
    uint32_t ea_size;    /* bytes of the EAs as FILE_FULL_EA_INFORMATION */
    uint64_t names_told; /* lookup of a directory: not 0, and the same as in an answer before: each
                            name that came into it or went between the two has been told, as
                            SMBKIT_CHANGE_ADDED or _REMOVED by this path. 0: nothing is said */
};
#define SMBKIT_HAS_CREATE_TIME 0x1u
#define SMBKIT_HAS_ACCESS_TIME 0x2u
#define SMBKIT_HAS_WRITE_TIME 0x4u
#define SMBKIT_HAS_CHANGE_TIME 0x8u
#define SMBKIT_HAS_ATTRIBUTES 0x10u
#define SMBKIT_HAS_SIZE 0x20u
#define SMBKIT_HAS_ALLOC_SIZE 0x40u
#define SMBKIT_HAS_FILE_ID 0x80u

/* How large the volume is, and what it is called. The core fills plausible values before the call;
 * change what you know. */
struct smbkit_volume_info {
    uint32_t struct_size;
    uint32_t serial;
    void *file; /* in: the file where it is asked, which another file system may hold; NULL: the
                   root of the volume */
    uint64_t total_bytes;
    uint64_t free_bytes;      /* on the whole volume */
    uint64_t available_bytes; /* to the caller, after quota */
    uint64_t create_time;
    uint32_t sector_size_bytes;  /* 512 or 4096 */
    uint32_t cluster_size_bytes; /* a multiple of sector_size_bytes */
    uint32_t component_max;      /* longest file name, UTF-16 units; 255 */
    uint32_t reserved;
    uint8_t object_id[16]; /* a GUID that names the volume */
    char label[64];        /* UTF-8, terminated */
    char fs_name[32]; /* what clients see as the file system: "NTFS" keeps the most clients happy */
};

/* What a volume is, said once by its volume_open in args->features. A filter finds there what the
 * layer below said and changes what it changes. */
#define SMBKIT_FEATURE_READ_ONLY 0x1u /* every change is refused before it reaches the plugin */
#define SMBKIT_FEATURE_IGNORES_CASE                                                                \
    0x2u /* the plugin itself finds names without regard to case; otherwise the core does */
#define SMBKIT_FEATURE_SPARSE 0x4u
#define SMBKIT_FEATURE_STREAMS 0x8u
#define SMBKIT_FEATURE_EAS 0x10u
#define SMBKIT_FEATURE_SECURITY 0x20u /* keeps security descriptors */
#define SMBKIT_FEATURE_REPARSE 0x40u
#define SMBKIT_FEATURE_HARD_LINKS 0x80u
#define SMBKIT_FEATURE_STABLE_IDS 0x100u   /* file ids survive a restart */
#define SMBKIT_FEATURE_NEVER_BLOCKS 0x200u /* every call returns at once (memory only) */
#define SMBKIT_FEATURE_TRIES_NOWAIT                                                                \
    0x400u /* looks at SMBKIT_OP_NOWAIT and answers WOULD_BLOCK where it would wait */
#define SMBKIT_FEATURE_COMPRESSION 0x800u
#define SMBKIT_FEATURE_SNAPSHOTS 0x1000u
#define SMBKIT_FEATURE_QUOTA 0x2000u
#define SMBKIT_FEATURE_OBJECT_IDS 0x4000u
#define SMBKIT_FEATURE_CLONE 0x8000u       /* clone_range shares blocks */
#define SMBKIT_FEATURE_OPEN_BY_ID 0x10000u /* create heeds SMBKIT_CREATE_BY_ID */
#define SMBKIT_FEATURE_REPORTS 0x20000u    /* tells, by events, every change that others make */
#define SMBKIT_FEATURE_DESCRIPTORS                                                                 \
    0x40000u /* an open file takes a descriptor of the process: the server bounds how many */

/* What changed: smbkit_event.what */
#define SMBKIT_CHANGE_ADDED 1u
#define SMBKIT_CHANGE_REMOVED 2u
#define SMBKIT_CHANGE_MODIFIED 3u
#define SMBKIT_CHANGE_RENAMED_FROM 4u
#define SMBKIT_CHANGE_RENAMED_TO 5u
#define SMBKIT_CHANGE_OVERFLOW 6u /* events below path were lost: look again */
/* ... with, or-ed in, what of it (FILE_NOTIFY_CHANGE_*, [MS-SMB2] 2.2.35, shifted left by 8) */
#define SMBKIT_CHANGED_FILE_NAME 0x100u
#define SMBKIT_CHANGED_DIR_NAME 0x200u
#define SMBKIT_CHANGED_ATTRIBUTES 0x400u
#define SMBKIT_CHANGED_SIZE 0x800u
#define SMBKIT_CHANGED_LAST_WRITE 0x1000u
#define SMBKIT_CHANGED_LAST_ACCESS 0x2000u
#define SMBKIT_CHANGED_CREATION 0x4000u
#define SMBKIT_CHANGED_EA 0x8000u
#define SMBKIT_CHANGED_SECURITY 0x10000u
#define SMBKIT_CHANGED_STREAM_NAME 0x20000u
#define SMBKIT_CHANGED_STREAM_SIZE 0x40000u
#define SMBKIT_CHANGED_STREAM_WRITE 0x80000u

#ifdef __cplusplus
}
#endif
