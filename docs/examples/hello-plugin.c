/* SPDX-License-Identifier: Apache-2.0 */
/* A file system of two generated files, "hello.txt" and "clock.txt", as an example:
 * smbkit-plugin(3). It has the six functions that a plugin must have, and volume_close. The volume
 * is the word that it greets with, a file is its number. */
#include <smbkit/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOT, HELLO, CLOCK, COUNT };
static const char *const names[COUNT] = {"", "hello.txt", "clock.txt"};

static uint32_t content(const char *word, uintptr_t n, const char *user, char text[256])
{
    long long now = (long long)time(NULL);
    int len = n == HELLO ? snprintf(text, 256, "%s, %s!\n", word, user)
                         : snprintf(text, 256, "%20lld\n", now);
    return len < 255 ? (uint32_t)len : 255;
}

static void describe(const char *word, uintptr_t n, const char *user, struct smbkit_attr *attr)
{
    char text[256];
    attr->attributes = n == ROOT ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_NORMAL;
    attr->size = n == ROOT ? 0 : content(word, n, user, text);
}

struct arguments {
    const char *greeting;
};
static const struct smbkit_param params[] = {{.key = "greeting",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct arguments, greeting),
                                              .min = 1,
                                              .max = 64},
                                             {.key = NULL}};

static smbkit_status hello_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct arguments given = {.greeting = "Hello"};
    smbkit_status status = smbkit_args_take(args, params, &given);
    if (!SMBKIT_OK(status)) {
        return status; /* the user has been told what is wrong */
    }
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS;
    *volume_r = strdup(given.greeting);
    return *volume_r ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static void hello_volume_close(void *volume)
{
    free(volume);
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
            describe(volume, n, op->who->user, attr);
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
    describe(volume, (uintptr_t)file, op->who->user, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status hello_enumerate(void *volume, struct smbkit_op *op, void *file,
                                     struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    for (uint64_t n = cookie + 1; n < COUNT; n++) {
        struct smbkit_entry e = {.struct_size = sizeof(e), .name = names[n], .cookie = n};
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        describe(volume, n, op->who->user, &attr);
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
    uint32_t len = content(volume, (uintptr_t)file, op->who->user, text);
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
    .config_help = "greeting=TEXT  the first word of hello.txt; Hello\n",
    .volume_open = hello_volume_open,
    .volume_close = hello_volume_close,
    .create = hello_create,
    .close = hello_close,
    .enumerate = hello_enumerate,
    .getattr = hello_getattr,
    .read = hello_read,
};
SMBKIT_REGISTER(hello)
