/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes of filters over a plugin, as the core has them, for the tests of filters. */
#pragma once

#include "vfs_fixture.h"

#include "vfs/core.h"

#define STACK_ARGS_MAX 8

struct stack_layer {
    const struct smbkit_plugin *plugin;
    const char *args[STACK_ARGS_MAX]; /* "key=value", up to a NULL */
    bool is_linked_in;
};

/* Of one layer's text; keys are kept there. */
static UNUSED uint32_t stack_args(const struct stack_layer *l, char keys[STACK_ARGS_MAX][64],
                                  struct smbkit_arg list[STACK_ARGS_MAX])
{
    uint32_t n = 0;
    for (; n < STACK_ARGS_MAX && l->args[n]; n++) {
        const char *eq = strchr(l->args[n], '=');
        snprintf(keys[n], 64, "%.*s", (int)(eq - l->args[n]), l->args[n]);
        list[n] = (struct smbkit_arg){keys[n], eq + 1};
    }
    return n;
}

/* The other volumes of filters: "mem:" alone. */
static UNUSED bool words_find(const struct vfs_plugins *p, const char *spec, struct vfs_found *out,
                              char *err, size_t err_size)
{
    (void)p;
    out->layer.plugin = smbkit_static_mem(&vfs_api);
    bool is_known = strcmp(spec, "mem:") == 0;
    if (!is_known) {
        snprintf(err, err_size, "%s: there is no such plugin", spec);
    }
    return is_known;
}

static UNUSED void words_drop(const struct vfs_plugins *p, struct vfs_found *found)
{
    (void)p;
    (void)found;
}

/* The filters, outermost first, and the plugin. services: what is lent, or NULL. false: err says
 * why. */
static UNUSED bool stack_try(struct fixture *f, const struct stack_layer *layers, uint32_t count,
                             const struct vfs_services *services, char err[256])
{
    static const uint32_t machine[3] = {1, 2, 3};
    const struct vfs_token_spec who = {.user = "anna",
                                       .domain = "WG",
                                       .client_address = "192.0.2.1",
                                       .rid = 1001,
                                       .session_id = 7,
                                       .client_id = 8,
                                       .machine_sid = machine};
    char keys[VFS_LAYERS_MAX][STACK_ARGS_MAX][64];
    struct smbkit_arg args[VFS_LAYERS_MAX][STACK_ARGS_MAX];
    struct vfs_layer_spec specs[VFS_LAYERS_MAX];
    *f = (struct fixture){0};
    for (uint32_t i = 0; i < count; i++) {
        specs[i] = (struct vfs_layer_spec){
            .plugin = layers[i].plugin, .args = args[i], .is_linked_in = layers[i].is_linked_in};
        specs[i].arg_count = stack_args(&layers[i], keys[i], args[i]);
    }
    static const struct vfs_plugins words = {.find = words_find, .drop = words_drop};
    const struct vfs_volume_spec spec = {.share_name = "test",
                                         .layers = specs,
                                         .layer_count = count,
                                         .plugins = &words,
                                         .services = services};
    f->token = vfs_token_new(&who);
    f->call = (struct vfs_call){.token = f->token};
    err[0] = '\0';
    if (!f->token || !SMBKIT_OK(vfs_volume_open(&spec, &f->v, err, 256))) {
        vfs_token_unref(f->token);
        return false;
    }
    return true;
}

static UNUSED bool stack_open(struct fixture *f, const struct stack_layer *layers, uint32_t count)
{
    char err[256];
    bool good = stack_try(f, layers, count, NULL, err);
    if (!good) {
        test_fail(__FILE__, __LINE__, "volume: %s", err);
    }
    return good;
}

/* Made behind the back of the core and of the filters: the plugin is asked itself. */
static UNUSED smbkit_status make_below(struct fixture *f, const char *path, uint32_t kind)
{
    const struct layer *l = &f->v->layers[f->v->layer_count - 1];
    const struct smbkit_identity who = {.user = "", .domain = "", .client_address = ""};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_CREATE,
                              .path = path,
                              .kind = kind,
                              .access = RW,
                              .attr = &attr};
    smbkit_status st = l->plugin->create(l->volume, &op, &a);
    if (SMBKIT_OK(st)) {
        l->plugin->close(l->volume, &op, a.file);
    }
    return st;
}

static UNUSED bool note_entry(void *arg, const struct vfs_dir_entry *e)
{
    char *names = arg;
    size_t len = strlen(names);
    if (e->name[0] != '.' || e->name[1] == 0 || (e->name[1] == '.' && e->name[2] == 0)) {
        bool is_dots = e->name[0] == '.';
        snprintf(names + len, 1024 - len, "%s%s", is_dots ? "" : e->name, is_dots ? "" : " ");
        return true;
    }
    snprintf(names + len, 1024 - len, "%s ", e->name);
    return true;
}

/* What a client sees in a folder, each name with a blank behind it. */
static UNUSED void list_names(struct fixture *f, const char *path, char names[1024])
{
    const struct vfs_dir_query q = {.pattern = "*", .entry = note_entry, .arg = names};
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    names[0] = 0;
    while (o && SMBKIT_OK(vfs_query_directory(&f->call, o, &q))) {
    }
    must_close(f, o);
}

/* A command to all layers; the answer stays good until the next. */
static UNUSED smbkit_status say(struct fixture *f, const char *command, const char **text_r)
{
    static uint8_t text[65536];
    struct smbkit_buffer b = {.base = text, .cap = sizeof(text)};
    const struct vfs_control how = {.command = command};
    smbkit_status st = vfs_volume_control(f->v, &how, &b);
    if (text_r) {
        *text_r = (const char *)text;
    }
    return st;
}

/* Arguments that are refused, and a word of why. */
struct bad_args {
    const char *args[3];
    const char *says; /* NULL: good */
};

static UNUSED void check_args(const struct smbkit_plugin *filter, const struct bad_args *rows,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        char err[256];
        const struct stack_layer layers[] = {
            {.plugin = filter, .args = {rows[i].args[0], rows[i].args[1], rows[i].args[2]}},
            {.plugin = smbkit_static_mem(&vfs_api)}};
        test_context("row %zu: %s", i, rows[i].args[0] ? rows[i].args[0] : "");
        bool good = stack_try(&f, layers, 2, NULL, err);
        CHECK_INT(good, rows[i].says == NULL);
        if (good) {
            fixture_close(&f);
        } else if (!rows[i].says || !strstr(err, rows[i].says)) {
            test_fail(__FILE__, __LINE__, "error is: %s", err);
        }
    }
}
