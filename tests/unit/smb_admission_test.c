/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/admission.h"

#include "auth/users.h"
#include "test.h"

#define WORDS_MAX 3

static struct names list_of(const char *const words[WORDS_MAX])
{
    struct names n = {0};
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++) {
        CHECK(names_add(&n, words[i]));
    }
    return n;
}

static void test_hosts(void)
{
    static const struct {
        const char *allow[WORDS_MAX], *deny[WORDS_MAX];
        const char *address;
        bool admits;
    } rows[] = {
        {{NULL}, {NULL}, "192.0.2.1", true},
        {{"192.0.2."}, {NULL}, "192.0.2.1", true},
        {{"192.0.2."}, {NULL}, "198.51.100.1", false},
        {{"192.0.2."}, {NULL}, "127.0.0.1", true},
        {{"192.0.2."}, {"127."}, "127.0.0.1", false},
        {{NULL}, {"192.0.2."}, "192.0.2.1", false},
        {{NULL}, {"192.0.2."}, "198.51.100.1", true},
        {{"192.0.2.7"}, {"ALL"}, "192.0.2.7", true},
        {{"192.0.2.7"}, {"ALL"}, "192.0.2.8", false},
        {{"192.0.2.7"}, {"198.51.100."}, "203.0.113.1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smb_hosts h = {list_of(rows[i].allow), list_of(rows[i].deny)};
        test_context("row %zu", i);
        CHECK_INT(smb_hosts_admit(&h, rows[i].address), rows[i].admits);
        smb_hosts_fini(&h);
    }
}

static struct vfs_token *ann(uint32_t flags)
{
    static const uint32_t machine[3] = {1, 2, 3};
    const uint32_t staff = users_rid_of_group("staff");
    const struct vfs_token_spec spec = {.user = "Ann",
                                        .flags = flags,
                                        .machine_sid = machine,
                                        .group_rids = &staff,
                                        .group_rid_count = 1};
    return vfs_token_new(&spec);
}

static void test_users(void)
{
    static const struct {
        const char *valid[WORDS_MAX], *invalid[WORDS_MAX], *reads[WORDS_MAX], *writes[WORDS_MAX];
        bool has_valid, admits, writes_to_read_only, writes_to_other;
    } rows[] = {
        {{NULL}, {NULL}, {NULL}, {NULL}, false, true, false, true},
        {{NULL}, {NULL}, {NULL}, {NULL}, true, false, false, true},
        {{"bob", "aNN"}, {NULL}, {NULL}, {NULL}, true, true, false, true},
        {{"@STAFF"}, {NULL}, {NULL}, {NULL}, true, true, false, true},
        {{"@ann"}, {NULL}, {NULL}, {NULL}, true, false, false, true},
        {{"staff"}, {NULL}, {NULL}, {NULL}, true, false, false, true},
        {{"ann"}, {"@staff"}, {NULL}, {NULL}, true, false, false, true},
        {{NULL}, {NULL}, {"ann"}, {NULL}, false, true, false, false},
        {{NULL}, {NULL}, {"@staff"}, {"ann"}, false, true, true, true},
        {{NULL}, {NULL}, {NULL}, {"@staff"}, false, true, true, true},
        {{NULL}, {NULL}, {"bob"}, {"bob"}, false, true, false, true},
    };
    struct vfs_token *t = ann(0);
    REQUIRE(t);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smb_admission a = {.has_valid = rows[i].has_valid,
                                  .valid = list_of(rows[i].valid),
                                  .invalid = list_of(rows[i].invalid),
                                  .reads = list_of(rows[i].reads),
                                  .writes = list_of(rows[i].writes)};
        struct smb_admission copy;
        test_context("row %zu", i);
        REQUIRE(smb_admission_copy(&copy, &a));
        smb_admission_fini(&a);
        CHECK_INT(smb_admission_admits(&copy, t), rows[i].admits);
        CHECK_INT(smb_admission_may_write(&copy, t, true), rows[i].writes_to_read_only);
        CHECK_INT(smb_admission_may_write(&copy, t, false), rows[i].writes_to_other);
        smb_admission_fini(&copy);
    }
    vfs_token_unref(t);
}

/* A guest may call himself as he likes: no list means him. */
static void test_guests(void)
{
    struct vfs_token *t = ann(SMBKIT_WHO_GUEST);
    REQUIRE(t);
    struct smb_admission a = {.writes = list_of((const char *const[WORDS_MAX]){"ann", "@staff"})};
    CHECK(!smb_admission_may_write(&a, t, true));
    CHECK(smb_admission_may_write(&a, t, false));
    smb_admission_fini(&a);
    vfs_token_unref(t);
}

static const struct test_case cases[] = {
    {"hosts", test_hosts}, {"users and groups", test_users}, {"guests", test_guests}};
TEST_MAIN(cases)
