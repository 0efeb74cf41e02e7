/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of files in the core: what they and their file have to do with each other. */
#include "vfs_fixture.h"

#include "vfs/core.h"
#include "vfs/stream.h"

static struct vfs_open *stream_open(struct fixture *f, const char *path, const char *stream,
                                    uint32_t share)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out = {0};
    in.stream = stream;
    in.desired_access = RW | SMBKIT_DELETE;
    in.share_access = share;
    CHECK_INT(vfs_create(&f->call, &in, &out), SMBKIT_STATUS_SUCCESS);
    return out.open;
}

static smbkit_status stream_try(struct fixture *f, const char *path, const char *stream,
                                uint32_t disposition)
{
    struct vfs_create_in in = create_in(f, path);
    in.stream = stream;
    in.disposition = disposition;
    in.desired_access = RW;
    return try_open(f, &in);
}

static smbkit_status delete_try(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_DELETE;
    in.options = VFS_DELETE_ON_CLOSE;
    return try_open(f, &in);
}

static void share_modes(struct fixture *f)
{
    make(f, "file", false);
    struct vfs_open *s = stream_open(f, "file", "one", 0);
    CHECK_INT(stream_try(f, "file", "one", SMBKIT_OPEN), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(stream_try(f, "file", "two", SMBKIT_OPEN_IF), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OVERWRITE), SMBKIT_STATUS_SHARING_VIOLATION);
    must_close(f, s);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OVERWRITE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SUCCESS);
}

/* A file that is to go stays until the last stream of it is closed, and nobody opens it. */
static void delete_pending(struct fixture *f)
{
    struct vfs_open *one = stream_open(f, "file", "one", SHARE_ALL); /* makes both */
    struct vfs_open *two = stream_open(f, "file", "two", SHARE_ALL);
    CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN_IF), SMBKIT_STATUS_DELETE_PENDING);
    CHECK_INT(stream_try(f, "file", "one", SMBKIT_OPEN_IF), SMBKIT_STATUS_DELETE_PENDING);
    CHECK_INT(stream_try(f, "file", "three", SMBKIT_OPEN_IF), SMBKIT_STATUS_DELETE_PENDING);
    CHECK_INT(write_at(f, one, 0, "abc"), SMBKIT_STATUS_SUCCESS);
    must_close(f, one);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_DELETE_PENDING);
    must_close(f, two);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

