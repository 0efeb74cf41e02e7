/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite, through the whole of vfs. What the program sqlite3 says is compared in the scenario
 * "sqlite". */
#include "sqlite_test.h"

static void check_content(struct made *m, const char *path, const char *want)
{
    char buf[1024] = "";
    test_context("%s", path);
    struct vfs_open *o = must_open(&m->f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(read_at(&m->f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        CHECK_STR(buf, want);
        must_close(&m->f, o);
    }
    test_context("%s", "");
}

static void check_open(struct made *m, const char *path, smbkit_status want)
{
    test_context("%s", path);
    struct vfs_create_in in = create_in(&m->f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_DATA;
    CHECK_INT(try_open(&m->f, &in), want);
    test_context("%s", "");
}

/* Writes a file as a whole; what its open, or the close, answers. */
static smbkit_status put(struct made *m, const char *path, uint32_t disposition, const char *text)
{
    struct vfs_create_in in = create_in(&m->f, path);
    struct vfs_create_out out;
    in.disposition = disposition;
    smbkit_status st = vfs_create(&m->f.call, &in, &out);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (*text) {
        CHECK_INT(write_at(&m->f, out.open, 0, text), SMBKIT_STATUS_SUCCESS);
    }
    return vfs_close(&m->f.call, out.open, NULL);
}

static smbkit_status erase(struct made *m, const char *path)
{
    struct vfs_create_in in = create_in(&m->f, path);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_DELETE;
    in.options = VFS_DELETE_ON_CLOSE;
    smbkit_status st = vfs_create(&m->f.call, &in, &out);
    return SMBKIT_OK(st) ? vfs_close(&m->f.call, out.open, NULL) : st;
}

static smbkit_status move(struct made *m, const char *path, const char *to, bool replaces)
{
    struct vfs_open *o = must_open(&m->f, path, SMBKIT_DELETE, SMBKIT_OPEN, 0);
    smbkit_status st =
        o ? vfs_rename(&m->f.call, o, to, replaces) : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    must_close(&m->f, o);
    return st;
}

static void test_content(void)
{
    struct made m;
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s TEXT, b BLOB, r REAL);"
                           "INSERT INTO t VALUES(1, 'a\"b,c', x'00ff41', 0.1), (2, '', NULL, 2), "
                           "(4, CAST(x'ff' AS TEXT), NULL, -1e999);"
                           "CREATE VIEW w AS SELECT s FROM t WHERE k = 2"));
    check_content(&m, "tables/t.csv",
                  "k,s,b,r\r\n1,\"a\"\"b,c\",base64:AP9B,0.1\r\n2,\"\",,2.0\r\n"
                  "4,\xff,,-1e999\r\n");
    check_content(&m, "tables/t.json",
                  "[\n{\"k\": 1, \"s\": \"a\\\"b,c\", \"b:base64\": \"AP9B\", \"r\": 0.1},\n"
                  "{\"k\": 2, \"s\": \"\", \"b\": null, \"r\": 2.0},\n"
                  "{\"k\": 4, \"s:text-base64\": \"/w==\", \"b\": null, \"r\": -1e999}\n]\n");
    check_content(&m, "tables/w.csv", "s\r\n\"\"\r\n");
    check_content(&m, "queries/big ones.csv", "k\r\n2\r\n4\r\n");
    check_content(&m, "queries/big ones.sql", "SELECT k FROM t WHERE k > 1;\n");
    check_content(&m, "rows/t/2.json",
                  "{\n  \"k\": 2,\n  \"s\": \"\",\n  \"b\": null,\n  \"r\": 2.0\n}\n");
    check_content(&m, "schema.sql",
                  "CREATE TABLE t(k INTEGER PRIMARY KEY, s TEXT, b BLOB, r REAL);\n"
                  "CREATE VIEW w AS SELECT s FROM t WHERE k = 2;\n");
    check_open(&m, "rows/t/3.json", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_open(&m, "rows/w", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    run_sql(&m, "INSERT INTO t VALUES(3, 'new', NULL, NULL)");
    check_content(&m, "queries/big ones.csv", "k\r\n2\r\n3\r\n4\r\n");
    check_content(&m, "rows/t/3.json",
                  "{\n  \"k\": 3,\n  \"s\": \"new\",\n  \"b\": null,\n  \"r\": null\n}\n");
    made_end(&m);
}

/* Names of tables and keys are data: nothing in them is run. */
static void test_names(void)
{
    struct made m;
    REQUIRE(made_begin(&m,
                       "CREATE TABLE \"a\"\"; DROP TABLE p; --\"(x); INSERT INTO \"a\"\"; DROP "
                       "TABLE p; --\" VALUES(7);"
                       "CREATE TABLE p(a TEXT, b, c, PRIMARY KEY(a, b));"
                       "INSERT INTO p VALUES('x,%', 5, 1), ('x,%', '5', 2), ('y', x'0A', 3), "
                       "('Y', x'0A', 4), ('z', 1.5, 5), ('a:b', '', 6), (char(0xf022), 'q', 7)"));
    check_content(&m, "tables/a\xef\x80\xa0; DROP TABLE p; --.csv", "x\r\n7\r\n");
    check_content(&m, "rows/p/x%2C%25,%i5.json",
                  "{\n  \"a\": \"x,%\",\n  \"b\": 5,\n  \"c\": 1\n}\n");
    check_content(&m, "rows/p/x%2C%25,5.json",
                  "{\n  \"a\": \"x,%\",\n  \"b\": \"5\",\n  \"c\": 2\n}\n");
    check_content(&m, "rows/p/z,%r1.5.json", "{\n  \"a\": \"z\",\n  \"b\": 1.5,\n  \"c\": 5\n}\n");
    check_content(&m, "rows/p/%59,%x0A.json",
                  "{\n  \"a\": \"Y\",\n  \"b:base64\": \"Cg==\",\n  \"c\": 4\n}\n");
    check_content(&m,
                  "rows/p/a\xef\x80\xa2"
                  "b,.json",
                  "{\n  \"a\": \"a:b\",\n  \"b\": \"\",\n  \"c\": 6\n}\n");
    check_content(&m, "rows/p/%EF%80%A2,q.json",
                  "{\n  \"a\": \"\xef\x80\xa2\",\n  \"b\": \"q\",\n  \"c\": 7\n}\n");
    check_open(&m, "rows/p/' OR 1=1 --,1.json", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_open(&m, "rows/p/x.json", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    made_end(&m);
}

/* A row has one name: others that SQL would find it by do not lead to it, nor make another. */
static void test_spellings(void)
{
    static const char *const others[] = {"rows/t/01.json",  "rows/t/1.0.json", "rows/t/%31.json",
                                         "rows/t/%i1.json", "rows/t/+1.json",  "rows/t/ 1.json"};
    struct made m;
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 2)"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        check_open(&m, others[i], SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        CHECK_INT(put(&m, others[i], SMBKIT_CREATE, "{}"), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
    CHECK_INT(put(&m, "rows/t/07.json", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(put(&m, "rows/t/x.json", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(put(&m, "rows/t/1.txt", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(put(&m, "rows/t/1,2.json", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(put(&m, "rows/t/.json", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    check_sql(&m, "SELECT count(*) FROM t", "1");
    made_end(&m);
}

/* What never ends is ended, and what is too large is refused. */
static void test_bounds(void)
{
    struct made m;
    REQUIRE(made_begin(&m,
                       "CREATE TABLE s(k INTEGER PRIMARY KEY, t TEXT);"
                       "INSERT INTO s VALUES(1, printf('%.4060c', 'x'));"
                       "CREATE TABLE l(t TEXT);"
                       "INSERT INTO l VALUES(printf('%.4095c', 'x'));"
                       "CREATE VIEW ever AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
                       "1 FROM n) SELECT count(*) FROM n;"
                       "CREATE VIEW sorts AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
                       "1 FROM n) SELECT i FROM n ORDER BY -i;"));
    check_open(&m, "tables/ever.csv", SMBKIT_STATUS_IO_TIMEOUT);
    check_open(&m, "tables/sorts.csv", SMBKIT_STATUS_IO_TIMEOUT);
    check_open(&m, "tables/l.csv", SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    struct vfs_open *o = must_open(&m.f, "tables/s.csv", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    must_close(&m.f, o);
    o = must_open(&m.f, "rows/s/2.json", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&m.f, o, 4090, "{     }"), SMBKIT_STATUS_DISK_FULL);
    must_close(&m.f, o);
    made_end(&m);
}

static void test_write(void)
{
    struct made m;
    REQUIRE(made_begin(&m,
                       "CREATE TABLE t(k INTEGER PRIMARY KEY, s TEXT DEFAULT 'none', b, n INTEGER "
                       "NOT NULL DEFAULT 5, g AS (k + 1), CHECK (n < 100));"
                       "INSERT INTO t(k, s) VALUES(1, 'one')"));
    CHECK_INT(put(&m, "rows/t/2.json", SMBKIT_CREATE,
                  "\xef\xbb\xbf{\"s\": \"z\\u00fc\\ud83d\\ude00\\n\", \"b:base64\": \"AP9B\", "
                  "\"n\": 7, \"g\": 9, \"k\": 99}\r\n"),
              SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s || hex(b) || n || k || g FROM t WHERE k = 2",
              "z\xc3\xbc\xf0\x9f\x98\x80\n00FF41723");
    CHECK_INT(put(&m, "rows/t/3.json", SMBKIT_CREATE, "{}"), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s || n FROM t WHERE k = 3", "none5");
    CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE, "{\"b\": 1.5e2, \"k\": 1}"),
              SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s || typeof(b) || b FROM t WHERE k = 1", "onereal150.0");
    CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE_IF, "{\"b\": 9223372036854775808}"),
              SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT typeof(b) FROM t WHERE k = 1", "real");
    CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE, "{\"b\": true, \"s\": null}"),
              SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT typeof(b) || coalesce(s, '-') FROM t WHERE k = 1", "integer-");
    CHECK_INT(move(&m, "rows/t/1.json", "rows/t/10.json", false), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT group_concat(k) FROM (SELECT k FROM t ORDER BY k)", "2,3,10");
    CHECK_INT(move(&m, "rows/t/10.json", "rows/t/3.json", false),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(move(&m, "rows/t/10.json", "rows/t/3.json", true), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT group_concat(k || coalesce(s, '-')) FROM t WHERE k > 2", "3-");
    CHECK_INT(move(&m, "rows/t/3.json", "rows/t/03.json", false),
              SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(erase(&m, "rows/t/3.json"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(erase(&m, "rows/t/3.json"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_sql(&m, "SELECT count(*) FROM t", "1");
    made_end(&m);
}

/* What cannot be saved fails the CLOSE, and what was there stays. */
static void test_write_refused(void)
{
    static const struct {
        const char *text;
        smbkit_status want;
    } rows[] = {{"{\"n\": null}", SMBKIT_STATUS_INVALID_PARAMETER},
                {"{\"n\": 100}", SMBKIT_STATUS_INVALID_PARAMETER},
                {"{\"n\": 1, \"u\": 7}", SMBKIT_STATUS_OBJECT_NAME_COLLISION},
                {"{\"other\": 1}", SMBKIT_STATUS_DATA_ERROR},
                {"{\"n\": 1, \"n\": 2}", SMBKIT_STATUS_DATA_ERROR},
                {"{\"n\": [1]}", SMBKIT_STATUS_DATA_ERROR},
                {"{\"n\": 01}", SMBKIT_STATUS_DATA_ERROR},
                {"{\"u:base64\": \"A\"}", SMBKIT_STATUS_DATA_ERROR},
                {"{\"n\": 1", SMBKIT_STATUS_DATA_ERROR},
                {"{\"n\": 1} x", SMBKIT_STATUS_DATA_ERROR},
                {"n = 1", SMBKIT_STATUS_DATA_ERROR}};
    struct made m;
    REQUIRE(made_begin(&m,
                       "CREATE TABLE t(k INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 5 CHECK "
                       "(n < 100), u UNIQUE); INSERT INTO t VALUES(1, 1, 1), (7, 7, 7);"
                       "CREATE TABLE r(k PRIMARY KEY REFERENCES t); INSERT INTO r VALUES(7)"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s", rows[i].text);
        CHECK_INT(put(&m, "rows/t/2.json", SMBKIT_CREATE, rows[i].text), rows[i].want);
        CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE, rows[i].text), rows[i].want);
        test_context("%s", "");
        check_open(&m, "rows/t/2.json", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        check_content(&m, "rows/t/1.json", "{\n  \"k\": 1,\n  \"n\": 1,\n  \"u\": 1\n}\n");
    }
    CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE, "{\"k\": 3}"),
              SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(erase(&m, "rows/t/7.json"), SMBKIT_STATUS_CANNOT_DELETE);
    check_sql(&m, "SELECT group_concat(k || n || u) FROM t", "111,777");
    struct vfs_create_in in = create_in(&m.f, "rows/t/folder");
    in.options = VFS_DIRECTORY_FILE;
    CHECK_INT(try_open(&m.f, &in), SMBKIT_STATUS_ACCESS_DENIED);
    in = create_in(&m.f, "tables/new.csv");
    CHECK_INT(try_open(&m.f, &in), SMBKIT_STATUS_ACCESS_DENIED);
    made_end(&m);
}

/* What a table says of collations and conflicts makes no other row go. */
static void test_others_stay(void)
{
    struct made m;
    REQUIRE(made_begin(&m,
                       "CREATE TABLE t(k TEXT COLLATE NOCASE, v, PRIMARY KEY(k COLLATE BINARY));"
                       "INSERT INTO t VALUES('x', 1), ('X', 2);"
                       "CREATE TABLE r(k INTEGER PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON "
                       "CONFLICT REPLACE); INSERT INTO r VALUES(1, 1), (2, 2)"));
    CHECK_INT(put(&m, "rows/t/%58.json", SMBKIT_OVERWRITE, "{\"v\": 3}"), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT group_concat(k || v) FROM (SELECT * FROM t ORDER BY v)", "x1,X3");
    CHECK_INT(erase(&m, "rows/t/%58.json"), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT group_concat(k || v) FROM t", "x1");
    CHECK_INT(put(&m, "rows/r/1.json", SMBKIT_OVERWRITE, "{\"u\": 2}"),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(put(&m, "rows/r/3.json", SMBKIT_CREATE, "{\"u\": 2}"),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    check_sql(&m, "SELECT group_concat(k || u) FROM r", "11,22");
    made_end(&m);
}

static smbkit_status flush(struct made *m, struct vfs_open *o)
{
    struct vfs_io io;
    vfs_io_init(&io);
    smbkit_status st = vfs_flush(&m->f.call, o, &io);
    vfs_io_fini(&io);
    return st;
}

/* FLUSH brings it to the database; one that fails loses nothing. An empty new file is none yet. */
static void test_flush(void)
{
    struct made m;
    char buf[64];
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s)"));
    struct vfs_open *o = must_open(&m.f, "rows/t/1.json", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&m.f, o, 0, "{\"s\":"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(flush(&m, o), SMBKIT_STATUS_DATA_ERROR);
    CHECK_INT(write_at(&m.f, o, 5, " \"it\"}"), SMBKIT_STATUS_SUCCESS);
    struct vfs_open *other = must_open(&m.f, "rows/t/1.json", RW, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(&m.f, other, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "{\"s\": \"it\"}"); /* it is one file for those who have it open */
    CHECK_INT(flush(&m, o), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s FROM t", "it");
    must_close(&m.f, o);
    must_close(&m.f, other);
    must_close(&m.f, must_open(&m.f, "rows/t/2.json", RW, SMBKIT_CREATE, 0));
    check_sql(&m, "SELECT count(*) FROM t", "1");
    run_sql(&m, "INSERT INTO t VALUES(5, 5)");
    check_open(&m, "rows/t/2.json", SMBKIT_STATUS_SUCCESS);
    CHECK_INT(move(&m, "rows/t/2.json", "rows/t/3.json", false), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(put(&m, "rows/t/3.json", SMBKIT_OPEN, "{\"s\": 3}"), SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s FROM t WHERE k = 3", "3");
    must_close(&m.f, must_open(&m.f, "rows/t/4.json", RW, SMBKIT_CREATE, 0));
    CHECK_INT(erase(&m, "rows/t/4.json"), SMBKIT_STATUS_SUCCESS);
    check_open(&m, "rows/t/4.json", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    made_end(&m);
}

/* The row is deleted, or added, by another meanwhile: who writes is told. */
static void test_race(void)
{
    struct made m;
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)"));
    struct vfs_open *o = must_open(&m.f, "rows/t/1.json", RW, SMBKIT_OVERWRITE, 0);
    CHECK_INT(write_at(&m.f, o, 0, "{\"s\": 2}"), SMBKIT_STATUS_SUCCESS);
    run_sql(&m, "DELETE FROM t");
    CHECK_INT(vfs_close(&m.f.call, o, NULL), SMBKIT_STATUS_FILE_DELETED);
    o = must_open(&m.f, "rows/t/2.json", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&m.f, o, 0, "{\"s\": 2}"), SMBKIT_STATUS_SUCCESS);
    run_sql(&m, "INSERT INTO t VALUES(2, 'other')");
    CHECK_INT(vfs_close(&m.f.call, o, NULL), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    check_sql(&m, "SELECT s FROM t", "other");
    check_open(&m, "rows/t/2.json", SMBKIT_STATUS_SUCCESS);
    run_sql(&m, "DELETE FROM t");
    smbkit_status st =
        SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* once more where it was listed still */
    for (int i = 0; i < 2 && st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; i++) {
        st = put(&m, "rows/t/2.json", SMBKIT_OVERWRITE_IF, "{\"s\": 3}");
    }
    CHECK_INT(st, SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s FROM t", "3");
    made_end(&m);
}

/* Another holds the lock for longer than busy=; then it does not. */
static void test_locked(void)
{
    struct made m;
    sqlite3 *db = NULL;
    REQUIRE(made_begin_busy(
        &m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)", "500ms"));
    check_open(&m, "rows/t/1.json", SMBKIT_STATUS_SUCCESS);
    struct vfs_open *o = must_open(&m.f, "rows/t/2.json", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&m.f, o, 0, "{\"s\": 2}"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(sqlite3_open(m.path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 30000);
    CHECK_INT(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    check_open(&m, "tables/t.csv", SMBKIT_STATUS_SHARING_VIOLATION);
    check_open(&m, "rows/t/1.json", SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(erase(&m, "rows/t/1.json"), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(flush(&m, o), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    must_close(&m.f, o);
    check_sql(&m, "SELECT s FROM t WHERE k = 2", "2");
    made_end(&m);
}

/* The database is gone, is another, is none. */
static void test_replaced(void)
{
    struct made m;
    char other[128];
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)"));
    check_content(&m, "tables/t.csv", "k,s\r\n1,1\r\n");
    snprintf(other, sizeof(other), "%s/other", m.folder);
    CHECK_INT(rename(m.path, other), 0);
    check_open(&m, "tables/t.csv", SMBKIT_STATUS_SERVER_UNAVAILABLE);
    run_sql(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 'new')");
    check_content(&m, "tables/t.csv", "k,s\r\n1,new\r\n");
    CHECK_INT(put(&m, "rows/t/1.json", SMBKIT_OVERWRITE, "{\"s\": \"newer\"}"),
              SMBKIT_STATUS_SUCCESS);
    check_sql(&m, "SELECT s FROM t", "newer");
    unlink(m.path);
    write_host(m.folder, "a.db",
               "this is no database, but text of more than a hundred bytes, so "
               "that it could have the header of one: it has not");
    check_open(&m, "tables/t.csv", SMBKIT_STATUS_DATA_ERROR);
    made_end(&m);
}

/* Waits for it: the watcher looks three times a second. */
static bool comes(struct made *m, const char *path)
{
    for (int i = 0; i < 600; i++) {
        struct vfs_create_in in = create_in(&m->f, path);
        in.disposition = SMBKIT_OPEN;
        in.desired_access = SMBKIT_READ_ATTRIBUTES;
        if (SMBKIT_OK(try_open(&m->f, &in))) {
            return true;
        }
        usleep(100000);
    }
    return false;
}

static void test_queries(void)
{
    struct made m;
    char path[128];
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)"));
    CHECK_INT(put(&m, "queries/all.sql", SMBKIT_CREATE, "SELECT * FROM t"), SMBKIT_STATUS_SUCCESS);
    check_content(&m, "queries/all.csv", "k,s\r\n1,1\r\n");
    check_content(&m, "queries/all.json", "[\n{\"k\": 1, \"s\": 1}\n]\n");
    snprintf(path, sizeof(path), "%s/all.sql", m.queries);
    CHECK_INT(access(path, R_OK), 0);
    CHECK_INT(put(&m, "queries/all.sql", SMBKIT_OVERWRITE, "SELECT s FROM t"),
              SMBKIT_STATUS_SUCCESS);
    check_content(&m, "queries/all.csv", "s\r\n1\r\n");
    CHECK_INT(move(&m, "queries/all.sql", "queries/some.sql", false), SMBKIT_STATUS_SUCCESS);
    CHECK(comes(&m, "queries/some.csv"));
    check_open(&m, "queries/all.csv", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(put(&m, "queries/.x.sql", SMBKIT_CREATE, ""), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(put(&m, "queries/x.txt", SMBKIT_CREATE, ""), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    write_host(m.queries, "of the host.sql", "SELECT 5 AS five");
    CHECK(comes(&m, "queries/of the host.csv"));
    CHECK_INT(erase(&m, "queries/some.sql"), SMBKIT_STATUS_SUCCESS);
    snprintf(path, sizeof(path), "%s/some.sql", m.queries);
    CHECK_INT(access(path, F_OK), -1);
    made_end(&m);
}

/* What a query of a client may not do, some of which shows only when it is run. */
static void test_queries_refused(void)
{
    static const struct {
        const char *sql;
        bool is_saved;
    } rows[] = {{"DELETE FROM t", false},
                {"SELECT 1; SELECT 2", false},
                {"ATTACH 'other' AS o", false},
                {"PRAGMA journal_mode", false},
                {"SELECT * FROM nothing", false},
                {"WITH x AS (SELECT 1) DELETE FROM t RETURNING 1", false},
                {"UPDATE sqlite_master SET sql = ''", false},
                {"-- nothing", false},
                {"EXPLAIN SELECT 1", false}, /* which shows addresses */
                {"SELECT fts3_tokenizer('simple')", false},
                {"SELECT load_extension('x')", true},
                {"SELECT * FROM pragma_database_list", true}};
    struct made m;
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s", rows[i].sql);
        smbkit_status st = put(&m, "queries/x.sql", SMBKIT_CREATE, rows[i].sql);
        CHECK_INT(SMBKIT_OK(st), rows[i].is_saved);
        write_host(m.queries, "x.sql", rows[i].sql);
        CHECK(comes(&m, "queries/x.csv"));
        struct vfs_create_in in = create_in(&m.f, "queries/x.csv");
        in.disposition = SMBKIT_OPEN;
        in.desired_access = SMBKIT_READ_DATA;
        CHECK(!SMBKIT_OK(try_open(&m.f, &in)));
        CHECK_INT(erase(&m, "queries/x.sql"), SMBKIT_STATUS_SUCCESS);
    }
    test_context("%s", "");
    check_sql(&m, "SELECT count(*) FROM t", "1");
    made_end(&m);
}

/* Another process changes what is listed, and what is open. */
static void test_changes(void)
{
    struct made m;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    REQUIRE(made_begin(&m, "CREATE TABLE t(k INTEGER PRIMARY KEY, s); INSERT INTO t VALUES(1, 1)"));
    struct vfs_open *o = must_open(&m.f, "rows/t/1.json", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    run_sql(&m, "UPDATE t SET s = 'another'; CREATE TABLE later(k PRIMARY KEY)");
    CHECK(comes(&m, "rows/later"));
    bool is_seen = false;
    for (int i = 0; i < 600 && !is_seen; i++) { /* who opens it anew gets what is there now */
        char buf[64] = "";
        struct vfs_open *again = must_open(&m.f, "rows/t/1.json", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
        CHECK_INT(read_at(&m.f, again, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        is_seen = strstr(buf, "another") != NULL;
        CHECK_INT(vfs_getattr(&m.f.call, again, 0, &attr), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(is_seen ? attr.size : strlen(buf), strlen(buf));
        must_close(&m.f, again);
        usleep(is_seen ? 0 : 100000);
    }
    CHECK(is_seen);
    must_close(&m.f, o);
    made_end(&m);
}

static void test_arguments(void)
{
    static const struct {
        const char *key;
        const char *value;
        const char *want;
    } rows[] = {{"file", "/nowhere/a.db", "No such file"},
                {"file", "/etc/passwd", "not a database"},
                {"file", "/tmp", "not a file"},
                {"queries", "/nowhere", "No such file"},
                {"queries", "/etc/passwd", "not a folder"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        char err[256] = "";
        test_context("%s=%s", rows[i].key, rows[i].value);
        REQUIRE(made_begin(&m, "CREATE TABLE t(a)"));
        struct smbkit_arg args[] = {m.args[0], {rows[i].key, rows[i].value}};
        uint32_t from = strcmp(rows[i].key, "file") == 0;
        const struct vfs_layer_spec layer = {
            .plugin = m.f.plugin, .args = args + from, .arg_count = 2 - from};
        const struct vfs_volume_spec spec = {.share_name = "t", .layers = &layer, .layer_count = 1};
        struct vfs_volume *v = NULL;
        CHECK(!SMBKIT_OK(vfs_volume_open(&spec, &v, err, sizeof(err))));
        CHECK(strstr(err, rows[i].want) != NULL);
        made_end(&m);
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {
    {"what the files hold", test_content},
    {"names and keys", test_names},
    {"a row has one name", test_spellings},
    {"bounds", test_bounds},
    {"rows are written, renamed, deleted", test_write},
    {"what is refused", test_write_refused},
    {"other rows stay", test_others_stay},
    {"FLUSH, and new files that are empty", test_flush},
    {"another was there before", test_race},
    {"a lock that is held for long", test_locked},
    {"another database, or none", test_replaced},
    {"saved queries", test_queries},
    {"queries that are refused", test_queries_refused},
    {"changes by another process", test_changes},
    {"arguments", test_arguments},
};
TEST_MAIN(cases)
