/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_fixture.h"

const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);

/* ---- by hand ---- */

static void test_content(void)
{
    struct fixture f;
    char buf[32];
    REQUIRE(start(&f, NULL, NULL));
    CHECK_INT(put(&f, "a", "one"), 0);
    CHECK_INT(put(&f, "b", "same"), 0);
    uint64_t first = take(&f);
    struct vfs_open *before;
    CHECK_INT(open_in(&f, first, "a", &before), 0);
    CHECK_INT(put(&f, "a", "two"), 0);
    CHECK_INT(read_at(&f, before, 0, buf, sizeof(buf)), 0); /* it was opened of today's */
    CHECK_STR(buf, "one");
    must_close(&f, before);
    uint64_t second = take(&f);
    CHECK_INT(put(&f, "a", "three"), 0);
    CHECK_INT(put(&f, "c", "new"), 0);
    check_in(&f, first, "a", "one");
    check_in(&f, second, "a", "two");
    check_in(&f, 0, "a", "three");
    check_in(&f, first, "b", "same");
    check_in(&f, first, "c", NULL);
    check_in(&f, second, "c", NULL);
    check_in(&f, first + 5, "a", NULL);
    fixture_close(&f);
}

/* What is written through an open from before the snapshot is kept as well. */
static void test_open_before(void)
{
    struct fixture f;
    REQUIRE(start(&f, "store=mem:", NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "one"), 0);
    uint64_t first = take(&f);
    CHECK_INT(write_at(&f, o, 0, "two"), 0);
    uint64_t second = take(&f);
    CHECK_INT(write_at(&f, o, 3, "more"), 0);
    must_close(&f, o);
    check_in(&f, first, "a", "one");
    check_in(&f, second, "a", "two");
    check_in(&f, 0, "a", "twomore");
    fixture_close(&f);
}

