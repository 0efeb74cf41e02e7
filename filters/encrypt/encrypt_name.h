/* SPDX-License-Identifier: Apache-2.0 */
/* Names: the same name has the same spelling below, everywhere in the volume. It is a synthetic IV
 * (HMAC-SHA-256 of the name, cut) and the name in AES-256-CTR under it, in the digits 0-9a-v, which
 * no store changes or confuses. */
#pragma once

#include <smbkit/filter.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENCRYPT_NAME_MAX 143u /* bytes of a name; below it has 255 then */
#define ENCRYPT_NAME_ROOM 256u

struct encrypt_name_keys {
    uint8_t mac[32], cipher[32];
};

#define ENCRYPT_OF_FILE 'f'
#define ENCRYPT_OF_STREAM 's'

/* As the layer below has it. kind: ENCRYPT_OF_*. OBJECT_NAME_INVALID: it is longer than
 * ENCRYPT_NAME_MAX, or empty. */
smbkit_status encrypt_name(const struct encrypt_name_keys *k, char kind, const char *name,
                           char out[ENCRYPT_NAME_ROOM]);
/* The reverse. false: it is no name of this volume's. */
bool encrypt_name_back(const struct encrypt_name_keys *k, char kind, const char *below,
                       char out[ENCRYPT_NAME_ROOM]);
/* Bytes of the longest name whose spelling is no longer than so many, at most ENCRYPT_NAME_MAX. */
uint32_t encrypt_name_fits(uint32_t below);
/* Is it spelled as encrypt_name spells, with whatever keys? */
bool encrypt_name_may_be(const char *below);
/* Each component of a path; owned. */
smbkit_status encrypt_path(const struct encrypt_name_keys *k, const char *path, char **out);
/* NULL: it is none of this volume's, or there is no memory. */
char *encrypt_path_back(const struct encrypt_name_keys *k, const char *below);
