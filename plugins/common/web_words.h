/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments that all plugins have whose files lie on the network. */
#pragma once

#include <stddef.h>

#include <smbkit/plugin.h>

#include "web.h"

struct web_words {
    const char *ca_file;
    const char *proxy;
    uint64_t connect_ms;
    uint64_t idle_ms;
    uint64_t requests;
    uint64_t retries;
};
#define WEB_WORDS_DEFAULT                                                                          \
    {                                                                                              \
        .connect_ms = 10000, .idle_ms = 30000, .requests = 64, .retries = 3                        \
    }

#define WEB_WORD(type, member, name, what, ...)                                                    \
    {                                                                                              \
        .key = name, .offset = offsetof(type, member) + offsetof(struct web_words, what),          \
        .kind = __VA_ARGS__                                                                        \
    }
/* Rows of a table of arguments that are read into a type with a struct web_words as its member. */
#define WEB_WORDS(type, member)                                                                    \
    WEB_WORD(type, member, "ca-file", ca_file, SMBKIT_PARAM_TEXT, .min = 1),                       \
        WEB_WORD(type, member, "proxy", proxy, SMBKIT_PARAM_TEXT, .min = 1),                       \
        WEB_WORD(type, member, "connect-timeout", connect_ms, SMBKIT_PARAM_MS, .min = 100,         \
                 .max = 300000),                                                                   \
        WEB_WORD(type, member, "idle-timeout", idle_ms, SMBKIT_PARAM_MS, .min = 1000,              \
                 .max = 300000),                                                                   \
        WEB_WORD(type, member, "requests", requests, SMBKIT_PARAM_NUMBER, .min = 1, .max = 1024),  \
        WEB_WORD(type, member, "retries", retries, SMBKIT_PARAM_NUMBER, .max = 10)

/* What is wrong with the URL of a server, in a line for the user; or NULL. max: bytes of it. */
const char *web_url_wrong(const char *url, size_t max);
/* Who asks the server of that URL; credentials and what else there is are set by the caller. */
struct web_spec web_words_spec(const struct web_words *w, struct smbkit_host *host,
                               const char *name, const char *url);
