/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "vfs/secdesc.h"
#include "vfs/token.h"

static const uint32_t machine[3] = {10, 20, 30};

static struct vfs_token *make_token(uint32_t rid, uint32_t privileges)
{
    struct vfs_token *t =
        vfs_token_new(&(struct vfs_token_spec){.user = "u", .rid = rid, .machine_sid = machine});
    t->privileges = privileges;
    return t;
}

/* ---- access ---- */

struct rule {
    uint8_t type, flags;
    uint32_t mask;
    const char *who; /* me, other, everyone, owner-rights, creator, users */
};

static struct sid sid_named(const char *who)
{
    return !strcmp(who, "me")             ? sid_machine(machine, 1001)
           : !strcmp(who, "other")        ? sid_machine(machine, 1002)
           : !strcmp(who, "owner-rights") ? sid_owner_rights()
           : !strcmp(who, "creator")      ? sid_creator_owner()
           : !strcmp(who, "group")        ? sid_creator_group()
           : !strcmp(who, "users")        ? sid_builtin(545)
           : !strcmp(who, "domain")       ? sid_machine(machine, 513)
           : !strcmp(who, "system")       ? sid_system()
                                          : sid_everyone();
}

static struct secdesc make_sd(const char *owner, const struct rule *rules)
{
    struct secdesc sd = {.control = SD_DACL_PRESENT, .has_owner = true, .has_group = true};
    sd.owner = sid_named(owner);
    sd.group = sid_machine(machine, 513);
    sd.dacl = acl_new();
    for (; rules->who; rules++) {
        struct sid sid = sid_named(rules->who);
        CHECK(SMBKIT_OK(acl_add_plain(sd.dacl, rules->type, rules->flags, rules->mask, &sid)));
    }
    return sd;
}

#define READ 0x120089u
#define WRITE 0x120116u
#define ALLX 0x1f01ffu
#define MAXA SMBKIT_MAXIMUM_ALLOWED
#define DENIED ((smbkit_status)0xC0000022)

static const struct {
    const char *name, *owner;
    struct rule rules[4];
    uint32_t desired;
    smbkit_status want;
    uint32_t granted;
} checks[] = {
    {"everyone may read", "other", {{0, 0, READ, "everyone"}}, 1, 0, 1},
    {"and not write", "other", {{0, 0, READ, "everyone"}}, 2, DENIED, 0},
    {"generic right in the request", "other", {{0, 0, READ, "everyone"}}, 0x80000000u, 0, READ},
    {"generic right in the entry", "other", {{0, 0, 0x10000000, "me"}}, ALLX, 0, ALLX},
    {"for somebody else", "other", {{0, 0, ALLX, "other"}}, 1, DENIED, 0},
    {"by a group", "other", {{0, 0, ALLX, "users"}}, 1, 0, 1},
    {"denied first", "other", {{1, 0, 2, "me"}, {0, 0, ALLX, "everyone"}}, 2, DENIED, 0},
    {"denied first, the rest is fine",
     "other",
     {{1, 0, 2, "me"}, {0, 0, ALLX, "everyone"}},
     1,
     0,
     1},
    {"allowed first", "other", {{0, 0, ALLX, "everyone"}, {1, 0, 2, "me"}}, 2, 0, 2},
    {"inherit-only does not count", "other", {{0, 8, ALLX, "me"}}, 1, DENIED, 0},
    {"inherit-only denial does not count", "other", {{1, 8, 1, "me"}, {0, 0, 1, "me"}}, 1, 0, 1},
    {"owner reads and writes the DACL", "me", {{0}}, 0x60000, 0, 0x60000},
    {"owner no more than that", "me", {{0}}, 1, DENIED, 0},
    {"denial does not stop the owner", "me", {{1, 0, ALLX, "me"}}, 0x60000, 0, 0x60000},
    {"owner rights take it away", "me", {{0, 0, READ, "owner-rights"}}, 0x40000, DENIED, 0},
    {"owner rights give", "me", {{0, 0, READ, "owner-rights"}}, 1, 0, 1},
    {"owner rights are the owner's", "other", {{0, 0, READ, "owner-rights"}}, 1, DENIED, 0},
    {"maximum", "other", {{0, 0, READ, "everyone"}}, MAXA, 0, READ},
    {"maximum of the owner", "me", {{0, 0, 1, "everyone"}}, MAXA, 0, 0x60001},
    {"maximum with a denial",
     "other",
     {{1, 0, 1, "me"}, {0, 0, READ, "everyone"}},
     MAXA,
     0,
     READ & ~1u},
    {"maximum and more", "other", {{0, 0, READ, "everyone"}}, MAXA | 2, DENIED, 0},
    {"maximum and part of it", "other", {{0, 0, READ, "everyone"}}, MAXA | 1, 0, READ},
    {"maximum of nothing", "other", {{0}}, MAXA, DENIED, 0},
    {"empty DACL", "other", {{0}}, 1, DENIED, 0},
    {"nothing asked", "other", {{0}}, 0, 0, 0},
    {"security needs the privilege",
     "me",
     {{0, 0, 0xffffffff, "me"}},
     0x01000000,
     (smbkit_status)0xC0000061,
     0},
};

