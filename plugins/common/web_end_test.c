/* SPDX-License-Identifier: Apache-2.0 */
/* How the client ends, and its bounds. */
#include "web_fixture.h"

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

static const struct test_case cases[] = {
    {"the end waits", test_end_waits},
    {"the end within", test_end_within},
    {"sent on", test_sent_on},
    {"held", test_held},
};

int main(int argc, char **argv)
{
    lend();
    return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
