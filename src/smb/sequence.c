/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/sequence.h"

enum smb_sequence_verdict smb_sequence_begin(struct smb_sequence *s, uint16_t channel,
                                             bool is_replay)
{
    uint16_t ahead = (uint16_t)(channel - s->channel);
    if (ahead > 0x7fff) {
        return SMB_SEQUENCE_OLD;
    }
    if (ahead > 0) {
        s->outstanding_before += s->outstanding;
        s->outstanding = 0;
        s->channel = channel;
    }
    /* What it repeats may still be under way. */
    if (is_replay && s->outstanding_before > 0) {
        return SMB_SEQUENCE_OLD;
    }
    s->outstanding++;
    return SMB_SEQUENCE_COUNTED;
}

void smb_sequence_end(struct smb_sequence *s, uint16_t channel)
{
    bool is_new = channel == s->channel;
    uint32_t *count = is_new ? &s->outstanding : &s->outstanding_before;
    if (*count == 0) { /* the client has counted once around meanwhile: it was the other's */
        count = is_new ? &s->outstanding_before : &s->outstanding;
    }
    ASSERT(*count > 0);
    (*count)--;
}
