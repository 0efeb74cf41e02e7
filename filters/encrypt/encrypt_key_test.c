/* SPDX-License-Identifier: Apache-2.0 */
#include "encrypt_fixture.h"

/* ---- a layer below that notes, and fails ---- */

static struct {
    char calls[64]; /* of files in the root that are the filter's, and of the root: a letter each */
    smbkit_status rename_says; /* when it was made, if not 0 */
    smbkit_status flush_says;
    uint32_t flushes_good; /* before flush_says is said */
    bool is_slow;          /* a listing gives one name at a time */
} below;

struct below_file {
    void *file;
    bool is_noted;
};

static struct smbkit_next *below_next;

static smbkit_status below_open(struct smbkit_volume_args *args, void **volume_r)
{
    below_next = args->next;
    *volume_r = &below;
    return SMBKIT_STATUS_SUCCESS;
}

static void below_note(const struct below_file *f, char c)
{
    size_t len = strlen(below.calls);
    if (f->is_noted && len + 1 < sizeof(below.calls)) {
        below.calls[len] = c;
    }
}

static smbkit_status below_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    (void)volume;
    bool is_ours = strncmp(a->path, ".smbkit-encrypt", 15) == 0;
    smbkit_status st = smbkit_next_create(below_next, op, a);
    if (SMBKIT_OK(st)) {
        struct below_file *f = calloc(1, sizeof(*f));
        *f = (struct below_file){.file = a->file, .is_noted = is_ours || !a->path[0]};
        a->file = f;
    }
    return st;
}

static void below_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)volume;
    smbkit_next_close(below_next, op, ((struct below_file *)file)->file);
    free(file);
}

static void *below_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct below_file *)file)->file;
}

static smbkit_status below_write(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_io *a)
{
    (void)volume;
    struct below_file *f = file;
    below_note(f, 'w');
    return smbkit_next_write(below_next, op, f->file, a);
}

static smbkit_status below_flush(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_flush *a)
{
    (void)volume;
    struct below_file *f = file;
    below_note(f, 'f');
    if (f->is_noted && below.flush_says && below.flushes_good-- == 0) {
        below.flushes_good = 0;
        return below.flush_says;
    }
    return smbkit_next_flush(below_next, op, f->file, a);
}

static smbkit_status below_commit(void *volume, struct smbkit_op *op, void *file,
                                  const struct smbkit_flush *a)
{
    (void)volume;
    struct below_file *f = file;
    below_note(f, 'c');
    return smbkit_next_commit(below_next, op, f->file, a);
}

static smbkit_status below_rename(void *volume, struct smbkit_op *op, void *file,
                                  const struct smbkit_rename *a)
{
    (void)volume;
    struct below_file *f = file;
    below_note(f, 'm');
    smbkit_status st = smbkit_next_rename(below_next, op, f->file, a);
    return f->is_noted && below.rename_says ? below.rename_says : st;
}

struct below_sink {
    struct smbkit_sink sink; /* first */
    struct smbkit_sink *to;
    bool is_full;
};

static int32_t below_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct below_sink *s = (struct below_sink *)sink;
    if (s->is_full) {
        return 0;
    }
    s->is_full = below.is_slow;
    return s->to->entry(s->to, entry);
}

static smbkit_status below_enumerate(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_sink *a)
{
    (void)volume;
    struct below_sink s = {.sink = *a, .to = a};
    s.sink.entry = below_entry;
    return smbkit_next_enumerate(below_next, op, ((struct below_file *)file)->file, &s.sink);
}

static const struct smbkit_plugin BELOW = {
    .struct_size = sizeof(BELOW),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "below",
    .volume_open = below_open,
    .create = below_create,
    .close = below_close,
    .file_below = below_file_below,
    .write = below_write,
    .flush = below_flush,
    .commit = below_commit,
    .rename = below_rename,
    .enumerate = below_enumerate,
};

static void below_start(struct world *w)
{
    memset(&below, 0, sizeof(below));
    *w = (struct world){.between = &BELOW};
    world_start(w);
}

/* ---- */

