/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a directory that a plugin has given, kept until they are wanted: the plugin may give
 * them on a thread of its own, when the handler that asked is not running. */
#pragma once

#include <smbkit/ops.h>

#include "base/base.h"

/* Of one page: the names and attributes that most replies hold. */
#define LISTING_BYTES_MAX 65536u

struct listing;

/* An empty page that asks for what sink asks for. NULL: no memory. */
struct listing *listing_new(const struct smbkit_sink *sink);
void listing_free(struct listing *l); /* NULL: nothing */
/* What the plugin gets. */
struct smbkit_sink *listing_sink(struct listing *l);
/* NO_MEMORY, or a misuse: an entry without a name or cookie. */
smbkit_status listing_status(const struct listing *l);
/* Give the entries to sink, as far as it takes them; sink->cookie is that of the last one taken. */
void listing_give(const struct listing *l, struct smbkit_sink *sink);
