/* SPDX-License-Identifier: Apache-2.0 */
#include "os/common/names.h"

#include <errno.h>

#include "base/str.h"

static bool name_is_wanted(const char *name, const char *suffix)
{
    size_t len = str_len(name);
    size_t suffix_len = str_len(suffix);
    if (str_eq(name, ".") || str_eq(name, "..")) {
        return false;
    }
    return len >= suffix_len && str_eq(name + len - suffix_len, suffix);
}

int dir_name_add(struct names *n, const char *name, const char *suffix)
{
    return !name_is_wanted(name, suffix) || names_add(n, name) ? 0 : -ENOMEM;
}
