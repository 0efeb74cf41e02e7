/* SPDX-License-Identifier: Apache-2.0 */
/* Every request parser: the command is in the header, as a server sees it. */
#include "fuzz_wire.h"
#include "wire/change_notify.h"
#include "wire/close.h"
#include "wire/create.h"
#include "wire/empty.h"
#include "wire/flush.h"
#include "wire/fscc_ea.h"
#include "wire/hdr.h"
#include "wire/ioctl.h"
#include "wire/lock.h"
#include "wire/negotiate.h"
#include "wire/oplock_break.h"
#include "wire/query_directory.h"
#include "wire/query_info.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/set_info.h"
#include "wire/tree_connect.h"
#include "wire/write.h"

static void parse_create(struct cur *c)
{
    struct smb2_create_req r;
    if (smb2_create_req_parse(c, &r) != WIRE_OK) {
        return;
    }
    fuzz_touch(r.name);
    fuzz_touch(r.ctxs.secd);
    fuzz_touch(r.ctxs.aapl);
    fuzz_touch(r.ctxs.svhdx);
    struct chain ch = fscc_ea_list(r.ctxs.exta);
    struct fscc_ea ea;
    while (fscc_ea_next(&ch, &ea)) {
        fuzz_touch(ea.name);
        fuzz_touch(ea.value);
    }
}

#define PARSE(cmd, a, b)                                                                           \
    static void parse_##cmd(struct cur *c)                                                         \
    {                                                                                              \
        struct smb2_##cmd##_req r;                                                                 \
        if (smb2_##cmd##_req_parse(c, &r) == WIRE_OK) {                                            \
            fuzz_touch(a);                                                                         \
            fuzz_touch(b);                                                                         \
        }                                                                                          \
    }
PARSE(negotiate, r.ctxs.salt, r.ctxs.netname)
PARSE(session_setup, r.security, FUZZ_NONE)
PARSE(close, FUZZ_NONE, FUZZ_NONE)
PARSE(flush, FUZZ_NONE, FUZZ_NONE)
PARSE(read, r.channel_info, FUZZ_NONE)
PARSE(write, r.channel_info, r.data)
PARSE(lock, FUZZ_NONE, FUZZ_NONE)
PARSE(ioctl, r.input, r.output)
PARSE(query_directory, r.pattern, FUZZ_NONE)
PARSE(change_notify, FUZZ_NONE, FUZZ_NONE)
PARSE(query_info, r.input, FUZZ_NONE)
PARSE(set_info, r.buffer, FUZZ_NONE)

static void parse_tree_connect(struct cur *c)
{
    struct smb2_tree_connect_req r;
    if (smb2_tree_connect_req_parse(c, true, &r) == WIRE_OK) {
        fuzz_touch(r.path);
        fuzz_touch(r.remoted_identity);
    }
}

static void parse_empty(struct cur *c)
{
    fuzz_sink += smb2_empty_parse(c);
}

static void parse_oplock_break(struct cur *c)
{
    struct smb2_oplock_break r;
    fuzz_sink += smb2_oplock_break_req_parse(c, &r);
}

static void (*const parsers[SMB2_COMMAND_COUNT])(struct cur *c) = {
    [SMB2_NEGOTIATE] = parse_negotiate,
    [SMB2_SESSION_SETUP] = parse_session_setup,
    [SMB2_LOGOFF] = parse_empty,
    [SMB2_TREE_CONNECT] = parse_tree_connect,
    [SMB2_TREE_DISCONNECT] = parse_empty,
    [SMB2_CREATE] = parse_create,
    [SMB2_CLOSE] = parse_close,
    [SMB2_FLUSH] = parse_flush,
    [SMB2_READ] = parse_read,
    [SMB2_WRITE] = parse_write,
    [SMB2_LOCK] = parse_lock,
    [SMB2_IOCTL] = parse_ioctl,
    [SMB2_CANCEL] = parse_empty,
    [SMB2_ECHO] = parse_empty,
    [SMB2_QUERY_DIRECTORY] = parse_query_directory,
    [SMB2_CHANGE_NOTIFY] = parse_change_notify,
    [SMB2_QUERY_INFO] = parse_query_info,
    [SMB2_SET_INFO] = parse_set_info,
    [SMB2_OPLOCK_BREAK] = parse_oplock_break,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_init(data, size);
    struct cur again = c;
    struct smb1_negotiate smb1;
    fuzz_sink += smb1_negotiate_parse(&again, &smb1);
    struct smb2_transform transform;
    again = c;
    fuzz_sink += smb2_transform_parse(&again, &transform);
    struct smb2_hdr hdr;
    if (smb2_hdr_parse(&c, &hdr) == WIRE_OK && hdr.command < SMB2_COMMAND_COUNT) {
        parsers[hdr.command](&c);
    }
    return 0;
}