static void stream_deleted(struct fixture *f)
{
    struct vfs_open *s = stream_open(f, "file", "one", SHARE_ALL);
    struct vfs_open *again = stream_open(f, "file", "one", SHARE_ALL);
    CHECK_INT(vfs_set_disposition(&f->call, s, 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(f, "file", "one", SMBKIT_OPEN_IF), SMBKIT_STATUS_DELETE_PENDING);
    CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_SUCCESS);
    must_close(f, s);
    must_close(f, again);
    CHECK_INT(stream_try(f, "file", "one", SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SUCCESS);
}

static void file_renamed(struct fixture *f)
{
    struct vfs_open *s = stream_open(f, "file", "one", SHARE_ALL);
    struct vfs_open *o = must_open(f, "file", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    make(f, "other", false);
    struct vfs_open *other = must_open(f, "other", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f->call, o, "new", false), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(vfs_rename(&f->call, s, "new", false), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(vfs_rename(&f->call, other, "file", true), SMBKIT_STATUS_ACCESS_DENIED);
    must_close(f, s);
    CHECK_INT(vfs_rename(&f->call, o, "new", false), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    must_close(f, other);
    CHECK_INT(stream_try(f, "new", "one", SMBKIT_OPEN), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(delete_try(f, "new"), SMBKIT_STATUS_SUCCESS);
}

/* Both closed at once: whichever decides last takes the name along. */
struct closer {
    struct fixture *f;
    struct vfs_open *o;
};
static void *closer_run(void *arg)
{
    struct closer *c = arg;
    struct vfs_call call = {.token = c->f->token};
    CHECK_INT(vfs_close(&call, c->o, NULL), SMBKIT_STATUS_SUCCESS);
    return NULL;
}

static void closed_at_once(struct fixture *f)
{
    for (unsigned i = 0; i < 50; i++) {
        struct closer c[2] = {{f, stream_open(f, "file", "one", SHARE_ALL)},
                              {f, stream_open(f, "file", "two", SHARE_ALL)}};
        pthread_t t[2];
        CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SUCCESS);
        for (unsigned k = 0; k < 2; k++) {
            CHECK(pthread_create(&t[k], NULL, closer_run, &c[k]) == 0);
        }
        for (unsigned k = 0; k < 2; k++) {
            pthread_join(t[k], NULL);
        }
        CHECK_INT(stream_try(f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

static void checks(struct fixture *f)
{
    make(f, "dir", true);
    struct vfs_create_in in = create_in(f, "dir");
    in.means_data = true;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_FILE_IS_A_DIRECTORY);
    in.options = VFS_DIRECTORY_FILE;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_NOT_A_DIRECTORY);
    in = create_in(f, "dir");
    in.stream = "one";
    in.options = VFS_DIRECTORY_FILE;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_NOT_A_DIRECTORY);
    CHECK_INT(stream_try(f, "dir", "one", SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(stream_try(f, "dir", "one", SMBKIT_CREATE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(f, "dir", "one", SMBKIT_CREATE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(stream_try(f, "none/file", "one", SMBKIT_CREATE),
              SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    struct vfs_open *o = must_open(f, "file", RW, SMBKIT_CREATE, 0);
    const struct vfs_basic_info read_only = {.attributes = SMBKIT_ATTR_READONLY};
    CHECK_INT(vfs_set_basic(&f->call, o, &read_only), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(f, "file", "one", SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    must_close(f, o);
}

/* ---- of mem alone, which renames and lists them ---- */

struct seen {
    unsigned count;
    unsigned room;
    char names[4][32];
    uint64_t sizes[4];
};
static bool seen_stream(void *arg, const char *name, const struct smbkit_attr *attr)
{
    struct seen *s = arg;
    if (s->count == s->room) {
        return false;
    }
    snprintf(s->names[s->count], sizeof(s->names[0]), "%s", name);
    s->sizes[s->count++] = attr->size;
    return true;
}

static void renames(struct fixture *f)
{
    struct vfs_open *one = stream_open(f, "file", "one", SHARE_ALL);
    struct vfs_open *two = stream_open(f, "file", "two", SHARE_ALL);
    CHECK_INT(write_at(f, two, 0, "abc"), SMBKIT_STATUS_SUCCESS);
    struct vfs_stream_rename to = {.name = "TWO"};
    CHECK_INT(vfs_rename_stream(&f->call, one, &to), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    to.replace = true;
    CHECK_INT(vfs_rename_stream(&f->call, one, &to), SMBKIT_STATUS_INVALID_PARAMETER); /* open */
    must_close(f, two);
    CHECK_INT(vfs_rename_stream(&f->call, one, &to), SMBKIT_STATUS_INVALID_PARAMETER); /* data */
    to.name = "three";
    CHECK_INT(vfs_rename_stream(&f->call, one, &to), SMBKIT_STATUS_SUCCESS);
    CLEANUP_MEM char *name = vfs_open_stream(one);
    CHECK(name && strcmp(name, "three") == 0);
    /* It is the same stream to who opens it by the new name. */
    struct vfs_create_in in = create_in(f, "file");
    in.stream = "Three";
    in.share_access = 0;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_SHARING_VIOLATION);
    struct seen s = {.room = 4};
    CHECK_INT(vfs_streams(&f->call, one, seen_stream, &s), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(s.count, 2);
    CHECK(strcmp(s.names[0], "three") == 0 && strcmp(s.names[1], "two") == 0);
    CHECK_INT(s.sizes[1], 3);
    s = (struct seen){.room = 1};
    CHECK_INT(vfs_streams(&f->call, one, seen_stream, &s), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(s.count, 1);
    to.name = NULL;
    CHECK_INT(vfs_rename_stream(&f->call, one, &to), SMBKIT_STATUS_NOT_SUPPORTED);
    must_close(f, one);
    CHECK_INT(delete_try(f, "file"), SMBKIT_STATUS_SUCCESS);
}

static void with_mem(void)
{
    static void (*const tests[])(struct fixture *) = {
        share_modes, delete_pending, stream_deleted, file_renamed, closed_at_once, checks, renames};
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        struct fixture f = {0};
        REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
        tests[i](&f);
        fixture_close(&f);
    }
}

/* The fake minds case, knows no streams of directories, and can be slow. */
static void with_fake(void)
{
    static void (*const tests[])(struct fixture *) = {share_modes, delete_pending, stream_deleted};
    for (size_t i = 0; i < 2 * ARRAY_LEN(tests); i++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_STREAMS;
        REQUIRE(fixture_fake(&f));
        f.fake.pend_all = i >= ARRAY_LEN(tests);
        tests[i % ARRAY_LEN(tests)](&f);
        fixture_close(&f);
    }
}

/* The last stream of a file that was to go takes none that has taken its place on the machine. */
static void replaced_meanwhile(void)
{
    struct fixture f = {0};
    f.fake.features = SMBKIT_FEATURE_STREAMS;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *s = stream_open(&f, "file", "one", SHARE_ALL);
    CHECK_INT(delete_try(&f, "file"), SMBKIT_STATUS_SUCCESS);
    struct fake_node *was = fake_child(&f.fake, f.fake.root, "file");
    fake_detach(&f.fake, was);
    fake_attach(&f.fake, f.fake.root, was, "backup");
    fake_attach(&f.fake, f.fake.root, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "file");
    CHECK_INT(vfs_close(&f.call, s, NULL), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK(fake_child(&f.fake, f.fake.root, "file"));
    fixture_close(&f);
}

/* A file whose stream cannot be made goes again, and whoever was told of it is told of that. */
static void made_in_vain(void)
{
    unsigned undone = 0;
    for (uint64_t n = 1; n < 12; n++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_STREAMS;
        REQUIRE(fixture_fake(&f));
        uint64_t before = atomic_load(&f.v->nodes->removals);
        atomic_store(&f.fake.fail_with, SMBKIT_STATUS_DISK_FULL);
        atomic_store(&f.fake.fail_at, n);
        smbkit_status st = stream_try(&f, "new", "one", SMBKIT_CREATE);
        atomic_store(&f.fake.fail_at, 0);
        bool removed = f.fake.calls[FAKE_REMOVE] > 0;
        CHECK(SMBKIT_OK(st) || !fake_child(&f.fake, f.fake.root, "new"));
        CHECK_INT(atomic_load(&f.v->nodes->removals) - before, removed);
        undone += removed;
        fixture_close(&f);
    }
    CHECK_INT(undone, 1);
}

struct quicker {
    struct fixture f;
    struct vfs_open *o;
    const char *name;
    bool closes; /* at once, and has written into the file */
};

static void fail_create(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_CREATE) {
        v->hook = NULL;
        atomic_store(&v->fail_at, 1); /* this one */
    }
}

static void open_what_was_made(void *arg)
{
    struct quicker *q = arg;
    q->o = stream_open(&q->f, "new", q->name, SHARE_ALL);
    if (q->closes) {
        struct vfs_open *file = stream_open(&q->f, "new", NULL, SHARE_ALL);
        CHECK_INT(write_at(&q->f, file, 0, "abc"), SMBKIT_STATUS_SUCCESS);
        must_close(&q->f, file);
        must_close(&q->f, q->o);
    }
    if (strcmp(q->name, "two") == 0) { /* the other one has bad luck */
        q->f.fake.hook = fail_create;
    }
}

/* Who makes a stream in a file that another one is making a stream in keeps it, and the file. */
static void made_by_two(void)
{
    static const char *const names[] = {"one", "two"};
    for (unsigned i = 0; i < 2 * ARRAY_LEN(names); i++) {
        bool is_same = i % 2 == 0;
        struct quicker q = {
            .f.fake = {.thread_model = SMBKIT_PARALLEL, .features = SMBKIT_FEATURE_STREAMS}};
        struct fixture *f = &q.f;
        q.name = names[i % 2];
        q.closes = i >= ARRAY_LEN(names);
        test_context("%s%s", q.name, q.closes ? " closed" : "");
        REQUIRE(fixture_fake(f));
        f->fake.hook_arg = &q;
        f->fake.made = open_what_was_made;
        f->fake.fail_with = SMBKIT_STATUS_DISK_FULL;
        CHECK_INT(stream_try(f, "new", "one", SMBKIT_CREATE),
                  is_same ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : SMBKIT_STATUS_DISK_FULL);
        REQUIRE(q.o);
        CHECK_INT(f->fake.calls[FAKE_REMOVE], 0);
        if (!q.closes) {
            must_close(f, q.o);
        }
        CHECK(fake_child(&f->fake, f->fake.root, "new"));
        fixture_close(f);
    }
    test_context("%s", "");
}

struct moved {
    struct fixture f;
    struct waiter w;
};

static void open_while_moved(void *arg)
{
    struct moved *m = arg;
    struct vfs_create_in in = create_in(&m->f, "file");
    struct vfs_create_out out;
    struct vfs_call call = m->f.call;
    in.stream = "one";
    in.disposition = SMBKIT_OPEN;
    call.wait = &m->w.wait;
    CHECK_INT(vfs_create(&call, &in, &out), SMBKIT_STATUS_WAIT);
    CHECK_INT(m->w.woken, 0);
}

/* Who opens a stream of a file that is being renamed waits for the end of that. */
static void opened_while_moved(void)
{
    struct moved m = {
        .f.fake = {.thread_model = SMBKIT_PARALLEL, .features = SMBKIT_FEATURE_STREAMS}};
    struct fixture *f = &m.f;
    REQUIRE(fixture_fake(f));
    must_close(f, stream_open(f, "file", "one", SHARE_ALL));
    struct vfs_open *o = must_open(f, "file", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    waiter_init(&m.w);
    f->fake.hook_arg = &m;
    f->fake.renaming = open_while_moved;
    CHECK_INT(vfs_rename(&f->call, o, "new", false), SMBKIT_STATUS_SUCCESS);
    f->fake.renaming = NULL;
    CHECK_INT(m.w.woken, 1);
    waiter_fini(&m.w);
    must_close(f, o);
    fixture_close(f);
}

struct replacing {
    struct fixture f;
    struct waiter w;
    struct vfs_open *by;
    bool in_vain; /* the stream is not made */
};

static smbkit_status replace_file(struct replacing *r)
{
    struct vfs_call call = r->f.call;
    call.wait = &r->w.wait;
    return vfs_rename(&call, r->by, "file", true);
}

/* The stream was sought and the file opened: now it is made. */
static void replace_while_made(struct fake_volume *v, enum fake_call call)
{
    struct replacing *r = v->hook_arg;
    if (call == FAKE_CREATE && atomic_load(&v->calls[FAKE_CREATE]) == 3) {
        v->hook = NULL;
        CHECK_INT(replace_file(r), SMBKIT_STATUS_WAIT);
        CHECK_INT(r->w.woken, 0);
        atomic_store(&v->fail_with, SMBKIT_STATUS_DISK_FULL);
        atomic_store(&v->fail_at, r->in_vain);
    }
}

/* Who would replace a file of which a stream is being made is told when that is over. */
static void replaced_while_made(void)
{
    for (unsigned in_vain = 0; in_vain < 2; in_vain++) {
        struct replacing r = {
            .f.fake = {.thread_model = SMBKIT_PARALLEL, .features = SMBKIT_FEATURE_STREAMS},
            .in_vain = in_vain};
        struct fixture *f = &r.f;
        REQUIRE(fixture_fake(f));
        make(f, "file", false);
        r.by = must_open(f, "other", SMBKIT_DELETE, SMBKIT_CREATE, 0);
        waiter_init(&r.w);
        test_context("in vain: %u", in_vain);
        f->fake.hook_arg = &r;
        f->fake.hook = replace_while_made;
        atomic_store(&f->fake.calls[FAKE_CREATE], 0);
        struct vfs_open *s = NULL;
        if (in_vain) {
            CHECK_INT(stream_try(f, "file", "one", SMBKIT_CREATE), SMBKIT_STATUS_DISK_FULL);
        } else {
            s = stream_open(f, "file", "one", SHARE_ALL);
        }
        CHECK(!f->fake.hook);
        CHECK_INT(r.w.woken, 1);
        CHECK_INT(replace_file(&r), in_vain ? 0 : SMBKIT_STATUS_ACCESS_DENIED);
        waiter_fini(&r.w);
        must_close(f, s);
        must_close(f, r.by);
        fixture_close(f);
    }
    test_context("%s", "");
}

static void exchange_while_made(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_CREATE && atomic_load(&v->calls[FAKE_CREATE]) == 3) {
        struct fake_node *was = fake_child(v, v->root, "file");
        v->hook = NULL;
        fake_detach(v, was);
        fake_attach(v, v->root, was, "away");
        fake_attach(v, v->root, fake_new(v, SMBKIT_ATTR_ARCHIVE), "file");
    }
}

/* Another file takes the name on the machine, when the first one was looked at: then it is that
 * one's stream, or the first one's, but not half of each. */
static void exchanged_while_made(void)
{
    struct fixture f = {
        .fake = {.thread_model = SMBKIT_PARALLEL, .features = SMBKIT_FEATURE_STREAMS}};
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    f.fake.hook = exchange_while_made;
    atomic_store(&f.fake.calls[FAKE_CREATE], 0);
    struct vfs_open *s = stream_open(&f, "file", "one", SHARE_ALL);
    REQUIRE(s);
    CHECK(!f.fake.hook);
    CHECK_INT(delete_try(&f, "file"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(stream_try(&f, "file", NULL, SMBKIT_OPEN), SMBKIT_STATUS_DELETE_PENDING);
    must_close(&f, s);
    CHECK(!fake_child(&f.fake, f.fake.root, "file"));
    CHECK(fake_child(&f.fake, f.fake.root, "away"));
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"mem", with_mem},
    {"a plugin that minds case, and one that is slow", with_fake},
    {"opened while its file is renamed", opened_while_moved},
    {"its file is replaced while it is made", replaced_while_made},
    {"its file is replaced meanwhile", replaced_meanwhile},
    {"made in vain", made_in_vain},
    {"made by two", made_by_two},
    {"its file is exchanged while it is made", exchanged_while_made},
};

TEST_MAIN(cases)
