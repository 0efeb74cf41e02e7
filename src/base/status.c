/* SPDX-License-Identifier: Apache-2.0 */
#include <smbkit/status.h>

#include <errno.h>

#include "base/base.h"

/* The codes again as constant expressions, for the tables below. */
enum {
#define CODE_DEFINE(name, value) CODE_##name = (smbkit_status)(value),
    SMBKIT_STATUS_TABLE(CODE_DEFINE)
#undef CODE_DEFINE
};

static const struct {
    smbkit_status status;
    const char *name;
} names[] = {
#define NAME_DEFINE(name, value) {CODE_##name, #name},
    SMBKIT_STATUS_TABLE(NAME_DEFINE)
#undef NAME_DEFINE
};

/* Systems differ in which of these they have; equal numbers (EAGAIN, EWOULDBLOCK) may stand twice.
 * What a client sees of a plugin's failure; [MS-ERREF] 2.3.1 for the meanings. */
static const struct {
    int err;
    smbkit_status status;
} errnos[] = {
    {0, CODE_SUCCESS},
    {ENOENT, CODE_OBJECT_NAME_NOT_FOUND},
    {EACCES, CODE_ACCESS_DENIED},
    {EPERM, CODE_ACCESS_DENIED},
    {EEXIST, CODE_OBJECT_NAME_COLLISION},
    {ENOTDIR, CODE_OBJECT_PATH_NOT_FOUND},
    {EISDIR, CODE_FILE_IS_A_DIRECTORY},
    {ENOTEMPTY, CODE_DIRECTORY_NOT_EMPTY},
    {EAGAIN, CODE_WOULD_BLOCK},
    {EROFS, CODE_MEDIA_WRITE_PROTECTED},
    {ENOSPC, CODE_DISK_FULL},
    {EXDEV, CODE_NOT_SAME_DEVICE},
    {ENAMETOOLONG, CODE_NAME_TOO_LONG},
    {EINVAL, CODE_INVALID_PARAMETER},
    {EDOM, CODE_INVALID_PARAMETER},
    {ERANGE, CODE_BUFFER_TOO_SMALL},
    {E2BIG, CODE_INVALID_PARAMETER},
    {EFAULT, CODE_INVALID_PARAMETER},
    {EBADF, CODE_INVALID_HANDLE},
    {EIO, CODE_IO_DEVICE_ERROR},
    {ENXIO, CODE_NO_SUCH_DEVICE},
    {ENODEV, CODE_NO_SUCH_DEVICE},
    {ENOMEM, CODE_NO_MEMORY},
    {EMFILE, CODE_TOO_MANY_OPENED_FILES},
    {ENFILE, CODE_TOO_MANY_OPENED_FILES},
    {EFBIG, CODE_DISK_FULL},
    {EMLINK, CODE_TOO_MANY_LINKS},
    {EBUSY, CODE_SHARING_VIOLATION},
    {EDEADLK, CODE_FILE_LOCK_CONFLICT},
    {ENOLCK, CODE_INSUFFICIENT_RESOURCES},
    {EINTR, CODE_CANCELLED},
    {ENOSYS, CODE_NOT_SUPPORTED},
    {ENOTTY, CODE_INVALID_DEVICE_REQUEST},
    {ESPIPE, CODE_INVALID_PARAMETER},
    {EPIPE, CODE_PIPE_BROKEN},
    {EILSEQ, CODE_OBJECT_NAME_INVALID},
#ifdef EWOULDBLOCK
    {EWOULDBLOCK, CODE_WOULD_BLOCK},
#endif
#ifdef EDQUOT
    {EDQUOT, CODE_DISK_FULL},
#endif
#ifdef ELOOP
    {ELOOP, CODE_OBJECT_PATH_NOT_FOUND},
#endif
#ifdef EINPROGRESS
    {EINPROGRESS, CODE_WOULD_BLOCK},
#endif
#ifdef ECANCELED
    {ECANCELED, CODE_CANCELLED},
#endif
#ifdef ENOTSUP
    {ENOTSUP, CODE_NOT_SUPPORTED},
#endif
#ifdef EOPNOTSUPP
    {EOPNOTSUPP, CODE_NOT_SUPPORTED},
#endif
#ifdef ETIMEDOUT
    {ETIMEDOUT, CODE_IO_TIMEOUT},
#endif
#ifdef ETIME
    {ETIME, CODE_IO_TIMEOUT},
#endif
#ifdef ENODATA
    {ENODATA, CODE_NONEXISTENT_EA_ENTRY},
#endif
#ifdef ENOATTR
    {ENOATTR, CODE_NONEXISTENT_EA_ENTRY},
#endif
#ifdef ENOBUFS
    {ENOBUFS, CODE_INSUFFICIENT_RESOURCES},
#endif
#ifdef EOVERFLOW
    {EOVERFLOW, CODE_INVALID_PARAMETER},
#endif
#ifdef ETXTBSY
    {ETXTBSY, CODE_SHARING_VIOLATION},
#endif
#ifdef ESTALE
    {ESTALE, CODE_FILE_CLOSED},
#endif
#ifdef EBADMSG
    {EBADMSG, CODE_DATA_ERROR},
#endif
#ifdef EUCLEAN
    {EUCLEAN, CODE_DATA_ERROR},
#endif
#ifdef EREMOTEIO
    {EREMOTEIO, CODE_IO_DEVICE_ERROR},
#endif
#ifdef ENOMEDIUM
    {ENOMEDIUM, CODE_NO_SUCH_DEVICE},
#endif
#ifdef ESHUTDOWN
    {ESHUTDOWN, CODE_VOLUME_DISMOUNTED},
#endif
#ifdef ENOTCONN
    {ENOTCONN, CODE_PIPE_DISCONNECTED},
#endif
#ifdef ECONNRESET
    {ECONNRESET, CODE_PIPE_BROKEN},
#endif
#ifdef EPROTO
    {EPROTO, CODE_INVALID_PIPE_STATE},
#endif
};

smbkit_status smbkit_status_from_errno(int err)
{
    for (size_t i = 0; i < ARRAY_LEN(errnos); i++) {
        if (errnos[i].err == err) {
            return errnos[i].status;
        }
    }
    return SMBKIT_STATUS_UNSUCCESSFUL;
}

const char *smbkit_status_name(smbkit_status status)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].status == status) {
            return names[i].name;
        }
    }
    return "UNKNOWN";
}
