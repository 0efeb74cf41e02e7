/* SPDX-License-Identifier: Apache-2.0 */
/* Where objects are: what is signed is what is sent, so it is encoded as the signature wants it:
 * all but the unreserved characters. [RFC 3986] 2.3 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "s3_priv.h"
#include "web_words.h"

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~", c));
}

bool s3_encode(const char *text, bool keeps_slash, char *to, size_t room)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = is_unreserved(c) || (c == '/' && keeps_slash);
        if (room < (is_plain ? 2 : 4)) {
            return false;
        }
        if (is_plain) {
            *to++ = (char)c;
            room--;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
        room -= 3;
    }
    *to = 0;
    return room > 0;
}

/* "https://host/base" with the bucket in front of the host. */
static int host_style(const struct s3_place *p, const char *bucket, int bucket_len, char *to)
{
    const char *host = strstr(p->scheme_host, "://") + 3;
    return snprintf(to, S3_URL_MAX, "%.*s%.*s.%s/", (int)(host - p->scheme_host), p->scheme_host,
                    bucket_len, bucket, host);
}

bool s3_url(const struct s3_place *p, const char *path, const char *query, char to[S3_URL_MAX])
{
    const char *slash = strchr(path, '/');
    int bucket_len = slash ? (int)(slash - path) : (int)strlen(path);
    int n = 0;
    if (bucket_len > 0 && p->is_host_style) {
        n = host_style(p, path, bucket_len, to);
        path = slash ? slash + 1 : path + bucket_len;
    } else {
        n = snprintf(to, S3_URL_MAX, "%s/", p->scheme_host);
    }
    if (n < 0 || (size_t)n >= S3_URL_MAX ||
        !s3_encode(path, true, to + n, S3_URL_MAX - (size_t)n)) {
        return false;
    }
    size_t have = strlen(to);
    n = snprintf(to + have, S3_URL_MAX - have, "%s%s", query ? "?" : "", query ? query : "");
    return n >= 0 && (size_t)n < S3_URL_MAX - have;
}

/* ---- the volume's place ---- */

static const char *bucket_wrong(const char *bucket)
{
    size_t n = strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    bool is_name = bucket[n] == 0 && n >= 1 && n <= 255 && bucket[0] != '.';
    return is_name ? NULL : "bucket= is no name of a bucket";
}

/* "a/b" and "a/b/" are the same; empty names between slashes are no folders. */
static const char *prefix_wrong(const char *prefix)
{
    bool is_wrong = prefix[0] == '/' || strstr(prefix, "//") || strlen(prefix) + 2 > S3_KEY_MAX;
    return is_wrong ? "prefix= begins with a slash, has two of them together, or is too long"
                    : NULL;
}

const char *s3_place_init(struct s3_place *p, const char *endpoint, const char *bucket,
                          const char *prefix)
{
    const char *wrong = web_url_wrong(endpoint, S3_URL_MAX / 4);
    wrong = !wrong && bucket ? bucket_wrong(bucket) : wrong;
    wrong = !wrong && prefix ? prefix_wrong(prefix) : wrong;
    wrong = !wrong && prefix && !bucket ? "prefix= needs bucket=" : wrong;
    if (wrong) {
        return wrong;
    }
    p->has_bucket = bucket != NULL;
    p->scheme_host = strdup(endpoint);
    p->root = malloc((bucket ? strlen(bucket) : 0) + (prefix ? strlen(prefix) : 0) + 3);
    if (!p->scheme_host || !p->root) {
        return "no memory";
    }
    size_t n = strlen(p->scheme_host);
    while (n > 0 && p->scheme_host[n - 1] == '/') {
        p->scheme_host[--n] = 0;
    }
    p->root[0] = 0;
    if (bucket) {
        bool has_slash = !prefix || !prefix[0] || prefix[strlen(prefix) - 1] == '/';
        sprintf(p->root, "%s/%s%s", bucket, prefix ? prefix : "", has_slash ? "" : "/");
    }
    return NULL;
}

void s3_place_fini(struct s3_place *p)
{
    free(p->scheme_host);
    free(p->root);
    *p = (struct s3_place){.root = NULL};
}
