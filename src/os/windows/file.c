/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files and folders by Win32. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/common/names.h"
#include "os/os.h"
#include "os/windows/wide.h"

#define READ_CHUNK 16384u
#define WRITE_CHUNK (1u << 20)

static int read_all(HANDLE file, size_t max, struct wr *w)
{
    while (wr_pos(w) <= max) {
        size_t start = wr_pos(w);
        DWORD want = (DWORD)MIN(max - start + 1, READ_CHUNK);
        DWORD n = 0;
        uint8_t *p = wr_space(w, want);
        if (!p) {
            return -ENOMEM;
        }
        if (!ReadFile(file, p, want, &n, NULL)) {
            return win_errno();
        }
        wr_cut(w, start + n);
        if (n == 0) {
            return 0;
        }
    }
    return -EFBIG;
}

int64_t os_file_read_at(int64_t fd, uint64_t offset, void *buf, size_t len)
{
    HANDLE file = (HANDLE)(intptr_t)fd;
    size_t done = 0;
    while (done < len) {
        DWORD n = 0;
        uint64_t at = offset + done;
        OVERLAPPED where = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
        DWORD part = (DWORD)MIN(len - done, (size_t)1 << 30);
        if (!ReadFile(file, (char *)buf + done, part, &n, &where)) {
            if (GetLastError() == ERROR_HANDLE_EOF) {
                break;
            }
            return win_errno();
        }
        if (n == 0) {
            break;
        }
        done += n;
    }
    return (int64_t)done;
}

int os_file_read(const char *path, size_t max, char **data_r, size_t *len_r)
{
    *data_r = NULL;
    *len_r = 0;
    ASSERT(max <= SIZE_MAX - 2);
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(path);
    if (!wide) {
        return -ENOMEM;
    }
    HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return win_errno();
    }
    if (GetFileType(file) != FILE_TYPE_DISK) {
        CloseHandle(file);
        return -OS_NOT_REGULAR;
    }
    struct wr w = wr_new(max + 2); /* the byte too many, and the terminator */
    int err = read_all(file, max, &w);
    CloseHandle(file);
    wr_u8(&w, 0);
    if (!err && !wr_ok(&w)) {
        err = -ENOMEM;
    }
    if (err) {
        wr_fini(&w);
        return err;
    }
    *data_r = (char *)wr_take(&w, len_r);
    *len_r -= 1;
    return 0;
}

static int write_all(HANDLE file, const uint8_t *p, size_t len)
{
    while (len > 0) {
        DWORD n = 0;
        if (!WriteFile(file, p, (DWORD)MIN(len, WRITE_CHUNK), &n, NULL)) {
            return win_errno();
        }
        p += n;
        len -= n;
    }
    return 0;
}

static int file_create(const wchar_t *path, const void *data, size_t len)
{
    HANDLE file =
        CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return win_errno();
    }
    int err = write_all(file, data, len);
    if (!err && !FlushFileBuffers(file)) {
        err = win_errno();
    }
    CloseHandle(file);
    if (err) {
        DeleteFileW(path);
    }
    return err;
}

/* mode: the new file takes the folder's access control list, which is Windows' way. */
int os_file_replace(const char *path, const void *data, size_t len, unsigned mode UNUSED)
{
    uint64_t nonce;
    os_random(&nonce, sizeof(nonce));
    CLEANUP_MEM char *temp = str_printf("%s.%016llx.tmp", path, (unsigned long long)nonce);
    CLEANUP_MEM wchar_t *wide_temp = temp ? wide_from_utf8(temp) : NULL;
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(path);
    if (!wide_temp || !wide) {
        return -ENOMEM;
    }
    int err = file_create(wide_temp, data, len);
    if (err) {
        return err;
    }
    /* WRITE_THROUGH stands in for the fsync of the folder. */
    if (!MoveFileExW(wide_temp, wide, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        err = win_errno();
        DeleteFileW(wide_temp);
    }
    return err;
}

/* Windows has no bits for group and others: only the owner's are ever set. */
int os_file_mode(const char *path, unsigned *mode_r)
{
    *mode_r = 0;
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(path);
    if (!wide) {
        return -ENOMEM;
    }
    DWORD attributes = GetFileAttributesW(wide);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        return win_errno();
    }
    *mode_r = attributes & FILE_ATTRIBUTE_READONLY ? 0400 : 0600;
    if (attributes & FILE_ATTRIBUTE_DIRECTORY) {
        *mode_r |= 0100;
    }
    return 0;
}

static int names_read(HANDLE find, WIN32_FIND_DATAW *data, const char *suffix, struct names *n)
{
    do {
        CLEANUP_MEM char *name = wide_to_utf8(data->cFileName);
        int err = name ? dir_name_add(n, name, suffix) : -ENOMEM;
        if (err) {
            return err;
        }
    } while (FindNextFileW(find, data));
    return GetLastError() == ERROR_NO_MORE_FILES ? 0 : win_errno();
}

int os_dir_list(const char *path, const char *suffix, char ***names_r, size_t *count_r)
{
    struct names n = {0};
    WIN32_FIND_DATAW data;
    *names_r = NULL;
    *count_r = 0;
    CLEANUP_MEM char *pattern = str_printf("%s\\*", path);
    CLEANUP_MEM wchar_t *wide = pattern ? wide_from_utf8(pattern) : NULL;
    if (!wide) {
        return -ENOMEM;
    }
    HANDLE find = FindFirstFileW(wide, &data);
    if (find == INVALID_HANDLE_VALUE) {
        return win_errno();
    }
    int err = names_read(find, &data, suffix, &n);
    FindClose(find);
    if (err) {
        names_fini(&n);
        return err;
    }
    names_sort(&n);
    *names_r = n.items;
    *count_r = n.count;
    return 0;
}
