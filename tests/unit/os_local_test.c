/* SPDX-License-Identifier: Apache-2.0 */
/* The control channel when descriptors run out. */
#include "os/local.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "test.h"

/* No descriptor for the client that waits: every try takes its time, and then it is served. */
static void test_without_descriptors(void)
{
    char folder[] = "/tmp/smbkit-local-XXXXXX";
    struct os_local *l = NULL;
    struct os_local *client = NULL;
    struct os_local *conn = NULL;
    struct rlimit before;
    REQUIRE(mkdtemp(folder));
    CLEANUP_MEM char *path = str_printf("%s/control", folder);
    REQUIRE(os_local_listen(path, &l) == 0 && os_local_connect(path, &client) == 0);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    uint64_t began = os_monotonic_ms();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(os_local_accept(l, &conn), -EMFILE);
    }
    CHECK(os_monotonic_ms() - began >= 250);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_INT(os_local_accept(l, &conn), 0);
    os_local_free(conn);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    os_local_wake(l);
    CHECK_INT(os_local_accept(l, &conn), -ECANCELED); /* the end is not held up */
    setrlimit(RLIMIT_NOFILE, &before);
    os_local_free(client);
    os_local_free(l);
    rmdir(folder);
}

static const struct test_case cases[] = {{"without descriptors", test_without_descriptors}};
TEST_MAIN(cases)
