/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of a pipe: PDUs in, messages out. */
#include "base/budget.h"
#include "rpc_client.h"

#define FRAG 4280
#define BOTH 3 /* first and last fragment */

/* --- golden exchanges: each line of `in` is written by itself --- */

#define SRV "c84f324b7016d30112785a47bf6ee188 03000000"
#define NDR "045d888aeb1cc9119fe808002b104860 02000000"
#define NDR64 "33057171babe37498319b5dbef9ccc36 01000000"
#define FEATURES "2c1cb76c129840450300000000000000 01000000"
#define NONE "00000000000000000000000000000000 00000000"
#define ACCEPT "0000 0000 " NDR
#define NO_ABSTRACT "0200 0100 " NONE
#define NO_TRANSFER "0200 0200 " NONE
/* header up to the lengths; frag_len, auth_len, call_id follow */
#define HEAD(type, flags) "0500" type flags "10000000"
#define BIND(len, contexts) HEAD("0b", "03") len "0000 01000000 b810b810 00000000 " contexts
#define ACK(len, results)                                                                          \
    HEAD("0c", "03")                                                                               \
    len "0000 01000000 b810b810 f0530000 0d00"                                                     \
        "5c504950455c73727673766300 00" results
#define ALTER(len, contexts) HEAD("0e", "03") len "0000 07000000 b810b810 f0530000 " contexts
#define ALTERED(len, results)                                                                      \
    HEAD("0f", "03") len "0000 07000000 b810b810 f0530000 0000 0000" results
#define NAK(reason) HEAD("0d", "03") "1800 0000 01000000 " reason "01 0500 000000"
#define ONE_CONTEXT "01000000 0000 0100 " SRV NDR
#define BOUND BIND("4800", ONE_CONTEXT)
#define BOUND_ACK ACK("4400", "01000000" ACCEPT)
#define REQUEST(len, flags, call, ctx, opnum, stub)                                                \
    HEAD("00", flags) len "0000" call "00000000" ctx opnum stub
#define FAULT(flags, call, ctx, status)                                                            \
    HEAD("03", flags) "2000 0000" call "00000000" ctx "0000" status "00000000"
#define PROTO_ERROR(call) FAULT("23", call, "0000", "0b00011c")
/* NetrServerGetInfo at level 100, and its answer */
#define GET100 "00000000 64000000"
#define GOT100                                                                                     \
    "64000000 00000200 f4010000 04000200 07000000 00000000 07000000"                               \
    "53004d0042004b0049005400 0000 0000 00000000"
#define CALL100 REQUEST("2000", "03", "02000000", "0000", "1500", GET100)
#define ANSWER100 HEAD("02", "03") "4800 0000 02000000 30000000 0000 0000" GOT100

