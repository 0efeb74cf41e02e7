/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz a logged-in connection. The input is a list of steps:
 *   byte 0: what
 *     0..7 run that many jobs (7: all), 8 let 36 s pass, 9 disconnect and end,
 *     else a frame: u16 length follows (little endian), then its bytes.
 * So that mutations stay in the game, a frame's headers are mended: protocol id, structure size and
 * the next free MessageId, session and tree id are put in, unless byte 0 is 255. Byte 0's bit 6:
 * the frame is not SMB2 but handed over as it is. Must hold: no crash, nothing left behind at the
 * end (fake_stop checks). */
#include <stdio.h>
#include <stdlib.h>

#include "smb_fake_client.h"
#include "smb_slow.h"

#include "wire/smb2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 200

static void drop_sent(struct fake *f)
{
    for (; f->taken < f->sent_count; f->taken++) {
        mem_free(f->sent[f->taken].p);
    }
    f->taken = 0;
    f->sent_count = 0;
}

static void jobs(struct fake *f, unsigned n)
{
    while (n-- > 0) {
        if (!list_is_empty(&f->work_jobs) && list_is_empty(&f->loop_jobs)) {
            while (slow_complete()) {
            }
        }
        if (!fake_run_one(&f->loop_jobs) && !fake_run_one(&f->work_jobs) && !slow_complete()) {
            return;
        }
        drop_sent(f);
    }
}

static void put(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* Make each element of the compound one that the connection takes. */
static void mend(struct fake *f, uint8_t *p, size_t len)
{
    for (size_t at = 0; len - at >= SMB2_HDR_SIZE;) {
        uint8_t *h = p + at;
        memcpy(h, "\xfeSMB\x40\0", 6);
        if (h[12] != SMB2_CANCEL) {
            uint16_t charge = (uint16_t)(h[6] % 16);
            put(h + 6, charge, 2);
            put(h + 24, f->mid, 8);
            f->mid += charge ? charge : 1;
        } else {
            put(h + 24, f->mid - h[24] % 16, 8);
        }
        h[13] = 0;
        h[16] &= (uint8_t)~SMB2_FLAGS_SIGNED;
        put(h + 14, 64, 2); /* credits asked for */
        if (!(h[16] & SMB2_FLAGS_ASYNC_COMMAND)) {
            put(h + 36, h[36] % 3 + f->tree_id - 1, 4);
        }
        put(h + 40, f->session_id, 8);
        size_t next = h[20] | (size_t)h[21] << 8;
        if (next < SMB2_HDR_SIZE || next % 8 || next > len - at - SMB2_HDR_SIZE) {
            memset(h + 20, 0, 4);
            return;
        }
        memset(h + 22, 0, 2);
        at += next;
    }
}

static void frame(struct fake *f, const uint8_t *p, size_t len, bool as_it_is)
{
    uint8_t header[4] = {0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    size_t size = 0;
    if (len == 0 || smb_conn_frame_size(f->conn, header, &size) != 0) {
        return;
    }
    struct iobuf *b = iobuf_new(len);
    ASSERT(b);
    memcpy(b->base, p, len);
    if (!as_it_is) {
        mend(f, b->base, len);
    }
    smb_conn_frame(f->conn, b);
    drop_sent(f);
}

static void steps(struct fake *f, const uint8_t *data, size_t size)
{
    struct cur c = cur_init(data, size);
    for (unsigned i = 0; i < STEPS_MAX && cur_left(&c) > 0 && !f->closed; i++) {
        uint8_t what = cur_u8(&c);
        if (what < 8) {
            jobs(f, what == 7 ? 10000 : what);
        } else if (what == 8) {
            fake_pass(f, 36000);
            drop_sent(f);
        } else if (what == 9) {
            return;
        } else {
            size_t len = cur_u16(&c);
            len = MIN(len, cur_left(&c));
            frame(f, cur_bytes(&c, len), len, (what & 0x40) != 0);
        }
    }
}

static void open_some(struct fake *f)
{
    struct smb2_create_rsp rsp = {0};
    for (unsigned i = 0; i < 3; i++) { /* FileIds 1, 2, 3: the root and two files */
        static const char *const names[] = {"", "a", "b"};
        struct wr w = fake_request(f, SMB2_CREATE);
        fake_create_format(&w, names[i], SMBKIT_OPEN_IF, i == 2 ? SMB2_OPLOCK_LEVEL_BATCH : 0, 7);
        struct fake_reply r = fake_ask(f, &w);
        CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake f;
    if (size < 2) {
        return 0;
    }
    struct smbkit_plugin filter = slow_filter(data[0] & 1 ? SMBKIT_FEATURE_TRIES_NOWAIT : 0);
    fake_init(&f);
    f.credits = 64;
    f.filter = data[0] & 2 ? &filter : NULL;
    slow_now = (struct slow){.blocks = data[0] & 4};
    struct smb_config config = fake_config(&f);
    config.signing_required = false;
    fake_start(&f, &config);
    fake_enter(&f, data[0] & 8 ? SMB2_DIALECT_302 : SMB2_DIALECT_311);
    CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    f.tree_id--;
    open_some(&f);
    slow_now.pends = data[0] & 16;
    f.signs = false;
    steps(&f, data + 1, size - 1);
    slow_now.pends = false;
    while (slow_complete()) {
    }
    fake_disconnect(&f);
    fake_stop(&f);
    return 0;
}

/* ---- in place of the unit tests' harness: a failed check is a crash ---- */

void test_fail(const char *file, int line, const char *fmt, ...)
{
    (void)fmt;
    printf("%s:%d\n", file, line);
    abort();
}

void test_context(const char *fmt, ...)
{
    (void)fmt;
}

void test_check_mem(const char *file, int line, const char *what, const void *got, size_t got_len,
                    const void *want, size_t want_len)
{
    if (got_len != want_len || memcmp(got, want, got_len) != 0) {
        test_fail(file, line, "%s", what);
    }
}

uint64_t test_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 33;
}
