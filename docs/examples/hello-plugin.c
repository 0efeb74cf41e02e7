/* SPDX-License-Identifier: Apache-2.0 */
/* A file system of two generated files, "hello.txt" and "clock.txt", as an example:
 * smbkit-plugin(3). It has the six functions that a plugin must have, and no state: a file is its
 * number. */
#include <smbkit/plugin.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROOT, HELLO, CLOCK, COUNT };
static const char *const names[COUNT] = {"", "hello.txt", "clock.txt"};

static uint32_t content(uintptr_t n, const char *user, char text[256])
{
    long long now = (long long)time(NULL);
    int len = n == HELLO ? snprintf(text, 256, "Hello, %s!\n", user)
                         : snprintf(text, 256, "%20lld\n", now);
    return len < 255 ? (uint32_t)len : 255;
}

static void describe(uintptr_t n, const char *user, struct smbkit_attr *attr)
{
    char text[256];
    attr->attributes = n == ROOT ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_NORMAL;
    attr->size = n == ROOT ? 0 : content(n, user, text);
}

static smbkit_status hello_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = NULL;
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS;
    if (args->arg_count > 0) {
        snprintf(args->error, args->error_size, "hello: takes no arguments: %s", args->args[0].key);
    }
    return args->arg_count > 0 ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    void **file_r = &how->file;
    struct smbkit_attr *attr = how->attr;
    for (uintptr_t n = 0; n < COUNT && how->disposition == SMBKIT_OPEN; n++) {
        if (strcmp(how->path, names[n]) == 0) {
            if (how->kind == (n == ROOT ? SMBKIT_KIND_FILE : SMBKIT_KIND_DIRECTORY)) {
                return n == ROOT ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY
                                 : SMBKIT_STATUS_NOT_A_DIRECTORY;
            }
            *file_r = (void *)n;
            describe(n, op->who->user, attr);
            return SMBKIT_STATUS_SUCCESS;
        }
    }
    return strchr(how->path, '/') ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                  : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

static void hello_close(void *volume, struct smbkit_op *op, void *file)
{
}

static smbkit_status hello_getattr(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_attr *attr)
{
    describe((uintptr_t)file, op->who->user, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_enumerate(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    for (uint64_t n = cookie + 1; n < COUNT; n++) {
        struct smbkit_entry e = {.struct_size = sizeof(e), .name = names[n], .cookie = n};
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        describe(n, op->who->user, &attr);
        e.attr = &attr;
        if (!sink->entry(sink, &e)) {
            break; /* the client's buffer is full: it comes back with the last cookie */
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_read(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    char text[256];
    uint32_t len = content((uintptr_t)file, op->who->user, text);
    uint32_t left = io->offset < len ? len - (uint32_t)io->offset : 0;
    io->done = io->length < left ? io->length : left;
    memcpy(io->buffer, text + len - left, io->done);
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin hello = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "hello",
    .description = "two generated files",
    .version = "1",
    .volume_open = hello_volume_open,
    .create = hello_create,
    .close = hello_close,
    .enumerate = hello_enumerate,
    .getattr = hello_getattr,
    .read = hello_read,
};
SMBKIT_REGISTER(hello)