static void test_keys(void)
{
    struct world w = {0};
    char err[256];
    uint8_t key[33] = {9};
    world_start(&w);
    make(&w.f, "file", false);
    fixture_close(&w.f);
    write_file(w.key, key, 32, 0600);
    CHECK(!world_try(&w, err));
    CHECK(strstr(err, "is not the key") != NULL);
    /* Nobody could look at the start: the first call does. */
    char check[160];
    char kept[160];
    snprintf(check, sizeof(check), "%s/.smbkit-encrypt", w.folder);
    snprintf(kept, sizeof(kept), "%s.kept", w.folder);
    CHECK_INT(rename(check, kept), 0);
    world_open(&w);
    CHECK_INT(rename(kept, check), 0);
    CHECK_INT(try_access(&w.f, "file", RW, SMBKIT_OPEN), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&w.f, "other", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    fixture_close(&w.f);
    static const struct {
        mode_t mode;
        size_t len;
        const char *says;
    } rows[] = {{0600, 31, "32 bytes"},
                {0600, 33, "32 bytes"},
                {0640, 32, "chmod 600"},
                {0604, 32, "chmod 600"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("row %zu", i);
        write_file(w.key, key, rows[i].len, rows[i].mode);
        CHECK(!world_try(&w, err));
        CHECK(strstr(err, rows[i].says) != NULL);
    }
    world_remove(&w);
    CHECK(!world_try(&w, err));
    CHECK(strstr(err, "No such file") != NULL);
}

static void check_path(const struct world *w, const char *more, char path[160])
{
    snprintf(path, 160, "%s/.smbkit-encrypt%s", w->folder, more);
}

/* Without its check file nothing of a volume is shown, nor another one begun in its place. */
static void test_check_missing(void)
{
    struct world w = {0};
    char check[160];
    char kept[160];
    struct stat st;
    world_start(&w);
    make(&w.f, "file", false);
    fixture_close(&w.f);
    check_path(&w, "", check);
    snprintf(kept, sizeof(kept), "%s.kept", w.folder);
    CHECK_INT(rename(check, kept), 0);
    world_open(&w);
    CHECK_INT(try_access(&w.f, "file", RW, SMBKIT_OPEN), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&w.f, "other", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK(stat(check, &st) != 0);
    fixture_close(&w.f);
    CHECK_INT(rename(kept, check), 0);
    world_open(&w);
    CHECK_INT(try_access(&w.f, "file", RW, SMBKIT_OPEN), 0);
    world_end(&w);
}

/* A server that was killed while it made the check file leaves half of one beside its place. */
static void test_check_cut(void)
{
    struct world w = {0};
    char path[160];
    struct stat st;
    world_start(&w);
    check_path(&w, ".new", path);
    write_file(path, "smbki", 5, 0600);
    make(&w.f, "file", false);
    CHECK(stat(path, &st) != 0);
    fixture_close(&w.f);
    world_open(&w);
    CHECK_INT(try_access(&w.f, "file", RW, SMBKIT_OPEN), 0);
    world_end(&w);
}

/* Two servers over one folder, neither of which knew of the other when it looked. */
static void test_two_begin(void)
{
    struct world w = {0};
    struct world other;
    world_start(&w);
    other = w;
    world_open(&other);
    CHECK_INT(try_access(&w.f, "x", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&other.f, "x", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    make(&w.f, "mine", false);
    CHECK_INT(try_access(&other.f, "yours", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    fixture_close(&other.f);
    CHECK_INT(try_access(&w.f, "mine", RW, SMBKIT_OPEN), 0);
    world_end(&w);
}

/* As volumes were made before there was a master key: a random text, and the key is the master. */
static void make_first_version(const struct world *w, const uint8_t key[32])
{
    uint8_t text[68] = "smbkitC1";
    uint8_t own[32];
    char check[160];
    REQUIRE(encrypt_derive(key, "smbkit encrypt 1 check", own));
    gcry_cipher_hd_t h = encrypt_gcm(own);
    REQUIRE(h && encrypt_seal(h, "smbkitC1", 8, text + 8, 32));
    gcry_cipher_close(h);
    check_path(w, "", check);
    write_file(check, text, sizeof(text), 0600);
}

static void test_key_change(void)
{
    struct world w = {0};
    char err[256];
    char command[200];
    const char *text = NULL;
    const uint8_t old[32] = {1};
    const uint8_t key[32] = {2};
    for (unsigned version = 1; version <= 2; version++) {
        test_context("version %u", version);
        world_start(&w);
        fixture_close(&w.f);
        write_file(w.key, old, 32, 0600);
        if (version == 1) {
            make_first_version(&w, old);
        }
        world_open(&w);
        fill(&w.f, "file", 2, 'x');
        char path[100];
        snprintf(path, sizeof(path), "%s.new", w.key);
        snprintf(command, sizeof(command), "key %s", path);
        CHECK_INT(say(&w.f, command, &text), SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK(strstr(text, "No such file") != NULL);
        CHECK_INT(say(&w.f, "key", &text), SMBKIT_STATUS_INVALID_PARAMETER);
        write_file(path, key, 32, 0600);
        CHECK_INT(say(&w.f, command, &text), 0);
        check_byte(&w.f, "file", 0, 'x'); /* what is open goes on, */
        fill(&w.f, "after", 1, 'y');      /* and so does all else */
        fixture_close(&w.f);
        CHECK(!world_try(&w, err)); /* the old one opens it no more */
        CHECK(strstr(err, "is not the key") != NULL);
        CHECK_INT(rename(path, w.key), 0);
        world_open(&w);
        check_byte(&w.f, "file", ENCRYPT_BLOCK, 'x');
        check_byte(&w.f, "after", 0, 'y');
        world_end(&w);
    }
}

/* ---- what the layer below does ---- */

/* The key command with another key, which is at *path then. */
static smbkit_status change(struct world *w, const char **text_r)
{
    static char path[100];
    char command[200];
    const uint8_t key[32] = {7};
    snprintf(path, sizeof(path), "%s.new", w->key);
    snprintf(command, sizeof(command), "key %s", path);
    write_file(path, key, sizeof(key), 0600);
    memset(&below.calls, 0, sizeof(below.calls));
    return say(&w->f, command, text_r);
}

static void new_key_in_place(struct world *w)
{
    char path[100];
    snprintf(path, sizeof(path), "%s.new", w->key);
    CHECK_INT(rename(path, w->key), 0);
}

static void check_nothing_beside(const struct world *w)
{
    DIR *d = opendir(w->folder);
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        CHECK(strncmp(e->d_name, ".smbkit-encrypt.new", 19) != 0);
    }
    closedir(d);
}

/* The only place of the master key is on the disk, and so is its name, before anything else is. */
static void test_durable(void)
{
    struct world w;
    const char *text = NULL;
    below_start(&w);
    make(&w.f, "file", false);
    CHECK_STR(below.calls, "wfcmff");
    CHECK_INT(change(&w, &text), 0);
    CHECK_STR(below.calls, "wfcmff");
    check_nothing_beside(&w);
    new_key_in_place(&w);
    world_end(&w);
}

/* What was not durable is not acknowledged, and is tried again. */
static void test_flush_fails(void)
{
    const char *text = NULL;
    for (uint32_t good = 0; good < 3; good++) { /* the data, the file in its place, the folder */
        struct world w;
        test_context("good %u", good);
        below_start(&w);
        below.flush_says = SMBKIT_STATUS_IO_DEVICE_ERROR;
        below.flushes_good = good;
        CHECK_INT(try_access(&w.f, "file", RW, SMBKIT_CREATE), SMBKIT_STATUS_IO_DEVICE_ERROR);
        below.flush_says = 0;
        fill(&w.f, "file", 1, 'x');
        below.flush_says = SMBKIT_STATUS_IO_DEVICE_ERROR;
        below.flushes_good = good;
        CHECK_INT(change(&w, &text), SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK(strstr(text, good ? "the new key opens" : "the old key opens") != NULL);
        below.flush_says = 0;
        check_nothing_beside(&w);
        fixture_close(&w.f);
        if (good) {
            new_key_in_place(&w);
        }
        world_open(&w);
        check_byte(&w.f, "file", 0, 'x');
        world_end(&w);
    }
}

/* It was made, and the answer says that it was not. */
static void test_rename_lies(void)
{
    struct world w;
    const char *text = NULL;
    below_start(&w);
    below.rename_says = SMBKIT_STATUS_IO_TIMEOUT;
    fill(&w.f, "file", 1, 'x');
    CHECK_INT(change(&w, &text), 0);
    check_nothing_beside(&w);
    fixture_close(&w.f);
    new_key_in_place(&w);
    world_open(&w);
    check_byte(&w.f, "file", 0, 'x');
    world_end(&w);
}

/* A listing in pages, of which the first has names of others alone. */
static void test_check_missing_pages(void)
{
    struct world w;
    char path[160];
    below_start(&w);
    fill(&w.f, "file", 1, 'x');
    for (unsigned i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "%s/others %u", w.folder, i);
        write_file(path, "", 0, 0600);
    }
    fixture_close(&w.f);
    check_path(&w, "", path);
    CHECK_INT(unlink(path), 0);
    below.is_slow = true;
    world_open(&w);
    CHECK_INT(try_access(&w.f, "other", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"keys", test_keys},
    {"the check file is missing", test_check_missing},
    {"the check file was cut off", test_check_cut},
    {"two begin", test_two_begin},
    {"another key", test_key_change},
    {"the check file is durable", test_durable},
    {"a flush of it fails", test_flush_fails},
    {"a rename that was made fails", test_rename_lies},
    {"the check file is missing, listed in pages", test_check_missing_pages},
};
TEST_MAIN(cases)
