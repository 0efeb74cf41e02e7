/* SPDX-License-Identifier: Apache-2.0 */
/* Who is one client, where each has a share of what there is: a user at a machine. */
#pragma once

#include <stdint.h>
#include <string.h>

#include <smbkit/types.h>

static inline uint64_t client_mix(uint64_t h, const char *text)
{
    for (size_t i = 0; i <= strlen(text); i++) { /* with its end */
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    }
    return h;
}

static inline uint64_t client_number(const struct smbkit_identity *who)
{
    return client_mix(client_mix(0xcbf29ce484222325u, who->user), who->client_address);
}
