/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP for plugins whose files lie on the network: requests that are answered by a function, driven
 * by the descriptors and timers that the server lends (smbkit/host.h), on libcurl. No thread waits
 * for an answer. Any function may be called from any thread, unless it says otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/host.h>

/* ---- bounds ---- */

#define WEB_QUEUE_MAX 65536u     /* requests that wait for their turn */
#define WEB_HEADERS_MAX 65536u   /* bytes of all headers of an answer */
#define WEB_REDIRECTS_MAX 5      /* that a request follows */
#define WEB_TOTAL_MS 300000u     /* the whole of one attempt */
#define WEB_BACKOFF_MS 200u      /* before the second attempt; twice as much each time */
#define WEB_BACKOFF_MAX_MS 5000u /* between attempts */
#define WEB_RETRY_AFTER_MAX_MS UINT64_C(10000) /* what a server may ask for; more is a failure */
#define WEB_DOWN_MS 1000u                      /* a server that is down is asked again after */
#define WEB_LOG_MS 10000u                      /* between lines on what fails */
#define WEB_TAG_MAX 256u             /* an entity tag, with its end; a longer one counts as none */
#define WEB_CREDENTIALS_MAX 4096u    /* bytes of a file with credentials */
#define WEB_KEEP_MAX 8u              /* headers of an answer that are kept for who asked */
#define WEB_KEEP_BYTES 1024u         /* of one, with its name; a longer one counts as none */
#define WEB_HELD (UINT64_C(2) << 30) /* as much as a tree holds of loaded files */
#define WEB_ERROR_BODY_MAX                                                                         \
    (1u << 20) /* of an answer that is no success; the rest is not waited for */

/* ---- the client ---- */

/* Who asks; of a file that has one line, "user:password" or "Bearer token". Malloc'd. */
struct web_credentials {
    char *user_password; /* with web_spec.sigv4: the identifier of a key, and the key */
    char *bearer;
    char *session; /* with web_spec.sigv4: the token that belongs to a key for a while; or NULL */
};
/* Errors, with a line for the user at error: INVALID_PARAMETER, or what the system says. */
smbkit_status web_credentials_read(const char *path, struct web_credentials *out, char *error,
                                   size_t error_size);
void web_credentials_fini(struct web_credentials *c); /* wipes them */
/* The text of a file that only its owner may read, terminated; wipe it. Errors as above. */
smbkit_status web_secret_read(const char *path, char text[WEB_CREDENTIALS_MAX + 1], char *error,
                              size_t error_size);

struct web_spec {
    struct smbkit_host *host; /* as long as the client lives */
    const char *name;         /* of plugin and share, for the log; copied, as all text is */
    const char *ca_file;      /* certificates to trust instead of the system's; or NULL */
    const char *proxy;        /* or NULL: none, whatever the environment says */
    struct web_credentials *credentials; /* taken over, and emptied; or NULL */
    /* CURLOPT_AWS_SIGV4, "aws:amz:REGION:s3": requests are signed with user_password, bodies are
     * not; or NULL */
    const char *sigv4;
    bool needs_tls;      /* a redirect from https to http is not followed */
    bool repeats_errors; /* 500, 502 and 504 are worth another attempt */
    uint64_t held_max;   /* bytes of answers in memory, of blocks made of them too; 0: WEB_HELD */
    uint32_t in_flight_max; /* requests at once, each with a connection of its own at most */
    uint32_t retries;       /* attempts after the first one */
    uint64_t connect_ms;
    uint64_t idle_ms; /* without a byte; at least a second */
};

struct web;
struct web *web_new(const struct web_spec *spec); /* NULL: no memory */
/* In volume_close: whatever is under way ends with CANCELLED before it returns. */
void web_stop(struct web *w);
void web_free(struct web *w);

/* ---- requests ---- */

enum web_method { WEB_GET, WEB_HEAD, WEB_PUT, WEB_POST, WEB_DELETE };

/* May a request be sent again when nobody knows what has become of it? One that has not arrived,
 * or that the server was too busy for (429, 503), always is. */
enum web_repeat {
    WEB_REPEAT_BY_METHOD, /* all but POST: [RFC 9110] 9.2.2 */
    WEB_REPEAT_NEVER,
    WEB_REPEAT_ALWAYS,
};

/* What is sent with PUT or POST. */
struct web_body {
    const void *data; /* NULL: it is read from fd, a file, which stays open and as it is until done
                         is called */
    uint64_t length;
    int fd;
    uint64_t offset; /* where it begins in fd */
};

