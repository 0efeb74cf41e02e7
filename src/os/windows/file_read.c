/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host that are only read, by Win32. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>

#include "base/mem.h"
#include "os/os.h"
#include "os/windows/wide.h"

#define READ_CHUNK (1u << 20)

int os_read_open(const char *path, int64_t *fd_r)
{
    *fd_r = -1;
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(path);
    if (!wide) {
        return -ENOMEM;
    }
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return win_errno();
    }
    if (GetFileType(file) != FILE_TYPE_DISK) {
        CloseHandle(file);
        return -OS_NOT_REGULAR;
    }
    *fd_r = (int64_t)(intptr_t)file;
    return 0;
}

static uint64_t win_filetime(const FILETIME *t)
{
    return (uint64_t)t->dwHighDateTime << 32 | t->dwLowDateTime;
}

int os_read_info(int64_t fd, struct os_file_info *info)
{
    BY_HANDLE_FILE_INFORMATION by;
    if (!GetFileInformationByHandle((HANDLE)(intptr_t)fd, &by)) {
        return win_errno();
    }
    *info = (struct os_file_info){.size = (uint64_t)by.nFileSizeHigh << 32 | by.nFileSizeLow,
                                  .create_time = win_filetime(&by.ftCreationTime),
                                  .access_time = win_filetime(&by.ftLastAccessTime),
                                  .write_time = win_filetime(&by.ftLastWriteTime),
                                  .change_time = win_filetime(&by.ftLastWriteTime)};
    return 0;
}

int os_file_info(const char *path, struct os_file_info *info)
{
    int64_t fd;
    int err = os_read_open(path, &fd);
    if (err == 0) {
        err = os_read_info(fd, info);
        os_read_close(fd);
    }
    return err;
}

int64_t os_read_at(int64_t fd, void *buf, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        uint64_t at = offset + done;
        OVERLAPPED where = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
        DWORD got = 0;
        DWORD want = (DWORD)MIN(n - done, (size_t)READ_CHUNK);
        if (!ReadFile((HANDLE)(intptr_t)fd, (char *)buf + done, want, &got, &where)) {
            return GetLastError() == ERROR_HANDLE_EOF || done > 0 ? (int64_t)done : win_errno();
        }
        if (got == 0) {
            break;
        }
        done += got;
    }
    return (int64_t)done;
}

void os_read_close(int64_t fd)
{
    if (fd != -1) {
        CloseHandle((HANDLE)(intptr_t)fd);
    }
}