static void test_access(void)
{
    struct vfs_token *t = make_token(1001, 0);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct secdesc sd = make_sd(checks[i].owner, checks[i].rules);
        uint32_t granted = 77;
        test_context("%s", checks[i].name);
        CHECK_INT(sd_access_check(&sd, t, checks[i].desired, &granted), checks[i].want);
        CHECK_INT(granted, checks[i].granted);
        sd_fini(&sd);
    }
    vfs_token_unref(t);
}

static void test_access_specials(void)
{
    struct vfs_token *t = make_token(1001, TOKEN_CAN_TAKE_OWNERSHIP | TOKEN_CAN_SECURITY);
    struct secdesc none = make_sd("other", &(struct rule){0});
    uint32_t granted;
    CHECK_INT(sd_access_check(&none, t, SMBKIT_WRITE_OWNER, &granted), 0);
    CHECK_INT(sd_access_check(&none, t, SMBKIT_ACCESS_SYSTEM_SECURITY, &granted), 0);
    CHECK_INT(granted, SMBKIT_ACCESS_SYSTEM_SECURITY);
    CHECK_INT(sd_access_max(&none, t), SMBKIT_WRITE_OWNER);
    acl_free(none.dacl);
    none.dacl = NULL;
    CHECK_INT(sd_access_max(&none, t), ALLX);
    none.control = 0;
    CHECK_INT(sd_access_max(&none, t), ALLX);
    sd_fini(&none);
    /* An object entry's denial counts, its grant does not. */
    struct secdesc sd = make_sd("other", (const struct rule[]){{0, 0, READ, "everyone"}, {0}});
    uint8_t body[64];
    size_t len = test_hex(body, sizeof(body), "01000000 00000000 01 01 000000000001 00000000");
    struct ace object = {.type = 0x06, .opaque = body, .opaque_len = (uint16_t)len};
    struct acl *dacl = acl_new();
    CHECK(SMBKIT_OK(acl_add(dacl, &object)) && SMBKIT_OK(acl_add(dacl, &sd.dacl->aces[0])));
    acl_free(sd.dacl);
    sd.dacl = dacl;
    CHECK_INT(sd_access_max(&sd, t), (READ & ~1u) | SMBKIT_WRITE_OWNER);
    dacl->aces[0].type = 0x05;
    CHECK_INT(sd_access_max(&sd, t), READ | SMBKIT_WRITE_OWNER);
    sd_fini(&sd);
    vfs_token_unref(t);
}

/* ---- inheritance ---- */

#define OI ACE_FLAG_OBJECT_INHERIT
#define CI ACE_FLAG_CONTAINER_INHERIT
#define NP ACE_FLAG_NO_PROPAGATE
#define IO ACE_FLAG_INHERIT_ONLY
#define ID ACE_FLAG_INHERITED

