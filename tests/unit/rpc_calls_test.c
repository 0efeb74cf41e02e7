/* SPDX-License-Identifier: Apache-2.0 */
/* Every method, by golden stubs; then the same stubs cut, bent and starved of memory. */
#include "base/mem.h"
#include "rpc_client.h"
#include "base/str.h"
#include "rpc_golden.h"
#include "rpc_golden_lsa.h"
#include "rpc_golden_samr.h"

#define FRAG 4280

static const struct rpc_caller *caller(char who)
{
    return who == 'a' ? &fixture_admin : who == 'u' ? &fixture_user : &fixture_anonymous;
}

#define GOLDENS (ARRAY_LEN(golden) + ARRAY_LEN(golden_lsa) + ARRAY_LEN(golden_samr))

static const struct golden *golden_at(size_t i)
{
    size_t lsa = ARRAY_LEN(golden);
    size_t samr = lsa + ARRAY_LEN(golden_lsa);
    return i < lsa ? &golden[i] : i < samr ? &golden_lsa[i - lsa] : &golden_samr[i - samr];
}

/* What opens the handles that the golden stubs have. */
static const struct opening {
    char pipe;
    uint16_t opnum;
    const char *stub;
} openings[] = {
    /* LsarOpenPolicy2 of a server without a name. */
    {'l', 44, "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002"},
    /* 1: SamrConnect2; 2, 3: SamrOpenDomain of the machine and of BUILTIN; 4: SamrOpenUser. */
    {'s', 57, "00000000 00000002"},
    {'s', 7,
     "00000000 01000000 00000000 00000000 00000000 00000002 04000000 01040000 00000005 15000000"
     "01000000 02000000 03000000"},
    {'s', 7,
     "00000000 01000000 00000000 00000000 00000000 00000002 01000000 01010000 00000005 20000000"},
    {'s', 34, "00000000 02000000 00000000 00000000 00000000 00000002 e9030000"},
};

static void open_on(struct rpc_pipe *p, const struct opening *o)
{
    uint8_t stub[64];
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_request(&w, 3, o->opnum, stub, test_hex(stub, sizeof(stub), o->stub));
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    struct client_reply r = client_reply_read(p, FRAG);
    CHECK_INT(r.stub.len, 24);
    wr_fini(&r.stub);
    wr_fini(&w);
}

/* Connected; with the handles open that its golden stubs have. */
static struct rpc_pipe *connect_for(const struct golden *g)
{
    struct rpc_pipe *p = client_connect(g->pipe, caller(g->who), FRAG);
    char pipe = str_eq(g->pipe, "samr") ? 's' : g->pipe[0] == 'l' ? 'l' : 0;
    for (size_t i = 0; i < ARRAY_LEN(openings) && g->who != 'n'; i++) {
        if (openings[i].pipe == pipe) {
            open_on(p, &openings[i]);
        }
    }
    return p;
}

static void golden_replies(void)
{
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = golden_at(i);
        uint8_t stub[2048];
        uint8_t want[4096];
        test_context("%s", g->name);
        size_t n = test_hex(stub, sizeof(stub), g->request);
        size_t want_len = test_hex(want, sizeof(want), g->reply);
        struct rpc_pipe *p = connect_for(g);
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        client_request(&w, 3, g->opnum, stub, n);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        struct client_reply r = client_reply_read(p, FRAG);
        CHECK_INT(r.fault, g->fault);
        CHECK_MEM(r.stub.base, r.stub.len, want, want_len);
        CHECK_INT(r.fragments, 1);
        wr_fini(&r.stub);
        wr_fini(&w);
        rpc_pipe_free(p);
    }
}

/* One call with a stub; whatever it is, the pipe must answer once and stay usable. */
static uint32_t call_on(struct rpc_pipe *p, uint16_t opnum, const uint8_t *stub, size_t n)
{
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_request(&w, 3, opnum, stub, n);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    wr_fini(&w);
    struct client_reply r = client_reply_read(p, FRAG);
    CHECK_INT(r.fragments, 1);
    CHECK((r.fault != 0) == (r.stub.len == 0));
    wr_fini(&r.stub);
    return r.fault;
}

