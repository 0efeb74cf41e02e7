/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric network addresses as text, without sockets. */
#pragma once

#include "base/base.h"

#define ADDR_PREFIX_SIZE 64

/* What counts as one place when somebody is to be held to account for what comes from an address:
 * an IPv4 address itself, also when it is mapped into IPv6 ("::ffff:192.0.2.1"); of IPv6 the /64,
 * which is what a single host or home is given to choose its addresses from ("2001:db8:0:1::/64",
 * with the zone of a link-local one). RFC 4291 2.5.1, RFC 6177.
 * address: numeric, without brackets; anything else is its own place. Thread: any (pure). */
void addr_prefix(const char *address, char out[ADDR_PREFIX_SIZE]);
