/* SPDX-License-Identifier: Apache-2.0 */
/* The parser: expat tells of elements, a table knows those that count by where they stand. A
 * document with a DOCTYPE is none of S3's. */
#include "s3_xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WHERE_MAX 256u

struct reading {
    XML_Parser parser;
    struct s3_page *page;
    uint32_t depth;
    bool is_wrong;
    bool is_url;           /* keys are percent-encoded */
    char where[WHERE_MAX]; /* the names of the elements that are open, "/" before each */
    size_t text_len;
    bool is_text_long;
    char text[S3_TOKEN_MAX]; /* of the innermost element */
    struct s3_item item;     /* that is being told of */
};

/* ---- values ---- */

static bool text_take(char *to, size_t room, const char *text)
{
    size_t n = strlen(text);
    bool fits = n < room;
    memcpy(to, text, fits ? n + 1 : 0);
    to[fits ? n : 0] = 0;
    return fits;
}

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* As "encoding-type=url" says: a plus is a blank. In place; false: a byte 0, or no hex digits. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from == '+' ? ' ' : *from;
            continue;
        }
        int high = hex(from[1]);
        int low = high >= 0 ? hex(from[2]) : -1;
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = 0;
    return true;
}

static bool digits(const char **at, int count, int *out)
{
    *out = 0;
    for (; count > 0; count--, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

uint64_t s3_time_parse(const char *text)
{
    static const char after[] = "--T::";
    int n[6];
    for (int i = 0; i < 6; i++) {
        if (!digits(&text, i == 0 ? 4 : 2, &n[i]) || (i < 5 && *text++ != after[i])) {
            return 0;
        }
    }
    int ms = 0;
    if (*text == '.' && text++ && !digits(&text, 3, &ms)) {
        return 0;
    }
    bool is_in =
        n[1] >= 1 && n[1] <= 12 && n[2] >= 1 && n[2] <= 31 && n[3] < 24 && n[4] < 60 && n[5] <= 60;
    if (!is_in || strcmp(text, "Z") != 0) {
        return 0;
    }
    struct tm tm = {.tm_year = n[0] - 1900,
                    .tm_mon = n[1] - 1,
                    .tm_mday = n[2],
                    .tm_hour = n[3],
                    .tm_min = n[4],
                    .tm_sec = n[5]};
    uint64_t time = web_time_from_unix(timegm(&tm));
    return time ? time + (uint64_t)ms * 10000 : 0;
}

bool s3_page_loops(const struct s3_page *p, const char *token)
{
    return token && p->is_truncated && strcmp(p->token, token) == 0;
}

/* ---- elements ---- */

static void key_end(struct reading *g)
{
    struct s3_page *p = g->page;
    char key[S3_TOKEN_MAX];
    bool ok = !g->is_text_long && text_take(key, sizeof(key), g->text);
    free(g->item.key);
    g->item.key = ok && key[0] ? strdup(key) : NULL;
    p->left_out += !g->item.key;
}

static void size_end(struct reading *g)
{
    const char *at = g->text;
    int digit;
    g->item.size = 0;
    while (*at) {
        if (!digits(&at, 1, &digit) || __builtin_mul_overflow(g->item.size, 10, &g->item.size) ||
            __builtin_add_overflow(g->item.size, (uint64_t)digit, &g->item.size) ||
            g->item.size > INT64_MAX) {
            g->item.size = 0;
            return;
        }
    }
}

static void time_end(struct reading *g)
{
    g->item.time = s3_time_parse(g->text);
}

static void tag_end(struct reading *g)
{
    (void)text_take(g->item.etag, sizeof(g->item.etag), g->text);
}

static bool item_room(struct s3_page *p)
{
    if (p->count < p->room) {
        return true;
    }
    uint32_t room = p->room ? p->room * 2 : 64;
    struct s3_item *items =
        p->count < S3_PAGE_ITEMS_MAX ? realloc(p->items, room * sizeof(*items)) : NULL;
    if (!items) {
        return false;
    }
    p->items = items;
    p->room = room;
    return true;
}

static void item_end(struct reading *g)
{
    struct s3_page *p = g->page;
    if (g->item.key && p->count < S3_PAGE_ITEMS_MAX && item_room(p)) {
        p->items[p->count++] = g->item;
    } else if (g->item.key) {
        free(g->item.key);
        p->left_out++;
    }
    g->item = (struct s3_item){.key = NULL};
}

static void prefix_end(struct reading *g)
{
    g->item.is_prefix = true;
    item_end(g);
}

static void encoding_end(struct reading *g)
{
    g->is_url = strcmp(g->text, "url") == 0;
}

static void truncated_end(struct reading *g)
{
    g->page->is_truncated = strcmp(g->text, "true") == 0;
}

static void token_end(struct reading *g)
{
    (void)text_take(g->page->token, sizeof(g->page->token), g->text);
}

static void upload_end(struct reading *g)
{
    (void)text_take(g->page->upload_id, sizeof(g->page->upload_id), g->text);
}

static void result_tag_end(struct reading *g)
{
    (void)text_take(g->page->etag, sizeof(g->page->etag), g->text);
}

static void code_end(struct reading *g)
{
    (void)text_take(g->page->code, sizeof(g->page->code), g->text);
}

static const struct {
    const char *where;
    void (*end)(struct reading *g);
} elements[] = {
    {"/ListBucketResult/EncodingType", encoding_end},
    {"/ListBucketResult/IsTruncated", truncated_end},
    {"/ListBucketResult/NextContinuationToken", token_end},
    {"/ListBucketResult/Contents", item_end},
    {"/ListBucketResult/Contents/Key", key_end},
    {"/ListBucketResult/Contents/Size", size_end},
    {"/ListBucketResult/Contents/LastModified", time_end},
    {"/ListBucketResult/Contents/ETag", tag_end},
    {"/ListBucketResult/CommonPrefixes", prefix_end},
    {"/ListBucketResult/CommonPrefixes/Prefix", key_end},
    {"/ListAllMyBucketsResult/Buckets/Bucket", item_end},
    {"/ListAllMyBucketsResult/Buckets/Bucket/Name", key_end},
    {"/ListAllMyBucketsResult/Buckets/Bucket/CreationDate", time_end},
    {"/InitiateMultipartUploadResult/UploadId", upload_end},
    {"/CompleteMultipartUploadResult/ETag", result_tag_end},
    {"/CopyObjectResult/ETag", result_tag_end},
    {"/Error/Code", code_end},
};

static const struct {
    const char *name;
    enum s3_kind kind;
} roots[] = {
    {"ListBucketResult", S3_XML_LIST},
    {"ListAllMyBucketsResult", S3_XML_BUCKETS},
    {"Error", S3_XML_ERROR},
    {"InitiateMultipartUploadResult", S3_XML_UPLOAD},
    {"CompleteMultipartUploadResult", S3_XML_COMPLETE},
    {"CopyObjectResult", S3_XML_COPY},
};

/* ---- what expat tells ---- */

static void wrong(struct reading *g)
{
    g->is_wrong = true;
    XML_StopParser(g->parser, XML_FALSE);
}

static void root_begin(struct reading *g, const char *name)
{
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (strcmp(name, roots[i].name) == 0) {
            g->page->kind = roots[i].kind;
        }
    }
    if (g->page->kind == S3_XML_NONE) {
        wrong(g);
    }
}

static void element_begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct reading *g = arg;
    size_t have = strlen(g->where);
    size_t n = strlen(name);
    if (g->is_wrong || g->depth >= S3_XML_DEPTH_MAX || have + n + 2 > sizeof(g->where)) {
        wrong(g);
        return;
    }
    if (g->depth++ == 0) {
        root_begin(g, name);
    }
    g->where[have] = '/';
    memcpy(g->where + have + 1, name, n + 1);
    g->text_len = 0;
    g->is_text_long = false;
}

