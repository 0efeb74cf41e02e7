/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of extended attributes. [MS-FSCC] 2.4 FileFullEaInformation:
 * FILE_FULL_EA_INFORMATION and FILE_GET_EA_INFORMATION */
#pragma once

#include "wire/chain.h"
#include "wire/wire.h"

/* Of one list a client sends. NTFS keeps at most 64 KiB of them per file. */
#define FSCC_EAS_MAX 4096
#define FSCC_EA_NAME_MAX 254

struct fscc_ea {
    uint8_t flags;           /* SMB2_FILE_NEED_EA */
    struct wire_slice name;  /* ASCII, without the terminator, 1..254 bytes */
    struct wire_slice value; /* empty in a set: delete */
};
/* Walk a list: struct chain ch = fscc_ea_list(list); while (fscc_ea_next(&ch, &ea)) ...; then look
 * at ch.err. WIRE_VALUE: a name that is empty or not terminated. */
struct chain fscc_ea_list(struct wire_slice list);
NODISCARD bool fscc_ea_next(struct chain *ch, struct fscc_ea *out);
/* Append a whole list. */
void fscc_ea_list_format(struct wr *w, const struct fscc_ea *eas, size_t count);
/* Bytes that one more EA takes in a list of `len` bytes, with alignment. */
size_t fscc_ea_size(size_t len, const struct fscc_ea *ea);

/* The names asked for in a query (QUERY_INFO's input). */
struct chain fscc_get_ea_list(struct wire_slice list);
NODISCARD bool fscc_get_ea_next(struct chain *ch, struct wire_slice *name);
void fscc_get_ea_list_format(struct wr *w, const struct wire_slice *names, size_t count);
