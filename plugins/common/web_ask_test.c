/* SPDX-License-Identifier: Apache-2.0 */
/* What the client sends, and what it sends again: against a server in a thread of the test, which
 * answers by a script. Timers and descriptors are lent by a loop of the test. */
#include "plugin_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quiet_thread.h"
#include "web.h"
#include "web_cache.h"

/* ---- the host ---- */

#define WATCHES_MAX 16

struct smbkit_timer {
    void (*fn)(void *arg);
    void *arg;
    uint64_t due_ms;
};
struct smbkit_fd_watch {
    int fd;
    uint32_t wanted;
    void (*fn)(void *arg, uint32_t ready);
    void *arg;
};
static struct smbkit_timer timer = {NULL, NULL, UINT64_MAX};
static struct smbkit_fd_watch *watches[WATCHES_MAX];

static struct smbkit_timer *lend_timer(struct smbkit_host *host, void (*fn)(void *arg), void *arg)
{
    (void)host;
    timer = (struct smbkit_timer){fn, arg, UINT64_MAX};
    return &timer;
}

static void lend_timer_set(struct smbkit_timer *t, uint64_t ms)
{
    t->due_ms = ms == UINT64_MAX ? ms : web_now_ms() + ms;
}

static void lend_timer_free(struct smbkit_timer *t)
{
    t->due_ms = UINT64_MAX;
}

static struct smbkit_fd_watch *lend_watch(struct smbkit_host *host, int64_t fd,
                                          void (*fn)(void *arg, uint32_t ready), void *arg)
{
    (void)host;
    for (int i = 0; i < WATCHES_MAX; i++) {
        if (!watches[i]) {
            watches[i] = calloc(1, sizeof(*watches[i]));
            *watches[i] = (struct smbkit_fd_watch){(int)fd, 0, fn, arg};
            return watches[i];
        }
    }
    return NULL;
}

static void lend_watch_set(struct smbkit_fd_watch *w, uint32_t wanted)
{
    w->wanted = wanted;
}

static void lend_watch_free(struct smbkit_fd_watch *w)
{
    for (int i = 0; i < WATCHES_MAX; i++) {
        watches[i] = watches[i] == w ? NULL : watches[i];
    }
    free(w);
}

static struct smbkit_host_table lending;

static void lend(void)
{
    lending = pt_api;
    lending.timer_new = lend_timer;
    lending.timer_set = lend_timer_set;
    lending.timer_free = lend_timer_free;
    lending.fd_watch_new = lend_watch;
    lending.fd_watch_set = lend_watch_set;
    lending.fd_watch_free = lend_watch_free;
    smbkit_api = &lending;
}

static void turn(void)
{
    struct pollfd fds[WATCHES_MAX];
    for (int i = 0; i < WATCHES_MAX; i++) {
        uint32_t wanted = watches[i] ? watches[i]->wanted : 0;
        short events = (short)((wanted & SMBKIT_FD_READABLE ? POLLIN : 0) |
                               (wanted & SMBKIT_FD_WRITABLE ? POLLOUT : 0));
        fds[i] = (struct pollfd){wanted ? watches[i]->fd : -1, events, 0};
    }
    uint64_t now = web_now_ms();
    uint64_t left = timer.due_ms > now ? timer.due_ms - now : 0;
    poll(fds, WATCHES_MAX, left < 50 ? (int)left : 50);
    for (int i = 0; i < WATCHES_MAX; i++) {
        uint32_t ready = (fds[i].revents & POLLIN ? SMBKIT_FD_READABLE : 0) |
                         (fds[i].revents & POLLOUT ? SMBKIT_FD_WRITABLE : 0) |
                         (fds[i].revents & (POLLERR | POLLHUP) ? SMBKIT_FD_ERROR : 0);
        if (ready && watches[i] && watches[i]->fd == fds[i].fd) {
            watches[i]->fn(watches[i]->arg, ready);
            return; /* who waited for it may go on with all of them */
        }
    }
    if (timer.due_ms <= web_now_ms()) {
        timer.due_ms = UINT64_MAX;
        timer.fn(timer.arg);
    }
}

/* ---- the server ---- */

#define TURNS_MAX 4
#define SEEN_MAX 400000u

/* One connection for each request: the answer, "" none at all. */
struct served {
    int fd;
    const char *const *answers; /* the last one NULL */
    char seen[TURNS_MAX][SEEN_MAX];
    uint32_t count;
};
static struct served served; /* the thread's until it is joined */

