/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of the folders that the recycle filter moves files to. [MS-DTYP] 2.4.6 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/types.h>

#define RECYCLE_SD_SIZE 256 /* bytes; of what is made */

/* For its user, administrators and SYSTEM alone, and so what is made in it. Bytes in out; 0: nobody
 * in particular. */
uint32_t recycle_sd_own(const struct smbkit_identity *who, uint8_t out[RECYCLE_SD_SIZE]);

/* Everyone lists and passes through; only administrators and SYSTEM change anything. Bytes. */
uint32_t recycle_sd_common(uint8_t out[RECYCLE_SD_SIZE]);

/* Is it who's, the administrators' or SYSTEM's, and does it allow nobody else anything of refused?
 * sd: from a plugin, of any bytes. who: NULL, or nobody in particular: not his. An entry of a kind
 * not known here counts as one that allows. */
bool recycle_sd_is_safe(const struct smbkit_bytes *sd, const struct smbkit_identity *who,
                        uint32_t refused);
