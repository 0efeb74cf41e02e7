/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/ea.h"

#include "base/mem.h"
#include "base/str.h"
#include "smb/reply.h"
#include "vfs/ea.h"
#include "wire/fscc_ea.h"
#include "wire/output.h"

#define STATUS_INVALID_EA_NAME ((smbkit_status)0x80000013)
#define STATUS_NO_MORE_EAS ((smbkit_status)0x80000012)

/* Parsed; the slices point into what was parsed. */
struct ea_array {
    struct fscc_ea *eas; /* owned */
    size_t count, cap;
};

static void ea_array_finip(struct ea_array *a)
{
    mem_free(a->eas);
}

static bool ea_array_add(struct ea_array *a, const struct fscc_ea *ea)
{
    if (a->count == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : 16;
        struct fscc_ea *more = mem_realloc(a->eas, cap * sizeof(*more));
        if (!more) {
            return false;
        }
        a->eas = more;
        a->cap = cap;
    }
    a->eas[a->count++] = *ea;
    return true;
}

/* [MS-FSCC] 2.4.16: what an EA's name must not have. */
static bool is_good_name(struct wire_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.p[i];
        if (name.p[i] < 0x20 || str_has_char("\"*+,/:;<=>?[\\]|", c)) {
            return false;
        }
    }
    return name.len <= FSCC_EA_NAME_MAX;
}

static smbkit_status parse(struct wire_slice list, struct ea_array *out)
{
    struct chain ch = fscc_ea_list(list);
    struct fscc_ea ea;
    while (fscc_ea_next(&ch, &ea)) {
        if (!ea_array_add(out, &ea)) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
    }
    return ch.err == WIRE_OK ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_EA_LIST_INCONSISTENT;
}

smbkit_status smb_ea_list_take(struct wire_slice list, struct wr *out)
{
    CLEANUP(ea_array_fini) struct ea_array a = {0};
    *out = wr_new(VFS_EA_BYTES_MAX);
    if (list.len > VFS_EA_BYTES_MAX) {
        return SMBKIT_STATUS_EA_TOO_LARGE;
    }
    smbkit_status status = parse(list, &a);
    for (size_t i = 0; SMBKIT_OK(status) && i < a.count; i++) {
        status = is_good_name(a.eas[i].name) ? status : STATUS_INVALID_EA_NAME;
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    fscc_ea_list_format(out, a.eas, a.count);
    return wr_ok(out) ? status : SMBKIT_STATUS_EA_TOO_LARGE;
}

smbkit_status smb_ea_set(struct smb_request *r, struct wire_slice list)
{
    CLEANUP(wr_fini) struct wr eas;
    smbkit_status status = smb_ea_list_take(list, &eas);
    const struct smbkit_bytes bytes = {.base = eas.base, .len = (uint32_t)wr_pos(&eas)};
    return SMBKIT_OK(status) ? vfs_ea_set(&r->call, r->open->file, bytes) : status;
}

/* ---- query ---- */

static uint8_t fold(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool is_named(const struct fscc_ea *ea, struct wire_slice name)
{
    bool same = ea->name.len == name.len;
    for (size_t i = 0; same && i < name.len; i++) {
        same = fold(ea->name.p[i]) == fold(name.p[i]);
    }
    return same;
}

/* Those asked for; what is not there has no value. */
static smbkit_status pick(const struct ea_array *all, struct wire_slice names, struct ea_array *out)
{
    struct chain ch = fscc_get_ea_list(names);
    struct wire_slice name;
    while (fscc_get_ea_next(&ch, &name)) {
        struct fscc_ea found = {.name = name};
        for (size_t i = 0; i < all->count; i++) {
            found = is_named(&all->eas[i], name) ? all->eas[i] : found;
        }
        if (!is_good_name(name)) {
            return STATUS_INVALID_EA_NAME;
        }
        if (!ea_array_add(out, &found)) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
    }
    return ch.err == WIRE_OK ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_EA_LIST_INCONSISTENT;
}

/* Where the scan goes on. */
static smbkit_status scan_start(struct smb_request *r, const struct smb2_query_info_req *req,
                                size_t count, size_t *from_r)
{
    *from_r = req->flags & SMB2_SL_RESTART_SCAN ? 0 : vfs_ea_position(r->open->file);
    if (req->flags & SMB2_SL_INDEX_SPECIFIED) {
        *from_r = (size_t)req->additional - 1; /* the first one is 1 */
        if (*from_r == count) {
            return STATUS_NO_MORE_EAS;
        }
        if (*from_r > count) {
            return SMBKIT_STATUS_NONEXISTENT_EA_ENTRY;
        }
    }
    if (count == 0) {
        return SMBKIT_STATUS_NO_EAS_ON_FILE;
    }
    return *from_r < count ? SMBKIT_STATUS_SUCCESS : STATUS_NO_MORE_EAS;
}

/* As many as the client has room for. */
static smbkit_status write_some(struct smb_request *r, const struct smb2_query_info_req *req,
                                const struct ea_array *a, size_t from, size_t *count_r)
{
    size_t max = req->flags & SMB2_SL_RETURN_SINGLE_ENTRY ? MIN(from + 1, a->count) : a->count;
    size_t len = 0;
    size_t to = from;
    for (; to < max; to++) {
        size_t more = fscc_ea_size(len, &a->eas[to]);
        if (len + more > req->output_max) {
            break;
        }
        len += more;
    }
    *count_r = to - from;
    if (to == from) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    fscc_ea_list_format(w, a->eas + from, to - from);
    smbkit_status status = wr_ok(w) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    smb2_output_end(w, body);
    if (SMBKIT_OK(status) && to < max) {
        smb_reply_keep(r);
        status = SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    return status;
}

smbkit_status smb_ea_query(struct smb_request *r, const struct smb2_query_info_req *req)
{
    CLEANUP_MEM uint8_t *list = NULL;
    CLEANUP(ea_array_fini) struct ea_array all = {0};
    CLEANUP(ea_array_fini) struct ea_array picked = {0};
    size_t len = 0;
    size_t from = 0;
    size_t count = 0;
    smbkit_status status = vfs_ea_get(&r->call, r->open->file, &list, &len);
    if (SMBKIT_OK(status)) {
        status = parse((struct wire_slice){.p = list, .len = len}, &all);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (req->input.len > 0) {
        status = pick(&all, req->input, &picked);
        return SMBKIT_OK(status) ? write_some(r, req, &picked, 0, &count) : status;
    }
    status = scan_start(r, req, all.count, &from);
    if (SMBKIT_OK(status)) {
        status = write_some(r, req, &all, from, &count);
        vfs_ea_position_set(r->open->file, (uint32_t)(from + count));
    }
    return status;
}
