/* SPDX-License-Identifier: Apache-2.0 */
#include "os/windows/wide.h"

#include <errno.h>
#include <windows.h>

#include "base/mem.h"
#include "base/utf.h"

wchar_t *wide_from_utf8(const char *s)
{
    struct wr w = wr_new(SIZE_MAX / 4);
    size_t len;
    wr_utf16(&w, s);
    wr_u16(&w, 0);
    /* heap memory, so it is aligned for wchar_t */
    wchar_t *out = (wchar_t *)(void *)wr_take(&w, &len);
    wr_fini(&w);
    return out;
}

char *wide_to_utf8(const wchar_t *s)
{
    return utf16le_to_utf8((const uint8_t *)s, wcslen(s) * sizeof(*s));
}

static const struct {
    DWORD code;
    int err;
} errors[] = {
    {ERROR_FILE_NOT_FOUND, ENOENT},
    {ERROR_PATH_NOT_FOUND, ENOENT},
    {ERROR_MOD_NOT_FOUND, ENOENT},
    {ERROR_INVALID_NAME, ENOENT},
    {ERROR_BAD_NETPATH, ENOENT},
    {ERROR_DIRECTORY, ENOTDIR},
    {ERROR_ACCESS_DENIED, EACCES},
    {ERROR_SHARING_VIOLATION, EBUSY},
    {ERROR_LOCK_VIOLATION, EBUSY},
    {ERROR_ALREADY_EXISTS, EEXIST},
    {ERROR_FILE_EXISTS, EEXIST},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
    {ERROR_OUTOFMEMORY, ENOMEM},
    {ERROR_DISK_FULL, ENOSPC},
    {ERROR_HANDLE_DISK_FULL, ENOSPC},
    {ERROR_WRITE_PROTECT, EROFS},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
    {ERROR_INVALID_HANDLE, EBADF},
    {ERROR_INVALID_PARAMETER, EINVAL},
    {ERROR_NOT_SAME_DEVICE, EXDEV},
    {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
    {ERROR_BAD_EXE_FORMAT, ENOEXEC},
    {ERROR_NOT_SUPPORTED, ENOSYS},
};

int win_errno(void)
{
    DWORD code = GetLastError();
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (errors[i].code == code) {
            return -errors[i].err;
        }
    }
    return -EIO;
}