static const struct {
    const char *name;
    const char *in[4];
    const char *out[4];
    bool is_broken; /* afterwards */
} exchanges[] = {
    {"bind", {BOUND}, {BOUND_ACK}, false},
    {"bind to NDR, NDR64 and features",
     {BIND("a000", "03000000 0000 0100" SRV NDR "0100 0100" SRV NDR64 "0200 0100" SRV FEATURES)},
     {ACK("7400", "03000000" ACCEPT NO_TRANSFER "0300 0200" NONE)},
     false},
    {"bind to a context with NDR64 and NDR",
     {BIND("5c00", "01000000 0000 0200" SRV NDR64 NDR)},
     {BOUND_ACK},
     false},
    {"bind to NDR64 only",
     {BIND("4800", "01000000 0000 0100" SRV NDR64), CALL100},
     {ACK("4400", "01000000" NO_TRANSFER), FAULT("23", "02000000", "0000", "0300011c")},
     false},
    {"bind to another interface",
     {BIND("4800", "01000000 0000 0100 98d0ff6b12a110369833 46c3f87e345a 01000000" NDR)},
     {ACK("4400", "01000000" NO_ABSTRACT)},
     false},
    {"bind to another major version",
     {BIND("4800", "01000000 0000 0100 c84f324b7016d30112785a47bf6ee188 02000000" NDR)},
     {ACK("4400", "01000000" NO_ABSTRACT)},
     false},
    {"bind to a minor version to come",
     {BIND("4800", "01000000 0000 0100 c84f324b7016d30112785a47bf6ee188 03000100" NDR)},
     {ACK("4400", "01000000" NO_ABSTRACT)},
     false},
    {"bind with an association group and small fragments",
     {HEAD("0b", "03") "4800 0000 01000000 10001000 78563412" ONE_CONTEXT},
     {HEAD("0c", "03") "4400 0000 01000000 98059805 78563412 0d00 5c504950455c73727673766300 00"
                       "01000000" ACCEPT},
     false},
    {"bind without contexts", {BIND("1c00", "00000000")}, {NAK("0000")}, true},
    {"bind cut short",
     {BIND("4400", "01000000 0000 0100" SRV "00112233445566778899aabbccddeeff")},
     {NAK("0000")},
     true},
    {"bind of fewer contexts than told",
     {BIND("4800", "02000000 0000 0100" SRV NDR)},
     {NAK("0000")},
     true},
    {"bind twice", {BOUND, BOUND}, {BOUND_ACK, NAK("0000")}, true},
    {"bind with authentication, then without",
     {HEAD("0b", "03") "5400 0400 01000000 b810b810 00000000" ONE_CONTEXT
                       "0a020000 00000000 4e544c4d",
      BOUND},
     {NAK("0800"), BOUND_ACK},
     false},
    {"bind of version 4", {"0400 0b 03 10000000 4800 0000 01000000"}, {NAK("0400")}, true},
    {"bind of minor version 2", {"0502 0b 03 10000000 4800 0000 01000000"}, {NAK("0400")}, true},
    {"bind of minor version 1",
     {"0501 0b 03 10000000 4800 0000 01000000 b810b810 00000000" ONE_CONTEXT},
     {BOUND_ACK},
     false},
    {"bind in big-endian", {"0500 0b 03 00000000 0048 0000 00000001"}, {NAK("0000")}, true},
    {"bind in EBCDIC", {"0500 0b 03 11000000 4800 0000 01000000"}, {NAK("0000")}, true},
    {"bind in VAX floats", {"0500 0b 03 10010000 4800 0000 01000000"}, {NAK("0000")}, true},
    {"bind too long", {"0500 0b 03 10000000 b910 0000 01000000"}, {NAK("0000")}, true},
    {"bind too short", {"0500 0b 03 10000000 0f00 0000 01000000"}, {NAK("0000")}, true},
    {"request too long", {BOUND, "0500 00 03 10000000 b910 0000 01000000"}, {BOUND_ACK}, true},
    {"no DCE/RPC at all", {"474554202f20485454502f312e310d0a"}, {0}, true},
    {"authentication trailer longer than the PDU",
     {"0500 0b 03 10000000 1800 0100 01000000 0000000000000000"},
     {0},
     true},
    {"alter_context",
     {BOUND, ALTER("4800", "01000000 0500 0100" SRV NDR),
      REQUEST("2000", "03", "02000000", "0500", "1500", GET100)},
     {BOUND_ACK, ALTERED("3800", "01000000" ACCEPT),
      HEAD("02", "03") "4800 0000 02000000 30000000 0500 0000" GOT100},
     false},
    {"alter_context has no features",
     {BOUND, ALTER("4800", "01000000 0500 0100" SRV FEATURES)},
     {BOUND_ACK, ALTERED("3800", "01000000" NO_TRANSFER)},
     false},
    {"alter_context before bind", {ALTER("4800", ONE_CONTEXT)}, {PROTO_ERROR("07000000")}, true},
    {"alter_context with authentication",
     {BOUND,
      HEAD("0e", "03") "5400 0400 07000000 b810b810 00000000" ONE_CONTEXT
                       "0a020000 00000000 4e544c4d",
      CALL100},
     {BOUND_ACK, FAULT("23", "07000000", "0000", "05000000"), ANSWER100},
     false},
    {"alter_context cut short",
     {BOUND, ALTER("1c00", "01000000")},
     {BOUND_ACK, PROTO_ERROR("07000000")},
     true},
    {"request", {BOUND, CALL100, CALL100}, {BOUND_ACK, ANSWER100, ANSWER100}, false},
    {"request before bind", {CALL100}, {PROTO_ERROR("02000000")}, true},
    {"request with an object",
     {BOUND,
      REQUEST("3000", "83", "02000000", "0000", "1500", "00112233445566778899aabbccddeeff" GET100)},
     {BOUND_ACK, ANSWER100},
     false},
    {"request too short for its header",
     {BOUND, HEAD("00", "03") "1600 0000 02000000 00000000 0000"},
     {BOUND_ACK, PROTO_ERROR("02000000")},
     true},
    {"request in an unknown context",
     {BOUND, REQUEST("2000", "03", "02000000", "0900", "1500", GET100), CALL100},
     {BOUND_ACK, FAULT("23", "02000000", "0900", "0300011c"), ANSWER100},
     false},
    {"request with authentication",
     {BOUND,
      HEAD("00", "03") "2c00 0400 02000000 00000000 0000 1500" GET100 "0a020000 00000000 4e544c4d",
      CALL100},
     {BOUND_ACK, FAULT("23", "02000000", "0000", "05000000"), ANSWER100},
     false},
    {"request of an opnum that is not served",
     {BOUND, REQUEST("1800", "03", "02000000", "0000", "0e00", "")},
     {BOUND_ACK, FAULT("23", "02000000", "0000", "0200011c")},
     false},
    {"request with a malformed stub",
     {BOUND, REQUEST("1c00", "03", "02000000", "0000", "1500", "00000000"), CALL100},
     {BOUND_ACK, FAULT("03", "02000000", "0000", "f7060000"), ANSWER100},
     false},
    {"request that wants no reply",
     {BOUND, REQUEST("2000", "43", "02000000", "0000", "1500", GET100),
      REQUEST("1800", "43", "02000000", "0900", "0e00", ""), CALL100},
     {BOUND_ACK, ANSWER100},
     false},
    {"fragments of a refused request go by",
     {BOUND, REQUEST("1c00", "01", "02000000", "0900", "1500", "00000000"),
      REQUEST("1c00", "00", "02000000", "0900", "1500", "64000000")
          REQUEST("1c00", "02", "02000000", "0900", "1500", "64000000"),
      CALL100},
     {BOUND_ACK, FAULT("23", "02000000", "0900", "0300011c"), ANSWER100},
     false},
    {"middle fragment first",
     {BOUND, REQUEST("2000", "00", "02000000", "0000", "1500", GET100)},
     {BOUND_ACK, PROTO_ERROR("02000000")},
     true},
    {"another call amid fragments",
     {BOUND, REQUEST("1c00", "01", "02000000", "0000", "1500", "00000000"),
      REQUEST("2000", "03", "03000000", "0000", "1500", GET100)},
     {BOUND_ACK, PROTO_ERROR("03000000")},
     true},
    {"last fragment of another call",
     {BOUND, REQUEST("1c00", "01", "02000000", "0000", "1500", "00000000"),
      REQUEST("1c00", "02", "03000000", "0000", "1500", "64000000")},
     {BOUND_ACK, PROTO_ERROR("03000000")},
     true},
    {"orphaned amid fragments",
     {BOUND, REQUEST("1c00", "01", "02000000", "0000", "1500", "00000000"),
      HEAD("13", "03") "1000 0000 02000000", CALL100},
     {BOUND_ACK, ANSWER100},
     false},
    {"orphaned of another call is nothing",
     {BOUND, REQUEST("1c00", "01", "02000000", "0000", "1500", "00000000"),
      HEAD("13", "03") "1000 0000 05000000",
      REQUEST("1c00", "02", "02000000", "0000", "1500", "64000000")},
     {BOUND_ACK, ANSWER100},
     false},
    {"cancel and auth3 are nothing",
     {BOUND, HEAD("12", "03") "1000 0000 02000000" HEAD("10", "03") "1400 0000 02000000 00000000",
      CALL100},
     {BOUND_ACK, ANSWER100},
     false},
    {"a PDU that only servers send",
     {BOUND, HEAD("02", "03") "1800 0000 02000000 00000000 0000 0000"},
     {BOUND_ACK, PROTO_ERROR("02000000")},
     true},
};

