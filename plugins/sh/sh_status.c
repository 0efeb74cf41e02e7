/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says when it fails: the name of an errno or of an NTSTATUS, first on its
 * standard error. */
#include "sh_priv.h"

#include <errno.h>
#include <string.h>

struct errno_name {
    const char *name;
    int value;
};
#define NAMED(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct errno_name errnos[] = {
    NAMED(EPERM),  NAMED(ENOENT),     NAMED(EIO),       NAMED(ENOMEM),       NAMED(EACCES),
    NAMED(EBUSY),  NAMED(EEXIST),     NAMED(ENOTDIR),   NAMED(EISDIR),       NAMED(EINVAL),
    NAMED(EFBIG),  NAMED(ENOSPC),     NAMED(EROFS),     NAMED(ENOTEMPTY),    NAMED(EDQUOT),
    NAMED(ENOSYS), NAMED(EOPNOTSUPP), NAMED(ETIMEDOUT), NAMED(ENAMETOOLONG), NAMED(EAGAIN),
};

struct status_name {
    const char *name;
    int32_t value;
};
#define ROW(name, value) {#name, (int32_t)(value)},
static const struct status_name statuses[] = {SMBKIT_STATUS_TABLE(ROW)};

static int begins_with_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 &&
           !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", text[len] ? text[len] : 'A' - 1);
}

smbkit_status sh_status_of(int code, const char *text)
{
    if (code == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (code == SH_UNKNOWN) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (code == SH_NO) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
        if (begins_with_word(text, errnos[i].name)) {
            return smbkit_status_from_errno(errnos[i].value);
        }
    }
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (begins_with_word(text, statuses[i].name) &&
            smbkit_status_is_answer(statuses[i].value)) {
            return statuses[i].value;
        }
    }
    return SMBKIT_STATUS_IO_DEVICE_ERROR;
}
