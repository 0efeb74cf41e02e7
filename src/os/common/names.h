/* SPDX-License-Identifier: Apache-2.0 */
/* What os_dir_list() collects, on every system. Inside os/ only. */
#pragma once

#include "base/names.h"

/* Add a folder's entry, when it ends in suffix and is neither "." nor "..". 0 or -ENOMEM. */
NODISCARD int dir_name_add(struct names *n, const char *name, const char *suffix);