static void write_hex(struct rpc_pipe *p, const char *hex, bool is_last, bool is_broken)
{
    uint8_t buf[1024];
    size_t n = test_hex(buf, sizeof(buf), hex);
    CHECK_INT(rpc_pipe_write(p, buf, n),
              is_last && is_broken ? SMBKIT_STATUS_PIPE_BROKEN : SMBKIT_STATUS_SUCCESS);
}

static void golden_exchanges(void)
{
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        uint8_t got[8192];
        uint8_t want[1024];
        size_t n;
        struct rpc_pipe *p = client_open("SRVSVC", &fixture_user);
        test_context("%s", exchanges[i].name);
        for (int k = 0; k < 4 && exchanges[i].in[k]; k++) {
            bool is_last = k == 3 || !exchanges[i].in[k + 1];
            write_hex(p, exchanges[i].in[k], is_last, exchanges[i].is_broken);
        }
        for (int k = 0; k < 4 && exchanges[i].out[k]; k++) {
            size_t want_len = test_hex(want, sizeof(want), exchanges[i].out[k]);
            n = client_read(p, got, sizeof(got));
            CHECK_MEM(got, n, want, want_len);
        }
        CHECK_INT(rpc_pipe_read(p, got, sizeof(got), &n),
                  exchanges[i].is_broken ? SMBKIT_STATUS_PIPE_BROKEN : SMBKIT_STATUS_PIPE_EMPTY);
        CHECK_INT(rpc_pipe_write(p, NULL, 0),
                  exchanges[i].is_broken ? SMBKIT_STATUS_PIPE_BROKEN : SMBKIT_STATUS_SUCCESS);
        rpc_pipe_free(p);
    }
}

