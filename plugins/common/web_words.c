/* SPDX-License-Identifier: Apache-2.0 */
#include "web_words.h"

#include <string.h>
#include <strings.h>

const char *web_url_wrong(const char *url, size_t max)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    size_t host = strcspn(url + scheme, "/?#");
    if (scheme == 0) {
        return "the URL does not begin with http:// or https://";
    }
    if (host == 0) {
        return "the URL has no host";
    }
    if (strlen(url) > max) {
        return "the URL is too long";
    }
    if (memchr(url + scheme, '@', host)) {
        return "the URL has a user in it: name a file with credentials=";
    }
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("?#\\", *p)) {
            return "the URL has a query, a fragment, a backslash or a blank";
        }
    }
    return NULL;
}

struct web_spec web_words_spec(const struct web_words *w, struct smbkit_host *host,
                               const char *name, const char *url)
{
    return (struct web_spec){.host = host,
                             .name = name,
                             .ca_file = w->ca_file,
                             .proxy = w->proxy,
                             .needs_tls = strncasecmp(url, "https:", 6) == 0,
                             .in_flight_max = (uint32_t)w->requests,
                             .retries = (uint32_t)w->retries,
                             .connect_ms = w->connect_ms,
                             .idle_ms = w->idle_ms};
}
