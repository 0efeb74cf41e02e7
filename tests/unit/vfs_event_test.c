/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins report, below two filters: who caused it, data or metadata, streams, ids. */
#include <smbkit/filter.h>

#include "vfs_fixture.h"

#define S(name) SMBKIT_STATUS_##name
#define CLIENTS 2u

/* ---- two filters ---- */

static uint64_t seen_client[2];
static uint64_t seen_session[2];
static unsigned filters_opened;

static smbkit_status filter_open(struct smbkit_volume_args *args, void **volume_r)
{
    filters_opened++;
    *volume_r = args->next;
    return S(SUCCESS);
}

static smbkit_status outer_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    seen_client[0] = op->who->client_id;
    seen_session[0] = op->who->session_id;
    return smbkit_next_create(volume, op, how);
}

static smbkit_status inner_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    seen_client[1] = op->who->client_id;
    seen_session[1] = op->who->session_id;
    return smbkit_next_create(volume, op, how);
}

/* What the layer lets clients cache, and the answer of its call. */
static uint32_t may_cache = 7;
static smbkit_status cache_status;
static uint32_t cache_asked;

static smbkit_status inner_cache(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_cache *a)
{
    (void)volume;
    (void)op;
    (void)file;
    cache_asked = a->state;
    a->state &= may_cache;
    return cache_status;
}

#define FILTER(filter_name, function)                                                              \
    {                                                                                              \
        .struct_size = sizeof(struct smbkit_plugin), .api_version = SMBKIT_FILTER_VERSION,         \
        .thread_model = SMBKIT_PARALLEL, .flags = SMBKIT_IS_FILTER, .name = filter_name,           \
        .volume_open = filter_open, .create = function, .cache_request = inner_cache               \
    }
static const struct smbkit_plugin OUTER = FILTER("outer", outer_create);
static const struct smbkit_plugin INNER = FILTER("inner", inner_create);

struct stacked {
    struct fixture f; /* its token is that of client 1 */
    struct vfs_token *tokens[CLIENTS];
};

static bool stacked_open(struct stacked *s)
{
    struct fixture *f = &s->f;
    char err[256] = "";
    *s = (struct stacked){0};
    f->fake.features = SMBKIT_FEATURE_STREAMS;
    fake_next = &f->fake;
    const struct vfs_layer_spec layers[] = {
        {.plugin = &OUTER}, {.plugin = &INNER}, {.plugin = &FAKE_PLUGIN}};
    const struct vfs_volume_spec spec = {
        .share_name = "stack", .layers = layers, .layer_count = ARRAY_LEN(layers)};
    smbkit_status st = vfs_volume_open(&spec, &f->v, err, sizeof(err));
    if (!SMBKIT_OK(st)) {
        test_fail(__FILE__, __LINE__, "volume_open: %s", err);
        return false;
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct vfs_token_spec who = {
            .user = "anna", .rid = 1001, .session_id = 10 + i, .client_id = 1 + i};
        s->tokens[i] = vfs_token_new(&who);
    }
    f->token = s->tokens[0];
    f->call = (struct vfs_call){.token = f->token};
    return true;
}

static void stacked_close(struct stacked *s)
{
    vfs_token_unref(s->tokens[1]);
    fixture_close(&s->f);
}

/* Each client's open of a file or stream, and how often its caching was broken. */
struct held {
    struct vfs_open *open;
    struct breaks breaks;
};

static void hold(struct stacked *s, struct held *h, unsigned client, const char *name,
                 uint8_t level)
{
    char path[64];
    snprintf(path, sizeof(path), "%s", name);
    char *stream = strchr(path, ':');
    struct vfs_create_in in = create_in(&s->f, path);
    struct vfs_create_out out = {0};
    if (stream) {
        *stream = 0;
        in.stream = stream + 1;
    }
    *h = (struct held){0};
    in.oplock_level = level;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &h->breaks};
    s->f.call.token = s->tokens[client - 1];
    CHECK_INT(vfs_create(&s->f.call, &in, &out), 0);
    CHECK_INT(out.oplock_level, level);
    h->open = out.open;
    CHECK(seen_client[0] == client && seen_client[1] == client);
    CHECK(seen_session[0] == 9 + client && seen_session[1] == 9 + client);
}

/* ---- who is told what ---- */

static uint64_t id_of(struct stacked *s, const char *name)
{
    return fake_child(&s->f.fake, s->f.fake.root, name)->id;
}

static struct smbkit_event event_of(uint32_t what, const char *path)
{
    return (struct smbkit_event){
        .struct_size = sizeof(struct smbkit_event), .what = what, .path = path};
}