static const struct {
    const char *name;
    uint16_t parent_control;
    struct rule parent[3];
    bool is_directory;
    struct rule want[4];
} inherits[] = {
    {"file: OI", 0, {{0, OI, READ, "users"}}, false, {{0, 0, READ, "users"}}},
    {"file: OI CI", 0, {{0, OI | CI, READ, "users"}}, false, {{0, 0, READ, "users"}}},
    {"file: OI IO", 0, {{0, OI | IO, READ, "users"}}, false, {{0, 0, READ, "users"}}},
    {"file: OI NP", 0, {{0, OI | NP, READ, "users"}}, false, {{0, 0, READ, "users"}}},
    {"file: CI alone: the default",
     0,
     {{0, CI, READ, "users"}},
     false,
     {{0, 0, ALLX, "me"}, {0, 0, ALLX, "system"}}},
    {"file: nothing inheritable: the default",
     0,
     {{0, 0, READ, "users"}},
     false,
     {{0, 0, ALLX, "me"}, {0, 0, ALLX, "system"}}},
    {"directory: CI", 0, {{0, CI, READ, "users"}}, true, {{0, CI, READ, "users"}}},
    {"directory: OI", 0, {{0, OI, READ, "users"}}, true, {{0, OI | IO, READ, "users"}}},
    {"directory: OI CI", 0, {{0, OI | CI, READ, "users"}}, true, {{0, OI | CI, READ, "users"}}},
    {"directory: CI IO", 0, {{0, CI | IO, READ, "users"}}, true, {{0, CI, READ, "users"}}},
    {"directory: OI CI NP", 0, {{0, OI | CI | NP, READ, "users"}}, true, {{0, 0, READ, "users"}}},
    {"directory: OI NP: the default",
     0,
     {{0, OI | NP, READ, "users"}},
     true,
     {{0, 0, ALLX, "me"}, {0, 0, ALLX, "system"}}},
    {"automatic: marked",
     SD_DACL_AUTO_INHERITED,
     {{0, OI | CI, READ, "users"}},
     true,
     {{0, OI | CI | ID, READ, "users"}}},
    {"not automatic: the mark goes",
     0,
     {{0, OI | CI | ID, READ, "users"}},
     true,
     {{0, OI | CI, READ, "users"}}},
    {"file: creator becomes the owner",
     0,
     {{0, OI, READ, "creator"}, {1, OI, WRITE, "group"}},
     false,
     {{0, 0, READ, "me"}, {1, 0, WRITE, "domain"}}},
    {"directory: creator, and again below",
     0,
     {{0, OI | CI | IO, READ, "creator"}},
     true,
     {{0, 0, READ, "me"}, {0, OI | CI | IO, READ, "creator"}}},
    {"directory: creator of files below",
     0,
     {{0, OI | IO, READ, "creator"}},
     true,
     {{0, OI | IO, READ, "creator"}}},
    {"directory: creator, not below",
     0,
     {{0, CI | NP, READ, "creator"}},
     true,
     {{0, 0, READ, "me"}}},
    {"file: generic is mapped", 0, {{0, OI, 0x80000000u, "users"}}, false, {{0, 0, READ, "users"}}},
    {"directory: generic is mapped, kept below",
     SD_DACL_AUTO_INHERITED,
     {{0, CI, 0x80000000u, "users"}},
     true,
     {{0, ID, READ, "users"}, {0, CI | IO | ID, 0x80000000u, "users"}}},
};

static void check_dacl(const struct acl *got, const struct rule *want)
{
    uint32_t n = 0;
    for (; want[n].who; n++) {
        REQUIRE(got && n < got->count);
        struct sid sid = sid_named(want[n].who);
        const struct ace *e = &got->aces[n];
        CHECK_INT(e->type, want[n].type);
        CHECK_INT(e->flags, want[n].flags);
        CHECK_INT(e->mask, want[n].mask);
        CHECK(sid_eq(&e->sid, &sid));
    }
    CHECK_INT(got->count, n);
}

static void test_inherit(void)
{
    struct vfs_token *t = make_token(1001, 0);
    for (size_t i = 0; i < ARRAY_LEN(inherits); i++) {
        struct secdesc parent = make_sd("other", inherits[i].parent);
        struct secdesc got;
        parent.control |= inherits[i].parent_control;
        struct sd_inherit_in in = {&parent, NULL, t, inherits[i].is_directory};
        test_context("%s", inherits[i].name);
        REQUIRE(sd_inherit(&in, &got) == SMBKIT_STATUS_SUCCESS);
        check_dacl(got.dacl, inherits[i].want);
        CHECK_INT(got.control, SD_DACL_PRESENT | inherits[i].parent_control);
        CHECK(sid_eq(&got.owner, &t->user) && sid_eq(&got.group, &t->primary_group));
        sd_fini(&got);
        sd_fini(&parent);
    }
    vfs_token_unref(t);
}

