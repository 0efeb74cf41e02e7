/* SPDX-License-Identifier: Apache-2.0 */
/* Listings that leave names out. */
#pragma once

#include <stdbool.h>

#include "pass.h"

/* Pass an enumerate down, but for names of which is_out(arg, name) is true. c->file: as the layer
 * below has it. arg must live until the call is over. */
smbkit_status leave_out(struct smbkit_next *next, const struct pass_call *c,
                        bool (*is_out)(void *arg, const char *name), void *arg);
