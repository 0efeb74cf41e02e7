/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of plugins: values of each kind, and what a user is told of a wrong one. */
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include "vfs/plugin_args.h"

struct values {
    const char *path;
    uint32_t flag;
    uint32_t color;
    uint64_t count;
    uint64_t size;
    uint64_t wait;
};

static const char *const colors[] = {"red", "green", "blue", NULL};
static const struct smbkit_param params[] = {
    {.key = "path",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct values, path),
     .flags = SMBKIT_PARAM_REQUIRED},
    {.key = "flag", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct values, flag)},
    {.key = "color",
     .kind = SMBKIT_PARAM_CHOICE,
     .offset = offsetof(struct values, color),
     .words = colors},
    {.key = "count",
     .kind = SMBKIT_PARAM_NUMBER,
     .offset = offsetof(struct values, count),
     .min = 2,
     .max = 9},
    {.key = "size",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct values, size),
     .min = 65536},
    {.key = "wait",
     .kind = SMBKIT_PARAM_MS,
     .offset = offsetof(struct values, wait),
     .max = 3600000},
    {.key = NULL}};

struct taken {
    smbkit_status status;
    struct values v;
    char err[512];
};

static struct taken take(const struct smbkit_arg *list, uint32_t count, size_t err_size)
{
    struct taken t = {.v = {.color = 2, .count = 5}};
    const struct smbkit_volume_args args = {.struct_size = sizeof(args),
                                            .args = list,
                                            .arg_count = count,
                                            .error = t.err,
                                            .error_size = (uint32_t)err_size};
    t.status = plugin_args_take(&args, params, sizeof(params[0]), &t.v);
    return t;
}

