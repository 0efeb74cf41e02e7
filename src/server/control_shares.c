/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control_shares.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "server/config.h"
#include "server/control_reply.h"
#include "server/server.h"
#include "server/shares.h"

#define LIST_TEXT_MAX (1u << 20) /* bytes of a list as text */

/* ---- changes ---- */

static const char *const handles_words[] = {
    [SHARES_CLOSE] = "close", [SHARES_MOVE] = "move", [SHARES_REFUSE] = "refuse"};

/* out: what it is if nothing is said. */
static bool take_handles(const json_t *request, enum shares_handles *out)
{
    const json_t *o = json_object_get(request, "handles");
    const char *word = o ? json_string_value(o) : handles_words[*out];
    for (size_t i = 0; word && i < ARRAY_LEN(handles_words); i++) {
        if (str_eq(word, handles_words[i])) {
            *out = (enum shares_handles)i;
            return true;
        }
    }
    return false;
}

static bool take_settings(const json_t *request, struct config *c, char err[256])
{
    const json_t *list = json_object_get(request, "settings");
    struct config_share *share = &c->shares[0];
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *setting = json_string_value(json_array_get(list, i));
        if (!config_share_setting(c, share, setting ? setting : "", err)) {
            return false;
        }
    }
    return true;
}

/* NULL: err. As "serve" makes one: writable, unless a setting says otherwise. */
static struct config *take_share(const json_t *request, char err[256])
{
    const char *spec = json_string_value(json_object_get(request, "share"));
    struct config *c = config_new();
    str_copy(err, 256, !c ? "out of memory" : "the request names no \"share\"");
    if (c && spec && config_share_parse(c, spec, err) && take_settings(request, c, err)) {
        return c;
    }
    config_free(c);
    return NULL;
}

static json_t *done(const char *name, const struct smb_moved *moved)
{
    return json_pack("{s:b, s:s, s:I, s:I}", "ok", 1, "name", name, "moved",
                     (json_int_t)moved->moved, "closed", (json_int_t)moved->closed);
}

static json_t *refused(const char *name, const char *why)
{
    return control_refusal("share \"%s\": %s", name, why);
}

json_t *control_share_change(struct server *s, const json_t *request, bool replaces)
{
    char err[SHARES_ERR_SIZE];
    struct shares_change how = {.replaces = replaces, .handles = SHARES_MOVE};
    if (!take_handles(request, &how.handles)) {
        return control_refusal("\"handles\" is move, close or refuse");
    }
    CLEANUP(config_free) struct config *c = take_share(request, err);
    if (!c) {
        return control_refusal("%s", err);
    }
    how.config = c;
    const char *name = c->shares[0].name;
    return shares_change(server_shares_get(s), &how, err) ? done(name, &how.moved)
                                                          : refused(name, err);
}

json_t *control_share_remove(struct server *s, const json_t *request)
{
    char err[SHARES_ERR_SIZE];
    enum shares_handles handles = SHARES_CLOSE;
    const char *name = json_string_value(json_object_get(request, "share"));
    if (!name) {
        return control_refusal("the request names no \"share\"");
    }
    if (!take_handles(request, &handles) || handles == SHARES_MOVE) {
        return control_refusal("\"handles\" is close or refuse");
    }
    return shares_remove(server_shares_get(s), name, handles, err)
               ? json_pack("{s:b, s:s}", "ok", 1, "name", name)
               : refused(name, err);
}

/* ---- the list ---- */

static void add_share(void *arg, const struct shares_info *i)
{
    json_t *layers = json_array();
    for (uint32_t n = 0; vfs_volume_layer_name(i->volume, n); n++) {
        json_array_append_new(layers, json_string(vfs_volume_layer_name(i->volume, n)));
    }
    json_array_append_new(arg,
                          json_pack("{s:s, s:o, s:b, s:I, s:b}", "name", i->name, "layers", layers,
                                    "read_only", vfs_volume_is_read_only(i->volume), "opens",
                                    (json_int_t)i->opens, "by_command", i->by_command));
}

json_t *control_share_list(struct server *s)
{
    json_t *list = json_array();
    shares_each(server_shares_get(s), add_share, list);
    return json_pack("{s:b, s:o}", "ok", 1, "shares", list);
}

/* ---- for clients ---- */

char *control_share_request(const struct control_share_words *w)
{
    json_t *o = json_pack("{s:s}", "command", w->command);
    bool ok = o && (!w->share || json_object_set_new(o, "share", json_string(w->share)) == 0) &&
              (!w->handles || json_object_set_new(o, "handles", json_string(w->handles)) == 0);
    json_t *settings = ok && w->setting_count > 0 ? json_array() : NULL;
    for (unsigned i = 0; ok && i < w->setting_count; i++) {
        ok = json_array_append_new(settings, json_string(w->settings[i])) == 0;
    }
    ok = ok && (!settings || json_object_set(o, "settings", settings) == 0);
    json_decref(settings);
    if (!ok) {
        json_decref(o);
        return NULL;
    }
    return control_line(o);
}

static void put_share(struct wr *w, const json_t *o)
{
    const json_t *layers = json_object_get(o, "layers");
    const char *name = json_string_value(json_object_get(o, "name"));
    wr_escaped(w, name ? name : "");
    wr_printf(w, "  ");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const char *layer = json_string_value(json_array_get(layers, i));
        wr_printf(w, "%s%s", i ? " over " : "", layer ? layer : "?");
    }
    wr_printf(w, "%s  %lld open%s\n",
              json_is_true(json_object_get(o, "read_only")) ? "  read-only" : "",
              (long long)json_integer_value(json_object_get(o, "opens")),
              json_is_true(json_object_get(o, "by_command")) ? "  by command" : "");
}

char *control_share_list_text(const char *answer, char **err_r)
{
    json_t *root = control_answer_read(answer, err_r);
    if (!root) {
        return NULL;
    }
    const json_t *list = json_object_get(root, "shares");
    CLEANUP(wr_fini) struct wr w = wr_new(LIST_TEXT_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        put_share(&w, json_array_get(list, i));
    }
    wr_u8(&w, 0);
    json_decref(root);
    size_t len;
    return (char *)wr_take(&w, &len);
}
