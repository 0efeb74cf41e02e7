/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#define LOG_MODULE LOG_VFS

#include "test.h"

static char last[2048];
static enum log_level last_level;
static enum log_module last_module;
static uint64_t last_conn;
static unsigned lines;

static void sink(void *arg, enum log_level level, enum log_module module, const struct log_ctx *ctx,
                 const char *text)
{
    CHECK(arg == last);
    lines++;
    last_level = level;
    last_module = module;
    last_conn = ctx ? ctx->conn_id : 0;
    snprintf(last, sizeof(last), "%s", text);
}

static void all_levels(enum log_level level)
{
    log_set_sink(sink, last);
    log_set_level(LOG_MODULES, level);
    lines = 0;
}

static void levels(void)
{
    for (unsigned level = LOG_ERROR; level <= LOG_TRACE; level++) {
        test_context("%s", log_level_name((enum log_level)level));
        all_levels((enum log_level)level);
        log_error(NULL, "a");
        log_warn(NULL, "a");
        log_info(NULL, "a");
        log_debug(NULL, "a");
        log_trace(NULL, "a");
        CHECK_INT(lines, level + 1);
        CHECK_INT(last_level, level);
        CHECK_INT(last_module, LOG_VFS);
    }
    all_levels(LOG_WARN);
    log_set_level(LOG_SMB, LOG_TRACE);
    CHECK(log_is_on(LOG_SMB, LOG_TRACE) && !log_is_on(LOG_VFS, LOG_INFO));
}

static void text(void)
{
    struct log_ctx ctx = {.conn_id = 7};
    all_levels(LOG_INFO);
    log_info(&ctx, "opened path=%s count=%u", "a\nb\x1b[31m\x7f\tc\xc3\xa4", 3u);
    CHECK_STR(last, "opened path=a?b?[31m??c\xc3\xa4 count=3");
    CHECK_INT(last_conn, 7);
    log_info(NULL, "%s", "");
    CHECK_STR(last, "");
}

/* 1023 bytes fit, 1024 are cut. */
static void cutting(void)
{
    char big[1026];
    all_levels(LOG_INFO);
    for (size_t len = 1022; len <= 1025; len++) {
        memset(big, 'x', len);
        big[len] = '\0';
        test_context("%zu bytes", len);
        log_info(NULL, "%s", big);
        CHECK_INT(strlen(last), len < 1023 ? len : 1023);
        CHECK_STR(last + 1015, len == 1022 ? "xxxxxxx" : len == 1023 ? "xxxxxxxx" : "xxxxx...");
    }
}

static void names(void)
{
    CHECK_STR(log_level_name(LOG_TRACE), "trace");
    CHECK_STR(log_level_name((enum log_level)99), "?");
    CHECK_STR(log_module_name(LOG_BASE), "base");
    CHECK_STR(log_module_name(LOG_PLUGIN), "plugin");
    CHECK_STR(log_module_name(LOG_MODULES), "?");
}

static void parsing(void)
{
    static const char *const bad[] = {"",          ",",           "debug,",
                                      "loud",      "vfs:",        ":debug",
                                      "vfs:loud",  "files:debug", "vfs:debug,x",
                                      "vfs;debug", "vfs:debug ",  "averyveryverylongword"};
    all_levels(LOG_WARN);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_context("\"%s\"", bad[i]);
        CHECK(!log_levels_parse(bad[i]));
        CHECK(!log_is_on(LOG_VFS, LOG_INFO));
    }
    test_context("good");
    CHECK(log_levels_parse("debug"));
    CHECK(log_is_on(LOG_BASE, LOG_DEBUG) && !log_is_on(LOG_PLUGIN, LOG_TRACE));
    CHECK(log_levels_parse("info,VFS:debug,smb:Trace"));
    CHECK(log_is_on(LOG_VFS, LOG_DEBUG) && !log_is_on(LOG_VFS, LOG_TRACE));
    CHECK(log_is_on(LOG_SMB, LOG_TRACE) && !log_is_on(LOG_NET, LOG_DEBUG));
    CHECK(log_levels_parse("net:warning"));
    CHECK(log_is_on(LOG_NET, LOG_WARN) && !log_is_on(LOG_NET, LOG_INFO));
    CHECK(log_levels_parse("net:error"));
    CHECK(!log_is_on(LOG_NET, LOG_WARN) && log_is_on(LOG_SMB, LOG_TRACE));
}

static void rate(void)
{
    struct log_rate r = {0};
    unsigned untold = 99;
    for (unsigned i = 0; i < 3 * LOG_RATE_LINES; i++) {
        CHECK_INT(log_rate_allows(&r, 5000 + i, &untold), i < LOG_RATE_LINES);
        CHECK_INT(untold, 0);
    }
    CHECK(!log_rate_allows(&r, 5000 + LOG_RATE_MS - 1, &untold));
    CHECK(log_rate_allows(&r, 5000 + LOG_RATE_MS, &untold));
    CHECK_INT(untold, 2 * LOG_RATE_LINES + 1);
    CHECK(log_rate_allows(&r, 5000 + LOG_RATE_MS, &untold));
    CHECK_INT(untold, 0);
}

static const struct test_case cases[] = {
    {"levels", levels}, {"text", text},       {"cutting", cutting},
    {"names", names},   {"parsing", parsing}, {"rate", rate},
};
TEST_MAIN(cases)
