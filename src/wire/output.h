/* SPDX-License-Identifier: Apache-2.0 */
/* The response body that QUERY_DIRECTORY 2.2.34, CHANGE_NOTIFY 2.2.36 and QUERY_INFO 2.2.38 share,
 * for formatting in place: begin, append the output, end. [MS-SMB2] */
#pragma once

#include "wire/wire.h"

/* Appends the 8 fixed bytes; returns the position of the body for smb2_output_end. */
NODISCARD size_t smb2_output_begin(struct wr *w);
/* Everything since smb2_output_begin's 8 bytes is the output: sets offset and length. */
void smb2_output_end(struct wr *w, size_t body);
void smb2_output_format(struct wr *w, struct wire_slice output);
NODISCARD enum wire_err smb2_output_parse(struct cur *c, struct wire_slice *out);
