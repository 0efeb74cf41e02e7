/* SPDX-License-Identifier: Apache-2.0 */
/* A file is copied into a folder that nobody sees, made durable, and then moved to its place: half
 * a copy is never seen, whenever the server stops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

static smbkit_status copy_one(struct overlay *o, struct smbkit_op *op, const struct where *w,
                              struct smbkit_overwrite *overwrite)
{
    static const struct smbkit_remove away = {.struct_size = sizeof(away)};
    char tmp[64];
    snprintf(tmp, sizeof(tmp), OVERLAY_TMP "/%llu", (unsigned long long)++o->tmp_count);
    struct side_copy c = {.from = &o->lower,
                          .to = &o->upper,
                          .from_path = w->path[0],
                          .to_path = tmp,
                          .without_data = overwrite != NULL};
    smbkit_status st = side_copy(op, &c);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct smbkit_rename how = {.struct_size = sizeof(how), .new_path = w->path[1]};
    st = overwrite ? smbkit_next_overwrite(o->upper.next, op, c.file, overwrite) : st;
    st = SMBKIT_OK(st) ? smbkit_next_rename(o->upper.next, op, c.file, &how) : st;
    if (!SMBKIT_OK(st)) {
        (void)smbkit_next_remove(o->upper.next, op, c.file, &away);
    }
    smbkit_next_close(o->upper.next, op, c.file);
    return st;
}

/* All that have it open see the copy from now on. */
static void publish(struct overlay *o, struct smbkit_op *op, const char *path, const char *upper)
{
    pthread_rwlock_wrlock(&o->lock);
    for (struct ofile *f = o->files; f; f = f->next) {
        const char *rest = letters_below(f->path, path, o->ignores_case);
        if (!rest || *rest || f->has_upper || f->is_gone) {
            continue;
        }
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_create a = {.struct_size = sizeof(a),
                                  .disposition = SMBKIT_OPEN,
                                  .path = upper,
                                  .stream = f->stream,
                                  .access = f->access,
                                  .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                                  .attr = &attr};
        f->lost = smbkit_next_create(o->upper.next, op, &a);
        f->has_upper = SMBKIT_OK(f->lost);
        f->upper = a.file;
    }
    o->generation++;
    pthread_rwlock_unlock(&o->lock);
}

smbkit_status overlay_copy_up(struct overlay *o, struct smbkit_op *op, const char *path,
                              struct smbkit_overwrite *overwrite)
{
    struct where w;
    smbkit_status st = overlay_find(o, op, path, &w);
    char *parent = side_parent(path);
    if (SMBKIT_OK(st) && !w.in_upper) {
        st = parent ? overlay_copy_up(o, op, parent, NULL) : SMBKIT_STATUS_NO_MEMORY;
        st = SMBKIT_OK(st) ? overlay_meta(o, op) : st;
        if (SMBKIT_OK(st)) { /* its folder is spelled as it is there by now */
            where_fini(&w);
            st = overlay_find(o, op, path, &w);
        }
        st = SMBKIT_OK(st) ? copy_one(o, op, &w, overwrite) : st;
        if (SMBKIT_OK(st)) {
            publish(o, op, path, w.path[1]);
        }
    }
    where_fini(&w);
    free(parent);
    return st;
}

smbkit_status overlay_copy_tree(struct overlay *o, struct smbkit_op *op, const char *path)
{
    struct ofile *f;
    struct names *n = NULL;
    smbkit_status st = overlay_copy_up(o, op, path, NULL);
    st = SMBKIT_OK(st) ? overlay_open_path(o, op, path, &f) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (f->is_folder) {
        st = overlay_names(o, op, f, false, &n);
    }
    overlay_close_file(o, op, f);
    for (uint32_t i = 0; n && i < n->count && SMBKIT_OK(st); i++) {
        char *below = side_join(path, n->list[i]);
        st = below ? overlay_copy_tree(o, op, below) : SMBKIT_STATUS_NO_MEMORY;
        st = SMBKIT_OK(st) && smbkit_op_is_cancelled(op) ? SMBKIT_STATUS_CANCELLED : st;
        free(below);
    }
    side_names_free(n);
    return st;
}
