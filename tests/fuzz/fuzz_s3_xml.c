/* SPDX-License-Identifier: Apache-2.0 */
/* What a store answers in XML: whatever it says, keys are strings within their bound, and what is
 * counted is there. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/s3/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct s3_page *p = s3_page_parse(data, size);
    if (!p) {
        return 0;
    }
    must(p->count <= S3_PAGE_ITEMS_MAX && p->count <= p->room);
    for (uint32_t i = 0; i < p->count; i++) {
        must(strlen(p->items[i].key) < S3_KEY_MAX && strlen(p->items[i].etag) < WEB_TAG_MAX);
    }
    must(strlen(p->token) < S3_TOKEN_MAX && strlen(p->upload_id) < S3_TOKEN_MAX);
    s3_page_free(p);
    return 0;
}