/* A stub that ends early is malformed; a request whose level is not known has no more to parse. */
static void truncated_stubs(void)
{
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = golden_at(i);
        uint8_t stub[2048];
        size_t len = test_hex(stub, sizeof(stub), g->request);
        struct rpc_pipe *p = connect_for(g);
        for (size_t n = 0; n < len; n++) {
            test_context("%s cut to %zu", g->name, n);
            uint32_t fault = call_on(p, g->opnum, stub, n);
            bool is_bad_handle = g->fault == 0x1c00001a && n >= 20; /* it came whole */
            CHECK_INT(fault,
                      is_bad_handle || (g->fault && g->fault != 0x1c00001a) ? g->fault : 0x6f7);
        }
        rpc_pipe_free(p);
    }
}

static void mutated_stubs(void)
{
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = golden_at(i);
        uint8_t stub[2048];
        size_t len = test_hex(stub, sizeof(stub), g->request);
        struct rpc_pipe *p = connect_for(g);
        for (size_t at = 0; at < len; at++) {
            uint8_t was = stub[at];
            for (unsigned v = 0; v < 256; v++) {
                test_context("%s byte %zu = %u", g->name, at, v);
                stub[at] = (uint8_t)v;
                uint32_t fault = call_on(p, g->opnum, stub, len);
                CHECK(fault == 0 || fault == 0x6f7 || fault == g->fault || fault == 0x1c00001a);
            }
            stub[at] = was;
        }
        rpc_pipe_free(p);
    }
}

