/* SPDX-License-Identifier: Apache-2.0 */
/* The views that the design documents of a database have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sofa_json.h"
#include "sofa_parse.h"
#include "sofa_query.h"

#define VIEWS_MAX 1000u /* of a database; others are left out */

struct sofa_views *sofa_views_ref(struct sofa_views *v)
{
    __atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return v;
}

void sofa_views_unref(struct sofa_views *v)
{
    /* What others did with it is over before it is freed. */
    if (!v || __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    for (uint32_t i = 0; i < v->count; i++) {
        free(v->all[i].name);
        free(v->all[i].view);
        free(v->all[i].design);
    }
    free(v->all);
    free(v);
}

/* In any letters of ASCII, as clients write names. */
const struct sofa_view *sofa_views_find(const struct sofa_views *v, const char *name, size_t len)
{
    for (uint32_t i = 0; i < v->count; i++) {
        if (strlen(v->all[i].name) == len && strncasecmp(v->all[i].name, name, len) == 0) {
            return &v->all[i];
        }
    }
    return NULL;
}

const struct sofa_view *sofa_views_keys(const struct sofa_views *v, const char *name)
{
    if (name) {
        return sofa_views_find(v, name, strlen(name));
    }
    for (uint32_t i = 0; i < v->count; i++) {
        if (v->all[i].is_reduced) {
            return &v->all[i];
        }
    }
    return NULL;
}

/* ---- out of design documents ---- */

static bool add(struct sofa_views *v, const char *design, const char *view, bool is_reduced)
{
    struct sofa_view *all = realloc(v->all, (v->count + 1) * sizeof(*all));
    if (!all) {
        return false;
    }
    v->all = all;
    bool is_taken = sofa_views_find(v, view, strlen(view)) != NULL;
    struct sofa_view *new = &all[v->count++];
    size_t room = strlen(view) + strlen(design ? design : "") + 4;
    *new = (struct sofa_view){
        .name = malloc(room), .is_reduced = is_reduced, .design = design ? strdup(design) : NULL};
    new->view = design ? strdup(view) : NULL;
    if (!new->name || (design && (!new->design || !new->view))) {
        return false;
    }
    snprintf(new->name, room, is_taken ? "%s (%s)" : "%s", view, design);
    return true;
}

static bool design_take(struct sofa_views *v, const json_t *doc)
{
    const char *id = json_string_value(json_object_get(doc, "_id"));
    const json_t *views = json_object_get(doc, "views");
    const char *name;
    json_t *view;
    bool ok = true;
    if (!id || strncmp(id, "_design/", 8) != 0) {
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)views, name, view)
    {
        /* "lib" is code that the others share. */
        if (ok && name[0] && v->count < VIEWS_MAX && json_object_get(view, "map")) {
            ok = add(v, id + 8, name, json_object_get(view, "reduce") != NULL);
        }
    }
    return ok;
}

static int by_name(const void *a, const void *b)
{
    const struct sofa_view *x = a;
    const struct sofa_view *y = b;
    return strcmp(x->name, y->name);
}

struct sofa_views *sofa_views_parse(const char *text, size_t len)
{
    struct sofa_views *v = calloc(1, sizeof(*v));
    json_t *all = sofa_decode(text, len, JSON_DECODE_INT_AS_REAL);
    const json_t *rows = json_object_get(all, "rows");
    bool ok = v && json_is_array(rows);
    if (v) {
        v->refs = 1;
    }
    ok = ok && add(v, NULL, SOFA_DOCUMENTS_NAME, false);
    for (size_t i = 0; ok && i < json_array_size(rows); i++) {
        ok = design_take(v, json_object_get(json_array_get(rows, i), "doc"));
    }
    json_decref(all);
    if (!ok) {
        sofa_views_unref(v);
        return NULL;
    }
    qsort(v->all, v->count, sizeof(v->all[0]), by_name);
    return v;
}
