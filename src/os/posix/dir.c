/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>

#include "os/common/names.h"
#include "os/os.h"

static int names_read(DIR *dir, const char *suffix, struct names *n)
{
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(dir);
        if (!e) {
            return -errno;
        }
        int err = dir_name_add(n, e->d_name, suffix);
        if (err) {
            return err;
        }
    }
}

int os_dir_list(const char *path, const char *suffix, char ***names_r, size_t *count_r)
{
    struct names n = {0};
    *names_r = NULL;
    *count_r = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        return -errno;
    }
    int err = names_read(dir, suffix, &n);
    closedir(dir);
    if (err) {
        names_fini(&n);
        return err;
    }
    names_sort(&n);
    *names_r = n.items;
    *count_r = n.count;
    return 0;
}
