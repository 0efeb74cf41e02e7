/* SPDX-License-Identifier: Apache-2.0 */
/* The filter encrypt over memory that somebody changes: whatever he does below to the one file of
 * the volume, with all that he finds there and any other bytes, each byte that is read is the one
 * that was written, or the read fails. Names, headers and check blocks likewise. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../filters/encrypt/encrypt.h"
#include "base/mem.h"
#include "vfs/core.h"

#define ROOM (24u * ENCRYPT_STORED_BLOCK) /* bytes below, at most */
#define CHANGES_MAX 16u

const struct smbkit_plugin *smbkit_static_encrypt(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* What is left of the input; zeroes behind its end. */
struct input {
    const uint8_t *at;
    size_t left;
};

static uint32_t take(struct input *in, uint32_t bytes)
{
    uint32_t v = 0;
    while (bytes-- > 0) {
        v = v << 8 | (in->left > 0 ? *in->at : 0);
        in->at += in->left > 0;
        in->left -= in->left > 0;
    }
    return v;
}

/* ---- a volume; the same one for all inputs ---- */

static struct vfs_volume *volume;
static struct vfs_call call;
static const uint8_t key[ENCRYPT_KEY_LEN] = {7};

static void volume_make(void)
{
    static const uint32_t machine[3] = {1, 2, 3};
    const struct vfs_token_spec who = {
        .user = "anna", .domain = "WG", .client_address = "", .rid = 1001, .machine_sid = machine};
    char path[] = "/tmp/smbkit-fuzz-key-XXXXXX";
    int fd = mkstemp(path);
    must(fd >= 0 && write(fd, key, sizeof(key)) == (ssize_t)sizeof(key));
    close(fd);
    const struct smbkit_arg arg = {"key", path};
    const struct vfs_layer_spec layers[] = {
        {.plugin = smbkit_static_encrypt(&vfs_api), .args = &arg, .arg_count = 1},
        {.plugin = smbkit_static_mem(&vfs_api)}};
    const struct vfs_volume_spec spec = {.share_name = "fuzz", .layers = layers, .layer_count = 2};
    char err[256];
    call.token = vfs_token_new(&who);
    must(call.token && SMBKIT_OK(vfs_volume_open(&spec, &volume, err, sizeof(err))));
    unlink(path);
}

static struct vfs_open *must_open(uint32_t disposition, uint32_t options)
{
    struct vfs_create_in in = {.volume = volume,
                               .path = "file",
                               .desired_access =
                                   SMBKIT_READ_DATA | SMBKIT_WRITE_DATA | SMBKIT_DELETE,
                               .access_cap = SMBKIT_ALL_ACCESS,
                               .disposition = disposition,
                               .options = options};
    struct vfs_create_out out;
    must(SMBKIT_OK(vfs_create(&call, &in, &out)));
    return out.open;
}

static smbkit_status put(struct vfs_open *o, uint64_t offset, const uint8_t *p, uint32_t len)
{
    const struct smbkit_segment seg = {p, len};
    struct vfs_io io;
    vfs_io_init(&io);
    io.offset = offset;
    io.length = len;
    io.segs = &seg;
    io.seg_count = 1;
    smbkit_status st = vfs_write(&call, o, &io);
    must(!SMBKIT_OK(st) || io.done == len);
    vfs_io_fini(&io);
    return st;
}

static smbkit_status get(struct vfs_open *o, uint64_t offset, uint8_t *p, uint32_t *len)
{
    struct vfs_io io;
    vfs_io_init(&io);
    io.offset = offset;
    io.length = *len;
    io.buffer = p;
    smbkit_status st = vfs_read(&call, o, &io);
    *len = io.done;
    vfs_io_fini(&io);
    return st;
}

/* ---- the file below, by the plugin itself ---- */

static const struct layer *below(struct smbkit_op *op)
{
    static const struct smbkit_identity nobody = {.user = "", .domain = "", .client_address = ""};
    *op = (struct smbkit_op){.struct_size = sizeof(*op), .who = &nobody};
    return &volume->layers[1];
}

static void *open_below(void)
{
    struct smbkit_op op;
    const struct layer *l = below(&op);
    const struct encrypt *e = volume->layers[0].volume;
    char name[ENCRYPT_NAME_ROOM];
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = name,
                              .access = SMBKIT_READ_DATA | SMBKIT_WRITE_DATA,
                              .attr = &attr};
    must(SMBKIT_OK(encrypt_name(&e->keys.names, ENCRYPT_OF_FILE, "file", name)));
    must(SMBKIT_OK(l->plugin->create(l->volume, &op, &a)));
    return a.file;
}

