/* SPDX-License-Identifier: Apache-2.0 */
/* What new files are to the host: mode, owner, group. Rights of clients are descriptors' to say. */
#include "dir_priv.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0666u /* of a file that nothing is said about, before the umask */
#define DIR_MODE 0777u
#define NAMES_MAX_BYTES 16384 /* of a line of passwd or group */

/* Octal. false: it is not, or has bits that mean something else. */
static bool parse_mode(const char *text, uint32_t *out)
{
    char *end;
    if (!text) {
        return true;
    }
    errno = 0;
    unsigned long v = strtoul(text, &end, 8);
    if (text[0] < '0' || text[0] > '7' || *end || errno || v > 07777) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

/* -errno; ENOENT: there is none. gid: his own. */
static int find_user(const char *name, uint32_t *uid_r, uint32_t *gid_r)
{
    struct passwd pw;
    struct passwd *found = NULL;
    char *buf = malloc(NAMES_MAX_BYTES);
    int err = buf ? getpwnam_r(name, &pw, buf, NAMES_MAX_BYTES, &found) : ENOMEM;
    if (found) {
        *uid_r = pw.pw_uid;
        *gid_r = pw.pw_gid;
    }
    free(buf);
    return found ? 0 : -(err ? err : ENOENT);
}

static int find_group(const char *name, uint32_t *gid_r)
{
    struct group gr;
    struct group *found = NULL;
    char *buf = malloc(NAMES_MAX_BYTES);
    int err = buf ? getgrnam_r(name, &gr, buf, NAMES_MAX_BYTES, &found) : ENOMEM;
    if (found) {
        *gid_r = gr.gr_gid;
    }
    free(buf);
    return found ? 0 : -(err ? err : ENOENT);
}

/* May the server's user give files to that group? */
static bool is_member(uint32_t gid)
{
    int count = getgroups(0, NULL);
    gid_t *groups = calloc(count > 0 ? (size_t)count : 1, sizeof(*groups));
    bool is_one = gid == getegid() || geteuid() == 0;
    count = groups ? getgroups(count, groups) : 0;
    for (int i = 0; i < count; i++) {
        is_one = is_one || groups[i] == gid;
    }
    free(groups);
    return is_one;
}

static smbkit_status wrong(const struct smbkit_volume_args *args, const char *key,
                           const char *value, const char *right)
{
    snprintf(args->error, args->error_size, "%s=%.100s: %s", key, value, right);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status parse_modes(struct dirfs_modes *m, const struct dirfs_mode_words *w,
                                 const struct smbkit_volume_args *args)
{
    const struct {
        const char *key, *text;
        uint32_t *out;
    } rows[] = {
        {"create-mask", w->create_mask, &m->file_mask},
        {"directory-mask", w->directory_mask, &m->dir_mask},
        {"force-create-mode", w->force_create_mode, &m->file_force},
        {"force-directory-mode", w->force_directory_mode, &m->dir_force},
    };
    m->file_mask = m->dir_mask = DIRFS_NO_MODE;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!parse_mode(rows[i].text, rows[i].out)) {
            return wrong(args, rows[i].key, rows[i].text, "expected an octal mode such as 0770");
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_modes_parse(struct dirfs_modes *m, const struct dirfs_mode_words *w,
                                const struct smbkit_volume_args *args)
{
    *m = (struct dirfs_modes){.uid = DIRFS_NOBODY, .gid = DIRFS_NOBODY, .own_gid = DIRFS_NOBODY};
    smbkit_status st = parse_modes(m, w, args);
    if (st != SMBKIT_STATUS_SUCCESS) {
        return st;
    }
    m->inherits = w->inherits;
    if (w->force_user && find_user(w->force_user, &m->uid, &m->own_gid) != 0) {
        return wrong(args, "force-user", w->force_user, "this machine has no such user");
    }
    if (w->force_group && find_group(w->force_group, &m->gid) != 0) {
        return wrong(args, "force-group", w->force_group, "this machine has no such group");
    }
    if (w->force_user && m->uid != geteuid() && geteuid() != 0) {
        return wrong(args, "force-user", w->force_user, "only root can give files to another user");
    }
    if (w->force_group && !is_member(m->gid)) {
        return wrong(args, "force-group", w->force_group,
                     "only root can give files to a group that it is no member of");
    }
    return st;
}

/* Is anything said about modes? Else the umask decides. */
static bool says_mode(const struct dirfs_modes *m, bool is_dir)
{
    return m->inherits || (is_dir ? m->dir_mask : m->file_mask) != DIRFS_NO_MODE ||
           (is_dir ? m->dir_force : m->file_force) != 0;
}

/* The kernel takes the umask away: nobody may do more for a moment than he may afterwards. */
uint32_t dirfs_mode_first(const struct dirfs_modes *m, bool is_dir)
{
    uint32_t mask = is_dir ? m->dir_mask : m->file_mask;
    uint32_t mode = is_dir ? DIR_MODE : FILE_MODE;
    if (m->inherits) {
        return is_dir ? 0700 : 0600;
    }
    return mask == DIRFS_NO_MODE ? mode : mode & mask;
}

/* As Samba: a folder has all bits of the one that it is in but setuid, a file those for reading and
 * writing. 0 or -errno. */
static int inherited(const struct dirfs_volume *vol, const char *host, bool is_dir,
                     uint32_t *mode_r)
{
    struct statx above;
    const char *name;
    int parent = dirfs_open_parent(vol, host, false, &name);
    int err = parent < 0 ? parent : dirfs_stat_fd(parent, &above);
    if (parent >= 0) {
        close(parent);
    }
    if (!err) {
        *mode_r = is_dir ? above.stx_mode & 03777u : above.stx_mode & FILE_MODE;
    }
    return err;
}

/* What a mask says; bits that the kernel gave (setgid) stay. */
static int masked(const struct dirfs_modes *m, int fd, bool is_dir, uint32_t *mode_r)
{
    struct statx stx;
    uint32_t mask = is_dir ? m->dir_mask : m->file_mask;
    uint32_t force = is_dir ? m->dir_force : m->file_force;
    int err = dirfs_stat_fd(fd, &stx);
    uint32_t given = stx.stx_mode & 0777u;
    uint32_t mode = mask == DIRFS_NO_MODE ? given : (is_dir ? DIR_MODE : FILE_MODE) & mask;
    *mode_r = mode | force | (stx.stx_mode & S_ISGID);
    return err;
}

/* 0 or -errno. */
static int give(const struct dirfs_modes *m, int fd)
{
    struct statx stx;
    uint32_t gid = m->gid;
    if (m->uid == DIRFS_NOBODY && m->gid == DIRFS_NOBODY) {
        return 0;
    }
    if (gid == DIRFS_NOBODY && geteuid() == 0) {
        int err = dirfs_stat_fd(fd, &stx);
        if (err) {
            return err;
        }
        gid = stx.stx_gid == getegid() ? m->own_gid : gid;
    }
    return fchown(fd, m->uid, gid) == 0 ? 0 : -errno;
}

int dirfs_mode_settle(const struct dirfs_volume *vol, const char *host, int fd, bool is_dir)
{
    const struct dirfs_modes *m = &vol->modes;
    uint32_t mode = 0;
    int err = give(m, fd); /* before the mode: it takes bits away */
    if (err || !says_mode(m, is_dir)) {
        return err;
    }
    err = m->inherits ? inherited(vol, host, is_dir, &mode) : masked(m, fd, is_dir, &mode);
    return err ? err : fchmod(fd, mode) == 0 ? 0 : -errno;
}