static void test_read_only(void)
{
    struct fixture f;
    REQUIRE(start(&f, NULL, NULL));
    CHECK_INT(put(&f, "a", "one"), 0);
    struct vfs_create_in in = create_in(&f, "a");
    in.snapshot_time = take(&f);
    in.disposition = SMBKIT_OVERWRITE;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    in.disposition = SMBKIT_OPEN;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    CHECK_INT(write_at(&f, out.open, 0, "x"), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    must_close(&f, out.open);
    fixture_close(&f);
}

/* The folder of the filter's is nobody's. */
static void test_hidden(void)
{
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f, "folder=kept", NULL));
    CHECK_INT(put(&f, "a", "one"), 0);
    (void)take(&f);
    CHECK_INT(put(&f, "a", "two"), 0);
    list_names(&f, "", names);
    CHECK_STR(names, "a ");
    CHECK_INT(try_access(&f, "KEPT", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&f, "kept/x", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(try_access(&f, "kept", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(move(&f, "a", "kept", true), SMBKIT_STATUS_ACCESS_DENIED);
    fixture_close(&f);
}

static void test_drop(void)
{
    uint64_t times[SNAPS_MAX];
    const char *text;
    char buf[32], command[64];
    struct fixture f;
    REQUIRE(start(&f, "keep=2", NULL));
    CHECK_INT(say(&f, "drop", &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_STR(text, "drop: there are no snapshots");
    CHECK_INT(put(&f, "a", "one"), 0);
    CHECK_INT(put(&f, "b", "same"), 0);
    uint64_t first = take(&f);
    CHECK_INT(put(&f, "a", "two"), 0);
    struct vfs_open *o, *same;
    CHECK_INT(open_in(&f, first, "a", &o), 0);
    CHECK_INT(open_in(&f, first, "b", &same), 0);
    uint64_t second = take(&f);
    CHECK_INT(put(&f, "a", "three"), 0);
    uint64_t third = take(&f);
    CHECK_INT(times_of(&f, times), 2);
    CHECK(times[0] == third && times[1] == second);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0); /* who has it open goes on */
    CHECK_STR(buf, "one");
    CHECK_INT(put(&f, "b", "other"), 0);
    CHECK_INT(read_at(&f, same, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "same");
    must_close(&f, o);
    check_in(&f, first, "a", NULL);
    check_in(&f, second, "a", "two");
    snprintf(command, sizeof(command), "drop %s", "@GMT-2001.01.01-00.00.00");
    CHECK_INT(say(&f, command, &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(say(&f, "drop", &text), 0);
    CHECK_INT(say(&f, "drop", &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_STR(text, "drop: it is the last one, and files are open in snapshots");
    must_close(&f, same);
    CHECK_INT(say(&f, "drop", &text), 0);
    CHECK_INT(times_of(&f, times), 0);
    CHECK_INT(put(&f, "a", "four"), 0);
    CHECK_INT(say(&f, "list", &text), 0);
    CHECK_STR(text, "no snapshots");
    CHECK_INT(say(&f, "status", &text), 0);
    CHECK_STR(text, "0 snapshots, of at most 2; they keep 0 paths, of at most 1000000");
    fixture_close(&f);
}

static void test_schedule(void)
{
    uint64_t times[SNAPS_MAX];
    struct fixture f;
    REQUIRE(start(&f, "every=1h", NULL));
    CHECK_INT(put(&f, "a", "one"), 0); /* the first change takes one, and no other soon */
    CHECK_INT(put(&f, "a", "two"), 0);
    CHECK_INT(times_of(&f, times), 1);
    check_in(&f, times[0], "a", NULL);
    fixture_close(&f);
}

/* The last one was taken when the clock was ahead. */
static void test_clock_back(void)
{
    static const char future[] = ".snapshots/@GMT-2199.01.01-00.00.00";
    uint64_t times[SNAPS_MAX];
    struct fixture f;
    REQUIRE(start(&f, "every=1h", NULL));
    CHECK_INT(make_below(&f, ".snapshots", SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(make_below(&f, future, SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(put(&f, "a", "one"), 0);
    CHECK_INT(times_of(&f, times), 2);
    CHECK_INT(put(&f, "a", "two"), 0);
    CHECK_INT(times_of(&f, times), 2);
    fixture_close(&f);
}

/* ---- a full volume ---- */

static void fill(struct fixture *f, const char *path, char letter)
{
    static char text[300001];
    memset(text, letter, sizeof(text) - 1);
    CHECK_INT(put(f, path, text), 0);
}

static void test_full(void)
{
    struct fixture f;
    REQUIRE(start(&f, NULL, "size=1M"));
    fill(&f, "a", 'a');
    fill(&f, "b", 'b');
    (void)take(&f);
    CHECK_INT(put(&f, "a", "x"), 0); /* 300 KB in the snapshot, and 300 of b */
    fill(&f, "c", 'c');
    CHECK_INT(put(&f, "b", "y"), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(try_access(&f, "b", RW, SMBKIT_OPEN), 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    CHECK_INT(put(&f, "b", "y"), 0);
    fixture_close(&f);
}

static void test_full_drops(void)
{
    uint64_t times[SNAPS_MAX];
    struct fixture f;
    REQUIRE(start(&f, "full=drop", "size=1M"));
    fill(&f, "a", 'a');
    fill(&f, "b", 'b');
    (void)take(&f);
    CHECK_INT(put(&f, "a", "x"), 0);
    fill(&f, "c", 'c');
    uint64_t second = take(&f);
    CHECK_INT(put(&f, "b", "y"), 0);
    CHECK_INT(times_of(&f, times), 1);
    CHECK(times[0] == second);
    check_in(&f, second, "a", "x");
    fixture_close(&f);
}

/* ---- whatever fails below ---- */

/* As times_of, where that may fail. */
static uint32_t try_times(struct fixture *f, uint64_t times[SNAPS_MAX])
{
    uint32_t count = SNAPS_MAX;
    struct vfs_create_in in = create_in(f, "");
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_ATTRIBUTES;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (SMBKIT_OK(st)) {
        st = vfs_snapshots(&f->call, out.open, times, &count);
        must_close(f, out.open);
    }
    return SMBKIT_OK(st) ? count : 0;
}

static void change_all(struct fixture *f)
{
    (void)put(f, "a", "two");
    (void)move(f, "a", "b", false);
    (void)put(f, "a", "three");
    (void)take_away(f, "a");
}

static void check_first(struct fixture *f, uint64_t time)
{
    char buf[32] = "";
    smbkit_status st = read_in(f, time, "a", buf);
    st = SMBKIT_OK(st) ? st : read_in(f, time, "a", buf); /* a call fails once */
    CHECK_INT(st, 0);
    CHECK_STR(buf, "one");
    CHECK(!SMBKIT_OK(read_in(f, time, "b", buf)));
}

/* A change that fails changes nothing of the past, whichever call below it was. */
static void test_failures(void)
{
    uint32_t checked = 0;
    for (uint32_t nth = 1; nth <= 120; nth++) {
        char number[32];
        uint64_t times[SNAPS_MAX];
        struct fixture f;
        snprintf(number, sizeof(number), "nth=%u", nth);
        const struct stack_layer layers[] = {
            {smbkit_static_snapshot(&vfs_api), {NULL}},
            {smbkit_static_error(&vfs_api), {"op=any", number, "status=DISK_FULL", "count=1"}},
            {smbkit_static_mem(&vfs_api), {NULL}}};
        char err[256];
        if (!stack_try(&f, layers, 3, NULL, err)) {
            continue; /* it is opened by calls too */
        }
        test_context("call %u", nth);
        bool good = SMBKIT_OK(put(&f, "a", "one")) && SMBKIT_OK(say(&f, "take", NULL));
        uint32_t count = good ? try_times(&f, times) : 0;
        change_all(&f);
        if (count > 0) {
            check_first(&f, times[0]);
            checked++;
        }
        fixture_close(&f);
    }
    CHECK(checked > 60);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"every=15m", "keep=24", "full=drop"}, NULL},
        {{"store=mem:", "folder=x"}, NULL},
        {{"store=none:"}, "there is no such plugin"},
        {{"folder=a/b"}, "it is one name"},
        {{"folder=.."}, "it is one name"},
        {{"keep=0"}, "keep"},
        {{"keep=1001"}, "keep"},
        {{"every=999"}, "every"},
        {{"full=maybe"}, "full"},
    };
    check_args(smbkit_static_snapshot(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"the clock is set back", test_clock_back},
    {"contents", test_content},
    {"open before", test_open_before},
    {"read only", test_read_only},
    {"its own folder", test_hidden},
    {"drop", test_drop},
    {"schedule", test_schedule},
    {"full", test_full},
    {"full, the oldest goes", test_full_drops},
    {"whatever fails", test_failures},
    {"arguments", test_args},
};
TEST_MAIN(cases)
