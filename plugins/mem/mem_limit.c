/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the server may take: that of the machine, or what its control groups leave it. */
#include "mem_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)

#include <windows.h>

uint64_t memfs_memory_bytes(const char *cgroups, const char *mount)
{
    MEMORYSTATUSEX ms = {.dwLength = sizeof(ms)};
    (void)cgroups, (void)mount;
    return GlobalMemoryStatusEx(&ms) ? ms.ullTotalPhys : 0;
}

#else

#include <unistd.h>

#define PATH_BYTES 4096

/* The number in that file; a file that is not there, or says "max", sets no limit. */
static uint64_t limit_read(const char *path)
{
    char text[32] = "";
    FILE *f = fopen(path, "re");
    if (!f) {
        return UINT64_MAX;
    }
    char *got = fgets(text, sizeof(text), f);
    fclose(f);
    char *end;
    unsigned long long n = got ? strtoull(text, &end, 10) : 0;
    return got && end != text ? n : UINT64_MAX;
}

/* The least of a group's limit and those of the groups around it. Inside a container only some of
 * them are to be seen, or its own alone at the top. */
static uint64_t limit_of(const char *mount, char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[PATH_BYTES];
        int n = snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
        uint64_t limit = n > 0 && n < PATH_BYTES ? limit_read(path) : UINT64_MAX;
        least = limit < least ? limit : least;
        char *slash = strrchr(group, '/');
        if (!slash) {
            return least;
        }
        *slash = 0;
    }
}

/* A line of cgroups(7), "number:controllers:group": of the one hierarchy, or of memory's own. */
static uint64_t limit_of_line(const char *mount, char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(++controllers, ':') : NULL;
    if (!group) {
        return UINT64_MAX;
    }
    *group++ = 0;
    group[strcspn(group, "\n")] = 0;
    if (!controllers[0]) {
        return limit_of(mount, group, "memory.max");
    }
    char own[PATH_BYTES];
    int n = snprintf(own, sizeof(own), "%s/memory", mount);
    bool is_memory = strcmp(controllers, "memory") == 0 && n > 0 && n < PATH_BYTES;
    return is_memory ? limit_of(own, group, "memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t memfs_memory_bytes(const char *cgroups, const char *mount)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t least =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    char line[PATH_BYTES];
    FILE *f = fopen(cgroups, "re");
    while (f && fgets(line, sizeof(line), f)) {
        uint64_t limit = limit_of_line(mount, line);
        least = limit < least ? limit : least;
    }
    if (f) {
        fclose(f);
    }
    return least == UINT64_MAX ? 0 : least;
}

#endif
