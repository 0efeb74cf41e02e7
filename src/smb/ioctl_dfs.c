/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a DFS namespace are. [MS-SMB2] 3.3.5.15.2, [MS-DFSC] 3.2.5 */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/dfs.h"
#include "smb/ioctl.h"
#include "vfs/stop.h"
#include "wire/dfs.h"

/* What is asked about: \server\share[\path] */
struct asked {
    char *path;              /* owned */
    char *name;              /* owned: of the share */
    char *root;              /* owned: \server\share, as it was asked */
    size_t root_len;         /* of path: up to the share's end */
    const char *rest;        /* of path, below the share: "" or without a leading backslash */
    struct smb_share *share; /* a reference; NULL before it is found */
    uint16_t version;        /* of the referral */
    uint32_t room;           /* for it */
};

static void asked_fini(struct asked *a)
{
    smb_share_unref(a->share);
    mem_free(a->path);
    mem_free(a->name);
    mem_free(a->root);
}

/* Domains, and one domain's controllers, are asked of domain controllers, of which this is none.
 * [MS-DFSC] 3.2.5.2, 3.2.5.3 */
static smbkit_status take_path(struct wire_slice path, struct asked *a)
{
    a->path = utf16le_to_utf8(path.p, path.len);
    if (!a->path) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    const struct smb_dfs_path p = smb_dfs_path_split(a->path);
    if (p.server_len == 0 || p.share_len == 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    a->name = str_ndup(p.share, p.share_len);
    a->root = str_printf("\\%.*s\\%s", (int)p.server_len, p.server, a->name ? a->name : "");
    a->root_len = (size_t)(p.share - a->path) + p.share_len;
    a->rest = p.rest;
    return a->name && a->root ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* a needs asked_fini in any case. */
static smbkit_status take(struct smb_request *r, const struct smb2_ioctl_req *req, bool is_ex,
                          struct asked *a)
{
    struct dfs_referral_req in;
    *a = (struct asked){.room = req->max_output_response};
    if (dfs_referral_req_parse(req->input, is_ex, &in) != WIRE_OK || in.version_max == 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    a->version = MIN(in.version_max, DFS_VERSION_MAX);
    smbkit_status status = take_path(in.path, a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    a->share = smb_server_share_find(r->conn->server, a->name);
    return a->share && smb_share_is_dfs_root(a->share) ? SMBKIT_STATUS_SUCCESS
                                                       : SMBKIT_STATUS_NOT_FOUND; /* 3.2.5.5 */
}

/* ---- a link on the path ---- */

struct found {
    struct smb_dfs_link link;
    bool is_link;
    size_t depth; /* components below the share, the link itself included */
};

static size_t count_components(const char *path, const char *end)
{
    size_t n = 1;
    for (; path < end; path++) {
        n += *path == '/';
    }
    return n;
}

/* path: from the root that the user has. */
static smbkit_status find_link(struct smb_request *r, struct vfs_volume *v, struct vfs_path *p,
                               struct found *out)
{
    CLEANUP_MEM char *root = NULL;
    smbkit_status status = vfs_session_root(&r->call, v, &root);
    if (SMBKIT_OK(status)) {
        status = vfs_path_below(root ? root : "", p);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    const char *path = p->path;
    CLEANUP(wr_fini) struct wr reparse = wr_new(FSCTL_REPARSE_DATA_MAX);
    const struct vfs_stop_in in = {.volume = v, .path = path};
    struct vfs_stop_out stop = {.reparse = &reparse};
    status = vfs_stop_find(&r->call, &in, &stop);
    if (SMBKIT_OK(status)) {
        status = smb_dfs_link_parse(&reparse, &out->link);
    }
    const char *seen = vfs_path_behind(root ? root : "", path);
    out->is_link = SMBKIT_OK(status) && stop.rest > seen; /* not on the way to the root */
    if (out->is_link) {
        out->depth = count_components(seen, stop.rest);
    }
    /* What is wrong with the path for good, a CREATE tells. A fault that passes is told: the client
     * would go by the root's referral until its time is over. */
    return vfs_stop_is_none(status) ? SMBKIT_STATUS_SUCCESS : status;
}

/* Links are told to whom the share would let in, and as safely as it wants: the same answer to
 * others whether there is one or not. */
static smbkit_status look(struct smb_request *r, const struct asked *a, struct found *out)
{
    smbkit_status status = smb_share_check(a->share, r->session);
    if (SMBKIT_OK(status) && smb_share_is_encrypted(a->share) && !r->msg->seal) {
        status = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct vfs_volume *v = smb_share_volume_ref(a->share);
    if (r->call.nowait && !vfs_volume_tries_nowait(v)) {
        vfs_volume_unref(v);
        return SMBKIT_STATUS_WOULD_BLOCK; /* the request came to another share, which does not */
    }
    struct vfs_path path;
    status = vfs_path_parse(a->rest, &path);
    if (SMBKIT_OK(status)) {
        status = find_link(r, v, &path, out);
        vfs_path_fini(&path);
    }
    vfs_volume_unref(v);
    return status;
}

/* ---- answers ---- */

/* The bytes of a's path up to the end of so many components below the share. A stream's name is
 * none of a link's. */
static size_t len_with(const struct asked *a, size_t depth)
{
    const char *p = a->path + a->root_len;
    for (; depth > 0 && *p; depth--) {
        p += 1 + smb_dfs_component_len(p + 1);
    }
    size_t len = (size_t)(p - a->path);
    for (size_t i = a->root_len; i < len; i++) {
        if (a->path[i] == ':') {
            return i;
        }
    }
    return len;
}

static smbkit_status answer(const struct asked *a, struct dfs_referral_rsp *rsp, size_t consumed,
                            struct wr *w)
{
    CLEANUP_MEM char *prefix = str_ndup(a->path, consumed);
    if (!prefix) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    rsp->path_consumed_bytes = (uint16_t)utf16_len_bytes(prefix); /* DFS_PATH_BYTES_MAX at most */
    rsp->path = prefix;
    while (rsp->path[0] == '\\' && rsp->path[1] == '\\') {
        rsp->path++;
    }
    rsp->version = a->version;
    rsp->ttl_sec = SMB_DFS_TTL_SEC;
    return dfs_referral_rsp_format(w, rsp, a->room) > 0 ? SMBKIT_STATUS_SUCCESS
                                                        : SMBKIT_STATUS_BUFFER_OVERFLOW;
}

/* 3.2.5.5: of the link on the path, or else of the root. */
static smbkit_status refer(struct smb_request *r, const struct asked *a, struct wr *w)
{
    struct found found = {.is_link = false};
    smbkit_status status = *a->rest ? look(r, a, &found) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (found.is_link) {
        struct dfs_referral_rsp rsp = {.targets = found.link.targets, .count = found.link.count};
        status = answer(a, &rsp, len_with(a, found.depth), w);
        smb_dfs_link_fini(&found.link);
        return status;
    }
    /* The one root of a stand-alone namespace is the share, by the name that it was asked by. */
    const char *const root[] = {a->root};
    struct dfs_referral_rsp rsp = {.is_root = true, .targets = root, .count = 1};
    return answer(a, &rsp, a->root_len, w);
}

static smbkit_status referrals(struct smb_request *r, const struct smb2_ioctl_req *req,
                               struct wr *w, bool is_ex)
{
    struct asked a;
    if (!smb_server_is_dfs(r->conn->server)) {
        return SMBKIT_STATUS_FS_DRIVER_REQUIRED;
    }
    smbkit_status status = take(r, req, is_ex, &a);
    if (SMBKIT_OK(status)) {
        status = refer(r, &a, w);
    }
    asked_fini(&a);
    return status;
}

FSCTL_FN(fsctl_dfs_referrals)
{
    return referrals(r, req, w, false);
}

FSCTL_FN(fsctl_dfs_referrals_ex)
{
    return referrals(r, req, w, true);
}