/* All bytes of an exchange in one stream, in pieces of every size: the same messages. */
static void split_writes(void)
{
    uint8_t stream[1024];
    uint8_t want[3][128];
    size_t want_len[3];
    size_t n = test_hex(stream, sizeof(stream), BOUND CALL100 CALL100);
    want_len[0] = test_hex(want[0], sizeof(want[0]), BOUND_ACK);
    want_len[1] = want_len[2] = test_hex(want[1], sizeof(want[1]), ANSWER100);
    memcpy(want[2], want[1], want_len[1]);
    for (size_t piece = 1; piece <= n; piece++) {
        uint8_t got[8192];
        struct rpc_pipe *p = client_open("srvsvc", &fixture_user);
        test_context("pieces of %zu", piece);
        for (size_t at = 0; at < n; at += piece) {
            size_t take = MIN(piece, n - at);
            CHECK_INT(rpc_pipe_write(p, stream + at, take), SMBKIT_STATUS_SUCCESS);
        }
        CHECK_INT(rpc_pipe_peek(p).messages, 3);
        CHECK_INT(rpc_pipe_available(p), want_len[0] + want_len[1] + want_len[2]);
        for (int k = 0; k < 3; k++) {
            size_t len = client_read(p, got, sizeof(got));
            CHECK_MEM(got, len, want[k], want_len[k]);
        }
        rpc_pipe_free(p);
    }
}

/* A request in two fragments, at every split of its stub, and in fragments of one byte. */
static void split_requests(void)
{
    uint8_t stub[16];
    uint8_t want[128];
    uint8_t got[8192];
    size_t n = test_hex(stub, sizeof(stub), GET100);
    size_t want_len = test_hex(want, sizeof(want), ANSWER100);
    struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
    for (size_t cut = 0; cut <= n; cut++) {
        test_context("cut at %zu", cut);
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        client_request(&w, 1, 21, stub, cut);
        client_request(&w, 2, 21, stub + cut, n - cut);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        size_t len = client_read(p, got, sizeof(got));
        CHECK_MEM(got, len, want, want_len);
        wr_fini(&w);
    }
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        client_request(&w, (i == 0 ? 1 : 0) | (i + 1 == n ? 2 : 0), 21, stub + i, 1);
    }
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    size_t len = client_read(p, got, sizeof(got));
    CHECK_MEM(got, len, want, want_len);
    wr_fini(&w);
    rpc_pipe_free(p);
}

