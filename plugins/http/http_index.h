/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder's page says is in it. All of it comes from strangers: what does not name something
 * right below the folder is left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_NAME_MAX 1024u     /* bytes of a name, with its end */
#define HTTP_URL_MAX 8192u      /* bytes of a URL, with its end */
#define HTTP_ITEMS_MAX 1000000u /* of one page; what is beyond is left out */

struct http_place;
struct http_item {
    char *name;
    char *url; /* absolute; a folder's ends in a slash. "": a folder of the map without one */
    struct http_place *place; /* of a folder of the map; else NULL */
    bool is_folder;
    bool has_size;
    bool is_coarse; /* the time is told to the minute */
    uint64_t size;
    uint64_t time; /* FILETIME; 0: not told */
};

struct http_index {
    struct http_item *items;
    uint32_t count;
    uint32_t room;
    uint32_t left_out; /* beyond HTTP_ITEMS_MAX, or without memory */
};
void http_index_fini(struct http_index *x);

/* Can a file have it? UTF-8, and neither "." nor "..". */
bool http_name_is(const char *name);
bool http_is_unreserved(char c); /* [RFC 3986] 2.3 */
bool http_is_of_url(char c);     /* needs no encoding in a URL as it is written */
int http_hex(char c);            /* -1: it is no digit */
/* %-decoded, terminated. False: a byte 0, or too long. */
bool http_decode(const char *text, size_t len, char *to, size_t room);

/* Base: the absolute URL of the folder, with a slash at its end. False: it is not right below it,
 * or has no name that a file could have. On success out has copies of name and URL. */
bool http_item_of_href(const char *base, const char *href, struct http_item *out);
bool http_item_of_name(const char *base, const char *name, bool is_folder, struct http_item *out);
/* Takes what out has over, also when it fails. */
void http_index_add(struct http_index *x, struct http_item *item);
void http_item_fini(struct http_item *item);

/* A page as Apache, nginx, lighttpd and Python's http.server make them: its links, and the time and
 * size that stand behind them. text has text_len bytes, terminated or not. */
void http_html_parse(const char *base, const char *text, size_t text_len, struct http_index *x);
/* nginx's autoindex_format json, Caddy's, or a list of names. False: it is none of them. */
bool http_json_parse(const char *base, const char *text, size_t text_len, struct http_index *x);