static uint32_t read_below(void *file, uint8_t *raw)
{
    struct smbkit_op op;
    const struct layer *l = below(&op);
    struct smbkit_io io = {.struct_size = sizeof(io), .length = ROOM, .buffer = raw};
    must(SMBKIT_OK(l->plugin->read(l->volume, &op, file, &io)));
    return io.done;
}

static void write_below(void *file, const uint8_t *raw, uint32_t len)
{
    struct smbkit_op op;
    const struct layer *l = below(&op);
    const struct smbkit_segment seg = {raw, len};
    struct smbkit_io io = {.struct_size = sizeof(io), .length = len, .segs = &seg, .seg_count = 1};
    const struct smbkit_size size = {.struct_size = sizeof(size), .size = len};
    must(SMBKIT_OK(l->plugin->set_size(l->volume, &op, file, (void *)(uintptr_t)&size)));
    must(len == 0 || SMBKIT_OK(l->plugin->write(l->volume, &op, file, &io)));
    l->plugin->close(l->volume, &op, file);
}

/* What he makes of it: bytes overwritten, moved, added behind, cut off. */
static uint32_t tamper(struct input *in, uint8_t *raw, uint32_t len)
{
    for (unsigned i = 0; i < CHANGES_MAX && in->left > 0; i++) {
        uint32_t kind = take(in, 1);
        uint32_t at = take(in, 3) % ROOM;
        uint32_t from = take(in, 3) % ROOM;
        uint32_t count = take(in, 2) % (2 * ENCRYPT_STORED_BLOCK);
        if (kind % 8 == 0) { /* a block to where another one is */
            at = (uint32_t)encrypt_place(at % 24);
            from = (uint32_t)encrypt_place(from % 24);
            count = ENCRYPT_STORED_BLOCK;
        }
        uint32_t room = ROOM - (at > from ? at : from);
        count = count < room ? count : room;
        switch (kind % 4) {
        case 0:
            memmove(raw + at, raw + from, count);
            break;
        case 1:
            memset(raw + at, (int)(kind >> 2 & 1), count);
            break;
        case 2:
            raw[at] ^= (uint8_t)(1u << (kind >> 2 & 7));
            break;
        default:
            len = at;
        }
    }
    return len;
}

/* ---- what must hold ---- */

struct model {
    uint32_t size;
    uint8_t data[ROOM];
};

/* Each block is as it was, or zero where that may be, or says that it is damaged. */
static void check_reads(struct vfs_open *o, const struct model *m)
{
    static uint8_t got[ENCRYPT_BLOCK];
    for (uint32_t at = 0; at < m->size; at += ENCRYPT_BLOCK) {
        uint32_t done = ENCRYPT_BLOCK;
        memset(got, 0xee, sizeof(got));
        smbkit_status st = get(o, at, got, &done);
        must(SMBKIT_OK(st) || st == SMBKIT_STATUS_DATA_ERROR);
        uint32_t want = m->size - at < ENCRYPT_BLOCK ? m->size - at : ENCRYPT_BLOCK;
        must(!SMBKIT_OK(st) || (done == want && memcmp(got, m->data + at, want) == 0));
    }
}

