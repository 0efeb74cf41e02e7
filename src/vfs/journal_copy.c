/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/journal_copy.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

#define ALIGN_UP(n) (((n) + 15u) & ~(size_t)15u)

/* Arrays that the plugin fills: their member is the pointer, and their count and room stand in the
 * struct that it is in. */
static const struct smbkit_ranges *ranges_of(const void *member)
{
    return CONTAINER_OF((const char *)member, const struct smbkit_ranges, out);
}

static const struct smbkit_snapshots *snapshots_of(const void *member)
{
    return CONTAINER_OF((const char *)member, const struct smbkit_snapshots, times);
}

/* The bytes behind a pointer member, and the struct that holds it where it is one of its own. */
static size_t pointed_size(uint16_t kind, const void *member)
{
    const struct smbkit_buffer *const *buffer = member;
    switch (kind) {
    case OP_PTR_STRING: {
        const char *s = *(const char *const *)member;
        return s ? str_len(s) + 1 : 0;
    }
    case OP_PTR_BYTES:
        return ((const struct smbkit_bytes *)member)->len;
    case OP_PTR_BUFFER:
        return ((const struct smbkit_buffer *)member)->cap;
    case OP_PTR_BUFFER_PTR:
        return *buffer ? ALIGN_UP(sizeof(**buffer)) + (*buffer)->cap : 0;
    case OP_PTR_ATTR:
        return sizeof(struct smbkit_attr);
    case OP_PTR_RANGES:
        return ranges_of(member)->room * sizeof(struct smbkit_range);
    case OP_PTR_TIMES:
        return snapshots_of(member)->room * sizeof(uint64_t);
    default:
        return 0;
    }
}

size_t args_copy_size(const struct op_row *row, const void *args)
{
    size_t size = ALIGN_UP(row->size);
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        size += ALIGN_UP(pointed_size(p->kind, (const char *)args + p->offset));
    }
    return size;
}

/* Make the copy's member point to room, with what stands there now. */
static void pointed_copy(uint16_t kind, void *member, char *room)
{
    struct smbkit_bytes *bytes = member;
    struct smbkit_buffer *buffer = member;
    const char **string = member;
    struct smbkit_buffer **buffer_ptr = member;
    struct smbkit_attr **attr = member;
    switch (kind) {
    case OP_PTR_STRING:
        if (*string) {
            mem_copy(room, *string, str_len(*string) + 1);
            *string = room;
        }
        break;
    case OP_PTR_BYTES:
        if (bytes->len > 0) {
            mem_copy(room, bytes->base, bytes->len);
            bytes->base = (const uint8_t *)room;
        }
        break;
    case OP_PTR_BUFFER:
        buffer->base = (uint8_t *)room;
        break;
    case OP_PTR_BUFFER_PTR:
        if (*buffer_ptr) {
            mem_copy(room, *buffer_ptr, sizeof(**buffer_ptr));
            *buffer_ptr = (struct smbkit_buffer *)(void *)room;
            (*buffer_ptr)->base = (uint8_t *)room + ALIGN_UP(sizeof(**buffer_ptr));
        }
        break;
    case OP_PTR_ATTR:
        mem_copy(room, *attr, sizeof(**attr));
        *attr = (struct smbkit_attr *)(void *)room;
        break;
    case OP_PTR_RANGES:
    case OP_PTR_TIMES:
        *(void **)member = room;
        break;
    default:
        break;
    }
}

void args_copy(const struct op_row *row, void *to, const void *args)
{
    char *room = (char *)to + ALIGN_UP(row->size);
    mem_copy(to, args, row->size);
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        size_t size = pointed_size(p->kind, (const char *)args + p->offset);
        pointed_copy(p->kind, (char *)to + p->offset, room);
        room += ALIGN_UP(size);
    }
}

static void buffer_give_back(const struct smbkit_buffer *from, struct smbkit_buffer *to)
{
    to->len = from->len;
    mem_copy(to->base, from->base, MIN(from->len, to->cap));
}

/* own: the caller's member as it was before the answer was copied over it. */
static void pointed_give_back(uint16_t kind, const void *from, const void *own, void *member)
{
    const struct smbkit_buffer *const *from_ptr = from;
    struct smbkit_buffer *const *own_ptr = own;
    struct smbkit_buffer buffer;
    switch (kind) {
    case OP_PTR_BYTES:
        mem_copy(member, own, sizeof(struct smbkit_bytes));
        break;
    case OP_PTR_BUFFER:
        mem_copy(&buffer, own, sizeof(buffer));
        buffer_give_back(from, &buffer);
        mem_copy(member, &buffer, sizeof(buffer));
        break;
    case OP_PTR_BUFFER_PTR:
        mem_copy(member, own, sizeof(void *));
        if (*own_ptr) {
            buffer_give_back(*from_ptr, *own_ptr);
        }
        break;
    case OP_PTR_ATTR:
        mem_copy(member, own, sizeof(void *));
        **(struct smbkit_attr *const *)own = **(struct smbkit_attr *const *)from;
        break;
    case OP_PTR_RANGES:
        mem_copy(member, own, sizeof(void *));
        mem_copy(*(void **)member, ranges_of(from)->out,
                 MIN(ranges_of(from)->count, ranges_of(from)->room) * sizeof(struct smbkit_range));
        break;
    case OP_PTR_TIMES:
        mem_copy(member, own, sizeof(void *));
        mem_copy(*(void **)member, snapshots_of(from)->times,
                 MIN(snapshots_of(from)->count, snapshots_of(from)->room) * sizeof(uint64_t));
        break;
    default:
        mem_copy(member, own, sizeof(void *)); /* STRING, FILE */
        break;
    }
}

/* The largest struct of the table. */
union args_any {
#define ARGS_MEMBER(kind, name, type) type name;
    SMBKIT_OPERATIONS(ARGS_MEMBER)
#undef ARGS_MEMBER
};

void args_give_back(const struct op_row *row, const void *from, void *args)
{
    union args_any own;
    mem_copy(&own, args, row->size);
    mem_copy(args, from, row->size);
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        pointed_give_back(p->kind, (const char *)from + p->offset, (const char *)&own + p->offset,
                          (char *)args + p->offset);
    }
}

uint64_t args_key(uint32_t id, const struct op_row *row, const void *args)
{
    uint64_t key = id;
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        const void *member = (const char *)args + p->offset;
        const char *s = p->kind == OP_PTR_STRING ? *(const char *const *)member : NULL;
        if (s) {
            key = hash_bytes(key, s, str_len(s));
        } else if (p->kind == OP_PTR_BYTES) {
            key = hash_u64(key, ((const struct smbkit_bytes *)member)->len);
        }
    }
    return key;
}
