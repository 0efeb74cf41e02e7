/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "vfs/token.h"

static const uint32_t machine[3] = {1, 2, 3};

static const struct {
    const char *name;
    uint32_t flags;
    const char *user;
    const char *groups[6];
} rows[] = {
    {"user",
     0,
     "S-1-5-21-1-2-3-1001",
     {"S-1-5-21-1-2-3-513", "S-1-1-0", "S-1-5-2", "S-1-5-32-545", "S-1-5-11"}},
    {"guest",
     SMBKIT_WHO_GUEST,
     "S-1-5-21-1-2-3-1001",
     {"S-1-5-21-1-2-3-514", "S-1-1-0", "S-1-5-2", "S-1-5-32-546"}},
    {"anonymous", SMBKIT_WHO_ANONYMOUS, "S-1-5-7", {"S-1-5-7", "S-1-1-0", "S-1-5-2"}},
};

static void check_sid(const struct sid *sid, const char *want)
{
    char text[SID_STR_MAX];
    sid_to_str(sid, text);
    CHECK_STR(text, want);
}

static void test_sids(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_token_spec spec = {.user = "ann",
                                      .domain = "D",
                                      .client_address = "192.0.2.1",
                                      .rid = 1001,
                                      .flags = rows[i].flags,
                                      .machine_sid = machine};
        struct vfs_token *t = vfs_token_new(&spec);
        test_context("%s", rows[i].name);
        REQUIRE(t);
        check_sid(&t->user, rows[i].user);
        check_sid(&t->primary_group, rows[i].groups[0]);
        for (uint32_t g = 0; g < t->group_count; g++) {
            check_sid(&t->groups[g].sid, rows[i].groups[g]);
            CHECK(token_has_sid(t, &t->groups[g].sid));
        }
        CHECK(!rows[i].groups[t->group_count]);
        CHECK(token_has_sid(t, &t->user));
        CHECK(!token_has_sid(t, &(struct sid){.revision = 1}));
        CHECK_INT(t->privileges, 0);
        vfs_token_unref(t);
    }
}

static void test_identity(void)
{
    char user[] = "ann";
    struct vfs_token *t = vfs_token_new(&(struct vfs_token_spec){.user = user, .rid = 7});
    REQUIRE(t);
    user[0] = 'X';
    const struct smbkit_identity *who = vfs_token_identity_get(vfs_token_ref(t));
    vfs_token_unref(t);
    CHECK_STR(who->user, "ann");
    CHECK_STR(who->domain, "");
    CHECK_STR(who->client_address, "");
    CHECK_INT(who->rid, 7);
    CHECK_INT(who->struct_size, sizeof(*who));
    uint8_t want[32];
    size_t len = test_hex(want, sizeof(want),
                          "0105 000000000005 15000000 00000000 00000000 00000000 07000000");
    CHECK_MEM(who->sid, who->sid_len_bytes, want, len);
    CHECK(who->session_id == 0 && who->client_id == 0);
    vfs_token_unref(t);
}

/* What plugins see of the groups, and of where the user sits. */
static void test_groups_and_client(void)
{
    const uint32_t rids[] = {4000, 4001};
    const struct vfs_token_spec spec = {.user = "ann",
                                        .rid = 7,
                                        .machine_sid = machine,
                                        .group_rids = rids,
                                        .group_rid_count = ARRAY_LEN(rids),
                                        .session_id = 5,
                                        .client_id = 6};
    struct vfs_token *t = vfs_token_new(&spec);
    REQUIRE(t);
    const struct smbkit_identity *who = vfs_token_identity_get(t);
    CHECK(who->session_id == 5 && who->client_id == 6);
    CHECK_INT(who->group_count, t->group_count);
    for (uint32_t i = 0; i < who->group_count; i++) {
        struct cur c = cur_init(who->groups[i].base, who->groups[i].len);
        struct sid sid;
        CHECK(sid_parse(&c, &sid) && sid_eq(&sid, &t->groups[i].sid));
    }
    const struct sid own = sid_machine(machine, 4001);
    CHECK(token_has_sid(t, &own));
    CHECK(vfs_token_is_in_group(t, 4000) && !vfs_token_is_in_group(t, 7));
    CHECK(vfs_token_has_groups(t, (uint32_t[]){4001, 4000}, 2));
    CHECK(!vfs_token_has_groups(t, rids, 1));
    CHECK(!vfs_token_has_groups(t, (uint32_t[]){4001, 4000, 4002}, 3));
    vfs_token_unref(t);
    /* Nobody is his own primary group: not said twice. */
    t = vfs_token_new(&(struct vfs_token_spec){.user = "", .flags = SMBKIT_WHO_ANONYMOUS});
    REQUIRE(t);
    who = vfs_token_identity_get(t);
    CHECK_INT(who->group_count, t->group_count - 1);
    vfs_token_unref(t);
}

static void test_no_memory(void)
{
    for (uint64_t n = 1; n <= 7; n++) {
        mem_fail_nth(n);
        struct vfs_token *t = vfs_token_new(&(struct vfs_token_spec){.user = "a"});
        CHECK(mem_fail_happened());
        mem_fail_nth(0);
        CHECK(!t);
    }
}

static const struct test_case cases[] = {{"sids", test_sids},
                                         {"identity", test_identity},
                                         {"groups and client", test_groups_and_client},
                                         {"no memory", test_no_memory}};
TEST_MAIN(cases)