/* A message read in pieces of every size. */
static void split_reads(void)
{
    uint8_t want[128];
    size_t want_len = test_hex(want, sizeof(want), ANSWER100);
    struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
    for (size_t piece = 1; piece <= want_len + 1; piece++) {
        uint8_t got[256];
        size_t n = 0;
        test_context("pieces of %zu", piece);
        write_hex(p, CALL100 CALL100, false, false);
        CHECK_INT(rpc_pipe_read(p, NULL, 0, &n), SMBKIT_STATUS_BUFFER_OVERFLOW);
        for (size_t at = 0; at < want_len; at += n) {
            struct rpc_pipe_peek peek = rpc_pipe_peek(p);
            CHECK_INT(peek.message_bytes, want_len - at);
            CHECK_INT(peek.available_bytes, 2 * want_len - at);
            CHECK_INT(peek.messages, 2);
            CHECK_INT(rpc_pipe_read(p, got + at, piece, &n), at + piece < want_len
                                                                 ? SMBKIT_STATUS_BUFFER_OVERFLOW
                                                                 : SMBKIT_STATUS_SUCCESS);
            REQUIRE(n == MIN(piece, want_len - at));
        }
        CHECK_MEM(got, want_len, want, want_len);
        CHECK_INT(client_read(p, got, sizeof(got)), want_len);
        CHECK_INT(rpc_pipe_read(p, got, sizeof(got), &n), SMBKIT_STATUS_PIPE_EMPTY);
    }
    rpc_pipe_free(p);
}

static void names(void)
{
    struct rpc_pipe *p;
    CHECK(rpc_pipe_exists("srvsvc") && rpc_pipe_exists("WksSvc"));
    CHECK(!rpc_pipe_exists("") && !rpc_pipe_exists("\\srvsvc") && !rpc_pipe_exists("spoolss"));
    CHECK_INT(rpc_pipe_new("spoolss", &fixture_env, &fixture_user, &p),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK(p == NULL);
    rpc_pipe_free(NULL);
}

/* Contexts one by one up to and beyond the 16 that an association keeps. */
static void context_limit(void)
{
    struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
    for (unsigned id = 1; id <= 17; id++) {
        uint8_t got[8192];
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        test_context("context %u", id);
        client_bind(&w, 14, client_srvsvc, FRAG);
        wr_put_u16(&w, 28, (uint16_t)id);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(client_read(p, got, sizeof(got)), 0x38);
        CHECK_INT(got[32], id < 16 ? 0 : 2);
        CHECK_INT(got[34], id < 16 ? 0 : 3);
        /* One that is there already may be offered again. */
        wr_put_u16(&w, 28, 3);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(client_read(p, got, sizeof(got)), 0x38);
        CHECK_INT(got[32], 0);
        wr_fini(&w);
    }
    rpc_pipe_free(p);
}

/* A stub of RPC_STUB_BYTES_MAX, one byte less and one more. */
static void stub_limit(void)
{
    static const uint8_t zeros[4096];
    for (int more = -1; more <= 1; more++) {
        uint8_t got[8192];
        size_t left = RPC_STUB_BYTES_MAX + (size_t)more;
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
        test_context("%zu bytes", left);
        for (uint8_t flags = 1; left > 0; flags = 0) {
            size_t n = MIN(left, sizeof(zeros));
            left -= n;
            client_request(&w, flags | (left == 0 ? 2 : 0), 99, zeros, n);
        }
        client_request(&w, BOTH, 99, zeros, 0);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(client_read(p, got, sizeof(got)), 32);
        CHECK_INT(got[24], more > 0 ? 0x1d : 0x02); /* no memory; opnum out of range */
        CHECK_INT(client_read(p, got, sizeof(got)), 32);
        CHECK_INT(got[24], 0x02);
        CHECK_INT(client_read(p, got, sizeof(got)), 0);
        wr_fini(&w);
        rpc_pipe_free(p);
    }
}

/* 1024 PDUs in one write pass, 1025 do not; in writes of their own they do. */
static void pdu_limit(void)
{
    for (unsigned count = 1023; count <= 1025; count++) {
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
        test_context("%u PDUs", count);
        for (unsigned i = 0; i < count; i++) {
            client_request(&w, BOTH, 99, NULL, 0);
        }
        CHECK_INT(rpc_pipe_write(p, w.base, w.len),
                  count > 1024 ? SMBKIT_STATUS_PIPE_BROKEN : SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rpc_pipe_peek(p).messages, MIN(count, 1024u));
        wr_fini(&w);
        rpc_pipe_free(p);
    }
}

static char long_comment[60000];

static void long_each(void *arg, const struct rpc_caller *who, rpc_share_cb cb, void *cb_arg)
{
    for (int i = 0; i < 20; i++) {
        if (!cb(cb_arg, &(struct rpc_share){.name = "x", .comment = long_comment})) {
            return;
        }
    }
}

/* Replies that nobody reads: one of two million bytes after the other until the pipe is busy; once
 * one is read, it takes the next. */
static void unread_replies(void)
{
    struct rpc_env env = fixture_env;
    struct rpc_pipe *p;
    uint8_t got[8192];
    memset(long_comment, 'c', sizeof(long_comment) - 1);
    env.shares_each = long_each;
    CHECK_INT(rpc_pipe_new("srvsvc", &env, &fixture_user, &p), SMBKIT_STATUS_SUCCESS);
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_bind(&w, 11, client_srvsvc, FRAG);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    wr_cut(&w, 0);
    uint8_t stub[64];
    size_t n = test_hex(stub, sizeof(stub),
                        "00000000 01000000 01000000 01000000 00000000 00000000 ffffffff 00000000");
    client_request(&w, BOTH, 15, stub, n);
    unsigned writes = 0;
    smbkit_status status;
    while ((status = rpc_pipe_write(p, w.base, w.len)) == SMBKIT_STATUS_SUCCESS && writes < 100) {
        CHECK(rpc_pipe_available(p) < RPC_REPLIES_BYTES_MAX + RPC_REPLY_STUB_BYTES_MAX * 2);
        writes++;
    }
    CHECK_INT(status, SMBKIT_STATUS_PIPE_BUSY);
    CHECK(writes >= 2 && writes < 10);
    while (rpc_pipe_available(p) >= RPC_REPLIES_BYTES_MAX) {
        REQUIRE(client_read(p, got, sizeof(got)) > 0);
    }
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_PIPE_BUSY);
    while (client_read(p, got, sizeof(got)) > 0) {
    }
    /* All at once, the fifth of them finds too many waiting: that client is no client. */
    size_t one = w.len;
    for (int i = 0; i < 9; i++) {
        client_request(&w, BOTH, 15, stub, n);
    }
    CHECK_INT(w.len, 10 * one);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_PIPE_BROKEN);
    CHECK(rpc_pipe_available(p) < RPC_REPLIES_BYTES_MAX + RPC_REPLY_STUB_BYTES_MAX * 2);
    wr_fini(&w);
    rpc_pipe_free(p);
}

