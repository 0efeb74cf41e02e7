/* SPDX-License-Identifier: Apache-2.0 */
/* struct smbkit_admin, for plugins to which the configuration grants it. */
#pragma once

#include <smbkit/host.h>

#include "server/server.h"

struct admin {
    struct smbkit_admin pub; /* first */
};
/* s and logging (may be NULL) are borrowed and outlive it. */
void admin_init(struct admin *a, struct server *s);
