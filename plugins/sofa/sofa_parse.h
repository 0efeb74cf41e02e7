/* SPDX-License-Identifier: Apache-2.0 */
/* What the database answers, as entries of folders. All of it comes from strangers: what has not
 * the shape that it should have is left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFA_DOCUMENTS_NAME "Documents"
#define SOFA_NAME_MAX 1024u /* bytes of a name, with its end */

enum sofa_kind {
    SOFA_SERVER,      /* folder of databases */
    SOFA_DATABASE,    /* folder of views */
    SOFA_DOCUMENTS,   /* folder of all documents */
    SOFA_VIEW,        /* folder whose name is a query, or that stands for a key */
    SOFA_ATTACHMENTS, /* folder of one document's attachments */
    SOFA_DOCUMENT,    /* file */
    SOFA_ATTACHMENT,  /* file */
};

struct sofa_item {
    enum sofa_kind kind;
    char *name;
    char *id;        /* of the document, or the database; NULL: none */
    char *tag;       /* its revision; an attachment's digest; NULL: none */
    char *detail;    /* the attachment's name; the key as JSON; NULL: none */
    char *path;      /* of a file on disk that is shown for the document, if it is there; or NULL */
    char *path_name; /* and its name then */
    uint64_t size;
};

struct sofa_items {
    struct sofa_item *all;
    uint32_t count;
    uint32_t room;
    uint32_t left_out; /* for want of memory, or because of their names */
};
void sofa_items_fini(struct sofa_items *x);
/* Takes what the item has over, also when it is left out. */
void sofa_items_add(struct sofa_items *x, struct sofa_item *item);

struct sofa_naming {
    bool is_documents; /* files are named by the documents' ids */
    const char *name_field;
    const char *path_field; /* NULL: nothing is on disk */
};
/* The rows of a view or of _all_docs, with the documents, are added to x. False: it is no such
 * answer. *rows_r: how many there were. */
bool sofa_rows_parse(const char *text, size_t len, const struct sofa_naming *how,
                     struct sofa_items *x, uint64_t *rows_r);
/* The rows of a view that is reduced: keys. */
bool sofa_keys_parse(const char *text, size_t len, struct sofa_items *x, uint64_t *rows_r);
/* _all_dbs. */
bool sofa_databases_parse(const char *text, size_t len, struct sofa_items *x);
/* The attachments of a document. */
bool sofa_attachments_parse(const char *text, size_t len, struct sofa_items *x);

/* A line of _changes. All of it malloc'd, or NULL. */
struct sofa_change {
    char *seq; /* for since=: opaque text */
    char *id;  /* NULL: the last line, which has a sequence alone */
    char *rev;
};
bool sofa_change_parse(const char *line, size_t len, struct sofa_change *out);
void sofa_change_fini(struct sofa_change *c);
/* A member of an answer that is a string or a number, as text, malloc'd; NULL: there is none. */
char *sofa_member_text(const char *text, size_t len, const char *name);
/* Is it JSON, and an object? *rev_r: its _rev, malloc'd, or NULL. */
bool sofa_document_check(const char *text, size_t len, char **rev_r);
