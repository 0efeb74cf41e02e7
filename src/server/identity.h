/* SPDX-License-Identifier: Apache-2.0 */
/* The lasting identity of the server and of its users. */
#pragma once

#include "auth/users.h"

/* The three sub-authorities of S-1-5-21-...-rid, from the identity of the users file alone: the
 * same after every start and on every host. NULL (users of a command line, a file without an
 * identity): one that all such servers share, so that a user's SID follows from the name alone. */
void identity_sid(const uint8_t *users_identity, uint32_t machine_sid[3]);

/* What tells a server from others. */
struct identity_place {
    const char *machine_id;        /* 32 hexadecimal digits; anything else: there is none */
    const uint8_t *users_identity; /* NULL: none */
    const char *host_name;
    uint16_t port;
};
/* From the machine id by a keyed hash whose key is the id itself, so that the id cannot be told
 * from it (machine-id(5)); where there is none from users and host name. */
void identity_guid(const struct identity_place *place, uint8_t guid[16]);
/* The same with the machine id and the name of this host. */
void identity_guid_here(const uint8_t *users_identity, uint16_t port, uint8_t guid[16]);
