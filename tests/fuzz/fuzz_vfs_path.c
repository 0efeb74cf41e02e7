/* SPDX-License-Identifier: Apache-2.0 */
/* vfs_path_parse over any bytes: what it accepts is normalised. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/path.h"
#include "vfs/vfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
    size_t depth = *path != '\0';
    for (const char *s = path; *s; s++) {
        depth += *s == '/';
        bool is_start = s == path || s[-1] == '/';
        ASSERT(*s != '\\' && *s != ':');
        ASSERT(!(is_start && *s == '/'));
        ASSERT(!(is_start && s[0] == '.' && (s[1] == '/' || s[1] == '\0')));
        ASSERT(!(is_start && s[0] == '.' && s[1] == '.' && (s[2] == '/' || s[2] == '\0')));
        ASSERT(!(*s == '/' && s[1] == '\0'));
    }
    ASSERT(depth <= PATH_DEPTH_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vfs_path p;
    CLEANUP_MEM char *name = str_ndup((const char *)data, size);
    if (name && SMBKIT_OK(vfs_path_parse(name, &p))) {
        check_path(p.path);
        ASSERT(!p.stream || *p.stream);
        vfs_path_fini(&p);
    }
    return 0;
}