#define BOTH (SMBKIT_EVENT_DATA | SMBKIT_EVENT_METADATA)

/* Client 1 and 2 read and cache a file each by an open; client 1 a stream as well. */
static const struct {
    const char *name;
    uint32_t what, flags;
    uint64_t by;
    const char *path, *stream;
    bool by_id;
    unsigned breaks[3]; /* of client 1, of client 2, of client 1's stream */
} KINDS[] = {
    {"data", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 0, "file", NULL, false, {1, 1, 0}},
    {"own data", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 1, "file", NULL, false, {0, 1, 0}},
    {"other's data", SMBKIT_CHANGE_MODIFIED, 1, 2, "file", NULL, false, {1, 0, 0}},
    {"a third's data", SMBKIT_CHANGE_MODIFIED, 1, 3, "file", NULL, false, {1, 1, 0}},
    {"metadata", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_METADATA, 0, "file", NULL, false, {0}},
    {"both", SMBKIT_CHANGE_MODIFIED, BOTH, 0, "file", NULL, false, {1, 1, 0}},
    {"no word", SMBKIT_CHANGE_MODIFIED, 0, 0, "file", NULL, false, {1, 1, 0}},
    {"by what: attributes",
     SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_ATTRIBUTES | SMBKIT_CHANGED_SECURITY,
     0,
     0,
     "file",
     NULL,
     false,
     {0}},
    {"by what: size",
     SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE | SMBKIT_CHANGED_ATTRIBUTES,
     0,
     0,
     "file",
     NULL,
     false,
     {1, 1, 0}},
    {"stream", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 0, "file", "S", false, {0, 0, 1}},
    {"own stream", SMBKIT_CHANGE_MODIFIED, 1, 1, "file", "S", false, {0}},
    {"other stream", SMBKIT_CHANGE_MODIFIED, 1, 0, "file", "t", false, {0}},
    {"by id", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 1, NULL, NULL, true, {0, 1, 0}},
    {"stream by id", SMBKIT_CHANGE_MODIFIED, 1, 2, NULL, "s", true, {0, 0, 1}},
    {"by id and another name", SMBKIT_CHANGE_MODIFIED, 1, 0, "link", NULL, true, {1, 1, 0}},
    /* Reading may go on: the handles see the file that it was. */
    {"removed", SMBKIT_CHANGE_REMOVED, 0, 0, "file", NULL, false, {0}},
    {"moved away", SMBKIT_CHANGE_RENAMED_FROM, 0, 0, "file", NULL, false, {0}},
    {"replaced", SMBKIT_CHANGE_RENAMED_TO, 0, 1, "file", NULL, false, {0, 1, 0}},
    {"replaced by another", SMBKIT_CHANGE_RENAMED_TO, 0, 0, "file", NULL, false, {1, 1, 1}},
    {"moved here itself", SMBKIT_CHANGE_RENAMED_TO, 0, 0, "file", NULL, true, {0}},
    {"overflow", SMBKIT_CHANGE_OVERFLOW, 0, 0, "", NULL, false, {1, 1, 1}},
    {"overflow of one's own", SMBKIT_CHANGE_OVERFLOW, 0, 1, "", NULL, false, {0, 1, 0}},
    {"overflow elsewhere", SMBKIT_CHANGE_OVERFLOW, 0, 0, "d", NULL, false, {0}},
    {"overflow somewhere", SMBKIT_CHANGE_OVERFLOW, 0, 0, NULL, NULL, false, {1, 1, 1}},
    {"quiet", SMBKIT_CHANGE_MODIFIED, 1 | SMBKIT_EVENT_QUIET, 0, "file", NULL, false, {1, 1, 0}},
    {"quiet overflow", SMBKIT_CHANGE_OVERFLOW, SMBKIT_EVENT_QUIET, 0, "", NULL, false, {1, 1, 1}},
    {"nothing known", SMBKIT_CHANGE_MODIFIED, 0, 0, NULL, NULL, false, {0}},
};

static void causes_and_kinds(void)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        struct stacked s;
        struct held h[3];
        test_context("%s", KINDS[i].name);
        REQUIRE(stacked_open(&s));
        make(&s.f, "d", true);
        make(&s.f, "file", false);
        hold(&s, &h[0], 1, "file", VFS_OPLOCK_II);
        hold(&s, &h[1], 2, "file", VFS_OPLOCK_II);
        hold(&s, &h[2], 1, "file:s", VFS_OPLOCK_II);
        struct smbkit_event event = event_of(KINDS[i].what, KINDS[i].path);
        event.flags = KINDS[i].flags;
        event.client_id = KINDS[i].by;
        event.stream = KINDS[i].stream;
        event.file_id = KINDS[i].by_id ? id_of(&s, "file") : 0;
        smbkit_tell(s.f.fake.host, &event);
        for (unsigned k = 0; k < 3; k++) {
            CHECK_INT(h[k].breaks.count, KINDS[i].breaks[k]);
            must_close(&s.f, h[k].open);
        }
        stacked_close(&s);
    }
    CHECK_INT(filters_opened, 2 * ARRAY_LEN(KINDS));
}

