/* SPDX-License-Identifier: Apache-2.0 */
/* sd_parse over any bytes; what it accepts goes through the access check, inheritance, SET and a
 * round trip. */
#include <stdlib.h>

#include "base/mem.h"
#include "vfs/secdesc.h"
#include "vfs/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct secdesc *sd, const struct vfs_token *token)
{
    struct secdesc child;
    struct sd_inherit_in in = {sd, sd, token, true};
    uint32_t max = sd_access_max(sd, token);
    uint32_t granted;
    ASSERT(SMBKIT_OK(sd_access_check(sd, token, max, &granted)) && granted == max);
    if (SMBKIT_OK(sd_inherit(&in, &child))) {
        ASSERT(child.has_owner && (child.control & SD_DACL_PRESENT));
        if (!SMBKIT_OK(sd_set(&child, sd, SD_DACL | SD_SACL, token))) {
            abort();
        }
        sd_fini(&child);
    }
}

static void round_trip(const struct secdesc *sd)
{
    struct secdesc again;
    struct wr w = wr_new(SD_BYTES_MAX);
    sd_format(&w, sd, SD_OWNER | SD_GROUP | SD_DACL | SD_SACL);
    ASSERT(wr_ok(&w) && SMBKIT_OK(sd_parse(w.base, w.len, &again)));
    ASSERT(again.control == sd->control);
    ASSERT(!again.dacl == !sd->dacl && (!sd->dacl || acl_eq(again.dacl, sd->dacl)));
    sd_fini(&again);
    wr_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct secdesc sd;
    if (!SMBKIT_OK(sd_parse(data, size, &sd))) {
        return 0;
    }
    struct vfs_token *token = vfs_token_new(&(struct vfs_token_spec){.user = "u", .rid = 1000});
    ASSERT(token);
    token->privileges = TOKEN_CAN_SECURITY | TOKEN_CAN_RESTORE;
    round_trip(&sd);
    use(&sd, token);
    vfs_token_unref(token);
    sd_fini(&sd);
    return 0;
}
