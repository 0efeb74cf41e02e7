/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a head node. A link that is in no list points to itself
 * (after list_init) so that list_remove is harmless twice. */
#pragma once

#include "base/base.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list *pos, struct list *l)
{
    l->next = pos;
    l->prev = pos->prev;
    pos->prev->next = l;
    pos->prev = l;
}

static inline void list_push_back(struct list *head, struct list *l)
{
    list_insert_before(head, l);
}

static inline void list_push_front(struct list *head, struct list *l)
{
    list_insert_before(head->next, l);
}

static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

/* The first link, taken out; NULL when empty. */
static inline struct list *list_pop_front(struct list *head)
{
    if (list_is_empty(head)) {
        return NULL;
    }
    struct list *l = head->next;
    list_remove(l);
    return l;
}

/* Append everything of src to dst; src is empty afterwards. */
static inline void list_splice_back(struct list *dst, struct list *src)
{
    if (list_is_empty(src)) {
        return;
    }
    src->next->prev = dst->prev;
    dst->prev->next = src->next;
    src->prev->next = dst;
    dst->prev = src->prev;
    list_init(src);
}

#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)
#define LIST_FOR_EACH(l, head) for (struct list *l = (head)->next; l != (head); l = l->next)
/* The current link may be removed in the body. */
#define LIST_FOR_EACH_SAFE(l, head)                                                                \
    for (struct list *l = (head)->next, *l##_next = l->next; l != (head);                          \
         l = l##_next, l##_next = l->next)
