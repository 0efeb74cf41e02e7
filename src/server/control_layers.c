/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control_layers.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/escape.h"
#include "server/control.h"
#include "server/control_reply.h"
#include "server/problems.h"
#include "server/server.h"
#include "smb/smb.h"

#define HELP_MAX (1u << 20) /* bytes of what all layers of a share say */

/* One command on its way. */
struct ask {
    struct vfs_volume *volume;
    const char *share;
    const char *command;
    const char *layer; /* NULL: any */
    uint32_t index;    /* of that layer */
    struct smbkit_buffer text;
};

static json_t *good(const char *text)
{
    json_t *out = json_pack("{s:b, s:s}", "ok", 1, "text", text);
    return out ? out : control_refusal("the answer is no UTF-8");
}

/* ---- help ---- */

static smbkit_status ask_one(struct ask *a, uint32_t index, const char *command, bool nowait)
{
    const struct vfs_control how = {
        .command = command, .layer = index, .only = true, .nowait = nowait};
    return vfs_volume_control(a->volume, &how, &a->text);
}

/* What the layers that understand anything understand, each line with the layer's name before it;
 * false: none does. */
static bool put_help(struct wr *w, struct ask *a)
{
    bool any = false;
    for (uint32_t i = 0; vfs_volume_layer_name(a->volume, i); i++) {
        if ((a->layer && a->index != i) || !SMBKIT_OK(ask_one(a, i, "help", false))) {
            continue;
        }
        any = true;
        wr_printf(w, "%s:\n", vfs_volume_layer_name(a->volume, i));
        for (const char *line = (const char *)a->text.base; *line;) {
            size_t len = 0;
            while (line[len] && line[len] != '\n') {
                len++;
            }
            wr_printf(w, "  %.*s\n", (int)len, line);
            line += len + (line[len] == '\n');
        }
    }
    wr_u8(w, 0);
    return any;
}

static json_t *nobody_knows(const struct ask *a)
{
    return a->layer
               ? control_refusal("\"%s\" of share \"%s\" understands no commands", a->layer,
                                 a->share)
               : control_refusal("share \"%s\": neither its plugin nor a filter of it understands "
                                 "commands",
                                 a->share);
}

static json_t *answer_help(struct ask *a)
{
    CLEANUP(wr_fini) struct wr w = wr_new(HELP_MAX);
    bool any = put_help(&w, a);
    if (!wr_ok(&w)) {
        return NULL;
    }
    return any ? good((const char *)w.base) : nobody_knows(a);
}

/* ---- commands ---- */

static json_t *answer_unknown(struct ask *a)
{
    CLEANUP(wr_fini) struct wr w = wr_new(HELP_MAX);
    bool any = put_help(&w, a);
    if (!wr_ok(&w)) {
        return NULL;
    }
    return any ? control_refusal("share \"%s\": unknown command \"%s\"; there is\n%s", a->share,
                                 a->command, (const char *)w.base)
               : nobody_knows(a);
}

static json_t *answer_command(struct ask *a)
{
    const struct vfs_control how = {
        .command = a->command, .layer = a->index, .only = a->layer != NULL};
    smbkit_status st = vfs_volume_control(a->volume, &how, &a->text);
    const char *text = (const char *)a->text.base;
    if (SMBKIT_OK(st)) {
        return good(text);
    }
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        return answer_unknown(a);
    }
    if (st == SMBKIT_STATUS_INVALID_PARAMETER && *text) {
        return control_refusal("%s", text);
    }
    if (st == SMBKIT_STATUS_BUFFER_TOO_SMALL) {
        return control_refusal("the answer is longer than %u bytes", CONTROL_TEXT_MAX);
    }
    return control_refusal("%s", smbkit_status_name(st));
}

static bool find_layer(struct ask *a)
{
    for (uint32_t i = 0; vfs_volume_layer_name(a->volume, i); i++) {
        if (str_eq(vfs_volume_layer_name(a->volume, i), a->layer)) {
            a->index = i;
            return true;
        }
    }
    return false;
}

