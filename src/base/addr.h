/* SPDX-License-Identifier: Apache-2.0 */
/* Numeric network addresses as text, without sockets. */
#pragma once

#include "base/names.h"

#define ADDR_PREFIX_SIZE 64

/* What counts as one place when somebody is to be held to account for what comes from an address:
 * an IPv4 address itself, also when it is mapped into IPv6 ("::ffff:192.0.2.1"); of IPv6 the /64,
 * which is what a single host or home is given to choose its addresses from ("2001:db8:0:1::/64",
 * with the zone of a link-local one). RFC 4291 2.5.1, RFC 6177.
 * address: numeric, without brackets; anything else is its own place. Thread: any (pure). */
void addr_prefix(const char *address, char out[ADDR_PREFIX_SIZE]);

/* Patterns of addresses, as in smb.conf(5): "192.0.2.7", "192.0.2." (all that begin so),
 * "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/32", "ALL"; those that follow the word
 * "EXCEPT" are taken out again. Zones are not minded. */
bool addr_is_pattern(const char *word);
/* Does the list hold the address? Nothing holds what is no address, but ALL. */
bool addr_is_in(const char *address, const struct names *patterns);
/* Is it the host itself: 127.0.0.0/8 or ::1? */
bool addr_is_loopback(const char *address);
