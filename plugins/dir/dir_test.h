/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of dir share: a temporary folder with a share in it and a secret beside it. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "plugin_test.h"

const struct smbkit_plugin *smbkit_static_dir(const struct smbkit_host_table *api);

struct world {
    struct pt t;
    char base[64];  /* the temporary folder */
    char share[80]; /* base/share */
    int base_fd;
    int fd; /* of share */
};

static inline void put_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        test_fail(__FILE__, __LINE__, "cannot write %s", name);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* The volume anew with two more arguments (or NULL). */
static inline bool world_mount(struct world *w, const char *arg, const char *arg2)
{
    char path[96];
    snprintf(path, sizeof(path), "path=%s", w->share);
    const char *args[] = {path, arg, arg2, NULL};
    smbkit_status status = pt_open_volume(&w->t, smbkit_static_dir(&pt_api), args, NULL);
    if (!SMBKIT_OK(status)) {
        test_fail(__FILE__, __LINE__, "volume_open: %s", w->t.error);
    }
    return SMBKIT_OK(status);
}

static inline bool world_start(struct world *w, const char *under, const char *arg)
{
    snprintf(w->base, sizeof(w->base), "%s/smbkit-dir-XXXXXX", under);
    if (!mkdtemp(w->base)) {
        test_fail(__FILE__, __LINE__, "mkdtemp %s: %s", w->base, strerror(errno));
        return false;
    }
    snprintf(w->share, sizeof(w->share), "%s/share", w->base);
    mkdir(w->share, 0755);
    w->base_fd = open(w->base, O_RDONLY | O_DIRECTORY);
    w->fd = open(w->share, O_RDONLY | O_DIRECTORY);
    put_file(w->base_fd, "secret", "secret");
    return world_mount(w, arg, NULL);
}

static inline int world_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void world_end(struct world *w)
{
    pt_close_volume(&w->t);
    close(w->fd);
    close(w->base_fd);
    if (nftw(w->base, world_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        test_fail(__FILE__, __LINE__, "cannot clean up %s", w->base);
    }
}

static inline smbkit_status try_access(struct pt *t, const char *path, uint32_t access)
{
    void *file = NULL;
    struct smbkit_attr attr;
    struct smbkit_create how = {
        .struct_size = sizeof(how), .disposition = SMBKIT_OPEN, .path = path, .access = access};
    smbkit_status status = pt_create(t, &how, &file, &attr);
    pt_close(t, file);
    return status;
}

/* A descriptor without owner, group and lists, and a text behind it: DESCRIPTOR_MAX bytes at sd.
 * Its length. */
#define DESCRIPTOR_MAX 40
static inline uint32_t make_descriptor(uint8_t *sd, const char *text)
{
    memset(sd, 0, DESCRIPTOR_MAX);
    sd[0] = 1;
    sd[3] = 0x80; /* self-relative */
    memcpy(sd + 20, text, strlen(text));
    return 20 + (uint32_t)strlen(text);
}
