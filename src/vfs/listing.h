/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a directory that a plugin has given, kept until they are wanted: the plugin may give
 * them on a thread of its own, when the handler that asked is not running. */
#pragma once

#include <smbkit/ops.h>

#include "base/base.h"

/* Of one page: the names and attributes that most replies hold. */
#define LISTING_BYTES_MAX 65536u
/* Entries that are looked at on an event loop before the call goes on from a worker: some
 * milliseconds. A reply of 64 KiB, which Windows asks for, holds fewer. */
#define LISTING_ON_LOOP_MAX 1024u
/* Of a name: longer than what SMB carries. What is longer is cut, and stays too long. */
#define LISTING_NAME_MAX 1024u

struct listing;

#define LISTING_ALL UINT32_MAX /* as many as there are */

/* An empty page that asks for what sink asks for, at most so many. NULL: no memory. */
struct listing *listing_new(const struct smbkit_sink *sink, uint32_t most);
void listing_free(struct listing *l); /* NULL: nothing */
/* Has the plugin given a name and where to go on? */
bool entry_is_whole(const struct smbkit_entry *e);
/* What the plugin gets. An entry that is not whole is kept, as one without a name and a cookie, for
 * who is given the entries to refuse. */
struct smbkit_sink *listing_sink(struct listing *l);
/* NO_MEMORY. */
smbkit_status listing_status(const struct listing *l);
/* Give the entries to sink, as far as it takes them; sink->cookie is that of the last one taken. */
void listing_give(const struct listing *l, struct smbkit_sink *sink);
