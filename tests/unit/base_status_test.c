/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/base.h"
#include "test.h"

static void from_errno(void)
{
    static const struct {
        int err;
        const char *want;
    } cases[] = {
        {0, "SUCCESS"},
        {ENOENT, "OBJECT_NAME_NOT_FOUND"},
        {ENOTDIR, "OBJECT_PATH_NOT_FOUND"},
        {EACCES, "ACCESS_DENIED"},
        {EPERM, "ACCESS_DENIED"},
        {EROFS, "MEDIA_WRITE_PROTECTED"},
        {EEXIST, "OBJECT_NAME_COLLISION"},
        {ENOTEMPTY, "DIRECTORY_NOT_EMPTY"},
        {ENOSPC, "DISK_FULL"},
        {EXDEV, "NOT_SAME_DEVICE"},
        {ENAMETOOLONG, "NAME_TOO_LONG"},
        {EAGAIN, "WOULD_BLOCK"},
        {EWOULDBLOCK, "WOULD_BLOCK"},
        {EMFILE, "TOO_MANY_OPENED_FILES"},
        {ENFILE, "TOO_MANY_OPENED_FILES"},
        {EISDIR, "FILE_IS_A_DIRECTORY"},
        {EIO, "IO_DEVICE_ERROR"},
        {ENOMEM, "NO_MEMORY"},
        {EINVAL, "INVALID_PARAMETER"},
        {EBADF, "INVALID_HANDLE"},
        {ECANCELED, "CANCELLED"},
        {ENOTSUP, "NOT_SUPPORTED"},
        {EOPNOTSUPP, "NOT_SUPPORTED"},
        {ENOSYS, "NOT_SUPPORTED"},
        {ETIMEDOUT, "IO_TIMEOUT"},
        {EFBIG, "DISK_FULL"},
        {EMLINK, "TOO_MANY_LINKS"},
        {EBUSY, "SHARING_VIOLATION"},
        {ELOOP, "OBJECT_PATH_NOT_FOUND"},
        {ENODATA, "NONEXISTENT_EA_ENTRY"},
#ifdef EDQUOT
        {EDQUOT, "DISK_FULL"},
#endif
        {-1, "UNSUCCESSFUL"},
        {99999, "UNSUCCESSFUL"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("errno %d", cases[i].err);
        CHECK_STR(smbkit_status_name(smbkit_status_from_errno(cases[i].err)), cases[i].want);
    }
    for (int err = 1; err < 4096; err++) {
        test_context("errno %d", err);
        smbkit_status status = smbkit_status_from_errno(err);
        CHECK(!SMBKIT_OK(status));
        CHECK(smbkit_status_is_answer(status) || status == SMBKIT_STATUS_WOULD_BLOCK);
    }
}

static void names(void)
{
    CHECK_STR(smbkit_status_name(SMBKIT_STATUS_SUCCESS), "SUCCESS");
    CHECK_STR(smbkit_status_name((smbkit_status)0xC0000022), "ACCESS_DENIED");
    CHECK_STR(smbkit_status_name(SMBKIT_STATUS_PENDING), "PENDING");
    CHECK_STR(smbkit_status_name(SMBKIT_STATUS_WAIT), "WAIT");
    CHECK_STR(smbkit_status_name((smbkit_status)0xC0001234), "UNKNOWN");
    CHECK_STR(smbkit_status_name(1), "UNKNOWN");
}

/* No code twice: a name found by its code is its own. */
static void codes_are_unique(void)
{
#define CHECK_CODE(name, value)                                                                    \
    CHECK_STR(smbkit_status_name(SMBKIT_STATUS_##name), #name);                                    \
    CHECK_INT((uint32_t)SMBKIT_STATUS_##name, value);
    SMBKIT_STATUS_TABLE(CHECK_CODE)
#undef CHECK_CODE
}

static void success_is_not_negative(void)
{
    CHECK(SMBKIT_OK(SMBKIT_STATUS_SUCCESS) && SMBKIT_OK(SMBKIT_STATUS_NOTIFY_ENUM_DIR));
    CHECK(!SMBKIT_OK(SMBKIT_STATUS_BUFFER_OVERFLOW) && !SMBKIT_OK(SMBKIT_STATUS_WAIT));
}

static const struct test_case cases[] = {
    {"from_errno", from_errno},
    {"names", names},
    {"codes_are_unique", codes_are_unique},
    {"success_is_not_negative", success_is_not_negative},
};
TEST_MAIN(cases)
