/* SPDX-License-Identifier: Apache-2.0 */
/* Control codes that smbtorture has of its own, to see how clients and servers bear it. */
#include "base/mem.h"
#include "smb/ioctl.h"

#define PADDING 8

/* The output is as many bytes of 8 as the client takes, further down than it need be. */
FSCTL_FN(fsctl_test_ioctl_padding)
{
    (void)r;
    if (req->input.len > 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint8_t *out = req->max_output_response > 0 ? wr_space(w, req->max_output_response) : NULL;
    if (!out && req->max_output_response > 0) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    for (uint32_t i = 0; i < req->max_output_response; i++) {
        out[i] = PADDING;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* From now on the data of each READ on this connection stands further down. */
FSCTL_FN(fsctl_test_read_padding)
{
    (void)w;
    if (req->input.len > 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    atomic_store_explicit(&r->conn->read_padding, PADDING, memory_order_relaxed); /* see there */
    return SMBKIT_STATUS_SUCCESS;
}

/* From now on nothing that is sent on this connection counts as acknowledged by its peer's TCP. */
FSCTL_FN(fsctl_test_unacked)
{
    (void)w;
    if (req->input.len > 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    atomic_store_explicit(&r->conn->plays_dead, true, memory_order_relaxed); /* see there */
    return SMBKIT_STATUS_SUCCESS;
}

/* Answered so many ms later (one byte), whatever happens to the file meanwhile. */
FSCTL_FN(fsctl_test_sleep)
{
    (void)w;
    if (req->input.len != 1) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (r->was_held || req->input.p[0] == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    r->was_held = true;
    r->hold_ms = req->input.p[0];
    return SMBKIT_STATUS_WAIT;
}