/* The nth allocation fails, for every n until none is left to fail. */
static void no_memory(void)
{
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = golden_at(i);
        uint8_t stub[2048];
        uint8_t buf[8192];
        size_t len = test_hex(stub, sizeof(stub), g->request);
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        client_request(&w, 3, g->opnum, stub, len);
        bool has_happened = true;
        for (unsigned nth = 1; has_happened; nth++) {
            test_context("%s, allocation %u", g->name, nth);
            struct rpc_pipe *p = connect_for(g);
            mem_fail_nth(nth);
            smbkit_status status = rpc_pipe_write(p, w.base, w.len);
            has_happened = mem_fail_happened();
            mem_fail_nth(0);
            size_t n = client_read(p, buf, sizeof(buf));
            CHECK(status == SMBKIT_STATUS_SUCCESS ||
                  status == SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
            CHECK((status == SMBKIT_STATUS_SUCCESS) == (n > 0));
            CHECK(!has_happened || n == 0 || buf[2] == 3);
            rpc_pipe_free(p);
        }
        wr_fini(&w);
    }
    struct rpc_pipe *p;
    mem_fail_nth(1);
    CHECK_INT(rpc_pipe_new("srvsvc", &fixture_env, &fixture_user, &p),
              SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK(p == NULL);
    mem_fail_nth(0);
}

/* A share name of 4096 UTF-16 units with its NUL, one less and one more; over several fragments. */
static void string_limit(void)
{
    for (uint32_t units = 4095; units <= 4097; units++) {
        struct wr stub = wr_new(CLIENT_BYTES_MAX);
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        struct rpc_pipe *p = client_connect("srvsvc", &fixture_user, FRAG);
        test_context("%u units", units);
        wr_u32(&stub, 0); /* no server name */
        wr_u32(&stub, units);
        wr_u32(&stub, 0);
        wr_u32(&stub, units);
        for (uint32_t i = 1; i < units; i++) {
            wr_u16(&stub, 'x');
        }
        wr_u16(&stub, 0);
        wr_align(&stub, 0, 4);
        wr_u32(&stub, 1); /* level */
        client_request(&w, 1, 16, stub.base, 4096);
        client_request(&w, 0, 16, stub.base + 4096, 4000);
        client_request(&w, 2, 16, stub.base + 8096, stub.len - 8096);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        struct client_reply r = client_reply_read(p, FRAG);
        CHECK_INT(r.fault, units > 4096 ? 0x6f7 : 0);
        CHECK_INT(r.stub.len, units > 4096 ? 0 : 12);
        wr_fini(&r.stub);
        wr_fini(&stub);
        wr_fini(&w);
        rpc_pipe_free(p);
    }
}

/* --- a server with many shares --- */

#define MANY 3000

static void many_each(void *arg, const struct rpc_caller *who, rpc_share_cb cb, void *cb_arg)
{
    char name[32];
    for (int i = 0; i < *(int *)arg; i++) {
        snprintf(name, sizeof(name), "share%05d", i);
        if (!cb(cb_arg, &(struct rpc_share){.name = name, .comment = "some text about it"})) {
            return;
        }
    }
}

static const char enum_level1[] = "00000000 01000000 01000000 01000000 00000000 00000000";

static struct client_reply enum_many(struct rpc_pipe *p, uint32_t pref, uint32_t resume,
                                     size_t max_recv)
{
    struct wr stub = wr_new(CLIENT_BYTES_MAX);
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_hex(&stub, enum_level1);
    wr_u32(&stub, pref);
    wr_u32(&stub, 1);
    wr_u32(&stub, resume);
    client_request(&w, 3, 15, stub.base, stub.len);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    wr_fini(&w);
    wr_fini(&stub);
    return client_reply_read(p, max_recv);
}

static uint32_t le32(const uint8_t *p)
{
    struct cur c = cur_init(p, 4);
    return cur_u32(&c);
}

static struct rpc_pipe *open_many(struct rpc_env *env, int *count, uint16_t max_recv)
{
    struct rpc_pipe *p;
    uint8_t buf[8192];
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    *env = fixture_env;
    env->arg = count;
    env->shares_each = many_each;
    CHECK_INT(rpc_pipe_new("srvsvc", env, &fixture_user, &p), SMBKIT_STATUS_SUCCESS);
    client_bind(&w, 11, client_srvsvc, max_recv);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    CHECK(client_read(p, buf, sizeof(buf)) > 0);
    wr_fini(&w);
    return p;
}

/* A reply of many fragments, at different sizes of them: the same stub. */
static void long_reply(void)
{
    static const struct {
        uint16_t offered;
        uint16_t used;
    } sizes[] = {{0, 1432}, {1431, 1432}, {1432, 1432}, {2049, 2049}, {4280, 4280}, {65535, 4280}};
    struct wr first = {0};
    int count = MANY;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rpc_env env;
        test_context("max_recv %u", sizes[i].offered);
        struct rpc_pipe *p = open_many(&env, &count, sizes[i].offered);
        struct client_reply r = enum_many(p, 0xffffffff, 0, sizes[i].used);
        size_t room = (size_t)(sizes[i].used - 24) / 8 * 8;
        CHECK_INT(r.fragments, (r.stub.len + room - 1) / room);
        CHECK_INT(le32(r.stub.base + 12), MANY);
        if (i == 0) {
            first = r.stub;
        } else {
            CHECK_MEM(r.stub.base, r.stub.len, first.base, first.len);
            wr_fini(&r.stub);
        }
        rpc_pipe_free(p);
    }
    wr_fini(&first);
}

/* Pages put together are the whole list, whatever their size; and a client that asks for all of a
 * list too long for one reply gets pages too. */
