/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the administrator to the layers of a volume. */
#include "vfs/core.h"

const char *vfs_volume_layer_name(const struct vfs_volume *v, uint32_t layer)
{
    return layer < v->layer_count ? v->layers[layer].plugin->name : NULL;
}

smbkit_status vfs_volume_control(struct vfs_volume *v, const struct vfs_control *how,
                                 struct smbkit_buffer *text)
{
    const struct vfs_call call = {.token = v->token, .nowait = how->nowait};
    struct smbkit_control a = {.struct_size = sizeof(a), .command = how->command, .text = *text};
    struct layer *l = &v->layers[how->layer];
    ASSERT(how->layer < v->layer_count && text->cap > 0);
    text->len = 0;
    text->base[0] = '\0';
    a.text.len = 0;
    if (how->only && !op_row_has(&op_rows[SMBKIT_OP_control], l->plugin)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct op *op = op_new(&v->ops, &call);
    if (!op) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    op->stays = how->only;
    op->pub.flags |= how->nowait ? SMBKIT_OP_SYNC : 0; /* there is nobody to await it */
    smbkit_status st = layer_call(l, SMBKIT_OP_control, &op->pub, NULL, &a);
    if (st == SMBKIT_STATUS_PENDING) {
        st = op_await(op);
        st = layer_answer_check(op, st);
    }
    op_put(op);
    text->len = a.text.len < text->cap ? a.text.len : text->cap;
    text->base[text->len > 0 ? text->len - 1 : 0] = '\0'; /* whatever the layer says */
    return st;
}