static const struct {
    const char *name;
    uint16_t parent_control, creator_control;
    struct rule creator[3];
    struct rule want[4];
    uint16_t control;
} creations[] = {
    {"creator alone", 0, 0, {{0, 0, WRITE, "users"}}, {{0, 0, WRITE, "users"}}, SD_DACL_PRESENT},
    {"with automatic inheritance: both",
     SD_DACL_AUTO_INHERITED,
     0,
     {{0, 0, WRITE, "users"}},
     {{0, 0, WRITE, "users"}, {0, OI | CI | ID, READ, "everyone"}},
     SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED},
    {"inherited entries are not taken over",
     SD_DACL_AUTO_INHERITED,
     0,
     {{0, ID, ALLX, "users"}, {0, 0, WRITE, "users"}},
     {{0, 0, WRITE, "users"}, {0, OI | CI | ID, READ, "everyone"}},
     SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED},
    {"protected: the creator's only",
     SD_DACL_AUTO_INHERITED,
     SD_DACL_PROTECTED,
     {{0, ID, ALLX, "users"}},
     {{0, ID, ALLX, "users"}},
     SD_DACL_PRESENT | SD_DACL_PROTECTED},
    {"empty protected: nobody",
     0,
     SD_DACL_PROTECTED,
     {{0}},
     {{0}},
     SD_DACL_PRESENT | SD_DACL_PROTECTED},
    {"defaulted: as if none",
     0,
     SD_DACL_DEFAULTED,
     {{0, 0, WRITE, "users"}},
     {{0, OI | CI, READ, "everyone"}},
     SD_DACL_PRESENT},
    {"generic and creator",
     0,
     0,
     {{0, 0, 0x10000000, "creator"}},
     {{0, 0, ALLX, "me"}},
     SD_DACL_PRESENT},
};

static void test_inherit_with_creator(void)
{
    static const struct rule parent_rules[] = {{0, OI | CI, READ, "everyone"}, {0}};
    struct vfs_token *t = make_token(1001, 0);
    for (size_t i = 0; i < ARRAY_LEN(creations); i++) {
        struct secdesc parent = make_sd("other", parent_rules);
        struct secdesc creator = make_sd("me", creations[i].creator);
        struct secdesc got;
        parent.control |= creations[i].parent_control;
        creator.control |= creations[i].creator_control;
        struct sd_inherit_in in = {&parent, &creator, t, true};
        test_context("%s", creations[i].name);
        REQUIRE(sd_inherit(&in, &got) == SMBKIT_STATUS_SUCCESS);
        check_dacl(got.dacl, creations[i].want);
        CHECK_INT(got.control, creations[i].control);
        sd_fini(&got);
        sd_fini(&creator);
        sd_fini(&parent);
    }
    vfs_token_unref(t);
}

static void test_inherit_refusals(void)
{
    struct vfs_token *t = make_token(1001, 0);
    struct secdesc creator = make_sd("other", &(struct rule){0});
    struct sd_inherit_in in = {NULL, &creator, t, false};
    struct secdesc got;
    CHECK_INT(sd_inherit(&in, &got), SMBKIT_STATUS_INVALID_OWNER);
    CHECK(!got.dacl);
    t->privileges = TOKEN_CAN_RESTORE;
    CHECK_INT(sd_inherit(&in, &got), SMBKIT_STATUS_SUCCESS);
    CHECK(sid_eq(&got.owner, &creator.owner));
    sd_fini(&got);
    creator.control |= SD_SACL_PRESENT;
    CHECK_INT(sd_inherit(&in, &got), SMBKIT_STATUS_PRIVILEGE_NOT_HELD);
    t->privileges |= TOKEN_CAN_SECURITY;
    CHECK_INT(sd_inherit(&in, &got), SMBKIT_STATUS_SUCCESS);
    sd_fini(&got);
    in.creator = NULL;
    CHECK_INT(sd_inherit(&in, &got), SMBKIT_STATUS_SUCCESS);
    check_dacl(got.dacl, (const struct rule[]){{0, 0, ALLX, "everyone"}, {0}});
    sd_fini(&got);
    sd_fini(&creator);
    vfs_token_unref(t);
}