/* Who holds the only handle, or holds one on to it, gives that up when the name goes. */
static void handles(void)
{
    static const struct {
        const char *name;
        uint32_t what, flags;
        uint64_t by;
        unsigned breaks;
    } CASES[] = {
        {"removed", SMBKIT_CHANGE_REMOVED, 0, 0, 1},
        {"removed by itself", SMBKIT_CHANGE_REMOVED, 0, 1, 0},
        {"moved", SMBKIT_CHANGE_RENAMED_FROM, 0, 2, 1},
        {"moved by itself", SMBKIT_CHANGE_RENAMED_FROM, 0, 1, 0},
        {"metadata", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_METADATA, 2, 0},
        {"data", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 2, 1},
        {"data of its own", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, 1, 0},
        {"added", SMBKIT_CHANGE_ADDED, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct stacked s;
        struct held h;
        test_context("%s", CASES[i].name);
        REQUIRE(stacked_open(&s));
        hold(&s, &h, 1, "file", VFS_OPLOCK_BATCH);
        struct smbkit_event event = event_of(CASES[i].what, "file");
        event.flags = CASES[i].flags;
        event.client_id = CASES[i].by;
        smbkit_tell(s.f.fake.host, &event);
        CHECK_INT(h.breaks.count, CASES[i].breaks);
        must_close(&s.f, h.open);
        stacked_close(&s);
    }
}

/* An id is one of its domain; a struct that is shorter than it ever was is no event. */
static void domains_and_sizes(void)
{
    struct stacked s;
    struct held h;
    REQUIRE(stacked_open(&s));
    make(&s.f, "file", false);
    hold(&s, &h, 1, "file", VFS_OPLOCK_II);
    struct smbkit_event event = event_of(SMBKIT_CHANGE_MODIFIED, NULL);
    event.file_id = id_of(&s, "file");
    event.file_domain = 77;
    smbkit_tell(s.f.fake.host, &event);
    CHECK_INT(h.breaks.count, 0);
    event.struct_size = 8;
    event.file_domain = 0;
    smbkit_tell(s.f.fake.host, &event);
    smbkit_tell(s.f.fake.host, NULL);
    CHECK_INT(h.breaks.count, 0);
    event.file_domain = 77; /* behind the end of what the plugin knows */
    event.struct_size = offsetof(struct smbkit_event, file_domain);
    smbkit_tell(s.f.fake.host, &event);
    CHECK_INT(h.breaks.count, 1);
    must_close(&s.f, h.open);
    stacked_close(&s);
}

/* ---- watchers ---- */

struct heard {
    char text[256];
};

static void heard_event(void *arg, const struct vfs_notify_event *e)
{
    struct heard *t = arg;
    size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof(t->text) - n, "%u %s;", e->action, e->name);
}

static void check_heard(struct stacked *s, struct vfs_open *watch, uint32_t filter,
                        const char *expect)
{
    struct heard heard = {""};
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = s->f.call;
    call.wait = &w.wait;
    const struct vfs_notify_query q = {
        .filter = filter, .max_bytes = 4096, .event = heard_event, .arg = &heard};
    smbkit_status st = vfs_notify(&call, watch, &q);
    CHECK(st == S(WAIT) || SMBKIT_OK(st));
    CHECK_STR(heard.text, expect);
    waiter_fini(&w);
}

