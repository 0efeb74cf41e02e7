/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of clients that come, work and go: the memory in use is then what it was. */
#include "smb_fake_client.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define WARM_UP 100
#define CYCLES 2000
#define CLIENTS 50
#define GROWTH_MAX (32 * 1024)

/* Bytes in use; 0 where the allocator does not tell. */
static size_t in_use(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

static void work(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    uint8_t buf[1000] = {1, 2, 3};
    struct crypto_span span = {buf, sizeof(buf)};
    size_t len = 0;
    CHECK_INT(fake_create(f, name, SMBKIT_OPEN_IF, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(f, rsp.file_id, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_read(f, rsp.file_id, 0, span, &len), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(len, sizeof(buf));
    CHECK_INT(fake_close_file(f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
}

static void test_one_after_the_other(void)
{
    struct fake f;
    size_t before = 0;
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    for (unsigned i = 0; i < WARM_UP + CYCLES; i++) {
        if (i == WARM_UP) {
            before = in_use();
        }
        fake_enter(&f, i % 2 ? SMB2_DIALECT_311 : SMB2_DIALECT_302);
        work(&f, "file");
        if (i % 3 == 0) {
            struct smb2_create_rsp rsp = {0}; /* left open */
            CHECK_INT(fake_create(&f, "open", SMBKIT_OPEN_IF, &rsp), SMBKIT_STATUS_SUCCESS);
        }
        fake_disconnect(&f);
    }
    size_t after = in_use();
    if (after > before + GROWTH_MAX) {
        test_fail(__FILE__, __LINE__, "grew from %zu to %zu bytes", before, after);
    }
    fake_stop(&f);
}

/* 50 at once, round after round; each on files of its own. */
static void test_many_at_once(void)
{
    static struct fake clients[CLIENTS];
    struct fake f;
    size_t before = 0;
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    for (unsigned round = 0; round < 10; round++) {
        if (round == 2) {
            before = in_use();
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            fake_init(&clients[i]);
            clients[i].server = f.server;
            fake_enter(&clients[i], SMB2_DIALECT_311);
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            char name[] = "file00";
            name[4] = (char)('0' + i / 10);
            name[5] = (char)('0' + i % 10);
            work(&clients[i], name);
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            fake_disconnect(&clients[i]);
        }
    }
    size_t after = in_use();
    if (after > before + GROWTH_MAX) {
        test_fail(__FILE__, __LINE__, "grew from %zu to %zu bytes", before, after);
    }
    fake_stop(&f);
}

static const struct test_case cases[] = {
    {"2000 clients one after the other", test_one_after_the_other},
    {"50 clients at once", test_many_at_once},
};
TEST_MAIN(cases)
