/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that has every operation of the table, and filters that pass every one on, made of
 * SMBKIT_OPERATIONS, so that a row that is added is tested with them. */
#pragma once

#include <pthread.h>
#include <stdlib.h>

#include <smbkit/filter.h>

#include "base/log.h"
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/layer.h"

#include "test.h"

#define S(name) SMBKIT_STATUS_##name
#define ARGS_MAX 512u /* bytes of the largest struct of an operation */

enum every_mode { EVERY_SYNC, EVERY_EARLY, EVERY_LATE, EVERY_MODES };

/* What the plugin is to see and to answer, and what came. */
static struct every {
    /* Instead of all below. */
    smbkit_status (*hook)(struct smbkit_op *op, uint32_t id, void *args);
    enum every_mode mode;
    uint32_t id;
    void *file;
    uint8_t expected[ARGS_MAX];
    uint8_t answer[ARGS_MAX];
    smbkit_status status;
    unsigned calls[SMBKIT_OP_COUNT];
    unsigned closes;
    struct smbkit_op *late;
    struct smbkit_host *host;
} every;

static bool every_is_const[SMBKIT_OP_COUNT];

static void every_setup(void)
{
#define EVERY_CONST(kind, name, type) every_is_const[SMBKIT_OP_##name] = #type[0] == 'c';
    SMBKIT_OPERATIONS(EVERY_CONST)
}

static smbkit_status every_called(uint32_t id, struct smbkit_op *op, void *file, void *args)
{
    every.calls[id]++;
    if (every.hook) {
        return every.hook(op, id, args);
    }
    CHECK_INT(id, every.id);
    CHECK(file == every.file);
    CHECK_MEM(args, op_rows[id].size, every.expected, op_rows[id].size);
    CHECK(op->who != NULL && strcmp(op->who->user, "anna") == 0);
    if (!every_is_const[id]) {
        memcpy(args, every.answer, op_rows[id].size);
    }
    if (every.mode == EVERY_SYNC) {
        return every.status;
    }
    if (every.mode == EVERY_EARLY) {
        smbkit_complete(op, every.status);
    } else {
        every.late = op;
    }
    return S(PENDING);
}

#define EVERY_FILE_VOLUME NULL
#define EVERY_FILE_FILE file
#define EVERY_FUNCTION(kind, name, type)                                                           \
    static smbkit_status every_##name(void *volume, struct smbkit_op *op,                          \
                                      SMBKIT_FILE_PARAM_##kind type *a)                            \
    {                                                                                              \
        CHECK(volume == &every);                                                                   \
        return every_called(SMBKIT_OP_##name, op, EVERY_FILE_##kind, (void *)(uintptr_t)a);        \
    }
SMBKIT_OPERATIONS(EVERY_FUNCTION)

static smbkit_status every_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    every.host = args->host;
    *volume_r = &every;
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_IGNORES_CASE;
    return S(SUCCESS);
}

static void every_close(void *volume, struct smbkit_op *op, void *file)
{
    every.closes++;
}

static const struct smbkit_plugin EVERY = {.struct_size = sizeof(EVERY),
                                           .api_version = SMBKIT_API_VERSION,
                                           .thread_model = SMBKIT_PARALLEL,
                                           .name = "every",
                                           .volume_open = every_volume_open,
                                           .close = every_close,
#define EVERY_MEMBER(kind, name, type) .name = every_##name,
                                           SMBKIT_OPERATIONS(EVERY_MEMBER)};

/* ---- a filter that passes all on as it is ---- */

static smbkit_status filter_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = args->next;
    return S(SUCCESS);
}

static void filter_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(volume, op, file);
}

#define PASS_FUNCTION(kind, name, type)                                                            \
    static smbkit_status pass_##name(void *volume, struct smbkit_op *op,                           \
                                     SMBKIT_FILE_PARAM_##kind type *a)                             \
    {                                                                                              \
        return smbkit_next_##name(volume, op, SMBKIT_FILE_ARG_##kind a);                           \
    }
SMBKIT_OPERATIONS(PASS_FUNCTION)