/* [MS-FSCC] 2.7.1 */
static void watchers(void)
{
    static const struct {
        const char *name;
        uint32_t what, flags;
        const char *path, *stream;
        bool by_id;
        uint32_t filter; /* FILE_NOTIFY_CHANGE_* */
        const char *heard;
    } CASES[] = {
        {"stream made", SMBKIT_CHANGE_ADDED, 0, "d/f", "s", false, 0x200, "6 f:s;"},
        {"stream gone", SMBKIT_CHANGE_REMOVED, 0, "d/f", "s", false, 0x200, "7 f:s;"},
        {"stream written", SMBKIT_CHANGE_MODIFIED, 0, "d/f", "s", false, 0xc00, "8 f:s;"},
        {"in a file's words", SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE, 0, "d/f", "s", false,
         0x400, "8 f:s;"},
        {"stream made, files asked", SMBKIT_CHANGE_ADDED, 0, "d/f", "s", false, 0x3, ""},
        {"stream moved", SMBKIT_CHANGE_RENAMED_FROM, 0, "d/f", "s", false, 0x200, "7 f:s;"},
        {"file made", SMBKIT_CHANGE_ADDED, 0, "d/g", NULL, false, 0x1, "1 g;"},
        {"written", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, "d/f", NULL, false, 0x8, "3 f;"},
        {"written, attributes asked", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA, "d/f", NULL, false,
         0x4, ""},
        {"attributes", SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_METADATA, "d/f", NULL, false, 0x4,
         "3 f;"},
        {"written by id", SMBKIT_CHANGE_MODIFIED, 0, NULL, NULL, true, 0xfff, "3 f;"},
        {"by no name of SMB", SMBKIT_CHANGE_ADDED, 0, "d/..\\x", NULL, false, 0x1, ""},
        {"by no stream of SMB", SMBKIT_CHANGE_ADDED, 0, "d/f", "..\\s", false, 0x200, ""},
        {"removed by id", SMBKIT_CHANGE_REMOVED, 0, NULL, NULL, true, 0xfff, "2 f;"},
        {"quiet", SMBKIT_CHANGE_MODIFIED, 1 | SMBKIT_EVENT_QUIET, "d/f", NULL, false, 0xfff, ""},
        {"made, quietly", SMBKIT_CHANGE_ADDED, SMBKIT_EVENT_QUIET, "d/g", NULL, false, 0x1, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct stacked s;
        struct held h;
        test_context("%s", CASES[i].name);
        REQUIRE(stacked_open(&s));
        make(&s.f, "d", true);
        hold(&s, &h, 1, "d/f", VFS_OPLOCK_NONE);
        struct vfs_open *d = must_open(&s.f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
        REQUIRE(d);
        check_heard(&s, d, CASES[i].filter, "");
        struct fake_node *dir = fake_child(&s.f.fake, s.f.fake.root, "d");
        struct smbkit_event event = event_of(CASES[i].what, CASES[i].path);
        event.flags = CASES[i].flags;
        event.stream = CASES[i].stream;
        event.file_id = CASES[i].by_id ? fake_child(&s.f.fake, dir, "f")->id : 0;
        smbkit_tell(s.f.fake.host, &event);
        check_heard(&s, d, CASES[i].filter, CASES[i].heard);
        must_close(&s.f, d);
        must_close(&s.f, h.open);
        stacked_close(&s);
    }
}

/* The plugin lets clients cache a part of what they ask for. */
static void cache_requests(void)
{
    static const struct {
        const char *name;
        uint32_t may;
        smbkit_status status;
        uint8_t asked, got;
    } rows[] = {
        {"all", 7, S(SUCCESS), VFS_OPLOCK_BATCH, VFS_OPLOCK_BATCH},
        {"read", SMBKIT_CACHE_READ, S(SUCCESS), VFS_OPLOCK_BATCH, VFS_OPLOCK_II},
        {"nothing", 0, S(SUCCESS), VFS_OPLOCK_BATCH, VFS_OPLOCK_NONE},
        {"more than asked", 7, S(SUCCESS), VFS_OPLOCK_II, VFS_OPLOCK_II},
        {"an error", 7, S(INSUFFICIENT_RESOURCES), VFS_OPLOCK_BATCH, VFS_OPLOCK_NONE},
        {"not asked", 0, S(SUCCESS), VFS_OPLOCK_NONE, VFS_OPLOCK_NONE},
    };
    struct stacked s;
    REQUIRE(stacked_open(&s));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_create_in in = create_in(&s.f, "f");
        struct vfs_create_out out = {0};
        in.disposition = SMBKIT_OPEN_IF;
        in.oplock_level = rows[i].asked;
        may_cache = rows[i].may;
        cache_status = rows[i].status;
        cache_asked = 99;
        CHECK_INT(vfs_create(&s.f.call, &in, &out), 0);
        bool is_asked = cache_asked != 99;
        if (out.oplock_level != rows[i].got || is_asked != (rows[i].asked != VFS_OPLOCK_NONE)) {
            test_fail(__FILE__, __LINE__, "%s: got %u", rows[i].name, out.oplock_level);
        }
        must_close(&s.f, out.open);
    }
    may_cache = 7;
    cache_status = S(SUCCESS);
    stacked_close(&s);
}

static const struct test_case cases[] = {
    {"causes_and_kinds", causes_and_kinds},   {"handles", handles},
    {"domains_and_sizes", domains_and_sizes}, {"watchers", watchers},
    {"cache_requests", cache_requests},
};
TEST_MAIN(cases)