struct web_range {
    uint64_t first;
    uint64_t last; /* inclusive */
};

struct web_answer {
    smbkit_status status; /* SUCCESS: 2xx and 304; else what is the client's answer */
    uint32_t code;        /* of HTTP; 0: there is none */
    bool has_length;
    bool has_range;
    bool takes_ranges; /* Accept-Ranges: bytes */
    bool is_too_long;  /* more than body_max */
    bool is_retry_set;
    char etag[WEB_TAG_MAX];  /* as it came, with its quotes and W/; "": none */
    char modified[64];       /* Last-Modified, as it came; "": none */
    char type[128];          /* Content-Type in small letters */
    uint64_t length;         /* Content-Length: of HEAD too */
    struct web_range range;  /* Content-Range */
    uint64_t range_total;    /* UINT64_MAX: "*" */
    uint64_t retry_after_ms; /* Retry-After in seconds, if is_retry_set */
    uint8_t *body;           /* malloc'd; take it by setting it to NULL */
    size_t body_len;
    struct web_budget *budget; /* what body is charged against; or NULL */
    size_t charged;
    const char *url;          /* the last one, after redirects; borrowed for the call */
    const char *const *keep;  /* of the request */
    char *kept[WEB_KEEP_MAX]; /* the values of those headers, malloc'd, likewise; or NULL */
};

/* Bytes that are held at a time, until whatever holds them is freed. Any thread. */
struct web_budget {
    uint32_t refs; /* atomic, as used */
    uint64_t used;
    uint64_t max; /* immutable */
};
struct web_budget *web_budget_new(uint64_t max); /* NULL: no memory */
struct web_budget *web_budget_ref(struct web_budget *b);
void web_budget_unref(struct web_budget *b);                /* or NULL */
bool web_budget_take(struct web_budget *b, uint64_t bytes); /* false: there is no more */
void web_budget_give(struct web_budget *b, uint64_t bytes); /* or NULL and 0 */

struct web_ask {
    enum web_method method;
    const char *url;
    const struct web_range *range; /* or NULL: all */
    const char *const *headers;    /* "Name: value", the last one NULL; or NULL. Wiped afterwards */
    uint64_t body_max;           /* bytes of the answer; of what is no success more is left aside */
    const struct web_body *body; /* or NULL: none */
    enum web_repeat repeat;
    uint64_t total_ms; /* the whole of one attempt; 0: WEB_TOTAL_MS; UINT64_MAX: web_spec.idle_ms
                          alone bounds it */
    /* Names of headers of the answer, in small letters, at most WEB_KEEP_MAX and then NULL; or
     * NULL. Not copied: constants. Of a header that comes twice the first one is kept. */
    const char *const *keep;
    /* If not NULL the body of a success goes here as it comes, none of it to web_answer, and
     * body_max does not bound it; an answer that was lost after that is not asked for again. False:
     * enough, the request ends with CANCELLED. Like done, on a thread that it must not block, and
     * it may call web_ask() and web_cancel(). */
    bool (*data)(void *arg, const uint8_t *bytes, size_t len);
    /* Called once, not from within web_ask(), on a thread of the server that it must not block. */
    void (*done)(void *arg, struct web_answer *a);
    void *arg;
};
/* All that ask names is copied, but for what says that it is not. Redirects are followed by GET and
 * HEAD alone, and not by what is signed. *id_r: for web_cancel(), there before done is called.
 * Errors, and done is not called: NO_MEMORY; INSUFFICIENT_RESOURCES (the queue is full); CANCELLED
 * (web_stop() was called); NOT_SUPPORTED (the server lends no timers: smbkit check). */
smbkit_status web_ask(struct web *w, const struct web_ask *ask, uint64_t *id_r);
/* It ends soon, with CANCELLED, unless it is over. */
void web_cancel(struct web *w, uint64_t id);

/* ---- parsing, for tests and fuzzers too ---- */

/* One line of an answer's head, with its end or without. A line "HTTP/..." forgets what came
 * before. */
void web_header_take(struct web_answer *a, const char *line, size_t len);
/* What it has malloc'd. */
void web_answer_fini(struct web_answer *a);
/* FILETIME of a date as HTTP writes it; 0: it is none. */
uint64_t web_time_parse(const char *text);
uint64_t web_now_ms(void); /* since some time */
uint64_t web_time_from_unix(int64_t seconds);
