/* SPDX-License-Identifier: Apache-2.0 */
/* A folder's name as a query. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sofa_view {
    char *name;   /* of its folder: the view's, or "view (design)" where two have it */
    char *view;   /* NULL: all documents */
    char *design; /* without _design/ */
    bool is_reduced;
};

/* Immutable but for refs. */
struct sofa_views {
    uint32_t refs; /* atomic */
    uint32_t count;
    struct sofa_view *all; /* by their names */
};
/* Of what _all_docs with the documents says of a database's design documents. NULL: no memory, or
 * it is not that. */
struct sofa_views *sofa_views_parse(const char *text, size_t len);
struct sofa_views *sofa_views_ref(struct sofa_views *v);
void sofa_views_unref(struct sofa_views *v); /* or NULL */
const struct sofa_view *sofa_views_find(const struct sofa_views *v, const char *name, size_t len);
/* The view whose key a folder's name is that is no query: the named one, or else the first that is
 * reduced. NULL: none. */
const struct sofa_view *sofa_views_keys(const struct sofa_views *v, const char *name);

struct sofa_query {
    const struct sofa_view *view; /* NULL: the folder shows nothing */
    char *params;                 /* for a URL, "&key=4"; without limit and skip */
    uint64_t limit;
    uint64_t skip;
    bool is_grouped; /* it shows folders of keys */
};

enum sofa_meaning { SOFA_NOTHING, SOFA_QUERY, SOFA_WRONG, SOFA_NO_MEMORY };
/* keys: as of sofa_views_keys(). On SOFA_QUERY out is to be freed;
 * it borrows the views. */
enum sofa_meaning sofa_query_parse(const struct sofa_views *v, const char *keys, const char *name,
                                   struct sofa_query *out);
/* Of one key, a JSON text. False: no memory. */
bool sofa_query_of_key(const struct sofa_view *view, const char *key, struct sofa_query *out);
void sofa_query_fini(struct sofa_query *q);

/* Percent-encoded, malloc'd; NULL: no memory. */
char *sofa_escape(const char *text);
/* What a word stands for as JSON: itself, if it is that; [a,b] as a list of words; else a string.
 * malloc'd; NULL: no memory, or no UTF-8. */
char *sofa_word_json(const char *word, size_t len);
