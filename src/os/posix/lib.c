/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

struct os_lib {
    void *handle;
};

/* dlopen() would wait for the other end of a pipe. A name without a slash is looked for by it. */
static bool is_special(const char *path)
{
    struct stat st;
    return strchr(path, '/') && stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* dlopen() has a text but no number: a missing file gives its errno, all else is ENOEXEC. */
static int open_error(const char *path)
{
    if (strchr(path, '/') && access(path, R_OK) != 0) {
        return -errno;
    }
    return -ENOEXEC;
}

int os_lib_open(const char *path, struct os_lib **out, char **err_r)
{
    *out = NULL;
    *err_r = NULL;
    if (is_special(path)) {
        *err_r = str_printf("%s: it is no regular file", path);
        return -OS_NOT_REGULAR;
    }
    struct os_lib *lib = mem_alloc(sizeof(*lib));
    if (!lib) {
        *err_r = str_dup("no memory");
        return -ENOMEM;
    }
    lib->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle) {
        const char *text = dlerror();
        *err_r = str_dup(text ? text : "unknown error");
        mem_free(lib);
        return open_error(path);
    }
    *out = lib;
    return 0;
}

void *os_lib_symbol(struct os_lib *lib, const char *name)
{
    return dlsym(lib->handle, name);
}

void os_lib_close(struct os_lib *lib)
{
    if (lib) {
        dlclose(lib->handle);
        mem_free(lib);
    }
}
