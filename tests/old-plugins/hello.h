/* SPDX-License-Identifier: Apache-2.0 */
/* A file system of one file, for the plugins of this folder. */
#pragma once

#include <stddef.h>
#include <string.h>

#include <smbkit/plugin.h>

static const char hello_text[] = "Hello from an older build.\n";

static const char *const hello_root = "root";
static const char *const hello_file = "file";

static void hello_attr(const char *what, struct smbkit_attr *attr)
{
    memset(attr, 0, sizeof(*attr));
    attr->struct_size = sizeof(*attr);
    attr->file_id = what == hello_root ? 1 : 2;
    attr->attributes = what == hello_root ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_READONLY;
    attr->size = what == hello_root ? 0 : sizeof(hello_text) - 1;
}

static smbkit_status hello_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS;
    *volume_r = (void *)hello_root;
    return SMBKIT_STATUS_SUCCESS;
}

static void hello_volume_close(void *volume)
{
    (void)volume;
}

static smbkit_status hello_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    void **file_r = &how->file;
    struct smbkit_attr *attr = how->attr;
    (void)volume;
    (void)op;
    if (strcmp(how->path, "") != 0 && strcmp(how->path, "hello.txt") != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    const char *what = how->path[0] ? hello_file : hello_root;
    if (how->disposition == SMBKIT_CREATE) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (how->kind == SMBKIT_KIND_DIRECTORY && what == hello_file) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    if (how->kind == SMBKIT_KIND_FILE && what == hello_root) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    *file_r = (void *)what;
    hello_attr(what, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static void hello_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)volume;
    (void)op;
    (void)file;
}

static smbkit_status hello_enumerate(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    struct smbkit_attr attr;
    struct smbkit_entry e = {
        .struct_size = sizeof(e), .name = "hello.txt", .cookie = 1, .attr = &attr};
    (void)volume;
    (void)op;
    (void)file;
    hello_attr(hello_file, &attr);
    if (cookie == 0) {
        sink->entry(sink, &e);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_getattr(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_attr *attr)
{
    (void)volume;
    (void)op;
    hello_attr(file, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_read(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    size_t size = sizeof(hello_text) - 1;
    (void)volume;
    (void)op;
    (void)file;
    io->done = 0;
    if (io->offset < size) {
        size_t left = size - io->offset;
        io->done = left < io->length ? (uint32_t)left : io->length;
        memcpy(io->buffer, hello_text + io->offset, io->done);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The members that every plugin here has. */
#define HELLO_MEMBERS(plugin_name)                                                                 \
    .thread_model = SMBKIT_PARALLEL, .name = plugin_name, .description = "one file, for a test",   \
    .version = "0", .volume_open = hello_volume_open, .volume_close = hello_volume_close,          \
    .create = hello_create, .close = hello_close, .enumerate = hello_enumerate,                    \
    .getattr = hello_getattr, .read = hello_read
