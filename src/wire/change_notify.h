/* SPDX-License-Identifier: Apache-2.0 */
/* CHANGE_NOTIFY. [MS-SMB2] 2.2.35, 2.2.36; the records [MS-FSCC] 2.7.1 */
#pragma once

#include "wire/chain.h"
#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_change_notify_req {
    uint16_t flags; /* SMB2_WATCH_TREE */
    uint32_t output_max;
    struct smb2_file_id file_id;
    uint32_t completion_filter; /* SMB2_FILE_NOTIFY_CHANGE_* */
};
NODISCARD enum wire_err smb2_change_notify_req_parse(struct cur *c,
                                                     struct smb2_change_notify_req *out);

struct smb2_change_notify_rsp {
    struct wire_slice output;
};
void smb2_change_notify_rsp_format(struct wr *w, const struct smb2_change_notify_rsp *rsp);

/* FILE_NOTIFY_INFORMATION records into w, together at most limit bytes. */
struct notify_writer {
    struct chain_wr chain;
    size_t limit;
};
struct notify_writer notify_writer_init(struct wr *w, size_t limit);
/* name: UTF-8, relative to the watched directory, with backslashes. False: it did not fit (the
 * writer is as before) or w has failed (wr_ok). */
NODISCARD bool notify_writer_add(struct notify_writer *nw, uint32_t action, const char *name);

/* The client's side (client_query.c). */
void smb2_change_notify_req_format(struct wr *w, const struct smb2_change_notify_req *req);
NODISCARD enum wire_err smb2_change_notify_rsp_parse(struct cur *c,
                                                     struct smb2_change_notify_rsp *out);
/* One record, from chain_next's element (align 4). */
struct notify_record {
    uint32_t action;
    struct wire_slice name; /* UTF-16LE */
};
NODISCARD enum wire_err notify_record_parse(struct cur *element, struct notify_record *out);
