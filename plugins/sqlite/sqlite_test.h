/* SPDX-License-Identifier: Apache-2.0 */
/* A database in a folder of its own, and a volume of it. */
#pragma once

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfs_fixture.h"

const struct smbkit_plugin *smbkit_static_sqlite(const struct smbkit_host_table *api);

struct made {
    char folder[64];
    char path[96];
    char queries[96];
    struct fixture f;
    struct smbkit_arg args[5];
};

/* By another connection, as another process has it. */
static void run_sql(const struct made *m, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;
    CHECK_INT(sqlite3_open(m->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_busy_timeout(db, 30000), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, &error), SQLITE_OK);
    CHECK_STR(error ? error : "", "");
    sqlite3_free(error);
    sqlite3_close(db);
}

/* The first value of a result, as text; "none" without one. */
static void check_sql(const struct made *m, const char *sql, const char *want)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    test_context("%s", sql);
    CHECK_INT(sqlite3_open(m->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    int has_row = stmt && sqlite3_step(stmt) == SQLITE_ROW;
    const char *is = has_row ? (const char *)sqlite3_column_text(stmt, 0) : "none";
    CHECK_STR(is ? is : "NULL", want);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    test_context("%s", "");
}

static void write_host(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static bool made_begin_busy(struct made *m, const char *sql, const char *busy)
{
    *m = (struct made){.folder = "/tmp/smbkit-sqlite-XXXXXX"};
    if (!mkdtemp(m->folder)) {
        return false;
    }
    snprintf(m->path, sizeof(m->path), "%s/a.db", m->folder);
    snprintf(m->queries, sizeof(m->queries), "%s/queries", m->folder);
    CHECK_INT(mkdir(m->queries, 0700), 0);
    write_host(m->queries, "big ones.sql", "SELECT k FROM t WHERE k > 1;\n");
    run_sql(m, sql);
    m->args[0] = (struct smbkit_arg){"file", m->path};
    m->args[1] = (struct smbkit_arg){"queries", m->queries};
    m->args[2] = (struct smbkit_arg){"time", "2s"};
    m->args[3] = (struct smbkit_arg){"size", "4096"};
    m->args[4] = (struct smbkit_arg){"busy", busy};
    m->f = (struct fixture){.args = m->args, .arg_count = 5};
    return fixture_open(&m->f, smbkit_static_sqlite(smbkit_api), false);
}

static bool made_begin(struct made *m, const char *sql)
{
    return made_begin_busy(m, sql, "60s");
}

static void made_end(struct made *m)
{
    char command[160];
    fixture_close(&m->f);
    snprintf(command, sizeof(command), "rm -r '%s'", m->folder);
    CHECK_INT(system(command), 0);
}