/* Write it all, but for the last `left` bytes. */
static smbkit_status write_but(struct rpc_pipe *p, const struct wr *w, size_t left)
{
    return rpc_pipe_write(p, w->base, w->len - left);
}

/* A pipe that has nothing to say holds nothing but itself, bounded as any open is: as many may be
 * open as files. */
static void idle_pipes(void)
{
    enum { MANY = 2000 };
    static struct rpc_pipe *pipes[MANY];
    struct rpc_caller who = fixture_user;
    struct budget budget;
    uint8_t buf[1000];
    size_t n;
    budget_init(&budget, NULL, 40000, 0);
    who.budget = &budget;
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_bind(&w, 11, client_srvsvc, FRAG);
    for (unsigned i = 0; i < MANY; i++) {
        REQUIRE(SMBKIT_OK(rpc_pipe_new("srvsvc", &fixture_env, &who, &pipes[i])));
        CHECK_INT(write_but(pipes[i], &w, 0), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rpc_pipe_read(pipes[i], buf, sizeof(buf), &n), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(budget_used(&budget), 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        rpc_pipe_free(pipes[i]);
    }
    wr_fini(&w);
    budget_fini(&budget);
}

/* What pipes hold is charged to whoever opened them: replies, PDUs and calls that do not end.
 * Without room a pipe breaks, and with the last one all is given back. */
static void what_pipes_hold(void)
{
    struct rpc_pipe *pipes[16];
    struct rpc_caller who = fixture_user;
    struct budget budget;
    unsigned halves = 0;
    budget_init(&budget, NULL, 40000, 0);
    who.budget = &budget;
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_bind(&w, 11, client_srvsvc, FRAG);
    for (unsigned i = 0; i < ARRAY_LEN(pipes); i++) {
        REQUIRE(SMBKIT_OK(rpc_pipe_new("srvsvc", &fixture_env, &who, &pipes[i])));
        smbkit_status st = write_but(pipes[i], &w, 1);
        CHECK(st == SMBKIT_STATUS_SUCCESS || st == SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        halves += st == SMBKIT_STATUS_SUCCESS;
    }
    CHECK_INT(halves, 40000 / RPC_FRAG_BYTES_MAX);
    for (unsigned i = 2; i < ARRAY_LEN(pipes); i++) {
        rpc_pipe_free(pipes[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(rpc_pipe_write(pipes[i], w.base + w.len - 1, 1), SMBKIT_STATUS_SUCCESS);
    }
    wr_cut(&w, 0);
    static uint8_t stub[2000];
    client_request(&w, 1, 15, stub, sizeof(stub));
    CHECK_INT(write_but(pipes[0], &w, 0), SMBKIT_STATUS_SUCCESS);
    CHECK(budget_used(&budget) >= 2 * sizeof(stub));
    wr_cut(&w, 0);
    client_request(&w, BOTH, 999, stub, 0); /* answered with a fault of 32 bytes */
    unsigned writes = 0;
    while (writes < 1000 && write_but(pipes[1], &w, 0) == SMBKIT_STATUS_SUCCESS) {
        writes++;
    }
    CHECK(writes > 10 && writes < 200); /* by what is allocated, not by the 32 bytes */
    CHECK(budget_used(&budget) <= 40000);
    CHECK_INT(write_but(pipes[1], &w, 0), SMBKIT_STATUS_PIPE_BROKEN);
    wr_fini(&w);
    rpc_pipe_free(pipes[0]);
    rpc_pipe_free(pipes[1]);
    CHECK_INT(budget_used(&budget), 0);
    budget_fini(&budget);
}

/* Every byte of a bind and a request takes every value; every prefix of them ends the stream. */
static void mutations(void)
{
    uint8_t stream[1024];
    size_t bind_len = test_hex(stream, sizeof(stream), BOUND);
    size_t n = bind_len + test_hex(stream + bind_len, sizeof(stream) - bind_len, CALL100);
    for (size_t at = 0; at < n; at++) {
        uint8_t was = stream[at];
        for (unsigned v = 0; v < 256; v++) {
            uint8_t got[8192];
            struct rpc_pipe *p = client_open("srvsvc", &fixture_user);
            test_context("byte %zu = %u", at, v);
            stream[at] = (uint8_t)v;
            smbkit_status status = rpc_pipe_write(p, stream, n);
            CHECK(status == SMBKIT_STATUS_SUCCESS || status == SMBKIT_STATUS_PIPE_BROKEN);
            CHECK(rpc_pipe_peek(p).messages <= 2);
            while (client_read(p, got, sizeof(got)) > 0) {
                CHECK(got[2] == 2 || got[2] == 3 || (got[2] >= 12 && got[2] <= 13));
            }
            rpc_pipe_free(p);
        }
        stream[at] = was;
    }
    for (size_t cut = 0; cut <= n; cut++) {
        struct rpc_pipe *p = client_open("srvsvc", &fixture_user);
        test_context("cut to %zu", cut);
        CHECK_INT(rpc_pipe_write(p, stream, cut), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rpc_pipe_peek(p).messages, (cut >= bind_len) + (cut == n));
        rpc_pipe_free(p);
    }
}

static const struct test_case cases[] = {
    {"golden exchanges", golden_exchanges},
    {"writes split anywhere", split_writes},
    {"requests split anywhere", split_requests},
    {"reads split anywhere", split_reads},
    {"names", names},
    {"context limit", context_limit},
    {"stub limit", stub_limit},
    {"PDUs in one write", pdu_limit},
    {"unread replies", unread_replies},
    {"idle pipes hold nothing", idle_pipes},
    {"what pipes hold is charged", what_pipes_hold},
    {"mutations and truncations", mutations},
};
TEST_MAIN(cases)
