/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an answer of a database, or as a folder's name. The first byte tells which. What is
 * taken over has a name and, if it is a file, a document; a name that is a query makes a URL's
 * parameters without a character that ends them. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/sofa/sofa_json.h"
#include "../../plugins/sofa/sofa_parse.h"
#include "../../plugins/sofa/sofa_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void items_check(struct sofa_items *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        const struct sofa_item *item = &x->all[i];
        bool is_file = item->kind == SOFA_DOCUMENT || item->kind == SOFA_ATTACHMENT;
        must(item->name && item->name[0] && strcmp(item->name, "..") != 0);
        must(!is_file || (item->id && item->tag));
        must(item->kind != SOFA_ATTACHMENT || item->detail);
    }
    sofa_items_fini(x);
}

static void rows(const char *text, size_t size, uint8_t how)
{
    struct sofa_items x = {NULL, 0, 0, 0};
    const struct sofa_naming naming = {
        .is_documents = how & 1, .name_field = "Name", .path_field = how & 2 ? "Path" : NULL};
    uint64_t count;
    (void)(how & 4 ? sofa_keys_parse(text, size, &x, &count)
                   : sofa_rows_parse(text, size, &naming, &x, &count));
    items_check(&x);
}

/* What jansson takes is the same to it with line breaks, and is not much longer. */
static void pretty(const char *text, size_t size)
{
    char *rev;
    size_t len;
    size_t again_len;
    if (!sofa_document_check(text, size, &rev)) {
        return;
    }
    free(rev);
    char *once = sofa_json_pretty((struct json_span){text, size}, &len);
    must(once && strlen(once) == len && len <= 20 * size + 2);
    json_t *a = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, NULL);
    json_t *b = json_loadb(once, len, JSON_DECODE_INT_AS_REAL, NULL);
    must(a && b && json_equal(a, b));
    json_decref(a);
    json_decref(b);
    char *twice = sofa_json_pretty((struct json_span){once, len}, &again_len);
    must(twice && strcmp(once, twice) == 0);
    free(once);
    free(twice);
}

static void query(const char *name)
{
    static const char designs[] =
        "{\"rows\":[{\"doc\":{\"_id\":\"_design/m\",\"views\":{\"T\":{\"map\":\"x\"},"
        "\"A\":{\"map\":\"x\",\"reduce\":\"_count\"}}}}]}";
    struct sofa_views *v = sofa_views_parse(designs, sizeof(designs) - 1);
    struct sofa_query q;
    must(v != NULL);
    if (sofa_query_parse(v, NULL, name, &q) == SOFA_QUERY) {
        must(q.view && !strpbrk(q.params, " #?/\"[]{}\\<>") &&
             (!q.params[0] || q.params[0] == '&'));
        sofa_query_fini(&q);
    }
    sofa_views_unref(v);
}

static void change(const char *text, size_t size)
{
    struct sofa_change c;
    if (sofa_change_parse(text, size, &c)) {
        must(c.seq != NULL);
    }
    sofa_change_fini(&c);
}

static void others(const char *text, size_t size, uint8_t which)
{
    struct sofa_items x = {NULL, 0, 0, 0};
    if (which & 1) {
        (void)sofa_databases_parse(text, size, &x);
    } else {
        (void)sofa_attachments_parse(text, size, &x);
    }
    items_check(&x);
    sofa_views_unref(sofa_views_parse(text, size));
    free(sofa_member_text(text, size, "update_seq"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t len = size - 1;
    char *text = malloc(len + 1);
    char *exact = malloc(len ? len : 1); /* what is behind it is not to be read */
    must(text && exact);
    memcpy(text, data + 1, len);
    memcpy(exact, data + 1, len);
    text[len] = 0;
    switch (data[0] % 5) {
    case 0:
        rows(exact, len, data[0] / 5);
        break;
    case 1:
        pretty(exact, len);
        break;
    case 2:
        query(text);
        break;
    case 3:
        change(exact, len);
        break;
    default:
        others(exact, len, data[0] / 5);
    }
    free(text);
    free(exact);
    return 0;
}
