/* SPDX-License-Identifier: Apache-2.0 */
#include "encrypt_fixture.h"

static void test_keys(void)
{
    struct world w;
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
    struct world w;
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
    struct world w;
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
    struct world w;
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
    struct world w;
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

static const struct test_case cases[] = {
    {"keys", test_keys},
    {"the check file is missing", test_check_missing},
    {"the check file was cut off", test_check_cut},
    {"two begin", test_two_begin},
    {"another key", test_key_change},
};
TEST_MAIN(cases)
