/* SPDX-License-Identifier: Apache-2.0 */
/* Whose inode numbers, and which. A file is (st_dev, inode number) as long as the machine is up:
 * that is its domain and id. On the wire the id is all there is, for the whole share; so below a
 * mount point the file system is mixed into it, by what stays the same over restarts where that is
 * known. */
#include "dir_priv.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#define OTHER_BIT (1ull << 63) /* no inode number of the folder's own file system has it */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = a * 0x9e3779b97f4a7c15ull ^ b;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ h >> 27) * 0x94d049bb133111ebull;
    return h ^ h >> 31;
}

bool dirfs_shares_blocks(int fd)
{
    static const uint32_t magics[] = {BTRFS_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                      0xca451a4e}; /* bcachefs */
    struct statfs fs;
    bool is_one = false;
    bool is_known = fstatfs(fd, &fs) == 0;
    for (size_t i = 0; is_known && i < sizeof(magics) / sizeof(magics[0]); i++) {
        is_one = is_one || (uint32_t)fs.f_type == magics[i];
    }
    return is_one;
}

bool dirfs_is_local(const struct statfs *fs)
{
    static const uint32_t magics[] = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC,
        TMPFS_MAGIC,      F2FS_SUPER_MAGIC, 0x2fc12fc1, /* ZFS */
    };
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        if ((uint32_t)fs->f_type == magics[i]) {
            return true;
        }
    }
    return false;
}

/* The file system's own id, of its UUID or subvolume, where it has one; else the device's number.
 */
static uint64_t key_of(const struct dirfs_where *where, uint64_t dev)
{
    struct statfs fs;
    uint64_t id = 0;
    int r = where->fd >= 0 ? fstatfs(where->fd, &fs) : statfs(where->path, &fs);
    if (r == 0 && dirfs_is_local(&fs)) {
        _Static_assert(sizeof(fs.f_fsid) == sizeof(id), "two ints");
        memcpy(&id, &fs.f_fsid, sizeof(id));
    }
    return id ? mix((uint64_t)fs.f_type, id) : mix(1, dev);
}

/* The key of another device than the folder's, asked for once. */
static uint64_t other_key(struct dirfs_others *others, const struct dirfs_where *where,
                          uint64_t dev)
{
    pthread_mutex_lock(&others->lock);
    for (unsigned i = 0; i < DIRFS_OTHERS; i++) {
        if (others->rows[i].dev == dev) {
            uint64_t key = others->rows[i].key;
            pthread_mutex_unlock(&others->lock);
            return key;
        }
    }
    pthread_mutex_unlock(&others->lock);
    uint64_t key = key_of(where, dev);
    pthread_mutex_lock(&others->lock);
    others->rows[others->next].dev = dev;
    others->rows[others->next].key = key;
    others->next = (others->next + 1) % DIRFS_OTHERS;
    pthread_mutex_unlock(&others->lock);
    return key;
}

void dirfs_fill_id(const struct dirfs_volume *vol, const struct statx *stx,
                   const struct dirfs_where *where, struct smbkit_attr *attr)
{
    uint64_t dev = dirfs_dev(stx);
    attr->file_domain = mix(2, dev);
    attr->file_id = stx->stx_ino;
    if (dev != vol->root_dev) {
        attr->file_id = mix(other_key(vol->others, where, dev), stx->stx_ino) | OTHER_BIT;
    }
}

void dirfs_fill_volume_id(const struct dirfs_volume *vol, const struct dirfs_file *file,
                          struct smbkit_volume_info *info)
{
    const struct dirfs_where where = {.fd = file->fd};
    uint64_t key = other_key(vol->others, &where, file->seen.dev);
    info->serial = (uint32_t)key;
    for (unsigned i = 0; i < sizeof(info->object_id); i++) {
        info->object_id[i] = (uint8_t)(mix(key, 3 + i / 8) >> i % 8 * 8);
    }
}
