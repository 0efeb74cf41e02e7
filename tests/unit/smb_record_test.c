/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a durable open: its bytes, and whatever else they may be. */
#include "smb/record.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "smb/limits.h"
#include "vfs/oplock.h"

#include "test.h"

#define RECORD_ROOM 4096u

static struct smb_record example(struct vfs_lock *locks)
{
    locks[0] = (struct vfs_lock){.offset = 2, .length = 3, .exclusive = true};
    locks[1] = (struct vfs_lock){.offset = 0x1122334455667788, .length = 0};
    struct smb_record r = {
        .kind = SMB_DURABLE_V2,
        .lease_caching = OPLOCK_R | OPLOCK_H,
        .flags = SMB_RECORD_HAS_LEASE | SMB_RECORD_HAS_EPOCH | SMB_RECORD_HAS_STREAM,
        .timeout_ms = 60000,
        .until = 0x01d8000000000001,
        .persistent_id = 0x0102,
        .epoch = 5,
        .rid = 1001,
        .who_flags = SMBKIT_WHO_ADMIN,
        .access = 0x00120089,
        .share_access = 7,
        .options = 0x40,
        .file = {.domain = 0xd1, .id = 0x1d, .id_high = 0x2d, .create_time = 0xc1},
        .size = 5,
        .write_time = 0xe1,
        .change_time = 0xe2,
        .lockseq = {.valid = 2},
        .user = (char *)(uintptr_t) "anna",
        .domain = (char *)(uintptr_t) "WG",
        .share = (char *)(uintptr_t) "mem",
        .path = (char *)(uintptr_t) "dir/f",
        .stream = (char *)(uintptr_t) "s",
        .locks = locks,
        .lock_count = 2,
    };
    memset(r.client_guid, 0x11, 16);
    memset(r.create_guid, 0x22, 16);
    memset(r.lease_key, 0x33, 16);
    r.lockseq.numbers[1] = 9;
    return r;
}

static size_t format(uint8_t *buf, const struct smb_record *r)
{
    struct wr w = wr_init(buf, RECORD_ROOM);
    smb_record_format(&w, r);
    CHECK(wr_ok(&w));
    return wr_ok(&w) ? wr_pos(&w) : 0;
}

static const char golden[] =
    "534b444f 0100 0000 29010000 a9743d1d" /* header */
    "02 00 03 07 60ea0000 010000000000d801 0201000000000000"
    "11111111111111111111111111111111"
    "22222222222222222222222222222222"
    "33333333333333333333333333333333"
    "05000000 e9030000 04000000 89001200 07000000 40000000"
    "d100000000000000 1d00000000000000 2d00000000000000 c100000000000000" /* the file */
    "0500000000000000 e100000000000000 e200000000000000"
    "0200000000000000 0009000000000000 0000000000000000 0000000000000000 0000000000000000"
    "0000000000000000 0000000000000000 0000000000000000 0000000000000000"
    "04000000 616e6e61 02000000 5747 03000000 6d656d 05000000 6469722f66 01000000 73"
    "02000000 0200000000000000 0300000000000000 01 8877665544332211 0000000000000000 00";

static void test_golden(void)
{
    uint8_t buf[RECORD_ROOM], want[RECORD_ROOM];
    struct vfs_lock locks[2];
    const struct smb_record r = example(locks);
    size_t len = format(buf, &r);
    CHECK_MEM(buf, len, want, test_hex(want, sizeof(want), golden));
}

static void test_round_trip(void)
{
    uint8_t buf[2 * RECORD_ROOM], again[RECORD_ROOM];
    struct vfs_lock locks[2];
    const struct smb_record r = example(locks);
    size_t len = format(buf, &r);
    len += format(buf + len, &r);
    struct cur c = cur_init(buf, len);
    for (unsigned i = 0; i < 2; i++) {
        struct smb_record out;
        CHECK_INT(smb_record_parse(&c, &out), SMB_RECORD_OK);
        CHECK(str_eq(out.path, r.path) && str_eq(out.stream, "s") && str_eq(out.user, "anna"));
        CHECK_INT(out.lock_count, 2);
        CHECK_MEM(again, format(again, &out), buf, len / 2);
        smb_record_fini(&out);
    }
    CHECK(cur_done(&c));
}

