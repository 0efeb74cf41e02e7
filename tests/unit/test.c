/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdarg.h>
#include <stdlib.h>

static char context[256];
static unsigned failures;

void test_context(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    failures++;
    printf("# %s:%d: ", file, line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("%s%s%s\n", context[0] ? " [" : "", context, context[0] ? "]" : "");
}

static void print_hex(const char *label, const uint8_t *p, size_t len)
{
    printf("#   %s (%zu bytes):", label, len);
    for (size_t i = 0; i < len && i < 512; i++) {
        printf("%s%02x", i % 32 == 0 ? "\n#     " : " ", p[i]);
    }
    printf("\n");
}

void test_check_mem(const char *file, int line, const char *what, const void *got, size_t got_len,
                    const void *want, size_t want_len)
{
    if (got_len == want_len && (got_len == 0 || memcmp(got, want, got_len) == 0)) {
        return;
    }
    test_fail(file, line, "%s differs", what);
    print_hex("got", got, got_len);
    print_hex("want", want, want_len);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t test_hex(void *buf, size_t cap, const char *hex)
{
    uint8_t *out = buf;
    size_t n = 0;
    for (const char *p = hex; *p;) {
        if (hex_digit(*p) < 0) {
            p++;
            continue;
        }
        if (n == cap || hex_digit(p[1]) < 0) {
            test_fail(__FILE__, __LINE__, "bad hex text or buffer of %zu bytes too small", cap);
            return n;
        }
        out[n++] = (uint8_t)(hex_digit(p[0]) * 16 + hex_digit(p[1]));
        p += 2;
    }
    return n;
}

uint64_t test_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
    unsigned failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && !strstr(cases[i].name, argv[1])) {
            printf("ok %zu - %s # SKIP not selected\n", i + 1, cases[i].name);
            continue;
        }
        failures = 0;
        context[0] = '\0';
        cases[i].fn();
        printf("%sok %zu - %s\n", failures ? "not " : "", i + 1, cases[i].name);
        failed += failures != 0;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
