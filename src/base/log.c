/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/str.h"

#define LOG_TEXT_MAX 1024u /* longer lines are cut, and end in "..." */
#define LOG_WORD_MAX 16u   /* the longest name of a module or level, terminated */

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};
static const char *const other_warn = "warning"; /* understood, not written */
static const char *const module_names[LOG_MODULES] = {
    "base", "os", "wire", "crypto", "auth", "vfs", "rpc", "smb", "net", "server", "plugin"};

unsigned char log_levels[LOG_MODULES] = {
    [LOG_BASE] = LOG_WARN,   [LOG_OS] = LOG_WARN,     [LOG_WIRE] = LOG_WARN,
    [LOG_CRYPTO] = LOG_WARN, [LOG_AUTH] = LOG_WARN,   [LOG_VFS] = LOG_WARN,
    [LOG_RPC] = LOG_WARN,    [LOG_SMB] = LOG_WARN,    [LOG_NET] = LOG_WARN,
    [LOG_SERVER] = LOG_WARN, [LOG_PLUGIN] = LOG_WARN,
};

static void stderr_sink(void *arg, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *text);

/* immutable once threads run */
static log_sink_fn sink = stderr_sink;
static void *sink_arg;

static void id_append(char *buf, size_t size, const char *name, uint64_t id)
{
    size_t used = strlen(buf);
    if (id != 0) {
        str_format(buf + used, size - used, " %s=%" PRIx64, name, id);
    }
}

static void stderr_sink(void *arg UNUSED, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *text)
{
    char ids[128] = "";
    if (ctx) {
        id_append(ids, sizeof(ids), "conn", ctx->conn_id);
        id_append(ids, sizeof(ids), "session", ctx->session_id);
        id_append(ids, sizeof(ids), "tree", ctx->tree_id);
        id_append(ids, sizeof(ids), "mid", ctx->message_id);
    }
    /* One call, so that lines of several threads do not mix. */
    fprintf(stderr, "smbkit: %s %s: %s%s\n", log_level_name(level), log_module_name(module), text,
            ids);
}

void log_set_sink(log_sink_fn fn, void *arg)
{
    sink = fn ? fn : stderr_sink;
    sink_arg = fn ? arg : NULL;
}

void log_set_level(enum log_module module, enum log_level level)
{
    for (unsigned i = 0; i < LOG_MODULES; i++) {
        if (module == LOG_MODULES || module == i) {
            __atomic_store_n(&log_levels[i], (unsigned char)level, __ATOMIC_RELAXED);
        }
    }
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < ARRAY_LEN(level_names) ? level_names[level] : "?";
}

const char *log_module_name(enum log_module module)
{
    return (unsigned)module < LOG_MODULES ? module_names[module] : "?";
}

/* The index of the word s[0..len) in names, or -1. */
static int word_find(const char *const *names, size_t count, const char *s, size_t len)
{
    char word[LOG_WORD_MAX];
    if (len >= sizeof(word)) {
        return -1;
    }
    str_format(word, sizeof(word), "%.*s", (int)len, s);
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(word, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

/* One "level" or "module:level" of len bytes into levels. */
static bool item_parse(const char *s, size_t len, unsigned char *levels)
{
    const char *colon = memchr(s, ':', len);
    const char *level_word = colon ? colon + 1 : s;
    size_t level_len = len - (size_t)(level_word - s);
    int level = word_find(level_names, ARRAY_LEN(level_names), level_word, level_len);
    if (level < 0 && word_find(&other_warn, 1, level_word, level_len) == 0) {
        level = LOG_WARN;
    }
    if (level < 0) {
        return false;
    }
    if (!colon) {
        memset(levels, level, LOG_MODULES);
        return true;
    }
    int module = word_find(module_names, LOG_MODULES, s, (size_t)(colon - s));
    if (module < 0) {
        return false;
    }
    levels[module] = (unsigned char)level;
    return true;
}

bool log_levels_parse(const char *spec)
{
    unsigned char levels[LOG_MODULES];
    for (unsigned i = 0; i < LOG_MODULES; i++) {
        levels[i] = __atomic_load_n(&log_levels[i], __ATOMIC_RELAXED);
    }
    for (const char *s = spec;;) {
        size_t len = strcspn(s, ",");
        if (!item_parse(s, len, levels)) {
            return false;
        }
        if (!s[len]) {
            break;
        }
        s += len + 1;
    }
    for (unsigned i = 0; i < LOG_MODULES; i++) {
        log_set_level((enum log_module)i, (enum log_level)levels[i]);
    }
    return true;
}

bool log_rate_allows(struct log_rate *r, uint64_t now_ms, unsigned *untold_r)
{
    if (r->told == 0 || now_ms - r->since_ms >= LOG_RATE_MS) {
        r->since_ms = now_ms;
        r->told = 0;
    }
    if (r->told == LOG_RATE_LINES) {
        r->untold++;
        return false;
    }
    r->told++;
    *untold_r = r->untold;
    r->untold = 0;
    return true;
}

void log_write(enum log_level level, enum log_module module, const struct log_ctx *ctx,
               const char *fmt, ...)
{
    char text[LOG_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    bool fits = str_vformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!fits) {
        str_copy(text + sizeof(text) - 4, 4, "...");
    }
    /* Plugins' words and peers' names: no forged lines, no terminal sequences. Never longer. */
    char plain[LOG_TEXT_MAX];
    struct wr w = wr_init(plain, sizeof(plain));
    wr_plain(&w, text);
    wr_u8(&w, 0);
    ASSERT(wr_ok(&w));
    sink(sink_arg, level, module, ctx, plain);
}
