/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns what: opens, sessions and their limits, and what ending them costs. */
#include <time.h>

#include "smb_compound.h"

#include "smb/limits.h"
#include "wire/echo.h"

static void start(struct fake *f)
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
}

/* ---- long compounds ---- */

static void test_long_compound(void)
{
    static const struct {
        unsigned count;
        bool answered;
    } rows[] = {
        {200, true},
        {SMB_COMPOUND_MAX - 1, true},
        {SMB_COMPOUND_MAX, true},
        {SMB_COMPOUND_MAX + 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct compound c = {.w = wr_new(1 << 20)};
        test_context("%u elements", rows[i].count);
        start(&f);
        f.credits = 512;
        fake_enter(&f, 0x0311);
        for (unsigned k = 0; k < rows[i].count; k++) {
            struct wr w = fake_request(&f, SMB2_ECHO);
            smb2_empty_format(&w);
            compound_add(&f, &c, &w, k > 0);
        }
        compound_send(&f, &c);
        CHECK_INT(f.closed, !rows[i].answered);
        struct fake_reply r;
        unsigned replies = 0;
        while (fake_next(&f, &r)) {
            for (size_t at = 0, next = 1; next; at += next, replies++) {
                struct cur n = cur_init(r.p + at + SMB2_HDR_NEXT_OFFSET, 4);
                next = cur_u32(&n);
            }
            fake_reply_fini(&r);
        }
        CHECK_INT(replies, rows[i].answered ? rows[i].count : 0);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- many opens ---- */

static struct smb2_file_id make_dir(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create_dir(f, name, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static uint64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What grows with the square of this takes ten seconds and more, what does not a fraction of one.
 */
#define MANY 40000
#define MANY_MS_MAX 4000

static void test_many_opens_of_one_directory(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    start(&f);
    f.credits = 64;
    fake_enter(&f, 0x0311);
    (void)make_dir(&f, "many");
    for (unsigned i = 0; i < MANY; i++) {
        REQUIRE(SMBKIT_OK(fake_create(&f, "many", SMBKIT_OPEN, &rsp)));
    }
    uint64_t before = cpu_ms();
    fake_disconnect(&f);
    CHECK(cpu_ms() - before < MANY_MS_MAX);
    fake_stop(&f);
}

static const struct test_case cases[] = {
    {"long compounds", test_long_compound},
    {"many opens of one directory", test_many_opens_of_one_directory},
};
TEST_MAIN(cases)