static size_t length_of(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoul(at + 17, NULL, 10) : 0;
}

static void request_take(int fd, char *to)
{
    size_t have = 0;
    size_t wanted = SIZE_MAX;
    bool is_continued = false;
    while (have < wanted && have + 1 < SEEN_MAX) {
        ssize_t n = recv(fd, to + have, SEEN_MAX - 1 - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        to[have] = 0;
        char *end = strstr(to, "\r\n\r\n");
        if (end) {
            wanted = (size_t)(end - to) + 4 + length_of(to);
        }
        if (end && !is_continued && strcasestr(to, "\r\nexpect: 100-continue")) {
            is_continued = true;
            (void)send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        }
    }
    to[have] = 0;
}

static void *serve(void *arg)
{
    (void)arg;
    for (; served.answers[served.count]; served.count++) {
        int fd = accept(served.fd, NULL, NULL);
        request_take(fd, served.seen[served.count]);
        const char *answer = served.answers[served.count];
        (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return NULL;
}

/* ---- a request and its answer ---- */

struct outcome {
    bool is_over;
    smbkit_status status;
    uint32_t code;
    char body[64];
    char kept[2][64];
    char data[64];
    struct web_block *block; /* of the body, if takes_block */
    bool takes_block;
    size_t data_max; /* of which it says that it is enough */
};

static void over(void *arg, struct web_answer *a)
{
    struct outcome *o = arg;
    o->is_over = true;
    o->status = a->status;
    o->code = a->code;
    snprintf(o->body, sizeof(o->body), "%.*s", (int)a->body_len, a->body ? (char *)a->body : "");
    o->block = o->takes_block && SMBKIT_OK(a->status) ? web_block_take(a) : NULL;
    for (int i = 0; i < 2; i++) {
        snprintf(o->kept[i], sizeof(o->kept[i]), "%s", a->kept[i] ? a->kept[i] : "");
    }
}

static bool data_take(void *arg, const uint8_t *bytes, size_t len)
{
    struct outcome *o = arg;
    size_t have = strlen(o->data);
    snprintf(o->data + have, sizeof(o->data) - have, "%.*s", (int)len, (const char *)bytes);
    return strlen(o->data) < o->data_max;
}

static int listen_at(struct sockaddr_in *at)
{
    socklen_t size = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool ok = bind(fd, (struct sockaddr *)at, size) == 0 && listen(fd, 8) == 0 &&
              getsockname(fd, (struct sockaddr *)at, &size) == 0;
    CHECK(ok);
    return fd;
}

/* Asks, and what the server saw is in served. */
static struct outcome run(const struct web_spec *spec, struct web_ask ask,
                          const char *const *answers)
{
    struct sockaddr_in at;
    struct outcome o = {.data_max = SIZE_MAX, .takes_block = ask.arg != NULL};
    char url[64];
    pthread_t thread;
    uint64_t id;
    memset(&served, 0, sizeof(served));
    served.fd = listen_at(&at);
    served.answers = answers;
    CHECK_INT(quiet_thread_start(&thread, serve, NULL), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/b/k?x=1", ntohs(at.sin_port));
    ask.url = url;
    ask.done = over;
    ask.arg = &o;
    struct web *w = web_new(spec);
    CHECK_INT(web_ask(w, &ask, &id), SMBKIT_STATUS_SUCCESS);
    while (!o.is_over) {
        turn();
    }
    web_stop(w);
    web_free(w);
    shutdown(served.fd, SHUT_RDWR); /* whoever is not asked stops waiting */
    for (uint32_t i = 0; i < TURNS_MAX && answers[i]; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)connect(fd, (struct sockaddr *)&at, sizeof(at));
        close(fd);
    }
    pthread_join(thread, NULL);
    close(served.fd);
    return o;
}

static uint32_t asked(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < TURNS_MAX; i++) {
        n += served.seen[i][0] != 0;
    }
    return n;
}

static struct web_spec spec_of(uint32_t retries)
{
    return (struct web_spec){.name = "test",
                             .in_flight_max = 2,
                             .retries = retries,
                             .connect_ms = 30000,
                             .idle_ms = 30000};
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BUSY "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"
#define BROKEN "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
static const char *const one_ok[] = {OK, NULL};

/* ---- tests ---- */

static void test_methods(void)
{
    static const struct {
        enum web_method method;
        const char *body;
        const char *line;
        const char *sends; /* in its head */
    } rows[] = {
        {WEB_GET, NULL, "GET /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_HEAD, NULL, "HEAD /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_DELETE, NULL, "DELETE /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_PUT, "some", "PUT /b/k?x=1 ", "\r\nContent-Length: 4\r\n"},
        {WEB_PUT, "", "PUT /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
        {WEB_PUT, NULL, "PUT /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
        {WEB_POST, "some", "POST /b/k?x=1 ", "\r\nContent-Type: application/octet-stream\r\n"},
        {WEB_POST, NULL, "POST /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
    };
    static const char *const headers[] = {"X-Mine: 1", "Cookie: a=b", NULL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct web_spec spec = spec_of(0);
        const struct web_body body = {rows[i].body, rows[i].body ? strlen(rows[i].body) : 0, -1, 0};
        test_context("%s%s", rows[i].line, rows[i].body ? rows[i].body : "none");
        struct outcome o = run(&spec,
                               (struct web_ask){.method = rows[i].method,
                                                .headers = headers,
                                                .body = rows[i].body ? &body : NULL,
                                                .body_max = 64},
                               one_ok);
        const char *seen = served.seen[0];
        const char *end = strstr(seen, "\r\n\r\n");
        CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
        CHECK_STR(o.body, rows[i].method == WEB_HEAD ? "" : "ok");
        CHECK(strncmp(seen, rows[i].line, strlen(rows[i].line)) == 0);
        CHECK(strstr(seen, rows[i].sends) && strstr(seen, "\r\nCookie: a=b\r\n"));
        CHECK_STR(end ? end + 4 : NULL, rows[i].body ? rows[i].body : "");
    }
    test_context("%s", "");
}

/* Of a file a piece is sent, again from its beginning when it is sent again. */
static void test_file(void)
{
    static const char *const answers[] = {"", BUSY, OK, NULL};
    const struct web_spec spec = spec_of(3);
    char path[] = "/tmp/smbkit-web-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    unlink(path);
    const size_t size = 300000;
    char *text = malloc(size);
    REQUIRE(text);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + i * i % 23);
    }
    CHECK_INT(write(fd, text, size), size);
    const struct web_body body = {NULL, size - 1000, fd, 500};
    struct outcome o =
        run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, answers);
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(asked(), 3);
    for (int i = 0; i < 3; i++) {
        const char *end = strstr(served.seen[i], "\r\n\r\n");
        REQUIRE(end);
        CHECK_MEM(end + 4, strlen(end + 4), text + 500, size - 1000);
    }
    /* A file that is shorter than was said. */
    CHECK_INT(ftruncate(fd, 1000), 0);
    o = run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, one_ok);
    CHECK_INT(o.status, SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(asked(), 1);
    free(text);
    close(fd);
}

static void test_repeats(void)
{
    static const struct {
        const char *first;
        enum web_method method;
        enum web_repeat repeat;
        bool repeats_errors;
        uint32_t asked;
    } rows[] = {
        {"", WEB_GET, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_PUT, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_DELETE, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_POST, WEB_REPEAT_BY_METHOD, false, 1},
        {"", WEB_POST, WEB_REPEAT_ALWAYS, false, 2},
        {"", WEB_PUT, WEB_REPEAT_NEVER, false, 1},
        {BUSY, WEB_POST, WEB_REPEAT_NEVER, false, 2},
        {BROKEN, WEB_GET, WEB_REPEAT_BY_METHOD, false, 1},
        {BROKEN, WEB_GET, WEB_REPEAT_BY_METHOD, true, 2},
        {BROKEN, WEB_POST, WEB_REPEAT_BY_METHOD, true, 1},
        {BROKEN, WEB_POST, WEB_REPEAT_ALWAYS, true, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const answers[] = {rows[i].first, OK, NULL};
        struct web_spec spec = spec_of(2);
        spec.repeats_errors = rows[i].repeats_errors;
        test_context("row %zu", i);
        struct outcome o = run(
            &spec,
            (struct web_ask){.method = rows[i].method, .repeat = rows[i].repeat, .body_max = 64},
            answers);
        CHECK_INT(asked(), rows[i].asked);
        CHECK(SMBKIT_OK(o.status) == (rows[i].asked == 2));
    }
    test_context("%s", "");
}

static void test_answers(void)
{
    static const char *const keep[] = {"set-cookie", "x-other", NULL};
    static const char *const kept[] = {"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
                                       "Content-Length: 0\r\n\r\n",
                                       NULL};
    /* What is said of an error is cut, what is no error is not. */
    static const char *const refused[] = {
        "HTTP/1.1 409 Conflict\r\nContent-Length: 10\r\n\r\n0123456789", NULL};
    static const char *const longer[] = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
                                         NULL};
    static const char *const moved[] = {
        "HTTP/1.1 307 There\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n", NULL};
    const struct web_spec spec = spec_of(0);
    struct outcome o = run(&spec, (struct web_ask){.method = WEB_POST, .keep = keep}, kept);
    CHECK_STR(o.kept[0], "a=1");
    CHECK_STR(o.kept[1], "");
    o = run(&spec, (struct web_ask){.method = WEB_PUT, .body_max = 4}, refused);
    CHECK_INT(o.code, 409);
    CHECK_STR(o.body, "0123");
    CHECK_INT(o.status, SMBKIT_STATUS_IO_DEVICE_ERROR);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .body_max = 4}, longer);
    CHECK_INT(o.status, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take}, longer);
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK_STR(o.data, "0123456789");
    CHECK_STR(o.body, "");
    o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take, .body_max = 64}, refused);
    CHECK_STR(o.data, "");
    CHECK_STR(o.body, "0123456789");
    o = run(&spec, (struct web_ask){.method = WEB_DELETE}, moved);
    CHECK_INT(o.code, 307);
}