static void element_end(void *arg, const XML_Char *name)
{
    struct reading *g = arg;
    if (g->is_wrong) {
        return;
    }
    g->text[g->is_text_long ? 0 : g->text_len] = 0;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        if (strcmp(g->where, elements[i].where) == 0) {
            elements[i].end(g);
        }
    }
    g->where[strlen(g->where) - strlen(name) - 1] = 0;
    g->depth--;
    g->text_len = 0;
}

static void text_add(void *arg, const XML_Char *text, int len)
{
    struct reading *g = arg;
    if (g->is_wrong || (size_t)len >= sizeof(g->text) - g->text_len) {
        g->is_text_long = true;
        return;
    }
    memcpy(g->text + g->text_len, text, (size_t)len);
    g->text_len += (size_t)len;
}

static void doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                    int has_internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal;
    wrong(arg);
}

/* ---- a document ---- */

/* Keys are decoded at the end: what says that they are encoded may stand behind them. */
static void keys_decode(struct s3_page *p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (decode(p->items[i].key)) {
            p->items[count++] = p->items[i];
        } else {
            free(p->items[i].key);
            p->left_out++;
        }
    }
    p->count = count;
}

static void keys_check(struct s3_page *p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (strlen(p->items[i].key) < S3_KEY_MAX) {
            p->items[count++] = p->items[i];
        } else {
            free(p->items[i].key);
            p->left_out++;
        }
    }
    p->count = count;
}

struct s3_page *s3_page_parse(const void *text, size_t len)
{
    struct reading *g = calloc(1, sizeof(*g));
    struct s3_page *p = calloc(1, sizeof(*p));
    XML_Parser parser = XML_ParserCreate(NULL);
    if (!g || !p || !parser) {
        free(g);
        free(p);
        if (parser) {
            XML_ParserFree(parser);
        }
        return NULL;
    }
    g->parser = parser;
    g->page = p;
    XML_SetUserData(parser, g);
    XML_SetElementHandler(parser, element_begin, element_end);
    XML_SetCharacterDataHandler(parser, text_add);
    XML_SetStartDoctypeDeclHandler(parser, doctype);
    bool ok = len <= INT32_MAX && XML_Parse(parser, text, (int)len, XML_TRUE) == XML_STATUS_OK &&
              !g->is_wrong;
    XML_ParserFree(parser);
    if (!ok) {
        p->kind = S3_XML_NONE;
    }
    if (g->is_url) {
        keys_decode(p);
    }
    keys_check(p);
    free(g->item.key);
    free(g);
    return p;
}

void s3_page_free(struct s3_page *p)
{
    if (p) {
        for (uint32_t i = 0; i < p->count; i++) {
            free(p->items[i].key);
        }
        free(p->items);
        free(p);
    }
}
