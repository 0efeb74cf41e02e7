/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define MIB ((uint64_t)1 << 20)

static char root[64];

/* A file below root, with the folders to it. */
static void put(const char *path, const char *text)
{
    char at[256];
    snprintf(at, sizeof(at), "%s/%s", root, path);
    for (char *p = at + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        CHECK(mkdir(at, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
    FILE *f = fopen(at, "w");
    REQUIRE(f);
    fputs(text, f);
    fclose(f);
}

static uint64_t bytes_with(const char *cgroups)
{
    char list[128];
    snprintf(list, sizeof(list), "%s/list", root);
    put("list", cgroups);
    return memfs_memory_bytes(list, root);
}

/* The limit of a container counts, wherever in the tree of groups it is. */
static void test_limits(void)
{
    strcpy(root, "/tmp/smbkit-mem-limit-XXXXXX");
    REQUIRE(mkdtemp(root));
    uint64_t all = memfs_memory_bytes("/nowhere", root);
    CHECK(all > 64 * MIB);
    put("a/b/memory.max", "max\n");
    CHECK_INT(bytes_with("0::/a/b\n"), all);
    put("a/memory.max", "33554432\n"); /* of the group around it */
    CHECK_INT(bytes_with("0::/a/b\n"), 32 * MIB);
    put("a/b/memory.max", "16777216\n");
    CHECK_INT(bytes_with("0::/a/b\n"), 16 * MIB);
    CHECK_INT(bytes_with("0::/\n"), all);
    CHECK_INT(bytes_with("0::/not/seen/from/here\n"), all);
    put("memory.max", "50331648\n"); /* a container's own, at the top */
    CHECK_INT(bytes_with("0::/not/seen/from/here\n"), 48 * MIB);
    CHECK_INT(bytes_with("nonsense\n\n::\n1:x\n"), 48 * MIB); /* "::" is the top */
    put("memory.max", "max\n");
    put("memory/c/memory.limit_in_bytes", "25165824\n");
    put("memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    CHECK_INT(bytes_with("4:memory:/c/d\n3:cpu:/c\n"), 24 * MIB);
    CHECK_INT(bytes_with("4:memory:/\n"), all);
    CHECK_INT(bytes_with("4:cpu:/c\n"), all);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", root);
    CHECK_INT(system(command), 0);
}

static const struct test_case cases[] = {{"limits of control groups", test_limits}};
TEST_MAIN(cases)
