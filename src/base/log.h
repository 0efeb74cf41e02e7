/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: key=value text to one sink, a level for each module. Off costs one branch.
 * Write "event key=%s key=%u"; no newline. Secrets never go here. */
#pragma once

#include <stdarg.h>

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
enum log_module {
    LOG_BASE,
    LOG_OS,
    LOG_WIRE,
    LOG_CRYPTO,
    LOG_AUTH,
    LOG_VFS,
    LOG_RPC,
    LOG_SMB,
    LOG_NET,
    LOG_SERVER,
    LOG_PLUGIN,
    LOG_MODULES
};

/* Where a line comes from; zero ids are left out. Passed by pointer, NULL allowed. */
struct log_ctx {
    uint64_t conn_id;
    uint64_t session_id;
    uint32_t tree_id;
    uint64_t message_id;
};

/* One line, without time or newline: text is "event key=value ...". Any thread; must not log. */
typedef void (*log_sink_fn)(void *arg, enum log_level level, enum log_module module,
                            const struct log_ctx *ctx, const char *text);

/* Defaults: stderr, LOG_WARN. Call before threads start. */
void log_set_sink(log_sink_fn fn, void *arg);
/* module LOG_MODULES sets all. Any time. */
void log_set_level(enum log_module module, enum log_level level);
extern unsigned char log_levels[LOG_MODULES]; /* read through log_is_on */
const char *log_level_name(enum log_level level);
const char *log_module_name(enum log_module module);
/* "debug" or "vfs:debug,smb:trace" (level names as log_level_name); false: bad spec, nothing set.
 */
NODISCARD bool log_levels_parse(const char *spec);

static inline bool log_is_on(enum log_module module, enum log_level level)
{
    /* relaxed: a changed level may take effect a line later */
    unsigned char on = __atomic_load_n(&log_levels[module], __ATOMIC_RELAXED);
    return __builtin_expect((unsigned)level <= on, 0);
}

/* For lines that a peer can cause at will: LOG_RATE_LINES in LOG_RATE_MS, the others are counted.
 * Not locked. */
#define LOG_RATE_LINES 20u
#define LOG_RATE_MS 10000u
struct log_rate {
    uint64_t since_ms;
    unsigned told;
    unsigned untold;
};
/* May a line be written now? Then *untold_r is how many were not since the last one. */
bool log_rate_allows(struct log_rate *r, uint64_t now_ms, unsigned *untold_r);

void log_write(enum log_level level, enum log_module module, const struct log_ctx *ctx,
               const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Each .c that logs defines LOG_MODULE first: #define LOG_MODULE LOG_VFS */
#define log_at(level, ctx, ...)                                                                    \
    do {                                                                                           \
        if (log_is_on(LOG_MODULE, level)) {                                                        \
            log_write(level, LOG_MODULE, ctx, __VA_ARGS__);                                        \
        }                                                                                          \
    } while (0)
#define log_error(ctx, ...) log_at(LOG_ERROR, ctx, __VA_ARGS__)
#define log_warn(ctx, ...) log_at(LOG_WARN, ctx, __VA_ARGS__)
#define log_info(ctx, ...) log_at(LOG_INFO, ctx, __VA_ARGS__)
#define log_debug(ctx, ...) log_at(LOG_DEBUG, ctx, __VA_ARGS__)
#define log_trace(ctx, ...) log_at(LOG_TRACE, ctx, __VA_ARGS__)