static void test_passed_on(void)
{
    static const char *const cut[] = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01", OK, NULL};
    const struct web_spec spec = spec_of(2);
    struct outcome o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take}, cut);
    CHECK(!SMBKIT_OK(o.status));
    CHECK_STR(o.data, "01");
    CHECK_INT(asked(), 1);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .body_max = 64}, cut);
    CHECK_STR(o.body, "ok");
}

/* The signature is that of libcurl; s3rver looks at it in tests/interop/scenarios/s3.py. */
static void test_signed(void)
{
    static const char text[] = "some";
    const struct web_body body = {text, 4, -1, 0};
    struct web_credentials c = {strdup("KEY:secret"), NULL, strdup("token")};
    struct web_spec spec = spec_of(0);
    spec.sigv4 = "aws:amz:eu-x-1:s3";
    spec.credentials = &c;
    struct outcome o =
        run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, one_ok);
    const char *seen = served.seen[0];
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK(!c.user_password && !c.session);
    CHECK(strstr(seen, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY/"));
    CHECK(strstr(seen, "/eu-x-1/s3/aws4_request, SignedHeaders=content-type;host;"));
    CHECK(strstr(seen, ";x-amz-security-token, Signature="));
    CHECK(strstr(seen, "\r\nx-amz-security-token: token\r\n"));
    CHECK(strstr(seen, "\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
    CHECK(!strstr(seen, "secret"));
}

/* A signature is for one URL, and the session's token, which libcurl knows nothing of, for one
 * server. */
static void test_sent_on(void)
{
    static const char *const answers[] = {"HTTP/1.1 307 Go\r\nLocation: /other\r\n"
                                          "Content-Length: 0\r\nConnection: close\r\n\r\n",
                                          OK, NULL};
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct web_credentials who = {strdup("key:secret"), NULL, strdup("token")};
        struct web_spec spec = spec_of(0);
        spec.sigv4 = is_signed ? "aws:amz:us-east-1:s3" : NULL;
        spec.credentials = &who;
        struct outcome o = run(&spec, (struct web_ask){.method = WEB_GET, .body_max = 10}, answers);
        test_context("signed=%d", is_signed);
        CHECK_INT(asked(), is_signed ? 1 : 2);
        CHECK_INT(SMBKIT_OK(o.status), !is_signed);
    }
    test_context("%s", "");
}

/* Bodies under way, and the blocks that were made of them, are bounded in all: whoever opens a
 * thousand files does not take the memory of the host. */
static void test_held(void)
{
    enum { LONG = 100000 };
    static char answer[LONG + 100];
    const char *const answers[] = {answer, NULL};
    size_t n = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG);
    memset(answer + n, 'x', LONG);
    struct web_spec spec = spec_of(0);
    struct web_ask ask = {.method = WEB_GET, .body_max = LONG, .arg = &spec};
    spec.held_max = LONG;
    struct outcome o = run(&spec, ask, answers);
    CHECK_INT(o.status, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    spec.held_max = 2 * LONG; /* room is made for powers of two */
    o = run(&spec, ask, answers);
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK(o.block && o.block->budget && o.block->budget->used == LONG);
    CHECK_INT(o.block->size, LONG);
    struct web_budget *b = web_budget_ref(o.block->budget);
    CHECK(!web_budget_take(b, LONG + 1) && b->used == LONG);
    web_block_unref(o.block);
    CHECK_INT(b->used, 0);
    web_budget_unref(b);
}

static void test_basic(void)
{
    struct web_credentials c = {strdup("me:secret"), NULL, NULL};
    struct web_spec spec = spec_of(0);
    spec.credentials = &c;
    (void)run(&spec, (struct web_ask){.method = WEB_POST, .body_max = 64}, one_ok);
    CHECK(strstr(served.seen[0], "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
}

/* ---- the end of the client ---- */

struct last {
    struct web *web;
    bool is_there; /* atomic: in done */
    bool is_over;  /* atomic: web_stop() has returned */
    bool was_late; /* atomic: done saw that */
    uint32_t count;
};

static void waits(void *arg, struct web_answer *a)
{
    (void)a;
    struct last *l = arg;
    __atomic_store_n(&l->is_there, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 300 && !__atomic_load_n(&l->was_late, __ATOMIC_ACQUIRE); i++) {
        poll(NULL, 0, 1);
        if (__atomic_load_n(&l->is_over, __ATOMIC_ACQUIRE)) {
            __atomic_store_n(&l->was_late, true, __ATOMIC_RELEASE);
        }
    }
}

static void *drive(void *arg)
{
    struct last *l = arg;
    while (!__atomic_load_n(&l->is_there, __ATOMIC_ACQUIRE)) {
        turn();
    }
    return NULL;
}

/* The function of an answer may be running on another thread, in a watch that the connection's end
 * has freed meanwhile, so that nobody else waits for it. */
static void test_end_waits(void)
{
    struct sockaddr_in at;
    struct last l = {NULL};
    pthread_t threads[2];
    char url[64];
    uint64_t id;
    struct web_spec spec = spec_of(0);
    memset(&served, 0, sizeof(served));
    served.fd = listen_at(&at);
    served.answers = one_ok;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(at.sin_port));
    struct web *w = web_new(&spec);
    const struct web_ask ask = {
        .method = WEB_GET, .url = url, .body_max = 10, .done = waits, .arg = &l};
    CHECK_INT(web_ask(w, &ask, &id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(quiet_thread_start(&threads[0], serve, NULL), 0);
    CHECK_INT(quiet_thread_start(&threads[1], drive, &l), 0);
    while (!__atomic_load_n(&l.is_there, __ATOMIC_ACQUIRE)) {
        poll(NULL, 0, 1);
    }
    web_stop(w);
    __atomic_store_n(&l.is_over, true, __ATOMIC_RELEASE);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK(!l.was_late);
    web_free(w);
    close(served.fd);
}

static void ends_all(void *arg, struct web_answer *a)
{
    struct last *l = arg;
    CHECK_INT(a->status, SMBKIT_STATUS_CANCELLED);
    if (l->count++ == 0) {
        web_stop(l->web);
        CHECK_INT(l->count, 3);
        web_free(l->web);
    }
}

/* It may also be what ends the client. */
static void test_end_within(void)
{
    struct last l = {NULL};
    uint64_t ids[3];
    struct web_spec spec = spec_of(0);
    l.web = web_new(&spec);
    const struct web_ask ask = {
        .method = WEB_GET, .url = "http://127.0.0.1:1/", .done = ends_all, .arg = &l};
    for (int i = 0; i < 3; i++) {
        CHECK_INT(web_ask(l.web, &ask, &ids[i]), SMBKIT_STATUS_SUCCESS);
        web_cancel(l.web, ids[i]);
    }
    while (l.count == 0) {
        turn();
    }
    CHECK_INT(l.count, 3);
}

static const struct test_case cases[] = {
    {"methods", test_methods},
    {"file", test_file},
    {"repeats", test_repeats},
    {"answers", test_answers},
    {"passed on", test_passed_on},
    {"signed", test_signed},
    {"basic", test_basic},
    {"the end waits", test_end_waits},
    {"sent on", test_sent_on},
    {"held", test_held},
    {"the end within", test_end_within},
};

int main(int argc, char **argv)
{
    lend();
    return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
