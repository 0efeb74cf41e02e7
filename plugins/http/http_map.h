/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates: which path is asked for by which URL. The table is the user's; names and lists
 * come from strangers, and what they put in for a parameter stays within its place in the URL. */
#pragma once

#include "http_index.h"

#define HTTP_MAP_BYTES_MAX (1u << 20)
#define HTTP_MAP_PARTS_MAX 10000u /* names of all paths */
#define HTTP_MAP_DEPTH_MAX 32u    /* of a path */
#define HTTP_MAP_VALUES_MAX 8u    /* parameters of a path */
#define HTTP_MAP_PARAM_MAX 32u    /* bytes of a parameter's name, with its end */

/* What a list tells of each of its entries. Fields are names with dots between them; "." is the
 * entry itself. */
struct http_map_field {
    struct http_map_field *next;
    char param[HTTP_MAP_PARAM_MAX];
    char *field;
};

/* One name of a path: before, a value, after; or before alone. Immutable once the table is read. */
struct http_map_part {
    struct http_map_part *next;
    struct http_map_part *first; /* what is in the folder */
    struct http_map_part *last;
    struct http_map_part *outer; /* NULL: the root */
    char *before;
    char *after;
    char param[HTTP_MAP_PARAM_MAX]; /* "": it has none */
    uint32_t value_count;           /* of the path up to here */
    uint32_t line;                  /* that named it first */
    uint32_t url_line;              /* that says what it is; 0: none does */
    bool is_folder;
    char *url; /* or NULL; "{0}" stands for the first value of the path */
    /* A folder's list. */
    char *in; /* the field that has it; NULL: it is the answer itself */
    char *size;
    char *time;
    struct http_map_field *fields;
};

struct http_map;
/* text: terminated, text_len bytes without that. NULL, with a line for the user at error: the table
 * is wrong, or there is no memory. */
struct http_map *http_map_parse(const char *text, size_t text_len, char *error, size_t error_size);
struct http_map *http_map_read(const char *path, char *error, size_t error_size);
void http_map_free(struct http_map *map); /* or NULL */
const struct http_map_part *http_map_root(const struct http_map *map);

/* The template of a URL, with a number for each parameter of the path that ends with part. NULL:
 * why is what to tell the user. */
char *http_map_url_parse(const struct http_map_part *part, const char *text, char *why,
                         size_t why_size);

/* ---- values ---- */

/* A folder, and the values of its path. */
struct http_place {
    const struct http_map_part *part;
    uint32_t count;
    char *values[]; /* owned */
};
/* outer, and value if part has one. NULL: no memory. */
struct http_place *http_place_new(const struct http_map_part *part, const struct http_place *outer,
                                  const char *value);
void http_place_free(struct http_place *p); /* or NULL */

/* What in the folder has that name: the one with the most letters of its own, of two such the upper
 * one; *value_r is malloc'd. NULL: none, or no memory. */
const struct http_map_part *http_map_find(const struct http_map_part *folder, const char *name,
                                          char **value_r);
/* Its URL, with the values of p; template NULL: "". NULL: a value would leave its place, or no
 * memory. base: an absolute URL with a slash at its end. */
char *http_map_url(const char *base, const char *template, const struct http_place *p);
/* The item that part is in the folder outer; value NULL: it has none. False: it
 * cannot be a name, or as above. */
bool http_map_item(const struct http_place *outer, const struct http_map_part *part,
                   const char *value, const char *base, struct http_item *out);
/* Those of the folder's parts that have no value. */
void http_map_fixed(const struct http_place *folder, const char *base, struct http_index *x);
/* Those that its list tells of. False: it is none. */
bool http_map_list(const struct http_place *folder, const char *base, const char *text,
                   size_t text_len, struct http_index *x);