/* Cut off anywhere it is short; with one byte changed it is never taken. */
static void test_damage(void)
{
    uint8_t buf[RECORD_ROOM];
    struct vfs_lock locks[2];
    const struct smb_record r = example(locks);
    size_t len = format(buf, &r);
    for (size_t i = 0; i < len; i++) {
        struct smb_record out;
        struct cur c = cur_init(buf, i);
        CHECK_INT(smb_record_parse(&c, &out), SMB_RECORD_SHORT);
        buf[i] ^= 0x20;
        c = cur_init(buf, len);
        CHECK(smb_record_parse(&c, &out) != SMB_RECORD_OK);
        CHECK(!out.path && !out.locks);
        buf[i] ^= 0x20;
    }
}

/* Whole, and its sum is right, but no open was ever so. */
static void test_unsound(void)
{
    enum {
        FINE,
        KIND,
        FLAGS,
        TIME,
        ID,
        EPOCH,
        CACHING,
        LEVEL,
        ACCESS,
        SHARE,
        USER,
        PATH,
        STREAM,
        NO_STREAM,
        MANY_LOCKS,
        ROWS
    };
    for (unsigned i = FINE; i < ROWS; i++) {
        static uint8_t buf[RECORD_ROOM * 8];
        static struct vfs_lock locks[SMB_RECORD_LOCKS_MAX + 1];
        struct smb_record out, r = example(locks);
        test_context("row %u", i);
        r.kind = i == KIND ? SMB_DURABLE_NOT : r.kind;
        r.flags |= i == FLAGS ? 8 : 0;
        r.timeout_ms = i == TIME ? SMB_DURABLE_MAX_MS + 1 : r.timeout_ms;
        r.persistent_id = i == ID ? 0 : r.persistent_id;
        r.epoch = i == EPOCH ? 65536 : r.epoch;
        r.lease_caching |= i == CACHING ? 8 : 0;
        r.oplock_level = i == LEVEL ? VFS_OPLOCK_BATCH : 0; /* with a lease */
        r.access = i == ACCESS ? 0 : r.access;
        r.share_access = i == SHARE ? 8 : r.share_access;
        r.user = i == USER ? (char *)(uintptr_t) "" : r.user;
        r.path = i == PATH ? (char *)(uintptr_t) "../f" : r.path;
        r.stream = i == STREAM ? (char *)(uintptr_t) "a:b" : r.stream;
        r.flags &= i == NO_STREAM ? ~SMB_RECORD_HAS_STREAM : 0xff;
        r.lock_count = i == MANY_LOCKS ? SMB_RECORD_LOCKS_MAX + 1 : r.lock_count;
        struct wr w = wr_init(buf, sizeof(buf));
        smb_record_format(&w, &r);
        REQUIRE(wr_ok(&w));
        struct cur c = cur_init(buf, wr_pos(&w));
        CHECK_INT(smb_record_parse(&c, &out), i == FINE ? SMB_RECORD_OK : SMB_RECORD_UNSOUND);
        CHECK(cur_done(&c)); /* at the next one */
        smb_record_fini(&out);
    }
}

/* The largest that there are fit, and no larger ones are written. */
static void test_bound(void)
{
    enum { PATH_BYTES = 3 * 32760 };
    static char path[200000];
    static struct vfs_lock locks[SMB_RECORD_LOCKS_MAX];
    struct smb_record out, r = example(locks);
    r.locks = locks;
    r.lock_count = SMB_RECORD_LOCKS_MAX;
    r.path = path;
    for (size_t i = 0; i < PATH_BYTES / 3; i++) { /* 127 characters a component */
        memcpy(path + 3 * i, i % 128 == 127 ? "/ab" : "\xe2\x82\xac", 3);
    }
    CLEANUP(wr_fini) struct wr w = wr_new(2 * SMB_RECORD_BYTES_MAX);
    smb_record_format(&w, &r);
    REQUIRE(wr_ok(&w));
    struct cur c = cur_init(w.base, wr_pos(&w));
    CHECK_INT(smb_record_parse(&c, &out), SMB_RECORD_OK);
    smb_record_fini(&out);
    memset(path, 'x', sizeof(path) - 1);
    smb_record_format(&w, &r);
    CHECK(!wr_ok(&w));
}

static const struct test_case cases[] = {
    {"golden bytes", test_golden}, {"round trip", test_round_trip}, {"damage", test_damage},
    {"unsound", test_unsound},     {"bound", test_bound},
};
TEST_MAIN(cases)
