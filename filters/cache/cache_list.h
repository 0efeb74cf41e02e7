/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of folders: noted while they are passed on, and given out again as a whole. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/filter.h>

/* What listings take, those that are kept, given out or noted just now. */
struct cache_list_bound {
    size_t one_max, all_max; /* bytes; immutable */
    atomic_size_t all;       /* relaxed: a sum */
};

/* Never changed once it is complete; counted. */
struct cache_list;
/* One that is not complete yet. */
struct cache_recording;

void cache_list_ref(struct cache_list *l);   /* NULL allowed */
void cache_list_unref(struct cache_list *l); /* NULL allowed */
size_t cache_list_bytes(const struct cache_list *l);
/* Has it what that sink wants? */
bool cache_list_has(const struct cache_list *l, uint32_t want);
/* The entries after the sink's cookie, until it is full. false: that cookie is not of it. */
bool cache_list_give(const struct cache_list *l, struct smbkit_sink *sink);

/* bound: outlives it, and the listing. One that is beyond it is not kept. NULL: no memory. */
struct cache_recording *cache_recording_new(uint32_t want, struct cache_list_bound *bound);
void cache_recording_free(struct cache_recording *r); /* NULL allowed */
/* Was what that sink asks for what comes next, or some of what came? */
bool cache_recording_goes_on(struct cache_recording *r, const struct smbkit_sink *sink);
/* Ask below, and note what comes by. */
smbkit_status cache_recording_ask(struct cache_recording *r, struct smbkit_next *next,
                                  struct smbkit_op *op, void *file, struct smbkit_sink *sink);
/* Nothing more is to be recorded. */
bool cache_recording_is_over(const struct cache_recording *r);
/* All of it, owned; NULL: it is not to be kept. r is gone. */
struct cache_list *cache_recording_end(struct cache_recording *r);
