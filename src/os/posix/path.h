/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a POSIX path. Inside os/ only. */
#pragma once

#include "base/base.h"

/* The folder that path's last component is in, owned: "a/b" -> "a", "b" -> ".", "/b" -> "/.". NULL
 * without memory. */
NODISCARD char *path_folder(const char *path);
