/* SPDX-License-Identifier: Apache-2.0 */
/* What S3 answers in XML: pages of a listing, errors, and what came of an upload or a copy. All of
 * it comes from strangers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web.h"

#define S3_KEY_MAX 1025u        /* bytes of a key, with its end: Amazon S3, "Object key names" */
#define S3_TOKEN_MAX 4096u      /* bytes of a continuation token or an upload's id, with its end */
#define S3_PAGE_ITEMS_MAX 1000u /* of a page: ListObjectsV2; what is beyond is left out */
#define S3_PAGE_BYTES_MAX (UINT64_C(8) << 20)
#define S3_XML_DEPTH_MAX 16u

struct s3_item {
    char *key;      /* decoded; of a prefix with the delimiter at its end; of a bucket its name */
    bool is_prefix; /* all that begins with it stands for it */
    uint64_t size;
    uint64_t time; /* FILETIME; 0: not told */
    char etag[WEB_TAG_MAX];
};

enum s3_kind {
    S3_XML_NONE, /* not well-formed, or something else */
    S3_XML_LIST,
    S3_XML_BUCKETS,
    S3_XML_ERROR,
    S3_XML_UPLOAD,   /* InitiateMultipartUploadResult */
    S3_XML_COMPLETE, /* CompleteMultipartUploadResult */
    S3_XML_COPY,
};

struct s3_page {
    enum s3_kind kind;
    struct s3_item *items;
    uint32_t count;
    uint32_t room;
    uint32_t left_out; /* too long, not decodable, beyond S3_PAGE_ITEMS_MAX, or without memory */
    bool is_truncated; /* another page follows */
    char token[S3_TOKEN_MAX];     /* NextContinuationToken */
    char upload_id[S3_TOKEN_MAX]; /* S3_XML_UPLOAD */
    char etag[WEB_TAG_MAX];       /* S3_XML_COMPLETE, S3_XML_COPY */
    char code[64];                /* S3_XML_ERROR */
};
/* NULL: no memory. It answers what was understood; nothing but kind is looked at where that is
 * NONE. */
struct s3_page *s3_page_parse(const void *text, size_t len);
void s3_page_free(struct s3_page *p); /* or NULL */

/* Is the page that follows the one that this is, which was asked for by token? NULL: the first. */
bool s3_page_loops(const struct s3_page *p, const char *token);

/* "2026-11-27T04:26:38.000Z" as a FILETIME; 0: it is none. */
uint64_t s3_time_parse(const char *text);