#define FILTER_HEADER(filter_name)                                                                 \
    .struct_size = sizeof(struct smbkit_plugin), .api_version = SMBKIT_FILTER_VERSION,             \
    .thread_model = SMBKIT_PARALLEL,                                                               \
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_SEGMENTS | SMBKIT_SEES_PENDING, .name = filter_name,   \
    .volume_open = filter_open

static const struct smbkit_plugin PASS = {FILTER_HEADER("pass"), .close = filter_close,
#define PASS_MEMBER(kind, name, type) .name = pass_##name,
                                          SMBKIT_OPERATIONS(PASS_MEMBER)};

/* ---- a filter that passes all on as children ---- */

struct child_call {
    struct smbkit_op *parent;
};

static void child_done(void *arg, smbkit_status status)
{
    struct child_call *c = arg;
    struct smbkit_op *parent = c->parent;
    free(c);
    smbkit_complete(parent, status);
}

#define CHILD_FUNCTION(kind, name, type)                                                           \
    static smbkit_status child_##name(void *volume, struct smbkit_op *op,                          \
                                      SMBKIT_FILE_PARAM_##kind type *a)                            \
    {                                                                                              \
        struct child_call *c = malloc(sizeof(*c));                                                 \
        c->parent = op;                                                                            \
        struct smbkit_op *child = smbkit_child(op, child_done, c);                                 \
        smbkit_status st = smbkit_next_##name(volume, child, SMBKIT_FILE_ARG_##kind a);            \
        if (st != S(PENDING)) {                                                                    \
            free(c);                                                                               \
        }                                                                                          \
        return st;                                                                                 \
    }
SMBKIT_OPERATIONS(CHILD_FUNCTION)

static const struct smbkit_plugin CHILD = {FILTER_HEADER("child"), .close = filter_close,
#define CHILD_MEMBER(kind, name, type) .name = child_##name,
                                           SMBKIT_OPERATIONS(CHILD_MEMBER)};

/* ---- a volume of some of them ---- */

struct stack {
    struct vfs_volume *v;
    struct vfs_token *token;
    struct vfs_call call;
};

static smbkit_status every_info(struct smbkit_op *op, uint32_t id, void *args)
{
    return S(SUCCESS);
}

static bool stack_open(struct stack *s, const struct smbkit_plugin *const *plugins, uint32_t count)
{
    static const uint32_t machine[3] = {1, 2, 3};
    const struct vfs_token_spec who = {.user = "anna",
                                       .domain = "WG",
                                       .client_address = "192.0.2.1",
                                       .rid = 1001,
                                       .machine_sid = machine};
    struct vfs_layer_spec layers[VFS_LAYERS_MAX] = {{0}};
    char err[256] = "";
    every = (struct every){.hook = every_info};
    every_setup();
    for (uint32_t i = 0; i < count; i++) {
        layers[i].plugin = plugins[i];
    }
    const struct vfs_volume_spec spec = {
        .share_name = "every", .layers = layers, .layer_count = count};
    s->token = vfs_token_new(&who);
    s->call = (struct vfs_call){.token = s->token};
    if (!s->token || !SMBKIT_OK(vfs_volume_open(&spec, &s->v, err, sizeof(err)))) {
        test_fail(__FILE__, __LINE__, "volume_open: %s", err);
        return false;
    }
    return true;
}

static void stack_close(struct stack *s)
{
    vfs_volume_unref(s->v);
    vfs_token_unref(s->token);
}

/* Lines of the log with the text. */
static struct {
    pthread_mutex_t lock;
    char text[8192];
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void logged_sink(void *arg, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *text)
{
    pthread_mutex_lock(&logged.lock);
    size_t at = strlen(logged.text);
    snprintf(logged.text + at, sizeof(logged.text) - at, "%s\n", text);
    pthread_mutex_unlock(&logged.lock);
}

/* Was it, since the last question? */
static UNUSED bool was_logged(const char *text)
{
    pthread_mutex_lock(&logged.lock);
    bool yes = strstr(logged.text, text) != NULL;
    logged.text[0] = 0;
    pthread_mutex_unlock(&logged.lock);
    return yes;
}
