/* SPDX-License-Identifier: Apache-2.0 */
/* Where a create stopped on a symbolic link that is not followed. [MS-FSA] 2.1.5.1 stops at the
 * first one that it meets, and so does a plugin, but says only that there is one. */
#include "vfs/stop.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/info.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/rules.h"

#define COMPONENTS_MAX 64 /* that are looked at: a path of more is answered without the place */

/* Does the path stop here? IO_REPARSE_TAG_NOT_HANDLED: it does. SUCCESS: it goes on. */
static smbkit_status look(const struct vfs_call *call, struct vfs_volume *v, const char *path)
{
    const struct door_open how = {.path = path, .access = SMBKIT_READ_ATTRIBUTES};
    struct door_file f = {.volume = v};
    smbkit_status st = door_open(call, &f, &how, NULL);
    if (SMBKIT_OK(st)) {
        door_close(call, &f);
    }
    return st;
}

/* The first components of the path, as the volume spells them. Owned *real_r. */
static smbkit_status spell(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                           size_t len, char **real_r)
{
    CLEANUP_MEM char *part = str_ndup(path, len);
    if (!part) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (names_may_resolve(v, part)) {
        return names_resolve(call, v, part, real_r, NULL);
    }
    *real_r = part;
    part = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

static size_t component_end(const char *path, size_t at)
{
    while (path[at] && path[at] != '/') {
        at++;
    }
    return at;
}

static smbkit_status find(const struct vfs_call *call, const struct vfs_stop_in *in,
                          struct vfs_stop_out *out)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    size_t at = 0;
    for (unsigned i = 0; SMBKIT_OK(st) && in->path[at] && i < COMPONENTS_MAX; i++) {
        CLEANUP_MEM char *real = NULL;
        size_t end = component_end(in->path, at);
        st = spell(call, in->volume, in->path, end, &real);
        if (SMBKIT_OK(st)) {
            st = rules_check_path(in->volume, real);
        }
        if (SMBKIT_OK(st)) {
            st = look(call, in->volume, real);
        }
        if (st == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED) {
            out->rest = in->path + end;
            return info_get_reparse_at(call, in->volume, real, 0, out->reparse);
        }
        at = in->path[end] ? end + 1 : end;
    }
    return SMBKIT_OK(st) ? SMBKIT_STATUS_NOT_FOUND : st;
}

smbkit_status vfs_stop_find(struct vfs_call *call, const struct vfs_stop_in *in,
                            struct vfs_stop_out *out)
{
    return WAIT_OUT(call, again, find(again, in, out));
}

bool vfs_stop_is_none(smbkit_status status)
{
    static const smbkit_status none[] = {
        SMBKIT_STATUS_NOT_FOUND,
        SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND,
        SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND,
        SMBKIT_STATUS_NO_SUCH_FILE,
        SMBKIT_STATUS_NOT_A_DIRECTORY,
        SMBKIT_STATUS_NOT_A_REPARSE_POINT,
        SMBKIT_STATUS_ACCESS_DENIED,
        SMBKIT_STATUS_OBJECT_NAME_INVALID,
        SMBKIT_STATUS_OBJECT_PATH_INVALID,
        SMBKIT_STATUS_OBJECT_PATH_SYNTAX_BAD,
        SMBKIT_STATUS_NAME_TOO_LONG,
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        if (status == none[i]) {
            return true;
        }
    }
    return false;
}