/* ---- set and default ---- */

static void test_set(void)
{
    static const struct rule rules[] = {
        {0, 0, 0x80000000u, "users"}, {0, OI | IO, 0x80000000u, "users"}, {0}};
    struct vfs_token *t = make_token(1001, 0);
    struct secdesc stored = make_sd("other", &(struct rule){0});
    struct secdesc given = make_sd("me", rules);
    struct sid other = sid_named("other");
    given.group = sid_everyone();
    CHECK_INT(sd_set(&stored, &given, SD_DACL, t), 0);
    CHECK(sid_eq(&stored.owner, &other));
    check_dacl(stored.dacl, (const struct rule[]){
                                {0, 0, READ, "users"}, {0, OI | IO, 0x80000000u, "users"}, {0}});
    CHECK_INT(stored.control, SD_DACL_PRESENT);
    given.control = SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED;
    CHECK_INT(sd_set(&stored, &given, SD_DACL, t), 0);
    CHECK_INT(stored.control, SD_DACL_PRESENT);
    given.control |= SD_DACL_AUTO_INHERIT_REQ | SD_DACL_PROTECTED;
    CHECK_INT(sd_set(&stored, &given, SD_DACL, t), 0);
    CHECK_INT(stored.control, SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED | SD_DACL_PROTECTED);
    CHECK_INT(sd_set(&stored, &given, SD_DACL | SD_UNPROTECTED_DACL, t), 0);
    CHECK_INT(stored.control, SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED);
    CHECK_INT(sd_set(&stored, &given, SD_OWNER | SD_GROUP, t), 0);
    CHECK(sid_eq(&stored.owner, &t->user) && sid_eq(&stored.group, &given.group));
    given.owner = other;
    CHECK_INT(sd_set(&stored, &given, SD_GROUP | SD_OWNER, t), SMBKIT_STATUS_INVALID_OWNER);
    CHECK(sid_eq(&stored.owner, &t->user));
    t->privileges = TOKEN_CAN_RESTORE;
    CHECK_INT(sd_set(&stored, &given, SD_OWNER, t), 0);
    t->privileges = 0;
    CHECK_INT(sd_set(&stored, &given, SD_OWNER, t), 0); /* it is that already */
    given.has_owner = given.has_group = false;
    CHECK_INT(sd_set(&stored, &given, SD_OWNER, t), SMBKIT_STATUS_INVALID_OWNER);
    CHECK_INT(sd_set(&stored, &given, SD_GROUP, t), SMBKIT_STATUS_INVALID_SECURITY_DESCR);
    sd_fini(&given);
    CHECK_INT(sd_set(&stored, &given, SD_DACL, t), 0);
    CHECK(!stored.dacl && (stored.control & SD_DACL_PRESENT));
    sd_fini(&stored);
    vfs_token_unref(t);
}

static void test_defaults(void)
{
    static const struct {
        enum sd_default_kind kind;
        struct rule want[3];
    } rows[] = {
        {SD_OPEN, {{0, 0, ALLX, "everyone"}}},
        {SD_COMMON, {{0, 0, ALLX & ~0xc0040u, "everyone"}}},
        {SD_OWNED, {{0, 0, ALLX, "me"}, {0, 0, 0x1200a9, "everyone"}}},
        {SD_PRIVATE, {{0, 0, ALLX, "me"}}},
        {SD_READABLE, {{0, 0, 0x1200a9, "everyone"}}},
    };
    struct sid me = sid_named("me");
    struct sid group = sid_named("users");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct secdesc sd;
        test_context("row %zu", i);
        REQUIRE(SMBKIT_OK(sd_default(&sd, rows[i].kind, &me, &group)));
        check_dacl(sd.dacl, rows[i].want);
        CHECK(sid_eq(&sd.owner, &me) && sid_eq(&sd.group, &group));
        sd_fini(&sd);
    }
}

static const struct test_case cases[] = {
    {"access", test_access},
    {"access specials", test_access_specials},
    {"inherit", test_inherit},
    {"inherit with creator", test_inherit_with_creator},
    {"inherit refusals", test_inherit_refusals},
    {"set", test_set},
    {"defaults", test_defaults},
};
TEST_MAIN(cases)
