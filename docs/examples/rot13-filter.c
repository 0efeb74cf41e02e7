/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that changes data, as an example: smbkit-filter(3). Letters are kept thirteen places on
 * in the layer below; clients see them as they wrote them. No byte changes its place and 0 stays 0,
 * so sizes, holes and copies are right as they are: only what carries data is here, and what would
 * show that these are not the files of the layer below. */
#include <smbkit/filter.h>

#include <stdlib.h>

static uint8_t turned(uint8_t c)
{
    uint8_t first = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : 0;
    return first ? (uint8_t)(first + (c - first + 13) % 26) : c;
}

static const struct smbkit_param params[] = {{.key = NULL}}; /* it takes none */

static smbkit_status rot13_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    smbkit_status status = smbkit_args_take(args, params, NULL);
    *volume_r = args->next; /* all that it has to know */
    return status;
}

static void rot13_volume_close(void *volume)
{
}

/* Without SMBKIT_SEES_SEGMENTS what was read is in the buffer, and may be changed there. */
static smbkit_status rot13_read(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    smbkit_status status = smbkit_next_read(volume, op, file, io);
    for (uint32_t i = 0; status == SMBKIT_STATUS_SUCCESS && i < io->done; i++) {
        io->buffer[i] = turned(io->buffer[i]);
    }
    return status;
}

/* What is written is lent, and must not be changed in place. Without SMBKIT_SEES_PENDING the layer
 * below is done with it when it has returned. */
static smbkit_status rot13_write(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_io *io)
{
    uint8_t *copy = malloc(io->length ? io->length : 1);
    if (!copy) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint32_t n = 0;
    for (uint32_t s = 0; s < io->seg_count; s++) {
        for (uint64_t i = 0; i < io->segs[s].len; i++) {
            copy[n++] = turned(io->segs[s].base[i]);
        }
    }
    struct smbkit_segment seg = {.base = copy, .len = n};
    struct smbkit_io mine = *io;
    mine.segs = &seg;
    mine.seg_count = 1;
    mine.core = NULL; /* the server knows nothing of this one */
    smbkit_status status = smbkit_next_write(volume, op, file, &mine);
    io->done = mine.done;
    free(copy);
    return status;
}

/* Who has a write of his own is asked for these himself: here a clone of what is turned is turned.
 */
static smbkit_status rot13_clone_range(void *volume, struct smbkit_op *op, void *file,
                                       struct smbkit_copy *a)
{
    return smbkit_next_clone_range(volume, op, file, a);
}

/* By a descriptor the data of the layer below would be seen. */
static smbkit_status rot13_file_fd(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_file_fd *a)
{
    return SMBKIT_STATUS_NOT_SUPPORTED;
}

/* ---- another share of the layer below has other files: the ids are this volume's own ---- */

static smbkit_status own(smbkit_status status, struct smbkit_attr *attr)
{
    if (attr) {
        attr->file_domain = 0;
    }
    return status;
}

static smbkit_status rot13_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    return own(smbkit_next_create(volume, op, how), how->attr);
}

static void rot13_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(volume, op, file);
}

static smbkit_status rot13_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *how)
{
    return own(smbkit_next_lookup(volume, op, how), how->attr);
}

static smbkit_status rot13_getattr(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_attr *attr)
{
    return own(smbkit_next_getattr(volume, op, file, attr), attr);
}

static smbkit_status rot13_overwrite(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_overwrite *how)
{
    return own(smbkit_next_overwrite(volume, op, file, how), how->attr);
}

struct passing {
    struct smbkit_sink sink;
    struct smbkit_sink *to;
};

static int32_t rot13_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct passing *p = (struct passing *)sink; /* its first member */
    struct smbkit_entry e = *entry;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    if (e.attr) {
        attr = *e.attr;
        attr.file_domain = 0;
        e.attr = &attr;
    }
    return p->to->entry(p->to, &e);
}

static smbkit_status rot13_enumerate(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_sink *sink)
{
    struct passing p = {.sink = *sink, .to = sink};
    p.sink.entry = rot13_entry;
    return smbkit_next_enumerate(volume, op, file, &p.sink);
}

static const struct smbkit_plugin rot13 = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "rot13",
    .description = "keeps letters thirteen places on",
    .version = "1",
    .volume_open = rot13_volume_open,
    .volume_close = rot13_volume_close,
    .create = rot13_create,
    .close = rot13_close,
    .lookup = rot13_lookup,
    .getattr = rot13_getattr,
    .overwrite = rot13_overwrite,
    .enumerate = rot13_enumerate,
    .read = rot13_read,
    .write = rot13_write,
    .clone_range = rot13_clone_range,
    .file_fd = rot13_file_fd,
};
SMBKIT_REGISTER(rot13)
