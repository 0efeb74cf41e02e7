/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes that who chooses the data cannot make collide: SipHash-1-3 with a secret key. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Another one at each call. */
void keyed_init(uint64_t key[2]);
uint64_t keyed_hash(const uint64_t key[2], const void *data, size_t len);
