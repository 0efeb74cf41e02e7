/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer. [RFC 9110] names the fields. */
#include "web.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNIX_TO_FILETIME_S UINT64_C(11644473600) /* from 1601 to 1970 */
#define TICKS_A_SECOND UINT64_C(10000000)

uint64_t web_time_from_unix(int64_t seconds)
{
    if (seconds <= 0 || seconds > INT64_C(253402300799)) { /* the end of year 9999 */
        return 0;
    }
    return ((uint64_t)seconds + UNIX_TO_FILETIME_S) * TICKS_A_SECOND;
}

uint64_t web_time_parse(const char *text)
{
    return web_time_from_unix(curl_getdate(text, NULL));
}

/* Digits, and nothing else but what stands in after. */
static bool number_take(const char **at, uint64_t *out)
{
    uint64_t n = 0;
    const char *p = *at;
    if (*p < '0' || *p > '9') {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
    }
    *at = p;
    *out = n;
    return true;
}

static bool number_is(const char *text, uint64_t *out)
{
    return number_take(&text, out) && *text == 0;
}

static void text_take(char *to, size_t room, const char *value)
{
    size_t n = strlen(value);
    if (n < room) {
        memcpy(to, value, n + 1);
    } else {
        to[0] = 0;
    }
}

static void etag_take(struct web_answer *a, const char *value)
{
    text_take(a->etag, sizeof(a->etag), value);
}

static void modified_take(struct web_answer *a, const char *value)
{
    text_take(a->modified, sizeof(a->modified), value);
}

static void type_take(struct web_answer *a, const char *value)
{
    size_t n = 0;
    for (; value[n] && n + 1 < sizeof(a->type); n++) {
        a->type[n] = (char)(value[n] >= 'A' && value[n] <= 'Z' ? value[n] + 32 : value[n]);
    }
    a->type[n] = 0;
}

static void length_take(struct web_answer *a, const char *value)
{
    a->has_length = number_is(value, &a->length) && a->length <= INT64_MAX; /* as files can be */
}

/* bytes first-last/total; total may be "*". [RFC 9110] 14.4 */
static void range_take(struct web_answer *a, const char *value)
{
    struct web_range range;
    a->has_range = false;
    if (strncasecmp(value, "bytes ", 6) != 0) {
        return;
    }
    value += 6;
    if (!number_take(&value, &range.first) || *value++ != '-' ||
        !number_take(&value, &range.last) || *value++ != '/' || range.last < range.first) {
        return;
    }
    uint64_t total = UINT64_MAX;
    if (strcmp(value, "*") != 0 && (!number_is(value, &total) || range.last >= total)) {
        return;
    }
    a->range = range;
    a->range_total = total;
    a->has_range = true;
}

static void accepts_take(struct web_answer *a, const char *value)
{
    a->takes_ranges = strcasecmp(value, "bytes") == 0;
}

/* Seconds; a date is left aside, and the own pace kept. [RFC 9110] 10.2.3 */
static void retry_take(struct web_answer *a, const char *value)
{
    uint64_t seconds;
    a->is_retry_set = number_is(value, &seconds) && seconds < UINT64_C(1000000000);
    a->retry_after_ms = a->is_retry_set ? seconds * 1000 : 0;
}

static const struct {
    const char *name;
    void (*take)(struct web_answer *a, const char *value);
} fields[] = {
    {"etag", etag_take},           {"last-modified", modified_take},
    {"content-type", type_take},   {"content-length", length_take},
    {"content-range", range_take}, {"accept-ranges", accepts_take},
    {"retry-after", retry_take},
};

/* The head of another answer begins: what was sent on, or an interim one. */
static void forget(struct web_answer *a)
{
    uint8_t *body = a->body;
    size_t body_len = a->body_len;
    size_t charged = a->charged;
    struct web_budget *budget = a->budget;
    const char *const *keep = a->keep;
    a->body = NULL;
    a->charged = 0;
    web_answer_fini(a);
    *a = (struct web_answer){.body = body,
                             .body_len = body_len,
                             .budget = budget,
                             .charged = charged,
                             .range_total = UINT64_MAX,
                             .keep = keep};
}

void web_answer_fini(struct web_answer *a)
{
    for (size_t i = 0; i < WEB_KEEP_MAX; i++) {
        if (a->kept[i]) {
            explicit_bzero(a->kept[i], strlen(a->kept[i])); /* it may be a cookie */
        }
        free(a->kept[i]);
        a->kept[i] = NULL;
    }
    free(a->body);
    a->body = NULL;
    web_budget_give(a->budget, a->charged);
    a->charged = 0;
}

static void keep(struct web_answer *a, const char *name, const char *value)
{
    for (size_t i = 0; a->keep && i < WEB_KEEP_MAX && a->keep[i]; i++) {
        if (strcasecmp(name, a->keep[i]) == 0 && !a->kept[i]) {
            a->kept[i] = strdup(value);
            return;
        }
    }
}

void web_header_take(struct web_answer *a, const char *line, size_t len)
{
    char text[WEB_KEEP_BYTES];
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' ')) {
        len--;
    }
    if (len >= sizeof(text) || memchr(line, 0, len)) {
        return; /* none of those that are looked at is as long */
    }
    memcpy(text, line, len);
    text[len] = 0;
    if (strncmp(text, "HTTP/", 5) == 0) {
        forget(a);
        return;
    }
    char *value = strchr(text, ':');
    if (!value) {
        return;
    }
    *value++ = 0;
    value += strspn(value, " \t");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcasecmp(text, fields[i].name) == 0) {
            fields[i].take(a, value);
        }
    }
    keep(a, text, value);
}