static json_t *no_layer(const struct ask *a)
{
    CLEANUP(wr_fini) struct wr w = wr_new(HELP_MAX);
    for (uint32_t i = 0; vfs_volume_layer_name(a->volume, i); i++) {
        wr_printf(&w, "%s%s", i ? ", " : "", vfs_volume_layer_name(a->volume, i));
    }
    wr_u8(&w, 0);
    return control_refusal("share \"%s\" has no layer \"%s\"; it has %s", a->share, a->layer,
                           wr_ok(&w) ? (const char *)w.base : "others");
}

static json_t *answer_in(struct ask *a)
{
    if (a->layer && !find_layer(a)) {
        return no_layer(a);
    }
    return str_eq(a->command, "help") ? answer_help(a) : answer_command(a);
}

static bool text_init(struct smbkit_buffer *b)
{
    *b = (struct smbkit_buffer){.base = mem_alloc(CONTROL_TEXT_MAX), .cap = CONTROL_TEXT_MAX};
    return b->base != NULL;
}

json_t *control_layers_answer(struct server *s, const json_t *request)
{
    struct ask a = {.share = json_string_value(json_object_get(request, "share")),
                    .layer = json_string_value(json_object_get(request, "layer")),
                    .command = json_string_value(json_object_get(request, "text"))};
    if (!a.share || !a.command || !a.command[0]) {
        return control_refusal("the request names no \"share\", or no \"text\" for it");
    }
    a.volume = smb_server_volume_get(server_smb_get(s), a.share);
    if (!a.volume) {
        return control_refusal("there is no share \"%s\"", a.share);
    }
    json_t *out = text_init(&a.text) ? answer_in(&a) : NULL;
    mem_free(a.text.base);
    vfs_volume_unref(a.volume);
    return out;
}

/* ---- the status ---- */

struct share_name {
    struct list link;
    char *name;
};

static void note_share(void *arg, const char *name, uint32_t trees)
{
    struct share_name *n = mem_zalloc(sizeof(*n));
    (void)trees;
    if (n) {
        n->name = str_dup(name);
        list_push_back(arg, &n->link);
    }
}

static void add_layer(json_t *list, struct ask *a, uint32_t i)
{
    const char *text = (const char *)a->text.base;
    if (!SMBKIT_OK(ask_one(a, i, "status", true))) {
        return;
    }
    json_t *o = json_pack("{s:s, s:s, s:s}", "share", a->share, "layer",
                          vfs_volume_layer_name(a->volume, i), "text", text);
    if (o && SMBKIT_OK(ask_one(a, i, "status json", true))) {
        json_t *data = json_loads(text, 0, NULL);
        if (data) {
            json_object_set_new(o, "data", data);
        }
    }
    json_array_append_new(list, o);
}

static void add_share(json_t *list, struct ask *a)
{
    for (uint32_t i = 0; vfs_volume_layer_name(a->volume, i); i++) {
        add_layer(list, a, i);
    }
}

json_t *control_layers_status(struct server *s)
{
    struct list names;
    struct ask a = {0};
    json_t *list = json_array();
    bool has_room = text_init(&a.text);
    list_init(&names);
    smb_server_shares_each(server_smb_get(s), note_share, &names);
    LIST_FOR_EACH_SAFE (l, &names) {
        struct share_name *n = LIST_ENTRY(l, struct share_name, link);
        a.share = n->name;
        a.volume = n->name ? smb_server_volume_get(server_smb_get(s), n->name) : NULL;
        if (a.volume && list && has_room) {
            add_share(list, &a);
        }
        vfs_volume_unref(a.volume);
        list_remove(&n->link);
        mem_free(n->name);
        mem_free(n);
    }
    mem_free(a.text.base);
    return list;
}

/* ---- for clients ---- */

char *control_layers_request(const char *share, const char *layer, const char *text)
{
    json_t *o = json_pack("{s:s, s:s, s:s}", "command", "control", "share", share, "text", text);
    if (o && layer) {
        json_object_set_new(o, "layer", json_string(layer));
    }
    return control_line(o);
}

char *control_layers_text(const char *answer, char **err_r)
{
    json_t *root = control_answer_read(answer, err_r);
    const char *text = json_string_value(json_object_get(root, "text"));
    char *out = text ? str_dup(text) : NULL;
    if (root && !out) {
        *err_r = str_dup("the answer is not one to a command");
    }
    json_decref(root);
    return out;
}
