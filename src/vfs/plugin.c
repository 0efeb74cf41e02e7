/* SPDX-License-Identifier: Apache-2.0 */
/* What the core gives plugins to call, and the check of a plugin's header. */
#include <stdarg.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/core.h"
#include "vfs/io.h"

#define LOG_MODULE LOG_PLUGIN
#define LOG_LINE_MAX 1024 /* of one smbkit_log */

/* The functions that must be there. A filter may leave them to the layer below. */
static const struct {
    const char *name;
    size_t offset;
    bool of_filters_too;
} REQUIRED[] = {
    {"volume_open", offsetof(struct smbkit_plugin, volume_open), true},
    {"create", offsetof(struct smbkit_plugin, create), false},
    {"close", offsetof(struct smbkit_plugin, close), false},
    {"enumerate", offsetof(struct smbkit_plugin, enumerate), false},
    {"getattr", offsetof(struct smbkit_plugin, getattr), false},
    {"read", offsetof(struct smbkit_plugin, read), false},
};

static bool has_function(const struct smbkit_plugin *p, size_t offset)
{
    return *(void (*const *)(void))((const char *)p + offset) != NULL;
}

static bool name_is_good(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '-') {
            return false;
        }
    }
    return name[0] != 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *plugin_fault(const struct smbkit_plugin *p)
{
    if (!p->name || !name_is_good(p->name)) {
        return "it has no name of letters a-z, digits and '-'";
    }
    if (p->thread_model > SMBKIT_PARALLEL) {
        return "its thread model is unknown";
    }
    bool is_filter = p->flags & SMBKIT_IS_FILTER;
    for (size_t i = 0; i < ARRAY_LEN(REQUIRED); i++) {
        if ((!is_filter || REQUIRED[i].of_filters_too) && !has_function(p, REQUIRED[i].offset)) {
            return REQUIRED[i].name;
        }
    }
    if (is_filter && (p->create != NULL) != (p->close != NULL)) {
        return "a filter has both create and close or neither";
    }
    return NULL;
}

struct smbkit_plugin *vfs_plugin_adopt(const struct smbkit_plugin *p, char *err, size_t err_size)
{
    if (p->api_version == 0 || p->api_version > SMBKIT_API_VERSION) {
        str_format(err, err_size, "the plugin was built for ABI version %u, this server has %u",
                   p->api_version, SMBKIT_API_VERSION);
        return NULL;
    }
    if (p->struct_size < offsetof(struct smbkit_plugin, load)) {
        str_format(err, err_size, "the plugin's struct_size %u is too small", p->struct_size);
        return NULL;
    }
    struct smbkit_plugin *copy = mem_zalloc(sizeof(*copy));
    if (!copy) {
        str_format(err, err_size, "no memory");
        return NULL;
    }
    /* A plugin of the same version with a longer struct has members that this core does not know.
     */
    mem_copy(copy, p, MIN((size_t)p->struct_size, sizeof(*copy)));
    const char *fault = plugin_fault(copy);
    if (fault) {
        str_format(err, err_size, "the plugin %s cannot be used: %s is missing or wrong",
                   copy->name ? copy->name : "(unnamed)", fault);
        mem_free(copy);
        return NULL;
    }
    return copy;
}

int32_t smbkit_op_is_cancelled(const struct smbkit_op *op)
{
    const struct vfs_op_core *core = op->core;
    /* relaxed: a hint; nothing is published with it */
    return core->cancelled && atomic_load_explicit(core->cancelled, memory_order_relaxed);
}

void smbkit_complete(struct smbkit_op *op, smbkit_status status)
{
    struct vfs_op_core *core = op->core;
    ASSERT(status != SMBKIT_STATUS_PENDING);
    SCOPED_LOCK(&core->lock);
    if (core->state == OP_RUNNING) {
        core->status = status;
        core->state = OP_COMPLETED;
        cond_signal(&core->cond);
        return;
    }
    ASSERT(core->state == OP_PENDING && core->io); /* else it was completed twice */
    io_complete_locked(core->io, status);
}

void smbkit_io_give(struct smbkit_io *io, const void *memory, uint32_t length,
                    void (*release)(void *arg), void *arg)
{
    struct vfs_io *v = io->core;
    ASSERT(length <= io->length);
    io->done = length;
    if (!v) {
        /* A filter reads into a buffer of its own. */
        mem_copy(io->buffer, memory, length);
        if (release) {
            release(arg);
        }
        return;
    }
    ASSERT(!v->memory && v->fd < 0);
    v->memory = memory;
    v->release = release;
    v->release_arg = arg;
}

void smbkit_io_fd(struct smbkit_io *io, int64_t fd, uint64_t offset, uint32_t length)
{
    struct vfs_io *v = io->core;
    ASSERT(v && fd >= 0 && length <= io->length && !v->memory);
    io->done = length;
    v->fd = fd;
    v->fd_offset = offset;
}

void smbkit_log(uint32_t level, const char *fmt, ...)
{
    enum log_level at = (enum log_level)MIN(level, (uint32_t)LOG_DEBUG);
    if (!log_is_on(LOG_MODULE, at)) {
        return;
    }
    char line[LOG_LINE_MAX];
    va_list ap;
    va_start(ap, fmt);
    str_vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    log_write(at, LOG_MODULE, NULL, "%s", line);
}
