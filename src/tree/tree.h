/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of entries for plugins, smbkit/tree.h: what the host table hands out. */
#pragma once

#include <smbkit/tree.h>

extern const struct smbkit_tree_table tree_table;