static void content(struct input *in)
{
    static struct model m;
    static uint8_t raw[ROOM];
    struct vfs_open *o = must_open(SMBKIT_CREATE, 0);
    m.size = 1 + take(in, 2) % (20 * ENCRYPT_BLOCK);
    for (uint32_t i = 0; i < m.size; i++) {
        m.data[i] = (uint8_t)(1 + (i + i / ENCRYPT_BLOCK) % 250);
    }
    must(SMBKIT_OK(put(o, 0, m.data, m.size)));
    must(SMBKIT_OK(vfs_close(&call, o, NULL)));
    memset(raw, 0, sizeof(raw));
    void *file = open_below();
    uint32_t len = read_below(file, raw);
    write_below(file, raw, tamper(in, raw, len));
    o = must_open(SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    check_reads(o, &m);
    /* A change that comes after it: it is made or not, and the rest is as before. */
    static const uint8_t text[] = "what is written later";
    uint32_t at = take(in, 2) % (20 * ENCRYPT_BLOCK);
    smbkit_status st = put(o, at, text, sizeof(text));
    must(SMBKIT_OK(st) || st == SMBKIT_STATUS_DATA_ERROR);
    if (SMBKIT_OK(st)) {
        memset(m.data + m.size, 0, at > m.size ? at - m.size : 0);
        memcpy(m.data + at, text, sizeof(text));
        m.size = at + sizeof(text) > m.size ? at + sizeof(text) : m.size;
    }
    check_reads(o, &m);
    must(SMBKIT_OK(vfs_close(&call, o, NULL)));
}

/* ---- what is parsed by itself ---- */

static void name(struct input *in)
{
    const struct encrypt *e = volume->layers[0].volume;
    char text[ENCRYPT_NAME_ROOM];
    char out[ENCRYPT_NAME_ROOM];
    char again[ENCRYPT_NAME_ROOM];
    size_t len = in->left < sizeof(text) - 1 ? in->left : sizeof(text) - 1;
    memcpy(text, in->at, len);
    text[len] = '\0';
    if (encrypt_name_back(&e->keys.names, ENCRYPT_OF_FILE, text, out)) {
        must(encrypt_name_may_be(text));
        must(SMBKIT_OK(encrypt_name(&e->keys.names, ENCRYPT_OF_FILE, out, again)));
        must(strcmp(again, text) == 0);
    }
    if (SMBKIT_OK(encrypt_name(&e->keys.names, ENCRYPT_OF_STREAM, text, out))) {
        must(encrypt_name_may_be(out));
        must(encrypt_name_back(&e->keys.names, ENCRYPT_OF_STREAM, out, again));
        must(strcmp(again, text) == 0);
        must(!encrypt_name_back(&e->keys.names, ENCRYPT_OF_FILE, out, again));
    }
    free(encrypt_path_back(&e->keys.names, text));
}

static void header(struct input *in)
{
    const struct encrypt *e = volume->layers[0].volume;
    uint8_t raw[ENCRYPT_HEAD] = {0};
    struct encrypt_head h;
    struct encrypt_head back;
    must(encrypt_head_new(e->keys.content, &h));
    h.size = (uint64_t)take(in, 4) << 32 | take(in, 4);
    h.whole = (uint64_t)take(in, 4) << 32 | take(in, 4);
    must(encrypt_head_format(&h, raw));
    bool is_good = encrypt_head_parse(e->keys.content, raw, &back);
    must(is_good == (h.size <= ENCRYPT_SIZE_MAX && h.whole <= encrypt_blocks(h.size)));
    must(!is_good || encrypt_plain(encrypt_stored(h.size)) == h.size);
    raw[take(in, 1) % ENCRYPT_HEAD] ^= (uint8_t)(1u << take(in, 1) % 8);
    must(!encrypt_head_parse(e->keys.content, raw, &back));
}

static void check_block(struct input *in)
{
    uint8_t sealed[ENCRYPT_CHECK_LEN];
    uint8_t master[ENCRYPT_KEY_LEN];
    must(!encrypt_check_open(key, in->at, in->left, master));
    must(encrypt_check_seal(key, key, sealed));
    must(encrypt_check_open(key, sealed, sizeof(sealed), master));
    must(memcmp(key, master, sizeof(master)) == 0);
    sealed[take(in, 1) % ENCRYPT_CHECK_LEN] ^= (uint8_t)(1u << take(in, 1) % 8);
    must(!encrypt_check_open(key, sealed, take(in, 1) % (sizeof(sealed) + 1), master));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct input * in) = {content, name, header, check_block};
    struct input in = {data, size};
    if (!volume) {
        volume_make();
    }
    uint32_t kind = take(&in, 1);
    kinds[kind < 192 ? 0 : kind % 4](&in);
    return 0;
}
