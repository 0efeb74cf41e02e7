/* SPDX-License-Identifier: Apache-2.0 */
/* Data that goes from file to file without passing by the client. [MS-SMB2] 3.3.5.15.5, .6, .16 */
#include "base/mem.h"
#include "smb/ioctl.h"

/* ---- resume keys ---- */

/* A resume key names the open, by its ids, and is good for those who have its session. */
static void key_format(const struct smb_open *o, uint8_t key[FSCTL_RESUME_KEY_SIZE])
{
    struct wr out = wr_init(key, FSCTL_RESUME_KEY_SIZE);
    wr_u64(&out, o->persistent_id);
    wr_u64(&out, o->volatile_id);
    wr_u64(&out, 0);
}

/* The file that the key was given for, to this session. An owned reference, or NULL. */
static struct smb_open *key_find(struct smb_request *r, const uint8_t key[FSCTL_RESUME_KEY_SIZE])
{
    struct cur in = cur_init(key, FSCTL_RESUME_KEY_SIZE);
    uint64_t persistent_id = cur_u64(&in);
    uint64_t volatile_id = cur_u64(&in);
    bool is_ours = cur_u64(&in) == 0;
    struct smb_open *o = is_ours ? smb_open_find_in(r->session, persistent_id, volatile_id) : NULL;
    if (o && o->kind != SMB_OPEN_FILE) {
        smb_open_unref(o);
        o = NULL;
    }
    return o;
}

FSCTL_FN(fsctl_resume_key)
{
    if (req->max_output_response < FSCTL_RESUME_KEY_RSP_SIZE) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint8_t key[FSCTL_RESUME_KEY_SIZE];
    key_format(r->open, key);
    fsctl_resume_key_format(w, key);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- copies ---- */

/* 3.3.5.15.6.2: then the client is told what it may ask for. */
static bool is_within_limits(const struct fsctl_copychunk_req *in)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        const struct fsctl_copychunk *c = &in->chunks[i];
        if (c->length == 0 || c->length > SMB_COPY_CHUNK_BYTES ||
            c->target_offset > (uint64_t)INT64_MAX - c->length) {
            return false;
        }
        total += c->length;
    }
    return in->count_asked <= FSCTL_COPYCHUNKS_MAX && total <= SMB_COPY_BYTES;
}

static smbkit_status tell_limits(struct wr *w)
{
    fsctl_copychunk_rsp_format(
        w, &(struct fsctl_copychunk_rsp){.chunks_written = FSCTL_COPYCHUNKS_MAX,
                                         .chunk_bytes_written = SMB_COPY_CHUNK_BYTES,
                                         .total_bytes_written = SMB_COPY_BYTES});
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status copy(struct smb_request *r, const struct fsctl_copychunk_req *in,
                          struct vfs_open *from, uint32_t target_access, struct wr *w)
{
    struct vfs_copy_chunk chunks[FSCTL_COPYCHUNKS_MAX];
    for (uint32_t i = 0; i < in->count; i++) {
        const struct fsctl_copychunk *c = &in->chunks[i];
        chunks[i] = (struct vfs_copy_chunk){c->source_offset, c->target_offset, c->length};
    }
    struct vfs_copy copy = {
        .source = from, .chunks = chunks, .chunk_count = in->count, .target_access = target_access};
    smbkit_status status = vfs_copy(&r->call, r->open->file, &copy);
    /* With an error too: how far it came. 2.2.32.1 */
    fsctl_copychunk_rsp_format(
        w, &(struct fsctl_copychunk_rsp){.chunks_written = copy.chunks_done,
                                         .chunk_bytes_written = (uint32_t)copy.chunk_bytes,
                                         .total_bytes_written = (uint32_t)copy.total_bytes});
    return status;
}

static smbkit_status copychunk(struct smb_request *r, const struct smb2_ioctl_req *req,
                               uint32_t target_access, struct wr *w)
{
    struct fsctl_copychunk_req in;
    uint8_t key[FSCTL_RESUME_KEY_SIZE];
    enum wire_err err = fsctl_copychunk_req_parse(req->input, &in);
    if (fsctl_resume_key_parse(req->input, key) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct smb_source source = {.open = key_find(r, key)};
    if (!source.open) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status status = smb_source_begin(r, &source);
    if (SMBKIT_OK(status) && req->max_output_response < FSCTL_COPYCHUNK_RSP_SIZE) {
        status = SMBKIT_STATUS_INVALID_PARAMETER;
    } else if (SMBKIT_OK(status)) {
        bool is_good = err == WIRE_OK && is_within_limits(&in);
        status = is_good ? copy(r, &in, source.file, target_access, w) : tell_limits(w);
    }
    smb_source_end(&source);
    return status;
}

/* 3.3.5.15.6: this one is for handles that may read what they write. */
FSCTL_FN(fsctl_copychunk)
{
    return copychunk(r, req, SMBKIT_READ_DATA, w);
}

FSCTL_FN(fsctl_copychunk_write)
{
    return copychunk(r, req, 0, w);
}

/* ---- clones ---- */

/* The source is named by its FileId. [MS-FSCC] 2.3.7.2, 2.3.9.2. With or without "atomic": a clone
 * is made as a whole or not at all. */
static smbkit_status duplicate_extents(struct smb_request *r, const struct smb2_ioctl_req *req,
                                       bool is_ex)
{
    struct fsctl_duplicate_extents in;
    if (fsctl_duplicate_extents_parse(req->input, is_ex, &in) != WIRE_OK) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL; /* [MS-FSA] 2.1.5.10.4 */
    }
    if (in.source_offset < 0 || in.target_offset < 0 || in.length < 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct smb_source source = {
        .open = smb_open_find_in(r->session, in.source.persistent, in.source.volatile_id)};
    if (!source.open) {
        return SMBKIT_STATUS_INVALID_HANDLE;
    }
    const struct vfs_copy_chunk what = {(uint64_t)in.source_offset, (uint64_t)in.target_offset,
                                        (uint64_t)in.length};
    smbkit_status status = smb_source_begin(r, &source);
    if (SMBKIT_OK(status)) {
        status = source.file ? vfs_clone(&r->call, r->open->file, source.file, &what)
                             : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smb_source_end(&source);
    return status;
}

FSCTL_FN(fsctl_duplicate_extents)
{
    (void)w;
    return duplicate_extents(r, req, false);
}

FSCTL_FN(fsctl_duplicate_extents_ex)
{
    (void)w;
    return duplicate_extents(r, req, true);
}
