/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/dfs.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/server.h"
#include "smb/session.h"
#include "vfs/path.h"
#include "vfs/stand_in.h"
#include "wire/fsctl.h"

#define LINK_PREFIX "msdfs:"

/* ---- names ---- */

size_t smb_dfs_component_len(const char *p)
{
    size_t len = 0;
    while (p[len] && p[len] != '\\') {
        len++;
    }
    return len;
}

/* What is behind the component. */
static const char *component_next(const char *p, size_t len)
{
    return p + len + (p[len] == '\\');
}

struct smb_dfs_path smb_dfs_path_split(const char *path)
{
    struct smb_dfs_path p = {.server = path};
    while (*p.server == '\\') {
        p.server++;
    }
    p.server_len = smb_dfs_component_len(p.server);
    p.share = component_next(p.server, p.server_len);
    p.share_len = smb_dfs_component_len(p.share);
    p.rest = component_next(p.share, p.share_len);
    return p;
}

const char *smb_dfs_name_below(const char *name, const char *share)
{
    /* By whatever name the client knows the server. A name of another share, or none, is taken for
     * one of ours, as by Samba. */
    const struct smb_dfs_path p = smb_dfs_path_split(name);
    bool is_ours = p.server_len > 0 && path_eq_nocase(p.share, p.share_len, share, str_len(share));
    return is_ours ? p.rest : name;
}

static bool has_dfs_flag(const struct smb_request *r)
{
    return r->hdr.flags & SMB2_FLAGS_DFS_OPERATIONS;
}

bool smb_dfs_is_asked(const struct smb_request *r)
{
    return has_dfs_flag(r) && smb_share_is_dfs_root(r->tree->share);
}

const char *smb_dfs_name_in_share(const struct smb_request *r, const char *name)
{
    const struct smb_share *share = r->tree->share;
    bool is_dfs = has_dfs_flag(r) && (r->tree->told_of_dfs || smb_share_is_dfs_root(share));
    return is_dfs ? smb_dfs_name_below(name, share->name) : name;
}

/* ---- links ---- */

static bool is_text(struct wire_slice s)
{
    size_t at = 0;
    while (at + 1 < s.len && (s.p[at] != 0 || s.p[at + 1] != 0)) {
        at += 2;
    }
    return at == s.len;
}

/* What the link says, owned. */
static smbkit_status link_text(const struct wr *reparse, char **text_r)
{
    struct fsctl_reparse buffer;
    struct fsctl_symlink link;
    const struct wire_slice all = {.p = reparse->base, .len = wr_pos(reparse)};
    if (fsctl_reparse_parse(all, &buffer) != WIRE_OK || buffer.tag != SMB2_IO_REPARSE_TAG_SYMLINK ||
        fsctl_symlink_parse(buffer.data, &link) != WIRE_OK || !is_text(link.substitute_name)) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    CLEANUP_MEM char *text = utf16le_to_utf8(link.substitute_name.p, link.substitute_name.len);
    CLEANUP_MEM char *plain = text ? mem_alloc(str_len(text) + 1) : NULL;
    if (!plain) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    /* A plugin, or the client that made it, may have written the colon as in a file's name. */
    if (stand_in_plain(text, plain)) {
        SWAP(text, plain);
    }
    *text_r = text;
    text = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

static bool is_slash(char c)
{
    return c == '\\' || c == '/';
}

static bool has_prefix(const char *text)
{
    size_t len = sizeof(LINK_PREFIX) - 1;
    return path_eq_nocase(text, MIN(str_len(text), len), LINK_PREFIX, len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One alternative of len bytes, as \server\share..., terminated, to out: without blanks around it,
 * and with one backslash for a run of slashes, none at the end. Its length; 0: it is none. */
static size_t put_target(const char *p, size_t len, char *out)
{
    size_t to = 0;
    size_t slashes = 0; /* with something behind them */
    while (len > 0 && is_blank(*p)) {
        p++;
        len--;
    }
    while (len > 0 && (is_blank(p[len - 1]) || is_slash(p[len - 1]))) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_slash(p[i])) {
            continue;
        }
        if (i == 0 || is_slash(p[i - 1])) {
            out[to++] = '\\';
            slashes++;
        }
        out[to++] = p[i];
    }
    out[to] = '\0';
    return slashes > 1 ? to : 0;
}

/* targets: as many bytes as the text, twice. */
static void split(const char *text, char *targets, struct smb_dfs_link *out)
{
    const char *at = text + sizeof(LINK_PREFIX) - 1;
    while (*at && out->count < SMB_DFS_TARGETS_MAX) {
        size_t len = 0;
        while (at[len] && at[len] != ',') {
            len++;
        }
        size_t n = put_target(at, len, targets);
        if (n > 0) {
            out->targets[out->count++] = targets;
            targets += n + 1;
        }
        at += len + (at[len] == ',');
    }
}

smbkit_status smb_dfs_link_parse(const struct wr *reparse, struct smb_dfs_link *out)
{
    CLEANUP_MEM char *text = NULL;
    out->text = NULL;
    out->count = 0;
    smbkit_status status = link_text(reparse, &text);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!has_prefix(text)) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    out->text = mem_alloc(2 * str_len(text) + 2);
    if (!out->text) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    split(text, out->text, out);
    if (out->count == 0) {
        smb_dfs_link_fini(out);
        return SMBKIT_STATUS_NOT_FOUND;
    }
    return SMBKIT_STATUS_SUCCESS;
}

void smb_dfs_link_fini(struct smb_dfs_link *l)
{
    mem_free(l->text);
    l->text = NULL;
    l->count = 0;
}

smbkit_status smb_dfs_is_link(const struct wr *reparse)
{
    struct smb_dfs_link link;
    smbkit_status status = smb_dfs_link_parse(reparse, &link);
    if (SMBKIT_OK(status)) {
        smb_dfs_link_fini(&link);
    }
    return status;
}

void smb_dfs_show_link(void *arg, const struct wr *reparse, struct smbkit_attr *attr)
{
    (void)arg;
    if (SMBKIT_OK(smb_dfs_is_link(reparse))) {
        attr->attributes = SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT;
        attr->reparse_tag = SMB2_IO_REPARSE_TAG_DFS;
        attr->size = attr->alloc_size = 0;
    }
}