static void resumed(void)
{
    static const struct {
        uint32_t pref;
        int count;
    } rows[] = {{100, 40}, {101, 40}, {4096, MANY}, {0x7fffffff, MANY}, {0xffffffff, 60000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rpc_env env;
        int count = rows[i].count;
        uint32_t resume = 0;
        uint32_t seen = 0;
        uint32_t result;
        test_context("pages of %u of %d", rows[i].pref, rows[i].count);
        struct rpc_pipe *p = open_many(&env, &count, FRAG);
        do {
            struct client_reply r = enum_many(p, rows[i].pref, resume, FRAG);
            REQUIRE(r.fault == 0 && r.stub.len >= 44);
            CHECK(r.stub.len <= RPC_REPLY_STUB_BYTES_MAX);
            const uint8_t *end = r.stub.base + r.stub.len;
            CHECK_INT(le32(end - 16), (uint32_t)count - seen);
            uint32_t got = le32(r.stub.base + 12);
            REQUIRE(got > 0);
            seen += got;
            resume = le32(end - 8);
            result = le32(end - 4);
            CHECK_INT(resume, result == 234 ? seen : 0);
            wr_fini(&r.stub);
        } while (result == 234);
        CHECK_INT(result, 0);
        CHECK_INT(seen, count);
        rpc_pipe_free(p);
    }
}

static uint64_t clock_now;
static uint64_t clock_get(void *arg)
{
    return clock_now;
}

static uint32_t year_of(uint64_t now, uint32_t *month_r, uint32_t *day_r, uint32_t *weekday_r)
{
    struct rpc_env env = fixture_env;
    struct rpc_pipe *p;
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    clock_now = now;
    env.now = clock_get;
    CHECK_INT(rpc_pipe_new("srvsvc", &env, &fixture_user, &p), SMBKIT_STATUS_SUCCESS);
    client_bind(&w, 11, client_srvsvc, FRAG);
    client_request(&w, 3, 28, (const uint8_t *)"\0\0\0\0", 4);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    wr_fini(&w);
    uint8_t buf[8192];
    (void)client_read(p, buf, sizeof(buf));
    CHECK_INT(client_read(p, buf, sizeof(buf)), 24 + 4 + 48 + 4);
    const uint8_t *tod = buf + 24 + 4;
    *day_r = le32(tod + 32);
    *month_r = le32(tod + 36);
    *weekday_r = le32(tod + 44);
    uint32_t year = le32(tod + 40);
    rpc_pipe_free(p);
    return year;
}

static void calendar(void)
{
    static const struct {
        int64_t unix_day;
        uint32_t year, month, day, weekday;
    } rows[] = {
        {-134774, 1601, 1, 1, 1}, {0, 1970, 1, 1, 4},      {10956, 1999, 12, 31, 5},
        {11016, 2000, 2, 29, 2},  {11017, 2000, 3, 1, 3},  {11322, 2000, 12, 31, 0},
        {11323, 2001, 1, 1, 1},   {19782, 2024, 2, 29, 4}, {20453, 2025, 12, 31, 3},
        {47540, 2100, 2, 28, 0},  {47541, 2100, 3, 1, 1},  {20088, 2024, 12, 31, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t month, day, weekday;
        test_context("day %lld", (long long)rows[i].unix_day);
        uint64_t now = (uint64_t)(rows[i].unix_day + 134774) * 86400 * FILETIME_PER_SEC;
        CHECK_INT(year_of(now, &month, &day, &weekday), rows[i].year);
        CHECK_INT(month, rows[i].month);
        CHECK_INT(day, rows[i].day);
        CHECK_INT(weekday, rows[i].weekday);
    }
}

/* A server layer that tells nothing at all. */
static void empty_environment(void)
{
    static const struct rpc_env none = {0};
    static const struct rpc_caller nobody = {.is_admin = true};
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *g = golden_at(i);
        struct rpc_pipe *p;
        uint8_t stub[2048];
        uint8_t buf[8192];
        test_context("%s", g->name);
        size_t len = test_hex(stub, sizeof(stub), g->request);
        struct wr w = wr_new(CLIENT_BYTES_MAX);
        CHECK_INT(rpc_pipe_new(g->pipe, &none, &nobody, &p), SMBKIT_STATUS_SUCCESS);
        client_bind(&w, 11, g->pipe[0] == 's' ? client_srvsvc : client_wkssvc, FRAG);
        client_request(&w, 3, g->opnum, stub, len);
        CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
        CHECK(client_read(p, buf, sizeof(buf)) > 0);
        CHECK(client_read(p, buf, sizeof(buf)) > 0);
        wr_fini(&w);
        rpc_pipe_free(p);
    }
}

static const struct test_case cases[] = {
    {"golden replies", golden_replies},       {"truncated stubs", truncated_stubs},
    {"mutated stubs", mutated_stubs},         {"no memory", no_memory},
    {"string limit", string_limit},           {"long reply", long_reply},
    {"resumed enumeration", resumed},         {"calendar", calendar},
    {"empty environment", empty_environment},
};
TEST_MAIN(cases)
