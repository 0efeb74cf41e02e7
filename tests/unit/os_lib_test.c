/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"
#include "test.h"

static void open_and_find(void)
{
    struct os_lib *lib;
    char *err;
    REQUIRE(os_lib_open("libm.so.6", &lib, &err) == 0);
    CHECK(lib && !err);
    double (*root)(double) = (double (*)(double))(uintptr_t)os_lib_symbol(lib, "sqrt");
    CHECK(root && root(9.0) == 3.0);
    CHECK(os_lib_symbol(lib, "smbkit_no_such_symbol") == NULL);
    os_lib_close(lib);
    os_lib_close(NULL);
}

static void open_fails(void)
{
    static const struct {
        const char *path;
        int want;
        const char *text;
    } cases[] = {
        {"/nonexistent/x.so", -ENOENT, "/nonexistent/x.so"},
        {"/dev/null", -OS_NOT_REGULAR, "/dev/null"},
        {"libsmbkit-nonexistent.so", -ENOEXEC, "libsmbkit-nonexistent.so"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct os_lib *lib = NULL;
        char *err = NULL;
        test_context("%s", cases[i].path);
        CHECK_INT(os_lib_open(cases[i].path, &lib, &err), cases[i].want);
        CHECK(lib == NULL);
        CHECK(err && strstr(err, cases[i].text));
        mem_free(err);
    }
    struct os_lib *lib;
    char *err;
    mem_fail_nth(1);
    CHECK_INT(os_lib_open("libm.so.6", &lib, &err), -ENOMEM);
    CHECK(lib == NULL);
    CHECK_STR(err, "no memory");
    mem_free(err);
}

static const struct test_case cases[] = {
    {"open_and_find", open_and_find},
    {"open_fails", open_fails},
};
TEST_MAIN(cases)