static void test_values(void)
{
    const struct smbkit_arg list[] = {{"path", "/a b"}, {"flag", "Yes"}, {"color", "GREEN"},
                                      {"count", "2"},   {"count", "9"},  {"size", "1G"},
                                      {"wait", "1h"}};
    struct taken t = take(list, ARRAY_LEN(list), sizeof(t.err));
    CHECK_INT(t.status, SMBKIT_STATUS_SUCCESS);
    CHECK(str_eq(t.v.path, "/a b"));
    CHECK_INT(t.v.flag, 1);
    CHECK_INT(t.v.color, 1);
    CHECK_INT(t.v.count, 9);
    CHECK_INT(t.v.size, 1 << 30);
    CHECK_INT(t.v.wait, 3600000);
    t = take(list, 1, sizeof(t.err));
    CHECK_INT(t.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(t.v.color, 2); /* defaults stay */
    CHECK_INT(t.v.count, 5);
}

static void test_refused(void)
{
    static const struct {
        struct smbkit_arg arg;
        const char *says;
    } rows[] = {
        {{"colour", "red"},
         "there is no argument \"colour\"; did you mean \"color\"? there is path, flag, color, "
         "count, size or wait"},
        {{"zzz", "1"}, "there is no argument \"zzz\"; there is path, flag, color"},
        {{"color", "gren"}, "color=gren: did you mean \"green\"? it is red, green or blue"},
        {{"color", ""}, "color=: it is red, green or blue"},
        {{"flag", "maybe"}, "flag=maybe: it is yes or no"},
        {{"count", "1"}, "count=1: it is a number from 2 to 9"},
        {{"count", "10"}, "count=10: it is a number from 2 to 9"},
        {{"count", "5x"}, "count=5x: it is"},
        {{"count", "-5"}, "count=-5: it is"},
        {{"count", "99999999999999999999"}, "count=99999999999999999999: it is"},
        {{"size", "65535"}, "size=65535: it is a number such as 500, 64K, 20M or 1G from 64K on"},
        {{"size", "17000000T"}, "size=17000000T: it is"},
        {{"wait", "3600001"}, "wait=3600001: it is a time such as 250ms, 2s, 5m or 1h up to 1h"},
        {{"wait", "2 s"}, "wait=2 s: it is a time"},
        {{"wait", "ms"}, "wait=ms: it is a time"},
        {{"flag", "yes"}, "path= is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct taken t = take(&rows[i].arg, 1, sizeof(t.err));
        test_context("%s=%s", rows[i].arg.key, rows[i].arg.value);
        CHECK_INT(t.status, SMBKIT_STATUS_INVALID_PARAMETER);
        if (!str_has_prefix(t.err, rows[i].says)) {
            test_fail(__FILE__, __LINE__, "it says: %s", t.err);
        }
    }
}

/* Whatever the room, a message ends within it, and a list that was cut says so. */
static void test_short_room(void)
{
    const struct smbkit_arg arg = {"colour", "red"};
    for (size_t room = 1; room < 120; room++) {
        struct taken t = take(&arg, 1, room);
        size_t len = str_len(t.err);
        test_context("%zu bytes", room);
        CHECK(len < room);
        CHECK(room < 75 || str_has_char(t.err, '?'));
        CHECK(room < 90 || str_eq(t.err + len - 4, "wait") || str_eq(t.err + len - 3, "..."));
    }
}

/* Rows of a plugin that was built with shorter or longer ones. */
static void test_other_rows(void)
{
    struct {
        struct smbkit_param p;
        uint64_t later;
    } longer[2] = {{.p = {.key = "n", .kind = SMBKIT_PARAM_NUMBER, .max = 7}, .later = ~0ull}};
    struct {
        const char *key;
        uint32_t kind;
        uint32_t offset;
        uint64_t min;
        uint64_t max;
    } shorter[2] = {{"n", SMBKIT_PARAM_NUMBER, 0, 0, 7}};
    const struct smbkit_arg arg = {"n", "7"};
    const struct smbkit_arg unknown = {"m", "7"};
    char err[256];
    struct smbkit_volume_args args = {
        .args = &arg, .arg_count = 1, .error = err, .error_size = sizeof(err)};
    uint64_t n = 0;
    CHECK_INT(plugin_arg_take(&args, 0, &longer[0].p, sizeof(longer[0]), &n), 0);
    CHECK_INT(n, 7);
    n = 0;
    CHECK_INT(plugin_arg_take(&args, 0, (const void *)shorter, sizeof(shorter[0]), &n), 0);
    CHECK_INT(n, 7);
    args.args = &unknown;
    CHECK(plugin_arg_take(&args, 0, &longer[0].p, sizeof(longer[0]), &n) < 0);
    longer[0].p.kind = 99;
    args.args = &arg;
    CHECK(plugin_arg_take(&args, 0, &longer[0].p, sizeof(longer[0]), &n) < 0);
}

/* Slips in a plugin's table end in a sentence, whichever argument is given, and never in a crash.
 */
static void test_slips(void)
{
    static const struct {
        struct smbkit_param p;
        const char *says; /* NULL: taken */
    } rows[] = {
        {{.key = "x", .kind = 99}, "x: the plugin wants a kind of argument"},
        {{.key = "x", .kind = SMBKIT_PARAM_CHOICE, .offset = 8},
         "x: the plugin's table has no words"},
        {{.key = "x", .kind = SMBKIT_PARAM_NUMBER, .offset = 10},
         "x: the plugin's table has an offset"},
        {{.key = "x", .kind = SMBKIT_PARAM_FLAG, .offset = 1u << 20},
         "x: the plugin's table has an offset"},
        {{.key = "x", .kind = SMBKIT_PARAM_FLAG, .offset = 4},
         "x: the plugin's table puts it where \"n\""},
        {{.key = "x", .kind = SMBKIT_PARAM_SIZE}, "x: the plugin's table puts it where \"n\""},
        {{.key = "x", .kind = SMBKIT_PARAM_NUMBER}, NULL}, /* another name of n */
        {{.key = "x", .kind = SMBKIT_PARAM_FLAG, .offset = 8}, NULL},
    };
    const struct smbkit_arg arg = {"n", "7"};
    char err[256];
    const struct smbkit_volume_args args = {
        .args = &arg, .arg_count = 1, .error = err, .error_size = sizeof(err)};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t values[2] = {0};
        const struct smbkit_param table[] = {
            {.key = "n", .kind = SMBKIT_PARAM_NUMBER}, rows[i].p, {.key = NULL}};
        test_context("row %zu", i);
        smbkit_status st = plugin_args_take(&args, table, sizeof(table[0]), values);
        CHECK_INT(st, rows[i].says ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS);
        CHECK(!rows[i].says || str_has_prefix(err, rows[i].says));
        CHECK_INT(values[0], rows[i].says ? 0 : 7);
        CHECK_INT(plugin_arg_take(&args, 0, table, sizeof(table[0]), values),
                  rows[i].says ? -1 : 0);
    }
}

static void test_nothing_there(void)
{
    const struct smbkit_arg arg = {"n", "7"};
    char err[256];
    struct smbkit_volume_args args = {.args = &arg, .error = err, .error_size = sizeof(err)};
    CHECK_INT(plugin_args_take(NULL, params, sizeof(params[0]), err),
              SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(plugin_args_take(&args, NULL, sizeof(params[0]), NULL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(plugin_args_take(&args, params, sizeof(params[0]), NULL),
              SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK(str_has_prefix(err, "the plugin has no place for the values"));
    CHECK_INT(plugin_arg_take(&args, 0, params, sizeof(params[0]), err), -1); /* there is none */
    args.arg_count = 1;
    CHECK_INT(plugin_args_take(&args, NULL, sizeof(params[0]), NULL),
              SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK(str_has_prefix(err, "there is no argument \"n\"; it takes none"));
}

static const struct test_case cases[] = {
    {"a value of each kind", test_values},
    {"what is wrong is told, with what is allowed", test_refused},
    {"a message that has little room", test_short_room},
    {"rows of other builds", test_other_rows},
    {"slips in a table", test_slips},
    {"no table, no place, no argument", test_nothing_there},
};

TEST_MAIN(cases)
