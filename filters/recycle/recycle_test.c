/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_test.h"
#include "recycle_name.h"
#include "recycle_sd.h"

const struct smbkit_plugin *smbkit_static_recycle(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

struct stack {
    struct pt mem;
    struct smbkit_next next;
    struct pt t;
};

static bool start(struct stack *s, const char *arg)
{
    const char *args[] = {arg, NULL};
    if (!SMBKIT_OK(pt_open_volume(&s->mem, smbkit_static_mem(&pt_api), NULL, NULL))) {
        return false;
    }
    s->next = (struct smbkit_next){s->mem.p, s->mem.v, s->mem.features};
    return SMBKIT_OK(pt_open_volume(&s->t, smbkit_static_recycle(&pt_api), args, &s->next));
}

static void stop(struct stack *s)
{
    pt_close_volume(&s->t);
    pt_close_volume(&s->mem);
}

static smbkit_status drop(struct stack *s, const char *path)
{
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    void *f = pt_new(&s->t, path);
    smbkit_status st = s->t.p->remove(s->t.v, &s->t.op, f, &a);
    pt_close(&s->t, f);
    return st;
}

/* More than the bound of one name: the last copy is replaced. */
static void test_many(void)
{
    struct stack s;
    REQUIRE(start(&s, "repository=bin"));
    for (int i = 0; i < 103; i++) {
        CHECK_INT(drop(&s, "a"), 0);
    }
    CHECK_INT(pt_try(&s.t, "a"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_try(&s.t, "bin/a"), 0);
    CHECK_INT(pt_try(&s.t, "bin/Copy #1 of a"), 0);
    CHECK_INT(pt_try(&s.t, "bin/Copy #100 of a"), 0);
    CHECK_INT(pt_try(&s.t, "bin/Copy #101 of a"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    stop(&s);
}

/* Nothing is done in a call that must not wait. */
static void test_nowait(void)
{
    struct stack s;
    REQUIRE(start(&s, NULL));
    s.t.op.flags = SMBKIT_OP_NOWAIT;
    CHECK_INT(drop(&s, "a"), SMBKIT_STATUS_WOULD_BLOCK);
    s.t.op.flags = 0;
    CHECK_INT(pt_try(&s.t, "a"), 0);
    CHECK_INT(pt_try(&s.t, ".recycle"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    stop(&s);
}

/* A name that no user's folder can have, and nobody in particular. */
static void test_users(void)
{
    static const struct {
        const char *user, *folder;
    } rows[] = {{"a/b\\c:d", "a+b+c+d"}, {"..", ".+"},     {".", "+"},    {"x ", "x+"},
                {"bob.", "bob+"},        {"bob_", "bob_"}, {"", "nobody"}};
    struct stack s;
    REQUIRE(start(&s, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[64];
        const struct smbkit_identity who = {.struct_size = sizeof(who), .user = rows[i].user};
        const struct smbkit_identity *before = s.t.op.who;
        s.t.op.who = &who;
        CHECK_INT(drop(&s, "f"), 0);
        s.t.op.who = before;
        snprintf(path, sizeof(path), ".recycle/%s/f", rows[i].folder);
        test_context("%s", path);
        CHECK_INT(pt_try(&s.t, path), 0);
    }
    stop(&s);
}

#define SID_OF(rid)                                                                                \
    {                                                                                              \
        1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, rid, 0, 0, 0                                          \
    }
static const uint8_t alice_sid[] = SID_OF(1);
static const uint8_t mallory_sid[] = SID_OF(2);
static const struct smbkit_identity alice = {.struct_size = sizeof(alice),
                                             .user = "alice",
                                             .sid = alice_sid,
                                             .sid_len_bytes = sizeof(alice_sid)};
static const struct smbkit_identity mallory = {.struct_size = sizeof(mallory),
                                               .user = "mallory",
                                               .sid = mallory_sid,
                                               .sid_len_bytes = sizeof(mallory_sid)};

static bool start_as_alice(struct stack *s, const char *arg)
{
    bool is_good = start(s, arg);
    s->t.op.who = &alice;
    return is_good;
}

static bool is_there(struct stack *s, const char *path)
{
    return SMBKIT_OK(pt_try(&s->mem, path));
}

/* A file in d cannot be removed, and stays. */
static void check_refused(struct stack *s)
{
    unsigned lines = fake_log_count;
    CHECK_INT(drop(s, "d/a"), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK(is_there(s, "d/a"));
    CHECK_INT(fake_log_count, lines + 1);
    CHECK(strstr(fake_log_line, "not removed") != NULL);
    CHECK_INT(pt_remove(&s->mem, "d/a"), 0);
}

static void test_file_in_the_way(void)
{
    struct stack s;
    REQUIRE(start_as_alice(&s, NULL));
    pt_mkdir(&s.mem, "d");
    pt_close(&s.mem, pt_new(&s.mem, ".recycle"));
    check_refused(&s);
    CHECK_INT(pt_remove(&s.mem, ".recycle"), 0);
    pt_mkdir(&s.mem, ".recycle");
    pt_close(&s.mem, pt_new(&s.mem, ".recycle/alice"));
    check_refused(&s);
    CHECK_INT(pt_remove(&s.mem, ".recycle/alice"), 0);
    CHECK_INT(drop(&s, "d/a"), 0);
    CHECK(is_there(&s, ".recycle/alice/d/a"));
    stop(&s);
}

/* What was a file once is a folder now. */
static void test_file_in_the_tree(void)
{
    struct stack s;
    REQUIRE(start_as_alice(&s, NULL));
    CHECK_INT(drop(&s, "d"), 0);
    pt_mkdir(&s.mem, "d");
    CHECK_INT(drop(&s, "d/a"), 0);
    CHECK(is_there(&s, ".recycle/alice/a"));
    CHECK_INT(drop(&s, "d/d"), 0);
    CHECK(is_there(&s, ".recycle/alice/Copy #1 of d"));
    stop(&s);
}

static void make_link(struct stack *s, const char *path)
{
    static const uint8_t data[8] = {0x0c, 0, 0, 0xa0};
    const struct smbkit_set_reparse a = {
        .struct_size = sizeof(a), .tag = 0xa000000c, .data = {data, sizeof(data)}};
    pt_mkdir(&s->mem, path);
    void *f = pt_any(&s->mem, path);
    CHECK_INT(s->mem.p->set_reparse(s->mem.v, &s->mem.op, f, &a), 0);
    pt_close(&s->mem, f);
}

static void test_link(void)
{
    static const char *const parts[] = {".recycle", ".recycle/alice"};
    for (size_t i = 0; i < 2; i++) {
        struct stack s;
        test_context("%s", parts[i]);
        REQUIRE(start_as_alice(&s, NULL));
        pt_mkdir(&s.mem, "d");
        if (i > 0) {
            pt_mkdir(&s.mem, parts[0]);
        }
        make_link(&s, parts[i]);
        check_refused(&s);
        stop(&s);
    }
}

static void put_descriptor(struct stack *s, const char *path, const uint8_t *sd, uint32_t len)
{
    pt_mkdir(&s->mem, path);
    void *f = pt_any(&s->mem, path);
    CHECK_INT(len > 0 ? pt_set_security(&s->mem, f, sd, len) : 0, 0);
    pt_close(&s->mem, f);
}

static bool is_safe(struct stack *s, const char *path, const struct smbkit_identity *who,
                    uint32_t refused)
{
    uint8_t sd[512];
    uint32_t len = 0;
    void *f = pt_any(&s->mem, path);
    smbkit_status st = pt_get_security(&s->mem, f, sd, sizeof(sd), &len);
    pt_close(&s->mem, f);
    return SMBKIT_OK(st) && recycle_sd_is_safe(&(struct smbkit_bytes){sd, len}, who, refused);
}

#define EVERYTHING UINT32_MAX

/* New folders, and those that had no descriptor. */
static void test_descriptors(void)
{
    for (int had_some = 0; had_some < 2; had_some++) {
        struct stack s;
        test_context("%d", had_some);
        REQUIRE(start_as_alice(&s, NULL));
        pt_mkdir(&s.mem, "d");
        if (had_some) {
            pt_mkdir(&s.mem, ".recycle");
            pt_mkdir(&s.mem, ".recycle/alice");
            pt_mkdir(&s.mem, ".recycle/alice/d");
        }
        CHECK_INT(drop(&s, "d/a"), 0);
        CHECK(is_there(&s, ".recycle/alice/d/a"));
        CHECK(is_safe(&s, ".recycle", NULL, SMBKIT_WRITE_DATA | SMBKIT_DELETE_CHILD));
        CHECK(!is_safe(&s, ".recycle", NULL, SMBKIT_READ_DATA));
        CHECK(is_safe(&s, ".recycle/alice", &alice, EVERYTHING));
        CHECK(is_safe(&s, ".recycle/alice/d", &alice, EVERYTHING));
        CHECK(!is_safe(&s, ".recycle/alice", &mallory, EVERYTHING));
        stop(&s);
    }
}

/* Folders that somebody else made first. */
static void test_foreign(void)
{
    uint8_t own[RECYCLE_SD_SIZE];
    uint8_t hers[RECYCLE_SD_SIZE];
    uint8_t common[RECYCLE_SD_SIZE];
    uint32_t own_len = recycle_sd_own(&alice, own);
    uint32_t hers_len = recycle_sd_own(&mallory, hers);
    uint32_t common_len = recycle_sd_common(common);
    const struct {
        const char *repository, *path;
        const uint8_t *sd;
        uint32_t len;
        bool good;
    } rows[] = {
        {"repository=.recycle/%U", ".recycle", hers, hers_len, false},
        {"repository=.recycle/%U", ".recycle", common, common_len, true},
        {"repository=.recycle/%U", ".recycle/alice", hers, hers_len, false},
        {"repository=.recycle/%U", ".recycle/alice", common, common_len, false},
        {"repository=.recycle/%U", ".recycle/alice", own, own_len, true},
        {"repository=bin", "bin", hers, hers_len, false},
        {"repository=bin", "bin", common, common_len, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stack s;
        test_context("row %zu", i);
        REQUIRE(start_as_alice(&s, rows[i].repository));
        pt_mkdir(&s.mem, "d");
        if (strchr(rows[i].path, '/')) {
            pt_mkdir(&s.mem, ".recycle");
        }
        put_descriptor(&s, rows[i].path, rows[i].sd, rows[i].len);
        if (rows[i].good) {
            CHECK_INT(drop(&s, "d/a"), 0);
            CHECK(!is_there(&s, "d/a"));
        } else {
            check_refused(&s);
        }
        stop(&s);
    }
}

/* Mallory's in the tree, where all may make folders: it goes above that. */
static void test_foreign_tree(void)
{
    struct stack s;
    uint8_t hers[RECYCLE_SD_SIZE];
    uint32_t len = recycle_sd_own(&mallory, hers);
    REQUIRE(start_as_alice(&s, "repository=bin"));
    pt_mkdir(&s.mem, "d");
    pt_mkdir(&s.mem, "bin");
    put_descriptor(&s, "bin/d", hers, len);
    CHECK_INT(drop(&s, "d/a"), 0);
    CHECK(is_there(&s, "bin/a"));
    stop(&s);
}

/* Whatever is cut off or changed: no byte beyond it is read, and what is cut is not safe. */
static void test_broken_descriptor(void)
{
    uint8_t sd[RECYCLE_SD_SIZE];
    uint32_t len = recycle_sd_own(&alice, sd);
    CHECK_INT(recycle_sd_own(NULL, sd), 0);
    for (uint32_t n = 0; n <= len; n++) {
        uint8_t *part = malloc(n ? n : 1); /* for the sanitizer to know its end */
        memcpy(part, sd, n);
        test_context("%u bytes", n);
        CHECK_INT(recycle_sd_is_safe(&(struct smbkit_bytes){part, n}, &alice, EVERYTHING),
                  n == len);
        for (unsigned bit = 0; n == len && bit < len * 8; bit++) {
            part[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)recycle_sd_is_safe(&(struct smbkit_bytes){part, n}, &alice, EVERYTHING);
            part[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(part);
    }
    sd[2] = 0; /* no DACL: everything for everyone */
    CHECK(!recycle_sd_is_safe(&(struct smbkit_bytes){sd, len}, &alice, EVERYTHING));
}

/* Kept by whom no descriptors are: a folder is one. */
static void test_no_descriptors(void)
{
    struct stack s;
    REQUIRE(start(&s, NULL));
    pt_close_volume(&s.t);
    s.next.features = 0;
    REQUIRE(SMBKIT_OK(pt_open_volume(&s.t, smbkit_static_recycle(&pt_api), NULL, &s.next)));
    s.t.op.who = &alice;
    pt_mkdir(&s.mem, ".recycle");
    pt_mkdir(&s.mem, ".recycle/alice");
    CHECK_INT(drop(&s, "a"), 0);
    CHECK(is_there(&s, ".recycle/alice/a"));
    CHECK(!is_safe(&s, ".recycle", NULL, 0));
    stop(&s);
}

/* f is promised to go, as its open says it. */
static void ask(struct stack *s, void *f, const struct smbkit_identity *who)
{
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    s->t.op.who = who;
    CHECK_INT(s->t.p->check_remove(s->t.v, &s->t.op, f, &a), 0);
}

static void close_as(struct stack *s, void *f, const struct smbkit_identity *who)
{
    s->t.op.who = who;
    pt_close(&s->t, f);
}

static void remove_as(struct stack *s, void *f, const struct smbkit_identity *who)
{
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    s->t.op.who = who;
    CHECK_INT(s->t.p->remove(s->t.v, &s->t.op, f, &a), 0);
    pt_close(&s->t, f);
}

/* Alice removes what mallory closes last: it is in her folder. Her open is closed before, after, or
 * was the newest of two. */
static void test_remover(void)
{
    static const struct {
        const char *name, *kept;
        bool mallory_first, alice, mallory, closes_before;
    } rows[] = {
        {"closed before", ".recycle/alice/f", false, true, false, true},
        {"still there", ".recycle/alice/f", false, true, false, false},
        {"both", ".recycle/alice/f", true, true, true, true},
        {"both, still there", ".recycle/alice/f", true, true, true, false},
        {"nobody", ".recycle/mallory/f", false, false, false, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stack s;
        test_context("%s", rows[i].name);
        REQUIRE(start(&s, NULL));
        void *hers = pt_new(&s.t, "f");
        void *his = pt_any(&s.t, "f");
        void *other = pt_new(&s.t, "g");
        ask(&s, other, &mallory);
        if (rows[i].mallory) {
            ask(&s, his, &mallory);
        }
        if (rows[i].alice) {
            ask(&s, hers, &alice);
        }
        if (rows[i].closes_before) {
            close_as(&s, hers, &alice);
        }
        remove_as(&s, his, &mallory);
        if (!rows[i].closes_before) {
            close_as(&s, hers, &alice);
        }
        CHECK(is_there(&s, rows[i].kept));
        close_as(&s, other, &mallory);
        stop(&s);
    }
}

/* Mallory asks, and thinks better of it, which nobody tells; then alice asks, and closes first. By
 * names that differ in letters that are not ASCII, too. */
static void test_remover_withdrawn(void)
{
    static const struct {
        const char *mine, *hers, *kept;
    } rows[] = {{"f", "f", ".recycle/alice/f"},
                {"f", "F", ".recycle/alice/f"},
                {"\xc3\xa4", "\xc3\x84", ".recycle/alice/\xc3\xa4"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stack s;
        test_context("%s", rows[i].hers);
        REQUIRE(start(&s, NULL));
        void *his = pt_new(&s.t, rows[i].mine);
        void *hers = pt_any(&s.t, rows[i].hers);
        ask(&s, his, &mallory);
        ask(&s, hers, &alice);
        close_as(&s, hers, &alice);
        remove_as(&s, his, &mallory);
        CHECK(is_there(&s, rows[i].kept));
        stop(&s);
    }
}

/* One file, two names: each goes to whom it was asked of, however much later the other. */
static void test_remover_links(void)
{
    struct stack s;
    REQUIRE(start(&s, NULL));
    void *his = pt_new(&s.t, "f");
    void *before = pt_any(&s.t, "f"); /* when it had one name */
    void *below = pt_any(&s.mem, "f");
    CHECK_INT(pt_link_file(&s.mem, below, "g", 0), 0);
    pt_close(&s.mem, below);
    void *hers = pt_any(&s.t, "g");
    ask(&s, his, &mallory);
    ask(&s, hers, &alice);
    remove_as(&s, hers, &alice);
    close_as(&s, his, &mallory);
    remove_as(&s, before, &alice);
    CHECK(is_there(&s, ".recycle/alice/g"));
    CHECK(is_there(&s, ".recycle/mallory/f"));
    stop(&s);
}

/* What follows the file's name when it is renamed, and who asked last. */
static void test_remover_renamed(void)
{
    struct stack s;
    REQUIRE(start(&s, NULL));
    void *hers = pt_new(&s.t, "f");
    void *his = pt_any(&s.t, "f");
    ask(&s, hers, &mallory);
    ask(&s, hers, &alice);
    const struct smbkit_rename a = {.struct_size = sizeof(a), .new_path = "g"};
    CHECK_INT(s.t.p->rename(s.t.v, &s.t.op, his, &a), 0);
    close_as(&s, hers, &alice);
    remove_as(&s, his, &mallory);
    CHECK(is_there(&s, ".recycle/alice/g"));
    stop(&s);
}

static void repeat(char *out, const char *part, size_t count)
{
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(out, part);
    }
}

/* The longest that names may be, however it is cut. */
static void test_long_names(void)
{
    static const struct {
        const char *name, *part;
        size_t count;
        const char *tail, *kept_tail;
        size_t kept; /* parts */
    } rows[] = {
        {"short", "x", 3, ".txt", ".txt", 3},
        {"just fits", "x", 255 - 11 - 4, ".txt", ".txt", 255 - 11 - 4},
        {"one too many", "x", 255 - 10 - 4, ".txt", ".txt", 255 - 11 - 4},
        {"longest", "x", 251, ".txt", ".txt", 255 - 11 - 4},
        {"no extension", "x", 255, "", "", 255 - 11},
        {"a name that begins with a dot", ".", 1, "hidden", "hidden", 1},
        {"two bytes", "\xc3\xa9", 125, ".docx", ".docx", (255 - 11 - 5) / 2},
        {"four bytes", "\xf0\x9f\x98\x80", 62, ".docx", ".docx", (255 - 11 - 5) / 4},
        {"a dot far off", "x", 200, ".yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
         ".yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 200},
        {"blanks", " ", 254, "x", "_", 255 - 11 - 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char to[600] = "bin/";
        char expected[600] = "bin/Copy #1 of ";
        char out[600];
        test_context("%s", rows[i].name);
        repeat(to + strlen(to), rows[i].part, rows[i].count);
        strcat(to, rows[i].tail);
        repeat(expected + strlen(expected), rows[i].part, rows[i].kept);
        strcat(expected, rows[i].kept_tail);
        CHECK(recycle_copy_name(to, 1, out, sizeof(out)));
        CHECK_STR(out, expected);
        CHECK(strlen(out) - 4 <= RECYCLE_NAME_MAX);
        CHECK(!recycle_copy_name(to, 1, out, strlen(expected)));
    }
}

static void test_args(void)
{
    static const struct {
        const char *arg;
        bool good;
    } rows[] = {
        {"repository=.recycle", true}, {"repository=a/b/%U/c", true}, {"repository=/a", false},
        {"repository=a/", false},      {"repository=a//b", false},    {"repository=../a", false},
        {"repository=a/..", false},    {"repository=%U", false},      {"repository=a:b", false},
        {"repository=", false},        {"maxsize=10M", true},         {"maxsize=x", false},
        {"keeptree=maybe", false},     {"exclude=/*.tmp/", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[] = {rows[i].arg, NULL};
        test_context("%s", rows[i].arg);
        bool good = SMBKIT_OK(pt_open_volume(&t, smbkit_static_recycle(&pt_api), args, NULL));
        CHECK_INT(good, rows[i].good);
        if (good) {
            pt_close_volume(&t);
        } else {
            CHECK(t.error[0] != '\0');
        }
    }
}

static const struct test_case cases[] = {
    {"many", test_many},
    {"NOWAIT", test_nowait},
    {"users", test_users},
    {"a file in the way", test_file_in_the_way},
    {"a file in the tree", test_file_in_the_tree},
    {"a link", test_link},
    {"descriptors", test_descriptors},
    {"a foreign folder", test_foreign},
    {"a foreign folder in the tree", test_foreign_tree},
    {"a broken descriptor", test_broken_descriptor},
    {"no descriptors", test_no_descriptors},
    {"who removes", test_remover},
    {"who removes what another did not", test_remover_withdrawn},
    {"who removes one of two names", test_remover_links},
    {"who removes what is renamed", test_remover_renamed},
    {"long names", test_long_names},
    {"arguments", test_args},
};

TEST_MAIN(cases)
