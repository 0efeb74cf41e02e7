/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes of a file. [MS-FSA] 2.1.5.12.10, 2.1.5.15.5. Lists are of
 * FILE_FULL_EA_INFORMATION, [MS-FSCC] 2.4.16, whole and well-formed. */
#pragma once

#include "vfs/vfs.h"

#define VFS_EA_BYTES_MAX 65536u /* of a list: what NTFS keeps of a file */

/* All of them; *list_r is owned, NULL when there are none. ACCESS_DENIED without READ_EA. */
NODISCARD smbkit_status vfs_ea_get(struct vfs_call *call, struct vfs_open *o, uint8_t **list_r,
                                   size_t *len_r);
/* Those named are set, or with an empty value taken away. ACCESS_DENIED without WRITE_EA,
 * EAS_NOT_SUPPORTED, EA_TOO_LARGE. */
NODISCARD smbkit_status vfs_ea_set(struct vfs_call *call, struct vfs_open *o,
                                   struct smbkit_bytes list);
/* How many of them this open has been told in its scan; 0: from the first. */
uint32_t vfs_ea_position(struct vfs_open *o);
void vfs_ea_position_set(struct vfs_open *o, uint32_t position);
/* ACCESS_DENIED when one has a name by which descriptors, attributes or streams are kept. */
NODISCARD smbkit_status ea_check_names(const uint8_t *list, size_t len);
/* Is one of the list marked as needed by who opens the file? FILE_NEED_EA */
bool vfs_ea_is_needed(const uint8_t *list, size_t len);
