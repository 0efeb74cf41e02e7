/* SPDX-License-Identifier: Apache-2.0 */
/* Files from memory, and one that is made as it is read. */
#include "demo_priv.h"

#define PATTERN_SIZE (UINT64_C(1) << 34) /* 16 GiB, of which nothing is ever held */

static const char readme[] = "This share is made by a plugin on a tree, smbkit-tree(3). Look at:\n"
                             "\n"
                             "pattern.bin   made as it is read\n"
                             "host          files of the host, if host=PATH was given\n"
                             "ram           make, rename and delete what you like\n"
                             "clock.txt     changes while you watch\n"
                             "last          the last eight ticks\n"
                             "count         open \"count/1 to 10\": a name is the parameter\n"
                             "missed.txt    names that were asked for and are not there\n"
                             "users         a folder for each user\n"
                             "orders.txt    write \"add a.txt some text\": pushed changes\n"
                             "slow          is filled a second after somebody looks\n";

/* Byte n of the file is n modulo 251, which is no power of two. */
static smbkit_status pattern_read(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    (void)c;
    (void)handle;
    uint64_t left = io->offset < PATTERN_SIZE ? PATTERN_SIZE - io->offset : 0;
    uint32_t n = left < io->length ? (uint32_t)left : io->length;
    uint8_t *to = smbkit_io_buffer(io);
    if (!to) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (uint8_t)((io->offset + i) % 251);
    }
    io->done = n;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_tree_file pattern = {
    .struct_size = sizeof(pattern), .flags = SMBKIT_TREE_NEVER_BLOCKS, .read = pattern_read};

smbkit_status demo_generated_add(struct demo *d)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new("pattern.bin");
    e.file = &pattern;
    e.size = PATTERN_SIZE;
    smbkit_status status = smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, NULL);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    /* A name that SMB cannot have, and text that need not be copied. */
    e = smbkit_tree_entry_new("What is this?");
    e.data = readme;
    e.size = sizeof(readme) - 1;
    e.flags = SMBKIT_TREE_LENT | SMBKIT_TREE_FIXED;
    return smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, NULL);
}
