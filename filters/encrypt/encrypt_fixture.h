/* SPDX-License-Identifier: Apache-2.0 */
/* A volume of the filter over a folder of the host, for its tests. */
#pragma once

#include "filter_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encrypt_format.h"

const struct smbkit_plugin *smbkit_static_encrypt(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_dir(const struct smbkit_host_table *api);

/* ---- a volume over a folder of the host ---- */

struct world {
    char folder[64], key[80], key_arg[96], folder_arg[96];
    const struct smbkit_plugin *between; /* the filter and the folder; NULL: nothing */
    struct fixture f;
};

static UNUSED void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    REQUIRE(fd >= 0);
    CHECK_INT(write(fd, data, len), (long)len);
    CHECK_INT(fchmod(fd, mode), 0);
    close(fd);
}

static UNUSED bool world_try(struct world *w, char err[256])
{
    struct stack_layer layers[3] = {
        {.plugin = smbkit_static_encrypt(&vfs_api), .args = {w->key_arg}}, {.plugin = w->between}};
    uint32_t count = w->between ? 2 : 1;
    layers[count++] =
        (struct stack_layer){.plugin = smbkit_static_dir(&vfs_api), .args = {w->folder_arg}};
    return stack_try(&w->f, layers, count, NULL, err);
}

static UNUSED void world_open(struct world *w)
{
    char err[256];
    bool good = world_try(w, err);
    if (!good) {
        test_fail(__FILE__, __LINE__, "volume: %s", err);
    }
    REQUIRE(good);
}

static UNUSED void world_start(struct world *w)
{
    uint8_t key[32];
    strcpy(w->folder, "/tmp/smbkit-encrypt-XXXXXX");
    REQUIRE(mkdtemp(w->folder));
    snprintf(w->key, sizeof(w->key), "%s.key", w->folder);
    snprintf(w->key_arg, sizeof(w->key_arg), "key=%s", w->key);
    snprintf(w->folder_arg, sizeof(w->folder_arg), "path=%s", w->folder);
    REQUIRE(encrypt_init());
    encrypt_random(key, sizeof(key));
    write_file(w->key, key, sizeof(key), 0600);
    world_open(w);
}

static UNUSED int take_away(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static UNUSED void world_remove(struct world *w)
{
    nftw(w->folder, take_away, 8, FTW_DEPTH | FTW_PHYS);
    unlink(w->key);
}

static UNUSED void world_end(struct world *w)
{
    fixture_close(&w->f);
    world_remove(w);
}

/* The file of the folder whose size is that; its path, kept until the next. */
static UNUSED const char *below_of_size(const struct world *w, off_t size)
{
    static char path[400];
    DIR *d = opendir(w->folder);
    struct dirent *e;
    bool is_found = false;
    while (d && !is_found && (e = readdir(d)) != NULL) {
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", w->folder, e->d_name);
        is_found = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == size;
    }
    if (d) {
        closedir(d);
    }
    CHECK(is_found);
    return path;
}

static UNUSED void put_at(const char *path, off_t at, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY);
    REQUIRE(fd >= 0);
    CHECK_INT(pwrite(fd, data, len, at), (long)len);
    close(fd);
}

static UNUSED void get_at(const char *path, off_t at, void *data, size_t len)
{
    int fd = open(path, O_RDONLY);
    REQUIRE(fd >= 0);
    CHECK_INT(pread(fd, data, len, at), (long)len);
    close(fd);
}

static UNUSED void fill(struct fixture *f, const char *name, uint32_t blocks, char c)
{
    char text[ENCRYPT_BLOCK + 1];
    struct vfs_open *o = must_open(f, name, RW, SMBKIT_OPEN_IF, 0);
    memset(text, c, ENCRYPT_BLOCK);
    text[ENCRYPT_BLOCK] = '\0';
    for (uint32_t i = 0; i < blocks; i++) {
        CHECK_INT(write_at(f, o, (uint64_t)i * ENCRYPT_BLOCK, text), 0);
    }
    must_close(f, o);
}

static UNUSED smbkit_status read_of(struct fixture *f, const char *name, uint64_t offset, char *c)
{
    char buf[2];
    struct vfs_open *o = must_open(f, name, RW, SMBKIT_OPEN, 0);
    smbkit_status st = read_at(f, o, offset, buf, sizeof(buf));
    *c = buf[0];
    must_close(f, o);
    return st;
}

static UNUSED void check_byte(struct fixture *f, const char *name, uint64_t offset, char want)
{
    char c;
    CHECK_INT(read_of(f, name, offset, &c), 0);
    CHECK_INT(c, want);
}

static UNUSED void check_damaged(struct fixture *f, const char *name, uint64_t offset)
{
    char c;
    CHECK_INT(read_of(f, name, offset, &c), SMBKIT_STATUS_DATA_ERROR);
}
